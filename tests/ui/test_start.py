"""What the program loads before its window can be seen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_UNTIL_PAINTED = """
import asyncio
import sys

from PySide6.QtWidgets import QApplication
from qasync import QEventLoop

from workstation.cli import Options
from workstation.paths import DataDir
from workstation.ui.application import _Run

application = QApplication([])
asyncio.set_event_loop(QEventLoop(application))
run = _Run(Options(), DataDir.at(sys.argv[1]))
run._window.show()
assert not run._window.grab().isNull()
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_nothing_that_is_slow_to_load_comes_before_the_window(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _UNTIL_PAINTED, str(tmp_path)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "workstation" in loaded
    assert loaded.isdisjoint({"pydicom", "numpy", "sqlalchemy", "PIL", "pygments"})
