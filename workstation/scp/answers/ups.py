"""Unified Procedure Step: pushed, pulled, watched, queried, reported (PS3.4 Annex CC).

Each UPS is a record of the ledger (kind "ups", its state the Procedure Step State). The Transaction UID that locks it
is in `facts["lock"]`, never in the data set, because nobody may be told of it. What is decided about a record is
decided in one transaction of the ledger: of two performers that claim the same UPS one is refused.

Events are told to subscribers after the request that caused them was answered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from sqlalchemy.exc import SQLAlchemyError

from workstation.net import events
from workstation.net.events import Event, InterventionEvent
from workstation.net.presentation import PresentationContext, build_context
from workstation.scp.answers import ups_events
from workstation.scp.answers.contexts import UNCOMPRESSED
from workstation.scp.answers.courier import PAUSES, Courier
from workstation.scp.answers.reading import UnreadableDataSetError, read_data_set
from workstation.scp.answers.reporting import Report, after_answer
from workstation.scp.answers.searching import Searching
from workstation.scp.answers.ups_rules import (
    ATTRIBUTES_NOT_SUPPORTED,
    DUPLICATE_INSTANCE,
    EVENT,
    FILTERED_GLOBAL,
    GLOBAL,
    INVALID_ARGUMENT,
    MISTYPED_ARGUMENT,
    NO_SUCH_ACTION,
    NO_SUCH_SOP_CLASS,
    NO_SUCH_UPS,
    NOBODY_TO_CONTACT,
    NOT_FOR_THIS_INSTANCE,
    PROCESSING_FAILURE,
    PULL,
    PUSH,
    QUERY,
    SUCCESS,
    UNKNOWN_RECEIVER,
    WATCH,
    RefusedError,
    Request,
    State,
    Step,
    canceled,
    change_of_state,
    check_completed,
    check_kinds,
    check_modification,
    check_setting,
    created,
    decide,
    modified,
)
from workstation.scp.answers.ups_subscriptions import Subscriptions
from workstation.scp.ledger import DuplicateRecordError, Record, UnknownRecordError
from workstation.scp.query.answer import status_of
from workstation.scp.query.levels import WrongIdentifierError
from workstation.scp.query.whole import check_whole, texts_of_data_set
from workstation.scp.surroundings import Handler, Surroundings

LOGGER = logging.getLogger(__name__)

KIND = "ups"

CHANGE_STATE, REQUEST_CANCEL, SUBSCRIBE, UNSUBSCRIBE, SUSPEND = 1, 2, 3, 4, 5

CANCEL = 0xFE00
CANNOT_UNDERSTAND, UNABLE_TO_PROCESS = 0xC000, 0xC001
_TRANSACTION_UID = 0x00081195
_WELL_KNOWN = (GLOBAL, FILTERED_GLOBAL)

Answer = tuple[Any, Dataset | None]


class UnifiedProcedureSteps:
    """The built-in answers of the Unified Procedure Step service class.

    Args:
        surroundings: ledger, peers.
        pauses: seconds before each further attempt to tell a subscriber.
    """

    def __init__(self, surroundings: Surroundings, *, pauses: Iterable[float] = PAUSES) -> None:
        self._surroundings = surroundings
        self._ledger = surroundings.ledger
        self._subscriptions = Subscriptions(surroundings.ledger, surroundings.ae_title)
        self._courier = Courier(surroundings, EVENT, pauses=pauses)
        self._searching = Searching(surroundings.ledger, KIND)

    def contexts(self) -> list[PresentationContext]:
        """Push, Watch, Pull, Event and Query."""
        contexts = [build_context(uid, list(UNCOMPRESSED)) for uid in (PUSH, WATCH, PULL, EVENT, QUERY)]
        for context in contexts:
            if context.abstract_syntax == EVENT:
                # A peer that takes reports on an association of its own is SCU there, whichever way it says so.
                context.scu_role = context.scp_role = True
        return contexts

    def handlers(self) -> Mapping[tuple[InterventionEvent, str], Handler]:
        """The services of each SOP class (PS3.4 CC.2).

        What concerns an instance is answered in the contexts of Push, Pull and Watch alike: all instances are of the
        Push SOP class, and many a client that negotiated several takes the context of that for everything.
        """
        return {
            (events.EVT_N_CREATE, PUSH): self._answering(self._create),
            **{
                (service, uid): self._answering(answer)
                for uid in (PUSH, PULL, WATCH)
                for service, answer in (
                    (events.EVT_N_SET, self._set),
                    (events.EVT_N_GET, self._get),
                    (events.EVT_N_ACTION, self._act),
                )
            },
            **{(events.EVT_C_FIND, uid): self._find for uid in (PULL, WATCH, QUERY)},
        }

    def resume(self) -> None:
        """Tell all subscribers that the server is there again, and read the steps so that the first query is quick."""
        self._searching.warm(self._surroundings.later)
        self._courier.start()
        for receiver in self._subscriptions.receivers():
            self._courier.send(receiver, ups_events.restarted())

    def stop(self) -> None:
        """The server stops: tell nobody any more."""
        self._courier.stop()

    def _answering(self, answer: Callable[[Event], Answer]) -> Handler:
        def handler(event: Event) -> Answer:
            self._courier.remember(event.assoc)
            try:
                return answer(event)
            except RefusedError as refused:
                return refused.to_status(names_attributes=event.event == events.EVT_N_SET), None
            except UnknownRecordError:
                return status_of(NO_SUCH_UPS, "There is no such UPS."), None
            except UnreadableDataSetError as error:
                return status_of(PROCESSING_FAILURE, str(error)), None
            except SQLAlchemyError as error:
                LOGGER.warning("The ledger cannot be used: %s", error)
                return status_of(PROCESSING_FAILURE, "The server's ledger cannot be used."), None

        return handler

    # create, set, get

    def _create(self, event: Event) -> Answer:
        if str(event.request.AffectedSOPClassUID) != PUSH:
            raise RefusedError(NO_SUCH_SOP_CLASS, "Every UPS is of the Push SOP class.")
        uid = str(event.request.AffectedSOPInstanceUID or generate_uid())
        made, code = created(read_data_set(event), uid, datetime.now())
        try:
            self._ledger.add(
                KIND,
                uid,
                made,
                state=str(State.SCHEDULED),
                peer=event.assoc.requestor.ae_title,
                facts={"lock": "", "ae_title": self._surroundings.ae_title()},
            )
        except DuplicateRecordError as error:
            raise RefusedError(DUPLICATE_INSTANCE, "There is a UPS with this UID already.") from error
        texts = texts_of_data_set(made)
        receivers = self._subscriptions.created(uid, lambda keys: check_whole(keys).matches(texts))
        reports = [ups_events.state_report(made)]
        if ups_events.is_assigned(made):
            reports.append(ups_events.assigned(made))
        self._tell(event, receivers, reports)
        answer = Dataset()
        # The values that are ours.
        answer.WorklistLabel = made.WorklistLabel
        answer.ScheduledProcedureStepModificationDateTime = made.ScheduledProcedureStepModificationDateTime
        if "SpecificCharacterSet" in made:
            answer.SpecificCharacterSet = made.SpecificCharacterSet
        status = status_of(code)
        status.AffectedSOPInstanceUID = uid
        return status, answer

    def _set(self, event: Event) -> Answer:
        uid = self._instance(event)
        modification = read_data_set(event)
        transaction = str(modification.get("TransactionUID") or "")
        reports: list[Report] = []

        def change(record: Record) -> Record:
            state = State(record.state)
            check_setting(state, transaction, str(record.facts.get("lock", "")))
            check_modification(modification, state)
            after = modified(record.data_set, modification, datetime.now())
            reports[:] = ups_events.reports_of(record.data_set, modification, after)
            return replace(record, data_set=after)

        self._ledger.change(KIND, uid, change)
        self._tell(event, self._subscriptions.of(uid), reports)
        return SUCCESS, None

    def _get(self, event: Event) -> Answer:
        record = self._ledger.get(KIND, self._instance(event))
        if record is None:
            raise UnknownRecordError
        asked = event.attribute_identifiers
        if not asked:
            return SUCCESS, record.data_set
        found = Dataset()
        for tag in asked:
            if tag in record.data_set:
                found[tag] = record.data_set[tag]
        if "SpecificCharacterSet" in record.data_set:
            found.SpecificCharacterSet = record.data_set.SpecificCharacterSet
        absent = [tag for tag in asked if tag not in record.data_set and tag != 0x00080005]
        if not absent:
            return SUCCESS, found
        status = status_of(ATTRIBUTES_NOT_SUPPORTED, "It has not all of the attributes.")
        status.AttributeIdentifierList = absent
        return status, found

    # find

    def _find(self, event: Event) -> Iterator[tuple[Any, Dataset | None]]:
        self._courier.remember(event.assoc)
        try:
            identifier = read_data_set(event)
            # Nobody is told of it, not even by a match.
            identifier.pop(_TRANSACTION_UID, None)
            request = check_whole(identifier)
        except UnreadableDataSetError as error:
            yield status_of(CANNOT_UNDERSTAND, str(error)), None
            return
        except WrongIdentifierError as error:
            yield status_of(error.status, str(error)), None
            return
        if not _has_keys(identifier):
            # No keys, no matches (CC.2.8.3.1).
            return
        state = identifier.get("ProcedureStepState")
        states = (state,) if state in list(State) else tuple(State)
        try:
            for _, ups in self._searching.find(
                request, is_over=event.over.is_set, is_wanted=lambda state: state in states
            ):
                if event.over.is_set():
                    break
                yield request.pending, request.answer(ups)
        except SQLAlchemyError as error:
            LOGGER.warning("The ledger cannot be read: %s", error)
            yield status_of(UNABLE_TO_PROCESS, "The server's ledger cannot be read."), None
            return
        if event.is_cancelled:
            yield CANCEL, None

    # actions

    def _act(self, event: Event) -> Answer:
        action, uid = event.action_type, self._instance(event)
        information = read_data_set(event)
        check_kinds(information, MISTYPED_ARGUMENT)
        if action in (CHANGE_STATE, REQUEST_CANCEL) and uid in _WELL_KNOWN:
            raise RefusedError(NOT_FOR_THIS_INSTANCE, "This is no UPS but the instance for subscriptions.")
        match action:
            case 1:
                self._change_state(event, uid, information)
            case 2:
                self._request_cancel(event, uid, information)
            case 3:
                self._subscribe(event, uid, information)
            case 4:
                self._unsubscribe(event, uid, information)
            case 5:
                self._suspend(event, uid, information)
            case _:
                raise RefusedError(NO_SUCH_ACTION, f"There is no action type {action}.")
        return SUCCESS, None

    def _change_state(self, event: Event, uid: str, information: Dataset) -> None:
        wanted = _argument(information, "ProcedureStepState", list(State))
        transaction = str(information.get("TransactionUID") or "")
        reports: list[Report] = []

        def change(record: Record) -> Record:
            lock = str(record.facts.get("lock", ""))
            step = change_of_state(State(wanted), State(record.state), transaction, lock)
            after = record.data_set
            if step is Step.COMPLETE:
                check_completed(after)
            elif step is Step.CANCEL:
                after = canceled(after, datetime.now())
            after.ProcedureStepState = wanted
            reports[:] = [ups_events.state_report(after)]
            return replace(record, state=wanted, data_set=after, facts={**record.facts, "lock": lock or transaction})

        self._ledger.change(KIND, uid, change)
        self._tell(event, self._subscriptions.of(uid), reports)

    def _request_cancel(self, event: Event, uid: str, information: Dataset) -> None:
        receivers = self._subscriptions.of(uid)
        reports: list[Report] = []

        def change(record: Record) -> Record:
            step = decide(Request.REQUEST_CANCEL, State(record.state))
            if step is Step.ASK_PERFORMER:
                if not receivers:
                    raise RefusedError(NOBODY_TO_CONTACT, "Nobody is subscribed to its events.")
                requesting_ae = event.assoc.requestor.ae_title
                reports[:] = [ups_events.cancel_requested(record.data_set, requesting_ae, information)]
                return record
            after = canceled(record.data_set, datetime.now(), information)
            reports[:] = [ups_events.state_report(record.data_set, str(State.IN_PROGRESS))]
            after.ProcedureStepState = str(State.CANCELED)
            reports.append(ups_events.state_report(after))
            # By way of IN PROGRESS, which takes a lock.
            facts = {**record.facts, "lock": str(generate_uid())}
            return replace(record, state=str(State.CANCELED), data_set=after, facts=facts)

        self._ledger.change(KIND, uid, change)
        self._tell(event, receivers, reports)

    # subscriptions

    def _subscribe(self, event: Event, uid: str, information: Dataset) -> None:
        receiver = self._receiver(information)
        lock = _argument(information, "DeletionLock", ("TRUE", "FALSE")) == "TRUE"
        by = event.assoc.requestor.ae_title
        if uid not in _WELL_KNOWN:
            record = self._ledger.get(KIND, uid)
            if record is None:
                raise UnknownRecordError
            self._subscriptions.subscribe(receiver, uid, lock=lock, by=by)
            self._tell(event, [receiver], [ups_events.state_report(record.data_set)])
            return
        keys = _match_keys(information) if uid == FILTERED_GLOBAL else None
        existing = self._matching(keys)
        added = set(self._subscriptions.subscribe_globally(receiver, existing, lock=lock, by=by, keys=keys))
        if added and lock:
            # Only a subscription with lock asks for the present states (Table CC.2.3-2).
            records = self._ledger.records(KIND)
            reports = [ups_events.state_report(record.data_set) for record in records if record.uid in added]
            self._tell(event, [receiver], reports)

    def _matching(self, keys: Dataset | None) -> list[str]:
        """The instances that match, all without keys."""
        if keys is None:
            return list(self._ledger.versions(KIND))
        try:
            request = check_whole(keys)
        except WrongIdentifierError as error:
            raise RefusedError(INVALID_ARGUMENT, str(error)) from error
        return [instance for instance, _ in self._searching.find(request, is_over=lambda: False)]

    def _unsubscribe(self, _: Event, uid: str, information: Dataset) -> None:
        receiver = self._receiver(information)
        if uid in _WELL_KNOWN:
            self._subscriptions.unsubscribe_globally(receiver)
            return
        if self._ledger.get(KIND, uid) is None:
            raise UnknownRecordError
        self._subscriptions.unsubscribe(receiver, uid)

    def _suspend(self, _: Event, uid: str, information: Dataset) -> None:
        if uid not in _WELL_KNOWN:
            raise RefusedError(NOT_FOR_THIS_INSTANCE, "Only the global subscription can be suspended.")
        self._subscriptions.suspend(self._receiver(information))

    def _receiver(self, information: Dataset) -> str:
        receiver = str(information.get("ReceivingAE") or "").strip()
        if not receiver:
            raise RefusedError(INVALID_ARGUMENT, "The Receiving AE (0074,1234) is missing.")
        if not self._courier.is_reachable(receiver) and not self._subscriptions.is_known(receiver):
            raise RefusedError(UNKNOWN_RECEIVER, f"Nobody knows the address of {receiver}.")
        return receiver

    # events

    def _tell(self, event: Event, receivers: Iterable[str], reports: list[Report]) -> None:
        receivers = list(receivers)
        if not receivers or not reports:
            return

        def send() -> None:
            for receiver in receivers:
                for report in reports:
                    self._courier.send(receiver, report)

        after_answer(event, self._surroundings.later, send)

    def _instance(self, event: Event) -> str:
        if str(event.request.RequestedSOPClassUID) != PUSH:
            raise RefusedError(NO_SUCH_SOP_CLASS, "Every UPS is of the Push SOP class.")
        return str(event.request.RequestedSOPInstanceUID)


def _argument(information: Dataset, keyword: str, values: Iterable[str]) -> str:
    value = information.get(keyword)
    if value not in list(values):
        raise RefusedError(INVALID_ARGUMENT, f"{keyword} is one of {', '.join(values)}.")
    return str(value)


def _match_keys(information: Dataset) -> Dataset:
    keys = Dataset()
    for element in information:
        if element.keyword not in ("ReceivingAE", "DeletionLock", "TransactionUID"):
            keys[element.tag] = element
    if not _has_keys(keys):
        raise RefusedError(INVALID_ARGUMENT, "A filtered subscription needs match keys.")
    return keys


def _has_keys(identifier: Dataset) -> bool:
    return any(element.keyword not in ("SpecificCharacterSet", "TimezoneOffsetFromUTC") for element in identifier)
