"""How an association can end under a job: a peer that accepts it and then does one thing wrong."""

import socket
import struct
from collections.abc import Callable
from dataclasses import replace

import pytest

from workstation.net.codec.pdu import (
    A_ASSOCIATE_AC,
    AnsweredContext,
    ImplementationClassUID,
    MaximumLength,
    encode_pdu,
)
from workstation.peers import Peer
from workstation.scu.caller import Caller
from workstation.scu.echo import EchoJob
from workstation.scu.failure import Layer

ACCEPT = encode_pdu(
    A_ASSOCIATE_AC(
        called_ae_title="PEER",
        calling_ae_title="WORKSTATION",
        presentation_contexts=(AnsweredContext(context_id=1, result=0, transfer_syntax="1.2.840.10008.1.2"),),
        user_information=(MaximumLength(value=16384), ImplementationClassUID(uid="1.2.3")),
    )
)
RELEASE = bytes.fromhex("05 00 00000004 00000000")


def accept_then(act: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    def conversation(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(ACCEPT)
        connection.recv(65536)  # the C-ECHO-RQ
        act(connection)

    return conversation


def say(data: bytes) -> Callable[[socket.socket], None]:
    def act(connection: socket.socket) -> None:
        connection.sendall(data)
        connection.recv(4096)  # what is said to that; nothing more is waited for

    return act


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def response(status: int, message_id: int = 1) -> bytes:
    """A C-ECHO-RSP in one P-DATA-TF."""
    elements = [
        (0x0002, b"1.2.840.10008.1.1\0"),
        (0x0100, struct.pack("<H", 0x8030)),
        (0x0120, struct.pack("<H", message_id)),
        (0x0800, struct.pack("<H", 0x0101)),
        (0x0900, struct.pack("<H", status)),
    ]
    body = b"".join(struct.pack("<HHI", 0, number, len(value)) + value for number, value in elements)
    command = struct.pack("<HHII", 0, 0, 4, len(body)) + body
    pdv = struct.pack(">IBB", len(command) + 2, 1, 3) + command
    return struct.pack(">BBI", 4, 0, len(pdv)) + pdv


def test_the_peer_of_these_tests_can_do_it_right(caller: Caller, raw_server: Callable[..., Peer]) -> None:
    def act(connection: socket.socket) -> None:
        connection.sendall(response(0))
        connection.recv(4096)
        connection.sendall(bytes.fromhex("06 00 00000004 00000000"))

    assert EchoJob(caller, raw_server(accept_then(act))).run().succeeded


@pytest.mark.parametrize(
    ("act", "layer", "words"),
    [
        (say(RELEASE), Layer.ASSOCIATION, "The peer released the association during C-ECHO"),
        (lambda _: None, Layer.TCP, "The peer closed the connection during C-ECHO"),
        (reset, Layer.TCP, "The peer closed the connection during C-ECHO"),
        (say(b"GET / HTTP/1.1\r\n\r\n"), Layer.ASSOCIATION, "The association ended during C-ECHO"),
        (say(bytes.fromhex("04 00 ffffffff 00")), Layer.ASSOCIATION, "The association ended during C-ECHO"),
        (say(ACCEPT), Layer.ASSOCIATION, "The association ended during C-ECHO"),
        (say(bytes.fromhex("07 00 00000004 00 00 02 01")), Layer.ASSOCIATION, "protocol layer aborted"),
        (say(b""), Layer.STATUS, "did not answer during C-ECHO (No response to the C-ECHO-RQ within 0.5 s"),
        (say(response(0, message_id=77)), Layer.ASSOCIATION, "Message ID 77"),
    ],
    ids=["release", "close", "reset", "http", "bomb", "second AC", "abort", "silence", "wrong id"],
)
def test_ends(
    caller: Caller,
    raw_server: Callable[..., Peer],
    act: Callable[[socket.socket], None],
    layer: Layer,
    words: str,
) -> None:
    hasty = replace(caller, dimse_timeout=0.5) if "within 0.5 s" in words else caller
    result = EchoJob(hasty, raw_server(accept_then(act))).run()
    assert result.failure is not None
    assert words in result.sentence
    assert result.failure.layer is layer, result.sentence
    assert result.failure.remedy
    assert result.connect is not None
