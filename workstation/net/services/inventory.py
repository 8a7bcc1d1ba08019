"""Inventory Query/Retrieve (PS3.4 Annex JJ)."""

from __future__ import annotations

from workstation.net import uids
from workstation.net.services.query_retrieve import QueryRetrieveServiceClass


class InventoryQueryRetrieveServiceClass(QueryRetrieveServiceClass):
    """Inventory Query/Retrieve: inventories of what a repository holds."""

    section = "PS3.4 Annex JJ"
    sop_classes = uids.INVENTORY
