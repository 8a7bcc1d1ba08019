"""Arrangements of the panes for three kinds of work, as a table.

Knows the panes by their names only. Sizes are wishes for a window of 1440 by 900; Qt scales them to the real one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow

ACROSS, DOWN = Qt.Orientation.Horizontal, Qt.Orientation.Vertical


class Layout(Enum):
    """The kinds of work, by what the menu calls them."""

    TEST = "Test"
    ANALYSE = "Analyse"
    SERVER = "Server"


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The first pane, how it is divided again and again, and then the sizes."""

    first: str
    splits: tuple[tuple[str, str, Qt.Orientation], ...]
    """(pane, new pane to its right or below it, direction)"""
    sizes: tuple[tuple[Qt.Orientation, Mapping[str, int]], ...]
    tabs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Panes that share the place of another one, behind it."""

    @property
    def panes(self) -> frozenset[str]:
        """The panes that are shown, those behind others included."""
        behind = (pane for panes in self.tabs.values() for pane in panes)
        return frozenset({self.first, *(new for _, new, _ in self.splits), *behind})


ARRANGEMENTS: Mapping[Layout, Arrangement] = {
    Layout.TEST: Arrangement(
        "peers",
        (
            ("peers", "associations", ACROSS),
            ("associations", "state", ACROSS),
            ("associations", "messages", DOWN),
            ("messages", "decoded", DOWN),
            ("decoded", "bytes", ACROSS),
            ("state", "sequence", DOWN),
        ),
        (
            (ACROSS, {"peers": 230, "associations": 810, "state": 390}),
            (DOWN, {"associations": 170, "messages": 270, "decoded": 330}),
            (DOWN, {"state": 490, "sequence": 280}),
            (ACROSS, {"decoded": 430, "bytes": 380}),
        ),
        # three tabs at most in the right column: in a window of 1100 pixels more would be cut short
        {"state": ("log", "questions"), "sequence": ("timing", "notes"), "bytes": ("data_set",)},
    ),
    Layout.ANALYSE: Arrangement(
        "associations",
        (
            ("associations", "decoded", ACROSS),
            ("associations", "messages", DOWN),
            ("messages", "sequence", DOWN),
            ("decoded", "bytes", DOWN),
        ),
        (
            (ACROSS, {"associations": 820, "decoded": 620}),
            (DOWN, {"associations": 190, "messages": 250, "sequence": 360}),
            (DOWN, {"decoded": 430, "bytes": 370}),
        ),
        {"sequence": ("timing", "notes", "state"), "bytes": ("data_set",)},
    ),
    Layout.SERVER: Arrangement(
        "peers",
        (
            ("peers", "associations", ACROSS),
            ("associations", "messages", DOWN),
            ("messages", "log", DOWN),
            ("messages", "decoded", ACROSS),
        ),
        (
            (ACROSS, {"peers": 244, "associations": 1196}),
            (DOWN, {"associations": 290, "messages": 300, "log": 200}),
            (ACROSS, {"messages": 750, "decoded": 500}),
        ),
        {"log": ("notes", "timing", "questions")},
    ),
}


def arrange(panes: QMainWindow, docks: Mapping[str, QDockWidget], layout: Layout) -> None:
    """Put the docks of `panes` where this kind of work wants them; the others are hidden."""
    arrangement = ARRANGEMENTS[layout]
    for dock in docks.values():
        dock.setFloating(False)
        panes.removeDockWidget(dock)
    panes.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, docks[arrangement.first])
    for pane, new, orientation in arrangement.splits:
        panes.splitDockWidget(docks[pane], docks[new], orientation)
    for front, behind in arrangement.tabs.items():
        last = front
        for name in behind:
            panes.tabifyDockWidget(docks[last], docks[name])
            last = name
    for name, dock in docks.items():
        if name not in arrangement.panes:
            # Somewhere to appear when the person asks for it.
            panes.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
        dock.setVisible(name in arrangement.panes)
    give_sizes(panes, docks, layout)
    for front in arrangement.tabs:
        docks[front].raise_()


def give_sizes(panes: QMainWindow, docks: Mapping[str, QDockWidget], layout: Layout) -> None:
    """Give the docks of an arrangement their sizes, as shares of what `panes` has."""
    for orientation, sizes in ARRANGEMENTS[layout].sizes:
        panes.resizeDocks([docks[name] for name in sizes], list(sizes.values()), orientation)
