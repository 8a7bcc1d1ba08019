"""Conditions of rules: each alone, each in words, in time that does not depend on the pattern."""

from __future__ import annotations

import fnmatch
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from workstation.scp.rules.matching import needs_data_set, uid_fits, uids_that_fit, unfulfilled
from workstation.scp.rules.occasion import Occasion
from workstation.scp.rules.rule import Match

CT = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT = "1.2.840.10008.1.2"


def identifier() -> Dataset:
    step = Dataset()
    step.Modality = "MR"
    other = Dataset()
    other.Modality = "CT"
    made = Dataset()
    made.PatientName = "DOE^JOHN"
    made.PatientID = ""
    made.ImageType = ["ORIGINAL", "PRIMARY"]
    made.Rows = 512
    made.ScheduledProcedureStepSequence = Sequence([step, other])
    return made


OCCASION = Occasion(
    event="EVT_C_STORE",
    calling="CT1 ",
    called="SERVER",
    address="10.1.2.3",
    user="jane",
    sop_class=CT,
    transfer_syntax=IMPLICIT,
    data_set=identifier,
)


@pytest.mark.parametrize(
    "match",
    [
        Match(),
        Match(events=("EVT_C_ECHO", "EVT_C_STORE")),
        Match(calling="CT*"),
        Match(calling=" CT? "),
        Match(called="SERVER"),
        Match(address="10.1.2.3"),
        Match(address="10.0.0.0/8"),
        Match(user="ja*"),
        Match(sop_class=CT),
        Match(sop_class="ct image*"),
        Match(sop_class="CTImageStorage"),
        Match(sop_class="1.2.840.10008.5.1.4.1.1.*"),
        Match(transfer_syntax="Implicit*"),
        Match(transfer_syntax="ImplicitVRLittleEndian"),
        Match(keys={"PatientName": "DOE*"}),
        Match(keys={"0010,0010": "*JOHN"}),
        Match(keys={"PatientID": ""}),
        Match(keys={"PatientComments": ""}),
        Match(keys={"PatientComments": "*"}),
        Match(keys={"ImageType": "PRIMARY"}),
        Match(keys={"ImageType": "ORIGINAL\\*"}),
        Match(keys={"Rows": "512"}),
        Match(keys={"ScheduledProcedureStepSequence.Modality": "CT"}),
        Match(keys={"0040,0100.0008,0060": "M?"}),
        Match(keys={"ScheduledProcedureStepSequence": "*"}),
        Match(keys={"ScheduledProcedureStepSequence.PatientComments": ""}),
    ],
)
def test_what_holds(match: Match) -> None:
    assert unfulfilled(match, OCCASION) == ""


@pytest.mark.parametrize(
    ("match", "sentence"),
    [
        (Match(events=("EVT_C_FIND", "EVT_USER_ID")), "It is C-STORE, not C-FIND or User identity."),
        (Match(calling="MR*"), "Calling AE title is CT1, not MR*."),
        (Match(calling="ct1"), "Calling AE title is CT1, not ct1."),
        (Match(called="OTHER"), "Called AE title is SERVER, not OTHER."),
        (Match(address="10.1.2.4"), "Address is 10.1.2.3, not 10.1.2.4."),
        (Match(address="fe80::/10"), "Address is 10.1.2.3, not fe80::/10."),
        (Match(user="joe"), "User is jane, not joe."),
        (Match(sop_class="MR*"), "SOP class is CT Image Storage, not MR*."),
        (Match(transfer_syntax="JPEG*"), "Transfer syntax is Implicit VR Little Endian, not JPEG*."),
        (Match(keys={"PatientName": "doe*"}), "PatientName is DOE^JOHN, not doe*."),
        (Match(keys={"PatientName": ""}), "PatientName is not empty."),
        (Match(keys={"PatientComments": "x"}), "PatientComments is not given, not x."),
        (Match(keys={"ImageType": "DERIVED"}), "ImageType is ORIGINAL\\PRIMARY, not DERIVED."),
        (Match(keys={"ScheduledProcedureStepSequence": ""}), "ScheduledProcedureStepSequence is not empty."),
    ],
)
def test_what_does_not_hold_is_said(match: Match, sentence: str) -> None:
    assert unfulfilled(match, OCCASION) == sentence


def test_a_data_set_that_is_not_there_or_damaged_fulfils_no_key() -> None:
    keys = Match(keys={"PatientID": ""})
    assert unfulfilled(keys, Occasion(event="EVT_C_ECHO")) == "The request has no data set."

    def damaged() -> Dataset:
        raise ValueError("It ends too early.")

    sentence = unfulfilled(keys, Occasion(event="EVT_C_FIND", data_set=damaged))
    assert sentence == "The data set cannot be read: It ends too early."

    class Explosive(Dataset):
        def __contains__(self, _: object) -> bool:
            raise NotImplementedError

    assert unfulfilled(keys, Occasion(event="EVT_C_FIND", data_set=Explosive)) == "PatientID cannot be decoded."


def test_keys_are_asked_last() -> None:
    def never() -> Dataset:
        raise AssertionError

    match = Match(calling="MR", keys={"PatientID": "x"})
    assert needs_data_set(match)
    assert not needs_data_set(Match(calling="MR"))
    assert "Calling" in unfulfilled(match, Occasion(event="EVT_C_FIND", calling="CT", data_set=never))


@pytest.mark.parametrize("address", ["::ffff:10.1.2.3", "10.1.2.3"])
def test_an_address_of_both_families_is_its_own(address: str) -> None:
    assert unfulfilled(Match(address="10.0.0.0/8"), Occasion(event="EVT_C_ECHO", address=address)) == ""
    link_local = Occasion(event="EVT_C_ECHO", address="fe80::1%eth0")
    assert unfulfilled(Match(address="fe80::/10"), link_local) == ""
    assert (
        unfulfilled(Match(address="::1"), Occasion(event="EVT_C_ECHO", address="")) == "Address is not given, not ::1."
    )


def test_an_association_request_is_matched_by_what_it_proposes() -> None:
    proposed = ((CT, IMPLICIT), ("1.2.840.10008.1.1", "1.2.840.10008.1.2.1"))
    occasion = Occasion(event="A-ASSOCIATE", proposing=lambda: proposed)
    assert unfulfilled(Match(sop_class="CT*"), occasion) == ""
    assert unfulfilled(Match(sop_class="CT*", transfer_syntax="Implicit*"), occasion) == ""
    # Not in one context.
    sentence = unfulfilled(Match(sop_class="CT*", transfer_syntax="Explicit*"), occasion)
    assert sentence == "No presentation context is proposed for CT* with Explicit*."


def test_print_is_matched_by_its_context_and_by_what_it_is_about() -> None:
    occasion = Occasion(
        event="EVT_N_CREATE", sop_class="1.2.840.10008.5.1.1.1", abstract_syntax="1.2.840.10008.5.1.1.9"
    )
    assert unfulfilled(Match(sop_class="Basic Film Session*"), occasion) == ""
    assert unfulfilled(Match(sop_class="Basic Grayscale Print*"), occasion) == ""
    assert unfulfilled(Match(sop_class="Basic Color*"), occasion)


def test_a_sop_class_is_found_by_the_apis_names_too() -> None:
    assert uid_fits("ModalityWorklistInformationFind", "1.2.840.10008.5.1.4.31")
    assert uid_fits("ModalityWorklistInformationModelFind", "1.2.840.10008.5.1.4.31")
    assert uids_that_fit("verification*") == ("1.2.840.10008.1.1",)


LETTERS = st.text(alphabet="ab", max_size=8)


@given(st.text(alphabet="ab*?", max_size=8), LETTERS)
@settings(max_examples=200, deadline=None)
def test_patterns_are_those_of_file_names(pattern: str, value: str) -> None:
    fits = not unfulfilled(Match(calling=pattern), Occasion(event="EVT_C_ECHO", calling=value))
    assert fits == (not pattern or fnmatch.fnmatchcase(value, pattern))


def test_no_pattern_is_slow() -> None:
    hostile = Match(calling="a*" * 400 + "b", user="*?" * 400 + "c")
    began = time.monotonic()
    unfulfilled(hostile, Occasion(event="EVT_C_ECHO", calling="a" * 100_000, user="a" * 100_000))
    assert time.monotonic() - began < 1.0


@given(st.text(max_size=20), st.text(max_size=20))
@settings(max_examples=100, deadline=None)
def test_what_a_peer_says_is_shown_harmless(value: str, wanted: str) -> None:
    sentence = unfulfilled(Match(calling=wanted + "!"), Occasion(event="EVT_C_ECHO", calling=value))
    assert "\n" not in sentence
    assert sentence.isprintable() or not (value + wanted).isascii()
