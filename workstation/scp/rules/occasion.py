"""An occasion: what a rule looks at when it is decided, and what a person reads of it afterwards. Values only."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pydicom.dataset import Dataset

_numbers = itertools.count(1)


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
        proposed: Of an association request or negotiation, which has no context yet: the abstract syntaxes that the
            peer proposes, each with each of its transfer syntaxes.
        summary: One line for people, such as "C-FIND Study Root, STUDY, PatientName=DOE*".
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
    proposed: tuple[tuple[str, str], ...] = ()
    data_set: Callable[[], Dataset | None] = lambda: None
    summary: str = ""
    time: float = field(default_factory=time.time)
    number: int = field(default_factory=lambda: next(_numbers))
