"""A peer driven by hand, in either role, for tests that attack: it says what no function of the API would."""

from __future__ import annotations

import socket
import struct
from typing import Any

from workstation.net.codec.dimse import Message, decode_command, encode_command
from workstation.net.codec.pdu import (
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RQ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    P_DATA_TF,
    PDU,
    PDV,
    AnsweredContext,
    ImplementationClassUID,
    ImplementationVersionName,
    MaximumLength,
    ProposedContext,
    RoleSelection,
    decode_pdu,
    encode_pdu,
    parse_header,
)

IMPLICIT = "1.2.840.10008.1.2"
PATIENCE = 20.0
_FRAGMENT = 16_000


def implicit(tag: int, value: bytes = b"") -> bytes:
    """An element in Implicit VR Little Endian."""
    value += b" " * (len(value) % 2)
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value)) + value


# What no message of ours would hold; its stand-in is as long, so that no length on the wire changes.
EVIL = b"<b>\x1b[31m\r\n\x07\x00x"
STAND_IN = "e" * len(EVIL)


class HandPeer:
    """One end of a TCP connection; says `EVIL` where a message says `STAND_IN`."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(PATIENCE)
        self._command = b""

    @classmethod
    def associated(cls, address: tuple[str, int], *sop_classes: str) -> HandPeer:
        """Connect and be accepted; contexts 1, 3, 5 ... in Implicit VR Little Endian."""
        peer = cls(socket.create_connection(address, PATIENCE))
        contexts = tuple(
            ProposedContext(context_id=2 * place + 1, abstract_syntax=uid, transfer_syntaxes=(IMPLICIT,))
            for place, uid in enumerate(sop_classes)
        )
        said = (MaximumLength(value=16384), ImplementationClassUID(uid="1.2.3"))
        peer.say(
            A_ASSOCIATE_RQ(
                called_ae_title="WORKSTATION",
                calling_ae_title="HAND",
                presentation_contexts=contexts,
                user_information=said,
            )
        )
        assert isinstance(peer.hear(), A_ASSOCIATE_AC)
        return peer

    def accept(self, version: str = "HAND", syntax: str = IMPLICIT) -> A_ASSOCIATE_RQ:
        """Accept every context of the request that comes."""
        request = self.hear()
        assert isinstance(request, A_ASSOCIATE_RQ)
        roles = tuple(each for each in request.user_information if isinstance(each, RoleSelection))
        self.say(
            A_ASSOCIATE_AC(
                called_ae_title="A",
                calling_ae_title="B",
                presentation_contexts=tuple(
                    AnsweredContext(
                        context_id=each.context_id,
                        result=0,
                        transfer_syntax=syntax if syntax in each.transfer_syntaxes else each.transfer_syntaxes[0],
                    )
                    for each in request.presentation_contexts
                ),
                user_information=(
                    MaximumLength(value=16384),
                    ImplementationClassUID(uid="1.2.3"),
                    ImplementationVersionName(name=version),
                    *roles,
                ),
            )
        )
        return request

    def say(self, what: PDU | bytes) -> None:
        """Send a PDU or any bytes."""
        said = what if isinstance(what, bytes) else encode_pdu(what)
        self.sock.sendall(said.replace(STAND_IN.encode(), EVIL))

    def say_message(self, message: Message, data: bytes | None = None, context_id: int = 1) -> None:
        """Send a message, and a data set if there is one."""
        self._say_fragment(context_id, encode_command(message), is_command=True, is_last=True)
        if data is not None:
            for place in range(0, max(len(data), 1), _FRAGMENT):
                piece = data[place : place + _FRAGMENT]
                self._say_fragment(context_id, piece, is_command=False, is_last=place + _FRAGMENT >= len(data))

    def _say_fragment(self, context_id: int, data: bytes, *, is_command: bool, is_last: bool) -> None:
        self.say(P_DATA_TF(pdvs=(PDV(context_id=context_id, is_command=is_command, is_last=is_last, data=data),)))

    def hear(self) -> PDU | None:
        """The next PDU, or None when the connection is closed."""
        head = self._exactly(6)
        body = b"" if head is None else self._exactly(parse_header(head)[1])
        return None if head is None or body is None else decode_pdu(head + body)

    def hear_message(self) -> Any:
        """The next message without its data set, or None when there is none; a release is answered."""
        found: Message | None = None
        while True:
            pdu = self.hear()
            if isinstance(pdu, A_RELEASE_RQ):
                self.say(A_RELEASE_RP())
            if not isinstance(pdu, P_DATA_TF):
                return None
            for pdv in pdu.pdvs:
                if pdv.is_command:
                    self._command += bytes(pdv.data)
                    if pdv.is_last:
                        found, self._command = decode_command(self._command, pdv.context_id), b""
                if pdv.is_last and found is not None and pdv.is_command != found.has_data_set:
                    return found

    def until_closed(self) -> None:
        """Take whatever comes; answer a release."""
        while self.hear_message() is not None:
            pass

    def reset(self) -> None:
        """Close with an RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        """Close."""
        self.sock.close()

    def _exactly(self, count: int) -> bytes | None:
        data = b""
        while len(data) < count:
            piece = self.sock.recv(count - len(data))
            if not piece:
                return None
            data += piece
        return data
