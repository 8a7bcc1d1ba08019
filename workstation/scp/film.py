"""What a printer would have put on film, as a picture (PS3.3 C.13.3 film box, C.13.5 image box, C.11.4 LUT).

Values in, arrays of 8-bit pixels out, and the files they are kept in. Knows no messages and no associations. A picture
has no optical densities: BLACK is 0, WHITE is 255, and what is between is linear in the density, so that a LIN OD
presentation LUT is drawn as IDENTITY is. CUBIC magnification is drawn as BILINEAR.

numpy is imported when the first film is drawn: it takes a tenth of a second, and most servers never print.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from workstation.net._globals import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION
from workstation.net.part10 import encode_head
from workstation.scp import film_letters
from workstation.scp.archive.disk import sync_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EXPLICIT = "1.2.840.10008.1.2.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
MULTI_FRAME_GRAYSCALE, MULTI_FRAME_COLOR = f"{SECONDARY_CAPTURE}.2", f"{SECONDARY_CAPTURE}.4"

MILLIMETRES_PER_INCH = 25.4
# Film sizes in inches, upright (PS3.3 C.13.3, Film Size ID).
FILM_SIZES: dict[str, tuple[float, float]] = {
    "8INX10IN": (8, 10),
    "8_5INX11IN": (8.5, 11),
    "10INX12IN": (10, 12),
    "10INX14IN": (10, 14),
    "11INX14IN": (11, 14),
    "11INX17IN": (11, 17),
    "14INX14IN": (14, 14),
    "14INX17IN": (14, 17),
    "24CMX24CM": (24 / 2.54, 24 / 2.54),
    "24CMX30CM": (24 / 2.54, 30 / 2.54),
    "A4": (210 / MILLIMETRES_PER_INCH, 297 / MILLIMETRES_PER_INCH),
    "A3": (297 / MILLIMETRES_PER_INCH, 420 / MILLIMETRES_PER_INCH),
}
DEFAULT_FILM_SIZE = "14INX17IN"
# Pixels per inch for Requested Resolution ID: enough to judge a film by, few enough to keep many.
RESOLUTIONS = {"STANDARD": 150, "HIGH": 300}
# Hundredths of optical density that this printer can make.
LEAST_DENSITY, MOST_DENSITY = 15, 320
MOST_IMAGES = 100
MOST_BYTES = 1 << 31  # of pixels in a file: what every reader of DICOM files can address
_BLACK, _WHITE = 0, 255
_MARGIN, _GAP = 0.1, 0.05  # inches around all images, and between two
_LINE = 0.2  # inches, height of a line of annotation
_NUMBER = re.compile(r"\d{1,4}")


class LayoutError(ValueError):
    """An Image Display Format that cannot be printed; says why."""


class TooLargeError(ValueError):
    """Larger than its place: an image that must be neither made smaller nor cropped, or films too many for a file."""


class Fit(Enum):
    """What became of an image that is larger than its place."""

    WHOLE = "printed as asked for"
    DECIMATED = "made smaller to fit"
    CROPPED = "cropped to fit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """An image as it was sent.

    Attributes:
        data: Its pixels, little endian, rows from the top; colour by pixel or by plane.
        samples: 1 or 3.
        bits_allocated: 8 or 16.
        bits_stored: 8 to 16.
        is_planar: Whether colour is by plane.
        is_inverse: Whether the smallest value is white (MONOCHROME1).
        aspect: Height of a pixel divided by its width.
    """

    data: bytes
    rows: int
    columns: int
    samples: int = 1
    bits_allocated: int = 8
    bits_stored: int = 8
    is_planar: bool = False
    is_inverse: bool = False
    aspect: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedImage:
    """An image and how it is to be printed.

    Attributes:
        position: From 1, as the layout counts.
        is_reverse: Whether the polarity is REVERSE.
        magnification: "" is the film's.
        width: Millimetres that it is to be wide, or None for what fits.
        if_too_large: DECIMATE, CROP or FAIL, where `width` does not fit.
        densities: Hundredths of OD of its darkest and brightest, None for the film's.
        lut: (bits of an entry, entries) of a presentation LUT, or None.
    """

    position: int
    pixels: Pixels
    is_reverse: bool = False
    magnification: str = ""
    width: float | None = None
    if_too_large: str = "DECIMATE"
    densities: tuple[int | None, int | None] = (None, None)
    lut: tuple[int, tuple[int, ...]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A film box with all that is in it.

    Attributes:
        layout: Image Display Format, such as "STANDARD\\2,3".
        border, empty: BLACK, WHITE or hundredths of OD, between images and where there is none.
        densities: Hundredths of OD of the darkest and the brightest, None for the printer's.
        annotation_lines: Lines of text that have a place, even empty ones.
        annotations: Position from 1 -> text.
    """

    layout: str
    size: str = DEFAULT_FILM_SIZE
    is_landscape: bool = False
    resolution: str = "STANDARD"
    magnification: str = "BILINEAR"
    border: str = "BLACK"
    empty: str = "BLACK"
    densities: tuple[int | None, int | None] = (None, None)
    has_trim: bool = False
    annotation_lines: int = 0
    annotations: dict[int, str] = field(default_factory=dict)
    images: tuple[PlacedImage, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle on the film, in pixels."""

    left: int
    top: int
    width: int
    height: int


# geometry


def read_layout(layout: str) -> tuple[bool, tuple[int, ...]]:
    """Return (whether it is made of columns, images in each row or column).

    Raises:
        LayoutError: It is none that can be printed.
    """
    kind, _, text = layout.strip().partition("\\")
    numbers = [part.strip() for part in text.split(",")]
    if kind not in ("STANDARD", "ROW", "COL"):
        raise LayoutError("The formats are STANDARD, ROW and COL.")
    if not all(_NUMBER.fullmatch(number) for number in numbers):
        raise LayoutError(f"{kind} takes numbers with commas between them.")
    counts = [int(number) for number in numbers]
    if kind == "STANDARD":
        if len(counts) != 2:
            raise LayoutError("STANDARD takes columns and rows.")
        columns, rows = counts
        # Before the list is made: 9999 rows would be nothing, 9999 of anything else a lot.
        if columns * rows > MOST_IMAGES:
            raise LayoutError(f"A film has at most {MOST_IMAGES} images.")
        counts = [columns] * rows
    if not counts or min(counts) < 1:
        raise LayoutError("Each row or column has at least one image.")
    if sum(counts) > MOST_IMAGES:
        raise LayoutError(f"A film has at most {MOST_IMAGES} images.")
    return kind == "COL", tuple(counts)


def size_of(film: Film) -> tuple[int, int]:
    """Return (width, height) of the film in pixels."""
    resolution = RESOLUTIONS.get(film.resolution, RESOLUTIONS["STANDARD"])
    width, height = (round(side * resolution) for side in FILM_SIZES.get(film.size, FILM_SIZES[DEFAULT_FILM_SIZE]))
    return (height, width) if film.is_landscape else (width, height)


def places(film: Film) -> list[Place]:
    """Return where the images go, in the order of their positions.

    Raises:
        LayoutError: The film's layout cannot be printed.
    """
    is_columns, counts = read_layout(film.layout)
    resolution = RESOLUTIONS.get(film.resolution, RESOLUTIONS["STANDARD"])
    margin, gap = round(_MARGIN * resolution), round(_GAP * resolution)
    width, height = size_of(film)
    height -= film.annotation_lines * round(_LINE * resolution)
    if is_columns:
        width, height = height, width
    found = []
    for line, count in enumerate(counts):
        top, bottom = _span(margin, height - margin, gap, line, len(counts))
        for place in range(count):
            left, right = _span(margin, width - margin, gap, place, count)
            found.append(
                Place(top, left, bottom - top, right - left)
                if is_columns
                else Place(left, top, right - left, bottom - top)
            )
    return found


def _span(start: int, end: int, gap: int, number: int, count: int) -> tuple[int, int]:
    """The `number`th of `count` equal parts of a line, with gaps between them."""
    step = (end - start + gap) / count
    first = start + round(number * step)
    return first, max(first + 1, start + round((number + 1) * step) - gap)


def fit(film: Film, image: PlacedImage, place: Place) -> tuple[int, int, Fit]:
    """Return (width, height) of the image in pixels of the film, and what became of it.

    A cropped one is wider or higher than its place.

    Raises:
        TooLargeError: It does not fit and must not be changed.
    """
    pixels = image.pixels
    tall = pixels.rows * pixels.aspect / pixels.columns  # height divided by width
    whole = min(place.width, place.height / tall)
    if image.width is not None:
        asked = image.width / MILLIMETRES_PER_INCH * RESOLUTIONS.get(film.resolution, RESOLUTIONS["STANDARD"])
    elif (image.magnification or film.magnification) == "NONE":
        asked = float(pixels.columns)
    else:
        asked = whole
    # Half a pixel is no difference that a person could see.
    if asked <= whole + 0.5:
        return max(1, round(asked)), max(1, round(asked * tall)), Fit.WHOLE
    match image.if_too_large:
        case "CROP":
            return round(asked), max(1, round(asked * tall)), Fit.CROPPED
        case "FAIL":
            raise TooLargeError(f"{asked:.0f} pixels wide, {whole:.0f} fit.")
        case _:
            return max(1, round(whole)), max(1, round(whole * tall)), Fit.DECIMATED


# greys


def grey_of(density: str | int | None, otherwise: int) -> int:
    """Return the grey of BLACK, WHITE or hundredths of OD; `otherwise` for what is none of them."""
    text = str(density).strip()
    if text == "BLACK":
        return _BLACK
    if text == "WHITE":
        return _WHITE
    if not _NUMBER.fullmatch(text):
        return otherwise
    held = min(max(int(text), LEAST_DENSITY), MOST_DENSITY)
    return round(_WHITE * (MOST_DENSITY - held) / (MOST_DENSITY - LEAST_DENSITY))


# drawing


def render(film: Film) -> NDArray[Any]:
    """Draw the film: rows × columns of 8 bits, × 3 if an image has colour.

    Raises:
        LayoutError: Its layout cannot be printed.
    """
    import numpy as np

    width, height = size_of(film)
    is_colour = any(image.pixels.samples == 3 for image in film.images)
    border, empty = grey_of(film.border, _BLACK), grey_of(film.empty, _BLACK)
    canvas = np.full((height, width, 3) if is_colour else (height, width), border, np.uint8)
    by_position = {image.position: image for image in film.images}
    for position, place in enumerate(places(film), 1):
        image = by_position.get(position)
        ground = canvas[place.top : place.top + place.height, place.left : place.left + place.width]
        if image is None:
            ground[...] = empty
        else:
            _draw(film, image, place, ground)
        if film.has_trim:
            _frame(canvas, place, _WHITE if border < 128 else _BLACK)
    _annotate(film, canvas, _WHITE if border < 128 else _BLACK)
    return canvas


def _draw(film: Film, image: PlacedImage, place: Place, ground: NDArray[Any]) -> None:
    try:
        width, height, _ = fit(film, image, place)
    except TooLargeError:
        return
    values = _values(film, image)
    # A magnified image is only computed where it is seen: cropping to a place may leave little of it.
    top, left = max(0, (height - place.height) // 2), max(0, (width - place.width) // 2)
    seen = Place(left, top, min(width, place.width), min(height, place.height))
    is_nearest = (image.magnification or film.magnification) in ("REPLICATE", "NONE")
    drawn = _scaled(values, width, height, seen, is_nearest=is_nearest)
    at_top, at_left = (place.height - seen.height) // 2, (place.width - seen.width) // 2
    if ground.ndim == 3 and drawn.ndim == 2:
        drawn = drawn[:, :, None]
    ground[at_top : at_top + seen.height, at_left : at_left + seen.width] = drawn


def _values(film: Film, image: PlacedImage) -> NDArray[Any]:
    """The image's pixels as 8-bit greys or colours, after LUT, photometric interpretation, polarity and densities."""
    import numpy as np

    pixels = image.pixels
    count = pixels.rows * pixels.columns * pixels.samples
    kind = np.dtype("u1" if pixels.bits_allocated == 8 else "<u2")
    raw = np.frombuffer(pixels.data, kind, count)
    shaped: NDArray[Any]
    if pixels.samples == 1:
        shaped = raw.reshape(pixels.rows, pixels.columns)
    elif pixels.is_planar:
        shaped = raw.reshape(3, pixels.rows, pixels.columns).transpose(1, 2, 0)
    else:
        shaped = raw.reshape(pixels.rows, pixels.columns, 3)
    # All that follows depends on a value alone: one table does it.
    table = np.arange(1 << pixels.bits_stored, dtype=np.float32)
    most = float((1 << pixels.bits_stored) - 1)
    if image.lut is not None and pixels.samples == 1:
        bits, entries = image.lut
        looked_up = np.array(entries, np.float32)
        table = looked_up[np.minimum(np.arange(len(table)), len(looked_up) - 1)]
        most = float((1 << bits) - 1)
    table = np.clip(table / most, 0.0, 1.0)
    if pixels.is_inverse != image.is_reverse:
        table = 1.0 - table
    if pixels.samples == 1:
        least, greatest = (
            own if own is not None else common for own, common in zip(image.densities, film.densities, strict=True)
        )
        bright, dark = grey_of(least, _WHITE), grey_of(greatest, _BLACK)
        table = dark + table * (bright - dark)
    else:
        table *= _WHITE
    drawn: NDArray[Any] = np.rint(table).astype(np.uint8)[shaped & ((1 << pixels.bits_stored) - 1)]
    return drawn


def _scaled(values: NDArray[Any], width: int, height: int, seen: Place, *, is_nearest: bool) -> NDArray[Any]:
    """The part `seen` of the values made `width` × `height`."""
    import numpy as np

    if is_nearest:
        rows = (np.arange(seen.top, seen.top + seen.height) * 2 + 1) * values.shape[0] // (2 * height)
        columns = (np.arange(seen.left, seen.left + seen.width) * 2 + 1) * values.shape[1] // (2 * width)
        nearest: NDArray[Any] = values[rows[:, None], columns]
        return nearest
    values = _averaged(values, max(1, values.shape[0] // height), max(1, values.shape[1] // width))
    above, below, down = _neighbours(values.shape[0], height, seen.top, seen.height)
    before, after, right = _neighbours(values.shape[1], width, seen.left, seen.width)
    result = np.empty((seen.height, seen.width, *values.shape[2:]), np.uint8)
    across = right.reshape(1, -1, *(1,) * (values.ndim - 2))
    # In bands of rows: the intermediate values take four bytes a pixel.
    for start in range(0, seen.height, 256):
        band = slice(start, start + 256)
        weight = down[band].reshape(-1, 1, *(1,) * (values.ndim - 2))
        mixed = values[above[band]] * (1 - weight) + values[below[band]] * weight
        result[band] = np.rint(mixed[:, before] * (1 - across) + mixed[:, after] * across)
    return result


def _neighbours(size: int, wanted: int, start: int, count: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """For `count` of `wanted` places over `size` values: the value before, the one after, and the latter's weight."""
    import numpy as np

    centre = (np.arange(start, start + count, dtype=np.float32) + 0.5) * size / wanted - 0.5
    centre = np.clip(centre, 0, size - 1)
    first = np.floor(centre).astype(np.intp)
    return first, np.minimum(first + 1, size - 1), (centre - first).astype(np.float32)


def _averaged(values: NDArray[Any], down: int, across: int) -> NDArray[Any]:
    """Blocks of `down` × `across` values as their mean, so that fine detail does not become a pattern."""
    import numpy as np

    if down == across == 1:
        return values
    rows, columns = values.shape[0] // down * down, values.shape[1] // across * across
    blocks = values[:rows, :columns].reshape(rows // down, down, columns // across, across, *values.shape[2:])
    mean: NDArray[Any] = blocks.mean(axis=(1, 3), dtype=np.float32)
    return mean


def _frame(canvas: NDArray[Any], place: Place, grey: int) -> None:
    """A line around a place."""
    top, left = max(0, place.top - 2), max(0, place.left - 2)
    bottom, right = place.top + place.height + 2, place.left + place.width + 2
    canvas[top : top + 2, left:right] = grey
    canvas[bottom - 2 : bottom, left:right] = grey
    canvas[top:bottom, left : left + 2] = grey
    canvas[top:bottom, right - 2 : right] = grey


def _annotate(film: Film, canvas: NDArray[Any], grey: int) -> None:
    """The lines of text at the bottom."""
    import numpy as np

    resolution = RESOLUTIONS.get(film.resolution, RESOLUTIONS["STANDARD"])
    line, margin = round(_LINE * resolution), round(_MARGIN * resolution)
    size = max(1, line // (film_letters.HEIGHT + 3))
    top = canvas.shape[0] - film.annotation_lines * line
    # A position may be any number: the lines are filled in their order.
    for number, position in enumerate(sorted(film.annotations)[: film.annotation_lines]):
        room = (canvas.shape[1] - 2 * margin) // size
        dots = np.array(film_letters.drawn(film.annotations[position], room), bool)
        if not dots.size:
            continue
        big = dots.repeat(size, 0).repeat(size, 1)
        start = top + number * line
        area = canvas[start : start + big.shape[0], margin : margin + big.shape[1]]
        area[big[: area.shape[0], : area.shape[1]]] = grey


# files


def write_films(path: Path, films: Sequence[Film], description: Dataset, *, sop_instance_uid: str) -> tuple[int, int]:
    """Draw films into a Secondary Capture file, one frame each; it is there whole or not at all.

    One film is drawn at a time: a session may have a hundred of twenty megabytes.

    Args:
        path: Of the file; ends in .dcm.
        films: At least one.
        description: Elements to begin with: patient, study, series; changed by this.
        sop_instance_uid: Of the file.

    Returns:
        Width and height of the frames in pixels: the smaller films have a border.

    Raises:
        OSError: It cannot be written.
        LayoutError: A film cannot be printed.
        TooLargeError: All of them together are too large for a file.
    """
    sizes = [size_of(film) for film in films]
    width, height = max(size[0] for size in sizes), max(size[1] for size in sizes)
    is_colour = any(image.pixels.samples == 3 for film in films for image in film.images)
    samples = 3 if is_colour else 1
    sop_class = SECONDARY_CAPTURE
    if len(films) > 1:
        sop_class = MULTI_FRAME_COLOR if is_colour else MULTI_FRAME_GRAYSCALE
    _describe(description, width, height, samples, len(films))
    description.SOPClassUID, description.SOPInstanceUID = sop_class, sop_instance_uid
    length = width * height * samples * len(films)
    if length > MOST_BYTES:
        raise TooLargeError(f"{len(films)} films take {length >> 20} MiB, and a file has room for {MOST_BYTES >> 20}.")
    unfinished = path.with_suffix(".part")
    try:
        with unfinished.open("wb") as file:
            head = encode_head(
                sop_class_uid=sop_class,
                sop_instance_uid=sop_instance_uid,
                transfer_syntax_uid=_EXPLICIT,
                implementation_class_uid=str(PYNETDICOM_IMPLEMENTATION_UID),
                implementation_version_name=PYNETDICOM_IMPLEMENTATION_VERSION,
            )
            file.write(head + _encoded(description))
            file.write(b"\xe0\x7f\x10\x00OB\0\0" + (length + length % 2).to_bytes(4, "little"))
            for frame in _frames(films, width, height, is_colour=is_colour):
                file.write(frame)
            file.write(bytes(length % 2))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        sync_folder(path.parent)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return width, height


def _describe(description: Dataset, width: int, height: int, samples: int, frames: int) -> None:
    description.ConversionType = "WSD"
    description.SamplesPerPixel = samples
    description.PhotometricInterpretation = "RGB" if samples == 3 else "MONOCHROME2"
    if samples == 3:
        description.PlanarConfiguration = 0
    description.Rows, description.Columns = height, width
    description.BitsAllocated = description.BitsStored = 8
    description.HighBit, description.PixelRepresentation = 7, 0
    if frames > 1:
        description.NumberOfFrames = frames
        description.PageNumberVector = list(range(1, frames + 1))
        description.FrameIncrementPointer = 0x00182001
        if samples == 1:
            description.PresentationLUTShape = "IDENTITY"
            description.RescaleIntercept, description.RescaleSlope, description.RescaleType = 0, 1, "US"
    if samples == 1:
        description.WindowCenter, description.WindowWidth = 128, 256


def _frames(films: Iterable[Film], width: int, height: int, *, is_colour: bool) -> Iterable[bytes]:
    import numpy as np

    for film in films:
        drawn = render(film)
        if is_colour and drawn.ndim == 2:
            drawn = np.repeat(drawn[:, :, None], 3, axis=2)
        missing = [(0, height - drawn.shape[0]), (0, width - drawn.shape[1]), (0, 0)][: drawn.ndim]
        yield np.pad(drawn, missing, constant_values=grey_of(film.border, _BLACK)).tobytes()


def _encoded(data_set: Dataset) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR = False
    buffer.is_little_endian = True
    write_dataset(buffer, data_set)
    encoded: bytes = buffer.getvalue()
    return encoded
