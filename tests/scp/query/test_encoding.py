"""Encoded answers are those that pydicom makes of the data set, byte for byte, whatever the index holds."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from scp_objects import BIG_ENDIAN, EXPLICIT, IMPLICIT

from workstation.net import dsutils
from workstation.scp.archive.extract import items_to_text
from workstation.scp.archive.search import shown
from workstation.scp.query.answer import build_answer
from workstation.scp.query.encoding import MOST_REMEMBERED, AnswerEncoder, ElementEncoder
from workstation.scp.query.levels import ATTRIBUTES, COMPUTED, VR_OF_TAG, FindRequest, Level, Model, check_find, tag_of

DEFLATED = "1.2.840.10008.1.2.1.99"
SYNTAXES = (EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED)
FILLED_IN = (DataElement(0x00080054, "AE", "WORKSTATION"), DataElement(0x00080056, "CS", "ONLINE"))
EVERYTHING = [keyword for table in (ATTRIBUTES, COMPUTED) for keywords in table.values() for keyword in keywords]
TAGS = st.sampled_from(sorted(VR_OF_TAG))


def request_for(*keywords: str, level: str = "IMAGE", **more: DataElement) -> FindRequest:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    for keyword in keywords:
        setattr(identifier, keyword, [] if VR_OF_TAG.get(tag_of(keyword)) == "SQ" else None)
    for element in more.values():
        identifier[element.tag] = element
    return check_find(Model.PATIENT_ROOT, identifier, relational=True)


def by_pydicom(request: FindRequest, row: Sequence[object], syntax: str) -> bytes | None:
    answer = build_answer(request, {tag: shown(tag, row[place]) for place, tag in enumerate(request.answered)})
    for element in FILLED_IN:
        answer[element.tag] = element
    return dsutils.encode_in(answer, syntax)


def items(*names: str) -> str:
    made = []
    for name in names:
        item = Dataset()
        item.CodeValue, item.CodeMeaning = "T-1", name
        made.append(item)
    return items_to_text(made)


ITEMS = st.sampled_from([items("Head"), items("Kopf", "Hand"), items("Schädel"), items("頭"), "no JSON", "[{}]"])
PLAIN = st.text(alphabet="AZaz09 .,^=\\-+*?'\"_/:\t\n\r\x1b\0", max_size=20)
WIDE = st.text(alphabet="A9^=\\é山ß🩻 \ud800", max_size=12)
# fmt: off
NUMBERS = st.sampled_from([
    "0", "1", "01", "-7", "+7", "65535", "65536", "2147483648", "99999999999", "12345678901234567890", "1.0", "0.5",
    "-0.25", "1.", ".5", "0.1234567890123456", "1e3", "1e999", "nan", "inf", "1\\2", "1\\", " 5", "1_0", "٣", "five",
])
# fmt: on
LENGTHY = st.sampled_from(["x" * 10_240, "y" * 65_535, "\\".join(["z" * 60] * 1100), "é" * 40_000])
DATES = st.sampled_from(["20240229", "2024022", "19991231\\20000101", "101500.123456", "20240101120000+0100", "045Y"])


def texts_for(tag: int) -> st.SearchStrategy[object]:
    if VR_OF_TAG[tag] == "SQ":
        return st.just("") | ITEMS
    return st.just("") | PLAIN | WIDE | NUMBERS | DATES | LENGTHY


@given(data=st.data(), syntax=st.sampled_from(SYNTAXES))
def test_each_attribute_alone(data: st.DataObject, syntax: str) -> None:
    tag = data.draw(TAGS)
    text = data.draw(texts_for(tag))
    keyword = next(keyword for keyword in EVERYTHING if tag_of(keyword) == tag)
    level = next(level for level in Level if keyword in ATTRIBUTES[level] + COMPUTED[level])
    request = request_for(keyword, level=level.value)
    encoder = AnswerEncoder(request, syntax, shown, FILLED_IN)
    expected = by_pydicom(request, [text], syntax)
    for _ in range(2):  # found anew, and remembered
        assert encoder.encode([text, 1]) == expected


@given(data=st.data(), syntax=st.sampled_from(SYNTAXES))
def test_rows_of_many_attributes(data: st.DataObject, syntax: str) -> None:
    request = request_for(*ATTRIBUTES[Level.STUDY], *ATTRIBUTES[Level.PATIENT], "Modality", level="STUDY")
    encoder = AnswerEncoder(request, syntax, shown, FILLED_IN)
    common = st.sampled_from(["A", "Doe^John", "20240101", "1.2.3"])
    row = st.tuples(*(common | texts_for(tag) if VR_OF_TAG[tag] != "SQ" else ITEMS for tag in request.answered))
    for one in data.draw(st.lists(row, min_size=1, max_size=4)):
        assert encoder.encode((*one, 1)) == by_pydicom(request, one, syntax)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("level", list(Level))
def test_everything_that_can_be_asked(level: Level, syntax: str) -> None:
    request = request_for(
        *EVERYTHING,
        "AccessionNumber",
        level=level.value,
        unsupported=DataElement(0x00180015, "CS", "ARM"),
        bulk=DataElement(0x00282000, "OB", b""),
        sequence=DataElement(0x00321064, "SQ", []),
        creator=DataElement(0x00090010, "LO", "SOMEBODY"),
        private=DataElement(0x00091001, "UN", b"1"),
        before=DataElement(0x00080001, "UL", None),
    )
    encoder = AnswerEncoder(request, syntax, shown, FILLED_IN)
    for name in ("Doe^Jane", "Müller^Jörg", "Yamada^Tarou=山田^太郎=やまだ^たろう"):
        row = [name if VR_OF_TAG[tag] == "PN" else "" if VR_OF_TAG[tag] == "SQ" else "7" for tag in request.answered]
        assert encoder.encode(row) == by_pydicom(request, row, syntax) is not None


def test_what_is_counted_and_collected() -> None:
    request = request_for("ModalitiesInStudy", "NumberOfStudyRelatedSeries", level="STUDY")
    row = ["MR\\CT\\MR\\", 12]
    assert AnswerEncoder(request, EXPLICIT, shown, FILLED_IN).encode(row) == by_pydicom(request, row, EXPLICIT)
    assert b"CT\\MR " in (by_pydicom(request, row, EXPLICIT) or b"")
    for row in ([None, 0], ["", None]):
        assert AnswerEncoder(request, EXPLICIT, shown, FILLED_IN).encode(row) == by_pydicom(request, row, EXPLICIT)


@pytest.mark.parametrize(
    "element",
    [
        DataElement(0x00280106, "US or SS", None),
        DataElement(0x00280103, "US", None),
    ],
)
def test_elements_that_hang_on_others_are_left_to_pydicom(element: DataElement) -> None:
    request = request_for("PatientName", element=element)
    assert AnswerEncoder(request, EXPLICIT, shown).encode(["Doe"]) is None


def test_what_pydicom_cannot_encode_is_left_to_it() -> None:
    request = request_for("IssuerOfAccessionNumberSequence", level="STUDY")
    row = ['[{"00280010":{"vr":"US","Value":[70000]}}]']
    assert by_pydicom(request, row, EXPLICIT) is None
    assert AnswerEncoder(request, EXPLICIT, shown).encode(row) is None


def test_what_is_remembered_has_a_bound() -> None:
    request = request_for("SOPInstanceUID")
    encoder = AnswerEncoder(request, EXPLICIT, shown)
    for number in range(MOST_REMEMBERED + 10):
        encoder.encode([f"1.2.{number}"])
    (column,) = encoder._columns
    assert len(column) == MOST_REMEMBERED


@given(text=PLAIN | WIDE | NUMBERS | DATES)
@example(text="")
def test_a_plain_text_has_an_even_length(text: str) -> None:
    for tag, vr in VR_OF_TAG.items():
        for syntax in SYNTAXES:
            assert len(ElementEncoder(syntax).texts(tag, vr)(text) or b"") % 2 == 0
