from dataclasses import replace
from pathlib import Path

import pytest

from workstation.settings import (
    Admission,
    Behaviour,
    CallerSettings,
    ServerSettings,
    Settings,
    SettingsFile,
    TrafficSettings,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "settings.toml"


FULL = Settings(
    server=ServerSettings(
        enabled=False,
        ae_title="TESTER",
        host="0.0.0.0",
        port=4242,
        acse_timeout=5,
        dimse_timeout=6.5,
        network_timeout=7,
        maximum_pdu_size=0,
        maximum_associations=2,
        durable=False,
        admission=Admission(require_called=True, require_calling=("A", "B C"), reject=(2, 3, 1)),
        behaviours={
            "EVT_C_STORE": Behaviour(kind="status", status=0xA700, delay=1.5),
            "EVT_C_ECHO": Behaviour(kind="refuse"),
        },
    ),
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
    assert (settings.server.ae_title, settings.server.host, settings.server.port) == (
        "WORKSTATION",
        "127.0.0.1",
        11112,
    )
    assert settings.caller.maximum_pdu_size == 131072


def test_everything_comes_back(path: Path) -> None:
    SettingsFile(path).save(FULL)
    file = SettingsFile(path)
    assert file.load() == FULL
    assert file.problems == ()
    assert "0xA700" in path.read_text()


def test_a_new_file_shows_what_can_be_set(path: Path) -> None:
    SettingsFile(path).save(Settings())
    text = path.read_text()
    for line in ("[server]", "port = 11112", "[server.admission]", "[traffic]", 'appearance = "system"'):
        assert line in text
    assert SettingsFile(path).load() == Settings()


def test_what_a_person_wrote_survives(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(
        "# mine\nappearance = 'dark' # at night\nplugin = 1\n\n[server]\n# not the usual one\n"
        "port = 104\nfuture = 'x'\n"
        "[server.behaviours.EVT_C_MOVE]\nkind = 'stauts'\n"
    )
    file = SettingsFile(path)
    settings = file.load()
    assert (settings.appearance, settings.server.port) == ("dark", 104)
    changed = replace(settings, server=replace(settings.server, ae_title="NEW"))
    file.save(changed)
    text = path.read_text()
    for kept in ("# mine", "# at night", "plugin = 1", "# not the usual one", "future = 'x'", "'stauts'"):
        assert kept in text
    assert "dimse_timeout" not in text, "only what changed is written"
    assert file.load() == changed


def test_a_changed_value_keeps_the_comment_beside_it(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("[server]\nport = 104 # ask Anna first\n")
    file = SettingsFile(path)
    file.save(Settings(server=ServerSettings(port=105)))
    assert "port = 105 # ask Anna first" in path.read_text()


def test_settings_can_go_back_to_nothing(path: Path) -> None:
    file = SettingsFile(path)
    file.save(FULL)
    file.save(Settings())
    assert file.load() == Settings()
    assert "reject" not in path.read_text()
    assert "EVT_C_STORE" not in path.read_text()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[server]\nport = 99999", "server's port is 99999"),
        ("[server]\nport = 'x'", "server's port is not a number"),
        ("[server]\nae_title = 'A_TITLE_FAR_TOO_LONG'", "AE titles have at most 16 characters"),
        ("[server]\nae_title = 7", "ae_title is 7"),
        ("[server]\nhost = ''", "address is empty"),
        ("[server]\nacse_timeout = 0", "ACSE timeout is 0"),
        ("[server]\nmaximum_pdu_size = 12", "maximum PDU length"),
        ("[server]\nmaximum_associations = 0", "number of associations"),
        ("[server]\ndurable = 'yes'", "give true or false"),
        ("[server.admission]\nreject = [3, 1, 1]", "rejection's result"),
        ("[server.admission]\nreject = [1]", "not three numbers"),
        ("[server.admission]\nrequire_calling = 'A'", "not a list"),
        ("[server.behaviours]\nEVT_C_FIND = 1", "'EVT_C_FIND' is not a section"),
        ("[server.behaviours.EVT_C_FIND]\nstatus = 70000", "The status is 70000"),
        ("[server.behaviours.EVT_C_FIND]\nkind = 'odd'", "give one of built-in, status, refuse"),
        ("[caller]\ndimse_timeout = true", "DIMSE timeout is True"),
        ("[traffic]\nmax_rows = 1", "traffic rows"),
        ("appearance = 'pink'", "give one of system, light, dark"),
        ("server = 3", "'server' is not a section"),
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


def test_behaviour_of_an_event_without_an_entry() -> None:
    assert FULL.server.behaviour("EVT_C_STORE").status == 0xA700
    assert FULL.server.behaviour("EVT_C_FIND") == Behaviour()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Behaviour(delay=-1),
        lambda: Behaviour(kind="other"),  # type: ignore[arg-type]
        lambda: CallerSettings(ae_title=""),
        lambda: TrafficSettings(max_bytes=0),
    ],
)
def test_settings_that_cannot_be_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        make()  # type: ignore[operator]
