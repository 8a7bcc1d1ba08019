"""The editor of scripts: templates, saving, what is wrong and where, files that change, finding, leaving."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dialog_kit import focus
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from workstation.net import AE, build_context, evt
from workstation.net.events import INTERVENTION_EVENTS
from workstation.scp.rules.rule import EVENTS
from workstation.scp.scripts import Scripts
from workstation.ui.dialogs.script_editor.cheat_sheet import event_at
from workstation.ui.dialogs.script_editor.code_edit import CodeEdit
from workstation.ui.dialogs.script_editor.editor import ScriptEditor
from workstation.ui.dialogs.script_editor.highlighter import PythonHighlighter
from workstation.ui.dialogs.script_editor.script_file import (
    CHEATS,
    LARGEST,
    ScriptFileError,
    grammar_problem,
    read_script,
    templates,
    write_script,
)
from workstation.ui.parts.widgets import Outcome
from workstation.ui.tasks import Tasks
from workstation.ui.theme import Appearance, Theme

ECHO = "def handle_echo(event):\n    return 0x0000\n"


@pytest.fixture
def scripts() -> Scripts:
    return Scripts()


Make = Callable[..., ScriptEditor]


@pytest.fixture
def make(qtbot: QtBot, qt_loop: asyncio.AbstractEventLoop, scripts: Scripts, tmp_path: Path) -> Iterator[Make]:
    made: list[ScriptEditor] = []
    tasks = Tasks()

    def making(memory: Path | None = None) -> ScriptEditor:
        editor = ScriptEditor(Theme(), tasks, scripts, tmp_path / "scripts", memory)
        qtbot.addWidget(editor)
        editor.show()
        made.append(editor)
        return editor

    yield making
    for editor in made:
        editor.code.document().setModified(False)
        editor.close()
    tasks.cancel_all()
    qtbot.waitUntil(lambda: tasks.running == 0)


@pytest.fixture
def editor(make: Make) -> ScriptEditor:
    return make()


@pytest.fixture
def opened(qtbot: QtBot, editor: ScriptEditor, tmp_path: Path) -> ScriptEditor:
    path = tmp_path / "script.py"
    path.write_text(ECHO)
    editor.open_path(path)
    qtbot.waitUntil(lambda: editor.path == path)
    return editor


def type_over(editor: ScriptEditor, text: str) -> None:
    editor.code.selectAll()
    editor.code.insertPlainText(text)


def saved(qtbot: QtBot, editor: ScriptEditor) -> Outcome:
    """Save, and how it went."""
    with qtbot.waitSignal(editor.saved):
        qtbot.mouseClick(editor.save_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: editor.outcome.outcome is not Outcome.RUNNING)
    return editor.outcome.outcome


def box_of(qtbot: QtBot, editor: ScriptEditor) -> QMessageBox:
    qtbot.waitUntil(lambda: editor.findChild(QMessageBox, "scriptUnsaved") is not None)
    box = editor.findChild(QMessageBox, "scriptUnsaved")
    assert isinstance(box, QMessageBox)
    return box


def press(qtbot: QtBot, box: QMessageBox, name: str) -> None:
    button = box.findChild(QPushButton, name)
    assert button is not None
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


# templates


def test_there_is_a_template_and_a_cheat_sheet_for_each_event() -> None:
    assert set(templates()) == set(CHEATS) == set(EVENTS)


def test_what_the_cheat_sheet_promises_is_there() -> None:
    from workstation.net.events import Event

    for event in INTERVENTION_EVENTS:
        for name, _ in CHEATS[event.name].attributes:
            attribute = name.split("(")[0].split(".")[1]
            assert hasattr(Event, attribute) or attribute in Event.__annotations__, name


# Of each kind one: that every template answers is tested with scripts.
@pytest.mark.parametrize("event", ["A-ASSOCIATE", "EVT_USER_ID", "EVT_C_FIND", "EVT_N_CREATE"])
def test_a_template_is_saved_and_in_force(
    event: str, qtbot: QtBot, editor: ScriptEditor, scripts: Scripts, tmp_path: Path
) -> None:
    menu = editor.new.menu()
    assert menu is not None
    next(act for act, name in zip(menu.actions(), templates(), strict=False) if name == event).trigger()
    qtbot.waitUntil(lambda: "def handle_" in editor.code.toPlainText())
    assert editor.sheet.event_name == event
    assert editor.is_modified
    assert editor.path is None
    path = tmp_path / "mine.py"
    with qtbot.waitSignal(editor.saved):
        editor.save_to(path)
    qtbot.waitUntil(lambda: editor.outcome.outcome is Outcome.SUCCESS)
    assert path.read_bytes() == templates()[event].read_bytes()
    assert not editor.is_modified
    assert list(scripts.load(path).handlers) == [event]
    assert not editor.problems_pane.isVisible()


def test_a_new_script_asks_for_its_name(qtbot: QtBot, editor: ScriptEditor, tmp_path: Path) -> None:
    editor.begin_with("EVT_C_STORE")
    qtbot.waitUntil(lambda: editor.is_modified)
    qtbot.mouseClick(editor.save_button, Qt.MouseButton.LeftButton)
    dialog = editor.findChild(QFileDialog, "scriptSaveDialog")
    assert isinstance(dialog, QFileDialog)
    assert Path(dialog.selectedFiles()[0]) == tmp_path / "scripts" / "store.py"
    with qtbot.waitSignal(editor.saved):
        dialog.accept()
    assert editor.path == tmp_path / "scripts" / "store.py"
    qtbot.waitUntil(lambda: editor.outcome.text == "Saved and in force: C-STORE")


# saving


def test_what_is_saved_answers_the_next_request(qtbot: QtBot, opened: ScriptEditor, scripts: Scripts) -> None:
    path = opened.path
    assert path is not None
    ae = AE("SERVER")
    server = ae.start_server(
        ("127.0.0.1", 0),
        block=False,
        contexts=[build_context("1.2.840.10008.1.1")],
        evt_handlers=[(evt.EVT_C_ECHO, lambda event: scripts.handler(path, "EVT_C_ECHO")(event))],
    )
    assert server is not None
    client = AE("CLIENT")
    client.add_requested_context("1.2.840.10008.1.1")
    association = client.associate(*server.server_address[:2])
    try:
        assert association.send_c_echo().Status == 0x0000
        type_over(opened, ECHO.replace("0x0000", "0x0122"))
        assert association.send_c_echo().Status == 0x0000
        assert saved(qtbot, opened) is Outcome.SUCCESS
        assert association.send_c_echo().Status == 0x0122
        type_over(opened, "def handle_echo(event):\n    raise RuntimeError('not today')\n")
        assert saved(qtbot, opened) is Outcome.SUCCESS
        assert association.send_c_echo().Status == 0x0000  # whoever answers an echo is there
        qtbot.waitUntil(lambda: opened.code.problems == {2: "RuntimeError: not today"})
        assert opened.problem_rows.shown(0).texts == ("2", "C-ECHO", "RuntimeError: not today")
        association.send_c_echo()
        qtbot.waitUntil(lambda: opened.problem_rows.shown(0).texts[2].endswith("× 2"))
    finally:
        association.release()
        ae.shutdown()
    qtbot.mouseClick(opened.forget, Qt.MouseButton.LeftButton)
    assert not opened.problems_pane.isVisible()


def test_a_mistake_is_shown_beside_its_line_while_typing_and_saving_keeps_the_version_before(
    qtbot: QtBot, opened: ScriptEditor, scripts: Scripts
) -> None:
    assert opened.path is not None
    assert saved(qtbot, opened) is Outcome.SUCCESS
    type_over(opened, "def handle_echo(event):\n    return (0\n")
    qtbot.waitUntil(lambda: opened.code.problems == {2: "'(' was never closed."})
    assert opened.problems_pane.isVisible()
    assert saved(qtbot, opened) is Outcome.FAILURE
    assert opened.outcome.text == "Line 2: '(' was never closed.\nSaved. The version before stays in force."
    assert opened.problem_rows.rowCount() == 1
    assert scripts.handler(opened.path, "EVT_C_ECHO")(None) == 0  # type: ignore[arg-type]
    opened.code.moveCursor(QTextCursor.MoveOperation.Start)
    opened.problems.choose(opened.problem_rows.index(0, 0))
    assert opened.code.line == 2
    type_over(opened, ECHO)
    qtbot.waitUntil(lambda: not opened.code.problems or scripts.errors(opened.path) != ())
    assert saved(qtbot, opened) is Outcome.SUCCESS
    qtbot.waitUntil(lambda: not opened.problems_pane.isVisible())


def test_a_script_that_fails_when_loaded_was_never_in_force(qtbot: QtBot, opened: ScriptEditor) -> None:
    type_over(opened, "import sys\nsys.exit(1)\n")
    assert saved(qtbot, opened) is Outcome.FAILURE
    assert opened.outcome.text == (
        "Line 2: The script ended itself (sys.exit, 1).\nSaved. It has not been in force yet."
    )


def test_a_script_that_handles_nothing_says_so(qtbot: QtBot, opened: ScriptEditor) -> None:
    type_over(opened, "def store(event): return 0\n")
    assert saved(qtbot, opened) is Outcome.WARNING
    assert opened.outcome.text.startswith("Saved, but it handles nothing")


def test_control_s_saves_and_the_title_tells_what_is_not_saved(qtbot: QtBot, opened: ScriptEditor) -> None:
    assert opened.windowTitle() == "script.py – Script"
    focus(qtbot, opened.code)
    qtbot.keyClicks(opened.code, "# ")
    assert opened.windowTitle() == "• script.py – Script"
    with qtbot.waitSignal(opened.saved):
        qtbot.keyClick(opened.code, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    assert opened.windowTitle() == "script.py – Script"
    assert opened.path is not None
    assert opened.path.read_text() == f"# {ECHO}"
    qtbot.waitUntil(lambda: opened.outcome.outcome is not Outcome.RUNNING)


def test_what_cannot_be_written_is_said_and_stays_unsaved(qtbot: QtBot, opened: ScriptEditor, tmp_path: Path) -> None:
    type_over(opened, "x = 1\n")
    opened.save_to(tmp_path / "no such folder" / "script.py")
    qtbot.waitUntil(lambda: opened.outcome.outcome is Outcome.FAILURE)
    assert opened.outcome.text == "Not saved\nscript.py cannot be written: No such file or directory."
    assert opened.is_modified


# files


def test_a_file_keeps_its_line_ends_its_mode_and_its_link(tmp_path: Path) -> None:
    path, link = tmp_path / "script.py", tmp_path / "link.py"
    path.write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 2\r\n")
    path.chmod(0o600)
    link.symlink_to(path)
    found = read_script(link)
    assert (found.text, found.line_end) == ("a = 1\nb = 2\n", "\r\n")
    write_script(link, "c = 3\n", found.line_end)
    assert path.read_bytes() == b"c = 3\r\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert link.is_symlink()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link.py", "script.py"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"\xff\xfe", "is no UTF-8 text: see its byte 0"), (b"#" * (LARGEST + 1), "cannot be edited here")],
)
def test_what_is_no_text_is_not_opened(
    content: bytes, sentence: str, qtbot: QtBot, opened: ScriptEditor, tmp_path: Path
) -> None:
    other = tmp_path / "other.py"
    other.write_bytes(content)
    opened.open_path(other)
    qtbot.waitUntil(lambda: opened.outcome.outcome is Outcome.FAILURE)
    assert sentence in opened.outcome.text
    assert opened.path == tmp_path / "script.py"
    with pytest.raises(ScriptFileError, match="cannot be read"):
        read_script(tmp_path / "missing.py")


def replace_file(path: Path, text: str) -> None:
    """As other editors write: beside, and renamed."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


def test_a_file_that_changes_is_shown_anew(qtbot: QtBot, opened: ScriptEditor) -> None:
    assert opened.path is not None
    for number in (1, 2):
        replace_file(opened.path, f"{ECHO}# {number}\n")
        qtbot.waitUntil(lambda number=number: opened.code.toPlainText().endswith(f"# {number}\n"))
    assert not opened.is_modified
    assert not opened.changed.isVisible()


def test_a_file_that_changes_beneath_unsaved_text_asks(qtbot: QtBot, opened: ScriptEditor) -> None:
    assert opened.path is not None
    type_over(opened, "# mine\n")
    replace_file(opened.path, "# theirs\n")
    qtbot.waitUntil(opened.changed.isVisible)
    assert opened.code.toPlainText() == "# mine\n"
    qtbot.mouseClick(opened.take_file, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: opened.code.toPlainText() == "# theirs\n")
    assert not opened.is_modified
    type_over(opened, "# mine again\n")
    replace_file(opened.path, "# theirs again\n")
    qtbot.waitUntil(opened.changed.isVisible)
    qtbot.mouseClick(opened.keep_mine, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not opened.changed.isVisible())
    saved(qtbot, opened)
    assert opened.path.read_text() == "# mine again\n"


def test_saving_looks_before_it_overwrites(qtbot: QtBot, opened: ScriptEditor) -> None:
    assert opened.path is not None
    type_over(opened, "# mine\n")
    opened._watcher.blockSignals(True)  # the news of the change has not come yet
    opened.path.write_text("# theirs\n")
    opened.save()
    qtbot.waitUntil(opened.changed.isVisible)
    assert opened.path.read_text() == "# theirs\n"
    # said once: the second time it is meant
    saved(qtbot, opened)
    assert opened.path.read_text() == "# mine\n"
    opened._watcher.blockSignals(False)


# leaving


def test_closing_with_unsaved_changes_asks(qtbot: QtBot, opened: ScriptEditor) -> None:
    assert opened.path is not None
    type_over(opened, "# mine\n")
    opened.close()
    assert opened.isVisible()
    box = box_of(qtbot, opened)
    box.reject()
    qtbot.waitUntil(lambda: opened.findChild(QMessageBox, "scriptUnsaved") is None)
    opened.reject()  # Esc
    press(qtbot, box_of(qtbot, opened), "scriptUnsavedSave")
    qtbot.waitUntil(lambda: not opened.isVisible())
    assert opened.path.read_text() == "# mine\n"


def test_opening_another_with_unsaved_changes_asks(qtbot: QtBot, opened: ScriptEditor, tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text("# other\n\ndef one(event): pass\n\ndef two(event): pass\n")
    type_over(opened, "# mine\n")
    opened.open_path(other, function="two")
    press(qtbot, box_of(qtbot, opened), "scriptUnsavedDiscard")
    qtbot.waitUntil(lambda: opened.path == other)
    assert opened.code.line == 5
    opened.open_path(other, line=3)
    qtbot.waitUntil(lambda: opened.code.line == 3)
    assert (tmp_path / "script.py").read_text() == ECHO


def test_a_closed_editor_hears_nothing_and_an_open_one_does_again(
    qtbot: QtBot, opened: ScriptEditor, scripts: Scripts
) -> None:
    opened.close()
    assert not scripts._listeners
    opened.show()
    assert len(scripts._listeners) == 1


def test_that_it_is_ones_own_code_is_said_until_it_is_understood(make: Make, qtbot: QtBot, tmp_path: Path) -> None:
    memory = tmp_path / "window.ini"
    first = make(memory)
    assert first.own_code.isVisible()
    qtbot.mouseClick(first.understood, Qt.MouseButton.LeftButton)
    assert not first.own_code.isVisible()
    assert not make(memory).own_code.isVisible()


# the text


@pytest.fixture
def code(qtbot: QtBot) -> CodeEdit:
    made = CodeEdit(Theme())
    qtbot.addWidget(made)
    made.resize(500, 300)
    made.show()
    return made


def keys(qtbot: QtBot, code: CodeEdit, *pressed: Any) -> str:
    for each in pressed:
        if isinstance(each, str):
            qtbot.keyClicks(code, each)
        elif isinstance(each, tuple):
            qtbot.keyClick(code, each[0], each[1])
        else:
            qtbot.keyClick(code, each)
    return code.toPlainText()


ENTER, TAB, BACK = Qt.Key.Key_Return, Qt.Key.Key_Tab, Qt.Key.Key_Backspace
BACK_TAB = (Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
COMMENT = (Qt.Key.Key_Slash, Qt.KeyboardModifier.ControlModifier)


def test_lines_are_indented_as_python_wants_it(qtbot: QtBot, code: CodeEdit) -> None:
    text = keys(qtbot, code, "def f():", ENTER, "if x:", ENTER, "return 1", ENTER, "y = 2", ENTER, BACK, "z = 3")
    assert text == "def f():\n    if x:\n        return 1\n    y = 2\nz = 3"
    code.selectAll()
    assert keys(qtbot, code, TAB).splitlines()[0] == "    def f():"
    assert keys(qtbot, code, BACK_TAB) == text
    assert keys(qtbot, code, COMMENT).splitlines()[2] == "#         return 1"
    assert keys(qtbot, code, COMMENT) == text
    code.undo()
    assert code.toPlainText().startswith("# def")
    code.clear()
    assert keys(qtbot, code, "ab", TAB, "c") == "ab  c"


def colours(code: CodeEdit, line: int) -> dict[str, str]:
    """What is coloured in a line -> its colour."""
    block = code.document().findBlockByNumber(line)
    text = block.text()
    return {
        text[each.start : each.start + each.length]: each.format.foreground().color().name()
        for each in block.layout().formats()
    }


@pytest.mark.parametrize("appearance", [Appearance.LIGHT, Appearance.DARK])
def test_python_is_coloured(appearance: Appearance, code: CodeEdit) -> None:
    theme = code._theme
    theme.set_appearance(appearance)
    code.set_text(
        'def name(event):  # why\n    return 0xA700, "a \\" b", len(x)\n'
        '"""long\n# no comment\nend""" + 1\n@deco\nif\'s\'\n'
    )
    assert colours(code, 0) == {
        "def": theme.accent.name(),
        "name": theme.text.name(),
        "# why": theme.dimmed.name(),
    }
    assert colours(code, 1) == {
        "return": theme.accent.name(),
        "0xA700": theme.received.name(),
        '"a \\" b"': theme.success.name(),
        "len": theme.pending.name(),
    }
    assert colours(code, 3) == {"# no comment": theme.success.name()}
    assert colours(code, 4) == {'end"""': theme.success.name(), "1": theme.received.name()}
    assert colours(code, 5) == {"@deco": theme.warning.name()}
    theme.set_appearance(Appearance.LIGHT)


def test_a_long_script_is_coloured_little_by_little(qtbot: QtBot, code: CodeEdit) -> None:
    code.set_text('"""long\n' + "text\n" * 3000 + '"""\nreturn 1\n')
    last = code.blockCount() - 2
    qtbot.waitUntil(lambda: "return" in colours(code, last))
    assert colours(code, 1500) == {"text": code._theme.success.name()}


def test_any_text_can_be_coloured(code: CodeEdit) -> None:
    for text in ("'", '"""', "'''\n'''", "\\", "f'{x", "0x", "@", "é = ''", "\0", "r'''\n\\'''", "'" * 999):
        code.set_text(text)
    assert isinstance(code.highlighter, PythonHighlighter)


def test_the_margin_has_signs_and_their_sentences(qtbot: QtBot, code: CodeEdit) -> None:
    code.set_text("a\nb\nc\n")
    before = code.margin.grab().toImage()
    code.set_problems({2: "NameError: name 'b' is not defined"})
    after = code.margin.grab().toImage()
    assert before != after
    y = code.cursorRect(QTextCursor(code.document().findBlockByNumber(1))).center().y()
    assert code.line_at(y) == 2
    code.document().setPlainText("x\n" * 2000)
    assert code.margin_width() > 40
    code.go_to_line(1500)
    assert code.line == 1500
    code.go_to_line(99_999)
    assert code.line == 1500


# finding, and the cheat sheet


def test_find_goes_round_and_says_what_is_not_there(qtbot: QtBot, opened: ScriptEditor) -> None:
    type_over(opened, "one\ntwo one\nthree\n")
    opened.code.moveCursor(QTextCursor.MoveOperation.Start)
    focus(qtbot, opened.code)
    qtbot.keyClick(opened.code, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert opened.find_bar.isVisible()
    qtbot.keyClicks(opened.find_words, "one")
    assert opened.code.textCursor().selectionStart() == 0
    qtbot.keyClick(opened.find_words, Qt.Key.Key_Return)
    assert opened.code.textCursor().selectionStart() == 8
    qtbot.keyClick(opened.find_words, Qt.Key.Key_Return)
    assert (opened.code.textCursor().selectionStart(), opened.found.text()) == (0, "went round")
    qtbot.keyClick(opened.find_words, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert opened.code.textCursor().selectionStart() == 8
    opened.find_words.setText("four")
    assert opened.found.text() == "none"
    qtbot.keyClick(opened.find_words, Qt.Key.Key_Escape)
    assert not opened.find_bar.isVisible()
    assert opened.isVisible()


def test_the_cheat_sheet_follows_the_cursor(qtbot: QtBot, opened: ScriptEditor) -> None:
    type_over(
        opened,
        "from workstation.net import evt\ndef handle_n_get(event):\n    x\n\ndef mine(event):\n    y\n"
        "HANDLERS = [\n  (evt.EVT_N_GET, handle_n_get),\n  (evt.EVT_USER_ID, mine)]\n",
    )
    opened.code.go_to_line(3)
    qtbot.waitUntil(lambda: opened.sheet.event_name == "EVT_N_GET")
    assert "event.attribute_identifiers" in opened.sheet.text.toPlainText()
    opened.code.go_to_line(6)
    qtbot.waitUntil(lambda: opened.sheet.event_name == "EVT_USER_ID")
    assert event_at(["x = 1"], 0) == ""
    assert event_at(["def other():", "  x"], 1) == ""
    opened.resize(500, 500)
    assert not opened.sheet.isVisible()


def test_the_menu_of_a_problem_copies_its_traceback(qtbot: QtBot, opened: ScriptEditor) -> None:
    type_over(opened, "\n1 / 0\n")
    assert saved(qtbot, opened) is Outcome.FAILURE
    qtbot.waitUntil(lambda: opened.problem_rows.rowCount() == 1)
    menu = QMenu()
    opened.fill_menu(menu, opened.problem_rows.index(0, 0))
    menu.actions()[0].trigger()
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    assert "ZeroDivisionError" in clipboard.text()


def test_grammar_is_looked_at_and_nothing_is_run(tmp_path: Path) -> None:
    assert grammar_problem("import os\nos.mkdir('x')\n", "a.py") is None
    assert not Path("x").exists()
    assert grammar_problem("x = '\\d'\n", "a.py") is None
    assert grammar_problem("a b", "a.py") == (1, "Invalid syntax.")
    assert grammar_problem("\0", "a.py") is not None
    assert grammar_problem("(" * 5000, "a.py") is not None


def test_names_of_files_stay_text(qtbot: QtBot, editor: ScriptEditor, tmp_path: Path) -> None:
    if os.name != "posix":
        return
    path = tmp_path / "<b>\u202eyp.py"
    path.write_text(ECHO)
    editor.open_path(path)
    qtbot.waitUntil(lambda: editor.path == path)
    assert "\u202e" not in editor.windowTitle() + editor.place.text() + editor.place.toolTip()
    assert "&lt;b&gt;" in editor.place.toolTip()
