"""What a retrieval asks for and what it came to."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from workstation.scu.failure import CANCELLED, Failure, Layer
from workstation.scu.job import Progress
from workstation.scu.retrieve import RetrieveResult, SubOperations
from workstation.ui.dialogs.query_keys import Level, Root
from workstation.ui.dialogs.retrieval import RetrieveTotal, retrieve_identifiers
from workstation.ui.parts.widgets import Outcome

REFUSED = Failure(Layer.STATUS, "C-MOVE failed", "0xA702", "Look at the destination.")


def match(**values: str) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def done(completed: int, **values) -> RetrieveResult:
    return RetrieveResult(**{"status": 0, "counts": SubOperations(completed=completed), "seconds": 0.5, **values})


def test_images_of_one_series_are_a_list_of_uids():
    images = [match(SOPInstanceUID=f"1.{number}") for number in range(600)]
    above = {"StudyInstanceUID": "2", "SeriesInstanceUID": "3"}
    first, second = retrieve_identifiers(Root.STUDY, Level.IMAGE, images, above)
    assert len(first.SOPInstanceUID) == 500
    assert len(second.SOPInstanceUID) == 100
    assert (first.StudyInstanceUID, first.SeriesInstanceUID) == ("2", "3")
    assert {element.keyword for element in first} == {
        "QueryRetrieveLevel",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "SOPInstanceUID",
    }


def test_studies_have_a_request_each():
    studies = [match(StudyInstanceUID=f"1.{number}", PatientID="P") for number in range(3)]
    identifiers = retrieve_identifiers(Root.PATIENT, Level.STUDY, studies, {})
    assert [each.StudyInstanceUID for each in identifiers] == ["1.0", "1.1", "1.2"]
    assert {each.PatientID for each in identifiers} == {"P"}


def test_counts_add_up_over_requests():
    total = RetrieveTotal(3)
    assert total.words(None) == "waiting for the peer"
    total.add(done(10))
    now = Progress(done=4, total=8, failed=1, warnings=1)
    assert total.bar(now) == (1500, 3000, "4 remaining · 12 completed · 1 failed · 1 warning · request 2 of 3")
    total.add(done(5, counts=SubOperations(completed=5, failed=2, warning=1)))
    assert total.words(None) == "15 completed · 2 failed · 1 warning"


@pytest.mark.parametrize(
    ("result", "outcome", "headline"),
    [
        (done(3), Outcome.SUCCESS, "3 objects retrieved to PACS in 0.5 s"),
        (done(0), Outcome.WARNING, "Nothing was retrieved to PACS"),
        (done(1, failure=REFUSED), Outcome.WARNING, "1 object retrieved to PACS in 0.5 s; C-MOVE failed"),
        (done(0, status=0xA702, failure=REFUSED), Outcome.FAILURE, "C-MOVE failed"),
        (done(2, failure=CANCELLED, cancelled=True), Outcome.CANCELLED, "Cancelled: 2 objects retrieved"),
    ],
)
def test_outcomes(result, outcome, headline):
    total = RetrieveTotal(1)
    total.add(result)
    kind, text, _ = total.outcome("to PACS")
    assert kind is outcome
    assert text.startswith(headline)


@pytest.mark.parametrize(
    ("result", "hopeless"),
    [
        (done(1), False),
        (done(0, status=0xA702, failure=REFUSED), False),
        (done(0, status=0xA801, failure=REFUSED), True),
        (done(0, status=None, failure=REFUSED), True),
    ],
)
def test_only_what_would_fail_again_ends_the_rest(result, hopeless):
    total = RetrieveTotal(2)
    total.add(result)
    assert total.hopeless is hopeless
