"""The thread that looks after the connections that nobody reads at the moment.

Whoever waits for something from a peer reads its connection (`connection`). In between a connection rests; when its
rest has lasted, the watcher waits for it, and has a thread of the pool attend to it when something arrives or a
deadline passes. A rest as short as that between two requests costs the watcher nothing.

One watcher serves every connection of the process, as many as the platform's selector takes.
"""

from __future__ import annotations

import heapq
import logging
import math
import os
import select
import selectors
import threading
import time
from collections import deque
from typing import NamedTuple, Protocol

from workstation.net.shell.readiness import Waker

REST = 0.05  # seconds that a connection rests before somebody waits for it again
TICK = 0.01  # seconds between two rounds of looks
RETRY = 0.25  # seconds until a thread is asked for again when the system gave none
_HAS_EPOLL = hasattr(select, "epoll")
_TAKES_MANY = _HAS_EPOLL or hasattr(select, "kqueue") or hasattr(select, "poll")
_CAPACITY = 1 << 30 if _TAKES_MANY else 400  # connections a watcher; select() takes 512 descriptors on Windows

_log = logging.getLogger("workstation.net.shell.watching")


class Plan(NamedTuple):
    """What a resting connection wants.

    Attributes:
        descriptor: Of its socket, which stays open until the next look; -1 to wait for nothing yet.
        write: Whether to wait for room to write as well.
        until: When to look again whatever happens, or None.
        attend: Whether a thread has to attend to it now.
    """

    descriptor: int = -1
    write: bool = False
    until: float | None = None
    attend: bool = False


class Resting(Protocol):
    """What can be watched.

    Attributes:
        number: Its own, and nobody else's, in this process.
    """

    number: int

    @property
    def closed(self) -> bool:
        """Whether nothing will be waited for any longer."""

    def plan(self, now: float, *, ready: bool) -> Plan | None:
        """What to do, or None: it is being read or closed, and the watcher has nothing of it any longer.

        Args:
            now: The time.
            ready: Whether something was waited for and is there.
        """

    def summon(self) -> None:
        """Have a thread attend to it.

        Raises:
            RuntimeError: The system gives no more threads.
        """


class _Descriptors(Protocol):
    """Waits for many descriptors."""

    is_shared: bool
    """Whether other threads may call `remove` while one waits."""

    def add(self, descriptor: int, *, write: bool) -> None:
        """Wait for it from now on."""

    def remove(self, descriptor: int) -> None:
        """Wait for it no longer."""

    def wait(self, timeout: float | None) -> list[int]:
        """Those that are ready, or broken."""


class _Epoll:
    """Linux: other threads may take descriptors away while one waits."""

    is_shared = True

    def __init__(self) -> None:
        self._epoll = select.epoll()

    def add(self, descriptor: int, *, write: bool) -> None:
        self._epoll.register(descriptor, select.EPOLLIN | (select.EPOLLOUT if write else 0))

    def remove(self, descriptor: int) -> None:
        self._epoll.unregister(descriptor)

    def wait(self, timeout: float | None) -> list[int]:
        # what epoll waits is whole milliseconds, rounded down
        return [one for one, _ in self._epoll.poll(None if timeout is None else timeout + 0.001)]


class _Selector:
    """Elsewhere."""

    is_shared = False

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def add(self, descriptor: int, *, write: bool) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ | (selectors.EVENT_WRITE if write else 0))

    def remove(self, descriptor: int) -> None:
        self._selector.unregister(descriptor)

    def wait(self, timeout: float | None) -> list[int]:
        return [key.fd for key, _ in self._selector.select(timeout)]


class Watcher:
    """One thread and one selector; the thread starts with the first connection and stays."""

    def __init__(self) -> None:
        self.members = 0  # connections that were given to it; guarded by _lock
        self._inbox: deque[tuple[Resting, float]] = deque()  # takes no lock: finalizers put things in
        self._waiting: _Descriptors = _Epoll() if _HAS_EPOLL else _Selector()
        self._waker = Waker()
        self._waiting.add(self._waker.fileno(), write=False)
        self._wakes_at = -math.inf  # whoever wants to be looked at sooner has to wake it
        self._descriptors: dict[int, int] = {}  # by the connection's number: whoever pops one removes it
        self._owners: dict[int, Resting] = {}  # by descriptor
        self._looks: dict[int, tuple[float, Resting]] = {}
        self._calendar: list[tuple[float, int]] = []
        threading.Thread(target=self._loop, name="dicom-watcher", daemon=True).start()

    def look_at(self, one: Resting, when: float) -> None:
        """Look at a connection at that time; from any thread, without locks."""
        self._inbox.append((one, when))
        if when < self._wakes_at:
            self._waker.wake()

    def forget(self, one: Resting) -> None:
        """Do not look at a connection that is closed, and hold it no longer; from any thread, without locks."""
        self._looks.pop(one.number, None)

    def let_go(self, one: Resting) -> bool:
        """Wait for a connection no longer, for somebody reads it; whether that could be done from here."""
        if not (self._waiting.is_shared and self._remove(one)):
            return False
        self._looks.pop(one.number, None)
        return True

    def _remove(self, one: Resting) -> bool:
        descriptor = self._descriptors.pop(one.number, None)
        if descriptor is None:
            return False
        self._owners.pop(descriptor, None)
        self._waiting.remove(descriptor)
        return True

    def _loop(self) -> None:
        while True:
            try:
                self._turn()
            except Exception:
                # nobody else would read what rests
                _log.exception("The watcher failed at something; it goes on")
                time.sleep(RETRY)

    def _turn(self) -> None:
        self._take_in()
        self._look_at_due()
        self._wakes_at = self._calendar[0][0] if self._calendar else math.inf
        if self._inbox:
            return
        timeout = None if math.isinf(self._wakes_at) else max(TICK, self._wakes_at - time.monotonic())
        ready = self._waiting.wait(timeout)  # no name here holds a connection meanwhile
        self._wakes_at = -math.inf
        self._look_at_ready(ready)

    def _take_in(self) -> None:
        while self._inbox:
            self._look_later(*self._inbox.popleft())

    def _look_at_due(self) -> None:
        now = time.monotonic()
        while self._calendar and self._calendar[0][0] <= now:
            when, number = heapq.heappop(self._calendar)
            look = self._looks.get(number)
            if look is not None and look[0] == when:
                self._look(look[1], now)

    def _look_at_ready(self, ready: list[int]) -> None:
        now = time.monotonic()
        for descriptor in ready:
            owner = self._owners.get(descriptor)
            if owner is not None:
                self._look(owner, now, ready=True)
            elif descriptor == self._waker.fileno():
                self._waker.clear()

    def _look_later(self, one: Resting, when: float) -> None:
        look = self._looks.get(one.number)
        if one.closed and one.number not in self._descriptors:
            self._looks.pop(one.number, None)
        elif look is None or when < look[0]:
            self._looks[one.number] = (when, one)
            heapq.heappush(self._calendar, (when, one.number))

    def _look(self, one: Resting, now: float, *, ready: bool = False) -> None:
        """Ask what it wants, and do that; it may be gone."""
        self._remove(one)
        self._looks.pop(one.number, None)
        plan = one.plan(now, ready=ready)
        if plan is None:
            return
        if plan.attend:
            try:
                one.summon()
            except RuntimeError as error:
                _log.error("Nobody can attend to a connection for now: %s", error)
                self._look_later(one, now + RETRY)
            return
        if plan.descriptor >= 0:
            self._owners[plan.descriptor] = one
            self._waiting.add(plan.descriptor, write=plan.write)
            self._descriptors[one.number] = plan.descriptor
        if plan.until is not None:
            self._look_later(one, plan.until)


_lock = threading.Lock()
_watchers: list[Watcher] = []


def watcher() -> Watcher:
    """A watcher with room for one more connection; `release` gives the room back."""
    with _lock:
        for one in _watchers:
            if one.members < _CAPACITY:
                break
        else:
            one = Watcher()
            _watchers.append(one)
        one.members += 1
        return one


def release(one: Watcher) -> None:
    """A connection is over."""
    with _lock:
        one.members -= 1


def _after_fork() -> None:
    """A forked process has none of its parent's threads."""
    _watchers.clear()
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_after_fork)
