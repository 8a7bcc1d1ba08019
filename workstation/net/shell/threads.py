"""A cached pool of named threads: a new association costs a hand-off, not a thread start.

Each piece of work has a name (what it serves) and an end; a thread without work waits `IDLE_SECONDS` for
the next piece and then ends. The threads are daemons, so that a person who closes the program never waits for
a peer; whoever owns the work (an association, a server) ends it.
"""

from __future__ import annotations

import contextvars
import logging
import os
import threading
from collections.abc import Callable

IDLE_SECONDS = 5.0
IDLE_NAME = "dicom-idle"

_log = logging.getLogger("workstation.net.shell.threads")


class _Worker:
    """One thread and the slot through which it gets its next piece of work."""

    def __init__(self) -> None:
        self.ready = threading.Condition(_lock)
        self.work: tuple[str, Callable[[], object], contextvars.Context | None] | None = None

    def start(self) -> None:
        threading.Thread(target=self._loop, name=IDLE_NAME, daemon=True).start()

    def _loop(self) -> None:
        while True:
            with _lock:
                if self.work is None:
                    _idle.append(self)
                    while self.work is None:
                        if not self.ready.wait(IDLE_SECONDS) and self.work is None:
                            _idle.remove(self)
                            return
                name, work, context = self.work
                self.work = None
            run_here(name, work, context=context)
            del work, context


_lock = threading.Lock()  # guards _idle and every worker's slot
_idle: list[_Worker] = []


def _after_fork() -> None:
    """A forked process has none of its parent's threads: work given to one would never be done."""
    _idle.clear()
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_after_fork)


def run(name: str, work: Callable[[], object], *, context: contextvars.Context | None = None) -> None:
    """Run `work` on a pooled thread that carries `name` while it does.

    Args:
        name: What the thread serves, for debuggers and leak checks.
        work: Called without arguments; its exceptions are logged.
        context: The context variables of which it gets a copy. By default it starts without any, as on a new
            thread: nothing of what the thread served before is left.

    Raises:
        RuntimeError: The system gives no more threads.
    """
    job = (name, work, context)
    with _lock:
        if _idle:
            worker = _idle.pop()
            worker.work = job
            worker.ready.notify()
            return
        worker = _Worker()
        worker.work = job
    worker.start()


def run_here(name: str, work: Callable[[], object], *, context: contextvars.Context | None = None) -> None:
    """As `run`, on the calling thread, which is one of the pool, and at once."""
    me = threading.current_thread()
    before, me.name = me.name, name
    try:
        (contextvars.Context() if context is None else context.copy()).run(work)
    except BaseException:
        # sys.exit() in a handler ends what its thread did, not the thread
        _log.exception("The thread %s ended with an error", name)
    finally:
        me.name = before
