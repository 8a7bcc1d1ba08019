"""Searching follows the ledger: changes of this process, and of others on one database; many searches at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from postgres import new_database, postgresql
from pydicom.dataset import Dataset

from workstation.scp.answers.searching import Searching
from workstation.scp.ledger import Ledger, Record
from workstation.scp.query.whole import check_whole
from workstation.scp.surroundings import Later

PATIENCE = 20.0


@pytest.fixture(scope="module")
def shared_url() -> Iterator[str]:
    """A database that several processes may write into."""
    with postgresql() as server:
        yield new_database(server)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", durable=False)
    yield made
    made.close()


def patient(name: str) -> Dataset:
    data_set = Dataset()
    data_set.PatientID = name
    return data_set


def found(searching: Searching, name: str = "", **options: object) -> list[str]:
    request = check_whole(patient(name))
    return [str(item.PatientID) for _, item in searching.find(request, is_over=lambda: False, **options)]  # type: ignore[arg-type]


def test_changes_are_seen_at_once(ledger: Ledger) -> None:
    searching = Searching(ledger, "ups")
    assert found(searching) == []
    ledger.add("ups", "1", patient("A"), state="X")
    ledger.add("ups", "2", patient("B"))
    ledger.add("worklist", "3", patient("C"))
    assert found(searching) == ["A", "B"]
    assert found(searching, is_wanted=lambda state: state == "X") == ["A"]
    ledger.change("ups", "1", lambda record: replace(record, data_set=patient("Z"), state=""))
    assert found(searching, "A") == []
    assert found(searching, "Z") == ["Z"]
    assert found(searching, is_wanted=lambda state: state == "X") == []
    ledger.remove("ups", "2")
    assert found(searching) == ["Z"]


def test_what_changes_while_it_is_read(ledger: Ledger) -> None:
    ledger.add_many("ups", [(str(number), patient(f"P{number}"), "") for number in range(450)])
    searching = Searching(ledger, "ups")
    seen = []
    for uid, item in searching.find(check_whole(patient("P*")), is_over=lambda: False):
        seen.append(str(item.PatientID))
        if uid == "0":
            ledger.remove("ups", "300")
            ledger.change("ups", "301", lambda record: replace(record, data_set=patient("gone")))
            ledger.change("ups", "302", lambda record: replace(record, data_set=patient("P-new")))
    expected = [f"P{number}" for number in range(450) if number not in (300, 301, 302)]
    assert [name for name in seen if name != "P-new"] == expected
    assert seen[300] == "P-new"
    assert "gone" not in seen


def test_a_search_that_is_over_reads_no_further(ledger: Ledger) -> None:
    ledger.add_many("ups", [(str(number), patient("A"), "") for number in range(450)])
    over = threading.Event()
    matches = Searching(ledger, "ups").find(check_whole(patient("A")), is_over=over.is_set)
    next(matches)
    over.set()
    assert len(list(matches)) < 200


def test_it_is_warm_before_the_first_search(ledger: Ledger) -> None:
    ledger.add_many("ups", [(str(number), patient("A"), "") for number in range(450)])
    searching, later, over = Searching(ledger, "ups"), Later(), threading.Event()
    searching.warm(later)
    later.call(0, lambda: later.call(0, lambda: later.call(0, lambda: later.call(0, over.set))))
    assert over.wait(PATIENCE)
    later.stop()
    assert len(searching._held) == 450


def test_many_search_while_others_change(ledger: Ledger) -> None:
    ledger.add_many("ups", [(str(number), patient("A"), "") for number in range(250)])
    searching = Searching(ledger, "ups")

    def work(number: int) -> int:
        if number % 3 == 0:
            ledger.change("ups", str(number), lambda record: record)
            ledger.add("ups", f"new {number}", patient("A"))
            return 250
        return len(found(searching, "A"))

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(work, range(30)))
    assert all(250 <= count <= 260 for count in counts)
    assert len(found(searching, "A")) == 260


def test_what_another_process_writes_into_the_same_database_is_seen(shared_url: str) -> None:
    ours, theirs = Ledger(shared_url, durable=False), Ledger(shared_url, durable=False)
    try:
        assert ours.is_shared
        searching = Searching(ours, "ups")
        assert theirs.add_many("ups", [("1", patient("Ä"), ""), ("2", patient("B"), "")]) == ["1", "2"]
        assert ours.add_many("ups", [("2", patient("other"), ""), ("3", patient("C"), "")]) == ["3"]
        assert found(searching) == ["Ä", "B", "C"]

        def rename(record: Record) -> Record:
            return replace(record, data_set=patient("new"))

        theirs.change("ups", "2", rename)
        assert found(searching, "new") == ["new"]
        assert found(searching, "B") == []
        theirs.remove("ups", "1")
        assert found(searching) == ["new", "C"]
        assert [record.uid for record in ours.records("ups", newest_first=True)] == ["3", "2"]
    finally:
        ours.close()
        theirs.close()
