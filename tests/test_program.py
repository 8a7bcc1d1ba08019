"""The installed program as a process in a real X window: its one line, real clients, its end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running import INSTALLED, Running

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs an X server of its own"),
    pytest.mark.timeout(120),
]


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """An X server that only this module uses; it chooses a free number itself."""
    xvfb = shutil.which("Xvfb")
    if xvfb is None:
        if os.environ.get("CI"):
            pytest.fail("Xvfb is not installed, and CI has to have it")
        pytest.skip("Xvfb is not installed")
    reading, writing = os.pipe()
    server = subprocess.Popen(
        [xvfb, "-displayfd", str(writing), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as pipe:
        number = pipe.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait(10)


@pytest.fixture
def run(display: str, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start the installed program with its data in a folder of the test."""
    assert INSTALLED.exists(), f"{INSTALLED} is missing: install the project first"
    unwanted = ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    environment["DISPLAY"] = display
    started: list[Running] = []

    def start(*arguments: str) -> Running:
        started.append(Running(["--data-dir", str(tmp_path / "data"), *arguments], environment))
        return started[-1]

    yield start
    for each in started:
        each.close()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def clean(running: Running) -> None:
    """Nothing on standard error: no traceback, no word of Qt's."""
    running.close()
    assert running.complained == []


def test_serves_dcmtk_ends_when_told_to_and_has_in_the_next_run_what_was_stored(
    run, program, free_port, samples, tmp_path
):
    echoscu, storescu, findscu = program("echoscu"), program("storescu"), program("findscu")
    at = ["127.0.0.1", str(free_port)]
    for number in (signal.SIGTERM, signal.SIGINT):
        running = run("--scp", f"127.0.0.1:{free_port}", "--scp-aet", "TESTED")
        line = running.wait_for("listening", running.said)
        assert line == f"SCP TESTED listening on 127.0.0.1:{free_port}"
        echo = [echoscu, "-aec", "TESTED", *at]
        assert subprocess.run(echo, check=False, timeout=30, capture_output=True).returncode == 0
        if number == signal.SIGTERM:
            store = [storescu, "-aec", "TESTED", "+sd", "+r", *at, str(samples / "ct-chest")]
            assert subprocess.run(store, check=False, timeout=60, capture_output=True).returncode == 0
        keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID=DW-1001", "-k", "StudyDescription"]
        found = subprocess.run(
            [findscu, "-S", "-aec", "TESTED", *keys, *at],
            check=False,
            timeout=30,
            capture_output=True,
            text=True,
        )
        assert found.returncode == 0
        assert "DW-1001" in found.stdout + found.stderr
        with socket.create_connection(("127.0.0.1", free_port)) as idle:
            # The beginning of an A-ASSOCIATE-RQ that never goes on must not delay the end.
            idle.sendall(b"\x01\x00\x00\x00")
            assert running.end(number) < 12  # the time that a request may take is not waited out
        assert running.process.returncode == 0
        assert not listens(free_port)
        clean(running)
    assert {path.name for path in (tmp_path / "data").iterdir()} >= {"archive", "window.ini"}


def test_a_port_in_use_is_said_and_the_window_works_all_the_same(run, free_port):
    with socket.create_server(("127.0.0.1", free_port)):
        running = run("--scp", f"127.0.0.1:{free_port}")
        complaint = running.wait_for("cannot listen", running.complained)
        assert f"127.0.0.1:{free_port}" in complaint
        assert "another program uses this port" in complaint
        assert running.process.poll() is None
        assert running.end() < 15
        assert running.process.returncode == 0
        assert running.said == []


def test_no_server(run, free_port, tmp_path):
    running = run("--no-scp", "--screenshot", str(tmp_path / "shot.png"))
    assert running.process.wait(60) == 0
    assert (tmp_path / "shot.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "data" / "archive").exists()
    clean(running)
    assert running.said == []


def test_a_person_quits_by_keys(run, program, display, free_port):
    xdotool = program("xdotool")
    running = run("--scp", f"127.0.0.1:{free_port}")
    running.wait_for("listening", running.said)

    def xdo(*arguments: str) -> str:
        done = subprocess.run(
            [xdotool, *arguments],
            env={**os.environ, "DISPLAY": display},
            check=True,
            timeout=30,
            capture_output=True,
            text=True,
        )
        return done.stdout

    # There is no window manager to give the focus, so this does.
    window = xdo("search", "--sync", "--onlyvisible", "--name", "^DICOM Workstation$").split()[0]
    xdo("windowfocus", "--sync", window)
    xdo("key", "ctrl+q")
    assert running.process.wait(60) == 0
    clean(running)


def test_the_demo_plays_and_saves_a_picture(run, free_port, tmp_path):
    picture = tmp_path / "shot.png"
    running = run("--scp", f"127.0.0.1:{free_port}", "--demo", "--screenshot", str(picture))
    assert running.process.wait(90) == 0, running.complained
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")) == (1440, 900)
    clean(running)


def test_a_data_folder_that_cannot_be(run, tmp_path):
    (tmp_path / "data").write_text("a file in the way")
    running = run("--no-scp")
    assert running.process.wait(60) == 2
    running.close()
    assert "is a file" in " ".join(running.complained)


def test_a_broken_settings_file_is_said_and_kept_aside(run, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "settings.toml").write_text("this is no TOML")
    running = run("--no-scp", "--screenshot", str(tmp_path / "shot.png"))
    assert running.process.wait(60) == 0
    assert (tmp_path / "data" / "settings.toml.broken").read_text() == "this is no TOML"


def test_a_recorded_run_opens_again(run, free_port, tmp_path):
    capture, picture = tmp_path / "run.pcapng", tmp_path / "window.png"
    recording = run(
        *("--data-dir", str(tmp_path / "data"), "--scp", f"127.0.0.1:{free_port}"),
        *("--demo", "--capture", str(capture), "--screenshot", str(picture)),
    )
    assert recording.process.wait(90) == 0
    picture.unlink()
    opening = run(
        *("--data-dir", str(tmp_path / "data"), "--no-scp", "--open", str(capture), "--screenshot", str(picture)),
    )
    assert opening.process.wait(60) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    clean(opening)
    exported = subprocess.run(
        [str(INSTALLED), "--open", str(capture), "--export", str(tmp_path / "run.json")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (exported.returncode, exported.stderr) == (0, "")
    pdus = json.loads((tmp_path / "run.json").read_text())
    # Echo, send, query, get, move and what the move brought: each once, though both ends were ours.
    assert len({pdu["association"] for pdu in pdus}) == 6
    messages = {pdu["message"]["name"] for pdu in pdus if "message" in pdu}
    assert messages >= {"C-ECHO-RQ", "C-STORE-RQ", "C-FIND-RQ", "C-GET-RQ", "C-MOVE-RQ", "C-MOVE-RSP"}
