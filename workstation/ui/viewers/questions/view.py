"""The pane of questions: which events wait for the person, what each is about, and the answer that goes out.

Hears of questions from an `Asker`, on the threads of associations, and brings them here by a funnel. Each question has
a form of its own, so that a person may begin with one, answer another and come back. Knows neither the server nor the
window: who wants to see the traffic of a question's association hears `association_chosen`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QMenu,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QTabBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation.net.status import code_to_category
from workstation.scp.asking import Asker, Question, Reply
from workstation.scp.question_words import reply_words, title
from workstation.ui.parts.empty_state import EmptyState
from workstation.ui.parts.traffic_table import TrafficTable, copy_to_clipboard
from workstation.ui.parts.widgets import (
    DimLabel,
    MenuButton,
    Outcome,
    OutcomeLabel,
    heading,
    in_row,
    name_widget,
    primary_button,
    push_button,
    scrolled,
)
from workstation.ui.tasks import Funnel, Tasks, action
from workstation.ui.theme import Theme
from workstation.ui.viewers.questions.model import ASSOCIATION, WHAT, QuestionModel, waiting_text
from workstation.ui.viewers.questions.request_view import RequestView

if TYPE_CHECKING:
    from workstation.ui.viewers.questions.answer_forms import AnswerForm

_SECOND = 1000
_NARROW = 700
_LIST_WIDTH = 240
_LIST_NARROW = 330
_LIST_HEIGHT = 110

_NOTHING = (
    "No question waits",
    'A rule of the test server whose answer is "ask me" makes its event wait here, until you reply or the peer leaves.',
)


class QuestionsView(QWidget):
    """Open questions and their answers.

    Args:
        theme: Colours.
        tasks: Runs what reads and decodes.
        asker: Whose questions; another one by `set_asker`.
    """

    association_chosen = Signal(int)
    """The person wants to see the traffic of an association; carries its number."""

    asked = Signal(object)
    """A `Question` has come: the pane is worth a look."""

    def __init__(self, theme: Theme, tasks: Tasks, asker: Asker | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._tasks = tasks
        self._stop: Callable[[], None] | None = None
        self._forms: dict[int, AnswerForm] = {}
        self._pages: dict[int, QScrollArea] = {}
        self._question: Question | None = None
        self._funnel: Funnel[tuple[bool, Question]] = Funnel(self._take, self)
        self.setObjectName("questionsView")
        self.setWindowTitle("Questions")
        self._make_list()
        self._make_answer()
        self.request = RequestView(theme, tasks)
        self._make_details()
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setObjectName("questionsSplitter")
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.list)
        self.splitter.addWidget(self.details)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 3)
        self.splitter.setSizes([_LIST_WIDTH, 650])
        self.result = OutcomeLabel(theme)
        self.result.setObjectName("questionResult")
        self.result.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        self.body = QWidget()
        self.body.setObjectName("questionsBody")
        body = QVBoxLayout(self.body)
        body.setContentsMargins(0, 0, 0, 0)
        body.addWidget(self.splitter)
        self.empty = EmptyState(self.body, theme, *_NOTHING)
        self.empty.setObjectName("questionsEmpty")
        layout.addWidget(self.body, 1)
        layout.addWidget(self.result)
        self._clock = QTimer(self)
        self._clock.setInterval(_SECOND)
        self._clock.timeout.connect(self._tick)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(self.send.click)
        self._show_question(None)
        if asker is not None:
            self.set_asker(asker)

    # --- parts

    def _make_list(self) -> None:
        self.list = _QuestionsList(self._theme, self)
        self.questions = QuestionModel(self._theme, self.list)
        self.list.setModel(self.questions)
        self.list.size_columns(("– gone", "C-FIND  STU", "MODALITY", "#000"), WHAT)
        self.list.chosen.connect(self._choose)

    def _make_answer(self) -> None:
        self.answer = QWidget()
        name_widget(self.answer, "questionAnswer", "The answer")
        self.withdrawn = OutcomeLabel(self._theme)
        self.withdrawn.setObjectName("questionWithdrawn")
        self.forms = QStackedWidget()
        self.forms.setObjectName("questionForms")
        self.send = primary_button("&Send", "questionSend", "Answer with what stands here (Ctrl+Enter)")
        self.send.clicked.connect(self._send)
        self.built_in = push_button(
            "As &built in", "questionBuiltIn", "Answer as without the rule", partial(self._reply, Reply.built_in())
        )
        self.remove = push_button("&Remove", "questionRemove", "Take it off the list", self._remove)
        self.more = MenuButton("More")
        self.more.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        name_widget(self.more, "questionMore", "Other answers", "End the association instead")
        menu = QMenu(self.more)
        menu.addAction("Abort the association", partial(self._reply, Reply.aborted()))
        menu.addAction("Close the connection without a word", partial(self._reply, Reply.dropped()))
        self.more.setMenu(menu)
        layout = QVBoxLayout(self.answer)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.withdrawn)
        layout.addWidget(self.forms, 1)
        layout.addLayout(in_row(self.send, self.built_in, self.remove, None, self.more))

    def _make_details(self) -> None:
        self.head = heading("")
        self.head.setObjectName("questionTitle")
        self.head.setWordWrap(True)
        self.head.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Maximum)
        self.traffic = QToolButton()
        self.traffic.setText("Traffic")
        self.traffic.setAutoRaise(True)
        name_widget(self.traffic, "questionTraffic", "Show its traffic", "Show the traffic of this association")
        self.traffic.clicked.connect(self._show_traffic)
        self.waits = DimLabel(self._theme)
        self.waits.setObjectName("questionWaits")
        self.waits.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Maximum)
        # Side by side where there is room, one at a time where there is none.
        self.tabs = QTabBar()
        name_widget(self.tabs, "questionTabs", "Answer or request")
        self.tabs.setDrawBase(False)
        self.tabs.addTab("Answer")
        self.tabs.addTab("Request")
        self.tabs.currentChanged.connect(lambda _: self._arrange())
        self.tabs.hide()
        self.sides = QSplitter(Qt.Orientation.Horizontal)
        self.sides.setObjectName("questionSides")
        self.sides.setChildrenCollapsible(False)
        self.sides.addWidget(self.request)
        self.sides.addWidget(self.answer)
        # what is asked has long UIDs in it
        self.sides.setStretchFactor(0, 3)
        self.sides.setStretchFactor(1, 2)
        self.sides.setSizes([390, 260])
        self.details = QWidget()
        layout = QVBoxLayout(self.details)
        layout.setContentsMargins(4, 0, 0, 0)
        layout.setSpacing(4)
        head = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        head.addWidget(self.head, 1)
        head.addWidget(self.traffic, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(head)
        layout.addWidget(self.waits)
        layout.addWidget(self.tabs)
        layout.addWidget(self.sides, 1)

    # --- hearing of questions

    def set_asker(self, asker: Asker | None) -> None:
        """Show another one's questions."""
        self.stop_listening()
        for question in self.questions.questions():
            self._forget(question)
        if asker is None:
            return
        self._stop = asker.listen(lambda question: self._funnel.put((True, question)), self._heard_over)
        for question in asker.open_questions():
            self._funnel.put((True, question))

    def stop_listening(self) -> None:
        """Before the pane goes: what is open is answered as built in, unless somebody else looks at it."""
        if self._stop is not None:
            stop, self._stop = self._stop, None
            stop()

    def _heard_over(self, question: Question) -> None:
        self._funnel.put((False, question))

    def _take(self, batch: list[tuple[bool, Question]]) -> None:
        if self._stop is None:
            return
        came: list[Question] = []
        with self.list.not_the_person():
            for is_asked, question in batch:
                if not is_asked:
                    self._is_over(question)
                elif question.is_open and self.questions.place_of(question) < 0:
                    self.questions.add(question)
                    came.append(question)
        # One that was withdrawn stays until the person has seen it.
        if self._question is None:
            self._go_on()
        self._show_count()
        for question in came:
            self.asked.emit(question)

    def _is_over(self, question: Question) -> None:
        if self.questions.place_of(question) < 0:
            return
        answer = question.answer
        if question.withdrawn:
            self.questions.refresh()
            form = self._forms.get(question.number)
            if form is not None:
                form.setEnabled(False)
            if question is self._question:
                self._show_question(question)
            return
        if answer is not None and answer.because:
            # Nobody here chose it.
            self.result.show_outcome(Outcome.WARNING, f"{title(question)}: answered as built in", answer.because)
            self.result.show()
        self._forget(question)

    def _forget(self, question: Question) -> None:
        with self.list.not_the_person():
            self.questions.remove(question)
        self._forms.pop(question.number, None)
        page = self._pages.pop(question.number, None)
        if page is not None:
            self.forms.removeWidget(page)
            page.deleteLater()
        if question is self._question:
            self._show_question(None)

    # --- the question shown

    @property
    def question(self) -> Question | None:
        """The one that is shown."""
        return self._question

    def show_question(self, question: Question) -> None:
        """Go to one."""
        row = self.questions.place_of(question)
        if row >= 0:
            self.list.show_row(self.questions.index(row, 0))
            self._show_question(question)

    def _choose(self, index: QModelIndex) -> None:
        question = self.questions.question(index.row())
        if question is not None:
            self._show_question(question)

    def _go_on(self) -> None:
        """To the oldest that is open, if there is one."""
        following = next((question for question in self.questions.questions() if question.is_open), None)
        if following is not None:
            self.show_question(following)

    def _show_question(self, question: Question | None) -> None:
        self._question = question
        has_any = bool(self.questions.questions())
        self.empty.show_when(not has_any)
        self.splitter.setVisible(has_any)
        self.details.setVisible(question is not None)
        self.request.set_question(question)
        if question is None:
            return
        form = self._forms.get(question.number)
        if form is None:
            # With the first question: it needs pydicom, which the window does not start with.
            from workstation.ui.viewers.questions.answer_forms import form_for

            form = self._forms[question.number] = form_for(question, self._theme, self._tasks)
            self._pages[question.number] = scrolled(form)
            self.forms.addWidget(self._pages[question.number])
        self.forms.setCurrentWidget(self._pages[question.number])
        is_open = not question.withdrawn
        form.setEnabled(is_open)
        self.head.setText(title(question))
        self.traffic.setVisible(bool(question.occasion.association))
        for widget in (self.send, self.built_in, self.more):
            widget.setVisible(is_open)
        self.remove.setVisible(not is_open)
        self.withdrawn.setVisible(not is_open)
        self.waits.setVisible(is_open)
        if not is_open:
            self.withdrawn.show_outcome(Outcome.CANCELLED, "Withdrawn", question.withdrawn)
        self._show_waits()

    def _show_waits(self) -> None:
        question = self._question
        if question is None:
            return
        text = f"Has waited for {waiting_text(time.time() - question.asked)}."
        if question.limit is not None:
            left = max(0.0, question.limit - question.seconds)
            text += f" Answered as built in after another {waiting_text(left)}."
        self.waits.setText(text)

    def _show_count(self) -> None:
        count = sum(question.is_open for question in self.questions.questions())
        self.setWindowTitle(f"Questions ({count})" if count else "Questions")
        has_any = bool(self.questions.questions())
        self.empty.show_when(not has_any)
        self.splitter.setVisible(has_any)
        self._arrange()
        self._run_clock()

    def _show_traffic(self) -> None:
        if self._question is not None:
            self.association_chosen.emit(self._question.occasion.association)

    # --- answering

    @action
    async def _send(self) -> None:
        question = self._question
        form = self._forms.get(question.number) if question is not None else None
        if question is None or form is None or not question.is_open:
            return
        self.send.setEnabled(False)
        try:
            reply = await form.read()
        except ValueError as error:
            form.problem.show_problem(str(error))
            return
        finally:
            self.send.setEnabled(True)
        self._answer(question, reply)

    def _reply(self, reply: Reply) -> None:
        if self._question is not None:
            self._answer(self._question, reply)

    def _answer(self, question: Question, reply: Reply) -> None:
        form = self._forms.get(question.number)
        names = form.names if form is not None else {}
        if not question.reply(reply):
            # Withdrawn meanwhile: that it is over has been put into the funnel, or will be.
            self.result.show_outcome(Outcome.CANCELLED, f"{title(question)}: too late", question.withdrawn)
            self.result.show()
            return
        outcome = Outcome.SUCCESS
        if reply.kind == "status" and code_to_category(reply.status) == "Failure":
            outcome = Outcome.FAILURE
        elif reply.kind in ("reject", "abort", "drop"):
            outcome = Outcome.CANCELLED
        self.result.show_outcome(outcome, f"{title(question)}: {reply_words(reply, names)}")
        self.result.show()
        self._forget(question)
        self._go_on()
        self._show_count()

    def _remove(self) -> None:
        if self._question is not None:
            self._forget(self._question)
            rest = self.questions.questions()
            if rest:
                self.show_question(rest[-1])
            self._go_on()
            self._show_count()

    def remove_withdrawn(self) -> None:
        """Take all that nobody waits for any more off the list."""
        for question in self.questions.questions():
            if question.withdrawn:
                self._forget(question)
        if self._question is None:
            self._go_on()
        self._show_count()

    def fill_menu(self, menu: QMenu, index: QModelIndex) -> None:
        """The actions for a row."""
        question = self.questions.question(index.row())
        if question is not None and question.occasion.association:
            number = question.occasion.association
            menu.addAction("Show its traffic", lambda: self.association_chosen.emit(number))
        if question is not None and question.is_open:
            menu.addAction("Answer as built in", lambda: self._answer(question, Reply.built_in()))
        menu.addSeparator()
        clear = menu.addAction("Remove those that are gone", self.remove_withdrawn)
        clear.setEnabled(any(each.withdrawn for each in self.questions.questions()))
        row = menu.addAction("Copy rows", lambda: copy_to_clipboard(self.list.rows_as_text()))
        row.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        row.setEnabled(index.isValid())

    # --- time and room

    def _tick(self) -> None:
        self.questions.refresh()
        self._show_waits()

    def _run_clock(self) -> None:
        is_needed = self.isVisible() and any(question.is_open for question in self.questions.questions())
        if is_needed and not self._clock.isActive():
            self._clock.start()
        elif not is_needed:
            self._clock.stop()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._tick()
        self._run_clock()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._clock.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wanted = Qt.Orientation.Vertical if event.size().width() < _NARROW else Qt.Orientation.Horizontal
        if wanted is self.splitter.orientation():
            return
        is_vertical = wanted is Qt.Orientation.Vertical
        self.splitter.setOrientation(wanted)
        length = event.size().height() if is_vertical else event.size().width()
        first = _LIST_HEIGHT if is_vertical else _LIST_WIDTH
        self.splitter.setSizes([first, max(1, length - first)])
        self._arrange()

    def _arrange(self) -> None:
        """One side or both."""
        is_narrow = self.splitter.orientation() is Qt.Orientation.Vertical
        self.tabs.setVisible(is_narrow)
        self.answer.setVisible(not is_narrow or self.tabs.currentIndex() == 0)
        self.request.setVisible(not is_narrow or self.tabs.currentIndex() == 1)
        # Where room is short a list of one tells nothing that the title does not.
        self.list.setVisible(not is_narrow or len(self.questions.questions()) > 1)


class _QuestionsList(TrafficTable):
    def __init__(self, theme: Theme, view: QuestionsView) -> None:
        super().__init__(theme, "questionsList", "Open questions")
        self._owner = view

    def resizeEvent(self, event: QResizeEvent) -> None:
        # The title says who asks, and "Traffic" goes to the association.
        self.header().setSectionHidden(ASSOCIATION, event.size().width() < _LIST_NARROW)
        super().resizeEvent(event)

    def fill_menu(self, menu: QMenu, index: QModelIndex) -> None:
        self._owner.fill_menu(menu, index)
