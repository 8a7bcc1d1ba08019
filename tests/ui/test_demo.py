"""The demo through the real window on a real server, and what can be done with the traffic that it leaves."""

from __future__ import annotations

import asyncio

import pytest
from dialog_kit import focus, running_services
from PySide6.QtGui import QGuiApplication

from workstation.scp.query.levels import Level
from workstation.ui.services import PeerHealth
from workstation.ui.viewers.viewers import Viewers
from workstation.ui.window.demo import DemoError, play, save_picture
from workstation.ui.window.main_window import MainWindow


@pytest.fixture
def window(qt_loop, qtbot, tmp_path, free_port):
    with running_services(qtbot, tmp_path, free_port) as services:
        window = MainWindow(services, Viewers(services.bridge, services.log, services.theme, services.tasks))
        qtbot.addWidget(window)
        with qtbot.waitExposed(window):
            window.show()
        yield window
        window.close()


def run(qtbot, coroutine) -> None:
    task = asyncio.ensure_future(coroutine)
    qtbot.waitUntil(task.done, timeout=50_000)
    task.result()


def messages(services) -> set[str]:
    rows = (row for each in services.log.conversations for row in each.rows)
    return {row.name for row in rows if row.name.startswith("C-")}


@pytest.mark.timeout(120)
def test_the_demo_leaves_something_to_look_at(window, qtbot, tmp_path):
    run(qtbot, play(window))
    services, viewers = window.services, window.viewers
    assert services.archive.counts()[Level.IMAGE] == 34
    assert services.peer_state("Built-in").health is PeerHealth.ANSWERS
    names = {row.name for each in services.log.conversations for row in each.rows}
    assert {"C-ECHO-RQ", "C-STORE-RSP", "C-FIND-RSP", "C-GET-RSP", "C-MOVE-RSP", "A-RELEASE-RP"} <= names
    assert all(each.finished for each in services.log.conversations)
    # Both ends of an association are two conversations; C-MOVE's sub-operations have one of their own.
    assert len(services.log) == 12

    field = viewers.dissection.field(viewers.decoded.current_path())
    assert field.name.startswith("(0010,0010)")
    assert viewers.bytes.marks == ((field.offset, field.length),)
    assert "of #" in window.docks["messages"].windowTitle()
    assert window.docks["messages"].toggleViewAction().text() == "Messages"
    qtbot.waitUntil(lambda: "Archive 34 objects" in window.status_bar.archive.text())
    qtbot.waitUntil(lambda: window.status_bar.live.text() == "0 live")

    focus(qtbot, viewers.decoded)
    QGuiApplication.clipboard().clear()
    window.commands["copy"].trigger()
    assert "Patient's Name" in QGuiApplication.clipboard().text()

    run(qtbot, save_picture(window, tmp_path / "shot.png"))
    assert (tmp_path / "shot.png").stat().st_size > 20_000

    window.commands["clear"].trigger()
    assert len(services.log) == 0
    assert window.viewers.associations.empty.isVisible()


def test_paused_an_association_is_listed_without_its_messages(window, qtbot):
    services = window.services
    window.commands["pause"].trigger()
    assert window.commands["pause"].text() == "&Resume"
    window.echo_built_in()
    qtbot.waitUntil(lambda: services.peer_state("Built-in").health is PeerHealth.ANSWERS)
    qtbot.waitUntil(lambda: len(services.log) == 2 and all(each.finished for each in services.log.conversations))
    assert messages(services) == set()
    assert "Paused" in window.status_bar.kept.text()
    window.commands["pause"].trigger()
    window.echo_built_in()
    qtbot.waitUntil(lambda: messages(services) == {"C-ECHO-RQ", "C-ECHO-RSP"})
    assert "Paused" not in window.status_bar.kept.text()


def test_without_a_server_the_demo_says_so(window, qtbot):
    window.services.server.stop()
    with pytest.raises(DemoError, match="needs the built-in server"):
        run(qtbot, play(window))
