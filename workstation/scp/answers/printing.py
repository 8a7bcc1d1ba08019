"""Print management as SCP (PS3.4 Annex H): film sessions, boxes, presentation LUTs, the printer and its print jobs.

A session belongs to the presentation context in which it was made, and dies with its association. What is printed is
drawn at once, while the peer waits for the N-ACTION's answer, into a file of the folder `films` beside the archive;
after the answer the job's progress is reported on the same association to a peer that negotiated the Print Job class.
Jobs stay in the ledger (kind "print-job"); their names are ours, nothing of a peer becomes a path.
"""

from __future__ import annotations

import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from sqlalchemy.exc import SQLAlchemyError

from workstation.net import events
from workstation.net.association import Association
from workstation.net.events import Event, InterventionEvent
from workstation.net.presentation import PresentationContext, build_context
from workstation.net.shell import threads
from workstation.scp.answers.film_session import (
    ANNOTATION_ATTRIBUTES,
    BOX_ATTRIBUTES,
    BOX_DEFAULTS,
    IMAGE_ATTRIBUTES,
    INVALID_VALUE,
    MISSING_ATTRIBUTE,
    SESSION_ATTRIBUTES,
    SESSION_DEFAULTS,
    SUCCESS,
    AnnotationBox,
    FilmBox,
    FilmSession,
    ImageBox,
    Lut,
    RefusedError,
    annotation_lines,
    content,
    film_of,
    placed,
    read,
    read_image,
    read_layout_of,
    read_lut,
    referenced,
)
from workstation.scp.answers.reading import UnreadableDataSetError, read_data_set
from workstation.scp.film import FILM_SIZES, Fit, LayoutError, TooLargeError, fit, places, write_films
from workstation.scp.ledger import DuplicateRecordError, Ledger, Record, UnknownRecordError
from workstation.scp.query.answer import status_of
from workstation.scp.surroundings import Handler, Surroundings

LOGGER = logging.getLogger(__name__)

KIND = "print-job"
GRAYSCALE_META, COLOR_META = "1.2.840.10008.5.1.1.9", "1.2.840.10008.5.1.1.18"
FILM_SESSION, FILM_BOX = "1.2.840.10008.5.1.1.1", "1.2.840.10008.5.1.1.2"
GRAYSCALE_IMAGE_BOX, COLOR_IMAGE_BOX = "1.2.840.10008.5.1.1.4", "1.2.840.10008.5.1.1.4.1"
ANNOTATION_BOX, PRINT_JOB = "1.2.840.10008.5.1.1.15", "1.2.840.10008.5.1.1.14"
PRINTER, PRESENTATION_LUT = "1.2.840.10008.5.1.1.16", "1.2.840.10008.5.1.1.23"
CONFIGURATION = "1.2.840.10008.5.1.1.16.376"
PRINTER_INSTANCE, CONFIGURATION_INSTANCE = "1.2.840.10008.5.1.1.17", "1.2.840.10008.5.1.1.17.376"
_TRANSFER_SYNTAXES = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")

# PS3.7 Annex C.
DUPLICATE_INSTANCE, NO_SUCH_INSTANCE, NO_SUCH_CLASS = 0x0111, 0x0112, 0x0118
CLASS_INSTANCE_CONFLICT, NO_SUCH_ACTION, RESOURCE_LIMITATION = 0x0119, 0x0123, 0x0213
UNRECOGNIZED_OPERATION, ATTRIBUTE_LIST_ERROR, PROCESSING_FAILURE = 0x0211, 0x0107, 0x0110
# PS3.4 H.4.
EMPTY_PAGE_OF_SESSION, EMPTY_PAGE, DECIMATED, CROPPED = 0xB602, 0xB603, 0xB60A, 0xB609
NO_FILM_BOX, SESSION_QUEUE_FULL, BOX_QUEUE_FULL, IMAGE_TOO_LARGE, NO_MEMORY = 0xC600, 0xC601, 0xC602, 0xC603, 0xC605

MOST_FILMS, MOST_LUTS = 100, 32
# Of an image with what goes with it: 16 bits of 8192 × 8192.
LONGEST = 130 * 1024 * 1024
# Of pixels that wait to be printed, on all associations together.
MOST_HELD = 512 * 1024 * 1024
_FILE = re.compile(r"[0-9a-f]{32}\.dcm")
_STARTED = time.time()
# Event types of a print job (PS3.4 H.4.5).
_PRINTING, _DONE, _FAILURE = 2, 3, 4

Answer = tuple[Any, Dataset | None]


@dataclass(slots=True)
class _Prints:
    """What one association has made."""

    sessions: dict[int, FilmSession] = field(default_factory=dict)  # by presentation context
    luts: dict[str, Lut] = field(default_factory=dict)

    def boxes(self) -> dict[str, tuple[FilmSession, FilmBox]]:
        return {uid: (one, box) for one in self.sessions.values() for uid, box in one.boxes.items()}

    def held(self) -> int:
        return sum(
            len(image.pixels.data)
            for one in self.sessions.values()
            for box in one.boxes.values()
            for image in box.images.values()
            if image.pixels is not None
        )


class Printing:
    """The printer.

    Args:
        surroundings: What it may use.
        folder: Where films are kept; by default `films_folder` of the archive.
    """

    def __init__(self, surroundings: Surroundings, folder: Path | None = None) -> None:
        self._surroundings = surroundings
        self._folder = folder if folder is not None else films_folder(surroundings.archive.folder)
        self._lock = threading.Lock()  # guards `_prints`
        self._prints: dict[Association, _Prints] = {}
        # Held while films are drawn: one takes tens of megabytes, and a printer prints one after the other.
        self._press = threading.Lock()

    # Answering

    def contexts(self) -> list[PresentationContext]:
        """The two meta classes, and what may be negotiated beside them."""
        classes = (GRAYSCALE_META, COLOR_META, ANNOTATION_BOX, PRINT_JOB, PRINTER, PRESENTATION_LUT, CONFIGURATION)
        return [build_context(uid, list(_TRANSFER_SYNTAXES)) for uid in classes]

    def handlers(self) -> Mapping[tuple[InterventionEvent, str], Handler]:
        """Who answers what."""
        answers: dict[InterventionEvent, Callable[[Event], Answer]] = {
            events.EVT_N_GET: self._get,
            events.EVT_N_CREATE: self._create,
            events.EVT_N_SET: self._set,
            events.EVT_N_ACTION: self._action,
        }
        made: dict[tuple[InterventionEvent, str], Handler] = {}
        for context in self.contexts():
            abstract_syntax = str(context.abstract_syntax)
            for event, answer in answers.items():
                made[event, abstract_syntax] = _refusing(answer)
            made[events.EVT_N_DELETE, abstract_syntax] = lambda event: _refusing(self._delete)(event)[0]
        return made

    def resume(self) -> None:
        """Say of jobs that an end of the program interrupted that they failed."""
        self._surroundings.later.call(0.0, self._fail_interrupted)

    def _fail_interrupted(self) -> None:
        ledger = self._surroundings.ledger
        with suppress(SQLAlchemyError):
            for job in list(ledger.records(KIND, state="PRINTING")):
                if job.created < _STARTED:
                    with suppress(UnknownRecordError):
                        ledger.change(KIND, job.uid, lambda now: _with_state(now, "FAILURE", "CHECK PRINTER"))

    # N-GET

    def _get(self, event: Event) -> Answer:
        sop_class, uid = _asked(event)
        if sop_class == PRINTER:
            _expect(uid, PRINTER_INSTANCE)
            return _chosen(event, self._printer())
        if sop_class == CONFIGURATION:
            _expect(uid, CONFIGURATION_INSTANCE)
            return _chosen(event, self._configuration())
        if sop_class == PRINT_JOB:
            job = self._surroundings.ledger.get(KIND, uid)
            if job is None:
                raise RefusedError(NO_SUCH_INSTANCE, "There is no such print job.")
            return _chosen(event, _job_attributes(job.data_set))
        raise RefusedError(UNRECOGNIZED_OPERATION, "This class has no N-GET.")

    def _printer(self) -> Dataset:
        printer = Dataset()
        printer.PrinterStatus = printer.PrinterStatusInfo = "NORMAL"
        printer.PrinterName = self._surroundings.ae_title()
        printer.Manufacturer = "DICOM Workstation"
        printer.ManufacturerModelName = "Films as pictures"
        return printer

    def _configuration(self) -> Dataset:
        one = Dataset()
        one.SOPClassesSupported = [GRAYSCALE_META, COLOR_META, ANNOTATION_BOX, PRINT_JOB, PRESENTATION_LUT]
        one.MaximumMemoryAllocation = MOST_HELD // 1024
        one.MemoryBitDepth, one.PrintingBitDepth = 16, 8
        one.MediaInstalledSequence = [_medium(number, size) for number, size in enumerate(FILM_SIZES, 1)]
        one.SupportedImageDisplayFormatsSequence = []
        one.DefaultPrinterResolutionID = "STANDARD"
        one.DefaultMagnificationType = "BILINEAR"
        one.OtherMagnificationTypesAvailable = ["REPLICATE", "CUBIC", "NONE"]
        one.MaximumCollatedFilms = MOST_FILMS
        one.PrinterName = self._surroundings.ae_title()
        configuration = Dataset()
        configuration.PrinterConfigurationSequence = [one]
        return configuration

    # N-CREATE

    def _create(self, event: Event) -> Answer:
        sop_class = str(event.request.AffectedSOPClassUID)
        uid = str(event.request.AffectedSOPInstanceUID or generate_uid(prefix=None))
        prints = self._of(event.assoc)
        attributes = _data_set(event)
        if sop_class == FILM_SESSION:
            status, why, created = self._create_session(event, prints, uid, attributes)
        elif sop_class == FILM_BOX:
            status, why, created = self._create_box(event, prints, uid, attributes)
        elif sop_class == PRESENTATION_LUT:
            if uid in prints.luts:
                raise RefusedError(DUPLICATE_INSTANCE, "There is this presentation LUT already.")
            if len(prints.luts) >= MOST_LUTS:
                raise RefusedError(RESOURCE_LIMITATION, f"An association has at most {MOST_LUTS} LUTs.")
            prints.luts[uid] = read_lut(attributes)
            status, why, created = SUCCESS, "", Dataset()
            if "PresentationLUTShape" in attributes:
                created.PresentationLUTShape = attributes.PresentationLUTShape
        else:
            raise RefusedError(_unknown(sop_class), "This class has no N-CREATE.")
        answered = status_of(status, why)
        answered.AffectedSOPInstanceUID = uid
        return answered, created

    def _create_session(self, event: Event, prints: _Prints, uid: str, attributes: Dataset) -> tuple[int, str, Dataset]:
        if any(one.uid == uid for one in prints.sessions.values()):
            raise RefusedError(DUPLICATE_INSTANCE, "There is this film session already.")
        meta = event.context.abstract_syntax
        if meta not in (GRAYSCALE_META, COLOR_META):
            raise RefusedError(NO_SUCH_CLASS, "A film session is made in the context of a meta class.")
        if event.context.context_id in prints.sessions:
            raise RefusedError(RESOURCE_LIMITATION, "An association has one film session at a time.")
        taken, status, why = read(attributes, SESSION_ATTRIBUTES, SESSION_DEFAULTS)
        prints.sessions[event.context.context_id] = FilmSession(uid, taken, meta == COLOR_META)
        return status, why, _copy(taken)

    def _create_box(self, event: Event, prints: _Prints, uid: str, attributes: Dataset) -> tuple[int, str, Dataset]:
        if uid in prints.boxes():
            raise RefusedError(DUPLICATE_INSTANCE, "There is this film box already.")
        count = read_layout_of(attributes)
        if "ReferencedFilmSessionSequence" not in attributes:
            raise RefusedError(MISSING_ATTRIBUTE, "ReferencedFilmSessionSequence is missing.")
        session = prints.sessions.get(event.context.context_id)
        if session is None or session.uid != referenced(attributes, "ReferencedFilmSessionSequence"):
            raise RefusedError(INVALID_VALUE, "ReferencedFilmSessionSequence names no film session of this context.")
        if len(session.boxes) >= MOST_FILMS:
            raise RefusedError(RESOURCE_LIMITATION, f"A film session has at most {MOST_FILMS} films.")
        taken, status, why = read(attributes, BOX_ATTRIBUTES, BOX_DEFAULTS)
        _check_lut(taken, prints)
        places_for_images = [
            ImageBox(generate_uid(prefix=None), position, session.is_colour) for position in range(1, count + 1)
        ]
        lines = annotation_lines(taken) if _is_accepted(event.assoc, ANNOTATION_BOX) else 0
        texts = [AnnotationBox(generate_uid(prefix=None), position) for position in range(1, lines + 1)]
        session.boxes[uid] = FilmBox(
            uid, taken, {one.uid: one for one in places_for_images}, {one.uid: one for one in texts}
        )
        created = _copy(taken)
        box_class = COLOR_IMAGE_BOX if session.is_colour else GRAYSCALE_IMAGE_BOX
        created.ReferencedImageBoxSequence = [_reference(box_class, one.uid) for one in places_for_images]
        if texts:
            created.ReferencedBasicAnnotationBoxSequence = [_reference(ANNOTATION_BOX, one.uid) for one in texts]
        return status, why, created

    # N-SET

    def _set(self, event: Event) -> Answer:
        sop_class, uid = _asked(event)
        prints = self._of(event.assoc)
        changes = _data_set(event)
        if sop_class == FILM_SESSION:
            session = _session(prints, uid)
            taken, status, why = read(changes, SESSION_ATTRIBUTES, {})
            session.attributes.update(taken)
            return status_of(status, why), taken
        if sop_class == FILM_BOX:
            _, box = _box(prints, uid)
            changes = _without(changes, "ImageDisplayFormat", "ReferencedFilmSessionSequence")
            taken, status, why = read(changes, BOX_ATTRIBUTES, {})
            _check_lut(taken, prints)
            box.attributes.update(taken)
            return status_of(status, why), taken
        if sop_class in (GRAYSCALE_IMAGE_BOX, COLOR_IMAGE_BOX):
            return self._set_image(prints, sop_class, uid, changes), None
        if sop_class == ANNOTATION_BOX:
            for _, box in prints.boxes().values():
                if uid in box.annotations:
                    taken, status, why = read(changes, ANNOTATION_ATTRIBUTES, {})
                    box.annotations[uid].attributes.update(taken)
                    return status_of(status, why), taken
            raise RefusedError(NO_SUCH_INSTANCE, "There is no such annotation box.")
        raise RefusedError(_unknown(sop_class), "This class has no N-SET.")

    def _set_image(self, prints: _Prints, sop_class: str, uid: str, changes: Dataset) -> Dataset:
        box, image = next(
            ((box, box.images[uid]) for _, box in prints.boxes().values() if uid in box.images), (None, None)
        )
        if box is None or image is None:
            raise RefusedError(NO_SUCH_INSTANCE, "There is no such image box.")
        if image.is_colour != (sop_class == COLOR_IMAGE_BOX):
            raise RefusedError(CLASS_INSTANCE_CONFLICT, "The image box is of the other class.")
        position = changes.get("ImageBoxPosition")
        if position is not None and position != image.position:
            raise RefusedError(INVALID_VALUE, f"ImageBoxPosition of this image box is {image.position}.")
        taken, status, why = read(changes, IMAGE_ATTRIBUTES, {})
        _check_lut(taken, prints)
        pixels = read_image(changes, is_colour=image.is_colour)
        # What was there before goes, so that the same image may be set again and again.
        before, image.pixels = image.pixels, None
        with self._lock:
            held = sum(one.held() for one in self._prints.values())
            if pixels is not None and held + len(pixels.data) > MOST_HELD:
                image.pixels = before
                raise RefusedError(NO_MEMORY, f"The printer holds {held >> 20} MiB of images already.")
            image.pixels = pixels
        set_before, image.attributes = image.attributes, taken
        try:
            found = placed(box, image, prints.luts)
            film = film_of(box, prints.luts)
            fitted = Fit.WHOLE if found is None else fit(film, found, places(film)[image.position - 1])[2]
        except TooLargeError as error:
            image.pixels, image.attributes = before, set_before
            raise RefusedError(IMAGE_TOO_LARGE, f"The image does not fit: {error}") from error
        if fitted is not Fit.WHOLE:
            status, why = CROPPED if fitted is Fit.CROPPED else DECIMATED, f"The image is {fitted.value}."
        return status_of(status, why)

    # N-ACTION

    def _action(self, event: Event) -> Answer:
        sop_class, uid = _asked(event)
        prints = self._of(event.assoc)
        if sop_class not in (FILM_SESSION, FILM_BOX):
            raise RefusedError(_unknown(sop_class), "This class has no N-ACTION.")
        if event.action_type != 1:
            raise RefusedError(NO_SUCH_ACTION, "The only action is 1, print.")
        is_session = sop_class == FILM_SESSION
        if is_session:
            session = _session(prints, uid)
            boxes = list(session.boxes.values())
            if not boxes:
                raise RefusedError(NO_FILM_BOX, "The film session has no film box.")
        else:
            session, box = _box(prints, uid)
            boxes = [box]
        job = self._print(event, session, boxes, prints, SESSION_QUEUE_FULL if is_session else BOX_QUEUE_FULL)
        reply = Dataset()
        reply.ReferencedPrintJobSequence = [_reference(PRINT_JOB, job)]
        if any(all(image.pixels is None for image in box.images.values()) for box in boxes):
            return status_of(EMPTY_PAGE_OF_SESSION if is_session else EMPTY_PAGE, "A film has no image."), reply
        return SUCCESS, reply

    def _print(self, event: Event, session: FilmSession, boxes: list[FilmBox], prints: _Prints, full: int) -> str:
        """Draw the films, keep the job; its UID."""
        uid = generate_uid(prefix=None)
        peer, name = str(event.assoc.requestor.ae_title), f"{uuid.uuid4().hex}.dcm"
        films = [film_of(box, prints.luts) for box in boxes]
        job = content(session, boxes)
        job.ExecutionStatus, job.ExecutionStatusInfo = "PRINTING", "NORMAL"
        job.PrinterName = self._surroundings.ae_title()
        job.Originator = peer
        job.NumberOfFilms = len(films)
        job.CreationDate, job.CreationTime = time.strftime("%Y%m%d"), time.strftime("%H%M%S")
        facts: dict[str, object] = {"films": len(films), "copies": int(session.attributes.NumberOfCopies)}
        ledger = self._surroundings.ledger
        try:
            ledger.add(KIND, uid, job, state="PRINTING", peer=peer, facts=facts)
        except (SQLAlchemyError, DuplicateRecordError) as error:
            LOGGER.warning("A print job cannot be kept: %s", error)
            raise RefusedError(full, "The print job cannot be kept.") from error
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._press:
                width, height = write_films(
                    self._folder / name, films, _description(session, peer), sop_instance_uid=generate_uid(prefix=None)
                )
        except (OSError, MemoryError, LayoutError, TooLargeError) as error:
            LOGGER.warning("A film cannot be written: %s", error)
            problem = str(error)
            self._finish(uid, lambda now: _with_state(now, "FAILURE", "CHECK PRINTER", problem=problem))
            self._report_after(event, uid, session, (_PRINTING, _FAILURE))
            raise RefusedError(full, f"The film cannot be written: {error}") from error
        size = {"file": name, "width": width, "height": height}
        self._finish(uid, lambda now: _with_state(now, "DONE", "NORMAL", **size))
        self._report_after(event, uid, session, (_PRINTING, _DONE))
        return uid

    def _finish(self, uid: str, changed: Callable[[Record], Record]) -> None:
        try:
            self._surroundings.ledger.change(KIND, uid, changed)
        except (SQLAlchemyError, UnknownRecordError) as error:
            # The film is there; that its job says PRINTING still is the smaller evil.
            LOGGER.warning("A print job's end cannot be kept: %s", error)

    def _report_after(self, event: Event, uid: str, session: FilmSession, types: tuple[int, ...]) -> None:
        """Report the job's progress once the N-ACTION is answered, if the peer wants to hear of it."""
        assoc = event.assoc
        if not _is_accepted(assoc, PRINT_JOB):
            return
        information = Dataset()
        information.ExecutionStatusInfo = "CHECK PRINTER" if _FAILURE in types else "NORMAL"
        information.PrinterName = self._surroundings.ae_title()
        if "FilmSessionLabel" in session.attributes:
            information.FilmSessionLabel = session.attributes.FilmSessionLabel

        def report() -> None:
            for kind in types:
                if not assoc.is_established:
                    return
                with suppress(RuntimeError, ValueError):
                    assoc.send_n_event_report(information, kind, PRINT_JOB, uid)

        def sent(happened: Event) -> None:
            if getattr(happened.message, "MessageIDBeingRespondedTo", None) != event.message_id:
                return
            assoc.unbind(events.EVT_DIMSE_SENT, sent)
            threads.run(f"dicom-print-job-{assoc.number}", report)

        assoc.bind(events.EVT_DIMSE_SENT, sent)

    # N-DELETE

    def _delete(self, event: Event) -> Answer:
        sop_class, uid = _asked(event)
        prints = self._of(event.assoc)
        if sop_class == FILM_SESSION:
            _session(prints, uid)
            prints.sessions = {key: one for key, one in prints.sessions.items() if one.uid != uid}
        elif sop_class == FILM_BOX:
            session, _ = _box(prints, uid)
            del session.boxes[uid]
        elif sop_class == PRESENTATION_LUT:
            if prints.luts.pop(uid, None) is None:
                raise RefusedError(NO_SUCH_INSTANCE, "There is no such presentation LUT.")
        else:
            raise RefusedError(_unknown(sop_class), "This class has no N-DELETE.")
        return SUCCESS, None

    # what an association has made

    def _of(self, assoc: Association) -> _Prints:
        with self._lock:
            found = self._prints.get(assoc)
            if found is not None:
                return found
            made = self._prints[assoc] = _Prints()
        assoc.bind(events.EVT_CONN_CLOSE, self._forget)
        # It may have ended before the handler was bound.
        if assoc.over.is_set():
            self._drop(assoc)
        return made

    def _forget(self, event: Event) -> None:
        self._drop(event.assoc)

    def _drop(self, assoc: Association) -> None:
        with self._lock:
            self._prints.pop(assoc, None)


# films and their files


def films_folder(archive_folder: Path) -> Path:
    """Return where the films of an archive's server are kept."""
    return archive_folder / "films"


def film_file(folder: Path, job: Record) -> Path | None:
    """Return the file of a print job's films; None if it has none, or its name is not one of ours."""
    name = job.facts.get("file")
    return folder / name if isinstance(name, str) and _FILE.fullmatch(name) else None


def remove_job(ledger: Ledger, folder: Path, uid: str) -> bool:
    """Remove a print job and its films; whether there was one.

    Raises:
        OSError: The file cannot be removed; then the job stays.
    """
    job = ledger.get(KIND, uid)
    if job is None:
        return False
    path = film_file(folder, job)
    if path is not None:
        path.unlink(missing_ok=True)
    return ledger.remove(KIND, uid)


def _description(session: FilmSession, peer: str) -> Dataset:
    """What a film's file says of itself: it is an object like any other, that can be sent."""
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.PatientName, made.PatientID, made.PatientBirthDate, made.PatientSex = "", "", "", ""
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(prefix=None), generate_uid(prefix=None)
    made.StudyDate = made.ContentDate = time.strftime("%Y%m%d")
    made.StudyTime = made.ContentTime = time.strftime("%H%M%S")
    made.AccessionNumber, made.ReferringPhysicianName, made.StudyID = "", "", ""
    made.Modality = "HC"
    made.SeriesNumber = made.InstanceNumber = 1
    made.PatientOrientation = None
    label = str(session.attributes.get("FilmSessionLabel") or "")
    made.SeriesDescription = label[:64] or f"Film from {peer}"
    return made


def _with_state(job: Record, state: str, information: str, **facts: object) -> Record:
    job.data_set.ExecutionStatus, job.data_set.ExecutionStatusInfo = state, information
    return replace(job, state=state, facts={**job.facts, **facts})


def _job_attributes(data_set: Dataset) -> Dataset:
    """What the Print Job class has of what we keep (PS3.3 C.13.8)."""
    keywords = (
        "ExecutionStatus",
        "ExecutionStatusInfo",
        "PrintPriority",
        "CreationDate",
        "CreationTime",
        "PrinterName",
        "Originator",
    )
    shown = Dataset()
    for keyword in keywords:
        if keyword in data_set:
            shown[keyword] = data_set[keyword]
    return shown


def _medium(number: int, size: str) -> Dataset:
    medium = Dataset()
    medium.ItemNumber = number
    medium.MediumType = "BLUE FILM"
    medium.FilmSizeID = size
    medium.MinDensity, medium.MaxDensity = BOX_DEFAULTS["MinDensity"], BOX_DEFAULTS["MaxDensity"]
    return medium


# requests


def _refusing(answer: Callable[[Event], Answer]) -> Callable[[Event], Answer]:
    """Have the answer to what is refused be its status."""

    def handler(event: Event) -> Answer:
        try:
            return answer(event)
        except RefusedError as error:
            return status_of(error.status, str(error)), None

    return handler


def _data_set(event: Event) -> Dataset:
    try:
        return read_data_set(event, longest=LONGEST)
    except UnreadableDataSetError as error:
        raise RefusedError(PROCESSING_FAILURE, str(error)) from error


def _asked(event: Event) -> tuple[str, str]:
    return str(event.request.RequestedSOPClassUID), str(event.request.RequestedSOPInstanceUID)


def _chosen(event: Event, data_set: Dataset) -> Answer:
    """What an N-GET asks for; a warning that names what there is not."""
    wanted = event.attribute_identifiers
    if not wanted:
        return SUCCESS, data_set
    chosen = Dataset()
    for tag in wanted:
        if tag in data_set:
            chosen[tag] = data_set[tag]
    missing = [int(tag) for tag in wanted if tag not in data_set]
    if not missing:
        return SUCCESS, chosen
    status = status_of(ATTRIBUTE_LIST_ERROR, "Some attributes are unknown.")
    status.AttributeIdentifierList = missing
    return status, chosen


def _expect(uid: str, known: str) -> None:
    if uid != known:
        raise RefusedError(NO_SUCH_INSTANCE, "There is no such instance.")


def _session(prints: _Prints, uid: str) -> FilmSession:
    for one in prints.sessions.values():
        if one.uid == uid:
            return one
    raise RefusedError(NO_SUCH_INSTANCE, "There is no such film session.")


def _box(prints: _Prints, uid: str) -> tuple[FilmSession, FilmBox]:
    found = prints.boxes().get(uid)
    if found is None:
        raise RefusedError(NO_SUCH_INSTANCE, "There is no such film box.")
    return found


def _unknown(sop_class: str) -> int:
    """The status for an operation that a class does not have, or for a class that nobody knows here."""
    known = (FILM_SESSION, FILM_BOX, GRAYSCALE_IMAGE_BOX, COLOR_IMAGE_BOX, ANNOTATION_BOX, PRESENTATION_LUT)
    return UNRECOGNIZED_OPERATION if sop_class in (*known, PRINTER, PRINT_JOB, CONFIGURATION) else NO_SUCH_CLASS


def _check_lut(attributes: Dataset, prints: _Prints) -> None:
    uid = referenced(attributes, "ReferencedPresentationLUTSequence")
    if uid and uid not in prints.luts:
        raise RefusedError(INVALID_VALUE, "ReferencedPresentationLUTSequence names no presentation LUT of ours.")


def _without(data_set: Dataset, *keywords: str) -> Dataset:
    """A film's layout and session are what they were when it was made."""
    kept = _copy(data_set)
    for keyword in keywords:
        if keyword in kept:
            delattr(kept, keyword)
    return kept


def _copy(data_set: Dataset) -> Dataset:
    copied = Dataset()
    copied.update(data_set)
    return copied


def _reference(sop_class: str, uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
    return item


def _is_accepted(assoc: Association, abstract_syntax: str) -> bool:
    return any(context.abstract_syntax == abstract_syntax for context in assoc.accepted_contexts)
