"""A million PDUs in the window: how long it takes to see them, to filter, to jump and to scroll.

    python tests/benchmarks/million.py [--pdus 1000000]

Half of the PDUs are requests, half their responses, each a message of its own: the most rows that so many PDUs can
make. They are folded into a log as a capture would be and opened in the whole main window (offscreen unless
QT_QPA_PLATFORM says otherwise). Prints milliseconds, and the longest time that the event loop was away in each phase.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), *(str(HERE.parent / room) for room in ("", "interop", "ui", "traffic"))]

from PySide6.QtWidgets import QApplication  # noqa: E402, I001
from qasync import QEventLoop  # noqa: E402

from dialog_kit import running_services  # noqa: E402
from peers import port  # noqa: E402
from traffic_wire import ECHO_RQ, ECHO_RSP, Wire  # noqa: E402
from window import Gaps, _Waiting  # noqa: E402

from workstation.net.codec.dimse import encode_command  # noqa: E402
from workstation.net.codec.pdu import P_DATA_TF, PDV, encode_pdu  # noqa: E402
from workstation.traffic.filters.filter import Filter  # noqa: E402
from workstation.traffic.log import TrafficLog  # noqa: E402
from workstation.ui.viewers.viewers import Viewers  # noqa: E402
from workstation.ui.window.main_window import MainWindow  # noqa: E402

FILTERS = ("status != 0", "dimse == C-ECHO-RSP", "direction == sent and size < 100", "message_id == 7")


def make_log(pdus: int) -> TrafficLog:
    """An association of so many PDUs."""
    log = TrafficLog(max_rows=10 * pdus, max_bytes=8 << 30, source="million.pcapng")
    wire = Wire(1)
    log.add(wire.established())
    request, response = (
        encode_pdu(P_DATA_TF((PDV(1, True, True, encode_command(message)),))) for message in (ECHO_RQ, ECHO_RSP)
    )
    gc.disable()
    left = pdus
    while left > 0:
        # Bytes of their own for each, as they come from a file.
        some = [
            wire.raw(bytes(bytearray(data)), sent=sent)
            for _ in range(min(left, 10_000) // 2)
            for data, sent in ((request, True), (response, False))
        ]
        log.add(some)
        left -= len(some)
    gc.enable()
    gc.freeze()
    return log


def rest(seconds: float) -> None:
    """Let the window do what it still has to do."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        QApplication.processEvents()


class Clock:
    """Times one thing after the other."""

    def __init__(self) -> None:
        self.gaps = Gaps()

    def measure(self, name: str, act: Callable[[], object], over: Callable[[], bool] = lambda: True) -> None:
        """Do it, wait until it is over and painted, and say how long that took."""
        rest(0.3)
        self.gaps.seen.clear()
        start = time.perf_counter()
        act()
        while True:
            QApplication.processEvents()
            if over():
                break
        QApplication.processEvents()
        took = (time.perf_counter() - start) * 1000
        print(f"{name:34} {took:8.1f} ms", flush=True)


def measure(folder: Path, pdus: int) -> None:
    """Everything, one after the other."""
    start = time.perf_counter()
    log = make_log(pdus)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = len(log.conversations[0].rows)
    print(f"{pdus:,} PDUs, {rows:,} messages, folded in {time.perf_counter() - start:.1f} s, {memory:,.0f} MiB")
    with running_services(_Waiting(), folder, port()) as services:
        viewers = Viewers(services.bridge, services.log, services.theme, services.tasks)
        window = MainWindow(services, viewers)
        window.resize(1440, 900)
        window.show()
        for dock in window.docks.values():
            dock.show()
        rest(0.5)
        clock = Clock()
        messages = viewers.messages
        model = messages.messages
        clock.measure("first paint", lambda: viewers.add_capture(log), lambda: model.rowCount() >= rows)
        clock.measure("jump to the end", messages.scrollToBottom)
        clock.measure("jump to the beginning", messages.scrollToTop)
        bar = messages.verticalScrollBar()
        clock.measure("scroll to the middle", lambda: bar.setValue(bar.maximum() // 2))
        for step in range(3):
            clock.measure(f"a page further ({step + 1})", lambda: bar.setValue(bar.value() + bar.pageStep()))
        clock.measure("select a message", lambda: viewers.select_message(rows // 2))
        for text in FILTERS:
            wanted = Filter.of(text)
            clock.measure(
                f"filter {text}",
                lambda wanted=wanted: viewers.set_filter(wanted),
                lambda: not messages.sifting and not viewers.sifting,
            )
            print(f"{'':34} {model.rowCount():8,} messages pass")
        clock.measure("no filter", lambda: viewers.set_filter(None))
        clock.measure("select again", lambda: viewers.select_message(rows // 3))
        for name in ("sequence", "timing", "notes"):
            window.docks[name].raise_()
            clock.measure(f"raise {name}", lambda: None)
            rest(2)
            clock.gaps.report(name)
        clock.gaps.stop()
        window.close()


def main() -> None:
    """Run once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pdus", type=int, default=1_000_000)
    options = parser.parse_args()
    sys.setswitchinterval(0.0002)  # as the program does
    application = QApplication([])
    # Turned by `processEvents`, outside of any task of its own.
    loop = QEventLoop(application, already_running=True)
    asyncio.set_event_loop(loop)
    with tempfile.TemporaryDirectory() as scratch:
        measure(Path(scratch), options.pdus)
    os._exit(0)  # asyncio and Qt would take the running loop apart in an order of their own


if __name__ == "__main__":
    main()
