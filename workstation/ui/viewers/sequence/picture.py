"""The drawing of a sequence diagram: heads, lifelines, arrows, words, for a stretch of lines.

Draws with any painter, so the pane, a picture file and an SVG look the same. Only the lines asked for are touched.
What a colour says is also said by a sign, a word or the kind of line: requests are solid with a filled head, responses
dashed with an open one, connections dotted.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Listed
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QPaintEngine,
    QPainter,
    QPainterPath,
    QPen,
    QPolygonF,
    QStaticText,
    QTransform,
)

from workstation.traffic.analysis.sequence import Party, SequenceStep, What
from workstation.traffic.analysis.sequence_text import Line, Part, duration, is_failure, is_response, times_text, words
from workstation.traffic.text import printable
from workstation.ui.theme import Theme
from workstation.ui.viewers.sequence.layout import Measures, SequenceLayout

RAISED = 3
"""How much higher than a line that what belongs to it begins: the words stand at its top, the arrow not at its end."""

_MARGIN = 6
_BESIDE = 9  # between a lifeline and the words beside it
_BETWEEN = 9  # between two parts of the words
_BAR = 7  # width of a lifeline while an operation is performed
_CACHED = 4000


@dataclass(frozen=True, slots=True)
class Across:
    """Places from left to right, in pixels.

    Attributes:
        places: of the lifelines.
        gutter: width of the column of times.
        notes: where the column of further words begins; 0 when there is no room for one.
        width: of everything.
    """

    places: tuple[float, ...]
    gutter: float
    notes: float
    width: float

    @property
    def between(self) -> float:
        """Between two lifelines."""
        return self.places[1] - self.places[0] if len(self.places) > 1 else self.width


class Pens:
    """Fonts and measured texts of one size."""

    def __init__(self, font: QFont, zoom: float) -> None:
        self.plain = QFont(font)
        size = font.pointSizeF()
        if size > 0:
            self.plain.setPointSizeF(size * zoom)
        else:
            self.plain.setPixelSize(max(round(font.pixelSize() * zoom), 5))
        self.bold = QFont(self.plain)
        self.bold.setBold(True)
        self.small = QFont(self.plain)
        if size > 0:
            self.small.setPointSizeF(size * zoom * 0.88)
        self._metrics = {id(each): QFontMetricsF(each) for each in (self.plain, self.bold, self.small)}
        self.height = self.metrics(self.plain).height()
        self.small_height = self.metrics(self.small).height()
        self._widths: dict[tuple[int, str], float] = {}
        self._laid: dict[tuple[int, str], QStaticText] = {}

    def metrics(self, font: QFont) -> QFontMetricsF:
        """Of one of the three fonts."""
        return self._metrics[id(font)]

    def width(self, font: QFont, text: str) -> float:
        """Of a text in one of the three fonts."""
        key = (id(font), text)
        width = self._widths.get(key)
        if width is None:
            if len(self._widths) > _CACHED:
                self._widths.clear()
            width = self._widths[key] = self.metrics(font).horizontalAdvance(text)
        return width

    def write(self, painter: QPainter, font: QFont, text: str, left: float, top: float) -> None:
        """Write a text in one of the three fonts with the painter's pen.

        On the screen as one that is laid out already, which takes a quarter of the time; an SVG has no such thing.
        """
        painter.setFont(font)
        if painter.paintEngine().type() is QPaintEngine.Type.SVG:
            painter.drawText(QPointF(left, top + self.metrics(font).ascent()), text)
            return
        key = (id(font), text)
        laid = self._laid.get(key)
        if laid is None:
            if len(self._laid) > _CACHED:
                self._laid.clear()
            laid = self._laid[key] = QStaticText(text)
            laid.setTextFormat(Qt.TextFormat.PlainText)
            laid.setPerformanceHint(QStaticText.PerformanceHint.AggressiveCaching)
            laid.prepare(QTransform(), font)
        painter.drawStaticText(QPointF(left, top), laid)

    def fitted(self, font: QFont, text: str, room: float) -> str:
        """The text, or as much as there is room for."""
        if self.width(font, text) <= room:
            return text
        return self.metrics(font).elidedText(text, Qt.TextElideMode.ElideRight, max(room, 0.0))


class SequencePicture:
    """Draws the lines of a layout.

    Args:
        theme: Colours.
        font: The font at its usual size.
        zoom: How much larger everything is.
    """

    def __init__(self, theme: Theme, font: QFont, zoom: float = 1.0) -> None:
        self.theme = theme
        self.pens = Pens(font, zoom)
        height = self.pens.height
        self.line_height = round(height + 15 * min(zoom, 1.3))
        self.head_height = round(height + self.pens.small_height + 16)
        self.gap_height = round(height + 22)

    def measures(self, second: float = 0.0) -> Measures:
        """The heights that this picture needs."""
        return Measures(self.line_height, self.gap_height, 7, second)

    def across(self, parties: Listed[Party], width: float, *, many: bool) -> Across:
        """Share out the width among the lifelines.

        Args:
            parties: the lifelines.
            width: what there is; more is taken when they would stand too close.
            many: whether this shows several associations, whose numbers stand in the gutter.
        """
        pens = self.pens
        gutter = _MARGIN + pens.width(pens.small, "00000.000") + _MARGIN
        left, right = gutter + 14, 22.0
        count = max(len(parties), 2)
        room = width - left - right
        closest = pens.width(pens.plain, "m" * 13)
        between = max(room / (count - 1), closest)
        # A long way from one lifeline to the other is hard to follow: the rest is for further words.
        farthest = max(pens.width(pens.plain, "m" * (26 if many else 36)), closest)
        notes = 0.0
        if between > farthest:
            wanted = pens.width(pens.plain, "m" * 14)
            between = max(farthest, (room - wanted) / (count - 1)) if room - wanted < farthest else farthest
            if width - left - between * (count - 1) - right >= wanted:
                notes = left + between * (count - 1) + 26
            else:
                between = room / (count - 1)
        places = tuple(left + number * between for number in range(len(parties)))
        return Across(places, gutter, notes, max(width, left + between * (count - 1) + right))

    # --- heads -----------------------------------------------------------------------------------------------------

    def head_box(self, parties: Listed[Party], across: Across, number: int) -> QRectF:
        """Where the head of a lifeline is."""
        pens, party = self.pens, parties[number]
        wanted = 18 + max(
            pens.width(pens.bold, printable(party.title, 64)), pens.width(pens.small, _second_line(party))
        )
        room = across.between - 8 if len(across.places) > 1 else across.width - 2 * _MARGIN
        # The first and the last may take the room beside them as well.
        half = sum(across.places) / 2 if len(across.places) == 2 else 0.0
        if half:
            room = (half if number == 0 else across.width - half) - _MARGIN - 2
        width = max(min(wanted, room), 40.0)
        middle = across.places[number]
        left = min(max(middle - width / 2, _MARGIN), across.width - width - _MARGIN)
        if half:
            left = min(left, half - width - 2) if number == 0 else max(left, half + 2)
        return QRectF(left, 5, width, self.head_height - 11)

    def paint_heads(self, painter: QPainter, parties: Listed[Party], across: Across) -> None:
        """Draw the heads of the lifelines, with a line below them."""
        theme, pens = self.theme, self.pens
        painter.fillRect(QRectF(0, 0, across.width, self.head_height), theme.base)
        painter.setPen(QPen(theme.border, 1))
        painter.drawLine(QPointF(0, self.head_height - 0.5), QPointF(across.width, self.head_height - 0.5))
        for number, party in enumerate(parties):
            box = self.head_box(parties, across, number)
            place = across.places[number]
            painter.setPen(QPen(theme.dimmed, 1))
            painter.drawLine(QPointF(place, box.bottom()), QPointF(place, self.head_height))
            painter.setPen(QPen(theme.accent if party.here else theme.dimmed, 1.6 if party.here else 1.0))
            painter.setBrush(theme.alternate)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.drawRoundedRect(box, 4, 4)
            inner = box.adjusted(7, 2, -7, -2)
            second = _second_line(party)
            if not second:
                inner.adjust(0, pens.small_height / 2, 0, 0)
            self._text(painter, pens.bold, theme.text, inner, printable(party.title, 64), top=True)
            self._text(painter, pens.small, theme.dimmed, inner, second, top=False)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _text(self, painter: QPainter, font: QFont, colour: QColor, box: QRectF, text: str, *, top: bool) -> None:
        shown = self.pens.fitted(font, text, box.width())
        y = box.top() if top else box.bottom() - self.pens.metrics(font).height()
        painter.setPen(colour)
        self.pens.write(painter, font, shown, box.center().x() - self.pens.width(font, shown) / 2, y)

    # --- lines -----------------------------------------------------------------------------------------------------

    def paint_lines(
        self,
        painter: QPainter,
        layout: SequenceLayout,
        across: Across,
        top: float,
        bottom: float,
        *,
        selected: int = -1,
        hovered: int = -1,
        until: int | None = None,
    ) -> None:
        """Draw what is between two heights.

        Args:
            painter: Its origin is where the first line begins.
            layout: The lines.
            across: Places from left to right.
            top, bottom: What is in sight.
            selected, hovered: Lines that are told apart; -1 for none.
            until: The line before which to stop; None for no such line.
        """
        theme = self.theme
        painter.fillRect(QRectF(0, top, across.width, bottom - top), theme.base)
        if not len(layout):
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        first = layout.line_at(top)
        last = min(layout.line_at(bottom) + 1, len(layout), until if until is not None else len(layout))
        # One more on each side: what belongs to a line reaches to its neighbours.
        first, end = max(first - 1, 0), min(last + 1, len(layout) if until is None else until)
        for number, colour in ((hovered, theme.alternate), (selected, theme.highlight)):
            if first <= number < end:
                painter.fillRect(self.row_box(layout, across, number), colour)
        shown = [(number, layout.line(number)) for number in range(first, end)]
        steps = [layout.sequence.step(line.step) for _, line in shown]
        self._paint_lifelines(painter, layout, across, top, bottom, shown, steps)
        self._paint_frames(painter, layout, across, shown, top, bottom)
        many = layout.sequence.conversation is None
        before = None
        for (number, line), step in zip(shown, steps, strict=True):
            numbered = many and step.conversation is not before
            before = step.conversation
            self._paint_time(painter, layout, across, number, step, numbered=numbered)
            self._paint_step(painter, layout, across, number, line, step, number == selected)

    def row_box(self, layout: SequenceLayout, across: Across, number: int) -> QRectF:
        """What belongs to a line, words and arrow."""
        return QRectF(0, layout.top(number) - RAISED, across.width, self.line_height)

    def arrow_y(self, layout: SequenceLayout, number: int) -> float:
        """The height of a line's arrow."""
        return layout.top(number) + self.line_height - 8.5

    def _paint_lifelines(
        self,
        painter: QPainter,
        layout: SequenceLayout,
        across: Across,
        top: float,
        bottom: float,
        shown: list[tuple[int, Line]],
        steps: list[SequenceStep],
    ) -> None:
        theme = self.theme
        end = self._end(layout)
        life = QPen(QColor(theme.colours.frame), 1)
        life.setDashPattern([4, 3])
        life.setDashOffset(top % 7)  # so that the dashes scroll with the lines
        lowest = min(bottom, end)
        for place in across.places:
            painter.setPen(life)
            painter.drawLine(QPointF(place, top), QPointF(place, lowest))
        for at, ((number, _), step) in enumerate(zip(shown, steps, strict=True)):
            if not step.busy:
                continue
            y = self.arrow_y(layout, number)
            following = number + 1 < len(layout)
            below = self.arrow_y(layout, number + 1) if following else layout.top(number) + self.line_height + 6
            for party, place in enumerate(across.places):
                if step.busy >> party & 1:
                    began = at == 0 or not steps[at - 1].busy >> party & 1
                    # At the last line it is still under way.
                    ends = at + 1 < len(steps) and not steps[at + 1].busy >> party & 1
                    self._paint_bar(painter, place, y, below, began=began, ends=ends)
        for number, _ in shown:
            if layout.has_gap(number):
                self._paint_gap(painter, layout, across, number)

    def _end(self, layout: SequenceLayout) -> float:
        """Where the lifelines end: at the close of a single association, else nowhere."""
        sequence = layout.sequence
        if sequence.conversation is not None and len(layout):
            last = len(layout) - 1
            step = sequence.step(layout.line(last).step)
            if step.what is What.CLOSE:
                return self.arrow_y(layout, last)
            if step.what is What.CONNECT and is_failure(step):
                return self.arrow_y(layout, last) + self.line_height / 2
        return float("inf")

    def _paint_bar(self, painter: QPainter, place: float, y: float, below: float, *, began: bool, ends: bool) -> None:
        theme = self.theme
        left, right = place - _BAR / 2, place + _BAR / 2
        painter.fillRect(QRectF(left, y, _BAR, below - y), theme.window)
        painter.setPen(QPen(theme.dimmed, 1))
        painter.drawLine(QPointF(left, y), QPointF(left, below))
        painter.drawLine(QPointF(right, y), QPointF(right, below))
        if began:
            painter.drawLine(QPointF(left, y), QPointF(right, y))
        if ends:
            painter.drawLine(QPointF(left, below), QPointF(right, below))

    def _paint_gap(self, painter: QPainter, layout: SequenceLayout, across: Across, number: int) -> None:
        """The time is broken off: the lifelines bend, and the length of the silence is written across."""
        theme, pens = self.theme, self.pens
        frame = layout.frame(number)
        bottom = frame[2] if frame is not None and frame[0] == number else layout.top(number)
        middle = bottom - self.gap_height / 2
        painter.fillRect(QRectF(0, middle - 9, across.width, 18), theme.base)
        wave = QPen(theme.dimmed, 1.2)
        painter.setPen(wave)
        for place in across.places:
            for way in (-5, 4):
                y = middle + way
                _draw_line(
                    painter,
                    QPointF(place - 8, y + 3),
                    QPointF(place - 3, y - 2),
                    QPointF(place + 3, y + 3),
                    QPointF(place + 8, y - 2),
                )
        step = layout.sequence.step(layout.line(number).step)
        text = f"{duration(step.idle)} of silence"
        left, right = across.places[0], across.places[1] if len(across.places) > 1 else across.width
        text = pens.fitted(pens.small, text, max(right - left - 24, 60))
        painter.setPen(theme.dimmed)
        x = (left + right - pens.width(pens.small, text)) / 2
        pens.write(painter, pens.small, text, x, middle - pens.small_height / 2)

    def _paint_frames(
        self,
        painter: QPainter,
        layout: SequenceLayout,
        across: Across,
        shown: list[tuple[int, Line]],
        top: float,
        bottom: float,
    ) -> None:
        theme = self.theme
        done = -1
        for number, line in shown:
            if not line.block.period or number <= done:
                continue
            frame = layout.frame(number)
            if frame is None:
                continue
            _, done, above, below = frame
            # Of an exchange between several, all of them.
            exchange = [
                layout.sequence.step(at) for at in range(line.block.start, line.block.start + line.block.period)
            ]
            ends = [across.places[end] for each in exchange for end in (each.source, each.target)]
            left, right = min(ends), max(ends)
            # Of an opened run only what is in sight: it may be longer than a painter can draw.
            box = QRectF(left - 8, max(above + 2, top - 20), right - left + 16, 0)
            box.setBottom(min(below - 2, bottom + 20))
            painter.setPen(QPen(theme.border, 1.2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box, 5, 5)

    def _paint_time(
        self,
        painter: QPainter,
        layout: SequenceLayout,
        across: Across,
        number: int,
        step: SequenceStep,
        *,
        numbered: bool,
    ) -> None:
        pens, theme = self.pens, self.theme
        top, room = layout.top(number), across.gutter - _MARGIN
        at = f"{step.time - layout.sequence.begin:.3f}"
        y = top + self.line_height - RAISED - pens.small_height
        painter.setPen(theme.dimmed)
        pens.write(painter, pens.small, at, room - pens.width(pens.small, at), y)
        if numbered:
            which = f"#{step.conversation.number}"
            painter.setPen(theme.text)
            pens.write(painter, pens.small, which, room - pens.width(pens.small, which), y - pens.small_height)

    # --- one step --------------------------------------------------------------------------------------------------

    def chip_box(self, layout: SequenceLayout, across: Across, number: int) -> QRectF | None:
        """Where the sign is that opens or closes a run; None at a line that has none."""
        line = layout.line(number)
        frame = layout.frame(number)
        if frame is None or frame[0] != number:
            return None
        step = layout.sequence.step(line.step)
        left = min(across.places[step.source], across.places[step.target])
        width = 20 + self.pens.width(self.pens.small, times_text(line.block))
        return QRectF(left + _BESIDE, layout.top(number) + 0.5, width, self.pens.small_height + 2)

    def _paint_step(
        self,
        painter: QPainter,
        layout: SequenceLayout,
        across: Across,
        number: int,
        line: Line,
        step: SequenceStep,
        selected: bool,
    ) -> None:
        y = self.arrow_y(layout, number)
        begin, end = across.places[step.source], across.places[step.target]
        if begin == end:
            end = begin + across.between * 0.5  # somebody who talks to itself
        left, right = sorted((begin, end))
        self._paint_arrow(painter, step, line, begin, end, y, many=layout.sequence.conversation is None)
        chip = self.chip_box(layout, across, number)
        if chip is not None:
            self._paint_chip(painter, chip, line)
        inner_left = chip.right() + 6 if chip is not None else left + _BESIDE
        parts = words(layout.sequence, line)
        noted: list[Part] = []
        if across.notes:
            # Beside the arrow what it is and what came of it, further away what explains it.
            noted = [part for part in parts if not part.main]
            parts = [part for part in parts if part.main]
        top = layout.top(number) + 1
        room = right - _BESIDE - inner_left
        if self._wanted(parts) > room:
            parts = [part._replace(text=part.least) for part in parts]
            if layout.sequence.conversation is None:
                # Only what matters most is written across other lifelines.
                parts = self._without_dimmed(parts, room)
        wanted = self._wanted(parts)
        if wanted > room and layout.sequence.conversation is None:
            # Beyond the lifelines, where there is usually nothing.
            limit = (across.notes or across.width) - _MARGIN
            inner_left, room = max(min(inner_left, limit - wanted), across.gutter + 4), wanted
            room = min(room, limit - inner_left)
            self._clear_behind(painter, inner_left, top, room, selected)
        self._paint_parts(painter, parts, inner_left, top, room, centred=True)
        if noted:
            self._paint_parts(painter, noted, across.notes, top + 7, across.width - _MARGIN - across.notes)

    def _without_dimmed(self, parts: list[Part], room: float) -> list[Part]:
        """The parts that fit, and those that matter even if they do not."""
        kept = list(parts)
        for part in reversed(parts):
            if self._wanted(kept) > room and part.meaning == "dimmed":
                kept.remove(part)
        return kept

    def _clear_behind(self, painter: QPainter, left: float, top: float, width: float, selected: bool) -> None:
        """Lifelines do not strike words through."""
        colour = self.theme.highlight if selected else self.theme.base
        painter.fillRect(QRectF(left - 2, top + 1, width + 4, self.pens.height - 2), colour)

    def _paint_arrow(
        self, painter: QPainter, step: SequenceStep, line: Line, begin: float, end: float, y: float, *, many: bool
    ) -> None:
        theme = self.theme
        towards = 1.0 if end > begin else -1.0
        colour = self._colour(step)
        pen = QPen(colour, 1.5)
        answer, connection = is_response(step), step.what in (What.CONNECT, What.CLOSE)
        if connection:
            pen.setDashPattern([1.2, 2.6])
        elif answer:
            pen.setDashPattern([4.5, 3])
        painter.setPen(pen)
        failed = step.what is What.CONNECT and is_failure(step)
        tip = end - towards * (_BAR / 2 if step.busy else 0.8)
        stop = begin + (end - begin) * 0.6 if failed else tip
        painter.drawLine(QPointF(begin, y), QPointF(stop - towards * (0 if connection or answer else 5), y))
        solid = QPen(colour, 1.6)
        painter.setPen(solid)
        if failed:
            self._cross(painter, stop, y)
        elif step.what is What.CLOSE:
            painter.setPen(QPen(theme.failure if is_failure(step) else theme.dimmed, 1.8))
            # Lifelines that go on with other associations do not end here.
            for place in ((begin + end) / 2,) if many else (begin, end):
                self._cross(painter, place, y)
        else:
            corners = [QPointF(tip - towards * 8, y - 4), QPointF(tip, y), QPointF(tip - towards * 8, y + 4)]
            if answer or connection:
                _draw_line(painter, *corners)
            else:
                painter.setBrush(colour)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.drawPolygon(QPolygonF(corners))
                painter.setBrush(Qt.BrushStyle.NoBrush)
        if line.folded:
            # A second line behind it: this stands for many.
            painter.setPen(QPen(colour, 1))
            painter.drawLine(QPointF(begin + towards * 6, y + 3), QPointF(stop - towards * 9, y + 3))

    @staticmethod
    def _cross(painter: QPainter, x: float, y: float) -> None:
        painter.drawLine(QPointF(x - 4.5, y - 4.5), QPointF(x + 4.5, y + 4.5))
        painter.drawLine(QPointF(x - 4.5, y + 4.5), QPointF(x + 4.5, y - 4.5))

    def _colour(self, step: SequenceStep) -> QColor:
        theme = self.theme
        if is_failure(step) and (step.row is None or step.row.status is None):
            return theme.failure
        if step.row is None:
            return theme.dimmed
        return theme.sent if step.row.sent else theme.received

    def _paint_chip(self, painter: QPainter, box: QRectF, line: Line) -> None:
        theme, pens = self.theme, self.pens
        painter.setPen(QPen(theme.accent, 1))
        painter.setBrush(theme.base)
        painter.drawRoundedRect(box, 4, 4)
        x, y = box.left() + 8, box.center().y()
        if line.folded:
            corners = [QPointF(x - 2, y - 3.5), QPointF(x - 2, y + 3.5), QPointF(x + 3, y)]
        else:
            corners = [QPointF(x - 3.5, y - 2), QPointF(x + 3.5, y - 2), QPointF(x, y + 3)]
        painter.setBrush(theme.accent)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawPolygon(QPolygonF(corners))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(theme.accent)
        top = box.center().y() - pens.small_height / 2
        pens.write(painter, pens.small, times_text(line.block), box.left() + 15, top)

    # --- words -----------------------------------------------------------------------------------------------------

    def _font_of(self, part: Part) -> QFont:
        return self.pens.bold if part.meaning == "name" else self.pens.plain

    def _wanted(self, parts: list[Part]) -> float:
        widths = sum(self.pens.width(self._font_of(part), part.text) for part in parts)
        return widths + _BETWEEN * (len(parts) - 1)

    def _fit(self, parts: list[Part], room: float) -> Iterator[tuple[Part, float]]:
        """As many of the parts as there is room for; the last one cut where something of it can still be read."""
        for count, part in enumerate(parts):
            font = self._font_of(part)
            width = self.pens.width(font, part.text)
            if width <= room:
                yield part, width
                room -= width + _BETWEEN
                continue
            if count == 0 or room >= self.pens.width(font, "mmmmm"):
                text = self.pens.fitted(font, part.text, room)
                yield Part(text, part.meaning), self.pens.width(font, text)
            return

    def _paint_parts(
        self, painter: QPainter, parts: list[Part], left: float, top: float, room: float, *, centred: bool = False
    ) -> None:
        theme = self.theme
        fitted = list(self._fit(parts, room))
        x = left
        if centred:
            x += max(room - sum(width for _, width in fitted) - _BETWEEN * (len(fitted) - 1), 0) / 2
        for part, width in fitted:
            match part.meaning:
                case "" | "name":
                    painter.setPen(theme.text)
                case meaning:
                    painter.setPen(getattr(theme, meaning))
            self.pens.write(painter, self._font_of(part), part.text, x, top)
            x += width + _BETWEEN


def _second_line(party: Party) -> str:
    address = party.address if party.address != party.title else ""
    return " · ".join(filter(None, ("here" if party.here else "", address)))


def _draw_line(painter: QPainter, *points: QPointF) -> None:
    """A line through the points. Not `drawPolyline`: that lets other threads in (`parts.undisturbed`)."""
    path = QPainterPath(points[0])
    for point in points[1:]:
        path.lineTo(point)
    painter.strokePath(path, painter.pen())
