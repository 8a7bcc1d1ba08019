"""From a DICOM object to a picture: decoding a frame (PS3.5 section 8), and the grey scale pipeline (PS3.3 C.11).

Runs in jobs, imports numpy and pydicom's decoders when the first picture is wanted, and knows no widget. Whatever
cannot be shown becomes a `PictureError`, a sentence for a person.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from workstation.net.uids import uid_name
from workstation.traffic.decoding.data_set import DataSetTree, Element, tree_of
from workstation.traffic.decoding.elements import BytesSource
from workstation.traffic.decoding.objects import DicomObject
from workstation.traffic.text import printable, quantity

if TYPE_CHECKING:
    import numpy as np
    from pydicom.dataset import Dataset

    Array = np.ndarray[Any, Any]

_PIXELS: Final = {(0x7FE0, 0x0008): "FloatPixelData", (0x7FE0, 0x0009): "DoubleFloatPixelData"}
_PIXEL_DATA: Final = (0x7FE0, 0x0010)
# Decoded in this process: by pydicom itself, or in Rust. Others are C and C++ and may end the process they run in.
_RLE: Final = "1.2.840.10008.1.2.5"
# A frame larger than this needs a viewer that looks at parts of it.
LARGEST_FRAME: Final = 512 << 20
_KEPT_FRAMES: Final = 192 << 20
# Stored values in a table of grey levels; more are computed pixel by pixel.
_LARGEST_TABLE: Final = 1 << 20
_STRIP: Final = 1 << 17
_SMALLEST_LEVEL: Final = 256


class PictureError(Exception):
    """A sentence that says why there is no picture."""


@dataclass(frozen=True, slots=True)
class Window:
    """How values become grey: centre and width, or a table of the object.

    Attributes:
        name: what to call it.
        function: "LINEAR", "LINEAR_EXACT", "SIGMOID" (PS3.3 C.11.2.1.3) or "LUT".
        lut: which VOI LUT, when the function is that.
        is_plain: whether nothing is changed by it, as with colours.
    """

    name: str
    centre: float = 0.0
    width: float = 1.0
    function: str = "LINEAR_EXACT"
    lut: int = 0
    is_plain: bool = False

    def moved(self, centre: float, width: float) -> Window:
        """Another centre and width, chosen by hand."""
        function = "LINEAR_EXACT" if self.function == "LUT" else self.function
        return Window("By hand", centre, max(width, 1.0 if function == "LINEAR" else 1e-6), function)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is said beside a picture.

    Attributes:
        rows, columns, frames: its size.
        aspect: height of a pixel over its width.
        summary: size, depth and colours in a line.
        frames_per_second: to play at.
        overlays: how many overlay planes there are.
        is_colour: whether it is no grey scale.
        unit: of the values shown, "HU".
        remark: what is not as it should be.
    """

    rows: int
    columns: int
    frames: int
    aspect: float
    summary: str
    frames_per_second: float
    overlays: int
    is_colour: bool
    unit: str
    remark: str


@dataclass(slots=True, eq=False)
class Frame:
    """Decoded pixels of one frame.

    Attributes:
        pixels: (rows, columns) or (rows, columns, 3), as stored but for colour, which is RGB.
        low, high: smallest and largest value, padding left out.
        windows: to choose from; the first is the object's own.
        inverted: whether the smallest value is white.
    """

    index: int
    pixels: Array
    low: float
    high: float
    windows: tuple[Window, ...]
    inverted: bool
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """A picture of 8 bits, grey or RGB, rows packed one behind the other."""

    width: int
    height: int
    colours: int
    data: bytes


class Picture:
    """The pictures of an object. Every method may take long; any one thread at a time.

    Raises:
        PictureError: There is nothing to show.
    """

    def __init__(self, found: DicomObject) -> None:
        self._object = found
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, Frame] = OrderedDict()
        tree, element, self._keyword = _pixel_element(found)
        self._element = element
        self._tree = tree
        self._data = _header(found)
        deflated = isinstance(tree.source, BytesSource)
        self._file: BinaryIO = (
            io.BytesIO(tree.source.read(0, tree.source.length)) if deflated else found.open()  # inflated as a whole
        )
        self._base = 0 if deflated else len(found.head)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._options = self._read_options()
                self.facts = self._read_facts()
        except PictureError:
            self._file.close()
            raise

    def close(self) -> None:
        """Nobody will ask for more."""
        with self._lock:
            self._file.close()
            self._kept.clear()

    # ------------------------------------------------------------------- header
    def _get(self, keyword: str, default: Any = None) -> Any:
        try:
            value = self._data.get(keyword)
        except Exception:
            # pydicom converts a value when it is asked for, and raises nearly anything for a damaged one
            return default
        return default if value is None or value == "" else value

    def _number(self, keyword: str, default: int) -> int:
        value = self._get(keyword, default)
        try:
            return int(value)
        except (TypeError, ValueError):
            raise PictureError(f"{keyword} is {printable(str(value), 40)!r}, not a number.") from None

    def _read_options(self) -> dict[str, Any]:
        from pydicom.pixels.utils import as_pixel_options

        rows, columns = self._number("Rows", 0), self._number("Columns", 0)
        if not rows or not columns:
            raise PictureError("There is pixel data, but Rows or Columns is missing: its size is not known.")
        samples = self._number("SamplesPerPixel", 1)
        allocated = self._number("BitsAllocated", 8)
        if rows * columns * samples * max(allocated // 8, 1) > LARGEST_FRAME:
            size = f"{columns:,} × {rows:,} pixels of {samples * allocated} bits"
            raise PictureError(f"A frame of {size} is larger than what is shown here ({LARGEST_FRAME >> 20} MiB).")
        frames = self._number("NumberOfFrames", 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            options = as_pixel_options(self._data, number_of_frames=max(frames, 1))
        options.setdefault("samples_per_pixel", 1)
        options.setdefault("photometric_interpretation", "MONOCHROME2" if samples == 1 else "RGB")
        options["transfer_syntax_uid"] = self._data.file_meta.TransferSyntaxUID
        options["pixel_keyword"] = self._keyword
        options["pixel_vr"] = self._element.vr or "OW"
        if self._keyword == "PixelData":
            options.setdefault("bits_stored", allocated)
            options.setdefault("pixel_representation", 0)
        return options

    def _read_facts(self) -> Facts:
        options = self._options
        photometric = printable(str(options["photometric_interpretation"]), 20)
        frames = options["number_of_frames"]
        stored = options.get("bits_stored", options["bits_allocated"])
        parts = [
            f"{options['columns']:,} × {options['rows']:,}",
            quantity(frames, "frame") if frames > 1 else "",
            f"{stored} of {options['bits_allocated']} bits"
            if stored != options["bits_allocated"]
            else f"{stored} bits",
            "signed" if options.get("pixel_representation") else "",
            photometric,
        ]
        unit = str(self._get("RescaleType", "")) or str(self._get("Units", ""))
        if not unit and self._get("Modality") == "CT":
            unit = "HU"
        return Facts(
            rows=options["rows"],
            columns=options["columns"],
            frames=frames,
            aspect=self._aspect(),
            summary=" · ".join(part for part in parts if part),
            frames_per_second=self._rate(),
            overlays=len(self._overlay_groups()),
            is_colour=options["samples_per_pixel"] > 1 or photometric == "PALETTE COLOR",
            unit="" if unit in ("US", "UNSPECIFIED") else printable(unit, 16),
            remark=f"Not complete: {self._object.gap}." if self._object.gap else "",
        )

    def _aspect(self) -> float:
        shared = next((item for item in self._groups(0, "PixelMeasuresSequence") if "PixelSpacing" in item), None)
        for keyword, value in (
            ("PixelSpacing", shared.get("PixelSpacing") if shared is not None else None),
            *((keyword, self._get(keyword)) for keyword in ("PixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio")),
        ):
            try:
                vertical, horizontal = (float(number) for number in value)
            except (TypeError, ValueError):
                continue
            ratio = vertical / horizontal if horizontal > 0 and vertical > 0 else 0.0
            if 0.05 <= ratio <= 20 and keyword:
                return ratio
        return 1.0

    def _rate(self) -> float:
        for keyword in ("RecommendedDisplayFrameRate", "CineRate"):
            try:
                rate = float(self._get(keyword, 0))
            except (TypeError, ValueError):
                continue
            if 0 < rate <= 200:
                return rate
        try:
            time = float(self._get("FrameTime", 0))
        except (TypeError, ValueError):
            time = 0.0
        return min(max(1000 / time, 0.5), 100.0) if time > 0 else 15.0

    def _groups(self, index: int, keyword: str) -> Iterator[Dataset]:
        """The items of a functional group (PS3.3 C.7.6.16): of the frame, then of all frames."""
        for sequence, place in (("PerFrameFunctionalGroupsSequence", index), ("SharedFunctionalGroupsSequence", 0)):
            items = self._get(sequence)
            try:
                inner = items[place].get(keyword) if items is not None and place < len(items) else None
                if inner:
                    yield inner[0]
            except Exception:
                # as damaged as it may be; the image is shown without
                continue

    # ------------------------------------------------------------------- frames
    def frame(self, index: int) -> Frame:
        """Decode a frame, or take it from those kept.

        Raises:
            PictureError: It cannot be decoded.
        """
        with self._lock:
            frame = self._kept.pop(index, None)
            if frame is None:
                frame = self._decode(index)
            self._kept[index] = frame
            while len(self._kept) > 1 and sum(each.pixels.nbytes for each in self._kept.values()) > _KEPT_FRAMES:
                self._kept.popitem(last=False)
            return frame

    def _decode(self, index: int) -> Frame:
        import numpy as np
        from pydicom.pixels.decoders.base import get_decoder

        syntax = self._data.file_meta.TransferSyntaxUID
        name = uid_name(syntax) or printable(str(syntax), 64)
        remark = ""
        try:
            decoder = get_decoder(syntax)
        except NotImplementedError:
            video = " It is a video, which is not played here." if "MPEG" in name or "HEVC" in name else ""
            raise PictureError(f"There is no decoder for {name}.{video}") from None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                padded, remark = self._padded_frame(index) if decoder.is_native else (None, "")
                meta: dict[str, Any]
                if not decoder.is_native and syntax != _RLE:
                    pixels, meta = self._decompressed(index)
                elif padded is not None:
                    options = {**self._options, "number_of_frames": 1}
                    pixels, meta = decoder.as_array(padded, index=0, **options)
                else:
                    self._file.seek(self._base + self._element.value_offset)
                    pixels, meta = decoder.as_array(self._file, index=index, **self._options)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:
                # Decoders of other projects, fed with the bytes of strangers: nearly anything is raised. One written
                # in Rust panics with an exception that is no Exception.
                raise PictureError(self._why(error, name, index)) from error
        photometric = str(meta.get("photometric_interpretation", self._options["photometric_interpretation"]))
        if photometric == "PALETTE COLOR":
            pixels = self._coloured(pixels)
        elif pixels.ndim == 3 and pixels.shape[2] not in (1, 3):
            raise PictureError(f"{pixels.shape[2]} samples for each pixel ({photometric}) are not shown.")
        elif pixels.ndim == 3 and pixels.shape[2] == 1:
            pixels = pixels[:, :, 0]
        low, high = self._range(pixels) if pixels.ndim == 2 else (0.0, float(_full_scale(pixels, self._options)))
        if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
            pixels = np.nan_to_num(pixels, nan=low, posinf=high, neginf=low)
        return Frame(
            index, pixels, low, high, self._windows(pixels, index, low, high), photometric == "MONOCHROME1", remark
        )

    def _decompressed(self, index: int) -> tuple[Array, dict[str, Any]]:
        """A compressed frame, decoded beside this process: see `decoder_program`."""
        from pydicom.encaps import get_frame

        from workstation.ui.viewers.data_set.decoding import shared_decoder

        options = dict(self._options)
        offsets = options.pop("extended_offsets", None)
        self._file.seek(self._base + self._element.value_offset)
        encoded = get_frame(self._file, index, number_of_frames=options["number_of_frames"], extended_offsets=offsets)
        syntax = str(options.pop("transfer_syntax_uid"))
        plain = {key: value if isinstance(value, int) else str(value) for key, value in options.items()}
        pixels, photometric = shared_decoder().decode(syntax, plain, encoded)
        return pixels, {"photometric_interpretation": photometric}

    def _padded_frame(self, index: int) -> tuple[bytes | None, str]:
        """An uncompressed frame of which a part is missing, with zeros in its place."""
        options = self._options
        allocated = options["bits_allocated"]
        if allocated < 8:
            return None, ""
        length = options["rows"] * options["columns"] * options["samples_per_pixel"] * allocated // 8
        if options["photometric_interpretation"] == "YBR_FULL_422":
            length = length * 2 // 3
        start = index * length
        there = min(length, max(self._element.size - start, 0))
        if there == length and not self._object.gap:
            return None, ""
        self._file.seek(self._base + self._element.value_offset + start)
        found = self._file.read(there)
        if len(found) == length:
            return None, ""
        if not found:
            raise PictureError("None of its pixels are here.")
        missing = quantity(length - len(found), "byte")
        return found.ljust(length + length % 2, b"\0"), f"{missing} of {length:,} are missing and shown as zeros."

    def _why(self, error: BaseException, name: str, index: int) -> str:
        if isinstance(error, PictureError):
            return str(error)
        which = f"frame {index + 1} " if self._options["number_of_frames"] > 1 else "it "
        gap = f" Not all of it is here: {self._object.gap}." if self._object.gap else ""
        text = " ".join(printable(str(error), 400).replace("\\n", " ").split())
        return f"{name}: {which}cannot be decoded.{gap} {text or type(error).__name__}"

    def _coloured(self, pixels: Array) -> Array:
        import numpy as np
        from pydicom.pixels.processing import apply_color_lut

        try:
            descriptor = [int(number) for number in self._data.RedPaletteColorLookupTableDescriptor]
            first = _signed(descriptor[1], self._options)
            if "RedPaletteColorLookupTableData" in self._data:
                little = self._tree.encoding.little_endian
                tables = [
                    _table(self._data[f"{colour}PaletteColorLookupTableData"].value, descriptor[0], little)
                    for colour in ("Red", "Green", "Blue")
                ]
                count = min(len(table) for table in tables)
                table = np.stack([each[:count] for each in tables], axis=-1)
            else:
                values = np.arange(first, first + (descriptor[0] or 1 << 16), dtype=np.int32)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    table = apply_color_lut(values, self._data)[:, :3]
            # 8 bits of colour may come in tables of 16, at either end.
            if table.max() > 255:
                table = table >> 8
        except Exception as error:
            raise PictureError(f"Its colour palette cannot be read: {printable(str(error), 200)}") from error
        places = np.clip(pixels.astype(np.int64) - first, 0, len(table) - 1)
        coloured: Array = table.astype(np.uint8)[places]
        return coloured

    def _range(self, pixels: Array) -> tuple[float, float]:
        """Smallest and largest value, without the padding around the image (PS3.3 C.7.5.1.1.2)."""
        import numpy as np

        if self._options["bits_allocated"] == 1:
            return 0.0, 1.0
        kept = pixels
        padding = self._get("PixelPaddingValue")
        if isinstance(padding, int) and pixels.dtype.kind in "iu":
            kept = pixels[pixels != padding]
        if pixels.dtype.kind == "f":
            kept = pixels[np.isfinite(pixels)]
        return (float(kept.min()), float(kept.max())) if kept.size else (0.0, 1.0)

    # ------------------------------------------------------------------- grey
    def _windows(self, pixels: Array, index: int, low: float, high: float) -> tuple[Window, ...]:
        if pixels.ndim == 3:
            return (Window("As stored", high / 2, max(high, 1.0), is_plain=True),)
        found = list(self._own_windows(index))
        values = self._values(_as_array([low, high]), index)
        smallest, largest = float(values.min()), float(values.max())
        width = largest - smallest
        found.append(Window("Whole range", (smallest + largest) / 2, width if width > 0 else 1.0))
        return tuple(found)

    def _own_windows(self, index: int) -> Iterator[Window]:
        frames = [item for item in self._groups(index, "FrameVOILUTSequence") if "WindowCenter" in item]
        holder = frames[0] if frames else self._data
        try:
            centres, widths = _several(holder.get("WindowCenter")), _several(holder.get("WindowWidth"))
            names = _several(holder.get("WindowCenterWidthExplanation"))
            function = str(holder.get("VOILUTFunction") or "LINEAR")
            function = function if function in ("LINEAR", "LINEAR_EXACT", "SIGMOID") else "LINEAR"
            for place, (centre, width) in enumerate(zip(centres, widths, strict=False)):
                name = printable(str(names[place]), 40) if place < len(names) and names[place] else ""
                least = 1.0 if function == "LINEAR" else 1e-6
                yield Window(
                    name or ("Window" if len(centres) == 1 else f"Window {place + 1}"),
                    float(centre),
                    max(float(width), least),
                    function,
                )
        except (TypeError, ValueError):
            pass
        tables = self._get("VOILUTSequence")
        for place, item in enumerate(tables or ()):
            explanation = printable(str(item.get("LUTExplanation") or ""), 40)
            yield Window(explanation or f"Table {place + 1}", function="LUT", lut=place)

    def _values(self, stored: Array, index: int) -> Array:
        """Modality values of stored ones (PS3.3 C.11.1)."""
        import numpy as np

        sequence = self._get("ModalityLUTSequence")
        if sequence:
            table, first = self._item_table(sequence[0])
            looked_up: Array = table[np.clip(stored.astype(np.int64) - first, 0, len(table) - 1)].astype(np.float64)
            return looked_up
        slope, intercept = self._rescale(index)
        values: Array = stored.astype(np.float64)
        return values * slope + intercept if (slope, intercept) != (1.0, 0.0) else values

    def _rescale(self, index: int) -> tuple[float, float]:
        holder = next(iter(self._groups(index, "PixelValueTransformationSequence")), self._data)
        try:
            return float(holder.get("RescaleSlope") or 1.0), float(holder.get("RescaleIntercept") or 0.0)
        except (TypeError, ValueError):
            return 1.0, 0.0

    def _item_table(self, item: Dataset) -> tuple[Array, int]:
        descriptor = [int(number) for number in item.LUTDescriptor]
        table = _table(item["LUTData"].value, descriptor[0], self._tree.encoding.little_endian)
        return table, _signed(descriptor[1], self._options)

    def value_at(self, frame: Frame, column: int, row: int) -> str:
        """What is stored at a pixel, in words."""
        pixel = frame.pixels[row, column]
        if frame.pixels.ndim == 3:
            return " ".join(str(part) for part in pixel)
        value = float(self._values(_as_array([pixel]), frame.index)[0])
        unit = f" {self.facts.unit}" if self.facts.unit else ""
        return f"{value:.10g}{unit}"

    def render(self, frame: Frame, window: Window, *, inverted: bool = False) -> list[Level]:
        """The frame through a window, whole and then by halves, for drawing it small.

        Raises:
            PictureError: The object's own table cannot be read.
        """
        import numpy as np

        pixels = frame.pixels
        invert = inverted is not frame.inverted
        if pixels.ndim == 3 and pixels.dtype == np.uint8 and window == frame.windows[0] and not inverted:
            shown = pixels
        else:
            try:
                shown = self._grey(frame, window, invert if pixels.ndim == 2 else inverted)
            except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
                raise PictureError(f"{window.name} cannot be used: {printable(str(error), 200)}") from error
        levels = [_level(shown)]
        while max(shown.shape[:2]) > _SMALLEST_LEVEL and min(shown.shape[:2]) > 1:
            shown = _halved(shown)
            levels.append(_level(shown))
        return levels

    def _grey(self, frame: Frame, window: Window, invert: bool) -> Array:
        import numpy as np

        pixels = frame.pixels

        def shade(stored: Array) -> Array:
            values = self._values(stored, frame.index) if pixels.ndim == 2 else stored.astype(np.float64)
            grey = self._through(values, window)
            return 255 - grey if invert else grey

        if pixels.dtype.kind in "iub":
            lowest, highest = int(pixels.min()), int(pixels.max())
            if highest - lowest < _LARGEST_TABLE:
                table = shade(np.arange(lowest, highest + 1, dtype=np.int64))
                return _looked_up(table, pixels, lowest)
        shown = np.empty(pixels.shape, np.uint8)
        for strip in _strips(pixels):
            shown[strip] = shade(pixels[strip])
        return shown

    def _through(self, values: Array, window: Window) -> Array:
        """Values as 0 to 255 (PS3.3 C.11.2)."""
        import numpy as np

        centre, width = window.centre, window.width
        match window.function:
            case "LUT":
                item = self._data.VOILUTSequence[window.lut]
                table, first = self._item_table(item)
                bits = int(item.LUTDescriptor[2])
                most = (1 << bits) - 1 if 0 < bits <= 16 else int(table.max()) or 1
                grey = table[np.clip(values.astype(np.int64) - first, 0, len(table) - 1)] / most
            case "SIGMOID":
                grey = 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700)))
            case "LINEAR" if width > 1:
                grey = (values - (centre - 0.5)) / (width - 1) + 0.5
            case "LINEAR":
                grey = (values > centre - 0.5).astype(np.float64)
            case _:
                grey = (values - centre) / width + 0.5
        shown: Array = (np.clip(grey, 0, 1) * 255 + 0.5).astype(np.uint8)
        return shown

    # ------------------------------------------------------------------- overlays
    def _overlay_groups(self) -> list[int]:
        groups = range(0x6000, 0x6020, 2)
        return [group for group in groups if (group, 0x3000) in self._data and (group, 0x0010) in self._data]

    def overlays(self, index: int) -> Level | None:
        """The overlay planes of a frame (PS3.3 C.9.2) as one plane of 0 and 255, None when there are none to show."""
        import numpy as np
        from pydicom.overlays.numpy_handler import get_overlay_array

        rows, columns = self.facts.rows, self.facts.columns
        shown = np.zeros((rows, columns), np.uint8)
        with self._lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for group in self._overlay_groups():
                try:
                    plane = get_overlay_array(self._data, group)
                    origin = self._data.get((group, 0x0050))
                    top, left = (int(number) - 1 for number in origin.value) if origin is not None else (0, 0)
                    first = self._data.get((group, 0x0051))
                    if plane.ndim == 3:
                        place = index - (int(first.value) - 1 if first is not None else 0)
                        if not 0 <= place < len(plane):
                            continue
                        plane = plane[place]
                except Exception:
                    # a damaged overlay is not worth losing the picture for
                    continue
                from_row, from_column = max(-top, 0), max(-left, 0)
                top, left = max(top, 0), max(left, 0)
                plane = plane[from_row : from_row + rows - top, from_column : from_column + columns - left]
                if plane.size:
                    area = shown[top : top + plane.shape[0], left : left + plane.shape[1]]
                    area[plane != 0] = 255
        return _level(shown) if shown.any() else None


# --------------------------------------------------------------------------- reading
def _pixel_element(found: DicomObject) -> tuple[DataSetTree, Element, str]:
    """Where the pixels lie."""
    try:
        tree = tree_of(found.source, found.transfer_syntax)
    except ValueError as error:
        raise PictureError(str(error)) from error
    rest = ""
    for element in tree.top():
        if element.tag == _PIXEL_DATA or element.tag in _PIXELS:
            if not element.size:
                raise PictureError("Its pixel data is empty.")
            return tree, element, _PIXELS.get(element.tag, "PixelData")
        if element.kind == "rest":
            rest = element.problem or element.missing
    if any(element.tag == (0x0028, 0x7FE0) for element in tree.top()):
        raise PictureError("Its pixels are elsewhere: it has a Pixel Data Provider URL.")
    if rest:
        raise PictureError(f"No pixel data as far as it can be read: {rest}.")
    what = uid_name(found.sop_class_uid)
    raise PictureError(f"No pixel data: this is no image{f' ({what})' if what else ''}.")


def _header(found: DicomObject) -> Dataset:
    """All elements before the pixels."""
    from pydicom import dcmread
    from pydicom.uid import UID

    with warnings.catch_warnings(), found.open() as file:
        warnings.simplefilter("ignore")
        try:
            data: Dataset = dcmread(file, stop_before_pixels=True, force=True)
        except Exception as error:
            # pydicom raises nearly anything for damaged data sets
            raise PictureError(f"Its elements cannot be read: {printable(str(error), 200)}") from error
    if "TransferSyntaxUID" not in data.file_meta:
        data.file_meta.TransferSyntaxUID = UID(found.transfer_syntax)
    return data


def _several(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if not isinstance(value, str) and hasattr(value, "__iter__") else [value]


def _table(value: Any, count: int, little_endian: bool) -> Array:
    """The entries of a lookup table, of bytes or of words."""
    import numpy as np

    count = count or 1 << 16
    if isinstance(value, bytes):
        if len(value) >= 2 * count:
            table = np.frombuffer(value, "<u2" if little_endian else ">u2")
        else:
            table = np.frombuffer(value, np.uint8)
    else:
        table = np.asarray(value if hasattr(value, "__iter__") else [value], dtype=np.int64)
    if not len(table):
        raise ValueError("it has no entries")
    kept: Array = table[:count].astype(np.int64)
    return kept


def _signed(first: int, options: dict[str, Any]) -> int:
    """First value mapped, which is signed when the pixels are and often is not encoded so."""
    return first - (1 << 16) if options.get("pixel_representation") and first > 0x7FFF else first


def _full_scale(pixels: Array, options: dict[str, Any]) -> int:
    """The largest value of colours."""
    if pixels.dtype.itemsize == 1:
        return 255
    bits = min(int(options.get("bits_stored") or 16), 8 * pixels.dtype.itemsize)
    return int((1 << bits) - 1)


def _as_array(numbers: list[Any]) -> Array:
    import numpy as np

    return np.asarray(numbers)


def _strips(pixels: Array) -> Iterator[slice]:
    """Rows of an image in strips that fit the processor's cache better than all of it."""
    rows = max(_STRIP // max(pixels.shape[1], 1), 1)
    for row in range(0, pixels.shape[0], rows):
        yield slice(row, row + rows)


def _looked_up(table: Array, pixels: Array, lowest: int) -> Array:
    """Grey levels from a table whose first entry is for the lowest value."""
    import numpy as np

    shown = np.empty(pixels.shape, np.uint8)
    for strip in _strips(pixels):
        places = pixels[strip].astype(np.intp)
        if lowest:
            places -= lowest
        np.take(table, places, out=shown[strip], mode="clip")
    return shown


def _level(shown: Array) -> Level:
    import numpy as np

    return Level(shown.shape[1], shown.shape[0], 3 if shown.ndim == 3 else 1, np.ascontiguousarray(shown).tobytes())


def _halved(shown: Array) -> Array:
    """Half as wide and high, each pixel the mean of four."""
    import numpy as np

    height, width = shown.shape[0] // 2 * 2, shown.shape[1] // 2 * 2
    lines = np.add(shown[0:height:2, :width], shown[1:height:2, :width], dtype=np.uint16)
    total = lines[:, 0::2] + lines[:, 1::2]
    total += 2
    total >>= 2
    halved: Array = total.astype(np.uint8)
    return halved
