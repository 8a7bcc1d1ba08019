"""What the status bar says of the archive and its disk, and until when."""

from __future__ import annotations

import asyncio

import pytest
from dialog_kit import running_services

from workstation.ui.viewers.viewers import Viewers
from workstation.ui.window.main_window import MainWindow
from workstation.ui.window.status_bar import StatusBar


@pytest.fixture
def services(qt_loop, qtbot, tmp_path, free_port):
    with running_services(qtbot, tmp_path, free_port) as services:
        yield services


def test_a_disk_with_too_little_room_is_said(services, qtbot):
    bar = StatusBar(services)
    qtbot.addWidget(bar)
    services.archive_changed.emit()
    qtbot.waitUntil(lambda: "free" in bar.archive.text(), timeout=5000)
    assert bar.archive.text().startswith("Archive 0 objects, ")
    assert "nothing is stored" not in bar.archive.text()
    services.archive.minimum_free = 2**60
    services.archive_changed.emit()
    qtbot.waitUntil(lambda: "▲ nothing is stored, only" in bar.archive.text(), timeout=5000)


def test_nothing_is_counted_once_the_window_is_closed(services, qt_loop, qtbot):
    def counting() -> list[asyncio.Task]:
        return [task for task in asyncio.all_tasks(qt_loop) if "StatusBar" in task.get_coro().__qualname__]

    window = MainWindow(services, Viewers(services.bridge, services.log, services.theme, services.tasks))
    qtbot.addWidget(window)
    services.archive_changed.emit()
    (task,) = counting()
    window.close()
    qtbot.waitUntil(task.done)
    assert task.cancelled()
    # the servers end after the window, and what they still do is told
    services.archive_changed.emit()
    services.server_changed.emit()
    services.bridge.conn_close.emit(())
    assert counting() == []
