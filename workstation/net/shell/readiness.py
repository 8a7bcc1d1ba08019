"""Waiting for a socket or for another thread's call, in one place for every platform.

POSIX has poll(), Linux has eventfd; Windows has neither and waits with select() on a socket pair.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading

_HAS_POLL = hasattr(select, "poll")
_HAS_EVENTFD = hasattr(os, "eventfd")
_LONGEST = 86_400.0  # seconds of one wait; poll() takes milliseconds in 32 bits, and nobody minds waking once a day


class Waker:
    """Lets another thread end a `wait`; the calls of several threads count as one.

    Attributes:
        number: The descriptor to wait on; -1 once it is closed.
    """

    def __init__(self) -> None:
        self.number = -1
        self._pair: tuple[socket.socket, socket.socket] | None = None
        if _HAS_EVENTFD:
            self.number = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        else:
            self._pair = socket.socketpair()
            for end in self._pair:
                end.setblocking(False)
            self.number = self._pair[0].fileno()

    def fileno(self) -> int:
        """As `number`, for select()."""
        return self.number

    def wake(self) -> None:
        """End the current or the next wait."""
        with contextlib.suppress(BlockingIOError):
            if self._pair:
                self._pair[1].send(b"\0")
            else:
                os.eventfd_write(self.number, 1)

    def clear(self) -> None:
        """Forget the calls so far."""
        with contextlib.suppress(BlockingIOError):
            if self._pair:
                self._pair[0].recv(4096)
            else:
                os.eventfd_read(self.number)

    def close(self) -> None:
        """Give the descriptors back."""
        number, self.number = self.number, -1
        if self._pair:
            for end in self._pair:
                end.close()
        elif number >= 0:
            os.close(number)

    def __del__(self) -> None:
        # one that belongs to a thread goes with the thread
        with contextlib.suppress(OSError):
            self.close()


class _Own(threading.local):
    waker: Waker | None = None


_own = _Own()


def own_waker() -> Waker:
    """The calling thread's waker; there is one a thread, so that a connection that nobody waits for has none."""
    waker = _own.waker
    if waker is None or waker.number < 0:
        waker = _own.waker = Waker()
    return waker


def _after_fork() -> None:
    """A forked process must not share its parent's wakers: a call would end somebody else's wait."""
    _own.waker = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Readable:
    """Waits for bytes on one socket again and again, with what waiting once would build anew each time.

    Args:
        sock: The socket; a closed or broken one counts as ready.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._number = sock.fileno()
        self._woken = -1  # descriptor of the waker that the poll object knows
        self._poll = select.poll() if _HAS_POLL else None
        if self._poll is not None:
            self._poll.register(self._number, select.POLLIN)

    def wait(self, waker: Waker, timeout: float | None) -> bool:
        """As `wait` with nothing to write: whether the socket can be read."""
        poll = self._poll
        if poll is None:
            return wait(self._sock, waker, timeout, read=True, write=False)[0]
        number = waker.number
        if number != self._woken:
            if self._woken >= 0:
                poll.unregister(self._woken)
            poll.register(number, select.POLLIN)
            self._woken = number
        if timeout is None:
            ready = poll.poll(None)
        else:
            ready = poll.poll(min(max(0.0, timeout), _LONGEST) * 1000.0 + 0.5)
        readable = False
        for seen, _ in ready:
            if seen == self._number:
                readable = True
            else:
                waker.clear()
        return readable


def wait(
    sock: socket.socket, waker: Waker | None, timeout: float | None, *, read: bool, write: bool
) -> tuple[bool, bool]:
    """Wait until the socket is ready, the waker was called, or the time is over.

    Args:
        sock: The socket; a closed or broken one counts as ready.
        waker: Ends the wait early; cleared by it.
        timeout: Seconds, or None for no limit.
        read: Whether to wait for bytes to read.
        write: Whether to wait for room to write.

    Returns:
        Whether the socket can be read, and whether it can be written.
    """
    if timeout is not None:
        timeout = min(max(0.0, timeout), _LONGEST)
    if _HAS_POLL:
        poll = select.poll()
        flags = (select.POLLIN if read else 0) | (select.POLLOUT if write else 0)
        if flags:  # a broken socket would be told of at once, although nobody wants to hear of it yet
            poll.register(sock, flags)
        if waker:
            poll.register(waker.number, select.POLLIN)
        ready = dict(poll.poll(None if timeout is None else timeout * 1000.0 + 0.5))
        seen = ready.get(sock.fileno(), 0)
        if waker and waker.number in ready:
            waker.clear()
        broken = bool(seen & (select.POLLERR | select.POLLHUP | select.POLLNVAL))
        return bool(seen & select.POLLIN) or (broken and read), bool(seen & select.POLLOUT) or (broken and write)
    wanted: list[socket.socket | Waker] = [waker] if waker else []
    if read:
        wanted.append(sock)
    readable, writable, broken_list = select.select(
        wanted,
        [sock] if write else [],
        [sock] if read or write else [],
        timeout,
    )
    if waker and waker in readable:
        waker.clear()
    failed = bool(broken_list)
    return (sock in readable) or (failed and read), bool(writable) or (failed and write)
