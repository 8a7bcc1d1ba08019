"""One test server: an application entity that answers from archive and ledger as its profile says.

Puts together the listening of `net`, the built-in answers and the rules. The profile is one immutable value that
`apply` replaces: every handler looks at what is current.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from workstation.net import evt
from workstation.net.ae import AE
from workstation.net.association import Association
from workstation.net.codec.pdu import A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from workstation.net.events import Event, EventHandler
from workstation.net.listener import ThreadedAssociationServer
from workstation.net.presentation import PresentationContext
from workstation.scp.answers.built_in import BuiltIn
from workstation.scp.answers.contexts import chosen_contexts
from workstation.scp.answers.query_retrieve import answer_extended
from workstation.scp.archive.archive import Archive
from workstation.scp.asking import Asker
from workstation.scp.ledger import Ledger
from workstation.scp.profiles import Profile, Tls
from workstation.scp.rules.applying import Applying
from workstation.scp.rules.book import RuleBook
from workstation.scp.scripts import Scripts
from workstation.scp.surroundings import Later, Surroundings

# PS3.8 Table 9-21: rejected permanently by the service user.
_PERMANENT, _SERVICE_USER = 1, 1
_CALLING_NOT_RECOGNIZED, _CALLED_NOT_RECOGNIZED = 3, 7

Destinations = Callable[[str], tuple[str, int] | None]


class TlsError(Exception):
    """The TLS files of a profile cannot be used; a sentence says why."""


class TestServer:
    """The test server. Methods may be called from any thread; none calls back into the caller.

    Args:
        profile: what to begin with.
        archive: where objects are kept; not closed by the server.
        ledger: where everything else is kept; not closed by the server.
        destinations: AE title of a C-MOVE destination -> (host, port), or None if nobody has it.
        notification_handlers: (event, handler) for everybody who watches; also for associations with destinations.
        asker: asks the person; None if nobody is there.
        scripts: the person's scripts, shared between servers.
        folder: what paths in the profile are relative to.

    Attributes:
        book: the rules in force, with their hits.
    """

    __test__ = False  # not a test case, whatever pytest thinks of the name

    def __init__(
        self,
        profile: Profile,
        archive: Archive,
        ledger: Ledger,
        destinations: Destinations,
        notification_handlers: Iterable[EventHandler] = (),
        *,
        asker: Asker | None = None,
        scripts: Scripts | None = None,
        folder: Path | None = None,
    ) -> None:
        self._profile = profile
        self._notification_handlers = list(notification_handlers)
        self._destinations = destinations
        self._later = Later()
        self.book = RuleBook(profile.rules)
        self._built_in = BuiltIn(
            Surroundings(
                archive=archive,
                ledger=ledger,
                ae_title=lambda: self._profile.ae_title,
                destinations=destinations,
                associate=self._associate,
                later=self._later,
                notification_handlers=tuple(self._notification_handlers),
            )
        )
        self._folder = folder or Path.cwd()
        self._applying = Applying(
            self.book, asker, scripts if scripts is not None else Scripts(), folder=lambda: self._folder
        )
        # Guards starting, stopping and applying; handlers read `_profile` without it.
        self._changing = threading.Lock()
        self._ae = AE(profile.ae_title)
        self._server: ThreadedAssociationServer | None = None

    # state

    @property
    def profile(self) -> Profile:
        """The profile that applies now."""
        return self._profile

    @property
    def name(self) -> str:
        """The profile's name."""
        return self._profile.name

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    @property
    def address(self) -> tuple[str, int] | None:
        """Where it listens, with the real port if the profile says 0; None if it does not."""
        server = self._server
        return None if server is None else (server.server_address[0], server.server_address[1])

    @property
    def active_associations(self) -> list[Association]:
        """The associations that live, those with move destinations included."""
        return self._ae.active_associations

    # control

    def start(self) -> None:
        """Listen, and go on with what a restart interrupted, such as reports that were not delivered.

        Raises:
            OSError: the address cannot be listened on, as when the port is taken.
            TlsError: the certificate cannot be used.
        """
        with self._changing:
            if self._server is not None:
                return
            self._tune(self._profile)
            self._later.start()
            self._server = self._listen(self._profile)
            self._built_in.resume()

    def stop(self) -> None:
        """Abort what lives and give the port up. Returns when all is closed."""
        with self._changing:
            server, self._server = self._server, None
            if server is not None:
                server.shutdown()
            self._later.stop()
            self._ae.shutdown()
            if server is not None:
                self._built_in.stop()

    def apply(self, profile: Profile) -> None:
        """Replace the profile. All but address, port and TLS act at once, also on what lives.

        With another address or port the server listens there, and ends what came in by the old one.

        Raises:
            OSError: the new address cannot be listened on; the server goes on as it was.
            TlsError: the certificate cannot be used; the server goes on as it was.
        """
        with self._changing:
            now, old = self._profile, self._server
            moves = (profile.host, profile.port) != (now.host, now.port)
            if old is not None and moves:
                self._server = self._listen(profile)
                old.shutdown()
            elif old is not None:
                old.ssl_context = tls_context(profile.tls, self._folder)
                if profile.supported != now.supported:
                    # Not for each rule that is typed: it takes a while.
                    old.contexts = self._contexts(profile)
            self._profile = profile
            self.book.replace(profile.rules)
            self._tune(profile)

    def _tune(self, profile: Profile) -> None:
        ae = self._ae
        ae.ae_title = profile.ae_title
        ae.acse_timeout = profile.acse_timeout
        ae.dimse_timeout = profile.dimse_timeout
        ae.network_timeout = profile.network_timeout
        # A move destination that does not answer must not hold its C-MOVE for the system's two minutes.
        ae.connection_timeout = profile.acse_timeout
        ae.maximum_pdu_size = profile.maximum_pdu_size
        ae.maximum_associations = profile.maximum_associations
        if self._server is not None:
            self._server.ae_title = profile.ae_title

    def _contexts(self, profile: Profile) -> list[PresentationContext]:
        return chosen_contexts(self._built_in.contexts(), profile.supported)

    def _listen(self, profile: Profile) -> ThreadedAssociationServer:
        applying = self._applying
        server = self._ae.start_server(
            (profile.host, profile.port),
            block=False,
            evt_handlers=[
                *self._notification_handlers,
                *self._handlers(),
            ],
            ae_title=profile.ae_title,
            contexts=self._contexts(profile),
            ssl_context=tls_context(profile.tls, self._folder),
            sink_factory=applying.open_sink(self._built_in.storage.open_sink),
            admit=lambda assoc, request: applying.admit(assoc, request, self._admit),
            deliberates=applying.deliberates,
        )
        assert server is not None
        return server

    def _handlers(self) -> list[EventHandler]:
        return self._applying.handlers(self._built_in, {evt.EVT_SOP_EXTENDED: _answer_extended})

    # associations of its own

    def _associate(
        self, ae_title: str, contexts: Iterable[PresentationContext], ext_neg: Iterable[Any] = ()
    ) -> Association | None:
        where = self._destinations(ae_title)
        if where is None:
            return None
        return self._ae.associate(
            *where,
            contexts=list(contexts),
            ae_title=ae_title,
            ext_neg=list(ext_neg) or None,
            evt_handlers=[*self._notification_handlers, *self._handlers()],
        )

    # admission

    def _admit(self, _assoc: Association, request: A_ASSOCIATE_RQ) -> A_ASSOCIATE_RJ | None:
        profile = self._profile
        if profile.require_called and request.called_ae_title != profile.ae_title:
            return _rejection(_CALLED_NOT_RECOGNIZED)
        if profile.require_calling and request.calling_ae_title not in profile.require_calling:
            return _rejection(_CALLING_NOT_RECOGNIZED)
        return None


def tls_context(tls: Tls, folder: Path) -> ssl.SSLContext | None:
    """Return the TLS context of a profile, or None for a plain server.

    Raises:
        TlsError: A file cannot be used.
    """
    if not tls.certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if tls.minimum == "1.3" else ssl.TLSVersion.TLSv1_2
    for what, name, use in (
        ("certificate", tls.certificate, lambda path: context.load_cert_chain(path, _key_of(tls, folder))),
        ("authorities", tls.authorities, context.load_verify_locations),
    ):
        if not name:
            continue
        path = folder / Path(name).expanduser()
        try:
            use(path)
        except ssl.SSLError as error:
            raise TlsError(f"The TLS {what} {path} cannot be used: {error.reason or error}.") from error
        except OSError as error:
            raise TlsError(f"The TLS {what} {path} cannot be read: {error.strerror or error}.") from error
    if tls.authorities:
        context.verify_mode = ssl.CERT_REQUIRED if tls.require_client else ssl.CERT_OPTIONAL
    return context


def _key_of(tls: Tls, folder: Path) -> Path | None:
    return folder / Path(tls.key).expanduser() if tls.key else None


def _answer_extended(event: Event) -> dict[object, bytes]:
    return answer_extended(event.app_info)


def _rejection(reason: int) -> A_ASSOCIATE_RJ:
    return A_ASSOCIATE_RJ(result=_PERMANENT, source=_SERVICE_USER, reason=reason)
