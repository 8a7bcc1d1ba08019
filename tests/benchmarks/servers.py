"""The servers that are measured: started for one work, looked at from outside, ended.

To add one: a name, and a line in `_STARTERS`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import peers
from dcmtk_library import NotBuiltError, dcmtk_peer
from python_peer import ServerOptions, arguments

HERE = Path(__file__).resolve().parent

OURS, BUILT_IN, DCMTK, ORTHANC, PYNETDICOM = "ours", "built-in", "DCMTK", "Orthanc", "pynetdicom"
DCMTK_PLAIN, DCMTK_FORK, DCMTK_LIBRARY, DCMQRSCP = "DCMTK, decoding", "DCMTK --fork", "DCMTK library", "dcmqrscp"
PACKAGES = {OURS: "workstation.net", PYNETDICOM: "pynetdicom"}
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a server is set up for a work."""

    folder: Path
    """Where it keeps what it gets; empty, or what an earlier server left."""
    max_pdu: int = 131072
    durable: bool = False
    objects: Path | None = None
    """What a bare Python server has for C-GET and C-MOVE."""
    matches: int = 0
    """How many answers a server without an archive gives to a C-FIND."""
    destination: int = 0
    """Port of the AE title STORE, for C-MOVE."""
    recording: bool = False


class Server:
    """A running server."""

    def __init__(self, kind: str, process: subprocess.Popen[str], port: int, ae_title: str = "BENCH") -> None:
        self.kind, self.port, self.ae_title = kind, port, ae_title
        self._group = process.pid
        self._idle = 0

    def cpu(self) -> float:
        """CPU seconds so far, of all its processes and those that have ended."""
        total = 0.0
        for pid in self._pids():
            with contextlib.suppress(OSError):
                total += cpu_of(pid)
                if pid == self._group:
                    # cutime and cstime, of its dead children: proc(5), fields 16 and 17
                    total += sum(map(int, _stat(pid)[13:15])) / _TICKS
        return total

    def rest(self) -> None:
        """Remember its memory as that of an idle server; the peak begins anew."""
        for pid in self._pids():
            with contextlib.suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")
        self._idle = self._memory("VmRSS")

    def risen(self) -> int:
        """Bytes of memory that it had at most over those at rest."""
        return self._memory("VmHWM") - self._idle

    def peak(self) -> int:
        """Bytes of memory at most; what forked processes share is counted once."""
        pids = self._pids()
        if len(pids) == 1:
            return self._memory("VmHWM")
        return sum(_kib(Path(f"/proc/{pid}/smaps_rollup"), "Pss") for pid in pids)

    def _memory(self, what: str) -> int:
        return sum(_kib(Path(f"/proc/{pid}/status"), what) for pid in self._pids())

    def _pids(self) -> list[int]:
        """Its processes: it is the leader of a group of its own."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with contextlib.suppress(OSError):
                    if int(_stat(int(entry.name))[2]) == self._group:
                        found.append(int(entry.name))
        return found


def cpu_of(pid: int) -> float:
    """CPU seconds of a process so far, to the nanosecond: clock_getcpuclockid(3), which Python does not have."""
    return time.clock_gettime(~pid << 3 | 2)


def _stat(pid: int) -> list[str]:
    """/proc/PID/stat from its third field on: the second may have spaces in it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _kib(path: Path, what: str) -> int:
    with contextlib.suppress(OSError):
        for line in path.read_text().splitlines():
            if line.startswith(f"{what}:"):
                return int(line.split()[1]) * 1024
    return 0


def program(name: str) -> str | None:
    """The path of a peer's program, or None."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")


def missing(kind: str) -> str:
    """Why a kind of server or client cannot be had here; empty if it can."""
    if kind == DCMTK_LIBRARY:
        try:
            dcmtk_peer()
        except NotBuiltError as error:
            return str(error)
    if kind in (DCMTK, DCMTK_PLAIN, DCMTK_FORK, DCMQRSCP) and program("storescp") is None:
        return "DCMTK is not installed"
    if kind == ORTHANC and program("Orthanc") is None:
        return "Orthanc is not installed"
    return ""


@contextmanager
def running(kind: str, setting: Setting) -> Iterator[Server]:
    """A server from its first answer to the end of the block."""
    setting.folder.mkdir(parents=True, exist_ok=True)
    with _STARTERS[kind](kind, setting) as server:
        yield server


@contextmanager
def _python(kind: str, setting: Setting) -> Iterator[Server]:
    options = ServerOptions(
        port=peers.port(),
        folder=str(setting.folder),
        objects=str(setting.objects or ""),
        matches=setting.matches,
        max_pdu=setting.max_pdu,
        destination=setting.destination,
        recording=setting.recording,
    )
    command = [sys.executable, HERE / "python_peer.py", PACKAGES[kind], "server", arguments(options)]
    with peers.process(command, options.port) as process:
        yield Server(kind, process, options.port)


@contextmanager
def _built_in(kind: str, setting: Setting) -> Iterator[Server]:
    """The whole test server with its archive, as other people's automatic tests run it."""
    port = peers.port()
    (setting.folder / "settings.toml").write_text(
        f"[archive]\ndurable = {str(setting.durable).lower()}\nminimum_free = 0\n"
    )
    profile = setting.folder / "bench.toml"
    profile.write_text(
        f'name = "Bench"\nae_title = "BENCH"\nport = {port}\nnetwork_timeout = 120\n'
        f"maximum_pdu_size = {setting.max_pdu}\nmaximum_associations = 1000\n"
    )
    command: list[object] = [sys.executable, "-m", "workstation", "--headless"]
    command += ["--data-dir", setting.folder, "--profile", profile]
    if setting.destination:
        command += ["--peer", f"STORE@127.0.0.1:{setting.destination}"]
    with peers.process(command, port) as process:
        yield Server(kind, process, port)


@contextmanager
def _storescp(kind: str, setting: Setting) -> Iterator[Server]:
    port = peers.port()
    command: list[object] = [program("storescp"), "-od", setting.folder, "-pdu", setting.max_pdu]
    command += {DCMTK: ["+B"], DCMTK_PLAIN: [], DCMTK_FORK: ["+B", "--fork"]}[kind]
    with peers.process([*command, port], port) as process:
        yield Server(kind, process, port)


@contextmanager
def _dcmqrscp(kind: str, setting: Setting) -> Iterator[Server]:
    """DCMTK's archive."""
    port = peers.port()
    data = setting.folder / "QR"
    data.mkdir(exist_ok=True)
    config = setting.folder / "dcmqrscp.cfg"
    config.write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = {setting.max_pdu}\nMaxAssociations = 16\n"
        f"HostTable BEGIN\nstore = (STORE, 127.0.0.1, {setting.destination})\nHostTable END\n"
        f"VendorTable BEGIN\nVendorTable END\nAETable BEGIN\nQR {data} RW (20, 1024mb) ANY\nAETable END\n"
    )
    with peers.process([program("dcmqrscp"), "-c", config, port], port) as process:
        yield Server(kind, process, port, "QR")


@contextmanager
def _library(kind: str, setting: Setting) -> Iterator[Server]:
    port = peers.port()
    with peers.process([dcmtk_peer(), "find-server", port, setting.matches], port) as process:
        yield Server(kind, process, port)


@contextmanager
def _orthanc(kind: str, setting: Setting) -> Iterator[Server]:
    started: list[subprocess.Popen[str]] = []
    modalities = {"STORE": setting.destination} if setting.destination else None
    with peers.orthanc(setting.folder, modalities, started.append) as port:
        yield Server(kind, started[0], port)


_STARTERS: dict[str, Callable[[str, Setting], contextlib.AbstractContextManager[Server]]] = {
    OURS: _python,
    BUILT_IN: _built_in,
    DCMTK: _storescp,
    DCMTK_PLAIN: _storescp,
    DCMTK_FORK: _storescp,
    DCMTK_LIBRARY: _library,
    DCMQRSCP: _dcmqrscp,
    ORTHANC: _orthanc,
    PYNETDICOM: _python,
}
