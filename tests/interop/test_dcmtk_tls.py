"""Associations over TLS (PS3.15 Annex B) with DCMTK: both roles, both versions, certificates asked for and refused."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from dcmtk_peers import Credentials, Seen, credentials, serving
from peers import run, storescp
from pydicom import dcmread
from pydicom.dataset import Dataset

from workstation.net import AE, evt
from workstation.net.association import Association
from workstation.net.shell.connecting import TLSHandshakeError
from workstation.net.sop_class import (
    CTImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    Verification,
)

QUICK = 8.0
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Credentials:
    return credentials(tmp_path_factory.mktemp("server"), "server", authority)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Credentials:
    return credentials(tmp_path_factory.mktemp("client"), "client", authority)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    """Somebody of another authority, and who trusts only that one."""
    return credentials(tmp_path_factory.mktemp("stranger"), "stranger", trustme.CA())


@pytest.fixture
def image(samples: Path) -> Path:
    return samples / "ct-chest" / "01.dcm"


@contextmanager
def _ours(context: ssl.SSLContext | None) -> Iterator[tuple[int, Seen]]:
    """A server of ours for echo, store, find, get; and what it saw."""
    seen = Seen()

    def on_store(event: Any) -> int:
        seen.add(event.dataset.PixelData)
        return 0x0000

    def on_find(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        for number in range(50):
            answer = Dataset()
            answer.QueryRetrieveLevel = "STUDY"
            answer.PatientID = f"P{number}"
            answer.ReferringPhysicianName = "x" * 60
            yield 0xFF00, answer

    ae = AE("OURS")
    ae.add_supported_context(Verification)
    ae.add_supported_context(CTImageStorage, scu_role=True, scp_role=True)
    ae.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    ends = (evt.EVT_RELEASED, evt.EVT_ABORTED, evt.EVT_ESTABLISHED)
    handlers: list[tuple[Any, ...]] = [(end, lambda event: seen.add(event.event.name)) for end in ends]
    handlers += [(evt.EVT_C_STORE, on_store), (evt.EVT_C_FIND, on_find)]
    with serving(ae, handlers, ssl_context=context) as number:
        yield number, seen


def _ask(number: int, context: ssl.SSLContext | None, *uids: str, **options: Any) -> Association:
    ae = AE("OURS")
    ae.acse_timeout = 10
    for uid in uids or (Verification, CTImageStorage):
        ae.add_requested_context(uid)
    tls = (context, "localhost") if context else None
    return ae.associate("127.0.0.1", number, tls_args=tls, **options)


# ------------------------------------------------------------------- we are the server
@pytest.mark.parametrize("profile", ["+py", "+px", "+pz"])
def test_dcmtks_profiles(server: Credentials, client: Credentials, profile: str) -> None:
    with _ours(server.context(ssl.Purpose.CLIENT_AUTH)) as (number, seen):
        done = run("echoscu", "-v", "--repeat", 3, *client.tls, profile, "localhost", number)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("Received Echo Response (Success)") == 3
        assert "EVT_RELEASED" in seen.wait(lambda items: len(items) == 2)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("pdu", [4096, 131072])
def test_storescu(server: Credentials, client: Credentials, samples: Path, version: ssl.TLSVersion, pdu: int) -> None:
    context = server.context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = context.maximum_version = version
    files = sorted((samples / "ct-chest").glob("*.dcm"))
    with _ours(context) as (number, seen):
        done = run("storescu", "-R", "--max-send-pdu", pdu, *client.tls, "localhost", number, *files)
        assert done.returncode == 0, done.stderr
        # storescu ends before our side has noticed the release.
        items = seen.wait(lambda items: len(items) == len(files) + 2)
        assert items[1:-1] == [dcmread(path).PixelData for path in files]


def test_findscu_gets_many_answers(server: Credentials, client: Credentials, tmp_path: Path) -> None:
    with _ours(server.context(ssl.Purpose.CLIENT_AUTH)) as (number, _):
        keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID"]
        done = run("findscu", "-S", *client.tls, *keys, "-X", "-od", tmp_path, "localhost", number)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("rsp*.dcm"))) == 50


def test_client_certificates_are_asked_for(server: Credentials, client: Credentials, stranger: Credentials) -> None:
    """None, one of another authority, the right one; the server goes on throughout."""
    demanding = server.context(ssl.Purpose.CLIENT_AUTH, verify=True)
    with _ours(demanding) as (number, seen):
        for arguments in (["+tla", "-ic"], ["+tls", str(stranger.key), str(stranger.certificate), "-ic"]):
            done = run("echoscu", "-v", *arguments, "localhost", number, timeout=20)
            assert done.returncode != 0
        assert seen.items == []
        done = run("echoscu", "-v", *client.tls, "localhost", number)
        assert done.returncode == 0, done.stderr
        seen.wait(lambda items: items == ["EVT_ESTABLISHED", "EVT_RELEASED"])


def test_anonymous_clients_where_none_is_asked_for(server: Credentials, client: Credentials) -> None:
    lenient = server.context(ssl.Purpose.CLIENT_AUTH, verify=False)
    with _ours(lenient) as (number, _):
        done = run("echoscu", "+tla", "+cf", client.authority, "localhost", number)
        assert done.returncode == 0, done.stderr


def test_a_client_that_does_not_trust_us(server: Credentials, stranger: Credentials) -> None:
    lenient = server.context(ssl.Purpose.CLIENT_AUTH, verify=False)
    with _ours(lenient) as (number, seen):
        started = time.monotonic()
        done = run("echoscu", "-v", *stranger.tls, "localhost", number)
        assert time.monotonic() - started < QUICK
        assert done.returncode != 0
        assert "certificate" in done.stderr.lower(), done.stderr
        assert run("echoscu", "+tla", "-ic", "localhost", number).returncode == 0
        assert seen.items.count("EVT_ESTABLISHED") == 1


def test_a_plain_client_of_our_tls_server(server: Credentials, client: Credentials) -> None:
    with _ours(server.context(ssl.Purpose.CLIENT_AUTH)) as (number, seen):
        started = time.monotonic()
        done = run("echoscu", "-v", "-ta", 10, "localhost", number)
        assert time.monotonic() - started < QUICK
        assert done.returncode != 0
        assert run("echoscu", *client.tls, "localhost", number).returncode == 0
        assert seen.items.count("EVT_ESTABLISHED") == 1


def test_a_tls_client_of_our_plain_server(client: Credentials) -> None:
    with _ours(None) as (number, seen):
        started = time.monotonic()
        done = run("echoscu", "-v", *client.tls, "-ta", 10, "localhost", number)
        assert time.monotonic() - started < QUICK
        assert done.returncode != 0
        assert run("echoscu", "localhost", number).returncode == 0
        assert seen.items.count("EVT_ESTABLISHED") == 1


def test_a_client_that_aborts(server: Credentials, client: Credentials) -> None:
    with _ours(server.context(ssl.Purpose.CLIENT_AUTH)) as (number, seen):
        done = run("echoscu", "-v", "--abort", *client.tls, "localhost", number)
        assert done.returncode == 0, done.stderr
        assert seen.wait(lambda items: len(items) == 2) == ["EVT_ESTABLISHED", "EVT_ABORTED"]


def test_a_client_of_old_versions_only(server: Credentials, client: Credentials) -> None:
    """DCMTK's retired profile of unencrypted suites has nothing in common with us."""
    with _ours(server.context(ssl.Purpose.CLIENT_AUTH)) as (number, seen):
        done = run("echoscu", "-v", *client.tls, "+pn", "localhost", number)
        assert done.returncode != 0
        assert seen.items == []
        assert run("echoscu", *client.tls, "localhost", number).returncode == 0


# ------------------------------------------------------------------- we are the client
@pytest.mark.parametrize("version", VERSIONS)
def test_to_storescp(
    server: Credentials, client: Credentials, image: Path, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    context = client.context(ssl.Purpose.SERVER_AUTH)
    context.minimum_version = context.maximum_version = version
    with storescp(tmp_path, "+B", "-pdu", "131072", *server.tls) as number:
        assoc = _ask(number, context)
        assert assoc.is_established, assoc.end_reason
        assert assoc.send_c_echo().Status == 0x0000
        assert assoc.send_c_store(image, streamed=True).Status == 0x0000
        assoc.release()
        assert assoc.is_released
        again = _ask(number, context)
        again.abort()
        assert again.is_aborted
        last = _ask(number, context)
        assert last.send_c_echo().Status == 0x0000
        last.release()
    (kept,) = tmp_path.iterdir()
    assert dcmread(kept) == dcmread(image)


def test_storescp_asks_for_our_certificate(
    server: Credentials, client: Credentials, stranger: Credentials, tmp_path: Path
) -> None:
    """With TLS 1.3 the server refuses after the client's handshake is over: it must not look established."""
    without = client.context(ssl.Purpose.SERVER_AUTH, present=False)
    wrong = client.context(ssl.Purpose.SERVER_AUTH, present=False)
    wrong.load_cert_chain(stranger.certificate, stranger.key)
    older = client.context(ssl.Purpose.SERVER_AUTH, present=False)
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    with storescp(tmp_path, "-rc", *server.tls) as number:
        for context in (without, wrong, older):
            started = time.monotonic()
            assoc = _ask(number, context)
            assert time.monotonic() - started < QUICK
            assert assoc.is_aborted
            assert not assoc.is_established
            assert assoc.end_reason
        assoc = _ask(number, client.context(ssl.Purpose.SERVER_AUTH))
        assert assoc.send_c_echo().Status == 0x0000
        assoc.release()


def test_storescp_that_we_do_not_trust(server: Credentials, stranger: Credentials, tmp_path: Path) -> None:
    with storescp(tmp_path, "-ic", *server.tls) as number:
        started = time.monotonic()
        assoc = _ask(number, stranger.context(ssl.Purpose.SERVER_AUTH))
        assert time.monotonic() - started < QUICK
        assert assoc.is_aborted
        assert isinstance(assoc.connection_error, TLSHandshakeError)
        assert "certificate" in assoc.end_reason


def test_storescp_under_another_name(server: Credentials, client: Credentials, tmp_path: Path) -> None:
    with storescp(tmp_path, *server.tls) as number:
        ae = AE("OURS")
        ae.add_requested_context(Verification)
        context = client.context(ssl.Purpose.SERVER_AUTH)
        assoc = ae.associate("127.0.0.1", number, tls_args=(context, "pacs.example.org"))
        assert assoc.is_aborted
        assert isinstance(assoc.connection_error, TLSHandshakeError)


def test_plain_to_a_tls_storescp(server: Credentials, client: Credentials, tmp_path: Path) -> None:
    with storescp(tmp_path, *server.tls) as number:
        started = time.monotonic()
        assoc = _ask(number, None)
        assert time.monotonic() - started < QUICK
        assert assoc.is_aborted
        assert not assoc.is_established
        good = _ask(number, client.context(ssl.Purpose.SERVER_AUTH))
        assert good.send_c_echo().Status == 0x0000
        good.release()


def test_tls_to_a_plain_storescp(client: Credentials, tmp_path: Path) -> None:
    with storescp(tmp_path) as number:
        started = time.monotonic()
        assoc = _ask(number, client.context(ssl.Purpose.SERVER_AUTH))
        assert time.monotonic() - started < QUICK
        assert assoc.is_aborted
        assert isinstance(assoc.connection_error, TLSHandshakeError)
        plain = _ask(number, None)
        assert plain.send_c_echo().Status == 0x0000
        plain.release()


@pytest.mark.parametrize("option", ["--abort-after", "--abort-during"])
def test_storescp_that_aborts(
    server: Credentials, client: Credentials, image: Path, tmp_path: Path, option: str
) -> None:
    with storescp(tmp_path, option, *server.tls) as number:
        assoc = _ask(number, client.context(ssl.Purpose.SERVER_AUTH))
        assert "Status" not in assoc.send_c_store(dcmread(image))
        assert assoc.over.wait(QUICK)
        assert assoc.is_aborted
