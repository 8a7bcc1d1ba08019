"""Starts Python programs as `python -m` does, each in a copy of one interpreter that has done the long imports.

See `pynetdicom_process` for how it is called. Most of a program's time were its imports. pynetdicom's own programs have
its races worked around, as everything here has.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import runpy
import sys
import tempfile
from pathlib import Path
from typing import Any

COPIES = multiprocessing.get_context("fork")
IMPORTED = (
    "argparse",
    "configparser",
    "pydicom",
    "pynetdicom.apps",
    "sqlalchemy.orm",
    "workstation.net.ae",
    "workstation.net.presentation",
    "workstation.net.services",
)


def _be(module: str, arguments: list[str], folder: str, logged: bool, screen: tuple[str, str]) -> None:
    for number, path in enumerate(screen, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), number)
    if folder:
        sys.path.insert(0, folder)
    sys.argv = [module, *arguments]
    if logged:  # what a person would have called to see our log
        importlib.import_module("workstation.net").debug_logger()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


class Program:
    """The interpreter that is copied; its public methods are what a test calls."""

    def __init__(self, package: str, title: str) -> None:
        for name in IMPORTED:
            importlib.import_module(name)
        self._screens = tempfile.TemporaryDirectory()
        self._running: dict[int, tuple[Any, tuple[str, str]]] = {}

    def start(self, module: str, arguments: list[str], folder: str, logged: bool) -> int:
        """Start a program; its number.

        Args:
            module: Its name.
            arguments: Its command line.
            folder: Where it is looked for first, if not empty.
            logged: Whether our log goes to its standard error.
        """
        number = len(self._running)
        screen = tuple(str(Path(self._screens.name, f"{number}-{name}")) for name in ("out", "err"))
        for path in screen:
            Path(path).touch()
        process = COPIES.Process(target=_be, args=(module, arguments, folder, logged, screen))
        process.start()
        self._running[number] = process, (screen[0], screen[1])
        return number

    def wait(self, number: int, timeout: float) -> dict[str, Any]:
        """Its exit code, none while it runs, and what it has printed."""
        process, screen = self._running[number]
        process.join(timeout)
        stdout, stderr = (Path(path).read_text(encoding="utf-8", errors="replace") for path in screen)
        return {"returncode": process.exitcode, "stdout": stdout, "stderr": stderr}

    def stop(self, number: int) -> None:
        """End it."""
        process, _ = self._running[number]
        process.terminate()
        process.join(5)
        if process.is_alive():
            process.kill()
            process.join()
