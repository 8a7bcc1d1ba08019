"""A user and a provider of the DIMSE-C services, ours and pynetdicom's, both made with `dimse_c_program`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pynetdicom_process import Peer


@dataclass(frozen=True, slots=True)
class Pair:
    """Who asks and who provides; both have a server for everything.

    Attributes:
        user: Asks; its own server is the third AE that a C-MOVE goes to.
        provider: Is asked.
        is_ours_asking: Whether the user is ours and the provider pynetdicom.
        port: The provider's.
        bare: The port of a server of the provider's that has no handlers.
        third: The port of the user's server.
    """

    user: Peer
    provider: Peer
    is_ours_asking: bool
    port: int
    bare: int
    third: int

    @classmethod
    def of(cls, user: Peer, provider: Peer, *, is_ours_asking: bool) -> Pair:
        """These two, with their servers' ports."""
        ports = provider.call("ports")
        return cls(user, provider, is_ours_asking, ports["full"], ports["bare"], user.call("ports")["full"])

    def afresh(self) -> Pair:
        """This pair, with what was heard so far forgotten."""
        self.user.call("take")
        self.provider.call("take")
        return self

    def ask(self, service: str, model: str, script: list[Any] | None, **arguments: Any) -> dict[str, Any]:
        """C-FIND, C-GET or C-MOVE, see `dimse_c_program.Program.ask`."""
        result: dict[str, Any] = self.user.call(
            "ask", service=service, number=self.port, model=model, script=script, **arguments
        )
        return result

    def store(self, objects: list[Any], **arguments: Any) -> dict[str, Any]:
        """C-STORE, see `dimse_c_program.Program.store`."""
        result: dict[str, Any] = self.user.call("store", number=self.port, objects=objects, **arguments)
        return result


def said(response: list[Any]) -> dict[str, Any]:
    """A status as both packages have to report it: without what only one adds.

    Ours repeats the SOP class, which pynetdicom leaves out; pynetdicom sends the remaining sub-operations with each
    final status, PS3.7 section 9.1.3.1.7 only with Pending and Cancel.
    """
    status: dict[str, Any] = {k: v for k, v in response[0].items() if not k.startswith("AffectedSOP")}
    if status.get("Status") not in (0xFF00, 0xFE00):
        status.pop("NumberOfRemainingSuboperations", None)
    return status
