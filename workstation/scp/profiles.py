"""Profiles: what one server is. Name, address, limits, contexts, TLS, rules; a TOML file each, to read and to share.

A profile is a frozen value that a server gets as a whole. In its file a value that cannot be is explained and its
default used; broken rules are explained as well, and the rules from before stay in force. Paths of scripts, data sets
and certificates in it are relative to the file's folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import tomlkit

from workstation.paths import resource
from workstation.peers import check_ae_title, check_host, check_port
from workstation.scp.rules.foreign import take_over, whole
from workstation.scp.rules.rule import Rule
from workstation.scp.rules.rule_file import read_rules, write_rules
from workstation.toml_file import parse_file, read_document, write_document
from workstation.toml_values import (
    check_choice,
    check_flag,
    check_maximum_pdu,
    check_seconds,
    check_text,
    check_texts,
    check_whole,
    plain,
    read_section,
    read_values,
    write_values,
)

MAIN = "Built-in"
"""Name of the server that every data folder has."""

TlsVersion = Literal["1.2", "1.3"]
TLS_VERSIONS: tuple[TlsVersion, ...] = ("1.2", "1.3")

LONGEST_NAME = 80

_HEADER = "A server of DICOM Workstation. Comments and further keys are kept."


@dataclass(frozen=True, slots=True, kw_only=True)
class Supported:
    """SOP classes that a server supports, and in which transfer syntaxes."""

    sop_classes: tuple[str, ...] = ("*",)
    """UIDs, names or keywords, with * and ?."""
    transfer_syntaxes: tuple[str, ...] = ()
    """UIDs, names or keywords in order of preference; empty for all that the built-in server knows, as it prefers."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sop_classes", check_texts(self.sop_classes, "The supported SOP classes"))
        object.__setattr__(self, "transfer_syntaxes", check_texts(self.transfer_syntaxes, "The transfer syntaxes"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """TLS of a server; PEM files."""

    certificate: str = ""
    """The server's certificate, with those above it; empty for no TLS."""
    key: str = ""
    """Its private key; empty if it is in the certificate's file."""
    authorities: str = ""
    """Who may have signed clients' certificates."""
    require_client: bool = False
    """Only clients with a certificate that the authorities signed."""
    minimum: TlsVersion = "1.2"

    def __post_init__(self) -> None:
        check_text(self.certificate, "The TLS certificate")
        check_text(self.key, "The TLS key")
        check_text(self.authorities, "The TLS authorities")
        check_flag(self.require_client, "Require a client certificate")
        check_choice(self.minimum, "The lowest TLS version", TLS_VERSIONS)
        if self.require_client and not self.authorities:
            raise ValueError("Client certificates are required, but no authorities that sign them are named.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One server."""

    name: str = MAIN
    description: str = ""
    enabled: bool = True
    """Start with the program."""
    ae_title: str = "WORKSTATION"
    host: str = "127.0.0.1"
    port: int = 11112
    acse_timeout: float = 30
    dimse_timeout: float = 30
    network_timeout: float = 60
    maximum_pdu_size: int = 131072
    maximum_associations: int = 32
    require_called: bool = False
    """Only association requests that call the server by its AE title."""
    require_calling: tuple[str, ...] = ()
    """Only association requests from these AE titles; empty for any."""
    tls: Tls = field(default_factory=Tls)
    supported: tuple[Supported, ...] = ()
    """Empty for everything that is built in."""
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip() or len(self.name) > LONGEST_NAME:
            raise ValueError(f"A server's name is {self.name!r}: give 1 to {LONGEST_NAME} characters.")
        check_text(self.description, "The description")
        check_flag(self.enabled, "Server enabled")
        object.__setattr__(self, "ae_title", check_ae_title(self.ae_title, "The server's AE title"))
        object.__setattr__(self, "host", check_host(self.host, "The server's address"))
        check_port(self.port, "The server's port")
        check_seconds(self.acse_timeout, "The server's ACSE timeout")
        check_seconds(self.dimse_timeout, "The server's DIMSE timeout")
        check_seconds(self.network_timeout, "The server's network timeout")
        check_maximum_pdu(self.maximum_pdu_size)
        check_whole(self.maximum_associations, "The number of associations", 1, 1000)
        check_flag(self.require_called, "Require called AE title")
        if not isinstance(self.require_calling, list | tuple):
            raise ValueError("The calling AE titles are not a list.")
        titles = tuple(check_ae_title(title, "A calling AE title") for title in self.require_calling)
        object.__setattr__(self, "require_calling", titles)
        object.__setattr__(self, "supported", tuple(self.supported))
        object.__setattr__(self, "rules", tuple(self.rules))


class ProfileFile:
    """The TOML file of one profile. Use it from one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: tuple[str, ...] = ()
        """Sentences about what could not be read at the last `load`."""
        self.rules_are_broken = False
        """Whether the rules could not be read at the last `load`."""
        # Those of the last `load` or `save`.
        self._rules: tuple[Rule, ...] = ()

    def load(self, before: Profile | None = None) -> Profile:
        """The profile in the file.

        Args:
            before: What was in force: its rules stay where those in the file are broken.
        """
        problems: list[str] = []
        try:
            document = parse_file(self.path) if self.path.exists() else tomlkit.document()
        except ValueError as error:
            # It stays where it is: its owner is about to mend it.
            self.problems, self.rules_are_broken = (str(error),), True
            profile = before if before is not None else Profile(name=_name_of(self.path), enabled=False)
            self._rules = profile.rules
            return profile
        profile, self.rules_are_broken = _read(document, self.path, problems)
        if self.rules_are_broken:
            profile = replace(profile, rules=before.rules if before is not None else ())
        self._rules = profile.rules
        self.problems = tuple(f"In {self.path}: {text}" for text in problems)
        return profile

    def save(self, profile: Profile) -> None:
        """Write what changed, atomically; OSError if the file cannot be written."""
        document, _ = read_document(self.path)
        is_new = not document.as_string().strip()
        known, is_broken = (None, False) if is_new else _read(document, self.path, [])
        if is_new:
            document.add(tomlkit.comment(_HEADER))
        write_values(document, known, profile, skip=("supported", "rules"))
        if known is None or profile.supported != known.supported:
            _write_supported(document, profile.supported)
        # Broken rules stay for their writer to mend until somebody changes those in force.
        if known is None or profile.rules != (self._rules if is_broken else known.rules):
            document = write_rules(document, profile.rules)
        write_document(self.path, document)
        self._rules = profile.rules


def _read(document: tomlkit.TOMLDocument, path: Path, problems: list[str]) -> tuple[Profile, bool]:
    defaults = Profile(name=_name_of(path))
    tls = read_values(Tls(), read_section(document, "tls", problems), problems)
    profile = read_values(defaults, document, problems, skip=("tls", "supported", "rules"))
    supported = _read_supported(document, problems)
    rules, wrong = read_rules(document.get("rule", []), document.as_string())
    problems += wrong
    return replace(profile, tls=tls, supported=supported, rules=() if wrong else rules), bool(wrong)


def read_profile(path: Path) -> tuple[Profile, tuple[str, ...]]:
    """A profile from a file that is somebody else's, and what is wrong in it.

    Raises:
        ValueError: It cannot be read, or is no TOML; with a sentence.
    """
    problems: list[str] = []
    profile, _ = _read(parse_file(path), path, problems)
    return profile, tuple(f"In {path}: {problem}" for problem in problems)


def take_over_profile(profile: Profile, folder: Path, into: Path) -> Profile:
    """Return a profile out of somebody else's file as it may be put in force.

    Rules that run a script are switched off, and what is named beside that file is found there.

    Args:
        profile: As it is in the file.
        folder: Where the file is.
        into: Where the profile will be kept.
    """
    tls = replace(
        profile.tls,
        certificate=whole(profile.tls.certificate, folder, into),
        key=whole(profile.tls.key, folder, into),
        authorities=whole(profile.tls.authorities, folder, into),
    )
    return replace(profile, tls=tls, rules=take_over(profile.rules, folder, into))


def _name_of(path: Path) -> str:
    return path.stem[:LONGEST_NAME].strip() or MAIN


def _read_supported(document: Mapping[str, Any], problems: list[str]) -> tuple[Supported, ...]:
    entries = plain(document.get("supported", []))
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        problems.append("'supported' is not a list of tables: write [[supported]] in double brackets.")
        return ()
    return tuple(read_values(Supported(), entry, problems) for entry in entries)


def _write_supported(document: Any, supported: Iterable[Supported]) -> None:
    tables = tomlkit.aot()
    for one in supported:
        table = tomlkit.table()
        table["sop_classes"] = list(one.sop_classes)
        table["transfer_syntaxes"] = list(one.transfer_syntaxes)
        tables.append(table)
    if "supported" in document:
        document.remove("supported")
    if len(tables):
        document["supported"] = tables


def file_name_of(name: str) -> str:
    """The name of a file for a profile of that name: letters, digits and hyphens only."""
    return (re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower() or "server") + ".toml"


def shipped_profiles() -> tuple[Path, ...]:
    """The files of the profiles that come with the program."""
    return tuple(sorted(resource("profiles").glob("*.toml")))


Stamp = tuple[int, int]
"""By which another version of a file is noticed: when it was written, and its size."""


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of a file; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


class ProfileFolder:
    """The profiles of a data folder, a file each. Use it from one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, ProfileFile] = {}
        self._seen: dict[Path, Stamp] = {}
        self.problems: tuple[str, ...] = ()
        """Sentences about what could not be read at the last `load`."""

    def load(self) -> tuple[Profile, ...]:
        """All profiles, the built-in server's first; it is there even if no file is."""
        problems: list[str] = []
        profiles: dict[str, Profile] = {}
        self._files.clear()
        try:
            paths = sorted(self.folder.glob("*.toml"))
        except OSError as error:
            problems.append(f"{self.folder} cannot be read: {error.strerror or error}.")
            paths = []
        for path in paths:
            self.saw(path, stamp_of(path))
            file = ProfileFile(path)
            profile = file.load()
            problems += file.problems
            if profile.name in profiles:
                problems.append(f"{path} is a second server named {profile.name!r}; it is left out.")
                continue
            profiles[profile.name] = profile
            self._files[profile.name] = file
        main = profiles.pop(MAIN, None) or Profile()
        self.problems = tuple(problems)
        return (main, *profiles.values())

    @property
    def seen(self) -> dict[Path, Stamp]:
        """The files as they were when they were read or written last."""
        return dict(self._seen)

    def saw(self, path: Path, stamp: Stamp | None) -> None:
        """This version of a file is known; None if it is gone."""
        if stamp is None:
            self._seen.pop(path, None)
        else:
            self._seen[path] = stamp

    def name_of(self, path: Path) -> str | None:
        """Whose file this is."""
        return next((name for name, file in self._files.items() if file.path == path), None)

    def has_file(self, name: str) -> bool:
        """Whether a profile has been read from a file or written to one."""
        return name in self._files

    def adopt(self, name: str, path: Path) -> None:
        """A file that somebody put there is that of this profile."""
        self._files[name] = ProfileFile(path)

    def path_of(self, name: str) -> Path:
        """The file of a profile, whether it is there or not."""
        file = self._files.get(name)
        return file.path if file is not None else self.folder / file_name_of(name)

    def load_one(self, name: str, before: Profile) -> tuple[Profile, tuple[str, ...]]:
        """A profile whose file changed, and what is wrong with it; its name stays."""
        file = self._file(name)
        profile = replace(file.load(before), name=name)
        return profile, file.problems

    def save(self, profile: Profile) -> None:
        """Keep a profile; OSError if its file cannot be written."""
        file = self._file(profile.name)
        file.save(profile)
        self.saw(file.path, stamp_of(file.path))

    def remove(self, name: str) -> None:
        """Remove a profile's file; OSError if it cannot be."""
        file = self._files.pop(name, None)
        if file is not None:
            self.saw(file.path, None)
            file.path.unlink(missing_ok=True)

    def _file(self, name: str) -> ProfileFile:
        file = self._files.get(name)
        if file is None:
            path = self.folder / file_name_of(name)
            number = 2
            while path.exists():
                path = self.folder / file_name_of(f"{name} {number}")
                number += 1
            file = self._files[name] = ProfileFile(path)
        return file


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """`wanted`, or `wanted 2` and so on if it is taken."""
    names = set(taken)
    if wanted not in names:
        return wanted
    return next(name for number in range(2, 10**6) if (name := f"{wanted[: LONGEST_NAME - 8]} {number}") not in names)
