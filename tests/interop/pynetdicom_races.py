"""pynetdicom's races, worked around for every program that runs on it.

A test that has pynetdicom ask would fail now and then through no fault of what it tests. In pynetdicom 3.0.4:

- A thread that sends a request first has the association's thread parked, lest that takes the response for itself. A
  flag says whether it is. The flag may still tell of the time before: a second request right after the first then
  waits until the DIMSE timeout, about once in 600 requests on a busy machine. And the thread that serves an
  N-EVENT-REPORT resets the flag when it ends: a request right after an event may then wait for ever. So here nobody
  looks at the flag: a thread that is to be parked says itself that it is.
- EVT_DIMSE_SENT comes before the first PDU of the message is sent. Who then releases from another thread overtakes
  the message, and the peer waits for it in vain. So here a message is sent to its end first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

PATIENCE = 5  # an association that has just ended parks no more


class Checkpoint(threading.Event):
    """An event whose `clear` returns once the association's thread waits for it.

    Args:
        assoc: pynetdicom's association, a thread.
    """

    def __init__(self, assoc: Any) -> None:
        super().__init__()
        self._assoc = assoc
        self._changed = threading.Condition()  # guards what follows
        self._open = True
        self._parked = False

    def is_set(self) -> bool:
        return self._open

    def set(self) -> None:
        with self._changed:
            self._open, self._parked = True, False
            self._changed.notify_all()

    def clear(self) -> None:
        with self._changed:
            self._open = False
            # a handler's call comes from the association's own thread, which cannot park as well
            if threading.current_thread() is not self._assoc:
                self._changed.wait_for(lambda: self._parked or self._open or not self._assoc.is_alive(), PATIENCE)

    def wait(self, timeout: float | None = None) -> bool:
        with self._changed:
            while not self._open:
                self._parked = True
                self._changed.notify_all()
                if not self._changed.wait(timeout) and timeout is not None:
                    return False
            return True


def mend(change: Callable[[Any, str, Any], object] = setattr) -> None:
    """Have pynetdicom's associations keep their promises; before any is made.

    Args:
        change: sets an attribute; one that sets it back later keeps this to some tests.
    """
    from pynetdicom.association import Association
    from pynetdicom.dimse import DIMSEServiceProvider

    initialize, release, send = Association.__init__, Association.release, DIMSEServiceProvider.send_msg

    def initialize_mended(self: Any, *arguments: Any, **options: Any) -> None:
        self.sending = threading.RLock()  # held while a message's PDUs are queued
        initialize(self, *arguments, **options)
        self._reactor_checkpoint = Checkpoint(self)

    def send_in_one(self: Any, *arguments: Any) -> None:
        with self.assoc.sending:
            send(self, *arguments)

    def release_afterwards(self: Any) -> None:
        with self.sending:
            pass
        release(self)

    changes: dict[Any, dict[str, Any]] = {
        Association: {
            "_is_paused": property(lambda _: True, lambda _, value: None),
            "__init__": initialize_mended,
            "release": release_afterwards,
        },
        DIMSEServiceProvider: {"send_msg": send_in_one},
    }
    for changed, members in changes.items():
        for name, member in members.items():
            change(changed, name, member)
