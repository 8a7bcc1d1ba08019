"""Data sets as text: there and back again, and what is wrong with a text in words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from workstation.scp.data_set_text import LONGEST, from_text, to_text

STRAY = "Line 2: it stands neither below a sequence nor beside the elements above."

WORKLIST = """\
AccessionNumber = A1
0009,0010 LO = ACME
0009,1001 US = 1\\2
0009,1002 UN = 00 ff
PatientName = Doe^Jane
PatientID = 4711
RequestedContrastAgent =
ScheduledProcedureStepSequence =
  - ScheduledProcedureStepStartDate = 20260131
    ScheduledProtocolCodeSequence =
      - CodeValue = 1
        CodeMeaning = One = two
      - CodeValue = 2
  -
  - Modality = MR
---
PatientName = Roe^Richard
PatientComments =  two␊lines \\ one value
"""


def test_a_text_becomes_data_sets_and_the_same_text_again() -> None:
    first, second = from_text(WORKLIST)
    assert (str(first.PatientName), first.RequestedContrastAgent) == ("Doe^Jane", "")
    assert (first[0x00091001].value, first[0x00091002].value) == ([1, 2], b"\x00\xff")
    steps = first.ScheduledProcedureStepSequence
    assert [len(step) for step in steps] == [2, 0, 1]
    assert steps[0].ScheduledProtocolCodeSequence[0].CodeMeaning == "One = two"
    assert second.PatientComments == " two\nlines \\ one value"
    assert to_text([first, second]) == WORKLIST


def test_json_is_understood() -> None:
    (one,) = from_text(' {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]}}')
    assert str(one.PatientName) == "Doe^Jane"
    assert len(from_text(f"[{one.to_json()}, {one.to_json()}]")) == 2


def test_texts_beyond_ascii_say_their_character_set() -> None:
    (one,) = from_text("PatientName = Grün^Anna")
    assert one.SpecificCharacterSet == "ISO_IR 192"
    (one,) = from_text("SpecificCharacterSet = ISO_IR 100\nPatientName = Grün^Anna")
    assert one.SpecificCharacterSet == "ISO_IR 100"
    (one,) = from_text("RequestAttributesSequence =\n  - RequestedProcedureDescription = Müde")
    assert one.SpecificCharacterSet == "ISO_IR 192"
    assert "SpecificCharacterSet" not in from_text("PatientName = Gruen")[0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("\nPatientNam = x", "Line 2: 'PatientNam' is no keyword of an element, and no tag like 0010,0020."),
        ("PatientName", "Line 1: PatientName has no value: write PatientName = and the value, or nothing after it."),
        ("0009,1001 = 1", "Line 1: the dictionary does not know 0009,1001: write its VR behind it, as 0009,1001 LO =."),
        ("0009,1001 XX = 1", "Line 1: there is no VR XX."),
        ("Rows = many", "Line 1: Rows is 'many', which is no whole number."),
        ("Rows = 65536", "Line 1: Rows is 65536: a US is from 0 to 65535."),
        ("InstanceNumber = 1.5", "Line 1: InstanceNumber is '1.5', which is no whole number."),
        ("SliceThickness = thin", "Line 1: SliceThickness is 'thin', which is no number."),
        ("PixelData OB = xy", "Line 1: write the bytes of PixelData as hexadecimal digits."),
        ("PatientID = 1\nPatientID = 2", "Line 2: PatientID is there twice."),
        ("RequestAttributesSequence = 5", "Line 1: RequestAttributesSequence is a sequence: its items stand below it."),
        ("PatientID = 1\n  PatientName = x", STRAY),
        ("PatientID = 1\n  - PatientName = x", STRAY),
        ("RequestAttributesSequence =\n - - Rows = 1", "Line 2: an item begins with an element, not with an item."),
        ("\tPatientID = 1", "Line 1: indent with spaces, not with tabs."),
        ("TransferSyntaxUID = 1.2", "Line 1: TransferSyntaxUID does not belong into a data set."),
        ("{nonsense", "Line 1: this is no JSON: Expecting property name enclosed in double quotes."),
        ("[" * 100_000, "This JSON has too many levels."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the sentence is compared below
        from_text(text)
    assert str(raised.value) == sentence


def test_more_than_an_answer_carries_is_said() -> None:
    with pytest.raises(ValueError, match="These are 2 data sets, and the answer can carry 1"):
        from_text("PatientID = 1\n---\nPatientID = 2", most=1)
    assert from_text(" \n", most=0) == []


def test_what_is_too_much_is_said() -> None:
    big = Dataset()
    big.add_new(0x00091001, "OB", bytes(LONGEST))
    with pytest.raises(ValueError, match="more than 1,048,576 characters"):
        to_text([big])
    with pytest.raises(ValueError, match="more than"):
        from_text("#" * (LONGEST + 1))


# Whatever characters: a line break or a control character within a value is none that a line can hold.
texts = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="\\=␊␍␌^"), min_size=1, max_size=12)


@st.composite
def data_sets(draw: st.DrawFn, depth: int = 0) -> Dataset:
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    if draw(st.booleans()):
        made.PatientName = draw(texts)
    if draw(st.booleans()):
        made.OtherPatientNames = draw(st.lists(texts, min_size=2, max_size=3))
    if draw(st.booleans()):
        made.Rows = draw(st.integers(0, 65535))
    if draw(st.booleans()):
        made.PatientComments = draw(texts) + "\r\n\\" + draw(texts)
    if draw(st.booleans()):
        made.add_new(0x00091001, "OB", draw(st.binary(max_size=8)))
    if draw(st.booleans()):
        made.add_new(0x00091002, "FD", draw(st.floats(allow_nan=False)))
    if draw(st.booleans()):
        made.add_new(0x00720026, "AT", draw(st.lists(st.sampled_from([0x00100010, 0x7FE00010]), min_size=1)))
    if depth < 3 and draw(st.booleans()):
        made.RequestAttributesSequence = draw(st.lists(data_sets(depth + 1), max_size=2))
    return made


@settings(max_examples=100, deadline=None)
@given(st.lists(data_sets(), min_size=1, max_size=3))
def test_data_sets_survive_being_written_and_read(given_sets: list[Dataset]) -> None:
    text = to_text(given_sets)
    read = from_text(text)
    assert [one.to_json_dict() for one in read] == [one.to_json_dict() for one in given_sets]
    assert to_text(read) == text


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(
            st.tuples(
                st.sampled_from(["", " ", "  - ", "    ", "- "]),
                st.sampled_from(["PatientID", "Rows", "RequestAttributesSequence", "0009,0010 LO", "---", "-", "x"]),
                st.sampled_from(["", " =", " = 5", " = a\\b", "=x"]),
            ),
            max_size=6,
        ).map(lambda parts: "\n".join("".join(part) for part in parts)),
    )
)
def test_any_text_is_data_sets_or_a_sentence(text: str) -> None:
    try:
        found = from_text(text)
    except ValueError as error:
        assert str(error).endswith((".", "}"))  # noqa: PT017 - any other exception is the failure looked for
    else:
        assert all(isinstance(one, Dataset) for one in found)
