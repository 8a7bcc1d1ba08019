"""Checks of identifiers: what is accepted, and the status and sentence for what is not."""

import pytest
from pydicom.dataset import Dataset

from workstation.scp.query.levels import Level, Model, WrongIdentifierError, check_find, check_retrieve

PATIENT, STUDY = Model.PATIENT_ROOT, Model.STUDY_ROOT


def identifier(level: str | None, **keys: object) -> Dataset:
    result = Dataset()
    if level is not None:
        result.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(result, keyword, value)
    return result


@pytest.mark.parametrize(
    ("model", "level", "keys"),
    [
        (PATIENT, "PATIENT", {}),
        (PATIENT, "PATIENT", {"PatientID": "*", "PatientName": "D*"}),
        (PATIENT, "STUDY", {"PatientID": "1", "StudyInstanceUID": "1.2\\1.3"}),
        (PATIENT, "SERIES", {"PatientID": "1", "StudyInstanceUID": "1.2"}),
        (PATIENT, "IMAGE", {"PatientID": "1", "StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.3"}),
        (STUDY, "STUDY", {"PatientName": "D*"}),
        (STUDY, "series ", {"StudyInstanceUID": "1.2"}),
        (STUDY, "IMAGE", {"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.3"}),
        (Model.PATIENT_STUDY_ONLY, "STUDY", {"PatientID": "1"}),
    ],
)
def test_find_is_accepted(model: Model, level: str, keys: dict[str, str]) -> None:
    assert check_find(model, identifier(level, **keys)).level is Level(level.strip().upper())


@pytest.mark.parametrize(
    ("model", "level", "keys", "comment"),
    [
        (PATIENT, None, {}, "Level .* is missing"),
        (PATIENT, "", {}, "Level .* is missing"),
        (PATIENT, "FRAME", {}, "not a level of the Patient Root"),
        (STUDY, "PATIENT", {}, "not a level of the Study Root"),
        (Model.PATIENT_STUDY_ONLY, "SERIES", {}, "not a level of the Patient/Study Only"),
        (PATIENT, "STUDY", {}, "PatientID is needed"),
        (PATIENT, "STUDY", {"PatientID": "1*"}, "PatientID takes one value"),
        (STUDY, "SERIES", {"StudyInstanceUID": ""}, "StudyInstanceUID is needed"),
        (STUDY, "SERIES", {"StudyInstanceUID": ["1.2", "1.3"]}, "StudyInstanceUID takes one value"),
        (STUDY, "IMAGE", {"StudyInstanceUID": "1.2"}, "SeriesInstanceUID is needed"),
        (STUDY, "STUDY", {"StudyDate": "2024"}, "StudyDate: '2024' is neither"),
    ],
)
def test_find_is_refused(model: Model, level: str | None, keys: dict[str, object], comment: str) -> None:
    with pytest.raises(WrongIdentifierError, match=comment) as caught:
        check_find(model, identifier(level, **keys))
    assert caught.value.status == 0xA900
    assert len(str(caught.value)) <= 64


def test_relational_queries_need_no_keys_above() -> None:
    request = check_find(STUDY, identifier("IMAGE", PatientID="1*", SOPInstanceUID=""), relational=True)
    assert request.levels == (Level.PATIENT, Level.STUDY, Level.SERIES, Level.IMAGE)


def test_keys_that_cannot_be_matched_are_asked_for_but_unsupported() -> None:
    keys = identifier("STUDY", StudyInstanceUID="", Modality="CT", PatientSize="", Allergies="nuts", PatientName="A*")
    keys.add_new(0x00091001, "LO", "private")
    keys.add_new(0x00200000, "UL", 1)
    request = check_find(STUDY, keys)
    assert request.unsupported == {0x00080060, 0x00091001, 0x00102110}
    assert set(request.asked) == request.unsupported | {0x00100010, 0x00101020, 0x0020000D}
    assert set(request.query.keys) == {0x00100010, 0x00101020, 0x0020000D}


def test_retrieve_takes_unique_keys_and_passes_over_the_rest() -> None:
    request = check_retrieve(
        STUDY, identifier("IMAGE", StudyInstanceUID="1.2", SeriesInstanceUID="1.3", SOPInstanceUID=["1", "2"], Rows=5)
    )
    assert request.uids == {
        Level.STUDY: {"1.2"},
        Level.SERIES: {"1.3"},
        Level.IMAGE: {"1", "2"},
    }


@pytest.mark.parametrize(
    ("model", "level", "keys", "comment"),
    [
        (PATIENT, "PATIENT", {}, "PatientID is needed"),
        (PATIENT, "PATIENT", {"PatientID": ["1", "2"]}, "PatientID takes one value"),
        (PATIENT, "PATIENT", {"PatientID": "*"}, "wild cards"),
        (STUDY, "STUDY", {"StudyInstanceUID": ""}, "StudyInstanceUID is needed"),
        (STUDY, "SERIES", {"SeriesInstanceUID": "1"}, "StudyInstanceUID is needed"),
        (STUDY, "SERIES", {"StudyInstanceUID": ["1", "2"], "SeriesInstanceUID": "1"}, "takes one value"),
        (STUDY, "WORD", {}, "not a level"),
    ],
)
def test_retrieve_is_refused(model: Model, level: str, keys: dict[str, object], comment: str) -> None:
    with pytest.raises(WrongIdentifierError, match=comment):
        check_retrieve(model, identifier(level, **keys))


def test_relational_retrieve_needs_only_its_own_level() -> None:
    request = check_retrieve(STUDY, identifier("SERIES", SeriesInstanceUID="1"), relational=True)
    assert request.uids == {Level.SERIES: {"1"}}
