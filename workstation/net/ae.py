"""The Application Entity: who we are, what we propose and support, and the associations and servers that we have.

The surface is the documented API's `AE`; see the guide for how it is used.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pydicom.uid import UID

from workstation.net import _config, default_logging, events
from workstation.net._globals import (
    DEFAULT_MAX_LENGTH,
    MAXIMUM_PRESENTATION_CONTEXTS,
    MODE_REQUESTOR,
    PYNETDICOM_IMPLEMENTATION_UID,
    PYNETDICOM_IMPLEMENTATION_VERSION,
)
from workstation.net.association import Association, SinkFactory
from workstation.net.listener import Admit, AssociationServer, ThreadedAssociationServer, end_all
from workstation.net.pdu_primitives import NegotiationItem
from workstation.net.presentation import PresentationContext, build_context, transfer_syntax_list
from workstation.net.service_user import ServiceUser
from workstation.net.shell import connecting
from workstation.net.utils import validate_ae_title

_log = logging.getLogger("workstation.net.ae")

Address = tuple[str, int] | tuple[str, int, int, int]


class ApplicationEntity:
    """A DICOM Application Entity.

    Args:
        ae_title: AE title, 1 to 16 characters.

    Raises:
        TypeError, ValueError: The AE title is no good.
    """

    def __init__(self, ae_title: str = "PYNETDICOM") -> None:
        self.ae_title = ae_title
        self._lock = threading.Lock()  # guards the lists of associations and servers
        self._associations: dict[Association, None] = {}
        self._servers: list[AssociationServer] = []
        self._supported: dict[UID, PresentationContext] = {}
        self._requested: list[PresentationContext] = []
        self._acse_timeout: float | None = 30
        self._dimse_timeout: float | None = 30
        self._network_timeout: float | None = 60
        self._connection_timeout: float | None = None
        self._maximum_associations = 10
        self._maximum_pdu_size = DEFAULT_MAX_LENGTH
        self._require_calling: list[str] = []
        self._require_called = False
        self._implementation_uid: UID = PYNETDICOM_IMPLEMENTATION_UID
        self._implementation_version: str | None = PYNETDICOM_IMPLEMENTATION_VERSION

    # ------------------------------------------------------------------- who we are
    @property
    def ae_title(self) -> str:
        """The AE title."""
        return self._ae_title

    @ae_title.setter
    def ae_title(self, value: str | bytes) -> None:
        self._ae_title = validate_ae_title(value)

    @property
    def implementation_class_uid(self) -> UID:
        """The Implementation Class UID that we send (PS3.7 D.3.3.2.1)."""
        return self._implementation_uid

    @implementation_class_uid.setter
    def implementation_class_uid(self, value: str | bytes | UID) -> None:
        if isinstance(value, bytes):
            value = value.decode("ascii")
        if not isinstance(value, str):
            raise TypeError(f"implementation_class_uid must be a UID, not {type(value).__name__}")
        uid = UID(value)
        if not uid.is_valid:
            raise ValueError(f"implementation_class_uid {value!r} is no valid UID")
        self._implementation_uid = uid

    @property
    def implementation_version_name(self) -> str | None:
        """The Implementation Version Name that we send, or None for no such item (PS3.7 D.3.3.2.3)."""
        return self._implementation_version

    @implementation_version_name.setter
    def implementation_version_name(self, value: str | None) -> None:
        if value is not None:
            if not isinstance(value, str):
                raise TypeError(f"implementation_version_name must be str or None, not {type(value).__name__}")
            if not 1 <= len(value) <= 16 or not value.isascii():
                raise ValueError(f"implementation_version_name has 1 to 16 ASCII characters, not {value!r}")
        self._implementation_version = value

    # ------------------------------------------------------------------- limits
    @property
    def acse_timeout(self) -> float | None:
        """Seconds for association and release answers; None is no limit."""
        return self._acse_timeout

    @acse_timeout.setter
    def acse_timeout(self, value: float | None) -> None:
        self._acse_timeout = _timeout("acse_timeout", value, 30)
        for assoc in self.active_associations:
            assoc.acse_timeout = self._acse_timeout

    @property
    def dimse_timeout(self) -> float | None:
        """Seconds for DIMSE responses; None is no limit."""
        return self._dimse_timeout

    @dimse_timeout.setter
    def dimse_timeout(self, value: float | None) -> None:
        self._dimse_timeout = _timeout("dimse_timeout", value, 30)
        for assoc in self.active_associations:
            assoc.dimse_timeout = self._dimse_timeout

    @property
    def network_timeout(self) -> float | None:
        """Seconds of silence on an association; None is no limit."""
        return self._network_timeout

    @network_timeout.setter
    def network_timeout(self, value: float | None) -> None:
        self._network_timeout = _timeout("network_timeout", value, 60)
        for assoc in self.active_associations:
            assoc.network_timeout = self._network_timeout

    @property
    def connection_timeout(self) -> float | None:
        """Seconds for opening a transport connection; None is the system's limit."""
        return self._connection_timeout

    @connection_timeout.setter
    def connection_timeout(self, value: float | None) -> None:
        good = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
        self._connection_timeout = value if good else None

    @property
    def maximum_associations(self) -> int:
        """How many associations peers may have with us at once."""
        return self._maximum_associations

    @maximum_associations.setter
    def maximum_associations(self, value: int) -> None:
        self._maximum_associations = value if isinstance(value, int) and value >= 1 else 1

    @property
    def maximum_pdu_size(self) -> int:
        """The largest P-DATA-TF length that we take as acceptor, in bytes; 0 is no limit."""
        return self._maximum_pdu_size

    @maximum_pdu_size.setter
    def maximum_pdu_size(self, value: int) -> None:
        if value >= 0:
            self._maximum_pdu_size = value

    @property
    def require_calling_aet(self) -> list[str]:
        """The calling AE titles that are accepted; empty for all."""
        return self._require_calling

    @require_calling_aet.setter
    def require_calling_aet(self, titles: Sequence[str | bytes]) -> None:
        self._require_calling = [validate_ae_title(title, "require_calling_aet") for title in titles]

    @property
    def require_called_aet(self) -> bool:
        """Whether peers must call us by our AE title."""
        return self._require_called

    @require_called_aet.setter
    def require_called_aet(self, value: bool) -> None:
        self._require_called = bool(value)

    # ------------------------------------------------------------------- contexts
    @property
    def supported_contexts(self) -> list[PresentationContext]:
        """What we support as acceptor, by abstract syntax.

        Setting adds to what is there, as in the documented API; an empty list takes all away.
        """
        return sorted(self._supported.values(), key=lambda context: str(context.abstract_syntax))

    @supported_contexts.setter
    def supported_contexts(self, contexts: list[PresentationContext]) -> None:
        _check_contexts(contexts)
        if not contexts:
            self._supported = {}
        for context in contexts:
            self.add_supported_context(
                context.abstract_syntax or "", context.transfer_syntax, context.scu_role, context.scp_role
            )

    @property
    def requested_contexts(self) -> list[PresentationContext]:
        """What we propose as requestor, 128 at most.

        Setting adds to what is there, as in the documented API; an empty list takes all away.
        """
        return self._requested

    @requested_contexts.setter
    def requested_contexts(self, contexts: list[PresentationContext]) -> None:
        _check_contexts(contexts)
        if not contexts:
            self._requested = []
        _check_number([*self._requested, *contexts])
        for context in contexts:
            self.add_requested_context(context.abstract_syntax or "", context.transfer_syntax)

    def add_supported_context(
        self,
        abstract_syntax: str | UID,
        transfer_syntax: str | UID | Iterable[str | UID] | None = None,
        scu_role: bool | None = None,
        scp_role: bool | None = None,
    ) -> None:
        """Support an abstract syntax, or more transfer syntaxes of it.

        Args:
            abstract_syntax: SOP Class UID.
            transfer_syntax: One or several, in our order of preference; default the four uncompressed ones.
            scu_role: Whether a requestor may be SCU; None for the default role.
            scp_role: Whether a requestor may be SCP; None for the default role.

        Raises:
            TypeError: A role is neither None nor bool.
            ValueError: A UID is no good.
        """
        for role in (scu_role, scp_role):
            if role is not None and not isinstance(role, bool):
                raise TypeError(f"a role is True, False or None, not {role!r}")
        added = build_context(abstract_syntax, transfer_syntax_list(transfer_syntax))
        known = self._supported.setdefault(UID(str(added.abstract_syntax)), added)
        for syntax in added.transfer_syntax:
            known.add_transfer_syntax(syntax)
        known.scu_role = known.scu_role if scu_role is None else scu_role
        known.scp_role = known.scp_role if scp_role is None else scp_role

    def remove_supported_context(
        self, abstract_syntax: str | UID, transfer_syntax: str | UID | Iterable[str | UID] | None = None
    ) -> None:
        """Support an abstract syntax no longer, or some transfer syntaxes of it."""
        uid = UID(str(abstract_syntax))
        context = self._supported.get(uid)
        if context is None:
            return
        left = _without(context, transfer_syntax)
        if left:
            context.transfer_syntax = left
        else:
            del self._supported[uid]

    def add_requested_context(
        self,
        abstract_syntax: str | UID,
        transfer_syntax: str | UID | Iterable[str | UID] | None = None,
    ) -> None:
        """Propose one more presentation context.

        Raises:
            ValueError: A UID is no good, or there are 128 already (PS3.8 section 9.3.2.2).
        """
        _check_number([*self._requested, None])
        self._requested.append(build_context(abstract_syntax, transfer_syntax_list(transfer_syntax)))

    def remove_requested_context(
        self, abstract_syntax: str | UID, transfer_syntax: str | UID | Iterable[str | UID] | None = None
    ) -> None:
        """Propose an abstract syntax no longer, or some transfer syntaxes of it, in all its contexts."""
        kept = []
        for context in self._requested:
            if context.abstract_syntax == str(abstract_syntax):
                left = _without(context, transfer_syntax)
                if not left:
                    continue
                context.transfer_syntax = left
            kept.append(context)
        self._requested = kept

    # ------------------------------------------------------------------- asking
    def associate(
        self,
        addr: str | tuple[str, int, int],
        port: int,
        contexts: list[PresentationContext] | None = None,
        ae_title: str = "ANY-SCP",
        max_pdu: int = DEFAULT_MAX_LENGTH,
        ext_neg: list[NegotiationItem] | None = None,
        bind_address: Address | None = None,
        tls_args: connecting.TLSArguments | None = None,
        evt_handlers: Iterable[events.EventHandler] | None = None,
        *,
        sink_factory: SinkFactory | None = None,
    ) -> Association:
        """Ask a peer for an association; returns when it is decided.

        Args:
            addr: IP address or host name, or (address, flowinfo, scope_id).
            port: TCP port.
            contexts: What to propose; default `requested_contexts`.
            ae_title: Called AE Title.
            max_pdu: The largest P-DATA-TF length that we take, in bytes; 0 is no limit.
            ext_neg: Negotiation items.
            bind_address: Where to come from.
            tls_args: TLS context and the server name to check.
            evt_handlers: (event, handler) or (event, handler, [arguments]).
            sink_factory: Offers sinks for the data sets of C-STORE requests, as they come during a C-GET.

        Returns:
            The association, whether it was established or not.

        Raises:
            TypeError, ValueError, LocalProtocolError: An argument is no good.
            RuntimeError: There is nothing to propose, or the system gives no more threads.
        """
        scope = (0, 0)
        host = addr
        if isinstance(addr, tuple):
            if len(addr) != 3:
                raise TypeError("addr is a str or (address, flowinfo, scope_id)")
            host, scope = addr[0], (addr[1], addr[2])
        if not isinstance(host, str):
            raise TypeError(f"addr must be a str, not {type(host).__name__}")
        if not isinstance(port, int) or isinstance(port, bool):
            raise TypeError(f"port must be an int, not {type(port).__name__}")
        if not 0 < port < 65536:
            raise ValueError(f"a TCP port is 1 to 65535, not {port}")
        if bind_address is not None and not (isinstance(bind_address, tuple) and len(bind_address) in (2, 4)):
            raise TypeError("bind_address is (host, port) or (host, port, flowinfo, scope_id)")
        _check_tls(tls_args)
        proposed = self._proposed(contexts)
        assoc = Association(self, MODE_REQUESTOR)
        assoc.acceptor.ae_title = ae_title
        assoc.requestor.maximum_length = max_pdu
        assoc._limits.maximum_length = max_pdu
        assoc.requestor.requested_contexts = proposed
        for item in ext_neg or []:
            assoc.requestor.add_negotiation_item(item)
        assoc.sink_factory = sink_factory
        handlers = events.Handlers()
        default_logging.bind_default_handlers(handlers)
        handlers.bind_all(evt_handlers)
        assoc.use_handlers(handlers)
        assoc.connect = lambda pause: connecting.connect(
            host,
            port,
            pause,
            timeout=self.connection_timeout,
            bind_address=bind_address,
            tls=tls_args,
            tls_timeout=self.acse_timeout,
            flowinfo=scope[0],
            scope_id=scope[1],
        )
        self.remember(assoc)
        assoc.request()
        return assoc

    def _proposed(self, contexts: list[PresentationContext] | None) -> list[PresentationContext]:
        """Copies of what is to be proposed, with their IDs."""
        if contexts is not None:
            _check_contexts(contexts)
        wanted = contexts or self._requested
        if not wanted:
            raise RuntimeError("there is no presentation context to propose")
        _check_number(wanted)
        copies = [context.copy() for context in wanted]
        for index, context in enumerate(copies):
            context.context_id = 2 * index + 1
        return copies

    # ------------------------------------------------------------------- answering
    def make_server(
        self,
        address: Address,
        ae_title: str | None = None,
        contexts: list[PresentationContext] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        evt_handlers: Iterable[events.EventHandler] | None = None,
        server_class: type[AssociationServer] | None = None,
        **kwargs: Any,
    ) -> AssociationServer:
        """Make a server that listens and does not accept yet.

        Raises:
            ValueError: There is no supported context, or one of its roles is None and the other is not.
            OSError: The address cannot be listened on.
        """
        supported = contexts if contexts is not None else self.supported_contexts
        if not supported and not _config.UNRESTRICTED_STORAGE_SERVICE:
            raise ValueError("there is no supported presentation context")
        for context in supported:
            if (context.scu_role is None) != (context.scp_role is None):
                raise ValueError(f"{context.abstract_syntax}: either both roles are given or none")
        title = validate_ae_title(ae_title) if ae_title else self.ae_title
        server = (server_class or AssociationServer)(
            self, address, title, supported, ssl_context, evt_handlers, **kwargs
        )
        with self._lock:
            self._servers.append(server)
        return server

    def start_server(
        self,
        address: Address,
        block: bool = True,
        ssl_context: ssl.SSLContext | None = None,
        evt_handlers: Iterable[events.EventHandler] | None = None,
        ae_title: str | None = None,
        contexts: list[PresentationContext] | None = None,
        *,
        sink_factory: SinkFactory | None = None,
        admit: Admit | None = None,
        deliberates: Callable[[], bool] | None = None,
    ) -> ThreadedAssociationServer | None:
        """Start a server.

        Args:
            address: (host, port[, flowinfo, scope_id]); an empty host is any address.
            block: Serve in this thread until `shutdown` or Ctrl+C, or in one of its own.
            ssl_context: Accept TLS only.
            evt_handlers: (event, handler) or (event, handler, [arguments]).
            ae_title: The AE title that it answers as.
            contexts: What it supports; default `supported_contexts`.
            sink_factory: Offers sinks for the data sets of C-STORE requests.
            admit: Asked for each association request; a rejection that it returns is sent.
            deliberates: Says whether `admit` may take its time now, which it then does in a thread of its own.

        Returns:
            The running server, or None after blocking.

        Raises:
            ValueError: As `make_server`.
            OSError: The address cannot be listened on.
        """
        server = self.make_server(
            address,
            ae_title,
            contexts,
            ssl_context,
            evt_handlers,
            ThreadedAssociationServer,
            sink_factory=sink_factory,
            admit=admit,
            deliberates=deliberates,
        )
        assert isinstance(server, ThreadedAssociationServer)
        if not block:
            server.start()
            return server
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            _log.info("Interrupted")
        finally:
            server.shutdown()
        return None

    def shutdown(self) -> None:
        """Stop the servers and abort the associations."""
        with self._lock:
            servers = list(self._servers)
        for server in servers:
            server.shutdown()
        end_all(self.active_associations)

    # ------------------------------------------------------------------- what lives
    @property
    def active_associations(self) -> list[Association]:
        """The associations that live, in both directions."""
        with self._lock:
            return [assoc for assoc in self._associations if not assoc.over.is_set()]

    def remember(self, assoc: Association) -> None:
        """An association begins."""
        with self._lock:
            self._associations[assoc] = None

    def forget(self, assoc: Association) -> None:
        """An association has ended."""
        with self._lock:
            self._associations.pop(assoc, None)

    def forget_server(self, server: AssociationServer) -> None:
        """A server has ended."""
        with self._lock:
            if server in self._servers:
                self._servers.remove(server)

    def take_place(self, assoc: Association) -> bool:
        """Count an association that a peer asks for, unless there are `maximum_associations` already.

        Its place is free again when the association is over, whoever ended it.
        """
        with self._lock:
            most = self._maximum_associations
            # counted only if there are so many at all, in either direction: each one is asked then
            assoc.admitted = (
                len(self._associations) - (assoc in self._associations) < most
                or sum(other.takes_place for other in self._associations if other is not assoc) < most
            )
            return assoc.admitted

    def describe(self, user: ServiceUser) -> None:
        """Say who we are in one end of an association."""
        user.maximum_length = self.maximum_pdu_size
        user.introduce(self.ae_title, self.implementation_class_uid, self.implementation_version_name)

    def __str__(self) -> str:
        lines = [f"Application Entity {self.ae_title}"]
        lines += [
            f"  {name}: {getattr(self, name)}"
            for name in (
                "acse_timeout",
                "dimse_timeout",
                "network_timeout",
                "connection_timeout",
                "maximum_associations",
                "maximum_pdu_size",
                "require_calling_aet",
                "require_called_aet",
            )
        ]
        for title, contexts in (("Requested", self.requested_contexts), ("Supported", self.supported_contexts)):
            lines.append(f"  {title} presentation contexts: {len(contexts)}")
            lines += [f"    {line}" for context in contexts for line in str(context).splitlines()]
        lines.append(f"  Associations: {len(self.active_associations)}/{self.maximum_associations}")
        lines += [f"    Peer {assoc.peer.ae_title}, we are {assoc.mode}" for assoc in self.active_associations]
        return "\n".join(lines)


AE = ApplicationEntity


def _timeout(name: str, value: float | None, default: float) -> float | None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and value >= 0):
        return value
    _log.warning("%s must be a number of seconds or None, not %r; %s is used", name, value, default)
    return default


def _check_tls(tls_args: Any) -> None:
    if tls_args is None:
        return
    if not isinstance(tls_args, tuple) or len(tls_args) != 2:
        raise TypeError("tls_args is (ssl.SSLContext, server name or None)")
    context, name = tls_args
    if not isinstance(context, ssl.SSLContext) or not isinstance(name, str | None):
        kinds = ", ".join(type(item).__name__ for item in tls_args)
        raise TypeError(f"tls_args is (ssl.SSLContext, server name or None), not ({kinds})")


def _check_contexts(contexts: Sequence[Any]) -> None:
    if not isinstance(contexts, list) or not all(isinstance(item, PresentationContext) for item in contexts):
        raise ValueError("contexts must be a list of PresentationContext")


def _check_number(contexts: Sequence[Any]) -> None:
    if len(contexts) > MAXIMUM_PRESENTATION_CONTEXTS:
        raise ValueError(
            f"an association has at most {MAXIMUM_PRESENTATION_CONTEXTS} presentation contexts (PS3.8 section "
            f"9.3.2.2), not {len(contexts)}: propose fewer, or use several associations"
        )


def _without(context: PresentationContext, transfer_syntax: str | UID | Iterable[str | UID] | None) -> list[UID]:
    """The transfer syntaxes that are left when some, or by default all, are taken away."""
    if transfer_syntax is None:
        return []
    removed = set(transfer_syntax_list(transfer_syntax))
    return [syntax for syntax in context.transfer_syntax if str(syntax) not in removed]
