"""Storage (PS3.4 Annexes B and GG): C-STORE."""

from __future__ import annotations

import logging
from functools import lru_cache

from workstation.net.codec.dimse import C_STORE_RQ, C_STORE_RSP, NamedPattern
from workstation.net.engine.assembly import DataSink
from workstation.net.operations.common import SUCCESS, Asked
from workstation.net.spool import SpooledDataSet

_log = logging.getLogger("workstation.net.operations")
UNHANDLED = 0xC211
UNDECODABLE = 0xC210
OUT_OF_RESOURCES = 0xA700
MISSING_ELEMENT = 0x0120
MISSING_DATA_SET = 0xA900


def perform(asked: Asked) -> None:
    """Answer a C-STORE-RQ."""
    request = asked.request
    assert isinstance(request, C_STORE_RQ)
    sink = asked.operation.sink
    try:
        status = _status(asked, request, sink)
    finally:
        if isinstance(sink, SpooledDataSet):
            sink.discard()  # ours, and for the handler only
    if not asked.alive:
        return
    instance = request.AffectedSOPInstanceUID
    if type(status) is int and status == SUCCESS and instance:
        successes, number = _successes(request.context_id, request.AffectedSOPClassUID), request.MessageID
        asked.succeed(successes.command(number, instance), lambda: successes.message(number, instance))
    else:
        asked.respond(status)


@lru_cache(maxsize=64)
def _successes(context_id: int, sop_class_uid: str | None) -> NamedPattern:
    """The C-STORE-RSPs with Success to requests that name this SOP class."""
    return NamedPattern(
        C_STORE_RSP(
            context_id=context_id,
            MessageIDBeingRespondedTo=0,
            AffectedSOPClassUID=sop_class_uid,
            AffectedSOPInstanceUID="1",
            Status=SUCCESS,
        )
    )


def _status(asked: Asked, request: C_STORE_RQ, sink: DataSink | None) -> object:
    """What the handler says, or why it is not asked."""
    name = asked.assoc.name
    if not request.AffectedSOPClassUID or not request.AffectedSOPInstanceUID:
        _log.error("%s: the C-STORE-RQ lacks its SOP Class or SOP Instance UID", name)
        if sink is not None:
            sink.discard()  # nobody will look at it
        return MISSING_ELEMENT
    if not request.has_data_set:
        _log.error("%s: the C-STORE-RQ has no data set", name)
        return MISSING_DATA_SET
    if isinstance(sink, SpooledDataSet) and sink.failure is not None:
        return OUT_OF_RESOURCES
    try:
        return asked.call()
    except Exception:
        _log.exception("%s: the handler of evt.EVT_C_STORE failed", name)
        return asked.failure(UNHANDLED, UNDECODABLE, "dataset")
