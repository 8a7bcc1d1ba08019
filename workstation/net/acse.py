"""Asking for and answering associations: what the A-ASSOCIATE PDUs say (PS3.7 Annex D, PS3.8 section 7.1).

Builds and reads the PDUs of an association and calls the negotiation handlers. Knows no socket and no thread.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from workstation.net import _config, events
from workstation.net.codec.pdu import (
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_ASSOCIATE_RQ,
    APPLICATION_CONTEXT_NAME,
    AsynchronousOperationsWindow,
    RoleSelection,
    SOPClassExtendedNegotiation,
    UserIdentityAC,
    UserItem,
    find_items,
)
from workstation.net.events import Event
from workstation.net.negotiation import (
    accept_unknown_storage,
    answered_context,
    from_proposed,
    learn_answers,
    negotiate_as_acceptor,
    proposed_context,
    roles_of,
)
from workstation.net.presentation import PresentationContext

if TYPE_CHECKING:
    from workstation.net.association import Association

_log = logging.getLogger("workstation.net.acse")

# PS3.8 Table 9-21: (result, source, reason)
_CONTEXT_NAME = A_ASSOCIATE_RJ(result=1, source=1, reason=2)
_CALLING_UNKNOWN = A_ASSOCIATE_RJ(result=1, source=1, reason=3)
_CALLED_UNKNOWN = A_ASSOCIATE_RJ(result=1, source=1, reason=7)
_NOT_AUTHENTICATED = A_ASSOCIATE_RJ(result=1, source=2, reason=1)  # PS3.7 D.3.3.7
_NOTHING_PROPOSED = A_ASSOCIATE_RJ(result=1, source=1, reason=1)  # PS3.8 Table 9-11: one or more contexts
_LIMIT = A_ASSOCIATE_RJ(result=2, source=3, reason=2)
_WINDOW_OF_ONE = AsynchronousOperationsWindow(invoked=1, performed=1)


# --------------------------------------------------------------------------- requestor
def request_pdu(assoc: Association) -> A_ASSOCIATE_RQ:
    """The A-ASSOCIATE-RQ for what the association's requestor end says."""
    own = assoc.requestor
    roles = roles_of(own.role_selection.values())
    for context in own.requested_contexts if roles else ():
        offered = roles.get(context.abstract_syntax or "")
        if offered is not None:
            context.scu_role, context.scp_role = offered
    request = A_ASSOCIATE_RQ(
        called_ae_title=assoc.acceptor.ae_title,
        calling_ae_title=own.ae_title,
        presentation_contexts=tuple(proposed_context(context) for context in own.requested_contexts),
        user_information=own.user_items(),
    )
    own.propose(own.requested_contexts)
    own.pdu = request
    return request


def learn_answer(
    assoc: Association, answer: A_ASSOCIATE_AC
) -> tuple[list[PresentationContext], list[PresentationContext]]:
    """Read the acceptor's A-ASSOCIATE-AC: its end of the association, and the contexts accepted and rejected."""
    assoc.acceptor.learn(answer)
    contexts = learn_answers(
        assoc.requestor.requested_contexts,
        answer.presentation_contexts,
        roles_of(find_items(answer.user_information, RoleSelection)),
    )
    assoc.acceptor.answer(contexts)
    return [c for c in contexts if c.result == 0], [c for c in contexts if c.result != 0]


# --------------------------------------------------------------------------- acceptor
def learn_request(assoc: Association, request: A_ASSOCIATE_RQ) -> None:
    """Read a requestor's A-ASSOCIATE-RQ: who asks, and for what."""
    assoc.requestor.learn(request)
    assoc.requestor.propose([from_proposed(item) for item in request.presentation_contexts])
    if not assoc.acceptor.ae_title and request.called_ae_title:
        assoc.acceptor.ae_title = request.called_ae_title


def asks_handlers(assoc: Association) -> bool:
    """Whether a negotiation handler of the user's, or its admission, has a say and may take its time."""
    own, server = assoc.requestor, assoc.server
    if server is not None and server.deliberates is not None and server.deliberates():
        return True
    if not own.extended_negotiation:
        return False
    asked = (
        (events.EVT_USER_ID, own.user_identity is not None),
        (events.EVT_SOP_EXTENDED, bool(own.sop_class_extended)),
        (events.EVT_SOP_COMMON, bool(own.sop_class_common_extended)),
        (events.EVT_ASYNC_OPS, own.asynchronous_operations != (1, 1)),
    )
    return any(wanted and assoc.handlers.has(event) for event, wanted in asked)


def _ask(assoc: Association, event: events.InterventionEvent, **attrs: Any) -> Any:
    handler, args = assoc.handlers.intervention(event)
    return handler(Event(assoc, event, attrs), *(args or ()))


def admit(assoc: Association, request: A_ASSOCIATE_RQ) -> A_ASSOCIATE_RJ | None:
    """Decide whether a request may be negotiated at all; the rejection if not."""
    server, ae = assoc.server, assoc.ae
    if server is not None and server.admit is not None:
        try:
            rejection = server.admit(assoc, request)
        except Exception:
            _log.exception("%s: whether to admit the association could not be decided; it is rejected", assoc.name)
            return A_ASSOCIATE_RJ(result=2, source=1, reason=1)
        if rejection is not None:
            return rejection
    if request.application_context_name != APPLICATION_CONTEXT_NAME:
        return _CONTEXT_NAME
    # sixteen spaces are no AE title (PS3.8 Table 9-11)
    called, calling = request.called_ae_title, request.calling_ae_title
    if not called or (ae.require_called_aet and called != assoc.acceptor.ae_title):
        return _CALLED_UNKNOWN
    if not calling or (ae.require_calling_aet and calling not in ae.require_calling_aet):
        return _CALLING_UNKNOWN
    if not request.presentation_contexts:
        return _NOTHING_PROPOSED
    return None if ae.take_place(assoc) else _LIMIT


def answer_request(
    assoc: Association, request: A_ASSOCIATE_RQ
) -> tuple[A_ASSOCIATE_AC | None, list[PresentationContext], list[PresentationContext], A_ASSOCIATE_RJ | None]:
    """Negotiate as acceptor.

    Returns:
        The A-ASSOCIATE-AC or None, the contexts accepted, those rejected, and the rejection or None.
    """
    answers: list[UserItem] = []
    identity, refused = _user_identity(assoc)
    if refused is not None:
        return None, [], [], refused
    if identity is not None:
        answers.append(identity)
    answers += _extended(assoc)
    _common_extended(assoc)
    if assoc.requestor.asynchronous_operations != (1, 1):
        answers += _asynchronous(assoc)
    contexts, roles = negotiate_as_acceptor(
        assoc.requestor.requested_contexts,
        assoc.acceptor.supported_contexts,
        roles_of(find_items(request.user_information, RoleSelection)),
        unrestricted=accept_unknown_storage if _config.UNRESTRICTED_STORAGE_SERVICE else None,
    )
    answer = A_ASSOCIATE_AC(
        called_ae_title=request.called_ae_title,
        calling_ae_title=request.calling_ae_title,
        presentation_contexts=tuple(answered_context(context) for context in contexts),
        user_information=(*assoc.acceptor.user_items(), *(role.to_item() for role in roles), *answers),
        reserved=request.reserved,
    )
    assoc.acceptor.answer(contexts)
    assoc.acceptor.pdu = answer
    return answer, [c for c in contexts if c.result == 0], [c for c in contexts if c.result != 0], None


def _user_identity(assoc: Association) -> tuple[UserIdentityAC | None, A_ASSOCIATE_RJ | None]:
    """Ask who the user is (PS3.7 D.3.3.7); an error of the handler's refuses."""
    identity = assoc.requestor.user_identity
    if identity is None or not assoc.handlers.has(events.EVT_USER_ID):
        return None, None
    try:
        verified, response = _ask(
            assoc,
            events.EVT_USER_ID,
            user_id_type=identity.user_identity_type,
            primary_field=identity.primary_field,
            secondary_field=identity.secondary_field,
        )
    except Exception:
        _log.exception("%s: the handler of evt.EVT_USER_ID failed; the association is rejected", assoc.name)
        return None, _NOT_AUTHENTICATED
    if not verified:
        return None, _NOT_AUTHENTICATED
    if identity.positive_response_requested:
        # only Kerberos, SAML and JWT answers carry something; the others are empty (PS3.7 Table D.3-15)
        body = response if identity.user_identity_type in (3, 4, 5) else b""
        if body is not None:
            return UserIdentityAC(server_response=bytes(body)), None
    return None, None


def _extended(assoc: Association) -> list[UserItem]:
    """Ask for answers to SOP Class Extended Negotiation (PS3.7 D.3.3.5)."""
    offered = assoc.requestor.sop_class_extended
    if not offered:
        return []
    try:
        answer = _ask(assoc, events.EVT_SOP_EXTENDED, app_info=offered)
        return [
            SOPClassExtendedNegotiation(sop_class_uid=str(uid), application_information=bytes(info))
            for uid, info in dict(answer).items()
        ]
    except Exception:
        _log.exception("%s: the handler of evt.EVT_SOP_EXTENDED failed; nothing is answered", assoc.name)
        return []


def _common_extended(assoc: Association) -> None:
    """Ask what to accept of SOP Class Common Extended Negotiation (PS3.7 D.3.3.6); there is no answer item."""
    offered = assoc.requestor.sop_class_common_extended
    if not offered:
        return
    try:
        accepted = dict(_ask(assoc, events.EVT_SOP_COMMON, items=offered))
    except Exception:
        _log.exception("%s: the handler of evt.EVT_SOP_COMMON failed; nothing is accepted", assoc.name)
        return
    for uid, item in accepted.items():
        if uid in offered:
            assoc.acceptor.accepted_common_extended[uid] = (
                item.service_class_uid,
                list(item.related_general_sop_class_identification),
            )


def _asynchronous(assoc: Association) -> list[UserItem]:
    """Tell the handler what was proposed; the answer, if there is one.

    Operations stay synchronous whatever it says: the answer is a window of 1, and no answer means the same (PS3.7
    D.3.3.3). Beyond the documented API a handler may give the item itself, to answer on purpose what is not so.
    """
    if not assoc.handlers.has(events.EVT_ASYNC_OPS):
        return []
    invoked, performed = assoc.requestor.asynchronous_operations
    try:
        given = _ask(assoc, events.EVT_ASYNC_OPS, invoked=invoked, performed=performed)
    except Exception:
        _log.exception("%s: the handler of evt.EVT_ASYNC_OPS failed; nothing is answered", assoc.name)
        return []
    return [given if isinstance(given, AsynchronousOperationsWindow) else _WINDOW_OF_ONE]
