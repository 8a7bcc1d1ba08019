"""Does a rule apply to an occasion? All conditions but counts and chance, and in words which one does not hold.

Pure, and in time that grows with what is compared, whatever the pattern: both may come from somebody else. Keys are
asked last, because only they need the data set. What counts and chance stands in `book`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from types import MappingProxyType

from pydicom._uid_dict import UID_dictionary
from pydicom.dataset import Dataset

from workstation.net import uids
from workstation.net.services import SERVICE_CLASSES
from workstation.scp.query.matching import texts_of
from workstation.scp.query.pattern import Pattern
from workstation.scp.rules.occasion import Occasion
from workstation.scp.rules.rule import EVENT_WORDS, Match, check_path
from workstation.traffic.text import printable

_SHOWN = 64

NO_DATA_SET = "The request has no data set."


def needs_data_set(match: Match) -> bool:
    """Return True if the match cannot be told without the request's data set."""
    return bool(match.keys)


def unfulfilled(match: Match, occasion: Occasion) -> str:
    """Return "" if every condition but `every`, `first` and `probability` holds, or a sentence on one that does not."""
    return unfulfilled_before_data_set(match, occasion) or unfulfilled_keys(match, occasion)


def unfulfilled_before_data_set(match: Match, occasion: Occasion) -> str:
    """Return what `unfulfilled` does, but for the keys, which need the data set."""
    if match.events and occasion.event not in match.events:
        wanted = " or ".join(EVENT_WORDS.get(event, event) for event in match.events)
        return f"It is {EVENT_WORDS.get(occasion.event, occasion.event)}, not {wanted}."
    for what, pattern, value in (
        ("Calling AE title", match.calling, occasion.calling),
        ("Called AE title", match.called, occasion.called),
    ):
        if pattern and not _compiled(pattern.strip()).fits(value.strip()):
            return _is_not(what, value, pattern)
    if match.address and not _is_within(occasion.address, match.address):
        return _is_not("Address", occasion.address, match.address)
    if match.user and not _compiled(match.user.strip()).fits(occasion.user.strip()):
        return _is_not("User", occasion.user, match.user)
    return _context(match, occasion) if match.sop_class or match.transfer_syntax else ""


def names_of(uid: str) -> tuple[str, ...]:
    """Return a UID and its name and keywords, as the standard, pydicom and the documented API have them."""
    names = [uid, uids.uid_name(uid)]
    entry = UID_dictionary.get(uid)
    if entry is not None:
        names.append(entry[4])
    names += _keywords().get(uid, ())
    return tuple(dict.fromkeys(name for name in names if name))


@lru_cache(maxsize=4096)
def uid_fits(pattern: str, uid: str) -> bool:
    """Return True if a UID, or one of its names, fits a pattern of `Match.sop_class` or `Match.transfer_syntax`."""
    wanted = _compiled(pattern.strip().casefold())
    return any(wanted.fits(name.casefold()) for name in names_of(uid))


def uids_that_fit(pattern: str) -> tuple[str, ...]:
    """Return the UIDs of all SOP classes that fit a pattern, of those that the standard names."""
    found = [uid for service in SERVICE_CLASSES for uid in service.sop_classes.values() if uid_fits(pattern, uid)]
    return tuple(dict.fromkeys(found))


def _is_not(what: str, value: str, pattern: str) -> str:
    shown = printable(value.strip(), _SHOWN)
    return f"{what} is {shown or 'not given'}, not {printable(pattern, _SHOWN)}."


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Pattern:
    return Pattern(pattern)


@lru_cache(maxsize=256)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text, strict=False)


def _is_within(address: str, network: str) -> bool:
    try:
        # A link-local address names its interface after a per cent sign.
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        # What comes to a socket of both families as IPv4.
        found = found.ipv4_mapped
    return found in _network(network)


@lru_cache(maxsize=1)
def _keywords() -> Mapping[str, tuple[str, ...]]:
    """The documented API's names, by UID."""
    names: dict[str, tuple[str, ...]] = {}
    for service_class in SERVICE_CLASSES:
        for keyword, uid in service_class.sop_classes.items():
            names[uid] = (*names.get(uid, ()), keyword)
    return MappingProxyType(names)


def _context(match: Match, occasion: Occasion) -> str:
    proposed = occasion.proposed
    if proposed:
        if any(
            (not match.sop_class or uid_fits(match.sop_class, sop_class))
            and (not match.transfer_syntax or uid_fits(match.transfer_syntax, syntax))
            for sop_class, syntax in proposed
        ):
            return ""
        wanted = " with ".join(
            printable(pattern, _SHOWN) for pattern in (match.sop_class, match.transfer_syntax) if pattern
        )
        return f"No presentation context is proposed for {wanted}."
    for what, pattern, uid in (
        ("SOP class", match.sop_class, occasion.sop_class),
        ("Transfer syntax", match.transfer_syntax, occasion.transfer_syntax),
    ):
        if pattern and not uid_fits(pattern, uid):
            if what == "SOP class" and occasion.abstract_syntax and uid_fits(pattern, occasion.abstract_syntax):
                continue
            return _is_not(what, uids.uid_name(uid) or uid, pattern)
    return ""


def unfulfilled_keys(match: Match, occasion: Occasion) -> str:
    """Return what `unfulfilled` does, of the keys alone."""
    keys = match.keys
    if not keys:
        return ""
    try:
        data_set = occasion.data_set()
    except ValueError as error:
        return f"The data set cannot be read: {printable(str(error), 200)}"
    if data_set is None:
        return NO_DATA_SET
    for key, pattern in keys.items():
        try:
            values = list(_values(data_set, check_path(key)))
        except Exception:
            # pydicom decodes a value when it is looked at, and answers damaged bytes with almost any exception.
            return f"{printable(key, _SHOWN)} cannot be decoded."
        if not _value_fits(pattern.strip(), values):
            shown = "\\".join(value for value in values if value)
            return _is_not(key, shown, pattern) if pattern.strip() else f"{key} is not empty."
    return ""


def _value_fits(pattern: str, values: list[str]) -> bool:
    if not pattern:
        return not any(values)
    wanted = _compiled(pattern)
    # All values together as well, for a pattern that is written with the backslash between them.
    return any(wanted.fits(value) for value in values) or wanted.fits("\\".join(values))


def _values(data_set: Dataset, path: tuple[int, ...]) -> Iterator[str]:
    """The texts of an element, in every item of the sequences that it is in."""
    tag, *rest = path
    if tag not in data_set:
        return
    element = data_set[tag]
    if not rest:
        if element.VR == "SQ":
            # Its items are no text; that there are some is.
            yield from (f"item {number}" for number, _ in enumerate(element.value, 1))
        else:
            yield from (text.strip() for text in texts_of(element))
    elif element.VR == "SQ":
        for item in element.value:
            yield from _values(item, tuple(rest))
