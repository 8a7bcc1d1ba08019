"""Whose fault a protocol error is: our caller's or the peer's (PS3.8 section 9.3.8 for the reasons).

Knows nothing of PDUs, messages or sockets: every floor of `net` imports it.
"""

from __future__ import annotations

from enum import IntEnum


class AbortReason(IntEnum):
    """The reason/diagnostic field of an A-ABORT sent by the service-provider (PS3.8 Table 9-26)."""

    NOT_SPECIFIED = 0
    UNRECOGNIZED_PDU = 1
    UNEXPECTED_PDU = 2
    RESERVED = 3
    UNRECOGNIZED_PDU_PARAMETER = 4
    UNEXPECTED_PDU_PARAMETER = 5
    INVALID_PDU_PARAMETER_VALUE = 6


class LocalProtocolError(Exception):
    """Our caller asked for something that the standard does not allow to be sent."""


class RemoteProtocolError(Exception):
    """The peer sent something that cannot be understood; wire input raises nothing else.

    Attributes:
        reason: What the A-ABORT (source 2, service-provider) that answers it gives as its reason.
    """

    def __init__(self, message: str, reason: AbortReason = AbortReason.INVALID_PDU_PARAMETER_VALUE) -> None:
        super().__init__(message)
        self.reason = reason
