from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu, QWidget
from pytestqt.qtbot import QtBot
from viewer_wire import whole

from workstation.traffic.conversation import Conversation
from workstation.traffic.expert.rules.note import Note, Severity
from workstation.traffic.log import TrafficLog
from workstation.ui.tasks import Tasks
from workstation.ui.viewers.message.copy_as import ReportKind, ReportSaver, add_copy_menu, save_report


@pytest.fixture
def conversation() -> Conversation:
    log = TrafficLog()
    log.add(whole(1))
    return log.conversations[0]


def actions(menu: QMenu) -> dict[str, QAction]:
    return {action.objectName(): action for action in menu.actions() if action.objectName()}


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("copyAsText", "→ C-FIND-RQ\nCommand Set: "),
        ("copyAsDump", "PDU 3 → P-DATA-TF, "),
        ("copyAsHex", "0400000000"),
        ("copyAsDcmtk", "# C-FIND-RQ, Study Root"),
        ("copyAsPython", "# C-FIND-RQ, Study Root"),
    ],
)
def test_each_form_is_copied(qtbot: QtBot, conversation: Conversation, name: str, beginning: str) -> None:
    menu = QMenu()
    qtbot.addWidget(menu)
    actions(add_copy_menu(menu, conversation, conversation.rows[2]))[name].trigger()
    assert QApplication.clipboard().text().startswith(beginning)


def test_json_is_copied_of_one_pdu_too(qtbot: QtBot, conversation: Conversation) -> None:
    menu = QMenu()
    qtbot.addWidget(menu)
    actions(add_copy_menu(menu, conversation, conversation.rows[2].pdus[0]))["copyAsJson"].trigger()
    (told,) = json.loads(QApplication.clipboard().text())
    assert told["type"] == "P-DATA-TF"


def test_without_a_row_there_is_nothing_to_copy(qtbot: QtBot, conversation: Conversation) -> None:
    menu = QMenu()
    qtbot.addWidget(menu)
    assert not add_copy_menu(menu, conversation, None).isEnabled()
    assert not add_copy_menu(menu, None, None).isEnabled()


def notes(conversation: Conversation) -> Iterator[Note | None]:
    yield None
    for severity in Severity:
        yield Note(
            severity=severity,
            rule="r",
            title=f"{severity.word} title",
            sentence="A sentence.",
            conversation=conversation.number,
        )


@pytest.mark.parametrize("kind", ["text", "html"])
def test_a_report_is_written_with_the_worst_first(
    qtbot: QtBot, qt_loop: asyncio.AbstractEventLoop, conversation: Conversation, kind: ReportKind, tmp_path: Path
) -> None:
    saver = ReportSaver(Tasks(), conversation, kind, notes)
    path = tmp_path / "report"
    with qtbot.waitSignal(saver.saved) as caught:
        saver.save(path)
    assert caught.args == [path]
    text = path.read_text(encoding="utf-8")
    assert text.index("error title") < text.index("warning title") < text.index("remark title")
    assert [each.name for each in tmp_path.iterdir()] == ["report"]


def test_a_folder_that_is_not_there_is_said_in_words(
    qtbot: QtBot, qt_loop: asyncio.AbstractEventLoop, conversation: Conversation, tmp_path: Path
) -> None:
    saver = ReportSaver(Tasks(), conversation, "text")
    with qtbot.waitSignal(saver.failed) as caught:
        saver.save(tmp_path / "nowhere" / "report.txt")
    assert caught.args == ["report.txt cannot be written: No such file or directory"]


def test_the_dialog_offers_a_name_of_ours(
    qtbot: QtBot, qt_loop: asyncio.AbstractEventLoop, conversation: Conversation, tmp_path: Path
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    conversation.calling = "../../x"
    saver = save_report(window, Tasks(), conversation, "html")
    chooser = window.findChild(QFileDialog, "saveReportDialog")
    assert isinstance(chooser, QFileDialog)
    assert Path(chooser.selectedFiles()[0]).name == "association-1.html"
    with qtbot.waitSignal(saver.saved):
        chooser.fileSelected.emit(str(tmp_path / "a.html"))
    chooser.close()
    assert (tmp_path / "a.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
