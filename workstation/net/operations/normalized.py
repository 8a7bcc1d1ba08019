"""The six DIMSE-N services (PS3.7 section 10): ask the handler, answer with its status and data set."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset

from workstation.net import data_sets
from workstation.net.dimse import N_CREATE_RQ, N_DELETE_RQ, response_class
from workstation.net.operations.common import BAD_STATUS_TYPE, Asked, status_elements
from workstation.net.status import code_to_category

if TYPE_CHECKING:
    from workstation.net.association import Association
    from workstation.net.exchange import Operation

_log = logging.getLogger("workstation.net.operations")
PROCESSING_FAILURE = 0x0110


def perform(assoc: Association, operation: Operation) -> None:
    """Answer any N-service request."""
    asked = Asked(assoc, operation)
    try:
        given = asked.call()
    except Exception:
        _log.exception("%s: the handler of evt.%s failed", assoc.name, asked.event.name)
        given = PROCESSING_FAILURE
    status, data_set = _pair(given, single=isinstance(asked.request, N_DELETE_RQ))
    if not asked.alive:
        return
    code, _ = status_elements(status, response_class(type(asked.request)))
    data: bytes | None = None
    named: dict[str, Any] = {}
    if data_set is not None and code_to_category(code) in ("Success", "Warning"):
        try:
            data = _encoded(asked, data_set)
            uid = data_set.get("AffectedSOPInstanceUID")
            if uid and isinstance(asked.request, N_CREATE_RQ) and not asked.request.AffectedSOPInstanceUID:
                # the handler names the new instance in its reply, the message in its command set (PS3.7 10.1.5.1.4)
                named["AffectedSOPInstanceUID"] = str(uid)
        except ValueError as error:
            _log.error(
                "%s: the handler of evt.%s gave a reply that cannot be sent: %s", assoc.name, asked.event.name, error
            )
            status = PROCESSING_FAILURE
    asked.respond(status, data, **named)


def _encoded(asked: Asked, data_set: Any) -> bytes | None:
    """The reply as bytes; an empty data set is none (PS3.7 section 9.3: Command Data Set Type).

    Raises:
        ValueError: It is no data set, or cannot be encoded.
    """
    if not isinstance(data_set, Dataset):
        raise ValueError(f"it is a {type(data_set).__name__} and no data set")
    return data_sets.encode_for(data_set, asked.context) if data_set else None


def _pair(given: Any, *, single: bool) -> tuple[Any, Any]:
    """A handler's result as (status, data set); N-DELETE has only a status."""
    if single:
        return given, None
    if isinstance(given, tuple) and len(given) == 2:
        return given
    if isinstance(given, int | Dataset):
        return given, None
    return BAD_STATUS_TYPE, None
