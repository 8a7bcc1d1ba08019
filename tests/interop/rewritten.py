"""The original's own command line programs, with nothing but their import lines changed to ours.

They are scripts of its documented API that were not written for these tests: echoscu, echoscp, storescu, storescp,
findscu, getscu, movescu and qrscp. They are copied from the installed package to a temporary folder at test time.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from peers import ENVIRONMENT, port, process

PACKAGE = "rewritten_programs"
NAMES = ("echoscu", "echoscp", "storescu", "storescp", "findscu", "getscu", "movescu", "qrscp")

# Starts a program as `python -m` does, from any folder; what a person would have called to see our log is called first.
START = """
import runpy, sys
folder, logged, module = sys.argv[1:4]
sys.path.insert(0, folder)
sys.argv[:4] = [module]
if logged:
    from workstation.net import debug_logger
    debug_logger()
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""

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
    """One of the programs, rewritten or the original."""

    name: str
    folder: Path | None = None

    def command(self, *arguments: object, logged: bool = False) -> list[str]:
        """The command line that starts it."""
        package = PACKAGE if self.folder else "pynetdicom.apps"
        module = f"{package}.{self.name}.{self.name}"
        start = [sys.executable, "-c", START, str(self.folder or ""), "logged" if logged else "", module]
        return [*start, *map(str, arguments)]

    def run(
        self, *arguments: object, logged: bool = False, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            self.command(*arguments, logged=logged),
            check=False,
            capture_output=True,
            text=True,
            timeout=50,
            cwd=cwd,
            env=ENVIRONMENT,
        )

    @contextmanager
    def serving(self, *arguments: object) -> Iterator[int]:
        """Run it as a server for the block; yields its port, which is its last argument."""
        number = port()
        with process(self.command(*arguments, number), number):
            yield number


def copied(folder: Path) -> dict[str, Program]:
    """All programs, rewritten into `folder`."""
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
    return {name: Program(name, folder) for name in NAMES}


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
