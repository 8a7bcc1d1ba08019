"""Storage commitment with Orthanc: it asks us and is told, we ask it and are told."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from peers import port, process, require_program
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from reporting_site import TITLE, Site
from scp_objects import CT, make_object, store

from workstation.net import AE, build_context
from workstation.scp.answers.commitment import STORAGE_COMMITMENT, WELL_KNOWN_INSTANCE, Commitment
from workstation.scp.ledger import Record


@dataclass
class Orthanc:
    port: int
    http_port: int

    def post(self, path: str, body: object) -> Any:
        return self._request("POST", path, json.dumps(body))

    def get(self, path: str) -> Any:
        return self._request("GET", path)

    def _request(self, method: str, path: str, body: str | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=10)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            assert response.status == 200, response.read()
            return json.loads(response.read())
        finally:
            connection.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "site", lambda surroundings: [Commitment(surroundings)])
    made.folder.mkdir()
    made.open()
    yield made
    made.close()


@pytest.fixture
def orthanc(site: Site, tmp_path: Path) -> Iterator[Orthanc]:
    made = Orthanc(port(), port())
    config = tmp_path / "orthanc.json"
    config.write_text(
        json.dumps(
            {
                "StorageDirectory": str(tmp_path / "storage"),
                "IndexDirectory": str(tmp_path / "storage"),
                "HttpPort": made.http_port,
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "DicomAet": "ORTHANC",
                "DicomPort": made.port,
                "DicomModalities": {"workstation": [TITLE, *site.address]},
            }
        )
    )
    with process([require_program("Orthanc"), config], made.http_port, cwd=tmp_path):
        site.destinations["ORTHANC"] = ("127.0.0.1", made.port)
        yield made


def delivered(site: Site, uid: str) -> Record | None:
    record = site.ledger.get("commitment", uid)
    return record if record is not None and record.state == "DELIVERED" else None


def test_orthanc_asks_and_is_told(site: Site, orthanc: Orthanc) -> None:
    assert store(site.archive, make_object(1)).status == 0
    stored = {"SOPClassUID": CT, "SOPInstanceUID": str(make_object(1).SOPInstanceUID)}
    absent = {"SOPClassUID": CT, "SOPInstanceUID": "1.2.3.404"}
    for objects, outcome in (([stored], "Success"), ([stored, absent], "Failure")):
        asked = orthanc.post("/modalities/workstation/storage-commitment", {"DicomInstances": objects})
        record = site.wait_for(partial(delivered, site, asked["ID"]))
        assert (record.peer, record.facts["delivered"]) == ("ORTHANC", "new association")
        report = orthanc.get(asked["Path"])
        assert report["Status"] == outcome
        assert report["RemoteAET"] == TITLE
        assert [one["SOPInstanceUID"] for one in report["Success"]] == [stored["SOPInstanceUID"]]
        assert [(one["SOPInstanceUID"], one["FailureReason"]) for one in report["Failures"]] == [
            (one["SOPInstanceUID"], 0x0112) for one in objects[1:]
        ]


def test_orthanc_tells_us_of_what_we_asked_it(site: Site, orthanc: Orthanc) -> None:
    item, information = Dataset(), Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CT, "1.2.3.404"
    information.TransactionUID, information.ReferencedSOPSequence = generate_uid(), [item]
    association = AE(ae_title=TITLE).associate(
        "127.0.0.1", orthanc.port, contexts=[build_context(STORAGE_COMMITMENT)], ae_title="ORTHANC"
    )
    assert association.is_established
    status, _ = association.send_n_action(information, 1, STORAGE_COMMITMENT, WELL_KNOWN_INSTANCE)
    assert status.Status == 0x0000
    association.release()
    record = site.wait_for(lambda: site.ledger.get("commitment-report", information.TransactionUID))
    assert (record.state, record.peer) == ("FAILURES EXIST", "ORTHANC")
    assert record.data_set.FailedSOPSequence[0].ReferencedSOPInstanceUID == "1.2.3.404"
