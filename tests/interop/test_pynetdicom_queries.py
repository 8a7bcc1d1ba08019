"""C-ECHO and C-FIND of every service class, in both roles against pynetdicom."""

from __future__ import annotations

from typing import Any

import pytest
from dimse_c_pair import Pair, said

CHARACTERS = {"SpecificCharacterSet": "ISO_IR 192"}
STUDY = {"QueryRetrieveLevel": "STUDY", "PatientID": "P1", "StudyInstanceUID": "1.2.3", "PatientName": "Ä^Wang"}
WORKLIST = {
    "PatientName": "Ä^Wang",
    "PatientID": "P1",
    "ScheduledProcedureStepSequence": [{"Modality": "CT", "ScheduledStationAETitle": "CT1"}],
}
PATIENT = {"PatientName": "Ä^Wang", "PatientID": "P1", "ContentTemplateSequence": [{"TemplateIdentifier": "9007"}]}
TEMPLATE = {"Manufacturer": "Maker", "ImplantName": "Hip", "ImplantPartNumber": "4711"}
FIND: dict[str, dict[str, Any]] = {
    "PatientRootQueryRetrieveInformationModelFind": STUDY,
    "StudyRootQueryRetrieveInformationModelFind": STUDY,
    "PatientStudyOnlyQueryRetrieveInformationModelFind": STUDY,
    "RepositoryQuery": STUDY,
    "ModalityWorklistInformationFind": WORKLIST,
    "GeneralRelevantPatientInformationQuery": PATIENT,
    "BreastImagingRelevantPatientInformationQuery": PATIENT,
    "CardiacRelevantPatientInformationQuery": PATIENT,
    "ProductCharacteristicsQuery": {"ProductPackageIdentifier": "4711", "ProductName": "Kontrastmittel"},
    "SubstanceApprovalQuery": {"PatientID": "P1", "SubstanceAdministrationDateTime": "20260101120000"},
    "HangingProtocolInformationModelFind": {"HangingProtocolName": "Chest", "HangingProtocolLevel": "SITE"},
    "ColorPaletteInformationModelFind": {"ContentLabel": "HOT_IRON", "ContentCreatorName": "Ä^Wang"},
    "GenericImplantTemplateInformationModelFind": TEMPLATE,
    "ImplantAssemblyTemplateInformationModelFind": {"ImplantAssemblyTemplateName": "Hip and cup"},
    "ImplantTemplateGroupInformationModelFind": {"ImplantTemplateGroupName": "Hips"},
    "DefinedProcedureProtocolInformationModelFind": {"PotentialScheduledProtocolCodeSequence": [{"CodeValue": "1"}]},
    "ProtocolApprovalInformationModelFind": {"ApprovalSequence": [{"AssertionUID": "1.2.3.4"}]},
    "InventoryFind": {"InventoryPurpose": "Migration", "ScopeOfInventorySequence": [{"PatientID": "P1"}]},
}
ONE_MATCH = tuple(name for name in FIND if "RelevantPatient" in name)
STUDY_ROOT = "StudyRootQueryRetrieveInformationModelFind"


def match(status: Any, **keys: Any) -> dict[str, Any]:
    return {"status": status, "match": keys}


@pytest.mark.parametrize("model", FIND)
def test_matches(pair: Pair, model: str) -> None:
    keys = {**CHARACTERS, **FIND[model]}
    other = {**keys, "RetrieveAETitle": "ELSEWHERE"}
    script = [match(0xFF00, **keys), match(0xFF01, **other)]
    result = pair.ask("find", model, script, keys=keys, msg_id=7, priority=1)
    expected = [({"Status": 0xFF00}, keys), ({"Status": 0xFF01}, other)]
    if model in ONE_MATCH:
        expected.pop()  # PS3.4 Table Q.4-1: there is one such patient
    assert [(said(r), r[1]) for r in result["responses"]] == [*expected, ({"Status": 0x0000}, None)]
    assert result["end"] == "released"
    (heard,) = pair.provider.call("take")
    uid = heard.pop("sop_class")
    assert uid.startswith("1.2.840.10008.5.1.4.")
    assert heard == {"service": "find", "message_id": 7, "priority": 1, "identifier": keys}


@pytest.mark.parametrize("model", FIND)
def test_failure(pair: Pair, model: str) -> None:
    failure = {"Status": 0xA900, "ErrorComment": "no such key", "OffendingElement": 0x00100010}
    responses = pair.ask("find", model, [{"status": failure}])["responses"]
    assert [(said(r), r[1]) for r in responses] == [(failure, None)]


@pytest.mark.parametrize("model", FIND)
def test_cancel(pair: Pair, model: str) -> None:
    script = [match(0xFF00, PatientID="1"), "await cancel", {"status": 0xFE00}]
    result = pair.ask("find", model, script, msg_id=65535, cancel_after=1)
    # the one match ends a query for relevant patient information, and the C-CANCEL comes too late
    final = 0x0000 if model in ONE_MATCH else 0xFE00
    assert [(said(r), r[1]) for r in result["responses"]] == [
        ({"Status": 0xFF00}, {"PatientID": "1"}),
        ({"Status": final}, None),
    ]
    assert result["end"] == "released"


ONE = match(0xFF00, PatientID="1")
OUTCOMES: dict[str, tuple[list[Any] | None, list[int]]] = {
    "the handler yields nothing": ([], [0x0000]),
    "the handler returns nothing": (None, [0x0000]),
    "success is yielded": ([{"status": 0x0000}], [0x0000]),
    "nothing comes after success": ([{"status": 0x0000}, ONE], [0x0000]),
    "cancel without a C-CANCEL": ([ONE, {"status": 0xFE00}], [0xFF00, 0xFE00]),
    "out of resources": ([ONE, {"status": 0xA700}], [0xFF00, 0xA700]),
    "a failure has no identifier": ([match(0xC000, PatientID="1")], [0xC000]),
    "SOP class not supported": ([{"status": 0x0122}], [0x0122]),
    "a status nobody knows": ([{"status": 0x3333}, ONE], [0x3333]),
    "a pending data set": ([match({"Status": 0xFF00}, PatientID="1")], [0xFF00, 0x0000]),
    "a data set without Status": ([{"status": {"ErrorComment": "?"}}], [0xC001]),
    "a status of another type": ([{"status": "fine"}], [0xC002]),
    "pending without identifier": ([{"status": 0xFF00}], [0xC312]),
    "an identifier that cannot be encoded": ([{"status": 0xFF00, "match": "unencodable"}], [0xC312]),
    "the handler raises": (["raise"], [0xC311]),
    "the handler raises later": ([ONE, "raise"], [0xFF00, 0xC311]),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_outcome(pair: Pair, name: str) -> None:
    script, codes = OUTCOMES[name]
    result = pair.ask("find", STUDY_ROOT, script)
    assert [r[0]["Status"] for r in result["responses"]] == codes
    assert [r[1] for r in result["responses"]] == [{"PatientID": "1"} if c == 0xFF00 else None for c in codes]
    assert result["end"] == "released"


def test_repository_query_refuses_a_prior_record_key(pair: Pair) -> None:
    status = {"Status": 0xA710, "ErrorComment": "no such record"}
    responses = pair.ask("find", "RepositoryQuery", [{"status": status}])["responses"]
    assert [(said(r), r[1]) for r in responses] == [(status, None)]


def test_repository_query_reaches_its_limit(pair: Pair) -> None:
    """By PS3.4 Table C.4-1 the warning is final; pynetdicom says Success after it, and waits for that."""
    script = [ONE, {"status": 0xB001}, {"status": 0x0000}]
    page = [({"Status": 0xFF00}, {"PatientID": "1"}), ({"Status": 0xB001}, None), ({"Status": 0x0000}, None)]
    # who reads all pages asks again and again: a late Success must neither end the next query nor the association
    result = pair.ask("find", "RepositoryQuery", script, times=20)
    assert [(said(r), r[1]) for r in result["responses"]] == page * 20
    assert result["end"] == "released"


@pytest.mark.parametrize(("script", "codes"), [(["abort"], [None]), ([ONE, "abort"], [0xFF00, None])])
def test_abort_gives_an_empty_status_once(pair: Pair, script: list[Any], codes: list[int | None]) -> None:
    result = pair.ask("find", STUDY_ROOT, script)
    assert [r[0].get("Status") for r in result["responses"]] == codes
    assert result["responses"][-1] == [{}, None]
    assert result["end"] == "aborted"


def test_timeout_gives_an_empty_status_and_aborts(pair: Pair) -> None:
    result = pair.ask("find", STUDY_ROOT, [ONE, "hold"], timeout=0.2)
    pair.provider.call("let_go")
    assert [r[0].get("Status") for r in result["responses"]] == [0xFF00, None]
    assert result["responses"][-1] == [{}, None]
    assert result["end"] == "aborted"


def test_the_server_goes_on_after_an_abort(pair: Pair) -> None:
    pair.ask("find", STUDY_ROOT, ["abort"])
    assert pair.ask("find", STUDY_ROOT, [])["responses"][-1][0]["Status"] == 0x0000


ECHOES: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "success": ([], {"Status": 0x0000}),
    "not authorised": ([{"status": 0x0124}], {"Status": 0x0124}),
    "with a comment": (
        [{"status": {"Status": 0x0122, "ErrorComment": "no"}}],
        {"Status": 0x0122, "ErrorComment": "no"},
    ),
    "a status nobody knows": ([{"status": 0x3333}], {"Status": 0x3333}),
    "the handler raises": (["raise"], {"Status": 0x0000}),
    "a data set without Status": ([{"status": {"ErrorComment": "?"}}], {"Status": 0x0000}),
    "a status of another type": ([{"status": "fine"}], {"Status": 0x0000}),
}


@pytest.mark.parametrize("name", ECHOES)
def test_echo(pair: Pair, name: str) -> None:
    script, status = ECHOES[name]
    pair.provider.call("answer_echo", script=script)
    result = pair.user.call("echo", number=pair.port, msg_id=11, times=3)
    assert [said([status]) for status in result["statuses"]] == [status] * 3
    assert result["end"] == "released"
    assert [heard["message_id"] for heard in pair.provider.call("take")] == [11, 12, 13]


@pytest.mark.parametrize("script", [["abort"], ["hold"]])
def test_echo_without_answer(pair: Pair, script: list[Any]) -> None:
    pair.provider.call("answer_echo", script=script)
    result = pair.user.call("echo", number=pair.port, timeout=0.2)
    pair.provider.call("let_go")
    assert result == {"statuses": [{}], "end": "aborted"}


def test_services_without_handler(pair: Pair) -> None:
    number = pair.bare
    base, storage = "StudyRootQueryRetrieveInformationModel", "CTImageStorage"
    codes = [pair.user.call("echo", number=number)["statuses"][0]["Status"]]
    instance = {"class": storage, "SOPInstanceUID": "1.2.3"}
    codes += [s["Status"] for s in pair.user.call("store", number=number, objects=[instance])["statuses"]]
    for service, model in (("find", base + "Find"), ("get", base + "Get"), ("move", base + "Move")):
        result = pair.user.call("ask", service=service, number=number, model=model, script=[], storage=[storage])
        codes += [r[0]["Status"] for r in result["responses"]]
    assert [hex(code) for code in codes] == ["0x0", "0xc211", "0xc311", "0xc411", "0xc511"]
