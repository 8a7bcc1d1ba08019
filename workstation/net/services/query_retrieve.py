"""Query/Retrieve (PS3.4 Annex C), Composite Instance Retrieve (Annexes Y, Z) and Repository Query (Annex C.6.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from workstation.net import status, uids
from workstation.net.services.base import ServiceClass
from workstation.net.status import StatusTable


class QueryRetrieveServiceClass(ServiceClass):
    """Query/Retrieve: C-FIND, C-GET and C-MOVE; the other services that query are made from it."""

    section = "PS3.4 Annex C"
    sop_classes: ClassVar[Mapping[str, str]] = uids.QUERY_RETRIEVE
    services: ClassVar[tuple[str, ...]] = ("C-FIND", "C-GET", "C-MOVE")
    statuses: ClassVar[StatusTable] = status.QR_FIND_SERVICE_CLASS_STATUS
    service_statuses: ClassVar[Mapping[str, StatusTable]] = {
        "C-FIND": status.QR_FIND_SERVICE_CLASS_STATUS,
        "C-GET": status.QR_GET_SERVICE_CLASS_STATUS,
        "C-MOVE": status.QR_MOVE_SERVICE_CLASS_STATUS,
    }


# The limit of a Repository Query is reached; more can be asked for (PS3.4 Table C.4-1).
LIMIT_REACHED: Final = 0xB001
REPOSITORY_QUERY: Final = uids.QUERY_RETRIEVE["RepositoryQuery"]

# Composite Instance Retrieve Without Bulk Data: what is left out (PS3.4 Table Z.1-1). (5400,1010) is within items of
# the Waveform Sequence.
WITHOUT_BULK_DATA: Final = uids.QUERY_RETRIEVE["CompositeInstanceRetrieveWithoutBulkDataGet"]
BULK_DATA: Final = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010, 0x00420011, 0x56000020, 0x54001010})
BULK_DATA_OF_REPEATING_GROUPS: Final = frozenset({(0x5000, 0x3000), (0x5000, 0x200C), (0x6000, 0x3000)})
