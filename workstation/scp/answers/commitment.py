"""Storage Commitment, push model (PS3.4 Annex J): yes only to what was read again and compared.

A request is answered at once; what was asked for is kept in the ledger (kind "commitment") before that. Then the
objects are looked at, and the result is reported: on the association of the request while that is open, else on one
of our own, tried again with growing pauses, after a restart as well.

States of a record: PENDING (the objects are being looked at), CHECKED (the result is to be delivered; its data set is
the report's from here on), DELIVERED, FAILED (given up, `facts["reason"]` says why).
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from sqlalchemy.exc import SQLAlchemyError

from workstation.net import events, uids
from workstation.net.association import Association
from workstation.net.events import Event, InterventionEvent
from workstation.net.presentation import PresentationContext, build_context
from workstation.scp.answers.contexts import STORAGE_CLASSES, UNCOMPRESSED
from workstation.scp.answers.errands import Errands
from workstation.scp.answers.reading import UnreadableDataSetError, read_data_set
from workstation.scp.answers.reporting import DELIVERED, Report, after_answer, can_carry, report_on, report_to
from workstation.scp.archive.verify import NO_SUCH_OBJECT_INSTANCE, SAFE, Verdict, verify
from workstation.scp.ledger import DuplicateRecordError, Ledger, Record, UnknownRecordError
from workstation.scp.query.answer import status_of
from workstation.scp.surroundings import Handler, Surroundings
from workstation.traffic.text import printable

LOGGER = logging.getLogger(__name__)

STORAGE_COMMITMENT = uids.STORAGE_COMMITMENT["StorageCommitmentPushModel"]
WELL_KNOWN_INSTANCE = "1.2.840.10008.1.20.1.1"
KIND = "commitment"
# What others tell us as the requestor of a commitment: kept to be looked at.
REPORT_KIND = "commitment-report"

PENDING, CHECKED, DELIVERY_DONE, FAILED = "PENDING", "CHECKED", "DELIVERED", "FAILED"

REQUEST_STORAGE_COMMITMENT = 1
ALL_COMMITTED, FAILURES_EXIST = 1, 2

SUCCESS = 0x0000
PROCESSING_FAILURE, NO_SUCH_INSTANCE, INVALID_ARGUMENT, NO_SUCH_ACTION = 0x0110, 0x0112, 0x0115, 0x0123
# Failure Reasons of their own (PS3.3 C.14.1.1).
CLASS_NOT_SUPPORTED, DUPLICATE_TRANSACTION = 0x0122, 0x0131

# Seconds before each further attempt to deliver: within a day a peer comes back, or a person is asked.
PAUSES = (5.0, 30.0, 120.0, 600.0, 1800.0, *[3600.0] * 23)
# Seconds in which most peers that wait for a new association have released theirs.
GRACE = 0.2
# How long one transaction is worked on before it is another one's turn.
TURN = 0.1
# Seconds until a ledger that is locked, full or away is tried again.
DATABASE_PAUSE = 5.0
MOST_SENTENCES = 100
# A hundred thousand objects in one request.
LONGEST, MOST_ELEMENTS = 32 * 1024 * 1024, 350_000

_NO_DATABASE = "The server's database cannot be used."
_SUPPORTED = frozenset(STORAGE_CLASSES)
_LINE_OF_CHECKS = "checks"
_CLASS, _INSTANCE, _TRANSACTION, _REASON = 0x00081150, 0x00081155, 0x00081195, 0x00081197

# Servers that share a ledger and an AE title must not deliver one transaction twice.
_claims: weakref.WeakKeyDictionary[Ledger, set[str]] = weakref.WeakKeyDictionary()
_claiming = threading.Lock()  # guards _claims


@dataclass(slots=True)
class _Transaction:
    """One that is under way: `awaited` is what has to happen before its result is delivered."""

    uid: str
    peer: str
    association: Association | None = None
    awaited: set[str] = field(default_factory=set)


class Commitment:
    """The built-in answers of Storage Commitment.

    Args:
        surroundings: archive, ledger, peers.
        same_association: report on the association of the request while it is open.
        grace: seconds that a peer is given to release it.
        pauses: seconds before each further attempt to deliver.
        database_pause: seconds until a ledger that could not be used is tried again.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        same_association: bool = True,
        grace: float = GRACE,
        pauses: Iterable[float] = PAUSES,
        database_pause: float = DATABASE_PAUSE,
    ) -> None:
        self.same_association = same_association
        self._surroundings = surroundings
        self._grace = grace
        self._pauses = tuple(pauses)
        self._database_pause = database_pause
        self._errands = Errands("commitment")
        self._lock = threading.Lock()  # guards every transaction's `awaited` and `_claimed`
        self._claimed: set[str] = set()

    def contexts(self) -> list[PresentationContext]:
        """The push model; in the other role we take the reports of those whom we asked."""
        context = build_context(STORAGE_COMMITMENT, list(UNCOMPRESSED))
        context.scu_role = context.scp_role = True
        return [context]

    def handlers(self) -> Mapping[tuple[InterventionEvent, str], Handler]:
        """N-ACTION, and N-EVENT-REPORT for what we asked of others."""
        return {
            (events.EVT_N_ACTION, STORAGE_COMMITMENT): self._act,
            (events.EVT_N_EVENT_REPORT, STORAGE_COMMITMENT): self._take_report,
        }

    def resume(self) -> None:
        """Go on with what a restart interrupted."""
        if self._errands.is_stopped:
            # What arrived while it stopped has nobody who goes on with it.
            self._release_all()
        self._errands.start()
        self._errands.run("resume", self._resume)

    def stop(self) -> None:
        """The server stops: begin nothing more. What is not delivered stays for `resume`."""
        self._errands.stop()
        self._release_all()

    def deliver_again(self, uid: str) -> None:
        """Try once more what was given up, or was delivered: a person asked for it.

        Raises:
            UnknownRecordError: there is no such transaction.
        """

        def reopened(record: Record) -> Record:
            state = PENDING if record.state == PENDING else CHECKED
            return replace(record, state=state, facts={**record.facts, "attempts": 0, "reason": ""})

        record = self._surroundings.ledger.change(KIND, uid, reopened)
        self._go_on(record)

    # the request

    def _act(self, event: Event) -> tuple[Any, Dataset | None]:
        if event.action_type != REQUEST_STORAGE_COMMITMENT:
            return status_of(
                NO_SUCH_ACTION, f"Action type {event.action_type} is not Request Storage Commitment."
            ), None
        if str(event.request.RequestedSOPInstanceUID) != WELL_KNOWN_INSTANCE:
            return status_of(NO_SUCH_INSTANCE, f"The well-known instance is {WELL_KNOWN_INSTANCE}."), None
        try:
            transaction_uid, references = _read(read_data_set(event, longest=LONGEST, most_elements=MOST_ELEMENTS))
        except UnreadableDataSetError as error:
            return status_of(PROCESSING_FAILURE, str(error)), None
        except ValueError as error:
            return status_of(INVALID_ARGUMENT, str(error)), None
        try:
            record = self._add(transaction_uid, references, event.assoc.requestor.ae_title)
        except SQLAlchemyError as error:
            LOGGER.warning("A commitment request cannot be kept: %s", error)
            return status_of(PROCESSING_FAILURE, _NO_DATABASE), None
        transaction = _Transaction(record.uid, record.peer, event.assoc, {"answer", "checks"})
        self._claim(record.uid)
        after_answer(event, self._surroundings.later, lambda: self._happened(transaction, "answer"), grace=self._grace)
        if record.state == CHECKED:
            self._happened(transaction, "checks")
        else:
            self._check(transaction, references)
        return SUCCESS, None

    def _add(self, transaction_uid: str, references: list[tuple[str, str]], peer: str) -> Record:
        """Keep the request. A Transaction UID that was used before fails for each object (PS3.3 C.14.1.1)."""
        ledger = self._surroundings.ledger
        facts: dict[str, object] = {
            "ae_title": self._surroundings.ae_title(),
            "objects": len(references),
            "attempts": 0,
            "reason": "",
        }
        asked = _information(transaction_uid, committed=references)
        try:
            return ledger.add(KIND, transaction_uid, asked, state=PENDING, peer=peer, facts=facts)
        except DuplicateRecordError:
            LOGGER.info("The Transaction UID %s was used before", printable(transaction_uid))
        failed = _information(transaction_uid, failed=[(*reference, DUPLICATE_TRANSACTION) for reference in references])
        facts |= {"committed": 0, "failed": len(references), "duplicate": True}
        for number in itertools.count(2):
            try:
                return ledger.add(KIND, f"{transaction_uid} ({number})", failed, state=CHECKED, peer=peer, facts=facts)
            except DuplicateRecordError:
                continue
        raise AssertionError

    def _take_report(self, event: Event) -> tuple[Any, Dataset | None]:
        try:
            information = read_data_set(event, longest=LONGEST, most_elements=MOST_ELEMENTS)
        except UnreadableDataSetError as error:
            return status_of(PROCESSING_FAILURE, str(error)), None
        uid = str(information.get("TransactionUID", ""))
        state = {ALL_COMMITTED: "COMMITTED", FAILURES_EXIST: "FAILURES EXIST"}.get(event.event_type or 0, "UNKNOWN")
        # Whoever opened the association reports.
        peer = event.assoc.peer.ae_title
        ledger = self._surroundings.ledger
        try:
            try:
                ledger.add(REPORT_KIND, uid, information, state=state, peer=peer)
            except DuplicateRecordError:
                ledger.change(
                    REPORT_KIND, uid, lambda known: replace(known, state=state, peer=peer, data_set=information)
                )
        except SQLAlchemyError as error:
            LOGGER.warning("A commitment result cannot be kept: %s", error)
            return status_of(PROCESSING_FAILURE, _NO_DATABASE), None
        return SUCCESS, None

    # looking at the objects

    def _check(self, transaction: _Transaction, references: list[tuple[str, str]]) -> None:
        checking = _Checking(references)

        def turn() -> None:
            end = time.monotonic() + TURN
            for sop_class_uid, sop_instance_uid in checking.left:
                checking.note(sop_class_uid, sop_instance_uid, self._look_at(sop_class_uid, sop_instance_uid))
                if self._errands.is_stopped:
                    return
                if time.monotonic() > end:
                    # The next transaction's turn: many objects must not hold up others.
                    self._errands.run(_LINE_OF_CHECKS, turn)
                    return
            self._checked(transaction, checking)

        self._errands.run(_LINE_OF_CHECKS, turn)

    def _look_at(self, sop_class_uid: str, sop_instance_uid: str) -> Verdict:
        verdict = verify(self._surroundings.archive, sop_class_uid, sop_instance_uid)
        if verdict.reason == NO_SUCH_OBJECT_INSTANCE and sop_class_uid not in _SUPPORTED:
            return Verdict(CLASS_NOT_SUPPORTED, "Objects of its SOP class are not taken here.")
        return verdict

    def _checked(self, transaction: _Transaction, checking: _Checking) -> None:
        def with_result(record: Record) -> Record:
            return replace(
                record,
                state=CHECKED,
                data_set=_information(
                    str(record.data_set.TransactionUID),
                    committed=checking.committed,
                    failed=checking.failed,
                    retrieve_ae_title=self._surroundings.ae_title(),
                ),
                facts={
                    **record.facts,
                    "committed": len(checking.committed),
                    "failed": len(checking.failed),
                    "problems": checking.problems,
                },
            )

        try:
            self._surroundings.ledger.change(KIND, transaction.uid, with_result)
        except UnknownRecordError:
            # A person deleted it meanwhile.
            self._release(transaction.uid)
            return
        except SQLAlchemyError as error:
            self._wait_for_database(error, _LINE_OF_CHECKS, lambda: self._checked(transaction, checking))
            return
        self._happened(transaction, "checks")

    def _wait_for_database(self, error: SQLAlchemyError, line: str, work: Callable[[], None]) -> None:
        """Do it again when a database that is locked, full or away has had time to come back."""
        LOGGER.warning("The ledger cannot be used, a commitment waits: %s", error)
        self._surroundings.later.call(self._database_pause, lambda: self._errands.run(line, work))

    # delivering the result

    def _happened(self, transaction: _Transaction, what: str) -> None:
        with self._lock:
            if what not in transaction.awaited:
                return
            transaction.awaited.discard(what)
            if transaction.awaited:
                return
        self._errands.run(f"to {transaction.peer}", lambda: self._deliver(transaction))

    def _deliver(self, transaction: _Transaction) -> None:
        try:
            record = self._surroundings.ledger.get(KIND, transaction.uid)
        except SQLAlchemyError as error:
            line = f"to {transaction.peer}"
            self._wait_for_database(error, line, lambda: self._deliver(transaction))
            return
        if record is None or record.state != CHECKED:
            self._release(transaction.uid)
            return
        # Encoding may change a data set's elements; the record is ours alone.
        report = Report(
            context=STORAGE_COMMITMENT,
            sop_class=STORAGE_COMMITMENT,
            instance=WELL_KNOWN_INSTANCE,
            event_type=FAILURES_EXIST if "FailedSOPSequence" in record.data_set else ALL_COMMITTED,
            information=record.data_set,
        )
        reason, way = self._report(transaction, report)
        if reason == DELIVERED:
            self._note(transaction.uid, state=DELIVERY_DONE, delivered=way, reason="")
            self._release(transaction.uid)
            return
        if self._errands.is_stopped:
            # It is not the peer's fault; `resume` begins anew.
            return
        attempts = record.facts.get("attempts", 0)
        done = attempts + 1 if isinstance(attempts, int) else 1
        LOGGER.info(
            "The commitment result %s was not delivered (attempt %d): %s", printable(transaction.uid), done, reason
        )
        if done > len(self._pauses):
            self._note(transaction.uid, state=FAILED, attempts=done, reason=reason)
            self._release(transaction.uid)
            return
        self._note(transaction.uid, state=CHECKED, attempts=done, reason=reason)
        transaction.association = None
        transaction.awaited = {"pause"}
        self._surroundings.later.call(self._pauses[done - 1], lambda: self._happened(transaction, "pause"))

    def _report(self, transaction: _Transaction, report: Report) -> tuple[str, str]:
        association = transaction.association
        if self.same_association and association is not None and can_carry(association, STORAGE_COMMITMENT):
            reason = report_on(association, report)
            if reason == DELIVERED:
                return reason, "same association"
            LOGGER.info("The commitment result %s goes to a new association: %s", printable(transaction.uid), reason)
        return report_to(self._surroundings, transaction.peer, report), "new association"

    def _note(self, uid: str, *, state: str, **facts: object) -> None:
        try:
            self._surroundings.ledger.change(
                KIND, uid, lambda record: replace(record, state=state, facts={**record.facts, **facts})
            )
        except UnknownRecordError:
            LOGGER.info("The commitment %s was deleted while it was delivered", printable(uid))
        except SQLAlchemyError as error:
            if state == CHECKED:
                # Only the number of attempts is lost.
                LOGGER.warning("An attempt to deliver a commitment result cannot be kept: %s", error)
                return
            # Or it would be delivered again after a restart.
            self._wait_for_database(error, _LINE_OF_CHECKS, lambda: self._note(uid, state=state, **facts))

    # after a restart

    def _resume(self) -> None:
        ledger = self._surroundings.ledger
        for state in (CHECKED, PENDING):
            try:
                # All at once: to go on with one changes the table that is read here.
                records = list(ledger.records(KIND, state=state))
            except SQLAlchemyError as error:
                self._wait_for_database(error, "resume", self._resume)
                return
            for record in records:
                # Another server's results come from another AE title: its peers would not know ours.
                if record.facts.get("ae_title") == self._surroundings.ae_title():
                    self._go_on(record)

    def _go_on(self, record: Record) -> None:
        if not self._claim(record.uid):
            return
        transaction = _Transaction(record.uid, record.peer, None, {"checks"})
        if record.state == CHECKED:
            self._happened(transaction, "checks")
            return
        try:
            _, references = _read(record.data_set)
        except ValueError as error:
            self._note(record.uid, state=FAILED, reason=str(error))
            self._release(record.uid)
            return
        self._check(transaction, references)

    def _claim(self, uid: str) -> bool:
        with _claiming:
            claimed = _claims.setdefault(self._surroundings.ledger, set())
            if uid in claimed:
                return False
            claimed.add(uid)
        with self._lock:
            self._claimed.add(uid)
        return True

    def _release(self, uid: str) -> None:
        with self._lock:
            self._claimed.discard(uid)
        with _claiming:
            _claims.get(self._surroundings.ledger, set()).discard(uid)

    def _release_all(self) -> None:
        with self._lock:
            claimed, self._claimed = self._claimed, set()
        with _claiming:
            _claims.get(self._surroundings.ledger, set()).difference_update(claimed)


class _Checking:
    """The objects of one transaction: those to be looked at, and what was found."""

    def __init__(self, references: list[tuple[str, str]]) -> None:
        self.left: Iterator[tuple[str, str]] = iter(references)
        self.committed: list[tuple[str, str]] = []
        self.failed: list[tuple[str, str, int]] = []
        # By SOP Instance UID; the first ones, for a person.
        self.problems: dict[str, str] = {}

    def note(self, sop_class_uid: str, sop_instance_uid: str, verdict: Verdict) -> None:
        """Note what was found."""
        if verdict.reason == SAFE:
            self.committed.append((sop_class_uid, sop_instance_uid))
            return
        self.failed.append((sop_class_uid, sop_instance_uid, verdict.reason))
        if len(self.problems) < MOST_SENTENCES:
            self.problems[sop_instance_uid] = verdict.sentence


def _read(asked: Dataset) -> tuple[str, list[tuple[str, str]]]:
    """Return the Transaction UID and (SOP class, SOP instance) of each object, each once.

    Raises:
        ValueError: something is missing.
    """
    transaction_uid = _one_uid(asked, "TransactionUID")
    if not transaction_uid:
        raise ValueError("The request has no Transaction UID (0008,1195).")
    items = asked.get("ReferencedSOPSequence")
    if not isinstance(items, Sequence) or not items:
        raise ValueError("The request has no Referenced SOP Sequence (0008,1199).")
    references = [
        (_one_uid(item, "ReferencedSOPClassUID"), _one_uid(item, "ReferencedSOPInstanceUID")) for item in items
    ]
    if not all(sop_class_uid and sop_instance_uid for sop_class_uid, sop_instance_uid in references):
        raise ValueError("An item of the Referenced SOP Sequence lacks a UID.")
    return transaction_uid, list(dict.fromkeys(references))


def _one_uid(data_set: Dataset, keyword: str) -> str:
    """Return the attribute's one value; "" if it has none, several, or something that is no text."""
    value = data_set.get(keyword)
    return str(value) if isinstance(value, str) else ""


def _information(
    transaction_uid: str,
    *,
    committed: Iterable[tuple[str, str]] = (),
    failed: Iterable[tuple[str, str, int]] = (),
    retrieve_ae_title: str = "",
) -> Dataset:
    """Return the data set of a request, or of a report (PS3.4 Tables J.3-1 and J.3-2)."""
    information = Dataset()
    information[_TRANSACTION] = _uid(_TRANSACTION, transaction_uid)
    successes = [_item(*reference) for reference in committed]
    failures = [_item(*reference) for reference in failed]
    if successes:
        if retrieve_ae_title:
            information.RetrieveAETitle = retrieve_ae_title
        information.ReferencedSOPSequence = Sequence(successes)
    if failures:
        information.FailedSOPSequence = Sequence(failures)
    return information


def _uid(tag: int, uid: str) -> DataElement:
    # As it came: a peer that names a UID that is none is told about that very one.
    return DataElement(tag, "UI", uid, validation_mode=config.IGNORE)


def _item(sop_class_uid: str, sop_instance_uid: str, reason: int | None = None) -> Dataset:
    item = Dataset()
    item[_CLASS] = _uid(_CLASS, sop_class_uid)
    item[_INSTANCE] = _uid(_INSTANCE, sop_instance_uid)
    if reason is not None:
        item[_REASON] = DataElement(_REASON, "US", reason)
    return item
