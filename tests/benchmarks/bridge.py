"""Speed of the whole path from wire to window, to be run by hand: `python tests/benchmarks/bridge.py [objects] [KiB]`.

A client thread stores objects at a server in the same process; both sides are recorded, drained by the bridge and
folded into a log in the GUI thread, where a timer measures how long the event loop was away.
"""

from __future__ import annotations

import os
import sys
import threading
import time

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from pydicom.dataset import Dataset, FileMetaDataset
from PySide6.QtCore import QCoreApplication, QTimer

from workstation.net import AE, evt
from workstation.traffic.log import TrafficLog
from workstation.ui.bridge import Bridge

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"


def image(size: int) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = EXPLICIT
    dataset.SOPClassUID = CT
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.add_new(0x7FE00010, "OW", bytes(size))
    return dataset


def main(objects: int = 500, size: int = 512) -> None:
    app = QCoreApplication([])
    bridge = Bridge()
    log = TrafficLog()
    folding = [0.0]

    def fold(records: object) -> None:
        start = time.perf_counter()
        log.add(records)  # type: ignore[arg-type]
        folding[0] += time.perf_counter() - start

    bridge.batch.connect(fold)
    gaps: list[float] = []
    last = [time.perf_counter()]

    def tick() -> None:
        now = time.perf_counter()
        gaps.append(now - last[0])
        last[0] = now

    timer = QTimer()
    timer.timeout.connect(tick)
    timer.start(1)

    server_ae = AE(ae_title="SERVER")
    server_ae.maximum_pdu_size = 131072
    server_ae.add_supported_context(CT, EXPLICIT)
    handlers = [*bridge.recorder.handlers(), (evt.EVT_C_STORE, lambda event: 0)]
    server = server_ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    client = AE(ae_title="CLIENT")
    client.add_requested_context(CT, EXPLICIT)
    elapsed = [0.0]

    def send() -> None:
        dataset = image(size * 1024)
        assoc = client.associate(*server.server_address[:2], evt_handlers=bridge.recorder.handlers())
        start = time.perf_counter()
        for _ in range(objects):
            assert assoc.send_c_store(dataset).Status == 0
        elapsed[0] = time.perf_counter() - start
        assoc.release()

    thread = threading.Thread(target=send, name="client")
    thread.start()
    while thread.is_alive() or bridge.waiting:
        app.processEvents()
        time.sleep(0.0005)
    thread.join()
    server.shutdown()
    recorder, megabytes = bridge.recorder, objects * size / 1024
    per_record = folding[0] / max(bridge.records, 1) * 1e6
    median = sorted(gaps)[len(gaps) // 2]
    print(f"{megabytes:.0f} MiB in {elapsed[0]:.2f} s: {megabytes / elapsed[0]:.0f} MiB/s")
    print(f"{bridge.records} records in {bridge.batches} batches, {bridge.lost} lost, {recorder.cut_bytes} bytes cut")
    print(f"folding {per_record:.1f} µs a record; longest drain {bridge.longest_drain * 1e3:.1f} ms")
    print(f"longest gap of the event loop {max(gaps) * 1e3:.1f} ms, median {median * 1e3:.1f} ms")
    print(f"log: {log.rows} rows, {log.kept_bytes >> 20} MiB kept, {log.dropped_bytes >> 20} MiB let go")
    bridge.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
