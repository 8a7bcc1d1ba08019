"""What is copied as a command or a script is run, and the server that answered the first time is asked the same again.

DCMTK and pynetdicom are the real ones; the server is ours, because it records what it is asked.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peers import ENVIRONMENT, require_program, storescp
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread

from workstation.net import AE, build_role, evt
from workstation.net.dsutils import decode_in
from workstation.traffic.conversation import Conversation
from workstation.traffic.decoding.objects import save_object
from workstation.traffic.log import TrafficLog
from workstation.traffic.output.repeat import as_dcmtk, as_python
from workstation.traffic.recorder import Recorder
from workstation.traffic.rows import MessageRow

ROOT = Path(__file__).resolve().parents[2]
CT = ROOT / "resources" / "samples" / "ct-chest" / "01.dcm"
COMPRESSED = ROOT / "resources" / "samples" / "jpeg2000-head.dcm"
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
VERIFICATION = "1.2.840.10008.1.1"
CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
FIND, MOVE, GET = (f"1.2.840.10008.5.1.4.1.2.2.{number}" for number in (1, 2, 3))
WORKLIST = "1.2.840.10008.5.1.4.31"
COMMITMENT = "1.2.840.10008.1.20.1"
PRINTER = "1.2.840.10008.1.20.1.1"
HOSTILE = "';touch p`id`;'"  # an AE title


class Server:
    """Answers everything and records what it is asked."""

    def __init__(self) -> None:
        self._woken = threading.Condition()
        self._recorder = Recorder(self._wake)
        self.log = TrafficLog()
        ae = AE("SERVER")
        for uid in (VERIFICATION, FIND, MOVE, GET, WORKLIST, COMMITMENT):
            ae.add_supported_context(uid)
        head = dcmread(COMPRESSED, stop_before_pixels=True)
        ae.add_supported_context(CT_STORAGE, [EXPLICIT, IMPLICIT], scu_role=True, scp_role=True)
        ae.add_supported_context(head.SOPClassUID, [head.file_meta.TransferSyntaxUID, EXPLICIT, IMPLICIT])
        handlers: list[Any] = [
            *self._recorder.handlers(),
            (evt.EVT_C_STORE, lambda event: 0),
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_C_MOVE, self._move),
            (evt.EVT_C_GET, self._get),
            (evt.EVT_N_ACTION, lambda event: (0, None)),
        ]
        self._server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        assert self._server is not None
        self.port: int = self._server.server_address[1]

    def close(self) -> None:
        assert self._server is not None
        self._server.shutdown()

    def _wake(self) -> None:
        with self._woken:
            self._woken.notify()

    @staticmethod
    def _find(event: Any) -> Iterator[tuple[int, Dataset]]:
        yield 0xFF00, event.identifier

    @staticmethod
    def _move(event: Any) -> Iterator[Any]:
        yield None, None  # nobody knows the destination

    @staticmethod
    def _get(event: Any) -> Iterator[Any]:
        yield 1
        yield 0xFF00, dcmread(CT)

    def after(self, count: int) -> list[Conversation]:
        """The conversations once so many are over."""
        end = time.monotonic() + 20
        while True:
            with self._woken:
                if not self._recorder.waiting:
                    self._woken.wait(0.2)
            self.log.add(self._recorder.drain())
            over = [one for one in self.log.conversations if one.finished]
            if len(over) >= count:
                return over
            assert time.monotonic() < end, f"{len(over)} of {count} associations are over"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def first_request(conversation: Conversation) -> MessageRow:
    return next(row for row in conversation.rows if row.is_dimse and not row.sent and row.name.endswith("-RQ"))


def data_of(row: MessageRow) -> bytes:
    return b"".join(f.pdu.data[f.offset : f.offset + f.length] for f in row.fragments(command=False))


def data_set_of(row: MessageRow) -> Dataset | None:
    data = data_of(row)
    return decode_in(data, row.transfer_syntax) if data else None


def ask(server: Server, service: str) -> None:
    """Ask for the first time, with our own library."""
    ae = AE(HOSTILE)
    keys = Dataset()
    keys.SpecificCharacterSet = "ISO_IR 192"
    if service != "worklist":
        keys.QueryRetrieveLevel = "STUDY"
        keys.StudyInstanceUID = "1.2.3"
    if service == "names":
        keys.PatientName = "Grün^Jörg'$(touch pwned)"
    elif service == "worklist":
        step = Dataset()
        step.Modality, step.ScheduledPerformingPhysicianName = "CT", ""
        keys.PatientName, keys.ScheduledProcedureStepSequence = "*", [step]
    elif service in ("find", "move"):
        keys.PatientName, keys.StudyDate = "O'Hara^$(touch pwned)", "20240101-20241231"
    models = {"find": FIND, "names": FIND, "worklist": WORKLIST, "move": MOVE, "get": GET, "echo": VERIFICATION}
    roles = []
    if service in models:
        ae.add_requested_context(models[service], [EXPLICIT] if service == "names" else [IMPLICIT, EXPLICIT])
    if service == "get":
        ae.add_requested_context(CT_STORAGE)
        roles = [build_role(CT_STORAGE, scp_role=True)]
    if service == "action":
        ae.add_requested_context(COMMITMENT)
    path = {"store": CT, "compressed": COMPRESSED}.get(service)
    if path is not None:
        head = dcmread(path, stop_before_pixels=True)
        ae.add_requested_context(head.SOPClassUID, head.file_meta.TransferSyntaxUID)
    assoc = ae.associate(
        "127.0.0.1", server.port, ae_title="SERVER", ext_neg=roles, evt_handlers=[(evt.EVT_C_STORE, lambda event: 0)]
    )
    assert assoc.is_established
    if service == "echo":
        assoc.send_c_echo(msg_id=17)
    elif path is not None:
        assoc.send_c_store(path, msg_id=18, priority=1)
    elif service == "action":
        item = Dataset()
        item.TransactionUID = "1.2.3.4"
        assoc.send_n_action(item, 1, COMMITMENT, PRINTER, msg_id=21)
    elif service == "move":
        list(assoc.send_c_move(keys, "DEST'`id`", MOVE, msg_id=19, priority=2))
    elif service == "get":
        list(assoc.send_c_get(keys, GET, msg_id=20))
    else:
        list(assoc.send_c_find(keys, models[service], msg_id=23))
    assoc.release()


DCMTK = {
    "echo": "echoscu",
    "store": "storescu",
    "compressed": "storescu",
    "find": "findscu",
    "names": "findscu",
    "worklist": "findscu",
    "move": "movescu",
    "get": "getscu",
}


@pytest.mark.parametrize("service", DCMTK)
def test_dcmtk_asks_the_same_again(service: str, server: Server, tmp_path: Path) -> None:
    program = require_program(DCMTK[service])
    ask(server, service)
    (before,) = server.after(1)
    asked = first_request(before)
    command = as_dcmtk(before, asked)
    if DCMTK[service] == "storescu":
        save_object(before, asked, tmp_path / "object.dcm")
    script = tmp_path / "again.sh"
    script.write_text(command)
    done = subprocess.run(
        ["sh", str(script)], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=30, check=False
    )
    assert Path(program).name in command
    (_, after) = server.after(2)
    again = first_request(after)
    assert (again.name, again.sop_class_uid) == (asked.name, asked.sop_class_uid), done.stderr
    assert (after.calling, after.called) == (before.calling, before.called) == (HOSTILE, "SERVER")
    if service not in ("names", "get"):  # these propose others beside it, whatever they are told
        assert again.transfer_syntax == asked.transfer_syntax
    if DCMTK[service] == "storescu":
        assert data_of(again) == data_of(asked)
    else:
        assert data_set_of(again) == data_set_of(asked)
    if service == "move":
        assert getattr(again.message, "MoveDestination", None) == "DEST'`id`"
    assert not (tmp_path / "pwned").exists()


def run_scripts(folder: Path, scripts: list[str], package: str) -> None:
    """All in one process: starting Python takes longer than what they do."""
    names = []
    for number, script in enumerate(scripts):
        name = folder / f"{package.partition('.')[0]}{number}.py"
        name.write_text(script.replace("from workstation.net import", f"from {package} import"))
        names.append(str(name))
    run = "import runpy, sys\nfor name in sys.argv[1:]:\n    runpy.run_path(name, run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", run, *names],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("0x0000") >= len(scripts) - 1


@pytest.mark.parametrize("package", ["workstation.net", "pynetdicom"])
def test_the_scripts_ask_the_same_again(package: str, server: Server, tmp_path: Path) -> None:
    services = ["echo", "find", "names", "worklist", "move", "get", "action"]
    if package == "pynetdicom":
        pytest.importorskip("pynetdicom")
    for service in services:
        ask(server, service)
    before = server.after(len(services))
    requests = [first_request(one) for one in before]
    scripts = [as_python(one, row) for one, row in zip(before, requests, strict=True)]
    run_scripts(tmp_path, scripts, package)
    after = server.after(2 * len(services))[len(services) :]
    for service, one, asked, two in zip(services, before, requests, after, strict=True):
        again = first_request(two)
        assert again.message == asked.message, service
        assert data_of(again) == data_of(asked), service
        assert (two.calling, two.called) == (one.calling, one.called) == (HOSTILE, "SERVER")
        assert again.transfer_syntax == asked.transfer_syntax
    assert (tmp_path / "retrieved" / "00001.dcm").stat().st_size > 1000
    assert not (tmp_path / "pwned").exists()


def test_a_script_stores_the_file_that_was_saved(server: Server, tmp_path: Path) -> None:
    ask(server, "store")
    (before,) = server.after(1)
    asked = first_request(before)
    script = tmp_path / "again.py"
    script.write_text(as_python(before, asked))
    save_object(before, asked, tmp_path / "object.dcm")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30
    )
    assert done.stdout == "0x0000\n", done.stderr
    again = first_request(server.after(2)[1])
    assert again.message == asked.message
    assert data_of(again) == data_of(asked)


def test_what_we_sent_to_dcmtk_is_sent_again_by_its_own_command(tmp_path: Path) -> None:
    """As requestor: the peer's address is where it listens."""
    woken = threading.Event()
    recorder = Recorder(woken.set)
    log = TrafficLog()
    folder = tmp_path / "stored"
    folder.mkdir()
    with storescp(folder) as port:
        ae = AE("OURS")
        head = dcmread(CT, stop_before_pixels=True)
        ae.add_requested_context(head.SOPClassUID, head.file_meta.TransferSyntaxUID)
        assoc = ae.associate("127.0.0.1", port, ae_title="STORESCP", evt_handlers=recorder.handlers())
        assoc.send_c_store(CT)
        assoc.release()
        end = time.monotonic() + 10
        while not (log.conversations and log.conversations[0].finished):
            assert time.monotonic() < end
            woken.wait(0.2)
            woken.clear()
            log.add(recorder.drain())
        (conversation,) = log.conversations
        (stored,) = folder.iterdir()
        stored.unlink()
        request = next(row for row in conversation.rows if row.name == "C-STORE-RQ")
        save_object(conversation, request, tmp_path / "object.dcm")
        script = tmp_path / "again.sh"
        script.write_text(as_dcmtk(conversation, request))
        done = subprocess.run(["sh", str(script)], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, timeout=30)
        assert done.returncode == 0, done.stderr
        (again,) = folder.iterdir()
        assert dcmread(again).SOPInstanceUID == head.SOPInstanceUID
