"""How a failure is told to a person: which layer, what happened, the evidence, and what usually fixes it.

One `Failure` is one explanation. The modules `explain_transport`, `explain_association` and `outcome` make them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum

from workstation.net.uids import uid_name

LONGEST_PART = 512
"""Characters. Paths and lists of transfer syntaxes are long, too."""


class Layer(Enum):
    """Where it failed, from the wire up; the value is how a person reads it."""

    TCP = "TCP"
    TLS = "TLS"
    ASSOCIATION = "Association"
    CONTEXT = "Presentation context"
    SYNTAX = "Transfer syntax"
    STATUS = "Status"
    FILE = "File"
    LOCAL = "This program"


@dataclass(frozen=True, slots=True)
class Failure:
    """An explained failure: plain text whatever the peer said, each part one line of bounded length."""

    layer: Layer
    what: str
    """What happened, one sentence."""
    evidence: str = ""
    """What was seen: a code, a system's message, the first bytes."""
    remedy: str = ""
    """What usually fixes it, a sentence or two."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, str):
                object.__setattr__(self, each.name, printable(value, LONGEST_PART))

    @property
    def sentence(self) -> str:
        """The whole explanation in one line."""
        what = self.what.rstrip(".")
        evidence = f" ({self.evidence.rstrip('.')})" if self.evidence else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{self.layer.value}: {what}{evidence}.{remedy}"

    def __str__(self) -> str:
        return self.sentence


def named(uid: str) -> str:
    """A UID with its name, for a sentence."""
    name = uid_name(uid)
    return f"{name} ({uid})" if name else uid or "(no UID)"


def printable(text: str, limit: int = 120) -> str:
    """Text of the peer's with control characters made visible, and of bounded length."""
    shown = "".join(character if character.isprintable() else "·" for character in text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


CANCELLED = Failure(Layer.LOCAL, "Cancelled before it was done")
