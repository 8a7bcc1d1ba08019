"""What was negotiated: presentation contexts with their results in words, and what each side said about itself."""

from __future__ import annotations

from typing import Final, NamedTuple

from workstation.net.pdu import (
    ImplementationClassUID,
    ImplementationVersionName,
    MaximumLength,
    UserItem,
    find_item,
)
from workstation.traffic.text import printable

__all__ = ["ContextRow", "Side", "side_of"]

# PS3.8 Table 9-18
_RESULT_WORDS: Final = {
    0: "Accepted",
    1: "Rejected by the user",
    2: "Rejected: no reason given",
    3: "Rejected: abstract syntax not supported",
    4: "Rejected: transfer syntaxes not supported",
}


class ContextRow(NamedTuple):
    """A presentation context as it was proposed and answered; `result` is None as long as there is no answer."""

    context_id: int
    abstract_syntax: str
    proposed: tuple[str, ...]
    result: int | None = None
    transfer_syntax: str = ""

    @property
    def accepted(self) -> bool:
        """Whether data may flow on it."""
        return self.result == 0

    @property
    def result_text(self) -> str:
        """The answer in words."""
        if self.result is None:
            return "Not answered"
        return _RESULT_WORDS.get(self.result, f"Rejected: result {self.result}")


class Side(NamedTuple):
    """What one side said about itself in the User Information item."""

    maximum_length: int | None = None
    implementation_class_uid: str = ""
    implementation_version_name: str = ""


def side_of(items: tuple[UserItem, ...]) -> Side:
    """Read it from the sub-items of User Information."""
    length = find_item(items, MaximumLength)
    implementation = find_item(items, ImplementationClassUID)
    version = find_item(items, ImplementationVersionName)
    return Side(
        length.value if length is not None else None,
        printable(implementation.uid, 64) if implementation is not None else "",
        printable(version.name, 64) if version is not None else "",
    )
