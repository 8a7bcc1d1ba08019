"""Is there a display to open a window on? Asked before Qt is loaded, because Qt aborts the process if there is none.

Knows only environment variables, and whether something accepts connections where they point.
"""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

_REMEDY = (
    "Start the program in a desktop session, log in with `ssh -X`, or use a virtual display: "
    "xvfb-run -a dicom-workstation (from a checkout: xvfb-run -a make run)"
)

# Platforms of Qt that draw without X or Wayland.
_NEED_NO_DISPLAY = ("offscreen", "minimal", "vnc", "eglfs", "linuxfb")


def display_problem(environment: Mapping[str, str], platform: str = sys.platform) -> str:
    """An empty text if a window can be opened, otherwise a sentence that says why not and what to do."""
    if platform in ("win32", "darwin"):
        return ""
    wanted = environment.get("QT_QPA_PLATFORM", "")
    if wanted.startswith(_NEED_NO_DISPLAY):
        return ""
    if not wanted.startswith("xcb") and _wayland_answers(environment):
        return ""
    display = environment.get("DISPLAY", "")
    if not display:
        return f"There is no display: neither DISPLAY nor WAYLAND_DISPLAY is set. {_REMEDY}"
    if not _x_server_answers(display):
        return f"There is no display: DISPLAY is {display!r}, but no X server answers there. {_REMEDY}"
    return ""


def _wayland_answers(environment: Mapping[str, str]) -> bool:
    name = environment.get("WAYLAND_DISPLAY", "")
    if not name:
        return False
    return _accepts(socket.AF_UNIX, str(Path(environment.get("XDG_RUNTIME_DIR", "/nonexistent"), name)))


def _x_server_answers(display: str) -> bool:
    parts = re.fullmatch(r"(?P<host>.*):(?P<number>\d+)(\.\d+)?", display)
    if parts is None:
        return False
    number = int(parts["number"])
    if parts["host"] in ("", "unix") and hasattr(socket, "AF_UNIX"):
        path = f"/tmp/.X11-unix/X{number}"  # where every X server puts it
        return any(_accepts(socket.AF_UNIX, address) for address in (path, f"\0{path}"))
    try:
        socket.create_connection((parts["host"] or "localhost", 6000 + number), timeout=3).close()
    except OSError:
        # Some desktops hand out a socket path instead of a host; let Qt try those.
        return parts["host"].startswith("/")
    return True


def _accepts(family: int, address: str) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(address)
        except OSError:
            return False
    return True
