"""Questions that wait for a person: over real associations, as many as there are, and until the peer is gone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import Any

import pytest
from pydicom.dataset import Dataset

from workstation.net import AE, build_context, dsutils, evt
from workstation.net.association import Association
from workstation.net.codec.pdu import A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from workstation.net.data_sets import EncodedDataSet
from workstation.net.events import Event
from workstation.net.pdu_primitives import UserIdentityNegotiation
from workstation.scp.asking import CANCEL, Asker, Question, Reply
from workstation.scp.rules.occasion import Occasion
from workstation.scp.rules.rule import ASSOCIATION

VERIFICATION = "1.2.840.10008.1.1"
STUDY_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
PRINTER = "1.2.840.10008.5.1.1.16"
LONG = 20.0


def occasion_of(event: Event) -> Occasion:
    return Occasion(
        event=event.name,
        association=event.assoc.number,
        calling=event.assoc.requestor.ae_title,
        message_id=event.request.MessageID if hasattr(event, "request") else 0,
    )


def match(name: str) -> Dataset:
    data_set = Dataset()
    data_set.QueryRetrieveLevel = "STUDY"
    data_set.PatientName = name
    return data_set


class Desk:
    """A person: takes questions as they come."""

    def __init__(self, asker: Asker) -> None:
        self.asked: SimpleQueue[Question] = SimpleQueue()
        self.over: SimpleQueue[Question] = SimpleQueue()
        self.stop = asker.listen(self.asked.put, self.over.put)

    def next(self) -> Question:
        return self.asked.get(timeout=LONG)

    def ended(self) -> Question:
        return self.over.get(timeout=LONG)


class Served:
    """A server whose finds, stores and user identities are asked; echoes are not."""

    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self.replies: SimpleQueue[Reply] = SimpleQueue()
        self.prefilled_to_the_end = False
        self.ae = AE("ASKING")
        self.ae.maximum_associations = 50
        self.ae.acse_timeout = self.ae.dimse_timeout = self.ae.network_timeout = LONG
        server = self.ae.start_server(
            ("127.0.0.1", 0),
            block=False,
            contexts=[build_context(uid) for uid in (VERIFICATION, STUDY_FIND, CT, PRINTER)],
            evt_handlers=[
                (evt.EVT_C_FIND, self.find),
                (evt.EVT_C_STORE, self.store),
                (evt.EVT_N_GET, self.get),
                (evt.EVT_USER_ID, self.user),
            ],
        )
        assert server is not None
        self.server = server
        self.address = server.server_address[:2]

    def _ask(self, event: Event, built_in: Callable[[Event], Any] | None) -> Reply:
        reply = self.asker.ask(event, occasion_of(event), built_in)
        self.replies.put(reply)
        return reply

    def reply(self) -> Reply:
        return self.replies.get(timeout=LONG)

    def built_in_find(self, event: Event) -> Iterator[tuple[int, Dataset | EncodedDataSet]]:
        syntax = event.context.transfer_syntax
        try:
            for number in range(250):
                found = match(f"Built^In {number}")
                yield 0xFF00, EncodedDataSet(dsutils.encode_in(found, syntax) or b"", syntax) if number % 2 else found
        finally:
            self.prefilled_to_the_end = True

    def find(self, event: Event) -> Iterator[tuple[Any, Dataset | EncodedDataSet | None]]:
        reply = self._ask(event, self.built_in_find)
        if reply.kind == "built-in":
            yield from self.built_in_find(event)
            return
        for data_set in reply.data_sets:
            yield 0xFF00, data_set
        yield reply.status, None

    def store(self, event: Event) -> int:
        reply = self._ask(event, lambda _: 0)
        return 0 if reply.kind == "built-in" else reply.status

    def get(self, event: Event) -> tuple[int, Dataset | None]:
        def built_in(_: Event) -> tuple[int, Dataset]:
            state = Dataset()
            state.PrinterStatus = "NORMAL"
            return 0, state

        reply = self._ask(event, built_in)
        return reply.status, reply.data_sets[0]

    def user(self, event: Event) -> tuple[bool, bytes | None]:
        reply = self._ask(event, lambda _: (True, b"\x01\x02"))
        return bool(reply.values.get("verified")), None


@pytest.fixture
def asker() -> Iterator[Asker]:
    made = Asker()
    yield made
    made.close()


@pytest.fixture
def desk(asker: Asker) -> Desk:
    return Desk(asker)


@pytest.fixture
def served(asker: Asker) -> Iterator[Served]:
    made = Served(asker)
    yield made
    asker.close()
    made.ae.shutdown()


@pytest.fixture
def connect(served: Served) -> Iterator[Callable[..., Association]]:
    made: list[Association] = []

    def associate(calling: str = "ASKER", uids: Iterable[str] = (VERIFICATION, STUDY_FIND), **more: Any) -> Association:
        ae = AE(calling)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = LONG
        ae.requested_contexts = [build_context(uid) for uid in uids]
        made.append(ae.associate(*served.address, ae_title="ASKING", **more))
        return made[-1]

    yield associate
    for association in made:
        if association.is_established:
            association.abort()


class Finding:
    """A C-FIND under way in a thread of its own."""

    def __init__(self, association: Association, message_id: int = 1) -> None:
        self.association = association
        self.answers: list[tuple[int | None, str]] = []
        self._thread = threading.Thread(target=self._find, args=(message_id,))
        self._thread.start()

    def _find(self, message_id: int) -> None:
        for status, found in self.association.send_c_find(match("*"), STUDY_FIND, msg_id=message_id):
            self.answers.append((status.get("Status"), "" if found is None else str(found.PatientName)))

    def done(self) -> list[tuple[int | None, str]]:
        self._thread.join(LONG)
        assert not self._thread.is_alive()
        return self.answers


# ten at once


def test_ten_associations_wait_at_once_and_each_gets_its_own_answer(
    served: Served, desk: Desk, connect: Callable[..., Association], asker: Asker
) -> None:
    finds = {f"PEER{number}": Finding(connect(f"PEER{number}")) for number in range(10)}
    questions = {(question := desk.next()).occasion.calling: question for _ in finds}
    assert questions.keys() == finds.keys()
    assert {question.number for question in asker.open_questions()} == {q.number for q in questions.values()}
    # nobody else waits for them, and a waiting association still hears
    assert connect("ELEVENTH").send_c_echo().Status == 0
    for calling in sorted(finds, reverse=True):
        assert questions[calling].reply(Reply.with_status(0, data_sets=[match(f"For^{calling}")]))
        assert finds[calling].done() == [(0xFF00, f"For^{calling}"), (0, "")]
        others = {other for other in finds if other < calling}
        assert {question.occasion.calling for question in asker.open_questions()} == others
        finds[calling].association.release()
        assert finds[calling].association.is_released


def test_a_second_request_of_the_same_association_is_asked_after_the_first(
    served: Served, desk: Desk, connect: Callable[..., Association]
) -> None:
    association = connect()
    first, second = Finding(association, 1), Finding(association, 2)
    for _ in range(2):
        question = desk.next()
        question.reply(Reply.with_status(0, data_sets=[match(f"Answer^{question.occasion.message_id}")]))
    assert first.done() == [(0xFF00, "Answer^1"), (0, "")]
    assert second.done() == [(0xFF00, "Answer^2"), (0, "")]


# the peer does not wait


def test_a_cancel_withdraws_the_question(served: Served, desk: Desk, connect: Callable[..., Association]) -> None:
    association = connect()
    finding = Finding(association, 7)
    question = desk.next()
    association.send_c_cancel(7, query_model=STUDY_FIND)
    assert desk.ended() is question
    assert question.withdrawn.startswith("The peer cancelled after ")
    assert not question.is_open
    assert not question.reply(Reply.with_status(0))
    assert finding.done() == [(CANCEL, "")]
    assert association.send_c_echo().Status == 0


def test_a_cancel_of_another_message_does_not(served: Served, desk: Desk, connect: Callable[..., Association]) -> None:
    association = connect()
    finding = Finding(association, 7)
    question = desk.next()
    heard: SimpleQueue[Event] = SimpleQueue()
    assert question.assoc is not None
    # bound after the question's own, so run after it
    question.assoc.bind(evt.EVT_DIMSE_RECV, heard.put)
    association.send_c_cancel(8, query_model=STUDY_FIND)
    assert heard.get(timeout=LONG).message.MessageIDBeingRespondedTo == 8
    assert question.is_open
    assert question.reply(Reply.with_status(0xA700))
    assert finding.done() == [(0xA700, "")]
    assert not question.withdrawn


def test_an_abort_withdraws_the_question_and_says_so(
    served: Served, desk: Desk, connect: Callable[..., Association]
) -> None:
    association = connect()
    finding = Finding(association)
    question = desk.next()
    association.abort()
    assert desk.ended() is question
    assert "abort" in question.withdrawn
    assert served.reply().kind == "gone"
    finding.done()


def test_a_release_while_asked_withdraws_the_question(
    served: Served, desk: Desk, connect: Callable[..., Association]
) -> None:
    association = connect()
    finding = Finding(association)
    question = desk.next()
    association.release()
    assert desk.ended() is question
    assert "released" in question.withdrawn
    finding.done()


def test_a_lost_connection_withdraws_the_question(
    served: Served, desk: Desk, connect: Callable[..., Association]
) -> None:
    association = connect()
    finding = Finding(association)
    question = desk.next()
    association._connection._socket.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
    assert desk.ended() is question
    assert question.withdrawn
    assert served.reply().kind == "gone"
    finding.done()


def test_time_limits_of_ours_do_not_end_it(served: Served, desk: Desk, connect: Callable[..., Association]) -> None:
    served.ae.network_timeout = served.ae.dimse_timeout = served.ae.acse_timeout = 1.0
    finding = Finding(connect())
    question = desk.next()
    assert not question.wait(1.7), question.withdrawn
    assert question.reply(Reply.with_status(0, data_sets=[match("Late^But Well")]))
    assert finding.done() == [(0xFF00, "Late^But Well"), (0, "")]


# nobody replies


def test_without_anybody_listening_the_built_in_answer_is_given_at_once(
    served: Served, connect: Callable[..., Association]
) -> None:
    answers = Finding(connect()).done()
    assert len(answers) == 251
    assert answers[0] == (0xFF00, "Built^In 0")
    assert served.reply() == Reply.built_in("Nobody looks at questions.")


def test_after_the_limit_the_built_in_answer_is_given(
    served: Served, asker: Asker, desk: Desk, connect: Callable[..., Association]
) -> None:
    asker.limit = 0.3
    assert len(Finding(connect()).done()) == 251
    assert served.reply().because == "Nobody replied within 300 ms."
    question = desk.ended()
    assert not question.withdrawn
    assert not asker.open_questions()


@pytest.mark.parametrize("end", ["close", "stop"])
def test_open_questions_are_answered_as_built_in_when_nobody_looks_any_more(
    end: str, served: Served, asker: Asker, desk: Desk, connect: Callable[..., Association]
) -> None:
    findings = [Finding(connect(f"PEER{number}")) for number in range(3)]
    for _ in findings:
        desk.next()
    asker.close() if end == "close" else desk.stop()
    for finding in findings:
        assert len(finding.done()) == 251
    assert len(Finding(connect()).done()) == 251
    assert not asker.open_questions()


def test_one_of_two_who_listen_may_go(
    served: Served, asker: Asker, desk: Desk, connect: Callable[..., Association]
) -> None:
    other = Desk(asker)
    finding = Finding(connect())
    question = desk.next()
    assert other.next() is question
    other.stop()
    assert question.is_open
    assert question.reply(Reply.with_status(0))
    assert finding.done() == [(0, "")]


def test_the_first_of_many_answers_counts(served: Served, desk: Desk, connect: Callable[..., Association]) -> None:
    finding = Finding(connect())
    question = desk.next()
    together = threading.Barrier(8)
    counted: list[int] = []

    def answer(number: int) -> None:
        together.wait()
        if question.reply(Reply.with_status(0xC000 + number)):
            counted.append(number)

    threads = [threading.Thread(target=answer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counted) == 1
    assert finding.done() == [(0xC000 + counted[0], "")]


def test_a_listener_that_fails_is_logged_and_the_others_hear(
    served: Served, asker: Asker, connect: Callable[..., Association], caplog: pytest.LogCaptureFixture
) -> None:
    def failing(_: Question) -> None:
        raise RuntimeError("a listener's own fault")

    asker.listen(failing, failing)
    desk = Desk(asker)
    finding = Finding(connect())
    desk.next().reply(Reply.with_status(0))
    assert finding.done() == [(0, "")]
    assert "a listener's own fault" in caplog.text


# other events


def test_a_store_and_an_n_service_are_asked(served: Served, desk: Desk, connect: Callable[..., Association]) -> None:
    association = connect(uids=(CT, PRINTER))
    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID = CT, "1.2.3"
    image.file_meta = Dataset()
    image.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
    results: SimpleQueue[Any] = SimpleQueue()
    sending = threading.Thread(target=lambda: results.put(association.send_c_store(image)))
    sending.start()
    question = desk.next()
    assert (question.kind, question.data_sets, question.can_prefill) == ("service", "none", False)
    with pytest.raises(ValueError, match="cannot be had beforehand"):
        question.prefill()
    question.reply(Reply.with_status(0xB000))
    assert results.get(timeout=LONG).Status == 0xB000
    sending.join()
    getting = threading.Thread(target=lambda: results.put(association.send_n_get([0x21100010], PRINTER, "1.2.3.4")))
    getting.start()
    question = desk.next()
    assert question.data_sets == "one"
    reply = question.prefill()
    assert reply.data_sets[0].PrinterStatus == "NORMAL"
    reply.data_sets[0].PrinterStatus = "FAILURE"
    question.reply(reply)
    status, state = results.get(timeout=LONG)
    assert (status.Status, state.PrinterStatus) == (0, "FAILURE")
    getting.join()


def identity() -> UserIdentityNegotiation:
    item = UserIdentityNegotiation()
    item.user_identity_type = 1
    item.primary_field = b"somebody"
    return item


def test_a_user_identity_is_asked_before_the_association_is(
    served: Served, desk: Desk, connect: Callable[..., Association]
) -> None:
    served.ae.network_timeout = served.ae.acse_timeout = 1.0
    for verified in (False, True):
        done: SimpleQueue[Association] = SimpleQueue()
        asking = threading.Thread(target=lambda done=done: done.put(connect(ext_neg=[identity()])))
        asking.start()
        question = desk.next()
        assert (question.kind, question.event.primary_field) == ("negotiation", b"somebody")  # type: ignore[union-attr]
        assert question.prefill().values == {"verified": True, "response": "0102"}
        if verified:
            assert not question.wait(1.5), question.withdrawn
        question.reply(Reply.negotiated({"verified": verified}))
        association = done.get(timeout=LONG)
        asking.join()
        assert (association.is_established, association.is_rejected) == (verified, not verified)


def test_a_peer_that_leaves_during_the_negotiation_is_noticed(
    served: Served, desk: Desk, connect: Callable[..., Association]
) -> None:
    began: SimpleQueue[Association] = SimpleQueue()
    asking = threading.Thread(
        target=lambda: connect(ext_neg=[identity()], evt_handlers=[(evt.EVT_CONN_OPEN, lambda e: began.put(e.assoc))])
    )
    asking.start()
    question = desk.next()
    began.get(timeout=LONG).kill()
    asking.join()
    assert desk.ended() is question
    assert question.withdrawn
    assert served.reply().kind == "gone"


def test_an_association_request_is_asked_without_an_event(desk: Desk, asker: Asker) -> None:
    replies: SimpleQueue[Reply] = SimpleQueue()
    request = Occasion(event=ASSOCIATION, calling="CT1")
    asking = threading.Thread(target=lambda: replies.put(asker.ask(None, request)))
    asking.start()
    question = desk.next()
    assert (question.kind, question.data_sets, question.can_prefill) == ("association", "none", False)
    question.reply(Reply.rejected(2, 3, 1))
    reply = replies.get(timeout=LONG)
    asking.join()
    assert (reply.kind, reply.result, reply.source, reply.reason) == ("reject", 2, 3, 1)


def test_a_real_association_request_waits_in_a_thread_of_its_own(
    served: Served, asker: Asker, desk: Desk, connect: Callable[..., Association]
) -> None:
    server = served.server

    def admit(assoc: Association, request: A_ASSOCIATE_RQ) -> A_ASSOCIATE_RJ | None:
        asked = Occasion(event=ASSOCIATION, association=assoc.number, calling=request.calling_ae_title)
        reply = asker.ask(None, asked, assoc=assoc)
        served.replies.put(reply)
        return None if reply.kind == "accept" else A_ASSOCIATE_RJ(reply.result, reply.source, reply.reason)

    server.admit, server.deliberates = admit, lambda: True
    done: SimpleQueue[Association] = SimpleQueue()
    began: SimpleQueue[Association] = SimpleQueue()
    opening = [(evt.EVT_CONN_OPEN, lambda event: began.put(event.assoc))]
    threads = [
        threading.Thread(target=lambda n=n: done.put(connect(f"PEER{n}", evt_handlers=opening))) for n in range(10)
    ]
    for thread in threads:
        thread.start()
    questions = [desk.next() for _ in threads]
    began.get(timeout=LONG).kill()
    left = desk.ended()
    assert left.withdrawn
    assert done.get(timeout=LONG).is_aborted
    for number, question in enumerate(each for each in questions if each is not left):
        question.reply(Reply.accepted() if number % 2 else Reply.rejected(2, 3, 1))
        association = done.get(timeout=LONG)
        assert (association.is_established, association.is_rejected) == (bool(number % 2), not number % 2)
    for thread in threads:
        thread.join()


# the built-in answer, to be edited


def test_the_built_in_matches_are_offered_up_to_a_hundred(
    served: Served, desk: Desk, connect: Callable[..., Association]
) -> None:
    finding = Finding(connect())
    question = desk.next()
    reply = question.prefill()
    assert len(reply.data_sets) == 100
    assert served.prefilled_to_the_end
    assert len(question.prefill(3).data_sets) == 3
    question.reply(Reply.with_status(0, data_sets=reply.data_sets[:2]))
    assert finding.done() == [(0xFF00, "Built^In 0"), (0xFF00, "Built^In 1"), (0, "")]


def failing_find(_: Event) -> Iterator[Any]:
    yield 0xFF00, match("One")
    raise KeyError("no such table")


def refusing_find(_: Event) -> Iterator[Any]:
    status = Dataset()
    status.Status, status.ErrorComment = 0xA900, "Not that way"
    yield status, None


def test_a_built_in_answer_that_refuses_or_fails_is_told(
    served: Served, desk: Desk, connect: Callable[..., Association]
) -> None:
    finding = Finding(connect())
    question = desk.next()
    question._built_in = refusing_find
    reply = question.prefill()
    assert (reply.status, reply.comment) == (0xA900, "Not that way")
    question._built_in = failing_find
    with pytest.raises(ValueError, match=r"The built-in answer failed: KeyError: 'no such table'"):
        question.prefill()
    question.reply(reply)
    assert finding.done() == [(0xA900, "")]
