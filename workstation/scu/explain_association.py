"""Why an association did not come about, carries too little, or ended.

The functions look at what an association left behind and never change anything. What rejections and aborts mean
stands in `traffic.explanations`; here are their causes besides, and the presentation contexts (PS3.8 Table 9-18).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from workstation.scu.explain_transport import explain_connection
from workstation.scu.failure import Failure, Layer, named, printable
from workstation.traffic.expert.explanations import explain_abort, explain_first_bytes, explain_rejection
from workstation.traffic.text import endpoint

if TYPE_CHECKING:
    from workstation.net import Association

__all__ = ["explain_abort", "explain_association", "explain_contexts", "explain_end", "explain_rejection"]


def explain_association(
    assoc: Association, first_bytes: bytes = b"", address: tuple[str, int] | None = None
) -> Failure | None:
    """Why an association that was asked for is not established; None if it is.

    Args:
        assoc: What `AE.associate` returned.
        first_bytes: The first bytes that came from the peer, if known.
        address: Host and port as they were asked for; the association knows them only once it is connected.
    """
    if assoc.is_established:
        return None
    host, port = address or (str(assoc.remote["address"]), int(assoc.remote["port"] or 0))
    place = endpoint(host, port)
    if assoc.rejection is not None:
        return explain_rejection(assoc.rejection, str(assoc.local["ae_title"]), str(assoc.remote["ae_title"]))
    stranger = explain_first_bytes(first_bytes, place)
    if stranger is not None:
        return stranger
    if assoc.connection_error is not None:
        return explain_connection(assoc.connection_error, host, port)
    if assoc.abort_received is not None:
        return explain_abort(assoc.abort_received, "instead of answering the request")
    if not assoc.accepted_contexts and assoc.rejected_contexts:
        return explain_contexts(assoc)
    if "within" in assoc.end_reason:
        return Failure(
            Layer.ASSOCIATION,
            f"{place} took the connection but did not answer the association request",
            assoc.end_reason,
            "Perhaps it expects TLS, is hung, or is no DICOM server. A longer ACSE timeout helps slow ones.",
        )
    if not first_bytes:
        return Failure(
            Layer.ASSOCIATION,
            f"{place} closed the connection without an answer to the association request",
            assoc.end_reason,
            "Often a server that expects TLS, a list of allowed addresses, or another service at this port.",
        )
    return Failure(Layer.ASSOCIATION, f"No association with {place}", assoc.end_reason, "Look in the peer's log.")


def explain_end(assoc: Association, doing: str, timeout: float | None = None) -> Failure:
    """Why there was no answer: the association ended, or nothing came in time.

    Args:
        assoc: The association, over by now.
        doing: What was being done, such as "during C-FIND".
        timeout: The DIMSE timeout in seconds.
    """
    if assoc.abort_received is not None:
        return explain_abort(assoc.abort_received, doing)
    if assoc.connection_error is not None:
        return Failure(
            Layer.TCP,
            f"The connection broke {doing}",
            assoc.connection_error.strerror or str(assoc.connection_error),
            "The peer or something between cut it: look in the peer's log, at firewalls and at the network.",
        )
    reason = printable(assoc.end_reason)
    if assoc.is_released:
        return Failure(
            Layer.ASSOCIATION,
            f"The peer released the association {doing}, without an answer",
            reason,
            "Some systems release when they are idle or busy: try again, and look in the peer's log.",
        )
    if "closed" in reason or "broke" in reason:
        return Failure(
            Layer.TCP,
            f"The peer closed the connection {doing}",
            reason,
            "It neither released nor aborted: probably it crashed or was stopped. Look in its log.",
        )
    if not reason or reason.startswith("We ") or "timeout" in reason:
        limit = f"nothing for {timeout:g} s" if timeout is not None else "no response in time"
        return Failure(
            Layer.STATUS,
            f"The peer did not answer {doing}",
            reason if "timeout" in reason else limit,
            "It may be slow or hung: look in its log, or raise the DIMSE timeout in the preferences.",
        )
    return Failure(
        Layer.ASSOCIATION,
        f"The association ended {doing}",
        reason,
        "The peer broke the protocol: the last PDUs received show where.",
    )


def explain_contexts(assoc: Association, abstract_syntax: str = "", transfer_syntaxes: Iterable[str] = ()) -> Failure:
    """Why nothing can be sent in the wanted contexts (all that were proposed if none are named).

    Args:
        assoc: The association after negotiation.
        abstract_syntax: The SOP class that was wanted.
        transfer_syntaxes: The transfer syntaxes that would have done.
    """
    wanted = {str(syntax) for syntax in transfer_syntaxes}
    refused = [
        context
        for context in assoc.rejected_contexts
        if not abstract_syntax
        or (
            context.abstract_syntax == abstract_syntax
            and (not wanted or wanted & {str(syntax) for syntax in context.transfer_syntax})
        )
    ]
    accepted = [each for each in assoc.accepted_contexts if each.abstract_syntax == abstract_syntax]
    title = str(assoc.remote["ae_title"])
    subject = named(abstract_syntax or (str(refused[0].abstract_syntax) if refused else ""))
    if not abstract_syntax and len({str(each.abstract_syntax) for each in refused}) > 1:
        subject = "any of the proposed SOP classes"
    evidence = (
        "; ".join(f"context {each.context_id}: result {each.result}, {each.status}" for each in refused[:3])
        or "no such context was proposed"
    )
    results = {each.result for each in refused}
    if accepted:
        taken = ", ".join(sorted({named(str(each.transfer_syntax[0])) for each in accepted}))
        return Failure(
            Layer.SYNTAX,
            f"{title} takes {subject}, but not in {_syntaxes(wanted)}",
            f"{evidence}; accepted: {taken}",
            "Turn this transfer syntax on in the peer, or convert the object to one that it accepts.",
        )
    if results == {4}:
        return Failure(
            Layer.SYNTAX,
            f"{title} takes {subject}, but in none of the transfer syntaxes offered",
            evidence,
            "Turn the transfer syntax on in the peer, or convert the object to Implicit or Explicit VR Little Endian.",
        )
    if 1 in results:
        return Failure(
            Layer.CONTEXT,
            f"{title} refused {subject} for us",
            evidence,
            "Its configuration does not allow this service to our AE title or in this role.",
        )
    return Failure(
        Layer.CONTEXT,
        f"{title} does not support {subject}",
        evidence,
        "Turn the service on in the peer's configuration, or ask another AE title or port of the same system.",
    )


def _syntaxes(uids: Iterable[str]) -> str:
    return " or ".join(sorted(named(uid) for uid in uids)) or "the transfer syntax of the object"
