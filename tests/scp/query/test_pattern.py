"""Wild cards against a slow but evident reference, and against patterns made to be slow."""

import fnmatch
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.scp.query.pattern import Pattern


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("a*", "a", True),
        ("a*", "ba", False),
        ("*a", "ba", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("*b*c*", "abxcx", True),
        ("*c*b*", "abxcx", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("?", "é", True),
        ("*?b*", "b", False),
        ("*?b*", "ab", True),
        ("a.c", "abc", False),
    ],
)
def test_fits(pattern: str, value: str, fits: bool) -> None:
    assert Pattern(pattern).fits(value) is fits


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
def test_agrees_with_the_shells_rules(pattern: str, value: str) -> None:
    assert Pattern(pattern).fits(value) is fnmatch.fnmatchcase(value, pattern)


def test_many_stars_are_not_slow() -> None:
    pattern, value = Pattern("*a" * 500 + "b"), "a" * 10_000
    began = time.thread_time()
    assert not pattern.fits(value)
    assert time.thread_time() - began < 1


def test_literals_are_in_every_text_that_fits() -> None:
    assert Pattern("ab*c?d^e").literals("^") == ["ab", "c", "d", "e"]
    assert Pattern("**?").literals() == []
