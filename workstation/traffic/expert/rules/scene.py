"""What the rules know of an association while they go through it: who is who, what was negotiated, what is pending.

One scene for each examination of a conversation; the rules read it, and those on requests and responses keep their
books here. It makes the notes, so that every text in one is safe to show.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from workstation.net.codec.pdu import (
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RQ,
    AsynchronousOperationsWindow,
    RoleSelection,
    SOPClassExtendedNegotiation,
    UserItem,
    find_item,
    find_items,
)
from workstation.net.uids import uid_name
from workstation.traffic.conversation import Conversation
from workstation.traffic.expert.explanations import Voice
from workstation.traffic.expert.rules.note import Note, Severity
from workstation.traffic.rows import MessageRow
from workstation.traffic.text import printable

__all__ = ["Asked", "Findings", "Scene", "named"]

Findings = Iterator[Note | None]
"""What a rule gives: notes, and None where the work may pause."""

_SAMPLES: Final = 1000


def named(uid: str) -> str:
    """A UID by its name, or itself."""
    return uid_name(uid) or printable(uid, 64) or "(no UID)"


@dataclass(slots=True)
class Asked:
    """A request that waits for its final response."""

    row: int
    name: str
    sop_class_uid: str
    context_id: int
    instance: str
    heard: float
    """When the request ended, or the last response to it."""
    responses: int = 0
    total: int | None = None
    """Sub-operations in all, as the first counts said."""
    counts: tuple[int | None, ...] = ()
    stores: int = 0
    """C-STORE sub-operations of a C-GET seen on this association."""
    cancelled: bool = False
    miscounted: bool = False
    """Whether a note on its counts was made."""


@dataclass(slots=True)
class _Flow:
    """What the larger data sets of one direction were sent in."""

    bytes: int = 0
    data_pdus: int = 0
    longest: int = 0


@dataclass(slots=True)
class Scene:
    """The state of an examination."""

    conversation: Conversation
    request: A_ASSOCIATE_RQ | None = None
    accept: A_ASSOCIATE_AC | None = None
    is_whole: bool = True
    """Whether everything from the first PDU on was seen; otherwise nothing is missed that is not there."""
    started: bool = False
    """Whether the A-ASSOCIATE-RQ was seen."""
    rejected: bool = False
    aborted: bool = False
    release_asked: bool = False
    released: bool = False
    messages: int = 0
    failures: int = 0
    outstanding: dict[tuple[bool, int], Asked] = field(default_factory=dict)
    used_ids: dict[tuple[bool, int], int] = field(default_factory=dict)
    flows: dict[bool, _Flow] = field(default_factory=lambda: {True: _Flow(), False: _Flow()})
    thinking: dict[str, list[float]] = field(default_factory=dict)
    failed_stores: dict[str, int] = field(default_factory=dict)
    last_time: float | None = None
    last_row: int | None = None
    data_sets: int = 0
    syntaxes_remarked: set[int] = field(default_factory=set)

    # ------------------------------------------------------------------- who
    @property
    def requestor_sends(self) -> bool:
        """The value of `sent` for what the requestor sends."""
        return self.conversation.mode != "acceptor"

    def is_requestor(self, sent: bool) -> bool:
        """Whether it was the requestor who sent this."""
        return sent == self.requestor_sends

    @property
    def requestor(self) -> str:
        """The requestor in a sentence."""
        return self._names()[0]

    @property
    def acceptor(self) -> str:
        """The acceptor in a sentence."""
        return self._names()[1]

    def sender(self, sent: bool) -> str:
        """Who sent it."""
        return self._names()[0 if self.is_requestor(sent) else 1]

    def receiver(self, sent: bool) -> str:
        """Who got it."""
        return self.sender(not sent)

    def voice(self, sent: bool) -> Voice:
        """For explanations of what somebody sent."""
        return Voice.of(self.sender(sent), self.receiver(sent))

    def _names(self) -> tuple[str, str]:
        calling, called = self.conversation.calling, self.conversation.called
        if not calling or not called or calling == called:
            return "the requestor", "the acceptor"
        return _quoted(calling), _quoted(called)

    # ------------------------------------------------------------------- what was negotiated
    def limit(self, sent: bool) -> int | None:
        """The maximum length that the receiver of this direction gave; 0 for no limit, None if it is not known."""
        conversation = self.conversation
        side = conversation.acceptor if self.is_requestor(sent) else conversation.requestor
        return side.maximum_length

    def window(self, sent: bool) -> int:
        """How many requests may be outstanding in a direction; 0 for any number (PS3.7 D.3.3.3)."""
        if self.accept is None:
            return 1
        item = find_item(self.accept.user_information, AsynchronousOperationsWindow)
        if item is None:
            return 1
        return item.invoked if self.is_requestor(sent) else item.performed

    def roles(self, sop_class_uid: str) -> tuple[bool, bool]:
        """Whether the requestor may be SCU and SCP of a SOP class (PS3.7 D.3.3.4)."""
        if self.request is None or self.accept is None:
            return True, True
        asked = _role(self.request.user_information, sop_class_uid)
        granted = _role(self.accept.user_information, sop_class_uid)
        if asked is None or granted is None:
            return True, False
        return asked.scu_role and granted.scu_role, asked.scp_role and granted.scp_role

    def relational(self, sop_class_uid: str) -> bool:
        """Whether relational queries or retrievals were agreed on (PS3.4 C.5)."""
        if self.accept is None:
            return False
        items = find_items(self.accept.user_information, SOPClassExtendedNegotiation)
        return any(item.sop_class_uid == sop_class_uid and item.application_information[:1] == b"\1" for item in items)

    def asked_of(self, row: MessageRow) -> Asked | None:
        """The request that a row answers, looked up anew."""
        at = self.conversation.index_of(row.request)
        if not row.request or not 0 <= at < len(self.conversation.rows):
            return None
        request = self.conversation.rows[at]
        instance = str(getattr(request.message, "AffectedSOPInstanceUID", None) or "")
        return Asked(
            request.number, request.name, request.sop_class_uid, request.context_id, instance, request.end_time
        )

    # ------------------------------------------------------------------- time
    def usual(self, name: str) -> float | None:
        """The median of what was thought about a kind of message, if it was often enough."""
        samples = self.thinking.get(name, [])
        return median(samples) if len(samples) >= 10 else None

    def learn(self, name: str, seconds: float) -> None:
        """Remember how long an answer took."""
        samples = self.thinking.setdefault(name, [])
        if len(samples) < _SAMPLES:
            samples.append(seconds)

    # ------------------------------------------------------------------- notes
    def note(
        self,
        severity: Severity,
        rule: str,
        title: str,
        sentence: str,
        *,
        row: MessageRow | int | None = None,
        key: str = "",
        evidence: str = "",
        clause: str = "",
        remedy: str = "",
        pdu: int | None = None,
        place: tuple[int, int] | None = None,
    ) -> Note:
        """A note on this association."""
        number = row.number if isinstance(row, MessageRow) else row
        offset, length = place if place is not None else (None, 0)
        return Note(
            severity=severity,
            rule=rule,
            key=key,
            title=printable(title, 160),
            sentence=printable(_sentence(sentence), 1000),
            evidence=printable(evidence, 500),
            clause=clause,
            remedy=printable(_sentence(remedy), 1000),
            conversation=self.conversation.number,
            row=number,
            pdu=pdu,
            offset=offset,
            length=length,
            rows=(number,) if number is not None else (),
        )


def _role(items: tuple[UserItem, ...], sop_class_uid: str) -> RoleSelection | None:
    return next((item for item in find_items(items, RoleSelection) if item.sop_class_uid == sop_class_uid), None)


def _quoted(title: str) -> str:
    """A title as it stands in a sentence: one with small letters or spaces is told apart from the words around it."""
    return title if title == title.upper() and " " not in title else f'"{title}"'


def _sentence(text: str) -> str:
    """With a capital at its beginning and a full stop at its end."""
    text = text.strip()
    if not text:
        return ""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?", "…")) else ".")
