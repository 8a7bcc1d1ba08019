"""Putting DIMSE messages together from the fragments of P-DATA-TF PDUs (PS3.8 Annex E, PS3.7 section 6.3).

Pure but for the sinks it is given: fragments go in, whole messages come out. Command sets and identifiers are
collected in memory under a limit; the data set of a C-STORE-RQ goes to a sink, fragment by fragment, if somebody
offers one or when it grows too large, so that memory stays flat for an object of any size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple, Protocol

from workstation.net.codec.dimse import C_STORE_RQ, Message, decode_command
from workstation.net.codec.pdu import iter_pdvs, parse_pdv_header
from workstation.net.errors import AbortReason, RemoteProtocolError


class DataSink(Protocol):
    """Where the data set of a C-STORE-RQ goes while it arrives.

    A sink keeps errors of the disk to itself and tells the handler: nothing it does may end the association.
    If it also has `write_all`, that is called instead of `write` (`GatheringSink`).
    """

    def write(self, fragment: memoryview) -> None:
        """Take the next bytes; the view is only valid during the call."""

    def finish(self) -> None:
        """The last fragment has been written."""

    def discard(self) -> None:
        """The rest will never come, or nobody wants it."""


class GatheringSink(DataSink, Protocol):
    """A sink that takes what comes in one read with one call."""

    def write_all(self, fragments: Sequence[memoryview]) -> None:
        """Take the next bytes; the views are only valid during the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssemblyLimits:
    """Largest sizes in bytes of what a peer may send, and of a C-STORE-RQ's data set that is held in memory."""

    command_set: int = 64 * 1024
    identifier: int = 16 * 1024 * 1024
    data_set: int = 4 * 1024 * 1024 * 1024
    memory: int = 256 * 1024 * 1024


class Incoming(NamedTuple):
    """A whole message, and the sink that has its data set, if one was offered."""

    message: Message
    sink: DataSink | None


def _give(sink: DataSink, fragments: Sequence[memoryview]) -> None:
    """Give fragments in a row to a sink."""
    together = getattr(sink, "write_all", None)
    if together is not None:
        together(fragments)
    else:
        for fragment in fragments:
            sink.write(fragment)


class Assembler:
    """The receiving half of the DIMSE message exchange of one association.

    Args:
        accepts: Whether a Presentation Context ID was accepted.
        open_sink: Asked for a sink when the command set of a C-STORE-RQ is complete.
        spool: Makes the sink of a data set that nobody offered one for and that is too large for memory.
        limits: What a peer may send at most.
    """

    def __init__(
        self,
        accepts: Callable[[int], bool],
        open_sink: Callable[[C_STORE_RQ], DataSink | None],
        spool: Callable[[C_STORE_RQ], DataSink],
        limits: AssemblyLimits | None = None,
    ) -> None:
        self._accepts = accepts
        self._open_sink = open_sink
        self._spool = spool
        self._limits = limits or AssemblyLimits()
        self._context_id: int | None = None
        self._command = bytearray()
        self._message: Message | None = None
        self._data = BytesIO()
        self._size = 0
        self._sink: DataSink | None = None

    def feed(self, bodies: Iterable[memoryview]) -> Iterator[Incoming]:
        """Take the bodies of P-DATA-TFs in a row; yield each message that is now whole.

        Raises:
            RemoteProtocolError: The fragments break the rules; the association has to be aborted.
        """
        row: list[memoryview] = []  # fragments in the midst of a data set, for its sink
        for body in bodies:
            if self._sink is not None:
                length, context_id, control = parse_pdv_header(body)
                if not control & 3 and context_id == self._context_id and length + 4 == len(body):
                    row.append(body[6:])
                    continue
            for context_id, control, fragment in iter_pdvs(body):
                if context_id != self._context_id:
                    self._begin(context_id)
                if control & 1:
                    done = self._command_fragment(fragment, control)
                else:
                    row.append(fragment)
                    done = self._data_fragments(row, control)
                    row = []
                if done is not None:
                    yield done
        if row:
            self._data_fragments(row, 0)

    def _begin(self, context_id: int) -> None:
        """The first fragment of a message came on this presentation context."""
        if self._context_id is not None:
            raise RemoteProtocolError(
                f"a fragment on presentation context {context_id} came within a message on "
                f"{self._context_id} (PS3.8 Annex E.1)",
                AbortReason.UNEXPECTED_PDU_PARAMETER,
            )
        if not self._accepts(context_id):
            raise RemoteProtocolError(
                f"a message came on presentation context {context_id}, which was not accepted",
                AbortReason.INVALID_PDU_PARAMETER_VALUE,
            )
        self._context_id = context_id

    def _command_fragment(self, fragment: memoryview, control: int) -> Incoming | None:
        if self._message is not None:
            raise RemoteProtocolError(
                "a command fragment came where the data set was due (PS3.8 Annex E.1)",
                AbortReason.UNEXPECTED_PDU_PARAMETER,
            )
        if len(self._command) + len(fragment) > self._limits.command_set:
            raise RemoteProtocolError(
                f"the command set is longer than {self._limits.command_set} bytes",
                AbortReason.INVALID_PDU_PARAMETER_VALUE,
            )
        if self._command or not control & 2:
            self._command += fragment
            if not control & 2:
                return None
            command, self._command = bytes(self._command), bytearray()
        else:
            command = bytes(fragment)  # it is whole, as a rule
        assert self._context_id is not None
        message = decode_command(command, self._context_id)
        if not message.has_data_set:
            self._context_id = None
            return Incoming(message, None)
        self._message = message
        if isinstance(message, C_STORE_RQ):
            self._sink = self._open_sink(message)
        return None

    def _data_fragments(self, fragments: list[memoryview], control: int) -> Incoming | None:
        """Take fragments in a row; `control` is the last one's."""
        message = self._message
        if message is None:
            raise RemoteProtocolError(
                "a data set fragment came without a command set (PS3.8 Annex E.1)",
                AbortReason.UNEXPECTED_PDU_PARAMETER,
            )
        self._size += sum(map(len, fragments))
        limit = self._limits.data_set if isinstance(message, C_STORE_RQ) else self._limits.identifier
        if self._size > limit:
            raise RemoteProtocolError(
                f"the data set of the {message.name} is longer than {limit} bytes",
                AbortReason.INVALID_PDU_PARAMETER_VALUE,
            )
        if self._sink is None and self._size > self._limits.memory and isinstance(message, C_STORE_RQ):
            self._sink = self._spool(message)
            self._sink.write(self._data.getbuffer())
            self._data = BytesIO()
        if self._sink is not None:
            _give(self._sink, fragments)
        else:
            self._data.writelines(fragments)
        if not control & 2:
            return None
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.finish()
            whole = message
        else:
            whole = message.with_data(self._data.getvalue())  # without a copy
            self._data = BytesIO()
        self._message = self._context_id = None
        self._size = 0
        return Incoming(whole, sink)

    def end(self) -> None:
        """The association is over: what has not arrived whole is discarded."""
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.discard()
        self._message = None
        self._data = BytesIO()
        self._command = bytearray()
