"""The commands of scripts/dev.py, without network: when the environment is made, what is asked of the system."""

from __future__ import annotations

import ast
import importlib.util
import os
import runpy
import signal
import subprocess
import sys
import tomllib
from collections import namedtuple
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts" / "dev.py"

Version = namedtuple("Version", "major minor micro")


class SetUp:
    """The script on a checkout of its own, where making and installing only leave a note."""

    def __init__(self, dev: ModuleType, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.dev = dev
        self.patch = patch
        self.done: list[str] = []
        self.missing: dict[str, str] = {}
        self.fails = False
        self.at(folder)
        patch.setattr(dev, "make_environment", self._make)
        patch.setattr(dev, "install", self._install)
        patch.setattr(dev, "missing_from_system", lambda *, dev, pip: dict(self.missing))

    def at(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        (folder / "pyproject.toml").touch()
        self.patch.setattr(self.dev, "ROOT", folder)
        self.patch.setattr(self.dev, "VENV", folder / ".venv")
        self.patch.setattr(self.dev, "PYTHON", folder / ".venv" / "python")
        self.patch.setattr(self.dev, "STAMP", folder / ".venv" / "stamp")

    def _make(self) -> None:
        self.done.append("make")
        self.dev.VENV.mkdir(exist_ok=True)
        self.dev.PYTHON.touch()
        self.dev.STAMP.unlink(missing_ok=True)

    def _install(self, *, dev: bool) -> None:
        if self.fails:
            raise subprocess.CalledProcessError(1, ["pip", "install"])
        self.done.append("install dev" if dev else "install")

    def prepare(self, *, dev: bool = False) -> list[str]:
        """What was done now."""
        self.done.clear()
        self.dev.prepare(dev=dev)
        return list(self.done)


@pytest.fixture
def dev() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dev", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def set_up(dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SetUp:
    return SetUp(dev, tmp_path / "checkout", monkeypatch)


# ------------------------------------------------------------------------------------------------ when it is made
def test_the_environment_is_made_once(set_up):
    assert set_up.prepare() == ["make", "install"]
    assert set_up.prepare() == []


def test_the_tests_environment_is_enough_to_run_but_not_the_reverse(set_up):
    set_up.prepare()
    assert set_up.prepare(dev=True) == ["install dev"]
    assert set_up.prepare() == []
    assert set_up.prepare(dev=True) == []


def test_other_dependencies_are_installed_into_the_same_environment(set_up):
    set_up.prepare()
    (set_up.folder / "pyproject.toml").write_text("dependencies = []")
    assert set_up.prepare() == ["install"]
    assert set_up.prepare() == []


def test_a_moved_environment_is_made_anew(set_up, tmp_path):
    set_up.prepare()
    set_up.at(set_up.folder.rename(tmp_path / "moved"))
    assert set_up.prepare() == ["make", "install"]


def test_another_python_makes_it_anew(set_up, monkeypatch):
    set_up.prepare()
    monkeypatch.setattr(sys, "base_prefix", "/opt/another")
    assert set_up.prepare() == ["make", "install"]


def test_an_environment_without_its_python_is_made_anew(set_up):
    set_up.prepare()
    set_up.dev.PYTHON.unlink()
    assert set_up.prepare() == ["make", "install"]


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", "\xff"])
def test_a_damaged_stamp_counts_as_none(set_up, damage):
    set_up.prepare()
    set_up.dev.STAMP.write_text(damage, encoding="latin-1")
    assert set_up.prepare() == ["make", "install"]


def test_an_installation_cut_short_begins_anew(set_up):
    set_up.prepare()
    (set_up.folder / "pyproject.toml").write_text("dependencies = []")
    set_up.fails = True
    with pytest.raises(subprocess.CalledProcessError):
        set_up.prepare()
    set_up.fails = False
    assert set_up.prepare() == ["make", "install"]


# ------------------------------------------------------------------------------------------- what the system lacks
@pytest.fixture
def debian(set_up, monkeypatch) -> SetUp:
    monkeypatch.setattr(set_up.dev.shutil, "which", lambda name, path=None: f"/usr/bin/{name}")
    monkeypatch.setattr(set_up.dev, "apt_get", lambda root, packages: set_up.done.append(" ".join([*root, *packages])))
    monkeypatch.setattr(set_up.dev, "as_root", lambda *, ask: None)
    return set_up


def test_qt_without_its_libraries_ends_with_a_sentence(debian, capsys):
    debian.missing = {"libGL.so.1": "libgl1", "Xvfb": "xvfb"}
    assert debian.dev.main(["run"]) == 1
    sentence = "Missing from this system: libGL.so.1, Xvfb. Please run: sudo apt-get install libgl1 xvfb\n"
    assert capsys.readouterr().err == sentence
    assert debian.done == []


def test_a_missing_peer_is_said_and_the_tests_go_on(debian, capsys):
    debian.missing = {"echoscu": "dcmtk"}
    assert debian.prepare(dev=True) == ["make", "install dev"]
    assert "sudo apt-get install dcmtk" in capsys.readouterr().err


def test_root_installs_what_is_missing(debian, monkeypatch, capsys):
    monkeypatch.setattr(debian.dev, "as_root", lambda *, ask: ["sudo", "-n"])
    monkeypatch.setattr(
        debian.dev, "apt_get", lambda root, packages: (debian.done.extend([*root, *packages]), debian.missing.clear())
    )
    debian.missing = {"libGL.so.1": "libgl1", "libEGL.so.1": "libegl1"}
    assert debian.prepare() == ["sudo", "-n", "libegl1", "libgl1", "make", "install"]
    assert capsys.readouterr().err == ""


def test_a_password_is_asked_for_only_when_everything_is_new(debian, monkeypatch):
    asked = []
    monkeypatch.setattr(debian.dev, "as_root", lambda *, ask: asked.append(ask))
    debian.missing = {"Orthanc": "orthanc"}
    debian.prepare(dev=True)
    debian.prepare(dev=True)
    assert asked == [True, False]


def test_without_apt_the_packages_are_named(set_up, monkeypatch, capsys):
    monkeypatch.setattr(set_up.dev.shutil, "which", lambda name, path=None: None)
    set_up.missing = {"libEGL.so.1": "libegl1"}
    assert set_up.dev.main(["run"]) == 1
    assert "Please install them; Debian's packages are libegl1." in capsys.readouterr().err


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for Linux's libraries")
def test_what_is_missing_is_found_by_looking(dev, monkeypatch, tmp_path):
    monkeypatch.setattr(dev, "QT_LIBRARIES", {"libc.so.6": "libc6", "libnobody.so.1": "libnobody1"})
    monkeypatch.setattr(dev, "X_LIBRARIES", {})
    monkeypatch.setattr(dev, "TEST_PROGRAMS", {"here": "package-here", "nobodys-program": "package-nobody"})
    (tmp_path / "here").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert dev.missing_from_system(dev=False, pip=False) == {"libnobody.so.1": "libnobody1"}
    assert list(dev.missing_from_system(dev=True, pip=False)) == ["libnobody.so.1", "nobodys-program"]


def test_a_python_without_pip_and_ensurepip_lacks_its_package(dev, monkeypatch):
    monkeypatch.setattr(dev, "has", lambda module: False)
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    assert dev.missing_from_system(dev=False, pip=True)["Python's ensurepip"] == package
    assert "Python's ensurepip" not in dev.missing_from_system(dev=False, pip=False)


# ------------------------------------------------------------------------------------------------- the command line
def test_help_names_every_command(capsys, dev):
    assert dev.main(["--help"]) == 0
    said = capsys.readouterr().out
    for command in ("run", "test", "lint", "format", "bench", "setup"):
        assert command in said


@pytest.mark.parametrize("arguments", [[], ["tset"]])
def test_a_mistake_shows_the_help(capsys, dev, arguments):
    assert dev.main(arguments) == 2
    assert "dev.py run" in capsys.readouterr().out


def test_an_old_python_gets_a_sentence(monkeypatch):
    monkeypatch.setattr(sys, "version_info", Version(3, 10, 13))
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SCRIPT))
    assert "needs Python 3.11 or later; this is 3.10.13" in str(ended.value)


def test_an_old_python_can_read_the_script():
    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 6))
    assert "from __future__ import annotations" not in SCRIPT.read_text(encoding="utf-8")


def test_the_script_and_the_package_want_the_same_python():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11"


def test_a_command_that_fails_is_named(set_up, capsys):
    set_up.fails = True
    assert set_up.dev.main(["setup"]) == 1
    assert "This did not work: pip install" in capsys.readouterr().err


@pytest.mark.parametrize(("ci", "again"), [("", []), ("true", ["--reruns", "1"])])
def test_the_tests_run_even_if_a_check_fails_and_either_counts(set_up, monkeypatch, ci, again):
    monkeypatch.setenv("CI", ci)
    run = []
    monkeypatch.setattr(set_up.dev, "call", lambda command, folder: run.append(command) or 0)
    monkeypatch.setattr(set_up.dev, "both_halves", lambda command: run.append(command) or 0)
    monkeypatch.setattr(set_up.dev, "lint", lambda arguments: 1)
    assert set_up.dev.main(["test"]) == 1
    assert set_up.dev.main(["test", "tests/test_cli.py"]) == 0
    monkeypatch.setattr(set_up.dev, "both_halves", lambda command: 5)
    monkeypatch.setattr(set_up.dev, "lint", lambda arguments: 0)
    assert set_up.dev.main(["test"]) == 5
    assert [command[2:] for command in run] == [["pytest", *again], ["pytest", *again, "tests/test_cli.py"]]


@pytest.mark.skipif(os.name != "posix", reason="a shell's file")
@pytest.mark.parametrize(("first", "second"), [(0, 0), (5, 0), (0, 6)])
def test_all_tests_run_once_in_two_halves_and_either_counts(dev, tmp_path, capfdbinary, first, second):
    tool = tmp_path / "tool"
    tool.write_text(
        f'#!/bin/sh\ncase "$1" in tests) status={first};; *) status={second};; esac\necho "$@"\nexit $status\n'
    )
    tool.chmod(0o755)
    assert dev.both_halves([tool]) == (first or second)
    lines = capfdbinary.readouterr().out.decode().splitlines()
    ignored = [word.removeprefix("--ignore=") for word in lines[-2].split() if word != "tests"]
    assert ignored == lines[-1].split() == list(dev.SECOND_HALF)
    assert all((ROOT / folder).is_dir() for folder in ignored)


@pytest.mark.skipif(os.name != "posix", reason="a shell's file")
def test_one_tool_that_fails_is_enough(dev, tmp_path, monkeypatch):
    for name, end in (("good", "exit 0"), ("bad", "exit 3"), ("killed", "kill -9 $$")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {name} >> '{tmp_path / 'ran'}'\n{end}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(dev, "BIN", tmp_path)
    assert dev.run_all([["good"]]) == 0
    assert dev.run_all([["bad"], ["good"]]) == 1
    assert dev.run_all([["killed"], ["good"]]) == 1
    assert (tmp_path / "ran").read_text().split() == ["good", "bad", "good", "killed", "good"]


@pytest.mark.skipif(os.name != "posix", reason="Windows starts a process beside its own")
def test_the_program_takes_the_place_of_the_script():
    become = f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); import dev; dev.become([sys.executable, '-c', "
    program = "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", f"{become}{program!r}])"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert int(process.stdout.readline()) == process.pid
        process.terminate()
        assert process.wait(30) == -signal.SIGTERM


@pytest.mark.skipif(os.name != "posix", reason="a shell's file")
@pytest.mark.parametrize("command", ["run", "test", "lint", "format", "bench"])
def test_make_passes_everything_on(command):
    done = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", command, 'ARGS=--peer "A@h:104"', "PYTHON=python3.14"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == f'python3.14 scripts/dev.py {command} --peer "A@h:104"'
