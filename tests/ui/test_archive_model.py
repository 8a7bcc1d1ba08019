"""The archive's rows: whatever comes and goes, Qt's idea of the model, the selection and what is open stay right."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QItemSelectionModel, QPersistentModelIndex
from PySide6.QtTest import QAbstractItemModelTester

from workstation.scp.archive.archive import Deleted
from workstation.scp.archive.browse import SHOWN, Page, Row, Totals
from workstation.scp.archive.importing import FileOutcome, Imported, Outcome
from workstation.scp.archive.space import Space
from workstation.scp.archive.tree import NO_PATIENT, Key
from workstation.scp.query.levels import Level
from workstation.ui.dialogs.archive_browser.model import ArchiveModel, More, Node
from workstation.ui.dialogs.archive_browser.words import (
    TITLES,
    cells_of,
    chosen_text,
    delete_question,
    deleted_text,
    imported_text,
    name_of,
    space_text,
    tip_of,
)
from workstation.ui.theme import Theme


def row(level: Level, number: int, objects: int = 1, **texts: str) -> Row:
    return Row(key=Key(level, number, f"1.2.{number}"), texts=dict.fromkeys(SHOWN[level], "") | texts, objects=objects)


def patients(*numbers: int) -> Page:
    return Page(tuple(row(Level.PATIENT, number, PatientName=f"P{number}") for number in numbers), len(numbers))


def studies(*numbers: int) -> Page:
    return Page(tuple(row(Level.STUDY, number) for number in numbers), len(numbers))


def numbers_of(model: ArchiveModel) -> list[int]:
    return [node.key.id for place in range(model.rowCount()) if (node := model.node(place)) is not None]


@pytest.fixture
def model(qapp) -> ArchiveModel:
    made = ArchiveModel(Theme())
    made.tester = QAbstractItemModelTester(made, QAbstractItemModelTester.FailureReportingMode.Fatal)
    return made


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.lists(st.integers(0, 12), unique=True),
            st.dictionaries(st.integers(0, 12), st.lists(st.integers(100, 106), unique=True)),
            st.sets(st.integers(0, 12)),
        ),
        max_size=6,
    )
)
def test_whatever_comes_and_goes(qapp, steps) -> None:
    model = ArchiveModel(Theme())
    _tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    for tops, below, opened in steps:
        for place in reversed(range(model.rowCount())):
            node = model.node(place)
            if node is not None and node.key.level is Level.PATIENT:
                model.open_row(place, node.key.id in opened)
        pages: dict[Key | None, Page] = {None: patients(*tops)}
        for key in model.fetched():
            if key is not None:
                pages[key] = studies(*below.get(key.id, []))
        held = {model.line(place): QPersistentModelIndex(model.index(place, 0)) for place in range(model.rowCount())}
        model.refresh(pages)
        assert [node.key.id for node in lines(model) if node.key.level is Level.PATIENT] == tops
        for line, index in held.items():
            if index.isValid():
                assert model.line(index.row()) is line
        for node in lines(model):
            if node.is_open and node.key in pages:
                assert [child.key.id for child in node.children] == below.get(node.key.id, [])


def lines(model: ArchiveModel) -> list[Node]:
    return [node for place in range(model.rowCount()) if (node := model.node(place)) is not None]


def test_pages_are_added_where_they_belong(model: ArchiveModel) -> None:
    asked: list[tuple[Node | None, int]] = []
    model.wanted.connect(lambda node, offset: asked.append((node, offset)))
    model.refresh({None: Page(patients(1, 2).rows, 4)})
    assert isinstance(model.line(2), More)
    model.fetch_in_sight(0, 1)
    assert asked == []
    model.fetch_in_sight(0, 2)
    model.fetch_in_sight(0, 2)
    assert asked == [(None, 2)]
    assert model.shown(2).texts[0] == "Fetching 2 more…"
    # Late: others came meanwhile, and it is asked again.
    model.add_page(None, 1, patients(9))
    assert numbers_of(model) == [1, 2]
    model.fetch_in_sight(0, 2)
    assert len(asked) == 2
    model.add_page(None, 2, Page(patients(2, 3, 4).rows, 4))
    assert numbers_of(model) == [1, 2, 3, 4]
    assert model.rowCount() == 4


def test_a_row_that_opens_says_that_it_is_fetching(model: ArchiveModel) -> None:
    model.refresh({None: patients(1, 2)})
    model.open_row(0, True)
    assert model.shown(1).texts[0] == "Fetching 1 more…"
    assert model.head_of(1) == 0
    model.add_page(model.node(0), 0, studies(100, 101))
    assert numbers_of(model) == [1, 100, 101, 2]
    assert model.shown(1).depth == 1
    model.open_row(0, False)
    assert numbers_of(model) == [1, 2]


def test_what_is_closed_is_fetched_again_once_it_changed(model: ArchiveModel) -> None:
    model.refresh({None: patients(1)})
    model.open_row(0, True)
    model.add_page(model.node(0), 0, studies(100))
    model.open_row(0, False)
    model.refresh({None: patients(1)})
    asked: list[object] = []
    model.wanted.connect(lambda node, _offset: asked.append(node))
    model.open_row(0, True)
    assert asked == [model.node(0)]


def test_the_selection_follows_its_row(model: ArchiveModel) -> None:
    model.refresh({None: patients(1, 2, 3)})
    selection = QItemSelectionModel(model)
    selection.select(
        model.index(2, 0), QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    )
    model.refresh({None: patients(3, 9, 1, 2)})
    assert [index.row() for index in selection.selectedRows()] == [0]
    model.refresh({None: patients(9, 1)})
    assert selection.selectedRows() == []


# --------------------------------------------------------------------------------------------------- words
def test_words_of_each_level() -> None:
    patient = row(Level.PATIENT, 1, PatientName="Yamada^Tarou=山田^太郎", PatientID="X", PatientBirthDate="19700131")
    assert cells_of(patient)[:4] == ("Yamada Tarou (山田 太郎)", "", "born 1970-01-31", "X")
    assert name_of(row(Level.PATIENT, 1)) == "(no name)"
    assert name_of(row(Level.STUDY, 1)) == "(no description)"
    assert name_of(row(Level.SERIES, 1, SeriesNumber="3", SeriesDescription="Axial")) == "3 Axial"
    image = row(
        Level.IMAGE,
        1,
        InstanceNumber="7",
        SOPClassUID="1.2.840.10008.5.1.4.1.1.2",
        Rows="512",
        Columns="256",
        NumberOfFrames="10",
    )
    assert name_of(image) == "7 · CT Image · 256 × 512 · 10 frames"
    assert "SOP Instance UID: 1.2.1" in tip_of(image)
    assert name_of(Row(key=NO_PATIENT)) == "Objects of no patient"
    for each in (patient, image, Row(key=NO_PATIENT), row(Level.SERIES, 1), row(Level.STUDY, 1)):
        assert len(cells_of(each)) == len(TITLES)


def test_a_question_says_how_much_goes() -> None:
    rows = [row(Level.PATIENT, 1, 10), row(Level.STUDY, 2, 1), row(Level.STUDY, 3, 1)]
    assert chosen_text(rows) == "1 patient and 2 studies"
    question, consequence, answer = delete_question(rows, Totals(1234, 5_000_000))
    assert question == "Delete 1 patient and 2 studies?"
    assert consequence.startswith("1,234 objects (5.0 MB)")
    assert answer == "Delete 1,234 objects"
    assert delete_question([Row(key=NO_PATIENT)], Totals(1, 1))[0] == "Delete the objects of no patient?"


def test_results_in_words() -> None:
    assert deleted_text(Deleted(2, 1000, True)) == "Cancelled: 2 objects deleted, 1.0 kB given back"
    counts = dict.fromkeys(Outcome, 0) | {Outcome.STORED: 3, Outcome.REPLACED: 1, Outcome.OTHER: 1}
    problems = (FileOutcome(path=None, outcome=Outcome.OTHER, sentence="x"),)  # type: ignore[arg-type]
    done = Imported(counts=counts, bytes=2000, problems=problems, seconds=2)
    assert imported_text(done) == (
        "4 objects imported, 2.0 kB in 2.0 s",
        "1 of them in place of others with their UIDs; 1 file without an object",
    )
    assert space_text(Space(10_000_000_000, 5_000_000_000, 0)) == "5.0 GB of 10 GB free"
    assert space_text(Space(10_000_000_000, 5_000_000_000, 1 << 30)).endswith("storing stops below 1.1 GB")
    assert space_text(Space(10_000_000_000, 5, 1 << 30)).endswith("nothing is stored below 1.1 GB")
