"""The core as service user against real servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peers import dcmqrscp, orthanc, port, storescp
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom_process import pynetdicom_archive

from workstation.net import AE, build_role, evt
from workstation.net.association import Association
from workstation.net.sop_class import (
    StudyRootQueryRetrieveInformationModelFind as Find,
)
from workstation.net.sop_class import (
    StudyRootQueryRetrieveInformationModelGet as Get,
)
from workstation.net.sop_class import (
    StudyRootQueryRetrieveInformationModelMove as Move,
)
from workstation.net.sop_class import Verification


def _files(samples: Path) -> list[Path]:
    return sorted((samples / "ct-chest").glob("*.dcm"))[:4] + sorted((samples / "mr-head").glob("*.dcm"))[:2]


def _associate(number: int, files: list[Path], *, get: bool = False, **options: Any) -> Association:
    ae = AE("OURS")
    for uid in (Verification, Find, Move, Get):
        ae.add_requested_context(uid)
    roles = []
    for path in files:
        head = dcmread(path, stop_before_pixels=True)
        if not any(c.abstract_syntax == head.SOPClassUID for c in ae.requested_contexts):
            ae.add_requested_context(head.SOPClassUID, head.file_meta.TransferSyntaxUID)
            roles.append(build_role(head.SOPClassUID, scu_role=not get, scp_role=get))
    if get:
        options["ext_neg"] = roles
    assoc = ae.associate("127.0.0.1", number, **options)
    assert assoc.is_established, assoc.end_reason
    return assoc


def _study(path: Path) -> Dataset:
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    query.StudyInstanceUID = dcmread(path, stop_before_pixels=True).StudyInstanceUID
    query.PatientID = ""
    return query


def test_storescp_keeps_every_byte(samples: Path, tmp_path: Path) -> None:
    files = _files(samples)
    with storescp(tmp_path, "+B", "+xa") as number:
        assoc = _associate(number, files)
        assert assoc.send_c_echo().Status == 0x0000
        for path in files:
            assert assoc.send_c_store(path, streamed=True).Status == 0x0000
        assoc.release()
        assert assoc.is_released
    stored = {dcmread(path).SOPInstanceUID: path for path in tmp_path.iterdir()}
    for path in files:
        original, copy = dcmread(path), dcmread(stored[dcmread(path).SOPInstanceUID])
        assert copy == original


@pytest.fixture(params=["dcmqrscp", "orthanc", "pynetdicom"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, int, int]]:
    """A query/retrieve server, its port, and the port that it may move to as MOVEDEST."""
    destination = port()
    match request.param:
        case "dcmqrscp":
            with dcmqrscp(tmp_path / "qr", {"MOVEDEST": destination}) as number:
                yield "QR", number, destination
        case "orthanc":
            with orthanc(tmp_path / "orthanc", {"MOVEDEST": destination}) as number:
                yield "ORTHANC", number, destination
        case _:
            with pynetdicom_archive(destination) as number:
                yield "PYNETDICOM", number, destination


def test_store_find_get_move(archive: tuple[str, int, int], samples: Path) -> None:
    title, number, destination = archive
    files = _files(samples)
    assoc = _associate(number, files, ae_title=title)
    for path in files:
        assert assoc.send_c_store(path, streamed=True).Status == 0x0000
    query = _study(files[0])
    found = list(assoc.send_c_find(query, Find))
    assert found[-1][0].Status == 0x0000
    assert found[-1][1] is None
    assert {i.StudyInstanceUID for _, i in found[:-1] if i is not None} >= {query.StudyInstanceUID}
    assoc.release()

    if title == "PYNETDICOM":
        query.PatientID = dcmread(files[0], stop_before_pixels=True).PatientID
    got: list[str] = []

    def on_store(event: Any) -> int:
        got.append(event.dataset.SOPInstanceUID)
        return 0x0000

    assoc = _associate(number, files, get=True, ae_title=title, evt_handlers=[(evt.EVT_C_STORE, on_store)])
    responses = list(assoc.send_c_get(query, Get))
    assoc.release()
    expected = {dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in files[:4]}
    assert responses[-1][0].Status == 0x0000
    assert set(got) >= expected

    got.clear()
    receiver = AE("MOVEDEST")
    for path in files:
        head = dcmread(path, stop_before_pixels=True)
        receiver.add_supported_context(head.SOPClassUID)
    server = receiver.start_server(("127.0.0.1", destination), block=False, evt_handlers=[(evt.EVT_C_STORE, on_store)])
    assert server is not None
    try:
        assoc = _associate(number, files, ae_title=title)
        responses = list(assoc.send_c_move(query, "MOVEDEST", Move))
        assoc.release()
    finally:
        server.shutdown()
    assert responses[-1][0].Status == 0x0000
    assert set(got) >= expected
