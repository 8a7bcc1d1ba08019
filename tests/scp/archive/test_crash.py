"""The server is killed while peers send: what was acknowledged is there and whole, nothing half is to be seen."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from scp_objects import CT, EXPLICIT, encode, files_of, make_object

from workstation.net import AE, build_context
from workstation.scp.archive.archive import Archive
from workstation.scp.query.levels import Level, Model

PATIENCE = 20.0

SERVER = """
    import sys, threading
    from pathlib import Path
    from workstation.scp.archive.archive import Archive
    from workstation.scp.server import TestServer
    from workstation.scp.ledger import Ledger
    from workstation.scp.profiles import Profile
    archive = Archive(Path({folder!r}))
    ledger = Ledger("sqlite:///" + {folder!r} + "/ledger.sqlite")
    server = TestServer(Profile(port={port}), archive, ledger, dict().get)
    server.start()
    print("ready", flush=True)
    threading.Event().wait()
"""


def object_of(sender: int, number: int) -> Dataset:
    """About 60 kB, so that a kill meets many in the middle."""
    made = make_object(1, InstanceNumber=number, PixelData=random.Random(number).randbytes(60_000))
    made.SOPInstanceUID = f"1.2.3.{sender}.{number}"
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return made


class Sender(threading.Thread):
    """Sends objects one by one until the server is gone, and notes which were acknowledged."""

    def __init__(self, number: int, port: int, first: int) -> None:
        super().__init__(name=f"sender-{number}")
        self.number, self.port, self.next = number, port, first
        self.acknowledged: list[int] = []

    def run(self) -> None:
        association = AE().associate("127.0.0.1", self.port, contexts=[build_context(CT, EXPLICIT)])
        while association.is_established:
            status = association.send_c_store(object_of(self.number, self.next))
            if "Status" in status and status.Status == 0x0000:
                self.acknowledged.append(self.next)
            self.next += 1


KILLS = int(os.environ.get("WORKSTATION_KILLS", "3"))


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is not of this system")
def test_what_was_acknowledged_survives_kills_in_the_middle_of_sends(tmp_path: Path, free_port: int) -> None:
    folder = tmp_path / "archive"
    program = textwrap.dedent(SERVER.format(port=free_port, folder=str(folder)))
    chance = random.Random(1)
    acknowledged: set[tuple[int, int]] = set()
    first = 0
    for _ in range(KILLS):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            senders = [Sender(number, free_port, first) for number in range(3)]
            for sender in senders:
                sender.start()
            # Not a wait for something to happen: the moment of a crash is nobody's choice.
            threading.Event().wait(chance.uniform(0.1, 0.5))
            server.send_signal(signal.SIGKILL)
            for sender in senders:
                sender.join(PATIENCE)
                assert not sender.is_alive()
                acknowledged |= {(sender.number, number) for number in sender.acknowledged}
            first = max(sender.next for sender in senders)
    assert acknowledged, "nothing was sent before the kills"

    archive = Archive(folder)
    try:
        stored = {}
        for path in files_of(archive):
            assert path.suffix == ".dcm", "no half file is left"
            found = pydicom.dcmread(path)
            origin, number = map(int, str(found.SOPInstanceUID).split(".")[-2:])
            assert path.read_bytes().endswith(encode(object_of(origin, number))), "whole"
            stored[origin, number] = path
        assert acknowledged <= set(stored)
        assert archive.counts()[Level.IMAGE] == len(stored)
        identifier = Dataset()
        identifier.StudyInstanceUID = object_of(0, 0).StudyInstanceUID
        located = archive.matches_for_retrieve(Level.STUDY, Model.STUDY_ROOT, identifier)
        assert {one.path for one in located} == set(stored.values())
    finally:
        archive.close()
