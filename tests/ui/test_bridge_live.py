"""All 17 notification events of the real core reach a viewer as signals of the one bridge."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pytestqt.qtbot import QtBot

from workstation.net import AE, evt
from workstation.traffic.log import TrafficLog
from workstation.traffic.record import NOTIFICATIONS, Record
from workstation.ui.bridge import Bridge, signal_name

VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"


@pytest.fixture
def bridge(qtbot: QtBot) -> Iterator[Bridge]:
    bridge = Bridge()
    yield bridge
    bridge.close()
    bridge.deleteLater()


def find(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
    yield 0xFF00, event.identifier


def image() -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    dataset.SOPClassUID = CT
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.add_new(0x7FE00010, "OW", bytes(50_000))
    return dataset


def test_echo_store_find_abort_reject_and_release(qtbot: QtBot, bridge: Bridge) -> None:
    seen: dict[str, list[Record]] = {name: [] for name in NOTIFICATIONS}
    for name, records in seen.items():
        getattr(bridge, signal_name(name)).connect(records.extend)
    log = TrafficLog()
    bridge.batch.connect(log.add)

    server_ae = AE(ae_title="SERVER")
    server_ae.require_called_aet = True
    client = AE(ae_title="CLIENT")
    for abstract in (VERIFICATION, CT, FIND):
        server_ae.add_supported_context(abstract)
        client.add_requested_context(abstract)
    handlers = [*bridge.recorder.handlers(), (evt.EVT_C_STORE, lambda event: 0), (evt.EVT_C_FIND, find)]
    server = server_ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    port = server.server_address[1]

    def drive() -> None:
        mine = bridge.recorder.handlers()
        assoc = client.associate("127.0.0.1", port, ae_title="SERVER", evt_handlers=mine)
        assoc.send_c_echo()
        assoc.send_c_store(image())
        keys = Dataset()
        keys.QueryRetrieveLevel = "PATIENT"
        keys.PatientName = "*"
        list(assoc.send_c_find(keys, FIND))
        assoc.release()
        client.associate("127.0.0.1", port, ae_title="SERVER", evt_handlers=mine).abort()
        client.associate("127.0.0.1", port, ae_title="NOBODY", evt_handlers=mine)

    thread = threading.Thread(target=drive, name="client")
    thread.start()
    try:
        qtbot.waitUntil(
            lambda: len(log) == 6 and all(conversation.finished for conversation in log.conversations), timeout=20_000
        )
        thread.join()
        qtbot.waitUntil(lambda: bridge.waiting == 0)
    finally:
        server.shutdown()
    assert [name for name, records in seen.items() if not records] == []
    words = sorted(conversation.state_word for conversation in log.conversations)
    assert words == [
        "Aborted by the peer",
        "Aborted by us",
        "Rejected by the peer",
        "Rejected by us",
        "Released",
        "Released",
    ]
    names = [row.name for row in log.conversations[0].rows]
    assert names == [
        "A-ASSOCIATE-RQ",
        "A-ASSOCIATE-AC",
        "C-ECHO-RQ",
        "C-ECHO-RSP",
        "C-STORE-RQ",
        "C-STORE-RSP",
        "C-FIND-RQ",
        "C-FIND-RSP",
        "C-FIND-RSP",
        "A-RELEASE-RQ",
        "A-RELEASE-RP",
    ]
    assert not any(conversation.problems for conversation in log.conversations)
