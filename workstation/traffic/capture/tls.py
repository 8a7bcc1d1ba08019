"""What can be told of an encrypted connection without its keys (RFC 8446): that it is one, whether for HTTP, alerts."""

from __future__ import annotations

from typing import Final

__all__ = ["TlsWatch", "begins_tls"]

_HANDSHAKE, _ALERT, _CHANGE_CIPHER_SPEC, _APPLICATION_DATA = 22, 21, 20, 23
_ALPN: Final = 16
_KEPT: Final = 16 << 10
# RFC 8446 section 6, and those of earlier versions that are still sent
_ALERTS: Final = {
    10: "unexpected message",
    20: "bad record MAC",
    22: "record overflow",
    40: "handshake failure: nothing in common",
    41: "no certificate",
    42: "bad certificate",
    43: "unsupported certificate",
    44: "certificate revoked",
    45: "certificate expired",
    46: "certificate not acceptable",
    47: "illegal parameter",
    48: "unknown certificate authority",
    49: "access denied",
    50: "decode error",
    51: "decrypt error",
    70: "protocol version not supported",
    71: "insufficient security",
    80: "internal error",
    86: "inappropriate fallback",
    90: "cancelled by the user",
    109: "missing extension",
    110: "unsupported extension",
    112: "unrecognized name",
    113: "bad certificate status",
    115: "unknown pre-shared key",
    116: "certificate required",
    120: "no application protocol in common",
}


def begins_tls(data: bytes | bytearray) -> bool:
    """Whether a connection that begins so is encrypted: a handshake record of SSL 3 to TLS 1.3 with a ClientHello."""
    return len(data) >= 6 and data[0] == _HANDSHAKE and data[1] == 3 and data[2] <= 4 and data[5] == 1


class TlsWatch:
    """Looks at what each side says in the clear.

    Attributes:
        bytes: of each direction, the forward one at True.
    """

    def __init__(self) -> None:
        self.bytes = {True: 0, False: 0}
        self._start: dict[bool, bytearray | None] = {True: bytearray(), False: bytearray()}
        self._alerts: list[tuple[bool, int]] = []
        self.for_another_protocol: bool | None = None  # None before the ClientHello is whole

    def data(self, forward: bool, data: bytes) -> None:
        """Take bytes."""
        self.bytes[forward] += len(data)
        start = self._start[forward]
        if start is None:
            return
        start += data[: _KEPT - len(start)]
        while len(start) >= 5:
            kind, length = start[0], int.from_bytes(start[3:5], "big")
            if kind not in (_HANDSHAKE, _ALERT) or start[1] != 3 or length > _KEPT:
                self._start[forward] = None  # encrypted from here on
                return
            if len(start) < 5 + length:
                if len(start) >= _KEPT:
                    self._start[forward] = None
                return
            record = bytes(start[5 : 5 + length])
            del start[: 5 + length]
            if kind == _ALERT and length == 2 and len(self._alerts) < 8:
                self._alerts.append((forward, record[1]))
            elif kind == _HANDSHAKE and self.for_another_protocol is None and record[:1] == b"\x01":
                self.for_another_protocol = _names_protocol(record)

    def hole(self, forward: bool, length: int) -> None:
        """Bytes are missing."""
        self.bytes[forward] += length
        self._start[forward] = None

    def alerts(self, requestor_forward: bool) -> list[str]:
        """The alerts in sentences; a warning that the connection is closed is none."""
        return [
            f"TLS alert from the {'requestor' if forward == requestor_forward else 'acceptor'}: "
            f"{_ALERTS.get(code, f'number {code}')}."
            for forward, code in self._alerts
            if code
        ]


def _names_protocol(hello: bytes) -> bool:
    """Whether a ClientHello asks for an application protocol, as browsers do and DICOM does not."""
    at = 4 + 2 + 32
    at += 1 + (hello[at] if at < len(hello) else 0)
    at += 2 + int.from_bytes(hello[at : at + 2], "big")
    at += 1 + (hello[at] if at < len(hello) else 0)
    end = min(at + 2 + int.from_bytes(hello[at : at + 2], "big"), len(hello))
    at += 2
    while at + 4 <= end:
        if int.from_bytes(hello[at : at + 2], "big") == _ALPN:
            return True
        at += 4 + int.from_bytes(hello[at + 2 : at + 4], "big")
    return False
