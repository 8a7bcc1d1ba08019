"""Queries (PS3.7 section 9.1.2): C-FIND, of whatever service class."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset

from workstation.net import data_sets
from workstation.net.codec.dimse import Message, encode_command
from workstation.net.operations.common import SUCCESS, Answers, Asked, HandlerError
from workstation.net.services.query_retrieve import LIMIT_REACHED, REPOSITORY_QUERY

if TYPE_CHECKING:
    pass

_log = logging.getLogger("workstation.net.operations")
UNHANDLED = 0xC311
CANNOT_ENCODE = 0xC312
UNDECODABLE = 0xC310


def perform(asked: Asked) -> None:
    """Answer a C-FIND-RQ: a Pending response for each match, then a final one without Identifier."""
    if not asked.request.has_data_set:
        asked.respond(UNDECODABLE, ErrorComment="The request has no Identifier")
        return
    answers: Answers | None = None
    try:
        answers = Answers(asked)
        if _matches(asked, answers) and asked.alive:
            asked.respond(SUCCESS)
    except HandlerError:
        if asked.alive:
            asked.respond(asked.failure(UNHANDLED, UNDECODABLE, "identifier"))
    finally:
        if answers is not None:
            answers.close()


def _matches(asked: Asked, answers: Answers) -> bool:
    """Send what the handler gives; whether a final Success is still due."""
    most = asked.service_class.most_matches
    matches = 0
    is_due = True
    again = _Again(asked)
    for item in answers:
        if not asked.alive:
            return False
        status, identifier = _pair(item)
        if not _is_pending(status):
            if asked.respond(status) == "Pending":
                continue
            # a script may say Success after a Repository Query's warning, and some clients wait for it
            if not (_code(status) == LIMIT_REACHED and asked.context.abstract_syntax == REPOSITORY_QUERY):
                return False
            is_due = False
            continue
        if not _match(again, status, identifier):
            return False
        matches += 1
        if matches == most:
            return True  # whatever the handler has besides
    return is_due


class _Again:
    """Pending responses, one after the other: what they have in common is made and encoded once.

    Args:
        asked: Who asked.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self._status: int | None = None
        self._response: Message | None = None
        self._command = b""

    def respond(self, status: Any, identifier: bytes) -> None:
        """Send one."""
        if self._response is not None and type(status) is int and status == self._status:
            again = self._response
            assoc = self.asked.assoc
            assoc.send_encoded(
                again.context_id, self._command, lambda: again.with_data(identifier), identifier, more=True
            )
            assoc.run_notifications()
            return
        self.asked.respond(status, identifier)
        if type(status) is int:
            self._status = status
            self._response = self.asked.response(status, identifier)
            self._command = encode_command(self._response)


def _match(again: _Again, status: Any, identifier: Any) -> bool:
    """Send one match; whether more may follow."""
    asked = again.asked
    encoded: bytes | None = None
    if isinstance(identifier, Dataset | data_sets.EncodedDataSet):
        try:
            encoded = data_sets.encode_for(identifier, asked.context)
        except ValueError as error:
            _log.error("%s: the Identifier of a match cannot be sent: %s", asked.assoc.name, error)
    else:
        _log.error("%s: a Pending response to a C-FIND needs an Identifier", asked.assoc.name)
    if encoded is None:
        asked.respond(CANNOT_ENCODE)
        return False
    again.respond(status, encoded)
    return True


def _pair(item: Any) -> tuple[Any, Any]:
    """A handler's item as (status, identifier); a bare status has no identifier."""
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    return item, None


def _code(status: Any) -> Any:
    return status.get("Status") if isinstance(status, Dataset) else status


def _is_pending(status: Any) -> bool:
    return isinstance(status, int | Dataset) and _code(status) in (0xFF00, 0xFF01)
