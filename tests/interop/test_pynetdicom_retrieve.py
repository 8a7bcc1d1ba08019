"""C-GET and C-MOVE of every service class, in both roles against pynetdicom.

In a C-MOVE the third AE is the asker's own package, so each provider also sends to the other package.
"""

from __future__ import annotations

from typing import Any

import pytest
from dimse_c_pair import Pair, said

BASE = "QueryRetrieveInformationModel"
CT, MR, TEMPLATE = "CTImageStorage", "MRImageStorage", "GenericImplantTemplateStorage"
# information model, what can be retrieved by it
MODELS: dict[str, tuple[str, str]] = {
    f"PatientRoot{BASE}": (CT, MR),
    f"StudyRoot{BASE}": (CT, MR),
    f"PatientStudyOnly{BASE}": (CT, MR),
    "CompositeInstanceRootRetrieve": (CT, "BasicTextSRStorage"),
    "HangingProtocolInformationModel": ("HangingProtocolStorage", "HangingProtocolStorage"),
    "ColorPaletteInformationModel": ("ColorPaletteStorage", "ColorPaletteStorage"),
    "GenericImplantTemplateInformationModel": (TEMPLATE, TEMPLATE),
    "ImplantAssemblyTemplateInformationModel": ("ImplantAssemblyTemplateStorage", TEMPLATE),
    "ImplantTemplateGroupInformationModel": ("ImplantTemplateGroupStorage", TEMPLATE),
    "DefinedProcedureProtocolInformationModel": (
        "CTDefinedProcedureProtocolStorage",
        "XADefinedProcedureProtocolStorage",
    ),
    "ProtocolApprovalInformationModel": ("ProtocolApprovalStorage", "ProtocolApprovalStorage"),
    "Inventory": ("InventoryStorage", "InventoryStorage"),
}
CASES = [(service, f"{model}{service.capitalize()}", *MODELS[model]) for service in ("get", "move") for model in MODELS]
CASES.append(("get", "CompositeInstanceRetrieveWithoutBulkDataGet", CT, MR))
SERVICES = ("get", "move")
KEYS = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.2.3"}


def store(number: int, answer: Any = None, sop_class: str = CT, **more: Any) -> dict[str, Any]:
    """The step that has instance 1.2.3.`number` stored; its receiver answers with `answer`."""
    answers = {} if answer is None else {"answer": [answer if isinstance(answer, str) else {"status": answer}]}
    instance = {"class": sop_class, "SOPInstanceUID": f"1.2.3.{number}", **answers, **more}
    return {"status": 0xFF00, "instance": instance}


def script(pair: Pair, service: str, count: Any, *steps: Any) -> list[Any]:
    """The script of either service; a C-MOVE goes to the asker's server."""
    destination = [{"to": pair.third}] if service == "move" else []
    return [*destination, {"yield": count}, *steps]


def retrieve(pair: Pair, service: str, count: Any, *steps: Any, **arguments: Any) -> dict[str, Any]:
    """Retrieve by Study Root what `steps` give."""
    arguments = {"storage": [CT], "keys": KEYS, **arguments} if service == "get" else {"keys": KEYS, **arguments}
    return pair.ask(
        service, f"StudyRoot{BASE}{service.capitalize()}", script(pair, service, count, *steps), **arguments
    )


def counted(status: int, *counters: int) -> dict[str, int]:
    """A status with counters: remaining (absent with a final status), completed, failed, warning."""
    names = (
        ("Completed", "Failed", "Warning") if len(counters) == 3 else ("Remaining", "Completed", "Failed", "Warning")
    )
    return {
        "Status": status,
        **{f"NumberOf{name}Suboperations": n for name, n in zip(names, counters, strict=bool(counters))},
    }


@pytest.mark.parametrize(("service", "model", "first", "second"), CASES)
def test_all_are_stored(pair: Pair, service: str, model: str, first: str, second: str) -> None:
    steps = [store(1, sop_class=first, PatientID="P1", bulk=True), store(2, sop_class=second, PatientID="P1")]
    result = pair.ask(
        service,
        model,
        script(pair, service, 2, *steps),
        keys=KEYS,
        msg_id=77,
        priority=1,
        storage=sorted({first, second}),
        destination="THIRD AE",
    )
    assert [(said(r), r[1]) for r in result["responses"]] == [
        (counted(0xFF00, 1, 1, 0, 0), None),
        (counted(0xFF00, 0, 2, 0, 0), None),
        (counted(0x0000, 2, 0, 0), None),
    ]
    assert result["end"] == "released"

    (asked,) = pair.provider.call("take")
    assert asked.pop("sop_class").startswith("1.2.840.10008.5.1.4.")
    destination = {"destination": "THIRD AE"} if service == "move" else {}
    assert asked == {"service": service, "message_id": 77, "priority": 1, "identifier": KEYS, **destination}

    stored = pair.user.call("take")
    assert [s["uid"] for s in stored] == ["1.2.3.1", "1.2.3.2"]
    originator: list[Any] = [None, None]
    if service == "move":
        # pynetdicom gives its own title; by PS3.7 section 9.1.1.1.7 it is that of who asked for the C-MOVE
        originator = ["PYNETDICOM", 77]
    assert [s["originator"] for s in stored] == [originator] * 2
    assert all(s["message_id"] != 77 or service == "move" for s in stored)
    bulk = {"PixelData", "EncapsulatedDocument", "OverlayData"} & set(stored[0]["elements"])
    assert "PatientID" in stored[0]["elements"]
    if "WithoutBulkData" in model:
        assert bulk == set()
    else:
        assert {"PixelData", "EncapsulatedDocument"} <= bulk


GO = (0xFF00, 2, 1, 0, 0)  # after the first of three
LIST = "FailedSOPInstanceUIDList"
OTHERS = {"status": 0xC000, "match": {LIST: ["9.9", "9.8"]}}
COMMENT = {"Status": 0xA702, "ErrorComment": "disk full", "OffendingElement": 0x00100010}
# number, steps, the responses' statuses and counters, the failed list at the end
OUTCOMES: dict[str, tuple[Any, list[Any], list[tuple[int, ...]], Any]] = {
    "there is nothing": (0, [], [(0x0000, 0, 0, 0)], None),
    "a failure": (
        3,
        [store(1), store(2, 0xA700), store(3)],
        [GO, (0xFF00, 1, 1, 1, 0), (0xFF00, 0, 2, 1, 0), (0xB000, 2, 1, 0)],
        "1.2.3.2",
    ),
    "a warning": (
        2,
        [store(1), store(2, 0xB006)],
        [(0xFF00, 1, 1, 0, 0), (0xFF00, 0, 1, 0, 1), (0xB000, 1, 0, 1)],
        "",
    ),
    "only a warning": (1, [store(1, 0xB007)], [(0xFF00, 0, 0, 0, 1), (0xB000, 0, 0, 1)], ""),
    "a failure and a warning": (
        2,
        [store(1, 0xA900), store(2, 0xB000)],
        [(0xFF00, 1, 0, 1, 0), (0xFF00, 0, 0, 1, 1), (0xB000, 0, 1, 1)],
        "1.2.3.1",
    ),
    "all fail": (
        2,
        [store(1, 0xA700), store(2, 0xC000)],
        [(0xFF00, 1, 0, 1, 0), (0xFF00, 0, 0, 2, 0), (0xA702, 0, 2, 0)],
        ["1.2.3.1", "1.2.3.2"],
    ),
    "a receiver's handler raises": (
        2,
        [store(1, "raise"), store(2)],
        [(0xFF00, 1, 0, 1, 0), (0xFF00, 0, 1, 1, 0), (0xB000, 1, 1, 0)],
        "1.2.3.1",
    ),
    "an object without UID": (
        2,
        [{"status": 0xFF00, "instance": {"class": CT, "PatientID": "P1"}}, store(2)],
        [(0xFF00, 1, 0, 1, 0), (0xFF00, 0, 1, 1, 0), (0xB000, 1, 1, 0)],
        "",
    ),
    "more than announced": (1, [store(1), store(2)], [(0xFF00, 0, 1, 0, 0), (0x0000, 1, 0, 0)], None),
    "fewer than announced": (3, [store(1)], [GO, (0x0000, 1, 0, 0)], None),
    "nothing of what was announced": (2, [], [(0x0000, 0, 0, 0)], None),
    "the handler gives up": (3, [store(1), {"status": 0xA701}], [GO, (0xA701, 1, 2, 0)], ""),
    "with its own list": (3, [store(1), OTHERS], [GO, (0xC000, 1, 2, 0)], ["9.9", "9.8"]),
    "the handler warns": (3, [store(1), {"status": 0xB000}], [GO, (0xB000, 1, 2, 0)], ""),
    "the handler is content": (3, [store(1), {"status": 0x0000}], [GO, (0x0000, 1, 0, 0)], None),
    "content despite a failure": (
        3,
        [store(1, 0xA700), {"status": 0x0000}],
        [(0xFF00, 2, 0, 1, 0), (0xB000, 0, 1, 0)],
        "1.2.3.1",
    ),
    "cancel without a C-CANCEL": (3, [store(1), {"status": 0xFE00}], [GO, (0xFE00, 2, 1, 0, 0)], ""),
    "a status without Status": (3, [store(1), {"status": {"ErrorComment": "?"}}], [GO, (0xC001, 1, 2, 0)], ""),
    "a status of another type": (3, [store(1), {"status": "fine"}], [GO, (0xC002, 1, 2, 0)], ""),
}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("name", OUTCOMES)
def test_outcome(pair: Pair, name: str, service: str) -> None:
    count, steps, statuses, failed = OUTCOMES[name]
    result = retrieve(pair, service, count, *steps)
    assert [said(r) for r in result["responses"]] == [counted(*status) for status in statuses]
    assert [r[1] for r in result["responses"][:-1]] == [None] * (len(statuses) - 1)
    assert result["responses"][-1][1] == (None if failed is None else {LIST: failed})
    assert result["end"] == "released"


@pytest.mark.parametrize("service", SERVICES)
def test_failure_with_comment(pair: Pair, service: str) -> None:
    final = retrieve(pair, service, 3, store(1), {"status": COMMENT})["responses"][-1]
    assert said(final) == {**counted(0xA702, 1, 2, 0), **COMMENT}


@pytest.mark.parametrize("service", SERVICES)
def test_status_that_nobody_knows_ends_it(pair: Pair, service: str) -> None:
    responses = retrieve(pair, service, 2, {"status": 0x3333}, store(1))["responses"]
    assert [r[0]["Status"] for r in responses] == [0x3333]


@pytest.mark.parametrize("service", SERVICES)
def test_something_that_is_no_data_set_has_failed(pair: Pair, service: str) -> None:
    final = retrieve(pair, service, 2, {"yield": [0xFF00, "a text"]}, store(2))["responses"][-1]
    # what pending responses call remaining differs: pynetdicom never counts it off
    assert (said(final), final[1]) == (counted(0xB000, 1, 1, 0), {LIST: ""})


@pytest.mark.parametrize("service", SERVICES)
def test_handler_that_says_nonsense(pair: Pair, service: str) -> None:
    codes = {"get": (0xC413, 0xC416), "move": (0xC513, 0xC516)}[service]
    for count, code in zip(("many", 65536), codes, strict=True):
        assert [r[0]["Status"] for r in retrieve(pair, service, count, store(1))["responses"]] == [code]
    model = f"StudyRoot{BASE}{service.capitalize()}"
    code = {"get": 0xC413, "move": 0xC514}[service]
    assert [r[0]["Status"] for r in pair.ask(service, model, None)["responses"]] == [code]
    assert [r[0]["Status"] for r in pair.ask(service, model, [])["responses"]] == [code]
    assert [r[0]["Status"] for r in pair.ask(service, model, ["raise"])["responses"]] == [code]
    if service == "move":
        assert [r[0]["Status"] for r in pair.ask(service, model, [{"to": pair.third}])["responses"]] == [0xC513]
    assert pair.user.call("take") == []


@pytest.mark.parametrize("service", SERVICES)
def test_cancel(pair: Pair, service: str) -> None:
    steps = [store(1), "await cancel", {"status": 0xFE00}]
    result = retrieve(pair, service, 4, *steps, msg_id=300, cancel_after=1)
    assert [(said(r), r[1]) for r in result["responses"]] == [
        (counted(0xFF00, 3, 1, 0, 0), None),
        (counted(0xFE00, 3, 1, 0, 0), {LIST: ""}),
    ]
    assert result["end"] == "released"


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("steps", [["abort"], [store(1), "abort"]])
def test_abort_gives_an_empty_status_once(pair: Pair, service: str, steps: list[Any]) -> None:
    result = retrieve(pair, service, 2, *steps)
    assert [r[0].get("Status") for r in result["responses"]] == [0xFF00] * (len(steps) - 1) + [None]
    assert result["responses"][-1] == [{}, None]
    assert result["end"] == "aborted"


@pytest.mark.parametrize("service", SERVICES)
def test_timeout_gives_an_empty_status_and_aborts(pair: Pair, service: str) -> None:
    result = retrieve(pair, service, 2, store(1), "hold", timeout=0.3)
    pair.provider.call("let_go")
    assert [r[0].get("Status") for r in result["responses"]] == [0xFF00, None]
    assert result["responses"][-1] == [{}, None]
    assert result["end"] == "aborted"


@pytest.mark.parametrize("service", SERVICES)
def test_handler_that_raises_in_the_middle(pair: Pair, service: str) -> None:
    """What was stored has been stored: the final response has to say so."""
    result = retrieve(pair, service, 2, store(1), "raise")
    code = {"get": 0xC411, "move": 0xC511}[service]
    assert [(said(r), r[1]) for r in result["responses"]] == [
        (counted(0xFF00, 1, 1, 0, 0), None),
        (counted(code, 1, 1, 0), {LIST: ""}),
    ]


@pytest.mark.parametrize("roles", [[False, True], [True, True]])
def test_get_with_role_selection(pair: Pair, roles: list[bool]) -> None:
    result = retrieve(pair, "get", 1, store(1), roles=roles)
    assert said(result["responses"][-1]) == counted(0x0000, 1, 0, 0)


@pytest.mark.parametrize(
    "arguments",
    [{"roles": []}, {"roles": [True, False]}, {"receive": False}, {"storage": [MR]}],
    ids=["no roles", "the wrong role", "no handler", "another class"],
)
def test_get_that_cannot_store(pair: Pair, arguments: dict[str, Any]) -> None:
    result = retrieve(pair, "get", 2, store(1), store(2), **arguments)
    assert [(said(r), r[1]) for r in result["responses"]] == [
        (counted(0xFF00, 1, 0, 1, 0), None),
        (counted(0xFF00, 0, 0, 2, 0), None),
        (counted(0xA702, 0, 2, 0), {LIST: ["1.2.3.1", "1.2.3.2"]}),
    ]
    assert result["end"] == "released"
    assert pair.user.call("take") == []


def _move(pair: Pair, *steps: Any) -> list[list[Any]]:
    responses: list[list[Any]] = pair.ask("move", f"StudyRoot{BASE}Move", list(steps))["responses"]
    return responses


def test_move_to_an_unknown_destination(pair: Pair, free_port: int) -> None:
    for destination in (None, free_port):
        (response,) = _move(pair, {"to": destination}, {"yield": 1}, store(1))
        assert response[0]["Status"] == 0xA801
        assert response[1] == {}


@pytest.mark.parametrize("value", [["127.0.0.1"], "nowhere", 5])
def test_move_to_a_destination_that_is_none(pair: Pair, value: Any) -> None:
    assert [r[0]["Status"] for r in _move(pair, {"yield": value}, {"yield": 1}, store(1))] == [0xC515]


def test_move_to_a_destination_that_has_no_handler(pair: Pair) -> None:
    responses = _move(pair, {"to": pair.bare}, {"yield": 1}, store(1))
    assert [said(r) for r in responses] == [counted(0xFF00, 0, 0, 1, 0), counted(0xA702, 0, 1, 0)]
    assert responses[-1][1] == {LIST: "1.2.3.1"}


def test_move_of_a_class_that_the_destination_does_not_take(pair: Pair) -> None:
    other = store(1, sop_class="XRayAngiographicImageStorage")
    responses = _move(pair, {"to": pair.third}, {"yield": 2}, other, store(2))
    assert [said(r) for r in responses] == [
        counted(0xFF00, 1, 0, 1, 0),
        counted(0xFF00, 0, 1, 1, 0),
        counted(0xB000, 1, 1, 0),
    ]
    assert responses[-1][1] == {LIST: "1.2.3.1"}
