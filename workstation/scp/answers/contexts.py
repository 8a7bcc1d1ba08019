"""What the test server supports, and what it proposes to a move destination (PS3.8 7.1.1.13, PS3.4 B.5, C.6).

Order of preference when one presentation context offers several transfer syntaxes: Explicit VR Little Endian, which
every reader knows, then Implicit VR, deflated, Big Endian, then the compressed ones. So an object is only received
compressed if its sender offers nothing else in that context, and then as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydicom._uid_dict import UID_dictionary

from workstation.net import uids
from workstation.net.presentation import PresentationContext, build_context
from workstation.scp.rules.matching import uid_fits

if TYPE_CHECKING:
    from workstation.scp.profiles import Supported

_UID = re.compile(r"[0-9]+(\.[0-9]+)+")

MOST_CONTEXTS = 128

_IMPLICIT, _EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
_DEFLATED, _BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
UNCOMPRESSED = (_EXPLICIT, _IMPLICIT, _DEFLATED, _BIG_ENDIAN)
# In the standard since pydicom's dictionary was made: JPEG XL, and frames deflated one by one.
_NEWER = ("1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.111", "1.2.840.10008.1.2.4.112", "1.2.840.10008.1.2.8.1")
# Not encodings of a data set that can be sent in P-DATA: MIME, XML, SMPTE streams, Papyrus.
_NO_DATA_SETS = ("1.2.840.10008.1.2.6.", "1.2.840.10008.1.2.7.", "1.2.840.10008.1.20")
# Named storage, but no objects.
_NO_OBJECTS = frozenset({"MediaStorageDirectoryStorage"})


def _known(kind: str) -> list[tuple[str, str]]:
    return [(uid, entry[4]) for uid, entry in UID_dictionary.items() if entry[1] == kind]


TRANSFER_SYNTAXES: tuple[str, ...] = tuple(
    dict.fromkeys(
        uid
        for uid in (*UNCOMPRESSED, *(uid for uid, _ in _known("Transfer Syntax")), *_NEWER)
        if not uid.startswith(_NO_DATA_SETS)
    )
)

# Retired classes too: old devices still send them.
STORAGE_CLASSES: tuple[str, ...] = tuple(
    sorted(
        {*uids.STORAGE.values(), *uids.NON_PATIENT_OBJECT.values()}
        | {
            uid
            for uid, keyword in _known("SOP Class")
            if "Storage" in keyword and "Commitment" not in keyword and keyword not in _NO_OBJECTS
        }
    )
)


def chosen_contexts(
    built_in: Iterable[PresentationContext], supported: Iterable[Supported]
) -> list[PresentationContext]:
    """Return what a profile supports of what is built in: the first line that names a SOP class says its syntaxes.

    A UID that nothing built in serves is supported all the same, since a test server may be asked to pretend;
    so is a transfer syntax that nobody knows.
    """
    lines = tuple(supported)
    contexts = list(built_in)
    if not lines:
        return contexts
    # Once a line: there are hundreds of SOP classes, and a pattern is held against every transfer syntax.
    syntaxes = {line: _syntaxes_of(line) for line in lines}
    known = {str(context.abstract_syntax) for context in contexts}
    chosen = []
    for context in contexts:
        line = next((line for line in lines if is_named(str(context.abstract_syntax), line.sop_classes)), None)
        if line is not None:
            chosen.append(_in_syntaxes(context, syntaxes[line]))
    for line in lines:
        for name in line.sop_classes:
            if is_uid(name) and name not in known:
                known.add(name)
                chosen.append(_in_syntaxes(build_context(name, list(UNCOMPRESSED)), syntaxes[line]))
    return chosen


def _syntaxes_of(line: Supported) -> list[str]:
    return list(dict.fromkeys(uid for name in line.transfer_syntaxes for uid in syntaxes_named(name)))


def _in_syntaxes(context: PresentationContext, wanted: list[str]) -> PresentationContext:
    if not wanted:
        return context
    changed = build_context(context.abstract_syntax or "", wanted)
    changed.scu_role, changed.scp_role = context.scu_role, context.scp_role
    return changed


def is_uid(name: str) -> bool:
    """Whether a text is a UID, and no name."""
    return bool(_UID.fullmatch(name.strip()))


def is_named(uid: str, names: Iterable[str]) -> bool:
    """Whether one of the names (UID, name or keyword, with * and ?) is that of the SOP class or transfer syntax."""
    return any(uid_fits(name, uid) for name in names)


def syntaxes_named(name: str) -> list[str]:
    """The UIDs of the transfer syntaxes of that name, UID or keyword, with * and ?, in the server's order."""
    if is_uid(name):
        return [name.strip()]
    return [uid for uid in TRANSFER_SYNTAXES if is_named(uid, (name,))]


def proposed_contexts(objects: Iterable[tuple[str, str]]) -> list[PresentationContext]:
    """Return the contexts to propose to the destination of a C-MOVE.

    One for each pair, so that it can be sent as it is, the most frequent first; then, while there is room, one more
    for each uncompressed class with the syntaxes that it could be converted to.

    Args:
        objects: (SOP Class UID, Transfer Syntax UID) of each object.
    """
    pairs = [pair for pair, _ in Counter(objects).most_common()]
    contexts = [build_context(sop_class, [syntax]) for sop_class, syntax in pairs[:MOST_CONTEXTS]]
    convertible = dict.fromkeys(sop_class for sop_class, syntax in pairs if syntax in (_EXPLICIT, _IMPLICIT, _DEFLATED))
    for sop_class in convertible:
        others = [syntax for syntax in (_EXPLICIT, _IMPLICIT) if (sop_class, syntax) not in pairs]
        if others:
            contexts.append(build_context(sop_class, others))
    return contexts[:MOST_CONTEXTS]
