"""The faults of `rules.faults` on the wire: one thing wrong, everything around it as it would have been.

A rule that fires arms its fault on the association before the request is answered; the fault then acts on that answer
through the seam of `net.interference` and is done with it. Silence and a slow wire stay. What the recordings and the
viewers show is what really left.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from workstation.net.association import Association
from workstation.net.codec.dimse import (
    C_GET_RQ,
    C_STORE_RQ,
    ELEMENTS,
    Message,
    Request,
    Response,
    encode_command,
    response_class,
)
from workstation.net.codec.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ, PDUType, p_data_header
from workstation.net.engine.assembly import DataSink
from workstation.net.engine.upper_layer import Sent
from workstation.net.interference import AnswerLeaves
from workstation.net.presentation import PresentationContext
from workstation.net.shell.hindrance import Alter
from workstation.net.status import code_to_category
from workstation.scp.rules.matching import uid_fits
from workstation.scp.rules.rule import Fault

_WHY: Final = "A rule's fault ended the transport connection"
_ENDINGS: Final = frozenset({"abort", "drop", "reset", "silence"})
_ABSTRACT_SYNTAX_NOT_SUPPORTED: Final = 3


# --------------------------------------------------------------------------- what the rules call
def arm(assoc: Association, fault: Fault, *, request: Message | None = None) -> None:
    """Have the answer to a service request go wrong; to be called before the answer leaves, from any thread.

    Only the responses to `request` are concerned; C-STORE sub-operations and requests of ours on the same association
    leave as they are. After the final response the fault is gone, but for silence and a slow wire, which stay
    as long as the association. A slow wire begins at once. "receiving" is the same as "before" here: the object
    has arrived (`sink_watch`).

    Args:
        assoc: The association that the request came on.
        fault: What goes wrong; "reject" and "contexts" are not for services and do nothing here.
        request: What is answered (`event.request`); None for whatever is answered next.
    """
    if fault.kind in ("reject", "contexts") or _slow_down(assoc, fault):
        return
    _tampering(assoc).arm(_Armed(fault, request))


def arm_association(assoc: Association, request: A_ASSOCIATE_RQ, fault: Fault) -> A_ASSOCIATE_RJ | None:
    """Have the answer to an association request go wrong; to be called from a server's `admit`.

    Returns:
        What `admit` has to return: the rejection that "reject" orders, None for every other fault.
    """
    if fault.kind == "reject":
        return A_ASSOCIATE_RJ(result=fault["result"], source=fault["source"], reason=fault["reason"])
    if _slow_down(assoc, fault):
        return None
    refused = _choose_contexts(assoc, request, fault) if fault.kind == "contexts" else frozenset[str]()
    _tampering(assoc).arm_answer(fault, refused)
    return None


def sink_watch(assoc: Association, fault: Fault, sink: DataSink, *, request: Message | None = None) -> DataSink:
    """Arm a fault for a C-STORE whose object begins to arrive; to be called where its sink is made.

    Does what `arm` does, and for the point "receiving" watches the object: after so many bytes of it, when it is
    whole at the latest, the fault happens.

    Returns:
        The sink to use: `sink` itself, or one around it that has all its attributes.
    """
    if fault.values.get("point") == "receiving":
        return _WatchedSink(sink, fault["bytes"], lambda: _tampering(assoc).end(fault))
    arm(assoc, fault, request=request)
    return sink


def needs_beginning(fault: Fault) -> bool:
    """Whether the fault acts while a C-STORE's object arrives, so that a rule has to be decided when that begins."""
    return fault.kind == "slow-read" or fault.values.get("point") == "receiving"


# --------------------------------------------------------------------------- on one association
@dataclass(slots=True)
class _Armed:
    """A fault that waits for the responses to a request, and how many of them have come."""

    fault: Fault
    request: Message | None
    responses: int = 0
    answering: tuple[type[Message], int] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.request, Request):
            self.answering = response_class(type(self.request)), self.request.MessageID

    def concerns(self, message: Response) -> bool:
        """Whether this is one of the responses; without a request, those to what is answered first."""
        key = type(message), message.MessageIDBeingRespondedTo
        if self.answering is None:
            self.answering = key
        return self.answering == key


class _Tampering:
    """What interferes with one association (`net.interference.Interference`)."""

    def __init__(self, assoc: Association) -> None:
        self._assoc = assoc
        self._lock = threading.Lock()  # guards _armed: requests arrive in one thread and are answered in another
        self._armed: list[_Armed] = []
        self._answer: tuple[Fault, frozenset[str]] | None = None

    def arm(self, armed: _Armed) -> None:
        """Wait for the responses to a request."""
        with self._lock:
            self._armed.append(armed)

    def arm_answer(self, fault: Fault, refused: frozenset[str]) -> None:
        """Wait for the answer to the association request.

        Args:
            fault: What is wrong with it.
            refused: Abstract syntaxes that are refused as the fault says.
        """
        self._answer = fault, refused

    def end(self, fault: Fault) -> None:
        """Do what a fault of `_ENDINGS` does, now."""
        match fault.kind:
            case "abort":
                self._assoc.abort(block=False, source=fault["source"], reason=fault["reason"])
            case "drop":
                self._assoc.connection.hang_up(_WHY)
            case "reset":
                self._assoc.connection.reset(_WHY)
            case "silence":
                self._assoc.connection.silence()

    # ------------------------------------------------------------------- the association request
    def answer(self, answer: A_ASSOCIATE_AC | A_ASSOCIATE_RJ, leaves: AnswerLeaves) -> None:
        """The answer to the association request is ready."""
        found, self._answer = self._answer, None
        if found is None:
            leaves(answer, None)
            return
        fault, refused = found
        if fault.kind == "contexts" and isinstance(answer, A_ASSOCIATE_AC):
            leaves(_refuse(self._assoc, answer, refused, fault["result"]), None)
        elif fault.kind in _ENDINGS:
            if fault["point"] == "middle":
                leaves(answer, self._cut(fault))
            elif not _is_at_once(fault):
                leaves(answer, None)
            self.end(fault)
        elif fault.kind == "truncate":
            leaves(answer, _Truncation(fault["bytes"], self._assoc.connection.hush))
            self._after_truncation(fault)
        elif fault.kind in _WRONG_PDUS:
            leaves(answer, _FirstPDU(fault))
        else:
            leaves(answer, None)

    # ------------------------------------------------------------------- messages
    def send(self, message: Message, data: Any) -> None:
        """A DIMSE message is to be sent."""
        if self._assoc.connection.is_hushed:
            return
        if self._armed and isinstance(message, C_STORE_RQ) and self._ends_before_sub_operations():
            return
        final = isinstance(message, Response) and _is_final(message)
        armed = self._concerning(message, final=final)
        if armed is None:
            self._assoc.send_undisturbed(message, data)
            return
        fault, first = armed.fault, armed.responses == 1
        if fault.kind in _ENDINGS:
            self._end_at_its_point(armed, message, data, final=final)
        elif fault.kind == "truncate":
            if first:
                alter = _Truncation(fault["bytes"], self._assoc.connection.hush)
                self._assoc.send_undisturbed(message, data, alter=alter)
                self._after_truncation(fault)
        elif fault.kind == "twice":
            self._assoc.send_undisturbed(message, data)
            if final:
                self._assoc.send_undisturbed(message, data)
        elif fault.kind == "odd":
            self._assoc.send_undisturbed(message, data, command=odd_command(encode_command(message)))
        elif fault.kind in _WRONG_PDUS:
            self._assoc.send_undisturbed(message, data, alter=_FirstPDU(fault) if first else None)
        elif fault.kind in _WRONG_MESSAGES:
            self._assoc.send_undisturbed(_WRONG_MESSAGES[fault.kind](message, fault), data)
        elif fault.kind != "never":
            self._assoc.send_undisturbed(message, data)

    def _ends_before_sub_operations(self) -> bool:
        """What ends in place of a C-GET's answer ends before its first sub-operation; whether it has."""
        with self._lock:
            armed = next((one for one in self._armed if isinstance(one.request, C_GET_RQ)), None)
        if armed is None or armed.fault.kind not in _ENDINGS or not _is_at_once(armed.fault):
            return False
        self.end(armed.fault)
        return True

    def _concerning(self, message: Message, *, final: bool) -> _Armed | None:
        """The fault that is armed for a message; it counts it, and is armed no longer when it is the last."""
        if not isinstance(message, Response):
            return None
        with self._lock:
            armed = next((one for one in self._armed if one.concerns(message)), None)
            if armed is not None:
                armed.responses += 1
                if final:
                    self._armed.remove(armed)
        return armed

    def _end_at_its_point(self, armed: _Armed, message: Message, data: Any, *, final: bool) -> None:
        fault, point = armed.fault, armed.fault["point"]
        if _is_at_once(fault):
            self.end(fault)
            return
        if point == "middle":
            self._assoc.send_undisturbed(message, data, alter=self._cut(fault))
            self.end(fault)
            return
        self._assoc.send_undisturbed(message, data)
        if final if point == "after" else armed.responses == fault["count"]:
            self.end(fault)

    def _cut(self, fault: Fault) -> Alter:
        """Cuts what leaves after so many bytes; an A-ABORT needs whole PDUs before it to be understood as one."""
        if fault.kind == "abort":
            return _Cut(fault["bytes"], whole=True)
        return _Cut(fault["bytes"], then=self._assoc.connection.hush)

    def _after_truncation(self, fault: Fault) -> None:
        if fault["close"]:
            self._assoc.connection.hang_up(_WHY)
        else:
            self._assoc.connection.silence()


def _tampering(assoc: Association) -> _Tampering:
    """What interferes with an association, from now on."""
    with assoc.lock:
        if not isinstance(assoc.interference, _Tampering):
            assoc.interference = _Tampering(assoc)
        return assoc.interference


def _slow_down(assoc: Association, fault: Fault) -> bool:
    """Begin a slow wire; whether that was the fault."""
    match fault.kind:
        case "slow-read":
            assoc.connection.slow_down(reading=fault["rate"])
        case "slow-write":
            assoc.connection.slow_down(writing=fault["rate"])
        case _:
            return False
    return True


def _is_at_once(fault: Fault) -> bool:
    """Whether a fault of `_ENDINGS` comes before anything of the answer."""
    return fault["point"] in ("before", "receiving") or (fault["point"] == "between" and not fault["count"])


def _is_final(message: Response) -> bool:
    return message.Status is None or code_to_category(message.Status) != "Pending"


class _WatchedSink:
    """A sink that acts once, when so many bytes have come or all have; otherwise the sink it is put around."""

    def __init__(self, sink: DataSink, count: int, act: Callable[[], None]) -> None:
        self._sink = sink
        self._left = count
        self._act: Callable[[], None] | None = act

    write_all = None  # or those of one read would come together

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sink, name)

    def write(self, fragment: memoryview) -> None:
        """Take the next bytes."""
        self._sink.write(fragment)
        self._left -= len(fragment)
        if self._left <= 0:
            self._happen()

    def finish(self) -> None:
        """All bytes have arrived."""
        self._sink.finish()
        self._happen()

    def discard(self) -> None:
        """The rest will never come, or nobody wants it."""
        self._sink.discard()

    def _happen(self) -> None:
        act, self._act = self._act, None
        if act is not None:
            act()


# --------------------------------------------------------------------------- wrong PDUs
class _Cut:
    """Lets so many bytes of an answer leave, and nothing of it after them.

    Args:
        count: So many.
        whole: What is cut leaves as a shorter PDU with what is left of its fragment, so that an A-ABORT can follow. An
            A-ASSOCIATE answer has no fragments and is cut where it is.
        then: Called, under the connection's lock, at the cut.
    """

    def __init__(self, count: int, *, whole: bool = False, then: Callable[[], None] = lambda: None) -> None:
        self._left = count
        self._whole = whole
        self._then = then

    def __call__(self, sent: Sent) -> Sent | None:
        raw = b"".join(sent.pieces)
        if len(raw) <= self._left:
            self._left -= len(raw)
            return sent
        kept, self._left = self._left, 0
        self._then()
        if not (self._whole and sent.pdu_type == PDUType.P_DATA_TF):
            return _leaving(sent, raw[:kept])
        kept -= kept % 2  # fragments are even
        if kept <= _P_DATA_HEADER:
            return None
        header = p_data_header(raw[10], bool(raw[11] & 1), False, kept - _P_DATA_HEADER)
        return _leaving(sent, header + raw[_P_DATA_HEADER:kept])


class _Truncation:
    """Lets the first bytes of the first PDU leave, never all of them, and nothing else."""

    def __init__(self, count: int, then: Callable[[], None]) -> None:
        self._count = count
        self._then = then

    def __call__(self, sent: Sent) -> Sent | None:
        raw = b"".join(sent.pieces)
        self._then()
        return _leaving(sent, raw[: min(self._count, len(raw) - 1)])


class _FirstPDU:
    """Alters the first PDU as `_WRONG_PDUS` says."""

    def __init__(self, fault: Fault) -> None:
        self._fault: Fault | None = fault

    def __call__(self, sent: Sent) -> Sent | None:
        fault, self._fault = self._fault, None
        if fault is None:
            return sent
        raw = bytearray(b"".join(sent.pieces))
        _WRONG_PDUS[fault.kind](raw, fault)
        return _leaving(sent, bytes(raw))


def _leaving(sent: Sent, raw: bytes) -> Sent | None:
    return Sent(sent.pdu_type, (raw,)) if raw else None


_P_DATA_HEADER: Final = 12  # of a PDU with one PDV, which is what we send
_FIRST_ITEM: Final = 74  # where the items of an A-ASSOCIATE-AC begin (PS3.8 Table 9-17)


def _add(raw: bytearray, place: int, size: int, difference: int) -> None:
    """Add to a big-endian number within a PDU; beyond its ends it wraps around."""
    number = int.from_bytes(raw[place : place + size], "big") + difference
    raw[place : place + size] = (number % (1 << 8 * size)).to_bytes(size, "big")


def _wrong_pdu_length(raw: bytearray, fault: Fault) -> None:
    _add(raw, 2, 4, fault["difference"])


def _wrong_item_length(raw: bytearray, fault: Fault) -> None:
    if raw[0] == PDUType.P_DATA_TF:
        _add(raw, 6, 4, fault["difference"])
    elif raw[0] == PDUType.A_ASSOCIATE_AC:
        _add(raw, _FIRST_ITEM + 2, 2, fault["difference"])


def _wrong_pdu_type(raw: bytearray, fault: Fault) -> None:
    raw[0] = fault["type"]


_WRONG_PDUS: Final[Mapping[str, Callable[[bytearray, Fault], None]]] = MappingProxyType(
    {"pdu-length": _wrong_pdu_length, "item-length": _wrong_item_length, "pdu-type": _wrong_pdu_type}
)


# --------------------------------------------------------------------------- wrong messages
def _wrong_context_id(message: Message, fault: Fault) -> Message:
    return replace(message, context_id=fault["context_id"])


def _wrong_message_id(message: Message, fault: Fault) -> Message:
    assert isinstance(message, Response)
    return replace(message, MessageIDBeingRespondedTo=_wrapped(message.MessageIDBeingRespondedTo, fault["difference"]))


def _wrong_counters(message: Message, fault: Fault) -> Message:
    wrong: dict[str, Any] = {}
    for name in ("Remaining", "Completed", "Failed", "Warning"):
        keyword = f"NumberOf{name}Suboperations"
        number = getattr(message, keyword, None)
        if number is not None:
            wrong[keyword] = _wrapped(number, fault[name.lower()])
    return replace(message, **wrong)


def _wrapped(number: int, difference: int) -> int:
    """A sum in the 16 bits that there are."""
    return (number + difference) & 0xFFFF


_WRONG_MESSAGES: Final[Mapping[str, Callable[[Message, Fault], Message]]] = MappingProxyType(
    {"context-id": _wrong_context_id, "message-id": _wrong_message_id, "counters": _wrong_counters}
)


_PADDING: Final[Mapping[str, bytes]] = MappingProxyType({"UI": b"\0", "AE": b" ", "LO": b" "})


def odd_command(command: bytes) -> bytes:
    """A command set one of whose values has an odd length, and the group length that goes with it.

    The last value that is padded loses its padding. If none is, the last text, or else the last value, gets a byte of
    padding that it does not need.
    """
    values: list[tuple[int, int, bytes]] = []  # where the value is, how long, its padding if it is a text
    offset = 0
    while offset < len(command):
        number, length = (
            command[offset + 2] | command[offset + 3] << 8,
            int.from_bytes(command[offset + 4 : offset + 8], "little"),
        )
        padding = _PADDING.get(ELEMENTS[number][0], b"") if number in ELEMENTS else b""
        values.append((offset + 8, length, padding))
        offset += 8 + length
    texts = [value for value in values if value[2]]
    padded = [value for value in texts if command[value[0] + value[1] - 1 : value[0] + value[1]] == value[2]]
    place, length, padding = (padded or texts or values)[-1]
    end = place + length
    if padded:
        length, value = length - 1, command[place : end - 1]
    else:
        length, value = length + 1, command[place:end] + (padding or b"\0")
    whole = command[: place - 4] + length.to_bytes(4, "little") + value + command[end:]
    return whole[:8] + (len(whole) - 12).to_bytes(4, "little") + whole[12:]


# --------------------------------------------------------------------------- chosen contexts
def _choose_contexts(assoc: Association, request: A_ASSOCIATE_RQ, fault: Fault) -> frozenset[str]:
    """Have the acceptor support what the fault chooses; the abstract syntaxes that are refused."""
    refuse, accept, wanted = fault["refuse"], fault["accept"], fault["syntaxes"]
    supported = {str(context.abstract_syntax): context for context in assoc.acceptor.supported_contexts}
    proposed: dict[str, list[str]] = {}
    for item in request.presentation_contexts:
        proposed.setdefault(item.abstract_syntax, []).extend(item.transfer_syntaxes)
    refused = set()
    for uid, offered in proposed.items():
        if _fits(refuse, uid) or (accept and not _fits(accept, uid)):
            refused.add(uid)
            supported.pop(uid, None)
        elif accept or (wanted and uid in supported):
            own = supported.get(uid)
            ours = [str(syntax) for syntax in own.transfer_syntax] if own is not None else offered
            chosen = (
                [syntax for pattern in wanted for syntax in offered if uid_fits(pattern, syntax)] if wanted else ours
            )
            context = PresentationContext.as_received(1, uid, tuple(dict.fromkeys(chosen)))
            if own is not None:
                context.scu_role, context.scp_role = own.scu_role, own.scp_role
            supported[uid] = context
    assoc.acceptor.supported_contexts = list(supported.values())
    return frozenset(refused)


def _fits(patterns: tuple[str, ...], uid: str) -> bool:
    return any(uid_fits(pattern, uid) for pattern in patterns)


def _refuse(assoc: Association, answer: A_ASSOCIATE_AC, refused: frozenset[str], result: int) -> A_ASSOCIATE_AC:
    """The answer with the result that the fault wants for what it refuses."""
    if result == _ABSTRACT_SYNTAX_NOT_SUPPORTED or not refused:
        return answer
    ids = set()
    for context in assoc.rejected_contexts:
        if context.abstract_syntax in refused:
            context.set_outcome(result, as_scu=False, as_scp=False)
            ids.add(context.context_id)
    contexts = tuple(
        replace(item, result=result) if item.context_id in ids else item for item in answer.presentation_contexts
    )
    assoc.acceptor.pdu = answer = replace(answer, presentation_contexts=contexts)
    return answer
