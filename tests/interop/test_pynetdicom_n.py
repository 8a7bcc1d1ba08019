"""Every DIMSE-N service of every service class against pynetdicom, in both roles (PS3.7 section 10, PS3.4).

What is special to print management and to unified procedure steps stands in files of their own.
"""

from __future__ import annotations

from typing import Any

import pytest
from data_sets import Plain, data_set, plain
from dimse_n_provider import (
    ANSWERS,
    ASSIGNED,
    ERROR_STATUSES,
    ERRORS,
    LARGE,
    LARGE_REPLY,
    NAMELESS,
    NO_STATUS_AT_ALL,
    NOT_ENCODABLE,
    NOTHING,
    RAISES,
    REPLY,
    SERVICES,
    UNDECODABLE,
    WITHOUT_STATUS,
)
from dimse_n_talk import WAIT, Talk, step
from pydicom.uid import PYDICOM_ROOT_UID

SUCCESS = f"{ANSWERS}0"
MPPS = "ModalityPerformedProcedureStep"
RT = "RTConventionalMachineVerification"
COMMITMENT = "StorageCommitmentPushModel"
COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
# what pynetdicom as provider answers with an abort, though PS3.4 has it
NOT_SERVED = (("InventoryCreation", "N-GET"),)
SIX = SERVICES[RT]
SENT: Plain = {"PatientName": "Käse^Ähre", "SpecificCharacterSet": "ISO_IR 100", "Rows": 7}
DETAILS: dict[str, Plain] = {
    "N-CREATE": {"data": SENT},
    "N-SET": {"data": SENT},
    "N-ACTION": {"data": SENT, "type": 4},
    "N-EVENT-REPORT": {"data": SENT, "type": 3},
    "N-GET": {"tags": [0x00100010, 0x00091001, 0x0040A730]},
    "N-DELETE": {},
}


def unique(number: int) -> str:
    """An instance UID that no other test has."""
    return f"{PYDICOM_ROOT_UID}9.{number}"


def roles_for(service: str) -> dict[str, list[bool]]:
    """Who reports events has the SCP role, which a requestor must propose."""
    return {RT: [False, True]} if service == "N-EVENT-REPORT" else {}


def reply_of(service: str) -> Plain | None:
    return None if service == "N-DELETE" else REPLY


@pytest.mark.parametrize("sop_class", SERVICES)
def test_each_service_of_each_sop_class(talk: Talk, sop_class: str) -> None:
    services = [s for s in SERVICES[sop_class] if not (talk.is_ours_asking and (sop_class, s) in NOT_SERVED)]
    wanted = [step(s, sop_class, SUCCESS, id=number, **DETAILS[s]) for number, s in enumerate(services, start=41)]
    # the user of a service reports no events: that is for who has the SCP role
    requests = [s for s in wanted if s["do"] != "N-EVENT-REPORT"]
    reports = [s for s in wanted if s["do"] == "N-EVENT-REPORT"]
    answers = talk([sop_class], *requests) if requests else []
    answers += talk([sop_class], *reports, roles={sop_class: [False, True]}) if reports else []
    for asked, (status, reply) in zip(requests + reports, answers, strict=True):
        assert status["Status"] == 0x0000, asked
        assert reply == reply_of(asked["do"]), asked
        heard = talk.heard()
        expected = {"service": asked["do"], "class": sop_class, "context": sop_class, "instance": SUCCESS}
        expected["id"] = asked["id"]
        if "data" in asked:
            expected["data"] = plain(data_set(SENT))
        for name in ("type", "tags"):
            if name in asked:
                expected[name] = asked[name]
        assert heard == expected


def codes(*extra: int) -> list[int]:
    general = [0x0000, 0x0105, 0x0106, 0x0107, 0x0110, 0x0111, 0x0112, 0x0113, 0x0114, 0x0115, 0x0116, 0x0117, 0x0118]
    return [*general, 0x0119, 0x0120, 0x0121, 0x0122, 0x0123, 0x0124, 0x0210, 0x0211, 0x0212, 0x0213, *extra]


@pytest.mark.parametrize(
    ("sop_class", "statuses"),
    [
        (MPPS, codes(0x0001)),
        (
            "BasicFilmSession",
            codes(*range(0xB600, 0xB606), 0xB609, 0xB60A, *range(0xC600, 0xC604), 0xC605, 0xC613, 0xC616),
        ),
        (COMMITMENT, codes()),
        (
            "ProceduralEventLogging",
            codes(0xB101, 0xB102, 0xB104, 0xC101, 0xC102, 0xC103, 0xC104, 0xC10E, 0xC110, 0xC111),
        ),
        ("InstanceAvailabilityNotification", codes()),
        ("MediaCreationManagement", codes(0x0001, 0xA510, 0xC201, 0xC202, 0xC203)),
        ("DisplaySystem", codes()),
        (RT, codes(0xC112, *range(0xC221, 0xC228))),
        ("InventoryCreation", codes(0xB010)),
        ("UnifiedProcedureStepPull", codes(0x0001, 0xB300, 0xB301, *range(0xB304, 0xB307), *range(0xC300, 0xC316))),
    ],
)
def test_each_status_code(talk: Talk, sop_class: str, statuses: list[int]) -> None:
    service = SERVICES[sop_class][0]
    answers = talk(
        [sop_class], *(step(service, sop_class, f"{ANSWERS}{code}", **DETAILS[service]) for code in statuses)
    )
    for code, (status, reply) in zip(statuses, answers, strict=True):
        assert status["Status"] == code
        # the handler gave a data set each time; it goes only where the standard has a place for it
        expects_reply = code in (0x0000, 0x0001, 0x0107, 0x0116) or code >> 12 == 0xB
        assert reply == (REPLY if expects_reply else None), hex(code)


@pytest.mark.parametrize("service", SIX)
def test_elements_beside_the_status(talk: Talk, service: str) -> None:
    steps = [step(service, RT, f"{ERRORS}{number}", **DETAILS[service]) for number in range(len(ERROR_STATUSES))]
    answers = talk([RT], *steps, roles=roles_for(service))
    for given, (status, reply) in zip(ERROR_STATUSES, answers, strict=True):
        expected = plain(data_set(given))
        # only these responses have a place for it (PS3.7 section 10.3)
        if service not in ("N-GET", "N-SET"):
            expected.pop("AttributeIdentifierList", None)
        if service == "N-EVENT-REPORT":
            expected["EventTypeID"] = given.get("EventTypeID", DETAILS[service]["type"])
        else:
            expected.pop("EventTypeID", None)
        assert {k: v for k, v in status.items() if not k.startswith("AffectedSOP")} == expected
        replies = service != "N-DELETE" and given["Status"] in (0x0107, 0x0116)
        assert reply == (REPLY if replies else None)


@pytest.mark.parametrize("service", SIX)
def test_without_a_handler(talk: Talk, service: str) -> None:
    steps = [step(service, RT, SUCCESS, **DETAILS[service])] * 2
    for status, reply in talk([RT], *steps, server="bare", roles=roles_for(service)):
        assert status["Status"] == 0x0110
        assert reply is None


@pytest.mark.parametrize("service", SIX)
def test_handlers_that_go_wrong(talk: Talk, service: str) -> None:
    wrong: dict[str, tuple[int, Plain | None]] = {
        RAISES: (0x0110, None),
        UNDECODABLE: (0x0110, None),
        NOT_ENCODABLE: (0x0110, None),
        WITHOUT_STATUS: (0xC001, None),
        NO_STATUS_AT_ALL: (0xC002, None),
        NOTHING: (0x0000, {}),
        SUCCESS: (0x0000, REPLY),
    }
    if service == "N-DELETE":  # which has no reply that could be wrong
        wrong.update(dict.fromkeys((UNDECODABLE, NOT_ENCODABLE, NOTHING, SUCCESS), (0x0000, None)))
    answers = talk([RT], *(step(service, RT, uid, **DETAILS[service]) for uid in wrong), roles=roles_for(service))
    for uid, (status, reply) in zip(wrong, answers, strict=True):
        assert (status["Status"], reply) == wrong[uid], uid


@pytest.mark.parametrize("service", ["N-CREATE", "N-SET", "N-ACTION", "N-EVENT-REPORT"])
def test_a_request_that_cannot_be_decoded(talk: Talk, service: str) -> None:
    steps = [step(service, RT, SUCCESS, **{**DETAILS[service], "data": data}) for data in ("undecodable", SENT)]
    refused, answered = talk([RT], *steps, roles=roles_for(service))
    assert (refused[0]["Status"], refused[1]) == (0x0110, None)
    assert (answered[0]["Status"], answered[1]) == (0x0000, REPLY)


@pytest.mark.parametrize("service", ["N-CREATE", "N-ACTION", "N-EVENT-REPORT", "N-GET"])
def test_requests_without_a_data_set(talk: Talk, service: str) -> None:
    detail = {name: value for name, value in DETAILS[service].items() if name == "type"}
    ((status, reply),) = talk([RT], step(service, RT, SUCCESS, **detail), roles=roles_for(service))
    assert (status["Status"], reply) == (0x0000, REPLY)
    heard = talk.heard()
    assert heard.get("type") == detail.get("type")
    assert heard.get("data", {}) == {}
    assert heard.get("tags", []) == []


@pytest.mark.parametrize("service", [service for service in SIX if service != "N-DELETE"])
def test_many_pdus_there_and_back(talk: Talk, service: str) -> None:
    detail = {**DETAILS[service], "data": LARGE_REPLY}
    ((status, reply),) = talk([RT], step(service, RT, LARGE, **detail), roles=roles_for(service), max_pdu=2048)
    assert status["Status"] == 0x0000
    assert reply == LARGE_REPLY
    assert talk.heard().get("data", LARGE_REPLY) == LARGE_REPLY


@pytest.mark.parametrize("syntax", ["", ".1", ".1.99", ".2"])
def test_each_transfer_syntax(talk: Talk, syntax: str) -> None:
    uid = unique(1) + talk.mark + syntax
    steps = [step("N-CREATE", RT, uid, data=SENT), step("N-GET", RT, uid), step("N-DELETE", RT, uid)]
    answers = talk([RT], *steps, syntaxes=[f"1.2.840.10008.1.2{syntax}"])
    assert [status["Status"] for status, _ in answers] == [0x0000] * 3
    assert talk.heard()["data"] == plain(data_set(SENT))
    assert answers[1][1] == plain(data_set({**SENT, "SOPInstanceUID": uid}))


def test_a_sop_class_that_was_not_accepted(talk: Talk) -> None:
    others = [step(service, "RTIonMachineVerification", SUCCESS, **DETAILS[service]) for service in SIX]
    via = [step(service, RT, SUCCESS, via="RTIonMachineVerification", **DETAILS[service]) for service in SIX]
    assert talk([RT], *others, *via) == ["ValueError"] * 12


# film boxes and procedure steps have lives of their own kind, told in files of their own
CREATED = [n for n, s in SERVICES.items() if "N-CREATE" in s and n not in ("BasicFilmBox", "UnifiedProcedureStepPush")]


@pytest.mark.parametrize("sop_class", CREATED)
def test_the_life_of_an_instance(talk: Talk, sop_class: str) -> None:
    services = SERVICES[sop_class]
    uid = unique(2) + talk.mark + f".{list(SERVICES).index(sop_class)}"
    changed = {"PatientName": "Changed^By", "Columns": 5}
    life: list[tuple[str, Plain, int, Any]] = [
        ("N-CREATE", {"data": SENT}, 0x0000, {**SENT, "SOPInstanceUID": uid}),
        ("N-CREATE", {"data": SENT}, 0x0111, None),
        ("N-SET", {"data": changed}, 0x0000, changed),
        ("N-GET", {"tags": [0x00280010]}, 0x0000, {"Rows": 7}),
        ("N-GET", {"tags": [0x00280010, 0x00280100, 0x00280101]}, 0x0107, {"Rows": 7}),
        ("N-ACTION", {"data": changed, "type": 9}, 0x0123, None),
        ("N-DELETE", {}, 0x0000, None),
    ]
    life = [part for part in life if part[0] in services]
    if "N-DELETE" in services:
        life += [
            (service, DETAILS[service], 0x0112, None) for service in services if service[2:] in ("SET", "GET", "DELETE")
        ]
    answers = talk([sop_class], *(step(service, sop_class, uid, **detail) for service, detail, _, _ in life))
    for (service, _, code, expected), (status, reply) in zip(life, answers, strict=True):
        assert status["Status"] == code, service
        assert reply == (None if expected is None else plain(data_set(expected))), service
        if code == 0x0107:
            assert status["AttributeIdentifierList"] == [0x00280100, 0x00280101]


def test_the_provider_names_the_instance(talk: Talk) -> None:
    new, named = step("N-CREATE", RT, data=SENT), step("N-CREATE", RT, unique(8) + talk.mark, data=SENT)
    nameless = step("N-CREATE", RT, data={"PatientID": NAMELESS})
    (status, created), (_, _), (refused, nothing) = talk([RT], new, named, nameless)
    assert status["Status"] == 0x0000
    assert created["SOPInstanceUID"].startswith(ASSIGNED)
    assert created.keys() == {*SENT, "SOPInstanceUID"}  # and nothing of the command set
    assert talk.created[:2] == [created["SOPInstanceUID"], named["instance"]]
    assert [talk.heard()["instance"] for _ in range(2)] == [None, named["instance"]]
    if talk.is_ours_asking:
        assert status["AffectedSOPInstanceUID"] == created["SOPInstanceUID"]
    # a response must name the instance if the request did not (PS3.7 section 10.1.5.1.4)
    assert (refused["Status"], nothing) == (0x0110, None)


def test_performed_procedure_step(talk: Talk) -> None:
    retrieve, notification = f"{MPPS}Retrieve", f"{MPPS}Notification"
    begun = {"PerformedProcedureStepStatus": "IN PROGRESS", "PerformedProcedureStepID": "1"}
    series = {"SeriesInstanceUID": unique(3), "RetrieveAETitle": "ARCHIVE", "ReferencedImageSequence": [{"Rows": 1}]}
    ended = {"PerformedProcedureStepStatus": "COMPLETED", "PerformedSeriesSequence": [series]}
    ((status, created),) = talk([MPPS], step("N-CREATE", MPPS, data=begun))
    uid = created["SOPInstanceUID"]
    assert status["Status"] == 0x0000
    steps = [
        step("N-SET", MPPS, uid, data={"StudyID": "2"}),
        step("N-SET", MPPS, uid, data=ended),
        step("N-SET", MPPS, uid, data=ended),
        step("N-GET", retrieve, uid, tags=[0x00400252, 0x00400340]),
    ]
    first, second, third, got = talk([MPPS, retrieve], *steps)
    assert (first[0]["Status"], first[1]) == (0x0000, {"StudyID": "2"})
    assert (second[0]["Status"], second[1]) == (0x0000, plain(data_set(ended)))
    assert third == [{**third[0], **ERROR_STATUSES[0]}, None]
    assert (got[0]["Status"], got[1]) == (0x0000, plain(data_set(ended)))
    report = step("N-EVENT-REPORT", notification, uid, type=2)
    ((status, reply),) = talk([notification], report, roles={notification: [False, True]})
    assert (status["Status"], status["EventTypeID"], reply) == (0x0000, 2, {})


COMMITTED: Plain = {"TransactionUID": unique(4), **LARGE_REPLY}


def test_storage_commitment_on_the_same_association(talk: Talk) -> None:
    ask = step("N-ACTION", COMMITMENT, COMMITMENT_INSTANCE, type=1, data=COMMITTED, id=9)
    wrong = step("N-ACTION", COMMITMENT, COMMITMENT_INSTANCE, type=2, data=COMMITTED)
    other = step("N-ACTION", COMMITMENT, unique(5), type=1, data=COMMITTED)
    asked, event, refused, unknown, again, last = talk([COMMITMENT], ask, WAIT, wrong, other, ask, WAIT)
    assert (asked[0]["Status"], asked[1]) == (0x0000, {})
    assert (refused[0]["Status"], unknown[0]["Status"], again[0]["Status"]) == (0x0123, 0x0112, 0x0000)
    identity = {"class": COMMITMENT, "context": COMMITMENT, "instance": COMMITMENT_INSTANCE}
    assert event == {"service": "N-EVENT-REPORT", **identity, "id": 5, "type": 1, "data": COMMITTED}
    assert last == event
    assert talk.heard() == {"service": "N-ACTION", **identity, "id": 9, "type": 1, "data": COMMITTED}
    check_reported(talk.heard_of("reported"), "same", COMMITTED)
    check_reported(talk.heard_of("reported"), "same", COMMITTED)


def test_storage_commitment_on_a_new_association(talk: Talk) -> None:
    ask = step("N-ACTION", COMMITMENT, COMMITMENT_INSTANCE, type=1, data=COMMITTED)
    title = f"PORT{talk.user.call('ports')['full']}"
    ((status, _),) = talk([COMMITMENT], ask, title=title)
    assert status["Status"] == 0x0000
    event = talk.heard(talk.user)  # its server's handler, not its association's
    assert (event["service"], event["type"], event["data"]) == ("N-EVENT-REPORT", 1, COMMITTED)
    check_reported(talk.heard_of("reported"), "new", COMMITTED)


def check_reported(heard: Plain, how: str, data: Plain) -> None:
    assert heard["how"] == how
    status, reply = heard["answer"]
    assert (status["Status"], status["EventTypeID"]) == (0x0000, 1)
    assert reply == data


def test_inventory_creation(talk: Talk) -> None:
    inventory, manager = "InventoryCreation", "1.2.840.10008.5.1.4.1.1.201.1.1"
    wanted = {"TransactionUID": unique(6), "InventoryInstanceDescription": "All of it"}
    started, event = talk([inventory], step("N-ACTION", inventory, manager, type=1, data=wanted), WAIT)
    assert (started[0]["Status"], started[1]) == (0x0000, wanted)
    assert (event["instance"], event["type"], event["data"]) == (manager, 1, wanted)
    steps = [step("N-GET", inventory, manager, tags=[0x00080417]), step("N-GET", inventory, manager)]
    if talk.is_ours_asking:
        # pynetdicom serves no N-GET here and aborts
        assert talk([inventory], steps[0], end="aborted") == [[{}, None]]
        return
    one, everything = talk([inventory], *steps)
    assert (one[0]["Status"], one[1]) == (0x0000, {"TransactionStatus": "IN PROGRESS"})
    assert everything[1] == {"TransactionStatus": "IN PROGRESS", "Manufacturer": "Nobody"}


@pytest.mark.parametrize(
    ("sop_class", "instance", "service", "detail"),
    [
        ("ProceduralEventLogging", "1.2.840.10008.1.40.1", "N-ACTION", {"type": 1, "data": SENT}),
        ("SubstanceAdministrationLogging", "1.2.840.10008.1.42.1", "N-ACTION", {"type": 1, "data": SENT}),
        ("DisplaySystem", "1.2.840.10008.5.1.1.40.1", "N-GET", {"tags": [0x00080070]}),
    ],
)
def test_well_known_instances(talk: Talk, sop_class: str, instance: str, service: str, detail: Plain) -> None:
    known, unknown = talk([sop_class], *(step(service, sop_class, i, **detail) for i in (instance, unique(7))))
    expected = {"Manufacturer": "Nobody"} if service == "N-GET" else plain(data_set(SENT))
    assert (known[0]["Status"], known[1]) == (0x0000, expected)
    assert (unknown[0]["Status"], unknown[0]["ErrorComment"], unknown[1]) == (0x0112, "No such instance", None)
