"""What an association can be asked to send: the DIMSE-C and DIMSE-N services as service user (PS3.7 sections 9, 10).

The names, arguments and results are those of the documented API (`Association.send_c_echo` ...). Its habit of giving
an empty status when no valid response came lives here and nowhere else.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from pydicom import dcmread
from pydicom.config import IGNORE, settings
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID

from workstation.net import _config, data_sets, dsutils
from workstation.net.codec.dimse import (
    C_CANCEL_RQ,
    C_ECHO_RQ,
    C_FIND_RQ,
    C_FIND_RSP,
    C_GET_RQ,
    C_GET_RSP,
    C_MOVE_RQ,
    C_MOVE_RSP,
    C_STORE_RQ,
    MESSAGES,
    N_ACTION_RQ,
    N_CREATE_RQ,
    N_DELETE_RQ,
    N_EVENT_REPORT_RQ,
    N_GET_RQ,
    N_SET_RQ,
    Message,
    NamedPattern,
    Pattern,
    Priority,
    Response,
    response_class,
)
from workstation.net.codec.dimse_elements import ELEMENTS, NUMBERS
from workstation.net.errors import LocalProtocolError
from workstation.net.flat_data_sets import data_set_of, element_of, twin_of
from workstation.net.part10 import FileHead, NotDicomFileError, head_of, open_file
from workstation.net.presentation import PresentationContext
from workstation.net.services.query_retrieve import LIMIT_REACHED
from workstation.net.sop_class import Verification, uid_to_service_class, uid_to_sop_class
from workstation.net.status import code_to_category
from workstation.net.utils import set_ae

if TYPE_CHECKING:
    from collections import deque

    from workstation.net.events import Event
    from workstation.net.exchange import Exchange, Replies
    from workstation.net.shell.connection import Connection

_log = logging.getLogger("workstation.net.requests")
_STATUS_ELEMENTS = (
    "Status",
    "ErrorComment",
    "OffendingElement",
    "ErrorID",
    "AttributeIdentifierList",
    "AffectedSOPClassUID",
    "AffectedSOPInstanceUID",
    "EventTypeID",
    "NumberOfRemainingSuboperations",
    "NumberOfCompletedSuboperations",
    "NumberOfFailedSuboperations",
    "NumberOfWarningSuboperations",
)


class _StatusElements:
    """What becomes of a class of responses' status elements.

    Args:
        response: The class.

    Attributes:
        plain: Tags and VRs of those that have a number or a UID, and mostly the same one.
        values: Gets the values of these.
        names_instance: Whether the Affected SOP Instance UID is one.
        others: Keywords, tags and VRs of the others.
    """

    def __init__(self, response: type[Response]) -> None:
        numbers = {keyword: NUMBERS[keyword] for keyword in _STATUS_ELEMENTS if keyword in dict(response.elements)}
        self.names_instance = numbers.pop("AffectedSOPInstanceUID", None) is not None
        plain = {keyword: number for keyword, number in numbers.items() if ELEMENTS[number][0] in ("US", "UI")}
        self.plain = [(Tag(number), ELEMENTS[number][0]) for number in plain.values()]
        self.values: Callable[[Response], tuple[Any, ...]] = attrgetter(*plain)
        self.others = [
            (keyword, Tag(number), ELEMENTS[number][0]) for keyword, number in numbers.items() if keyword not in plain
        ]


_STATUS = {message: _StatusElements(message) for message in MESSAGES.values() if issubclass(message, Response)}
_INSTANCE = Tag(NUMBERS["AffectedSOPInstanceUID"])
_SECOND_FINAL = 0.5  # seconds
Data = data_sets.Stretches | None


class Requests:
    """The sending half of an association's public API."""

    if TYPE_CHECKING:
        is_established: bool
        _connection: Connection
        _exchange: Exchange
        name: str

        @property
        def accepted_contexts(self) -> list[PresentationContext]:
            """Of the association."""

        @property
        def dimse_timeout(self) -> float | None:
            """Of the association."""

        @property
        def fragment(self) -> int:
            """Of the association."""

        _found: dict[str, PresentationContext]
        _takers: dict[tuple[str, str], PresentationContext]
        _notes: deque[Event]

        def send(self, message: Message, data: Data = None, *, command: bytes | None = None) -> None:
            """Of the association."""

        def abort(self, block: bool = True) -> None:
            """Of the association."""

        def _abort(self, why: str) -> None:
            """Of the association."""

        _invoking: threading.RLock

        @property
        def _is_notifying(self) -> bool:
            """Of the association."""

        def run_notifications(self, *, settle: bool = False) -> None:
            """Of the association."""

        def accepted_context(self, context_id: int) -> PresentationContext | None:
            """Of the association."""

    # ------------------------------------------------------------------- DIMSE-C
    def send_c_echo(self, msg_id: int = 1) -> Dataset:
        """Verify the peer (C-ECHO, PS3.7 section 9.1.5).

        Returns:
            The status; empty if no valid response came.

        Raises:
            RuntimeError: The association is not established.
            ValueError: No accepted context for Verification, or a bad Message ID.
        """
        echoes = _echoes(self._context(Verification).context_id)
        number = _message_id(msg_id)
        return _status(self._invoke(echoes.message(number), command=echoes.command(number)))

    def send_c_store(
        self,
        dataset: Dataset | str | os.PathLike[str],
        msg_id: int = 1,
        priority: int = Priority.LOW,
        originator_aet: str | None = None,
        originator_id: int | None = None,
        *,
        streamed: bool | None = None,
    ) -> Dataset:
        """Store a SOP instance at the peer (C-STORE, PS3.7 section 9.1.1).

        Args:
            dataset: A data set with file meta information, or the path of a DICOM file.
            msg_id: Message ID, 0 to 65535.
            priority: 0 medium, 1 high, 2 low.
            originator_aet: Move Originator AE Title, for a C-MOVE sub-operation.
            originator_id: Move Originator Message ID.
            streamed: True: a path is sent as it is, without decoding, if its transfer syntax was accepted, and
                decoded if not. False: it is decoded. By default as `_config.STORE_SEND_CHUNKED_DATASET` says:
                then it is sent as it is or not at all.

        Returns:
            The status; empty if no valid response came.

        Raises:
            RuntimeError: The association is not established.
            ValueError: No accepted context takes the object, it cannot be encoded, or a bad argument.
            AttributeError: SOP Class, SOP Instance or Transfer Syntax UID are missing.
            OSError: The file cannot be read.
        """
        self._require_established()
        number, weight = _message_id(msg_id), _priority(priority)
        originator = _dimse_aet(originator_aet, "originator_aet") if originator_aet is not None else None
        fields: dict[str, Any] = {
            "MessageID": number,
            "Priority": weight,
            "MoveOriginatorApplicationEntityTitle": originator,
            "MoveOriginatorMessageID": originator_id,
        }
        if not isinstance(dataset, Dataset):
            if streamed or (streamed is None and _config.STORE_SEND_CHUNKED_DATASET):
                sent = self._store_file(dataset, fields, only_as_it_is=streamed is None)
                if sent is not None:
                    return sent
            dataset = dcmread(dataset)
        for keyword in ("SOPClassUID", "SOPInstanceUID"):
            if keyword not in dataset:
                raise AttributeError(f"the data set has no {keyword}")
        syntax = data_sets.syntax_of(dataset)
        context = data_sets.context_for(self.accepted_contexts, dataset.SOPClassUID, syntax, convert=True)
        if context is None:
            raise ValueError(_no_context(dataset.SOPClassUID, syntax))
        encoded = data_sets.encode_for(dataset, context)
        request = C_STORE_RQ(
            context_id=_id(context),
            AffectedSOPClassUID=str(dataset.SOPClassUID),
            AffectedSOPInstanceUID=str(dataset.SOPInstanceUID),
            data=encoded,
            **fields,
        )
        return _status(self._invoke(request, data_sets.stretches(encoded, self.fragment)))

    def _store_file(
        self, path: str | os.PathLike[str], fields: dict[str, Any], *, only_as_it_is: bool
    ) -> Dataset | None:
        """Send a file as it is; None if no context takes it so but decoding may help."""
        with open_file(path) as file:
            try:
                head, begun = head_of(file, data_sets.ahead(self.fragment))
            except NotDicomFileError as error:
                raise AttributeError(f"{os.fspath(path)}: {error}") from error
            for name, value in (
                ("Media Storage SOP Class UID", head.sop_class_uid),
                ("Media Storage SOP Instance UID", head.sop_instance_uid),
                ("Transfer Syntax UID", head.transfer_syntax_uid),
            ):
                if not value:
                    raise AttributeError(f"{os.fspath(path)}: the file meta information has no {name}")
            context = self._context_that_takes(head)
            if context is None:
                if not only_as_it_is:
                    return None
                raise ValueError(_no_context(head.sop_class_uid, head.transfer_syntax_uid))
            request, command = _store_request(_id(context), head, fields)
            data = data_sets.file_stretches(file, head, begun, self.fragment)
            return _status(self._invoke(request, data, command=command))

    def _context_that_takes(self, head: FileHead) -> PresentationContext | None:
        """The accepted context that takes a file as it is, or None."""
        wanted = (head.sop_class_uid, head.transfer_syntax_uid)
        context = self._takers.get(wanted)
        if context is None:
            context = data_sets.context_for(self.accepted_contexts, *wanted, convert=False)
            if context is not None:
                self._takers[wanted] = context
        return context

    def send_c_find(
        self, dataset: Dataset, query_model: str | UID, msg_id: int = 1, priority: int = Priority.LOW
    ) -> Iterator[tuple[Dataset, Dataset | None]]:
        """Query the peer (C-FIND, PS3.7 section 9.1.2).

        Args:
            dataset: The Identifier with the keys.
            query_model: SOP Class UID of the information model.
            msg_id: Message ID, 0 to 65535.
            priority: 0 medium, 1 high, 2 low.

        Yields:
            Status and Identifier of each response; (empty, None) if no valid response came.

        Raises:
            RuntimeError: The association is not established.
            ValueError: No accepted context for the model, the Identifier cannot be encoded, or a bad argument.
        """
        context = self._context(query_model)
        request = C_FIND_RQ(
            context_id=_id(context),
            MessageID=_message_id(msg_id),
            AffectedSOPClassUID=str(query_model),
            Priority=_priority(priority),
            data=data_sets.encode_for(dataset, context),
        )
        return _Responses(self, request, context)

    def send_c_get(
        self, dataset: Dataset, query_model: str | UID, msg_id: int = 1, priority: int = Priority.LOW
    ) -> Iterator[tuple[Dataset, Dataset | None]]:
        """Retrieve over this association (C-GET, PS3.7 section 9.1.3); arguments and results as of `send_c_find`.

        The objects arrive as C-STORE requests at the handler of evt.EVT_C_STORE, for the contexts whose SCP role
        was negotiated.
        """
        context = self._context(query_model)
        request = C_GET_RQ(
            context_id=_id(context),
            MessageID=_message_id(msg_id),
            AffectedSOPClassUID=str(query_model),
            Priority=_priority(priority),
            data=data_sets.encode_for(dataset, context),
        )
        return _Responses(self, request, context)

    def send_c_move(
        self,
        dataset: Dataset,
        move_aet: str,
        query_model: str | UID,
        msg_id: int = 1,
        priority: int = Priority.LOW,
    ) -> Iterator[tuple[Dataset, Dataset | None]]:
        """Have the peer send objects to `move_aet` (C-MOVE, PS3.7 section 9.1.4); results as of `send_c_find`."""
        context = self._context(query_model)
        request = C_MOVE_RQ(
            context_id=_id(context),
            MessageID=_message_id(msg_id),
            AffectedSOPClassUID=str(query_model),
            Priority=_priority(priority),
            MoveDestination=_dimse_aet(move_aet, "move_aet"),
            data=data_sets.encode_for(dataset, context),
        )
        return _Responses(self, request, context)

    def send_c_cancel(self, msg_id: int, context_id: int | None = None, query_model: str | UID | None = None) -> None:
        """Ask the peer to end a C-FIND, C-GET or C-MOVE (C-CANCEL, PS3.7 section 9.3.2.3); there is no response.

        Raises:
            RuntimeError: The association is not established.
            ValueError: Neither `context_id` nor `query_model` is given, or no context was accepted for it.
        """
        self._require_established()
        if context_id is None:
            if query_model is None:
                raise ValueError("a C-CANCEL needs the context_id or the query_model of the operation")
            context_id = _id(self._context(query_model))
        elif self.accepted_context(context_id) is None:
            # on the wire it would be a violation (PS3.8 Annex E), and no operation can be under way there
            _log.error("%s: no C-CANCEL is sent: presentation context %s was not accepted", self.name, context_id)
            return
        try:
            self.send(C_CANCEL_RQ(context_id=context_id, MessageIDBeingRespondedTo=_message_id(msg_id)))
        except LocalProtocolError as error:
            _log.warning("%s: the C-CANCEL came too late: %s", self.name, error)
        self.run_notifications()

    # ------------------------------------------------------------------- DIMSE-N
    def send_n_event_report(
        self,
        dataset: Dataset | None,
        event_type: int,
        class_uid: str | UID,
        instance_uid: str | UID,
        msg_id: int = 1,
        meta_uid: str | UID | None = None,
    ) -> tuple[Dataset, Dataset | None]:
        """Report an event (N-EVENT-REPORT, PS3.7 section 10.1.1): status and Event Reply."""
        # an SCP reports; that the documented API does not insist on its role, scripts rely on
        context = self._context(meta_uid or class_uid, either_role=True)
        request = N_EVENT_REPORT_RQ(
            context_id=_id(context),
            MessageID=_message_id(msg_id),
            AffectedSOPClassUID=str(class_uid),
            AffectedSOPInstanceUID=str(instance_uid),
            EventTypeID=event_type,
            has_data_set=bool(dataset),
        )
        return self._normalized(request, dataset, context)

    def send_n_get(
        self,
        identifier_list: Sequence[Any] | None,
        class_uid: str | UID,
        instance_uid: str | UID,
        msg_id: int = 1,
        meta_uid: str | UID | None = None,
    ) -> tuple[Dataset, Dataset | None]:
        """Get attributes (N-GET, PS3.7 section 10.1.2): status and Attribute List."""
        context = self._context(meta_uid or class_uid)
        request = N_GET_RQ(
            context_id=_id(context),
            MessageID=_message_id(msg_id),
            RequestedSOPClassUID=str(class_uid),
            RequestedSOPInstanceUID=str(instance_uid),
            AttributeIdentifierList=tuple(int(Tag(tag)) for tag in identifier_list) if identifier_list else None,
        )
        return self._normalized(request, None, context)

    def send_n_set(
        self,
        dataset: Dataset,
        class_uid: str | UID,
        instance_uid: str | UID,
        msg_id: int = 1,
        meta_uid: str | UID | None = None,
    ) -> tuple[Dataset, Dataset | None]:
        """Set attributes (N-SET, PS3.7 section 10.1.3): status and Attribute List."""
        context = self._context(meta_uid or class_uid)
        request = N_SET_RQ(
            context_id=_id(context),
            MessageID=_message_id(msg_id),
            RequestedSOPClassUID=str(class_uid),
            RequestedSOPInstanceUID=str(instance_uid),
            has_data_set=True,
        )
        return self._normalized(request, dataset, context)

    def send_n_action(
        self,
        dataset: Dataset | None,
        action_type: int,
        class_uid: str | UID,
        instance_uid: str | UID,
        msg_id: int = 1,
        meta_uid: str | UID | None = None,
    ) -> tuple[Dataset, Dataset | None]:
        """Ask for an action (N-ACTION, PS3.7 section 10.1.4): status and Action Reply."""
        context = self._context(meta_uid or class_uid)
        request = N_ACTION_RQ(
            context_id=_id(context),
            MessageID=_message_id(msg_id),
            RequestedSOPClassUID=str(class_uid),
            RequestedSOPInstanceUID=str(instance_uid),
            ActionTypeID=action_type,
            has_data_set=bool(dataset),
        )
        return self._normalized(request, dataset, context)

    def send_n_create(
        self,
        dataset: Dataset | None,
        class_uid: str | UID,
        instance_uid: str | UID | None = None,
        msg_id: int = 1,
        meta_uid: str | UID | None = None,
    ) -> tuple[Dataset, Dataset | None]:
        """Create an instance (N-CREATE, PS3.7 section 10.1.5): status and Attribute List."""
        context = self._context(meta_uid or class_uid)
        request = N_CREATE_RQ(
            context_id=_id(context),
            MessageID=_message_id(msg_id),
            AffectedSOPClassUID=str(class_uid),
            AffectedSOPInstanceUID=str(instance_uid) if instance_uid else None,
            has_data_set=bool(dataset),
        )
        return self._normalized(request, dataset, context)

    def send_n_delete(
        self,
        class_uid: str | UID,
        instance_uid: str | UID,
        msg_id: int = 1,
        meta_uid: str | UID | None = None,
    ) -> Dataset:
        """Delete an instance (N-DELETE, PS3.7 section 10.1.6)."""
        context = self._context(meta_uid or class_uid)
        request = N_DELETE_RQ(
            context_id=_id(context),
            MessageID=_message_id(msg_id),
            RequestedSOPClassUID=str(class_uid),
            RequestedSOPInstanceUID=str(instance_uid),
        )
        return self._normalized(request, None, context)[0]

    # ------------------------------------------------------------------- how
    def _require_established(self) -> None:
        if not self.is_established:
            raise RuntimeError("the association with the peer must be established first")

    def _context(self, uid: str | UID, *, either_role: bool = False) -> PresentationContext:
        """The accepted context for a SOP class, of which we are SCU unless the role does not matter.

        Raises:
            RuntimeError: The association is not established.
            ValueError: There is none.
        """
        self._require_established()
        if uid in self._found:
            return self._found[uid]
        wanted = [str(uid), *uid_to_service_class(str(uid)).carriers.get(str(uid), ())]
        contexts = self.accepted_contexts
        for candidate in wanted:
            for context in contexts:
                if context.abstract_syntax == candidate and (either_role or context.as_scu):
                    if not either_role:
                        self._found[uid] = context
                    return context
        if any(context.abstract_syntax in wanted for context in contexts):
            raise ValueError(f"the SCU role was not negotiated for {uid_to_sop_class(str(uid)).name}")
        raise ValueError(f"no presentation context was accepted for {uid_to_sop_class(str(uid)).name}")

    def _expect(self, message_id: int) -> Replies:
        self._refuse_within_notification()
        return self._exchange.expect(message_id)

    def _refuse_within_notification(self) -> None:
        if self._is_notifying:
            raise RuntimeError("a notification handler cannot ask the peer: nothing is read while it waits")

    def _invoke(self, request: Any, data: Data = None, *, command: bytes | None = None) -> Response | None:
        """Send a request and wait for its one response; None if no valid one came.

        Args:
            request: It.
            data: Its data set.
            command: Its command set, if it has been encoded already.
        """
        self._refuse_within_notification()  # first: whoever waits for a response holds the window
        with self._invoking:  # a window of 1 (PS3.7 D.3.3.3)
            replies = self._exchange.expect(request.MessageID)
            connection = self._connection
            try:
                connection.take(soon=True)  # before the request leaves: nobody else has to be woken by the response
                if not self._sent(request, data, command):
                    return None
                try:
                    return self._await(request, replies)
                except BaseException:
                    # Ctrl+C: the answer that is still to come must not become that of a later request
                    replies.abandoned = True
                    raise
            finally:
                if connection.is_driver:
                    connection.rest()
                if replies.is_awaited and not replies.abandoned:
                    self._exchange.forget(request.MessageID, replies)
                if self._notes:
                    self.run_notifications()

    def _sent(self, request: Message, data: Data, command: bytes | None = None) -> bool:
        try:
            self.send(request, data, command=command)
        except LocalProtocolError as error:
            _log.error("%s: the %s could not be sent: %s", self.name, request.name, error)
            return False
        except (OSError, MemoryError, KeyboardInterrupt, SystemExit):
            # a part of the message has left; only an abort can take it back
            self.abort()
            raise
        if self._notes:
            self.run_notifications()
        return True

    def _await(self, request: Message, replies: Replies) -> Response | None:
        """The next valid response, or None: then the association is over or being aborted."""
        while True:
            started = time.monotonic()
            try:
                response = replies.get(self.dimse_timeout, self._connection.pump)
            except TimeoutError:
                if self._exchange.last_activity > started or self._exchange.is_performing:
                    continue  # a long answer is arriving, or sub-operations of a C-GET go on
                self._give_up(f"No response to the {request.name} within {self.dimse_timeout} s (DIMSE timeout)")
                return None
            if response is None:
                _log.error("%s: the association ended before a response to the %s", self.name, request.name)
                return None
            if not isinstance(response, response_class(type(request))) or response.Status is None:
                self._give_up(f"The response to the {request.name} is invalid: it is a {response.name}")
                return None
            return response

    def _give_up(self, why: str) -> None:
        """Abort and say why."""
        _log.error("%s: %s", self.name, why)
        self._abort(why)

    def _normalized(
        self, request: Any, data_set: Dataset | None, context: PresentationContext
    ) -> tuple[Dataset, Dataset | None]:
        data: Data = None
        if data_set is not None and request.has_data_set:
            data = data_sets.stretches(data_sets.encode_for(data_set, context), self.fragment)
        response = self._invoke(request, data)
        status = _status(response)
        if response is None or code_to_category(cast(int, response.Status)) not in ("Success", "Warning"):
            return status, None
        reply = _decode(response, context)
        if reply is None:
            status.Status = 0x0110
        return status, reply


class _Responses:
    """The responses to a C-FIND, C-GET or C-MOVE, one by one.

    The request leaves when this is made, so that its errors are the call's.
    """

    def __init__(self, owner: Requests, request: Any, context: PresentationContext) -> None:
        self._owner = owner
        self._request = request
        self._context = context
        self._over = True  # until there is something to wait for
        self._replies = owner._expect(request.MessageID)
        self._over = False
        self._at_limit = False
        self._failed = not owner._sent(request, None)

    def __iter__(self) -> Iterator[tuple[Dataset, Dataset | None]]:
        return self

    def __next__(self) -> tuple[Dataset, Dataset | None]:
        if self._over:
            raise StopIteration
        if self._at_limit:
            return self._after_limit()
        response = None if self._failed else self._owner._await(self._request, self._replies)
        if response is None:
            self._end()
            return Dataset(), None
        status = _status(response)
        category = code_to_category(cast(int, response.Status))
        self._at_limit = isinstance(response, C_FIND_RSP) and response.Status == LIMIT_REACHED
        if category != "Pending" and not self._at_limit:
            self._end()
        return status, self._second(response, category)

    def _after_limit(self) -> tuple[Dataset, Dataset | None]:
        """The limit of a Repository Query ends it; some peers say Success after it, and that is theirs as well."""
        try:
            response = self._replies.get(_SECOND_FINAL, self._owner._connection.pump)
        except TimeoutError:
            response = None
        self._end()
        if response is None:
            raise StopIteration
        return _status(response), None

    def _end(self) -> None:
        self._over = True
        self._owner._exchange.forget(self._request.MessageID, self._replies)
        self._owner.run_notifications()

    def _second(self, response: Message, category: str) -> Dataset | None:
        """What stands beside the status: identifiers while a C-FIND is pending, the failed list at a retrieve's end."""
        if isinstance(response, C_GET_RSP | C_MOVE_RSP):
            ended = category in ("Warning", "Failure", "Cancel")
            return _decode(response, self._context) if ended else None
        return _decode(response, self._context) if category == "Pending" and response.has_data_set else None

    def close(self) -> None:
        """Want no more responses: those that still come are dropped, and their last one ends the operation."""
        if not self._over:
            self._over = self._replies.abandoned = True
            self._owner._connection.nudge()

    def __del__(self) -> None:
        # takes no lock: the garbage collector may be at work in a thread that holds it
        if not self._over:
            self.close()


def _decode(response: Message, context: PresentationContext) -> Dataset | None:
    """The response's data set: empty if it has none, None if it cannot be decoded."""
    if response.data is None:
        return Dataset()
    try:
        return dsutils.decode_in(response.data, context.transfer_syntax[0])
    except Exception as error:
        # whatever pydicom raises for bytes of the peer's: the documented result is None
        _log.error("The data set of the %s cannot be decoded: %s", response.name, error)
        return None


def _status(response: Response | None) -> Dataset:
    """A response's status elements as a data set; empty for no response."""
    if response is None:
        return Dataset()
    status = _STATUS[type(response)]
    mode = settings.reading_validation_mode
    made = _plain_status(status, status.values(response), mode)
    elements = {element.tag: twin_of(element) for element in made}
    if status.names_instance and (uid := response.AffectedSOPInstanceUID) is not None:  # type: ignore[attr-defined]
        elements[_INSTANCE] = _plain(_INSTANCE, "UI", uid, mode)
    for keyword, tag, vr in status.others:
        value = getattr(response, keyword)
        if value is not None:
            several = list(value) if isinstance(value, tuple) else value
            elements[tag] = DataElement(tag, vr, several, validation_mode=IGNORE)
    return data_set_of(elements)


@lru_cache(maxsize=64)
def _plain_status(status: _StatusElements, values: tuple[Any, ...], validation_mode: int) -> tuple[DataElement, ...]:
    """The status elements with these values, to be copied.

    Made as pydicom's attributes would make them, without their checks: what a peer says must not raise here, whatever
    pydicom is configured to do.
    """
    return tuple(
        _plain(tag, vr, value, validation_mode)
        for (tag, vr), value in zip(status.plain, values, strict=True)
        if value is not None
    )


def _plain(tag: BaseTag, vr: str, value: Any, validation_mode: int) -> DataElement:
    return element_of(tag, vr, UID(value, IGNORE) if vr == "UI" and type(value) is not UID else value, validation_mode)


@lru_cache(maxsize=128)
def _echoes(context_id: int | None) -> Pattern:
    """The C-ECHO-RQs in an accepted presentation context."""
    assert context_id is not None
    return Pattern.of(C_ECHO_RQ(context_id=context_id, MessageID=0, AffectedSOPClassUID=Verification))


def _store_request(context_id: int, head: FileHead, fields: dict[str, Any]) -> tuple[Message, bytes | None]:
    """The C-STORE-RQ for a file, and its command set unless that cannot be encoded, as is found out when it is sent."""
    number = fields["MessageID"]
    try:
        like = _stores(
            context_id,
            head.sop_class_uid,
            fields["Priority"],
            fields["MoveOriginatorApplicationEntityTitle"],
            fields["MoveOriginatorMessageID"],
        )
        command = like.command(number, head.sop_instance_uid)
    except LocalProtocolError:
        request = C_STORE_RQ(
            context_id=context_id,
            AffectedSOPClassUID=head.sop_class_uid,
            AffectedSOPInstanceUID=head.sop_instance_uid,
            has_data_set=True,
            **fields,
        )
        return request, None
    return like.message(number, head.sop_instance_uid), command


@lru_cache(maxsize=128, typed=True)
def _stores(
    context_id: int, sop_class_uid: str, priority: int, originator: str | None, originator_id: int | None
) -> NamedPattern:
    """The C-STORE-RQs of files of a SOP class."""
    return NamedPattern(
        C_STORE_RQ(
            context_id=context_id,
            MessageID=0,
            Priority=priority,
            AffectedSOPClassUID=sop_class_uid,
            AffectedSOPInstanceUID="1",
            MoveOriginatorApplicationEntityTitle=originator,
            MoveOriginatorMessageID=originator_id,
            has_data_set=True,
        )
    )


def _id(context: PresentationContext) -> int:
    assert context.context_id is not None
    return context.context_id


def _message_id(value: int) -> int:
    if not isinstance(value, int) or not 0 <= value <= 0xFFFF:
        raise ValueError(f"the Message ID must be 0 to 65535, not {value!r}")
    return value


def _dimse_aet(value: str, name: str) -> str:
    """An AE title as the command set has it; TypeError or ValueError if it is none."""
    title = set_ae(value, name, False, False)
    assert title is not None
    return title if _config.USE_SHORT_DIMSE_AET else title.ljust(16)


def _priority(value: int) -> int:
    if value not in (0, 1, 2):
        raise ValueError(f"the Priority must be 0 (medium), 1 (high) or 2 (low), not {value!r}")
    return value


def _no_context(sop_class_uid: str, syntax: str) -> str:
    return f"no presentation context was accepted for {uid_to_sop_class(str(sop_class_uid)).name} in {UID(syntax).name}"
