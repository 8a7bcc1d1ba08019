"""The window: storing with all panes in sight and with none, a million PDUs, filters over a million rows.

What is printed by the programs beside this folder, which can be run alone.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from bench import Bench, Cell, Work
from clients import LONGEST, ClientError, Figures
from servers import HERE

_RATE = re.compile(r"([\d,.]+) MB/s")
_GAP = re.compile(r"^store .*longest gap +([\d.]+) ms", re.MULTILINE)
_LINE = re.compile(r"^(?P<name>\S.*?) {2,}(?P<value>[\d,.]+) ms$", re.MULTILINE)
_FILTER = re.compile(r"^ *(?P<value>\d+) ms .* of [\d,]+ rows .*ms  (?P<name>.*)$", re.MULTILINE)


def panes(bench: Bench) -> Iterator[Cell]:
    """The window sends to its own server."""
    for name, which in (("all panes", "all"), ("no panes", "none")):
        yield Cell(name, "", "", partial(window, bench, which))


def window(bench: Bench, which: str) -> Figures:
    """How fast it stores, and how long its event loop was away at most."""
    said = _run("window.py", "--objects", bench.few(500, 100), "--panes", which)
    rate, gap = _RATE.search(said), _GAP.search(said)
    if rate is None or gap is None:
        raise ClientError(said)
    return {"MB/s": _number(rate[1]), "longest gap, ms": _number(gap[1])}


def listed(bench: Bench) -> Iterator[Cell]:
    """A million of them."""
    many = bench.few(1_000_000, 100_000)
    yield Cell("million.py", "", "", lambda: _figures(_LINE, "million.py", "--pdus", many))
    yield Cell("filter.py", "", "", lambda: _figures(_FILTER, "filter.py", "--rows", many))


def _figures(pattern: re.Pattern[str], *command: object) -> Figures:
    said = _run(*command)
    figures = {f"{found['name']}, ms": _number(found["value"]) for found in pattern.finditer(said)}
    if not figures:
        raise ClientError(said)
    return figures


def _run(name: object, *arguments: object) -> str:
    command = [sys.executable, str(HERE / str(name)), *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LONGEST)
    if done.returncode:
        raise ClientError(f"{done.stdout[-300:]} {done.stderr[-500:]}")
    return done.stdout


def _number(text: str) -> float:
    return float(text.replace(",", ""))


WORKS = (
    Work("window", "The window while it stores", (), panes),
    Work("viewers", "A million PDUs in the window; filters over a million rows", (), listed),
)
