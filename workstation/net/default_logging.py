"""What an association writes to the log by itself: handlers bound to its notification events.

Loggers are children of "workstation.net". Nothing is bound with ``_config.LOG_HANDLER_LEVEL = "none"``. Text of a
peer's is escaped and cut before it is logged, secrets of a User Identity never are. Knows nothing of how events come
about.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from workstation.net import _config, events, uids
from workstation.net.errors import RemoteProtocolError
from workstation.net.events import Handlers, LogHandler
from workstation.net.status import status_text
from workstation.net.utils import printable

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from workstation.net.codec.dimse import Message
    from workstation.net.codec.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
    from workstation.net.events import Event, NotificationEvent

PACKAGE_LOGGER: Final = "workstation.net"
LOGGER = logging.getLogger(__name__)
# Of single messages: a server that has thousands may want their lines at another level.
MESSAGES = logging.getLogger(f"{__name__}.messages")

# An identifier is a screenful; a peer may send 16 MiB.
_IDENTIFIER_LINES = 100
_IDENTIFIER_LEVELS = 16
_IDENTIFIER_BYTES = 64 * 1024  # a full one would take minutes to decode and print, on the thread that reads
_WITH_IDENTIFIER = ("C-FIND", "C-GET", "C-MOVE")


def debug_logger() -> None:
    """Have everything that the package logs written to standard error: first letter of the level, ": ", message."""
    logger = logging.getLogger(PACKAGE_LOGGER)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname).1s: %(message)s"))
    # Instead of, not beside: whoever calls it twice wants each line once.
    logger.handlers = [handler]
    logger.setLevel(logging.DEBUG)


def bind_default_handlers(handlers: Handlers) -> None:
    """Bind the logging handlers that `_config.LOG_HANDLER_LEVEL` asks for.

    The ones for PDUs only if they would be heard, so that nothing is asked for each PDU of a large object.
    """
    if _config.LOG_HANDLER_LEVEL == "none":
        return
    handlers.add(_STANDARD)
    if LOGGER.isEnabledFor(logging.DEBUG):
        handlers.add(_FOR_PDUS)


def _who(event: Event) -> str:
    return f"Association {getattr(event.assoc, 'number', '?')}"


# ------------------------------------------------------------------- associations
def log_requested(event: Event) -> None:
    """An association is being asked for, by us or by a peer."""
    assoc = event.assoc
    if assoc.is_requestor:
        LOGGER.info("%s: requesting association with %s", _who(event), printable(assoc.acceptor.ae_title))
    else:
        LOGGER.info("%s: association requested by %s", _who(event), printable(assoc.requestor.ae_title))


def log_accepted(event: Event) -> None:
    """It was accepted."""
    assoc = event.assoc
    LOGGER.info(
        "%s: accepted, %d presentation context(s) accepted and %d rejected",
        _who(event),
        len(assoc.accepted_contexts),
        len(assoc.rejected_contexts),
    )


def log_rejected(event: Event) -> None:
    """It was rejected."""
    rejection = event.assoc.rejection
    if rejection is None:
        LOGGER.error("%s: rejected", _who(event))
        return
    LOGGER.error(
        "%s: rejected, result %d (%s), source %d (%s), reason %d (%s)",
        _who(event),
        rejection.result,
        rejection.result_text,
        rejection.source,
        rejection.source_text,
        rejection.reason,
        rejection.reason_text,
    )


def log_released(event: Event) -> None:
    """It was released."""
    LOGGER.info("%s: released", _who(event))


def log_aborted(event: Event) -> None:
    """It was aborted, or the connection was lost."""
    LOGGER.error("%s: aborted. %s", _who(event), printable(event.assoc.end_reason))


# ------------------------------------------------------------------- ACSE primitives
def log_acse_received(event: Event) -> None:
    """The parameters of an A-ASSOCIATE that came."""
    _log_acse(event, "received")


def log_acse_sent(event: Event) -> None:
    """The parameters of an A-ASSOCIATE that goes."""
    _log_acse(event, "sent")


def _log_acse(event: Event, direction: str) -> None:
    from workstation.net.codec.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ

    primitive = event.primitive
    lines = [f"{_who(event)}: {direction} {type(primitive).__name__.replace('_', '-')}"]
    pdu = getattr(primitive, "pdu", None)
    if isinstance(pdu, A_ASSOCIATE_RQ | A_ASSOCIATE_AC):
        lines += associate_lines(pdu)
    # One record: several associations log at the same time.
    LOGGER.debug("%s", "\n    ".join(lines))


def associate_lines(pdu: A_ASSOCIATE_RQ | A_ASSOCIATE_AC) -> Iterator[str]:
    """The parameters of an A-ASSOCIATE-RQ or -AC as lines of text."""
    from workstation.net.codec import pdu as wire

    yield f"Called AE Title: {printable(pdu.called_ae_title)}"
    yield f"Calling AE Title: {printable(pdu.calling_ae_title)}"
    yield f"Application Context Name: {printable(pdu.application_context_name)}"
    for context in pdu.presentation_contexts:
        if isinstance(context, wire.ProposedContext):
            yield f"Presentation Context ID {context.context_id}: {named(context.abstract_syntax)}"
            for syntax in context.transfer_syntaxes:
                yield f"  {named(syntax)}"
        else:
            answer = f": {named(context.transfer_syntax)}" if context.result == 0 else ""
            yield f"Presentation Context ID {context.context_id}: {context.result_text}{answer}"
    for item in pdu.user_information:
        yield _item_line(item)


def _item_line(item: Any) -> str:
    from workstation.net.codec import pdu as wire

    match item:
        case wire.MaximumLength(value=value):
            return f"Maximum Length: {value or 'no limit'}"
        case wire.ImplementationClassUID(uid=uid):
            return f"Implementation Class UID: {printable(uid)}"
        case wire.ImplementationVersionName(name=name):
            return f"Implementation Version Name: {printable(name)}"
        case wire.AsynchronousOperationsWindow(invoked=invoked, performed=performed):
            return f"Asynchronous Operations Window: {invoked} invoked, {performed} performed"
        case wire.RoleSelection(sop_class_uid=uid, scu_role=scu, scp_role=scp):
            return f"SCP/SCU Role Selection: {named(uid)}: SCU {int(scu)}, SCP {int(scp)}"
        case wire.SOPClassExtendedNegotiation(sop_class_uid=uid, application_information=information):
            return f"SOP Class Extended Negotiation: {named(uid)}: {information[:64].hex(' ')}"
        case wire.SOPClassCommonExtendedNegotiation(sop_class_uid=uid, service_class_uid=service):
            return f"SOP Class Common Extended Negotiation: {named(uid)} as {named(service)}"
        case wire.UserIdentityRQ(identity_type=identity_type):
            # Its fields are secrets (PS3.7 D.3.3.7): not in a log.
            return f"User Identity: type {identity_type} ({item.identity_type_text})"
        case wire.UserIdentityAC(server_response=response):
            return f"User Identity: server response of {len(response)} bytes"
        case wire.UnknownItem(item_type=item_type, data=data):
            return f"Unknown item {item_type:02X}H of {len(data)} bytes"
    return printable(repr(item))


def named(uid: str) -> str:
    """A UID with its name, if it has one."""
    name = uids.uid_name(uid)
    return f"{name} ({uid})" if name else printable(uid)


# ------------------------------------------------------------------- PDUs
def log_pdu_received(event: Event) -> None:
    """A PDU came."""
    LOGGER.debug("%s: received %s", _who(event), _pdu_name(event))


def log_pdu_sent(event: Event) -> None:
    """A PDU goes."""
    LOGGER.debug("%s: sent %s", _who(event), _pdu_name(event))


def _pdu_name(event: Event) -> str:
    try:
        return f"{type(event.pdu).__name__.replace('_', '-')} PDU"
    except RemoteProtocolError:
        # Ours, damaged on purpose.
        return "a PDU that is none"


# ------------------------------------------------------------------- DIMSE messages
def log_dimse_received(event: Event) -> None:
    """A DIMSE message came."""
    MESSAGES.info("%s", message_text(event, "received"))


def log_dimse_sent(event: Event) -> None:
    """A DIMSE message goes."""
    MESSAGES.info("%s", message_text(event, "sent"))


def message_text(event: Event, direction: str) -> str:
    """What the log says of the message of an event: a line, and one for each of its elements at DEBUG."""
    message: Message = event.message
    lines = [f"{_who(event)}: {direction} {message_line(message)}"]
    if MESSAGES.isEnabledFor(logging.DEBUG):
        for keyword, _ in message.elements:
            value = getattr(message, keyword)
            if value is not None:
                lines.append(f"{keyword}: {_value_text(keyword, value)}")
    wanted = _config.LOG_REQUEST_IDENTIFIERS if message.is_request else _config.LOG_RESPONSE_IDENTIFIERS
    if wanted and message.data and message.msg_type in _WITH_IDENTIFIER:
        lines += identifier_lines(event, message)
    return "\n    ".join(lines)


def message_line(message: Message) -> str:
    """A message in one line: its name, number and, of a response, its status."""
    number = getattr(message, "MessageID", None)
    if number is not None:
        text = f"{message.name} (Message ID {number})"
    else:
        text = f"{message.name} (to Message ID {getattr(message, 'MessageIDBeingRespondedTo', None)})"
    sop_class = getattr(message, "AffectedSOPClassUID", None) or getattr(message, "RequestedSOPClassUID", None)
    if sop_class:
        text += f", {named(str(sop_class))}"
    status = getattr(message, "Status", None)
    if status is not None:
        text += f", status {status_text(status)}"
    return text


def _value_text(keyword: str, value: Any) -> str:
    if isinstance(value, str):
        return named(value) if keyword.endswith("UID") else printable(value)
    if isinstance(value, tuple):
        return ", ".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in value)
    return status_text(value) if keyword == "Status" else str(value)


def identifier_lines(event: Event, message: Message) -> Iterator[str]:
    """The Identifier of a message as lines of text, as far as it can be decoded."""
    from workstation.net import dsutils

    syntax = next(
        (
            context.transfer_syntax[0]
            for context in event.assoc.accepted_contexts
            if context.context_id == message.context_id
        ),
        None,
    )
    if syntax is None or message.data is None:
        return
    if len(message.data) > _IDENTIFIER_BYTES:
        yield f"(the Identifier of {len(message.data)} bytes is not shown)"
        return
    try:
        lines = list(itertools.islice(_element_lines(dsutils.decode_in(message.data, syntax)), _IDENTIFIER_LINES + 1))
    except Exception as error:
        # pydicom raises anything for bytes that are no data set; whoever uses the Identifier will say so.
        yield f"(the Identifier cannot be shown: {printable(str(error))})"
        return
    for line in lines[:_IDENTIFIER_LINES]:
        yield printable(line)
    if len(lines) > _IDENTIFIER_LINES:
        yield f"... (more than {_IDENTIFIER_LINES} lines)"


def _element_lines(data_set: Dataset, level: int = 0) -> Iterator[str]:
    """A data set as pydicom prints it, line after line as they are taken.

    Its own text of the whole recurses without bound: 16 kB nested 1,000 levels deep ended in an exception whose text,
    which each level adds its traceback to, took 20 GB.
    """
    margin = "   " * level
    for element in data_set:
        if element.VR != "SQ":
            yield margin + repr(element)
            continue
        yield f"{margin}{element.tag}  {element.name}  {len(element.value)} item(s) ---- "
        if level == _IDENTIFIER_LEVELS:
            yield f"{margin}   ..."
            continue
        for item in element.value:
            yield from _element_lines(item, level + 1)
            yield f"{margin}   ---------"


def _table(*lines: tuple[NotificationEvent, int, Callable[[Event], None]]) -> Handlers:
    handlers = Handlers()
    for event, level, write in lines:
        logger = MESSAGES if write in (log_dimse_received, log_dimse_sent) else LOGGER
        handlers.bind(event, LogHandler(logger, level, write))
    return handlers


_STANDARD: Final = _table(
    (events.EVT_REQUESTED, logging.INFO, log_requested),
    (events.EVT_ACCEPTED, logging.INFO, log_accepted),
    (events.EVT_REJECTED, logging.ERROR, log_rejected),
    (events.EVT_RELEASED, logging.INFO, log_released),
    (events.EVT_ABORTED, logging.ERROR, log_aborted),
    (events.EVT_ACSE_RECV, logging.DEBUG, log_acse_received),
    (events.EVT_ACSE_SENT, logging.DEBUG, log_acse_sent),
    (events.EVT_DIMSE_RECV, logging.INFO, log_dimse_received),
    (events.EVT_DIMSE_SENT, logging.INFO, log_dimse_sent),
)
_FOR_PDUS: Final = _table(
    (events.EVT_PDU_RECV, logging.DEBUG, log_pdu_received),
    (events.EVT_PDU_SENT, logging.DEBUG, log_pdu_sent),
)
