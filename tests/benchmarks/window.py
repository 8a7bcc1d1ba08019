"""The window under load: 500 CT objects of 512 KiB sent from it to its own server.

    python tests/benchmarks/window.py [--objects 500] [--durable] [--panes usual|all|none]
    python tests/benchmarks/window.py --compare 5

Prints the rate, how long the event loop was away at most (Qt timer, 2 ms), what the log kept and dropped, and the
memory; then proves that every object is in the archive, byte for byte. `--compare` runs with all panes in sight and
with none, in turn, each in a process of its own, and prints the medians and their ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "interop"), str(HERE.parent / "ui")]

from PySide6.QtCore import QTimer  # noqa: E402, I001
from PySide6.QtWidgets import QApplication  # noqa: E402
from qasync import QEventLoop  # noqa: E402

from dialog_kit import running_services  # noqa: E402
from objects import make_objects  # noqa: E402
from peers import port  # noqa: E402

from workstation.ui.collecting import Collecting  # noqa: E402
from workstation.ui.window.main_window import MainWindow  # noqa: E402
from workstation.ui.viewers.viewers import Viewers  # noqa: E402


class Gaps:
    """Times between two turns of the event loop."""

    def __init__(self) -> None:
        self.seen: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setInterval(2)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.seen.append(now - self._last)
        self._last = now

    def report(self, phase: str) -> None:
        """Print, and begin anew."""
        seen, self.seen = sorted(self.seen), []
        if seen:
            p99 = seen[int(len(seen) * 0.99)] * 1000
            print(f"{phase:8} longest gap {seen[-1] * 1000:4.0f} ms, 99th percentile {p99:4.0f} ms, {len(seen)} turns")

    def stop(self) -> None:
        """Measure no more."""
        self._timer.stop()


class _Waiting:
    """What `running_services` needs of pytest-qt."""

    def waitUntil(self, check, timeout: int = 1000) -> None:
        end = time.monotonic() + timeout / 1000
        while not check():
            QApplication.processEvents()
            assert time.monotonic() < end


async def _job_of(dialog) -> None:
    """Wait until the dialog's job has begun and ended."""
    while dialog._job is None:
        await asyncio.sleep(0.002)
    while dialog._job is not None:
        await asyncio.sleep(0.01)


async def measure(folder: Path, objects: int, *, durable: bool, panes: str) -> None:
    """Make the objects, send them through the dialog, compare."""
    files = make_objects(folder / "objects", objects, 512 * 1024)
    size = sum(path.stat().st_size for path in files)
    with running_services(_Waiting(), folder, port()) as services:
        assert services.archive is not None
        services.archive.durable = durable
        window = MainWindow(services, Viewers(services.bridge, services.log, services.theme, services.tasks))
        window.resize(1440, 900)
        window.show()
        if panes != "usual":
            for dock in window.docks.values():
                # Floating, so that none is behind another.
                dock.setFloating(panes == "all")
                dock.setVisible(panes == "all")
        collecting = Collecting(services.bridge.batch)  # as the program does
        collecting.begin()
        await asyncio.sleep(0.5)
        gaps = Gaps()
        dialog = window.open_send()
        assert dialog is not None
        dialog.add_paths([folder / "objects"])
        await _job_of(dialog)
        gaps.report("scan")
        started = time.perf_counter()
        dialog.send_button.click()
        await _job_of(dialog)
        seconds = time.perf_counter() - started
        print(f"store    {objects} objects, {size / 1e6:.0f} MB in {seconds:.2f} s: {size / 1e6 / seconds:.0f} MB/s")
        print(f"         {dialog.outcome.text}")
        gaps.report("store")
        while services.bridge.waiting:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)
        gaps.report("after")
        gaps.stop()
        collecting.end()
        drains = services.bridge.batches, services.bridge.longest_drain * 1000
        print(f"bridge   {drains[0]} batches, the longest taking in {drains[1]:.0f} ms, {services.bridge.lost} lost")
        print(f"log      {services.log.dropped_rows} rows and {services.log.dropped_bytes / 1e6:.0f} MB let go")
        print(f"memory   {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB at most")
        dialog.close()
        window.close()
    contents = [path.read_bytes() for path in (folder / "data" / "archive").rglob("*") if path.is_file()]
    stored = {content[-512 * 1024 :] for content in contents if len(content) > 512 * 1024}
    missing = [path for path in files if path.read_bytes()[-512 * 1024 :] not in stored]
    print(f"archive  {objects - len(missing)} of {objects} objects byte for byte")
    if missing:
        raise SystemExit(1)


def compare(rounds: int, objects: int) -> None:
    """All panes in sight and none, in turn."""
    rates: dict[str, list[float]] = {"all": [], "none": []}
    gaps: dict[str, list[float]] = {"all": [], "none": []}
    for _ in range(rounds):
        for panes in rates:
            command = [sys.executable, __file__, "--objects", str(objects), "--panes", panes]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            rates[panes].append(float(re.search(r"([\d.]+) MB/s", done.stdout)[1]))
            gaps[panes].append(float(re.search(r"^store .*longest gap +([\d.]+) ms", done.stdout, re.MULTILINE)[1]))
            print(f"{panes:5} {rates[panes][-1]:6.0f} MB/s, longest gap {gaps[panes][-1]:4.0f} ms", flush=True)
    with_panes, without = median(rates["all"]), median(rates["none"])
    print(f"medians: all panes {with_panes:.0f} MB/s, none {without:.0f} MB/s, ratio {with_panes / without:.2f}")
    print(f"longest gap with all panes: median {median(gaps['all']):.0f} ms, worst {max(gaps['all']):.0f} ms")


def main() -> None:
    """Run once, or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=500)
    parser.add_argument("--durable", action="store_true")
    parser.add_argument("--panes", choices=("usual", "all", "none"), default="usual")
    parser.add_argument("--compare", type=int, default=0, metavar="ROUNDS")
    options = parser.parse_args()
    if options.compare:
        compare(options.compare, options.objects)
        return
    sys.setswitchinterval(0.0002)  # as the program does
    application = QApplication([])
    loop = QEventLoop(application)
    asyncio.set_event_loop(loop)
    memory = "/dev/shm" if Path("/dev/shm").is_dir() and not options.durable else None
    with tempfile.TemporaryDirectory(dir=memory) as scratch, loop:
        loop.run_until_complete(measure(Path(scratch), options.objects, durable=options.durable, panes=options.panes))


if __name__ == "__main__":
    main()
