"""What every test is held to: no thread and no socket is left behind, and the real peers are at hand.

A peer that is not installed skips its tests on a person's machine; with CI set it fails them.
"""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from peers import require_program

ROOT = Path(__file__).resolve().parent.parent
# How long an example takes depends on who else wants the processor.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
OURS = ("dicom-", "workstation-", "job-")
LASTING = {"dicom-idle", "dicom-watcher", "dicom-stand-in"}  # threads of the process, not of an association
PATIENCE = 10.0  # seconds for what ends by itself; only a leak waits them out
_outcome = 0


def pytest_sessionfinish(exitstatus: int) -> None:
    """Keep the outcome for `pytest_unconfigure`."""
    global _outcome
    _outcome = int(exitstatus)


def pytest_unconfigure() -> None:
    """Let no thread keep the interpreter from ending: it would wait for ever, without a word.

    pynetdicom's threads for a connection are such that a program has to wait for them. One of ours that does not end
    fails the run.
    """
    waited_for = [each for each in threading.enumerate() if not each.daemon and each is not threading.main_thread()]
    for each in waited_for:
        each.join(PATIENCE)
    left = [each.name for each in waited_for if each.is_alive()]
    if left:
        sys.stdout.flush()
        print(f"Threads that do not end: {left}", file=sys.stderr)
        faulthandler.dump_traceback(sys.stderr)
        sys.stderr.flush()
        os._exit(_outcome or int(any(name.startswith(OURS) for name in left)))


def _busy_threads() -> set[str]:
    return {t.name for t in threading.enumerate() if t.name.startswith(OURS) and t.name not in LASTING}


def _sockets() -> int:
    if not sys.platform.startswith("linux"):
        return 0
    count = 0
    for fd in Path("/proc/self/fd").iterdir():
        try:
            count += str(fd.readlink()).startswith("socket:")
        except OSError:
            continue
    return count


def _settled(check: Callable[[], bool], seconds: float) -> bool:
    """What ends, ends in its own thread a moment after the test: wait for it, not forever."""
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


@pytest.fixture(autouse=True)
def _quiet_again() -> Iterator[None]:
    """Whatever a test has the library log (`debug_logger`), the next starts without."""
    logger = logging.getLogger("workstation.net")
    level, handlers = logger.level, logger.handlers[:]
    yield
    logger.setLevel(level)
    logger.handlers[:] = handlers


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a thread or a socket of the program behind."""
    threads, sockets = _busy_threads(), _sockets()
    yield

    def is_clean() -> bool:
        return _busy_threads() <= threads and _sockets() <= sockets

    if not _settled(is_clean, 0.5):
        gc.collect()  # a peer in this process may leave its sockets to the collector
        if _settled(is_clean, PATIENCE):
            return
        assert _busy_threads() <= threads, f"threads left behind: {_busy_threads() - threads}"
        assert _sockets() <= sockets, f"{_sockets() - sockets} socket(s) left behind"


@pytest.fixture
def program() -> Callable[[str], str]:
    """Find a peer's program: `program("echoscu")`."""
    return require_program


@pytest.fixture
def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def samples() -> Path:
    """The folder with the sample objects."""
    return ROOT / "resources" / "samples"
