#!/usr/bin/env python3
"""The commands of this project: run, test, lint, format, bench. Needs nothing but Python 3.11 or later.

    python3 scripts/dev.py run [arguments of dicom-workstation]
    python3 scripts/dev.py test [arguments of pytest]
    python3 scripts/dev.py lint | format | bench | setup

Each makes the environment (.venv) if it is missing or out of date; on a Debian-like system it also installs the
system libraries that Qt needs and, for the tests, the peers. `make run` and `make test` call this; Windows and
macOS have the same commands without make.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")

# Shared libraries that the Qt wheel needs and a bare system lacks (PySide6-Essentials, platforms xcb and offscreen).
QT_LIBRARIES = [
    "libgl1",
    "libegl1",
    "libxkbcommon0",
    "libdbus-1-3",
    "libfontconfig1",
    "libglib2.0-0",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-keysyms1",
    "libxkbcommon-x11-0",
    "libxcb-shape0",
    "libxcb-xkb1",
    "fonts-dejavu-core",
]
# Real peers and a real X window for the tests.
TEST_PEERS = ["dcmtk", "orthanc", "tshark", "xvfb", "xauth", "xdotool", "procps", "git"]


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit status."""
    commands = {"run": run, "test": test, "lint": lint, "format": reformat, "bench": bench, "setup": setup}
    if not arguments or arguments[0] not in commands:
        print(__doc__)
        return 2
    if sys.version_info < (3, 11):  # noqa: UP036 (whoever starts this may have any Python)
        print(f"DICOM Workstation needs Python 3.11 or later; this is {sys.version.split()[0]}.", file=sys.stderr)
        return 1
    return commands[arguments[0]](arguments[1:])


def run(arguments: list[str]) -> int:
    """Open the window."""
    prepare(dev=False)
    return call([PYTHON, "-m", "workstation", *arguments])


def test(arguments: list[str]) -> int:
    """Lint, then the test suite."""
    prepare(dev=True)
    if not arguments:
        status = lint([])
        if status:
            return status
    environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
    return call([PYTHON, "-m", "pytest", *arguments], environment)


def lint(_: list[str]) -> int:
    """Ruff, its formatter, mypy and the contracts between the floors."""
    prepare(dev=True)
    checks: list[list[str | Path]] = [
        [BIN / "ruff", "check", "."],
        [BIN / "ruff", "format", "--check", "."],
        [BIN / "mypy"],
        [BIN / "lint-imports"],
    ]
    return max(call(check) for check in checks)


def reformat(_: list[str]) -> int:
    """Format, and mend what can be mended without thinking."""
    prepare(dev=True)
    return max(call([BIN / "ruff", "check", "--fix", "-q", "."]), call([BIN / "ruff", "format", "."]))


def bench(arguments: list[str]) -> int:
    """Measure, with the peers side by side."""
    prepare(dev=True)
    return call([PYTHON, ROOT / "tests" / "benchmarks" / "run.py", *arguments])


def setup(_: list[str]) -> int:
    """Make the environment and nothing else."""
    prepare(dev=True)
    return 0


# ----------------------------------------------------------------------- the environment
def prepare(*, dev: bool) -> None:
    """Make sure that the environment has what pyproject.toml says; quick when it has."""
    stamp = VENV / ("stamp-dev" if dev else "stamp-run")
    wanted = fingerprint(dev=dev)
    stamps = [VENV / "stamp-dev", stamp]
    if PYTHON.exists() and any(s.exists() and s.read_text() in (wanted, fingerprint(dev=True)) for s in stamps):
        return
    install_system_packages(QT_LIBRARIES + (TEST_PEERS if dev else []))
    make_environment()
    target = f"{ROOT}[dev]" if dev else str(ROOT)
    print(f"Installing {'the development environment' if dev else 'DICOM Workstation'} into {VENV} ...", flush=True)
    subprocess.run([*pip(), "install", "--quiet", "--disable-pip-version-check", "-e", target], check=True)
    stamp.write_text(wanted)


def fingerprint(*, dev: bool) -> str:
    """What the environment was made from."""
    text = (ROOT / "pyproject.toml").read_text() + Path(__file__).read_text() + sys.version + str(ROOT) + str(dev)
    return hashlib.sha256(text.encode()).hexdigest()


def make_environment() -> None:
    """A virtual environment; without pip of its own where the system has no ensurepip (Debian's bare python3)."""
    if PYTHON.exists() and subprocess.run([PYTHON, "-c", ""], check=False).returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if not (has("ensurepip") or has("pip")):
        install_system_packages(["python3-venv"])
    if has("ensurepip", fresh=True):
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    elif has("pip", fresh=True):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", VENV], check=True)
    else:
        fail("Python has neither ensurepip nor pip. On Debian: apt-get install python3-venv")


def pip() -> list[str | Path]:
    """The pip of the environment, or the system's working on it."""
    own = subprocess.run([PYTHON, "-m", "pip", "--version"], check=False, capture_output=True).returncode == 0
    return [PYTHON, "-m", "pip"] if own else [sys.executable, "-m", "pip", "--python", PYTHON]


def has(module: str, *, fresh: bool = False) -> bool:
    """Whether this Python has a module (asked of a new process, as one may have been installed meanwhile)."""
    del fresh
    return subprocess.run([sys.executable, "-c", f"import {module}"], check=False, capture_output=True).returncode == 0


# ----------------------------------------------------------------------- the system
def install_system_packages(packages: list[str]) -> None:
    """Install what is missing on a Debian-like system; say what to do where that is not allowed."""
    if not shutil.which("dpkg-query") or not shutil.which("apt-get"):
        return
    found = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages],
        check=False,
        capture_output=True,
        text=True,
    ).stdout
    installed = {line.split()[0] for line in found.splitlines() if line.endswith(" installed")}
    missing = [package for package in packages if package not in installed]
    if not missing:
        return
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    prefix: list[str] = []
    if os.geteuid() != 0:
        if not shutil.which("sudo") or subprocess.run(["sudo", "-n", "true"], check=False).returncode:
            print(f"Missing system packages. Please run: sudo {' '.join(command)}", file=sys.stderr)
            return
        prefix = ["sudo", "-n"]
    print(f"Installing system packages: {' '.join(missing)} ...", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    subprocess.run([*prefix, "apt-get", "update", "-qq"], check=False, env=environment, **quiet)  # type: ignore[call-overload]
    done = subprocess.run([*prefix, *command], check=False, env=environment, **quiet)  # type: ignore[call-overload]
    if done.returncode:
        print(f"They could not be installed. Please run: sudo {' '.join(command)}", file=sys.stderr)


def call(command: list[str | Path], environment: dict[str, str] | None = None) -> int:
    """Run a command from the project's folder; Ctrl+C is the command's."""
    process = subprocess.Popen([str(part) for part in command], cwd=ROOT, env=environment)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def fail(sentence: str) -> None:
    """End with a sentence."""
    print(sentence, file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
