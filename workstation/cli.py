"""The command line: what can be asked of one run, read and checked before anything else is loaded.

A value that cannot be gets a sentence on standard error and exit status 2, as argparse does for everything else.
Knows nothing of the window; importing it is cheap, so that `--version` and mistakes answer at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from workstation import __version__
from workstation.peers import Peer, check_ae_title, check_host, check_port, parse_peer
from workstation.settings import ServerSettings

T = TypeVar("T")

PROGRAM = "dicom-workstation"


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

    def applied_to(self, settings: ServerSettings) -> ServerSettings:
        """The server settings of this run."""
        return replace(
            settings,
            # An address on the command line asks for a server, whatever the settings say.
            enabled=settings.enabled or self.scp_port is not None,
            host=self.scp_host or settings.host,
            port=self.scp_port or settings.port,
            ae_title=self.scp_ae_title or settings.ae_title,
        )


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line (`sys.argv` if None); exits with 0 after --version and --help, 2 after a mistake."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.no_scp and (given.scp or given.scp_aet):
        parser.error("--no-scp says not to run the built-in server, --scp and --scp-aet how to: give one of them.")
    if given.no_scp and given.demo:
        parser.error("--demo plays with the built-in server: leave --no-scp out.")
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
    )


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


def _sentence(read: Callable[[str], T]) -> Callable[[str], T]:
    """Let argparse show the sentence of a ValueError instead of its own."""

    def checked(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return checked
