from dataclasses import replace
from pathlib import Path

import pytest

from workstation.settings import ArchiveSettings, CallerSettings, Settings, SettingsFile, TrafficSettings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "settings.toml"


FULL = Settings(
    archive=ArchiveSettings(durable=False, database="sqlite:///elsewhere", minimum_free=0),
    caller=CallerSettings(ae_title="ME", connection_timeout=1, maximum_pdu_size=16384),
    traffic=TrafficSettings(max_rows=5000, max_bytes=2**20),
    appearance="dark",
)


def test_defaults_of_a_first_run(path: Path) -> None:
    file = SettingsFile(path)
    settings = file.load()
    assert settings == Settings()
    assert file.problems == ()
    assert not path.exists()
    assert settings.archive.durable
    assert settings.caller.maximum_pdu_size == 131072


def test_everything_comes_back(path: Path) -> None:
    SettingsFile(path).save(FULL)
    file = SettingsFile(path)
    assert file.load() == FULL
    assert file.problems == ()


def test_a_new_file_shows_what_can_be_set(path: Path) -> None:
    SettingsFile(path).save(Settings())
    text = path.read_text()
    for line in ("[archive]", "durable = true", "[caller]", "[traffic]", 'appearance = "system"'):
        assert line in text
    assert SettingsFile(path).load() == Settings()


def test_what_a_person_wrote_survives(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(
        "# mine\nappearance = 'dark' # at night\nplugin = 1\n\n[caller]\n# not the usual one\n"
        "dimse_timeout = 104\nfuture = 'x'\n"
        "[server]\nport = 11112\n"
    )
    file = SettingsFile(path)
    settings = file.load()
    assert (settings.appearance, settings.caller.dimse_timeout) == ("dark", 104)
    changed = replace(settings, caller=replace(settings.caller, ae_title="NEW"))
    file.save(changed)
    text = path.read_text()
    for kept in ("# mine", "# at night", "plugin = 1", "# not the usual one", "future = 'x'", "[server]"):
        assert kept in text
    assert "acse_timeout" not in text, "only what changed is written"
    assert file.load() == changed


def test_a_changed_value_keeps_the_comment_beside_it(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("[caller]\nacse_timeout = 4 # ask Anna first\n")
    file = SettingsFile(path)
    file.save(Settings(caller=CallerSettings(acse_timeout=5)))
    assert "acse_timeout = 5 # ask Anna first" in path.read_text()


def test_settings_can_go_back_to_nothing(path: Path) -> None:
    file = SettingsFile(path)
    file.save(FULL)
    file.save(Settings())
    assert file.load() == Settings()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[archive]\ndurable = 'yes'", "give true or false"),
        ("[archive]\ndatabase = 7", "give a text"),
        ("[archive]\nminimum_free = -1", "free space to keep"),
        ("[caller]\nae_title = 'A_TITLE_FAR_TOO_LONG'", "AE titles have at most 16 characters"),
        ("[caller]\nae_title = 7", "ae_title is 7"),
        ("[caller]\nmaximum_pdu_size = 12", "maximum PDU length"),
        ("[caller]\nacse_timeout = 0", "ACSE timeout is 0"),
        ("[caller]\ndimse_timeout = true", "DIMSE timeout is True"),
        ("[traffic]\nmax_rows = 1", "traffic rows"),
        ("appearance = 'pink'", "give one of system, light, dark"),
        ("caller = 3", "'caller' is not a section"),
    ],
)
def test_one_bad_value_costs_only_itself(path: Path, text: str, sentence: str) -> None:
    path.parent.mkdir()
    path.write_text(("appearance = 'dark'\n" if "appearance" not in text else "") + text)
    file = SettingsFile(path)
    settings = file.load()
    (problem,) = file.problems
    assert sentence in problem
    assert str(path) in problem
    assert settings == Settings(appearance=settings.appearance)
    assert settings.appearance == ("system" if "appearance" in text else "dark")


@pytest.mark.parametrize("content", [b"[server\nport=1", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_broken_file_is_kept_aside(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    file = SettingsFile(path)
    assert file.load() == Settings()
    (problem,) = file.problems
    assert "broken" in problem
    assert "settings.toml.broken" in problem
    assert path.with_name("settings.toml.broken").read_bytes() == content
    file.save(FULL)
    assert SettingsFile(path).load() == FULL


def test_saving_over_a_file_broken_meanwhile_keeps_it_aside(path: Path) -> None:
    file = SettingsFile(path)
    file.save(Settings())
    path.write_text("= oops")
    file.save(FULL)
    assert file.load() == FULL
    assert path.with_name("settings.toml.broken").read_text() == "= oops"


@pytest.mark.parametrize(
    "make",
    [
        lambda: ArchiveSettings(minimum_free=True),
        lambda: CallerSettings(ae_title=""),
        lambda: TrafficSettings(max_bytes=0),
    ],
)
def test_settings_that_cannot_be_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        make()  # type: ignore[operator]
