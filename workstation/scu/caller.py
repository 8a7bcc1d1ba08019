"""Who asks: our AE title, how long we wait, and who listens to the traffic.

Knows nothing of what is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workstation.net import AE
from workstation.peers import Peer

if TYPE_CHECKING:
    from workstation.net import Association
    from workstation.net.presentation import PresentationContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Our side of the associations that we ask for. Times in seconds, None for no limit."""

    ae_title: str = "WORKSTATION"
    handlers: Sequence[tuple[Any, ...]] = ()
    """Notification handlers of every association, as for `AE.associate`."""
    connection_timeout: float | None = 10
    acse_timeout: float | None = 30
    dimse_timeout: float | None = 60
    network_timeout: float | None = 60
    maximum_pdu_size: int = 131072

    def associate(
        self,
        peer: Peer,
        contexts: Sequence[PresentationContext],
        *,
        ext_neg: Sequence[Any] = (),
        handlers: Sequence[tuple[Any, ...]] = (),
        sink_factory: Callable[..., Any] | None = None,
    ) -> Association:
        """Ask for an association and wait for the answer.

        Args:
            peer: Who is asked.
            contexts: What is proposed, at most 128.
            ext_neg: Extended negotiation items, such as role selections.
            handlers: More handlers, for this association only.
            sink_factory: Where objects that the peer sends on this association (C-GET) go as they arrive.

        Returns:
            The association, established or not.
        """
        ae = AE(ae_title=self.ae_title)
        ae.connection_timeout = self.connection_timeout
        ae.acse_timeout = self.acse_timeout
        ae.dimse_timeout = self.dimse_timeout
        ae.network_timeout = self.network_timeout
        return ae.associate(
            peer.host,
            peer.port,
            contexts=list(contexts),
            ae_title=peer.ae_title,
            max_pdu=self.maximum_pdu_size,
            ext_neg=list(ext_neg),
            evt_handlers=[*self.handlers, *handlers],
            sink_factory=sink_factory,
        )
