"""C-STORE with one recording handler bound to all 17 notification events of one end, against none bound."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench import KIB, Bench, Cell, Figure, Work
from clients import Figures
from servers import DCMTK, OURS, Setting, running

from works.store import store

NONE, BOUND = "none", "all 17"


def cells(bench: Bench) -> Iterator[Cell]:
    """As client and as server, opposite DCMTK."""
    for client, server in ((f"{OURS}, path", DCMTK), (DCMTK, OURS)):
        for variant in (NONE, BOUND):
            if bench.has(DCMTK):
                yield Cell(client, server, variant, partial(run, bench, client, server, variant))


def run(bench: Bench, client: str, kind: str, variant: str) -> Figures:
    """Store 512 KiB objects; every event is kept to the end."""
    recording = variant == BOUND
    files = bench.objects(bench.few(500, 60), 512 * KIB)
    with bench.folder() as folder, running(kind, Setting(folder=folder, recording=recording)) as server:
        return store(client, server, files, bench.objects(1, KIB), recording=recording)


WORK = Work("handlers", "C-STORE with a recording handler", (Figure("rate", "MB/s"),), cells)
