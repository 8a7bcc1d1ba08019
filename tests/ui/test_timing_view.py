"""The timing view: what it says of an association, its lanes, tables and selection."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot
from viewer_wire import FIND, Talk, identifier, whole

from workstation.net.codec.dimse import C_FIND_RQ
from workstation.traffic.analysis.timing import Stage
from workstation.traffic.conversation import Conversation
from workstation.traffic.filters.filter import Filter
from workstation.traffic.log import TrafficLog
from workstation.traffic.rows import MessageRow
from workstation.ui.theme import Appearance, Theme
from workstation.ui.viewers.timing.lanes import Scale, ticks
from workstation.ui.viewers.timing.text import filters_on, span_text
from workstation.ui.viewers.timing.view import TimingView

FINDS = 40


@pytest.fixture
def log() -> TrafficLog:
    log = TrafficLog()
    log.add(whole(1, finds=FINDS))
    return log


@pytest.fixture
def view(qtbot: QtBot, log: TrafficLog) -> TimingView:
    view = TimingView(Theme())
    qtbot.addWidget(view)
    view.resize(700, 480)
    view.show()
    view.set_log(log)
    return view


@pytest.fixture
def shown(view: TimingView, log: TrafficLog, qtbot: QtBot) -> TimingView:
    show(view, log.conversations[0], qtbot)
    return view


def show(view: TimingView, conversation: Conversation, qtbot: QtBot) -> None:
    view.set_conversation(conversation)
    settle(view, qtbot)


def settle(view: TimingView, qtbot: QtBot) -> None:
    """Until all rows are read and shown."""

    def read() -> None:
        assert view.timing is not None
        assert view.timing.conversation.rows[-1].number == view.timing.read_up_to
        assert not view._slices.busy

    qtbot.waitUntil(lambda: read() is None)


def point_in(view: TimingView, lane: int, stage: Stage) -> QPoint:
    place = next(place for each, place in view.lanes.bars(lane) if each is stage)
    return place.center().toPoint()


def test_without_an_association_it_says_what_will_be_shown(view: TimingView) -> None:
    assert view.empty.isVisible()
    assert "No association selected" in view.empty.text
    assert not view.shares.isVisible()


def test_the_summary_has_the_times_of_the_association(shown: TimingView) -> None:
    text = shown.summary.text()
    assert "connect 10.0 ms · negotiate 10.0 ms" in text
    assert f"{FINDS} requests, response time 30.0 ms (median)" in text
    parts = shown.shares.text().splitlines()
    assert [part.rsplit(" ", 5)[0] for part in parts[:3]] == ["Connecting", "Negotiating", "We send"]
    assert any(part.startswith("Peer thinks") for part in parts)
    assert not shown.empty.isVisible()


def test_what_there_is_no_room_for_is_left_out_and_nothing_is_cut(shown: TimingView) -> None:
    seen = []
    for height in range(480, shown.minimumSizeHint().height() - 1, -10):
        shown.resize(320, height)
        QApplication.processEvents()
        assert shown.height() == height
        seen.append((shown.summary.isVisible(), shown.plot.isVisible()))
        assert shown.lanes.height() >= shown.lanes.minimumHeight()
        assert shown.shares.isVisible()
        if shown.summary.isVisible():
            assert shown.summary.height() >= shown.summary.heightForWidth(shown.summary.width())
        if shown.plot.isVisible():
            assert shown.plot.height() >= shown.plot.minimumHeight()
    assert list(dict.fromkeys(seen)) == [(True, True), (True, False), (False, False)]


def test_each_request_has_a_lane_with_its_parts_in_order(shown: TimingView) -> None:
    assert len(shown.timing.shown) == FINDS + 2
    stages = [stage for stage, _ in shown.lanes.bars(1)]
    assert stages == [Stage.PEER, Stage.RECEIVE, Stage.RECEIVE, Stage.SEND], "each response where it came"
    places = dict(shown.lanes.bars(1))
    assert places[Stage.SEND].right() <= places[Stage.PEER].left() + 1
    assert places[Stage.PEER].right() <= places[Stage.RECEIVE].left() + 1
    first = dict(shown.lanes.bars(0))
    assert {Stage.CONNECT, Stage.NEGOTIATE} <= set(first)
    assert first[Stage.CONNECT].left() == pytest.approx(first[Stage.SEND].left() - first[Stage.CONNECT].width())


def test_a_click_goes_to_the_request_or_to_the_response(shown: TimingView, qtbot: QtBot) -> None:
    conversation = shown.conversation
    with qtbot.waitSignal(shown.message_chosen) as chosen:
        qtbot.mouseClick(
            shown.lanes.viewport(), Qt.MouseButton.LeftButton, pos=shown.lanes.lane_rect(2).topLeft() + QPoint(20, 6)
        )
    assert chosen.args[0] is conversation
    assert chosen.args[1].name == "C-FIND-RQ"
    assert chosen.args[1].number == shown.timing.exchange(2).request
    with qtbot.waitSignal(shown.message_chosen) as chosen:
        place = next(place for stage, place in shown.lanes.bars(2) if stage is Stage.RECEIVE)
        at = QPoint(int(place.right()), int(place.center().y()))
        qtbot.mouseClick(shown.lanes.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert chosen.args[1].name == "C-FIND-RSP"
    assert chosen.args[1].status == 0


def test_a_row_chosen_elsewhere_is_selected_and_brought_in_sight(shown: TimingView, qtbot: QtBot) -> None:
    said: list[object] = []
    shown.message_chosen.connect(lambda *args: said.append(args))
    row = shown.conversation.rows[-3]
    assert row.name == "C-FIND-RSP"
    shown.select_row(row.pdus[0])
    place = shown.timing.place_of(row.number)
    assert shown.lanes.current == place
    lane = list(shown.timing.shown).index(place)
    rect = shown.lanes.lane_rect(lane)
    assert rect.top() > 0
    assert rect.bottom() <= shown.lanes.viewport().height()
    assert said == []
    shown.select_row(None)
    assert shown.lanes.current == -1


def test_keys_go_from_lane_to_lane(shown: TimingView, qtbot: QtBot) -> None:
    chosen: list[MessageRow] = []
    shown.message_chosen.connect(lambda _, row: chosen.append(row))
    shown.lanes.setFocus()
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_End):
        qtbot.keyClick(shown.lanes, key)
    assert [row.name for row in chosen] == ["A-ASSOCIATE-RQ", "C-FIND-RQ", "A-ASSOCIATE-RQ", "A-RELEASE-RQ"]


def test_the_axis_spans_what_is_in_sight_all_or_begins_at_zero(shown: TimingView) -> None:
    timing = shown.timing
    since, until = shown.lanes.shown_time()
    assert since == pytest.approx(timing.start)
    assert until < timing.end
    bar = shown.lanes.verticalScrollBar()
    bar.setValue(bar.maximum())
    assert shown.lanes.shown_time()[0] > since
    shown.scales.setCurrentIndex(1)
    assert shown.lanes.scale is Scale.WHOLE
    since, until = shown.lanes.shown_time()
    assert since == pytest.approx(timing.start)
    assert until >= timing.end
    shown.scales.setCurrentIndex(2)
    bar.setValue(0)
    starts = {dict(shown.lanes.bars(lane))[Stage.SEND].left() for lane in range(4)}
    assert len(starts) == 1
    assert not shown.plot.isVisible()


def test_zooming_keeps_the_moment_under_the_pointer(shown: TimingView) -> None:
    shown.scales.setCurrentIndex(1)
    place = next(place for stage, place in shown.lanes.bars(3) if stage is Stage.SEND)
    shown.lanes.zoom(8.0, place.left())
    assert next(place for stage, place in shown.lanes.bars(3) if stage is Stage.SEND).left() == pytest.approx(
        place.left(), abs=1.5
    )
    since, until = shown.lanes.shown_time()
    assert until - since < shown.timing.duration / 6
    shown.lanes.zoom(1e-6)
    assert shown.lanes.horizontalScrollBar().maximum() == 0


def test_the_slowest_are_listed_and_chosen(shown: TimingView, qtbot: QtBot) -> None:
    shown.tabs.setCurrentIndex(1)
    model = shown.slowest.slowest
    assert model.rowCount() == FINDS + 2
    times = [each.answer for each in model.exchanges]
    assert times == sorted(times, reverse=True)
    assert model.shown(0).texts[1] == "→ C-FIND"
    with qtbot.waitSignal(shown.message_chosen) as chosen:
        shown.slowest.setCurrentIndex(model.index(3, 0))
    assert chosen.args[1].number == model.exchanges[3].request
    header = shown.slowest.header()
    header.sectionClicked.emit(4)
    assert shown.slowest.by == "sending"
    assert shown.slowest.currentIndex().row() >= 0
    assert model.exchanges[shown.slowest.currentIndex().row()].request == chosen.args[1].number


def test_figures_by_name_offer_a_filter(shown: TimingView, qtbot: QtBot) -> None:
    shown.tabs.setCurrentIndex(2)
    model = shown.figures.figures
    assert model.shown(0).texts[:3] == ("C-FIND", str(FINDS), "30.0 ms")
    menu = QMenu(shown)
    shown.figures.fill_menu(menu, model.index(0, 0))
    with qtbot.waitSignal(shown.filter_asked) as asked:
        menu.actions()[0].trigger()
    assert asked.args == ['dimse == "C-FIND"']


def test_a_click_on_the_throughput_goes_to_what_was_under_way(shown: TimingView, qtbot: QtBot) -> None:
    since, until = shown.lanes.shown_time()
    left, right = shown.lanes.axis_place
    wanted = shown.timing.exchange(3)
    x = left + (wanted.start + 0.005 - since) / (until - since) * (right - left)
    with qtbot.waitSignal(shown.message_chosen) as chosen:
        qtbot.mouseClick(shown.plot, Qt.MouseButton.LeftButton, pos=QPoint(int(x), 20))
    assert chosen.args[1].number == wanted.request
    assert shown.plot.rate_at(2.0) is None


def test_a_lane_offers_its_rows_its_like_and_its_times(shown: TimingView, qtbot: QtBot) -> None:
    menu = QMenu(shown)
    shown.lanes.fill_menu(menu, 1)
    actions = [action for action in menu.actions() if not action.isSeparator()]
    with qtbot.waitSignal(shown.message_chosen) as chosen:
        actions[1].trigger()
    assert chosen.args[1].name == "C-FIND-RSP"
    asked: list[str] = []
    shown.filter_asked.connect(asked.append)
    actions[2].trigger()
    actions[3].trigger()
    assert asked[0] == 'dimse == "C-FIND"'
    slow = Filter.of(asked[1])
    conversation = shown.conversation
    response = conversation.rows[conversation.index_of(shown.timing.exchange(1).request)]
    assert any(slow.passes(conversation, row) for row in conversation.rows if row.request == response.number)
    actions[4].trigger()
    clipboard = QApplication.clipboard()
    assert "First byte after 10.0 ms" in clipboard.text()


@pytest.mark.parametrize(
    "name", ["A-ASSOCIATE", "A-RELEASE", "A-ABORT", "C-STORE", "C-CANCEL-RQ", "C-ECHO-RSP", "P-DATA-TF"]
)
def test_every_filter_offered_can_be_read(name: str) -> None:
    for _, expression in filters_on(name):
        assert Filter.of(expression).text == expression


class Only:
    """Passes rows with one status."""

    def __init__(self, status: int) -> None:
        self.status = status

    def passes(self, conversation: Conversation, row: MessageRow) -> bool:
        return row.status == self.status


def test_only_requests_that_pass_the_filter_are_shown(shown: TimingView, qtbot: QtBot) -> None:
    shown.set_filter(Only(0))
    settle(shown, qtbot)
    assert len(shown.timing.shown) == FINDS
    assert shown.timing.exchange(shown.timing.shown[0]).name == "C-FIND"
    shown.set_filter(Only(0xA700))
    settle(shown, qtbot)
    assert shown.empty.isVisible()
    assert "No request passes the filter" in shown.empty.text
    assert shown.shares.isVisible(), "the whole association is divided whatever the filter"
    shown.set_filter(None)
    settle(shown, qtbot)
    assert not shown.empty.isVisible()


def test_one_thing_at_a_time_is_said_of_an_empty_page(shown: TimingView, qtbot: QtBot) -> None:
    for page, table in ((1, shown.slowest), (2, shown.figures)):
        shown.tabs.setCurrentIndex(page)
        shown.set_filter(Only(0xA700))
        settle(shown, qtbot)
        assert shown.empty.isVisible()
        assert not table.empty.isVisible()
        shown.set_filter(None)
        settle(shown, qtbot)
        assert not shown.empty.isVisible()
        assert not table.empty.isVisible()
    log, talk = TrafficLog(), Talk(8)
    log.add([talk.step("Sta1", "Evt1", "AE-1", "Sta4"), *talk.begin()[4:5]])
    shown.set_log(log)
    show(shown, log.conversations[0], qtbot)
    assert len(shown.timing) == 1
    assert shown.figures.empty.isVisible()


def test_it_follows_an_association_that_goes_on(view: TimingView, qtbot: QtBot) -> None:
    log, talk = TrafficLog(), Talk(5)
    log.add(talk.begin())
    view.set_log(log)
    show(view, log.conversations[0], qtbot)
    asked = C_FIND_RQ(context_id=1, MessageID=9, AffectedSOPClassUID=FIND, Priority=0, has_data_set=True)
    view.apply(log.add(talk.message(asked, identifier(), sent=True)))
    qtbot.waitUntil(lambda: len(view.timing) == 2)
    assert not view.timing.exchange(1).done
    assert "1 request waiting for a response" in view.summary.text()
    for message_id in range(10, 60):
        view.apply(log.add(talk.find(message_id)))
    qtbot.waitUntil(lambda: len(view.timing) == 52)
    bar = view.lanes.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.value() == bar.maximum() > 0)


def test_a_request_that_waits_is_seen_to_wait(qtbot: QtBot) -> None:
    log, talk = TrafficLog(), Talk(5)
    log.add(talk.begin())
    asked = C_FIND_RQ(context_id=1, MessageID=9, AffectedSOPClassUID=FIND, Priority=0, has_data_set=True)
    log.add(talk.message(asked, identifier(), sent=True))
    clock = talk.time
    view = TimingView(Theme(), clock=lambda: clock)
    qtbot.addWidget(view)
    view.show()
    view.set_log(log)
    show(view, log.conversations[0], qtbot)
    assert view.lanes._length_text(view.timing.exchange(1)) == "10.0 ms…"
    clock += 4.0
    qtbot.waitUntil(lambda: view.lanes._length_text(view.timing.exchange(1)) == "4.01 s…")
    assert "Peer thinks 4.00 s · 99 %" in view.shares.text()
    view.apply(log.add(talk.end()))
    qtbot.waitUntil(lambda: len(view.timing) == 3)
    assert view.lanes._length_text(view.timing.exchange(1)) == "no response"
    assert not view._soon.isActive(), "nothing more can come"


def test_what_happens_while_it_is_hidden_is_read_when_it_is_shown(view: TimingView, qtbot: QtBot) -> None:
    log, talk = TrafficLog(), Talk(6)
    log.add(talk.begin())
    view.set_log(log)
    show(view, log.conversations[0], qtbot)
    view.hide()
    view.apply(log.add(talk.find(1)))
    assert not view._soon.isActive()
    assert len(view.timing) == 1
    view.show()
    qtbot.waitUntil(lambda: len(view.timing) == 2)


def test_rows_that_are_gone_cannot_be_gone_to(view: TimingView, qtbot: QtBot) -> None:
    log, talk = TrafficLog(max_rows=60), Talk(7)
    log.add(talk.begin())
    view.set_log(log)
    show(view, log.conversations[0], qtbot)
    for message_id in range(1, 40):
        view.apply(log.add(talk.find(message_id)))
        settle_now(view)
    settle(view, qtbot)
    assert log.conversations[0].trimmed
    said: list[object] = []
    view.message_chosen.connect(lambda *args: said.append(args))
    view.lanes.verticalScrollBar().setValue(0)
    qtbot.mouseClick(view.lanes.viewport(), Qt.MouseButton.LeftButton, pos=view.lanes.lane_rect(1).center())
    assert said == []
    assert view.lanes.current == 1


def settle_now(view: TimingView) -> None:
    for _ in view.timing.read():
        pass


def test_pointing_at_a_lane_explains_it(shown: TimingView) -> None:
    text = shown.lanes.words(shown.timing.exchange(1))
    assert "→ C-FIND" in text
    assert "We send: 10.0 ms" in text
    assert "First byte after 10.0 ms" in text
    assert "2 responses" in text
    assert "Status 0x0000 (Success)" in text


def test_in_a_capture_neither_side_is_ours(shown: TimingView, log: TrafficLog, qtbot: QtBot) -> None:
    log.source = "night.pcap"
    shown.set_log(log)
    show(shown, log.conversations[0], qtbot)
    assert "Acceptor thinks" in shown.shares.text()
    assert "Requestor sends" in shown.lanes.words(shown.timing.exchange(1))


@pytest.mark.parametrize("width", [360, 900])
def test_it_paints_at_any_width_in_both_palettes(shown: TimingView, width: int, qtbot: QtBot) -> None:
    shown.resize(width, 500)
    qtbot.waitUntil(lambda: shown.width() == width)
    pictures = []
    for appearance in (Appearance.LIGHT, Appearance.DARK):
        shown.lanes._theme.set_appearance(appearance)
        pictures.append(shown.grab().toImage().convertToFormat(QImage.Format.Format_RGB32))
    light, dark = pictures
    place = shown.lanes.mapTo(shown, QPoint(shown.lanes.axis_place[1] - 4, 4))
    assert light.pixelColor(place).lightness() > 200
    assert dark.pixelColor(place).lightness() < 60
    assert shown.tabs.width() + shown.scales.width() <= width


def test_ticks_are_round_and_not_too_many() -> None:
    for until in (0.0003, 0.07, 1.0, 13.0, 86400.0):
        step, moments = ticks(0.0, until, 6)
        assert 1 <= len(moments) <= 7
        digit = f"{step:.6e}"[0]
        assert digit in "125"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 µs"),
        (0.0000854, "85 µs"),
        (0.00124, "1.24 ms"),
        (0.0124, "12.4 ms"),
        (0.9996, "1.00 s"),
        (125, "2 min 5 s"),
    ],
)
def test_durations_have_three_figures(seconds: float, text: str) -> None:
    assert span_text(seconds) == text
