"""Looking through the archive: what is there, counted, in order, page by page, and found again by words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scp_objects import files_of, make_object, store

from workstation.scp.archive.archive import Archive
from workstation.scp.archive.browse import Browser, Order, Page
from workstation.scp.archive.tree import NO_PATIENT, Key


def names(page: Page, keyword: str = "PatientName") -> list[str]:
    return [row.texts[keyword] for row in page.rows]


@pytest.fixture
def browser(archive: Archive) -> Browser:
    return Browser(archive)


def fill(archive: Archive) -> None:
    """Two patients with a study each: P0 with objects 1 to 9 in five series, P1 with 10 to 13 in two."""
    for number in range(1, 14):
        assert store(archive, make_object(number)).status == 0


def test_an_empty_archive(browser: Browser) -> None:
    assert browser.page() == Page((), 0)
    assert browser.totals().objects == 0


def test_down_the_tree(archive: Archive, browser: Browser) -> None:
    fill(archive)
    newest, oldest = browser.page().rows
    assert (newest.texts["PatientID"], newest.studies, newest.series, newest.objects) == ("P1", 1, 2, 4)
    assert (oldest.texts["PatientID"], oldest.studies, oldest.series, oldest.objects) == ("P0", 1, 5, 9)
    assert oldest.modalities == ("CT", "MR")
    (study,) = browser.page(oldest.key).rows
    assert (study.key.name, study.series, study.objects, study.texts["StudyDate"]) == ("1.2.0", 5, 9, "20240101")
    series = browser.page(study.key)
    assert names(series, "SeriesNumber") == ["0", "1", "2", "3", "4"]
    objects = browser.page(series.rows[1].key)
    assert names(objects, "InstanceNumber") == ["2", "3"]
    assert objects.rows[0].file in {path.relative_to(archive.folder).as_posix() for path in files_of(archive)}
    sizes = sum(row.bytes for each in series.rows for row in browser.page(each.key).rows)
    assert study.bytes == sizes == oldest.bytes
    assert study.received == max(row.received for row in series.rows) > 0


def test_numbers_are_ordered_as_numbers(archive: Archive, browser: Browser) -> None:
    for number in (100, 9, 20):
        store(archive, make_object(1, SOPInstanceUID=f"1.2.3.{number}", InstanceNumber=number))
    assert names(browser.page(series_of(browser)), "InstanceNumber") == ["9", "20", "100"]


def series_of(browser: Browser) -> Key:
    study = browser.page(browser.page().rows[0].key).rows[0]
    return browser.page(study.key).rows[0].key


def test_page_by_page(archive: Archive, browser: Browser) -> None:
    for number in range(25):
        store(archive, make_object(number * 10, PatientName=f"Name{number:02}"))
    pages = [browser.page(order=Order.NAME, offset=start, limit=10) for start in (0, 10, 20)]
    assert [page.total for page in pages] == [25, 25, 25]
    assert [name for page in pages for name in names(page)] == [f"Name{number:02}" for number in range(25)]
    assert names(browser.page(limit=2)) == ["Name24", "Name23"]


def test_a_patient_with_a_new_study_is_the_newest(archive: Archive, browser: Browser) -> None:
    fill(archive)
    store(archive, make_object(1, StudyInstanceUID="1.2.77", SeriesInstanceUID="1.2.77.1", SOPInstanceUID="1.2.77.1.1"))
    assert names(browser.page(), "PatientID") == ["P0", "P1"]


@pytest.fixture(scope="module")
def searched(new_archive: Callable[[], Archive]) -> Browser:
    archive = new_archive()
    fill(archive)
    store(
        archive,
        make_object(
            20,
            SpecificCharacterSet="ISO_IR 192",
            PatientName="MÜLLER^Jörg",
            PatientBirthDate="19700102",
            AccessionNumber="acc-7",
            StudyDescription="Knie 100%",
            Modality="US",
            SOPInstanceUID="1.2.2.1.9",
        ),
    )
    return Browser(archive)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", ["P2", "P1", "P0"]),
        ("doe", ["P1", "P0"]),
        ("DOE number", ["P1", "P0"]),
        ("p1", ["P1"]),
        ("müller", ["P2"]),
        ("ACC-7", ["P2"]),
        ("knie", ["P2"]),
        ("2024-02-01", ["P1"]),
        ("2024-02", ["P1"]),
        ("19700102", ["P2"]),
        ("1970-01-02", ["P2"]),
        ("us", ["P2"]),
        ("doe mr", ["P1", "P0"]),
        ("doe us", []),
        ("1.2.1.5.11", ["P1"]),
        ("1.2.2.1", ["P2"]),
        ("100%", ["P2"]),
        ("_", []),
    ],
)
def test_words(searched: Browser, words: str, found: list[str]) -> None:
    page = searched.page(words=words)
    assert (names(page, "PatientID"), page.total) == (found, len(found))


def test_words_thin_out_what_is_below(archive: Archive, browser: Browser) -> None:
    store(archive, make_object(1, SeriesDescription="Localizer"))
    store(archive, make_object(2, SeriesDescription="Axial"))
    patient = browser.page(words="axial").rows[0]
    assert (patient.series, patient.objects) == (2, 2)  # what there is, not what was looked for
    study = browser.page(patient.key, "axial").rows[0]
    assert names(browser.page(study.key, "axial"), "SeriesDescription") == ["Axial"]
    assert len(browser.page(study.key).rows) == 2
    # Found in the patient: all that is below belongs to it.
    assert len(browser.page(study.key, "doe").rows) == 2
    series = browser.page(study.key).rows[0]
    assert browser.page(series.key, "1.2.0.0.1").total == 1
    assert browser.page(series.key, "1.2.0.0.2").total == 0


def test_objects_of_no_patient(archive: Archive, browser: Browser) -> None:
    fill(archive)
    protocol = make_object(50, SOPClassUID="1.2.840.10008.5.1.4.38.1")
    del protocol.StudyInstanceUID, protocol.SeriesInstanceUID, protocol.PatientID, protocol.PatientName
    assert store(archive, protocol).status == 0
    page = browser.page()
    assert page.total == 3
    assert page.rows[-1].key == NO_PATIENT
    assert page.rows[-1].objects == 1
    (row,) = browser.page(NO_PATIENT).rows
    assert row.key.name == protocol.SOPInstanceUID
    assert [one.sop_instance_uid for one in browser.objects([NO_PATIENT])] == [protocol.SOPInstanceUID]
    assert browser.page(offset=0, limit=2).rows[-1].key != NO_PATIENT
    assert [row.key for row in browser.page(offset=2, limit=2).rows] == [NO_PATIENT]


def test_totals_objects_and_an_example(archive: Archive, browser: Browser) -> None:
    fill(archive)
    newest, oldest = browser.page().rows
    assert browser.totals().objects == 13
    assert browser.totals([oldest.key]).objects == 9
    assert browser.totals([oldest.key]).bytes == oldest.bytes
    study = browser.page(oldest.key).rows[0]
    series = browser.page(study.key).rows[1]
    for key, count in ((study.key, 9), (series.key, 2), (browser.page(series.key).rows[0].key, 1)):
        found = browser.objects([key])
        assert len(found) == browser.totals([key]).objects == count
        assert all(one.path.is_file() for one in found)
        assert browser.example(key) in [one.path for one in found]
    assert len(browser.objects([study.key, series.key])) == 9
    places = browser.places(browser.objects([newest.key]))
    assert places["1.2.1.5.10"] == ("1.2.1", "1.2.1.5")


def test_a_key_of_a_row_that_is_gone_is_nobody_elses(archive: Archive, browser: Browser) -> None:
    """The database gives ids away again."""
    store(archive, make_object(1))
    before = browser.page(browser.page().rows[0].key).rows[0].key
    archive.delete([before])
    store(archive, make_object(10))
    after = browser.page(browser.page().rows[0].key).rows[0].key
    assert before.id == after.id
    assert browser.page(before).rows == ()
    assert browser.objects([before]) == []
    assert browser.example(before) is None
    assert archive.delete([before]).objects == 0
    assert browser.totals().objects == 1
