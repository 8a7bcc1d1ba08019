"""Two systems with every DIMSE-N service: one made with the core, here; one made with pynetdicom, as a process.

A `Talk` has one of them ask and the other answer, so that each test runs in both directions.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from n_node import Node
from n_provider import Plain

PATIENCE = 20
DIRECTIONS = ("core-asks", "pynetdicom-asks")


class Side(Protocol):
    """One of the two systems."""

    ports: dict[str, int]
    said: queue.Queue[Plain]

    def ask(self, request: Plain) -> Plain:
        """Make an association and take steps; what was answered. An empty request does nothing."""


class Here:
    """The core's system."""

    def __init__(self) -> None:
        self.said: queue.Queue[Plain] = queue.Queue()
        self._node = Node("workstation.net", self.said.put)
        self.ports = self._node.ports
        self.close = self._node.close

    def ask(self, request: Plain) -> Plain:
        return self._node.ask(request) if request else {}


class There:
    """pynetdicom's system, in a process of its own."""

    def __init__(self) -> None:
        self.said: queue.Queue[Plain] = queue.Queue()
        self._answers: queue.Queue[Plain] = queue.Queue()
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("n_node.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # it says which handlers failed, and some are meant to
            text=True,
        )
        self._reader = threading.Thread(target=self._read, name="peer-output", daemon=True)
        self._reader.start()
        self.ports: dict[str, int] = self._answers.get(timeout=PATIENCE)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            for what, said in json.loads(line).items():
                (self.said if what == "heard" else self._answers).put(said)

    def ask(self, request: Plain) -> Plain:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answers.get(timeout=PATIENCE)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._reader.join(PATIENCE)
            self._process.stdout.close()


Sides = tuple[Here, There]


@contextmanager
def both_sides() -> Iterator[Sides]:
    """The two systems, running."""
    here = Here()
    try:
        there = There()
        try:
            yield here, there
        finally:
            there.close()
    finally:
        here.close()


class Talk:
    """One side asks, the other answers.

    Attributes:
        asker: Which makes associations; its server is where events are reported to.
        answerer: Which has the handlers.
        created: What the responses to the last call's N-CREATEs named as Affected SOP Instance UID.
        mark: For the end of UIDs that must differ between the two directions.
    """

    def __init__(self, sides: Sides, direction: str) -> None:
        here, there = sides
        self.created: list[str] = []
        self.is_core_asking = direction == DIRECTIONS[0]
        self.mark = ".1" if self.is_core_asking else ".2"
        self.asker: Side = here if self.is_core_asking else there
        self.answerer: Side = there if self.is_core_asking else here

    def __call__(
        self, contexts: Sequence[str], *steps: Plain, server: str = "full", end: str = "released", **how: Any
    ) -> list[Any]:
        """Take the steps on one association with these contexts; the answer to each.

        Args:
            contexts: Names of SOP classes, all of which must be accepted.
            steps: Made with `step`.
            server: The answerer's, "full" or "bare".
            end: How the association is to end, "released" or "aborted".
            how: Whatever else `Node.ask` knows.
        """
        request = {"port": self.answerer.ports[server], "contexts": list(contexts), "steps": list(steps), **how}
        done = self.asker.ask(request)
        assert done.get("end") == end, done
        assert done["contexts"] == list(contexts)
        self.created = done["created"]
        answers: list[Any] = done["answers"]
        return answers

    def heard(self, side: Side | None = None) -> Plain:
        """The next thing that a side's server heard or did; the answerer's unless said otherwise."""
        return (side or self.answerer).said.get(timeout=PATIENCE)

    def heard_of(self, service: str) -> Plain:
        """The next of this kind that the answerer heard or did; what comes before it is dropped."""
        while (heard := self.heard())["service"] != service:
            pass
        return heard

    def forget(self) -> None:
        """Drop what was heard and not asked for."""
        for side in (self.asker, self.answerer):
            side.ask({})  # whatever was said before is here when this is answered
            while not side.said.empty():
                side.said.get_nowait()


def step(service: str, sop_class: str, instance: str | None = None, /, **rest: Any) -> Plain:
    """One request; `rest` is "via", "type", "data", "tags", "id"."""
    return {"do": service, "class": sop_class, "instance": instance, **rest}


WAIT: Plain = {"do": "WAIT"}  # for an event that the answerer reports on the same association
