"""What is negotiated with pynetdicom, in both roles: each end has to read what the other end meant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pynetdicom_process
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID
from pynetdicom_process import Peer

from workstation.net import AE, _config, build_role, evt
from workstation.net.association import Association
from workstation.net.codec.pdu import A_ASSOCIATE_RJ
from workstation.net.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)
from workstation.net.sop_class import CTImageStorage as CT
from workstation.net.sop_class import PatientRootQueryRetrieveInformationModelFind as FIND
from workstation.net.sop_class import Verification

IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
STORAGE = "1.2.840.10008.4.2"
PRIVATE, PRIVATE_SYNTAX = "1.2.826.0.1.3680043.10.999.1", "1.2.826.0.1.3680043.10.999.2"
ECHO = ["echo", 0]
PLAIN = [[Verification, [IMPLICIT], None, None]]
Roles = tuple[bool, bool]
YES_NO, NO_YES, BOTH = (True, False), (False, True), (True, True)


@pytest.fixture(scope="module")
def pynetdicom() -> Iterator[Peer]:
    with pynetdicom_process.pynetdicom("negotiation_program") as peer:
        yield peer


@contextmanager
def served(ae: AE, *handlers: Any) -> Iterator[int]:
    """Our server; its port."""
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=list(handlers))
    assert server is not None
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def ours(*uids: str) -> AE:
    ae = AE("OURS")
    for uid in uids or (Verification,):
        ae.add_supported_context(uid, IMPLICIT)
    return ae


def ask(port: int, *uids: str, **options: Any) -> Association:
    ae = options.pop("ae", None) or AE("OURS")
    for uid in uids or (Verification,):
        ae.add_requested_context(uid, IMPLICIT)
    return ae.associate("127.0.0.1", port, ae_title="PYNETDICOM", **options)


def image(size: int, sop_class: str = CT) -> Dataset:
    data_set = Dataset()
    data_set.SOPClassUID, data_set.SOPInstanceUID, data_set.TextValue = sop_class, "1.2.3", "x" * size
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = UID(IMPLICIT)
    return data_set


def events(peer: Peer, name: str) -> list[dict[str, Any]]:
    """What its handlers of a kind were told."""
    return [event for event in peer.call("take") if event.pop("event") == name]


# --------------------------------------------------------------------------- roles
TABLE = [
    (None, BOTH, YES_NO),
    (YES_NO, None, YES_NO),
    (NO_YES, None, YES_NO),
    (BOTH, None, YES_NO),
    (YES_NO, YES_NO, YES_NO),
    (YES_NO, NO_YES, None),
    (NO_YES, NO_YES, NO_YES),
    (NO_YES, YES_NO, None),
    (BOTH, BOTH, BOTH),
    (BOTH, YES_NO, YES_NO),
    (BOTH, NO_YES, NO_YES),
]


def test_roles_that_pynetdicom_offers(pynetdicom: Peer) -> None:
    for offered, allowed, held in TABLE:
        ae = ours()
        ae.add_supported_context(CT, IMPLICIT, *(allowed or (None, None)))
        with served(ae) as port:
            roles = [[CT, *offered]] if offered else []
            found = pynetdicom.call(
                "associate",
                port=port,
                contexts=[[Verification, [IMPLICIT]], [CT, [IMPLICIT]]],
                roles=roles,
                acts=[ECHO],
            )
        expected = [[1, Verification, IMPLICIT, True, False]]
        if held:
            expected.append([3, CT, IMPLICIT, *held])
        assert found["accepted"] == expected, (offered, allowed)
        assert found["refused"] == ([] if held else [[3, 1]]), (offered, allowed)
        assert found["statuses"] == [0x0000]
        assert found["released"]


def test_roles_that_pynetdicom_allows(pynetdicom: Peer) -> None:
    ports: dict[Roles | None, int] = {}
    for offered, allowed, held in TABLE:
        if allowed not in ports:
            contexts = [*PLAIN, [CT, [IMPLICIT], *(allowed or (None, None))]]
            ports[allowed] = pynetdicom.call("serve", contexts=contexts)
        assoc = ask(ports[allowed], Verification, CT, ext_neg=[build_role(CT, *offered)] if offered else [])
        assert assoc.is_established
        context = [(c.as_scu, c.as_scp) for c in assoc.accepted_contexts if c.abstract_syntax == CT]
        assert context == ([held] if held else []), (offered, allowed)
        assert [c.result for c in assoc.rejected_contexts] == ([] if held else [1])
        assert assoc.send_c_echo().Status == 0x0000
        assoc.release()
        (seen,) = events(pynetdicom, "echo")
        assert seen["accepted"][1:] == ([[3, CT, IMPLICIT, *held[::-1]]] if held else [])


# --------------------------------------------------------------------------- user identity
def item_of(kind: int, positive: bool) -> list[Any]:
    values = {"user_identity_type": kind, "primary_field": b"who".hex(), "positive_response_requested": positive}
    if kind == 2:
        values["secondary_field"] = b"pass".hex()
    return ["UserIdentityNegotiation", values]


def identity(kind: int, positive: bool) -> UserIdentityNegotiation:
    item = UserIdentityNegotiation()
    item.user_identity_type, item.primary_field, item.positive_response_requested = kind, b"who", positive
    if kind == 2:
        item.secondary_field = b"pass"
    return item


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5])
def test_identities_of_pynetdicoms_users(pynetdicom: Peer, kind: int) -> None:
    heard: list[Any] = []
    answer: Any = (True, b"ticket")

    def on_user(event: Any) -> Any:
        heard.append((event.user_id_type, event.primary_field, event.secondary_field or b""))
        if answer is None:
            raise ValueError("on purpose")
        return answer

    contexts = [[Verification, [IMPLICIT]]]
    with served(ours(), (evt.EVT_USER_ID, on_user)) as port:
        for positive in (False, True):
            found = pynetdicom.call(
                "associate", port=port, contexts=contexts, items=[item_of(kind, positive)], acts=[ECHO]
            )
            assert found["statuses"] == [0x0000]
            if positive and kind in (3, 4, 5):
                assert found["response"] == b"ticket".hex()
            else:
                assert found["response"] in ("no item", None, "")
        for refusal in ((False, None), (False, b"no"), None):
            answer = refusal
            found = pynetdicom.call("associate", port=port, contexts=contexts, items=[item_of(kind, True)])
            assert (found["established"], found["rejection"]) == (False, [1, 2, 1])
    assert heard == [(kind, b"who", b"pass" if kind == 2 else b"")] * 5


def test_our_users_identities(pynetdicom: Peer) -> None:
    for answer in ([True, b"ticket".hex()], [True, None], [False, None], "raise", None):
        port = pynetdicom.call("serve", contexts=PLAIN, answers={} if answer is None else {"user": answer})
        for kind in (1, 2, 3, 4, 5):
            positive = kind != 4 or answer == [True, None]
            assoc = ask(port, ext_neg=[identity(kind, positive)])
            if answer in ([False, None], "raise"):
                assert (assoc.is_rejected, assoc.is_aborted) == (True, False)
                assert assoc.rejection is not None
                assert (assoc.rejection.source, assoc.rejection.reason) == (2, 1)
            else:
                assert assoc.is_established
                read = assoc.acceptor.user_identity
                if isinstance(answer, list) and answer[1] and positive and kind in (3, 5):
                    assert read is not None
                    assert read.server_response == b"ticket"
                else:
                    assert read is None or not read.server_response
                assert assoc.send_c_echo().Status == 0x0000
            assoc.release()
        told = events(pynetdicom, "user")
        if answer is not None:
            assert [(one["type"], one["primary"]) for one in told] == [(k, b"who".hex()) for k in (1, 2, 3, 4, 5)]
            assert [one["secondary"] or "" for one in told] == ["", b"pass".hex(), "", "", ""]


# --------------------------------------------------------------------------- the other items
def test_items_that_pynetdicom_offers(pynetdicom: Peer) -> None:
    heard: dict[str, Any] = {}
    fails = False

    def fail() -> None:
        if fails:
            raise ValueError("on purpose")

    def on_window(event: Any) -> tuple[int, int]:
        heard["window"] = (event.invoked, event.performed)
        fail()
        return 9, 9

    def on_extended(event: Any) -> dict[str, bytes]:
        heard["extended"] = dict(event.app_info)
        fail()
        return {FIND: b"\x01\x00"}

    def on_common(event: Any) -> Any:
        heard["common"] = {
            uid: (item.service_class_uid, item.related_general_sop_class_identification)
            for uid, item in event.items.items()
        }
        fail()
        return event.items

    def on_echo(event: Any) -> int:
        heard["accepted"] = dict(event.assoc.acceptor.accepted_common_extended)
        return 0x0000

    def on_store(event: Any) -> int:
        heard["stored"] = event.request.AffectedSOPClassUID
        return 0x0000

    common = {
        "sop_class_uid": PRIVATE,
        "service_class_uid": STORAGE,
        "related_general_sop_class_identification": [CT, "1.2.3"],
    }
    info = {"sop_class_uid": FIND, "service_class_application_information": "010101"}
    window = {"maximum_number_operations_invoked": 5, "maximum_number_operations_performed": 7}
    items = [
        ["AsynchronousOperationsWindowNegotiation", window],
        ["SOPClassExtendedNegotiation", info],
        ["SOPClassCommonExtendedNegotiation", common],
    ]
    contexts = [[uid, [IMPLICIT]] for uid in (Verification, FIND, PRIVATE)]
    handlers = [
        (evt.EVT_ASYNC_OPS, on_window),
        (evt.EVT_SOP_EXTENDED, on_extended),
        (evt.EVT_SOP_COMMON, on_common),
        (evt.EVT_C_ECHO, on_echo),
        (evt.EVT_C_STORE, on_store),
    ]
    with served(ours(Verification, FIND, PRIVATE), *handlers) as port:
        acts = [ECHO, ["store", [PRIVATE, IMPLICIT, 10]]]
        found = pynetdicom.call("associate", port=port, contexts=contexts, items=items, acts=acts)
        accepted = {PRIVATE: (STORAGE, [CT, "1.2.3"])}
        assert heard == {
            "window": (5, 7),
            "extended": {FIND: b"\x01\x01\x01"},
            "common": accepted,
            "accepted": accepted,
            "stored": PRIVATE,
        }
        assert found["statuses"] == [0x0000, 0x0000]
        assert found["window"] == [1, 1]
        assert found["extended"] == {FIND: "0100"}
        assert sorted(found["items"]) == ["AsynchronousOperationsWindowNegotiation", "SOPClassExtendedNegotiation"]
        heard.clear()
        fails = True
        found = pynetdicom.call("associate", port=port, contexts=contexts, items=items, acts=[ECHO])
        assert (found["statuses"], found["items"]) == ([0x0000], [])
        assert heard["accepted"] == {}


def our_items() -> list[Any]:
    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked, window.maximum_number_operations_performed = 5, 7
    extended = SOPClassExtendedNegotiation()
    extended.sop_class_uid, extended.service_class_application_information = FIND, b"\x01\x01\x01"
    common = SOPClassCommonExtendedNegotiation()
    common.sop_class_uid, common.service_class_uid = PRIVATE, STORAGE
    common.related_general_sop_class_identification = [CT, "1.2.3"]
    return [window, extended, common]


def test_items_that_we_offer(pynetdicom: Peer) -> None:
    contexts = [*PLAIN, [FIND, [IMPLICIT], None, None], [PRIVATE, [IMPLICIT], None, None]]
    answers = {"window": [9, 9], "extended": {FIND: "0100"}, "common": [PRIVATE]}
    for each in (answers, dict.fromkeys(answers, "raise"), {}):
        port = pynetdicom.call("serve", contexts=contexts, answers=each)
        assoc = ask(port, Verification, FIND, PRIVATE, ext_neg=our_items())
        assert assoc.is_established
        assert assoc.acceptor.asynchronous_operations == (1, 1)
        assert assoc.acceptor.sop_class_extended == ({FIND: b"\x01\x00"} if each is answers else {})
        assert assoc.send_c_echo().Status == 0x0000
        if each is answers:
            assert assoc.send_c_store(image(10, PRIVATE)).Status == 0x0000
        assoc.release()
        assert assoc.is_released
        told = {one.pop("event"): one for one in pynetdicom.call("take")}
        if each:
            assert told["window"] == {"invoked": 5, "performed": 7}
            assert told["extended"] == {"info": {FIND: "010101"}}
            assert told["common"] == {"items": {PRIVATE: [STORAGE, [CT, "1.2.3"]]}}
        accepted = {PRIVATE: [STORAGE, [CT, "1.2.3"]]} if each is answers else {}
        assert told["echo"]["common"] == accepted
        assert ("store" in told) is (each is answers)


# --------------------------------------------------------------------------- who we are, and how long a PDU may be
@pytest.mark.parametrize("version", [None, "V", "SIXTEEN_LETTERS_"])
def test_implementations(pynetdicom: Peer, version: str | None) -> None:
    ae = ours()
    ae.implementation_class_uid, ae.implementation_version_name = "1.2.3.4.1", version
    with served(ae) as port:
        found = pynetdicom.call("associate", port=port, contexts=[[Verification, [IMPLICIT]]])
        assert (found["class_uid"], found["version"]) == ("1.2.3.4.1", version)
    told = {"implementation_class_uid": "1.2.3.4.2", "implementation_version_name": version}
    port = pynetdicom.call("serve", contexts=PLAIN, ae=told)
    assoc = ask(port, ae=ae)
    assert assoc.acceptor.implementation_class_uid == "1.2.3.4.2"
    assert assoc.acceptor.implementation_version_name == version
    assert assoc.send_c_echo().Status == 0x0000
    assoc.release()
    (seen,) = events(pynetdicom, "echo")
    assert (seen["class_uid"], seen["version"]) == ("1.2.3.4.1", version)


@pytest.mark.parametrize("limit", [0, 8, 16, 1024, 131072, 0xFFFFFFFF])
def test_maximum_lengths(pynetdicom: Peer, limit: int) -> None:
    """Both directions, the limit being now ours, now pynetdicom's."""
    size = 1000 if 0 < limit < 1024 else 300_000
    stored: list[int] = []

    def on_store(event: Any) -> int:
        stored.append(len(event.dataset.TextValue))
        return 0x0000

    lengths: list[int] = []

    def on_sent(event: Any) -> None:
        if event.data[0] == 4:
            lengths.append(len(event.data) - 6)

    ae = ours(Verification, CT)
    ae.maximum_pdu_size = limit
    with served(ae, (evt.EVT_C_STORE, on_store), (evt.EVT_DATA_SENT, on_sent)) as port:
        found = pynetdicom.call(
            "associate",
            port=port,
            contexts=[[Verification, [IMPLICIT]], [CT, [IMPLICIT]]],
            max_pdu=limit,
            acts=[ECHO, ["store", [CT, IMPLICIT, size]]],
        )
    assert found["maximum_length"] == limit
    assert (found["statuses"], found["released"]) == ([0x0000, 0x0000], True)
    assert stored == [size]
    port = pynetdicom.call("serve", contexts=[*PLAIN, [CT, [IMPLICIT], None, None]], ae={"maximum_pdu_size": limit})
    assoc = ask(port, Verification, CT, max_pdu=limit, evt_handlers=[(evt.EVT_DATA_SENT, on_sent)])
    assert assoc.acceptor.maximum_length == limit
    assert assoc.send_c_echo().Status == 0x0000
    assert assoc.send_c_store(image(size)).Status == 0x0000
    assoc.release()
    told = {one.pop("event"): one for one in pynetdicom.call("take")}
    assert told["echo"]["maximum_length"] == limit
    assert told["store"]["bytes"] > size
    assert lengths
    assert limit == 0 or max(lengths) <= limit


# --------------------------------------------------------------------------- presentation contexts
def test_128_contexts_each_way(pynetdicom: Peer) -> None:
    uids = [Verification, *(f"1.2.826.0.1.3680043.10.999.3.{number}" for number in range(127))]
    with served(ours(*uids)) as port:
        found = pynetdicom.call("associate", port=port, contexts=[[uid, [IMPLICIT]] for uid in uids], acts=[ECHO])
    assert [one[0] for one in found["accepted"]] == list(range(1, 257, 2))
    assert found["statuses"] == [0x0000]
    assoc = ask(pynetdicom.call("serve", contexts=[[uid, [IMPLICIT], None, None] for uid in uids]), *uids)
    assert len(assoc.accepted_contexts) == 128
    assert assoc.send_c_echo().Status == 0x0000
    assoc.release()
    pynetdicom.call("take")


def test_the_acceptors_order_decides_in_each_of_several_contexts(pynetdicom: Peer) -> None:
    proposed = [[IMPLICIT], [EXPLICIT, IMPLICIT], [BIG], [PRIVATE_SYNTAX, BIG]]
    expected = [(1, IMPLICIT), (3, EXPLICIT)]
    ae = AE("OURS")
    ae.add_supported_context(CT, [EXPLICIT, PRIVATE_SYNTAX, IMPLICIT])
    with served(ae) as port:
        found = pynetdicom.call("associate", port=port, contexts=[[CT, syntaxes] for syntaxes in proposed])
    assert [(one[0], one[2]) for one in found["accepted"]] == [*expected, (7, PRIVATE_SYNTAX)]
    assert found["refused"] == [[5, 4]]
    port = pynetdicom.call("serve", contexts=[[CT, [EXPLICIT, PRIVATE_SYNTAX, IMPLICIT], None, None]])
    scu = AE("OURS")
    for syntaxes in proposed:
        scu.add_requested_context(CT, syntaxes)
    assoc = scu.associate("127.0.0.1", port)
    assert [(c.context_id, c.transfer_syntax) for c in assoc.accepted_contexts] == [
        *((number, [syntax]) for number, syntax in expected),
        (7, [PRIVATE_SYNTAX]),
    ]
    assert [(c.context_id, c.result) for c in assoc.rejected_contexts] == [(5, 4)]
    assoc.release()


def test_unrestricted_storage(pynetdicom: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = "1.2.840.10008.5.1.4.1.1.999"
    offers = [[PRIVATE, [IMPLICIT]], [unknown, [IMPLICIT]], [CT, [IMPLICIT]], [Verification, [IMPLICIT]]]
    stored: list[str] = []

    def on_store(event: Any) -> int:
        stored.append(event.request.AffectedSOPClassUID)
        return 0x0000

    acts = [["store", [uid, IMPLICIT, 10]] for uid in (PRIVATE, unknown, CT)]
    with monkeypatch.context() as patch:
        patch.setattr(_config, "UNRESTRICTED_STORAGE_SERVICE", True)
        with served(AE("OURS"), (evt.EVT_C_STORE, on_store)) as port:
            found = pynetdicom.call("associate", port=port, contexts=offers, acts=acts)
            assert found["refused"] == [[7, 3]]
            assert found["statuses"] == [0x0000] * 3
            # a C-GET stores in the other direction: the roles that are offered are had
            found = pynetdicom.call(
                "associate", port=port, contexts=offers, roles=[[PRIVATE, False, True], [CT, True, True]]
            )
            assert [one[3:] for one in found["accepted"]] == [[False, True], [True, False], [True, True]]
    assert stored == [PRIVATE, unknown, CT]
    port = pynetdicom.call("serve", contexts=[], unrestricted=True)
    assoc = ask(port, PRIVATE, unknown, CT, Verification)
    assert [c.context_id for c in assoc.accepted_contexts] == [1, 3, 5]
    for uid in (PRIVATE, unknown, CT):
        assert assoc.send_c_store(image(10, uid)).Status == 0x0000
    assoc.release()
    assert [one["sop_class"] for one in events(pynetdicom, "store")] == [PRIVATE, unknown, CT]


# --------------------------------------------------------------------------- ends before the beginning
def test_nothing_in_common_is_an_abort_not_a_rejection(pynetdicom: Peer) -> None:
    with served(ours()) as port:
        found = pynetdicom.call("associate", port=port, contexts=[[CT, [IMPLICIT]]])
        assert (found["aborted"], found["rejection"], found["established"]) == (True, None, False)
    assoc = ask(pynetdicom.call("serve", contexts=PLAIN), CT)
    assert (assoc.is_aborted, assoc.is_rejected, assoc.is_established) == (True, False, False)
    assert [c.result for c in assoc.rejected_contexts] == [3]


def test_rejections(pynetdicom: Peer) -> None:
    contexts = [[Verification, [IMPLICIT]]]
    ae = ours()
    ae.require_called_aet, ae.require_calling_aet = True, ["PYNETDICOM"]
    ae.maximum_associations = 1
    with served(ae) as port:
        assert pynetdicom.call("associate", port=port, contexts=contexts, called="WRONG")["rejection"] == [1, 1, 7]
        assert pynetdicom.call("associate", port=port, contexts=contexts, title="STRANGER")["rejection"] == [1, 1, 3]
        scu = AE("PYNETDICOM")
        scu.add_requested_context(Verification)
        holder = scu.associate("127.0.0.1", port, ae_title="OURS")
        assert holder.is_established
        assert pynetdicom.call("associate", port=port, contexts=contexts)["rejection"] == [2, 3, 2]
        holder.release()
    port = pynetdicom.call("serve", contexts=PLAIN, ae={"maximum_associations": 1})
    first = ask(port)
    assert first.is_established
    assert ask(port).rejection == A_ASSOCIATE_RJ(result=2, source=3, reason=2)
    first.release()
    strict = {"require_called_aet": True, "require_calling_aet": ["OURS"]}
    port = pynetdicom.call("serve", contexts=PLAIN, ae=strict)
    stranger = AE("STRANGER")
    stranger.add_requested_context(Verification)
    assert stranger.associate("127.0.0.1", port, ae_title="PYNETDICOM").rejection == A_ASSOCIATE_RJ(1, 1, 3)
    stranger.ae_title = "OURS"
    assert stranger.associate("127.0.0.1", port, ae_title="WRONG").rejection == A_ASSOCIATE_RJ(1, 1, 7)
