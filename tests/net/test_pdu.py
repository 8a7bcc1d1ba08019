"""The PDU codec: one list of (PDU, bytes) drives encoding, decoding, damage and dissection."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from workstation.net.codec.cursor import MAXIMUM_ITEMS, MAXIMUM_TRACED_PARTS
from workstation.net.codec.field import Field
from workstation.net.codec.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_ASSOCIATE_RQ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    MAXIMUM_ASSOCIATE_LENGTH,
    MAXIMUM_P_DATA_LENGTH,
    P_DATA_TF,
    PDU,
    PDV,
    AnsweredContext,
    AsynchronousOperationsWindow,
    ImplementationClassUID,
    ImplementationVersionName,
    MaximumLength,
    ProposedContext,
    RoleSelection,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UnknownItem,
    UserIdentityAC,
    UserIdentityRQ,
    check_header,
    decode_pdu,
    dissect_pdu,
    encode_pdu,
    find_item,
    find_items,
    iter_pdvs,
    p_data_header,
    parse_header,
)
from workstation.net.errors import AbortReason, LocalProtocolError, RemoteProtocolError

h = bytes.fromhex

# What every association PDU below starts and goes on with: version, reserved, titles, 32 reserved bytes, item 10H.
FIXED = h("0001 0000") + b"CALLED          CALLING         " + bytes(32)
CONTEXT_NAME = h("10 00 0015") + b"1.2.840.10008.3.1.1.1"
CONTEXT_1 = (
    h("20 00 003f  01 00 00 00")
    + h("30 00 0011") + b"1.2.840.10008.1.1"
    + h("40 00 0011") + b"1.2.840.10008.1.2"
    + h("40 00 000d") + b"1.2.840.10008"
)  # fmt: skip
ANSWER_1 = h("21 00 0019  01 00 00 00") + h("40 00 0011") + b"1.2.840.10008.1.2"
USER_ITEMS = (
    h("51 00 0004  00004000")
    + h("52 00 0005") + b"1.2.3"
    + h("53 00 0004  0000 0003")
    + h("54 00 0007  0003") + b"1.2" + h("00 01")
    + h("55 00 0004") + b"WORK"
    + h("56 00 0008  0003") + b"1.2" + h("01 00 01")
    + h("57 00 0016  0003") + b"1.2" + h("0003") + b"4.2" + h("000a 0003") + b"1.6" + h("0003") + b"1.7"
)  # fmt: skip
IDENTITY_RQ = h("58 00 000e  02 01 0003") + b"joe" + h("0005") + b"s3cr3"
IDENTITY_AC = h("59 00 0006  0004") + b"tick"
UNKNOWN = h("fe 07 0002 abcd")

REQUEST = A_ASSOCIATE_RQ(
    called_ae_title="CALLED",
    calling_ae_title="CALLING",
    presentation_contexts=(
        ProposedContext(
            context_id=1,
            abstract_syntax="1.2.840.10008.1.1",
            transfer_syntaxes=("1.2.840.10008.1.2", "1.2.840.10008"),
        ),
    ),
    user_information=(
        MaximumLength(16384),
        ImplementationClassUID("1.2.3"),
        AsynchronousOperationsWindow(0, 3),
        RoleSelection("1.2", False, True),
        ImplementationVersionName("WORK"),
        SOPClassExtendedNegotiation("1.2", b"\1\0\1"),
        SOPClassCommonExtendedNegotiation("1.2", "4.2", ("1.6", "1.7")),
        UserIdentityRQ(2, True, b"joe", b"s3cr3"),
        UnknownItem(0xFE, b"\xab\xcd", 7),
    ),
)

ACCEPT = A_ASSOCIATE_AC(
    called_ae_title="CALLED",
    calling_ae_title="CALLING",
    presentation_contexts=(AnsweredContext(context_id=1, result=0, transfer_syntax="1.2.840.10008.1.2"),),
    user_information=(MaximumLength(0), UserIdentityAC(b"tick")),
)


def pdu_bytes(pdu_type: int, body: bytes) -> bytes:
    return bytes((pdu_type, 0)) + len(body).to_bytes(4, "big") + body


def user_information(items: bytes) -> bytes:
    return h("50 00") + len(items).to_bytes(2, "big") + items


def request_bytes(*items: bytes) -> bytes:
    return pdu_bytes(1, FIXED + b"".join(items))


def accept_bytes(*items: bytes) -> bytes:
    return pdu_bytes(2, FIXED + b"".join(items))


CASES: list[Any] = [
    pytest.param(
        REQUEST,
        h("01 00 0000010e") + FIXED + CONTEXT_NAME + CONTEXT_1 + h("50 00 006a") + USER_ITEMS + IDENTITY_RQ + UNKNOWN,
        id="request with every sub-item",
    ),
    pytest.param(
        replace(
            REQUEST,
            user_information=(),
            protocol_version=3,
            reserved=b"x" * 32,
            unknown=(UnknownItem(0xFE, b"\xab\xcd", 7),),
        ),
        pdu_bytes(
            1,
            h("0003 0000") + b"CALLED          CALLING         " + b"x" * 32
            + CONTEXT_NAME + CONTEXT_1 + h("50 00 0000") + UNKNOWN,
        ),
        id="request with another version, reserved bytes and an unknown item",
    ),
    pytest.param(
        replace(
            REQUEST,
            presentation_contexts=(
                ProposedContext(
                    context_id=255,
                    abstract_syntax="1.2",
                    transfer_syntaxes=("1.3",),
                    unknown=(UnknownItem(0xFE, b"\xab\xcd", 7),),
                ),
            ),
            user_information=(),
        ),
        request_bytes(
            CONTEXT_NAME,
            h("20 00 0018 ff000000 30 00 0003") + b"1.2" + h("40 00 0003") + b"1.3" + UNKNOWN,
            user_information(b""),
        ),
        id="request with an unknown sub-item of a context",
    ),
    pytest.param(
        ACCEPT,
        accept_bytes(CONTEXT_NAME, ANSWER_1, user_information(h("51 00 0004 00000000") + IDENTITY_AC)),
        id="acceptance",
    ),
    pytest.param(
        replace(
            ACCEPT,
            presentation_contexts=(
                AnsweredContext(context_id=1, result=3, transfer_syntax="1.2"),
                AnsweredContext(context_id=3, result=9, transfer_syntax="1.2"),
            ),
        ),
        accept_bytes(
            CONTEXT_NAME,
            h("21 00 000b 01 00 03 00 40 00 0003") + b"1.2",
            h("21 00 000b 03 00 09 00 40 00 0003") + b"1.2",
            user_information(h("51 00 0004 00000000") + IDENTITY_AC),
        ),
        id="acceptance with rejected contexts",
    ),
    pytest.param(A_ASSOCIATE_RJ(2, 3, 2), h("03 00 00000004 00 02 03 02"), id="rejection"),
    pytest.param(
        P_DATA_TF((PDV(1, True, True, b"\1\2"),)), h("04 00 00000008 00000004 01 03 0102"), id="one PDV"
    ),
    pytest.param(
        P_DATA_TF((PDV(1, True, True, b"\1\2"), PDV(1, False, False, b"\3"), PDV(1, False, True, b""))),
        h("04 00 00000015 00000004 01 03 0102  00000003 01 00 03  00000002 01 02"),
        id="command and data in one PDU, an odd and an empty fragment",
    ),
    pytest.param(A_RELEASE_RQ(), h("05 00 00000004 00000000"), id="release request"),
    pytest.param(A_RELEASE_RP(), h("06 00 00000004 00000000"), id="release response"),
    pytest.param(A_ABORT_RQ(0), h("07 00 00000004 0000 00 00"), id="abort by the user"),
    pytest.param(A_ABORT_RQ(2, 6), h("07 00 00000004 0000 02 06"), id="abort by the provider"),
    pytest.param(A_ABORT_RQ(1, 200), h("07 00 00000004 0000 01 c8"), id="abort with reserved values"),
]  # fmt: skip


@pytest.mark.parametrize(("pdu", "data"), CASES)
def test_encode(pdu: PDU, data: bytes) -> None:
    assert encode_pdu(pdu).hex(" ") == data.hex(" ")


@pytest.mark.parametrize(("pdu", "data"), CASES)
def test_decode(pdu: PDU, data: bytes) -> None:
    assert decode_pdu(data) == pdu
    assert decode_pdu(memoryview(bytearray(data))) == pdu


@pytest.mark.parametrize(("pdu", "data"), CASES)
def test_cut_at_every_length(pdu: PDU, data: bytes) -> None:
    for length in range(len(data)):
        with pytest.raises(RemoteProtocolError):
            decode_pdu(data[:length])


@pytest.mark.parametrize(("pdu", "data"), CASES)
def test_trailing_bytes(pdu: PDU, data: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="bytes follow"):
        decode_pdu(data + b"\0")


@pytest.mark.parametrize(("pdu", "data"), CASES)
def test_reserved_bytes_are_not_tested(pdu: PDU, data: bytes) -> None:
    changed = bytearray(data)
    changed[1] = 0xFF  # of the PDU header
    if isinstance(pdu, A_ABORT_RQ | A_RELEASE_RP | A_RELEASE_RQ):
        changed[6] = changed[7] = 0xFF
    if isinstance(pdu, A_ASSOCIATE_RJ):
        changed[6] = 0xFF
    if isinstance(pdu, A_ASSOCIATE_RQ | A_ASSOCIATE_AC):
        changed[8] = changed[9] = 0xFF
    assert decode_pdu(changed) == pdu


@pytest.mark.parametrize(("pdu", "data"), CASES)
def test_every_single_byte_changed(pdu: PDU, data: bytes) -> None:
    for index in range(len(data)):
        for change in (0x01, 0x80, 0xFF):
            changed = bytearray(data)
            changed[index] ^= change
            with suppress(RemoteProtocolError):
                decode_pdu(changed)
            check_spans(dissect_pdu(changed), bytes(changed))


# -- dissection --------------------------------------------------------------------------------------------------


def leaves(field: Field) -> Iterator[Field]:
    if not field.children:
        yield field
    for child in field.children:
        yield from leaves(child)


def check_spans(root: Field, data: bytes) -> None:
    """Each byte belongs to exactly one leaf, in order, and children fill their parent."""
    assert (root.offset, root.length) == (0, len(data))
    position = 0
    for leaf in leaves(root):
        assert leaf.offset == position
        position += leaf.length
    assert position == len(data)
    stack = [root]
    while stack:
        field = stack.pop()
        if field.children:
            assert field.offset == field.children[0].offset
            assert field.length == sum(child.length for child in field.children)
            stack += field.children


def find(root: Field, *path: str) -> Field:
    for name in path:
        root = next(child for child in root.children if child.name == name)
    return root


def problems(root: Field) -> list[str]:
    own = [f"{root.name}: {root.problem}"] if root.problem else []
    return own + [problem for child in root.children for problem in problems(child)]


@pytest.mark.parametrize(("pdu", "data"), CASES)
def test_dissection_covers_every_byte(pdu: PDU, data: bytes) -> None:
    root = dissect_pdu(data)
    check_spans(root, data)
    assert problems(root) == []


@pytest.mark.parametrize(("pdu", "data"), CASES)
def test_dissection_of_damaged_pdus(pdu: PDU, data: bytes) -> None:
    for length in range(len(data)):
        root = dissect_pdu(data[:length])
        check_spans(root, data[:length])
        assert problems(root)
    root = dissect_pdu(data + b"tail")
    check_spans(root, data + b"tail")
    assert problems(root)


def test_dissection_speaks_the_standards_words() -> None:
    data = encode_pdu(REQUEST)
    root = dissect_pdu(data)
    assert root.name == "A-ASSOCIATE-RQ"
    called = find(root, "Called AE Title")
    assert (called.value, called.offset, called.length) == ("CALLED", 10, 16)
    context = find(root, "Presentation Context Item (RQ)")
    assert context.value == 1
    assert context.meaning == "Verification SOP Class, Implicit VR Little Endian"
    syntax = find(context, "Abstract Syntax Sub-Item", "Abstract Syntax Name")
    assert data[syntax.offset : syntax.offset + syntax.length] == b"1.2.840.10008.1.1"
    role = find(root, "User Information Item", "SCP/SCU Role Selection Sub-Item")
    assert role.meaning == "no SCU role, SCP role"
    window = find(root, "User Information Item", "Asynchronous Operations Window Sub-Item")
    assert window.meaning == "unlimited invoked, 3 performed"
    assert find(root, "User Information Item", "Unknown Item").value == b"\xab\xcd"


@pytest.mark.parametrize(
    ("data", "path", "meaning"),
    [
        (h("03 00 00000004 00 01 01 07"), "Reason/Diag.", "called-AE-title-not-recognized"),
        (h("03 00 00000004 00 01 02 02"), "Reason/Diag.", "protocol-version-not-supported"),
        (h("03 00 00000004 00 02 03 02"), "Source", "DICOM UL service-provider (Presentation related function)"),
        (h("03 00 00000004 00 02 03 02"), "Result", "rejected-transient"),
        (h("03 00 00000004 00 09 03 02"), "Result", "reserved"),
        (h("07 00 00000004 0000 00 05"), "Reason/Diag.", "not significant"),
        (h("07 00 00000004 0000 02 01"), "Reason/Diag.", "unrecognized-PDU"),
    ],
)
def test_meanings_of_codes(data: bytes, path: str, meaning: str) -> None:
    assert find(dissect_pdu(data), path).meaning == meaning


def test_result_of_a_context_in_words() -> None:
    root = dissect_pdu(accept_bytes(CONTEXT_NAME, h("21 00 0004 01 00 04 00")))
    context = find(root, "Presentation Context Item (AC)")
    assert context.meaning == "transfer-syntaxes-not-supported (provider rejection)"
    assert AnsweredContext(context_id=1, result=4).result_text == context.meaning


def test_damage_costs_its_item_only() -> None:
    broken = h("54 00 0007  0044") + b"1.2" + h("00 01")  # a UID longer than its sub-item
    data = request_bytes(CONTEXT_NAME, CONTEXT_1, user_information(broken + h("51 00 0004  00004000")))
    with pytest.raises(RemoteProtocolError):
        decode_pdu(data)
    root = dissect_pdu(data)
    check_spans(root, data)
    role = find(root, "User Information Item", "SCP/SCU Role Selection Sub-Item")
    assert "68 bytes expected" in role.problem
    assert find(root, "User Information Item", "Maximum Length Sub-Item").value == 16384


def test_damage_inside_a_list_costs_its_sub_item_only() -> None:
    broken = h("57 00 0013  0003") + b"1.2" + h("0003") + b"4.2" + h("0004 0009") + b"1." + b"rest!"[:3]
    data = request_bytes(CONTEXT_NAME, CONTEXT_1, user_information(broken + h("51 00 0004  00004000")))
    root = dissect_pdu(data)
    check_spans(root, data)
    assert find(root, "User Information Item", "SOP Class Common Extended Negotiation Sub-Item").problem
    assert find(root, "User Information Item", "Maximum Length Sub-Item").value == 16384


@pytest.mark.parametrize("identity_type", [2, 3, 4, 5])
def test_secrets_are_not_shown(identity_type: int) -> None:
    identity = UserIdentityRQ(identity_type, True, b"PRIMARY", b"SECONDARY")
    response = UserIdentityAC(b"RESPONSE")
    pdu = replace(REQUEST, user_information=(identity, response))
    shown = f"{dissect_pdu(encode_pdu(pdu))} {pdu}"
    for secret in ("PRIMARY", "SECONDARY", "RESPONSE"):
        assert secret not in shown
    assert "hidden (9 bytes)" in shown


def test_a_user_name_alone_is_shown() -> None:
    root = dissect_pdu(encode_pdu(replace(REQUEST, user_information=(UserIdentityRQ(1, False, b"joe"),))))
    assert find(root, "User Information Item", "User Identity Sub-Item (RQ)", "Primary Field").value == b"joe"


def test_secrets_of_a_damaged_identity_are_not_shown() -> None:
    data = request_bytes(CONTEXT_NAME, CONTEXT_1, user_information(IDENTITY_RQ))
    for length in range(len(data)):
        assert "s3cr" not in str(dissect_pdu(data[:length]))


# -- what peers get wrong without harm ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "title"),
    [
        (b"CALLED\0\0\0\0\0\0\0\0\0\0", "CALLED"),
        (b"CALLED\0garbage!!", "CALLED"),
        (b"   CALLED       ", "CALLED"),
        (b"SIXTEEN_CHARS_16", "SIXTEEN_CHARS_16"),
        (b" " * 16, ""),
        (bytes(16), ""),
        (b"M\xdcLLER          ", "MÜLLER"),
    ],
)
def test_ae_titles_are_cut_and_stripped(field: bytes, title: str) -> None:
    data = bytearray(request_bytes(CONTEXT_NAME, CONTEXT_1, user_information(b"")))
    data[10:26] = field
    pdu = decode_pdu(data)
    assert isinstance(pdu, A_ASSOCIATE_RQ)
    assert pdu.called_ae_title == title


@pytest.mark.parametrize("field", [b"\xff" * 16, bytes(16), b"\\" * 16])
def test_ae_titles_of_an_acceptance_are_not_tested_and_repeat(field: bytes) -> None:
    data = bytearray(accept_bytes(CONTEXT_NAME, ANSWER_1, user_information(b"")))
    data[10:26] = field
    pdu = decode_pdu(data)
    assert isinstance(pdu, A_ASSOCIATE_AC)
    assert encode_pdu(pdu)[10:26] == field.replace(b"\0", b" ")


@pytest.mark.parametrize(
    ("raw", "uid"),
    [
        (b"1.2.3\0", "1.2.3"),
        (b"1.2.3 \0 ", "1.2.3"),
        (b"1." * 60 + b"1", "1." * 60 + "1"),
        (b"1.02.x", "1.02.x"),
        (b"", ""),
        (b"1.\xff", "1.ÿ"),
    ],
)
def test_uids_are_stripped_and_kept(raw: bytes, uid: str) -> None:
    item = bytes((0x52, 0)) + len(raw).to_bytes(2, "big") + raw
    pdu = decode_pdu(request_bytes(CONTEXT_NAME, CONTEXT_1, user_information(item)))
    assert isinstance(pdu, A_ASSOCIATE_RQ)
    assert pdu.user_information == (ImplementationClassUID(uid),)


@pytest.mark.parametrize(
    "item", [h("21 00 0004 01 00 03 00"), h("21 00 0008 01 00 03 00 40 00 0000")], ids=["absent", "empty"]
)
def test_a_rejected_context_needs_no_transfer_syntax(item: bytes) -> None:
    pdu = decode_pdu(accept_bytes(CONTEXT_NAME, item, user_information(b"")))
    assert isinstance(pdu, A_ASSOCIATE_AC)
    assert pdu.presentation_contexts == (AnsweredContext(context_id=1, result=3),)
    # We send one, because some requestors choke without.
    assert b"1.2.840.10008.1.2" in encode_pdu(pdu)


def test_items_in_any_order() -> None:
    pdu = decode_pdu(request_bytes(user_information(USER_ITEMS + IDENTITY_RQ + UNKNOWN), CONTEXT_1, CONTEXT_NAME))
    assert pdu == REQUEST


def test_missing_items_are_for_the_engine_to_answer() -> None:
    pdu = decode_pdu(request_bytes())
    assert isinstance(pdu, A_ASSOCIATE_RQ)
    assert (pdu.application_context_name, pdu.presentation_contexts, pdu.user_information) == ("", (), ())
    pdu = decode_pdu(request_bytes(h("20 00 0004 05 00 00 00")))
    assert isinstance(pdu, A_ASSOCIATE_RQ)
    assert pdu.presentation_contexts == (ProposedContext(context_id=5, abstract_syntax="", transfer_syntaxes=()),)


def test_what_comes_twice_is_kept() -> None:
    pdu = decode_pdu(request_bytes(CONTEXT_NAME, h("10 00 0001") + b"2", CONTEXT_1))
    assert isinstance(pdu, A_ASSOCIATE_RQ)
    assert pdu.application_context_name == "1.2.840.10008.3.1.1.1"
    assert pdu.unknown == (UnknownItem(0x10, b"2"),)
    items = h("51 00 0004 00000001") + h("51 00 0004 00000002")
    pdu = decode_pdu(request_bytes(CONTEXT_NAME, CONTEXT_1, user_information(items)))
    assert isinstance(pdu, A_ASSOCIATE_RQ)
    assert find_item(pdu.user_information, MaximumLength) == MaximumLength(1)
    assert find_items(pdu.user_information, MaximumLength) == (MaximumLength(1), MaximumLength(2))
    assert find_item(pdu.user_information, UserIdentityRQ) is None


def test_a_later_version_of_item_57() -> None:
    item = h("57 09 000e  0003") + b"1.2" + h("0003") + b"4.2" + h("0000") + b"new"[:2]
    pdu = decode_pdu(request_bytes(CONTEXT_NAME, CONTEXT_1, user_information(item)))
    assert isinstance(pdu, A_ASSOCIATE_RQ)
    assert pdu.user_information == (SOPClassCommonExtendedNegotiation("1.2", "4.2", (), 9),)


# -- what nobody can read ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (h("00 00 00000004 00000000"), AbortReason.UNRECOGNIZED_PDU),
        (h("08 00 00000004 00000000"), AbortReason.UNRECOGNIZED_PDU),
        (b"GET / HTTP/1.1\r\n\r\n", AbortReason.UNRECOGNIZED_PDU),
        (h("05 00 00000003 000000"), AbortReason.INVALID_PDU_PARAMETER_VALUE),
        (h("05 00 00000005 0000000000"), AbortReason.INVALID_PDU_PARAMETER_VALUE),
        (h("04 00 00000000"), AbortReason.INVALID_PDU_PARAMETER_VALUE),
        (h("04 00 00000005 00000001 01"), AbortReason.INVALID_PDU_PARAMETER_VALUE),
        (h("04 00 00000006 00000003 01 03"), AbortReason.INVALID_PDU_PARAMETER_VALUE),
        (h("04 00 00000006 ffffffff 01 03"), AbortReason.INVALID_PDU_PARAMETER_VALUE),
        (request_bytes(CONTEXT_1, CONTEXT_1), AbortReason.INVALID_PDU_PARAMETER_VALUE),
        (request_bytes(h("20 00 0004 02 00 00 00")), AbortReason.INVALID_PDU_PARAMETER_VALUE),
        (request_bytes(h("20 00 0004 00 00 00 00")), AbortReason.INVALID_PDU_PARAMETER_VALUE),
        (request_bytes(user_information(h("51 00 0003 000000"))), AbortReason.INVALID_PDU_PARAMETER_VALUE),
        (request_bytes(user_information(h("51 00 0005 0000000000"))), AbortReason.INVALID_PDU_PARAMETER_VALUE),
        (request_bytes(user_information(h("58 00 0004 02 01 ffff"))), AbortReason.INVALID_PDU_PARAMETER_VALUE),
        (accept_bytes(ANSWER_1, ANSWER_1), AbortReason.INVALID_PDU_PARAMETER_VALUE),
    ],
)
def test_errors_name_the_reason_of_the_abort(data: bytes, reason: AbortReason) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_pdu(data)
    assert caught.value.reason is reason
    root = dissect_pdu(data)
    check_spans(root, data)
    assert problems(root)


def test_an_attack_of_tiny_items_is_cut_short() -> None:
    items = h("ff 00 0000") * ((MAXIMUM_ASSOCIATE_LENGTH - 100) // 4)
    data = request_bytes(items)
    start = time.thread_time()
    with pytest.raises(RemoteProtocolError, match=f"more than {MAXIMUM_ITEMS} items"):
        decode_pdu(data)
    check_spans(dissect_pdu(data), data)
    assert time.thread_time() - start < 5


def test_items_that_are_remembered_count_as_well() -> None:
    context = h("20 00 00f4 01 00 00 00") + h("40 00 0000") * 60
    for _ in range(2):
        with pytest.raises(RemoteProtocolError, match=f"more than {MAXIMUM_ITEMS} items"):
            decode_pdu(request_bytes(context * (MAXIMUM_ITEMS // 60)))
        with pytest.raises(RemoteProtocolError, match="presentation context ID 1 is used more than once"):
            decode_pdu(request_bytes(context * (MAXIMUM_ITEMS // 62)))


def test_a_damaged_item_is_refused_each_time() -> None:
    for _ in range(2):
        with pytest.raises(RemoteProtocolError, match="presentation context ID is 2, not an odd number"):
            decode_pdu(request_bytes(h("20 00 0004 02 00 00 00")))


def test_an_attack_of_tiny_uids_is_cut_short() -> None:
    related = h("0000") * 30000
    body = h("0000 0000") + len(related).to_bytes(2, "big") + related
    item = h("57 00") + len(body).to_bytes(2, "big") + body
    with pytest.raises(RemoteProtocolError, match=f"more than {MAXIMUM_ITEMS} items"):
        decode_pdu(request_bytes(user_information(item)))


def test_the_trace_of_very_many_pdvs_ends() -> None:
    data = pdu_bytes(4, h("00000002 01 00") * (MAXIMUM_TRACED_PARTS + 1000))
    root = dissect_pdu(data)
    check_spans(root, data)
    assert len(root.children) == MAXIMUM_TRACED_PARTS + 4  # type, reserved, length; the rest as one
    assert "the rest is not shown" in root.problem


# -- what we do not send -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"called_ae_title": ""}, "called AE title"),
        ({"called_ae_title": "   "}, "called AE title"),
        ({"calling_ae_title": "A\\B"}, "calling AE title"),
        ({"calling_ae_title": "A\nB"}, "calling AE title"),
        ({"calling_ae_title": "MÜLLER"}, "calling AE title"),
        ({"application_context_name": ""}, "application context name"),
        ({"presentation_contexts": ()}, "at least one presentation context"),
        ({"user_information": (ImplementationClassUID("1" * 65),)}, "implementation class UID"),
        ({"user_information": (ImplementationVersionName("N" * 17),)}, "implementation version name"),
        ({"user_information": (ImplementationVersionName(""),)}, "implementation version name"),
        ({"user_information": (RoleSelection("", True, False),)}, "SOP class UID"),
        ({"user_information": (UserIdentityRQ(3, False, bytes(65536)),)}, "65535"),
        ({"user_information": (UserIdentityRQ(3, False, bytes(65535)),)}, "65535"),
        ({"user_information": (UserIdentityRQ(3, False, bytes(60000)),) * 2}, "65535"),
        (
            {"presentation_contexts": (ProposedContext(context_id=1, abstract_syntax="1.2", transfer_syntaxes=()),)},
            "proposes no transfer syntax",
        ),
        (
            {"presentation_contexts": (ProposedContext(context_id=1, abstract_syntax="", transfer_syntaxes=("1",)),)},
            "abstract syntax",
        ),
    ],
)
def test_encode_refuses(change: dict[str, Any], words: str) -> None:
    with pytest.raises(LocalProtocolError, match=words):
        encode_pdu(replace(REQUEST, **change))


def test_encode_refuses_an_accepted_context_without_transfer_syntax() -> None:
    with pytest.raises(LocalProtocolError, match="transfer syntax"):
        encode_pdu(replace(ACCEPT, presentation_contexts=(AnsweredContext(context_id=1, result=0),)))


def test_encode_refuses_an_even_context_in_p_data() -> None:
    with pytest.raises(LocalProtocolError, match="presentation context ID is 2"):
        encode_pdu(P_DATA_TF((PDV(2, True, True, b""),)))


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: replace(REQUEST, called_ae_title="SEVENTEEN_CHARS_7"), ValueError),
        (lambda: replace(REQUEST, called_ae_title=b"BYTES"), TypeError),  # type: ignore[arg-type]
        (lambda: replace(REQUEST, presentation_contexts=REQUEST.presentation_contexts * 2), ValueError),
        (lambda: replace(REQUEST, presentation_contexts=list(REQUEST.presentation_contexts)), TypeError),  # type: ignore[arg-type]
        (lambda: replace(REQUEST, presentation_contexts=ACCEPT.presentation_contexts), TypeError),  # type: ignore[arg-type]
        (lambda: replace(REQUEST, reserved=b""), ValueError),
        (lambda: replace(REQUEST, protocol_version=65536), ValueError),
        (lambda: ProposedContext(context_id=2, abstract_syntax="1", transfer_syntaxes=("1",)), ValueError),
        (lambda: ProposedContext(context_id=257, abstract_syntax="1", transfer_syntaxes=("1",)), ValueError),
        (lambda: ProposedContext(context_id=1, abstract_syntax="1", transfer_syntaxes="1.2"), TypeError),  # type: ignore[arg-type]
        (lambda: AnsweredContext(context_id=1, result=256), ValueError),
        (lambda: AnsweredContext(context_id=1, result="0"), TypeError),  # type: ignore[arg-type]
        (lambda: MaximumLength(-1), ValueError),
        (lambda: MaximumLength(1 << 32), ValueError),
        (lambda: AsynchronousOperationsWindow(65536, 1), ValueError),
        (lambda: UserIdentityRQ(1, True, "joe"), TypeError),  # type: ignore[arg-type]
        (lambda: UnknownItem(256, b""), ValueError),
        (lambda: A_ASSOCIATE_RJ(1, 256, 1), ValueError),
        (lambda: A_ABORT_RQ(-1), ValueError),
        (lambda: P_DATA_TF(()), ValueError),
        (lambda: PDV(256, True, True, b""), ValueError),
    ],
)
def test_an_impossible_value_cannot_be_made(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


def test_pdus_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        REQUEST.called_ae_title = "OTHER"  # type: ignore[misc]


# -- headers and P-DATA, the fast way ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pdu_type", "length", "maximum"),
    [
        (1, 68, 0), (1, MAXIMUM_ASSOCIATE_LENGTH, 0), (2, 68, 16384), (3, 4, 0), (5, 4, 0), (6, 4, 0), (7, 4, 0),
        (4, 6, 16384), (4, 16384, 16384), (4, MAXIMUM_P_DATA_LENGTH, 0), (4, MAXIMUM_P_DATA_LENGTH + 1, 1 << 30),
    ],
)  # fmt: skip
def test_headers_that_pass(pdu_type: int, length: int, maximum: int) -> None:
    check_header(pdu_type, length, maximum)


@pytest.mark.parametrize(
    ("pdu_type", "length", "maximum", "reason"),
    [
        (0, 4, 0, 1), (8, 4, 0, 1), (0x47, 4, 0, 1), (0xFF, 0xFFFFFFFF, 0, 1),
        (1, 67, 0, 6), (1, MAXIMUM_ASSOCIATE_LENGTH + 1, 0, 6), (2, MAXIMUM_ASSOCIATE_LENGTH + 1, 0, 6),
        (3, 3, 0, 6), (3, 5, 0, 6), (5, 0, 0, 6), (6, 0xFFFFFFFF, 0, 6), (7, 5, 0, 6),
        (4, 0, 0, 6), (4, 5, 0, 6), (4, 16385, 16384, 6), (4, MAXIMUM_P_DATA_LENGTH + 1, 0, 6),
        (4, 0xFFFFFFFF, 0, 6),
    ],
)  # fmt: skip
def test_headers_that_do_not(pdu_type: int, length: int, maximum: int, reason: int) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        check_header(pdu_type, length, maximum)
    assert caught.value.reason == reason


def test_parse_header() -> None:
    assert parse_header(h("ffff 04 00 0001 0002"), 2) == (4, 0x10002)


@pytest.mark.parametrize("is_command", [True, False])
@pytest.mark.parametrize("is_last", [True, False])
def test_the_gathered_header_is_the_encoders(is_command: bool, is_last: bool) -> None:
    fragment = bytes(range(200))
    whole = encode_pdu(P_DATA_TF((PDV(255, is_command, is_last, fragment),)))
    assert p_data_header(255, is_command, is_last, len(fragment)) + fragment == whole


@pytest.mark.parametrize(("pdu", "data"), [case for case in CASES if isinstance(case.values[0], P_DATA_TF)])
def test_the_fast_way_sees_what_the_decoder_sees(pdu: P_DATA_TF, data: bytes) -> None:
    seen = [
        PDV(context_id, bool(control & 1), bool(control & 2), bytes(fragment))
        for context_id, control, fragment in iter_pdvs(memoryview(data)[6:])
    ]
    assert tuple(seen) == pdu.pdvs


@pytest.mark.parametrize("body", ["00", "0000000201", "00000001 01 03", "00000003 01 03", "ffffffff 01 03 00"])
def test_the_fast_way_refuses_what_the_decoder_refuses(body: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        list(iter_pdvs(memoryview(h(body))))
    assert caught.value.reason is AbortReason.INVALID_PDU_PARAMETER_VALUE
    with pytest.raises(RemoteProtocolError):
        decode_pdu(pdu_bytes(4, h(body)))


def test_fragments_are_not_copied_on_the_fast_way() -> None:
    buffer = bytearray(h("00000004 01 03 0102"))
    ((_, _, fragment),) = iter_pdvs(memoryview(buffer))
    buffer[6] = 0xFF
    assert bytes(fragment) == b"\xff\x02"
