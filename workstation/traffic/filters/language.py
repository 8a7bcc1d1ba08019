"""The language of display filters: text to a tree of tests.

    calling == "CT1" and (status != 0 or response_time > 2 s) and not dimse == C-ECHO

It knows words, operators and how deep they nest; what a field means is the business of `filter_fields`, how a tree is
run that of `filter`. Any text gives a tree or a `FilterError`, in time that grows with its length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from workstation.traffic.text import printable

__all__ = [
    "MAX_TEXT",
    "RELATIONS",
    "And",
    "FilterError",
    "Not",
    "Or",
    "Span",
    "Test",
    "Token",
    "Tree",
    "Value",
    "parse",
    "quoted",
    "tokens_of",
]

MAX_TEXT = 4096
# Deeper ones are a slip of the hand or an attack on the stack.
_MAX_DEPTH = 40

RELATIONS: Final = {
    "==": "==",
    "=": "==",
    "eq": "==",
    "!=": "!=",
    "<>": "!=",
    "ne": "!=",
    "<": "<",
    "lt": "<",
    "<=": "<=",
    "le": "<=",
    ">": ">",
    "gt": ">",
    ">=": ">=",
    "ge": ">=",
    "contains": "contains",
    "matches": "matches",
    "~": "matches",
    "in": "in",
}
"""Every way to write a relation, and the way that is meant."""

_LOGIC: Final = {"and": "and", "&&": "and", "or": "or", "||": "or", "not": "not", "!": "not"}


class FilterError(ValueError):
    """A filter that is none: a sentence for the person who typed it, and where the trouble is.

    Args:
        sentence: What is wrong and what would be right.
        position: Of the first character that it is about.
        length: Of what it is about, 0 at the end of the text.
    """

    def __init__(self, sentence: str, position: int = 0, length: int = 0) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.position = position
        self.length = length


@dataclass(frozen=True, slots=True)
class Token:
    """A piece; `kind` is "text", "tag", "moment", "number", "word", "relation", "logic" or the mark itself."""

    kind: str
    text: str
    position: int
    value: str = ""

    @property
    def end(self) -> int:
        """Where the next character stands."""
        return self.position + len(self.text)


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it was written."""

    kind: str  # "text" | "number" | "moment" | "word"
    text: str  # without its quotes
    unit: str
    position: int
    length: int


@dataclass(frozen=True, slots=True)
class Span:
    """From one value to another, both included."""

    first: Value
    last: Value


@dataclass(frozen=True, slots=True)
class Test:
    """A field alone ("is there", relation ""), or compared with values; only "in" has more than one."""

    name: str
    relation: str
    values: tuple[Value | Span, ...]
    position: int
    length: int


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    tree: Tree


@dataclass(frozen=True, slots=True)
class And:
    """All of them."""

    trees: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of them."""

    trees: tuple[Tree, ...]


Tree = Test | Not | And | Or

_TOKEN: Final = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<open_text>["'])
    | (?P<tag>(?:[tT][aA][gG]\s*)?\(\s*[0-9a-fA-F]{4}\s*,\s*[0-9a-fA-F]{4}\s*\))
    | (?P<moment>\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)?|\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)(?![\w:.-])
    | (?P<dotted>\d+(?:\.\d+){2,}\.?(?![\w.-])|[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2})+(?![\w:]))
    | (?P<number>-?(?:0[xX][0-9a-fA-F]+|\d+(?:\.(?!\.)\d*)?(?![xX])))
    | (?P<range>\.\.)
    | (?P<relation>==|!=|<>|<=|>=|=|<|>|~)
    | (?P<logic>&&|\|\||!)
    | (?P<mark>[(){},])
    | (?P<word>[^\W\d][\w-]*(?:\.(?!\.)[\w-]+)*)
    """,
    re.VERBOSE | re.DOTALL,
)
_UNIT: Final = re.compile(r"\s*(ns|us|µs|μs|ms|min|s|h|KiB|MiB|GiB|kB|KB|MB|GB|B|k|M|G)(?![\w.])")
_GLUED: Final = re.compile(r"\w+")
_ESCAPE: Final = re.compile(r'\\(["\'\\])')


def quoted(text: str) -> str:
    """A text as the language writes it, so that it is read back as it was."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def tokens_of(text: str, *, lenient: bool = False) -> list[Token]:
    """The pieces of a text, spaces left out.

    Args:
        text: The filter.
        lenient: Leave out what is no piece instead of refusing it, and take an open text up to its end: for completion.

    Raises:
        FilterError: Something in it is no piece of a filter.
    """
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            if not lenient:
                raise FilterError(f"{printable(text[position])} means nothing here.", position, 1)
            position += 1
            continue
        kind, piece = found.lastgroup or "", found.group()
        if kind == "open_text":
            if not lenient:
                raise FilterError("The text in quotes has no end: close it with another quote.", position, 1)
            tokens.append(Token("open text", text[position:], position, text[position + 1 :]))
            break
        token = _token(kind, piece, position)
        position = found.end()
        if token.kind == "number":
            unit = _UNIT.match(text, position)
            if unit is not None:
                token = Token("number", text[token.position : unit.end()], token.position, piece)
                position = unit.end()
            elif (glued := _GLUED.match(text, position)) is not None:
                # Hexadecimal digits that begin with a decimal one, and names like 4D_CT.
                position = glued.end()
                piece += glued.group()
                token = Token("word", piece, token.position, piece)
        if token.kind != "space":
            tokens.append(token)
    return tokens


def _token(kind: str, piece: str, position: int) -> Token:
    lower = piece.lower()
    if kind == "text":
        return Token("text", piece, position, _ESCAPE.sub(r"\1", piece[1:-1]))
    if kind == "word" and lower in _LOGIC:
        return Token("logic", piece, position, _LOGIC[lower])
    if kind == "word" and lower in RELATIONS:
        return Token("relation", piece, position, RELATIONS[lower])
    if kind == "relation":
        return Token(kind, piece, position, RELATIONS[piece])
    if kind == "logic":
        return Token(kind, piece, position, _LOGIC[piece])
    if kind in ("mark", "range"):
        return Token(piece, piece, position, piece)
    if kind == "dotted":
        return Token("word", piece, position, piece)
    if kind == "tag":
        digits = "".join(re.findall(r"[0-9a-fA-F]{4}", piece))
        return Token("tag", piece, position, f"({digits[:4].upper()},{digits[4:8].upper()})")
    return Token(kind, piece, position, piece)


def parse(text: str) -> Tree:
    """The tree of a filter.

    Raises:
        FilterError: It is none.
    """
    if len(text) > MAX_TEXT:
        raise FilterError(f"The filter has {len(text):,} characters: at most {MAX_TEXT:,}.", MAX_TEXT, 0)
    return _Parser(text).run()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens_of(text)
        self._at = 0

    def run(self) -> Tree:
        if not self._tokens:
            raise FilterError("The filter is empty.", 0, len(self._text))
        tree = self._any_of(0)
        token = self._peek()
        if token is not None:
            raise self._unexpected(token)
        return tree

    def _unexpected(self, token: Token) -> FilterError:
        shown = printable(token.text, 40)
        match token.kind:
            case ")":
                return FilterError("This parenthesis closes nothing: there is none open.", token.position, 1)
            case "relation":
                return FilterError(f"{shown} has nothing in front of it to compare.", token.position, len(token.text))
            case "," | "}" | "{":
                sentence = f"{shown} belongs in a set: status in {{0xA700, 0xC000}}."
                return FilterError(sentence, token.position, 1)
            case _:
                before = self._tokens[self._at - 1] if self._at else token
                name = printable(before.text, 40)
                if before.kind in ("word", "tag") and token.kind in ("text", "number", "moment"):
                    sentence = f"A comparison is missing before {shown}: {name} == {shown}."
                else:
                    sentence = f"Write and, or between the tests: there is none before {shown}."
                return FilterError(sentence, token.position, len(token.text))

    # ------------------------------------------------------------------- logic
    def _any_of(self, depth: int) -> Tree:
        trees = [self._all_of(depth)]
        while self._take("logic", "or"):
            trees.append(self._all_of(depth))
        return trees[0] if len(trees) == 1 else Or(tuple(trees))

    def _all_of(self, depth: int) -> Tree:
        trees = [self._one(depth)]
        while self._take("logic", "and"):
            trees.append(self._one(depth))
        return trees[0] if len(trees) == 1 else And(tuple(trees))

    def _one(self, depth: int) -> Tree:
        token = self._peek()
        if token is None:
            raise FilterError("Something is missing at the end: a field, or a text in quotes.", len(self._text), 0)
        if depth > _MAX_DEPTH:
            raise FilterError(f"Nested deeper than {_MAX_DEPTH}.", token.position, len(token.text))
        if self._take("logic", "not"):
            return Not(self._one(depth + 1))
        if self._take("("):
            tree = self._any_of(depth + 1)
            if not self._take(")"):
                found = self._peek()
                if found is not None and found.kind not in ("(",):
                    raise self._unexpected(found)
                raise FilterError("This parenthesis is not closed.", token.position, 1)
            return tree
        return self._test(token)

    # ------------------------------------------------------------------- tests
    def _test(self, token: Token) -> Tree:
        if token.kind == "text":
            self._at += 1
            following = self._peek()
            if following is not None and following.kind == "relation":
                raise FilterError(
                    f"A field belongs before {following.text}, not a text in quotes.", token.position, len(token.text)
                )
            value = Value("text", token.value, "", token.position, len(token.text))
            return Test("text", "contains", (value,), token.position, len(token.text))
        if token.kind not in ("word", "tag"):
            if token.kind in ("number", "moment"):
                raise FilterError(
                    f"{printable(token.text, 40)} is a value: write a field and a comparison before it, or put it in "
                    "quotes to find it as text.",
                    token.position,
                    len(token.text),
                )
            if token.kind == "logic":
                sentence = f"Something is missing before {token.text}: a field, or a text in quotes."
                raise FilterError(sentence, token.position, len(token.text))
            raise self._unexpected(token)
        self._at += 1
        name = token.value or token.text
        relation = self._peek()
        if relation is None or relation.kind != "relation":
            return Test(name, "", (), token.position, len(token.text))
        self._at += 1
        values = self._values(relation) if relation.value == "in" else (self._value(relation),)
        length = self._tokens[self._at - 1].end - token.position
        return Test(name, relation.value, values, token.position, length)

    def _values(self, relation: Token) -> tuple[Value | Span, ...]:
        start = self._peek()
        if not self._take("{"):
            return (self._range(relation),)
        assert start is not None
        values = [self._range(relation)]
        while not self._take("}"):
            if self._peek() is None:
                raise FilterError("This set is not closed: } is missing.", start.position, 1)
            # Commas are what people write; spaces are Wireshark's way.
            self._take(",")
            values.append(self._range(relation))
        return tuple(values)

    def _range(self, relation: Token) -> Value | Span:
        first = self._value(relation)
        return Span(first, self._value(relation)) if self._take("..") else first

    def _value(self, relation: Token) -> Value:
        token = self._peek()
        if token is None:
            sentence = f"A value is missing after {relation.text}."
            raise FilterError(sentence, relation.position, len(relation.text))
        if token.kind not in ("text", "number", "moment", "word", "tag"):
            sentence = f"A value belongs after {relation.text}; put text in quotes."
            raise FilterError(sentence, token.position, len(token.text))
        self._at += 1
        if token.kind == "number":
            unit = token.text[len(token.value) :].strip()
            return Value("number", token.value, unit, token.position, len(token.text))
        kind = "word" if token.kind == "tag" else token.kind
        return Value(kind, token.value, "", token.position, len(token.text))

    # ------------------------------------------------------------------- tokens
    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, kind: str, value: str = "") -> bool:
        token = self._peek()
        if token is None or token.kind != kind or (value and token.value != value):
            return False
        self._at += 1
        return True
