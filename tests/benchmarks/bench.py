"""What a work is: cells that are measured in turn, round after round, and what a run of them needs.

A work makes its cells: one for each client with each server in each variant. The cells of all rounds are run one
after the other, so that what slows the machine down for a while meets all of them.
"""

from __future__ import annotations

import itertools
import shutil
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from clients import Figures
from objects import make_objects
from servers import missing

KIB, MIB = 1 << 10, 1 << 20


@dataclass(frozen=True, slots=True)
class Figure:
    """Something that is measured in each cell of a work."""

    name: str
    unit: str
    digits: int = 0
    more_is_better: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """One client, one server, one variant, and how its figures are got."""

    client: str
    server: str
    variant: str
    run: Callable[[], Figures]

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from the other cells of its work."""
        return self.client, self.server, self.variant


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of work. `cells` may make what it needs in the bench's folders."""

    name: str
    title: str
    figures: tuple[Figure, ...]
    """The first one has a ratio. None: each cell names what it measures, a line each."""
    cells: Callable[[Bench], Iterable[Cell]]
    base: tuple[str, str] | None = None
    """Client and server to which the ratios are, within each variant."""


@dataclass(slots=True)
class Bench:
    """One run: where files lie, and how much is done."""

    memory: Path
    """A folder in memory, where the system has such a place."""
    disk: Path
    """A folder on a real disk."""
    quick: bool = False
    left_out: dict[str, str] = field(default_factory=dict)
    """What could not be measured, and why."""
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def few(self, usual: int, quick: int) -> int:
        """How many: as usual, or in a quick run."""
        return quick if self.quick else usual

    def has(self, *kinds: str) -> bool:
        """Whether these kinds of peers can be had; what is missing is noted."""
        for kind in kinds:
            reason = missing(kind)
            if reason:
                self.left_out[kind] = reason
                return False
        return True

    @contextmanager
    def folder(self, *, on_disk: bool = False) -> Iterator[Path]:
        """A new folder, for the length of a block."""
        path = (self.disk if on_disk else self.memory) / f"work-{next(self._numbers)}"
        path.mkdir()
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def objects(self, count: int, size: int) -> Path:
        """A folder with so many CT objects of that size; made once."""
        path = self.memory / f"objects-{count}-{size}"
        if not path.exists():
            print(f"making {count} objects of {size // KIB:,} KiB", file=sys.stderr, flush=True)
            make_objects(path.with_suffix(".part"), count, size)
            path.with_suffix(".part").rename(path)
        return path


@dataclass(slots=True)
class Results:
    """All that was measured: figures by work and cell, one for each round."""

    samples: dict[tuple[str, tuple[str, str, str]], dict[str, list[float]]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, work: Work, cell: Cell, figures: Figures) -> None:
        """Take the figures of a round."""
        kept = self.samples.setdefault((work.name, cell.key), {})
        for name, value in figures.items():
            kept.setdefault(name, []).append(value)

    def median(self, work: str, client: str, server: str, variant: str = "", figure: str = "rate") -> float | None:
        """The median of a figure, or None if it was not measured."""
        values = self.samples.get((work, (client, server, variant)), {}).get(figure)
        return statistics.median(values) if values else None


def measure(
    work: Work,
    bench: Bench,
    rounds: int,
    results: Results,
    wanted: Callable[[Cell], bool] = lambda _: True,
) -> None:
    """Run the cells of a work in turn, round after round; what fails is noted, and the rest goes on."""
    cells = [cell for cell in work.cells(bench) if wanted(cell)]
    for turn in range(1, rounds + 1):
        for cell in cells:
            name = " ".join(filter(None, (work.name, cell.client, "->", cell.server, cell.variant)))
            print(f"[{turn}/{rounds}] {name}", file=sys.stderr, flush=True)
            try:
                results.add(work, cell, cell.run())
            except Exception as error:
                # Whatever a peer did: the other cells are worth having.
                results.failures.append(f"{name}: {str(error).strip() or type(error).__name__}")
                print(f"      failed: {results.failures[-1]}", file=sys.stderr, flush=True)
