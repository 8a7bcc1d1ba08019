"""How a failure is told to a person: which layer, what happened, the evidence, and what usually fixes it.

One `Failure` is one explanation. The modules `explain_transport`, `explain_association` and `outcome` make them.
"""

from __future__ import annotations

from workstation.net.uids import uid_name
from workstation.traffic.expert.verdict import LONGEST_PART, Layer
from workstation.traffic.expert.verdict import Verdict as Failure
from workstation.traffic.expert.verdict import one_line as printable

__all__ = ["CANCELLED", "LONGEST_PART", "Failure", "Layer", "named", "printable"]


def named(uid: str) -> str:
    """A UID with its name, for a sentence."""
    name = uid_name(uid)
    return f"{name} ({uid})" if name else uid or "(no UID)"


CANCELLED = Failure(Layer.LOCAL, "Cancelled before it was done")
