"""The small widgets of the dialogs: they say what is wrong, in plain text, beside the field."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from workstation.peers import Peer, check_ae_title
from workstation.scu.failure import CANCELLED, Failure, Layer
from workstation.ui.parts.widgets import (
    CheckedField,
    MenuButton,
    Outcome,
    OutcomeLabel,
    PeerChooser,
    StatusChooser,
    outcome_icon,
    sentence_of,
)
from workstation.ui.theme import Appearance, Theme

PACS = Peer(name="PACS", ae_title="PACS1", host="10.0.0.1", port=104)
RIS = Peer(name="RIS & more", ae_title="RIS", host="10.0.0.2", port=105)


@pytest.fixture
def theme(qapp):
    return Theme()


def shown(widget: QWidget, name: str) -> str:
    label = widget.findChild(QLabel, name)
    assert label is not None
    return "" if label.isHidden() else label.text()


class TestCheckedField:
    def test_says_what_is_wrong_while_a_person_types(self, theme, qtbot):
        field = CheckedField(theme, sentence_of(check_ae_title), "GOOD")
        qtbot.addWidget(field)
        assert shown(field, "problem") == ""
        QTest.keyClicks(field.editor, "X" * 20)
        assert "at most 16 characters" in shown(field, "problem")
        assert "at most 16" in field.editor.accessibleDescription()
        field.editor.clear()
        QTest.keyClicks(field.editor, "OTHER")
        assert shown(field, "problem") == ""

    def test_is_dimmed_when_it_is_disabled(self, theme, qtbot):
        field = CheckedField(theme, sentence_of(check_ae_title), "GOOD")
        qtbot.addWidget(field)
        palette = field.editor.palette()
        assert palette.color(QPalette.ColorGroup.Active, QPalette.ColorRole.Text) == theme.text
        assert palette.color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text) == theme.dimmed

    def test_commits_valid_and_new_texts_only(self, theme, qtbot):
        field = CheckedField(theme, sentence_of(check_ae_title), "GOOD")
        qtbot.addWidget(field)
        committed = []
        field.committed.connect(committed.append)
        for text in ("GOOD", "X" * 17, "NEW", "NEW"):
            field.editor.setText(text)
            QTest.keyClick(field.editor, Qt.Key.Key_Return)
        assert committed == ["NEW"]


class TestPeerChooser:
    def test_offers_peers_by_name_and_shows_the_address(self, theme, qtbot):
        chooser = PeerChooser(theme, [PACS, RIS], RIS)
        qtbot.addWidget(chooser)
        assert chooser.peer == RIS
        assert shown(chooser, "peerAddress") == "RIS@10.0.0.2:105"

    def test_takes_an_address_that_is_typed(self, theme, qtbot):
        chooser = PeerChooser(theme, [PACS])
        qtbot.addWidget(chooser)
        chooser.combo.setEditText("OTHER@example.org:11112")
        assert chooser.peer is not None
        assert (chooser.peer.ae_title, chooser.peer.host, chooser.peer.port) == ("OTHER", "example.org", 11112)
        chooser.combo.setEditText("OTHER@example.org")
        assert chooser.peer is None
        assert "AET@HOST:PORT" in shown(chooser, "problem")

    @pytest.mark.qt_log_ignore("This plugin does not support")  # a pop-up asks for what the offscreen platform lacks
    def test_typing_a_part_of_a_name_offers_it_and_leaves_the_text_alone(self, theme, qtbot):
        chooser = PeerChooser(theme, [PACS, RIS])
        qtbot.addWidget(chooser)
        chooser.show()
        chooser.combo.lineEdit().clear()
        QTest.keyClicks(chooser.combo, "more")
        assert chooser.combo.currentText() == "more"
        assert chooser.combo.completer().currentCompletion() == RIS.name

    def test_keeps_the_choice_when_the_book_changes(self, theme, qtbot):
        chooser = PeerChooser(theme, [PACS, RIS], RIS)
        qtbot.addWidget(chooser)
        moved = Peer(name=RIS.name, ae_title="RIS", host="10.9.9.9", port=105)
        chooser.set_peers([moved, PACS])
        assert chooser.peer == moved


class TestStatusChooser:
    def test_any_number_can_be_typed(self, theme, qtbot):
        chooser = StatusChooser(theme)
        qtbot.addWidget(chooser)
        chooser.offer(((0x0000, "Success"), (0xA700, "Refused")), 0xA700)
        assert chooser.status == 0xA700
        chosen = []
        chooser.chosen.connect(chosen.append)
        chooser.combo.setEditText("0xc123")
        chooser.combo.setEditText("FFFFF")
        assert chosen == [0xC123]
        assert chooser.status is None
        assert "hexadecimal" in shown(chooser, "problem")


class TestOutcomeLabel:
    def test_markup_is_shown_as_letters(self, theme, qtbot):
        label = OutcomeLabel(theme)
        qtbot.addWidget(label)
        label.show_outcome(Outcome.FAILURE, "<img src=x>", "<b>y</b>")
        assert all(each.textFormat() == Qt.TextFormat.PlainText for each in label.findChildren(QLabel))
        assert "<img src=x>" in label.text

    def test_a_failure_has_layer_evidence_and_remedy(self, theme, qtbot):
        label = OutcomeLabel(theme)
        qtbot.addWidget(label)
        label.show_failure(Failure(Layer.TCP, "Nothing listens", "Connection refused", "Check the port."))
        assert label.text == "Nothing listens\nTCP · Connection refused\nCheck the port."
        assert label.outcome is Outcome.FAILURE
        assert "Nothing listens" in label.accessibleName()
        label.show_failure(CANCELLED)
        assert label.outcome is Outcome.CANCELLED

    def test_a_long_text_does_not_make_the_dialog_grow(self, theme, qtbot):
        holder = QWidget()
        qtbot.addWidget(holder)
        label = OutcomeLabel(theme)
        QVBoxLayout(holder).addWidget(label)
        holder.resize(600, 200)
        holder.show()
        label.show_outcome(Outcome.FAILURE, "Failed", "word " * 200 + "x" * 400)
        qtbot.wait(20)
        assert (holder.width(), holder.height()) == (600, 200)

    def test_colours_follow_the_theme(self, theme, qtbot):
        label = OutcomeLabel(theme)
        qtbot.addWidget(label)
        label.show_outcome(Outcome.SUCCESS, "Done")
        headline = label.findChild(QLabel, "outcomeHeadline")
        theme.set_appearance(Appearance.DARK)
        assert headline.palette().color(headline.foregroundRole()) == theme.success
        theme.set_appearance(Appearance.LIGHT)
        assert headline.palette().color(headline.foregroundRole()) == theme.success


def test_outcomes_differ_by_shape_and_not_by_colour_alone(theme):
    def shape(outcome: Outcome) -> bytes:
        image = outcome_icon(theme, outcome).pixmap(16).toImage().createAlphaMask()
        return bytes(image.constBits())

    assert len({shape(outcome) for outcome in Outcome}) == len(Outcome)


def test_a_menu_button_has_the_colours_of_an_appearance_chosen_while_its_dialog_was_hidden(theme, qtbot):
    theme.set_appearance(Appearance.LIGHT)
    dialog = QWidget()
    qtbot.addWidget(dialog)
    button = MenuButton("More")
    QVBoxLayout(dialog).addWidget(button)

    def is_dark() -> bool:
        picture = button.grab().toImage()
        return picture.pixelColor(picture.width() // 2, 3).lightness() < 128

    with qtbot.waitExposed(dialog):
        dialog.show()
    assert not is_dark()
    dialog.hide()
    theme.set_appearance(Appearance.DARK)
    dialog.show()
    qtbot.waitUntil(is_dark)
