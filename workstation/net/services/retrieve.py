"""Retrieval (PS3.4 Annexes C, Y, Z and their relatives): C-GET and C-MOVE with their C-STORE sub-operations.

A C-GET stores over the same association, a C-MOVE over a new one to the destination that the handler names. Beyond the
documented API a handler may yield a file's path in place of a data set (the file is then sent as it is), with its
SOP Instance UID as a third item for the case that it cannot be read; and (status, None) in place of the destination or
of the number of sub-operations, to end the operation before it begins.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from workstation.net import data_sets, events
from workstation.net.dimse import C_MOVE_RQ
from workstation.net.errors import LocalProtocolError
from workstation.net.part10 import NotDicomFileError, read_head
from workstation.net.services.common import Asked, HandlerError, answers, status_elements
from workstation.net.status import code_to_category

if TYPE_CHECKING:
    from workstation.net.association import Association
    from workstation.net.exchange import Operation

_log = logging.getLogger("workstation.net.services")
MOST = 0xFFFF  # what the counters can say
PENDING = 0xFF00
CANCEL = 0xFE00
SOME_FAILED = 0xB000
ALL_FAILED = 0xA702
DESTINATION_UNKNOWN = 0xA801
WITHOUT_BULK_DATA = "1.2.840.10008.5.1.4.1.2.5.3"
# PS3.4 Table Z.1-1: what Composite Instance Retrieve Without Bulk Data leaves out
_BULK = {0x7FE00008, 0x7FE00009, 0x7FE00010, 0x00420011, 0x56000020, 0x54001010}
_BULK_GROUPS = ((0x5000, 0x3000), (0x5000, 0x200C), (0x6000, 0x3000))


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


def get(assoc: Association, operation: Operation) -> None:
    """Answer a C-GET-RQ."""
    asked = Asked(assoc, operation, events.EVT_C_GET)
    if not asked.request.has_data_set:
        asked.respond(_GET.undecodable, ErrorComment="The request has no Identifier")
        return
    items = answers(asked, "EVT_C_GET")
    try:
        count = _count(asked, items, _GET)
        if count is not None:
            _sub_operations(asked, items, Counters(count), assoc, originator=None)
    except HandlerError:
        if asked.alive:
            asked.respond(asked.failure(_GET.unhandled, _GET.undecodable, "identifier"))
    finally:
        items.close()  # type: ignore[attr-defined]


def move(assoc: Association, operation: Operation) -> None:
    """Answer a C-MOVE-RQ."""
    asked = Asked(assoc, operation, events.EVT_C_MOVE)
    request = asked.request
    assert isinstance(request, C_MOVE_RQ)
    if not request.has_data_set:
        asked.respond(_MOVE.undecodable, ErrorComment="The request has no Identifier")
        return
    items = answers(asked, "EVT_C_MOVE")
    try:
        destination = _destination(asked, items)
        if destination is None:
            return
        count = _count(asked, items, _MOVE)
        if count is None:
            return
        address, port, *more = destination
        try:
            options: dict[str, Any] = {"ae_title": request.MoveDestination} | dict(*more)
            store = assoc.ae.associate(address, port, **options)
        except (TypeError, ValueError, RuntimeError, LocalProtocolError) as error:
            _log.error("%s: the destination that the handler gave is no good: %s", assoc.name, error)
            asked.respond(BAD_DESTINATION)
            return
        try:
            if not store.is_established:
                comment = f"No association with the destination: {store.end_reason}"[:64]
                asked.respond(DESTINATION_UNKNOWN, ErrorComment=comment)
                return
            _sub_operations(asked, items, Counters(count), store, originator=request.MessageID)
        finally:
            if store.is_established:
                store.release()
    except HandlerError:
        if asked.alive:
            asked.respond(asked.failure(_MOVE.unhandled, _MOVE.undecodable, "identifier"))
    finally:
        items.close()  # type: ignore[attr-defined]


def _destination(asked: Asked, items: Iterator[Any]) -> tuple[Any, ...] | None:
    """The first item of a C-MOVE handler: (address, port[, options of AE.associate])."""
    destination = next(items, None)
    if destination is None:
        asked.respond(NO_DESTINATION)
        return None
    if _is_refusal(destination):
        asked.respond(destination[0])
        return None
    if not isinstance(destination, tuple) or len(destination) not in (2, 3):
        _log.error("%s: the handler of evt.EVT_C_MOVE gave no (address, port) first", asked.assoc.name)
        asked.respond(BAD_DESTINATION)
        return None
    if destination[0] is None or destination[1] is None:
        asked.respond(DESTINATION_UNKNOWN)
        return None
    return destination


def _count(asked: Asked, items: Iterator[Any], codes: _Codes) -> int | None:
    """The number of sub-operations; None when the answer has been sent already."""
    count: Any = next(items, None)
    if count is None and codes is _MOVE:
        asked.respond(NO_DESTINATION)
        return None
    if _is_refusal(count):
        asked.respond(count[0])
        return None
    try:
        number = int(count)
    except (TypeError, ValueError, OverflowError):
        _log.error("%s: the handler gave no number of sub-operations, but %r", asked.assoc.name, count)
        asked.respond(codes.bad_count)
        return None
    if number > MOST:
        asked.respond(codes.too_many)
        return None
    if number < 1:
        asked.respond(0x0000, **Counters(0).elements(remaining=False))
        return None
    return number


def _is_refusal(item: Any) -> bool:
    """Whether a handler ends the operation where its destination or number of sub-operations is due."""
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], int | Dataset) and item[1] is None


def _sub_operations(
    asked: Asked, items: Iterator[Any], counters: Counters, store: Association, *, originator: int | None
) -> None:
    """Store what the handler yields, report each, and end as PS3.4 C.4.2.1.4 says."""
    message_ids = _message_ids(asked.request.MessageID)
    for item in items:
        if not asked.alive:
            return
        status, data_set, uid = (*item, None, None, None)[:3] if isinstance(item, tuple) else (item, None, None)
        code, _ = status_elements(status, type(asked.request))
        if code_to_category(code) != "Pending":
            _end_early(asked, status, code, data_set, counters)
            return
        if counters.remaining == 0:
            _log.warning("%s: the handler yielded more than it announced; the rest is not sent", asked.assoc.name)
            break
        _store_one(asked, store, data_set, str(uid or ""), counters, next(message_ids), originator)
        if not asked.alive:
            return
        asked.respond(PENDING, **counters.elements(remaining=True))
    if not asked.alive:
        return
    if counters.remaining:
        counters.failed += counters.remaining
        counters.remaining = 0
    if counters.failed == counters.warning == 0:
        asked.respond(0x0000, **counters.elements(remaining=False))
    else:
        final = ALL_FAILED if not (counters.completed or counters.warning) else SOME_FAILED
        _final(asked, final, counters, remaining=False)


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
    counters.failed += counters.remaining
    counters.remaining = 0
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
    """A copy without the elements of PS3.4 Table Z.1-1."""
    lean = Dataset()
    lean.update(
        {
            element.tag: element
            for element in data_set
            if int(element.tag) not in _BULK
            and not any(
                element.tag.group & 0xFF00 == group and element.tag.elem == number for group, number in _BULK_GROUPS
            )
        }
    )
    lean.file_meta = data_set.file_meta
    return lean
