"""SOP classes and transfer syntaxes by name: what is offered while a person types, and what a text stands for.

PS3.6 Annex A. A text of a rule is a UID, a name or a keyword, with `*` and `?`. Knows no widget.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Literal

from pydicom._uid_dict import UID_dictionary  # the names, which no public function lists

from workstation.net.uids import MISSING_IN_PYDICOM
from workstation.scp.query.pattern import Pattern

NameKind = Literal["SOP class", "transfer syntax"]

_TYPES: Mapping[NameKind, tuple[str, ...]] = {
    "SOP class": ("SOP Class", "Meta SOP Class"),
    "transfer syntax": ("Transfer Syntax",),
}
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")


@cache
def names_of(kind: NameKind) -> Mapping[str, str]:
    """UID by name; current ones first, as nobody looks for retired ones first, each group in order of the names."""
    found: list[tuple[bool, str, str]] = []
    for uid, (name, of_type, _, retired, _) in UID_dictionary.items():
        if of_type in _TYPES[kind]:
            found.append((bool(retired), name, uid))
    if kind == "SOP class":
        found += [(False, entry[0], uid) for uid, entry in MISSING_IN_PYDICOM.items()]
    return {name: uid for _, name, uid in sorted(found)}


@cache
def _by_any_name(kind: NameKind) -> Mapping[str, str]:
    known = {name.casefold(): uid for name, uid in names_of(kind).items()}
    for uid in names_of(kind).values():
        entry = UID_dictionary.get(uid)
        if entry is not None and entry[4]:
            known.setdefault(entry[4].casefold(), uid)
        known.setdefault(uid, uid)
    return known


def uid_of(kind: NameKind, text: str) -> str:
    """The UID that a text without wild cards stands for, "" if nobody knows it."""
    text = text.strip()
    return _by_any_name(kind).get(text.casefold(), text if _UID.fullmatch(text) else "")


def explained(kind: NameKind, text: str) -> tuple[str, bool]:
    """What a text stands for, in words, and whether it is to be doubted: one that never fits may be a slip."""
    text = text.strip()
    if not text:
        return "", False
    if "*" in text or "?" in text:
        pattern = Pattern(text.casefold())
        fitting = {uid for name, uid in _by_any_name(kind).items() if pattern.fits(name)}
        if not fitting:
            return f"Fits no {kind} of the standard.", True
        return f"Fits {len(fitting)} of the standard.", False
    uid = uid_of(kind, text)
    if not uid:
        return f"No {kind} of the standard has this name: only one that is called so would fit.", True
    if uid != text:
        return uid, False
    names = {uid: name for name, uid in names_of(kind).items()}
    return names.get(uid, f"No {kind} of the standard, a private one perhaps."), False
