"""A server whose answers can go wrong, a client that is nothing but a socket, and what has to be between them."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID
from scp_objects import CT, IMPLICIT, encode, make_object

from workstation.net import AE, evt
from workstation.net.association import Association
from workstation.net.codec.dimse import (
    C_ECHO_RQ,
    C_FIND_RQ,
    C_GET_RQ,
    C_MOVE_RQ,
    C_STORE_RQ,
    C_STORE_RSP,
    N_ACTION_RQ,
    N_CREATE_RQ,
    N_DELETE_RQ,
    N_EVENT_REPORT_RQ,
    N_GET_RQ,
    N_SET_RQ,
    Message,
    Response,
    decode_command,
    encode_command,
)
from workstation.net.codec.pdu import (
    A_ASSOCIATE_RQ,
    P_DATA_TF,
    PDV,
    ImplementationClassUID,
    MaximumLength,
    ProposedContext,
    RoleSelection,
    encode_pdu,
)
from workstation.net.events import Event
from workstation.net.listener import AssociationServer
from workstation.scp.rules.rule import ASSOCIATION, Fault
from workstation.scp.tampering import arm, arm_association, needs_beginning, sink_watch

VERIFICATION = "1.2.840.10008.1.1"
FIND, MOVE, GET = (f"1.2.840.10008.5.1.4.1.2.1.{number}" for number in (1, 2, 3))
MACHINE = "1.2.840.10008.5.1.4.34.8"  # RT Conventional Machine Verification has all six N services
CONTEXTS = {VERIFICATION: 1, CT: 3, FIND: 5, MOVE: 7, GET: 9, MACHINE: 11}
ASKED, LAST = 7, 99  # Message IDs of the request in question, and of the C-ECHO that follows it
PATIENCE = 20.0
ABORT = bytes([7, 0, 0, 0, 0, 4, 0, 0])
RELEASE = bytes([5, 0, 0, 0, 0, 4, 0, 0, 0, 0])
RELEASED = bytes([6, 0, 0, 0, 0, 4, 0, 0, 0, 0])
MATCHES = 3


class KeepingSink:
    """Takes an object into memory."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.finished = self.discarded = False
        self.extra = "an attribute of its own"
        self._changed = threading.Condition()

    def has(self, count: int) -> bool:
        """Wait until so many bytes have come."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.data) >= count, PATIENCE)

    def write(self, fragment: memoryview) -> None:
        with self._changed:
            self.data += fragment
            self._changed.notify_all()

    def finish(self) -> None:
        self.finished = True

    def discard(self) -> None:
        self.discarded = True


def _find(_: Event) -> Iterator[Any]:
    for number in range(MATCHES):
        match = Dataset()
        match.PatientID = f"P{number}"
        yield 0xFF00, match


def _get(_: Event) -> Iterator[Any]:
    yield 2
    for number in (1, 2):
        yield 0xFF00, _image(number)


def _image(number: int) -> Dataset:
    image = make_object(number)
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = UID(IMPLICIT)
    return image


def _reply(_: Event) -> tuple[int, Dataset]:
    reply = Dataset()
    reply.PatientID = "P1"
    return 0x0000, reply


class Server:
    """A server of ours that arms a fault for one event.

    Attributes:
        fault: What is armed, or None for a server that behaves.
        event: For which event.
        last: Set when the C-ECHO that follows has been asked of its handler.
        sinks: Of the objects that came.
        given: What the handlers of C-STORE got as sinks.
        tune: Called with each association before it is asked for anything.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.fault: Fault | None = None
        self.event = ""
        self.last = threading.Event()
        self.sinks: list[KeepingSink] = []
        self.given: list[Any] = []
        self.tune: Callable[[Association], None] = lambda _: None
        self._began = threading.Event()
        self.associations: list[Association] = []
        self.sent: list[bytes] = []
        ae = AE("SCP")
        for uid in CONTEXTS:
            ae.add_supported_context(uid, IMPLICIT, scu_role=True, scp_role=True)
        ae.add_requested_context(CT, IMPLICIT)
        answers: dict[Any, Callable[[Event], Any]] = {
            evt.EVT_C_ECHO: self._echo,
            evt.EVT_C_STORE: lambda _: 0x0000,
            evt.EVT_C_FIND: _find,
            evt.EVT_C_GET: _get,
            evt.EVT_C_MOVE: self._move,
            evt.EVT_N_DELETE: lambda _: 0x0000,
            **dict.fromkeys(
                (evt.EVT_N_ACTION, evt.EVT_N_CREATE, evt.EVT_N_EVENT_REPORT, evt.EVT_N_GET, evt.EVT_N_SET), _reply
            ),
        }
        handlers: list[Any] = [(event, self._armed(event.name, answer)) for event, answer in answers.items()]
        handlers += [
            (evt.EVT_DATA_SENT, self._note_sent),
            (evt.EVT_CONN_OPEN, self._note_open),
        ]
        self.ae = ae
        server = ae.start_server(
            ("127.0.0.1", 0),
            block=False,
            ssl_context=tls,
            evt_handlers=handlers,
            admit=self._admit,
            sink_factory=self._sink,
        )
        assert server is not None
        self.server: AssociationServer = server
        self.port: int = server.server_address[1]

    def misbehave(self, event: str, fault: Fault) -> None:
        """Let the answers to an event go wrong from now on."""
        self.event, self.fault = event, fault
        self.sinks.clear()
        self.given.clear()
        self._began.clear()
        self.last.clear()
        self.sent.clear()
        self.associations.clear()

    def behave(self) -> None:
        """Let nothing go wrong any longer."""
        self.fault = None

    def sink(self) -> KeepingSink:
        """The sink of the object that comes first."""
        assert self._began.wait(PATIENCE)
        return self.sinks[0]

    def _armed(self, name: str, answer: Callable[[Event], Any]) -> Callable[[Event], Any]:
        def handler(event: Event) -> Any:
            asked = event.request.MessageID == ASKED
            early = name == "EVT_C_STORE" and self.fault is not None and needs_beginning(self.fault)
            if self.fault is not None and name == self.event and asked and not early:
                arm(event.assoc, self.fault, request=event.request)
            if name == "EVT_C_STORE":
                self.given.append(event.sink)
            return answer(event)

        return handler

    def _admit(self, assoc: Association, request: A_ASSOCIATE_RQ) -> Any:
        if self.fault is None or self.event != ASSOCIATION:
            return None
        return arm_association(assoc, request, self.fault)

    def _sink(self, assoc: Association, request: C_STORE_RQ, _: Any) -> Any:
        sink = KeepingSink()
        self.sinks.append(sink)
        self._began.set()
        if self.fault is not None and self.event == "EVT_C_STORE" and needs_beginning(self.fault):
            return sink_watch(assoc, self.fault, sink, request=request)
        return sink

    def _note_open(self, event: Event) -> None:
        self.associations.append(event.assoc)
        self.tune(event.assoc)

    def _note_sent(self, event: Event) -> None:
        if event.assoc.requestor.ae_title == "RAW":  # not what goes to a C-MOVE's destination
            self.sent.append(event.data)

    def _echo(self, event: Event) -> int:
        if event.request.MessageID == LAST:
            self.last.set()
        return 0x0000

    def _move(self, _: Event) -> Iterator[Any]:
        yield "127.0.0.1", self.port, {"ae_title": "SCP"}
        yield from _get(_)


@contextmanager
def server(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server for one test."""
    made = Server(tls)
    try:
        yield made
    finally:
        made.server.shutdown()
        made.ae.shutdown()


# --------------------------------------------------------------------------- what is asked
def association_request() -> bytes:
    """Every context of `CONTEXTS`; storage in both roles, for C-GET."""
    return encode_pdu(
        A_ASSOCIATE_RQ(
            called_ae_title="SCP",
            calling_ae_title="RAW",
            presentation_contexts=tuple(
                ProposedContext(context_id=number, abstract_syntax=uid, transfer_syntaxes=(IMPLICIT,))
                for uid, number in CONTEXTS.items()
            ),
            user_information=(
                MaximumLength(value=16382),
                ImplementationClassUID(uid="1.2.3.4"),
                RoleSelection(sop_class_uid=CT, scu_role=True, scp_role=True),
            ),
        )
    )


def spoken(message: Message, data: bytes | None = None, fragment: int = 1 << 14) -> bytes:
    """A message as P-DATA-TF PDUs."""
    said = [_p_data(message.context_id, encode_command(message), command=True, last=True)]
    for place in range(0, len(data or b""), fragment):
        assert data is not None
        piece = data[place : place + fragment]
        said.append(_p_data(message.context_id, piece, command=False, last=place + fragment >= len(data)))
    return b"".join(said)


def _p_data(context_id: int, data: bytes, *, command: bool, last: bool) -> bytes:
    return encode_pdu(P_DATA_TF(pdvs=(PDV(context_id=context_id, is_command=command, is_last=last, data=data),)))


def _keys() -> bytes:
    keys = Dataset()
    keys.QueryRetrieveLevel = "PATIENT"
    keys.PatientID = "*"
    return encode(keys, IMPLICIT)


def asked(event: str) -> bytes:
    """The request of an event."""
    instance = "1.2.3.4.5"
    common: dict[str, Any] = {"MessageID": ASKED}
    n: dict[str, Any] = {**common, "context_id": CONTEXTS[MACHINE]}
    affected = {"AffectedSOPClassUID": MACHINE, "AffectedSOPInstanceUID": instance}
    requested = {"RequestedSOPClassUID": MACHINE, "RequestedSOPInstanceUID": instance}
    keys = _keys()
    match event:
        case "EVT_C_ECHO":
            return spoken(C_ECHO_RQ(**common, context_id=1, AffectedSOPClassUID=VERIFICATION))
        case "EVT_C_STORE":
            data = encode(make_object(1), IMPLICIT)
            return spoken(store_request(), data, 100)
        case "EVT_C_FIND":
            message = C_FIND_RQ(**common, context_id=5, AffectedSOPClassUID=FIND, Priority=0, has_data_set=True)
            return spoken(message, keys)
        case "EVT_C_GET":
            get = C_GET_RQ(**common, context_id=9, AffectedSOPClassUID=GET, Priority=0, has_data_set=True)
            return spoken(get, keys)
        case "EVT_C_MOVE":
            move = C_MOVE_RQ(
                **common,
                context_id=7,
                AffectedSOPClassUID=MOVE,
                Priority=0,
                MoveDestination="SCP",
                has_data_set=True,
            )
            return spoken(move, keys)
        case "EVT_N_ACTION":
            return spoken(N_ACTION_RQ(**n, **requested, ActionTypeID=1, has_data_set=True), keys)
        case "EVT_N_CREATE":
            return spoken(N_CREATE_RQ(**n, **affected, has_data_set=True), keys)
        case "EVT_N_DELETE":
            return spoken(N_DELETE_RQ(**n, **requested))
        case "EVT_N_EVENT_REPORT":
            return spoken(N_EVENT_REPORT_RQ(**n, **affected, EventTypeID=1, has_data_set=True), keys)
        case "EVT_N_GET":
            return spoken(N_GET_RQ(**n, **requested))
        case "EVT_N_SET":
            return spoken(N_SET_RQ(**n, **requested, has_data_set=True), keys)
    raise AssertionError(event)


def store_request() -> C_STORE_RQ:
    """The C-STORE-RQ in question; its data set follows."""
    return C_STORE_RQ(
        MessageID=ASKED,
        context_id=CONTEXTS[CT],
        AffectedSOPClassUID=CT,
        AffectedSOPInstanceUID="1.2.0.0.1",
        Priority=0,
        has_data_set=True,
    )


def stored(request: Message) -> bytes:
    """The response to a sub-operation."""
    assert isinstance(request, C_STORE_RQ)
    return spoken(
        C_STORE_RSP(
            MessageIDBeingRespondedTo=request.MessageID,
            context_id=request.context_id,
            AffectedSOPClassUID=request.AffectedSOPClassUID,
            AffectedSOPInstanceUID=request.AffectedSOPInstanceUID,
            Status=0,
        )
    )


LAST_REQUEST = spoken(C_ECHO_RQ(MessageID=LAST, context_id=1, AffectedSOPClassUID=VERIFICATION))


# --------------------------------------------------------------------------- what is heard
@dataclass
class Heard:
    """Everything that came from the server, and how it ended."""

    data: bytearray = field(default_factory=bytearray)
    ending: str = ""


class Client:
    """A client that reads bytes."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.sock: socket.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
        self.heard = Heard()
        self._read = 0  # bytes that have been looked at for sub-operations
        self._message: Message | None = None
        self.sub_operations: list[tuple[bytes, Message]] | None = None  # those that will come, if they are known
        self._was_reset = False

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def say(self, data: bytes) -> None:
        """Send bytes; that the other end has gone is heard when reading."""
        try:
            self.sock.sendall(data)
        except ConnectionError:
            self._was_reset = True  # the system says so once; what came before is still to be read

    def finish(self) -> None:
        """Say nothing any more."""
        with suppress(OSError):
            socket.socket.shutdown(self.sock, socket.SHUT_WR)  # an SSLSocket's own would end TLS in both directions

    def more(self) -> bool:
        """Read once; whether something came."""
        if self.heard.ending:
            return False
        try:
            piece = self.sock.recv(1 << 16)
        except ConnectionResetError:
            self.heard.ending = "RST"
            return False
        except ssl.SSLError:
            piece = b""  # no close_notify before the end
        if not piece:
            self.heard.ending = "RST" if self._was_reset else "FIN"
            return False
        self.heard.data += piece
        self._answer_sub_operations()
        return True

    def until(self, done: Callable[[bytes], bool]) -> bool:
        """Read until it is done; whether it was before the end."""
        while not done(bytes(self.heard.data)):
            if not self.more():
                return False
        return True

    def to_the_end(self) -> Heard:
        """Read until the end."""
        while self.more():
            pass
        return self.heard

    def stays_closed(self) -> bool:
        """Whether what is said after the server's FIN is taken without a reset."""
        try:
            self.sock.sendall(b"\0" * 500_000)
            # a reset after a FIN is no error to who reads
            return not self.sock.recv(1) and not self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except ConnectionError:
            return False

    def hears_nothing(self, seconds: float) -> bool:
        """Whether nothing comes for so long, not even the end."""
        return not select.select([self.sock], [], [], seconds)[0]

    def _answer_sub_operations(self) -> None:
        """Say Success to each C-STORE-RQ of the server's that has come whole."""
        data = self.heard.data
        if self.sub_operations is not None:
            while self.sub_operations and self.sub_operations[0][0] in data:
                self.say(stored(self.sub_operations.pop(0)[1]))
            return
        while len(data) - self._read >= 6:
            pdu_type, length = struct.unpack_from(">BxI", data, self._read)
            if pdu_type not in (2, 4) or len(data) - self._read < 6 + length:
                return
            pdu = bytes(data[self._read : self._read + 6 + length])
            self._read += 6 + length
            if pdu_type == 4 and pdu[11] == 3:
                self._message = decode_command(pdu[12:], pdu[10])
            elif pdu_type == 4 and pdu[11] == 2 and isinstance(self._message, C_STORE_RQ):
                self.say(stored(self._message))


@cache
def usual(event: str) -> bytes:
    """What a server that behaves says in the conversation of an event."""
    with server() as healthy, Client(healthy.port) as client:
        client.say(association_request())
        assert client.until(lambda data: is_whole(pdus_of(data)))
        client.say((b"" if event == ASSOCIATION else asked(event)) + LAST_REQUEST)
        assert client.until(is_answered)
        client.say(RELEASE)
        assert client.until(lambda data: data.endswith(RELEASED))
        client.finish()
        heard = client.to_the_end()
        assert heard.ending == "FIN"
        return bytes(heard.data)


def is_whole(pdus: list[bytes]) -> bool:
    """Whether the last of some PDUs is there to its end."""
    return bool(pdus) and len(pdus[-1]) >= 6 and len(pdus[-1]) == 6 + struct.unpack_from(">I", pdus[-1], 2)[0]


def is_answered(data: bytes) -> bool:
    """Whether a stream that goes well has come to the last response."""
    pdus = pdus_of(data)
    if not is_whole(pdus) or pdus[-1][0] != 4 or pdus[-1][11] != 3:
        return False
    message = decode_command(pdus[-1][12:], pdus[-1][10])
    return isinstance(message, Response) and message.MessageIDBeingRespondedTo == LAST


def converse(
    server: Server, event: str, *, silent_after: int | None = None, tls: ssl.SSLContext | None = None
) -> Heard:
    """The conversation of an event: association, request, a C-ECHO after it, release.

    Args:
        server: Who answers.
        event: Which conversation.
        silent_after: The server falls silent after so many bytes, so that there is no answer to wait for.
        tls: Over TLS.
    """
    answer, *_, last_response, _ = pdus_of(usual(event))
    with Client(server.port, tls) as client:
        client.sub_operations = [
            (b"".join(segment.pdus), segment.message)
            for segment in segments_of(usual(event), event)
            if isinstance(segment.message, C_STORE_RQ)
        ]
        client.say(association_request())
        if event == ASSOCIATION and silent_after is not None:
            # its reader answers, or not, before it reads on and finds the end
            client.finish()
            return client.to_the_end()
        if client.until(lambda data: len(data) >= len(answer) or data[-10:-2] == ABORT):
            client.say((b"" if event == ASSOCIATION else asked(event)) + LAST_REQUEST)
            if silent_after is not None:
                client.until(lambda data: len(data) >= silent_after)
                # a C-GET goes on waiting for the answer to a sub-operation that it could not ask for
                assert event == "EVT_C_GET" or server.last.wait(PATIENCE)
                client.finish()
                return client.to_the_end()
            if client.until(lambda data: data.endswith(last_response) or data[-10:-2] == ABORT):
                client.say(RELEASE)
                client.until(lambda data: data.endswith(RELEASED) or data[-10:-2] == ABORT)
        client.finish()
        return client.to_the_end()


# --------------------------------------------------------------------------- how it is without a fault
@dataclass(frozen=True)
class Segment:
    """A PDU or a message of a conversation that went well.

    Attributes:
        is_answer: Whether it is, or is of, the answer in question.
        pdus: Its bytes.
        message: It, if it is one.
    """

    is_answer: bool
    pdus: tuple[bytes, ...]
    message: Message | None = None


def pdus_of(data: bytes) -> list[bytes]:
    """Cut a stream into its PDUs."""
    found = []
    while data:
        length = struct.unpack_from(">I", data, 2)[0] if len(data) >= 6 else 0
        found.append(data[: 6 + length])
        data = data[6 + length :]
    return found


def segments_of(data: bytes, event: str) -> list[Segment]:
    """Cut a stream that went well into messages."""
    segments: list[Segment] = []
    pdus = pdus_of(data)
    while pdus:
        pdu = pdus.pop(0)
        if pdu[0] != 4:
            segments.append(Segment(event == ASSOCIATION and pdu[0] in (2, 3), (pdu,)))
            continue
        message = decode_command(pdu[12:], pdu[10])
        whole = [pdu]
        while message.has_data_set:
            whole.append(pdus.pop(0))
            if whole[-1][11] & 2:
                break
        is_answer = isinstance(message, Response) and message.MessageIDBeingRespondedTo == ASKED
        segments.append(Segment(is_answer, tuple(whole), message))
    return segments


# --------------------------------------------------------------------------- what has to be heard
def healthy(event: str) -> list[Segment]:
    return segments_of(usual(event), event)


def joined(segments: list[Segment]) -> bytes:
    return b"".join(pdu for segment in segments for pdu in segment.pdus)


def answers(segments: list[Segment]) -> list[int]:
    return [index for index, segment in enumerate(segments) if segment.is_answer]


def tail_of(fault: Fault) -> tuple[bytes, str]:
    """How the end that a fault makes looks; silence ends when we go."""
    match fault.kind:
        case "abort":
            return ABORT + bytes([fault["source"], fault["reason"]]), "FIN"
        case "reset":
            return b"", "RST"
    return b"", "FIN"


def altered(event: str, alter: Any, *, every: bool) -> bytes:
    """The conversation with the first response altered, or with each."""
    segments = healthy(event)
    places = answers(segments)
    for place in places if every else places[:1]:
        segments[place] = Segment(True, tuple(alter(list(segments[place].pdus))))
    return joined(segments)


def heard_is(scp: Server, event: str, expected: bytes, ending: str = "FIN", *, silent: bool = False) -> None:
    """The conversation is what is expected, is what its events tell, and the next one is as it should be."""
    heard = converse(scp, event, silent_after=len(expected) if silent else None)
    assert bytes(heard.data) == expected
    assert heard.ending == ending
    assert scp.associations[0].over.wait(PATIENCE)  # its handlers have heard everything then
    assert b"".join(scp.sent) == expected
    scp.behave()
    assert bytes(converse(scp, ASSOCIATION).data) == usual(ASSOCIATION)
