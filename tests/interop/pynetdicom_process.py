"""pynetdicom as a peer: programs that are called, there in a process of its own, here on our package.

A program is a module of this folder with a class `Program(package, title)`, written with the documented API, which is
the same in both packages. Its public methods are what a test calls; they take and give what JSON has. One that also
runs here tells its servers' `ports` and ends them with `close`.

    with pynetdicom("dimse_c_program") as theirs, ours("dimse_c_program") as own:
        theirs.call("echo", number=own.call("ports")["full"])
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import pytest
from peers import ENVIRONMENT

ROLES = ("ours asks pynetdicom", "pynetdicom asks ours")
PATIENCE = 40.0  # more than any call's own


class Peer(Protocol):
    """A program, wherever it runs."""

    def call(self, name: str, **arguments: Any) -> Any:
        """Call a public method of it."""


class _There:
    """A program on pynetdicom in a child process; see `pynetdicom_child` for the other end."""

    def __init__(self, program: str, errors: IO[str]) -> None:
        self._errors = errors
        self._one_at_a_time = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("pynetdicom_child.py")), program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,  # it also tells of handlers that are meant to fail
            text=True,
            env=ENVIRONMENT,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._stdin, self._stdout = self._process.stdin, self._process.stdout

    def call(self, name: str, **arguments: Any) -> Any:
        """Call a method there.

        Raises:
            AssertionError: It raised, did not return, or the process ended.
        """
        with self._one_at_a_time:
            impatience = threading.Timer(PATIENCE, self._process.kill)
            impatience.start()
            try:
                self._stdin.write(json.dumps({"call": name, "arguments": arguments}) + "\n")
                self._stdin.flush()
                line = self._stdout.readline()
            finally:
                impatience.cancel()
        assert line, f"pynetdicom ended with {self._process.wait(10)}:\n{self._said()}"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def close(self) -> None:
        self._stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._stdout.close()

    def _said(self) -> str:
        self._errors.seek(0)
        return self._errors.read()


class _Here:
    """A program on our package in this process."""

    def __init__(self, program: str) -> None:
        self._program = importlib.import_module(program).Program("workstation.net", "OURS")
        # a server's thread takes its name when it first runs, and who looks for leaks has to know it from the beginning
        names = {f"dicom-server-{port}" for port in self._program.ports().values()}
        while not names <= {thread.name for thread in threading.enumerate()}:
            time.sleep(0.001)

    def call(self, name: str, **arguments: Any) -> Any:
        # as if it were in another process: what it gave is a copy, with lists for tuples
        return json.loads(json.dumps(getattr(self._program, name)(**arguments)))

    def close(self) -> None:
        self._program.close()


@contextmanager
def pynetdicom(program: str) -> Iterator[Peer]:
    """A program on pynetdicom until the block ends; skips without it, but never in CI."""
    if importlib.util.find_spec("pynetdicom") is None:
        if os.environ.get("CI"):
            pytest.fail("pynetdicom is not installed, and CI has to have it")
        pytest.skip("pynetdicom is not installed")
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        peer = _There(program, errors)
        try:
            yield peer
        finally:
            peer.close()


@contextmanager
def ours(program: str) -> Iterator[Peer]:
    """A program on our package, in this process, until the block ends."""
    peer = _Here(program)
    try:
        yield peer
    finally:
        peer.close()


@contextmanager
def pynetdicom_archive(destination: int) -> Iterator[int]:
    """The port of a query/retrieve server, AE title PYNETDICOM, that moves to the port `destination`."""
    with pynetdicom("archive_program") as archive:
        yield archive.call("serve", destination=destination)
