"""The log of servers without a window: what is summed up in it, and what is not."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Iterator

import pytest
from pydicom.dataset import Dataset

from workstation.message_log import MessageLog, PlainFormatter, message_log
from workstation.net import AE, evt
from workstation.net.association import Association
from workstation.net.codec.dimse import C_STORE_RQ
from workstation.net.default_logging import MESSAGES
from workstation.net.events import Event

VERIFICATION = "1.2.840.10008.1.1"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"


class Lines(io.StringIO):
    """What was written, without times."""

    def lines(self) -> list[str]:
        return [line.partition(" INFO    ")[2] or line for line in self.getvalue().splitlines()]

    def of(self, words: str) -> list[str]:
        return [line for line in self.lines() if words in line]

    def end(self, association: Association) -> str:
        """Release, and return the server's last line of it: that may come a moment after its answer."""
        server = self.of("requested by CLIENT")[0].partition(":")[0]
        association.release()
        deadline = time.monotonic() + 30
        while not self.of(last := f"{server}: released") and time.monotonic() < deadline:
            time.sleep(0.01)
        return last


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Lines:
    lines = Lines()
    monkeypatch.setattr("sys.stdout", lines)
    return lines


@pytest.fixture
def log(written: Lines) -> Iterator[MessageLog]:
    with message_log() as log:
        yield log


@pytest.fixture
def association(log: MessageLog) -> Iterator[Association]:
    """One with a server that logs."""
    statuses = iter([0x0000] * 5 + [0x0122] * 2 + [0x0000] * 100)

    def find(_: Event) -> Iterator[tuple[int, Dataset]]:
        for number in range(7):
            found = Dataset()
            found.PatientID = f"P{number}"
            yield 0xFF00, found

    server = AE("SERVER")
    for uid in (VERIFICATION, STUDY_ROOT_FIND):
        server.add_supported_context(uid)
    handlers = [(evt.EVT_C_ECHO, lambda _: next(statuses)), (evt.EVT_C_FIND, find), *log.handlers()]
    listening = server.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert listening is not None
    client = AE("CLIENT")
    for uid in (VERIFICATION, STUDY_ROOT_FIND):
        client.add_requested_context(uid)
    association = client.associate(*listening.server_address[:2])
    assert association.is_established
    yield association
    association.release()
    listening.shutdown()
    client.shutdown()


def test_what_is_said_again_and_again_is_one_line_before_whatever_comes_next(
    association: Association, written: Lines
) -> None:
    for _ in range(5):
        association.send_c_echo()
    assert written.of("C-ECHO") == []
    last = written.end(association)
    said = written.lines()
    assert written.of("5 C-ECHO-RQ")[0].endswith("received 5 C-ECHO-RQ, Verification SOP Class (1.2.840.10008.1.1)")
    assert written.of("5 C-ECHO-RSP")[0].endswith("status 0x0000 (Success)")
    assert said.index(written.of("5 C-ECHO-RSP")[0]) < said.index(last)


def test_a_failure_has_its_own_line_at_once(association: Association, written: Lines) -> None:
    for _ in range(7):
        association.send_c_echo()
    written.end(association)
    failed = written.of("0x0122")
    assert len(failed) == 2
    assert "(to Message ID 1)" in failed[0]
    # what was said before it stands before it
    assert written.lines().index(written.of("5 C-ECHO-RSP")[0]) < written.lines().index(failed[0])


def test_what_is_asked_for_has_its_line_and_matches_are_counted(association: Association, written: Lines) -> None:
    identifier = Dataset()
    identifier.QueryRetrieveLevel, identifier.PatientID = "PATIENT", "P*"
    assert len(list(association.send_c_find(identifier, STUDY_ROOT_FIND))) == 8
    written.end(association)
    assert len(written.of("C-FIND-RQ")) == 1
    assert "P*" in written.of("Patient ID")[0]
    assert len(written.of("7 C-FIND-RSP")) == 1


def test_who_sends_something_new_each_time_does_not_fill_the_memory(association: Association, log: MessageLog) -> None:
    for number in range(1000):
        log._note(Event(association, evt.EVT_DIMSE_RECV, {"message": _store(f"1.2.{number}")}), "received")
        assert len(log._counted) <= 101


def _store(sop_class: str) -> C_STORE_RQ:
    return C_STORE_RQ(context_id=1, MessageID=1, AffectedSOPClassUID=sop_class, AffectedSOPInstanceUID="1.2.3")


def test_a_line_of_the_log_is_nobody_elses() -> None:
    record = logging.makeLogRecord({"msg": "%s", "args": ("a\x1b[2J\x00\u202eb\n2026-01-01 INFO forged\n  kept",)})
    assert PlainFormatter("%(message)s").format(record) == (
        "a\\x1b[2J\\x00\\x202eb\n    2026-01-01 INFO forged\n  kept"
    )


def test_afterwards_the_log_is_as_it_was(written: Lines) -> None:
    logger = logging.getLogger("workstation")
    before = logger.level, MESSAGES.level, list(logger.handlers)
    with message_log():
        assert MESSAGES.getEffectiveLevel() == logging.WARNING
    assert (logger.level, MESSAGES.level, list(logger.handlers)) == before
