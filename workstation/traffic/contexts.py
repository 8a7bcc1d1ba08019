"""What was negotiated: presentation contexts with their results in words, and what each side said about itself."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from workstation.net.codec.pdu import (
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RQ,
    ImplementationClassUID,
    ImplementationVersionName,
    MaximumLength,
    UserItem,
    decode_pdu,
    find_item,
)
from workstation.traffic.text import printable

__all__ = ["Answer", "ContextRow", "Proposal", "Side", "read_association"]

# Larger ones are an attack or a curiosity, and not worth being remembered.
_REMEMBERED_LENGTH = 32 << 10

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


class Proposal(NamedTuple):
    """What an A-ASSOCIATE-RQ says."""

    calling: str
    called: str
    side: Side
    contexts: tuple[ContextRow, ...]


class Answer(NamedTuple):
    """What an A-ASSOCIATE-AC says; of each context its ID, result and transfer syntax."""

    side: Side
    results: tuple[tuple[int, int, str], ...]


def read_association(data: bytes) -> Proposal | Answer:
    """Read an A-ASSOCIATE-RQ or -AC.

    A request with 128 contexts takes milliseconds, and the same bytes come again: at the other end of an association
    within this process, and with each association of the same peer. So the last ones are remembered.

    Raises:
        RemoteProtocolError: It cannot be decoded.
    """
    return _read_remembered(data) if len(data) <= _REMEMBERED_LENGTH else _read(data)


def _read(data: bytes) -> Proposal | Answer:
    pdu = decode_pdu(data)
    if isinstance(pdu, A_ASSOCIATE_RQ):
        contexts = tuple(
            ContextRow(
                context.context_id,
                printable(context.abstract_syntax, 64),
                tuple(printable(uid, 64) for uid in context.transfer_syntaxes),
            )
            for context in pdu.presentation_contexts
        )
        calling, called = (printable(title.strip(), 64) for title in (pdu.calling_ae_title, pdu.called_ae_title))
        return Proposal(calling, called, _side_of(pdu.user_information), contexts)
    if not isinstance(pdu, A_ASSOCIATE_AC):
        raise ValueError(f"a {type(pdu).__name__} negotiates nothing")
    return Answer(
        _side_of(pdu.user_information),
        tuple(
            (context.context_id, int(context.result), printable(context.transfer_syntax, 64))
            for context in pdu.presentation_contexts
        ),
    )


_read_remembered = lru_cache(maxsize=64)(_read)


def _side_of(items: tuple[UserItem, ...]) -> Side:
    length = find_item(items, MaximumLength)
    implementation = find_item(items, ImplementationClassUID)
    version = find_item(items, ImplementationVersionName)
    return Side(
        length.value if length is not None else None,
        printable(implementation.uid, 64) if implementation is not None else "",
        printable(version.name, 64) if version is not None else "",
    )
