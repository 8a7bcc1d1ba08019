import itertools
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    AllTransferSyntaxes,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    MRImageStorage,
    RLELossless,
)
from pynetdicom import evt as peer_evt
from scu_peers import free_port, peer_at

from workstation.paths import resource
from workstation.peers import Peer
from workstation.scu.caller import Caller
from workstation.scu.failure import Failure, Layer
from workstation.scu.files import FoundFile, inspect, scan
from workstation.scu.job import Progress
from workstation.scu.send import Plan, SendJob, SendOutcome, plan_contexts

SAMPLES = resource("samples")
CT_FILES = [inspect(path) for path in sorted((SAMPLES / "ct-chest").glob("*.dcm"))]


def all_samples() -> list[FoundFile]:
    found: list[FoundFile] = []
    scan([SAMPLES], found.append)
    return [file for file in found if file.sendable]


# -- what is proposed ------------------------------------------------------------------------------


def file(number: int, sop_class: str, syntax: str, **changes: Any) -> FoundFile:
    return FoundFile(
        path=Path(f"{number}"),
        sop_class_uid=sop_class,
        sop_instance_uid=f"1.2.{number}",
        transfer_syntax_uid=syntax,
        **changes,
    )


def proposed(plan: Plan) -> list[tuple[str, list[str]]]:
    return [(str(each.abstract_syntax), [str(one) for one in each.transfer_syntax]) for each in plan.contexts]


@pytest.mark.parametrize(
    ("syntaxes", "wanted"),
    [
        ([ExplicitVRLittleEndian], [[ExplicitVRLittleEndian], [ImplicitVRLittleEndian]]),
        ([ImplicitVRLittleEndian], [[ImplicitVRLittleEndian], [ExplicitVRLittleEndian]]),
        (
            [ImplicitVRLittleEndian, ExplicitVRLittleEndian],
            [[ImplicitVRLittleEndian], [ExplicitVRLittleEndian]],
        ),
        (
            [DeflatedExplicitVRLittleEndian],
            [[DeflatedExplicitVRLittleEndian], [ExplicitVRLittleEndian, ImplicitVRLittleEndian]],
        ),
        ([JPEGLSLossless, RLELossless], [[JPEGLSLossless], [RLELossless]]),
        ([ExplicitVRBigEndian], [[ExplicitVRBigEndian]]),
        (
            [RLELossless, ExplicitVRLittleEndian, RLELossless],
            [[RLELossless], [ExplicitVRLittleEndian], [ImplicitVRLittleEndian]],
        ),
    ],
)
def test_one_context_for_each_syntax_and_a_fallback(syntaxes: list[str], wanted: list[list[str]]) -> None:
    files = [file(number, CTImageStorage, syntax) for number, syntax in enumerate(syntaxes)]
    (plan,) = plan_contexts(files)
    assert proposed(plan) == [(CTImageStorage, each) for each in wanted]
    assert plan.files == tuple(files)


def test_the_order_of_files_is_kept() -> None:
    files = [file(number, (CTImageStorage, MRImageStorage)[number % 2], ExplicitVRLittleEndian) for number in range(9)]
    (plan,) = plan_contexts(files)
    assert plan.files == tuple(files)
    assert len(plan.contexts) == 4


def test_more_contexts_than_one_association_has() -> None:
    files = [file(number, f"1.2.3.{number}", ExplicitVRLittleEndian) for number in range(150)]
    plans = plan_contexts(files)
    assert [len(plan.contexts) for plan in plans] == [128, 128, 44]
    assert list(itertools.chain.from_iterable(plan.files for plan in plans)) == files
    for plan in plans:
        assert {each.sop_class_uid for each in plan.files} == {str(each.abstract_syntax) for each in plan.contexts}


def test_files_that_cannot_be_sent_need_no_context() -> None:
    bad = file(1, CTImageStorage, ExplicitVRLittleEndian, problem=Failure(Layer.FILE, "Broken"))
    assert plan_contexts([bad]) == ()


# -- sending ---------------------------------------------------------------------------------------


def test_dcmtk_gets_the_very_same_data_sets(caller: Caller, storescp: Callable[..., tuple[Peer, Path]]) -> None:
    peer, folder = storescp("+xa")
    files = all_samples()
    outcomes: list[SendOutcome] = []
    progress: list[Progress] = []
    result = SendJob(caller, peer, files, progress.append, outcomes.append).run()
    assert result.failure is None, result.sentence
    assert result.stored == len(files) == len(outcomes)
    assert result.retry_failed == ()
    assert result.bytes == sum(each.size for each in files)
    assert all(each.status == 0 and each.bytes == each.file.size and each.seconds > 0 for each in outcomes)
    assert result.sentence == "34 stored."
    last = progress[-1]
    assert (last.done, last.total, last.failed, last.bytes_done) == (34, 34, 0, last.bytes_total)
    assert last.rate is not None
    assert last.seconds_left == 0
    arrived = {dcmread(path).SOPInstanceUID: dcmread(path) for path in folder.iterdir()}
    for each in files:
        sent = dcmread(each.path)
        assert arrived[sent.SOPInstanceUID] == sent
        converted = arrived[sent.SOPInstanceUID].file_meta.TransferSyntaxUID != each.transfer_syntax_uid
        assert not converted


def test_an_uncompressed_file_is_converted_if_need_be(
    caller: Caller, storescp: Callable[..., tuple[Peer, Path]]
) -> None:
    peer, folder = storescp("+xi")
    result = SendJob(caller, peer, all_samples()).run()
    by_name = {str(each.file.path.relative_to(SAMPLES)): each for each in result.outcomes}
    assert by_name["ct-chest/01.dcm"].stored
    assert by_name["ct-chest/01.dcm"].converted
    assert not by_name["mr-head-prior/01.dcm"].converted
    for name in ("rle-chest.dcm", "jpegls-chest.dcm", "jpeg2000-head.dcm"):
        failure = by_name[name].failure
        assert failure is not None
        assert failure.layer is Layer.SYNTAX, failure.sentence
        assert failure.remedy
    assert result.stored == 31
    assert {each.path.name for each in result.retry_failed} == {
        "rle-chest.dcm",
        "jpegls-chest.dcm",
        "jpeg2000-head.dcm",
    }
    assert "31 stored, 3 not stored" in result.sentence
    stored = next(path for path in folder.iterdir() if dcmread(path).get("InstanceNumber") == 1)
    assert dcmread(stored).file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    arrived = {dcmread(path).SOPInstanceUID: dcmread(path) for path in folder.iterdir()}
    original = dcmread(CT_FILES[0].path)
    assert arrived[original.SOPInstanceUID] == original


def test_a_class_that_the_peer_does_not_take(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    peer = pynetdicom_peer([(MRImageStorage,)], [(peer_evt.EVT_C_STORE, lambda _: 0)])
    files = [CT_FILES[0], inspect(SAMPLES / "mr-head" / "t1-01.dcm")]
    result = SendJob(caller, peer, files).run()
    ct, mr = result.outcomes
    assert mr.stored
    assert ct.failure is not None
    assert ct.failure.layer is Layer.CONTEXT
    assert "does not support CT Image Storage" in ct.failure.sentence


def test_statuses_are_told_file_by_file(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    codes = {1: 0x0000, 2: 0xB000, 3: 0xA700, 4: 0xC123, 5: 0x0000}

    def answer(event: Any) -> Dataset:
        status = Dataset()
        status.Status = codes[int(event.dataset.InstanceNumber)]
        if status.Status == 0xA700:
            status.ErrorComment = "disk full"
        return status

    peer = pynetdicom_peer([(CTImageStorage,)], [(peer_evt.EVT_C_STORE, answer)])
    result = SendJob(caller, peer, CT_FILES[:5]).run()
    assert [each.status for each in result.outcomes] == [0, 0xB000, 0xA700, 0xC123, 0]
    assert [each.stored for each in result.outcomes] == [True, True, False, False, True]
    assert "Coercion" in result.outcomes[1].warning
    assert result.outcomes[2].failure is not None
    assert result.outcomes[2].failure.what.startswith("0xA700 ")
    assert '"disk full"' in result.outcomes[2].failure.evidence
    assert list(result.retry_failed) == CT_FILES[2:4]
    assert result.sentence.startswith("3 stored (1 with a warning), 2 not stored. Status: 0xA700 ")


def test_a_retry_sends_what_failed(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    seen: list[int] = []

    def answer(event: Any) -> int:
        seen.append(int(event.dataset.InstanceNumber))
        return 0xA700 if len(seen) == 2 else 0

    peer = pynetdicom_peer([(CTImageStorage,)], [(peer_evt.EVT_C_STORE, answer)])
    first = SendJob(caller, peer, CT_FILES[:3]).run()
    second = SendJob(caller, peer, first.retry_failed).run()
    assert seen == [1, 2, 3, 2]
    assert second.stored == 1


def test_after_an_abort_the_rest_goes_over_a_new_association(
    caller: Caller, pynetdicom_peer: Callable[..., Peer]
) -> None:
    def answer(event: Any) -> int:
        if event.dataset.InstanceNumber == 3:
            event.assoc.abort()
        return 0

    peer = pynetdicom_peer([(CTImageStorage,)], [(peer_evt.EVT_C_STORE, answer)])
    result = SendJob(caller, peer, CT_FILES[:5]).run()
    assert [each.stored for each in result.outcomes] == [True, True, False, True, True]
    assert result.failure is None
    failure = result.outcomes[2].failure
    assert failure is not None
    assert "aborted the association during C-STORE of 03.dcm" in failure.sentence


def test_a_peer_that_always_aborts_is_not_asked_for_ever(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    asked = []

    def answer(event: Any) -> int:
        asked.append(event)
        event.assoc.abort()
        return 0

    peer = pynetdicom_peer([(CTImageStorage,)], [(peer_evt.EVT_C_STORE, answer)])
    result = SendJob(caller, peer, CT_FILES).run()
    assert len(asked) == 1
    assert result.stored == 0
    assert len(result.outcomes) == len(CT_FILES)
    assert result.failure is not None
    assert list(result.retry_failed) == CT_FILES


def test_no_peer_at_all(caller: Caller) -> None:
    result = SendJob(caller, peer_at(free_port()), CT_FILES[:3]).run()
    assert result.failure is not None
    assert result.failure.layer is Layer.TCP
    assert [each.failure for each in result.outcomes] == [result.failure] * 3
    assert "0 stored, 3 not stored. TCP: Nothing listens" in result.sentence


def test_unfit_files_get_an_outcome(caller: Caller, storescp: Callable[..., tuple[Peer, Path]], tmp_path: Path) -> None:
    (tmp_path / "text.dcm").write_text("no DICOM")
    result = SendJob(caller, storescp()[0], [inspect(tmp_path / "text.dcm"), CT_FILES[0]]).run()
    unfit, sent = result.outcomes
    assert sent.stored
    assert unfit.failure is not None
    assert unfit.failure.layer is Layer.FILE
    assert result.retry_failed == ()


@pytest.mark.parametrize("damage", ["gone", "overwritten"])
def test_a_file_that_changed_since_it_was_found(
    caller: Caller, storescp: Callable[..., tuple[Peer, Path]], tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "ct.dcm"
    shutil.copy(CT_FILES[0].path, path)
    found = inspect(path)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"something else")
    result = SendJob(caller, storescp()[0], [found, CT_FILES[1]]).run()
    changed, sent = result.outcomes
    assert sent.stored, result.sentence
    assert changed.failure is not None
    assert changed.failure.layer is Layer.FILE


def test_several_associations_when_the_contexts_need_them(
    caller: Caller, pynetdicom_peer: Callable[..., Peer], tmp_path: Path
) -> None:
    files = []
    for number in range(70):
        ds = dcmread(CT_FILES[0].path)
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = f"1.2.826.0.1.{number + 1}"
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.0.2.{number + 1}"
        del ds.PixelData
        ds.save_as(tmp_path / f"{number:03}.dcm")
        files.append(inspect(tmp_path / f"{number:03}.dcm"))
    associations = set()

    def answer(event: Any) -> int:
        associations.add(event.assoc)
        return 0

    peer = pynetdicom_peer(
        [(each.sop_class_uid, [ExplicitVRLittleEndian]) for each in files],
        [(peer_evt.EVT_C_STORE, answer)],
        # pynetdicom dispatches an unknown class only if it is told that everything is storage.
    )
    from pynetdicom import _config

    _config.UNRESTRICTED_STORAGE_SERVICE = True
    try:
        result = SendJob(caller, peer, files).run()
    finally:
        _config.UNRESTRICTED_STORAGE_SERVICE = False
    assert result.stored == 70, result.sentence
    assert len(associations) == 2


def test_a_large_file_tells_how_far_it_is(
    caller: Caller, storescp: Callable[..., tuple[Peer, Path]], tmp_path: Path
) -> None:
    ds = dcmread(CT_FILES[0].path)
    ds.Rows = ds.Columns = 2000
    ds.PixelData = b"\x01\x02" * 2000 * 2000
    ds.save_as(tmp_path / "large.dcm")
    large = inspect(tmp_path / "large.dcm")
    peer, folder = storescp()
    progress: list[Progress] = []
    result = SendJob(caller, peer, [large, CT_FILES[1]], progress.append).run()
    assert result.stored == 2
    steps = [each.bytes_done for each in progress]
    assert len(steps) > 10
    assert steps == sorted(steps)
    assert steps[-1] == large.size + CT_FILES[1].size
    assert all(each.bytes_done <= each.bytes_total for each in progress)
    assert {dcmread(path).get("Rows") for path in folder.iterdir()} == {128, 2000}


# -- cancelling ------------------------------------------------------------------------------------


def test_cancelling_ends_after_the_file_under_way(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    released = threading.Event()

    def answer(event: Any) -> int:
        if event.dataset.InstanceNumber == 3:
            job.cancel()
        return 0

    peer = pynetdicom_peer(
        [(CTImageStorage,)],
        [(peer_evt.EVT_C_STORE, answer), (peer_evt.EVT_RELEASED, lambda _: released.set())],
    )
    job = SendJob(caller, peer, CT_FILES)
    result = job.run()
    assert result.cancelled
    assert result.stored == 3
    assert list(result.retry_failed) == CT_FILES[3:]
    assert released.wait(5), "a gentle end is a release"


def test_asked_twice_it_aborts_at_once(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    done, aborted = threading.Event(), threading.Event()

    def answer(event: Any) -> int:
        if event.dataset.InstanceNumber == 2:
            threading.Thread(target=lambda: (job.cancel(), job.cancel())).start()
            done.wait(30)
        return 0

    peer = pynetdicom_peer(
        [(CTImageStorage,)],
        [(peer_evt.EVT_C_STORE, answer), (peer_evt.EVT_ABORTED, lambda _: aborted.set())],
    )
    job = SendJob(replace(caller, dimse_timeout=20), peer, CT_FILES)
    began = time.monotonic()
    result = job.run()
    assert time.monotonic() - began < 5
    done.set()
    assert result.cancelled
    assert result.stored == 1
    assert len(result.outcomes) == len(CT_FILES)
    assert aborted.wait(5)


def test_cancelled_before_the_association(caller: Caller) -> None:
    job = SendJob(caller, peer_at(free_port()), CT_FILES)
    job.cancel()
    result = job.run()
    assert result.cancelled
    assert list(result.retry_failed) == CT_FILES


def test_compressed_syntaxes_are_offered_as_they_are(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    received: dict[str, str] = {}

    def answer(event: Any) -> int:
        received[str(event.request.AffectedSOPInstanceUID)] = str(event.context.transfer_syntax)
        return 0

    files = [inspect(SAMPLES / name) for name in ("rle-chest.dcm", "jpegls-chest.dcm", "jpeg2000-head.dcm")]
    peer = pynetdicom_peer(
        [(each.sop_class_uid, list(AllTransferSyntaxes)) for each in files], [(peer_evt.EVT_C_STORE, answer)]
    )
    assert SendJob(caller, peer, files).run().stored == 3
    assert sorted(received.values()) == sorted([RLELossless, JPEGLSLossless, JPEG2000Lossless])
