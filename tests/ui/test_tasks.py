"""Jobs beside the window: results, errors, cancelling, batches, and the end of the program."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from PySide6.QtCore import QObject, QThread
from PySide6.QtWidgets import QPushButton

from workstation.ui.tasks import Funnel, Tasks, _running_actions, action


class Waiting:
    """A job that runs until it is cancelled or told to go on."""

    def __init__(self, result: Any = "done") -> None:
        self.started = threading.Event()
        self.over = threading.Event()
        self.cancelled = False
        self.result = result

    def run(self) -> Any:
        self.started.set()
        assert self.over.wait(10)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def cancel(self) -> None:
        self.cancelled = True
        self.over.set()


class Window(QObject):
    def __init__(self, tasks: Tasks) -> None:
        super().__init__()
        self.tasks = tasks
        self.results: list[Any] = []

    @action
    async def ask(self, job: Waiting) -> None:
        self.results.append(await self.tasks.run(job))

    @action
    async def pressed(self) -> None:
        self.results.append("pressed")

    @action
    async def fail(self) -> None:
        raise ZeroDivisionError


def test_result_comes_back_in_the_windows_thread(qt_loop, qtbot):
    tasks = Tasks()
    window = Window(tasks)
    job = Waiting()
    window.ask(job)
    qtbot.waitUntil(job.started.is_set)
    assert tasks.running == 1
    assert window.results == []
    job.over.set()
    qtbot.waitUntil(lambda: window.results == ["done"])
    assert tasks.running == 0


def test_error_of_a_job_is_raised_where_it_is_awaited(qt_loop, qtbot):
    tasks = Tasks()
    seen: list[BaseException] = []

    async def ask() -> None:
        try:
            await tasks.run(job)
        except OSError as error:
            seen.append(error)

    job = Waiting(OSError("no disk"))
    job.over.set()
    task = asyncio.ensure_future(ask())
    qtbot.waitUntil(task.done)
    assert str(seen[0]) == "no disk"


def test_cancelling_who_awaits_cancels_the_job(qt_loop, qtbot):
    tasks = Tasks()
    job = Waiting()
    task = asyncio.ensure_future(tasks.run(job))
    qtbot.waitUntil(job.started.is_set)
    task.cancel()
    qtbot.waitUntil(task.done)
    assert task.cancelled()
    assert job.cancelled
    qtbot.waitUntil(lambda: tasks.running == 0)


def test_close_ends_every_job_and_refuses_new_ones(qt_loop, qtbot):
    tasks = Tasks()
    window = Window(tasks)
    jobs = [Waiting() for _ in range(3)]
    for job in jobs:
        window.ask(job)
    qtbot.waitUntil(lambda: all(job.started.is_set() for job in jobs))
    closing = asyncio.ensure_future(tasks.close())
    qtbot.waitUntil(closing.done)
    assert closing.result() is True
    assert all(job.cancelled for job in jobs)
    assert tasks.running == 0
    late = asyncio.ensure_future(tasks.run(Waiting()))
    qtbot.waitUntil(late.done)
    assert late.cancelled()


def test_close_does_not_wait_for_an_action_of_a_loop_that_is_closed(qt_loop, qtbot):
    asyncio.events._set_running_loop(None)
    other = asyncio.new_event_loop()
    ended = other.create_task(asyncio.sleep(0))
    other.run_until_complete(ended)
    other.close()
    asyncio.events._set_running_loop(qt_loop)
    _running_actions.add(ended)
    try:
        closing = asyncio.ensure_future(Tasks().close())
        qtbot.waitUntil(closing.done, timeout=1000)
        assert closing.result() is True
    finally:
        _running_actions.discard(ended)


def test_close_does_not_wait_for_a_job_that_ignores_it(qt_loop, qtbot):
    class Stubborn(Waiting):
        def cancel(self) -> None:
            self.cancelled = True

    tasks = Tasks()
    job = Stubborn()
    running = asyncio.ensure_future(tasks.run(job))
    qtbot.waitUntil(job.started.is_set)
    closing = asyncio.ensure_future(tasks.close(timeout=0.1))
    qtbot.waitUntil(closing.done)
    assert closing.result() is False
    assert job.cancelled
    job.over.set()
    qtbot.waitUntil(running.done)


def test_action_as_a_slot_drops_what_the_signal_sends_along(qt_loop, qtbot):
    window = Window(Tasks())
    button = QPushButton()
    qtbot.addWidget(button)
    button.clicked.connect(window.pressed)
    button.click()
    qtbot.waitUntil(lambda: window.results == ["pressed"])


def test_error_of_an_action_goes_to_the_loops_handler(qt_loop, qtbot):
    contexts: list[dict[str, Any]] = []
    qt_loop.set_exception_handler(lambda loop, context: contexts.append(context))
    Window(Tasks()).fail()
    qtbot.waitUntil(lambda: bool(contexts))
    assert isinstance(contexts[0]["exception"], ZeroDivisionError)


def test_funnel_delivers_all_in_order_in_few_batches_in_the_windows_thread(qt_loop, qtbot):
    batches: list[list[int]] = []
    threads = set()

    def receive(batch: list[int]) -> None:
        batches.append(batch)
        threads.add(QThread.currentThread())

    funnel = Funnel(receive)

    class Counting:
        def run(self) -> int:
            for number in range(20_000):
                funnel.put(number)
            return 20_000

        def cancel(self) -> None:
            raise AssertionError

    task = asyncio.ensure_future(Tasks().run(Counting(), funnel))
    qtbot.waitUntil(task.done)
    # The result is not there before the last progress was delivered.
    assert [number for batch in batches for number in batch] == list(range(20_000))
    assert len(batches) < 200
    assert threads == {QThread.currentThread()}


def test_funnel_without_a_job_delivers_by_itself(qt_loop, qtbot):
    batches: list[list[str]] = []
    funnel = Funnel(batches.append)
    thread = threading.Thread(target=lambda: funnel.put("from afar"))
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: batches == [["from afar"]])
    funnel.put("soon after")
    qtbot.waitUntil(lambda: batches == [["from afar"], ["soon after"]])


@pytest.mark.parametrize("given", [(), (1,), (1, 2, 3)])
def test_action_takes_no_more_than_it_knows(qt_loop, qtbot, given):
    window = Window(Tasks())
    window.pressed(*given)
    qtbot.waitUntil(lambda: window.results == ["pressed"])
