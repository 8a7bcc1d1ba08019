"""C-ECHO after C-ECHO on one association: what a message costs."""

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
            count = bench.few(400, 50) if slow else bench.few(5000, 500)
            yield Cell(client, server, "", partial(run, bench, client, server, count))


def run(bench: Bench, client: str, kind: str, count: int) -> Figures:
    """So many echoes."""
    with bench.folder() as folder, running(kind, Setting(folder=folder)) as server:
        before = server.cpu()
        if client == DCMTK:
            done = library_client("echo", server.port, count)
        else:
            done = python_client(client, work="echo", port=server.port, count=count)
        used = server.cpu() - before
    return {
        "rate": count / done["seconds"],
        "client_us": done["cpu"] / count * 1e6,
        "server_us": used / count * 1e6,
    }


WORK = Work(
    "echo",
    "C-ECHO on one association",
    (
        Figure("rate", "/s"),
        Figure("client_us", "us CPU client", 0, False),
        Figure("server_us", "us CPU server", 0, False),
    ),
    cells,
    base=(DCMTK, DCMTK),
)
