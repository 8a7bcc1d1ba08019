"""More of DCMTK's and Orthanc's servers as processes, and our own side as these tests need it.

Beside `peers.py`: the worklist server, the print server and its configuration, Orthanc with its REST interface,
certificates as files, and a server of ours that ends with its block.
"""

from __future__ import annotations

import json
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme
from peers import port, process, require_program
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from workstation.net import AE

PATIENCE = 20.0
Handlers = Sequence[tuple[Any, ...]]


@contextmanager
def serving(ae: AE, handlers: Handlers = (), number: int = 0, **options: Any) -> Iterator[int]:
    """A server of ours for the block; yields its port."""
    server = ae.start_server(("127.0.0.1", number), block=False, evt_handlers=list(handlers), **options)
    assert server is not None
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


class Seen:
    """What handlers in other threads have seen, for a test to wait for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()  # guards items
        self.items: list[Any] = []

    def add(self, item: Any) -> None:
        with self._changed:
            self.items.append(item)
            self._changed.notify_all()

    def wait(self, enough: Callable[[list[Any]], bool], timeout: float = PATIENCE) -> list[Any]:
        """The items once there are enough of them."""
        with self._changed:
            assert self._changed.wait_for(lambda: enough(self.items), timeout), f"seen only {self.items}"
            return list(self.items)


# ------------------------------------------------------------------- worklist
def worklist_item(number: int, modality: str, day: str, station: str) -> Dataset:
    """One scheduled procedure step with everything that a worklist server asks for."""
    step = Dataset()
    step.Modality = modality
    step.ScheduledStationAETitle = station
    step.ScheduledProcedureStepStartDate = day
    step.ScheduledProcedureStepStartTime = f"{8 + number:02d}0000"
    step.ScheduledPerformingPhysicianName = "Doe^Jane"
    step.ScheduledProcedureStepDescription = f"Examination {number}"
    step.ScheduledProcedureStepID = f"STEP{number}"
    item = Dataset()
    item.SpecificCharacterSet = "ISO_IR 100"
    item.AccessionNumber = f"ACC{number}"
    item.PatientName = "Sørensen^Søren" if number == 1 else f"Worklist^Patient{number}"
    item.PatientID = f"WL-{number:03d}"
    item.PatientBirthDate = "19700101"
    item.PatientSex = "O"
    item.StudyInstanceUID = generate_uid(entropy_srcs=["worklist", str(number)])
    item.RequestedProcedureDescription = "Examination"
    item.RequestedProcedureID = f"RP{number}"
    item.ScheduledProcedureStepSequence = [step]
    return item


def write_worklist(folder: Path, items: Sequence[Dataset]) -> None:
    """Worklist files as wlmscpfs and Orthanc's plugin read them."""
    folder.mkdir(parents=True)
    (folder / "lockfile").touch()
    for number, item in enumerate(items):
        item.file_meta = FileMetaDataset()
        item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        item.file_meta.MediaStorageSOPClassUID = UID("1.2.276.0.7230010.3.1.0.1")
        item.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        item.save_as(folder / f"item{number}.wl", enforce_file_format=True)


@contextmanager
def wlmscpfs(folder: Path, items: Sequence[Dataset], *options: str) -> Iterator[int]:
    """DCMTK's worklist server, AE title WORKLIST."""
    number = port()
    write_worklist(folder / "WORKLIST", items)
    command = [require_program("wlmscpfs"), "--single-process", "-dfp", folder, *options, number]
    with process(command, number):
        yield number


# ------------------------------------------------------------------- storage
@contextmanager
def dcmrecv(folder: Path, sop_classes: Sequence[str], *options: str) -> Iterator[int]:
    """DCMTK's newer storage server: without a profile it takes nothing but echoes."""
    number = port()
    profile = folder / "dcmrecv.cfg"
    contexts = "".join(f"PresentationContext{i} = {uid}\\Uncompressed\n" for i, uid in enumerate(sop_classes, 1))
    profile.write_text(
        "[[TransferSyntaxes]]\n[Uncompressed]\n"
        "TransferSyntax1 = LittleEndianExplicit\nTransferSyntax2 = LittleEndianImplicit\n"
        f"[[PresentationContexts]]\n[Storage]\n{contexts}"
        "[[Profiles]]\n[Default]\nPresentationContexts = Storage\n"
    )
    stored = folder / "stored"
    stored.mkdir()
    with process([require_program("dcmrecv"), "-xf", profile, "Default", "-od", stored, *options, number], number):
        yield number


# ------------------------------------------------------------------- print
def print_configuration(folder: Path, number: int, kind: str, **settings: object) -> Path:
    """A dcmpstat.cfg with one printer, PRINTER on port `number`; `kind` is PRINTER or LOCALPRINTER."""
    for name in ("log", "spool", "database", "lut", "reports"):
        (folder / name).mkdir(parents=True)
    printer: dict[str, object] = {
        "Aetitle": "PRINTER",
        "Description": "Printer",
        "Hostname": "localhost",
        "Port": number,
        "Type": kind,
        "MaxPDU": 32768,
        "DisplayFormat": "1,1\\1,2\\2,2",
        "FilmDestination": "MAGAZINE\\PROCESSOR",
        "FilmSizeID": "8INX10IN\\14INX17IN",
        "MagnificationType": "REPLICATE\\BILINEAR\\CUBIC\\NONE",
        "MediumType": "PAPER\\CLEAR FILM\\BLUE FILM",
        "SmoothingType": "NONE",
        "BorderDensity": "150\\20\\BLACK\\WHITE",
        "EmptyImageDensity": "20\\BLACK\\WHITE",
        "MaxDensity": 320,
        "MinDensity": 20,
        "ResolutionID": "STANDARD\\HIGH",
        "Supports12Bit": "true",
        "SupportsPresentationLUT": "true",
        "PresentationLUTMatchRequired": "false",
        "SupportsDecimateCrop": "true",
        "SupportsImageSize": "true",
        "SupportsTrim": "true",
        **settings,
    }
    lines = "".join(f"{key} = {value}\n" for key, value in printer.items())
    path = folder / "dcmpstat.cfg"
    path.write_text(
        "[[GENERAL]]\n"
        "[APPLICATION]\n"
        f"LogDirectory = {folder / 'log'}\n"
        "[PRINT]\n"
        f"Directory = {folder / 'spool'}\n"
        f"Spooler = {require_program('dcmprscu')}\n"
        "[DATABASE]\n"
        f"Directory = {folder / 'database'}\n"
        "[LUT]\n"
        f"Directory = {folder / 'lut'}\n"
        "[REPORT]\n"
        f"Directory = {folder / 'reports'}\n"
        "[NETWORK]\n"
        "aetitle = DCMPSTATE\n"
        "[[COMMUNICATION]]\n"
        "[PRINTER_1]\n" + lines
    )
    return path


@dataclass(frozen=True)
class PrintServer:
    """A running dcmprscp: its port, and the folder of the jobs that it has stored."""

    port: int
    database: Path


@contextmanager
def dcmprscp(folder: Path, **settings: object) -> Iterator[PrintServer]:
    """DCMTK's print server, AE title PRINTER."""
    number = port()
    config = print_configuration(folder, number, "LOCALPRINTER", **settings)
    with process([require_program("dcmprscp"), "-c", config, "-p", "PRINTER_1"], number, cwd=folder):
        yield PrintServer(number, folder / "database")


# ------------------------------------------------------------------- Orthanc with REST
class RefusedError(Exception):
    """What Orthanc answers over REST when it could not do something."""


class Orthanc:
    """A running Orthanc, AE title ORTHANC."""

    def __init__(self, number: int, http: int) -> None:
        self.port = number
        self._base = f"http://127.0.0.1:{http}"

    def rest(self, path: str, body: object = None, method: str | None = None) -> Any:
        """GET, or POST with a body: bytes as they are, anything else as JSON.

        Raises:
            RefusedError: Orthanc answers with an error.
        """
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise RefusedError(f"{error.code}: {error.read().decode()}") from None
        return json.loads(text) if text else None


@contextmanager
def orthanc_rest(
    folder: Path, modalities: dict[str, dict[str, object]] | None = None, **more: object
) -> Iterator[Orthanc]:
    """Orthanc with its REST interface; `modalities` by name are as in its configuration, `more` is added to that."""
    number, http = port(), port()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "orthanc.json"
    config.write_text(
        json.dumps(
            {
                "Name": "test",
                "StorageDirectory": str(folder / "storage"),
                "IndexDirectory": str(folder / "storage"),
                "HttpServerEnabled": True,
                "HttpPort": http,
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "DicomServerEnabled": True,
                "DicomAet": "ORTHANC",
                "DicomPort": number,
                "DicomAlwaysAllowFind": True,
                "DicomAlwaysAllowFindWorklist": True,
                "DicomAlwaysAllowGet": True,
                "DicomAlwaysAllowMove": True,
                "SyncStorageArea": False,
                "DicomModalities": {
                    name: {"Host": "127.0.0.1", "AllowStorageCommitment": True, **modality}
                    for name, modality in (modalities or {}).items()
                },
                **more,
            }
        )
    )
    # the server for HTTP starts last: once it answers, so does the one for DICOM
    with process([require_program("Orthanc"), config], http, cwd=folder) as peer:
        yield Orthanc(number, http)
        peer.kill()  # its own end takes three seconds, and there is nothing to keep


# ------------------------------------------------------------------- certificates
@dataclass(frozen=True)
class Credentials:
    """A certificate, its key and the authority that vouches for peers, as PEM files."""

    key: Path
    certificate: Path
    authority: Path

    def context(self, side: ssl.Purpose, *, verify: bool = True, present: bool = True) -> ssl.SSLContext:
        """A context for our side: CLIENT_AUTH is a server's, SERVER_AUTH a client's."""
        context = ssl.create_default_context(side, cafile=str(self.authority))
        if side is ssl.Purpose.CLIENT_AUTH:
            context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
        if present:
            context.load_cert_chain(self.certificate, self.key)
        return context

    @property
    def tls(self) -> list[str]:
        """The same for DCMTK's tools."""
        return ["+tls", str(self.key), str(self.certificate), "+cf", str(self.authority)]


def credentials(folder: Path, name: str, authority: trustme.CA) -> Credentials:
    """Issue a certificate for 127.0.0.1 and localhost and write everything to files.

    With an RSA key: DCMTK 3.6.7 has no suite for another one under TLS 1.2.
    """
    folder.mkdir(parents=True, exist_ok=True)
    issued = authority.issue_cert("127.0.0.1", "localhost", common_name=name, key_type=trustme.KeyType.RSA)
    made = Credentials(folder / f"{name}.key", folder / f"{name}.pem", folder / f"{name}-ca.pem")
    issued.private_key_pem.write_to_path(str(made.key))
    made.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    authority.cert_pem.write_to_path(str(made.authority))
    return made
