"""Rules as a person reads them: when in a few words, and what.

What comes from the wire or from somebody's file goes through `printable`: the words are plain text, on one line.
"""

from __future__ import annotations

from workstation.net.uids import uid_name
from workstation.scp.rules.faults import FAULTS, POINTS
from workstation.scp.rules.rule import ASSOCIATION, EVENT_WORDS, NEGOTIATION_EVENTS, Action, Fault, Match, Rule
from workstation.scp.rules.statuses import status_name
from workstation.traffic.text import printable

_SHOWN = 64
_MOST = 3

EVERYTHING = "Everything"


def match_words(rule: Rule | Match) -> str:
    """Return when a rule applies, such as "C-STORE from CT1, CT Image Storage, PatientName=DOE*, every 10th"."""
    match = rule.match if isinstance(rule, Rule) else rule
    words = [_events(match)]
    if match.calling:
        words[0] += f" from {_shown(match.calling)}"
    if match.address:
        words[0] += f" {'at' if match.calling else 'from'} {_shown(match.address)}"
    if match.called:
        words[0] += f" to {_shown(match.called)}"
    if match.user:
        words.append(f"user {_shown(match.user)}")
    words += [uid_name(text.strip()) or _shown(text) for text in (match.sop_class, match.transfer_syntax) if text]
    words += [
        f"{_shown(key)}={_shown(value)}" if value else f"{_shown(key)} empty" for key, value in match.keys.items()
    ]
    words += _how_often(match)
    return ", ".join(words)


def action_words(rule: Rule | Action) -> str:
    """Return what a rule does, such as "built in, after 500 ms" or "0xA700 Refused: out of resources"."""
    action = rule.action if isinstance(rule, Rule) else rule
    match = rule.match if isinstance(rule, Rule) else Match()
    words = []
    ends = action.fault is not None and _takes_the_place(action.fault, match)
    if not ends:
        words.append(_answer(action, match))
        words += [
            f"{name} {seconds_words(seconds)}{rest}"
            for name, seconds, rest in (
                ("after", action.before, ""),
                ("", action.between, " between responses"),
                ("", action.after, " before the last"),
            )
            if seconds
        ]
    elif action.before:
        words.append(f"after {seconds_words(action.before)}")
    if action.fault is not None:
        words.insert(0 if ends else len(words), fault_words(action.fault))
    return ", ".join(word.strip() for word in words)


def fault_words(fault: Fault) -> str:
    """Return a fault, such as "abort (service provider, 2) after 3 responses"."""
    kind = fault.kind
    point = _point(fault)
    match kind:
        case "reject":
            source = {1: "service user", 2: "service provider", 3: "service provider"}[fault["source"]]
            how = "permanent" if fault["result"] == 1 else "transient"
            return f"reject ({how}, {source}, {fault['reason']})"
        case "contexts":
            parts = []
            if fault["refuse"]:
                parts.append(f"refuse {_several(fault['refuse'])}")
            if fault["accept"]:
                parts.append(f"accept only {_several(fault['accept'])}")
            if fault["syntaxes"]:
                parts.append(f"only in {_several(fault['syntaxes'])}")
            return " and ".join(parts) or "contexts as supported"
        case "abort":
            source = {0: "service user", 1: "reserved", 2: "service provider"}[fault["source"]]
            return f"abort ({source}, {fault['reason']}){point}"
        case "drop":
            return f"close the connection{point}"
        case "reset":
            return f"reset the connection{point}"
        case "silence":
            return f"fall silent{point}"
        case "slow-read":
            return f"read {fault['rate']:,} bytes a second"
        case "slow-write":
            return f"write {fault['rate']:,} bytes a second"
        case "truncate":
            return f"truncate the PDU to {fault['bytes']} bytes{' and close' if fault['close'] else ''}"
        case "pdu-length":
            return f"PDU length wrong by {fault['difference']:+d}"
        case "item-length":
            return f"item length wrong by {fault['difference']:+d}"
        case "context-id":
            return f"context ID {fault['context_id']}"
        case "message-id":
            return f"message ID wrong by {fault['difference']:+d}"
        case "twice":
            return "final response twice"
        case "never":
            return "no response"
        case "pdu-type":
            return f"PDU type 0x{fault['type']:02X}"
        case "odd":
            return "odd length"
        case "counters":
            names = ("remaining", "completed", "failed", "warning")
            wrong = [f"{name} {fault[name]:+d}" for name in names if fault[name]]
            return f"counters wrong ({', '.join(wrong)})" if wrong else "counters as they are"
    return FAULTS[kind].label


def seconds_words(seconds: float) -> str:
    """Return a delay for reading: 500 ms, 2 s, 5 min."""
    milliseconds = seconds * 1000
    if milliseconds < 1000:
        return f"{milliseconds:g} ms"
    if seconds < 120:
        return f"{seconds:g} s"
    return f"{seconds / 60:.4g} min"


def ordinal(number: int) -> str:
    """Return a number as one counts: 1st, 2nd, 3rd, 10th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def status_words(code: int, event: str = "", sop_class: str = "") -> str:
    """Return a status with its name in a service, such as "0xA700 Refused: out of resources"."""
    name = status_name(event, code, sop_class)
    return f"0x{code:04X} {name}".strip()


def _shown(text: str) -> str:
    return printable(text.strip(), _SHOWN)


def _several(texts: tuple[str, ...]) -> str:
    shown = [uid_name(text.strip()) or _shown(text) for text in texts[:_MOST]]
    return ", ".join(shown) + (f" and {len(texts) - _MOST} more" if len(texts) > _MOST else "")


def _events(match: Match) -> str:
    if not match.events:
        return EVERYTHING
    names = [EVENT_WORDS.get(event, event) for event in match.events]
    if len(names) <= _MOST:
        return ", ".join(names)
    return f"{', '.join(names[:_MOST])} and {len(names) - _MOST} more"


def _point(fault: Fault) -> str:
    match fault.values.get("point"):
        case "middle":
            return f" after {fault['bytes']:,} bytes of a response"
        case "between":
            count = fault["count"]
            return f" after {count:,} response{'' if count == 1 else 's'}"
        case "after":
            return f" {POINTS['after']}"
        case "receiving":
            return f" after {fault['bytes']:,} bytes of the object"
    return ""


def _takes_the_place(fault: Fault, match: Match) -> bool:
    """Whether there is no answer beside the fault that one would want to read."""
    if fault.kind in ("never", "reject") or (match.events == (ASSOCIATION,) and fault.kind == "contexts"):
        return True
    return fault.values.get("point") in ("before", "receiving")


def _answer(action: Action, match: Match) -> str:
    match action.answer:
        case "ask":
            return "ask me"
        case "script":
            function = f", {_shown(action.function)}" if action.function else ""
            return f"script {_shown(action.script)}{function}"
        case "status":
            return _status(action, match)
    return "built in"


def _status(action: Action, match: Match) -> str:
    if match.events and all(event in NEGOTIATION_EVENTS for event in match.events):
        return _negotiation(action)
    if match.events == (ASSOCIATION,):
        # The built-in answer of an association request is what its own negotiation comes to.
        return "built in"
    services = [event for event in match.events if event != ASSOCIATION and event not in NEGOTIATION_EVENTS]
    words = status_words(action.status, services[0] if services else "EVT_C_STORE", match.sop_class)
    if action.data_sets:
        count = len(action.data_sets)
        words += f" with {count} data set{'' if count == 1 else 's'}"
    if action.keep and (not services or "EVT_C_STORE" in services):
        words += ", object stored"
    if action.comment:
        words += f", “{_shown(action.comment)}”"
    return words


def _negotiation(action: Action) -> str:
    parts = []
    for name, value in action.negotiation.items():
        match name:
            case "verified":
                parts.append("user accepted" if value else "user refused")
            case "response":
                parts.append(f"response {len(value) // 2} bytes")
            case "answers" | "accepted":
                count = len(value)
                done = "answered" if name == "answers" else "accepted"
                parts.append(f"{count or 'no'} SOP class{'' if count == 1 else 'es'} {done}")
            case _:
                parts.append(f"{name} {_shown(str(value))}")
    return ", ".join(parts) or "built in"


def _how_often(match: Match) -> list[str]:
    words = []
    if match.every > 1:
        words.append(f"every {ordinal(match.every)}")
    if match.first:
        words.append("only the first" if match.first == 1 else f"only the first {match.first}")
    if match.probability < 1:
        words.append(f"{match.probability * 100:.3g} % of the time")
    return words
