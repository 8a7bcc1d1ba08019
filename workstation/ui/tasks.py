"""Long work beside the window: a job runs in a thread of its own, a coroutine of the window awaits it.

- `action` makes a coroutine method usable as a slot.
- `Tasks.run` runs a job (anything with `run()` and `cancel()`) and returns its result; cancelling the
  awaiting coroutine, or closing the program, cancels the job.
- `Funnel` brings what a job reports from its thread to the window, in batches and not more often than a
  person sees.

The jobs themselves are none of this module's business: it never looks inside a result.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast

from PySide6.QtCore import QElapsedTimer, QObject, Qt, QTimer, Signal

from workstation.ui.parts.undisturbed import undisturbed

_log = logging.getLogger(__name__)

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")

# The event loop refers to its tasks weakly; an action under way must not be collected.
_running_actions: set[asyncio.Task[None]] = set()


class Runnable(Protocol[R_co]):
    """What `Tasks.run` needs of a job."""

    def run(self) -> R_co:
        """Do the whole work; called in a thread of its own."""

    def cancel(self) -> None:
        """Make `run` return soon; called from any thread, any number of times."""


def action(
    method: Callable[Concatenate[S, P], Coroutine[Any, Any, None]],
) -> Callable[Concatenate[S, P], None]:
    """Turn a coroutine method into a plain one that starts it; use it as a slot or call it.

    What the signal sends along (a button's `checked`) is dropped if the method does not take it. An exception
    that the method lets out is a defect of ours: the event loop's exception handler shows it.
    """
    wanted = len(inspect.signature(method).parameters) - 1

    def started(self: S, /, *args: P.args, **kwargs: P.kwargs) -> None:
        start(cast(Any, method)(self, *args[:wanted], **kwargs))

    started.__name__, started.__qualname__ = method.__name__, method.__qualname__
    started.__doc__ = method.__doc__
    return started


def _action_done(task: asyncio.Task[None]) -> None:
    _running_actions.discard(task)
    if task.cancelled():
        return
    error = task.exception()
    if error is not None:
        task.get_loop().call_exception_handler(
            {"message": f"{task.get_coro()} failed", "exception": error, "task": task}
        )


def start(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Start a coroutine that is nobody's slot; errors go where those of an `action` go."""
    task = asyncio.ensure_future(coroutine)
    _running_actions.add(task)
    task.add_done_callback(_action_done)
    return task


class Funnel(QObject, Generic[T]):
    """Brings values from any thread to a receiver in the window's thread, in order, in batches.

    Make it in the window's thread and give its `put` to a job. The first value arrives at once, further ones
    at most every `interval` milliseconds, all that came in between together.
    """

    _woken = Signal()

    def __init__(self, receive: Callable[[list[T]], None], parent: QObject | None = None, interval: int = 40) -> None:
        super().__init__(parent)
        self._receive = receive
        self._values: deque[T] = deque()
        self._is_woken = False
        self._since = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.flush)
        self._interval = interval
        self._woken.connect(self._schedule, Qt.ConnectionType.QueuedConnection)

    def put(self, value: T) -> None:
        """Hand over one value; any thread, never blocks."""
        self._values.append(value)
        if not self._is_woken:
            self._is_woken = True
            self._woken.emit()

    def flush(self) -> None:
        """Deliver what is waiting, now (window's thread)."""
        self._timer.stop()
        # Before taking: a value that arrives meanwhile then wakes us once more, which is harmless.
        self._is_woken = False
        self._since.restart() if self._since.isValid() else self._since.start()
        batch: list[T] = []
        while self._values:
            batch.append(self._values.popleft())
        if batch:
            with undisturbed:
                self._receive(batch)

    def _schedule(self) -> None:
        elapsed = self._since.elapsed() if self._since.isValid() else self._interval
        if elapsed >= self._interval:
            self.flush()
        elif not self._timer.isActive():
            self._timer.start(int(self._interval - elapsed))


class Tasks(QObject):
    """Owns every job that runs, so that closing the program can end them all."""

    running_changed = Signal(int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: dict[asyncio.Future[Any], Runnable[Any]] = {}
        self._is_closing = False

    @property
    def running(self) -> int:
        """How many jobs run now."""
        return len(self._jobs)

    async def run(self, job: Runnable[R], *funnels: Funnel[Any], name: str = "") -> R:
        """Run `job` in a thread, return its result or raise its exception.

        The funnels are emptied before this returns, so that the last progress is seen before the result.
        """
        if self._is_closing:
            raise asyncio.CancelledError
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[R] = loop.create_future()

        def settle(result: R | None, error: BaseException | None) -> None:
            del self._jobs[outcome]
            self.running_changed.emit(len(self._jobs))
            if error is not None:
                outcome.set_exception(error)
                outcome.exception()  # looked at: nobody may be left to await it
            else:
                outcome.set_result(result)  # type: ignore[arg-type]

        def work() -> None:
            result: R | None = None
            error: BaseException | None = None
            try:
                result = job.run()
            except BaseException as raised:
                # Raised again where it is awaited.
                error = raised
            if loop.is_closed():
                _log.warning("%s ended after the window had gone", threading.current_thread().name)
            else:
                loop.call_soon_threadsafe(settle, result, error)

        self._jobs[outcome] = job
        self.running_changed.emit(len(self._jobs))
        # Daemonic: a job that ignores its cancellation must not keep the program from ending.
        threading.Thread(target=work, name=f"job-{name or type(job).__name__}", daemon=True).start()
        try:
            # Shielded: the thread goes on until the job has noticed; close() waits for that.
            return await asyncio.shield(outcome)
        except asyncio.CancelledError:
            job.cancel()
            raise
        finally:
            for funnel in funnels:
                funnel.flush()

    async def call(self, function: Callable[[], R], name: str = "") -> R:
        """Run a short blocking function in a thread; for what cannot be cancelled but surely ends."""
        return await self.run(_Call(function), name=name or getattr(function, "__name__", "call"))

    def cancel_all(self) -> None:
        """Cancel every running job; returns at once."""
        for job in tuple(self._jobs.values()):
            job.cancel()

    async def close(self, timeout: float = 5.0) -> bool:
        """Cancel every job and action and wait for their ends; returns whether all ended in time."""
        self._is_closing = True
        # Twice: the first asks a peer to stop and waits for it, the second does not wait.
        self.cancel_all()
        self.cancel_all()
        current, loop = asyncio.current_task(), asyncio.get_running_loop()
        # One that has ended but is not taken out yet may belong to a loop that is closed and will never say so.
        waiting: set[asyncio.Future[Any]] = {
            task for task in _running_actions if task is not current and not task.done() and task.get_loop() is loop
        }
        for task in waiting:
            task.cancel()
        waiting.update(self._jobs)
        if not waiting:
            return True
        _, late = await asyncio.wait(waiting, timeout=timeout)
        for future in late:
            _log.warning("Did not end in %g s: %r", timeout, self._jobs.get(future, future))
        return not late


class _Call(Generic[R]):
    """A function as a job."""

    def __init__(self, function: Callable[[], R]) -> None:
        self._function = function

    def run(self) -> R:
        return self._function()

    def cancel(self) -> None:
        """Nothing: the function ends by itself."""
