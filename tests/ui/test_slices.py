"""Long work in slices: all of it is done, one slice in a turn, and dropped when something else is to be done."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from workstation.ui.parts.slices import Slices, Turns


def steps(done: list[int], count: int, seconds: float = 0.002) -> Iterator[None]:
    for step in range(count):
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass
        done.append(step)
        yield


def test_short_work_is_done_at_once(qtbot: QtBot) -> None:
    ended: list[bool] = []
    slices = Slices(QObject(), lambda: ended.append(True))
    slices.start(iter(range(3)))
    assert ended == [True]
    assert not slices.busy


def test_long_work_leaves_turns_for_others(qtbot: QtBot) -> None:
    owner = QObject()
    first: list[int] = []
    second: list[int] = []
    one, other = Slices(owner), Slices(owner)
    one.start(steps(first, 40))
    other.start(steps(second, 40))
    assert len(first) < 40 > len(second)
    qtbot.waitUntil(lambda: not one.busy and not other.busy)
    assert first == second == list(range(40))


def test_what_a_person_waits_for_comes_first(qtbot: QtBot) -> None:
    owner = QObject()
    patient: list[int] = []
    urgent: list[int] = []
    Slices(owner).start(steps(patient, 400))
    before = len(patient)
    meanwhile: list[int] = []
    wanted = Slices(owner, lambda: meanwhile.append(len(patient)), urgent=True)
    wanted.start(steps(urgent, 40))
    qtbot.waitUntil(lambda: not wanted.busy)
    assert len(urgent) == 40
    assert meanwhile == [before]
    for each in owner.findChildren(Slices):
        each.stop()
    qtbot.wait(10)


def test_other_work_drops_what_is_under_way(qtbot: QtBot) -> None:
    owner = QObject()
    dropped: list[int] = []
    done: list[int] = []
    ended: list[bool] = []
    slices = Slices(owner, lambda: ended.append(True))
    slices.start(steps(dropped, 100))
    slices.start(steps(done, 20))
    qtbot.waitUntil(lambda: bool(ended))
    assert len(dropped) < 100
    assert len(done) == 20
    assert ended == [True]


def test_a_failure_ends_it_and_is_told(qtbot: QtBot) -> None:
    def work() -> Iterator[None]:
        yield
        raise ValueError("broken")

    slices = Slices(QObject())
    with pytest.raises(ValueError, match="broken"):
        slices.start(work())
    assert not slices.busy


def test_work_of_a_widget_that_is_gone_ends_with_it(qtbot: QtBot) -> None:
    owner = QObject()
    done: list[int] = []
    Slices(owner).start(steps(done, 1000))
    owner.deleteLater()
    del owner
    qtbot.wait(30)
    count = len(done)
    qtbot.wait(30)
    assert len(done) == count < 1000


def test_nobody_has_two_turns_in_a_row_while_others_wait(qtbot: QtBot) -> None:
    owner = QObject()
    order: list[str] = []

    def work(name: str) -> Iterator[None]:
        for _ in range(3):
            order.append(name)
            time.sleep(0.008)
            yield

    patient, eager = Slices(owner), Slices(owner)
    patient.later(work("patient"))
    eager.later(work("eager"))
    turns = Turns.of_all()
    turns._waiting.remove(eager)
    turns.add(eager, next_one=True)
    for _ in range(5):
        turns._next()
        turns._waiting.remove(eager)
        turns.add(eager, next_one=True)
    assert order[:5] == ["eager", "patient", "eager", "patient", "eager"]
    for each in owner.findChildren(Slices):
        each.stop()


def test_one_that_fails_holds_up_no_others(qtbot: QtBot, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(QObject):
        urgent = False

        @property
        def busy(self) -> bool:
            raise AttributeError("taken apart")

        def go_on(self) -> None:
            raise AssertionError("it has no turn")

    broken, owner = Broken(), QObject()
    done: list[int] = []
    slices = Slices(owner)
    Turns.of_all().add(broken)
    slices.start(steps(done, 40))
    qtbot.waitUntil(lambda: not slices.busy)
    assert done == list(range(40))
    assert [record.levelname for record in caplog.records] == ["ERROR"]
