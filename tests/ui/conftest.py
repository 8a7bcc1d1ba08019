"""Fixtures of the window's tests: no display needed, and an asyncio loop that runs on the Qt one."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from qasync import QEventLoop

HERE = Path(__file__).parent
PATIENCE = 20_000  # milliseconds

# What the offscreen platform says about itself and not about us.
OFFSCREEN = r"This plugin does not support (propagateSizeHints|raise)\(\)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.qt_log_ignore(OFFSCREEN))


@pytest.fixture
def qtbot(qtbot: QtBot) -> QtBot:
    """Waits longer than a test says: what comes at all may come late on a busy machine, and only a failure waits."""

    def patient(wait: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, timeout=PATIENCE, **options: wait(*args, timeout=max(timeout, PATIENCE), **options)

    for name in ("waitUntil", "waitSignal", "waitSignals"):
        setattr(qtbot, name, patient(getattr(qtbot, name)))
    return qtbot


@pytest.fixture
def qt_loop(qapp: QApplication) -> Iterator[asyncio.AbstractEventLoop]:
    """An asyncio loop that turns whenever Qt's does (`qtbot.wait...`), so that actions of dialogs run."""
    loop = QEventLoop(qapp, already_running=True)
    asyncio.set_event_loop(loop)
    yield loop
    # What an action of a window still does ends with its test, not in the next one; and what its end sets going.
    cancelled: set[asyncio.Task[Any]] = set()
    end = time.monotonic() + 5.0
    while left := asyncio.all_tasks(loop):
        assert time.monotonic() < end, f"tasks that do not end: {left}"
        for task in left - cancelled:
            task.cancel()
        cancelled |= left
        qapp.processEvents()
    qapp.processEvents()  # whoever waits for their ends hears of them
    # stop() would leave Qt's own loop, which pytest-qt goes on using: only asyncio's side is ended here.
    loop._QEventLoop__is_running = False
    asyncio.events._set_running_loop(None)
    asyncio.set_event_loop(None)
    loop.close()
    qapp.aboutToQuit.disconnect(loop._after_run_forever)


def _running_timers() -> list[str]:
    """Every QTimer that still runs, in words."""
    found = []
    for each in gc.get_objects():
        if type(each) is QTimer and shiboken6.isValid(each) and each.isActive():
            parent = each.parent()
            found.append(
                f"{each.interval()} ms of {parent.objectName() or type(parent).__name__ if parent else 'nobody'}"
            )
    return found


@pytest.fixture(autouse=True, scope="module")
def no_timer_left_behind(qapp: QApplication) -> Iterator[None]:
    """Fail a module whose widgets leave a Qt timer running once they are closed.

    Not for each test: to look at every object that there is takes a tenth of a second.
    """
    yield
    end = time.monotonic() + 2.0
    while True:
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        qapp.processEvents()
        # one shot that is under way ends by itself; what repeats, or starts itself again, does not
        if not _running_timers() or time.monotonic() > end:
            break
        gc.collect(0)
    assert _running_timers() == []
