"""What a row shows, in forms that are useful elsewhere: a command, a script, text, JSON, bytes in hexadecimal.

The text is safe to paste: what a peer wrote is quoted by the rules of the form (see the modules that make them).
"""

from __future__ import annotations

import json

from workstation.traffic.capture.export import pdu_object
from workstation.traffic.conversation import Conversation
from workstation.traffic.decoding.dissect import dissect
from workstation.traffic.decoding.field_text import tree_text
from workstation.traffic.output.repeat_request import repeatable
from workstation.traffic.rows import MessageRow, PduRow
from workstation.traffic.text import quantity

__all__ = ["MOST_BYTES", "as_dcmtk", "as_hex", "as_json", "as_python", "as_text"]

# Of one row as hexadecimal digits: what a clipboard and an editor take without a pause.
MOST_BYTES = 128 << 10
# As JSON; each has dozens of lines.
MOST_PDUS = 64
_COLUMNS = 16


def as_dcmtk(conversation: Conversation, row: MessageRow | PduRow | None) -> str:
    """The command of DCMTK's that asks again for what a row shows, for a POSIX shell.

    Ends in a line break. Comments above the command say what is not as it was; there is nothing but comments if DCMTK
    has no command for it.
    """
    from workstation.traffic.output.repeat_dcmtk import dcmtk_command

    return dcmtk_command(repeatable(conversation, row))


def as_python(conversation: Conversation, row: MessageRow | PduRow | None) -> str:
    """A script for `workstation.net` that asks again for what a row shows."""
    from workstation.traffic.output.repeat_python import python_script

    return python_script(repeatable(conversation, row))


def as_text(row: MessageRow | PduRow) -> str:
    """The decoded fields, one a line."""
    head = f"{'→' if row.sent else '←'} {row.name}\n"
    return head + "\n".join(tree_text(field) for field in dissect(row).fields) + "\n"


def as_json(conversation: Conversation, row: MessageRow | PduRow) -> str:
    """Its PDUs as an array, each as in the JSON export of captures."""
    pdus = [row] if isinstance(row, PduRow) else row.pdus
    return json.dumps([pdu_object(conversation, pdu) for pdu in pdus[:MOST_PDUS]], indent=2, ensure_ascii=True) + "\n"


def as_hex(row: MessageRow | PduRow, *, plain: bool = False) -> str:
    """The bytes of its PDUs as far as they are kept, passcodes as asterisks.

    Args:
        row: a message, or one PDU.
        plain: only digits, a PDU a line; otherwise with offsets and characters.
    """
    left = MOST_BYTES
    lines: list[str] = []
    for pdu in [row] if isinstance(row, PduRow) else row.pdus:
        data = dissect(pdu).data if pdu.pdu_type in (1, 2) else pdu.data
        shown = data[:left]
        left -= len(shown)
        missing = pdu.length - len(shown)
        if plain:
            lines.append(shown.hex())
        else:
            way = "→" if pdu.sent else "←"
            lines.append(f"PDU {pdu.number} {way} {pdu.name}, {quantity(pdu.length, 'byte')}")
            lines += _dump(shown)
            if missing:
                lines.append(f"  {quantity(missing, 'further byte')} not kept, or too many to be copied")
        if left <= 0:
            break
    return "\n".join(lines) + "\n"


def _dump(data: bytes) -> list[str]:
    shown = data.translate(_SHOWN).decode("ascii")
    lines = []
    for start in range(0, len(data), _COLUMNS):
        digits = data[start : start + _COLUMNS].hex(" ")
        lines.append(f"  {start:04x}  {digits[:23]:<23} {digits[23:]:<24}  {shown[start : start + _COLUMNS]}")
    return lines


_SHOWN = bytes(byte if 0x20 <= byte < 0x7F else ord(".") for byte in range(256))
