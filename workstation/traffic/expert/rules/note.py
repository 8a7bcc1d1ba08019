"""One expert note: what is remarkable, where it is, which clause says so, and what usually helps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = ["Note", "Severity"]


class Severity(IntEnum):
    """How much a note matters."""

    REMARK = 0
    """Worth knowing; nothing is wrong by itself."""
    WARNING = 1
    """Likely to give trouble, or against the standard without having done harm here."""
    ERROR = 2
    """Something failed, or breaks the standard so that it will fail with others."""

    @property
    def word(self) -> str:
        """The severity as a word."""
        return self.name.lower()

    @property
    def sign(self) -> str:
        """A sign that stands before the word."""
        return "·▲✕"[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note; all texts are plain and bounded, whatever a peer wrote.

    Attributes:
        rule: which rule found it, "uid-padded".
        key: what tells notes of one rule apart; notes of the same rule and key are one with a `count`.
        title: a few words for a list.
        sentence: the whole of it.
        evidence: what was seen: a value, bytes, codes.
        clause: of the standard, "PS3.8 9.3.4".
        remedy: what usually helps.
        conversation: number of the association.
        row: number of the message that shows it (the first one).
        pdu: number of the PDU in which `offset` counts; None if it counts in the dissection of the row.
        offset, length: the bytes that show it; None if no bytes do.
        count: how often it was found.
        rows: the messages that show it, the first hundred of them.
    """

    severity: Severity
    rule: str
    title: str
    sentence: str
    conversation: int
    key: str = ""
    evidence: str = ""
    clause: str = ""
    remedy: str = ""
    row: int | None = None
    pdu: int | None = None
    offset: int | None = None
    length: int = 0
    count: int = 1
    rows: tuple[int, ...] = ()
