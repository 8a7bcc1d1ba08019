"""C-FIND, C-MOVE and C-GET have one shape: a request, Pending responses, a final one, and C-CANCEL in between.

This module runs that shape; what the responses mean is the business of `query` and `retrieve`.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from pydicom.dataset import Dataset
from pydicom.uid import UID

from workstation.net.presentation import build_context
from workstation.net.sop_class import (
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    PatientStudyOnlyQueryRetrieveInformationModelFind,
    PatientStudyOnlyQueryRetrieveInformationModelGet,
    PatientStudyOnlyQueryRetrieveInformationModelMove,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)
from workstation.net.status import STATUS_PENDING, code_to_category
from workstation.peers import Peer
from workstation.scu.caller import Caller
from workstation.scu.explain_association import explain_contexts, explain_end
from workstation.scu.failure import CANCELLED, Failure, Layer
from workstation.scu.job import CANCEL_GRACE, Job, Progress
from workstation.scu.outcome import Service, explain_status

if TYPE_CHECKING:
    from workstation.net import Association

R = TypeVar("R")

_MESSAGE_ID = 1
UTF8 = "ISO_IR 192"


class Model(Enum):
    """A Query/Retrieve information model (PS3.4 C.6)."""

    PATIENT = "patient"
    STUDY = "study"
    PATIENT_STUDY_ONLY = "patient/study only"

    @property
    def levels(self) -> tuple[str, ...]:
        """Its levels, top down."""
        return {
            Model.PATIENT: ("PATIENT", "STUDY", "SERIES", "IMAGE"),
            Model.STUDY: ("STUDY", "SERIES", "IMAGE"),
            Model.PATIENT_STUDY_ONLY: ("PATIENT", "STUDY"),
        }[self]

    @property
    def find(self) -> UID:
        """The SOP class of C-FIND."""
        return {
            Model.PATIENT: PatientRootQueryRetrieveInformationModelFind,
            Model.STUDY: StudyRootQueryRetrieveInformationModelFind,
            Model.PATIENT_STUDY_ONLY: PatientStudyOnlyQueryRetrieveInformationModelFind,
        }[self]

    @property
    def move(self) -> UID:
        """The SOP class of C-MOVE."""
        return {
            Model.PATIENT: PatientRootQueryRetrieveInformationModelMove,
            Model.STUDY: StudyRootQueryRetrieveInformationModelMove,
            Model.PATIENT_STUDY_ONLY: PatientStudyOnlyQueryRetrieveInformationModelMove,
        }[self]

    @property
    def get(self) -> UID:
        """The SOP class of C-GET."""
        return {
            Model.PATIENT: PatientRootQueryRetrieveInformationModelGet,
            Model.STUDY: StudyRootQueryRetrieveInformationModelGet,
            Model.PATIENT_STUDY_ONLY: PatientStudyOnlyQueryRetrieveInformationModelGet,
        }[self]


def identifier(model: Model, level: str, keys: Dataset, character_set: str = "") -> Dataset:
    """The request's identifier: a copy of `keys` with the level and, unless given, a Specific Character Set.

    Args:
        model: The information model.
        level: One of its levels.
        keys: Matching and return keys.
        character_set: What to put if `keys` has none; if empty, UTF-8 when the text needs it.

    Raises:
        ValueError: The model has no such level.
    """
    if level not in model.levels:
        raise ValueError(f"The {model.value} root model has no level {level!r}, only {', '.join(model.levels)}.")
    request = Dataset()
    request.update(keys)
    request.QueryRetrieveLevel = str(level)
    if not character_set and not all(
        str(element.value).isascii() for element in request.iterall() if element.VR != "SQ"
    ):
        character_set = UTF8
    if character_set and "SpecificCharacterSet" not in request:
        request.SpecificCharacterSet = character_set
    return request


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an operation ended."""

    status: Dataset | None = None
    """The final response's status elements; None if there was none."""
    identifier: Dataset | None = None
    failure: Failure | None = None
    cancelled: bool = False

    @property
    def code(self) -> int | None:
        """The final status."""
        return None if self.status is None else int(self.status.Status)


class Operation(Job[R]):
    """One C-FIND, C-MOVE or C-GET.

    The first `cancel` sends a C-CANCEL and gives the peer a few seconds to end; the second aborts.

    Args:
        caller: Who asks.
        peer: Who is asked.
        sop_class: The SOP class of the operation.
        request: The request's identifier.
        on_progress: Hears of each Pending response.
    """

    service: Service

    def __init__(
        self,
        caller: Caller,
        peer: Peer,
        sop_class: UID,
        request: Dataset,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        super().__init__(on_progress)
        self.caller = caller
        self.peer = peer
        self.sop_class = sop_class
        self.request = request
        # Under the job's lock: whether there is a request that a C-CANCEL could mean, and who aborts if the
        # peer does not end it.
        self._under_way = False
        self._last_resort: threading.Timer | None = None

    @abstractmethod
    def _start(self, association: Association) -> Iterator[tuple[Dataset, Dataset | None]]:
        """Send the request."""

    @abstractmethod
    def _pending(self, status: Dataset, answer: Dataset | None) -> None:
        """Take one Pending response."""

    def _contexts(self) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
        """Presentation contexts, extended negotiation items, handlers."""
        return [build_context(self.sop_class)], (), ()

    def _options(self) -> dict[str, Any]:
        """More for `Caller.associate`."""
        return {}

    def _unfit(self, association: Association) -> Failure | None:
        """Why the accepted contexts do not do, although that of the operation itself was accepted."""
        return None

    def _perform(self) -> Ending:
        """Associate, ask, take the responses, release."""
        contexts, ext_neg, handlers = self._contexts()
        association, failure = self._open(
            self.caller, self.peer, contexts, ext_neg=ext_neg, handlers=handlers, **self._options()
        )
        if association is None:
            return Ending(failure=failure, cancelled=self.cancelled)
        try:
            return self._converse(association)
        except BaseException:
            # A callback of the job's owner failed amid the operation: there is no orderly end to it.
            association.abort()
            raise
        finally:
            with self._lock:
                self._under_way = False
                last_resort = self._last_resort
            if last_resort is not None:
                last_resort.cancel()
                last_resort.join()
            self._close(association)

    def _converse(self, association: Association) -> Ending:
        accepted = {context.abstract_syntax for context in association.accepted_contexts}
        if self.sop_class not in accepted:
            return Ending(failure=explain_contexts(association, self.sop_class))
        unfit = self._unfit(association)
        if unfit is not None:
            return Ending(failure=unfit)
        try:
            responses = self._start(association)
        except (RuntimeError, ValueError, AttributeError) as error:
            if not association.is_established:
                lost = CANCELLED if self.cancelled else explain_end(association, f"before {self.service.value}")
                return Ending(failure=lost, cancelled=self.cancelled)
            return Ending(
                failure=Failure(
                    Layer.LOCAL,
                    f"The {self.service.value} request cannot be made",
                    str(error),
                    "Check the values of the keys.",
                )
            )
        with self._lock:
            self._under_way = True
        if self.cancelled:
            self._send_cancel(association)
        for status, answer in responses:
            if "Status" not in status:
                break
            if code_to_category(int(status.Status)) != STATUS_PENDING:
                failure = explain_status(self.service, status)
                return Ending(
                    status=status,
                    identifier=answer,
                    failure=failure,
                    cancelled=int(status.Status) == 0xFE00,
                )
            self._pending(status, answer)
        if self.cancelled:
            return Ending(failure=CANCELLED, cancelled=True)
        return Ending(failure=explain_end(association, f"during {self.service.value}", self.caller.dimse_timeout))

    def _cancel_gently(self, association: Association) -> None:
        if self._under_way:
            self._send_cancel(association)

    def _send_cancel(self, association: Association) -> None:
        """Send a C-CANCEL, once, and see to it that the person does not wait for a peer that ignores it."""
        with self._lock:
            if self._last_resort is not None or not self._under_way:
                return
            self._last_resort = threading.Timer(CANCEL_GRACE, association.abort, kwargs={"block": False})
            self._last_resort.name = f"cancel-grace-{association.number}"
            self._last_resort.daemon = True
            self._last_resort.start()
        try:
            association.send_c_cancel(_MESSAGE_ID, query_model=self.sop_class)
        except (RuntimeError, ValueError):
            # The operation ended in the same moment: there is nothing left to cancel.
            return
