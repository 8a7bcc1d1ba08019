"""What a question is about, in words, and the first draft of an answer to it.

Everything here is bounded and safe to show as plain text; decoding takes its time, so a window asks for it in a job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workstation.net.uids import uid_name
from workstation.scp.asking import Question, Reply
from workstation.scp.rules.rule import EVENT_WORDS
from workstation.traffic.text import element_name, hex_bytes, printable, quantity

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MOST_CONTEXTS = 128
MOST_TAGS = 40
_IDENTITIES = {1: "User name", 2: "User name and passcode", 3: "Kerberos ticket", 4: "SAML assertion", 5: "JWT"}
_PRIORITIES = {0: "medium", 1: "high", 2: "low"}

Lines = list[tuple[str, str]]


def title(question: Question) -> str:
    """The event and who asks, in one line."""
    occasion = question.occasion
    return printable(f"{EVENT_WORDS.get(occasion.event, occasion.event)} from {occasion.calling or 'somebody'}", 120)


def request_lines(question: Question) -> Lines:
    """What is asked beside the data set: (what, value)."""
    occasion, event = question.occasion, question.event
    peer = f"{occasion.calling} at {occasion.address}" if occasion.address else occasion.calling
    lines: Lines = [("Peer", peer), ("Called", occasion.called)]
    if question.kind == "association":
        lines += _association_lines(question)
    else:
        lines += [("SOP class", uid_name(occasion.sop_class) if occasion.sop_class else "")]
        lines += [("Instance", occasion.sop_instance)]
        if event is not None:
            lines += _negotiation_lines(event) if question.kind == "negotiation" else _service_lines(event)
    if occasion.user and occasion.event != "EVT_USER_ID":
        lines.append(("User", occasion.user))
    return [(name, printable(value, 400)) for name, value in lines if value]


def _service_lines(event: Any) -> Lines:
    request = event.request
    lines: Lines = [("Message ID", str(event.message_id))]
    values = {name: getattr(request, name, None) for name in ("Priority", "MoveDestination", "EventTypeID")}
    if values["MoveDestination"]:
        lines.append(("Destination", str(values["MoveDestination"])))
    if values["Priority"]:
        lines.append(("Priority", _PRIORITIES.get(values["Priority"], str(values["Priority"]))))
    if values["EventTypeID"] is not None:
        lines.append(("Event type", str(values["EventTypeID"])))
    if getattr(request, "ActionTypeID", None) is not None:
        lines.append(("Action type", str(request.ActionTypeID)))
    if event.name == "EVT_N_GET":
        tags = event.attribute_identifiers
        names = [element_name(tag.group, tag.elem) or str(tag) for tag in tags[:MOST_TAGS]]
        more = f" and {len(tags) - MOST_TAGS} more" if len(tags) > MOST_TAGS else ""
        lines.append(("Attributes", ", ".join(names) + more if names else "all"))
    return lines


def _negotiation_lines(event: Any) -> Lines:
    match event.name:
        case "EVT_USER_ID":
            lines: Lines = [("Identity", _IDENTITIES.get(event.user_id_type, f"type {event.user_id_type}"))]
            if event.user_id_type in (1, 2):
                lines.append(("User", printable(bytes(event.primary_field or b"").decode("utf-8", "replace"))))
            else:
                lines.append(("Ticket", quantity(len(event.primary_field or b""), "byte")))
            if event.secondary_field is not None:
                # As everywhere in the window: a passcode is not shown.
                lines.append(("Passcode", f"{quantity(len(event.secondary_field), 'byte')}, not shown"))
            return lines
        case "EVT_ASYNC_OPS":
            return [("Proposed", f"{event.invoked} invoked, {event.performed} performed (0 is any number)")]
        case "EVT_SOP_EXTENDED":
            return [(uid_name(str(uid)), hex_bytes(info, 32)) for uid, info in list(event.app_info.items())[:MOST_TAGS]]
        case "EVT_SOP_COMMON":
            return [
                (uid_name(str(uid)), f"is of {uid_name(str(item.service_class_uid))}")
                for uid, item in list(event.items.items())[:MOST_TAGS]
            ]
    return []


def _association_lines(question: Question) -> Lines:
    assoc = question.assoc
    if assoc is None:
        return []
    peer = assoc.requestor
    implementation = str(peer.implementation_version_name or peer.implementation_class_uid or "")
    return [("Implementation", implementation), ("Maximum PDU", quantity(peer.maximum_length, "byte"))]


def contexts_text(question: Question) -> str:
    """The presentation contexts that an association request proposes, a line each and one for each transfer syntax."""
    if question.assoc is None:
        return ""
    lines = []
    for context in question.assoc.requestor.requested_contexts[:MOST_CONTEXTS]:
        lines.append(f"{context.context_id}  {printable(uid_name(str(context.abstract_syntax or '')))}")
        lines += [f"      {printable(uid_name(str(syntax)))}" for syntax in context.transfer_syntax[:MOST_TAGS]]
    return "\n".join(lines)


def draft(question: Question) -> str:
    """A data set to begin an answer with: what the request asks for, with the values that it gives.

    Raises:
        ValueError: The request's data set cannot be read or shown.
    """
    from pydicom.dataset import Dataset

    from workstation.scp.data_set_text import to_text

    event = question.event
    if event is not None and event.name == "EVT_N_GET":
        wanted = Dataset()
        for tag in event.attribute_identifiers:
            if element_name(tag.group, tag.elem) and tag.group % 2 == 0:
                wanted.add_new(tag, _vr(tag), None)
        return to_text([wanted]) if wanted else ""
    given = question.occasion.data_set()
    return to_text([_without_patterns(given)]) if given else ""


def _without_patterns(asked: Dataset) -> Dataset:
    """A query's keys: what matches several values is none, and is left for the person."""
    from pydicom.dataset import Dataset

    made = Dataset()
    for element in asked:
        if element.VR == "SQ":
            made.add_new(element.tag, "SQ", [_without_patterns(item) for item in element.value])
            continue
        text = "" if element.value is None or isinstance(element.value, bytes) else str(element.value)
        is_range = element.VR in ("DA", "TM", "DT") and "-" in text
        is_list = element.VR == "UI" and not isinstance(element.value, str)
        if "*" in text or "?" in text or is_range or is_list:
            made.add_new(element.tag, element.VR, None)
        else:
            made.add(element)
    return made


def _vr(tag: Any) -> str:
    from pydicom.datadict import dictionary_VR

    return dictionary_VR(tag)[:2]


def reply_words(reply: Reply, names: dict[int, str] | None = None) -> str:
    """A reply in a few words."""
    match reply.kind:
        case "status":
            name = (names or {}).get(reply.status, "")
            count = quantity(len(reply.data_sets), "data set") if reply.data_sets else ""
            return ", ".join(part for part in (f"{reply.status:04X} {name}".strip(), count) if part)
        case "built-in":
            return "as built in"
        case "negotiation":
            return "as chosen"
        case "accept":
            return "accepted"
        case "reject":
            return f"rejected, {reply.result}/{reply.source}/{reply.reason}"
        case "abort":
            return "the association is aborted"
        case "drop":
            return "the connection is closed"
    return "nobody is there any more"
