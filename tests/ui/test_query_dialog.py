"""Query and retrieve through the real core: the built-in server with the samples, and DCMTK's dcmqrscp."""

from __future__ import annotations

import csv
import json
import shutil
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from dialog_kit import act, focus, idle, running_services
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from rules_kit import answering, delaying

from workstation.net.codec.dimse import C_CANCEL_RQ
from workstation.net.part10 import read_head
from workstation.peers import Peer
from workstation.scp.archive.archive import Archive
from workstation.scp.ledger import Ledger
from workstation.scp.profiles import Profile
from workstation.scp.query.levels import Level as ArchiveLevel
from workstation.scp.server import TestServer
from workstation.scu.files import FoundFile, scan
from workstation.ui.dialogs.query_dialog import QueryDialog
from workstation.ui.dialogs.query_keys import Level
from workstation.ui.dialogs.query_model import raw_value
from workstation.ui.dialogs.send_dialog import SendDialog
from workstation.ui.parts.widgets import Outcome

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def services(qt_loop, qtbot, tmp_path, free_port):
    with running_services(qtbot, tmp_path, free_port) as services:
        yield services


@pytest.fixture(scope="module")
def stored_samples(tmp_path_factory) -> Path:
    """An archive's folder with the samples in it; copied for each test, which is faster than sending them."""
    folder = tmp_path_factory.mktemp("samples")
    archive = Archive(folder, durable=False)
    found: list[FoundFile] = []
    scan([ROOT / "resources" / "samples"], found.append)
    for file in found:
        if file.sendable:
            head = read_head(file.path)
            sink = archive.new_sink(head.sop_class_uid, head.sop_instance_uid, head.transfer_syntax_uid)
            sink.write(memoryview(file.path.read_bytes())[head.offset :])
            sink.finish()
            assert archive.commit(sink).status == 0
    archive.close()
    return folder


@pytest.fixture
def pacs(tmp_path, services, stored_samples):
    """Another server than the window's own, which has the samples and knows the window's as a move destination."""
    shutil.copytree(stored_samples, tmp_path / "pacs")
    archive = Archive(tmp_path / "pacs", durable=False)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ledger = Ledger(f"sqlite:///{archive.folder / 'ledger.sqlite'}", durable=False)
    server = TestServer(Profile(name="PACS", ae_title="PACS", port=port), archive, ledger, services.destination)
    server.start()
    services.peers.add(Peer("PACS", "PACS", "127.0.0.1", port))
    services.peers_changed.emit()
    yield server
    server.stop()
    ledger.close()
    archive.close()


@pytest.fixture
def dialog(services, pacs, qtbot):
    dialog = QueryDialog(services, services.find_peer("PACS"))
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def find_row(dialog, keyword: str, value: str) -> int:
    return next(row for row, match in enumerate(dialog.frame.model.matches) if value in raw_value(match, keyword))


def type_key(dialog, keyword: str, text: str) -> None:
    dialog.form.field(keyword).field.editor.setText(text)


def double_click(dialog, row: int) -> None:
    rect = dialog.table.visualRect(dialog.frame.model.index(row, 0))
    viewport = dialog.table.viewport()
    QTest.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=rect.center())
    QTest.mouseDClick(viewport, Qt.MouseButton.LeftButton, pos=rect.center())


def test_an_empty_query_warns_first(dialog, qtbot):
    dialog.query_button.click()
    assert dialog.outcome.outcome is Outcome.WARNING
    assert "all studies" in dialog.outcome.text
    assert dialog.frame is None
    act(qtbot, dialog, dialog.query_button.click)
    assert dialog.frame is not None
    assert dialog.frame.model.rowCount() > 5
    assert dialog.outcome.outcome is Outcome.SUCCESS


def test_wild_cards_and_dates(dialog, qtbot):
    type_key(dialog, "PatientName", "yama*")
    act(qtbot, dialog, dialog.query_button.click)
    assert [raw_value(each, "PatientName").split("=")[0] for each in dialog.frame.model.matches] == ["Yamada^Tarou"]
    assert dialog.outcome.text.startswith("1 study in ")
    dialog.clear_button.click()
    type_key(dialog, "StudyDate", "2024-05-01 - 2024-12-31")
    act(qtbot, dialog, dialog.query_button.click)
    dates = [raw_value(each, "StudyDate") for each in dialog.frame.model.matches]
    assert dates
    assert all("20240501" <= each <= "20241231" for each in dates)


def test_enter_in_the_search_adds_an_attribute_and_asks_nothing(dialog, qtbot):
    type_key(dialog, "PatientName", "Y*")
    focus(qtbot, dialog.form.search)
    dialog.form.search.setText("PatientBirthTime")
    QTest.keyClick(dialog.form.search, Qt.Key.Key_Return)
    assert "PatientBirthTime" in dialog.form.texts()
    assert dialog._job is None
    assert dialog.frame is None


def test_a_stopped_server_is_no_destination(dialog, services, qtbot):
    services.server.stop()
    services.server_changed.emit()
    assert "will not arrive" in dialog.retrieve.findChild(QLabel, "problem").text()
    dialog.retrieve.destination.setEditText("PACS")
    assert dialog.retrieve.findChild(QLabel, "problem").isHidden()


def test_no_match_says_what_to_try(dialog, qtbot):
    type_key(dialog, "PatientName", "Nobody^Here")
    act(qtbot, dialog, dialog.query_button.click)
    assert dialog.outcome.text.startswith("No match")


def test_an_invalid_key_cannot_be_asked(dialog):
    type_key(dialog, "StudyDate", "soon")
    assert not dialog.query_button.isEnabled()
    type_key(dialog, "StudyDate", "")
    assert dialog.query_button.isEnabled()


def test_drilling_down_and_back(dialog, qtbot):
    type_key(dialog, "StudyDescription", "CT chest*")
    act(qtbot, dialog, dialog.query_button.click)
    row = find_row(dialog, "StudyDescription", "follow-up")
    act(qtbot, dialog, lambda: double_click(dialog, row))
    assert dialog.frame.level is Level.SERIES
    assert dialog.level.currentText() == "Series"
    assert dialog.form.above()["StudyInstanceUID"]
    modalities = {raw_value(each, "Modality") for each in dialog.frame.model.matches}
    assert "CT" in modalities
    row = find_row(dialog, "Modality", "CT")
    dialog.table.selectRow(row)
    focus(qtbot, dialog.table)
    act(qtbot, dialog, lambda: QTest.keyClick(dialog.table, Qt.Key.Key_Return))
    assert dialog.frame.level is Level.IMAGE
    assert dialog.frame.model.rowCount() == 10
    assert len(dialog.breadcrumb.steps) == 3
    assert "follow-up" in dialog.breadcrumb.steps[1]
    # Nothing lies below an image.
    dialog._drill(dialog.frame.model.index(0, 0))
    assert dialog._job is None
    dialog.breadcrumb.chosen.emit(0)
    assert dialog.frame.level is Level.STUDY
    assert dialog.form.texts()["StudyDescription"] == "CT chest*"
    assert dialog.outcome.outcome is Outcome.SUCCESS


def test_patient_root(dialog, qtbot):
    dialog.root.setCurrentIndex(1)
    dialog.root.activated.emit(1)
    dialog.level.setCurrentIndex(0)
    dialog.level.activated.emit(0)
    assert dialog.form.level is Level.PATIENT
    type_key(dialog, "PatientName", "n*")
    act(qtbot, dialog, dialog.query_button.click)
    row = find_row(dialog, "PatientName", "rgaard")
    act(qtbot, dialog, lambda: dialog.table.doubleClicked.emit(dialog.frame.model.index(row, 0)))
    assert dialog.frame.level is Level.STUDY
    assert dialog.frame.model.rowCount() == 2
    assert dialog.form.above()["PatientID"]


def test_sorting_by_a_click_on_the_header(dialog, qtbot):
    dialog.query_button.click()
    act(qtbot, dialog, dialog.query_button.click)
    column = dialog.frame.model.columns.index("StudyDate")
    header = dialog.table.horizontalHeader()
    where = QPoint(header.sectionViewportPosition(column) + 5, header.height() // 2)
    QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=where)
    dates = [raw_value(each, "StudyDate") for each in dialog.frame.model.matches]
    assert dates == sorted(dates, reverse=header.sortIndicatorOrder() == Qt.SortOrder.DescendingOrder)


def test_get_brings_a_series_into_the_archive(dialog, services, qtbot):
    type_key(dialog, "StudyDescription", "CT chest, follow*")
    act(qtbot, dialog, dialog.query_button.click)
    assert not dialog.retrieve.get_button.isEnabled()
    dialog.table.selectRow(0)
    assert dialog.retrieve.get_button.isEnabled()
    act(qtbot, dialog, dialog.retrieve.get_button.click)
    assert dialog.outcome.outcome is Outcome.SUCCESS, dialog.outcome.text
    count = services.archive.counts()[ArchiveLevel.IMAGE]
    assert count == 11
    assert f"{count} objects retrieved into the archive" in dialog.outcome.text
    assert f"{count} completed · 0 failed · 0 warning" in dialog.retrieve._counts.text()


def test_move_goes_to_our_own_title_by_default(dialog, services, qtbot):
    type_key(dialog, "PatientName", "Yamada*")
    act(qtbot, dialog, dialog.query_button.click)
    dialog.table.selectAll()
    assert dialog.retrieve.destination_title == "WORKSTATION"
    act(qtbot, dialog, dialog.retrieve.move_button.click)
    assert dialog.outcome.outcome is Outcome.SUCCESS, dialog.outcome.text
    assert services.archive.counts()[ArchiveLevel.IMAGE] == 12


def test_get_brings_compressed_objects_as_they_are(dialog, services, qtbot):
    """The study's SOP classes are known from the query, so that each compressed syntax is offered by itself."""
    dialog.query_button.click()
    act(qtbot, dialog, dialog.query_button.click)
    dialog.table.selectAll()
    act(qtbot, dialog, dialog.retrieve.get_button.click)
    assert dialog.outcome.outcome is Outcome.SUCCESS, dialog.outcome.text
    assert services.archive.counts()[ArchiveLevel.IMAGE] == 34


def test_images_of_a_series_go_in_one_request(dialog, services, qtbot):
    type_key(dialog, "StudyDescription", "CT chest, follow*")
    act(qtbot, dialog, dialog.query_button.click)
    act(qtbot, dialog, lambda: dialog.table.doubleClicked.emit(dialog.frame.model.index(0, 0)))
    row = find_row(dialog, "Modality", "CT")
    act(qtbot, dialog, lambda: dialog.table.doubleClicked.emit(dialog.frame.model.index(row, 0)))
    dialog.table.selectRow(0)
    for each in (1, 2):
        dialog.table.selectionModel().select(
            dialog.frame.model.index(each, 0),
            dialog.table.selectionModel().SelectionFlag.Select | dialog.table.selectionModel().SelectionFlag.Rows,
        )
    _, chosen, identifiers = dialog._requests()
    assert len(chosen) == 3
    assert len(identifiers) == 1
    act(qtbot, dialog, dialog.retrieve.move_button.click)
    assert services.archive.counts()[ArchiveLevel.IMAGE] == 3


def test_an_unknown_destination_is_explained(dialog, qtbot):
    type_key(dialog, "PatientName", "Yamada*")
    act(qtbot, dialog, dialog.query_button.click)
    dialog.table.selectAll()
    dialog.retrieve.destination.setEditText("NOWHERE")
    act(qtbot, dialog, dialog.retrieve.move_button.click)
    assert dialog.outcome.outcome is Outcome.FAILURE
    assert "0xA801" in dialog.outcome.text
    assert "Add the destination's AE title" in dialog.outcome.text


def test_a_destination_that_cannot_be_is_refused(dialog, qtbot):
    type_key(dialog, "PatientName", "Yamada*")
    act(qtbot, dialog, dialog.query_button.click)
    dialog.table.selectAll()
    dialog.retrieve.destination.setEditText("MUCH_TOO_LONG_A_TITLE")
    assert not dialog.retrieve.move_button.isEnabled()
    dialog.retrieve.destination.setEditText("PACS")
    assert dialog.retrieve.move_button.isEnabled()


def test_cancel_is_a_c_cancel(dialog, services, pacs, qtbot):
    """The peer waits before it answers; it ends the query with FE00 because it was asked to."""
    pacs.apply(replace(pacs.profile, rules=(delaying("EVT_C_FIND", 30),)))
    sent = []
    services.bridge.dimse_sent.connect(lambda records: sent.extend(record.message for record in records))
    type_key(dialog, "PatientName", "Y*")
    dialog.query_button.click()
    qtbot.waitUntil(lambda: any(type(each).__name__ == "C_FIND_RQ" for each in sent), timeout=5000)
    began = time.monotonic()
    dialog.retrieve.cancel_button.click()
    idle(qtbot, dialog)
    assert time.monotonic() - began < 4
    assert dialog.outcome.outcome is Outcome.CANCELLED
    qtbot.waitUntil(lambda: any(isinstance(each, C_CANCEL_RQ) for each in sent))


def test_the_limit_ends_a_query(dialog, qtbot):
    dialog.limit.addItem("2 at most", 2)
    dialog.limit.setCurrentIndex(dialog.limit.count() - 1)
    dialog.query_button.click()
    act(qtbot, dialog, dialog.query_button.click)
    assert dialog.outcome.outcome is Outcome.WARNING
    assert "ended at the limit" in dialog.outcome.text


def test_matches_can_be_copied_and_kept(dialog, qtbot, tmp_path):
    dialog.query_button.click()
    act(qtbot, dialog, dialog.query_button.click)
    dialog.table.selectRow(0)
    dialog.copy()
    assert len(QGuiApplication.clipboard().text().splitlines()) == 2
    dialog.save_csv(tmp_path / "matches.csv")
    with (tmp_path / "matches.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == dialog.frame.model.rowCount()
    assert any("山田" in row["PatientName"] for row in rows)
    dialog.save_csv(tmp_path / "nowhere" / "matches.csv")
    assert dialog.outcome.outcome is Outcome.FAILURE


def test_a_refused_query_is_explained(dialog, pacs, qtbot):
    pacs.apply(replace(pacs.profile, rules=(answering("EVT_C_FIND", 0xA900),)))
    type_key(dialog, "PatientName", "Y*")
    act(qtbot, dialog, dialog.query_button.click)
    assert dialog.outcome.outcome is Outcome.FAILURE
    assert "0xA900" in dialog.outcome.text


def test_closing_ends_the_query(dialog, pacs, services, qtbot):
    pacs.apply(replace(pacs.profile, rules=(delaying("EVT_C_FIND", 30),)))
    type_key(dialog, "PatientName", "Y*")
    dialog.query_button.click()
    qtbot.waitUntil(lambda: services.tasks.running == 1)
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    idle(qtbot, dialog)
    assert not dialog.isVisible()


def test_dcmtk_is_queried_and_sends(services, qtbot, tmp_path, program, samples):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    host, own = services.server.address
    (tmp_path / "db").mkdir()
    (tmp_path / "qr.cfg").write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\nws = (WORKSTATION, {host}, {own})\nHostTable END\n"
        "VendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nQR {tmp_path / 'db'} RW (500, 1024mb) ANY\nAETable END\n"
    )
    files = sorted((samples / "ct-chest").rglob("*.dcm"))[:3]
    for file in files:
        shutil.copy(file, tmp_path / "db")
    subprocess.run(
        [program("dcmqridx"), str(tmp_path / "db"), *(str(tmp_path / "db" / file.name) for file in files)],
        check=True,
        capture_output=True,
    )
    dialog = QueryDialog(services, Peer("DCMTK", "QR", "127.0.0.1", port))
    qtbot.addWidget(dialog)
    dialog.show()
    with subprocess.Popen([program("dcmqrscp"), "-c", str(tmp_path / "qr.cfg")]) as peer:
        try:
            type_key(dialog, "StudyDate", "2000-01-01 - 2099-12-31")
            for _ in range(50):
                act(qtbot, dialog, dialog.query_button.click)
                if dialog.outcome.outcome is Outcome.SUCCESS:
                    break
            assert dialog.frame.model.rowCount() == 1
            dialog.table.selectRow(0)
            act(qtbot, dialog, dialog.retrieve.move_button.click)
            assert dialog.outcome.outcome is Outcome.SUCCESS, dialog.outcome.text
            assert services.archive.counts()[ArchiveLevel.IMAGE] == 3
            act(qtbot, dialog, dialog.retrieve.get_button.click)
            assert "3 completed" in dialog.retrieve._counts.text()
        finally:
            peer.terminate()


def test_orthanc_is_queried_and_sends(services, qtbot, tmp_path, program, samples):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    configuration = {
        "StorageDirectory": str(tmp_path / "orthanc"),
        "IndexDirectory": str(tmp_path / "orthanc"),
        "HttpServerEnabled": False,
        "DicomAet": "ORTHANC",
        "DicomPort": port,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowMove": True,
        "DicomModalities": {"ws": ["WORKSTATION", *services.server.address]},
        "SynchronousCMove": True,
    }
    (tmp_path / "orthanc.json").write_text(json.dumps(configuration))
    peer = Peer("Orthanc", "ORTHANC", "127.0.0.1", port)
    send = SendDialog(services, peer, sorted((samples / "ct-chest").rglob("*.dcm")))
    dialog = QueryDialog(services, peer)
    for each in (send, dialog):
        qtbot.addWidget(each)
        each.show()
    qtbot.waitUntil(lambda: send.model.count == 10 and send._job is None)
    with subprocess.Popen(
        [program("Orthanc"), str(tmp_path / "orthanc.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            for _ in range(200):
                act(qtbot, send, send.send_button.click)
                if "stored by" in send.outcome.text:
                    break
            assert send.outcome.outcome is Outcome.SUCCESS, send.outcome.text
            count = send.model.count
            type_key(dialog, "StudyDescription", "CT*")
            act(qtbot, dialog, dialog.query_button.click)
            assert dialog.frame.model.rowCount() == 1
            dialog.table.selectRow(0)
            act(qtbot, dialog, dialog.retrieve.move_button.click)
            assert dialog.outcome.outcome is Outcome.SUCCESS, dialog.outcome.text
            assert services.archive.counts()[ArchiveLevel.IMAGE] == count
            act(qtbot, dialog, dialog.retrieve.get_button.click)
            assert dialog.outcome.outcome is Outcome.SUCCESS, dialog.outcome.text
            assert f"{count} objects retrieved into the archive" in dialog.outcome.text
        finally:
            server.terminate()
