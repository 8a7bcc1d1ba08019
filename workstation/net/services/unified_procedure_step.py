"""Unified Procedure Step (PS3.4 Annex CC)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from workstation.net import status, uids
from workstation.net.services.base import ServiceClass


class UnifiedProcedureStepServiceClass(ServiceClass):
    """Unified Procedure Step: work items that are pushed, pulled, watched and reported."""

    section = "PS3.4 Annex CC"
    sop_classes = uids.UNIFIED_PROCEDURE_STEP
    services_of: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "UnifiedProcedureStepPush": ("N-CREATE", "N-ACTION", "N-GET"),
        "UnifiedProcedureStepPull": ("C-FIND", "N-GET", "N-SET", "N-ACTION"),
        "UnifiedProcedureStepWatch": ("C-FIND", "N-GET", "N-ACTION"),
        "UnifiedProcedureStepEvent": ("N-EVENT-REPORT",),
        "UnifiedProcedureStepQuery": ("C-FIND",),
    }
    statuses = status.UNIFIED_PROCEDURE_STEP_SERVICE_CLASS_STATUS
    # Instances are of the Push class whatever context a request about them travels in.
    carriers: ClassVar[Mapping[str, tuple[str, ...]]] = {
        uids.UNIFIED_PROCEDURE_STEP["UnifiedProcedureStepPush"]: tuple(
            uids.UNIFIED_PROCEDURE_STEP[f"UnifiedProcedureStep{name}"] for name in ("Pull", "Watch", "Event", "Query")
        )
    }
