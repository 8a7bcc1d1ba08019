"""Two data sets side by side, what differs marked.

Each side is an object somebody chose: of a message, or a file. Reading and comparing are jobs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QModelIndex, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation.net.uids import uid_name
from workstation.traffic.decoding.compare import Comparison, compare_trees, read_tags
from workstation.traffic.decoding.data_set import DataSetTree, Element, tree_of, value_text
from workstation.traffic.decoding.objects import DicomObject, FileObject, ObjectError
from workstation.traffic.text import printable, quantity
from workstation.ui.parts.empty_state import EmptyState
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.traffic_table import TrafficTable, copy_to_clipboard
from workstation.ui.parts.widgets import DimLabel, ProblemLabel, heading, in_row, name_widget, plain_label, push_button
from workstation.ui.tasks import Tasks, action
from workstation.ui.theme import Theme
from workstation.ui.viewers.data_set.compare_model import TAG, CompareModel

_TYPING = 400
_NARROW = 480
_MOST_COPIED = 1 << 20


class _Comparing:
    """Reads and compares two objects; a job."""

    def __init__(self, left: DicomObject, right: DicomObject, ignored: frozenset[tuple[int, int]]) -> None:
        self._left, self._right, self._ignored = left, right, ignored
        self._over = threading.Event()

    def run(self) -> tuple[DataSetTree, DataSetTree, Comparison]:
        left, right = (tree_of(each.source, each.transfer_syntax) for each in (self._left, self._right))
        return left, right, compare_trees(left, right, self._ignored, self._over.is_set)

    def cancel(self) -> None:
        self._over.set()


class _CompareTable(TrafficTable):
    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "compareTable", "Differences", parent)
        self.compared = CompareModel(theme, self)
        self.setModel(self.compared)
        self.size_columns(("≠≠", "(0000,0000)", "Patient's Bir", "MONOCHR", "MONOCHR"), 2, 3, 4)
        self.menu_filler: Callable[[QMenu, QModelIndex], None] | None = None

    def resizeEvent(self, event: QResizeEvent) -> None:
        # Both values are what matters; the tooltip has the tag.
        self.header().setSectionHidden(TAG, event.size().width() < _NARROW)
        super().resizeEvent(event)

    def fill_menu(self, menu: QMenu, index: QModelIndex) -> None:
        if self.menu_filler is not None and index.isValid():
            self.menu_filler(menu, index)


class CompareView(QWidget):
    """Compares two data sets.

    Args:
        theme: Colours.
        tasks: Runs what reads and compares.
    """

    compared = Signal()
    """A comparison is shown, or the sentence that says why there is none."""

    def __init__(self, theme: Theme, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._sides: list[DicomObject | None] = [None, None]
        self._wanted: list[DicomObject | str | Path | None] = [None, None]
        self._trees: list[DataSetTree] = []
        self._own: list[DicomObject] = []
        self._job: _Comparing | None = None
        self._comparison: Comparison | None = None
        self.setObjectName("compareView")
        self.setWindowTitle("Compare Data Sets")
        self.table = _CompareTable(theme)
        self.table.menu_filler = self._fill_menu
        self.empty = EmptyState(
            self.table,
            theme,
            "Two data sets are needed",
            "Choose a file on each side, or More > Compare with… at the data set of a message.",
        )
        self.counts = plain_label("", wrap=True)
        self.counts.setObjectName("compareCounts")
        self.problem = ProblemLabel(theme)
        self._make_tools()
        self.titles: list[QLabel] = []
        self.details: list[DimLabel] = []
        sides = QGridLayout()
        sides.setContentsMargins(0, 0, 0, 0)
        sides.setHorizontalSpacing(12)
        sides.setVerticalSpacing(2)
        for place, name in enumerate(("Left", "Right")):
            title, detail = plain_label("Nothing chosen"), DimLabel(theme, wrap=True)
            for label in (title, detail):
                label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            choose = push_button(
                "File…", f"compare{name}File", f"Choose a file for the {name.lower()} side", partial(self._ask, place)
            )
            sides.addLayout(in_row(heading(name), None, choose), 0, place)
            sides.addWidget(title, 1, place)
            sides.addWidget(detail, 2, place)
            sides.setColumnStretch(place, 1)
            self.titles.append(title)
            self.details.append(detail)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        layout.addLayout(sides)
        layout.addLayout(in_row(self.only, None, self.swap, self.previous, self.next, space=4))
        layout.addWidget(self.ignored)
        layout.addWidget(self.problem)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.counts)
        self._show_counts("")

    def _make_tools(self) -> None:
        self.only = QCheckBox("Only differences")
        name_widget(self.only, "compareOnly", "Only differences", "Leave out what is the same on both sides")
        self.only.setChecked(True)
        self.only.toggled.connect(self._on_only)
        self.swap = push_button("Swap", "compareSwap", "Left for right", self._swap)
        self.previous, self.next = QToolButton(), QToolButton()
        for button, arrow, name, keys, step in (
            (self.previous, Qt.ArrowType.UpArrow, "Previous", "F7", -1),
            (self.next, Qt.ArrowType.DownArrow, "Next", "F8", 1),
        ):
            button.setArrowType(arrow)
            button.setAutoRaise(True)
            name_widget(button, f"compare{name}", f"{name} difference", f"{name} difference ({keys})")
            button.clicked.connect(partial(self.go, step))
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(partial(self.go, step))
        self.ignored = QLineEdit()
        name_widget(
            self.ignored,
            "compareIgnored",
            "Tags that are ignored",
            "Tags that do not count: keywords or (gggg,eeee), one behind the other",
        )
        self.ignored.setPlaceholderText("Ignore tags: SOPInstanceUID (0008,0013) …")
        self.ignored.setClearButtonEnabled(True)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(_TYPING)
        self._typing.timeout.connect(self._compare)
        self.ignored.textChanged.connect(lambda: self._typing.start())

    def sizeHint(self) -> QSize:
        return QSize(820, 620)

    # --- what is compared ------------------------------------------------------------------------------------------

    @property
    def comparison(self) -> Comparison | None:
        """What is shown."""
        return self._comparison

    @property
    def is_waiting(self) -> bool:
        """Whether a side is still free."""
        return None in self._wanted

    def offer(self, chosen: DicomObject | str | Path) -> None:
        """Put an object or a file on the first side that is free, else on the right."""
        self._put(0 if self._wanted[0] is None else 1, chosen)

    def set_left(self, chosen: DicomObject | str | Path) -> None:
        """Put an object or a file on the left; an object is closed when another one takes its place."""
        self._put(0, chosen)

    def set_right(self, chosen: DicomObject | str | Path) -> None:
        """Put an object or a file on the right; an object is closed when another one takes its place."""
        self._put(1, chosen)

    def _put(self, place: int, chosen: DicomObject | str | Path) -> None:
        self._wanted[place] = chosen
        self._read(place, chosen)

    @action
    async def _read(self, place: int, chosen: DicomObject | str | Path) -> None:
        if isinstance(chosen, str | Path):
            try:
                found: DicomObject = await self._tasks.call(partial(FileObject, chosen), name="open-file")
            except ObjectError as error:
                self._wanted[place] = self._sides[place]
                self.problem.show_problem(str(error))
                self.compared.emit()
                return
        else:
            found = chosen
        self._own.append(found)
        self._sides[place] = found
        self._close_own(kept=self._sides)
        self._show_empty()
        self._describe()
        self._compare()

    def _close_own(self, kept: Sequence[DicomObject | None] = ()) -> None:
        for each in [each for each in self._own if each not in kept]:
            self._own.remove(each)
            each.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        if self._job is not None:
            self._job.cancel()
        self._close_own()

    def _describe(self) -> None:
        for found, title, detail in zip(self._sides, self.titles, self.details, strict=True):
            if found is None:
                continue
            title.setText(found.title)
            title.setToolTip(plain_tooltip(found.title))
            parts = (uid_name(found.sop_class_uid), quantity(found.source.length, "byte"))
            text = " · ".join(part for part in (*parts, uid_name(found.transfer_syntax)) if part)
            detail.setText(f"{text}\n⚠ Not complete: {found.gap}." if found.gap else text)
        left, right = self._sides
        if left is not None and right is not None:
            self.setWindowTitle(f"Compare {left.title} with {right.title}")

    def _swap(self) -> None:
        self._sides.reverse()
        self._wanted.reverse()
        for title, detail in zip(self.titles, self.details, strict=True):
            title.setText("Nothing chosen")
            detail.setText("")
        self._describe()
        self._compare()

    def _ask(self, place: int) -> None:
        dialog = QFileDialog(self, "Compare with a File")
        dialog.setObjectName("compareFileDialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda path: self._put(place, Path(path)))
        dialog.open()

    # --- comparing -------------------------------------------------------------------------------------------------

    @action
    async def _compare(self) -> None:
        left, right = self._sides
        if left is None or right is None:
            return
        if self._job is not None:
            self._job.cancel()
        tags, unknown = read_tags(self.ignored.text())
        self.problem.show_problem(f"Not a tag: {printable(', '.join(unknown), 100)}." if unknown else "")
        job = self._job = _Comparing(left, right, tags)
        try:
            first, second, comparison = await self._tasks.run(job, name="compare-data-sets")
        except ValueError as error:
            if self._job is job:
                self._show(None, f"They cannot be compared: {error}")
            return
        except OSError as error:
            if self._job is job:
                self._show(None, f"They cannot be read: {error.strerror or error}.")
            return
        if self._job is not job:
            return
        self._trees = [first, second]
        self._show(comparison, "")

    def _show(self, comparison: Comparison | None, problem: str) -> None:
        self._job = None
        self._comparison = comparison
        if problem:
            self.problem.show_problem(problem)
        with self.table.not_the_person():
            self.table.compared.set_comparison(comparison or Comparison())
        self._show_empty()
        self._show_counts(comparison.words if comparison is not None else "")
        self.compared.emit()

    def _show_counts(self, text: str) -> None:
        self.counts.setText(text)
        has_some = self._comparison is not None and self._comparison.differences > 0
        self.previous.setEnabled(has_some)
        self.next.setEnabled(has_some)
        self.swap.setEnabled(None not in self._sides)

    def _show_empty(self) -> None:
        comparison = self._comparison
        if comparison is not None and not comparison.differences:
            self.empty.say("No differences", "Both data sets hold the same values.")
        elif comparison is None and None not in self._sides:
            self.empty.say("Not compared", self.problem.text())
        elif comparison is None:
            self.empty.say(
                "Another one is needed", "Choose a file, or More > Compare with… at the data set of another message."
            )
        self.empty.show_when(self.table.compared.rowCount() == 0)

    def _on_only(self, on: bool) -> None:
        with self.table.not_the_person():
            self.table.compared.set_only_differences(on)
        self._show_empty()

    def go(self, step: int) -> None:
        """Go to the next difference, or with -1 to the one before; round at the ends."""
        model = self.table.compared
        start = self.table.currentIndex().row()
        row = model.next_difference(start, step)
        if row < 0:
            row = model.next_difference(-1 if step > 0 else model.rowCount(), step)
        if row >= 0:
            self.table.show_row(model.index(row, 0), centre=True)

    def _fill_menu(self, menu: QMenu, index: QModelIndex) -> None:
        pair = self.table.compared.pair_at(index)
        if pair is None:
            return
        for side, element, place in (("left", pair.left, 0), ("right", pair.right, 1)):
            entry = menu.addAction(f"Copy {side} value")
            entry.setEnabled(element is not None and not element.level)
            if element is not None:
                entry.triggered.connect(partial(self._copy, place, element))
        row = menu.addAction("Copy row", lambda: copy_to_clipboard(self.table.rows_as_text()))
        row.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        menu.addSeparator()
        if pair.either.kind == "element":
            tag = pair.either.tag_text
            menu.addAction(f"Ignore {tag}", partial(self._ignore, tag))

    def _ignore(self, tag: str) -> None:
        self.ignored.setText(f"{self.ignored.text()} {tag}".strip())
        self._typing.stop()
        self._compare()

    @action
    async def _copy(self, place: int, element: Element) -> None:
        tree = self._trees[place]
        text = await self._tasks.call(partial(_value, tree, element), name="read-value")
        copy_to_clipboard(text)


def _value(tree: DataSetTree, element: Element) -> str:
    return value_text(element, tree.raw(element, _MOST_COPIED), everything=True)
