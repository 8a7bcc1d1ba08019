"""DCMTK's clients and servers for everything but print and TLS: worklist, query/retrieve, storage, user identity."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from dcmtk_peers import Seen, dcmrecv, serving, wlmscpfs, worklist_item
from peers import dcmqrscp, port, require_program, run, storescp
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from workstation.net import AE, AllStoragePresentationContexts, build_role, evt
from workstation.net._globals import ALL_TRANSFER_SYNTAXES
from workstation.net.association import Association
from workstation.net.dimse_primitives import C_CANCEL
from workstation.net.pdu_primitives import (
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)
from workstation.net.sop_class import (
    CTImageStorage,
    EnhancedCTImageStorage,
    ModalityWorklistInformationFind,
    MRImageStorage,
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    PatientStudyOnlyQueryRetrieveInformationModelFind,
    PatientStudyOnlyQueryRetrieveInformationModelGet,
    PatientStudyOnlyQueryRetrieveInformationModelMove,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

FIND = {
    "-P": PatientRootQueryRetrieveInformationModelFind,
    "-S": StudyRootQueryRetrieveInformationModelFind,
    "-O": PatientStudyOnlyQueryRetrieveInformationModelFind,
}
MOVE = {
    "-P": PatientRootQueryRetrieveInformationModelMove,
    "-S": StudyRootQueryRetrieveInformationModelMove,
    "-O": PatientStudyOnlyQueryRetrieveInformationModelMove,
}
GET = {
    "-P": PatientRootQueryRetrieveInformationModelGet,
    "-S": StudyRootQueryRetrieveInformationModelGet,
    "-O": PatientStudyOnlyQueryRetrieveInformationModelGet,
}
UNCOMPRESSED = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]
PATIENCE = 20.0


def _keys(**values: str) -> Dataset:
    keys = Dataset()
    for keyword, value in values.items():
        setattr(keys, keyword, value)
    return keys


def _established(number: int, *uids: str, **options: Any) -> Association:
    ae = AE("OURS")
    for uid in uids:
        ae.add_requested_context(uid)
    assoc = ae.associate("127.0.0.1", number, **options)
    assert assoc.is_established, assoc.end_reason
    return assoc


def _chest(samples: Path, number: int = 10) -> list[Path]:
    return sorted((samples / "ct-chest").glob("*.dcm"))[:number]


def _cancelled(event: Any) -> bool:
    """Wait for the C-CANCEL of the operation that `event` serves."""
    end = time.monotonic() + PATIENCE
    while not event.is_cancelled:
        if time.monotonic() > end:
            return False
        time.sleep(0.002)  # the flag is all that a handler has
    return True


# ------------------------------------------------------------------- worklist
WORKLIST = [
    worklist_item(1, "CT", "20300115", "CT_ONE"),
    worklist_item(2, "MR", "20300115", "MR_ONE"),
    worklist_item(3, "CT", "20300116", "CT_ONE"),
    worklist_item(4, "CT", "20300201", "CT_TWO"),
]


def _worklist_query(**step: str) -> Dataset:
    query = _keys(PatientName="", PatientID="", AccessionNumber="", StudyInstanceUID="", RequestedProcedureID="")
    query.ScheduledProcedureStepSequence = [
        _keys(
            **{
                "Modality": "",
                "ScheduledStationAETitle": "",
                "ScheduledProcedureStepStartDate": "",
                "ScheduledProcedureStepStartTime": "",
                "ScheduledProcedureStepID": "",
                **step,
            }
        )
    ]
    return query


@pytest.fixture(scope="module")
def worklist_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with wlmscpfs(tmp_path_factory.mktemp("worklist"), WORKLIST, "-csk") as number:
        yield number


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({}, {"ACC1", "ACC2", "ACC3", "ACC4"}),
        ({"Modality": "CT"}, {"ACC1", "ACC3", "ACC4"}),
        ({"Modality": "CT", "ScheduledProcedureStepStartDate": "20300115"}, {"ACC1"}),
        ({"ScheduledProcedureStepStartDate": "20300116-"}, {"ACC3", "ACC4"}),
        (
            {"ScheduledProcedureStepStartDate": "20300115-20300116", "ScheduledStationAETitle": "CT_ONE"},
            {"ACC1", "ACC3"},
        ),
        ({"Modality": "US"}, set()),
    ],
)
def test_worklist_of_wlmscpfs(worklist_server: int, step: dict[str, str], expected: set[str]) -> None:
    assoc = _established(worklist_server, ModalityWorklistInformationFind, Verification, ae_title="WORKLIST")
    assert assoc.send_c_echo().Status == 0x0000
    found = list(assoc.send_c_find(_worklist_query(**step), ModalityWorklistInformationFind))
    assoc.release()
    assert assoc.is_released
    assert (found[-1][0].Status, found[-1][1]) == (0x0000, None)
    items = [item for status, item in found[:-1] if status.Status in (0xFF00, 0xFF01) and item is not None]
    assert {item.AccessionNumber for item in items} == expected
    assert len(items) == len(found) - 1
    for item in items:
        original = next(entry for entry in WORKLIST if entry.AccessionNumber == item.AccessionNumber)
        assert item.PatientName == original.PatientName  # in ISO 8859-1 on the wire
        assert item.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID == f"STEP{item.AccessionNumber[3:]}"


def test_worklist_of_wlmscpfs_is_cancelled(worklist_server: int) -> None:
    assoc = _established(worklist_server, ModalityWorklistInformationFind, ae_title="WORKLIST")
    found = assoc.send_c_find(_worklist_query(), ModalityWorklistInformationFind, msg_id=7)
    assoc.send_c_cancel(7, query_model=ModalityWorklistInformationFind)
    statuses = [status.Status for status, _ in found]
    assert statuses[-1] in (0xFE00, 0x0000)  # it may have been done before the cancel arrived
    again = list(assoc.send_c_find(_worklist_query(), ModalityWorklistInformationFind, msg_id=8))
    assert len(again) == 5
    assoc.release()
    assert assoc.is_released


def test_wlmscpfs_refuses_an_unknown_worklist(worklist_server: int) -> None:
    ae = AE("OURS")
    ae.add_requested_context(ModalityWorklistInformationFind)
    assoc = ae.associate("127.0.0.1", worklist_server, ae_title="NOWHERE")
    assert assoc.is_rejected
    assert not assoc.is_established


def test_findscu_asks_our_worklist(tmp_path: Path) -> None:
    asked: list[Dataset] = []

    def on_find(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        asked.append(event.identifier)
        wanted = event.identifier.ScheduledProcedureStepSequence[0].Modality
        for item in WORKLIST:
            if item.ScheduledProcedureStepSequence[0].Modality == wanted:
                yield 0xFF00, item

    ae = AE("OURS")
    ae.add_supported_context(ModalityWorklistInformationFind)
    with serving(ae, [(evt.EVT_C_FIND, on_find)]) as number:
        keys = ["-k", "PatientName", "-k", "ScheduledProcedureStepSequence[0].Modality=CT"]
        done = run("findscu", "-v", "-W", *keys, "-X", "-od", tmp_path, "127.0.0.1", number)
    assert done.returncode == 0, done.stderr
    assert asked[0].PatientName == ""
    answers = [dcmread(path) for path in sorted(tmp_path.glob("rsp*.dcm"))]
    assert [answer.AccessionNumber for answer in answers] == ["ACC1", "ACC3", "ACC4"]
    assert answers[0].PatientName == "Sørensen^Søren"
    assert answers[0].ScheduledProcedureStepSequence[0].ScheduledStationAETitle == "CT_ONE"


# ------------------------------------------------------------------- query, we are asked
@pytest.mark.parametrize("option", ["-xe", "-xb", "-xd", "-xi"])
@pytest.mark.parametrize("model", ["-P", "-S", "-O"])
def test_findscu(samples: Path, tmp_path: Path, model: str, option: str) -> None:
    seen: list[tuple[str, str, Dataset]] = []

    def on_find(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        seen.append((event.context.abstract_syntax, event.context.transfer_syntax, event.identifier))
        for path in ("mr-head/t1-01.dcm", "names/chinese.dcm", "names/hebrew.dcm"):
            ds = dcmread(samples / path, stop_before_pixels=True)
            answer = _keys(QueryRetrieveLevel="STUDY", StudyInstanceUID=ds.StudyInstanceUID, PatientID=ds.PatientID)
            answer.SpecificCharacterSet = ds.SpecificCharacterSet
            answer.PatientName = ds.PatientName
            yield 0xFF00, answer

    wanted = {
        "-xe": ExplicitVRLittleEndian,
        "-xb": ExplicitVRBigEndian,
        "-xd": DeflatedExplicitVRLittleEndian,
        "-xi": ImplicitVRLittleEndian,
    }[option]
    ae = AE("OURS")
    ae.add_supported_context(FIND[model], wanted)
    with serving(ae, [(evt.EVT_C_FIND, on_find)]) as number:
        keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", "PatientName=*a*", "-k", "PatientID", "-k", "StudyInstanceUID"]
        done = run("findscu", model, option, *keys, "-X", "-od", tmp_path, "127.0.0.1", number)
    assert done.returncode == 0, done.stderr
    assert [(abstract, transfer) for abstract, transfer, _ in seen] == [(FIND[model], wanted)]
    assert seen[0][2].PatientName == "*a*"
    assert seen[0][2].QueryRetrieveLevel == "STUDY"
    names = [str(dcmread(path).PatientName) for path in sorted(tmp_path.glob("rsp*.dcm"))]
    assert names == ["Yamada^Tarou=山田^太郎=やまだ^たろう", "Wang^XiaoDong=王^小东", "כהן^רבקה"]


def test_findscu_cancels() -> None:
    sent: list[int] = []
    noticed: list[bool] = []
    messages = Seen()

    def on_find(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        for number in range(3):
            sent.append(number)
            yield 0xFF00, _keys(QueryRetrieveLevel="STUDY", PatientID=f"P{number}")
        noticed.append(_cancelled(event))
        yield 0xFE00, None

    ae = AE("OURS")
    ae.add_supported_context(FIND["-S"])
    handlers = [(evt.EVT_C_FIND, on_find), (evt.EVT_DIMSE_RECV, lambda event: messages.add(event.message))]
    with serving(ae, handlers) as number:
        keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID"]
        done = run("findscu", "-v", "-S", "--cancel", 3, *keys, "127.0.0.1", number)
    assert done.returncode == 0, done.stderr
    assert sent == [0, 1, 2]
    assert noticed == [True]
    assert "Received Final Find Response (Cancel" in done.stderr, done.stderr
    assert sum(isinstance(message, C_CANCEL) for message in messages.items) == 1


@pytest.mark.parametrize(
    ("status", "word"), [(0xA700, "OutOfResources"), (0xA900, "DataSetDoesNotMatch"), (0xC001, "C001")]
)
def test_findscu_is_told_of_failures(status: int, word: str) -> None:
    def on_find(event: Any) -> Iterator[tuple[Dataset, None]]:
        answer = Dataset()
        answer.Status = status
        answer.ErrorComment = "not today"
        yield answer, None

    ae = AE("OURS")
    ae.add_supported_context(FIND["-P"])
    with serving(ae, [(evt.EVT_C_FIND, on_find)]) as number:
        done = run("findscu", "-v", "-d", "-P", "-k", "QueryRetrieveLevel=PATIENT", "127.0.0.1", number)
    told = (done.stdout + done.stderr).replace(" ", "").replace(":", "")
    assert word.lower() in told.lower(), told[-3000:]


# ------------------------------------------------------------------- retrieve, we are asked
def _found(samples: Path, identifier: Dataset) -> list[Dataset]:
    files = [dcmread(path) for path in (*_chest(samples, 4), samples / "mr-head-prior" / "01.dcm")]
    return [ds for ds in files if identifier.get("PatientID", ds.PatientID) == ds.PatientID]


@pytest.mark.parametrize("model", ["-P", "-S", "-O"])
def test_movescu_to_storescp(samples: Path, tmp_path: Path, model: str) -> None:
    seen: list[tuple[str, str, Dataset]] = []
    with storescp(tmp_path, "+xa") as destination:

        def on_move(event: Any) -> Iterator[Any]:
            seen.append((event.context.abstract_syntax, event.move_destination, event.identifier))
            found = _found(samples, event.identifier)
            yield "127.0.0.1", destination
            yield len(found)
            for ds in found:
                yield 0xFF00, ds

        ae = AE("OURS")
        ae.add_supported_context(MOVE[model])
        ae.requested_contexts = [
            c for c in AllStoragePresentationContexts if c.abstract_syntax in (CTImageStorage, MRImageStorage)
        ]
        with serving(ae, [(evt.EVT_C_MOVE, on_move)]) as number:
            keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID=DW-1001", "-k", "StudyInstanceUID=1.2.3"]
            done = run("movescu", "-v", "-d", model, "-aem", "STORESCP", *keys, "127.0.0.1", number)
    assert done.returncode == 0, done.stderr
    assert seen[0][:2] == (MOVE[model], "STORESCP")
    assert seen[0][2].StudyInstanceUID == "1.2.3"
    expected = {ds.SOPInstanceUID: ds for ds in _found(samples, Dataset())}
    stored = {ds.SOPInstanceUID: ds for ds in map(dcmread, tmp_path.iterdir())}
    assert stored.keys() == expected.keys()
    for uid, ds in stored.items():
        assert ds.PixelData == expected[uid].PixelData
        assert ds.PatientName == expected[uid].PatientName


def test_movescu_receives_itself(samples: Path, tmp_path: Path) -> None:
    """The client is its own destination: the sub-operations come in while it waits for our responses."""
    incoming = port()

    def on_move(event: Any) -> Iterator[Any]:
        found = _found(samples, event.identifier)
        yield "127.0.0.1", incoming
        yield len(found)
        for ds in found:
            yield 0xFF00, ds

    ae = AE("OURS")
    ae.add_supported_context(MOVE["-P"])
    ae.add_requested_context(CTImageStorage)
    ae.add_requested_context(MRImageStorage)
    with serving(ae, [(evt.EVT_C_MOVE, on_move)]) as number:
        keys = ["-k", "QueryRetrieveLevel=PATIENT", "-k", "PatientID=DW-1001"]
        done = run("movescu", "-P", "+P", incoming, "-od", tmp_path, *keys, "127.0.0.1", number)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.iterdir())) == len(_found(samples, Dataset()))


def test_movescu_cancels(samples: Path, tmp_path: Path) -> None:
    noticed: list[bool] = []
    with storescp(tmp_path) as destination:

        def on_move(event: Any) -> Iterator[Any]:
            yield "127.0.0.1", destination
            yield 10
            for path in _chest(samples, 2):
                yield 0xFF00, dcmread(path)
            noticed.append(_cancelled(event))
            yield 0xFE00, None

        ae = AE("OURS")
        ae.add_supported_context(MOVE["-S"])
        ae.add_requested_context(CTImageStorage)
        with serving(ae, [(evt.EVT_C_MOVE, on_move)]) as number:
            keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.3"]
            done = run("movescu", "-v", "-d", "-S", "--cancel", 2, *keys, "127.0.0.1", number)
    assert noticed == [True]
    assert len(list(tmp_path.iterdir())) == 2
    told = done.stdout + done.stderr
    assert "0xfe00" in told, told[-3000:]
    final = told[told.rindex("0xfe00") - 1500 :]
    assert "Remaining Suboperations       : 8" in final, final


def test_movescu_is_told_of_an_unknown_destination() -> None:
    def on_move(event: Any) -> Iterator[Any]:
        yield None, None

    ae = AE("OURS")
    ae.add_supported_context(MOVE["-S"])
    with serving(ae, [(evt.EVT_C_MOVE, on_move)]) as number:
        keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.3"]
        done = run("movescu", "-v", "-d", "-S", "-aem", "NOWHERE", *keys, "127.0.0.1", number)
    assert "0xa801" in done.stdout + done.stderr


def test_movescu_is_told_of_partial_failure(samples: Path, tmp_path: Path) -> None:
    """storescp was not offered the MR image: that one fails, the others are stored."""
    with storescp(tmp_path) as destination:

        def on_move(event: Any) -> Iterator[Any]:
            found = _found(samples, Dataset())
            yield "127.0.0.1", destination
            yield len(found)
            for ds in found:
                yield 0xFF00, ds

        ae = AE("OURS")
        ae.add_supported_context(MOVE["-S"])
        ae.add_requested_context(CTImageStorage)
        with serving(ae, [(evt.EVT_C_MOVE, on_move)]) as number:
            keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.3"]
            done = run("movescu", "-v", "-d", "-S", *keys, "127.0.0.1", number)
    told = done.stdout + done.stderr
    assert "0xb000" in told, told[-3000:]
    failed = dcmread(samples / "mr-head-prior" / "01.dcm", stop_before_pixels=True).SOPInstanceUID
    assert failed in told[told.index("0xb000") :]
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("model", ["-P", "-S", "-O"])
@pytest.mark.parametrize("option", ["-B", "+B"])
def test_getscu(samples: Path, tmp_path: Path, model: str, option: str) -> None:
    def on_get(event: Any) -> Iterator[Any]:
        found = _found(samples, event.identifier)
        yield len(found)
        for ds in found:
            yield 0xFF00, ds

    ae = AE("OURS")
    ae.add_supported_context(GET[model])
    for uid in (CTImageStorage, MRImageStorage):
        ae.add_supported_context(uid, scu_role=True, scp_role=True)
    with serving(ae, [(evt.EVT_C_GET, on_get)]) as number:
        keys = ["-k", "QueryRetrieveLevel=PATIENT", "-k", "PatientID=DW-1001"]
        done = run("getscu", "-v", model, option, "-od", tmp_path, *keys, "127.0.0.1", number)
    assert done.returncode == 0, done.stderr
    expected = {ds.SOPInstanceUID: ds for ds in _found(samples, Dataset())}
    stored = {ds.SOPInstanceUID: ds for ds in map(dcmread, tmp_path.iterdir())}
    assert stored.keys() == expected.keys()
    for uid, ds in stored.items():
        assert ds.PixelData == expected[uid].PixelData


def test_getscu_of_compressed_objects(samples: Path, tmp_path: Path) -> None:
    def on_get(event: Any) -> Iterator[Any]:
        yield 1
        yield 0xFF00, dcmread(samples / "jpegls-chest.dcm")

    ae = AE("OURS")
    ae.add_supported_context(GET["-S"])
    ae.add_supported_context(CTImageStorage, JPEGLSLossless, scu_role=True, scp_role=True)
    with serving(ae, [(evt.EVT_C_GET, on_get)]) as number:
        keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.3"]
        done = run("getscu", "-S", "+xt", "+B", "-od", tmp_path, *keys, "127.0.0.1", number)
    assert done.returncode == 0, done.stderr
    (stored,) = map(dcmread, tmp_path.iterdir())
    assert stored.file_meta.TransferSyntaxUID == JPEGLSLossless
    assert stored.PixelData == dcmread(samples / "jpegls-chest.dcm").PixelData


# ------------------------------------------------------------------- query and retrieve, we ask dcmqrscp
@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """dcmqrscp with two patients' images, and the port that it moves to as MOVEDEST."""
    samples = Path(__file__).resolve().parents[2] / "resources" / "samples"
    destination = port()
    with dcmqrscp(tmp_path_factory.mktemp("archive") / "qr", {"MOVEDEST": destination}) as number:
        files = [
            *_chest(samples),
            *sorted((samples / "mr-head-prior").glob("*.dcm")),
            *sorted((samples / "mr-head").glob("*.dcm")),
        ]
        assoc = _established(number, CTImageStorage, MRImageStorage, ae_title="QR")
        for path in files:
            assert assoc.send_c_store(dcmread(path)).Status == 0x0000
        assoc.release()
        yield number, destination


@pytest.fixture
def receiver(archive: tuple[int, int]) -> Iterator[Seen]:
    """A server of ours at MOVEDEST that keeps what arrives."""
    seen = Seen()

    def on_store(event: Any) -> int:
        seen.add((event.dataset, event.request))
        return 0x0000

    ae = AE("MOVEDEST")
    ae.add_supported_context(CTImageStorage)
    ae.add_supported_context(MRImageStorage)
    with serving(ae, [(evt.EVT_C_STORE, on_store)], archive[1]):
        yield seen


def test_hierarchical_queries_of_dcmqrscp(archive: tuple[int, int]) -> None:
    model = FIND["-P"]
    assoc = _established(archive[0], model, ae_title="QR")

    def ask(**keys: str) -> list[Dataset]:
        found = list(assoc.send_c_find(_keys(**keys), model))
        assert (found[-1][0].Status, found[-1][1]) == (0x0000, None)
        assert all(status.Status == 0xFF00 for status, _ in found[:-1])
        return [item for _, item in found if item is not None]

    patients = ask(QueryRetrieveLevel="PATIENT", PatientID="", PatientName="")
    assert sorted(item.PatientID for item in patients) == ["DW-1001", "DW-1002"]
    studies = ask(QueryRetrieveLevel="STUDY", PatientID="DW-1001", StudyInstanceUID="", StudyDate="")
    assert len(studies) == 2
    counts = {}
    for study in studies:
        uid = study.StudyInstanceUID
        for series in ask(
            QueryRetrieveLevel="SERIES", PatientID="DW-1001", StudyInstanceUID=uid, SeriesInstanceUID="", Modality=""
        ):
            images = ask(
                QueryRetrieveLevel="IMAGE",
                PatientID="DW-1001",
                StudyInstanceUID=uid,
                SeriesInstanceUID=series.SeriesInstanceUID,
                SOPInstanceUID="",
                InstanceNumber="",
            )
            assert len({image.SOPInstanceUID for image in images}) == len(images)
            counts[series.Modality] = len(images)
    assert counts == {"CT": 10, "MR": 3}
    assoc.release()
    assert assoc.is_released


def test_relational_query_of_dcmqrscp_is_refused(archive: tuple[int, int]) -> None:
    model = FIND["-P"]
    relational = SOPClassExtendedNegotiation()
    relational.sop_class_uid = model
    relational.service_class_application_information = b"\x01"
    assoc = _established(archive[0], model, ae_title="QR", ext_neg=[relational])
    assert assoc.acceptor.sop_class_extended == {}  # dcmqrscp has no relational queries
    found = list(assoc.send_c_find(_keys(QueryRetrieveLevel="IMAGE", SOPInstanceUID=""), model))
    assert len(found) == 1
    assert found[0][0].Status >= 0xA700
    assert found[0][1] is None
    assert assoc.is_established
    assoc.release()


@pytest.mark.parametrize("model", ["-P", "-S", "-O"])
def test_get_from_dcmqrscp(archive: tuple[int, int], model: str) -> None:
    got: list[Dataset] = []

    def on_store(event: Any) -> int:
        got.append(event.dataset)
        return 0x0000

    assoc = _established(
        archive[0],
        GET[model],
        CTImageStorage,
        MRImageStorage,
        ae_title="QR",
        ext_neg=[build_role(uid, scp_role=True) for uid in (CTImageStorage, MRImageStorage)],
        evt_handlers=[(evt.EVT_C_STORE, on_store)],
    )
    keys = _keys(QueryRetrieveLevel="STUDY", PatientID="DW-1002")
    keys.StudyInstanceUID = _study(archive[0], "DW-1002")
    if model == "-S":
        del keys.PatientID
    responses = [status for status, _ in assoc.send_c_get(keys, GET[model])]
    assoc.release()
    assert responses[-1].Status == 0x0000
    assert responses[-1].NumberOfCompletedSuboperations == 12
    assert [status.NumberOfCompletedSuboperations for status in responses[:-1]] == list(range(1, len(responses)))
    assert len({ds.SOPInstanceUID for ds in got}) == 12
    assert all(ds.PatientID == "DW-1002" for ds in got)


def _study(number: int, patient: str) -> str:
    assoc = _established(number, FIND["-S"], ae_title="QR")
    found = list(
        assoc.send_c_find(_keys(QueryRetrieveLevel="STUDY", PatientID=patient, StudyInstanceUID=""), FIND["-S"])
    )
    assoc.release()
    assert found[0][1] is not None
    return str(found[0][1].StudyInstanceUID)


def test_get_from_dcmqrscp_with_refused_sub_operations(archive: tuple[int, int]) -> None:
    """One of the two series is refused by our handler, half way."""
    got: list[str] = []

    def on_store(event: Any) -> int:
        got.append(event.dataset.SOPInstanceUID)
        return 0x0000 if len(got) % 2 else 0xA700

    assoc = _established(
        archive[0],
        GET["-S"],
        MRImageStorage,
        ae_title="QR",
        ext_neg=[build_role(MRImageStorage, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, on_store)],
    )
    keys = _keys(QueryRetrieveLevel="STUDY", StudyInstanceUID=_study(archive[0], "DW-1002"))
    responses = list(assoc.send_c_get(keys, GET["-S"]))
    assoc.release()
    status, identifier = responses[-1]
    assert status.Status == 0xB000
    assert status.NumberOfCompletedSuboperations == 6
    assert status.NumberOfFailedSuboperations == 6
    assert identifier is not None
    assert sorted(identifier.FailedSOPInstanceUIDList) == sorted(got[1::2])


@pytest.mark.parametrize("model", ["-P", "-S", "-O"])
def test_move_from_dcmqrscp(archive: tuple[int, int], receiver: Seen, model: str) -> None:
    assoc = _established(archive[0], MOVE[model], ae_title="QR")
    keys = _keys(QueryRetrieveLevel="STUDY", PatientID="DW-1002", StudyInstanceUID=_study(archive[0], "DW-1002"))
    if model == "-S":
        del keys.PatientID
    responses = [status for status, _ in assoc.send_c_move(keys, "MOVEDEST", MOVE[model], msg_id=77)]
    assoc.release()
    assert responses[-1].Status == 0x0000
    assert responses[-1].NumberOfCompletedSuboperations == 12
    arrived = receiver.wait(lambda items: len(items) == 12)
    assert {request.MoveOriginatorApplicationEntityTitle.strip() for _, request in arrived} == {"OURS"}
    assert {request.MoveOriginatorMessageID for _, request in arrived} == {77}
    assert len({ds.SOPInstanceUID for ds, _ in arrived}) == 12


def test_move_from_dcmqrscp_to_an_unknown_destination(archive: tuple[int, int]) -> None:
    assoc = _established(archive[0], MOVE["-S"], ae_title="QR")
    keys = _keys(QueryRetrieveLevel="STUDY", StudyInstanceUID=_study(archive[0], "DW-1001"))
    responses = [status for status, _ in assoc.send_c_move(keys, "NOWHERE", MOVE["-S"])]
    assert [status.Status for status in responses] == [0xA801]
    assert assoc.is_established
    assoc.release()


def test_move_from_dcmqrscp_is_cancelled(archive: tuple[int, int]) -> None:
    """The destination holds the second image back until the cancel is out."""
    arrived = Seen()
    cancelled = threading.Event()

    def on_store(event: Any) -> int:
        arrived.add(event.dataset.SOPInstanceUID)
        if len(arrived.items) == 2:
            assert cancelled.wait(PATIENCE)
        return 0x0000

    ae = AE("MOVEDEST")
    ae.add_supported_context(MRImageStorage)
    with serving(ae, [(evt.EVT_C_STORE, on_store)], archive[1]):
        assoc = _established(archive[0], MOVE["-S"], ae_title="QR")
        keys = _keys(QueryRetrieveLevel="STUDY", StudyInstanceUID=_study(archive[0], "DW-1002"))
        responses = assoc.send_c_move(keys, "MOVEDEST", MOVE["-S"], msg_id=9)
        statuses = [next(responses)[0]]
        assert statuses[0].Status == 0xFF00
        assoc.send_c_cancel(9, query_model=MOVE["-S"])
        cancelled.set()
        statuses += [status for status, _ in responses]
        assert statuses[-1].Status == 0xFE00
        assert statuses[-1].NumberOfRemainingSuboperations > 0
        assert len(arrived.items) < 12
        assert assoc.is_established
        assoc.release()


def test_get_from_dcmqrscp_is_cancelled(archive: tuple[int, int]) -> None:
    got: list[str] = []

    def on_store(event: Any) -> int:
        got.append(event.dataset.SOPInstanceUID)
        return 0x0000

    assoc = _established(
        archive[0],
        GET["-S"],
        MRImageStorage,
        ae_title="QR",
        ext_neg=[build_role(MRImageStorage, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, on_store)],
    )
    keys = _keys(QueryRetrieveLevel="STUDY", StudyInstanceUID=_study(archive[0], "DW-1002"))
    responses = assoc.send_c_get(keys, GET["-S"], msg_id=5)
    statuses = [next(responses)[0]]
    assoc.send_c_cancel(5, query_model=GET["-S"])
    statuses += [status for status, _ in responses]
    assert statuses[-1].Status == 0xFE00
    assert len(got) < 12
    assert statuses[-1].NumberOfRemainingSuboperations + len(got) == 12
    assert assoc.is_established
    assoc.release()


# ------------------------------------------------------------------- storage
@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path], Path]:
    """The same image in another transfer syntax, made with DCMTK's tools."""
    folder = tmp_path_factory.mktemp("converted")
    commands = {
        ExplicitVRBigEndian: ("dcmconv", "+tb"),
        DeflatedExplicitVRLittleEndian: ("dcmconv", "+td"),
        ImplicitVRLittleEndian: ("dcmconv", "+ti"),
        ExplicitVRLittleEndian: ("dcmconv", "+te"),
        JPEGLosslessSV1: ("dcmcjpeg", "+e1"),
        JPEGBaseline8Bit: ("dcmcjpeg", "+eb"),
        JPEGExtended12Bit: ("dcmcjpeg", "+ee", "+bt"),
        JPEGLSLossless: ("dcmcjpls", "+el"),
        JPEGLSNearLossless: ("dcmcjpls", "+en"),
        RLELossless: ("dcmcrle",),
    }

    def convert(syntax: str, path: Path) -> Path:
        target = folder / f"{path.stem}-{syntax}.dcm"
        if not target.exists():
            done = run(*commands[syntax], path, target)  # type: ignore[index]
            assert done.returncode == 0, done.stderr
        return target

    return convert


def _body(path: Path) -> bytes:
    """The data set's bytes as they are in a file."""
    with path.open("rb") as file:
        meta = dcmread(file, specific_tags=[], stop_before_pixels=True).file_meta
    return path.read_bytes()[128 + 4 + 12 + meta.FileMetaInformationGroupLength :]


OPTIONS = [
    (ImplicitVRLittleEndian, "-xi", "+xi"),
    (ExplicitVRLittleEndian, "-xe", "+xe"),
    (ExplicitVRBigEndian, "-xb", "+xb"),
    (DeflatedExplicitVRLittleEndian, "-xd", "+xd"),
    (JPEGLosslessSV1, "-xs", "+xs"),
    (JPEGBaseline8Bit, "-xy", "+xy"),
    (JPEGExtended12Bit, "-xx", "+xx"),
    (JPEGLSLossless, "-xt", "+xt"),
    (JPEGLSNearLossless, "-xu", "+xu"),
    (RLELossless, "-xr", "+xr"),
]


@pytest.mark.parametrize(("syntax", "option", "_"), OPTIONS, ids=lambda value: getattr(value, "keyword", ""))
def test_storescu_in_every_syntax(
    samples: Path, converted: Callable[[str, Path], Path], syntax: str, option: str, _: str
) -> None:
    path = converted(syntax, samples / ("us-heart.dcm" if syntax == JPEGBaseline8Bit else "ct-chest/01.dcm"))
    stored: list[tuple[str, Dataset]] = []

    def on_store(event: Any) -> int:
        stored.append((event.context.transfer_syntax, event.dataset))
        return 0x0000

    ae = AE("OURS")
    original = dcmread(path)
    ae.add_supported_context(original.SOPClassUID, syntax)
    with serving(ae, [(evt.EVT_C_STORE, on_store)]) as number:
        done = run("storescu", "-v", "-R", option, "127.0.0.1", number, path)
    assert done.returncode == 0, done.stderr
    ((transfer, ds),) = stored
    assert transfer == syntax
    assert ds.PixelData == original.PixelData
    assert ds.PatientName == original.PatientName
    assert ds == original


@pytest.mark.parametrize(("syntax", "_", "option"), OPTIONS, ids=lambda value: getattr(value, "keyword", ""))
@pytest.mark.parametrize("streamed", [False, True], ids=["decoded", "streamed"])
def test_to_storescp_in_every_syntax(
    samples: Path,
    tmp_path: Path,
    converted: Callable[[str, Path], Path],
    syntax: str,
    _: str,
    option: str,
    streamed: bool,
) -> None:
    path = converted(syntax, samples / ("us-heart.dcm" if syntax == JPEGBaseline8Bit else "ct-chest/01.dcm"))
    original = dcmread(path)
    ae = AE("OURS")
    ae.add_requested_context(original.SOPClassUID, syntax)
    with storescp(tmp_path, "+B", option) as number:
        assoc = ae.associate("127.0.0.1", number)
        assert assoc.is_established, assoc.end_reason
        assert assoc.send_c_store(path if streamed else dcmread(path), streamed=streamed).Status == 0x0000
        assoc.release()
        assert assoc.is_released
    (kept,) = tmp_path.iterdir()
    assert dcmread(kept).file_meta.TransferSyntaxUID == syntax
    if streamed:
        assert _body(kept) == _body(path)
    assert dcmread(kept) == original


@pytest.mark.parametrize("pdu", [4096, 131072])
def test_pdus_for_storescp_keep_to_its_maximum(samples: Path, tmp_path: Path, pdu: int) -> None:
    sizes: list[int] = []
    original = dcmread(samples / "us-heart.dcm")
    ae = AE("OURS")
    ae.add_requested_context(original.SOPClassUID, ExplicitVRLittleEndian)
    with storescp(tmp_path, "+B", "-pdu", str(pdu)) as number:
        handlers = [(evt.EVT_DATA_SENT, lambda event: sizes.append(len(event.data)))]
        assoc = ae.associate("127.0.0.1", number, evt_handlers=handlers)
        assert assoc.acceptor.maximum_length == pdu
        assert assoc.send_c_store(samples / "us-heart.dcm", streamed=True).Status == 0x0000
        assoc.release()
    assert max(sizes) <= pdu + 6
    assert max(sizes) > pdu - 8  # and make use of it
    (kept,) = tmp_path.iterdir()
    assert _body(kept) == _body(samples / "us-heart.dcm")


@pytest.mark.parametrize(
    ("maximum", "option", "limit"), [(4096, [], 4096), (131072, ["--max-send-pdu", "4096"], 4096), (0, [], 131072)]
)
def test_storescu_keeps_to_our_maximum(samples: Path, maximum: int, option: list[str], limit: int) -> None:
    sizes: list[int] = []
    stored: list[bytes] = []

    def on_store(event: Any) -> int:
        stored.append(event.encoded_dataset(include_meta=False))
        return 0x0000

    ae = AE("OURS")
    ae.maximum_pdu_size = maximum
    ae.add_supported_context(
        dcmread(samples / "us-heart.dcm", stop_before_pixels=True).SOPClassUID, ExplicitVRLittleEndian
    )
    handlers = [
        (evt.EVT_C_STORE, on_store),
        (evt.EVT_PDU_RECV, lambda event: None),
        (evt.EVT_DATA_RECV, lambda event: sizes.append(len(event.data))),
    ]
    with serving(ae, handlers) as number:
        done = run("storescu", "-R", *option, "127.0.0.1", number, samples / "us-heart.dcm")
    assert done.returncode == 0, done.stderr
    assert max(sizes) <= limit + 6
    assert len(stored[0]) == len(_body(samples / "us-heart.dcm"))


def test_many_storescu_at_once(samples: Path) -> None:
    stored = Seen()

    def on_store(event: Any) -> int:
        stored.add(event.request.AffectedSOPInstanceUID)
        return 0x0000

    ae = AE("OURS")
    ae.maximum_associations = 16
    ae.add_supported_context(CTImageStorage)
    with serving(ae, [(evt.EVT_C_STORE, on_store)]) as number, ThreadPoolExecutor(16) as pool:
        runs = [pool.submit(run, "storescu", "-R", "+II", "127.0.0.1", number, *_chest(samples)) for _ in range(16)]
        failed = [done.result().stderr for done in runs if done.result().returncode]
    assert not failed
    assert len(stored.items) == len(set(stored.items)) == 160


def test_many_associations_with_one_storescp(samples: Path, tmp_path: Path) -> None:
    files = _chest(samples)
    with storescp(tmp_path, "--fork", "+uf", "+B") as number, ThreadPoolExecutor(12) as pool:

        def send(_: int) -> list[int]:
            assoc = _established(number, CTImageStorage)
            statuses = [int(assoc.send_c_store(dcmread(path)).Status) for path in files]
            assoc.release()
            assert assoc.is_released
            return statuses

        assert [status for statuses in pool.map(send, range(12)) for status in statuses] == [0x0000] * 120
    assert len(list(tmp_path.iterdir())) == 120


def test_one_association_too_many(samples: Path) -> None:
    """DCMTK is told that it is one too many, and is served once there is room."""
    storing, go_on = threading.Event(), threading.Event()

    def on_store(event: Any) -> int:
        storing.set()
        assert go_on.wait(PATIENCE)
        return 0x0000

    ae = AE("OURS")
    ae.maximum_associations = 1
    ae.add_supported_context(CTImageStorage)
    ae.add_supported_context(Verification)
    with serving(ae, [(evt.EVT_C_STORE, on_store)]) as number, ThreadPoolExecutor(1) as pool:
        first = pool.submit(run, "storescu", "-R", "127.0.0.1", number, *_chest(samples, 1))
        assert storing.wait(PATIENCE)
        second = run("echoscu", "-v", "127.0.0.1", number)
        go_on.set()
        assert first.result().returncode == 0, first.result().stderr
        assert second.returncode != 0
        assert "Local Limit Exceeded" in second.stderr, second.stderr
        assert "Rejected Transient" in second.stderr, second.stderr


def test_storescu_is_told_our_statuses(samples: Path) -> None:
    """A warning goes on, a failure halts, --no-halt goes on over failures."""
    statuses = iter([0xB000, 0x0000, 0xA700, 0xC123, 0x0000, 0x0124])
    ae = AE("OURS")
    ae.add_supported_context(CTImageStorage)
    with serving(ae, [(evt.EVT_C_STORE, lambda event: next(statuses))]) as number:
        halted = run("storescu", "-v", "-R", "127.0.0.1", number, *_chest(samples, 4))
        went_on = run("storescu", "-v", "-R", "-nh", "127.0.0.1", number, *_chest(samples, 3))
    assert halted.stderr.count("Received Store Response") == 3
    assert "Warning: CoercionOfDataElements" in halted.stderr
    assert "Refused: OutOfResources" in halted.stderr
    assert went_on.stderr.count("Received Store Response") == 3
    assert "Error: CannotUnderstand" in went_on.stderr


def test_dcmsend(samples: Path, tmp_path: Path) -> None:
    """DCMTK's newer client: everything that we have, each class and syntax in its own context."""
    stored: list[tuple[str, str]] = []

    def on_store(event: Any) -> int:
        stored.append((event.request.AffectedSOPInstanceUID, event.context.transfer_syntax))
        return 0x0000

    ae = AE("OURS")
    for context in AllStoragePresentationContexts:
        ae.add_supported_context(context.abstract_syntax or "", ALL_TRANSFER_SYNTAXES)
    with serving(ae, [(evt.EVT_C_STORE, on_store)]) as number:
        report = tmp_path / "report.txt"
        done = run("dcmsend", "-v", "+sd", "+r", "+sp", "*.dcm", "-dn", "+crf", report, "127.0.0.1", number, samples)
    assert done.returncode == 0, done.stderr
    files = {
        dcmread(p, stop_before_pixels=True).SOPInstanceUID: dcmread(p).file_meta.TransferSyntaxUID
        for p in samples.rglob("*.dcm")
    }
    assert len(stored) == len(files)
    assert {uid for uid, _ in stored} == files.keys()
    for uid, transfer in stored:
        if files[uid].is_compressed:
            assert transfer == files[uid]


def test_dcmrecv(samples: Path, tmp_path: Path) -> None:
    files = [path for path in samples.rglob("*.dcm") if not dcmread(path).file_meta.TransferSyntaxUID.is_compressed]
    classes = sorted({dcmread(path, stop_before_pixels=True).SOPClassUID for path in files})
    ae = AE("OURS")
    for uid in [*classes, EnhancedCTImageStorage]:
        ae.add_requested_context(uid)
    with dcmrecv(tmp_path, classes, "-uca") as number:
        assoc = ae.associate("127.0.0.1", number, ae_title="ANYTHING")
        assert assoc.is_established, assoc.end_reason
        assert [context.abstract_syntax for context in assoc.rejected_contexts] == [EnhancedCTImageStorage]
        for path in files:
            assert assoc.send_c_store(path).Status == 0x0000
        assoc.release()
        assert assoc.is_released
    kept = {ds.SOPInstanceUID: ds for ds in map(dcmread, (tmp_path / "stored").iterdir())}
    for path in files:
        ds = dcmread(path)
        assert kept[ds.SOPInstanceUID].get("PixelData") == ds.get("PixelData")
        assert kept[ds.SOPInstanceUID].PatientName == ds.PatientName


# ------------------------------------------------------------------- negotiation
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["-usr", "jane"], (1, b"jane", b"")),
        (["-usr", "jane", "-pwd", "secret"], (2, b"jane", b"secret")),
        (["-usr", "jane", "-epw"], (2, b"jane", b"")),
        (["--kerberos", "TICKET"], (3, b"a ticket", b"")),
        (["--saml", "TICKET", "-rsp"], (4, b"a ticket", b"")),
        (["--jwt", "TICKET", "-rsp"], (5, b"a ticket", b"")),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_storescus_user_identity(
    samples: Path, tmp_path: Path, options: list[str], expected: tuple[int, bytes, bytes]
) -> None:
    ticket = tmp_path / "ticket"
    ticket.write_bytes(b"a ticket")
    seen: list[tuple[int, bytes, bytes]] = []

    def on_user(event: Any) -> tuple[bool, bytes | None]:
        seen.append((event.user_id_type, event.primary_field, event.secondary_field or b""))
        return len(seen) == 1, b"welcome" if "-rsp" in options else None

    arguments = [str(ticket) if option == "TICKET" else option for option in options]
    ae = AE("OURS")
    ae.add_supported_context(CTImageStorage)
    handlers = [(evt.EVT_USER_ID, on_user), (evt.EVT_C_STORE, lambda event: 0x0000)]
    with serving(ae, handlers) as number:
        welcome = run("storescu", "-d", "-R", *arguments, "127.0.0.1", number, *_chest(samples, 1))
        refused = run("storescu", "-d", "-R", *arguments, "127.0.0.1", number, *_chest(samples, 1))
        anonymous = run("storescu", "-R", "127.0.0.1", number, *_chest(samples, 1))
    assert welcome.returncode == 0, welcome.stderr
    assert seen == [expected] * 2
    assert refused.returncode != 0
    assert "Association Rejected" in refused.stderr
    assert anonymous.returncode == 0, anonymous.stderr


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_our_user_identity_to_storescp(samples: Path, tmp_path: Path, kind: int) -> None:
    """storescp knows the item and ignores it; it never answers it."""
    identity = UserIdentityNegotiation()
    identity.user_identity_type = kind
    identity.primary_field = b"jane"
    if kind == 2:
        identity.secondary_field = b"secret"
    identity.positive_response_requested = True
    with storescp(tmp_path) as number:
        assoc = _established(number, CTImageStorage, ext_neg=[identity])
        assert assoc.send_c_store(dcmread(_chest(samples, 1)[0])).Status == 0x0000
        assoc.release()
    assert assoc.acceptor.user_identity is None


# ------------------------------------------------------------------- what peers do
@pytest.fixture
def echo_server() -> Iterator[tuple[int, Seen]]:
    seen = Seen()
    ae = AE("OURS")
    ae.add_supported_context(Verification)
    ae.add_supported_context(CTImageStorage)
    ae.add_supported_context(FIND["-S"])

    def on_find(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        yield 0xFF00, _keys(QueryRetrieveLevel="STUDY", PatientID="P")

    def on_store(event: Any) -> int:
        seen.add("stored")
        return 0x0000

    events = (evt.EVT_ABORTED, evt.EVT_RELEASED, evt.EVT_CONN_CLOSE, evt.EVT_REJECTED)
    handlers = [(event, lambda e: seen.add(e.event.name)) for event in events]
    with serving(ae, [*handlers, (evt.EVT_C_STORE, on_store), (evt.EVT_C_FIND, on_find)]) as number:
        yield number, seen
        assert run("echoscu", "127.0.0.1", number).returncode == 0  # whatever happened, it goes on


@pytest.mark.parametrize("client", ["echoscu", "storescu", "findscu"])
def test_clients_that_abort(echo_server: tuple[int, Seen], samples: Path, client: str) -> None:
    number, seen = echo_server
    arguments: list[object] = {
        "echoscu": ["127.0.0.1", number],
        "storescu": ["127.0.0.1", number, *_chest(samples, 2)],
        "findscu": ["-S", "-k", "QueryRetrieveLevel=STUDY", "127.0.0.1", number],
    }[client]
    done = run(client, "-v", "--abort", *arguments)
    assert done.returncode == 0, done.stderr
    assert "Aborting Association" in done.stderr
    names = seen.wait(lambda items: "EVT_ABORTED" in items)
    assert "EVT_RELEASED" not in names


def test_echoscu_with_everything_that_it_can_propose(echo_server: tuple[int, Seen]) -> None:
    number, seen = echo_server
    done = run("echoscu", "-v", "-pts", 38, "-ppc", 128, "-pdu", 131072, "--repeat", 20, "127.0.0.1", number)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Received Echo Response (Success)") == 20
    assert "EVT_RELEASED" in seen.wait(lambda items: "EVT_RELEASED" in items)


def test_termscu_does_not_terminate_us(echo_server: tuple[int, Seen]) -> None:
    number, seen = echo_server
    run("termscu", "-v", "127.0.0.1", number)
    seen.wait(lambda items: "EVT_CONN_CLOSE" in items)


@pytest.mark.parametrize("option", ["--abort-after", "--abort-during", "--refuse"])
def test_storescp_that_does_not_behave(samples: Path, tmp_path: Path, option: str) -> None:
    ae = AE("OURS")
    ae.add_requested_context(CTImageStorage)
    started = time.monotonic()
    with storescp(tmp_path, option) as number:
        assoc = ae.associate("127.0.0.1", number)
        if option == "--refuse":
            assert assoc.is_rejected
        else:
            assert assoc.is_established
            assert "Status" not in assoc.send_c_store(dcmread(_chest(samples, 1)[0]))
            assert assoc.over.wait(PATIENCE)
            assert assoc.is_aborted
    assert time.monotonic() - started < 25  # the server's own start and end are in it


def test_a_client_that_is_killed(echo_server: tuple[int, Seen], samples: Path) -> None:
    number, seen = echo_server
    files = [str(path) for path in _chest(samples)]
    client = subprocess.Popen(
        [require_program("storescu"), "--repeat", "100000", "127.0.0.1", str(number), *files], stderr=subprocess.DEVNULL
    )
    try:
        seen.wait(lambda items: items.count("stored") > 20)
    finally:
        client.kill()
        client.wait(10)
    names = seen.wait(lambda items: "EVT_ABORTED" in items and "EVT_CONN_CLOSE" in items)
    assert "EVT_RELEASED" not in names
