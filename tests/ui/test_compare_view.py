"""Two data sets side by side, from files and messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydicom import dcmread
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu, QWidget
from pytestqt.qtbot import QtBot

from workstation.traffic.decoding.objects import FileObject
from workstation.ui.tasks import Tasks
from workstation.ui.theme import Appearance, Theme
from workstation.ui.viewers.data_set.compare_model import FIRST, NAME, SECOND, SIGN, TAG
from workstation.ui.viewers.data_set.compare_view import CompareView
from workstation.ui.window.data_set_windows import DataSetWindows


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    made = Theme()
    made.set_appearance(Appearance.LIGHT)
    return made


@pytest.fixture
def tasks(qt_loop: asyncio.AbstractEventLoop, qtbot: QtBot) -> Iterator[Tasks]:
    made = Tasks()
    yield made
    qtbot.waitUntil(lambda: not made.running)


@pytest.fixture
def view(theme: Theme, tasks: Tasks, qtbot: QtBot) -> CompareView:
    made = CompareView(theme, tasks)
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.fixture
def changed(samples: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A sample, and the same with four differences."""
    left = samples / "ct-chest" / "01.dcm"
    data = dcmread(left)
    data.PatientID = "DW-9999"
    data.StudyDescription = ""
    del data.PatientSex
    data.Laterality = "<b>L"
    right = tmp_path / "changed.dcm"
    data.save_as(right)
    return left, right


def wait_compared(qtbot: QtBot, view: CompareView, act: Callable[[], object]) -> None:
    with qtbot.waitSignal(view.compared):
        act()


def both(qtbot: QtBot, view: CompareView, paths: tuple[Path, Path]) -> None:
    view.set_left(paths[0])
    wait_compared(qtbot, view, lambda: view.set_right(paths[1]))


def lines(view: CompareView) -> list[tuple[str, ...]]:
    model = view.table.compared
    return [tuple(model.shown(row).texts) for row in range(model.rowCount())]


def test_it_says_what_is_missing(view: CompareView) -> None:
    assert view.empty.isVisible()
    assert "Choose a file on each side" in view.empty.text
    assert not view.swap.isEnabled()


def test_differences_are_shown(view: CompareView, qtbot: QtBot, changed: tuple[Path, Path]) -> None:
    both(qtbot, view, changed)
    assert lines(view) == [
        ("≠", "(0008,1030)", "Study Description", "CT chest, follow-up", "(empty)"),
        ("≠", "(0010,0020)", "Patient ID", "DW-1001", "DW-9999"),
        ("◀", "(0010,0040)", "Patient's Sex", "F", "–"),
        ("▶", "(0020,0060)", "Laterality", "–", "<b>L"),
    ]
    assert view.counts.text() == "4 differences: 2 changed, 1 only left, 1 only right"
    assert view.windowTitle() == "Compare 01.dcm with changed.dcm"
    model = view.table.compared
    assert "&lt;b&gt;L" in model.data(model.index(3, SECOND), Qt.ItemDataRole.ToolTipRole)
    assert "only right" in model.data(model.index(3, SIGN), Qt.ItemDataRole.ToolTipRole)


def test_a_free_side_is_filled_first(view: CompareView, qtbot: QtBot, changed: tuple[Path, Path]) -> None:
    assert view.is_waiting
    view.offer(changed[0])
    assert view.is_waiting
    wait_compared(qtbot, view, lambda: view.offer(changed[1]))
    assert not view.is_waiting
    assert [title.text() for title in view.titles] == ["01.dcm", "changed.dcm"]
    wait_compared(qtbot, view, lambda: view.offer(changed[0]))
    assert view.empty.text.startswith("No differences")


def test_half_a_comparison_says_what_is_missing(view: CompareView, qtbot: QtBot, changed: tuple[Path, Path]) -> None:
    view.offer(changed[0])
    qtbot.waitUntil(lambda: "Another one is needed" in view.empty.text)
    assert view.titles[0].text() == "01.dcm"


def test_all_elements_can_be_shown(view: CompareView, qtbot: QtBot, changed: tuple[Path, Path]) -> None:
    both(qtbot, view, changed)
    view.only.setChecked(False)
    shown = lines(view)
    assert len(shown) > 40
    assert ("=", "(0008,0060)", "Modality", "CT", "CT") in shown
    view.only.setChecked(True)
    assert len(lines(view)) == 4


def test_the_next_difference_is_gone_to(view: CompareView, qtbot: QtBot, changed: tuple[Path, Path]) -> None:
    both(qtbot, view, changed)
    view.only.setChecked(False)
    names = []
    for _ in range(5):
        view.next.click()
        names.append(view.table.compared.shown(view.table.currentIndex().row()).texts[NAME])
    assert names == ["Study Description", "Patient ID", "Patient's Sex", "Laterality", "Study Description"]
    view.previous.click()
    assert view.table.compared.shown(view.table.currentIndex().row()).texts[NAME] == "Laterality"


def test_tags_are_ignored(view: CompareView, qtbot: QtBot, changed: tuple[Path, Path]) -> None:
    both(qtbot, view, changed)
    wait_compared(qtbot, view, lambda: view.ignored.setText("PatientID, (0020,0060)"))
    assert [line[TAG] for line in lines(view)] == ["(0008,1030)", "(0010,0040)"]
    assert view.counts.text() == "2 differences: 1 changed, 1 only left (2 ignored)"
    view.table.choose(view.table.compared.index(0, 0))
    menu = QMenu(view)
    view.table.fill_menu(menu, view.table.currentIndex())
    (ignore,) = [each for each in menu.actions() if each.text() == "Ignore (0008,1030)"]
    wait_compared(qtbot, view, ignore.trigger)
    assert view.ignored.text() == "PatientID, (0020,0060) (0008,1030)"
    assert [line[TAG] for line in lines(view)] == ["(0010,0040)"]
    wait_compared(qtbot, view, lambda: view.ignored.setText("Blub"))
    assert view.problem.text() == "Not a tag: Blub."
    assert len(lines(view)) == 4


def test_the_same_file_has_no_differences(view: CompareView, qtbot: QtBot, samples: Path) -> None:
    path = samples / "sr-report.dcm"
    both(qtbot, view, (path, path))
    assert view.empty.text == "No differences\nBoth data sets hold the same values."
    assert view.empty.isVisible()
    view.only.setChecked(False)
    assert not view.empty.isVisible()


def test_sides_are_swapped(view: CompareView, qtbot: QtBot, changed: tuple[Path, Path]) -> None:
    both(qtbot, view, changed)
    wait_compared(qtbot, view, view.swap.click)
    assert lines(view)[1][FIRST:] == ("DW-9999", "DW-1001")
    assert view.titles[0].text() == "changed.dcm"


def test_values_are_copied(view: CompareView, qtbot: QtBot, changed: tuple[Path, Path]) -> None:
    both(qtbot, view, changed)
    view.table.choose(view.table.compared.index(1, 0))
    menu = QMenu(view)
    view.table.fill_menu(menu, view.table.currentIndex())
    clipboard = QApplication.clipboard()
    for text, expected in (("Copy left value", "DW-1001"), ("Copy right value", "DW-9999")):
        clipboard.clear()
        (entry,) = [each for each in menu.actions() if each.text() == text]
        entry.trigger()
        qtbot.waitUntil(lambda: bool(clipboard.text()))
        assert clipboard.text() == expected


def test_a_file_is_chosen(view: CompareView, qtbot: QtBot, changed: tuple[Path, Path]) -> None:
    view.set_left(changed[0])
    view._ask(1)
    dialog = view.findChild(QFileDialog, "compareFileDialog")
    assert dialog is not None
    wait_compared(qtbot, view, lambda: dialog.fileSelected.emit(str(changed[1])))
    dialog.reject()
    assert len(lines(view)) == 4


def test_what_cannot_be_compared_is_said(view: CompareView, qtbot: QtBot, samples: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear reader, this is no image.")
    view.set_left(samples / "ct-chest" / "01.dcm")
    wait_compared(qtbot, view, lambda: view.set_right(tmp_path / "letter.txt"))
    assert "letter.txt: no DICOM file" in view.problem.text()
    assert view.comparison is None


@pytest.mark.parametrize("width", [360, 900])
def test_it_fits_any_width(view: CompareView, qtbot: QtBot, changed: tuple[Path, Path], width: int) -> None:
    view.resize(width, 500)
    both(qtbot, view, changed)
    assert view.width() == width
    assert view.table.header().isSectionHidden(TAG) is (width < 480)
    assert view.table.header().length() <= view.table.viewport().width()


def test_two_messages_are_compared_from_the_window(
    theme: Theme, tasks: Tasks, qtbot: QtBot, changed: tuple[Path, Path]
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    windows = DataSetWindows(SimpleNamespace(theme=theme, tasks=tasks), window)  # type: ignore[arg-type]
    first = windows.compare(FileObject(changed[0]))
    with qtbot.waitSignal(first.compared):
        assert windows.compare(FileObject(changed[1])) is first
    assert len(lines(first)) == 4
    assert windows.compare(FileObject(changed[0])) is not first
    for view in window.findChildren(CompareView):
        view.close()
