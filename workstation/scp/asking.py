"""Ask me: questions that wait for a person while their associations live.

`Asker.ask` is called on an association's worker, which waits until the person replies, the peer cancels, aborts or
leaves, or a limit of time is reached. Each question waits by itself, so that any number of them stands open at once.
Nothing polls: that the peer is gone is heard from the association's own notification events.

Who shows questions listens (`Asker.listen`); with nobody listening the built-in answer is given at once, so a server
without a window never waits. Knows no Qt; listeners are called on the threads of the associations.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from workstation.net import evt
from workstation.net.codec.dimse import C_CANCEL_RQ
from workstation.net.events import Event, NotificationEvent
from workstation.scp.rules.occasion import Occasion
from workstation.scp.rules.rule import ASSOCIATION, NEGOTIATION_EVENTS

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from workstation.net.association import Association

LOGGER = logging.getLogger(__name__)

LIMIT = 600.0
"""Seconds until a question that nobody replies to is answered as built in."""
MOST_PREFILLED = 100
"""Matches of the built-in answer that are offered for editing."""
CANCEL = 0xFE00

# The reader tells of a C-CANCEL a moment before the operation knows of it.
_MOMENT = 0.2

ReplyKind = Literal["built-in", "status", "negotiation", "accept", "reject", "abort", "drop", "gone"]
Kind = Literal["association", "negotiation", "service"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a person says to a question. Make one with the class methods.

    Attributes:
        kind: "built-in": as without the rule. "status": a service's status, with what goes with it. "negotiation":
            `values`, as `rules.rule.NEGOTIATION_VALUES` names them. "accept" and "reject": the association request.
            "abort", "drop": end the association, with an A-ABORT or without a word. "gone": the peer is not there any
            more; whatever is answered goes nowhere, and nothing should be kept.
        status: Of kind "status".
        comment: Error Comment.
        offending: Tags of Offending Element or Attribute Identifier List.
        data_sets: A C-FIND's matches, each in a Pending response before the status; the reply's data set otherwise.
        keep: C-STORE: the object is stored whatever the status says.
        values: Of kind "negotiation".
        result: Of kind "reject".
        source: Of kinds "reject" and "abort".
        reason: Of kinds "reject" and "abort".
        because: Why it is this answer, when no person chose it; a sentence.
    """

    kind: ReplyKind
    status: int = 0
    comment: str = ""
    offending: tuple[int, ...] = ()
    data_sets: tuple[Dataset, ...] = ()
    keep: bool = False
    values: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    result: int = 1
    source: int = 1
    reason: int = 1
    because: str = ""

    @classmethod
    def built_in(cls, because: str = "") -> Reply:
        """Answer as without the rule."""
        return cls(kind="built-in", because=because)

    @classmethod
    def with_status(
        cls,
        status: int,
        comment: str = "",
        offending: Iterable[int] = (),
        data_sets: Iterable[Dataset] = (),
        *,
        keep: bool = False,
        because: str = "",
    ) -> Reply:
        """Answer a service with a status and what goes with it."""
        return cls(
            kind="status",
            status=status,
            comment=comment,
            offending=tuple(offending),
            data_sets=tuple(data_sets),
            keep=keep,
            because=because,
        )

    @classmethod
    def negotiated(cls, values: Mapping[str, Any]) -> Reply:
        """Answer a negotiation event with the values of `rules.rule.NEGOTIATION_VALUES` that belong to it."""
        return cls(kind="negotiation", values=MappingProxyType(dict(values)))

    @classmethod
    def accepted(cls) -> Reply:
        """Let the association request be negotiated."""
        return cls(kind="accept")

    @classmethod
    def rejected(cls, result: int, source: int, reason: int) -> Reply:
        """Reject the association request (PS3.8 Table 9-21)."""
        return cls(kind="reject", result=result, source=source, reason=reason)

    @classmethod
    def aborted(cls, source: int = 0, reason: int = 0) -> Reply:
        """Abort the association (PS3.8 Table 9-26)."""
        return cls(kind="abort", source=source, reason=reason)

    @classmethod
    def dropped(cls) -> Reply:
        """Close the connection without a word."""
        return cls(kind="drop")

    @classmethod
    def gone(cls, because: str) -> Reply:
        """Nobody is there to be answered any more."""
        return cls(kind="gone", because=because)


class Question:
    """One event that waits for a person. Methods and attributes may be used from any thread.

    Attributes:
        number: Serial number in this process.
        occasion: What is asked about.
        event: What the handler was given; None for an association request.
        assoc: The association that waits.
        asked: When it was asked, in seconds since the epoch.
        limit: Seconds after which the built-in answer is given; None for no limit.
        answer: What it was answered with; None while it is open.
        withdrawn: Why nobody waits for the answer any more, as a sentence; "" while somebody does.
    """

    _numbers = itertools.count(1)

    def __init__(
        self,
        occasion: Occasion,
        event: Event | None,
        assoc: Association | None,
        built_in: Callable[[Event], Any] | None,
        limit: float | None,
    ) -> None:
        self.number = next(self._numbers)
        self.occasion = occasion
        self.event = event
        self.assoc = assoc
        self.asked = time.time()
        self.limit = limit
        self.answer: Reply | None = None
        self.withdrawn = ""
        self._began = time.monotonic()
        self._built_in = built_in
        self._lock = threading.Lock()  # the first answer counts
        self._answered = threading.Event()

    # what is asked

    @property
    def kind(self) -> Kind:
        """What kind of answer is expected."""
        if self.occasion.event == ASSOCIATION:
            return "association"
        return "negotiation" if self.occasion.event in NEGOTIATION_EVENTS else "service"

    @property
    def data_sets(self) -> Literal["none", "one", "many"]:
        """How many data sets an answer may carry."""
        match self.occasion.event:
            case "EVT_C_FIND":
                return "many"
            case "EVT_C_GET" | "EVT_C_MOVE":
                return "one"  # Failed SOP Instance UID List
            case "EVT_C_ECHO" | "EVT_C_STORE" | "EVT_N_DELETE":
                return "none"
        return "one" if self.kind == "service" else "none"

    @property
    def seconds(self) -> float:
        """How long it has waited."""
        return time.monotonic() - self._began

    @property
    def is_open(self) -> bool:
        """Whether an answer still counts."""
        return self.answer is None

    @property
    def can_prefill(self) -> bool:
        """Whether the built-in answer can be looked at beforehand: asking for it changes nothing that is kept."""
        return (
            self._built_in is not None
            and self.event is not None
            and (self.occasion.event in ("EVT_C_FIND", "EVT_N_GET") or self.kind == "negotiation")
        )

    def prefill(self, most: int = MOST_PREFILLED) -> Reply:
        """The answer that the built-in handler would give, to be edited. May take its time: not in a window's thread.

        Args:
            most: Matches that are taken of a C-FIND's.

        Raises:
            ValueError: There is none, or it cannot be had; with a sentence.
        """
        if not self.can_prefill:
            raise ValueError("The built-in answer to this cannot be had beforehand: asking for it would be giving it.")
        assert self._built_in is not None
        assert self.event is not None
        try:
            return _reply_of(self.occasion.event, self._built_in(self.event), most)
        except Exception as error:
            LOGGER.exception("The built-in answer to %s cannot be prefilled", self.occasion.event)
            raise ValueError(f"The built-in answer failed: {type(error).__name__}: {error}") from error

    # answering

    def reply(self, reply: Reply) -> bool:
        """Answer; whether it counted, for the first answer does and a withdrawn question takes none."""
        with self._lock:
            if self.answer is not None:
                return False
            self.answer = reply
            self._answered.set()
        return True

    def withdraw(self, why: str, reply: Reply) -> None:
        """Nobody waits for an answer any more."""
        with self._lock:
            if self.answer is None:
                self.withdrawn = why
                self.answer = reply
                self._answered.set()

    def wait(self, seconds: float | None) -> bool:
        """Wait for the answer; whether there is one."""
        return self._answered.wait(seconds)


Told = Callable[[Question], None]

# All that ends an association, and the message that cancels.
_ENDINGS: tuple[NotificationEvent, ...] = (evt.EVT_ABORTED, evt.EVT_RELEASED, evt.EVT_REJECTED, evt.EVT_CONN_CLOSE)


class Asker:
    """Puts questions to whoever listens. All methods may be called from any thread.

    Args:
        limit: Seconds until a question is answered as built in; None for no limit.
    """

    def __init__(self, limit: float | None = LIMIT) -> None:
        self.limit = limit
        self._lock = threading.Lock()  # guards everything below
        self._questions: dict[int, Question] = {}
        self._listeners: list[tuple[Told, Told]] = []
        self._closed = False

    def listen(self, on_asked: Told, on_over: Told) -> Callable[[], None]:
        """Be told of each question when it is asked, and when it is answered or withdrawn.

        Both are called on threads of associations and must not wait. Once nobody listens any more, the questions that
        are open are answered as built in.

        Returns:
            Ends the listening.
        """
        entry = (on_asked, on_over)
        with self._lock:
            self._listeners.append(entry)

        def stop() -> None:
            with self._lock:
                if entry in self._listeners:
                    self._listeners.remove(entry)
                left = [] if self._listeners else list(self._questions.values())
            for question in left:
                question.reply(Reply.built_in("Nobody looks at questions any more."))

        return stop

    def open_questions(self) -> tuple[Question, ...]:
        """The questions that wait, oldest first."""
        with self._lock:
            return tuple(self._questions.values())

    def close(self) -> None:
        """Answer everything as built in, now and later."""
        with self._lock:
            self._closed = True
            left = list(self._questions.values())
        for question in left:
            question.reply(Reply.built_in("The test server stops asking."))

    def ask(
        self,
        event: Event | None,
        occasion: Occasion,
        built_in: Callable[[Event], Any] | None = None,
        *,
        assoc: Association | None = None,
    ) -> Reply:
        """Ask, and wait for the reply.

        Args:
            event: What the handler was given; None for an association request.
            occasion: What is asked about.
            built_in: The handler that answers without the rule; for prefilling only, it is not called otherwise.
            assoc: The association, where there is no event.

        Returns:
            What to answer. Status 0xFE00 (Cancel) if the peer cancelled meanwhile, kind "gone" if it left; kind
            "built-in" if nobody listens or replied in time.
        """
        assoc = event.assoc if event is not None else assoc
        question = Question(occasion, event, assoc, built_in, self.limit)
        with self._lock:
            listeners = [] if self._closed else list(self._listeners)
            if listeners:
                self._questions[question.number] = question
        if not listeners:
            LOGGER.info("Nobody can be asked about %s: it is answered as built in", occasion.summary or occasion.event)
            return Reply.built_in("Nobody looks at questions.")
        watch = _Watch(question)
        watch.begin()
        try:
            self._tell(listeners, 0, question)
            # Again after a moment: a C-CANCEL that was heard of just before the watch began.
            if not question.wait(_MOMENT if question.limit is None else min(_MOMENT, question.limit)):
                watch.look()
                question.wait(None if question.limit is None else max(question.limit - question.seconds, 0.0))
            question.reply(Reply.built_in(f"Nobody replied within {_duration(question.limit or 0.0)}."))
        finally:
            watch.end()
            with self._lock:
                self._questions.pop(question.number, None)
                listeners = list(self._listeners)
            self._tell(listeners, 1, question)
        assert question.answer is not None
        return question.answer

    def _tell(self, listeners: list[tuple[Told, Told]], which: Literal[0, 1], question: Question) -> None:
        for listener in listeners:
            try:
                listener[which](question)
            except Exception:
                LOGGER.exception("A listener for questions failed")


class _Watch:
    """Withdraws a question when its peer cancels, aborts or leaves."""

    def __init__(self, question: Question) -> None:
        self._question = question

    def begin(self) -> None:
        """From now on."""
        assoc = self._question.assoc
        if assoc is None:
            return
        for event in _ENDINGS:
            assoc.bind(event, self._ended)
        if self._question.kind == "service":
            assoc.bind(evt.EVT_DIMSE_RECV, self._received)
        self.look()

    def end(self) -> None:
        """No longer. A handler of the event that waits will see that it is over."""
        assoc = self._question.assoc
        if assoc is None:
            return
        for event in _ENDINGS:
            assoc.unbind(event, self._ended)
        assoc.unbind(evt.EVT_DIMSE_RECV, self._received)
        happened = self._question.event
        if self._question.withdrawn and happened is not None and hasattr(happened, "over"):
            happened.over.wait(1.0)

    def look(self) -> None:
        """What may have happened already."""
        event, assoc = self._question.event, self._question.assoc
        if event is not None and event.is_cancelled:
            self._cancelled()
        elif assoc is not None and (assoc.over.is_set() or assoc.is_aborted or assoc.is_released):
            self._left()

    def _received(self, event: Event) -> None:
        message = event.message
        asked = self._question.event
        if (
            isinstance(message, C_CANCEL_RQ)
            and asked is not None
            and message.MessageIDBeingRespondedTo == asked.message_id
        ):
            self._cancelled()

    def _ended(self, _: Event) -> None:
        self._left()

    def _cancelled(self) -> None:
        why = f"The peer cancelled after {_duration(self._question.seconds)}."
        self._question.withdraw(why, Reply.with_status(CANCEL, because=why))

    def _left(self) -> None:
        assoc = self._question.assoc
        reason = (assoc.end_reason if assoc is not None else "") or "The connection ended"
        why = f"{reason.rstrip('.')}, after {_duration(self._question.seconds)}."
        self._question.withdraw(why, Reply.gone(why))


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


# --- what a handler gave, as a reply


def _reply_of(event: str, given: Any, most: int) -> Reply:
    """The answer of a handler of the documented API as a reply that can be edited."""
    match event:
        case "EVT_C_FIND":
            return _matches(given, most)
        case "EVT_N_GET":
            status, data_set = given if isinstance(given, tuple) else (given, None)
            return _status_reply(status, [] if data_set is None else [data_set])
        case "EVT_USER_ID":
            verified, response = given
            return Reply.negotiated({"verified": bool(verified), "response": bytes(response or b"").hex()})
        case "EVT_ASYNC_OPS":
            invoked, performed = given
            return Reply.negotiated({"invoked": int(invoked), "performed": int(performed)})
        case "EVT_SOP_EXTENDED":
            return Reply.negotiated({"answers": {str(uid): bytes(info).hex() for uid, info in dict(given).items()}})
        case "EVT_SOP_COMMON":
            return Reply.negotiated({"accepted": [str(uid) for uid in dict(given)]})
    raise ValueError(f"The answer to {event} cannot be had beforehand.")


def _matches(given: Any, most: int) -> Reply:
    from pydicom.dataset import Dataset

    from workstation.net.data_sets import EncodedDataSet

    data_sets: list[Dataset] = []
    try:
        for item in given or ():
            status, data_set = item if isinstance(item, tuple | list) and len(item) == 2 else (item, None)
            code = status.Status if isinstance(status, Dataset) else status
            if code not in (0xFF00, 0xFF01):
                return _status_reply(status, data_sets)
            if isinstance(data_set, EncodedDataSet):
                data_set = data_set.decoded()
            if isinstance(data_set, Dataset):
                data_sets.append(data_set)
            if len(data_sets) >= most:
                break
    finally:
        close = getattr(given, "close", None)
        if callable(close):
            close()
    return Reply.with_status(0, data_sets=data_sets)


def _status_reply(status: Any, data_sets: list[Dataset]) -> Reply:
    from pydicom.dataset import Dataset

    if not isinstance(status, Dataset):
        return Reply.with_status(int(status), data_sets=data_sets)
    return Reply.with_status(int(status.Status), str(status.get("ErrorComment", "") or ""), (), data_sets)
