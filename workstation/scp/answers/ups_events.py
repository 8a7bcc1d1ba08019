"""What event reports about Unified Procedure Steps say (PS3.4 Table CC.2.4-1). Pure."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from workstation.scp.answers.reporting import Report
from workstation.scp.answers.ups_rules import EVENT, GLOBAL, PUSH, first_item, name_character_set

STATE_REPORT, CANCEL_REQUESTED, PROGRESS_REPORT, SCP_STATUS_CHANGE, ASSIGNED = 1, 2, 3, 4, 5

_REASON = ("ReasonForCancellation", "ProcedureStepDiscontinuationReasonCodeSequence")
_CONTACT = ("ContactURI", "ContactDisplayName")
_PROGRESS = "ProcedureStepProgressInformationSequence"


def state_report(ups: Dataset, state: str = "") -> Report:
    """The state of a UPS, or the one that it goes through."""
    information = _with(ups, "ProcedureStepState", "InputReadinessState")
    if state:
        information.ProcedureStepState = state
    if not state:
        information.update(_with(first_item(ups, _PROGRESS), *_REASON))
    return _report(ups, STATE_REPORT, information)


def cancel_requested(ups: Dataset, requesting_ae: str, request: Dataset) -> Report:
    """Somebody wants a UPS canceled."""
    information = _with(request, *_REASON, *_CONTACT)
    information.RequestingAE = requesting_ae
    return _report(ups, CANCEL_REQUESTED, information)


def progress_report(ups: Dataset) -> Report:
    """How far a UPS has got."""
    return _report(ups, PROGRESS_REPORT, _with(ups, _PROGRESS))


def assigned(ups: Dataset) -> Report:
    """Who is to perform a UPS."""
    information = _with(ups, "ScheduledStationNameCodeSequence")
    performer = first_item(ups, "ScheduledHumanPerformersSequence")
    information.update(_with(performer, "HumanPerformerCodeSequence", "HumanPerformerOrganization"))
    return _report(ups, ASSIGNED, information)


def restarted() -> Report:
    """The SCP was restarted, and has kept everything."""
    information = Dataset()
    information.SCPStatus = "RESTARTED"
    information.SubscriptionListStatus = "WARM START"
    information.UnifiedProcedureStepListStatus = "WARM START"
    return Report(context=EVENT, sop_class=PUSH, instance=GLOBAL, event_type=SCP_STATUS_CHANGE, information=information)


def is_assigned(ups: Dataset) -> bool:
    """Whether it is said who is to perform a UPS."""
    return bool(ups.get("ScheduledStationNameCodeSequence") or ups.get("ScheduledHumanPerformersSequence"))


def reports_of(before: Dataset, modification: Dataset, after: Dataset) -> list[Report]:
    """The reports that an N-SET gives rise to (CC.2.4.3)."""
    reports = []
    if before.get("InputReadinessState") != after.get("InputReadinessState"):
        reports.append(state_report(after))
    if "ScheduledStationNameCodeSequence" in modification or "ScheduledHumanPerformersSequence" in modification:
        reports.append(assigned(after))
    if _progress(before) != _progress(after):
        reports.append(progress_report(after))
    return reports


def _progress(ups: Dataset) -> Dataset:
    return _with(
        first_item(ups, _PROGRESS),
        "ProcedureStepProgress",
        "ProcedureStepProgressDescription",
        "ProcedureStepCommunicationsURISequence",
    )


def _with(source: Dataset, *keywords: str) -> Dataset:
    """The elements of `source` that have a value, each made anew: what is set in one must not change the other."""
    taken = Dataset()
    for keyword in keywords:
        value = source.get(keyword)
        if value not in (None, "") and not (isinstance(value, Sequence) and not value):
            setattr(taken, keyword, value)
    return taken


def _report(ups: Dataset, event_type: int, information: Dataset) -> Report:
    name_character_set(information)
    return Report(
        context=EVENT,
        sop_class=PUSH,
        instance=str(ups.SOPInstanceUID),
        event_type=event_type,
        information=information,
    )
