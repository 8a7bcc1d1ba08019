"""How durations and the stages of an association read and look in the timing view.

A stage has a word, a colour and a way of being filled: time in which something crosses the wire is filled, time in
which a side is waited for is hatched in that side's colour. Knows no widget.
"""

from __future__ import annotations

from math import floor
from typing import Final, NamedTuple

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter

from workstation.traffic.analysis.timing import Exchange, Stage
from workstation.ui.parts.rates import time_text
from workstation.ui.theme import Theme


class Look(NamedTuple):
    """Of a stage: its word where we are one side, its word where we only watch, and its colour's name."""

    ours: str
    watched: str
    colour: str
    hatched: bool


LOOKS: Final = {
    Stage.CONNECT: Look("Connecting", "Connecting", "cancelled", True),
    Stage.NEGOTIATE: Look("Negotiating", "Negotiating", "pending", True),
    Stage.SEND: Look("We send", "Requestor sends", "sent", False),
    Stage.PEER: Look("Peer thinks", "Acceptor thinks", "received", True),
    Stage.RECEIVE: Look("Peer sends", "Acceptor sends", "received", False),
    Stage.OURS: Look("We think", "Requestor thinks", "sent", True),
    Stage.RELEASE: Look("Releasing", "Releasing", "cancelled", True),
    Stage.IDLE: Look("Idle", "Idle", "border", False),
}


def stage_word(stage: Stage, *, watched: bool) -> str:
    """A stage in words; `watched`: neither side is ours, as in a capture."""
    look = LOOKS[stage]
    return look.watched if watched else look.ours


def span_text(seconds: float) -> str:
    """A duration for reading, three figures of it: 85 µs, 1.24 ms, 12.4 ms, 123 ms, 1.23 s, 2 min 5 s."""
    if seconds < 0.0009995:
        return f"{max(seconds, 0.0) * 1e6:.0f} µs"
    if seconds < 0.9995:
        return f"{_three_figures(seconds * 1000)} ms"
    return f"{_three_figures(seconds)} s" if seconds < 59.95 else time_text(seconds)


def _three_figures(value: float) -> str:
    if value < 9.995:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def filters_on(name: str, exchange: Exchange | None = None) -> list[tuple[str, str]]:
    """What a person may want to filter on, in words and as an expression: requests of a name, or as slow as one."""
    # The name of an association's exchange is that of its request; of other services it is that of both messages.
    message = f"{name}-RQ" if name in ("A-ASSOCIATE", "A-RELEASE") else name
    found = [(f"Filter on {message}", f'dimse == "{message}"')]
    if exchange is not None and exchange.first_byte is not None:
        # Rounded down, so that it passes itself.
        seconds = floor(exchange.first_byte * 1e6) / 1e6
        words = f"Filter on responses that began after {span_text(seconds)} or later"
        found.append((words, f"response_time >= {seconds:.6f} s"))
    return found


def paint_stage(painter: QPainter, theme: Theme, stage: Stage, place: QRectF) -> None:
    """Fill a place as a stage looks; at least a pixel of it."""
    if place.width() < 1.0:
        place = QRectF(place.left(), place.top(), 1.0, place.height())
    look = LOOKS[stage]
    colour: QColor = getattr(theme, look.colour)
    if not look.hatched or place.width() < 3.0:
        painter.fillRect(place, colour)
        return
    pale = QColor(colour)
    pale.setAlphaF(0.22)
    painter.fillRect(place, pale)
    painter.fillRect(place, QBrush(colour, Qt.BrushStyle.BDiagPattern))
