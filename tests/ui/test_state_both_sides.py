"""Requestor and acceptor in the state machine view: one slider, two diagrams, and how each path is known."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QProxyStyle, QStyle
from pytestqt.qtbot import QtBot
from viewer_wire import Talk, accept, request, whole

from workstation.net.codec.pdu import A_RELEASE_RP, A_RELEASE_RQ
from workstation.net.engine.fsm import State
from workstation.traffic.log import TrafficLog
from workstation.traffic.record import ConversationFacts, Record
from workstation.ui.theme import Theme
from workstation.ui.viewers.state.view import StateView


@pytest.fixture
def view(qtbot: QtBot) -> StateView:
    view = StateView(Theme())
    qtbot.addWidget(view)
    view.resize(420, 600)
    view.show()
    return view


def both(view: StateView, log: TrafficLog, number: int, qtbot: QtBot) -> None:
    view.set_log(log)
    view.set_conversation(log.conversation(number))
    qtbot.mouseClick(view.both_sides, Qt.MouseButton.LeftButton)


def caption(view: StateView, name: str) -> QLabel:
    label = view.findChild(QLabel, f"{name}Caption")
    assert isinstance(label, QLabel)
    return label


def facts(mode: str, port: int, local_port: int) -> ConversationFacts:
    return ConversationFacts(mode, "MODALITY", "PACS", "127.0.0.1", port, "127.0.0.1", local_port)


def requestor_opens(talk: Talk) -> list[Record]:
    asked = talk.step("Sta1", "Evt1", "AE-1", "Sta4")
    talk.time += 0.002
    return [
        asked,
        talk.record("EVT_CONN_OPEN", address=("127.0.0.1", 104), facts=facts("requestor", 104, 40_000)),
        talk.step("Sta4", "Evt2", "AE-2", "Sta5"),
        *talk.pdu(request("MODALITY"), sent=True),
        *talk.pdu(accept("MODALITY"), sent=False),
        talk.step("Sta5", "Evt3", "AE-3", "Sta6"),
    ]


def acceptor_opens(talk: Talk) -> list[Record]:
    return [
        talk.step("Sta1", "Evt5", "AE-5", "Sta2"),
        talk.record("EVT_CONN_OPEN", address=("127.0.0.1", 40_000), facts=facts("acceptor", 40_000, 104)),
        *talk.pdu(request("MODALITY"), sent=False),
        talk.step("Sta2", "Evt6", "AE-6", "Sta3"),
        talk.step("Sta3", "Evt7", "AE-7", "Sta6"),
        *talk.pdu(accept("MODALITY"), sent=True),
    ]


@pytest.fixture
def loopback() -> tuple[TrafficLog, Talk, Talk]:
    """Both ends of an association in one log."""
    here, there = Talk(1), Talk(2, mode="acceptor")
    there.time = here.time + 0.001
    log = TrafficLog()
    log.add(requestor_opens(here))
    log.add(acceptor_opens(there))
    return log, here, there


def test_one_side_is_shown_until_both_are_asked_for(view: StateView, qtbot: QtBot) -> None:
    log = TrafficLog()
    log.add(whole(1))
    view.set_log(log)
    view.set_conversation(log.conversations[0])
    assert not view.other.isVisible()
    assert not caption(view, "stateDiagram").isVisible()
    steps = view.slider.maximum()
    qtbot.mouseClick(view.both_sides, Qt.MouseButton.LeftButton)
    assert view.other.isVisible()
    assert view.slider.maximum() > steps
    qtbot.mouseClick(view.both_sides, Qt.MouseButton.LeftButton)
    assert not view.other.isVisible()
    assert view.slider.maximum() == steps


def test_the_side_that_is_not_ours_is_derived_and_said_to_be(view: StateView, qtbot: QtBot) -> None:
    log = TrafficLog()
    log.add(whole(1))
    both(view, log, 1, qtbot)
    assert caption(view, "stateDiagram").text() == "Requestor MODALITY · ours"
    other = caption(view, "stateOtherDiagram")
    assert other.text().endswith("Acceptor PACS · derived from the bytes")
    assert "read off the PDUs" in other.toolTip()
    visited = view.other.trail.visited
    assert {State.STA2, State.STA3, State.STA6, State.STA8, State.STA13} <= visited
    assert State.STA5 not in visited
    assert State.STA5 in view.diagram.trail.visited


def test_of_an_acceptor_the_requestor_is_derived(view: StateView, qtbot: QtBot) -> None:
    log = TrafficLog()
    log.add(acceptor_opens(Talk(2, mode="acceptor")))
    both(view, log, 2, qtbot)
    assert caption(view, "stateDiagram").text().endswith("Requestor MODALITY · derived from the bytes")
    assert view.diagram.trail.current is State.STA6
    assert State.STA5 in view.diagram.trail.visited
    assert view.other.trail.current is State.STA6
    assert caption(view, "stateOtherDiagram").text().endswith("Acceptor PACS · ours")


def test_the_other_end_in_the_log_is_taken_as_it_was(
    view: StateView, loopback: tuple[TrafficLog, Talk, Talk], qtbot: QtBot
) -> None:
    log, _, _ = loopback
    both(view, log, 1, qtbot)
    assert caption(view, "stateOtherDiagram").text().endswith("Acceptor PACS · ours, #2")
    assert view.slider.maximum() == 6
    assert view.other.trail.steps == 3


def test_the_slider_goes_through_the_steps_of_both_in_order(
    view: StateView, loopback: tuple[TrafficLog, Talk, Talk], qtbot: QtBot
) -> None:
    log, _, _ = loopback
    both(view, log, 1, qtbot)
    said, current = [], []
    for step in range(1, 7):
        view.slider.setValue(step)
        said.append(view.sentence.text().split(" →")[0].split("→")[0])
        current.append((view.diagram.trail.current, view.other.trail.current))
    assert said == [
        "Requestor: Sta1 —AE-1",
        "Acceptor: Sta1 —AE-5",
        "Requestor: Sta4 —AE-2",
        "Acceptor: Sta2 —AE-6",
        "Acceptor: Sta3 —AE-7",
        "Requestor: Sta5 —AE-3",
    ]
    assert current[3] == (State.STA5, State.STA3)
    # The numbers on the lines are the slider's.
    assert view.other.trail.lines[State.STA2, State.STA3].number == 4
    assert view.diagram.trail.lines[State.STA5, State.STA6].number == 6


def test_the_clock_and_who_acts_are_said(
    view: StateView, loopback: tuple[TrafficLog, Talk, Talk], qtbot: QtBot
) -> None:
    log, _, _ = loopback
    both(view, log, 1, qtbot)
    view.slider.setValue(6)
    who = view.findChild(QLabel, "stateWho")
    assert isinstance(who, QLabel)
    assert "+22.0 ms · #1" in who.text()
    assert caption(view, "stateDiagram").text().startswith("▶ ")
    assert caption(view, "stateDiagram").font().bold()
    view.slider.setValue(5)
    assert caption(view, "stateOtherDiagram").text().startswith("▶ ")
    assert not caption(view, "stateDiagram").font().bold()
    assert view.diagram.trail.last is None, "what it did before is not what happened now"


def test_it_follows_both_ends(view: StateView, loopback: tuple[TrafficLog, Talk, Talk], qtbot: QtBot) -> None:
    log, here, there = loopback
    both(view, log, 1, qtbot)
    view.apply(log.add([here.step("Sta6", "Evt11", "AR-1", "Sta7"), *here.pdu(A_RELEASE_RQ(), sent=True)]))
    assert view.diagram.trail.current is State.STA7
    there.time = here.time
    change = log.add([*there.pdu(A_RELEASE_RQ(), sent=False), there.step("Sta6", "Evt12", "AR-2", "Sta8")])
    view.apply(change)
    assert view.other.trail.current is State.STA8
    assert view.step == view.slider.maximum() == 8


def test_a_derived_side_follows_what_crosses_the_wire(view: StateView, qtbot: QtBot) -> None:
    log, talk = TrafficLog(), Talk(1)
    log.add(requestor_opens(talk))
    both(view, log, 1, qtbot)
    assert view.other.trail.current is State.STA6
    view.apply(log.add([talk.step("Sta6", "Evt11", "AR-1", "Sta7"), *talk.pdu(A_RELEASE_RQ(), sent=True)]))
    view.apply(log.add([*talk.pdu(A_RELEASE_RP(), sent=False), talk.step("Sta7", "Evt13", "AR-3", "Sta1")]))
    qtbot.waitUntil(lambda: State.STA13 in view.other.trail.visited)
    assert view.diagram.trail.current is State.STA1


def test_steps_that_come_in_before_it_do_not_move_the_chosen_one(view: StateView, qtbot: QtBot) -> None:
    here, there = Talk(1), Talk(2, mode="acceptor")
    there.time = here.time
    log = TrafficLog()
    log.add(requestor_opens(here))
    log.add(acceptor_opens(there)[:2])
    both(view, log, 1, qtbot)
    at = next(n for n in range(1, view.slider.maximum()) if view._transition(n).action == "AE-2")
    view.slider.setValue(at)
    sentence = view.sentence.text()
    assert "AE-2" in sentence
    change = log.add(acceptor_opens(there)[2:])
    view.apply(change)
    qtbot.waitUntil(lambda: view.slider.maximum() == 6)
    assert view.sentence.text() == sentence
    assert not view.live.isChecked()


def test_a_moment_of_a_row_is_a_step_of_its_own_side(
    view: StateView, loopback: tuple[TrafficLog, Talk, Talk], qtbot: QtBot
) -> None:
    log, _, _ = loopback
    both(view, log, 1, qtbot)
    row = log.conversations[0].rows[1]
    view.go_to_time(row.end_time + 0.0005, ("AE-3",))
    assert view.sentence.text().startswith("Requestor: Sta5 —AE-3→ Sta6")


def test_in_a_capture_both_paths_are_derived(view: StateView, qtbot: QtBot) -> None:
    log = TrafficLog(source="night.pcap")
    log.add(whole(1))
    view.set_log(log)
    view.set_conversation(log.conversations[0])
    who = view.findChild(QLabel, "stateWho")
    assert isinstance(who, QLabel)
    assert "derived from the bytes" in who.toolTip()
    qtbot.mouseClick(view.both_sides, Qt.MouseButton.LeftButton)
    for name in ("stateDiagram", "stateOtherDiagram"):
        assert caption(view, name).text().endswith("derived from the bytes")


def test_hovering_either_diagram_explains(view: StateView, qtbot: QtBot) -> None:
    log = TrafficLog()
    log.add(whole(1))
    both(view, log, 1, qtbot)
    view.other.point_at(State.STA13)
    assert view.sentence.text().startswith("Sta13: Awaiting the close")
    view.other.point_at(None)
    assert "—" in view.sentence.text()


def test_diagrams_stand_where_there_is_room(view: StateView, qtbot: QtBot) -> None:
    log = TrafficLog()
    log.add(whole(1))
    both(view, log, 1, qtbot)
    qtbot.waitUntil(lambda: view.other.mapTo(view, view.other.rect().topLeft()).y() > 200)
    view.resize(900, 380)
    qtbot.waitUntil(lambda: view.other.mapTo(view, view.other.rect().topLeft()).x() > 400)
    assert abs(view.other.width() - view.diagram.width()) <= 2


class Still(QProxyStyle):
    """A style that asks for no animation."""

    def styleHint(self, hint: QStyle.StyleHint, *args: object) -> int:
        if hint is QStyle.StyleHint.SH_Widget_Animation_Duration:
            return 0
        return super().styleHint(hint, *args)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("way", ["style", "setting", "none"])
def test_nothing_moves_where_less_motion_is_asked_for(view: StateView, way: str, qtbot: QtBot) -> None:
    style = Still()
    if way == "style":
        view.diagram.setStyle(style)
    elif way == "setting":
        view.set_animated(False)
    log, talk = TrafficLog(), Talk(1)
    records = requestor_opens(talk)
    log.add(records)
    view.set_log(log)
    view.set_conversation(log.conversations[0])
    view.apply(log.add([talk.step("Sta6", "Evt11", "AR-1", "Sta7")]))
    assert view.step == 4
    running = view.diagram._animation.state() is view.diagram._animation.State.Running
    assert running is (way == "none")
