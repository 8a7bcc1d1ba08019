"""Query and retrieval (PS3.4 C): C-FIND, C-GET and C-MOVE from the archive.

Knows the archive and the events; no socket and no thread. Each handler may run on many associations at once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from sqlalchemy.exc import SQLAlchemyError

from workstation.net import evt
from workstation.net.data_sets import EncodedDataSet
from workstation.net.events import Event, InterventionEvent
from workstation.net.presentation import PresentationContext, build_context
from workstation.scp.answers.contexts import UNCOMPRESSED, proposed_contexts
from workstation.scp.answers.reading import UnreadableDataSetError, read_data_set
from workstation.scp.answers.worklist import ABILITIES as WORKLIST_ABILITIES
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
from workstation.scp.surroundings import Handler, Surroundings

LOGGER = logging.getLogger(__name__)

SUCCESS, CANCEL = 0x0000, 0xFE00
# Pending: all optional keys are supported as required ones; some are not (PS3.4 C.4.1.1.4).
PENDING, PENDING_UNSUPPORTED = 0xFF00, 0xFF01
UNABLE_TO_PROCESS = 0xC000

# More keys than the index has attributes: honest identifiers are far below.
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
        **WORKLIST_ABILITIES,
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


class QueryRetrieve:
    """The built-in handlers of the Query/Retrieve service class."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._archive = surroundings.archive
        self._ae_title = surroundings.ae_title
        self._destinations = surroundings.destinations
        self._sub_operation_handlers = list(surroundings.notification_handlers)

    def contexts(self) -> Iterable[PresentationContext]:
        """The presentation contexts that it serves."""
        return [build_context(uid, list(UNCOMPRESSED)) for uid in (*FIND_MODELS, *MOVE_MODELS, *GET_MODELS)]

    def handlers(self) -> Mapping[tuple[InterventionEvent, str], Handler]:
        """(event, abstract syntax) -> handler."""
        return {
            **{(evt.EVT_C_FIND, uid): self.find for uid in FIND_MODELS},
            **{(evt.EVT_C_GET, uid): self.get for uid in GET_MODELS},
            **{(evt.EVT_C_MOVE, uid): self.move for uid in MOVE_MODELS},
        }

    def resume(self) -> None:
        """Nothing was interrupted."""

    def find(self, event: Event) -> Iterator[tuple[Any, EncodedDataSet | Dataset | None]]:
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
        filled_in = [DataElement(_RETRIEVE_AE_TITLE, "AE", self._ae_title())]
        if _INSTANCE_AVAILABILITY in request.requested:
            filled_in.append(DataElement(_INSTANCE_AVAILABILITY, "CS", "ONLINE"))
        syntax = str(event.context.transfer_syntax)
        try:
            # Over is what the peer cancelled and what it no longer waits for.
            with closing(self._archive.index.find_encoded(request, syntax, filled_in, event.over.is_set)) as matches:
                for match in matches:
                    if event.is_cancelled:
                        break
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
    try:
        return read_data_set(event, most_elements=MOST_ELEMENTS)
    except UnreadableDataSetError as error:
        raise WrongIdentifierError(str(error), UNABLE_TO_PROCESS) from error
