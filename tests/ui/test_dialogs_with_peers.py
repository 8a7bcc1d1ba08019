"""The window's dialogs against real servers: echo, send, query, move to the built-in server, get into its archive."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dialog_kit import act, running_services
from peers import dcmqrscp, orthanc
from pydicom import dcmread
from pynetdicom_process import pynetdicom_archive

from workstation.peers import Peer
from workstation.scp.query.levels import Level
from workstation.ui.dialogs.echo_dialog import EchoDialog
from workstation.ui.dialogs.query_dialog import QueryDialog
from workstation.ui.dialogs.send_dialog import SendDialog
from workstation.ui.parts.widgets import Outcome


@pytest.fixture
def services(qt_loop, qtbot, tmp_path, free_port):
    with running_services(qtbot, tmp_path, free_port) as services:
        yield services


@pytest.fixture(params=["dcmqrscp", "orthanc", "pynetdicom"])
def peer(request, services, tmp_path) -> Iterator[Peer]:
    """A running server of somebody else's that may move to the window's own."""
    own = services.built_in()
    match request.param:
        case "dcmqrscp":
            running, title = dcmqrscp(tmp_path / "qr", {own.ae_title: own.port}), "QR"
        case "orthanc":
            running, title = orthanc(tmp_path / "orthanc", {own.ae_title: own.port}), "ORTHANC"
        case _:
            running, title = pynetdicom_archive(own.port), "PYNETDICOM"
    with running as number:
        peer = Peer(title, title, "127.0.0.1", number)
        services.peers.add(peer)
        services.peers_changed.emit()
        yield peer


def shown(qtbot, dialog):
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def test_echo_send_query_move_and_get(peer, services, qtbot, samples):
    series = samples / "ct-chest"
    echo = shown(qtbot, EchoDialog(services, peer))
    act(qtbot, echo, echo.echo_button.click)
    assert echo.outcome.outcome is Outcome.SUCCESS, echo.outcome.text

    send = shown(qtbot, SendDialog(services, peer))
    act(qtbot, send, lambda: send.add_paths([series]))
    act(qtbot, send, send.send_button.click)
    assert send.outcome.outcome is Outcome.SUCCESS, send.outcome.text

    count = len(list(series.glob("*.dcm")))
    one = dcmread(next(series.glob("*.dcm")), stop_before_pixels=True)
    assert services.archive.counts()[Level.IMAGE] == 0
    query = shown(qtbot, QueryDialog(services, peer))
    query.form.field("PatientID").field.editor.setText(one.PatientID)
    act(qtbot, query, query.query_button.click)
    assert query.outcome.outcome is Outcome.SUCCESS, query.outcome.text
    studies = {str(match.StudyInstanceUID) for match in query.frame.model.matches}
    assert studies == {one.StudyInstanceUID}

    query.table.selectRow(0)
    act(qtbot, query, query.retrieve.move_button.click)
    assert query.outcome.outcome is Outcome.SUCCESS, query.outcome.text
    assert services.archive.counts()[Level.IMAGE] == count

    act(qtbot, query, query.retrieve.get_button.click)
    assert query.outcome.outcome is Outcome.SUCCESS, query.outcome.text
    assert services.archive.counts()[Level.IMAGE] == count
