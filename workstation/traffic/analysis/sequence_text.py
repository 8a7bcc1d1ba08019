"""What is written in a sequence diagram: the words at a step, and the whole diagram as text and as Mermaid.

Each part of the words has a meaning that whoever draws it may give a colour, and stands for itself without one. The
texts are made in small steps: the functions are generators of lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Listed
from datetime import datetime
from typing import Final, NamedTuple

from workstation.net.status import code_to_category
from workstation.net.uids import uid_name
from workstation.traffic.analysis.sequence import GAP, Block, Sequence, SequenceStep, What
from workstation.traffic.rows import MessageRow
from workstation.traffic.text import printable, quantity

__all__ = [
    "Line",
    "Part",
    "as_mermaid",
    "as_text",
    "details",
    "duration",
    "is_failure",
    "is_response",
    "size_text",
    "times_text",
    "words",
]

_SIGNS: Final = {
    "Success": ("✓", "success"),
    "Warning": ("▲", "warning"),
    "Pending": ("…", "pending"),
    "Cancel": ("■", "cancelled"),
    "Failure": ("✕", "failure"),
}
_FAILURES: Final = ("A-ASSOCIATE-RJ", "A-ABORT", "Unrecognized bytes")


class Part(NamedTuple):
    """Some words and their meaning: "" plain, "name", "dimmed", or the status they tell."""

    text: str
    meaning: str = ""
    main: bool = False  # whether they belong at the arrow, wherever the others are written
    short: str = ""  # where there is little room

    @property
    def least(self) -> str:
        """The words where there is little room."""
        return self.short or self.text


class Line(NamedTuple):
    """A step as it is shown: by itself, or for all the steps of a run that it stands for."""

    step: int
    block: Block
    folded: bool  # whether it stands for each `block.period`th step of the run
    place: int  # which step of what is repeated


def duration(seconds: float) -> str:
    """How long: 0.4 ms, 12 ms, 1.4 s, 2 min 05 s, 1 h 04 min."""
    if seconds < 0.00995:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size_text(count: float) -> str:
    """A size: 999 B, 1.5 kB, 512 kB, 61 GB."""
    unit = "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if count < 999.5:
            break
        count, unit = count / 1000, larger
    return f"{count:.1f} {unit}" if unit != "B" and count < 9.95 else f"{count:.0f} {unit}"


def times_text(block: Block) -> str:
    """How often: × 1,204."""
    return f"× {block.times:,}"


def is_response(step: SequenceStep) -> bool:
    """Whether it answers something."""
    return step.row is not None and step.row.name.endswith(("-RSP", "-AC", "-RJ", "-RP"))


def is_failure(step: SequenceStep) -> bool:
    """Whether something went wrong there."""
    row = step.row
    if row is not None:
        failed = row.status is not None and code_to_category(row.status) == "Failure"
        return bool(row.problem) or failed or row.name in _FAILURES
    conversation = step.conversation
    if step.what is What.CONNECT:
        return conversation.outcome == "Connection failed"
    return step.what is What.CLOSE and conversation.outcome in ("Connection lost", "Timed out")


def words(sequence: Sequence, line: Line) -> list[Part]:
    """What is written at a step; the first part says what it is, the least important comes last."""
    step = sequence.step(line.step)
    match step.what:
        case What.CONNECT:
            return _connect_words(step)
        case What.CLOSE:
            return _close_words(step)
        case What.GONE:
            return [Part("no longer kept", "dimmed", main=True)]
    row = step.row
    assert row is not None
    last = line.block.end - 1 - (line.block.end - 1 - line.step) % line.block.period if line.folded else line.step
    newest = sequence.step(last).row or row
    parts = [Part(row.name, "name", main=True)]
    if row.status is not None:
        category = code_to_category(row.status)
        sign, meaning = _SIGNS.get(category, ("?", "warning"))
        short = f"{sign} {row.status:04X}" if category in ("Failure", "Warning") else f"{sign} {category}"
        parts.append(Part(f"{sign} 0x{row.status:04X} {category}", meaning, main=True, short=short))
    if counts := _counts(newest):
        told = newest.sub_operations
        of_all = told is not None and told.completed is not None and told.remaining is not None
        short = f"{told.completed:,} of {sum(filter(None, newest.counts)):,}" if told is not None and of_all else ""
        parts.append(Part(counts, short=short))
    if row.problem:
        parts.append(Part(f"⚠ {printable(row.problem, 200)}", "failure"))
    detail = row.error_comment or ("" if row.name.endswith("-RSP") else row.detail)
    if detail:
        meaning = "failure" if row.name in _FAILURES else "dimmed"
        detail = printable(detail, 200).replace(" Query/Retrieve Information Model -", "")
        short = detail.removesuffix(" Storage").replace(" contexts ", " ")
        if row.name == "A-ASSOCIATE-RJ":
            short = detail.rpartition(": ")[2]  # the reason
        parts.append(Part(detail, meaning, short=short))
    if line.folded:
        parts += _run_words(sequence, line)
        return parts
    if row.is_dimse and not row.complete and not row.problem:
        parts.append(Part(f"{size_text(row.data_size)} so far", "pending", main=True))
    elif row.data_size:
        parts.append(Part(size_text(row.data_size), "dimmed"))
    if row.response_time is not None:
        parts.append(Part(duration(row.response_time), "dimmed"))
    return parts


def _run_words(sequence: Sequence, line: Line) -> list[Part]:
    """Of all the steps that a line stands for: size at the first, time at the last."""
    block = line.block
    parts = []
    if line.place == 0 and block.size:
        parts.append(Part(f"{size_text(block.size)} in all", "dimmed"))
    if line.place == block.period - 1:
        parts.append(Part(f"in {duration(sequence.time(block.end - 1) - sequence.time(block.start))}", "dimmed"))
    return parts


def _connect_words(step: SequenceStep) -> list[Part]:
    conversation = step.conversation
    if conversation.outcome == "Connection failed":
        return [Part("TCP connect", "name", main=True), Part("✕ failed", "failure", main=True)]
    if conversation.state == "Sta4" and not conversation.finished:
        return [Part("TCP connect", "name", main=True), Part("… under way", "pending", main=True)]
    connected = [each.time for each in conversation.path[:3] if each.action == "AE-2"]
    took = [Part(duration(connected[0] - step.time), "dimmed")] if connected and connected[0] > step.time else []
    return [Part("TCP connect", "name", main=True), *took]


def _close_words(step: SequenceStep) -> list[Part]:
    conversation = step.conversation
    parts = [Part("TCP closed", "name", main=True)]
    if is_failure(step):
        parts.append(Part(f"✕ {conversation.outcome}", "failure", main=True))
    parts.append(Part(f"after {duration(step.time - conversation.start_time)}", "dimmed"))
    return parts


def _counts(row: MessageRow) -> str:
    counts = row.sub_operations
    if counts is None:
        return ""
    named = (
        (counts.completed, "completed"),
        (counts.failed, "failed"),
        (counts.warning, "with warning"),
        (counts.remaining, "remaining"),
    )
    # Zeros only where they are the news.
    told = [(count, name) for count, name in named if count or (count == 0 and name == "completed")]
    return ", ".join(f"{count:,} {name}" for count, name in told)


def details(sequence: Sequence, line: Line) -> str:
    """All that is known of a step, in lines."""
    step = sequence.step(line.step)
    conversation, row = step.conversation, step.row
    parties = sequence.parties
    head = words(sequence, line)[0].text
    told = [f"{parties[step.source].title} → {parties[step.target].title}: {head}"]
    if line.folded:
        told.append(f"{times_text(line.block)}; double-click or → opens them")
    moment = datetime.fromtimestamp(step.time)
    told.append(f"{moment:%Y-%m-%d %H:%M:%S.%f}, {step.time - conversation.start_time:.6f} s after the start")
    where = f"Association {conversation.number}"
    if row is None:
        if step.what is What.CLOSE:
            told += [printable(conversation.end_reason, 400) or conversation.outcome]
        return "\n".join([*filter(None, told), where])
    where += f", row {row.number}"
    if row.message_id is not None:
        where += f", Message ID {row.message_id}"
    if row.context_id:
        where += f", context {row.context_id}"
    told.append(where)
    if row.status is not None:
        told.append(f"Status {row.status_text}")
    told += [_counts(row), printable(row.error_comment, 400)]
    if row.sop_class_uid:
        told.append(f"{uid_name(row.sop_class_uid)} {row.sop_class_uid}".strip())
    elif row.detail_text:
        told.append(row.detail_text)
    if row.response_time is not None:
        told.append(f"{duration(row.response_time)} after its request, row {row.request}")
    size = f"{quantity(row.size, 'byte')} in {quantity(len(row.pdus) + row.omitted, 'PDU')}"
    if row.data_size:
        size += f", {quantity(row.data_size, 'byte')} of data set"
    if row.end_time > row.time:
        size += f", sent within {duration(row.end_time - row.time)}"
    told += [size, f"⚠ {row.problem}" if row.problem else ""]
    return "\n".join(filter(None, told))


# ------------------------------------------------------------------- the whole diagram
_WIDTH = 34  # characters between two lifelines


def as_text(sequence: Sequence, lines: Iterable[Line]) -> Iterator[str]:
    """The diagram in characters, line by line."""
    parties = sequence.parties
    places = [10 + number * _WIDTH for number in range(len(parties))]
    names = [[printable(party.title, _WIDTH - 4) for party in parties]]
    names.append([printable(party.address, _WIDTH - 4) for party in parties])
    for row in names:
        yield _centred(row, places).rstrip()
    bars = _centred(["│"] * len(parties), places)
    yield bars
    begin = sequence.begin
    for line in lines:
        step = sequence.step(line.step)
        if step.idle > GAP:
            yield _centred(["┊"] * len(parties), places)
            silence = f"{duration(step.idle)} of silence"
            yield _arrow(" " * len(bars), places[0], places[-1], silence, " ").rstrip()
            yield _centred(["┊"] * len(parties), places)
        name, *others = (part.text for part in words(sequence, line))
        if line.folded:
            name = f"{name} {times_text(line.block)}"
        if len(sequence.parties) > 2:
            others.append(f"#{step.conversation.number}")
        connection = step.what in (What.CONNECT, What.CLOSE)
        stroke = "┄" if connection or is_response(step) else "─"
        source, target = places[step.source], places[step.target]
        drawn = _arrow(bars, source, target, name, stroke, head=step.what is not What.CLOSE)
        yield f"{step.time - begin:>8.3f}{drawn[8:]}   {' · '.join(others)}".rstrip()
    yield bars


def _centred(texts: Listed[str], places: Listed[int]) -> str:
    line = ""
    for text, place in zip(texts, places, strict=True):
        line = f"{line:<{max(place - len(text) // 2, len(line) and len(line) + 1)}}{text}"
    return line


def _arrow(bars: str, source: int, target: int, name: str, stroke: str, *, head: bool = False) -> str:
    """The lifelines with an arrow and a name between two of them."""
    left, right = min(source, target), max(source, target)
    room = right - left - 1
    if room < 3:
        return f"{bars[: left + 1]} {name}"  # somebody who talks to itself
    drawn = f"{printable(name, room - 4):{stroke}^{room}}"
    if head:
        drawn = f"{drawn[:-1]}▶" if target > source else f"◀{drawn[1:]}"
    return f"{bars[: left + 1]}{drawn}{bars[right:]}"


# What has a meaning in Mermaid's sequence diagrams, written as its character references.
_MERMAID: Final = {ord(each): f"#{ord(each)};" for each in '#;:<>"%&\\$`'}
_KEYWORD: Final = re.compile(r"\bend\b", re.IGNORECASE)


def _mermaid_text(text: str) -> str:
    plain = printable(text, 160).translate(_MERMAID)
    # This word of the language may end a diagram wherever it stands: its first letter as a reference.
    return _KEYWORD.sub(lambda found: f"#{ord(found[0][0])};{found[0][1:]}", plain)


def as_mermaid(sequence: Sequence, lines: Iterable[Line]) -> Iterator[str]:
    """The diagram in Mermaid's language, line by line."""
    yield "sequenceDiagram"
    parties = sequence.parties
    for number, party in enumerate(parties):
        address = f"<br/>{_mermaid_text(party.address)}" if party.address else ""
        yield f"    participant P{number} as {_mermaid_text(party.title)}{address}"
    everyone = "P0" if len(parties) < 2 else f"P0,P{len(parties) - 1}"
    for line in lines:
        step = sequence.step(line.step)
        if step.idle > GAP:
            yield f"    Note over {everyone}: {duration(step.idle)} of silence"
        if line.folded and line.place == 0:
            yield f"    loop {times_text(line.block)}"
        source, target = f"P{step.source}", f"P{step.target}"
        text = _mermaid_text(" · ".join(part.text for part in words(sequence, line)))
        indent = "        " if line.folded else "    "
        if step.what is What.CLOSE:
            sides = ",".join(sorted({source, target}))
            yield f"{indent}Note over {sides}: {text}"
        else:
            arrow = "-->>" if is_response(step) or step.what is What.CONNECT else "->>"
            if is_failure(step) and step.what is What.CONNECT:
                arrow = "-x"
            yield f"{indent}{source}{arrow}{target}: {text}"
        if line.folded and line.place == line.block.period - 1:
            yield "    end"
