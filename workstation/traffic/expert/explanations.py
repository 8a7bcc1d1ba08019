"""What the codes of rejections, aborts and statuses mean for a person, and what usually helps.

PS3.8 9.3.4 (rejection), 9.3.8 (abort), PS3.4 and PS3.7 Annex C (statuses). Tables and the few functions that read
them; the words fit whoever tells the story, see `Voice`. Knows neither associations nor conversations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from workstation.net import status as tables
from workstation.net.codec.pdu import A_ABORT_RQ, A_ASSOCIATE_RJ
from workstation.traffic.expert.verdict import Layer, Verdict, one_line

__all__ = [
    "Voice",
    "explain_abort",
    "explain_first_bytes",
    "explain_rejection",
    "remedy_of_status",
    "status_meaning",
]


class Voice(NamedTuple):
    """Who tells of whom: we of the peer, or somebody who looks on of both.

    Attributes:
        peer: who rejected, aborted or answered so.
        we: the other one.
        our: the other one's.
        title: what stands before the calling AE title.
        place: the address that the rejecting side has to know.
    """

    peer: str = "the peer"
    we: str = "we"
    our: str = "our"
    title: str = "our AE title"
    place: str = "this computer's address"

    @classmethod
    def of(cls, peer: str, other: str) -> Voice:
        """Of two that are named."""
        return cls(peer, other, f"{other}'s", "the AE title", "its address")

    def say(self, text: str, **more: str) -> str:
        """Fill a text of the tables in."""
        words = {"peer": self.peer, "Peer": _capital(self.peer), "we": self.we, "our": self.our}
        return text.format(**words, title=self.title, place=self.place, **more)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# PS3.8 Table 9-21: (source, reason): what, remedy.
_REJECTIONS: Final[Mapping[tuple[int, int], tuple[str, str]]] = {
    (1, 1): (
        "{Peer} rejected the association without a reason",
        "Look in {peer}'s log; often it does not know {our} AE title or address.",
    ),
    (1, 2): (
        "{Peer} does not support the DICOM application context",
        "The system at this port speaks another protocol, or is not a DICOM server.",
    ),
    (1, 3): (
        "{Peer} does not know {title} {calling}",
        "Add {calling} with {place} to {peer}'s configuration, or use an AE title that it knows.",
    ),
    (1, 7): (
        "{Peer} does not answer to the AE title {called}",
        "Correct the called AE title; capital and small letters count.",
    ),
    (2, 1): (
        "{Peer}'s protocol layer rejected the association without a reason",
        "Often it wants a user name and passcode or a certificate; look in {peer}'s log.",
    ),
    (2, 2): (
        "{Peer} does not support protocol version 1",
        "The system at this port is probably not a DICOM server.",
    ),
    (3, 1): (
        "{Peer} is congested",
        "Try again in a moment; if it stays so, look at {peer}'s load.",
    ),
    (3, 2): (
        "{Peer}'s limit of associations is reached",
        "Try again when others have ended, or raise the limit in {peer}'s configuration.",
    ),
}


def explain_rejection(rejection: A_ASSOCIATE_RJ, calling: str, called: str, voice: Voice = Voice()) -> Verdict:
    """Why the association was rejected and what usually helps."""
    what, remedy = _REJECTIONS.get(
        (rejection.source, rejection.reason),
        (
            "{Peer} rejected the association for a reason that the standard does not define",
            "Look in its log.",
        ),
    )
    evidence = (
        f"A-ASSOCIATE-RJ {rejection.result}/{rejection.source}/{rejection.reason}: {rejection.result_text}, "
        f"{rejection.source_text}, {rejection.reason_text}"
    )
    if rejection.result == 2 and rejection.source != 3:
        remedy += " The rejection is transient: the same request may be accepted later."
    names = {"calling": repr(calling), "called": repr(called)}
    return Verdict(Layer.ASSOCIATION, voice.say(what, **names), evidence, voice.say(remedy, **names))


# Reasons of source 2, PS3.8 Table 9-26.
_ABORT_REMEDIES: Final[Mapping[int, str]] = {
    0: "Look in {peer}'s log.",
    1: "It could not make sense of what {we} sent: compare the last bytes sent with the standard.",
    2: "It did not expect what {we} sent in that state: look at the last messages and at the state machine.",
    4: "It stumbled over an item of {our} request: look at what was negotiated.",
    5: "It stumbled over an item of {our} request: look at what was negotiated.",
    6: "A field of what {we} sent was out of its range: look at the last PDU sent.",
}


def explain_abort(abort: A_ABORT_RQ, doing: str = "", voice: Voice = Voice()) -> Verdict:
    """What an A-ABORT says."""
    when = f" {doing}" if doing else ""
    evidence = f"A-ABORT {abort.source}/{abort.reason}: {abort.source_text}"
    if abort.source == 0:
        # The reason of a user's abort is not significant (PS3.8 9.3.8).
        return Verdict(
            Layer.ASSOCIATION,
            voice.say("{Peer}'s application aborted the association") + when,
            evidence,
            voice.say("Look in {peer}'s log: it gave up on what it received or ran into a fault of its own."),
        )
    return Verdict(
        Layer.ASSOCIATION,
        voice.say("{Peer}'s protocol layer aborted the association") + when,
        f"{evidence}, {abort.reason_text}",
        voice.say(_ABORT_REMEDIES.get(abort.reason, "Look in {peer}'s log.")),
    )


def explain_first_bytes(first: bytes, place: str) -> Verdict | None:
    """What a server is that answered an A-ASSOCIATE-RQ with these bytes; None if they look like DICOM."""
    if not first or 1 <= first[0] <= 7:
        return None
    text = first.decode("latin-1")
    evidence = f"its first bytes: {one_line(text, 24)!r} = {first[:8].hex(' ')}"
    if first[0] in (0x14, 0x15, 0x16, 0x17) and first[1:2] == b"\x03":
        return Verdict(
            Layer.TLS,
            f"{place} expects TLS",
            f"it answered with a TLS record, {first[:8].hex(' ')}",
            "Turn TLS on for this peer, or use the peer's port without TLS (often 104 or 11112).",
        )
    if text.startswith("HTTP/") or text.lstrip().startswith(("<html", "<!DOCTYPE", "<HTML")):
        return Verdict(
            Layer.ASSOCIATION,
            f"{place} is a web server, not a DICOM one",
            evidence,
            "Use the DICOM port of the system; its web or DICOMweb port is another one.",
        )
    kinds = {"SSH-": "an SSH server", "220 ": "an FTP or mail server", "\x0bMSH": "an HL7 server"}
    kind = next((kind for start, kind in kinds.items() if text.startswith(start)), "no DICOM server")
    return Verdict(
        Layer.ASSOCIATION,
        f"{place} is {kind}",
        evidence,
        "Check the port: the DICOM service listens on another one.",
    )


_QUERIES: Final = frozenset({"C-FIND", "C-MOVE", "C-GET"})
_RETRIEVALS: Final = frozenset({"C-MOVE", "C-GET"})
_STORE: Final = frozenset({"C-STORE"})
_ANY: Final = frozenset[str]()

# (services, none for any; lowest code; highest code; remedy). The first that fits is taken.
_STATUS_REMEDIES: Final[tuple[tuple[frozenset[str], int, int, str], ...]] = (
    (
        frozenset({"C-MOVE"}),
        0xA801,
        0xA801,
        "Add the destination's AE title with its host and port to {peer}'s configuration; "
        "capital and small letters count.",
    ),
    (
        frozenset({"C-MOVE"}),
        0xA702,
        0xA702,
        "{Peer} could not send to the destination: check that it listens, at the host and port that {peer} "
        "has for it, and accepts these objects.",
    ),
    (
        frozenset({"C-GET"}),
        0xA702,
        0xA702,
        "None of the objects could be sent on this association: check the SOP classes and transfer syntaxes offered.",
    ),
    (_STORE, 0xA700, 0xA7FF, "{Peer} has no room or is overloaded: look at its disk and log, then send again."),
    (_ANY, 0xA700, 0xA7FF, "{Peer} is short of resources: ask for less, or later."),
    (
        _STORE,
        0xA900,
        0xA9FF,
        "{Peer} finds the object's content or UIDs at odds with its SOP class: validate the object.",
    ),
    (
        _QUERIES,
        0xA900,
        0xA9FF,
        "Check the level and that the unique keys of the levels above are given: one value each, no wildcards.",
    ),
    (_STORE, 0xC000, 0xCFFF, "{Peer} could not read the object: validate it, and look in {peer}'s log."),
    (
        _RETRIEVALS,
        0xC000,
        0xCFFF,
        "Look in {peer}'s log. Some systems answer so when nothing matches or the destination is unknown to them.",
    ),
    (_ANY, 0xC000, 0xCFFF, "{Peer} ran into a fault of its own: look in its log."),
    (_ANY, 0x0122, 0x0122, "{Peer} accepted the context but not the SOP class: look at its configuration."),
    (_ANY, 0x0124, 0x0124, "{Our} AE title or user may not do this: ask {peer}'s administrator for the right."),
    (_STORE, 0x0111, 0x0111, "{Peer} has this object already and does not replace it."),
    (_ANY, 0x0111, 0x0111, "This SOP Instance UID exists already: use a new one, or change the instance with N-SET."),
    (_ANY, 0x0112, 0x0112, "{Peer} has no instance of this UID: it was not created, or has been removed."),
    (_ANY, 0x0105, 0x0107, "{Peer} did not take an attribute or its value: compare the list with its conformance."),
    (_ANY, 0x0120, 0x0121, "An attribute that has to be there is absent or empty: compare with PS3.4's table."),
    (_ANY, 0x0210, 0x0213, "{Peer} could not take the request as it is: look in its log."),
)


def remedy_of_status(service: str, code: int, voice: Voice = Voice()) -> str:
    """What usually helps against a status; `service` is a DIMSE service, "C-STORE"."""
    for services, low, high, text in _STATUS_REMEDIES:
        if low <= code <= high and (not services or service in services):
            return voice.say(text, Our=_capital(voice.our))
    return voice.say("Look in {peer}'s log.")


def status_meaning(service: str, sop_class_uid: str, code: int) -> str:
    """What the service class of a SOP class says of a code; "" for a code that it does not define."""
    from workstation.net.sop_class import uid_to_service_class

    table = uid_to_service_class(sop_class_uid).statuses_of(service)
    return (table.get(code) or tables.GENERAL_STATUS.get(code) or ("", ""))[1]
