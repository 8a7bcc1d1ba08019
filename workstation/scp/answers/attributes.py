"""What an attribute list must have (types 1 and 2, PS3.5 7.4), and how a DIMSE-N request is refused (PS3.7 C.5). Pure.

A service class has a table of `Required`; `check_required` interprets it. Missing attributes of type 1 refuse the
request. Those of type 2 do not: devices that leave them out are many, so they become remarks that are kept and shown.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID
from sqlalchemy.exc import SQLAlchemyError

from workstation.net.events import Event
from workstation.scp.answers.reading import UnreadableDataSetError
from workstation.scp.query.answer import status_of
from workstation.scp.query.levels import tag_of

LOGGER = logging.getLogger(__name__)

SUCCESS = 0x0000
NO_SUCH_ATTRIBUTE, INVALID_ATTRIBUTE_VALUE, ATTRIBUTE_LIST_ERROR = 0x0105, 0x0106, 0x0107
PROCESSING_FAILURE, DUPLICATE_INSTANCE, NO_SUCH_INSTANCE = 0x0110, 0x0111, 0x0112
INVALID_INSTANCE, NO_SUCH_CLASS = 0x0117, 0x0118
MISSING_ATTRIBUTE, MISSING_ATTRIBUTE_VALUE = 0x0120, 0x0121


class RefusedError(Exception):
    """A request that is refused.

    Args:
        status: To answer.
        comment: The sentence for the Error Comment.
        error_id: Error ID (0000,0903), if the service class defines one.
    """

    def __init__(self, status: int, comment: str, error_id: int | None = None) -> None:
        super().__init__(comment)
        self.status = status
        self.error_id = error_id

    @property
    def answer(self) -> Dataset:
        """The status with what goes with it."""
        answer = status_of(self.status, str(self))
        if self.error_id is not None:
            answer.ErrorID = self.error_id
        return answer


Answer = tuple[int | Dataset, Dataset | None]


def refusing(handler: Callable[[Event], Answer]) -> Callable[[Event], Answer]:
    """Make statuses of what a handler of a DIMSE-N request raises."""

    def refuse(event: Event) -> Answer:
        try:
            return handler(event)
        except RefusedError as error:
            return error.answer, None
        except UnreadableDataSetError as error:
            return status_of(PROCESSING_FAILURE, str(error)), None
        except SQLAlchemyError as error:
            LOGGER.warning("The ledger cannot be used: %s", error)
            return status_of(PROCESSING_FAILURE, "The server's database cannot be used."), None

    return refuse


@dataclass(frozen=True, slots=True)
class Required:
    """One row of a service class's table of attributes.

    Attributes:
        keyword: Of the attribute.
        type: 1 (present, with a value) or 2 (present).
        below: The same for the items of a sequence, if there are any.
    """

    keyword: str
    type: int
    below: tuple[Required, ...] = ()


def check_required(data_set: Dataset, rows: Iterable[Required], *, status: int | None = None) -> list[str]:
    """Return a remark for each attribute of type 2 that is missing.

    Args:
        data_set: The attribute list.
        rows: What it must have.
        status: For all that is missing, where the service does not know 0x0120.

    Raises:
        RefusedError: An attribute of type 1 is missing or has no value.
    """
    remarks = []
    for row in rows:
        element = data_set.get(tag_of(row.keyword))
        if element is None:
            if row.type == 1:
                raise RefusedError(status or MISSING_ATTRIBUTE, f"{named(row.keyword)} is missing.")
            remarks.append(f"{row.keyword} is missing (type 2).")
            continue
        if row.type == 1 and _is_empty(element.value):
            raise RefusedError(status or MISSING_ATTRIBUTE_VALUE, f"{named(row.keyword)} has no value.")
        if row.below and element.VR != "SQ":
            raise RefusedError(INVALID_ATTRIBUTE_VALUE, f"{named(row.keyword)} is no sequence.")
        if element.VR == "SQ":
            for item in element.value or ():
                remarks.extend(check_required(item, row.below, status=status))
    return remarks


def _is_empty(value: Any) -> bool:
    if value is None:
        return True
    try:
        return len(value) == 0
    except TypeError:
        return False


# Error Comment has 64 characters, and some keywords take half of them.
_LONGEST_NAME = 40


def named(keyword: str) -> str:
    """Return an attribute's keyword and tag, or its tag alone if the Error Comment has no room for both."""
    tag = tag_of(keyword)
    number = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
    return f"{keyword} {number}" if len(keyword) <= _LONGEST_NAME else number


def text_of(data_set: Dataset, keyword: str) -> str:
    """Return the one value of an attribute as text; "" if it has none."""
    element = data_set.get(tag_of(keyword))
    return "" if element is None or element.value is None else str(element.value).strip(" \0")


def instance_of(uid: str | None) -> str:
    """Return the SOP Instance UID that a request names.

    Raises:
        RefusedError: It names none, or what is no UID.
    """
    text = str(uid or "")
    if not UID(text).is_valid:
        raise RefusedError(INVALID_INSTANCE, "The SOP Instance UID is no UID.")
    return text


def check_class(uid: str | None, *expected: str) -> None:
    """Check the SOP class that a request names.

    Raises:
        RefusedError: It names another than those of its context.
    """
    if str(uid or "") not in expected:
        raise RefusedError(NO_SUCH_CLASS, "The SOP Class UID is not that of the presentation context.")
