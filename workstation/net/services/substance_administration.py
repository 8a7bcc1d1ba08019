"""Substance Administration Query (PS3.4 Annex V)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from workstation.net import status, uids
from workstation.net.services.query_retrieve import QueryRetrieveServiceClass
from workstation.net.status import StatusTable


class SubstanceAdministrationQueryServiceClass(QueryRetrieveServiceClass):
    """Substance Administration Query: products and approvals, asked for with C-FIND."""

    section = "PS3.4 Annex V"
    sop_classes = uids.SUBSTANCE_ADMINISTRATION
    services = ("C-FIND",)
    statuses = status.SUBSTANCE_ADMINISTRATION_SERVICE_CLASS_STATUS
    service_statuses: ClassVar[Mapping[str, StatusTable]] = {}
