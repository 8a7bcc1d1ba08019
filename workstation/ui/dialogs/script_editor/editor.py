"""The window in which a person writes scripts: opened or begun from a template, in force once saved.

Saving writes the file and has it loaded; what was wrong then, and what handlers raise later, stands beside its line.
Files are read and written in jobs. Knows scripts, neither the rules that name them nor the server that runs them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

from PySide6.QtCore import QFileSystemWatcher, QModelIndex, QObject, QSettings, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent, QTextCursor, QTextDocument
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QMessageBox,
    QSizePolicy,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation.scp.rules.rule import EVENT_WORDS
from workstation.scp.scripts import Problem, Script, ScriptError, Scripts
from workstation.traffic.text import printable
from workstation.ui.dialogs.dialog_memory import DialogMemory
from workstation.ui.dialogs.script_editor.cheat_sheet import CheatSheet, event_at
from workstation.ui.dialogs.script_editor.code_edit import CodeEdit
from workstation.ui.dialogs.script_editor.script_file import (
    ScriptFileError,
    content_of,
    event_words,
    example,
    grammar_problem,
    read_script,
    templates,
    write_script,
)
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.row_model import LEFT, RIGHT, Index, RowModel, Shown
from workstation.ui.parts.traffic_table import TrafficTable, copy_to_clipboard
from workstation.ui.parts.widgets import (
    DimLabel,
    MenuButton,
    Outcome,
    OutcomeLabel,
    heading,
    in_row,
    name_widget,
    plain_label,
    push_button,
)
from workstation.ui.tasks import Funnel, Tasks, action
from workstation.ui.theme import Theme

_TYPING = 400
# A file is often written in several steps.
_SETTLE = 150
_NARROW = 640
_PROBLEM_ROWS = 4
_SEEN = "scripts/own-code-seen"

_OWN_CODE = (
    "A script is your own code: it runs with your rights, on this computer, whenever a rule that names it applies. "
    "Open only scripts that you know."
)


_EMPTY = "# Begin with a template: New.\n# Or open a script: Open…"


class ProblemsModel(RowModel):
    """What was wrong with a script lately, the newest first."""

    titles = ("Line", "When", "What")
    title_tips: ClassVar[tuple[str, ...]] = ("In the script", "Loading it, or handling an event", "In a sentence")
    alignments = (RIGHT, LEFT, LEFT)

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(theme, parent)
        self._problems: list[Problem] = []

    def set_problems(self, problems: list[Problem]) -> None:
        """Show these."""
        self.beginResetModel()
        self._problems = problems
        self.endResetModel()

    def problem(self, row: int) -> Problem | None:
        """A shown one."""
        return self._problems[row] if 0 <= row < len(self._problems) else None

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._problems)

    def shown(self, row: int) -> Shown:
        problem = self._problems[row]
        when = EVENT_WORDS.get(problem.event, problem.event) if problem.kind == "run" else "loading"
        times = f"  × {problem.times:,}" if problem.times > 1 else ""
        line = str(problem.line) if problem.line else ""
        return Shown((line, when, printable(problem.sentence, 400) + times), ("", "dimmed", "failure"))

    def tip(self, row: int, column: int) -> str:
        return self._problems[row].details if column == 2 else ""


class ScriptEditor(QDialog):
    """Edits one script at a time.

    Args:
        theme: Colours.
        tasks: Runs what reads, writes and loads.
        scripts: Loads what is saved, and knows what went wrong.
        folder: Where new scripts are saved unless the person says otherwise.
        memory: The file that keeps the arrangement; None to keep none.
    """

    saved = Signal(object)
    """A script was saved; carries its `Path`."""

    def __init__(
        self,
        theme: Theme,
        tasks: Tasks,
        scripts: Scripts,
        folder: Path,
        memory: Path | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._tasks = tasks
        self._scripts = scripts
        self._folder = folder
        self._memory = memory
        self._path: Path | None = None
        self._content: bytes | None = None
        self._line_end = "\n"
        self._new_name = "script.py"
        self._may_close = False
        self._grammar: tuple[int, str] | None = None
        self._funnel: Funnel[Path] = Funnel(self._heard, self)
        self._stop_listening: Callable[[], None] | None = None
        self.setObjectName("scriptEditor")
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint)
        self.resize(900, 640)
        self._make_parts()
        self._lay_out()
        self._watcher = QFileSystemWatcher(self)
        self._settle = _single_shot(self, _SETTLE, self._look_at_disk)
        self._typing = _single_shot(self, _TYPING, self._check_grammar)
        self._watcher.fileChanged.connect(lambda _: self._settle.start())
        self._watcher.directoryChanged.connect(lambda _: self._settle.start())
        self.code.textChanged.connect(self._typing.start)
        self.code.setPlaceholderText(_EMPTY)
        self.code.document().modificationChanged.connect(self._modified)
        self._moving = _single_shot(self, _TYPING // 4, self._follow_cursor)
        self.code.cursorPositionChanged.connect(self._moving.start)
        self._show_title()
        if memory is not None:
            DialogMemory(self, memory, {"sides": self.sides, "rows": self.rows})
        self.listen()

    # --- parts

    def _make_parts(self) -> None:
        theme = self._theme
        self.new = MenuButton("New")
        self.new.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        name_widget(self.new, "scriptNew", "New script", "Begin with a template")
        menu = QMenu(self.new)
        for event in templates():
            menu.addAction(event_words(event), partial(self.begin_with, event))
        menu.addSeparator()
        menu.addAction("Example: an archive that has its days", partial(self.begin_with, ""))
        self.new.setMenu(menu)
        self.open_button = push_button("Open…", "scriptOpen", "Open a script (Ctrl+O)", self.ask_what_to_open)
        self.save_button = push_button("Save", "scriptSave", "Save and put in force (Ctrl+S)", self.save)
        self.save_as = push_button("Save as…", "scriptSaveAs", "Save under another name", self.ask_where_to_save)
        self.find_button = push_button("Find", "scriptFind", "Find in the script (Ctrl+F)", self.show_find)
        self.code = CodeEdit(theme)
        self.sheet = CheatSheet(theme)
        self.sheet.template_asked.connect(self.begin_with)
        self.place = DimLabel(theme, wrap=False)
        self.place.setObjectName("scriptPlace")
        self.place.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.outcome = OutcomeLabel(theme, "Save it to put it in force.")
        self.outcome.setObjectName("scriptResult")
        self._make_notices()
        self._make_find()
        self._make_problems()
        for keys, act in (
            (QKeySequence.StandardKey.Save, self.save),
            (QKeySequence.StandardKey.Open, self.ask_what_to_open),
            (QKeySequence.StandardKey.Find, self.show_find),
            (QKeySequence.StandardKey.FindNext, partial(self.find_next, 1)),
            (QKeySequence.StandardKey.FindPrevious, partial(self.find_next, -1)),
        ):
            QShortcut(QKeySequence(keys), self).activated.connect(act)

    def _make_notices(self) -> None:
        self.own_code = QWidget()
        self.own_code.setObjectName("scriptOwnCode")
        words = _wrapped(_OWN_CODE)
        self.understood = push_button("Understood", "scriptUnderstood", "Do not say this again", self._understand)
        row = in_row(words, self.understood)
        row.setStretch(0, 1)
        self.own_code.setLayout(row)
        self.own_code.setVisible(not self._has_understood())
        self.changed = QWidget()
        self.changed.setObjectName("scriptChanged")
        self.changed_words = _wrapped()
        self.take_file = push_button(
            "Take the file's", "scriptTakeFile", "Forget what stands here and show the file", self._take_the_files
        )
        self.keep_mine = push_button(
            "Keep mine", "scriptKeepMine", "Go on with what stands here; saving replaces the file", self._keep_mine
        )
        row = in_row(self.changed_words, self.take_file, self.keep_mine)
        row.setStretch(0, 1)
        self.changed.setLayout(row)
        self.changed.hide()

    def _make_find(self) -> None:
        self.find_bar = QWidget()
        self.find_words = QLineEdit()
        name_widget(self.find_words, "scriptFindWords", "Find", "Enter: next, Shift+Enter: previous, Esc: close")
        self.find_words.setPlaceholderText("Find")
        self.find_words.setClearButtonEnabled(True)
        self.found = DimLabel(self._theme, wrap=False)
        self.found.setObjectName("scriptFound")
        previous, following = QToolButton(), QToolButton()
        for button, arrow, name, step in (
            (previous, Qt.ArrowType.UpArrow, "Previous", -1),
            (following, Qt.ArrowType.DownArrow, "Next", 1),
        ):
            button.setArrowType(arrow)
            button.setAutoRaise(True)
            name_widget(button, f"scriptFind{name}", f"{name} one found", f"{name} one found")
            button.clicked.connect(partial(self.find_next, step))
        self.find_bar.setLayout(in_row(self.find_words, self.found, previous, following, space=2))
        self.find_words.textChanged.connect(lambda _: self._find_from_here())
        self.find_words.returnPressed.connect(partial(self.find_next, 1))
        QShortcut(
            QKeySequence("Shift+Return"), self.find_words, context=Qt.ShortcutContext.WidgetShortcut
        ).activated.connect(partial(self.find_next, -1))
        QShortcut(
            QKeySequence("Esc"), self.find_bar, context=Qt.ShortcutContext.WidgetWithChildrenShortcut
        ).activated.connect(self.hide_find)
        self.find_bar.hide()

    def _make_problems(self) -> None:
        self.problems_pane = QWidget()
        self.problems = _ProblemsTable(self._theme, self)
        self.problem_rows = ProblemsModel(self._theme, self.problems)
        self.problems.setModel(self.problem_rows)
        self.problems.size_columns(("0000", "N-EVENT-REPORT", "ValueError"), 2)
        self.problems.chosen.connect(self._go_to_problem)
        self.problems.setMinimumHeight(self.problems.fontMetrics().height() * (_PROBLEM_ROWS + 1))
        self.forget = push_button("Clear", "scriptForget", "Forget what went wrong when it ran", self._forget)
        layout = QVBoxLayout(self.problems_pane)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(in_row(heading("Problems"), None, self.forget))
        layout.addWidget(self.problems)
        self.problems_pane.hide()

    def _lay_out(self) -> None:
        text = QWidget()
        column = QVBoxLayout(text)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.find_bar)
        column.addWidget(self.code, 1)
        self.rows = QSplitter(Qt.Orientation.Vertical)
        self.rows.setChildrenCollapsible(False)
        self.rows.addWidget(text)
        self.rows.addWidget(self.problems_pane)
        self.rows.setStretchFactor(0, 1)
        self.rows.setSizes([430, 110])
        self.sides = QSplitter(Qt.Orientation.Horizontal)
        self.sides.addWidget(self.rows)
        self.sides.addWidget(self.sheet)
        self.sides.setStretchFactor(0, 1)
        self.sides.setSizes([620, 260])
        self.code.setMinimumWidth(240)
        self.sheet.setMinimumWidth(170)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        buttons = in_row(self.new, self.open_button, self.save_button, self.save_as, None, self.find_button, space=6)
        layout.addLayout(buttons)
        layout.addWidget(self.own_code)
        layout.addWidget(self.changed)
        layout.addWidget(self.place)
        layout.addWidget(self.sides, 1)
        layout.addWidget(self.outcome)

    # --- the notice

    def _has_understood(self) -> bool:
        if self._memory is None:
            return False
        settings = QSettings(str(self._memory), QSettings.Format.IniFormat)
        return str(settings.value(_SEEN, "")).lower() == "true"

    def _understand(self) -> None:
        self.own_code.hide()
        if self._memory is not None:
            QSettings(str(self._memory), QSettings.Format.IniFormat).setValue(_SEEN, "true")

    # --- what is edited

    @property
    def path(self) -> Path | None:
        """The file; None of a script that has not been saved yet."""
        return self._path

    @property
    def is_modified(self) -> bool:
        """Whether something was typed and not saved."""
        return self.code.document().isModified()

    def begin_with(self, event: str) -> None:
        """A new script from an event's template, or the example for "" (asks first if something is not saved)."""
        self._unless_unsaved(partial(self._begin, event))

    @action
    async def _begin(self, event: str) -> None:
        template = templates()[event] if event else example()
        try:
            found = await self._tasks.call(partial(read_script, template), name="read-template")
        except ScriptFileError as error:
            self.outcome.show_outcome(Outcome.FAILURE, "No template", str(error))
            return
        self._new_name = template.name if event else "my_archive.py"
        self._show_script(None, None, found.text)
        if event:
            self.sheet.show_event(event)
        # It is nobody's until it is saved.
        self.code.document().setModified(True)
        self.outcome.clear()

    def open_path(self, path: Path | str, line: int = 0, function: str = "") -> None:
        """Edit a file (asks first if something is not saved).

        Args:
            path: It.
            line: Where to go, from 1.
            function: Or to this function.
        """
        absolute = Path(path).expanduser().absolute()
        if absolute == self._path and self.is_modified:
            self._go_to(line, function)
            return
        self._unless_unsaved(partial(self._open, absolute, line, function))

    @action
    async def _open(self, path: Path, line: int, function: str) -> None:
        try:
            found = await self._tasks.call(partial(read_script, path), name="read-script")
        except ScriptFileError as error:
            self.outcome.show_outcome(Outcome.FAILURE, "Not opened", printable(str(error)))
            return
        self._line_end = found.line_end
        self._show_script(path, found.content, found.text)
        self._go_to(line, function)
        self.outcome.clear()

    def _show_script(self, path: Path | None, content: bytes | None, text: str) -> None:
        self._path, self._content = path, content
        self._grammar = None
        if content is None:
            self._line_end = "\n"
        self.code.set_text(text)
        self.changed.hide()
        self._watch()
        self._show_title()
        self._show_problems()
        self._check_grammar()

    def _go_to(self, line: int, function: str) -> None:
        if function and not line:
            lines = self.code.toPlainText().splitlines()
            starts = (number for number, each in enumerate(lines, 1) if each.startswith(f"def {function}("))
            line = next(starts, 0)
        self.code.go_to_line(line or 1)

    def _modified(self, is_modified: bool) -> None:
        self._show_title()
        if is_modified:
            # What was said was said of another text.
            self.outcome.clear()

    def _show_title(self) -> None:
        name = printable(self._path.name) if self._path is not None else "New script"
        self.setWindowTitle(f"{'• ' if self.is_modified else ''}{name} – Script")
        place = printable(str(self._path), 400) if self._path is not None else "Not saved yet"
        metrics = self.place.fontMetrics()
        self.place.setText(metrics.elidedText(place, Qt.TextElideMode.ElideMiddle, max(200, self.place.width())))
        self.place.setToolTip(plain_tooltip(place))

    # --- saving

    def save(self) -> None:
        """Save and put in force; asks where if it is new."""
        if self._path is None:
            self.ask_where_to_save()
        else:
            self.save_to(self._path)

    def ask_where_to_save(self) -> None:
        """Ask for the file's name."""
        self._folder.mkdir(parents=True, exist_ok=True)
        dialog = QFileDialog(self, "Save Script")
        dialog.setObjectName("scriptSaveDialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(["Python files (*.py)", "All files (*)"])
        dialog.setDefaultSuffix("py")
        dialog.setDirectory(str(self._path.parent if self._path is not None else self._folder))
        dialog.selectFile(self._path.name if self._path is not None else self._new_name)
        dialog.fileSelected.connect(lambda name: self.save_to(Path(name)))
        dialog.open()

    def ask_what_to_open(self) -> None:
        """Ask for a file."""
        dialog = QFileDialog(self, "Open Script")
        dialog.setObjectName("scriptOpenDialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters(["Python files (*.py)", "All files (*)"])
        dialog.setDirectory(str(self._path.parent if self._path is not None else self._folder))
        dialog.fileSelected.connect(lambda name: self.open_path(Path(name)))
        dialog.open()

    @action
    async def save_to(self, path: Path) -> None:
        """Write the file and have it loaded."""
        await self._save_to(path.expanduser().absolute())

    async def _save_to(self, path: Path) -> bool:
        text = self.code.toPlainText()
        if path == self._path and not self.changed.isVisible():
            # Somebody else may have written it since.
            there = await self._tasks.call(partial(content_of, path), name="look-at-script")
            if there is not None and self._content is not None and there != self._content:
                self._say_changed()
                return False
        try:
            content = await self._tasks.call(partial(write_script, path, text, self._line_end), name="write-script")
        except ScriptFileError as error:
            self.outcome.show_outcome(Outcome.FAILURE, "Not saved", printable(str(error)))
            return False
        self._path, self._content = path, content
        self.changed.hide()
        if self.code.toPlainText() == text:
            self.code.document().setModified(False)
        self._watch()
        self._show_title()
        self.saved.emit(path)
        self.outcome.show_outcome(Outcome.RUNNING, "Saved. Loading it…")
        await self._load(path)
        return True

    async def _load(self, path: Path) -> None:
        try:
            script = await self._tasks.call(partial(self._scripts.load, path), name="load-script")
        except ScriptError as error:
            self._say_not_in_force(error.sentence, error.line, "It has not been in force yet.")
        else:
            problems = [problem for problem in self._scripts.errors(path) if problem.kind == "load"]
            if problems:
                newest = problems[-1]
                self._say_not_in_force(newest.sentence, newest.line, "The version before stays in force.")
            else:
                self._say_in_force(script)
        self._show_problems()

    def _say_in_force(self, script: Script) -> None:
        handled = [EVENT_WORDS.get(event, event) for event in script.handlers]
        if handled:
            self.outcome.show_outcome(Outcome.SUCCESS, f"Saved and in force: {', '.join(handled)}")
        else:
            self.outcome.show_outcome(
                Outcome.WARNING,
                "Saved, but it handles nothing",
                "Define a function such as handle_store(event), or list functions in HANDLERS.",
            )

    def _say_not_in_force(self, sentence: str, line: int, what_then: str) -> None:
        place = f"Line {line}: " if line else ""
        self.outcome.show_outcome(Outcome.FAILURE, f"{place}{printable(sentence, 400)}", f"Saved. {what_then}")

    # --- the file changes

    def _watch(self) -> None:
        watched = [*self._watcher.files(), *self._watcher.directories()]
        if watched:
            self._watcher.removePaths(watched)
        if self._path is not None:
            # The folder too: an editor that writes beside and renames ends the watch of the file.
            self._watcher.addPaths([str(path) for path in (self._path, self._path.parent) if path.exists()])

    @action
    async def _look_at_disk(self) -> None:
        path = self._path
        if path is None:
            return
        there = await self._tasks.call(partial(content_of, path), name="look-at-script")
        if path != self._path or there is None or there == self._content:
            return
        if str(path) not in self._watcher.files():
            self._watcher.addPath(str(path))
        if self.is_modified:
            self._say_changed()
        else:
            self._take_the_files()

    def _say_changed(self) -> None:
        self.changed_words.setText("The file has changed since it was opened here.")
        self.changed.show()

    @action
    async def _take_the_files(self) -> None:
        path = self._path
        if path is None:
            return
        line = self.code.line
        try:
            found = await self._tasks.call(partial(read_script, path), name="read-script")
        except ScriptFileError as error:
            self.outcome.show_outcome(Outcome.FAILURE, "Not read again", printable(str(error)))
            return
        if path != self._path:
            return
        self._line_end = found.line_end
        self._show_script(path, found.content, found.text)
        self._go_to(line, "")
        self.outcome.show_outcome(Outcome.IDLE, "The file has changed and is shown as it is now.")

    @action
    async def _keep_mine(self) -> None:
        if self._path is not None:
            self._content = await self._tasks.call(partial(content_of, self._path), name="look-at-script")
        self.changed.hide()

    # --- problems

    def listen(self) -> None:
        """Hear of new versions and problems."""
        if self._stop_listening is None:
            self._stop_listening = self._scripts.listen(self._funnel.put)

    def _heard(self, paths: list[Path]) -> None:
        if self._path in paths:
            self._show_problems()

    @action
    async def _check_grammar(self) -> None:
        text = self.code.toPlainText()
        name = self._path.name if self._path is not None else self._new_name
        found = await self._tasks.call(partial(grammar_problem, text, name), name="check-script")
        if self.code.toPlainText() == text:
            self._grammar = found
            self._show_problems()

    def _show_problems(self) -> None:
        known = list(self._scripts.errors(self._path)) if self._path is not None else []
        known.reverse()
        if self._grammar is not None:
            line, sentence = self._grammar
            known = [problem for problem in known if (problem.line, problem.sentence) != (line, sentence)]
            known.insert(0, Problem(sentence=sentence, line=line))
        with self.problems.not_the_person():
            self.problem_rows.set_problems(known)
        signs: dict[int, str] = {}
        for problem in reversed(known):
            if problem.line:
                signs[problem.line] = problem.sentence
        self.code.set_problems(signs)
        self.problems_pane.setVisible(bool(known))
        self.forget.setVisible(any(problem.kind == "run" for problem in known))

    def _go_to_problem(self, index: QModelIndex) -> None:
        problem = self.problem_rows.problem(index.row())
        if problem is not None and problem.line:
            self.code.go_to_line(problem.line)

    def _forget(self) -> None:
        if self._path is not None:
            self._scripts.forget_errors(self._path)
            self._show_problems()

    def fill_menu(self, menu: QMenu, index: QModelIndex) -> None:
        """The actions for a problem."""
        problem = self.problem_rows.problem(index.row())
        details = menu.addAction(
            "Copy traceback", lambda: copy_to_clipboard(problem.details if problem is not None else "")
        )
        details.setEnabled(problem is not None and bool(problem.details))
        rows = menu.addAction("Copy rows", lambda: copy_to_clipboard(self.problems.rows_as_text()))
        rows.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        rows.setEnabled(index.isValid())

    # --- finding and the cheat sheet

    def show_find(self) -> None:
        """Open the line for what to find, beginning with what is selected."""
        chosen = self.code.textCursor().selectedText()
        self.find_bar.show()
        if chosen and "\u2029" not in chosen:
            self.find_words.setText(chosen)
        self.find_words.setFocus()
        self.find_words.selectAll()

    def hide_find(self) -> None:
        """Close it."""
        self.find_bar.hide()
        self.code.setFocus()

    def find_next(self, step: int = 1) -> None:
        """Go to the next place, or with -1 to the one before; goes round at the end."""
        words = self.find_words.text()
        if not words:
            self.found.setText("")
            return
        flags = QTextDocument.FindFlag.FindBackward if step < 0 else QTextDocument.FindFlag(0)
        if self.code.find(words, flags):
            self.found.setText("")
            return
        cursor = self.code.textCursor()
        place = QTextCursor(cursor)
        cursor.movePosition(QTextCursor.MoveOperation.End if step < 0 else QTextCursor.MoveOperation.Start)
        self.code.setTextCursor(cursor)
        if self.code.find(words, flags):
            self.found.setText("went round")
        else:
            self.code.setTextCursor(place)
            self.found.setText("none")

    def _find_from_here(self) -> None:
        cursor = self.code.textCursor()
        cursor.setPosition(cursor.selectionStart())
        self.code.setTextCursor(cursor)
        self.find_next(1)

    def _follow_cursor(self) -> None:
        block = self.code.textCursor().block()
        number = block.blockNumber()
        if not self.sheet.isVisible() or self.sheet.events.hasFocus():
            return
        event = event_at(self.code.toPlainText().splitlines(), number)
        if event and event != self.sheet.event_name:
            self.sheet.show_event(event)

    # --- leaving

    def _unless_unsaved(self, then: Callable[[], object]) -> None:
        """Do something that replaces the text, after asking what becomes of what was typed."""
        if not self.is_modified or not self.code.toPlainText().strip():
            then()
            return
        question = QMessageBox(self)
        question.setObjectName("scriptUnsaved")
        question.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        question.setIcon(QMessageBox.Icon.Question)
        question.setTextFormat(Qt.TextFormat.PlainText)
        question.setWindowTitle("Script")
        name = printable(self._path.name) if self._path is not None else "The new script"
        question.setText(f"{name} has changes that are not saved.")
        save = question.addButton("Save", QMessageBox.ButtonRole.AcceptRole)
        save.setObjectName("scriptUnsavedSave")
        discard = question.addButton("Discard", QMessageBox.ButtonRole.DestructiveRole)
        discard.setObjectName("scriptUnsavedDiscard")
        question.addButton(QMessageBox.StandardButton.Cancel)
        question.setDefaultButton(save)
        save.clicked.connect(lambda: self._save_then(then))
        discard.clicked.connect(lambda: then())
        question.open()

    @action
    async def _save_then(self, then: Callable[[], object]) -> None:
        if self._path is None:
            # What was asked for can be asked for again once it has a name.
            self.ask_where_to_save()
        elif await self._save_to(self._path):
            then()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.listen()
        self._show_title()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # In a narrow window the script has all of it.
        self.sheet.setVisible(event.size().width() >= _NARROW)
        self._show_title()

    def reject(self) -> None:
        # Esc, and how QDialog closes.
        if self.is_modified and not self._may_close:
            self._unless_unsaved(self._close)
        else:
            self._close()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.is_modified and not self._may_close:
            event.ignore()
            self._unless_unsaved(self._close)
        else:
            super().closeEvent(event)

    def _close(self) -> None:
        self.shut_down()
        self._may_close = True
        super().reject()
        self._may_close = False

    def shut_down(self) -> None:
        """Hear and watch nothing any more; `listen` begins again."""
        if self._stop_listening is not None:
            self._stop_listening()
            self._stop_listening = None
        for timer in (self._settle, self._typing, self._moving):
            timer.stop()


class _ProblemsTable(TrafficTable):
    def __init__(self, theme: Theme, editor: ScriptEditor) -> None:
        super().__init__(theme, "scriptProblems", "Problems of the script")
        self._owner = editor

    def fill_menu(self, menu: QMenu, index: QModelIndex) -> None:
        self._owner.fill_menu(menu, index)


def _wrapped(text: str = "") -> QLabel:
    """A label whose height follows its width."""
    label = plain_label(text, wrap=True)
    policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    policy.setHeightForWidth(True)
    label.setSizePolicy(policy)
    return label


def _single_shot(parent: QObject, milliseconds: int, act: Callable[[], object]) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(act)
    return timer
