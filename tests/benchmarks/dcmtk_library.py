"""The program `dcmtk_peer`, compiled when it is first wanted; its binary lies in a cache folder, not here."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("dcmtk_peer.cpp")
LIBRARIES = ("-ldcmnet", "-ldcmdata", "-loflog", "-lofstd")


class NotBuiltError(Exception):
    """Why there is no such program, in a sentence."""


def cache_folder() -> Path:
    """Where this system keeps what can be made again."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "dicom-workstation" / "benchmarks"


@functools.cache
def dcmtk_peer() -> Path:
    """The program.

    Raises:
        NotBuiltError: There is no compiler or no DCMTK to build with.
    """
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        raise NotBuiltError("there is no C++ compiler (Debian: g++)")
    key = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    program = cache_folder() / f"dcmtk_peer-{key}"
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        print(f"Building {program} ...", file=sys.stderr, flush=True)
        made = program.with_suffix(f".{os.getpid()}")
        command = [compiler, "-O2", "-std=c++17", str(SOURCE), "-o", str(made), *LIBRARIES]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise NotBuiltError(
                f"DCMTK's library is not there to build with (Debian: libdcmtk-dev): {done.stderr[:200]}"
            )
        made.replace(program)
    return program
