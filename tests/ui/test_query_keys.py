"""Keys of a query: what may be typed, what is sent."""

from __future__ import annotations

from datetime import date

import pytest

from workstation.ui.dialogs.query_keys import (
    Level,
    Root,
    attribute,
    build_identifier,
    check_key,
    date_presets,
    is_empty_query,
    keys_above,
    levels_of,
    normalise,
    searchable_attributes,
)


@pytest.mark.parametrize(
    ("vr", "typed", "sent"),
    [
        ("DA", "2026-01-31", "20260131"),
        ("DA", "2026-1-3", "20260103"),
        ("DA", "2026-01-01 - 2026-01-31", "20260101-20260131"),
        ("DA", "20260101..20260131", "20260101-20260131"),
        ("DA", "2026-01-01 to 2026-01-31", "20260101-20260131"),
        ("DA", "-20260131", "-20260131"),
        ("DA", "20260101-", "20260101-"),
        ("TM", "14:30", "1430"),
        ("TM", "08:00-12:00", "0800-1200"),
        ("UI", "1.2.3, 1.2.4", "1.2.3\\1.2.4"),
        ("CS", "ct, mr", "CT\\MR"),
        ("PN", "  Doe^J*  ", "Doe^J*"),
        ("LO", "a-b to c", "a-b to c"),
    ],
)
def test_what_is_typed_becomes_what_dicom_wants(vr, typed, sent):
    assert normalise(vr, typed) == sent
    assert check_key(vr, typed) == ""


@pytest.mark.parametrize(
    ("vr", "typed", "sentence"),
    [
        ("DA", "2026-13-01", "no date 2026-13-01"),
        ("DA", "yesterday", "Write 2026-01-31"),
        ("DA", "20260131-20260101", "ends before it begins"),
        ("DA", "-", "at least one end"),
        ("DA", "202601*", "No wild cards"),
        ("TM", "25", "no time of day"),
        ("UI", "1.2.x", "digits and dots"),
        ("UI", "1." * 40 + "1", "at most 64"),
        ("IS", "three", "whole number"),
        ("LO", "x" * 65, "At most 64 characters; this has 65"),
        ("PN", "x" * 64 + "=" + "y" * 65, "this has 65"),
        ("CS", "C/T", "capital letters"),
        ("SH", "a\tb\x07", "Control characters"),
        ("AS", "45Y", "045Y"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(vr, typed, sentence):
    assert sentence in check_key(vr, typed)


def test_identifier_has_level_typed_keys_universal_keys_and_keys_above():
    identifier = build_identifier(
        Level.SERIES,
        {"Modality": "ct", "SeriesNumber": ""},
        ("NumberOfSeriesRelatedInstances",),
        {"StudyInstanceUID": "1.2"},
    )
    assert identifier.QueryRetrieveLevel == "SERIES"
    assert identifier.Modality == "CT"
    assert identifier.StudyInstanceUID == "1.2"
    assert identifier.SeriesInstanceUID == ""
    assert "SeriesNumber" in identifier
    assert "NumberOfSeriesRelatedInstances" in identifier
    assert "SpecificCharacterSet" not in identifier


def test_text_beyond_ascii_names_its_character_set():
    identifier = build_identifier(Level.STUDY, {"PatientName": "Müller*"})
    assert identifier.SpecificCharacterSet == "ISO_IR 192"
    assert identifier.PatientName == "Müller*"


def test_numbers_are_numbers():
    identifier = build_identifier(Level.IMAGE, {"Rows": "512", "InstanceNumber": "3"})
    assert identifier.Rows == 512
    assert identifier.InstanceNumber == 3


def test_keys_above_follow_the_model():
    assert keys_above(Root.STUDY, Level.STUDY) == ()
    assert keys_above(Root.STUDY, Level.IMAGE) == ("StudyInstanceUID", "SeriesInstanceUID")
    assert keys_above(Root.PATIENT, Level.SERIES) == ("PatientID", "StudyInstanceUID")
    assert Level.PATIENT not in levels_of(Root.STUDY)
    assert Level.PATIENT in levels_of(Root.PATIENT)


@pytest.mark.parametrize(
    ("matches", "above", "empty"),
    [
        ({"PatientName": ""}, {}, True),
        ({"PatientName": "*"}, {}, True),
        ({"PatientName": "D*"}, {}, False),
        ({"PatientName": ""}, {"StudyInstanceUID": "1.2"}, False),
    ],
)
def test_a_query_for_everything_is_recognised(matches, above, empty):
    assert is_empty_query(matches, above) is empty


def test_date_presets_are_valid_ranges_that_end_today():
    presets = dict(date_presets(date(2026, 3, 4)))
    assert presets["Any date"] == ""
    assert presets["Today"] == "20260304"
    assert presets["Last 7 days"] == "20260226-20260304"
    assert presets["This week"] == "20260302-20260304"
    assert all(check_key("DA", value) == "" for value in presets.values())


def test_every_attribute_of_the_search_can_be_a_key():
    entries = searchable_attributes()
    assert len(entries) > 3000
    assert attribute("PatientBirthTime") in entries
    assert not {"SQ", "OB", "OW", "UN"} & {entry.vr for entry in entries}
    assert [entry.name for entry in entries] == sorted((entry.name for entry in entries), key=str.casefold)
