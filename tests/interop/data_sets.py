"""Data sets as JSON has them, and back, for programs that run in two processes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import Tag

Plain = dict[str, Any]


def data_set(described: Mapping[str, Any]) -> Dataset:
    """Make a data set from keywords and values; a list of mappings is a sequence, PixelData a number of bytes."""
    made = Dataset()
    for keyword, value in described.items():
        if keyword == "PixelData":
            made.add(DataElement(Tag(keyword), "OW", bytes(n * 31 & 0xFF for n in range(value))))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            setattr(made, keyword, Sequence([data_set(item) for item in value]))
        else:
            setattr(made, keyword, value)
    return made


def plain(given: Dataset) -> Plain:
    """A data set as numbers, text, lists and mappings; bytes are their length and digest."""
    return {element.keyword or str(element.tag): _plain_value(element.value) for element in given}


def _plain_value(value: Any) -> Any:
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    if isinstance(value, list | MultiValue):
        return [_plain_value(item) for item in value]
    if isinstance(value, bytes):
        return [len(value), hashlib.sha256(value).hexdigest()]
    if value is None:
        return None
    return int(value) if isinstance(value, int) else str(value)


def plain_or_none(given: Dataset | None) -> Plain | None:
    """The same for what may be missing."""
    return None if given is None else plain(given)
