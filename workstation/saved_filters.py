"""Display filters that a person keeps: named ones, the last ones used, and those that give rows a colour.

They are in a TOML file beside the settings, which a person may edit. A rule whose filter is broken is kept and
explained, and colours nothing. Knows colours by the names of their meanings only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tomlkit

from workstation.toml_file import read_document, write_document
from workstation.traffic.conversation import Conversation
from workstation.traffic.filters.filter import Filter, FilterError
from workstation.traffic.rows import MessageRow, PduRow

__all__ = ["COLOURS", "DEFAULT_RULES", "ColourRule", "ColourRules", "SavedFilter", "SavedFilters"]

COLOURS: Final = {
    "failure": "✕",
    "warning": "▲",
    "success": "✓",
    "pending": "…",
    "cancelled": "■",
    "sent": "→",
    "received": "←",
    "accent": "◆",
    "dimmed": "·",
}
"""The meanings that a rule can give, each with the sign that stands beside its colour."""

_HEADER: Final = "Display filters of DICOM Workstation: saved ones, colours, the last used. Comments are kept."
_MAX_RECENT: Final = 20
_MAX_KEPT: Final = 500
_LONGEST_NAME: Final = 80
_REMEMBERED: Final = 2_000
# From here on a test is too dear to be made anew for each row that is painted.
_DEAR: Final = 2


def _check_name(name: object, what: str) -> str:
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"{what} needs a name.")
    shown = name.strip()
    if len(shown) > _LONGEST_NAME:
        raise ValueError(f"The name has {len(shown)} characters: at most {_LONGEST_NAME}.")
    if not shown.isprintable():
        raise ValueError("The name has characters that cannot be shown: give one line of plain text.")
    return shown


@dataclass(frozen=True, slots=True)
class SavedFilter:
    """A filter with the name that a person gave it.

    Raises:
        ValueError: The name is none, or the text is no filter; the message is a sentence.
    """

    name: str
    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _check_name(self.name, "A saved filter"))
        if not isinstance(self.text, str):
            raise ValueError(f"The filter {self.name} is not text.")
        Filter.of(self.text)


@dataclass(frozen=True, slots=True)
class ColourRule:
    """Rows that pass a filter get a colour and its sign.

    The text may be no filter (a person edits it, or the file): `problem` says why, and the rule does nothing.
    """

    name: str
    text: str
    colour: str
    enabled: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _check_name(self.name, "A colour rule"))
        if not isinstance(self.text, str) or not isinstance(self.enabled, bool):
            raise ValueError(f"The colour rule {self.name} has no filter, or is neither on nor off.")
        if self.colour not in COLOURS:
            raise ValueError(f"{self.colour!r} is no colour: give one of {', '.join(COLOURS)}.")

    @property
    def sign(self) -> str:
        """What stands beside the colour."""
        return COLOURS[self.colour]

    @property
    def problem(self) -> str:
        """Why its text is no filter, "" if it is one."""
        try:
            Filter.of(self.text)
        except FilterError as error:
            return error.sentence
        return ""


DEFAULT_RULES: Final = (
    ColourRule("Aborted or rejected", "pdu.type in {A-ABORT, A-ASSOCIATE-RJ}", "failure"),
    ColourRule("Broken", "problem", "failure"),
    ColourRule("Failed", "status in {failure, unknown} or failed > 0", "failure"),
    ColourRule("With a warning", "status == warning or warnings > 0", "warning"),
    ColourRule("Cancelled", "status == cancel or dimse == C-CANCEL-RQ", "cancelled"),
    ColourRule("Slow answer", "response_time > 5 s", "warning"),
    ColourRule("More to come", "status == pending", "pending"),
)


class ColourRules:
    """An ordered list of rules; the first that a row passes gives its colour.

    Compiled by `prepare`, or when there is a row to be coloured: a window that opens has none.
    """

    def __init__(self, rules: Iterable[ColourRule] = DEFAULT_RULES) -> None:
        self._rules = tuple(rules)
        self._compiled: list[tuple[ColourRule, Filter, dict[int, tuple[object, bool]]]] | None = None

    @property
    def rules(self) -> tuple[ColourRule, ...]:
        """All of them, those that are off or broken included."""
        return self._rules

    def replace(self, rules: Iterable[ColourRule]) -> None:
        """Have these instead."""
        self._rules = tuple(rules)
        self._compiled = None

    def prepare(self) -> None:
        """Compile them now, while nobody waits for it."""
        self._active()

    def _active(self) -> list[tuple[ColourRule, Filter, dict[int, tuple[object, bool]]]]:
        """Those that are on and no broken ones, with what is known of rows whose test is dear."""
        if self._compiled is None:
            self._compiled = []
            for rule in self._rules:
                if rule.enabled:
                    with contextlib.suppress(FilterError):
                        self._compiled.append((rule, Filter.of(rule.text), {}))
        return self._compiled

    def rule_of(self, conversation: Conversation, row: MessageRow | PduRow | None) -> ColourRule | None:
        """The rule that a row comes under; for None the one of the association itself."""
        message = row.message if isinstance(row, PduRow) else row
        for rule, wanted, known in self._active():
            if wanted.cost < _DEAR or message is None or not message.complete:
                if wanted.passes(conversation, message):
                    return rule
                continue
            # The row is held as well, so that its place in memory cannot become another's.
            entry = known.get(id(message))
            if entry is None:
                if len(known) >= _REMEMBERED:
                    known.clear()
                entry = known[id(message)] = (message, wanted.passes(conversation, message))
            if entry[1]:
                return rule
        return None

    def colour_of(self, conversation: Conversation, row: MessageRow | PduRow | None) -> str:
        """The name of the colour of a row, "" when no rule is about it."""
        rule = self.rule_of(conversation, row)
        return rule.colour if rule is not None else ""

    def sign_of(self, conversation: Conversation, row: MessageRow | PduRow | None) -> str:
        """The sign beside that colour, "" when no rule is about the row."""
        rule = self.rule_of(conversation, row)
        return rule.sign if rule is not None else ""


class SavedFilters:
    """The file of saved filters. Use it from one thread.

    Args:
        path: Where it is; None keeps nothing between runs.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.colours = ColourRules()
        self._filters: list[SavedFilter] = []
        # What the file has and we cannot use: written back, so that a slip of the hand costs nothing.
        self._unused: list[dict[str, Any]] = []
        self._recent: list[str] = []
        self._problems: list[str] = []

    @property
    def filters(self) -> tuple[SavedFilter, ...]:
        """The named ones, in the order of their names."""
        return tuple(self._filters)

    @property
    def recent(self) -> tuple[str, ...]:
        """The last ones used, the newest first."""
        return tuple(self._recent)

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences about what could not be read."""
        return tuple(self._problems)

    def load(self) -> None:
        """Read the file; what cannot be used is explained in `problems`."""
        self._filters, self._unused, self._recent, self._problems = [], [], [], []
        if self.colours.rules != DEFAULT_RULES:
            self.colours.replace(DEFAULT_RULES)
        if self.path is None:
            return
        document, problem = read_document(self.path)
        if problem:
            self._problems.append(problem)
        for entry in self._tables(document, "filter"):
            try:
                self._put(SavedFilter(_text(entry, "name"), _text(entry, "filter")))
            except ValueError as error:
                self._unused.append(_plain(entry))
                self._explain(entry, error)
        recent = _plain(document.get("recent", []))
        if isinstance(recent, list):
            self._recent = [text for text in recent if isinstance(text, str)][:_MAX_RECENT]
        if "colour" in document:
            rules = []
            for entry in self._tables(document, "colour"):
                try:
                    enabled = _plain(entry.get("enabled", True))
                    rule = ColourRule(_text(entry, "name"), _text(entry, "filter"), _text(entry, "colour"), enabled)
                except ValueError as error:
                    self._explain(entry, error)
                    continue
                rules.append(rule)
                if rule.problem:
                    self._explain(entry, ValueError(rule.problem))
            self.colours.replace(rules)

    def _tables(self, document: Any, key: str) -> list[Any]:
        entries = document.get(key, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            self._problems.append(f"In {self.path}, {key!r} is not a list of tables: write [[{key}]].")
            return []
        return list(entries[:_MAX_KEPT])

    def _explain(self, entry: Any, error: ValueError) -> None:
        name = str(entry.get("name", "one without a name"))[:_LONGEST_NAME]
        self._problems.append(f"In {self.path}: {name} is not used. {error}")

    # ------------------------------------------------------------------- changing
    def save_as(self, name: str, text: str) -> SavedFilter:
        """Keep a filter under a name; one of the same name is replaced.

        Raises:
            ValueError: The name or the text cannot be; nothing was changed.
            OSError: The file cannot be written; the filter is there for this run.
        """
        saved = SavedFilter(name, text.strip())
        self._put(saved)
        self._write()
        return saved

    def remove(self, name: str) -> None:
        """Forget a named filter; OSError if the file cannot be written."""
        self._filters = [saved for saved in self._filters if saved.name != name]
        self._write()

    def used(self, text: str) -> None:
        """Remember that a filter was used; OSError if the file cannot be written."""
        text = text.strip()
        if not text or self._recent[:1] == [text]:
            return
        self._recent = [text, *(other for other in self._recent if other != text)][:_MAX_RECENT]
        self._write()

    def forget_recent(self) -> None:
        """Forget what was used; OSError if the file cannot be written."""
        self._recent = []
        self._write()

    def set_colours(self, rules: Iterable[ColourRule]) -> None:
        """Have these colour rules; OSError if the file cannot be written."""
        self.colours.replace(rules)
        self._write()

    def _put(self, saved: SavedFilter) -> None:
        self._filters = [other for other in self._filters if other.name != saved.name]
        self._filters.append(saved)
        self._filters.sort(key=lambda each: each.name.casefold())

    def _write(self) -> None:
        if self.path is None:
            return
        document, _ = read_document(self.path)
        if not document.as_string().strip():
            document.add(tomlkit.comment(_HEADER))
        recent = tomlkit.array()
        recent.extend(self._recent)
        recent.multiline(True)
        document["recent"] = recent
        filters: list[dict[str, Any]] = [{"name": each.name, "filter": each.text} for each in self._filters]
        _write_tables(document, "filter", filters + self._unused)
        if self.colours.rules != DEFAULT_RULES:
            tables = [
                {"name": rule.name, "filter": rule.text, "colour": rule.colour, "enabled": rule.enabled}
                for rule in self.colours.rules
            ]
            _write_tables(document, "colour", tables)
        elif "colour" in document:
            document.remove("colour")
        write_document(self.path, document)


def _text(entry: Any, key: str) -> str:
    value = _plain(entry.get(key))
    if not isinstance(value, str):
        raise ValueError(f"It has no {key!r}.")
    return value


def _plain(value: Any) -> Any:
    return value.unwrap() if hasattr(value, "unwrap") else value


def _write_tables(document: Any, key: str, tables: list[dict[str, Any]]) -> None:
    """Replace a list of tables; one that says the same stays as it is, comments included."""
    known = _plain(document.get(key, None))
    if known == tables or (known is None and not tables and key == "filter"):
        return
    if key in document:
        document.remove(key)
    if not tables:
        if key == "colour":
            document[key] = []
        return
    entries = tomlkit.aot()
    for values in tables:
        table = tomlkit.table()
        table.update(values)
        entries.append(table)
    document[key] = entries
