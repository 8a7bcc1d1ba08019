"""An archive in memory that serves C-STORE, C-FIND, C-GET and C-MOVE, and can itself send; it is made for pynetdicom.

See `pynetdicom_process` for how it is called. Its identifiers match by Patient ID alone, or match everything.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset


class Program:
    """The archive; its public methods are what a test calls."""

    def __init__(self, package: str, title: str) -> None:
        self.net = importlib.import_module(package)
        self.verification = importlib.import_module(f"{package}.sop_class").Verification
        self.title = title
        self.kept: dict[str, Dataset] = {}
        self.destination = 0

    def serve(self, destination: int) -> int:
        """Start its server; the port. C-MOVE goes to the port `destination`, whatever its title."""
        net, evt = self.net, self.net.evt
        self.destination = destination
        ae = net.AE(self.title)
        ae.add_supported_context(self.verification)
        for context in net.AllStoragePresentationContexts:
            ae.add_supported_context(context.abstract_syntax, net.ALL_TRANSFER_SYNTAXES, scu_role=True, scp_role=True)
        for context in net.QueryRetrievePresentationContexts:
            ae.add_supported_context(context.abstract_syntax)
        handlers = [
            (evt.EVT_C_STORE, self._on_store),
            (evt.EVT_C_FIND, self._on_find),
            (evt.EVT_C_GET, self._on_get),
            (evt.EVT_C_MOVE, self._on_move),
        ]
        server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        return int(server.server_address[1])

    def send(self, port: int, paths: list[str]) -> dict[str, Any]:
        """C-ECHO, then C-STORE of these files, on one association: the status codes."""
        ae = self.net.AE(self.title)
        ae.add_requested_context(self.verification)
        found = [dcmread(path) for path in paths]
        for ds in found:
            ae.add_requested_context(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID)
        assoc = ae.associate("127.0.0.1", port)
        if not assoc.is_established:
            raise ConnectionError("the association was not established")
        codes = [assoc.send_c_echo().Status, *(assoc.send_c_store(ds).Status for ds in found)]
        assoc.release()
        return {"codes": codes, "released": assoc.is_released}

    def _matches(self, identifier: Dataset) -> list[Dataset]:
        wanted = str(identifier.get("PatientID", "")) or "*"
        return [ds for ds in self.kept.values() if wanted in ("*", ds.PatientID)]

    def _on_store(self, event: Any) -> int:
        ds = event.dataset
        ds.file_meta = event.file_meta
        self.kept[ds.SOPInstanceUID] = ds
        return 0x0000

    def _on_find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        for ds in self._matches(event.identifier):
            if event.is_cancelled:
                yield 0xFE00, None
                return
            answer = Dataset()
            answer.QueryRetrieveLevel = event.identifier.QueryRetrieveLevel
            answer.PatientID = ds.PatientID
            answer.StudyInstanceUID = ds.StudyInstanceUID
            yield 0xFF00, answer

    def _on_get(self, event: Any) -> Iterator[Any]:
        found = self._matches(event.identifier)
        yield len(found)
        for ds in found:
            yield 0xFF00, ds

    def _on_move(self, event: Any) -> Iterator[Any]:
        found = self._matches(event.identifier)
        kinds = sorted({(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID) for ds in found})
        yield "127.0.0.1", self.destination, {"contexts": [self.net.build_context(*kind) for kind in kinds]}
        yield from self._on_get(event)
