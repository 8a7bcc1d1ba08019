"""Rules out of a file that somebody else made: nothing of theirs runs before the person has looked at it.

A rule whose answer is a script comes in switched off. What a rule names beside that file is found there: relative
names become whole ones. Reads no file and runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from workstation.scp.rules.rule import Rule
from workstation.traffic.text import printable


def take_over(rules: Iterable[Rule], folder: Path, into: Path | None) -> tuple[Rule, ...]:
    """Return the rules as they may be put in force.

    Args:
        rules: As they are in the file.
        folder: Where the file is.
        into: What names of files will be relative to; None if nobody knows.
    """
    return tuple(_taken(rule, folder, into) for rule in rules)


def scripts_of(rules: Iterable[Rule]) -> tuple[str, ...]:
    """The scripts that rules run, each once."""
    return tuple(dict.fromkeys(rule.action.script for rule in rules if rule.action.answer == "script"))


def files_of(rules: Iterable[Rule]) -> tuple[str, ...]:
    """The files that rules need, each once: whoever shares the rules has to give them along."""
    found: dict[str, None] = {}
    for rule in rules:
        match rule.action.answer:
            case "script":
                found[rule.action.script] = None
            case "status":
                found.update(dict.fromkeys(rule.action.data_sets))
    return tuple(found)


def whole(name: str, folder: Path, into: Path | None) -> str:
    """A file's name that means the same in `into` as it does in `folder`; an empty one stays."""
    if not name or folder == into or name.startswith("~") or Path(name).is_absolute():
        return name
    return (folder.absolute() / name).as_posix()


def _taken(rule: Rule, folder: Path, into: Path | None) -> Rule:
    action = replace(
        rule.action,
        script=whole(rule.action.script, folder, into),
        data_sets=tuple(whole(name, folder, into) for name in rule.action.data_sets),
    )
    return replace(rule, action=action, enabled=rule.enabled and action.answer != "script")


def script_words(scripts: Iterable[str]) -> str:
    """What to say about the scripts that rules from elsewhere name."""
    names = "\n".join(printable(name, 200) for name in scripts)
    return f"A script runs with your rights: look at it first, then switch its rule on.\n{names}"
