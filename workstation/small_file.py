"""Files that a person named, read as a whole: text files, scripts, answers. Never a pipe, a device or a monster.

What a name stands for may change at any time, so the open file is looked at and not its name: a pipe would block
whoever opens it, a device never ends, and what grows while it is read is cut off at the limit.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_small_file(path: Path, most: int) -> bytes:
    """Return all bytes of a file.

    Args:
        path: Which.
        most: Bytes; a longer one is not read.

    Raises:
        OSError: It cannot be read, is no regular file or has more bytes; `strerror` says so.
        ValueError: No file can have that name.
    """
    # Windows has neither of the two, and reads texts unless told otherwise.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
    except BaseException:
        os.close(descriptor)
        raise
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
    return content
