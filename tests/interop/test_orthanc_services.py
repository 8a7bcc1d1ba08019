"""Orthanc for what it speaks beside storage: query/retrieve at every level, worklist, storage commitment, TLS.

As provider it is asked by our associations, as user it is told over its REST interface to ask a server of ours.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from dcmtk_peers import (
    Credentials,
    Orthanc,
    RefusedError,
    Seen,
    credentials,
    orthanc_rest,
    serving,
    worklist_item,
    write_worklist,
)
from peers import port
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from workstation.net import AE, build_role, evt
from workstation.net.association import Association
from workstation.net.sop_class import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    ModalityWorklistInformationFind,
    MRImageStorage,
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

COMMITMENT = "1.2.840.10008.1.20.1.1"
FIND = {"patient": PatientRootQueryRetrieveInformationModelFind, "study": StudyRootQueryRetrieveInformationModelFind}
MOVE = {"patient": PatientRootQueryRetrieveInformationModelMove, "study": StudyRootQueryRetrieveInformationModelMove}
GET = {"patient": PatientRootQueryRetrieveInformationModelGet, "study": StudyRootQueryRetrieveInformationModelGet}
SAMPLES = Path(__file__).resolve().parents[2] / "resources" / "samples"
FILES = sorted([*SAMPLES.glob("ct-chest/*.dcm"), *SAMPLES.glob("mr-head*/*.dcm")])
WORKLIST = [worklist_item(1, "CT", "20300115", "CT_ONE"), worklist_item(2, "MR", "20300116", "MR_ONE")]
COMPRESSED = [JPEGLSLossless, JPEG2000Lossless, RLELossless]
QUICK = 8.0


@dataclass(frozen=True)
class Setting:
    """Orthanc with all of FILES in it, and the port at which it expects us as OURS."""

    orthanc: Orthanc
    our_port: int


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    folder = tmp_path_factory.mktemp("orthanc")
    write_worklist(folder / "worklists", WORKLIST)
    ours = port()
    more: dict[str, object] = {"DefaultEncoding": "Utf8"}
    plugin = Path("/usr/share/orthanc/plugins/libModalityWorklists.so")
    if plugin.exists():
        more["Plugins"] = [str(plugin)]
        more["Worklists"] = {"Enable": True, "Database": str(folder / "worklists")}
    with orthanc_rest(folder, {"ours": {"AET": "OURS", "Port": ours}}, **more) as orthanc:
        for path in FILES:
            orthanc.rest("/instances", path.read_bytes())
        yield Setting(orthanc, ours)


def _keys(**values: str) -> Dataset:
    keys = Dataset()
    for keyword, value in values.items():
        setattr(keys, keyword, value)
    return keys


def _established(setting: Setting, *uids: str, **options: Any) -> Association:
    ae = AE("OURS")
    for uid in uids:
        ae.add_requested_context(uid)
    assoc = ae.associate("127.0.0.1", setting.orthanc.port, ae_title="ORTHANC", **options)
    assert assoc.is_established, assoc.end_reason
    return assoc


def _heads(**wanted: str) -> dict[str, Dataset]:
    """The objects in Orthanc with these values, by SOP Instance UID."""
    heads = [dcmread(path, stop_before_pixels=True) for path in FILES]
    return {
        str(ds.SOPInstanceUID): ds for ds in heads if all(ds.get(keyword) == value for keyword, value in wanted.items())
    }


# ------------------------------------------------------------------- we ask
@pytest.mark.parametrize("model", FIND)
def test_hierarchical_queries(setting: Setting, model: str) -> None:
    assoc = _established(setting, FIND[model])

    def ask(**keys: str) -> list[Dataset]:
        found = list(assoc.send_c_find(_keys(**keys), FIND[model]))
        assert (found[-1][0].Status, found[-1][1]) == (0x0000, None)
        assert all(status.Status == 0xFF00 and item is not None for status, item in found[:-1])
        return [item for _, item in found if item is not None]

    if model == "patient":
        patients = ask(QueryRetrieveLevel="PATIENT", PatientID="", PatientName="")
        names = {str(item.PatientID): str(item.PatientName) for item in patients}
        assert names["DW-1001"] == "Nørgaard^Åse^^Fru"
        assert names.keys() == {"DW-1001", "DW-1002"}
    studies = ask(
        QueryRetrieveLevel="STUDY", PatientID="DW-1001", StudyInstanceUID="", NumberOfStudyRelatedInstances=""
    )
    assert {str(item.StudyInstanceUID) for item in studies} == {
        str(ds.StudyInstanceUID) for ds in _heads(PatientID="DW-1001").values()
    }
    for study in studies:
        uid = str(study.StudyInstanceUID)
        assert int(study.NumberOfStudyRelatedInstances) == len(_heads(StudyInstanceUID=uid))
        for series in ask(QueryRetrieveLevel="SERIES", PatientID="", StudyInstanceUID=uid, SeriesInstanceUID=""):
            images = ask(
                QueryRetrieveLevel="IMAGE",
                StudyInstanceUID=uid,
                SeriesInstanceUID=series.SeriesInstanceUID,
                SOPInstanceUID="",
            )
            wanted = _heads(SeriesInstanceUID=str(series.SeriesInstanceUID))
            assert {str(image.SOPInstanceUID) for image in images} == wanted.keys()
    assert ask(QueryRetrieveLevel="STUDY", PatientID="NOBODY", StudyInstanceUID="") == []
    assoc.release()
    assert assoc.is_released


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ({"PatientName": "Nørgaard*"}, {"PatientID": "DW-1001"}),
        ({"PatientID": "DW-100?", "Modality": "CT"}, {"Modality": "CT"}),
        ({"PatientID": "DW-1002", "StudyDate": "19000101-20991231"}, {"PatientID": "DW-1002"}),
        ({"StudyDate": "-19000101"}, {"PatientID": "nobody"}),
    ],
)
def test_relational_queries(setting: Setting, keys: dict[str, str], wanted: dict[str, str]) -> None:
    """Orthanc matches keys of every level at once."""
    assoc = _established(setting, FIND["study"])
    query = _keys(QueryRetrieveLevel="IMAGE", SOPInstanceUID="", **keys)
    query.SpecificCharacterSet = "ISO_IR 100"
    found = list(assoc.send_c_find(query, FIND["study"]))
    assoc.release()
    assert found[-1][0].Status == 0x0000
    assert {str(item.SOPInstanceUID) for _, item in found if item is not None} == _heads(**wanted).keys()


def test_a_query_without_level_fails_and_the_association_goes_on(setting: Setting) -> None:
    assoc = _established(setting, FIND["study"], Verification)
    found = list(assoc.send_c_find(_keys(PatientID="DW-1001"), FIND["study"]))
    assert len(found) == 1
    assert found[0][0].Status >= 0xA700
    assert found[0][1] is None
    assert assoc.send_c_echo().Status == 0x0000
    assoc.release()
    assert assoc.is_released


def _retrieve_keys(level: str) -> tuple[Dataset, dict[str, Dataset]]:
    """Keys for the MR study's part at a level, and what they match."""
    one = next(iter(_heads(PatientID="DW-1002").values()))
    names = ["PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"]
    used = names[: ["PATIENT", "STUDY", "SERIES", "IMAGE"].index(level) + 1]
    values = {name: str(getattr(one, name)) for name in used}
    return _keys(QueryRetrieveLevel=level, **values), _heads(**values)


@pytest.mark.parametrize("level", ["PATIENT", "STUDY", "SERIES", "IMAGE"])
def test_get(setting: Setting, level: str) -> None:
    got: dict[str, Dataset] = {}

    def on_store(event: Any) -> int:
        got[event.request.AffectedSOPInstanceUID] = event.dataset
        return 0x0000

    assoc = _established(
        setting,
        GET["patient"],
        MRImageStorage,
        ext_neg=[build_role(MRImageStorage, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, on_store)],
    )
    keys, wanted = _retrieve_keys(level)
    statuses = [status for status, _ in assoc.send_c_get(keys, GET["patient"])]
    assoc.release()
    assert assoc.is_released
    assert statuses[-1].Status == 0x0000
    assert got.keys() == wanted.keys()
    for ds in got.values():
        original = next(path for path in FILES if dcmread(path).SOPInstanceUID == ds.SOPInstanceUID)
        assert ds.PixelData == dcmread(original).PixelData
    if len(wanted) > 1:
        assert statuses[-1].NumberOfCompletedSuboperations == len(wanted)


def test_get_is_cancelled(setting: Setting) -> None:
    got: list[str] = []

    def on_store(event: Any) -> int:
        got.append(event.dataset.SOPInstanceUID)
        return 0x0000

    assoc = _established(
        setting,
        GET["patient"],
        MRImageStorage,
        Verification,
        ext_neg=[build_role(MRImageStorage, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, on_store)],
    )
    keys, wanted = _retrieve_keys("STUDY")
    responses = assoc.send_c_get(keys, GET["patient"], msg_id=11)
    first, _ = next(responses)
    assert first.Status == 0xFF00
    assoc.send_c_cancel(11, query_model=GET["patient"])
    last = [status for status, _ in responses][-1]
    assert last.Status == 0xFE00
    assert len(got) < len(wanted)
    assert assoc.send_c_echo().Status == 0x0000
    assoc.release()
    assert assoc.is_released


@pytest.mark.parametrize("level", ["PATIENT", "STUDY", "SERIES", "IMAGE"])
def test_move(setting: Setting, level: str) -> None:
    arrived = Seen()

    def on_store(event: Any) -> int:
        arrived.add(event.request)
        return 0x0000

    ae = AE("OURS")
    ae.add_supported_context(MRImageStorage)
    keys, wanted = _retrieve_keys(level)
    with serving(ae, [(evt.EVT_C_STORE, on_store)], setting.our_port):
        assoc = _established(setting, MOVE["patient"])
        statuses = [status for status, _ in assoc.send_c_move(keys, "OURS", MOVE["patient"], msg_id=21)]
        assoc.release()
    assert statuses[-1].Status == 0x0000
    assert {request.AffectedSOPInstanceUID for request in arrived.items} == wanted.keys()
    assert {request.MoveOriginatorMessageID for request in arrived.items} == {21}
    assert {request.MoveOriginatorApplicationEntityTitle.strip() for request in arrived.items} == {"OURS"}


def test_move_to_an_unknown_destination(setting: Setting) -> None:
    assoc = _established(setting, MOVE["study"], Verification)
    keys, _ = _retrieve_keys("STUDY")
    statuses = [status.Status for status, _ in assoc.send_c_move(keys, "NOWHERE", MOVE["study"])]
    assert len(statuses) == 1
    assert statuses[0] == 0xA801 or statuses[0] >= 0xC000  # Orthanc says C000: unable to process
    assert assoc.send_c_echo().Status == 0x0000
    assoc.release()


def test_move_to_us_while_nobody_listens(setting: Setting) -> None:
    assoc = _established(setting, MOVE["study"], Verification)
    keys, _ = _retrieve_keys("IMAGE")
    last = [status for status, _ in assoc.send_c_move(keys, "OURS", MOVE["study"])][-1]
    assert last.Status not in (0x0000, 0xFF00)
    assert assoc.send_c_echo().Status == 0x0000
    assoc.release()


def test_worklist(setting: Setting) -> None:
    assoc = _established(setting, ModalityWorklistInformationFind)
    query = _keys(PatientName="", PatientID="", AccessionNumber="")
    query.ScheduledProcedureStepSequence = [_keys(Modality="CT", ScheduledProcedureStepID="")]
    found = list(assoc.send_c_find(query, ModalityWorklistInformationFind))
    assoc.release()
    assert found[-1][0].Status == 0x0000
    (item,) = [item for _, item in found if item is not None]
    assert item.AccessionNumber == "ACC1"
    assert item.PatientName == "Sørensen^Søren"
    assert item.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID == "STEP1"


# ------------------------------------------------------------------- we are asked
class Ours:
    """A server of ours for everything that Orthanc asks: FILES are its archive."""

    def __init__(self, orthanc: Orthanc) -> None:
        self.orthanc = orthanc
        self.asked: list[tuple[str, Dataset]] = []
        self.stored = Seen()
        self.actions = Seen()
        self.reports = Seen()
        self.store_status = 0x0000
        self.action_status = 0x0000
        self.ae = AE("OURS")
        for uid in (
            Verification,
            *FIND.values(),
            *MOVE.values(),
            ModalityWorklistInformationFind,
            StorageCommitmentPushModel,
        ):
            self.ae.add_supported_context(uid)
        for uid in (CTImageStorage, MRImageStorage, ComputedRadiographyImageStorage):
            self.ae.add_supported_context(uid, [ImplicitVRLittleEndian, ExplicitVRLittleEndian, *COMPRESSED])
        self.ae.add_requested_context(CTImageStorage)
        self.ae.add_requested_context(MRImageStorage)

    def handlers(self) -> list[tuple[Any, ...]]:
        return [
            (evt.EVT_C_FIND, self.on_find),
            (evt.EVT_C_MOVE, self.on_move),
            (evt.EVT_C_STORE, self.on_store),
            (evt.EVT_N_ACTION, self.on_action),
            (evt.EVT_N_EVENT_REPORT, self.on_report),
        ]

    def on_find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        query = event.identifier
        self.asked.append((event.context.abstract_syntax, query))
        if event.context.abstract_syntax == ModalityWorklistInformationFind:
            for item in WORKLIST:
                yield 0xFF00, item
            return
        seen = set()
        for ds in _heads(PatientID=query.PatientID).values():
            if ds.StudyInstanceUID not in seen:
                seen.add(ds.StudyInstanceUID)
                answer = _keys(
                    QueryRetrieveLevel="STUDY",
                    SpecificCharacterSet="ISO_IR 192",  # Orthanc 1.10 refuses answers with the object's own
                    PatientID=ds.PatientID,
                    StudyInstanceUID=ds.StudyInstanceUID,
                    RetrieveAETitle="OURS",
                )
                answer.PatientName = str(ds.PatientName)
                yield 0xFF00, answer

    def on_move(self, event: Any) -> Iterator[Any]:
        self.asked.append((event.context.abstract_syntax, event.identifier))
        assert event.move_destination == "ORTHANC"
        wanted = _heads(StudyInstanceUID=event.identifier.StudyInstanceUID)
        yield "127.0.0.1", self.orthanc.port
        yield len(wanted)
        for path in FILES:
            if dcmread(path, stop_before_pixels=True).SOPInstanceUID in wanted:
                yield 0xFF00, dcmread(path)

    def on_store(self, event: Any) -> int:
        self.stored.add((event.request.AffectedSOPInstanceUID, event.context.transfer_syntax))
        return self.store_status

    def on_action(self, event: Any) -> tuple[int, None]:
        assert event.action_type == 1
        assert event.request.RequestedSOPInstanceUID == COMMITMENT
        self.actions.add(event.action_information)
        return self.action_status, None

    def on_report(self, event: Any) -> tuple[int, None]:
        self.reports.add((event.event_type, event.event_information, event.assoc.requestor.ae_title))
        return 0x0000, None


@pytest.fixture
def ours(setting: Setting) -> Iterator[Ours]:
    ours = Ours(setting.orthanc)
    with serving(ours.ae, ours.handlers(), setting.our_port):
        yield ours


def test_orthanc_echoes(setting: Setting, ours: Ours) -> None:
    assert setting.orthanc.rest("/modalities/ours/echo", {"CheckFind": True}) == {}
    with pytest.raises(RefusedError):
        setting.orthanc.rest("/modalities/nobody/echo", {})


def test_orthanc_queries_and_retrieves(setting: Setting, ours: Ours) -> None:
    rest = setting.orthanc.rest
    query = rest("/modalities/ours/query", {"Level": "Study", "Query": {"PatientID": "DW-1002", "PatientName": ""}})
    answers = [rest(f"{query['Path']}/answers/{i}/content?simplify") for i in rest(f"{query['Path']}/answers")]
    assert [answer["PatientID"] for answer in answers] == ["DW-1002"]
    assert "山田^太郎" in answers[0]["PatientName"]
    sop_class, keys = ours.asked[0]
    assert sop_class in FIND.values()
    assert (keys.QueryRetrieveLevel, keys.PatientID) == ("STUDY", "DW-1002")

    study = rest("/tools/lookup", answers[0]["StudyInstanceUID"].encode())[0]["Path"]
    before = rest(f"{study}/statistics")["CountInstances"]
    done = rest(f"{query['Path']}/retrieve", {"TargetAet": "ORTHANC", "Synchronous": True})
    assert done["Description"] == "REST API"
    sop_class, keys = ours.asked[-1]
    assert sop_class in MOVE.values()
    assert keys.StudyInstanceUID == answers[0]["StudyInstanceUID"]
    assert rest(f"{study}/statistics")["CountInstances"] == before


def test_orthanc_asks_our_worklist(setting: Setting, ours: Ours) -> None:
    step = {"Modality": "", "ScheduledProcedureStepID": ""}
    query = {"PatientName": "", "AccessionNumber": "", "ScheduledProcedureStepSequence": [step]}
    found = setting.orthanc.rest("/modalities/ours/find-worklist", query)
    assert [item["AccessionNumber"] for item in found] == ["ACC1", "ACC2"]
    assert found[0]["PatientName"] == "Sørensen^Søren"
    assert ours.asked[0][0] == ModalityWorklistInformationFind
    assert ours.asked[0][1].ScheduledProcedureStepSequence[0].Modality == ""


def test_orthanc_stores(setting: Setting, ours: Ours) -> None:
    instances = setting.orthanc.rest("/instances")
    done = setting.orthanc.rest("/modalities/ours/store", {"Resources": instances, "Synchronous": True})
    assert (done["InstancesCount"], done["FailedInstancesCount"]) == (len(FILES), 0)
    assert {uid for uid, _ in ours.stored.items} == _heads().keys()


def test_orthanc_is_told_of_a_failed_store(setting: Setting, ours: Ours) -> None:
    ours.store_status = 0xA700
    instances = setting.orthanc.rest("/instances")[:1]
    with pytest.raises(RefusedError):
        setting.orthanc.rest("/modalities/ours/store", {"Resources": instances, "Synchronous": True})
    assert len(ours.stored.items) >= 1


@pytest.mark.parametrize(
    ("name", "sop_class", "syntax"),
    [
        ("jpegls-chest.dcm", CTImageStorage, JPEGLSLossless),
        ("jpeg2000-head.dcm", MRImageStorage, JPEG2000Lossless),
        ("rle-chest.dcm", ComputedRadiographyImageStorage, RLELossless),
    ],
)
def test_compressed_objects_go_there_and_come_back(
    setting: Setting, ours: Ours, name: str, sop_class: str, syntax: str
) -> None:
    original = dcmread(SAMPLES / name)
    sender = AE("OURS")
    sender.add_requested_context(sop_class, syntax)
    assoc = sender.associate("127.0.0.1", setting.orthanc.port, ae_title="ORTHANC")
    assert assoc.send_c_store(SAMPLES / name, streamed=True).Status == 0x0000
    assoc.release()
    (found,) = setting.orthanc.rest("/tools/lookup", original.SOPInstanceUID.encode())
    try:
        setting.orthanc.rest("/modalities/ours/store", {"Resources": [found["ID"]], "Synchronous": True})
        ours.stored.wait(lambda items: (original.SOPInstanceUID, syntax) in items)
    finally:
        setting.orthanc.rest(found["Path"], method="DELETE")


# ------------------------------------------------------------------- storage commitment
def _commitment(*references: tuple[str, str]) -> Dataset:
    request = Dataset()
    request.TransactionUID = generate_uid()
    request.ReferencedSOPSequence = []
    for sop_class, instance in references:
        request.ReferencedSOPSequence.append(_keys(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=instance))
    return request


def test_orthanc_commits(setting: Setting, ours: Ours) -> None:
    """We ask; the answer comes later, on an association that Orthanc opens to us in the role of the SCP."""
    stored = [(ds.SOPClassUID, uid) for uid, ds in _heads(Modality="CT").items()]
    missing = (CTImageStorage, generate_uid())
    assoc = _established(setting, StorageCommitmentPushModel)
    for number, request in enumerate((_commitment(*stored), _commitment(stored[0], missing)), 1):
        status, _ = assoc.send_n_action(request, 1, StorageCommitmentPushModel, COMMITMENT)
        assert status.Status == 0x0000
        kind, report, title = ours.reports.wait(lambda items, n=number: len(items) == n)[-1]  # type: ignore[misc]
        assert title == "ORTHANC"
        assert report.TransactionUID == request.TransactionUID
        good = {str(item.ReferencedSOPInstanceUID) for item in report.get("ReferencedSOPSequence", [])}
        bad = {str(item.ReferencedSOPInstanceUID): item for item in report.get("FailedSOPSequence", [])}
        if kind == 1:
            assert good == {uid for _, uid in stored}
            assert not bad
        else:
            assert kind == 2
            assert good == {stored[0][1]}
            assert bad.keys() == {missing[1]}
            assert bad[missing[1]].FailureReason == 0x0112
    assert [kind for kind, _, _ in ours.reports.items] == [1, 2]
    assoc.release()
    assert assoc.is_released


def _report(setting: Setting, kind: int, information: Dataset) -> int:
    """Deliver a report as a provider does: on an association of its own, with the role reversed."""
    assoc = _established(
        setting, StorageCommitmentPushModel, ext_neg=[build_role(StorageCommitmentPushModel, scp_role=True)]
    )
    assert assoc.accepted_contexts[0].as_scp
    status, _ = assoc.send_n_event_report(information, kind, StorageCommitmentPushModel, COMMITMENT)
    assoc.release()
    assert assoc.is_released
    return int(status.Status)


@pytest.mark.parametrize("failed", [False, True])
def test_we_commit_to_orthanc(setting: Setting, ours: Ours, failed: bool) -> None:
    rest = setting.orthanc.rest
    wanted = [[str(ds.SOPClassUID), uid] for uid, ds in _heads(Modality="CT").items()]
    asked = rest("/modalities/ours/storage-commitment", {"DicomInstances": wanted})
    (request,) = ours.actions.items
    assert request.TransactionUID == asked["ID"]
    assert [[r.ReferencedSOPClassUID, r.ReferencedSOPInstanceUID] for r in request.ReferencedSOPSequence] == wanted
    assert rest(asked["Path"])["Status"] == "Pending"

    report = _keys(TransactionUID=request.TransactionUID)
    report.ReferencedSOPSequence = list(request.ReferencedSOPSequence)
    if failed:
        lost = report.ReferencedSOPSequence.pop()
        lost.FailureReason = 0x0110
        report.FailedSOPSequence = [lost]
    assert _report(setting, 2 if failed else 1, report) == 0x0000
    told = rest(asked["Path"])
    assert told["Status"] == ("Failure" if failed else "Success")
    assert len(told["Success"]) == len(wanted) - failed
    assert [item["SOPInstanceUID"] for item in told["Failures"]] == ([wanted[-1][1]] if failed else [])


def test_orthanc_asks_for_commitment_of_what_it_stores(setting: Setting, ours: Ours) -> None:
    rest = setting.orthanc.rest
    instances = rest("/instances")[:3]
    done = rest("/modalities/ours/store", {"Resources": instances, "StorageCommitment": True, "Synchronous": True})
    request = ours.actions.wait(lambda items: len(items) == 1)[0]
    assert request.TransactionUID == done["StorageCommitmentTransactionUID"]
    assert {str(r.ReferencedSOPInstanceUID) for r in request.ReferencedSOPSequence} == {
        uid for uid, _ in ours.stored.items
    }
    report = _keys(TransactionUID=request.TransactionUID)
    report.ReferencedSOPSequence = list(request.ReferencedSOPSequence)
    assert _report(setting, 1, report) == 0x0000
    assert rest(f"/storage-commitment/{request.TransactionUID}")["Status"] == "Success"


def test_orthanc_is_refused_commitment(setting: Setting, ours: Ours) -> None:
    ours.action_status = 0x0213
    wanted = [[str(ds.SOPClassUID), uid] for uid, ds in _heads(Modality="CT").items()]
    with pytest.raises(RefusedError):
        setting.orthanc.rest("/modalities/ours/storage-commitment", {"DicomInstances": wanted})
    assert len(ours.actions.items) == 1


# ------------------------------------------------------------------- TLS
@dataclass(frozen=True)
class Secure:
    """Orthanc over TLS with client certificates demanded, where it expects us, and our certificate."""

    setting: Setting
    mine: Credentials


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    folder = tmp_path_factory.mktemp("secure")
    authority = trustme.CA()
    theirs = credentials(folder / "tls", "orthanc", authority)
    ours = port()
    with orthanc_rest(
        folder,
        {"ours": {"AET": "OURS", "Port": ours, "UseDicomTls": True}},
        DicomTlsEnabled=True,
        DicomTlsCertificate=str(theirs.certificate),
        DicomTlsPrivateKey=str(theirs.key),
        DicomTlsTrustedCertificates=str(theirs.authority),
        DicomTlsRemoteCertificateRequired=True,
    ) as orthanc:
        yield Secure(Setting(orthanc, ours), credentials(folder / "tls", "ours", authority))


def test_orthanc_over_tls(secure: Secure) -> None:
    context = secure.mine.context(ssl.Purpose.SERVER_AUTH)
    assoc = _established(secure.setting, Verification, CTImageStorage, FIND["study"], tls_args=(context, "localhost"))
    assert assoc.send_c_echo().Status == 0x0000
    assert assoc.send_c_store(FILES[0]).Status == 0x0000
    found = list(assoc.send_c_find(_keys(QueryRetrieveLevel="STUDY", PatientID="DW-1001"), FIND["study"]))
    assert [status.Status for status, _ in found] == [0xFF00, 0x0000]
    assoc.release()
    assert assoc.is_released


def test_orthanc_comes_over_tls(secure: Secure) -> None:
    """Echo, store and the report of a commitment from Orthanc to us, each over TLS with certificates on both sides."""
    rest = secure.setting.orthanc.rest
    instance = rest("/instances", FILES[0].read_bytes())["ID"]
    ours = Ours(secure.setting.orthanc)
    context = secure.mine.context(ssl.Purpose.CLIENT_AUTH)
    with serving(ours.ae, ours.handlers(), secure.setting.our_port, ssl_context=context):
        assert rest("/modalities/ours/echo", {}) == {}
        done = rest("/modalities/ours/store", {"Resources": [instance], "Synchronous": True})
        assert done["FailedInstancesCount"] == 0
        head = dcmread(FILES[0], stop_before_pixels=True)
        assert ours.stored.items[0][0] == head.SOPInstanceUID
        mine = secure.mine.context(ssl.Purpose.SERVER_AUTH)
        assoc = _established(secure.setting, StorageCommitmentPushModel, tls_args=(mine, "localhost"))
        request = _commitment((head.SOPClassUID, head.SOPInstanceUID))
        status, _ = assoc.send_n_action(request, 1, StorageCommitmentPushModel, COMMITMENT)
        assert status.Status == 0x0000
        assert ours.reports.wait(lambda items: len(items) == 1)[0][0] == 1
        assoc.release()


def test_orthanc_refuses_who_has_no_certificate(secure: Secure) -> None:
    stranger = secure.mine.context(ssl.Purpose.SERVER_AUTH, present=False)
    for tls in (None, (stranger, "localhost")):
        ae = AE("OURS")
        ae.add_requested_context(Verification)
        started = time.monotonic()
        assoc = ae.associate("127.0.0.1", secure.setting.orthanc.port, ae_title="ORTHANC", tls_args=tls)
        assert time.monotonic() - started < QUICK
        assert assoc.is_aborted
        assert not assoc.is_established


def test_orthanc_over_tls_to_our_plain_server(secure: Secure) -> None:
    ours = Ours(secure.setting.orthanc)
    with serving(ours.ae, ours.handlers(), secure.setting.our_port) as number:
        started = time.monotonic()
        with pytest.raises(RefusedError):
            secure.setting.orthanc.rest("/modalities/ours/echo", {"Timeout": 3})
        assert time.monotonic() - started < QUICK
        client = AE("PLAIN")
        client.add_requested_context(Verification)
        assoc = client.associate("127.0.0.1", number)
        assert assoc.send_c_echo().Status == 0x0000
        assoc.release()
