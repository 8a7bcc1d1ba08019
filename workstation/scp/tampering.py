"""The faults of `rules.faults` on the wire: one thing wrong, everything around it as it would have been.

A rule that fires arms its fault on the association before the request is answered; the fault then acts on that answer
through the seam of `net.interference` and is done with it. Silence and a slow wire stay.
"""

from __future__ import annotations

from workstation.net.association import Association
from workstation.net.codec.dimse import Message
from workstation.net.codec.pdu import A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from workstation.net.engine.assembly import DataSink
from workstation.scp.rules.rule import Fault


def arm(assoc: Association, fault: Fault, *, request: Message | None = None) -> None:
    """Have the answer to a service request go wrong; to be called before the answer leaves, from any thread.

    Only the responses to `request` are concerned; C-STORE sub-operations and requests of ours on the same association
    leave as they are. After the final response the fault is gone, but for silence and a slow wire, which stay
    as long as the association. A slow wire begins at once.

    Args:
        assoc: The association that the request came on.
        fault: What goes wrong; "reject" and "contexts" are not for services and do nothing here.
        request: What is answered (`event.request`); None for whatever is answered next.
    """
    raise NotImplementedError


def arm_association(assoc: Association, request: A_ASSOCIATE_RQ, fault: Fault) -> A_ASSOCIATE_RJ | None:
    """Have the answer to an association request go wrong; to be called from a server's `admit`.

    Returns:
        What `admit` has to return: the rejection that "reject" orders, None for every other fault.
    """
    raise NotImplementedError


def sink_watch(assoc: Association, fault: Fault, sink: DataSink, *, request: Message | None = None) -> DataSink:
    """Arm a fault for a C-STORE whose object begins to arrive; to be called where its sink is made.

    Does what `arm` does, and for the point "receiving" watches the object: after so many bytes of it, when it is
    whole at the latest, the fault happens.

    Returns:
        The sink to use: `sink` itself, or one around it that has all its attributes.
    """
    raise NotImplementedError


def needs_beginning(fault: Fault) -> bool:
    """Whether the fault acts while a C-STORE's object arrives, so that a rule has to be decided when that begins."""
    return fault.kind == "slow-read" or fault.values.get("point") == "receiving"
