"""What keeps a connection from working as it should, with the time as an argument."""

from __future__ import annotations

import pytest

from workstation.net.shell.hindrance import Hindrance, Pace


@pytest.mark.parametrize("rate", [1, 7, 64, 1000, 1_000_000])
def test_no_more_than_the_rate_passes(rate: int) -> None:
    pace = Pace(rate)
    now, passed = 100.0, 0
    for _ in range(200):
        room = pace.room(now)
        assert room
        pace.passed(room, now)
        passed += room
        assert not pace.room(now)
        assert passed <= rate * (pace.next - 100.0) + 1e-6 * passed
        now = pace.next
    # nor much less
    assert passed == pytest.approx(rate * (now - 100.0))


def test_what_has_not_passed_is_not_saved_up() -> None:
    pace = Pace(1000)
    pace.passed(50, 0.0)
    assert pace.room(60.0) == pace.room(0.05)


def test_a_part_of_the_room_takes_a_part_of_the_time() -> None:
    pace = Pace(1000)
    pace.passed(1, 5.0)
    assert pace.next == pytest.approx(5.001)


def test_silence_has_no_deadline() -> None:
    hindrance = Hindrance()
    assert hindrance.plan(10.0, 11.0, write=True) == (True, True, 11.0)
    hindrance.silent = True
    assert hindrance.plan(10.0, 11.0, write=False) == (True, False, None)


def test_who_is_slow_waits_for_its_time_only() -> None:
    hindrance = Hindrance()
    hindrance.reading, hindrance.writing = Pace(10), Pace(20)
    hindrance.reading.passed(10, 10.0)
    hindrance.writing.passed(10, 10.0)
    assert hindrance.plan(10.1, 30.0, write=True) == (False, False, 10.5)
    assert hindrance.plan(10.1, 10.2, write=True) == (False, False, 10.2)
    assert hindrance.plan(10.6, 30.0, write=True) == (False, True, 11.0)
    # with nothing to write there is nothing to wait for
    assert hindrance.plan(10.1, None, write=False) == (False, False, 11.0)
    assert hindrance.plan(11.0, None, write=False) == (True, False, None)
