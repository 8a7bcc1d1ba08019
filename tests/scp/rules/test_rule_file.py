"""Rules as TOML: what is written is read, what is changed keeps the person's own words, what is broken is explained."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_strategies import RULE_LISTS

from workstation.scp.rules.rule import Action, Fault, Match, Rule
from workstation.scp.rules.rule_file import (
    _DO,
    _RULE_KEYS,
    _WHEN,
    LARGEST,
    load_rule_file,
    missing_files,
    read_rules,
    remarks,
    save_rule_file,
    write_rules,
)

READABLE = """\
# What the shop floor asked for.

[[rule]]
name = "Refuse every tenth CT"   # their words
mood = "grim"

[rule.when]
events = ["C-STORE", "evt_c_echo"]
calling = "CT*"
every = 10
[rule.when.keys]
PatientName = "DOE*"
"0010,0020" = ""

[rule.do]
answer = "status"
status = 0xA700
comment = "Full"
offending = ["0010,0010"]

# Slow, because the real one is.
[[rule]]
name = "Slow"
enabled = false
when = { events = ["EVT_C_FIND"] }
do.before = 0.5
do.fault.kind = "abort"
do.fault.point = "between"
do.fault.count = 3
"""

RULES = (
    Rule(
        name="Refuse every tenth CT",
        match=Match(
            events=("EVT_C_STORE", "EVT_C_ECHO"), calling="CT*", every=10, keys={"PatientName": "DOE*", "0010,0020": ""}
        ),
        action=Action(answer="status", status=0xA700, comment="Full", offending=(0x00100010,)),
    ),
    Rule(
        name="Slow",
        enabled=False,
        match=Match(events=("EVT_C_FIND",)),
        action=Action(before=0.5, fault=Fault(kind="abort", values={"point": "between", "count": 3})),
    ),
)


def written(text: str, rules: tuple[Rule, ...]) -> str:
    return write_rules(tomlkit.parse(text), rules).as_string()


def test_a_person_can_write_it_in_several_ways() -> None:
    assert read_rules(tomlkit.parse(READABLE)["rule"]) == (RULES, [])


@given(RULE_LISTS)
@settings(max_examples=30, deadline=None)
def test_what_is_written_is_read(rules: tuple[Rule, ...]) -> None:
    assert read_rules(tomlkit.parse(written("", rules)).get("rule", [])) == (rules, [])


@given(RULE_LISTS, RULE_LISTS, st.randoms())
@settings(max_examples=15, deadline=None)
def test_whatever_stood_there(before: tuple[Rule, ...], after: tuple[Rule, ...], random: object) -> None:
    mixed = list(dict.fromkeys(rule.name for rule in (*before, *after)))
    by_name = {rule.name: rule for rule in (*before, *after)}
    random.shuffle(mixed)  # type: ignore[attr-defined]
    rules = tuple(by_name[name] for name in mixed)
    text = written(written("", before), rules)
    assert read_rules(tomlkit.parse(text).get("rule", [])) == (rules, [])


@given(st.text(alphabet=string.printable, max_size=200) | st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_text_gives_rules_or_sentences(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8", newline="")
    rules, problems = load_rule_file(path)
    assert isinstance(rules, tuple)
    assert not (rules and problems)
    assert all(isinstance(sentence, str) and sentence for sentence in problems)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from([*_RULE_KEYS, *_WHEN, *_DO, "kind", "point", "count", "rate", "refuse", "verified", "answers"])
TABLES = st.dictionaries(FIELDS, VALUES | st.dictionaries(FIELDS, VALUES, max_size=4), max_size=6)


@given(st.lists(TABLES | VALUES, max_size=3) | VALUES)
@settings(max_examples=100, deadline=None)
def test_any_values_give_rules_or_sentences(tables: object) -> None:
    rules, problems = read_rules(tables)
    assert not (rules and problems)
    assert all(problems)


def test_untouched_rules_stay_as_they_are_written() -> None:
    assert written(READABLE, RULES) == READABLE


def test_a_change_touches_its_line_only() -> None:
    changed = Rule(
        name=RULES[0].name,
        match=RULES[0].match,
        action=Action(answer="status", status=0xC000, comment="Full", offending=(0x00100010,)),
    )
    assert written(READABLE, (changed, RULES[1])) == READABLE.replace("0xA700", "0xC000")


def test_comments_and_unknown_keys_go_where_their_rule_goes() -> None:
    text = written(READABLE, (RULES[1], RULES[0]))
    assert text.index("# Slow, because") < text.index('"Slow"') < text.index('"Refuse every tenth CT"   # their words')
    assert 'mood = "grim"' in text
    assert text.startswith("# What the shop floor asked for.")
    assert read_rules(tomlkit.parse(text)["rule"])[0] == (RULES[1], RULES[0])


def test_a_rule_that_gets_another_name_keeps_its_comments() -> None:
    text = written(READABLE, (RULES[0].renamed("Other"), RULES[1]))
    assert 'name = "Other"   # their words' in text
    assert 'mood = "grim"' in text


def test_a_rule_that_goes_takes_its_comment_along() -> None:
    text = written(READABLE, RULES[:1])
    assert "Slow" not in text
    assert read_rules(tomlkit.parse(text)["rule"])[0] == RULES[:1]


def test_what_is_around_the_rules_stays() -> None:
    profile = (
        'name = "A server"\nport = 104  # root\n\n[[rule]]\nname = "a"\n\n# The key.\n[tls]\ncertificate = "c.pem"\n'
    )
    text = written(profile, (*read_rules(tomlkit.parse(profile)["rule"])[0], *RULES))
    document = tomlkit.parse(text)
    assert document["tls"] == {"certificate": "c.pem"}
    assert document["port"] == 104
    assert "# root" in text
    assert "# The key.\n[tls]" in text
    assert [rule.name for rule in read_rules(document["rule"])[0]] == ["a", RULES[0].name, RULES[1].name]


def test_a_text_that_looks_like_a_rule_is_none() -> None:
    text = '[[rule]]\nname = "a"\ncomment = """\n[[rule]]\nname = 5\n"""\n'
    rules, problems = read_rules(tomlkit.parse(text)["rule"], text)
    assert problems == []
    assert rules[0].comment == "[[rule]]\nname = 5\n"
    assert read_rules(tomlkit.parse(written(text, (RULES[0], rules[0])))["rule"])[0] == (RULES[0], rules[0])


def test_rules_written_as_a_list_are_written_anew() -> None:
    text = 'rule = [{ name = "a" }]\nport = 5\n'
    document = tomlkit.parse(written(text, RULES))
    assert document["port"] == 5
    assert read_rules(document["rule"])[0] == RULES


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ('name = " "', "Rule 1, line 2: A rule needs a name."),
        ('name = "a"\ncomment = 5', "Rule 1, “a”, line 3: 'comment' is 5: give a text."),
        ('name = "a"\nenabled = 1', "line 3: 'enabled' is 1: give true or false."),
        ('name = "a"\n[rule.when]\nevents = ["C-SORT"]', "line 4: 'events' is ['C-SORT']: there is no event “C-SORT”"),
        ('name = "a"\n[rule.when]\naddress = "here"', "'here' is no address or network"),
        ('name = "a"\n[rule.when]\nevery = 0', "Every nth is 0: give a whole number from 1 to 1000000."),
        ('name = "a"\n[rule.when.keys]\nPatientNam = "x"', "'PatientNam' is no keyword of an element"),
        (
            'name = "a"\n[rule.do]\nanswer = "perhaps"',
            "The answer is 'perhaps': give one of built-in, status, ask, script.",
        ),
        ('name = "a"\n[rule.do]\nstatus = 70000', "The status is 70000: give a whole number from 0 to 65535."),
        ('name = "a"\n[rule.do]\noffending = ["what"]', "'what' is no keyword of an element"),
        ('name = "a"\n[rule.do]\nanswer = "script"', "A script is asked for, but no file is named."),
        (
            'name = "a"\n[rule.do.fault]\nkind = "flood"',
            "line 4: There is no fault 'flood': give one of reject, contexts",
        ),
        ('name = "a"\n[rule.do.fault]\nkind = "abort"\nreason = 300', "'Reason' is 300: give a whole number"),
        ('name = "a"\n[rule.do.fault]\nkind = "abort"\nsource = []', "the fault 'abort' has a value that cannot be"),
        ('name = "a"\n[rule.do]\nbefore = nan', "The delay 'before' is nan: give seconds, 0 to 86400."),
        ('name = "a"\n[rule.do.negotiation]\nresponse = "xyz"', "give the server response in hexadecimal"),
        ('name = "a"\nwhen = 5', "'when' is no table: write [rule.when]."),
        ('name = "a"\n[[rule]]\nname = "a"', "Rule 2, “a”, line 4: Rule 1 has the same name."),
    ],
)
def test_each_mistake_is_explained(tmp_path: Path, table: str, sentence: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(f"[[rule]]\n{table}\n", encoding="utf-8")
    rules, problems = load_rule_file(path)
    assert rules == ()
    assert len(problems) == 1
    assert sentence.casefold() in problems[0].casefold()


def test_every_mistake_of_every_rule_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        '[[rule]]\nname = "good"\n[[rule]]\nname = "bad"\ncomment = 1\n[rule.when]\nuser = 2\n[[rule]]\nenabled = 3\n',
        encoding="utf-8",
    )
    rules, problems = load_rule_file(path)
    assert rules == ()
    assert [problem.split(":")[0] for problem in problems] == [
        "Rule 2, “bad”, line 5",
        "Rule 2, “bad”, line 7",
        "Rule 3, line 8",
        "Rule 3, line 9",
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xff\xfe", "byte 0 is not UTF-8 text"),
        (b"rule = [", "is no TOML"),
        (b"rule = 5", "begin each with a line [[rule]]"),
        (b"day = 2020-02-31\n[[rule]]\n", "is no TOML"),
        (b"x" * (LARGEST + 1), "these are no rules"),
        (b"a = " + b"[" * 50_000, "is no TOML"),
    ],
)
def test_what_is_no_rule_file_is_explained_and_stays(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_bytes(content)
    rules, problems = load_rule_file(path)
    assert rules == ()
    assert len(problems) == 1
    assert sentence in problems[0]
    assert path.read_bytes() == content


def test_a_file_that_is_not_there_is_explained(tmp_path: Path) -> None:
    assert "cannot be read" in load_rule_file(tmp_path / "none.toml")[1][0]


def test_a_file_of_rules_is_saved_and_loaded(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "rules.toml"
    save_rule_file(path, RULES)
    assert load_rule_file(path) == (RULES, [])
    assert path.read_text(encoding="utf-8").startswith("# Rules of DICOM Workstation")
    path.write_text(path.read_text(encoding="utf-8") + "\n# mine\n", encoding="utf-8")
    save_rule_file(path, RULES[:1])
    assert load_rule_file(path) == (RULES[:1], [])


def test_what_does_not_keep_rules_from_being_used_is_remarked(tmp_path: Path) -> None:
    (tmp_path / "there.dcm").touch()
    tables = tomlkit.parse(READABLE)["rule"]
    assert remarks(tables, tmp_path) == [
        "Rule “Refuse every tenth CT”: “mood” is no key that is known; it is kept and does nothing."
    ]
    rule = Rule(name="a", action=Action(answer="status", data_sets=("there.dcm", "gone.dcm", "\0", "~nobody/x")))
    assert len(missing_files(rule, tmp_path)) == 3
    assert f"There is no file {tmp_path / 'gone.dcm'}." in missing_files(rule, tmp_path)
