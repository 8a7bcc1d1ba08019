"""Event reports to peers: on an association that is open, or on one of our own (PS3.7 10.1.1, D.3.3.4).

An SCP that opens the association proposes the role of the SCP for itself; a peer that does not answer the proposal is
reported to all the same. Everything that can go wrong here is a sentence: nobody is there to hear an exception.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from pydicom.dataset import Dataset

from workstation.net.association import Association
from workstation.net.errors import LocalProtocolError
from workstation.net.presentation import build_context, build_role
from workstation.net.status import code_to_category, status_text
from workstation.scp.answers.contexts import UNCOMPRESSED
from workstation.scp.surroundings import Surroundings

DELIVERED = ""

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One N-EVENT-REPORT.

    Attributes:
        context: abstract syntax of the presentation context that carries it.
        sop_class, instance: what it is about.
        event_type: Event Type ID.
        information: its data set.
    """

    context: str
    sop_class: str
    instance: str
    event_type: int
    information: Dataset


def can_carry(association: Association | None, context: str) -> bool:
    """Return whether the association is open and has that presentation context."""
    return (
        association is not None
        and association.is_established
        and any(accepted.abstract_syntax == context for accepted in association.accepted_contexts)
    )


def report_on(association: Association, report: Report) -> str:
    """Send a report and wait for its answer; return `DELIVERED`, or a sentence that says why it was not taken."""
    try:
        status, _ = association.send_n_event_report(
            report.information,
            report.event_type,
            report.sop_class,
            report.instance,
            msg_id=next(_numbers) % 0xFFFF + 1,
            meta_uid=report.context,
        )
    except (LocalProtocolError, OSError, RuntimeError, ValueError) as error:
        return f"The event report could not be sent: {error}"
    if "Status" not in status:
        return f"The event report was not answered. {association.end_reason}".strip()
    code = int(status.Status)
    if code_to_category(code) not in ("Success", "Warning"):
        return f"The peer answered the event report with {status_text(code)}"
    return DELIVERED


def report_to(surroundings: Surroundings, ae_title: str, report: Report) -> str:
    """Open an association with a peer and send a report; return `DELIVERED`, or why it was not taken."""
    try:
        association = surroundings.associate(
            ae_title,
            [build_context(report.context, list(UNCOMPRESSED))],
            [build_role(report.context, scp_role=True)],
        )
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        return f"No association could be asked for: {error}"
    if association is None:
        return f"Nobody knows the address of {ae_title}."
    if not association.is_established:
        return association.end_reason or f"{ae_title} did not accept an association."
    try:
        if not can_carry(association, report.context):
            return f"{ae_title} did not accept the presentation context for event reports."
        return report_on(association, report)
    finally:
        association.release()
