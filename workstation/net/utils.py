"""Checks of AE titles and UIDs, and how bytes and text from the wire are shown.

AE titles: PS3.5 6.2 (VR AE) and PS3.8 9.3.2; UIDs: PS3.5 section 9. The name of this module is the documented
API's. Knows nothing of associations or messages.
"""

from __future__ import annotations

import contextvars
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from pydicom._uid_dict import UID_dictionary
from pydicom.config import IGNORE
from pydicom.uid import UID

from workstation.net import _config

# What a log or a label may show of one field that a peer filled in.
SHOWN_CHARACTERS = 256


def decode_bytes(encoded_value: bytes) -> str:
    """Return `encoded_value` decoded with the first codec of `_config.CODECS` that can.

    Raises:
        ValueError: if none can.
    """
    for codec in _config.CODECS:
        try:
            return encoded_value.decode(codec, errors="strict")
        except UnicodeDecodeError:
            continue
    codecs = ", ".join(_config.CODECS)
    raise ValueError(f"Unable to decode {printable(encoded_value)!r} with the codec(s) of _config.CODECS: {codecs}")


def validate_uid(uid: str) -> bool:
    """Return whether `uid` may be used: by `_config.VALIDATORS["UI"]`, and never when empty."""
    return bool(uid) and _config.VALIDATORS["UI"](uid)[0]


def set_ae(value: str | bytes | None, name: str, allow_empty: bool = True, allow_none: bool = True) -> str | None:
    """Return `value` as an AE title without its non-significant leading and trailing spaces (PS3.5 6.2).

    Args:
        value: The AE title. Bytes are still taken, with a DeprecationWarning.
        name: What the value is, for messages.
        allow_empty: Whether "" is allowed.
        allow_none: Whether None is allowed.

    Raises:
        TypeError: if `value` is of another type.
        ValueError: if it is not a valid AE title.
    """
    if value is None:
        if allow_none:
            return None
        raise TypeError(f"'{name}' must be str, not 'NoneType'")
    if isinstance(value, bytes):
        warnings.warn(
            f"The use of bytes with '{name}' is deprecated, use an ASCII str instead",
            DeprecationWarning,
            stacklevel=_outside_the_package(),
        )
        value = decode_bytes(value)
    if not isinstance(value, str):
        raise TypeError(f"'{name}' must be str, not '{type(value).__name__}'")
    if not value:
        if allow_empty:
            return value
        raise ValueError(f"Invalid '{name}' value '' - must not be an empty str")
    is_valid, reason = _config.VALIDATORS["AE"](value)
    if not is_valid:
        raise ValueError(f"Invalid '{name}' value '{printable(value)}' - {reason}")
    return value.strip(" ")


def _outside_the_package() -> int:
    """Return the stack level of the code that called into the package.

    Python shows a DeprecationWarning only where the program's own code caused it, and it is the program's code that has
    to change. (`skip_file_prefixes` does this from Python 3.12 on.)
    """
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("workstation."):
        level, frame = level + 1, frame.f_back
    return level


def validate_ae_title(value: str | bytes, name: str = "ae_title") -> str:
    """Return `value` as an AE title that is neither None nor empty; otherwise as `set_ae`."""
    title = set_ae(value, name, allow_empty=False, allow_none=False)
    assert title is not None
    return title


def set_uid(
    value: str | bytes | None,
    name: str,
    allow_empty: bool = True,
    allow_none: bool = True,
    validate: bool = True,
) -> UID | None:
    """Return `value` as a UID.

    Args:
        value: The UID.
        name: What the value is, for messages.
        allow_empty: Whether "" is allowed.
        allow_none: Whether None is allowed.
        validate: Whether `_config.VALIDATORS["UI"]` is asked.

    Raises:
        TypeError: if `value` is neither str (UID is one) nor bytes, nor an allowed None.
        ValueError: if it is not a valid UID.
    """
    if value is None:
        if allow_none:
            return None
        raise TypeError(f"'{name}' must be str, bytes or UID, not 'NoneType'")
    if isinstance(value, bytes):
        value = decode_bytes(value)
    if not isinstance(value, str):
        raise TypeError(f"'{name}' must be str, bytes or UID, not '{type(value).__name__}'")
    if not value:
        if allow_empty:
            return UID("")
        raise ValueError(f"Invalid '{name}' value '' - must not be an empty str")
    if validate:
        is_valid, reason = _config.VALIDATORS["UI"](value)
        if not is_valid:
            raise ValueError(f"Invalid '{name}' value '{printable(value)}' - {reason}")
    # A UID given as a subclass of UID (SOPClass) keeps what it knows. pydicom would warn of what was allowed above.
    return received_uid(value)


# The UIDs of the standard that were met so far: an association with many contexts names a few of them again and again.
# No others: a private one may be told its encoding (`UID.set_private_encoding`), and there is no end of them.
_met: dict[str, UID] = {}


def received_uid(value: str) -> UID:
    """Return a UID of a peer's as it came, valid or not: only what we send is judged."""
    if isinstance(value, UID):
        return value
    uid = _met.get(value)
    if uid is None:
        uid = UID(value, validation_mode=IGNORE)
        if value in UID_dictionary:
            _met[value] = uid
    return uid


def printable(value: str | bytes, limit: int = SHOWN_CHARACTERS) -> str:
    r"""Return text that a peer sent in a form that is safe in a log or a terminal.

    Control and other non-printing characters become escapes (``\x1b``), bytes are shown as Latin-1, and
    what is longer than `limit` is cut and says so.
    """
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    cut = text[:limit]
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape", errors="surrogatepass").decode("ascii") for c in cut
    )
    if len(text) > limit:
        shown += f"... ({len(text)} characters)"
    return shown


def pretty_bytes(
    bytestream: bytes | bytearray | memoryview | Iterable[int],
    prefix: str = "  ",
    delimiter: str = "  ",
    items_per_line: int = 16,
    max_size: int | None = 512,
    suffix: str = "",
) -> list[str]:
    """Return lines of hexadecimal text for bytes.

    Args:
        bytestream: The bytes; an object with ``getvalue()`` (BytesIO) as well.
        prefix: Put before each line.
        delimiter: Put between two bytes.
        items_per_line: How many bytes a line holds.
        max_size: How many bytes are shown at most; None for all.
        suffix: Put after each line.
    """
    data = bytes(bytestream.getvalue()) if hasattr(bytestream, "getvalue") else bytes(bytestream)
    total = len(data)
    if max_size is not None and total > max_size:
        data = data[:max_size]
        lines = [f"{prefix}Only dumping {max_size} of {total} bytes.{suffix}"]
    else:
        lines = []
    for start in range(0, len(data), items_per_line):
        row = data[start : start + items_per_line]
        lines.append(prefix + delimiter.join(f"{byte:02x}" for byte in row) + suffix)
    return lines


def make_target(target_fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return what a new thread shall run for `target_fn`.

    With `_config.PASS_CONTEXTVARS` that is `target_fn` in a copy of the calling thread's context.
    """
    if not _config.PASS_CONTEXTVARS:
        return target_fn
    context = contextvars.copy_context()

    def run_in_context(*args: Any, **kwargs: Any) -> Any:
        return context.run(target_fn, *args, **kwargs)

    return run_in_context
