"""Fixtures of the window's tests: no display needed, and an asyncio loop that runs on the Qt one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication
from qasync import QEventLoop

HERE = Path(__file__).parent

# What the offscreen platform says about itself and not about us.
OFFSCREEN = r"This plugin does not support (propagateSizeHints|raise)\(\)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.qt_log_ignore(OFFSCREEN))


@pytest.fixture
def qt_loop(qapp: QApplication) -> Iterator[asyncio.AbstractEventLoop]:
    """An asyncio loop that turns whenever Qt's does (`qtbot.wait...`), so that actions of dialogs run."""
    loop = QEventLoop(qapp, already_running=True)
    asyncio.set_event_loop(loop)
    yield loop
    # stop() would leave Qt's own loop, which pytest-qt goes on using: only asyncio's side is ended here.
    loop._QEventLoop__is_running = False
    asyncio.events._set_running_loop(None)
    asyncio.set_event_loop(None)
    loop.close()
    qapp.aboutToQuit.disconnect(loop._after_run_forever)
