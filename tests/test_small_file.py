"""Files that a person named, read as a whole: only regular ones, and no more than is allowed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workstation.peers import AddressBook
from workstation.scp.answers.worklist_files import read_worklist_files
from workstation.scp.profiles import ProfileFile, read_profile
from workstation.scp.rules.rule_file import load_rule_file
from workstation.scp.scripts import ScriptError, Scripts
from workstation.settings import SettingsFile
from workstation.small_file import read_small_file
from workstation.toml_file import LARGEST, parse_file

pytestmark = pytest.mark.timeout(20)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """Nobody ever writes to it."""
    path = tmp_path / "pipe.toml"
    os.mkfifo(path)
    return path


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_file_is_read_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_small_file(path, 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_small_file(path, 4)
    with pytest.raises(FileNotFoundError):
        read_small_file(tmp_path / "none", 4)
    with pytest.raises(ValueError, match="null"):
        read_small_file(tmp_path / "a\0b", 4)


def test_neither_pipes_nor_devices_nor_folders_are_read(pipe: Path, tmp_path: Path) -> None:
    before = open_files()
    for path in (pipe, Path("/dev/zero"), Path("/dev/null"), tmp_path):
        with pytest.raises(OSError, match="no regular file"):
            read_small_file(path, 100)
    assert open_files() == before


def test_nothing_that_a_person_names_blocks_its_reader(pipe: Path) -> None:
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(ValueError, match="no regular file"):
            parse_file(path)
        with pytest.raises(ValueError, match="no regular file"):
            read_profile(path)
        file = ProfileFile(path)
        assert not file.load().enabled
        assert "no regular file" in file.problems[0]
        with pytest.raises(ScriptError, match="no regular file"):
            Scripts().load(path)
        rules, problems = load_rule_file(path)
        assert not rules
        assert "no regular file" in problems[0]
        assert "no regular file" in read_worklist_files([path])[1][0]
        settings = SettingsFile(path)
        settings.load()
        assert "no regular file" in settings.problems[0]
        assert "no regular file" in AddressBook(path).load()[0]


def test_a_monstrous_profile_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "huge.toml"
    path.write_bytes(b"[[rule]]\nname = 'rule'\n" * (10_000_000 // 24))
    with pytest.raises(ValueError, match=f"more than {LARGEST:,} bytes"):
        read_profile(path)


def test_line_ends_and_byte_order_mark_of_windows(tmp_path: Path) -> None:
    path = tmp_path / "windows.toml"
    path.write_bytes(b"\xef\xbb\xbfone = 1\r\ntwo = 2\r\n")
    assert parse_file(path).as_string() == "one = 1\ntwo = 2\n"
