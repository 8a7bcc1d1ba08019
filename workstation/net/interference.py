"""Where something may reach between an association and its wire, to misbehave on purpose.

Exists for test servers, which have to show a peer what a broken one does. Nothing of `net` uses it: an association's
`interference` is None, and then costs one look at it a message. What leaves instead is what everybody hears of:
the notification events tell the bytes that were really sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from workstation.net.codec.dimse import Message
from workstation.net.codec.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ
from workstation.net.shell.hindrance import Alter

AnswerLeaves = Callable[[A_ASSOCIATE_AC | A_ASSOCIATE_RJ, Alter | None], None]


class Interference(Protocol):
    """Asked by an association in place of sending; called without locks, in the thread that would send.

    Both may let things leave as they are, otherwise, several times or not at all, and may end the association.
    """

    def answer(self, answer: A_ASSOCIATE_AC | A_ASSOCIATE_RJ, leaves: AnswerLeaves) -> None:
        """The answer to the peer's association request is ready.

        Args:
            answer: It.
            leaves: Sends an answer, its PDU altered by the second argument. Without a call the peer gets none.
        """

    def send(self, message: Message, data: Any) -> None:
        """A DIMSE message is to be sent: `Association.send_undisturbed` does.

        Args:
            message: It.
            data: As for `Association.send`.
        """
