"""Associate, echo, release, again and again: what an association costs. DCMTK's client is its library."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench import Bench, Cell, Figure, Work
from clients import Figures, library_client, python_client
from servers import BUILT_IN, DCMTK, DCMTK_LIBRARY, ORTHANC, OURS, PYNETDICOM, Setting, running


def cells(bench: Bench) -> Iterator[Cell]:
    """Every client with every server."""
    servers = [kind for kind in (OURS, BUILT_IN, DCMTK, ORTHANC, PYNETDICOM) if bench.has(kind)]
    for client in (OURS, DCMTK, PYNETDICOM):
        if client == DCMTK and not bench.has(DCMTK_LIBRARY):
            continue
        for server in servers:
            slow = PYNETDICOM in (client, server)
            count = bench.few(60, 10) if slow else bench.few(1000, 100)
            yield Cell(client, server, "", partial(run, bench, client, server, count))


def run(bench: Bench, client: str, kind: str, count: int) -> Figures:
    """So many associations, one after the other."""
    with bench.folder() as folder, running(kind, Setting(folder=folder)) as server:
        before = server.cpu()
        if client == DCMTK:
            done = library_client("associate", server.port, count)
        else:
            done = python_client(client, work="associate", port=server.port, count=count)
        used = server.cpu() - before
    return {
        "rate": count / done["seconds"],
        "client_us": done["cpu"] / count * 1e6,
        "server_us": used / count * 1e6,
    }


WORK = Work(
    "associate",
    "associate + echo + release",
    (
        Figure("rate", "/s"),
        Figure("client_us", "us CPU client", 0, False),
        Figure("server_us", "us CPU server", 0, False),
    ),
    cells,
    base=(DCMTK, DCMTK),
)
