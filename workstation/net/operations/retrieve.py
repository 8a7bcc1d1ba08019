"""Retrieval (PS3.4 Annexes C, Y, Z and their relatives): C-GET and C-MOVE with their C-STORE sub-operations.

A C-GET stores over the same association, a C-MOVE over a new one to the destination that the handler names. Beyond the
documented API a handler may yield a file's path in place of a data set (the file is then sent as it is), with its
SOP Instance UID as a third item for the case that it cannot be read; and (status, None), or a final status with a
Failed SOP Instance UID List, in place of the destination or of the number of sub-operations, to end the operation
before it begins.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from workstation.net import data_sets
from workstation.net.codec.dimse import C_MOVE_RQ, response_class
from workstation.net.errors import LocalProtocolError
from workstation.net.operations.common import SUCCESS, Answers, Asked, HandlerError, status_elements
from workstation.net.part10 import NotDicomFileError, read_head
from workstation.net.services.query_retrieve import BULK_DATA, BULK_DATA_OF_REPEATING_GROUPS, WITHOUT_BULK_DATA
from workstation.net.status import code_to_category

if TYPE_CHECKING:
    from workstation.net.association import Association

_log = logging.getLogger("workstation.net.operations")
MOST = 0xFFFF  # what the counters can say
PENDING = 0xFF00
CANCEL = 0xFE00
SOME_FAILED = 0xB000
ALL_FAILED = 0xA702
DESTINATION_UNKNOWN = 0xA801


@dataclass(slots=True)
class Counters:
    """Numbers of sub-operations (PS3.7 section 9.1.3.1) and what failed."""

    remaining: int
    completed: int = 0
    failed: int = 0
    warning: int = 0
    failed_uids: list[str] = field(default_factory=list)

    def elements(self, *, remaining: bool) -> dict[str, Any]:
        """As elements of a response; more than the 16 bits can say is said as 65,535."""
        values = {
            "NumberOfCompletedSuboperations": min(self.completed, MOST),
            "NumberOfFailedSuboperations": min(self.failed, MOST),
            "NumberOfWarningSuboperations": min(self.warning, MOST),
        }
        if remaining:
            values["NumberOfRemainingSuboperations"] = min(self.remaining, MOST)
        return values

    def fail_the_rest(self) -> None:
        """Nothing more will be done."""
        self.failed += self.remaining
        self.remaining = 0


@dataclass(frozen=True, slots=True)
class _Codes:
    """The failure codes of the documented API, which differ between C-GET and C-MOVE."""

    undecodable: int
    unhandled: int
    bad_count: int
    too_many: int


_GET = _Codes(0xC410, 0xC411, 0xC413, 0xC416)
_MOVE = _Codes(0xC510, 0xC511, 0xC513, 0xC516)
NO_DESTINATION = 0xC514
BAD_DESTINATION = 0xC515


class _EndedError(Exception):
    """The operation has been answered for good."""


def get(asked: Asked) -> None:
    """Answer a C-GET-RQ."""
    with suppress(_EndedError), closing(_answers(asked, _GET)) as answers:
        count = _count(asked, answers, _GET)
        _sub_operations(asked, answers, _GET, Counters(count), asked.assoc, originator=None)


def move(asked: Asked) -> None:
    """Answer a C-MOVE-RQ."""
    request = asked.request
    assert isinstance(request, C_MOVE_RQ)
    with suppress(_EndedError), closing(_answers(asked, _MOVE)) as answers:
        destination = _destination(asked, answers)
        count = _count(asked, answers, _MOVE)
        store = _associate(asked, request.MoveDestination, destination)
        try:
            _sub_operations(asked, answers, _MOVE, Counters(count), store, originator=request.MessageID)
        finally:
            if store.is_established:
                store.release()


def _answers(asked: Asked, codes: _Codes) -> Answers:
    """Ask the handler.

    Raises:
        _EndedError: It raised, or there is nothing to ask.
    """
    if not asked.request.has_data_set:
        asked.respond(codes.undecodable, ErrorComment="The request has no Identifier")
        raise _EndedError
    try:
        return Answers(asked)
    except HandlerError:
        if asked.alive:
            asked.respond(asked.failure(codes.unhandled, codes.undecodable, "identifier"))
        raise _EndedError from None


def _first(asked: Asked, answers: Answers, codes: _Codes, failed: int) -> Any:
    """The handler's next item, due before the sub-operations; None if there is none.

    Raises:
        _EndedError: The handler raised, or refuses the operation by yielding (status, None or what failed).
    """
    try:
        item = next(answers, None)
    except HandlerError:
        if asked.alive:
            asked.respond(asked.failure(failed, codes.undecodable, "identifier"))
        raise _EndedError from None
    if not asked.alive:
        raise _EndedError
    if isinstance(item, tuple | list) and len(item) == 2 and isinstance(item[0], int | Dataset):
        if item[1] is None:
            asked.respond(item[0])
            raise _EndedError
        if isinstance(item[1], Dataset) and "FailedSOPInstanceUIDList" in item[1]:
            uids: Any = item[1].FailedSOPInstanceUIDList
            count = 1 if isinstance(uids, str) else len(uids or ())
            _final(asked, item[0], Counters(0, failed=count), remaining=False, given=item[1])
            raise _EndedError
    return item


def _destination(asked: Asked, answers: Answers) -> tuple[Any, ...]:
    """The first item of a C-MOVE handler: (address, port[, options of AE.associate]).

    Raises:
        _EndedError: There is none.
    """
    destination = _first(asked, answers, _MOVE, NO_DESTINATION)
    if isinstance(destination, tuple | list) and len(destination) in (2, 3):
        if destination[0] is not None and destination[1] is not None:
            return tuple(destination)
        asked.respond(DESTINATION_UNKNOWN)
    elif answers.are_over:
        _log.error("%s: the handler of evt.EVT_C_MOVE gave no destination", asked.assoc.name)
        asked.respond(NO_DESTINATION)
    else:
        _log.error("%s: the handler of evt.EVT_C_MOVE gave no (address, port) first", asked.assoc.name)
        asked.respond(BAD_DESTINATION)
    raise _EndedError


def _count(asked: Asked, answers: Answers, codes: _Codes) -> int:
    """The number of sub-operations, 1 to 65535.

    Raises:
        _EndedError: There are none to be done.
    """
    count = _first(asked, answers, codes, codes.bad_count)
    name = asked.assoc.name
    try:
        number = int(count)
    except (TypeError, ValueError, OverflowError):
        _log.error("%s: the handler gave no number of sub-operations, but %r", name, count)
        asked.respond(codes.bad_count)
        raise _EndedError from None
    if number > MOST:
        _log.error("%s: the handler announced %d sub-operations, a response can count %d", name, number, MOST)
        asked.respond(codes.too_many)
        raise _EndedError
    if number < 1:
        asked.respond(SUCCESS, **Counters(0).elements(remaining=False))
        raise _EndedError
    return number


def _associate(asked: Asked, ae_title: str | None, destination: tuple[Any, ...]) -> Association:
    """The association with a C-MOVE's destination.

    Raises:
        _EndedError: There is none.
    """
    address, port, *more = destination
    try:
        options: dict[str, Any] = {"ae_title": ae_title} | dict((more and more[0]) or {})
        store = asked.assoc.ae.associate(address, port, **options)
    except (TypeError, ValueError, RuntimeError, LocalProtocolError) as error:
        _log.error("%s: the destination that the handler gave is no good: %s", asked.assoc.name, error)
        asked.respond(BAD_DESTINATION)
        raise _EndedError from None
    if not store.is_established:
        comment = f"No association with the destination: {store.end_reason}"[:64]
        asked.respond(DESTINATION_UNKNOWN, ErrorComment=comment)
        raise _EndedError
    return store


def _sub_operations(
    asked: Asked, answers: Answers, codes: _Codes, counters: Counters, store: Association, *, originator: int | None
) -> None:
    """Store what the handler yields, report each, and end as PS3.4 C.4.2.1.4 says."""
    message_ids = _message_ids(asked.request.MessageID)
    try:
        while counters.remaining:
            try:
                item = next(answers)
            except StopIteration:
                break  # as if it had said Success: what it announced and did not give is not counted
            if not asked.alive:
                return
            parts = item if isinstance(item, tuple | list) else (item,)
            status, data_set, uid = (*parts, None, None, None)[:3]
            code, _ = status_elements(status, response_class(type(asked.request)))
            if code_to_category(code) != "Pending":
                _end_early(asked, status, code, data_set, counters)
                return
            _store_one(asked, store, data_set, str(uid or ""), counters, next(message_ids), originator)
            if not asked.alive:
                return
            asked.respond(status, **counters.elements(remaining=True))
        else:
            _drain(asked, answers)
    except HandlerError:
        if asked.alive:
            counters.fail_the_rest()
            _final(asked, asked.failure(codes.unhandled, codes.undecodable, "identifier"), counters, remaining=False)
        return
    if not asked.alive:
        return
    if counters.failed == counters.warning == 0:
        asked.respond(SUCCESS, **counters.elements(remaining=False))
    else:
        final = SOME_FAILED if counters.completed or counters.warning else ALL_FAILED
        _final(asked, final, counters, remaining=False)


def _drain(asked: Asked, answers: Answers) -> None:
    """All announced sub-operations are done: let the handler come to its end; what it still yields has no place."""
    try:
        item = next(answers, None)
    except HandlerError:
        return  # logged; what was asked for is done
    status = item[0] if isinstance(item, tuple | list) and item else item
    if isinstance(status, int) and code_to_category(status if status >= 0 else 0) == "Pending":
        _log.warning("%s: the handler yielded more than it announced; the rest is not sent", asked.assoc.name)


def _end_early(asked: Asked, status: Any, code: int, data_set: Any, counters: Counters) -> None:
    """The handler ended the operation itself."""
    category = code_to_category(code)
    if category == "Cancel":
        _final(asked, status, counters, remaining=True, given=data_set)
        return
    if category == "Success":
        if counters.failed or counters.warning:
            _final(asked, SOME_FAILED, counters, remaining=False, given=data_set)
        else:
            asked.respond(status, **counters.elements(remaining=False))
        return
    counters.fail_the_rest()
    _final(asked, status, counters, remaining=False, given=data_set)


def _final(asked: Asked, status: Any, counters: Counters, *, remaining: bool, given: Any = None) -> None:
    """A final response with the Failed SOP Instance UID List."""
    failed = given if isinstance(given, Dataset) and "FailedSOPInstanceUIDList" in given else None
    if failed is None:
        failed = Dataset()
        failed.FailedSOPInstanceUIDList = counters.failed_uids
    try:
        data: bytes | None = data_sets.encode_for(failed, asked.context)
    except ValueError:
        data = None
    asked.respond(status, data, **counters.elements(remaining=remaining))


def _store_one(
    asked: Asked,
    store: Association,
    item: Any,
    uid: str,
    counters: Counters,
    message_id: int,
    originator: int | None,
) -> None:
    """One C-STORE sub-operation."""
    counters.remaining -= 1
    options: dict[str, Any] = {"msg_id": message_id}
    if originator is not None:
        options |= {"originator_aet": asked.assoc.requestor.ae_title, "originator_id": originator}
    try:
        if isinstance(item, str | os.PathLike):
            uid = read_head(item).sop_instance_uid
            status = store.send_c_store(item, streamed=True, **options)
        elif isinstance(item, Dataset):
            uid = str(item.get("SOPInstanceUID", uid))
            if asked.context.abstract_syntax == WITHOUT_BULK_DATA:
                item = _without_bulk_data(item)
            status = store.send_c_store(item, **options)
        else:
            _log.error("%s: the handler yielded a %s to be stored", asked.assoc.name, type(item).__name__)
            status = Dataset()
    except (AttributeError, InvalidDicomError, NotDicomFileError, OSError, RuntimeError, ValueError) as error:
        _log.error("%s: a sub-operation failed: %s", asked.assoc.name, error)
        status = Dataset()
    category = code_to_category(status.Status) if "Status" in status else "Failure"
    if category == "Success":
        counters.completed += 1
    elif category == "Warning":
        counters.warning += 1
    else:
        counters.failed += 1
        counters.failed_uids.append(uid)


def _message_ids(first: int) -> Iterator[int]:
    """Message IDs for sub-operations: never that of the operation itself."""
    number = first
    while True:
        number = number % MOST + 1
        if number != first:
            yield number


def _without_bulk_data(data_set: Dataset) -> Dataset:
    """A copy without the elements of PS3.4 Table Z.1-1, also those within sequences (waveforms)."""
    lean = Dataset()
    for element in data_set:
        group, number = element.tag.group, element.tag.elem
        if int(element.tag) in BULK_DATA or (group & 0xFF00, number) in BULK_DATA_OF_REPEATING_GROUPS:
            continue
        if element.VR == "SQ":
            items = [_without_bulk_data(item) for item in element.value]
            element = DataElement(element.tag, "SQ", items)
        lean.add(element)
    if hasattr(data_set, "file_meta"):
        lean.file_meta = data_set.file_meta
    return lean
