"""Either end of associations, which negotiates and reports what a test says; it is made for pynetdicom.

See `pynetdicom_process` for how it is called.
"""

from __future__ import annotations

import importlib
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


class Program:
    """Both roles, as a test describes them; its public methods are what a test calls."""

    def __init__(self, package: str, title: str) -> None:
        self.net = importlib.import_module(package)
        self.config: Any = importlib.import_module(f"{package}._config")
        self.pdu_primitives = importlib.import_module(f"{package}.pdu_primitives")
        self.title = title
        self.heard: list[dict[str, Any]] = []

    def take(self) -> list[dict[str, Any]]:
        """What the servers' handlers have been told since the last time."""
        heard, self.heard = self.heard, []
        return heard

    def _entity(self, title: str, settings: dict[str, Any]) -> Any:
        ae = self.net.AE(title)
        for name, value in settings.items():
            setattr(ae, name, value)
        return ae

    # ------------------------------------------------------------------- acceptor
    def serve(
        self,
        contexts: list[Any],
        answers: dict[str, Any] | None = None,
        ae: dict[str, Any] | None = None,
        unrestricted: bool = False,
    ) -> int:
        """Start a server that runs as long as the process; its port.

        Args:
            contexts: Of each the abstract syntax, transfer syntaxes, and whether it allows the SCU and SCP roles.
            answers: Of the handlers "user", "extended", "common" and "window", or "raise"; others are not there.
            ae: Attributes of the AE.
            unrestricted: Whether storage is; from now on so for all servers.
        """
        evt = self.net.evt
        self.config.UNRESTRICTED_STORAGE_SERVICE = unrestricted
        entity = self._entity(self.title, ae or {})
        for uid, syntaxes, scu, scp in contexts:
            entity.add_supported_context(uid, syntaxes, scu_role=scu, scp_role=scp)
        results = answers or {}

        def answered(name: str) -> Any:
            if results[name] == "raise":
                raise ValueError("on purpose")
            return results[name]

        def on_user(event: Any) -> tuple[bool, bytes | None]:
            self._see("user", type=event.user_id_type, primary=_hex(event.primary_field))
            self.heard[-1]["secondary"] = _hex(event.secondary_field)
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
            self.heard[-1]["bytes"] = len(event.request.DataSet.getvalue())
            return 0x0000

        handlers: list[Any] = [(evt.EVT_C_ECHO, on_echo), (evt.EVT_C_STORE, on_store)]
        for name, event, handler in (
            ("user", evt.EVT_USER_ID, on_user),
            ("extended", evt.EVT_SOP_EXTENDED, on_extended),
            ("common", evt.EVT_SOP_COMMON, on_common),
            ("window", evt.EVT_ASYNC_OPS, on_window),
        ):
            if name in results:
                handlers.append((event, handler))
        server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        return int(server.server_address[1])

    def _see(self, event: str, **what: Any) -> None:
        self.heard.append({"event": event, **what})

    # ------------------------------------------------------------------- requestor
    def associate(
        self,
        port: int,
        contexts: list[Any],
        roles: list[Any] | None = None,
        items: list[Any] | None = None,
        acts: list[Any] | None = None,
        title: str = "",
        called: str = "OURS",
        max_pdu: int = 16382,
    ) -> dict[str, Any]:
        """Ask for an association, use it, release it; what became of it.

        Args:
            port: The acceptor's.
            contexts: Of each the abstract syntax and transfer syntaxes.
            roles: Of each the SOP class and whether the SCU and SCP roles are proposed.
            items: Other items, each a class of `pdu_primitives` and its attributes, bytes as hexadecimal digits.
            acts: ["echo", 0], or ["store", [SOP class, transfer syntax, size]].
            title: The calling AE title.
            called: The called AE title.
            max_pdu: Longest PDU to receive.
        """
        net, evt = self.net, self.net.evt
        # under load pynetdicom takes its own close after an A-ASSOCIATE-RJ for an abort, so ask what came
        rejections: list[list[int]] = []

        def on_data(event: Any) -> None:
            if event.data[0] == 3:
                rejections.append(list(event.data[7:10]))

        ae = self._entity(title or self.title, {})
        ext_neg = [net.build_role(uid, scu_role=scu, scp_role=scp) for uid, scu, scp in roles or ()]
        ext_neg += [self._item(kind, values) for kind, values in items or ()]
        assoc = ae.associate(
            "127.0.0.1",
            port,
            contexts=[net.build_context(uid, syntaxes) for uid, syntaxes in contexts],
            ae_title=called,
            max_pdu=max_pdu,
            ext_neg=ext_neg,
            evt_handlers=[(evt.EVT_DATA_RECV, on_data)],
        )
        result: dict[str, Any] = {
            "established": assoc.is_established,
            "aborted": assoc.is_aborted,
            "rejection": rejections[0] if rejections else None,
        }
        if assoc.is_established:
            result |= self._negotiated(assoc)
            result["statuses"] = [self._act(assoc, what, value) for what, value in acts or ()]
            assoc.release()
            result["released"] = assoc.is_released
        return result

    def _item(self, kind: str, values: dict[str, Any]) -> Any:
        item = getattr(self.pdu_primitives, kind)()
        for name, value in values.items():
            is_bytes = name in ("primary_field", "secondary_field", "service_class_application_information")
            setattr(item, name, bytes.fromhex(value) if is_bytes else value)
        return item

    @staticmethod
    def _act(assoc: Any, what: str, value: Any) -> int | str | None:
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
    def _negotiated(assoc: Any) -> dict[str, Any]:
        """How this end understands what was negotiated."""
        peer = assoc.requestor if assoc.is_acceptor else assoc.acceptor
        identity = assoc.acceptor.user_identity
        result: dict[str, Any] = {
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
