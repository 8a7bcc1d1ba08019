"""What a person can set for the whole program, and the file that keeps it. The servers have profiles (`scp.profiles`).

Settings are frozen values: the program holds one `Settings` and replaces it as a whole. The file is TOML
that a person may edit; a value that cannot be is explained and its default used, and a file that is no
TOML is kept aside.
Knows nothing of who uses the values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import tomlkit

from workstation.peers import check_ae_title
from workstation.toml_file import read_document, write_document
from workstation.toml_values import (
    check_choice,
    check_flag,
    check_maximum_pdu,
    check_seconds,
    check_text,
    check_whole,
    read_section,
    read_values,
    write_values,
)

Appearance = Literal["system", "light", "dark"]

APPEARANCES: tuple[Appearance, ...] = ("system", "light", "dark")

_HEADER = "Settings of DICOM Workstation. Comments and further keys are kept."


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSettings:
    """Where received objects are kept, and how carefully."""

    durable: bool = True
    """Answer success only when an object is safe on disk."""
    database: str = ""
    """URL of the index's database, such as postgresql+psycopg://user@host/name; empty for a file in the data folder."""
    minimum_free: int = 1024 * 1024 * 1024
    """Bytes that stay free on the disk: what would need them is refused."""

    def __post_init__(self) -> None:
        check_flag(self.durable, "Durable")
        check_text(self.database, "The archive's database")
        check_whole(self.minimum_free, "The free space to keep", 0, 2**50)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerSettings:
    """Who we are when we ask others, and how long we wait for them."""

    ae_title: str = "WORKSTATION"
    connection_timeout: float = 10
    acse_timeout: float = 30
    dimse_timeout: float = 60
    network_timeout: float = 60
    maximum_pdu_size: int = 131072

    def __post_init__(self) -> None:
        object.__setattr__(self, "ae_title", check_ae_title(self.ae_title, "Our AE title"))
        check_seconds(self.connection_timeout, "The connection timeout")
        check_seconds(self.acse_timeout, "The ACSE timeout")
        check_seconds(self.dimse_timeout, "The DIMSE timeout")
        check_seconds(self.network_timeout, "The network timeout")
        check_maximum_pdu(self.maximum_pdu_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficSettings:
    """How much of the traffic is kept for looking at."""

    max_rows: int = 200_000
    max_bytes: int = 256 * 1024 * 1024
    capture_max_rows: int = 4_000_000
    """Of an opened capture: it does not grow, and is given back when it is closed."""
    capture_max_bytes: int = 1024 * 1024 * 1024

    def __post_init__(self) -> None:
        check_whole(self.max_rows, "The number of traffic rows", 1000, 10_000_000)
        check_whole(self.max_bytes, "The traffic's bytes", 1024 * 1024, 64 * 1024**3)
        check_whole(self.capture_max_rows, "The number of a capture's rows", 1000, 100_000_000)
        check_whole(self.capture_max_bytes, "A capture's bytes", 1024 * 1024, 64 * 1024**3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a person can set."""

    archive: ArchiveSettings = field(default_factory=ArchiveSettings)
    caller: CallerSettings = field(default_factory=CallerSettings)
    traffic: TrafficSettings = field(default_factory=TrafficSettings)
    appearance: Appearance = "system"

    def __post_init__(self) -> None:
        check_choice(self.appearance, "The appearance", APPEARANCES)


class SettingsFile:
    """The TOML file of the settings. Use it from one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._problems: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences about what could not be read; for those values defaults are in use."""
        return self._problems

    def load(self) -> Settings:
        """The settings in the file, or their defaults where it says nothing or nothing usable."""
        document, problem = read_document(self.path)
        problems = [problem] if problem else []
        settings = _read_settings(document, problems)
        self._problems = tuple(
            text if text == problem else f"In {self.path}: {text} The default is used." for text in problems
        )
        return settings

    def save(self, settings: Settings) -> None:
        """Write what changed, atomically; OSError if the file cannot be written.

        A new file gets every value, so that a person finds what can be set. In an existing one only
        values that differ are touched, so that unknown keys, comments and order stay.
        """
        document, _ = read_document(self.path)
        if document.as_string().strip():
            known = _read_settings(document, [])
            write_values(document, known, settings)
        else:
            document.add(tomlkit.comment(_HEADER))
            write_values(document, None, settings)
        write_document(self.path, document)


def _read_settings(document: Mapping[str, Any], problems: list[str]) -> Settings:
    settings = Settings(
        archive=read_values(ArchiveSettings(), read_section(document, "archive", problems), problems),
        caller=read_values(CallerSettings(), read_section(document, "caller", problems), problems),
        traffic=read_values(TrafficSettings(), read_section(document, "traffic", problems), problems),
    )
    return read_values(settings, document, problems, skip=("archive", "caller", "traffic"))
