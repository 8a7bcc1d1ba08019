"""Finding and browsing in a large archive: how soon the first match is there, and how fast all of them come.

    python tests/benchmarks/archive.py [--objects 10000] [--rounds 3] [--postgresql]

C-FIND over a real association on the loopback, both ends in this process; pages as the archive's window asks for them.
The archive is made directly in the index, because to store so many would take longer than all that follows: half of it
in patients with 2 studies of 2 series with 5 objects each, half in patients with one object. Two series have 1,000.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from pydicom.dataset import Dataset

from workstation.net import AE, evt
from workstation.net.events import Event
from workstation.scp.archive.archive import Archive
from workstation.scp.archive.browse import Browser, Order
from workstation.scp.archive.writing import Entry
from workstation.scp.query.levels import ATTRIBUTES, FIND_MODELS, check_find

PATIENT_ROOT, STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.1.1", "1.2.840.10008.5.1.4.1.2.2.1"
_KEYWORDS = [keyword for keywords in ATTRIBUTES.values() for keyword in keywords]
_COUNTS = {
    "PATIENT": dict.fromkeys(
        ("NumberOfPatientRelatedStudies", "NumberOfPatientRelatedSeries", "NumberOfPatientRelatedInstances"), ""
    ),
    "STUDY": dict.fromkeys(
        ("ModalitiesInStudy", "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances", "SOPClassesInStudy"), ""
    ),
}
_WHO = {"PatientName": "", "PatientID": "", "PatientBirthDate": ""}
_WHAT = {**_WHO, "StudyInstanceUID": "", "StudyDate": "", "StudyDescription": "", "AccessionNumber": ""}
QUERIES: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("all patients", PATIENT_ROOT, "PATIENT", _WHO),
    ("all patients with counts", PATIENT_ROOT, "PATIENT", {**_WHO, **_COUNTS["PATIENT"]}),
    ("patients by name", PATIENT_ROOT, "PATIENT", {**_WHO, "PatientName": "*ber 1*"}),
    ("one patient by ID", PATIENT_ROOT, "PATIENT", {**_WHO, "PatientID": "P77"}),
    ("all studies", STUDY_ROOT, "STUDY", _WHAT),
    ("all studies with counts", STUDY_ROOT, "STUDY", {**_WHAT, **_COUNTS["STUDY"]}),
    ("studies by name", STUDY_ROOT, "STUDY", {**_WHAT, "PatientName": "NUMBER 99^*"}),
    ("studies of a month", STUDY_ROOT, "STUDY", {**_WHAT, "StudyDate": "20240301-20240331"}),
    ("studies with MR and counts", STUDY_ROOT, "STUDY", {**_WHAT, **_COUNTS["STUDY"], "ModalitiesInStudy": "MR"}),
    ("one study by accession number", STUDY_ROOT, "STUDY", {**_WHAT, **_COUNTS["STUDY"], "AccessionNumber": "A77.1"}),
    ("studies that are not there", STUDY_ROOT, "STUDY", {**_WHAT, "StudyDescription": "*nowhere*"}),
)


def entries(count: int) -> Iterator[Entry]:
    """So many objects."""
    made = 0

    def one(patient: int, study: int, series: int, number: int) -> Entry:
        nonlocal made
        made += 1
        texts = dict.fromkeys(_KEYWORDS, "")
        uid = f"1.2.{patient}.{study}"
        texts |= {
            "PatientID": f"P{patient}",
            "PatientName": f"Number {patient}^Test",
            "PatientBirthDate": "19700101",
            "StudyInstanceUID": uid,
            "StudyDate": f"2024{patient % 12 + 1:02}{study + 1:02}",
            "StudyTime": "101500",
            "StudyDescription": "A description of some length",
            "AccessionNumber": f"A{patient}.{study}",
            "SeriesInstanceUID": f"{uid}.{series}",
            "SeriesNumber": str(series),
            "Modality": "MR" if patient % 5 == 0 else "CT",
            "SOPInstanceUID": f"{uid}.{series}.{number}",
            "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
            "InstanceNumber": str(number),
        }
        return Entry(
            texts=texts, file=f"objects/00/{made}.dcm", transfer_syntax="1.2", checksum=str(made), size=525_000
        )

    large = min(1000, count // 10)
    for series in (0, 1):
        yield from (one(0, 0, series, number) for number in range(large))
    patient = 1
    while made < count:
        if made < count // 2:
            yield from (one(patient, st, se, n) for st in range(2) for se in range(2) for n in range(5))
        else:
            yield one(patient, 1, 0, 1)
        patient += 1


def answering(archive: Archive) -> Callable[[Event], Iterator[tuple[int, Dataset]]]:
    """A handler that answers from the index, as the built-in one does."""

    def find(event: Event) -> Iterator[tuple[int, Dataset]]:
        request = check_find(FIND_MODELS[event.context.abstract_syntax], event.identifier)
        with closing(archive.index.find(request, event.over.is_set)) as matches:
            for match in matches:
                yield 0xFF00, match

    return find


def measure(archive: Archive, rounds: int) -> None:
    """Print a line for each query and page."""
    ae = AE()
    for model in (PATIENT_ROOT, STUDY_ROOT):
        ae.add_supported_context(model)
        ae.add_requested_context(model)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, answering(archive))])
    association = ae.associate("127.0.0.1", server.server_address[1])
    print(f"{'first match':>12} {'all':>10} {'matches':>8} {'rate':>11}")
    for title, model, level, keys in QUERIES:
        identifier = Dataset()
        identifier.QueryRetrieveLevel = level
        for keyword, value in keys.items():
            setattr(identifier, keyword, value)
        firsts, alls, count = [], [], 0
        for _ in range(rounds):
            began, first, count = time.perf_counter(), 0.0, 0
            for status, match in association.send_c_find(identifier, model):
                first = first or time.perf_counter() - began
                count += match is not None
                assert status.Status in (0, 0xFF00, 0xFF01), status
            firsts.append(first * 1000)
            alls.append((time.perf_counter() - began) * 1000)
        first, every = statistics.median(firsts), statistics.median(alls)
        print(f"{first:9.1f} ms {every:7.0f} ms {count:8,} {count / every * 1000:9,.0f}/s  {title}")
    association.release()
    server.shutdown()
    browse(archive, rounds)


def browse(archive: Archive, rounds: int) -> None:
    """Pages as the window asks for them."""
    browser = Browser(archive)
    newest = browser.page(limit=1).rows[0].key
    for title, ask in (
        ("first page of patients, newest first", lambda: browser.page()),
        ("first page of patients by name", lambda: browser.page(order=Order.NAME)),
        ("a page from the middle", lambda: browser.page(offset=3000)),
        ("search: a name", lambda: browser.page(words="number 99")),
        ("search: MR 2024-03", lambda: browser.page(words="mr 2024-03")),
        ("search: a SOP Instance UID", lambda: browser.page(words="1.2.77.1.0.4")),
        ("studies of a patient", lambda: browser.page(newest)),
        ("totals", browser.totals),
    ):
        taken = []
        for _ in range(rounds):
            began = time.perf_counter()
            ask()
            taken.append((time.perf_counter() - began) * 1000)
        print(f"{statistics.median(taken):9.1f} ms {'':30}  {title}")


def run(count: int, rounds: int, url: str | None, name: str) -> None:
    """Make an archive and measure it."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(folder, url, durable=False)
        began = time.perf_counter()
        made = 0
        for entry in entries(count):
            archive.index.store(entry)
            made += 1
        seconds = time.perf_counter() - began
        print(f"\n{name}: {made:,} objects, indexed in {seconds:.0f} s; {archive.counts()}")
        measure(archive, rounds)
        archive.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--postgresql", action="store_true", help="measure PostgreSQL as well, on a server made for it")
    chosen = parser.parse_args()
    run(chosen.objects, chosen.rounds, None, "SQLite")
    if chosen.postgresql:
        sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "interop")]
        from postgres import postgresql

        with postgresql() as server_url:
            run(chosen.objects, chosen.rounds, server_url, "PostgreSQL")
