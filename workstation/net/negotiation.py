"""Negotiation of presentation contexts and roles, as pure functions over both sides' lists.

PS3.8 7.1.1.13 and Table 9-18 (presentation contexts), PS3.7 D.3.3.4 (SCP/SCU role selection). Knows nothing of
sockets, associations or options: what differs from the standard's default is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from pydicom.uid import UID

from workstation.net.codec.pdu import AnsweredContext, ContextResult, ProposedContext, RoleSelection
from workstation.net.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from workstation.net.presentation import PresentationContext, build_role

# {SOP Class UID: (SCU, SCP)}: the association requestor's roles, as proposed or as answered.
Roles = Mapping[str, tuple[bool, bool]]

_USER_REJECTION = ContextResult.USER_REJECTION.value
_NO_REASON = ContextResult.NO_REASON.value
_NO_ABSTRACT_SYNTAX = ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED.value
_NO_TRANSFER_SYNTAX = ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED.value


def negotiate_as_acceptor(
    rq_contexts: Iterable[PresentationContext],
    ac_contexts: Iterable[PresentationContext],
    roles: Roles | None = None,
    *,
    unrestricted: Callable[[str], bool] | None = None,
) -> tuple[list[PresentationContext], list[SCP_SCU_RoleSelectionNegotiation]]:
    """Decide on each presentation context that an association requestor proposes.

    Of the transfer syntaxes that were proposed the acceptor takes the one that comes first in its own list. A role
    is held only if the requestor proposed it and the acceptor allows it (`scu_role`, `scp_role` of its context); with
    no proposal, or no opinion of the acceptor's, the default applies: requestor SCU, acceptor SCP.

    Args:
        rq_contexts: The contexts proposed, in any number per abstract syntax.
        ac_contexts: The contexts supported, one per abstract syntax.
        roles: The roles that the requestor proposed.
        unrestricted: Says of an abstract syntax that is not supported whether to accept it nevertheless, in the
            first transfer syntax proposed.

    Returns:
        The contexts with result, roles as the acceptor holds them (`as_scu`, `as_scp`) and exactly one transfer syntax
        if accepted, ordered by ID; and the role selection items to answer with, one per SOP class that has a role left.
    """
    rq_contexts = list(rq_contexts)
    # a server has hundreds, of which an association asks for a few
    asked = {context.abstract_syntax for context in rq_contexts}
    supported = {name: context for context in ac_contexts if (name := context._abstract_syntax) in asked}
    proposed = roles or {}
    results = []
    answers: dict[str, SCP_SCU_RoleSelectionNegotiation] = {}
    for wanted in rq_contexts:
        uid = wanted.abstract_syntax or ""
        syntaxes = wanted.transfer_syntax
        own = supported.get(wanted.abstract_syntax)
        if own is None:
            if unrestricted is not None and uid and syntaxes and unrestricted(uid):
                # whoever takes anything takes the roles as well
                requestor_scu, requestor_scp = proposed.get(uid, (True, False))
                if uid in proposed and (requestor_scu or requestor_scp):
                    answers[uid] = build_role(uid, scu_role=requestor_scu, scp_role=requestor_scp)
                as_scp = requestor_scu or not requestor_scp
                results.append(wanted.negotiated(0, syntaxes[:1], as_scu=requestor_scp, as_scp=as_scp))
            else:
                results.append(wanted.negotiated(_NO_ABSTRACT_SYNTAX, syntaxes[:1]))
            continue
        chosen = next((syntax for syntax in own.transfer_syntax if syntax in syntaxes), None)
        if chosen is None:
            results.append(wanted.negotiated(_NO_TRANSFER_SYNTAX, syntaxes[:1]))
            continue
        requestor_scu, requestor_scp = True, False
        if uid in proposed and own.scu_role is not None and own.scp_role is not None:
            offered_scu, offered_scp = proposed[uid]
            requestor_scu = bool(offered_scu) and own.scu_role
            requestor_scp = bool(offered_scp) and own.scp_role
            if requestor_scu or requestor_scp:
                answers[uid] = build_role(uid, scu_role=requestor_scu, scp_role=requestor_scp)
        if requestor_scu or requestor_scp:
            # What the requestor is SCU for, the acceptor is SCP for, and the reverse.
            results.append(wanted.negotiated(0, [chosen], as_scu=requestor_scp, as_scp=requestor_scu))
        else:
            results.append(wanted.negotiated(_USER_REJECTION, [chosen]))
    return sorted(results, key=_id), [answers[uid] for uid in sorted(answers)]


def negotiate_as_requestor(
    rq_contexts: Iterable[PresentationContext],
    ac_contexts: Iterable[PresentationContext],
    roles: Roles | None = None,
) -> list[PresentationContext]:
    """Learn from an association acceptor's answers what the proposed presentation contexts have become.

    Args:
        rq_contexts: The contexts proposed, with IDs, and with `scu_role`, `scp_role` where roles were proposed.
        ac_contexts: The contexts answered: ID, result and, if accepted, the transfer syntax.
        roles: The roles that the acceptor answered. One that was not proposed counts as not answered.

    Returns:
        The contexts with result, roles as the requestor holds them (`as_scu`, `as_scp`) and exactly one transfer
        syntax if accepted, ordered by ID. A context that was not answered, or answered with a transfer syntax that was
        not proposed (no data set could be understood in it), is rejected by the provider (result 2).

    Raises:
        ValueError: Nothing was proposed.
    """
    # on the wire an answer has one transfer syntax; of several that a caller gives the first counts
    answers = {
        context.context_id: (
            _NO_REASON if context.result is None else int(context.result),
            context.transfer_syntax[0] if context.transfer_syntax else "",
        )
        for context in ac_contexts
    }
    return _learn(list(rq_contexts), answers, roles or {})


def learn_answers(
    rq_contexts: list[PresentationContext], items: Iterable[AnsweredContext], roles: Roles
) -> list[PresentationContext]:
    """Do as `negotiate_as_requestor`, with the items of an A-ASSOCIATE-AC; their UIDs as they came, valid or not."""
    return _learn(rq_contexts, {item.context_id: (item.result, item.transfer_syntax.strip()) for item in items}, roles)


def _learn(
    rq_contexts: list[PresentationContext], answers: Mapping[int | None, tuple[int, str]], replied: Roles
) -> list[PresentationContext]:
    """`negotiate_as_requestor` with the answers by ID: result, and transfer syntax."""
    if not rq_contexts:
        raise ValueError("no presentation context was proposed, and an association needs one")
    results = []
    for wanted in rq_contexts:
        result, answered = answers.get(wanted.context_id, (_NO_REASON, ""))
        if result != 0:
            # the answered transfer syntax is not significant then (PS3.8 section 9.3.3.2.2)
            results.append(wanted.negotiated(result, wanted.transfer_syntax.copy()))
            continue
        chosen = next((syntax for syntax in wanted.transfer_syntax if syntax == answered), None)
        if chosen is None:
            results.append(wanted.negotiated(_NO_REASON, wanted.transfer_syntax.copy()))
            continue
        as_scu, as_scp = True, False
        uid = wanted.abstract_syntax or ""
        if (wanted.scu_role is not None or wanted.scp_role is not None) and uid in replied:
            accepted_scu, accepted_scp = replied[uid]
            # An answered role that was not offered is invalid and ignored (PS3.7 D.3.3.4.2).
            as_scu = bool(wanted.scu_role) and bool(accepted_scu)
            as_scp = bool(wanted.scp_role) and bool(accepted_scp)
        if as_scu or as_scp:
            results.append(wanted.negotiated(0, [chosen], as_scu=as_scu, as_scp=as_scp))
        else:
            results.append(wanted.negotiated(_USER_REJECTION, [chosen]))
    return sorted(results, key=_id)


def accept_unknown_storage(abstract_syntax: str) -> bool:
    """Return whether `abstract_syntax` is storage or a private or unknown SOP class.

    What `negotiate_as_acceptor` is given as `unrestricted` under `_config.UNRESTRICTED_STORAGE_SERVICE`.
    """
    from workstation.net import sop_class

    return sop_class.is_storage(abstract_syntax) or not sop_class.is_known(abstract_syntax)


def roles_of(items: Iterable[RoleSelection | SCP_SCU_RoleSelectionNegotiation]) -> dict[str, tuple[bool, bool]]:
    """Return role selection items as {SOP Class UID: (SCU, SCP)}."""
    return {str(item.sop_class_uid): (bool(item.scu_role), bool(item.scp_role)) for item in items}


def proposed_context(context: PresentationContext) -> ProposedContext:
    """Return a context of ours as the item of an A-ASSOCIATE-RQ."""
    assert context.context_id is not None
    return _proposed(context.context_id, context.abstract_syntax, *context.transfer_syntax)


@lru_cache(maxsize=1024)  # each association proposes the same ones
def _proposed(context_id: int, abstract_syntax: UID | None, *transfer_syntaxes: UID) -> ProposedContext:
    return ProposedContext(
        context_id=context_id,
        abstract_syntax=str(abstract_syntax),
        transfer_syntaxes=tuple(str(syntax) for syntax in transfer_syntaxes),
    )


def answered_context(context: PresentationContext) -> AnsweredContext:
    """Return a negotiated context as the item of an A-ASSOCIATE-AC."""
    assert context.context_id is not None
    assert context.result is not None
    return _answered(context.context_id, context.result, context.transfer_syntax[0] if context.transfer_syntax else "")


@lru_cache(maxsize=1024)
def _answered(context_id: int, result: int, transfer_syntax: str) -> AnsweredContext:
    return AnsweredContext(context_id=context_id, result=result, transfer_syntax=str(transfer_syntax))


def from_proposed(item: ProposedContext) -> PresentationContext:
    """Return a received item of an A-ASSOCIATE-RQ as a context; its UIDs as they came, valid or not."""
    return PresentationContext.as_received(item.context_id, item.abstract_syntax, item.transfer_syntaxes)


def _id(context: PresentationContext) -> int:
    return context.context_id or 0
