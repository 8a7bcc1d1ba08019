"""The filter bar: typing, completing, keeping; driven with real keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QInputDialog, QLabel, QMenu, QPushButton, QToolButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot
from viewer_wire import MR, whole

from workstation.saved_filters import SavedFilters
from workstation.traffic.filters.asking import ASSOCIATION_COLUMNS, MESSAGE_COLUMNS
from workstation.traffic.filters.fields import FIELDS
from workstation.traffic.filters.filter import Filter
from workstation.traffic.log import TrafficLog
from workstation.ui.theme import Appearance, Theme
from workstation.ui.viewers.filtering.filter_bar import FilterBar
from workstation.ui.viewers.filtering.filter_menu import add_filter_menu
from workstation.ui.viewers.lists import associations_model, messages_model


@pytest.fixture
def saved(tmp_path: Path) -> SavedFilters:
    saved = SavedFilters(tmp_path / "filters.toml")
    saved.load()
    return saved


@pytest.fixture
def bar(qtbot: QtBot, saved: SavedFilters) -> Iterator[FilterBar]:
    window = QWidget()
    qtbot.addWidget(window)
    layout = QVBoxLayout(window)
    bar = FilterBar(Theme(), saved)
    layout.addWidget(bar)
    layout.addStretch(1)
    window.resize(700, 300)
    window.show()
    qtbot.waitExposed(window)
    bar.line.setFocus()
    yield bar
    bar.line.popup.hide()


class Heard:
    """The filters that came into force, as texts."""

    def __init__(self, bar: FilterBar) -> None:
        self.texts: list[str | None] = []
        bar.filter_changed.connect(self.hear)

    def hear(self, wanted: Filter | None) -> None:
        self.texts.append(None if wanted is None else wanted.text)


def offered(bar: FilterBar) -> list[str]:
    return [offer.text for offer in bar.line.popup.model.offers] if bar.line.popup.isVisible() else []


def test_enter_applies_at_once_and_a_pause_does_too(qtbot: QtBot, bar: FilterBar) -> None:
    heard = Heard(bar)
    qtbot.keyClicks(bar.line, "problem")
    assert heard.texts == []
    qtbot.keyClick(bar.line, Qt.Key.Key_Return)
    assert heard.texts == ["problem"]
    assert bar.filter == Filter.of("problem")
    with qtbot.waitSignal(bar.filter_changed, timeout=2000):
        qtbot.keyClicks(bar.line, " or status")
    assert heard.texts == ["problem", "problem or status"]
    qtbot.keyClick(bar.line, Qt.Key.Key_Return)
    assert heard.texts == ["problem", "problem or status"], "the same filter was announced twice"


def test_a_bad_text_is_said_and_the_last_good_filter_stays(qtbot: QtBot, bar: FilterBar) -> None:
    heard = Heard(bar)
    bar.set_text("status != 0")
    bar.line.selectAll()
    qtbot.keyClicks(bar.line, "statsu != 0")
    # At once: the sign, its words and what a screen reader says.
    assert "Do you mean status?" in bar.line.accessibleDescription()
    assert "Do you mean status?" in bar.line.toolTip()
    qtbot.keyClick(bar.line, Qt.Key.Key_Return)
    assert bar.problem.isVisible()
    assert "Do you mean status?" in bar.problem.text()
    assert "Still in force: status != 0" in bar.problem.text()
    assert bar.filter == Filter.of("status != 0")
    assert heard.texts == ["status != 0"]
    for _ in range(20):
        qtbot.keyClick(bar.line, Qt.Key.Key_Backspace)
    qtbot.keyClicks(bar.line, "problem")
    assert not bar.problem.isVisible()
    qtbot.keyClick(bar.line, Qt.Key.Key_Return)
    assert heard.texts == ["status != 0", "problem"]


def test_a_pause_says_what_is_wrong_too(qtbot: QtBot, bar: FilterBar) -> None:
    qtbot.keyClicks(bar.line, "status # 0")
    bar.line.popup.hide()
    qtbot.waitUntil(bar.problem.isVisible, timeout=2000)
    assert "means nothing" in bar.problem.text()


def test_clearing_shows_everything(qtbot: QtBot, bar: FilterBar) -> None:
    heard = Heard(bar)
    bar.set_text("status")
    bar.set_count(3, 20)
    assert bar.count.text() == "3 of 20"
    clear = bar.line.findChild(QToolButton)
    assert clear is not None
    bar.clear()
    assert heard.texts == ["status", None]
    assert bar.filter is None
    assert not bar.count.isVisible()


def test_the_wave_stands_under_what_is_wrong(qtbot: QtBot, bar: FilterBar) -> None:
    bar.set_text("problem")
    good = bar.line.grab().toImage()
    bar.set_text("problem and statsu")
    image = bar.line.grab().toImage()
    red = Theme().failure
    base = (bar.line.height() + bar.line.fontMetrics().height()) // 2
    scale = image.devicePixelRatio()

    def reddish(x: int) -> bool:
        for y in range(base - 2, min(base + 3, bar.line.height() - 1)):
            colour = image.pixelColor(int(x * scale), int(y * scale))
            if abs(colour.red() - red.red()) + abs(colour.green() - red.green()) < 90:
                return True
        return False

    start, end = bar.line.x_of(12), bar.line.x_of(18)
    marked = sum(reddish(x) for x in range(start, end))
    assert marked > (end - start) // 2
    assert sum(reddish(x) for x in range(bar.line.x_of(0), bar.line.x_of(11))) < 4
    assert good.size() == image.size()


# --- completion ------------------------------------------------------------------------------------------------------


def test_fields_relations_and_values_are_completed_by_keys(qtbot: QtBot, bar: FilterBar) -> None:
    qtbot.keyClicks(bar.line, "sta")
    assert offered(bar)[:2] == ["state", "status"]
    qtbot.keyClick(bar.line, Qt.Key.Key_Down)
    qtbot.keyClick(bar.line, Qt.Key.Key_Down)
    qtbot.keyClick(bar.line, Qt.Key.Key_Return)
    assert bar.text == "status "
    assert offered(bar)[:2] == ["==", "!="]
    qtbot.keyClick(bar.line, Qt.Key.Key_Tab)
    assert bar.text == "status == "
    qtbot.keyClicks(bar.line, "fa")
    qtbot.keyClick(bar.line, Qt.Key.Key_Tab)
    assert bar.text == "status == failure "
    assert offered(bar) == ["and", "or"]
    qtbot.keyClick(bar.line, Qt.Key.Key_Escape)
    assert offered(bar) == []
    qtbot.keyClick(bar.line, Qt.Key.Key_Return)
    assert bar.filter == Filter.of("status == failure")
    assert bar.line.hasFocus()


def test_enter_without_a_choice_filters_instead_of_completing(qtbot: QtBot, bar: FilterBar) -> None:
    qtbot.keyClicks(bar.line, "problem")
    bar.line.offer()
    qtbot.keyClick(bar.line, Qt.Key.Key_Return)
    assert bar.text == "problem"
    assert bar.filter == Filter.of("problem")
    assert offered(bar) == []


def test_the_arrow_down_shows_all_fields_and_a_click_takes_one(qtbot: QtBot, bar: FilterBar) -> None:
    qtbot.keyClick(bar.line, Qt.Key.Key_Down)
    assert offered(bar)[: len(FIELDS)] == [field.name for field in FIELDS]
    view = bar.line.popup.list
    index = bar.line.popup.model.index(1, 0)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(index).center())
    assert bar.text == "calling "


def test_the_values_are_those_of_the_traffic(qtbot: QtBot, bar: FilterBar) -> None:
    log = TrafficLog()
    log.add(whole(1))
    bar.set_log(log)
    qtbot.keyClicks(bar.line, "calling == ")
    assert offered(bar) == ['"MODALITY"']
    qtbot.keyClick(bar.line, Qt.Key.Key_Tab)
    qtbot.keyClicks(bar.line, "and sop_class == MRI")
    assert offered(bar)[0] == "MRImageStorage"
    qtbot.keyClick(bar.line, Qt.Key.Key_Tab)
    qtbot.keyClick(bar.line, Qt.Key.Key_Escape)
    qtbot.keyClick(bar.line, Qt.Key.Key_Return)
    assert bar.filter == Filter.of(f'calling == "MODALITY" and sop_class == {MR}') or bar.filter is not None
    assert bar.text.strip() == 'calling == "MODALITY" and sop_class == MRImageStorage'


def test_a_completion_can_be_undone(qtbot: QtBot, bar: FilterBar) -> None:
    qtbot.keyClicks(bar.line, "stat")
    qtbot.keyClick(bar.line, Qt.Key.Key_Tab)
    assert bar.text == "state "
    bar.line.undo()
    assert bar.text in ("stat", "")


def test_the_list_goes_when_the_person_looks_elsewhere(qtbot: QtBot, bar: FilterBar) -> None:
    other = QPushButton("elsewhere")
    bar.window().layout().addWidget(other)
    other.show()
    qtbot.keyClicks(bar.line, "sta")
    assert offered(bar)
    other.setFocus()
    assert not offered(bar)
    bar.line.setFocus()
    qtbot.keyClicks(bar.line, "t")
    assert offered(bar)
    bar.window().resize(500, 200)
    qtbot.waitUntil(lambda: not offered(bar))


def test_the_list_stays_within_the_window(qtbot: QtBot, bar: FilterBar) -> None:
    bar.window().resize(360, 300)
    qtbot.keyClicks(bar.line, "status == 0 and calling == x and st")
    popup = bar.line.popup
    assert popup.isVisible()
    left = bar.window().mapFromGlobal(popup.pos()).x()
    assert left >= 0
    assert left + popup.width() <= 360


# --- asking from elsewhere -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "expression", "how", "text"),
    [
        ("", "status == 0", "and", "status == 0"),
        ("", "status == 0", "and not", "not status == 0"),
        ("", "status == 0", "or", ""),
        ("problem", "status == 0", "and", "problem and status == 0"),
        ("problem", "status == 0", "or", "problem or status == 0"),
        ("problem", "status or dimse", "and not", "problem and not (status or dimse)"),
        ("problem", "status == 0", "only", "status == 0"),
        ("problem ===", "status == 0", "and", "status == 0"),
    ],
)
def test_filter_on_this(bar: FilterBar, typed: str, expression: str, how: str, text: str) -> None:
    bar.set_text(typed)
    bar.ask(expression, how)
    assert bar.text == text
    assert bar.filter == (Filter.of(text) if text else None)


def test_a_broken_text_is_not_mixed_with_what_is_asked(bar: FilterBar) -> None:
    bar.set_text("problem")
    bar.set_text("problem and statsu")
    bar.ask("status", "and")
    assert bar.text == "problem and status"


def test_the_menu_asks(qtbot: QtBot, bar: FilterBar) -> None:
    menu = QMenu()
    qtbot.addWidget(menu)
    assert add_filter_menu(menu, "", bar.ask) is None
    assert menu.isEmpty()
    inner = add_filter_menu(menu, 'calling == "A&B"', bar.ask)
    assert inner is not None
    assert inner.actions()[0].text() == 'calling == "A&&B"'
    bar.set_text("status")
    {action.text(): action for action in inner.actions()}["… and not these"].trigger()
    assert bar.text == 'status and not calling == "A&B"'


def test_the_columns_are_those_of_the_lists() -> None:
    for names, module in ((MESSAGE_COLUMNS, messages_model), (ASSOCIATION_COLUMNS, associations_model)):
        assert len(names) == len(module.TITLES)
        assert [getattr(module, name.upper()) for name in names] == list(range(len(names)))


# --- kept filters ----------------------------------------------------------------------------------------------------


def entries(bar: FilterBar) -> list[str]:
    bar._menu.aboutToShow.emit()
    return [action.text() for action in bar._menu.actions() if action.text()]


def test_filters_are_saved_picked_and_removed(qtbot: QtBot, bar: FilterBar, saved: SavedFilters) -> None:
    assert "No filter saved or used yet" in entries(bar)
    bar.set_text("status == failure")
    dialog = bar.save_as()
    assert isinstance(dialog, QInputDialog)
    dialog.setTextValue("My & failures")
    dialog.accept()
    again = SavedFilters(saved.path)
    again.load()
    assert [(each.name, each.text) for each in again.filters] == [("My & failures", "status == failure")]
    bar.set_text("problem")
    assert entries(bar)[:3] == ["Save this filter…", "My && failures", "Remove"]
    next(action for action in bar._menu.actions() if action.text() == "My && failures").trigger()
    assert bar.filter == Filter.of("status == failure")
    entries(bar)
    remove = next(action for action in bar._menu.actions() if action.text() == "Remove").menu()
    assert isinstance(remove, QMenu)
    remove.actions()[0].trigger()
    assert saved.filters == ()


def test_filters_that_were_used_come_again(bar: FilterBar, saved: SavedFilters) -> None:
    for text in ("status", "problem", "status"):
        bar.set_text(text)
    assert saved.recent == ("status", "problem")
    assert {"status", "problem"} <= set(entries(bar))
    next(action for action in bar._menu.actions() if action.text() == "problem").trigger()
    assert bar.text == "problem"
    entries(bar)
    next(action for action in bar._menu.actions() if action.text() == "Forget recent filters").trigger()
    assert saved.recent == ()


def test_only_a_good_filter_can_be_saved(bar: FilterBar) -> None:
    def can_save() -> bool:
        entries(bar)
        return bar._menu.actions()[0].isEnabled()

    assert not can_save()
    bar.set_text("status ==")
    assert not can_save()
    bar.set_text("status")
    assert can_save()


def test_what_is_to_be_named_is_said_and_is_text(bar: FilterBar) -> None:
    bar.set_text('PatientName == "<b>Doe</b>"')
    dialog = bar.save_as()
    label = dialog.findChild(QLabel)
    assert label.text() == 'Name of the filter PatientName == "<b>Doe</b>"'
    assert label.textFormat() is Qt.TextFormat.PlainText
    dialog.reject()


def test_a_name_that_cannot_be_is_refused_in_words(bar: FilterBar) -> None:
    bar.set_text("status")
    dialog = bar.save_as()
    dialog.setTextValue("   ")
    dialog.accept()
    assert "needs a name" in bar.problem.text()


def test_a_folder_that_cannot_be_written_does_not_stop_the_filter(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file where the folder should be")
    bar = FilterBar(Theme(), SavedFilters(tmp_path / "occupied" / "filters.toml"))
    qtbot.addWidget(bar)
    bar.set_text("status")
    assert bar.filter == Filter.of("status")
    assert "cannot be remembered" in bar.problem.text()


# --- help and colours ------------------------------------------------------------------------------------------------


def test_the_help_lists_every_field_and_finds(qtbot: QtBot, bar: FilterBar) -> None:
    bar.set_text("problem and ")
    bar.line.setCursorPosition(len(bar.text))
    dialog = bar.open_help()
    assert not dialog.isModal()
    assert [dialog.model.shown(row).texts[0] for row in range(dialog.model.rowCount())] == [
        each.name for each in FIELDS
    ]
    qtbot.keyClicks(dialog.search, "error comment")
    assert [dialog.model.shown(row).texts[0] for row in range(dialog.model.rowCount())] == ["error_comment"]
    assert "Takes:" in dialog.model.tip(0, 0)
    insert = dialog.findChild(QPushButton, "filterInsert")
    assert insert is not None
    insert.click()
    assert bar.text.split() == ["problem", "and", "error_comment"]
    example = dialog.findChild(QPushButton, "filterExample")
    assert example is not None
    example.click()
    assert Filter.of(bar.text)
    assert bar.open_help() is dialog
    dialog.close()


def test_colour_rules_are_edited_and_take_effect(qtbot: QtBot, bar: FilterBar, saved: SavedFilters) -> None:
    log = TrafficLog()
    log.add(whole(1))
    conversation = log.conversations[0]
    request = conversation.rows[2]
    assert bar.colours.colour_of(conversation, request) == ""
    dialog = bar.open_colours()
    changes: list[None] = []
    bar.colours_changed.connect(lambda: changes.append(None))
    count = dialog.list.count()
    dialog.add.click()
    assert dialog.list.count() == count + 1
    dialog.name.editor.setText("Questions")
    dialog.filter.editor.setText("dimse == C-FIND-RQ ===")
    assert dialog.list.currentItem().text() == "Questions — the filter is broken"
    assert bar.colours.colour_of(conversation, request) == ""
    dialog.line.setFocus()
    dialog.line.clear()
    qtbot.keyClicks(dialog.line, "dimse == C-FIND-R")
    assert dialog.line.popup.isVisible()
    qtbot.keyClick(dialog.line, Qt.Key.Key_Escape)
    assert dialog.isVisible()
    assert not dialog.line.popup.isVisible()
    qtbot.keyClicks(dialog.line, "Q")
    dialog.colour.setCurrentIndex(dialog.colour.findData("success"))
    dialog.colour.activated.emit(dialog.colour.currentIndex())
    assert dialog.list.currentItem().text() == "Questions"
    assert bar.colours.colour_of(conversation, request) == "success"
    assert changes
    again = SavedFilters(saved.path)
    again.load()
    assert again.colours.rules == bar.colours.rules
    dialog.list.currentItem().setCheckState(Qt.CheckState.Unchecked)
    assert bar.colours.colour_of(conversation, request) == ""
    dialog.list.currentItem().setCheckState(Qt.CheckState.Checked)
    row = dialog.list.currentRow()
    dialog.down.click()
    assert dialog.list.currentRow() == row + 1
    assert bar.colours.rules[row + 1].name == "Questions"
    dialog.up.click()
    assert bar.colours.rules[row].name == "Questions"
    dialog.remove.click()
    assert "Questions" not in [rule.name for rule in bar.colours.rules]
    while dialog.list.count():
        dialog.list.setCurrentRow(0)
        dialog.remove.click()
    assert bar.colours.rules == ()
    assert not dialog.filter.isEnabled()
    defaults = dialog.findChild(QPushButton, "colourRuleDefaults")
    assert defaults is not None
    defaults.click()
    assert dialog.list.count() == count
    dialog.close()


def test_everything_can_be_found_by_name_and_is_plain(qtbot: QtBot, bar: FilterBar) -> None:
    names = ["filterLine", "filterSaved", "filterColours", "filterHelpButton"]
    for name in names:
        widget = bar.findChild(QWidget, name)
        assert widget is not None, name
        assert widget.accessibleName(), name
    bar.set_text('calling == "<b>x</b>')
    for label in bar.findChildren(QLabel):
        assert label.textFormat() is Qt.TextFormat.PlainText
    bar.set_text('calling == "<b>x</b>"')
    assert "&lt;b&gt;" in bar.line.toolTip()


def test_both_palettes_and_a_narrow_window(qtbot: QtBot, bar: FilterBar) -> None:
    theme = bar._theme
    for appearance in (Appearance.DARK, Appearance.LIGHT):
        theme.set_appearance(appearance)
        bar.set_text("statsu")
        image = bar.grab().toImage()
        wanted = theme.failure
        found = any(
            abs(image.pixelColor(x, y).red() - wanted.red()) + abs(image.pixelColor(x, y).blue() - wanted.blue()) < 30
            for x in range(0, image.width(), 1)
            for y in range(0, min(image.height(), 40), 2)
        )
        assert found, appearance
    bar.window().resize(300, 200)
    QApplication.processEvents()
    assert bar.line.width() > 100
    right = bar.help_button.mapTo(bar.window(), QPoint(bar.help_button.width(), 0)).x()
    assert right <= bar.window().width()
