"""An occasion: what a rule looks at when it is decided, and what a person reads of it afterwards. Values only.

Each request that arrives makes one, and hardly any is ever looked at: what takes long to find out is found out then.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_numbers = itertools.count(1)


def next_number() -> int:
    """Return the number of what arrives now."""
    return next(_numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """One association request, negotiation or service request that arrived.

    Attributes:
        event: Name of `rules.rule.EVENTS`.
        association: Number of the association, as in the traffic.
        sop_class: Of what the request is about; for print and UPS another than that of its presentation context.
        abstract_syntax: Of its presentation context.
        data_set: Gives the request's data set (Identifier, Attribute List, for C-STORE the object's attributes without
            pixels) or None; asked for only if a rule looks at keys. May raise ValueError for one that cannot be read.
        proposing: Of an association request or negotiation, which has no context yet: gives `proposed`.
        summing_up: Gives `summary`.
    """

    event: str
    association: int = 0
    calling: str = ""
    called: str = ""
    address: str = ""
    user: str = ""
    sop_class: str = ""
    abstract_syntax: str = ""
    transfer_syntax: str = ""
    sop_instance: str = ""
    message_id: int = 0
    proposing: Callable[[], tuple[tuple[str, str], ...]] = tuple
    data_set: Callable[[], Dataset | None] = lambda: None
    summing_up: Callable[[], str] = str
    time: float = field(default_factory=time.time)
    number: int = field(default_factory=next_number)

    @property
    def proposed(self) -> tuple[tuple[str, str], ...]:
        """The abstract syntaxes that the peer proposes, each with each of its transfer syntaxes."""
        return self.proposing()

    @property
    def summary(self) -> str:
        """One line for people, such as "C-FIND Study Root, STUDY, PatientName=DOE*"."""
        return self.summing_up()
