"""What traffic changes is painted one pane in a turn, and not more often than it is cheap."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEventLoop
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from workstation.ui.parts import repainting
from workstation.ui.parts.repainting import Repainting
from workstation.ui.parts.slices import Turns


class Pane(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.painted = 0
        self.setMinimumSize(20, 20)
        self.repainting = Repainting(self)

    def paintEvent(self, event: QPaintEvent) -> None:
        self.painted += 1


def panes(qtbot: QtBot, count: int) -> tuple[QWidget, list[Pane]]:
    window = QWidget()
    column = QVBoxLayout(window)
    some = [Pane() for _ in range(count)]
    for each in some:
        column.addWidget(each)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitUntil(lambda: all(each.painted for each in some))
    return window, some


def quiet(qtbot: QtBot, some: list[Pane]) -> None:
    qtbot.waitUntil(lambda: not any(each.repainting.pending for each in some))


@pytest.fixture(autouse=True)
def rested(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pane of another test has just been painted."""
    monkeypatch.setattr(Repainting, "_next", 0.0)


def test_a_turn_of_the_event_loop_paints_one_pane(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repainting, "_PAUSE", 0)
    window, some = panes(qtbot, 3)
    before = [each.painted for each in some]
    for each in some:
        each.repainting.hold()
        each.update()
    counts = []
    while any(each.repainting.pending for each in some):
        now = sum(each.painted for each in some)
        Turns.of_all()._next()
        counts.append(sum(each.painted for each in some) - now)
    assert counts == [1, 1, 1]
    assert [each.painted for each in some] == [count + 1 for count in before]
    assert all(each.updatesEnabled() for each in some)
    window.close()


def test_after_a_picture_all_panes_pause(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repainting, "_PAUSE", 1e9)
    monkeypatch.setattr(repainting, "_LEAST", 3600)
    window, some = panes(qtbot, 2)
    before = sum(each.painted for each in some)
    for each in some:
        each.repainting.hold()
    Turns.of_all()._next()
    Turns.of_all()._next()
    assert sum(each.painted for each in some) == before + 1
    resting = [each.repainting for each in some if each.repainting.pending]
    assert [each.busy for each in resting] == [False], "it waits for the pause to end, not for a turn"
    window.close()


def test_what_is_asked_for_often_is_painted_now_and_then(qtbot: QtBot) -> None:
    window, (pane,) = panes(qtbot, 1)
    before = pane.painted
    told: list[int] = []
    pane.repainting.due.connect(lambda: told.append(pane.painted))
    for _ in range(20):
        pane.repainting.hold()
        pane.update()
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
    quiet(qtbot, [pane])
    assert 0 < pane.painted - before == len(told) < 20
    assert told[0] == before, "last changes are made before it is painted"
    window.close()


def test_what_nobody_sees_is_not_painted_and_is_fresh_when_it_is_seen(qtbot: QtBot) -> None:
    window, (pane,) = panes(qtbot, 1)
    pane.hide()
    before = pane.painted
    pane.repainting.hold()
    quiet(qtbot, [pane])
    assert pane.painted == before
    pane.show()
    qtbot.waitUntil(lambda: pane.painted > before)
    window.close()
