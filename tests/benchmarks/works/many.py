"""Many associations at once: opened and held, echoes on each in turn; what the server's memory becomes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench import Bench, Cell, Figure, Work
from clients import Figures, holding
from servers import BUILT_IN, DCMTK_FORK, DCMTK_LIBRARY, OURS, PYNETDICOM, Setting, running

ECHOES = 20


def cells(bench: Bench) -> Iterator[Cell]:
    """Our client and DCMTK's library with each server; pynetdicom's with itself."""
    pairs = [(c, s) for c in (OURS, DCMTK_LIBRARY) for s in (OURS, BUILT_IN, DCMTK_FORK)]
    plan = [(50, [(PYNETDICOM, PYNETDICOM)])]  # of more it loses some, and takes minutes
    plan += [(100, pairs), (bench.few(500, 200), pairs)]
    for associations, clients in plan:
        for client, server in clients:
            if bench.has(client, server):
                yield Cell(client, server, str(associations), partial(run, bench, client, server, associations))


def run(bench: Bench, client: str, kind: str, associations: int) -> Figures:
    """Open, echo, look at the memory, release."""
    with (
        bench.folder() as folder,
        running(kind, Setting(folder=folder)) as server,
        holding(client, server.port, associations, ECHOES) as (_, figures),
    ):
        return {**figures, "server_memory": server.peak() / 1e6}


WORK = Work(
    "many",
    f"Many associations held, {ECHOES} echoes on each",
    (
        Figure("opened", "s to open", 2, False),
        Figure("echoed", "s to echo", 2, False),
        Figure("refused", "refused", 0, False),
        Figure("server_memory", "MB server", 0, False),
    ),
    cells,
    base=(DCMTK_LIBRARY, DCMTK_FORK),
)
