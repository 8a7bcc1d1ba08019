"""Categories and tables of status codes."""

from __future__ import annotations

import pytest

from workstation.net import status


def expected_category(code: int) -> str:
    """PS3.7 Annex C, written another way than the code under test."""
    if code == 0x0000:
        return "Success"
    if code in (0xFF00, 0xFF01):
        return "Pending"
    if code == 0xFE00:
        return "Cancel"
    if code in (0x0001, 0x0107, 0x0116) or 0xB000 <= code <= 0xBFFF:
        return "Warning"
    ranges = [(0x0105, 0x0106), (0x0110, 0x0115), (0x0117, 0x0119), (0x0120, 0x0124), (0x0210, 0x0213)]
    ranges += [(0xA000, 0xAFFF), (0xC000, 0xCFFF)]
    return "Failure" if any(first <= code <= last for first, last in ranges) else "Unknown"


def test_category_of_every_code() -> None:
    assert all(status.code_to_category(code) == expected_category(code) for code in range(0x10000))


@pytest.mark.parametrize("code", [-1, "0", None, 1.0, True])
def test_what_is_no_code(code: object) -> None:
    with pytest.raises(ValueError, match="status"):
        status.code_to_category(code)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="status"):
        status.code_to_status(code)  # type: ignore[arg-type]


def test_code_beyond_sixteen_bits_is_unknown() -> None:
    assert status.code_to_category(0x1A700) == "Unknown"


def test_code_to_status() -> None:
    dataset = status.code_to_status(0xA801)
    assert dataset.Status == 0xA801
    assert len(dataset) == 1


TABLES = {name: table for name, table in vars(status).items() if name.endswith("STATUS") and isinstance(table, dict)}


@pytest.mark.parametrize("name", TABLES)
def test_tables_agree_with_the_categories(name: str) -> None:
    for code, (category, text) in TABLES[name].items():
        assert category == status.code_to_category(code)
        assert text or code == 0


@pytest.mark.parametrize("name", [name for name in TABLES if name != "IMPLEMENTATION_STATUS"])
def test_every_service_has_the_general_codes(name: str) -> None:
    assert set(TABLES[name]) >= set(status.GENERAL_STATUS)


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        (
            status.STORAGE_SERVICE_CLASS_STATUS,
            {*range(0xA700, 0xA800), *range(0xA900, 0xAA00), *range(0xC000, 0xD000), 0xB000, 0xB006, 0xB007},
        ),
        (status.NON_PATIENT_SERVICE_CLASS_STATUS, {0xA700, 0xA900, 0xC000}),
        (
            status.QR_FIND_SERVICE_CLASS_STATUS,
            {0xFF00, 0xFF01, 0xA700, 0xA710, 0xA900, 0xB001, *range(0xC000, 0xD000)},
        ),
        (
            status.QR_GET_SERVICE_CLASS_STATUS,
            {0xFF00, 0xA701, 0xA702, 0xA900, 0xB000, *range(0xAA00, 0xAA05), *range(0xC000, 0xD000)},
        ),
        (status.RELEVANT_PATIENT_SERVICE_CLASS_STATUS, {0xFF00, 0xA700, 0xA900, 0xC000, 0xC100, 0xC200}),
        (status.PROCEDURE_STEP_STATUS, {0x0001}),
        (
            status.APPLICATION_EVENT_LOGGING_SERVICE_CLASS_STATUS,
            {0xB101, 0xB102, 0xB104, 0xC101, 0xC102, 0xC103, 0xC104, 0xC10E, 0xC110, 0xC111},
        ),
        (status.MEDIA_CREATION_MANAGEMENT_SERVICE_CLASS_STATUS, {0x0001, 0xA510, 0xC201, 0xC202, 0xC203}),
        (status.RT_MACHINE_VERIFICATION_SERVICE_CLASS_STATUS, {0xC112, *range(0xC221, 0xC228)}),
        (status.STORAGE_MANAGEMENT_SERVICE_CLASS_STATUS, {0xB010}),
        (status.VERIFICATION_SERVICE_CLASS_STATUS, set()),
        (status.STORAGE_COMMITMENT_SERVICE_CLASS_STATUS, set()),
    ],
)
def test_codes_of_a_service(table: status.StatusTable, codes: set[int]) -> None:
    assert set(table) - set(status.GENERAL_STATUS) == codes


def test_move_is_get_and_an_unknown_destination() -> None:
    extra = set(status.QR_MOVE_SERVICE_CLASS_STATUS) - set(status.QR_GET_SERVICE_CLASS_STATUS)
    assert extra == {0xA801}


def test_a_specific_code_wins_over_its_range() -> None:
    assert "Transaction UID" in status.UNIFIED_PROCEDURE_STEP_SERVICE_CLASS_STATUS[0xC301][1]
    assert status.UNIFIED_PROCEDURE_STEP_SERVICE_CLASS_STATUS[0xC3FF][1] == "Unable to process"


def test_status_in_words() -> None:
    assert status.status_text(0xFF00) == "0xFF00 (Pending)"
    assert status.status_text(0x0122) == "0x0122 (Failure): Refused: SOP Class not supported"
    assert status.status_text(0xA700, status.STORAGE_SERVICE_CLASS_STATUS).startswith("0xA700 (Failure): Refused")
    assert status.status_text(0x4242) == "0x4242 (Unknown)"


@pytest.fixture
def restored_status() -> object:
    yield status.Status
    for name in [name for name in status.Status.__members__ if name.startswith("TEST_")]:
        member = status.Status._member_map_.pop(name)
        status.Status._member_names_.remove(name)
        status.Status._value2member_map_.pop(member.value)
        type.__delattr__(status.Status, name)


def test_status_members(restored_status: object) -> None:
    assert status.Status.SUCCESS == 0x0000
    assert status.Status.CANCEL == 0xFE00
    assert status.Status.PENDING == 0xFF00
    assert status.Status.MOVE_DESTINATION_UNKNOWN == 0xA801


def test_a_program_can_name_a_code(restored_status: object) -> None:
    status.Status.add("TEST_OURS", 0xC123)
    assert status.Status.TEST_OURS == 0xC123  # type: ignore[attr-defined]
    assert status.Status(0xC123).name == "TEST_OURS"
    assert status.Status["TEST_OURS"] in list(status.Status)
    status.Status.add("TEST_OURS", 0xC123)
    with pytest.raises(ValueError, match="exists"):
        status.Status.add("TEST_OURS", 0xC124)
    with pytest.raises(ValueError, match="TEST_OURS already"):
        status.Status.add("TEST_OTHER", 0xC123)
    with pytest.raises(ValueError, match="name"):
        status.Status.add("no name", 0xC125)
    with pytest.raises(ValueError, match="exists"):
        status.Status.add("SUCCESS", 0xC125)
    with pytest.raises(ValueError, match="0xFFFF"):
        status.Status.add("TEST_BIG", 0x10000)


@pytest.mark.parametrize("category", ["Success", "Pending", "Cancel", "Warning", "Failure", "Unknown"])
def test_the_codes_of_a_category(category: str) -> None:
    assert status.codes_of(category) == {c for c in range(0x10000) if status.code_to_category(c) == category}
    assert status.codes_of("nonsense") == frozenset()
