"""The program's own log file: bounded in size, and harmless to whoever looks at it in a terminal.

Messages hold what peers wrote. Each is one line without control characters, so that none can forge a line or speak to
the terminal. A disk that does not take the file is told once; the program goes on without it.
"""

from __future__ import annotations

import logging
import logging.handlers
import sys
from pathlib import Path

from workstation.traffic.text import printable

LONGEST_MESSAGE = 2048
LONGEST_TRACE_LINE = 512


class PlainFormatter(logging.Formatter):
    """One line for each message; a stack trace follows on lines of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = printable(record.message, LONGEST_MESSAGE)
        return super().formatMessage(record)

    def formatException(self, ei: logging._SysExcInfoType) -> str:
        lines = super().formatException(ei).splitlines()
        return "\n".join(printable(line, LONGEST_TRACE_LINE) for line in lines)


class LogFile(logging.handlers.RotatingFileHandler):
    """Three files of a megabyte at most.

    Attributes:
        problem: a sentence that says why messages are missing in it; empty if all is well.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=1_000_000, backupCount=2, encoding="utf-8", errors="replace", delay=True)
        self.setFormatter(PlainFormatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"))
        self.setLevel(logging.INFO)
        self.problem = ""
        try:
            self.stream = self._open()
        except OSError as error:
            self._explain(error)

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            # Logging's own way would be a stack trace on standard error for each message. Told once; a disk that has
            # room again gets the next messages.
            if not self.problem:
                self._explain(error)
                print(self.problem, file=sys.stderr, flush=True)
        else:
            super().handleError(record)

    def _explain(self, error: OSError) -> None:
        self.problem = f"The log file {self.baseFilename} cannot be written: {error.strerror or error}."
