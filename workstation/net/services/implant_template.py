"""Implant Template Query/Retrieve (PS3.4 Annex BB)."""

from __future__ import annotations

from workstation.net import uids
from workstation.net.services.query_retrieve import QueryRetrieveServiceClass


class ImplantTemplateQueryRetrieveServiceClass(QueryRetrieveServiceClass):
    """Implant Template Query/Retrieve: templates, assemblies and groups of implants."""

    section = "PS3.4 Annex BB"
    sop_classes = uids.IMPLANT_TEMPLATE
