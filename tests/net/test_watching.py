"""Who reads a connection: whoever waits for an answer, a thread of the pool, and in between the watcher."""

from __future__ import annotations

import contextvars
import gc
import os
import socket
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from live_ends import ask
from raw_peer import RawPeer, message, scp, serves, serving, until

from workstation.net import evt
from workstation.net.association import Association
from workstation.net.codec.dimse import C_ECHO_RQ, C_ECHO_RSP
from workstation.net.codec.pdu import A_ABORT_RQ
from workstation.net.listener import AssociationServer
from workstation.net.shell import connection, threads, watching
from workstation.net.shell.watching import Plan, Watcher
from workstation.net.sop_class import Verification

PATIENCE = 5.0
SOON = 2.0  # seconds
ECHO = C_ECHO_RQ(context_id=1, MessageID=1, AffectedSOPClassUID=Verification)


@pytest.fixture(params=["epoll", "selectors"])
def _each_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """New watchers, that wait as Linux or as the other platforms do."""
    if request.param == "epoll" and not watching._HAS_EPOLL:
        pytest.skip("this platform has no epoll")
    monkeypatch.setattr(watching, "_HAS_EPOLL", request.param == "epoll")
    monkeypatch.setattr(watching, "_watchers", [])
    return


pytestmark = pytest.mark.usefixtures("_each_kind")


def busy() -> list[str]:
    """Threads that serve an association at the moment."""
    return [t.name for t in threading.enumerate() if t.name.startswith(("dicom-assoc", "dicom-worker"))]


def test_associations_at_rest_have_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_LINGER", 0.05)
    with serving(scp(Verification)) as server:
        held = [ask(server, Verification) for _ in range(5)]
        for assoc in held:
            assert assoc.send_c_echo().Status == 0
        assert until(lambda: not busy()), busy()
        assert [assoc.ident for assoc in held] == [None] * 5
        assert all(assoc.is_alive() for assoc in held)
        for assoc in held:
            assert assoc.send_c_echo().Status == 0
            assoc.release()
            assert assoc.is_released


@pytest.mark.parametrize("rest", [0.0, 3 * watching.REST])
def test_the_end_of_a_resting_association_is_seen(rest: float) -> None:
    with serving(scp(Verification)) as server:
        assoc = ask(server, Verification)
        assert assoc.send_c_echo().Status == 0
        time.sleep(rest)
        (theirs,) = server.active_associations
        theirs.abort()
        assert until(lambda: assoc.is_aborted)
        assert assoc.over.wait(PATIENCE)


def test_what_a_peer_says_of_its_own_accord_is_heard_at_rest() -> None:
    heard: list[Any] = []
    with serving(scp(Verification), [(evt.EVT_PDU_RECV, heard.append)]) as server:
        with RawPeer.associated(server) as peer:
            time.sleep(3 * watching.REST)
            for number in range(3):
                peer.say(message(ECHO))
                answer = peer.hear_message()
                assert isinstance(answer, C_ECHO_RSP), number
                time.sleep(2 * watching.REST)
            peer.say(A_ABORT_RQ(source=0, reason=0))
            peer.until_closed()
        assert until(lambda: len(heard) == 5)  # the request, three echoes, the abort
        assert serves(server) < SOON


def test_a_thread_of_the_pool_makes_way_for_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    # it has read something of the server's own accord, and would read for an hour
    monkeypatch.setattr(connection, "_LINGER", 3600.0)
    readers: list[str] = []
    heard = threading.Event()

    def on_pdu(event: Any) -> None:
        readers.append(threading.current_thread().name)
        heard.set()

    with serving(scp(Verification)) as server:
        assoc = ask(server, Verification, evt_handlers=[(evt.EVT_PDU_RECV, on_pdu)])
        time.sleep(3 * watching.REST)
        heard.clear()
        (theirs,) = server.active_associations
        # an answer that nobody asked for does no harm
        theirs.send(C_ECHO_RSP(context_id=1, MessageIDBeingRespondedTo=9, Status=0))
        assert heard.wait(PATIENCE)
        assert until(lambda: assoc._exchange._strays == 1)  # or it would meet the next request
        assert readers[-1].startswith("dicom-association")

        def reads_itself() -> bool:
            assert assoc.send_c_echo().Status == 0
            return readers[-1] == threading.current_thread().name

        assert until(reads_itself), readers
        assoc.release()
        server.shutdown()


def test_several_threads_wait_on_one_association() -> None:
    with serving(scp(Verification)) as server:
        assoc = ask(server, Verification)
        statuses: list[int] = []

        def echo(number: int) -> None:
            statuses.extend(assoc.send_c_echo(number).Status for _ in range(50))

        callers = [threading.Thread(target=echo, args=(number,)) for number in range(1, 5)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(PATIENCE)
        assert statuses == [0] * 200
        assoc.release()


def test_a_slow_handler_leaves_the_association_with_ears() -> None:
    entered = threading.Event()
    gone = threading.Event()

    def on_echo(event: Any) -> int:
        entered.set()
        if event.over.wait(PATIENCE):
            gone.set()
        return 0

    with serving(scp(Verification), [(evt.EVT_C_ECHO, on_echo)]) as server, RawPeer.associated(server) as peer:
        peer.say(message(ECHO))
        assert entered.wait(PATIENCE)
        peer.say(A_ABORT_RQ(source=0, reason=0))
        assert gone.wait(PATIENCE)


@pytest.fixture
def _all_are_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a request takes, the watcher's thread performs the next."""
    monkeypatch.setattr(connection, "_MOMENT", 3600.0)


def quick(server: AssociationServer, held: list[Association]) -> None:
    """Echo on each association, until the watcher waits for all of the server's ends as quick ones."""
    for assoc in held:
        assert assoc.send_c_echo().Status == 0

    def are_waited_for() -> bool:
        ends = [one.connection for one in server.active_associations]
        return all(one._watched and not one._proof for one in ends)

    assert until(are_waited_for)


@pytest.mark.usefixtures("_all_are_quick")
def test_one_thread_performs_what_takes_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "HELD_UP", PATIENCE)
    performed: list[tuple[int, str]] = []

    def on_echo(event: Any) -> int:
        performed.append((threading.get_ident(), threading.current_thread().name))
        return 0

    with serving(scp(Verification), [(evt.EVT_C_ECHO, on_echo)]) as server:
        held = [ask(server, Verification) for _ in range(5)]
        quick(server, held)
        del performed[:]
        for _ in range(3):
            for assoc in held:
                assert assoc.send_c_echo().Status == 0
        assert len({ident for ident, _ in performed}) == 1
        names = [name for _, name in performed]
        assert len(set(names[:5])) == 5
        assert names == names[:5] * 3
        for assoc in held:
            assoc.release()


@pytest.mark.parametrize("trusted", [True, False])
def test_a_slow_handler_holds_nobody_up(monkeypatch: pytest.MonkeyPatch, *, trusted: bool) -> None:
    # who is trusted is slow for the first time; for the other the watcher's thread would not do
    monkeypatch.setattr(connection, "_MOMENT", 3600.0 if trusted else -1.0)
    if not trusted:
        monkeypatch.setattr(watching, "HELD_UP", PATIENCE)
    waits, goes_on = threading.Event(), threading.Event()

    def on_echo(event: Any) -> int:
        if event.request.MessageID == 9:
            waits.set()
            goes_on.wait(PATIENCE)
        return 0

    with serving(scp(Verification), [(evt.EVT_C_ECHO, on_echo)]) as server:
        slow, other = held = [ask(server, Verification) for _ in range(2)]
        if trusted:
            quick(server, held)
        else:
            assert [assoc.send_c_echo().Status for assoc in held] == [0, 0]
        statuses: list[int] = []
        caller = threading.Thread(target=lambda: statuses.append(slow.send_c_echo(9).Status))
        caller.start()
        assert waits.wait(PATIENCE)
        for _ in range(20):
            assert other.send_c_echo().Status == 0
        assert statuses == []
        goes_on.set()
        caller.join(PATIENCE)
        assert statuses == [0]
        # and the one that was slow is served as before
        assert slow.send_c_echo().Status == 0
        for assoc in held:
            assoc.release()


@pytest.mark.usefixtures("_all_are_quick")
def test_the_watchers_thread_leaves_the_association_with_ears() -> None:
    entered, gone = threading.Event(), threading.Event()

    def on_echo(event: Any) -> int:
        if event.request.MessageID == 9:
            entered.set()
            if event.over.wait(PATIENCE):
                gone.set()
        return 0

    with serving(scp(Verification), [(evt.EVT_C_ECHO, on_echo)]) as server, RawPeer.associated(server) as peer:
        peer.say(message(ECHO))
        assert isinstance(peer.hear_message(), C_ECHO_RSP)
        peer.say(message(C_ECHO_RQ(context_id=1, MessageID=9, AffectedSOPClassUID=Verification)))
        assert entered.wait(PATIENCE)
        peer.say(A_ABORT_RQ(source=0, reason=0))
        assert gone.wait(PATIENCE)


@pytest.mark.usefixtures("_all_are_quick")
def test_a_look_in_between_keeps_no_request_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(scp(Verification)) as server:
        assoc = ask(server, Verification)
        quick(server, [assoc])
        monkeypatch.setattr(watching, "REST", 3600.0)
        assert assoc.send_c_echo().Status == 0
        (theirs,) = server.active_associations
        (watcher,) = watching._watchers
        watcher.look_at(theirs.connection, 0.0)
        assert until(lambda: not watcher._inbox)
        assoc.dimse_timeout = PATIENCE
        assert assoc.send_c_echo().Status == 0
        assoc.release()


@pytest.mark.usefixtures("_all_are_quick")
def test_requests_that_come_at_once_are_answered_in_turn() -> None:
    with serving(scp(Verification)) as server, RawPeer.associated(server) as peer:
        for first in (1, 11, 21):
            numbers = range(first, first + 10)
            requests = [C_ECHO_RQ(context_id=1, MessageID=n, AffectedSOPClassUID=Verification) for n in numbers]
            peer.sock.sendall(b"".join(map(message, requests)))
            answers = [peer.hear_message() for _ in numbers]
            assert [one.MessageIDBeingRespondedTo for one in answers] == list(numbers)


@pytest.mark.usefixtures("_all_are_quick")
def test_without_threads_for_a_stand_in_requests_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(scp(Verification)) as server:
        held = [ask(server, Verification) for _ in range(2)]
        quick(server, held)
        (watcher,) = watching._watchers
        assert until(lambda: not watcher._has_stand_in)
        refused: list[str] = []

        def refuse(name: str, *_: Any, **__: Any) -> None:
            refused.append(name)
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patch:
            patch.setattr(threads, "run", refuse)
            for assoc in held:
                assert assoc.send_c_echo().Status == 0
        assert "dicom-stand-in" in refused
        for assoc in held:
            assoc.release()


@pytest.mark.usefixtures("_all_are_quick")
def test_what_a_handler_leaves_in_its_context_no_other_association_sees() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="")
    seen: list[str] = []

    def on_message(event: Any) -> None:
        seen.append(variable.get())
        variable.set(event.assoc.name)

    with serving(scp(Verification), [(evt.EVT_DIMSE_RECV, on_message)]) as server:
        held = [ask(server, Verification) for _ in range(2)]
        quick(server, held)
        for _ in range(2):
            for assoc in held:
                assert assoc.send_c_echo().Status == 0
        assert len(seen) >= 6
        assert not any(seen)
        for assoc in held:
            assoc.release()


def test_without_threads_the_watcher_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_LINGER", 0.01)
    monkeypatch.setattr(watching, "RETRY", 0.05)
    with serving(scp(Verification)) as server, RawPeer.associated(server) as peer:
        assert until(lambda: not busy())
        refused = threading.Event()

        def refuse(*_: Any, **__: Any) -> None:
            refused.set()
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patch:
            patch.setattr(threads, "run", refuse)
            peer.say(message(ECHO))
            assert refused.wait(PATIENCE)
        assert isinstance(peer.hear_message(), C_ECHO_RSP)


def test_more_connections_than_one_watcher_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_CAPACITY", 2)
    with serving(scp(Verification)) as server:
        held = [ask(server, Verification) for _ in range(4)]
        assert len(watching._watchers) == 4  # both ends are here
        time.sleep(2 * watching.REST)
        assert [assoc.send_c_echo().Status for assoc in held] == [0] * 4
        for assoc in held:
            assoc.release()
        assert until(lambda: [one.members for one in watching._watchers] == [0] * 4)
        assert ask(server, Verification).send_c_echo().Status == 0
        assert len(watching._watchers) == 4


# --------------------------------------------------------------------------- the watcher by itself
class Pipe:
    """Something that rests."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.lock = threading.Lock()
        self.ours, self.theirs = socket.socketpair()
        self.plans: list[tuple[float, bool]] = []
        self.summoned = threading.Event()
        self.deadline: float | None = None
        self.rests = True
        self.closed = False

    def plan(self, now: float, *, ready: bool) -> Plan | None:
        self.plans.append((now, ready))
        if not self.rests:
            return None
        if ready or (self.deadline is not None and now >= self.deadline):
            self.rests = False
            return Plan(attend=True)
        return Plan(self.ours.fileno(), until=self.deadline)

    def attend_now(self) -> bool:
        return False

    def summon(self) -> None:
        self.summoned.set()

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    one = Pipe(10_000_000)
    yield one
    one.close()


def test_bytes_summon(pipe: Pipe) -> None:
    watcher = Watcher()
    watcher.look_at(pipe, time.monotonic() + 0.05)
    assert not pipe.summoned.wait(0.1)
    pipe.theirs.send(b"x")
    assert pipe.summoned.wait(PATIENCE)
    assert [ready for _, ready in pipe.plans] == [False, True]


def test_a_deadline_summons(pipe: Pipe) -> None:
    pipe.deadline = time.monotonic() + 0.2
    Watcher().look_at(pipe, 0.0)
    assert pipe.summoned.wait(PATIENCE)
    assert pipe.plans[-1][0] >= pipe.deadline


def test_a_look_that_was_asked_for_sooner_comes_sooner(pipe: Pipe) -> None:
    watcher = Watcher()
    pipe.rests = False
    watcher.look_at(pipe, time.monotonic() + 3600)
    time.sleep(0.05)
    assert pipe.plans == []
    watcher.look_at(pipe, 0.0)
    assert until(lambda: len(pipe.plans) == 1)


def test_what_was_let_go_of_summons_nobody(pipe: Pipe) -> None:
    watcher = Watcher()
    watcher.look_at(pipe, 0.0)
    assert until(lambda: len(pipe.plans) == 1)
    time.sleep(0.05)
    assert watcher.let_go(pipe) is watching._HAS_EPOLL
    pipe.rests = False
    pipe.theirs.send(b"x")
    assert not pipe.summoned.wait(0.1)


def test_times_that_no_longer_count_are_not_kept(pipe: Pipe) -> None:
    watcher = Watcher()
    pipe.rests = False
    begin = time.monotonic() + 3600
    for number in range(10 * watching._STALE):
        watcher.look_at(pipe, begin - number)
    watcher.look_at(pipe, 0.0)
    assert until(lambda: len(pipe.plans) == 1)
    assert len(watcher._calendar) <= 2 * watching._STALE


def test_a_plan_that_fails_does_not_end_the_watcher(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "RETRY", 0.01)
    watcher = Watcher()
    broken = Pipe(10_000_001)
    broken.plan = lambda now, *, ready: 1 // 0  # type: ignore[method-assign,assignment,return-value]
    try:
        watcher.look_at(broken, 0.0)
        watcher.look_at(pipe, 0.0)
        pipe.theirs.send(b"x")
        assert pipe.summoned.wait(PATIENCE)
    finally:
        broken.close()


def test_what_is_over_is_not_held() -> None:
    seen: list[weakref.ref[Any]] = []
    handlers = [(evt.EVT_ESTABLISHED, lambda event: seen.append(weakref.ref(event.assoc)))]
    with serving(scp(Verification), handlers) as one:
        for rest in (0.0, 2 * watching.REST):
            assoc = ask(one, Verification)
            seen.append(weakref.ref(assoc))
            for _ in range(2):
                time.sleep(rest)
                assert assoc.send_c_echo().Status == 0
            assoc.release()
        del assoc

        def are_gone() -> bool:
            gc.collect()
            return [reference() for reference in seen] == [None] * 4

        assert until(are_gone)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_a_forked_process_has_a_watcher_of_its_own() -> None:
    with serving(scp(Verification)) as server:
        held = ask(server, Verification)
        assert held.send_c_echo().Status == 0
        child = os.fork()
        if child == 0:
            try:
                assoc = ask(server, Verification)
                time.sleep(3 * watching.REST)
                os._exit(0 if assoc.send_c_echo().Status == 0 else 1)
            except BaseException:
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        assert held.send_c_echo().Status == 0
        held.release()
