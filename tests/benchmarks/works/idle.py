"""Associations that are open and silent for ten seconds: CPU seconds of the server and of the client meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from bench import Bench, Cell, Figure, Work
from clients import Figures, holding
from servers import BUILT_IN, DCMTK_FORK, DCMTK_LIBRARY, OURS, PYNETDICOM, Setting, cpu_of, running

SECONDS = 10.0


def cells(bench: Bench) -> Iterator[Cell]:
    """Our ends opposite DCMTK's, which need nothing; pynetdicom's opposite itself."""
    plan = [
        (DCMTK_LIBRARY, OURS, 200),
        (DCMTK_LIBRARY, BUILT_IN, 200),
        (OURS, DCMTK_FORK, 200),
        (DCMTK_LIBRARY, DCMTK_FORK, 200),
        (PYNETDICOM, PYNETDICOM, 50),
    ]
    for client, server, associations in plan:
        if bench.has(client, server):
            yield Cell(client, server, str(associations), partial(run, bench, client, server, associations))


def run(bench: Bench, client: str, kind: str, associations: int) -> Figures:
    """Open, wait until all is quiet, then look at the clocks of both processes."""
    with (
        bench.folder() as folder,
        running(kind, Setting(folder=folder)) as server,
        holding(client, server.port, associations, 0) as (process, figures),
    ):
        if figures["refused"]:
            raise AssertionError(f"{figures['refused']:.0f} associations were refused")
        time.sleep(1.0)  # what follows the opening is over
        before = server.cpu(), cpu_of(process.pid)
        time.sleep(SECONDS)
        return {"server_cpu": server.cpu() - before[0], "client_cpu": cpu_of(process.pid) - before[1]}


WORK = Work(
    "idle",
    f"Idle associations for {SECONDS:.0f} s",
    (Figure("server_cpu", "CPU s server", 3, False), Figure("client_cpu", "CPU s client", 3, False)),
    cells,
)
