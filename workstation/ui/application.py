"""One run of the program: builds everything once, shows the window, starts the server, ends it all cleanly.

The window comes first. What is slow to load (pydicom and what that brings along, the archive's database) comes when
the window has been painted, in a thread: nothing that the window is made of imports it. The run ends when
the window is closed or the process is told to (SIGTERM, SIGINT); then dialogs, jobs, server, archive and the log end
in that order, each with a limit of time. Only this module knows how the parts are put together.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QEvent,
    QMessageLogContext,
    QObject,
    QSocketNotifier,
    QTimer,
    QtMsgType,
    Signal,
    qInstallMessageHandler,
)
from PySide6.QtGui import QWindow
from PySide6.QtWidgets import QApplication

# After PySide6, which it would otherwise not find.
from qasync import QEventLoop

from workstation import __version__
from workstation.cli import PROGRAM, Options
from workstation.paths import DataDir
from workstation.peers import AddressBook
from workstation.scp.profiles import ProfileFolder
from workstation.settings import Settings, SettingsFile
from workstation.traffic.log import TrafficLog
from workstation.traffic.text import endpoint
from workstation.ui.bridge import Bridge
from workstation.ui.collecting import Collecting
from workstation.ui.log_file import LogFile
from workstation.ui.parts.icons import application_icon
from workstation.ui.profile_watch import ProfileWatch
from workstation.ui.services import Services
from workstation.ui.tasks import Tasks, action
from workstation.ui.theme import Appearance, Theme
from workstation.ui.viewers.viewers import Viewers
from workstation.ui.window.main_window import MainWindow

if TYPE_CHECKING:
    from workstation.scp.servers import Servers

_log = logging.getLogger(__name__)

_UNSEEN = 1.0
"""Seconds until the servers start although nobody sees the window: minimized, or on another desktop."""

MOST_PROBLEMS = 5
"""In the settings and peers: so many are told one by one."""


def run(options: Options) -> int:
    """Open the window and return the exit status once it is over."""
    try:
        folders = DataDir.at(options.data_dir)
    except OSError as error:
        reason = error.strerror or error
        print(f"The data folder {error.filename} cannot be used: {reason}. See --data-dir.", file=sys.stderr)
        return 1
    log_file = LogFile(folders.log)
    logging.getLogger().addHandler(log_file)
    # It has a line for each odd value of a peer's; the window shows those where they stand.
    logging.getLogger("pydicom").setLevel(logging.ERROR)
    # Each time Qt calls into Python it waits for the interpreter's lock, and at the usual 5 ms for each thread that is
    # busy: an event loop with a few dozen such calls a turn would be away for 300 ms while an association stores.
    sys.setswitchinterval(0.0002)
    qInstallMessageHandler(_qt_says)
    qt = QApplication([PROGRAM])
    qt.setApplicationName(PROGRAM)
    qt.setApplicationDisplayName("DICOM Workstation")
    qt.setApplicationVersion(__version__)
    qt.setDesktopFileName(PROGRAM)
    qt.setWindowIcon(application_icon())
    # Closing the last window would end the loop before anything is cleaned up.
    qt.setQuitOnLastWindowClosed(False)
    loop = QEventLoop(qt)
    asyncio.set_event_loop(loop)
    try:
        return int(loop.run_until_complete(_Run(options, folders, log_file.problem).run()))
    finally:
        loop.close()
        qInstallMessageHandler(None)
        logging.getLogger().removeHandler(log_file)
        log_file.close()


class _Run:
    """The parts of one run, in the order of their making."""

    def __init__(self, options: Options, folders: DataDir, problem: str = "") -> None:
        self._options = options
        self._folders = folders
        self._over = asyncio.Event()
        self._problems = [problem] if problem else []
        settings_file = SettingsFile(folders.settings)
        settings = settings_file.load()
        self._problems += settings_file.problems
        peers = self._address_book()
        self._theme = Theme()
        self._theme.set_appearance(Appearance(settings.appearance))
        self._tasks = Tasks()
        self._bridge = Bridge()
        log = TrafficLog(settings.traffic.max_rows, settings.traffic.max_bytes)
        profiles = ProfileFolder(folders.servers)
        kept = profiles.load()
        self._problems += profiles.problems
        self._services = Services(
            settings=settings,
            settings_file=settings_file,
            profiles=profiles,
            kept=kept,
            in_force=(options.applied_to(kept[0]), *kept[1:]),
            peers=peers,
            folders=folders,
            tasks=self._tasks,
            theme=self._theme,
            bridge=self._bridge,
            log=log,
        )
        self._viewers = Viewers(self._bridge, log, self._theme, self._tasks)
        self._window = MainWindow(self._services, self._viewers)
        self._collecting = Collecting(self._bridge.batch)
        self._profile_watch = ProfileWatch(self._services)

    def _address_book(self) -> AddressBook:
        book = AddressBook(self._folders.peers)
        self._problems += book.load()
        for peer in self._options.peers:
            # Two of one AE title are two peers.
            book.add(replace(peer, name=book.free_name(peer.name)))
        return book

    async def run(self) -> int:
        """Everything from the first look at the window to the end."""
        with _signals(self._over.set), self._last_resort():
            self._window.closed.connect(self._over.set)
            self._window.demo_requested.connect(self._demo)
            self._window.show()
            painted = _Painted(self._window.windowHandle())
            self._tell_problems()
            status = 0
            try:
                if self._options.capture is not None:
                    # Before anything can happen on the network.
                    self._window.captures.record(self._options.capture)
                await asyncio.wait({painted.done}, timeout=_UNSEEN)
                if self._options.has_server:
                    await self._make_servers(self._services.settings)
                    self._profile_watch.begin()
                gc.enable()
                self._collecting.begin()
                for path in self._options.open:
                    await self._window.captures.load(path)
                if self._options.demo or self._options.screenshot is not None:
                    status = await self._play()
                else:
                    await self._over.wait()
            finally:
                self._collecting.end()
                await self._end()
        return status

    def _tell_problems(self) -> None:
        """Say what is wrong with the files; each in the window as long as a person would read them."""
        for problem in self._problems[:MOST_PROBLEMS]:
            self._services.notify(problem)
        further = len(self._problems) - MOST_PROBLEMS
        if further > 0:
            self._services.notify(f"{further:,} more is wrong in the settings and peers in {self._folders.root}.")

    async def _make_servers(self, settings: Settings) -> None:
        services = self._services

        def make() -> Servers:
            from workstation.scp.servers import open_servers

            return open_servers(
                self._folders,
                settings.archive,
                services.destination,
                services.handlers(),
                asker=services.asker,
                scripts=services.scripts,
            )

        try:
            servers = await self._tasks.call(make, "open-archive")
        except asyncio.CancelledError:
            raise
        except Exception as error:
            # Whatever the disk or the database says: the window works without a server.
            _log.exception("The archive cannot be used")
            reason = _reason_of(error)
            self._tell(f"The archive in {self._folders.archive} cannot be used, so there is no server: {reason}")
            return
        services.set_servers(servers)
        for profile in services.profiles:
            if not profile.enabled:
                continue
            problem = await services.start_server(profile.name)
            if problem:
                print(problem, file=sys.stderr, flush=True)
                continue
            server = servers.get(profile.name)
            host, port = (server and server.address) or (profile.host, profile.port)
            print(f"SCP {profile.ae_title} listening on {endpoint(host, port)}", flush=True)

    async def _play(self) -> int:
        """The demo, the picture, or both; with a picture the run ends then."""
        playing = asyncio.ensure_future(self._demo_and_picture())
        over = asyncio.ensure_future(self._over.wait())
        await asyncio.wait({playing, over}, return_when=asyncio.FIRST_COMPLETED)
        if over.done():
            playing.cancel()
            await asyncio.wait({playing})
            return 0
        if self._options.screenshot is None:
            playing.result()
            await over
            return 0
        over.cancel()
        return playing.result()

    async def _demo_and_picture(self) -> int:
        """Returns an exit status; a failure is told."""
        from workstation.ui.window.demo import DemoError, play, save_picture

        try:
            if self._options.demo:
                await play(self._window)
            if self._options.screenshot is not None:
                await save_picture(self._window, self._options.screenshot)
        except (DemoError, OSError) as error:
            self._tell(str(error))
            return 1
        return 0

    @action
    async def _demo(self) -> None:
        """The demo from the menu."""
        from workstation.ui.window.demo import DemoError, play

        self._window.commands["demo"].setEnabled(False)
        try:
            await play(self._window)
        except DemoError as error:
            self._services.notify(str(error))
        finally:
            self._window.commands["demo"].setEnabled(True)

    async def _end(self) -> None:
        """End in the order in which one part needs another."""
        self._window.hide()
        self._window.close()
        # Nobody looks any more; and what the end itself causes must not start anything in the window.
        self._bridge.close()
        self._profile_watch.end()
        # What was typed last goes into force now: it begins before everything is told to end.
        await asyncio.sleep(0)
        if not await self._tasks.close():
            _log.warning("Some jobs did not end in time")
        self._services.save_rest()
        # Whoever waits for the person gets the built-in answer, so that no association waits for nobody.
        self._viewers.questions.stop_listening()
        self._services.asker.close()
        servers = self._services.servers
        stopped = asyncio.get_running_loop().create_future()
        if servers is not None:
            _beside(servers.stop, stopped, "stop servers")
            done, _ = await asyncio.wait({stopped}, timeout=10)
            if not done:
                _log.warning("The servers did not stop in time")
        # Last, so that it has what the end itself sent.
        await asyncio.to_thread(self._services.recording.stop)
        if servers is not None:
            servers.close()

    def _tell(self, sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)
        self._services.notify(sentence)

    @contextlib.contextmanager
    def _last_resort(self) -> Iterator[None]:
        """Show and log what nobody caught, wherever it was raised: a defect of ours must not pass unseen."""

        def show(error: BaseException | None, where: str) -> None:
            _log.error("Nobody caught this (%s)", where, exc_info=error)
            self._services.notify(
                f"Something in this program went wrong ({type(error).__name__}: {error}). "
                f"Please report it with the end of {self._folders.log}."
            )

        def in_loop(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            if "exception" in context:
                show(context["exception"], str(context.get("message", "event loop")))
            else:
                _log.error("%s", context.get("message"))

        def in_slot(_kind: type[BaseException], error: BaseException, _trace: object) -> None:
            show(error, "slot")

        before = sys.excepthook
        asyncio.get_running_loop().set_exception_handler(in_loop)
        sys.excepthook = in_slot
        try:
            yield
        finally:
            sys.excepthook = before


def _beside(function: Callable[[], None], done: asyncio.Future[None], name: str) -> None:
    """Call `function` in a thread and settle `done`; used once jobs are no longer taken."""
    loop = asyncio.get_running_loop()

    def settle() -> None:
        if not done.done():
            done.set_result(None)

    def work() -> None:
        try:
            function()
        finally:
            loop.call_soon_threadsafe(settle)

    threading.Thread(target=work, name=name, daemon=True).start()


_QT_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
}


def _qt_says(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
    """Qt's own words go to the log file; standard error is for sentences that a person can act on."""
    logging.getLogger("workstation.qt").log(_QT_LEVELS.get(kind, logging.ERROR), "%s: %s", context.category, text)


class _Painted(QObject):
    """Becomes done when a window has been painted for the first time.

    Args:
        window: One that has just been shown.
    """

    def __init__(self, window: QWindow) -> None:
        super().__init__()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Expose and isinstance(watched, QWindow) and watched.isExposed():
            watched.removeEventFilter(self)
            # Its widgets paint while the event is delivered, which is after this.
            QTimer.singleShot(0, self, lambda: self.done.set_result(None))
        return False


class _SignalWatch(QObject):
    """Turns a signal of the process into a Qt signal at once, with no Python code having to run by chance.

    The interpreter's own handler only writes a byte into a socket; the event loop sleeps on its other end.
    """

    arrived = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._ear, self._mouth = socket.socketpair()
        self._ear.setblocking(False)
        self._mouth.setblocking(False)
        self._notifier = QSocketNotifier(self._ear.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._read)

    def fileno(self) -> int:
        """The end that the interpreter writes to."""
        return self._mouth.fileno()

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._ear.recv(64)
        self.arrived.emit()

    def close(self) -> None:
        """Watch no more."""
        self._notifier.setEnabled(False)
        self._ear.close()
        self._mouth.close()


@contextlib.contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at the first SIGTERM or SIGINT; a second one ends the process as if nobody listened."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    watch = _SignalWatch()

    def arrived() -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
        stop()

    watch.arrived.connect(arrived)
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    descriptor = signal.set_wakeup_fd(watch.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(descriptor)
        for number, handler in before.items():
            signal.signal(number, handler)
        watch.close()


def _reason_of(error: Exception) -> str:
    """What the system or the database says, without the numbers and links that are for programmers."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror} ({error.filename})." if error.filename else f"{error.strerror}."
    return f"{getattr(error, 'orig', None) or error}.".replace("..", ".")
