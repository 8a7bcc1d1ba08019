"""What is logged without being asked for, and what never is."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian

from workstation.net import _config, default_logging, dsutils, events, sop_class
from workstation.net.codec import dimse, pdu
from workstation.net.events import Event, Handlers
from workstation.net.pdu_primitives import A_ASSOCIATE, A_RELEASE
from workstation.net.presentation import build_context

FIND = str(sop_class.StudyRootQueryRetrieveInformationModelFind)


@pytest.fixture
def package_logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("workstation.net")
    handlers, level = logger.handlers, logger.level
    yield logger
    logger.handlers = handlers
    logger.setLevel(level)


def assoc(**values: Any) -> Any:
    context = build_context(FIND, ImplicitVRLittleEndian)
    context.context_id = 1
    defaults = {
        "number": 7,
        "is_requestor": True,
        "acceptor": SimpleNamespace(ae_title="PACS"),
        "requestor": SimpleNamespace(ae_title="US\x1b[31m"),
        "accepted_contexts": [context],
        "rejected_contexts": [],
        "rejection": None,
        "end_reason": "",
    }
    return SimpleNamespace(**{**defaults, **values})


def log_of(caplog: pytest.LogCaptureFixture, level: int, event: events.NotificationEvent, of: Any, **attrs: Any) -> str:
    handlers = Handlers()
    with caplog.at_level(level, logger="workstation.net"):
        default_logging.bind_default_handlers(handlers)
        events.run_notification(handlers, Event(of, event, attrs))
    return "\n".join(record.getMessage() for record in caplog.records)


def test_nothing_is_bound_when_none_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_config, "LOG_HANDLER_LEVEL", "none")
    handlers = Handlers()
    default_logging.bind_default_handlers(handlers)
    assert all(handlers.get_handlers(event) == [] for event in events.NOTIFICATION_EVENTS)


def test_what_is_bound(caplog: pytest.LogCaptureFixture) -> None:
    handlers = Handlers()
    with caplog.at_level(logging.INFO, logger="workstation.net"):
        default_logging.bind_default_handlers(handlers)
        bound = {event for event in events.NOTIFICATION_EVENTS if handlers.has(event)}
    assert events.EVT_DIMSE_RECV in bound
    assert events.EVT_ABORTED in bound
    # A handler there would have each PDU's bytes kept: only when somebody listens.
    assert not bound & {events.EVT_PDU_RECV, events.EVT_PDU_SENT, events.EVT_DATA_RECV, events.EVT_DATA_SENT}
    with caplog.at_level(logging.DEBUG, logger="workstation.net"):
        default_logging.bind_default_handlers(handlers)
        assert handlers.has(events.EVT_PDU_RECV)
    assert len(handlers.notification(events.EVT_DIMSE_RECV)) == 1


def test_nobody_hears_while_the_log_is_off(caplog: pytest.LogCaptureFixture) -> None:
    handlers = Handlers()
    default_logging.bind_default_handlers(handlers)
    accepted, aborted = events.EVT_ACCEPTED, events.EVT_ABORTED
    with caplog.at_level(logging.WARNING, logger="workstation.net"):
        assert not handlers.has(accepted)
        assert handlers.has(aborted)  # an error
        handlers.bind(accepted, print)
        assert handlers.has(accepted)
        handlers.unbind(accepted, print)
        assert not handlers.has(accepted)
        assert len(handlers.notification(accepted)) == 1
        events.run_notification(handlers, Event(assoc(), accepted))
        assert not caplog.records
    # the level counts when something happens, not when the handlers were bound
    with caplog.at_level(logging.INFO, logger="workstation.net"):
        assert handlers.has(accepted)
        events.run_notification(handlers, Event(assoc(), accepted))
        assert "accepted" in caplog.text


def test_debug_logger_leaves_exactly_one_stream_handler(package_logger: logging.Logger) -> None:
    package_logger.addHandler(logging.StreamHandler())
    default_logging.debug_logger()
    default_logging.debug_logger()
    (handler,) = package_logger.handlers
    assert isinstance(handler, logging.StreamHandler)
    assert package_logger.level == logging.DEBUG
    stream = io.StringIO()
    handler.setStream(stream)
    logging.getLogger("workstation.net.anything").debug("a message")
    logging.getLogger("workstation.net").error("another")
    assert stream.getvalue() == "D: a message\nE: another\n"


def test_life_of_an_association(caplog: pytest.LogCaptureFixture) -> None:
    rejection = pdu.A_ASSOCIATE_RJ(result=1, source=1, reason=7)
    for event, of, part in [
        (events.EVT_REQUESTED, assoc(), "requesting association with PACS"),
        (events.EVT_REQUESTED, assoc(is_requestor=False), r"requested by US\x1b[31m"),
        (events.EVT_ACCEPTED, assoc(), "1 presentation context(s) accepted and 0 rejected"),
        (events.EVT_REJECTED, assoc(rejection=rejection), "called-AE-title-not-recognized"),
        (events.EVT_RELEASED, assoc(), "Association 7: released"),
        (events.EVT_ABORTED, assoc(end_reason="The peer aborted"), "The peer aborted"),
    ]:
        caplog.clear()
        assert part in log_of(caplog, logging.INFO, event, of)


def association_request(*items: pdu.UserItem) -> A_ASSOCIATE:
    return A_ASSOCIATE(
        pdu.A_ASSOCIATE_RQ(
            called_ae_title="PACS",
            calling_ae_title="US",
            presentation_contexts=(
                pdu.ProposedContext(context_id=1, abstract_syntax=FIND, transfer_syntaxes=("1.2.840.10008.1.2",)),
            ),
            user_information=items,
        )
    )


def test_parameters_of_a_request(caplog: pytest.LogCaptureFixture) -> None:
    primitive = association_request(
        pdu.MaximumLength(16382),
        pdu.ImplementationClassUID("1.2.3"),
        pdu.ImplementationVersionName("V\n1"),
        pdu.AsynchronousOperationsWindow(1, 1),
        pdu.RoleSelection(FIND, True, False),
        pdu.SOPClassExtendedNegotiation(FIND, b"\x01"),
        pdu.SOPClassCommonExtendedNegotiation(FIND, "1.2.840.10008.4.2"),
        pdu.UserIdentityRQ(2, True, b"user-name", b"pass-code"),
        pdu.UnknownItem(0x5F, b"abc"),
    )
    text = log_of(caplog, logging.DEBUG, events.EVT_ACSE_SENT, assoc(), primitive=primitive)
    for part in (
        "sent A-ASSOCIATE",
        "Called AE Title: PACS",
        "Presentation Context ID 1: Study Root",
        "Implicit VR Little Endian",
        "Maximum Length: 16382",
        r"V\n1",
        "SCU 1, SCP 0",
        "User Identity: type 2 (Username and passcode)",
        "Unknown item 5FH of 3 bytes",
    ):
        assert part in text
    assert "user-name" not in text
    assert "pass-code" not in text


def test_parameters_of_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    primitive = A_ASSOCIATE(
        pdu.A_ASSOCIATE_AC(
            called_ae_title="PACS",
            calling_ae_title="US",
            presentation_contexts=(
                pdu.AnsweredContext(context_id=1, result=0, transfer_syntax="1.2.840.10008.1.2"),
                pdu.AnsweredContext(context_id=3, result=3),
            ),
            user_information=(pdu.UserIdentityAC(b"secret ticket"),),
        )
    )
    text = log_of(caplog, logging.DEBUG, events.EVT_ACSE_RECV, assoc(), primitive=primitive)
    assert "ID 1: acceptance: Implicit VR Little Endian" in text
    assert "ID 3: abstract-syntax-not-supported" in text
    assert "13 bytes" in text
    assert "secret" not in text


def test_primitives_without_parameters(caplog: pytest.LogCaptureFixture) -> None:
    text = log_of(caplog, logging.DEBUG, events.EVT_ACSE_RECV, assoc(), primitive=A_RELEASE())
    assert "received A-RELEASE" in text


def test_pdus_by_name(caplog: pytest.LogCaptureFixture) -> None:
    text = log_of(caplog, logging.DEBUG, events.EVT_PDU_SENT, assoc(), pdu=lambda: pdu.A_RELEASE_RQ())
    assert "sent A-RELEASE-RQ PDU" in text


def find_request(data: bytes) -> dimse.C_FIND_RQ:
    return dimse.C_FIND_RQ(MessageID=4, AffectedSOPClassUID=FIND, Priority=2, context_id=1, data=data)


def keys() -> bytes:
    dataset = Dataset()
    dataset.PatientName = "DOE^J*"
    dataset.QueryRetrieveLevel = "STUDY"
    return dsutils.encode_in(dataset, ImplicitVRLittleEndian) or b""


def test_messages_and_their_identifiers(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    text = log_of(caplog, logging.INFO, events.EVT_DIMSE_SENT, assoc(), message=find_request(keys()))
    assert "Association 7: sent C-FIND-RQ (Message ID 4), Study Root" in text
    assert "DOE^J*" in text
    assert "Priority" not in text
    caplog.clear()
    monkeypatch.setattr(_config, "LOG_REQUEST_IDENTIFIERS", False)
    assert "DOE" not in log_of(caplog, logging.INFO, events.EVT_DIMSE_SENT, assoc(), message=find_request(keys()))
    caplog.clear()
    answer = dimse.C_FIND_RSP(
        MessageIDBeingRespondedTo=4, Status=0xFF00, AffectedSOPClassUID=FIND, context_id=1, data=keys()
    )
    text = log_of(caplog, logging.DEBUG, events.EVT_DIMSE_RECV, assoc(), message=answer)
    assert "received C-FIND-RSP (to Message ID 4)" in text
    assert "0xFF00 (Pending)" in text
    assert "DOE^J*" in text
    caplog.clear()
    monkeypatch.setattr(_config, "LOG_RESPONSE_IDENTIFIERS", False)
    assert "DOE" not in log_of(caplog, logging.INFO, events.EVT_DIMSE_RECV, assoc(), message=answer)


def test_an_identifier_that_cannot_be_decoded_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    text = log_of(caplog, logging.INFO, events.EVT_DIMSE_RECV, assoc(), message=find_request(b"\xff" * 11))
    assert "C-FIND-RQ" in text
    assert all(record.levelno == logging.INFO for record in caplog.records)


def test_a_long_identifier_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    dataset = Dataset()
    dataset.ReferencedStudySequence = [Dataset() for _ in range(200)]
    for item in dataset.ReferencedStudySequence:
        item.StudyInstanceUID = "1.2.3"
    data = dsutils.encode_in(dataset, ImplicitVRLittleEndian) or b""
    text = log_of(caplog, logging.INFO, events.EVT_DIMSE_RECV, assoc(), message=find_request(data))
    assert len(text.splitlines()) < 110
    assert len(caplog.records) == 1
    assert "lines)" in text


def test_of_a_deep_identifier_the_upper_levels_are_shown(caplog: pytest.LogCaptureFixture) -> None:
    data = b""
    for _ in range(300):
        item = b"\xfe\xff\x00\xe0" + len(data).to_bytes(4, "little") + data
        data = b"\x08\x00\x10\x11" + len(item).to_bytes(4, "little") + item
    text = log_of(caplog, logging.INFO, events.EVT_DIMSE_RECV, assoc(), message=find_request(data))
    assert "(0008,1110)" in text
    assert max(len(line) - len(line.lstrip()) for line in text.splitlines()) < 60
    assert len(text.splitlines()) < 50
    assert text.rstrip().endswith("---------")


def test_a_store_shows_no_data_set(caplog: pytest.LogCaptureFixture) -> None:
    request = dimse.C_STORE_RQ(
        MessageID=1, AffectedSOPClassUID=str(sop_class.CTImageStorage), context_id=1, data=keys()
    )
    assert "DOE" not in log_of(caplog, logging.DEBUG, events.EVT_DIMSE_RECV, assoc(), message=request)


def test_text_of_a_peer_is_escaped(caplog: pytest.LogCaptureFixture) -> None:
    answer = dimse.C_ECHO_RSP(MessageIDBeingRespondedTo=1, Status=0x0110, ErrorComment="bad\x1b]0;title\x07\nfake line")
    text = log_of(caplog, logging.DEBUG, events.EVT_DIMSE_RECV, assoc(), message=answer)
    assert "\x1b" not in text
    assert r"\nfake line" in text


def test_nothing_is_made_when_nobody_listens(caplog: pytest.LogCaptureFixture) -> None:
    def never() -> None:
        raise AssertionError("made although nobody listens")

    for event in (events.EVT_DIMSE_RECV, events.EVT_ACSE_SENT):
        assert log_of(caplog, logging.WARNING, event, assoc(), message=never, primitive=never) == ""
