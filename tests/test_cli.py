"""The command line: what it takes, and what it says about what it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workstation import __version__
from workstation.__main__ import main
from workstation.cli import Options, parse, parse_address
from workstation.peers import Peer
from workstation.scp.profiles import Profile


def test_nothing_given():
    assert parse([]) == Options()


def test_everything_given(tmp_path: Path):
    options = parse(
        [
            *("--data-dir", str(tmp_path), "--scp", "0.0.0.0:104", "--scp-aet", " MINE "),
            *("--peer", "PACS@10.0.0.1:104", "--peer", "RIS@[::1]:11113"),
            *("--demo", "--screenshot", str(tmp_path / "shot.png")),
            *("--open", __file__, "--open", str(Path(__file__).with_name("conftest.py"))),
            *("--capture", str(tmp_path / "run.pcapng")),
        ]
    )
    assert options == Options(
        data_dir=tmp_path,
        scp_host="0.0.0.0",
        scp_port=104,
        scp_ae_title="MINE",
        peers=(
            Peer(name="PACS", ae_title="PACS", host="10.0.0.1", port=104, temporary=True),
            Peer(name="RIS", ae_title="RIS", host="::1", port=11113, temporary=True),
        ),
        demo=True,
        screenshot=tmp_path / "shot.png",
        open=(Path(__file__), Path(__file__).with_name("conftest.py")),
        capture=tmp_path / "run.pcapng",
    )


def test_the_command_line_goes_before_the_settings():
    kept = Profile(ae_title="KEPT", host="10.0.0.9", port=4242, enabled=False)
    assert Options().applied_to(kept) == kept
    changed = parse(["--scp", "127.0.0.1:11115"]).applied_to(kept)
    assert (changed.host, changed.port, changed.ae_title, changed.enabled) == ("127.0.0.1", 11115, "KEPT", True)
    assert parse(["--scp-aet", "OTHER"]).applied_to(kept).ae_title == "OTHER"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scp", "11112"], "HOST:PORT"),
        (["--scp", "127.0.0.1:0"], "1 to 65535"),
        (["--scp", "127.0.0.1:70000"], "1 to 65535"),
        (["--scp", "127.0.0.1:http"], "not a number"),
        (["--scp", "::1:11112"], "or [::1]:11112"),
        (["--scp", "a b:11112"], "contains ' '"),
        (["--scp-aet", "A" * 17], "at most 16 characters"),
        (["--scp-aet", "  "], "empty"),
        (["--scp-aet", "A\\B"], "backslash"),
        (["--peer", "PACS"], "AET@HOST:PORT"),
        (["--peer", "PACS@host:x"], "not a number"),
        (["--screenshot", "picture.gif"], "does not end in .png"),
        (["--screenshot", "/no/such/folder/shot.png"], "does not exist"),
        (["--data-dir", __file__], "is a file"),
        (["--no-scp", "--scp", "127.0.0.1:104"], "one of them"),
        (["--no-scp", "--demo"], "leave --no-scp out"),
        (["--open", "/no/such/file"], "There is no file"),
        (["--open", "/"], "is a folder"),
        (["--capture", "/no/such/folder/run.pcapng"], "does not exist"),
        (["--capture", "/"], "is a folder"),
        (["--capture", __file__], "is no capture: it is not written over"),
        (["--export", "/tmp/out.json"], "name the capture with --open"),
        (["--export-objects", "/tmp/out"], "name the capture with --open"),
        (["--open", __file__, "--export", __file__], "that is to be read"),
        (["--open", __file__, "--export", "/tmp/out.json", "--demo"], "leave --demo out"),
        (["--open", __file__, "--export", "/tmp/out.json", "--scp", "127.0.0.1:104"], "leave --scp out"),
        (["--open", __file__, "--export-objects", "/tmp/out", "--capture", "/tmp/run.pcapng"], "leave --capture out"),
        (["--unknown"], "unrecognized"),
    ],
)
def test_a_value_that_cannot_be_gets_a_sentence_and_exit_2(arguments, words, capsys):
    with pytest.raises(SystemExit) as raised:
        parse(arguments)
    assert raised.value.code == 2
    shown = capsys.readouterr().err
    # argparse wraps; the words may stand on two lines.
    assert words in " ".join(shown.replace("HOST:PORT]", "").split()), shown
    assert "Traceback" not in shown


@pytest.mark.parametrize("start", ["", "0a0d0d0a1c000000", "d4c3b2a102000400", "a1b23c4d00020004"])
def test_an_old_capture_is_written_over(start, tmp_path):
    path = tmp_path / "run.pcapng"
    path.write_bytes(bytes.fromhex(start))
    assert parse(["--capture", str(path)]).capture == path


def test_headless_is_who_exports(tmp_path):
    assert not parse(["--open", __file__]).exports
    assert parse(["--open", __file__, "--export", str(tmp_path / "out.json")]).exports
    assert parse(["--open", __file__, "--export-objects", str(tmp_path)]).exports


def test_version(capsys):
    with pytest.raises(SystemExit) as raised:
        main(["--version"])
    assert raised.value.code == 0
    assert capsys.readouterr().out == f"DICOM Workstation {__version__}\n"


def test_ipv6_address():
    assert parse_address("[::1]:104") == ("::1", 104)


@pytest.mark.parametrize(
    ("given", "words"),
    [({}, "neither DISPLAY nor WAYLAND_DISPLAY"), ({"DISPLAY": ":9876"}, "no X server answers")],
)
@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these always have a display")
def test_no_display_is_a_sentence_not_an_abort(given, words, tmp_path):
    unwanted = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted} | given
    ended = subprocess.run(
        [sys.executable, "-m", "workstation", "--data-dir", str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert words in ended.stderr
    assert "xvfb-run" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_mistakes_are_told_without_loading_qt():
    code = "import sys, workstation.cli; sys.exit('PySide6' in sys.modules or 'pydicom' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0
