"""What is negotiated, over live associations: both ends ours, or one end by hand for what ours would not say.

PS3.7 Annex D.3.3, PS3.8 section 9.3 and D.1.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from live_ends import ByHand, Ear, ask, image, keys, only, pdus_of, storing
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID
from raw_peer import IMPLICIT, RawPeer, acceptance, request, scp, serves, serving, until

from workstation.net import AE, _config, build_context, build_role, evt, register_uid
from workstation.net import sop_class as sop_classes
from workstation.net.association import Association
from workstation.net.codec.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_ASSOCIATE_RQ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    AsynchronousOperationsWindow,
    ImplementationClassUID,
    ImplementationVersionName,
    MaximumLength,
    RoleSelection,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityAC,
)
from workstation.net.listener import AssociationServer
from workstation.net.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    UserIdentityNegotiation,
)
from workstation.net.pdu_primitives import (
    SOPClassCommonExtendedNegotiation as CommonExtended,
)
from workstation.net.pdu_primitives import (
    SOPClassExtendedNegotiation as Extended,
)
from workstation.net.service_class import StorageServiceClass
from workstation.net.sop_class import (
    CTImageStorage,
    MRImageStorage,
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    StorageCommitmentPushModel,
    Verification,
)

FIND = PatientRootQueryRetrieveInformationModelFind
GET = PatientRootQueryRetrieveInformationModelGet
CT = CTImageStorage
STORAGE = "1.2.840.10008.4.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
PRIVATE = "1.2.826.0.1.3680043.10.999.1"
PRIVATE_SYNTAX = "1.2.826.0.1.3680043.10.999.2"
STORED = [(evt.EVT_C_STORE, lambda event: 0x0000)]
Roles = tuple[bool, bool]
YES_NO, NO_YES, BOTH, NEITHER = (True, False), (False, True), (True, True), (False, False)


def find_items(items: tuple[Any, ...], kind: type) -> list[Any]:
    return [item for item in items if isinstance(item, kind)]


def answered(user_information: tuple[Any, ...], *context_ids: int) -> A_ASSOCIATE_AC:
    """An acceptance that says more than ours would."""
    plain = acceptance(*context_ids)
    return A_ASSOCIATE_AC(
        called_ae_title=plain.called_ae_title,
        calling_ae_title=plain.calling_ae_title,
        presentation_contexts=plain.presentation_contexts,
        user_information=(*plain.user_information, *user_information),
    )


def asked(*user_information: Any, uids: tuple[str, ...] = (Verification, CT)) -> A_ASSOCIATE_RQ:
    """A request that says more than ours would."""
    plain = request(*uids)
    return A_ASSOCIATE_RQ(
        called_ae_title="SCP",
        calling_ae_title="RAW",
        presentation_contexts=plain.presentation_contexts,
        user_information=(*plain.user_information, *user_information),
    )


def stores(assoc: Association, *, sop_class: str = CT) -> bool:
    """Whether an end may send C-STORE, that is has the SCU role; it has to succeed then."""
    try:
        status = assoc.send_c_store(image(sop_class=sop_class))
    except ValueError:
        return False
    assert status.Status == 0x0000
    return True


# --------------------------------------------------------------------------- roles (PS3.7 D.3.3.4)
@pytest.mark.parametrize(
    ("offered", "allowed", "answer", "held"),
    [
        (None, None, None, YES_NO),
        (None, BOTH, None, YES_NO),
        (YES_NO, None, None, YES_NO),
        (NO_YES, None, None, YES_NO),
        (BOTH, None, None, YES_NO),
        (YES_NO, YES_NO, YES_NO, YES_NO),
        (YES_NO, BOTH, YES_NO, YES_NO),
        (YES_NO, NO_YES, NEITHER, None),
        (YES_NO, NEITHER, NEITHER, None),
        (NO_YES, NO_YES, NO_YES, NO_YES),
        (NO_YES, BOTH, NO_YES, NO_YES),
        (NO_YES, YES_NO, NEITHER, None),
        (NO_YES, NEITHER, NEITHER, None),
        (BOTH, BOTH, BOTH, BOTH),
        (BOTH, YES_NO, YES_NO, YES_NO),
        (BOTH, NO_YES, NO_YES, NO_YES),
        (BOTH, NEITHER, NEITHER, None),
    ],
)
def test_roles_of_two_ends_of_ours(
    offered: Roles | None, allowed: Roles | None, answer: Roles | None, held: Roles | None
) -> None:
    ae, ear = scp(), Ear()
    ae.add_supported_context(CT, IMPLICIT, *(allowed or (None, None)))
    items = [build_role(CT, *offered)] if offered else []
    with serving(ae, [*STORED, *ear.handlers(evt.EVT_PDU_SENT)]) as server:
        assoc = ask(server, CT, Verification, ext_neg=items, evt_handlers=STORED)
        (said,) = pdus_of(ear, A_ASSOCIATE_AC)
        roles = [(item.scu_role, item.scp_role) for item in find_items(said.user_information, RoleSelection)]
        # an item in the answer to a rejected context says nothing, so it may be left out
        assert roles == ([answer] if answer else []) or (held is None and roles == [])
        theirs = only(server)
        if held is None:
            assert [(c.abstract_syntax, c.result) for c in assoc.rejected_contexts] == [(CT, 1)]
            assert [(c.abstract_syntax, c.result) for c in theirs.rejected_contexts] == [(CT, 1)]
            assert [c.abstract_syntax for c in theirs.accepted_contexts] == [Verification]
        else:
            (context,) = [c for c in assoc.accepted_contexts if c.abstract_syntax == CT]
            (other,) = [c for c in theirs.accepted_contexts if c.abstract_syntax == CT]
            assert (context.as_scu, context.as_scp) == held
            assert (other.as_scu, other.as_scp) == held[::-1]
        assert (stores(assoc), stores(theirs)) == (held or NEITHER)
        assert assoc.send_c_echo().Status == 0x0000
        assoc.release()


@pytest.mark.parametrize(
    ("offered", "answer", "held"),
    [
        (None, NO_YES, YES_NO),
        (None, NEITHER, YES_NO),
        (YES_NO, BOTH, YES_NO),
        (YES_NO, NO_YES, None),
        (NO_YES, BOTH, NO_YES),
        (NO_YES, YES_NO, None),
        (BOTH, None, YES_NO),
    ],
)
def test_a_requestor_ignores_role_bits_that_it_did_not_offer(
    offered: Roles | None, answer: Roles | None, held: Roles | None
) -> None:
    def conversation(peer: RawPeer) -> None:
        assert isinstance(peer.hear(), A_ASSOCIATE_RQ)
        items = (RoleSelection(CT, *answer),) if answer else ()
        peer.say(answered((*items, RoleSelection(MRImageStorage, True, True)), 1, 3))
        peer.hear_abort()

    with ByHand(conversation) as there:
        assoc = ask(there, CT, Verification, ext_neg=[build_role(CT, *offered)] if offered else [])
        assert assoc.is_established
        contexts = {c.abstract_syntax: c for c in assoc.accepted_contexts}
        assert set(contexts) == ({Verification, CT} if held else {Verification})
        if held:
            assert (contexts[CT].as_scu, contexts[CT].as_scp) == held
        else:
            assert [c.result for c in assoc.rejected_contexts] == [1]
        assoc.abort()


def test_roles_that_an_acceptor_does_not_expect() -> None:
    ae = scp()
    ae.add_supported_context(CT, IMPLICIT, True, True)
    with serving(ae) as server:
        with RawPeer.to(server) as peer:  # neither role, one for nothing that is proposed
            peer.say(asked(RoleSelection(CT, False, False), RoleSelection(MRImageStorage, True, True)))
            answer = peer.hear()
            assert isinstance(answer, A_ASSOCIATE_AC)
            assert answer.presentation_contexts[0].result == 0
            assert [i.sop_class_uid for i in find_items(answer.user_information, RoleSelection)] in ([], [CT])
        with RawPeer.to(server) as peer:  # two items for one SOP class
            peer.say(asked(RoleSelection(CT, True, False), RoleSelection(CT, True, True)))
            answer = peer.hear()
            assert isinstance(answer, A_ASSOCIATE_AC)
            assert len(find_items(answer.user_information, RoleSelection)) == 1
        assert serves(server) < 4


@pytest.mark.parametrize("roles", [(None, None), NEITHER])
def test_a_role_item_without_a_role_is_not_sent(roles: Any) -> None:
    item = build_role(CT)
    item.scu_role, item.scp_role = roles
    with serving(scp(Verification, CT)) as server:
        with pytest.raises(ValueError, match="role"):
            ask(server, CT, ext_neg=[item])
        assert server.active_associations == []


def test_get_and_store_share_an_association_through_both_roles() -> None:
    def on_get(event: Any) -> Iterator[Any]:
        yield 2
        for _ in range(2):
            yield 0xFF00, image()

    ae = scp(GET)
    got: list[str] = []
    ae.add_supported_context(CT, IMPLICIT, True, True)
    handlers = [(evt.EVT_C_GET, on_get), *STORED]
    with serving(ae, handlers) as server:
        ours = [storing(got, lambda event: event.dataset.SOPInstanceUID)]
        assoc = ask(server, GET, CT, ext_neg=[build_role(CT, True, True)], evt_handlers=ours)
        assert assoc.send_c_store(image()).Status == 0x0000
        assert [status.Status for status, _ in assoc.send_c_get(keys(), GET)] == [0xFF00, 0xFF00, 0x0000]
        assert assoc.send_c_store(image()).Status == 0x0000
        assoc.release()
        # without the role the objects cannot come: each sub-operation fails
        assoc = ask(server, GET, CT, evt_handlers=ours)
        assert next(status for status, _ in reversed(list(assoc.send_c_get(keys(), GET)))).Status == 0xA702
        assoc.release()
    assert got == ["1.2.3", "1.2.3"]


def test_storage_commitment_is_reported_over_either_association() -> None:
    uid, instance = StorageCommitmentPushModel, "1.2.840.10008.1.20.1.1"
    reports: list[tuple[int, str]] = []

    def on_report(event: Any) -> tuple[int, None]:
        reports.append((event.event_type, event.event_information.TransactionUID))
        return 0x0000, None

    def on_action(event: Any) -> tuple[int, None]:
        assert event.action_type == 1
        return 0x0000, None

    requester = AE("REQUESTER")
    requester.add_supported_context(uid, IMPLICIT, scu_role=False, scp_role=True)
    with (
        serving(scp(uid), [(evt.EVT_N_ACTION, on_action)]) as archive,
        serving(requester, [(evt.EVT_N_EVENT_REPORT, on_report)]) as listener,
    ):
        assoc = ask(archive, uid, evt_handlers=[(evt.EVT_N_EVENT_REPORT, on_report)])
        assert assoc.send_n_action(keys(TransactionUID="1.1"), 1, uid, instance)[0].Status == 0x0000
        same = only(archive)
        assert same.send_n_event_report(keys(TransactionUID="1.1"), 1, uid, instance)[0].Status == 0x0000
        assoc.release()
        later = ask(listener, uid, ae=AE("ARCHIVE"), ext_neg=[build_role(uid, scp_role=True)])
        (context,) = later.accepted_contexts
        assert (context.as_scu, context.as_scp) == NO_YES
        assert later.send_n_event_report(keys(TransactionUID="1.2"), 2, uid, instance)[0].Status == 0x0000
        later.release()
    assert reports == [(1, "1.1"), (2, "1.2")]


# --------------------------------------------------------------------------- asynchronous operations (D.3.3.3)
def window(invoked: int, performed: int) -> AsynchronousOperationsWindowNegotiation:
    item = AsynchronousOperationsWindowNegotiation()
    item.maximum_number_operations_invoked, item.maximum_number_operations_performed = invoked, performed
    return item


@pytest.mark.parametrize(("answer", "expected"), [((9, 9), True), ((0, 0), True), ("raise", False), (None, False)])
def test_operations_stay_synchronous_whatever_is_offered(answer: Any, expected: bool) -> None:
    heard: list[tuple[int, int]] = []

    def on_window(event: Any) -> Any:
        assert event.event is evt.EVT_ASYNC_OPS
        assert event.assoc.is_acceptor
        heard.append((event.invoked, event.performed))
        assert (event.nr_invoked, event.nr_performed) == heard[-1]
        if answer == "raise":
            raise ValueError("on purpose")
        return answer

    ear = Ear()
    handlers = ear.handlers(evt.EVT_PDU_SENT)
    if answer is not None:
        handlers.append((evt.EVT_ASYNC_OPS, on_window))
    with serving(scp(), handlers) as server:
        for offer in ((5, 7), (0, 0), (0xFFFF, 1)):
            assoc = ask(server, ext_neg=[window(*offer)])
            assert assoc.is_established
            assert assoc.acceptor.asynchronous_operations == (1, 1)
            assert assoc.requestor.asynchronous_operations == offer
            assert only(server).requestor.asynchronous_operations == offer
            assert assoc.send_c_echo().Status == 0x0000
            assoc.release()
            assert assoc.over.wait(5)
            assert until(lambda: server.active_associations == [])
        assoc = ask(server)
        assert assoc.requestor.asynchronous_operations == (1, 1)
        assoc.release()
    said = [find_items(ac.user_information, AsynchronousOperationsWindow) for ac in pdus_of(ear, A_ASSOCIATE_AC, 4)]
    assert said == [[AsynchronousOperationsWindow(1, 1)] if expected else []] * 3 + [[]]
    assert heard == ([] if answer is None else [(5, 7), (0, 0), (0xFFFF, 1)])


def test_a_window_that_is_answered_is_what_the_requestor_reads() -> None:
    def conversation(peer: RawPeer) -> None:
        peer.hear()
        peer.say(answered((AsynchronousOperationsWindow(3, 0),)))
        peer.hear_abort()

    with ByHand(conversation) as there:
        assoc = ask(there, ext_neg=[window(5, 5)])
        assert assoc.acceptor.asynchronous_operations == (3, 0)
        assoc.abort()


# --------------------------------------------------------------------------- extended negotiation (D.3.3.5, D.3.3.6)
def extended(uid: str, info: bytes) -> Extended:
    item = Extended()
    item.sop_class_uid, item.service_class_application_information = uid, info
    return item


@pytest.mark.parametrize("handler", ["answers", "declines", "raises", "none"])
def test_extended_negotiation(handler: str) -> None:
    def on_extended(event: Any) -> dict[str, bytes]:
        assert event.event is evt.EVT_SOP_EXTENDED
        assert event.app_info == {FIND: b"\x01\x01\x00", CT: b""}
        match handler:
            case "raises":
                raise ValueError("on purpose")
            case "declines":
                return {}
        return {FIND: b"\x01\x00\x00"}

    bound = [] if handler == "none" else [(evt.EVT_SOP_EXTENDED, on_extended)]
    with serving(scp(FIND, CT, Verification), bound) as server:
        items = [extended(FIND, b"\x01\x01\x00"), extended(CT, b"")]
        assoc = ask(server, FIND, CT, Verification, ext_neg=items)
        assert assoc.is_established
        assert assoc.requestor.sop_class_extended == {FIND: b"\x01\x01\x00", CT: b""}
        assert assoc.acceptor.sop_class_extended == ({FIND: b"\x01\x00\x00"} if handler == "answers" else {})
        assert assoc.send_c_echo().Status == 0x0000
        assoc.release()


def common(uid: str, service: str, related: list[str]) -> CommonExtended:
    item = CommonExtended()
    item.sop_class_uid, item.service_class_uid = uid, service
    item.related_general_sop_class_identification = related
    return item


@pytest.mark.parametrize("handler", ["accepts", "declines", "invents", "raises", "none"])
def test_common_extended_negotiation(handler: str) -> None:
    accepting = handler in ("accepts", "invents")
    stored: list[str] = []

    def on_common(event: Any) -> dict[str, Any]:
        assert event.event is evt.EVT_SOP_COMMON
        assert set(event.items) == {PRIVATE, CT}
        item = event.items[PRIVATE]
        assert (item.service_class_uid, item.related_general_sop_class_identification) == (STORAGE, [CT])
        match handler:
            case "raises":
                raise ValueError("on purpose")
            case "declines":
                return {}
            case "invents":
                return {PRIVATE: item, "1.2.3.4.5": item}
        return {PRIVATE: item}

    handlers = [storing(stored, lambda event: event.request.AffectedSOPClassUID)]
    if handler != "none":
        handlers.append((evt.EVT_SOP_COMMON, on_common))
    ear = Ear()
    with serving(scp(Verification, PRIVATE, CT), [*handlers, *ear.handlers(evt.EVT_PDU_SENT)]) as server:
        items = [common(PRIVATE, STORAGE, [CT]), common(CT, STORAGE, [])]
        assoc = ask(server, Verification, PRIVATE, CT, ext_neg=items)
        assert assoc.is_established
        assert set(assoc.requestor.sop_class_common_extended) == {PRIVATE, CT}
        theirs = only(server)
        accepted = {PRIVATE: (STORAGE, [CT])} if accepting else {}
        assert theirs.acceptor.accepted_common_extended == accepted
        with pytest.raises(RuntimeError):
            _ = theirs.requestor.accepted_common_extended
        if accepting:
            # unknown to everybody, but of the storage service class
            assert assoc.send_c_store(image(sop_class=PRIVATE)).Status == 0x0000
            assert stored == [PRIVATE]
        assert assoc.send_c_echo().Status == 0x0000
        assoc.release()
    (said,) = pdus_of(ear, A_ASSOCIATE_AC)
    assert not find_items(said.user_information, SOPClassCommonExtendedNegotiation)  # never in an answer


# --------------------------------------------------------------------------- user identity (D.3.3.7)
def identity(kind: int, *, positive: bool, primary: bytes = b"who", secondary: bytes | None = None) -> Any:
    item = UserIdentityNegotiation()
    item.user_identity_type, item.primary_field, item.positive_response_requested = kind, primary, positive
    if secondary is not None or kind == 2:
        item.secondary_field = secondary or b"\x00pass\xff"
    return item


@pytest.mark.parametrize("response", [None, b"", b"ticket\x00\xff"])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5])
def test_user_identities_that_are_verified(kind: int, positive: bool, response: bytes | None) -> None:
    heard: list[Any] = []

    def on_user(event: Any) -> tuple[bool, bytes | None]:
        assert event.event is evt.EVT_USER_ID
        heard.append((event.user_id_type, event.primary_field, event.secondary_field or b""))
        return True, response

    ear = Ear()
    with serving(scp(), [(evt.EVT_USER_ID, on_user), *ear.handlers(evt.EVT_PDU_SENT)]) as server:
        assoc = ask(server, ext_neg=[identity(kind, positive=positive)])
        assert assoc.is_established
        read = assoc.acceptor.user_identity
        said = find_items(pdus_of(ear, A_ASSOCIATE_AC)[0].user_information, UserIdentityAC)
        if not positive or (response is None and kind > 2):
            assert read is None
            assert said == []
        elif kind > 2:
            assert read is not None
            assert read.server_response == response
        else:
            # PS3.7 Table D.3-15: nothing to say but that it is verified
            assert [item.server_response for item in said] in ([b""], [])
        theirs = only(server).requestor.user_identity
        assert theirs is not None
        assert (theirs.user_identity_type, theirs.primary_field) == (kind, b"who")
        assert theirs.positive_response_requested is positive
        assoc.release()
    assert heard == [(kind, b"who", b"\x00pass\xff" if kind == 2 else b"")]


@pytest.mark.parametrize("refusal", [(False, None), (False, b"no"), "raise"])
@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5])
def test_user_identities_that_are_refused(kind: int, refusal: Any) -> None:
    def on_user(event: Any) -> Any:
        if refusal == "raise":
            raise ValueError("on purpose")
        return refusal

    with serving(scp(), [(evt.EVT_USER_ID, on_user)]) as server:
        ear = Ear()
        items = [identity(kind, positive=True)]
        assoc = ask(server, ext_neg=items, evt_handlers=ear.handlers())
        assert (assoc.is_rejected, assoc.is_aborted, assoc.is_established) == (True, False, False)
        assert assoc.rejection == A_ASSOCIATE_RJ(result=1, source=2, reason=1)
        assert ear.of(evt.EVT_REJECTED)
        assert not ear.of(evt.EVT_ABORTED)
        assert serves(server) < 2  # who says nothing of himself is served


def test_nobody_asked_for_an_identity() -> None:
    with serving(scp()) as server:
        assoc = ask(server, ext_neg=[identity(2, positive=True)])
        assert assoc.is_established
        assert assoc.acceptor.user_identity is None
        assoc.release()


def test_a_slow_identity_provider_leaves_the_association_attentive() -> None:
    asked_for, go_on = threading.Event(), threading.Event()

    def on_user(event: Any) -> tuple[bool, None]:
        asked_for.set()
        go_on.wait(30)
        return True, None

    with serving(scp(), [(evt.EVT_USER_ID, on_user)]) as server:
        with RawPeer.to(server) as peer:
            peer.say(asked(identity(1, positive=False).to_item()))
            assert asked_for.wait(5)
            peer.say(A_ABORT_RQ(source=0))
            assert peer.hear() is None  # the connection is closed before the handler has an opinion
        assert serves(server) < 4
        go_on.set()


# --------------------------------------------------------------------------- who we are
@pytest.mark.parametrize("version", [None, "V", "SIXTEEN_LETTERS_"])
def test_implementation_items(version: str | None) -> None:
    server_ae, client = scp(), AE("SCU")
    for ae, uid in ((server_ae, "1.2.3.4.1"), (client, "1.2.3.4.2")):
        ae.implementation_version_name = version
        ae.implementation_class_uid = uid
    ours, theirs = Ear(), Ear()
    with serving(server_ae, theirs.handlers(evt.EVT_PDU_SENT)) as server:
        assoc = ask(server, ae=client, evt_handlers=ours.handlers(evt.EVT_PDU_SENT))
        assert assoc.acceptor.implementation_version_name == version
        assert assoc.acceptor.implementation_class_uid == "1.2.3.4.1"
        assert only(server).requestor.implementation_version_name == version
        assert only(server).requestor.implementation_class_uid == "1.2.3.4.2"
        assoc.release()
    for ear, kind, uid in ((ours, A_ASSOCIATE_RQ, "1.2.3.4.2"), (theirs, A_ASSOCIATE_AC, "1.2.3.4.1")):
        (pdu,) = pdus_of(ear, kind)
        assert find_items(pdu.user_information, ImplementationClassUID) == [ImplementationClassUID(uid)]
        names = [item.name for item in find_items(pdu.user_information, ImplementationVersionName)]
        assert names == ([version] if version else [])


def test_a_peer_that_says_nothing_of_itself_is_taken() -> None:
    bare = asked(uids=(Verification,))
    bare = A_ASSOCIATE_RQ(
        called_ae_title="SCP",
        calling_ae_title="RAW",
        presentation_contexts=bare.presentation_contexts,
        user_information=(),
    )
    with serving(scp()) as server, RawPeer.to(server) as peer:
        peer.say(bare)
        assert isinstance(peer.hear(), A_ASSOCIATE_AC)
        end = only(server).requestor
        assert (end.implementation_class_uid, end.implementation_version_name, end.maximum_length) == (None, None, 0)


# --------------------------------------------------------------------------- maximum length (PS3.8 D.1)
@pytest.mark.parametrize("acceptors", [0, 8, 9, 16, 1024, 0xFFFFFFFF])
@pytest.mark.parametrize("requestors", [0, 8, 16, 1023, 0xFFFFFFFF])
def test_each_end_keeps_to_the_others_maximum_length(requestors: int, acceptors: int) -> None:
    ae = scp(CT, FIND)
    ae.maximum_pdu_size = acceptors
    stored: list[Dataset] = []

    def on_find(event: Any) -> Iterator[Any]:
        yield 0xFF00, keys(PatientID="x" * 60, PatientComments="y" * 300)

    ours, theirs = Ear(), Ear()
    handlers = [
        storing(stored, lambda event: event.dataset),
        (evt.EVT_C_FIND, on_find),
        *theirs.handlers(evt.EVT_DATA_SENT),
    ]
    with serving(ae, handlers) as server:
        assoc = ask(server, CT, FIND, max_pdu=requestors, evt_handlers=ours.handlers(evt.EVT_DATA_SENT))
        assert assoc.acceptor.maximum_length == acceptors
        assert only(server).requestor.maximum_length == requestors
        sent = image(1000)
        assert assoc.send_c_store(sent).Status == 0x0000
        (first, found), (last, _) = assoc.send_c_find(keys(), FIND)
        assert (first.Status, last.Status) == (0xFF00, 0x0000)
        assert found is not None
        assert found.PatientComments == "y" * 300
        assoc.release()
        assert assoc.over.wait(5)
    assert stored == [sent]
    for ear, limit in ((ours, acceptors), (theirs, requestors)):
        lengths = [len(heard.data) - 6 for heard in ear.of(evt.EVT_DATA_SENT) if heard.data[0] == 4]
        assert lengths
        assert all(length % 2 == 0 for length in lengths)
        if limit:
            assert max(lengths) <= limit
        if limit in (8, 9, 16):
            assert max(lengths) == limit - limit % 2  # what is allowed is used


@pytest.mark.parametrize("limit", [1, 5, 6, 7])
def test_a_maximum_length_that_holds_no_fragment_ends_nothing_but_the_association(limit: int) -> None:
    ae = scp()
    ae.maximum_pdu_size = limit
    with serving(ae) as server:
        assoc = ask(server)
        assert assoc.acceptor.maximum_length == limit
        assert "Status" not in assoc.send_c_echo()
        assert assoc.over.wait(5)
        assert assoc.is_aborted
        assert server.socket.fileno() >= 0


def test_a_pdu_beyond_what_was_advertised_is_aborted() -> None:
    ae = scp()
    ae.maximum_pdu_size = 32
    with serving(ae) as server, RawPeer.associated(server) as peer:
        peer.say(b"\x04\x00" + (33).to_bytes(4, "big") + bytes(33))
        abort = peer.hear_abort()
        assert (abort.source, abort.reason) == (2, 6)


@pytest.mark.parametrize("size", [-1, 1 << 32])
def test_a_maximum_length_that_cannot_be_said(size: int) -> None:
    with serving(scp()) as server:
        with pytest.raises(ValueError, match=r"(?i)maximum length"):
            ask(server, max_pdu=size)
        assert server.active_associations == []
    ae = AE()
    ae.maximum_pdu_size = 1234
    ae.maximum_pdu_size = -1
    assert ae.maximum_pdu_size == 1234


# --------------------------------------------------------------------------- presentation contexts
def test_128_contexts_and_not_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    uids = [f"1.2.3.{number}" for number in range(129)]
    ae = scp(*uids[:128], Verification)
    with serving(ae) as server:
        scu = AE("SCU")
        for uid in (Verification, *uids[:127]):
            scu.add_requested_context(uid)
        assoc = ask(server, ae=scu)
        assert [c.context_id for c in assoc.accepted_contexts] == list(range(1, 257, 2))
        assert assoc.send_c_echo().Status == 0x0000
        assoc.release()
        with pytest.raises(ValueError, match="128"):
            scu.add_requested_context(uids[128])
        assert len(scu.requested_contexts) == 128
        with pytest.raises(ValueError, match="128"):
            scu.requested_contexts = [build_context(uid) for uid in uids]
        connections: list[Any] = []
        server.bind(evt.EVT_CONN_OPEN, connections.append)
        with pytest.raises(ValueError, match="128"):
            scu.associate("127.0.0.1", server.server_address[1], contexts=[build_context(uid) for uid in uids])
        with pytest.raises(ValueError, match="context"):
            scu.associate("127.0.0.1", server.server_address[1], contexts=["1.2.3"])  # type: ignore[list-item]
        assert serves(server) < 2  # whatever had come before has been accepted by now
        assert len(connections) == 1


def test_several_contexts_for_one_abstract_syntax() -> None:
    ae = scp(Verification)
    ae.add_supported_context(CT, [EXPLICIT, IMPLICIT])
    ear = Ear()
    syntaxes: list[str] = []
    handlers = [storing(syntaxes, lambda event: event.context.transfer_syntax)]
    with serving(ae, [*handlers, *ear.handlers(evt.EVT_PDU_SENT)]) as server:
        scu = AE("SCU")
        for proposed in (IMPLICIT, EXPLICIT, BIG, [BIG, IMPLICIT, EXPLICIT]):
            scu.add_requested_context(CT, proposed)
        assoc = ask(server, ae=scu)
        assert [(c.context_id, c.transfer_syntax[0]) for c in assoc.accepted_contexts] == [
            (1, IMPLICIT),
            (3, EXPLICIT),
            (7, EXPLICIT),  # the acceptor's order, not the requestor's
        ]
        assert [(c.context_id, c.result) for c in assoc.rejected_contexts] == [(5, 4)]
        for syntax in (EXPLICIT, IMPLICIT):
            assert assoc.send_c_store(image(syntax=syntax)).Status == 0x0000
        assoc.release()
    assert syntaxes == [EXPLICIT, IMPLICIT]
    (said,) = pdus_of(ear, A_ASSOCIATE_AC)
    assert [c.context_id for c in said.presentation_contexts] == [1, 3, 5, 7]


def test_private_sop_classes_and_transfer_syntaxes(samples: Any, tmp_path: Any) -> None:
    uid, other = f"{PRIVATE}.7", f"{PRIVATE}.8"
    register_uid(uid, "PrivateStorageOfThisTest", StorageServiceClass)
    assert sop_classes.PrivateStorageOfThisTest == uid
    assert sop_classes.uid_to_sop_class(uid).service_class is StorageServiceClass
    path = next((samples / "ct-chest").glob("*.dcm"))
    stored: list[tuple[str, bytes]] = []

    def on_store(event: Any) -> int:
        stored.append((event.context.transfer_syntax, event.encoded_dataset(include_meta=False)))
        return 0x0000

    ae = AE("SCP")
    ae.add_supported_context(uid, PRIVATE_SYNTAX)
    ae.add_supported_context(sop_classes.PrivateStorageOfThisTest, IMPLICIT)
    with serving(ae, [(evt.EVT_C_STORE, on_store)]) as server:
        scu = AE("SCU")
        scu.add_requested_context(uid, PRIVATE_SYNTAX)
        scu.add_requested_context(uid, IMPLICIT)
        scu.add_requested_context(other, PRIVATE_SYNTAX)
        assoc = ask(server, ae=scu)
        assert [(c.context_id, c.result) for c in assoc.rejected_contexts] == [(5, 3)]
        assert [c.transfer_syntax for c in assoc.accepted_contexts] == [[PRIVATE_SYNTAX], [IMPLICIT]]
        assert assoc.send_c_store(image(sop_class=uid)).Status == 0x0000
        # nobody can look into a private transfer syntax: the bytes go as they are
        held = dcmread(path)
        meta = held.file_meta
        meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = UID(uid), UID(PRIVATE_SYNTAX)
        copy = tmp_path / "private.dcm"
        body = b"\x01private bytes\x02\x03"
        copy.write_bytes(b"\0" * 128 + b"DICM" + _meta_bytes(meta) + body)
        assert assoc.send_c_store(copy, streamed=True).Status == 0x0000
        assoc.release()
    assert stored[0][0] == IMPLICIT
    assert stored[1] == (PRIVATE_SYNTAX, body)


def _meta_bytes(meta: Any) -> bytes:
    buffer = DicomBytesIO()
    write_file_meta_info(buffer, meta)
    return bytes(buffer.getvalue())


@pytest.fixture
def unrestricted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_config, "UNRESTRICTED_STORAGE_SERVICE", True)


@pytest.mark.usefixtures("unrestricted")
def test_unrestricted_storage_takes_whatever_may_be_stored() -> None:
    stored: list[tuple[str, str]] = []

    def on_store(event: Any) -> int:
        stored.append((event.request.AffectedSOPClassUID, event.context.transfer_syntax))
        return 0x0000

    ae = AE("SCP")  # supports nothing by name
    with serving(ae, [(evt.EVT_C_STORE, on_store)]) as server:
        scu = AE("SCU")
        scu.add_requested_context(PRIVATE, IMPLICIT)
        scu.add_requested_context("1.2.840.10008.5.1.4.1.1.999", [PRIVATE_SYNTAX, IMPLICIT])  # not known yet
        scu.add_requested_context(CT, EXPLICIT)
        scu.add_requested_context(Verification)
        scu.add_requested_context(FIND)
        assoc = ask(server, ae=scu)
        assert [c.context_id for c in assoc.accepted_contexts] == [1, 3, 5]
        assert [(c.context_id, c.result) for c in assoc.rejected_contexts] == [(7, 3), (9, 3)]
        assert assoc.send_c_store(image(sop_class=PRIVATE)).Status == 0x0000
        assert assoc.send_c_store(image(syntax=EXPLICIT)).Status == 0x0000
        assoc.release()
    assert stored == [(PRIVATE, IMPLICIT), (CT, EXPLICIT)]


@pytest.mark.usefixtures("unrestricted")
@pytest.mark.parametrize("roles", [NO_YES, BOTH])
def test_unrestricted_storage_serves_a_get(roles: Roles) -> None:
    def on_get(event: Any) -> Iterator[Any]:
        yield 1
        yield 0xFF00, image(sop_class=PRIVATE)

    got: list[str] = []
    ours = [storing(got, lambda event: event.request.AffectedSOPClassUID)]
    with serving(scp(GET), [(evt.EVT_C_GET, on_get), *STORED]) as server:
        assoc = ask(server, GET, PRIVATE, ext_neg=[build_role(PRIVATE, *roles)], evt_handlers=ours)
        (context,) = [c for c in assoc.accepted_contexts if c.abstract_syntax == PRIVATE]
        assert (context.as_scu, context.as_scp) == roles
        assert [status.Status for status, _ in assoc.send_c_get(keys(), GET)] == [0xFF00, 0x0000]
        assert stores(assoc, sop_class=PRIVATE) is roles[0]
        assoc.release()
    assert got == [PRIVATE]


def test_without_supported_contexts_nothing_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="context"):
        AE("SCP").start_server(("127.0.0.1", 0), block=False)
    half = build_context(CT)
    half.scu_role = True
    with pytest.raises(ValueError, match="role"):
        AE("SCP").start_server(("127.0.0.1", 0), block=False, contexts=[half])


def test_nothing_accepted_is_an_abort_of_the_requestors() -> None:
    heard: list[Any] = []

    def conversation(peer: RawPeer) -> None:
        peer.hear()
        peer.say(acceptance(99))
        heard.append(peer.hear())

    ear = Ear()
    with ByHand(conversation) as there:
        assoc = ask(there, evt_handlers=ear.handlers())
        assert (assoc.is_aborted, assoc.is_rejected, assoc.is_established) == (True, False, False)
    assert heard == [A_ABORT_RQ(source=0)]
    assert ear.of(evt.EVT_ACCEPTED)
    assert not ear.of(evt.EVT_ESTABLISHED)
    assert len(ear.of(evt.EVT_ABORTED)) == 1


# --------------------------------------------------------------------------- who is let in
@pytest.mark.parametrize(
    ("limits", "calls", "rejection"),
    [
        ({"require_called_aet": True}, "WRONG", (1, 1, 7)),
        ({"require_calling_aet": ["FRIEND", "OTHER"]}, "SCP", (1, 1, 3)),
        ({"require_calling_aet": ["FRIEND"], "require_called_aet": True}, "WRONG", (1, 1, 7)),
        ({"require_calling_aet": ["FRIEND", "SCU"], "require_called_aet": True}, "SCP", None),
        ({}, "WRONG", None),
    ],
)
def test_titles_that_are_required(limits: dict[str, Any], calls: str, rejection: tuple[int, int, int] | None) -> None:
    ae, theirs, ours = scp(), Ear(), Ear()
    for name, value in limits.items():
        setattr(ae, name, value)
    with serving(ae, theirs.handlers()) as server:
        assoc = ask(server, ae_title=calls, evt_handlers=ours.handlers())
        assert assoc.is_rejected is (rejection is not None)
        assert assoc.is_established is (rejection is None)
        assert not assoc.is_aborted
        if rejection is not None:
            assert assoc.rejection == A_ASSOCIATE_RJ(*rejection)
            theirs.until(evt.EVT_REJECTED)
            primitive = ours.until(evt.EVT_ACSE_RECV).primitive
            assert (primitive.result, primitive.result_source, primitive.diagnostic) == rejection
        assoc.release()


def test_maximum_associations_counts_what_peers_ask_for_only() -> None:
    ae = scp()
    ae.maximum_associations = 2
    with serving(ae) as server, serving(scp()) as elsewhere:
        own = ask(elsewhere, Verification, ae=ae)  # our own request takes no place
        held = [ask(server) for _ in range(2)]
        assert [assoc.is_established for assoc in held] == [True, True]
        one_more = ask(server)
        assert one_more.rejection == A_ASSOCIATE_RJ(result=2, source=3, reason=2)
        assert one_more.is_rejected
        ear = Ear()
        server.bind(evt.EVT_RELEASED, ear)
        held[0].release()
        ear.until(evt.EVT_RELEASED)
        again = ask(server)
        assert again.is_established
        assert ask(server).is_rejected
        for assoc in (again, held[1], own):
            assert assoc.send_c_echo().Status == 0x0000
            assoc.release()


def test_negotiation_is_over_once_it_has_begun() -> None:
    with serving(scp()) as server:
        assoc = ask(server)
        for end in (assoc.requestor, assoc.acceptor, only(server).requestor, only(server).acceptor):
            assert end.writeable is False
            assert end.info["pdv_size"] == end.maximum_length
            with pytest.raises(RuntimeError):
                end.add_negotiation_item(window(2, 2))
            with pytest.raises(RuntimeError):
                end.reset_negotiation_items()
        assoc.release()


def test_an_association_between_two_servers_of_one_ae() -> None:
    ae = scp()
    ae.add_requested_context(Verification)
    with serving(ae, ae_title="ONE") as one, serving(ae, ae_title="TWO") as two:
        for server, title in ((one, "ONE"), (two, "TWO")):
            assoc = _ask_self(ae, server, title)
            assert len(ae.active_associations) == 2  # both ends are ours
            assert only(server).acceptor.ae_title == title
            assoc.release()
            assert assoc.over.wait(5)
            for other in server.active_associations:
                other.over.wait(5)


def _ask_self(ae: AE, server: AssociationServer, title: str) -> Association:
    assoc = ae.associate("127.0.0.1", server.server_address[1], ae_title=title)
    assert assoc.is_established
    assert assoc.send_c_echo().Status == 0x0000
    return assoc


def test_a_released_peer_is_answered_before_anything_else() -> None:
    with serving(scp()) as server, RawPeer.associated(server) as peer:
        peer.say(A_RELEASE_RQ())
        assert isinstance(peer.hear(), A_RELEASE_RP)


def test_maximum_length_of_a_request_is_a_maximum_length_item() -> None:
    ear = Ear()
    with serving(scp()) as server:
        ask(server, max_pdu=0, evt_handlers=ear.handlers(evt.EVT_PDU_SENT)).release()
    (said,) = pdus_of(ear, A_ASSOCIATE_RQ)
    assert find_items(said.user_information, MaximumLength) == [MaximumLength(0)]
    assert not find_items(said.user_information, SOPClassExtendedNegotiation)
