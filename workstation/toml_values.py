"""Frozen dataclasses as sections of a TOML file: read with a sentence for each value that cannot be, written by change.

A bad value costs only itself: its default is used. Writing touches only what differs, so that comments, order and
unknown keys of a person's file stay. Knows nothing of what the values mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, cast

import tomlkit
from tomlkit.items import Item

T = TypeVar("T")

LARGEST_PDU = 16 * 1024 * 1024
SMALLEST_PDU = 4096


def check_seconds(value: object, what: str) -> float:
    """A time limit in seconds; ValueError with a sentence."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 86400:
        raise ValueError(f"{what} is {value!r}: give seconds, more than 0 and at most 86400.")
    return value


def check_whole(value: object, what: str, low: int, high: int) -> int:
    """A whole number within limits; ValueError with a sentence."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{what} is {value!r}: give a whole number from {low} to {high}.")
    return value


def check_flag(value: object, what: str) -> bool:
    """True or False; ValueError with a sentence."""
    if not isinstance(value, bool):
        raise ValueError(f"{what} is {value!r}: give true or false.")
    return value


def check_choice(value: object, what: str, choices: tuple[str, ...]) -> None:
    """One of some words; ValueError with a sentence."""
    if value not in choices:
        raise ValueError(f"{what} is {value!r}: give one of {', '.join(choices)}.")


def check_text(value: object, what: str) -> str:
    """A text; ValueError with a sentence."""
    if not isinstance(value, str):
        raise ValueError(f"{what} is {value!r}: give a text.")
    return value


def check_texts(value: object, what: str) -> tuple[str, ...]:
    """A list of texts; ValueError with a sentence."""
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{what} is {value!r}: give a list of texts.")
    return tuple(value)


def check_maximum_pdu(value: object) -> int:
    """The largest PDU that peers may send, 0 for no limit; ValueError with a sentence."""
    if value == 0 and not isinstance(value, bool):
        return 0
    return check_whole(value, "The maximum PDU length (0 for no limit)", SMALLEST_PDU, LARGEST_PDU)


def plain(value: Any) -> Any:
    """A value without the document that tomlkit's own types carry along."""
    return value.unwrap() if isinstance(value, Item) else value


def read_section(parent: Mapping[str, Any], key: str, problems: list[str]) -> Mapping[str, Any]:
    """The section of that name; empty if there is none."""
    section = parent.get(key, {})
    if isinstance(section, dict):
        return section
    problems.append(f"{key!r} is not a section.")
    return {}


def read_values(defaults: T, section: Mapping[str, Any], problems: list[str], skip: tuple[str, ...] = ()) -> T:
    """`defaults` with what the section says; tried one by one, so that a bad value costs only itself."""
    settings = defaults
    for each in fields(cast(Any, defaults)):
        if each.name in section and each.name not in skip:
            value = plain(section[each.name])
            try:
                settings = replace(cast(Any, settings), **{each.name: value})
            except (ValueError, TypeError, AttributeError) as error:
                sentence = str(error) if isinstance(error, ValueError) else f"{each.name} is {value!r}."
                problems.append(_short(sentence))
    return settings


def _short(sentence: str) -> str:
    """The sentence without the middle of what a person would not read: a value in it may be a megabyte long."""
    return sentence if len(sentence) <= 300 else f"{sentence[:200]} ... {sentence[-80:]}"


def write_values(table: Any, known: Any, settings: Any, skip: tuple[str, ...] = ()) -> None:
    """Bring `table` from `known` (None: nothing is there) to `settings`, one value at a time."""
    for each in fields(settings):
        if each.name in skip:
            continue
        new = getattr(settings, each.name)
        old = None if known is None else getattr(known, each.name)
        if is_dataclass(new):
            write_values(subtable(table, each.name), old, new)
        elif new is None:
            # TOML has no null: nothing is written.
            if each.name in table:
                del table[each.name]
        elif known is None or new != old:
            table[each.name] = list(new) if isinstance(new, tuple) else new


def subtable(parent: Any, key: str) -> Any:
    """The table of that name, made if absent."""
    if not isinstance(parent.get(key), dict):
        parent[key] = tomlkit.table()
    return parent[key]
