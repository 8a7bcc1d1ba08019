"""Where associations come from and go to: IPv4, IPv6, host names, the local end, what both ends are told of it."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from live_ends import Ear, only
from raw_peer import scp

from workstation.net import AE, evt
from workstation.net.association import Association
from workstation.net.listener import AssociationServer, ThreadedAssociationServer
from workstation.net.shell.address import AddressInformation, from_socket
from workstation.net.sop_class import Verification
from workstation.net.transport import AddressInformation as FromTransport


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not _has_ipv6(), reason="no IPv6 loopback here")


def scu() -> AE:
    ae = AE("SCU")
    ae.add_requested_context(Verification)
    return ae


@contextlib.contextmanager
def listening(address: Any, *handlers: Any) -> Iterator[AssociationServer]:
    server = scp().start_server(address, block=False, evt_handlers=list(handlers))
    assert server is not None
    try:
        yield server
    finally:
        server.shutdown()


def works(assoc: Association) -> None:
    assert assoc.is_established, assoc.end_reason
    assert assoc.send_c_echo().Status == 0x0000
    assoc.release()
    assert assoc.is_released


# --------------------------------------------------------------------------- AddressInformation
def test_ipv4() -> None:
    info = AddressInformation("10.1.2.3", 11112)
    assert (info.address, info.port, info.flowinfo, info.scope_id) == ("10.1.2.3", 11112, 0, 0)
    assert info.as_tuple == ("10.1.2.3", 11112)
    assert (info.is_ipv4, info.is_ipv6, info.address_family) == (True, False, socket.AF_INET)
    assert str(info) == "10.1.2.3:11112"
    assert FromTransport is AddressInformation


def test_ipv6_addresses() -> None:
    info = AddressInformation("fe80::1", 104, 7, 3)
    assert info.as_tuple == ("fe80::1", 104, 7, 3)
    assert (info.is_ipv4, info.is_ipv6, info.address_family) == (False, True, socket.AF_INET6)
    assert AddressInformation("::1", 104).as_tuple == ("::1", 104, 0, 0)
    assert AddressInformation("fe80::1%lo", 104).is_ipv6
    assert str(info) == "[fe80::1]:104"


@pytest.mark.parametrize("given", [("10.0.0.1", 5), ("::1", 5, 0, 0), ("fe80::1", 5, 1, 2)])
def test_there_and_back(given: Any) -> None:
    assert AddressInformation.from_tuple(given).as_tuple == given
    assert AddressInformation.from_tuple(given) == AddressInformation(*given)
    assert hash(AddressInformation.from_tuple(given)) == hash(AddressInformation(*given))


def test_the_arguments_of_associate() -> None:
    assert AddressInformation.from_addr_port("10.0.0.1", 5).as_tuple == ("10.0.0.1", 5)
    assert AddressInformation.from_addr_port(("fe80::1", 1, 2), 5).as_tuple == ("fe80::1", 5, 1, 2)


def test_changed_in_place() -> None:
    info = AddressInformation("10.0.0.1", 5)
    info.address = "::1"
    info.port, info.flowinfo, info.scope_id = 6, 1, 2
    assert info.as_tuple == ("::1", 6, 1, 2)
    assert info != AddressInformation("::1", 6)
    assert info != ("::1", 6, 1, 2)


def test_names_are_resolved_when_they_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::9", port, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.9.9.9", port)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    info = AddressInformation("pacs.example", 104)
    assert info.as_tuple == ("10.9.9.9", 104)
    assert asked == ["pacs.example"]
    for literal in ("10.0.0.1", "::1"):
        info.address = literal
        assert info.address == literal
    assert asked == ["pacs.example"]


def test_what_no_name_server_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(OSError, match="not known"):
        AddressInformation("nobody.example", 104)
    with pytest.raises(OSError, match="not known"):
        scp().start_server(("nobody.example", 0), block=False)
    ae = scu()
    assoc = ae.associate("nobody.example", 104)
    assert (assoc.is_aborted, assoc.is_rejected, assoc.is_established) == (True, False, False)
    assert isinstance(assoc.connection_error, socket.gaierror)
    assert ae.active_associations == []


def test_an_ipv4_peer_of_an_ipv6_socket_is_an_ipv4_peer() -> None:
    assert from_socket(("::ffff:10.0.0.1", 5, 0, 0)) == AddressInformation("10.0.0.1", 5)


# --------------------------------------------------------------------------- both ends
@pytest.mark.parametrize(
    ("where", "asks"),
    [
        (("127.0.0.1", 0), "127.0.0.1"),
        (("127.0.0.2", 0), "127.0.0.2"),
        (("", 0), "127.0.0.1"),
        (("localhost", 0), "localhost"),
        pytest.param(("::1", 0), "::1", marks=needs_ipv6),
        pytest.param(("::1", 0, 0, 0), ("::1", 0, 0), marks=needs_ipv6),
    ],
)
def test_what_is_known_of_both_ends(where: Any, asks: Any) -> None:
    ours, theirs = Ear(), Ear()
    with listening(where, *theirs.handlers(evt.EVT_CONN_OPEN, evt.EVT_CONN_CLOSE)) as server:
        assert server.address_info.port == server.server_address[1] > 0
        port = server.server_address[1]
        handlers = ours.handlers(evt.EVT_CONN_OPEN, evt.EVT_CONN_CLOSE)
        assoc = scu().associate(asks, port, ae_title="SCP", evt_handlers=handlers)
        assert assoc.is_established, assoc.end_reason
        other = only(server)
        assert other.remote["address"] == assoc.local["address"] == assoc.requestor.address
        assert other.remote["port"] == assoc.local["port"] == assoc.requestor.port
        assert other.local["address"] == assoc.remote["address"] == assoc.acceptor.address
        assert other.local["port"] == assoc.remote["port"] == assoc.acceptor.port == port
        assert (assoc.local["ae_title"], assoc.remote["ae_title"]) == ("SCU", "SCP")
        assert (other.local["ae_title"], other.remote["ae_title"]) == ("SCP", "SCU")
        assert [end["mode"] for end in (assoc.local, assoc.remote)] == ["requestor", "acceptor"]
        assert [end["mode"] for end in (other.local, other.remote)] == ["acceptor", "requestor"]
        info = assoc.acceptor.address_info
        assert info is not None
        assert info.is_ipv6 is (":" in info.address)
        local = (assoc.requestor.address, assoc.requestor.port)
        remote = (assoc.acceptor.address, assoc.acceptor.port)
        works(assoc)
        assert assoc.over.wait(5)
        for event in (evt.EVT_CONN_OPEN, evt.EVT_CONN_CLOSE):
            assert ours.until(event).address == remote
            assert theirs.until(event).address == local


def test_what_is_not_known_yet() -> None:
    assoc = Association(scu(), "requestor")
    for end in (assoc.requestor, assoc.acceptor):
        with pytest.raises(ValueError, match="address"):
            _ = end.address
        with pytest.raises(ValueError, match="address"):
            _ = end.port
        assert end.info["address"] is None
        assert "pdv_size" not in end.info
    with pytest.raises(ValueError, match="mode"):
        Association(scu(), "both")


# --------------------------------------------------------------------------- the local end
def test_a_local_address_and_port(free_port: int) -> None:
    with listening(("127.0.0.1", 0)) as server:
        port = server.server_address[1]
        for local in (("127.0.0.3", free_port), ("127.0.0.3", 0), ("", 0)):
            assoc = scu().associate("127.0.0.1", port, bind_address=local)
            assert assoc.is_established, assoc.end_reason
            assert assoc.requestor.address == (local[0] or "127.0.0.1")
            if local[1]:
                assert assoc.requestor.port == local[1]
            assert only(server).requestor.address == assoc.requestor.address
            works(assoc)
            assert assoc.over.wait(5)
            for other in server.active_associations:
                assert other.over.wait(5)


@needs_ipv6
def test_a_local_ipv6_address() -> None:
    with listening(("::1", 0)) as server:
        for local in (("::1", 0, 0, 0), ("::1", 0)):
            assoc = scu().associate("::1", server.server_address[1], bind_address=local)
            assert assoc.is_established, assoc.end_reason
            assert assoc.requestor.address == "::1"
            works(assoc)


@pytest.mark.parametrize("local", [("192.0.2.1", 0), ("::1", 0, 0, 0)])
def test_a_local_address_that_cannot_be(local: Any) -> None:
    with listening(("127.0.0.1", 0)) as server:
        ae = scu()
        assoc = ae.associate("127.0.0.1", server.server_address[1], bind_address=local)
        assert (assoc.is_aborted, assoc.is_rejected) == (True, False)
        assert isinstance(assoc.connection_error, OSError)
        assert ae.active_associations == []


def test_a_local_port_that_is_taken() -> None:
    with listening(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as taken:
        assoc = scu().associate("127.0.0.1", server.server_address[1], bind_address=taken.getsockname())
        assert assoc.is_aborted
        assert isinstance(assoc.connection_error, OSError)
        assert assoc.connection_error.errno == errno.EADDRINUSE


@pytest.mark.parametrize(
    "given",
    [
        {"addr": 127},
        {"addr": None},
        {"addr": ("::1", 0)},
        {"addr": ("::1", 0, 0, 0)},
        {"addr": (1, 0, 0)},
        {"port": "104"},
        {"port": 104.0},
        {"port": None},
        {"bind_address": "127.0.0.1"},
        {"bind_address": 0},
        {"bind_address": ("127.0.0.1",)},
    ],
    ids=str,
)
def test_what_is_no_address(given: dict[str, Any]) -> None:
    ae = scu()
    arguments: dict[str, Any] = {"addr": "127.0.0.1", "port": 104, **given}
    with pytest.raises(TypeError):
        ae.associate(**arguments)
    assert ae.active_associations == []


# --------------------------------------------------------------------------- names of several addresses
def entry(host: str, port: int) -> Any:
    if ":" in host:
        return socket.AF_INET6, socket.SOCK_STREAM, 6, "", (host, port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """What `getaddrinfo` finds for names of this test."""
    known: dict[str, list[Any]] = {}
    resolve = socket.getaddrinfo

    def look_up(host: str, port: int, *arguments: Any, **options: Any) -> Any:
        if host in known:
            return known[host]
        return resolve(host, port, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@pytest.mark.parametrize(
    "refusing",
    [["127.0.0.2"], ["127.0.0.2", "127.0.0.3", "127.0.0.4"], pytest.param(["::1"], marks=needs_ipv6)],
    ids=str,
)
def test_the_address_that_answers_is_taken(names: dict[str, list[Any]], refusing: list[str]) -> None:
    with listening(("127.0.0.1", 0)) as server:
        port = server.server_address[1]
        names["many.example"] = [entry(host, port) for host in (*refusing, "127.0.0.1")]
        ear = Ear()
        assoc = scu().associate("many.example", port, evt_handlers=ear.handlers())
        assert (assoc.acceptor.address, assoc.acceptor.port) == ("127.0.0.1", port)
        works(assoc)
        assert [heard.address for heard in ear.of(evt.EVT_CONN_OPEN)] == [("127.0.0.1", port)]
        # one association all the way, not one for each address
        assert len(ear.of(evt.EVT_REQUESTED)) == len(ear.of(evt.EVT_ESTABLISHED)) == 1


@needs_ipv6
def test_ipv6_after_ipv4_has_refused(names: dict[str, list[Any]]) -> None:
    with listening(("::1", 0)) as server:
        port = server.server_address[1]
        names["both.example"] = [entry("127.0.0.1", port), entry("::1", port)]
        assoc = scu().associate("both.example", port)
        assert assoc.acceptor.address == "::1"
        works(assoc)


@needs_ipv6
def test_an_address_that_the_local_end_cannot_reach_is_passed_over(names: dict[str, list[Any]]) -> None:
    with listening(("127.0.0.1", 0)) as server:
        port = server.server_address[1]
        names["both.example"] = [entry("::1", port), entry("127.0.0.1", port)]
        assoc = scu().associate("both.example", port, bind_address=("127.0.0.3", 0))
        assert assoc.requestor.address == "127.0.0.3"
        works(assoc)
    with listening(("::1", 0)) as server:
        port = server.server_address[1]
        names["both.example"] = [entry("127.0.0.1", port), entry("::1", port)]
        with socket.create_server(("127.0.0.1", port)):  # would answer, but not to this local end
            assoc = scu().associate("both.example", port, bind_address=("::1", 0, 0, 0))
            assert assoc.requestor.address == "::1"
            works(assoc)


def test_no_address_answers(names: dict[str, list[Any]], free_port: int) -> None:
    names["none.example"] = [entry(host, free_port) for host in ("127.0.0.2", "127.0.0.3")]
    names["empty.example"] = []
    ear, ae = Ear(), scu()
    assoc = ae.associate("none.example", free_port, evt_handlers=ear.handlers())
    assert (assoc.is_aborted, assoc.is_rejected, assoc.is_established) == (True, False, False)
    assert isinstance(assoc.connection_error, ConnectionRefusedError)
    assert not ear.of(evt.EVT_CONN_OPEN)
    assert ae.associate("empty.example", free_port).is_aborted
    assert ae.active_associations == []


# --------------------------------------------------------------------------- servers
def test_servers_know_where_they_are() -> None:
    ae = scp()
    server = ae.make_server(("127.0.0.1", 0))
    try:
        assert type(server) is AssociationServer
        assert server.address_info == AddressInformation(*server.socket.getsockname())
        assert (server.ae, server.ae_title, server.ssl_context) == (ae, "SCP", None)
        assert server.active_associations == []
        with pytest.raises(TypeError):
            server.ssl_context = "TLS"  # type: ignore[assignment]
    finally:
        server.server_close()
    running = ae.start_server(("127.0.0.1", 0), block=False, ae_title="ELSEWHERE")
    assert isinstance(running, ThreadedAssociationServer)
    assert running.ae_title == "ELSEWHERE"
    running.shutdown()


@needs_ipv6
def test_one_ae_serves_both_families() -> None:
    ae = scp()
    servers = [ae.start_server((host, 0), block=False) for host in ("127.0.0.1", "::1")]
    for server in servers:
        assert server is not None
        works(scu().associate(server.address_info.address, server.server_address[1]))
    ae.shutdown()
    for server in servers:
        assert server is not None
        assert scu().associate(server.address_info.address, server.address_info.port).is_aborted
