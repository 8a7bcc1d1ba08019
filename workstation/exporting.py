"""Captures read and written without a window: what `--open` with `--export` and `--export-objects` does.

The result goes to files; what could not be read or written is said in sentences on standard error. Never imports Qt.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path

from workstation.cli import Options
from workstation.traffic.capture.export import JsonWriter, PassingLog, complete_at_front, let_go, pdu_object
from workstation.traffic.capture.reading import CaptureError, read_capture
from workstation.traffic.capture.whole_file import GivenUp, whole_file
from workstation.traffic.conversation import Conversation
from workstation.traffic.decoding.objects import export_objects
from workstation.traffic.rows import PduRow
from workstation.traffic.text import quantity

__all__ = ["export"]

# Bytes of an association that wait before its complete objects are written.
_WAITING_BYTES = 64 << 20
_MAX_PROBLEMS = 200


def export(options: Options) -> int:
    """Write what was asked for; returns the exit status: 0 if anything could be read, else 1."""
    found = False
    try:
        if options.export is not None:
            found |= _written(options.export, lambda path: _export_pdus(options.open, path))
        if options.export_objects is not None:
            found |= _written(options.export_objects, lambda path: _export_objects(options.open, path))
    except KeyboardInterrupt:
        _say("Interrupted.")
        return 130  # as a shell says of a program that Ctrl+C ended
    return 0 if found else 1


def _written(target: Path, write: Callable[[Path], bool]) -> bool:
    try:
        return write(target)
    except OSError as error:
        _say(f"{target} cannot be written: {error.strerror or error}.")
        return False


# --------------------------------------------------------------------------- PDUs
def _export_pdus(captures: Sequence[Path], target: Path) -> bool:
    """Write the JSON; whether there was a PDU. There is no file when no capture could be read at all."""
    readable = 0
    try:
        with whole_file(target) as file:
            writer = JsonWriter(file)
            associations = 0
            for capture in captures:
                log = PassingLog(_pdu_writer(writer, associations, str(capture) if len(captures) > 1 else ""))
                readable += _read(capture, log)
                associations += max(log.seen, default=0)
            if not readable:
                raise GivenUp
            writer.end()
    except GivenUp:
        return False
    return writer.count > 0


def _pdu_writer(writer: JsonWriter, before: int, source: str) -> Callable[[Conversation, PduRow], None]:
    def add(conversation: Conversation, pdu: PduRow) -> None:
        one = pdu_object(conversation, pdu, before + conversation.number)
        writer.add({"file": source, **one} if source else one)
        let_go(conversation, pdu)

    return add


# --------------------------------------------------------------------------- objects
def _export_objects(captures: Sequence[Path], folder: Path) -> bool:
    """Write the objects; whether there was one, new or known."""
    objects = _Objects(folder)
    for capture in captures:
        log = PassingLog(objects.look, objects.end)
        _read(capture, log)
        log.end()
    objects.say()
    return objects.found > 0


class _Objects:
    """Writes the objects of associations while these are read, so that only those under way are in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = 0
        self._problems: list[str] = []
        self._further = 0
        self.found = 0

    def look(self, conversation: Conversation, pdu: PduRow) -> None:
        if conversation.kept_bytes > _WAITING_BYTES:
            self._write(conversation, complete_at_front(conversation))

    def end(self, conversation: Conversation) -> None:
        self._write(conversation, len(conversation.rows))

    def _write(self, conversation: Conversation, count: int) -> None:
        if not count:
            return
        part = copy(conversation)
        part.rows = conversation.rows[:count]
        exported = export_objects([part], self._folder)
        conversation.trim(count)
        self._files += exported.files
        self.found += exported.files + exported.duplicates
        room = _MAX_PROBLEMS - len(self._problems)
        self._problems += exported.problems[:room]
        self._further += max(len(exported.problems) - room, 0)

    def say(self) -> None:
        _say(*self._problems)
        if self._further:
            _say(f"{quantity(self._further, 'more object')} not exported.")
        if not self.found:
            _say("No DICOM object was found.")


# --------------------------------------------------------------------------- both
def _read(capture: Path, log: PassingLog) -> bool:
    """Read a capture through; whether it could be read, and say what could not."""
    try:
        report = read_capture(capture, log, progress=lambda done, total: None, cancelled=lambda: False)
    except CaptureError as error:
        _say(str(error))
        return False
    _say(*(f"{capture}: {problem}" for problem in report.problems))
    if not log.pdus:
        _say(f"{capture}: there is no DICOM PDU in it.")
    return True


def _say(*sentences: str) -> None:
    for sentence in sentences:
        print(sentence, file=sys.stderr)
