from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot
from viewer_wire import request

from workstation.net.codec.field import Field
from workstation.net.codec.pdu import dissect_pdu, encode_pdu
from workstation.traffic.decoding.dissect import Dissection, Segment
from workstation.ui.theme import Theme
from workstation.ui.viewers.message.decoded_view import DecodedView, open_at_first, tree_text
from workstation.ui.viewers.message.field_model import FieldModel, value_text


def dissection(data: bytes) -> Dissection:
    return Dissection(data, len(data), (dissect_pdu(data),), (Segment(0, len(data), 1, 0, False),))


@pytest.fixture
def view(qtbot: QtBot) -> DecodedView:
    view = DecodedView(Theme())
    qtbot.addWidget(view)
    view.resize(480, 400)
    view.show()
    return view


def test_the_model_keeps_qt_s_rules(qtbot: QtBot) -> None:
    model = FieldModel(Theme())
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    fields = dissection(encode_pdu(request("A"))).fields
    model.set_fields(fields, open_at_first(fields))
    rows = model.rowCount()
    assert rows > 20
    model.open_all(0)
    assert model.rowCount() > rows
    model.open_row(0, False)
    assert model.rowCount() == 1
    model.open_row(0, True)
    assert model.rowCount() > rows, "what was open below stays so"
    for row in range(model.rowCount()):
        assert model.index_of(model.path_of(model.index(row, 0))).row() == row
        assert (model.head_of(row) == row) == (model.shown(row).depth == 0)
    model.close_all()
    assert model.rowCount() == 1
    assert model.path_of(model.index_of((0, 6))) == (0,)
    model.set_fields(())


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (Field("F", 1, 0, 1, meaning="acceptance"), "1 (acceptance)"),
        (Field("F", "1.2.840.10008.1.2", 0, 1, meaning="Implicit VR Little Endian"), "Implicit VR Little Endian"),
        (Field("F", "1.2.3.4", 0, 1), "1.2.3.4"),
        (Field("F", "1.2.840.10008.1.1", 0, 1, meaning="UI, Verification SOP Class"), "Verification SOP Class"),
        (Field("F", "1.2.3.4", 0, 1, meaning="UI"), "1.2.3.4 (UI)"),
        (Field("F", "103045.5", 0, 1, meaning="TM"), "103045.5 (TM)"),
        (Field("F", b"\x00\xff", 0, 2), "00 ff"),
        (Field("F", None, 0, 2, meaning="3 bytes"), "3 bytes"),
        (Field("F", "a\nb\u202e", 0, 2), "a\\nb\\u202e"),
        (Field("F", 3, 0, 1, problem="too short"), "⚠ too short · 3"),
    ],
)
def test_values_in_words(field: Field, text: str) -> None:
    assert value_text(field) == text


def test_branches_are_built_only_when_opened(qtbot: QtBot) -> None:
    many = tuple(Field(f"({i:04X})", i, i, 1) for i in range(50_000))
    model = FieldModel(Theme())
    model.set_fields((Field("Data Set", None, 0, 50_000, many),))
    assert model.rowCount() == 1
    assert model._top[0].children is None
    model.open_row(0, True)
    assert model.rowCount() == 50_001


def test_choosing_a_field_tells_its_path_and_showing_one_does_not(view: DecodedView, qtbot: QtBot) -> None:
    view.set_dissection(dissection(encode_pdu(request("MODALITY"))))
    with qtbot.assertNotEmitted(view.field_chosen):
        view.select_path((0, 6))
    assert view.current_path() == (0, 6)
    with qtbot.waitSignal(view.field_chosen) as caught:
        qtbot.keyClick(view, Qt.Key.Key_Down)
    assert caught.args == [(0, 7)]


def test_showing_a_deep_field_opens_what_is_around_it(view: DecodedView) -> None:
    shown = dissection(encode_pdu(request("MODALITY")))
    view.set_dissection(shown)
    path = shown.path_at(len(shown.data) - 1)
    assert len(path) == 4
    view.fields.close_all()
    view.select_path(path)
    assert view.current_path() == path
    assert not view.visualRect(view.currentIndex()).isEmpty()


def test_the_same_again_keeps_what_is_open_and_selected(view: DecodedView) -> None:
    shown = dissection(encode_pdu(request("MODALITY")))
    view.set_dissection(shown)
    path = shown.path_at(120)
    view.select_path(path)
    view.set_dissection(dissection(shown.data + b""), keep=True)
    assert view.current_path() == path
    assert path[:-1] in view.fields.open_paths()


def test_markup_from_a_peer_stays_text(view: DecodedView) -> None:
    view.set_dissection(dissection(encode_pdu(request("<b>x</b>"))))
    index = view.fields.index_of((0, 6))
    tip = index.data(Qt.ItemDataRole.ToolTipRole)
    assert "&lt;b&gt;x" in tip
    assert "<b>" not in tip


def test_a_problem_is_said_in_words_and_colour(view: DecodedView) -> None:
    view.set_dissection(dissection(encode_pdu(request("X"))[:90]))
    index = view.fields.index(0, 1)
    assert index.data().startswith("⚠ ")
    assert index.data(Qt.ItemDataRole.ForegroundRole) == Theme().failure


def test_copying_row_value_uid_hex_and_tree(view: DecodedView, qtbot: QtBot) -> None:
    shown = dissection(encode_pdu(request("MODALITY")))
    view.set_dissection(shown)
    view.select_path((0, 5))
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().text() == "Called AE Title\tPACS\t000a\t16"
    view.select_path((0, 8))
    menu = QMenu()
    view.fill_menu(menu, view.currentIndex())
    actions = {action.text(): action for action in menu.actions()}
    actions["Copy UID"].trigger()
    assert QApplication.clipboard().text() == "1.2.840.10008.3.1.1.1"
    actions["Copy bytes as hexadecimal"].trigger()
    assert QApplication.clipboard().text().startswith("10 00 00 15 31 2e 32")
    assert tree_text(shown.fields[0]).splitlines()[6] == "  Called AE Title: PACS"


def test_empty_says_what_will_fill_it(view: DecodedView) -> None:
    view.set_dissection(None)
    assert view.empty.isVisible()
    assert "Select a message" in view.empty.text
    view.set_dissection(dissection(encode_pdu(request("X"))))
    assert not view.empty.isVisible()
