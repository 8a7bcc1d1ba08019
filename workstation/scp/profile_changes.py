"""What somebody did to the files of profiles while the servers run: read, explained, nothing put in force here.

Pure but for reading the files, so that it can be done beside the window. A file is read when it is another one than
at the last look; `ProfileFolder` says which those are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workstation.scp.profiles import Profile, ProfileFile, Stamp, stamp_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A profile's file that is another one now."""

    path: Path
    stamp: Stamp | None
    """None if the file is gone."""
    profile: Profile | None = None
    """What it says now; None if it is gone, or cannot be used as it is."""
    problems: tuple[str, ...] = ()
    """Sentences about what is wrong in it."""


def look(folder: Path, known: Mapping[Path, Stamp]) -> tuple[Change, ...]:
    """What is new, changed or gone among a folder's profiles since `known`."""
    try:
        stamps = {path: stamp for path in sorted(folder.glob("*.toml")) if (stamp := stamp_of(path)) is not None}
    except OSError:
        # Told when something is to be kept there.
        return ()
    changes = [_read(path, stamp) for path, stamp in stamps.items() if known.get(path) != stamp]
    changes += [Change(path=path, stamp=None) for path in known if path not in stamps]
    return tuple(changes)


def _read(path: Path, stamp: Stamp) -> Change:
    file = ProfileFile(path)
    profile = file.load()
    # Half of what somebody wrote would be another server than they mean.
    usable = None if file.problems else profile
    return Change(path=path, stamp=stamp, profile=usable, problems=file.problems)
