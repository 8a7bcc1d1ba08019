"""What the pages of the server dialog are made of."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from workstation.scp.profiles import Profile
from workstation.ui.parts.widgets import SPACE, plain_label

Change = Callable[[Callable[[Profile], Profile]], None]
"""Takes what makes the wanted profile of the one in force."""


def page_layout(page: QWidget) -> QVBoxLayout:
    """The column of a page."""
    layout = QVBoxLayout(page)
    layout.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE)
    layout.setSpacing(int(1.5 * SPACE))
    return layout


def form() -> QFormLayout:
    """A form whose fields grow."""
    made = QFormLayout()
    made.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    made.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    made.setHorizontalSpacing(int(1.5 * SPACE))
    made.setVerticalSpacing(SPACE)
    return made


def add_row(to: QFormLayout, text: str, field: QWidget | QHBoxLayout) -> QLabel:
    """Add a field with its label."""
    label = plain_label(text)
    if isinstance(field, QWidget):
        label.setBuddy(field)
    to.addRow(label, field)
    return label


def indented(what: QWidget | QFormLayout | QHBoxLayout) -> QHBoxLayout:
    """What belongs to the line above."""
    row = QHBoxLayout()
    row.setContentsMargins(24, 0, 0, 0)
    if isinstance(what, QWidget):
        row.addWidget(what)
    else:
        row.addLayout(what)
    return row


def names_in(text: str) -> tuple[str, ...]:
    """The names in a text that separates them by commas, each once."""
    return tuple(dict.fromkeys(name for name in (part.strip() for part in text.split(",")) if name))
