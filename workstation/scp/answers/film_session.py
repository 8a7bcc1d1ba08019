"""A film session as one association builds it: what its data sets mean, and the film that comes of it (PS3.3 C.13).

Reads what a peer sent into checked values; a value that cannot be is refused with the status that PS3.4 Annex H has
for it, one that this printer does not have is replaced by one that it has, and said. Knows nothing of associations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset

from workstation.scp.film import (
    DEFAULT_FILM_SIZE,
    FILM_SIZES,
    LEAST_DENSITY,
    MOST_DENSITY,
    RESOLUTIONS,
    Film,
    LayoutError,
    Pixels,
    PlacedImage,
    read_layout,
)

SUCCESS = 0x0000
INVALID_VALUE, MISSING_ATTRIBUTE, OUT_OF_RANGE = 0x0106, 0x0120, 0x0116
DENSITY_OUTSIDE = 0xB605
_LARGEST_SIDE = 32768
MOST_ANNOTATIONS = 12

SESSION_ATTRIBUTES = (
    "SpecificCharacterSet",
    "NumberOfCopies",
    "PrintPriority",
    "MediumType",
    "FilmDestination",
    "FilmSessionLabel",
    "OwnerID",
    "MemoryAllocation",
)
BOX_ATTRIBUTES = (
    "SpecificCharacterSet",
    "ImageDisplayFormat",
    "AnnotationDisplayFormatID",
    "FilmOrientation",
    "FilmSizeID",
    "MagnificationType",
    "SmoothingType",
    "BorderDensity",
    "EmptyImageDensity",
    "MinDensity",
    "MaxDensity",
    "Trim",
    "ConfigurationInformation",
    "Illumination",
    "ReflectedAmbientLight",
    "RequestedResolutionID",
    "ReferencedFilmSessionSequence",
    "ReferencedPresentationLUTSequence",
)
IMAGE_ATTRIBUTES = (
    "SpecificCharacterSet",
    "ImageBoxPosition",
    "Polarity",
    "MagnificationType",
    "SmoothingType",
    "MinDensity",
    "MaxDensity",
    "ConfigurationInformation",
    "RequestedImageSize",
    "RequestedDecimateCropBehavior",
    "ReferencedPresentationLUTSequence",
)
ANNOTATION_ATTRIBUTES = ("SpecificCharacterSet", "AnnotationPosition", "TextString")

SESSION_DEFAULTS: dict[str, object] = {
    "NumberOfCopies": 1,
    "PrintPriority": "MED",
    "MediumType": "BLUE FILM",
    "FilmDestination": "PROCESSOR",
}
BOX_DEFAULTS: dict[str, object] = {
    "FilmOrientation": "PORTRAIT",
    "FilmSizeID": DEFAULT_FILM_SIZE,
    "MagnificationType": "BILINEAR",
    "BorderDensity": "BLACK",
    "EmptyImageDensity": "BLACK",
    "MinDensity": LEAST_DENSITY,
    "MaxDensity": MOST_DENSITY,
    "Trim": "NO",
    "RequestedResolutionID": "STANDARD",
}
# Enumerated values: there are no others (PS3.3 C.13).
_ENUMERATED: dict[str, tuple[str, ...]] = {
    "PrintPriority": ("HIGH", "MED", "LOW"),
    "FilmOrientation": ("PORTRAIT", "LANDSCAPE"),
    "Trim": ("YES", "NO"),
    "Polarity": ("NORMAL", "REVERSE"),
    "RequestedDecimateCropBehavior": ("DECIMATE", "CROP", "FAIL"),
}
# Defined terms that this printer has; a printer may have others.
_HAD: dict[str, tuple[str, ...]] = {
    "FilmSizeID": tuple(FILM_SIZES),
    "MagnificationType": ("REPLICATE", "BILINEAR", "CUBIC", "NONE"),
    "RequestedResolutionID": tuple(RESOLUTIONS),
}


class RefusedError(Exception):
    """The request is refused: with which status, and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(slots=True)
class ImageBox:
    """One image's place on a film: what was set last."""

    uid: str
    position: int
    is_colour: bool
    attributes: Dataset = field(default_factory=Dataset)
    pixels: Pixels | None = None


@dataclass(slots=True)
class AnnotationBox:
    """One line of text."""

    uid: str
    position: int
    attributes: Dataset = field(default_factory=Dataset)


@dataclass(slots=True)
class FilmBox:
    """One film."""

    uid: str
    attributes: Dataset
    images: dict[str, ImageBox]
    annotations: dict[str, AnnotationBox]


@dataclass(slots=True)
class FilmSession:
    """What one association prints in one presentation context."""

    uid: str
    attributes: Dataset
    is_colour: bool
    boxes: dict[str, FilmBox] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lut:
    """A presentation LUT.

    Attributes:
        bits, entries: The table; no entries where a shape was given.
    """

    bits: int
    entries: tuple[int, ...]


# reading


def read(data_set: Dataset, keywords: Iterable[str], defaults: Mapping[str, object]) -> tuple[Dataset, int, str]:
    """Return what the printer takes of a data set, the status (Success or a warning), and why it is one.

    Args:
        data_set: As it was sent.
        keywords: Of the attributes that there are; others are ignored.
        defaults: What an absent, empty or unknown value becomes; nothing on a change.

    Raises:
        RefusedError: A value cannot be.
    """
    taken, status, why = Dataset(), SUCCESS, ""
    for keyword in keywords:
        value = data_set.get(keyword)
        if value is None or value == "":
            if keyword in defaults:
                setattr(taken, keyword, defaults[keyword])
            continue
        if keyword in _ENUMERATED and value not in _ENUMERATED[keyword]:
            raise RefusedError(INVALID_VALUE, f"{keyword} is one of {', '.join(_ENUMERATED[keyword])}.")
        if keyword in _HAD and value not in _HAD[keyword]:
            fallback = defaults.get(keyword, BOX_DEFAULTS[keyword])
            status, why = OUT_OF_RANGE, f"{keyword} is {fallback}: this printer has no other like it."
            setattr(taken, keyword, fallback)
            continue
        if keyword in ("MinDensity", "MaxDensity"):
            number = _number(value, keyword)
            held = min(max(number, LEAST_DENSITY), MOST_DENSITY)
            if held != number:
                status, why = DENSITY_OUTSIDE, f"{keyword} is {held}: the printer makes no other."
            setattr(taken, keyword, held)
            continue
        if keyword == "NumberOfCopies":
            copies = _number(value, keyword)
            if not 1 <= copies <= 99:
                status, why = OUT_OF_RANGE, "NumberOfCopies is 1: from 1 to 99 are made."
                copies = 1
            taken.NumberOfCopies = copies
            continue
        if keyword == "RequestedImageSize":
            _positive(value, keyword)
        taken[keyword] = data_set[keyword]
    return taken, status, why


def read_layout_of(data_set: Dataset) -> int:
    """Return how many images the film has.

    Raises:
        RefusedError: It has no layout, or one that cannot be printed.
    """
    layout = data_set.get("ImageDisplayFormat")
    if not layout:
        raise RefusedError(MISSING_ATTRIBUTE, "ImageDisplayFormat is missing.")
    try:
        return sum(read_layout(str(layout))[1])
    except LayoutError as error:
        raise RefusedError(INVALID_VALUE, f"ImageDisplayFormat: {error}") from error


def annotation_lines(data_set: Dataset) -> int:
    """Return how many lines of text an Annotation Display Format ID makes: its number, or one."""
    name = str(data_set.get("AnnotationDisplayFormatID") or "")
    if not name:
        return 0
    return min(max(int(name), 1), MOST_ANNOTATIONS) if name.isdecimal() and len(name) < 4 else 1


def read_image(data_set: Dataset, *, is_colour: bool) -> Pixels | None:
    """Return the image of an image box's data set; None if the sequence is there and empty: the place is cleared.

    Raises:
        RefusedError: There is none, or it cannot be printed.
    """
    keyword = "BasicColorImageSequence" if is_colour else "BasicGrayscaleImageSequence"
    if keyword not in data_set:
        raise RefusedError(MISSING_ATTRIBUTE, f"{keyword} is missing.")
    items = data_set[keyword].value
    if not items:
        return None
    if len(items) != 1:
        raise RefusedError(INVALID_VALUE, f"{keyword} has {len(items)} items, not one.")
    image = items[0]
    rows, columns = (_side(image, keyword) for keyword in ("Rows", "Columns"))
    samples = _number(_needed(image, "SamplesPerPixel"), "SamplesPerPixel")
    allocated = _number(_needed(image, "BitsAllocated"), "BitsAllocated")
    stored = _number(_needed(image, "BitsStored"), "BitsStored")
    photometric = str(_needed(image, "PhotometricInterpretation"))
    allowed = ("RGB",) if is_colour else ("MONOCHROME1", "MONOCHROME2")
    if photometric not in allowed:
        raise RefusedError(INVALID_VALUE, f"PhotometricInterpretation is {' or '.join(allowed)}.")
    if samples != (3 if is_colour else 1):
        raise RefusedError(INVALID_VALUE, f"SamplesPerPixel of {photometric} is {3 if is_colour else 1}.")
    if allocated not in (8, 16) or not 8 <= stored <= allocated or (is_colour and allocated != 8):
        raise RefusedError(INVALID_VALUE, "Pixels have 8 of 8 or up to 16 of 16 bits; colours 8 of 8.")
    if _number(image.get("PixelRepresentation", 0), "PixelRepresentation"):
        raise RefusedError(INVALID_VALUE, "PixelRepresentation is 0: greys are not signed.")
    data = _needed(image, "PixelData")
    needed = rows * columns * samples * allocated // 8
    if not isinstance(data, bytes) or len(data) < needed:
        raise RefusedError(INVALID_VALUE, f"PixelData is shorter than its {needed} bytes.")
    return Pixels(
        data=data,
        rows=rows,
        columns=columns,
        samples=samples,
        bits_allocated=allocated,
        bits_stored=stored,
        is_planar=is_colour and _number(image.get("PlanarConfiguration", 1), "PlanarConfiguration") == 1,
        is_inverse=photometric == "MONOCHROME1",
        aspect=_aspect(image),
    )


def read_lut(data_set: Dataset) -> Lut:
    """Return the table of a presentation LUT; without entries for a shape.

    Raises:
        RefusedError: It is neither a shape nor a table.
    """
    shape = data_set.get("PresentationLUTShape")
    if shape:
        if shape not in ("IDENTITY", "LIN OD"):
            raise RefusedError(INVALID_VALUE, "PresentationLUTShape is IDENTITY or LIN OD.")
        return Lut(0, ())
    items = data_set.get("PresentationLUTSequence")
    if not items:
        raise RefusedError(MISSING_ATTRIBUTE, "There is neither PresentationLUTShape nor PresentationLUTSequence.")
    descriptor = _words(_needed(items[0], "LUTDescriptor"), "LUTDescriptor")
    entries = _words(_needed(items[0], "LUTData"), "LUTData")
    if len(descriptor) != 3 or descriptor[1] != 0 or not 8 <= descriptor[2] <= 16:
        raise RefusedError(INVALID_VALUE, "LUTDescriptor is the number of entries, 0, and 10 to 16 bits.")
    count = descriptor[0] or 65536
    if len(entries) < count:
        raise RefusedError(INVALID_VALUE, f"LUTData has {len(entries)} entries, not {count}.")
    return Lut(descriptor[2], entries[:count])


def _words(value: Any, keyword: str) -> tuple[int, ...]:
    """16-bit numbers, decoded or not: with implicit VR pydicom cannot know whether they are."""
    try:
        if isinstance(value, bytes):
            return tuple(int.from_bytes(value[place : place + 2], "little") for place in range(0, len(value) - 1, 2))
        numbers = tuple(int(number) for number in ([value] if isinstance(value, int) else value))
    except (TypeError, ValueError) as error:
        raise RefusedError(INVALID_VALUE, f"{keyword} has values that are no numbers.") from error
    return tuple(number & 0xFFFF for number in numbers)


def _needed(data_set: Dataset, keyword: str) -> Any:
    value = data_set.get(keyword)
    if value is None or (isinstance(value, str | bytes) and not value):
        raise RefusedError(MISSING_ATTRIBUTE, f"{keyword} is missing.")
    return value


def _number(value: Any, keyword: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise RefusedError(INVALID_VALUE, f"{keyword} is no number.") from error


def _positive(value: Any, keyword: str) -> None:
    try:
        is_one = 0 < float(value) < 10_000
    except (TypeError, ValueError, OverflowError):
        is_one = False
    if not is_one:
        raise RefusedError(INVALID_VALUE, f"{keyword} is a number above 0.")


def _side(image: Dataset, keyword: str) -> int:
    side = _number(_needed(image, keyword), keyword)
    if not 1 <= side <= _LARGEST_SIDE:
        raise RefusedError(INVALID_VALUE, f"{keyword} is from 1 to {_LARGEST_SIDE}.")
    return side


def _aspect(image: Dataset) -> float:
    """Height of a pixel divided by its width (Pixel Aspect Ratio, vertical \\ horizontal)."""
    value = image.get("PixelAspectRatio")
    try:
        down, across = (float(number) for number in value or (1, 1))
        aspect = down / across
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise RefusedError(INVALID_VALUE, "PixelAspectRatio is two numbers.") from error
    if not 0.01 <= aspect <= 100:
        raise RefusedError(INVALID_VALUE, "PixelAspectRatio is beyond all measure.")
    return aspect


# making the film


def film_of(box: FilmBox, luts: Mapping[str, Lut]) -> Film:
    """Return what is to be drawn."""
    attributes = box.attributes
    texts = {
        int(line.attributes.get("AnnotationPosition") or line.position): str(line.attributes.get("TextString") or "")
        for line in box.annotations.values()
    }
    return Film(
        layout=str(attributes.ImageDisplayFormat),
        size=str(attributes.FilmSizeID),
        is_landscape=attributes.FilmOrientation == "LANDSCAPE",
        resolution=str(attributes.RequestedResolutionID),
        magnification=str(attributes.MagnificationType),
        border=str(attributes.BorderDensity),
        empty=str(attributes.EmptyImageDensity),
        densities=(int(attributes.MinDensity), int(attributes.MaxDensity)),
        has_trim=attributes.Trim == "YES",
        annotation_lines=len(box.annotations),
        annotations={position: text for position, text in texts.items() if text},
        images=tuple(image for one in box.images.values() if (image := placed(box, one, luts)) is not None),
    )


def placed(box: FilmBox, image: ImageBox, luts: Mapping[str, Lut]) -> PlacedImage | None:
    """Return an image box as it is to be drawn; None if it is empty."""
    if image.pixels is None:
        return None
    attributes = image.attributes
    lut = luts.get(referenced(attributes, "ReferencedPresentationLUTSequence")) or luts.get(
        referenced(box.attributes, "ReferencedPresentationLUTSequence")
    )
    width = attributes.get("RequestedImageSize")
    return PlacedImage(
        position=image.position,
        pixels=image.pixels,
        is_reverse=attributes.get("Polarity") == "REVERSE",
        magnification=str(attributes.get("MagnificationType") or ""),
        width=float(width) if width else None,
        if_too_large=str(attributes.get("RequestedDecimateCropBehavior") or "DECIMATE"),
        densities=(attributes.get("MinDensity"), attributes.get("MaxDensity")),
        lut=(lut.bits, lut.entries) if lut is not None and lut.entries else None,
    )


def referenced(data_set: Dataset, keyword: str) -> str:
    """Return the SOP Instance UID that the first item of a sequence refers to, "" if none."""
    items = data_set.get(keyword)
    return str(items[0].get("ReferencedSOPInstanceUID") or "") if items else ""


def content(session: FilmSession, boxes: Iterable[FilmBox]) -> Dataset:
    """Return all that was printed but its pixels, for people to look at: the boxes as Stored Print nested them."""
    printed = Dataset()
    printed.update(session.attributes)
    printed.FilmBoxContentSequence = [_box_content(box) for box in boxes]
    return printed


def _box_content(box: FilmBox) -> Dataset:
    shown = Dataset()
    shown.update(box.attributes)
    shown.ImageBoxContentSequence = [_image_content(image) for image in box.images.values()]
    if box.annotations:
        shown.AnnotationContentSequence = [line.attributes for line in box.annotations.values()]
    return shown


def _image_content(image: ImageBox) -> Dataset:
    shown = Dataset()
    shown.update(image.attributes)
    shown.ImageBoxPosition = image.position
    if (pixels := image.pixels) is not None:
        shown.Rows, shown.Columns = pixels.rows, pixels.columns
        shown.SamplesPerPixel, shown.BitsStored = pixels.samples, pixels.bits_stored
        if pixels.samples == 3:
            shown.PhotometricInterpretation = "RGB"
        else:
            shown.PhotometricInterpretation = "MONOCHROME1" if pixels.is_inverse else "MONOCHROME2"
    return shown
