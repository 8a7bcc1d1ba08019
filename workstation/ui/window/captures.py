"""Captures in the window: open, save, record, export, each beside everything else and to be stopped at any time.

Reading and writing happen in threads; a capture that is opened is folded into a log of its own there and shown once it
is whole. Knows the window's panes and files, nothing of packets.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from PySide6.QtCore import QObject, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QWidget

from workstation.traffic.conversation import Conversation
from workstation.traffic.log import TrafficLog
from workstation.traffic.text import quantity
from workstation.ui.parts.rates import bytes_text
from workstation.ui.services import Services
from workstation.ui.tasks import Funnel, action
from workstation.ui.viewers.message.copy_as import ReportKind, save_report
from workstation.ui.viewers.viewers import Viewers
from workstation.ui.window.info_bar import Message, Tone
from workstation.ui.window.work_strip import WorkStrip

if TYPE_CHECKING:
    from workstation.traffic.capture.reading import CaptureReport

_log = logging.getLogger(__name__)

R = TypeVar("R")
Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]

CAPTURE_SUFFIXES = (".pcapng", ".pcap", ".cap", ".ntar")
_OPEN_FILTER = "Captures (*.pcapng *.pcap *.cap *.ntar);;All files (*)"
_SAVE_FILTER = "Capture (*.pcapng)"
_MOST_PROBLEMS = 12
# Captures read at a time; the others wait. Twenty threads would not be done sooner, and the window would wait for each.
_AT_ONCE = 2
_LOOK_EVERY = 1000  # milliseconds between two looks at what a recording has


class _Cancellable(Generic[R]):
    """A function that is told how to report and when to stop, as a job."""

    def __init__(self, function: Callable[[Progress, Cancelled], R], progress: Progress) -> None:
        self._function = function
        self._progress = progress
        self._over = threading.Event()

    def run(self) -> R:
        return self._function(self._progress, self._over.is_set)

    def cancel(self) -> None:
        """Make `run` return soon."""
        self._over.set()


class Captures(QObject):
    """What the Capture menu does.

    Args:
        services: Settings, jobs, recording.
        viewers: Where opened captures are shown.
        strip: Shows what is under way.
        tell: Shows a message in the window.
        window: The parent of file dialogs.
    """

    recording_changed = Signal()
    """Something is recorded now, or no longer, or more of it was written."""

    def __init__(
        self,
        services: Services,
        viewers: Viewers,
        strip: WorkStrip,
        tell: Callable[[Message], None],
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._services = services
        self._viewers = viewers
        self._strip = strip
        self._tell = tell
        self._window = window
        self._folder = ""  # where the person was last; at first where Qt begins
        self._problems: Funnel[str] = Funnel(self._recording_failed, self)
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._looking = QTimer(self)
        self._looking.setInterval(_LOOK_EVERY)
        self._looking.timeout.connect(self.recording_changed)

    # --- open

    def choose_and_open(self) -> None:
        """Choose captures and open them."""
        dialog = self._dialog("Open Capture", "openCaptureDialog", _OPEN_FILTER)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(lambda names: self.open([Path(name) for name in names]))
        dialog.open()

    def open(self, paths: Sequence[Path]) -> None:
        """Open captures, each in a tab of its own."""
        for path in paths:
            self._open(path)

    @action
    async def _open(self, path: Path) -> None:
        await self.load(path)

    async def load(self, path: Path) -> bool:
        """Open a capture; returns whether there is anything of it to see."""
        limits = self._services.settings.traffic
        log = TrafficLog(limits.capture_max_rows, limits.capture_max_bytes, limits.capture_max_rows, path.name)

        def read(progress: Progress, cancelled: Cancelled) -> CaptureReport:
            from workstation.traffic.capture.reading import read_capture

            report = read_capture(path, log, progress=progress, cancelled=cancelled)
            # A million rows are millions of objects, which Python's search for garbage would walk through again and
            # again. They hold none: `TrafficLog.let_go` unties them.
            gc.freeze()
            return report

        async with self._turn:
            report = await self._do(f"Opening {path.name}", read)
        if report is None:
            return False
        if report.cancelled and not len(log):
            return False
        if not len(log):
            said = " ".join(report.problems[:3])
            self._problem(
                f"There is no DICOM traffic in {path.name} ({quantity(report.frames, 'frame')}). {said}".strip()
            )
            return False
        self._viewers.add_capture(log, _details(path, report, log))
        if report.problems or log.dropped_rows or log.dropped_bytes or report.cancelled:
            self._tell(Message(_remarks(path, report, log)))
        return True

    # --- save, export

    def choose_and_save(self, conversations: Sequence[Conversation] | None = None) -> None:
        """Save what is shown (or these associations) as a capture."""
        what = self._viewers.log.conversations if conversations is None else list(conversations)
        if not what:
            self._tell(Message("There is no traffic to save yet."))
            return
        name = Path(self._viewers.log.source).stem or "traffic"
        if conversations is not None and len(what) == 1:
            name += f"-{what[0].number}"
        self._choose_target("Save Traffic", "saveCaptureDialog", f"{name}.pcapng", lambda path: self._save(path, what))

    @action
    async def _save(self, path: Path, conversations: Sequence[Conversation]) -> None:
        from workstation.traffic.capture.writing import Written, write_log

        def write(progress: Progress, cancelled: Cancelled) -> Written:
            return write_log(path, conversations, progress=progress, cancelled=cancelled)

        written = await self._do(f"Saving {path.name}", write)
        if written is not None:
            self._tell(Message(f"{path.name}: {written.text}"))

    def choose_and_export(self) -> None:
        """Export each PDU with its fields as JSON."""
        what = self._viewers.log.conversations
        if not what:
            self._tell(Message("There is no traffic to export yet."))
            return
        name = f"{Path(self._viewers.log.source).stem or 'traffic'}.json"
        self._choose_target(
            "Export as JSON", "exportJsonDialog", name, lambda path: self._export(path, what), "JSON (*.json)"
        )

    @action
    async def _export(self, path: Path, conversations: Sequence[Conversation]) -> None:
        from workstation.traffic.capture.export_log import export_log

        count = await self._do(
            f"Exporting {path.name}",
            lambda progress, cancelled: export_log(path, conversations, progress=progress, cancelled=cancelled),
        )
        if count is not None:
            self._tell(Message(f"{path.name}: {quantity(count, 'PDU')} exported."))

    def choose_and_export_objects(self) -> None:
        """Write the DICOM objects in the traffic shown as files."""
        what = self._viewers.log.conversations
        if not what:
            self._tell(Message("There is no traffic to export objects from yet."))
            return
        dialog = self._dialog("Export DICOM Objects to a Folder", "exportObjectsDialog")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda name: self._export_objects(Path(name), what))
        dialog.open()

    @action
    async def _export_objects(self, folder: Path, conversations: Sequence[Conversation]) -> None:
        from workstation.traffic.decoding.objects import export_objects

        exported = await self._do(
            f"Exporting objects to {folder.name}",
            lambda progress, cancelled: export_objects(conversations, folder, progress=progress, cancelled=cancelled),
        )
        if exported is None:
            return
        words = f"{quantity(exported.files, 'object')} ({bytes_text(exported.bytes)}) exported to {folder}."
        if exported.duplicates:
            words += f" {quantity(exported.duplicates, 'other')} had the same bytes."
        if exported.skipped:
            words += f" {exported.skipped:,} could not be: {' '.join(exported.problems[:3])}"
        self._tell(Message(words, Tone.PROBLEM if exported.skipped else Tone.INFORMATION))

    def choose_and_report(self, conversation: Conversation, kind: ReportKind) -> None:
        """Write a report of an association."""
        from workstation.traffic.expert.experts import failure_of, notes_of

        source = self._viewers.log.source
        saver = save_report(
            self._window,
            self._services.tasks,
            conversation,
            kind,
            notes_of=notes_of,
            source=source,
            verdict_of=failure_of,
        )
        saver.saved.connect(self._tell_report)
        saver.failed.connect(self._problem)

    def _tell_report(self, path: Path) -> None:
        def show() -> None:
            if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
                self._problem(f"No program could be started that shows {path}.")

        self._tell(Message(f"The report is in {path}.", Tone.INFORMATION, "Open", show))

    # --- record

    @property
    def recording(self) -> bool:
        """Whether what happens is recorded."""
        return self._services.recording.path is not None

    def toggle_recording(self) -> None:
        """Choose a file and record to it from now on; or stop."""
        if self.recording:
            self.stop_recording()
        else:
            self._choose_target("Record Traffic to a File", "recordDialog", "recording.pcapng", self.record)
            self.recording_changed.emit()  # the button is as it was until there is a file

    def record(self, path: Path) -> None:
        """Record from now on."""
        try:
            self._services.recording.start(path, self._problems.put)
        except OSError as error:
            self._problem(f"{path} cannot be written: {error.strerror or error}.")
        self._looking.start()
        self.recording_changed.emit()

    @action
    async def stop_recording(self) -> None:
        """Record no more and say what there is."""
        path = self._services.recording.path
        self._looking.stop()
        # It waits for the disk.
        written = await self._services.tasks.call(self._services.recording.stop, "stop-recording")
        if path is not None and written is not None:
            open_it = Message(f"{path.name}: {written.text}", Tone.INFORMATION, "Open", lambda: self.open([path]))
            self._tell(open_it)
        self.recording_changed.emit()

    def _recording_failed(self, sentences: list[str]) -> None:
        for sentence in sentences:
            self._problem(sentence)

    # --- what they share

    async def _do(self, title: str, function: Callable[[Progress, Cancelled], R]) -> R | None:
        """Do long work in a thread with a line in the strip; None if it failed, which is told."""
        funnel: Funnel[tuple[int, int]] = Funnel(lambda steps: work.show_progress(*steps[-1]), self)
        job = _Cancellable(function, lambda done, total: funnel.put((done, total)))
        work = self._strip.begin(title, job.cancel)
        try:
            return await self._services.tasks.run(job, funnel, name=title.split()[0].lower())
        except OSError as error:
            self._problem(f"{title}: {error.strerror or error}.")
        except ValueError as error:
            # Of our own: a sentence that says what is wrong with the file.
            self._problem(str(error))
        except Exception as error:
            # A defect of ours must not end without a word.
            _log.exception("%s", title)
            self._problem(f"{title} failed: {type(error).__name__}. The log has more; please report it.")
        finally:
            self._strip.end(work)
            funnel.deleteLater()
        return None

    def _problem(self, sentence: str) -> None:
        self._tell(Message(sentence, Tone.PROBLEM))

    def _choose_target(
        self, title: str, object_name: str, name: str, use: Callable[[Path], object], files: str = _SAVE_FILTER
    ) -> None:
        dialog = self._dialog(title, object_name, files)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(Path(name).suffix[1:])
        dialog.selectFile(name)
        dialog.fileSelected.connect(lambda chosen: use(Path(chosen)))
        dialog.open()

    def _dialog(self, title: str, object_name: str, files: str = "") -> QFileDialog:
        dialog = QFileDialog(self._window, title)
        dialog.setObjectName(object_name)
        if files:
            dialog.setNameFilters(files.split(";;"))
        if self._folder:
            dialog.setDirectory(self._folder)
        dialog.directoryEntered.connect(self._remember)
        dialog.fileSelected.connect(lambda chosen: self._remember(str(Path(chosen).parent)))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return dialog

    def _remember(self, folder: str) -> None:
        self._folder = folder


def _details(path: Path, report: CaptureReport, log: TrafficLog) -> str:
    lines = [
        str(path),
        f"{report.kind}, {quantity(report.frames, 'frame')}, {bytes_text(report.bytes)}",
        f"{quantity(report.associations, 'association')}, {quantity(report.pdus, 'PDU')}",
        *report.problems[:_MOST_PROBLEMS],
    ]
    if len(report.problems) > _MOST_PROBLEMS:
        lines.append(f"and {len(report.problems) - _MOST_PROBLEMS:,} more remarks")
    return "\n".join(lines)


def _remarks(path: Path, report: CaptureReport, log: TrafficLog) -> str:
    """What is not as in the best of cases, in a few sentences."""
    said = [f"{path.name}:"]
    if report.cancelled:
        said.append("Opening was stopped; what was read so far is shown.")
    if log.dropped_rows or log.dropped_bytes:
        dropped = [
            quantity(log.dropped_rows, "row") if log.dropped_rows else "",
            bytes_text(log.dropped_bytes) if log.dropped_bytes else "",
        ]
        said.append(f"{' and '.join(filter(None, dropped))} beyond the limits in the preferences were let go.")
    said += report.problems[:2]
    if len(report.problems) > 2:
        said.append(f"{len(report.problems) - 2:,} more remarks are in the tooltip of its tab.")
    return " ".join(said)
