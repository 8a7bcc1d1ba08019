"""Where each step of a sequence diagram stands: its line, how far down, and the lifelines' places across.

Lines are laid out from the first block that changed, in small steps, into arrays: a million of them are no trouble, and
where something is found by bisection. Knows pixels, but neither Qt nor colours.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from workstation.traffic.analysis.sequence import GAP, Sequence
from workstation.traffic.analysis.sequence_text import Line

_AT_ONCE = 200  # lines between two pauses
_MOST = 1_000_000_000  # pixels; Qt's scroll bars count to twice as many
_HEAD = 5  # pixels above the first line
_FARTHEST = 6_000  # pixels between two steps


@dataclass(frozen=True, slots=True)
class Measures:
    """Heights in pixels.

    Attributes:
        line: of a step.
        gap: of the place where the time is broken off.
        frame: beside the frame around a run.
        second: how far apart two steps are for each second between them; 0 for equal steps.
    """

    line: int
    gap: int
    frame: int
    second: float = 0.0


class SequenceLayout:
    """The lines of a sequence.

    Args:
        sequence: what is told.
        measures: heights.
        opened: keys of the first steps of runs whose steps are all shown.
        fold: whether runs are told as one at all.
    """

    def __init__(
        self, sequence: Sequence, measures: Measures, opened: set[tuple[int, int]] | None = None, fold: bool = True
    ) -> None:
        self.sequence = sequence
        self.measures = measures
        self.opened = opened if opened is not None else set()
        self.fold = fold
        self._steps = array("I")
        self._tops = array("q")
        self._laid = 0  # steps

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def height(self) -> int:
        """Pixels of all lines."""
        return self._bottom(len(self._steps) - 1) if self._steps else 0

    @property
    def complete(self) -> bool:
        """Whether all steps have their lines."""
        return self._laid >= len(self.sequence)

    # --- laying out ------------------------------------------------------------------------------------------------

    def extend(self) -> Iterator[None]:
        """Lay out what is new or changed, pausing every now and then."""
        self.again_from(self.sequence.changed_from())
        sequence, steps, tops, height = self.sequence, self._steps, self._tops, self.measures.line
        if self._laid >= len(sequence):
            return
        number = sequence.block_of(self._laid)
        begins = self._laid == sequence.bounds(number)[0]
        # Where the line before, or what belongs to its run, ends.
        bottom = (self.height or _HEAD) if begins else tops[-1] + height
        while number < sequence.blocks:
            start, end, period = sequence.bounds(number)
            frame = self.measures.frame if period and self.fold else 0
            folded = self._is_folded(period, start)
            first = max(self._laid, start)
            bottom += frame if first == start else 0
            if folded and first > start:
                bottom = tops[-1] + height  # its lines are there, and stand for what was added as well
            else:
                for step in range(first, start + period if folded else end):
                    if not (folded and step > start):
                        bottom += self._air(step, bottom)
                    steps.append(step)
                    tops.append(bottom)
                    bottom += height
                    if step % _AT_ONCE == 0:
                        self._laid = step + 1
                        if not folded:
                            yield
            bottom += frame
            self._laid = end
            number += 1

    def again_from(self, step: int) -> None:
        """Forget the lines from this step on; `extend` lays them out anew."""
        first = bisect_left(self._steps, step)
        del self._steps[first:], self._tops[first:]
        self._laid = min(self._laid, step)

    def _bottom(self, line: int) -> int:
        """Where a line and what belongs below it ends."""
        block = self.sequence.block(self.sequence.block_of(self._steps[line]))
        framed = bool(block.period) and self.fold
        return self._tops[line] + self.measures.line + (self.measures.frame if framed else 0)

    def _air(self, step: int, top: int) -> int:
        """Pixels before a step: for silence, and for the time that it took where that is shown."""
        if step == 0:
            return 0
        idle = self.sequence.idle(step)
        broken = idle > GAP
        if not broken and not self.measures.second:
            return 0
        air = self.measures.gap if broken else 0
        if self.measures.second and top < _MOST:
            passed = self.sequence.time(step) - self.sequence.time(step - 1) - (idle if broken else 0.0)
            # Never closer than can be read: the first line's height is part of the way.
            air += min(max(int(passed * self.measures.second) - self.measures.line, 0), _FARTHEST)
        return air

    def _is_folded(self, period: int, start: int) -> bool:
        return bool(period) and self.fold and self.sequence.key(start) not in self.opened

    # --- finding ---------------------------------------------------------------------------------------------------

    def line(self, number: int) -> Line:
        """What a line shows."""
        step = self._steps[number]
        block = self.sequence.block(self.sequence.block_of(step))
        if not block.period or not self.fold:
            return Line(step, block._replace(period=0), folded=False, place=0)
        folded = self._is_folded(block.period, block.start)
        return Line(step, block, folded, (step - block.start) % block.period)

    def lines(self) -> Iterator[Line]:
        """All that is shown."""
        for number in range(len(self._steps)):
            yield self.line(number)

    def top(self, number: int) -> int:
        """Where a line begins."""
        return self._tops[number]

    def has_gap(self, number: int) -> bool:
        """Whether the time is broken off before a line."""
        step = self._steps[number]
        return step > 0 and self.sequence.idle(step) > GAP

    def line_at(self, y: float) -> int:
        """The line at a height, or the last above it; 0 above all."""
        return max(bisect_right(self._tops, int(y)) - 1, 0)

    def line_of(self, step: int) -> int | None:
        """The line that shows a step, by itself or as one of many."""
        if not self._steps:
            return None
        block = self.sequence.block(self.sequence.block_of(step))
        if self._is_folded(block.period, block.start):
            step = block.start + (step - block.start) % block.period
        line = bisect_left(self._steps, step)
        return line if line < len(self._steps) and self._steps[line] == step else None

    def frame(self, number: int) -> tuple[int, int, int, int] | None:
        """Of the run that a line belongs to: its first and last line, top and bottom of the frame around it."""
        block_number = self.sequence.block_of(self._steps[number])
        block = self.sequence.block(block_number)
        if not block.period or not self.fold:
            return None
        first = bisect_left(self._steps, block.start)
        last = bisect_left(self._steps, block.end) - 1
        air = self.measures.frame
        return first, last, self._tops[first] - air, self._tops[last] + self.measures.line + air
