"""A provider and a user of every DIMSE-N service, written once and run on either package.

See `pynetdicom_process` for how it is called, and `dimse_n_provider` for what is answered.
"""

from __future__ import annotations

import importlib
import queue
import threading
import traceback
from collections.abc import Iterator
from typing import Any

from data_sets import Plain, data_set, plain, plain_or_none
from dimse_n_provider import SERVICES, Provider, Report, undecodable
from pydicom.dataset import Dataset
from pydicom.tag import Tag

PATIENCE = 10.0
DATA = {
    "N-CREATE": "attribute_list",
    "N-SET": "modification_list",
    "N-ACTION": "action_information",
    "N-EVENT-REPORT": "event_information",
}
KIND = {"N-ACTION": "action_type", "N-EVENT-REPORT": "event_type"}


class Program:
    """Provider and user on one package; its public methods are what a test calls."""

    def __init__(self, package: str, title: str) -> None:
        self._library = importlib.import_module(package)
        self._uids = {name: getattr(importlib.import_module(f"{package}.sop_class"), name) for name in SERVICES}
        self._names = {str(uid): name for name, uid in self._uids.items()}
        self._title = title
        self._heard: queue.Queue[Plain] = queue.Queue()
        self._provider = Provider()
        self._due: dict[tuple[int, int], Report] = {}
        self._reporters: list[threading.Thread] = []
        evt = self._library.evt
        self._services = {
            evt.EVT_N_CREATE: "N-CREATE",
            evt.EVT_N_SET: "N-SET",
            evt.EVT_N_GET: "N-GET",
            evt.EVT_N_ACTION: "N-ACTION",
            evt.EVT_N_EVENT_REPORT: "N-EVENT-REPORT",
            evt.EVT_N_DELETE: "N-DELETE",
        }
        handlers: list[tuple[Any, ...]] = [(event, self._serve, [service]) for event, service in self._services.items()]
        handlers += [(evt.EVT_C_FIND, self._find), (evt.EVT_DIMSE_SENT, self._sent)]
        ae = self._ae(title)
        for uid in self._uids.values():
            ae.add_supported_context(uid, scu_role=True, scp_role=True)
        self._servers = {
            "full": ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers),
            "bare": ae.start_server(("127.0.0.1", 0), block=False),
        }

    def ports(self) -> dict[str, int]:
        """Of two servers for everything: "full" has all handlers, "bare" has none."""
        return {name: int(server.server_address[1]) for name, server in self._servers.items()}

    def hear(self) -> Plain:
        """The next thing that the servers heard or did."""
        return self._heard.get(timeout=PATIENCE)

    def take(self) -> list[Plain]:
        """What they heard or did since the last time."""
        heard = []
        while not self._heard.empty():
            heard.append(self._heard.get())
        return heard

    def close(self) -> None:
        """End the servers and whatever still reports."""
        for thread in self._reporters:
            thread.join(PATIENCE)
        for server in self._servers.values():
            server.shutdown()

    def _ae(self, title: str) -> Any:
        ae = self._library.AE(title)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = PATIENCE
        return ae

    # ------------------------------------------------------------------- as provider
    def _serve(self, event: Any, service: str) -> Any:
        heard, status, reply, report = self._answered(event, service)
        self._heard.put(heard)
        if report is not None:
            self._due[id(event.assoc), event.message_id] = report
        return status if service == "N-DELETE" else (status, reply)

    def _answered(self, event: Any, service: str) -> tuple[Plain, Any, Dataset | None, Report | None]:
        """What was heard, and the answer to it."""
        request = event.request
        uid = getattr(request, "RequestedSOPClassUID", None) or request.AffectedSOPClassUID
        instance = getattr(request, "RequestedSOPInstanceUID", None) or request.AffectedSOPInstanceUID
        context = self._names[event.context.abstract_syntax]
        heard: Plain = {
            "service": service,
            "class": self._names[uid],
            "instance": None if instance is None else str(instance),
            "context": context,
            "id": event.message_id,
        }
        data = getattr(event, DATA[service]) if service in DATA else Dataset()
        kind = getattr(event, KIND[service]) if service in KIND else None
        if service in DATA:
            heard["data"] = plain(data)
        if service in KIND:
            heard["type"] = kind
        if service == "N-GET":
            heard["tags"] = [int(tag) for tag in event.attribute_identifiers]
            for tag in event.attribute_identifiers:
                data.add_new(tag, "UN", b"")
        answer = self._provider.answer(service, context, self._names[uid], heard["instance"], kind, data)
        return heard, *answer

    def _find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        self._heard.put({"service": "C-FIND", "context": self._names[event.context.abstract_syntax]})
        for match in self._provider.find(event.identifier):
            yield 0xFF00, match

    def _sent(self, event: Any) -> None:
        """Report what was put off until the response was out."""
        number = getattr(event.message.command_set, "MessageIDBeingRespondedTo", None)
        report = None if number is None else self._due.pop((id(event.assoc), number), None)
        if report is not None:
            thread = threading.Thread(target=self._report, args=(event.assoc, report), name="job-report")
            self._reporters.append(thread)
            thread.start()

    def _report(self, assoc: Any, report: Report) -> None:
        """Report an event: where the request came from, or to the port that is in its AE title."""
        uid = self._uids[report.sop_class]
        digits = assoc.requestor.ae_title.removeprefix("PORT")
        accepted = {self._names[c.abstract_syntax]: c.abstract_syntax for c in assoc.accepted_contexts}
        meta = accepted.get(report.via or next((name for name in accepted if "Meta" in name), ""))
        how = "same"
        if digits.isdigit():
            how, meta = "new", None
            ae = self._ae(self._title)
            ae.add_requested_context(uid)
            roles = [self._library.build_role(uid, scu_role=False, scp_role=True)]
            assoc = ae.associate("127.0.0.1", int(digits), ext_neg=roles)
        try:
            status, reply = assoc.send_n_event_report(
                report.data, report.event_type, uid, report.instance, msg_id=5, meta_uid=meta
            )
            self._heard.put({"service": "reported", "how": how, "answer": _answer(status, reply)})
            if how == "new":
                assoc.release()
        except Exception:
            self._heard.put({"service": "reported", "how": how, "answer": traceback.format_exc()})

    # ------------------------------------------------------------------- as user
    def ask(
        self,
        port: int,
        contexts: list[str],
        steps: list[Plain],
        title: str = "",
        syntaxes: list[str] | None = None,
        roles: dict[str, list[bool]] | None = None,
        max_pdu: int = 16382,
    ) -> Plain:
        """Make an association and take steps; what was answered to each of them.

        Args:
            port: The provider's.
            contexts: Names of SOP classes.
            steps: Each is "do" with "class", "instance", "via", "type", "data", "tags", "id".
            title: The calling AE title.
            syntaxes: Transfer syntaxes of the contexts.
            roles: Whether the SCU and SCP roles are proposed, by the SOP class's name.
            max_pdu: Longest PDU to receive.
        """
        evt = self._library.evt
        events: list[Plain] = []
        created: list[str] = []
        done: queue.Queue[Plain] = queue.Queue()

        def on_report(event: Any) -> tuple[Any, Dataset | None]:
            heard, status, reply, _ = self._answered(event, "N-EVENT-REPORT")
            events.append(heard)
            return status, reply

        def on_message(event: Any) -> None:
            if type(event.message).__name__ == "N_CREATE_RSP":
                created.append(str(event.message.command_set.get("AffectedSOPInstanceUID", "")))

        def on_sent(event: Any) -> None:
            if type(event.message).__name__ == "N_EVENT_REPORT_RSP":
                done.put(events.pop(0))

        ae = self._ae(title or self._title)
        for name in contexts:
            ae.add_requested_context(self._uids[name], syntaxes)
        assoc = ae.associate(
            "127.0.0.1",
            port,
            max_pdu=max_pdu,
            ext_neg=[self._library.build_role(self._uids[name], *both) for name, both in (roles or {}).items()],
            evt_handlers=[
                (evt.EVT_N_EVENT_REPORT, on_report),
                (evt.EVT_DIMSE_SENT, on_sent),
                (evt.EVT_DIMSE_RECV, on_message),
            ],
        )
        if not assoc.is_established:
            return {"end": "not established"}
        accepted = [self._names[context.abstract_syntax] for context in assoc.accepted_contexts]
        answers = [done.get(timeout=PATIENCE) if s["do"] == "WAIT" else self._step(assoc, s) for s in steps]
        assoc.release()
        end = "released" if assoc.is_released else "aborted"
        return {"contexts": accepted, "answers": answers, "created": created, "end": end}

    def _step(self, assoc: Any, step: Plain) -> Any:
        data = step.get("data")
        if data is not None:
            data = undecodable() if data == "undecodable" else data_set(data)
        uid, instance, kind = self._uids[step["class"]], step.get("instance"), step.get("type")
        options = {"msg_id": step.get("id", 1)}
        if step["do"] == "C-FIND":
            return [_answer(*pair) for pair in assoc.send_c_find(data, uid, **options)]
        if "via" in step:
            options["meta_uid"] = self._uids[step["via"]]
        try:
            match step["do"]:
                case "N-CREATE":
                    answer = assoc.send_n_create(data, uid, instance, **options)
                case "N-SET":
                    answer = assoc.send_n_set(data, uid, instance, **options)
                case "N-GET":
                    answer = assoc.send_n_get([Tag(t) for t in step.get("tags", [])], uid, instance, **options)
                case "N-ACTION":
                    answer = assoc.send_n_action(data, kind, uid, instance, **options)
                case "N-EVENT-REPORT":
                    answer = assoc.send_n_event_report(data, kind, uid, instance, **options)
                case _:
                    answer = assoc.send_n_delete(uid, instance, **options), None
        except ValueError:
            return "ValueError"
        return _answer(*answer)


def _answer(status: Dataset, reply: Dataset | None) -> list[Plain | None]:
    return [plain(status), plain_or_none(reply)]
