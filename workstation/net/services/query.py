"""Queries (PS3.4 Annexes C, K, Q, U, V, X, BB, HH, II, JJ): C-FIND."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset

from workstation.net import data_sets, events
from workstation.net.services.common import Asked, HandlerError, answers

if TYPE_CHECKING:
    from workstation.net.association import Association
    from workstation.net.exchange import Operation

_log = logging.getLogger("workstation.net.services")
UNHANDLED = 0xC311
CANNOT_ENCODE = 0xC312
UNDECODABLE = 0xC310


def find(assoc: Association, operation: Operation) -> None:
    """Answer a C-FIND-RQ: a Pending response for each match, then a final one without Identifier."""
    asked = Asked(assoc, operation, events.EVT_C_FIND)
    if not asked.request.has_data_set:
        asked.respond(UNDECODABLE, ErrorComment="The request has no Identifier")
        return
    try:
        for item in answers(asked, "EVT_C_FIND"):
            if not asked.alive:
                return
            status, identifier = _pair(item)
            if not _respond(asked, status, identifier):
                return
    except HandlerError:
        if asked.alive:
            asked.respond(asked.failure(UNHANDLED, UNDECODABLE, "identifier"))
        return
    if asked.alive:
        asked.respond(0x0000)


def _pair(item: Any) -> tuple[Any, Any]:
    """A handler's item as (status, identifier); a bare status has no identifier."""
    if isinstance(item, tuple) and len(item) == 2:
        return item
    return item, None


def _respond(asked: Asked, status: Any, identifier: Any) -> bool:
    """Send one response; whether more may follow."""
    pending = status in (0xFF00, 0xFF01) if isinstance(status, int) else _is_pending(status)
    if not pending:
        return asked.respond(status) == "Pending"
    if not isinstance(identifier, Dataset):
        _log.error("%s: a Pending response to a C-FIND needs an Identifier", asked.assoc.name)
        asked.respond(CANNOT_ENCODE)
        return False
    try:
        encoded = data_sets.encode_for(identifier, asked.context)
    except ValueError:
        asked.respond(CANNOT_ENCODE)
        return False
    asked.respond(status, encoded)
    return True


def _is_pending(status: Any) -> bool:
    return isinstance(status, Dataset) and status.get("Status") in (0xFF00, 0xFF01)
