"""What is supported and proposed."""

from workstation.scp.answers.built_in import BuiltIn
from workstation.scp.answers.contexts import STORAGE_CLASSES, TRANSFER_SYNTAXES, proposed_contexts
from workstation.scp.archive.archive import Archive
from workstation.scp.ledger import Ledger
from workstation.scp.surroundings import Later, Surroundings

CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
IMPLICIT, EXPLICIT, JPEG_LS = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.80"


def test_every_storage_class_is_supported_with_every_transfer_syntax(archive: Archive, ledger: Ledger) -> None:
    surroundings = Surroundings(
        archive=archive,
        ledger=ledger,
        ae_title=lambda: "X",
        destinations=lambda _: None,
        associate=lambda *_: None,
        later=Later(),
    )
    contexts = BuiltIn(surroundings).contexts()
    supported = {str(context.abstract_syntax): context for context in contexts}
    assert len(supported) == len(contexts), "each SOP class is one service's"
    assert len(STORAGE_CLASSES) > 190
    for uid in STORAGE_CLASSES:
        assert [str(syntax) for syntax in supported[uid].transfer_syntax] == list(TRANSFER_SYNTAXES)
        assert (supported[uid].scu_role, supported[uid].scp_role) == (True, True)
    assert TRANSFER_SYNTAXES[:2] == (EXPLICIT, IMPLICIT)
    assert {JPEG_LS, "1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.203", "1.2.840.10008.1.2.5"} <= set(
        TRANSFER_SYNTAXES
    )
    assert len(TRANSFER_SYNTAXES) == len(set(TRANSFER_SYNTAXES))
    assert {"1.2.840.10008.1.1", "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.1.3"} <= set(supported)
    # Media directories are no storage, but worklist, procedure steps, commitment and print are there.
    assert "1.2.840.10008.1.3.10" not in supported
    assert {"1.2.840.10008.5.1.4.31", "1.2.840.10008.3.1.2.3.3", "1.2.840.10008.1.20.1"} <= set(supported)
    assert {"1.2.840.10008.5.1.1.9", "1.2.840.10008.5.1.4.34.6.1", "1.2.840.10008.5.1.4.33"} <= set(supported)


def test_a_destination_is_offered_what_there_is() -> None:
    contexts = proposed_contexts([(CT, IMPLICIT), (CT, JPEG_LS), (CT, JPEG_LS), (MR, JPEG_LS)])
    assert [(str(one.abstract_syntax), [str(syntax) for syntax in one.transfer_syntax]) for one in contexts] == [
        (CT, [JPEG_LS]),
        (CT, [IMPLICIT]),
        (MR, [JPEG_LS]),
        (CT, [EXPLICIT]),
    ]


def test_a_destination_is_offered_no_more_than_128_contexts() -> None:
    contexts = proposed_contexts((f"1.2.{number}", EXPLICIT) for number in range(100))
    assert len(contexts) == 128
    assert len({str(one.abstract_syntax) for one in contexts}) == 100
    assert len(proposed_contexts((f"1.2.{number}", EXPLICIT) for number in range(200))) == 128
