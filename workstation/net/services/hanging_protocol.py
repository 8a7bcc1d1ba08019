"""Hanging Protocol Query/Retrieve (PS3.4 Annex U)."""

from __future__ import annotations

from workstation.net import uids
from workstation.net.services.query_retrieve import QueryRetrieveServiceClass


class HangingProtocolQueryRetrieveServiceClass(QueryRetrieveServiceClass):
    """Hanging Protocol Query/Retrieve: how a reading workstation arranges images."""

    section = "PS3.4 Annex U"
    sop_classes = uids.HANGING_PROTOCOL
