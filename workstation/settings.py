"""What a person can set, and the file that keeps it.

Settings are frozen values: the program holds one `Settings` and replaces it as a whole. The file is TOML
that a person may edit; a value that cannot be is explained and its default used, and a file that is no
TOML is kept aside.
Knows nothing of who uses the values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import tomlkit
from tomlkit.items import Integer, Item, Trivia

from workstation.peers import check_ae_title, check_host, check_port
from workstation.toml_file import read_document, write_document

Appearance = Literal["system", "light", "dark"]
BehaviourKind = Literal["built-in", "status", "refuse"]

APPEARANCES: tuple[Appearance, ...] = ("system", "light", "dark")
BEHAVIOUR_KINDS: tuple[BehaviourKind, ...] = ("built-in", "status", "refuse")

_HEADER = "Settings of DICOM Workstation. Comments and further keys are kept."

_LARGEST_PDU = 16 * 1024 * 1024
_SMALLEST_PDU = 4096

T = TypeVar("T")


def _check_seconds(value: object, what: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 86400:
        raise ValueError(f"{what} is {value!r}: give seconds, more than 0 and at most 86400.")
    return value


def _check_whole(value: object, what: str, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{what} is {value!r}: give a whole number from {low} to {high}.")
    return value


def _check_flag(value: object, what: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{what} is {value!r}: give true or false.")
    return value


def _check_choice(value: object, what: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{what} is {value!r}: give one of {', '.join(choices)}.")


def _check_maximum_pdu(value: object) -> int:
    if value == 0 and not isinstance(value, bool):
        return 0
    return _check_whole(value, "The maximum PDU length (0 for no limit)", _SMALLEST_PDU, _LARGEST_PDU)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What the test server does at one intervention event."""

    kind: BehaviourKind = "built-in"
    status: int = 0
    """Answered when kind is "status"."""
    delay: float = 0.0
    """Seconds to wait before answering, whatever the kind."""

    def __post_init__(self) -> None:
        _check_choice(self.kind, "The behaviour", BEHAVIOUR_KINDS)
        _check_whole(self.status, "The status", 0, 0xFFFF)
        if self.delay != 0:
            _check_seconds(self.delay, "The delay")


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Which association requests the test server accepts."""

    require_called: bool = False
    """Only requests that call the server by its AE title."""
    require_calling: tuple[str, ...] = ()
    """Only requests from these AE titles; empty for any."""
    reject: tuple[int, int, int] | None = None
    """Reject every request with this result, source and reason (PS3.8 9.3.4)."""

    def __post_init__(self) -> None:
        _check_flag(self.require_called, "Require called AE title")
        if not isinstance(self.require_calling, list | tuple):
            raise ValueError("The calling AE titles are not a list.")
        titles = tuple(check_ae_title(title, "A calling AE title") for title in self.require_calling)
        object.__setattr__(self, "require_calling", titles)
        if self.reject is not None:
            if not isinstance(self.reject, list | tuple) or len(self.reject) != 3:
                raise ValueError("The rejection is not three numbers: result, source and reason.")
            result = _check_whole(self.reject[0], "The rejection's result", 1, 2)
            source = _check_whole(self.reject[1], "The rejection's source", 1, 3)
            reason = _check_whole(self.reject[2], "The rejection's reason", 0, 255)
            object.__setattr__(self, "reject", (result, source, reason))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The built-in test server."""

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
    durable: bool = True
    """Answer success only when an object is safe on disk."""
    admission: Admission = field(default_factory=Admission)
    behaviours: Mapping[str, Behaviour] = field(default_factory=dict)
    """By event name, such as "EVT_C_STORE"; events without an entry behave as built in."""

    def __post_init__(self) -> None:
        _check_flag(self.enabled, "Server enabled")
        object.__setattr__(self, "ae_title", check_ae_title(self.ae_title, "The server's AE title"))
        object.__setattr__(self, "host", check_host(self.host, "The server's address"))
        check_port(self.port, "The server's port")
        _check_seconds(self.acse_timeout, "The server's ACSE timeout")
        _check_seconds(self.dimse_timeout, "The server's DIMSE timeout")
        _check_seconds(self.network_timeout, "The server's network timeout")
        _check_maximum_pdu(self.maximum_pdu_size)
        _check_whole(self.maximum_associations, "The number of associations", 1, 1000)
        _check_flag(self.durable, "Durable")

    def behaviour(self, event: str) -> Behaviour:
        """What to do at the event of that name."""
        return self.behaviours.get(event, Behaviour())


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
        _check_seconds(self.connection_timeout, "The connection timeout")
        _check_seconds(self.acse_timeout, "The ACSE timeout")
        _check_seconds(self.dimse_timeout, "The DIMSE timeout")
        _check_seconds(self.network_timeout, "The network timeout")
        _check_maximum_pdu(self.maximum_pdu_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficSettings:
    """How much of the traffic is kept for looking at."""

    max_rows: int = 200_000
    max_bytes: int = 256 * 1024 * 1024
    capture_max_rows: int = 4_000_000
    """Of an opened capture: it does not grow, and is given back when it is closed."""
    capture_max_bytes: int = 1024 * 1024 * 1024

    def __post_init__(self) -> None:
        _check_whole(self.max_rows, "The number of traffic rows", 1000, 10_000_000)
        _check_whole(self.max_bytes, "The traffic's bytes", 1024 * 1024, 64 * 1024**3)
        _check_whole(self.capture_max_rows, "The number of a capture's rows", 1000, 100_000_000)
        _check_whole(self.capture_max_bytes, "A capture's bytes", 1024 * 1024, 64 * 1024**3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a person can set."""

    server: ServerSettings = field(default_factory=ServerSettings)
    caller: CallerSettings = field(default_factory=CallerSettings)
    traffic: TrafficSettings = field(default_factory=TrafficSettings)
    appearance: Appearance = "system"

    def __post_init__(self) -> None:
        _check_choice(self.appearance, "The appearance", APPEARANCES)


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
            _write_changes(document, known, settings)
        else:
            document.add(tomlkit.comment(_HEADER))
            _write_changes(document, None, settings)
        write_document(self.path, document)


def _read_settings(document: Mapping[str, Any], problems: list[str]) -> Settings:
    server = _section(document, "server", problems)
    nested: dict[str, Any] = {
        "admission": _values(Admission(), _section(server, "admission", problems), problems),
        "behaviours": _read_behaviours(_section(server, "behaviours", problems), problems),
    }
    settings = Settings(
        server=replace(_values(ServerSettings(), server, problems, skip=tuple(nested)), **nested),
        caller=_values(CallerSettings(), _section(document, "caller", problems), problems),
        traffic=_values(TrafficSettings(), _section(document, "traffic", problems), problems),
    )
    return _values(settings, document, problems, skip=("server", "caller", "traffic"))


def _short(sentence: str) -> str:
    """The sentence without the middle of what a person would not read: a value in it may be a megabyte long."""
    return sentence if len(sentence) <= 300 else f"{sentence[:200]} ... {sentence[-80:]}"


def _section(parent: Mapping[str, Any], key: str, problems: list[str]) -> Mapping[str, Any]:
    section = parent.get(key, {})
    if isinstance(section, dict):
        return section
    problems.append(f"{key!r} is not a section.")
    return {}


def _values(defaults: T, section: Mapping[str, Any], problems: list[str], skip: tuple[str, ...] = ()) -> T:
    """`defaults` with what the section says; tried one by one, so that a bad value costs only itself."""
    settings = defaults
    for each in fields(cast(Any, defaults)):
        if each.name in section and each.name not in skip:
            value = _plain(section[each.name])
            try:
                settings = replace(cast(Any, settings), **{each.name: value})
            except (ValueError, TypeError, AttributeError) as error:
                sentence = str(error) if isinstance(error, ValueError) else f"{each.name} is {value!r}."
                problems.append(_short(sentence))
    return settings


def _read_behaviours(section: Mapping[str, Any], problems: list[str]) -> dict[str, Behaviour]:
    behaviours = {}
    for event in section:
        behaviour = _values(Behaviour(), _section(section, event, problems), problems)
        if behaviour != Behaviour():
            behaviours[str(event)] = behaviour
    return behaviours


def _plain(value: Any) -> Any:
    return value.unwrap() if isinstance(value, Item) else value


def _write_changes(table: Any, known: Any, settings: Any) -> None:
    """Bring `table` from `known` (None: nothing is there) to `settings`, one value at a time."""
    for each in fields(settings):
        new = getattr(settings, each.name)
        old = None if known is None else getattr(known, each.name)
        if each.name == "behaviours":
            _write_behaviours(table, {} if old is None else old, new)
        elif is_dataclass(new):
            _write_changes(_subtable(table, each.name), old, new)
        elif new is None:
            # TOML has no null: nothing is written.
            if each.name in table:
                del table[each.name]
        elif known is None or new != old:
            table[each.name] = list(new) if isinstance(new, tuple) else new


def _write_behaviours(server: Any, known: Mapping[str, Behaviour], behaviours: Mapping[str, Behaviour]) -> None:
    for event in known:
        if event not in behaviours and event in server.get("behaviours", {}):
            del server["behaviours"][event]
    for event, behaviour in behaviours.items():
        if behaviour == known.get(event, Behaviour()):
            continue
        entry = _subtable(_subtable(server, "behaviours"), event)
        entry["kind"] = behaviour.kind
        entry["status"] = Integer(behaviour.status, Trivia(), f"0x{behaviour.status:04X}")
        entry["delay"] = behaviour.delay


def _subtable(parent: Any, key: str) -> Any:
    if not isinstance(parent.get(key), dict):
        parent[key] = tomlkit.table()
    return parent[key]
