"""Where the thirteen states of PS3.8 section 9.2 stand and how the lines between them run.

An association lives along one axis: idle, establishment, data transfer, release, close. Across it lie three lanes:
requestor, shared, acceptor. Everything is laid out in (along, across) and turned at the end: downwards in a tall dock,
left to right in a wide one. Outside the lanes run two rails, so that no line passes under a state.

This module knows geometry only: neither colours nor what happened to an association.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSizeF
from PySide6.QtGui import QPainterPath

from workstation.net.engine.fsm import NEXT_STATES, TABLE, Action, State

CAPTIONS: dict[State, str] = {
    State.STA1: "Idle",
    State.STA2: "Awaiting RQ",
    State.STA3: "Awaiting user",
    State.STA4: "Awaiting TCP",
    State.STA5: "Awaiting AC/RJ",
    State.STA6: "Data transfer",
    State.STA7: "Awaiting RP",
    State.STA8: "Awaiting user",
    State.STA9: "Awaiting user",
    State.STA10: "Awaiting RP",
    State.STA11: "Awaiting RP",
    State.STA12: "Awaiting user",
    State.STA13: "Awaiting close",
}

# (along, across): rows 0 to 5, lanes 0 requestor, 1 shared, 2 acceptor. Sta7 and Sta8 stand on either side of the
# shared lane: both roles may come there.
_PLACES: dict[State, tuple[int, int]] = {
    State.STA1: (0, 1),
    State.STA4: (0, 0),
    State.STA2: (0, 2),
    State.STA5: (1, 0),
    State.STA3: (1, 2),
    State.STA6: (2, 1),
    State.STA9: (4, 0),
    State.STA10: (4, 2),
    State.STA11: (5, 0),
    State.STA12: (5, 2),
    State.STA13: (5, 1),
}
_ROWS = 6
_LANES = 3
_RAIL = 22.0
_CORNER = 7.0

Edge = tuple[State, State]

ABORTS = frozenset(action for action in Action if str(action).startswith("AA-"))


def _edges() -> dict[Edge, tuple[Action, ...]]:
    """Every line the table knows, with the actions that take it."""
    found: dict[Edge, list[Action]] = {}
    for (state, _event), action in TABLE.items():
        following = NEXT_STATES[action]
        if action is Action.AE_6:
            following = (State.STA3, State.STA13)
        for after in following:
            actions = found.setdefault((state, after), [])
            if action not in actions:
                actions.append(action)
    return {edge: tuple(actions) for edge, actions in found.items()}


EDGES = _edges()
"""(from, to) to the actions that lead there, in the table's order."""

NORMAL: dict[Edge, tuple[Action, ...]] = {
    edge: kept
    for edge, actions in EDGES.items()
    if (kept := tuple(action for action in actions if action not in ABORTS))
}
"""The lines that are always drawn: everything but aborts."""


@dataclass(frozen=True, slots=True)
class Route:
    """One line: its course, the point and direction of its arrow, and where its number and name stand."""

    points: tuple[QPointF, ...]
    path: QPainterPath
    anchor: QPointF
    label_side: str


class Layout:
    """The diagram fitted into a size.

    Attributes:
        upright: Whether the association lives downwards (else left to right).
        named: Whether there is room for the names of the lines.
        nodes: The rectangle of each state.
        routes: The course of each line of `EDGES`.
        lanes: Where the names of the two outer lanes stand.
    """

    def __init__(self, size: QSizeF, heading: float) -> None:
        self.upright = size.width() < 1.45 * size.height()
        along, across = (size.height(), size.width()) if self.upright else (size.width(), size.height())
        # Room at the start for the lanes' names (tall) and for the turns of the rails; at the end of a wide one also
        # for the name of the line back to Sta1, or for its number where nothing is named.
        self._start = heading + 18.0 if self.upright else _RAIL
        self._end = 16.0 if self.upright else 42.0 if along >= 700.0 else 26.0
        rail = _RAIL if self.upright else heading + 6.0
        pitch = (along - self._start - self._end) / _ROWS
        lane = (across - 2 * rail) / _LANES
        self.named = (pitch >= 40.0 and lane >= 112.0) if self.upright else (pitch >= 115.0 and lane >= 52.0)
        beside, between = (38.0, 21.0) if self.named else (20.0 if pitch >= 60.0 or self.upright else 16.0, 12.0)
        if self.upright:
            width, height = min(lane - beside, 168.0), min(pitch - between, 50.0)
        else:
            width, height = min(pitch - beside, 150.0), min(lane - between, 50.0)
        # Where two diagrams share a small pane: room for a number, and for a line between two states.
        least = 30.0 if self.upright else min(30.0, pitch - 6.0)
        width, height = max(width, least), max(height, 14.0)
        self._half_along, self._half_across = (height / 2, width / 2) if self.upright else (width / 2, height / 2)
        self._aside = max(self._half_across + 7.0, min(lane / 2, 1.16 * self._half_across))
        self._near, self._far = rail / 2 if self.upright else rail - 8.0, 0.0
        self._far = across - self._near
        self._top, self._bottom = self._start - 9.0, along - self._end + 8.0
        self._pitch, self._lane, self._rail_room = pitch, lane, rail
        self._centres = {state: (self._row(row), self._across(column)) for state, (row, column) in _PLACES.items()}
        middle = self._across(1)
        self._centres[State.STA7] = (self._row(3), middle - self._aside)
        self._centres[State.STA8] = (self._row(3), middle + self._aside)
        self.nodes = {
            state: self._rectangle(a - self._half_along, c - self._half_across, height, width)
            for state, (a, c) in self._centres.items()
        }
        self.routes = {edge: self._route(edge) for edge in EDGES}
        self.lanes = self._lane_names(heading)

    def _row(self, row: float) -> float:
        return self._start + (row + 0.5) * self._pitch

    def _across(self, lane: float) -> float:
        return self._rail_room + (lane + 0.5) * self._lane

    def _rectangle(self, a: float, c: float, height: float, width: float) -> QRectF:
        return QRectF(c, a, width, height) if self.upright else QRectF(a, c, width, height)

    def _point(self, a: float, c: float) -> QPointF:
        return QPointF(c, a) if self.upright else QPointF(a, c)

    def _lane_names(self, heading: float) -> tuple[tuple[str, QRectF], ...]:
        width = max(2 * self._half_across, 80.0) if self.upright else 2 * self._half_along
        if self.upright:
            places = [QRectF(self._across(lane) - width / 2, 4.0, width, heading) for lane in (0, 2)]
            return (("REQUESTOR", places[0]), ("ACCEPTOR", places[1]))
        requestor, acceptor = self.nodes[State.STA4], self.nodes[State.STA2]
        return (
            ("REQUESTOR", QRectF(requestor.left() - 6, requestor.top() - heading - 2, heading * 7, heading)),
            ("ACCEPTOR", QRectF(acceptor.left() - 6, acceptor.bottom() + 2, heading * 7, heading)),
        )

    def _route(self, edge: Edge) -> Route:
        points, segment, side = self._course(edge)
        pixels = [self._point(a, c) for a, c in points]
        # The line from Sta7 to Sta10 is named beyond the one from Sta8 to Sta13, which it crosses.
        share = 0.72 if edge == (State.STA7, State.STA10) else 0.5
        anchor = pixels[segment] * (1 - share) + pixels[segment + 1] * share
        if edge[0] is edge[1]:
            path = self._loop(pixels)
            return Route(tuple(pixels), path, path.pointAtPercent(0.5), side)
        return Route(tuple(pixels), rounded(pixels, _CORNER), anchor, side)

    @staticmethod
    def _loop(pixels: Sequence[QPointF]) -> QPainterPath:
        path = QPainterPath(pixels[0])
        path.cubicTo(pixels[1], pixels[2], pixels[3])
        return path

    def _course(self, edge: Edge) -> tuple[list[tuple[float, float]], int, str]:
        """The corners of a line in (along, across), the segment that carries its name, and the side of the name."""
        start, end = edge
        a, c = self._centres[start]
        to_a, to_c = self._centres[end]
        ha, hc = self._half_along, self._half_across
        shift = self._aside / 2
        middle = self._across(1)
        if start is end:
            return self._self_loop(start, a, c, ha, hc)
        match (str(start), str(end)):
            case ("Sta1", "Sta4") | ("Sta11", "Sta13") | ("Sta12", "Sta13") | ("Sta1", "Sta2"):
                sign = 1.0 if to_c > c else -1.0
                return [(a, c + sign * hc), (a, to_c - sign * hc)], 0, "across"
            case ("Sta4", "Sta5") | ("Sta2", "Sta3") | ("Sta9", "Sta11") | ("Sta10", "Sta12"):
                return [(a + ha, c), (to_a - ha, c)], 0, "along"
            case ("Sta5", "Sta6") | ("Sta3", "Sta6"):
                sign = 1.0 if to_c > c else -1.0
                return [(a + ha, c), (to_a, c), (to_a, to_c - sign * hc)], 1, "across"
            case ("Sta5", "Sta1"):
                at = middle - shift
                return [(a, c + hc), (a, at), (to_a + ha, at)], 0, "across"
            case ("Sta6", "Sta7") | ("Sta6", "Sta8"):
                at = middle + (shift if to_c > c else -shift)
                return [(a + ha, at), (to_a - ha, at)], 0, "along-out" if to_c < c else "along"
            case ("Sta6", "Sta1"):
                at = middle + shift
                return [(a - ha, at), (to_a + ha, at)], 0, "along"
            case ("Sta6", "Sta13"):
                return [(a + ha, middle), (to_a - ha, middle)], 0, "along"
            case ("Sta7", "Sta9"):
                overlap = (to_c + hc) - (c - hc)
                if overlap > 10.0:
                    at = c - hc + overlap / 2
                    return [(a + ha, at), (to_a - ha, at)], 0, "along"
                at = min(max(c - hc * 0.5, to_c + hc + 15.0), c + hc)
                return [(a + ha, at), (to_a, at), (to_a, to_c + hc)], 0, "along"
            case ("Sta7", "Sta10"):
                at = c if self.upright else c + hc * 0.5
                return [(a + ha, at), (to_a, at), (to_a, to_c - hc)], 1, "across"
            case ("Sta7", "Sta13") | ("Sta8", "Sta13"):
                # Named beyond the line to Sta10, which it crosses.
                at = middle + (shift if c > middle else -shift)
                return [(a + ha, at), (self._row(4), at), (to_a - ha, at)], 1, "along"
        return self._by_rail(start, end)

    def _self_loop(
        self, state: State, a: float, c: float, ha: float, hc: float
    ) -> tuple[list[tuple[float, float]], int, str]:
        reach = min(self._pitch - 2 * ha, 22.0) * 1.05
        spread = min(hc * 0.42, 15.0)
        at, side = c, "loop-after"
        if state in (State.STA6, State.STA7):
            at, side = c - hc * (0.4 if state is State.STA6 else 0.55), "loop-before"
        elif state is State.STA8:
            at = c + hc * 0.55
        if state is State.STA6:
            reach = min(self._pitch * 0.75, 36.0)  # nothing stands before it
        points = [
            (a - ha, at - spread * 0.6),
            (a - ha - reach, at - spread * 1.5),
            (a - ha - reach, at + spread * 1.5),
            (a - ha, at + spread * 0.6),
        ]
        return points, 1, side

    def _by_rail(self, start: State, end: State) -> tuple[list[tuple[float, float]], int, str]:
        a, c = self._centres[start]
        to_a, to_c = self._centres[end]
        ha, hc = self._half_along, self._half_across
        shift = self._aside / 2
        left = start is State.STA13 or c < self._across(1)
        rail, sign = (self._near, -1.0) if left else (self._far, 1.0)
        entry = to_c + sign * shift
        arrive = (
            [(self._top, rail), (self._top, entry), (to_a - ha, entry)]
            if end is State.STA1
            else [(self._bottom, rail), (self._bottom, entry), (to_a + ha, entry)]
        )
        if start is State.STA13:
            leave = c - shift
            corner = self._across(0) + self._lane / 2
            across = 2 * corner - leave
            first = [(a + ha, leave), (self._bottom, leave), (self._bottom, across), (self._bottom, rail)]
            return [*first, *arrive], 1, "across"
        side = "across"
        segment = 0
        points = [(a, c + sign * hc), (a, rail), *arrive]
        if end is State.STA13 and start in (State.STA2, State.STA3):
            # The first piece is short: name the line on the rail, where the lane is free.
            named = self._row(0.5) if start is State.STA2 else self._row(2)
            points[1:2] = [(a, rail), (named - 1, rail), (named + 1, rail)]
            segment, side = 2, "rail"
        return points, segment, side


def rounded(points: Sequence[QPointF], radius: float) -> QPainterPath:
    """A line through `points` with its corners rounded."""
    path = QPainterPath(points[0])
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        path.lineTo(_towards(corner, before, radius))
        path.quadTo(corner, _towards(corner, after, radius))
    path.lineTo(points[-1])
    return path


def _towards(start: QPointF, end: QPointF, distance: float) -> QPointF:
    way = end - start
    length = (way.x() ** 2 + way.y() ** 2) ** 0.5
    if length == 0:
        return start
    share = min(distance, length / 2) / length
    return QPointF(start.x() + way.x() * share, start.y() + way.y() * share)
