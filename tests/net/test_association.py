"""Associations over real sockets, both ends ours: life, events, services, timeouts, threads."""

from __future__ import annotations

import logging
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from workstation.net import AE, build_context, build_role, dsutils, evt
from workstation.net.association import Association
from workstation.net.codec.pdu import A_ASSOCIATE_RJ
from workstation.net.data_sets import FIRST, STRETCH, EncodedDataSet
from workstation.net.listener import AssociationServer
from workstation.net.part10 import encode_head
from workstation.net.sop_class import (
    CTImageStorage,
    ModalityPerformedProcedureStep,
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    Printer,
    Verification,
)

FIND = PatientRootQueryRetrieveInformationModelFind
GET = PatientRootQueryRetrieveInformationModelGet
MOVE = PatientRootQueryRetrieveInformationModelMove
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
NOTIFICATIONS = [
    event for name in dir(evt) if name.startswith("EVT_") and (event := getattr(evt, name)).is_notification
]
Handlers = list[Any]


class Seen:
    """Remembers events; `until` waits for one."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self._changed = threading.Condition()

    def __call__(self, event: Any) -> None:
        with self._changed:
            self.events.append((event.event.name, event))
            self._changed.notify_all()

    @property
    def handlers(self) -> Handlers:
        return [(event, self) for event in NOTIFICATIONS]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    def until(self, name: str, seconds: float = 15.0) -> Any:
        with self._changed:
            assert self._changed.wait_for(lambda: name in self.names, seconds), f"no {name}: {self.names}"
        return next(event for seen, event in self.events if seen == name)


@contextmanager
def serving(ae: AE, handlers: Handlers | None = None, **options: Any) -> Iterator[AssociationServer]:
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers, **options)
    assert server is not None
    try:
        yield server
    finally:
        server.shutdown()


def scp(*uids: str) -> AE:
    ae = AE("SCP")
    for uid in uids or (Verification,):
        ae.add_supported_context(uid)
    return ae


def ask(server: AssociationServer, *uids: str, ae: AE | None = None, **options: Any) -> Association:
    ae = ae or AE("SCU")
    for uid in uids or (Verification,):
        ae.add_requested_context(uid)
    return ae.associate("127.0.0.1", server.server_address[1], **options)


def test_echo_and_release() -> None:
    with serving(scp()) as server:
        assoc = ask(server)
        assert assoc.is_established
        assert assoc.is_alive()
        assert [c.abstract_syntax for c in assoc.accepted_contexts] == [Verification]
        assert assoc.send_c_echo().Status == 0x0000
        assert assoc.requestor.ae_title == "SCU"
        assert assoc.acceptor.ae_title == "ANY-SCP"
        assert set(assoc.timings) == {"connect", "negotiate"}
        assoc.release()
        assert (assoc.is_released, assoc.is_aborted, assoc.is_established) == (True, False, False)
        assoc.abort()
        assert not assoc.is_aborted
        with pytest.raises(RuntimeError, match="established"):
            assoc.send_c_echo()


def test_every_notification_event_on_both_sides_in_wire_order() -> None:
    ours, theirs = Seen(), Seen()
    with serving(scp(), theirs.handlers) as server:
        ask(server, evt_handlers=ours.handlers).send_c_echo()
        first = [name for name in ours.names if name != "EVT_FSM_TRANSITION"]
        assert first == [
            "EVT_REQUESTED", "EVT_CONN_OPEN", "EVT_ACSE_SENT", "EVT_PDU_SENT", "EVT_DATA_SENT",
            "EVT_DATA_RECV", "EVT_PDU_RECV", "EVT_ACSE_RECV", "EVT_ACCEPTED", "EVT_ESTABLISHED",
            "EVT_DIMSE_SENT", "EVT_PDU_SENT", "EVT_DATA_SENT", "EVT_DATA_RECV", "EVT_PDU_RECV", "EVT_DIMSE_RECV",
        ]  # fmt: skip
        ours_released = ask(server, evt_handlers=ours.handlers)
        ours_released.release()
        ours.until("EVT_RELEASED")
        theirs.until("EVT_RELEASED")
    ours.until("EVT_ABORTED")  # the server's shutdown aborted the first association
    theirs.until("EVT_ABORTED")
    refusing = scp()
    refusing.require_called_aet = True
    with serving(refusing, theirs.handlers) as server:
        assert ask(server, evt_handlers=ours.handlers).is_rejected
        theirs.until("EVT_REJECTED")
        theirs.until("EVT_CONN_CLOSE")
    assert len(NOTIFICATIONS) == 17
    assert set(ours.names) == set(theirs.names) == {event.name for event in NOTIFICATIONS}


def test_rejections_say_who_and_why() -> None:
    ae = scp()
    ae.require_called_aet = True
    with serving(ae) as server:
        assoc = ask(server, ae_title="WRONG")
        assert assoc.is_rejected
        assert assoc.rejection == A_ASSOCIATE_RJ(result=1, source=1, reason=7)
        assert "called-AE-title" in assoc.end_reason
        ae.require_called_aet = False
        ae.require_calling_aet = ["FRIEND"]
        assert ask(server).rejection == A_ASSOCIATE_RJ(result=1, source=1, reason=3)
        ae.require_calling_aet = []
        ae.maximum_associations = 1
        first = ask(server)
        assert first.is_established
        assert ask(server).rejection == A_ASSOCIATE_RJ(result=2, source=3, reason=2)
        first.release()
        again = ask(server)
        assert again.is_established
        again.release()
        server.admit = lambda assoc, request: A_ASSOCIATE_RJ(result=2, source=1, reason=1)
        assert ask(server).rejection == A_ASSOCIATE_RJ(result=2, source=1, reason=1)


def test_no_accepted_context_is_an_abort() -> None:
    with serving(scp()) as server:
        assoc = ask(server, CTImageStorage)
        assert assoc.is_aborted
        assert not assoc.is_rejected
        assert [c.result for c in assoc.rejected_contexts] == [3]


def test_nobody_there(free_port: int) -> None:
    ae = AE()
    ae.add_requested_context(Verification)
    seen = Seen()
    assoc = ae.associate("127.0.0.1", free_port, evt_handlers=seen.handlers)
    assert assoc.is_aborted
    assert isinstance(assoc.connection_error, ConnectionRefusedError)
    assert "EVT_CONN_OPEN" not in seen.names
    assert "EVT_ABORTED" in seen.names
    assert ae.active_associations == []


def test_a_listener_that_never_answers_ends_with_the_acse_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ae = AE()
        ae.acse_timeout = 0.3
        ae.add_requested_context(Verification)
        started = time.monotonic()
        assoc = ae.associate("127.0.0.1", silent.getsockname()[1])
        assert assoc.is_aborted
        assert "ACSE timeout" in assoc.end_reason
        assert time.monotonic() - started < 2.0


def test_handlers_of_two_and_three_items_and_errors_in_notification_handlers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    got: list[Any] = []

    def on_echo(event: Any, first: str, second: int) -> int:
        got.append((first, second, event.message_id, event.context.abstract_syntax, event.assoc.is_acceptor))
        return 0x0000

    def broken(event: Any) -> None:
        raise KeyError("broken")

    handlers = [(evt.EVT_C_ECHO, on_echo, ["a", 2]), (evt.EVT_DIMSE_RECV, broken)]
    with serving(scp(), handlers) as server:
        assoc = ask(server)
        assert assoc.send_c_echo(7).Status == 0x0000
        assoc.release()
    assert got == [("a", 2, 7, Verification, True)]
    assert "broken" in caplog.text


def test_bind_and_unbind_on_a_live_association() -> None:
    seen = Seen()
    with serving(scp()) as server:
        assoc = ask(server)
        server.bind(evt.EVT_C_ECHO, lambda event: 0x0122)
        assert assoc.send_c_echo().Status == 0x0122
        handler = server.get_handlers(evt.EVT_C_ECHO)[0]
        server.unbind(evt.EVT_C_ECHO, handler)
        assert assoc.send_c_echo().Status == 0x0000
        assoc.bind(evt.EVT_DIMSE_SENT, seen)
        assoc.send_c_echo()
        assoc.unbind(evt.EVT_DIMSE_SENT, seen)
        assoc.send_c_echo()
        assoc.release()
    assert seen.names == ["EVT_DIMSE_SENT"]


@pytest.mark.parametrize(
    ("given", "status"),
    [(0x0000, 0x0000), (0xA700, 0xA700), ("raise", 0xC211), (None, 0xC002), (Dataset(), 0xC001), (0x1234, 0x1234)],
)
def test_what_a_store_handler_gives_is_what_the_peer_gets(samples: Path, given: Any, status: int) -> None:
    def on_store(event: Any) -> Any:
        if given == "raise":
            raise ValueError("on purpose")
        return given

    data_set = dcmread(next((samples / "ct-chest").glob("*.dcm")))
    with serving(scp(CTImageStorage), [(evt.EVT_C_STORE, on_store)]) as server:
        assoc = ask(server, CTImageStorage)
        assert assoc.send_c_store(data_set).Status == status
        assoc.release()


def test_a_status_data_set_carries_its_elements() -> None:
    status = Dataset()
    status.Status = 0x0110
    status.ErrorComment = "Not today"
    status.OffendingElement = [0x00100010]
    with serving(scp(CTImageStorage), [(evt.EVT_C_STORE, lambda event: status)]) as server:
        assoc = ask(server, CTImageStorage)
        data_set = Dataset()
        data_set.SOPClassUID, data_set.SOPInstanceUID = CTImageStorage, "1.2.3"
        data_set.file_meta = _meta("1.2.840.10008.1.2")
        answer = assoc.send_c_store(data_set)
        assoc.release()
    assert (answer.Status, answer.ErrorComment, answer.OffendingElement) == (0x0110, "Not today", 0x00100010)


def _meta(syntax: str) -> Any:
    from pydicom.dataset import FileMetaDataset

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    return meta


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("maximum", [128, 16382, 131072, 0])
def test_stored_bytes_are_the_files_bytes(samples: Path, streamed: bool, maximum: int) -> None:
    paths = sorted(samples.rglob("*.dcm"))[::4]
    stored: dict[str, bytes] = {}

    def on_store(event: Any) -> int:
        stored[event.request.AffectedSOPInstanceUID] = event.encoded_dataset(include_meta=False)
        return 0x0000

    ae = AE()
    ae.maximum_pdu_size = maximum
    scu = AE()
    for path in paths:
        head = dcmread(path, stop_before_pixels=True)
        ae.add_supported_context(head.SOPClassUID, head.file_meta.TransferSyntaxUID)
        scu.add_requested_context(head.SOPClassUID, head.file_meta.TransferSyntaxUID)
    with serving(ae, [(evt.EVT_C_STORE, on_store)]) as server:
        assoc = scu.associate("127.0.0.1", server.server_address[1])
        for path in paths:
            assert assoc.send_c_store(path, streamed=streamed).Status == 0x0000
        assoc.release()
    assert len(stored) == len(paths)
    for path in paths:
        raw = path.read_bytes()
        uid = dcmread(path, stop_before_pixels=True).SOPInstanceUID
        if streamed:
            assert raw.endswith(stored[uid])
        assert len(stored[uid]) > 0


def test_objects_that_cannot_be_sent_are_refused_before_a_byte_leaves(samples: Path, tmp_path: Path) -> None:
    path = next((samples / "ct-chest").glob("*.dcm"))
    with serving(scp(CTImageStorage), [(evt.EVT_C_STORE, lambda event: 0)]) as server:
        assoc = ask(server, CTImageStorage)
        text = tmp_path / "note.txt"
        text.write_text("no DICOM")
        with pytest.raises(AttributeError, match="DICM"):
            assoc.send_c_store(text, streamed=True)
        with pytest.raises(FileNotFoundError):
            assoc.send_c_store(tmp_path / "absent.dcm", streamed=True)
        with pytest.raises(ValueError, match="no presentation context"):
            assoc.send_c_store(next((samples / "mr-head").glob("*.dcm")), streamed=True)
        data_set = dcmread(path)
        del data_set.SOPInstanceUID
        with pytest.raises(AttributeError, match="SOPInstanceUID"):
            assoc.send_c_store(data_set)
        with pytest.raises(ValueError, match="Message ID"):
            assoc.send_c_store(path, msg_id=65536)
        assert assoc.send_c_store(path, streamed=True).Status == 0x0000
        assoc.release()


@pytest.mark.parametrize("maximum_length", [4096, 16382, 131072, 0])
def test_a_file_leaves_as_the_bytes_that_it_has(tmp_path: Path, maximum_length: int) -> None:
    sinks: list[MemorySink] = []

    def offer(*_: Any) -> MemorySink:
        sinks.append(MemorySink())
        return sinks[-1]

    server_ae = scp(CTImageStorage)
    server_ae.maximum_pdu_size = maximum_length
    path = tmp_path / "object.dcm"
    head = encode_head(
        sop_class_uid=CTImageStorage,
        sop_instance_uid="1.2.3",
        transfer_syntax_uid=IMPLICIT,
        implementation_class_uid="1.2.3.4",
    )
    with serving(server_ae, [(evt.EVT_C_STORE, lambda event: 0x0000)], sink_factory=offer) as server:
        scu = AE()
        scu.add_requested_context(CTImageStorage, IMPLICIT)
        assoc = ask(server, CTImageStorage, ae=scu)
        fragment = assoc.fragment
        for size in (0, 1, FIRST, FIRST + 1, fragment, fragment + 2, STRETCH + FIRST, 2 * STRETCH + 3 * fragment + 7):
            data = random.Random(size).randbytes(size)
            path.write_bytes(head + data)
            assert assoc.send_c_store(path, streamed=True).Status == 0x0000
            assert sinks[-1].data == data + bytes(size % 2)
            assert sinks[-1].state == "finished"
        assoc.release()


class MemorySink:
    """Collects fragments, as a file would."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.fragments = 0
        self.state = "open"

    def write(self, fragment: memoryview) -> None:
        self.data += fragment
        self.fragments += 1

    def finish(self) -> None:
        self.state = "finished"

    def discard(self) -> None:
        self.state = "discarded"


def test_a_sink_gets_the_fragments_as_they_arrive(samples: Path) -> None:
    sinks: list[MemorySink] = []

    def offer(*_: Any) -> MemorySink:
        sinks.append(MemorySink())
        return sinks[-1]

    def on_store(event: Any) -> int:
        assert event.sink.state == "finished"
        return 0x0000

    path = next((samples / "ct-chest").glob("*.dcm"))
    with serving(scp(CTImageStorage), [(evt.EVT_C_STORE, on_store)], sink_factory=offer) as server:
        scu = AE()
        scu.add_requested_context(CTImageStorage, dcmread(path).file_meta.TransferSyntaxUID)
        assoc = ask(server, CTImageStorage, ae=scu)
        assert assoc.send_c_store(path, streamed=True).Status == 0x0000
        assoc.release()
    assert path.read_bytes().endswith(sinks[0].data)
    assert sinks[0].fragments > 1


def test_half_an_object_is_discarded_when_the_peer_goes(samples: Path) -> None:
    from workstation.net.codec.dimse import C_STORE_RQ, encode_command
    from workstation.net.codec.pdu import P_DATA_TF, PDV, encode_pdu

    sinks: list[MemorySink] = []
    opened = threading.Event()

    def offer(*_: Any) -> MemorySink:
        sinks.append(MemorySink())
        opened.set()
        return sinks[-1]

    closed = Seen()
    handlers = [(evt.EVT_C_STORE, lambda event: 0), *closed.handlers]
    with serving(scp(CTImageStorage), handlers, sink_factory=offer) as server:
        assoc = ask(server, CTImageStorage)
        request = C_STORE_RQ(
            MessageID=1, AffectedSOPClassUID=CTImageStorage, AffectedSOPInstanceUID="1.2", Priority=0, has_data_set=True
        )
        parts = (
            PDV(context_id=1, is_command=True, is_last=True, data=encode_command(request)),
            PDV(context_id=1, is_command=False, is_last=False, data=bytes(100)),
        )
        assoc._connection._socket.sendall(encode_pdu(P_DATA_TF(pdvs=parts)))
        assert opened.wait(5)
        assoc.kill()
        closed.until("EVT_CONN_CLOSE")
        assoc.join(5)
    assert sinks[0].state == "discarded"


def _identifier(**values: str) -> Dataset:
    identifier = Dataset()
    for keyword, value in values.items():
        setattr(identifier, keyword, value)
    return identifier


def test_find_yields_matches_and_ends_without_identifier() -> None:
    def on_find(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        assert event.identifier.PatientID == "*"
        for number in range(3):
            yield 0xFF00, _identifier(QueryRetrieveLevel="PATIENT", PatientID=f"P{number}")

    with serving(scp(FIND), [(evt.EVT_C_FIND, on_find)]) as server:
        assoc = ask(server, FIND)
        query = _identifier(QueryRetrieveLevel="PATIENT", PatientID="*")
        results = list(assoc.send_c_find(query, FIND))
        assert [(s.Status, i.PatientID if i else None) for s, i in results] == [
            (0xFF00, "P0"), (0xFF00, "P1"), (0xFF00, "P2"), (0x0000, None)
        ]  # fmt: skip
        assoc.release()


@pytest.mark.parametrize(("syntax", "statuses"), [(EXPLICIT, [0xFF00, 0x0000]), (IMPLICIT, [0xC312])])
def test_a_find_handler_may_give_what_it_has_encoded(syntax: str, statuses: list[int]) -> None:
    match = _identifier(QueryRetrieveLevel="PATIENT", PatientID="P1")

    def on_find(event: Any) -> Iterator[tuple[int, EncodedDataSet]]:
        yield 0xFF00, EncodedDataSet(dsutils.encode_in(match, syntax) or b"", syntax)

    ae = AE("SCP")
    ae.add_supported_context(FIND, EXPLICIT)
    with serving(ae, [(evt.EVT_C_FIND, on_find)]) as server:
        assoc = ask(server, FIND)
        results = list(assoc.send_c_find(_identifier(PatientID="*"), FIND))
        assert [s.Status for s, _ in results] == statuses
        assert [i for _, i in results if i] == [match] * (len(statuses) - 1)
        assoc.release()


def test_cancel_reaches_a_handler_that_is_at_work() -> None:
    begun = threading.Event()

    def on_find(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        for number in range(100_000):
            if event.is_cancelled:
                yield 0xFE00, None
                return
            begun.set()
            yield 0xFF00, _identifier(QueryRetrieveLevel="PATIENT", PatientID=f"P{number}")

    with serving(scp(FIND), [(evt.EVT_C_FIND, on_find)]) as server:
        assoc = ask(server, FIND)
        responses = assoc.send_c_find(_identifier(QueryRetrieveLevel="PATIENT", PatientID=""), FIND, msg_id=5)
        assert next(responses)[0].Status == 0xFF00
        assert begun.wait(5)
        assoc.send_c_cancel(5, query_model=FIND)
        assert [status.Status for status, _ in responses][-1] == 0xFE00
        assert assoc.send_c_echo is not None
        assert assoc.is_established
        assoc.release()


@pytest.mark.parametrize("status", ["raise", 0xA700, None])
def test_find_handlers_that_fail_or_say_nothing(status: Any) -> None:
    def on_find(event: Any) -> Any:
        if status == "raise":
            raise ValueError("on purpose")
        return iter([(status, None)]) if status else None

    with serving(scp(FIND), [(evt.EVT_C_FIND, on_find)]) as server:
        assoc = ask(server, FIND)
        results = list(assoc.send_c_find(_identifier(PatientID="*"), FIND))
        assert [s.Status for s, _ in results] == [{"raise": 0xC311, 0xA700: 0xA700, None: 0x0000}[status]]
        assoc.release()


def test_get_stores_over_the_same_association(samples: Path) -> None:
    paths = sorted((samples / "ct-chest").glob("*.dcm"))[:3]
    got: list[str] = []

    def on_get(event: Any) -> Iterator[Any]:
        yield 3
        yield 0xFF00, paths[0]
        yield 0xFF00, dcmread(paths[1])
        yield 0xFF00, paths[2]

    ae = AE()
    ae.add_supported_context(GET)
    ae.add_supported_context(CTImageStorage, scu_role=True, scp_role=True)
    with serving(ae, [(evt.EVT_C_GET, on_get)]) as server:
        handlers = [(evt.EVT_C_STORE, lambda event: got.append(event.dataset.SOPInstanceUID) or 0x0000)]
        roles = [build_role(CTImageStorage, scp_role=True)]
        assoc = ask(server, GET, CTImageStorage, ext_neg=roles, evt_handlers=handlers)
        results = list(assoc.send_c_get(_identifier(QueryRetrieveLevel="PATIENT", PatientID="1"), GET))
        assert [s.Status for s, _ in results] == [0xFF00, 0xFF00, 0xFF00, 0x0000]
        assert results[-1][0].NumberOfCompletedSuboperations == 3
        assert "NumberOfRemainingSuboperations" not in results[-1][0]
        assert got == [dcmread(path).SOPInstanceUID for path in paths]
        assert assoc.is_established
        assoc.release()


def test_move_goes_to_the_destination_with_its_originator(samples: Path) -> None:
    paths = sorted((samples / "ct-chest").glob("*.dcm"))[:2]
    stored: list[Any] = []
    destination = AE("DEST")
    destination.add_supported_context(CTImageStorage)
    source = scp(MOVE)
    source.add_requested_context(CTImageStorage)

    def on_store(event: Any) -> int:
        request = event.request
        stored.append((request.MoveOriginatorApplicationEntityTitle, request.MoveOriginatorMessageID))
        return 0x0000 if len(stored) == 1 else 0xA700

    with serving(destination, [(evt.EVT_C_STORE, on_store)]) as there:

        def on_move(event: Any) -> Iterator[Any]:
            assert event.move_destination == "DEST"
            yield "127.0.0.1", there.server_address[1]
            yield 2
            for path in paths:
                yield 0xFF00, path

        with serving(source, [(evt.EVT_C_MOVE, on_move)]) as server:
            assoc = ask(server, MOVE)
            results = list(assoc.send_c_move(_identifier(PatientID="1"), "DEST", MOVE, msg_id=9))
            assoc.release()
    assert [s.Status for s, _ in results] == [0xFF00, 0xFF00, 0xB000]
    assert stored == [("SCU", 9), ("SCU", 9)]
    failed = results[-1][1]
    assert failed is not None
    assert failed.FailedSOPInstanceUIDList == dcmread(paths[1]).SOPInstanceUID


@pytest.mark.parametrize(
    ("items", "status"),
    [([(None, None)], 0xA801), ([], 0xC514), ([("127.0.0.1", 1)], 0xC513), ([("127.0.0.1", 1), "many"], 0xC513)],
)
def test_move_handlers_that_cannot_say_where_or_how_many(items: list[Any], status: int) -> None:
    source = scp(MOVE)
    source.add_requested_context(CTImageStorage)
    with serving(source, [(evt.EVT_C_MOVE, lambda event: iter(items))]) as server:
        assoc = ask(server, MOVE)
        results = list(assoc.send_c_move(_identifier(PatientID="1"), "DEST", MOVE))
        assoc.release()
    assert [s.Status for s, _ in results] == [status]


def test_move_to_a_destination_that_does_not_listen(free_port: int) -> None:
    source = scp(MOVE)
    source.add_requested_context(CTImageStorage)
    items = [("127.0.0.1", free_port), 1]
    with serving(source, [(evt.EVT_C_MOVE, lambda event: iter(items))]) as server:
        assoc = ask(server, MOVE)
        ((status, _),) = assoc.send_c_move(_identifier(PatientID="1"), "DEST", MOVE)
        assoc.release()
    assert status.Status == 0xA801
    assert status.ErrorComment


def test_n_services_reach_their_handlers() -> None:
    def on_create(event: Any) -> tuple[int, Dataset]:
        assert event.attribute_list.PerformedProcedureStepStatus == "IN PROGRESS"
        return 0x0000, _identifier(PatientID="made")

    with serving(scp(ModalityPerformedProcedureStep), [(evt.EVT_N_CREATE, on_create)]) as server:
        assoc = ask(server, ModalityPerformedProcedureStep)
        status, reply = assoc.send_n_create(
            _identifier(PerformedProcedureStepStatus="IN PROGRESS"), ModalityPerformedProcedureStep, "1.2.3"
        )
        assert (status.Status, status.AffectedSOPInstanceUID) == (0x0000, "1.2.3")
        assert reply is not None
        assert reply.PatientID == "made"
        status, reply = assoc.send_n_set(_identifier(PatientID="x"), ModalityPerformedProcedureStep, "1.2.3")
        assert (status.Status, reply) == (0x0110, None)
        assoc.release()


def test_the_other_n_services_carry_their_own_elements() -> None:
    got: dict[str, Any] = {}

    def on_get(event: Any) -> tuple[int, Dataset]:
        got["get"] = [int(tag) for tag in event.attribute_identifiers]
        return 0x0000, _identifier(PatientID="found")

    def on_action(event: Any) -> tuple[int, Dataset]:
        got["action"] = (event.action_type, event.action_information.PatientID)
        return 0x0000, _identifier(PatientID="done")

    def on_report(event: Any) -> tuple[int, None]:
        got["report"] = (event.event_type, event.event_information.PatientID)
        return 0x0000, None

    def on_delete(event: Any) -> int:
        got["delete"] = event.request.RequestedSOPInstanceUID
        return 0x0112

    ae = AE()
    ae.add_supported_context(Printer, scu_role=True, scp_role=True)
    handlers = [
        (evt.EVT_N_GET, on_get),
        (evt.EVT_N_ACTION, on_action),
        (evt.EVT_N_EVENT_REPORT, on_report),
        (evt.EVT_N_DELETE, on_delete),
    ]
    with serving(ae, handlers) as server:
        roles = [build_role(Printer, scu_role=True, scp_role=True)]
        assoc = ask(server, Printer, ext_neg=roles)
        status, reply = assoc.send_n_get([0x00100020, (0x0010, 0x0010)], Printer, "1.2.3")
        assert (status.Status, reply.PatientID if reply else None) == (0x0000, "found")
        status, reply = assoc.send_n_action(_identifier(PatientID="do"), 4, Printer, "1.2.3")
        assert (status.Status, reply.PatientID if reply else None) == (0x0000, "done")
        status, reply = assoc.send_n_event_report(_identifier(PatientID="told"), 2, Printer, "1.2.3")
        assert (status.Status, status.EventTypeID, len(reply or ())) == (0x0000, 2, 0)
        assert assoc.send_n_delete(Printer, "1.2.3").Status == 0x0112
        assoc.release()
    assert got == {
        "get": [0x00100020, 0x00100010],
        "action": (4, "do"),
        "report": (2, "told"),
        "delete": "1.2.3",
    }


def test_contexts_can_be_taken_back() -> None:
    ae = AE()
    ae.add_supported_context(Verification, ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
    ae.remove_supported_context(Verification, "1.2.840.10008.1.2")
    assert [str(syntax) for syntax in ae.supported_contexts[0].transfer_syntax] == ["1.2.840.10008.1.2.1"]
    ae.remove_supported_context(Verification, "1.2.840.10008.1.2.1")
    assert ae.supported_contexts == []
    ae.add_requested_context(Verification)
    ae.add_requested_context(CTImageStorage)
    ae.remove_requested_context(Verification)
    assert [context.abstract_syntax for context in ae.requested_contexts] == [CTImageStorage]


def test_a_slow_handler_does_not_make_the_association_deaf() -> None:
    begun, let_go = threading.Event(), threading.Event()
    seen = Seen()

    def on_echo(event: Any) -> int:
        begun.set()
        event.over.wait(30)  # ends with the association
        let_go.set()
        return 0x0000

    with serving(scp(), [(evt.EVT_C_ECHO, on_echo), *seen.handlers]) as server:
        assoc = ask(server)
        waiting = threading.Thread(target=assoc.send_c_echo)
        waiting.start()
        # A request that has arrived is not answered yet; one whose association is over by then never is.
        assert begun.wait(15)
        assoc.abort()
        seen.until("EVT_ABORTED")
        assert let_go.wait(15)
        waiting.join(15)
        assert not waiting.is_alive()


def test_a_dimse_timeout_aborts_and_gives_an_empty_status() -> None:
    with serving(scp(), [(evt.EVT_C_ECHO, lambda event: event.over.wait(30) and 0)]) as server:
        ae = AE()
        ae.dimse_timeout = 0.2
        assoc = ask(server, ae=ae)
        status = assoc.send_c_echo()
        assert "Status" not in status
        assert assoc.is_aborted
        assert "DIMSE timeout" in assoc.end_reason


def test_opening_a_connection_can_be_cancelled() -> None:
    # a listener whose backlog is full never answers: the connection stays under way
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        ae = AE()
        ae.add_requested_context(Verification)
        results: list[Association] = []
        thread = threading.Thread(target=lambda: results.append(ae.associate("127.0.0.1", deaf.getsockname()[1])))
        thread.start()
        while not ae.active_associations:
            assert thread.is_alive()
        (assoc,) = ae.active_associations
        assoc.abort()
        thread.join(5)
        assert not thread.is_alive()
        for filler in fillers:
            filler.close()
    assert results[0].is_aborted
    assert results[0].over.is_set()


@pytest.mark.parametrize(("response", "flag"), [("A-ABORT", "is_aborted"), ("A-RELEASE", "is_released")])
def test_the_network_timeout_ends_an_idle_association(response: str, flag: str) -> None:
    with serving(scp()) as server:
        assoc = ask(server)
        assoc.network_timeout_response = response
        assoc.network_timeout = 0.2
        assert assoc.over.wait(5)
        assert getattr(assoc, flag)


def test_handlers_may_abort_and_release() -> None:
    with serving(scp(), [(evt.EVT_C_ECHO, lambda event: event.assoc.abort() or 0)]) as server:
        assoc = ask(server)
        assert "Status" not in assoc.send_c_echo()
        assert assoc.is_aborted
    with serving(scp(), [(evt.EVT_C_ECHO, lambda event: event.assoc.release() or 0)]) as server:
        assoc = ask(server)
        assert "Status" not in assoc.send_c_echo()
        assert assoc.is_released


def test_shutdown_ends_everything_at_once() -> None:
    ae = scp()
    ae.maximum_associations = 50
    server = ae.start_server(("127.0.0.1", 0), block=False)
    assert server is not None
    associations = [ask(server) for _ in range(20)]
    assert len(server.active_associations) == 20
    started = time.monotonic()
    server.shutdown()
    assert time.monotonic() - started < 3.0
    assert all(assoc.over.wait(2) and assoc.is_aborted for assoc in associations)
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(server.server_address)
    assert ae.active_associations == []


def test_a_port_in_use_is_an_oserror() -> None:
    with serving(scp()) as server, pytest.raises(OSError, match="in use"):
        scp().start_server(server.server_address, block=False)


def test_blocking_server_ends_with_shutdown(free_port: int) -> None:
    ae = scp()
    thread = threading.Thread(target=lambda: ae.start_server(("127.0.0.1", free_port), block=True))
    thread.start()
    scu = AE()
    scu.add_requested_context(Verification)

    def established() -> Association:
        while True:
            assoc = scu.associate("127.0.0.1", free_port)
            if assoc.is_established:
                return assoc

    assoc = established()
    assert assoc.send_c_echo().Status == 0
    assoc.release()
    ae.shutdown()
    thread.join(5)
    assert not thread.is_alive()


def test_many_associations_at_once() -> None:
    ae = scp()
    ae.maximum_associations = 100
    failures: list[str] = []

    def work(server: AssociationServer) -> None:
        assoc = ask(server)
        statuses = [assoc.send_c_echo().get("Status") for _ in range(20)] if assoc.is_established else []
        assoc.release()
        if statuses != [0] * 20:
            failures.append(assoc.end_reason)

    with serving(ae) as server:
        threads = [threading.Thread(target=work, args=(server,)) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert failures == []


def test_byte_string_ae_titles_are_deprecated_and_work() -> None:
    with pytest.warns(DeprecationWarning, match="str"):
        ae = AE(ae_title=b"OLD_STYLE")
    assert ae.ae_title == "OLD_STYLE"


@pytest.mark.parametrize("title", ["", " " * 4, "SEVENTEEN_LETTERS", "BACK\\SLASH", "ÜMLAUT", "TAB\t"])
def test_bad_ae_titles(title: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        AE(ae_title=title)


def test_arguments_of_associate() -> None:
    ae = AE()
    with pytest.raises(RuntimeError):
        ae.associate("127.0.0.1", 1)
    ae.add_requested_context(Verification)
    with pytest.raises(TypeError):
        ae.associate(b"127.0.0.1", 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        ae.associate("127.0.0.1", "1")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="128"):
        ae.requested_contexts = [*ae.requested_contexts] * 129


def test_callers_contexts_keep_their_ids_empty() -> None:
    with serving(scp()) as server:
        ae = AE()
        ae.add_requested_context(Verification)
        contexts = ae.requested_contexts
        assoc = ae.associate("127.0.0.1", server.server_address[1], contexts=contexts)
        assert contexts[0].context_id is None
        assert assoc.accepted_contexts[0].context_id == 1
        assoc.release()


def test_debug_logging_speaks_and_can_be_silenced(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "workstation.net"), serving(scp()) as server:
        assoc = ask(server)
        assoc.send_c_echo()
        assoc.release()
    assert "C-ECHO-RQ" in caplog.text


def test_timeouts_of_the_ae_reach_live_associations() -> None:
    with serving(scp()) as server:
        ae = AE()
        assoc = ask(server, ae=ae)
        ae.acse_timeout, ae.dimse_timeout, ae.network_timeout = 5, 6, 7
        assert (assoc.acse_timeout, assoc.dimse_timeout, assoc.network_timeout) == (5, 6, 7)
        ae.acse_timeout = "soon"  # type: ignore[assignment]
        assert ae.acse_timeout == 30
        assoc.release()


def test_a_callable_runs_once(free_port: int) -> None:
    ran: list[Callable[..., Any]] = []
    with serving(scp()) as server:
        assoc = ask(server, evt_handlers=[(evt.EVT_ESTABLISHED, ran.append)])
        assoc.release()
    assert len(ran) == 1


def test_contexts_that_are_set_are_added_and_an_empty_list_takes_all_away() -> None:
    ae = AE()
    ae.add_supported_context(Verification)
    ae.supported_contexts = [build_context(CTImageStorage)]
    ae.add_requested_context(Verification)
    ae.requested_contexts = [build_context(CTImageStorage)]
    assert {context.abstract_syntax for context in ae.supported_contexts} == {Verification, CTImageStorage}
    assert [context.abstract_syntax for context in ae.requested_contexts] == [Verification, CTImageStorage]
    with pytest.raises(ValueError, match="128"):
        ae.requested_contexts = [build_context(CTImageStorage)] * 127
    assert len(ae.requested_contexts) == 2
    ae.supported_contexts = ae.requested_contexts = []
    assert ae.supported_contexts == ae.requested_contexts == []


def test_handlers_may_give_lists_where_tuples_are_documented() -> None:
    match = _identifier(PatientID="1")
    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, "1.2.3"
    image.file_meta = _meta("1.2.840.10008.1.2")
    stored: list[str] = []

    def on_store(event: Any) -> int:
        stored.append(event.dataset.SOPInstanceUID)
        return 0x0000

    with serving(scp(CTImageStorage), [(evt.EVT_C_STORE, on_store)]) as store:
        port = store.server_address[1]
        source = scp(FIND, MOVE)
        source.add_requested_context(CTImageStorage)
        handlers = [
            (evt.EVT_C_FIND, lambda event: iter([[0xFF00, match]])),
            (evt.EVT_C_MOVE, lambda event: iter([["127.0.0.1", port], 1, [0xFF00, image]])),
        ]
        with serving(source, handlers) as server:
            assoc = ask(server, FIND, MOVE)
            found = [(s.Status, i and i.PatientID) for s, i in assoc.send_c_find(match, FIND)]
            moved = [s.Status for s, _ in assoc.send_c_move(match, "DEST", MOVE)]
            assoc.release()
    assert (found, moved, stored) == ([(0xFF00, "1"), (0x0000, None)], [0xFF00, 0x0000], ["1.2.3"])


@pytest.mark.parametrize("tls", [("context", None), (ssl.create_default_context(),), "context"])
def test_tls_arguments_that_cannot_be_are_refused_before_connecting(tls: Any) -> None:
    with serving(scp()) as server, pytest.raises(TypeError, match="tls_args"):
        ask(server, tls_args=tls)


def test_what_an_end_said_is_its_primitive() -> None:
    asked: list[Any] = []
    with serving(scp(), [(evt.EVT_REQUESTED, lambda event: asked.append(event.assoc.requestor.primitive))]) as server:
        assoc = ask(server)
        assoc.release()
    assert asked[0].calling_ae_title == "SCU"
    assert assoc.requestor.primitive.called_ae_title == "ANY-SCP"
    assert assoc.acceptor.primitive.result == 0
