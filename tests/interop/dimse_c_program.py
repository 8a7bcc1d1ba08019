"""A provider and a user of every DIMSE-C service, written once and run on either package.

See `pynetdicom_process` for how it is called. What a handler does, the request itself says: its data set carries a
script (`SCRIPT`), a list of steps. So each test shows side by side what the provider was made to do and what the user
has to get.

Steps of a script:
    "raise", "abort", "await cancel", "hold" (until `let_go`);
    {"yield": value}: yield it as it is, lists as tuples: the number of sub-operations, or something odd;
    {"to": port}: the destination of a C-MOVE; null for one that is not known;
    {"status": status, "match": keys}: yield a match; {"status": status, "instance": description}: one to be stored;
    {"status": status} alone: for C-STORE and C-ECHO what to return, else yield it without a data set.
"""

from __future__ import annotations

import importlib
import json
import shutil
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from data_sets import data_set, plain, plain_or_none
from dimse_c_objects import NON_PATIENT, SCRIPT, SERVICES, STORED, described
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID, JPEG2000Lossless, JPEGLSLossless, RLELossless

HOST = "127.0.0.1"
PATIENCE = 10.0


class Program:
    """Provider and user on one package; its public methods are what a test calls."""

    def __init__(self, package: str, title: str) -> None:
        self.net = importlib.import_module(package)
        self.sop_class = importlib.import_module(f"{package}.sop_class")
        self.config = importlib.import_module(f"{package}._config")
        self.title = title
        self.heard: list[dict[str, Any]] = []
        self.folder: Path | None = None
        self.echo_script: list[Any] = []
        self.gate = threading.Event()
        evt = self.net.evt
        self.handlers = {
            "echo": (evt.EVT_C_ECHO, self._on_echo),
            "store": (evt.EVT_C_STORE, self._on_store),
            "find": (evt.EVT_C_FIND, self._on_find),
            "get": (evt.EVT_C_GET, self._on_get),
            "move": (evt.EVT_C_MOVE, self._on_move),
        }
        self.servers = {"full": self._serve(self.handlers.values()), "bare": self._serve(())}

    # --------------------------------------------------------------- settings
    def configure(self, **options: Any) -> None:
        """Set options of the package's `_config`."""
        for name, value in options.items():
            if not hasattr(self.config, name):
                raise AttributeError(name)
            setattr(self.config, name, value)

    def keep(self, folder: str | None) -> None:
        """Write what is stored into `folder`."""
        self.folder = Path(folder) if folder else None

    def answer_echo(self, script: list[Any]) -> None:
        """What C-ECHO, which carries no data set, is answered with."""
        self.echo_script = script

    def let_go(self) -> None:
        """End "hold"."""
        self.gate.set()

    def take(self) -> list[dict[str, Any]]:
        """What the handlers heard since the last time."""
        heard, self.heard = self.heard, []
        return heard

    def ports(self) -> dict[str, int]:
        """Of two servers for everything: "full" has all handlers, "bare" has none."""
        return {name: int(server.server_address[1]) for name, server in self.servers.items()}

    # --------------------------------------------------------------- provider
    def _serve(self, handlers: Iterable[Any]) -> Any:
        net = self.net
        ae = net.AE(self.title)
        ae.maximum_associations = 50
        ae.acse_timeout = ae.dimse_timeout = PATIENCE
        for name in SERVICES:
            ae.add_supported_context(getattr(self.sop_class, name))
        # not all 170 in all 45 syntaxes: pynetdicom copies them with each association
        syntaxes = [*net.DEFAULT_TRANSFER_SYNTAXES, RLELossless, JPEGLSLossless, JPEG2000Lossless]
        for name in (*STORED, *NON_PATIENT):
            uid = getattr(self.sop_class, name)
            ae.add_supported_context(uid, syntaxes, scu_role=True, scp_role=True)
        return ae.start_server((HOST, 0), block=False, evt_handlers=list(handlers))

    def close(self) -> None:
        """Stop the servers."""
        self.gate.set()
        for server in self.servers.values():
            server.shutdown()

    def _hear(self, service: str, event: Any, **more: Any) -> None:
        self.heard.append({"service": service, "message_id": event.message_id, **more})

    def _step(self, step: Any, event: Any) -> bool:
        """Do a step that has no result; whether it was one."""
        match step:
            case "raise":
                raise RuntimeError("as the script says")
            case "abort":
                event.assoc.abort()
            case "hold":
                self.gate.clear()
                self.gate.wait(PATIENCE)
            case "await cancel":
                end = time.monotonic() + PATIENCE
                while not event.is_cancelled:
                    if time.monotonic() > end:
                        raise TimeoutError("no C-CANCEL came")
                    time.sleep(0.001)  # the documented API has no event to wait for
            case _:
                return False
        return True

    def _status(self, value: Any) -> Any:
        return data_set(value) if isinstance(value, dict) else value

    def _returned(self, script: list[Any], event: Any) -> Any:
        for step in script:
            if not self._step(step, event):
                return self._status(step["status"])
        return 0x0000

    def _on_echo(self, event: Any) -> Any:
        self._hear("echo", event)
        return self._returned(self.echo_script, event)

    def _on_store(self, event: Any) -> Any:
        ds, request = event.dataset, event.request
        self._hear(
            "store",
            event,
            uid=str(request.AffectedSOPInstanceUID),
            sop_class=str(request.AffectedSOPClassUID),
            syntax=str(event.context.transfer_syntax),
            priority=request.Priority,
            originator=[request.MoveOriginatorApplicationEntityTitle, request.MoveOriginatorMessageID],
            elements=[e.keyword or str(e.tag) for e in ds],
            from_file=bool(self.config.STORE_RECV_CHUNKED_DATASET),
        )
        if self.folder:
            path = self.folder / f"{request.AffectedSOPInstanceUID}.dcm"
            if self.config.STORE_RECV_CHUNKED_DATASET:
                shutil.copyfile(event.dataset_path, path)
            else:
                path.write_bytes(event.encoded_dataset())
        comments = str(ds.get(SCRIPT, ""))
        return self._returned(json.loads(comments) if comments.startswith("[") else [], event)

    def _on_find(self, event: Any) -> Any:
        return self._played("find", event)

    def _on_get(self, event: Any) -> Any:
        return self._played("get", event)

    def _on_move(self, event: Any) -> Any:
        return self._played("move", event, destination=event.move_destination)

    def _played(self, service: str, event: Any, **more: Any) -> Any:
        identifier = event.identifier
        script = json.loads(identifier.pop(SCRIPT).value if SCRIPT in identifier else "[]")
        self._hear(
            service,
            event,
            sop_class=str(event.request.AffectedSOPClassUID),
            priority=event.request.Priority,
            identifier=plain(identifier),
            **more,
        )
        return None if script is None else self._yielded(script, event)

    def _yielded(self, script: list[Any], event: Any) -> Iterator[Any]:
        for step in script:
            if self._step(step, event):
                continue
            match step:
                case {"yield": value}:
                    yield tuple(value) if isinstance(value, list) else value
                case {"to": None}:
                    yield None, None
                case {"to": number}:
                    classes = {s["instance"]["class"] for s in script if isinstance(s, dict) and "instance" in s}
                    contexts = [self.net.build_context(self._uid(name)) for name in sorted(classes)]
                    contexts = contexts or [self.net.build_context(self.sop_class.Verification)]
                    yield HOST, number, {"contexts": contexts, "ae_title": event.move_destination}
                case {"status": status, "match": "unencodable"}:
                    ds = Dataset()
                    with warnings.catch_warnings(action="ignore"):
                        ds.add_new(0x00280010, "US", 70000)
                    yield self._status(status), ds
                case {"status": status, "match": keys}:
                    yield self._status(status), data_set(keys)
                case {"status": status, "instance": description}:
                    yield self._status(status), described(description, self._uid(description["class"]))
                case {"status": status}:
                    yield self._status(status), None
                case _:
                    raise ValueError(f"not a step: {step}")

    # ------------------------------------------------------------------- user
    def _uid(self, name: str) -> UID:
        uid: UID = UID(name) if name[0].isdigit() else getattr(self.sop_class, name)
        return uid

    def _associate(self, number: int, contexts: list[Any], **options: Any) -> Any:
        ae = self.net.AE(self.title)
        ae.acse_timeout = PATIENCE
        ae.dimse_timeout = options.pop("timeout", PATIENCE)
        assoc = ae.associate(HOST, number, contexts, **options)
        if not assoc.is_established:
            raise ConnectionError("the association was not established")
        return assoc

    def _end(self, assoc: Any) -> str:
        if assoc.is_established:
            assoc.release()
        # pynetdicom tells of an abort in its own time
        assoc.join(PATIENCE)
        return "released" if assoc.is_released else "aborted" if assoc.is_aborted else "?"

    def echo(self, number: int, msg_id: int = 1, times: int = 1, timeout: float = PATIENCE) -> dict[str, Any]:
        """C-ECHO: the statuses."""
        assoc = self._associate(number, [self.net.build_context(self.sop_class.Verification)], timeout=timeout)
        statuses = [plain(assoc.send_c_echo(msg_id + i)) for i in range(times)]
        return {"statuses": statuses, "end": self._end(assoc)}

    def store(
        self,
        number: int,
        objects: list[Any],
        syntaxes: list[str] | None = None,
        read: bool = True,
        timeout: float = PATIENCE,
        **options: Any,
    ) -> dict[str, Any]:
        """C-STORE: the statuses, or the name of what was raised.

        Args:
            number: The port.
            objects: Files' paths, or descriptions.
            syntaxes: Transfer syntaxes to propose, each in a context of its own; by default the object's.
            read: Whether paths are read here; else they are passed on as they are.
            timeout: DIMSE timeout.
            options: Of `send_c_store`.
        """
        sent: list[tuple[Any, UID, UID]] = []
        for item in objects:
            if isinstance(item, str) and not read:
                meta = read_file_meta_info(item)
                sent.append((item, meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID))
            else:
                ds = dcmread(item) if isinstance(item, str) else described(item, self._uid(item["class"]))
                sent.append((ds, ds.SOPClassUID, ds.file_meta.TransferSyntaxUID))
        wanted = {(uid, syntax) for _, uid, own in sent for syntax in (syntaxes or [own])}
        assoc = self._associate(number, [self.net.build_context(*pair) for pair in sorted(wanted)], timeout=timeout)
        result: list[Any] = []
        for ds, _, _ in sent:
            try:
                result.append(plain(assoc.send_c_store(ds, **options)))
            except (AttributeError, RuntimeError, ValueError) as error:
                result.append(type(error).__name__)
        return {"statuses": result, "end": self._end(assoc)}

    def ask(
        self,
        service: str,
        number: int,
        model: str,
        script: list[Any] | None,
        keys: dict[str, Any] | None = None,
        msg_id: int = 1,
        priority: int = 2,
        cancel_after: int = 0,
        destination: str = "DESTINATION",
        storage: list[str] | None = None,
        roles: list[bool] | None = None,
        receive: bool = True,
        times: int = 1,
        timeout: float = PATIENCE,
    ) -> dict[str, Any]:
        """C-FIND, C-GET or C-MOVE: each response's status and identifier, and how the association ended.

        Args:
            service: "find", "get" or "move".
            number: The port.
            model: Name of the SOP class.
            script: For the provider.
            keys: The Identifier.
            msg_id: Message ID.
            priority: Priority.
            cancel_after: Send a C-CANCEL after so many responses.
            destination: Move Destination.
            storage: Names of the storage classes that may come, for C-GET.
            roles: Whether their SCU and SCP roles are proposed; empty: no role selection.
            receive: Whether there is a handler for them.
            times: How often to ask, on one association.
            timeout: DIMSE timeout.
        """
        net, uid = self.net, self._uid(model)
        contexts = [net.build_context(uid), *(net.build_context(self._uid(name)) for name in storage or ())]
        proposed = [False, True] if roles is None else roles
        items = [net.build_role(self._uid(name), *proposed) for name in storage or ()] if proposed else []
        assoc = self._associate(
            number,
            contexts,
            timeout=timeout,
            ext_neg=items,
            evt_handlers=[self.handlers["store"]] if receive else [],
        )
        identifier = data_set(keys or {})
        setattr(identifier, SCRIPT, json.dumps(script))
        options: dict[str, Any] = {"query_model": uid, "msg_id": msg_id, "priority": priority}
        if service == "move":
            options["move_aet"] = destination
        responses = []
        for _ in range(times):
            for status, found in getattr(assoc, f"send_c_{service}")(identifier, **options):
                responses.append([plain(status), plain_or_none(found)])
                if len(responses) == cancel_after:
                    assoc.send_c_cancel(msg_id, query_model=uid)
        return {"responses": responses, "end": self._end(assoc)}
