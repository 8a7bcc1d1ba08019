"""Storage (PS3.4 Annex B)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from workstation.net import status, uids
from workstation.net.services.base import ServiceClass
from workstation.net.status import StatusTable


class StorageServiceClass(ServiceClass):
    """Storage: composite instances of patients, sent with C-STORE."""

    section = "PS3.4 Annex B"
    sop_classes: ClassVar[Mapping[str, str]] = uids.STORAGE
    services = ("C-STORE",)
    statuses: ClassVar[StatusTable] = status.STORAGE_SERVICE_CLASS_STATUS
