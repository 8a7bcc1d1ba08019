from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from workstation.ui.theme import Theme
from workstation.ui.viewers.message.bytes_view import BytesView

DATA = bytes(range(256)) * 4


@pytest.fixture
def view(qtbot: QtBot) -> BytesView:
    view = BytesView(Theme(), lambda offset: f"field {offset // 16}")
    qtbot.addWidget(view)
    view.resize(700, 300)
    view.show()
    view.set_bytes(DATA)
    return view


def spot(view: BytesView, offset: int) -> QPoint:
    """A point on a byte in the hexadecimal part, found by asking."""
    for y in range(5, view.viewport().height(), view._line):
        for x in range(0, view.viewport().width(), 3):
            if view.offset_at(QPoint(x, y)) == offset:
                return QPoint(x + 4, y + 3)
    raise AssertionError(f"byte {offset} is not in sight")


@pytest.mark.parametrize("offset", [0, 7, 8, 15, 16, 100])
def test_a_click_goes_to_the_byte(view: BytesView, qtbot: QtBot, offset: int) -> None:
    with qtbot.waitSignal(view.byte_selected) as caught:
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=spot(view, offset))
    assert caught.args == [offset]


def test_every_column_is_found_again_in_both_parts(view: BytesView) -> None:
    for column in range(16):
        x = int(view._hex_x(column) + view._cell)
        assert view.offset_at(QPoint(x, 6)) == column
        assert view.offset_at(QPoint(int(view._text_left() + (column + 0.5) * view._cell), 6)) == column
    assert view.offset_at(QPoint(2, 6)) == -1


def test_columns_follow_the_width(view: BytesView, qtbot: QtBot) -> None:
    assert view._columns == 16
    view.resize(400, 300)
    assert view._columns == 8
    view.resize(240, 300)
    assert view._columns == 4


def test_a_marked_field_is_painted_and_brought_into_sight(view: BytesView) -> None:
    theme = Theme()
    view.mark([(800, 4)])
    assert view.marks == ((800, 4),)
    picture = view.viewport().grab().toImage()
    colours = {picture.pixelColor(x, y).name() for x in range(0, 600, 2) for y in range(0, picture.height(), 3)}
    assert theme.marked.name() in colours
    assert view.verticalScrollBar().value() > 0
    assert view.offset_at(spot(view, 800)) == 800


def test_keys_move_and_select(view: BytesView, qtbot: QtBot) -> None:
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.cursor_offset == 0
    qtbot.keyClick(view, Qt.Key.Key_Down)
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert view.cursor_offset == 31
    with qtbot.assertNotEmitted(view.byte_selected):
        qtbot.keyClick(view, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert view.selection() == DATA[31:33]
    qtbot.keyClick(view, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    assert view.cursor_offset == len(DATA) - 1
    qtbot.keyClick(view, Qt.Key.Key_PageUp)
    assert view.cursor_offset < len(DATA) - 16


def test_copy_takes_the_selection_or_the_marked_field(view: BytesView, qtbot: QtBot) -> None:
    view.mark([(0x41, 3)])
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().text() == "41 42 43"
    view.copy_text()
    assert QApplication.clipboard().text() == "ABC"
    view.copy_python()
    assert QApplication.clipboard().text() == "b'ABC'"
    view.copy_offset()
    assert QApplication.clipboard().text() == "0x0041"
    qtbot.keyClick(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert view.selection() == DATA


def test_the_menu_offers_what_can_be_copied(view: BytesView) -> None:
    texts = {action.text(): action.isEnabled() for action in view.make_menu().actions() if action.text()}
    assert texts["Copy as hexadecimal"] is False
    view.go_to(3)
    assert all(action.isEnabled() for action in view.make_menu().actions())


def test_what_is_told_of_a_byte(view: BytesView) -> None:
    view.go_to(0x41)
    assert view.accessibleDescription() == "Offset 0x0041 (65): 0x41, 65 'A'\nfield 4"


def test_a_megabyte_is_painted_at_once(view: BytesView, qtbot: QtBot) -> None:
    view.set_bytes(bytes(1 << 20), "not all of it")
    painted = []
    original = view._paint_row
    view._paint_row = lambda *a: (painted.append(a[1]), original(*a))  # type: ignore[method-assign]
    view.viewport().grab()
    assert len(painted) < 40


def test_no_bytes_no_harm(view: BytesView, qtbot: QtBot) -> None:
    view.set_bytes(b"")
    qtbot.keyClick(view, Qt.Key.Key_Down)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(100, 20))
    view.mark([(0, 0)])
    assert view.selection() == b""
    assert view.cursor_offset == -1


def test_what_was_found_is_underlined_until_there_are_other_bytes(view: BytesView) -> None:
    theme = Theme()

    def accents() -> int:
        picture = view.viewport().grab().toImage()
        return sum(
            picture.pixelColor(x, y) == theme.accent
            for x in range(0, picture.width(), 24)
            for y in range(0, picture.height())
        )

    before = accents()
    view.set_found([(0, 1), (14, 40)])
    assert accents() > before + 10
    view.set_bytes(b"abc")
    assert view.found == []


def test_selecting_goes_there_and_keeps_the_selection(view: BytesView, qtbot: QtBot) -> None:
    with qtbot.waitSignal(view.byte_selected) as caught:
        view.select(800, 5)
    assert caught.args == [800]
    assert view.selection() == DATA[800:805]
    assert view.verticalScrollBar().value() > 0
    view.select(len(DATA) - 1, 10)
    assert view.cursor_offset == len(DATA) - 1


def test_a_dump_of_the_selection_has_its_offsets(view: BytesView) -> None:
    view.select(0x41, 18)
    view.copy_dump()
    first, second = QApplication.clipboard().text().splitlines()
    assert first == "0041  41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f 50  ABCDEFGHIJKLMNOP"
    assert second.split() == ["0051", "51", "52", "QR"]
