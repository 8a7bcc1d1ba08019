"""Basic Worklist Management (PS3.4 Annex K)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from workstation.net import status, uids
from workstation.net.services.query_retrieve import QueryRetrieveServiceClass
from workstation.net.status import StatusTable


class BasicWorklistManagementServiceClass(QueryRetrieveServiceClass):
    """Basic Worklist Management: scheduled procedure steps, one level, asked for with C-FIND."""

    section = "PS3.4 Annex K"
    sop_classes = uids.BASIC_WORKLIST_MANAGEMENT
    services = ("C-FIND",)
    statuses = status.MODALITY_WORKLIST_SERVICE_CLASS_STATUS
    service_statuses: ClassVar[Mapping[str, StatusTable]] = {}
