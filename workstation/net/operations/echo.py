"""Verification (PS3.4 Annex A): C-ECHO."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from workstation.net.codec.dimse import C_ECHO_RSP
from workstation.net.operations.common import BAD_STATUS_TYPE, NO_STATUS_ELEMENT, Asked, status_elements

if TYPE_CHECKING:
    from workstation.net.association import Association
    from workstation.net.exchange import Operation

_log = logging.getLogger("workstation.net.operations")


def perform(assoc: Association, operation: Operation) -> None:
    """Answer a C-ECHO-RQ: whatever a handler does wrong, the peer has been heard, so the answer is success."""
    asked = Asked(assoc, operation)
    try:
        status = asked.call()
    except Exception:
        _log.exception("%s: the handler of evt.EVT_C_ECHO failed", assoc.name)
        status = 0x0000
    if status_elements(status, C_ECHO_RSP)[0] in (NO_STATUS_ELEMENT, BAD_STATUS_TYPE):
        status = 0x0000
    if asked.alive:
        asked.respond(status)
