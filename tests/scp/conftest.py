"""What the tests of the built-in server share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workstation.scp.archive.archive import Archive
from workstation.scp.ledger import Ledger


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    made = Archive(tmp_path / "archive", durable=False)
    yield made
    made.close()


@pytest.fixture(scope="module")
def new_archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Archive]]:
    """Makes archives for the tests of a module that only look."""
    made: list[Archive] = []

    def make() -> Archive:
        made.append(Archive(tmp_path_factory.mktemp("archive"), durable=False))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", durable=False)
    yield made
    made.close()
