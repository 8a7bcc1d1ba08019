"""pynetdicom as a peer in a process of its own: provider and user of all DIMSE-C services.

`pynetdicom()` starts `dimse_c_program` on pynetdicom; `ours()` is the same program on `workstation.net` in this
process. Both are asked with `call`, so a test runs in both roles by swapping them.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import dimse_c_program
import pytest
from peers import ENVIRONMENT


class Agent(Protocol):
    """A provider and user of the services, wherever it runs."""

    title: str

    def call(self, name: str, **arguments: Any) -> Any:
        """Call a method of `dimse_c_program.Program`."""


class Child:
    """The program in a child process, called over its standard input and output."""

    def __init__(self, process: subprocess.Popen[str], title: str) -> None:
        self.title = title
        self._process = process
        assert process.stdin
        assert process.stdout
        self._stdin: IO[str] = process.stdin
        self._stdout: IO[str] = process.stdout

    def call(self, name: str, **arguments: Any) -> Any:
        """Call a method of the program there.

        Raises:
            AssertionError: It raised, or the process ended.
        """
        self._stdin.write(json.dumps({"call": name, "arguments": arguments}) + "\n")
        self._stdin.flush()
        line = self._stdout.readline()
        assert line, f"the peer ended with {self._process.wait(10)}"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["result"]


@contextmanager
def pynetdicom(title: str = "PYNETDICOM") -> Iterator[Child]:
    """The program on pynetdicom, until the block ends."""
    if importlib.util.find_spec("pynetdicom") is None:
        if os.environ.get("CI"):
            pytest.fail("pynetdicom is not installed, and CI has to have it")
        pytest.skip("pynetdicom is not installed")
    process = subprocess.Popen(
        [sys.executable, str(Path(dimse_c_program.__file__)), title],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    child = Child(process, title)
    try:
        yield child
    finally:
        assert process.stdin
        assert process.stdout
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        process.stdout.close()


@contextmanager
def ours(title: str = "OURS") -> Iterator[Agent]:
    """The program on `workstation.net`, in this process."""
    program = dimse_c_program.Program("workstation.net", title)
    try:
        yield program
    finally:
        program.close()


@dataclass(frozen=True, slots=True)
class Pair:
    """Who asks and who provides; both have a server for everything.

    Attributes:
        user: Asks; its own server is the third AE that a C-MOVE goes to.
        provider: Is asked.
        port: The provider's.
        bare: The port of a server of the provider's that has no handlers.
        third: The port of the user's server.
    """

    user: Agent
    provider: Agent
    port: int
    bare: int
    third: int

    def afresh(self) -> Pair:
        """This pair, with what was heard so far forgotten."""
        self.user.call("take")
        self.provider.call("take")
        return self

    def ask(self, service: str, model: str, script: list[Any] | None, **arguments: Any) -> dict[str, Any]:
        """C-FIND, C-GET or C-MOVE, see `dimse_c_program.Program.ask`."""
        result: dict[str, Any] = self.user.call(
            "ask", service=service, number=self.port, model=model, script=script, **arguments
        )
        return result

    def store(self, objects: list[Any], **arguments: Any) -> dict[str, Any]:
        """C-STORE, see `dimse_c_program.Program.store`."""
        result: dict[str, Any] = self.user.call("store", number=self.port, objects=objects, **arguments)
        return result


ROLES = ("ours asks pynetdicom", "pynetdicom asks ours")


@contextmanager
def both() -> Iterator[dict[str, Pair]]:
    """Ours and pynetdicom, in the two `ROLES`."""
    with ours() as one, pynetdicom() as other:
        ports = [agent.call("serve") for agent in (one, other)]
        bare = [agent.call("serve", bind=[]) for agent in (one, other)]
        pairs = Pair(one, other, ports[1], bare[1], ports[0]), Pair(other, one, ports[0], bare[0], ports[1])
        yield dict(zip(ROLES, pairs, strict=True))


def said(response: list[Any]) -> dict[str, Any]:
    """A status as both packages have to report it: without what only one adds.

    Ours repeats the SOP class, which pynetdicom leaves out; pynetdicom sends the remaining sub-operations with each
    final status, PS3.7 section 9.1.3.1.7 only with Pending and Cancel.
    """
    status: dict[str, Any] = {k: v for k, v in response[0].items() if not k.startswith("AffectedSOP")}
    if status.get("Status") not in (0xFF00, 0xFE00):
        status.pop("NumberOfRemainingSuboperations", None)
    return status
