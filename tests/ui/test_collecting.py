"""Full garbage collections wait until traffic pauses."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject, Signal
from pytestqt.qtbot import QtBot

from workstation.ui.collecting import Collecting


class Traffic(QObject):
    batch = Signal(object)


class Cycle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def full() -> Iterator[list[int]]:
    """The full collections that ran."""
    seen: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "stop" and info["generation"] == 2:
            seen.append(info["collected"])

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)


@pytest.fixture
def traffic(qapp: object) -> Traffic:
    return Traffic()


def age() -> None:
    """What three collections of the middle generation leave: something for a full one."""
    for _ in range(3):
        gc.collect(1)


def test_the_start_is_left_alone_and_the_end_gives_all_back(traffic: Traffic) -> None:
    before = gc.get_threshold()
    collecting = Collecting(traffic.batch)
    collecting.begin()
    assert gc.get_freeze_count() > 1000
    assert gc.get_threshold()[:2] == before[:2]
    assert gc.get_threshold()[2] > before[2]
    collecting.end()
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == before


def test_a_full_collection_comes_in_a_pause_and_not_before(traffic: Traffic, full: list[int], qtbot: QtBot) -> None:
    collecting = Collecting(traffic.batch, quiet=150)
    collecting.begin()
    full.clear()
    Cycle()
    for _ in range(8):
        age()
        traffic.batch.emit(())
        qtbot.wait(20)
    assert full == []
    qtbot.waitUntil(lambda: len(full) == 1)
    traffic.batch.emit(())
    qtbot.wait(200)
    assert len(full) == 1, "nothing new to look at"
    collecting.end()


def test_it_looks_no_more_after_the_end(traffic: Traffic, full: list[int], qtbot: QtBot) -> None:
    collecting = Collecting(traffic.batch, quiet=20)
    collecting.begin()
    traffic.batch.emit(())
    collecting.end()
    full.clear()
    age()
    qtbot.wait(60)
    assert full == []
