"""Data sets as the ledger keeps them: texts in the DICOM JSON model (PS3.18 F), so that what came goes out again.

Numbers that were sent as text (DS, IS) stay the text that was sent; a value that is none of its VR is kept as UN.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from pydicom import config
from pydicom.dataelem import DataElement, empty_value_for_VR
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def text_of(data_set: Dataset) -> str:
    """Return the data set as a text that `data_set_of` reads. Values must be decodable."""
    return json.dumps(_model(data_set), separators=(",", ":"))


def data_set_of(text: str) -> Dataset:
    """Return the data set of a text of `text_of`."""
    return data_set_of_model(json.loads(text))


def data_set_of_model(model: dict[str, Any]) -> Dataset:
    """Return the data set of such a text that has been parsed."""
    data_set = Dataset()
    for name, element in model.items():
        data_set.add(_element_of(int(name, 16), element))
    return data_set


def _element_of(tag: int, model: dict[str, Any]) -> DataElement:
    vr, values = model["vr"], model.get("Value", [])
    if "InlineBinary" in model:
        value: Any = base64.b64decode(model["InlineBinary"])
    elif vr == "SQ":
        value = Sequence([data_set_of_model(item or {}) for item in values])
    else:
        found = [_value_of(vr, one) for one in values]
        value = found if len(found) > 1 else found[0] if found else empty_value_for_VR(vr)
    # Whatever was sent: to judge it is for those who look at it.
    return DataElement(tag, vr, value, validation_mode=config.IGNORE)


def _value_of(vr: str, value: Any) -> Any:
    if value is None:
        return ""
    if vr == "PN":
        groups = [value.get(group) for group in _GROUPS]
        while groups and groups[-1] is None:
            groups.pop()
        return "=".join(group or "" for group in groups)
    return int(value, 16) if vr == "AT" else value


def _model(data_set: Dataset) -> dict[str, Any]:
    return {f"{element.tag:08X}": _element(element) for element in data_set if element.tag.element != 0}


def _element(element: DataElement) -> dict[str, Any]:
    vr, value = element.VR, element.value
    if vr == "SQ":
        return {"vr": vr, "Value": [_model(item) for item in value or ()]}
    if isinstance(value, bytes | bytearray):
        return _binary(vr, value)
    values = list(value) if isinstance(value, MultiValue | list | tuple) else [value]
    if not values or (len(values) == 1 and values[0] in (None, "")):
        return {"vr": vr}
    try:
        model = {"vr": vr, "Value": [_plain(vr, one) for one in values]}
        # What cannot be read again is found out now, and not by all who ask later.
        _element_of(element.tag, model)
    except (ValueError, TypeError, OverflowError):
        return _binary("UN", "\\".join("" if one is None else str(one) for one in values).encode("utf-8", "replace"))
    return model


def _plain(vr: str, value: Any) -> Any:
    if vr == "PN":
        return dict(zip(_GROUPS, str(value or "").split("=", 2), strict=False))
    if vr == "AT":
        return f"{int(value):08X}"
    # Numbers of DS and IS are texts (PS3.5 6.2), and told as they were written.
    return value if isinstance(value, int | float) and vr not in ("DS", "IS") else str("" if value is None else value)


def _binary(vr: str, value: bytes | bytearray) -> dict[str, Any]:
    return {"vr": vr, "InlineBinary": base64.b64encode(value).decode()} if value else {"vr": vr}
