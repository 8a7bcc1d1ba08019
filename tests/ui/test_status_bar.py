"""What the status bar says of the archive's disk."""

from __future__ import annotations

import pytest
from dialog_kit import running_services

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
