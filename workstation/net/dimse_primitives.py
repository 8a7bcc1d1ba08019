"""The documented names of what `event.request` is: ``isinstance(event.request, C_STORE)``.

PS3.7 sections 9 and 10. A message here is one class per PDU, request and response apart (`dimse`): these names are
those of the requests. Their attributes are DICOM keywords.
"""

from __future__ import annotations

from workstation.net.codec.dimse import (
    C_CANCEL_RQ,
    C_ECHO_RQ,
    C_FIND_RQ,
    C_GET_RQ,
    C_MOVE_RQ,
    C_STORE_RQ,
    N_ACTION_RQ,
    N_CREATE_RQ,
    N_DELETE_RQ,
    N_EVENT_REPORT_RQ,
    N_GET_RQ,
    N_SET_RQ,
    Message,
)

DIMSEPrimitive = Message
C_STORE = C_STORE_RQ
C_FIND = C_FIND_RQ
C_GET = C_GET_RQ
C_MOVE = C_MOVE_RQ
C_ECHO = C_ECHO_RQ
C_CANCEL = C_CANCEL_RQ
N_EVENT_REPORT = N_EVENT_REPORT_RQ
N_GET = N_GET_RQ
N_SET = N_SET_RQ
N_ACTION = N_ACTION_RQ
N_CREATE = N_CREATE_RQ
N_DELETE = N_DELETE_RQ

__all__ = [
    "C_CANCEL",
    "C_ECHO",
    "C_FIND",
    "C_GET",
    "C_MOVE",
    "C_STORE",
    "N_ACTION",
    "N_CREATE",
    "N_DELETE",
    "N_EVENT_REPORT",
    "N_GET",
    "N_SET",
    "DIMSEPrimitive",
]
