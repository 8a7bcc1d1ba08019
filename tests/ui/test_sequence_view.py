from __future__ import annotations

import asyncio
import time
import weakref
from itertools import pairwise
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QHelpEvent, QImage, QWheelEvent
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication, QFileDialog, QToolTip
from pytestqt.qtbot import QtBot
from viewer_wire import MR, Talk, whole

from workstation.net.codec.dimse import C_STORE_RQ, C_STORE_RSP
from workstation.traffic.conversation import Conversation
from workstation.traffic.filters.filter import Filter
from workstation.traffic.log import TrafficLog
from workstation.traffic.record import Record
from workstation.traffic.rows import MessageRow, PduRow
from workstation.ui.tasks import Tasks
from workstation.ui.theme import Appearance, Theme
from workstation.ui.viewers.sequence.export import Export, write_picture
from workstation.ui.viewers.sequence.view import SequenceView


def store(talk: Talk, message_id: int, status: int = 0) -> list[Record]:
    asked = C_STORE_RQ(
        context_id=1,
        MessageID=message_id,
        AffectedSOPClassUID=MR,
        AffectedSOPInstanceUID="1.2.3",
        Priority=0,
        has_data_set=True,
    )
    answer = C_STORE_RSP(
        context_id=1,
        MessageIDBeingRespondedTo=message_id,
        AffectedSOPClassUID=MR,
        AffectedSOPInstanceUID="1.2.3",
        Status=status,
    )
    return talk.message(asked, bytes(1000), sent=True) + talk.message(answer, sent=False)


def stores(number: int = 1, times: int = 10) -> list[Record]:
    talk = Talk(number)
    records = talk.begin()
    for message_id in range(1, times + 1):
        records += store(talk, message_id)
    return records + talk.end()


def logged(*batches: list[Record]) -> TrafficLog:
    log = TrafficLog()
    for records in batches:
        log.add(records)
    return log


@pytest.fixture
def tasks() -> Tasks:
    return Tasks()


@pytest.fixture
def view(qtbot: QtBot, tasks: Tasks) -> SequenceView:
    view = SequenceView(Theme(), tasks)
    qtbot.addWidget(view)
    view.resize(400, 600)
    view.show()
    return view


def settle(qtbot: QtBot, view: SequenceView) -> None:
    qtbot.waitUntil(lambda: not view.canvas.busy, timeout=20000)


def show(qtbot: QtBot, view: SequenceView, log: TrafficLog, number: int = 0) -> Conversation:
    view.set_log(log)
    conversation = log.conversations[number]
    view.set_conversation(conversation)
    settle(qtbot, view)
    return conversation


def shown(view: SequenceView) -> list[str]:
    """Each line's first words, × for one that stands for many."""
    layout = view.canvas.layout_of_lines
    told = []
    for line in layout.lines():
        step = layout.sequence.step(line.step)
        name = step.row.name if step.row is not None else step.what.value
        told.append(f"{name} ×{line.block.times}" if line.folded else name)
    return told


def point_of(view: SequenceView, line: int) -> QPoint:
    """The middle of a line in the viewport."""
    canvas = view.canvas
    picture = canvas.picture
    y = canvas.layout_of_lines.top(line) - canvas.verticalScrollBar().value()
    return QPoint(canvas.viewport().width() // 2, picture.head_height + y + picture.line_height // 2)


def click(qtbot: QtBot, view: SequenceView, line: int) -> None:
    qtbot.mouseClick(view.canvas.viewport(), Qt.MouseButton.LeftButton, pos=point_of(view, line))


FOLDED = [
    "connect",
    "A-ASSOCIATE-RQ",
    "A-ASSOCIATE-AC",
    "C-STORE-RQ ×10",
    "C-STORE-RSP ×10",
    "A-RELEASE-RQ",
    "A-RELEASE-RP",
    "close",
]


# --- what is shown --------------------------------------------------------------------------------------------------


def test_an_association_is_drawn_with_its_repetitions_as_one(view: SequenceView, qtbot: QtBot) -> None:
    show(qtbot, view, logged(stores()))
    assert shown(view) == FOLDED
    assert view.count.text() == "24 messages"
    assert not view._empty.isVisible()


def test_every_line_has_its_place(view: SequenceView, qtbot: QtBot) -> None:
    show(qtbot, view, logged(whole(1, finds=3)))
    layout = view.canvas.layout_of_lines
    tops = [layout.top(number) for number in range(len(layout))]
    for one, other in pairwise(tops):
        assert other - one >= view.canvas.picture.line_height
    assert [layout.line_at(top) for top in tops] == list(range(len(tops)))
    assert [view.canvas.line_under(point_of(view, number)) for number in range(5)] == list(range(5))
    assert view.canvas.line_under(QPoint(200, 5)) == -1


def test_an_empty_pane_says_what_will_fill_it(view: SequenceView, qtbot: QtBot) -> None:
    log = TrafficLog()
    view.set_log(log)
    view.set_conversation(None)
    assert "Select one, or show All" in view._empty.text
    view.set_all(True)
    assert "Each connection and message appears here" in view._empty.text
    view.set_all(False)
    log.add(whole(1))

    class Nothing:
        def passes(self, conversation: Conversation, row: MessageRow) -> bool:
            return False

    view.set_conversation(log.conversations[0])
    view.set_filter(Nothing())
    settle(qtbot, view)
    assert "No message passes the filter" in view._empty.text
    assert view._empty.isVisible()
    view.set_filter(None)
    settle(qtbot, view)
    assert not view._empty.isVisible()


def test_a_filter_leaves_what_passes(view: SequenceView, qtbot: QtBot) -> None:
    show(qtbot, view, logged(whole(1, finds=2)))

    class Answers:
        def passes(self, conversation: Conversation, row: MessageRow) -> bool:
            return row.status is not None

    view.set_filter(Answers())
    settle(qtbot, view)
    assert shown(view) == ["C-FIND-RSP"] * 4
    assert view.count.text() == "4 of 10"


def test_live_traffic_appears_and_the_end_stays_in_sight(view: SequenceView, qtbot: QtBot) -> None:
    talk = Talk(1)
    log = logged(talk.begin())
    show(qtbot, view, log)
    for message_id in range(1, 9):
        for status in (0, 0xB000 + message_id):
            view.apply(log.add(store(talk, message_id, status)))
        settle(qtbot, view)
    assert shown(view)[3:] == ["C-STORE-RQ", "C-STORE-RSP"] * 16
    bar = view.canvas.verticalScrollBar()
    assert bar.value() == bar.maximum() > 0


def test_who_scrolled_up_stays_there(view: SequenceView, qtbot: QtBot) -> None:
    talk = Talk(1)
    log = logged(talk.begin(), *([record] for n in range(60) for record in store(talk, n, n % 5)))
    show(qtbot, view, log)
    bar = view.canvas.verticalScrollBar()
    bar.setValue(200)
    view.apply(log.add(store(talk, 100)))
    settle(qtbot, view)
    assert bar.value() == 200


def test_nothing_is_done_while_nobody_looks(view: SequenceView, qtbot: QtBot) -> None:
    talk = Talk(1)
    log = logged(talk.begin())
    show(qtbot, view, log)
    view.hide()
    view.apply(log.add(store(talk, 1)))
    QApplication.processEvents()
    assert not view.canvas.busy
    assert "C-STORE-RQ" not in shown(view)
    view.show()
    settle(qtbot, view)
    assert shown(view)[-1] == "C-STORE-RSP"


def test_a_cleared_log_leaves_nothing(view: SequenceView, qtbot: QtBot) -> None:
    log = logged(whole(1))
    show(qtbot, view, log)
    log.clear()
    view.set_log(log)
    settle(qtbot, view)
    assert shown(view) == []
    assert view._empty.isVisible()


def test_rows_that_are_let_go_leave_the_diagram(view: SequenceView, qtbot: QtBot) -> None:
    log = TrafficLog(max_rows=80)
    talk = Talk(1)
    log.add(talk.begin())
    conversation = show(qtbot, view, log)
    for message_id in range(60):
        view.apply(log.add(store(talk, message_id, message_id % 3)))
    assert conversation.trimmed
    settle(qtbot, view)
    numbers = [row.number for row in conversation.rows]
    layout = view.canvas.layout_of_lines
    assert [layout.sequence.key(line.step)[1] for line in layout.lines()][1:] == numbers


def test_what_comes_while_it_waits_to_begin_anew_is_shown(view: SequenceView, qtbot: QtBot) -> None:
    log = TrafficLog(max_conversations=3)
    for number in range(1, 4):
        log.add(whole(number))
    view.set_log(log)
    view.set_all(True)
    settle(qtbot, view)

    def associations() -> set[int]:
        layout = view.canvas.layout_of_lines
        return {layout.sequence.key(line.step)[0] for line in layout.lines()}

    view.apply(log.add(whole(4)))
    qtbot.waitUntil(lambda: associations() == {2, 3, 4}, timeout=5000)
    # Not again at once; but the new one is there.
    view.apply(log.add(whole(5)))
    qtbot.waitUntil(lambda: 5 in associations(), timeout=5000)
    assert 2 in associations()
    qtbot.waitUntil(lambda: associations() == {3, 4, 5}, timeout=5000)
    settle(qtbot, view)


def test_a_hidden_pane_keeps_no_association_alive(view: SequenceView, qtbot: QtBot) -> None:
    log = TrafficLog(max_conversations=3)
    log.add(whole(1))
    view.set_log(log)
    view.set_all(True)
    settle(qtbot, view)
    view.hide()
    gone = weakref.ref(log.conversations[0])
    for number in range(2, 1300):
        view.apply(log.add(whole(number, finds=0)))
    view.show()
    settle(qtbot, view)
    assert gone() is None
    layout = view.canvas.layout_of_lines
    assert {layout.sequence.key(line.step)[0] for line in layout.lines()} == {1297, 1298, 1299}


# --- going there ----------------------------------------------------------------------------------------------------


def test_a_click_chooses_the_message(view: SequenceView, qtbot: QtBot) -> None:
    conversation = show(qtbot, view, logged(whole(1)))
    with qtbot.waitSignal(view.message_chosen) as chosen:
        click(qtbot, view, 3)
    assert chosen.args == [conversation, conversation.rows[2]]
    assert view.canvas.selected_line == 3
    with qtbot.waitSignal(view.message_chosen) as chosen:
        click(qtbot, view, 0)
    assert chosen.args == [conversation, None]


def test_the_keyboard_goes_from_step_to_step(view: SequenceView, qtbot: QtBot) -> None:
    conversation = show(qtbot, view, logged(whole(1, finds=8)))
    went: list[object] = []
    view.message_chosen.connect(lambda _, row: went.append(row))
    canvas = view.canvas
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Up):
        qtbot.keyClick(canvas, key)
    assert went == [None, conversation.rows[0], conversation.rows[1], conversation.rows[0]]
    qtbot.keyClick(canvas, Qt.Key.Key_End)
    assert canvas.selected_line == len(canvas.layout_of_lines) - 1
    qtbot.keyClick(canvas, Qt.Key.Key_Home)
    assert canvas.selected_line == 0
    assert canvas.verticalScrollBar().value() == 0
    assert "TCP connect" in canvas.accessibleDescription()


def test_a_row_chosen_elsewhere_is_brought_into_sight_and_not_told_back(view: SequenceView, qtbot: QtBot) -> None:
    talk = Talk(1)
    log = logged(talk.begin(), *([record] for n in range(80) for record in store(talk, n, n % 7)))
    conversation = show(qtbot, view, log)
    with qtbot.assertNotEmitted(view.message_chosen):
        view.select_row(conversation.rows[120])
        canvas = view.canvas
        assert canvas.sequence.key(canvas.layout_of_lines.line(canvas.selected_line).step) == (1, 121)
        top = canvas.layout_of_lines.top(canvas.selected_line) - canvas.verticalScrollBar().value()
        assert 0 <= top < canvas.viewport().height() - canvas.picture.head_height - canvas.picture.line_height
        pdu = conversation.rows[10].pdus[0]
        assert isinstance(pdu, PduRow)
        view.select_row(pdu)
        assert canvas.sequence.key(canvas.layout_of_lines.line(canvas.selected_line).step) == (1, 11)
        view.select_row(None)
        assert canvas.selected_line == -1


def test_one_of_many_is_shown_by_the_line_that_stands_for_it(view: SequenceView, qtbot: QtBot) -> None:
    conversation = show(qtbot, view, logged(stores()))
    view.select_row(conversation.rows[15])
    assert conversation.rows[15].name == "C-STORE-RSP"
    assert view.canvas.selected_line == 4


@pytest.mark.parametrize("how", ["sign", "double click", "keys", "menu"])
def test_what_is_told_as_one_opens_and_closes(view: SequenceView, qtbot: QtBot, how: str) -> None:
    show(qtbot, view, logged(stores()))
    canvas = view.canvas

    def turn(opens: bool) -> None:
        if how == "sign":
            box = canvas.picture.chip_box(canvas.layout_of_lines, canvas.across(canvas.viewport().width()), 3)
            assert box is not None
            y = box.center().y() + canvas.picture.head_height - canvas.verticalScrollBar().value()
            where = QPointF(box.center().x(), y).toPoint()
            qtbot.mouseClick(canvas.viewport(), Qt.MouseButton.LeftButton, pos=where)
        elif how == "double click":
            qtbot.mouseDClick(canvas.viewport(), Qt.MouseButton.LeftButton, pos=point_of(view, 3))
        elif how == "keys":
            click(qtbot, view, 3)
            qtbot.keyClick(canvas, Qt.Key.Key_Right if opens else Qt.Key.Key_Left)
        else:
            menu = view.context_menu(canvas.layout_of_lines.line(3))
            menu.actions()[0].trigger()
            menu.deleteLater()
        settle(qtbot, view)

    turn(True)
    assert shown(view) == [*FOLDED[:3], *["C-STORE-RQ", "C-STORE-RSP"] * 10, *FOLDED[5:]]
    turn(False)
    assert shown(view) == FOLDED


def test_a_message_chosen_in_an_opened_run_is_that_message(view: SequenceView, qtbot: QtBot) -> None:
    conversation = show(qtbot, view, logged(stores()))
    view.canvas.toggle(view.canvas.layout_of_lines.line(3))
    settle(qtbot, view)
    with qtbot.waitSignal(view.message_chosen) as chosen:
        click(qtbot, view, 8)
    assert chosen.args == [conversation, conversation.rows[7]]


def test_repetitions_need_not_be_folded(view: SequenceView, qtbot: QtBot) -> None:
    show(qtbot, view, logged(stores()))
    view.fold.trigger()
    settle(qtbot, view)
    assert len(shown(view)) == 26
    view.fold.trigger()
    settle(qtbot, view)
    assert shown(view) == FOLDED


def test_hovering_tells_details_in_plain_text(view: SequenceView, qtbot: QtBot) -> None:
    talk = Talk(1, calling="<b>EVIL</b>")
    log = logged(talk.begin())
    show(qtbot, view, log)
    where = point_of(view, 1)
    view.canvas.viewportEvent(QHelpEvent(QEvent.Type.ToolTip, where, view.canvas.viewport().mapToGlobal(where)))
    text = QToolTip.text()
    assert "&lt;b&gt;EVIL&lt;/b&gt; → PACS: A-ASSOCIATE-RQ" in text
    assert "2 contexts offered" in text
    QToolTip.hideText()
    assert "10.1.2.3:104" in view.canvas.tip_at(QPoint(view.canvas.viewport().width() - 40, 15))
    assert view.canvas.tip_at(QPoint(200, 580)) == ""


# --- all associations -------------------------------------------------------------------------------------------------


def test_all_associations_are_shown_on_one_clock(view: SequenceView, qtbot: QtBot) -> None:
    log = logged(whole(1), whole(2), whole(3))
    show(qtbot, view, log)
    qtbot.mouseClick(view.all, Qt.MouseButton.LeftButton)
    settle(qtbot, view)
    assert view.shows_all
    assert not view.one.isChecked()
    assert shown(view).count("A-ASSOCIATE-RQ") == 3
    with qtbot.waitSignal(view.message_chosen) as chosen:
        qtbot.keyClick(view.canvas, Qt.Key.Key_End)
    assert chosen.args == [log.conversations[2], None]
    # What the window answers to that: the association, then its row. Nothing is drawn anew.
    before = view.canvas.sequence
    view.set_conversation(log.conversations[2])
    view.select_row(log.conversations[2].rows[0])
    assert view.canvas.sequence is before
    line = view.canvas.layout_of_lines.line(view.canvas.selected_line)
    assert view.canvas.sequence.key(line.step) == (3, 1)


def test_a_new_association_appears_among_all(view: SequenceView, qtbot: QtBot) -> None:
    log = logged(whole(1))
    view.set_log(log)
    view.set_all(True)
    settle(qtbot, view)
    view.apply(log.add(whole(2)))
    settle(qtbot, view)
    assert shown(view).count("connect") == 2


def test_associations_that_are_gone_leave_the_diagram(view: SequenceView, qtbot: QtBot) -> None:
    log = TrafficLog(max_conversations=3)
    for number in range(1, 4):
        log.add(whole(number))
    view.set_log(log)
    view.set_all(True)
    settle(qtbot, view)
    view.apply(log.add(whole(4)))
    settle(qtbot, view)
    layout = view.canvas.layout_of_lines
    assert {layout.sequence.key(line.step)[0] for line in layout.lines()} == {2, 3, 4}


def test_many_lifelines_are_scrolled_sideways(view: SequenceView, qtbot: QtBot) -> None:
    log = TrafficLog()
    for number in range(1, 9):
        log.add(whole_of(number))
    view.set_log(log)
    view.set_all(True)
    settle(qtbot, view)
    assert len(view.canvas.sequence.parties) == 9
    assert view.canvas.horizontalScrollBar().maximum() > 0
    view.resize(2400, 600)
    settle(qtbot, view)
    assert view.canvas.horizontalScrollBar().maximum() == 0


def whole_of(number: int) -> list[Record]:
    talk = Talk(number, calling=f"AE{number}")
    return [*talk.begin(), *talk.end()]


# --- how it is shown --------------------------------------------------------------------------------------------------


def test_with_true_time_steps_are_as_far_apart_as_in_time(view: SequenceView, qtbot: QtBot) -> None:
    talk = Talk(1)
    records = talk.begin()
    for pause in (0.1, 0.3):
        talk.time += pause
        records += talk.find(1)[:2]
    show(qtbot, view, logged(records))
    qtbot.mouseClick(view.time, Qt.MouseButton.LeftButton)
    settle(qtbot, view)
    layout = view.canvas.layout_of_lines
    second = layout.measures.second
    for number in range(1, len(layout)):
        passed = layout.sequence.time(number) - layout.sequence.time(number - 1)
        away = layout.top(number) - layout.top(number - 1)
        assert away == pytest.approx(max(passed * second, layout.measures.line), abs=2)
    assert max(layout.top(at) - layout.top(at - 1) for at in range(1, len(layout))) > 200


def test_zooming_keeps_what_is_in_sight(view: SequenceView, qtbot: QtBot) -> None:
    talk = Talk(1)
    log = logged(talk.begin(), *([record] for n in range(80) for record in store(talk, n, n % 7)))
    conversation = show(qtbot, view, log)
    view.select_row(conversation.rows[100])
    canvas = view.canvas
    height = canvas.picture.line_height
    where = canvas.layout_of_lines.top(canvas.selected_line) - canvas.verticalScrollBar().value()
    for way, check in ((120, height.__lt__), (-120, height.__eq__), (-120, height.__gt__)):
        wheel = QWheelEvent(
            QPointF(100, 200),
            canvas.mapToGlobal(QPointF(100, 200)),
            QPoint(),
            QPoint(0, way),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.ControlModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(canvas.viewport(), wheel)
        settle(qtbot, view)
        assert check(canvas.picture.line_height)
        now = canvas.layout_of_lines.top(canvas.selected_line) - canvas.verticalScrollBar().value()
        assert abs(now - where) <= 1


def test_silence_breaks_the_lifelines(view: SequenceView, qtbot: QtBot) -> None:
    talk = Talk(1)
    records = talk.begin()
    talk.time += 30
    records += talk.find(1)
    show(qtbot, view, logged(records))
    layout = view.canvas.layout_of_lines
    assert [layout.has_gap(number) for number in range(len(layout))] == [False] * 3 + [True] + [False] * 2
    assert layout.top(3) - layout.top(2) == layout.measures.line + layout.measures.gap


@pytest.mark.parametrize("width", [360, 1000])
def test_sent_and_received_are_drawn_in_their_colours_and_shapes(view: SequenceView, qtbot: QtBot, width: int) -> None:
    view.resize(width, 600)
    show(qtbot, view, logged(whole(1)))
    canvas = view.canvas
    image = canvas.viewport().grab().toImage()
    theme = canvas.theme
    for line, colour, solid in ((1, theme.sent, True), (2, theme.received, False)):
        y = int(canvas.picture.arrow_y(canvas.layout_of_lines, line)) + canvas.picture.head_height
        y -= canvas.verticalScrollBar().value()
        places = canvas.across(canvas.viewport().width()).places
        along = [image.pixelColor(x, y).name() for x in range(int(places[0]) + 20, int(places[1]) - 20)]
        painted = along.count(colour.name()) / len(along)
        assert painted == 1.0 if solid else 0.3 < painted < 0.8


def test_another_appearance_is_painted(view: SequenceView, qtbot: QtBot) -> None:
    show(qtbot, view, logged(whole(1)))
    canvas = view.canvas
    canvas.theme.set_appearance(Appearance.DARK)
    dark = canvas.viewport().grab().toImage().pixelColor(3, 300)
    assert dark.name() == canvas.theme.base.name()
    canvas.theme.set_appearance(Appearance.LIGHT)
    assert canvas.viewport().grab().toImage().pixelColor(3, 300) != dark


def test_many_messages_come_in_slices(view: SequenceView, qtbot: QtBot) -> None:
    log = TrafficLog(max_rows=10**7)
    talk = Talk(1)
    log.add(talk.begin())
    conversation = log.conversations[0]
    for number in range(len(conversation.rows) + 1, 30_001):
        row = MessageRow(number, "C-ECHO-RQ", True, talk.time + number * 0.001, 0.001)
        row.complete = row.command_complete = True
        row.status = number % 5
        conversation.rows.append(row)
    view.set_log(log)
    start = time.monotonic()
    view.set_conversation(conversation)
    assert view.canvas.busy
    assert time.monotonic() - start < 0.5
    view.select_row(conversation.rows[20_000])
    settle(qtbot, view)
    assert len(view.canvas.layout_of_lines) == 30_001
    line = view.canvas.layout_of_lines.line(view.canvas.selected_line)
    assert view.canvas.sequence.key(line.step) == (1, 20_001)
    view.canvas.viewport().grab()


# --- taking it elsewhere ----------------------------------------------------------------------------------------------


def test_copied_as_text_and_as_mermaid(view: SequenceView, qtbot: QtBot) -> None:
    show(qtbot, view, logged(stores()))
    clipboard = QGuiApplication.clipboard()
    view.copy_text()
    qtbot.waitUntil(lambda: "C-STORE-RQ × 10" in clipboard.text())
    assert "MODALITY" in clipboard.text()
    assert "Copied as text" in view.outcome.text
    view.copy_mermaid()
    qtbot.waitUntil(lambda: clipboard.text().startswith("sequenceDiagram\n"))
    assert "    loop × 10\n" in clipboard.text()


def test_copied_as_a_picture(view: SequenceView, qtbot: QtBot) -> None:
    show(qtbot, view, logged(stores()))
    QGuiApplication.clipboard().clear()
    view.copy_picture()
    qtbot.waitUntil(lambda: not QGuiApplication.clipboard().image().isNull())
    picture = QGuiApplication.clipboard().image()
    layout = view.canvas.layout_of_lines
    assert picture.height() >= 2 * layout.height
    assert picture.pixelColor(picture.width() // 2, picture.height() - 5) == view.canvas.theme.base


def test_a_step_is_copied_with_the_keyboard(view: SequenceView, qtbot: QtBot) -> None:
    show(qtbot, view, logged(stores()))
    click(qtbot, view, 4)
    qtbot.keyClick(view.canvas, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text().split("\t")[1:] == [
        "PACS → MODALITY",
        QGuiApplication.clipboard().text().split("\t")[2],
    ]
    assert "C-STORE-RSP · ✓ 0x0000 Success" in QGuiApplication.clipboard().text()


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_saved_as_a_picture(
    view: SequenceView, qtbot: QtBot, qt_loop: asyncio.AbstractEventLoop, tmp_path: Path, kind: str
) -> None:
    show(qtbot, view, logged(stores()))
    path = tmp_path / f"sequence.{kind}"
    view.save_picture(path)
    qtbot.waitUntil(lambda: "Saved" in view.outcome.text)
    if kind == "png":
        picture = QImage(str(path))
        assert picture.width() >= 640
        assert picture.height() > view.canvas.layout_of_lines.height
    else:
        drawing = QSvgRenderer(str(path))
        assert drawing.isValid()
        text = path.read_text(encoding="utf-8")
        assert "C-STORE-RQ" in text
        assert "MODALITY" in text
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_what_cannot_be_written_is_said(
    view: SequenceView, qtbot: QtBot, qt_loop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    show(qtbot, view, logged(stores()))
    view.save_picture(tmp_path / "missing" / "sequence.png")
    qtbot.waitUntil(lambda: "cannot be written" in view.outcome.text)
    view.set_conversation(None)
    assert not view.outcome.isVisible()


def test_the_menu_asks_where_to_save(view: SequenceView, qtbot: QtBot) -> None:
    show(qtbot, view, logged(stores()))
    view.actions_by_name["sequenceSaveSvg"].trigger()
    dialog = view.findChild(QFileDialog, "sequenceSaveDialog")
    assert isinstance(dialog, QFileDialog)
    assert dialog.defaultSuffix() == "svg"
    dialog.close()


def test_a_diagram_longer_than_a_picture_says_what_it_shows(view: SequenceView, qtbot: QtBot) -> None:
    talk = Talk(1)
    log = logged(talk.begin(), *([record] for n in range(700) for record in store(talk, n, n % 7)))
    show(qtbot, view, log)
    canvas = view.canvas
    first = canvas.layout_of_lines.line_at(3000)
    export = Export(canvas.picture, canvas.layout_of_lines, canvas.across(800), first)
    for _ in export.draw_image():
        pass
    assert export.image is not None
    assert export.image.height() <= 30_000
    assert export.foot.startswith(f"Lines {first + 1:,} to ")
    assert export.foot.endswith(f"of {len(canvas.layout_of_lines):,}")


def test_a_picture_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    path.write_text("before")
    write_picture(path, b"<svg/>")
    assert path.read_bytes() == b"<svg/>"
    with pytest.raises(OSError, match=r".+"):
        write_picture(tmp_path / "no" / "a.svg", b"<svg/>")


def test_the_menu_asks_for_filters(view: SequenceView, qtbot: QtBot) -> None:
    show(qtbot, view, logged(stores()))
    menu = view.context_menu(view.canvas.layout_of_lines.line(4))
    by_text = {action.text(): action for action in menu.actions()}
    for text, expression in (
        ("Filter on This Association", "association == 1"),
        ("Filter on C-STORE-RSP", 'dimse == "C-STORE-RSP"'),
        ("Filter on Status 0x0000", "status == 0x0000"),
    ):
        with qtbot.waitSignal(view.filter_asked) as asked:
            by_text[text].trigger()
        assert asked.args == [expression]
        # What it asks for is an expression that the step passes.
        conversation = view.canvas.sequence.log.conversations[0]
        assert Filter.of(expression).passes(conversation, conversation.rows[3])
    menu.deleteLater()
