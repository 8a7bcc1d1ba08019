"""The rules in force, in their order, and what became of them: which applies, how often each was asked and fired.

The first enabled rule that applies wins. Decided are occasions of many associations at once: what is counted is
counted under a lock, what is compared is compared without it, because a rule with keys may read a file. Knows no
association; an occasion is a value.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import overload

from pydicom.dataset import Dataset

from workstation.scp.rules.matching import (
    needs_data_set,
    unfulfilled,
    unfulfilled_before_data_set,
    unfulfilled_keys,
)
from workstation.scp.rules.occasion import Occasion
from workstation.scp.rules.rule import EVENTS, Rule
from workstation.scp.rules.words import ordinal

LOGGER = logging.getLogger(__name__)

MOST_OCCASIONS = 500

Listener = Callable[[Occasion, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """What became of a rule.

    Attributes:
        considered: Occasions that were compared with it: no rule before it had won.
        matched: Of these, those that fulfilled its conditions.
        fired: Of these, those that it answered: after "every nth", "first n" and chance.
        last_time: When it last fired, in seconds since the epoch; 0 if never.
    """

    considered: int = 0
    matched: int = 0
    fired: int = 0
    last_time: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one rule says of one occasion: whether it applies, and in words why or why not."""

    rule: Rule
    applies: bool
    sentence: str


class _Tally:
    """The counts of one rule; guarded by the book's lock."""

    __slots__ = ("considered", "counted", "fired", "last_time", "matched")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.considered = 0
        self.matched = 0
        # Of those that matched, those that "every nth" left: "the first n" counts these.
        self.counted = 0
        self.fired = 0
        self.last_time = 0.0


class Undecided:
    """Which rule applies cannot be told before the request's data set has arrived: ask again then, with `decide`."""

    __slots__ = ("_continue",)

    def __init__(self, go_on: Callable[[Occasion], Rule | None]) -> None:
        self._continue = go_on

    def decide(self, occasion: Occasion) -> Rule | None:
        """Return the rule that applies, as `RuleBook.decide` does, going on where it stopped. To be called once."""
        return self._continue(occasion)


class RuleBook:
    """The rules in force. All methods may be called from any thread.

    Args:
        rules: In their order.
        chance: Gives a number from 0 up to but not including 1; for rules with a probability.
    """

    def __init__(self, rules: Iterable[Rule] = (), *, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        # Guards everything below but `_line` and `_events`, which are replaced as a whole.
        self._lock = threading.Lock()
        # By a rule's name, and which one of that name it is: names should differ, but nobody has to see to it.
        self._tallies: dict[tuple[str, int], _Tally] = {}
        self._occasions: deque[tuple[Callable[[], Occasion], str]] = deque(maxlen=MOST_OCCASIONS)
        self._listeners: tuple[tuple[Listener, bool], ...] = ()
        self._rules: tuple[Rule, ...] = ()
        self._line: tuple[tuple[Rule, _Tally], ...] = ()
        self._events: frozenset[str] = frozenset()
        self.replace(rules)

    # the rules

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules in force, in their order."""
        return self._rules

    def replace(self, rules: Iterable[Rule]) -> None:
        """Put other rules in force, at once; what was counted of rules with the same names stays."""
        new = tuple(rules)
        with self._lock:
            old, self._tallies = self._tallies, {}
            line: list[tuple[Rule, _Tally]] = []
            names: Counter[str] = Counter()
            for rule in new:
                key = (rule.name, names[rule.name])
                names[rule.name] += 1
                tally = self._tallies[key] = old.get(key) or _Tally()
                if rule.enabled:
                    line.append((rule, tally))
            self._rules = new
            self._line = tuple(line)
            self._events = frozenset(event for rule, _ in self._line for event in rule.match.events or EVENTS)

    def could_apply(self, event: str) -> bool:
        """Return True if an enabled rule names the event; quick."""
        return event in self._events

    # deciding

    @overload
    def decide(self, occasion: Occasion) -> Rule | None: ...

    @overload
    def decide(self, occasion: Occasion, can_wait: bool) -> Rule | Undecided | None: ...

    def decide(self, occasion: Occasion, can_wait: bool = False) -> Rule | Undecided | None:
        """Return the rule that answers the occasion, or None if none applies, and count.

        Args:
            occasion: What arrived.
            can_wait: Its data set has not arrived yet, and the caller can ask again: `Undecided` is returned where a
                rule with keys has to be asked.
        """
        found = self._decide(occasion, self._line, can_wait)
        if not isinstance(found, Undecided):
            self._remember(lambda: occasion, found)
        return found

    def note(self, occasion: Callable[[], Occasion]) -> None:
        """Remember what no rule concerns, as `could_apply` said.

        Args:
            occasion: Gives what arrived, always the same, when somebody looks at it.
        """
        self._remember(occasion, None)

    def _decide(
        self, occasion: Occasion, line: Sequence[tuple[Rule, _Tally]], can_wait: bool = False
    ) -> Rule | Undecided | None:
        if occasion.event not in self._events:
            return None
        seen: Occasion | None = None
        for place, (rule, tally) in enumerate(line):
            match = rule.match
            if match.events and occasion.event not in match.events:
                continue
            holds = not unfulfilled_before_data_set(match, occasion)
            if holds and needs_data_set(match):
                if can_wait:
                    return Undecided(self._later(line[place:]))
                seen = seen or _once(occasion)
                holds = not unfulfilled_keys(match, seen)
            if self._fires(rule, tally, holds):
                return rule
        return None

    def _later(self, rest: Sequence[tuple[Rule, _Tally]]) -> Callable[[Occasion], Rule | None]:
        def go_on(occasion: Occasion) -> Rule | None:
            found = self._decide(occasion, rest)
            assert not isinstance(found, Undecided)
            self._remember(lambda: occasion, found)
            return found

        return go_on

    def _fires(self, rule: Rule, tally: _Tally, holds: bool) -> bool:
        match = rule.match
        with self._lock:
            tally.considered += 1
            if not holds:
                return False
            tally.matched += 1
            if tally.matched % match.every:
                return False
            tally.counted += 1
            if match.first and tally.counted > match.first:
                return False
            if match.probability < 1 and self._chance() >= match.probability:
                return False
            tally.fired += 1
            tally.last_time = time.time()
            return True

    def _remember(self, occasion: Callable[[], Occasion], rule: Rule | None) -> None:
        name = rule.name if rule is not None else ""
        with self._lock:
            self._occasions.append((occasion, name))
            listeners = self._listeners
        for listener, hears_all in listeners:
            if rule is None and not hears_all:
                continue
            try:
                listener(occasion(), name)
            except Exception:
                LOGGER.exception("Somebody who listens to the rules failed")

    # looking

    def hits(self, name: str) -> Hits:
        """Return what became of the rule of this name; nothing if there is none."""
        with self._lock:
            tally = self._tallies.get((name, 0))
            if tally is None:
                return Hits()
            return Hits(
                considered=tally.considered, matched=tally.matched, fired=tally.fired, last_time=tally.last_time
            )

    def reset_hits(self) -> None:
        """Count from the beginning, also for "every nth" and "the first n"."""
        with self._lock:
            for tally in self._tallies.values():
                tally.reset()

    @property
    def occasions(self) -> tuple[tuple[Occasion, str], ...]:
        """The last occasions that were decided, oldest first, each with the name of the rule that fired, or ""."""
        with self._lock:
            remembered = tuple(self._occasions)
        return tuple((occasion(), name) for occasion, name in remembered)

    def listen(self, listener: Listener, *, hears_all: bool = True) -> Callable[[], None]:
        """Be told of each occasion that is decided, in the association's thread; returns what ends that.

        Args:
            listener: Called with the occasion and the name of the rule that fired, or "".
            hears_all: Also of those that no rule answers: then each occasion is made for it.
        """
        with self._lock:
            self._listeners = (*self._listeners, (listener, hears_all))

        def end() -> None:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one[0] is not listener)

        return end

    def explain(self, occasion: Occasion, rules: Iterable[Rule] | None = None) -> list[Verdict]:
        """Return what each rule would have done with a past occasion; counts nothing, in the order of the rules.

        May read the occasion's data set from the disk. "Every nth", "the first n" and chance are told, not counted: a
        rule that has them applies as far as the occasion goes.

        Args:
            occasion: A past one.
            rules: Other rules than those in force, such as those that are being edited.
        """
        seen = _once(occasion)
        verdicts = []
        winner = ""
        for rule in self._rules if rules is None else rules:
            why_not = unfulfilled(rule.match, seen)
            if why_not:
                verdicts.append(Verdict(rule=rule, applies=False, sentence=why_not))
                continue
            sentence = _applies(rule)
            if not rule.enabled:
                sentence = "It would apply, but it is switched off."
            elif winner:
                sentence = f"It would apply, but {winner!r} comes first."
            applies = rule.enabled and not winner
            verdicts.append(Verdict(rule=rule, applies=applies, sentence=sentence))
            if applies and _is_certain(rule):
                winner = rule.name
        return verdicts


def _is_certain(rule: Rule) -> bool:
    return rule.match.every == 1 and not rule.match.first and rule.match.probability >= 1


def _applies(rule: Rule) -> str:
    match = rule.match
    limits = []
    if match.every > 1:
        limits.append(f"on every {ordinal(match.every)} such occasion")
    if match.first:
        limits.append(f"on the first {match.first}")
    if match.probability < 1:
        limits.append(f"with a probability of {match.probability:g}")
    return f"It applies, {', '.join(limits)}." if limits else "It applies."


def _once(occasion: Occasion) -> Occasion:
    """The same occasion, whose data set is read once however many rules ask for it."""
    kept: list[Dataset | ValueError | None] = []

    def data_set() -> Dataset | None:
        if not kept:
            try:
                kept.append(occasion.data_set())
            except ValueError as error:
                kept.append(error)
        found = kept[0]
        if isinstance(found, ValueError):
            raise found
        return found

    return replace(occasion, data_set=data_set)
