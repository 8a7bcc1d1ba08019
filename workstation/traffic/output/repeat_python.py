"""A request as a Python script for `workstation.net`; pynetdicom runs it too once the imports name it.

Whatever a peer wrote gets into the script as a literal that Python itself made (`ascii`), so it can only ever be a
value. A data set is written as assignments that a person can edit, if those give the same bytes again; otherwise as the
bytes themselves. Comments hold words of ours only.
"""

from __future__ import annotations

import math
import warnings
from base64 import b64encode
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from workstation.net.dsutils import decode_in, encoding_of, inflate
from workstation.net.uids import uid_name
from workstation.traffic.contexts import ContextRow
from workstation.traffic.output.repeat_request import Repeatable, harmless

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

__all__ = ["python_script"]

_MOST_ASSIGNED = 8 << 10
_DEEPEST = 8
_MOST_CONTEXTS = 128


class _NotPlain(Exception):  # noqa: N818 - not an error: the data set is written as bytes instead
    """A value that an assignment would not give back."""


def python_script(request: Repeatable) -> str:
    """The script."""
    script = _Script(request)
    return script.text()


class _Script:
    def __init__(self, request: Repeatable) -> None:
        self._request = request
        self._imports = {"from workstation.net import AE"}
        self._more_names: set[str] = set()
        self._remarks = list(dict.fromkeys(request.remarks))

    def text(self) -> str:
        request = self._request
        setup = self._data_set() if request.service != "C-STORE" else self._object()
        ask = self._ask()
        body = [
            f"HOST, PORT = {request.host!a}, {int(request.port)}",
            f"CALLING, CALLED = {request.calling!a}, {request.called!a}",
            "",
            *setup,
            "ae = AE(CALLING)" if request.calling else "ae = AE()",
            *self._contexts(),
            *self._associate(),
            "if not assoc.is_established:",
            '    raise SystemExit("No association: is the peer there, and does it accept us?")',
            *ask,
        ]
        return "\n".join([*self._head(), "", *body]) + "\n"

    def _head(self) -> list[str]:
        names = ", ".join(["AE", *sorted(self._more_names)])
        self._imports.discard("from workstation.net import AE")
        what = harmless(self._request.name)
        if self._request.context is not None:
            name = uid_name(self._request.context.abstract_syntax)
            what = f"{what}, {harmless(name)}" if name else what
        standard = sorted(line for line in self._imports if "pydicom" not in line)
        others = sorted(line for line in self._imports if "pydicom" in line)
        return [
            f"# {what}, asked again.",
            "# With pynetdicom instead: write pynetdicom for workstation.net.",
            *(f"# {harmless(remark)}." for remark in self._remarks),
            *standard,
            *([""] if standard else []),
            *others,
            *([""] if others else []),
            f"from workstation.net import {names}",
        ]

    # ------------------------------------------------------------------- negotiation
    def _contexts(self) -> list[str]:
        request = self._request
        context = request.context
        if context is None:
            return [*self._add(request.contexts[:_MOST_CONTEXTS])] or ['ae.add_requested_context("1.2.840.10008.1.1")']
        wanted = [context]
        if request.service == "C-GET":
            # The objects come on contexts of their own.
            wanted += [other for other in request.contexts if other is not context]
        left = len(request.contexts) - len(wanted)
        if left > 0:
            self._remarks.append(f"The association had {left} more presentation contexts, which are not proposed")
        return self._add(wanted[:_MOST_CONTEXTS])

    @staticmethod
    def _add(contexts: Iterable[ContextRow]) -> list[str]:
        lines = []
        for context in contexts:
            name = harmless(uid_name(context.abstract_syntax))
            lines += [f"# {name}"] if name else []
            lines.append(f"ae.add_requested_context({context.abstract_syntax!a}, {_literal(list(context.proposed))})")
        return lines

    def _associate(self) -> list[str]:
        request = self._request
        roles = list(request.roles)
        if request.from_acceptor and request.context is not None:
            roles = [(request.context.abstract_syntax, False, True)]
        arguments = ["HOST", "PORT"]
        if request.called:
            arguments.append("ae_title=CALLED")
        lines: list[str] = []
        if request.service == "C-GET" or request.from_acceptor or request.context is None:
            wanted = {context.abstract_syntax for context in request.contexts}
            roles = [role for role in roles if role[0] in wanted or request.from_acceptor]
            if roles:
                self._more_names.add("build_role")
                lines.append("roles = [")
                lines += [
                    f"    build_role({uid!a}, scu_role={bool(scu)}, scp_role={bool(scp)}),"
                    for uid, scu, scp in roles
                    if scu or scp
                ]
                lines.append("]")
                arguments.append("ext_neg=roles")
        if request.service == "C-GET":
            self._more_names.add("evt")
            self._imports.add("from pathlib import Path")
            lines += [
                "",
                "",
                "def keep(event):",
                '    folder = Path("retrieved")',
                "    folder.mkdir(exist_ok=True)",
                "    dataset = event.dataset",
                "    dataset.file_meta = event.file_meta",
                '    number = len(list(folder.glob("*.dcm"))) + 1',
                '    dataset.save_as(folder / f"{number:05}.dcm", enforce_file_format=True)',
                "    return 0x0000",
                "",
                "",
            ]
            arguments.append("evt_handlers=[(evt.EVT_C_STORE, keep)]")
        return [*lines, f"assoc = ae.associate({', '.join(arguments)})"]

    # ------------------------------------------------------------------- the request
    def _ask(self) -> list[str]:
        request, message = self._request, self._request.message
        if message is None:
            return [
                "for context in assoc.accepted_contexts:",
                "    print(context.context_id, context.abstract_syntax, context.transfer_syntax[0])",
                "assoc.abort()" if request.ends_with_abort else "assoc.release()",
            ]
        number = f"msg_id={int(message.MessageID or 1)}" if hasattr(message, "MessageID") else "msg_id=1"
        model = ascii(request.context.abstract_syntax) if request.context is not None else "''"
        priority = f"priority={int(getattr(message, 'Priority', None) or 0)}"
        match request.service:
            case "C-ECHO":
                return self._one(f"assoc.send_c_echo({number})")
            case "C-STORE":
                return self._one(f"assoc.send_c_store(ds, {number}, {priority})")
            case "C-FIND":
                return self._many(f"assoc.send_c_find(ds, {model}, {number}, {priority})")
            case "C-GET":
                return self._many(f"assoc.send_c_get(ds, {model}, {number}, {priority})")
            case "C-MOVE":
                destination = ascii(str(getattr(message, "MoveDestination", None) or ""))
                return self._many(f"assoc.send_c_move(ds, {destination}, {model}, {number}, {priority})")
        return self._normalized(number)

    def _normalized(self, number: str) -> list[str]:
        request, message = self._request, self._request.message
        assert message is not None

        def value(*names: str) -> str:
            for name in names:
                found = getattr(message, name, None)
                if found is not None:
                    return ascii(int(found)) if isinstance(found, int) else ascii(str(found))
            return "None"

        sop_class = getattr(message, "RequestedSOPClassUID", None) or getattr(message, "AffectedSOPClassUID", None)
        uids = (
            f"{value('RequestedSOPClassUID', 'AffectedSOPClassUID')}, "
            f"{value('RequestedSOPInstanceUID', 'AffectedSOPInstanceUID')}"
        )
        more = number
        if request.context is not None and str(sop_class or "") != request.context.abstract_syntax:
            more += f", meta_uid={request.context.abstract_syntax!a}"
        data = "ds" if request.has_data_set else "None"
        match request.service:
            case "N-EVENT-REPORT":
                return self._pair(f"assoc.send_n_event_report({data}, {value('EventTypeID')}, {uids}, {more})")
            case "N-ACTION":
                return self._pair(f"assoc.send_n_action({data}, {value('ActionTypeID')}, {uids}, {more})")
            case "N-GET":
                tags = [int(tag) for tag in _listed(getattr(message, "AttributeIdentifierList", None))]
                return self._pair(f"assoc.send_n_get([{', '.join(f'0x{tag:08X}' for tag in tags)}], {uids}, {more})")
            case "N-SET":
                return self._pair(f"assoc.send_n_set({data}, {uids}, {more})")
            case "N-CREATE":
                return self._pair(f"assoc.send_n_create({data}, {uids}, {more})")
            case "N-DELETE":
                return self._one(f"assoc.send_n_delete({uids}, {more})")
        return ['raise SystemExit("Nothing is known of this message")']

    @staticmethod
    def _one(call: str) -> list[str]:
        return [
            f"status = {call}",
            'print(f"0x{status.Status:04X}" if status else "no response")',
            "assoc.release()",
        ]

    @staticmethod
    def _pair(call: str) -> list[str]:
        return [
            f"status, answer = {call}",
            'print(f"0x{status.Status:04X}" if status else "no response")',
            "if answer:",
            "    print(answer)",
            "assoc.release()",
        ]

    @staticmethod
    def _many(call: str) -> list[str]:
        return [
            f"for status, answer in {call}:",
            '    print(f"0x{status.Status:04X}" if status else "no response")',
            "    if answer:",
            "        print(answer)",
            "assoc.release()",
        ]

    # ------------------------------------------------------------------- data sets
    def _object(self) -> list[str]:
        """The object of a C-STORE: small ones are in the script, others in a file."""
        request = self._request
        if request.data is None:
            self._imports |= {"import sys", "from pydicom import dcmread"}
            self._remarks.append("Save the object of the message first, and give the name of the file")
            return ['ds = dcmread(sys.argv[1] if len(sys.argv) > 1 else "object.dcm")', ""]
        self._imports.add("from pydicom.dataset import FileMetaDataset")
        return [
            *self._bytes(request.data),
            "ds.file_meta = FileMetaDataset()",
            f"ds.file_meta.TransferSyntaxUID = {request.transfer_syntax!a}",
            "",
        ]

    def _data_set(self) -> list[str]:
        """The identifier, or whatever the message has, as `ds`."""
        request = self._request
        if not request.has_data_set:
            return []
        if request.data is None:
            self._imports.add("from pydicom.dataset import Dataset")
            self._remarks.append("Fill the data set in, it is missing")
            return ["ds = Dataset()", ""]
        if len(request.data) <= _MOST_ASSIGNED:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    lines = self._assignments(request.data)
            except Exception:  # pydicom raises anything for bytes that are no data set; the bytes are repeated then
                lines = []
            if lines:
                self._imports.add("from pydicom.dataset import Dataset")
                return [*lines, ""]
        return [*self._bytes(request.data), ""]

    def _assignments(self, data: bytes) -> list[str]:
        """Assignments that give the same bytes; none if there are no such."""
        from pydicom.dataset import Dataset

        original = decode_in(data, self._request.transfer_syntax)
        copy = Dataset()
        lines: list[str] = []
        try:
            _assign(original, "ds", copy, lines, [0])
        except _NotPlain:
            return []
        return lines if _encoded(copy, self._request.transfer_syntax) == _plain_bytes(data, self._request) else []

    def _bytes(self, data: bytes) -> list[str]:
        """The data set from its bytes."""
        implicit, little, deflated = encoding_of(self._request.transfer_syntax)
        self._imports |= {
            "from base64 import b64decode",
            "from io import BytesIO",
            "from pydicom.filereader import read_dataset",
        }
        encoded = b64encode(data).decode("ascii")
        inner = "b64decode(DATA)"
        if deflated:
            self._imports.add("import zlib")
            inner = f"zlib.decompress({inner}, -zlib.MAX_WBITS)"
        return [
            'DATA = """',
            *(encoded[at : at + 100] for at in range(0, len(encoded), 100)),
            '"""',
            f"ds = read_dataset(BytesIO({inner}), is_implicit_VR={implicit}, is_little_endian={little})",
        ]


def _encoded(dataset: Dataset, transfer_syntax: str) -> bytes:
    """A data set's bytes, before they are deflated."""
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    stream = DicomBytesIO()
    stream.is_implicit_VR, stream.is_little_endian, _ = encoding_of(transfer_syntax)
    write_dataset(stream, dataset)
    encoded: bytes = stream.getvalue()
    return encoded


def _plain_bytes(data: bytes, request: Repeatable) -> bytes:
    return inflate(data) if encoding_of(request.transfer_syntax)[2] else data


def _literal(values: list[str]) -> str:
    return "[" + ", ".join(ascii(value) for value in values) + "]"


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if hasattr(value, "__iter__") else [value]


def _assign(original: Dataset, name: str, copy: Dataset, lines: list[str], count: list[int], depth: int = 0) -> None:
    """Write the assignments that make `original`, and do what they do to `copy`."""
    from pydicom.datadict import dictionary_VR, keyword_for_tag
    from pydicom.dataset import Dataset as Made

    if depth > _DEEPEST:
        raise _NotPlain
    lines.append(f"{name} = Dataset()")
    for element in original:
        tag, vr = element.tag, str(element.VR)
        keyword = keyword_for_tag(tag)
        by_keyword = bool(keyword) and dictionary_VR(tag) == vr
        if vr == "SQ":
            items: list[Dataset] = []
            names: list[str] = []
            for one in element.value:
                count[0] += 1
                names.append(f"item_{count[0]}")
                items.append(Made())
                _assign(one, names[-1], items[-1], lines, count, depth + 1)
            value: Any = items
            literal = f"[{', '.join(names)}]"
        else:
            value = _plain(element)
            literal = ascii(value)
        if by_keyword:
            setattr(copy, keyword, value)
            lines.append(f"{name}.{keyword} = {literal}")
        else:
            copy.add_new(tag, vr, value)
            lines.append(f"{name}.add_new(0x{int(tag):08X}, {vr!a}, {literal})")


def _plain(element: DataElement) -> Any:
    """A value as Python writes it."""
    from pydicom.multival import MultiValue

    value = element.value
    if value is None or isinstance(value, bytes):
        return value
    # A person's name can be iterated over as well, by its letters.
    return [_plain_one(one) for one in value] if isinstance(value, MultiValue | list) else _plain_one(value)


def _plain_one(value: Any) -> Any:
    if isinstance(value, str):
        return str(value)
    original = getattr(value, "original_string", None)
    if isinstance(original, str):
        return str(original)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _NotPlain
        return float(value)
    return str(value)  # a person's name
