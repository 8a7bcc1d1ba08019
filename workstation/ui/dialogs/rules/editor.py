"""The rules of a server, as a list with the form of the chosen one beside or below it.

Values in, values out: whoever owns the rules gets all of them each time something was changed that can be. What cannot
be stays in its field, with a sentence, and the last good value is what counts. Knows no server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QLayout,
    QMenu,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation.scp.rules.book import Hits
from workstation.scp.rules.foreign import script_words, scripts_of, take_over
from workstation.scp.rules.rule import Action, Rule
from workstation.scp.rules.rule_file import load_rule_file, missing_files, save_rule_file
from workstation.traffic.text import printable
from workstation.ui.dialogs.rules.fields import (
    LABEL_WIDTH,
)
from workstation.ui.dialogs.rules.flow_layout import FlowLayout
from workstation.ui.dialogs.rules.rule_form import RuleForm
from workstation.ui.dialogs.rules.rule_list import RuleList, RuleModel
from workstation.ui.dialogs.rules.templates import BLANK, TEMPLATES, free_name
from workstation.ui.parts.icons import Icons
from workstation.ui.parts.widgets import (
    SPACE,
    DimLabel,
    MenuButton,
    Outcome,
    OutcomeLabel,
    heading,
    in_row,
    name_widget,
    plain_label,
    push_button,
    scrolled,
    stacked,
)
from workstation.ui.tasks import Tasks, action
from workstation.ui.theme import Theme

_TYPING = 300
"""Milliseconds without a change after which what was typed comes into force."""

_WIDE = 720
"""Pixels from which the form stands beside the list."""

_LIST_WIDTH = 300

_FRESH = "It is off until you choose below what is to happen."

_FILES = ["Rules (*.toml)", "All files (*)"]


class RulesEditor(QWidget):
    """All rules: what a server dialog or a window shows of them.

    Args:
        theme: Colours.
        tasks: For reading and writing files beside the window; without, files are read at once.
    """

    rules_changed = Signal(object)
    """All rules, as a tuple, after a change by the person."""
    script_edit_asked = Signal(str, str)
    """A script's path as the rule has it ("" for a new one) and the function, if one is named."""
    hits_reset_asked = Signal()
    """The person wants to count from the beginning: "every nth" and "the first n", too."""

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, tasks: Tasks | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("rulesEditor")
        self._theme = theme
        self._tasks = tasks
        self._folder: Path | None = None
        self._told: tuple[Rule, ...] = ()
        self._undo: Callable[[], None] | None = None
        self._is_fresh = False
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_TYPING)
        self._later.timeout.connect(self.flush)

        self.model = RuleModel(self)
        self.list = RuleList(theme, self.model)
        self.form = RuleForm(theme, lambda: self.model.names(but=self.list.row))
        self._area = scrolled(self.form)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._first_page())
        self._pages.addWidget(self._area)
        self._pages.setMinimumWidth(LABEL_WIDTH + 190)

        self._side = QWidget()
        self._side.setLayout(stacked(self._tools(), self.list, space=4))
        self._splitter = QSplitter()
        self._splitter.setObjectName("rulesSplitter")
        self._splitter.setChildrenCollapsible(False)
        self._splitter.addWidget(self._side)
        self._splitter.addWidget(self._pages)
        # what a rule does is read in the list: it takes its share of a large window
        self._splitter.setStretchFactor(0, 1)
        self._splitter.setStretchFactor(1, 2)
        self._splitter.setSizes([_LIST_WIDTH, 2 * _LIST_WIDTH])

        self._note = OutcomeLabel(theme)
        name_widget(self._note, "rulesNote", "What became of the last change")
        self.undo = push_button("&Undo", "undoDelete", "Bring the deleted rule back", self._take_back)
        note = in_row(self._note, self.undo)
        self._note_row = QWidget()
        self._note_row.setLayout(note)
        note.setStretch(0, 1)
        self._note_row.hide()
        layout = QVBoxLayout(self)
        # Side by side they would hold the window open wider than they need below each other.
        layout.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._splitter, 1)
        layout.addWidget(self._note_row)

        self.form.edited.connect(self._rule_edited)
        self.form.what.script_edit_asked.connect(self.script_edit_asked)
        self.model.switched.connect(self._switched)
        self.list.delete_asked.connect(self.delete_current)
        self.list.edit_asked.connect(self._edit_name)
        self.list.selectionModel().currentChanged.connect(lambda *_: self._show_current())
        for keys, act in (("Ctrl+N", self.add_blank), ("Ctrl+D", self.duplicate_current)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(act)
        self._show_current()

    # --- what is offered

    def _tools(self) -> QWidget:
        icons = Icons(self._theme, self)
        self.new = QToolButton()
        self.new.setText("New")
        self.new.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.new.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        icons.give(self.new, "add")
        name_widget(self.new, "newRule", "New rule", "An empty rule (Ctrl+N); with the arrow one that is ready made")
        self.new.clicked.connect(lambda: self.add_blank())
        menu = QMenu(self.new)
        menu.setObjectName("ruleTemplates")
        for group, rules in TEMPLATES:
            menu.addSection(group)
            for rule in rules:
                menu.addAction(rule.name).triggered.connect(lambda _=False, rule=rule: self.add_rule(rule))
        self.new.setMenu(menu)
        self.duplicate = self._tool(icons, "copy", "duplicateRule", "Duplicate", "A copy of this rule (Ctrl+D)")
        self.duplicate.clicked.connect(lambda: self.duplicate_current())
        self.delete = self._tool(icons, "remove", "deleteRule", "Delete", "Take this rule out (Del)")
        self.delete.clicked.connect(lambda: self.delete_current())
        self.up = self._arrow(Qt.ArrowType.UpArrow, "moveUp", "Move up", "Ask this rule earlier (Ctrl+Up)", -1)
        self.down = self._arrow(Qt.ArrowType.DownArrow, "moveDown", "Move down", "Ask this rule later (Ctrl+Down)", 1)
        self.more = MenuButton("More")
        self.more.setAutoRaise(True)
        name_widget(self.more, "moreRules", "More", "Rules from and to files, all off, counts")
        actions = QMenu(self.more)
        actions.setObjectName("moreRulesMenu")
        actions.addAction("Import Rules…").triggered.connect(self._choose_import)
        self._export = actions.addAction("Export Rules…")
        self._export.triggered.connect(self._choose_export)
        actions.addSeparator()
        self._all_on = actions.addAction("Switch All On")
        self._all_on.triggered.connect(lambda: self.switch_all(True))
        self._all_off = actions.addAction("Switch All Off")
        self._all_off.triggered.connect(lambda: self.switch_all(False))
        self._reset = actions.addAction("Count from the Beginning")
        self._reset.triggered.connect(self.hits_reset_asked)
        self.more.setMenu(actions)
        tools = QWidget()
        tools.setLayout(
            in_row(self.new, self.duplicate, self.delete, self.up, self.down, None, self.more, space=2),
        )
        for button in tools.findChildren(QToolButton):
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return tools

    def _tool(self, icons: Icons, drawing: str, object_name: str, name: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setAutoRaise(True)
        icons.give(button, drawing)
        name_widget(button, object_name, name, f"{name}: {tip[0].lower()}{tip[1:]}")
        return button

    def _arrow(self, arrow: Qt.ArrowType, object_name: str, name: str, tip: str, by: int) -> QToolButton:
        button = QToolButton()
        button.setAutoRaise(True)
        button.setArrowType(arrow)
        name_widget(button, object_name, name, tip)
        button.clicked.connect(lambda: self.list.move_current(by))
        return button

    def _first_page(self) -> QWidget:
        page = QWidget()
        title = heading("No rule yet: every request is answered as built in")
        title.setWordWrap(True)
        words = DimLabel(
            self._theme,
            "A rule says when (a C-STORE from CT1, every 3rd) and what then: another status, later, "
            "after asking you, from a script, or with a fault on purpose. The first rule that applies answers.",
        )
        layout = QVBoxLayout(page)
        layout.setContentsMargins(2 * SPACE, SPACE, SPACE, SPACE)
        layout.setSpacing(SPACE)
        layout.addWidget(title)
        layout.addWidget(words)
        layout.addWidget(plain_label("Begin with"))
        holder = QWidget()
        flow = FlowLayout(holder, across=SPACE, down=SPACE)
        flow.addWidget(push_button("An empty rule", "beginBlank", "A rule to fill in (Ctrl+N)", self.add_blank))
        for group, rules in TEMPLATES:
            rule = rules[0]
            button = push_button(
                rule.name, f"begin{group.replace(' ', '')}", "A rule that is ready made", partial(self.add_rule, rule)
            )
            flow.addWidget(button)
        flow.addWidget(
            push_button("Rules of a file…", "beginImport", "Rules that somebody wrote to a file", self._choose_import)
        )
        layout.addWidget(holder)
        layout.addStretch(1)
        return page

    # --- values

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules as they are now."""
        return self.model.rules

    def set_rules(self, rules: Iterable[Rule]) -> None:
        """Show these rules; emits nothing. What was just told to be changed may come back: it disturbs nobody."""
        wanted = tuple(rules)
        if wanted == self._told:
            return
        self._later.stop()
        self._told = wanted
        if wanted == self.model.rules:
            return
        row = self.list.row
        name = self.model.rule(row).name if row >= 0 else ""
        self.model.set_rules(wanted)
        if wanted:
            names = [rule.name for rule in wanted]
            self.list.choose(names.index(name) if name in names else min(max(row, 0), len(wanted) - 1))
        self._show_current()

    def set_hits(self, hits: Mapping[str, Hits]) -> None:
        """Show what became of the rules, by name."""
        self.model.set_hits(hits)

    def set_folder(self, folder: Path | None) -> None:
        """The folder of the profile's file: relative names of scripts and data sets begin there."""
        self._folder = folder
        self.form.what.set_folder(folder)
        self._look_for_files()

    def set_titles(self, titles: Iterable[str]) -> None:
        """The AE titles of peers that are known: offered while one is typed."""
        self.form.when.set_titles(titles)

    def select(self, name: str) -> None:
        """Choose the rule of this name."""
        for row, rule in enumerate(self.rules):
            if rule.name == name:
                self.list.choose(row)

    def choose_script(self, path: str, function: str = "") -> None:
        """Let a script, such as one just written, answer for the chosen rule."""
        self.form.what.choose_script(path, function)

    def show_problem(self, headline: str, detail: str = "") -> None:
        """Say what is wrong with the rules, such as a file that cannot be read."""
        self._say(Outcome.FAILURE, headline, detail)

    def flush(self) -> None:
        """Tell what was typed last; nothing if it is known."""
        self._later.stop()
        rules = self.model.rules
        self.form.settle()
        if rules != self._told:
            self._told = rules
            self.rules_changed.emit(rules)
        self._look_for_files()

    def _look_for_files(self) -> None:
        rule, folder = self.form.rule, self._folder
        if not self.isVisible():
            return
        if folder is None or not (rule.action.script or rule.action.data_sets):
            self.form.show_missing(())
        elif self._tasks is None:
            self.form.show_missing(missing_files(rule, folder))
        else:
            self._look_beside(rule, folder, self._tasks)

    @action
    async def _look_beside(self, rule: Rule, folder: Path, tasks: Tasks) -> None:
        found = await tasks.call(lambda: missing_files(rule, folder), name="look-for-files")
        if rule == self.form.rule:
            self.form.show_missing(found)

    # --- what a person does

    def add_blank(self) -> None:
        """Add an empty rule and begin with its name."""
        self.add_rule(BLANK)

    def add_rule(self, rule: Rule) -> None:
        """Add a rule below the chosen one, with a name that is free, and choose it.

        One that does nothing yet is off until it does: half made it would only keep the rules below from answering.
        """
        is_fresh = rule.action == Action()
        self._add(replace(rule, enabled=not is_fresh))
        self._is_fresh = is_fresh
        self.form.say_why_off(_FRESH if is_fresh else "")

    def _add(self, rule: Rule) -> None:
        self._insert(self.list.row + 1, rule.renamed(free_name(rule.name, self.model.names())))
        self._forget_note()
        self._edit_name()

    def duplicate_current(self) -> None:
        """Add a copy of the chosen rule below it."""
        row = self.list.row
        if row >= 0:
            self._add(self.model.rule(row))

    def delete_current(self) -> None:
        """Take the chosen rule out; it can be brought back."""
        row = self.list.row
        if row < 0:
            return
        rule = self.model.remove(row)
        self._say(Outcome.SUCCESS, f"Deleted “{printable(rule.name, 60)}”")
        self._undo = lambda: self._insert(min(row, len(self.rules)), rule)
        self.undo.show()
        self._show_current()
        self.flush()

    def switch_all(self, is_enabled: bool) -> None:
        """Switch every rule on or off."""
        for row, rule in enumerate(self.rules):
            self.model.put(row, replace(rule, enabled=is_enabled))
        self._switched()

    def _insert(self, row: int, rule: Rule) -> None:
        self.model.insert(row, rule)
        self.list.choose(row)
        self._show_current()
        self.flush()

    def _take_back(self) -> None:
        undo, self._undo = self._undo, None
        self._forget_note()
        if undo is not None:
            undo()

    def _edit_name(self) -> None:
        if self.list.row >= 0:
            self.form.name.editor.setFocus()
            self.form.name.editor.selectAll()

    def _rule_edited(self, rule: Rule) -> None:
        row = self.list.row
        if row < 0:
            return
        if self._is_fresh and rule.action != Action():
            self._is_fresh = False
            rule = replace(rule, enabled=True)
            self.form.set_enabled(True)
        self.model.put(row, rule)
        self._later.start()

    def _switched(self) -> None:
        row = self.list.row
        if row >= 0 and self.form.rule.enabled != self.model.rule(row).enabled:
            self._is_fresh = False
            self.form.set_enabled(self.model.rule(row).enabled)
        self._enable()
        self.flush()

    def _show_current(self) -> None:
        # What was typed for the one before is told before another is shown.
        self.flush()
        self._is_fresh = False
        row = self.list.row
        if row >= 0:
            self.form.set_rule(self.model.rule(row))
            self._look_for_files()
            self._area.verticalScrollBar().setValue(0)
        self._pages.setCurrentIndex(1 if row >= 0 else 0)
        self._side.setVisible(bool(self.rules))
        self._enable()

    def _enable(self) -> None:
        row, count = self.list.row, len(self.rules)
        for button in (self.duplicate, self.delete):
            button.setEnabled(row >= 0)
        self.up.setEnabled(row > 0)
        self.down.setEnabled(0 <= row < count - 1)
        self._export.setEnabled(count > 0)
        self._all_on.setEnabled(any(not rule.enabled for rule in self.rules))
        self._all_off.setEnabled(any(rule.enabled for rule in self.rules))
        self._reset.setEnabled(count > 0)

    # --- files

    def _choose_import(self) -> None:
        dialog = self._file_dialog("Import Rules", "importRulesDialog")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda path: self.import_file(Path(path)))
        dialog.open()

    def _choose_export(self) -> None:
        dialog = self._file_dialog("Export Rules", "exportRulesDialog")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("toml")
        dialog.selectFile("rules.toml")
        dialog.fileSelected.connect(lambda path: self.export_file(Path(path)))
        dialog.open()

    def _file_dialog(self, title: str, object_name: str) -> QFileDialog:
        dialog = QFileDialog(self, title)
        dialog.setObjectName(object_name)
        dialog.setNameFilters(_FILES)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if self._folder is not None:
            dialog.setDirectory(str(self._folder))
        return dialog

    def import_file(self, path: Path) -> None:
        """Add the rules of a file behind those that are there; one that is broken is explained."""
        if self._tasks is None:
            self._imported(path, *load_rule_file(path))
        else:
            self._import_beside(path, self._tasks)

    @action
    async def _import_beside(self, path: Path, tasks: Tasks) -> None:
        self._imported(path, *await tasks.call(lambda: load_rule_file(path), name="load-rules"))

    def _imported(self, path: Path, rules: tuple[Rule, ...], problems: list[str]) -> None:
        name = printable(path.name, 60)
        if problems:
            shown = "\n".join(printable(problem, 300) for problem in problems[:8])
            more = f"\nand {len(problems) - 8} more" if len(problems) > 8 else ""
            self._say(Outcome.FAILURE, f"Nothing was taken from {name}", shown + more)
            return
        if not rules:
            self._say(Outcome.WARNING, f"There is no rule in {name}.")
            return
        first = len(self.rules)
        scripts = scripts_of(rules)
        for rule in take_over(rules, path.absolute().parent, self._folder):
            self.model.insert(len(self.rules), rule.renamed(free_name(rule.name, self.model.names())))
        self.list.choose(first)
        self._show_current()
        added = f"{len(rules)} rule{'' if len(rules) == 1 else 's'} added from {name}"
        if scripts:
            self._say(Outcome.WARNING, f"{added}; those that run a script are off", script_words(scripts))
        else:
            self._say(Outcome.SUCCESS, added)
        self.flush()

    def export_file(self, path: Path) -> None:
        """Write all rules to a file."""
        rules = self.rules
        if self._tasks is None:
            self._exported(path, _saved(path, rules))
        else:
            self._export_beside(path, rules, self._tasks)

    @action
    async def _export_beside(self, path: Path, rules: tuple[Rule, ...], tasks: Tasks) -> None:
        self._exported(path, await tasks.call(lambda: _saved(path, rules), name="save-rules"))

    def _exported(self, path: Path, problem: str) -> None:
        name = printable(path.name, 60)
        if problem:
            self._say(Outcome.FAILURE, f"{name} could not be written", problem)
        else:
            self._say(Outcome.SUCCESS, f"Rules written to {name}", f"in {printable(str(path.parent), 200)}")

    # --- telling

    def _say(self, outcome: Outcome, headline: str, detail: str = "") -> None:
        self._undo = None
        self.undo.hide()
        self._note.show_outcome(outcome, headline, detail)
        self._note_row.show()

    def _forget_note(self) -> None:
        self._undo = None
        self._note_row.hide()

    # --- room

    def minimumSizeHint(self) -> QSize:
        return QSize(max(self._pages.minimumWidth(), self._side.minimumSizeHint().width()), 300)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wanted = Qt.Orientation.Horizontal if self.width() >= _WIDE else Qt.Orientation.Vertical
        if self._splitter.orientation() != wanted:
            self._splitter.setOrientation(wanted)
            whole, side = (self.width(), _LIST_WIDTH)
            if wanted is Qt.Orientation.Vertical:
                whole, side = self.height(), self.height() // 3
            self._splitter.setSizes([side, whole - side])

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._look_for_files()

    def hideEvent(self, event: QHideEvent) -> None:
        self.flush()
        super().hideEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        # Whoever turns to another window, to send what the rule is for, means what stands here.
        if event.type() is QEvent.Type.ActivationChange:
            self.flush()
        super().changeEvent(event)


def _saved(path: Path, rules: tuple[Rule, ...]) -> str:
    try:
        save_rule_file(path, rules)
    except OSError as error:
        return error.strerror or str(error)
    return ""
