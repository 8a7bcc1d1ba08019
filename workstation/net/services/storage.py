"""Storage (PS3.4 Annexes B and GG): C-STORE."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from workstation.net import events
from workstation.net.dimse import C_STORE_RQ
from workstation.net.services.common import Asked

if TYPE_CHECKING:
    from workstation.net.association import Association
    from workstation.net.exchange import Operation

_log = logging.getLogger("workstation.net.services")
UNHANDLED = 0xC211
MISSING_ELEMENT = 0x0120
MISSING_DATA_SET = 0xA900


def store(assoc: Association, operation: Operation) -> None:
    """Answer a C-STORE-RQ."""
    asked = Asked(assoc, operation, events.EVT_C_STORE)
    request = asked.request
    assert isinstance(request, C_STORE_RQ)
    status: object
    if (not request.AffectedSOPClassUID or not request.AffectedSOPInstanceUID) and operation.sink is not None:
        operation.sink.discard()
    if not request.AffectedSOPClassUID or not request.AffectedSOPInstanceUID:
        _log.error("%s: the C-STORE-RQ lacks its SOP Class or SOP Instance UID", assoc.name)
        status = MISSING_ELEMENT
    elif not request.has_data_set:
        _log.error("%s: the C-STORE-RQ has no data set", assoc.name)
        status = MISSING_DATA_SET
    else:
        try:
            status = asked.call()
        except Exception:
            _log.exception("%s: the handler of evt.EVT_C_STORE failed", assoc.name)
            status = UNHANDLED
    if asked.alive:
        asked.respond(status)
