"""The picture of the thirteen states of PS3.8 section 9.2: which one is current, and the way that led there.

Normal lines are always drawn. The many lines to an abort appear when they are taken, or while a state is pointed at.
What is current is filled, ringed and bold; what was taken is thick and numbered; an abort is dashed: no meaning rests
on colour alone. The widget paints what it is given and knows nothing of associations.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, QSizeF, Qt, QVariantAnimation, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFont,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPainterPathStroker,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QStyle, QToolTip, QWidget

from workstation.net.engine.fsm import TABLE, Action, Event, State
from workstation.traffic.path import Transition
from workstation.traffic.record import Step
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.repainting import Repainting
from workstation.ui.parts.undisturbed import undisturbed
from workstation.ui.theme import Theme
from workstation.ui.viewers.state.layout import ABORTS, CAPTIONS, EDGES, NORMAL, Edge, Layout

_CLAUSES = {"AE": "Table 9-6", "DT": "Table 9-7", "AR": "Table 9-8", "AA": "Table 9-9"}
_ANIMATION = 420


@dataclass(slots=True)
class Taken:
    """How one line was taken: at which step first, how often, and by which action the last time."""

    number: int
    count: int
    action: str

    @property
    def abort(self) -> bool:
        """Whether the last time was an abort."""
        return self.action.startswith("AA-")


@dataclass(slots=True)
class Trail:
    """The way through the states up to one step."""

    current: State | None = None
    last: Step | None = None
    steps: int = 0
    lines: dict[Edge, Taken] = field(default_factory=dict)
    visited: set[State] = field(default_factory=set)

    def follow(self, path: Iterable[Transition], numbers: Iterable[int] = ()) -> None:
        """Go on by these steps.

        Args:
            path: The steps.
            numbers: What each is called, where the steps of others are counted too; by default they count up.
        """
        lines, visited, called = self.lines, self.visited, iter(numbers)
        for transition in path:
            step = transition.step
            before, after = _STATES[step.state], _STATES[step.next_state]
            visited.add(before)
            visited.add(after)
            taken = lines.get((before, after))
            self.steps += 1
            number = next(called, self.steps)
            if taken is None:
                # The step's own number, which is the slider's: the two kinds of transfer on Sta6 share a line.
                lines[before, after] = Taken(number, transition.count, step.action)
            else:
                taken.count += transition.count
                taken.action = step.action
            self.current = after
            self.last = step


_STATES = {str(state): state for state in State}
_EVENTS = {str(event): event for event in Event}
_ACTIONS = {str(action): action for action in Action}


def describe_state(state: State) -> str:
    """A sentence on a state, with its clause."""
    return f"{state}: {state.meaning} (PS3.8 §9.2.1)."


def explain_state(state: State) -> str:
    """What a state is, and every way to leave it."""
    leaving: dict[State, list[str]] = {}
    for (before, after), actions in EDGES.items():
        if before is state and after is not state:
            leaving.setdefault(after, []).extend(str(action) for action in actions)
    ways = "\n".join(f"{', '.join(actions)} → {after}" for after, actions in leaving.items())
    return f"{describe_state(state)}\nIt is left by\n{ways}"


def explain_line(edge: Edge) -> str:
    """A sentence on each action that takes a line, with its clause."""
    before, after = edge
    lines = []
    for action in EDGES[edge]:
        events = [str(e) for (s, e), a in TABLE.items() if s is before and a is action]
        clause = _CLAUSES[str(action)[:2]]
        lines.append(f"{before} —{action}→ {after}: {action.meaning} ({', '.join(events)}; PS3.8 {clause})")
    return "\n".join(lines)


def explain_step(step: Step) -> str:
    """A transition in words: where from, by which action, where to, what happened and what was done."""
    event, action = _EVENTS[step.event].meaning, _ACTIONS[step.action].meaning
    return (
        f"{step.state} —{step.action}→ {step.next_state}: {event}; {action[0].lower()}{action[1:]} "
        f"({step.event}, PS3.8 {_CLAUSES[step.action[:2]]})"
    )


class StateDiagram(QWidget):
    """Thirteen states and the lines between them, fitted to the widget's size.

    Attributes:
        animated: Whether a dot may run along a line that is taken.
    """

    explained = Signal(str)
    """A sentence on what the pointer or the keyboard is at; "" when it is at nothing."""
    stepped = Signal(int)
    """The person asks to go so many steps forward (negative: back)."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("stateDiagram")
        self.setAccessibleName("State machine diagram")
        self.animated = True
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(250, 160)
        self._theme = theme
        self._trail = Trail()
        self._layout: Layout | None = None
        self._picture: QPixmap | None = None
        self._pictured: object = None
        self._fonts: dict[tuple[float, float], tuple[QFont, QFont]] = {}
        self._hovered: State | Edge | None = None
        self._progress = 1.0
        self._repainting = Repainting(self)
        self._animation = QVariantAnimation(self)
        self._animation.setStartValue(0.0)
        self._animation.setEndValue(1.0)
        self._animation.setDuration(_ANIMATION)
        self._animation.valueChanged.connect(self._animate)
        theme.changed.connect(self._renew)

    def sizeHint(self) -> QSize:
        return QSize(420, 340)

    # --- what is shown ---------------------------------------------------------------------------------------------

    @property
    def trail(self) -> Trail:
        """The way that is drawn."""
        return self._trail

    def set_trail(self, trail: Trail, *, animate: bool) -> None:
        """Draw this way; `animate` lets a dot run along the last line, unless the system asks for less motion."""
        self._trail = trail
        # A zero duration is how a style says that the person wants no animation.
        wanted = self.style().styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration, None, self) > 0
        self._animation.stop()
        self._progress = 1.0
        if animate and wanted and self.animated and trail.last is not None and self.isVisible():
            self._animation.start()
        current = trail.current
        self.setAccessibleDescription(describe_state(current) if current else "No association is selected")
        self._repainting.soon()

    def state_rect(self, state: State) -> QRectF:
        """Where a state is drawn."""
        return self._fitted().nodes[state]

    def what_is_at(self, point: QPointF) -> State | Edge | None:
        """The state or the visible line at a point."""
        layout = self._fitted()
        for state, rect in layout.nodes.items():
            if rect.adjusted(-2, -2, 2, 2).contains(point):
                return state
        stroker = QPainterPathStroker()
        stroker.setWidth(11.0)
        visible = self._visible_lines()
        for edge in sorted(visible, key=lambda e: e not in self._trail.lines):
            if stroker.createStroke(layout.routes[edge].path).contains(point):
                return edge
        return None

    def point_at(self, what: State | Edge | None) -> None:
        """Explain a state or a line, as if the pointer were there."""
        if what == self._hovered:
            return
        self._hovered = what
        if what is None:
            self.explained.emit("")
        elif isinstance(what, State):
            self.explained.emit(describe_state(what))
        else:
            self.explained.emit(explain_line(what))
        self._renew()

    # --- events ----------------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.point_at(self.what_is_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self.point_at(None)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._renew()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.point_at(None)
        self._renew()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.DevicePixelRatioChange):
            self._layout = None
            self._fonts.clear()
            self._renew()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        states = list(State)
        at = states.index(self._hovered) if isinstance(self._hovered, State) else None
        match event.key():
            case Qt.Key.Key_Left:
                self.stepped.emit(-1)
            case Qt.Key.Key_Right:
                self.stepped.emit(1)
            case Qt.Key.Key_Down:
                self.point_at(states[0 if at is None else (at + 1) % len(states)])
            case Qt.Key.Key_Up:
                self.point_at(states[-1 if at is None else at - 1])
            case Qt.Key.Key_Escape if self._hovered is not None:
                self.point_at(None)
            case _:
                super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            what = self.what_is_at(QPointF(event.pos()))
            text = ""
            if what is not None:
                text = explain_state(what) if isinstance(what, State) else explain_line(what)
            QToolTip.showText(event.globalPos() + QPoint(8, 8), plain_tooltip(text), self)
            return True
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._layout = None
        self._renew()
        super().resizeEvent(event)

    def _animate(self, value: object) -> None:
        self._progress = float(value) if isinstance(value, float) else 1.0
        self.update()

    # --- painting --------------------------------------------------------------------------------------------------

    def _fitted(self) -> Layout:
        if self._layout is None:
            size = QSizeF(self.width(), self.height())
            self._layout = Layout(size, QFontMetricsF(self._small_font()).height())
        return self._layout

    def _small_font(self) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(10 if min(self.width(), self.height()) < 620 else 11)
        return font

    def _node_fonts(self, rect: QRectF) -> tuple[QFont, QFont]:
        """Fonts for a state's name and caption that fit its rectangle; looked for once for each size."""
        size = (rect.width(), rect.height())
        if size not in self._fonts:
            self._fonts[size] = self._fitting_fonts(rect)
        return self._fonts[size]

    def _fitting_fonts(self, rect: QRectF) -> tuple[QFont, QFont]:
        name, caption = QFont(self.font()), QFont(self.font())
        pixels = max(8, min(13, int(rect.height() * 0.34)))
        widest = max(CAPTIONS.values(), key=len)
        while pixels > 8:
            caption.setPixelSize(pixels)
            if QFontMetricsF(caption).horizontalAdvance(widest) <= rect.width() - 8:
                break
            pixels -= 1
        caption.setPixelSize(pixels)
        name.setPixelSize(min(pixels + 2, max(9, int(rect.height() * 0.4))))
        name.setBold(True)
        return name, caption

    def _visible_lines(self) -> set[Edge]:
        lines = set(NORMAL) | set(self._trail.lines)
        if isinstance(self._hovered, State):
            lines |= {edge for edge in EDGES if edge[0] is self._hovered}
        return {edge for edge in lines if edge in EDGES}

    def paintEvent(self, event: QPaintEvent) -> None:
        # Ended whatever happens: a painter that outlives its paint event takes the process down.
        with undisturbed, QPainter(self) as painter:
            self._paint(painter)

    def _paint(self, painter: QPainter) -> None:
        # What differs from frame to frame is the running dot and how often each line was taken: a transfer counts up
        # in one state for minutes. The rest is painted when it becomes another.
        looks = self._looks()
        if self._picture is None or looks != self._pictured:
            self._pictured = looks
            ratio = self.devicePixelRatioF()
            self._picture = QPixmap((QSizeF(self.size()) * ratio).toSize())
            self._picture.setDevicePixelRatio(ratio)
            self._picture.fill(self._theme.base)
            with QPainter(self._picture) as inner:
                self._paint_all(inner)
        painter.drawPixmap(0, 0, self._picture)
        last = self._edge_of(self._trail.last)
        routes, small = self._fitted().routes, self._small_font()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for edge in self._trail.lines:
            if edge in routes:
                self._draw_name(painter, edge, self._theme.text, small)
                self._draw_badge(painter, edge, small, edge == last)
        if self._progress < 1.0 and last in routes:
            painter.setPen(QPen(self._theme.on_lit, 1.2))
            painter.setBrush(self._theme.lit)
            painter.drawEllipse(routes[last].path.pointAtPercent(self._progress), 5.0, 5.0)

    def _looks(self) -> object:
        """What the picture depends on, as far as it is the trail's."""
        trail = self._trail
        lines = tuple((edge, taken.abort) for edge, taken in trail.lines.items())
        return trail.current, trail.last, frozenset(trail.visited), lines

    def _renew(self) -> None:
        """Something is to be seen differently."""
        self._picture = None
        self.update()

    def _paint_all(self, painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        layout = self._fitted()
        small = self._small_font()
        painter.setFont(small)
        painter.setPen(self._theme.dimmed)
        for text, place in layout.lanes:
            side = Qt.AlignmentFlag.AlignHCenter if layout.upright else Qt.AlignmentFlag.AlignLeft
            painter.drawText(place, side | Qt.AlignmentFlag.AlignVCenter, text)
        trail, theme = self._trail, self._theme
        taken = [edge for edge in trail.lines if edge in layout.routes]
        plain = [edge for edge in NORMAL if edge not in trail.lines]
        for edge in plain:
            self._draw_line(painter, edge, self._blend(theme.dimmed, 0.55), 1.1, dashed=False)
        for edge in plain:
            self._draw_name(painter, edge, theme.dimmed, small)
        if isinstance(self._hovered, State):
            for edge, actions in EDGES.items():
                if edge[0] is self._hovered and edge not in trail.lines:
                    abort = all(action in ABORTS for action in actions)
                    self._draw_line(painter, edge, theme.failure if abort else theme.text, 1.6, dashed=abort)
        elif self._hovered is not None and self._hovered not in trail.lines:
            self._draw_line(painter, self._hovered, theme.text, 1.8, dashed=False)
        last = self._edge_of(trail.last)
        for edge in taken:
            colour = theme.failure if trail.lines[edge].abort else theme.accent
            width = 3.0 if edge == last else 2.2
            self._draw_line(painter, edge, colour, width, dashed=trail.lines[edge].abort)
        for state, rect in layout.nodes.items():
            self._draw_state(painter, state, rect)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.accent, 1.0))
            painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))

    @staticmethod
    def _edge_of(step: Step | None) -> Edge | None:
        return None if step is None else (_STATES[step.state], _STATES[step.next_state])

    def _blend(self, colour: QColor, share: float) -> QColor:
        """A colour moved towards the background: for lines, never for text."""
        back = self._theme.base
        return QColor.fromRgbF(
            colour.redF() * share + back.redF() * (1 - share),
            colour.greenF() * share + back.greenF() * (1 - share),
            colour.blueF() * share + back.blueF() * (1 - share),
        )

    def _draw_line(self, painter: QPainter, edge: Edge, colour: QColor, width: float, *, dashed: bool) -> None:
        path = self._fitted().routes[edge].path
        pen = QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap, Qt.PenJoinStyle.RoundJoin)
        if dashed:
            pen.setDashPattern([4.0, 2.5])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawPolygon(self._arrow_head(path, 5.0 + width))

    @staticmethod
    def _arrow_head(path: QPainterPath, size: float) -> QPolygonF:
        tip = path.pointAtPercent(1.0)
        length = max(path.length(), 1.0)
        behind = path.pointAtPercent(max(0.0, 1.0 - size / length))
        way = tip - behind
        norm = max((way.x() ** 2 + way.y() ** 2) ** 0.5, 0.001)
        way /= norm
        aside = QPointF(-way.y(), way.x()) * size * 0.45
        back = tip - way * size
        return QPolygonF([tip, back + aside, back - aside])

    def _draw_state(self, painter: QPainter, state: State, rect: QRectF) -> None:
        theme, trail = self._theme, self._trail
        current = state is trail.current
        visited = state in trail.visited
        radius = min(9.0, rect.height() / 3)
        if current:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.text, 2.0))
            painter.drawRoundedRect(rect.adjusted(-3.5, -3.5, 3.5, 3.5), radius + 3, radius + 3)
            painter.setBrush(theme.lit)
            painter.setPen(Qt.PenStyle.NoPen)
        else:
            painter.setBrush(self._blend(theme.accent, 0.12) if visited else theme.window)
            painter.setPen(QPen(theme.accent, 1.8) if visited else QPen(self._blend(theme.dimmed, 0.6), 1.0))
        if self._hovered is state and not current:
            painter.setPen(QPen(theme.text, 1.8))
        painter.drawRoundedRect(rect, radius, radius)
        name_font, caption_font = self._node_fonts(rect)
        ink = theme.on_lit if current else theme.text if visited else theme.dimmed
        painter.setPen(ink)
        lines = self._caption_lines(CAPTIONS[state], QFontMetricsF(caption_font), rect.width() - 3)
        name_height, line_height = QFontMetricsF(name_font).height(), QFontMetricsF(caption_font).height() - 1
        if rect.height() < name_height + len(lines) * line_height - 2:
            lines = []
        painter.setFont(name_font)
        centre = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter
        top = rect.center().y() - (name_height + len(lines) * line_height) / 2
        name = str(state)
        if QFontMetricsF(name_font).horizontalAdvance(name) > rect.width():
            name = name.removeprefix("Sta")  # or it would be written over its neighbours
        painter.drawText(QRectF(rect.left(), top, rect.width(), name_height), centre, name)
        painter.setFont(caption_font)
        top += name_height - 0.5
        for line in lines:
            painter.drawText(QRectF(rect.left(), top, rect.width(), line_height + 1), centre, line)
            top += line_height

    @staticmethod
    def _caption_lines(caption: str, metrics: QFontMetricsF, room: float) -> list[str]:
        """The caption in one line or two; none when even its words do not fit."""
        if metrics.horizontalAdvance(caption) <= room:
            return [caption]
        words = caption.split(" ", 1)
        return words if all(metrics.horizontalAdvance(word) <= room for word in words) else []

    def _name_of(self, edge: Edge) -> str:
        actions = NORMAL.get(edge, ())
        if edge in self._trail.lines and self._trail.lines[edge].abort:
            return self._trail.lines[edge].action
        return "·".join(str(action) for action in actions)

    def _draw_name(self, painter: QPainter, edge: Edge, colour: QColor, font: QFont) -> None:
        """The actions' names beside the line: above or right of it, so that the line stays whole."""
        layout = self._fitted()
        if not layout.named:
            return
        route = layout.routes[edge]
        text = self._name_of(edge)
        metrics = QFontMetricsF(font)
        width, height = metrics.horizontalAdvance(text), metrics.height()
        taken = edge in self._trail.lines
        room = (self._badge_width(edge, metrics) / 2 if taken else 0.0) + 4.0
        x, y, side = route.anchor.x(), route.anchor.y(), route.label_side
        before = QRectF(x - width - room, y - height / 2, width, height)
        after = QRectF(x + room, y - height / 2, width, height)
        above = QRectF(x - width / 2, y - height - (6.5 if taken else 1.0), width, height)
        match side:
            case "loop-before" | "loop-after":
                loop = route.path.boundingRect()
                if layout.upright:
                    left = loop.left() - width - 3 if side == "loop-before" else loop.right() + 3
                    place = QRectF(left, loop.center().y() - height / 2, width, height)
                elif taken:
                    place = QRectF(loop.right() - width - 4, loop.top() - height - 1, width, height)
                else:
                    place = before
            case "rail":
                place = before if layout.upright else above
            case "along-out" if layout.upright:
                place = before
            case "across":
                place = above if layout.upright else after
            case _:
                place = after if layout.upright else above
        # Beside a line at the rim there may be less room than the name wants.
        place.moveLeft(min(max(place.left(), 2.0), max(self.width() - width - 2.0, 2.0)))
        painter.setFont(font)
        painter.setPen(colour)
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextDontClip, text)

    def _badge_text(self, edge: Edge) -> str:
        taken = self._trail.lines[edge]
        return f"{taken.number}" if taken.count == 1 else f"{taken.number} ×{taken.count:,}"

    def _badge_width(self, edge: Edge, metrics: QFontMetricsF) -> float:
        return max(metrics.height(), metrics.horizontalAdvance(self._badge_text(edge)) + 7.0)

    def _draw_badge(self, painter: QPainter, edge: Edge, font: QFont, last: bool) -> None:
        theme = self._theme
        metrics = QFontMetricsF(font)
        width, height = self._badge_width(edge, metrics), metrics.height()
        anchor = self._fitted().routes[edge].anchor
        place = QRectF(anchor.x() - width / 2, anchor.y() - height / 2, width, height)
        colour = theme.failure if self._trail.lines[edge].abort else theme.accent
        painter.setPen(QPen(theme.base, 1.5))
        painter.setBrush(theme.lit if last else colour)
        painter.drawRoundedRect(place, height / 2, height / 2)
        bold = QFont(font)
        bold.setBold(True)
        painter.setFont(bold)
        painter.setPen(theme.on_lit if last else theme.base)
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, self._badge_text(edge))
