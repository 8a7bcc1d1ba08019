import pytest

from workstation.net.codec.pdu import A_ABORT_RQ, A_ASSOCIATE_RJ
from workstation.scu.explain_association import explain_abort, explain_rejection
from workstation.scu.failure import Layer


@pytest.mark.parametrize(
    ("rejection", "words"),
    [
        ((1, 1, 1), "without a reason"),
        ((1, 1, 2), "application context"),
        ((1, 1, 3), "does not know our AE title 'ME' "),
        ((1, 1, 7), "does not answer to the AE title 'PACS' "),
        ((1, 2, 1), "user name and passcode"),
        ((1, 2, 2), "protocol version 1"),
        ((2, 3, 1), "congested"),
        ((2, 3, 2), "limit of associations"),
        ((2, 1, 7), "transient: the same request may be accepted later"),
        ((1, 1, 9), "does not define"),
    ],
)
def test_each_rejection_has_its_remedy(rejection: tuple[int, int, int], words: str) -> None:
    result, source, reason = rejection
    pdu = A_ASSOCIATE_RJ(result=result, source=source, reason=reason)
    failure = explain_rejection(pdu, "ME", "PACS")
    assert failure.layer is Layer.ASSOCIATION
    assert words in failure.sentence
    assert f"A-ASSOCIATE-RJ {result}/{source}/{reason}" in failure.evidence
    assert failure.remedy


@pytest.mark.parametrize("reason", [0, 1, 2, 4, 5, 6])
def test_an_abort_says_who_and_why(reason: int) -> None:
    failure = explain_abort(A_ABORT_RQ(source=2, reason=reason), "during C-ECHO")
    assert "protocol layer aborted the association during C-ECHO" in failure.what
    assert f"A-ABORT 2/{reason}" in failure.evidence
    assert failure.remedy
    user = explain_abort(A_ABORT_RQ(source=0, reason=reason))
    assert "The peer's application aborted" in user.what
