"""The faults that a rule can order, as a table: name, words, parameters. What they do stands in `scp.tampering`.

Each is one thing wrong and nothing else: everything around it goes out as it would have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

ParameterKind = Literal["whole", "number", "choice", "text", "texts", "flag"]

POINTS: Mapping[str, str] = MappingProxyType(
    {
        "before": "in place of the answer",
        "middle": "in the middle of a response",
        "between": "after a number of responses",
        "after": "after the final response",
        "receiving": "while the object is received",
    }
)
"""When a fault that ends something happens, by its name in a rule (`points_for` an event).

"middle" is of the first response, and at the latest right after it. "between" never comes if there are fewer
responses; of none it is "before". For an association request "between" is "after"; "receiving" is "before" for
everything but a C-STORE whose object still arrives.
"""


def points_for(event: str) -> Mapping[str, str]:
    """The points that make sense for the event of this name, as in `POINTS`."""
    left_out = {"receiving"} if event != "EVT_C_STORE" else set()
    if event == "A-ASSOCIATE":
        left_out |= {"between"}
    return {name: label for name, label in POINTS.items() if name not in left_out}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One value of a fault: its name in the file, its words in the window, what it may be."""

    name: str
    label: str
    kind: ParameterKind
    default: Any
    low: float = 0
    high: float = 0
    choices: Mapping[Any, str] = field(default_factory=dict)
    help: str = ""
    hexadecimal: bool = False

    def checked(self, value: Any) -> Any:
        """The value, if it may be one.

        Raises:
            ValueError: It may not; with a sentence.
        """
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        match self.kind:
            case "whole" | "number":
                wanted = "a whole number" if self.kind == "whole" else "a number"
                if not is_number or (self.kind == "whole" and not isinstance(value, int)):
                    raise ValueError(f"{self.label!r} is {value!r}: give {wanted}.")
                if not self.low <= value <= self.high:
                    raise ValueError(f"{self.label!r} is {value!r}: give {wanted} from {self.low:g} to {self.high:g}.")
            case "choice":
                if value not in self.choices:
                    raise ValueError(f"{self.label!r} is {value!r}: give one of {', '.join(map(str, self.choices))}.")
            case "text":
                if not isinstance(value, str):
                    raise ValueError(f"{self.label!r} is {value!r}: give a text.")
            case "texts":
                if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
                    raise ValueError(f"{self.label!r} is {value!r}: give a list of texts.")
                return tuple(value)
            case "flag":
                if not isinstance(value, bool):
                    raise ValueError(f"{self.label!r} is {value!r}: give true or false.")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSpec:
    """One kind of fault.

    Attributes:
        label: In the window.
        help: One sentence on what the peer sees.
        parameters: Its values.
        association: It can be ordered for an association request.
        services: It can be ordered for a service's event.
        events: The services' events that it can be ordered for; empty for all.
    """

    label: str
    help: str
    parameters: tuple[Parameter, ...] = ()
    association: bool = False
    services: bool = True
    events: tuple[str, ...] = ()

    def applies_to(self, event: str) -> bool:
        """Whether a rule for the event of this name can have it."""
        if event == "A-ASSOCIATE":
            return self.association
        if self.events and event not in self.events:
            return False
        return self.services and event not in ("EVT_USER_ID", "EVT_ASYNC_OPS", "EVT_SOP_EXTENDED", "EVT_SOP_COMMON")

    def checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters with a value each.

        Raises:
            ValueError: One is unknown, or has a value that cannot be.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in values:
            if name not in known:
                raise ValueError(f"The fault {self.label!r} has no {name!r}; it has {', '.join(known) or 'no values'}.")
        return {
            name: parameter.checked(values[name]) if name in values else parameter.default
            for name, parameter in known.items()
        }


def _whole(name: str, label: str, default: int, low: int, high: int, help: str = "", **more: Any) -> Parameter:
    return Parameter(name=name, label=label, kind="whole", default=default, low=low, high=high, help=help, **more)


def _choice(name: str, label: str, default: Any, choices: Mapping[Any, str], help: str = "") -> Parameter:
    return Parameter(name=name, label=label, kind="choice", default=default, choices=choices, help=help)


def _texts(name: str, label: str, help: str) -> Parameter:
    return Parameter(name=name, label=label, kind="texts", default=(), help=help)


_POINT = _choice("point", "When", "before", POINTS)
_COUNT = _whole("count", "Responses before", 1, 0, 1_000_000, 'With "after a number of responses".')
_BYTES = _whole(
    "bytes", "Bytes before", 16, 0, 2**31, 'With "in the middle of a response" or "while the object is received".'
)
_ENDING = (_POINT, _COUNT, _BYTES)

FAULTS: Mapping[str, FaultSpec] = MappingProxyType(
    {
        "reject": FaultSpec(
            label="Reject the association",
            help="The peer gets an A-ASSOCIATE-RJ.",
            parameters=(
                _choice("result", "Result", 1, {1: "rejected permanent", 2: "rejected transient"}),
                _choice(
                    "source",
                    "Source",
                    1,
                    {1: "service user", 2: "service provider (ACSE)", 3: "service provider (presentation)"},
                ),
                _whole("reason", "Reason", 1, 0, 255, "PS3.8 Table 9-21."),
            ),
            association=True,
            services=False,
        ),
        "contexts": FaultSpec(
            label="Refuse or accept chosen contexts",
            help="Presentation contexts are refused or accepted as chosen, the others as supported.",
            parameters=(
                _texts("refuse", "Refuse these SOP classes", "UIDs or names, with * and ?."),
                _choice(
                    "result",
                    "Refused with",
                    3,
                    {
                        1: "user rejection",
                        2: "no reason",
                        3: "abstract syntax not supported",
                        4: "transfer syntaxes not supported",
                    },
                ),
                _texts(
                    "accept",
                    "Accept only these SOP classes",
                    "UIDs or names, with * and ?, whether supported or not; empty for what is supported.",
                ),
                _texts(
                    "syntaxes",
                    "Accept only these transfer syntaxes",
                    "UIDs or names, with * and ?, in order of preference; empty for what is supported.",
                ),
            ),
            association=True,
            services=False,
        ),
        "abort": FaultSpec(
            label="Abort the association",
            help="The peer gets an A-ABORT; in the middle of a response after a whole PDU with a part of it.",
            parameters=(
                _choice("source", "Source", 0, {0: "service user", 1: "reserved", 2: "service provider"}),
                _whole("reason", "Reason", 0, 0, 255, "PS3.8 Table 9-26."),
                *_ENDING,
            ),
            association=True,
        ),
        "drop": FaultSpec(
            label="Close the connection",
            help="The transport connection is closed (FIN) without a word.",
            parameters=_ENDING,
            association=True,
        ),
        "reset": FaultSpec(
            label="Reset the connection",
            help="The transport connection is reset (RST).",
            parameters=_ENDING,
            association=True,
        ),
        "silence": FaultSpec(
            label="Fall silent",
            help="From then on nothing is sent any more; the connection stays open until the peer closes it.",
            parameters=_ENDING,
            association=True,
        ),
        "slow-read": FaultSpec(
            label="Read slowly",
            help="From then on no more bytes a second are read, so that the peer's sending stalls.",
            parameters=(_whole("rate", "Bytes a second", 1024, 1, 1_000_000_000),),
            association=True,
        ),
        "slow-write": FaultSpec(
            label="Write slowly",
            help="From then on no more bytes a second are written.",
            parameters=(_whole("rate", "Bytes a second", 64, 1, 1_000_000_000),),
            association=True,
        ),
        "truncate": FaultSpec(
            label="Truncate the PDU",
            help="The answer's first PDU ends early; what follows is the end of the connection, or nothing.",
            parameters=(
                _whole("bytes", "Bytes that are sent", 16, 0, 2**31),
                Parameter(name="close", label="Then close the connection", kind="flag", default=True),
            ),
            association=True,
        ),
        "pdu-length": FaultSpec(
            label="Wrong PDU length",
            help="The length field of the answer's first PDU says something else.",
            parameters=(_whole("difference", "Wrong by", 2, -(2**31), 2**31, "Bytes, negative for too short."),),
            association=True,
        ),
        "item-length": FaultSpec(
            label="Wrong item length",
            help="The length field of the first PDV (or of the first item of an A-ASSOCIATE-AC) says something else.",
            parameters=(_whole("difference", "Wrong by", 2, -(2**31), 2**31, "Bytes, negative for too short."),),
            association=True,
        ),
        "context-id": FaultSpec(
            label="Wrong Presentation Context ID",
            help="The responses name another presentation context.",
            parameters=(_whole("context_id", "Presentation Context ID", 253, 0, 255),),
        ),
        "message-id": FaultSpec(
            label="Wrong Message ID",
            help="The responses answer another message.",
            parameters=(_whole("difference", "Wrong by", 1, -65535, 65535, "Added to Message ID Being Responded To."),),
        ),
        "twice": FaultSpec(
            label="Final response twice",
            help="The final response is sent a second time.",
        ),
        "never": FaultSpec(
            label="No response",
            help="The request is not answered; the association goes on.",
        ),
        "pdu-type": FaultSpec(
            label="Unknown PDU type",
            help="The answer's first PDU has a type that the standard does not know.",
            parameters=(_whole("type", "PDU type", 0x77, 0, 255, hexadecimal=True),),
            association=True,
        ),
        "odd": FaultSpec(
            label="Odd length",
            help="The last padded value of each response's command set loses its padding (or a text gets padding that "
            "it does not need): its length is odd.",
        ),
        "counters": FaultSpec(
            label="Wrong sub-operation counters",
            help="The numbers of sub-operations in the responses of a C-GET or C-MOVE are wrong.",
            events=("EVT_C_GET", "EVT_C_MOVE"),
            parameters=(
                _whole("remaining", "Remaining wrong by", 0, -65535, 65535),
                _whole("completed", "Completed wrong by", 1, -65535, 65535),
                _whole("failed", "Failed wrong by", 0, -65535, 65535),
                _whole("warning", "Warning wrong by", 0, -65535, 65535),
            ),
        ),
    }
)
