"""The original's own command line programs, with nothing but their import lines changed to ours.

They are scripts of its documented API that were not written for these tests: echoscu, echoscp, storescu, storescp,
findscu, getscu, movescu and qrscp. They are copied from the installed package to a temporary folder at test time.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from peers import answers
from peers import port as free_port
from pynetdicom_process import Peer

PACKAGE = "rewritten_programs"
NAMES = ("echoscu", "echoscp", "storescu", "storescp", "findscu", "getscu", "movescu", "qrscp")

_IMPORT = re.compile(r"^([ \t]*(?:from|import)[ \t]+)pynetdicom(\.apps)?\b", re.MULTILINE)
_LISTED = re.compile(r"(from workstation\.net import \([^)]*?)[ \t]+_handlers,\n([^)]*\)\n)")


def originals() -> Path:
    """The folder of the programs in the installed package; it is not imported for that."""
    found = importlib.util.find_spec("pynetdicom")
    if found is None or not found.submodule_search_locations:
        pytest.skip("pynetdicom is not installed")
    return Path(found.submodule_search_locations[0]) / "apps"


def rewrite(text: str) -> str:
    """The text of a module with its import lines changed."""
    text = _IMPORT.sub(lambda found: found[1] + (PACKAGE if found[2] else "workstation.net"), text)
    # qrscp silences logging in a private module of the original that has no counterpart: an empty one instead
    return _LISTED.sub(rf"\1\2from {PACKAGE} import nothing as _handlers\n", text)


def import_lines(text: str) -> set[int]:
    """The numbers of the lines that belong to import statements."""
    imports = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom))
    return {number for node in imports for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)}


@dataclass(frozen=True, slots=True)
class Program:
    """One of the programs, rewritten or the original.

    Attributes:
        name: Its own.
        starter: `command_line_programs`.
        folder: Of the rewritten ones.
    """

    name: str
    starter: Peer
    folder: Path | None = None

    def run(self, *arguments: object, logged: bool = False) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        number = self._started(*arguments, logged=logged)
        done = self.starter.call("wait", number=number, timeout=30)
        if done["returncode"] is None:
            self.starter.call("stop", number=number)
        return subprocess.CompletedProcess([self.name, *map(str, arguments)], **done)

    @contextmanager
    def serving(self, *arguments: object) -> Iterator[int]:
        """Run it as a server for the block; yields its port, which is its last argument."""
        port = free_port()
        number = self._started(*arguments, port)

        def state() -> dict[str, Any]:
            state: dict[str, Any] = self.starter.call("wait", number=number, timeout=0)
            return state

        try:
            assert answers(port, lambda: state()["returncode"] is not None), state()
            yield port
        finally:
            self.starter.call("stop", number=number)

    def _started(self, *arguments: object, logged: bool = False) -> int:
        package = PACKAGE if self.folder else "pynetdicom.apps"
        number: int = self.starter.call(
            "start",
            module=f"{package}.{self.name}.{self.name}",
            arguments=[str(argument) for argument in arguments],
            folder=str(self.folder or ""),
            logged=logged,
        )
        return number


def copied(folder: Path) -> None:
    """Write all programs into `folder`, rewritten."""
    target = folder / PACKAGE
    source = originals()
    for file in source.rglob("*"):
        place = target / file.relative_to(source)
        if file.suffix not in (".py", ".ini") or "tests" in place.relative_to(target).parts:
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        text = file.read_text(encoding="utf-8")
        place.write_text(rewrite(text) if file.suffix == ".py" else text, encoding="utf-8")
    (target / "nothing.py").touch()


def qrscp_settings(folder: Path, destinations: Mapping[str, int]) -> Path:
    """A configuration for qrscp: everything in `folder`, and who may be moved to."""
    path = folder / "qrscp.ini"
    known = "".join(f"[{title}]\naddress: 127.0.0.1\nport: {number}\n" for title, number in destinations.items())
    path.write_text(
        "[DEFAULT]\nae_title: QR\nport: 0\nmax_pdu: 16382\nacse_timeout: 30\ndimse_timeout: 30\nnetwork_timeout: 30\n"
        f"bind_address: 127.0.0.1\ninstance_location: {folder / 'instances'}\n"
        f"database_location: {folder / 'instances.sqlite'}\nlog_identifier: True\n{known}"
    )
    return path
