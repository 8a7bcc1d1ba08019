"""Display filters: which messages a person wants to see.

    Filter.of('calling == "CT1" and status != 0').rows(conversation)

A filter is compiled to a function of Python's, from a syntax tree that is built here: nothing that a person typed is
ever read as Python. Over a million rows a comparison of attributes takes about a tenth of a second; what has to be
decoded or searched takes longer, and `search` does it in steps. What a row passes may change as long as it grows (its
status comes with the end of its command), so a changed row has to be asked about again.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from workstation.net.status import codes_of
from workstation.traffic.conversation import Conversation
from workstation.traffic.filters import reading
from workstation.traffic.filters.asking import Completion, combine, complete, filter_on, filter_on_field
from workstation.traffic.filters.fields import (
    MESSAGE_NAMES,
    PDU_TYPES,
    STATUS_WORDS,
    FilterField,
    Guard,
    Kind,
    all_names,
    field_named,
    keywords_like,
    operators_of,
    suggestion,
    uid_keywords,
    uids_named,
)
from workstation.traffic.filters.language import (
    And,
    FilterError,
    Not,
    Or,
    Span,
    Test,
    Tree,
    Value,
    parse,
)
from workstation.traffic.filters.patterns import Pattern, PatternError
from workstation.traffic.rows import MessageRow, PduRow
from workstation.traffic.text import printable

__all__ = [
    "Completion",
    "Filter",
    "FilterError",
    "combine",
    "complete",
    "filter_on",
    "filter_on_field",
]

_Rows = Callable[[Conversation, list[MessageRow]], list[int]]
_Passes = Callable[[Conversation, MessageRow], bool]
_Any = Callable[[Conversation, list[MessageRow]], bool]
_Bare = Callable[[Conversation], bool]

# Rows in a step of `search`, by the cost of the dearest test: each a few milliseconds.
_STEPS: Final = {0: 10_000, 1: 4_000, 2: 100, 3: 20}

# Ours; the marks `_here_` are replaced by what a filter asks.
_FRAME: Final = """
def rows(conversation, rows):
    start = conversation.start_time
    return [row.number for row in rows if _here_]

def passes(conversation, row):
    start = conversation.start_time
    return True if _here_ else False

def any_of(conversation, rows):
    start = conversation.start_time
    for row in rows:
        if _here_:
            return True
    return False

def bare(conversation):
    start = conversation.start_time
    return True if _here_ else False
"""


class Filter:
    """A compiled display filter; equal to another of the same text.

    Attributes:
        text: as it was typed, without the spaces around it.
        tree: what it says.
        on_association_only: whether all rows of a conversation pass or none does.
        cost: of the dearest test: 0 an attribute, 1 looked up, 2 decoded, 3 searched.
    """

    __slots__ = ("_any", "_bare", "_passes", "_rows", "cost", "on_association_only", "text", "tree")

    def __init__(self, text: str, tree: Tree) -> None:
        self.text = text.strip()
        self.tree = tree
        functions, self.cost, self.on_association_only = _compile(tree)
        self._rows: _Rows = functions["rows"]
        self._passes: _Passes = functions["passes"]
        self._any: _Any = functions["any_of"]
        self._bare: _Bare = functions["bare"]

    @classmethod
    def of(cls, text: str) -> Filter:
        """The filter that a text describes.

        Raises:
            FilterError: It describes none; nothing else is raised, whatever the text.
        """
        return cls(text, parse(text))

    def passes(self, conversation: Conversation, row: MessageRow | PduRow | None) -> bool:
        """Whether a row is to be seen; for a PDU, whether its message is; for None, whether the association is."""
        if isinstance(row, PduRow):
            row = row.message
        return self._bare(conversation) if row is None else self._passes(conversation, row)

    def rows(self, conversation: Conversation, first: int = 0, last: int | None = None) -> list[int]:
        """The numbers of the messages that are to be seen, ascending.

        Args:
            conversation: whose rows.
            first: index in `conversation.rows` of the first to look at.
            last: index behind the last to look at; None for all.
        """
        rows = conversation.rows if not first and last is None else conversation.rows[first:last]
        return self._rows(conversation, rows)

    def any(self, conversation: Conversation) -> bool:
        """Whether any row is to be seen; without rows, whether the association itself passes."""
        if not conversation.rows:
            return self._bare(conversation)
        if self.on_association_only:
            return self._passes(conversation, conversation.rows[0])
        return self._any(conversation, conversation.rows)

    def search(self, conversation: Conversation, found: list[int], most: int = 0) -> Iterator[None]:
        """Do the same as `rows` in steps of a few milliseconds, and put the numbers in `found`.

        Rows may be added and let go between the steps.

        Args:
            conversation: whose rows.
            found: where the numbers go, ascending.
            most: end once there are so many; 1 to ask whether there are any. 0 for all.
        """
        step = _STEPS[self.cost]
        following = conversation.trimmed + 1
        while conversation.index_of(following) < len(conversation.rows):
            first = max(conversation.index_of(following), 0)
            found += self.rows(conversation, first, first + step)
            if 0 < most <= len(found):
                del found[most:]
                return
            following = conversation.trimmed + 1 + first + step
            yield

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filter) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Filter.of({self.text!r})"


# --- compiling ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Code:
    """An expression, what it costs, and whether it is the same for all rows."""

    expression: ast.expr
    cost: int
    of_association: bool


def _compile(tree: Tree) -> tuple[dict[str, Any], int, bool]:
    compiler = _Compiler(rows=True)
    code = compiler.code(tree)
    root = compiler.outside(code).expression if code.of_association else code.expression
    bare = _Compiler(rows=False, names=compiler.names)
    bare_root = bare.code(tree).expression
    module = ast.parse(_FRAME)
    for function in module.body:
        assert isinstance(function, ast.FunctionDef)
        is_bare = function.name == "bare"
        function.body[1:1] = bare.prelude if is_bare else compiler.prelude
        _Here(bare_root if is_bare else root).visit(function)
    ast.fix_missing_locations(module)
    space: dict[str, Any] = {"__builtins__": {}, "len": len, "reading": reading, **compiler.names}
    # Our own frame and expressions; what was typed is in it as constants and as values of `names`.
    exec(compile(module, "<display filter>", "exec"), space)
    return space, code.cost, code.of_association


class _Here(ast.NodeTransformer):
    """Puts an expression where the frame says `_here_`."""

    def __init__(self, expression: ast.expr) -> None:
        self._expression = expression

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._expression if node.id == "_here_" else node


class _Compiler:
    """Makes expressions of tests.

    Args:
        rows: whether there are rows; without, no test of a row is passed.
        names: values that the expressions refer to.
    """

    def __init__(self, *, rows: bool, names: dict[str, Any] | None = None) -> None:
        self.names: dict[str, Any] = {} if names is None else names
        self.prelude: list[ast.stmt] = []
        self._rows = rows

    def code(self, tree: Tree) -> _Code:
        match tree:
            case Test():
                return self._test(tree)
            case Not(inner):
                code = self.code(inner)
                return _Code(ast.UnaryOp(ast.Not(), code.expression), code.cost, code.of_association)
            case And(trees):
                return self._logic(ast.And(), trees)
            case Or(trees):
                return self._logic(ast.Or(), trees)

    def _logic(self, how: ast.boolop, trees: tuple[Tree, ...]) -> _Code:
        codes = [self.code(tree) for tree in trees]
        of_association = all(code.of_association for code in codes)
        if not of_association:
            codes = [self.outside(code) if code.of_association else code for code in codes]
        # The cheap tests first: those behind are often spared. None of them has an effect, so their order is free.
        codes.sort(key=lambda code: (not code.of_association, code.cost))
        expressions = [code.expression for code in codes]
        return _Code(ast.BoolOp(how, expressions), max(code.cost for code in codes), of_association)

    def outside(self, code: _Code) -> _Code:
        """What is the same for all rows, reckoned once before them."""
        name = f"all_{len(self.prelude)}"
        self.prelude.append(ast.Assign([ast.Name(name, ast.Store())], code.expression))
        return _Code(ast.Name(name, ast.Load()), code.cost, True)

    def _test(self, test: Test) -> _Code:
        field = _field_of(test)
        if not self._rows and not field.of_association:
            return _Code(ast.Constant(False), 0, True)
        return _Code(self._expression(field, test), field.cost, field.of_association)

    # ------------------------------------------------------------------- one test
    def _expression(self, field: FilterField, test: Test) -> ast.expr:
        if field.name == "text":
            return self._called(_text_test(test))
        if field.kind is Kind.BYTES:
            return self._called(_bytes_test(test))
        if field.kind is Kind.ELEMENT:
            access = field.access[0]
            return _expression(f"{self._name(_element_test(test))}({access})")
        found = [self._of_access(field, access, test) for access in field.access]
        if len(found) == 1:
            return found[0]
        if test.relation == "!=":
            # It has the value in none of its places, and is there at all.
            there = ast.BoolOp(ast.Or(), [_present(field, access) for access in field.access])
            return ast.BoolOp(ast.And(), [there, *found])
        return ast.BoolOp(ast.Or(), found)

    def _of_access(self, field: FilterField, access: str, test: Test) -> ast.expr:
        if field.each:
            return self._of_each(field, access, test)
        if not test.relation:
            return _present(field, access)
        several = len(field.access) > 1 and test.relation == "!="
        compared = self._compared(field, access, test)
        simple = test.relation == "==" or (test.relation == "in" and field.guard is not Guard.NOT_NONE)
        if several or simple or field.guard is Guard.ALWAYS:
            return compared
        return ast.BoolOp(ast.And(), [_present(field, access), compared])

    def _of_each(self, field: FilterField, access: str, test: Test) -> ast.expr:
        if not test.relation:
            return _expression(f"len({field.each}) > 0")
        positive = Test(test.name, "==" if test.relation == "!=" else test.relation, test.values, 0, 0)
        compared = self._compared(field, access, positive)
        found: ast.expr = _expression(f"len([item for item in {field.each} if _here_]) > 0")
        _Here(compared).visit(found)
        if test.relation != "!=":
            return found
        return ast.BoolOp(ast.And(), [_expression(f"len({field.each}) > 0"), ast.UnaryOp(ast.Not(), found)])

    def _compared(self, field: FilterField, access: str, test: Test) -> ast.expr:
        left = _expression(access)
        match field.kind:
            case Kind.NUMBER | Kind.SECONDS | Kind.SIZE | Kind.STATUS | Kind.PDU_TYPE:
                return self._number(left, field, test)
            case Kind.TEXT | Kind.NAME:
                return self._words(access, field, test)
            case Kind.MESSAGE:
                return self._message(access, test)
            case Kind.UID:
                return self._uid(access, field, test)
            case Kind.MOMENT:
                return self._called_with(access, _moment_test(field, test))
            case Kind.DIRECTION:
                return _direction(left, test)
            case _:
                wanted = _flag(test)
                return left if wanted else ast.UnaryOp(ast.Not(), left)

    def _number(self, left: ast.expr, field: FilterField, test: Test) -> ast.expr:
        if test.relation in _COMPARE and field.kind in (Kind.NUMBER, Kind.SECONDS, Kind.SIZE):
            value = _plain(test)
            return ast.Compare(left, [_COMPARE[test.relation]()], [ast.Constant(_number_of(field, value))])
        if test.relation in ("<", "<=", ">", ">="):
            value = _plain(test)
            if _status_category(value):
                sentence = "A word like failure has no order: compare with == or !=."
                raise FilterError(sentence, value.position, value.length)
            number = _status_number(value)
            return ast.Compare(left, [_COMPARE[test.relation]()], [ast.Constant(number)])
        single: set[float] = set()
        alternatives: list[ast.expr] = []
        for each in test.values:
            if isinstance(each, Span):
                low, high = _number_of(field, each.first), _number_of(field, each.last)
                _check_span(each, low, high)
                bounds = [ast.Constant(low), left, ast.Constant(high)]
                alternatives.append(ast.Compare(bounds[0], [ast.LtE(), ast.LtE()], bounds[1:]))
            elif field.kind is Kind.STATUS and (category := _status_category(each)):
                single |= codes_of(category)
            else:
                single.add(_number_of(field, each))
        if len(single) == 1 and not alternatives:
            how: ast.cmpop = ast.NotEq() if test.relation == "!=" else ast.Eq()
            return ast.Compare(left, [how], [ast.Constant(single.pop())])
        if single:
            how = ast.NotIn() if test.relation == "!=" else ast.In()
            alternatives.insert(0, ast.Compare(left, [how], [self._load(frozenset(single))]))
        return alternatives[0] if len(alternatives) == 1 else ast.BoolOp(ast.Or(), alternatives)

    def _words(self, access: str, field: FilterField, test: Test) -> ast.expr:
        left = _expression(access)
        any_case = field.kind is Kind.NAME
        if test.relation == "contains":
            needle = _plain(test).text.lower()
            lowered = ast.Call(ast.Attribute(left, "lower", ast.Load()), [], [])
            return ast.Compare(ast.Constant(needle), [ast.In()], [lowered])
        if test.relation == "matches":
            return self._called_with(access, _pattern(test).search)
        wanted = {value.text.lower() if any_case else value.text for value in _plain_values(test)}
        if any_case:
            left = ast.Call(ast.Attribute(left, "lower", ast.Load()), [], [])
        return self._among(left, wanted, test)

    def _among(self, left: ast.expr, wanted: set[str] | frozenset[str], test: Test) -> ast.expr:
        negative = test.relation == "!="
        if len(wanted) == 1:
            (only,) = wanted
            return ast.Compare(left, [ast.NotEq() if negative else ast.Eq()], [ast.Constant(only)])
        return ast.Compare(left, [ast.NotIn() if negative else ast.In()], [self._load(frozenset(wanted))])

    def _message(self, access: str, test: Test) -> ast.expr:
        left = _expression(access)
        if test.relation in ("contains", "matches"):
            found = _pattern(test).search if test.relation == "matches" else _containing(_plain(test).text)
            return self._called_with(access, found)
        return self._among(left, _messages(test), test)

    def _uid(self, access: str, field: FilterField, test: Test) -> ast.expr:
        if test.relation in ("contains", "matches"):
            found = _pattern(test).search if test.relation == "matches" else _containing(_plain(test).text)
            known: dict[str, bool] = {}

            def named(uid: str) -> bool:
                result = known.get(uid)
                if result is None:
                    if len(known) > 10_000:
                        known.clear()
                    texts = (uid, *uid_keywords().get(uid, ()))
                    result = known[uid] = any(found(text) for text in texts)
                return result

            return self._called_with(access, named)
        wanted: set[str] = set()
        for value in _plain_values(test):
            wanted |= _uids(field, value)
        return self._among(_expression(access), wanted, test)

    # ------------------------------------------------------------------- names
    def _name(self, value: object) -> str:
        name = f"value_{len(self.names)}"
        self.names[name] = value
        return name

    def _load(self, value: object) -> ast.expr:
        return ast.Name(self._name(value), ast.Load())

    def _called(self, test: Callable[[MessageRow], bool]) -> ast.expr:
        return _expression(f"{self._name(test)}(row)")

    def _called_with(self, access: str, test: Callable[[Any], bool]) -> ast.expr:
        return _expression(f"{self._name(test)}({access})")


_COMPARE: Final[dict[str, type[ast.cmpop]]] = {
    "==": ast.Eq,
    "!=": ast.NotEq,
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
}
_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _expression(source: str) -> ast.expr:
    """An expression of ours, from the table of fields."""
    parsed = ast.parse(source, mode="eval")
    return parsed.body


def _present(field: FilterField, access: str) -> ast.expr:
    match field.guard:
        case _ if field.kind is Kind.MESSAGE:
            return _expression("len(row.pdus) > 0 and len(row.pdus[0].pdvs) > 0")
        case Guard.ALWAYS:
            # A number of 0 is there as well; a flag alone asks for its value.
            return _expression(access if field.kind is Kind.FLAG else "True")
        case Guard.NOT_NONE:
            return _expression(f"({access}) is not None")
        case Guard.TRUE:
            return _expression(access)


# --- what is compared with what -------------------------------------------------------------------------------------


def _field_of(test: Test) -> FilterField:
    field = field_named(test.name)
    shown = printable(test.name, 40)
    if field is None:
        near = suggestion(test.name, all_names()) or _near_keyword(test.name)
        raise FilterError(
            f"There is no field {shown}.{near}"
            + ("" if near else f' To find it as text, put it in quotes: "{shown}".'),
            test.position,
            min(test.length, len(test.name)),
        )
    known = operators_of(field)
    if test.relation not in known:
        if not test.relation:
            raise FilterError(f"{shown} needs something to look for: {field.example}.", test.position, test.length)
        usable = ", ".join(each for each in known if each)
        sentence = f"{shown} cannot be compared with {test.relation}; it takes {usable}."
        raise FilterError(sentence, test.position, test.length)
    return field


def _near_keyword(name: str) -> str:
    """A hint at the DICOM keyword that begins so: `PatientNam`."""
    if len(name) < 4 or not name[0].isupper():
        return ""
    begun = keywords_like(name, 1)
    return f" Do you mean {begun[0]}?" if begun else ""


def _plain(test: Test) -> Value:
    """The one value of a test."""
    (value,) = _plain_values(test)
    return value


def _plain_values(test: Test) -> list[Value]:
    values: list[Value] = []
    for each in test.values:
        if isinstance(each, Span):
            sentence = "A range is between numbers or times, not between texts."
            raise FilterError(
                sentence, each.first.position, each.last.position + each.last.length - each.first.position
            )
        values.append(_not_a_field(test, each))
    return values


def _not_a_field(test: Test, value: Value) -> Value:
    """Refuse `calling == called`, which would compare with the text "called"."""
    if value.kind == "word" and value.text.islower():
        field, other = field_named(test.name), field_named(value.text)
        if other is not None and field is not None and field.kind is Kind.TEXT:
            sentence = f'Fields are compared with values, not with each other; for the text write "{value.text}".'
            raise FilterError(sentence, value.position, value.length)
    return value


def _check_span(span: Span, low: float, high: float) -> None:
    if high < low:
        length = span.last.position + span.last.length - span.first.position
        raise FilterError("This range ends before it begins.", span.first.position, length)


_UNITS: Final[dict[Kind, dict[str, float]]] = {
    Kind.SECONDS: {
        "ns": 1e-9,
        "us": 1e-6,
        "µs": 1e-6,
        "μs": 1e-6,
        "ms": 1e-3,
        "s": 1,
        "min": 60,
        "h": 3600,
    },
    Kind.SIZE: {
        "B": 1,
        "kB": 1000,
        "KB": 1000,
        "k": 1000,
        "MB": 1000**2,
        "M": 1000**2,
        "GB": 1000**3,
        "G": 1000**3,
        "KiB": 1 << 10,
        "MiB": 1 << 20,
        "GiB": 1 << 30,
    },
}


def _number_of(field: FilterField, value: Value) -> float:
    """A value as the number that the field's values are compared with."""
    if field.kind is Kind.STATUS:
        return _status_number(value)
    if field.kind is Kind.PDU_TYPE:
        return _pdu_type(value)
    number = _read_number(value.text)
    if value.kind == "text" and number is None:
        # "5 ms" in quotes, as people write who come from other languages.
        found = re.fullmatch(r"\s*(\S+?)\s*([A-Za-zµμ]+)\s*", value.text)
        if found is not None and (number := _read_number(found[1])) is not None:
            value = Value("number", found[1], found[2], value.position, value.length)
    if number is None or value.kind == "moment":
        raise FilterError(f"{_shown(value)} is no number.", value.position, value.length)
    units = _UNITS.get(field.kind, {})
    if value.unit and value.unit not in units:
        hint = f"use {', '.join(units)}" if units else "leave it out"
        raise FilterError(f"{field.name} has no unit {value.unit}: {hint}.", value.position, value.length)
    return number * units[value.unit] if value.unit else number


def _read_number(text: str) -> float | None:
    # Longer ones are no number of anything here, and Python refuses to read them.
    if len(text) > 40:
        return None
    try:
        return int(text, 16) if text.lower().lstrip("-").startswith("0x") else int(text)
    except ValueError:
        pass
    return float(text) if re.fullmatch(r"-?\d+\.\d*", text) else None


def _shown(value: Value) -> str:
    return printable(value.text, 40) or "An empty text"


def _status_category(value: Value) -> str:
    return STATUS_WORDS.get(value.text.lower(), "") if value.kind in ("word", "text") else ""


def _status_number(value: Value) -> int:
    """A status: 0x and digits, four digits as the standard writes them (hexadecimal), or a decimal number."""
    digits = value.text.strip()
    if not value.unit:
        found = re.fullmatch(r"0[xX]([0-9a-fA-F]{1,4})|([0-9a-fA-F]{4})[hH]?", digits)
        if found is not None:
            return int(found[1] or found[2], 16)
        if digits.isascii() and digits.isdigit() and len(digits) <= 5 and int(digits) <= 0xFFFF:
            return int(digits)
    near = suggestion(digits, tuple(STATUS_WORDS))
    raise FilterError(
        f"{_shown(value)} is no status: write 0xA700, A700, or a word such as failure.{near}",
        value.position,
        value.length,
    )


def _pdu_type(value: Value) -> int:
    for name, number in PDU_TYPES.items():
        if name == value.text.upper():
            return number
    number_ = _read_number(value.text)
    if isinstance(number_, int) and not value.unit and 0 <= number_ <= 255:
        return number_
    near = suggestion(value.text, tuple(PDU_TYPES))
    sentence = f"{_shown(value)} is no PDU type: write a name such as P-DATA-TF, or its number.{near}"
    raise FilterError(sentence, value.position, value.length)


_MESSAGES: Final = (*MESSAGE_NAMES, *PDU_TYPES, "Unrecognized bytes")


def _messages(test: Test) -> set[str]:
    """The names of messages; a service stands for both of its messages."""
    wanted: set[str] = set()
    for value in _plain_values(test):
        name = value.text.strip().upper().replace("_", "-")
        found = {
            each
            for each in _MESSAGES
            if each.upper() == name or (each in MESSAGE_NAMES and each.rsplit("-", 1)[0] == name)
        }
        if not found:
            near = suggestion(name, (*_MESSAGES, *(each.rsplit("-", 1)[0] for each in MESSAGE_NAMES)))
            sentence = f"{_shown(value)} is no message: write C-STORE-RQ, or C-STORE for both ways.{near}"
            raise FilterError(sentence, value.position, value.length)
        wanted |= found
    return wanted


def _uids(field: FilterField, value: Value) -> frozenset[str]:
    text = value.text.strip()
    if re.fullmatch(r"[0-9][0-9.]*", text):
        return frozenset((text,))
    found = uids_named(text)
    if not found:
        near = suggestion(text, [keyword for keyword, _ in uid_keywords().values() if keyword])
        sentence = f"{_shown(value)} is no UID and no name of one.{near} For a part of the name use contains."
        raise FilterError(sentence, value.position, value.length)
    return found


def _direction(left: ast.expr, test: Test) -> ast.expr:
    value = _plain(test)
    negative = test.relation == "!="
    match value.text.lower().replace("_", "-"):
        case "sent" | "out" | "→" as word:
            wanted = True
        case "received" | "in" | "←" as word:
            wanted = False
        case "to-acceptor" | "to-requestor" as word:
            to_acceptor = (word == "to-acceptor") != negative
            ours = _expression("conversation.mode != 'acceptor'")
            return ast.Compare(left, [ast.Eq() if to_acceptor else ast.NotEq()], [ours])
        case _:
            sentence = f"{_shown(value)} is no direction: write sent, received, to-acceptor or to-requestor."
            raise FilterError(sentence, value.position, value.length)
    return left if wanted != negative else ast.UnaryOp(ast.Not(), left)


def _flag(test: Test) -> bool:
    value = _plain(test)
    match value.text.lower():
        case "true" | "yes" | "1":
            wanted = True
        case "false" | "no" | "0":
            wanted = False
        case _:
            sentence = f"{_shown(value)} is neither true nor false."
            raise FilterError(sentence, value.position, value.length)
    return wanted == (test.relation == "==")


def _pattern(test: Test) -> Pattern:
    value = _plain(test)
    try:
        return Pattern(value.text)
    except PatternError as error:
        # Behind the quote; a backslash that was doubled shifts it, which does no harm to a mark.
        quote = 1 if value.kind == "text" else 0
        position = min(value.position + quote + error.position, value.position + max(value.length - 1, 0))
        raise FilterError(error.sentence, position, 1) from None


def _containing(text: str) -> Callable[[str], bool]:
    needle = text.lower()
    return lambda shown: needle in shown.lower()


# --- moments --------------------------------------------------------------------------------------------------------

_MOMENT: Final = re.compile(r"\s*(\d{4}-\d\d-\d\d)?(?:[ T]?(\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?))?\s*", re.ASCII)
_PRECISION: Final = {0: timedelta(days=1), 1: timedelta(minutes=1), 2: timedelta(seconds=1)}


def _moment_test(field: FilterField, test: Test) -> Callable[[float], bool]:
    """A test of seconds since the epoch; a minute is all of its seconds, a day all of its hours."""
    spans = [_moments(each) for each in test.values]
    of_day = [span for span in spans if span[0]]
    known: tuple[float, float] = (0.0, 0.0)

    def seconds_of_day(time: float) -> float:
        # Midnight before the last one asked about; rows come in the order of time.
        nonlocal known
        if not known[0] <= time < known[1]:
            try:
                midnight = datetime.fromtimestamp(time).replace(hour=0, minute=0, second=0, microsecond=0)
                known = midnight.timestamp(), (midnight + timedelta(days=1)).timestamp()
            except (ValueError, OverflowError, OSError):
                return math.nan  # a capture may say any time; this one is none
        return time - known[0]

    relation = test.relation

    def passes(time: float) -> bool:
        day = seconds_of_day(time) if of_day else 0.0
        for is_day, low, high in spans:
            moment = day if is_day else time
            match relation:
                case "==" | "in":
                    found = low <= moment < high
                case "!=":
                    found = not low <= moment < high
                case "<":
                    found = moment < low
                case "<=":
                    found = moment < high
                case ">":
                    found = moment >= high
                case _:
                    found = moment >= low
            if found:
                return True
        return False

    return passes


def _moments(value: Value | Span) -> tuple[bool, float, float]:
    """Whether it is a time of day, and from when to when, the end excluded."""
    if isinstance(value, Span):
        first, last = _moments(value.first), _moments(value.last)
        if first[0] != last[0]:
            sentence = "One end of the range has a date, the other has none."
            raise FilterError(sentence, value.last.position, value.last.length)
        _check_span(value, first[1], last[2])
        return first[0], first[1], last[2]
    found = _MOMENT.fullmatch(value.text)
    date, clock = (found[1] or "", found[2] or "") if found is not None else ("", "")
    try:
        if date:
            low = datetime.fromisoformat(f"{date} {clock}".rstrip()).timestamp()
        else:
            low = (datetime.fromisoformat(f"2000-01-01 {clock}") - datetime(2000, 1, 1)).total_seconds()
    except (ValueError, OverflowError, OSError):
        sentence = f'{_shown(value)} is no time: write 13:05, 13:05:10.5, 2026-05-01 or "2026-05-01 13:05".'
        raise FilterError(sentence, value.position, value.length) from None
    length = 1e-6 if "." in clock else _PRECISION[clock.count(":")].total_seconds()
    return not date, low, low + length


# --- searches -------------------------------------------------------------------------------------------------------


def _text_test(test: Test) -> Callable[[MessageRow], bool]:
    if test.relation == "matches":
        pattern = _pattern(test)
        ascii_only = pattern.text.isascii()

        def matches(row: MessageRow) -> bool:
            if any(pattern.search(line) for line in reading.shown_text(row).split("\n")):
                return True
            return any(pattern.search(text) for text in reading.texts_of_bytes(row, latin=not ascii_only))

        return matches
    value = _plain(test)
    if not value.text:
        raise FilterError("There is nothing between the quotes to look for.", value.position, value.length)
    needle, needles = value.text.lower(), reading.needles_of(value.text)
    return lambda row: needle in reading.shown_text(row).lower() or reading.bytes_found(row, needles, any_case=True)


def _bytes_test(test: Test) -> Callable[[MessageRow], bool]:
    value = _plain(test)
    digits = re.sub(r"[\s:\-]|0[xX]", "", value.text)
    if value.unit or not re.fullmatch(r"(?:[0-9a-fA-F]{2})+", digits):
        sentence = f'{_shown(value)} is no row of bytes: write pairs of hexadecimal digits, "10 00 20 00".'
        raise FilterError(sentence, value.position, value.length)
    needle = (bytes.fromhex(digits),)
    return lambda row: reading.bytes_found(row, needle, any_case=False)


def _element_test(test: Test) -> Callable[[tuple[str, ...]], bool]:
    match test.relation:
        case "":
            return bool
        case "contains":
            found = _containing(_plain(test).text)
            return lambda values: any(found(value) for value in values)
        case "matches":
            pattern = _pattern(test)
            return lambda values: any(pattern.search(value) for value in values)
        case "<" | "<=" | ">" | ">=" as relation:
            value = _plain(test)
            return _ordered(_ORDER[relation], value)
    alternatives = [_among_values(each) for each in test.values]
    if test.relation == "!=":
        return lambda values: bool(values) and not alternatives[0](values)
    return lambda values: any(each(values) for each in alternatives)


def _among_values(each: Value | Span) -> Callable[[tuple[str, ...]], bool]:
    if isinstance(each, Span):
        low, high = _ordered(operator.ge, each.first), _ordered(operator.le, each.last)
        return lambda values: any(low((value,)) and high((value,)) for value in values)
    wanted = each.text.strip()
    number = _read_number(wanted) if each.kind == "number" and not each.unit else None
    names = uids_named(wanted) if each.kind == "word" else frozenset()
    return lambda values: (
        wanted in values
        or (number is not None and any(_as_float(value) == number for value in values))
        or (bool(names) and not names.isdisjoint(values))
    )


def _ordered(compare: Callable[[Any, Any], bool], value: Value) -> Callable[[tuple[str, ...]], bool]:
    """An order of numbers when a number was written, of texts (dates, times) otherwise."""
    number = _read_number(value.text) if value.kind == "number" and not value.unit else None
    if number is None:
        wanted = value.text.replace("-", "").replace(":", "") if value.kind == "moment" else value.text
        return lambda values: any(compare(each, wanted) for each in values)

    def of_numbers(values: tuple[str, ...]) -> bool:
        for each in values:
            found = _as_float(each)
            if found is not None and compare(found, number):
                return True
        return False

    return of_numbers


def _as_float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
