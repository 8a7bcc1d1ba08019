"""Numbers of long work, read by people."""

from __future__ import annotations

import pytest

from workstation.ui.parts.rates import RateMeter, bytes_text, count_text, milliseconds_text, time_text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9950, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (61_300_000_000, "61 GB"),
        (5_000_000_000_000_000, "5000 TB"),
    ],
)
def test_sizes(count, text):
    assert bytes_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (0.0002, "1 ms"),
        (0.04, "40 ms"),
        (0.0996, "0.1 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (125, "2 min 5 s"),
        (3840, "1 h 4 min"),
    ],
)
def test_durations(seconds, text):
    assert time_text(seconds) == text


def test_milliseconds():
    assert [milliseconds_text(value) for value in (0.42, 3.4, 999, 1200)] == ["0.4 ms", "3.4 ms", "999 ms", "1.2 s"]


def test_counts_have_their_noun():
    assert [count_text(value, "study", "studies") for value in (0, 1, 1204)] == [
        "0 studies",
        "1 study",
        "1,204 studies",
    ]


def test_rate_is_of_the_last_seconds():
    meter = RateMeter(total=1000, window=2.0)
    meter.update(0.0, 0)
    assert meter.rate is None
    for second in range(1, 5):
        meter.update(float(second), second * 100)
    meter.update(5.0, 900)
    # 300 at 3 s, 900 at 5 s: the slow start is forgotten.
    assert meter.rate == pytest.approx(300)
    assert meter.seconds_left == pytest.approx(100 / 300)


def test_nothing_is_said_of_a_standstill():
    meter = RateMeter(total=10)
    meter.update(0.0, 5)
    meter.update(1.0, 5)
    assert meter.seconds_left is None
