"""The main window as a person meets it: actions, panes, messages, what it remembers; on real services."""

from __future__ import annotations

import socket
from collections import Counter
from dataclasses import replace

import pytest
from dialog_kit import ServerSeen
from PySide6.QtCore import QPoint, QRect, QSettings, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDockWidget,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QTabBar,
    QWidget,
)
from rules_kit import answering, delaying
from viewer_wire import emit, whole

from workstation.paths import DataDir
from workstation.peers import AddressBook, Peer
from workstation.scp.profiles import MAIN, ProfileFolder
from workstation.settings import SettingsFile
from workstation.traffic.log import TrafficLog
from workstation.ui.bridge import Bridge
from workstation.ui.dialogs.send_dialog import SendDialog
from workstation.ui.services import Services
from workstation.ui.tasks import Tasks
from workstation.ui.theme import DARK, Theme
from workstation.ui.viewers.viewers import Viewers
from workstation.ui.window.arrangement import Layout
from workstation.ui.window.info_bar import Message, Tone
from workstation.ui.window.main_window import MainWindow

RIS = Peer(name="RIS", ae_title="RIS", host="127.0.0.1", port=1)
PACS = Peer(name="PACS", ae_title="PACS1", host="127.0.0.1", port=1, group="Radiology")


def make_window(folder) -> MainWindow:
    folders = DataDir.at(folder)
    settings_file = SettingsFile(folders.settings)
    peers = AddressBook(folders.peers)
    peers.load()
    bridge, log, theme = Bridge(), TrafficLog(), Theme()
    services = Services(
        settings=settings_file.load(),
        settings_file=settings_file,
        profiles=ProfileFolder(folders.servers),
        peers=peers,
        folders=folders,
        tasks=Tasks(),
        theme=theme,
        bridge=bridge,
        log=log,
    )
    return MainWindow(services, Viewers(bridge, log, theme, services.tasks))


@pytest.fixture
def window(qt_loop, qtbot, tmp_path) -> MainWindow:
    window = make_window(tmp_path)
    qtbot.addWidget(window)
    window.services.peers.add(PACS)
    window.services.peers_changed.emit()
    with qtbot.waitExposed(window):
        window.show()
    return window


class TestActions:
    def test_every_action_can_be_found_explained_and_reached_by_keys(self, window):
        for each in window.actions():
            assert each.objectName(), each.text()
            assert each.text()
            assert each.statusTip(), each.text()
            assert each.toolTip() != each.text().replace("&", ""), each.text()
            if each is not window.commands["copy"]:  # the panes' own Ctrl+C
                assert not each.shortcut().isEmpty(), each.text()

    def test_every_action_has_a_menu_entry(self, window):
        def entries(menu):
            for each in menu.actions():
                if each.menu() is not None:
                    yield from entries(each.menu())
                else:
                    yield each

        in_menus = {each for menu in window.menuBar().actions() for each in entries(menu.menu())}
        assert {each.text() for each in window.actions() if each not in in_menus} == set()

    def test_no_two_actions_share_keys(self, window):
        keys = Counter(each.shortcut().toString() for each in window.actions() if not each.shortcut().isEmpty())
        assert [text for text, count in keys.items() if count > 1] == []

    def test_object_names_of_actions_differ(self, window):
        names = Counter(each.objectName() for each in window.actions())
        assert [name for name, count in names.items() if count > 1] == []

    def test_menus(self, window):
        titles = [each.text().replace("&", "") for each in window.menuBar().actions()]
        assert titles == ["File", "Edit", "View", "Peer", "Request", "Server", "Capture", "Tools", "Help"]

    def test_requests_need_a_peer_and_changes_one_of_the_book(self, window):
        window.peers_pane.select("PACS")
        assert window.commands["echo"].isEnabled()
        assert window.commands["edit_peer"].isEnabled()
        window.services.peers.remove("PACS")
        window.services.peers_changed.emit()
        assert not window.commands["echo"].isEnabled()
        assert not window.commands["send"].isEnabled()
        assert not window.commands["query"].isEnabled()
        assert not window.commands["remove_peer"].isEnabled()

    def test_the_built_in_server_cannot_be_edited_away(self, window):
        window.services.servers = ServerSeen(running=False, host="127.0.0.1", port=11112)
        window.services.server_changed.emit()
        window.peers_pane.select("Built-in")
        assert window.commands["echo"].isEnabled()
        assert not window.commands["edit_peer"].isEnabled()
        assert not window.commands["remove_peer"].isEnabled()

    def test_copying_the_address(self, window):
        window.peers_pane.select("PACS")
        window.commands["copy_peer"].trigger()
        assert QGuiApplication.clipboard().text() == "PACS1@127.0.0.1:1"


class TestAccessibility:
    def test_every_interactive_widget_has_a_name_for_tests_and_one_for_people(self, window):
        kinds = (QAbstractButton, QAbstractItemView, QComboBox, QLineEdit, QAbstractSpinBox)
        unnamed = [
            f"{type(widget).__name__} in {widget.parentWidget().objectName()!r}"
            for kind in kinds
            for widget in window.findChildren(kind)
            if not _made_by_qt(widget) and not (widget.objectName() and widget.accessibleName())
        ]
        assert unnamed == []

    def test_every_pane_has_a_title_in_words(self, window):
        for dock in window.findChildren(QDockWidget):
            assert dock.windowTitle().strip(), dock.objectName()


def _made_by_qt(widget: QWidget) -> bool:
    """Parts of Qt's own widgets: a header's corner, a dock's buttons, a spin box's edit, what clears a line."""
    parent = widget.parentWidget()
    return (
        widget.objectName().startswith("qt_")
        or isinstance(parent, QDockWidget | QComboBox | QAbstractSpinBox | QLineEdit | QTabBar)
        or (isinstance(parent, QAbstractScrollArea) and isinstance(widget, QAbstractButton))
        or parent.metaObject().className() == "QComboBoxPrivateContainer"
        or type(widget).__name__ in ("QHeaderView", "QMenuBarExtension", "QToolBarExtension")
    )


class TestFind:
    def test_it_is_reached_from_the_lists(self, window, qtbot):
        window.activateWindow()
        window.viewers.messages.setFocus()
        qtbot.keyClick(window.viewers.messages, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
        assert window.viewers.decoded_pane.is_open
        assert window.focusWidget() is window.viewers.decoded_pane.bar.text

    def test_a_hidden_pane_comes_to_the_front_for_it(self, window, qtbot):
        window.docks["decoded"].hide()
        window.commands["find"].trigger()
        assert window.docks["decoded"].isVisible()
        assert window.viewers.decoded_pane.is_open

    def test_in_bytes_it_finds_bytes(self, window, qtbot):
        window.activateWindow()
        window.docks["bytes"].raise_()
        window.viewers.bytes.setFocus()
        qtbot.keyClick(window.viewers.bytes, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
        assert window.viewers.bytes_pane.is_open
        assert not window.viewers.decoded_pane.is_open


class TestEnter:
    def test_on_a_message_it_leads_to_its_fields(self, window, qtbot):
        window.activateWindow()
        window.docks["decoded"].hide()
        emit(window.services.bridge, whole(1))
        window.viewers.select_message(3)
        window.viewers.messages.setFocus()
        qtbot.keyClick(window.viewers.messages, Qt.Key.Key_Return)
        assert window.docks["decoded"].isVisible()
        assert window.focusWidget() is window.viewers.decoded
        assert window.viewers.messages.current_row().number == 3
        assert window.viewers.decoded.windowTitle() == f"Decoded {window.viewers.messages.current_row().name}"


class TestPanes:
    def test_each_arrangement_shows_its_panes(self, window, qtbot):
        for layout, missing in (
            (Layout.ANALYSE, {"peers", "log", "questions"}),
            (Layout.SERVER, {"bytes", "state", "sequence", "data_set"}),
            (Layout.TEST, set()),
        ):
            window.commands[f"layout_{layout.name.lower()}"].trigger()
            qtbot.wait(1)
            assert {name for name, dock in window.docks.items() if not dock.isVisible()} == missing, layout
            for name, dock in window.docks.items():
                if name not in missing:
                    assert dock.width() > 120, (layout, name)
                    assert dock.height() > 80, (layout, name)

    def test_the_window_can_be_as_small_as_1100_by_700(self, window, qtbot):
        window.resize(1100, 700)
        qtbot.wait(1)
        assert (window.width(), window.height()) == (1100, 700)
        assert window.minimumSizeHint().width() <= 1100
        assert window.minimumSizeHint().height() <= 700

    @pytest.mark.parametrize("layout", Layout)
    def test_with_traffic_it_stays_as_small_and_every_tab_can_be_read(self, window, qtbot, layout):
        window.resize(1100, 700)
        emit(window.services.bridge, whole(1))
        window.viewers.select_message(3)
        window.arrange(layout)
        for dock in window.docks.values():
            if window.panes.tabifiedDockWidgets(dock):
                dock.raise_()
                qtbot.waitUntil(dock.widget().isVisible)
                qtbot.wait(1)
                assert (window.width(), window.height()) == (1100, 700), dock.objectName()
        bars = window.panes.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly)
        bars = [bar for bar in bars if bar.isVisible() and bar.count()]
        assert bars
        for bar in bars:
            qtbot.waitUntil(lambda bar=bar: bar.tabRect(bar.count() - 1).right() < bar.width())
            for place in range(bar.count()):
                assert bar.tabText(place)
                assert bar.fontMetrics().horizontalAdvance(bar.tabText(place)) < bar.tabRect(place).width()

    def test_a_tab_leaves_what_its_pane_is_about_to_the_panes_beside_it(self, window, qtbot):
        emit(window.services.bridge, whole(1))
        window.viewers.select_message(3)
        dock = window.docks["bytes"]
        qtbot.waitUntil(lambda: dock.windowTitle() == "Bytes")
        assert dock.widget().windowTitle().startswith("Bytes of ")
        window.docks["data_set"].hide()
        qtbot.waitUntil(lambda: dock.windowTitle() == dock.widget().windowTitle())
        window.docks["data_set"].show()
        qtbot.waitUntil(lambda: dock.windowTitle() == "Bytes")

    def test_a_pane_behind_a_tab_rests_until_it_is_looked_at(self, window, qtbot):
        viewers = window.viewers
        qtbot.waitUntil(lambda: viewers.sequence.isVisible() and not viewers.timing.isVisible())
        window.docks["timing"].raise_()
        qtbot.waitUntil(lambda: viewers.timing.isVisible() and not viewers.sequence.isVisible())

    def test_panes_do_not_overlap(self, window, qtbot):
        qtbot.wait(1)
        # Those behind others in a tab have no region.
        docks = [dock for dock in window.docks.values() if not dock.visibleRegion().isEmpty()]
        assert len(docks) > 5
        for one in docks:
            for other in docks:
                assert one is other or not one.geometry().intersects(other.geometry())

    def test_arrangement_size_and_columns_come_back(self, window, qtbot, tmp_path):
        window.docks["log"].hide()
        window.resize(790, 640)  # the offscreen screen has 800 by 800
        window.peers_pane.tree.header().resizeSection(0, 77)
        window.close()
        assert QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat).contains("window/panes")
        again = make_window(tmp_path)
        qtbot.addWidget(again)
        with qtbot.waitExposed(again):
            again.show()
        assert not again.docks["log"].isVisible()
        assert again.docks["bytes"].isVisible()
        assert (again.width(), again.height()) == (790, 640)
        assert again.peers_pane.tree.header().sectionSize(0) == 77

    def test_a_pane_hidden_by_keys_comes_back_by_keys(self, window, qtbot):
        with qtbot.waitActive(window):
            window.activateWindow()
        for visible in (False, True):
            qtbot.keyClick(window, Qt.Key.Key_6, Qt.KeyboardModifier.AltModifier)
            assert window.docks["state"].isVisible() is visible


class TestAppearance:
    def test_dark_is_kept_for_the_next_run(self, window, tmp_path):
        window.commands["appearance_dark"].trigger()
        assert QApplication.palette().window().color().name() == DARK.window
        assert SettingsFile(tmp_path / "settings.toml").load().appearance == "dark"

    def test_the_server_button_is_readable_after_a_change(self, window):
        def shades() -> list[int]:
            # As it stands in the window: alone it would be painted on a ground of its own.
            button = window.server_button
            place = QRect(button.mapTo(window, QPoint(0, 0)), button.size())
            image = window.grab().toImage().copy(place)
            middle = image.height() // 2
            columns, rows = range(image.width() // 3, image.width() - 6), range(middle - 6, middle + 6)
            return [image.pixelColor(x, y).lightness() for x in columns for y in rows]

        window.commands["appearance_light"].trigger()
        QApplication.processEvents()
        assert min(shades()) < 80
        window.commands["appearance_dark"].trigger()
        QApplication.processEvents()
        assert max(shades()) > 150

    def test_icons_take_the_colour_of_the_text(self, window):
        def darkest() -> int:
            image = window.commands["echo"].icon().pixmap(20, 20).toImage()
            pixels = (image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height()))
            return min((pixel.lightness() for pixel in pixels if pixel.alpha() > 200), default=0)

        window.commands["appearance_light"].trigger()
        assert darkest() < 100
        window.commands["appearance_dark"].trigger()
        assert darkest() > 150


def dismissed(window) -> list[str]:
    """What the line says, one message after the other, until there is none."""
    seen = []
    while window.info_bar.text:
        seen.append(window.info_bar.text)
        window.info_bar.dismiss()
    return seen


class TestMessages:
    def test_a_notice_is_shown_as_plain_text_and_stops_nobody(self, window):
        window.services.notify("<b>Disk</b> is full")
        assert window.info_bar.isVisible()
        assert window.info_bar.text == "<b>Disk</b> is full"
        assert QApplication.activeModalWidget() is None

    def test_the_newest_notice_is_seen_and_none_is_lost_or_said_twice(self, window):
        for text in ("one", "two", "one", "two"):
            window.info_bar.show_message(Message(text))
        assert dismissed(window) == ["two", "one"]
        assert not window.info_bar.isVisible()

    def test_a_problem_stays_until_it_is_read(self, window):
        for message in (Message("done"), Message("broken", Tone.PROBLEM), Message("done again")):
            window.info_bar.show_message(message)
        assert dismissed(window) == ["broken", "done", "done again"]

    def test_a_long_notice_wraps_instead_of_widening_the_window(self, window, qtbot):
        window.resize(1100, 700)
        window.services.notify("A sentence that goes on. " * 40)
        qtbot.wait(1)
        assert window.width() == 1100
        assert 30 < window.info_bar.height() < 200

    def test_a_server_that_departs_from_what_is_built_in_says_so(self, window):
        services = window.services
        services.servers = ServerSeen(running=True, host="127.0.0.1", port=11113)
        label = window.findChild(QLabel, "statusServer")
        services.server_changed.emit()
        assert "rule" not in label.text()
        rules = (answering("EVT_C_STORE", 0xA700), replace(delaying("EVT_C_FIND", 1), enabled=False))
        services._profiles[MAIN] = replace(services.profile, rules=rules)
        services.server_changed.emit()
        assert label.text().endswith("· 1 rule in force")
        assert "C-STORE: 0xA700" in label.toolTip()

    def test_a_server_that_cannot_listen_is_said_and_taken_back(self, window):
        services = window.services
        services.servers = ServerSeen(running=False, host="127.0.0.1", port=11112)
        services.server_problems[MAIN] = "The built-in server cannot listen on 127.0.0.1:11112: ..."
        services.server_changed.emit()
        assert window.info_bar.text == services.server_problem
        assert window.findChild(QPushButton, "infoBarRemedy").isVisible()
        assert "cannot listen" in window.server_button.accessibleName()
        services.servers = ServerSeen(running=True, host="127.0.0.1", port=11113)
        services.server_problems.clear()
        services.server_changed.emit()
        assert window.info_bar.text == ""
        assert "127.0.0.1:11113" in window.server_button.text()
        assert window.commands["start_server"].text() == "&Stop"


class TestPeers:
    def answer(self, window, qtbot, button: str) -> None:
        window.peers_pane.select("PACS")
        window.commands["remove_peer"].trigger()
        box = window.findChild(QMessageBox, "removePeerBox")
        qtbot.waitUntil(box.isVisible)
        assert box.textFormat() == Qt.TextFormat.PlainText
        next(each for each in box.buttons() if each.text().replace("&", "") == button).click()

    def test_removing_asks_first(self, window, qtbot):
        self.answer(window, qtbot, "Cancel")
        assert window.services.peers.find("PACS") == PACS

    def test_removing(self, window, qtbot):
        self.answer(window, qtbot, "Remove")
        assert window.services.peers.find("PACS") is None
        assert window.peers_pane.current_peer is None


class TestClosing:
    def test_closing_says_so(self, window, qtbot):
        with qtbot.waitSignal(window.closed):
            window.close()

    def test_quit_by_keys(self, window, qtbot):
        with qtbot.waitActive(window):
            window.activateWindow()
        with qtbot.waitSignal(window.closed):
            qtbot.keySequence(window, QKeySequence("Ctrl+Q"))


class TestDialogs:
    def test_echo_asks_at_once_and_the_dot_says_what_came_of_it(self, window, qtbot):
        window.peers_pane.select("PACS")
        window.commands["echo"].trigger()
        # Nobody listens on port 1: a failure that names its layer.
        qtbot.waitUntil(lambda: "PACS" in str(window.services.peer_state("PACS").sentence) or _failed(window))
        assert _failed(window)

    def test_a_second_request_of_a_kind_raises_the_dialog_that_is_there(self, window):
        window.peers_pane.select("PACS")
        assert window.open_query() is window.open_query()
        assert window.open_server() is window.open_server()

    def test_one_echo_window_asks_whoever_is_selected(self, window, qtbot):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            window.services.peers.add(replace(RIS, port=silent.getsockname()[1]))
            window.services.peers_changed.emit()
            window.peers_pane.select("PACS")
            first = window.open_echo()
            assert first.windowTitle() == "Echo PACS"
            qtbot.waitUntil(lambda: _failed(window) and not first.busy)
            window.peers_pane.select("RIS")
            assert window.open_echo() is first
            assert first.windowTitle() == "Echo RIS"
            qtbot.waitUntil(lambda: first.busy)
            assert window.open_echo() is first
            window.peers_pane.select("PACS")
            # It is asking: another peer does not wait for that.
            second = window.open_echo()
            assert second is not first
            assert (first.windowTitle(), second.windowTitle()) == ("Echo RIS", "Echo PACS")
            first.cancel()
            qtbot.waitUntil(lambda: not first.busy and not second.busy and second.history.model().rowCount() == 1)

    def test_a_request_goes_to_the_selected_peer_whatever_was_chosen_in_its_dialog_since(self, window):
        window.services.peers.add(RIS)
        window.services.peers_changed.emit()
        window.peers_pane.select("PACS")
        for open_dialog in (window.open_send, window.open_query):
            dialog = open_dialog()
            dialog.peer.choose(RIS)
            again = open_dialog()
            assert again is not dialog
            assert again.peer.peer == PACS
            assert dialog.windowTitle().endswith("RIS")

    def test_preferences_take_effect_at_once(self, window, tmp_path):
        dialog = window.open_preferences()
        dialog.dimse_timeout.setValue(12.5)
        dialog.max_rows.setValue(5000)
        assert window.services.settings.caller.dimse_timeout == 12.5
        assert window.services.log.max_rows == 5000
        assert SettingsFile(tmp_path / "settings.toml").load().caller.dimse_timeout == 12.5


def _failed(window: MainWindow) -> bool:
    return window.services.peer_state("PACS").health.value == "does not answer"


class TestEmptyWindow:
    def test_it_offers_what_would_fill_it(self, window):
        services = window.services
        services.servers = ServerSeen(running=True, host="127.0.0.1", port=11113)
        services.server_changed.emit()
        assert "WORKSTATION at 127.0.0.1:11113" in window.viewers.associations.empty.text
        assert window.findChild(QPushButton, "echoBuiltIn").isVisibleTo(window)

    def test_the_samples_are_one_click_away(self, window, qtbot):
        window.services.servers = ServerSeen(running=True, host="127.0.0.1", port=11113)
        window.services.server_changed.emit()
        window.findChild(QPushButton, "sendSamples").click()
        dialog = window.findChild(SendDialog)
        qtbot.waitUntil(dialog.send_button.isEnabled, timeout=20_000)
        assert dialog.peer.peer.name == "Built-in"
        assert dialog.model.count > 20
