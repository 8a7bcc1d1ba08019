"""The process in which compressed frames are decoded: `python -m workstation.ui.viewers.data_set.decoder_program`.

The libraries that decode are C and C++; some of them end the process they run in when a stream is damaged, and a
program that shows what peers send must outlive that. It answers one request after the other, until its input ends.

A request is a line of JSON, `{"syntax", "plugin", "options", "length"}`, and so many bytes of one compressed frame. The
answer is a line of JSON, `{"shape", "type", "photometric", "length"}` or `{"error"}`, and so many bytes of pixels.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_JPEG_EXTENDED: Final = "1.2.840.10008.1.2.4.51"
# What a frame, its compressed form and what decoding needs beside them may take together.
_MEMORY: Final = 4 << 30


def decode(syntax: str, plugin: str, options: dict[str, Any], encoded: bytes) -> tuple[Array, str]:
    """The pixels of one frame, and their photometric interpretation; raises nearly anything.

    Args:
        syntax: Transfer syntax UID.
        plugin: pydicom's name of the decoder to use, "" for any.
        options: What pydicom's decoders want to know of the image.
        encoded: The frame.
    """
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    if syntax == _JPEG_EXTENDED and options.get("bits_stored", 8) > 8:
        return _extended(options, encoded), str(options["photometric_interpretation"])
    source = encapsulate([encoded], has_bot=False)
    settings = {**options, "number_of_frames": 1, "transfer_syntax_uid": UID(syntax)}
    pixels, meta = get_decoder(syntax).as_array(source, index=0, decoding_plugin=plugin, **settings)
    return pixels, str(meta.get("photometric_interpretation", options["photometric_interpretation"]))


def _extended(options: dict[str, Any], encoded: bytes) -> Array:
    """A frame of JPEG with 12 bits, which pydicom's decoders leave out and GDCM itself can read."""
    import gdcm  # type: ignore[import-untyped]
    import numpy as np

    if options["samples_per_pixel"] != 1 or options["bits_allocated"] != 16:
        raise ValueError("JPEG of 12 bits is shown for grey scale of 16 bits allocated only")
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((options["columns"], options["rows"], 1))
    stored, sign = options["bits_stored"], options["pixel_representation"]
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, stored, stored - 1, sign))
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGExtendedProcess2_4))
    fragment, fragments = gdcm.Fragment(), gdcm.SequenceOfFragments.New()
    fragment.SetByteStringValue(encoded)
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image.SetDataElement(element)
    # Its bytes come as text with each byte that is none escaped.
    found = image.GetBuffer().encode("utf-8", "surrogateescape")
    pixels: Array = np.frombuffer(found, np.int16 if sign else np.uint16).reshape(options["rows"], options["columns"])
    return pixels


def _answer(request: dict[str, Any], encoded: bytes) -> tuple[dict[str, Any], bytes]:
    import numpy as np

    try:
        pixels, photometric = decode(request["syntax"], request["plugin"], request["options"], encoded)
    except BaseException as error:
        # Decoders of other projects, fed with the bytes of strangers. One written in Rust panics with an exception
        # that is no Exception.
        return {"error": str(error) or type(error).__name__, "length": 0}, b""
    data = np.ascontiguousarray(pixels).tobytes()
    shape, kind = list(pixels.shape), pixels.dtype.newbyteorder("=").str
    return {"shape": shape, "type": kind, "photometric": photometric, "length": len(data)}, data


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer until there are no more requests."""
    while line := source.readline():
        request = json.loads(line)
        head, data = _answer(request, source.read(request["length"]))
        sink.write(json.dumps(head).encode() + b"\n")
        sink.write(data)
        sink.flush()


def main() -> None:
    """Serve standard input and output, which nobody else may write to."""
    try:
        import resource
    except ImportError:  # Windows
        pass
    else:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    warnings.simplefilter("ignore")
    # What a library prints must not come between the answers.
    sink = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, sink)


if __name__ == "__main__":
    main()
