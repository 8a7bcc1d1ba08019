"""Filters and colours that a person keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from traffic_wire import Wire, store_rq

from workstation.net.codec.dimse import C_STORE_RSP
from workstation.net.codec.pdu import A_ABORT_RQ
from workstation.saved_filters import (
    COLOURS,
    DEFAULT_RULES,
    ColourRule,
    ColourRules,
    SavedFilter,
    SavedFilters,
)
from workstation.traffic.conversation import Conversation
from workstation.traffic.filters.filter import Filter
from workstation.traffic.log import TrafficLog


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "filters.toml"


def loaded(path: Path) -> SavedFilters:
    saved = SavedFilters(path)
    saved.load()
    return saved


def test_what_is_kept_is_there_after_a_restart(path: Path) -> None:
    saved = loaded(path)
    assert saved.filters == saved.recent == saved.problems == ()
    saved.save_as("Slow answers", " response_time > 1 s ")
    saved.save_as("aborts", "pdu.type == A-ABORT")
    saved.used('calling == "CT1"')
    saved.used("status != 0")
    saved.used('calling == "CT1"')
    rules = [ColourRule("Mine", "status == 0", "success"), ColourRule("Off", "problem", "failure", enabled=False)]
    saved.set_colours(rules)
    again = loaded(path)
    assert again.filters == (
        SavedFilter("aborts", "pdu.type == A-ABORT"),
        SavedFilter("Slow answers", "response_time > 1 s"),
    )
    assert again.recent == ('calling == "CT1"', "status != 0")
    assert list(again.colours.rules) == rules
    assert again.problems == ()


def test_saving_again_replaces_and_removing_forgets(path: Path) -> None:
    saved = loaded(path)
    saved.save_as("One", "status")
    saved.save_as(" One ", "problem")
    assert loaded(path).filters == (SavedFilter("One", "problem"),)
    saved.remove("One")
    saved.used("status")
    saved.forget_recent()
    again = loaded(path)
    assert again.filters == again.recent == ()


def test_the_last_ones_used_are_bounded() -> None:
    saved = SavedFilters(None)
    for number in range(50):
        saved.used(f"number == {number}")
    saved.used("   ")
    assert len(saved.recent) == 20
    assert saved.recent[0] == "number == 49"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("", "status", "needs a name"),
        ("  ", "status", "needs a name"),
        ("x" * 81, "status", "at most 80"),
        ("a\nb", "status", "cannot be shown"),
        ("One", "statsu", "Do you mean status"),
        ("One", "", "empty"),
    ],
)
def test_what_cannot_be_saved_is_refused_and_changes_nothing(path: Path, name: str, text: str, words: str) -> None:
    saved = loaded(path)
    with pytest.raises(ValueError, match=words):
        saved.save_as(name, text)
    assert saved.filters == ()
    assert not path.exists()


def test_a_person_edits_the_file_and_slips(path: Path) -> None:
    path.write_text(
        """# my filters
recent = ["status", 3]

[[filter]]
name = "Good"
filter = "status != 0"

[[filter]]
name = "Bad"
filter = "statsu != 0"   # a slip

[[filter]]
filter = "status"

[[colour]]
name = "Half"
filter = "status ==="
colour = "warning"

[[colour]]
name = "Unknown"
filter = "status"
colour = "pink"
""",
        encoding="utf-8",
    )
    saved = loaded(path)
    assert [each.name for each in saved.filters] == ["Good"]
    assert saved.recent == ("status",)
    assert [rule.name for rule in saved.colours.rules] == ["Half"]
    assert len(saved.problems) == 4
    assert "Do you mean status" in " ".join(saved.problems)
    saved.save_as("New", "problem")
    text = path.read_text(encoding="utf-8")
    assert "# my filters" in text
    assert "statsu != 0" in text, "what could not be read was thrown away"
    assert [each.name for each in loaded(path).filters] == ["Good", "New"]


@pytest.mark.parametrize("text", ["filter = 3", "[filter]\nname = 'x'", "filter = ['x']", "colour = 'red'", "x = ["])
def test_a_file_of_another_shape_is_explained(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    saved = loaded(path)
    assert saved.filters == ()
    assert saved.problems
    saved.save_as("New", "problem")
    assert loaded(path).filters == (SavedFilter("New", "problem"),)


def test_no_colour_rule_at_all_is_a_choice_that_is_kept(path: Path) -> None:
    saved = loaded(path)
    saved.set_colours([])
    assert loaded(path).colours.rules == ()
    saved.set_colours(DEFAULT_RULES)
    assert loaded(path).colours.rules == DEFAULT_RULES
    assert "[[colour]]" not in path.read_text(encoding="utf-8")


def test_a_file_that_cannot_be_written_leaves_the_filter_for_this_run(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file where the folder should be")
    saved = SavedFilters(tmp_path / "occupied" / "filters.toml")
    with pytest.raises(OSError, match=r".*"):
        saved.save_as("One", "status")
    assert saved.filters == (SavedFilter("One", "status"),)


# --- colours ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def conversation() -> Conversation:
    """RQ, AC, three stores with their responses: success, warning, failure; an abort."""
    wire = Wire()
    records = wire.established()
    for status in (0, 0xB000, 0xA700):
        records += wire.message(store_rq(7), b"\x10\x00\x20\x00\x04\x00\x00\x004711", sent=True)
        answer = C_STORE_RSP(
            context_id=3,
            MessageIDBeingRespondedTo=7,
            AffectedSOPClassUID="1.2",
            AffectedSOPInstanceUID="1.2.3.4.5",
            Status=status,
        )
        records += wire.message(answer, sent=False)
    records.append(wire.pdu(A_ABORT_RQ(source=0), sent=True))
    log = TrafficLog()
    log.add(records)
    return log.conversations[0]


def test_the_rules_that_come_with_the_program(conversation: Conversation) -> None:
    rules = ColourRules()
    assert [rules.colour_of(conversation, row) for row in conversation.rows] == [
        "",
        "",
        "",
        "",
        "",
        "warning",
        "",
        "failure",
        "failure",
    ]
    assert rules.sign_of(conversation, conversation.rows[-1]) == "✕"
    assert rules.colour_of(conversation, conversation.rows[-1].pdus[0]) == "failure"
    assert all(not rule.problem and rule.colour in COLOURS for rule in DEFAULT_RULES)
    assert all(Filter.of(rule.text).cost < 2 for rule in DEFAULT_RULES)


def test_the_first_rule_counts_and_those_that_are_off_or_broken_do_not(conversation: Conversation) -> None:
    rules = ColourRules(
        [
            ColourRule("Off", "status", "failure", enabled=False),
            ColourRule("Broken", "status ===", "failure"),
            ColourRule("All", "status == 0", "success"),
            ColourRule("Rest", "status", "sent"),
        ]
    )
    answers = [row for row in conversation.rows if row.status is not None]
    assert [rules.colour_of(conversation, row) for row in answers] == ["success", "sent", "sent"]
    assert rules.rules[1].problem
    rules.replace([])
    assert rules.colour_of(conversation, answers[0]) == ""


def test_what_is_dear_is_asked_once_of_a_complete_row(conversation: Conversation) -> None:
    rules = ColourRules([ColourRule("Patient", '"4711"', "accent")])
    store = conversation.rows[2]
    assert rules.colour_of(conversation, store) == "accent"
    store.pdus.clear()
    assert rules.colour_of(conversation, store) == "accent", "its bytes were searched again"
    other = conversation.rows[4]
    other.complete = False
    assert rules.colour_of(conversation, other) == "accent"
    other.pdus.clear()
    assert rules.colour_of(conversation, other) == "", "a row that may still grow was remembered"


def test_an_association_has_a_colour_too(conversation: Conversation) -> None:
    rules = ColourRules([ColourRule("Ours", "port == 104", "received")])
    assert rules.colour_of(conversation, None) == "received"


def test_a_rule_of_no_colour_is_refused() -> None:
    with pytest.raises(ValueError, match="pink"):
        ColourRule("x", "status", "pink")
    with pytest.raises(ValueError, match="name"):
        ColourRule("", "status", "failure")
