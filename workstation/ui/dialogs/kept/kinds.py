"""The kinds of records, each a tab: what it is called, what fills it, and what one record is in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydicom.dataset import Dataset

from workstation.scp.ledger import Record
from workstation.ui.dialogs.query_model import date_text, raw_value, shown_value
from workstation.ui.parts.rates import count_text
from workstation.ui.parts.widgets import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One tab.

    Attributes:
        kinds: Of the ledger's records that it shows.
        key: For object names.
        title: Of the tab.
        noun: One of them; with an s, several.
        empty: What is not there yet, and a sentence on what will fill the tab.
        summary: A record in words.
        outcomes: What a state means; others mean nothing.
        sop_class: Of a record's data set, when it is saved as a file.
        has_film: Whether its records have a picture in a file.
    """

    kinds: tuple[str, ...]
    key: str
    title: str
    noun: str
    empty: tuple[str, str]
    summary: Callable[[Record], str]
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    sop_class: str = ""
    has_film: bool = False

    def many(self, count: int) -> str:
        """So many of them."""
        return count_text(count, self.noun)


def _parts(*texts: str) -> str:
    return " · ".join(text for text in texts if text)


def _first(data_set: Dataset, keyword: str) -> Dataset:
    """The first item of a sequence, or an empty data set."""
    items = data_set.get(keyword)
    try:
        return items[0] if items else Dataset()
    except (TypeError, IndexError, KeyError):
        # A peer's value that is no sequence.
        return Dataset()


def _items(data_set: Dataset, keyword: str) -> int:
    items = data_set.get(keyword)
    return len(items) if isinstance(items, list) or hasattr(items, "__len__") else 0


def remarks_of(record: Record) -> tuple[str, ...]:
    """What the server found to say of a record: sentences."""
    said: list[str] = []
    for name in ("remarks", "problems"):
        found = record.facts.get(name)
        if isinstance(found, list):
            said += [str(sentence) for sentence in found]
    return tuple(said)


def patient_text(data_set: Dataset) -> str:
    """Name and ID of a patient."""
    return _parts(shown_value(data_set, "PatientName"), shown_value(data_set, "PatientID"))


def worklist_text(record: Record) -> str:
    """A worklist item in words."""
    step = _first(record.data_set, "ScheduledProcedureStepSequence")
    return _parts(
        patient_text(record.data_set),
        shown_value(step, "Modality"),
        shown_value(step, "ScheduledProcedureStepDescription"),
    )


def _procedure_step(record: Record) -> str:
    data_set = record.data_set
    scheduled = _first(data_set, "ScheduledStepAttributesSequence")
    objects = sum(
        _items(series, "ReferencedImageSequence") + _items(series, "ReferencedNonImageCompositeSOPInstanceSequence")
        for series in data_set.get("PerformedSeriesSequence") or ()
    )
    return _parts(
        patient_text(data_set),
        shown_value(data_set, "Modality"),
        shown_value(data_set, "PerformedProcedureStepDescription")
        or shown_value(scheduled, "ScheduledProcedureStepDescription")
        or shown_value(data_set, "PerformedProcedureStepID"),
        count_text(objects, "object") if objects else "",
    )


def _commitment(record: Record) -> str:
    facts = record.facts
    failed = _items(record.data_set, "FailedSOPSequence")
    asked = facts.get("objects")
    total = asked if isinstance(asked, int) else _items(record.data_set, "ReferencedSOPSequence") + failed
    reason = str(facts.get("reason") or "")
    if record.kind == "commitment-report":
        words = "told by the peer"
    elif record.state == "PENDING":
        words = "being read again"
    else:
        words = "all safe" if not failed else f"{failed:,} not safe"
    attempts = facts.get("attempts")
    tried = f"tried {attempts} ×" if isinstance(attempts, int) and attempts > 1 else ""
    return _parts(count_text(total, "object"), words, tried, reason)


def _print_job(record: Record) -> str:
    facts, data_set = record.facts, record.data_set
    films, copies = facts.get("films"), facts.get("copies")
    box = _first(data_set, "FilmBoxContentSequence")
    problem = str(facts.get("problem") or "")
    return _parts(
        count_text(films, "film") if isinstance(films, int) else "",
        f"{copies} copies" if isinstance(copies, int) and copies > 1 else "",
        shown_value(data_set, "FilmSessionLabel"),
        raw_value(box, "ImageDisplayFormat").replace("\\", " "),
        shown_value(box, "FilmSizeID"),
        problem,
    )


def _ups(record: Record) -> str:
    data_set = record.data_set
    if record.kind == "ups-subscription":
        return _parts("Subscription", record.uid, "to all worklists" if record.facts.get("global") else "")
    start = raw_value(data_set, "ScheduledProcedureStepStartDateTime")
    return _parts(
        shown_value(data_set, "ProcedureStepLabel"),
        patient_text(data_set),
        shown_value(data_set, "ScheduledProcedureStepPriority"),
        f"{date_text(start[:8])} {start[8:10]}:{start[10:12]}" if len(start) >= 12 else date_text(start[:8]),
        "locked" if record.facts.get("lock") else "",
    )


def _availability(record: Record) -> str:
    data_set = record.data_set
    objects = sum(_items(series, "ReferencedSOPSequence") for series in data_set.get("ReferencedSeriesSequence") or ())
    return _parts(
        count_text(objects, "object") if objects else "",
        patient_text(data_set),
        raw_value(data_set, "StudyInstanceUID"),
    )


WORKLIST = Kind(
    kinds=("worklist",),
    key="worklist",
    title="Worklist",
    noun="item",
    empty=(
        "The worklist is empty",
        "Modalities that ask this server for their worklist get what stands here. "
        "Add an item, import files (.wl, .dcm, JSON), or take today's samples.",
    ),
    summary=worklist_text,
    sop_class="1.2.840.10008.5.1.4.31",
)

RECORDS: tuple[Kind, ...] = (
    Kind(
        kinds=("procedure-step",),
        key="procedureSteps",
        title="MPPS",
        noun="procedure step",
        empty=(
            "No procedure step yet",
            "A modality that reports what it performs (MPPS, N-CREATE and N-SET) to this server fills this list.",
        ),
        summary=_procedure_step,
        outcomes={
            "IN PROGRESS": Outcome.RUNNING,
            "COMPLETED": Outcome.SUCCESS,
            "DISCONTINUED": Outcome.WARNING,
        },
        sop_class="1.2.840.10008.3.1.2.3.3",
    ),
    Kind(
        kinds=("commitment", "commitment-report"),
        key="commitments",
        title="Commitments",
        noun="commitment",
        empty=(
            "No commitment yet",
            "Whoever asks this server to keep objects for good (storage commitment, N-ACTION) fills this list.",
        ),
        summary=_commitment,
        outcomes={
            "PENDING": Outcome.RUNNING,
            "CHECKED": Outcome.RUNNING,
            "DELIVERED": Outcome.SUCCESS,
            "FAILED": Outcome.FAILURE,
            "COMMITTED": Outcome.SUCCESS,
            "FAILURES EXIST": Outcome.WARNING,
        },
        sop_class="1.2.840.10008.1.20.1",
    ),
    Kind(
        kinds=("print-job",),
        key="printJobs",
        title="Print jobs",
        noun="print job",
        empty=(
            "No film yet",
            "Whoever prints to this server as if it were a film printer fills this list; each film is kept as a "
            "picture.",
        ),
        summary=_print_job,
        outcomes={"PRINTING": Outcome.RUNNING, "DONE": Outcome.SUCCESS, "FAILURE": Outcome.FAILURE},
        sop_class="1.2.840.10008.5.1.1.14",
        has_film=True,
    ),
    Kind(
        kinds=("ups", "ups-subscription"),
        key="ups",
        title="UPS",
        noun="step",
        empty=(
            "No unified procedure step yet",
            "Whoever pushes a unified procedure step (N-CREATE) to this server, or subscribes to its changes, "
            "fills this list.",
        ),
        summary=_ups,
        outcomes={
            "IN PROGRESS": Outcome.RUNNING,
            "COMPLETED": Outcome.SUCCESS,
            "CANCELED": Outcome.CANCELLED,
        },
        sop_class="1.2.840.10008.5.1.4.34.6.1",
    ),
    Kind(
        kinds=("availability",),
        key="availability",
        title="Availability",
        noun="notification",
        empty=(
            "No notification yet",
            "An archive that tells this server where instances can be had (Instance Availability Notification) "
            "fills this list.",
        ),
        summary=_availability,
        outcomes={
            "ONLINE": Outcome.SUCCESS,
            "NEARLINE": Outcome.WARNING,
            "OFFLINE": Outcome.WARNING,
            "UNAVAILABLE": Outcome.FAILURE,
            "MIXED": Outcome.WARNING,
        },
        sop_class="1.2.840.10008.5.1.4.33",
    ),
)
