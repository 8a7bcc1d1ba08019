"""What a response's status means for a person, by service (PS3.4, PS3.7 Annex C), and what usually fixes it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from pydicom.dataset import Dataset

from workstation.net import status as tables
from workstation.scu.failure import Failure, Layer, printable
from workstation.traffic.expert.explanations import remedy_of_status


class Service(Enum):
    """What was asked; the value is how a person reads it."""

    ECHO = "C-ECHO"
    STORE = "C-STORE"
    FIND = "C-FIND"
    MOVE = "C-MOVE"
    GET = "C-GET"


_TABLES: Mapping[Service, Mapping[int, tuple[str, str]]] = {
    Service.ECHO: tables.VERIFICATION_SERVICE_CLASS_STATUS,
    Service.STORE: tables.STORAGE_SERVICE_CLASS_STATUS,
    Service.FIND: tables.QR_FIND_SERVICE_CLASS_STATUS,
    Service.MOVE: tables.QR_MOVE_SERVICE_CLASS_STATUS,
    Service.GET: tables.QR_GET_SERVICE_CLASS_STATUS,
}

# Neither Pending nor Cancel is an answer to these: whoever gives it has not said that it did what was asked.
_ANSWERED_ONCE = frozenset({Service.ECHO, Service.STORE})


def status_words(service: Service, code: int) -> str:
    """The code with its class and meaning: `0xA700 (Failure): Refused: out of resources`."""
    return tables.status_text(code, _TABLES[service])


def explain_status(service: Service, status: Dataset) -> Failure | None:
    """Why the operation failed; None if the status is Success, Warning or, where it may be, Pending or Cancel.

    Args:
        service: What was asked.
        status: The response's status elements; must have a Status.
    """
    code = int(status.Status)
    category = tables.code_to_category(code)
    if category in (tables.STATUS_SUCCESS, tables.STATUS_WARNING):
        return None
    if category in (tables.STATUS_PENDING, tables.STATUS_CANCEL) and service not in _ANSWERED_ONCE:
        return None
    meaning = _TABLES[service].get(code, ("", ""))[1]
    remedy = remedy_of_status(service.value, code)
    return Failure(
        Layer.STATUS,
        f"0x{code:04X} {meaning or 'is an undefined status'}",
        ", ".join([f"the answer to {service.value}", *_details(status)]),
        remedy,
    )


def warning_words(service: Service, status: Dataset) -> str:
    """What a Warning status says; "" for any other."""
    code = int(status.Status)
    if tables.code_to_category(code) != tables.STATUS_WARNING:
        return ""
    return ", ".join([status_words(service, code), *_details(status)])


def _details(status: Dataset) -> list[str]:
    details = []
    if status.get("ErrorComment"):
        details.append(f'"{printable(str(status.ErrorComment), 64)}"')
    if status.get("OffendingElement"):
        elements = status.OffendingElement
        several = elements if isinstance(elements, list | tuple) or hasattr(elements, "__iter__") else [elements]
        details.append("offending element " + ", ".join(str(each) for each in several))
    return details
