"""What a question is about: who asks, for what, and the request's data set. Read in jobs."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QPlainTextEdit, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from workstation.scp.asking import Question
from workstation.scp.question_words import Lines, contexts_text, request_lines
from workstation.traffic.decoding.elements import BytesSource, Source
from workstation.ui.parts.empty_state import EmptyState
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.widgets import DimLabel, name_widget, plain_label
from workstation.ui.tasks import Tasks, action
from workstation.ui.theme import Theme
from workstation.ui.viewers.data_set.elements_view import ElementsView

_EXPLICIT = "1.2.840.10008.1.2.1"
_LONGEST = 16 * 1024 * 1024


class RequestObject:
    """The data set of a request, in memory."""

    def __init__(self, question: Question, data: bytes, transfer_syntax: str) -> None:
        self.title = f"Question {question.number}"
        self.sop_class_uid = question.occasion.sop_class
        self.sop_instance_uid = question.occasion.sop_instance
        self.transfer_syntax = transfer_syntax
        self.head = b""
        self.gap = ""
        self.source: Source = BytesSource(data)
        self._data = data

    def open(self) -> BinaryIO:
        """The data set as a file."""
        return io.BytesIO(self._data)

    def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a job has read of a question."""

    lines: Lines
    contexts: str = ""
    found: RequestObject | None = None
    problem: str = ""


def _look(question: Question) -> _Looked:
    lines = request_lines(question)
    if question.kind == "association":
        return _Looked(lines, contexts_text(question))
    if question.kind == "negotiation":
        return _Looked(lines)
    event = question.event
    raw = bytes(event.request.data or b"") if event is not None and "request" in event.__dict__ else b""
    if raw and event is not None:
        if len(raw) > _LONGEST:
            return _Looked(lines, problem=f"It has {len(raw):,} bytes. Data Set shows it.")
        return _Looked(lines, found=RequestObject(question, raw, str(event.context.transfer_syntax)))
    from workstation.net import dsutils

    try:
        data_set = question.occasion.data_set()
        encoded = None if data_set is None else dsutils.encode(data_set, False, True)
    except Exception as error:
        # Whatever pydicom raises for what a peer sent.
        return _Looked(lines, problem=f"It cannot be decoded: {error}")
    if not encoded:
        return _Looked(lines, problem="The request carries none.")
    return _Looked(lines, found=RequestObject(question, encoded, _EXPLICIT))


class RequestView(QWidget):
    """The request of one question at a time."""

    def __init__(self, theme: Theme, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._tasks = tasks
        self._question: Question | None = None
        name_widget(self, "questionRequest", "What is asked")
        self.facts = QWidget()
        self.facts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Maximum)
        self._grid = QGridLayout(self.facts)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)
        self._labels: list[tuple[QLabel, QLabel]] = []
        self.elements = ElementsView(theme, tasks)
        self.contexts = QPlainTextEdit()
        name_widget(self.contexts, "questionContexts", "Presentation contexts proposed")
        self.contexts.setReadOnly(True)
        self.contexts.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.nothing = QWidget()
        self.nothing.setObjectName("questionNothing")
        self.pages = QStackedWidget()
        for page in (self.elements, self.contexts, self.nothing):
            self.pages.addWidget(page)
        self.empty = EmptyState(self.nothing, theme, "No data set", "This is all that the peer says.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.facts)
        layout.addWidget(self.pages, 1)

    def set_question(self, question: Question | None) -> None:
        """Show another one's request."""
        if question is self._question:
            return
        self._question = question
        if question is None:
            self._show(_Looked([]))
        else:
            self._read(question)

    @action
    async def _read(self, question: Question) -> None:
        looked = await self._tasks.call(partial(_look, question), name="read-question")
        if self._question is question:
            self._show(looked)

    def _show(self, looked: _Looked) -> None:
        self._show_lines(looked.lines)
        if looked.contexts:
            self.contexts.setPlainText(looked.contexts)
            self.pages.setCurrentWidget(self.contexts)
        elif looked.found is not None:
            self.elements.set_object(looked.found, False)
            self.pages.setCurrentWidget(self.elements)
        else:
            self.empty.say("No data set", looked.problem or "This is all that the peer says.")
            self.pages.setCurrentWidget(self.nothing)

    def _show_lines(self, lines: Lines) -> None:
        while len(self._labels) < len(lines):
            name, value = DimLabel(self._theme, wrap=False), plain_label(wrap=True, selectable=True)
            value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            row = len(self._labels)
            self._grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(value, row, 1)
            self._labels.append((name, value))
        for index, labels in enumerate(self._labels):
            texts = lines[index] if index < len(lines) else ("", "")
            for label, text in zip(labels, texts, strict=True):
                label.setText(text)
                label.setVisible(index < len(lines))
            # a UID has no place where it could go on in the next line
            labels[1].setToolTip(plain_tooltip(texts[1]))
