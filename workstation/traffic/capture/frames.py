"""Capture files to TCP segments: pcap and pcapng, plain or compressed with gzip, with what is wrong with them said.

The file is read in blocks of a megabyte and never held as a whole. A damaged place is passed over: the next record that
looks like one, with another behind it, is where reading goes on. dpkt's readers are not used for this: they stop at the
first damage, and know neither several interfaces nor how long a frame was before it was cut.

pcap: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-06.html
pcapng: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from itertools import pairwise
from operator import attrgetter, sub
from pathlib import Path
from typing import BinaryIO, Final

from workstation.traffic.capture.packets import PacketReader, Segment
from workstation.traffic.capture.pcap_reading import PCAP_FORMS, PcapReader
from workstation.traffic.capture.pcapng_reading import PcapngReader
from workstation.traffic.capture.window import Window
from workstation.traffic.text import printable, quantity

__all__ = ["CaptureError", "CaptureFile"]

_PCAPNG_MAGIC: Final = bytes.fromhex("0a0d0d0a")
_GZIP_MAGIC: Final = bytes.fromhex("1f8b")
# What people have and Wireshark can turn into pcapng, or they can unpack.
_OTHER_KINDS: Final = {
    b"snoop\0\0\0": "a snoop capture (Solaris); Wireshark can save it as pcapng",
    b"GMBU": "a Network Monitor capture; Wireshark can save it as pcapng",
    b"RTSS": "a Network Monitor capture; Wireshark can save it as pcapng",
    b"TRSNIFF data": "a Sniffer capture; Wireshark can save it as pcapng",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; unpack it first",
    b"\x04\x22\x4d\x18": "compressed with lz4; unpack it first",
    b"\xfd7zXZ\0": "compressed with xz; unpack it first",
    b"BZh": "compressed with bzip2; unpack it first",
    b"PK\x03\x04": "a ZIP archive; unpack it first",
}
# Frames held back to put those in order that a capture with several queues wrote a moment too late.
_HELD_BACK: Final = 256
# A clock that goes back further than this was set, or another capture begins: that is left as it is.
_CLOCK_SET: Final = 1.0


class CaptureError(ValueError):
    """The file is no capture, or cannot be opened; the message is a sentence for a person."""


class CaptureFile:
    """An open capture file.

    Attributes:
        kind: what it is, in words.
        size: bytes of the file.
        packets: what reads the frames, and its counts.
    """

    def __init__(self, path: Path) -> None:
        """Open a file.

        Raises:
            CaptureError: It cannot be opened, or is no capture.
        """
        self.name = printable(path.name)
        self.packets = PacketReader()
        self._problems: list[str] = []
        try:
            # A pipe would keep us waiting for its other end, and nobody could make us stop.
            if path.exists() and not path.is_file() and not path.is_dir():
                raise OSError("it is a pipe or a device, not a file")
            self._raw: BinaryIO = path.open("rb")
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
            raise CaptureError(f"{self.name} cannot be opened: {_reason(error)}") from error
        try:
            self.size = path.stat().st_size
            self._reader, self.kind = self._begin()
        except (OSError, EOFError, zlib.error) as error:
            self.close()
            raise CaptureError(f"{self.name} cannot be read: {_reason(error)}") from error
        except CaptureError:
            self.close()
            raise

    def _begin(self) -> tuple[PcapReader | PcapngReader, str]:
        start = self._raw.read(12)
        self._raw.seek(0)
        file: BinaryIO = self._raw
        packed = ""
        if start.startswith(_GZIP_MAGIC):
            file = gzip.GzipFile(fileobj=self._raw, mode="rb")  # type: ignore[assignment]
            start = file.read(12)
            file.seek(0)
            packed = ", compressed with gzip"
        form = PCAP_FORMS.get(start[:4])
        if form is not None:
            accuracy = ", nanoseconds" if form.nanoseconds else ""
            return PcapReader(Window(file), form, self.packets), f"pcap{accuracy}{packed}"
        if start[:4] == _PCAPNG_MAGIC:
            return PcapngReader(Window(file), self.packets), f"pcapng{packed}"
        raise CaptureError(self._refusal(start))

    def _refusal(self, start: bytes) -> str:
        if not start:
            return f"{self.name} is empty"
        for beginning, kind in _OTHER_KINDS.items():
            if start.startswith(beginning):
                return f"{self.name} is {kind}"
        return f"{self.name} is no pcap or pcapng file: it begins with {start[:4].hex(' ')}"

    def close(self) -> None:
        """Close the file."""
        self._raw.close()

    @property
    def position(self) -> int:
        """How many bytes of the file have been read."""
        return self._raw.tell()

    @property
    def frames(self) -> int:
        """How many frames have been read."""
        return self._reader.frames

    @property
    def truncated(self) -> bool:
        """Whether the file ends before its last record does."""
        return self._reader.truncated

    @property
    def problems(self) -> list[str]:
        """Sentences on what is wrong with the file and what of its frames cannot be read."""
        packets = self.packets
        found = [*self._reader.problems, *self._problems]
        for link, count in sorted(packets.unknown_links.items()):
            found.append(f"Link type {link} cannot be read: {quantity(count, 'frame')}.")
        if packets.fragments:
            found.append(f"IP fragments are not put together: {packets.fragments:,}; their bytes are missing.")
        if packets.malformed:
            found.append(f"{quantity(packets.malformed, 'frame')} with an impossible or cut IP or TCP header.")
        if packets.cut:
            found.append(f"Cut when they were captured (snapshot length): {quantity(packets.cut, 'frame')}.")
        return found

    def segments(self) -> Iterator[list[Segment]]:
        """The TCP segments in batches of about a megabyte, small disorder of time mended."""
        return _in_order(self._guarded())

    def _guarded(self) -> Iterator[list[Segment]]:
        try:
            yield from self._reader.batches()
        except (OSError, EOFError, zlib.error) as error:
            # A disk that fails, a compressed file that was cut: what came before stands.
            self._reader.truncated = True
            self._problems.append(f"The file cannot be read beyond frame {self.frames:,}: {_reason(error)}.")


def _reason(error: BaseException) -> str:
    return printable(getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")


def _in_order(batches: Iterator[list[Segment]]) -> Iterator[list[Segment]]:
    waiting: list[Segment] = []
    for batch in batches:
        waiting = waiting + batch if waiting else batch
        times = [segment.time for segment in waiting]
        if times and min(map(sub, times[1:], times), default=0.0) < 0:
            waiting = _sorted(waiting, times)
        yield waiting[:-_HELD_BACK]
        waiting = waiting[-_HELD_BACK:]
    yield waiting


def _sorted(segments: list[Segment], times: list[float]) -> list[Segment]:
    pieces = [0]
    pieces += [at for at in range(1, len(times)) if times[at] - times[at - 1] < -_CLOCK_SET]
    pieces.append(len(times))
    ordered: list[Segment] = []
    for start, end in pairwise(pieces):
        ordered += sorted(segments[start:end], key=attrgetter("time"))
    return ordered
