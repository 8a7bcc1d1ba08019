"""Decoding compressed frames in a process of their own, which a damaged stream may end without ending this one.

The process is started with the first compressed picture, serves all that follow, and ends with this program. Only
numbers come back from it; what they mean is checked.
"""

from __future__ import annotations

import atexit
import json
import logging
import subprocess
import sys
import threading
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_log = logging.getLogger(__name__)

PROGRAM: Final = "workstation.ui.viewers.data_set.decoder_program"
# Far longer than the largest frame takes; a damaged stream can keep a decoder busy for ever.
PATIENCE: Final = 30.0
_TYPES: Final = frozenset({"|u1", "|i1", "<u2", "<i2", "<u4", "<i4", ">u2", ">i2", ">u4", ">i4", "|b1"})


# GDCM takes everything and crashes over much; where there is another decoder that one goes first.
_PLUGINS: Final = {
    **dict.fromkeys(("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"), ("pyjpegls", "gdcm")),
    **dict.fromkeys(("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"), ("pylibjpeg", "gdcm")),
}


class DecodingError(Exception):
    """Why a frame could not be decoded."""


class DecoderProcess:
    """Decodes frames, one at a time; any thread.

    Args:
        patience: Seconds after which a frame is given up.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._lock = threading.Lock()  # guards the process and its pipes: one question at a time
        self._process: subprocess.Popen[bytes] | None = None

    def decode(self, syntax: str, options: dict[str, Any], encoded: bytes) -> tuple[Array, str]:
        """The pixels of a frame, and their photometric interpretation.

        Raises:
            DecodingError: It cannot be decoded, or ended its decoder.
        """
        first: DecodingError | None = None
        for plugin in _PLUGINS.get(syntax, ("",)):
            request = {"syntax": syntax, "plugin": plugin, "options": options, "length": len(encoded)}
            try:
                return self._decode(request, encoded)
            except DecodingError as error:
                first = first or error
        assert first is not None
        raise first

    def _decode(self, request: dict[str, Any], encoded: bytes) -> tuple[Array, str]:
        with self._lock:
            process = self._running()
            timer = threading.Timer(self._patience, process.kill)
            timer.name = "workstation-decoder-patience"
            timer.daemon = True
            timer.start()
            try:
                head, data = _ask(process, json.dumps(request).encode() + b"\n", encoded)
            except (OSError, ValueError) as error:
                was_late = not timer.is_alive()
                self._end()
                if was_late:
                    raise DecodingError(f"The decoder did not end in {self._patience:g} s and was stopped.") from error
                _log.info("A decoder ended while it decoded a frame in %s", request["syntax"])
                raise DecodingError("The compressed data is damaged: its decoder crashed over it.") from error
            finally:
                timer.cancel()
        if "error" in head:
            raise DecodingError(str(head["error"]))
        return _pixels(head, data, request["options"])

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                [sys.executable, "-m", PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # The libraries print what they think of a stream.
                stderr=subprocess.DEVNULL,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    # a question that was never read is still in the pipe
                    continue
        process.wait()


@cache
def shared_decoder() -> DecoderProcess:
    """The one that all pictures share; ends with the program."""
    decoder = DecoderProcess()
    atexit.register(decoder.close)
    return decoder


def _ask(process: subprocess.Popen[bytes], question: bytes, encoded: bytes) -> tuple[dict[str, Any], bytes]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(question)
    process.stdin.write(encoded)
    process.stdin.flush()
    line = process.stdout.readline(1 << 16)
    if not line.endswith(b"\n"):
        raise ValueError("no answer")
    head: dict[str, Any] = json.loads(line)
    length = int(head["length"])
    data = process.stdout.read(length)
    if len(data) != length:
        raise ValueError("half an answer")
    return head, data


def _pixels(head: dict[str, Any], data: bytes, options: dict[str, Any]) -> tuple[Array, str]:
    """The pixels of an answer, if it is one."""
    import numpy as np

    size = [options["rows"], options["columns"]]
    shape = head["shape"]
    if head["type"] not in _TYPES or shape not in (size, [*size, options["samples_per_pixel"]]):
        raise DecodingError("The decoder's answer is not a frame of this image.")
    pixels: Array = np.frombuffer(data, np.dtype(head["type"])).reshape(shape)
    return pixels, str(head["photometric"])
