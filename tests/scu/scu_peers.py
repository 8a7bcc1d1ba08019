"""What the tests of jobs share besides their fixtures."""

import socket
from typing import Any

from pydicom.dataset import Dataset

from workstation.peers import Peer


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def peer_at(port: int, ae_title: str = "PEER") -> Peer:
    return Peer("Peer", ae_title, "127.0.0.1", port)


def keys(**values: Any) -> Dataset:
    """An identifier's keys by keyword."""
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds
