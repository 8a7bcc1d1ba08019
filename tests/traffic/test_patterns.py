"""Regular expressions that cannot hang."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workstation.traffic.filters.patterns import Pattern, PatternError

ATOMS = st.sampled_from(["a", "b", "c", ".", "[ab]", "[^a]", "[a-c]", r"\d", r"\w", r"\S", "1", r"\.", "^", "$"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    quantified = st.builds(
        lambda each, how: each if each in "^$" else f"(?:{each}){how}",
        inner,
        st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{2,}", "{,2}", "*?", "+?"]),
    )
    return st.one_of(
        quantified,
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda each: f"({'|'.join(each)})"),
    )


PATTERNS = st.recursive(ATOMS, _grown, max_leaves=8)


def pattern_or_error(text: str) -> Pattern | PatternError:
    try:
        return Pattern(text)
    except PatternError as error:
        return error


@settings(max_examples=250, deadline=None)
@given(PATTERNS, st.text("abcA1. x", max_size=8))
def test_it_finds_what_pythons_own_engine_finds(pattern: str, text: str) -> None:
    own = pattern_or_error(pattern)
    if isinstance(own, PatternError):
        assert "repeats too much" in own.sentence
        return
    assert own.search(text) == bool(re.search(pattern, text, re.IGNORECASE | re.DOTALL)), (pattern, text)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_a_pattern_or_refused_in_a_sentence(pattern: str, text: str) -> None:
    own = pattern_or_error(pattern)
    if isinstance(own, PatternError):
        assert own.sentence.endswith(".")
        assert 0 <= own.position <= len(pattern)
    else:
        own.search(text)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(a*)*b", "a?" * 30 + "a" * 30, ".*.*.*.*.*=x", "(x+x+)+y"])
def test_patterns_that_hang_other_engines_take_time_by_the_letter(pattern: str) -> None:
    own = Pattern(pattern)
    began = time.perf_counter()
    assert not own.search("a" * 15_000 + "!") or pattern.startswith("a?")
    assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(a", "not closed"),
        ("a)", "closes nothing"),
        ("[a", "] is missing"),
        ("*a", "repeats nothing"),
        ("a{3,1}", "ends before it begins"),
        (r"a\1", "Back-references"),
        (r"\bword", "Word boundaries"),
        ("(?=a)", "Look-around"),
        ("a{9999999}", "too often"),
        ("(a{90}){90}", "repeats too much"),
        ("[z-a]", "ends before it begins"),
        ("a\\", "escapes nothing"),
        (r"\xg1", "hexadecimal"),
        ("(" * 40 + ")" * 40, "nested deeper"),
        ("^*", "cannot be repeated"),
    ],
)
def test_what_is_refused_is_explained(pattern: str, words: str) -> None:
    with pytest.raises(PatternError, match=re.escape(words)):
        Pattern(pattern)


def test_letters_of_either_case_and_other_writings() -> None:
    assert Pattern("^müller$").search("MÜLLER")
    assert Pattern("[A-C]x").search("bX")
    assert Pattern("(?i)山.太郎").search("山田太郎")
    assert not Pattern("^ct").search("a CT")
    assert Pattern("{a}").search("x{a}")
