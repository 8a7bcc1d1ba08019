"""Errands: work that may wait for a peer or the disk, in lines that do not hold each other up.

Each line is worked off in order by a thread of its own that lives while the line has work. `surroundings.Later` is for
what is due at a later time and must not wait; this is for what may.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

LOGGER = logging.getLogger(__name__)

Work = Callable[[], None]


class Errands:
    """Lines of work. All methods may be called from any thread.

    Args:
        name: For thread names.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()  # guards everything below
        self._lines: dict[str, deque[Work]] = {}
        self._threads: set[threading.Thread] = set()
        self._stopped = False

    def start(self) -> None:
        """Take work, again after `stop`."""
        with self._lock:
            self._stopped = False

    @property
    def is_stopped(self) -> bool:
        """Whether no work is taken: long work looks here and ends early."""
        return self._stopped

    def run(self, line: str, work: Work) -> None:
        """Do `work` after what its line has to do before; nothing once stopped."""
        with self._lock:
            if self._stopped:
                return
            waiting = self._lines.get(line)
            if waiting is not None:
                waiting.append(work)
                return
            # A line's name may be what a peer calls itself: not for a thread's.
            thread = threading.Thread(
                target=self._work_off, args=(line,), name=f"workstation-{self._name}", daemon=True
            )
            self._lines[line] = deque([work])
            self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:
            with self._lock:
                del self._lines[line]
                self._threads.discard(thread)
            LOGGER.exception("The system gives no thread for the server's work")

    def stop(self, seconds: float = 5.0) -> None:
        """Forget what was not begun, and wait some seconds for what was: it may be waiting for a peer."""
        with self._lock:
            self._stopped = True
            for waiting in self._lines.values():
                waiting.clear()
            threads = list(self._threads)
        end = time.monotonic() + seconds
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, end - time.monotonic()))

    def _work_off(self, line: str) -> None:
        while True:
            with self._lock:
                waiting = self._lines[line]
                if self._stopped or not waiting:
                    del self._lines[line]
                    self._threads.discard(threading.current_thread())
                    return
                work = waiting.popleft()
            try:
                work()
            except Exception:
                LOGGER.exception("Work of the server failed")
