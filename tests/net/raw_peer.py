"""A peer that says exactly the bytes that a test wants, for attacks and for state machines driven by hand."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from workstation.net import AE
from workstation.net.codec.dimse import Message, decode_command, encode_command
from workstation.net.codec.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RQ,
    P_DATA_TF,
    PDU,
    PDV,
    AnsweredContext,
    ImplementationClassUID,
    MaximumLength,
    ProposedContext,
    decode_pdu,
    encode_pdu,
    parse_header,
)
from workstation.net.listener import AssociationServer
from workstation.net.sop_class import Verification

IMPLICIT = "1.2.840.10008.1.2"
USER_INFORMATION = (MaximumLength(value=16382), ImplementationClassUID(uid="1.2.3.4"))
PATIENCE = 15.0


def request(*abstract_syntaxes: str, maximum_length: int = 16382) -> A_ASSOCIATE_RQ:
    """An A-ASSOCIATE-RQ that proposes each abstract syntax, in IDs 1, 3, 5, ..."""
    return A_ASSOCIATE_RQ(
        called_ae_title="SCP",
        calling_ae_title="RAW",
        presentation_contexts=tuple(
            ProposedContext(context_id=2 * index + 1, abstract_syntax=uid, transfer_syntaxes=(IMPLICIT,))
            for index, uid in enumerate(abstract_syntaxes or (Verification,))
        ),
        user_information=(MaximumLength(value=maximum_length), ImplementationClassUID(uid="1.2.3.4")),
    )


def acceptance(*context_ids: int, maximum_length: int = 16382) -> A_ASSOCIATE_AC:
    """An A-ASSOCIATE-AC that accepts contexts in Implicit VR Little Endian."""
    return A_ASSOCIATE_AC(
        called_ae_title="SCP",
        calling_ae_title="RAW",
        presentation_contexts=tuple(
            AnsweredContext(context_id=number, result=0, transfer_syntax=IMPLICIT) for number in context_ids or (1,)
        ),
        user_information=(MaximumLength(value=maximum_length), ImplementationClassUID(uid="1.2.3.4")),
    )


def fragment(data: bytes, *, context_id: int = 1, command: bool, last: bool = True) -> bytes:
    """A P-DATA-TF with one PDV."""
    pdv = PDV(context_id=context_id, is_command=command, is_last=last, data=data)
    return encode_pdu(P_DATA_TF(pdvs=(pdv,)))


def message(what: Message, data: bytes | None = None) -> bytes:
    """A whole DIMSE message as P-DATA-TF PDUs; its data set is announced if there is one."""
    parts = fragment(encode_command(what), context_id=what.context_id or 1, command=True)
    if data is not None:
        parts += fragment(data, context_id=what.context_id or 1, command=False)
    return parts


class RawPeer:
    """One end of a TCP connection that speaks by hand."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(PATIENCE)

    @classmethod
    def to(cls, server: AssociationServer | int) -> RawPeer:
        """Connect to a server of ours."""
        port = server if isinstance(server, int) else server.server_address[1]
        return cls(socket.create_connection(("127.0.0.1", port), PATIENCE))

    @classmethod
    def associated(cls, server: AssociationServer, *abstract_syntaxes: str, **options: Any) -> RawPeer:
        """Connect and be accepted."""
        peer = cls.to(server)
        peer.say(request(*abstract_syntaxes, **options))
        answer = peer.hear()
        assert isinstance(answer, A_ASSOCIATE_AC), answer
        return peer

    def say(self, what: PDU | bytes) -> None:
        """Send a PDU or any bytes."""
        self.sock.sendall(what if isinstance(what, bytes) else encode_pdu(what))

    def try_to_say(self, what: bytes) -> bool:
        """Send what the other end may refuse to take; whether it took it."""
        try:
            self.sock.sendall(what)
        except OSError:
            return False
        return True

    def hear(self) -> PDU | None:
        """The next PDU, or None when the connection is closed."""
        head = self._exactly(6)
        if head is None:
            return None
        body = self._exactly(parse_header(head)[1])
        return None if body is None else decode_pdu(head + body)

    def hear_message(self) -> Message | None:
        """The command set of the next message; its data set is read and dropped."""
        command = b""
        found: Message | None = None
        while True:
            pdu = self.hear()
            if not isinstance(pdu, P_DATA_TF):
                return None
            for pdv in pdu.pdvs:
                if pdv.is_command:
                    command += bytes(pdv.data)
                    if pdv.is_last:
                        found = decode_command(command, pdv.context_id)
                if pdv.is_last and found is not None and pdv.is_command != found.has_data_set:
                    return found

    def hear_all(self) -> list[PDU]:
        """Every PDU until the connection is closed."""
        pdus: list[PDU] = []
        while (pdu := self.hear()) is not None:
            pdus.append(pdu)
        return pdus

    def hear_abort(self) -> A_ABORT_RQ:
        """The A-ABORT that has to come, whatever was said before it."""
        while (pdu := self.hear()) is not None:
            if isinstance(pdu, A_ABORT_RQ):
                return pdu
        raise AssertionError("closed without an A-ABORT")

    def until_closed(self) -> None:
        """Read whatever comes until the other end closes the connection."""
        with contextlib.suppress(ConnectionError):
            while self.sock.recv(65536):
                pass

    def _exactly(self, count: int) -> bytes | None:
        data = b""
        while len(data) < count:
            try:
                piece = self.sock.recv(count - len(data))
            except ConnectionError:
                return None
            if not piece:
                return None
            data += piece
        return data

    def close(self) -> None:
        """Close the connection."""
        self.sock.close()

    def reset(self) -> None:
        """Close it with an RST, as a crashed machine's successor does."""
        import struct

        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def __enter__(self) -> RawPeer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def until(check: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether what another thread is about to do is done in time."""
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


@contextlib.contextmanager
def serving(ae: AE, handlers: list[Any] | None = None, **options: Any) -> Iterator[AssociationServer]:
    """A server of ours on a free port."""
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers, **options)
    assert server is not None
    try:
        yield server
    finally:
        server.shutdown()


def scp(*abstract_syntaxes: str) -> AE:
    """An AE that supports abstract syntaxes, by default Verification."""
    ae = AE("SCP")
    for uid in abstract_syntaxes or (Verification,):
        ae.add_supported_context(uid)
    return ae


def serves(server: AssociationServer | int) -> float:
    """An honest client's association with a C-ECHO; the seconds that it took."""
    port = server if isinstance(server, int) else server.server_address[1]
    started = time.monotonic()
    scu = AE("HONEST")
    scu.add_requested_context(Verification)
    assoc = scu.associate("127.0.0.1", port)
    assert assoc.is_established, assoc.end_reason
    assert assoc.send_c_echo().Status == 0x0000
    assoc.release()
    assert assoc.is_released
    return time.monotonic() - started
