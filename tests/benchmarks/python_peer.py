"""This project's library, or pynetdicom, as one end of a benchmark: the same script for both, as their API is the same.

    python python_peer.py workstation.net server '{"port": 11112, ...}'
    python python_peer.py pynetdicom client '{"work": "echo", "port": 11112, ...}'

A server runs until it is killed. A client does one work and prints a line of JSON: the seconds and the CPU seconds of
the work alone, without the start of the interpreter and the reading of what is sent, and how far its memory rose.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
NOTHING = "1.2.3"
"""A study that nobody has."""
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """What a server does."""

    port: int
    folder: str = ""
    """Received objects are written here, those for C-GET and C-MOVE lie in `objects`."""
    objects: str = ""
    matches: int = 0
    """Answers to a C-FIND."""
    max_pdu: int = 131072
    destination: int = 0
    """Port of whoever a C-MOVE names."""
    recording: bool = False
    """A handler that records is bound to each notification event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """What a client does."""

    work: str
    port: int
    called: str = "BENCH"
    count: int = 1
    files: str = ""
    decoded: bool = False
    """Data sets are sent, not paths; of what is found, an element is read."""
    max_pdu: int = 131072
    associations: int = 1
    destination: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    model: str = ""
    recording: bool = False


def recorders(evt: Any, wanted: bool) -> list[Any]:
    """One handler that keeps what it is given, bound to every notification event."""
    record: list[Any] = []
    events = [event for name, event in vars(evt).items() if name.startswith("EVT_") and event.is_notification]
    return [(event, record.append) for event in events] if wanted else []


# ------------------------------------------------------------------------------------------------ server
def serve(package: Any, options: ServerOptions) -> None:
    """Answer everything until the process is killed."""
    evt = package.evt
    folder = Path(options.folder or tempfile.gettempdir())
    # Both packages then write a data set to a file as it comes; the handler moves it.
    package._config.STORE_RECV_CHUNKED_DATASET = True
    tempfile.tempdir = str(folder)
    objects = sorted(Path(options.objects).iterdir()) if options.objects else []

    def store(event: Any) -> int:
        os.replace(event.dataset_path, f"{folder}/{event.request.AffectedSOPInstanceUID}.dcm")  # noqa: PTH105 - makes no Path
        return 0x0000

    def find(_: Any) -> Iterator[tuple[int, Dataset]]:
        for number in range(1, options.matches + 1):
            yield 0xFF00, match(number)

    def get(event: Any) -> Iterator[Any]:
        wanted = objects if event.identifier.StudyInstanceUID != NOTHING else []
        yield len(wanted)
        for path in wanted:
            # Ours also takes paths, and then decodes nothing.
            yield 0xFF00, dcmread(path) if package.__name__ == "pynetdicom" else path

    def move(event: Any) -> Iterator[Any]:
        yield "127.0.0.1", options.destination, {"contexts": [package.build_context(CT, EXPLICIT)]}
        yield from get(event)

    ae = package.AE("BENCH")
    ae.maximum_pdu_size = options.max_pdu
    ae.maximum_associations = 1000
    ae.network_timeout = ae.dimse_timeout = 120
    ae.add_supported_context(VERIFICATION)
    ae.add_supported_context(CT, [EXPLICIT, IMPLICIT], scu_role=True, scp_role=True)
    for model in (STUDY_ROOT_FIND, STUDY_ROOT_MOVE, STUDY_ROOT_GET):
        ae.add_supported_context(model, [EXPLICIT, IMPLICIT])
    handlers = [(evt.EVT_C_STORE, store), (evt.EVT_C_FIND, find), (evt.EVT_C_GET, get), (evt.EVT_C_MOVE, move)]
    ae.start_server(("127.0.0.1", options.port), evt_handlers=handlers + recorders(evt, options.recording))


def match(number: int) -> Dataset:
    """One answer to a C-FIND; dcmtk_peer.cpp has the same."""
    found = Dataset()
    found.StudyDate, found.StudyTime = "20240501", "120000"
    found.AccessionNumber = f"A{number}"
    found.QueryRetrieveLevel = "STUDY"
    found.StudyDescription = "A description of some length"
    found.PatientName, found.PatientID = f"Number {number}^Test", f"P{number}"
    found.StudyInstanceUID = f"2.25.4711.1.{number}"
    return found


# ------------------------------------------------------------------------------------------------ client
class Client:
    """One client and its work."""

    def __init__(self, package: Any, options: ClientOptions) -> None:
        self.package, self.options = package, options
        self.lost = 0.0
        """Seconds that pynetdicom waited for answers that it had lost."""
        package._config.STORE_SEND_CHUNKED_DATASET = not options.decoded
        package._config.STORE_RECV_CHUNKED_DATASET = True
        ae = self.ae = package.AE("BENCH")
        ae.maximum_associations = 1000
        ae.dimse_timeout = (
            2 if package.__name__ == "pynetdicom" and options.work in ("echo", "associate", "hold") else 120
        )
        ae.network_timeout = 120

    def associate(self, *contexts: tuple[str, list[str]], **more: Any) -> Any:
        """An association for these contexts."""
        built = [self.package.build_context(*context) for context in contexts]
        handlers = recorders(self.package.evt, self.options.recording) + more.pop("evt_handlers", [])
        assoc = self.ae.associate(
            "127.0.0.1",
            self.options.port,
            built,
            self.options.called,
            self.options.max_pdu,
            evt_handlers=handlers,
            **more,
        )
        if not assoc.is_established:
            raise RuntimeError("the association was not accepted")
        return assoc

    def for_echo(self) -> Any:
        """An association for C-ECHO."""
        return self.associate((VERIFICATION, [IMPLICIT, EXPLICIT]))

    def echo(self, assoc: Any) -> Any:
        """Echo; pynetdicom now and then loses an answer that comes fast, and aborts: not counted, done again."""
        while True:
            begun = time.perf_counter()
            if assoc.send_c_echo():  # an empty status is no answer
                return assoc
            if self.package.__name__ != "pynetdicom":
                raise RuntimeError("no answer to C-ECHO")
            assoc = self.for_echo()
            self.lost += time.perf_counter() - begun

    # Each work prepares itself and returns what is measured.
    def work_echo(self) -> Callable[[], dict[str, float]]:
        assoc = self.for_echo()

        def work() -> dict[str, float]:
            nonlocal assoc
            for _ in range(self.options.count):
                assoc = self.echo(assoc)
            return {}

        return work

    def work_associate(self) -> Callable[[], dict[str, float]]:
        def work() -> dict[str, float]:
            for _ in range(self.options.count):
                self.echo(self.for_echo()).release()
            return {}

        return work

    def work_store(self) -> Callable[[], dict[str, float]]:
        paths = sorted(Path(self.options.files).iterdir())
        objects: list[Any] = list(paths)
        if self.options.decoded:
            objects = [dcmread(path) for path in paths]
            for data_set in objects:
                data_set.PixelData  # noqa: B018 - pydicom reads a value when it is first asked for
        assoc = self.associate((CT, [EXPLICIT]))

        def work() -> dict[str, float]:
            for each in objects:
                if assoc.send_c_store(each).get("Status") != 0x0000:
                    raise RuntimeError("an object was not stored")
            return {}

        return work

    def work_store_parallel(self) -> Callable[[], dict[str, float]]:
        """The same objects, shared among several associations, each in a thread."""
        paths = sorted(Path(self.options.files).iterdir())
        count = self.options.associations
        lots = [(self.associate((CT, [EXPLICIT])), paths[start::count]) for start in range(count)]
        failed: list[Path] = []

        def send(assoc: Any, lot: list[Path]) -> None:
            failed.extend(path for path in lot if assoc.send_c_store(path).get("Status") != 0x0000)

        def work() -> dict[str, float]:
            threads = [threading.Thread(target=send, args=lot) for lot in lots]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            if failed:
                raise RuntimeError(f"{len(failed)} objects were not stored")
            return {}

        return work

    def work_fill(self) -> Callable[[], dict[str, float]]:
        """Studies of one small object each, as `match` describes them."""
        assoc = self.associate((CT, [EXPLICIT]))

        def work() -> dict[str, float]:
            for number in range(1, self.options.count + 1):
                study = match(number)
                del study.QueryRetrieveLevel
                study.SOPClassUID, study.Modality = CT, "CT"
                study.SeriesInstanceUID = f"{study.StudyInstanceUID}.1"
                study.SOPInstanceUID = f"{study.StudyInstanceUID}.1.1"
                study.file_meta = FileMetaDataset()
                study.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
                if assoc.send_c_store(study).get("Status") != 0x0000:
                    raise RuntimeError("an object was not stored")
            return {}

        return work

    def work_find(self) -> Callable[[], dict[str, float]]:
        model = self.options.model or STUDY_ROOT_FIND
        assoc = self.associate((model, [EXPLICIT, IMPLICIT]))
        keys = Dataset()
        for keyword, value in self.options.keys.items():
            setattr(keys, keyword, value)

        def work() -> dict[str, float]:
            matches = size = 0
            for status, identifier in assoc.send_c_find(keys, model):
                if status.Status in (0xFF00, 0xFF01):
                    matches += 1
                    if self.options.decoded:
                        size += len(identifier.StudyInstanceUID)
                elif status.Status != 0x0000:
                    raise RuntimeError(f"C-FIND ended with 0x{status.Status:04X}")
            return {"matches": matches}

        return work

    def work_hold(self) -> Callable[[], dict[str, float]]:
        """Many associations at once, echoes on each in turn; they stay until the end of stdin."""

        def work() -> dict[str, float]:
            start = time.perf_counter()
            held = []
            refused = 0
            for _ in range(self.options.associations):
                try:
                    held.append(self.for_echo())
                except RuntimeError:
                    refused += 1
            opened = time.perf_counter() - start
            start = time.perf_counter()
            for _ in range(self.options.count):
                held = [self.echo(assoc) for assoc in held]
            figures = {"opened": opened, "echoed": time.perf_counter() - start - self.lost, "refused": refused}
            print(json.dumps(figures), flush=True)
            sys.stdin.read()
            for assoc in held:
                assoc.release()
            return figures

        return work

    def work_get(self) -> Callable[[], dict[str, float]]:
        target = Path(self.options.files)
        tempfile.tempdir = str(target)
        seen = 0

        def store(event: Any) -> int:
            nonlocal seen
            seen += 1
            os.replace(event.dataset_path, f"{target}/{event.request.AffectedSOPInstanceUID}.dcm")  # noqa: PTH105 - makes no Path
            return 0x0000

        role = self.package.build_role(CT, scp_role=True)
        assoc = self.associate(
            (STUDY_ROOT_GET, [EXPLICIT]),
            (CT, [EXPLICIT]),
            ext_neg=[role],
            evt_handlers=[(self.package.evt.EVT_C_STORE, store)],
        )
        return lambda: self.retrieve(lambda keys: assoc.send_c_get(keys, STUDY_ROOT_GET), lambda: seen)

    def work_move(self) -> Callable[[], dict[str, float]]:
        assoc = self.associate((STUDY_ROOT_MOVE, [EXPLICIT]))
        return lambda: self.retrieve(
            lambda keys: assoc.send_c_move(keys, self.options.destination, STUDY_ROOT_MOVE), lambda: self.options.count
        )

    def retrieve(self, ask: Callable[[Dataset], Any], seen: Callable[[], int]) -> dict[str, float]:
        keys = Dataset()
        for keyword, value in self.options.keys.items():
            setattr(keys, keyword, value)
        last = Dataset()
        for status, _ in ask(keys):
            last = status
        if last.get("Status") != 0x0000 or seen() != self.options.count:
            raise RuntimeError(f"retrieved {seen()}, status {last.get('Status')!r}")
        return {}

    def run(self) -> dict[str, float]:
        """Do the work; what it took."""
        work = getattr(self, f"work_{self.options.work}")()
        before = memory("VmRSS")
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        used, start = time.process_time(), time.perf_counter()
        figures = work()
        seconds, cpu = time.perf_counter() - start - self.lost, time.process_time() - used
        return {"seconds": seconds, "cpu": cpu, "memory": memory("VmHWM") - before, **figures}


def memory(what: str) -> int:
    """A line of this process's status, in bytes; 0 where the system has none."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(what):
                return int(line.split()[1]) * 1024
    return 0


def arguments(options: ServerOptions | ClientOptions) -> str:
    """The options as the argument of this script."""
    return json.dumps(asdict(options))


def main() -> None:
    """Read the command line and be one end."""
    name, role, values = sys.argv[1:]
    package = importlib.import_module(name)
    importlib.import_module(f"{name}._config")
    if role == "server":
        serve(package, ServerOptions(**json.loads(values)))
        return
    figures = Client(package, ClientOptions(**json.loads(values))).run()
    if "opened" not in figures:
        print(json.dumps(figures), flush=True)
    # What would follow is the end of threads that hang on both sides' timeouts.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
