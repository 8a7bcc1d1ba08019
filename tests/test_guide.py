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
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from peers import ENVIRONMENT, port, require_program, storescp

from workstation import net
from workstation.net import _config, events, status
from workstation.net.association import Association

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "docs" / "LIBRARY.md"
ROLE = re.compile(r"<!-- example: (?:(server|against storescp) on (\d+)|(goes on|with IPv6)) -->")
PORT = re.compile(r"\b111(?:1[2-9]|2\d)\b")
NEXT = "~~~~ next block ~~~~"
IN_TURN = f"""
import sys
names = {{}}
for path in sys.argv[1:]:
    if not path.endswith("-on.py"):
        names = {{"__name__": "__main__"}}
    with open(path, encoding="utf-8") as file:
        exec(compile(file.read(), "docs/LIBRARY.md", "exec"), names)
    print({NEXT!r}, flush=True)
"""


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


class Stage:
    """One section being run: its folder, its servers and the ports that stand for the guide's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports: dict[str, str] = {}
        self.servers: list[tuple[Block, subprocess.Popen[str], dict[str, str]]] = []

    def with_ports(self, text: str) -> str:
        return PORT.sub(lambda found: self.ports.setdefault(found[0], str(port())), text)

    def write(self, block: Block, suffix: str = "") -> Path:
        """The block as a file whose line numbers are the guide's."""
        path = self.folder / f"block-{block.line}{suffix}.py"
        path.write_text("\n" * (block.line - 1) + self.with_ports(block.text), encoding="utf-8")
        return path

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """An interpreter in the folder; what it says on either stream is one text, as on a screen."""
        return subprocess.Popen(
            [sys.executable, "-u", "-X", "utf8", "-c", IN_TURN, *map(str, arguments)],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        )

    def serve(self, block: Block) -> None:
        self.ports[block.port] = str(port())
        self.servers.append((block, self.start(self.write(block)), dict(self.ports)))

    def wait_for_servers(self) -> None:
        for block, server, ports in self.servers:
            end = time.monotonic() + 30
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", int(ports[block.port])), 1):
                    break
                if server.poll() is not None or time.monotonic() > end:
                    server.kill()
                    pytest.fail(f"{block.where}: the server does not run\n{server.communicate()[0]}")
                time.sleep(0.02)  # another process's start has no event to wait for

    def perform(self, blocks: list[Block], files: list[Path]) -> None:
        """Run programs in turn; each has to print what the guide shows."""
        performer = self.start(*files)
        try:
            printed, _ = performer.communicate(timeout=50)
        except subprocess.TimeoutExpired:
            performer.kill()
            pytest.fail(f"{blocks[0].where} and on: no end\n{performer.communicate()[0]}")
        parts = printed.split(NEXT + "\n")
        if performer.returncode or len(parts) != len(blocks) + 1 or parts[-1]:
            failed = blocks[min(len(parts), len(blocks)) - 1]
            pytest.fail(f"{failed.where}: exit code {performer.returncode}\n{parts[-1]}")
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
                timeout=20,
                env=ENVIRONMENT,
            )
            printed += done.stdout
            assert done.returncode == 0, f"{block.where}: {line}\n{printed}"
        compare(block, printed, self.ports)

    def end_servers(self) -> None:
        for _, server, _ in self.servers:
            server.send_signal(signal.SIGINT)
        for block, server, ports in self.servers:
            try:
                printed, _ = server.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
                pytest.fail(f"{block.where}: Ctrl+C does not end it\n{server.communicate()[0]}")
            assert server.returncode == 0, f"{block.where}: exit code {server.returncode}\n{printed}"
            compare(block, printed.removesuffix(NEXT + "\n"), ports)

    def kill(self) -> None:
        for _, server, _ in self.servers:
            if server.poll() is None:
                server.kill()
            server.wait(10)
            if server.stdout:
                server.stdout.close()


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
        if name.startswith("send_"):
            assert f"`{name}" in TEXT, name
    for code in status.IMPLEMENTATION_STATUS:
        assert re.search(rf"\b{code:04X}\b", TEXT), f"{code:04X}"
    for name in net.__all__:
        assert re.search(rf"\b{re.escape(name)}\b", TEXT), name


def test_links_to_files_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert target.startswith("http") or (GUIDE.parent / target).exists(), target
