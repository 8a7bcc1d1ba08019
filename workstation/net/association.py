"""One association: asked for or answered, established, used, released or aborted (PS3.8 section 7, PS3.7 Annex D).

This is where the engine's indications become the public life of an association: its state, its notification events,
the negotiation. How messages are exchanged stands in `exchange`, what can be asked in `requests`, what is answered
in `services`.

Threads: whoever waits for something from the peer reads the connection and handles what arrives, and a thread of the
pool does when nobody waits (`shell.connection`); the peer's requests are performed by a thread that does not read
meanwhile; any thread may ask, release or abort. Notification events are collected under the connection's lock, in
wire order, and run without it, one at a time for each association.
"""

from __future__ import annotations

import contextvars
import itertools
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pydicom.uid import UID

from workstation.net import _config, acse, events
from workstation.net._globals import MODE_ACCEPTOR, MODE_REQUESTOR
from workstation.net.codec.dimse import C_STORE_RQ, Message, encode_command
from workstation.net.codec.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_ASSOCIATE_RQ,
    AbortSource,
)
from workstation.net.engine.assembly import Assembler, DataSink
from workstation.net.engine.fsm import State
from workstation.net.engine.upper_layer import (
    AbortIndication,
    AssociateConfirmation,
    AssociateIndication,
    DataIndication,
    Disconnect,
    Limits,
    Output,
    Received,
    ReleaseConfirmation,
    ReleaseIndication,
    Sent,
    SentData,
    Stepped,
    UpperLayer,
)
from workstation.net.errors import LocalProtocolError, RemoteProtocolError
from workstation.net.exchange import Exchange, Operation
from workstation.net.interference import Interference
from workstation.net.notifier import OF_DATA, OF_PDU, Notifier, WirePDU
from workstation.net.operations import perform
from workstation.net.pdu_primitives import A_ABORT, A_ASSOCIATE, A_P_ABORT, A_RELEASE
from workstation.net.presentation import PresentationContext, PresentationContextTuple
from workstation.net.requests import Requests
from workstation.net.service_class import ServiceClass, StorageServiceClass
from workstation.net.service_user import ServiceUser
from workstation.net.shell import connecting, threads
from workstation.net.shell.address import from_socket
from workstation.net.shell.connection import Connection
from workstation.net.shell.hindrance import Alter
from workstation.net.sop_class import uid_to_service_class
from workstation.net.spool import SpooledDataSet

if TYPE_CHECKING:
    from workstation.net.ae import ApplicationEntity
    from workstation.net.listener import AssociationServer

_log = logging.getLogger("workstation.net.association")
_numbers = itertools.count(1)
_NOT_NOW = A_ASSOCIATE_RJ(result=2, source=1, reason=1)  # transient, no reason given: an error of our own

Connect = Callable[[connecting.Pause], socket.socket]
_SILENT = {State.STA1, State.STA2, State.STA13}
SinkFactory = Callable[["Association", C_STORE_RQ, PresentationContextTuple], DataSink | None]


class Served(NamedTuple):
    """An accepted presentation context as what arrives in it is served.

    Attributes:
        context: It.
        described: The same, as events have it.
        service_class: That of its abstract syntax, unless the requestor named another one and the acceptor took it
            (SOP Class Common Extended Negotiation, PS3.7 D.3.3.6). What nobody knows is storage if
            `_config.UNRESTRICTED_STORAGE_SERVICE`.
    """

    context: PresentationContext
    described: PresentationContextTuple
    service_class: type[ServiceClass]


class Association(Requests, Notifier, threading.Thread):
    """One association with a peer, as requestor or acceptor.

    Made by `AE.associate` and by servers. A thread as far as its users can tell: alive while the association is. It has
    none of its own: `ident` is that of the thread that reads at the moment.

    Args:
        ae: The local application entity.
        mode: 'requestor' or 'acceptor'.

    Attributes:
        number: Serial number of the association in this process, from 1.
        rejection: The A-ASSOCIATE-RJ that was received or sent, or None.
        abort_received: The A-ABORT that was received, or None.
        connection_error: Why the transport connection could not be opened, or None.
        end_reason: One sentence on how the association ended, "" while it lives.
        timings: Milliseconds of "connect" (TCP, TLS) and "negotiate" (A-ASSOCIATE-RQ to its answer).
        network_timeout_response: What idle expiry does: 'A-ABORT' or 'A-RELEASE'.
        over: Set when the association has ended, however it ended.
        has_work: Says whether there is a request of the peer's that nobody performs yet.
        work: Performs the next of them, unless somebody is at it; says whether there was one.
        admitted: Whether a peer asked for it and there was a place for it.
        interference: What reaches between it and its wire, for test servers that misbehave on purpose; None else.
    """

    def __init__(self, ae: ApplicationEntity, mode: str) -> None:
        if mode not in (MODE_REQUESTOR, MODE_ACCEPTOR):
            raise ValueError(f"an association's mode is 'requestor' or 'acceptor', not {mode!r}")
        self.number = next(_numbers)
        threading.Thread.__init__(self, name=f"association-{self.number}", daemon=True)
        Notifier.__init__(self)
        self.lock = threading.RLock()
        self._ae = ae
        self._mode = mode
        self.requestor = ServiceUser(self, MODE_REQUESTOR)
        self.acceptor = ServiceUser(self, MODE_ACCEPTOR)
        ae.describe(self.requestor if self.is_requestor else self.acceptor)
        self.server: AssociationServer | None = None
        self.sink_factory: SinkFactory | None = None
        self.connect: Connect = _nowhere

        self.is_established = False
        self.is_released = False
        self.is_aborted = False
        self.is_rejected = False
        self.rejection: A_ASSOCIATE_RJ | None = None
        self.abort_received: A_ABORT_RQ | None = None
        self.connection_error: OSError | None = None
        self.end_reason = ""
        self.timings: dict[str, float] = {}
        self.network_timeout_response = "A-ABORT"
        self.over = threading.Event()
        self.admitted = False
        self.interference: Interference | None = None

        self._abort_noted = False
        self._accepted: dict[int, PresentationContext] = {}
        self._rejected: list[PresentationContext] = []
        self._found: dict[str, PresentationContext] = {}  # by the SOP class that is asked for
        self._takers: dict[tuple[str, str], PresentationContext] = {}  # by a file's SOP class and transfer syntax
        self._served: dict[int, Served] = {}
        self._invoking = threading.RLock()  # held while an operation with one response is under way
        self._outcome = threading.Event()  # the negotiation is over
        self._released = threading.Event()
        self._begun = False  # there is, or was, a transport connection
        self._left = threading.Lock()  # taken by whoever discards what has not arrived whole
        self._dimse_timeout = ae.dimse_timeout
        self._limits = Limits(artim=ae.acse_timeout, network=ae.network_timeout, maximum_length=ae.maximum_pdu_size)
        self._engine = UpperLayer(requestor=mode == MODE_REQUESTOR, limits=self._limits)
        self._engine.observed = False
        self._variables = contextvars.copy_context() if _config.PASS_CONTEXTVARS else None
        self._connection = Connection(self._engine, self, f"dicom-{self.name}", self._variables)
        self._exchange = Exchange(
            str(self.number), self._perform, self._busy, self._connection.will_perform, context=self._variables
        )
        self.has_work = self._exchange.has_work  # asked and done for each message: by nobody in between
        self.work = self._exchange.work
        self._assembler = Assembler(self._accepted.__contains__, self._open_sink, self._spool)

    # ------------------------------------------------------------------- what it is
    @property
    def ae(self) -> ApplicationEntity:
        """The local application entity."""
        return self._ae

    @property
    def mode(self) -> str:
        """'requestor' or 'acceptor'."""
        return self._mode

    @property
    def is_requestor(self) -> bool:
        """Whether the local AE asked for the association."""
        return self._mode == MODE_REQUESTOR

    @property
    def is_acceptor(self) -> bool:
        """Whether the peer asked for the association."""
        return self._mode == MODE_ACCEPTOR

    @property
    def local(self) -> dict[str, Any]:
        """AE title, address, port and mode of the local end."""
        return (self.requestor if self.is_requestor else self.acceptor).info

    @property
    def remote(self) -> dict[str, Any]:
        """AE title, address, port and mode of the peer."""
        return self.peer.info

    @property
    def peer(self) -> ServiceUser:
        """The other end."""
        return self.acceptor if self.is_requestor else self.requestor

    @property
    def accepted_contexts(self) -> list[PresentationContext]:
        """The accepted presentation contexts by their ID; each has one transfer syntax."""
        return [self._accepted[key] for key in sorted(self._accepted)]

    @property
    def rejected_contexts(self) -> list[PresentationContext]:
        """The rejected presentation contexts by their ID; `result` says why."""
        return list(self._rejected)

    @property
    def connection(self) -> Connection:
        """The transport connection; for test servers that misbehave on purpose (`interference`)."""
        return self._connection

    @property
    def is_silent(self) -> bool:
        """Whether there is a transport connection at most: nothing was asked for, or all is over but its close."""
        return self._engine.state in _SILENT

    @property
    def is_quiet(self) -> bool:
        """Whether it is no association (yet, any longer) and its handlers have heard of all that was."""
        if self.admitted:
            return self.over.is_set()
        with self._connection.lock:  # between the engine's step and its notes
            return self.is_silent and self.has_told

    @property
    def takes_place(self) -> bool:
        """Whether it counts towards the maximum number of associations."""
        return self.admitted and not self.is_silent

    def accepted_context(self, context_id: int) -> PresentationContext | None:
        """One accepted presentation context."""
        return self._accepted.get(context_id)

    def served(self, context_id: int) -> Served:
        """An accepted context, and what is done about what arrives in it."""
        found = self._served.get(context_id)
        if found is None:
            context = self._accepted[context_id]
            uid = context.abstract_syntax or UID("")
            accepted = self.acceptor.accepted_common_extended.get(uid) if self.is_acceptor else None
            service_class = uid_to_service_class(accepted[0] if accepted else uid)
            found = self._served[context_id] = Served(context, context.as_tuple, service_class)
        if _config.UNRESTRICTED_STORAGE_SERVICE and found.service_class is ServiceClass:
            return found._replace(service_class=StorageServiceClass)
        return found

    # ------------------------------------------------------------------- timeouts
    @property
    def acse_timeout(self) -> float | None:
        """Seconds for association and release answers, and ARTIM; None is no limit."""
        return self._limits.artim

    @acse_timeout.setter
    def acse_timeout(self, value: float | None) -> None:
        self._limits.artim = value

    @property
    def connection_timeout(self) -> float | None:
        """Seconds that opening the transport connection may take; None is the system's limit."""
        return self._ae.connection_timeout

    @property
    def dimse_timeout(self) -> float | None:
        """Seconds to wait for a DIMSE response; None is no limit."""
        return self._dimse_timeout

    @dimse_timeout.setter
    def dimse_timeout(self, value: float | None) -> None:
        self._dimse_timeout = value

    @property
    def network_timeout(self) -> float | None:
        """Seconds of silence after which an established association ends; None is no limit."""
        return self._limits.network

    @network_timeout.setter
    def network_timeout(self, value: float | None) -> None:
        self._limits.network = value
        with self._connection.lock:
            self._engine.watch_network(time.monotonic())
        self._connection.wake()

    # ------------------------------------------------------------------- a thread's manners
    def start(self) -> None:
        """Not for users: an association is started by whoever made it.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError("an association is started by AE.associate or by a server")

    @property
    def ident(self) -> int | None:
        """The identifier of the thread that reads at the moment, or None if nothing has to be read."""
        return self._connection.driver

    @property
    def native_id(self) -> int | None:
        """The system's identifier of the thread that reads at the moment, or None if nothing has to be read."""
        driver = self._connection.driver
        return next((thread.native_id for thread in threading.enumerate() if thread.ident == driver), None)

    def is_alive(self) -> bool:
        """Whether the association's connection lives."""
        return self._begun and not self.over.is_set()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the association is over."""
        if self._begun and not self._connection.is_driver:
            self._wait_for(self.over, timeout)

    # ------------------------------------------------------------------- events
    def bind(self, event: events.EventType, handler: Callable[..., Any], args: list[Any] | None = None) -> None:
        """Bind a handler; an intervention event has one, a notification event any number."""
        super().bind(event, handler, args)
        self._engine.observed = self._handlers.has_wire

    def unbind(self, event: events.EventType, handler: Callable[..., Any]) -> None:
        """Unbind a handler; an intervention event gets its default back."""
        super().unbind(event, handler)
        self._engine.observed = self._handlers.has_wire

    def use_handlers(self, handlers: events.Handlers) -> None:
        """Start with a copy of a server's handlers."""
        super().use_handlers(handlers)
        self._engine.observed = self._handlers.has_wire

    def start_serving(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        """Serve a connection that a peer opened, on a thread of its own (`serve`).

        Raises:
            RuntimeError: The system gives no more threads.
        """
        threads.run(f"dicom-{self.name}", lambda: self.serve(sock, context), context=self._variables)

    def note(self, outputs: list[Output]) -> None:
        """Under the connection's lock: turn the engine's outputs into state and notifications."""
        hears_received = hears_sent = hears_steps = False
        if self._engine.observed:
            has = self._handlers.has
            hears_received = has(events.EVT_DATA_RECV) or has(events.EVT_PDU_RECV)
            hears_sent = has(events.EVT_DATA_SENT) or has(events.EVT_PDU_SENT)
            hears_steps = has(events.EVT_FSM_TRANSITION)
        for output in outputs:
            kind = type(output)
            if kind is DataIndication or kind is SentData:
                continue
            if kind is Stepped:
                if hears_steps:
                    self.remember(events.EVT_FSM_TRANSITION, _words(cast(Stepped, output)))
                continue
            if kind is Received:
                if hears_received:
                    whole = WirePDU((bytes(cast(Received, output).data),))
                    self.remember(events.EVT_DATA_RECV, OF_DATA, whole)
                    self.remember(events.EVT_PDU_RECV, OF_PDU, whole)
                continue
            if kind is Sent:
                if hears_sent:
                    whole = WirePDU(cast(Sent, output).pieces)
                    self.remember(events.EVT_PDU_SENT, OF_PDU, whole)
                    self.remember(events.EVT_DATA_SENT, OF_DATA, whole)
                continue
            match output:
                case AssociateIndication(request):
                    self.notify(events.EVT_ACSE_RECV, primitive=partial(A_ASSOCIATE, pdu=request))
                case AssociateConfirmation(answer):
                    self.notify(events.EVT_ACSE_RECV, primitive=partial(A_ASSOCIATE, pdu=answer))
                    if isinstance(answer, A_ASSOCIATE_RJ):
                        self._note_rejected(answer)
                case ReleaseIndication():
                    self.is_established = False
                    self.notify(events.EVT_ACSE_RECV, primitive=A_RELEASE)
                case ReleaseConfirmation():
                    self.notify(events.EVT_ACSE_RECV, primitive=partial(A_RELEASE, result="affirmative"))
                case AbortIndication(pdu, why, provider):
                    self._note_abort(pdu, why, provider)
                case Disconnect():
                    self._note_end()

    def _note_rejected(self, answer: A_ASSOCIATE_RJ) -> None:
        self.is_rejected = True
        self.rejection = answer
        self.end_reason = f"The peer rejected the association: {answer.result_text}, {answer.reason_text}"
        self.notify(events.EVT_REJECTED)

    def _note_abort(self, pdu: A_ABORT_RQ | None, why: str, provider: bool) -> None:
        self.is_established = False
        self._abort_noted = True
        if pdu is not None:
            self.abort_received = pdu
            why = f"The peer aborted: {pdu.source_text}, {pdu.reason_text}"
        if provider:
            self.notify(events.EVT_ACSE_RECV, primitive=A_P_ABORT(provider_reason=pdu.reason if pdu is not None else 0))
        else:
            self.notify(events.EVT_ACSE_RECV, primitive=A_ABORT(abort_source=pdu.source if pdu is not None else 0))
        if not (self.is_released or self.is_aborted or self.is_rejected):
            self.is_aborted = True
            self.end_reason = why
            self.notify(events.EVT_ABORTED)
        self._released.set()

    def _note_end(self) -> None:
        self.is_established = False
        if not (self.is_released or self.is_aborted or self.is_rejected or self.end_reason):
            self.end_reason = "The transport connection ended before an association was requested"
        address = self.peer.address_info
        if address is not None:
            self.notify(events.EVT_CONN_CLOSE, address=(address.address, address.port))

    # ------------------------------------------------------------------- acting on indications
    def handle(self, outputs: list[Output]) -> None:
        """Without the lock, in the thread that caused the outputs."""
        if not outputs:
            self._exchange.settle()  # somebody was woken: perhaps a query was let go of
        elif self._notes and not self._abort_noted:
            # a handler that aborts comes before what would be done about a PDU; what a peer aborts, ends at once
            self.run_notifications()
        ended = False
        try:
            for output in outputs:
                if isinstance(output, DataIndication):
                    self._data(output.bodies)
                    continue
                kind = type(output)
                if kind is Stepped or kind is Received or kind is Sent or kind is SentData:
                    continue
                match output:
                    case AssociateIndication(request):
                        self._requested(request)
                    case AssociateConfirmation(answer):
                        self._answered(answer)
                    case ReleaseIndication(collision):
                        self._release_indicated(collision=collision)
                    case ReleaseConfirmation():
                        self._release_confirmed()
                    case AbortIndication():
                        self._exchange.end()
                    case Disconnect():
                        ended = True
        finally:
            if ended:
                self._end()
            elif self._notes:
                self.run_notifications()

    def idle(self) -> None:
        """The network timeout passed: end the association as `network_timeout_response` says."""
        seconds = self._limits.network
        _log.warning("%s: nothing was received for %s s", self.name, seconds)
        if self.network_timeout_response == "A-RELEASE":
            self._ask_release()
        else:
            self._abort(f"Nothing was received for {seconds} s (network timeout)")

    def _data(self, bodies: list[memoryview]) -> None:
        exchange = self._exchange
        if exchange.is_over:
            return  # what came in the same read as the end, or as what was aborted
        exchange.last_activity = time.monotonic()
        try:
            for incoming in self._assembler.feed(bodies):
                if self._handlers.has(events.EVT_DIMSE_RECV):
                    self.remember(events.EVT_DIMSE_RECV, {"message": incoming.message})
                if self._notes:
                    self.run_notifications()  # whoever has the response can rely on the handlers having heard of it
                exchange.arrived(incoming)
        except RemoteProtocolError as error:
            if self._exchange.is_over:
                return  # whoever takes the data ended it in the midst
            _log.warning("%s: %s", self.name, error)
            fault = error
            self._try(lambda engine, now: engine.invalid_pdu(fault, now))

    def _try(
        self,
        act: Callable[[UpperLayer, float], None],
        then: Callable[[UpperLayer], None] | None = None,
        alter: Alter | None = None,
    ) -> bool:
        """A local request that may come too late; whether it was taken."""
        try:
            self._connection.request(act, then, alter)
        except LocalProtocolError as error:
            _log.debug("%s: %s", self.name, error)
            return False
        return True

    def _release_indicated(self, *, collision: bool) -> None:
        self._exchange.end()
        if collision and not self.is_requestor:
            return  # Sta10: the peer's A-RELEASE-RP comes first (PS3.8 section 7.2.2.6)
        self._respond_release()

    def _respond_release(self) -> None:
        def respond(engine: UpperLayer, now: float) -> None:
            engine.respond_release(now)
            self.notify(events.EVT_ACSE_SENT, primitive=partial(A_RELEASE, result="affirmative"))

        def then(engine: UpperLayer) -> None:
            if engine.state is State.STA13:
                self._note_released("The peer released the association")

        self._try(respond, then)

    def _note_released(self, why: str) -> None:
        if not (self.is_aborted or self.is_released):
            self.is_released = True
            self.end_reason = why
            self.notify(events.EVT_RELEASED)
        self._released.set()

    def _release_confirmed(self) -> None:
        if self._engine.state is State.STA12:
            self._respond_release()
            return
        self._note_released("The association was released")
        self._exchange.end()

    def _end(self) -> None:
        """The connection is closed: nobody waits any longer, nothing is left behind."""
        self._exchange.end()
        if self._connection.is_driver or self._connection.is_left:
            self._discard_rest()
        self._outcome.set()
        self._released.set()
        self.run_notifications(settle=True)  # whoever sees that it is gone can rely on the handlers having heard
        self._ae.forget(self)
        if self.server is not None:
            self.server.forget(self)
        self.over.set()

    # ------------------------------------------------------------------- asking
    def request(self) -> None:
        """Open the transport connection and ask for the association; returns when it is decided.

        The outcome is in `is_established`, `is_rejected`, `is_aborted`; nothing is raised for the peer's doing.
        """
        self._open()
        self.run_notifications(settle=True)

    def _open(self) -> None:
        """Drive the engine from Sta1 to the answer."""
        self.notify(events.EVT_REQUESTED)
        connection = self._connection
        try:
            request = acse.request_pdu(self)
            connection.request(lambda engine, now: engine.associate(request))
            started = time.monotonic()
            sock = self.connect(connection.pause)
            connection.attach(sock)
            self._begun = True
            self.timings["connect"] = (time.monotonic() - started) * 1000.0
            self.requestor.address_info = from_socket(sock.getsockname())
            peer = from_socket(sock.getpeername())
            self.acceptor.address_info = peer
            self.notify(events.EVT_CONN_OPEN, address=(peer.address, peer.port))
            self.notify(events.EVT_ACSE_SENT, primitive=partial(A_ASSOCIATE, pdu=request))
            started = time.monotonic()
            if self._try(lambda engine, now: engine.connected(now)):
                connection.pump_on(self._outcome.is_set)
                self._outcome.wait()
                self.timings["negotiate"] = (time.monotonic() - started) * 1000.0
        except OSError as error:
            self.connection_error = error
            connection.close(f"No transport connection: {error}")
        except BaseException:
            # a bad argument, Ctrl+C: the caller hears of it and gets no association, so nothing of it may stay
            self.kill()
            raise
        finally:
            if connection.is_driver:
                connection.rest()
            if not self._begun:
                connection.close("No transport connection")
                self._end()

    def gone(self) -> None:
        """The connection is closed, and nobody reads it any longer."""
        self._discard_rest()
        self._end()
        self.run_notifications()

    def _discard_rest(self) -> None:
        """What has not arrived whole is nobody's."""
        if self._left.acquire(blocking=False):
            self._assembler.end()

    def _wait_for(self, event: threading.Event, timeout: float | None = None) -> bool:
        """Wait for something that comes of what the peer does; whether it has happened."""
        end = None if timeout is None else time.monotonic() + timeout
        self._connection.pump(event.is_set, timeout)
        return event.wait(None if end is None else max(0.0, end - time.monotonic()))

    def _answered(self, answer: A_ASSOCIATE_AC | A_ASSOCIATE_RJ) -> None:
        if isinstance(answer, A_ASSOCIATE_AC):
            accepted, self._rejected = acse.learn_answer(self, answer)
            self._accepted.update({context.context_id: context for context in accepted if context.context_id})
            with self._connection.lock:
                # what followed the answer in the same read, or another thread, may have ended it already
                if self._engine.state is State.STA6:
                    self._engine.peer_maximum_length = self.acceptor.maximum_length
                    self.notify(events.EVT_ACCEPTED)
                    if accepted:
                        self.is_established = True
                        self.notify(events.EVT_ESTABLISHED)
            if not accepted:
                self._abort("The peer accepted none of the proposed presentation contexts")
        self._outcome.set()

    # ------------------------------------------------------------------- being asked
    def serve(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        """The life of a connection that a peer opened, up to its first rest: TLS, negotiation, data transfer."""
        self._begun = True
        started = time.monotonic()
        peer = self.requestor.address_info
        address = (peer.address, peer.port) if peer else ("", 0)
        try:
            self.notify(events.EVT_CONN_OPEN, address=address)
            self.run_notifications()
            if context is not None:
                limit = self._limits.request
                deadline = None if limit is None else started + limit
                sock = connecting.secure(sock, context, deadline, self._connection.pause, server_side=True)
            self._connection.attach(sock)
            self._connection.request(lambda engine, now: engine.connection_accepted(now))
        except OSError as error:
            self.connection_error = error
            self.end_reason = str(error)
            _log.warning("%s: no association from %s: %s", self.name, address[0], error)
            self.notify(events.EVT_CONN_CLOSE, address=address)
            self._connection.close(self.end_reason)
            self._end()
        finally:
            self.timings["connect"] = (time.monotonic() - started) * 1000.0
            if self._connection.is_driver:
                self._connection.attend()

    def _requested(self, request: A_ASSOCIATE_RQ) -> None:
        acse.learn_request(self, request)
        self.notify(events.EVT_REQUESTED)
        self.run_notifications()
        if acse.asks_handlers(self):
            # a handler of the user's takes its time; nobody must be deaf meanwhile
            self._exchange.on_worker(lambda: self._decide(request))
        else:
            self._decide(request)

    def _decide(self, request: A_ASSOCIATE_RQ) -> None:
        answer: A_ASSOCIATE_AC | None = None
        try:
            rejection = acse.admit(self, request)
            if rejection is None:
                answer, accepted, self._rejected, rejection = acse.answer_request(self, request)
                self._accepted.update({context.context_id: context for context in accepted if context.context_id})
        except BaseException:
            # also a handler's sys.exit(): the peer waits
            _log.exception("%s: the association could not be negotiated; it is rejected", self.name)
            rejection = _NOT_NOW
        decided = answer if rejection is None else rejection
        assert decided is not None
        if self.interference is None:
            self._answer(decided)
        else:
            self.interference.answer(decided, self._answer)

    def _answer(self, decided: A_ASSOCIATE_AC | A_ASSOCIATE_RJ, alter: Alter | None = None) -> None:
        """Say what was decided on the peer's request."""
        rejection = decided if isinstance(decided, A_ASSOCIATE_RJ) else None
        if rejection is not None:
            # heard before it is said: who sees the answer can rely on the handlers having run
            self._note_refused(rejection)

        def respond(engine: UpperLayer, now: float) -> None:
            if rejection is not None:
                engine.reject(rejection, now)
                self.notify(events.EVT_ACSE_SENT, primitive=partial(A_ASSOCIATE, pdu=rejection))
                return
            assert isinstance(decided, A_ASSOCIATE_AC)
            engine.peer_maximum_length = self.requestor.maximum_length
            engine.accept(decided, now)
            self.notify(events.EVT_ACSE_SENT, primitive=partial(A_ASSOCIATE, pdu=decided))
            self.is_established = True

        def then(_: UpperLayer) -> None:
            if rejection is None:
                self.notify(events.EVT_ACCEPTED)
                self.notify(events.EVT_ESTABLISHED)

        if not self._try(respond, then, alter) and rejection is None and self._engine.state is State.STA3:
            rejection = _NOT_NOW  # the answer holds what cannot be sent
            self._note_refused(rejection)
            self._try(respond, then)
        self._outcome.set()
        self.run_notifications()

    def _note_refused(self, rejection: A_ASSOCIATE_RJ) -> None:
        if self._engine.state is not State.STA3:
            return  # the peer is gone
        self.is_rejected = True
        self.rejection = rejection
        self.end_reason = f"Rejected: {rejection.result_text}, {rejection.reason_text}"
        self.notify(events.EVT_REJECTED)
        self.run_notifications()

    # ------------------------------------------------------------------- ending
    def release(self) -> None:
        """Release the association and wait for the peer's answer; no effect once it is over.

        From a notification handler it asks and does not wait.
        """
        if self._ask_release() and not self._is_notifying:
            self._wait_for(self._released)
            if self.is_released and self.is_requestor:
                self._wait_for(self.over, 1.0)
        self.run_notifications(settle=True)

    def _ask_release(self) -> bool:
        def ask(engine: UpperLayer, now: float) -> None:
            engine.release(now)
            self.is_established = False
            self.notify(events.EVT_ACSE_SENT, primitive=A_RELEASE)

        return self.is_established and self._try(ask)

    def abort(self, block: bool = True, *, source: int = AbortSource.SERVICE_USER, reason: int = 0) -> None:
        """Abort the association (A-ABORT, service user); no effect once it is over.

        Args:
            block: Wait until the transport connection is closed, a second at most: the peer may not close it.
            source: Of the A-ABORT (PS3.8 Table 9-26); another than the user is for who misbehaves on purpose.
            reason: As `source`.
        """
        self._abort("We aborted the association", source, reason)
        own = self._is_notifying or self._exchange.is_worker
        if block and not own and self._begun:
            self._wait_for(self.over, 1.0)
        self.run_notifications(settle=block)

    @property
    def _is_notifying(self) -> bool:
        """Whether this thread reads, or runs a notification handler: it must not wait for either."""
        me = threading.get_ident()
        return self._turn_owner == me or self._connection.driver == me

    def _abort(self, why: str, source: int = AbortSource.SERVICE_USER, reason: int = 0) -> None:
        by_user = source == AbortSource.SERVICE_USER

        def ask(engine: UpperLayer, now: float) -> None:
            engine.abort(now, source, reason)
            self.is_established = False
            self.notify(events.EVT_ACSE_SENT, primitive=A_ABORT() if by_user else A_P_ABORT(provider_reason=reason))

        def then(_: UpperLayer) -> None:
            if not (self.is_released or self.is_rejected or self.is_aborted):
                self.is_aborted = True
                self.end_reason = why
                self.notify(events.EVT_ABORTED)

        if self.is_released or self.is_rejected or self.over.is_set():
            return
        if not self._try(ask, then):
            self._connection.close(why)
        self._exchange.end()
        self.run_notifications()

    def kill(self) -> None:
        """Close the transport connection at once, without a word to the peer."""
        self._connection.close("We closed the transport connection")

    # ------------------------------------------------------------------- messages
    def send(self, message: Message, data: Any = None, *, command: bytes | None = None) -> None:
        """Send one DIMSE message with its data set in stretches, if it has one.

        Args:
            message: It.
            data: Its data set in stretches, unless the message has it.
            command: Its command set, if it has been encoded already.

        Raises:
            LocalProtocolError: The association does not allow it (any more).
        """
        if self.interference is None:
            self.send_undisturbed(message, data, command=command)
        else:
            self.interference.send(message, data)

    def send_undisturbed(
        self, message: Message, data: Any = None, *, command: bytes | None = None, alter: Alter | None = None
    ) -> None:
        """Send one DIMSE message whatever interferes; what `send` does when nothing does.

        Args:
            message: It.
            data: Its data set in stretches, unless the message has it.
            command: Its command set as bytes, if they are to be others than the right ones.
            alter: Alters each of its PDUs.

        Raises:
            LocalProtocolError: The association does not allow it (any more).
        """
        if data is None and message.data is not None:
            data = ((memoryview(message.data), True),)
        self._connection.send_message(
            message.context_id,
            encode_command(message) if command is None else command,
            data,
            self._announcement(message),
            alter,
        )

    def send_encoded(
        self,
        context_id: int,
        command: bytes,
        make: Callable[[], Message],
        data: bytes | None = None,
        *,
        more: bool = False,
    ) -> None:
        """Send one DIMSE message that is encoded already.

        Args:
            context_id: The Presentation Context ID.
            command: Its encoded command set.
            make: Makes the message; called when somebody looks at it.
            data: Its data set.
            more: Whether another one is sure to follow.

        Raises:
            LocalProtocolError: The association does not allow it (any more).
        """
        if self.interference is not None:
            self.interference.send(make(), None)
            return
        self._connection.send_message(
            context_id,
            command,
            None if data is None else ((memoryview(data), True),),
            self._announcement(make),
            more=more,
        )

    def _announcement(self, message: Message | Callable[[], Message]) -> Callable[[], None] | None:
        """What notes that a message is sent, if anybody hears of it."""
        if not self._handlers.has(events.EVT_DIMSE_SENT):
            return None
        return lambda: self.remember(events.EVT_DIMSE_SENT, {"message": message})

    @property
    def fragment(self) -> int:
        """Bytes in the largest fragment that the peer takes."""
        return self._engine.largest_fragment

    def _busy(self, change: int) -> None:
        """An operation began (+1) or ended (-1): meanwhile the peer's silence is no idleness."""
        engine = self._engine
        engine.busy += change
        if change < 0:
            engine.quiet_since = time.monotonic()

    def _open_sink(self, request: C_STORE_RQ) -> DataSink | None:
        context = self.served(request.context_id).described
        sink: DataSink | None = None
        if self.sink_factory is not None:
            try:
                sink = self.sink_factory(self, request, context)
            except Exception:
                _log.exception("%s: no sink could be made; the data set is collected here", self.name)
        return self._spool(request) if sink is None and _config.STORE_RECV_CHUNKED_DATASET else sink

    def _spool(self, request: C_STORE_RQ) -> DataSink:
        return SpooledDataSet(request, self.served(request.context_id).described.transfer_syntax)

    def _perform(self, operation: Operation) -> None:
        try:
            perform(self, operation)
        finally:
            if self._notes:
                self.run_notifications()


def _nowhere(_: connecting.Pause) -> socket.socket:
    raise OSError("nobody said where the peer is")


@lru_cache(maxsize=256)
def _words(step: Stepped) -> dict[str, str]:
    """The attributes of a transition's event; there are not many transitions."""
    return {
        "current_state": str(step.state),
        "next_state": str(step.next_state),
        "fsm_event": str(step.event),
        "action": str(step.action),
    }
