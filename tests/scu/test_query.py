import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import evt as peer_evt
from scu_peers import free_port, keys, peer_at

from workstation.paths import resource
from workstation.peers import Peer
from workstation.scu import operation
from workstation.scu.caller import Caller
from workstation.scu.failure import Layer
from workstation.scu.files import FoundFile, scan
from workstation.scu.job import Progress
from workstation.scu.query import Model, QueryJob, identifier
from workstation.scu.send import SendJob

STUDY_FIND = Model.STUDY.find
PATIENT_FIND = Model.PATIENT.find


def ask(caller: Caller, peer: Peer, model: str, level: str, **values: Any) -> tuple[list[Dataset], Any]:
    matches: list[Dataset] = []
    result = QueryJob(caller, peer, model, level, keys(**values), matches.append).run()
    return matches, result


# -- the identifier --------------------------------------------------------------------------------


def test_the_identifier_gets_its_level_and_leaves_the_keys_alone() -> None:
    given = keys(PatientName="A*")
    made = identifier(Model.STUDY, "STUDY", given)
    assert made.QueryRetrieveLevel == "STUDY"
    assert made.PatientName == "A*"
    assert "SpecificCharacterSet" not in made
    assert "QueryRetrieveLevel" not in given


@pytest.mark.parametrize("value", ["Иванова*", "山田*", "Nør*"])
def test_text_beyond_ascii_gets_utf8(value: str) -> None:
    assert identifier(Model.STUDY, "STUDY", keys(PatientName=value)).SpecificCharacterSet == "ISO_IR 192"
    chosen = keys(PatientName=value, SpecificCharacterSet="ISO_IR 100")
    assert identifier(Model.STUDY, "STUDY", chosen).SpecificCharacterSet == "ISO_IR 100"


def test_a_query_asks_for_answers_in_utf8_unless_told_otherwise(caller: Caller) -> None:
    def request(given: Dataset, **options: Any) -> Dataset:
        return QueryJob(caller, peer_at(1), "study", "STUDY", given, lambda _: None, **options).request

    assert request(keys(PatientID="1")).SpecificCharacterSet == "ISO_IR 192"
    assert request(keys(PatientID="1", SpecificCharacterSet="ISO_IR 100")).SpecificCharacterSet == "ISO_IR 100"
    assert "SpecificCharacterSet" not in request(keys(PatientID="1"), character_set="")


def test_a_level_that_the_model_does_not_have() -> None:
    with pytest.raises(ValueError, match="study root model has no level 'PATIENT', only STUDY, SERIES, IMAGE"):
        identifier(Model.STUDY, "PATIENT", Dataset())


# -- against DCMTK ---------------------------------------------------------------------------------


@pytest.fixture
def archive(caller: Caller, dcmqrscp: Callable[..., Peer]) -> Peer:
    peer = dcmqrscp()
    found: list[FoundFile] = []
    scan([resource("samples")], found.append)
    plain = [file for file in found if file.sendable and "1.2.840.10008.1.2.4" not in file.transfer_syntax_uid]
    result = SendJob(caller, peer, [file for file in plain if file.path.name != "rle-chest.dcm"]).run()
    assert result.stored == 31, result.sentence
    return peer


def test_drilling_down_in_dcmqrscp(caller: Caller, archive: Peer) -> None:
    patients, result = ask(caller, archive, "patient", "PATIENT", PatientID="DW-100*", PatientName="")
    assert result.failure is None, result.sentence
    assert result.status == 0
    assert result.matches == len(patients) == 6
    assert "6 matches" in result.sentence
    studies, _ = ask(
        caller, archive, "patient", "STUDY", PatientID="DW-1001", StudyInstanceUID="", StudyDate="20240101-"
    )
    (study,) = studies
    series, _ = ask(
        caller,
        archive,
        "study",
        "SERIES",
        StudyInstanceUID=study.StudyInstanceUID,
        SeriesInstanceUID="",
        Modality="",
    )
    assert sorted(each.Modality for each in series) == ["CT", "SR"]
    (ct,) = [each for each in series if each.Modality == "CT"]
    images, _ = ask(
        caller,
        archive,
        "study",
        "IMAGE",
        StudyInstanceUID=study.StudyInstanceUID,
        SeriesInstanceUID=ct.SeriesInstanceUID,
        SOPInstanceUID="",
        InstanceNumber="",
    )
    assert sorted(int(each.InstanceNumber) for each in images) == list(range(1, 11))


def test_no_match_is_no_failure(caller: Caller, archive: Peer) -> None:
    matches, result = ask(caller, archive, "study", "STUDY", PatientID="NOBODY", StudyInstanceUID="")
    assert matches == []
    assert result.failure is None
    assert result.sentence.startswith("0 matches")


def test_names_arrive_in_their_script(caller: Caller, archive: Peer) -> None:
    matches, _ = ask(caller, archive, "study", "STUDY", PatientID="DW-1002", PatientName="", StudyInstanceUID="")
    assert matches[0].PatientName.ideographic == "山田^太郎"


# -- against pynetdicom, which answers as told -----------------------------------------------------


def answering(*answers: tuple[int, Dataset | None]) -> Callable[[Any], Iterator[tuple[int, Dataset | None]]]:
    def handler(_: Any) -> Iterator[tuple[int, Dataset | None]]:
        yield from answers

    return handler


def match(number: int) -> Dataset:
    ds = keys(PatientID=f"P{number}")
    ds.QueryRetrieveLevel = "STUDY"
    return ds


def finding(start: Callable[..., Peer], handler: Callable[..., Any]) -> Peer:
    return start([(STUDY_FIND,), (PATIENT_FIND,)], [(peer_evt.EVT_C_FIND, handler)])


def test_matches_are_handed_on_as_they_come(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    arrived = [threading.Event() for _ in range(3)]

    def handler(_: Any) -> Iterator[tuple[int, Dataset | None]]:
        for number in range(3):
            yield 0xFF00, match(number)
            assert arrived[number].wait(5), "the match is seen before the next is made"

    got: list[Dataset] = []

    def on_match(ds: Dataset) -> None:
        got.append(ds)
        arrived[len(got) - 1].set()

    progress: list[Progress] = []
    peer = finding(pynetdicom_peer, handler)
    result = QueryJob(caller, peer, "study", "STUDY", keys(PatientID=""), on_match, progress.append).run()
    assert [each.PatientID for each in got] == ["P0", "P1", "P2"]
    assert result.matches == 3
    assert [each.done for each in progress] == [1, 2, 3]


def test_the_peer_sees_the_request(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    seen: list[Dataset] = []

    def handler(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        seen.append(event.identifier)
        yield 0x0000, None

    ask(caller, finding(pynetdicom_peer, handler), "patient", "STUDY", PatientName="山田*", PatientID="X")
    assert seen[0].QueryRetrieveLevel == "STUDY"
    assert seen[0].PatientName == "山田*"


def test_optional_keys_that_are_not_supported(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    peer = finding(pynetdicom_peer, answering((0xFF01, match(1)), (0x0000, None)))
    _, result = ask(caller, peer, "study", "STUDY", PatientID="")
    assert result.unsupported_keys
    assert "does not support some of the optional keys" in result.sentence


@pytest.mark.parametrize("before", [0, 2])
def test_a_failure_after_some_matches(caller: Caller, pynetdicom_peer: Callable[..., Peer], before: int) -> None:
    answers: list[tuple[int, Dataset | None]] = [(0xFF00, match(number)) for number in range(before)]
    peer = finding(pynetdicom_peer, answering(*answers, (0xA900, None)))
    matches, result = ask(caller, peer, "study", "STUDY", PatientID="")
    assert len(matches) == before
    assert result.status == 0xA900
    assert result.failure is not None
    assert result.failure.layer is Layer.STATUS
    assert "unique keys" in result.sentence
    assert ("2 matches" in result.sentence) == (before == 2)


def test_a_model_that_the_peer_does_not_have(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    peer = pynetdicom_peer([(PATIENT_FIND,)], [(peer_evt.EVT_C_FIND, answering())])
    _, result = ask(caller, peer, "study", "STUDY", PatientID="")
    assert result.failure is not None
    assert result.failure.layer is Layer.CONTEXT
    assert "Study Root" in result.sentence


def test_the_peer_is_gone_in_the_middle(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    def handler(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        yield 0xFF00, match(1)
        event.assoc.abort()
        yield 0xFF00, match(2)

    matches, result = ask(caller, finding(pynetdicom_peer, handler), "study", "STUDY", PatientID="")
    assert len(matches) <= 1
    assert result.failure is not None
    assert "aborted the association during C-FIND" in result.sentence


def test_no_peer(caller: Caller) -> None:
    _, result = ask(caller, peer_at(free_port()), "study", "STUDY", PatientID="")
    assert result.failure is not None
    assert result.failure.layer is Layer.TCP


# -- cancelling ------------------------------------------------------------------------------------


def endless(cancelled: threading.Event) -> Callable[[Any], Iterator[tuple[int, Dataset | None]]]:
    def handler(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        for number in range(100_000):
            # pynetdicom's threads share this interpreter: without a pause it sees a C-CANCEL only after seconds
            if event.is_cancelled or cancelled.wait(0.005):
                cancelled.set()
                yield 0xFE00, None
                return
            yield 0xFF00, match(number)

    return handler


def test_cancel_is_a_real_c_cancel(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    cancelled, released = threading.Event(), threading.Event()
    peer = pynetdicom_peer(
        [(STUDY_FIND,)],
        [(peer_evt.EVT_C_FIND, endless(cancelled)), (peer_evt.EVT_RELEASED, lambda _: released.set())],
    )
    got: list[Dataset] = []

    def on_match(ds: Dataset) -> None:
        got.append(ds)
        if len(got) == 5:
            job.cancel()

    job = QueryJob(caller, peer, "study", "STUDY", keys(PatientID=""), on_match)
    result = job.run()
    assert cancelled.wait(5), "the peer got the C-CANCEL"
    assert result.cancelled
    assert result.status == 0xFE00
    assert result.failure is None
    assert len(got) == 5, "nothing is shown after the person had enough"
    assert released.wait(5), "the association ends orderly"
    assert "cancelled" in result.sentence


def test_a_limit_ends_the_query(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    cancelled = threading.Event()
    got: list[Dataset] = []
    peer = finding(pynetdicom_peer, endless(cancelled))
    result = QueryJob(caller, peer, "study", "STUDY", keys(PatientID=""), got.append, limit=7).run()
    assert cancelled.wait(5)
    assert len(got) == result.matches == 7
    assert result.limited
    assert not result.cancelled
    assert result.failure is None
    assert "ended at the limit" in result.sentence


def test_a_peer_that_ignores_the_cancel_is_aborted(
    caller: Caller, pynetdicom_peer: Callable[..., Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operation, "CANCEL_GRACE", 0.3)
    done = threading.Event()

    def deaf(_: Any) -> Iterator[tuple[int, Dataset | None]]:
        yield 0xFF00, match(1)
        done.wait(30)

    peer = finding(pynetdicom_peer, deaf)
    job = QueryJob(
        replace(caller, dimse_timeout=20), peer, "study", "STUDY", keys(PatientID=""), lambda _: job.cancel()
    )
    began = time.monotonic()
    result = job.run()
    done.set()
    assert time.monotonic() - began < 5
    assert result.cancelled
    assert not [each for each in threading.enumerate() if each.name.startswith("cancel-grace")]


def test_cancelled_twice_it_aborts_at_once(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    done = threading.Event()

    def deaf(_: Any) -> Iterator[tuple[int, Dataset | None]]:
        yield 0xFF00, match(1)
        done.wait(30)

    peer = finding(pynetdicom_peer, deaf)

    def twice(_: Dataset) -> None:
        job.cancel()
        job.cancel()

    job = QueryJob(replace(caller, dimse_timeout=20), peer, "study", "STUDY", keys(PatientID=""), twice)
    began = time.monotonic()
    result = job.run()
    done.set()
    assert time.monotonic() - began < 5
    assert result.cancelled


def test_a_defect_in_the_listener_leaves_no_association(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    aborted = threading.Event()

    def broken(_: Dataset) -> None:
        raise ZeroDivisionError

    peer = pynetdicom_peer(
        [(STUDY_FIND,)],
        [
            (peer_evt.EVT_C_FIND, answering((0xFF00, match(1)), (0xFF00, match(2)))),
            (peer_evt.EVT_ABORTED, lambda _: aborted.set()),
        ],
    )
    with pytest.raises(ZeroDivisionError):
        QueryJob(caller, peer, "study", "STUDY", keys(PatientID=""), broken).run()
    assert aborted.wait(5)
