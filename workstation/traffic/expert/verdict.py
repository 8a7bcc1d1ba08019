"""One explanation of a failure: which layer, what happened, the evidence, and what usually fixes it.

Made by who asks for something (`scu`) and by who only looks on (`experts`). Knows neither.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum

__all__ = ["LONGEST_PART", "Layer", "Verdict", "one_line"]

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
class Verdict:
    """An explained failure: plain text whatever the peer said, each part one line of bounded length."""

    layer: Layer
    what: str
    """What happened, one sentence."""
    evidence: str = ""
    """What was seen: a code, a system's message, the first bytes."""
    remedy: str = ""
    """What usually fixes it, a sentence or two."""
    row: int | None = None
    """The number of the message that shows it, where traffic was looked at."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, str):
                object.__setattr__(self, each.name, one_line(value, LONGEST_PART))

    @property
    def sentence(self) -> str:
        """The whole explanation in one line."""
        what = self.what.rstrip(".")
        evidence = f" ({self.evidence.rstrip('.')})" if self.evidence else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{self.layer.value}: {what}{evidence}.{remedy}"

    def __str__(self) -> str:
        return self.sentence


def one_line(text: str, limit: int = 120) -> str:
    """Text of the peer's with control characters made visible, and of bounded length."""
    shown = "".join(character if character.isprintable() else "·" for character in text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
