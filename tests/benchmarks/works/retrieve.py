"""C-GET and C-MOVE of one study of 500 objects of 512 KiB; a move goes to DCMTK's storescp."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench import KIB, Bench, Cell, Figure, Work
from clients import Figures, python_client, tool
from python_peer import NOTHING
from servers import (
    BUILT_IN,
    DCMQRSCP,
    DCMTK,
    ORTHANC,
    OURS,
    PYNETDICOM,
    Server,
    Setting,
    running,
)

SIZE = 512 * KIB
_STUDY = f"2.25.4711.{SIZE}"
_FIGURES = (
    Figure("rate", "MB/s"),
    Figure("client_cpu", "CPU s/GB client", 2, False),
    Figure("server_cpu", "CPU s/GB server", 2, False),
)


def cells(retrieve: Callable[..., Figures], bench: Bench) -> Iterator[Cell]:
    """Every client with every server."""
    for client in (OURS, DCMTK, PYNETDICOM):
        for server in (OURS, BUILT_IN, DCMQRSCP, ORTHANC, PYNETDICOM):
            if bench.has(client, server):
                slow = PYNETDICOM in (client, server)
                count = bench.few(100, 20) if slow else bench.few(500, 60)
                yield Cell(client, server, "", partial(run, bench, retrieve, client, server, count))


def run(bench: Bench, retrieve: Callable[..., Figures], client: str, kind: str, count: int) -> Figures:
    """Retrieve everything from a server that has nothing else."""
    files = bench.objects(count, SIZE)
    with ExitStack() as stack:
        target = stack.enter_context(bench.folder())
        destination = stack.enter_context(running(DCMTK, Setting(folder=target))) if retrieve is move else None
        setting = Setting(
            folder=filled(bench, kind, files), objects=files, destination=destination.port if destination else 0
        )
        server = stack.enter_context(running(kind, setting))
        before = server.cpu()
        done = retrieve(client, server, target, count)
        used = server.cpu() - before
        received = sum(1 for _ in target.iterdir())
        if received != count:
            raise AssertionError(f"{received} of {count} objects came")
        if kind in (OURS, PYNETDICOM):
            shutil.rmtree(setting.folder)
    gigabytes = count * SIZE / 1e9
    return {
        "rate": gigabytes * 1000 / done["seconds"],
        "client_cpu": done["cpu"] / gigabytes,
        "server_cpu": used / gigabytes,
    }


def get(client: str, server: Server, target: Path, count: int) -> Figures:
    """C-GET: the objects come over the same association."""
    if client == DCMTK:
        options = ("+B", "-pdu", 131072, "-aec", server.ae_title, "-od", target)
        return tool("getscu", *_query(options, server, _STUDY), baseline=_query(options, server, NOTHING))
    return python_client(client, work="get", files=target, **_options(server, count))


def move(client: str, server: Server, _: Path, count: int) -> Figures:
    """C-MOVE: the server sends to a third."""
    if client == DCMTK:
        options = ("-aem", "STORE", "-aec", server.ae_title)
        return tool("movescu", *_query(options, server, _STUDY), baseline=_query(options, server, NOTHING))
    return python_client(client, work="move", destination="STORE", **_options(server, count))


def _query(options: tuple[object, ...], server: Server, study: str) -> tuple[object, ...]:
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}")
    return "-S", *options, *keys, "127.0.0.1", server.port


def _options(server: Server, count: int) -> dict[str, object]:
    keys = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": _STUDY}
    return {"port": server.port, "called": server.ae_title, "count": count, "keys": keys}


def filled(bench: Bench, kind: str, files: Path) -> Path:
    """The folder of a server that was sent the objects; made once. A bare Python server has them from the start."""
    folder = bench.memory / f"{kind}-{files.name}"
    if kind not in (OURS, PYNETDICOM) and not folder.exists():
        with running(kind, Setting(folder=folder)) as server:
            to = ("-aec", server.ae_title, "127.0.0.1", server.port)
            tool("storescu", "+sd", *to, files, baseline=("--version",))
    return folder


WORKS = (
    Work("get", "C-GET, 512 KiB objects", _FIGURES, partial(cells, get), base=(DCMTK, DCMQRSCP)),
    Work("move", "C-MOVE to storescp, 512 KiB objects", _FIGURES, partial(cells, move), base=(DCMTK, DCMQRSCP)),
)
