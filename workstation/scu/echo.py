"""Verification (PS3.4 Annex A): does the peer answer, and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from workstation.net import build_context
from workstation.net.sop_class import Verification
from workstation.net.status import code_to_category
from workstation.peers import Peer
from workstation.scu.caller import Caller
from workstation.scu.explain_association import explain_contexts, explain_end
from workstation.scu.failure import CANCELLED, Failure, printable
from workstation.scu.job import Job, Progress
from workstation.scu.outcome import Service, explain_status, status_words


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoResult:
    """What the peer answered. Times in milliseconds."""

    times: tuple[float, ...] = ()
    """Of each C-ECHO, from request to response."""
    connect: float | None = None
    negotiate: float | None = None
    implementation: str = ""
    """The peer's Implementation Version Name, or its Class UID if it gave none."""
    status: int | None = None
    """Of the last C-ECHO that was answered."""
    failure: Failure | None = None

    @property
    def succeeded(self) -> bool:
        """Whether every echo was answered with success."""
        return self.failure is None

    @property
    def sentence(self) -> str:
        """The result in one line."""
        if self.failure is not None:
            return self.failure.sentence
        times = [
            f"{value:.0f} ms {name}" if value >= 10 else f"{value:.1f} ms {name}"
            for name, value in (
                ("connect", self.connect),
                ("negotiate", self.negotiate),
                ("echo", min(self.times, default=None)),
            )
            if value is not None
        ]
        if len(self.times) > 1:
            times[-1] += f" (best of {len(self.times)})"
        words = ["Accepted", ", ".join(times), self.implementation]
        if self.status:
            words[0] = f"Accepted, status {status_words(Service.ECHO, self.status)}"
        return " · ".join(word for word in words if word)


class EchoJob(Job[EchoResult]):
    """Ask the peer for Verification.

    Args:
        caller: Who asks.
        peer: Who is asked.
        repeat: How many C-ECHO requests, all on one association.
        on_progress: Hears of each answer.
    """

    def __init__(
        self,
        caller: Caller,
        peer: Peer,
        repeat: int = 1,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        super().__init__(on_progress)
        self.caller = caller
        self.peer = peer
        self.repeat = repeat

    def run(self) -> EchoResult:
        """Associate, echo, release."""
        association, failure = self._open(self.caller, self.peer, [build_context(Verification)])
        if association is None:
            return EchoResult(failure=failure)
        times: list[float] = []
        code: int | None = None
        try:
            for number in range(1, self.repeat + 1):
                if self.cancelled:
                    failure = CANCELLED
                    break
                began = time.perf_counter()
                try:
                    status = association.send_c_echo(number & 0xFFFF)
                except ValueError:
                    failure = explain_contexts(association, Verification)
                    break
                except RuntimeError:
                    failure = explain_end(association, "before C-ECHO")
                    break
                if "Status" not in status:
                    failure = explain_end(association, "during C-ECHO", self.caller.dimse_timeout)
                    break
                times.append((time.perf_counter() - began) * 1000)
                code = int(status.Status)
                failure = explain_status(Service.ECHO, status)
                self._tell(done=number, total=self.repeat, text=code_to_category(code))
                if failure is not None:
                    break
        finally:
            self._close(association)
        if failure is not None and self.cancelled:
            failure = CANCELLED
        acceptor = association.acceptor
        return EchoResult(
            times=tuple(times),
            connect=association.timings.get("connect"),
            negotiate=association.timings.get("negotiate"),
            implementation=printable(
                str(acceptor.implementation_version_name or acceptor.implementation_class_uid or ""), 64
            ),
            status=code,
            failure=failure,
        )
