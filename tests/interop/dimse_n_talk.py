"""A user and a provider of the DIMSE-N services, ours and pynetdicom's, both made with `dimse_n_program`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from data_sets import Plain
from pynetdicom_process import Peer


class Talk:
    """One asks, the other answers.

    Attributes:
        user: Makes associations; its server is where events are reported to.
        provider: Has the handlers.
        is_ours_asking: Whether the user is ours and the provider pynetdicom.
        created: What the responses to the last call's N-CREATEs named as Affected SOP Instance UID.
        mark: For the end of UIDs that must differ between the two roles.
    """

    def __init__(self, user: Peer, provider: Peer, *, is_ours_asking: bool) -> None:
        self.user, self.provider, self.is_ours_asking = user, provider, is_ours_asking
        self.created: list[str] = []
        self.mark = ".1" if is_ours_asking else ".2"

    def __call__(
        self, contexts: Sequence[str], *steps: Plain, server: str = "full", end: str = "released", **how: Any
    ) -> list[Any]:
        """Take the steps on one association with these contexts; the answer to each.

        Args:
            contexts: Names of SOP classes, all of which must be accepted.
            steps: Made with `step`.
            server: The provider's, "full" or "bare".
            end: How the association is to end, "released" or "aborted".
            how: Whatever else `dimse_n_program.Program.ask` knows.
        """
        port = self.provider.call("ports")[server]
        done = self.user.call("ask", port=port, contexts=list(contexts), steps=list(steps), **how)
        assert done.get("end") == end, done
        assert done["contexts"] == list(contexts)
        self.created = done["created"]
        answers: list[Any] = done["answers"]
        return answers

    def heard(self, peer: Peer | None = None) -> Plain:
        """The next thing that a peer's server heard or did; the provider's unless said otherwise."""
        heard: Plain = (peer or self.provider).call("hear")
        return heard

    def heard_of(self, service: str) -> Plain:
        """The next of this kind that the provider heard or did; what comes before it is dropped."""
        while (heard := self.heard())["service"] != service:
            pass
        return heard

    def forget(self) -> None:
        """Drop what was heard and not asked for."""
        self.user.call("take")
        self.provider.call("take")


def step(service: str, sop_class: str, instance: str | None = None, /, **rest: Any) -> Plain:
    """One request; `rest` is "via", "type", "data", "tags", "id"."""
    return {"do": service, "class": sop_class, "instance": instance, **rest}


WAIT: Plain = {"do": "WAIT"}  # for an event that the provider reports on the same association
