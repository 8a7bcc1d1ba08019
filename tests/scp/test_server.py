"""The test server over real sockets: our own client, and DCMTK's."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from rules_kit import answering, delaying, faulty
from scp_objects import BIG_ENDIAN, CT, EXPLICIT, IMPLICIT, encode, files_of, make_object, store

from workstation.net import AE, build_context, build_role, dsutils, evt
from workstation.net.association import Association
from workstation.net.codec.dimse import C_FIND_RQ, C_STORE_RQ, Message, encode_command
from workstation.net.codec.pdu import P_DATA_TF, PDV, encode_pdu
from workstation.net.pdu_primitives import SOPClassExtendedNegotiation
from workstation.scp.archive.archive import Archive
from workstation.scp.ledger import Ledger
from workstation.scp.profiles import Profile
from workstation.scp.query.levels import Level, Model
from workstation.scp.rules.rule import Rule
from workstation.scp.server import TestServer

VERIFICATION = "1.2.840.10008.1.1"
PATIENT_FIND, PATIENT_MOVE, PATIENT_GET = (f"1.2.840.10008.5.1.4.1.2.1.{number}" for number in (1, 2, 3))
STUDY_FIND, STUDY_MOVE, STUDY_GET = (f"1.2.840.10008.5.1.4.1.2.2.{number}" for number in (1, 2, 3))
DEFLATED = "1.2.840.10008.1.2.1.99"
PROGRESS = 10.0
IN_USE = r"in use|10048"


@pytest.fixture
def destinations() -> dict[str, tuple[str, int]]:
    return {}


@pytest.fixture
def server(
    archive: Archive, ledger: Ledger, free_port: int, destinations: dict[str, tuple[str, int]]
) -> Iterator[TestServer]:
    made = TestServer(Profile(port=free_port, network_timeout=20), archive, ledger, destinations.get)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def connect(server: TestServer) -> Iterator[Callable[..., Association]]:
    """Associate with the server; everything is released at the end."""
    made: list[Association] = []

    def associate(
        *sop_classes: str, called: str = "WORKSTATION", calling: str = "TESTER", **options: Any
    ) -> Association:
        assert server.address is not None
        ae = AE(ae_title=calling)
        ae.requested_contexts = [build_context(uid) for uid in sop_classes or (VERIFICATION,)]
        made.append(ae.associate(*server.address, ae_title=called, **options))
        return made[-1]

    yield associate
    for association in made:
        if association.is_established:
            association.release()


def keys(level: str, **values: object) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    for keyword, value in values.items():
        setattr(identifier, keyword, value)
    return identifier


def fill(archive: Archive, count: int = 20) -> None:
    for number in range(count):
        assert store(archive, make_object(number)).status == 0


def send_raw(association: Association, request: Message, data: bytes, *, is_last: bool) -> None:
    """Send a request on the first context, with any bytes as data set."""
    pdvs = (
        PDV(context_id=1, is_command=True, is_last=True, data=encode_command(request)),
        PDV(context_id=1, is_command=False, is_last=is_last, data=data),
    )
    # What no function of the API would send.
    association._connection._socket.sendall(encode_pdu(P_DATA_TF(pdvs=pdvs)))  # type: ignore[union-attr]


# the server itself


def test_it_listens_where_the_settings_say_until_stopped(
    server: TestServer, connect: Callable[..., Association]
) -> None:
    assert server.running
    assert server.address == ("127.0.0.1", server.profile.port)
    association = connect()
    assert association.send_c_echo().Status == 0x0000
    server.stop()
    assert (server.running, server.address) == (False, None)
    association.over.wait(PROGRESS)
    assert association.is_aborted
    server.start()
    assert connect().send_c_echo().Status == 0x0000


def test_a_taken_port_is_an_os_error(server: TestServer, archive: Archive, ledger: Ledger) -> None:
    second = TestServer(server.profile, archive, ledger, lambda _: None)
    with pytest.raises(OSError, match=IN_USE):
        second.start()
    assert not second.running


def test_another_port_applies_at_once_and_a_taken_one_changes_nothing(
    server: TestServer, archive: Archive, ledger: Ledger, connect: Callable[..., Association]
) -> None:
    other = TestServer(replace(server.profile, port=_another_port()), archive, ledger, lambda _: None)
    other.start()
    with pytest.raises(OSError, match=IN_USE):
        server.apply(other.profile)
    assert connect().send_c_echo().Status == 0x0000
    taken = other.profile.port
    other.stop()
    server.apply(replace(server.profile, port=taken))
    assert server.address == ("127.0.0.1", taken)
    assert connect().send_c_echo().Status == 0x0000


def _another_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("values", "called", "calling", "rejection"),
    [
        ({}, "ANYTHING", "ANYBODY", None),
        ({"require_called": True}, "WORKSTATION", "ANYBODY", None),
        ({"require_called": True}, "ANYTHING", "ANYBODY", (1, 1, 7)),
        ({"require_calling": ("MODALITY", "TESTER")}, "X", "TESTER", None),
        ({"require_calling": ("MODALITY",)}, "X", "TESTER", (1, 1, 3)),
        (
            {"rules": (faulty("A-ASSOCIATE", "reject", result=2, source=3, reason=1),)},
            "WORKSTATION",
            "TESTER",
            (2, 3, 1),
        ),
    ],
)
def test_admission(
    server: TestServer,
    connect: Callable[..., Association],
    values: dict[str, Any],
    called: str,
    calling: str,
    rejection: tuple[int, int, int] | None,
) -> None:
    server.apply(replace(server.profile, **values))
    association = connect(called=called, calling=calling)
    if rejection is None:
        assert association.is_established
    else:
        assert association.rejection is not None
        sent = association.rejection
        assert (sent.result, sent.source, sent.reason) == rejection


def test_notification_handlers_see_both_ends_of_a_move(
    archive: Archive, ledger: Ledger, free_port: int, destinations: dict[str, tuple[str, int]]
) -> None:
    seen: list[tuple[str, str]] = []
    server = TestServer(
        Profile(port=free_port),
        archive,
        ledger,
        lambda _: ("127.0.0.1", free_port),
        [(evt.EVT_ESTABLISHED, lambda event: seen.append((event.name, event.assoc.mode)))],
    )
    server.start()
    fill(archive, 2)
    ae = AE("TESTER")
    ae.requested_contexts = [build_context(STUDY_MOVE)]
    association = ae.associate("127.0.0.1", free_port)
    *_, (status, _) = association.send_c_move(keys("STUDY", StudyInstanceUID="1.2.0"), "ITSELF", STUDY_MOVE)
    association.release()
    server.stop()
    assert status.Status == 0x0000
    assert sorted(seen) == [
        ("EVT_ESTABLISHED", "acceptor"),
        ("EVT_ESTABLISHED", "acceptor"),
        ("EVT_ESTABLISHED", "requestor"),
    ]


# storage


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, "1.2.840.10008.1.2.4.90"])
def test_what_is_sent_is_stored_byte_for_byte(
    archive: Archive, connect: Callable[..., Association], tmp_path: Path, syntax: str
) -> None:
    image = make_object(1)
    path = tmp_path / "sent.dcm"
    sink = archive.new_sink(CT, image.SOPInstanceUID, syntax)
    sink.write(memoryview(encode(image, syntax)))
    sink.complete(durable=False)
    path.write_bytes(sink.path.read_bytes())
    sink.discard()
    association = connect(contexts=[build_context(CT, syntax)])
    assert association.send_c_store(path, streamed=True).Status == 0x0000
    (stored,) = files_of(archive)
    assert stored.read_bytes().endswith(encode(image, syntax))
    assert pydicom.dcmread(stored).file_meta.SourceApplicationEntityTitle == "TESTER"


def test_a_bad_object_gets_a_status_and_a_sentence(archive: Archive, connect: Callable[..., Association]) -> None:
    image = make_object(1)
    del image.StudyInstanceUID
    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = EXPLICIT
    status = connect(CT).send_c_store(image)
    assert (status.Status, status.ErrorComment) == (0xA900, "The data set has no StudyInstanceUID.")
    assert files_of(archive) == []


def test_an_aborted_store_leaves_nothing(archive: Archive, connect: Callable[..., Association]) -> None:
    """A command and half a data set, then an abort."""
    association = connect(CT)
    request = C_STORE_RQ(
        context_id=1,
        MessageID=1,
        AffectedSOPClassUID=CT,
        AffectedSOPInstanceUID="1.2.3",
        Priority=0,
        has_data_set=True,
    )
    send_raw(association, request, encode(make_object(1))[:100], is_last=False)
    end = time.monotonic() + PROGRESS
    while not files_of(archive) and time.monotonic() < end:
        time.sleep(0.01)
    assert [path.suffix for path in files_of(archive)] == [".part"]
    association.abort()
    while files_of(archive) and time.monotonic() < end:
        time.sleep(0.01)
    assert files_of(archive) == []


# query


def test_find_streams_matches_with_where_to_get_them(archive: Archive, connect: Callable[..., Association]) -> None:
    fill(archive)
    association = connect(STUDY_FIND)
    query = keys("STUDY", PatientName="doe*", StudyInstanceUID="", InstanceAvailability="")
    *matches, (final, nothing) = association.send_c_find(query, STUDY_FIND)
    assert [status.Status for status, _ in matches] == [0xFF00, 0xFF00]
    assert (final.Status, nothing) == (0x0000, None)
    answers = [answer for _, answer in matches if answer is not None]
    assert [answer.StudyInstanceUID for answer in answers] == ["1.2.0", "1.2.1"]
    assert {(one.RetrieveAETitle, one.InstanceAvailability, one.QueryRetrieveLevel) for one in answers} == {
        ("WORKSTATION", "ONLINE", "STUDY")
    }


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED])
def test_matches_leave_as_pydicom_would_encode_them(archive: Archive, server: TestServer, syntax: str) -> None:
    code = Dataset()
    code.CodeValue, code.CodeMeaning = "T-1", "Kopf"
    for number, name in enumerate(("Doe^Jane", "M\u00fcller^J\u00f6rg", "Yamada^Tarou=\u5c71\u7530^\u592a\u90ce", "")):
        image = make_object(10 * number, PatientID=f"P{number}", SpecificCharacterSet="ISO_IR 192", PatientName=name)
        image.ProcedureCodeSequence, image.PatientWeight = [code], "70.50"
        store(archive, image)
    query = keys("STUDY", PatientName="", StudyInstanceUID="", PatientWeight=None, ModalitiesInStudy="", Allergies="")
    query.ProcedureCodeSequence = []
    assert server.address is not None
    ae = AE()
    ae.requested_contexts = [build_context(STUDY_FIND, syntax)]
    heard: list[bytes] = []

    def hear(event: Any) -> None:
        if event.message.data is not None:
            heard.append(bytes(event.message.data))

    association = ae.associate(*server.address, evt_handlers=[(evt.EVT_DIMSE_RECV, hear)])
    list(association.send_c_find(query, STUDY_FIND))
    association.release()
    expected = []
    for answer in archive.find(Level.STUDY, Model.STUDY_ROOT, query):
        answer.RetrieveAETitle = "WORKSTATION"
        expected.append(dsutils.encode_in(answer, syntax))
    assert len(expected) == 4
    assert heard == expected


def test_unsupported_keys_say_so_and_match(archive: Archive, connect: Callable[..., Association]) -> None:
    fill(archive, 1)
    query = keys("STUDY", StudyInstanceUID="", Allergies="nuts")
    (pending, answer), _ = connect(STUDY_FIND).send_c_find(query, STUDY_FIND)
    assert pending.Status == 0xFF01
    assert answer is not None
    assert answer.Allergies in ("", None)


@pytest.mark.parametrize(
    ("query", "comment"),
    [
        (keys("SERIES", SeriesInstanceUID=""), "PatientID is needed"),
        (keys("FRAME"), "'FRAME' is not a level"),
        (keys("PATIENT", PatientBirthDate="soon"), "PatientBirthDate: 'soon' is neither"),
    ],
)
def test_a_wrong_identifier_is_explained(connect: Callable[..., Association], query: Dataset, comment: str) -> None:
    ((status, _),) = connect(PATIENT_FIND).send_c_find(query, PATIENT_FIND)
    assert status.Status == 0xA900
    assert status.ErrorComment.startswith(comment)


def test_relational_queries_can_be_negotiated(archive: Archive, connect: Callable[..., Association]) -> None:
    fill(archive)
    offer = SOPClassExtendedNegotiation()
    offer.sop_class_uid, offer.service_class_application_information = STUDY_FIND, b"\1\1\1"
    association = connect(STUDY_FIND, ext_neg=[offer])
    assert association.acceptor.sop_class_extended == {STUDY_FIND: b"\1\1\0"}
    query = keys("IMAGE", PatientID="P1", SOPInstanceUID="", Modality="CT")
    *matches, _ = association.send_c_find(query, STUDY_FIND)
    assert len(matches) == 4


def test_names_of_all_writings_are_found_over_the_wire(archive: Archive, connect: Callable[..., Association]) -> None:
    store(archive, make_object(1, SpecificCharacterSet="ISO_IR 126", PatientName="Διονυσιος"))
    for charset in ("ISO_IR 192", "ISO_IR 126"):
        query = keys("STUDY", SpecificCharacterSet=charset, PatientName="διον*")
        (pending, answer), final = connect(STUDY_FIND).send_c_find(query, STUDY_FIND)
        assert (pending.Status, final[0].Status) == (0xFF00, 0x0000)
        assert answer is not None
        assert (answer.SpecificCharacterSet, answer.PatientName) == ("ISO_IR 192", "Διονυσιος")


@pytest.mark.parametrize(
    "identifier",
    [
        b"\x40\x00\x75\x02SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 5000,
        b"GET / HTTP/1.0\r\n\r\n",
        b"\x08\x00\x52\x00CS\xff\xff",
    ],
)
def test_an_identifier_that_cannot_be_decoded_is_refused(
    connect: Callable[..., Association], identifier: bytes
) -> None:
    association = connect(contexts=[build_context(STUDY_FIND, EXPLICIT)])
    answered = threading.Event()
    responses: list[Any] = []

    def note(event: Any) -> None:
        responses.append(event.message)
        answered.set()

    association.bind(evt.EVT_DIMSE_RECV, note)
    send_raw(
        association,
        C_FIND_RQ(context_id=1, MessageID=5, AffectedSOPClassUID=STUDY_FIND, Priority=0, has_data_set=True),
        identifier,
        is_last=True,
    )
    assert answered.wait(PROGRESS)
    assert responses[0].Status in (0xA900, 0xC000)
    assert responses[0].ErrorComment
    assert association.is_established


def test_a_find_can_be_cancelled(archive: Archive, connect: Callable[..., Association]) -> None:
    fill(archive, 200)
    offer = SOPClassExtendedNegotiation()
    offer.sop_class_uid, offer.service_class_application_information = STUDY_FIND, b"\1"
    association = connect(STUDY_FIND, ext_neg=[offer])
    responses = association.send_c_find(keys("IMAGE", SOPInstanceUID=""), STUDY_FIND, msg_id=7)
    next(responses)
    association.send_c_cancel(7, query_model=STUDY_FIND)
    statuses = [status.Status for status, _ in responses]
    # It may be through before the cancel arrives; then it says so.
    assert statuses[-1] in (0xFE00, 0x0000)
    assert association.is_established


# retrieval


def collect(association: Association, received: list[str]) -> None:
    association.bind(evt.EVT_C_STORE, lambda event: received.append(str(event.dataset.SOPInstanceUID)) or 0x0000)


def test_get_brings_the_objects_back(archive: Archive, connect: Callable[..., Association]) -> None:
    fill(archive)
    received: list[str] = []
    association = connect(STUDY_GET, CT, ext_neg=[build_role(CT, scp_role=True)])
    collect(association, received)
    responses = list(association.send_c_get(keys("STUDY", StudyInstanceUID="1.2.1"), STUDY_GET))
    assert responses[-1][0].Status == 0x0000
    assert responses[-1][0].NumberOfCompletedSuboperations == 10
    assert sorted(received) == sorted(make_object(number).SOPInstanceUID for number in range(10, 20))


def test_get_of_nothing_is_success(connect: Callable[..., Association]) -> None:
    ((status, _),) = connect(STUDY_GET).send_c_get(keys("STUDY", StudyInstanceUID="9.9"), STUDY_GET)
    assert status.Status == 0x0000


def test_a_wrong_retrieval_is_explained(connect: Callable[..., Association]) -> None:
    ((status, _),) = connect(PATIENT_GET).send_c_get(keys("STUDY", StudyInstanceUID="1.2"), PATIENT_GET)
    assert (status.Status, status.ErrorComment) == (0xA900, "PatientID is needed to retrieve at the STUDY level.")


def test_a_wrong_move_is_explained(
    connect: Callable[..., Association], destinations: dict[str, tuple[str, int]], server: TestServer
) -> None:
    assert server.address is not None
    destinations["ITSELF"] = server.address
    query = keys("STUDY", StudyInstanceUID="1.2")
    ((status, _),) = connect(PATIENT_MOVE).send_c_move(query, "ITSELF", PATIENT_MOVE)
    assert (status.Status, status.ErrorComment) == (0xA900, "PatientID is needed to retrieve at the STUDY level.")


def test_a_move_to_nobody_is_refused(archive: Archive, connect: Callable[..., Association]) -> None:
    fill(archive, 1)
    query = keys("PATIENT", PatientID="P0")
    ((status, _),) = connect(PATIENT_MOVE).send_c_move(query, "NOBODY", PATIENT_MOVE)
    assert status.Status == 0xA801


def test_a_missing_file_is_a_failed_sub_operation(
    archive: Archive, connect: Callable[..., Association], destinations: dict[str, tuple[str, int]], server: TestServer
) -> None:
    fill(archive, 4)
    gone = files_of(archive)[0]
    uid = str(pydicom.dcmread(gone).SOPInstanceUID)
    gone.unlink()
    assert server.address is not None
    destinations["ITSELF"] = server.address
    *_, (status, failed) = connect(STUDY_MOVE).send_c_move(
        keys("STUDY", StudyInstanceUID="1.2.0"), "ITSELF", STUDY_MOVE
    )
    assert status.Status == 0xB000
    assert (status.NumberOfCompletedSuboperations, status.NumberOfFailedSuboperations) == (3, 1)
    assert failed is not None
    assert uid


# behaviours


def behave(server: TestServer, *rules: Rule) -> None:
    server.apply(replace(server.profile, rules=rules))


@pytest.mark.parametrize(
    ("rule", "status", "delay"),
    [
        (answering("EVT_C_ECHO", 0x0210), 0x0210, 0),
        (answering("EVT_C_STORE", 0x0210), 0x0000, 0),
        (delaying("EVT_C_ECHO", 0.05), 0x0000, 0.05),
    ],
)
def test_an_echo_is_answered_as_chosen(
    server: TestServer, connect: Callable[..., Association], rule: Rule, status: int, delay: float
) -> None:
    association = connect()
    behave(server, rule)
    began = time.perf_counter()
    assert association.send_c_echo().Status == status
    assert time.perf_counter() - began >= delay
    behave(server)
    assert association.send_c_echo().Status == 0x0000


@pytest.mark.parametrize(
    ("rule", "status", "is_kept"),
    [
        (answering("EVT_C_STORE", 0xA700), 0xA700, False),
        (answering("EVT_C_STORE", 0xB000), 0xB000, True),
        (answering("EVT_C_STORE", 0x0000), 0x0000, True),
        (delaying("EVT_C_STORE", 0.05), 0x0000, True),
    ],
)
def test_a_store_is_answered_as_chosen(
    server: TestServer,
    archive: Archive,
    connect: Callable[..., Association],
    rule: Rule,
    status: int,
    is_kept: bool,
) -> None:
    behave(server, rule)
    image = make_object(1)
    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = EXPLICIT
    assert connect(CT).send_c_store(image).Status == status
    assert archive.counts()[Level.IMAGE] == int(is_kept)
    assert len(files_of(archive)) == int(is_kept)


def test_queries_and_retrievals_are_answered_as_chosen(
    server: TestServer, archive: Archive, connect: Callable[..., Association]
) -> None:
    fill(archive, 2)
    behave(server, answering("EVT_C_FIND", 0xA700), answering("EVT_C_GET", 0xA700))
    association = connect(STUDY_FIND, STUDY_GET)
    query = keys("STUDY", StudyInstanceUID="1.2.0")
    assert [status.Status for status, _ in association.send_c_find(query, STUDY_FIND)] == [0xA700]
    assert [status.Status for status, _ in association.send_c_get(query, STUDY_GET)] == [0xA700]
    behave(server, answering("EVT_C_FIND", 0x0000))
    assert [status.Status for status, _ in association.send_c_find(query, STUDY_FIND)] == [0x0000]


def test_a_delay_ends_with_a_cancel(server: TestServer, connect: Callable[..., Association]) -> None:
    behave(server, delaying("EVT_C_FIND", 600))
    association = connect(STUDY_FIND)
    responses = association.send_c_find(keys("STUDY", StudyInstanceUID=""), STUDY_FIND, msg_id=3)
    association.send_c_cancel(3, query_model=STUDY_FIND)
    began = time.perf_counter()
    assert [status.Status for status, _ in responses] == [0xFE00]
    assert time.perf_counter() - began < PROGRESS


@pytest.mark.parametrize("ending", ["abort", "stop"])
def test_a_delay_ends_with_the_association(
    server: TestServer, connect: Callable[..., Association], ending: str
) -> None:
    behave(server, delaying("EVT_C_ECHO", 600))
    association = connect()
    answers: list[Dataset] = []
    asked = threading.Event()
    association.bind(evt.EVT_DIMSE_SENT, lambda _: asked.set())
    waiting = threading.Thread(target=lambda: answers.append(association.send_c_echo()))
    waiting.start()
    assert asked.wait(PROGRESS)
    association.abort() if ending == "abort" else server.stop()
    waiting.join(PROGRESS)
    assert answers == [Dataset()]
    # That no thread of the server stays asleep is what every test is held to.


# DCMTK as the peer


@pytest.fixture
def dcmtk(program: Callable[[str], str], server: TestServer, tmp_path: Path) -> Callable[..., str]:
    """Run one of DCMTK's clients against the server."""

    def run(name: str, *arguments: str, fails: bool = False) -> str:
        assert server.address is not None
        host, port = server.address
        folder = tmp_path / "dcmtk"
        folder.mkdir(exist_ok=True)
        completed = subprocess.run(
            [program(name), "-v", "-aec", "WORKSTATION", host, str(port), *arguments],
            capture_output=True,
            text=True,
            cwd=folder,
            timeout=50,
            check=False,
        )
        output = completed.stdout + completed.stderr
        assert (completed.returncode != 0) is fails, output
        return output

    return run


def test_dcmtk_echoes(dcmtk: Callable[..., str]) -> None:
    assert "Success" in dcmtk("echoscu")


def test_dcmtk_stores_every_sample(dcmtk: Callable[..., str], archive: Archive, samples: Path) -> None:
    files = sorted(samples.rglob("*.dcm"))
    syntax_options = {"1.2.840.10008.1.2.4.90": "-xv", "1.2.840.10008.1.2.4.80": "-xt", "1.2.840.10008.1.2.5": "-xr"}
    by_option: dict[str, list[str]] = {}
    for path in files:
        syntax = str(pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID)
        by_option.setdefault(syntax_options.get(syntax, "-R"), []).append(str(path))
    for option, paths in by_option.items():
        dcmtk("storescu", option, *paths)
    assert archive.counts()[Level.IMAGE] == len(files)
    stored = {str(pydicom.dcmread(path).SOPInstanceUID): path for path in files_of(archive)}
    for path in files:
        assert pydicom.dcmread(stored[str(pydicom.dcmread(path).SOPInstanceUID)]) == pydicom.dcmread(path)


def test_dcmtk_finds(dcmtk: Callable[..., str], archive: Archive) -> None:
    fill(archive)
    arguments = (
        "-k",
        "QueryRetrieveLevel=STUDY",
        "-k",
        "PatientName=DOE*",
        "-k",
        "StudyInstanceUID",
        "-k",
        "StudyDate",
    )
    output = dcmtk("findscu", "-S", *arguments)
    assert output.count("(Pending)") == 2
    assert "[1.2.1" in output
    output = dcmtk("findscu", "-P", "-k", "QueryRetrieveLevel=PATIENT", "-k", "PatientID=P1")
    assert output.count("(Pending)") == 1


def test_dcmtk_gets(dcmtk: Callable[..., str], archive: Archive, tmp_path: Path) -> None:
    fill(archive)
    dcmtk("getscu", "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.1")
    got = {str(pydicom.dcmread(path).SOPInstanceUID) for path in (tmp_path / "dcmtk").iterdir()}
    assert got == {make_object(number).SOPInstanceUID for number in range(10, 20)}


def test_dcmtk_moves_to_itself(
    dcmtk: Callable[..., str],
    archive: Archive,
    destinations: dict[str, tuple[str, int]],
    tmp_path: Path,
) -> None:
    fill(archive)
    store(archive, make_object(10), IMPLICIT)
    port = _another_port()
    destinations["MOVESCU"] = ("127.0.0.1", port)
    arguments = ("-S", "-aem", "MOVESCU", "--port", str(port), "-k", "QueryRetrieveLevel=SERIES")
    dcmtk("movescu", *arguments, "-k", "StudyInstanceUID=1.2.1", "-k", "SeriesInstanceUID=1.2.1.5")
    got = {str(pydicom.dcmread(path).SOPInstanceUID) for path in (tmp_path / "dcmtk").iterdir()}
    assert got == {"1.2.1.5.10", "1.2.1.5.11"}
