"""Text on the wire: UIDs and AE titles, read leniently and written strictly (PS3.5 section 6.2, PS3.8 Annex F).

Shared by the PDU and the DIMSE codec; knows neither.
"""

from __future__ import annotations

from workstation.net.errors import LocalProtocolError


def text_of(value: bytes | memoryview) -> str:
    """Any bytes as text: Latin-1 maps every byte to a character and back, so no input is refused or changed."""
    return str(value, "latin-1")


def uid_of(value: bytes | memoryview) -> str:
    """A UID without trailing NULs and spaces. Its form is not tested: peers send letters and over-long ones."""
    return str(value, "latin-1").rstrip("\0 ")


def ae_title_of(value: bytes | memoryview) -> str:
    """An AE title: what stands before the first NUL, without the spaces around it."""
    return str(value, "latin-1").partition("\0")[0].strip(" ")


def encode_uid(name: str, uid: str) -> bytes:
    """A UID without padding.

    Raises:
        LocalProtocolError: It is not 1 to 64 characters of printable ASCII.
    """
    if not 1 <= len(uid) <= 64 or not uid.isascii() or not uid.isprintable():
        raise LocalProtocolError(f"{name} is {uid!r}, not 1 to 64 characters")
    return uid.encode("ascii")


def encode_ae_title(name: str, title: str) -> bytes:
    """An AE title without padding.

    Raises:
        LocalProtocolError: It is not 1 to 16 characters of printable ASCII, or has a backslash.
    """
    if not (title.strip(" ") and len(title) <= 16 and title.isascii() and title.isprintable()) or "\\" in title:
        raise LocalProtocolError(f"{name} is {title!r}, not 1 to 16 printable ASCII characters without a backslash")
    return title.encode("ascii")
