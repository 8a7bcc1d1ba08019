"""Peers for the jobs: pynetdicom in this process, DCMTK's servers as processes, and servers that are no DICOM."""

import contextlib
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from functools import partialmethod
from pathlib import Path
from typing import Any

import pynetdicom.transport
import pytest
from peers import require_program
from scu_peers import free_port, peer_at

from workstation.peers import Peer
from workstation.scu.caller import Caller

CALLER = Caller(ae_title="WORKSTATION", connection_timeout=15, acse_timeout=15, dimse_timeout=15, network_timeout=30)


@pytest.fixture
def caller() -> Caller:
    return CALLER


@pytest.fixture
def pynetdicom_peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Peer]]:
    """Starts pynetdicom servers: `(contexts, handlers, setup)` -> the peer."""
    # left to itself a server looks twice a second whether it is to end
    look = partialmethod(socketserver.BaseServer.serve_forever, 0.01)
    monkeypatch.setattr(pynetdicom.transport.ThreadedAssociationServer, "serve_forever", look, raising=False)
    entities: list[pynetdicom.AE] = []

    def start(contexts: Any, handlers: Any = (), setup: Callable[[pynetdicom.AE], None] = lambda ae: None) -> Peer:
        ae = pynetdicom.AE("PEER")
        for uid, *options in contexts:
            ae.add_supported_context(uid, *options)
        setup(ae)
        server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=list(handlers))
        entities.append(ae)
        return peer_at(server.socket.getsockname()[1])

    yield start
    for ae in entities:
        ae.shutdown()


@pytest.fixture
def raw_server() -> Iterator[Callable[[Callable[[socket.socket], None]], Peer]]:
    """Starts TCP servers that treat one connection as they are told."""
    threads: list[threading.Thread] = []
    sockets: list[socket.socket] = []

    def start(conversation: Callable[[socket.socket], None]) -> Peer:
        listener = socket.create_server(("127.0.0.1", 0))
        sockets.append(listener)

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(10)
                    conversation(connection)

        thread = threading.Thread(target=serve, name="raw-server")
        thread.start()
        threads.append(thread)
        return peer_at(listener.getsockname()[1])

    yield start
    for listener in sockets:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def _wait_until_listening(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        threading.Event().wait(0.02)
    raise AssertionError("the server does not listen")


@pytest.fixture
def process() -> Iterator[Callable[..., None]]:
    """Starts server processes: `(port, *command)`; they end with the test."""
    running: list[subprocess.Popen[bytes]] = []

    def start(port: int, *command: str) -> None:
        program, *arguments = command
        # In the environment as it is, not as `peers` makes it: how a peer behaves as shipped is part of what is tested.
        running.append(
            subprocess.Popen([require_program(program), *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        )
        _wait_until_listening(port, running[-1])

    yield start
    for each in running:
        each.terminate()
        each.communicate(timeout=10)


@pytest.fixture
def storescp(process: Callable[..., None], tmp_path: Path) -> Callable[..., tuple[Peer, Path]]:
    """Starts DCMTK's storescp with more options: the peer and the folder that it stores in."""

    def start(*options: str) -> tuple[Peer, Path]:
        port, folder = free_port(), tmp_path / "stored"
        folder.mkdir()
        process(port, "storescp", "-od", str(folder), "-aet", "STORESCP", *options, str(port))
        return peer_at(port, "STORESCP"), folder

    return start


@pytest.fixture
def dcmqrscp(process: Callable[..., None], tmp_path: Path) -> Callable[..., Peer]:
    """Starts DCMTK's dcmqrscp, empty, which knows move destinations by title and port."""

    def start(**destinations: int) -> Peer:
        port, folder = free_port(), tmp_path / "dcmqrscp"
        folder.mkdir()
        hosts = "\n".join(f"{title.lower()} = ({title}, 127.0.0.1, {at})" for title, at in destinations.items())
        config = tmp_path / "dcmqrscp.cfg"
        config.write_text(
            f"NetworkTCPPort = {port}\nMaxPDUSize = 65536\nMaxAssociations = 16\n"
            f"HostTable BEGIN\n{hosts}\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
            f"AETable BEGIN\nDCMQRSCP {folder} RW (200, 1024mb) ANY\nAETable END\n"
        )
        process(port, "dcmqrscp", "-c", str(config))
        return peer_at(port, "DCMQRSCP")

    return start
