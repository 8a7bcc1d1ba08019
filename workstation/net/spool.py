"""A received data set in a temporary file, for `_config.STORE_RECV_CHUNKED_DATASET` (`event.dataset_path`).

The file is a DICOM file (PS3.10 section 7.1): a head of ours, then the data set as it arrives. Its name is the
system's, never the peer's; it goes when the handler has had it. Knows nothing of associations or events.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from pathlib import Path

from workstation.net._globals import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION
from workstation.net.codec.dimse import C_STORE_RQ
from workstation.net.part10 import encode_head

_log = logging.getLogger("workstation.net.spool")
_LONGEST_UID = 64  # PS3.5 section 9.1; what a peer says beyond that is not written


class SpooledDataSet:
    """Takes one C-STORE request's data set as it arrives (`assembly.DataSink`).

    Args:
        request: The request, whose SOP class and instance go into the head.
        transfer_syntax_uid: What the data set is encoded in.

    Attributes:
        path: The file, or None if it could not be made.
        failure: What the disk said, or None: a failed file is never given to a handler.
    """

    def __init__(self, request: C_STORE_RQ, transfer_syntax_uid: str) -> None:
        self.path: Path | None = None
        self.failure: OSError | None = None
        self._descriptor = -1
        head = encode_head(
            sop_class_uid=(request.AffectedSOPClassUID or "")[:_LONGEST_UID],
            sop_instance_uid=(request.AffectedSOPInstanceUID or "")[:_LONGEST_UID],
            transfer_syntax_uid=transfer_syntax_uid,
            implementation_class_uid=str(PYNETDICOM_IMPLEMENTATION_UID),
            implementation_version_name=PYNETDICOM_IMPLEMENTATION_VERSION,
        )
        try:
            self._descriptor, name = tempfile.mkstemp(prefix="dicom-", suffix=".dcm")
            self.path = Path(name)
        except OSError as error:
            self._fail(error)
        self.write(memoryview(head))

    def write(self, fragment: memoryview) -> None:
        """Take the next bytes."""
        if self.failure is not None:
            return
        try:
            while fragment:
                fragment = fragment[os.write(self._descriptor, fragment) :]
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
        if self.path is not None:
            try:
                self.path.unlink(missing_ok=True)
            except OSError as error:
                _log.warning("The temporary file %s could not be removed: %s", self.path, error)

    def _fail(self, error: OSError) -> None:
        _log.error("A received data set cannot be written to a temporary file: %s", error)
        self.failure = error
        self.discard()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
