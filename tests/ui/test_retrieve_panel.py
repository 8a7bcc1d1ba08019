"""The bar under the results: what it lets a person ask for, and what it says when it does not."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from workstation.peers import Peer
from workstation.ui.dialogs.retrieve_panel import RetrievePanel
from workstation.ui.theme import Theme

PACS = Peer(name="PACS", ae_title="PACS1", host="10.1.2.3", port=104)


@pytest.fixture
def panel(qtbot: QtBot) -> RetrievePanel:
    panel = RetrievePanel(Theme())
    qtbot.addWidget(panel)
    return panel


def problem(panel: RetrievePanel) -> str:
    label = panel.findChild(QLabel, "problem")
    return label.text() if label.isVisibleTo(panel) else ""


def test_our_own_ae_title_is_the_first_destination(panel: RetrievePanel) -> None:
    panel.offer("WORKSTATION", [PACS], can_get=True)
    panel.set_selection(2, "studies")
    assert panel.destination_title == "WORKSTATION"
    assert panel.move_button.isEnabled()
    assert panel.get_button.isEnabled()
    assert problem(panel) == ""


def test_a_destination_that_nobody_chose_yet_is_no_mistake(panel: RetrievePanel) -> None:
    panel.offer("", [PACS], can_get=False)
    panel.set_selection(1, "study")
    assert problem(panel) == ""
    assert not panel.move_button.isEnabled()
    panel.destination.setEditText("AN_AE_TITLE_THAT_IS_TOO_LONG")
    assert "at most 16 characters" in problem(panel)
    assert not panel.move_button.isEnabled()
    panel.destination.setEditText("PACS1")
    assert problem(panel) == ""
    assert panel.move_button.isEnabled()


def test_without_an_archive_get_says_why_it_cannot(panel: RetrievePanel) -> None:
    panel.offer("", [PACS], can_get=False)
    panel.set_selection(1, "study")
    assert not panel.get_button.isEnabled()
    assert "no archive" in panel.get_button.toolTip()
    panel.offer("WORKSTATION", [PACS], can_get=True)
    assert "C-GET" in panel.get_button.toolTip()


def test_a_server_that_does_not_listen_is_said(panel: RetrievePanel) -> None:
    panel.offer("WORKSTATION", [PACS], can_get=True, listens=False)
    assert "does not run" in problem(panel)
