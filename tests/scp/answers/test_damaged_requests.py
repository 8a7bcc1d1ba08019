"""Damaged and monstrous data sets of requests: each is answered with a status, none fails a handler."""

from __future__ import annotations

import contextlib
import random
import threading
import zlib
from collections.abc import Callable, Iterator
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from scp_objects import EXPLICIT, IMPLICIT, encode
from test_availability import told
from test_procedure_step import begun, ended

from workstation.net import dsutils
from workstation.scp.answers.availability import NOTIFICATION, Availability
from workstation.scp.answers.procedure_step import STEP, ProcedureSteps
from workstation.scp.answers.reading import MOST_LEVELS, UnreadableDataSetError, read_data_set
from workstation.scp.answers.worklist import Worklist
from workstation.scp.answers.worklist_items import add_items
from workstation.scp.answers.worklist_samples import sample_worklist
from workstation.scp.archive.archive import Archive
from workstation.scp.ledger import Ledger
from workstation.scp.surroundings import Later, Surroundings

DEFLATED = "1.2.840.10008.1.2.1.99"
UID = "1.2.3.4"


def event(data: bytes | None, syntax: str = EXPLICIT, sop_class: str = STEP, uid: str | None = UID) -> Any:
    """What a handler sees of a request."""
    return SimpleNamespace(
        request=SimpleNamespace(
            data=data,
            AffectedSOPClassUID=sop_class,
            AffectedSOPInstanceUID=uid,
            RequestedSOPClassUID=sop_class,
            RequestedSOPInstanceUID=uid,
        ),
        context=SimpleNamespace(transfer_syntax=syntax),
        assoc=SimpleNamespace(requestor=SimpleNamespace(ae_title="PEER")),
        over=threading.Event(),
        is_cancelled=False,
    )


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surroundings]:
    folder = tmp_path_factory.mktemp("kept")
    archive = Archive(folder / "archive", durable=False)
    ledger = Ledger(f"sqlite:///{folder / 'ledger.sqlite'}", durable=False)
    yield Surroundings(
        archive=archive,
        ledger=ledger,
        ae_title=lambda: "WORKSTATION",
        destinations=lambda _: None,
        associate=lambda *_: None,
        later=Later(),
    )
    ledger.close()
    archive.close()


# The test's own: pydicom says of each odd value that it is odd.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


# reading


def nested(levels: int) -> Dataset:
    data_set = place = Dataset()
    for _ in range(levels):
        place.ReferencedStudySequence = Sequence([Dataset()])
        place = place.ReferencedStudySequence[0]
    place.Modality = "CT"
    return data_set


def test_what_is_whole_is_read() -> None:
    assert read_data_set(event(None)) == Dataset()
    assert read_data_set(event(b"")) == Dataset()
    for syntax in (EXPLICIT, IMPLICIT):
        assert read_data_set(event(encode(begun(), syntax), syntax)) == begun()
    assert read_data_set(event(encode(nested(MOST_LEVELS - 1)))) == nested(MOST_LEVELS - 1)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_cut_at_every_length(syntax: str) -> None:
    encoded = encode(told("ONLINE"), syntax)
    whole = 0
    for length in range(len(encoded)):
        with contextlib.suppress(UnreadableDataSetError):
            whole += read_data_set(event(encoded[:length], syntax)) is not None
    assert whole < 10, "only at the ends of elements"


@pytest.mark.parametrize(
    ("data", "syntax", "word"),
    [
        (encode(nested(MOST_LEVELS)), EXPLICIT, "levels"),
        (encode(nested(200)), EXPLICIT, "levels"),
        (b"\x08\0\x10\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff" * 20_000, EXPLICIT, "nest"),
        (b"\x10\0\x20\0LO\0\0" * 1000, EXPLICIT, "elements"),
        (encode(told(*["ONLINE"] * 200)), EXPLICIT, "elements"),
        (b"\x10\0\x00\x40LT\x00\x80" + b"x" * 0x8000, EXPLICIT, "bytes"),
        (zlib.compress(encode(begun(TextValue="x" * 100_000)))[2:-4], DEFLATED, "inflates"),
        (b"no deflate stream", DEFLATED, "inflate"),
    ],
)
def test_too_much_of_anything(data: bytes, syntax: str, word: str) -> None:
    longest = 30_000 if word in ("bytes", "inflates") else 10_000_000
    with pytest.raises(UnreadableDataSetError, match=word):
        read_data_set(event(data, syntax), longest=longest, most_elements=500)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([EXPLICIT, IMPLICIT, DEFLATED]))
def test_any_bytes_are_a_data_set_or_refused(data: bytes, syntax: str) -> None:
    with contextlib.suppress(UnreadableDataSetError):
        read_data_set(event(data, syntax))


# handlers


def mutations(encoded: bytes, count: int, seed: int) -> Iterator[bytes]:
    """The same bytes with a few changed: most are still data sets, with odd tags, VRs, lengths and values."""
    chance = random.Random(seed)
    for _ in range(count):
        changed = bytearray(encoded)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(changed))
            changed[place] = chance.choice((0, 0xFF, 0x5C, 0x2A, 0x2D, chance.randrange(256)))
        yield bytes(changed)


def status_of(answer: Any) -> int:
    status, data_set = answer
    assert data_set is None or isinstance(data_set, Dataset)
    return int(status.Status if isinstance(status, Dataset) else status)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_handlers_of_n_services_answer_anything(surroundings: Surroundings, syntax: str) -> None:
    steps, availability = ProcedureSteps(surroundings), Availability(surroundings)
    handlers = {key: handler for one in (steps, availability) for key, handler in one.handlers().items()}
    by_name: dict[tuple[str, str], Callable[[Any], Any]] = {
        (happened.name, uid): handler for (happened, uid), handler in handlers.items()
    }
    create, change = by_name["EVT_N_CREATE", STEP], by_name["EVT_N_SET", STEP]
    notify = by_name["EVT_N_CREATE", NOTIFICATION]
    seen = set()
    for number, data in enumerate(mutations(encode(begun(), syntax), 60, 1)):
        seen.add(status_of(create(event(data, syntax, uid=f"1.2.{number}"))))
    surroundings.ledger.remove("procedure-step", UID)
    assert status_of(create(event(encode(begun(), syntax), syntax))) == 0
    for data in mutations(encode(ended(), syntax), 60, 2):
        seen.add(status_of(change(event(data, syntax))))
        surroundings.ledger.remove("procedure-step", UID)
        assert status_of(create(event(encode(begun(), syntax), syntax))) == 0
    for number, data in enumerate(mutations(encode(told("ONLINE", "OFFLINE"), syntax), 40, 3)):
        seen.add(status_of(notify(event(data, syntax, NOTIFICATION, f"1.3.{number}"))))
    assert {0x0000, 0x0110, 0x0120, 0x0121} <= seen
    # what was taken can be read again by everybody
    for kind in surroundings.ledger.counts():
        for record in surroundings.ledger.records(kind):
            assert dsutils.encode_in(record.data_set, EXPLICIT) is not None
            surroundings.ledger.remove(kind, record.uid)


def test_the_worklist_answers_anything(surroundings: Surroundings) -> None:
    add_items(surroundings.ledger, sample_worklist(date(2026, 7, 5)))
    worklist = Worklist(surroundings)
    identifier = Dataset()
    identifier.SpecificCharacterSet = "ISO_IR 192"
    identifier.PatientName, identifier.PatientBirthDate, identifier.PatientWeight = "*", "19000101-", ""
    step = Dataset()
    step.Modality, step.ScheduledProcedureStepStartTime = "", "0700-1900"
    step.ScheduledProtocolCodeSequence = Sequence()
    identifier.ScheduledProcedureStepSequence = Sequence([step])
    encoded = encode(identifier)
    ends: set[int] = set()
    for data in (encoded, *mutations(encoded, 100, 4)):
        for status, answer in worklist.find(event(data)):
            code = int(status.Status if isinstance(status, Dataset) else status)
            ends.add(code)
            if answer is not None:
                assert code in (0xFF00, 0xFF01)
                assert dsutils.encode_in(answer, EXPLICIT) is not None
    assert {0xFF00, 0xFF01, 0xA900, 0xC000} <= ends
