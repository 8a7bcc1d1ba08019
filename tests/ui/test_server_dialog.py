"""The built-in server's dialog, on a running server: what is changed in it is what peers meet."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
from dialog_kit import running_services
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QInputDialog, QLabel, QMessageBox, QPushButton
from rules_kit import answering

from workstation.peers import Peer
from workstation.scp.profiles import MAIN, Profile, ProfileFile, ProfileFolder, Supported, read_profile
from workstation.scp.rules.rule import Action, Rule
from workstation.scu.echo import EchoJob, EchoResult
from workstation.ui.dialogs.server.server_dialog import ServerDialog
from workstation.ui.parts.widgets import Outcome
from workstation.ui.tasks import start


@pytest.fixture
def services(qt_loop, qtbot, tmp_path, free_port):
    with running_services(qtbot, tmp_path, free_port) as services:
        yield services


@pytest.fixture
def dialog(services, qtbot):
    dialog = ServerDialog(services)
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def test_it_fits_a_small_screen_whatever_is_shown(dialog, qtbot):
    dialog.resize(900, 600)
    for page in range(dialog.tabs.count()):
        dialog.tabs.setCurrentIndex(page)
        qtbot.wait(1)
        assert (dialog.width(), dialog.height()) == (900, 600), page


def echo(services, qtbot, called: str = "", calling: str = "WORKSTATION") -> EchoResult:
    """Ask the server from another thread, so that the window's goes on turning."""
    built_in = services.built_in()
    peer = Peer("x", called or built_in.ae_title, built_in.host, built_in.port)

    job = EchoJob(replace(services.caller(), ae_title=calling), peer)
    results: list[EchoResult] = []

    async def ask() -> None:
        results.append(await services.tasks.run(job))

    start(ask())
    qtbot.waitUntil(lambda: bool(results), timeout=10_000)
    return results[0]


def settled(services, qtbot, **values) -> None:
    qtbot.waitUntil(
        lambda: all(getattr(services.profile, name) == value for name, value in values.items()), timeout=5000
    )


def kept(services):
    return ProfileFolder(services.folders.servers).load()[0]


def type_in(field, text: str) -> None:
    field.editor.setFocus()
    field.editor.selectAll()
    QTest.keyClicks(field.editor, text)
    QTest.keyClick(field.editor, Qt.Key.Key_Return)


class TestGeneral:
    def test_shows_what_is_in_force(self, dialog, services):
        host, port = services.server.address
        assert dialog.general.ae_title.text == "WORKSTATION"
        assert dialog.general.port.text == str(port)
        assert dialog._state.text == f"WORKSTATION listening on {host}:{port}"
        assert dialog.switch.text() == "&Stop"

    def test_the_ae_title_takes_effect_at_once_and_is_kept(self, dialog, services, qtbot):
        type_in(dialog.general.ae_title, "NEWNAME")
        settled(services, qtbot, ae_title="NEWNAME")
        assert services.server.profile.ae_title == "NEWNAME"
        qtbot.waitUntil(lambda: kept(services).ae_title == "NEWNAME")
        assert "NEWNAME listening" in dialog._state.text

    def test_a_title_that_cannot_be_is_refused_beside_the_field(self, dialog, services):
        type_in(dialog.general.ae_title, "MUCH_TOO_LONG_A_TITLE")
        problem = dialog.general.ae_title.findChild(QLabel, "problem")
        assert problem.isVisible()
        assert "at most 16 characters" in problem.text()
        assert services.profile.ae_title == "WORKSTATION"

    def test_another_port_moves_the_server(self, dialog, services, qtbot):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        type_in(dialog.general.port, str(port))
        qtbot.waitUntil(lambda: services.server.address == ("127.0.0.1", port), timeout=5000)
        assert echo(services, qtbot).succeeded

    def test_a_port_in_use_is_explained_and_the_server_goes_on(self, dialog, services, qtbot):
        before = services.server.address
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            type_in(dialog.general.port, str(taken.getsockname()[1]))
            qtbot.waitUntil(lambda: dialog._note.outcome is Outcome.FAILURE, timeout=5000)
        assert "another program uses this port" in dialog._note.text
        assert services.server.address == before
        assert dialog.general.port.text == str(before[1])
        assert echo(services, qtbot).succeeded

    def test_stop_and_start(self, dialog, services, qtbot):
        dialog.switch.click()
        qtbot.waitUntil(lambda: not services.server.running and dialog.switch.isEnabled(), timeout=5000)
        assert dialog._state.text.startswith("Stopped")
        dialog.switch.click()
        qtbot.waitUntil(lambda: services.server.running and dialog.switch.isEnabled(), timeout=5000)
        assert echo(services, qtbot).succeeded

    def test_limits(self, dialog, services, qtbot):
        dialog.general.acse_timeout.setValue(12.5)
        settled(services, qtbot, acse_timeout=12.5)
        dialog.general.maximum_associations.setValue(3)
        settled(services, qtbot, maximum_associations=3)
        row = dialog.general.maximum_pdu.findData(16384)
        dialog.general.maximum_pdu.setCurrentIndex(row)
        dialog.general.maximum_pdu.activated.emit(row)
        settled(services, qtbot, maximum_pdu_size=16384)
        qtbot.waitUntil(lambda: kept(services).maximum_pdu_size == 16384)
        assert kept(services).acse_timeout == 12.5

    def test_what_the_server_is_for_is_shown_with_its_peer(self, dialog, services, qtbot):
        type_in(dialog.general.description, "The night shift's")
        settled(services, qtbot, description="The night shift's")
        assert services.built_in().comment == "The night shift's"

    def test_quick_changes_all_count(self, dialog, services, qtbot):
        dialog.general.acse_timeout.setValue(11)
        dialog.general.dimse_timeout.setValue(12)
        dialog.general.network_timeout.setValue(13)
        settled(services, qtbot, acse_timeout=11, dimse_timeout=12, network_timeout=13)


class TestAccept:
    def test_require_the_called_title(self, dialog, services, qtbot):
        assert echo(services, qtbot, called="OTHER").succeeded
        dialog.accept_page.require_called.click()
        qtbot.waitUntil(lambda: services.profile.require_called)
        assert not echo(services, qtbot, called="OTHER").succeeded
        assert echo(services, qtbot).succeeded

    def test_require_calling_titles(self, dialog, services, qtbot):
        dialog.accept_page.require_calling.click()
        assert services.profile.require_calling == ()
        assert "at least one AE title" in dialog.accept_page.calling.findChild(QLabel, "problem").text()
        type_in(dialog.accept_page.calling, "CT1, MR 2")
        qtbot.waitUntil(lambda: services.profile.require_calling == ("CT1", "MR 2"))
        assert not echo(services, qtbot).succeeded
        assert echo(services, qtbot, calling="MR 2").succeeded
        dialog.accept_page.require_calling.click()
        qtbot.waitUntil(lambda: services.profile.require_calling == ())
        assert echo(services, qtbot).succeeded


class TestRules:
    def test_a_rule_acts_at_once_and_is_kept(self, dialog, services, qtbot):
        dialog.rules.rules_changed.emit((answering("EVT_C_ECHO", 0x0211),))
        qtbot.waitUntil(lambda: services.profile.rules == (answering("EVT_C_ECHO", 0x0211),))
        assert echo(services, qtbot).status == 0x0211
        qtbot.waitUntil(lambda: kept(services).rules == services.profile.rules)
        assert services.server.book.hits(services.profile.rules[0].name).fired == 1

    def test_what_was_typed_belongs_to_the_server_that_was_shown(self, dialog, services, qtbot):
        next(act for act in dialog.more.menu().actions() if act.text() == "&New Server").trigger()
        qtbot.waitUntil(lambda: dialog._name == "Server", timeout=10_000)
        dialog.choose(MAIN)
        dialog.show_rules()
        dialog.rules.editor.add_rule(answering("EVT_C_ECHO", 0x0211))
        QTest.keyClicks(dialog.rules.editor.form.name.editor, "Mine")
        dialog.choose("Server")
        qtbot.waitUntil(lambda: [rule.name for rule in services.profile.rules] == ["Mine"])
        assert services.servers.get("Server").profile.rules == ()
        assert dialog.rules.editor.rules == ()

    def test_of_changes_in_a_row_none_comes_back_over_a_later_one(self, dialog, services, qtbot, monkeypatch):
        shown = []
        show = dialog.rules.set_rules
        monkeypatch.setattr(dialog.rules, "set_rules", lambda rules: (shown.append(len(rules)), show(rules)))
        rules = tuple(answering("EVT_C_ECHO", 0x0211 + number) for number in range(5))
        for rule in rules:
            dialog.rules.editor.add_rule(rule)
        qtbot.waitUntil(lambda: services.profile.rules == rules)
        qtbot.waitUntil(lambda: bool(shown))
        assert set(shown) == {5}
        assert dialog.rules.editor.rules == rules


class TestContexts:
    def test_a_line_says_what_is_accepted(self, dialog, services, qtbot):
        dialog.tabs.setCurrentIndex(1)
        page = dialog.accept_page
        page.findChild(QPushButton, "addSupported").click()
        assert "names no SOP class" in page.note.text
        assert services.profile.supported == ()
        page.contexts.item(0, 0).setText("CT Image Storage, MR*")
        settled(services, qtbot, supported=(Supported(sop_classes=("CT Image Storage", "MR*")),))
        page.contexts.item(0, 1).setText("nonsense")
        assert "no transfer syntax is named" in page.note.text
        page.contexts.item(0, 1).setText("1.2.840.10008.1.2")
        line = Supported(sop_classes=("CT Image Storage", "MR*"), transfer_syntaxes=("1.2.840.10008.1.2",))
        settled(services, qtbot, supported=(line,))
        assert not echo(services, qtbot).succeeded, "Verification is not supported any more"
        page.contexts.setCurrentCell(0, 0)
        page.remove.click()
        settled(services, qtbot, supported=())
        assert echo(services, qtbot).succeeded

    def test_a_certificate_that_is_not_there_is_explained_and_changes_nothing(self, dialog, services, qtbot):
        dialog.tabs.setCurrentIndex(1)
        dialog.accept_page.certificate.setText("/nowhere.pem")
        dialog.accept_page.certificate.editingFinished.emit()
        qtbot.waitUntil(lambda: dialog._note.outcome is Outcome.FAILURE, timeout=5000)
        assert "/nowhere.pem" in dialog._note.text
        assert services.profile.tls.certificate == ""
        assert echo(services, qtbot).succeeded


class TestServers:
    def run_menu(self, dialog, text: str):
        for act in dialog.more.menu().actions():
            if act.text().replace("&", "") == text:
                return act
        raise AssertionError(text)

    def test_another_server_beside_the_first(self, dialog, services, qtbot):
        self.run_menu(dialog, "New Server").trigger()
        qtbot.waitUntil(lambda: dialog._name == "Server", timeout=10_000)
        other = services.servers.get("Server")
        qtbot.waitUntil(lambda: other.running, timeout=5000)
        assert other.address != services.server.address
        assert {peer.name for peer in services.all_peers()} >= {MAIN, "Server"}
        type_in(dialog.general.ae_title, "SECOND")
        qtbot.waitUntil(lambda: other.profile.ae_title == "SECOND")
        assert services.profile.ae_title == "WORKSTATION"
        assert {each.name for each in ProfileFolder(services.folders.servers).load()} == {MAIN, "Server"}
        dialog._remove_now("Server")
        qtbot.waitUntil(lambda: dialog._name == MAIN, timeout=10_000)
        assert not other.running
        assert [each.name for each in ProfileFolder(services.folders.servers).load()] == [MAIN]
        assert not self.run_menu(dialog, "Rename…").isEnabled(), "the built-in one keeps its name"

    def test_its_questions_let_the_program_go_on(self, dialog, services, qtbot):
        self.run_menu(dialog, "New Server").trigger()
        qtbot.waitUntil(lambda: dialog._name == "Server", timeout=10_000)
        self.run_menu(dialog, "Rename…").trigger()
        asked = dialog.findChild(QInputDialog)
        asked.setTextValue(" Night ")
        asked.accept()
        qtbot.waitUntil(lambda: dialog._name == "Night", timeout=10_000)
        self.run_menu(dialog, "Remove…").trigger()
        box = dialog.findChild(QMessageBox)
        assert "Night" in box.text()
        QTest.mouseClick(box.button(QMessageBox.StandardButton.Yes), Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: dialog._name == MAIN, timeout=10_000)
        assert services.servers.get("Night") is None
        for text in ("Import…", "Export…"):
            self.run_menu(dialog, text).trigger()
            dialog.findChild(QFileDialog).reject()
            qtbot.waitUntil(lambda: dialog.findChild(QFileDialog) is None)

    def test_a_ready_made_one(self, dialog, services, qtbot):
        menu = self.run_menu(dialog, "New from a Ready-Made Profile").menu()
        assert len(menu.actions()) == 6
        next(act for act in menu.actions() if act.text() == "Rejects everything").trigger()
        qtbot.waitUntil(lambda: services.servers.get("Rejects everything") is not None, timeout=10_000)
        server = services.servers.get("Rejects everything")
        qtbot.waitUntil(lambda: server.running, timeout=5000)
        peer = services.built_in("Rejects everything")
        results = []

        async def ask() -> None:
            results.append(await services.tasks.run(EchoJob(services.caller(), peer)))

        start(ask())
        qtbot.waitUntil(lambda: bool(results), timeout=10_000)
        assert "called AE title" in results[0].failure.sentence

    def test_export_and_import(self, dialog, services, qtbot, tmp_path):
        path = tmp_path / "shared.toml"
        rules = (answering("EVT_C_ECHO", 0x0211),)
        dialog._write(path, Profile(name="Shared", port=services.profile.port, rules=rules))
        qtbot.waitUntil(lambda: dialog._note.outcome is Outcome.SUCCESS, timeout=5000)
        assert read_profile(path)[0].rules == rules
        dialog._add_from(path)
        qtbot.waitUntil(lambda: services.servers.get("Shared") is not None, timeout=10_000)
        qtbot.waitUntil(lambda: dialog._name == "Shared", timeout=10_000)
        assert services.servers.get("Shared").profile.port != services.profile.port, "it is taken"
        path.write_text("= oops")
        dialog._add_from(path)
        qtbot.waitUntil(lambda: "broken" in dialog._note.text, timeout=5000)

    def test_an_imported_profile_says_which_scripts_it_names_and_runs_none(self, dialog, services, qtbot, tmp_path):
        (tmp_path / "theirs").mkdir()
        path = tmp_path / "theirs" / "shared.toml"
        script = Rule(name="theirs", action=Action(answer="script", script="answer.py"))
        ProfileFile(path).save(Profile(name="Theirs", rules=(script,), port=services.profile.port))
        dialog._add_from(path)
        qtbot.waitUntil(lambda: dialog._note.outcome is Outcome.WARNING, timeout=10_000)
        assert "answer.py" in dialog._note.text
        assert "your rights" in dialog._note.text
        rule = services.servers.get("Theirs").profile.rules[0]
        assert not rule.enabled
        assert rule.action.script == path.with_name("answer.py").as_posix()

    def test_a_file_that_was_edited_is_read_again(self, dialog, services, qtbot):
        dialog.general.acse_timeout.setValue(12.5)
        settled(services, qtbot, acse_timeout=12.5)
        path = services._profile_folder.path_of(MAIN)
        qtbot.waitUntil(path.exists)
        changed = ProfileFile(path).load()
        ProfileFile(path).save(replace(changed, ae_title="EDITED"))
        self.run_menu(dialog, "Reload From File").trigger()
        settled(services, qtbot, ae_title="EDITED")
        dialog.rules.rules_changed.emit((answering("EVT_C_ECHO", 0x0211),))
        qtbot.waitUntil(lambda: kept(services).rules == services.profile.rules != ())
        in_force = services.profile.rules
        broken = path.read_text() + "\n[[rule]]\nname = 7\n"
        path.write_text(broken)
        self.run_menu(dialog, "Reload From File").trigger()
        qtbot.waitUntil(lambda: dialog._note.outcome is Outcome.FAILURE, timeout=5000)
        assert (services.profile.ae_title, services.profile.rules) == ("EDITED", in_force)
        assert path.read_text() == broken, "for its writer to mend"


class TestArchive:
    def test_counts_and_durable(self, dialog, services, qtbot):
        dialog.tabs.setCurrentIndex(3)
        qtbot.waitUntil(lambda: dialog.archive._objects.text() == "0 objects, 0 series, 0 studies, 0 patients")
        assert dialog.archive.folder.text() == str(services.archive.folder)
        assert dialog.archive._free.text().endswith("B")
        before = services.archive.durable
        dialog.archive.durable.click()
        assert services.archive.durable is not before
        assert services._settings_file.load().archive.durable is not before

    def test_the_room_to_keep_is_in_force_at_once(self, dialog, services):
        dialog.archive.minimum_free.setValue(2.5)
        assert services.archive.minimum_free == 2_500_000_000
        assert services._settings_file.load().archive.minimum_free == 2_500_000_000
        dialog.archive.minimum_free.setValue(0)
        assert services.archive.minimum_free == 0
        assert dialog.archive.minimum_free.text() == "no limit"

    def test_another_database_is_kept_and_said_to_be_for_the_next_start(self, dialog, services):
        page = dialog.archive
        type_in(page.database, "mysql://host/name")
        assert "mysql" in page.database._problem.text()
        assert services.settings.archive.database == ""
        type_in(page.database, "postgresql+psycopg://user@host/name")
        assert services._settings_file.load().archive.database == "postgresql+psycopg://user@host/name"
        assert page._restart.outcome is Outcome.WARNING
        assert "restart" in page._restart.text
        page.database.editor.clear()
        QTest.keyClick(page.database.editor, Qt.Key.Key_Return)
        assert services.settings.archive.database == ""
        assert page._restart.outcome is Outcome.IDLE


def test_escape_closes_and_the_server_goes_on(dialog, services):
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    assert services.server.running
