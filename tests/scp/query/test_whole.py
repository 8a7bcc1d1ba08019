"""Queries over data sets held as a whole: the two ways to their texts agree, supported trees, answers of their own."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from workstation.scp.answers.worklist_samples import sample_worklist
from workstation.scp.kept import text_of
from workstation.scp.query.levels import WrongIdentifierError
from workstation.scp.query.whole import (
    Attributes,
    attributes_tree,
    check_whole,
    choose_character_set,
    texts_of_data_set,
    texts_of_json,
)

ITEMS = sample_worklist(date(2026, 7, 5))


def make(**values: object) -> Dataset:
    data_set = Dataset()
    for keyword, value in values.items():
        setattr(data_set, keyword, value)
    return data_set


def matches(identifier: Dataset, data_set: Dataset, **options: bool) -> bool:
    request = check_whole(identifier, **options)
    texts = texts_of_data_set(data_set)
    assert request.matches(texts) == request.matches(texts_of_json(json.loads(text_of(data_set))))
    return request.matches(texts)


@pytest.mark.parametrize("item", ITEMS)
def test_texts_are_the_same_from_a_data_set_and_from_json(item: Dataset) -> None:
    assert texts_of_json(json.loads(text_of(item))) == texts_of_data_set(item)
    assert texts_of_json(item.to_json_dict()).values.keys() == texts_of_data_set(item).values.keys()


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["PatientName", "OtherPatientNames", "PatientID", "PatientComments", "OtherPatientIDs"]),
        st.text(st.sampled_from("aB =^\\*?1é"), max_size=12),
    )
)
def test_any_texts_are(values: dict[str, str]) -> None:
    item = make(**values)
    assert texts_of_json(json.loads(text_of(item))) == texts_of_data_set(item)


def test_only_supported_attributes_are_looked_at_and_told() -> None:
    tree = attributes_tree({"PatientID": None, "ScheduledProcedureStepSequence": {"Modality": None}})
    item = ITEMS[0]
    texts = texts_of_json(json.loads(text_of(item)), tree)
    assert texts.values == {0x00100020: ("DW-0001",)}
    assert [list(one.values) for one in texts.items[0x00400100]] == [[0x00080060]]

    def asked(attributes: Attributes | None, **values: object) -> tuple[bool, int]:
        request = check_whole(make(**values), attributes)
        return request.matches(texts_of_data_set(item)), request.pending

    assert asked(tree, PatientID="DW-0001") == (True, 0xFF00)
    assert asked(tree, PatientID="other") == (False, 0xFF00)
    assert asked(tree, PatientID="", PatientSex="M") == (True, 0xFF01)
    assert asked(None, PatientID="", PatientSex="M") == (False, 0xFF00)
    in_step = Sequence([make(Modality="CR", ScheduledProcedureStepLocation="nowhere")])
    assert asked(tree, ScheduledProcedureStepSequence=in_step) == (True, 0xFF01)
    assert asked(None, ScheduledProcedureStepSequence=in_step) == (False, 0xFF00)


def test_all_keys_of_a_sequence_match_in_one_item() -> None:
    item = make(
        RequestedProcedureCodeSequence=[
            make(CodeValue="A", CodingSchemeDesignator="X"),
            make(CodeValue="B", CodingSchemeDesignator="Y"),
        ]
    )
    for value, scheme, expected in (("A", "X", True), ("B", "Y", True), ("A", "Y", False), ("", "Y", True)):
        code = make(CodeValue=value, CodingSchemeDesignator=scheme)
        assert matches(make(RequestedProcedureCodeSequence=[code]), item) is expected
    assert matches(make(RequestedProcedureCodeSequence=[]), Dataset())
    assert matches(make(RequestedProcedureCodeSequence=[Dataset()]), Dataset())
    assert not matches(make(RequestedProcedureCodeSequence=[make(CodeValue="A")]), Dataset())


def test_dates_and_times_in_a_sequence_are_one_range_if_agreed() -> None:
    step = make(ScheduledProcedureStepStartDate="20260706", ScheduledProcedureStepStartTime="0900")
    item = make(ScheduledProcedureStepSequence=[step])
    key = make(ScheduledProcedureStepStartDate="20260705-20260707", ScheduledProcedureStepStartTime="1000-1800")
    identifier = make(ScheduledProcedureStepSequence=[key])
    assert matches(identifier, item, combined_date_time=True)
    assert not matches(identifier, item)
    del step.ScheduledProcedureStepStartTime
    assert not matches(identifier, item, combined_date_time=True)


def test_keys_without_meaning_are_told_with_their_status() -> None:
    for wrong in (make(PatientBirthDate="soon"), make(ReferencedStudySequence=[Dataset(), Dataset()])):
        with pytest.raises(WrongIdentifierError) as caught:
            check_whole(wrong)
        assert caught.value.status == 0xA900


def test_what_is_asked() -> None:
    request = check_whole(make(PatientID="", ScheduledProcedureStepSequence=[make(Modality="")]))
    assert request.asks("PatientID")
    assert request.asks("ScheduledProcedureStepSequence", "Modality")
    assert not request.asks("ScheduledProcedureStepSequence", "ScheduledProcedureStepID")
    assert not request.asks("ReferencedStudySequence", "Modality")


def test_an_answer_is_nobodys_but_the_askers() -> None:
    item = deepcopy(ITEMS[3])
    before = deepcopy(item)
    identifier = make(PatientName="", RequestedProcedureCodeSequence=[], ScheduledProcedureStepSequence=[Dataset()])
    answer = check_whole(identifier).answer(item)
    answer.PatientName = "changed"
    answer.RequestedProcedureCodeSequence[0].CodeValue = "changed"
    answer.ScheduledProcedureStepSequence[0].Modality = "changed"
    assert item == before
    assert identifier.PatientName == ""


def test_half_a_character_does_not_stop_the_answers() -> None:
    item = make(PatientName="Doe\ud800^Jane", PatientComments="x\udfff")
    answer = check_whole(make(PatientName="", PatientComments="")).answer(item)
    assert answer.PatientName == "Doe?^Jane"
    assert answer.PatientComments == "x?"


def test_a_sequence_and_a_value_under_one_tag_do_not_meet() -> None:
    identifier = make(PatientID="1")
    answer = check_whole(identifier).answer(Dataset())
    assert answer.PatientID == ""
    wrong = Dataset()
    wrong.add_new(0x00100020, "SQ", [make(PatientID="1")])
    assert not check_whole(identifier).matches(texts_of_data_set(wrong))
    assert check_whole(identifier).answer(wrong).PatientID == ""
    with pytest.raises(WrongIdentifierError):
        check_whole(wrong)


@pytest.mark.parametrize(
    ("text", "models", "expected"),
    [
        ("plain", [], None),
        ("plain", ["ISO_IR 100"], "ISO_IR 100"),
        ("plain", ["", "ISO_IR 100"], None),
        ("né", ["", "ISO_IR 100"], "ISO_IR 100"),
        ("né", [], "ISO_IR 192"),
        ("né", ["ISO_IR 6"], "ISO_IR 192"),
        ("né", ["nonsense", "ISO_IR 192"], "ISO_IR 192"),
        ("ｱ", ["ISO_IR 13"], "ISO_IR 13"),
    ],
)
def test_the_character_set(text: str, models: list[str], expected: str | None) -> None:
    answer = make(PatientComments=text, SpecificCharacterSet="GB18030")
    choose_character_set(answer, *(make(SpecificCharacterSet=one) if one else Dataset() for one in models))
    assert answer.get("SpecificCharacterSet") == expected
