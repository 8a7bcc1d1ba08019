"""The benchmark command (`make bench`): this project, DCMTK and pynetdicom on the same work, side by side.

    python tests/benchmarks/run.py [--rounds 3] [--only echo,associate,store,window,viewers] [--json FILE]

Every row is run in turn for each pairing of client and server, `rounds` times, and its median is printed with the ratio
to DCMTK with itself. Files lie in memory where the system has such a place. Not part of the test suite: a time that is
asserted is a test that fails on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "interop")]

from objects import make_objects  # noqa: E402
from peers import port, process, require_program, run, storescp  # noqa: E402

ECHOES, ASSOCIATIONS, OBJECTS, SIZE = 1000, 100, 200, 512 * 1024

SERVER = """
import sys
from {package} import AE, evt
from {package}.sop_class import CTImageStorage, Verification
ae = AE("BENCH")
ae.maximum_pdu_size = 131072
ae.add_supported_context(Verification)
ae.add_supported_context(CTImageStorage, "1.2.840.10008.1.2.1")
def store(event):
    with open(sys.argv[2] + "/" + event.request.AffectedSOPInstanceUID, "wb") as file:
        file.write(event.encoded_dataset())
    return 0
ae.start_server(("127.0.0.1", int(sys.argv[1])), evt_handlers=[(evt.EVT_C_STORE, store)])
"""
CLIENT = """
import sys, time
from pathlib import Path
from {package} import AE, _config
from {package}.sop_class import CTImageStorage, Verification
_config.STORE_SEND_CHUNKED_DATASET = True
work, number, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
ae = AE("BENCH")
ae.add_requested_context(Verification)
ae.add_requested_context(CTImageStorage, "1.2.840.10008.1.2.1")
files = sorted(Path(sys.argv[4]).iterdir()) if work == "store" else []
ae.dimse_timeout = 2
lost = 0.0


def sure(operation):
    # pynetdicom's client now and then loses an answer that comes fast, and aborts: not counted, done again
    global assoc, lost
    while True:
        begun = time.perf_counter()
        if "Status" in operation():
            return
        assoc = ae.associate("127.0.0.1", number)
        lost += time.perf_counter() - begun


started = time.perf_counter()
if work == "associate":
    for _ in range(count):
        assoc = ae.associate("127.0.0.1", number)
        sure(lambda: assoc.send_c_echo())
        assoc.release()
else:
    assoc = ae.associate("127.0.0.1", number)
    started = time.perf_counter()
    if work == "echo":
        for _ in range(count):
            sure(lambda: assoc.send_c_echo())
    else:
        for path in files:
            sure(lambda: assoc.send_c_store(path))
    assoc.release()
print(time.perf_counter() - started - lost)
"""
PACKAGES = {"ours": "workstation.net", "pynetdicom": "pynetdicom"}


@contextmanager
def server(kind: str, folder: Path) -> Iterator[int]:
    """A running server of one kind, storing into `folder`."""
    if kind == "DCMTK":
        with storescp(folder, "+B", "-pdu", "131072") as number:
            yield number
        return
    number = port()
    with process([sys.executable, "-c", SERVER.format(package=PACKAGES[kind]), number, folder], number):
        yield number


def client(kind: str, work: str, number: int, count: int, files: Path) -> float:
    """Seconds that one client takes for the work; a program's start is not counted where it can be told apart."""
    if kind != "DCMTK":
        code = CLIENT.format(package=PACKAGES[kind])
        command = [sys.executable, "-c", code, work, str(number), str(count), str(files)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
        return float(done.stdout.split()[-1])
    started = time.perf_counter()
    if work == "echo":
        done = run("echoscu", "--repeat", count, "127.0.0.1", number, timeout=300)
    elif work == "store":
        done = run("storescu", "--max-send-pdu", 131072, "+sd", "127.0.0.1", number, files, timeout=300)
    else:
        raise ValueError(work)
    assert done.returncode == 0, done.stderr
    return time.perf_counter() - started


def rows(only: set[str], rounds: int, scratch: Path) -> list[dict[str, object]]:
    """Run everything; one dict a row."""
    files = scratch / "objects"
    make_objects(files, OBJECTS, SIZE)
    works: dict[str, tuple[int, str, Callable[[float], float]]] = {
        "echo": (ECHOES, "C-ECHO/s on one association", lambda seconds: ECHOES / seconds),
        "associate": (ASSOCIATIONS, "associate + echo + release /s", lambda seconds: ASSOCIATIONS / seconds),
        "store": (OBJECTS, "C-STORE MB/s, 512 KiB objects", lambda seconds: OBJECTS * SIZE / 1e6 / seconds),
    }
    result: list[dict[str, object]] = []
    for work, (count, title, figure) in works.items():
        if work not in only:
            continue
        pairs = [(c, s) for c in ("ours", "DCMTK", "pynetdicom") for s in ("ours", "DCMTK", "pynetdicom")]
        if work == "associate":
            pairs = [(c, s) for c, s in pairs if c != "DCMTK"]  # DCMTK has no client that repeats associations
        seen: dict[tuple[str, str], list[float]] = {pair: [] for pair in pairs}
        for turn in range(rounds):
            for pair in pairs:
                target = scratch / f"{work}-{turn}-{pair[0]}-{pair[1]}"
                target.mkdir()
                with server(pair[1], target) as number:
                    seen[pair].append(figure(client(pair[0], work, number, count, files)))
                for path in target.iterdir():
                    path.unlink()
        base = statistics.median(seen.get(("DCMTK", "DCMTK"), seen[("pynetdicom", "pynetdicom")]))
        for (c, s), figures in seen.items():
            median = statistics.median(figures)
            result.append({"work": title, "client": c, "server": s, "figure": median, "ratio": median / base})
    return result


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="echo,associate,store,window,viewers")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    only = set(options.only.split(","))
    require_program("storescp")
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, {options.rounds} rounds")
    with tempfile.TemporaryDirectory(dir=memory) as scratch:
        result = rows(only, options.rounds, Path(scratch))
    print(f"{'work':34} {'client':>10} {'server':>10} {'median':>10} {'ratio':>7}")
    for row in result:
        print(f"{row['work']:34} {row['client']:>10} {row['server']:>10} {row['figure']:10.0f} {row['ratio']:7.2f}")
    if "window" in only:
        subprocess.run([sys.executable, HERE / "window.py", "--compare", str(options.rounds)], check=True)
    if "viewers" in only:
        subprocess.run([sys.executable, HERE / "million.py"], check=True)
        subprocess.run([sys.executable, HERE / "filter.py"], check=True)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
