"""The test servers without a window, as in other people's automatic tests: `--headless [--profile FILE]...`.

Archive, ledger, rules and scripts are the window's; the log goes to standard output, mistakes to standard error. A
profile that changes on disk is read again: what is wrong in it is said, and what was in force before stays. SIGTERM
and Ctrl+C end all associations and the run, with exit status 0. Never imports Qt.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from workstation.cli import Options
from workstation.message_log import MessageLog, message_log
from workstation.paths import DataDir
from workstation.peers import AddressBook
from workstation.scp.profiles import Profile, ProfileFile, ProfileFolder, read_profile
from workstation.scp.rules.foreign import scripts_of
from workstation.scp.rules.occasion import Occasion
from workstation.scp.server import Destinations, TestServer, TlsError
from workstation.scp.servers import Servers, open_servers
from workstation.settings import SettingsFile
from workstation.traffic.capture.recording import CaptureRecorder
from workstation.traffic.text import endpoint, printable

_log = logging.getLogger("workstation.headless")

_LOOK = 1.0  # seconds between two looks at the profiles' files
_NOT_THERE = (0, 0)


@dataclass(slots=True)
class _Watched:
    """A server with the file of its profile."""

    server: TestServer
    file: ProfileFile
    stamp: tuple[int, int]


def serve(options: Options) -> int:
    """Run the servers until the process is told to end; returns the exit status."""
    with _logging() as log, _signals() as over:
        try:
            folders = DataDir.at(options.data_dir)
        except OSError as error:
            return _fail(f"The data folder {error.filename} cannot be used: {error.strerror or error}. See --data-dir.")
        file = SettingsFile(folders.settings)
        settings = file.load()
        _say(*file.problems)
        book = AddressBook(folders.peers)
        _say(*book.load())
        for peer in options.peers:
            book.add(replace(peer, name=book.free_name(peer.name)))
        try:
            profiles = _profiles(options, folders)
        except ValueError as error:
            return _fail(str(error))
        recorder: CaptureRecorder | None = None
        try:
            if options.capture is not None:
                recorder = CaptureRecorder(options.capture, _say)
            handlers = [*log.handlers(), *(recorder.handlers() if recorder is not None else ())]
            servers = open_servers(folders, settings.archive, _destinations(book), handlers)
            return _run(servers, profiles, log, over)
        except OSError as error:
            return _fail(f"{error.filename or 'A file'} cannot be used: {error.strerror or error}.")
        except SQLAlchemyError as error:
            return _fail(f"The archive's database cannot be used: {getattr(error, 'orig', None) or error}.")
        finally:
            if recorder is not None:
                recorder.close()


def _profiles(options: Options, folders: DataDir) -> list[tuple[Profile, ProfileFile]]:
    """The profiles to run, each with its file.

    Raises:
        ValueError: One cannot be used; with a sentence. A server that others rely on does not run half.
    """
    if not options.profiles:
        folder = ProfileFolder(folders.servers)
        main, *others = folder.load()
        _say(*folder.problems)
        # The built-in one is what the run was started for; of the others those that start with the program.
        running = [options.applied_to(main), *(profile for profile in others if profile.enabled)]
        return [(profile, ProfileFile(folder.path_of(profile.name))) for profile in running]
    found: dict[str, tuple[Profile, ProfileFile]] = {}
    for path in options.profiles:
        profile, problems = read_profile(path)
        if problems:
            raise ValueError("\n".join(problems))
        if profile.name in found:
            raise ValueError(f"{path} is a second server named {profile.name!r}.")
        found[profile.name] = options.applied_to(profile), ProfileFile(path)
    return list(found.values())


def _destinations(book: AddressBook) -> Destinations:
    peers = {peer.ae_title: (peer.host, peer.port) for peer in reversed(tuple(book))}
    return lambda title: peers.get(title.strip())


def _run(servers: Servers, profiles: list[tuple[Profile, ProfileFile]], log: MessageLog, over: threading.Event) -> int:
    try:
        watched = []
        for profile, file in profiles:
            server = servers.add(profile, file.path.parent)
            server.book.listen(_log_rule, hears_all=False)
            try:
                server.start()
            except (OSError, TlsError) as error:
                where = endpoint(profile.host, profile.port)
                return _fail(f"The server {profile.name} cannot listen on {where}: {_reason(error)}")
            watched.append(_Watched(server, file, _stamp(file.path)))
            host, port = server.address or (profile.host, profile.port)
            print(f"SCP {profile.ae_title} listening on {endpoint(host, port)}", flush=True)
            for script in scripts_of(profile.rules):
                _log.info("Rules of %s run the script %s", printable(profile.name), printable(script))
        # What the start has made lives to the end: nobody need look through it for garbage again and again.
        gc.collect()
        gc.freeze()
        while not over.wait(_LOOK):
            log.tell()
            for one in watched:
                _reload(one)
        _log.info("Ending")
        return 0
    finally:
        gc.unfreeze()
        servers.close()


def _reload(watched: _Watched) -> None:
    stamp = _stamp(watched.file.path)
    if stamp == watched.stamp:
        return
    watched.stamp = stamp
    now = watched.server.profile
    if stamp == _NOT_THERE:
        # Some editors take a file away before they write it anew; a server that others use does not lose its rules.
        _say(f"{watched.file.path} is not there any more. The server {now.name} goes on with what was in force.")
        return
    profile = watched.file.load(now)
    if watched.file.problems:
        _say(*watched.file.problems, f"The server {now.name} goes on with what was in force.")
        return
    try:
        # The command line's word for this run stands.
        watched.server.apply(
            replace(profile, name=now.name, host=now.host, port=now.port, ae_title=now.ae_title, enabled=True)
        )
    except (OSError, TlsError) as error:
        _say(f"The server {now.name} goes on as it was: {_reason(error)}")
    else:
        _log.info("The profile %s was read again", watched.file.path)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return _NOT_THERE
    return status.st_mtime_ns, status.st_size


def _log_rule(occasion: Occasion, rule: str) -> None:
    what = occasion.summary or occasion.event
    _log.info("Association %d: rule %s answers %s", occasion.association, printable(rule), printable(what))


def _reason(error: Exception) -> str:
    return f"{error.strerror or error}." if isinstance(error, OSError) else str(error)


def _say(*sentences: str) -> None:
    for sentence in sentences:
        print(sentence, file=sys.stderr, flush=True)


def _fail(sentence: str) -> int:
    _say(sentence)
    return 1


@contextlib.contextmanager
def _logging() -> Iterator[MessageLog]:
    """The program's log on standard output."""
    # They have a line for each odd value of a peer's.
    logging.getLogger("pydicom").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pydicom")
    with message_log() as log:
        yield log


@contextlib.contextmanager
def _signals() -> Iterator[threading.Event]:
    """An event that SIGTERM or SIGINT sets; a second one ends the process as if nobody listened."""
    over = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)

    def arrived(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
        over.set()

    before: dict[signal.Signals, Callable[..., object] | int | None] = {
        number: signal.signal(number, arrived) for number in numbers
    }
    try:
        yield over
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
