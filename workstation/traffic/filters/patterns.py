"""Regular expressions that cannot hang: what a person types in a filter, looked for in what a peer sent.

Python's own engine tries one way after another and may need longer than anybody lives for `(a+)+$`; it cannot be
interrupted either. This one follows all ways at once and remembers the sets of places it has been in (a deterministic
automaton, built as it is needed), so its time grows with the text alone. The price: no look-around, no back-references
and no word boundaries, and it only says whether there is a match. Upper and lower case are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["Pattern", "PatternError"]

_MAX_PLACES = 300
_MAX_DEPTH = 30
_MAX_STATES = 2_000
_MAX_REMEMBERED = 10_000
_LONGEST_REMEMBERED = 256
_QUANTIFIERS: Final = frozenset("*+?{")
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "a": "\a", "0": "\0"}


class PatternError(ValueError):
    """A pattern that is none, or that this engine does not know: a sentence, and where."""

    def __init__(self, sentence: str, position: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.position = position


@dataclass(frozen=True, slots=True)
class _Characters:
    """A set of characters."""

    ranges: tuple[tuple[str, str], ...] = ()
    classes: str = ""  # letters of \d \D \w \W \s \S
    negated: bool = False

    def has(self, character: str) -> bool:
        return (self._lists(character) or self._lists(character.upper())) != self.negated

    def _lists(self, character: str) -> bool:
        for first, last in self.ranges:
            if first <= character <= last:
                return True
        return any(_is_of(character, each) for each in self.classes)


def _is_of(character: str, each: str) -> bool:
    match each.lower():
        case "d":
            found = character.isdigit()
        case "s":
            found = character.isspace()
        case _:
            found = character.isalnum() or character == "_"
    return found != each.isupper()


_ANY: Final = _Characters(negated=True)


# What the parser makes: a tree of these.
@dataclass(frozen=True, slots=True)
class _Sequence:
    nodes: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    nodes: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    node: _Node
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class _Edge:
    """The beginning or the end of the text."""

    at_start: bool


_Node = _Characters | _Sequence | _Choice | _Repeat | _Edge


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def run(self) -> _Node:
        if self._text.startswith("(?i)"):
            self._at = 4
        node = self._choice(0)
        if self._at < len(self._text):
            raise PatternError("The ) in the pattern closes nothing.", self._at)
        return node

    def _peek(self) -> str:
        return self._text[self._at] if self._at < len(self._text) else ""

    def _take(self, what: str) -> bool:
        if self._text.startswith(what, self._at):
            self._at += len(what)
            return True
        return False

    def _choice(self, depth: int) -> _Node:
        if depth > _MAX_DEPTH:
            raise PatternError(f"The pattern is nested deeper than {_MAX_DEPTH}.", self._at)
        nodes = [self._sequence(depth)]
        while self._take("|"):
            nodes.append(self._sequence(depth))
        return nodes[0] if len(nodes) == 1 else _Choice(tuple(nodes))

    def _sequence(self, depth: int) -> _Node:
        nodes: list[_Node] = []
        while self._peek() not in ("", "|", ")"):
            nodes.append(self._repeated(depth))
        return _Sequence(tuple(nodes))

    def _repeated(self, depth: int) -> _Node:
        start = self._at
        if self._peek() in "*+?":
            raise PatternError(
                f"{self._peek()} repeats nothing here; for the sign itself write \\{self._peek()}.", start
            )
        node = self._atom(depth)
        while self._peek() in _QUANTIFIERS:
            here = self._at
            bounds = self._bounds()
            if bounds is None:
                break
            least, most = bounds
            self._take("?")  # lazy or not is the same for whether there is a match
            if isinstance(node, _Edge):
                raise PatternError("The beginning or end of the text cannot be repeated.", here)
            node = _Repeat(node, least, most)
        return node

    def _bounds(self) -> tuple[int, int | None] | None:
        """How often, for the quantifier here; None when the { is a plain one."""
        if self._take("*"):
            return 0, None
        if self._take("+"):
            return 1, None
        if self._take("?"):
            return 0, 1
        start = self._at
        end = self._text.find("}", start)
        first, comma, last = self._text[start + 1 : end].partition(",") if end > 0 else ("", "", "")
        digits = first + last
        if not digits.isascii() or not digits.isdigit() or not (first or comma):
            return None
        if len(digits) > 6:
            raise PatternError("This repeats too often: at most a few dozen times.", start)
        self._at = end + 1
        least = int(first) if first else 0
        most = least if not comma else int(last) if last else None
        if most is not None and most < least:
            raise PatternError(f"{{{least},{most}}} ends before it begins.", start)
        return least, most

    def _atom(self, depth: int) -> _Node:
        start = self._at
        character = self._text[start]
        self._at += 1
        match character:
            case "(":
                return self._group(start, depth)
            case "[":
                return self._set(start)
            case ".":
                return _ANY
            case "^":
                return _Edge(True)
            case "$":
                return _Edge(False)
            case "\\":
                return self._escape(start)
        return _one(character)

    def _group(self, start: int, depth: int) -> _Node:
        if self._peek() == "?":
            if self._take("?:"):
                pass
            elif self._take("?P<") or (self._text[self._at : self._at + 3] not in ("?<=", "?<!") and self._take("?<")):
                end = self._text.find(">", self._at)
                if end < 0:
                    raise PatternError("The name of this group has no end.", start)
                self._at = end + 1
            else:
                raise PatternError("Look-around and the like are not known here; (?:...) is.", start)
        node = self._choice(depth + 1)
        if not self._take(")"):
            raise PatternError("This parenthesis of the pattern is not closed.", start)
        return node

    def _set(self, start: int) -> _Characters:
        negated = self._take("^")
        ranges: list[tuple[str, str]] = []
        classes = ""
        first = True
        while first or self._peek() != "]":
            if not self._peek():
                raise PatternError("This set of characters is not closed: ] is missing.", start)
            first = False
            low = self._member()
            if isinstance(low, _Characters):
                classes += low.classes
                continue
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                at = self._at
                self._at += 1
                high = self._member()
                if isinstance(high, _Characters) or high < low:
                    raise PatternError("This range of characters ends before it begins.", at)
                ranges += _both_cases(low, high)
            else:
                ranges += _both_cases(low, low)
        self._at += 1
        return _Characters(tuple(ranges), classes, negated)

    def _member(self) -> str | _Characters:
        start = self._at
        character = self._text[start]
        self._at += 1
        if character != "\\":
            return character
        escaped = self._escape(start)
        if isinstance(escaped, _Edge):
            raise PatternError("This cannot stand in a set of characters.", start)
        return escaped if escaped.classes else escaped.ranges[0][0]

    def _escape(self, start: int) -> _Characters | _Edge:
        letter = self._peek()
        if not letter:
            raise PatternError("A backslash at the end escapes nothing; for the sign itself write \\\\.", start)
        self._at += 1
        if letter in "dDwWsS":
            return _Characters(classes=letter)
        if letter in "xu":
            count = 2 if letter == "x" else 4
            digits = self._text[self._at : self._at + count]
            try:
                code = int(digits, 16)
            except ValueError:
                code = -1
            if len(digits) != count or code < 0:
                raise PatternError(f"\\{letter} needs {count} hexadecimal digits.", start)
            self._at += count
            return _one(chr(code))
        if letter in _ESCAPED:
            return _one(_ESCAPED[letter])
        if letter in "AZz":
            return _Edge(letter == "A")
        if letter.isdigit():
            raise PatternError("Back-references are not known here.", start)
        if letter.isascii() and letter.isalpha():
            what = "Word boundaries are" if letter in "bB" else f"\\{letter} is"
            raise PatternError(f"{what} not known here.", start)
        return _one(letter)


def _one(character: str) -> _Characters:
    return _Characters(tuple(_both_cases(character, character)))


def _both_cases(low: str, high: str) -> list[tuple[str, str]]:
    if low == high:
        return [(each, each) for each in dict.fromkeys((low, low.lower(), low.upper())) if len(each) == 1]
    return [(low, high)]


class _State:
    """A set of places; `after` is filled as characters come."""

    __slots__ = ("accepts", "accepts_at_end", "after", "places")

    def __init__(self, places: tuple[int, ...], accepts: bool, accepts_at_end: bool) -> None:
        self.places = places
        self.accepts = accepts
        self.accepts_at_end = accepts_at_end
        self.after: dict[str, _State] = {}


class Pattern:
    """A regular expression.

    Raises:
        PatternError: It is none, is too long, or needs what this engine does not know.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        # Of each place what it takes (a set, an edge, or None for a fork) and the places behind it.
        self._takes: list[_Characters | _Edge | None] = []
        self._next: list[tuple[int, ...]] = []
        self._end = self._place(None, ())
        self._start = self._build(_Parser(text).run(), self._end)
        self._known: dict[tuple[tuple[int, ...], bool, bool], _State] = {}
        self._first = self._state({self._start}, at_start=True)
        self._results: dict[str, bool] = {}

    def search(self, text: str) -> bool:
        """Whether it matches anywhere in the text."""
        result = self._results.get(text)
        if result is None:
            result = self._run(text)
            if len(text) <= _LONGEST_REMEMBERED:
                if len(self._results) >= _MAX_REMEMBERED:
                    self._results.clear()
                self._results[text] = result
        return result

    def _run(self, text: str) -> bool:
        state = self._first
        for character in text.lower():
            if state.accepts:
                return True
            following = state.after.get(character)
            if following is None:
                following = self._step(state, character)
            state = following
        return state.accepts or state.accepts_at_end

    # ------------------------------------------------------------------- states, made when they are needed
    def _step(self, state: _State, character: str) -> _State:
        reached = {self._start}
        for place in state.places:
            takes = self._takes[place]
            if isinstance(takes, _Characters) and takes.has(character):
                reached.update(self._next[place])
        following = self._state(reached, at_start=False)
        state.after[character] = following
        return following

    def _state(self, reached: set[int], *, at_start: bool) -> _State:
        places = self._closure(reached, at_start=at_start, at_end=False)
        accepts = self._end in places
        accepts_at_end = accepts or self._end in self._closure(reached, at_start=at_start, at_end=True)
        taking = tuple(sorted(place for place in places if isinstance(self._takes[place], _Characters)))
        key = (taking, accepts, accepts_at_end)
        state = self._known.get(key)
        if state is None:
            if len(self._known) >= _MAX_STATES:
                for each in self._known.values():
                    each.after.clear()
                self._known.clear()
            state = self._known[key] = _State(*key)
        return state

    def _closure(self, reached: set[int], *, at_start: bool, at_end: bool) -> set[int]:
        """All places that are reached without taking a character."""
        places: set[int] = set()
        left = list(reached)
        while left:
            place = left.pop()
            if place in places:
                continue
            takes = self._takes[place]
            if isinstance(takes, _Edge) and not (at_start if takes.at_start else at_end):
                continue
            places.add(place)
            if not isinstance(takes, _Characters):
                left += self._next[place]
        return places

    # ------------------------------------------------------------------- from the tree to places, back to front
    def _place(self, takes: _Characters | _Edge | None, following: tuple[int, ...]) -> int:
        if len(self._takes) >= _MAX_PLACES:
            raise PatternError("The pattern is too long, or repeats too much.", 0)
        self._takes.append(takes)
        self._next.append(following)
        return len(self._takes) - 1

    def _build(self, node: _Node, following: int) -> int:
        """The first place of a node behind which `following` comes."""
        match node:
            case _Characters() | _Edge():
                return self._place(node, (following,))
            case _Sequence(nodes):
                for each in reversed(nodes):
                    following = self._build(each, following)
                return following
            case _Choice(nodes):
                return self._place(None, tuple(self._build(each, following) for each in nodes))
            case _Repeat(inner, least, most):
                if most is None:
                    fork = self._place(None, ())
                    self._next[fork] = (self._build(inner, fork), following)
                    following = fork
                else:
                    after = following
                    for _ in range(most - least):
                        following = self._place(None, (self._build(inner, following), after))
                for _ in range(least):
                    following = self._build(inner, following)
        return following
