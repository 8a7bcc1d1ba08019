"""The menu entries by which a person makes a display filter of what the mouse points at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PySide6.QtWidgets import QMenu

from workstation.traffic.text import printable

How = Literal["only", "and", "or", "and not"]

_WORDS: tuple[tuple[How, str], ...] = (
    ("only", "Only these"),
    ("and", "… and these"),
    ("and not", "… and not these"),
    ("or", "… or these"),
)


def add_filter_menu(menu: QMenu, expression: str, ask: Callable[[str, How], None]) -> QMenu | None:
    """Add "Filter on this"; nothing when there is no expression to filter on.

    Args:
        menu: A menu that is about to be shown.
        expression: What `filter_on` or `filter_on_field` gave.
        ask: Called with the expression and how it comes to what is typed; `FilterBar.ask`.
    """
    if not expression:
        return None
    inner = menu.addMenu("Filter on this")
    inner.setObjectName("filterOnThis")
    # The expression may hold a peer's text; an & of it is no shortcut.
    title = inner.addAction(printable(expression, 60).replace("&", "&&"))
    title.setEnabled(False)
    inner.addSeparator()
    for how, words in _WORDS:
        action = inner.addAction(words)
        action.setObjectName(f"filter {how}")
        action.triggered.connect(lambda _=False, how=how: ask(expression, how))
    return inner
