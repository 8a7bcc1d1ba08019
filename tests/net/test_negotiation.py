"""Presentation context and role negotiation: the standard's tables, cell by cell, and both ends against each other."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import JPEG2000, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from workstation.net import negotiation
from workstation.net.codec.pdu import AnsweredContext, ProposedContext, RoleSelection
from workstation.net.negotiation import negotiate_as_acceptor, negotiate_as_requestor, roles_of
from workstation.net.presentation import PresentationContext, build_context
from workstation.net.sop_class import CTImageStorage, MRImageStorage, Verification

CT, MR = str(CTImageStorage), str(MRImageStorage)


def proposed(context_id: int, abstract_syntax: str, *transfer_syntaxes: str) -> PresentationContext:
    context = build_context(abstract_syntax, list(transfer_syntaxes) or None)
    context.context_id = context_id
    return context


def supported(
    abstract_syntax: str, *transfer_syntaxes: str, scu: bool | None = None, scp: bool | None = None
) -> PresentationContext:
    context = build_context(abstract_syntax, list(transfer_syntaxes) or None)
    context.scu_role, context.scp_role = scu, scp
    return context


class TestAcceptor:
    def test_takes_the_first_of_its_own_transfer_syntaxes(self) -> None:
        (context,), roles = negotiate_as_acceptor(
            [proposed(1, CT, ImplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian)],
            [supported(CT, JPEG2000, ExplicitVRLittleEndian, ImplicitVRLittleEndian)],
        )
        assert context.result == 0
        assert context.transfer_syntax == [ExplicitVRLittleEndian]
        assert (context.as_scu, context.as_scp) == (False, True)
        assert roles == []

    def test_unknown_abstract_syntax(self) -> None:
        (context,), _ = negotiate_as_acceptor([proposed(1, CT)], [supported(MR)])
        assert context.result == 3
        assert (context.as_scu, context.as_scp) == (False, False)
        assert len(context.transfer_syntax) == 1

    def test_takes_any_iterables(self) -> None:
        contexts, _ = negotiate_as_acceptor(iter([proposed(1, CT), proposed(3, MR)]), iter([supported(MR)]))
        assert [context.result for context in contexts] == [3, 0]

    def test_no_common_transfer_syntax(self) -> None:
        (context,), _ = negotiate_as_acceptor([proposed(1, CT, JPEG2000)], [supported(CT)])
        assert context.result == 4

    def test_each_of_several_contexts_for_one_abstract_syntax_is_answered(self) -> None:
        contexts, _ = negotiate_as_acceptor(
            [proposed(5, CT, JPEG2000), proposed(3, CT, ExplicitVRLittleEndian), proposed(1, MR)], [supported(CT)]
        )
        assert [(c.context_id, c.result) for c in contexts] == [(1, 3), (3, 0), (5, 4)]

    def test_nothing_supported_and_nothing_proposed(self) -> None:
        assert negotiate_as_acceptor([], [supported(CT)]) == ([], [])
        contexts, _ = negotiate_as_acceptor([proposed(1, CT)], [])
        assert [c.result for c in contexts] == [3]

    def test_what_was_given_stays_as_it_was(self) -> None:
        wanted, own = proposed(1, CT), supported(CT, scu=True, scp=True)
        before = wanted.copy(), own.copy()
        negotiate_as_acceptor([wanted], [own], {CT: (True, True)})
        assert (wanted, own) == before

    def test_a_proposed_context_without_transfer_syntax(self) -> None:
        context = PresentationContext.as_received(1, CT, [])
        (answer,), _ = negotiate_as_acceptor([context], [supported(CT)])
        assert answer.result == 4
        assert negotiation.answered_context(answer).transfer_syntax == ""

    def test_one_role_item_for_a_sop_class_in_several_contexts(self) -> None:
        _, roles = negotiate_as_acceptor(
            [proposed(1, CT), proposed(3, CT), proposed(5, MR)],
            [supported(CT, scu=True, scp=True), supported(MR, scu=False, scp=True)],
            {CT: (False, True), MR: (True, True)},
        )
        assert [role.to_item() for role in roles] == [
            RoleSelection(sop_class_uid=CT, scu_role=False, scp_role=True),
            RoleSelection(sop_class_uid=MR, scu_role=False, scp_role=True),
        ]

    def test_no_role_item_for_what_is_rejected_or_was_not_proposed(self) -> None:
        contexts, roles = negotiate_as_acceptor(
            [proposed(1, CT, JPEG2000), proposed(3, MR)],
            [supported(CT, scu=True, scp=True), supported(MR, scu=True, scp=True)],
            {CT: (True, True), Verification: (True, True)},
        )
        assert [c.result for c in contexts] == [4, 0]
        assert roles == []

    @pytest.mark.parametrize(("scu", "scp"), [(None, None), (None, True), (True, None)])
    def test_an_acceptor_without_opinion_answers_no_role(self, scu: bool | None, scp: bool | None) -> None:
        (context,), roles = negotiate_as_acceptor(
            [proposed(1, CT)], [supported(CT, scu=scu, scp=scp)], {CT: (False, True)}
        )
        assert roles == []
        assert (context.result, context.as_scu, context.as_scp) == (0, False, True)


# (proposed scu, scp), (acceptor's scu, scp) -> what the requestor may be: (scu, scp); None: context unusable.
# PS3.7 D.3.3.4 and facts about each combination; where a bit was not offered it cannot be held.
ROLES = [
    ((True, False), (True, False), (True, False)),
    ((True, False), (True, True), (True, False)),
    ((True, False), (False, False), None),
    ((True, False), (False, True), None),
    ((False, True), (False, True), (False, True)),
    ((False, True), (True, True), (False, True)),
    ((False, True), (False, False), None),
    ((False, True), (True, False), None),
    ((True, True), (True, True), (True, True)),
    ((True, True), (True, False), (True, False)),
    ((True, True), (False, True), (False, True)),
    ((True, True), (False, False), None),
]


@pytest.mark.parametrize(("offer", "allowed", "held"), ROLES)
def test_roles_at_the_acceptor(
    offer: tuple[bool, bool], allowed: tuple[bool, bool], held: tuple[bool, bool] | None
) -> None:
    own = supported(CT, scu=allowed[0], scp=allowed[1])
    (context,), items = negotiate_as_acceptor([proposed(1, CT)], [own], {CT: offer})
    if held is None:
        assert (context.result, context.as_scu, context.as_scp) == (1, False, False)
        assert items == []
    else:
        (item,) = items
        # The acceptor is SCP where the requestor is SCU, and the reverse.
        assert (context.result, context.as_scp, context.as_scu) == (0, *held)
        assert (item.scu_role, item.scp_role) == held


@pytest.mark.parametrize(("offer", "answered", "held"), ROLES)
def test_roles_at_the_requestor(
    offer: tuple[bool, bool], answered: tuple[bool, bool], held: tuple[bool, bool] | None
) -> None:
    wanted = proposed(1, CT)
    wanted.scu_role, wanted.scp_role = offer
    (context,) = learned([wanted], [answer(1, 0, ImplicitVRLittleEndian)], {CT: answered})
    if held is None:
        assert (context.result, context.as_scu, context.as_scp) == (1, False, False)
    else:
        assert (context.result, context.as_scu, context.as_scp) == (0, *held)


def answer(context_id: int, result: int, transfer_syntax: str = "") -> AnsweredContext:
    return AnsweredContext(context_id=context_id, result=result, transfer_syntax=transfer_syntax)


def learned(
    wanted: list[PresentationContext], items: list[AnsweredContext], roles: negotiation.Roles | None = None
) -> list[PresentationContext]:
    """What becomes of the contexts; the documented function, whose answers are contexts, says the same."""
    contexts = negotiation.learn_answers(wanted, items, roles or {})
    answers = []
    for item in items:
        given = PresentationContext.as_received(item.context_id, "", (item.transfer_syntax,))
        given.result = item.result
        answers.append(given)
    assert negotiate_as_requestor(wanted, answers, roles) == contexts
    return contexts


class TestRequestor:
    def test_accepted_and_rejected(self) -> None:
        contexts = learned(
            [proposed(5, MR), proposed(1, CT), proposed(3, CT, JPEG2000)],
            [answer(1, 0, ExplicitVRLittleEndian), answer(3, 4, JPEG2000), answer(5, 3)],
        )
        assert [(c.context_id, c.result, c.as_scu, c.as_scp) for c in contexts] == [
            (1, 0, True, False),
            (3, 4, False, False),
            (5, 3, False, False),
        ]
        assert contexts[0].transfer_syntax == [ExplicitVRLittleEndian]
        assert contexts[0].abstract_syntax == CT

    def test_a_context_that_was_not_answered(self) -> None:
        (context,) = learned([proposed(1, CT)], [])
        assert context.result == 2

    @pytest.mark.parametrize("syntax", [JPEG2000, ""])
    def test_a_transfer_syntax_that_was_not_proposed(self, syntax: str) -> None:
        (context,) = learned([proposed(1, CT)], [answer(1, 0, syntax)])
        assert (context.result, context.as_scu) == (2, False)

    def test_an_answer_to_nothing_is_ignored(self) -> None:
        contexts = learned(
            [proposed(1, CT)], [answer(1, 0, ImplicitVRLittleEndian), answer(7, 0, ImplicitVRLittleEndian)]
        )
        assert [c.context_id for c in contexts] == [1]

    def test_rejected_with_junk_as_transfer_syntax(self) -> None:
        (context,) = learned([proposed(1, CT)], [answer(1, 3, "\x00junk" * 20)])
        assert context.result == 3

    def test_roles_that_were_not_proposed_are_ignored(self) -> None:
        (context,) = learned([proposed(1, CT)], [answer(1, 0, ImplicitVRLittleEndian)], {CT: (False, True)})
        assert (context.as_scu, context.as_scp) == (True, False)

    def test_no_answer_to_proposed_roles_means_the_default(self) -> None:
        wanted = proposed(1, CT)
        wanted.scu_role, wanted.scp_role = False, True
        (context,) = learned([wanted], [answer(1, 0, ImplicitVRLittleEndian)])
        assert (context.as_scu, context.as_scp) == (True, False)

    def test_a_reserved_result_is_a_rejection(self) -> None:
        (context,) = learned([proposed(1, CT)], [answer(1, 99, ImplicitVRLittleEndian)])
        assert (context.result, context.status, context.as_scu) == (99, "Unknown", False)


class TestUnrestrictedStorage:
    def test_unknown_and_storage_are_accepted_in_any_transfer_syntax(self) -> None:
        contexts, _ = negotiate_as_acceptor(
            [proposed(1, "1.2.3.4", "1.2.3.5"), proposed(3, CT, JPEG2000), proposed(5, Verification)],
            [],
            unrestricted=negotiation.accept_unknown_storage,
        )
        assert [(c.result, c.as_scp) for c in contexts] == [(0, True), (0, True), (3, False)]
        assert contexts[0].transfer_syntax == ["1.2.3.5"]

    def test_what_is_known_but_not_storage_still_has_to_be_supported(self) -> None:
        (context,), _ = negotiate_as_acceptor(
            [proposed(1, Verification)], [supported(Verification)], unrestricted=negotiation.accept_unknown_storage
        )
        assert context.result == 0


def test_items_of_the_wire_and_back() -> None:
    item = ProposedContext(context_id=3, abstract_syntax=CT, transfer_syntaxes=(JPEG2000, ImplicitVRLittleEndian))
    context = negotiation.from_proposed(item)
    assert (context.context_id, context.abstract_syntax, len(context.transfer_syntax)) == (3, CT, 2)
    assert negotiation.proposed_context(context) == item
    context.transfer_syntax = [JPEG2000]
    context.set_outcome(0, as_scu=False, as_scp=True)
    assert negotiation.answered_context(context) == AnsweredContext(
        context_id=3, result=0, transfer_syntax=str(JPEG2000)
    )


SYNTAXES = [str(ImplicitVRLittleEndian), str(ExplicitVRLittleEndian), str(ExplicitVRBigEndian), str(JPEG2000)]
sop_classes = st.sampled_from([CT, MR, str(Verification)])
syntax_lists = st.lists(st.sampled_from(SYNTAXES), min_size=1, unique=True)
role = st.sampled_from(list(itertools.product([True, False], repeat=2)))


@given(
    wanted=st.lists(st.tuples(sop_classes, syntax_lists), min_size=1, max_size=12),
    own=st.dictionaries(sop_classes, st.tuples(syntax_lists, st.none() | role)),
    offers=st.dictionaries(sop_classes, role.filter(any)),
)
def test_both_ends_come_to_the_same_contexts_and_opposite_roles(
    wanted: list[tuple[str, list[str]]],
    own: dict[str, tuple[list[str], tuple[bool, bool] | None]],
    offers: dict[str, tuple[bool, bool]],
) -> None:
    requested = []
    for index, (uid, syntaxes) in enumerate(wanted):
        context = proposed(2 * index + 1, uid, *syntaxes)
        if uid in offers:
            context.scu_role, context.scp_role = offers[uid]
        requested.append(context)
    supports = [
        supported(uid, *syntaxes, scu=roles[0] if roles else None, scp=roles[1] if roles else None)
        for uid, (syntaxes, roles) in own.items()
    ]
    at_acceptor, items = negotiate_as_acceptor(
        [negotiation.from_proposed(negotiation.proposed_context(context)) for context in requested], supports, offers
    )
    at_requestor = learned(
        requested, [negotiation.answered_context(context) for context in at_acceptor], roles_of(items)
    )
    assert len(at_acceptor) == len(at_requestor) == len(requested)
    for ours, theirs in zip(at_requestor, at_acceptor, strict=True):
        assert (ours.context_id, ours.result) == (theirs.context_id, theirs.result)
        assert (ours.as_scu, ours.as_scp) == (theirs.as_scp, theirs.as_scu)
        if ours.result == 0:
            assert ours.transfer_syntax == theirs.transfer_syntax
            assert ours.as_scu or ours.as_scp
            syntaxes = own[str(ours.abstract_syntax)][0]
            better = syntaxes[: syntaxes.index(str(ours.transfer_syntax[0]))]
            proposed_syntaxes = requested[((ours.context_id or 1) - 1) // 2].transfer_syntax
            assert not set(better) & set(proposed_syntaxes)
