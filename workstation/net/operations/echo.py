"""Verification (PS3.4 Annex A): C-ECHO."""

from __future__ import annotations

import logging
from functools import lru_cache

from workstation.net.codec.dimse import C_ECHO_RQ, C_ECHO_RSP, Pattern
from workstation.net.operations.common import BAD_STATUS_TYPE, NO_STATUS_ELEMENT, SUCCESS, Asked, status_elements

_log = logging.getLogger("workstation.net.operations")


def perform(asked: Asked) -> None:
    """Answer a C-ECHO-RQ: whatever a handler does wrong, the peer has been heard, so the answer is success."""
    request = asked.request
    assert isinstance(request, C_ECHO_RQ)
    try:
        status = asked.call()
    except Exception:
        _log.exception("%s: the handler of evt.EVT_C_ECHO failed", asked.assoc.name)
        status = SUCCESS
    is_good = type(status) is int and status == SUCCESS
    if not is_good and status_elements(status, C_ECHO_RSP)[0] in (NO_STATUS_ELEMENT, BAD_STATUS_TYPE):
        is_good = True
    if not asked.alive:
        return
    if is_good:
        successes, number = _successes(request.context_id, request.AffectedSOPClassUID), request.MessageID
        asked.succeed(successes.command(number), lambda: successes.message(number))
    else:
        asked.respond(status)


@lru_cache(maxsize=16)
def _successes(context_id: int, sop_class_uid: str | None) -> Pattern:
    """The C-ECHO-RSPs with Success to requests that name this SOP class."""
    return Pattern.of(
        C_ECHO_RSP(
            context_id=context_id,
            MessageIDBeingRespondedTo=0,
            AffectedSOPClassUID=sop_class_uid,
            Status=SUCCESS,
        )
    )
