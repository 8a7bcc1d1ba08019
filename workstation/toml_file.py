"""A TOML file that a person and the program both write.

Reading gives a tomlkit document, so that comments, order and keys that we do not know survive our
writing. Writing is atomic: whoever reads sees the old file or the new one, never half of one. A file
that is no TOML is kept aside under another name and explained in a sentence.
Knows nothing of what the keys mean.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from workstation.small_file import read_small_file

# What takes tomlkit some ten seconds; what people write is a hundredth of it.
LARGEST = 1024 * 1024


def read_document(path: Path) -> tuple[tomlkit.TOMLDocument, str]:
    """The document at `path` and a sentence about what was wrong with it ("" if nothing was).

    A missing file is an empty document. A broken one is renamed (see `keep_aside`) and gives an empty
    document; one that cannot be read gives an empty document and stays where it is.
    """
    try:
        text = _read_text(path)
    except FileNotFoundError:
        return tomlkit.document(), ""
    except UnicodeDecodeError as error:
        return tomlkit.document(), _broken(path, f"byte {error.start} is not UTF-8 text")
    except OSError as error:
        reason = error.strerror or str(error)
        return tomlkit.document(), f"{path} cannot be read ({reason}); defaults are used."
    try:
        return tomlkit.parse(text), ""
    except TOMLKitError as error:
        # Not only its ParseError: a key that is there twice is another one.
        return tomlkit.document(), _broken(path, str(error))


def parse_file(path: Path) -> tomlkit.TOMLDocument:
    """The document at `path`, which stays where it is whatever is in it.

    Raises:
        ValueError: It cannot be read, or is no TOML; with a sentence.
    """
    try:
        return tomlkit.parse(_read_text(path))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is broken: byte {error.start} is not UTF-8 text.") from error
    except TOMLKitError as error:
        raise ValueError(f"{path} is broken: {error}.") from error


def _read_text(path: Path) -> str:
    # Windows' editor puts a byte order mark before it, and ends lines in its own way.
    text = read_small_file(path, LARGEST).decode("utf-8-sig")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _broken(path: Path, reason: str) -> str:
    try:
        kept = keep_aside(path)
    except OSError as error:
        return f"{path} is broken ({reason}) and cannot be kept aside ({error.strerror}); defaults are used."
    return f"{path} is broken ({reason}); it is kept as {kept.name} and defaults are used."


def keep_aside(path: Path) -> Path:
    """Rename the file to the first free `NAME.broken`, `NAME.broken-2`, ... and return that."""
    number = 1
    while True:
        suffix = ".broken" if number == 1 else f".broken-{number}"
        target = path.with_name(path.name + suffix)
        if not target.exists():
            path.rename(target)
            return target
        number += 1


def write_document(path: Path, document: tomlkit.TOMLDocument) -> None:
    """Replace the file as a whole, creating its folder if need be; OSError if that cannot be."""
    # Through a symbolic link, so that settings kept elsewhere (dot files) stay a link.
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=path.name + ".", suffix=".new", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(tomlkit.dumps(document))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
