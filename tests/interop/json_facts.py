"""The JSON export of the program, in the vocabulary of `pdu_facts`: to be laid beside what others read."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from pdu_facts import Fact, Placed

TIMEOUT = 60
Pdu: TypeAlias = dict[str, Any]
# What the export hides, or tells only by its beginning.
_HIDDEN = frozenset({"Primary Field", "Secondary Field", "Server Response", "Presentation Data Value"})


def export(path: Path, *, is_ours: bool = True) -> list[Pdu]:
    """What `dicom-workstation --open … --export …` writes, in a process that has no display.

    Args:
        path: The capture.
        is_ours: Whether only what we wanted is in it: then there is nothing to complain about.
    """
    target = path.with_suffix(".json")
    command = [sys.executable, "-m", "workstation", "--open", str(path), "--export", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT, env={"PATH": ""})
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    # Some peers end a connection just so, and that is said.
    said = [line for line in done.stderr.splitlines() if "without A-RELEASE or A-ABORT before" not in line]
    assert not said or not is_ours, said
    found: list[Pdu] = json.loads(target.read_text("ascii"))
    return found


def client_port(pdu: Pdu) -> int:
    """The port from which the requestor of its association came."""
    return int(str(pdu["requestor"]).rpartition(":")[2])


def facts_of_json(pdu: Pdu, data: bytes) -> Iterator[Placed]:
    """The innermost fields of an exported PDU with their bytes, which stand in `data`; reserved ones left out."""
    fields = pdu["fields"]
    for one, following in zip(fields, [*fields[1:], {"depth": 0}], strict=True):
        if following["depth"] > one["depth"] or one["name"] == "Reserved":
            continue
        raw = data[one["offset"] : one["offset"] + one["length"]]
        value = one["value"]
        if one["name"] in _HIDDEN or (isinstance(value, str) and value == raw.hex() and not isinstance(value, int)):
            value = raw
        yield Placed(Fact(one["name"], value), one["offset"], raw)


def elements_of_json(message: Pdu, base: int) -> Iterator[tuple[int, bytes]]:
    """Place and bytes of tag, length and value of each element, made from what the export says of it.

    Args:
        message: as exported.
        base: where the command set begins in the PDU.
    """
    for one in message["command"]:
        group, element = (int(part, 16) for part in one["tag"].strip("()").split(","))
        start, size = base + one["offset"], one["length"] - 8
        yield start, group.to_bytes(2, "little") + element.to_bytes(2, "little")
        yield start + 4, size.to_bytes(4, "little")
        if size:
            yield start + 8, _encoded(one["vr"], one["value"], size)


def _encoded(vr: str, value: Any, size: int) -> bytes:
    """A value as PS3.5 encodes it in Implicit VR Little Endian."""
    match vr, value:
        case (("US" | "UL"), int()):
            return value.to_bytes(size, "little")
        case "AT", list():
            return b"".join(_tag(tag) for tag in value)
        case "UI", str():
            return value.encode("ascii").ljust(size, b"\0")
        case _, str():
            return value.encode("latin-1").ljust(size)
    raise AssertionError(f"{vr} has the value {value!r}")


def _tag(text: str) -> bytes:
    group, element = (int(part, 16) for part in text.strip("()").split(","))
    return group.to_bytes(2, "little") + element.to_bytes(2, "little")
