"""What occasions say of what arrived, while it is answered and long after; objects in a real archive."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, generate_uid

from workstation.net import evt
from workstation.net.ae import AE
from workstation.net.association import Association
from workstation.net.events import Event
from workstation.net.presentation import build_context
from workstation.scp.archive.archive import Archive
from workstation.scp.rules.applying import Applying
from workstation.scp.rules.book import RuleBook
from workstation.scp.rules.occasion import Occasion
from workstation.scp.rules.occasions import LARGEST_KEPT
from workstation.scp.rules.rule import Action, Match, Rule

CT = "1.2.840.10008.5.1.4.1.1.2"
WORKLIST = "1.2.840.10008.5.1.4.31"
MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
COMMITMENT = "1.2.840.10008.1.20.1"
EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED = (
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
)


def an_object(syntax: str = EXPLICIT, **elements: Any) -> Dataset:
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = CT, generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.2.3", "1.2.4"
    made.PatientName = "DOE^J"
    made.StationName = "CT 7"
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = UID(syntax)
    return made


class Server:
    """A server with an archive and rules."""

    def __init__(self, archive: Archive, syntax: str = EXPLICIT) -> None:
        self.archive = archive
        self.syntax = syntax
        self.book = RuleBook()
        self.seen: list[weakref.ref[Any]] = []
        applying = Applying(self.book)
        self.ae = AE("SERVER")
        listening = self.ae.start_server(
            ("127.0.0.1", 0),
            block=False,
            contexts=[build_context(uid, syntax) for uid in (CT, WORKLIST, MOVE, COMMITMENT)],
            evt_handlers=applying.handlers(self),
            sink_factory=applying.open_sink(self._open_sink),
            admit=applying.admit,
        )
        assert listening is not None
        self.port = listening.server_address[1]

    def handlers(self) -> list[Any]:
        return [
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_C_MOVE, lambda _: iter([(None, None)])),
            (evt.EVT_N_ACTION, lambda _: (0x0000, None)),
        ]

    def _find(self, event: Event) -> Iterator[Any]:
        self.seen = [weakref.ref(event), weakref.ref(event.assoc)]
        return iter(())

    def _open_sink(self, assoc: Association, request: Any, context: Any) -> Any:
        return self.archive.new_sink(
            str(request.AffectedSOPClassUID), str(request.AffectedSOPInstanceUID), str(context.transfer_syntax)
        )

    def _store(self, event: Event) -> int:
        return self.archive.commit(event.sink).status

    def associate(self) -> Association:
        client = AE("CLIENT")
        for uid in (CT, WORKLIST, MOVE, COMMITMENT):
            client.add_requested_context(uid, self.syntax)
        assoc = client.associate("127.0.0.1", self.port)
        assert assoc.is_established
        return assoc

    def last(self) -> Occasion:
        return self.book.occasions[-1][0]


@pytest.fixture
def server(archive: Archive) -> Iterator[Server]:
    made = Server(archive)
    yield made
    made.ae.shutdown()


def parts(archive: Archive) -> list[Path]:
    return [path for path in (archive.folder / "objects").rglob("*") if path.is_file()]


KEYS = {"PatientName": "DOE*", "StationName": "CT ?"}


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED])
def test_any_element_of_an_object_can_be_asked_for(archive: Archive, syntax: str) -> None:
    server = Server(archive, syntax)
    try:
        match = Match(events=("EVT_C_STORE",), keys=KEYS)
        server.book.replace([Rule(name="a", match=match, action=Action(answer="status", status=0xB000))])
        assoc = server.associate()
        assert assoc.send_c_store(an_object(syntax)).Status == 0xB000
        assert assoc.send_c_store(an_object(syntax, StationName="CT 12")).Status == 0x0000
        assoc.release()
    finally:
        server.ae.shutdown()
    assert len(parts(archive)) == 2


def test_a_refused_object_leaves_nothing(server: Server) -> None:
    assoc = server.associate()
    for keys in ({}, KEYS):
        match = Match(events=("EVT_C_STORE",), keys=keys)
        server.book.replace([Rule(name="a", match=match, action=Action(answer="status", status=0xA700))])
        assert assoc.send_c_store(an_object()).Status == 0xA700
    assoc.release()
    assert parts(server.archive) == []


def test_a_chosen_status_is_answered_whatever_becomes_of_the_object(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.book.replace([Rule(name="a", action=Action(answer="status", status=0x0000))])
    unsuitable = an_object()
    del unsuitable.StudyInstanceUID
    assoc = server.associate()
    assert assoc.send_c_store(unsuitable).Status == 0x0000
    assoc.release()
    assert parts(server.archive) == []
    assert "was not kept, although a rule answers 0x0000" in caplog.text


def test_a_past_object_is_looked_at_in_the_archive(server: Server) -> None:
    assoc = server.associate()
    assert assoc.send_c_store(an_object()).Status == 0x0000
    assoc.release()
    occasion = server.last()
    assert occasion.summary.startswith("C-STORE CT Image Storage, 1.2.826")
    rules = [Rule(name="doe", match=Match(keys=KEYS)), Rule(name="roe", match=Match(keys={"PatientName": "ROE"}))]
    verdicts = server.book.explain(occasion, reversed(rules))
    assert [verdict.sentence for verdict in verdicts] == ["PatientName is DOE^J, not ROE.", "It applies."]
    (path,) = parts(server.archive)
    path.unlink()
    (verdict,) = server.book.explain(occasion, rules[:1])
    assert verdict.sentence == "The data set cannot be read: The object's file is not there any more."


def test_a_past_query_is_looked_at_when_it_was_small(server: Server) -> None:
    assoc = server.associate()
    step = Dataset()
    step.Modality = "MR"
    small, large = Dataset(), Dataset()
    small.PatientName = large.PatientName = "DOE*"
    small.ScheduledProcedureStepSequence = [step]
    large.TextValue = "x" * 2 * LARGEST_KEPT
    list(assoc.send_c_find(small, WORKLIST))
    list(assoc.send_c_find(large, WORKLIST))
    assoc.release()
    server.ae.shutdown()
    gc.collect()
    past = [occasion for occasion, _ in server.book.occasions if occasion.event == "EVT_C_FIND"]
    keys = {"PatientName": "DOE*", "ScheduledProcedureStepSequence.Modality": "MR"}
    rule = Rule(name="a", match=Match(keys=keys))
    assert server.book.explain(past[0], [rule])[0].applies
    assert "bytes and was not kept" in server.book.explain(past[1], [rule])[0].sentence
    assert past[0].summary == "C-FIND Modality Worklist Information Model - FIND, PatientName=DOE*"


def test_a_large_query_is_looked_at_while_it_is_answered(server: Server) -> None:
    large = Dataset()
    large.TextValue = "x" * 2 * LARGEST_KEPT
    match = Match(keys={"TextValue": "x*"})
    server.book.replace([Rule(name="a", match=match, action=Action(answer="status", status=0xA700))])
    assoc = server.associate()
    assert [status.Status for status, _ in assoc.send_c_find(large, WORKLIST)] == [0xA700]
    assoc.release()


def test_a_damaged_query_fulfils_no_key_and_is_answered(server: Server) -> None:
    server.book.replace([Rule(name="a", match=Match(events=("EVT_C_FIND",), keys={"PatientName": ""}))])
    assoc = server.associate()
    broken = Dataset()
    broken.PatientName = "DOE"
    # What is encoded is cut, behind the client's back.
    from workstation.net import data_sets

    whole = data_sets.encode_for
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data_sets, "encode_for", lambda *args: whole(*args)[:-2])
        answers = [status.Status for status, _ in assoc.send_c_find(broken, WORKLIST)]
    assert answers == [0x0000]
    assoc.release()
    assert server.book.hits("a").considered == 1
    assert server.book.hits("a").matched == 0
    (verdict,) = server.book.explain(server.last())
    assert verdict.sentence.startswith("The data set cannot be read: The data set ends inside")


def test_what_is_asked_is_summed_up(server: Server) -> None:
    assoc = server.associate()
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    identifier.PatientID = "7\u202e"
    identifier.SpecificCharacterSet = "ISO_IR 192"
    list(assoc.send_c_move(identifier, "AWAY", MOVE))
    assert server.last().summary == "C-MOVE Study Root, STUDY, PatientID=7\\u202e, to AWAY"
    assoc.send_n_action(Dataset(), 1, COMMITMENT, "1.2.840.10008.1.20.1.1")
    assert server.last().summary == "N-ACTION Storage Commitment Push Model, action 1, 1.2.840.10008.1.20.1.1"
    assoc.release()


def test_an_occasion_holds_neither_its_event_nor_its_association(server: Server) -> None:
    assoc = server.associate()
    list(assoc.send_c_find(Dataset(), WORKLIST))
    assoc.release()
    server.ae.shutdown()
    assert server.last().event == "EVT_C_FIND"
    assert len(server.seen) == 2
    # A thread may have the association on its stack until a moment after its end.
    until = time.monotonic() + 10
    while any(reference() is not None for reference in server.seen) and time.monotonic() < until:
        gc.collect()
    assert [reference() for reference in server.seen] == [None, None]
