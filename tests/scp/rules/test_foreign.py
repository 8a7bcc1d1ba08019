"""Rules out of somebody else's file: no script of theirs runs unseen, and what lies beside their file is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from workstation.scp.profiles import Profile, Tls, take_over_profile
from workstation.scp.rules.foreign import files_of, script_words, scripts_of, take_over, whole
from workstation.scp.rules.rule import Action, Rule

SCRIPT = Rule(name="script", action=Action(answer="script", script="answers/a.py"))
STATUS = Rule(name="status", action=Action(answer="status", status=0, data_sets=("one.json", "/all/two.dcm")))
LEFT_OVER = Rule(name="left over", action=Action(answer="built-in", script="answers/a.py"))
THEIRS = Path("/home/them")
OURS = Path("/home/us/servers")


def test_rules_that_run_a_script_come_in_switched_off_and_only_those():
    taken = take_over((SCRIPT, STATUS, LEFT_OVER), THEIRS, OURS)
    assert [rule.enabled for rule in taken] == [False, True, True]
    assert scripts_of(taken) == ("/home/them/answers/a.py",)


def test_what_lies_beside_their_file_is_found_there():
    taken = take_over((STATUS,), THEIRS, OURS)
    assert taken[0].action.data_sets == ("/home/them/one.json", "/all/two.dcm")


def test_in_the_same_folder_names_stay_but_scripts_are_off_all_the_same():
    assert take_over((SCRIPT,), OURS, OURS) == (replace(SCRIPT, enabled=False),)


@pytest.mark.parametrize(("name", "expected"), [("", ""), ("~/a.pem", "~/a.pem"), ("a.pem", "/home/them/a.pem")])
def test_a_name(name, expected):
    assert whole(name, THEIRS, OURS) == expected


def test_a_whole_profile():
    profile = Profile(tls=Tls(certificate="server.pem"), rules=(SCRIPT,))
    taken = take_over_profile(profile, THEIRS, OURS)
    assert taken.tls == Tls(certificate="/home/them/server.pem")
    assert not taken.rules[0].enabled


def test_what_has_to_be_given_along():
    assert files_of((SCRIPT, STATUS, LEFT_OVER)) == ("answers/a.py", "one.json", "/all/two.dcm")


def test_a_name_from_elsewhere_is_shown_as_it_is():
    assert "\x1b" not in script_words(["evil\x1b[2J.py"])
