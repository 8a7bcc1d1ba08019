"""Events, what they offer, and the handlers bound to them."""

from __future__ import annotations

import logging
import struct
import time
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from workstation.net import _globals, dsutils, events, sop_class
from workstation.net.codec import dimse
from workstation.net.events import Event, Handlers
from workstation.net.presentation import PresentationContextTuple

CT = sop_class.CTImageStorage


class Assoc:
    """What `trigger` needs of an association."""

    def __init__(self) -> None:
        self.handlers = Handlers()

    def get_handlers(self, event: events.EventType) -> Any:
        return self.handlers.get_handlers(event)


def service_event(
    event: events.InterventionEvent, request: dimse.Message, syntax: UID = ImplicitVRLittleEndian, **attrs: Any
) -> Event:
    context = PresentationContextTuple(1, UID(CT), syntax)
    return Event(Assoc(), event, {"request": request, "context": context, **attrs})  # type: ignore[arg-type]


def identifier(**values: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def encoded(dataset: Dataset, syntax: UID = ImplicitVRLittleEndian) -> bytes:
    return dsutils.encode_in(dataset, syntax) or b""


# ------------------------------------------------------------------- the events themselves
def test_17_notification_and_15_intervention_events() -> None:
    assert len(events.NOTIFICATION_EVENTS) == 17
    assert len(events.INTERVENTION_EVENTS) == 15
    constants = {value for name, value in vars(events).items() if name.startswith("EVT_")}
    assert constants == {*events.NOTIFICATION_EVENTS, *events.INTERVENTION_EVENTS}
    for event in constants:
        assert getattr(events, event.name) is event
        assert str(event) == event.name
        assert event.description
        assert event.is_notification is not event.is_intervention


def test_every_service_has_a_status_for_unhandled_requests() -> None:
    assert set(events.UNHANDLED_STATUS) == set(events.SERVICE_EVENTS)
    assert events.UNHANDLED_STATUS[events.EVT_C_ECHO] == 0x0000
    assert events.UNHANDLED_STATUS[events.EVT_C_MOVE] == 0xC511
    assert events.UNHANDLED_STATUS[events.EVT_N_GET] == 0x0110


# ------------------------------------------------------------------- handlers
def handler_a(event: Event, *args: Any) -> str:
    return f"a{args}"


def handler_b(event: Event, *args: Any) -> str:
    return f"b{args}"


def test_notification_handlers_are_any_number_in_order() -> None:
    handlers = Handlers()
    assert handlers.get_handlers(events.EVT_PDU_RECV) == []
    assert not handlers.has(events.EVT_PDU_RECV)
    handlers.bind(events.EVT_PDU_RECV, handler_a)
    handlers.bind(events.EVT_PDU_RECV, handler_b, ["x", 1])
    handlers.bind(events.EVT_PDU_RECV, handler_a)
    handlers.bind(events.EVT_PDU_RECV, handler_a, ["y"])
    expected = [(handler_a, None), (handler_b, ["x", 1]), (handler_a, ["y"])]
    assert handlers.get_handlers(events.EVT_PDU_RECV) == expected
    assert handlers.notification(events.EVT_PDU_RECV) == tuple(expected)
    assert handlers.has(events.EVT_PDU_RECV)
    handlers.unbind(events.EVT_PDU_RECV, handler_a)
    assert handlers.get_handlers(events.EVT_PDU_RECV) == [(handler_b, ["x", 1])]
    handlers.unbind(events.EVT_PDU_RECV, handler_a)
    handlers.unbind(events.EVT_PDU_RECV, handler_b)
    assert not handlers.has(events.EVT_PDU_RECV)


def test_intervention_handler_is_exactly_one() -> None:
    handlers = Handlers()
    default = events.get_default_handler(events.EVT_C_STORE)
    assert handlers.get_handlers(events.EVT_C_STORE) == (default, None)
    assert not handlers.has(events.EVT_C_STORE)
    handlers.bind(events.EVT_C_STORE, handler_a, ["x"])
    handlers.bind(events.EVT_C_STORE, handler_b)
    assert handlers.get_handlers(events.EVT_C_STORE) == handlers.intervention(events.EVT_C_STORE) == (handler_b, None)
    assert handlers.has(events.EVT_C_STORE)
    handlers.unbind(events.EVT_C_STORE, handler_a)
    assert handlers.get_handlers(events.EVT_C_STORE) == (handler_b, None)
    handlers.unbind(events.EVT_C_STORE, handler_b)
    assert handlers.get_handlers(events.EVT_C_STORE) == (default, None)


def test_get_events() -> None:
    handlers = Handlers()
    assert handlers.get_events() == sorted(events.INTERVENTION_EVENTS, key=str)
    handlers.bind(events.EVT_ABORTED, handler_a)
    assert handlers.get_events()[0] == events.EVT_ABORTED
    assert len(handlers.get_events()) == 16


def test_a_copy_is_independent() -> None:
    handlers = Handlers()
    handlers.bind(events.EVT_ABORTED, handler_a)
    twin = handlers.copy()
    twin.bind(events.EVT_ABORTED, handler_b)
    twin.bind(events.EVT_C_ECHO, handler_b)
    assert handlers.get_handlers(events.EVT_ABORTED) == [(handler_a, None)]
    assert not handlers.has(events.EVT_C_ECHO)


def test_evt_handlers_of_two_and_three() -> None:
    handlers = Handlers()
    handlers.bind_all([(events.EVT_C_ECHO, handler_a), (events.EVT_C_STORE, handler_b, ["optional", "parameters"])])
    handlers.bind_all(None)
    assert handlers.intervention(events.EVT_C_STORE) == (handler_b, ["optional", "parameters"])
    with pytest.raises(ValueError, match="evt_handlers"):
        handlers.bind_all([(events.EVT_C_ECHO,)])  # type: ignore[list-item]


def test_what_cannot_be_bound() -> None:
    handlers = Handlers()
    with pytest.raises(TypeError, match="callable"):
        handlers.bind(events.EVT_C_ECHO, "not callable")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="event"):
        handlers.bind("EVT_C_ECHO", handler_a)  # type: ignore[arg-type]


def test_bound_methods_can_be_unbound() -> None:
    class Recorder:
        def record(self, event: Event) -> None: ...

    recorder, handlers = Recorder(), Handlers()
    handlers.bind(events.EVT_ABORTED, recorder.record)
    handlers.bind(events.EVT_ABORTED, recorder.record)
    assert len(handlers.notification(events.EVT_ABORTED)) == 1
    handlers.unbind(events.EVT_ABORTED, recorder.record)
    assert not handlers.has(events.EVT_ABORTED)


# ------------------------------------------------------------------- triggering
def test_an_intervention_returns_what_its_handler_returns() -> None:
    assoc = Assoc()
    assoc.handlers.bind(events.EVT_C_ECHO, handler_a, ["x"])
    assert events.trigger(assoc, events.EVT_C_ECHO) == "a('x',)"  # type: ignore[arg-type]


def test_an_interventions_exception_is_the_callers() -> None:
    assoc = Assoc()

    def handler(event: Event) -> int:
        raise ZeroDivisionError

    assoc.handlers.bind(events.EVT_C_ECHO, handler)
    with pytest.raises(ZeroDivisionError):
        events.trigger(assoc, events.EVT_C_ECHO)  # type: ignore[arg-type]


def test_notifications_reach_all_and_their_exceptions_the_log(caplog: pytest.LogCaptureFixture) -> None:
    assoc, seen = Assoc(), []

    def bad(event: Event) -> None:
        raise RuntimeError("from a user's handler")

    assoc.handlers.bind(events.EVT_CONN_OPEN, bad)
    assoc.handlers.bind(events.EVT_CONN_OPEN, lambda event, where: seen.append((event.address, where)), ["here"])
    with caplog.at_level(logging.ERROR):
        assert events.trigger(assoc, events.EVT_CONN_OPEN, {"address": ("1.2.3.4", 104)}) is None  # type: ignore[arg-type]
    assert seen == [(("1.2.3.4", 104), "here")]
    assert "from a user's handler" in caplog.text
    assert "EVT_CONN_OPEN" in caplog.text


def test_run_notification_gives_the_same_event_to_all() -> None:
    handlers, seen = Handlers(), []
    handlers.bind(events.EVT_ABORTED, lambda event: seen.append(event))
    handlers.bind(events.EVT_ABORTED, lambda event, n: seen.append((event, n)), [1])
    event = Event(Assoc(), events.EVT_ABORTED)  # type: ignore[arg-type]
    events.run_notification(handlers, event)
    assert seen == [event, (event, 1)]


@pytest.mark.parametrize("event", events.INTERVENTION_EVENTS, ids=str)
def test_default_handlers(event: events.InterventionEvent) -> None:
    answers = {
        events.EVT_C_ECHO: 0x0000,
        events.EVT_SOP_COMMON: {},
        events.EVT_SOP_EXTENDED: {},
        events.EVT_USER_ID: (True, None),
    }
    if event in answers:
        assert events.trigger(Assoc(), event) == answers[event]  # type: ignore[arg-type]
    else:
        with pytest.raises(NotImplementedError, match=event.name):
            events.trigger(Assoc(), event)  # type: ignore[arg-type]


# ------------------------------------------------------------------- what an event offers
def test_every_event_has_assoc_event_and_time() -> None:
    assoc = Assoc()
    before = time.time()
    event = Event(assoc, events.EVT_ABORTED)  # type: ignore[arg-type]
    assert event.assoc is assoc
    assert event.event is events.EVT_ABORTED
    assert (event.name, event.description) == ("EVT_ABORTED", events.EVT_ABORTED.description)
    assert before <= event.time <= time.time()
    assert isinstance(event.timestamp, datetime)
    assert event.timestamp.timestamp() == pytest.approx(event.time, abs=1e-3)


@pytest.mark.parametrize("name", ["pdu", "data", "message", "primitive"])
def test_costly_attributes_are_made_once_and_only_when_looked_at(name: str) -> None:
    made = []

    def make() -> bytes:
        made.append(1)
        return b"made"

    event = Event(Assoc(), events.EVT_PDU_RECV, {name: make})  # type: ignore[arg-type]
    assert not made
    assert getattr(event, name) == b"made"
    assert getattr(event, name) == b"made"
    assert made == [1]
    given = Event(Assoc(), events.EVT_PDU_RECV, {name: b"given"})  # type: ignore[arg-type]
    assert getattr(given, name) == b"given"


ATTRIBUTES = {
    "dataset": {events.EVT_C_STORE},
    "dataset_path": {events.EVT_C_STORE},
    "file_meta": {events.EVT_C_STORE},
    "encoded_dataset": set(),
    "identifier": {events.EVT_C_FIND, events.EVT_C_GET, events.EVT_C_MOVE},
    "move_destination": {events.EVT_C_MOVE},
    "attribute_list": {events.EVT_N_CREATE},
    "modification_list": {events.EVT_N_SET},
    "event_information": {events.EVT_N_EVENT_REPORT},
    "event_type": {events.EVT_N_EVENT_REPORT},
    "action_information": {events.EVT_N_ACTION},
    "action_type": {events.EVT_N_ACTION},
    "attribute_identifiers": {events.EVT_N_GET},
    "message_id": set(events.SERVICE_EVENTS),
    "address": set(),
    "pdu": set(),
    "data": set(),
    "message": set(),
    "primitive": set(),
    "invoked": set(),
    "app_info": set(),
    "current_state": set(),
}
REQUESTS = {
    events.EVT_C_ECHO: dimse.C_ECHO_RQ(MessageID=9),
    events.EVT_C_STORE: dimse.C_STORE_RQ(MessageID=9, AffectedSOPClassUID="1.2", AffectedSOPInstanceUID="1.3"),
    events.EVT_C_FIND: dimse.C_FIND_RQ(MessageID=9),
    events.EVT_C_GET: dimse.C_GET_RQ(MessageID=9),
    events.EVT_C_MOVE: dimse.C_MOVE_RQ(MessageID=9),
    events.EVT_N_ACTION: dimse.N_ACTION_RQ(MessageID=9),
    events.EVT_N_CREATE: dimse.N_CREATE_RQ(MessageID=9),
    events.EVT_N_DELETE: dimse.N_DELETE_RQ(MessageID=9),
    events.EVT_N_EVENT_REPORT: dimse.N_EVENT_REPORT_RQ(MessageID=9),
    events.EVT_N_GET: dimse.N_GET_RQ(MessageID=9),
    events.EVT_N_SET: dimse.N_SET_RQ(MessageID=9),
}


@pytest.mark.parametrize("name", ATTRIBUTES)
@pytest.mark.parametrize("event", events.SERVICE_EVENTS, ids=str)
def test_an_attribute_of_another_kind_of_event(event: events.InterventionEvent, name: str) -> None:
    happened = service_event(event, REQUESTS[event])
    if event in ATTRIBUTES[name]:
        getattr(happened, name)
    elif name != "encoded_dataset":
        with pytest.raises(AttributeError):
            getattr(happened, name)
    elif event is not events.EVT_C_STORE:
        with pytest.raises(AttributeError):
            happened.encoded_dataset()


def test_message_id() -> None:
    assert service_event(events.EVT_N_DELETE, REQUESTS[events.EVT_N_DELETE]).message_id == 9


@pytest.mark.parametrize(
    ("event", "cls", "name"),
    [
        (events.EVT_C_STORE, dimse.C_STORE_RQ, "dataset"),
        (events.EVT_C_FIND, dimse.C_FIND_RQ, "identifier"),
        (events.EVT_C_GET, dimse.C_GET_RQ, "identifier"),
        (events.EVT_C_MOVE, dimse.C_MOVE_RQ, "identifier"),
        (events.EVT_N_CREATE, dimse.N_CREATE_RQ, "attribute_list"),
        (events.EVT_N_SET, dimse.N_SET_RQ, "modification_list"),
        (events.EVT_N_EVENT_REPORT, dimse.N_EVENT_REPORT_RQ, "event_information"),
        (events.EVT_N_ACTION, dimse.N_ACTION_RQ, "action_information"),
    ],
)
def test_data_sets_are_decoded_in_the_contexts_transfer_syntax_and_kept(
    event: events.InterventionEvent, cls: type[dimse.Message], name: str
) -> None:
    data = encoded(identifier(PatientID="ID1"), ExplicitVRLittleEndian)
    happened = service_event(event, cls(MessageID=1, data=data), ExplicitVRLittleEndian)
    dataset = getattr(happened, name)
    assert dataset.PatientID == "ID1"
    assert getattr(happened, name) is dataset
    # Other bytes, another data set.
    happened.request = cls(MessageID=1, data=encoded(identifier(PatientID="ID2"), ExplicitVRLittleEndian))
    assert getattr(happened, name).PatientID == "ID2"
    # No data set is an empty one.
    happened.request = cls(MessageID=1)
    assert getattr(happened, name) == Dataset()


def test_a_data_set_that_is_none_raises_when_looked_at() -> None:
    happened = service_event(events.EVT_C_FIND, dimse.C_FIND_RQ(MessageID=1, data=b"\xff" * 11))
    with pytest.raises(struct.error):
        str(happened.identifier)


def test_n_service_parameters() -> None:
    action = service_event(events.EVT_N_ACTION, dimse.N_ACTION_RQ(MessageID=1, ActionTypeID=2))
    assert action.action_type == 2
    report = service_event(events.EVT_N_EVENT_REPORT, dimse.N_EVENT_REPORT_RQ(MessageID=1, EventTypeID=3))
    assert report.event_type == 3
    get = service_event(events.EVT_N_GET, dimse.N_GET_RQ(MessageID=1, AttributeIdentifierList=(0x00100010, 0x00100020)))
    assert get.attribute_identifiers == [0x00100010, 0x00100020]
    assert get.attribute_identifiers[0].group == 0x0010
    assert service_event(events.EVT_N_GET, dimse.N_GET_RQ(MessageID=1)).attribute_identifiers == []


def test_move_destination() -> None:
    move = service_event(events.EVT_C_MOVE, dimse.C_MOVE_RQ(MessageID=1, MoveDestination="STORE"))
    assert move.move_destination == "STORE"
    assert service_event(events.EVT_C_MOVE, dimse.C_MOVE_RQ(MessageID=1)).move_destination is None


def test_is_cancelled() -> None:
    cancelled = [False]
    request = dimse.C_FIND_RQ(MessageID=1)
    happened = service_event(events.EVT_C_FIND, request, _is_cancelled=lambda: cancelled[0])
    assert happened.is_cancelled is False
    cancelled[0] = True
    assert happened.is_cancelled is True
    assert service_event(events.EVT_C_ECHO, dimse.C_ECHO_RQ(MessageID=1)).is_cancelled is False
    assert Event(Assoc(), events.EVT_ABORTED).is_cancelled is False  # type: ignore[arg-type]


# ------------------------------------------------------------------- C-STORE
def image() -> Dataset:
    return identifier(SOPClassUID=str(CT), SOPInstanceUID="1.2.3", PatientID="ID1", Rows=4)


def store_event(data: bytes | None, **attrs: Any) -> Event:
    request = dimse.C_STORE_RQ(
        MessageID=1, AffectedSOPClassUID=str(CT), AffectedSOPInstanceUID="1.2.3", data=data, has_data_set=True
    )
    return service_event(events.EVT_C_STORE, request, ExplicitVRLittleEndian, **attrs)


def test_file_meta() -> None:
    meta = store_event(b"").file_meta
    assert isinstance(meta, FileMetaDataset)
    assert meta.FileMetaInformationGroupLength == 0
    assert meta.FileMetaInformationVersion == b"\x00\x01"
    assert meta.MediaStorageSOPClassUID == CT
    assert meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert meta.ImplementationClassUID == _globals.PYNETDICOM_IMPLEMENTATION_UID
    assert meta.ImplementationVersionName == _globals.PYNETDICOM_IMPLEMENTATION_VERSION


def test_the_documented_ways_to_keep_an_object(tmp_path: Path) -> None:
    data = encoded(image(), ExplicitVRLittleEndian)
    event = store_event(data)
    first, second, third = (tmp_path / name for name in ("1", "2", "3"))
    dataset = event.dataset
    dataset.file_meta = event.file_meta
    dataset.save_as(first, enforce_file_format=True)
    second.write_bytes(event.encoded_dataset())
    with third.open("wb") as file:
        file.write(b"\x00" * 128 + b"DICM")
        write_file_meta_info(file, event.file_meta)
        file.write(event.request.DataSet.getvalue())
    assert second.read_bytes() == third.read_bytes()
    for path in (first, second):
        read = dcmread(path)
        assert read.PatientID == "ID1"
        assert read.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert event.encoded_dataset(include_meta=False) == data
    assert second.read_bytes().endswith(data)


def test_a_memoryview_is_as_good_as_bytes() -> None:
    data = encoded(image(), ExplicitVRLittleEndian)
    event = store_event(memoryview(data))  # type: ignore[arg-type]
    assert event.dataset.PatientID == "ID1"
    assert event.encoded_dataset(include_meta=False) == data


class Sink:
    def __init__(self, path: Path) -> None:
        self.path = path


@pytest.mark.parametrize("head", [True, False], ids=["DICOM file", "bare data set"])
@pytest.mark.parametrize("by", ["sink", "path"])
def test_a_spooled_object_is_read_from_its_file(tmp_path: Path, by: str, head: bool) -> None:
    data = encoded(image(), ExplicitVRLittleEndian)
    path = tmp_path / "spooled"
    path.write_bytes(store_event(data).encoded_dataset() if head else data)
    event = store_event(None, **{by: Sink(path) if by == "sink" else str(path)})
    assert event.dataset_path == path
    assert event.dataset.PatientID == "ID1"
    assert event.dataset is event.dataset
    assert event.encoded_dataset(include_meta=False) == data
    assert dcmread(BytesIO(event.encoded_dataset())).Rows == 4


def test_a_sink_without_a_file_has_no_path() -> None:
    event = store_event(encoded(image(), ExplicitVRLittleEndian), sink=object())
    assert event.dataset_path is None
    assert event.dataset.Rows == 4


def test_a_spooled_file_that_is_gone_is_an_os_error(tmp_path: Path) -> None:
    event = store_event(None, path=tmp_path / "gone")
    with pytest.raises(FileNotFoundError):
        _ = event.dataset
