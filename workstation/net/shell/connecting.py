"""Opening a transport connection to a peer: names that resolve to several addresses, deadlines, TLS (PS3.15 B).

No socket blocks here: whoever wants the connection gives the `Pause` in which it is waited for, and ends it when
nobody wants the connection any longer. Knows no thread.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
import time
from typing import Any, Protocol

TLSArguments = tuple[ssl.SSLContext, str | None]
_UNDER_WAY = {errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY, getattr(errno, "WSAEWOULDBLOCK", 0)} - {0}


class TLSHandshakeError(OSError):
    """The TCP connection was opened, but the peer did not shake hands in TLS."""


class Pause(Protocol):
    """How a socket is waited for."""

    def __call__(self, sock: socket.socket, deadline: float | None, *, write: bool) -> None:
        """Wait until the socket can be read, or written.

        Args:
            sock: The socket.
            deadline: In `time.monotonic`, or None.
            write: Whether to wait for room to write rather than for something to read.

        Raises:
            TimeoutError: The deadline has passed.
            ConnectionAbortedError: Nobody wants the connection any longer.
        """


def connect(
    host: str,
    port: int,
    pause: Pause,
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
        pause: How to wait.
        timeout: Seconds for all addresses together, or None for the system's limit.
        bind_address: Local (host, port[, flowinfo, scope_id]) to come from.
        tls: TLS context and the server name to check, or None for plain TCP.
        tls_timeout: Seconds for the TLS handshake.
        flowinfo: IPv6 flow information.
        scope_id: IPv6 scope.

    Raises:
        OSError: No address answered; the last one's error.
        ConnectionAbortedError: Nobody wants the connection any longer.
        TLSHandshakeError: The handshake failed.
    """
    end = None if timeout is None else time.monotonic() + timeout
    addresses = _resolve(host, port)
    last: OSError | None = None
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        # an address that never answers leaves time for those that follow
        now = time.monotonic()
        deadline = None if end is None else now + (end - now) / (len(addresses) - number)
        target: tuple[Any, ...] = tuple(address)
        if family == socket.AF_INET6:
            target = (*target[:2], flowinfo, scope_id or target[3])
        try:
            sock = _open(family, kind, protocol, target, bind_address, deadline, pause)
        except ConnectionAbortedError:
            raise
        except OSError as error:
            last = error
            continue
        if tls is None:
            return sock
        context, server_hostname = tls
        handshake = None if tls_timeout is None else time.monotonic() + tls_timeout
        return secure(sock, context, handshake, pause, server_hostname=server_hostname)
    raise last or OSError(f"{host} has no address")


def _resolve(host: str, port: int) -> list[Any]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (UnicodeError, ValueError) as error:
        # a label that is empty or too long, a NUL: no name that could be asked for
        raise socket.gaierror(socket.EAI_NONAME, f"{host!r} is no host name") from error


def _open(
    family: int,
    kind: int,
    protocol: int,
    target: tuple[Any, ...],
    bind_address: tuple[Any, ...] | None,
    deadline: float | None,
    pause: Pause,
) -> socket.socket:
    """A socket that is connected to `target`."""
    with contextlib.ExitStack() as on_failure:
        sock = socket.socket(family, kind, protocol)
        on_failure.callback(sock.close)
        sock.setblocking(False)
        if bind_address and (bind_address[0] or bind_address[1]):
            # four values of the other family are an OSError then, as two are, and the next address is tried
            sock.bind(tuple(bind_address) if family == socket.AF_INET6 else tuple(bind_address)[:2])
        code = sock.connect_ex(target)
        if code in _UNDER_WAY:
            pause(sock, deadline, write=True)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == errno.ECONNABORTED:
            code = errno.ECONNRESET  # the other name means here that nobody wants it any longer
        if code:
            raise OSError(code, os.strerror(code))
        on_failure.pop_all()
    return sock


def secure(
    sock: socket.socket,
    context: ssl.SSLContext,
    deadline: float | None,
    pause: Pause,
    *,
    server_side: bool = False,
    server_hostname: str | None = None,
) -> ssl.SSLSocket:
    """Shake hands in TLS over a connected socket; on failure it is closed.

    Raises:
        TLSHandshakeError: It failed, took too long, or nobody wants it any longer.
    """
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(sock.close)
        try:
            sock.setblocking(False)
            secured = context.wrap_socket(
                sock, server_side=server_side, server_hostname=server_hostname, do_handshake_on_connect=False
            )
            on_failure.callback(secured.close)
            _shake_hands(secured, deadline, pause)
        except TimeoutError as error:
            raise TLSHandshakeError("the peer did not shake hands in time") from error
        except (OSError, ValueError) as error:
            raise TLSHandshakeError(f"the TLS handshake failed: {error}") from error
        on_failure.pop_all()
    return secured


def _shake_hands(sock: ssl.SSLSocket, deadline: float | None, pause: Pause) -> None:
    while True:
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            pause(sock, deadline, write=False)
        except ssl.SSLWantWriteError:
            pause(sock, deadline, write=True)
        else:
            return
