"""Rules as TOML that a person reads, edits and keeps in git: `[[rule]]` tables, in a profile or in a file of their own.

    [[rule]]
    name = "Refuse every tenth CT"

    [rule.when]
    events = ["C-STORE"]
    calling = "CT*"
    every = 10

    [rule.do]
    answer = "status"
    status = 0xA700

    [rule.do.fault]
    kind = "slow-write"

What has its default value is not written. On a change only what differs is written: comments, order and keys that we do
not know stay, and the comment lines right above a `[[rule]]` go where the rule goes. One broken rule refuses all of
them, with every problem named: half of a list of rules would be another list. Nothing in a file is ever run.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import AoT, Array, Integer, Item, Table, Trivia

from workstation.scp.rules.faults import FAULTS
from workstation.scp.rules.rule import (
    ASSOCIATION,
    EVENT_WORDS,
    EVENTS,
    NEGOTIATION_EVENTS,
    Action,
    Fault,
    Match,
    Rule,
    check_key,
)
from workstation.small_file import read_small_file
from workstation.toml_file import write_document
from workstation.traffic.text import printable

LARGEST = 1024 * 1024
MOST_RULES = 1000
_MOST_PROBLEMS = 100

_HEADER = "Rules of DICOM Workstation's test server. The first rule that applies answers."
# A rule's first line, and that of any table; only used where what they find is found again by reading it.
_RULE = re.compile(r"[ \t]*\[\[[ \t]*(?:rule|\"rule\"|'rule')[ \t]*\]\]")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_TABLE = re.compile(r"[ \t]*\[")
_OF_RULE = re.compile(r"[ \t]*\[{1,2}[ \t]*(?:rule|\"rule\"|'rule')[ \t]*\.")

# What a person may call an event.
_EVENTS_BY_WORD: Mapping[str, str] = {
    word.casefold(): event for event in EVENTS for word in (event, EVENT_WORDS[event], event.removeprefix("EVT_"))
}


# reading


def load_rule_file(path: str | Path) -> tuple[tuple[Rule, ...], list[str]]:
    """Return the rules of a file, and sentences on all that is wrong with it; with one of these there are no rules.

    The file stays as and where it is.
    """
    text, document, problem = _read(Path(path))
    if document is None:
        return (), [problem]
    return read_rules(document.get("rule", []), text)


def read_rules(tables: Any, text: str = "") -> tuple[tuple[Rule, ...], list[str]]:
    """Return the rules of `[[rule]]` tables, and sentences on all that is wrong; with one of these there are no rules.

    Args:
        tables: What a document has at "rule": tomlkit's, or plain lists and dictionaries.
        text: Of the whole file, so that a problem can be told with its line.
    """
    problems: list[str] = []
    try:
        plain = tables.unwrap() if hasattr(tables, "unwrap") else tables
    except Exception as error:
        # tomlkit finds some mistakes (a key given twice, out of order) only when a value is looked at.
        return (), [f"The rules cannot be read: {printable(str(error))}."]
    if not isinstance(plain, list | tuple):
        return (), ["'rule' is no list of rules: begin each with a line [[rule]]."]
    if len(plain) > MOST_RULES:
        return (), [f"There are {len(plain)} rules, more than {MOST_RULES}."]
    lines = _Lines(text, len(plain))
    rules: list[Rule] = []
    names: dict[str, int] = {}
    for number, table in enumerate(plain, 1):
        reading = _Reading(number, table, lines)
        rule = reading.rule()
        if rule is not None:
            first = names.setdefault(rule.name, number)
            if first != number:
                reading.wrong("name", f"Rule {first} has the same name.")
            rules.append(rule)
        problems += reading.problems
    if problems:
        return (), problems[:_MOST_PROBLEMS]
    return tuple(rules), []


def remarks(tables: Any, folder: Path) -> list[str]:
    """Return sentences on what does not keep rules from being used: keys that we do not know, files that are not there.

    Args:
        tables: As for `read_rules`, which has found nothing wrong with them.
        folder: What paths are relative to.
    """
    rules, problems = read_rules(tables)
    if problems:
        return []
    plain = tables.unwrap() if hasattr(tables, "unwrap") else tables
    found = []
    for rule, table in zip(rules, plain, strict=True):
        who = f"Rule {_quoted(rule.name)}"
        unknown = [*_unknown(table, _RULE_KEYS, ""), *_unknown(table.get("when", {}), _WHEN, "when.")]
        unknown += _unknown(table.get("do", {}), _DO, "do.")
        found += [f"{who}: {_quoted(key)} is no key that is known; it is kept and does nothing." for key in unknown]
        found += [f"{who}: {sentence}" for sentence in missing_files(rule, folder)]
    return found


def missing_files(rule: Rule, folder: Path) -> list[str]:
    """Return a sentence on each file that a rule names and that is not there."""
    action = rule.action
    names = [*(action.data_sets if action.answer == "status" else ())]
    if action.answer == "script":
        names.append(action.script)
    return [f"There is no file {printable(str(_path(folder, name)))}." for name in names if not _is_file(folder, name)]


def _path(folder: Path, name: str) -> Path:
    return folder / Path(name).expanduser()


def _is_file(folder: Path, name: str) -> bool:
    try:
        return _path(folder, name).is_file()
    except (OSError, ValueError, RuntimeError):
        # A character that no file name has; a home folder that nobody knows.
        return False


def _read(path: Path) -> tuple[str, tomlkit.TOMLDocument | None, str]:
    """A file's text, its document or None, and a sentence on what is wrong."""
    shown = printable(str(path))
    try:
        if path.stat().st_size > LARGEST:
            return "", None, f"{shown} has more than {LARGEST:,} bytes: these are no rules."
        # Windows' editor puts a byte order mark before it, and ends lines in its own way.
        text = read_small_file(path, LARGEST).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        return "", None, f"{shown} cannot be read: byte {error.start} is not UTF-8 text."
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return "", None, f"{shown} cannot be read ({printable(reason)})."
    try:
        return text, tomlkit.parse(text), ""
    except (Exception, RecursionError) as error:
        # Beside its own errors tomlkit lets some of Python's through (a date that is none).
        return "", None, f"{shown} is no TOML: {printable(str(error))}."


class _Lines:
    """Where the rules begin in a file's text, if that can be told."""

    def __init__(self, text: str, count: int) -> None:
        self._lines = text.split("\n")
        starts = [number for number, line in enumerate(self._lines) if _RULE.match(line)]
        # A line in a text of several lines can look like one.
        self._starts = starts if len(starts) == count else []

    def of(self, number: int, key: str) -> int:
        """The line, from 1, of a key of the nth rule, else of the rule; 0 if not known."""
        if not self._starts:
            return 0
        start = self._starts[number - 1]
        end = self._starts[number] if number < len(self._starts) else len(self._lines)
        if key:
            wanted = re.compile(rf"[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*=")
            for line in range(start, end):
                if wanted.match(self._lines[line]):
                    return line + 1
        return start + 1


def _quoted(text: str) -> str:
    return f"“{printable(text, 80)}”"


def _shown(value: Any) -> str:
    return printable(repr(value), 80)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("give a text.")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("give true or false.")
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("give a whole number.")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("give a number.")
    return value


def _hexadecimal(value: Any) -> int:
    if isinstance(value, str):
        try:
            return int(value, 16)
        except ValueError:
            raise ValueError("give a number such as 0xA700.") from None
    return _whole(value)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError("give a list of texts.")
    return tuple(value)


def _tags(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise ValueError('give a list of tags, such as ["0010,0020"].')
    return tuple(_whole(each) if isinstance(each, int) else check_key(_text(each)) for each in value)


def _events(value: Any) -> tuple[str, ...]:
    found = []
    for each in [value] if isinstance(value, str) else _texts(value):
        event = _EVENTS_BY_WORD.get(each.strip().casefold())
        if event is None:
            raise ValueError(f"there is no event {_quoted(each)}; give some of {', '.join(map(event_word, EVENTS))}.")
        found.append(event)
    return tuple(dict.fromkeys(found))


def _keys(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise ValueError("give elements with texts, by keyword or tag.")
    for key in value:
        check_key(key)
    return dict(value)


def _negotiation(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("give a table of what is negotiated.")
    return dict(value)


_Reader = Callable[[Any], Any]
_RULE_KEYS: Mapping[str, _Reader] = {
    "name": _text,
    "enabled": _flag,
    "comment": _text,
    "when": _negotiation,
    "do": _negotiation,
}
_WHEN: Mapping[str, _Reader] = {
    "events": _events,
    **dict.fromkeys(("calling", "called", "address", "user", "sop_class", "transfer_syntax"), _text),
    "keys": _keys,
    "every": _whole,
    "first": _whole,
    "probability": _number,
}
_DO: Mapping[str, _Reader] = {
    "answer": _text,
    "status": _hexadecimal,
    "comment": _text,
    "offending": _tags,
    "data_sets": _texts,
    "keep": _flag,
    "negotiation": _negotiation,
    "script": _text,
    "function": _text,
    **dict.fromkeys(("before", "between", "after"), _number),
    "fault": _negotiation,
}


def _unknown(table: Any, known: Iterable[str], prefix: str) -> list[str]:
    return [f"{prefix}{key}" for key in table if key not in known] if isinstance(table, dict) else []


class _Reading:
    """One `[[rule]]` table on its way to a rule, with all that is wrong with it."""

    def __init__(self, number: int, table: Any, lines: _Lines) -> None:
        self.problems: list[str] = []
        self._number = number
        self._table = table
        self._lines = lines
        name = table.get("name") if isinstance(table, dict) else None
        self._who = f"Rule {number}" + (f", {_quoted(name)}" if isinstance(name, str) and name.strip() else "")

    def wrong(self, key: str, sentence: str) -> None:
        """Note a problem at a key."""
        line = self._lines.of(self._number, key)
        place = f"{self._who}, line {line}" if line else self._who
        sentence = printable(sentence, 400)
        self.problems.append(f"{place}: {sentence[:1].upper()}{sentence[1:]}")

    def rule(self) -> Rule | None:
        """The rule, or None if something is wrong."""
        if not isinstance(self._table, dict):
            self.wrong("", "it is no table.")
            return None
        if not isinstance(self._table.get("name"), str) or not self._table["name"].strip():
            self.wrong("name", "a rule needs a name.")
        own = self._values(self._table, {key: _RULE_KEYS[key] for key in ("name", "enabled", "comment")})
        match = self._made(Match, "when", _WHEN)
        action = self._made(Action, "do", _DO)
        if self.problems or match is None or action is None:
            return None
        try:
            return Rule(**own, match=match, action=action)
        except ValueError as error:
            self.wrong("name", str(error))
            return None

    def _made(self, kind: Any, key: str, readers: Mapping[str, _Reader]) -> Any:
        table = self._table.get(key, {})
        if not isinstance(table, dict):
            self.wrong(key, f"{key!r} is no table: write [rule.{key}].")
            return None
        before = len(self.problems)
        values = self._values(table, {name: reader for name, reader in readers.items() if name != "fault"})
        if "fault" in readers and "fault" in table:
            values["fault"] = self._fault(table["fault"])
        if len(self.problems) > before:
            return None
        try:
            return kind(**values)
        except ValueError as error:
            self.wrong(key, str(error))
            return None

    def _values(self, table: Mapping[str, Any], readers: Mapping[str, _Reader]) -> dict[str, Any]:
        values = {}
        for name, reader in readers.items():
            if name not in table:
                continue
            try:
                values[name] = reader(table[name])
            except ValueError as error:
                self.wrong(name, f"{name!r} is {_shown(table[name])}: {error}")
        return values

    def _fault(self, table: Any) -> Fault | None:
        kind = table.get("kind") if isinstance(table, dict) else None
        if not isinstance(kind, str):
            self.wrong("fault", f"a fault is a table with its kind, one of {', '.join(FAULTS)}.")
            return None
        try:
            return Fault(kind=kind, values={name: value for name, value in table.items() if name != "kind"})
        except (ValueError, TypeError) as error:
            # TypeError: a value that cannot be looked up among the choices, such as a list.
            sentence = (
                str(error) if isinstance(error, ValueError) else f"the fault {kind!r} has a value that cannot be."
            )
            self.wrong("kind", sentence)
            return None


# writing


def event_word(event: str) -> str:
    """Return an event as a rule file has it: C-STORE, A-ASSOCIATE, EVT_USER_ID."""
    return event if event == ASSOCIATION or event in NEGOTIATION_EVENTS else EVENT_WORDS[event]


def save_rule_file(path: str | Path, rules: Iterable[Rule]) -> None:
    """Write rules into a file of their own, atomically; what is there already is changed where it differs.

    Raises:
        OSError: The file cannot be written.
    """
    path = Path(path)
    document = _read(path)[1] if path.exists() else None
    if document is None:
        document = tomlkit.document()
        document.add(tomlkit.comment(_HEADER))
    write_document(path, write_rules(document, rules))


def write_rules(document: tomlkit.TOMLDocument, rules: Iterable[Rule]) -> tomlkit.TOMLDocument:
    """Return a document with these `[[rule]]` tables and otherwise the same; the one that is given may change.

    Args:
        document: A rule file, or a profile. Its rules may be others, in another order, or none.
        rules: In their order.
    """
    new = tuple(rules)
    parts = _Parts(document.as_string())
    if _is_cut_well(parts, document):
        written = tomlkit.parse(parts.joined(_blocks(parts.blocks, new)))
        if read_rules(written.get("rule", []))[0] == new:
            return written
    # Rules that are written otherwise, such as rule = [{...}], or with such names that they could not be read again.
    if "rule" in document:
        document.remove("rule")
    return tomlkit.parse(_Parts(document.as_string()).joined([_fresh(rule) for rule in new]))


def _is_cut_well(parts: _Parts, document: tomlkit.TOMLDocument) -> bool:
    """Whether each block holds one rule, and all of them the document's: a line in a text can look like a rule's."""
    try:
        # Many times faster than tomlkit, and all that is wanted here is what the text says.
        found = [tomllib.loads(block).get("rule") for block in parts.blocks]
        return found == [[table] for table in _plain_tables(document)]
    except (tomllib.TOMLDecodeError, TypeError):
        return False


def _plain_tables(document: tomlkit.TOMLDocument) -> list[Any]:
    """The `[[rule]]` tables.

    Raises:
        TypeError: It has something else there.
    """
    found = document.get("rule")
    if found is None:
        return []
    if not isinstance(found, AoT):
        raise TypeError
    plain: list[Any] = found.unwrap()
    return plain


class _Parts:
    """A file's text, cut: what is before the rules, a block for each, what is after them."""

    def __init__(self, text: str) -> None:
        self.before = ""
        self.blocks: list[str] = []
        self.after = ""
        before: list[str] = []
        after: list[str] = []
        current = before
        for line in _LINE.findall(text):
            if _RULE.match(line):
                own = _leading_comment(current)
                self._close(current, before, after)
                current = [*own, line]
                continue
            if _TABLE.match(line) and current is not before and current is not after and not _OF_RULE.match(line):
                own = _leading_comment(current)
                self._close(current, before, after)
                current = after
                current += own
            current.append(line)
        self._close(current, before, after)
        self.before, self.after = "".join(before), "".join(after)

    def _close(self, lines: list[str], before: list[str], after: list[str]) -> None:
        if lines is not before and lines is not after:
            self.blocks.append("".join(lines))

    def joined(self, blocks: Sequence[str]) -> str:
        """The text with other blocks."""
        parts = [part.strip("\n") for part in (self.before, *blocks, self.after)]
        return "\n\n".join(part for part in parts if part) + "\n"


def _leading_comment(lines: list[str]) -> list[str]:
    """Take the comment lines at the end off: they belong to what follows right below."""
    count = 0
    while count < len(lines) and lines[-1 - count].lstrip().startswith("#"):
        count += 1
    taken = lines[len(lines) - count :]
    del lines[len(lines) - count :]
    return taken


def _blocks(old: Sequence[str], rules: Sequence[Rule]) -> list[str]:
    """A block for each rule: the old one of the same name, or the one at its place that nobody else has."""
    known: dict[str, tuple[str, Rule | None]] = {}
    nameless: dict[int, tuple[str, Rule | None]] = {}
    wanted = {rule.name for rule in rules}
    for place, block in enumerate(old):
        read, _ = read_rules(tomllib.loads(block).get("rule", []))
        rule = read[0] if read else None
        if rule is not None and rule.name in wanted and rule.name not in known:
            known[rule.name] = (block, rule)
        elif len(old) == len(rules):
            # As many as before, so one that is called otherwise now was given another name.
            nameless[place] = (block, rule)
    blocks = []
    for place, rule in enumerate(rules):
        found = known.pop(rule.name, None)
        block, before = found if found is not None else nameless.pop(place, ("", None))
        blocks.append(_changed(block, before, rule) if before is not None else _fresh(rule, _comments_of(block)))
    return blocks


def _comments_of(block: str) -> str:
    lines = []
    for line in _LINE.findall(block):
        if not line.lstrip().startswith("#"):
            break
        lines.append(line)
    return "".join(lines)


def _fresh(rule: Rule, comments: str = "") -> str:
    document = tomlkit.document()
    tables = tomlkit.aot()
    tables.append(_table(_as_plain(rule)))
    document.add("rule", tables)
    return comments + document.as_string()


def _changed(block: str, before: Rule, rule: Rule) -> str:
    """A block that says the rule now, changed only where it said something else."""
    if before == rule:
        return block
    try:
        document = tomlkit.parse(block)
        _change(document["rule"][0], _as_plain(before), _as_plain(rule))
        text = document.as_string()
        if read_rules(tomllib.loads(text).get("rule", []))[0] == (rule,):
            return text
    except Exception:  # noqa: S110
        # tomlkit cannot change every way of writing (dotted keys); then the block is written anew.
        pass
    return _fresh(rule, _comments_of(block))


def _change(table: Any, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    for key in before:
        if key not in after and key in table:
            del table[key]
    for key, value in after.items():
        old = before.get(key)
        if value == old:
            continue
        if isinstance(value, dict) and isinstance(table.get(key), dict):
            _change(table[key], old if isinstance(old, dict) else {}, value)
        elif isinstance(table, Table):
            table[key] = _item(key, value)
        else:
            # Within an inline table: everything in it is inline too.
            table[key] = value if isinstance(value, dict) else _item(key, value)


def _as_plain(rule: Rule) -> dict[str, Any]:
    """What differs from the defaults, nested as in the file."""
    plain: dict[str, Any] = {"name": rule.name}
    if not rule.enabled:
        plain["enabled"] = False
    if rule.comment:
        plain["comment"] = rule.comment
    when = _differing(rule.match, Match(), _WHEN)
    if "events" in when:
        when["events"] = [event_word(event) for event in rule.match.events]
    if when:
        plain["when"] = when
    do = _differing(rule.action, Action(), _DO)
    if rule.action.answer == "status":
        do.setdefault("status", rule.action.status)
    if "offending" in do:
        do["offending"] = [f"{tag >> 16:04X},{tag & 0xFFFF:04X}" for tag in rule.action.offending]
    fault = rule.action.fault
    if fault is not None:
        defaults = {parameter.name: parameter.default for parameter in FAULTS[fault.kind].parameters}
        values = {name: value for name, value in fault.values.items() if value != defaults[name]}
        do["fault"] = {"kind": fault.kind, **{name: _listed(value) for name, value in values.items()}}
    plain["do"] = {"answer": rule.action.answer, **do}
    return plain


def _differing(value: Any, defaults: Any, order: Iterable[str]) -> dict[str, Any]:
    names = [each.name for each in fields(value)]
    return {
        name: _listed(getattr(value, name))
        for name in order
        if name in names and name != "fault" and getattr(value, name) != getattr(defaults, name)
    }


def _listed(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def _table(values: Mapping[str, Any]) -> Table:
    table = tomlkit.table()
    for key, value in values.items():
        table[key] = _item(key, value)
    return table


def _item(key: str, value: Any) -> Item:
    if isinstance(value, dict):
        return _table(value)
    if key == "status":
        return Integer(value, Trivia(), f"0x{value:04X}")
    if key == "type":
        return Integer(value, Trivia(), f"0x{value:02X}")
    if isinstance(value, list):
        array: Array = tomlkit.array()
        for each in value:
            array.append(each)
        return array
    item: Item = tomlkit.item(value)
    return item
