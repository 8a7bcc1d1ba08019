"""The peer address book: the DICOM systems that a person talks to.

A peer is a name, an AE title, a host and a port. The book is a TOML file that a person may edit as well;
peers given on the command line are in the book for this run only.
Knows nothing of associations, and does not look names up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import AoT, Table

from workstation.toml_file import read_document, write_document

MAXIMUM_AE_TITLE = 16

_HEADER = "Peers of DICOM Workstation: one [[peer]] each. Comments and further keys are kept."
_LONGEST_TEXT = 500
# RFC 1035 section 2.3.4.
_LONGEST_HOST = 253
_KEYS = ("name", "ae_title", "host", "port", "group", "comment")


def check_ae_title(text: str, what: str = "The AE title") -> str:
    """The AE title without its insignificant spaces (PS3.5 6.2, VR AE).

    Raises:
        ValueError: With a sentence for the person who typed it.
    """
    title = text.strip(" ")
    if not title:
        raise ValueError(f"{what} is empty: AE titles have 1 to {MAXIMUM_AE_TITLE} characters.")
    if len(title) > MAXIMUM_AE_TITLE:
        raise ValueError(f"{what} has {len(title)} characters: AE titles have at most {MAXIMUM_AE_TITLE} characters.")
    for character in title:
        if character == "\\":
            raise ValueError(f"{what} contains a backslash, which DICOM keeps for separating values.")
        if not " " <= character <= "~":
            raise ValueError(
                f"{what} contains {character!a}: AE titles are letters, digits, spaces and marks of ASCII."
            )
    return title


def _check_line(text: str, what: str) -> None:
    """Whether a text can stand in one row: a file from elsewhere may hold anything."""
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"{what} has {len(text):,} characters: at most {_LONGEST_TEXT} can be shown.")
    for character in text:
        if not character.isprintable():
            raise ValueError(f"{what} contains {character!a}: give one line of plain text.")


def check_host(text: str, what: str = "The host") -> str:
    """A host name or IP address, trimmed; brackets around an IPv6 address are taken off."""
    host = text.strip()
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not host:
        raise ValueError(f"{what} is empty: give a host name or an IP address.")
    if "://" in host:
        raise ValueError(f"{what} is a web address: give only the host name or IP address.")
    if len(host) > _LONGEST_HOST:
        raise ValueError(f"{what} has {len(host):,} characters: host names have at most {_LONGEST_HOST}.")
    for character in host:
        if character.isspace() or character in "/\\@[]" or not character.isprintable():
            raise ValueError(f"{what} contains {character!a}: give a host name or an IP address.")
    return host


def check_port(value: object, what: str = "The port") -> int:
    """A TCP port number; text as a person types it is taken too."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{what} is not a number: ports are 1 to 65535, DICOM's are 104 and 11112.")
    if not 1 <= value <= 65535:
        raise ValueError(f"{what} is {value}: ports are 1 to 65535, DICOM's are 104 and 11112.")
    return value


@dataclass(frozen=True, slots=True)
class Peer:
    """A DICOM system: what a person calls it and how to reach it.

    Raises:
        ValueError: A field cannot be; the message is a sentence for a person.
    """

    name: str
    ae_title: str
    host: str
    port: int
    group: str = ""
    comment: str = ""
    temporary: bool = False
    """Of this run only: in the book, but never written to its file."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ValueError("The name is empty: give the peer a name to tell it from the others.")
        for field_name in ("ae_title", "host", "group", "comment"):
            if not isinstance(getattr(self, field_name), str):
                raise ValueError(f"The {field_name.replace('_', ' ')} is not text.")
        for field_name in ("name", "group", "comment"):
            _check_line(getattr(self, field_name), f"The {field_name}")
        object.__setattr__(self, "name", self.name.strip())
        object.__setattr__(self, "group", self.group.strip())
        object.__setattr__(self, "ae_title", check_ae_title(self.ae_title))
        object.__setattr__(self, "host", check_host(self.host))
        object.__setattr__(self, "port", check_port(self.port))

    @property
    def address(self) -> str:
        """`AET@HOST:PORT`, as `parse_peer` reads it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.ae_title}@{host}:{self.port}"


def parse_peer(text: str) -> Peer:
    """The temporary peer that `AET@HOST:PORT` describes; an IPv6 address goes in brackets.

    Raises:
        ValueError: With a sentence that says what is wrong.
    """
    # A title may contain "@" and an IPv6 address ":", so both are split at their last occurrence.
    title, at, address = text.rpartition("@")
    host, colon, port = address.rpartition(":")
    if not at or not colon or (":" in host and not host.startswith("[")):
        raise ValueError(
            f"{text!r} is no peer: write AET@HOST:PORT, such as ORTHANC@192.168.1.20:4242 or PACS@[::1]:104."
        )
    return Peer(
        name=title.strip() or "?",
        ae_title=title,
        host=host,
        port=check_port(port),
        temporary=True,
    )


class AddressBook:
    """All peers, in order, and the file that keeps the lasting ones.

    Each change reads the file anew before writing it, so that what a person or a second window wrote in
    the meantime is kept. Use it from one thread.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._peers: list[Peer] = []
        self._problems: tuple[str, ...] = ()

    @property
    def peers(self) -> tuple[Peer, ...]:
        """All peers, those of this run last."""
        return tuple(self._peers)

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences about what could not be read from the file."""
        return self._problems

    def __iter__(self) -> Iterator[Peer]:
        return iter(self.peers)

    def __len__(self) -> int:
        return len(self._peers)

    def load(self) -> tuple[str, ...]:
        """Read the file and return what is wrong with it, if anything; entries in error are left out."""
        self._read()
        return self._problems

    def add(self, peer: Peer) -> None:
        """Add a peer at the end; ValueError if its name is taken, OSError if it cannot be written."""
        if peer.temporary:
            self._refuse_taken_name(peer.name)
            self._peers.append(peer)
            return
        document = self._read()
        self._refuse_taken_name(peer.name)
        _entries(document).append(_table(peer))
        self._write(document)

    def replace(self, name: str, peer: Peer) -> None:
        """Put `peer` in the place of the one called `name`; KeyError if there is none."""
        document = self._read()
        old = self._named(name)
        if peer.name != name:
            self._refuse_taken_name(peer.name)
        if old.temporary and peer.temporary:
            self._peers[self._peers.index(old)] = peer
            return
        entries = _entries(document)
        if old.temporary:
            self._peers.remove(old)
            entries.append(_table(peer))
        elif peer.temporary:
            del entries[_index(entries, name)]
            self._peers.append(peer)
        else:
            entry = entries[_index(entries, name)]
            for key in _KEYS:
                if key in entry or getattr(peer, key) != "":
                    entry[key] = getattr(peer, key)
        self._write(document)

    def remove(self, name: str) -> None:
        """Remove the peer called `name`; KeyError if there is none."""
        document = self._read()
        peer = self._named(name)
        if peer.temporary:
            self._peers.remove(peer)
            return
        entries = _entries(document)
        del entries[_index(entries, name)]
        self._write(document)

    def find(self, name: str) -> Peer | None:
        """The peer called `name`."""
        return next((peer for peer in self._peers if peer.name == name), None)

    def find_by_ae_title(self, ae_title: str) -> Peer | None:
        """The peer with that AE title, as a C-MOVE's destination is looked up; one of this run is preferred.

        AE titles are compared exactly, but for spaces around them.
        """
        wanted = ae_title.strip(" ")
        found = [peer for peer in self._peers if peer.ae_title == wanted]
        return next((peer for peer in found if peer.temporary), found[0] if found else None)

    def free_name(self, wanted: str) -> str:
        """`wanted`, or the first of `wanted 2`, `wanted 3`, ... that no peer has."""
        name, number = wanted, 1
        while self.find(name) is not None:
            number += 1
            name = f"{wanted} {number}"
        return name

    def _named(self, name: str) -> Peer:
        peer = self.find(name)
        if peer is None:
            raise KeyError(name)
        return peer

    def _refuse_taken_name(self, name: str) -> None:
        if self.find(name) is not None:
            raise ValueError(f"There is already a peer called {name!r}: choose another name.")

    def _read(self) -> tomlkit.TOMLDocument:
        document, problem = read_document(self.path)
        problems = [problem] if problem else []
        temporary = [peer for peer in self._peers if peer.temporary]
        lasting: list[Peer] = []
        if problem and self._peers:
            # The file broke while the program was running: what it held is still known here.
            lasting = [peer for peer in self._peers if not peer.temporary]
            for peer in lasting:
                _entries(document).append(_table(peer))
        else:
            taken: set[str] = set()
            for number, entry in enumerate(_read_entries(document, self.path, problems), start=1):
                try:
                    peer = _peer(entry)
                    if peer.name in taken:
                        raise ValueError(f"There is already a peer called {peer.name!r}.")
                except ValueError as error:
                    problems.append(f"Peer {number} in {self.path} is left out: {error}")
                else:
                    taken.add(peer.name)
                    lasting.append(peer)
        self._peers = lasting + temporary
        self._problems = tuple(problems)
        return document

    def _write(self, document: tomlkit.TOMLDocument) -> None:
        if not self.path.exists() and not document.as_string().startswith("#"):
            headed = tomlkit.document()
            headed.add(tomlkit.comment(_HEADER))
            headed.add(tomlkit.nl())
            for key, value in document.items():
                headed.add(key, value)
            document = headed
        write_document(self.path, document)
        self._read()


def _read_entries(document: tomlkit.TOMLDocument, path: Path, problems: list[str]) -> list[Any]:
    entries = document.get("peer", [])
    if not isinstance(entries, list):
        problems.append(f"In {path}, 'peer' is not a list: write [[peer]] in double brackets.")
        return []
    return list(entries)


def _entries(document: tomlkit.TOMLDocument) -> AoT:
    entries = document.get("peer")
    if not isinstance(entries, AoT):
        # Absent, empty, or written as an inline list, which only [[peer]] tables can replace.
        tables = tomlkit.aot()
        for entry in entries if isinstance(entries, list) else []:
            if not isinstance(entry, dict):
                continue
            table = tomlkit.table()
            table.update(entry)
            tables.append(table)
        if "peer" in document:
            document.remove("peer")
        document["peer"] = tables
        entries = document["peer"]
    assert isinstance(entries, AoT)
    return entries


def _index(entries: AoT, name: str) -> int:
    """Where the entry is that was read as the peer `name`: the first whole one, as in reading."""
    for index, entry in enumerate(entries):
        try:
            if _peer(entry).name == name:
                return index
        except ValueError:
            continue
    raise KeyError(name)


def _peer(entry: Any) -> Peer:
    if not isinstance(entry, dict):
        raise ValueError("It is not a table.")
    for key in ("name", "ae_title", "host", "port"):
        if key not in entry:
            raise ValueError(f"It has no {key!r}.")
    values = {key: entry[key] for key in _KEYS if key in entry}
    # Plain values: tomlkit's own str and int would carry their document along.
    return Peer(**{key: getattr(value, "unwrap", lambda v=value: v)() for key, value in values.items()})


def _table(peer: Peer) -> Table:
    table = tomlkit.table()
    for key in _KEYS:
        if getattr(peer, key) != "":
            table[key] = getattr(peer, key)
    return table
