from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from PySide6.QtCore import QPoint, QPointF, QSizeF, Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot
from viewer_wire import Talk, whole

from workstation.net.engine.fsm import State
from workstation.traffic.conversation import Conversation
from workstation.traffic.log import TrafficLog
from workstation.ui.theme import Theme
from workstation.ui.viewers.state.diagram import StateDiagram, Trail, explain_line, explain_state
from workstation.ui.viewers.state.layout import EDGES, NORMAL, Layout
from workstation.ui.viewers.state.view import StateView

SIZES = [(200, 120), (250, 160), (420, 340), (300, 230), (560, 760), (900, 260), (1300, 420)]


def conversation(records: list) -> Conversation:
    log = TrafficLog()
    log.add(records)
    return log.conversations[0]


@pytest.fixture
def view(qtbot: QtBot) -> StateView:
    view = StateView(Theme())
    qtbot.addWidget(view)
    view.resize(420, 470)
    view.show()
    return view


@pytest.mark.parametrize("size", SIZES)
def test_all_thirteen_states_have_room_of_their_own(size: tuple[int, int]) -> None:
    layout = Layout(QSizeF(*size), 12)
    assert set(layout.nodes) == set(State)
    for rect in layout.nodes.values():
        assert rect.left() >= 0
        assert rect.top() >= 0
        assert rect.right() <= size[0]
        assert rect.bottom() <= size[1]
    for one, other in combinations(layout.nodes.values(), 2):
        assert not one.intersects(other)


@pytest.mark.parametrize("size", SIZES)
def test_every_line_begins_and_ends_at_its_states_and_stays_inside(size: tuple[int, int]) -> None:
    layout = Layout(QSizeF(*size), 12)
    for (start, end), route in layout.routes.items():
        assert layout.nodes[start].adjusted(-1, -1, 1, 1).contains(route.points[0]), (start, end)
        assert layout.nodes[end].adjusted(-1, -1, 1, 1).contains(route.points[-1]), (start, end)
        for point in route.points:
            assert -1 <= point.x() <= size[0] + 1
            assert -1 <= point.y() <= size[1] + 1


@pytest.mark.parametrize("size", SIZES)
def test_no_normal_line_runs_under_another_state(size: tuple[int, int]) -> None:
    layout = Layout(QSizeF(*size), 12)
    for (start, end), route in layout.routes.items():
        if (start, end) not in NORMAL or start is end:
            continue
        for first, second in pairwise(route.points):
            for share in (0.0, 0.25, 0.5, 0.75, 1.0):
                point = first * (1 - share) + second * share
                for state, rect in layout.nodes.items():
                    if state not in (start, end):
                        assert not rect.adjusted(1, 1, -1, -1).contains(point), (start, end, state)


def test_the_lines_are_those_of_table_9_10() -> None:
    assert {str(a) for a in NORMAL[State.STA6, State.STA6]} == {"DT-1", "DT-2"}
    assert {str(a) for a in EDGES[State.STA7, State.STA1]} == {"AR-3", "AA-3", "AA-4"}
    assert (State.STA2, State.STA13) in NORMAL
    assert (State.STA6, State.STA13) not in NORMAL
    assert (State.STA7, State.STA9) in NORMAL
    assert (State.STA7, State.STA10) in NORMAL


def test_an_explanation_names_meaning_ways_out_and_clause() -> None:
    text = explain_state(State.STA6)
    assert "ready for data transfer" in text
    assert "§9.2.1" in text
    assert "AR-1 → Sta7" in text
    line = explain_line((State.STA6, State.STA7))
    assert line == "Sta6 —AR-1→ Sta7: Send A-RELEASE-RQ (Evt11; PS3.8 Table 9-8)"


def test_a_trail_numbers_lines_in_order_and_counts_loops() -> None:
    trail = Trail()
    trail.follow(conversation(whole(1, finds=4)).path)
    assert trail.current is State.STA1
    assert trail.lines[State.STA1, State.STA4].number == 1
    assert trail.lines[State.STA6, State.STA6].count == 20
    # The numbers are the slider's: sending and receiving on Sta6 are two steps on one line.
    assert trail.lines[State.STA6, State.STA6].number == 4
    assert trail.lines[State.STA7, State.STA1].number == trail.steps == 7
    assert trail.visited == {State.STA1, State.STA4, State.STA5, State.STA6, State.STA7}


def test_the_current_state_is_lit(view: StateView, qtbot: QtBot) -> None:
    talk = Talk(1)
    view.set_conversation(conversation(talk.begin()))
    diagram = view.diagram
    assert diagram.trail.current is State.STA6
    rect = diagram.state_rect(State.STA6)
    inside = QPoint(int(rect.left()) + 5, int(rect.center().y()))
    colour = diagram.grab().toImage().pixelColor(inside)
    assert colour.name() == Theme().lit.name()
    other = diagram.state_rect(State.STA7)
    assert diagram.grab().toImage().pixelColor(int(other.left()) + 5, int(other.center().y())) != colour


def test_stepping_back_says_what_happened_and_live_follows_again(view: StateView, qtbot: QtBot) -> None:
    log = TrafficLog()
    talk = Talk(1)
    log.add(talk.begin())
    view.set_conversation(log.conversations[0])
    assert view.step == 3
    assert view.sentence.text().startswith("Sta5 —AE-3→ Sta6: A-ASSOCIATE-AC PDU received; tell the user")
    qtbot.mouseClick(view.back, Qt.MouseButton.LeftButton)
    assert view.step == 2
    assert view.diagram.trail.current is State.STA5
    assert "send A-ASSOCIATE-RQ" in view.sentence.text()
    log.add([talk.step("Sta6", "Evt11", "AR-1", "Sta7")])
    view.refresh()
    assert view.step == 2, "new transitions must not pull the person away"
    qtbot.mouseClick(view.live, Qt.MouseButton.LeftButton)
    assert view.step == 4
    assert view.diagram.trail.current is State.STA7
    assert "Sta6 —AR-1→ Sta7: A-RELEASE request (local user); send A-RELEASE-RQ" in view.sentence.text()


def test_what_does_not_fit_is_cut_with_a_sign_and_whole_in_the_tooltip(view: StateView, qtbot: QtBot) -> None:
    view.set_conversation(conversation(whole(1)))
    who = view.findChild(QLabel, "stateWho")
    assert not who.text().endswith("…") or view.width() < 420
    view.resize(260, 470)
    qtbot.waitUntil(lambda: who.text().endswith("…"))
    assert who.fontMetrics().horizontalAdvance(who.text()) <= view.width() - 16
    assert "we are the requestor" in who.toolTip()
    lines = view.sentence.fontMetrics().lineSpacing()
    assert view.sentence.height() >= 4 * lines


def test_a_click_beside_the_handle_is_one_step(view: StateView, qtbot: QtBot) -> None:
    view.set_conversation(conversation(whole(1)))
    last = view.step
    qtbot.mouseClick(view.slider, Qt.MouseButton.LeftButton, pos=QPoint(4, view.slider.height() // 2))
    assert view.step == last - 1


def test_keys_step_and_explain(view: StateView, qtbot: QtBot) -> None:
    view.set_conversation(conversation(whole(1)))
    qtbot.keyClick(view.diagram, Qt.Key.Key_Left)
    qtbot.keyClick(view.diagram, Qt.Key.Key_Left)
    assert view.step == view.slider.maximum() - 2
    qtbot.keyClick(view.diagram, Qt.Key.Key_Down)
    assert view.sentence.text().startswith("Sta1: Idle")
    qtbot.keyClick(view.diagram, Qt.Key.Key_Escape)
    assert "—" in view.sentence.text()


def test_pointing_at_a_state_or_a_line_explains_it(view: StateView) -> None:
    view.set_conversation(conversation(whole(1)))
    diagram: StateDiagram = view.diagram
    assert diagram.what_is_at(diagram.state_rect(State.STA13).center()) is State.STA13
    first, second = diagram.state_rect(State.STA4), diagram.state_rect(State.STA5)
    between = QPointF(first.center().x(), (first.bottom() + second.top()) / 2)
    assert diagram.what_is_at(between) == (State.STA4, State.STA5)
    diagram.point_at((State.STA4, State.STA5))
    assert "Send A-ASSOCIATE-RQ (Evt2; PS3.8 Table 9-6)" in view.sentence.text()
    diagram.point_at(None)
    assert diagram.what_is_at(QPointF(2, diagram.height() / 2)) is None


def test_abort_lines_appear_when_a_state_is_pointed_at(view: StateView) -> None:
    diagram = view.diagram
    assert (State.STA6, State.STA13) not in diagram._visible_lines()
    diagram.point_at(State.STA6)
    assert (State.STA6, State.STA13) in diagram._visible_lines()


def test_a_moment_is_found_on_the_path(view: StateView) -> None:
    shown = conversation(whole(1))
    view.set_conversation(shown)
    view.go_to_time(shown.path[1].time + 0.001)
    assert view.diagram.trail.current is State.STA5


def test_without_an_association_it_says_what_to_do(view: StateView) -> None:
    view.set_conversation(conversation(whole(1)))
    view.set_conversation(None)
    assert "Select an association" in view.sentence.text()
    assert view.diagram.trail.current is None
    assert not view.slider.isEnabled()
