"""Event reports to peers: on an association that is open, or on one of our own (PS3.7 10.1.1, D.3.3.4).

An SCP that opens the association proposes the role of the SCP for itself; a peer that does not answer the proposal is
reported to all the same. Everything that can go wrong here is a sentence: nobody is there to hear an exception.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass

from pydicom.dataset import Dataset

from workstation.net import events
from workstation.net.association import Association
from workstation.net.codec.dimse import Response
from workstation.net.errors import LocalProtocolError
from workstation.net.events import Event
from workstation.net.presentation import build_context, build_role
from workstation.net.status import code_to_category, status_text
from workstation.scp.answers.contexts import UNCOMPRESSED
from workstation.scp.surroundings import Later, Surroundings

DELIVERED = ""
# Seconds after which the answer to a request is no longer waited for: a rule may delay it, or keep it back.
ANSWER_LIMIT = 60.0

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


def open_for_reports(surroundings: Surroundings, ae_title: str, context: str) -> tuple[Association | None, str]:
    """Open an association with a peer to report to it; None and a sentence if that cannot be."""
    try:
        association = surroundings.associate(
            ae_title,
            [build_context(context, list(UNCOMPRESSED))],
            [build_role(context, scp_role=True)],
        )
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        return None, f"No association could be asked for: {error}"
    if association is None:
        return None, f"Nobody knows the address of {ae_title}."
    if not association.is_established:
        return None, association.end_reason or f"{ae_title} did not accept an association."
    if not can_carry(association, context):
        association.release()
        return None, f"{ae_title} did not accept the presentation context for event reports."
    return association, ""


def report_to(surroundings: Surroundings, ae_title: str, report: Report) -> str:
    """Open an association with a peer and send a report; return `DELIVERED`, or why it was not taken."""
    association, reason = open_for_reports(surroundings, ae_title, report.context)
    if association is None:
        return reason
    try:
        return report_on(association, report)
    finally:
        association.release()


def after_answer(event: Event, later: Later, work: Callable[[], None], *, grace: float = 0.0) -> None:
    """Call `work`, which must not wait, once the answer to a request has left, or never will.

    A report that leaves before the response is taken for that by many a peer.

    Args:
        event: the request's; its handler has not returned yet.
        later: for what is due at a later time.
        work: called once, in any thread.
        grace: seconds to wait besides.
    """
    association, number = event.assoc, event.message_id
    claim = threading.Lock()  # taken once, by whoever calls `work`

    def due() -> None:
        if claim.acquire(blocking=False):
            association.unbind(events.EVT_DIMSE_SENT, sent)
            association.unbind(events.EVT_CONN_CLOSE, closed)
            work()

    def soon() -> None:
        if grace:
            later.call(grace, due)
        else:
            due()

    def sent(happened: Event) -> None:
        message = happened.message
        if isinstance(message, Response) and message.MessageIDBeingRespondedTo == number:
            soon()

    def closed(_: Event) -> None:
        due()

    association.bind(events.EVT_DIMSE_SENT, sent)
    association.bind(events.EVT_CONN_CLOSE, closed)
    later.call(ANSWER_LIMIT, due)
