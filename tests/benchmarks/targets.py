"""What this project wants to reach: a line for each goal, with the figures that decide it.

A goal is about one figure, or about its ratio `of` another's, or how much it is `over` another's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from bench import Results
from servers import BUILT_IN, DCMTK, DCMTK_FORK, DCMTK_LIBRARY, OURS, PYNETDICOM
from works.durable import BARE, DISK
from works.handlers import BOUND, NONE

LIBRARY = DCMTK_LIBRARY
PATH, READ, COUNTED = f"{OURS}, path", f"{OURS}, read", f"{OURS}, counted"


@dataclass(frozen=True, slots=True)
class At:
    """Where a figure stands in the results."""

    work: str
    client: str
    server: str = ""
    variant: str = ""
    figure: str = "rate"


@dataclass(frozen=True, slots=True)
class Target:
    """One goal."""

    title: str
    sign: Literal[">=", "<="]
    bound: float
    measured: At
    of: At | None = None
    over: At | None = None

    def value(self, results: Results) -> float | None:
        """What was measured; None if something that it needs was not."""
        value = _median(results, self.measured)
        base = _median(results, self.of or self.over or self.measured)
        if value is None or base is None:
            return None
        if self.of:
            return value / base if base else None
        return value - base if self.over else value

    def reached(self, value: float) -> bool:
        """Whether a value will do."""
        return value >= self.bound if self.sign == ">=" else value <= self.bound


def _median(results: Results, at: At) -> float | None:
    return results.median(at.work, at.client, at.server, at.variant, at.figure)


def _targets() -> Iterator[Target]:
    for work in ("echo", "associate"):
        bound = 0.6 if work == "echo" else 0.2
        dcmtk, pynetdicom = At(work, DCMTK, DCMTK), At(work, PYNETDICOM, PYNETDICOM)
        for title, at in (("our client", At(work, OURS, DCMTK)), ("our server", At(work, DCMTK, OURS))):
            yield Target(f"{work}: {title}, of DCMTK", ">=", bound, at, of=dcmtk)
            if work == "associate":
                yield Target(f"{work}: {title}, times pynetdicom", ">=", 20, at, of=pynetdicom)

    for pdu in ("16 KiB", "128 KiB"):
        dcmtk = At("store", DCMTK, DCMTK, pdu)
        yield Target(f"store, {pdu} PDUs: our client, of DCMTK", ">=", 1, At("store", PATH, DCMTK, pdu), of=dcmtk)
    yield Target("store: built-in server, of DCMTK", ">=", 0.7, replace(dcmtk, server=BUILT_IN), of=dcmtk)
    yield Target("store: bare server, of DCMTK", ">=", 0.9, replace(dcmtk, server=OURS), of=dcmtk)

    dcmtk = At("large", DCMTK, DCMTK, "128 KiB")
    for title, at, memory in (
        ("our client", replace(dcmtk, client=PATH), "client_memory"),
        ("bare server", replace(dcmtk, server=OURS), "server_memory"),
        ("built-in server", replace(dcmtk, server=BUILT_IN), "server_memory"),
    ):
        yield Target(f"256 MiB: {title}, of DCMTK", ">=", 1, at, of=dcmtk)
        yield Target(f"256 MiB: {title}, MiB over idle", "<=", 16, replace(at, figure=memory))

    for writers in (1, 4, 8):
        at = At("durable", OURS, BUILT_IN, f"{writers} at once")
        bare = replace(at, client=BARE, server=DISK)
        yield Target(f"durable, {writers} at once, of a bare loop", ">=", 0.9, at, of=bare)

    at = At("find", f"{PYNETDICOM}, read", LIBRARY)
    yield Target("find: our client reads, times pynetdicom", ">=", 8, replace(at, client=READ), of=at)
    yield Target("find: our client counts, times pynetdicom", ">=", 20, replace(at, client=COUNTED), of=at)
    at = At("find", LIBRARY, LIBRARY)
    yield Target("find: built-in index, of DCMTK's library", ">=", 0.5, replace(at, server=BUILT_IN), of=at)
    at = At("find", LIBRARY, PYNETDICOM)
    yield Target("find: our handler, times pynetdicom", ">=", 3, replace(at, server=OURS), of=at)

    for client in (OURS, LIBRARY):
        at = At("many", client, OURS, "500")
        for title, figure, bound in (
            ("s to open", "opened", 2),
            ("s to echo", "echoed", 2),
            ("refused", "refused", 0),
            ("MB", "server_memory", 120),
        ):
            whose = "ours" if client == OURS else "DCMTK's"
            yield Target(f"500 associations, {whose} at our server: {title}", "<=", bound, replace(at, figure=figure))

    for title, at in (
        ("bare server", At("idle", LIBRARY, OURS, "200", "server_cpu")),
        ("built-in server", At("idle", LIBRARY, BUILT_IN, "200", "server_cpu")),
        ("our client", At("idle", OURS, DCMTK_FORK, "200", "client_cpu")),
    ):
        yield Target(f"idle, 200 associations: CPU s of {title}", "<=", 0.05, at)

    pydicom = At("import", "pydicom", figure="ms")
    for title, name in (("import", "workstation.net"), ("import and an AE", "workstation.net, an AE")):
        yield Target(f"{title}, of import pydicom", "<=", 1.3, replace(pydicom, client=name), of=pydicom)
    bare = At("start", "bare window", figure="ms")
    yield Target("painted window, ms over a bare one", "<=", 800, replace(bare, client="our window"), over=bare)

    for title, at in (
        ("our client", At("handlers", PATH, DCMTK, BOUND)),
        ("our server", At("handlers", DCMTK, OURS, BOUND)),
    ):
        yield Target(f"17 handlers at {title}, of none", ">=", 0.85, at, of=replace(at, variant=NONE))

    at = At("window", "all panes", figure="MB/s")
    yield Target("window: all panes, of none in sight", ">=", 0.8, at, of=replace(at, client="no panes"))
    yield Target("window: longest gap, ms", "<=", 50, replace(at, figure="longest gap, ms"))


TARGETS = tuple(_targets())


def judged(results: Results) -> list[tuple[Target, float]]:
    """The goals that this run has figures for."""
    values = [(target, target.value(results)) for target in TARGETS]
    return [(target, value) for target, value in values if value is not None]
