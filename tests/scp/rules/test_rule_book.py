"""The book of rules: order, counting, chance, what is told of the past."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest
from pydicom.dataset import Dataset

from workstation.scp.rules.book import MOST_OCCASIONS, RuleBook, Undecided
from workstation.scp.rules.occasion import Occasion
from workstation.scp.rules.rule import Action, Match, Rule

ECHO = Occasion(event="EVT_C_ECHO", calling="CT1")


def rule(name: str, enabled: bool = True, **match: Any) -> Rule:
    return Rule(name=name, enabled=enabled, match=Match(**match))


def name_of(found: Rule | None) -> str:
    return found.name if found is not None else ""


def test_the_first_that_applies_wins() -> None:
    book = RuleBook([rule("off", enabled=False), rule("mr", calling="MR*"), rule("ct", calling="CT*"), rule("all")])
    assert name_of(book.decide(ECHO)) == "ct"
    assert name_of(book.decide(Occasion(event="EVT_C_FIND"))) == "all"
    assert [book.hits(name).considered for name in ("off", "mr", "ct", "all")] == [0, 2, 2, 1]
    assert [book.hits(name).fired for name in ("off", "mr", "ct", "all")] == [0, 0, 1, 1]
    assert book.hits("ct").last_time > 0
    assert book.hits("nobody").fired == 0


def test_every_nth_and_the_first_of_these() -> None:
    book = RuleBook([rule("a", every=3, first=2)])
    fired = [number for number in range(1, 16) if book.decide(ECHO)]
    assert fired == [3, 6]
    assert (book.hits("a").matched, book.hits("a").fired) == (15, 2)
    book.reset_hits()
    assert [number for number in range(1, 5) if book.decide(ECHO)] == [3]


def test_what_does_not_match_is_not_counted() -> None:
    book = RuleBook([rule("a", calling="CT*", every=2)])
    other = Occasion(event="EVT_C_ECHO", calling="MR1")
    assert [bool(book.decide(one)) for one in (ECHO, other, other, ECHO)] == [False, False, False, True]


def test_a_rule_that_is_used_up_lets_the_next_one_answer() -> None:
    book = RuleBook([rule("first", first=1), rule("then")])
    assert [name_of(book.decide(ECHO)) for _ in range(3)] == ["first", "then", "then"]


def test_chance() -> None:
    thrown = iter([0.1, 0.5, 0.9, 0.49])
    book = RuleBook([rule("a", probability=0.5)], chance=lambda: next(thrown))
    assert [bool(book.decide(ECHO)) for _ in range(4)] == [True, False, False, True]
    assert RuleBook([rule("a", probability=0.0)], chance=lambda: 0.0).decide(ECHO) is None


def test_counts_stay_when_rules_are_replaced() -> None:
    book = RuleBook([rule("a", every=2), rule("b")])
    book.decide(ECHO)
    book.replace([rule("c"), rule("a", every=2, calling="*")])
    assert book.hits("a").matched == 1
    assert book.hits("b").fired == 0
    book.replace([rule("a", every=2)])
    assert name_of(book.decide(ECHO)) == "a"


def test_rules_of_one_name_are_counted_apart() -> None:
    book = RuleBook([rule("a", every=2), rule("a", every=2)])
    assert [bool(book.decide(ECHO)) for _ in range(4)] == [False, True, True, True]


@pytest.mark.parametrize(("events", "echo", "find"), [((), True, True), (("EVT_C_FIND",), False, True)])
def test_it_knows_what_could_apply(events: tuple[str, ...], echo: bool, find: bool) -> None:
    book = RuleBook([rule("off", enabled=False), rule("a", events=events)])
    assert book.could_apply("EVT_C_ECHO") is echo
    assert book.could_apply("EVT_C_FIND") is find
    assert not RuleBook().could_apply("EVT_C_ECHO")


def store(patient: str | None) -> Occasion:
    def data_set() -> Dataset:
        assert patient is not None, "asked for too early"
        made = Dataset()
        made.PatientName = patient
        return made

    return Occasion(event="EVT_C_STORE", calling="CT1", data_set=data_set)


def test_what_has_not_arrived_yet_is_waited_for_where_it_matters() -> None:
    book = RuleBook(
        [
            rule("every", events=("EVT_C_STORE",), every=2),
            rule("mr", calling="MR*", keys={"PatientName": "DOE"}),
            rule("doe", keys={"PatientName": "DOE"}),
            rule("rest"),
        ]
    )
    found = book.decide(store(None), can_wait=True)
    assert isinstance(found, Undecided)
    assert book.occasions == ()
    assert name_of(found.decide(store("DOE"))) == "doe"
    # A rule before those with keys is counted once an occasion, and decides at once when it applies.
    assert name_of(book.decide(store(None), can_wait=True)) == "every"  # type: ignore[arg-type]
    found = book.decide(store(None), can_wait=True)
    assert isinstance(found, Undecided)
    assert name_of(found.decide(store("ROE"))) == "rest"
    assert [book.hits(name).considered for name in ("every", "mr", "doe", "rest")] == [3, 2, 2, 1]
    assert [name for _, name in book.occasions] == ["doe", "every", "rest"]


def test_rules_replaced_meanwhile_do_not_change_what_is_under_way() -> None:
    book = RuleBook([rule("doe", keys={"PatientName": "DOE"})])
    found = book.decide(store(None), can_wait=True)
    book.replace([rule("other")])
    assert isinstance(found, Undecided)
    assert name_of(found.decide(store("DOE"))) == "doe"


def test_the_last_occasions_are_kept_and_told() -> None:
    book = RuleBook([rule("a", calling="CT*")])
    told: list[tuple[str, str]] = []
    end = book.listen(lambda occasion, name: told.append((occasion.calling, name)))
    book.listen(lambda *_: 1 / 0)
    book.decide(ECHO)
    book.decide(Occasion(event="EVT_C_ECHO", calling="MR1"))
    end()
    book.decide(ECHO)
    assert told == [("CT1", "a"), ("MR1", "")]
    for _ in range(MOST_OCCASIONS + 10):
        book.decide(ECHO)
    assert len(book.occasions) == MOST_OCCASIONS


def test_without_rules_what_happens_is_kept_too() -> None:
    book = RuleBook()
    assert book.decide(ECHO) is None
    assert [(occasion.number, name) for occasion, name in book.occasions] == [(ECHO.number, "")]


def test_a_past_event_is_explained_and_nothing_counted() -> None:
    reads: list[int] = []

    def data_set() -> Dataset:
        reads.append(1)
        made = Dataset()
        made.PatientName = "DOE"
        return made

    occasion = Occasion(event="EVT_C_FIND", calling="CT1", data_set=data_set)
    book = RuleBook(
        [
            rule("mr", calling="MR*"),
            rule("off", enabled=False),
            rule("now and then", every=3, first=2, probability=0.5),
            rule("roe", keys={"PatientName": "ROE"}),
            rule("doe", keys={"PatientName": "DOE"}),
            rule("rest"),
        ]
    )
    verdicts = book.explain(occasion)
    assert [(verdict.rule.name, verdict.applies, verdict.sentence) for verdict in verdicts] == [
        ("mr", False, "Calling AE title is CT1, not MR*."),
        ("off", False, "It would apply, but it is switched off."),
        ("now and then", True, "It applies, on every 3rd such occasion, on the first 2, with a probability of 0.5."),
        ("roe", False, "PatientName is DOE, not ROE."),
        ("doe", True, "It applies."),
        ("rest", False, "It would apply, but 'doe' comes first."),
    ]
    assert len(reads) == 1
    assert book.hits("doe").considered == 0
    assert [verdict.applies for verdict in book.explain(occasion, [rule("other", calling="CT1")])] == [True]


def test_many_associations_count_together() -> None:
    book = RuleBook(
        [Rule(name="nth", match=Match(every=7), action=Action(answer="status", status=1)), rule("first", first=50)]
    )
    found: Counter[str] = Counter()
    lock = threading.Lock()
    begin = threading.Barrier(8)

    def run() -> None:
        begin.wait()
        mine = Counter(name_of(book.decide(ECHO)) for _ in range(700))
        with lock:
            found.update(mine)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"nth": 800, "first": 50, "": 5600 - 850}
    assert book.hits("nth").considered == book.hits("nth").matched == 5600
