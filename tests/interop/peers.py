"""Real peers as real processes: DCMTK and Orthanc; for pynetdicom see `pynetdicom_process`.

Each is ready when its port answers, and ends with its test.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

# as shipped by Debian, DCMTK and Orthanc stall 40 ms a message without it
ENVIRONMENT = {**os.environ, "TCP_NODELAY": "1"}


def require_program(name: str) -> str:
    """The path of a peer's program; skips without it, but never in CI."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed, and CI has to have it")
        pytest.skip(f"{name} is not installed")
    return path


def port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def run(program: str, *arguments: object, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run a client to its end."""
    command = [require_program(program), *map(str, arguments)]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=timeout, env=ENVIRONMENT, errors="replace"
    )


def answers(number: int, has_ended: Callable[[], bool]) -> bool:
    """Wait until a server answers on its port; whether it does."""
    end = time.monotonic() + 30
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", number), 0.5):
            return True
        if has_ended() or time.monotonic() > end:
            return False
        time.sleep(0.02)  # another process's start has no event to wait for


@contextmanager
def process(command: Sequence[object], number: int, cwd: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """A server that runs until the block ends; ready when `number` answers."""
    peer = subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(peer.stdout or ()), name="peer-output", daemon=True)
    reader.start()
    try:
        if not answers(number, lambda: peer.poll() is not None):
            raise AssertionError(f"{command[0]} did not start:\n{''.join(said)}")
        yield peer
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(peer.pid, signal.SIGTERM)
        try:
            peer.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(peer.pid, signal.SIGKILL)
            peer.wait(10)
        reader.join(5)
        if peer.stdout:
            peer.stdout.close()


@contextmanager
def storescp(folder: Path, *options: str) -> Iterator[int]:
    """DCMTK's storage server, writing into `folder`."""
    number = port()
    with process([require_program("storescp"), "-od", folder, *options, number], number):
        yield number


@contextmanager
def dcmqrscp(folder: Path, destinations: dict[str, int] | None = None) -> Iterator[int]:
    """DCMTK's query/retrieve server, AE title QR; `destinations` are AE titles and ports for C-MOVE."""
    number = port()
    data = folder / "QR"
    data.mkdir(parents=True)
    hosts = "".join(f"h{i} = ({t}, 127.0.0.1, {p})\n" for i, (t, p) in enumerate((destinations or {}).items()))
    config = folder / "dcmqrscp.cfg"
    config.write_text(
        f"NetworkTCPPort = {number}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\n{hosts}HostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nQR {data} RW (200, 1024mb) ANY\nAETable END\n"
    )
    with process([require_program("dcmqrscp"), "-c", config, number], number):
        yield number


@contextmanager
def orthanc(
    folder: Path,
    modalities: dict[str, int] | None = None,
    started: Callable[[subprocess.Popen[str]], object] = lambda _: None,
) -> Iterator[int]:
    """Orthanc, AE title ORTHANC.

    `modalities` are AE titles and ports that it may talk to; `started` gets its process.
    """
    number = port()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "orthanc.json"
    config.write_text(
        json.dumps(
            {
                "Name": "test",
                "StorageDirectory": str(folder / "storage"),
                "IndexDirectory": str(folder / "storage"),
                "HttpServerEnabled": False,
                "DicomServerEnabled": True,
                "DicomAet": "ORTHANC",
                "DicomPort": number,
                "DicomCheckCalledAet": False,
                "DicomAlwaysAllowFind": True,
                "DicomAlwaysAllowGet": True,
                "DicomAlwaysAllowMove": True,
                "DicomAlwaysAllowStore": True,
                "UnknownSopClassAccepted": True,
                "DicomModalities": {t: [t, "127.0.0.1", p] for t, p in (modalities or {}).items()},
            }
        )
    )
    with process([require_program("Orthanc"), config], number, cwd=folder) as peer:
        started(peer)
        yield number
