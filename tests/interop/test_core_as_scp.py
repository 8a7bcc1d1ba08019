"""The core as service provider: DCMTK's and pynetdicom's clients against `AE.start_server`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peers import run
from pydicom import dcmread
from pynetdicom_process import pynetdicom

from workstation.net import AE, AllStoragePresentationContexts, evt
from workstation.net._globals import ALL_TRANSFER_SYNTAXES
from workstation.net.listener import AssociationServer
from workstation.net.sop_class import Verification


@pytest.fixture
def server() -> Iterator[tuple[AssociationServer, dict[str, bytes]]]:
    stored: dict[str, bytes] = {}

    def on_store(event: Any) -> int:
        stored[event.request.AffectedSOPInstanceUID] = event.encoded_dataset(include_meta=False)
        return 0x0000

    ae = AE("OURS")
    ae.maximum_pdu_size = 131072
    ae.add_supported_context(Verification)
    for context in AllStoragePresentationContexts:
        ae.add_supported_context(context.abstract_syntax or "", ALL_TRANSFER_SYNTAXES)
    running = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, on_store)])
    assert running is not None
    yield running, stored
    running.shutdown()


def test_echoscu(server: tuple[AssociationServer, dict[str, bytes]]) -> None:
    done = run("echoscu", "-v", "--repeat", 3, "127.0.0.1", server[0].server_address[1])
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Received Echo Response (Success)") == 3


@pytest.mark.parametrize("pdu", [4096, 16384, 131072])
def test_storescu_keeps_every_byte(server: tuple[AssociationServer, dict[str, bytes]], samples: Path, pdu: int) -> None:
    files = sorted((samples / "ct-chest").glob("*.dcm"))
    done = run("storescu", "-v", "--max-pdu", pdu, "127.0.0.1", server[0].server_address[1], *files)
    assert done.returncode == 0, done.stderr
    assert len(server[1]) == len(files)
    for path in files:
        kept = server[1][dcmread(path, stop_before_pixels=True).SOPInstanceUID]
        assert path.read_bytes().endswith(kept[-4096:])


def test_storescu_sends_compressed_objects(server: tuple[AssociationServer, dict[str, bytes]], samples: Path) -> None:
    for option, name in (("-xr", "rle-chest.dcm"), ("-xt", "jpegls-chest.dcm"), ("-xv", "jpeg2000-head.dcm")):
        done = run("storescu", option, "127.0.0.1", server[0].server_address[1], samples / name)
        assert done.returncode == 0, done.stderr
    assert len(server[1]) == 3


def test_pynetdicoms_client(server: tuple[AssociationServer, dict[str, bytes]], samples: Path) -> None:
    files = sorted((samples / "ct-chest").glob("*.dcm"))[:3]
    with pynetdicom("archive_program") as client:
        sent = client.call("send", port=server[0].server_address[1], paths=[str(path) for path in files])
    assert sent == {"codes": [0x0000] * 4, "released": True}
    assert len(server[1]) == 3
