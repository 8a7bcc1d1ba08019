from pathlib import Path

import pytest

from workstation.paths import DataDir, default_data_dir, resource


def test_everything_written_lies_in_the_data_folder(tmp_path: Path) -> None:
    folder = DataDir.at(tmp_path / "new" / "folder")
    assert folder.root.is_dir()
    for path in (folder.settings, folder.peers, folder.archive, folder.received, folder.log, folder.window):
        assert path.parent == folder.root


def test_a_file_in_the_folders_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(OSError, match="taken"):
        DataDir.at(tmp_path / "taken")


def test_the_usual_folder_is_not_made_by_asking_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert "DICOM Workstation" in str(default_data_dir())
    assert not (tmp_path / "share").exists()


def test_resources_are_found() -> None:
    assert resource("samples").is_dir()


def test_a_missing_resource_says_what_to_do() -> None:
    with pytest.raises(FileNotFoundError, match=r"no/such\.svg.*install the program again"):
        resource("no/such.svg")
