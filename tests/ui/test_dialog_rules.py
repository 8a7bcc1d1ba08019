"""What every dialog owes: names for tests and screen readers, tooltips, plain text, the keyboard, both palettes."""

from __future__ import annotations

from collections import Counter

import pytest
from dialog_kit import running_services
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QHeaderView,
    QLabel,
    QLineEdit,
    QSplitter,
    QTabBar,
    QToolButton,
    QWidget,
)

from workstation.ui.dialogs.echo_dialog import EchoDialog
from workstation.ui.dialogs.query_dialog import QueryDialog
from workstation.ui.dialogs.send_dialog import SendDialog
from workstation.ui.dialogs.server.server_dialog import ServerDialog
from workstation.ui.theme import Appearance

DIALOGS = {
    "echo": lambda services: EchoDialog(services, services.built_in()),
    "send": lambda services: SendDialog(services, services.built_in()),
    "query": lambda services: QueryDialog(services, services.built_in()),
    "server": ServerDialog,
}


@pytest.fixture
def services(qt_loop, qtbot, tmp_path, free_port):
    with running_services(qtbot, tmp_path, free_port) as services:
        yield services


@pytest.fixture(params=DIALOGS)
def dialog(request, services, qtbot) -> QDialog:
    dialog = DIALOGS[request.param](services)
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def interactive(dialog: QDialog) -> list[QWidget]:
    """What a person works with; not the parts that Qt makes inside of it."""
    kinds = (QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QAbstractItemView)
    inner = ("qt_", "combo")
    return [
        each
        for kind in kinds
        for each in dialog.findChildren(kind)
        if each.window() is dialog
        and not each.objectName().startswith(inner)
        and not isinstance(each.parent(), QComboBox | QAbstractSpinBox | QLineEdit | QTabBar | QHeaderView)
        and not isinstance(each, QHeaderView)
        and type(each).__name__ not in ("QComboBoxListView", "QTableCornerButton")
        and not (type(each) in (QAbstractButton, QToolButton) and not each.objectName())
    ]


def test_everything_interactive_has_names(dialog):
    widgets = interactive(dialog)
    assert len(widgets) >= 5
    assert [type(each).__name__ for each in widgets if not each.objectName()] == []
    assert [each.objectName() for each in widgets if not each.accessibleName()] == []


def test_every_button_and_field_has_a_tooltip(dialog):
    kinds = (QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox)
    assert [each.objectName() for each in interactive(dialog) if isinstance(each, kinds) and not each.toolTip()] == []


def test_object_names_differ(dialog):
    names = Counter(each.objectName() for each in interactive(dialog))
    assert [name for name, count in names.items() if count > 1] == []


def test_all_labels_show_plain_text(dialog):
    formats = {each.text(): each.textFormat() for each in dialog.findChildren(QLabel)}
    assert [text for text, how in formats.items() if how != Qt.TextFormat.PlainText] == []


def test_mnemonics_of_what_is_visible_differ(dialog):
    letters = Counter(
        each.text()[each.text().index("&") + 1].lower()
        for each in (*dialog.findChildren(QAbstractButton), *dialog.findChildren(QLabel))
        if each.isVisible() and "&" in each.text().replace("&&", "")
    )
    assert [letter for letter, count in letters.items() if count > 1] == []


def test_tab_reaches_every_field_and_comes_round(dialog, qtbot):
    dialog.activateWindow()
    seen: list[QWidget] = []
    for _ in range(200):
        focused = QApplication.focusWidget()
        if focused is not None and seen and focused is seen[0]:
            break
        if focused is not None:
            seen.append(focused)
        QTest.keyClick(focused or dialog, Qt.Key.Key_Tab)
    assert len(seen) < 200, "the focus is caught somewhere"
    wanted = [
        each
        for each in interactive(dialog)
        if each.isVisible() and each.isEnabled() and each.focusPolicy() & Qt.FocusPolicy.TabFocus
    ]

    def reached(widget: QWidget) -> bool:
        # Of radio buttons only the chosen one takes part; arrow keys lead to the others.
        if isinstance(widget, QAbstractButton) and widget.group() is not None:
            return any(each in seen for each in widget.group().buttons())
        return any(each is widget or widget.isAncestorOf(each) for each in seen)

    assert [each.objectName() for each in wanted if not reached(each)] == []


def test_nothing_is_cut_at_its_opening_size(dialog, qtbot):
    qtbot.wait(10)
    hint = dialog.minimumSizeHint()
    assert hint.width() <= dialog.width()
    assert hint.height() <= dialog.height()
    assert dialog.width() <= 1280
    assert dialog.height() <= 760
    cut = [
        each.text()
        for each in (*dialog.findChildren(QAbstractButton), *dialog.findChildren(QLabel))
        if each.isVisible() and each.text() and each.width() < each.minimumSizeHint().width()
    ]
    assert cut == []


def test_dialogs_are_modeless_and_follow_the_palette(dialog, services, qtbot):
    assert not dialog.isModal()
    for appearance in (Appearance.DARK, Appearance.LIGHT):
        services.theme.set_appearance(appearance)
        qtbot.waitUntil(lambda: dialog.palette().window().color() == services.theme.window)


def test_the_arrangement_comes_back(request, dialog, services, qtbot):
    dialog.resize(dialog.width() + 30, dialog.height() + 20)
    splitters = [splitter for splitter in dialog.findChildren(QSplitter) if splitter.isVisible()]
    for splitter in splitters:
        splitter.moveSplitter(splitter.sizes()[0] + 25, 1)
    wanted = [splitter.sizes() for splitter in splitters]
    dialog.close()
    again = DIALOGS[request.node.callspec.params["dialog"]](services)
    qtbot.addWidget(again)
    again.show()
    assert again.size() == dialog.size()
    found = [splitter for splitter in again.findChildren(QSplitter) if splitter.isVisible()]
    assert [splitter.sizes() for splitter in found] == wanted


def test_escape_closes(dialog):
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
