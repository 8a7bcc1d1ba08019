"""Worklist items from files: Part 10 and bare data sets (.dcm, .wl of DCMTK and Orthanc), and DICOM JSON.

The files are a person's own. What cannot be read is a sentence for that person; the other files are read all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from workstation.net import dsutils
from workstation.scp.answers.worklist_items import one_step_each
from workstation.scp.answers.worklist_table import STEPS
from workstation.small_file import read_small_file

# A worklist item has some kilobytes, a file of ten thousand in JSON some megabytes.
LARGEST_FILE = 64 * 1024 * 1024
_TAG = re.compile("[0-9A-Fa-f]{8}")
_SUFFIXES = frozenset({".wl", ".dcm", ".dicom", ".json"})
# One of them makes a data set a worklist item and no arbitrary bytes.
_TELLING = (STEPS, "PatientName", "PatientID", "RequestedProcedureID", "AccessionNumber")


class _ProblemError(Exception):
    """Why a file has no worklist item, as a sentence's end."""


def read_worklist_files(paths: Iterable[str | Path]) -> tuple[list[Dataset], list[str]]:
    """Read worklist items.

    Args:
        paths: Files, or folders: of those, the .wl, .dcm, .dicom and .json files that lie directly in them.

    Returns:
        The items, one Scheduled Procedure Step each, not yet completed; and a sentence for each file that gave none.
    """
    items: list[Dataset] = []
    problems: list[str] = []
    for path in paths:
        try:
            files = list(_files(Path(path)))
        except OSError as error:
            problems.append(f"{Path(path).name}: {error.strerror or error}.")
            continue
        if not files:
            problems.append(f"{Path(path).name}: the folder has no .wl, .dcm, .dicom or .json file.")
        for file in files:
            try:
                items.extend(_read(file))
            except _ProblemError as error:
                problems.append(f"{file.name}: {error}")
            except OSError as error:
                problems.append(f"{file.name}: {error.strerror or error}.")
    return items, problems


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(one for one in path.iterdir() if one.suffix.lower() in _SUFFIXES and one.is_file())
    else:
        yield path


def _read(file: Path) -> list[Dataset]:
    if file.stat().st_size > LARGEST_FILE:
        raise _ProblemError(f"it is larger than {LARGEST_FILE // 1024**2} MiB.")
    content = read_small_file(file, LARGEST_FILE)
    is_json = content[:3] == b"\xef\xbb\xbf" or content.lstrip()[:1] in (b"{", b"[")
    data_sets = _from_json(content) if is_json else [_from_dicom(file)]
    items: list[Dataset] = []
    for data_set in data_sets:
        if not any(keyword in data_set for keyword in _TELLING):
            raise _ProblemError("it is no worklist item: it names neither a patient nor a scheduled procedure step.")
        item = _cleaned(data_set)
        if dsutils.encode_in(item, ExplicitVRLittleEndian) is None:
            raise _ProblemError("one of its values is not of its VR, and could not be sent.")
        items.extend(one_step_each(item))
    return items


def _from_json(content: bytes) -> list[Dataset]:
    try:
        model = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _ProblemError(f"it is no JSON: {error}.") from error
    objects: list[Any] = model if isinstance(model, list) else [model]
    data_sets = []
    for number, one in enumerate(objects, 1):
        wrong = _wrong_in(one)
        try:
            data_set = Dataset.from_json(one) if not wrong else Dataset()
            _decode(data_set)
        except Exception:
            # pydicom answers what is not of the model with almost any exception.
            wrong = "one of its values is not of its VR."
        if wrong:
            raise _ProblemError(f"its object {number} is no data set of the DICOM JSON model: {wrong}")
        data_sets.append(data_set)
    if not data_sets:
        raise _ProblemError("its list is empty.")
    return data_sets


def _wrong_in(model: Any) -> str:
    """Say what is wrong with a data set of the DICOM JSON model (PS3.18 F.2); "" if it looks like one."""
    if not isinstance(model, dict):
        return "it is none of attributes."
    for name, element in model.items():
        if not _TAG.fullmatch(name):
            return f"{name[:20]!r} is no tag, such as 00100010."
        if not isinstance(element, dict) or not isinstance(element.get("vr"), str):
            return f"{name} has no vr."
        values = element.get("Value", [])
        if not isinstance(values, list):
            return f"the Value of {name} is no list."
        if element["vr"] == "SQ":
            for item in values:
                if item is not None and (wrong := _wrong_in(item)):
                    return wrong
    return ""


def _from_dicom(file: Path) -> Dataset:
    try:
        # force: DCMTK's worklist files may have no preamble.
        data_set = dcmread(file, force=True)
        _decode(data_set)
    except Exception as error:
        # The same.
        raise _ProblemError("it is no DICOM file, or a damaged one.") from error
    return data_set


def _decode(data_set: Dataset) -> None:
    """Decode each element now, so that damaged ones are noticed here."""
    for element in data_set.iterall():
        _ = element.value


def _cleaned(data_set: Dataset) -> Dataset:
    """Return the data set alone: without file meta information, group lengths and what a file says of itself."""
    item = Dataset()
    for element in data_set:
        if (
            element.tag.group > 2
            and element.tag.element != 0
            and element.keyword not in ("SOPClassUID", "SOPInstanceUID")
        ):
            item.add(element)
    return item
