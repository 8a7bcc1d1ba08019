"""A request as a command of DCMTK's, for a POSIX shell.

AE titles, UIDs and keys come from a peer and end up where a person pastes them into a terminal. So every argument that
is not plain is quoted: in double quotes where those are enough, which PowerShell and the command line of Windows read
as well, else in single quotes. A text that one of the three could take for something else is never written, nor one
with control characters, which a terminal would obey before any shell reads it, nor one that DCMTK would take for a
file of arguments. Comments hold words of ours only. What the options of a command cannot say goes into a DICOM file, in
Base64.
"""

from __future__ import annotations

import re
import warnings
from base64 import b64encode
from typing import TYPE_CHECKING

from workstation.net import part10
from workstation.net.dsutils import decode_in
from workstation.net.uids import uid_name
from workstation.traffic.output.repeat_request import Repeatable, harmless

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

__all__ = ["dcmtk_command", "is_argument", "shell_quoted"]

# What no shell gives a meaning to, not even zsh (=name), csh (!) or the one of Windows (%name%).
_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_.,:/+-]*|-[A-Za-z]{1,3}|--[a-z-]+")
# What stands for itself in double quotes, in every shell: in particular no $, backquote, quotation mark, % (which the
# command line of Windows replaces even there) and no ! (which bash does). A backslash parts values.
_DOUBLE = re.compile(r"(?:[A-Za-z0-9 ~#&'()*+,./:;<=>?@\[\]^_{|}-]|\\(?=[A-Za-z0-9]))*")
# For the command line of Windows single quotes are letters: nothing may stand in them that acts there.
_SINGLE = re.compile(r"[A-Za-z0-9 ~#'()*+,./:;=?@\[\]_{}$`!\\-]*")
_HOSTNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]{0,252}")

_IMPLICIT, _EXPLICIT, _BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
_DEFLATED = "1.2.840.10008.1.2.1.99"
# What each command is told to propose, by the transfer syntax that was agreed on.
_PROPOSE = {_IMPLICIT: "-xi", _EXPLICIT: "-xe", _BIG_ENDIAN: "-xb", _DEFLATED: "-xd"}
_PROPOSE_TO_STORE = {
    **_PROPOSE,
    "1.2.840.10008.1.2.5": "-xr",
    "1.2.840.10008.1.2.4.50": "-xy",
    "1.2.840.10008.1.2.4.51": "-xx",
    "1.2.840.10008.1.2.4.70": "-xs",
    "1.2.840.10008.1.2.4.80": "-xt",
    "1.2.840.10008.1.2.4.81": "-xu",
    "1.2.840.10008.1.2.4.90": "-xv",
    "1.2.840.10008.1.2.4.91": "-xw",
    "1.2.840.10008.1.2.4.100": "-xm",
    "1.2.840.10008.1.2.4.101": "-xh",
    "1.2.840.10008.1.2.4.102": "-xn",
    "1.2.840.10008.1.2.4.103": "-xl",
    "1.2.840.10008.1.2.4.104": "-x2",
    "1.2.840.10008.1.2.4.105": "-x3",
    "1.2.840.10008.1.2.4.106": "-xo",
    "1.2.840.10008.1.2.4.107": "-x4",
    "1.2.840.10008.1.2.4.108": "-x5",
}
_MODELS = {
    "1.2.840.10008.5.1.4.1.2.1.1": "-P",
    "1.2.840.10008.5.1.4.1.2.2.1": "-S",
    "1.2.840.10008.5.1.4.1.2.3.1": "-O",
    "1.2.840.10008.5.1.4.31": "-W",
    "1.2.840.10008.5.1.4.1.2.1.2": "-P",
    "1.2.840.10008.5.1.4.1.2.2.2": "-S",
    "1.2.840.10008.5.1.4.1.2.3.2": "-O",
    "1.2.840.10008.5.1.4.1.2.1.3": "-P",
    "1.2.840.10008.5.1.4.1.2.2.3": "-S",
    "1.2.840.10008.5.1.4.1.2.3.3": "-O",
}
_PROGRAMS = {"C-FIND": "findscu", "C-MOVE": "movescu", "C-GET": "getscu"}
# Groups whose attributes DCMTK knows by the same keywords as pydicom.
_BY_KEYWORD = (0x0008, 0x0010, 0x0020, 0x0032, 0x0040)
_TEXTS = frozenset(
    {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UI", "UC", "UR", "UT"}
)
_MOST_KEYS = 60
_DEEPEST = 4
_LONGEST = 1024
_MOST_BYTES = 16 << 10


def is_argument(text: str) -> bool:
    """Whether a text can be written as an argument so that every shell takes it for that."""
    return any(form.fullmatch(text) for form in (_PLAIN, _DOUBLE, _SINGLE))


def shell_quoted(text: str) -> str:
    """One argument for a POSIX shell.

    More is quoted than such a shell needs: others read what is pasted too.
    """
    if _PLAIN.fullmatch(text):
        return text
    if _DOUBLE.fullmatch(text):
        return f'"{text}"'
    return "'" + text.replace("'", "'\"'\"'") + "'"


def dcmtk_command(request: Repeatable) -> str:
    """The command, with comments above it on what it does not repeat."""
    remarks = [*request.remarks, *_negotiation(request)]
    prologue: list[str] = []
    arguments = [*_who(request, remarks)]
    host = request.host if _HOSTNAME.fullmatch(request.host) else "PEER"
    if ":" in host:
        remarks.append("DCMTK before 3.7.0 knows no IPv6 addresses")
    where = [host, str(request.port)]
    match request.service:
        case "":
            program = "echoscu"
            remarks.append("Opens an association for Verification and sends one C-ECHO-RQ")
            if request.ends_with_abort:
                arguments.append("--abort")
        case "C-ECHO":
            program = "echoscu"
        case "C-STORE":
            program = "storescu"
            arguments += ["-R", *_proposal(request, _PROPOSE_TO_STORE, remarks)]
            where.append("object.dcm")
            remarks.append("Save the object of the message as object.dcm first")
            message = request.message
            if getattr(message, "MoveOriginatorApplicationEntityTitle", None):
                remarks.append("That a C-MOVE-RQ caused it is not repeated")
        case "C-FIND" | "C-MOVE" | "C-GET" as service:
            program = _PROGRAMS[service]
            model = _MODELS.get(request.context.abstract_syntax) if request.context is not None else None
            if model is None:
                return _nothing(request, f"{program} does not know this information model", remarks)
            arguments += [model, *_proposal(request, _PROPOSE, remarks)]
            if service == "C-MOVE":
                destination = str(getattr(request.message, "MoveDestination", None) or "")
                arguments += _title("-aem", destination, "DESTINATION", remarks)
                remarks.append("The peer sends the objects to the destination again")
            elif service == "C-GET":
                arguments += ["-od", "."]
                remarks.append("The objects are written into the current folder")
            keys = _keys(request, remarks)
            if keys is None:
                prologue, file = _identifier_file(request)
                where += file
            else:
                arguments += keys
        case service:
            return _nothing(request, f"DCMTK has no command for {service}", remarks)
    command = [program, *arguments, *where]
    line = " ".join(part if part == _FILE else shell_quoted(part) for part in command)
    return "\n".join([*_comments(request, remarks), *prologue, line]) + "\n"


_FILE = '"$IDENTIFIER"'


def _comments(request: Repeatable, remarks: list[str]) -> list[str]:
    what = harmless(request.name)
    if request.context is not None:
        name = uid_name(request.context.abstract_syntax)
        what = f"{what}, {harmless(name)}" if name else what
    return [f"# {what}, for a POSIX shell", *(f"# {harmless(remark)}" for remark in dict.fromkeys(remarks))]


def _nothing(request: Repeatable, why: str, remarks: list[str]) -> str:
    return "\n".join(_comments(request, [why, "The Python script can repeat it", *remarks])) + "\n"


def _negotiation(request: Repeatable) -> list[str]:
    others = len(request.contexts) - 1
    if request.message is not None and others > 0:
        return [f"The association had {others} more presentation contexts, which are not proposed"]
    return []


# --------------------------------------------------------------------------- arguments
def _title(option: str, title: str, stand_in: str, remarks: list[str]) -> list[str]:
    """An option with an AE title."""
    if not title:
        return []
    if not is_argument(title) or title.startswith("@") or len(title) > 16:
        remarks.append(f"An AE title cannot be written in a command, {stand_in} stands in its place")
        title = stand_in
    return [option, title]


def _who(request: Repeatable, remarks: list[str]) -> list[str]:
    return [
        *_title("-aet", request.calling, "CALLING", remarks),
        *_title("-aec", request.called, "CALLED", remarks),
    ]


def _proposal(request: Repeatable, table: dict[str, str], remarks: list[str]) -> list[str]:
    syntax = request.transfer_syntax
    if not syntax:
        return []
    option = table.get(syntax)
    if option is None or (request.service == "C-GET" and option == "-xd"):
        remarks.append("The transfer syntax of its context cannot be proposed by this command")
        return []
    if request.service == "C-GET" or (option in ("-xe", "-xb", "-xd") and request.service != "C-STORE"):
        remarks.append("The command proposes other transfer syntaxes as well, and the peer chooses")
    return [option]


# --------------------------------------------------------------------------- keys
def _keys(request: Repeatable, remarks: list[str]) -> list[str] | None:
    """The identifier as options; None if it has to go into a file."""
    if request.data is None or len(request.data) > _MOST_BYTES:
        remarks.append("The keys are missing, add them with -k")
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            identifier = decode_in(request.data, request.transfer_syntax)
            paths: list[str] = []
            if not _collect(identifier, "", paths) or len(paths) > _MOST_KEYS:
                return None
    except Exception:  # pydicom raises anything for bytes that are no data set; these go into a file as they are
        return None
    return [part for path in paths for part in ("-k", path)]


def _collect(item: Dataset, prefix: str, paths: list[str], depth: int = 0) -> bool:
    """Add the keys of a data set; whether all of them can be said so."""
    if depth > _DEEPEST:
        return False
    for element in item:
        if element.tag.is_private or element.tag.element == 0:
            return False
        name = _name_of(element)
        if element.VR == "SQ":
            if not len(element.value):
                return False
            for place, one in enumerate(element.value):
                if not len(one):
                    paths.append(f"{prefix}{name}[{place}]")
                elif not _collect(one, f"{prefix}{name}[{place}].", paths, depth + 1):
                    return False
            continue
        value = _text_of(element)
        if value is None:
            return False
        paths.append(f"{prefix}{name}={value}" if value else f"{prefix}{name}")
    return True


def _name_of(element: DataElement) -> str:
    from pydicom.datadict import dictionary_is_retired

    tag = element.tag
    if tag.group in _BY_KEYWORD and element.keyword and not dictionary_is_retired(tag):
        return element.keyword
    return f"({tag.group:04X},{tag.element:04X})"


def _text_of(element: DataElement) -> str | None:
    """A value as one argument; None if an argument cannot be it."""
    from pydicom.multival import MultiValue

    value = element.value
    if value is None or value == "" or (isinstance(value, bytes) and not value):
        return ""
    if element.VR not in _TEXTS:
        return None
    values = value if isinstance(value, MultiValue) else [value]
    text = "\\".join(str(one) for one in values)
    return text if len(text) <= _LONGEST and is_argument(text) else None


def _identifier_file(request: Repeatable) -> tuple[list[str], list[str]]:
    """The lines that make a DICOM file of the identifier, and the argument that names it."""
    data, syntax = request.data or b"", request.transfer_syntax
    if syntax not in (_IMPLICIT, _EXPLICIT, _BIG_ENDIAN, _DEFLATED):
        syntax = _EXPLICIT
    head = part10.encode_head(
        sop_class_uid=harmless(request.context.abstract_syntax if request.context is not None else ""),
        sop_instance_uid="2.25.1",
        transfer_syntax_uid=syntax,
        implementation_class_uid="2.25.1",
    )
    encoded = b64encode(head + data).decode("ascii")
    # In one argument: as lines of their own, elsewhere pasted, the last ones could be names of programs.
    return (
        ["IDENTIFIER=$(mktemp)", f'printf %s "{encoded}" | base64 -d > "$IDENTIFIER"'],
        [_FILE],
    )
