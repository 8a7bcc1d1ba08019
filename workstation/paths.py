"""Where things are: the folder of everything that the program writes, and the files that come with it.

Knows the file system's conventions and nothing of what the files hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs

_PACKAGE = Path(__file__).resolve().parent

# An installed wheel carries the resources inside the package; a checkout has them beside it.
_RESOURCE_FOLDERS = (_PACKAGE / "_resources", _PACKAGE.parent / "resources")


def default_data_dir() -> Path:
    """The folder that this system keeps for a program's data; it need not exist yet."""
    return platformdirs.user_data_path("DICOM Workstation", appauthor=False)


@dataclass(frozen=True, slots=True)
class DataDir:
    """The one folder that holds everything the program writes."""

    root: Path

    @classmethod
    def at(cls, folder: str | Path | None = None) -> DataDir:
        """Make sure of the folder (the system's usual one if none is given); OSError if that cannot be."""
        root = Path(folder).expanduser().absolute() if folder is not None else default_data_dir()
        root.mkdir(parents=True, exist_ok=True)
        return cls(root)

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.root / "settings.toml"

    @property
    def peers(self) -> Path:
        """The peer address book."""
        return self.root / "peers.toml"

    @property
    def filters(self) -> Path:
        """The file of saved display filters and colours."""
        return self.root / "filters.toml"

    @property
    def archive(self) -> Path:
        """The folder of the test server's stored objects and their index."""
        return self.root / "archive"

    @property
    def ledger(self) -> Path:
        """The database of what the test servers keep beside objects: worklist, procedure steps, print jobs, UPS."""
        return self.root / "ledger.sqlite"

    @property
    def servers(self) -> Path:
        """The folder of the test servers' profiles."""
        return self.root / "servers"

    @property
    def received(self) -> Path:
        """The folder of objects that a retrieve brought here without going through the archive."""
        return self.root / "received"

    @property
    def log(self) -> Path:
        """The program's own log file."""
        return self.root / "workstation.log"

    @property
    def window(self) -> Path:
        """Layout, columns and sizes of the window, kept between runs."""
        return self.root / "window.ini"


def resource(name: str) -> Path:
    """A file or folder that comes with the program, such as `"samples"` or `"icons/send.svg"`.

    Raises:
        FileNotFoundError: It is not there, so the installation is incomplete.
    """
    for folder in _RESOURCE_FOLDERS:
        candidate = folder / name
        if candidate.exists():
            return candidate
    places = " or ".join(str(folder) for folder in _RESOURCE_FOLDERS)
    raise FileNotFoundError(f"The program's own file {name!r} is missing from {places}: install the program again.")
