"""The log of servers without a window: plain lines, and one line for many messages that say the same.

A line for each message of a thousand objects is read by nobody and takes longer than answering them. So messages that
are as expected are counted, and told with the next line or by `tell`; a request that asks for something, and a response
that is no success, has its line at once. What exactly was said is in a capture.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from workstation.net import events
from workstation.net.codec.dimse import C_ECHO_RQ, C_STORE_RQ, Message, Response
from workstation.net.default_logging import MESSAGES, message_line, message_text, named
from workstation.net.events import Event, EventHandler
from workstation.net.status import status_text

_log = logging.getLogger(__name__)

_MOST = 100  # different messages that wait to be told
_PLAIN_REQUESTS = frozenset({C_ECHO_RQ, C_STORE_RQ})
_PLAIN_STATUSES = frozenset({0x0000, 0xFF00, 0xFF01})
# All that could steer a terminal or begin a line: texts of peers stand in the log.
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BREAK = re.compile(r"\n(?! )")

# Association, direction, class of the message, SOP class, status.
_Key = tuple[int, str, type[Message], str | None, int | None]


@dataclass(slots=True)
class _Counted:
    """Messages that say the same: the line of the first, and how many they are."""

    first: str
    number: int = 1


class PlainFormatter(logging.Formatter):
    """Lines in which nobody can forge another line, or speak to the terminal: what follows a line break is indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        text = _UNSAFE.sub(lambda found: f"\\x{ord(found[0]):02x}", super().format(record))
        return _BREAK.sub("\n    ", text)


class MessageLog(logging.StreamHandler[TextIO]):
    """Writes lines, and counts messages meanwhile; from any thread."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.setFormatter(PlainFormatter("%(asctime)s %(levelname)-7s %(message)s"))
        self._counted: dict[_Key, _Counted] = {}  # guarded by the handler's lock

    def handlers(self) -> list[EventHandler]:
        """What counts; for `AE.start_server`."""
        return [(events.EVT_DIMSE_RECV, self._received), (events.EVT_DIMSE_SENT, self._sent)]

    def tell(self) -> None:
        """Write what was counted."""
        self.acquire()
        try:
            self._tell()
        finally:
            self.release()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, after what was counted before it."""
        self._tell()
        super().emit(record)

    def _received(self, event: Event) -> None:
        self._note(event, "received")

    def _sent(self, event: Event) -> None:
        self._note(event, "sent")

    def _note(self, event: Event, direction: str) -> None:
        message: Message = event.message
        kind = type(message)
        status: int | None = None
        if isinstance(message, Response):
            status = message.Status
            is_plain = status in _PLAIN_STATUSES
        else:
            is_plain = kind in _PLAIN_REQUESTS
        if not is_plain:
            _log.info("%s", message_text(event, direction))
            return
        key = event.assoc.number, direction, kind, getattr(message, "AffectedSOPClassUID", None), status
        self.acquire()
        try:
            counted = self._counted.get(key)
            if counted is None:
                self._counted[key] = _Counted(message_line(message))
                if len(self._counted) > _MOST:
                    self._tell()
            else:
                counted.number += 1
        finally:
            self.release()

    def _tell(self) -> None:
        """With the lock."""
        if not self._counted:
            return
        told, self._counted = self._counted, {}
        for (association, direction, kind, sop_class, status), counted in told.items():
            line = counted.first
            if counted.number > 1:
                line = f"{counted.number} {kind.__name__.replace('_', '-')}"
                if sop_class:
                    line += f", {named(sop_class)}"
                if status is not None:
                    line += f", status {status_text(status)}"
            text = f"Association {association}: {direction} {line}"
            super().emit(_log.makeRecord(_log.name, logging.INFO, __file__, 0, text, (), None))


@contextmanager
def message_log() -> Iterator[MessageLog]:
    """The program's log on standard output."""
    logger = logging.getLogger("workstation")
    log = MessageLog(sys.stdout)
    levels = logger.level, MESSAGES.level
    logger.addHandler(log)
    logger.setLevel(logging.INFO)
    MESSAGES.setLevel(logging.WARNING)  # they are told here
    try:
        yield log
    finally:
        log.tell()
        logger.removeHandler(log)
        logger.setLevel(levels[0])
        MESSAGES.setLevel(levels[1])
