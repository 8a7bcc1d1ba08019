import errno
import os
import socket
import ssl

import pytest

from workstation.scu.explain_transport import explain_connection, explain_first_bytes
from workstation.scu.failure import Layer


@pytest.mark.parametrize(
    ("error", "layer", "words"),
    [
        (OSError(errno.ECONNREFUSED, "Connection refused"), Layer.TCP, "Nothing listens at pacs:104"),
        (TimeoutError("timed out"), Layer.TCP, "pacs:104 did not answer in time (timed out)"),
        (OSError(errno.ETIMEDOUT, "x"), Layer.TCP, "did not answer in time"),
        (socket.gaierror(-2, "Name or service not known"), Layer.TCP, "'pacs' cannot be resolved (Name or"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), Layer.TCP, "There is no way to pacs:104"),
        (OSError(errno.ENETUNREACH, "x"), Layer.TCP, "There is no way"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), Layer.TCP, "pacs:104 cut the connection"),
        (PermissionError(errno.EACCES, "x"), Layer.TCP, "does not allow the connection"),
        (OSError(errno.EMFILE, "Too many open files"), Layer.LOCAL, "Too many connections"),
        (OSError(errno.EIO, os.strerror(errno.EIO)), Layer.TCP, "cannot be reached"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong"), Layer.TLS, "does not speak TLS"),
        (ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED]"), Layer.TLS, "refused the TLS handshake"),
        (ssl.SSLError(1, "odd"), Layer.TLS, "The TLS handshake with pacs:104 failed"),
    ],
)
def test_no_connection(error: OSError, layer: Layer, words: str) -> None:
    failure = explain_connection(error, "pacs", 104)
    assert failure.layer is layer
    assert words in failure.sentence
    assert failure.remedy


def test_an_untrusted_certificate() -> None:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")
    error.verify_message = "self-signed certificate"
    failure = explain_connection(error, "::1", 2762)
    assert failure.layer is Layer.TLS
    assert "[::1]:2762 is not trusted (self-signed certificate)" in failure.sentence


@pytest.mark.parametrize(
    ("first", "layer", "words"),
    [
        (bytes.fromhex("15030300020246"), Layer.TLS, "expects TLS"),
        (b"HTTP/1.1 400 Bad Request\r\n", Layer.ASSOCIATION, "is a web server"),
        (b"<html>", Layer.ASSOCIATION, "is a web server"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Layer.ASSOCIATION, "is an SSH server"),
        (b"\x0bMSH|^~\\&|", Layer.ASSOCIATION, "is an HL7 server"),
        (b"\xff\x00\x01", Layer.ASSOCIATION, "is no DICOM server"),
    ],
)
def test_other_servers_at_the_port(first: bytes, layer: Layer, words: str) -> None:
    failure = explain_first_bytes(first, "h:1")
    assert failure is not None
    assert failure.layer is layer
    assert words in failure.sentence
    assert first[:7].hex(" ")[:8] in failure.sentence
    assert failure.sentence.isprintable()


@pytest.mark.parametrize("first", [b"", b"\x02\x00\x00\x00", b"\x03\x00", b"\x07\x00"])
def test_dicom_is_no_stranger(first: bytes) -> None:
    assert explain_first_bytes(first, "h:1") is None
