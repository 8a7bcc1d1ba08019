"""The echo dialog, asking real servers."""

from __future__ import annotations

import socket
import subprocess
import time
from dataclasses import replace

import pytest
from dialog_kit import NOBODY, act, focus, idle, running_services
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from rules_kit import delaying

from workstation.peers import Peer
from workstation.ui.dialogs.echo_dialog import EchoDialog
from workstation.ui.parts.widgets import Outcome
from workstation.ui.services import PeerHealth


@pytest.fixture
def services(qt_loop, qtbot, tmp_path, free_port):
    with running_services(qtbot, tmp_path, free_port) as services:
        yield services


@pytest.fixture
def dialog(services, qtbot):
    dialog = EchoDialog(services, services.built_in())
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def rows(dialog) -> list[list[str]]:
    model = dialog.history.model()
    return [
        [model.index(row, column).data() for column in range(model.columnCount())] for row in range(model.rowCount())
    ]


def test_an_accepted_echo_is_one_line(dialog, services, qtbot):
    act(qtbot, dialog, dialog.echo_button.click)
    assert dialog.outcome.outcome is Outcome.SUCCESS
    assert dialog.outcome.text.startswith("Accepted · ")
    assert " ms connect, " in dialog.outcome.text
    assert " ms echo · " in dialog.outcome.text
    assert services.peer_state("Built-in").health is PeerHealth.ANSWERS
    assert rows(dialog)[0][1:3] == ["Built-in", "accepted"]
    assert not dialog.strip.isVisible()
    assert dialog.echo_button.isEnabled()
    assert not dialog.cancel_button.isEnabled()


def test_repeat_asks_on_one_association(dialog, qtbot):
    dialog.repeat.setValue(25)
    act(qtbot, dialog, dialog.echo_button.click)
    assert "best of 25" in dialog.outcome.text
    assert dialog.strip.isVisible()
    assert dialog.strip.text.startswith("25 answers: ")
    assert rows(dialog)[0][6] == "25"


def test_a_refused_port_is_explained_with_layer_evidence_and_remedy(dialog, services, qtbot):
    dialog.peer.choose(NOBODY)
    act(qtbot, dialog, dialog.echo_button.click)
    assert dialog.outcome.outcome is Outcome.FAILURE
    headline, evidence, remedy = dialog.outcome.text.splitlines()
    assert headline == "Nothing listens at 127.0.0.1:1"
    assert evidence.startswith("TCP · ")
    assert remedy.startswith("Check the port")
    assert services.peer_state("Nobody").health is PeerHealth.FAILS


def test_results_stay_the_newest_on_top(dialog, services, qtbot):
    act(qtbot, dialog, dialog.echo_button.click)
    dialog.peer.choose(NOBODY)
    act(qtbot, dialog, dialog.echo_button.click)
    assert [row[1] for row in rows(dialog)] == ["Nobody", "Built-in"]
    dialog.copy()
    lines = QGuiApplication.clipboard().text().splitlines()
    assert len(lines) == 2
    assert "\tBuilt-in\taccepted\t" in lines[1]
    dialog.peer.choose(services.built_in())
    act(qtbot, dialog, dialog.echo_button.click)
    # What failed has no times, and its reason the room for them, wherever the row is by now.
    assert [dialog.history.columnSpan(row, 2) for row in range(3)] == [1, 6, 1]


def test_control_enter_asks_from_any_field(dialog, qtbot):
    focus(qtbot, dialog.repeat)
    act(qtbot, dialog, lambda: QTest.keyClick(dialog.repeat, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier))
    assert dialog.outcome.outcome is Outcome.SUCCESS
    assert len(rows(dialog)) == 1


def test_cancel_ends_a_slow_echo_at_once(dialog, services, qtbot):
    slow = replace(services.profile, rules=(delaying("EVT_C_ECHO", 30),))
    services.server.apply(slow)
    dialog.echo_button.click()
    qtbot.waitUntil(lambda: dialog.cancel_button.isEnabled())
    qtbot.waitUntil(lambda: bool(services.server.active_associations))
    began = time.monotonic()
    dialog.cancel_button.click()
    idle(qtbot, dialog)
    assert time.monotonic() - began < 5
    assert dialog.outcome.outcome is Outcome.CANCELLED
    assert services.peer_state("Built-in").health is PeerHealth.UNKNOWN


def test_escape_closes_and_ends_the_job(dialog, services, qtbot):
    services.server.apply(replace(services.profile, rules=(delaying("EVT_C_ECHO", 30),)))
    dialog.echo_button.click()
    qtbot.waitUntil(lambda: services.tasks.running == 1)
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    idle(qtbot, dialog)


def test_a_defect_is_shown_and_not_swallowed(dialog, services, qt_loop, qtbot, monkeypatch):
    def broken(self):
        raise RuntimeError("boom")

    monkeypatch.setattr("workstation.scu.echo.EchoJob.run", broken)
    seen = []
    qt_loop.set_exception_handler(lambda _loop, context: seen.append(context["exception"]))
    act(qtbot, dialog, dialog.echo_button.click)
    assert "RuntimeError: boom" in dialog.outcome.text
    assert dialog.outcome.outcome is Outcome.FAILURE
    assert dialog.echo_button.isEnabled()
    qtbot.waitUntil(lambda: [str(each) for each in seen] == ["boom"])


def test_a_text_that_is_no_peer_cannot_be_asked(dialog):
    dialog.peer.combo.setEditText("somewhere")
    assert not dialog.echo_button.isEnabled()
    dialog.peer.combo.setEditText("ANY-SCP@127.0.0.1:11112")
    assert dialog.echo_button.isEnabled()


def test_dcmtk_answers(dialog, services, qtbot, free_port, tmp_path, program):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen([program("storescp"), "-od", str(tmp_path), str(port)]) as peer:
        try:
            dialog.peer.choose(Peer("DCMTK", "ANY-SCP", "127.0.0.1", port))
            for _ in range(50):
                act(qtbot, dialog, dialog.echo_button.click)
                if dialog.outcome.outcome is Outcome.SUCCESS:
                    break
            assert "OFFIS_DCMTK" in dialog.outcome.text
        finally:
            peer.terminate()
