from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QMetaMethod, Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot
from viewer_wire import Talk, emit, whole

from workstation.net import AE
from workstation.net.sop_class import Verification
from workstation.traffic.log import TrafficLog
from workstation.traffic.record import NOTIFICATIONS
from workstation.ui.bridge import Bridge, signal_name
from workstation.ui.tasks import Tasks
from workstation.ui.theme import Appearance, Theme
from workstation.ui.viewers.viewers import Viewers


class Bench:
    def __init__(self) -> None:
        self.theme = Theme()
        self.bridge = Bridge()
        self.log = TrafficLog()
        self.viewers = Viewers(self.bridge, self.log, self.theme, Tasks())


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    bench = Bench()
    v = bench.viewers
    for widget in (v.associations_pane, v.messages, v.decoded_pane, v.bytes_pane, v.state, v.log_view):
        qtbot.addWidget(widget)
        widget.resize(600, 300)
        widget.show()
    yield bench
    v.log_view.close_handler()


def settled(bench: Bench, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not bench.viewers.settling)


def test_every_one_of_the_seventeen_signals_has_a_viewer(bench: Bench) -> None:
    for name in NOTIFICATIONS:
        signal = QMetaMethod.fromSignal(getattr(bench.bridge, signal_name(name)))
        assert bench.bridge.isSignalConnected(signal), name


def test_the_newest_association_and_its_telling_message_are_shown(bench: Bench, qtbot: QtBot) -> None:
    emit(bench.bridge, whole(1) + whole(2))
    v = bench.viewers
    assert v.conversation is bench.log.conversation(2)
    settled(bench, qtbot)
    assert v.messages.current_row().name == "C-FIND-RSP"
    assert v.decoded.fields.index(0, 0).data() == "Command Set"
    assert v.bytes.data == v.dissection.data
    assert v.decoded.windowTitle() == "Decoded C-FIND-RSP"
    assert v.state.step == len(bench.log.conversation(2).path)


def test_a_selected_association_stays_when_others_come(bench: Bench, qtbot: QtBot) -> None:
    emit(bench.bridge, whole(1) + whole(2))
    v = bench.viewers
    v.associations.setFocus()
    v.select_association(1)
    assert v.conversation is bench.log.conversation(1)
    assert not v.following
    emit(bench.bridge, whole(3))
    settled(bench, qtbot)
    assert v.conversation is bench.log.conversation(1)
    v.follow_newest()
    assert v.conversation is bench.log.conversation(3)
    emit(bench.bridge, whole(4))
    assert v.conversation is bench.log.conversation(4)


def test_going_to_the_newest_follows_again(bench: Bench) -> None:
    emit(bench.bridge, whole(1) + whole(2))
    bench.viewers.select_association(1)
    bench.viewers.select_association(2)
    emit(bench.bridge, whole(3))
    assert bench.viewers.conversation is bench.log.conversation(3)


def test_field_to_bytes_and_byte_to_field_across_fragments(bench: Bench, qtbot: QtBot) -> None:
    talk = Talk(1)
    emit(bench.bridge, talk.begin() + talk.find(name="Doe^Jane", fragment=10) + talk.end())
    v = bench.viewers
    v.select_message(4)
    shown = v.dissection
    assert len(v.messages.messages.message_at(v.messages.currentIndex()).pdus) > 5
    place = v.bytes.data.index(b"Doe^Jane")
    v.bytes.go_to(place + 3)
    path = v.decoded.current_path()
    assert shown.field(path).name == "(0010,0010) Patient's Name"
    (marked,) = v.bytes.marks
    assert marked[0] <= place
    assert marked[0] + marked[1] >= place + 8
    assert v.bytes.cursor_offset == place + 3, "the person's byte stays theirs"
    qtbot.keyClick(v.decoded, Qt.Key.Key_Down)
    assert v.bytes.marks[0][0] == marked[0] + marked[1]
    assert "Patient ID" in v.bytes.accessibleDescription()


def test_a_pdu_shows_its_own_bytes(bench: Bench) -> None:
    emit(bench.bridge, whole(1))
    v = bench.viewers
    v.select_message(3)
    above = v.messages.messages.index_of(3)
    v.messages.set_open(above, True)
    v.messages.setCurrentIndex(v.messages.messages.pdu_index(3, 0))
    assert v.bytes.data[0] == 4
    assert v.decoded.fields.index(0, 0).data() == "P-DATA-TF"


def test_the_state_machine_goes_to_the_moment_of_the_message(bench: Bench) -> None:
    emit(bench.bridge, whole(1))
    v = bench.viewers
    v.select_message(1)
    assert str(v.state.diagram.trail.current) == "Sta5"
    v.select_message(3)
    assert str(v.state.diagram.trail.current) == "Sta6"


def test_the_state_machine_shows_the_step_of_the_message_however_fast_the_answer_was(bench: Bench) -> None:
    emit(bench.bridge, [record._replace(time=1_700_000_000.0) for record in whole(1, finds=2)])
    v = bench.viewers
    steps = {}
    for row in v.messages.messages.conversation.rows:
        v.select_message(row.number)
        steps[row.name, row.sent] = v.state.sentence.text().split(": ")[0]
    assert steps["A-ASSOCIATE-RQ", True] == "Sta4 —AE-2→ Sta5"
    assert steps["A-ASSOCIATE-AC", False] == "Sta5 —AE-3→ Sta6"
    assert steps["C-FIND-RQ", True] == "Sta6 —DT-1→ Sta6"
    assert steps["C-FIND-RSP", False] == "Sta6 —DT-2→ Sta6"
    assert steps["A-RELEASE-RQ", True] == "Sta6 —AR-1→ Sta7"
    assert steps["A-RELEASE-RP", False] == "Sta7 —AR-3→ Sta1"


def test_a_message_that_grows_is_decoded_again_and_keeps_its_field(bench: Bench, qtbot: QtBot) -> None:
    talk = Talk(1)
    records = talk.begin() + talk.find(fragment=20)
    datas = [at for at, record in enumerate(records) if record.event == "EVT_DATA_RECV"]
    cut = datas[-6]
    emit(bench.bridge, records[:cut])
    v = bench.viewers
    settled(bench, qtbot)
    v.select_message(4)
    before = len(v.bytes.data)
    v.decoded.setCurrentIndex(v.decoded.fields.index_of((0, 1)))
    emit(bench.bridge, records[cut:])
    settled(bench, qtbot)
    assert len(v.bytes.data) > before
    assert v.decoded.current_path() == (0, 1)


def test_an_association_that_the_log_lets_go_leaves_the_viewers(qtbot: QtBot) -> None:
    bench = Bench()
    bench.log.max_rows = 60
    v = bench.viewers
    emit(bench.bridge, whole(1))
    v.select_association(1)
    v.select_message(3)
    v._follow_newest = False
    for number in range(2, 10):
        emit(bench.bridge, whole(number))
    assert bench.log.conversation(1) is None
    assert v.conversation is None
    assert v.dissection is None
    assert v.bytes.data == b""
    v.log_view.close_handler()


def test_clear_forgets_all(bench: Bench, qtbot: QtBot) -> None:
    emit(bench.bridge, whole(1))
    settled(bench, qtbot)
    bench.viewers.clear()
    v = bench.viewers
    assert v.conversation is None
    assert v.associations.empty.isVisible()
    assert v.messages.empty.isVisible()
    assert v.decoded.empty.isVisible()
    assert v.bytes.data == b""
    emit(bench.bridge, whole(2))
    assert v.conversation is bench.log.conversation(2)


def test_light_and_dark_paint_without_complaint(bench: Bench, qtbot: QtBot) -> None:
    emit(bench.bridge, whole(1))
    settled(bench, qtbot)
    v = bench.viewers
    pictures = []
    for appearance in (Appearance.LIGHT, Appearance.DARK):
        bench.theme.set_appearance(appearance)
        qtbot.wait(30)  # the application tells its widgets of a palette by events
        pictures.append([w.grab().toImage() for w in (v.associations, v.messages, v.decoded, v.bytes, v.state)])
    assert [light != dark for light, dark in zip(*pictures, strict=True)] == [True] * 5
    bench.theme.set_appearance(Appearance.LIGHT)


def test_everything_to_click_has_names(bench: Bench) -> None:
    v = bench.viewers
    for root in (v.associations, v.messages, v.decoded, v.bytes, v.state, v.log_view):
        widgets = [root, *root.findChildren(QWidget)]
        for widget in widgets:
            shown = widget.isVisibleTo(root) and not widget.objectName().startswith("qt_")
            if shown and widget.focusPolicy() is not Qt.FocusPolicy.NoFocus:
                assert widget.objectName(), widget
                assert widget.accessibleName() or widget.focusProxy(), widget.objectName()


def test_an_association_that_never_was_says_so(bench: Bench, qtbot: QtBot, free_port: int) -> None:
    ae = AE()
    ae.add_requested_context(Verification)
    assoc = ae.associate("127.0.0.1", free_port, evt_handlers=bench.bridge.recorder.handlers())
    qtbot.waitUntil(lambda: not bench.bridge.waiting and bench.log.conversation(assoc.number) is not None)
    qtbot.waitUntil(lambda: bench.log.conversation(assoc.number).finished)
    assert bench.viewers.messages.conversation is bench.log.conversation(assoc.number)
    qtbot.waitUntil(lambda: "ended before its first PDU" in bench.viewers.messages.empty.text)
