"""Data sets to answer with, from files that a person named: DICOM files, bare data sets, DICOM JSON (PS3.18 F).

In their texts each `@` becomes a random digit at each use, so that a file gives another patient, or another UID, every
time. A file is read again when it has changed. All errors are sentences; a file is never more than read, and a bulk
data URI in it is not followed.
"""

from __future__ import annotations

import json
import random
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.valuerep import PersonName

from workstation.net import dsutils, part10
from workstation.scp.archive.extract import UNICODE_VRS
from workstation.scp.archive.scan import DamagedDataSetError, scan
from workstation.traffic.text import printable

LARGEST = 16 * 1024 * 1024
MOST_DATA_SETS = 100_000
_MOST_KEPT = 64 * 1024 * 1024

# In these the bytes are characters of the default repertoire, whatever the character set.
_ASCII_VRS = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"})
_EXPLICIT, _IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
_CHARACTER_SET = 0x00080005
_MAGIC = 128

Digit = Callable[[], int]


class AnswerFileError(ValueError):
    """A file cannot be answered with; the text is a sentence."""


def load_answers(paths: Iterable[str | Path], folder: Path, digit: Digit | None = None) -> list[Dataset]:
    """Return the data sets of files, one after the other, with new random digits.

    Args:
        paths: As a rule names them.
        folder: What they are relative to; one that leads elsewhere is the person's own business.
        digit: Gives 0 to 9, at random.

    Raises:
        AnswerFileError: One is not there, cannot be read or is no data set.
    """
    throw = digit or (lambda: random.randrange(10))
    found: list[Dataset] = []
    for name in paths:
        try:
            path = folder / Path(name).expanduser()
            content = _contents.of(path)
        except (OSError, ValueError, RuntimeError) as error:
            if isinstance(error, AnswerFileError):
                raise
            reason = getattr(error, "strerror", None) or str(error)
            raise AnswerFileError(f"{_shown(name)} cannot be read: {printable(reason, 120)}.") from error
        found += _read(path, content, _shown(name), throw)
        if len(found) > MOST_DATA_SETS:
            raise AnswerFileError(f"There are more than {MOST_DATA_SETS:,} data sets to answer with.")
    return found


def answer_problem(paths: Iterable[str | Path], folder: Path) -> str:
    """Return a sentence on the first file that cannot be answered with; "" if all can."""
    try:
        load_answers(paths, folder)
    except AnswerFileError as error:
        return str(error)
    return ""


class _Contents:
    """The bytes of files that were used lately."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the two below
        self._kept: OrderedDict[Path, tuple[tuple[int, int, int], bytes]] = OrderedDict()
        self._size = 0

    def of(self, path: Path) -> bytes:
        """A file's bytes, as they are now."""
        found = path.stat()
        if not path.is_file():
            raise AnswerFileError(f"{_shown(path)} is no file.")
        if found.st_size > LARGEST:
            raise AnswerFileError(f"{_shown(path)} has more than {LARGEST:,} bytes.")
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        with self._lock:
            known = self._kept.get(path)
            if known is not None and known[0] == stamp:
                self._kept.move_to_end(path)
                return known[1]
        content = path.read_bytes()
        with self._lock:
            old = self._kept.pop(path, None)
            self._size += len(content) - (len(old[1]) if old is not None else 0)
            self._kept[path] = (stamp, content)
            while self._size > _MOST_KEPT and len(self._kept) > 1:
                self._size -= len(self._kept.popitem(last=False)[1][1])
        return content


_contents = _Contents()


def _shown(path: str | Path) -> str:
    return printable(Path(path).name or str(path), 40)


def _read(path: Path, content: bytes, name: str, digit: Digit) -> list[Dataset]:
    beginning = content[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if beginning[:1] in (b"{", b"["):
        return _from_json(content, name, digit)
    return [_from_dicom(path, content, name, digit)]


# DICOM


def _from_dicom(path: Path, content: bytes, name: str, digit: Digit) -> Dataset:
    if content[_MAGIC : _MAGIC + 4] == b"DICM":
        data, syntax = _part10(path, content, name)
        problem = _damage(data, syntax)
        if problem:
            raise AnswerFileError(f"{name}: {problem}")
    else:
        data = content
        syntax = next((one for one in (_EXPLICIT, _IMPLICIT) if data and not _damage(data, one)), "")
        if not syntax:
            raise AnswerFileError(f"{name} is neither a DICOM file nor a data set nor DICOM JSON.")
    try:
        data_set = dsutils.decode_in(data, syntax)
        _throw(data_set, digit)
        # Each element now: a damaged value would raise when the answer is encoded.
        for element in data_set.iterall():
            _ = element.value
    except Exception as error:
        # pydicom answers damaged bytes with almost any exception.
        raise AnswerFileError(f"{name} cannot be decoded: {printable(str(error), 120)}") from error
    return data_set


def _part10(path: Path, content: bytes, name: str) -> tuple[bytes, str]:
    try:
        head = part10.read_head(path)
    except (OSError, part10.NotDicomFileError) as error:
        raise AnswerFileError(f"{name} cannot be read: {printable(str(error), 120)}") from error
    return content[head.offset :], head.transfer_syntax_uid


def _damage(data: bytes, syntax: str) -> str:
    try:
        scan(data, syntax, ())
    except DamagedDataSetError as error:
        return str(error)
    return ""


def _throw(data_set: Dataset, digit: Digit) -> None:
    """Put digits in place of each `@`; as bytes where a value with one could not be decoded (DS, IS)."""
    for tag in list(data_set.keys()):
        raw = data_set.get_item(tag)
        if isinstance(raw, RawDataElement):
            vr = raw.VR or _vr(tag)
            if vr in _ASCII_VRS and raw.value and b"@" in raw.value:
                text = _thrown(raw.value.decode("latin-1"), vr, digit)
                data_set[tag] = raw._replace(value=text.encode("latin-1"))
                continue
        element = data_set[tag]
        if element.VR == "SQ":
            for item in element.value:
                _throw(item, digit)
        elif element.VR in UNICODE_VRS and not element.is_empty:
            _throw_text(element, digit)


def _throw_text(element: DataElement, digit: Digit) -> None:
    values = element.value if element.VM > 1 else [element.value]
    if not any("@" in str(value) for value in values):
        return
    thrown = [_thrown(str(value), element.VR, digit) for value in values]
    if element.VR == "PN":
        made: list[Any] = [PersonName(text) for text in thrown]
    else:
        made = list(thrown)
    element.value = made if element.VM > 1 else made[0]


def _vr(tag: int) -> str:
    try:
        return dictionary_VR(tag)
    except KeyError:
        return ""


def _thrown(text: str, vr: str, digit: Digit) -> str:
    if vr != "UI":
        return re.sub("@", lambda _: str(digit()), text)
    # A component of a UID does not begin with 0, unless it is 0 (PS3.5 9.1).
    text = re.sub(r"(?:(?<=[.\\])|^)@(?=[0-9@])", lambda _: str(digit() or 1), text)
    return re.sub("@", lambda _: str(digit()), text)


# DICOM JSON


def _from_json(content: bytes, name: str, digit: Digit) -> list[Dataset]:
    try:
        model = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise AnswerFileError(f"{name}: byte {error.start} is not UTF-8 text.") from error
    except (ValueError, RecursionError) as error:
        raise AnswerFileError(f"{name} is no JSON: {printable(str(error), 120)}.") from error
    found = []
    for item in model if isinstance(model, list) else [model]:
        if not isinstance(item, dict):
            raise AnswerFileError(
                f"{name} is no DICOM JSON: it has {printable(repr(item), 40)} in place of a data set."
            )
        try:
            data_set = Dataset.from_json(_throw_model(item, digit))
            for element in data_set.iterall():
                _ = element.value
        except Exception as error:
            # pydicom raises almost anything for what is not the model of PS3.18 F.2.
            raise AnswerFileError(f"{name} is no DICOM JSON: {printable(str(error) or repr(error), 120)}") from error
        if _CHARACTER_SET not in data_set and not json.dumps(item, ensure_ascii=False).isascii():
            # The model is Unicode; the answer says so where it matters.
            data_set.SpecificCharacterSet = "ISO_IR 192"
        found.append(data_set)
    return found


def _throw_model(item: dict[str, Any], digit: Digit) -> dict[str, Any]:
    return {tag: _throw_entry(entry, digit) if isinstance(entry, dict) else entry for tag, entry in item.items()}


def _throw_entry(entry: dict[str, Any], digit: Digit) -> dict[str, Any]:
    values = entry.get("Value")
    vr = entry.get("vr")
    if not isinstance(values, list):
        return entry
    if vr == "SQ":
        values = [_throw_model(value, digit) if isinstance(value, dict) else value for value in values]
    elif vr == "PN":
        values = [
            {group: _thrown_value(text, "PN", digit) for group, text in value.items()}
            if isinstance(value, dict)
            else _thrown_value(value, "PN", digit)
            for value in values
        ]
    elif vr in UNICODE_VRS or vr in _ASCII_VRS:
        values = [_thrown_value(value, vr, digit) for value in values]
    return {**entry, "Value": values}


def _thrown_value(value: Any, vr: str, digit: Digit) -> Any:
    return _thrown(value, vr, digit) if isinstance(value, str) else value
