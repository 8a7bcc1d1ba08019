"""What is tolerated from peers, row by row, and that none of it ever comes from us.

Quirks of systems in the field; the tests' peers are by hand, and what we send is read as bytes.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from struct import pack, unpack_from
from typing import Any

import pytest
from live_ends import ByHand, Ear, ask, image, keys, only, storing
from raw_peer import IMPLICIT, RawPeer, acceptance, fragment, message, request, scp, serves, serving, until

from workstation.net import AE, build_role, evt
from workstation.net.codec.dimse import (
    C_ECHO_RQ,
    C_ECHO_RSP,
    C_FIND_RQ,
    C_FIND_RSP,
    C_STORE_RQ,
    C_STORE_RSP,
    encode_command,
)
from workstation.net.codec.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_AC,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    P_DATA_TF,
    PDV,
    encode_pdu,
)
from workstation.net.sop_class import (
    CTImageStorage,
    ModalityWorklistInformationFind,
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    Verification,
)

FIND, WORKLIST = PatientRootQueryRetrieveInformationModelFind, ModalityWorklistInformationFind
GET = PatientRootQueryRetrieveInformationModelGet
CT = CTImageStorage
ECHO = C_ECHO_RQ(context_id=1, MessageID=1, AffectedSOPClassUID=Verification)


def replaced(pdu: Any, old: bytes, new: bytes) -> bytes:
    """A PDU in which the value of one item is another one, with the lengths around it made to fit."""
    data = encode_pdu(pdu)
    place = data.index(old, 74)
    data = data[: place - 2] + pack(">H", len(new)) + new + data[place + len(old) :]
    grown = len(new) - len(old)
    item = 74
    while True:  # the item of the first level around it
        size = unpack_from(">H", data, item + 2)[0]
        if item + 4 == place:
            break  # it is one itself
        if item < place < item + 4 + size:
            data = data[: item + 2] + pack(">H", size + grown) + data[item + 4 :]
            break
        item += 4 + size
    return data[:2] + pack(">I", len(data) - 6) + data[6:]


def element(tag: int, value: bytes) -> bytes:
    """An element in Implicit VR Little Endian, whatever its value."""
    return pack("<HHL", tag >> 16, tag & 0xFFFF, len(value)) + value


def echoes(peer: RawPeer) -> bool:
    peer.say(message(ECHO))
    answer = peer.hear_message()
    return isinstance(answer, C_ECHO_RSP) and answer.Status == 0x0000


# --------------------------------------------------------------------------- AE titles
@pytest.mark.parametrize(
    ("called", "calling"),
    [
        (b"SCP".ljust(16, b"\0"), b"RAW".ljust(16, b"\0")),
        (b"SCP\0garbage\xff\xfe", b"RAW\0\x01\x02\x7f"),
        (b"SCP\0", b"RAW \0 RAW"),
        (b"  SCP", b" RAW  "),
    ],
)
def test_titles_end_at_the_first_nul(called: bytes, calling: bytes) -> None:
    said = bytearray(encode_pdu(request()))
    said[10:26], said[26:42] = called.ljust(16), calling.ljust(16)
    ae = scp()
    ae.require_called_aet, ae.require_calling_aet = True, ["RAW"]
    with serving(ae) as server, RawPeer.to(server) as peer:
        peer.say(bytes(said))
        answer = peer.hear()
        assert isinstance(answer, A_ASSOCIATE_AC)
        end = only(server)
        assert (end.requestor.ae_title, end.remote["ae_title"]) == ("RAW", "RAW")
        assert echoes(peer)


# --------------------------------------------------------------------------- UIDs
TOO_LONG = "1.2.840." + "1" * 70
PADDINGS = [b"\0", b" ", b"\0\0", b"\0 \0"]


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("which", [Verification, "1.2.840.10008.3.1.1.1", "1.2.3.4", IMPLICIT])
def test_uids_of_a_request_that_are_padded(which: str, padding: bytes) -> None:
    said = replaced(request(), which.encode(), which.encode() + padding)
    with serving(scp()) as server, RawPeer.to(server) as peer:
        peer.say(said)
        answer = peer.hear()
        assert isinstance(answer, A_ASSOCIATE_AC)
        assert [c.result for c in answer.presentation_contexts] == [0]
        assert answer.presentation_contexts[0].transfer_syntax == IMPLICIT
        end = only(server)
        assert end.accepted_contexts[0].abstract_syntax == Verification
        assert end.requestor.implementation_class_uid == "1.2.3.4"
        assert echoes(peer)


@pytest.mark.parametrize("uid", ["1.2.03.004", "1.2.letters", TOO_LONG, "not a uid at all", "1..2", ".1.2."])
def test_uids_that_are_none(uid: str) -> None:
    """As abstract syntax it is not supported; as implementation class or SOP instance it is only noted."""
    stored: list[str] = []
    bound = [storing(stored, lambda event: event.request.AffectedSOPInstanceUID)]
    with serving(scp(Verification, CT), bound) as server:
        with RawPeer.to(server) as peer:
            peer.say(replaced(request(Verification, "1.2.840.99"), b"1.2.840.99", uid.encode()))
            answer = peer.hear()
            assert isinstance(answer, A_ASSOCIATE_AC)
            assert [c.result for c in answer.presentation_contexts] == [0, 3]
            assert echoes(peer)
        with RawPeer.to(server) as peer:
            peer.say(replaced(request(CT), b"1.2.3.4", uid.encode()))
            assert isinstance(peer.hear(), A_ASSOCIATE_AC)
            command = raw_command(0x0001, uid.encode())
            peer.say(fragment(command, command=True) + fragment(element(0x00100020, b"A "), command=False))
            response = peer.hear_message()
            assert isinstance(response, C_STORE_RSP)
            assert response.Status == 0x0000
    assert stored == [uid]


def raw_command(field: int, instance: bytes) -> bytes:
    """The command set of a C-STORE-RQ, without the rules that hold for ours."""
    instance += b"\0" * (len(instance) % 2)
    rest = (
        element(0x00000002, CT.encode() + b"\0" * (len(CT) % 2))
        + element(0x00000100, pack("<H", field))
        + element(0x00000110, pack("<H", 1))
        + element(0x00000700, pack("<H", 0))
        + element(0x00000800, pack("<H", 1))
        + element(0x00001000, instance)
    )
    return element(0x00000000, pack("<L", len(rest))) + rest


@pytest.mark.parametrize("padding", PADDINGS)
def test_uids_of_an_answer_that_are_padded(padding: bytes) -> None:
    said = replaced(acceptance(1), IMPLICIT.encode(), IMPLICIT.encode() + padding)

    def conversation(peer: RawPeer) -> None:
        peer.hear()
        peer.say(said)
        assert isinstance(peer.hear(), A_RELEASE_RQ)
        peer.say(A_RELEASE_RP())

    with ByHand(conversation) as there:
        assoc = ask(there)
        assert [c.transfer_syntax for c in assoc.accepted_contexts] == [[IMPLICIT]]
        assoc.release()
        assert assoc.is_released


# --------------------------------------------------------------------------- rejected contexts
SUB_ITEM = b"\x40\x00" + pack(">H", len(IMPLICIT)) + IMPLICIT.encode()


@pytest.mark.parametrize(
    "content",
    [b"", b"\x40\x00\x00\x00", b"\x40\x00\x00\x05junk\xff", b"\x40\x00\x00\x41" + b"1" * 65, SUB_ITEM, SUB_ITEM * 2],
    ids=["no sub-item", "empty", "junk", "too long", "plain", "two"],
)
@pytest.mark.parametrize("result", [1, 2, 3, 4, 77])
def test_what_a_rejected_context_holds_is_ignored(result: int, content: bytes) -> None:
    body = bytes((3, 0, result, 0)) + content
    data = encode_pdu(acceptance(1))
    place = data.index(b"\x50\x00", 74)  # before the user information
    data = data[:place] + b"\x21\x00" + pack(">H", len(body)) + body + data[place:]
    said = data[:2] + pack(">I", len(data) - 6) + data[6:]

    def conversation(peer: RawPeer) -> None:
        peer.hear()
        peer.say(said)
        assert isinstance(peer.hear(), A_RELEASE_RQ)
        peer.say(A_RELEASE_RP())

    with ByHand(conversation) as there:
        assoc = ask(there, Verification, CT)
        assert assoc.is_established, assoc.end_reason
        assert [c.abstract_syntax for c in assoc.accepted_contexts] == [Verification]
        assert [(c.abstract_syntax, c.result) for c in assoc.rejected_contexts] == [(CT, result)]
        assoc.release()
        assert assoc.is_released


# --------------------------------------------------------------------------- aborts and ends
@pytest.mark.parametrize("side", ["requestor", "acceptor"])
@pytest.mark.parametrize(("source", "by_user"), [(0, True), (1, False), (2, False), (9, False)])
def test_aborts_of_any_source_end_it_at_once(source: int, by_user: bool, side: str) -> None:
    said = bytes((7, 0, 0, 0, 0, 4, 0, 0, source, 99))
    ear = Ear()
    if side == "acceptor":
        with serving(scp(), ear.handlers()) as server, RawPeer.associated(server) as peer:
            peer.say(said)
            assert peer.hear() is None  # AA-3 closes, and does not wait for the peer to
            ear.until(evt.EVT_ABORTED)
            assert until(lambda: server.active_associations == [])
    else:

        def conversation(peer: RawPeer) -> None:
            peer.hear()
            peer.say(acceptance(1))
            peer.say(said)
            assert peer.hear() is None

        with ByHand(conversation) as there:
            assoc = ask(there, evt_handlers=ear.handlers())
            assert assoc.over.wait(5)
            assert (assoc.is_aborted, assoc.is_released, assoc.is_rejected) == (True, False, False)
    primitives = [type(heard.primitive).__name__ for heard in ear.of(evt.EVT_ACSE_RECV)]
    assert primitives[-1] == ("A_ABORT" if by_user else "A_P_ABORT")


def test_a_peer_that_answers_the_release_and_never_closes() -> None:
    def conversation(peer: RawPeer) -> None:
        peer.hear()
        peer.say(acceptance(1))
        assert isinstance(peer.hear(), A_RELEASE_RQ)
        peer.say(A_RELEASE_RP())
        assert peer.hear() is None  # AR-3: the requestor closes

    with ByHand(conversation) as there:
        assoc = ask(there)
        assoc.release()
        assert assoc.is_released
        assert assoc.over.wait(5)


def test_a_peer_that_never_releases_is_let_go_of() -> None:
    ae = scp()
    ae.network_timeout = 0.2
    with serving(ae) as server, RawPeer.associated(server) as peer:
        assert peer.hear() == A_ABORT_RQ(source=0)
        peer.close()
        ae.network_timeout = 60
        assert serves(server) < 10


# --------------------------------------------------------------------------- fragments
def pdvs(*parts: tuple[bool, bool, bytes], context_id: int = 1) -> bytes:
    """One P-DATA-TF with several PDVs: (command, last, bytes)."""
    return encode_pdu(
        P_DATA_TF(
            pdvs=tuple(PDV(context_id=context_id, is_command=c, is_last=last, data=data) for c, last, data in parts)
        )
    )


STORE = encode_command(
    C_STORE_RQ(
        context_id=1,
        MessageID=1,
        AffectedSOPClassUID=CT,
        AffectedSOPInstanceUID="1.2.3",
        Priority=0,
        has_data_set=True,
    )
)
BODY = element(0x00100020, b"PATIENT1") + element(0x00104000, b"x" * 90)
FRAGMENTS = {
    "odd": pdvs((True, False, STORE[:7]))
    + pdvs((True, True, STORE[7:]))
    + pdvs((False, False, BODY[:5]))
    + pdvs((False, False, BODY[5:8]))
    + pdvs((False, True, BODY[8:])),
    "several PDVs": pdvs((True, False, STORE[:30]), (True, True, STORE[30:]))
    + pdvs((False, False, BODY[:20]), (False, False, BODY[20:21]), (False, True, BODY[21:])),
    "command and data in one": pdvs((True, True, STORE), (False, True, BODY)),
    "all in one": pdvs(
        (True, False, STORE[:9]), (True, True, STORE[9:]), (False, False, BODY[:3]), (False, True, BODY[3:])
    ),
    "an empty one at the end": pdvs((True, False, STORE), (True, True, b""))
    + pdvs((False, False, BODY))
    + pdvs((False, True, b"")),
    "reserved bits of the control header": pdvs((True, True, STORE)).replace(b"\x01\x03", b"\x01\xf3", 1)
    + pdvs((False, True, BODY)).replace(b"\x01\x02", b"\x01\xfe", 1),
}


@pytest.mark.parametrize("said", FRAGMENTS.values(), ids=FRAGMENTS)
def test_fragments_of_any_cut(said: bytes) -> None:
    stored: list[bytes] = []
    bound = [storing(stored, lambda event: event.encoded_dataset(include_meta=False))]
    with serving(scp(CT), bound) as server, RawPeer.associated(server, CT) as peer:
        for _ in range(2):
            peer.say(said)
            response = peer.hear_message()
            assert isinstance(response, C_STORE_RSP)
            assert response.Status == 0x0000
    assert stored == [BODY, BODY]


def test_fragments_of_any_cut_in_responses() -> None:
    def answer(status: int, *, data: bool) -> bytes:
        return encode_command(
            C_FIND_RSP(
                context_id=1,
                MessageIDBeingRespondedTo=1,
                AffectedSOPClassUID=FIND,
                Status=status,
                has_data_set=data,
            )
        )

    first, last = answer(0xFF00, data=True), answer(0x0000, data=False)

    def conversation(peer: RawPeer) -> None:
        peer.hear()
        peer.say(acceptance(1))
        peer.hear_message()
        peer.say(pdvs((True, True, first), (False, False, BODY[:7]), (False, True, BODY[7:])))
        peer.say(pdvs((True, False, last[:11])) + pdvs((True, True, last[11:])))
        assert isinstance(peer.hear(), A_RELEASE_RQ)
        peer.say(A_RELEASE_RP())

    with ByHand(conversation) as there:
        assoc = ask(there, FIND)
        (pending, found), (final, nothing) = assoc.send_c_find(keys(), FIND)
        assert (pending.Status, final.Status, nothing) == (0xFF00, 0x0000, None)
        assert found is not None
        assert found.PatientID == "PATIENT1"
        assoc.release()


# --------------------------------------------------------------------------- command sets
PARTS = {
    0x00000002: Verification.encode() + b"\0",
    0x00000100: pack("<H", 0x0030),
    0x00000110: pack("<H", 7),
    0x00000800: pack("<H", 0x0101),
}


def echo_command(length: bytes | None, tags: list[int] | None = None, extra: bytes = b"") -> bytes:
    rest = b"".join(element(tag, PARTS[tag]) for tag in tags or PARTS) + extra
    return (b"" if length is None else element(0x00000000, length)) + rest


COMMANDS = {
    "no group length": echo_command(None),
    "group length 0": echo_command(pack("<L", 0)),
    "group length too small": echo_command(pack("<L", 8)),
    "group length too large": echo_command(pack("<L", 0xFFFFFFF0)),
    "out of order": echo_command(pack("<L", 56), [0x00000800, 0x00000110, 0x00000100, 0x00000002]),
    "group length at the end": echo_command(None, extra=element(0x00000000, pack("<L", 56))),
    "retired and unknown elements": echo_command(
        None, extra=element(0x00000001, pack("<L", 4)) + element(0x00000860, b"\0\0") + element(0x00005190, b"??")
    ),
    "UID padded by a space": echo_command(None).replace(Verification.encode() + b"\0", Verification.encode() + b" "),
    "UID of odd length": echo_command(None).replace(
        element(0x00000002, Verification.encode() + b"\0"), element(0x00000002, Verification.encode())
    ),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_command_sets_are_read_to_the_end_of_what_came(command: bytes) -> None:
    with serving(scp()) as server, RawPeer.associated(server) as peer:
        for _ in range(2):
            peer.say(fragment(command, command=True))
            response = peer.hear_message()
            assert isinstance(response, C_ECHO_RSP)
            assert (response.MessageIDBeingRespondedTo, response.Status) == (7, 0x0000)


def test_command_sets_in_explicit_vr_are_aborted() -> None:
    uid = Verification.encode() + b"\0"
    command = b"\x00\x00\x02\x00UI" + pack("<H", len(uid)) + uid
    for tag, value in ((0x0100, 0x30), (0x0110, 7), (0x0800, 0x0101)):
        command += pack("<HH", 0, tag) + b"US" + pack("<HH", 2, value)
    with serving(scp()) as server, RawPeer.associated(server) as peer:
        peer.say(fragment(command, command=True))
        abort = peer.hear_abort()
        assert abort.source == 2
        peer.close()
        assert serves(server) < 10


def test_titles_of_a_command_set_that_are_padded_with_nul() -> None:
    heard: list[tuple[Any, Any]] = []
    rest = raw_command(0x0001, b"1.2.3")[12:] + element(0x00001030, b"MOVER\0\0\0") + element(0x00001031, pack("<H", 3))
    bound = [
        storing(
            heard,
            lambda event: (
                event.request.MoveOriginatorApplicationEntityTitle,
                event.request.MoveOriginatorMessageID,
            ),
        )
    ]
    with serving(scp(CT), bound) as server, RawPeer.associated(server, CT) as peer:
        peer.say(fragment(rest, command=True) + fragment(BODY, command=False))
        response = peer.hear_message()
        assert isinstance(response, C_STORE_RSP)
        assert response.Status == 0x0000
    assert heard == [("MOVER", 3)]


# --------------------------------------------------------------------------- identifiers
@pytest.mark.parametrize("uid", [FIND, WORKLIST])
@pytest.mark.parametrize(
    "identifier",
    [
        element(0x00100020, b"A "),  # no Query/Retrieve Level
        element(0x00080020, b"2024-01-02 or so"),  # no date
        element(0x00080052, b"IMAGE\0"),
        element(0x00080061, b""),
        element(0x00280010, b"\x01"),  # a US of one byte
        element(0x00280010, b"\x01\x00\x02"),
        element(0x00100010, b"Odd"),
        element(0x00100020, b"A ") + element(0x00080052, b"PATIENT "),  # out of order
    ],
)
def test_keys_that_are_odd_reach_the_handler(identifier: bytes, uid: str) -> None:
    def on_find(event: Any) -> Iterator[Any]:
        # an element whose length does not fit its VR cannot be read, but those around it can
        for tag in event.identifier.keys():  # noqa: SIM118 - iterating over the data set itself reads every value
            assert tag == 0x00280010 or event.identifier[tag] is not None
        assert event.identifier.AccessionNumber == "A1"
        yield 0xFF00, keys(PatientID="FOUND")

    find = C_FIND_RQ(context_id=1, MessageID=1, AffectedSOPClassUID=uid, Priority=0, has_data_set=True)
    with serving(scp(uid), [(evt.EVT_C_FIND, on_find)]) as server, RawPeer.associated(server, uid) as peer:
        peer.say(message(find, element(0x00080050, b"A1") + identifier))
        statuses: list[int | None] = []
        while not statuses or statuses[-1] == 0xFF00:
            response = peer.hear_message()
            assert isinstance(response, C_FIND_RSP)
            statuses.append(response.Status)
        assert statuses == [0xFF00, 0x0000]


# --------------------------------------------------------------------------- Message IDs
def test_message_id_0_in_both_directions() -> None:
    heard: list[int] = []

    def on_echo(event: Any) -> int:
        heard.append(event.message_id)
        return 0x0000

    with serving(scp(), [(evt.EVT_C_ECHO, on_echo)]) as server:
        assoc = ask(server)
        assert assoc.send_c_echo(msg_id=0).Status == 0x0000
        assert assoc.send_c_echo(msg_id=0xFFFF).Status == 0x0000
        assoc.release()
    assert heard == [0, 0xFFFF]


def test_a_response_to_another_message_id_aborts() -> None:
    def conversation(peer: RawPeer) -> None:
        peer.hear()
        peer.say(acceptance(1))
        peer.hear_message()
        peer.say(
            message(
                C_ECHO_RSP(context_id=1, MessageIDBeingRespondedTo=2, AffectedSOPClassUID=Verification, Status=0x0000)
            )
        )
        peer.hear_abort()

    with ByHand(conversation) as there:
        assoc = ask(there)
        assert len(assoc.send_c_echo(msg_id=1)) == 0
        assert assoc.over.wait(5)
        assert assoc.is_aborted


# --------------------------------------------------------------------------- other protocols
@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<html>" + b"\x01\x02\x03" * 100,
        b"\x15\x03\x03\x00\x02\x02\x46",
    ],
    ids=["SSH", "HTTP", "TLS"],
)
def test_what_is_no_dicom_node_is_told_so_once(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workstation.net.engine.upper_layer.FLUSH", 0.1)
    aborts: list[Any] = []

    def conversation(peer: RawPeer) -> None:
        peer.hear()
        peer.say(said)
        peer.try_to_say(said)
        aborts.extend(pdu for pdu in peer.hear_all() if isinstance(pdu, A_ABORT_RQ))

    ear = Ear()
    with ByHand(conversation) as there:
        assoc = ask(there, evt_handlers=ear.handlers())
        assert assoc.over.wait(5)
        assert (assoc.is_aborted, assoc.is_rejected) == (True, False)
    assert [(abort.source, abort.reason) for abort in aborts] in ([(2, 1)], [])  # [] when a reset overtook it
    assert len([heard for heard in ear.of(evt.EVT_FSM_TRANSITION) if heard.fsm_event == "Evt19"]) == 1


# --------------------------------------------------------------------------- what we say ourselves
def said_by_both(act: Callable[[Any], None], *, max_pdu: int = 16382) -> list[bytes]:
    """Every PDU of both ends of an association of ours."""
    ours, theirs = Ear(), Ear()

    def on_find(event: Any) -> Iterator[Any]:
        if event.identifier.get("PatientID") == "NEVER":
            event.over.wait(30)
        yield 0xFF00, keys(PatientID="ODD", PatientName="A^B", StudyInstanceUID="1.2.3")

    def on_get(event: Any) -> Iterator[Any]:
        yield 1
        yield 0xFF00, image(301)

    ae = scp(Verification, FIND, GET, WORKLIST)
    ae.add_supported_context(CT, IMPLICIT, True, True)
    ae.maximum_pdu_size = max_pdu
    handlers = [
        (evt.EVT_C_FIND, on_find),
        (evt.EVT_C_GET, on_get),
        (evt.EVT_C_STORE, lambda event: 0x0000),
        *theirs.handlers(evt.EVT_DATA_SENT, evt.EVT_CONN_CLOSE),
    ]
    with serving(ae, handlers) as server:
        bound = [(evt.EVT_C_STORE, lambda event: 0x0000), *ours.handlers(evt.EVT_DATA_SENT)]
        assoc = ask(
            server,
            Verification,
            FIND,
            GET,
            CT,
            "1.2.840.99.1",  # is refused
            evt_handlers=bound,
            ext_neg=[build_role(CT, True, True)],
            max_pdu=max_pdu,
            ae_title="SCP",
        )
        assert assoc.is_established
        act(assoc)
        assert assoc.over.wait(5)
        theirs.until(evt.EVT_CONN_CLOSE)
    return [heard.data for ear in (ours, theirs) for heard in ear.of(evt.EVT_DATA_SENT)]


def everything(assoc: Any) -> None:
    assert assoc.send_c_echo().Status == 0x0000
    assert assoc.send_c_store(image(333)).Status == 0x0000
    assert assoc.send_c_store(image(334)).Status == 0x0000
    assert len(list(assoc.send_c_find(keys(PatientID="A", StudyInstanceUID="1.2.3"), FIND))) == 2
    assert len(list(assoc.send_c_get(keys(), GET))) == 2
    assoc.release()


@pytest.mark.parametrize("max_pdu", [0, 64, 16382])
def test_our_pdus_are_what_the_standard_says(max_pdu: int) -> None:
    pdus = said_by_both(everything, max_pdu=max_pdu)
    assert {data[0] for data in pdus} == {1, 2, 4, 5, 6}
    for data in pdus:
        assert data[1] == 0
        assert unpack_from(">I", data, 2)[0] == len(data) - 6
        if data[0] in (1, 2):
            _check_associate(data)
        elif data[0] == 4:
            assert not max_pdu or len(data) - 6 <= max_pdu
        else:
            assert data[6:] == bytes(4)
    for commands in _messages(pdus):
        _check_command(commands)


def _check_associate(data: bytes) -> None:
    assert data[6:10] == b"\x00\x01\x00\x00"
    for title in (data[10:26], data[26:42]):
        assert title.isascii()
        assert b"\0" not in title
        assert title.strip()
        assert not title.startswith(b" ")
    assert data[42:74] == bytes(32)
    top = _items(data[74:])
    assert [kind for kind, _ in top][:1] == [0x10]
    assert [kind for kind, _ in top][-1:] == [0x50]
    ids = []
    for kind, body in top:
        if kind == 0x10:
            assert body == b"1.2.840.10008.3.1.1.1"
        elif kind in (0x20, 0x21):
            ids.append(body[0])
            assert body[1] == 0
            assert body[3] == 0
            subs = _items(body[4:])
            assert all(_is_uid(uid) for _, uid in subs)
            assert [sub for sub, _ in subs] == ([0x30, 0x40] if kind == 0x20 else [0x40])  # also when refused
        else:
            for sub, value in _items(body):
                if sub == 0x52:
                    assert _is_uid(value)
                if sub == 0x54:
                    length = unpack_from(">H", value)[0]
                    assert _is_uid(value[2 : 2 + length])
                    assert value[2 + length :] in (b"\x01\x00", b"\x00\x01", b"\x01\x01")
                if sub == 0x55:
                    assert 1 <= len(value) <= 16
    assert ids == sorted(set(ids))
    assert all(number % 2 for number in ids)


def _items(data: bytes) -> list[tuple[int, bytes]]:
    found = []
    while data:
        kind, reserved, length = unpack_from(">BBH", data)
        assert reserved == 0
        found.append((kind, data[4 : 4 + length]))
        assert len(found[-1][1]) == length
        data = data[4 + length :]
    return found


def _is_uid(value: bytes) -> bool:
    """Not padded, 1 to 64 characters, no component with a leading zero."""
    parts = value.decode("ascii").split(".")
    return 1 <= len(value) <= 64 and all(part.isdigit() and (part == "0" or part[0] != "0") for part in parts)


def _messages(pdus: list[bytes]) -> list[bytes]:
    """The command sets; each fragment is even, each P-DATA-TF has one PDV, command before data."""
    found, command = [], b""
    for data in pdus:
        if data[0] != 4:
            continue
        length, context_id, control = unpack_from(">IBB", data, 6)
        assert length == len(data) - 10
        assert context_id % 2 == 1
        assert control in (0, 1, 2, 3)
        piece = data[12:]
        assert len(piece) % 2 == 0
        assert piece
        if control & 1:
            command += piece
            if control & 2:
                found.append(command)
                command = b""
    assert not command
    assert len(found) > 10
    return found


def _check_command(data: bytes) -> None:
    tags, place, values = [], 0, {}
    while place < len(data):
        group, number, length = unpack_from("<HHL", data, place)
        tags.append(number)
        assert group == 0
        assert length % 2 == 0
        values[number] = data[place + 8 : place + 8 + length]
        place += 8 + length
    assert place == len(data)
    assert tags == sorted(set(tags))
    assert tags[0] == 0
    assert unpack_from("<L", values[0])[0] == len(data) - 12
    for number in (0x0002, 0x0003, 0x1000, 0x1001):
        if number in values:
            uid = values[number].rstrip(b"\0")
            assert len(values[number]) - len(uid) == len(uid) % 2
            assert _is_uid(uid)
    retired = {0x0001, 0x0010, 0x0200, 0x0300, 0x0400, 0x0850, 0x0860}
    assert not retired & set(tags)
    assert 0x0100 in values
    assert 0x0800 in values


@pytest.mark.parametrize("how", ["abort", "network timeout", "DIMSE timeout"])
def test_our_aborts_say_who_and_never_source_1(how: str) -> None:
    def act(assoc: Any) -> None:
        match how:
            case "abort":
                assoc.abort()
            case "network timeout":
                assoc.network_timeout = 0.1
            case _:
                assoc.dimse_timeout = 0.05
                next(assoc.send_c_find(keys(PatientID="NEVER"), FIND))

    aborts = [data for data in said_by_both(act) if data[0] == 7]
    assert aborts == [bytes((7, 0, 0, 0, 0, 4, 0, 0, 0, 0))]


def test_our_aborts_of_what_is_wrong_say_why() -> None:
    wrong = {
        b"\x09\x00\x00\x00\x00\x04" + bytes(4): 1,
        encode_pdu(acceptance(1)): 2,
        b"\x05\x00\x00\x00\x00\x05" + bytes(5): 6,
    }
    for said, reason in wrong.items():
        with serving(scp()) as server, RawPeer.associated(server) as peer:
            peer.say(said)
            assert peer.sock.recv(10, socket.MSG_WAITALL) == bytes((7, 0, 0, 0, 0, 4, 0, 0, 2, reason))


def test_titles_that_we_may_not_say_are_refused_here() -> None:
    with serving(scp()) as server:
        for title in ("", " ", "seventeen letters", "B\\S", "N\0L", "T\tB", "Ü"):
            ae = AE("SCU")
            ae.add_requested_context(Verification)
            with pytest.raises(ValueError, match=r"\w"):
                ae.associate("127.0.0.1", server.server_address[1], ae_title=title)
        assert until(lambda: server.active_associations == [])
