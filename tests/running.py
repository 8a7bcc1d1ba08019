"""The installed program as a process: what it says, and its end."""

from __future__ import annotations

import signal
import subprocess
import sysconfig
import threading
import time
from pathlib import Path

INSTALLED = Path(sysconfig.get_path("scripts")) / "dicom-workstation"


class Running:
    """The program under test, and what it has said so far."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [str(INSTALLED), *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        self.complained: list[str] = []
        self._news = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.said)),
            threading.Thread(target=self._read, args=(self.process.stderr, self.complained)),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, pipe, lines: list[str]) -> None:
        for line in pipe:
            with self._news:
                lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def wait_for(self, words: str, lines: list[str], seconds: float = 60) -> str:
        with self._news:
            found = self._news.wait_for(lambda: any(words in line for line in lines), seconds)
        assert found, f"{words!r} was not said; said: {self.said}, complained: {self.complained}"
        return next(line for line in lines if words in line)

    def end(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Send a signal; returns how many seconds the end took."""
        start = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(60)
        return time.monotonic() - start

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        for reader in self._readers:
            reader.join(10)
        self.process.stdout.close()
        self.process.stderr.close()
