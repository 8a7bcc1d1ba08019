"""pynetdicom as a process that does what a test tells it, as either end of associations; it lives for many of them.

Run as a program it reads one JSON command a line and answers each with one line; imported, it is the test's half of
that: `PynetdicomEnd`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import TracebackType
from typing import Any

Answer = dict[str, Any]


class PynetdicomEnd:
    """The process; each method is one command."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )

    def serve(self, **how: Any) -> int:
        """Start a server that runs as long as the process; its port. What is unrestricted is so for all of them."""
        number: int = self._ask("serve", how)["port"]
        return number

    def associate(self, port: int, **how: Any) -> Answer:
        """Ask for an association, use it, release it; what became of it."""
        return self._ask("associate", {"port": port, **how})

    def seen(self) -> list[Answer]:
        """What the servers' handlers have been told since the last time."""
        found: list[Answer] = self._ask("seen", {})["events"]
        return found

    def _ask(self, what: str, how: Answer) -> Answer:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": what, **how}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"pynetdicom ended with {self._process.wait(5)}"
        answer: Answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer

    def __enter__(self) -> PynetdicomEnd:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._process.stdout.close()


# --------------------------------------------------------------------------- in the process
def _main() -> None:
    """Obey until there are no more commands."""
    import traceback

    peer = _Peer()
    commands = {"serve": peer.serve, "associate": peer.associate, "seen": peer.take_seen}
    for line in sys.stdin:
        how = json.loads(line)
        try:
            answer = commands[how.pop("do")](how)
        except Exception:
            answer = {"error": traceback.format_exc()}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    os._exit(0)  # its servers look only twice a second whether to end


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


class _Peer:
    """Both roles of pynetdicom."""

    def __init__(self) -> None:
        self.seen: list[Answer] = []

    def take_seen(self, _: Answer) -> Answer:
        events, self.seen = self.seen, []
        return {"events": events}

    @staticmethod
    def _entity(how: Answer, title: str) -> Any:
        from pynetdicom import AE

        ae = AE(how.get("title", title))
        for name, value in how.get("ae", {}).items():
            setattr(ae, name, value)
        return ae

    # ------------------------------------------------------------------- acceptor
    def serve(self, how: Answer) -> Answer:
        from pynetdicom import _config, evt

        _config.UNRESTRICTED_STORAGE_SERVICE = bool(how.get("unrestricted"))
        ae = self._entity(how, "PYNET")
        for uid, syntaxes, scu, scp in how.get("contexts", []):
            ae.add_supported_context(uid, syntaxes, scu_role=scu, scp_role=scp)
        answers = how.get("answers", {})

        def answered(name: str) -> Any:
            if answers[name] == "raise":
                raise ValueError("on purpose")
            return answers[name]

        def on_user(event: Any) -> tuple[bool, bytes | None]:
            self._see("user", type=event.user_id_type, primary=_hex(event.primary_field))
            self.seen[-1]["secondary"] = _hex(event.secondary_field)
            verified, response = answered("user")
            return verified, None if response is None else bytes.fromhex(response)

        def on_extended(event: Any) -> dict[str, bytes]:
            self._see("extended", info={str(uid): info.hex() for uid, info in event.app_info.items()})
            return {uid: bytes.fromhex(info) for uid, info in answered("extended").items()}

        def on_common(event: Any) -> dict[str, Any]:
            self._see(
                "common",
                items={
                    str(uid): [
                        str(item.service_class_uid),
                        [str(name) for name in item.related_general_sop_class_identification],
                    ]
                    for uid, item in event.items.items()
                },
            )
            return {uid: item for uid, item in event.items.items() if uid in answered("common")}

        def on_window(event: Any) -> Any:
            self._see("window", invoked=event.nr_invoked, performed=event.nr_performed)
            return answered("window")

        def on_echo(event: Any) -> int:
            self._see("echo", **self._negotiated(event.assoc))
            return 0x0000

        def on_store(event: Any) -> int:
            self._see("store", sop_class=str(event.request.AffectedSOPClassUID), syntax=str(event.context[2]))
            self.seen[-1]["bytes"] = len(event.request.DataSet.getvalue())
            return 0x0000

        handlers: list[Any] = [(evt.EVT_C_ECHO, on_echo), (evt.EVT_C_STORE, on_store)]
        for name, event, handler in (
            ("user", evt.EVT_USER_ID, on_user),
            ("extended", evt.EVT_SOP_EXTENDED, on_extended),
            ("common", evt.EVT_SOP_COMMON, on_common),
            ("window", evt.EVT_ASYNC_OPS, on_window),
        ):
            if name in answers:
                handlers.append((event, handler))
        server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        return {"port": server.socket.getsockname()[1]}

    def _see(self, event: str, **what: Any) -> None:
        self.seen.append({"event": event, **what})

    # ------------------------------------------------------------------- requestor
    def associate(self, how: Answer) -> Answer:
        from pynetdicom import build_context, build_role, evt

        # under load pynetdicom takes its own close after an A-ASSOCIATE-RJ for an abort, so ask what came
        rejections: list[list[int]] = []

        def on_data(event: Any) -> None:
            if event.data[0] == 3:
                rejections.append(list(event.data[7:10]))

        ae = self._entity(how, "PYNET")
        contexts = [build_context(uid, syntaxes) for uid, syntaxes in how["contexts"]]
        items = [build_role(uid, scu_role=scu, scp_role=scp) for uid, scu, scp in how.get("roles", [])]
        items += [self._item(kind, values) for kind, values in how.get("items", [])]
        assoc = ae.associate(
            "127.0.0.1",
            how["port"],
            contexts=contexts,
            ae_title=how.get("called", "OURS"),
            max_pdu=how.get("max_pdu", 16382),
            ext_neg=items,
            evt_handlers=[(evt.EVT_DATA_RECV, on_data)],
        )
        result: Answer = {
            "established": assoc.is_established,
            "aborted": assoc.is_aborted,
            "rejection": rejections[0] if rejections else None,
        }
        if assoc.is_established:
            result |= self._negotiated(assoc)
            result["statuses"] = [self._act(assoc, what, value) for what, value in how.get("acts", [])]
            assoc.release()
            result["released"] = assoc.is_released
        return result

    @staticmethod
    def _item(kind: str, values: Answer) -> Any:
        from pynetdicom import pdu_primitives

        item = getattr(pdu_primitives, kind)()
        for name, value in values.items():
            is_bytes = name in ("primary_field", "secondary_field", "service_class_application_information")
            setattr(item, name, bytes.fromhex(value) if is_bytes else value)
        return item

    @staticmethod
    def _act(assoc: Any, what: str, value: Any) -> int | str | None:
        from pydicom.dataset import Dataset, FileMetaDataset

        if what == "echo":
            status = assoc.send_c_echo()
        else:
            data_set = Dataset()
            data_set.SOPClassUID, syntax, data_set.TextValue = value[0], value[1], "x" * value[2]
            data_set.SOPInstanceUID = "1.2.3"
            data_set.file_meta = FileMetaDataset()
            data_set.file_meta.TransferSyntaxUID = syntax
            try:
                status = assoc.send_c_store(data_set)
            except ValueError as error:
                return str(error)
        code: int | None = status.get("Status")
        return code

    @staticmethod
    def _negotiated(assoc: Any) -> Answer:
        """How this end understands what was negotiated."""
        peer = assoc.requestor if assoc.is_acceptor else assoc.acceptor
        identity = assoc.acceptor.user_identity
        result: Answer = {
            "accepted": [
                [c.context_id, str(c.abstract_syntax), str(c.transfer_syntax[0]), c.as_scu, c.as_scp]
                for c in assoc.accepted_contexts
            ],
            "refused": [[c.context_id, c.result] for c in assoc.rejected_contexts],
            "title": peer.ae_title,
            "maximum_length": peer.maximum_length,
            "class_uid": _text(peer.implementation_class_uid),
            "version": _text(peer.implementation_version_name),
            "window": list(assoc.acceptor.asynchronous_operations),
            "extended": {str(uid): info.hex() for uid, info in assoc.acceptor.sop_class_extended.items()},
            "items": [type(item).__name__ for item in peer.extended_negotiation],
            "response": _hex(identity.server_response) if identity is not None else "no item",
        }
        if assoc.is_acceptor:
            result["common"] = {
                str(uid): [str(service), [str(name) for name in related]]
                for uid, (service, related) in assoc.acceptor.accepted_common_extended.items()
            }
        return result


if __name__ == "__main__":
    _main()
