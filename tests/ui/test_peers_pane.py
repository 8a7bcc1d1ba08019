"""The peers pane and the form for one peer, on a real address book."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dialog_kit import ServerSeen
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QLabel

from workstation.paths import DataDir
from workstation.peers import AddressBook, Peer
from workstation.scp.profiles import ProfileFolder
from workstation.settings import Settings, SettingsFile
from workstation.traffic.log import TrafficLog
from workstation.ui.bridge import Bridge
from workstation.ui.dialogs.peer_dialog import PeerDialog
from workstation.ui.services import PeerHealth, PeerState, Services
from workstation.ui.tasks import Tasks
from workstation.ui.theme import Theme
from workstation.ui.window.peers_pane import NO_GROUP, THIS_RUN, PeersPane

PACS = Peer(name="PACS", ae_title="PACS1", host="10.1.2.3", port=104, group="Radiology", comment="Room 3")
RIS = Peer(name="RIS", ae_title="RIS", host="ris.example.org", port=11112)


@pytest.fixture
def services(qapp, tmp_path) -> Services:
    folders = DataDir.at(tmp_path)
    made = Services(
        settings=Settings(),
        settings_file=SettingsFile(folders.settings),
        profiles=ProfileFolder(folders.servers),
        peers=AddressBook(folders.peers),
        folders=folders,
        tasks=Tasks(),
        theme=Theme(),
        bridge=Bridge(),
        log=TrafficLog(),
    )
    made.peers.add(PACS)
    made.peers.add(RIS)
    return made


def shown(pane: PeersPane) -> dict[str, list[str]]:
    tree = pane.tree
    groups = [tree.topLevelItem(row) for row in range(tree.topLevelItemCount())]
    return {group.text(0): [group.child(row).text(0) for row in range(group.childCount())] for group in groups}


def type_in(qtbot, field, text: str) -> None:
    field.editor.selectAll()
    qtbot.keyClicks(field.editor, text)


class TestPane:
    def test_a_name_that_comes_is_not_cut(self, services, qtbot):
        pane = PeersPane(services)
        qtbot.addWidget(pane)
        services.peers.add(replace(PACS, name="Slow and flaky"))
        services.peers_changed.emit()
        tree = pane.tree
        taken = 2 * tree.indentation() + tree.iconSize().width()
        assert taken + tree.fontMetrics().horizontalAdvance("Slow and flaky") < tree.header().sectionSize(0)

    @pytest.fixture
    def pane(self, services, qtbot) -> PeersPane:
        pane = PeersPane(services)
        qtbot.addWidget(pane)
        return pane

    def test_peers_stand_in_their_groups(self, pane):
        assert shown(pane) == {"Radiology": ["PACS"], NO_GROUP: ["RIS"]}
        assert pane.current_peer == PACS

    def test_the_built_in_server_comes_first_and_follows_its_settings(self, pane, services):
        services.servers = ServerSeen(running=True, host="0.0.0.0", port=4242)
        services.server_changed.emit()
        assert next(iter(shown(pane).items())) == ("Here", ["Built-in"])
        pane.select("Built-in")
        assert (pane.current_peer.host, pane.current_peer.port) == ("127.0.0.1", 4242)

    def test_peers_of_the_command_line_stand_apart(self, pane, services):
        services.peers.add(Peer(name="NEW", ae_title="NEW", host="h", port=1, temporary=True))
        services.peers_changed.emit()
        assert shown(pane)[THIS_RUN] == ["NEW"]

    def test_selection_survives_a_change_of_the_book(self, pane, services):
        pane.select("RIS")
        services.peers.remove("PACS")
        services.peers_changed.emit()
        assert pane.current_peer == RIS
        services.peers.remove("RIS")
        services.peers_changed.emit()
        assert pane.current_peer is None

    def test_a_closed_group_stays_closed(self, pane, services):
        pane.tree.topLevelItem(0).setExpanded(False)
        services.peers_changed.emit()
        assert not pane.tree.topLevelItem(0).isExpanded()
        assert pane.tree.topLevelItem(1).isExpanded()

    def test_the_last_answer_is_a_shape_and_a_sentence(self, pane, services):
        item = pane.tree.topLevelItem(0).child(0)
        before = item.icon(0).pixmap(16, 16).toImage()
        services.set_peer_state("PACS", PeerState(PeerHealth.FAILS, "Refused: <b>nobody</b> listens"))
        assert item.icon(0).pixmap(16, 16).toImage() != before
        assert "does not answer" in item.data(0, Qt.ItemDataRole.AccessibleTextRole)
        # A peer's words are shown, not interpreted.
        assert "<b>nobody" not in item.toolTip(0)
        assert "nobody" in item.toolTip(0)
        assert "PACS1@10.1.2.3:104" in item.toolTip(0)
        assert "Room 3" in item.toolTip(0)

    def test_a_narrow_pane_cuts_the_ae_title_and_not_the_window(self, pane, qtbot):
        pane.resize(180, 300)
        pane.show()
        qtbot.waitExposed(pane)
        header = pane.tree.header()
        assert header.length() <= pane.tree.viewport().width()
        assert header.sectionSize(0) >= 120

    def test_enter_asks_for_the_peer(self, pane, qtbot):
        pane.show()
        pane.select("RIS")
        with qtbot.waitSignal(pane.activated) as signal:
            qtbot.keyClick(pane.tree, Qt.Key.Key_Return)
        assert signal.args == [RIS]

    def test_files_dropped_on_a_peer_are_for_that_peer(self, pane, qtbot, tmp_path):
        pane.resize(300, 400)
        pane.show()
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(tmp_path / "a.dcm")), QUrl("https://example.org/b.dcm")])
        middle = pane.tree.visualItemRect(pane.tree.topLevelItem(1).child(0)).center()
        event = QDropEvent(
            QPointF(middle),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        with qtbot.waitSignal(pane.files_dropped) as signal:
            pane.tree.dropEvent(event)
        assert signal.args == [RIS, (tmp_path / "a.dcm",)]


class TestForm:
    @pytest.fixture
    def form(self, services, qtbot) -> PeerDialog:
        form = PeerDialog(services)
        qtbot.addWidget(form)
        form.show()
        return form

    def problems(self, form) -> list[str]:
        return [
            label.text() for label in form.findChildren(QLabel, "problem") if label.isVisibleTo(form) and label.text()
        ]

    def test_an_empty_form_says_what_is_missing_and_scolds_nobody(self, form):
        assert not form.save_button.isEnabled()
        assert self.problems(form) == []
        assert form.findChild(QLabel, "peerHint").text() == "Still needed: AE title, Host."

    def test_a_new_peer_is_in_the_book_and_in_its_file(self, form, services, qtbot):
        type_in(qtbot, form.ae_title, "ARCHIVE")
        type_in(qtbot, form.host, "10.0.0.7")
        type_in(qtbot, form.port, "104")
        with qtbot.waitSignals([form.saved, services.peers_changed]):
            qtbot.mouseClick(form.save_button, Qt.MouseButton.LeftButton)
        kept = AddressBook(services.peers.path)
        kept.load()
        assert kept.find("ARCHIVE") == Peer(name="ARCHIVE", ae_title="ARCHIVE", host="10.0.0.7", port=104)
        assert services.destination("ARCHIVE") == ("10.0.0.7", 104)

    @pytest.mark.parametrize(
        ("field", "text", "words"),
        [
            ("ae_title", "SEVENTEEN-LETTERS", "at most 16 characters"),
            ("ae_title", "A\\B", "backslash"),
            ("port", "0", "1 to 65535"),
            ("port", "http", "not a number"),
            ("host", "http://pacs", "web address"),
            ("name_field", "PACS", "already a peer"),
        ],
    )
    def test_what_cannot_be_is_said_while_typing(self, form, qtbot, field, text, words):
        type_in(qtbot, form.ae_title, "GOOD")
        type_in(qtbot, form.host, "good")
        assert form.save_button.isEnabled()
        type_in(qtbot, getattr(form, field), text)
        (problem,) = self.problems(form)
        assert words in problem
        assert not form.save_button.isEnabled()

    def test_editing_keeps_the_place_in_the_book(self, services, qtbot):
        form = PeerDialog(services, PACS)
        qtbot.addWidget(form)
        with qtbot.waitActive(form):
            form.show()
            form.activateWindow()
        type_in(qtbot, form.port, "105")
        type_in(qtbot, form.name_field, "Main PACS")
        qtbot.keyClick(form.name_field.editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        assert [peer.name for peer in services.peers] == ["Main PACS", "RIS"]
        assert services.peers.find("Main PACS").port == 105
        assert services.peers.find("Main PACS").comment == "Room 3"

    def test_a_second_peer_of_one_ae_title_gets_another_name(self, form, services, qtbot):
        type_in(qtbot, form.ae_title, "RIS")
        type_in(qtbot, form.host, "10.0.0.8")
        form.save_button.click()
        assert services.peers.find("RIS 2").host == "10.0.0.8"

    def test_a_book_that_cannot_be_written_is_said_and_the_form_stays(self, form, services, qtbot):
        # A folder in the place of the file: no user may write that.
        services.peers.path.unlink()
        services.peers.path.mkdir()
        type_in(qtbot, form.ae_title, "ARCHIVE")
        type_in(qtbot, form.host, "10.0.0.7")
        form.save_button.click()
        assert form.isVisible()
        assert self.problems(form)
