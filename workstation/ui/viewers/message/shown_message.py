"""The message or PDU that is selected, as decoded fields and as bytes, each marking what the other is at.

Decodes when it is told to; knows nothing of lists and associations.
"""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, Signal

from workstation.net.codec.field import Field
from workstation.traffic.decoding.dissect import Dissection, dissect
from workstation.traffic.rows import MessageRow, PduRow
from workstation.traffic.text import printable, quantity
from workstation.ui.parts.empty_state import EmptyState
from workstation.ui.parts.repainting import Repainting
from workstation.ui.theme import Theme
from workstation.ui.viewers.message.bytes_view import BytesView
from workstation.ui.viewers.message.decoded_view import DecodedView
from workstation.ui.viewers.message.field_model import value_text


class ShownMessage(QObject):
    """Owns the panes Decoded and Bytes.

    Args:
        theme: Colours.
    """

    changed = Signal()
    """Another row, or more of it, is shown."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.decoded = DecodedView(theme)
        self.bytes = BytesView(theme, self._describe)
        self._empty = EmptyState(self.bytes, theme, "Nothing selected", "Select a message or a PDU to see its bytes.")
        self._repainting = (Repainting(self.decoded.viewport()), Repainting(self.bytes.viewport()))
        self._row: MessageRow | PduRow | None = None
        self._fingerprint: tuple[object, ...] = ()
        self._dissection: Dissection | None = None
        self.seconds = 0.0
        """How long decoding took the last time."""
        self.decoded.field_chosen.connect(self._mark)
        self.bytes.byte_selected.connect(self._on_byte)

    @property
    def row(self) -> MessageRow | PduRow | None:
        """What is shown."""
        return self._row

    @property
    def dissection(self) -> Dissection | None:
        """What the decoded tree and the bytes show."""
        return self._dissection

    def show(self, row: MessageRow | PduRow | None, *, keep: bool = False) -> None:
        """Show a row; `keep` opens and selects again what was open and selected."""
        start = time.monotonic()
        self._row = row
        self._fingerprint = _fingerprint(row) if row is not None else ()
        self._dissection = dissection = dissect(row) if row is not None else None
        self.decoded.set_dissection(dissection, keep=keep)
        self._empty.show_when(dissection is None)
        name = row.name if row is not None else ""
        self.decoded.setWindowTitle(f"Decoded {name}" if name else "Decoded")
        self.bytes.setWindowTitle(f"Bytes of {name}" if name else "Bytes")
        if dissection is None:
            self.bytes.set_bytes(b"")
        else:
            missing = dissection.length - len(dissection.data)
            note = f"{quantity(missing, 'further byte')} not kept or not arrived yet." if missing > 0 else ""
            self.bytes.set_bytes(dissection.data, note, (segment.start for segment in dissection.segments))
        self.seconds = time.monotonic() - start
        self.changed.emit()

    def calm(self) -> None:
        """What comes now is no person's choice: the panes are painted in their turns."""
        for each in self._repainting:
            each.hold()

    def refresh(self) -> None:
        """More of the row shown may have arrived, or some of its bytes were let go."""
        if self._row is not None and _fingerprint(self._row) != self._fingerprint:
            self.calm()
            offset = self.bytes.cursor_offset
            self.show(self._row, keep=True)
            if offset >= 0 and self.decoded.current_path():
                self._mark(self.decoded.current_path())

    def go_to_bytes(self, offset: int, length: int) -> None:
        """Show a place: the field that it lies in, and exactly these bytes marked."""
        if self._dissection is None:
            return
        path = self._dissection.path_at(offset)
        if path:
            self.decoded.select_path(path)
        self.bytes.mark([(offset, length)])

    # --- field and byte --------------------------------------------------------------------------------------------

    def _mark(self, path: tuple[int, ...]) -> None:
        """The person went to a field: mark its bytes, and faintly those of what it stands in."""
        dissection = self._dissection
        field = dissection.field(path) if dissection is not None else None
        if dissection is None or field is None:
            return
        around = dissection.field(path[:-1]) if len(path) > 2 else None
        self.bytes.mark([_span(field)], [_span(around)] if around is not None else [])

    def _on_byte(self, offset: int) -> None:
        """The person went to a byte: select the field that it belongs to."""
        if self._dissection is None:
            return
        path = self._dissection.path_at(offset)
        if path:
            self.decoded.select_path(path)
            self._mark(path)

    def _describe(self, offset: int) -> str:
        dissection = self._dissection
        if dissection is None:
            return ""
        field = dissection.field_at(offset)
        place = dissection.locate(offset)
        lines = []
        if field is not None:
            lines.append(f"{printable(field.name)}: {value_text(field)}".rstrip(": "))
        if place is not None:
            lines.append(f"PDU {place[0]}, its byte 0x{place[1]:04x}")
        return "\n".join(lines)


def _span(field: Field) -> tuple[int, int]:
    return field.offset, field.length


def _fingerprint(row: MessageRow | PduRow) -> tuple[object, ...]:
    """Changes when there is more, or less, to decode."""
    if isinstance(row, PduRow):
        message = row.message
        return (len(row.data), message is not None and message.complete, message.problem if message is not None else "")
    kept = sum(len(pdu.data) for pdu in row.pdus)
    return (len(row.pdus), kept, row.complete, row.problem, row.transfer_syntax)
