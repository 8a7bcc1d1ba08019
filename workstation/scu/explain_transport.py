"""Why there is no connection, or none to a DICOM server: TCP, TLS, and other servers at the port.

Knows nothing of associations: errors go in, explanations come out. What other servers' first bytes tell stands in
`traffic.explanations`.
"""

from __future__ import annotations

import errno
import socket
import ssl

from workstation.net.shell.connecting import TLSHandshakeError
from workstation.scu.failure import Failure, Layer, printable
from workstation.traffic.expert.explanations import explain_first_bytes
from workstation.traffic.text import endpoint

__all__ = ["explain_connection", "explain_first_bytes"]


def explain_connection(error: OSError, host: str, port: int) -> Failure:
    """Why no transport connection came about."""
    place = endpoint(host, port)
    evidence = error.strerror or str(error) or type(error).__name__
    handshake = isinstance(error, TLSHandshakeError)
    if handshake and isinstance(error.__cause__, OSError):
        error = error.__cause__
    if isinstance(error, ssl.SSLError):
        return _explain_tls(error, place)
    if handshake:
        return Failure(
            Layer.TLS,
            f"{place} did not answer the TLS handshake",
            evidence,
            "It probably does not speak TLS: turn TLS off for this peer, or use its TLS port (often 2762).",
        )
    if isinstance(error, socket.gaierror):
        return Failure(
            Layer.TCP,
            f"The host name {host!r} cannot be resolved",
            evidence,
            "Check its spelling and this computer's DNS, or give the IP address.",
        )
    if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        return Failure(
            Layer.TCP,
            f"{place} did not answer in time",
            evidence,
            "Check the address, that the machine is on, and that no firewall drops the port.",
        )
    match error.errno:
        case errno.ECONNREFUSED:
            return Failure(
                Layer.TCP,
                f"Nothing listens at {place}",
                evidence,
                "Check the port, and that the DICOM server is running and listens on this address.",
            )
        case errno.EHOSTUNREACH | errno.ENETUNREACH | errno.EHOSTDOWN | errno.ENETDOWN:
            return Failure(
                Layer.TCP,
                f"There is no way to {place}",
                evidence,
                "Check the address, this computer's network or VPN, and its routes.",
            )
        case errno.ECONNRESET | errno.ECONNABORTED | errno.EPIPE:
            return Failure(
                Layer.TCP,
                f"{place} cut the connection",
                evidence,
                "Often a server that expects TLS, a list of allowed addresses, or a firewall in between.",
            )
        case errno.EACCES | errno.EPERM:
            return Failure(
                Layer.TCP,
                f"This computer does not allow the connection to {place}",
                evidence,
                "A local firewall or security policy forbids it.",
            )
        case errno.EMFILE | errno.ENFILE:
            return Failure(
                Layer.LOCAL,
                "Too many connections and files are open",
                evidence,
                "End some associations and try again.",
            )
    return Failure(Layer.TCP, f"{place} cannot be reached", evidence, "Check the address and the network.")


def _explain_tls(error: ssl.SSLError, place: str) -> Failure:
    # `reason` is only there when OpenSSL itself gave the error.
    evidence = printable(getattr(error, "reason", None) or error.strerror or str(error))
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure(
            Layer.TLS,
            f"The certificate of {place} is not trusted",
            printable(error.verify_message) or evidence,
            "Trust the authority that signed it, or use the host name that it was made for.",
        )
    if "WRONG_VERSION_NUMBER" in evidence or "UNEXPECTED_EOF" in evidence:
        return Failure(
            Layer.TLS,
            f"{place} does not speak TLS",
            evidence,
            "Turn TLS off for this peer, or use the peer's TLS port (often 2762).",
        )
    if "ALERT" in evidence:
        return Failure(
            Layer.TLS,
            f"{place} refused the TLS handshake",
            evidence,
            "It probably wants a client certificate that it trusts, or another TLS version.",
        )
    return Failure(Layer.TLS, f"The TLS handshake with {place} failed", evidence, "Check both sides' certificates.")
