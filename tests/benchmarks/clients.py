"""The clients that are measured: each a process of its own that times its own work.

DCMTK's tools do not time themselves: from their run is taken off the same run with next to nothing to do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import peers
from dcmtk_library import dcmtk_peer
from python_peer import ClientOptions, arguments
from servers import HERE, PACKAGES, program

LONGEST = 600.0
"""Seconds that a client may take."""

Figures = dict[str, float]


class ClientError(Exception):
    """A client did not do its work; with what it said."""


def python_client(kind: str, **options: Any) -> Figures:
    """Our client or pynetdicom's; see `python_peer.ClientOptions`."""
    return _figures(_python_command(kind, options))


def library_client(work: str, *more: object) -> Figures:
    """DCMTK's library; see dcmtk_peer.cpp."""
    return _figures([str(dcmtk_peer()), work, *map(str, more)])


@contextmanager
def holding(kind: str, port: int, associations: int, echoes: int) -> Iterator[tuple[subprocess.Popen[str], Figures]]:
    """A client that opens associations, echoes on each, and keeps them to the end of the block; with its figures."""
    if kind in PACKAGES:
        command = _python_command(kind, {"work": "hold", "port": port, "associations": associations, "count": echoes})
    else:
        command = [str(dcmtk_peer()), "hold", str(port), str(associations), str(echoes)]
    process = subprocess.Popen(
        command,
        env=peers.ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            _, said = process.communicate(timeout=LONGEST)
            raise ClientError(said[-500:])
        yield process, json.loads(line)
    finally:
        try:
            process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def tool(name: str, *arguments: object, baseline: tuple[object, ...]) -> Figures:
    """One of DCMTK's programs, without its start: seconds and CPU seconds, and how far its memory rose."""
    # Some servers call it a failure when there is nothing to do.
    idle = _timed(name, baseline, must_succeed=False)
    busy = _timed(name, arguments)
    return {key: max(busy[key] - idle[key], 1e-6) for key in busy}


def _timed(name: str, arguments: tuple[object, ...], *, must_succeed: bool = True) -> Figures:
    path = program(name)
    if path is None:
        raise ClientError(f"{name} is not installed")
    with Path(os.devnull).open("wb") as nowhere:
        start = time.perf_counter()
        process = subprocess.Popen(
            [path, *map(str, arguments)], env=peers.ENVIRONMENT, stdout=nowhere, stderr=subprocess.PIPE
        )
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode and must_succeed:
        raise ClientError(f"{name}: {said[-500:].decode(errors='replace')}")
    return {"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss * 1024}


def _python_command(kind: str, options: dict[str, Any]) -> list[str]:
    values: dict[str, Any] = {key: str(value) if isinstance(value, Path) else value for key, value in options.items()}
    return [sys.executable, str(HERE / "python_peer.py"), PACKAGES[kind], "client", arguments(ClientOptions(**values))]


def _figures(command: list[str]) -> Figures:
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=LONGEST, env=peers.ENVIRONMENT
        )
    except subprocess.TimeoutExpired:
        raise ClientError(f"not over after {LONGEST:.0f} s") from None
    if done.returncode:
        raise ClientError(done.stderr[-500:].strip() or f"exit status {done.returncode}")
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures
