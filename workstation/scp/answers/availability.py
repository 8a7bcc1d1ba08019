"""Instance Availability Notification: N-CREATE, kept as it came (PS3.4 R.3).

Kind "availability" of the ledger; its state is what the instances have in common, or MIXED.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping

from pydicom.dataset import Dataset

from workstation.net import events, uids
from workstation.net.events import Event, InterventionEvent
from workstation.net.presentation import PresentationContext, build_context
from workstation.scp.answers.attributes import (
    DUPLICATE_INSTANCE,
    INVALID_ATTRIBUTE_VALUE,
    SUCCESS,
    Answer,
    RefusedError,
    Required,
    check_class,
    check_required,
    instance_of,
    refusing,
    text_of,
)
from workstation.scp.answers.contexts import UNCOMPRESSED
from workstation.scp.answers.reading import read_data_set
from workstation.scp.ledger import DuplicateRecordError
from workstation.scp.query.answer import status_of
from workstation.scp.surroundings import Handler, Surroundings

# The kind of its records in the ledger.
AVAILABILITY = "availability"

NOTIFICATION = uids.INSTANCE_AVAILABILITY["InstanceAvailabilityNotification"]

# Enumerated values of Instance Availability (PS3.3 C.4.23).
AVAILABILITIES = ("ONLINE", "NEARLINE", "OFFLINE", "UNAVAILABLE")
MIXED = "MIXED"

# A notification names each instance of a study, which may have thousands.
LONGEST = 64 * 1024 * 1024
MOST_ELEMENTS = 1_000_000

# PS3.4 Table R.3.2-1
CREATED = (
    Required("ReferencedPerformedProcedureStepSequence", 2),
    Required("StudyInstanceUID", 1),
    Required(
        "ReferencedSeriesSequence",
        1,
        (
            Required("SeriesInstanceUID", 1),
            Required(
                "ReferencedSOPSequence",
                1,
                (
                    Required("ReferencedSOPClassUID", 1),
                    Required("ReferencedSOPInstanceUID", 1),
                    Required("InstanceAvailability", 1),
                    Required("RetrieveAETitle", 1),
                ),
            ),
        ),
    ),
)


class Availability:
    """The built-in answers of the Instance Availability Notification."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._ledger = surroundings.ledger

    def contexts(self) -> Iterable[PresentationContext]:
        """What it serves."""
        return [build_context(NOTIFICATION, list(UNCOMPRESSED))]

    def handlers(self) -> Mapping[tuple[InterventionEvent, str], Handler]:
        """Who answers."""
        return {(events.EVT_N_CREATE, NOTIFICATION): refusing(self.create)}

    def resume(self) -> None:
        """Nothing was interrupted."""

    def create(self, event: Event) -> Answer:
        """Answer an N-CREATE: instances can be retrieved, or no longer."""
        check_class(event.request.AffectedSOPClassUID, NOTIFICATION)
        named_uid = event.request.AffectedSOPInstanceUID
        uid = instance_of(named_uid) if named_uid else f"2.25.{uuid.uuid4().int}"
        data_set = read_data_set(event, longest=LONGEST, most_elements=MOST_ELEMENTS)
        remarks = check_required(data_set, CREATED)
        state, instances = _told(data_set)
        try:
            self._ledger.add(
                AVAILABILITY,
                uid,
                data_set,
                state=state,
                peer=str(event.assoc.requestor.ae_title),
                facts={"remarks": remarks, "instances": instances},
            )
        except DuplicateRecordError as error:
            raise RefusedError(DUPLICATE_INSTANCE, "There is a notification of this UID already.") from error
        answer = status_of(SUCCESS)
        if not named_uid:
            answer.AffectedSOPInstanceUID = uid
        return answer, None


def _told(data_set: Dataset) -> tuple[str, int]:
    """Return the availability that all instances have, or MIXED, and how many there are.

    Raises:
        RefusedError: One has none of the enumerated values.
    """
    told = [
        text_of(instance, "InstanceAvailability")
        for series in data_set.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    ]
    for availability in told:
        if availability not in AVAILABILITIES:
            raise RefusedError(INVALID_ATTRIBUTE_VALUE, f"{availability[:20]!r} is no Instance Availability.")
    return (told[0] if len(set(told)) == 1 else MIXED), len(told)
