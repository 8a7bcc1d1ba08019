from __future__ import annotations

from html.parser import HTMLParser

import pytest
from traffic_wire import ACCEPT, CT, ECHO_RSP, REQUEST, Wire, store_rq

from workstation.net.codec.dimse import C_STORE_RSP
from workstation.net.codec.pdu import A_ASSOCIATE_RQ, ImplementationVersionName, MaximumLength, ProposedContext
from workstation.traffic.conversation import Conversation
from workstation.traffic.expert.rules.note import Note, Severity
from workstation.traffic.expert.verdict import Layer, Verdict
from workstation.traffic.log import TrafficLog
from workstation.traffic.output import report
from workstation.traffic.output.report import html_pieces, html_report, text_report
from workstation.traffic.record import Record

HOSTILE = "<script>alert(1)</script>\"'&\u202e\x1b[2J\n"
NOTE = Note(
    severity=Severity.WARNING,
    rule="rejected",
    title="A context was rejected",
    sentence="The peer does not know the abstract syntax 1.2.3.4.",
    conversation=1,
    evidence="result 3",
    clause="PS3.8 9.3.3.2",
    remedy="Propose what it knows.",
    row=2,
    count=3,
)


def conversation(*more: Record, wire: Wire | None = None, begin: list[Record] | None = None) -> Conversation:
    wire = wire or Wire()
    log = TrafficLog()
    log.add(begin if begin is not None else wire.established())
    log.add(more)
    return log.conversations[0]


def talk() -> Conversation:
    wire = Wire()
    begin = [*wire.established(), *wire.echo()]
    failed = C_STORE_RSP(
        context_id=3,
        MessageIDBeingRespondedTo=1,
        AffectedSOPClassUID=CT,
        AffectedSOPInstanceUID="1.2",
        Status=0xA700,
        ErrorComment="disk <full>",
    )
    return conversation(
        *wire.message(store_rq(), b"\x10\x00\x20\x00LO\x02\x004 ", sent=True),
        *wire.message(failed, sent=False),
        wire.close(),
        begin=begin,
    )


class Page(HTMLParser):
    """What a browser would see: every element, every attribute, the text without markup."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.words = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.words += data
        if self.rows and self.rows[-1] and ("td" in self.open or "th" in self.open):
            self.rows[-1][-1] += data


def test_text_says_who_what_and_how_it_went() -> None:
    text = text_report(talk(), [NOTE], "night.pcap")
    for words in (
        "Association 1: MODALITY → PACS",
        "night.pcap",
        "+   1  Verification SOP Class (1.2.840.10008.1.1)",
        "-   5  1.2.3.4",
        "Rejected: abstract syntax not supported",
        "▲ Warning: A context was rejected · row 2 · 3 times",
        "    Usually helps: Propose what it knows.",
        "    See: PS3.8 9.3.3.2",
        "0xA700 (Failure)",
        "disk <full>",
        "Sta5  Evt3 A-ASSOCIATE-AC PDU received; AE-3 Tell the user that the association was accepted → Sta6",
    ):
        assert words in text, words
    (line,) = (line for line in text.splitlines() if "C-STORE-RSP" in line)
    assert line.split()[3] == "←"


def test_html_says_the_same_and_is_well_formed() -> None:
    page = Page(html_report(talk(), [NOTE]))
    assert page.open == []
    rows = {row[0]: row for row in page.rows if row}
    assert rows["AE title"] == ["AE title", "MODALITY", "PACS"]
    assert rows["Outcome"][0] == "Outcome"
    (response,) = (row for row in page.rows if "C-STORE-RSP" in row)
    assert response[6] == "0xA700 (Failure)"
    assert "disk <full>" in response[-1]
    assert "▲ Warning: A context was rejected" in page.words
    assert "✕ Rejected: abstract syntax not supported" in page.words


def test_a_failure_is_explained_first() -> None:
    verdict = Verdict(Layer.STATUS, "The peer is <out of resources>.", "0xA700", "Make room there.")
    text = text_report(talk(), verdict=verdict)
    assert "✕ Failed. Status: The peer is <out of resources> (0xA700). Make room there." in text.splitlines()[3]
    page = Page(html_report(talk(), verdict=verdict))
    assert "The peer is <out of resources> (0xA700)" in page.words
    assert "✕ Failed." not in text_report(talk())


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    html = html_report(talk(), [NOTE])
    page = Page(html)
    assert set(page.tags).isdisjoint({"script", "link", "img", "iframe", "object", "a", "form", "base"})
    assert {name for name, _ in page.attributes} <= {"lang", "charset", "http-equiv", "content", "name", "class"}
    assert "default-src 'none'" in html.replace("&#x27;", "'")
    assert "url(" not in html
    assert "@import" not in html
    assert "@media print" in html


@pytest.mark.parametrize("where", ["titles", "syntaxes", "version", "comment", "note", "source", "remark", "reason"])
def test_markup_from_anywhere_stays_text(where: str) -> None:
    wire = Wire()
    title = "<b>x</b>" if where == "titles" else "MODALITY"
    version = "<i>v</i>" if where == "version" else "TEST"
    syntaxes = ("<u>1.2</u>",) if where == "syntaxes" else ("1.2.840.10008.1.2",)
    asked = ProposedContext(context_id=1, abstract_syntax="1.2.3", transfer_syntaxes=("1.2.840.10008.1.2",))
    request = A_ASSOCIATE_RQ(
        called_ae_title=title,
        calling_ae_title=title,
        presentation_contexts=(asked,),
        user_information=(MaximumLength(1), ImplementationVersionName(version)),
    )
    one = conversation(begin=[wire.open(), wire.pdu(request, sent=True)])
    if where == "syntaxes":
        one.contexts[1] = one.contexts[1]._replace(proposed=syntaxes, abstract_syntax="<u>1.2</u>")
    if where == "comment":
        failed = C_STORE_RSP(
            context_id=1,
            MessageIDBeingRespondedTo=1,
            AffectedSOPClassUID="1.2",
            AffectedSOPInstanceUID="1.2",
            Status=0xA700,
            ErrorComment="</td><script>x</script>",
        )
        for record in wire.message(failed, sent=False):
            one.fold(record)
    if where == "remark":
        one.remarks.append(HOSTILE)
    if where == "reason":
        one.facts = one.facts._replace(end_reason=HOSTILE)
    note = Note(severity=Severity.ERROR, rule="x", title=HOSTILE, sentence=HOSTILE, conversation=1, evidence=HOSTILE)
    notes = [note] if where == "note" else []
    html = html_report(one, notes, HOSTILE if where == "source" else "")
    page = Page(html)
    assert page.open == []
    assert set(page.tags) <= {
        *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "div", "b", "br", "span"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    }
    text = text_report(one, notes, HOSTILE if where == "source" else "")
    for form in (html, text):
        assert "\x1b" not in form
        assert "\u202e" not in form
    if where != "note":
        assert page.tags.count("b") == 0


def test_nothing_seen_is_said() -> None:
    wire = Wire()
    one = conversation(begin=[wire.open(), wire.close()])
    for make in (text_report, html_report):
        told = make(one)
        assert "None were seen." in told
        assert "Nothing to remark." in told
        assert "None were recorded." in told


def test_what_is_left_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MOST_ROWS", 5)
    wire = Wire()
    begin = wire.established()
    for _ in range(10):
        begin += wire.echo()
    one = conversation(begin=begin)
    one.trim(3)
    for make in (text_report, html_report):
        told = make(one)
        assert "3 earlier messages not kept; 14 further messages not listed" in told
        assert told.count("C-ECHO-RQ") + told.count("C-ECHO-RSP") == 5


def test_as_acceptor_the_requestor_still_stands_first() -> None:
    wire = Wire(mode="acceptor")
    one = conversation(begin=[wire.open(), wire.pdu(REQUEST, sent=False), wire.pdu(ACCEPT, sent=True)])
    page = Page(html_report(one))
    rows = {row[0]: row for row in page.rows if row}
    assert rows["Address"] == ["Address", "10.1.2.3:104", ""]
    (request,) = (row for row in page.rows if "A-ASSOCIATE-RQ" in row)
    assert request[3] == "→"


def test_a_report_is_made_in_small_pieces() -> None:
    wire = Wire()
    begin = wire.established()
    for _ in range(50):
        begin += wire.message(ECHO_RSP, sent=False)
    pieces = list(html_pieces(conversation(begin=begin)))
    assert len(pieces) > 60
    assert max(map(len, pieces)) < 4000
