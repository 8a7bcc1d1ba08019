"""Packets on the loopback interface, as tcpdump writes them down."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from peers import require_program

PATIENCE = 15.0
# Captured beside what is asked for: with a word sent here the end of what was captured can be told.
_END_PORT = 20099


def can_capture() -> bool:
    """Whether tcpdump is there and may listen."""
    return shutil.which("tcpdump") is not None and os.geteuid() == 0


def require_capturing() -> None:
    """Skips without tcpdump or the right to use it, but never in CI."""
    require_program("tcpdump")
    if os.geteuid() != 0:
        if os.environ.get("CI"):
            pytest.fail("capturing packets needs root, and CI has to have it")
        pytest.skip("capturing packets needs root")


@contextmanager
def tcpdump(path: Path, wanted: str) -> Iterator[None]:
    """Capture what `wanted`, a filter in tcpdump's words, lets through on loopback, until the block ends."""
    require_capturing()
    command = [
        require_program("tcpdump"),
        "-i",
        "lo",
        "-n",
        "-U",
        "--immediate-mode",
        "-s",
        "0",
        "-B",
        "16384",
        "-Z",
        "root",
    ]
    running = subprocess.Popen(
        [*command, "-w", str(path), f"({wanted}) or udp port {_END_PORT}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    said = ""
    try:
        while "listening on" not in said:
            line = running.stderr.readline()
            assert line, f"tcpdump did not start: {said}"
            said += line
        yield
        _wait_for_the_last(path)
    finally:
        with contextlib.suppress(ProcessLookupError):
            running.send_signal(signal.SIGINT)
        said += running.communicate(timeout=PATIENCE)[1]
    assert "\n0 packets dropped by kernel" in said, said


def _wait_for_the_last(path: Path) -> None:
    word = secrets.token_bytes(16)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(word, ("127.0.0.1", _END_PORT))
    end = time.monotonic() + PATIENCE
    while word not in path.read_bytes()[-4096:]:
        assert time.monotonic() < end, "tcpdump does not write down what was sent last"
        time.sleep(0.02)  # another process's file has no event to wait for
