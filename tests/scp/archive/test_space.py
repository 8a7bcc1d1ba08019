"""Storing stops before the disk is full, with a sentence that says so, and goes on when there is room again."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest
from scp_objects import EXPLICIT, encode, files_of, make_object, store

from workstation.scp.archive import space
from workstation.scp.archive.archive import Archive
from workstation.scp.archive.space import MINIMUM_FREE, SpaceGuard

GIB = 1 << 30


class Disk:
    """A disk of any size."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = 100 * GIB
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(total=200 * GIB, free=self.free))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_one_gibibyte_is_kept_free(archive: Archive, disk: Disk) -> None:
    assert archive.minimum_free == MINIMUM_FREE == GIB
    assert store(archive, make_object(1)).status == 0
    disk.free = GIB - 1
    refused = store(archive, make_object(2))
    assert (refused.status, refused.comment) == (0xA700, "The archive's disk has 1.1 GB left, less than 1.1 GB.")
    assert len(files_of(archive)) == 1
    disk.free = GIB
    assert store(archive, make_object(2)).status == 0


@pytest.mark.parametrize(
    ("free", "minimum", "sentence"),
    [
        (0, GIB, "The archive's disk has 0 B left, less than 1.1 GB."),
        (999_000_000_000, 1_500_000_000_000, "The archive's disk has 999 GB left, less than 1.5 TB."),
        (5 * GIB, 0, ""),
        (0, 0, ""),
        (GIB, GIB, ""),
    ],
)
def test_sentences_fit_into_an_error_comment(
    archive: Archive, disk: Disk, free: int, minimum: int, sentence: str
) -> None:
    disk.free = free
    guard = SpaceGuard(archive.folder, minimum)
    assert guard.shortage() == sentence
    assert len(sentence) <= 64


def test_an_object_that_arrives_while_the_disk_fills_up(
    archive: Archive, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workstation.scp.archive.sink.LOOK_EVERY", 10_000)
    encoded = encode(make_object(1, PixelData=bytes(30_000)))
    sink = archive.new_sink("1.2.840.10008.5.1.4.1.1.2", "1.2.0.0.1", EXPLICIT)
    sink.write(memoryview(encoded)[:5000])
    disk.free = 0
    sink.write(memoryview(encoded)[5000:9000])
    assert sink.failure is None
    sink.write(memoryview(encoded)[9000:20_000])
    # Its space is given back at once, not at its end.
    assert sink.failure is not None
    assert files_of(archive) == []
    sink.write(memoryview(encoded)[20_000:])
    sink.finish()
    assert archive.commit(sink).status == 0xA700


def test_the_limit_may_change(archive: Archive, disk: Disk) -> None:
    archive.minimum_free = 0
    disk.free = 10
    assert store(archive, make_object(1)).status == 0
    archive.minimum_free = 11
    assert store(archive, make_object(2)).status == 0xA700
    found = archive.space()
    assert (found.total, found.free, found.minimum_free, found.is_low) == (200 * GIB, 10, 11, True)


def test_a_folder_that_is_gone_is_no_shortage(archive: Archive) -> None:
    assert space.SpaceGuard(archive.folder / "nowhere").shortage() == ""
