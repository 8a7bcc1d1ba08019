"""Options of the network core that a program may set before it makes associations.

Every option is a plain module attribute, read at the moment it matters: `_config.LOG_HANDLER_LEVEL = "none"`.
Knows nothing of what it configures.
"""

from __future__ import annotations

from collections.abc import Callable

Validator = Callable[[str], tuple[bool, str]]


def validate_ae(value: str) -> tuple[bool, str]:
    """Say whether `value` is a conformant AE title (PS3.5 6.2, VR AE) and, if it is not, why."""
    if len(value) > 16:
        return False, "must not exceed 16 characters"
    if not value.isascii():
        return False, "must only contain ASCII characters"
    if any(ord(c) < 0x20 or ord(c) == 0x7F for c in value):
        return False, "must not contain control characters"
    if "\\" in value:
        return False, "must not contain a backslash"
    if value and not value.strip():
        return False, "must not be made of spaces only"
    return True, ""


def validate_ui(value: str) -> tuple[bool, str]:
    """Say whether `value` may be used as a UID (PS3.5 section 9) and, if it may not, why.

    Up to 64 characters of any kind pass unless `ENFORCE_UID_CONFORMANCE` is set: systems in the field use
    private "UIDs" with letters, and refusing them would only refuse the conversation.
    """
    if len(value) > 64:
        return False, "must not exceed 64 characters"
    if ENFORCE_UID_CONFORMANCE:
        from pydicom.config import IGNORE
        from pydicom.uid import UID

        if not UID(value, validation_mode=IGNORE).is_valid:
            return False, "is not a conformant UID (PS3.5 section 9)"
    return True, ""


# "standard": the handlers of default_logging are bound to the notification events of each new association;
# "none": no handler is bound that the program did not bind itself.
LOG_HANDLER_LEVEL: str = "standard"
# Log the Identifier of C-FIND, C-GET and C-MOVE requests and responses.
LOG_REQUEST_IDENTIFIERS: bool = True
LOG_RESPONSE_IDENTIFIERS: bool = True
# Refuse UIDs that PS3.5 section 9 does not allow, rather than only those longer than 64 characters.
ENFORCE_UID_CONFORMANCE: bool = False
# AE elements of command sets without trailing spaces, instead of padded to 16 characters.
USE_SHORT_DIMSE_AET: bool = True
# `send_c_store(path)` sends the file's data set as it is, without decoding it.
STORE_SEND_CHUNKED_DATASET: bool = False
# A received C-STORE data set is written to a temporary file as it arrives: `event.dataset_path`.
STORE_RECV_CHUNKED_DATASET: bool = False
# As SCP, accept every storage SOP class and every private or unknown one, in any transfer syntax.
UNRESTRICTED_STORAGE_SERVICE: bool = False
# Run the threads of an association in a copy of the context (contextvars) of the thread that made it.
PASS_CONTEXTVARS: bool = False
# How received text that should be ASCII is decoded, in order of trial. ASCII is what is sent.
CODECS: tuple[str, ...] = ("ascii",)
# How AE titles ("AE") and UIDs ("UI") are judged: a function of the value to (is valid, reason why not).
VALIDATORS: dict[str, Validator] = {"AE": validate_ae, "UI": validate_ui}
# Resolution in milliseconds asked of the Windows timer; no effect on other systems.
WINDOWS_TIMER_RESOLUTION: int | None = 1
