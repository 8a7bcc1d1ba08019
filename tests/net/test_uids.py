"""The tables against pydicom's registry and against the counts of PS3.4."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydicom._uid_dict import UID_dictionary

from workstation.net import uids

COUNTS = {
    "VERIFICATION": 1,
    "STORAGE": 170,
    "QUERY_RETRIEVE": 13,
    "PROCEDURE_STEP": 3,
    "PRINT_MANAGEMENT": 11,
    "MEDIA_STORAGE": 1,
    "STORAGE_COMMITMENT": 1,
    "BASIC_WORKLIST_MANAGEMENT": 1,
    "APPLICATION_EVENT_LOGGING": 2,
    "RELEVANT_PATIENT_INFORMATION": 3,
    "INSTANCE_AVAILABILITY": 1,
    "MEDIA_CREATION_MANAGEMENT": 1,
    "HANGING_PROTOCOL": 3,
    "SUBSTANCE_ADMINISTRATION": 2,
    "COLOR_PALETTE": 3,
    "IMPLANT_TEMPLATE": 9,
    "UNIFIED_PROCEDURE_STEP": 5,
    "RT_MACHINE_VERIFICATION": 2,
    "DISPLAY_SYSTEM": 1,
    "NON_PATIENT_OBJECT": 9,
    "DEFINED_PROCEDURE_PROTOCOL": 3,
    "PROTOCOL_APPROVAL": 3,
    "INVENTORY": 3,
    "STORAGE_MANAGEMENT": 1,
}
# The tables have a shorter keyword than PS3.6 here.
SHORTER = {
    "ModalityWorklistInformationFind": "ModalityWorklistInformationModelFind",
    "ColorPaletteInformationModelFind": "ColorPaletteQueryRetrieveInformationModelFind",
    "ColorPaletteInformationModelMove": "ColorPaletteQueryRetrieveInformationModelMove",
    "ColorPaletteInformationModelGet": "ColorPaletteQueryRetrieveInformationModelGet",
}


@pytest.mark.parametrize(("table", "count"), COUNTS.items())
def test_each_table_has_the_sop_classes_of_its_annex_in_order(table: str, count: int) -> None:
    sop_classes = getattr(uids, table)
    assert len(sop_classes) == count
    assert len(set(sop_classes.values())) == count
    ordered = sorted(sop_classes.values(), key=lambda uid: [int(part) for part in uid.split(".")])
    assert list(sop_classes.values()) == ordered


@pytest.mark.parametrize("table", COUNTS)
def test_each_uid_has_its_keyword_in_the_registry(table: str) -> None:
    for keyword, uid in getattr(uids, table).items():
        if uid in uids.MISSING_IN_PYDICOM:
            assert uids.MISSING_IN_PYDICOM[uid][1] == keyword
        else:
            assert UID_dictionary[uid][4] == SHORTER.get(keyword, keyword)


def test_no_uid_is_in_two_tables() -> None:
    every = [uid for table in COUNTS for uid in getattr(uids, table).values()]
    assert len(every) == len(set(every)) == 252


def test_what_pydicom_misses_is_really_missing() -> None:
    # When pydicom learns one of them its own entry should be used.
    # Asked of another Python: pynetdicom, a peer in these tests, adds some to the dictionary when it is imported.
    program = "import sys; from pydicom._uid_dict import UID_dictionary as known; print(known.keys() & sys.argv[1:])"
    command = [sys.executable, "-c", program, *uids.MISSING_IN_PYDICOM]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "set()\n"


def test_the_common_storage_classes_leave_room_for_eight_contexts() -> None:
    assert set(uids.STORAGE) >= uids.RARELY_STORED
    assert not set(uids.RETIRED_STORAGE) & set(uids.STORAGE)
    assert len(uids.STORAGE) - len(uids.RARELY_STORED) + len(uids.RETIRED_STORAGE) == 120


def test_other_spellings_lead_to_names_of_the_tables() -> None:
    known = {keyword for table in COUNTS for keyword in getattr(uids, table)}
    assert set(uids.OTHER_SPELLINGS.values()) <= known
    assert not known & set(uids.OTHER_SPELLINGS)


@pytest.mark.parametrize(
    ("uid", "name"),
    [
        ("1.2.840.10008.1.1", "Verification SOP Class"),
        ("1.2.840.10008.5.1.4.1.1.66.7", "Label Map Segmentation Storage"),
        ("1.2.840.10008.1.2.4.110", "JPEG XL Lossless"),
        ("1.2.3.4", ""),
        ("", ""),
        (uids.INSTANCES["PrinterInstance"], "Printer SOP Instance"),
    ],
)
def test_names(uid: str, name: str) -> None:
    assert uids.uid_name(uid) == name
