"""The built-in server's dialog, on a running server: what is changed in it is what peers meet."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
from dialog_kit import running_services
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from workstation.peers import Peer
from workstation.scu.echo import EchoJob, EchoResult
from workstation.settings import Behaviour
from workstation.ui.dialogs.behaviour_editor import EVENTS, in_words
from workstation.ui.dialogs.server_dialog import REJECT_SOURCES, ServerDialog
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
        lambda: all(getattr(services.settings.server, name) == value for name, value in values.items()), timeout=5000
    )


def kept(services):
    return services._settings_file.load().server


def type_in(field, text: str) -> None:
    field.editor.setFocus()
    field.editor.selectAll()
    QTest.keyClicks(field.editor, text)
    QTest.keyClick(field.editor, Qt.Key.Key_Return)


class TestGeneral:
    def test_shows_what_is_in_force(self, dialog, services):
        host, port = services.server.address
        assert dialog.ae_title.text == "WORKSTATION"
        assert dialog.port.text == str(port)
        assert dialog._state.text == f"WORKSTATION listening on {host}:{port}"
        assert dialog.switch.text() == "&Stop"

    def test_the_ae_title_takes_effect_at_once_and_is_kept(self, dialog, services, qtbot):
        type_in(dialog.ae_title, "NEWNAME")
        settled(services, qtbot, ae_title="NEWNAME")
        assert services.server.settings.ae_title == "NEWNAME"
        qtbot.waitUntil(lambda: kept(services).ae_title == "NEWNAME")
        assert "NEWNAME listening" in dialog._state.text

    def test_a_title_that_cannot_be_is_refused_beside_the_field(self, dialog, services):
        type_in(dialog.ae_title, "MUCH_TOO_LONG_A_TITLE")
        problem = dialog.ae_title.findChild(QLabel, "problem")
        assert problem.isVisible()
        assert "at most 16 characters" in problem.text()
        assert services.settings.server.ae_title == "WORKSTATION"

    def test_another_port_moves_the_server(self, dialog, services, qtbot):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        type_in(dialog.port, str(port))
        qtbot.waitUntil(lambda: services.server.address == ("127.0.0.1", port), timeout=5000)
        assert echo(services, qtbot).succeeded

    def test_a_port_in_use_is_explained_and_the_server_goes_on(self, dialog, services, qtbot):
        before = services.server.address
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            type_in(dialog.port, str(taken.getsockname()[1]))
            qtbot.waitUntil(lambda: dialog._note.outcome is Outcome.FAILURE, timeout=5000)
        assert "another program uses this port" in dialog._note.text
        assert services.server.address == before
        assert dialog.port.text == str(before[1])
        assert echo(services, qtbot).succeeded

    def test_stop_and_start(self, dialog, services, qtbot):
        dialog.switch.click()
        qtbot.waitUntil(lambda: not services.server.running and dialog.switch.isEnabled(), timeout=5000)
        assert dialog._state.text.startswith("Stopped")
        dialog.switch.click()
        qtbot.waitUntil(lambda: services.server.running and dialog.switch.isEnabled(), timeout=5000)
        assert echo(services, qtbot).succeeded

    def test_limits(self, dialog, services, qtbot):
        dialog.acse_timeout.setValue(12.5)
        settled(services, qtbot, acse_timeout=12.5)
        dialog.maximum_associations.setValue(3)
        settled(services, qtbot, maximum_associations=3)
        row = dialog.maximum_pdu.findData(16384)
        dialog.maximum_pdu.setCurrentIndex(row)
        dialog.maximum_pdu.activated.emit(row)
        settled(services, qtbot, maximum_pdu_size=16384)
        assert (kept(services).acse_timeout, kept(services).maximum_pdu_size) == (12.5, 16384)

    def test_quick_changes_all_count(self, dialog, services, qtbot):
        dialog.acse_timeout.setValue(11)
        dialog.dimse_timeout.setValue(12)
        dialog.network_timeout.setValue(13)
        settled(services, qtbot, acse_timeout=11, dimse_timeout=12, network_timeout=13)


class TestAccept:
    def test_reject_everybody_for_a_chosen_reason(self, dialog, services, qtbot):
        dialog.reject_all.click()
        settled_reject = lambda: services.settings.server.admission.reject  # noqa: E731
        qtbot.waitUntil(lambda: settled_reject() == (1, 1, 7))
        row = dialog.reject_source.findData(3)
        dialog.reject_source.setCurrentIndex(row)
        dialog.reject_source.activated.emit(row)
        qtbot.waitUntil(lambda: settled_reject() == (1, 3, 1))
        result = echo(services, qtbot)
        assert result.failure is not None
        assert "temporar" in result.failure.sentence.lower() or "congestion" in result.failure.sentence.lower()
        dialog.accept_all.click()
        qtbot.waitUntil(lambda: settled_reject() is None)
        assert echo(services, qtbot).succeeded

    def test_only_standard_reasons_are_offered(self, dialog):
        for source, _, reasons in REJECT_SOURCES:
            dialog.reject_source.setCurrentIndex(dialog.reject_source.findData(source))
            dialog._offer_reasons()
            offered = [dialog.reject_reason.itemData(row) for row in range(dialog.reject_reason.count())]
            assert offered == [value for value, _ in reasons]

    def test_require_the_called_title(self, dialog, services, qtbot):
        assert echo(services, qtbot, called="OTHER").succeeded
        dialog.require_called.click()
        qtbot.waitUntil(lambda: services.settings.server.admission.require_called)
        assert not echo(services, qtbot, called="OTHER").succeeded
        assert echo(services, qtbot).succeeded

    def test_require_calling_titles(self, dialog, services, qtbot):
        dialog.require_calling.click()
        assert services.settings.server.admission.require_calling == ()
        assert "at least one AE title" in dialog.calling.findChild(QLabel, "problem").text()
        type_in(dialog.calling, "CT1, MR 2")
        qtbot.waitUntil(lambda: services.settings.server.admission.require_calling == ("CT1", "MR 2"))
        assert not echo(services, qtbot).succeeded
        assert echo(services, qtbot, calling="MR 2").succeeded
        dialog.require_calling.click()
        qtbot.waitUntil(lambda: services.settings.server.admission.require_calling == ())
        assert echo(services, qtbot).succeeded


class TestBehaviour:
    def rows(self, dialog) -> dict[str, str]:
        items = (dialog.behaviour.list.topLevelItem(row) for row in range(dialog.behaviour.list.topLevelItemCount()))
        return {item.text(0): item.text(1) for item in items}

    def test_a_row_for_each_intervention_event_of_dimse_c(self, dialog):
        assert self.rows(dialog) == dict.fromkeys(("C-ECHO", "C-STORE", "C-FIND", "C-GET", "C-MOVE"), "built in")
        assert [name for name, *_ in EVENTS] == [f"EVT_C_{each}" for each in ("ECHO", "STORE", "FIND", "GET", "MOVE")]

    def test_a_status_by_name_is_answered_at_once(self, dialog, services, qtbot):
        dialog.tabs.setCurrentIndex(2)
        dialog.behaviour.select("EVT_C_ECHO")
        QTest.mouseClick(dialog.behaviour._answer, Qt.MouseButton.LeftButton)
        dialog.behaviour.status.combo.setCurrentIndex(dialog.behaviour.status.combo.findData(0x0211))
        expected = Behaviour(kind="status", status=0x0211)
        qtbot.waitUntil(lambda: services.settings.server.behaviours == {"EVT_C_ECHO": expected})
        assert echo(services, qtbot).status == 0x0211
        assert self.rows(dialog)["C-ECHO"] == "answer 0211 (Unrecognized operation)"
        assert kept(services).behaviours == {"EVT_C_ECHO": expected}

    def test_any_number_and_a_delay(self, dialog, services, qtbot):
        dialog.behaviour.select("EVT_C_ECHO")
        dialog.behaviour._answer.click()
        dialog.behaviour.status.combo.setEditText("C123")
        dialog.behaviour.delay.setValue(150)
        expected = Behaviour(kind="status", status=0xC123, delay=0.15)
        qtbot.waitUntil(lambda: services.settings.server.behaviours == {"EVT_C_ECHO": expected})
        result = echo(services, qtbot)
        assert result.status == 0xC123
        assert result.times[0] >= 150

    def test_refuse_and_all_built_in(self, dialog, services, qtbot):
        dialog.behaviour.select("EVT_C_ECHO")
        dialog.behaviour._refuse.click()
        qtbot.waitUntil(lambda: "EVT_C_ECHO" in services.settings.server.behaviours)
        assert echo(services, qtbot).status == 0x0122
        dialog.behaviour.reset.click()
        qtbot.waitUntil(lambda: services.settings.server.behaviours == {})
        assert echo(services, qtbot).succeeded
        assert set(self.rows(dialog).values()) == {"built in"}

    def test_choosing_another_row_changes_nothing(self, dialog, services, qtbot):
        changes = []
        dialog.behaviour.changed.connect(lambda *change: changes.append(change))
        for event, *_ in EVENTS:
            dialog.behaviour.select(event)
        assert changes == []

    @pytest.mark.parametrize(
        ("behaviour", "words"),
        [
            (Behaviour(), "built in"),
            (Behaviour(delay=0.5), "built in, after 500 ms"),
            (
                Behaviour(kind="status", status=0xA700, delay=2),
                "answer A700 (Refused: out of resources), after 2 s",
            ),
            (Behaviour(kind="status", status=0x1234), "answer 1234 (not in the service's table)"),
            (Behaviour(kind="refuse"), "refuse"),
        ],
    )
    def test_words(self, behaviour, words):
        assert in_words("EVT_C_STORE", behaviour) == words


class TestArchive:
    def test_counts_and_durable(self, dialog, services, qtbot):
        dialog.tabs.setCurrentIndex(3)
        qtbot.waitUntil(lambda: dialog._objects.text() == "0 objects, 0 series, 0 studies, 0 patients")
        assert dialog.folder.text() == str(services.archive.folder)
        assert dialog._free.text().endswith("B")
        dialog.durable.click()
        settled(services, qtbot, durable=False)


def test_escape_closes_and_the_server_goes_on(dialog, services):
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    assert services.server.running
