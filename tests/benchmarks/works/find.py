"""C-FIND with 10,000 matches: read by the caller or only counted, from an archive's index or from a handler."""

from __future__ import annotations

import functools
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bench import Bench, Cell, Figure, Work
from clients import Figures, library_client, python_client
from servers import BUILT_IN, DCMTK_LIBRARY, OURS, PYNETDICOM, Setting, running

KEYS = {
    "QueryRetrieveLevel": "STUDY",
    "StudyDate": "",
    "StudyTime": "",
    "AccessionNumber": "",
    "StudyDescription": "",
    "PatientName": "",
    "PatientID": "",
    "StudyInstanceUID": "",
}


def cells(bench: Bench) -> Iterator[Cell]:
    """Every client with every server."""
    count = bench.few(10_000, 1_000)
    archive = functools.cache(lambda: filled(bench, count))
    for client in (f"{OURS}, read", f"{OURS}, counted", DCMTK_LIBRARY, f"{PYNETDICOM}, read"):
        for server in (OURS, BUILT_IN, DCMTK_LIBRARY, PYNETDICOM):
            if bench.has(client.partition(",")[0], server):
                slow = server == PYNETDICOM or client.startswith(PYNETDICOM)
                number = count // 5 if slow and server != BUILT_IN else count
                yield Cell(client, server, "", partial(run, bench, client, server, number, archive))


def run(bench: Bench, client: str, kind: str, count: int, archive: Callable[[], Path]) -> Figures:
    """One query that matches everything."""
    with bench.folder() as folder:
        if kind == BUILT_IN:
            shutil.copytree(archive(), folder, dirs_exist_ok=True)
        with running(kind, Setting(folder=folder, matches=count)) as server:
            before = server.cpu()
            name, _, how = client.partition(", ")
            if name == DCMTK_LIBRARY:
                done = library_client("find", server.port)
            else:
                done = python_client(name, work="find", port=server.port, keys=KEYS, decoded=how == "read")
            used = server.cpu() - before
    if done["matches"] != count:
        raise AssertionError(f"{done['matches']} matches, not {count}")
    return {
        "rate": count / done["seconds"],
        "client_us": done["cpu"] / count * 1e6,
        "server_us": used / count * 1e6,
    }


def filled(bench: Bench, studies: int) -> Path:
    """The data folder of a built-in server that was sent so many studies of one small object each."""
    folder = bench.memory / f"archive-{studies}"
    print(f"storing {studies:,} studies", file=sys.stderr, flush=True)
    with running(BUILT_IN, Setting(folder=folder)) as server:
        python_client(OURS, work="fill", port=server.port, count=studies)
    return folder


WORK = Work(
    "find",
    "C-FIND of all studies",
    (
        Figure("rate", "/s"),
        Figure("client_us", "us CPU client", 0, False),
        Figure("server_us", "us CPU server", 0, False),
    ),
    cells,
    base=(DCMTK_LIBRARY, DCMTK_LIBRARY),
)
