"""Defined Procedure Protocol Query/Retrieve (PS3.4 Annex HH)."""

from __future__ import annotations

from workstation.net import uids
from workstation.net.services.query_retrieve import QueryRetrieveServiceClass


class DefinedProcedureProtocolQueryRetrieveServiceClass(QueryRetrieveServiceClass):
    """Defined Procedure Protocol Query/Retrieve: acquisition protocols of modalities."""

    section = "PS3.4 Annex HH"
    sop_classes = uids.DEFINED_PROCEDURE_PROTOCOL
