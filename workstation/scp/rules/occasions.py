"""From what arrived to the occasion that rules look at: who asks, for what, and in one line what it is about.

An occasion outlives its association, so it holds neither that nor its event: small data sets are kept as they were
encoded, an object by its sink, which knows the file; larger ones can be looked at while they are answered.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from io import BytesIO
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from workstation.net import dsutils, part10
from workstation.net.association import Association
from workstation.net.codec.dimse import C_STORE_RQ
from workstation.net.codec.pdu import A_ASSOCIATE_RQ, ProposedContext
from workstation.net.events import NEGOTIATION_EVENTS, Event
from workstation.net.presentation import PresentationContextTuple
from workstation.net.uids import uid_name
from workstation.scp.archive.disk import FileSource
from workstation.scp.archive.scan import DamagedDataSetError, Source, scan
from workstation.scp.query.matching import texts_of
from workstation.scp.rules.occasion import Occasion, next_number
from workstation.scp.rules.rule import ASSOCIATION, EVENT_WORDS
from workstation.traffic.text import printable, quantity

T = TypeVar("T")

LARGEST_KEPT = 16 * 1024
"""Bytes of a request's data set that stay with its occasion."""
LARGEST_READ = 16 * 1024 * 1024
_LARGEST_SUMMED_UP = 8 * 1024
_MOST_ELEMENTS = 20_000
_MOST_PROPOSED = 1024
_LONGEST_SUMMARY = 160
_MOST_KEYS = 3

# What the rules have no use for, and what is large: pixels, waveforms, overlays, curves, spectra, documents.
_BULK = frozenset({0x54000110, 0x54001010, 0x56000020, 0x00420011, 0x7FE00008, 0x7FE00009, 0x7FE00010})
_BULK_GROUPS = range(0x5000, 0x5100)
_OVERLAYS = range(0x6000, 0x6100)

_LEVEL = 0x00080052
_NO_KEYS = frozenset({_LEVEL, 0x00080005})
_USER_NAMES = (1, 2)
_QUERIES = frozenset({"EVT_C_FIND", "EVT_C_GET", "EVT_C_MOVE"})


@dataclass(frozen=True, slots=True)
class _Who:
    """What the occasions of one association have in common."""

    calling: str
    called: str
    address: str
    user: str

    @classmethod
    def of(cls, assoc: Association) -> _Who:
        where, pdu = assoc.requestor.address_info, assoc.requestor.pdu
        identity = assoc.requestor.user_identity
        user = ""
        # A ticket or token is no name, and nothing to be shown.
        if identity is not None and identity.user_identity_type in _USER_NAMES:
            user = bytes(identity.primary_field or b"").decode("utf-8", "replace")
        return cls(
            calling=assoc.requestor.ae_title,
            # The acceptor has the title that it is configured with until it has answered.
            called=pdu.called_ae_title if pdu is not None else assoc.acceptor.ae_title,
            address=where.address if where is not None else "",
            user=user,
        )


class _Once(Generic[T]):
    """Calls what it is given once, when it is called first; `functools.cache` takes long to make."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], T]) -> None:
        self._make: Callable[[], T] | None = make

    def __call__(self) -> T:
        make = self._make
        if make is not None:
            # Two threads may both come here; what they make says the same.
            self._made = make()
            self._make = None
        return self._made


class Occasions:
    """Makes the occasions of a server's associations. May be used from any thread."""

    def __init__(self) -> None:
        # What is negotiated does not change; a look at it costs more than the rest of an occasion.
        self._known: weakref.WeakKeyDictionary[Association, _Who] = weakref.WeakKeyDictionary()

    def of_association(self, assoc: Association, request: A_ASSOCIATE_RQ) -> Occasion:
        """The occasion of an association request."""
        who = self._who(assoc)
        called = request.called_ae_title
        contexts = quantity(len(request.presentation_contexts), "presentation context")
        return Occasion(
            event=ASSOCIATION,
            association=assoc.number,
            calling=request.calling_ae_title,
            called=called,
            address=who.address,
            user=who.user,
            proposing=_proposing(request.presentation_contexts),
            summing_up=lambda: _line("Association request", f"{who.calling} to {called}", contexts),
        )

    def of_event(self, event: Event) -> Occasion:
        """The occasion of a negotiation or service event."""
        if event.event in NEGOTIATION_EVENTS:
            return self._of_negotiation(event)
        return self._of_service(event)()

    def later(self, event: Event) -> Callable[[], Occasion]:
        """Gives the occasion of an event to whoever looks at it, always the same: at most of them nobody does."""
        if event.event in NEGOTIATION_EVENTS or event.request.unknown or len(event.request.data or b"") > LARGEST_KEPT:
            # What is large is not kept for that.
            occasion = self.of_event(event)
            return lambda: occasion
        return _Once(self._of_service(event))

    def _of_service(self, event: Event) -> Callable[[], Occasion]:
        assoc, data_set = event.assoc, _data_set_of(event)
        arrival = time.time(), next_number()
        return partial(
            _service, event.name, self._who(assoc), assoc.number, event.request, event.context, data_set, arrival
        )

    def of_store(
        self, assoc: Association, request: C_STORE_RQ, context: PresentationContextTuple, sink: Callable[[], Any]
    ) -> Occasion:
        """The occasion of a C-STORE whose object begins to arrive.

        Args:
            assoc: The association.
            request: The request.
            context: Its presentation context.
            sink: Gives where the object goes, once that is known.
        """
        syntax = str(context.transfer_syntax)
        arrival = time.time(), next_number()
        who = self._who(assoc)
        return _service("EVT_C_STORE", who, assoc.number, request, context, lambda: _read_sink(sink(), syntax), arrival)

    def _of_negotiation(self, event: Event) -> Occasion:
        who = self._who(event.assoc)
        pdu = event.assoc.requestor.pdu
        proposed = pdu.presentation_contexts if isinstance(pdu, A_ASSOCIATE_RQ) else ()
        summary = _line(EVENT_WORDS[event.name], _negotiation(event))
        return Occasion(
            event=event.name,
            association=event.assoc.number,
            calling=who.calling,
            called=who.called,
            address=who.address,
            user=who.user,
            proposing=_proposing(proposed),
            summing_up=lambda: summary,
        )

    def _who(self, assoc: Association) -> _Who:
        who = self._known.get(assoc)
        if who is None:
            who = self._known[assoc] = _Who.of(assoc)
        return who


def _service(
    name: str,
    who: _Who,
    association: int,
    request: Any,
    context: PresentationContextTuple,
    data_set: Callable[[], Dataset | None],
    arrival: tuple[float, int],
) -> Occasion:
    """The occasion of a service request, which arrived then and has that number."""
    abstract_syntax, transfer_syntax = str(context.abstract_syntax), str(context.transfer_syntax)
    sop_class = _first(request, "AffectedSOPClassUID", "RequestedSOPClassUID") or abstract_syntax
    instance = _first(request, "AffectedSOPInstanceUID", "RequestedSOPInstanceUID")
    about = _about(name, request)
    identifier = request.data if name in _QUERIES else None
    keys = bytes(identifier) if identifier and len(identifier) <= _LARGEST_SUMMED_UP else b""

    def summary() -> str:
        return _line(EVENT_WORDS[name], _sop_class(sop_class), *_keys(keys, transfer_syntax), about, instance)

    return Occasion(
        event=name,
        association=association,
        calling=who.calling,
        called=who.called,
        address=who.address,
        user=who.user,
        sop_class=sop_class,
        abstract_syntax=abstract_syntax,
        transfer_syntax=transfer_syntax,
        sop_instance=instance,
        message_id=request.MessageID,
        data_set=data_set,
        summing_up=summary,
        time=arrival[0],
        number=arrival[1],
    )


def _first(request: Any, *names: str) -> str:
    for name in names:
        value = getattr(request, name, None)
        if value:
            return str(value)
    return ""


def _proposing(contexts: Iterable[ProposedContext]) -> Callable[[], tuple[tuple[str, str], ...]]:
    """What gives the proposed pairs of abstract and transfer syntax, so that hundreds are paired only for who looks."""
    held = [(one.abstract_syntax, one.transfer_syntaxes) for one in contexts]
    proposing = _Once(lambda: _proposed(held))
    if sum(len(syntaxes) for _, syntaxes in held) > _MOST_PROPOSED:
        # Only the first of them are kept, and nothing of the rest.
        proposing()
        held = []
    return proposing


def _proposed(held: Iterable[tuple[str, tuple[str, ...]]]) -> tuple[tuple[str, str], ...]:
    pairs = dict.fromkeys((uid, syntax) for uid, syntaxes in held for syntax in syntaxes)
    return tuple(pairs)[:_MOST_PROPOSED]


# summaries


def _line(*parts: str) -> str:
    shown = [printable(part, _LONGEST_SUMMARY) for part in parts if part]
    head, rest = shown[0], ", ".join(shown[1:])
    return printable(f"{head} {rest}".strip(), _LONGEST_SUMMARY)


@lru_cache(maxsize=1024)
def _sop_class(uid: str) -> str:
    name = uid_name(uid) or uid
    # "Study Root Query/Retrieve Information Model - FIND" says nothing more than its beginning here.
    return name.partition(" Query/Retrieve Information Model")[0].removesuffix(" SOP Class")


def _negotiation(event: Event) -> str:
    match event.name:
        case "EVT_USER_ID":
            kinds = {1: "user name", 2: "user name and passcode", 3: "Kerberos", 4: "SAML", 5: "JWT"}
            kind = kinds.get(event.user_id_type, f"type {event.user_id_type}")
            if event.user_id_type in _USER_NAMES:
                return f"{bytes(event.primary_field or b'').decode('utf-8', 'replace')[:64]} ({kind})"
            return kind
        case "EVT_ASYNC_OPS":
            return f"{event.invoked} invoked, {event.performed} performed"
        case "EVT_SOP_EXTENDED":
            return " and ".join(_sop_class(str(uid)) for uid in list(event.app_info)[:_MOST_KEYS])
    return " and ".join(_sop_class(str(uid)) for uid in list(event.items)[:_MOST_KEYS])


def _about(name: str, request: Any) -> str:
    match name:
        case "EVT_C_MOVE":
            return f"to {request.MoveDestination}"
        case "EVT_N_ACTION":
            return f"action {request.ActionTypeID}"
        case "EVT_N_EVENT_REPORT":
            return f"event {request.EventTypeID}"
    return ""


def _keys(data: bytes, syntax: str) -> list[str]:
    """The level and the first keys of an identifier, if that is whole."""
    if not data or dsutils.encoding_of(syntax)[2]:
        return []
    try:
        identifier = dsutils.decode_in(data, syntax)
        parts = [str(identifier[_LEVEL].value)] if _LEVEL in identifier else []
        for tag in identifier.keys():  # noqa: SIM118 - iterating over the data set itself would decode all of it
            if len(parts) > _MOST_KEYS:
                break
            if int(tag) in _NO_KEYS or (element := identifier[tag]).VR == "SQ":
                continue
            text = "\\".join(texts_of(element))
            if text:
                parts.append(f"{keyword_for_tag(tag) or tag}={text}")
    except Exception:
        # pydicom answers damaged bytes with almost any exception; what is wrong is said by whoever answers.
        return []
    return parts


# data sets


class _AllButBulk:
    """The tags that rules may look at."""

    def __contains__(self, tag: object) -> bool:
        assert isinstance(tag, int)
        group = tag >> 16
        return tag not in _BULK and group not in _BULK_GROUPS and not (group in _OVERLAYS and tag & 0xFFFF == 0x3000)


_ALL_BUT_BULK: Container[int] = _AllButBulk()


def _decoded(data: bytes | Source, syntax: str) -> Dataset:
    """A data set without its bulk; its values are decoded when they are looked at.

    Raises:
        ValueError: It is damaged.
    """
    try:
        most = _MOST_ELEMENTS if isinstance(data, bytes) else None
        limits = {} if most is None else {"most_elements": most}
        scanned = scan(data, syntax, _ALL_BUT_BULK, most_inflated=LARGEST_READ, **limits)
    except DamagedDataSetError as error:
        raise ValueError(str(error)) from error
    try:
        return read_dataset(BytesIO(scanned.wanted_bytes), scanned.is_implicit, scanned.is_little_endian)
    except Exception as error:
        raise ValueError("It cannot be decoded.") from error


def _data_set_of(event: Event) -> Callable[[], Dataset | None]:
    """Gives the data set of a service request, also when its association is long over if it is small."""
    syntax = str(event.context.transfer_syntax)
    sink = getattr(event, "sink", None)
    if sink is not None:
        return lambda: _read_sink(sink, syntax)
    data = event.request.data
    if not data:
        return lambda: None
    if len(data) <= LARGEST_KEPT:
        kept = bytes(data)
        return lambda: _decoded(kept, syntax)
    size, asked = len(data), weakref.ref(event)

    def large() -> Dataset:
        still = asked()
        if still is None or still.request.data is None:
            raise ValueError(f"It had {size:,} bytes and was not kept.")
        if size > LARGEST_READ:
            raise ValueError(f"It has {size:,} bytes, which is too much to be looked at.")
        return _decoded(bytes(still.request.data), syntax)

    return large


def _read_sink(sink: Any, syntax: str) -> Dataset | None:
    """The object that went to a sink, from its file.

    Raises:
        ValueError: It was not kept, or is damaged.
    """
    path = getattr(sink, "path", None)
    if path is None:
        raise ValueError("The object was not kept.")
    try:
        try:
            head = part10.read_head(path)
            offset, syntax = head.offset, head.transfer_syntax_uid or syntax
        except part10.NotDicomFileError:
            # A sink may keep nothing but the data set.
            offset = 0
        with FileSource(Path(path), offset) as source:
            return _decoded(source, syntax)
    except OSError as error:
        raise ValueError("The object's file is not there any more.") from error
