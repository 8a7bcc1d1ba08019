"""What the tests of the built-in server share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from workstation.scp.archive.archive import Archive
from workstation.scp.ledger import Ledger


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    made = Archive(tmp_path / "archive", durable=False)
    yield made
    made.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", durable=False)
    yield made
    made.close()
