"""Print management (PS3.4 Annex H) with DCMTK's print server and its print spooler."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dcmtk_peers import PrintServer, dcmprscp, print_configuration, serving
from peers import run
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from workstation.net import AE, evt
from workstation.net.association import Association
from workstation.net.sop_class import (
    BasicAnnotationBox,
    BasicColorPrintManagementMeta,
    BasicFilmBox,
    BasicFilmSession,
    BasicGrayscaleImageBox,
    PresentationLUT,
    Printer,
    Verification,
)
from workstation.net.sop_class import BasicGrayscalePrintManagementMeta as Meta

PRINTER = "1.2.840.10008.5.1.1.17"


def _data_set(**values: Any) -> Dataset:
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def _reference(sop_class: str, instance: str) -> Dataset:
    return _data_set(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=instance)


def _pixels(rows: int, columns: int, depth: int) -> Dataset:
    bits = 16 if depth > 8 else 8
    return _data_set(
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        Rows=rows,
        Columns=columns,
        PixelAspectRatio=[1, 1],
        BitsAllocated=bits,
        BitsStored=depth,
        HighBit=depth - 1,
        PixelRepresentation=0,
        PixelData=b"".join((i % (1 << depth)).to_bytes(bits // 8, "little") for i in range(rows * columns)),
    )


# ------------------------------------------------------------------- we print
@pytest.fixture(scope="module")
def printer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrintServer]:
    with dcmprscp(tmp_path_factory.mktemp("print") / "scp") as server:
        yield server


def _associate(number: int, *more: str, transfer_syntax: str | None = None) -> Association:
    ae = AE("OURS")
    for uid in (Meta, *more):
        ae.add_requested_context(uid, transfer_syntax)
    assoc = ae.associate("127.0.0.1", number, ae_title="PRINTER")
    assert assoc.is_established, assoc.end_reason
    return assoc


def _create(
    assoc: Association, attributes: Dataset, sop_class: str, instance: str | None = None
) -> tuple[str, Dataset]:
    status, created = assoc.send_n_create(attributes, sop_class, instance, meta_uid=Meta)
    assert status.Status == 0x0000, status
    assert created is not None
    uid = instance or str(status.AffectedSOPInstanceUID)
    return uid, created


def _film_box(session: str, layout: str = "STANDARD\\1,2", **more: Any) -> Dataset:
    return _data_set(
        ImageDisplayFormat=layout,
        FilmOrientation="PORTRAIT",
        FilmSizeID="14INX17IN",
        ReferencedFilmSessionSequence=[_reference(BasicFilmSession, session)],
        **more,
    )


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian], ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("depth", [8, 12])
def test_a_film_session_with_dcmprscp(printer: PrintServer, syntax: str, depth: int) -> None:
    before = set(printer.database.glob("*.dcm"))
    assoc = _associate(printer.port, PresentationLUT, Verification, transfer_syntax=syntax)
    assert assoc.send_c_echo().Status == 0x0000

    status, state = assoc.send_n_get([0x21100010, 0x21100020], Printer, PRINTER, meta_uid=Meta)
    assert status.Status == 0x0000
    assert state is not None
    assert (state.PrinterStatus, state.PrinterStatusInfo) == ("NORMAL", "NORMAL")

    session, created = _create(
        assoc,
        _data_set(NumberOfCopies=2, PrintPriority="HIGH", MediumType="BLUE FILM", FilmDestination="PROCESSOR"),
        BasicFilmSession,
        generate_uid(),
    )
    assert (created.NumberOfCopies, created.PrintPriority, created.MediumType) == (2, "HIGH", "BLUE FILM")
    status, lut = assoc.send_n_create(_data_set(PresentationLUTShape="IDENTITY"), PresentationLUT, generate_uid())
    assert status.Status == 0x0000
    assert lut is not None
    assert lut.PresentationLUTShape == "IDENTITY"

    box, created = _create(assoc, _film_box(session, MagnificationType="CUBIC"), BasicFilmBox)
    images = created.ReferencedImageBoxSequence
    assert [image.ReferencedSOPClassUID for image in images] == [BasicGrayscaleImageBox] * 2
    for position, image in enumerate(images, 1):
        content = _data_set(ImageBoxPosition=position, BasicGrayscaleImageSequence=[_pixels(40, 30 + position, depth)])
        status, _ = assoc.send_n_set(content, BasicGrayscaleImageBox, image.ReferencedSOPInstanceUID, meta_uid=Meta)
        assert status.Status == 0x0000
    status, changed = assoc.send_n_set(_data_set(MaxDensity=250), BasicFilmBox, box, meta_uid=Meta)
    assert status.Status == 0x0000
    assert changed is not None
    assert changed.MaxDensity == 250

    status, _ = assoc.send_n_action(None, 1, BasicFilmBox, box, meta_uid=Meta)
    assert status.Status == 0x0000
    assert assoc.send_n_delete(BasicFilmBox, box, meta_uid=Meta).Status == 0x0000
    assert assoc.send_n_delete(BasicFilmBox, box, meta_uid=Meta).Status == 0x0112  # there is none any more
    assert assoc.send_n_delete(BasicFilmSession, session, meta_uid=Meta).Status == 0x0000
    assoc.release()
    assert assoc.is_released

    made = [dcmread(path) for path in set(printer.database.glob("*.dcm")) - before]
    hardcopies = sorted((ds for ds in made if "PixelData" in ds), key=lambda ds: int(ds.Columns))
    assert [(ds.Rows, ds.Columns, ds.BitsStored) for ds in hardcopies] == [(40, 31, depth), (40, 32, depth)]
    for ds in hardcopies:
        assert ds.PixelData == _pixels(40, ds.Columns, depth).PixelData
    (job,) = (ds for ds in made if "PixelData" not in ds)
    assert job.FilmBoxContentSequence[0].MaxDensity == 250
    assert len(job.ImageBoxContentSequence) == 2


def test_dcmprscps_refusals(printer: PrintServer) -> None:
    """Each is one of the statuses of PS3.4 H.4, and the association goes on."""
    assoc = _associate(printer.port, BasicAnnotationBox, BasicColorPrintManagementMeta)
    assert {context.abstract_syntax for context in assoc.rejected_contexts} == {
        BasicAnnotationBox,
        BasicColorPrintManagementMeta,
    }
    status, attributes = assoc.send_n_get([], Printer, "1.2.3", meta_uid=Meta)
    assert (status.Status, attributes) == (0x0112, None)
    status, _ = assoc.send_n_create(_film_box("1.2.3"), BasicFilmBox, meta_uid=Meta)
    assert status.Status >= 0x0100  # a film box without its session
    session, _ = _create(assoc, Dataset(), BasicFilmSession)
    status, created = assoc.send_n_create(Dataset(), BasicFilmSession, generate_uid(), meta_uid=Meta)
    assert status.Status >= 0x0100  # one session an association
    assert created is None
    status, _ = assoc.send_n_create(_film_box(session, "STANDARD\\9,9"), BasicFilmBox, meta_uid=Meta)
    assert status.Status == 0x0106
    status, _ = assoc.send_n_action(None, 1, BasicFilmSession, session, meta_uid=Meta)
    assert status.Status == 0xC600  # no film boxes
    box, created = _create(assoc, _film_box(session, "STANDARD\\1,1"), BasicFilmBox)
    image = created.ReferencedImageBoxSequence[0].ReferencedSOPInstanceUID
    content = _data_set(ImageBoxPosition=1, Polarity="UPSIDE DOWN", BasicGrayscaleImageSequence=[_pixels(4, 4, 8)])
    status, _ = assoc.send_n_set(content, BasicGrayscaleImageBox, image, meta_uid=Meta)
    assert status.Status == 0x0106
    status, _ = assoc.send_n_action(None, 1, BasicFilmBox, box, meta_uid=Meta)
    assert status.Status == 0xB603, status
    with pytest.raises(ValueError, match="context"):
        assoc.send_n_create(Dataset(), BasicAnnotationBox, meta_uid=BasicAnnotationBox)
    assoc.release()
    assert assoc.is_released


def test_dcmprscp_of_implicit_syntax_only(tmp_path: Path) -> None:
    with dcmprscp(tmp_path / "scp", ImplicitOnly="true") as server:
        assoc = _associate(server.port)
        assert assoc.accepted_contexts[0].transfer_syntax == [ImplicitVRLittleEndian]
        _, created = _create(assoc, Dataset(), BasicFilmSession)
        assert created.MediumType == "PAPER"
        assoc.abort()
        assert assoc.is_aborted
        assoc = _associate(server.port)
        assoc.release()


# ------------------------------------------------------------------- others print with us
class Film:
    """A print server's N handlers: what is made, set and printed, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Dataset | None]] = []
        self.instances: dict[str, Dataset] = {}
        self.contexts: set[str] = set()
        self.report: Callable[[Any], None] | None = None
        self.refuse: dict[tuple[str, str], int] = {}

    def handlers(self) -> list[tuple[Any, ...]]:
        return [
            (evt.EVT_N_GET, self.on_get),
            (evt.EVT_N_CREATE, self.on_create),
            (evt.EVT_N_SET, self.on_set),
            (evt.EVT_N_ACTION, self.on_action),
            (evt.EVT_N_DELETE, self.on_delete),
        ]

    def names(self) -> list[str]:
        return [f"{service} {sop_class}" for service, sop_class, _ in self.calls]

    def _note(self, event: Any, service: str, sop_class: Any, content: Dataset | None = None) -> int:
        name = UID(sop_class).keyword
        self.contexts.add(event.context.abstract_syntax)
        self.calls.append((service, name, content))
        return self.refuse.get((service, name), 0x0000)

    def on_get(self, event: Any) -> tuple[int, Dataset | None]:
        status = self._note(event, "GET", event.request.RequestedSOPClassUID)
        wanted = _data_set(PrinterStatus="NORMAL", PrinterStatusInfo="NORMAL", PrinterName="Ours", Manufacturer="Us")
        return status, wanted

    def on_create(self, event: Any) -> tuple[int, Dataset | None]:
        sop_class = event.request.AffectedSOPClassUID
        made = event.attribute_list
        status = self._note(event, "CREATE", sop_class, made)
        if status:
            return status, None
        uid = event.request.AffectedSOPInstanceUID or generate_uid()
        if sop_class == BasicFilmBox:
            columns, rows = made.ImageDisplayFormat.split("\\")[1].split(",")
            made.ReferencedImageBoxSequence = [
                _reference(BasicGrayscaleImageBox, generate_uid()) for _ in range(int(columns) * int(rows))
            ]
            if "AnnotationDisplayFormatID" in made:
                made.ReferencedBasicAnnotationBoxSequence = [_reference(BasicAnnotationBox, generate_uid())]
        made.AffectedSOPInstanceUID = uid
        answer = Dataset()
        answer.update(made)
        self.instances[uid] = made
        return status, answer

    def on_set(self, event: Any) -> tuple[int, Dataset | None]:
        status = self._note(event, "SET", event.request.RequestedSOPClassUID, event.modification_list)
        return status, None

    def on_action(self, event: Any) -> tuple[int, Dataset | None]:
        status = self._note(event, "ACTION", event.request.RequestedSOPClassUID)
        assert event.action_type == 1
        if self.report:
            self.report(event)
        return status, None

    def on_delete(self, event: Any) -> int:
        return self._note(event, "DELETE", event.request.RequestedSOPClassUID)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stored print of two images with annotation and presentation LUT, as dcmpsprt renders it."""
    samples = Path(__file__).resolve().parents[2] / "resources" / "samples"
    folder = tmp_path_factory.mktemp("job") / "print"
    config = print_configuration(folder, 1, "PRINTER", Annotation="2\\ANNOTATION")
    images = [samples / "ct-chest" / "01.dcm", samples / "mr-head" / "t1-01.dcm"]
    options = ["--layout", 1, 2, "--annotation", "Hello", "-pd", "-pn", "-pl", "--identity", "--filmsize", "14INX17IN"]
    done = run("dcmpsprt", "-c", config, "-p", "PRINTER_1", *options, *images)
    assert done.returncode == 0, done.stderr
    (stored,) = (folder / "database").glob("SP_*.dcm")
    return stored


def _print(film: Film, job: Path, *options: object, **settings: object) -> tuple[int, str]:
    """Run the spooler against a print server of ours; its return code and what it says."""
    ae = AE("PRINTER")
    for uid in (Meta, PresentationLUT, BasicAnnotationBox):
        ae.add_supported_context(uid)
    with serving(ae, film.handlers()) as number:
        config = job.parents[1] / "dcmpstat.cfg"
        lines = [line for line in config.read_text().splitlines() if not line.startswith(("Port", *settings))]
        lines += [f"Port = {number}", *(f"{key} = {value}" for key, value in settings.items())]
        config.write_text("\n".join(lines) + "\n")
        done = run("dcmprscu", "-v", "-c", config, "-p", "PRINTER_1", *options, job)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("explicit", [True, False], ids=["explicit", "implicit"])
def test_dcmprscu_prints_with_us(job: Path, explicit: bool) -> None:
    film = Film()
    code, said = _print(film, job, "--copies", 3, "--owner", "JANE", ImplicitOnly="false" if explicit else "true")
    assert code == 0, said
    assert film.names() == [
        "GET Printer",
        "CREATE PresentationLUT",
        "CREATE BasicFilmSession",
        "CREATE BasicFilmBox",
        "SET BasicGrayscaleImageBox",
        "SET BasicGrayscaleImageBox",
        "SET BasicAnnotationBox",
        "ACTION BasicFilmBox",
        "DELETE BasicFilmBox",
        "DELETE BasicFilmSession",
        "DELETE PresentationLUT",
    ]
    assert film.contexts == {Meta, PresentationLUT, BasicAnnotationBox}
    content = {f"{service} {sop_class}": ds for service, sop_class, ds in film.calls if ds is not None}
    session, box = content["CREATE BasicFilmSession"], content["CREATE BasicFilmBox"]
    assert (session.NumberOfCopies, session.OwnerID) == (3, "JANE")
    assert (box.ImageDisplayFormat, box.FilmSizeID) == ("STANDARD\\1,2", "14INX17IN")
    assert box.ReferencedFilmSessionSequence[0].ReferencedSOPInstanceUID == session.AffectedSOPInstanceUID
    assert content["SET BasicAnnotationBox"].TextString == "Hello"
    hardcopies = {str(ds.SOPInstanceUID): ds for ds in map(dcmread, job.parent.glob("HG_*.dcm"))}
    sent = [ds.BasicGrayscaleImageSequence[0] for _, name, ds in film.calls if name == "BasicGrayscaleImageBox" and ds]
    assert sorted(ds.PixelData for ds in sent) == sorted(ds.PixelData for ds in hardcopies.values())


def test_dcmprscu_prints_the_session(job: Path) -> None:
    film = Film()
    code, said = _print(film, job, "--session-print")
    assert code == 0, said
    assert [name for name in film.names() if name.startswith("ACTION")] == ["ACTION BasicFilmSession"]


def test_dcmprscu_does_not_print(job: Path) -> None:
    film = Film()
    code, said = _print(film, job, "--noprint")
    assert code == 0, said
    assert not any(name.startswith("ACTION") for name in film.names())
    assert film.names()[-1] == "DELETE PresentationLUT"


@pytest.mark.parametrize(
    ("service", "sop_class", "status", "word"),
    [
        ("CREATE", "BasicFilmSession", 0x0213, "unable to create basic film session"),
        ("CREATE", "BasicFilmBox", 0xC616, "unable to create basic film box"),
        ("SET", "BasicGrayscaleImageBox", 0xC605, "unable to transmit basic grayscale image box"),
        ("ACTION", "BasicFilmBox", 0xC602, "unable to print"),
    ],
)
def test_dcmprscu_is_refused(job: Path, service: str, sop_class: str, status: int, word: str) -> None:
    film = Film()
    film.refuse[service, sop_class] = status
    _, said = _print(film, job)
    assert word in said, said
    assert f"{service} {sop_class}" in film.names()


@pytest.mark.parametrize(
    ("service", "sop_class", "status"), [("SET", "BasicGrayscaleImageBox", 0xB604), ("ACTION", "BasicFilmBox", 0xB603)]
)
def test_dcmprscu_goes_on_after_a_warning(job: Path, service: str, sop_class: str, status: int) -> None:
    film = Film()
    film.refuse[service, sop_class] = status
    code, said = _print(film, job)
    assert code == 0, said
    assert film.names()[-1] == "DELETE PresentationLUT"


def test_dcmprscu_is_sent_the_printers_events(job: Path) -> None:
    """The spooler waits for our N-ACTION response; before it, the printer reports twice what happens to it."""
    film = Film()
    answers: list[int] = []

    def report(event: Any) -> None:
        for kind, text in ((2, "SUPPLY LOW"), (1, "NORMAL")):
            info = _data_set(PrinterStatusInfo=text, FilmDestination="PROCESSOR", PrinterName="Ours")
            status, _ = event.assoc.send_n_event_report(info, kind, Printer, PRINTER, meta_uid=Meta)
            answers.append(status.Status)

    film.report = report
    code, said = _print(film, job)
    assert code == 0, said
    assert answers == [0x0000, 0x0000]
    assert film.names()[-1] == "DELETE PresentationLUT"
