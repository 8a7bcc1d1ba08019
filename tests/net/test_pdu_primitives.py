"""Negotiation items: what may be set, and what goes over the wire and comes back."""

from __future__ import annotations

import pytest

from workstation.net import pdu_primitives
from workstation.net.codec import pdu
from workstation.net.pdu_primitives import (
    A_ABORT,
    A_ASSOCIATE,
    A_P_ABORT,
    A_RELEASE,
    AsynchronousOperationsWindowNegotiation,
    NegotiationItem,
    SCP_SCU_RoleSelectionNegotiation,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
    negotiation_item,
)

UID_1 = "1.2.840.10008.5.1.4.1.1.2"


def role(**fields: object) -> SCP_SCU_RoleSelectionNegotiation:
    return filled(SCP_SCU_RoleSelectionNegotiation(), fields)


def identity(**fields: object) -> UserIdentityNegotiation:
    return filled(UserIdentityNegotiation(), fields)


def filled(item, fields):
    for name, value in fields.items():
        setattr(item, name, value)
    return item


WIRE = [
    (
        role(sop_class_uid=UID_1, scp_role=True),
        pdu.RoleSelection(sop_class_uid=UID_1, scu_role=False, scp_role=True),
    ),
    (
        filled(
            SOPClassExtendedNegotiation(),
            {"sop_class_uid": UID_1, "service_class_application_information": b"\x01\x00"},
        ),
        pdu.SOPClassExtendedNegotiation(sop_class_uid=UID_1, application_information=b"\x01\x00"),
    ),
    (
        filled(
            SOPClassCommonExtendedNegotiation(),
            {
                "sop_class_uid": UID_1,
                "service_class_uid": "1.2.840.10008.4.2",
                "related_general_sop_class_identification": ["1.2.3", "1.2.4"],
            },
        ),
        pdu.SOPClassCommonExtendedNegotiation(
            sop_class_uid=UID_1,
            service_class_uid="1.2.840.10008.4.2",
            related_general_sop_class_uids=("1.2.3", "1.2.4"),
        ),
    ),
    (
        filled(
            AsynchronousOperationsWindowNegotiation(),
            {"maximum_number_operations_invoked": 5, "maximum_number_operations_performed": 0},
        ),
        pdu.AsynchronousOperationsWindow(invoked=5, performed=0),
    ),
    (
        identity(user_identity_type=1, primary_field=b"name", positive_response_requested=True),
        pdu.UserIdentityRQ(identity_type=1, positive_response_requested=True, primary=b"name"),
    ),
    (
        identity(user_identity_type=2, primary_field=b"name", secondary_field=b"code"),
        pdu.UserIdentityRQ(identity_type=2, positive_response_requested=False, primary=b"name", secondary=b"code"),
    ),
    (identity(server_response=b"ticket"), pdu.UserIdentityAC(server_response=b"ticket")),
]


@pytest.mark.parametrize(("ours", "item"), WIRE, ids=lambda value: type(value).__name__)
def test_to_the_wire_and_back(ours: NegotiationItem, item: pdu.UserItem) -> None:
    assert ours.to_item() == item
    back = negotiation_item(item)
    assert back is not None
    assert type(back) is type(ours)
    assert back.to_item() == item
    # Through the real PDU, with its lengths and reserved bytes.
    context = pdu.ProposedContext(context_id=1, abstract_syntax=UID_1, transfer_syntaxes=("1.2.840.10008.1.2",))
    encoded = pdu.encode_pdu(
        pdu.A_ASSOCIATE_RQ(
            called_ae_title="A",
            calling_ae_title="B",
            presentation_contexts=(context,),
            user_information=(item,),
        )
    )
    assert pdu.decode_pdu(encoded).user_information == (item,)


def test_what_is_no_negotiation_has_no_item() -> None:
    assert negotiation_item(pdu.MaximumLength(1)) is None
    assert negotiation_item(pdu.UnknownItem(0x5A, b"")) is None
    assert negotiation_item(pdu.ImplementationClassUID("1.2")) is None


@pytest.mark.parametrize(
    "item",
    [
        SCP_SCU_RoleSelectionNegotiation(),
        role(sop_class_uid=UID_1),
        role(scu_role=True),
        SOPClassExtendedNegotiation(),
        filled(SOPClassExtendedNegotiation(), {"sop_class_uid": UID_1}),
        SOPClassCommonExtendedNegotiation(),
        filled(SOPClassCommonExtendedNegotiation(), {"sop_class_uid": UID_1}),
        UserIdentityNegotiation(),
        identity(user_identity_type=1),
        identity(user_identity_type=2, primary_field=b"name"),
    ],
    ids=lambda item: type(item).__name__,
)
def test_what_is_not_whole_cannot_be_sent(item: NegotiationItem) -> None:
    with pytest.raises(ValueError, match="cannot be sent without"):
        item.to_item()


@pytest.mark.parametrize("name", ["scu_role", "scp_role"])
def test_role_types(name: str) -> None:
    item = SCP_SCU_RoleSelectionNegotiation()
    for value in (True, False, None):
        setattr(item, name, value)
        assert getattr(item, name) is value
    with pytest.raises(TypeError, match=name):
        setattr(item, name, 1)


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (SCP_SCU_RoleSelectionNegotiation, "sop_class_uid"),
        (SOPClassExtendedNegotiation, "sop_class_uid"),
        (SOPClassCommonExtendedNegotiation, "sop_class_uid"),
        (SOPClassCommonExtendedNegotiation, "service_class_uid"),
    ],
)
def test_uids(cls: type[NegotiationItem], name: str) -> None:
    item = cls()
    for value in ("1.2.3", b"1.2.3"):
        setattr(item, name, value)
        assert getattr(item, name) == "1.2.3"
    with pytest.raises(TypeError, match=name):
        setattr(item, name, 1)
    for bad in ("", "1" * 65):
        with pytest.raises(ValueError, match=name):
            setattr(item, name, bad)


def test_related_general_sop_classes() -> None:
    item = SOPClassCommonExtendedNegotiation()
    name = "related_general_sop_class_identification"
    for wrong in ("1.2.3", ("1.2.3",), None, 1):
        with pytest.raises(TypeError, match=name):
            setattr(item, name, wrong)
    with pytest.raises(TypeError, match=name):
        setattr(item, name, [1])
    setattr(item, name, [])
    assert item.related_general_sop_class_identification == []


@pytest.mark.parametrize("name", ["maximum_number_operations_invoked", "maximum_number_operations_performed"])
def test_asynchronous_operations(name: str) -> None:
    item = AsynchronousOperationsWindowNegotiation()
    assert getattr(item, name) == 1
    for wrong in ("1", 1.0, None, True):
        with pytest.raises(TypeError, match=name):
            setattr(item, name, wrong)
    for bad in (-1, 0x10000):
        with pytest.raises(ValueError, match=name):
            setattr(item, name, bad)


def test_user_identity_types() -> None:
    item = UserIdentityNegotiation()
    for value in (1, 2, 3, 4, 5):
        item.user_identity_type = value
        assert item.user_identity_type == value
    for bad in (0, 6, -1):
        with pytest.raises(ValueError, match="1 to 5"):
            item.user_identity_type = bad
    for wrong in ("1", 1.0, True):
        with pytest.raises(TypeError, match="user_identity_type"):
            item.user_identity_type = wrong


@pytest.mark.parametrize("name", ["primary_field", "secondary_field", "server_response"])
def test_user_identity_fields_are_bytes(name: str) -> None:
    item = UserIdentityNegotiation()
    for value in (b"", b"x", None):
        setattr(item, name, value)
        assert getattr(item, name) == value
    with pytest.raises(TypeError, match=name):
        setattr(item, name, "x")
    with pytest.raises(ValueError, match="65535"):
        setattr(item, name, bytes(65536))


def test_positive_response_requested() -> None:
    item = UserIdentityNegotiation()
    assert item.positive_response_requested is False
    with pytest.raises(TypeError, match="bool"):
        item.positive_response_requested = 1


def test_a_passcode_goes_only_with_its_type_and_never_into_a_repr() -> None:
    item = identity(user_identity_type=1, primary_field=b"name", secondary_field=b"secret")
    assert item.to_item().secondary == b""
    assert "secret" not in repr(item)
    assert "name" not in repr(item)
    assert "secret" not in repr(identity(user_identity_type=2, primary_field=b"n", secondary_field=b"secret").to_item())


def test_a_peers_item_is_read_whatever_it_says() -> None:
    item = UserIdentityNegotiation.from_item(
        pdu.UserIdentityRQ(identity_type=77, positive_response_requested=False, primary=b"")
    )
    assert item.user_identity_type == 77
    received = SCP_SCU_RoleSelectionNegotiation.from_item(pdu.RoleSelection("x" * 80, True, True))
    assert received.sop_class_uid == "x" * 80


def test_equality_is_by_value() -> None:
    assert role(sop_class_uid=UID_1, scu_role=True) == role(sop_class_uid=UID_1, scu_role=True)
    assert role(sop_class_uid=UID_1, scu_role=True) != role(sop_class_uid=UID_1, scu_role=False)
    assert role() != identity()


def test_associate_primitive() -> None:
    request = pdu.A_ASSOCIATE_RQ(
        called_ae_title="CALLED", calling_ae_title="CALLING", presentation_contexts=(), user_information=()
    )
    primitive = A_ASSOCIATE(request)
    assert (primitive.called_ae_title, primitive.calling_ae_title) == ("CALLED", "CALLING")
    assert (primitive.result, primitive.result_source, primitive.diagnostic) == (None, None, None)
    rejection = A_ASSOCIATE(pdu.A_ASSOCIATE_RJ(result=1, source=3, reason=2))
    assert (rejection.result, rejection.result_source, rejection.diagnostic) == (1, 3, 2)
    assert rejection.user_information == ()
    assert rejection.called_ae_title is None
    accepted = A_ASSOCIATE(
        pdu.A_ASSOCIATE_AC(
            called_ae_title="C",
            calling_ae_title="D",
            presentation_contexts=(),
            user_information=(pdu.MaximumLength(5),),
        )
    )
    assert accepted.result == 0
    assert accepted.user_information == (pdu.MaximumLength(5),)


def test_other_primitives() -> None:
    assert A_RELEASE().result is None
    assert not A_RELEASE().is_response
    assert A_RELEASE(result="affirmative").is_response
    assert A_ABORT().abort_source == 0
    assert A_P_ABORT(provider_reason=2).provider_reason == 2
    with pytest.raises(AttributeError):
        A_ABORT().abort_source = 2  # type: ignore[misc]


def test_all_items_are_negotiation_items() -> None:
    assert len(pdu_primitives._FROM_ITEM) == 6
