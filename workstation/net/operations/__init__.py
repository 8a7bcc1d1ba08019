"""How the peer's requests are answered: one module for each kind of DIMSE operation (PS3.7 sections 9, 10).

`perform` is called on the association's worker for each request. It asks the bound intervention handler, checks
what that gives, and sends the responses. Handlers are the user's code: whatever they do, the peer gets an answer that
the documented API defines. What differs between service classes is read from the tables of `services`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from workstation.net.codec.dimse import (
    C_ECHO_RQ,
    C_FIND_RQ,
    C_GET_RQ,
    C_MOVE_RQ,
    C_STORE_RQ,
    Message,
)
from workstation.net.errors import LocalProtocolError
from workstation.net.operations import echo, find, normalized, retrieve, store
from workstation.net.operations.common import Asked, refusal

if TYPE_CHECKING:
    from workstation.net.association import Association
    from workstation.net.exchange import Operation

_log = logging.getLogger("workstation.net.operations")

_PERFORMERS: dict[type[Message], Callable[[Asked], None]] = {
    C_ECHO_RQ: echo.perform,
    C_STORE_RQ: store.perform,
    C_FIND_RQ: find.perform,
    C_GET_RQ: retrieve.get,
    C_MOVE_RQ: retrieve.move,
}


def perform(assoc: Association, operation: Operation) -> None:
    """Answer one request of the peer."""
    performer = _PERFORMERS.get(type(operation.message), normalized.perform)
    try:
        asked = Asked(assoc, operation)
        if not refusal(asked):
            performer(asked)
    except LocalProtocolError as error:
        # the association ended meanwhile, perhaps by the handler's own abort: there is nobody to answer
        _log.debug("%s: the %s is not answered: %s", assoc.name, operation.message.name, error)
    except BaseException:
        # nothing above expected it, such as a handler's sys.exit(); whether an answer has left is not known, and the
        # peer must not wait for ever
        _log.exception("%s: the %s could not be performed", assoc.name, operation.message.name)
        assoc.abort()
    finally:
        operation.end()
