"""The path that an association takes through PS3.8 Table 9-10, short enough to be drawn.

Data transfer is thousands of self-loops on Sta6; the path counts those instead of listing them, so it has at most a few
dozen entries however long the association lives.
"""

from __future__ import annotations

from dataclasses import dataclass

from workstation.traffic.record import Step

__all__ = ["Transition", "extend_path"]


@dataclass(slots=True)
class Transition:
    """A step of the path, taken `count` times between `time` and `last_time`."""

    step: Step
    time: float
    last_time: float
    count: int = 1

    @property
    def state(self) -> str:
        """The state it left."""
        return self.step.state

    @property
    def event(self) -> str:
        """What happened."""
        return self.step.event

    @property
    def action(self) -> str:
        """What was done."""
        return self.step.action

    @property
    def next_state(self) -> str:
        """The state it came to."""
        return self.step.next_state


# One object for each cell of the table, however many associations took it.
_STEPS: dict[Step, Step] = {}


def extend_path(path: list[Transition], step: Step, time: float) -> None:
    """Add a step; one that stays in its state is counted where the path stays there already."""
    if step.state == step.next_state:
        for transition in reversed(path):
            if transition.state != transition.next_state:
                break
            if transition.step == step:
                transition.count += 1
                transition.last_time = time
                return
    path.append(Transition(_STEPS.setdefault(step, step), time, time))
