import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, MRImageStorage
from pynetdicom import build_role
from pynetdicom import evt as peer_evt
from scu_peers import free_port, keys, peer_at

from workstation.paths import resource
from workstation.peers import Peer
from workstation.scu.caller import Caller
from workstation.scu.failure import Layer
from workstation.scu.files import inspect
from workstation.scu.job import Progress
from workstation.scu.operation import Model
from workstation.scu.retrieve import (
    COMMON_STORAGE,
    GetJob,
    MoveJob,
    SubOperations,
    storage_contexts,
)
from workstation.scu.send import SendJob

CT_PATHS = sorted((resource("samples") / "ct-chest").glob("*.dcm"))
STUDY = str(dcmread(CT_PATHS[0], stop_before_pixels=True).StudyInstanceUID)
STUDY_KEYS = keys(StudyInstanceUID=STUDY)


def fill(caller: Caller, peer: Peer) -> None:
    result = SendJob(caller, peer, [inspect(path) for path in CT_PATHS]).run()
    assert result.stored == 10, result.sentence


# -- what a C-GET offers ---------------------------------------------------------------------------


def test_few_classes_are_offered_syntax_by_syntax() -> None:
    contexts = storage_contexts([CTImageStorage, MRImageStorage, CTImageStorage])
    assert len(contexts) == 22
    assert len(contexts[0].transfer_syntax) == 2
    assert all(len(each.transfer_syntax) == 1 for each in contexts[1:11])


def test_the_usual_classes_fit() -> None:
    assert len(set(COMMON_STORAGE)) == len(COMMON_STORAGE)
    contexts = storage_contexts(COMMON_STORAGE)
    assert len(contexts) == 3 * len(COMMON_STORAGE) <= 127


def test_many_classes_get_one_context_each() -> None:
    assert len(storage_contexts([f"1.2.{number}" for number in range(127)])) == 127
    with pytest.raises(ValueError, match="at most 127"):
        storage_contexts([f"1.2.{number}" for number in range(128)])


# -- C-MOVE ----------------------------------------------------------------------------------------


def test_dcmqrscp_moves_to_storescp(
    caller: Caller,
    storescp: Callable[..., tuple[Peer, Path]],
    dcmqrscp: Callable[..., Peer],
) -> None:
    destination, folder = storescp()
    peer = dcmqrscp(STORESCP=destination.port)
    fill(caller, peer)
    progress: list[Progress] = []
    result = MoveJob(caller, peer, "STORESCP", "study", "STUDY", STUDY_KEYS, progress.append).run()
    assert result.failure is None, result.sentence
    assert result.status == 0
    assert result.counts.completed == 10
    assert len(list(folder.iterdir())) == 10
    assert progress[-1].done == 10
    assert [each.done for each in progress] == sorted(each.done for each in progress)
    assert result.sentence.startswith("10 objects in ")


def test_a_destination_that_the_peer_does_not_know(caller: Caller, dcmqrscp: Callable[..., Peer]) -> None:
    peer = dcmqrscp()
    fill(caller, peer)
    result = MoveJob(caller, peer, "NOWHERE", "study", "STUDY", STUDY_KEYS).run()
    assert result.status == 0xA801
    assert result.failure is not None
    assert "Add the destination's AE title" in result.sentence


def test_a_destination_that_does_not_listen(caller: Caller, dcmqrscp: Callable[..., Peer]) -> None:
    peer = dcmqrscp(STORESCP=free_port())
    fill(caller, peer)
    result = MoveJob(caller, peer, "STORESCP", "study", "STUDY", STUDY_KEYS).run()
    assert result.failure is not None
    assert result.failure.layer is Layer.STATUS
    assert result.failure.remedy


def test_a_title_too_long_is_refused_before_anything_is_sent(caller: Caller) -> None:
    with pytest.raises(ValueError, match="destination's AE title has 17 characters"):
        MoveJob(caller, peer_at(1), "SEVENTEEN_LETTERS", "study", "STUDY", STUDY_KEYS)


def moving(
    start: Callable[..., Peer],
    destination: Peer,
    count: int,
    steps: Callable[[Any], Iterator[tuple[int, Dataset | None]]],
) -> Peer:
    def handler(event: Any) -> Iterator[Any]:
        yield destination.host, destination.port
        yield count
        yield from steps(event)

    # pynetdicom proposes to the destination what it is told to here.
    return start(
        [(Model.STUDY.move,)],
        [(peer_evt.EVT_C_MOVE, handler)],
        lambda ae: ae.add_requested_context(CTImageStorage),
    )


def test_some_objects_that_do_not_arrive(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    def answer(event: Any) -> int:
        return {1: 0x0000, 2: 0xA700, 3: 0xB000}[int(event.dataset.InstanceNumber)]

    destination = pynetdicom_peer([(CTImageStorage,)], [(peer_evt.EVT_C_STORE, answer)])

    def steps(_: Any) -> Iterator[tuple[int, Dataset | None]]:
        for path in CT_PATHS[:3]:
            yield 0xFF00, dcmread(path)

    peer = moving(pynetdicom_peer, destination, 3, steps)
    progress: list[Progress] = []
    result = MoveJob(caller, peer, "DEST", "study", "STUDY", STUDY_KEYS, progress.append).run()
    assert result.status == 0xB000
    assert (result.counts.completed, result.counts.failed, result.counts.warning) == (1, 1, 1)
    assert result.failed_uids == (str(dcmread(CT_PATHS[1], stop_before_pixels=True).SOPInstanceUID),)
    assert result.failure is not None
    assert "1 of 3 objects did not arrive" in result.sentence
    assert "destination did not take them" in result.sentence
    assert (progress[-1].done, progress[-1].total) == (3, 3)
    assert (progress[-1].failed, progress[-1].warnings) == (1, 1)


def test_cancelling_a_move_is_a_real_c_cancel(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    destination = pynetdicom_peer([(CTImageStorage,)], [(peer_evt.EVT_C_STORE, lambda _: 0)])
    cancelled = threading.Event()

    def steps(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        ds = dcmread(CT_PATHS[0])
        for _ in range(500):
            if event.is_cancelled:
                cancelled.set()
                yield 0xFE00, None
                return
            yield 0xFF00, ds

    def on_progress(progress: Progress) -> None:
        if progress.done == 3:
            job.cancel()

    peer = moving(pynetdicom_peer, destination, 500, steps)
    job = MoveJob(caller, peer, "DEST", "study", "STUDY", STUDY_KEYS, on_progress)
    result = job.run()
    assert cancelled.wait(5)
    assert result.cancelled
    assert result.status == 0xFE00
    assert result.counts.completed is not None
    assert 3 <= result.counts.completed < 500
    assert "cancelled" in result.sentence


def test_cancelled_twice_a_move_aborts(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    done = threading.Event()

    def steps(_: Any) -> Iterator[tuple[int, Dataset | None]]:
        threading.Thread(target=lambda: (job.cancel(), job.cancel())).start()
        done.wait(30)
        yield 0x0000, None

    destination = pynetdicom_peer([(CTImageStorage,)], [(peer_evt.EVT_C_STORE, lambda _: 0)])
    peer = moving(pynetdicom_peer, destination, 1, steps)
    job = MoveJob(replace(caller, dimse_timeout=20), peer, "DEST", "study", "STUDY", STUDY_KEYS)
    began = time.monotonic()
    result = job.run()
    done.set()
    assert time.monotonic() - began < 5
    assert result.cancelled


# -- C-GET -----------------------------------------------------------------------------------------


def test_dcmqrscp_sends_on_the_same_association(caller: Caller, dcmqrscp: Callable[..., Peer]) -> None:
    peer = dcmqrscp()
    fill(caller, peer)
    arrived: list[Dataset] = []

    def store(event: Any) -> int:
        arrived.append(event.dataset)
        return 0x0000

    progress: list[Progress] = []
    result = GetJob(caller, peer, "study", "STUDY", STUDY_KEYS, store, on_progress=progress.append).run()
    assert result.failure is None, result.sentence
    assert result.received == result.counts.completed == 10
    original = {str(dcmread(path).SOPInstanceUID): dcmread(path) for path in CT_PATHS}
    for ds in arrived:
        assert ds == original[str(ds.SOPInstanceUID)]
    assert progress[-1].done == 10


def test_one_image_of_a_list(caller: Caller, dcmqrscp: Callable[..., Peer]) -> None:
    peer = dcmqrscp()
    fill(caller, peer)
    wanted = [dcmread(path, stop_before_pixels=True) for path in CT_PATHS[2:4]]
    selection = keys(
        StudyInstanceUID=STUDY,
        SeriesInstanceUID=wanted[0].SeriesInstanceUID,
        SOPInstanceUID=[each.SOPInstanceUID for each in wanted],
    )
    got: list[str] = []

    def store(event: Any) -> int:
        got.append(str(event.request.AffectedSOPInstanceUID))
        return 0x0000

    result = GetJob(caller, peer, "study", "IMAGE", selection, store, sop_classes=[CTImageStorage]).run()
    assert result.failure is None, result.sentence
    assert sorted(got) == sorted(str(each.SOPInstanceUID) for each in wanted)


class MemorySink:
    """Takes the bytes as they come."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.finished = False

    def write(self, fragment: memoryview) -> None:
        self.data += fragment

    def finish(self) -> None:
        self.finished = True

    def discard(self) -> None:
        self.data.clear()


def test_a_sink_takes_the_bytes(caller: Caller, dcmqrscp: Callable[..., Peer]) -> None:
    peer = dcmqrscp()
    fill(caller, peer)
    sinks: list[MemorySink] = []

    def factory(*_: Any) -> MemorySink:
        sinks.append(MemorySink())
        return sinks[-1]

    seen: list[Any] = []

    def store(event: Any) -> int:
        seen.append(event.sink)
        return 0x0000

    result = GetJob(caller, peer, "study", "STUDY", STUDY_KEYS, store, factory, [CTImageStorage]).run()
    assert result.failure is None, result.sentence
    assert seen == sinks
    assert all(sink.finished and len(sink.data) > 32768 for sink in sinks)
    assert len(sinks) == 10


def getting(
    start: Callable[..., Peer], count: int, steps: Callable[[Any], Iterator[tuple[int, Dataset | None]]]
) -> Peer:
    def handler(event: Any) -> Iterator[Any]:
        yield count
        yield from steps(event)

    return start([(Model.STUDY.get,), (CTImageStorage, None, True, True)], [(peer_evt.EVT_C_GET, handler)])


def test_our_own_refusal_is_counted(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    def steps(_: Any) -> Iterator[tuple[int, Dataset | None]]:
        for path in CT_PATHS[:3]:
            yield 0xFF00, dcmread(path)

    def store(event: Any) -> int:
        return 0xA700 if event.dataset.InstanceNumber == 2 else 0x0000

    peer = getting(pynetdicom_peer, 3, steps)
    result = GetJob(caller, peer, "study", "STUDY", STUDY_KEYS, store).run()
    assert result.status == 0xB000
    assert (result.counts.completed, result.counts.failed) == (2, 1)
    assert len(result.failed_uids) == 1
    assert result.failure is not None
    assert "1 of 3 objects did not arrive" in result.sentence


def test_cancelling_a_get_is_a_real_c_cancel(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    cancelled = threading.Event()

    def steps(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        ds = dcmread(CT_PATHS[0])
        for _ in range(500):
            if event.is_cancelled:
                cancelled.set()
                yield 0xFE00, None
                return
            yield 0xFF00, ds

    def on_progress(progress: Progress) -> None:
        if progress.done == 3:
            job.cancel()

    peer = getting(pynetdicom_peer, 500, steps)
    job = GetJob(caller, peer, "study", "STUDY", STUDY_KEYS, lambda _: 0x0000, on_progress=on_progress)
    result = job.run()
    assert cancelled.wait(5)
    assert result.cancelled
    assert result.received < 500


def test_a_peer_that_refuses_our_role(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    peer = pynetdicom_peer([(Model.STUDY.get,), (CTImageStorage,)], [])
    result = GetJob(caller, peer, "study", "STUDY", STUDY_KEYS, lambda _: 0x0000).run()
    assert result.failure is not None
    assert result.failure.layer is Layer.CONTEXT
    assert "role selection" in result.sentence
    assert "C-MOVE instead" in result.sentence


def test_counts_that_a_response_leaves_out_are_those_before() -> None:
    earlier = SubOperations(remaining=2, completed=3, failed=1, warning=0)
    later = SubOperations(completed=5).over(earlier)
    assert later == SubOperations(remaining=2, completed=5, failed=1, warning=0)
    assert later.done == 6


def test_the_role_is_proposed(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    seen: list[Any] = []
    peer = pynetdicom_peer(
        [(Model.STUDY.get,), (CTImageStorage, None, True, True)],
        [
            (peer_evt.EVT_REQUESTED, lambda event: seen.append(event.assoc.requestor.role_selection)),
            (peer_evt.EVT_C_GET, lambda _: iter([0])),
        ],
    )
    GetJob(caller, peer, "study", "STUDY", STUDY_KEYS, lambda _: 0, sop_classes=[CTImageStorage]).run()
    assert seen[0] == {CTImageStorage: build_role(CTImageStorage, scu_role=False, scp_role=True)}
