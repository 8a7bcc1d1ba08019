"""Five hundred CT objects of 512 KiB through the window with every viewer open; speed is the benchmarks' business."""

from __future__ import annotations

import pytest
from dialog_kit import act, running_services
from objects import make_objects

from workstation.net.part10 import read_head
from workstation.traffic.log import TrafficLog
from workstation.ui.parts.widgets import Outcome
from workstation.ui.viewers.viewers import Viewers
from workstation.ui.window.main_window import MainWindow

OBJECTS, SIZE, KEPT = 500, 512 * 1024, 64 * 1024 * 1024


@pytest.mark.timeout(180)
def test_every_object_arrives_byte_for_byte_and_the_log_stays_bounded(qt_loop, qtbot, tmp_path, free_port):
    files = make_objects(tmp_path / "objects", OBJECTS, SIZE)
    with running_services(qtbot, tmp_path, free_port) as services:
        services.log = TrafficLog(max_bytes=KEPT)
        window = MainWindow(services, Viewers(services.bridge, services.log, services.theme, services.tasks))
        qtbot.addWidget(window)
        window.show()
        dialog = window.open_send()
        qtbot.addWidget(dialog)
        act(qtbot, dialog, lambda: dialog.add_paths([tmp_path / "objects"]), timeout=60_000)
        act(qtbot, dialog, dialog.send_button.click, timeout=120_000)
        assert dialog.outcome.outcome is Outcome.SUCCESS, dialog.outcome.text
        qtbot.waitUntil(lambda: not services.bridge.waiting, timeout=20_000)
        stores = [
            row
            for each in services.log.conversations
            for row in each.rows
            if row.name == "C-STORE-RSP" and "0x0000" in row.status_text
        ]
        # each answer is seen at both ends
        assert len(stores) == 2 * OBJECTS
        assert services.log.dropped_bytes > 0
        assert services.log.kept_bytes <= KEPT
        archived = {}
        for path in (tmp_path / "data" / "archive" / "objects").rglob("*.dcm"):
            head = read_head(path)
            archived[head.sop_instance_uid] = path.read_bytes()[head.offset :]
        assert len(archived) == OBJECTS
        for path in files:
            head = read_head(path)
            assert archived[head.sop_instance_uid] == path.read_bytes()[head.offset :]
        window.close()
