"""The state machine of the selected association: where it is, how it came there, and each step back.

The diagram shows the path up to one step; a slider goes through the steps; the sentence below says in words what
happened at that step, or explains what the pointer is at. At the last step the view follows the association live.

Both sides may be shown, each with a diagram of its own, on one slider that goes through the steps of both in the order
in which they happened. The other side's path is the real one where both ends are in the log; else it is derived from
the bytes, and the view says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QHBoxLayout,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation.traffic.analysis.derive import DerivedPath, Role
from workstation.traffic.analysis.two_sides import ACCEPTOR, REQUESTOR, Moment, merge_sides
from workstation.traffic.conversation import Conversation
from workstation.traffic.log import Change, TrafficLog
from workstation.traffic.path import Transition
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.slices import Slices
from workstation.ui.parts.widgets import DimLabel, name_widget, plain_label
from workstation.ui.theme import Theme
from workstation.ui.viewers.state.diagram import StateDiagram, Trail, explain_step
from workstation.ui.viewers.timing.text import span_text

_COUNT_EVERY = 200  # milliseconds; nobody reads a counter faster
_DERIVED_AT_ONCE = 1000  # PDUs, about a millisecond

_NOTHING = "Select an association to see its way through the thirteen states of PS3.8."
_ROLES: Final[tuple[Role, Role]] = ("requestor", "acceptor")


class _Path(NamedTuple):
    """The path of one side, and how it is known."""

    steps: Sequence[Transition]
    origin: str
    explained: str = ""


_NO_PATH: Final = _Path((), "")


class _Side(QWidget):
    """One side: who it is, and its diagram.

    Args:
        theme: Colours.
        name: For the widgets' names.
    """

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._text = ""
        self.caption = plain_label()
        self.caption.setObjectName(f"{name}Caption")
        self.caption.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.caption.setContentsMargins(8, 0, 8, 0)
        self.caption.hide()
        self.diagram = StateDiagram(theme)
        self.diagram.setObjectName(name)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.caption)
        layout.addWidget(self.diagram, 1)

    def say(self, text: str, explained: str, *, acts: bool) -> None:
        """Who it is; `acts`: the step shown is its own."""
        self._text = f"{'▶ ' if acts else ''}{text}"
        font = self.caption.font()
        if font.bold() != acts:
            font.setBold(acts)
            self.caption.setFont(font)
        self.caption.setToolTip(plain_tooltip(f"{text}\n{explained}".strip()))
        self._elide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        metrics = QFontMetrics(self.caption.font())
        self.caption.setText(metrics.elidedText(self._text, Qt.TextElideMode.ElideRight, max(self.width() - 16, 0)))


class StateView(QWidget):
    """Diagram, slider and words for one association.

    Args:
        theme: Colours.
    """

    step_changed = Signal(int)
    """The step shown, from 1; 0 when there is none."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        name_widget(self, "stateView", "State machine")
        self._log: TrafficLog | None = None
        self._conversation: Conversation | None = None
        self._both = False
        self._step = 0
        # The step that the person chose: its number changes where steps of the other side come in before it.
        self._chosen: Moment | None = None
        self._live = True
        self._paths: tuple[_Path, _Path] = (_NO_PATH, _NO_PATH)
        self._told = 0  # how many steps there were when they were shown
        self._moments: list[Moment] = []
        self._derived: dict[Role, DerivedPath] = {}
        self._deriving = Slices(self, self.refresh)
        self._shown: tuple[object, ...] = ()
        self._hint = ""
        self._counting = QTimer(self)
        self._counting.setSingleShot(True)
        self._counting.setInterval(_COUNT_EVERY)
        self._counting.timeout.connect(self._count_up)

        self._who_text = self._role_text = ""
        self._who = plain_label()
        self._who.setObjectName("stateWho")
        self._who.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._sides = (_Side(theme, "stateDiagram"), _Side(theme, "stateOtherDiagram"))
        self.diagram, self.other = (side.diagram for side in self._sides)
        self._sides[1].hide()
        self.both_sides = self._button(
            "stateBothSides", "Both sides", "Show the requestor and the acceptor, on one clock"
        )
        self.both_sides.setCheckable(True)
        self.sentence = DimLabel(theme, _NOTHING)
        name_widget(self.sentence, "stateSentence", "What happened at this step")
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        metrics = QFontMetrics(self.sentence.font())

        self.slider = QSlider(Qt.Orientation.Horizontal)
        name_widget(self.slider, "stateSlider", "Step of the path", "Go through the transitions (←, → on the diagram)")
        self.slider.setMinimum(0)
        # A click beside the handle is a step, too: Qt's ten would go over most paths at once.
        self.slider.setPageStep(1)
        self.slider.setTickPosition(QSlider.TickPosition.NoTicks)
        self.back = self._button("stateBack", "◀", "One transition back")
        self.forward = self._button("stateForward", "▶", "One transition forward")
        self.live = self._button("stateLive", "Live", "Follow the association")
        self.live.setCheckable(True)
        self.live.setChecked(True)
        self._count = plain_label("0 of 0")
        self._count.setObjectName("stateCount")
        self._count.setMinimumWidth(metrics.horizontalAdvance("00 of 00"))
        self._count.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

        controls = QHBoxLayout()
        controls.setSpacing(4)
        for widget in (self.back, self.slider, self.forward, self._count, self.live):
            controls.addWidget(widget)
        top = QHBoxLayout()
        top.setContentsMargins(8, 4, 8, 0)
        top.setSpacing(2)
        top.addWidget(self._who, 1)
        top.addWidget(self.both_sides)
        self._diagrams = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._diagrams.setSpacing(4)
        for side in self._sides:
            self._diagrams.addWidget(side, 1)
        bottom = QVBoxLayout()
        bottom.setContentsMargins(8, 2, 8, 6)
        bottom.setSpacing(3)
        bottom.addLayout(controls)
        bottom.addWidget(self.sentence)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(top)
        layout.addLayout(self._diagrams, 1)
        layout.addLayout(bottom)

        self.slider.valueChanged.connect(self._slid)
        self.back.clicked.connect(lambda: self.go(-1))
        self.forward.clicked.connect(lambda: self.go(1))
        self.live.clicked.connect(self._go_live)
        for side in self._sides:
            side.diagram.stepped.connect(self.go)
            side.diagram.explained.connect(self._explain)
        self.both_sides.toggled.connect(self.show_both_sides)
        self._refresh_controls()

    @staticmethod
    def _button(object_name: str, text: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setAutoRaise(True)
        name_widget(button, object_name, tip, tip)
        return button

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # So many lines whatever it says: the diagram must not change its size under the pointer.
        lines = 3 if self.width() >= 300 else 4
        self.sentence.setFixedHeight(lines * QFontMetrics(self.sentence.font()).lineSpacing() + 2)
        self._arrange()
        self._show_who()

    def _arrange(self) -> None:
        """Two diagrams stand beside each other where that leaves them more room than one below the other."""
        beside = self.width() >= 1.15 * (self.height() - 110)
        way = QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom
        if self._diagrams.direction() != way:
            self._diagrams.setDirection(way)

    # --- what is shown ---------------------------------------------------------------------------------------------

    def set_log(self, log: TrafficLog) -> None:
        """Show another source; its conversations are looked through for the other side."""
        self._log = log
        self.set_conversation(None)

    def set_conversation(self, conversation: Conversation | None) -> None:
        """Show another association, at its last step."""
        if conversation is not self._conversation:
            self._conversation = conversation
            self._live = True
            self._chosen = None
            self._shown = ()
            self._derived.clear()
            self._deriving.stop()
            self.refresh(animate=False)
            self._derive()

    def set_animated(self, animated: bool) -> None:
        """Whether a dot may run along the line of a new step; never where the system asks for less motion."""
        for side in self._sides:
            side.diagram.animated = animated

    def show_both_sides(self, both: bool) -> None:
        """Show the requestor and the acceptor, or only the side that the association was recorded on."""
        if both == self._both:
            return
        self._both = both
        self.both_sides.setChecked(both)
        if not both and self._chosen is not None and self._chosen.side != self._own:
            self._chosen = None
            self._live = True
        for side in self._sides:
            # Two have to fit where one did.
            side.diagram.setMinimumSize(QSize(200, 120) if both else QSize(250, 160))
            side.caption.setVisible(both)
        self._sides[1].setVisible(both)
        self.diagram.setAccessibleName("State machine of the requestor" if both else "State machine diagram")
        self.other.setAccessibleName("State machine of the acceptor")
        self._shown = ()
        self.refresh(animate=False)
        self._derive()

    @property
    def shows_both_sides(self) -> bool:
        """Whether both sides are shown."""
        return self._both

    def apply(self, change: Change) -> None:
        """A batch was folded into the log: the association may have gone on, or its other end."""
        conversation, log = self._conversation, self._log
        if conversation is None:
            return
        touched = conversation in change.changed
        if not touched and self._both and log is not None:
            twin = log.twin(conversation)
            touched = twin is not None and (twin in change.changed or twin in change.added)
        if touched or (self._both and change.removed):
            self.went_on()

    def went_on(self) -> None:
        """The association went on: tell a new step at once, and now and then that one is taken again and again."""
        if self._conversation is None:
            return
        self._find_paths()
        if self._steps_known() != self._told:
            self.refresh()
        if not self._counting.isActive():
            self._counting.start()

    def _count_up(self) -> None:
        self.refresh()
        self._derive()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._derive()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._deriving.stop()

    # --- the two paths ---------------------------------------------------------------------------------------------

    @property
    def _own(self) -> int:
        """The side that the association was recorded on."""
        conversation = self._conversation
        return ACCEPTOR if conversation is not None and conversation.mode == "acceptor" else REQUESTOR

    def _find_paths(self) -> None:
        conversation, log = self._conversation, self._log
        if conversation is None:
            self._paths = (_NO_PATH, _NO_PATH)
            return
        watched = log is not None and bool(log.source)
        if watched:
            own = _Path(conversation.path, "derived from the bytes", "Read off the PDUs in the capture.")
        else:
            own = _Path(conversation.path, "ours", f"Recorded in association #{conversation.number}.")
        if not self._both:
            self._paths = (own, _NO_PATH) if self._own == REQUESTOR else (_NO_PATH, own)
            return
        twin = log.twin(conversation) if log is not None else None
        if twin is not None:
            explained = f"Recorded in association #{twin.number}."
            other = _Path(twin.path, f"derived, #{twin.number}" if watched else f"ours, #{twin.number}", explained)
        else:
            role = _ROLES[1 - self._own]
            derived = self._derived.get(role)
            explained = (
                "Its state machine is not ours: the path is read off the PDUs, with the times at which we saw them."
            )
            other = _Path(derived.path if derived is not None else (), "derived from the bytes", explained)
        self._paths = (own, other) if self._own == REQUESTOR else (other, own)

    def _derive(self) -> None:
        """Read what came since off the bytes, a little at a time, if the other side's path is wanted and not known."""
        conversation, log = self._conversation, self._log
        if not self._both or conversation is None or not self.isVisible() or self._deriving.busy:
            return
        if log is not None and log.twin(conversation) is not None:
            return
        role = _ROLES[1 - self._own]
        if role not in self._derived:
            self._derived[role] = DerivedPath(conversation, role)
        self._deriving.start(self._advance(self._derived[role]))

    @staticmethod
    def _advance(derived: DerivedPath) -> Iterator[None]:
        while derived.advance(_DERIVED_AT_ONCE):
            yield

    def _steps_known(self) -> int:
        return sum(len(path.steps) for path in self._paths)

    def _place_steps(self) -> None:
        """Put the steps in order, and stay at the one that the person chose."""
        if self._both:
            self._moments = merge_sides(self._paths[REQUESTOR].steps, self._paths[ACCEPTOR].steps)
        else:
            self._moments = [Moment(self._own, at) for at in range(len(self._paths[self._own].steps))]
        if self._live:
            self._step = len(self._moments)
        elif self._chosen in self._moments:
            self._step = self._moments.index(self._chosen) + 1
        self._step = min(self._step, len(self._moments))

    def _transition(self, step: int) -> Transition:
        moment = self._moments[step - 1]
        return self._paths[moment.side].steps[moment.at]

    # --- showing ---------------------------------------------------------------------------------------------------

    def refresh(self, *, animate: bool = True) -> None:
        """Follow the association, or stay at the step that the person chose."""
        self._find_paths()
        self._told = self._steps_known()
        self._place_steps()
        self._refresh_controls()
        # A self-loop counts up without a new step.
        taken = sum(step.count for path in self._paths for step in path.steps)
        shown = (self._step, taken, len(self._moments), self._both, *(path.origin for path in self._paths))
        if shown == self._shown:
            return
        moved = self._step != (self._shown[0] if self._shown else -1)
        self._shown = shown
        self._show_trails(animate=animate and moved)
        self._say()
        if moved:
            self.step_changed.emit(self._step)

    def _show_trails(self, *, animate: bool) -> None:
        acting = self._moments[self._step - 1].side if self._step else None
        trails = []
        for side in (REQUESTOR, ACCEPTOR):
            trail = Trail()
            numbers = [step for step, moment in enumerate(self._moments[: self._step], 1) if moment.side == side]
            trail.follow(self._paths[side].steps[: len(numbers)], numbers)
            if side != acting:
                # Where the step was not its own, nothing was taken last.
                trail.last = None
            trails.append(trail)
        if not self._both:
            self.diagram.set_trail(trails[self._own], animate=animate)
            return
        for side, pane in enumerate(self._sides):
            pane.diagram.set_trail(trails[side], animate=animate and side == acting)
            self._show_caption(side, acts=side == acting)

    def _show_caption(self, side: int, *, acts: bool) -> None:
        conversation, path = self._conversation, self._paths[side]
        text = _ROLES[side].capitalize()
        if conversation is not None:
            title = conversation.calling if side == REQUESTOR else conversation.called
            text += f" {title}" if title else ""
            text += f" · {path.origin}" if path.origin else ""
        self._sides[side].say(text, path.explained, acts=acts)

    @property
    def step(self) -> int:
        """Which step of the path is shown, from 1; 0 without a path."""
        return self._step

    def go(self, steps: int) -> None:
        """Step forward, or back when negative."""
        self.slider.setValue(self.slider.value() + steps)

    def go_to_time(self, time: float, actions: Sequence[str] = ()) -> None:
        """Show the last step taken by a time (seconds since the epoch); one of these actions, if there is one."""
        if self._conversation is None:
            return
        # The row is one of the side that the association was recorded on.
        steps = [at for at, moment in enumerate(self._moments, 1) if not self._both or moment.side == self._own]
        taken = [at for at in steps if self._transition(at).time <= time]
        fitting = [at for at in taken if self._transition(at).action in actions]
        self.slider.setValue((fitting or taken or [1])[-1])

    # --- reactions -------------------------------------------------------------------------------------------------

    def _slid(self, value: int) -> None:
        if value == self._step:
            return
        self._step = value
        self._live = value == self.slider.maximum()
        self._chosen = self._moments[value - 1] if 0 < value <= len(self._moments) else None
        self.refresh()

    def _go_live(self) -> None:
        self._live = True
        self.live.setChecked(True)
        self.refresh()

    def _explain(self, text: str) -> None:
        self._hint = text
        self._say()

    def _say(self) -> None:
        if self._hint:
            # Longer explanations stand whole in the tooltip.
            text = "\n".join(self._hint.split("\n")[:3])
        elif self._conversation is None:
            text = _NOTHING
        elif not self._step:
            text = "No transition yet."
        else:
            transition = self._transition(self._step)
            text = explain_step(transition.step)
            if self._both:
                text = f"{_ROLES[self._moments[self._step - 1].side].capitalize()}: {text}"
            if transition.count > 1:
                text += f", {transition.count:,} times"
        self.sentence.setText(text)

    def _refresh_controls(self) -> None:
        conversation = self._conversation
        count = len(self._moments)
        blocked = self.slider.blockSignals(True)
        self.slider.setRange(1 if count else 0, count)
        self.slider.setValue(self._step)
        self.slider.blockSignals(blocked)
        self.slider.setEnabled(count > 1)
        self.back.setEnabled(self._step > 1)
        self.forward.setEnabled(self._step < count)
        self.live.setEnabled(count > 0)
        self.live.setChecked(self._live)
        self._count.setText(f"{self._step} of {count}")
        if conversation is None:
            self._who_text = ""
            self._show_who()
            return
        calling, called = conversation.calling or "?", conversation.called or "?"
        # Who they are stands above each diagram when there are two.
        text = f"#{conversation.number}" if self._both else f"#{conversation.number}  {calling} → {called}"
        self._role_text = ""
        if not self._both:
            role = f"we are the {conversation.mode}" if conversation.mode else "role not known yet"
            watched = self._log is not None and self._log.source
            self._role_text = f" · {'derived from the bytes' if watched else role}"
            text += self._role_text
        if self._step:
            time = self._transition(self._step).time
            at = datetime.fromtimestamp(time)
            clock = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"
            since = f"+{span_text(time - conversation.start_time)}"
            # With both sides the clock is what they have in common: it comes first.
            text = f"{clock}  {since} · {text}" if self._both else f"{text} · {clock}"
        self._who_text = text
        self._show_who()

    def _show_who(self) -> None:
        metrics = QFontMetrics(self._who.font())
        room = self.width() - 20 - self.both_sides.sizeHint().width()
        text = self._who_text
        if metrics.horizontalAdvance(text) > room:
            # The role is told by the path, too: it goes first.
            text = text.replace(self._role_text, "")
        self._who.setText(metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(room, 0)))
        tip = self._who_text
        if self._both and tip:
            tip += (
                "\nThe clock is the one that each side's step was noted by; what is received comes after what was sent."
            )
        self._who.setToolTip(plain_tooltip(tip))
