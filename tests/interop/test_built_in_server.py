"""The test server as its users have it: DCMTK's and pynetdicom's clients ask for each service, under each profile.

One server with archive, ledger and profile, as the program makes it; what the services answer in detail has tests of
its own. Damage is done to the files on disk, a restart closes everything and opens it from the same folder again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from queue import Queue
from typing import Any

import pynetdicom
import pytest
from dcmtk_peers import print_configuration
from peers import port, run
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from pynetdicom import build_role
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation
from pynetdicom_races import mend

from workstation.scp.answers.printing import film_file, films_folder
from workstation.scp.answers.worklist_items import add_items
from workstation.scp.answers.worklist_samples import sample_worklist
from workstation.scp.archive.archive import Archive
from workstation.scp.ledger import Ledger, Record
from workstation.scp.profiles import Profile, read_profile, shipped_profiles
from workstation.scp.query.levels import Level
from workstation.scp.server import TestServer

VERIFICATION = "1.2.840.10008.1.1"
CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
PATIENT_FIND, PATIENT_MOVE, PATIENT_GET = (f"1.2.840.10008.5.1.4.1.2.1.{number}" for number in (1, 2, 3))
STUDY_FIND, STUDY_MOVE, STUDY_GET = (f"1.2.840.10008.5.1.4.1.2.2.{number}" for number in (1, 2, 3))
WORKLIST = "1.2.840.10008.5.1.4.31"
STEP, STEP_RETRIEVE = "1.2.840.10008.3.1.2.3.3", "1.2.840.10008.3.1.2.3.4"
COMMITMENT, COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
AVAILABILITY = "1.2.840.10008.5.1.4.33"
PUSH, WATCH, PULL, EVENT, QUERY = (f"1.2.840.10008.5.1.4.34.6.{number}" for number in (1, 2, 3, 4, 5))
PRINT, PRINTER, PRINTER_INSTANCE = "1.2.840.10008.5.1.1.9", "1.2.840.10008.5.1.1.16", "1.2.840.10008.5.1.1.17"
JPEG_2000 = "1.2.840.10008.1.2.4.90"

SUCCESS = 0x0000
PATIENCE = 20.0
TODAY = date(2026, 7, 5)


@pytest.fixture(scope="module", autouse=True)
def mended() -> Iterator[None]:
    """pynetdicom without its races, as long as it asks here."""
    with pytest.MonkeyPatch.context() as patch:
        mend(partial(patch.setattr, raising=False))
        yield


class Place:
    """A data folder with its server: opened, closed, opened again."""

    def __init__(self, folder: Path, profile: Profile) -> None:
        self.folder = folder
        self.profile = replace(profile, port=port())
        self.destinations: dict[str, tuple[str, int]] = {}
        self._changed = threading.Condition()

    def open(self) -> None:
        self.archive = Archive(self.folder / "archive", durable=False)
        self.ledger = Ledger(f"sqlite:///{self.folder / 'ledger.sqlite'}", durable=False)
        self.ledger.listen(self._tell)
        self.server = TestServer(self.profile, self.archive, self.ledger, self.destinations.get, folder=self.folder)
        self.server.start()

    def close(self) -> None:
        self.server.stop()
        self.ledger.close()
        self.archive.close()

    def _tell(self, _kind: str, _uid: str) -> None:
        with self._changed:
            self._changed.notify_all()

    @property
    def address(self) -> tuple[str, int]:
        address = self.server.address
        assert address is not None
        return address

    def dcmtk(self, name: str, *arguments: object, fails: bool = False) -> str:
        """Run one of DCMTK's clients to its end."""
        done = run(name, "-v", "-aec", self.profile.ae_title, *self.address, *arguments)
        said = done.stdout + done.stderr
        assert (done.returncode != 0) is fails, said
        return said

    def associate(self, *contexts: Any, calling: str = "PYNETDICOM", **options: Any) -> Any:
        """Ask for an association as pynetdicom; a context is a UID, or (UID, transfer syntaxes)."""
        ae = pynetdicom.AE(ae_title=calling)
        ae.acse_timeout = ae.dimse_timeout = PATIENCE
        for context in contexts:
            ae.add_requested_context(*(context if isinstance(context, tuple) else (context,)))
        handlers = options.pop("handlers", [])
        return ae.associate(*self.address, ae_title=self.profile.ae_title, evt_handlers=handlers, **options)

    @contextmanager
    def associated(self, *contexts: Any, **options: Any) -> Iterator[Any]:
        """An association of pynetdicom's, released in the end."""
        association = self.associate(*contexts, **options)
        assert association.is_established
        try:
            yield association
        finally:
            if association.is_established:
                association.release()

    def record(self, kind: str, uid: str, state: str) -> Record:
        """What is kept, once it is in that state."""
        end = time.monotonic() + PATIENCE
        with self._changed:
            while (record := self.ledger.get(kind, uid)) is None or record.state != state:
                left = end - time.monotonic()
                assert left > 0, f"{kind} {uid} is {record and record.state}, not {state}"
                self._changed.wait(left)
            return record

    def path_of(self, uid: str) -> Path:
        """The file of a stored object."""
        located = self.archive.index.known(uid)
        assert located is not None
        return self.archive.folder / located.file


@contextmanager
def opened(folder: Path, profile: Profile) -> Iterator[Place]:
    place = Place(folder, profile)
    place.open()
    try:
        yield place
    finally:
        place.close()


@contextmanager
def receiving(place: Place, title: str, *contexts: Any, number: int = 0, **handlers: Any) -> Iterator[None]:
    """pynetdicom as a server that `place` knows by `title`; handlers by their event's name."""
    ae = pynetdicom.AE(ae_title=title)
    for context in contexts:
        ae.add_supported_context(context, scu_role=True, scp_role=True)
    bound: list[Any] = [(getattr(pynetdicom.evt, name), handler) for name, handler in handlers.items()]
    server = ae.start_server(("127.0.0.1", number), block=False, evt_handlers=bound)
    assert server is not None
    place.destinations[title] = ("127.0.0.1", server.server_address[1])
    try:
        yield
    finally:
        ae.shutdown()


class Reports:
    """The event reports that a client got, in order, and which way."""

    def __init__(self) -> None:
        self._told: Queue[tuple[str, int, Dataset]] = Queue()

    def handler(self, way: str) -> Callable[[Any], tuple[int, None]]:
        def take(event: Any) -> tuple[int, None]:
            self._told.put((way, event.event_type, event.event_information))
            return SUCCESS, None

        return take

    def next(self) -> tuple[str, int, Dataset]:
        return self._told.get(timeout=PATIENCE)

    @property
    def is_empty(self) -> bool:
        return self._told.empty()


def data_set(**values: Any) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def chest(samples: Path, count: int = 10) -> list[Path]:
    return sorted((samples / "ct-chest").glob("*.dcm"))[:count]


def uid_of(path: Path) -> str:
    return str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)


def uids_of(paths: Iterable[Path]) -> set[str]:
    return {uid_of(path) for path in paths}


def statuses(responses: Iterable[tuple[Dataset, Any]]) -> list[int]:
    return [int(status.Status) for status, _ in responses]


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The server as it is without any settings, with a chest and a head in its archive, and a day's worklist."""
    samples = Path(__file__).resolve().parents[2] / "resources" / "samples"
    with opened(tmp_path_factory.mktemp("clinic"), Profile()) as place:
        place.dcmtk("storescu", *chest(samples), *sorted((samples / "mr-head").glob("*.dcm")))
        assert add_items(place.ledger, sample_worklist(TODAY)) == (12, 0)
        yield place


# ------------------------------------------------------------------- echo and store
def test_echo(clinic: Place) -> None:
    assert "Received Echo Response (Success)" in clinic.dcmtk("echoscu")
    with clinic.associated(VERIFICATION) as association:
        assert association.send_c_echo().Status == SUCCESS


def test_what_is_stored_is_what_was_sent(tmp_path: Path, samples: Path) -> None:
    compressed = {"-xv": "jpeg2000-head.dcm", "-xt": "jpegls-chest.dcm", "-xr": "rle-chest.dcm"}
    plain = [*chest(samples, 2), samples / "mr-head-prior" / "01.dcm", samples / "sr-report.dcm"]
    with opened(tmp_path, Profile()) as place:
        place.dcmtk("storescu", *plain)
        for option, name in compressed.items():
            place.dcmtk("storescu", option, samples / name)
        moving = dcmread(samples / "us-heart.dcm")
        with place.associated((moving.SOPClassUID, moving.file_meta.TransferSyntaxUID)) as association:
            assert association.send_c_store(moving).Status == SUCCESS
        sent = [*plain, *(samples / name for name in compressed.values()), samples / "us-heart.dcm"]
        assert place.archive.counts()[Level.IMAGE] == len(sent)
        for path in sent:
            original, stored = dcmread(path), dcmread(place.path_of(uid_of(path)))
            assert stored == original, path
            if path.name in compressed.values():
                assert stored.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID


# ------------------------------------------------------------------- find, move, get
@pytest.mark.parametrize(
    ("model", "keys", "expected"),
    [
        ("-P", ["QueryRetrieveLevel=PATIENT", "PatientName=n?rgaard*", "PatientID"], ["DW-1001"]),
        ("-P", ["QueryRetrieveLevel=STUDY", "PatientID=DW-1002", "StudyDate=20240101-20241231"], ["DW-1002"]),
        ("-O", ["QueryRetrieveLevel=PATIENT", "PatientID=DW-100?"], ["DW-1001", "DW-1002"]),
        ("-S", ["QueryRetrieveLevel=STUDY", "ModalitiesInStudy=MR", "PatientID"], ["DW-1002"]),
        ("-S", ["QueryRetrieveLevel=STUDY", "PatientID=NOBODY"], []),
    ],
)
def test_dcmtk_finds(clinic: Place, tmp_path: Path, model: str, keys: list[str], expected: list[str]) -> None:
    asked = [part for key in keys for part in ("-k", key)]
    clinic.dcmtk("findscu", model, *asked, "-X", "-od", tmp_path)
    assert sorted(str(dcmread(path).PatientID) for path in tmp_path.glob("rsp*.dcm")) == expected


def test_pynetdicom_finds_at_each_level_and_across_them_only_if_that_was_negotiated(clinic: Place) -> None:
    relational = SOPClassExtendedNegotiation()
    relational.sop_class_uid, relational.service_class_application_information = STUDY_FIND, b"\x01\x00\x00"
    images = data_set(QueryRetrieveLevel="IMAGE", Modality="CT", SOPInstanceUID="", InstanceNumber="")
    with clinic.associated(STUDY_FIND) as association:
        study, last = association.send_c_find(
            data_set(QueryRetrieveLevel="STUDY", PatientID="DW-1001", StudyInstanceUID=""), STUDY_FIND
        )
        assert (study[0].Status, last[0].Status) == (0xFF00, SUCCESS)
        (refused,) = statuses(association.send_c_find(images, STUDY_FIND))
        assert refused == 0xA900
        series = data_set(QueryRetrieveLevel="SERIES", StudyInstanceUID=study[1].StudyInstanceUID, SeriesInstanceUID="")
        assert statuses(association.send_c_find(series, STUDY_FIND)) == [0xFF00, SUCCESS]
    with clinic.associated(STUDY_FIND, ext_neg=[relational]) as association:
        (answer,) = association.acceptor.sop_class_extended.values()
        assert answer[0] == 1
        assert statuses(association.send_c_find(images, STUDY_FIND)) == [0xFF00] * 10 + [SUCCESS]


def test_dcmtk_gets_and_moves(clinic: Place, tmp_path: Path, samples: Path) -> None:
    study = dcmread(chest(samples)[0]).StudyInstanceUID
    got, moved = tmp_path / "got", tmp_path / "moved"
    got.mkdir()
    moved.mkdir()
    keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}"]
    clinic.dcmtk("getscu", "-S", *keys, "-od", got)
    assert uids_of(got.iterdir()) == uids_of(chest(samples))
    number = port()
    clinic.destinations["MOVESCU"] = ("127.0.0.1", number)
    clinic.dcmtk("movescu", "-S", "-aem", "MOVESCU", "--port", number, *keys, "-od", moved)
    assert uids_of(moved.iterdir()) == uids_of(chest(samples))
    refused = clinic.dcmtk("movescu", "-S", "-aem", "NOWHERE", "--port", port(), *keys, "-od", moved, fails=True)
    assert "MoveDestinationUnknown" in refused


def test_pynetdicom_gets_and_moves(clinic: Place, samples: Path) -> None:
    heads = {uid_of(path) for path in (samples / "mr-head").glob("*.dcm")}
    keys = data_set(QueryRetrieveLevel="PATIENT", PatientID="DW-1002")
    got: list[str] = []
    moved: list[str] = []

    def take(into: list[str], event: Any) -> int:
        into.append(str(event.dataset.SOPInstanceUID))
        return SUCCESS

    handlers = [(pynetdicom.evt.EVT_C_STORE, partial(take, got))]
    with clinic.associated(
        PATIENT_GET, MR, handlers=handlers, ext_neg=[build_role(MR, scp_role=True)], calling="GETTER"
    ) as association:
        *_, (final, _) = association.send_c_get(keys, PATIENT_GET)
    assert (final.Status, final.NumberOfCompletedSuboperations) == (SUCCESS, len(heads))
    with (
        receiving(clinic, "MOVED", MR, EVT_C_STORE=partial(take, moved)),
        clinic.associated(PATIENT_MOVE) as association,
    ):
        *pending, (final, _) = association.send_c_move(keys, "MOVED", PATIENT_MOVE)
    assert (final.Status, final.NumberOfCompletedSuboperations) == (SUCCESS, len(heads))
    assert {status.Status for status, _ in pending} <= {0xFF00}
    assert set(got) == set(moved) == heads


# ------------------------------------------------------------------- worklist, steps, availability
def test_dcmtk_asks_the_worklist(clinic: Place, tmp_path: Path) -> None:
    step = "ScheduledProcedureStepSequence[0]"
    keys = [
        f"{step}.Modality=CT",
        f"{step}.ScheduledProcedureStepStartDate=20260705",
        "PatientName",
        "StudyInstanceUID",
    ]
    clinic.dcmtk("findscu", "-W", *(part for key in keys for part in ("-k", key)), "-X", "-od", tmp_path)
    found = [dcmread(path) for path in tmp_path.glob("rsp*.dcm")]
    wanted = [item for item in sample_worklist(TODAY) if item.ScheduledProcedureStepSequence[0].Modality == "CT"]
    assert len(wanted) > 1
    assert {str(item.StudyInstanceUID) for item in found} == {str(item.StudyInstanceUID) for item in wanted}
    assert {str(item.PatientName) for item in found} == {str(item.PatientName) for item in wanted}


def begun(item: Dataset) -> Dataset:
    """What a modality reports when it begins what it read from the worklist."""
    scheduled = data_set(
        StudyInstanceUID=item.StudyInstanceUID,
        ReferencedStudySequence=Sequence(),
        AccessionNumber=item.AccessionNumber,
        RequestedProcedureID=item.RequestedProcedureID,
        RequestedProcedureDescription="",
        ScheduledProcedureStepID=item.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID,
        ScheduledProcedureStepDescription="",
        ScheduledProtocolCodeSequence=Sequence(),
    )
    empty = (
        *("PatientBirthDate", "PatientSex", "PerformedStationName", "PerformedLocation", "StudyID"),
        *("PerformedProcedureStepDescription", "PerformedProcedureTypeDescription"),
        *("PerformedProcedureStepEndDate", "PerformedProcedureStepEndTime"),
    )
    lists = ("ReferencedPatientSequence", "ProcedureCodeSequence", "PerformedProtocolCodeSequence")
    return data_set(
        SpecificCharacterSet="ISO_IR 192",
        ScheduledStepAttributesSequence=Sequence([scheduled]),
        PatientName=item.PatientName,
        PatientID=item.PatientID,
        PerformedProcedureStepID="PPS1",
        PerformedStationAETitle="CT1",
        PerformedProcedureStepStartDate="20260705",
        PerformedProcedureStepStartTime="0830",
        PerformedProcedureStepStatus="IN PROGRESS",
        Modality="CT",
        PerformedSeriesSequence=Sequence(),
        **dict.fromkeys(empty, ""),
        **{keyword: Sequence() for keyword in lists},
    )


def test_pynetdicom_performs_what_it_read_from_the_worklist(clinic: Place) -> None:
    step = data_set(Modality="CT", ScheduledProcedureStepID="", ScheduledProcedureStepStatus="")
    keys = data_set(StudyInstanceUID="", PatientName="", PatientID="", AccessionNumber="", RequestedProcedureID="")
    keys.ScheduledProcedureStepSequence = Sequence([step])
    series = data_set(
        ProtocolName="Chest",
        SeriesInstanceUID="1.2.3.4",
        ReferencedImageSequence=Sequence(),
        ReferencedNonImageCompositeSOPInstanceSequence=Sequence(),
        **dict.fromkeys(("PerformingPhysicianName", "OperatorsName", "SeriesDescription", "RetrieveAETitle"), ""),
    )
    done = data_set(
        PerformedProcedureStepStatus="COMPLETED",
        PerformedProcedureStepEndDate="20260705",
        PerformedProcedureStepEndTime="0855",
        PerformedSeriesSequence=Sequence([series]),
    )
    uid = generate_uid()

    def state_of(association: Any, item: Dataset) -> str:
        asked = data_set(StudyInstanceUID=item.StudyInstanceUID)
        asked.ScheduledProcedureStepSequence = Sequence([data_set(ScheduledProcedureStepStatus="")])
        (_, found), _ = association.send_c_find(asked, WORKLIST)
        return str(found.ScheduledProcedureStepSequence[0].ScheduledProcedureStepStatus)

    with clinic.associated(WORKLIST, STEP, STEP_RETRIEVE, calling="CT1") as association:
        found = [item for _, item in association.send_c_find(keys, WORKLIST) if item is not None]
        item = next(each for each in found if str(each.PatientName).startswith("Müller"))
        assert association.send_n_create(begun(item), STEP, uid)[0].Status == SUCCESS
        assert association.send_n_create(begun(item), STEP, uid)[0].Status == 0x0111
        assert state_of(association, item) == "STARTED"
        assert association.send_n_set(done, STEP, uid)[0].Status == SUCCESS
        assert association.send_n_set(done, STEP, uid)[0].Status == 0x0110
        assert state_of(association, item) == "COMPLETED"
        status, performed = association.send_n_get([0x00400252, 0x00100010], STEP_RETRIEVE, uid)
        assert (status.Status, performed.PerformedProcedureStepStatus) == (SUCCESS, "COMPLETED")
        assert performed.PatientName == item.PatientName
    assert clinic.record("procedure-step", uid, "COMPLETED").peer == "CT1"


def test_pynetdicom_tells_of_availability(clinic: Place) -> None:
    instance = data_set(
        ReferencedSOPClassUID=CT, ReferencedSOPInstanceUID="1.2.3.1", InstanceAvailability="ONLINE", RetrieveAETitle="X"
    )
    told = data_set(StudyInstanceUID="1.2.3", ReferencedPerformedProcedureStepSequence=Sequence())
    told.ReferencedSeriesSequence = Sequence(
        [data_set(SeriesInstanceUID="1.2.3.4", ReferencedSOPSequence=Sequence([instance]))]
    )
    uid = generate_uid()
    with clinic.associated(AVAILABILITY) as association:
        assert association.send_n_create(told, AVAILABILITY, uid)[0].Status == SUCCESS
    record = clinic.record("availability", uid, "ONLINE")
    assert record.data_set.ReferencedSeriesSequence[0].SeriesInstanceUID == "1.2.3.4"


# ------------------------------------------------------------------- storage commitment
@pytest.fixture
def keeper(tmp_path: Path, samples: Path) -> Iterator[Place]:
    """A server with four slices of a chest, sent by DCMTK."""
    with opened(tmp_path / "keeper", Profile()) as place:
        place.dcmtk("storescu", *chest(samples, 4))
        yield place


def commitment(paths: Iterable[Path]) -> Dataset:
    references = [data_set(ReferencedSOPClassUID=CT, ReferencedSOPInstanceUID=uid_of(path)) for path in paths]
    return data_set(TransactionUID=generate_uid(), ReferencedSOPSequence=Sequence(references))


def act(association: Any, asked: Dataset) -> int:
    return int(association.send_n_action(asked, 1, COMMITMENT, COMMITMENT_INSTANCE)[0].Status)


def result(information: Dataset) -> tuple[set[str], dict[str, int]]:
    """What is committed, and what failed why."""
    committed = {str(item.ReferencedSOPInstanceUID) for item in information.get("ReferencedSOPSequence", ())}
    failed = {
        str(item.ReferencedSOPInstanceUID): int(item.FailureReason) for item in information.get("FailedSOPSequence", ())
    }
    return committed, failed


def damage(path: Path, kind: str) -> None:
    """Do to a stored file what a failing disk does."""
    content = bytearray(path.read_bytes())
    match kind:
        case "one bit":
            content[-1000] ^= 1
            path.write_bytes(content)
        case "cut short":
            path.write_bytes(content[:-1000])
        case "gone":
            path.unlink()


@pytest.mark.parametrize("kind", ["one bit", "cut short", "gone"])
@pytest.mark.parametrize("way", ["same", "new"])
def test_of_several_objects_the_damaged_one_is_not_committed(keeper: Place, samples: Path, way: str, kind: str) -> None:
    reports = Reports()
    asked = commitment(chest(samples, 4))
    everything = uids_of(chest(samples, 4))
    broken = uid_of(chest(samples, 4)[2])
    damage(keeper.path_of(broken), kind)
    # Without a handler pynetdicom refuses the report on its own association: a new one has to follow.
    handlers = [(pynetdicom.evt.EVT_N_EVENT_REPORT, reports.handler("same"))] if way == "same" else []
    with receiving(keeper, "PYNETDICOM", COMMITMENT, EVT_N_EVENT_REPORT=reports.handler("new")):
        with keeper.associated(COMMITMENT, handlers=handlers) as association:
            assert act(association, asked) == SUCCESS
            if way == "new":
                association.release()
            told = reports.next()
        record = keeper.record("commitment", asked.TransactionUID, "DELIVERED")
    assert told[:2] == (way, 2)
    assert told[2].TransactionUID == asked.TransactionUID
    assert result(told[2]) == (everything - {broken}, {broken: 0x0110})
    assert record.facts["delivered"] == f"{way} association"
    assert reports.is_empty


def test_a_server_that_was_closed_before_its_report_delivers_it_once_it_is_back(keeper: Place, samples: Path) -> None:
    reports = Reports()
    asked = commitment(chest(samples, 4))
    broken = uid_of(chest(samples, 4)[1])
    damage(keeper.path_of(broken), "one bit")
    number = port()
    keeper.destinations["PYNETDICOM"] = ("127.0.0.1", number)  # where nobody listens yet
    with keeper.associated(COMMITMENT) as association:
        assert act(association, asked) == SUCCESS
        keeper.close()
    assert reports.is_empty
    with receiving(keeper, "PYNETDICOM", COMMITMENT, number=number, EVT_N_EVENT_REPORT=reports.handler("new")):
        keeper.open()
        way, event_type, information = reports.next()
        keeper.record("commitment", asked.TransactionUID, "DELIVERED")
        assert (way, event_type, information.TransactionUID) == ("new", 2, asked.TransactionUID)
        assert result(information) == (uids_of(chest(samples, 4)) - {broken}, {broken: 0x0110})
        keeper.close()
        keeper.open()
        with keeper.associated(VERIFICATION) as association:
            assert association.send_c_echo().Status == SUCCESS
    assert reports.is_empty, "delivered once"


def test_intact_objects_are_committed_once_their_server_is_back(keeper: Place, samples: Path) -> None:
    reports = Reports()
    asked = commitment(chest(samples, 4))
    with keeper.associated(COMMITMENT) as association:
        assert act(association, asked) == SUCCESS
        keeper.close()
    with receiving(keeper, "PYNETDICOM", COMMITMENT, EVT_N_EVENT_REPORT=reports.handler("new")):
        keeper.open()
        _, event_type, information = reports.next()
        keeper.record("commitment", asked.TransactionUID, "DELIVERED")
    assert (event_type, *result(information)) == (1, uids_of(chest(samples, 4)), {})


# ------------------------------------------------------------------- unified procedure steps
def workitem() -> Dataset:
    return data_set(
        ProcedureStepState="SCHEDULED",
        ScheduledProcedureStepPriority="MEDIUM",
        ProcedureStepLabel="Segment liver",
        WorklistLabel="Processing",
        ScheduledProcedureStepStartDateTime="20260705090000",
        InputReadinessState="READY",
        PatientName="Doe^Jane",
        PatientID="UPS1",
    )


def performed() -> Dataset:
    def code(value: str) -> Sequence:
        return Sequence([data_set(CodeValue=value, CodingSchemeDesignator="99TEST", CodeMeaning=value)])

    return data_set(
        PerformedStationNameCodeSequence=code("S1"),
        PerformedProcedureStepStartDateTime="20260705090100",
        PerformedProcedureStepEndDateTime="20260705090200",
        PerformedWorkitemCodeSequence=code("W1"),
        OutputInformationSequence=Sequence(),
    )


def test_pynetdicom_works_through_a_unified_procedure_step(tmp_path: Path) -> None:
    reports = Reports()
    uid, lock = generate_uid(), generate_uid()

    def change(association: Any, state: str, transaction: str) -> int:
        information = data_set(ProcedureStepState=state, TransactionUID=transaction)
        return int(association.send_n_action(information, 1, PUSH, uid, meta_uid=PULL)[0].Status)

    with (
        opened(tmp_path, Profile()) as place,
        receiving(place, "WATCHER", EVENT, EVT_N_EVENT_REPORT=reports.handler("new")),
        place.associated(PUSH, WATCH, calling="RIS") as planner,
        place.associated(PULL, QUERY, calling="ROBOT") as robot,
    ):
        assert planner.send_n_create(workitem(), PUSH, uid)[0].Status == SUCCESS
        wanted = data_set(ReceivingAE="WATCHER", DeletionLock="FALSE")
        assert planner.send_n_action(wanted, 3, PUSH, uid, meta_uid=WATCH)[0].Status == SUCCESS
        assert reports.next()[2].ProcedureStepState == "SCHEDULED"
        for model in (PULL, QUERY):
            keys = data_set(ProcedureStepState="SCHEDULED", PatientID="UPS1", SOPInstanceUID="")
            (_, found), last = robot.send_c_find(keys, model)
            assert (found.SOPInstanceUID, last[0].Status) == (uid, SUCCESS)
        assert change(robot, "IN PROGRESS", lock) == SUCCESS
        assert reports.next()[2].ProcedureStepState == "IN PROGRESS"
        assert change(robot, "COMPLETED", generate_uid()) == 0xC301, "another's lock"
        assert change(robot, "COMPLETED", lock) == 0xC304, "its results are not there"
        results = data_set(TransactionUID=lock, UnifiedProcedureStepPerformedProcedureSequence=Sequence([performed()]))
        assert robot.send_n_set(results, PUSH, uid, meta_uid=PULL)[0].Status == SUCCESS
        assert change(robot, "COMPLETED", lock) == SUCCESS
        assert reports.next()[2].ProcedureStepState == "COMPLETED"
        status, ended = planner.send_n_get([0x00741000], PUSH, uid, meta_uid=WATCH)
        assert (status.Status, ended.ProcedureStepState) == (SUCCESS, "COMPLETED")
        assert place.record("ups", uid, "COMPLETED").peer == "RIS"


# ------------------------------------------------------------------- print
def printed(place: Place, calling: str) -> Any:
    """The film of the one print job of a client."""
    (job,) = (each for each in place.ledger.records("print-job") if each.peer == calling)
    done = place.record("print-job", job.uid, "DONE")
    path = film_file(films_folder(place.archive.folder), done)
    assert path is not None
    return dcmread(path).pixel_array


def test_dcmtks_spooler_prints(clinic: Place, tmp_path: Path, samples: Path) -> None:
    config = print_configuration(tmp_path, clinic.address[1], "PRINTER", Aetitle=clinic.profile.ae_title)
    options = ["-c", config, "-p", "PRINTER_1"]
    done = run("dcmpsprt", *options, "--layout", 1, 2, *chest(samples, 2))
    assert done.returncode == 0, done.stderr
    (stored,) = (tmp_path / "database").glob("SP_*.dcm")
    done = run("dcmprscu", "-v", *options, stored)
    assert done.returncode == 0, done.stdout + done.stderr
    film = printed(clinic, "DCMPSTATE")
    height = film.shape[0]
    assert [len(set(film[part].ravel().tolist())) > 20 for part in (slice(height // 2), slice(height // 2, height))]


def test_pynetdicom_prints(clinic: Place) -> None:
    session_class, box_class, image_class = (f"1.2.840.10008.5.1.1.{number}" for number in (1, 2, 4))
    session, box = generate_uid(), generate_uid()
    image = data_set(
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        Rows=20,
        Columns=20,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelRepresentation=0,
        PixelData=bytes([200]) * 400,
    )
    reference = data_set(ReferencedSOPClassUID=session_class, ReferencedSOPInstanceUID=session)
    layout = data_set(ImageDisplayFormat="STANDARD\\1,1", FilmSizeID="8INX10IN")
    layout.ReferencedFilmSessionSequence = Sequence([reference])
    with clinic.associated(PRINT, calling="PRINTING") as association:
        status, state = association.send_n_get([0x21100010], PRINTER, PRINTER_INSTANCE, meta_uid=PRINT)
        assert (status.Status, state.PrinterStatus) == (SUCCESS, "NORMAL")
        made = data_set(NumberOfCopies=1)
        assert association.send_n_create(made, session_class, session, meta_uid=PRINT)[0].Status == SUCCESS
        status, film_box = association.send_n_create(layout, box_class, box, meta_uid=PRINT)
        assert status.Status == SUCCESS
        place = film_box.ReferencedImageBoxSequence[0].ReferencedSOPInstanceUID
        content = data_set(ImageBoxPosition=1, BasicGrayscaleImageSequence=Sequence([image]))
        assert association.send_n_set(content, image_class, place, meta_uid=PRINT)[0].Status == SUCCESS
        assert association.send_n_action(None, 1, box_class, box, meta_uid=PRINT)[0].Status == SUCCESS
        assert association.send_n_delete(session_class, session, meta_uid=PRINT).Status == SUCCESS
    film = printed(clinic, "PRINTING")
    assert film[film.shape[0] // 2, film.shape[1] // 2] == 200


# ------------------------------------------------------------------- the profiles that come with it
SHIPPED = {path.stem: read_profile(path) for path in shipped_profiles()}
# One SOP class of each service: who promises it has to take it, and who does not has to refuse it.
SERVICES = {
    "echo": VERIFICATION,
    "store": CT,
    "find by patient": PATIENT_FIND,
    "find": STUDY_FIND,
    "move": STUDY_MOVE,
    "get": STUDY_GET,
    "worklist": WORKLIST,
    "steps": STEP,
    "steps read": STEP_RETRIEVE,
    "commitment": COMMITMENT,
    "ups push": PUSH,
    "ups pull": PULL,
    "ups watch": WATCH,
    "ups query": QUERY,
    "print": PRINT,
    "availability": AVAILABILITY,
}
QUERYING = {"find by patient", "find", "move", "get"}
PROMISED = {
    "well-behaved-pacs": {"echo", "store", "commitment", "availability", *QUERYING},
    "worklist-and-mpps": {
        "echo",
        "worklist",
        "steps",
        "steps read",
        "ups push",
        "ups pull",
        "ups watch",
        "ups query",
        "availability",
    },
    "slow-and-flaky": set(SERVICES),
    "compressed-only": set(SERVICES) - {"store"},
    "old-modality": {"echo", "store", "commitment", *QUERYING},
}


def test_each_shipped_profile_can_be_read_and_is_held_to_its_promise() -> None:
    assert {name: problems for name, (_, problems) in SHIPPED.items() if problems} == {}
    assert set(SHIPPED) == {*PROMISED, "rejects-everything"}
    assert len({profile.port for profile, _ in SHIPPED.values()}) == len(SHIPPED), "all can run side by side"


@contextmanager
def shipped(folder: Path, name: str) -> Iterator[Place]:
    with opened(folder, SHIPPED[name][0]) as place:
        yield place


def accepted(place: Place, syntaxes: list[str]) -> tuple[set[str], set[str], int]:
    """Which services are accepted when all are proposed, in which transfer syntaxes, and the longest PDU."""
    names = {uid: name for name, uid in SERVICES.items()}
    with place.associated(*((uid, syntaxes) for uid in SERVICES.values())) as association:
        contexts = association.accepted_contexts
        return (
            {names[context.abstract_syntax] for context in contexts},
            {context.transfer_syntax[0] for context in contexts},
            association.acceptor.maximum_length,
        )


@pytest.mark.parametrize("name", list(PROMISED))
def test_what_a_profile_promises_is_what_a_client_meets(name: str, tmp_path: Path) -> None:
    with shipped(tmp_path, name) as place:
        taken, syntaxes, longest = accepted(place, [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
    assert taken == PROMISED[name]
    implicit_only = name == "old-modality"
    assert syntaxes == {ImplicitVRLittleEndian if implicit_only else ExplicitVRLittleEndian}
    assert longest == place.profile.maximum_pdu_size
    if name in ("old-modality", "worklist-and-mpps"):
        assert longest == 16384


def test_the_well_behaved_pacs(tmp_path: Path, samples: Path) -> None:
    with shipped(tmp_path, "well-behaved-pacs") as place:
        place.dcmtk("echoscu")
        place.dcmtk("storescu", *chest(samples, 3))
        place.dcmtk("storescu", "-xv", samples / "jpeg2000-head.dcm")
        study = dcmread(chest(samples)[0]).StudyInstanceUID
        keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}"]
        assert place.dcmtk("findscu", "-S", *keys).count("(Pending)") == 1
        got = tmp_path / "got"
        got.mkdir()
        place.dcmtk("getscu", "-S", *keys, "-od", got)
        assert uids_of(got.iterdir()) == uids_of(chest(samples, 3))
        reports = Reports()
        handlers = [(pynetdicom.evt.EVT_N_EVENT_REPORT, reports.handler("same"))]
        with place.associated(COMMITMENT, handlers=handlers) as association:
            assert act(association, commitment(chest(samples, 3))) == SUCCESS
            assert result(reports.next()[2]) == (uids_of(chest(samples, 3)), {})
        refused = place.dcmtk("findscu", "-W", "-k", "PatientName", fails=True)
        assert "No Acceptable Presentation Contexts" in refused


def test_the_worklist_server(tmp_path: Path) -> None:
    with shipped(tmp_path, "worklist-and-mpps") as place:
        assert add_items(place.ledger, sample_worklist(TODAY)) == (12, 0)
        assert place.dcmtk("findscu", "-W", "-k", "PatientName", "-k", "PatientID").count("(Pending)") == 12
        item = sample_worklist(TODAY)[1]
        with place.associated(STEP, PUSH, calling="CT1") as association:
            assert association.send_n_create(begun(item), STEP, generate_uid())[0].Status == SUCCESS
            assert association.send_n_create(workitem(), PUSH, generate_uid())[0].Status == SUCCESS


def test_the_one_that_rejects_everything(tmp_path: Path) -> None:
    with shipped(tmp_path, "rejects-everything") as place:
        assert "Called AE Title Not Recognized" in place.dcmtk("echoscu", fails=True)
        association = place.associate(VERIFICATION)
        assert association.is_rejected
        answer = association.acceptor.primitive
        assert (answer.result, answer.result_source, answer.diagnostic) == (1, 1, 7)


def test_the_slow_and_flaky_one(tmp_path: Path, samples: Path) -> None:
    with shipped(tmp_path, "slow-and-flaky") as place:
        began = time.monotonic()
        with place.associated(VERIFICATION) as association:
            assert association.send_c_echo().Status == SUCCESS
        assert time.monotonic() - began >= 1.5
        # From here on as it is, but quicker, and its dice are ours.
        rules = place.profile.rules
        quick = replace(rules[-1], action=replace(rules[-1].action, before=0.01, between=0.0))
        place.server.apply(replace(place.profile, rules=(*rules[:-1], quick)))
        chance = [0.9]
        place.server.book._chance = lambda: chance[0]
        image = dcmread(chest(samples)[0])

        def store(number: int) -> Any:
            image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = UID(f"1.2.3.{number}")
            return association.send_c_store(image)

        with place.associated((CT, ExplicitVRLittleEndian)) as association:
            answers = [store(number) for number in range(14)]
        assert [int(answer.Status) for answer in answers] == ([SUCCESS] * 6 + [0xA700]) * 2
        assert answers[6].ErrorComment == "Out of resources, as configured"
        assert place.archive.counts()[Level.IMAGE] == 12
        chance[0] = 0.0
        with place.associated((CT, ExplicitVRLittleEndian)) as association:
            assert "Status" not in store(20), "the connection is dropped"
        assert place.archive.counts()[Level.IMAGE] == 12
        with place.associated(STUDY_FIND) as association:
            association.dimse_timeout = 0.5
            keys = data_set(QueryRetrieveLevel="STUDY", PatientID="DW-1001")
            found = [
                [status.get("Status") for status, _ in association.send_c_find(keys, STUDY_FIND)] for _ in range(5)
            ]
        assert found == [[0xFF00, SUCCESS]] * 4 + [[None]], "every fifth is never answered"
        held = [place.associate(VERIFICATION) for _ in range(5)]
        assert [each.is_established for each in held] == [True] * 4 + [False]
        assert held[4].is_rejected
        for each in held[:4]:
            each.release()


def test_the_one_that_takes_compressed_objects_only(tmp_path: Path, samples: Path) -> None:
    with shipped(tmp_path, "compressed-only") as place:
        place.dcmtk("echoscu")
        place.dcmtk("storescu", chest(samples)[0], fails=True)
        for option, name in {"-xv": "jpeg2000-head.dcm", "-xt": "jpegls-chest.dcm", "-xr": "rle-chest.dcm"}.items():
            place.dcmtk("storescu", option, samples / name)
        assert place.archive.counts()[Level.IMAGE] == 3
        stored = dcmread(place.path_of(uid_of(samples / "jpeg2000-head.dcm")))
        assert stored.file_meta.TransferSyntaxUID == JPEG_2000
        with place.associated((CT, [ExplicitVRLittleEndian, JPEG_2000])) as association:
            assert association.accepted_contexts[0].transfer_syntax == [JPEG_2000]


def test_the_old_modality(tmp_path: Path, samples: Path) -> None:
    with shipped(tmp_path, "old-modality") as place:
        place.dcmtk("echoscu")
        assert not place.associate((CT, ExplicitVRLittleEndian)).is_established
        place.dcmtk("storescu", "-xi", *chest(samples, 2))
        stored = dcmread(place.path_of(uid_of(chest(samples)[0])))
        assert stored.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
        assert stored.pixel_array.tobytes() == dcmread(chest(samples)[0]).pixel_array.tobytes()
        got = tmp_path / "got"
        got.mkdir()
        keys = ["-k", "QueryRetrieveLevel=PATIENT", "-k", "PatientID=DW-1001"]
        place.dcmtk("getscu", "-P", *keys, "-od", got)
        assert uids_of(got.iterdir()) == uids_of(chest(samples, 2))
        with place.associated(VERIFICATION), place.associated(VERIFICATION):
            assert place.associate(VERIFICATION).is_rejected
