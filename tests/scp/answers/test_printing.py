"""The printer, as print clients see it: ours, pynetdicom's and DCMTK's spooler."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pynetdicom
import pytest
from dcmtk_peers import print_configuration
from peers import run
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from workstation.net import AE, evt
from workstation.net.association import Association
from workstation.scp.answers.printing import (
    ANNOTATION_BOX,
    COLOR_IMAGE_BOX,
    COLOR_META,
    CONFIGURATION,
    CONFIGURATION_INSTANCE,
    FILM_BOX,
    FILM_SESSION,
    GRAYSCALE_IMAGE_BOX,
    GRAYSCALE_META,
    KIND,
    PRESENTATION_LUT,
    PRINT_JOB,
    PRINTER,
    PRINTER_INSTANCE,
    Printing,
    film_file,
    films_folder,
    remove_job,
)
from workstation.scp.answers.registry import Registry
from workstation.scp.archive.archive import Archive
from workstation.scp.ledger import Ledger, Record
from workstation.scp.surroundings import Later, Surroundings

EVERYTHING = (GRAYSCALE_META, COLOR_META, ANNOTATION_BOX, PRINT_JOB, PRINTER, PRESENTATION_LUT, CONFIGURATION)


def data_set(**values: Any) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def reference(sop_class: str, uid: str) -> Dataset:
    return data_set(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=uid)


def grey_image(value: int = 100, **more: Any) -> Dataset:
    values = {
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": 30,
        "Columns": 30,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
        "PixelData": bytes([value]) * 900,
    }
    return data_set(**{**values, **more})


class Place:
    """A server with nothing but a printer."""

    def __init__(self, folder: Path, archive: Archive) -> None:
        self.ledger = Ledger(f"sqlite:///{folder / 'ledger.sqlite'}", durable=False)
        self.later = Later()
        self.films = films_folder(archive.folder)
        self.printing = Printing(
            Surroundings(
                archive=archive,
                ledger=self.ledger,
                ae_title=lambda: "FILMS",
                destinations=lambda _: None,
                associate=lambda *_: None,
                later=self.later,
            )
        )
        registry = Registry([self.printing])
        self._ae = AE("FILMS")
        server = self._ae.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=registry.handlers(), contexts=registry.contexts()
        )
        assert server is not None
        self.port: int = server.server_address[1]

    def close(self) -> None:
        self._ae.shutdown()
        self.later.stop()
        self.ledger.close()

    def jobs(self) -> list[Record]:
        return list(self.ledger.records(KIND))

    def film(self, job: Record) -> Dataset:
        path = film_file(self.films, job)
        assert path is not None
        return dcmread(path)


@pytest.fixture
def place(tmp_path: Path, archive: Archive) -> Iterator[Place]:
    made = Place(tmp_path, archive)
    yield made
    made.close()


@pytest.fixture
def associate(place: Place) -> Iterator[Callable[..., Association]]:
    made: list[Association] = []

    def ask(*classes: str, syntax: str | None = None, handlers: list[Any] | None = None) -> Association:
        ae = AE("MODALITY")
        for uid in classes or EVERYTHING:
            ae.add_requested_context(uid, syntax)
        assoc = ae.associate("127.0.0.1", place.port, ae_title="FILMS", evt_handlers=handlers)
        assert assoc.is_established, assoc.end_reason
        made.append(assoc)
        return assoc

    yield ask
    for assoc in made:
        assoc.release()


class Client:
    """Prints; keeps what a print needs to be said again and again."""

    def __init__(self, assoc: Any, meta: str = GRAYSCALE_META) -> None:
        self.assoc = assoc
        self.meta = meta
        self.box_class = COLOR_IMAGE_BOX if meta == COLOR_META else GRAYSCALE_IMAGE_BOX

    def session(self, **values: Any) -> str:
        uid = str(generate_uid())
        status, _ = self.assoc.send_n_create(data_set(**values), FILM_SESSION, uid, meta_uid=self.meta)
        assert status.Status == 0x0000, status
        return uid

    def box(self, session: str, layout: str = "STANDARD\\1,1", **values: Any) -> tuple[str, Dataset]:
        uid = str(generate_uid())
        status, made = self.create_box(session, uid, ImageDisplayFormat=layout, **values)
        assert status.Status == 0x0000, status
        return uid, made

    def create_box(self, session: str, uid: str | None = None, **values: Any) -> Any:
        attributes = data_set(**{"FilmSizeID": "8INX10IN", **values})
        attributes.ReferencedFilmSessionSequence = [reference(FILM_SESSION, session)]
        return self.assoc.send_n_create(attributes, FILM_BOX, uid, meta_uid=self.meta)

    def set_image(self, box: Dataset, position: int, image: Dataset | None, **values: Any) -> int:
        uid = box.ReferencedImageBoxSequence[position - 1].ReferencedSOPInstanceUID
        attributes = data_set(ImageBoxPosition=position, **values)
        keyword = "BasicColorImageSequence" if self.meta == COLOR_META else "BasicGrayscaleImageSequence"
        setattr(attributes, keyword, [] if image is None else [image])
        status, _ = self.assoc.send_n_set(attributes, self.box_class, uid, meta_uid=self.meta)
        return int(status.Status)

    def print(self, sop_class: str, uid: str) -> tuple[int, str]:
        status, reply = self.assoc.send_n_action(None, 1, sop_class, uid, meta_uid=self.meta)
        if not reply:
            return int(status.Status), ""
        return int(status.Status), str(reply.ReferencedPrintJobSequence[0].ReferencedSOPInstanceUID)


def centre(film: Dataset, frame: int | None = None) -> Any:
    pixels = film.pixel_array if frame is None else film.pixel_array[frame]
    return pixels[pixels.shape[0] // 2, pixels.shape[1] // 2].tolist()


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian], ids=lambda uid: uid.keyword)
def test_a_film_is_printed_and_kept(place: Place, associate: Callable[..., Association], syntax: str) -> None:
    client = Client(associate(syntax=syntax))
    session = client.session(NumberOfCopies=3, PrintPriority="HIGH", FilmSessionLabel="Hip, two views")
    uid, box = client.box(session, "STANDARD\\1,2", AnnotationDisplayFormatID="2", BorderDensity="WHITE")
    assert [item.ReferencedSOPClassUID for item in box.ReferencedImageBoxSequence] == [GRAYSCALE_IMAGE_BOX] * 2
    text = box.ReferencedBasicAnnotationBoxSequence[0].ReferencedSOPInstanceUID
    assert len(box.ReferencedBasicAnnotationBoxSequence) == 2
    assert client.set_image(box, 1, grey_image(200)) == 0x0000
    status, _ = client.assoc.send_n_set(
        data_set(AnnotationPosition=1, TextString="Doe^Jane"), ANNOTATION_BOX, text, meta_uid=GRAYSCALE_META
    )
    assert status.Status == 0x0000

    code, job_uid = client.print(FILM_BOX, uid)
    assert code == 0x0000
    (job,) = place.jobs()
    assert (job.uid, job.state, job.peer) == (job_uid, "DONE", "MODALITY")
    assert (job.facts["films"], job.facts["copies"]) == (1, 3)
    assert job.data_set.FilmSessionLabel == "Hip, two views"
    (content,) = job.data_set.FilmBoxContentSequence
    assert [item.get("Rows") for item in content.ImageBoxContentSequence] == [30, None]
    assert content.AnnotationContentSequence[0].TextString == "Doe^Jane"
    film = place.film(job)
    pixels = film.pixel_array
    assert pixels.shape == (1500, 1200)
    assert pixels[300, 600] == 200
    assert pixels[1000, 600] == 0, "an empty image is black"
    assert pixels[2, 2] == 255, "the border is white"
    assert pixels[1440:].min() == 0, "the text is there"
    assert film.SeriesDescription == "Hip, two views"

    got, attributes = client.assoc.send_n_get(
        [0x21000020, 0x21000030, 0x21000070], PRINT_JOB, job_uid, meta_uid=GRAYSCALE_META
    )
    assert got.Status == 0x0000
    assert (attributes.ExecutionStatus, attributes.Originator) == ("DONE", "MODALITY")
    assert client.assoc.send_n_delete(FILM_BOX, uid, meta_uid=GRAYSCALE_META).Status == 0x0000
    assert client.assoc.send_n_delete(FILM_BOX, uid, meta_uid=GRAYSCALE_META).Status == 0x0112
    assert client.assoc.send_n_delete(FILM_SESSION, session, meta_uid=GRAYSCALE_META).Status == 0x0000


def test_a_session_prints_all_its_films_into_one_file(place: Place, associate: Callable[..., Association]) -> None:
    client = Client(associate())
    session = client.session()
    for value in (40, 80, 120):
        _, box = client.box(session)
        assert client.set_image(box, 1, grey_image(value)) == 0x0000
    code, _ = client.print(FILM_SESSION, session)
    (job,) = place.jobs()
    film = place.film(job)
    assert (code, job.facts["films"], film.NumberOfFrames) == (0x0000, 3, 3)
    assert [centre(film, frame) for frame in range(3)] == [40, 80, 120]


def test_colour(place: Place, associate: Callable[..., Association]) -> None:
    client = Client(associate(), COLOR_META)
    uid, box = client.box(client.session())
    image = grey_image(
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=1,
        PixelData=b"\xc8" * 900 + b"\x64" * 900 + b"\x32" * 900,
    )
    assert client.set_image(box, 1, image) == 0x0000
    assert client.print(FILM_BOX, uid)[0] == 0x0000
    assert centre(place.film(place.jobs()[0])) == [200, 100, 50]


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian], ids=lambda uid: uid.keyword)
def test_a_presentation_lut_and_polarity(place: Place, associate: Callable[..., Association], syntax: str) -> None:
    client = Client(associate(syntax=syntax))
    lut = data_set(
        LUTDescriptor=[256, 0, 10], LUTData=b"".join((4 * (255 - i)).to_bytes(2, "little") for i in range(256))
    )
    lut["LUTDescriptor"].VR = "US"
    lut["LUTData"].VR = "OW"
    status, _ = client.assoc.send_n_create(
        data_set(PresentationLUTSequence=[lut]), PRESENTATION_LUT, "1.2.3.4", meta_uid=PRESENTATION_LUT
    )
    assert status.Status == 0x0000, status
    uid, box = client.box(
        client.session(), "STANDARD\\2,1", ReferencedPresentationLUTSequence=[reference(PRESENTATION_LUT, "1.2.3.4")]
    )
    assert client.set_image(box, 1, grey_image(55)) == 0x0000
    assert client.set_image(box, 2, grey_image(55), Polarity="REVERSE") == 0x0000
    assert client.print(FILM_BOX, uid)[0] == 0x0000
    pixels = place.film(place.jobs()[0]).pixel_array
    assert (pixels[750, 300], pixels[750, 900]) == (199, 56)
    assert client.assoc.send_n_delete(PRESENTATION_LUT, "1.2.3.4").Status == 0x0000
    assert client.assoc.send_n_delete(PRESENTATION_LUT, "1.2.3.4").Status == 0x0112


def test_the_jobs_progress_is_reported_after_the_answer(place: Place, associate: Callable[..., Association]) -> None:
    heard: list[tuple[int, str, Dataset]] = []
    enough, order = threading.Event(), []

    def report(event: Any) -> tuple[int, None]:
        order.append("report")
        heard.append((event.event_type, str(event.request.AffectedSOPInstanceUID), event.event_information))
        if len(heard) == 2:
            enough.set()
        return 0x0000, None

    def received(event: Any) -> None:
        if type(event.message).__name__ == "N_ACTION_RSP":
            order.append("answer")

    client = Client(associate(handlers=[(evt.EVT_N_EVENT_REPORT, report), (evt.EVT_DIMSE_RECV, received)]))
    uid, box = client.box(client.session(FilmSessionLabel="Knee"))
    client.set_image(box, 1, grey_image())
    _, job = client.print(FILM_BOX, uid)
    assert enough.wait(10)
    assert [(kind, instance) for kind, instance, _ in heard] == [(2, job), (3, job)]
    assert order == ["answer", "report", "report"]
    assert (heard[0][2].ExecutionStatusInfo, heard[0][2].FilmSessionLabel) == ("NORMAL", "Knee")


def test_a_peer_without_the_print_job_class_hears_nothing(associate: Callable[..., Association]) -> None:
    heard: list[Any] = []
    client = Client(associate(GRAYSCALE_META, handlers=[(evt.EVT_N_EVENT_REPORT, lambda event: heard.append(event))]))
    uid, box = client.box(client.session(), AnnotationDisplayFormatID="1")
    assert "ReferencedBasicAnnotationBoxSequence" not in box, "and has no annotation boxes, which it did not negotiate"
    client.set_image(box, 1, grey_image())
    assert client.print(FILM_BOX, uid)[0] == 0x0000
    assert client.assoc.send_n_get([], PRINTER, PRINTER_INSTANCE, meta_uid=GRAYSCALE_META)[0].Status == 0x0000
    assert heard == []


def test_the_printer_and_its_configuration(associate: Callable[..., Association]) -> None:
    assoc = associate()
    status, printer = assoc.send_n_get([], PRINTER, PRINTER_INSTANCE, meta_uid=GRAYSCALE_META)
    assert status.Status == 0x0000
    assert printer is not None
    assert (printer.PrinterStatus, printer.PrinterStatusInfo, printer.PrinterName) == ("NORMAL", "NORMAL", "FILMS")
    status, printer = assoc.send_n_get([0x21100010, 0x00100010], PRINTER, PRINTER_INSTANCE)
    assert (status.Status, status.AttributeIdentifierList) == (0x0107, 0x00100010)
    assert printer is not None
    assert (printer.PrinterStatus, len(printer)) == ("NORMAL", 1)
    status, configuration = assoc.send_n_get([], CONFIGURATION, CONFIGURATION_INSTANCE)
    assert status.Status == 0x0000
    assert configuration is not None
    sizes = [medium.FilmSizeID for medium in configuration.PrinterConfigurationSequence[0].MediaInstalledSequence]
    assert "14INX17IN" in sizes
    assert assoc.send_n_get([], PRINTER, "1.2.3")[0].Status == 0x0112
    assert assoc.send_n_get([], PRINT_JOB, "1.2.3")[0].Status == 0x0112


def test_values_that_the_printer_does_not_have_are_replaced_and_said(associate: Callable[..., Association]) -> None:
    client = Client(associate())
    status, made = client.assoc.send_n_create(
        data_set(NumberOfCopies=500), FILM_SESSION, "1.2.3", meta_uid=GRAYSCALE_META
    )
    assert (status.Status, made.NumberOfCopies, made.PrintPriority) == (0x0116, 1, "MED")
    status, box = client.create_box("1.2.3", ImageDisplayFormat="STANDARD\\1,1", FilmSizeID="1INX1IN")
    assert (status.Status, box.FilmSizeID) == (0x0116, "14INX17IN")
    assert "FilmSizeID" in status.ErrorComment
    assert status.AffectedSOPInstanceUID
    status, box = client.create_box("1.2.3", ImageDisplayFormat="STANDARD\\1,1", MaxDensity=900)
    assert (status.Status, box.MaxDensity) == (0xB605, 320)


def test_what_cannot_be_created(associate: Callable[..., Association]) -> None:
    client = Client(associate())

    def created(attributes: Dataset, sop_class: str, uid: str, meta: str = GRAYSCALE_META) -> int:
        return int(client.assoc.send_n_create(attributes, sop_class, uid, meta_uid=meta)[0].Status)

    assert created(data_set(PrintPriority="SOON"), FILM_SESSION, "1.2.1") == 0x0106
    assert created(Dataset(), FILM_SESSION, "1.2.1", PRINTER) == 0x0118
    assert client.create_box("1.2.1", ImageDisplayFormat="STANDARD\\1,1")[0].Status == 0x0106
    session = client.session()
    assert created(Dataset(), FILM_SESSION, session) == 0x0111
    assert created(Dataset(), FILM_SESSION, "1.2.2") == 0x0213
    assert client.create_box(session)[0].Status == 0x0120
    assert client.create_box(session, ImageDisplayFormat="SLIDE")[0].Status == 0x0106
    assert client.create_box(session, ImageDisplayFormat="STANDARD\\99,99")[0].Status == 0x0106
    assert client.create_box(session, ImageDisplayFormat="STANDARD\\1,1", FilmOrientation="TILTED")[0].Status == 0x0106
    assert created(data_set(ImageDisplayFormat="STANDARD\\1,1"), FILM_BOX, "1.2.4") == 0x0120
    uid, _ = client.box(session)
    assert client.create_box(session, uid, ImageDisplayFormat="STANDARD\\1,1")[0].Status == 0x0111
    unknown = [reference(PRESENTATION_LUT, "1.2.9")]
    lut: dict[str, Any] = {"ReferencedPresentationLUTSequence": unknown}
    assert client.create_box(session, ImageDisplayFormat="STANDARD\\1,1", **lut)[0].Status == 0x0106
    assert created(data_set(PresentationLUTShape="CURVED"), PRESENTATION_LUT, "1.2.5") == 0x0106
    assert created(Dataset(), PRESENTATION_LUT, "1.2.5") == 0x0120
    assert created(Dataset(), PRINTER, "1.2.6") == 0x0211
    assert created(Dataset(), "1.2.840.10008.5.1.1.99", "1.2.6") == 0x0118


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Rows": 0}, 0x0106),
        ({"Rows": None}, 0x0120),
        ({"PixelData": b"12"}, 0x0106),
        ({"PixelData": None}, 0x0120),
        ({"BitsStored": 12}, 0x0106),
        ({"BitsAllocated": 32}, 0x0106),
        ({"SamplesPerPixel": 3}, 0x0106),
        ({"PhotometricInterpretation": "RGB"}, 0x0106),
        ({"PixelRepresentation": 1}, 0x0106),
        ({"PixelAspectRatio": [1, 0]}, 0x0106),
        ({"Rows": 30000, "Columns": 30000}, 0x0106),
    ],
)
def test_images_that_cannot_be_printed(
    associate: Callable[..., Association], change: dict[str, Any], status: int
) -> None:
    client = Client(associate())
    _, box = client.box(client.session())
    image = grey_image(**change)
    for keyword, value in change.items():
        if value is None:
            delattr(image, keyword)
    assert client.set_image(box, 1, image) == status


def test_what_cannot_be_set_or_printed(place: Place, associate: Callable[..., Association]) -> None:
    client = Client(associate())
    session = client.session()
    assert client.print(FILM_SESSION, session)[0] == 0xC600
    uid, box = client.box(session)
    assert client.set_image(box, 1, grey_image(), Polarity="UPSIDE DOWN") == 0x0106
    assert client.set_image(box, 1, grey_image(), RequestedImageSize="-4") == 0x0106
    image_uid = box.ReferencedImageBoxSequence[0].ReferencedSOPInstanceUID
    wrong = data_set(ImageBoxPosition=2, BasicGrayscaleImageSequence=[grey_image()])
    assert client.assoc.send_n_set(wrong, GRAYSCALE_IMAGE_BOX, image_uid, meta_uid=GRAYSCALE_META)[0].Status == 0x0106
    assert client.assoc.send_n_set(wrong, COLOR_IMAGE_BOX, image_uid, meta_uid=GRAYSCALE_META)[0].Status == 0x0119
    assert client.assoc.send_n_set(wrong, GRAYSCALE_IMAGE_BOX, "1.2", meta_uid=GRAYSCALE_META)[0].Status == 0x0112
    assert (
        client.set_image(box, 1, grey_image(), RequestedImageSize=900, RequestedDecimateCropBehavior="FAIL") == 0xC603
    )
    assert client.print(FILM_BOX, uid)[0] == 0xB603, "nothing was set"
    assert client.set_image(box, 1, grey_image(), RequestedImageSize=900) == 0xB60A
    assert (
        client.set_image(box, 1, grey_image(), RequestedImageSize=900, RequestedDecimateCropBehavior="CROP") == 0xB609
    )
    assert client.print(FILM_BOX, uid)[0] == 0x0000
    assert client.set_image(box, 1, None) == 0x0000, "cleared"
    assert client.print(FILM_SESSION, session)[0] == 0xB602
    assert client.print(FILM_BOX, "1.2")[0] == 0x0112
    assert client.assoc.send_n_action(None, 2, FILM_BOX, uid, meta_uid=GRAYSCALE_META)[0].Status == 0x0123
    assert len(place.jobs()) == 3


def test_a_film_box_changes_but_for_its_layout(place: Place, associate: Callable[..., Association]) -> None:
    client = Client(associate())
    uid, _ = client.box(client.session())
    changes = data_set(EmptyImageDensity="WHITE", ImageDisplayFormat="STANDARD\\5,5")
    status, taken = client.assoc.send_n_set(changes, FILM_BOX, uid, meta_uid=GRAYSCALE_META)
    assert status.Status == 0x0000
    assert taken is not None
    assert [element.keyword for element in taken] == ["EmptyImageDensity"]
    assert client.print(FILM_BOX, uid)[0] == 0xB603
    job = place.jobs()[0]
    assert job.data_set.FilmBoxContentSequence[0].ImageDisplayFormat == "STANDARD\\1,1"
    assert centre(place.film(job)) == 255


def test_the_session_dies_with_its_association(
    place: Place, associate: Callable[..., Association], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Client(associate())
    session = first.session()
    second = Client(associate())
    assert second.print(FILM_SESSION, session)[0] == 0x0112, "another association's"
    assert second.session(), "each has its own"
    assert len(place.printing._prints) == 2
    gone = threading.Semaphore(0)
    drop = place.printing._drop

    def dropped(assoc: Association) -> None:
        drop(assoc)
        gone.release()

    monkeypatch.setattr(place.printing, "_drop", dropped)
    first.assoc.release()
    second.assoc.abort()
    assert gone.acquire(timeout=10)
    assert gone.acquire(timeout=10)
    assert not place.printing._prints
    third = Client(associate())
    assert third.print(FILM_SESSION, session)[0] == 0x0112


def test_memory_has_an_end(
    place: Place, associate: Callable[..., Association], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workstation.scp.answers.printing.MOST_HELD", 2000)
    client, other = Client(associate()), Client(associate())
    _, box = client.box(client.session(), "STANDARD\\1,3")
    assert [client.set_image(box, position, grey_image()) for position in (1, 2, 3)] == [0, 0, 0xC605]
    assert client.set_image(box, 2, grey_image(7)) == 0x0000, "in place of what was there"
    _, box = other.box(other.session())
    assert other.set_image(box, 1, grey_image()) == 0xC605


def test_a_disk_that_takes_no_film(place: Place, associate: Callable[..., Association]) -> None:
    place.films.write_text("in the way")
    client = Client(associate())
    session = client.session()
    uid, box = client.box(session)
    client.set_image(box, 1, grey_image())
    assert client.print(FILM_BOX, uid)[0] == 0xC602
    assert client.print(FILM_SESSION, session)[0] == 0xC601
    assert [(job.state, "file" in job.facts) for job in place.jobs()] == [("FAILURE", False)] * 2
    assert place.jobs()[0].facts["problem"]


@pytest.mark.parametrize("damage", [b"\x10\x20\x10\x00ST\xff\xff", b"\xff" * 40])
def test_damaged_data_sets_are_refused(
    place: Place, damage: bytes, monkeypatch: pytest.MonkeyPatch, associate: Callable[..., Association]
) -> None:
    client = Client(associate(syntax=ExplicitVRLittleEndian))
    session = client.session()
    _, box = client.box(session)
    monkeypatch.setattr("workstation.net.data_sets.encode_for", lambda *_: damage)
    monkeypatch.setattr("workstation.net.requests.encode_for", lambda *_: damage, raising=False)
    assert client.create_box(session, ImageDisplayFormat="STANDARD\\1,1")[0].Status == 0x0110
    assert client.set_image(box, 1, grey_image()) == 0x0110


def test_jobs_that_a_restart_interrupted_have_failed(place: Place) -> None:
    place.ledger.add(KIND, "1.2.3", Dataset(), state="PRINTING")
    changed, looked = threading.Event(), threading.Event()
    place.ledger.listen(lambda *_: changed.set())
    place.printing.resume()
    place.later.call(0.0, looked.set)
    assert looked.wait(10)
    assert not changed.is_set(), "it is of now: another server may print it"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workstation.scp.answers.printing._STARTED", 1e12)
        place.printing.resume()
        assert changed.wait(10)
    assert place.jobs()[0].state == "FAILURE"


def test_a_job_is_removed_with_its_films(place: Place, associate: Callable[..., Association]) -> None:
    client = Client(associate())
    uid, _ = client.box(client.session())
    _, job = client.print(FILM_BOX, uid)
    assert len(list(place.films.iterdir())) == 1
    assert remove_job(place.ledger, place.films, job)
    assert not list(place.films.iterdir())
    assert not place.jobs()
    assert not remove_job(place.ledger, place.films, job)


def test_a_name_that_is_not_ours_is_no_file(place: Place, tmp_path: Path) -> None:
    for name in ("../../etc/passwd", "x.dcm", 5, None, "a" * 32 + ".dcm\n"):
        job = place.ledger.add(KIND, str(generate_uid()), Dataset(), facts={"file": name})
        assert film_file(tmp_path, job) is None


def test_pynetdicom_prints(place: Place) -> None:
    ae = pynetdicom.AE("PYNETDICOM")
    for uid in EVERYTHING:
        ae.add_requested_context(uid)
    assoc = ae.associate("127.0.0.1", place.port, ae_title="FILMS")
    assert assoc.is_established
    try:
        client = Client(assoc)
        uid, box = client.box(client.session(NumberOfCopies=1), "ROW\\2,1", Trim="YES")
        for position in (1, 2, 3):
            assert client.set_image(box, position, grey_image(50 * position)) == 0x0000
        assert client.print(FILM_BOX, uid)[0] == 0x0000
    finally:
        assoc.release()
    pixels = place.film(place.jobs()[0]).pixel_array
    assert [pixels[400, 300], pixels[400, 900], pixels[1100, 600]] == [50, 100, 150]


def test_dcmtks_spooler_prints(place: Place, tmp_path: Path, samples: Path) -> None:
    folder = tmp_path / "print"
    config = print_configuration(folder, place.port, "PRINTER", Annotation="2\\ANNOTATION")
    images = [samples / "ct-chest" / "01.dcm", samples / "mr-head" / "t1-01.dcm"]
    options = ["--layout", 1, 2, "--annotation", "Hello", "-pd", "-pn", "-pl", "--identity", "--filmsize", "14INX17IN"]
    done = run("dcmpsprt", "-c", config, "-p", "PRINTER_1", *options, *images)
    assert done.returncode == 0, done.stderr
    (stored,) = (folder / "database").glob("SP_*.dcm")
    done = run("dcmprscu", "-v", "-c", config, "-p", "PRINTER_1", "--copies", 2, stored)
    assert done.returncode == 0, done.stdout + done.stderr
    (job,) = place.jobs()
    assert (job.state, job.facts["copies"]) == ("DONE", 2)
    pixels = place.film(job).pixel_array
    assert pixels.shape == (2550, 2100)
    upper, lower = pixels[200:1100, 300:1800], pixels[1400:2300, 300:1800]
    assert len(np.unique(upper)) > 50
    assert len(np.unique(lower)) > 50
    assert pixels[-30:].any(), "the annotation"
