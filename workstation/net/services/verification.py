"""Verification (PS3.4 Annex A): C-ECHO."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from workstation.net import events
from workstation.net.services.common import BAD_STATUS_TYPE, NO_STATUS_ELEMENT, Asked, status_elements

if TYPE_CHECKING:
    from workstation.net.association import Association
    from workstation.net.exchange import Operation

_log = logging.getLogger("workstation.net.services")


def echo(assoc: Association, operation: Operation) -> None:
    """Answer a C-ECHO-RQ: whatever a handler does wrong, the peer has been heard, so the answer is success."""
    asked = Asked(assoc, operation, events.EVT_C_ECHO)
    try:
        status = asked.call()
    except Exception:
        _log.exception("%s: the handler of evt.EVT_C_ECHO failed", assoc.name)
        status = 0x0000
    from workstation.net.dimse import C_ECHO_RSP

    if status_elements(status, C_ECHO_RSP)[0] in (NO_STATUS_ELEMENT, BAD_STATUS_TYPE):
        status = 0x0000
    if asked.alive:
        asked.respond(status)
