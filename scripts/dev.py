#!/usr/bin/env python3
"""The commands of this project. They need nothing but Python 3.11 or later:

    python3 scripts/dev.py run [arguments of dicom-workstation]
    python3 scripts/dev.py test [arguments of pytest]
    python3 scripts/dev.py lint | format | bench | setup

Each makes the environment (.venv) if it is missing or out of date. On Linux it also looks for the system libraries
that Qt needs and, before the tests, for the peers; a Debian-like system gets what is missing, by sudo if need be.
`make run` and `make test` call this; Windows and macOS have the same commands without make.
"""

import ctypes
import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

# Whoever starts this may have any Python: up to here the words are those of Python 3.6.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        f"DICOM Workstation needs Python 3.11 or later; this is {'.'.join(map(str, sys.version_info[:3]))}. "
        "If a later one is installed, start with that: make run PYTHON=python3.12, or python3.12 scripts/dev.py run"
    )

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "made-from.json"

# What Qt's own modules are linked with, and the Debian packages that have it. The window cannot open without.
QT_LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
}
# What a window on X needs as well; Wayland does not.
X_LIBRARIES = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
# Real peers and a real X window; the tests that use one are skipped without it.
TEST_PROGRAMS = {
    "echoscu": "dcmtk",
    "Orthanc": "orthanc",
    "tshark": "tshark",
    "tcpdump": "tcpdump",
    "Xvfb": "xvfb",
    "xdotool": "xdotool",
    "initdb": "postgresql",
}
# DCMTK's library, which the benchmarks measure as well; without it its rows are left out.
BENCH_FILES = {"/usr/bin/g++": "g++", "/usr/include/dcmtk/dcmnet/assoc.h": "libdcmtk-dev"}

# About as long as all other tests together.
SECOND_HALF = ("tests/ui", "tests/traffic", "tests/scu", "tests/interop")
# Seconds. What hangs where no timeout of a test's reaches it, such as at the end of a process, must not hang for good.
LONGEST_HALF = 25 * 60


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status."""
    commands = {"run": run, "test": test, "lint": lint, "format": reformat, "bench": bench, "setup": setup}
    if not arguments or arguments[0] not in commands:
        print(__doc__)
        return 0 if arguments and arguments[0] in ("-h", "--help", "help") else 2
    try:
        return commands[arguments[0]](list(arguments[1:]))
    except MissingError as sentence:
        return complain(str(sentence))
    except subprocess.CalledProcessError as error:
        return complain(f"This did not work: {shlex.join(map(str, error.cmd))}\nMend what it says above, then repeat.")
    except KeyboardInterrupt:
        return 130


# ------------------------------------------------------------------------------------------------ the commands
def run(arguments: list[str]) -> int:
    """Open the window."""
    prepare(dev=False)
    return become([PYTHON, "-m", "workstation", *arguments])


def test(arguments: list[str]) -> int:
    """The checks of `lint`, then the test suite; with arguments only the tests that they choose."""
    prepare(dev=True)
    checks = 0 if arguments else lint([])
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    # Hundreds of tests wait for other programs. On a machine that stalls one of them gets a second try, and the summary
    # names it; a person at the keyboard sees the first failure.
    again = ["--reruns", "1"] if os.environ.get("CI") else []
    os.environ["PYTHONFAULTHANDLER"] = "1"
    pytest: list[str | Path] = [PYTHON, "-m", "pytest", *again]
    tests = call([*pytest, *arguments], ROOT) if arguments else both_halves(pytest)
    if checks:
        complain("Ruff, mypy or import-linter found something: see above the tests, or make lint.")
    return tests or checks


def both_halves(pytest: list[str | Path]) -> int:
    """Run all tests in two processes at once: many of them wait for a peer or a clock. The second half is said last."""
    with tempfile.TemporaryFile() as said:
        second = subprocess.Popen([*pytest, *SECOND_HALF], cwd=ROOT, stdout=said, stderr=subprocess.STDOUT)
        print(f"{' and '.join(SECOND_HALF)} run meanwhile; what they say comes last.", flush=True)
        first = call([*pytest, "tests", *[f"--ignore={folder}" for folder in SECOND_HALF]], ROOT, LONGEST_HALF)
        status = until_it_ends(second, LONGEST_HALF)
        said.seek(0)
        shutil.copyfileobj(said, sys.stdout.buffer)
        sys.stdout.flush()
    return first or status


def lint(_: list[str]) -> int:
    """Ruff, its formatter, mypy and the contracts between the floors."""
    prepare(dev=True)
    return run_all([["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"], ["lint-imports"]])


def reformat(_: list[str]) -> int:
    """Format, and mend what can be mended without thinking."""
    prepare(dev=True)
    return run_all([["ruff", "check", "--fix", "-q", "."], ["ruff", "format", "."]])


def bench(arguments: list[str]) -> int:
    """Measure, with the peers side by side."""
    prepare(dev=True)
    install_for_benchmarks()
    return become([PYTHON, ROOT / "tests" / "benchmarks" / "run.py", *arguments])


def setup(_: list[str]) -> int:
    """Make the environment and nothing else."""
    prepare(dev=True)
    return 0


def run_all(tools: list[list[str]]) -> int:
    """Run each of the environment's tools, whatever the others say; 1 if one of them failed."""
    commands = [[str(BIN / tool), *arguments] for tool, *arguments in tools]
    statuses = [subprocess.run(command, cwd=ROOT, check=False).returncode for command in commands]
    return int(any(statuses))


def become(command: list[str | Path]) -> int:
    """Run the last command of all; where the system can, in place of this process, so that it gets the signals."""
    sys.stdout.flush()
    if os.name == "posix":
        os.execv(command[0], [str(part) for part in command])
    return call(command)


def call(command: list[str | Path], folder: Path | None = None, limit: float | None = None) -> int:
    """Run a command; Ctrl+C is the command's, which ends in its own way."""
    return until_it_ends(subprocess.Popen(command, cwd=folder), limit)


def until_it_ends(process: "subprocess.Popen[bytes]", limit: float | None = None) -> int:
    """Wait for a process, whatever a person types; returns its exit status.

    One that takes longer than `limit` seconds is ended; Python then says where each of its threads is.
    """
    end = None if limit is None else time.monotonic() + limit
    while True:
        try:
            return process.wait(None if end is None else max(0.0, end - time.monotonic()))
        except KeyboardInterrupt:
            continue
        except subprocess.TimeoutExpired:
            complain(f"This takes too long and is ended: {process.args!r}")
            process.send_signal(getattr(signal, "SIGABRT", signal.SIGTERM))
            return process.wait()


# --------------------------------------------------------------------------------------------- the environment
def prepare(*, dev: bool) -> None:
    """Make sure that .venv has what pyproject.toml says; quick when it has."""
    wanted = {"place": place(), "content": content(), "dev": dev}
    made = stamp()
    kept = PYTHON.exists() and made.get("place") == wanted["place"]
    install_system_packages(dev=dev, pip=not kept)
    if kept and made in (wanted, {**wanted, "dev": True}):
        return
    if not kept:
        print("Making .venv ...", flush=True)
        make_environment()
    # An installation that is cut short leaves no stamp, and the next one begins anew.
    STAMP.unlink(missing_ok=True)
    install(dev=dev)
    STAMP.write_text(json.dumps(wanted))


def place() -> str:
    """What an environment cannot change after it was made: its folder and its Python."""
    return f"{ROOT} {sys.base_prefix} {sys.version_info.major}.{sys.version_info.minor}"


def content() -> str:
    """What is installed in it."""
    return hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()


def stamp() -> dict[str, object]:
    """What the environment was made from; empty if it is not there or not complete."""
    try:
        made = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return made if isinstance(made, dict) else {}


def make_environment() -> None:
    """A virtual environment with a pip of its own, also from a Python that has pip but no ensurepip."""
    bare = not has("ensurepip")
    subprocess.run([sys.executable, "-m", "venv", "--clear", *["--without-pip"] * bare, VENV], check=True)
    if bare:
        subprocess.run([sys.executable, "-m", "pip", "--python", PYTHON, "install", "--quiet", "pip"], check=True)


def install(*, dev: bool) -> None:
    """Install the project, so that changes in the checkout count at once, and what it depends on."""
    print(f"Installing {'the development environment' if dev else 'DICOM Workstation'} ...", flush=True)
    # From inside the folder, whose own name may have brackets or a # in it.
    target = ".[dev]" if dev else "."
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--editable", target]
    subprocess.run(command, check=True, cwd=ROOT)


# -------------------------------------------------------------------------------------------------- the system
class MissingError(Exception):
    """Something without which there is no going on; the text says what to do."""


def install_system_packages(*, dev: bool, pip: bool) -> None:
    """See to what the environment cannot bring along; raises MissingError if there is no going on without."""
    missing = missing_from_system(dev=dev, pip=pip)
    if not missing:
        return
    packages = sorted(set(missing.values()))
    remedy = f"Please install them; Debian's packages are {' '.join(packages)}."
    if shutil.which("apt-get"):
        remedy = f"Please run: sudo apt-get install {' '.join(packages)}"
        # A password is asked for when everything is new, not again and again for a peer that somebody does without.
        root = as_root(ask=pip)
        if root is not None:
            apt_get(root, packages)
            missing = missing_from_system(dev=dev, pip=pip)
    if not missing:
        return
    sentence = f"Missing from this system: {', '.join(missing)}. {remedy}"
    if missing.keys() - X_LIBRARIES.keys() - TEST_PROGRAMS.keys():
        raise MissingError(sentence)
    complain(sentence)


def install_for_benchmarks() -> None:
    """Get what a peer of the benchmarks is built with, where that can be had without asking."""
    packages = [package for path, package in BENCH_FILES.items() if not Path(path).exists()]
    if packages and shutil.which("apt-get"):
        root = as_root(ask=False)
        if root is not None:
            apt_get(root, packages)


def missing_from_system(*, dev: bool, pip: bool) -> dict[str, str]:
    """What is not there, with its Debian package."""
    missing = {}
    if sys.platform.startswith("linux"):
        missing = {name: package for name, package in (QT_LIBRARIES | X_LIBRARIES).items() if not loads(name)}
        if dev:
            # Debian keeps PostgreSQL's programs by version, out of the path.
            servers = ":".join(map(str, Path("/usr/lib/postgresql").glob("*/bin")))
            path = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:{servers}"
            missing |= {name: package for name, package in TEST_PROGRAMS.items() if not shutil.which(name, path=path)}
    if pip and not has("ensurepip") and not has("pip"):
        missing["Python's ensurepip"] = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    return missing


def as_root(*, ask: bool) -> list[str] | None:
    """What comes before a command to run it as root; None where that is not allowed."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        if subprocess.run(["sudo", "-n", "true"], check=False, capture_output=True).returncode == 0:
            return ["sudo", "-n"]
        if ask and sys.stdin.isatty():
            return ["sudo"]
    return None


def apt_get(root: list[str], packages: list[str]) -> None:
    """Install Debian packages; what goes wrong, apt-get says itself."""
    print(f"Installing system packages: {' '.join([*root, 'apt-get', 'install', *packages])}", flush=True)
    apt = "DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120"
    # An update fails if any source does, needed or not.
    script = f"{apt} update; {apt} install -y --no-install-recommends {shlex.join(packages)}"
    services = [package for package in packages if package in ("orthanc", "postgresql")]
    if services and shutil.which("systemctl"):
        # Debian starts them as services at once; the tests want only the programs.
        script += f"; systemctl disable --now --quiet {shlex.join(services)} 2>/dev/null"
    subprocess.run([*root, "sh", "-c", script], check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def loads(library: str) -> bool:
    """Whether a shared library can be loaded, wherever it came from."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def has(module: str) -> bool:
    """Whether this Python has a module; a new process is asked, as one may have been installed meanwhile."""
    return subprocess.run([sys.executable, "-c", f"import {module}"], check=False, capture_output=True).returncode == 0


def complain(sentence: str) -> int:
    """Say what is wrong; returns the exit status."""
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
