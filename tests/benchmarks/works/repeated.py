"""Something small again and again, by every client at every server. DCMTK's client is its library."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench import Bench, Cell, Figure, Work
from clients import Figures, library_client, python_client
from servers import BUILT_IN, DCMTK, DCMTK_LIBRARY, ORTHANC, OURS, PYNETDICOM, Setting, running


def repeated(name: str, title: str, *, counts: tuple[int, int], slow: tuple[int, int]) -> Work:
    """Return the work.

    Args:
        name: Its own, and what the clients call what they do.
        title: Of its table.
        counts: How often, and how often with `--quick`.
        slow: The same where pynetdicom is an end.
    """

    def cells(bench: Bench) -> Iterator[Cell]:
        servers = [kind for kind in (OURS, BUILT_IN, DCMTK, ORTHANC, PYNETDICOM) if bench.has(kind)]
        for client in (OURS, DCMTK, PYNETDICOM):
            if client == DCMTK and not bench.has(DCMTK_LIBRARY):
                continue
            for server in servers:
                count = bench.few(*(slow if PYNETDICOM in (client, server) else counts))
                yield Cell(client, server, "", partial(run, bench, name, client, server, count))

    return Work(
        name,
        title,
        (
            Figure("rate", "/s"),
            Figure("client_us", "us CPU client", 0, False),
            Figure("server_us", "us CPU server", 0, False),
        ),
        cells,
        base=(DCMTK, DCMTK),
    )


def run(bench: Bench, name: str, client: str, kind: str, count: int) -> Figures:
    """So many times, on one association or more."""
    with bench.folder() as folder, running(kind, Setting(folder=folder)) as server:
        before = server.cpu()
        if client == DCMTK:
            done = library_client(name, server.port, count)
        else:
            done = python_client(client, work=name, port=server.port, count=count)
        used = server.cpu() - before
    return {
        "rate": count / done["seconds"],
        "client_us": done["cpu"] / count * 1e6,
        "server_us": used / count * 1e6,
    }
