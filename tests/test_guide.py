"""The guide's examples, run as a reader would run them: every python block of docs/LIBRARY.md.

A section is one test. Its programs run one after the other in one interpreter, each with names of its own; what they
print has to be the text block that follows them, and a program without one prints nothing. In a text block "..." is
whatever a run says there. A comment before a block says what it is to be:

    <!-- example: server on 11112 -->            runs in an interpreter of its own beside the programs after it; when
                                                 its section ends, Ctrl+C has to end it
    <!-- example: goes on -->                    has the names of the program before it
    <!-- example: against storescp on 11112 -->  DCMTK's server listens there meanwhile
    <!-- example: with IPv6 -->                  needs a machine that has it

A console block is commands, each after "$ ", that have to succeed. 11112, 11113 and so on become ports that are free.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import runpy
import shlex
import shutil
import signal
import socket
import socketserver
import subprocess
import time
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from peers import ENVIRONMENT, port, require_program, storescp

from workstation import net
from workstation.net import _config, events, status
from workstation.net.association import Association
from workstation.net.codec import pdu
from workstation.net.dimse_primitives import C_STORE
from workstation.net.transport import AssociationServer

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "docs" / "LIBRARY.md"
ROLE = re.compile(r"<!-- example: (?:(server|against storescp) on (\d+)|(goes on|with IPv6)) -->")
PORT = re.compile(r"\b111(?:1[2-9]|2\d)\b")
NEXT = "~~~~ next block ~~~~\n"
# What an interpreter of a section does: FOLDER, FILES and OUTPUT are given to it. Both streams are one text, as on a
# screen.
IN_TURN = f"""
import os, sys
os.chdir(FOLDER)
screen = os.open(OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.dup2(screen, 1)
os.dup2(screen, 2)
sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)
sys.stderr.reconfigure(encoding="utf-8", line_buffering=True)
names = {{}}
for path in FILES:
    if not path.endswith("-on.py"):
        names = {{"__name__": "__main__"}}
    with open(path, encoding="utf-8") as file:
        exec(compile(file.read(), "docs/LIBRARY.md", "exec"), names)
    os.write(1, {NEXT.encode()!r})
"""
# An interpreter for every section and every server. Each begins as a copy of one that has done the long imports.
INTERPRETERS: Any = multiprocessing.get_context(
    "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
)
INTERPRETERS.set_forkserver_preload(["workstation.net.ae", "workstation.net.presentation"])


@dataclass
class Block:
    """A fenced block, and where its first line stands."""

    kind: str
    line: int
    text: str
    role: str = ""
    port: str = ""
    shown: str = ""

    @property
    def where(self) -> str:
        return f"docs/LIBRARY.md, line {self.line}"


@dataclass
class Section:
    """A heading of the second level with the blocks below it."""

    title: str
    blocks: list[Block] = field(default_factory=list)


def read_guide() -> list[Section]:
    """The sections with their blocks; the text that a program prints goes with it."""
    sections = [Section("before the first heading")]
    lines = iter(enumerate(GUIDE.read_text(encoding="utf-8").splitlines(), 1))
    role: re.Match[str] | None = None
    for number, line in lines:
        if line.startswith("## "):
            sections.append(Section(line.removeprefix("## ")))
        elif line.startswith("<!-- example"):
            role = ROLE.fullmatch(line)
            assert role is not None, f"line {number}: nobody knows {line}"
        elif line.startswith("```"):
            body = []
            for _, inner in lines:
                if inner == "```":
                    break
                body.append(inner)
            block = Block(line.removeprefix("```"), number + 1, "\n".join(body) + "\n")
            assert block.kind in ("python", "text", "console"), f"{block.where}: a block of {block.kind!r}?"
            blocks = sections[-1].blocks
            if block.kind == "text":
                assert blocks, f"{block.where}: nothing printed this"
                assert not blocks[-1].shown, f"{block.where}: a second output"
                blocks[-1].shown = block.text
            else:
                if role is not None:
                    block.role, block.port = role[1] or role[3], role[2] or ""
                blocks.append(block)
            role = None
        elif line.strip():
            assert role is None, f"line {number}: the comment before it belongs to no block"
    return sections


SECTIONS = [section for section in read_guide() if section.blocks]


class Interpreter:
    """Programs that run one after the other in a process of its own."""

    def __init__(self, folder: Path, files: list[Path], output: Path) -> None:
        self._output = output
        driver = folder / "in_turn.py"
        driver.write_text(IN_TURN, encoding="utf-8")
        given = {"FOLDER": str(folder), "FILES": [str(path) for path in files], "OUTPUT": str(output)}
        self._process = INTERPRETERS.Process(target=runpy.run_path, args=(str(driver), given))
        self._process.start()

    @property
    def printed(self) -> str:
        return self._output.read_text(encoding="utf-8") if self._output.exists() else ""

    @property
    def runs(self) -> bool:
        return bool(self._process.is_alive())

    def interrupt(self) -> None:
        os.kill(self._process.pid, signal.SIGINT)

    def wait(self, seconds: float) -> int | None:
        """The exit code, or None when it runs longer."""
        self._process.join(seconds)
        code: int | None = self._process.exitcode
        return code

    def kill(self) -> None:
        self._process.kill()
        self._process.join(10)
        self._process.close()


class Stage:
    """One section being run: its folder, its servers and the ports that stand for the guide's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports: dict[str, str] = {}
        self.servers: list[tuple[Block, Interpreter, dict[str, str]]] = []
        self._started: list[Interpreter] = []

    def with_ports(self, text: str) -> str:
        return PORT.sub(lambda found: self.ports.setdefault(found[0], str(port())), text)

    def write(self, block: Block, suffix: str = "") -> Path:
        """The block as a file whose line numbers are the guide's."""
        path = self.folder / f"block-{block.line}{suffix}.py"
        path.write_text("\n" * (block.line - 1) + self.with_ports(block.text), encoding="utf-8")
        return path

    def start(self, files: list[Path]) -> Interpreter:
        output = self.folder / f"{files[0].stem}.txt"
        self._started.append(Interpreter(self.folder, files, output))
        return self._started[-1]

    def serve(self, block: Block) -> None:
        self.ports[block.port] = str(port())
        self.servers.append((block, self.start([self.write(block)]), dict(self.ports)))

    def wait_for_servers(self) -> None:
        for block, server, ports in self.servers:
            end = time.monotonic() + 30
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", int(ports[block.port])), 1):
                    break
                if not server.runs or time.monotonic() > end:
                    pytest.fail(f"{block.where}: the server does not run\n{server.printed}")
                time.sleep(0.02)  # another process's start has no event to wait for

    def perform(self, blocks: list[Block], files: list[Path]) -> None:
        """Run programs in turn; each has to print what the guide shows."""
        performer = self.start(files)
        code = performer.wait(50)
        parts = performer.printed.split(NEXT)
        if code != 0 or len(parts) != len(blocks) + 1 or parts[-1]:
            failed = blocks[min(len(parts), len(blocks)) - 1]
            pytest.fail(f"{failed.where}: {'no end' if code is None else f'exit code {code}'}\n{parts[-1]}")
        for block, part in zip(blocks, parts, strict=False):
            compare(block, part, self.ports)

    def command(self, block: Block) -> None:
        printed = ""
        for line in block.text.splitlines():
            assert line.startswith("$ "), f"{block.where}: commands begin with '$ '"
            program, *arguments = shlex.split(self.with_ports(line[2:]))
            done = subprocess.run(
                [require_program(program), *arguments],
                cwd=self.folder,
                check=False,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                timeout=50,
                env=ENVIRONMENT,
            )
            printed += done.stdout
            assert done.returncode == 0, f"{block.where}: {line}\n{printed}"
        compare(block, printed, self.ports)

    def end_servers(self) -> None:
        for _, server, _ in self.servers:
            server.interrupt()
        for block, server, ports in self.servers:
            code = server.wait(30)
            assert code == 0, f"{block.where}: Ctrl+C, and the exit code is {code}\n{server.printed}"
            compare(block, server.printed.removesuffix(NEXT), ports)

    def kill(self) -> None:
        for interpreter in self._started:
            interpreter.kill()


def compare(block: Block, printed: str, ports: dict[str, str]) -> None:
    """What was printed against what the guide shows."""
    for canonical, actual in ports.items():
        printed = re.sub(rf"\b{actual}\b", canonical, printed)
    printed = "".join(line.rstrip() + "\n" for line in printed.splitlines())
    pattern = re.escape(block.shown).replace(r"\.\.\.", r"[^\n]*")
    if not re.fullmatch(pattern, printed):
        pytest.fail(f"{block.where}: the guide shows\n{block.shown or '(nothing)'}\nand it printed\n{printed}")


@pytest.fixture
def stage(tmp_path: Path, samples: Path) -> Iterator[Stage]:
    """A folder that looks like a checkout, and what runs in it."""
    shutil.copytree(samples, tmp_path / "resources" / "samples")
    made = Stage(tmp_path)
    try:
        yield made
    finally:
        made.kill()


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: re.sub(r"\W+", "-", section.title.lower()))
def test_the_examples_of(section: Section, stage: Stage) -> None:
    with contextlib.ExitStack() as peers:
        programs: list[Block] = []
        files: list[Path] = []
        for block in section.blocks:
            if block.role == "server":
                stage.serve(block)
            elif block.kind == "python":
                if block.role == "with IPv6":
                    require_ipv6()
                if block.role == "against storescp":
                    received = stage.folder / f"storescp-{block.line}"
                    received.mkdir()
                    stage.ports[block.port] = str(peers.enter_context(storescp(received, "+xa")))
                programs.append(block)
                files.append(stage.write(block, "-on" if block.role == "goes on" else ""))
        stage.wait_for_servers()
        if programs:
            stage.perform(programs, files)
        for block in section.blocks:
            if block.kind == "console":
                stage.command(block)
        stage.end_servers()


def require_ipv6() -> None:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("this machine has no IPv6")


# ------------------------------------------------------------------- what the guide has to name
TEXT = GUIDE.read_text(encoding="utf-8")


def test_every_python_block_is_run() -> None:
    run_blocks = sum(block.kind == "python" for section in SECTIONS for block in section.blocks)
    assert run_blocks == len(re.findall(r"^\s*(?:```|~~~)\s*py", TEXT, re.MULTILINE)) > 30


def test_the_table_of_contents_is_that_of_the_headings() -> None:
    listed = re.findall(r"^\d+\. \[(.+)\]\(#(.+)\)$", TEXT, re.MULTILINE)
    assert [title for title, _ in listed] == re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    for title, anchor in listed:
        assert anchor == re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def test_every_event_stands_in_its_table() -> None:
    rows = {cells[1].strip(" `"): cells for line in TEXT.splitlines() if len(cells := line.split("|")) > 3}
    bound: list[events.EventType] = [*events.NOTIFICATION_EVENTS, *events.INTERVENTION_EVENTS]
    assert not {event.name for event in bound} - set(rows)
    for event, code in events.UNHANDLED_STATUS.items():
        assert f"{code:04X}" in rows[event.name][-2], event.name


@pytest.mark.parametrize("name", [name for name in vars(_config) if name.isupper()])
def test_every_option_stands_in_the_table_with_its_default(name: str) -> None:
    value = getattr(_config, name)
    default = "{" + ", ".join(f'"{key}": ...' for key in value) + "}" if isinstance(value, dict) else repr(value)
    row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{name}` |"))
    assert row.split("|")[2].strip(" `") == default.replace("'", '"')


def test_every_request_and_every_status_of_ours_is_named() -> None:
    for name in dir(Association):
        if name.startswith("send_") and name not in {"send_undisturbed", "send_encoded"}:  # not for users
            assert f"`{name}" in TEXT, name
    for code in status.IMPLEMENTATION_STATUS:
        assert re.search(rf"\b{code:04X}\b", TEXT), f"{code:04X}"
    for name in net.__all__:
        assert re.search(rf"\b{re.escape(name)}\b", TEXT), name


def test_the_differences_are_as_the_table_says() -> None:
    assoc = Association(net.AE(), "requestor")
    try:
        assert not [name for name in ("dul", "acse", "dimse") if hasattr(assoc, name)]
    finally:
        assoc.kill()
    assert not issubclass(AssociationServer, socketserver.BaseServer)
    assert not [kind for kind in (pdu.A_ASSOCIATE_RQ, pdu.P_DATA_TF) if hasattr(kind, "encode")]
    request = C_STORE(MessageID=1, AffectedSOPClassUID="1.2", AffectedSOPInstanceUID="1.2.3")
    with pytest.raises(FrozenInstanceError):
        request.MessageID = 2  # type: ignore[misc]


def test_links_to_files_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert target.startswith("http") or (GUIDE.parent / target).exists(), target
