"""The status bar: server, live associations, what is kept, how fast it goes, and the archive.

Numbers are read from the log when a batch of traffic has come, at most twice a second; a clock runs only while
something moves. Counting the archive happens in a thread, after associations have ended; it ends with the window.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QLabel, QStatusBar, QWidget

from workstation.traffic.log import TrafficLog
from workstation.traffic.record import Record
from workstation.traffic.text import printable
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.rates import bytes_text, count_text
from workstation.ui.parts.widgets import plain_label
from workstation.ui.services import Services
from workstation.ui.tasks import start

if TYPE_CHECKING:
    from workstation.scp.archive.archive import Archive
    from workstation.traffic.capture.writing import Written

_TICK = 500  # milliseconds
_MOST_RULES = 20
"""Told in the tooltip."""


class StatusBar(QStatusBar):
    """Plain sentences on the left while an action is explained, numbers on the right always."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._log = services.log
        self.setObjectName("statusBar")
        self.setSizeGripEnabled(False)
        self.setContentsMargins(0, 0, 8, 0)
        self._sent = self._received = 0
        self._since = time.monotonic()
        self._is_paused = False
        self._counting: asyncio.Task[None] | None = None
        self._count_again = False
        self._ended = False
        self.server = self._label("statusServer", "Built-in server", "Where the built-in server listens")
        self.recording = self._label("statusRecording", "Recording", "What is recorded")
        self.recording.hide()
        self.live = self._label("statusLive", "Live associations", "Associations that are open now")
        self.kept = self._label("statusKept", "Traffic kept", "PDUs and bytes kept in this window")
        self.rate = self._label("statusRate", "Rate", "Bytes sent and received a second")
        self.archive = self._label("statusArchive", "Archive", "Objects in the archive and space left on its disk")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._tick)
        services.server_changed.connect(self._show_server)
        services.server_changed.connect(self._count_archive)
        services.archive_changed.connect(self._count_archive)
        bridge = services.bridge
        bridge.data_sent.connect(self._on_sent)
        bridge.data_recv.connect(self._on_received)
        bridge.batch.connect(self._on_batch)
        bridge.conn_close.connect(self._count_archive)
        self._show_server()
        self.refresh()

    def _label(self, object_name: str, name: str, tip: str) -> QLabel:
        label = plain_label()
        label.setObjectName(object_name)
        label.setAccessibleName(name)
        label.setToolTip(tip)
        label.setContentsMargins(8, 0, 8, 0)
        self.addPermanentWidget(label)
        return label

    def set_paused(self, paused: bool) -> None:
        """Say that what happens now is not added."""
        self._is_paused = paused
        self.refresh()

    def set_recording(self, path: Path | None, written: Written | None) -> None:
        """Say what is being recorded."""
        self.recording.setVisible(path is not None)
        if path is not None and written is not None:
            self.recording.setText(f"● Recording {count_text(written.pdus, 'PDU')}, {bytes_text(written.bytes)}")
            self.recording.setToolTip(plain_tooltip(f"Every association is written to\n{path}"))

    def end(self) -> None:
        """The window is closed: nothing is counted any longer."""
        self._ended = True
        if self._counting is not None:
            self._counting.cancel()

    def refresh(self) -> None:
        """Show the numbers as they are now."""
        live = sum(not conversation.finished for conversation in self._services.log.conversations)
        self.live.setText(f"{live} live")
        log = self._log
        words = f"{count_text(log.pdus, 'PDU')}, {bytes_text(log.kept_bytes)} kept"
        if log.source:
            words = f"{printable(log.source, 40)}: {words}"
        if log.dropped_bytes:
            words += f", {bytes_text(log.dropped_bytes)} let go"
        elif log.dropped_rows:
            words += f", {count_text(log.dropped_rows, 'row')} let go"
        self.kept.setText(f"Paused · {words}" if self._is_paused and not log.source else words)

    def set_log(self, log: TrafficLog) -> None:
        """Say how much there is of this source."""
        self._log = log
        self.refresh()

    def _on_sent(self, records: tuple[Record, ...]) -> None:
        self._sent += sum(record.length for record in records)

    def _on_received(self, records: tuple[Record, ...]) -> None:
        self._received += sum(record.length for record in records)

    def _on_batch(self, _records: object) -> None:
        if not self._timer.isActive():
            # What was silence until now does not count into the rate.
            self._since = time.monotonic()
            self._timer.start(_TICK)
            self.refresh()

    def _tick(self) -> None:
        now = time.monotonic()
        seconds = max(now - self._since, 0.001)
        sent, received = self._sent / seconds, self._received / seconds
        is_moving = bool(self._sent or self._received)
        self._since, self._sent, self._received = now, 0, 0
        self.rate.setText(f"↑ {bytes_text(sent)}/s  ↓ {bytes_text(received)}/s" if is_moving else "↑ 0  ↓ 0")
        self.refresh()
        if is_moving:
            self._timer.start(_TICK)

    def _show_server(self) -> None:
        services = self._services
        server = services.server
        peer = services.built_in()
        if server is None or peer is None:
            self.server.setText("No server in this run")
        elif server.running:
            from workstation.scp.rules.words import action_words, match_words

            # A test server that was told to fail yesterday still does so today.
            rules = [(one, rule) for one in services.profiles for rule in one.rules if one.enabled and rule.enabled]
            others = sum(server.running for server in services.servers or ()) - 1
            more = f" and {count_text(others, 'other server')}" if others > 0 else ""
            about = f" · {count_text(len(rules), 'rule')} in force" if rules else ""
            self.server.setText(f"Listening on {peer.host}:{peer.port}{more}{about}")
            lines = [f"{one.name}: {match_words(rule)}: {action_words(rule)}" for one, rule in rules[:_MOST_RULES]]
            self.server.setToolTip(plain_tooltip("\n".join(["Where the test servers listen", *lines])))
        else:
            self.server.setText("Not listening")
        self.rate.setText("↑ 0  ↓ 0")

    def _count_archive(self) -> None:
        archive = self._services.archive
        if self._ended:
            return
        if archive is None:
            self.archive.setText("No archive")
        elif self._counting is not None and not self._counting.done():
            self._count_again = True
        else:
            self._counting = start(self._count(archive))

    async def _count(self, archive: Archive) -> None:
        from workstation.scp.query.levels import Level

        try:
            again = True
            while again:
                self._count_again = False
                counts, space = await self._services.tasks.call(
                    lambda: (archive.counts(), archive.space()), "count-archive"
                )
                free = f"{bytes_text(space.free)} free"
                if space.is_low:
                    # Words and sign: peers are refused, which nobody would guess from a number.
                    free = f"▲ nothing is stored, only {free}"
                self.archive.setText(f"Archive {count_text(counts[Level.IMAGE], 'object')}, {free}")
                again = self._count_again
        except OSError as error:
            self.archive.setText(f"Archive: {error.strerror or error}")
