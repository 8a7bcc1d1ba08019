"""Print Management (PS3.4 Annex H)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from workstation.net import status, uids
from workstation.net.services.base import ALL_N_SERVICES, ServiceClass


class PrintManagementServiceClass(ServiceClass):
    """Print Management: film sessions, film boxes, image boxes, printers and print jobs."""

    section = "PS3.4 Annex H"
    sop_classes = uids.PRINT_MANAGEMENT
    services_of: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "BasicFilmSession": ("N-CREATE", "N-SET", "N-DELETE", "N-ACTION"),
        "BasicFilmBox": ("N-CREATE", "N-SET", "N-DELETE", "N-ACTION"),
        "BasicGrayscaleImageBox": ("N-SET",),
        "BasicColorImageBox": ("N-SET",),
        "BasicAnnotationBox": ("N-SET",),
        "PrintJob": ("N-GET", "N-EVENT-REPORT"),
        "Printer": ("N-GET", "N-EVENT-REPORT"),
        "PrinterConfigurationRetrieval": ("N-GET",),
        "PresentationLUT": ("N-CREATE", "N-DELETE"),
        "BasicGrayscalePrintManagementMeta": ALL_N_SERVICES,
        "BasicColorPrintManagementMeta": ALL_N_SERVICES,
    }
    statuses = status.PRINT_JOB_MANAGEMENT_SERVICE_CLASS_STATUS
