from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QListView, QPushButton
from pytestqt.qtbot import QtBot

from workstation.ui.parts.empty_state import EmptyState
from workstation.ui.theme import Theme


def test_it_covers_the_view_follows_its_size_and_offers_buttons(qtbot: QtBot) -> None:
    view = QListView()
    view.setObjectName("peers")
    qtbot.addWidget(view)
    empty = EmptyState(view, Theme(), "No peer yet", "Add one.")
    pressed: list[int] = []
    button = empty.offer("Add a peer", lambda: pressed.append(1), "addPeer")
    view.resize(300, 200)
    view.show()
    assert empty.height() == view.viewport().height()
    view.resize(700, 400)
    assert empty.height() == view.viewport().height()
    assert abs(empty.geometry().center().x() - view.viewport().rect().center().x()) <= 1
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert pressed == [1]
    assert view.findChild(QPushButton, "addPeer") is button


def test_a_screen_reader_hears_it_as_long_as_it_is_there(qtbot: QtBot) -> None:
    view = QListView()
    qtbot.addWidget(view)
    empty = EmptyState(view, Theme(), "No <b>peer</b>", "Add one.")
    view.show()
    empty.show_when(True)
    assert view.accessibleDescription() == "No <b>peer</b>\nAdd one."
    title, _ = empty.labels()
    assert title.textFormat() is Qt.TextFormat.PlainText
    empty.show_when(False)
    assert not empty.isVisible()
    assert view.accessibleDescription() == ""
