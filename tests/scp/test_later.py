"""Work at a later time: in order, in one thread that lives while there is some, over when stopped."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from workstation.scp.surroundings import Later

PATIENCE = 10.0


@pytest.fixture
def later() -> Iterator[Later]:
    made = Later()
    yield made
    made.stop()


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "workstation-later"]


def test_work_is_done_in_the_order_of_its_times(later: Later) -> None:
    done: list[str] = []
    over = threading.Event()
    gate = threading.Event()
    later.call(0, lambda: gate.wait(PATIENCE))  # what follows is in the queue together
    later.call(0.02, over.set)
    later.call(0.01, lambda: done.append("second"))
    later.call(0, lambda: done.append("first"))
    later.call(0.01, lambda: done.append("third"))
    gate.set()
    assert over.wait(PATIENCE)
    assert done == ["first", "second", "third"]


def test_what_comes_later_but_is_due_earlier_is_not_held_up(later: Later) -> None:
    over = threading.Event()
    later.call(3600, lambda: pytest.fail("not yet"))
    later.call(0, over.set)
    assert over.wait(PATIENCE)


def test_the_thread_ends_with_its_work_and_comes_back(later: Later) -> None:
    for _ in range(3):
        over = threading.Event()
        later.call(0, over.set)
        assert over.wait(PATIENCE)
        for thread in threads():
            thread.join(PATIENCE)
        assert not threads()


def test_work_that_fails_fails_alone(later: Later, caplog: pytest.LogCaptureFixture) -> None:
    over = threading.Event()

    def fail() -> None:
        raise RuntimeError("not my day")

    later.call(0, fail)
    later.call(0, over.set)
    assert over.wait(PATIENCE)
    assert "not my day" in caplog.text


def test_work_may_ask_for_more(later: Later) -> None:
    over = threading.Event()
    left = [5]

    def again() -> None:
        left[0] -= 1
        if left[0]:
            later.call(0, again)
        else:
            over.set()

    later.call(0, again)
    assert over.wait(PATIENCE)


def test_stopping_waits_for_what_runs_and_forgets_the_rest(later: Later) -> None:
    began, gate, ended, stopped = (threading.Event() for _ in range(4))
    ran: list[str] = []

    def work() -> None:
        began.set()
        gate.wait(PATIENCE)
        ended.set()

    later.call(0, work)
    later.call(0, lambda: ran.append("forgotten"))
    assert began.wait(PATIENCE)

    def stop() -> None:
        later.stop()
        stopped.set()

    stopper = threading.Thread(target=stop)
    stopper.start()
    assert not stopped.wait(0.05), "it returns when what runs has ended"
    gate.set()
    stopper.join(PATIENCE)
    assert stopped.is_set()
    assert ended.is_set()
    assert not threads()
    later.call(0, lambda: ran.append("after the end"))
    assert not threads()
    assert ran == []


def test_it_can_be_stopped_by_its_own_work_and_started_again(later: Later) -> None:
    over = threading.Event()

    def stop() -> None:
        later.stop()
        over.set()

    later.call(0, stop)
    assert over.wait(PATIENCE)
    later.stop()
    later.start()
    again = threading.Event()
    later.call(0, again.set)
    assert again.wait(PATIENCE)


def test_many_threads_may_ask_at_once(later: Later) -> None:
    over = threading.Event()
    done: list[int] = []

    def work() -> None:
        done.append(1)  # only one thread does the work
        if len(done) == 400:
            over.set()

    askers = [
        threading.Thread(target=lambda: [later.call(0, work) for _ in range(100)])  # type: ignore[func-returns-value]
        for _ in range(4)
    ]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert over.wait(PATIENCE)
