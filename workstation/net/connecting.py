"""Opening a transport connection to a peer: names that resolve to several addresses, deadlines, TLS (PS3.15 B)."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from typing import Any

TLSArguments = tuple[ssl.SSLContext, str | None]


class TLSHandshakeError(OSError):
    """The TCP connection was opened, but the peer did not shake hands in TLS."""


def connect(
    host: str,
    port: int,
    *,
    timeout: float | None,
    bind_address: tuple[Any, ...] | None = None,
    tls: TLSArguments | None = None,
    tls_timeout: float | None = None,
    flowinfo: int = 0,
    scope_id: int = 0,
) -> socket.socket:
    """Open a connection to the first address of `host` that answers.

    Args:
        host: IPv4 or IPv6 address or host name.
        port: TCP port.
        timeout: Seconds for all addresses together, or None for the system's limit.
        bind_address: Local (host, port[, flowinfo, scope_id]) to come from.
        tls: TLS context and the server name to check, or None for plain TCP.
        tls_timeout: Seconds for the TLS handshake.
        flowinfo: IPv6 flow information.
        scope_id: IPv6 scope.

    Raises:
        OSError: No address answered; the last one's error.
        TLSHandshakeError: The handshake failed.
    """
    started = time.monotonic()
    last: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        left = None if timeout is None else timeout - (time.monotonic() - started)
        if left is not None and left <= 0:
            break
        target: tuple[Any, ...] = tuple(address)
        if family == socket.AF_INET6:
            target = (*target[:2], flowinfo, scope_id or target[3])
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(left)
            if bind_address and (bind_address[0] or bind_address[1]):
                sock.bind(tuple(bind_address))
            sock.connect(target)
            return _secure(sock, tls, tls_timeout) if tls is not None else sock
        except TLSHandshakeError:
            raise
        except OSError as error:
            last = error
            with contextlib.suppress(OSError):
                sock.close()
    raise last or TimeoutError(f"{host} did not answer within {timeout} s")


def _secure(sock: socket.socket, tls: TLSArguments, timeout: float | None) -> ssl.SSLSocket:
    """Shake hands; on failure the socket is closed."""
    context, server_hostname = tls
    sock.settimeout(timeout)
    try:
        return context.wrap_socket(sock, server_hostname=server_hostname)
    except (OSError, ValueError) as error:
        sock.close()
        raise TLSHandshakeError(f"the TLS handshake failed: {error}") from error
