"""Presentation contexts as a program builds them, and the prebuilt lists."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from workstation.net import _config, presentation
from workstation.net._globals import DEFAULT_TRANSFER_SYNTAXES
from workstation.net.presentation import PresentationContext, PresentationContextTuple, build_context, build_role
from workstation.net.sop_class import CTImageStorage, Verification


def test_build_context_with_default_transfer_syntaxes() -> None:
    context = build_context("1.2.840.10008.1.1")
    assert context.abstract_syntax == Verification
    assert context.transfer_syntax == DEFAULT_TRANSFER_SYNTAXES
    assert context.context_id is None
    assert context.result is None
    assert (context.scu_role, context.scp_role, context.as_scu, context.as_scp) == (None, None, None, None)


def test_build_context_with_one_or_several_transfer_syntaxes() -> None:
    assert build_context(Verification, ImplicitVRLittleEndian).transfer_syntax == [ImplicitVRLittleEndian]
    assert build_context(Verification, "1.2.3").transfer_syntax == ["1.2.3"]
    two = build_context(Verification, [ExplicitVRLittleEndian, "1.2.840.10008.1.2"])
    assert two.transfer_syntax == [ExplicitVRLittleEndian, ImplicitVRLittleEndian]


def test_the_default_list_is_not_shared() -> None:
    context = build_context(Verification)
    context.transfer_syntax.append(UID("1.2.3"))
    assert len(build_context(Verification).transfer_syntax) == 4
    assert len(DEFAULT_TRANSFER_SYNTAXES) == 4


@pytest.mark.parametrize("value", [0, 2, 256, 257, -1, "1", 1.5])
def test_context_ids_that_are_not_allowed(value: object) -> None:
    context = PresentationContext()
    with pytest.raises(ValueError, match="odd"):
        context.context_id = value  # type: ignore[assignment]


def test_context_ids_that_are_allowed() -> None:
    context = PresentationContext()
    for value in (1, 127, 255, None):
        context.context_id = value
        assert context.context_id == value


def test_abstract_syntax() -> None:
    context = PresentationContext()
    for value in ("1.2.3", b"1.2.3", UID("1.2.3")):
        context.abstract_syntax = value
        assert context.abstract_syntax == "1.2.3"
        assert isinstance(context.abstract_syntax, UID)
    with pytest.raises(TypeError):
        context.abstract_syntax = 1  # type: ignore[assignment]
    for bad in ("", "1" * 65):
        with pytest.raises(ValueError, match="abstract_syntax"):
            context.abstract_syntax = bad


def test_abstract_syntax_under_enforced_conformance(monkeypatch: pytest.MonkeyPatch) -> None:
    context = PresentationContext()
    context.abstract_syntax = "not.a.uid"
    monkeypatch.setattr(_config, "ENFORCE_UID_CONFORMANCE", True)
    with pytest.raises(ValueError, match="conformant"):
        context.abstract_syntax = "not.a.uid"


def test_transfer_syntaxes_are_a_list_without_duplicates() -> None:
    context = PresentationContext()
    context.transfer_syntax = ["1.2.840.10008.1.2", "1.2.840.10008.1.2"]
    context.add_transfer_syntax(b"1.2.840.10008.1.2.1")
    context.add_transfer_syntax(ImplicitVRLittleEndian)
    context.add_transfer_syntax(None)
    assert context.transfer_syntax == [ImplicitVRLittleEndian, ExplicitVRLittleEndian]
    for wrong in ("1.2.840.10008.1.2", ("1.2.840.10008.1.2",), None):
        with pytest.raises(TypeError):
            context.transfer_syntax = wrong  # type: ignore[assignment]
    with pytest.raises(TypeError):
        context.add_transfer_syntax([])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="transfer_syntax"):
        context.add_transfer_syntax("")


def test_a_sop_class_as_transfer_syntax_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    context = PresentationContext()
    with caplog.at_level(logging.WARNING):
        context.add_transfer_syntax("1.2.840.10008.1.2.4.110")
        context.add_transfer_syntax("1.2.3.4")
        assert not caplog.records
        context.add_transfer_syntax(CTImageStorage)
    assert "CT Image Storage" in caplog.text
    assert len(context.transfer_syntax) == 3


@pytest.mark.parametrize("name", ["scu_role", "scp_role"])
def test_roles(name: str) -> None:
    context = PresentationContext()
    for value in (True, False, None):
        setattr(context, name, value)
        assert getattr(context, name) is value
    for wrong in (1, 0, "True"):
        with pytest.raises(TypeError, match=name):
            setattr(context, name, wrong)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (None, "Pending"),
        (0, "Accepted"),
        (1, "User Rejected"),
        (2, "Provider Rejected"),
        (3, "Abstract Syntax Not Supported"),
        (4, "Transfer Syntax(es) Not Supported"),
        (5, "Unknown"),
    ],
)
def test_status(result: int | None, text: str) -> None:
    context = PresentationContext()
    context.result = result
    assert context.status == text


def test_as_tuple_is_what_a_handler_gets() -> None:
    context = build_context(CTImageStorage, DeflatedExplicitVRLittleEndian)
    context.context_id = 3
    assert context.as_tuple == PresentationContextTuple(3, CTImageStorage, DeflatedExplicitVRLittleEndian)
    assert context.as_tuple.transfer_syntax.is_deflated


@pytest.mark.parametrize("missing", ["context_id", "abstract_syntax", "transfer_syntax"])
def test_as_tuple_needs_all_three(missing: str) -> None:
    context = build_context(CTImageStorage, DeflatedExplicitVRLittleEndian)
    context.context_id = 3
    setattr(context, missing, [] if missing == "transfer_syntax" else None)
    with pytest.raises(ValueError, match="exactly one transfer syntax"):
        _ = context.as_tuple


def test_equality() -> None:
    one, other = build_context(CTImageStorage), build_context(CTImageStorage)
    assert one == other
    assert hash(one) == hash(other)
    for name, value in [("context_id", 1), ("scp_role", True), ("result", 0), ("transfer_syntax", ["1.2"])]:
        changed = build_context(CTImageStorage)
        setattr(changed, name, value)
        assert one != changed
    assert one != "CT Image Storage"
    assert one != build_context(Verification)


def test_a_copy_is_independent() -> None:
    one = build_context(CTImageStorage)
    twin = one.copy()
    assert twin == one
    twin.context_id = 1
    twin.transfer_syntax.clear()
    assert one.context_id is None
    assert len(one.transfer_syntax) == 4


def test_text() -> None:
    context = build_context(CTImageStorage, "1.2.3")
    context.context_id = 5
    context.scu_role = True
    context.scp_role = False
    context.result = 0
    assert repr(context) == "CT Image Storage"
    text = str(context)
    for part in ("ID: 5", "CT Image Storage", "1.2.3", "SCP/SCU Role: 0/1", "Accepted"):
        assert part in text
    assert repr(build_context("1.2.3.4")) == "1.2.3.4"
    assert repr(PresentationContext()) == "(no abstract syntax)"


def test_a_peers_uids_are_kept_as_they_came() -> None:
    context = PresentationContext.as_received(1, "x" * 80, ["", "also not a uid", "also not a uid"])
    assert context.abstract_syntax == "x" * 80
    assert context.transfer_syntax == ["also not a uid"]


def test_build_role() -> None:
    role = build_role(CTImageStorage, scp_role=True)
    assert (role.sop_class_uid, role.scu_role, role.scp_role) == (CTImageStorage, False, True)


COUNTS = {
    "AllStorage": 170,
    "Storage": 120,
    "ApplicationEventLogging": 2,
    "BasicWorklistManagement": 1,
    "ColorPalette": 3,
    "DefinedProcedureProtocol": 3,
    "DisplaySystem": 1,
    "HangingProtocol": 3,
    "ImplantTemplate": 9,
    "InstanceAvailability": 1,
    "MediaCreationManagement": 1,
    "MediaStorage": 1,
    "ModalityPerformed": 3,
    "NonPatientObject": 9,
    "PrintManagement": 11,
    "ProcedureStep": 3,
    "ProtocolApproval": 3,
    "QueryRetrieve": 13,
    "RelevantPatientInformation": 3,
    "RTMachineVerification": 2,
    "StorageCommitment": 1,
    "SubstanceAdministration": 2,
    "UnifiedProcedure": 5,
    "Verification": 1,
}


@pytest.mark.parametrize(("name", "count"), COUNTS.items())
def test_prebuilt_lists(name: str, count: int) -> None:
    contexts = getattr(presentation, f"{name}PresentationContexts")
    assert isinstance(contexts, list)
    assert contexts is getattr(presentation, f"{name}PresentationContexts")
    assert len(contexts) == count
    uids = [context.abstract_syntax for context in contexts]
    assert uids == sorted(uids)
    assert all(context.transfer_syntax == DEFAULT_TRANSFER_SYNTAXES for context in contexts)
    assert all(context.context_id is None for context in contexts)


def test_no_other_prebuilt_lists() -> None:
    assert {f"{name}PresentationContexts" for name in COUNTS} == set(presentation.PREBUILT_NAMES)
    assert set(presentation.PREBUILT_NAMES) <= set(dir(presentation))
    with pytest.raises(AttributeError, match="NoSuch"):
        _ = presentation.NoSuchPresentationContexts


def test_everyday_storage_is_among_the_common_ones() -> None:
    common = {repr(context) for context in presentation.StoragePresentationContexts}
    assert common >= {
        "CT Image Storage",
        "MR Image Storage",
        "Ultrasound Multi-frame Image Storage",
        "Digital X-Ray Image Storage - For Presentation",
        "Secondary Capture Image Storage",
        "Encapsulated PDF Storage",
        "Segmentation Storage",
        "RT Plan Storage",
    }


def test_importing_makes_no_contexts() -> None:
    code = (
        "from workstation.net import presentation as p;"
        "assert not [n for n in vars(p) if n.endswith('PresentationContexts')], 'made on import';"
        "from workstation.net.presentation import VerificationPresentationContexts as v; assert len(v) == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_negotiation_is_found_here_as_documented() -> None:
    from workstation.net import negotiation

    assert presentation.negotiate_as_acceptor is negotiation.negotiate_as_acceptor
    assert presentation.negotiate_as_requestor is negotiation.negotiate_as_requestor
