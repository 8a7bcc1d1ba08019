"""Rules at work: stands between a server's associations and its built-in answers.

For each association request, negotiation and service request an occasion is made and the book of rules asked. Where a
rule applies, its fault is armed and its answer given: the built-in one, a chosen status, what the person replies, what
a script says; delays before, between and after the responses wait on the operation's own event, so that a C-CANCEL, an
abort or a lost connection ends them at once. Without a rule the built-in answer is given untouched.

A C-STORE is decided when its object begins to arrive, unless a rule that comes into question looks at the object
itself: then when it is there. The object goes to the built-in sink in any case but one, a refusal that is certain from
the beginning. What is chosen as status is answered whatever became of the object; it is kept with Success and Warning,
and with any other status if the rule says so.

Handlers run on the association's worker, `admit` too when the server asks `deliberates`; sinks are made on the reader's
thread. Knows the associations and the interfaces of scripts, questions and faults; no archive, no window.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from workstation.net import events
from workstation.net.association import Association, SinkFactory
from workstation.net.codec.dimse import C_STORE_RQ
from workstation.net.codec.pdu import A_ASSOCIATE_RJ, A_ASSOCIATE_RQ, AsynchronousOperationsWindow
from workstation.net.engine.assembly import DataSink
from workstation.net.events import Event, EventHandler, InterventionEvent
from workstation.net.listener import Admit
from workstation.net.presentation import PresentationContextTuple
from workstation.net.status import code_to_category
from workstation.scp import tampering
from workstation.scp.asking import Asker, Reply
from workstation.scp.query.answer import status_of
from workstation.scp.rules.answer_files import AnswerFileError, load_answers
from workstation.scp.rules.book import RuleBook, Undecided
from workstation.scp.rules.faults import FAULTS
from workstation.scp.rules.occasion import Occasion
from workstation.scp.rules.occasions import Occasions
from workstation.scp.rules.rule import ASSOCIATION, Action, Fault, Rule
from workstation.scp.scripts import Scripts

LOGGER = logging.getLogger(__name__)

Handler = Callable[[Event], Any]

CANCEL, PENDING, SUCCESS = 0xFE00, 0xFF00, 0x0000
PROCESSING_FAILURE, UNABLE_TO_PROCESS = 0x0110, 0xC000

# PS3.8 Table 9-21: rejected by the service user, no reason given; nobody may hear it.
_REJECTED = A_ASSOCIATE_RJ(result=1, source=1, reason=1)
_NOT_NOW = A_ASSOCIATE_RJ(result=2, source=1, reason=1)

_YIELDING = frozenset({"EVT_C_FIND", "EVT_C_GET", "EVT_C_MOVE"})
_RETRIEVALS = frozenset({"EVT_C_GET", "EVT_C_MOVE"})
# Their handlers give a status; those of the other services (status, data set or None).
_STATUS_ONLY = frozenset({"EVT_C_ECHO", "EVT_C_STORE", "EVT_N_DELETE"})

# The values of a chosen answer that belong to an event; without any of them the answer is the built-in one.
_NEGOTIABLE: Mapping[str, frozenset[str]] = {
    "EVT_USER_ID": frozenset({"verified", "response"}),
    "EVT_ASYNC_OPS": frozenset({"invoked", "performed"}),
    "EVT_SOP_EXTENDED": frozenset({"answers"}),
    "EVT_SOP_COMMON": frozenset({"accepted"}),
}

# What a script's `handle_association` is given: an event like the others, with `assoc` and `request`.
EVT_ASSOCIATION = InterventionEvent(ASSOCIATION, "Association requested")


class Registry(Protocol):
    """Where the built-in answers are."""

    def handlers(self) -> list[EventHandler]:
        """A handler for each service event."""


class Applying:
    """Applies a book of rules to the associations of one server.

    Args:
        book: The rules; they may be replaced at any time.
        asker: Puts questions to the person; without, "ask me" gives the built-in answer.
        scripts: Runs the person's scripts; without, a script gives the built-in answer.
        folder: Gives what the paths of scripts and data sets are relative to: the profile's folder.
    """

    def __init__(
        self,
        book: RuleBook,
        asker: Asker | None = None,
        scripts: Scripts | None = None,
        *,
        folder: Callable[[], Path] = Path.cwd,
    ) -> None:
        self._book = book
        self._asker = asker
        self._scripts = scripts
        self._folder = folder
        self._occasions = Occasions()

    @property
    def book(self) -> RuleBook:
        """The rules."""
        return self._book

    # what the server binds

    def handlers(
        self, registry: Registry, negotiation: Mapping[InterventionEvent, Handler] | None = None
    ) -> list[EventHandler]:
        """Return a handler for each of the 15 intervention events; for `AE.start_server`.

        Args:
            registry: The built-in answers to services.
            negotiation: Those to negotiation events, where they are others than `accept_negotiation`.
        """
        services = {entry[0]: entry[1] for entry in registry.handlers()}
        chosen = dict(negotiation or {})
        built_in: dict[InterventionEvent, Handler] = {}
        for event in events.NEGOTIATION_EVENTS:
            built_in[event] = chosen.get(event, accept_negotiation)
        for event in events.SERVICE_EVENTS:
            built_in[event] = services.get(event) or events.get_default_handler(event)
        return [(event, self.handler(event, answer)) for event, answer in built_in.items()]

    def handler(self, event: InterventionEvent, built_in: Handler) -> Handler:
        """Return a handler for one intervention event, around the built-in one."""
        if event in events.NEGOTIATION_EVENTS:
            return self._around(built_in, self._negotiate)
        if event.name == "EVT_C_STORE":
            return lambda happened: self._store(happened, built_in)
        if event.name in _YIELDING:
            return self._around(built_in, self._yield)
        return self._around(built_in, self._answer)

    def _around(
        self, built_in: Handler, apply: Callable[[Rule, Event, Occasion, Handler], Any]
    ) -> Callable[[Event], Any]:
        def handler(event: Event) -> Any:
            if not self._book.could_apply(event.name):
                self._book.note(self._occasions.later(event))
                return built_in(event)
            occasion = self._occasions.of_event(event)
            rule = self._book.decide(occasion)
            return built_in(event) if rule is None else apply(rule, event, occasion, built_in)

        return handler

    def open_sink(self, built_in: SinkFactory) -> SinkFactory:
        """Return a sink factory around the built-in one; for `AE.start_server(sink_factory=...)`."""

        def factory(assoc: Association, request: C_STORE_RQ, context: PresentationContextTuple) -> DataSink | None:
            if not self._book.could_apply("EVT_C_STORE"):
                # Decided when the object is there; without rules nothing stands between it and its file.
                return built_in(assoc, request, context)
            inner: Any = built_in(assoc, request, context)
            if inner is None:
                # The association collects the object itself; decided when it is there.
                return None
            holder = [inner]
            occasion = self._occasions.of_store(assoc, request, context, lambda: holder[0])
            found = self._book.decide(occasion, can_wait=True)
            if isinstance(found, Rule) and _refuses(found):
                inner.discard()
                inner = holder[0] = _Nothing()
            watched: DataSink = inner
            if isinstance(found, Rule) and found.action.fault is not None:
                watched = tampering.sink_watch(assoc, found.action.fault, inner, request=request)
            return _Arriving(inner, watched, occasion, found)

        return factory

    # association requests

    def deliberates(self) -> bool:
        """Return True if `admit` may take its time: a rule for association requests asks, waits or runs a script."""
        return self._book.could_apply(ASSOCIATION) and any(
            rule.enabled
            and (not rule.match.events or ASSOCIATION in rule.match.events)
            and (rule.action.answer in ("ask", "script") or rule.action.before or rule.action.after)
            for rule in self._book.rules
        )

    def admit(
        self, assoc: Association, request: A_ASSOCIATE_RQ, built_in: Admit | None = None
    ) -> A_ASSOCIATE_RJ | None:
        """Decide on an association request; for `AE.start_server(admit=...)`.

        Args:
            assoc: The association.
            request: What the peer asks for.
            built_in: Decides where no rule does, or one that leaves it to the server.

        Returns:
            The rejection, or None to go on.
        """
        occasion = self._occasions.of_association(assoc, request)
        rule = self._book.decide(occasion)

        def otherwise() -> A_ASSOCIATE_RJ | None:
            return built_in(assoc, request) if built_in is not None else None

        if rule is None:
            return otherwise()
        action = rule.action
        if not _wait_on(assoc.over, action.before + action.after):
            return _NOT_NOW
        match action.answer:
            case "ask" if self._asker is not None:
                rejection = self._admit_as_replied(assoc, request, occasion, otherwise)
            case "script" if self._scripts is not None:
                handler = self._scripts.handler(self._path(action.script), ASSOCIATION, action.function)
                given = handler(Event(assoc, EVT_ASSOCIATION, {"request": request}))
                rejection = _rejection(given)
            case _:
                rejection = otherwise()
        if action.fault is not None and FAULTS[action.fault.kind].applies_to(ASSOCIATION):
            return tampering.arm_association(assoc, request, action.fault) or rejection
        return rejection

    def _admit_as_replied(
        self,
        assoc: Association,
        request: A_ASSOCIATE_RQ,
        occasion: Occasion,
        otherwise: Callable[[], A_ASSOCIATE_RJ | None],
    ) -> A_ASSOCIATE_RJ | None:
        assert self._asker is not None
        reply = self._asker.ask(None, occasion, assoc=assoc)
        match reply.kind:
            case "accept":
                return None
            case "reject":
                return A_ASSOCIATE_RJ(result=reply.result, source=reply.source, reason=reply.reason)
            case "abort":
                fault = Fault(kind="abort", values={"source": reply.source, "reason": reply.reason})
                return tampering.arm_association(assoc, request, fault)
            case "drop":
                return tampering.arm_association(assoc, request, Fault(kind="drop"))
            case "gone":
                return _NOT_NOW
        return otherwise()

    # negotiation

    def _negotiate(self, rule: Rule, event: Event, occasion: Occasion, built_in: Handler) -> Any:
        action = rule.action
        _wait(event, action.before + action.after)
        match action.answer:
            case "status" if not _NEGOTIABLE[event.name].isdisjoint(action.negotiation):
                return negotiated(event, action.negotiation)
            case "ask" if self._asker is not None:
                reply = self._asker.ask(event, occasion, built_in)
                if reply.kind == "negotiation":
                    return negotiated(event, reply.values)
                _end_as_replied(event, reply)
            case "script" if self._scripts is not None:
                return self._script(action, event)
        return built_in(event)

    # services with one response

    def _answer(self, rule: Rule, event: Event, occasion: Occasion, built_in: Handler) -> Any:
        action = rule.action
        _arm(rule, event)
        if not _wait(event, action.before) and _is_gone(event):
            return _single(event, PROCESSING_FAILURE)
        answer = self._given(action, event, occasion, built_in)
        _wait(event, action.after)
        return answer

    def _given(self, action: Action, event: Event, occasion: Occasion, built_in: Handler) -> Any:
        match action.answer:
            case "status":
                return self._chosen(action, event)
            case "ask" if self._asker is not None:
                reply = self._asker.ask(event, occasion, built_in)
                if reply.kind == "status":
                    status = status_data_set(event.name, reply.status, reply.comment, reply.offending)
                    return _single(event, status, reply.data_sets)
                if _end_as_replied(event, reply):
                    return _single(event, PROCESSING_FAILURE)
            case "script" if self._scripts is not None:
                return self._script(action, event)
        return built_in(event)

    def _chosen(self, action: Action, event: Event) -> Any:
        try:
            data_sets = self._data_sets(action)
        except AnswerFileError as error:
            return _single(event, status_of(PROCESSING_FAILURE, str(error)))
        return _single(event, _status_of(action, event), data_sets)

    # C-STORE

    def _store(self, event: Event, built_in: Handler) -> Any:
        arriving = event.sink if isinstance(event.sink, _Arriving) else None
        if arriving is None and not self._book.could_apply(event.name):
            with _discarding(event):
                self._book.note(self._occasions.later(event))
            return built_in(event)
        if arriving is None:
            with _discarding(event):
                occasion = self._occasions.of_event(event)
                rule = self._book.decide(occasion)
            is_armed = False
        else:
            # The built-in answer gets its own sink back.
            event.sink = arriving.inner
            occasion, found = arriving.occasion, arriving.found
            is_armed = isinstance(found, Rule)
            with _discarding(event):
                rule = found.decide(occasion) if isinstance(found, Undecided) else found
        if rule is None:
            return built_in(event)
        if not is_armed:
            _arm(rule, event)
        action = rule.action
        if not _wait(event, action.before) and _is_gone(event):
            _discard(event)
            return UNABLE_TO_PROCESS
        match action.answer:
            case "status":
                answer: Any = _status_of(action, event)
                _keep(event, built_in, action.status, keep=action.keep)
            case "ask" if self._asker is not None:
                answer = self._store_as_replied(event, occasion, built_in)
            case "script" if self._scripts is not None:
                with _discarding(event):
                    answer = self._script(action, event)
                _keep(event, built_in, _code(answer), keep=action.keep)
            case _:
                answer = built_in(event)
        _wait(event, action.after)
        return answer

    def _store_as_replied(self, event: Event, occasion: Occasion, built_in: Handler) -> Any:
        assert self._asker is not None
        with _discarding(event):
            reply = self._asker.ask(event, occasion, built_in)
        if reply.kind == "status":
            _keep(event, built_in, reply.status, keep=reply.keep)
            return status_data_set(event.name, reply.status, reply.comment, reply.offending)
        if _end_as_replied(event, reply):
            _discard(event)
            return UNABLE_TO_PROCESS
        return built_in(event)

    # services with many responses

    def _yield(self, rule: Rule, event: Event, occasion: Occasion, built_in: Handler) -> Iterator[Any]:
        _arm(rule, event)
        return self._responses(rule.action, event, occasion, built_in)

    def _responses(self, action: Action, event: Event, occasion: Occasion, built_in: Handler) -> Iterator[Any]:
        if not _wait(event, action.before):
            if event.is_cancelled:
                yield CANCEL, None
            return
        with closing(self._given_many(action, event, occasion, built_in)) as given:
            yield from _paced(given, action, event)

    def _given_many(
        self, action: Action, event: Event, occasion: Occasion, built_in: Handler
    ) -> Generator[Any, None, None]:
        """What the answer yields, without delays. It stays a generator, so that it can be closed."""
        answer: Any = None
        match action.answer:
            case "status":
                try:
                    data_sets = self._data_sets(action)
                except AnswerFileError as error:
                    yield status_of(UNABLE_TO_PROCESS, str(error)), None
                    return
                yield from _many(event, _status_of(action, event), data_sets)
                return
            case "ask" if self._asker is not None:
                reply = self._asker.ask(event, occasion, built_in)
                if reply.kind == "status":
                    status = status_data_set(event.name, reply.status, reply.comment, reply.offending)
                    yield from _many(event, status, reply.data_sets)
                    return
                if _end_as_replied(event, reply):
                    return
                answer = built_in(event)
            case "script" if self._scripts is not None:
                answer = self._script(action, event)
            case _:
                answer = built_in(event)
        if answer is not None:
            try:
                yield from answer
            finally:
                close = getattr(answer, "close", None)
                if callable(close):
                    close()

    # what rules name

    def _path(self, name: str) -> Path:
        return self._folder() / Path(name).expanduser()

    def _script(self, action: Action, event: Event) -> Any:
        assert self._scripts is not None
        return self._scripts.handler(self._path(action.script), event.name, action.function)(event)

    def _data_sets(self, action: Action) -> list[Dataset]:
        return load_answers(action.data_sets, self._folder()) if action.data_sets else []


def accept_negotiation(event: Event) -> Any:
    """Answer a negotiation event as one that has nothing against it and nothing to add."""
    match event.name:
        case "EVT_USER_ID":
            return True, None
        case "EVT_ASYNC_OPS":
            # Operations are performed one after the other (PS3.7 D.3.3.3).
            return 1, 1
    return {}


def negotiated(event: Event, values: Mapping[str, Any]) -> Any:
    """Return what the handler of a negotiation event returns for values of `rules.rule.NEGOTIATION_VALUES`."""
    match event.name:
        case "EVT_USER_ID":
            response = values.get("response")
            return bool(values.get("verified", True)), None if response is None else bytes.fromhex(response)
        case "EVT_ASYNC_OPS":
            return AsynchronousOperationsWindow(
                invoked=int(values.get("invoked", 1)), performed=int(values.get("performed", 1))
            )
        case "EVT_SOP_EXTENDED":
            return {str(uid).strip(): bytes.fromhex(info) for uid, info in dict(values.get("answers", {})).items()}
    accepted = {str(uid).strip() for uid in values.get("accepted", ())}
    return {uid: item for uid, item in event.items.items() if str(uid) in accepted}


def status_data_set(event: str, code: int, comment: str = "", offending: Iterable[int] = ()) -> Dataset:
    """Return a status with what goes with it: Error Comment, and the elements that were at fault."""
    status = status_of(code, comment)
    tags = list(offending)
    if tags:
        status.add_new(0x00000901 if event.startswith("EVT_C_") else 0x00001005, "AT", tags)
    return status


def _status_of(action: Action, event: Event) -> Dataset:
    return status_data_set(event.name, action.status, action.comment, action.offending)


def _code(status: Any) -> int:
    """The code of what a handler gave as status; that of a failure if it is none."""
    code = status.get("Status") if isinstance(status, Dataset) else status
    return code if isinstance(code, int) and 0 <= code <= 0xFFFF else UNABLE_TO_PROCESS


def _stores(code: int) -> bool:
    return code_to_category(code) in ("Success", "Warning")


def _refuses(rule: Rule) -> bool:
    """Whether it is certain that the object of a C-STORE will not be kept."""
    action = rule.action
    return action.answer == "status" and not action.keep and not _stores(action.status)


def _single(event: Event, status: Any, data_sets: Iterable[Dataset] = ()) -> Any:
    """What a handler with one response returns."""
    if event.name in _STATUS_ONLY:
        return status
    code = _code(status)
    if event.name == "EVT_N_CREATE" and not event.request.AffectedSOPInstanceUID and _stores(code):
        # Whoever creates without naming the instance has to be told its name (PS3.7 10.1.5.1.4).
        status = status if isinstance(status, Dataset) else status_of(code)
        status.AffectedSOPInstanceUID = generate_uid()
    return status, next(iter(data_sets), None)


def _many(event: Event, status: Dataset, data_sets: Iterable[Dataset]) -> Iterator[Any]:
    """What a handler with several responses yields for a chosen status."""
    if event.name in _RETRIEVALS:
        # In place of the destination or the number of sub-operations: there are none.
        yield status, next((one for one in data_sets if "FailedSOPInstanceUIDList" in one), None)
        return
    is_pending = code_to_category(status.Status) == "Pending"
    sent = 0
    for data_set in data_sets:
        yield status if is_pending else PENDING, data_set
        sent += 1
    if not is_pending:
        yield status, None
    elif not sent:
        yield status, Dataset()


def _paced(given: Iterator[Any], action: Action, event: Event) -> Iterator[Any]:
    """What is given, with a rule's delays between the responses and before the last one."""
    responses = 0
    for item in given:
        if _is_response(item, event):
            is_final = not _is_pending(item)
            delay = action.after if is_final else action.between if responses else 0.0
            if not _wait(event, delay):
                if event.is_cancelled:
                    yield CANCEL, None
                return
            responses += 1
            yield item
            if is_final:
                return
        else:
            # The destination of a C-MOVE, the number of sub-operations.
            yield item
    if not _wait(event, action.after) and event.is_cancelled:
        yield CANCEL, None


def _is_response(item: Any, event: Event) -> bool:
    if isinstance(item, tuple | list):
        return bool(item) and isinstance(item[0], int | Dataset)
    # A bare status; a bare number of a retrieval is that of its sub-operations.
    return event.name not in _RETRIEVALS and isinstance(item, int | Dataset)


def _is_pending(item: Any) -> bool:
    return code_to_category(_code(item[0] if isinstance(item, tuple | list) else item)) == "Pending"


def _rejection(given: Any) -> A_ASSOCIATE_RJ | None:
    """What a script says of an association request: nothing or True to accept, False or (result, source, reason)."""
    if given is None or given is True:
        return None
    if given is False:
        return _REJECTED
    if isinstance(given, A_ASSOCIATE_RJ):
        return given
    result, source, reason = given
    return A_ASSOCIATE_RJ(result=int(result), source=int(source), reason=int(reason))


# waiting and ending


def _wait(event: Event, seconds: float) -> bool:
    """Wait before answering; whether nothing cut it short: a C-CANCEL, an abort, the end of the connection."""
    over = getattr(event, "over", None)
    return _wait_on(event.assoc.over if over is None else over, seconds)


def _wait_on(over: Any, seconds: float) -> bool:
    return seconds <= 0 or not over.wait(seconds)


def _is_gone(event: Event) -> bool:
    return not event.assoc.is_established


def _end_as_replied(event: Event, reply: Reply) -> bool:
    """End the association if the person says so; whether there is nobody to answer any more."""
    match reply.kind:
        case "abort":
            event.assoc.abort(block=False, source=reply.source, reason=reply.reason)
        case "drop":
            event.assoc.connection.hang_up("The connection was closed on purpose")
        case "gone":
            pass
        case _:
            return False
    return True


def _arm(rule: Rule, event: Event) -> None:
    fault = rule.action.fault
    if fault is not None and FAULTS[fault.kind].applies_to(event.name):
        tampering.arm(event.assoc, fault, request=event.request)


# the objects of C-STORE requests


@contextmanager
def _discarding(event: Event) -> Iterator[None]:
    """Let go of the object if what decides on it fails; the built-in answer sees to its own failures."""
    try:
        yield
    except BaseException:
        _discard(event)
        raise


def _discard(event: Event) -> None:
    sink = event.sink
    if sink is not None:
        sink.discard()


def _keep(event: Event, built_in: Handler, code: int, *, keep: bool) -> None:
    """Store an object whose status is decided elsewhere, or let go of it."""
    if not (keep or _stores(code)):
        _discard(event)
        return
    stored = built_in(event)
    if not _stores(_code(stored)):
        comment = stored.get("ErrorComment", "") if isinstance(stored, Dataset) else ""
        LOGGER.warning(
            "The object of a C-STORE was not kept, although a rule answers 0x%04X: 0x%04X %s",
            code,
            _code(stored),
            comment,
        )


class _Nothing:
    """Takes an object that is not to be kept, and keeps nothing of it."""

    path = None

    def write(self, fragment: memoryview) -> None:
        """Take the next bytes."""

    def finish(self) -> None:
        """All bytes have arrived."""

    def discard(self) -> None:
        """The rest will never come."""


class _Arriving:
    """A C-STORE under way: its sink, and what the rules said when it began.

    Attributes:
        inner: The built-in sink.
        occasion: What was decided.
        found: The rule, None for none, or that it cannot be told yet.
    """

    def __init__(self, inner: Any, watched: DataSink, occasion: Occasion, found: Rule | Undecided | None) -> None:
        self.inner = inner
        self.occasion = occasion
        self.found = found
        self.write = watched.write
        self.finish = watched.finish
        self.discard = watched.discard

    @property
    def path(self) -> Any:
        """The file, or None."""
        return getattr(self.inner, "path", None)

    @property
    def offset(self) -> Any:
        """Where the data set begins in it, or None."""
        return getattr(self.inner, "offset", None)
