"""What is queued to be written: that all of it leaves in its order, and what may be dropped of it."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator

import pytest

from workstation.net.shell.hindrance import Pace
from workstation.net.shell.outbox import Outbox


@pytest.fixture
def wire() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Where is written, with little room, and where it arrives."""
    near, far = socket.socketpair()
    with near, far:
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        near.setblocking(False)
        far.setblocking(False)
        yield near, far


def arrived(far: socket.socket) -> bytes:
    came = b""
    while True:
        try:
            came += far.recv(1 << 16)
        except BlockingIOError:
            return came


def filled(*pdus: tuple[bytes | memoryview, ...]) -> Outbox:
    outbox = Outbox()
    for pdu in pdus:
        outbox.append(pdu)
    return outbox


def numbered(count: int, length: int) -> list[tuple[bytes | memoryview, ...]]:
    return [(b"%06d" % number, memoryview(bytes([number & 0xFF]) * length)) for number in range(count)]


def whole(pdus: list[tuple[bytes | memoryview, ...]]) -> bytes:
    return b"".join(bytes(piece) for piece in itertools.chain.from_iterable(pdus))


@pytest.mark.parametrize("gathers", [True, False])
@pytest.mark.parametrize(("count", "length"), [(1, 0), (1, 10), (1, 1_000_000), (3, 20_000), (700, 5), (2000, 0)])
def test_everything_leaves_in_its_order(
    wire: tuple[socket.socket, socket.socket], gathers: bool, count: int, length: int
) -> None:
    near, far = wire
    pdus = numbered(count, length)
    outbox = filled(*pdus)
    came = b""
    while outbox:
        wrote = outbox.write(near, gathers=gathers)
        here = arrived(far)
        assert wrote == bool(here)
        came += here
    assert came == whole(pdus)
    assert not outbox.write(near, gathers=gathers)


def test_pieces_without_a_byte_hold_nothing_up(wire: tuple[socket.socket, socket.socket]) -> None:
    near, far = wire
    outbox = filled((b"",), (b"", b"a", b""), (b"",), (memoryview(b""), b"b"))
    while outbox:
        outbox.write(near, gathers=False, pace=Pace(1_000_000_000))
    assert arrived(far) == b"ab"


@pytest.mark.parametrize("gathers", [True, False])
def test_an_abort_cuts_in_behind_what_has_begun_to_leave(
    wire: tuple[socket.socket, socket.socket], gathers: bool
) -> None:
    near, far = wire
    pdus = numbered(3, 1_000_000)
    outbox = filled(*pdus)
    assert outbox.write(near, gathers=gathers)
    outbox.cut_in()
    outbox.append((b"abort",))
    came = b""
    while outbox:
        came += arrived(far)
        outbox.write(near, gathers=gathers)
    assert came + arrived(far) == whole(pdus[:1]) + b"abort"


def test_nothing_precedes_an_abort_when_nothing_has_begun(wire: tuple[socket.socket, socket.socket]) -> None:
    near, far = wire
    outbox = filled((b"gone",))
    assert outbox.write(near, gathers=True)
    outbox += numbered(3, 10)
    outbox.cut_in()
    outbox.append((b"abort",))
    assert outbox.write(near, gathers=True)
    assert arrived(far) == b"goneabort"


def test_a_pace_lets_a_stretch_pass_and_waits(wire: tuple[socket.socket, socket.socket]) -> None:
    near, far = wire
    outbox = filled((b"x" * 100, b"y" * 100))
    pace = Pace(20)  # the next byte leaves a twentieth of a second later
    assert outbox.write(near, gathers=True, pace=pace)
    pace.next += 3600
    assert not outbox.write(near, gathers=True, pace=pace)
    assert arrived(far) == b"x"
    assert outbox.write(near, gathers=True)
    assert arrived(far) == b"x" * 99 + b"y" * 100


def test_what_waits_for_more_leaves_when_it_is_much(wire: tuple[socket.socket, socket.socket]) -> None:
    outbox = filled((b"x" * 20_000,))
    assert outbox.hold(20_000)
    assert not outbox.hold(20_000)
    assert outbox.held
    outbox.write(wire[0], gathers=True)
    assert not outbox.held


def test_a_broken_wire_is_told(wire: tuple[socket.socket, socket.socket]) -> None:
    near, far = wire
    far.close()
    outbox = filled((b"x",))
    with pytest.raises(ConnectionError):
        outbox.write(near, gathers=True)
    outbox.forget()
    assert not outbox
