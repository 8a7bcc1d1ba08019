"""Attribute matching: does a stored value match a key of a C-FIND identifier? (PS3.4 C.2.2.2)

Pure: keys and values go in, a boolean comes out. Knows no information model, database or network. A key is compiled
once by `compile_key` into one of the classes below, then asked for each candidate; `Query` does a whole data set.

Where the standard leaves room we choose: person names ignore case; a value list is honoured for every VR, negotiated
or not (an SCU that sends `CT\\MR` means either); a lone `*` is universal for every VR.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from workstation.scp.query.moments import DAY, parse_moment
from workstation.scp.query.pattern import Pattern

# PS3.4 C.2.2.2.4: the VRs in which `*` and `?` are wild cards; in all others they are ordinary characters.
WILD_CARD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
RANGE_VRS = frozenset({"DA", "TM", "DT"})
NUMBER_VRS = frozenset({"IS", "DS", "US", "SS", "UL", "SL", "UV", "SV", "FL", "FD"})
# Bulk values are never matched: such a key only asks for the value back.
OPAQUE_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
# VRs without value multiplicity: a backslash is text.
SINGLE_TEXT_VRS = frozenset({"LT", "ST", "UT", "UR"})

# A peer may send an identifier of megabytes; no honest key is longer, and these keep each comparison short.
LONGEST_KEY = 1024
MOST_PATTERNS = 1000

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
    if vr in NUMBER_VRS:
        numbers = [_number(value) for value in present]
        if None in numbers:
            raise MalformedKeyError(f"{name}: {_shown(present)} is not a number.")
        return AnyNumber(frozenset(number for number in numbers if number is not None))
    if vr not in WILD_CARD_VRS | RANGE_VRS:
        return AnyOf(frozenset(present))
    if len(present) > MOST_PATTERNS or max(map(len, present)) > LONGEST_KEY:
        raise MalformedKeyError(f"{name}: more than {MOST_PATTERNS} values or {LONGEST_KEY} characters.")
    if vr == "PN":
        return PersonName(tuple(_name_patterns(value) for value in present))
    if vr in RANGE_VRS:
        return Range(vr, tuple(_span(vr, value, name, offset) for value in present), offset)
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
            combined_date_time: compare date and time pairs as one moment, in sequences too (negotiated).
            offset: minutes east of UTC for date-times without an offset.

        Raises:
            MalformedKeyError: a key has no meaning for its VR.
        """
        skipped = frozenset(ignored) | {0x00080005}
        self.keys: dict[int, Key] = {}
        for tag, element in _key_elements(identifier, skipped):
            self.keys[tag] = compile_element(element, combined_date_time=combined_date_time, offset=offset)
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


def compile_element(element: DataElement, *, combined_date_time: bool = False, offset: int = 0) -> Key:
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
        query = Query(items[0], combined_date_time=combined_date_time, offset=offset)
        if not query.combined and all(isinstance(key, Universal) for key in query.keys.values()):
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
