"""Matching data sets that are held as a whole, and the answers made of them: worklist, UPS (PS3.4 C.2.2.2, K, CC.2.8).

    request = check_whole(identifier, attributes, combined_date_time=False)   # raises WrongIdentifierError
    texts = texts_of_json(model) or texts_of_data_set(data_set)               # once for each data set, then kept
    if request.matches(texts):
        yield request.pending, request.answer(data_set)

All matching is that of `matching`; sequences match by item, at any depth. What is supported is a tree of attributes
(`attributes_tree`); keys outside of it match everything, are answered with what the data set has, and make the pending
status 0xFF01. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from sys import intern
from typing import Any, TypeAlias

from pydicom.charset import python_encoding
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.valuerep import PersonName

from workstation.scp.query.answer import UTF_8, empty_element, made_element
from workstation.scp.query.levels import WrongIdentifierError, tag_of
from workstation.scp.query.matching import (
    OPAQUE_VRS,
    SINGLE_TEXT_VRS,
    MalformedKeyError,
    Query,
    SequenceKey,
    Universal,
    dictionary_vr,
    significant,
    texts_of,
)

# All optional keys are supported; some are not (PS3.4 C.4.1.1.4).
PENDING, PENDING_UNSUPPORTED = 0xFF00, 0xFF01

_CHARACTER_SET, _ZONE = 0x00080005, 0x00080201
# Say how the keys are meant, and are none.
_NO_KEYS = frozenset({_CHARACTER_SET, _ZONE})

# Tag -> what is supported in the items of a sequence; None: anything, and of what is no sequence.
Attributes: TypeAlias = "Mapping[int, Attributes | None]"
Keywords: TypeAlias = "Mapping[str, Keywords | None]"


def attributes_tree(keywords: Keywords) -> Attributes:
    """Return a tree of attributes by tag, of one by keyword."""
    return {tag_of(keyword): None if below is None else attributes_tree(below) for keyword, below in keywords.items()}


# what can be matched


@dataclass(frozen=True, slots=True)
class Texts:
    """The values of a data set as texts, by tag; the items of its sequences likewise."""

    values: dict[int, tuple[str, ...]] = field(default_factory=dict)
    items: dict[int, tuple[Texts, ...]] = field(default_factory=dict)


def texts_of_data_set(data_set: Dataset) -> Texts:
    """Return the texts of a decoded data set."""
    texts = Texts()
    for element in data_set:
        tag = int(element.tag)
        if element.VR == "SQ":
            if element.value:
                texts.items[tag] = tuple(texts_of_data_set(item) for item in element.value)
        elif values := texts_of(element):
            texts.values[tag] = values
    return texts


def texts_of_json(model: Mapping[str, Any], attributes: Attributes | None = None) -> Texts:
    """Return the texts of a data set in the DICOM JSON model, ten times as fast as by making the data set.

    Args:
        model: As `Dataset.to_json_dict` gives it.
        attributes: What is looked at; None for all.
    """
    texts = Texts()
    for name, element in model.items():
        tag = int(name, 16)
        if attributes is not None and tag not in attributes:
            continue
        vr, values = element["vr"], element.get("Value", ())
        if vr == "SQ":
            below = None if attributes is None else attributes[tag]
            if values:
                texts.items[tag] = tuple(texts_of_json(item or {}, below) for item in values)
        elif values and vr not in OPAQUE_VRS and (found := _texts(vr, values)):
            texts.values[tag] = found
    return texts


def _texts(vr: str, values: Iterable[Any]) -> tuple[str, ...]:
    found: list[str] = []
    for value in values:
        if value is None:
            text = ""
        elif isinstance(value, dict):
            groups = (value.get("Alphabetic"), value.get("Ideographic"), value.get("Phonetic"))
            text = "=".join(group or "" for group in groups)
        else:
            text = str(value)
        if "\\" in text and vr not in SINGLE_TEXT_VRS:
            found.extend(significant(vr, part) for part in text.split("\\"))
        else:
            found.append(significant(vr, text))
    # Thousands are held, and most have values of others: days, modalities, physicians.
    return tuple(map(intern, found)) if any(found) else ()


# what is asked for


@dataclass(frozen=True, slots=True)
class WholeRequest:
    """A checked identifier.

    Attributes:
        identifier: As it came.
        query: Its supported keys.
        is_supported: Whether all of its keys are.
    """

    identifier: Dataset = field(repr=False)
    query: Query
    is_supported: bool

    @property
    def pending(self) -> int:
        """The status of each match."""
        return PENDING if self.is_supported else PENDING_UNSUPPORTED

    def asks(self, *path: str) -> bool:
        """Return whether the identifier has the attribute, as a key or to get it back.

        Args:
            path: Keywords, through the first items of sequences.
        """
        place = self.identifier
        for keyword in path[:-1]:
            element = place.get(tag_of(keyword))
            if element is None or element.VR != "SQ" or not element.value:
                return False
            place = element.value[0]
        return tag_of(path[-1]) in place

    def matches(self, texts: Texts) -> bool:
        """Return whether every key matches."""
        return _matches(self.query, texts)

    def answer(self, data_set: Dataset) -> Dataset:
        """Return the identifier of a response: every attribute asked for, with its value or none.

        A sequence asked for without naming attributes is returned whole. The character set is that of the data set if
        it has one that suffices, else that of the request, else UTF-8.
        """
        answer = _answer(self.identifier, data_set)
        choose_character_set(answer, data_set, self.identifier)
        return answer


def check_whole(
    identifier: Dataset, attributes: Attributes | None = None, *, combined_date_time: bool = False
) -> WholeRequest:
    """Check the identifier of a C-FIND and compile its keys.

    Args:
        identifier: Decoded.
        attributes: The supported ones; None: all of the standard's.
        combined_date_time: Whether ranges of a date and of its time are one range.

    Raises:
        WrongIdentifierError: With the status to answer.
    """
    keys, is_supported = _supported(identifier, attributes)
    try:
        query = Query(keys, combined_date_time=combined_date_time)
    except MalformedKeyError as error:
        raise WrongIdentifierError(str(error)) from error
    return WholeRequest(identifier, query, is_supported)


def _asked(identifier: Dataset) -> Iterator[DataElement]:
    for element in identifier:
        if element.tag not in _NO_KEYS and element.tag.element != 0 and element.tag.group > 2:
            yield element


def _supported(identifier: Dataset, attributes: Attributes | None) -> tuple[Dataset, bool]:
    keys = Dataset()
    is_supported = True
    for element in _asked(identifier):
        if element.tag.is_private or (attributes is not None and element.tag not in attributes):
            is_supported = is_supported and element.tag.is_private_creator
            continue
        below = None if attributes is None else attributes[element.tag]
        if element.VR != "SQ" or not element.value:
            keys[element.tag] = element
            continue
        items = []
        for item in element.value:
            nested, is_nested_supported = _supported(item, below)
            is_supported = is_supported and is_nested_supported
            items.append(nested)
        keys[element.tag] = made_element(element.tag, "SQ", Sequence(items))
    return keys, is_supported


def _matches(query: Query, texts: Texts) -> bool:
    for tag, key in query.keys.items():
        match key:
            case Universal():
                continue
            case SequenceKey():
                if not any(_matches(key.query, item) for item in texts.items.get(tag, ())):
                    return False
            case _:
                if not key.matches(texts.values.get(tag, ())):
                    return False
    return not query.combined or query.combined_matches(texts.values)


def _answer(asked: Dataset, data_set: Dataset) -> Dataset:
    answer = Dataset()
    for element in _asked(asked):
        tag, vr = int(element.tag), dictionary_vr(element)
        held = data_set.get(element.tag)
        if element.tag.is_private_creator:
            answer[tag] = element
        elif held is None or (vr == "SQ") != (held.VR == "SQ"):
            answer[tag] = empty_element(tag, vr)
        elif held.VR != "SQ":
            answer[tag] = made_element(tag, held.VR, _value(held.value))
        else:
            wanted = element.value[0] if element.VR == "SQ" and element.value else None
            items = held.value or ()
            if wanted is not None and len(wanted):
                answer[tag] = made_element(tag, "SQ", Sequence([_answer(wanted, item) for item in items]))
            else:
                answer[tag] = made_element(tag, "SQ", Sequence([_whole(item) for item in items]))
    return answer


def _whole(item: Dataset) -> Dataset:
    """Return a copy; its texts are told in the character set of the answer around it."""
    copy = Dataset()
    for element in item:
        if element.tag == _CHARACTER_SET:
            continue
        value = Sequence([_whole(one) for one in element.value or ()]) if element.VR == "SQ" else _value(element.value)
        copy[element.tag] = made_element(int(element.tag), element.VR, value)
    return copy


def _value(value: Any) -> Any:
    """Return a value of its own: names as texts, and no half of a surrogate pair, which no character set has."""
    if isinstance(value, MultiValue | list):
        return [_value(one) for one in value]
    if isinstance(value, str | PersonName):
        text = str(value)
        return text if text.isascii() else text.encode("utf-8", "replace").decode()
    return deepcopy(value)


# character sets


def choose_character_set(answer: Dataset, *models: Dataset) -> None:
    """Give a data set the first Specific Character Set of the models that has all its characters, else UTF-8.

    The first model's is given even if ASCII would do, as when the data set is a copy of it.
    """
    texts = [text for text in _all_texts(answer) if not text.isascii()]
    chosen: list[str] = []
    for place, model in enumerate(models):
        terms = _terms(model)
        if terms and (texts or place == 0) and _suffices(terms, texts):
            chosen = terms
            break
    if texts and not chosen:
        chosen = [UTF_8]
    if chosen:
        answer[_CHARACTER_SET] = made_element(_CHARACTER_SET, "CS", chosen[0] if len(chosen) == 1 else chosen)
    elif _CHARACTER_SET in answer:
        del answer[_CHARACTER_SET]


def _terms(data_set: Dataset) -> list[str]:
    value = data_set.get("SpecificCharacterSet")
    if not value:
        return []
    return [str(term or "") for term in ([value] if isinstance(value, str) else value)]


def _suffices(terms: list[str], texts: Iterable[str]) -> bool:
    """Return whether each text, or each part of a name, is of one of the character sets."""
    codecs = [python_encoding.get(term) for term in terms]
    if None in codecs:
        return False
    return all(
        any(_encodes(codec, part) for codec in codecs) for text in texts for part in text.replace("^", "=").split("=")
    )


def _encodes(codec: str | None, text: str) -> bool:
    try:
        text.encode("ascii" if codec in (None, "iso8859") else codec)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _all_texts(data_set: Dataset) -> Iterator[str]:
    for element in data_set.iterall():
        if element.VR == "SQ":
            continue
        values = element.value if isinstance(element.value, MultiValue | list) else [element.value]
        for value in values:
            if isinstance(value, str | PersonName):
                yield str(value)
