"""Associations over TLS (PS3.15 Annex B) with certificates of a CA made for the test."""

from __future__ import annotations

import socket
import ssl
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import trustme
from pydicom.dataset import Dataset, FileMetaDataset
from raw_peer import RawPeer, request, scp, serves, serving, until

from workstation.net import AE, evt, listener
from workstation.net.association import Association
from workstation.net.codec.pdu import A_ABORT_RQ, encode_pdu
from workstation.net.listener import AssociationServer
from workstation.net.shell.connecting import TLSHandshakeError
from workstation.net.sop_class import (
    CTImageStorage,
    PatientRootQueryRetrieveInformationModelFind,
    Verification,
)

FIND = PatientRootQueryRetrieveInformationModelFind
EXPLICIT = "1.2.840.10008.1.2.1"


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server_context(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def client_context(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca.configure_trust(context)
    return context


def ask(server: AssociationServer, context: ssl.SSLContext | None, *uids: str, **options: Any) -> Association:
    ae = AE("SCU")
    ae.acse_timeout = 20
    for uid in uids or (Verification,):
        ae.add_requested_context(uid, EXPLICIT)
    tls = (context, "localhost") if context is not None else None
    return ae.associate("127.0.0.1", server.server_address[1], tls_args=tls, **options)


def test_echo_over_tls(server_context: ssl.SSLContext, client_context: ssl.SSLContext) -> None:
    with serving(scp(), ssl_context=server_context) as server:
        assoc = ask(server, client_context)
        assert assoc.is_established
        assert assoc.send_c_echo().Status == 0x0000
        assoc.release()
        assert assoc.is_released
        again = ask(server, client_context)
        again.abort()
        assert again.is_aborted
        assert again.over.wait(5)


def test_client_certificates(ca: trustme.CA, server_context: ssl.SSLContext, client_context: ssl.SSLContext) -> None:
    server_context.verify_mode = ssl.CERT_REQUIRED
    ca.configure_trust(server_context)
    with serving(scp(), ssl_context=server_context) as server:
        without = ask(server, client_context)
        assert without.is_aborted
        assert not without.is_established
        ca.issue_cert("scu@example.org").configure_cert(client_context)
        assoc = ask(server, client_context)
        assert assoc.send_c_echo().Status == 0x0000
        assoc.release()
        assert until(lambda: server.active_associations == [])


def test_a_server_that_the_client_does_not_trust(server_context: ssl.SSLContext) -> None:
    stranger = ssl.create_default_context()
    with serving(scp(), ssl_context=server_context) as server:
        assoc = ask(server, stranger)
        assert assoc.is_aborted
        assert isinstance(assoc.connection_error, TLSHandshakeError)
        assert "certificate" in assoc.end_reason
        wrong_name = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        wrong_name.check_hostname = True
        ae = AE()
        ae.add_requested_context(Verification)
        assoc = ae.associate("127.0.0.1", server.server_address[1], tls_args=(wrong_name, None))
        assert assoc.is_aborted  # a name has to be given for it to be checked
        assert isinstance(assoc.connection_error, TLSHandshakeError)


def test_tls_1_1_is_refused(server_context: ssl.SSLContext, client_context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        client_context.minimum_version = ssl.TLSVersion.TLSv1_1
        client_context.maximum_version = ssl.TLSVersion.TLSv1_1
    client_context.set_ciphers("ALL:@SECLEVEL=0")
    with serving(scp(), ssl_context=server_context) as server:
        assoc = ask(server, client_context)
        assert assoc.is_aborted
        assert isinstance(assoc.connection_error, TLSHandshakeError)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_that_are_allowed(
    version: ssl.TLSVersion, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    client_context.minimum_version = client_context.maximum_version = version
    with serving(scp(), ssl_context=server_context) as server:
        assoc = ask(server, client_context)
        assert assoc.send_c_echo().Status == 0x0000
        assoc.release()
        assert assoc.is_released


def test_a_plain_client_of_a_tls_server_ends_soon(
    server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    ae = scp()
    with serving(ae, ssl_context=server_context) as server:
        started = time.monotonic()
        assoc = ask(server, None)
        assert assoc.is_aborted
        assert time.monotonic() - started < 10
        good = ask(server, client_context)
        assert good.send_c_echo().Status == 0x0000
        good.release()
        assert until(lambda: server.active_associations == [])


def test_a_tls_client_of_a_plain_server_ends_soon(client_context: ssl.SSLContext) -> None:
    with serving(scp()) as server:
        started = time.monotonic()
        assoc = ask(server, client_context)
        assert assoc.is_aborted
        assert isinstance(assoc.connection_error, TLSHandshakeError)
        assert time.monotonic() - started < 10
        assert serves(server) < 10


def test_a_server_that_never_shakes_hands_ends_with_the_acse_timeout(client_context: ssl.SSLContext) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ae = AE()
        ae.acse_timeout = 0.3
        ae.add_requested_context(Verification)
        assoc = ae.associate("127.0.0.1", silent.getsockname()[1], tls_args=(client_context, "localhost"))
        assert assoc.is_aborted
        assert "in time" in assoc.end_reason


def test_a_handshake_under_way_can_be_given_up(client_context: ssl.SSLContext) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ae = AE()
        ae.add_requested_context(Verification)
        results: list[Association] = []
        where = silent.getsockname()[1]
        thread = threading.Thread(
            target=lambda: results.append(ae.associate("127.0.0.1", where, tls_args=(client_context, "localhost")))
        )
        thread.start()
        accepted, _ = silent.accept()
        accepted.recv(1)  # the ClientHello
        ae.shutdown()
        thread.join(10)
        assert not thread.is_alive()
        accepted.close()
    assert results[0].is_aborted
    assert results[0].over.is_set()


def test_stalled_handshakes_hinder_nobody(server_context: ssl.SSLContext, client_context: ssl.SSLContext) -> None:
    with serving(scp(), ssl_context=server_context) as server:
        stalled = [RawPeer.to(server) for _ in range(20)]
        for peer in stalled:
            peer.say(bytes.fromhex("16030100c8"))  # a record that never comes
        started = time.monotonic()
        assoc = ask(server, client_context)
        assert assoc.send_c_echo().Status == 0x0000
        assert time.monotonic() - started < 10
        assoc.release()
        assert until(lambda: server.active_associations == [])
        started = time.monotonic()
        server.shutdown()
        assert time.monotonic() - started < 3
        for peer in stalled:
            peer.until_closed()
            peer.close()


def test_stalled_handshakes_are_evicted_when_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    with serving(scp(), ssl_context=server_context) as server:
        stalled = [RawPeer.to(server) for _ in range(10)]
        monkeypatch.setattr(listener, "MOST_SILENT", 5)
        monkeypatch.setattr(listener, "SILENT_GRACE", 0.0)
        assoc = ask(server, client_context)
        assert assoc.is_established
        started = time.monotonic()
        stalled[0].until_closed()
        assert time.monotonic() - started < 10
        assoc.release()
        for peer in stalled:
            peer.close()


def test_a_handshake_has_a_deadline(monkeypatch: pytest.MonkeyPatch, server_context: ssl.SSLContext) -> None:
    from functools import partial

    from workstation.net import association
    from workstation.net.engine.upper_layer import Limits

    monkeypatch.setattr(association, "Limits", partial(Limits, request=0.2))
    with serving(scp(), ssl_context=server_context) as server, RawPeer.to(server) as stalled:
        started = time.monotonic()
        stalled.until_closed()
        assert 0.1 < time.monotonic() - started < 10


def test_both_sides_send_at_once(server_context: ssl.SSLContext, client_context: ssl.SSLContext) -> None:
    """A large object goes one way while many matches come the other way; nothing is lost or mixed."""
    pixels = bytes(range(256)) * 20_000
    stored: list[bytes] = []

    def on_store(event: Any) -> int:
        stored.append(event.dataset.PixelData)
        return 0x0000

    def on_find(event: Any) -> Iterator[Any]:
        for number in range(600):
            match = Dataset()
            match.PatientID = f"P{number}"
            match.PatientComments = "C" * 2000
            yield 0xFF00, match

    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, "1.2.3"
    image.add_new(0x7FE00010, "OW", pixels)
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = EXPLICIT
    handlers = [(evt.EVT_C_STORE, on_store), (evt.EVT_C_FIND, on_find)]
    with serving(scp(CTImageStorage, FIND), handlers, ssl_context=server_context) as server:
        assoc = ask(server, client_context, CTImageStorage, FIND)
        query = Dataset()
        query.PatientID = "*"
        matches = assoc.send_c_find(query, FIND, msg_id=1)
        status: list[Any] = []
        sender = threading.Thread(target=lambda: status.append(assoc.send_c_store(image, msg_id=2)))
        sender.start()
        found = [match.PatientID for _, match in matches if match is not None]
        sender.join(20)
        assert found == [f"P{number}" for number in range(600)]
        assert status[0].Status == 0x0000
        assoc.release()
        assert assoc.is_released
    assert stored == [pixels]


def test_noise_within_tls_is_answered_within_tls(
    server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    with serving(scp(), ssl_context=server_context) as server:
        plain = socket.create_connection(("127.0.0.1", server.server_address[1]), 5)
        with RawPeer(client_context.wrap_socket(plain, server_hostname="localhost")) as attacker:
            attacker.say(b"GET / HTTP/1.1\r\n\r\n")
            assert attacker.hear_abort() == A_ABORT_RQ(source=2, reason=1)
            attacker.until_closed()
        plain = socket.create_connection(("127.0.0.1", server.server_address[1]), 5)
        with RawPeer(client_context.wrap_socket(plain, server_hostname="localhost")) as peer:
            for byte in encode_pdu(request()):
                peer.say(bytes([byte]))
            assert peer.hear() is not None


def test_damage_to_the_stream_ends_the_association(
    server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    seen = threading.Event()
    with serving(scp(), [(evt.EVT_ABORTED, lambda event: seen.set())], ssl_context=server_context) as server:
        assoc = ask(server, client_context)
        sock = assoc._connection._socket
        assert isinstance(sock, ssl.SSLSocket)
        with socket.socket(fileno=socket.dup(sock.fileno())) as beneath:
            beneath.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        assert seen.wait(5)
        assert assoc.over.wait(5)
        assert assoc.is_aborted
