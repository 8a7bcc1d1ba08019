"""Profiles that an editor or git changes while the window runs: taken up, or told."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from dialog_kit import running_services
from rules_kit import answering

from workstation.scp.profiles import MAIN, Profile, ProfileFile
from workstation.scp.rules.rule import Action, Rule
from workstation.ui.profile_watch import ProfileWatch


@pytest.fixture
def services(qt_loop, qtbot, tmp_path, free_port):
    with running_services(qtbot, tmp_path, free_port) as made:
        done = asyncio.ensure_future(made.apply_profile(replace(made.profile, description="kept")))
        # It is written a moment after it is in force.
        qtbot.waitUntil(lambda: done.done() and not made._unsaved and not made._saving.locked(), timeout=10_000)
        watch = ProfileWatch(made)
        watch.begin()
        yield made
        watch.end()


@pytest.fixture
def told(services):
    told: list[str] = []
    services.notified.connect(told.append)
    return told


def main_file(services) -> ProfileFile:
    return ProfileFile(services.folder_of(MAIN) / "built-in.toml")


def test_a_file_written_in_place_is_in_force(services, told, qtbot):
    file = main_file(services)
    text = file.path.read_text()
    file.path.write_text(text.replace('"WORKSTATION"', '"EDITED"'))
    qtbot.waitUntil(lambda: services.profile.ae_title == "EDITED", timeout=10_000)
    # And once more: a file that was replaced is another one for who watches it.
    file.save(replace(services.profile, rules=(answering("EVT_C_ECHO", 0x0211),)))
    qtbot.waitUntil(lambda: len(services.profile.rules) == 1, timeout=10_000)
    file.path.write_text(file.path.read_text().replace('"EDITED"', '"AGAIN"'))
    qtbot.waitUntil(lambda: services.server.profile.ae_title == "AGAIN", timeout=10_000)
    assert told == []


def test_what_is_broken_is_explained_and_what_was_in_force_stays(services, told, qtbot):
    file = main_file(services)
    broken = file.path.read_text() + "\n[[rule]]\nname = 7\n"
    file.path.write_text(broken.replace('"WORKSTATION"', '"EDITED"'))
    qtbot.waitUntil(lambda: bool(told), timeout=10_000)
    assert "goes on as it was" in told[0]
    assert services.profile.ae_title == "WORKSTATION"
    assert "name = 7" in file.path.read_text(), "its owner is about to mend it"


def test_what_was_said_of_a_broken_file_is_taken_back_when_it_is_mended(services, told, qtbot):
    withdrawn: list[str] = []
    services.withdrawn.connect(withdrawn.append)
    file = main_file(services)
    text = file.path.read_text()
    file.path.write_text(text + "\n[[rule]]\nname = 7\n")
    qtbot.waitUntil(lambda: bool(told), timeout=10_000)
    assert not withdrawn
    file.path.write_text(text)
    qtbot.waitUntil(lambda: bool(withdrawn), timeout=10_000)
    assert withdrawn == told[:1]


def test_what_the_command_line_set_stands_when_something_else_is_edited(services, qtbot):
    services._profiles[MAIN] = replace(services.profile, ae_title="THIS_RUN")
    file = main_file(services)
    file.path.write_text(file.path.read_text().replace("maximum_associations = 32", "maximum_associations = 5"))
    qtbot.waitUntil(lambda: services.profile.maximum_associations == 5, timeout=10_000)
    assert services.profile.ae_title == "THIS_RUN"
    assert '"WORKSTATION"' in file.path.read_text()


def test_a_new_file_is_a_server_and_its_scripts_are_named(services, told, qtbot):
    script = Rule(name="mine", action=Action(answer="script", script="mine.py"))
    folder = services.folder_of(MAIN)
    ProfileFile(folder / "second.toml").save(Profile(name="Second", enabled=False, rules=(script,)))
    qtbot.waitUntil(lambda: services.servers.get("Second") is not None, timeout=10_000)
    qtbot.waitUntil(lambda: bool(told), timeout=10_000)
    assert "mine.py" in told[0]
    # It is the file of that server from now on.
    done = asyncio.ensure_future(services.apply_profile(replace(services.profiles[1], ae_title="SECOND")))
    qtbot.waitUntil(done.done, timeout=10_000)
    qtbot.waitUntil(lambda: ProfileFile(folder / "second.toml").load().ae_title == "SECOND", timeout=10_000)
    assert sorted(path.name for path in folder.glob("*.toml")) == ["built-in.toml", "second.toml"]


def test_a_file_that_is_gone_is_told_and_the_server_goes_on(services, told, qtbot):
    main_file(services).path.unlink()
    qtbot.waitUntil(lambda: bool(told), timeout=10_000)
    assert "is gone" in told[0]
    assert services.server.running
    assert services.profile.description == "kept"


def test_what_the_window_writes_itself_is_no_news(services, told, qtbot):
    seen = []
    services.server_changed.connect(lambda: seen.append(services.profile))
    done = asyncio.ensure_future(services.apply_profile(replace(services.profile, ae_title="MINE")))
    qtbot.waitUntil(done.done, timeout=10_000)
    qtbot.waitUntil(lambda: main_file(services).load().ae_title == "MINE", timeout=10_000)
    again = asyncio.ensure_future(services.take_up_files())
    qtbot.waitUntil(again.done, timeout=10_000)
    assert told == []
    assert len(seen) == 1
