"""Where a window can be opened, asked without Qt."""

from __future__ import annotations

import socket

import pytest

from workstation.ui.display import display_problem


def test_platforms_without_a_display_are_believed():
    assert display_problem({"QT_QPA_PLATFORM": "offscreen"}, "linux") == ""
    assert display_problem({"QT_QPA_PLATFORM": "vnc:size=800x600"}, "linux") == ""
    assert display_problem({}, "win32") == ""
    assert display_problem({}, "darwin") == ""


@pytest.mark.parametrize("display", ["nonsense", ":9876", "localhost:9876.0", "unix:9876"])
def test_an_x_display_that_does_not_answer(display):
    assert repr(display) in display_problem({"DISPLAY": display}, "linux")


def test_an_x_display_over_tcp():
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1] - 6000
        assert display_problem({"DISPLAY": f"127.0.0.1:{number}.0"}, "linux") == ""


def test_wayland(tmp_path):
    environment = {"WAYLAND_DISPLAY": "wayland-0", "XDG_RUNTIME_DIR": str(tmp_path)}
    assert display_problem(environment, "linux") != ""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "wayland-0"))
        server.listen()
        assert display_problem(environment, "linux") == ""
        assert display_problem(environment | {"QT_QPA_PLATFORM": "xcb"}, "linux") != ""
