"""What a response's status means for a person, by service (PS3.4, PS3.7 Annex C), and what usually fixes it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from pydicom.dataset import Dataset

from workstation.net import status as tables
from workstation.scu.failure import Failure, Layer, printable


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

# (services, lowest code, highest code): the remedy. The first that fits is taken.
_REMEDIES: tuple[tuple[frozenset[Service], int, int, str], ...] = (
    (
        frozenset({Service.MOVE}),
        0xA801,
        0xA801,
        "Add the destination's AE title with its host and port to the peer's configuration; "
        "capital and small letters count.",
    ),
    (
        frozenset({Service.MOVE}),
        0xA702,
        0xA702,
        "The peer could not send to the destination: check that it listens, at the host and port that the peer "
        "has for it, and accepts these objects.",
    ),
    (
        frozenset({Service.GET}),
        0xA702,
        0xA702,
        "None of the objects could be sent on this association: check the SOP classes and transfer syntaxes offered.",
    ),
    (
        frozenset({Service.STORE}),
        0xA700,
        0xA7FF,
        "The peer has no room or is overloaded: look at its disk and log, then send again.",
    ),
    (frozenset(Service), 0xA700, 0xA7FF, "The peer is short of resources: ask for less, or later."),
    (
        frozenset({Service.STORE}),
        0xA900,
        0xA9FF,
        "The peer finds the object's content or UIDs at odds with its SOP class: validate the object.",
    ),
    (
        frozenset({Service.FIND, Service.MOVE, Service.GET}),
        0xA900,
        0xA9FF,
        "Check the level and that the unique keys of the levels above are given: one value each, no wildcards.",
    ),
    (
        frozenset({Service.STORE}),
        0xC000,
        0xCFFF,
        "The peer could not read the object: validate it, and look in the peer's log.",
    ),
    (
        frozenset({Service.MOVE, Service.GET}),
        0xC000,
        0xCFFF,
        "Look in the peer's log. Some systems answer so when nothing matches or the destination is unknown to them.",
    ),
    (frozenset(Service), 0xC000, 0xCFFF, "The peer ran into a fault of its own: look in its log."),
    (
        frozenset(Service),
        0x0122,
        0x0122,
        "The peer accepted the context but not the SOP class: look at its configuration.",
    ),
    (
        frozenset(Service),
        0x0124,
        0x0124,
        "Our AE title or user may not do this: ask the peer's administrator for the right.",
    ),
    (frozenset({Service.STORE}), 0x0111, 0x0111, "The peer has this object already and does not replace it."),
    (frozenset(Service), 0x0210, 0x0213, "The peer could not take the request as it is: look in its log."),
)


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
    remedy = next(
        (text for services, low, high, text in _REMEDIES if service in services and low <= code <= high),
        "Look in the peer's log.",
    )
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
