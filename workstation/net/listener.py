"""Answering: a listening socket, the thread that accepts, and the associations that came in.

Accepting never blocks on a peer: TLS, the association request and everything after it happen on the connection's own
thread under its own deadline. Sockets that have not asked for an association are counted apart from associations,
so that silent peers cannot shut honest ones out.
"""

from __future__ import annotations

import contextlib
import contextvars
import errno
import logging
import os
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from workstation.net import _config, default_logging, events
from workstation.net._globals import MODE_ACCEPTOR
from workstation.net.association import Association, SinkFactory
from workstation.net.codec.pdu import A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from workstation.net.presentation import PresentationContext
from workstation.net.shell import threads
from workstation.net.shell.address import AddressInformation, from_socket
from workstation.net.shell.readiness import Waker, wait

if TYPE_CHECKING:
    from workstation.net.ae import ApplicationEntity

_log = logging.getLogger("workstation.net.listener")

Admit = Callable[[Association, A_ASSOCIATE_RQ], A_ASSOCIATE_RJ | None]

MOST_SILENT = 64  # sockets that have not asked for an association
MOST_AN_ADDRESS = 8  # of them from one address before its sockets go first
SILENT_GRACE = 0.5  # seconds that even the oldest of too many silent sockets has
MOST_SOCKETS = 512  # silent ones beyond which the grace is over
_STARVED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN)
GRACE = 3.0  # seconds that associations have to end when the server shuts down


class RequestHandler:
    """Makes an association of one connection that came in; runs on the thread that accepts, and must not wait.

    A subclass given as `make_server(request_handler=...)` can look at the connection first, or take it over.

    Args:
        request: The connection.
        client_address: Of the peer, as `socket.accept` gives it.
        server: Who accepted it.
    """

    def __init__(self, request: socket.socket, client_address: Any, server: AssociationServer) -> None:
        self.request = request
        self.client_address = client_address
        self.server = server
        self.handle()

    @property
    def ae(self) -> ApplicationEntity:
        """The local application entity."""
        return self.server.ae

    @property
    def local(self) -> AddressInformation:
        """Our address."""
        return from_socket(self.request.getsockname())

    @property
    def remote(self) -> AddressInformation:
        """The peer's address."""
        return from_socket(self.client_address)

    def handle(self) -> None:
        """Serve the connection as an association."""
        self.server.open_association(self.request, self.client_address)


class AssociationServer:
    """A server for associations that peers ask for.

    Made by `AE.make_server` and `AE.start_server`; it listens from the start and accepts in `serve_forever`.

    Args:
        ae: The application entity.
        address: (host, port) or (host, port, flowinfo, scope_id); an empty host is any address.
        ae_title: The AE title that it answers as.
        contexts: The supported presentation contexts.
        ssl_context: Accept TLS only, with this context.
        evt_handlers: Handlers for its associations.
        request_handler: Made for each connection that comes in; default `RequestHandler`.
        sink_factory: Offers sinks for the data sets of C-STORE requests.
        admit: Asked for each association request; a rejection that it returns is sent.
        deliberates: Says whether `admit` may take its time now: it is asked in a thread of its own then, while the
            peer's abort is seen. None if it never does.

    Raises:
        OSError: The address cannot be listened on.
    """

    def __init__(
        self,
        ae: ApplicationEntity,
        address: tuple[str, int] | tuple[str, int, int, int],
        ae_title: str,
        contexts: list[PresentationContext],
        ssl_context: ssl.SSLContext | None = None,
        evt_handlers: Iterable[events.EventHandler] | None = None,
        request_handler: type[RequestHandler] | None = None,
        *,
        sink_factory: SinkFactory | None = None,
        admit: Admit | None = None,
        deliberates: Callable[[], bool] | None = None,
    ) -> None:
        self.ae = ae
        self.ae_title = ae_title
        self.contexts = contexts
        self.ssl_context = ssl_context
        self.sink_factory = sink_factory
        self.admit = admit
        self.deliberates = deliberates
        self.RequestHandlerClass = request_handler or RequestHandler
        self._handlers = events.Handlers()
        default_logging.bind_default_handlers(self._handlers)
        self._handlers.bind_all(evt_handlers)
        self._lock = threading.Lock()  # guards the associations below
        self._associations: dict[Association, float] = {}  # and when they came, oldest first
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self._stopped.set()
        self._starving = 0.0  # seconds of the last pause for want of descriptors or threads
        self._waker = Waker()
        self.address_info = AddressInformation.from_tuple(address)
        self.socket = self._listen()
        self.server_address = self.socket.getsockname()
        self.address_info.port = self.server_address[1]  # for port 0 the system chose one

    def _listen(self) -> socket.socket:
        where = self.address_info
        sock = socket.socket(where.address_family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":
                # on Windows the option would let a second program take the port
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            elif hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            sock.bind(where.as_tuple)
            sock.listen(512)
            sock.setblocking(False)
        except OSError:
            sock.close()
            self._waker.close()
            raise
        return sock

    # ------------------------------------------------------------------- what it is
    @property
    def ssl_context(self) -> ssl.SSLContext | None:
        """The TLS context, or None."""
        return self._ssl_context

    @ssl_context.setter
    def ssl_context(self, context: ssl.SSLContext | None) -> None:
        if context is not None and not isinstance(context, ssl.SSLContext):
            raise TypeError(f"ssl_context must be an ssl.SSLContext, not {type(context).__name__}")
        self._ssl_context = context

    @property
    def active_associations(self) -> list[Association]:
        """The associations that came in and live."""
        return [assoc for assoc in self._children() if not assoc.is_quiet]

    def _children(self) -> list[Association]:
        with self._lock:
            return list(self._associations)

    # ------------------------------------------------------------------- handlers
    def bind(self, event: events.EventType, handler: Callable[..., Any], args: list[Any] | None = None) -> None:
        """Bind a handler here, in the live associations and in later ones."""
        self._handlers.bind(event, handler, args)
        for assoc in self._children():
            assoc.bind(event, handler, args)

    def unbind(self, event: events.EventType, handler: Callable[..., Any]) -> None:
        """Unbind a handler here, in the live associations and in later ones."""
        self._handlers.unbind(event, handler)
        for assoc in self._children():
            assoc.unbind(event, handler)

    def get_events(self) -> list[events.EventType]:
        """The events with handlers."""
        return self._handlers.get_events()

    def get_handlers(self, event: events.EventType) -> Any:
        """The handlers of an event."""
        return self._handlers.get_handlers(event)

    # ------------------------------------------------------------------- serving
    def start(self) -> None:
        """Serve on a thread of its own."""
        self._stopped.clear()
        context = contextvars.copy_context() if _config.PASS_CONTEXTVARS else None
        threads.run(f"dicom-server-{self.server_address[1]}", self.serve_forever, context=context)

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Accept until `shutdown` is called.

        Args:
            poll_interval: Of the documented signature; nothing polls.
        """
        self._stopped.clear()
        try:
            while not self._stopping.is_set():
                readable, _ = wait(self.socket, self._waker, None, read=True, write=False)
                if readable and not self._stopping.is_set():
                    self._accept()
        finally:
            self._stopped.set()

    def _accept(self) -> None:
        """Take what waits to be accepted."""
        while not self._stopping.is_set():
            try:
                sock, address = self.socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:
                continue  # the peer is gone already
            except OSError as error:
                self._starve(error)
                return
            self._starving = 0.0
            try:
                self.RequestHandlerClass(sock, address, self)
            except Exception as error:
                sock.close()
                if isinstance(error, RuntimeError) or (isinstance(error, OSError) and error.errno in _STARVED):
                    self._starve(error)
                    return
                # a request handler or an AE of the user's: one connection is lost, the server goes on
                _log.exception("The connection from %s could not be taken", address[0])

    def _starve(self, error: Exception) -> None:
        """The system gives no more descriptors or threads: make room, and do not ask again at once."""
        if not self._starving:
            _log.error("No connection can be accepted for now: %s", error)
        self._starving = min(2 * self._starving or 0.05, 1.0)
        self._evict(everyone=True)
        self._stopping.wait(self._starving)

    def open_association(self, sock: socket.socket, address: Any) -> Association:
        """Serve a connection that was accepted.

        Args:
            sock: It.
            address: Of the peer, as `socket.accept` gives it.

        Raises:
            OSError, RuntimeError: The system gives no more descriptors or threads.
        """
        assoc = Association(self.ae, MODE_ACCEPTOR)
        assoc.server = self
        assoc.sink_factory = self.sink_factory
        assoc.requestor.address_info = from_socket(address)
        assoc.acceptor.address_info = from_socket(sock.getsockname())
        assoc.acceptor.ae_title = self.ae_title
        assoc.acceptor.supported_contexts = self.contexts
        with self._lock:
            self._associations[assoc] = time.monotonic()
        assoc.use_handlers(self._handlers)  # registered first: a handler bound meanwhile is not missed
        self.ae.remember(assoc)
        self._evict()
        try:
            assoc.start_serving(sock, self.ssl_context)
        except RuntimeError:
            self.forget(assoc)
            self.ae.forget(assoc)
            raise
        return assoc

    def _evict(self, *, everyone: bool = False) -> None:
        """Close the oldest silent sockets when there are too many."""
        now = time.monotonic()
        with self._lock:
            silent = [(assoc, since) for assoc, since in self._associations.items() if assoc.is_silent]
        excess = len(silent) if everyone else len(silent) - MOST_SILENT
        if excess <= 0:
            return
        # an address that has many loses first: the others' clients may only be slow
        crowd = Counter(assoc.requestor.address for assoc, _ in silent)
        silent.sort(key=lambda entry: (crowd[entry[0].requestor.address] <= MOST_AN_ADDRESS, entry[1]))
        beyond = len(silent) - MOST_SOCKETS
        for index, (assoc, since) in enumerate(silent[:excess]):
            if now - since > SILENT_GRACE or index < beyond:
                assoc.kill()

    def forget(self, assoc: Association) -> None:
        """An association has ended."""
        with self._lock:
            self._associations.pop(assoc, None)

    # ------------------------------------------------------------------- the end
    def shutdown(self) -> None:
        """Stop accepting and abort what lives; returns when all is closed, after `GRACE` seconds at most."""
        self._stopping.set()
        with contextlib.suppress(OSError, ValueError):
            self._waker.wake()
        self._stopped.wait(GRACE)
        self.server_close()
        end_all(self._children())
        self.ae.forget_server(self)

    def server_close(self) -> None:
        """Close the listening socket."""
        if self.socket.fileno() >= 0:
            self.socket.close()
            self._waker.close()

    def __enter__(self) -> AssociationServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()


def end_all(associations: list[Association]) -> None:
    """Abort associations, or close those that are none yet, all at once; returns in about a second."""
    _kill([assoc for assoc in associations if assoc.is_silent])
    for assoc in associations:
        if not assoc.is_silent:
            assoc.abort(block=False)
    # an abort has half a second to leave; whoever does not close then is closed
    _wait_for(associations, 0.5)
    rest = [assoc for assoc in associations if not assoc.over.is_set()]
    _kill(rest)
    _wait_for(rest, 1.0)


def _kill(associations: list[Association]) -> None:
    """Close associations at the same time: each waits a second for notification handlers that hang."""
    for assoc in associations:
        try:
            threads.run(f"dicom-{assoc.name}", assoc.kill)
        except RuntimeError:
            assoc.kill()  # no more threads


def _wait_for(associations: list[Association], seconds: float) -> None:
    end = time.monotonic() + seconds
    for assoc in associations:
        assoc.over.wait(max(0.0, end - time.monotonic()))


class ThreadedAssociationServer(AssociationServer):
    """What `start_server(block=False)` returns: a server that runs on its own thread."""
