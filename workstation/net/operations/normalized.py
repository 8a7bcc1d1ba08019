"""The six DIMSE-N services (PS3.7 section 10): ask the handler, answer with its status and data set."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset

from workstation.net import data_sets
from workstation.net.codec.dimse import N_CREATE_RQ, N_DELETE_RQ, response_class
from workstation.net.operations.common import BAD_STATUS_TYPE, Asked, status_elements
from workstation.net.status import code_to_category

if TYPE_CHECKING:
    pass

_log = logging.getLogger("workstation.net.operations")
PROCESSING_FAILURE = 0x0110


def perform(asked: Asked) -> None:
    """Answer any N-service request."""
    try:
        given = asked.call()
    except Exception:
        _log.exception("%s: the handler of evt.%s failed", asked.assoc.name, asked.event.name)
        given = PROCESSING_FAILURE
    status, data_set = _pair(given, single=isinstance(asked.request, N_DELETE_RQ))
    if not asked.alive:
        return
    code, named = status_elements(status, response_class(type(asked.request)))
    if code_to_category(code) not in ("Success", "Warning"):
        asked.respond(status)
        return
    try:
        data = None if data_set is None else _encoded(asked, data_set)
        created = _created(asked, data_set, named)
    except ValueError as error:
        _log.error("%s: the answer of evt.%s's handler cannot be sent: %s", asked.assoc.name, asked.event.name, error)
        asked.respond(PROCESSING_FAILURE)
        return
    asked.respond(status, data, **created)


def _created(asked: Asked, data_set: Dataset | None, named: dict[str, Any]) -> dict[str, Any]:
    """The Affected SOP Instance UID that an N-CREATE response has to name if its request did not.

    The handler gives it in its reply or in its status data set (PS3.7 section 10.1.5.1.4).

    Raises:
        ValueError: It does not.
    """
    if not isinstance(asked.request, N_CREATE_RQ) or asked.request.AffectedSOPInstanceUID:
        return {}
    uid = data_set.get("AffectedSOPInstanceUID") if data_set is not None else None
    if uid:
        return {"AffectedSOPInstanceUID": str(uid)}
    if "AffectedSOPInstanceUID" in named:
        return {}
    raise ValueError("neither the request nor the handler says which instance was created (Affected SOP Instance UID)")


def _encoded(asked: Asked, data_set: Any) -> bytes | None:
    """The reply as bytes; an empty data set is none (PS3.7 section 9.3: Command Data Set Type).

    Raises:
        ValueError: It is no data set, or cannot be encoded.
    """
    if not isinstance(data_set, Dataset):
        raise ValueError(f"it is a {type(data_set).__name__} and no data set")
    return data_sets.encode_for(data_set, asked.context) or None


def _pair(given: Any, *, single: bool) -> tuple[Any, Any]:
    """A handler's result as (status, data set); N-DELETE has only a status."""
    if single:
        return given, None
    if isinstance(given, tuple | list) and len(given) == 2:
        return given[0], given[1]
    if isinstance(given, int | Dataset):
        return given, None
    return BAD_STATUS_TYPE, None
