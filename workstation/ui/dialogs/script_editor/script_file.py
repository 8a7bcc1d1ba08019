"""Scripts as files and texts: read, written as a whole, checked for their grammar; templates and the cheat sheet.

Knows no Qt. Nothing here runs a script: that is done by `scp.scripts`, for a file that a person saved.
"""

from __future__ import annotations

import ast
import os
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from workstation.paths import resource
from workstation.scp.rules.rule import EVENT_WORDS, EVENTS
from workstation.scp.scripts import FUNCTION_NAMES

LARGEST = 512 * 1024


class ScriptFileError(Exception):
    """A file cannot be edited here; `str` is a sentence."""


@dataclass(frozen=True, slots=True)
class ScriptText:
    """What a file holds.

    Attributes:
        text: With line feeds.
        content: The bytes, to see whether the file has changed.
    """

    text: str
    content: bytes

    @property
    def line_end(self) -> str:
        """How the file ends its lines."""
        return "\r\n" if b"\r\n" in self.content else "\n"


def read_script(path: Path) -> ScriptText:
    """Read a file.

    Raises:
        ScriptFileError: It cannot be read, is too large, or no text.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise ScriptFileError(f"{path.name} has more than {LARGEST:,} bytes and cannot be edited here.")
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScriptFileError(f"{path.name} is no UTF-8 text: see its byte {error.start:,}.") from None
    except OSError as error:
        raise ScriptFileError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    return ScriptText(text.replace("\r\n", "\n").replace("\r", "\n"), content)


def content_of(path: Path) -> bytes | None:
    """What the file holds now; None if it is not there, or cannot be read."""
    try:
        return path.read_bytes() if path.stat().st_size <= LARGEST else b""
    except OSError:
        return None


def write_script(path: Path, text: str, line_end: str = "\n") -> bytes:
    """Write a file as a whole: whoever reads it sees the version before, or this one.

    Returns:
        What it holds now.

    Raises:
        ScriptFileError: It cannot be written.
    """
    content = text.replace("\n", line_end).encode("utf-8")
    # A link stays a link: what it names is replaced.
    target = path.resolve()
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(target.stat().st_mode & 0o777 if target.exists() else 0o644)
        Path(temporary).replace(target)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise ScriptFileError(f"{path.name} cannot be written: {error.strerror or error}.") from error
    return content


def grammar_problem(text: str, name: str) -> tuple[int, str] | None:
    """What is wrong with a text's grammar, as (line, sentence); None if nothing is. Runs nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text, name)
    except SyntaxError as error:
        words = " ".join(str(error.msg or "it is no Python").split())
        return error.lineno or 1, f"{words[:1].upper()}{words[1:]}."
    except (ValueError, RecursionError, MemoryError) as error:
        return 1, f"It is no Python text: {error}."
    return None


# --- templates


def templates() -> Mapping[str, Path]:
    """Event -> the template for its handler, in the order of the events."""
    folder = resource("scripts/templates")
    found = {}
    for event in EVENTS:
        path = folder / f"{FUNCTION_NAMES[event][0].removeprefix('handle_')}.py"
        if path.is_file():
            found[event] = path
    return MappingProxyType(found)


def example() -> Path:
    """A script with several handlers that is a server by itself, too."""
    return resource("scripts/stubborn_archive.py")


# --- the cheat sheet


@dataclass(frozen=True, slots=True)
class Cheat:
    """What a handler of one event gets and gives.

    Attributes:
        attributes: Of the event: (as it is written, what it is).
        gives: What the handler returns or yields.
    """

    attributes: tuple[tuple[str, str], ...]
    gives: str


_ALL = (
    ("event.assoc.requestor.ae_title", "who asks"),
    ("event.assoc.requestor.address", "from where"),
    ("event.timestamp", "when"),
)
_SERVICE = (
    ("event.request", "the request, its elements by keyword"),
    ("event.message_id", "its Message ID"),
    ("event.context.abstract_syntax", "the SOP class negotiated"),
    ("event.context.transfer_syntax", "how data sets are encoded"),
    ("event.over.wait(seconds)", "waits; True at once when the peer cancels or leaves"),
    ("event.assoc.abort()", "ends the association"),
)
_QUERY = (
    ("event.identifier", "what is asked for, a data set"),
    ("event.is_cancelled", "whether the peer has cancelled"),
)
_STATUS = "Return a status: a number, or a Dataset with Status and ErrorComment."
_PAIR = "Return (status, data set or None)."

CHEATS: Mapping[str, Cheat] = MappingProxyType(
    {
        "A-ASSOCIATE": Cheat(
            (("event.request", "the A-ASSOCIATE-RQ: its AE titles, contexts and user information"),),
            "Return None to accept, or (result, source, reason) to reject. Only the test server asks this.",
        ),
        "EVT_USER_ID": Cheat(
            (
                ("event.user_id_type", "1 user name, 2 with passcode, 3 Kerberos, 4 SAML, 5 JWT"),
                ("event.primary_field", "bytes: the user name or the ticket"),
                ("event.secondary_field", "bytes: the passcode, or None"),
            ),
            "Return (True or False, bytes of the server's response or None).",
        ),
        "EVT_ASYNC_OPS": Cheat(
            (
                ("event.nr_invoked", "operations that the peer wants to invoke at once; 0 for any number"),
                ("event.nr_performed", "operations that it can perform at once"),
            ),
            "Return (invoked, performed).",
        ),
        "EVT_SOP_EXTENDED": Cheat(
            (("event.app_info", "{SOP Class UID: bytes} as proposed"),),
            "Return {SOP Class UID: bytes} for those that are answered.",
        ),
        "EVT_SOP_COMMON": Cheat(
            (("event.items", "{SOP Class UID: item}; item.service_class_uid"),),
            "Return those items that are accepted.",
        ),
        "EVT_C_ECHO": Cheat((), _STATUS),
        "EVT_C_STORE": Cheat(
            (
                ("event.dataset", "the object, decoded when it is looked at"),
                ("event.file_meta", "its file meta information"),
                ("event.encoded_dataset()", "the object as the bytes of a file"),
                ("event.dataset_path", "the file that has it, or None"),
                ("event.request.AffectedSOPInstanceUID", "its UID"),
            ),
            _STATUS,
        ),
        "EVT_C_FIND": Cheat(
            _QUERY,
            "Yield (0xFF00, data set) for each match, (0xFE00, None) when cancelled, a failure as (status, None). "
            "Success is said at the end.",
        ),
        "EVT_C_GET": Cheat(
            _QUERY,
            "Yield the number of objects, then (0xFF00, data set or path) for each; (status, None) ends it.",
        ),
        "EVT_C_MOVE": Cheat(
            (*_QUERY, ("event.move_destination", "AE title of who shall get them")),
            "Yield (address, port) or (None, None) if the destination is unknown, then the number of objects, then "
            "(0xFF00, data set or path) for each; (status, None) ends it.",
        ),
        "EVT_N_ACTION": Cheat(
            (
                ("event.action_type", "Action Type ID"),
                ("event.action_information", "a data set, empty if there is none"),
                ("event.request.RequestedSOPInstanceUID", "of which instance"),
            ),
            _PAIR,
        ),
        "EVT_N_CREATE": Cheat(
            (
                ("event.attribute_list", "its attributes, a data set"),
                ("event.request.AffectedSOPInstanceUID", "its UID, or None: then give one in the reply"),
            ),
            _PAIR,
        ),
        "EVT_N_DELETE": Cheat((("event.request.RequestedSOPInstanceUID", "which instance"),), _STATUS),
        "EVT_N_EVENT_REPORT": Cheat(
            (
                ("event.event_type", "Event Type ID"),
                ("event.event_information", "a data set, empty if there is none"),
                ("event.request.AffectedSOPInstanceUID", "of which instance"),
            ),
            _PAIR,
        ),
        "EVT_N_GET": Cheat(
            (
                ("event.attribute_identifiers", "tags that are wanted; empty for all"),
                ("event.request.RequestedSOPInstanceUID", "of which instance"),
            ),
            _PAIR,
        ),
        "EVT_N_SET": Cheat(
            (
                ("event.modification_list", "the attributes and their new values, a data set"),
                ("event.request.RequestedSOPInstanceUID", "of which instance"),
            ),
            _PAIR,
        ),
    }
)


def cheat_rows(event: str) -> list[tuple[str, str]]:
    """Everything that the event offers, its own first."""
    own = CHEATS[event].attributes
    common = _SERVICE if event.startswith(("EVT_C_", "EVT_N_")) else ()
    named = {name for name, _ in own}
    return [*own, *(row for row in (*common, *_ALL) if row[0] not in named)]


def event_words(event: str) -> str:
    """An event as people call it."""
    return EVENT_WORDS.get(event, event)
