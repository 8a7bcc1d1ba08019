"""A file that is there as a whole or not at all: whoever reads sees the old one or the new one, never half of one."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["GivenUp", "whole_file"]


class GivenUp(Exception):  # noqa: N818 - not an error: somebody changed their mind
    """Raised within `whole_file` to leave everything as it was."""


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file beside `path` that takes its place when the block ends, and goes when it raises.

    What is no regular file (a pipe, /dev/stdout) is written to directly.

    Raises:
        OSError: It cannot be written.
    """
    if (path.exists() and not path.is_file()) or path.parent == Path("/dev"):
        with path.open("wb") as file:
            yield file
        return
    path = path.resolve()  # a symbolic link stays one
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
