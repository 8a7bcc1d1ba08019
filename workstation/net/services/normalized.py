"""The six DIMSE-N services (PS3.7 section 10): ask the handler, answer with its status and data set."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset

from workstation.net import data_sets, events
from workstation.net.dimse import (
    N_ACTION_RQ,
    N_CREATE_RQ,
    N_DELETE_RQ,
    N_EVENT_REPORT_RQ,
    N_GET_RQ,
    N_SET_RQ,
    Message,
    response_class,
)
from workstation.net.services.common import BAD_STATUS_TYPE, Asked, status_elements
from workstation.net.status import code_to_category

if TYPE_CHECKING:
    from workstation.net.association import Association
    from workstation.net.exchange import Operation

_log = logging.getLogger("workstation.net.services")
PROCESSING_FAILURE = 0x0110

_EVENTS: dict[type[Message], events.InterventionEvent] = {
    N_ACTION_RQ: events.EVT_N_ACTION,
    N_CREATE_RQ: events.EVT_N_CREATE,
    N_DELETE_RQ: events.EVT_N_DELETE,
    N_EVENT_REPORT_RQ: events.EVT_N_EVENT_REPORT,
    N_GET_RQ: events.EVT_N_GET,
    N_SET_RQ: events.EVT_N_SET,
}


def perform(assoc: Association, operation: Operation) -> None:
    """Answer any N-service request."""
    asked = Asked(assoc, operation, _EVENTS[type(operation.message)])
    try:
        given = asked.call()
    except Exception:
        _log.exception("%s: the handler of evt.%s failed", assoc.name, asked.event.event.name)
        given = PROCESSING_FAILURE
    status, data_set = _pair(given, single=isinstance(asked.request, N_DELETE_RQ))
    if not asked.alive:
        return
    code, _ = status_elements(status, response_class(type(asked.request)))
    data: bytes | None = None
    if isinstance(data_set, Dataset) and data_set and code_to_category(code) in ("Success", "Warning"):
        try:
            data = data_sets.encode_for(data_set, asked.context)
        except ValueError:
            status = PROCESSING_FAILURE
    asked.respond(status, data)


def _pair(given: Any, *, single: bool) -> tuple[Any, Any]:
    """A handler's result as (status, data set); N-DELETE has only a status."""
    if single:
        return given, None
    if isinstance(given, tuple) and len(given) == 2:
        return given
    if isinstance(given, int | Dataset):
        return given, None
    return BAD_STATUS_TYPE, None
