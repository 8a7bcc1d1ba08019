"""The built-in test server: an application entity that answers from the archive as a person chose.

Puts together the listening of `net`, the built-in answers, the behaviours and the admission of associations. Settings
are one immutable value that `apply` replaces: every handler looks at the current one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from workstation.net import evt
from workstation.net.ae import AE
from workstation.net.association import Association
from workstation.net.codec.pdu import A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from workstation.net.events import Event, EventHandler
from workstation.net.listener import ThreadedAssociationServer
from workstation.scp.answers.built_in import BuiltIn, answer_extended
from workstation.scp.answers.contexts import supported_contexts
from workstation.scp.archive.archive import Archive
from workstation.scp.behaviour import answering, yielding
from workstation.settings import Behaviour, ServerSettings

# PS3.8 Table 9-21: rejected permanently by the service user.
_PERMANENT, _SERVICE_USER = 1, 1
_CALLING_NOT_RECOGNIZED, _CALLED_NOT_RECOGNIZED = 3, 7


class TestServer:
    """The test server. Methods may be called from any thread; none calls back into the caller.

    Args:
        settings: what to begin with.
        archive: where objects are kept; not closed by the server.
        destinations: AE title of a C-MOVE destination -> (host, port), or None if nobody has it.
        notification_handlers: (event, handler) for everybody who watches; also for associations with destinations.
    """

    __test__ = False  # not a test case, whatever pytest thinks of the name

    def __init__(
        self,
        settings: ServerSettings,
        archive: Archive,
        destinations: Callable[[str], tuple[str, int] | None],
        notification_handlers: Iterable[EventHandler] = (),
    ) -> None:
        self._settings = settings
        self._archive = archive
        self._notification_handlers = list(notification_handlers)
        self._built_in = BuiltIn(
            archive,
            ae_title=lambda: self._settings.ae_title,
            destinations=destinations,
            behaviour_of=self._behaviour_of,
            sub_operation_handlers=self._notification_handlers,
        )
        # Guards starting, stopping and applying; handlers read `_settings` without it.
        self._changing = threading.Lock()
        self._ae = AE(settings.ae_title)
        self._server: ThreadedAssociationServer | None = None

    # state

    @property
    def settings(self) -> ServerSettings:
        """The settings that apply now."""
        return self._settings

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    @property
    def address(self) -> tuple[str, int] | None:
        """Where it listens, with the real port if the settings say 0; None if it does not."""
        server = self._server
        return None if server is None else (server.server_address[0], server.server_address[1])

    @property
    def active_associations(self) -> list[Association]:
        """The associations that live, those with move destinations included."""
        return self._ae.active_associations

    # control

    def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be listened on, as when the port is taken.
        """
        with self._changing:
            if self._server is None:
                self._tune(self._settings)
                self._server = self._listen(self._settings)

    def stop(self) -> None:
        """Abort what lives and give the port up. Returns when all is closed."""
        with self._changing:
            server, self._server = self._server, None
            if server is not None:
                server.shutdown()
            self._ae.shutdown()

    def apply(self, settings: ServerSettings) -> None:
        """Replace the settings. All but address and port act at once, also on what lives.

        Another address or port makes the server listen there, and end what came in by the old one.

        Raises:
            OSError: the new address cannot be listened on; the server goes on as it was.
        """
        with self._changing:
            moves = (settings.host, settings.port) != (self._settings.host, self._settings.port)
            if self._server is not None and moves:
                old, self._server = self._server, self._listen(settings)
                old.shutdown()
            self._settings = settings
            self._archive.durable = settings.durable
            self._tune(settings)

    def _tune(self, settings: ServerSettings) -> None:
        ae = self._ae
        ae.ae_title = settings.ae_title
        ae.acse_timeout = settings.acse_timeout
        ae.dimse_timeout = settings.dimse_timeout
        ae.network_timeout = settings.network_timeout
        # A move destination that does not answer must not hold its C-MOVE for the system's two minutes.
        ae.connection_timeout = settings.acse_timeout
        ae.maximum_pdu_size = settings.maximum_pdu_size
        ae.maximum_associations = settings.maximum_associations
        if self._server is not None:
            self._server.ae_title = settings.ae_title

    def _listen(self, settings: ServerSettings) -> ThreadedAssociationServer:
        server = self._ae.start_server(
            (settings.host, settings.port),
            block=False,
            evt_handlers=[*self._notification_handlers, *self._handlers()],
            ae_title=settings.ae_title,
            contexts=supported_contexts(),
            sink_factory=self._built_in.open_sink,
            admit=self._admit,
        )
        assert server is not None
        return server

    def _handlers(self) -> list[EventHandler]:
        built_in, behaviour_of = self._built_in, self._behaviour_of
        return [
            (evt.EVT_C_ECHO, answering("EVT_C_ECHO", built_in.echo, behaviour_of)),
            # Its behaviour is chosen when the object begins to arrive.
            (evt.EVT_C_STORE, built_in.store),
            (evt.EVT_C_FIND, yielding("EVT_C_FIND", built_in.find, behaviour_of)),
            (evt.EVT_C_GET, yielding("EVT_C_GET", built_in.get, behaviour_of)),
            (evt.EVT_C_MOVE, yielding("EVT_C_MOVE", built_in.move, behaviour_of)),
            (evt.EVT_SOP_EXTENDED, _answer_extended),
        ]

    def _behaviour_of(self, name: str) -> Behaviour:
        return self._settings.behaviour(name)

    # admission

    def _admit(self, _assoc: Association, request: A_ASSOCIATE_RQ) -> A_ASSOCIATE_RJ | None:
        settings = self._settings
        admission = settings.admission
        if admission.reject is not None:
            result, source, reason = admission.reject
            return A_ASSOCIATE_RJ(result=result, source=source, reason=reason)
        if admission.require_called and request.called_ae_title != settings.ae_title:
            return _rejection(_CALLED_NOT_RECOGNIZED)
        if admission.require_calling and request.calling_ae_title not in admission.require_calling:
            return _rejection(_CALLING_NOT_RECOGNIZED)
        return None


def _answer_extended(event: Event) -> dict[object, bytes]:
    return answer_extended(event.app_info)


def _rejection(reason: int) -> A_ASSOCIATE_RJ:
    return A_ASSOCIATE_RJ(result=_PERMANENT, source=_SERVICE_USER, reason=reason)
