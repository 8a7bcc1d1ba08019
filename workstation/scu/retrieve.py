"""Retrieve as SCU (PS3.4 C.4.2 and C.4.3): C-MOVE to some destination, C-GET to here, with their counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from workstation.net import build_context, build_role, evt
from workstation.peers import Peer, check_ae_title
from workstation.scu.caller import Caller
from workstation.scu.failure import Failure, Layer, printable
from workstation.scu.job import Progress
from workstation.scu.operation import Ending, Model, Operation, identifier
from workstation.scu.outcome import Service, status_words

if TYPE_CHECKING:
    from workstation.net import Association
    from workstation.net.presentation import PresentationContext

# One context is the query's, of the 128 that an association may have.
_ROOM = 127

_PLAIN = (uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian)
_LOSSLESS = (uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.JPEG2000Lossless, uid.RLELossless)
_LOSSY = (
    uid.JPEGBaseline8Bit,
    uid.JPEGExtended12Bit,
    uid.JPEGLSNearLossless,
    uid.JPEG2000,
    uid.MPEG2MPML,
    uid.MPEG4HP41,
)

COMMON_STORAGE: tuple[str, ...] = (
    uid.ComputedRadiographyImageStorage,
    uid.DigitalXRayImageStorageForPresentation,
    uid.DigitalXRayImageStorageForProcessing,
    uid.DigitalMammographyXRayImageStorageForPresentation,
    uid.DigitalMammographyXRayImageStorageForProcessing,
    uid.BreastTomosynthesisImageStorage,
    uid.CTImageStorage,
    uid.EnhancedCTImageStorage,
    uid.UltrasoundMultiFrameImageStorage,
    uid.UltrasoundImageStorage,
    uid.MRImageStorage,
    uid.EnhancedMRImageStorage,
    uid.MRSpectroscopyStorage,
    uid.NuclearMedicineImageStorage,
    uid.PositronEmissionTomographyImageStorage,
    uid.EnhancedPETImageStorage,
    uid.SecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
    uid.TwelveLeadECGWaveformStorage,
    uid.GeneralECGWaveformStorage,
    uid.XRayAngiographicImageStorage,
    uid.EnhancedXAImageStorage,
    uid.XRayRadiofluoroscopicImageStorage,
    uid.VLEndoscopicImageStorage,
    uid.VideoEndoscopicImageStorage,
    uid.VLPhotographicImageStorage,
    uid.OphthalmicPhotography8BitImageStorage,
    uid.OphthalmicTomographyImageStorage,
    uid.GrayscaleSoftcopyPresentationStateStorage,
    uid.SegmentationStorage,
    uid.SpatialRegistrationStorage,
    uid.KeyObjectSelectionDocumentStorage,
    uid.BasicTextSRStorage,
    uid.EnhancedSRStorage,
    uid.ComprehensiveSRStorage,
    uid.XRayRadiationDoseSRStorage,
    uid.EncapsulatedPDFStorage,
    uid.RTImageStorage,
    uid.RTDoseStorage,
    uid.RTStructureSetStorage,
)
"""What C-GET takes when it is not known what will come: as many as leave room for compressed syntaxes."""


def storage_contexts(sop_classes: Sequence[str]) -> list[PresentationContext]:
    """The contexts in which a C-GET takes these SOP classes.

    The fewer classes, the more finely the transfer syntaxes are offered: with one context for each syntax a peer
    can send everything as it has it, with one for all it must settle for a single syntax.

    Raises:
        ValueError: There are more classes than an association has contexts.
    """
    classes = list(dict.fromkeys(str(each) for each in sop_classes))
    if len(classes) > _ROOM:
        raise ValueError(f"{len(classes)} SOP classes do not fit into one association: at most {_ROOM} do.")
    offers: tuple[tuple[Sequence[str], ...], ...] = (
        (_PLAIN, *((syntax,) for syntax in (*_LOSSLESS, *_LOSSY))),
        (_PLAIN, _LOSSLESS, _LOSSY),
        (_PLAIN,),
    )
    offer = next(offer for offer in offers if len(offer) * len(classes) <= _ROOM)
    return [build_context(each, list(syntaxes)) for each in classes for syntaxes in offer]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubOperations:
    """The counts of a response (PS3.7 9.1.3.1); None where it had none."""

    remaining: int | None = None
    completed: int | None = None
    failed: int | None = None
    warning: int | None = None

    @classmethod
    def of(cls, status: Dataset) -> SubOperations:
        """The counts among a response's status elements."""

        def count(name: str) -> int | None:
            value = status.get(f"NumberOf{name}Suboperations")
            return None if value is None else int(value)

        return cls(
            remaining=count("Remaining"),
            completed=count("Completed"),
            failed=count("Failed"),
            warning=count("Warning"),
        )

    def over(self, earlier: SubOperations) -> SubOperations:
        """These counts, and the earlier ones where these are missing."""
        return SubOperations(
            remaining=earlier.remaining if self.remaining is None else self.remaining,
            completed=earlier.completed if self.completed is None else self.completed,
            failed=earlier.failed if self.failed is None else self.failed,
            warning=earlier.warning if self.warning is None else self.warning,
        )

    @property
    def done(self) -> int:
        """How many are over, well or not."""
        return (self.completed or 0) + (self.failed or 0) + (self.warning or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveResult:
    """How a retrieve ended."""

    status: int | None = None
    counts: SubOperations = SubOperations()
    failed_uids: tuple[str, ...] = ()
    """SOP Instance UIDs of objects that did not arrive, as far as the peer named them."""
    received: int = 0
    """Objects that came here (C-GET)."""
    failure: Failure | None = None
    cancelled: bool = False
    seconds: float = 0.0

    @property
    def sentence(self) -> str:
        """The result in one line."""
        arrived = (self.counts.completed or 0) + (self.counts.warning or 0)
        words = f"{arrived:,} {'object' if arrived == 1 else 'objects'} in {self.seconds:.1f} s"
        if self.counts.warning:
            words += f", {self.counts.warning} with a warning"
        if self.counts.failed:
            words += f", {self.counts.failed} failed"
        if self.cancelled:
            return f"{words}, cancelled."
        return f"{words}." if self.failure is None else f"{self.failure.sentence} ({words})"


class _RetrieveJob(Operation[RetrieveResult]):
    """What C-MOVE and C-GET have in common."""

    _counts = SubOperations()
    _received = 0

    def run(self) -> RetrieveResult:
        """Ask, and return when the last sub-operation is over."""
        ending = self._perform()
        counts = self._counts
        if ending.status is not None:
            counts = SubOperations.of(ending.status).over(counts)
        failed_uids = _failed_uids(ending.identifier)
        return RetrieveResult(
            status=ending.code,
            counts=counts,
            failed_uids=failed_uids,
            received=self._received,
            failure=ending.failure or self._partial(ending, counts),
            cancelled=ending.cancelled or (self.cancelled and ending.code is None),
            seconds=self._seconds(),
        )

    def _partial(self, ending: Ending, counts: SubOperations) -> Failure | None:
        """The failure that a Warning is when objects did not arrive."""
        if ending.code is None or ending.cancelled or not counts.failed:
            return None
        return Failure(
            Layer.STATUS,
            f"{counts.failed} of {counts.done} objects did not arrive",
            status_words(self.service, ending.code),
            self._partial_remedy,
        )

    _partial_remedy = ""

    def _pending(self, status: Dataset, answer: Dataset | None) -> None:
        self._counts = SubOperations.of(status).over(self._counts)
        counts = self._counts
        self._tell(
            done=counts.done,
            total=None if counts.remaining is None else counts.done + counts.remaining,
            failed=counts.failed or 0,
            warnings=counts.warning or 0,
        )


def _failed_uids(identifier: Dataset | None) -> tuple[str, ...]:
    """What a final response lists as Failed SOP Instance UID List; nothing if that cannot be read."""
    try:
        listed = None if identifier is None else identifier.get("FailedSOPInstanceUIDList")
    except Exception:
        # pydicom decodes a value when it is looked at, and answers damaged ones with almost any exception.
        return ()
    if isinstance(listed, str):
        return (printable(listed, 64),)
    return tuple(printable(str(each), 64) for each in listed) if isinstance(listed, MultiValue) else ()


class MoveJob(_RetrieveJob):
    """One C-MOVE: the peer sends the objects to a destination that it knows.

    Args:
        caller: Who asks.
        peer: Who is asked.
        destination: The AE title to send to.
        model: "patient", "study" or a `Model`.
        level: PATIENT, STUDY, SERIES or IMAGE.
        keys: Unique keys: one value for each level above, one or a list of UIDs at the level.
        on_progress: Hears of each response.
    """

    service = Service.MOVE
    _partial_remedy = (
        "The destination did not take them: look at its contexts and log, and whether the peer knows its address."
    )

    def __init__(
        self,
        caller: Caller,
        peer: Peer,
        destination: str,
        model: str,
        level: str,
        keys: Dataset,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        chosen = Model(model)
        super().__init__(caller, peer, chosen.move, identifier(chosen, level, keys), on_progress)
        self.destination = check_ae_title(destination, "The destination's AE title")

    def _start(self, association: Association) -> Iterator[tuple[Dataset, Dataset | None]]:
        return association.send_c_move(self.request, self.destination, self.sop_class, msg_id=1)


class GetJob(_RetrieveJob):
    """One C-GET: the peer sends the objects on this association.

    Args:
        caller: Who asks.
        peer: Who is asked.
        model: "patient", "study" or a `Model`.
        level: PATIENT, STUDY, SERIES or IMAGE.
        keys: Unique keys: one value for each level above, one or a list of UIDs at the level.
        store_handler: Takes each object as an EVT_C_STORE handler does, and returns its status.
        sink_factory: Where the bytes of each object go as they arrive; None to collect them in memory.
        sop_classes: What will come, if known; compressed objects then arrive as they are.
        on_progress: Hears of each response.
    """

    service = Service.GET
    _partial_remedy = "Their SOP class or transfer syntax was not among those offered, or they could not be kept here."

    def __init__(
        self,
        caller: Caller,
        peer: Peer,
        model: str,
        level: str,
        keys: Dataset,
        store_handler: Callable[[Any], int | Dataset],
        sink_factory: Callable[..., Any] | None = None,
        sop_classes: Sequence[str] = (),
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        chosen = Model(model)
        super().__init__(caller, peer, chosen.get, identifier(chosen, level, keys), on_progress)
        self._store_handler = store_handler
        self._sink_factory = sink_factory
        self._storage = storage_contexts(sop_classes or COMMON_STORAGE)

    def _contexts(self) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
        classes = dict.fromkeys(context.abstract_syntax for context in self._storage)
        roles = [build_role(each, scu_role=False, scp_role=True) for each in classes if each is not None]
        return [build_context(self.sop_class), *self._storage], roles, [(evt.EVT_C_STORE, self._store)]

    def _options(self) -> dict[str, Any]:
        return {"sink_factory": self._sink_factory}

    def _store(self, event: Any) -> int | Dataset:
        self._received += 1
        return self._store_handler(event)

    def _unfit(self, association: Association) -> Failure | None:
        if any(context.as_scp for context in association.accepted_contexts):
            return None
        return Failure(
            Layer.CONTEXT,
            f"{self.peer.ae_title} takes C-GET requests but would send nothing on this association",
            "it accepted no storage SOP class with us as SCP (role selection)",
            "Retrieve with C-MOVE instead.",
        )

    def _start(self, association: Association) -> Iterator[tuple[Dataset, Dataset | None]]:
        return association.send_c_get(self.request, self.sop_class, msg_id=1)
