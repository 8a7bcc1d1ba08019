"""A report on one association, as text and as a page of HTML that stands alone.

Who talked to whom, what was negotiated, every message with its status and times, the states, and what is remarkable.
Pieces are made one at a time, so that a window can make a long report in slices. Everything that a peer wrote passes
through `printable`, and in HTML through `html.escape`; the page has no script, loads nothing, and a Content Security
Policy says so to whoever shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Final, NamedTuple

from workstation.net.engine.fsm import Action, Event
from workstation.net.uids import uid_name
from workstation.traffic.conversation import Conversation, Side
from workstation.traffic.rows import MessageRow
from workstation.traffic.text import endpoint, printable, quantity

if TYPE_CHECKING:
    from workstation.traffic.expert.rules.note import Note
    from workstation.traffic.expert.verdict import Verdict

__all__ = ["MOST_ROWS", "html_pieces", "html_report", "text_pieces", "text_report"]

# More than anybody prints; what is left out is said.
MOST_ROWS = 10_000
MOST_STEPS = 1_000
_MESSAGE_TITLES = ("No", "Time s", "Δ ms", "", "Message", "Ctx", "Status", "Took ms", "Bytes", "Detail")
_MEANINGS: Final = {str(one.value): one.meaning for one in (*Event, *Action)}
_FAILED: Final = "✕ Failed."
_NUMERIC = frozenset({0, 1, 2, 5, 7, 8})


def text_report(
    conversation: Conversation, notes: Iterable[Note] = (), source: str = "", verdict: Verdict | None = None
) -> str:
    """The whole report as text."""
    return "".join(text_pieces(conversation, tuple(notes), source, verdict))


def html_report(
    conversation: Conversation, notes: Iterable[Note] = (), source: str = "", verdict: Verdict | None = None
) -> str:
    """The whole report as one page of HTML."""
    return "".join(html_pieces(conversation, tuple(notes), source, verdict))


# --------------------------------------------------------------------------- what is told
class _Context(NamedTuple):
    number: str
    name: str
    uid: str
    proposed: str
    result: str
    accepted: bool
    transfer_syntax: str


def _named(uid: str) -> str:
    name = uid_name(uid)
    return f"{name} ({printable(uid, 64)})" if name else printable(uid, 64)


def _moment(time: float) -> str:
    try:
        return datetime.fromtimestamp(time, UTC).astimezone().isoformat(sep=" ", timespec="milliseconds")
    except (OverflowError, OSError, ValueError):
        return "unknown"


def _parties(conversation: Conversation) -> list[tuple[str, str, str]]:
    """Heading, requestor and acceptor of each line."""
    facts = conversation.facts
    here = _address(facts.local_address, facts.local_port)
    there = printable(conversation.peer_address, 128)
    we_asked = conversation.mode != "acceptor"
    sides: tuple[Side, Side] = (conversation.requestor, conversation.acceptor)
    lengths = [
        "" if side.maximum_length is None else quantity(side.maximum_length, "byte") if side.maximum_length else "any"
        for side in sides
    ]
    asking, asked = (here, there) if we_asked else (there, here)
    one, other = sides
    return [
        ("AE title", printable(conversation.calling, 64), printable(conversation.called, 64)),
        ("Address", asking, asked),
        ("Implementation", *_both(one.implementation_version_name, other.implementation_version_name)),
        ("Implementation UID", *_both(one.implementation_class_uid, other.implementation_class_uid)),
        ("Largest PDU it takes", lengths[0], lengths[1]),
    ]


def _both(one: str, other: str) -> tuple[str, str]:
    return printable(one, 64), printable(other, 64)


def _address(host: str, port: int) -> str:
    return endpoint(printable(host, 128), port)


def _summary(conversation: Conversation, source: str) -> list[tuple[str, str]]:
    duration = "" if conversation.end_time is None else f"{conversation.end_time - conversation.start_time:.3f} s"
    pdus = conversation.pdus_sent + conversation.pdus_received
    size = conversation.bytes_sent + conversation.bytes_received
    lines = [
        ("Outcome", printable(conversation.state_word, 200)),
        ("Why it ended", printable(conversation.end_reason, 500)),
        ("Began", _moment(conversation.start_time)),
        ("Took", duration or "still under way"),
        ("Traffic", f"{quantity(pdus, 'PDU')}, {quantity(size, 'byte')}"),
        ("Source", printable(source, 200)),
    ]
    remarks = getattr(conversation, "remarks", ())
    lines += [("Capture", printable(remark, 500)) for remark in list(remarks)[:20]]
    return [line for line in lines if line[1]]


def _contexts(conversation: Conversation) -> list[_Context]:
    return [
        _Context(
            str(context.context_id),
            uid_name(context.abstract_syntax) or printable(context.abstract_syntax, 64),
            printable(context.abstract_syntax, 64),
            ", ".join(uid_name(uid) or printable(uid, 64) for uid in context.proposed),
            context.result_text,
            context.accepted,
            _named(context.transfer_syntax) if context.accepted else "",
        )
        for context in conversation.contexts.values()
    ]


def _message(conversation: Conversation, row: MessageRow) -> tuple[str, ...]:
    detail = printable(row.detail, 200)
    if row.sub_operations is not None:
        counts = zip(("remaining", "completed", "failed", "with warnings"), row.sub_operations, strict=True)
        told = ", ".join(f"{count} {word}" for word, count in counts if count is not None)
        detail = ", ".join(filter(None, (detail, told)))
    if row.problem:
        detail = "; ".join(filter(None, (f"! {printable(row.problem, 300)}", detail)))
    return (
        str(row.number),
        f"{row.time - conversation.start_time:.3f}",
        f"{row.delta * 1000:.1f}",
        "→" if row.sent == (conversation.mode != "acceptor") else "←",
        printable(row.name, 40),
        str(row.context_id) if row.is_dimse else "",
        row.status_text,
        "" if row.response_time is None else f"{row.response_time * 1000:.1f}",
        f"{row.size:,}",
        detail,
    )


def _left_out(conversation: Conversation) -> str:
    parts = []
    if conversation.trimmed:
        parts.append(f"{quantity(conversation.trimmed, 'earlier message')} not kept")
    if len(conversation.rows) > MOST_ROWS:
        parts.append(f"{quantity(len(conversation.rows) - MOST_ROWS, 'further message')} not listed")
    return "; ".join(parts)


def _states(conversation: Conversation) -> list[tuple[str, ...]]:
    return [
        (
            f"{step.time - conversation.start_time:.3f}",
            step.state,
            f"{step.event} {_MEANINGS.get(step.event, '')}".strip(),
            f"{step.action} {_MEANINGS.get(step.action, '')}".strip(),
            step.next_state,
            f"× {step.count:,}" if step.count > 1 else "",
        )
        for step in conversation.path[:MOST_STEPS]
    ]


def _whose_states(conversation: Conversation) -> str:
    return "the acceptor's" if conversation.mode == "acceptor" else "the requestor's"


def _note_lines(note: Note) -> tuple[str, list[str]]:
    """Head and what stands below it."""
    place = f" · row {note.row}" if note.row is not None else ""
    times = f" · {note.count:,} times" if note.count > 1 else ""
    head = f"{note.severity.sign} {note.severity.word.capitalize()}: {printable(note.title, 200)}{place}{times}"
    below = [printable(note.sentence, 1000)]
    for word, text in (("Seen", note.evidence), ("Usually helps", note.remedy), ("See", note.clause)):
        if text:
            below.append(f"{word}: {printable(text, 1000)}")
    return head, [line for line in below if line]


def _title(conversation: Conversation) -> str:
    calling, called = printable(conversation.calling, 64) or "?", printable(conversation.called, 64) or "?"
    return f"Association {conversation.number}: {calling} → {called}"


# --------------------------------------------------------------------------- text
def text_pieces(
    conversation: Conversation, notes: Sequence[Note] = (), source: str = "", verdict: Verdict | None = None
) -> Iterator[str]:
    """The report as text, a line or a few at a time."""
    title = _title(conversation)
    yield f"{title}\n{'=' * len(title)}\n\n"
    if verdict is not None:
        yield f"{_FAILED} {printable(verdict.sentence, 2000)}\n\n"
    for head, value in _summary(conversation, source):
        yield f"{head + ':':<14}{value}\n"
    yield _text_head("Parties")
    yield from _text_table(("", "Requestor", "Acceptor"), _parties(conversation))
    yield _text_head("Presentation contexts")
    if not conversation.contexts:
        yield "None were seen.\n"
    for context in _contexts(conversation):
        sign = "+" if context.accepted else "-"
        uid = f" ({context.uid})" if context.uid != context.name else ""
        yield f"{sign} {context.number:>3}  {context.name}{uid}\n"
        yield f"       proposed {context.proposed or 'nothing'}\n"
        yield f"       {context.result}{': ' + context.transfer_syntax if context.transfer_syntax else ''}\n"
    yield _text_head("Notes")
    if not notes:
        yield "Nothing to remark.\n"
    for note in notes:
        head, below = _note_lines(note)
        yield "\n".join([head, *(f"    {line}" for line in below)]) + "\n"
    yield _text_head("Messages (→ from requestor to acceptor)")
    widths = (6, 10, 9, 1, 20, 3, 20, 9, 12, 0)
    yield _text_row(_MESSAGE_TITLES, widths)
    for row in conversation.rows[:MOST_ROWS]:
        yield _text_row(_message(conversation, row), widths)
    left = _left_out(conversation)
    if left:
        yield f"{left}.\n"
    yield _text_head(f"States ({_whose_states(conversation)}, PS3.8 Table 9-10)")
    if not conversation.path:
        yield "None were recorded.\n"
    for time, state, event, action, after, times in _states(conversation):
        yield f"{time:>10}  {state:<5} {event}; {action} → {after} {times}".rstrip() + "\n"


def _text_head(words: str) -> str:
    return f"\n{words}\n{'-' * len(words)}\n"


def _text_row(texts: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        f"{text:>{width}}" if column in _NUMERIC else f"{text:<{width}}"
        for column, (text, width) in enumerate(zip(texts, widths, strict=True))
    ]
    return " ".join(cells).rstrip() + "\n"


def _text_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in (titles, *rows)) for column in range(len(titles))]
    for row in (titles, *rows):
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"


# --------------------------------------------------------------------------- HTML
_STYLE = """
:root { color-scheme: light dark; --dim: #5b636e; --line: #c9ced6; --bad: #b3261e; --good: #17652f; --warn: #7d5200; }
@media (prefers-color-scheme: dark) {
  :root { --dim: #a3abb6; --line: #434a55; --bad: #ff9b92; --good: #78d394; --warn: #ebc75c; }
  body { background: #171a1f; color: #e6e9ed; }
}
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top; }
th { font-weight: 600; color: var(--dim); } td.n, th.n { text-align: right; white-space: nowrap; }
td { overflow-wrap: break-word; } td.k { white-space: nowrap; width: 1%; padding-right: 1.5rem; }
.dim { color: var(--dim); } .bad { color: var(--bad); } .good { color: var(--good); } .warn { color: var(--warn); }
.note { margin: .75rem 0; } .note p { margin: .1rem 0 .1rem 1.2rem; }
@media print {
  :root { color-scheme: light; --dim: #444; --line: #999; --bad: #8c1d16; --good: #17652f; --warn: #7d5200; }
  body { background: none; color: #000; font-size: 10pt; margin: 0; max-width: none; }
  td { overflow-wrap: anywhere; } thead { display: table-header-group; } tr, .note { break-inside: avoid; }
}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def html_pieces(
    conversation: Conversation, notes: Sequence[Note] = (), source: str = "", verdict: Verdict | None = None
) -> Iterator[str]:
    """The report as HTML, an element or a few at a time."""
    title = escape(_title(conversation))
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    )
    if verdict is not None:
        yield f'<p><b class="bad">{_FAILED}</b> {escape(printable(verdict.sentence, 2000))}</p>\n'
    yield from _html_table((), [[head, value] for head, value in _summary(conversation, source)], keys=(0,))
    yield "<h2>Parties</h2>\n"
    yield from _html_table(("", "Requestor", "Acceptor"), _parties(conversation), keys=(0,))
    yield "<h2>Presentation contexts</h2>\n"
    if conversation.contexts:
        yield from _html_contexts(_contexts(conversation))
    else:
        yield '<p class="dim">None were seen.</p>\n'
    yield "<h2>Notes</h2>\n"
    if not notes:
        yield '<p class="dim">Nothing to remark.</p>\n'
    for note in notes:
        head, below = _note_lines(note)
        colour = {"error": "bad", "warning": "warn"}.get(note.severity.word, "dim")
        lines = "".join(f"<p>{escape(line)}</p>" for line in below)
        yield f'<div class="note"><b class="{colour}">{escape(head)}</b>{lines}</div>\n'
    yield '<h2>Messages</h2>\n<p class="dim">→ from requestor to acceptor, ← back.</p>\n'
    rows = ((_message(conversation, row), _colour_of(row)) for row in conversation.rows[:MOST_ROWS])
    yield from _html_messages(rows)
    left = _left_out(conversation)
    if left:
        yield f'<p class="dim">{escape(left)}.</p>\n'
    yield f'<h2>States</h2>\n<p class="dim">{escape(_whose_states(conversation).capitalize())}, PS3.8 Table 9-10.</p>\n'
    if conversation.path:
        titles = ("Time s", "State", "What happened", "What was done", "Next", "")
        yield from _html_table(titles, _states(conversation), numeric=(0,), keys=(1, 4, 5))
    else:
        yield '<p class="dim">None were recorded.</p>\n'
    yield "</body>\n</html>\n"


def _colour_of(row: MessageRow) -> str:
    if row.problem or row.name in ("A-ABORT", "A-ASSOCIATE-RJ"):
        return "bad"
    if row.status is None or row.pending:
        return ""
    words = row.status_text
    return "good" if "Success" in words else "warn" if "Warning" in words else "bad" if "Failure" in words else ""


def _cell(text: str, kind: str = "", tag: str = "td") -> str:
    kind = f' class="{kind}"' if kind else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"


def _html_table(
    titles: Sequence[str],
    rows: Iterable[Sequence[str]],
    numeric: Sequence[int] = (),
    keys: Sequence[int] = (),
) -> Iterator[str]:
    kinds = {**dict.fromkeys(keys, "k"), **dict.fromkeys(numeric, "n")}
    yield '<div class="wide"><table>\n'
    if titles:
        yield (
            "<thead><tr>" + "".join(_cell(t, kinds.get(c, ""), "th") for c, t in enumerate(titles)) + "</tr></thead>\n"
        )
    yield "<tbody>\n"
    for row in rows:
        yield "<tr>" + "".join(_cell(text, kinds.get(column, "")) for column, text in enumerate(row)) + "</tr>\n"
    yield "</tbody></table></div>\n"


def _html_contexts(contexts: Iterable[_Context]) -> Iterator[str]:
    yield '<div class="wide"><table>\n<thead><tr>'
    yield "".join(
        _cell(text, kind, "th")
        for text, kind in (("ID", "n"), ("Abstract syntax", ""), ("Proposed", ""), ("Result", ""))
    )
    yield "</tr></thead>\n<tbody>\n"
    for context in contexts:
        uid = f'<br><span class="dim">{escape(context.uid)}</span>' if context.uid != context.name else ""
        chosen = f"<br>{escape(context.transfer_syntax)}" if context.transfer_syntax else ""
        sign, colour = ("✓", "good") if context.accepted else ("✕", "bad")
        yield (
            f"<tr>{_cell(context.number, 'n')}<td>{escape(context.name)}{uid}</td>{_cell(context.proposed)}"
            f'<td><span class="{colour}">{sign} {escape(context.result)}</span>{chosen}</td></tr>\n'
        )
    yield "</tbody></table></div>\n"


def _html_messages(rows: Iterable[tuple[Sequence[str], str]]) -> Iterator[str]:
    yield '<div class="wide"><table>\n<thead><tr>'
    yield "".join(_cell(text, "n" if column in _NUMERIC else "", "th") for column, text in enumerate(_MESSAGE_TITLES))
    yield "</tr></thead>\n<tbody>\n"
    for texts, colour in rows:
        cells = []
        for column, text in enumerate(texts):
            kind = "n" if column in _NUMERIC else "k" if column == 4 else ""
            if column == 6 and colour:
                kind = colour
            cells.append(_cell(text, kind))
        yield f"<tr>{''.join(cells)}</tr>\n"
    yield "</tbody></table></div>\n"
