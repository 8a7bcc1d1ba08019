"""The answer to one question, as a form: a status with data sets, the values of a negotiation, or yes and no.

A form says what is typed as a `Reply`, or why it is none. It neither sends nor waits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from pydicom.dataset import Dataset
from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLabel,
    QPlainTextEdit,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from workstation.net.codec.pdu import A_ASSOCIATE_RJ
from workstation.net.status import code_to_category
from workstation.net.uids import uid_name
from workstation.scp.asking import MOST_PREFILLED, Question, Reply
from workstation.scp.data_set_text import from_text, to_text
from workstation.scp.question_words import draft
from workstation.scp.rules.rule import check_key
from workstation.scp.rules.statuses import statuses_of
from workstation.traffic.text import quantity
from workstation.ui.parts.widgets import (
    CheckedField,
    DimLabel,
    ProblemLabel,
    StatusChooser,
    in_row,
    name_widget,
    push_button,
    sentence_of,
    still,
)
from workstation.ui.tasks import Tasks, action
from workstation.ui.theme import Theme

LONGEST_COMMENT = 64
# A tag's own comma parts nothing.
_KEYS = re.compile(r"\(?[0-9A-Fa-f]{4},[0-9A-Fa-f]{4}\)?|[^\s,;]+")
_TYPING = 250
_MOST = {"none": 0, "one": 1, "many": None}
# Every pair that PS3.8 Table 9-21 names, and the others by their numbers.
_REASONS = range(1, 11)


class AnswerForm(QWidget):
    """The answer to one question.

    Args:
        question: It.
        theme: Colours.
        tasks: Runs what reads and decodes.
    """

    edited = Signal()

    def __init__(self, question: Question, theme: Theme, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.question = question
        self._theme = theme
        self._tasks = tasks
        self.problem = ProblemLabel(theme)
        self.problem.setObjectName("answerProblem")

    @property
    def names(self) -> dict[int, str]:
        """Statuses by number, for saying what was answered."""
        return {}

    async def read(self) -> Reply:
        """What is typed.

        Raises:
            ValueError: It is no answer; with a sentence.
        """
        raise NotImplementedError

    def show_reply(self, reply: Reply) -> None:
        """Show an answer for editing."""
        raise NotImplementedError

    def focus_first(self) -> None:
        """Put the keyboard where the answer begins."""


# --- services


class ServiceForm(AnswerForm):
    """A status, what goes with it, and data sets."""

    def __init__(self, question: Question, theme: Theme, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(question, theme, tasks, parent)
        occasion = question.occasion
        self.status = StatusChooser(theme)
        self.status.combo.setMinimumContentsLength(14)
        self.status.offer(statuses_of(occasion.event, occasion.sop_class), 0)
        self.comment = CheckedField(theme, sentence_of(check_comment))
        name_widget(self.comment.editor, "answerComment", "Error comment", "Goes out with the status; 64 characters")
        self.comment.editor.setPlaceholderText("none")
        self.offending = CheckedField(theme, sentence_of(read_tags))
        name_widget(
            self.offending.editor,
            "answerOffending",
            "Offending elements",
            "Keywords or tags like 0010,0020, with commas between them",
        )
        self.offending.editor.setPlaceholderText("none")
        self.keep = QCheckBox("Store the object all the same")
        name_widget(self.keep, "answerKeep", "Store the object", "Whether the archive gets it although it is refused")
        form = self._rows = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(8)
        form.setVerticalSpacing(4)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Status", self.status)
        form.addRow("Comment", self.comment)
        form.addRow("Offending", self.offending)
        if occasion.event == "EVT_C_STORE":
            form.addRow("", self.keep)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(form)
        self._make_editor(theme)
        if question.data_sets == "none":
            layout.addWidget(self.problem)
            layout.addStretch(1)
        else:
            layout.addLayout(in_row(self._title, self.count, None, space=6))
            layout.addLayout(in_row(self.use_built_in, self.use_request, None, space=6))
            # Above the text: below it, it would be out of sight in a low dock.
            layout.addWidget(self.problem)
            layout.addWidget(self.text, 1)
        self.status.chosen.connect(self._status_chosen)
        for field in (self.comment, self.offending):
            field.editor.textChanged.connect(lambda _: self.edited.emit())
        self.keep.toggled.connect(lambda _: self.edited.emit())
        self._status_chosen(0)

    def _make_editor(self, theme: Theme) -> None:
        self._title = QLabel("Matches" if self.question.data_sets == "many" else "Data set")
        self.count = DimLabel(theme, wrap=False)
        self.count.setObjectName("answerCount")
        self.use_built_in = push_button(
            "Built-in answer",
            "answerPrefill",
            f"Fill in what would be answered without the rule, {MOST_PREFILLED} matches at most",
            self.prefill,
        )
        self.use_built_in.setVisible(self.question.can_prefill)
        self.use_request = push_button(
            "From the request", "answerDraft", "Fill in what the request names, to be completed", self.fill_draft
        )
        self.text = QPlainTextEdit()
        several = ", and --- between matches" if self.question.data_sets == "many" else ""
        name_widget(
            self.text,
            "answerDataSets",
            "Data sets of the answer",
            f"One element a line: PatientName = Doe^Jane; items of a sequence below it, each after a dash{several}. "
            "DICOM JSON is understood, too.",
        )
        self.text.setFont(theme.fixed_font())
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setTabChangesFocus(True)
        self.text.setMinimumHeight(QFontMetrics(self.text.font()).height() * 4)
        # It takes the room there is: the page would scroll for the lines that it would like to have.
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        example = "PatientName = Doe^Jane\nPatientID = 4711"
        self.text.setPlaceholderText(example if self.question.data_sets == "one" else f"{example}\n---\n…")
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(_TYPING)
        self._typing.timeout.connect(self._check)
        self.text.textChanged.connect(self._changed)

    @property
    def names(self) -> dict[int, str]:
        return self.status.names

    def focus_first(self) -> None:
        self.status.combo.setFocus()

    async def read(self) -> Reply:
        status = self.status.status
        if status is None:
            raise ValueError("Choose a status, or type up to four hexadecimal digits, like A700.")
        for field, name in ((self.comment, "The comment"), (self.offending, "The offending elements")):
            if field.problem:
                raise ValueError(f"{name}: {field.problem}")
        data_sets = await self._data_sets()
        return Reply.with_status(
            status,
            self.comment.text.strip(),
            read_tags(self.offending.text),
            data_sets,
            keep=self.keep.isChecked() and self.keep.isEnabled(),
        )

    def show_reply(self, reply: Reply) -> None:
        self.status.offer(self.status.names.items(), reply.status)
        self.comment.editor.setText(reply.comment)
        self._status_chosen(reply.status)

    async def _data_sets(self) -> tuple[Dataset, ...]:
        text = self.text.toPlainText()
        if not text.strip():
            return ()
        most = _MOST[self.question.data_sets]
        return tuple(await self._tasks.call(partial(from_text, text, most=most), name="read-answer"))

    def _status_chosen(self, status: int) -> None:
        is_refused = code_to_category(status) not in ("Success", "Warning")
        # What succeeds is stored anyway.
        self.keep.setEnabled(is_refused)
        # Nor does it need a reason: the room is for the data sets.
        is_success = code_to_category(status) == "Success"
        for field in (self.comment, self.offending):
            self._rows.setRowVisible(field, not is_success or bool(field.text))
        self.edited.emit()

    def _changed(self) -> None:
        self._typing.start()
        self.edited.emit()

    @action
    async def _check(self) -> None:
        text = self.text.toPlainText()
        try:
            found = await self._data_sets()
        except ValueError as error:
            words, problem = "", str(error)
        else:
            noun = "match" if self.question.data_sets == "many" else "data set"
            words, problem = quantity(len(found), noun, f"{noun}es" if noun == "match" else ""), ""
        if self.text.toPlainText() == text:
            self.count.setText(words if text.strip() else "")
            self.problem.show_problem(problem)

    @action
    async def prefill(self) -> None:
        """Show what would be answered without the rule."""
        await self._fill(self.use_built_in, partial(_built_in_text, self.question))

    @action
    async def fill_draft(self) -> None:
        """Show what the request names."""
        await self._fill(self.use_request, partial(_draft_text, self.question))

    async def _fill(self, button: QWidget, make: Callable[[], tuple[Reply | None, str]]) -> None:
        button.setEnabled(False)
        try:
            reply, text = await self._tasks.call(make, name="prefill-answer")
        except ValueError as error:
            self.problem.show_problem(str(error))
            return
        finally:
            button.setEnabled(True)
        if reply is not None:
            self.show_reply(reply)
        self.text.setPlainText(text)
        self.text.setFocus()
        if not text:
            self.count.setText("nothing to fill in")


def _built_in_text(question: Question) -> tuple[Reply | None, str]:
    reply = question.prefill()
    return reply, to_text(reply.data_sets)


def _draft_text(question: Question) -> tuple[Reply | None, str]:
    return None, draft(question)


def check_comment(text: str) -> None:
    """Raise ValueError if a text is no Error Comment (an LO of the default character set, PS3.7 Annex E)."""
    if len(text) > LONGEST_COMMENT:
        raise ValueError(f"It has {len(text)} characters; an error comment has at most {LONGEST_COMMENT}.")
    if not text.isascii() or not text.isprintable() or "\\" in text:
        raise ValueError("It may have ASCII characters only, and no backslash.")


def read_tags(text: str) -> tuple[int, ...]:
    """The tags of keywords and tags; a tag's own comma does not part it.

    Raises:
        ValueError: One is neither.
    """
    return tuple(check_key(word) for word in _KEYS.findall(text))


# --- negotiation


class NegotiationForm(AnswerForm):
    """The values that answer one of the four negotiation events."""

    def __init__(self, question: Question, theme: Theme, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(question, theme, tasks, parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        self.verified = QCheckBox("Let the user in")
        self.response = CheckedField(theme, sentence_of(read_hex))
        self.invoked, self.performed = QSpinBox(), QSpinBox()
        still(self.invoked)
        still(self.performed)
        self.text = QPlainTextEdit()
        self.text.setFont(theme.fixed_font())
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setTabChangesFocus(True)
        match question.occasion.event:
            case "EVT_USER_ID":
                self._make_user(layout, theme)
            case "EVT_ASYNC_OPS":
                self._make_window(layout, theme)
            case _:
                self._make_uids(layout, theme)
        layout.addWidget(self.problem)
        self._begin()

    def _make_user(self, layout: QVBoxLayout, theme: Theme) -> None:
        name_widget(self.verified, "answerVerified", "Let the user in", "Otherwise the association is rejected")
        self.verified.setChecked(True)
        name_widget(
            self.response.editor,
            "answerResponse",
            "Server response",
            "Hexadecimal digits; sent if the peer asks for a response and gave a ticket, an assertion or a token",
        )
        self.response.editor.setPlaceholderText("none")
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("", self.verified)
        form.addRow("Server response", self.response)
        layout.addLayout(form)
        layout.addStretch(1)
        self.verified.toggled.connect(lambda _: self.edited.emit())
        self.response.editor.textChanged.connect(lambda _: self.edited.emit())

    def _make_window(self, layout: QVBoxLayout, theme: Theme) -> None:
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        for box, name, label in (
            (self.invoked, "answerInvoked", "Operations invoked"),
            (self.performed, "answerPerformed", "Operations performed"),
        ):
            box.setRange(0, 65535)
            box.setValue(1)
            box.setSpecialValueText("any number")
            name_widget(box, name, label)
            box.valueChanged.connect(lambda _: self.edited.emit())
            form.addRow(label, box)
        layout.addLayout(form)
        layout.addWidget(
            DimLabel(theme, "The answer goes out as chosen; this side performs one at a time all the same.")
        )
        layout.addStretch(1)

    def _make_uids(self, layout: QVBoxLayout, theme: Theme) -> None:
        if self.question.occasion.event == "EVT_SOP_EXTENDED":
            words = "Answer of each SOP class, in hexadecimal digits. A line that is deleted is not answered."
        else:
            words = "SOP classes that are accepted, one a line. One that is deleted is not."
        name_widget(self.text, "answerUids", words)
        layout.addWidget(DimLabel(theme, words))
        layout.addWidget(self.text, 1)
        self.text.textChanged.connect(self.edited)

    def _begin(self) -> None:
        """Begin with what the peer proposes."""
        event = self.question.event
        if event is None:
            return
        match event.name:
            case "EVT_SOP_EXTENDED":
                self._show_extended({str(uid): bytes(info).hex(" ") for uid, info in event.app_info.items()})
            case "EVT_SOP_COMMON":
                self._show_common([str(uid) for uid in event.items])

    def _show_extended(self, answers: dict[str, str]) -> None:
        lines = [f"{uid} = {digits}    # {uid_name(uid)}" for uid, digits in answers.items()]
        self.text.setPlainText("\n".join(lines))

    def _show_common(self, uids: list[str]) -> None:
        self.text.setPlainText("\n".join(f"{uid}    # {uid_name(uid)}" for uid in uids))

    def focus_first(self) -> None:
        for widget in (self.verified, self.invoked, self.text):
            if self.isAncestorOf(widget):
                widget.setFocus()
                return

    async def read(self) -> Reply:
        match self.question.occasion.event:
            case "EVT_USER_ID":
                response = read_hex(self.response.text)
                return Reply.negotiated({"verified": self.verified.isChecked(), "response": response})
            case "EVT_ASYNC_OPS":
                return Reply.negotiated({"invoked": self.invoked.value(), "performed": self.performed.value()})
            case "EVT_SOP_EXTENDED":
                return Reply.negotiated({"answers": read_extended(self.text.toPlainText())})
        return Reply.negotiated({"accepted": [uid for _, uid in _uid_lines(self.text.toPlainText())]})

    def show_reply(self, reply: Reply) -> None:
        values = reply.values
        if "verified" in values:
            self.verified.setChecked(values["verified"])
            self.response.editor.setText(values.get("response", ""))
        if "invoked" in values:
            self.invoked.setValue(values["invoked"])
            self.performed.setValue(values.get("performed", 1))
        if "answers" in values:
            self._show_extended(dict(values["answers"]))
        if "accepted" in values:
            self._show_common(list(values["accepted"]))


def read_hex(text: str) -> str:
    """Hexadecimal digits without what parts them.

    Raises:
        ValueError: They are none.
    """
    try:
        return bytes.fromhex(text).hex()
    except ValueError:
        raise ValueError("Write bytes as pairs of hexadecimal digits, like 01 00 ff.") from None


def _uid_lines(text: str) -> list[tuple[int, str]]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0].strip()
        if content:
            found.append((number, content))
    return found


def read_extended(text: str) -> dict[str, str]:
    """UID = digits, a line each.

    Raises:
        ValueError: A line is something else.
    """
    answers = {}
    for number, line in _uid_lines(text):
        uid, equals, digits = line.partition("=")
        if not equals:
            raise ValueError(f"Line {number}: write a SOP Class UID, = and the answer in hexadecimal digits.")
        try:
            answers[uid.strip()] = read_hex(digits)
        except ValueError as error:
            raise ValueError(f"Line {number}: {error}") from None
    return answers


# --- association requests


class AssociationForm(AnswerForm):
    """Yes, or no with result, source and reason (PS3.8 Table 9-21)."""

    def __init__(self, question: Question, theme: Theme, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(question, theme, tasks, parent)
        self.decision, self.result, self.source, self.reason = (QComboBox() for _ in range(4))
        name_widget(self.decision, "answerDecision", "Accept or reject")
        self.decision.addItem("Accept: negotiate the contexts", True)
        self.decision.addItem("Reject", False)
        for value in (1, 2):
            self.result.addItem(_words(A_ASSOCIATE_RJ(value, 1, 1).result_text), value)
        for value in (1, 2, 3):
            self.source.addItem(_words(A_ASSOCIATE_RJ(1, value, 1).source_text), value)
        name_widget(self.result, "answerResult", "Result")
        name_widget(self.source, "answerSource", "Source")
        name_widget(self.reason, "answerReason", "Reason")
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for label, combo in (
            ("Decision", self.decision),
            ("Result", self.result),
            ("Source", self.source),
            ("Reason", self.reason),
        ):
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            combo.setMinimumContentsLength(12)
            still(combo)
            self._form.addRow(label, combo)
            combo.currentIndexChanged.connect(lambda _: self.edited.emit())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._form)
        layout.addStretch(1)
        layout.addWidget(self.problem)
        self.source.currentIndexChanged.connect(self._offer_reasons)
        self.decision.currentIndexChanged.connect(self._show_details)
        self._offer_reasons()
        self._show_details()

    def _offer_reasons(self) -> None:
        source = self.source.currentData()
        self.reason.clear()
        for value in _REASONS:
            text = A_ASSOCIATE_RJ(1, source, value).reason_text
            if text != "reserved":
                self.reason.addItem(f"{value}  {_words(text)}", value)
        for value in (0, *_REASONS):
            if self.reason.findData(value) < 0:
                self.reason.addItem(f"{value}  reserved", value)

    def _show_details(self) -> None:
        for combo in (self.result, self.source, self.reason):
            self._form.setRowVisible(combo, not self.decision.currentData())

    def focus_first(self) -> None:
        self.decision.setFocus()

    async def read(self) -> Reply:
        if self.decision.currentData():
            return Reply.accepted()
        return Reply.rejected(self.result.currentData(), self.source.currentData(), self.reason.currentData())

    def show_reply(self, reply: Reply) -> None:
        self.decision.setCurrentIndex(0 if reply.kind == "accept" else 1)


def _words(text: str) -> str:
    """The standard's words for a person."""
    text = text.replace("DICOM UL ", "").replace("-", " ")
    return text[:1].upper() + text[1:]


def form_for(question: Question, theme: Theme, tasks: Tasks) -> AnswerForm:
    """The form that a question needs."""
    match question.kind:
        case "association":
            return AssociationForm(question, theme, tasks)
        case "negotiation":
            return NegotiationForm(question, theme, tasks)
    return ServiceForm(question, theme, tasks)
