"""C-STORE: many objects of 512 KiB, and a few of 256 MiB with the memory of both ends. Files lie in memory."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench import KIB, MIB, Bench, Cell, Figure, Work
from clients import Figures, python_client, tool
from servers import BUILT_IN, DCMTK, DCMTK_PLAIN, ORTHANC, OURS, PYNETDICOM, Server, Setting, running

PDUS = {"16 KiB": 16 * KIB, "128 KiB": 128 * KIB}
FIGURES = (
    Figure("rate", "MB/s"),
    Figure("client_cpu", "CPU s/GB client", 2, False),
    Figure("server_cpu", "CPU s/GB server", 2, False),
)
MEMORY = (
    Figure("client_memory", "MiB over idle client", 0, False),
    Figure("server_memory", "MiB over idle server", 0, False),
)


def small(bench: Bench) -> Iterator[Cell]:
    """Every client with every server; paths and decoded data sets."""
    clients = [(OURS, "path"), (OURS, "data set"), (DCMTK, ""), (PYNETDICOM, "path"), (PYNETDICOM, "data set")]
    servers = {
        "16 KiB": [OURS, BUILT_IN, DCMTK, DCMTK_PLAIN, ORTHANC, PYNETDICOM],
        "128 KiB": [OURS, BUILT_IN, DCMTK, PYNETDICOM],  # Orthanc takes 16 KiB and no more
    }
    for pdu in PDUS:
        for client, what in clients:
            for server in servers[pdu]:
                if bench.has(client, server):
                    slow = PYNETDICOM in (client, server)
                    count = bench.few(100, 20) if slow else bench.few(500, 60)
                    name = f"{client}, {what}" if what else client
                    yield Cell(name, server, pdu, partial(run, bench, name, server, pdu, count, 512 * KIB))


def large(bench: Bench) -> Iterator[Cell]:
    """Each client with each server, where objects are as large as memory should not become."""
    for pdu in PDUS:
        for client in (f"{OURS}, path", DCMTK, f"{PYNETDICOM}, path"):
            for server in (OURS, BUILT_IN, DCMTK, PYNETDICOM):
                if bench.has(client.partition(",")[0], server):
                    slow = server == PYNETDICOM or client.startswith(PYNETDICOM)
                    count = 1 if slow else bench.few(4, 1)
                    yield Cell(client, server, pdu, partial(run, bench, client, server, pdu, count, 256 * MIB))


def run(bench: Bench, client: str, kind: str, pdu: str, count: int, size: int) -> Figures:
    """Store so many objects at a new server."""
    files = bench.objects(count, size)
    with bench.folder() as folder, running(kind, Setting(folder=folder / "kept", max_pdu=PDUS[pdu])) as server:
        return store(client, server, files, bench.objects(1, KIB))


def store(client: str, server: Server, files: Path, tiny: Path, *, recording: bool = False) -> Figures:
    """Store a folder's objects at a running server; what it took."""
    gigabytes = sum(path.stat().st_size for path in files.iterdir()) / 1e9
    server.rest()
    before = server.cpu()
    kind, _, what = client.partition(", ")
    if kind == DCMTK:
        to = ("--max-send-pdu", 131072, "+sd", "127.0.0.1", server.port)
        done = tool("storescu", *to, files, baseline=(*to, tiny))
    else:
        done = python_client(
            kind, work="store", port=server.port, files=files, decoded=what == "data set", recording=recording
        )
    return {
        "rate": gigabytes * 1000 / done["seconds"],
        "client_cpu": done["cpu"] / gigabytes,
        "server_cpu": (server.cpu() - before) / gigabytes,
        "client_memory": done["memory"] / MIB,
        "server_memory": server.risen() / MIB,
    }


WORKS = (
    Work("store", "C-STORE, 512 KiB objects", FIGURES, small, base=(DCMTK, DCMTK)),
    Work("large", "C-STORE, 256 MiB objects", FIGURES + MEMORY, large, base=(DCMTK, DCMTK)),
)
