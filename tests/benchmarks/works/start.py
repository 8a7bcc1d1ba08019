"""What a start costs: an import, and the time until the window is painted."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench import Bench, Cell, Figure, Work
from clients import ClientError, Figures
from peers import port
from servers import HERE

_STATEMENT = """
import json, sys, time
used, start = time.process_time(), time.perf_counter()
exec(sys.argv[1])
print(json.dumps({"ms": (time.perf_counter() - start) * 1e3, "cpu_ms": (time.process_time() - used) * 1e3}))
"""
TIMES = 5
"""An import is short: of so many, the fastest counts."""


def imports(_: Bench) -> Iterator[Cell]:
    """Of the library, and of what it stands on; an AE is the first thing that a script makes."""
    for name in ("workstation.net", "pydicom", "pynetdicom"):
        yield Cell(name, "", "", partial(running, f"import {name}"))
    for name in ("workstation.net", "pynetdicom"):
        yield Cell(f"{name}, an AE", "", "", partial(running, f"from {name} import AE, evt; AE()"))


def running(statement: str) -> Figures:
    """Without the interpreter's own start."""
    runs = [_figures([sys.executable, "-c", _STATEMENT, statement]) for _ in range(TIMES)]
    return min(runs, key=lambda figures: figures["ms"])


def windows(bench: Bench) -> Iterator[Cell]:
    """The whole program, and a window with nothing in it."""
    for name, which in (("our window", "ours"), ("bare window", "bare")):
        yield Cell(name, "", "", partial(painted, bench, which))


def painted(bench: Bench, name: str) -> Figures:
    """From the start of the process to the first time that its window has been painted."""
    folder = bench.memory / "window"
    if not folder.exists():
        # Its settings and its archive are there, as on every day but the first.
        _paint(name, folder)
    return {"ms": min(_paint(name, folder) for _ in range(3))}


def _paint(name: str, folder: Path) -> float:
    started = time.monotonic()
    at = _figures([sys.executable, str(HERE / "first_paint.py"), name, str(folder), str(port())])["at"]
    return (at - started) * 1e3


def _figures(command: list[str]) -> Figures:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise ClientError(done.stderr[-500:])
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


WORKS = (
    Work(
        "import",
        "Import",
        (Figure("ms", "ms", 0, False), Figure("cpu_ms", "CPU ms", 0, False)),
        imports,
        base=("pydicom", ""),
    ),
    Work("start", "Start to a painted window", (Figure("ms", "ms", 0, False),), windows, base=("bare window", "")),
)
