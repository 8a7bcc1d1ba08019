"""The servers without a window, as a process: what other people's tests rely on."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from peers import port as free
from peers import run as run_peer
from running import Running

from workstation.net import AE

pytestmark = pytest.mark.timeout(120)

VERIFICATION = "1.2.840.10008.1.1"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start the servers; no display, and no Qt to be found."""
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    instead = tmp_path / "instead"
    instead.mkdir()
    (instead / "PySide6.py").write_text("raise ImportError('Qt is not wanted here')\n")
    environment["PYTHONPATH"] = os.pathsep.join([str(instead), *filter(None, [os.environ.get("PYTHONPATH")])])
    started: list[Running] = []

    def start(*arguments: str) -> Running:
        started.append(Running(["--data-dir", str(tmp_path / "data"), "--headless", *arguments], environment))
        return started[-1]

    yield start
    for each in started:
        each.close()


def echo(port: int, called: str = "ANY") -> int | None:
    ae = AE("TESTER")
    ae.add_requested_context(VERIFICATION)
    association = ae.associate("127.0.0.1", port, ae_title=called)
    if not association.is_established:
        return None
    status = association.send_c_echo().get("Status")
    association.release()
    return status


def a_profile(folder: Path, name: str, port: int, more: str = "") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(f"name = '{name}'\nae_title = '{name.upper()}'\nport = {port}\n{more}")
    return path


REFUSE_ECHO = (
    "[[rule]]\nname = 'no echo'\n[rule.when]\nevents = ['C-ECHO']\n[rule.do]\nanswer = 'status'\nstatus = {}\n"
)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_built_in_server_runs_and_ends_cleanly(
    run: Callable[..., Running], free_port: int, number: signal.Signals
) -> None:
    running = run("--scp", f"127.0.0.1:{free_port}")
    assert running.wait_for("SCP", running.said) == f"SCP WORKSTATION listening on 127.0.0.1:{free_port}"
    assert echo(free_port) == 0x0000
    assert "C-ECHO" in running.wait_for("C-ECHO", running.said)
    assert running.end(number) < 10
    assert running.process.returncode == 0
    assert running.complained == []


def test_dcmtk_stores_and_finds(run: Callable[..., Running], free_port: int, samples: Path) -> None:
    running = run("--scp", f"127.0.0.1:{free_port}")
    running.wait_for("SCP", running.said)
    files = sorted((samples / "ct-chest").rglob("*.dcm"))[:3]
    stored = run_peer("storescu", "-R", "127.0.0.1", free_port, *files)
    assert stored.returncode == 0, stored.stderr
    found = run_peer(
        "findscu", "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID", "127.0.0.1", free_port
    )
    assert "Pending" in found.stdout + found.stderr
    running.end()
    assert running.process.returncode == 0


def test_several_profiles_with_rules(run: Callable[..., Running], free_port: int, tmp_path: Path) -> None:
    other = free()
    one = a_profile(tmp_path, "one", free_port)
    two = a_profile(tmp_path, "two", other, REFUSE_ECHO.format("0x0122"))
    running = run("--profile", str(one), "--profile", str(two))
    running.wait_for("SCP TWO", running.said)
    assert (echo(free_port), echo(other)) == (0x0000, 0x0122)
    assert "rule no echo answers" in running.wait_for("rule no echo", running.said)
    running.end()
    assert running.process.returncode == 0


def test_a_profile_that_changes_is_read_again_and_a_broken_one_explained(
    run: Callable[..., Running], free_port: int, tmp_path: Path
) -> None:
    path = a_profile(tmp_path, "one", free_port, REFUSE_ECHO.format("0x0122"))
    running = run("--profile", str(path))
    running.wait_for("SCP", running.said)
    assert echo(free_port) == 0x0122
    a_profile(tmp_path, "one", free_port, REFUSE_ECHO.format("0x0211") + "# another length\n")
    running.wait_for("was read again", running.said)
    assert echo(free_port) == 0x0211
    a_profile(tmp_path, "one", free_port, REFUSE_ECHO.format("'often'"))
    assert "often" in running.wait_for("often", running.complained)
    running.wait_for("goes on with what was in force", running.complained)
    assert echo(free_port) == 0x0211
    running.end()
    assert running.process.returncode == 0


def test_a_profile_that_goes_away_changes_nothing_until_it_is_back(
    run: Callable[..., Running], free_port: int, tmp_path: Path
) -> None:
    path = a_profile(tmp_path, "one", free_port, REFUSE_ECHO.format("0x0122"))
    running = run("--profile", str(path))
    running.wait_for("SCP", running.said)
    path.unlink()
    assert str(path) in running.wait_for("not there any more", running.complained)
    assert echo(free_port) == 0x0122
    os.mkfifo(path)
    running.wait_for("no regular file", running.complained)
    assert echo(free_port) == 0x0122
    path.unlink()
    a_profile(tmp_path, "one", free_port, REFUSE_ECHO.format("0x0211"))
    running.wait_for("was read again", running.said)
    assert echo(free_port) == 0x0211
    running.end()
    assert running.process.returncode == 0


def test_a_broken_profile_at_the_start_ends_with_a_sentence(run: Callable[..., Running], tmp_path: Path) -> None:
    path = a_profile(tmp_path, "one", 70000)
    running = run("--profile", str(path))
    assert running.process.wait(60) == 1
    assert "port is 70000" in running.wait_for("70000", running.complained)


def test_a_taken_port_ends_with_a_sentence(run: Callable[..., Running], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        running = run("--scp", f"127.0.0.1:{port}")
        assert running.process.wait(60) == 1
    assert f"cannot listen on 127.0.0.1:{port}" in running.wait_for("cannot listen", running.complained)


@pytest.mark.parametrize("arguments", [["--profile", __file__], ["--headless", "--demo"], ["--headless", "--no-scp"]])
def test_arguments_that_do_not_go_together(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    from workstation.cli import parse

    with pytest.raises(SystemExit, match="2"):
        parse(arguments)
    assert "headless" in capsys.readouterr().err


def test_without_profiles_all_servers_of_the_data_folder_run_that_start_with_the_program(run, tmp_path):
    folder = tmp_path / "data" / "servers"
    folder.mkdir(parents=True)
    ports = {name: free() for name in ("main", "second", "off")}
    a_profile(folder, "second", ports["second"])
    a_profile(folder, "off", ports["off"], "enabled = false\n")
    servers = run("--scp", f"127.0.0.1:{ports['main']}")
    servers.wait_for("SCP WORKSTATION listening", servers.said)
    servers.wait_for("SCP SECOND listening", servers.said)
    assert echo(ports["main"]) == echo(ports["second"]) == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", ports["off"])) != 0
