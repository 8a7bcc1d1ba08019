"""The built-in answers of the test server to the DIMSE-C services (PS3.4 A, B, C), from the archive.

Knows the archive and the events; no socket and no thread. Each handler may run on many associations at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from sqlalchemy.exc import SQLAlchemyError

from workstation.net.association import Association
from workstation.net.codec.dimse import C_STORE_RQ
from workstation.net.events import Event, EventHandler
from workstation.net.presentation import PresentationContextTuple
from workstation.scp.answers.contexts import proposed_contexts
from workstation.scp.archive.archive import Archive
from workstation.scp.archive.extract import CANNOT_UNDERSTAND
from workstation.scp.archive.scan import DamagedDataSetError, scan
from workstation.scp.archive.sink import ArchiveSink
from workstation.scp.behaviour import Lookup, fixed_status, keeps_object, wait
from workstation.scp.query.answer import status_of
from workstation.scp.query.levels import (
    FIND_MODELS,
    GET_MODELS,
    MOVE_MODELS,
    Model,
    WrongIdentifierError,
    check_find,
    read_level,
)
from workstation.settings import Behaviour

LOGGER = logging.getLogger(__name__)

SUCCESS, CANCEL = 0x0000, 0xFE00
# Pending: all optional keys are supported as required ones; some are not (PS3.4 C.4.1.1.4).
PENDING, PENDING_UNSUPPORTED = 0xFF00, 0xFF01
UNABLE_TO_PROCESS = 0xC000

# Ten thousand UIDs, or more keys than the index has attributes: honest identifiers are far below.
LONGEST_IDENTIFIER = 1024 * 1024
MOST_ELEMENTS = 2000

_RETRIEVE_AE_TITLE, _INSTANCE_AVAILABILITY = 0x00080054, 0x00080056


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What SOP Class Extended Negotiation agreed on for a query or retrieval (PS3.4 C.5)."""

    relational: bool = False
    combined_date_time: bool = False


def answer_extended(offered: Mapping[Any, bytes]) -> dict[Any, bytes]:
    """Return the answers to SOP Class Extended Negotiation: 1 for what we do of what was offered."""
    # Bytes of C-FIND: relational, combined date-time, fuzzy names, time zone, multi-frame, empty value, multiple value.
    abilities = {
        **dict.fromkeys(FIND_MODELS, b"\1\1\0\0\0\1\1"),
        **dict.fromkeys([*MOVE_MODELS, *GET_MODELS], b"\1\0"),
    }
    return {
        uid: bytes(int(ability == asked == 1) for ability, asked in zip(abilities[str(uid)], information, strict=False))
        for uid, information in offered.items()
        if str(uid) in abilities
    }


def negotiated(event: Event) -> Negotiated:
    """Return what was agreed on for the event's SOP class."""
    answers = answer_extended(event.assoc.requestor.sop_class_extended)
    agreed = next((answers[uid] for uid in answers if str(uid) == event.context.abstract_syntax), b"")
    return Negotiated(relational=agreed[:1] == b"\1", combined_date_time=agreed[1:2] == b"\1")


class DiscardingSink:
    """Takes an object that is not to be kept, and keeps nothing of it."""

    def write(self, fragment: memoryview) -> None:
        """Take the next bytes."""

    def finish(self) -> None:
        """All bytes have arrived."""

    def discard(self) -> None:
        """The rest will never come."""


class StoreSink:
    """A C-STORE request under way: its sink, and the behaviour that applied when it began."""

    def __init__(self, sink: ArchiveSink | DiscardingSink, behaviour: Behaviour) -> None:
        self.sink = sink
        self.behaviour = behaviour
        self.write = sink.write
        self.finish = sink.finish
        self.discard = sink.discard

    @property
    def path(self) -> Any:
        """The file, or None if nothing is kept."""
        return getattr(self.sink, "path", None)


class BuiltIn:
    """The built-in handlers.

    Args:
        archive: what they answer from.
        ae_title: returns the server's current AE title, for Retrieve AE Title.
        destinations: AE title of a C-MOVE destination -> its address, or None.
        behaviour_of: event name -> what applies now; only C-STORE looks here, at its beginning.
        sub_operation_handlers: bound to the associations with move destinations.
    """

    def __init__(
        self,
        archive: Archive,
        *,
        ae_title: Callable[[], str],
        destinations: Callable[[str], tuple[str, int] | None],
        behaviour_of: Lookup,
        sub_operation_handlers: list[EventHandler],
    ) -> None:
        self._archive = archive
        self._ae_title = ae_title
        self._destinations = destinations
        self._behaviour_of = behaviour_of
        self._sub_operation_handlers = sub_operation_handlers

    def echo(self, _event: Event) -> int:
        """Answer a C-ECHO."""
        return SUCCESS

    # storage

    def open_sink(self, assoc: Association, request: C_STORE_RQ, context: PresentationContextTuple) -> StoreSink:
        """Return where the data set of a C-STORE request goes."""
        behaviour = self._behaviour_of("EVT_C_STORE")
        if not (request.AffectedSOPClassUID and request.AffectedSOPInstanceUID and keeps_object(behaviour)):
            return StoreSink(DiscardingSink(), behaviour)
        sink = self._archive.new_sink(
            str(request.AffectedSOPClassUID),
            str(request.AffectedSOPInstanceUID),
            str(context.transfer_syntax),
            assoc.requestor.ae_title,
        )
        return StoreSink(sink, behaviour)

    def store(self, event: Event) -> int | Dataset:
        """Answer a C-STORE whose data set has gone to a sink of `open_sink`."""
        under_way: StoreSink = event.sink
        behaviour = under_way.behaviour
        if not wait(event, behaviour.delay):
            under_way.discard()
            return UNABLE_TO_PROCESS
        status = fixed_status(behaviour)
        if not isinstance(under_way.sink, ArchiveSink):
            return status_of(status or UNABLE_TO_PROCESS, "Chosen in the settings of the test server.")
        result = self._archive.commit(under_way.sink)
        if result.status != SUCCESS:
            return status_of(result.status, result.comment)
        return SUCCESS if status is None else status

    # query

    def find(self, event: Event) -> Iterator[tuple[Any, Dataset | None]]:
        """Answer a C-FIND, one response a match, as they are read from the index."""
        agreed = negotiated(event)
        try:
            request = check_find(
                FIND_MODELS[event.context.abstract_syntax],
                _identifier(event),
                relational=agreed.relational,
                combined_date_time=agreed.combined_date_time,
            )
        except WrongIdentifierError as error:
            yield status_of(error.status, str(error)), None
            return
        pending = PENDING_UNSUPPORTED if request.unsupported else PENDING
        is_availability_asked = _INSTANCE_AVAILABILITY in request.requested
        try:
            # Over is what the peer cancelled and what it no longer waits for.
            with closing(self._archive.index.find(request, event.over.is_set)) as matches:
                for match in matches:
                    if event.is_cancelled:
                        break
                    match[_RETRIEVE_AE_TITLE] = DataElement(_RETRIEVE_AE_TITLE, "AE", self._ae_title())
                    if is_availability_asked:
                        match[_INSTANCE_AVAILABILITY] = DataElement(_INSTANCE_AVAILABILITY, "CS", "ONLINE")
                    yield pending, match
        except SQLAlchemyError as error:
            LOGGER.warning("The archive's index cannot be read: %s", error)
            yield status_of(UNABLE_TO_PROCESS, "The archive's index cannot be read."), None
            return
        if event.is_cancelled:
            yield CANCEL, None

    # retrieval

    def get(self, event: Event) -> Iterator[Any]:
        """Answer a C-GET: the number of objects, then each one's file."""
        yield from self._retrieve(event, GET_MODELS[event.context.abstract_syntax], None)

    def move(self, event: Event) -> Iterator[Any]:
        """Answer a C-MOVE: the destination, the number of objects, then each one's file."""
        title = event.move_destination or ""
        destination = self._destinations(title)
        if destination is None:
            yield None, None
            return
        yield from self._retrieve(event, MOVE_MODELS[event.context.abstract_syntax], (*destination, title))

    def _retrieve(self, event: Event, model: Model, destination: tuple[str, int, str] | None) -> Iterator[Any]:
        try:
            identifier = _identifier(event)
            objects = self._archive.matches_for_retrieve(
                read_level(model, identifier), model, identifier, relational=negotiated(event).relational
            )
        except WrongIdentifierError as error:
            yield status_of(error.status, str(error)), None
            return
        except SQLAlchemyError as error:
            LOGGER.warning("The archive's index cannot be read: %s", error)
            yield status_of(UNABLE_TO_PROCESS, "The archive's index cannot be read."), None
            return
        if destination is not None:
            host, port, title = destination
            options = {
                "contexts": proposed_contexts((one.sop_class_uid, one.transfer_syntax_uid) for one in objects),
                "ae_title": title,
                "evt_handlers": self._sub_operation_handlers,
            }
            yield host, port, options
        yield len(objects)
        for one in objects:
            if event.is_cancelled:
                yield CANCEL, None
                return
            yield PENDING, one.path, one.sop_instance_uid


def _identifier(event: Event) -> Dataset:
    encoded = bytes(event.request.data or b"")
    if len(encoded) > LONGEST_IDENTIFIER:
        raise WrongIdentifierError(f"The identifier has more than {LONGEST_IDENTIFIER} bytes.", UNABLE_TO_PROCESS)
    try:
        # A look at the headers only: to decode one with more costs seconds.
        looked_at = scan(
            encoded,
            str(event.context.transfer_syntax),
            (),
            most_elements=MOST_ELEMENTS,
            most_inflated=LONGEST_IDENTIFIER,
        )
        if not looked_at.is_whole:
            raise DamagedDataSetError("The identifier inflates to too much.")
    except DamagedDataSetError as error:
        raise WrongIdentifierError(str(error), CANNOT_UNDERSTAND) from error
    try:
        identifier = event.identifier
        # Decode each element now: pydicom does so when one is looked at, and damaged bytes raise almost anything.
        for element in identifier.iterall():
            _ = element.value
    except Exception as error:
        raise WrongIdentifierError("The identifier cannot be decoded.", CANNOT_UNDERSTAND) from error
    return identifier
