"""The archive and the ledger on PostgreSQL, a real server: the same answers, several at once, nothing lost.

What must be the same on both databases is the same tests once more, on this module's `archive`.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from postgres import new_database, postgresql
from psycopg import sql
from pydicom import config
from pydicom.dataset import Dataset
from scp_objects import files_of, make_object, store
from sqlalchemy.exc import ArgumentError, OperationalError
from test_archive import (  # noqa: F401 - collected here once more
    matched,
    test_a_failing_index_is_never_success,
    test_a_replaced_object_of_another_study_leaves_no_empty_study,
    test_a_study_of_a_corrected_patient_moves,
    test_each_level_answers_its_own,
    test_find_answers_what_was_asked,
    test_names_of_all_writings_are_kept_and_found,
    test_other_bytes_replace_the_object,
    test_retrieval_names_the_objects,
    test_sequences_are_kept_and_matched,
    test_studies_are_matched,
    test_the_next_object_of_a_series_needs_no_look_at_it,
    test_the_same_object_again_keeps_the_first_file,
    test_values_that_break_their_vr_do_no_harm,
    test_what_another_series_said_last_is_not_forgotten,
    test_what_another_study_said_of_the_patient_last_is_not_forgotten,
)
from test_browse import (  # noqa: F401
    browser,
    searched,
    test_a_patient_with_a_new_study_is_the_newest,
    test_an_empty_archive,
    test_down_the_tree,
    test_numbers_are_ordered_as_numbers,
    test_objects_of_no_patient,
    test_page_by_page,
    test_totals_objects_and_an_example,
    test_words,
    test_words_thin_out_what_is_below,
)
from test_deleting import (  # noqa: F401
    test_a_cancelled_deletion_keeps_the_rest,
    test_each_level,
    test_more_than_go_at_once,
)

from workstation.scp.archive import schema
from workstation.scp.archive.archive import Archive
from workstation.scp.archive.browse import Browser
from workstation.scp.ledger import DuplicateRecordError, Ledger
from workstation.scp.query.levels import Level, Model


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture(scope="module")
def one_for_all(server: str) -> str:
    return new_database(server)


@pytest.fixture
def url(one_for_all: str) -> str:
    """An empty database; its tables are there from the second test on, to make them takes longer than most tests."""
    with psycopg.connect(one_for_all, autocommit=True) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        tables = [name for (name,) in found if name != schema.LAYOUT.name]
        if tables:
            connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, tables))))
    return one_for_all


@pytest.fixture
def archive(tmp_path: Path, url: str) -> Iterator[Archive]:
    made = Archive(tmp_path / "archive", url, durable=False)
    yield made
    made.close()


@pytest.fixture(scope="module")
def new_archive(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Archive]]:
    made: list[Archive] = []

    def make() -> Archive:
        made.append(Archive(tmp_path_factory.mktemp("archive"), new_database(server), durable=False))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_no_sqlite_is_left_in_the_folder(archive: Archive) -> None:
    store(archive, make_object(1))
    assert not list(archive.folder.glob("*.sqlite*"))
    assert archive.counts()[Level.IMAGE] == 1


def test_the_index_is_made_again_from_the_files(archive: Archive, server: str) -> None:
    for number in range(1, 10):
        store(archive, make_object(number))
    archive.close()
    again = Archive(archive.folder, new_database(server), durable=False)
    assert again.counts() == {Level.PATIENT: 1, Level.STUDY: 1, Level.SERIES: 5, Level.IMAGE: 9}
    again.close()


def test_an_index_of_another_version_is_made_again(archive: Archive, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store(archive, make_object(1))
    archive.close()
    monkeypatch.setattr(schema, "fingerprint", lambda: "of a later version")
    again = Archive(archive.folder, url, durable=False)
    assert again.counts()[Level.IMAGE] == 1
    again.close()


def test_files_without_rows_and_deleted_ones_at_the_next_start(archive: Archive, url: str) -> None:
    for number in (1, 2, 3):
        store(archive, make_object(number))
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM instance WHERE \"SOPInstanceUID\" = '1.2.0.0.1'")
    archive.index.remove(Browser(archive).page(series_with(archive, "1")).rows[0].key, 10)
    archive.close()
    again = Archive(archive.folder, url, durable=False)
    # Object 2 was deleted by somebody, object 1 only lost its row.
    assert {one.sop_instance_uid for one in Browser(again).objects([patient_of(again)])} == {"1.2.0.0.1", "1.2.0.1.3"}
    assert len(files_of(again)) == 2
    again.close()


def patient_of(archive: Archive):
    return Browser(archive).page().rows[0].key


def series_with(archive: Archive, number: str):
    looked_at = Browser(archive)
    study = looked_at.page(patient_of(archive)).rows[0]
    return next(row.key for row in looked_at.page(study.key).rows if row.texts["SeriesNumber"] == number)


def test_texts_too_long_for_an_index_and_zero_bytes(archive: Archive) -> None:
    with config.disable_value_validation():
        noise = "".join(chr(0x4E00 + (n * 7919) % 20_000) for n in range(9000))
        with_long = make_object(1, SpecificCharacterSet="ISO_IR 192", PatientID=noise, AccessionNumber=noise)
        other = make_object(2, SpecificCharacterSet="ISO_IR 192", PatientID=noise[:-1] + "x", StudyID="a\0b")
        with_no_id = make_object(3, SpecificCharacterSet="ISO_IR 192", PatientID="", PatientName=noise)
        for each in (with_long, other, with_no_id):
            assert store(archive, each).status == 0
    assert archive.counts()[Level.IMAGE] == 3


# ----------------------------------------------------------------------------------------------- several at once
OTHER = """
    import sys
    sys.path[:0] = {path!r}
    from scp_objects import make_object, store
    from workstation.scp.archive.archive import Archive
    archive = Archive({folder!r}, {url!r}, durable=False)
    sys.stdin.readline()
    for number in range({first}, 100, 2):
        assert store(archive, make_object(number)).status == 0, number
        if number % 10 == {first}:
            assert store(archive, make_object(500)).status == 0
    archive.close()
"""


def test_two_programs_store_the_same_studies_at_once(archive: Archive, url: str) -> None:
    """Odd objects by one, even ones by the other: each series, study and patient is wanted by both."""
    archive.close()
    path = [entry for entry in sys.path if entry]
    programs = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                textwrap.dedent(OTHER).format(path=path, folder=str(archive.folder), url=url, first=first),
            ],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for first in (0, 1)
    ]
    try:
        for program in programs:
            assert program.stdin is not None
            program.stdin.write("go\n")
            program.stdin.flush()
        for program in programs:
            _, said = program.communicate(timeout=50)
            assert program.returncode == 0, said
    finally:
        for program in programs:
            program.kill()
    again = Archive(archive.folder, url, durable=False)
    assert again.counts() == {Level.PATIENT: 11, Level.STUDY: 11, Level.SERIES: 51, Level.IMAGE: 101}
    assert len(files_of(again)) == 101
    assert Browser(again).totals().objects == 101
    again.close()


def test_two_archives_find_delete_and_store_at_once(archive: Archive, url: str) -> None:
    other = Archive(archive.folder, url, durable=False)
    for number in range(40):
        store(archive, make_object(number))
    failures: list[object] = []

    def delete() -> None:
        try:
            for row in Browser(other).page().rows:
                other.delete([row.key])
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=delete)
    thread.start()
    for number in range(40):
        result = store(archive, make_object(number, PatientName="Again"))
        if result.status != 0:
            failures.append(result)
    thread.join()
    assert failures == []
    assert Browser(other).totals() == Browser(archive).totals()
    assert archive.counts()[Level.IMAGE] == len(files_of(archive))
    other.close()


def test_two_start_at_once_on_an_empty_database(tmp_path: Path, server: str) -> None:
    url = new_database(server)
    barrier = threading.Barrier(4)
    made: list[Archive] = []
    failures: list[Exception] = []

    def start() -> None:
        barrier.wait()
        try:
            made.append(Archive(tmp_path / "archive", url, durable=False))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in made:
        each.close()
    assert failures == []
    assert len(made) == 4


def test_a_search_left_early_gives_its_connection_back(archive: Archive) -> None:
    for number in range(0, 300, 10):
        store(archive, make_object(number))
    identifier = Dataset()
    identifier.PatientName = ""
    for _ in range(70):  # more than the server allows at once
        matches = archive.find(Level.STUDY, Model.STUDY_ROOT, identifier)
        next(matches)
        matches.close()


def test_a_server_that_was_restarted(archive: Archive, server: str) -> None:
    """Its connections were closed meanwhile; the next ones are new."""
    store(archive, make_object(1))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert store(archive, make_object(2)).status == 0
    assert archive.counts()[Level.IMAGE] == 2


# ----------------------------------------------------------------------------------------------- the URL
@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_any_driver_means_ours(url: str, tmp_path: Path, scheme: str) -> None:
    Archive(tmp_path / "archive", url.replace("postgresql", scheme, 1), durable=False).close()


def test_what_cannot_be_used_is_said(tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentError, match="SQLite or PostgreSQL, not mysql"):
        Archive(tmp_path / "a", "mysql://host/database")
    with pytest.raises(ArgumentError):
        Archive(tmp_path / "a", "no url at all")
    with pytest.raises(OperationalError, match="refused"):
        Archive(tmp_path / "a", f"postgresql://tester@127.0.0.1:{free_port}/none")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ArgumentError, match=r"PostgreSQL needs psycopg: install dicom-workstation\[postgresql\]"):
        Archive(tmp_path / "a", "postgresql://host/database")
    # Nothing holds the folder.
    Archive(tmp_path / "a", durable=False).close()


# ----------------------------------------------------------------------------------------------- the ledger
def test_the_ledger(url: str) -> None:
    ledger, other = Ledger(url, durable=False), Ledger(url)
    item = Dataset()
    item.PatientName = "Ünal^Ayşe"
    ledger.add("worklist", "1.2.3", item, state="SCHEDULED", facts={"count": 0})
    with pytest.raises(DuplicateRecordError):
        other.add("worklist", "1.2.3", item)

    def count(record):
        assert isinstance(record.facts["count"], int)
        return replace(record, facts={"count": record.facts["count"] + 1})

    def many(which: Ledger) -> None:
        for _ in range(25):
            which.change("worklist", "1.2.3", count)

    threads = [threading.Thread(target=many, args=(which,)) for which in (ledger, other, ledger, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = other.get("worklist", "1.2.3")
    assert found is not None
    assert (found.facts["count"], found.data_set.PatientName) == (100, "Ünal^Ayşe")
    assert [record.uid for record in ledger.records("worklist", state="SCHEDULED")] == ["1.2.3"]
    assert other.counts() == {"worklist": 1}
    assert ledger.remove("worklist", "1.2.3")
    assert other.get("worklist", "1.2.3") is None
    ledger.close()
    other.close()


def test_archive_and_ledger_share_a_database(archive: Archive, url: str) -> None:
    ledger = Ledger(url)
    ledger.add("ups", "1.2", Dataset())
    store(archive, make_object(1))
    archive.close()
    # The archive's tables may be made again; the ledger's are not the archive's.
    Archive(archive.folder, url, durable=False).close()
    assert ledger.counts() == {"ups": 1}
    ledger.close()
