"""The table that paints itself: what is drawn where, how often the model is asked, keyboard, and opening rows."""

from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtCore import QModelIndex, QPoint, QRect, Qt
from PySide6.QtGui import QAccessible, QColor, QImage, QPixmap
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from workstation.ui.parts.painted_table import PaintedTable
from workstation.ui.parts.row_model import CENTRE, LEFT, RIGHT, Index, RowModel, Shown
from workstation.ui.theme import Appearance, Theme


class Fruit(RowModel):
    """Rows of three columns; every tenth has two below it."""

    titles = ("Name", "Count", "What")
    title_tips = ("a", "b", "c")
    alignments = (LEFT, RIGHT, CENTRE)
    branch_column = 0
    icon_column = 2

    def __init__(self, theme: Theme, count: int = 1000) -> None:
        super().__init__(theme)
        self.count = count
        self.asked: Counter[int] = Counter()
        self.open: list[int] = []
        self.icon = QPixmap(8, 8)
        self.icon.fill(QColor("#ff00ff"))

    def lines(self) -> list[tuple[int, int]]:
        below = {head: range(3) if head in self.open else range(1) for head in range(self.count)}
        return [(head, place) for head in range(self.count) for place in below[head]]

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else self.count + 2 * len(self.open)

    def at(self, row: int) -> tuple[int, int]:
        return (row, 0) if not self.open else self.lines()[row]

    def shown(self, row: int) -> Shown:
        self.asked[row] += 1
        head, place = self.at(row)
        if place:
            return Shown((f"below {head}", "", "end"), ("failure", "", ""), depth=1, is_sentence=place == 2)
        is_open = head in self.open if head % 10 == 0 else None
        icon = self.icon if head == 2 else None
        return Shown((f"row {head}", f"{head:,}", ""), ("sent", "", ""), is_open=is_open, icon=icon)

    def tip(self, row: int, column: int) -> str:
        return f"<{row}, {column}>"

    def head_of(self, row: int) -> int:
        return row - self.at(row)[1]

    def open_row(self, row: int, is_open: bool) -> None:
        head, place = self.at(row)
        assert place == 0
        if is_open:
            self.beginInsertRows(QModelIndex(), row + 1, row + 2)
            self.open.append(head)
            self.endInsertRows()
        else:
            self.beginRemoveRows(QModelIndex(), row + 1, row + 2)
            self.open.remove(head)
            self.endRemoveRows()


class Bench:
    def __init__(self, qtbot: QtBot) -> None:
        self.theme = Theme()
        self.theme.set_appearance(Appearance.LIGHT)
        self.model = Fruit(self.theme)
        self.view = PaintedTable(self.theme)
        self.view.setModel(self.model)
        qtbot.addWidget(self.view)
        self.view.resize(400, 300)
        for column, width in enumerate((150, 80, 120)):
            self.view.setColumnWidth(column, width)
        self.view.show()
        qtbot.waitExposed(self.view)

    def picture(self) -> QImage:
        return self.view.viewport().grab().toImage()

    def colours(self, row: int, column: int) -> set[str]:
        area = self.view.visualRect(self.model.index(row, column))
        image = self.picture()
        return {
            image.pixelColor(x, y).name()
            for x in range(area.left(), area.right())
            for y in range(area.top(), area.bottom() + 1)
        }


@pytest.fixture
def bench(qtbot: QtBot) -> Bench:
    return Bench(qtbot)


def test_the_model_keeps_qt_s_rules(qtbot: QtBot) -> None:
    model = Fruit(Theme(), 30)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.open_row(10, True)
    model.open_row(10, False)
    assert model.index(3, 1).data() == "3"
    assert model.index(3, 1).data(Qt.ItemDataRole.ToolTipRole).endswith("&lt;3, 1&gt;</div>")
    assert model.index(10, 0).data(Qt.ItemDataRole.AccessibleDescriptionRole) == "closed"
    assert model.headerData(1, Qt.Orientation.Horizontal) == "Count"
    assert tester.failureReportingMode() is QAbstractItemModelTester.FailureReportingMode.Fatal


def test_a_picture_asks_for_each_row_in_sight_once(bench: Bench) -> None:
    bench.model.asked.clear()
    bench.picture()
    in_sight = bench.view.viewport().height() // bench.view.rowHeight(0) + 1
    assert set(bench.model.asked.values()) == {1}
    assert len(bench.model.asked) == in_sight
    bench.view.verticalScrollBar().setValue(500 * bench.view.rowHeight(0) + 3)
    bench.model.asked.clear()
    bench.picture()
    assert min(bench.model.asked) == 500
    assert len(bench.model.asked) in (in_sight, in_sight + 1)


def test_only_changed_rows_are_painted_again(bench: Bench, qtbot: QtBot) -> None:
    qtbot.wait(20)
    bench.model.asked.clear()
    bench.model.dataChanged.emit(bench.model.index(3, 0), bench.model.index(4, 2))
    bench.model.dataChanged.emit(bench.model.index(9, 0), bench.model.index(9, 2))
    bench.model.dataChanged.emit(bench.model.index(800, 0), bench.model.index(900, 2))
    qtbot.wait(20)
    assert sorted(bench.model.asked) == [3, 4, 9]


def test_colours_of_text_rows_and_selection(bench: Bench) -> None:
    theme = bench.theme
    assert theme.sent.name() in bench.colours(4, 0)
    darkest = min(map(QColor, bench.colours(4, 1)), key=QColor.lightness)
    assert abs(darkest.lightness() - theme.text.lightness()) < 12
    assert theme.base.name() in bench.colours(4, 1)
    assert theme.alternate.name() in bench.colours(5, 1)
    assert "#ff00ff" in bench.colours(2, 2)
    bench.view.selectRow(4)
    bench.view.clearFocus()
    assert theme.highlight.name() in bench.colours(4, 1)
    assert theme.sent.name() not in bench.colours(4, 0)
    assert theme.highlight.name() not in bench.colours(5, 1)


def test_the_palette_is_followed(bench: Bench, qtbot: QtBot) -> None:
    bench.picture()
    bench.theme.set_appearance(Appearance.DARK)
    qtbot.wait(20)
    assert {bench.theme.base.name(), bench.theme.sent.name()} <= bench.colours(4, 0)
    bench.theme.set_appearance(Appearance.LIGHT)
    qtbot.wait(20)
    assert bench.theme.base.name() in bench.colours(4, 0)


def test_the_frame_of_the_focus_is_round_the_row(bench: Bench, qtbot: QtBot) -> None:
    bench.view.activateWindow()
    qtbot.waitUntil(bench.view.isActiveWindow)
    bench.view.setFocus()
    bench.view.setCurrentIndex(bench.model.index(6, 0))
    accent = bench.theme.accent.name()

    def frame() -> bool:
        place = bench.view.visualRect(bench.model.index(6, 1))
        image = bench.picture()
        return {image.pixelColor(place.center().x(), y).name() for y in (place.top(), place.bottom())} == {accent}

    assert frame()
    other = QWidget()
    qtbot.addWidget(other)
    bench.view.clearFocus()
    assert not frame()


def test_long_texts_end_in_dots_and_stay_in_their_column(bench: Bench) -> None:
    bench.view.setColumnWidth(0, 40)
    left = bench.view.visualRect(bench.model.index(0, 1)).left()
    image = bench.picture()
    place = bench.view.visualRect(bench.model.index(7, 0))
    beyond = {image.pixelColor(x, y).name() for x in range(left, left + 20) for y in range(place.top(), place.bottom())}
    assert beyond == {bench.theme.alternate.name()}


def test_numbers_end_at_the_right_and_signs_stand_in_front(bench: Bench) -> None:
    image = bench.picture()

    def inked(area: QRect) -> bool:
        ground = bench.theme.base.name()
        return any(
            image.pixelColor(x, y).name() != ground
            for x in range(area.left(), area.right() + 1)
            for y in range(area.top(), area.bottom() + 1)
        )

    number = bench.view.visualRect(bench.model.index(8, 1))
    assert inked(number.adjusted(number.width() - 16, 0, 0, 0))
    assert not inked(number.adjusted(0, 0, -20, 0))
    sign = bench.view.visualRect(bench.model.index(0, 0))
    assert inked(QRect(sign.topLeft(), sign.topLeft() + QPoint(14, 16)))
    no_sign = bench.view.visualRect(bench.model.index(2, 0))
    assert not inked(QRect(no_sign.topLeft(), no_sign.topLeft() + QPoint(14, 16)))


def test_a_sentence_has_the_room_of_the_whole_row(bench: Bench) -> None:
    bench.model.open_row(0, True)
    bench.view.setColumnWidth(0, 50)
    assert bench.theme.failure.name() in bench.colours(2, 1)
    assert bench.theme.failure.name() not in bench.colours(1, 1)


def test_scrolling_sideways_moves_what_was_painted(bench: Bench, qtbot: QtBot) -> None:
    bench.view.setColumnWidth(1, 600)
    bench.view.selectRow(3)
    qtbot.wait(20)
    bench.view.horizontalScrollBar().setValue(200)
    moved = bench.view.grab().toImage()
    bench.view.viewport().update()
    qtbot.wait(20)
    assert moved == bench.view.grab().toImage()


def test_control_characters_do_not_break_a_line(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.model, "shown", lambda row: Shown(("a\nb\x1b", "\u2068مريم\u2069", "山")))
    assert bench.picture().width() > 0


def test_keys_open_and_go(bench: Bench, qtbot: QtBot) -> None:
    view, model = bench.view, bench.model
    view.setCurrentIndex(model.index(0, 0))
    with qtbot.waitSignal(view.toggled):
        qtbot.keyClick(view, Qt.Key.Key_Plus)
    assert model.open == [0]
    qtbot.keyClick(view, Qt.Key.Key_Right)
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert view.currentIndex().row() == 2
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.currentIndex().row() == 2
    qtbot.keyClick(view, Qt.Key.Key_Left)
    assert view.currentIndex().row() == 0
    qtbot.keyClick(view, Qt.Key.Key_Left)
    assert model.open == []
    qtbot.keyClick(view, Qt.Key.Key_Right)
    qtbot.keyClick(view, Qt.Key.Key_Minus)
    assert model.open == []
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert view.currentIndex().row() == 999
    qtbot.keyClick(view, Qt.Key.Key_PageUp)
    assert 970 < view.currentIndex().row() < 999
    qtbot.keyClick(view, Qt.Key.Key_Home, Qt.KeyboardModifier.ShiftModifier)
    assert view.currentIndex().row() == 0
    assert len(view.selectionModel().selectedRows()) > 900


def test_letters_do_not_search_through_all_rows(bench: Bench, qtbot: QtBot) -> None:
    bench.view.setCurrentIndex(bench.model.index(0, 0))
    bench.model.asked.clear()
    qtbot.keyClick(bench.view, Qt.Key.Key_R)
    assert bench.view.currentIndex().row() == 0
    assert len(bench.model.asked) < 40


def test_without_branches_left_and_right_scroll(bench: Bench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fruit, "branch_column", -1)
    bench.view.setColumnWidth(1, 900)
    bench.view.setCurrentIndex(bench.model.index(0, 0))
    qtbot.wait(10)
    qtbot.keyClick(bench.view, Qt.Key.Key_Right)
    assert bench.view.horizontalScrollBar().value() > 0
    qtbot.keyClick(bench.view, Qt.Key.Key_Left)
    assert bench.view.horizontalScrollBar().value() == 0


def test_the_mouse_opens_by_the_sign_and_by_two_clicks(bench: Bench, qtbot: QtBot) -> None:
    view, model = bench.view, bench.model
    place = view.visualRect(model.index(10, 0))
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place.topLeft() + QPoint(5, 5))
    assert model.open == [10]
    assert view.currentIndex().row() != 10
    qtbot.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place.center())
    assert model.open == []
    other = view.visualRect(model.index(3, 0)).center()
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=other)
    with qtbot.waitSignal(view.doubleClicked, timeout=1000):
        qtbot.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=other)


def test_an_empty_table_paints_nothing(qtbot: QtBot) -> None:
    theme = Theme()
    view = PaintedTable(theme)
    view.setModel(Fruit(theme, 0))
    qtbot.addWidget(view)
    view.show()
    qtbot.wait(10)
    qtbot.keyClick(view, Qt.Key.Key_End)
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert not view.currentIndex().isValid()


def test_a_screen_reader_reads_cells(bench: Bench, qtbot: QtBot) -> None:
    was_active = QAccessible.isActive()
    QAccessible.setActive(True)
    try:
        bench.model.dataChanged.emit(bench.model.index(3, 0), bench.model.index(3, 2), [Qt.ItemDataRole.DisplayRole])
        table = QAccessible.queryAccessibleInterface(bench.view)
        names = [table.child(place).text(QAccessible.Text.Name) for place in range(table.childCount())[:9]]
        assert "row 0" in names
    finally:
        QAccessible.setActive(was_active)
