"""Attribute matching: does a stored value match a key of a C-FIND identifier? (PS3.4 C.2.2.2)

Pure: keys and values go in, a boolean comes out. Knows no information model, database or network. A key is compiled
once by `compile_key` into one of the classes below, then asked for each candidate; `Query` does a whole data set.

Where the standard leaves room we choose: person names ignore case; a value list is honoured for every VR, negotiated
or not (an SCU that sends `CT\\MR` means either); a lone `*` is universal for every VR.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

# PS3.4 C.2.2.2.4: the VRs in which `*` and `?` are wild cards; in all others they are ordinary characters.
WILD_CARD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
RANGE_VRS = frozenset({"DA", "TM", "DT"})
NUMBER_VRS = frozenset({"IS", "DS", "US", "SS", "UL", "SL", "UV", "SV", "FL", "FD"})
# Bulk values are never matched: such a key only asks for the value back.
OPAQUE_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
# VRs without value multiplicity: a backslash is text.
SINGLE_TEXT_VRS = frozenset({"LT", "ST", "UT", "UR"})

# Date and time attributes that are compared as one when combined date-time matching is negotiated (PS3.4 C.2.2.2.5.4).
DATE_TIME_PAIRS = (
    (0x00080020, 0x00080030),  # Study
    (0x00080021, 0x00080031),  # Series
    (0x00080022, 0x00080032),  # Acquisition
    (0x00080023, 0x00080033),  # Content
    (0x00100030, 0x00100032),  # Patient's Birth
    (0x00400002, 0x00400003),  # Scheduled Procedure Step Start
    (0x00400244, 0x00400245),  # Performed Procedure Step Start
)

Interval = tuple[int, int]


class MalformedKeyError(ValueError):
    """A key that has no meaning for its VR. Its text is a sentence for the Error Comment."""


@dataclass(frozen=True, slots=True)
class Universal:
    """Zero-length value: matches everything and asks for the value back."""

    def matches(self, values: Sequence[str]) -> bool:
        """Return True for any values."""
        return True


@dataclass(frozen=True, slots=True)
class EmptyValue:
    """The two quotation marks: matches an attribute without a value."""

    def matches(self, values: Sequence[str]) -> bool:
        """Return True if no value has text."""
        return not any(values)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Single value (one text) and list matching (several), by equality."""

    texts: frozenset[str]

    def matches(self, values: Sequence[str]) -> bool:
        """Return True if one of the values is among the texts."""
        return any(value in self.texts for value in values)


@dataclass(frozen=True, slots=True)
class AnyNumber:
    """Single value matching of numbers: `01` equals `1`, which a comparison of texts would deny."""

    numbers: frozenset[float]

    def matches(self, values: Sequence[str]) -> bool:
        """Return True if one of the values is among the numbers."""
        return any(number is not None and number in self.numbers for number in map(_number, values))


@dataclass(frozen=True, slots=True)
class WildCards:
    """Wild card matching; one pattern, or several from a value list."""

    patterns: tuple[Pattern, ...]

    def matches(self, values: Sequence[str]) -> bool:
        """Return True if one of the values fits one of the patterns."""
        return any(value and pattern.fits(value) for value in values for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class PersonName:
    """A person's name, without regard to case, by component group."""

    names: tuple[tuple[Pattern | None, ...], ...]

    def matches(self, values: Sequence[str]) -> bool:
        """Return True if one of the stored names fits one of the keys."""
        return any(value and self._fits(value) for value in values)

    def _fits(self, value: str) -> bool:
        groups = [group.rstrip("^ ") for group in value.casefold().split("=")]
        for name in self.names:
            if len(name) == 1:
                # A key of one group is looked for in every group: people type the spelling that they know.
                if name[0] is None or any(group and _fits_name(name[0], group) for group in groups):
                    return True
            elif all(
                pattern is None or (place < len(groups) and _fits_name(pattern, groups[place]))
                for place, pattern in enumerate(name)
            ):
                return True
        return False


@dataclass(frozen=True, slots=True)
class Range:
    """A span of dates, times or date-times, both ends included; a single value is a span of its own precision."""

    vr: str
    spans: tuple[tuple[int | None, int | None], ...]
    offset: int = 0

    def matches(self, values: Sequence[str]) -> bool:
        """Return True if one of the values lies in one of the spans."""
        for value in values:
            interval = parse_moment(self.vr, value, self.offset)
            if interval is not None and any(
                (low is None or low <= interval[0]) and (high is None or interval[0] <= high)
                for low, high in self.spans
            ):
                return True
        return False


@dataclass(frozen=True, slots=True)
class SequenceKey:
    """Sequence matching: all keys of the one item match within at least one stored item."""

    query: Query

    def matches(self, values: Sequence[str]) -> bool:
        """Never matches texts: a sequence is asked with `matches_items`."""
        return False

    def matches_items(self, items: Iterable[Dataset]) -> bool:
        """Return True if one of the items satisfies every key."""
        return any(self.query.matches(item) for item in items)


Key = Universal | EmptyValue | AnyOf | AnyNumber | WildCards | PersonName | Range | SequenceKey


class Pattern:
    """A text with `*` (any run, also empty) and `?` (exactly one character).

    The runs between the stars are looked for from left to right, each at its first possible place, which is enough
    for this language. So no input makes it slow; a regular expression with several `.*` would.
    """

    __slots__ = ("_first", "_last", "_middle", "_shortest", "_star", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        first, *rest = text.split("*")
        self._star = bool(rest)
        self._first = first
        self._last = rest[-1] if rest else ""
        self._middle = tuple(run for run in rest[:-1] if run)
        self._shortest = len(text) - text.count("*")

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    @property
    def has_wild_card(self) -> bool:
        """Whether it can match more than one text."""
        return self._star or "?" in self.text

    def literals(self, separators: str = "") -> list[str]:
        """Return the runs of ordinary characters, cut at `separators` too: each occurs in every text that fits."""
        return [run for run in re.split("[" + re.escape("*?" + separators) + "]", self.text) if run]

    def fits(self, value: str) -> bool:
        """Return True if the whole value fits."""
        if len(value) < self._shortest:
            return False
        if not self._star:
            return len(value) == len(self.text) and _same_run(self.text, value, 0)
        end = len(value) - len(self._last)
        if not (_same_run(self._first, value, 0) and _same_run(self._last, value, end)):
            return False
        place = len(self._first)
        for run in self._middle:
            place = _find_run(run, value, place, end)
            if place < 0:
                return False
            place += len(run)
        return True


def _same_run(run: str, value: str, place: int) -> bool:
    if "?" not in run:
        return value.startswith(run, place)
    return all(wanted in ("?", value[place + step]) for step, wanted in enumerate(run))


def _find_run(run: str, value: str, start: int, end: int) -> int:
    if "?" not in run:
        return value.find(run, start, end)
    return next((place for place in range(start, end - len(run) + 1) if _same_run(run, value, place)), -1)


def _fits_name(pattern: Pattern, group: str) -> bool:
    # Trailing empty components may be left out (PS3.5 6.2.1.1), so `DOE^JOHN^*` also means a stored `DOE^JOHN`.
    return pattern.fits(group) or (pattern.has_wild_card and pattern.fits(group + "^" * (4 - group.count("^"))))


def significant(vr: str, text: str) -> str:
    """Return `text` without the padding that the VR calls insignificant (PS3.5 Table 6.2-1)."""
    text = text.replace("\0", "")
    if vr in ("ST", "LT", "UT", "UR", "UC"):
        return text.rstrip(" ")
    if vr == "PN":
        return "=".join(group.strip(" ").rstrip("^") for group in text.split("=")).rstrip("=")
    return text.strip(" ")


def texts_of(element: DataElement, vr: str | None = None) -> tuple[str, ...]:
    """Return the values of an element as texts; `()` if it has none. Not for sequences."""
    value = element.value
    vr = vr or element.VR
    if value is None or vr in OPAQUE_VRS:
        return ()
    values = list(value) if isinstance(value, MultiValue | list | tuple) else [value]
    texts: list[str] = []
    for one in values:
        text = one.decode("ascii", "replace") if isinstance(one, bytes) else "" if one is None else str(one)
        # An element that came as UN or under another VR still has its list in one text.
        parts = text.split("\\") if vr not in SINGLE_TEXT_VRS else [text]
        texts.extend(significant(vr, part) for part in parts)
    return tuple(texts) if any(texts) else ()


def compile_key(vr: str, values: Sequence[str], *, name: str = "The key", offset: int = 0) -> Key:
    """Return the key for the values of one element of an identifier.

    Args:
        vr: the VR by the dictionary, whatever the wire said.
        values: as `texts_of` returns them.
        name: the attribute's name, for the sentence of the error.
        offset: minutes east of UTC for date-times that do not say their own.

    Raises:
        MalformedKeyError: the value has no meaning for the VR.
    """
    if vr in OPAQUE_VRS or not any(values) or any(value and not value.strip("*") for value in values):
        return Universal()
    if tuple(values) == ('""',):
        return EmptyValue()
    present = [value for value in values if value]
    if vr == "PN":
        return PersonName(tuple(_name_patterns(value) for value in present))
    if vr in RANGE_VRS:
        return Range(vr, tuple(_span(vr, value, name, offset) for value in present), offset)
    if vr in NUMBER_VRS:
        numbers = [_number(value) for value in present]
        if None in numbers:
            raise MalformedKeyError(f"{name}: {_shown(present)} is not a number.")
        return AnyNumber(frozenset(number for number in numbers if number is not None))
    if vr in WILD_CARD_VRS:
        patterns = tuple(Pattern(value) for value in present)
        if any(pattern.has_wild_card for pattern in patterns):
            return WildCards(patterns)
    return AnyOf(frozenset(present))


def _name_patterns(value: str) -> tuple[Pattern | None, ...]:
    groups = [group.rstrip("^ ") for group in value.casefold().split("=")]
    return tuple(Pattern(group) if group.strip("*") else None for group in groups)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _shown(values: Sequence[str]) -> str:
    return repr("\\".join(values))[:40]


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


def _span(vr: str, text: str, name: str, offset: int) -> tuple[int | None, int | None]:
    """Return the ends of a range key. A single value comes first: in a DT the `-` may belong to the UTC offset."""
    single = parse_moment(vr, text, offset)
    if single is not None:
        return single
    for place in (index for index, character in enumerate(text) if character == "-"):
        low_text, high_text = text[:place].strip(), text[place + 1 :].strip()
        low = parse_moment(vr, low_text, offset) if low_text else None
        high = parse_moment(vr, high_text, offset) if high_text else None
        if bool(low_text) == (low is not None) and bool(high_text) == (high is not None) and (low or high):
            return (low[0] if low else None), (high[1] if high else None)
    kind = {"DA": "date", "TM": "time", "DT": "date-time"}[vr]
    raise MalformedKeyError(f"{name}: {_shown([text])} is neither a {kind} nor a range.")


class Query:
    """The compiled keys of one identifier, or of one item of a sequence key.

    Elements that cannot be keys are passed over: group lengths, private elements, Specific Character Set (it governs
    the decoding, never the match), and those of `ignored`.
    """

    __slots__ = ("combined", "keys")

    def __init__(
        self,
        identifier: Dataset,
        *,
        ignored: Iterable[int] = (),
        combined_date_time: bool = False,
        offset: int = 0,
    ) -> None:
        """Compile the keys.

        Args:
            identifier: the data set.
            ignored: tags that are not keys.
            combined_date_time: compare date and time pairs as one moment (negotiated).
            offset: minutes east of UTC for date-times without an offset.

        Raises:
            MalformedKeyError: a key has no meaning for its VR.
        """
        skipped = frozenset(ignored) | {0x00080005}
        self.keys: dict[int, Key] = {}
        for tag, element in _key_elements(identifier, skipped):
            self.keys[tag] = compile_element(element, offset=offset)
        self.combined: dict[tuple[int, int], tuple[tuple[int | None, int | None], ...]] = {}
        if combined_date_time:
            self._combine()

    def _combine(self) -> None:
        for date_tag, time_tag in DATE_TIME_PAIRS:
            match self.keys.get(date_tag), self.keys.get(time_tag):
                case (Range() as dates, Range() as times) if len(dates.spans) == len(times.spans) == 1:
                    (first_day, last_day), (first_time, last_time) = dates.spans[0], times.spans[0]
                    # Only ends that say both belong together; a day without a time covers the whole day.
                    low = None if first_day is None else first_day + (first_time or 0)
                    high = None if last_day is None else last_day - (0 if last_time is None else DAY - 1 - last_time)
                    self.combined[date_tag, time_tag] = ((low, high),)
                    self.keys[date_tag] = self.keys[time_tag] = Universal()

    def combined_matches(self, texts: Mapping[int, Sequence[str]]) -> bool:
        """Return True if the date and time pairs among `texts` (by tag) lie in the combined spans."""
        for (date_tag, time_tag), spans in self.combined.items():
            day = next((parse_moment("DA", text) for text in texts.get(date_tag, ()) if text), None)
            time = next((parse_moment("TM", text) for text in texts.get(time_tag, ()) if text), None)
            if day is None or time is None:
                return False
            moment = day[0] + time[0]
            if not any((low is None or low <= moment) and (high is None or moment <= high) for low, high in spans):
                return False
        return True

    def matches(self, candidate: Dataset) -> bool:
        """Return True if every key matches the candidate's values."""
        for tag, key in self.keys.items():
            if isinstance(key, Universal):
                continue
            element = candidate.get(tag)
            if isinstance(key, SequenceKey):
                if element is None or element.VR != "SQ" or not key.matches_items(element.value):
                    return False
            elif not key.matches(texts_of(element) if element is not None and element.VR != "SQ" else ()):
                return False
        if not self.combined:
            return True
        return self.combined_matches(
            {tag: texts_of(candidate[tag]) for pair in self.combined for tag in pair if tag in candidate}
        )


def _key_elements(identifier: Dataset, skipped: frozenset[int]) -> Iterator[tuple[int, DataElement]]:
    for tag in sorted(identifier.keys()):
        if tag in skipped or tag.is_private or tag.element == 0 or tag.group <= 2:
            continue
        yield int(tag), identifier[tag]


def compile_element(element: DataElement, *, offset: int = 0) -> Key:
    """Return the key that one element of an identifier stands for.

    Raises:
        MalformedKeyError: as `compile_key`, or a sequence key of several items.
    """
    vr = dictionary_vr(element)
    if vr == "SQ":
        items = element.value if element.VR == "SQ" else None
        if not items:
            return Universal()
        if len(items) > 1:
            raise MalformedKeyError(f"{_name(element)}: a sequence key has one item, not {len(items)}.")
        query = Query(items[0], offset=offset)
        if all(isinstance(key, Universal) for key in query.keys.values()):
            return Universal()
        return SequenceKey(query)
    if element.VR == "SQ":
        raise MalformedKeyError(f"{_name(element)} is not a sequence.")
    return compile_key(vr, texts_of(element, vr), name=_name(element), offset=offset)


def dictionary_vr(element: DataElement) -> str:
    """Return the VR of the dictionary, or the element's own if the dictionary has none or several."""
    try:
        vr = dictionary_VR(element.tag)
    except KeyError:
        return element.VR
    return element.VR if " or " in vr else vr


def _name(element: DataElement) -> str:
    return keyword_for_tag(element.tag) or str(element.tag)
