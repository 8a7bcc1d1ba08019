"""Received data sets in temporary files, and AE titles in command sets: two options of `_config`."""

from __future__ import annotations

import errno
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from raw_peer import RawPeer, fragment, message, scp, serving

from workstation.net import AE, _config, evt
from workstation.net.codec.dimse import C_STORE_RQ, encode_command
from workstation.net.engine.assembly import AssemblyLimits
from workstation.net.sop_class import (
    CTImageStorage,
    PatientRootQueryRetrieveInformationModelMove,
)
from workstation.net.spool import SpooledDataSet

MOVE = PatientRootQueryRetrieveInformationModelMove


@pytest.fixture(autouse=True)
def spooling(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Spool into a folder of the test's that is empty at its end."""
    monkeypatch.setattr(_config, "STORE_RECV_CHUNKED_DATASET", True)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "spool"))
    (tmp_path / "spool").mkdir()
    yield tmp_path / "spool"
    assert list((tmp_path / "spool").iterdir()) == []


def request(**values: Any) -> C_STORE_RQ:
    given: dict[str, Any] = {
        "context_id": 1,
        "MessageID": 1,
        "AffectedSOPClassUID": CTImageStorage,
        "AffectedSOPInstanceUID": "1.2.3",
        "Priority": 0,
        "has_data_set": True,
    }
    return C_STORE_RQ(**(given | values))


@pytest.mark.parametrize("result", [0x0000, 0xA700, "raise"])
def test_the_file_is_there_for_the_handler_and_gone_after_it(samples: Path, spooling: Path, result: Any) -> None:
    sent = next((samples / "ct-chest").glob("*.dcm"))
    seen: list[Path] = []

    def on_store(event: Any) -> int:
        path = event.dataset_path
        seen.append(path)
        assert path.parent == spooling
        again = dcmread(path)
        assert again == dcmread(sent)
        assert again.file_meta.TransferSyntaxUID == event.context.transfer_syntax
        assert event.dataset == again
        assert sent.read_bytes().endswith(event.encoded_dataset(include_meta=False))
        assert event.request.data is None
        if result == "raise":
            raise ValueError("on purpose")
        return int(result)

    head = dcmread(sent, stop_before_pixels=True)
    ae, scu = AE(), AE()
    ae.add_supported_context(head.SOPClassUID, head.file_meta.TransferSyntaxUID)
    scu.add_requested_context(head.SOPClassUID, head.file_meta.TransferSyntaxUID)
    with serving(ae, [(evt.EVT_C_STORE, on_store)]) as server:
        assoc = scu.associate("127.0.0.1", server.server_address[1])
        status = assoc.send_c_store(sent, streamed=True).Status
        assoc.release()
    assert status == (0xC211 if result == "raise" else result)
    assert len(seen) == 1
    assert not seen[0].exists()


def test_a_data_set_too_large_for_memory_is_spooled_in_any_case(
    monkeypatch: pytest.MonkeyPatch, spooling: Path
) -> None:
    monkeypatch.setattr(_config, "STORE_RECV_CHUNKED_DATASET", False)
    small = AssemblyLimits(memory=10_000)
    monkeypatch.setattr("workstation.net.engine.assembly.AssemblyLimits", lambda: small)
    stored: list[tuple[bytes, bool]] = []

    def on_store(event: Any) -> int:
        stored.append((event.encoded_dataset(include_meta=False), event.request.data is None))
        return 0x0000

    with serving(scp(CTImageStorage), [(evt.EVT_C_STORE, on_store)]) as server:
        peer = RawPeer.associated(server, CTImageStorage)
        for size in (16000, 4000):
            head = b"\xe0\x7f\x10\x00" + size.to_bytes(4, "little")
            data = [head, *(bytes([number]) * 4000 for number in range(size // 4000))]
            peer.say(fragment(encode_command(request()), command=True))
            for index, piece in enumerate(data):
                peer.say(fragment(piece, command=False, last=index == len(data) - 1))
            answer = peer.hear_message()
            assert answer is not None
            assert answer.Status == 0x0000
            assert stored[-1] == (b"".join(data), size == 16000)
        peer.close()


def test_half_a_data_set_leaves_no_file(spooling: Path) -> None:
    closed = threading.Event()
    handlers = [(evt.EVT_C_STORE, lambda event: 0), (evt.EVT_CONN_CLOSE, lambda event: closed.set())]
    with serving(scp(CTImageStorage), handlers) as server:
        with RawPeer.associated(server, CTImageStorage) as peer:
            peer.say(fragment(encode_command(request()), command=True))
            peer.say(fragment(bytes(4000), command=False, last=False))
        assert closed.wait(5)


def test_a_request_that_lacks_its_uid_leaves_no_file() -> None:
    with serving(scp(CTImageStorage), [(evt.EVT_C_STORE, lambda event: 0)]) as server:
        peer = RawPeer.associated(server, CTImageStorage)
        whole = encode_command(request())
        uid = whole.rindex(b"\x00\x00\x00\x10")  # (0000,1000), Affected SOP Instance UID
        bare = whole[:uid] + whole[uid + 8 + 6 :]
        peer.say(fragment(bare, command=True) + fragment(b"\x10\x00\x10\x00\x00\x00\x00\x00", command=False))
        answer = peer.hear_message()
        assert answer is not None
        assert answer.Status == 0x0120
        peer.close()


def test_a_data_set_that_begins_like_file_meta_information_is_given_whole() -> None:
    given: list[bytes] = []
    version = b"\x02\x00\x13\x00\x04\x00\x00\x00MINE"  # some send what belongs into the file's head

    def on_store(event: Any) -> int:
        given.append(event.encoded_dataset(include_meta=False))
        assert event.dataset[0x0002, 0x0013].value == "MINE"
        return 0x0000

    with serving(scp(CTImageStorage), [(evt.EVT_C_STORE, on_store)]) as server:
        peer = RawPeer.associated(server, CTImageStorage)
        peer.say(message(request(), version))
        answer = peer.hear_message()
        assert answer is not None
        assert answer.Status == 0x0000
        peer.close()
    assert given == [version]


def test_a_full_disk_is_out_of_resources_and_the_next_object_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    real, stored = os.write, []

    def full(descriptor: int, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def on_store(event: Any) -> int:
        stored.append(event.dataset_path.read_bytes()[-8:])
        return 0x0000

    element = b"\x10\x00\x10\x00\x00\x00\x00\x00"
    with serving(scp(CTImageStorage), [(evt.EVT_C_STORE, on_store)]) as server:
        peer = RawPeer.associated(server, CTImageStorage)
        for write, status in ((full, 0xA700), (real, 0x0000)):
            monkeypatch.setattr(os, "write", write)
            peer.say(message(request(), element))
            answer = peer.hear_message()
            assert answer is not None
            assert answer.Status == status
        peer.close()
    assert stored == [element]


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_what_the_peer_names_never_becomes_a_path(spooling: Path) -> None:
    hostile = request(AffectedSOPInstanceUID="../../../etc/passwd" + "\0" * 3 + "9" * 70_000)
    sink = SpooledDataSet(hostile, "1.2.840.10008.1.2")
    sink.write(memoryview(b"\x10\x00\x10\x00\x00\x00\x00\x00"))
    sink.finish()
    assert sink.failure is None
    assert sink.path is not None
    assert sink.path.parent == spooling
    assert len(dcmread(sink.path).file_meta.MediaStorageSOPInstanceUID) <= 64
    sink.discard()
    sink.discard()


@pytest.mark.parametrize(("short", "length"), [(True, 4), (False, 16)])
def test_ae_titles_in_command_sets(monkeypatch: pytest.MonkeyPatch, short: bool, length: int) -> None:
    monkeypatch.setattr(_config, "USE_SHORT_DIMSE_AET", short)
    sent: list[bytes] = []
    query = Dataset()
    query.PatientID = "1"
    scu = AE()
    scu.add_requested_context(MOVE)
    handlers = [(evt.EVT_C_MOVE, lambda event: iter([(None, None)]))]
    with serving(scp(MOVE), handlers) as server:
        assoc = scu.associate(
            "127.0.0.1",
            server.server_address[1],
            evt_handlers=[(evt.EVT_DIMSE_SENT, lambda event: sent.append(encode_command(event.message)))],
        )
        ((status, _),) = assoc.send_c_move(query, "DEST", MOVE)
        assoc.release()
    assert status.Status == 0xA801
    assert b"\x00\x00\x00\x06" + length.to_bytes(4, "little") + b"DEST".ljust(length) in sent[0]
