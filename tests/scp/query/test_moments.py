"""DA, TM and DT as spans."""

import pytest

from workstation.scp.query.moments import DAY, date_text, parse_moment


@pytest.mark.parametrize("text", ["19991231", "1999.12.31", "00010101", "99991231"])
def test_a_date_covers_its_day(text: str) -> None:
    span = parse_moment("DA", text)
    assert span is not None
    assert span[1] - span[0] == DAY - 1
    assert date_text(span[0]) == date_text(span[1]) == text.replace(".", "")


@pytest.mark.parametrize("text", ["", "1999", "19991301", "19990230", "1999123", "today", "00000101", "1999-12-31"])
def test_what_is_no_date(text: str) -> None:
    assert parse_moment("DA", text) is None


@pytest.mark.parametrize(
    ("text", "first", "length"),
    [
        ("10", 10 * 3600, 3600),
        ("1030", 10 * 3600 + 1800, 60),
        ("103015", 37815, 1),
        ("10:30:15", 37815, 1),
        ("103015.5", 37815.5, 0.1),
        ("103015.000001", 37815.000001, 0.000001),
        ("235960", 86400, 1),
    ],
)
def test_a_time_covers_its_precision(text: str, first: float, length: float) -> None:
    span = parse_moment("TM", text)
    assert span == (round(first * 1e6), round((first + length) * 1e6) - 1)


@pytest.mark.parametrize("text", ["24", "1", "10301", "1060", "10:3", "103015.", "noon", "103015.1234567"])
def test_what_is_no_time(text: str) -> None:
    assert parse_moment("TM", text) is None


def test_date_times_are_compared_in_utc() -> None:
    assert parse_moment("DT", "20240101120000+0200") == parse_moment("DT", "20240101100000+0000")
    assert parse_moment("DT", "20240101120000", 120) == parse_moment("DT", "20240101100000", 0)


@pytest.mark.parametrize(
    ("text", "days"), [("2024", 366), ("2023", 365), ("202402", 29), ("20240201", 1), ("20240229+0100", 1)]
)
def test_a_date_time_covers_its_precision(text: str, days: int) -> None:
    span = parse_moment("DT", text)
    assert span is not None
    assert span[1] - span[0] + 1 == days * DAY


@pytest.mark.parametrize("text", ["20240230", "2024-2021", "20241", "2024+0160", "2024+1500"])
def test_what_is_no_date_time(text: str) -> None:
    assert parse_moment("DT", text) is None
