"""The command line: what can be asked of one run, read and checked before anything else is loaded.

A value that cannot be gets a sentence on standard error and exit status 2, as argparse does for everything else.
Knows nothing of the window; importing it is cheap, so that `--version` and mistakes answer at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from workstation import __version__
from workstation.peers import Peer, check_ae_title, check_host, check_port, parse_peer

if TYPE_CHECKING:
    from workstation.scp.profiles import Profile

T = TypeVar("T")

PROGRAM = "dicom-workstation"

# How a capture file begins: pcapng; pcap of microseconds and of nanoseconds, in both byte orders.
_CAPTURE_MAGIC = frozenset(map(bytes.fromhex, ("0a0d0d0a", "d4c3b2a1", "a1b2c3d4", "4d3cb2a1", "a1b23c4d")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line said."""

    data_dir: Path | None = None
    scp_host: str | None = None
    scp_port: int | None = None
    scp_ae_title: str | None = None
    peers: tuple[Peer, ...] = ()
    has_server: bool = True
    demo: bool = False
    screenshot: Path | None = None
    open: tuple[Path, ...] = ()
    capture: Path | None = None
    export: Path | None = None
    export_objects: Path | None = None

    headless: bool = False
    profiles: tuple[Path, ...] = ()

    @property
    def exports(self) -> bool:
        """Whether the run reads captures and writes files, without a window."""
        return self.export is not None or self.export_objects is not None

    def applied_to(self, profile: Profile) -> Profile:
        """The built-in server's profile in this run."""
        return replace(
            profile,
            # An address on the command line asks for a server, whatever the profile says.
            enabled=profile.enabled or self.scp_port is not None,
            host=self.scp_host or profile.host,
            port=self.scp_port or profile.port,
            ae_title=self.scp_ae_title or profile.ae_title,
        )


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line (`sys.argv` if None); exits with 0 after --version and --help, 2 after a mistake."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.no_scp and (given.scp or given.scp_aet):
        parser.error("--no-scp says not to run the built-in server, --scp and --scp-aet how to: give one of them.")
    if given.no_scp and given.demo:
        parser.error("--demo plays with the built-in server: leave --no-scp out.")
    _check_captures(parser, given)
    _check_headless(parser, given)
    host, port = given.scp or (None, None)
    return Options(
        data_dir=given.data_dir,
        scp_host=host,
        scp_port=port,
        scp_ae_title=given.scp_aet,
        peers=tuple(given.peer),
        has_server=not given.no_scp,
        demo=given.demo,
        screenshot=given.screenshot,
        open=tuple(given.open),
        capture=given.capture,
        export=given.export,
        export_objects=given.export_objects,
        headless=given.headless,
        profiles=tuple(given.profile),
    )


def _check_captures(parser: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    """End with a sentence when the arguments on capture files do not go together."""
    if given.export is not None or given.export_objects is not None:
        name = "--export" if given.export is not None else "--export-objects"
        if not given.open:
            parser.error(f"{name} says where to write what a capture holds: name the capture with --open.")
        others = ("demo", "screenshot", "capture", "scp", "scp_aet", "no_scp", "peer")
        for other in others:
            if getattr(given, other):
                parser.error(f"{name} opens no window and runs no server: leave --{other.replace('_', '-')} out.")
    for path in given.open:
        for name, written in (("--capture", given.capture), ("--export", given.export)):
            if written is not None and _same_file(path, written):
                parser.error(
                    f"{name} would write over the capture {str(path)!r} that is to be read: name another file."
                )


def _check_headless(parser: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    """End with a sentence when the arguments on servers without a window do not go together."""
    if given.profile and not given.headless:
        parser.error("--profile names the servers of a run without a window: add --headless.")
    if not given.headless:
        return
    for other in ("demo", "screenshot", "open", "export", "export_objects", "no_scp"):
        if getattr(given, other):
            parser.error(f"--headless runs servers and opens no window: leave --{other.replace('_', '-')} out.")
    if len(given.profile) > 1 and (given.scp or given.scp_aet):
        parser.error("--scp and --scp-aet are of one server: give one --profile, or write them into the profiles.")


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="One window to ask, answer and see DICOM.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--data-dir",
        type=_sentence(_folder),
        metavar="DIR",
        help="folder for everything the program writes: settings, peers, archive (default: the system's)",
    )
    parser.add_argument(
        "--scp",
        type=_sentence(parse_address),
        metavar="HOST:PORT",
        help="where the built-in server listens in this run (default: 127.0.0.1:11112)",
    )
    parser.add_argument(
        "--scp-aet",
        type=_sentence(check_ae_title),
        metavar="AET",
        help="AE title of the built-in server in this run (default: WORKSTATION)",
    )
    parser.add_argument(
        "--peer",
        type=_sentence(parse_peer),
        action="append",
        default=[],
        metavar="AET@HOST:PORT",
        help="a peer for this run, which is a destination of C-MOVE as well; may be given several times",
    )
    parser.add_argument("--no-scp", action="store_true", help="do not run the built-in server")
    parser.add_argument(
        "--demo",
        action="store_true",
        help="play echo, store, query and retrieve between the built-in client and server, in the window",
    )
    parser.add_argument(
        "--screenshot",
        type=_sentence(_picture),
        metavar="FILE",
        help="save a picture (.png) of the window, after the demo if there is one, and end",
    )
    parser.add_argument(
        "--open",
        type=_sentence(_existing_file),
        action="append",
        default=[],
        metavar="FILE",
        help="open a capture (pcap or pcapng) beside the live traffic; may be given several times",
    )
    parser.add_argument(
        "--capture",
        type=_sentence(_capture),
        metavar="FILE",
        help="record all associations of this run, from its start, as pcapng that Wireshark opens",
    )
    parser.add_argument(
        "--export",
        type=_sentence(_written_file),
        metavar="FILE.json",
        help="with --open: write each PDU of the captures with its fields as JSON, without a window, and end",
    )
    parser.add_argument(
        "--export-objects",
        type=_sentence(_folder),
        metavar="DIR",
        help="with --open: write the DICOM objects in the captures as files, without a window, and end",
    )
    parser.add_argument(
        "--headless",
        action="store_true",
        help="run the test servers without a window, log on standard output, until Ctrl+C or SIGTERM",
    )
    parser.add_argument(
        "--profile",
        type=_sentence(_existing_file),
        action="append",
        default=[],
        metavar="FILE",
        help="with --headless: a server's profile (TOML); may be given several times (default: the built-in server's)",
    )
    parser.add_argument("--version", action="version", version=f"DICOM Workstation {__version__}")
    return parser


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`; an IPv6 address goes in brackets.

    Raises:
        ValueError: With a sentence that says what is wrong.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not host or (":" in host and not host.startswith("[")):
        raise ValueError(f"{text!r} is no address: write HOST:PORT, such as 127.0.0.1:11112 or [::1]:11112.")
    return check_host(host), check_port(port)


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        # A "~name" of nobody.
        raise ValueError(f"{text!r} begins with the home folder of a user who does not exist.") from None


def _looked_at(text: str, question: Callable[[], bool]) -> bool:
    """What the system answers about a path; ValueError with a sentence if it does not let us ask."""
    try:
        return question()
    except OSError as error:
        raise ValueError(f"{text!r} cannot be used: {error.strerror or error}.") from None


def _folder(text: str) -> Path:
    folder = _path(text)
    if _looked_at(text, folder.exists) and not folder.is_dir():
        raise ValueError(f"{text!r} is a file: give a folder, which need not exist yet.")
    return folder


def _picture(text: str) -> Path:
    path = _path(text)
    if path.suffix.lower() != ".png":
        raise ValueError(f"{text!r} does not end in .png: the picture is a PNG file.")
    if not _looked_at(text, path.absolute().parent.is_dir):
        raise ValueError(f"The folder of {text!r} does not exist: make it first, or name another.")
    return path


def _existing_file(text: str) -> Path:
    path = _path(text)
    if not _looked_at(text, path.exists):
        raise ValueError(f"There is no file {text!r}.")
    if path.is_dir():
        raise ValueError(f"{text!r} is a folder: give a file.")
    return path


def _written_file(text: str) -> Path:
    path = _path(text)
    if not _looked_at(text, path.absolute().parent.is_dir):
        raise ValueError(f"The folder of {text!r} does not exist: make it first, or name another.")
    if path.is_dir():
        raise ValueError(f"{text!r} is a folder: give the file to write.")
    return path


def _capture(text: str) -> Path:
    path = _written_file(text)
    # A slip of the hand must not cost a file that is something else; an old capture is written over, as tcpdump does.
    if path.is_file() and path.stat().st_size and not _looked_at(text, lambda: _is_capture(path)):
        raise ValueError(f"{text!r} is there and is no capture: it is not written over. Name another file.")
    return path


def _is_capture(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in _CAPTURE_MAGIC


def _sentence(read: Callable[[str], T]) -> Callable[[str], T]:
    """Let argparse show the sentence of a ValueError instead of its own."""

    def checked(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return checked
