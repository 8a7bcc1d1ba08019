"""Opening a transport connection to a peer: names that resolve to several addresses, deadlines, TLS (PS3.15 B)."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from workstation.net.readiness import Waker, wait

TLSArguments = tuple[ssl.SSLContext, str | None]


_UNDER_WAY = {errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY}


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
    waker: Waker | None = None,
    cancelled: Callable[[], bool] = lambda: False,
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
        waker: Called by whoever changes what `cancelled` says.
        cancelled: Whether nobody wants the connection any longer.

    Raises:
        OSError: No address answered; the last one's error.
        ConnectionAbortedError: It was cancelled.
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
            sock.setblocking(False)
            if bind_address and (bind_address[0] or bind_address[1]):
                sock.bind(tuple(bind_address))
            _await(sock, sock.connect_ex(target), left, waker, cancelled)
            return _secure(sock, tls, tls_timeout) if tls is not None else sock
        except (TLSHandshakeError, _CancelledError):
            sock.close()
            raise
        except OSError as error:
            last = error
            with contextlib.suppress(OSError):
                sock.close()
    raise last or TimeoutError(f"{host} did not answer within {timeout} s")


class _CancelledError(ConnectionAbortedError):
    """Nobody wants the connection any longer: no other address is tried."""


def _await(
    sock: socket.socket, code: int, timeout: float | None, waker: Waker | None, cancelled: Callable[[], bool]
) -> None:
    """Wait until a connection that is under way is open; OSError if it fails."""
    if code in _UNDER_WAY:
        ready = False
        if not cancelled():
            _, ready = wait(sock, waker, timeout, read=False, write=True)
        if cancelled():
            raise _CancelledError(errno.ECONNABORTED, "the connection was cancelled")
        if not ready:
            raise TimeoutError(errno.ETIMEDOUT, f"no answer within {timeout:g} s")
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def _secure(sock: socket.socket, tls: TLSArguments, timeout: float | None) -> ssl.SSLSocket:
    """Shake hands; on failure the socket is closed."""
    context, server_hostname = tls
    sock.settimeout(timeout)
    try:
        return context.wrap_socket(sock, server_hostname=server_hostname)
    except (OSError, ValueError) as error:
        sock.close()
        raise TLSHandshakeError(f"the TLS handshake failed: {error}") from error
