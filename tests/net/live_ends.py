"""Ends of live associations that tests about them share: an acceptor by hand, an ear for events, data sets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID
from raw_peer import IMPLICIT, RawPeer

from workstation.net import AE, evt
from workstation.net.association import Association
from workstation.net.codec.pdu import PDU
from workstation.net.listener import AssociationServer
from workstation.net.sop_class import CTImageStorage, Verification

NOTIFICATIONS: list[Any] = [
    event for name in dir(evt) if name.startswith("EVT_") and (event := getattr(evt, name)).is_notification
]


class Ear:
    """Hears notification events; `until` waits for one."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self._changed = threading.Condition()

    def __call__(self, event: Any) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def handlers(self, *events: Any) -> list[Any]:
        """For `evt_handlers`; by default of every notification event."""
        return [(event, self) for event in events or NOTIFICATIONS]

    def of(self, event: Any) -> list[Any]:
        """Every one of a kind that has been heard."""
        with self._changed:
            return [heard for heard in self.events if heard.event is event]

    def until(self, event: Any, seconds: float = 15.0) -> Any:
        """The first of a kind."""
        with self._changed:
            heard = [one.event.name for one in self.events]
            assert self._changed.wait_for(lambda: any(one.event is event for one in self.events), seconds), heard
            return next(one for one in self.events if one.event is event)

    def until_all(self, event: Any, wanted: Callable[[Any], bool], count: int, seconds: float = 15.0) -> list[Any]:
        """Those of a kind that are wanted, once there are so many."""

        def found() -> list[Any]:
            return [one for one in self.events if one.event is event and wanted(one)]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= count, seconds), self.events
            return found()


class ByHand:
    """A listener whose conversation is a function; runs it for one connection, and says what went wrong in it."""

    def __init__(self, conversation: Callable[[RawPeer], object]) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self._conversation = conversation
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="job-by-hand")
        self._thread.start()

    def _run(self) -> None:
        try:
            self.socket.settimeout(15)
            with RawPeer(self.socket.accept()[0]) as peer:
                self._conversation(peer)
        except BaseException as error:
            self._failure = error

    def __enter__(self) -> ByHand:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.join(20)
        self.socket.close()
        assert not self._thread.is_alive()
        if self._failure is not None and error is None:
            raise self._failure


def ask(where: AssociationServer | ByHand | int, *uids: str, ae: AE | None = None, **options: Any) -> Association:
    """An association of ours; by default proposes Verification."""
    scu = ae or AE("SCU")
    if uids or not scu.requested_contexts:
        for uid in uids or (Verification,):
            scu.add_requested_context(uid, IMPLICIT)
    if isinstance(where, ByHand):
        where = where.port
    return scu.associate("127.0.0.1", where if isinstance(where, int) else where.server_address[1], **options)


def only(server: AssociationServer) -> Association:
    """The one association that a server has."""
    (assoc,) = server.active_associations
    return assoc


def image(size: int = 100, sop_class: str = CTImageStorage, syntax: str = IMPLICIT) -> Dataset:
    """An object to store."""
    data_set = keys(SOPClassUID=sop_class, SOPInstanceUID="1.2.3", PatientComments="x" * size)
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = UID(syntax)
    return data_set


def keys(**values: Any) -> Dataset:
    """An Identifier."""
    data_set = Dataset()
    for keyword, value in (values or {"PatientID": "*"}).items():
        setattr(data_set, keyword, value)
    return data_set


def storing(into: list[Any], what: Callable[[Any], Any]) -> Any:
    """What is bound for C-STORE: keeps something of each event, and answers Success."""

    def on_store(event: Any) -> int:
        into.append(what(event))
        return 0x0000

    return evt.EVT_C_STORE, on_store


def pdus_of(ear: Ear, kind: type[PDU], count: int = 1, event: Any = evt.EVT_PDU_SENT) -> list[Any]:
    """The PDUs of a kind, once so many have been heard of."""
    return [heard.pdu for heard in ear.until_all(event, lambda heard: isinstance(heard.pdu, kind), count)]
