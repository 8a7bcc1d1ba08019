"""Values of DA, TM and DT as spans of microseconds, so that ranges are comparisons of numbers (PS3.5 6.2). Pure."""

from __future__ import annotations

import calendar
import re
from datetime import datetime, timedelta

Interval = tuple[int, int]

_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?")
_DATE_TIME = re.compile(
    r"(\d{4})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:\.(\d{1,6}))?)?)?)?)?)?([+-]\d{4})?"
)
_EPOCH = datetime(1, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
DAY = 86_400_000_000


def parse_moment(vr: str, text: str, offset: int = 0) -> Interval | None:
    """Return the first and last microsecond that a DA, TM or DT value covers by its precision, or None if it is none.

    Dates and date-times count from year 1 (in UTC if `offset`, or the value, says where), times from midnight.
    """
    try:
        if vr == "DA":
            return _date(text)
        if vr == "TM":
            return _time(text)
        return _date_time(text, offset)
    except (ValueError, OverflowError):
        return None


def date_text(moment: int) -> str:
    """Return the day of a moment as `parse_moment` counts it, YYYYMMDD."""
    return (_EPOCH + moment * _MICROSECOND).strftime("%Y%m%d").zfill(8)


def _date(text: str) -> Interval | None:
    found = _DATE.fullmatch(text)
    if not found:
        return None
    start = (datetime(*(int(part) for part in found.groups())) - _EPOCH) // _MICROSECOND  # type: ignore[arg-type]
    return start, start + DAY - 1


def _time(text: str) -> Interval | None:
    found = _TIME.fullmatch(text)
    if not found:
        return None
    hour, minute, second, fraction = found.groups()
    if int(hour) > 23 or int(minute or 0) > 59 or int(second or 0) > 60:
        return None
    start = ((int(hour) * 60 + int(minute or 0)) * 60 + int(second or 0)) * 1_000_000
    if fraction:
        unit: int = 10 ** (6 - len(fraction))
        start += int(fraction) * unit
    else:
        unit = 1_000_000 if second else 60_000_000 if minute else 3_600_000_000
    return start, start + unit - 1


def _date_time(text: str, offset: int) -> Interval | None:
    found = _DATE_TIME.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    if zone:
        zone_minutes = int(zone[1:3]) * 60 + int(zone[3:5])
        if int(zone[1:3]) > 14 or int(zone[3:5]) > 59:
            return None
        offset = -zone_minutes if zone[0] == "-" else zone_minutes
    # A leap second counts as the last microsecond of its minute's neighbour: datetime has no second 60.
    leap = second == "60"
    moment = datetime(
        int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), 59 if leap else int(second or 0)
    )
    start = (moment - _EPOCH) // _MICROSECOND - offset * 60_000_000 + (1_000_000 if leap else 0)
    if fraction:
        unit: int = 10 ** (6 - len(fraction))
        start += int(fraction) * unit
    elif second:
        unit = 1_000_000
    elif minute:
        unit = 60_000_000
    elif hour:
        unit = 3_600_000_000
    elif day:
        unit = DAY
    elif month:
        unit = DAY * calendar.monthrange(int(year), int(month))[1]
    else:
        unit = DAY * (366 if calendar.isleap(int(year)) else 365)
    return start, start + unit - 1
