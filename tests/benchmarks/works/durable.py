"""The durable store: an object is answered once it is safe on a real disk, against a bare loop of the same steps.

The bare loop writes a file beside its place, flushes it, renames it and flushes the folder: no network, no index.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from bench import KIB, Bench, Cell, Figure, Work
from clients import Figures, python_client, tool
from servers import BUILT_IN, DCMTK, OURS, Setting, running

SIZE = 512 * KIB
BARE, DISK = "bare loop", "disk"


def cells(bench: Bench) -> Iterator[Cell]:
    """One writer and several: the loop, and the built-in server."""
    count = bench.few(200, 40)
    for writers in (1, 4, 8):
        variant = f"{writers} at once"
        yield Cell(BARE, DISK, variant, partial(bare, bench, writers, count))
        if bench.has(OURS):
            yield Cell(OURS, BUILT_IN, variant, partial(run, bench, OURS, writers, count))
        if writers == 1 and bench.has(DCMTK):
            yield Cell(DCMTK, BUILT_IN, variant, partial(run, bench, DCMTK, writers, count))


def bare(bench: Bench, writers: int, count: int) -> Figures:
    """The loop, in this process: nothing else runs in it."""
    contents = [path.read_bytes() for path in sorted(bench.objects(count, SIZE).iterdir())]
    with bench.folder(on_disk=True) as folder:
        started = time.perf_counter()
        with ThreadPoolExecutor(writers) as pool:
            list(pool.map(partial(_write, folder), range(count), contents))
        seconds = time.perf_counter() - started
    return {"rate": count / seconds}


def _write(folder: Path, number: int, content: bytes) -> None:
    beside, place = folder / f"{number}.part", folder / f"{number}.dcm"
    with beside.open("wb", buffering=0) as file:
        file.write(content)
        os.fsync(file.fileno())
    beside.rename(place)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def run(bench: Bench, client: str, associations: int, count: int) -> Figures:
    """Store at the built-in server, over so many associations at once."""
    files, tiny = bench.objects(count, SIZE), bench.objects(1, KIB)
    with (
        bench.folder(on_disk=True) as folder,
        running(BUILT_IN, Setting(folder=folder, durable=True)) as server,
    ):
        if client == DCMTK:
            to = ("+sd", "127.0.0.1", server.port)
            done = tool("storescu", *to, files, baseline=(*to, tiny))
        else:
            done = python_client(
                client, work="store_parallel", port=server.port, files=files, associations=associations
            )
    return {"rate": count / done["seconds"]}


WORK = Work(
    "durable",
    "Durable C-STORE of 512 KiB objects on a real disk",
    (Figure("rate", "objects/s"),),
    cells,
    base=(BARE, DISK),
)
