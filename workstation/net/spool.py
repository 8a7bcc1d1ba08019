"""A received data set in a temporary file, for `_config.STORE_RECV_CHUNKED_DATASET` (`event.dataset_path`).

The file is a DICOM file (PS3.10 section 7.1): a head of ours, then the data set as it arrives. Its name is the
system's, never the peer's; it goes when the handler has had it. Knows nothing of associations or events.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from workstation.net._globals import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION
from workstation.net.codec.dimse import C_STORE_RQ
from workstation.net.part10 import encode_head, write_pieces

_log = logging.getLogger("workstation.net.spool")
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_LONGEST_UID = 64  # PS3.5 section 9.1; what a peer says beyond that is not written


class SpooledDataSet:
    """Takes one C-STORE request's data set as it arrives (`assembly.DataSink`).

    Args:
        request: The request, whose SOP class and instance go into the head.
        transfer_syntax_uid: What the data set is encoded in.

    Attributes:
        offset: Where the data set begins in the file.
        failure: What the disk said, or None: a failed file is never given to a handler.
    """

    def __init__(self, request: C_STORE_RQ, transfer_syntax_uid: str) -> None:
        self.failure: OSError | None = None
        self._name = ""
        self._descriptor = -1
        head = encode_head(
            sop_class_uid=(request.AffectedSOPClassUID or "")[:_LONGEST_UID],
            sop_instance_uid=(request.AffectedSOPInstanceUID or "")[:_LONGEST_UID],
            transfer_syntax_uid=transfer_syntax_uid,
            implementation_class_uid=str(PYNETDICOM_IMPLEMENTATION_UID),
            implementation_version_name=PYNETDICOM_IMPLEMENTATION_VERSION,
        )
        self.offset = len(head)
        try:
            self._descriptor, self._name = _new_file()
        except OSError as error:
            self._fail(error)
        self.write(memoryview(head))

    @property
    def path(self) -> Path | None:
        """The file, or None if it could not be made."""
        return Path(self._name) if self._name else None

    def write(self, fragment: memoryview) -> None:
        """Take the next bytes."""
        self.write_all((fragment,))

    def write_all(self, fragments: Sequence[memoryview]) -> None:
        """Take the next bytes."""
        if self.failure is not None:
            return
        try:
            write_pieces(self._descriptor, fragments)
        except OSError as error:
            self._fail(error)

    def finish(self) -> None:
        """The file is whole."""
        try:
            self._close()
        except OSError as error:
            self._fail(error)

    def discard(self) -> None:
        """Remove the file."""
        with contextlib.suppress(OSError):
            self._close()
        if self._name:
            try:
                os.unlink(self._name)  # noqa: PTH108 - to make a Path takes longer than to remove a file
            except FileNotFoundError:
                pass  # the handler has moved it
            except OSError as error:
                _log.warning("The temporary file %s could not be removed: %s", self._name, error)

    def _fail(self, error: OSError) -> None:
        _log.error("A received data set cannot be written to a temporary file: %s", error)
        self.failure = error
        self.discard()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _new_file() -> tuple[int, str]:
    """A new file for us alone: descriptor and name. As `tempfile.mkstemp` makes one, which takes four times as long."""
    name = f"{tempfile.gettempdir()}{os.sep}dicom-{os.urandom(8).hex()}.dcm"
    return os.open(name, _NEW, 0o600), name
