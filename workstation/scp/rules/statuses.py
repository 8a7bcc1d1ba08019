"""The statuses that a service may answer, for a person to choose from.

The service classes' own come from `net.status` (PS3.4), the general ones from PS3.7: each DIMSE service has its list,
9.1 for the C services and 10.1 for the N services. Any other number can be answered too; it has no name then.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from workstation.net.services import SERVICE_CLASSES
from workstation.net.services.base import ServiceClass
from workstation.net.sop_class import uid_to_service_class
from workstation.net.status import GENERAL_STATUS, code_to_category
from workstation.net.status import MODALITY_WORKLIST_SERVICE_CLASS_STATUS as MODALITY_WORKLIST
from workstation.scp.rules.matching import uids_that_fit
from workstation.scp.rules.rule import EVENT_WORDS

# Duplicate invocation, unrecognized operation, mistyped argument: wherever there is a request.
_REQUEST: Final = (0x0210, 0x0211, 0x0212)
# The instance and the class that the request names (PS3.7 10.1).
_INSTANCE: Final = (0x0110, 0x0112, 0x0117, 0x0118, 0x0119, 0x0213)

# PS3.7 9.1.1.1.9, 9.1.2.1.5, 9.1.3.1.6, 9.1.4.1.7, 9.1.5.1.4 and 10.1.1.1.8 to 10.1.6.1.7.
GENERAL_OF_SERVICE: Final[Mapping[str, tuple[int, ...]]] = {
    "C-ECHO": (0x0122, *_REQUEST),
    "C-STORE": (0x0117, 0x0122, 0x0124, *_REQUEST),
    "C-FIND": (0x0122, 0x0124, *_REQUEST, 0xFE00),
    "C-GET": (0x0122, 0x0124, *_REQUEST, 0xFE00),
    "C-MOVE": (0x0122, 0x0124, *_REQUEST, 0xFE00),
    "N-EVENT-REPORT": (0x0113, 0x0114, 0x0115, *_INSTANCE, *_REQUEST),
    "N-GET": (0x0107, 0x0122, 0x0124, *_INSTANCE, *_REQUEST),
    "N-SET": (0x0105, 0x0106, 0x0107, 0x0116, 0x0121, 0x0122, 0x0124, *_INSTANCE, *_REQUEST),
    "N-ACTION": (0x0114, 0x0115, 0x0122, 0x0123, 0x0124, *_INSTANCE, *_REQUEST),
    "N-CREATE": (0x0105, 0x0106, 0x0107, 0x0111, 0x0116, 0x0120, 0x0121, 0x0122, 0x0124, *_INSTANCE, *_REQUEST),
    "N-DELETE": (0x0122, 0x0124, *_INSTANCE, *_REQUEST),
}

_ORDER: Final = ("Success", "Warning", "Failure", "Cancel", "Pending", "Unknown")
# A range such as Cxxx is offered once; the tables spell it out.
_RANGE = 64
_PENDING: Final = {0xFF00: "Pending: matches or sub-operations continue", 0xFF01: "Pending: optional keys unsupported"}


@lru_cache(maxsize=512)
def statuses_of(event: str, sop_class: str = "") -> tuple[tuple[int, str], ...]:
    """Return the statuses, with their names, that the service of an event may answer: Success first, Pending last.

    Args:
        event: Name of `rules.rule.EVENTS`; what is no service has none.
        sop_class: A UID, or a pattern as `Match.sop_class` has it; without, the statuses of all service classes that
            have the service.
    """
    service = EVENT_WORDS.get(event, "")
    general = GENERAL_OF_SERVICE.get(service)
    if general is None:
        return ()
    found: dict[int, str] = {0x0000: "Success"}
    for service_class in _service_classes(service, sop_class):
        for code, text in _own(service_class, service).items():
            found.setdefault(code, text)
    found.update({code: GENERAL_STATUS[code][1] for code in general if code not in found})
    return tuple(sorted(((code, _named(code, text)) for code, text in found.items()), key=_place))


def status_name(event: str, code: int, sop_class: str = "") -> str:
    """Return the name of a status of an event's service; "" if it has none there."""
    found = dict(statuses_of(event, sop_class)).get(code)
    if found is not None:
        return found
    service = EVENT_WORDS.get(event, "")
    for service_class in _service_classes(service, sop_class):
        table = service_class.statuses_of(service)
        if code in table:
            return _named(code, table[code][1])
    return ""


def _service_classes(service: str, sop_class: str) -> list[type[ServiceClass]]:
    having = [one for one in SERVICE_CLASSES if service in one.services]
    if sop_class:
        named = {uid_to_service_class(uid) for uid in (sop_class, *uids_that_fit(sop_class))}
        found = [one for one in having if one in named]
        if found:
            return found
    return having


def _own(service_class: type[ServiceClass], service: str) -> dict[int, str]:
    """A service class's own statuses, each range by its first code."""
    table = service_class.statuses_of(service)
    if "C-FIND" in service_class.services and any(one.startswith("N-") for one in service_class.services):
        # Unified Procedure Step has one table for both kinds (PS3.4 CC.2): its C-FIND answers what any worklist's does.
        common = {code: entry for code, entry in table.items() if entry == MODALITY_WORKLIST.get(code)}
        table = common if service == "C-FIND" else {code: table[code] for code in table if code not in common}
    counts: dict[tuple[str, str], int] = {}
    for entry in table.values():
        counts[entry] = counts.get(entry, 0) + 1
    seen: set[tuple[str, str]] = set()
    own: dict[int, str] = {}
    for code in sorted(table):
        entry = table[code]
        is_again = counts[entry] > _RANGE and entry in seen
        if code in GENERAL_STATUS or is_again:
            continue
        seen.add(entry)
        own[code] = entry[1]
    return own


def _named(code: int, text: str) -> str:
    if code in _PENDING:
        return _PENDING[code]
    category = code_to_category(code)
    if category == "Cancel":
        return "Cancel"
    return f"{category}: {text[:1].lower()}{text[1:]}" if category == "Warning" else text


def _place(entry: tuple[int, str]) -> tuple[int, bool, int]:
    code = entry[0]
    # Of the failures the service's own first: they are what people look for.
    return _ORDER.index(code_to_category(code)), code in GENERAL_STATUS, code
