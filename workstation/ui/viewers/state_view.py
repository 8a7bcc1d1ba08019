"""The state machine of the selected association: where it is, how it came there, and each step back.

The diagram shows the path up to one step; a slider goes through the steps; the sentence below says in words what
happened at that step, or explains what the pointer is at. At the last step the view follows the association live.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QSlider, QToolButton, QVBoxLayout, QWidget

from workstation.traffic.conversation import Conversation
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.widgets import DimLabel, name_widget, plain_label
from workstation.ui.theme import Theme
from workstation.ui.viewers.state_diagram import StateDiagram, Trail, explain_step

_COUNT_EVERY = 200  # milliseconds; nobody reads a counter faster

_NOTHING = "Select an association to see its way through the thirteen states of PS3.8."


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
        self._conversation: Conversation | None = None
        self._step = 0
        self._live = True
        self._shown: tuple[int, int, int] = (-1, -1, -1)
        self._hint = ""
        self._counting = QTimer(self)
        self._counting.setSingleShot(True)
        self._counting.setInterval(_COUNT_EVERY)
        self._counting.timeout.connect(self.refresh)

        self._who_text = ""
        self._who = plain_label()
        self._who.setObjectName("stateWho")
        self._who.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.diagram = StateDiagram(theme)
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
        top.addWidget(self._who)
        bottom = QVBoxLayout()
        bottom.setContentsMargins(8, 2, 8, 6)
        bottom.setSpacing(3)
        bottom.addLayout(controls)
        bottom.addWidget(self.sentence)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(top)
        layout.addWidget(self.diagram, 1)
        layout.addLayout(bottom)

        self.slider.valueChanged.connect(self._slid)
        self.back.clicked.connect(lambda: self.go(-1))
        self.forward.clicked.connect(lambda: self.go(1))
        self.live.clicked.connect(self._go_live)
        self.diagram.stepped.connect(self.go)
        self.diagram.explained.connect(self._explain)
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
        self._show_who()

    # --- what is shown ---------------------------------------------------------------------------------------------

    def set_conversation(self, conversation: Conversation | None) -> None:
        """Show another association, at its last step."""
        if conversation is not self._conversation:
            self._conversation = conversation
            self._live = True
            self._shown = (-1, -1, -1)
            self.refresh(animate=False)

    def went_on(self) -> None:
        """The association went on: tell a new step at once, and now and then that one is taken again and again."""
        if self._conversation is not None and len(self._conversation.path) != self._shown[2]:
            self.refresh()
        elif not self._counting.isActive():
            self._counting.start()

    def refresh(self, *, animate: bool = True) -> None:
        """Follow the association, or stay at the step that the person chose."""
        path = self._conversation.path if self._conversation is not None else []
        if self._live:
            self._step = len(path)
        self._step = min(self._step, len(path))
        self._refresh_controls()
        # A self-loop counts up without a new step.
        shown = (self._step, path[self._step - 1].count if self._step else 0, len(path))
        if shown == self._shown:
            return
        moved = shown[0] != self._shown[0]
        self._shown = shown
        trail = Trail()
        trail.follow(path[: self._step])
        self.diagram.set_trail(trail, animate=animate and moved)
        self._say()
        if moved:
            self.step_changed.emit(self._step)

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
        taken = [at for at, each in enumerate(self._conversation.path, start=1) if each.time <= time]
        fitting = [at for at in taken if self._conversation.path[at - 1].action in actions]
        self.slider.setValue((fitting or taken or [1])[-1])

    # --- reactions -------------------------------------------------------------------------------------------------

    def _slid(self, value: int) -> None:
        if value == self._step:
            return
        self._step = value
        self._live = value == self.slider.maximum()
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
            transition = self._conversation.path[self._step - 1]
            text = explain_step(transition.step)
            if transition.count > 1:
                text += f", {transition.count:,} times"
        self.sentence.setText(text)

    def _refresh_controls(self) -> None:
        conversation = self._conversation
        count = len(conversation.path) if conversation is not None else 0
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
        we = f"we are the {conversation.mode}" if conversation.mode else "role not known yet"
        text = f"#{conversation.number}  {calling} → {called} · {we}"
        if self._step:
            at = datetime.fromtimestamp(conversation.path[self._step - 1].time)
            text += f" · {at:%H:%M:%S}.{at.microsecond // 1000:03d}"
        self._who_text = text
        self._show_who()

    def _show_who(self) -> None:
        room = QFontMetrics(self._who.font())
        shown = room.elidedText(self._who_text, Qt.TextElideMode.ElideRight, max(self.width() - 16, 0))
        self._who.setText(shown)
        self._who.setToolTip(plain_tooltip(self._who_text))
