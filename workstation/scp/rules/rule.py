"""What a rule is: when it applies and what it does then. Values only; nothing here looks at an association.

A rule's answer (built-in, a chosen status, ask the person, a script) and its fault (what is wrong with how the
answer leaves) are independent: a chosen status may be answered twice, a script's answer truncated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from types import MappingProxyType
from typing import Any, Literal

from workstation.net import events
from workstation.scp.rules.faults import FAULTS
from workstation.toml_values import check_whole

ASSOCIATION = "A-ASSOCIATE"
"""The event of an association request, before anything is negotiated."""

EVENTS: tuple[str, ...] = (ASSOCIATION, *(event.name for event in events.INTERVENTION_EVENTS))
NEGOTIATION_EVENTS = frozenset(event.name for event in events.NEGOTIATION_EVENTS)

EVENT_WORDS: Mapping[str, str] = MappingProxyType(
    {
        ASSOCIATION: "Association request",
        "EVT_USER_ID": "User identity",
        "EVT_ASYNC_OPS": "Asynchronous operations window",
        "EVT_SOP_EXTENDED": "SOP class extended negotiation",
        "EVT_SOP_COMMON": "SOP class common extended negotiation",
        "EVT_N_EVENT_REPORT": "N-EVENT-REPORT",
        **{
            event.name: event.name.removeprefix("EVT_").replace("_", "-")
            for event in events.SERVICE_EVENTS
            if event.name != "EVT_N_EVENT_REPORT"
        },
    }
)
"""Each event as people call it."""

AnswerKind = Literal["built-in", "status", "ask", "script"]
ANSWER_KINDS: tuple[AnswerKind, ...] = ("built-in", "status", "ask", "script")

MOST_SECONDS = 86_400.0
LONGEST_NAME = 200

_EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """When a rule applies: every condition that is given has to hold.

    Texts are compared without regard to leading and trailing spaces; `*` stands for any run of characters, `?` for
    one. AE titles, keys and UIDs are case-sensitive, names of SOP classes and transfer syntaxes are not.
    """

    events: tuple[str, ...] = ()
    """Names of `EVENTS`; empty for all."""
    calling: str = ""
    """Calling AE title."""
    called: str = ""
    """Called AE title."""
    address: str = ""
    """The peer's address or network: "10.1.2.3", "10.0.0.0/8", "fe80::/10"."""
    user: str = ""
    """Primary field of the user identity, as text."""
    sop_class: str = ""
    """Of the request (abstract syntax): its UID, or its name or keyword. Of an association request or negotiation: one
    that is proposed."""
    transfer_syntax: str = ""
    """Of the presentation context, or proposed in one: its UID, or its name or keyword."""
    keys: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    """Elements of the request's data set, by keyword or "gggg,eeee", those in sequences with dots between
    ("ScheduledProcedureStepSequence.Modality"): value. "" matches what is empty or absent."""
    every: int = 1
    """Only every nth occasion that fulfils all conditions above."""
    first: int = 0
    """Only the first n of these; 0 for no limit."""
    probability: float = 1.0
    """Of these by chance, 0 to 1."""

    def __post_init__(self) -> None:
        for event in self.events:
            if event not in EVENTS:
                raise ValueError(f"There is no event {event!r}: give one of {', '.join(EVENTS)}.")
        if self.address:
            try:
                ip_network(self.address, strict=False)
            except ValueError:
                raise ValueError(
                    f"{self.address!r} is no address or network, such as 10.1.2.3, 10.0.0.0/8 or fe80::/10."
                ) from None
        for key in self.keys:
            check_key(key)
        check_whole(self.every, "Every nth", 1, 1_000_000)
        check_whole(self.first, "The first n", 0, 1_000_000)
        if isinstance(self.probability, bool) or not isinstance(self.probability, int | float):
            raise ValueError(f"The probability is {self.probability!r}: give a number from 0 to 1.")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"The probability is {self.probability!r}: give a number from 0 to 1.")
        object.__setattr__(self, "events", tuple(self.events))
        object.__setattr__(self, "keys", MappingProxyType(dict(self.keys)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong on purpose with how an answer leaves: a kind of `FAULTS`, and values of its parameters."""

    kind: str
    values: Mapping[str, Any] = field(default_factory=lambda: _EMPTY)

    def __post_init__(self) -> None:
        spec = FAULTS.get(self.kind)
        if spec is None:
            raise ValueError(f"There is no fault {self.kind!r}: give one of {', '.join(FAULTS)}.")
        object.__setattr__(self, "values", MappingProxyType(spec.checked(self.values)))

    def __getitem__(self, name: str) -> Any:
        """The value of a parameter; its default where nothing was given."""
        return self.values[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What a rule does."""

    answer: AnswerKind = "built-in"
    status: int = 0
    """Answered when `answer` is "status" (services)."""
    comment: str = ""
    """Error Comment that goes with the status."""
    offending: tuple[int, ...] = ()
    """Tags of Offending Element (C services) or Attribute Identifier List (N services)."""
    data_sets: tuple[str, ...] = ()
    """Files, .dcm or DICOM JSON, answered with the status: one Pending response each for C-FIND, the reply otherwise.
    Relative to the profile's file. In their texts each `@` becomes a random digit."""
    keep: bool = False
    """C-STORE: the object is stored although the status is a failure, or not Success or Warning."""
    negotiation: Mapping[str, Any] = field(default_factory=lambda: _EMPTY)
    """With `answer` "status", for the negotiation events: `NEGOTIATION_VALUES`."""
    script: str = ""
    """Python file, relative to the profile's file, when `answer` is "script"."""
    function: str = ""
    """The script's handler; empty for the one that its event is bound to there."""
    before: float = 0.0
    """Seconds to wait before the answer."""
    between: float = 0.0
    """Seconds to wait between the responses of one answer."""
    after: float = 0.0
    """Seconds to wait before the final response, after all others."""
    fault: Fault | None = None

    def __post_init__(self) -> None:
        if self.answer not in ANSWER_KINDS:
            raise ValueError(f"The answer is {self.answer!r}: give one of {', '.join(ANSWER_KINDS)}.")
        check_whole(self.status, "The status", 0, 0xFFFF)
        for name in ("before", "between", "after"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_SECONDS:
                raise ValueError(f"The delay {name!r} is {value!r}: give seconds, 0 to {MOST_SECONDS:.0f}.")
        for tag in self.offending:
            check_whole(tag, "An offending element", 0, 0xFFFFFFFF)
        for name, value in self.negotiation.items():
            if name not in NEGOTIATION_VALUES:
                raise ValueError(f"There is no {name!r} to negotiate: give one of {', '.join(NEGOTIATION_VALUES)}.")
            if not _is_negotiable(name, value):
                raise ValueError(f"{name!r} is {value!r}: {NEGOTIATION_VALUES[name][1]}")
        if self.answer == "script" and not self.script:
            raise ValueError("A script is asked for, but no file is named.")
        object.__setattr__(self, "offending", tuple(self.offending))
        object.__setattr__(self, "data_sets", tuple(self.data_sets))
        object.__setattr__(self, "negotiation", MappingProxyType(dict(self.negotiation)))


NEGOTIATION_VALUES: Mapping[str, tuple[type | tuple[type, ...], str]] = MappingProxyType(
    {
        "verified": (bool, "give true if the user is let in (User identity)."),
        "response": (str, "give the server response in hexadecimal (User identity)."),
        "invoked": (int, "give the operations that the peer may invoke at once (Asynchronous operations window)."),
        "performed": (int, "give the operations that the peer may perform at once (Asynchronous operations window)."),
        "answers": (dict, "give SOP Class UIDs with application information in hexadecimal (extended negotiation)."),
        "accepted": (list, "give the SOP Class UIDs that are accepted (common extended negotiation)."),
    }
)
"""What a chosen answer to a negotiation event can say, with its type and words for it."""


def _is_negotiable(name: str, value: Any) -> bool:
    if not isinstance(value, NEGOTIATION_VALUES[name][0]):
        return False
    match value:
        case bool():
            return name == "verified"
        case int():
            return 0 <= value <= 0xFFFF
        case str():
            return _is_hexadecimal(value)
        case dict():
            return all(isinstance(uid, str) and _is_hexadecimal(info) for uid, info in value.items())
        case list():
            return all(isinstance(uid, str) for uid in value)
    return False


def _is_hexadecimal(value: Any) -> bool:
    try:
        bytes.fromhex(value)
    except (ValueError, TypeError):
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the list: a name, when, and what."""

    name: str
    enabled: bool = True
    comment: str = ""
    match: Match = field(default_factory=Match)
    action: Action = field(default_factory=Action)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ValueError("A rule needs a name.")
        if len(self.name) > LONGEST_NAME:
            raise ValueError(f"A rule's name has more than {LONGEST_NAME} characters.")

    def renamed(self, name: str) -> Rule:
        """The same rule by another name."""
        return replace(self, name=name)


_TAG = re.compile(r"\(?([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)?")


def check_key(key: str) -> int:
    """The tag of a keyword or "gggg,eeee"; of several with dots between, the last one's.

    Raises:
        ValueError: It is neither.
    """
    return check_path(key)[-1]


def check_path(key: str) -> tuple[int, ...]:
    """The tags of a keyword or "gggg,eeee", or of several with dots between: the sequences that it is in come first.

    Raises:
        ValueError: One is neither.
    """
    from pydicom.datadict import tag_for_keyword

    tags: list[int] = []
    for part in str(key).split("."):
        found = _TAG.fullmatch(part.strip())
        tag = int(found[1] + found[2], 16) if found else tag_for_keyword(part.strip())
        if tag is None:
            raise ValueError(f"{part!r} is no keyword of an element, and no tag like 0010,0020.")
        tags.append(int(tag))
    return tuple(tags)
