"""Who looks after the connections that nobody reads at the moment.

Whoever waits for something from a peer reads its connection (`connection`). In between a connection rests, and one
thread of the pool, the watcher's, waits for all that rest. What takes a moment it does itself, one connection after
the other: no request is handed from thread to thread. For anything else it has another thread of the pool attend to the
connection.

Who is quick may be slow for once. While the watcher's thread attends to connections, a stand-in looks on; when one
of them holds the others up, the stand-in is the watcher's thread from then on, and the other stays with what it does.

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
from functools import partial
from typing import NamedTuple, Protocol

from workstation.net.shell import threads
from workstation.net.shell.readiness import Waker

REST = 0.05  # seconds that a connection rests before somebody waits for it again
TICK = 0.01  # seconds between two rounds of looks
RETRY = 0.25  # seconds until a thread is asked for again when the system gave none
HELD_UP = 0.005  # seconds with one connection after which another thread watches the others
_LOOKS_ON = 20  # such whiles without anything to attend to before a stand-in looks on no longer
_STALE = 100  # times in the calendar that no longer count before it is made anew
_NAME = "dicom-watcher"
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
        lock: Held while it is asked for its plan, and while a watcher begins or ceases to wait for it.
    """

    number: int
    lock: threading.Lock

    @property
    def closed(self) -> bool:
        """Whether nothing will be waited for any longer."""

    def plan(self, now: float, *, ready: bool) -> Plan | None:
        """Under its lock: what to do, or None: it is being read or closed, and the watcher is done with it for now.

        Args:
            now: The time.
            ready: Whether something was waited for and is there.
        """

    def attend_now(self) -> bool:
        """Act on what is there, without waiting for more; False if that is up to somebody else: ask for its plan."""

    def summon(self) -> None:
        """Have a thread of the pool attend to it.

        Raises:
            RuntimeError: The system gives no more threads.
        """


class _Descriptors(Protocol):
    """Waits for many descriptors."""

    is_shared: bool
    """Whether other threads may call `add` and `remove` while one waits."""

    def add(self, descriptor: int, *, write: bool) -> None:
        """Wait for it from now on."""

    def remove(self, descriptor: int) -> None:
        """Wait for it no longer."""

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        """Those that are ready, or broken, each with what it is ready for."""


class _Epoll:
    """Linux: other threads may add descriptors and take them away while one waits."""

    is_shared = True

    def __init__(self) -> None:
        self._epoll = select.epoll()

    def add(self, descriptor: int, *, write: bool) -> None:
        self._epoll.register(descriptor, select.EPOLLIN | (select.EPOLLOUT if write else 0))

    def remove(self, descriptor: int) -> None:
        self._epoll.unregister(descriptor)

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        # what epoll waits is whole milliseconds, rounded down
        return self._epoll.poll(None if timeout is None else timeout + 0.001)


class _Selector:
    """Elsewhere."""

    is_shared = False

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def add(self, descriptor: int, *, write: bool) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ | (selectors.EVENT_WRITE if write else 0))

    def remove(self, descriptor: int) -> None:
        self._selector.unregister(descriptor)

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        return [(key.fd, events) for key, events in self._selector.select(timeout)]


class Watcher:
    """One selector, and one thread of the pool that waits with it; it begins with the first connection and stays."""

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
        self._handing_over = threading.Lock()  # guards the next four when somebody else is to watch
        self._watch_number = 0  # of the thread that watches; all before it do so no longer
        self._attends = False  # whether that is busy with a connection
        self._attended = 0  # with how many it was
        self._has_stand_in = False
        threads.run(_NAME, partial(self._watch, 0))

    def look_at(self, one: Resting, when: float) -> None:
        """Look at a connection at that time; from any thread, without locks."""
        self._inbox.append((one, when))
        if when < self._wakes_at:
            self._waker.wake()

    def forget(self, one: Resting) -> None:
        """Do not look at a connection that is closed, and hold it no longer; from any thread, without locks."""
        self._looks.pop(one.number, None)

    @property
    def is_shared(self) -> bool:
        """Whether any thread may have it wait for a connection and let go of it."""
        return self._waiting.is_shared

    def let_go(self, one: Resting) -> bool:
        """Under its lock: wait for a connection no longer; whether that could be done from here."""
        if not (self.is_shared and self._remove(one)):
            return False
        self._looks.pop(one.number, None)
        return True

    def wait_for(self, one: Resting, plan: Plan) -> None:
        """Under its lock, if the watcher is shared: carry out its plan, which is to wait, at once."""
        self._add(one, plan.descriptor, write=plan.write)
        if plan.until is not None:
            self.look_at(one, plan.until)

    def _add(self, one: Resting, descriptor: int, *, write: bool) -> None:
        self._owners[descriptor] = one
        self._descriptors[one.number] = descriptor
        self._waiting.add(descriptor, write=write)

    def _remove(self, one: Resting) -> bool:
        descriptor = self._descriptors.pop(one.number, None)
        if descriptor is None:
            return False
        self._owners.pop(descriptor, None)
        self._waiting.remove(descriptor)
        return True

    # ------------------------------------------------------------------- whose turn it is
    def _watch(self, number: int) -> None:
        """Watch until another thread does."""
        while number == self._watch_number:
            try:
                self._turn(number)
            except Exception:
                # nobody else would read what rests
                _log.exception("The watcher failed at something; it goes on")
                time.sleep(RETRY)

    def _attend(self, one: Resting, number: int) -> bool:
        """Attend to a connection, or have somebody do it; False if another thread watches by now."""
        self._attended += 1
        self._attends = True
        if not self._has_stand_in:
            self._find_stand_in()
        done = one.attend_now()
        with self._handing_over:
            if number != self._watch_number:
                return False
            self._attends = False
        if not done:
            self._look(one, time.monotonic(), ready=True)
        return True

    def _find_stand_in(self) -> None:
        with self._handing_over:
            if self._has_stand_in:
                return
            self._has_stand_in = True
        try:
            threads.run("dicom-stand-in", self._stand_by)
        except RuntimeError:
            self._has_stand_in = False  # no more threads; perhaps the next time

    def _stand_by(self) -> None:
        """Look on for as long as there is something to see, and watch from then on when that is held up.

        To look every now and then costs less than to be told of each connection that is attended to.
        """
        idle = 0
        while idle < _LOOKS_ON:
            seen = self._attended
            time.sleep(HELD_UP)
            if seen != self._attended:
                idle = 0
            elif not self._attends:
                idle += 1
            else:
                number = self._take_over(seen)
                if number:
                    threads.run_here(_NAME, partial(self._watch, number))
                    return
        self._has_stand_in = False
        if seen != self._attended:
            self._find_stand_in()  # it began again meanwhile

    def _take_over(self, seen: int) -> int:
        """The number of the thread that watches from now on, unless the one before has gone on."""
        with self._handing_over:
            if not self._attends or seen != self._attended:
                return 0
            self._attends = self._has_stand_in = False
            self._watch_number += 1
            return self._watch_number

    # ------------------------------------------------------------------- watching
    def _turn(self, number: int) -> None:
        while self._inbox:
            self._look_later(*self._inbox.popleft())
        now = time.monotonic()
        self._look_at_due(now)
        self._wakes_at = self._calendar[0][0] if self._calendar else math.inf
        if self._inbox:
            return
        timeout = None if self._wakes_at == math.inf else max(TICK, self._wakes_at - now)
        ready = self._waiting.wait(timeout)  # no name here holds a connection meanwhile
        self._wakes_at = -math.inf
        for descriptor, _ in ready:
            owner = self._owners.get(descriptor)
            if owner is None:
                self._waker.clear()  # or it is let go of since
            elif not self._attend(owner, number):
                return

    def _look_at_due(self, now: float) -> None:
        while self._calendar and self._calendar[0][0] <= now:
            when, number = heapq.heappop(self._calendar)
            look = self._looks.get(number)
            if look is not None and look[0] == when:
                self._look(look[1], now)

    def _look_later(self, one: Resting, when: float) -> None:
        look = self._looks.get(one.number)
        if one.closed and one.number not in self._descriptors:
            self._looks.pop(one.number, None)
        elif look is None or when < look[0]:
            self._looks[one.number] = (when, one)
            heapq.heappush(self._calendar, (when, one.number))
            if len(self._calendar) > 2 * len(self._looks) + _STALE:
                self._calendar = [(when, number) for number, (when, _) in list(self._looks.items())]
                heapq.heapify(self._calendar)

    def _look(self, one: Resting, now: float, *, ready: bool = False) -> None:
        """Ask what it wants, and do that; it may be gone."""
        self._looks.pop(one.number, None)
        with one.lock:
            self._remove(one)
            plan = one.plan(now, ready=ready)
            if plan is not None and plan.descriptor >= 0:
                self._add(one, plan.descriptor, write=plan.write)
        if plan is None:
            return
        if plan.attend:
            try:
                one.summon()
            except RuntimeError as error:
                _log.error("Nobody can attend to a connection for now: %s", error)
                self._look_later(one, now + RETRY)
        elif plan.until is not None:
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
