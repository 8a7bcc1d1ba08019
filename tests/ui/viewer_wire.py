"""Records of a made-up association for the viewers' tests; the bytes come from the real codec."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from itertools import count

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from workstation.net.codec.dimse import C_FIND_RQ, C_FIND_RSP, Message, encode_command
from workstation.net.codec.pdu import (
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RQ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    P_DATA_TF,
    PDU,
    PDV,
    AnsweredContext,
    ImplementationClassUID,
    ImplementationVersionName,
    MaximumLength,
    ProposedContext,
    encode_pdu,
)
from workstation.traffic.record import ConversationFacts, Record, Step

IMPLICIT = "1.2.840.10008.1.2"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
MR = "1.2.840.10008.5.1.4.1.1.4"
USER = (MaximumLength(16384), ImplementationClassUID("1.2.3"), ImplementationVersionName("TEST"))
_numbers = count(1)


def request(calling: str) -> A_ASSOCIATE_RQ:
    contexts = (
        ProposedContext(context_id=1, abstract_syntax=FIND, transfer_syntaxes=(IMPLICIT,)),
        ProposedContext(context_id=3, abstract_syntax=MR, transfer_syntaxes=(IMPLICIT, "1.2.840.10008.1.2.1")),
    )
    return A_ASSOCIATE_RQ(
        called_ae_title="PACS",
        calling_ae_title=calling,
        presentation_contexts=contexts,
        user_information=USER,
    )


def accept(calling: str) -> A_ASSOCIATE_AC:
    contexts = (
        AnsweredContext(context_id=1, result=0, transfer_syntax=IMPLICIT),
        AnsweredContext(context_id=3, result=3, transfer_syntax=IMPLICIT),
    )
    return A_ASSOCIATE_AC(
        called_ae_title="PACS",
        calling_ae_title=calling,
        presentation_contexts=contexts,
        user_information=USER,
    )


def identifier(name: str = "Doe^Jane") -> bytes:
    dataset = Dataset()
    dataset.QueryRetrieveLevel = "PATIENT"
    dataset.PatientName = name
    dataset.PatientID = "4711"
    stream = DicomBytesIO()
    stream.is_little_endian = stream.is_implicit_VR = True
    write_dataset(stream, dataset)
    return BytesIO(stream.getvalue()).read()


class Talk:
    """One association; a hundredth of a second passes with each PDU."""

    def __init__(self, number: int, calling: str = "MODALITY", mode: str = "requestor") -> None:
        self.number = number
        self.calling = calling
        self.mode = mode
        self.time = 1_700_000_000.0 + number

    def record(self, event: str, **values: object) -> Record:
        return Record(next(_numbers), self.time, self.number, event, **values)  # type: ignore[arg-type]

    def pdu(self, pdu: PDU, *, sent: bool, kept: int | None = None) -> list[Record]:
        data = encode_pdu(pdu)
        self.time += 0.01
        way = "SENT" if sent else "RECV"
        return [
            self.record(f"EVT_DATA_{way}", data=data[:kept], length=len(data), pdu_type=data[0]),
            self.record(f"EVT_PDU_{way}", pdu_type=data[0]),
        ]

    def step(self, *step: str) -> Record:
        return self.record("EVT_FSM_TRANSITION", transition=Step(*step))

    def begin(self) -> list[Record]:
        facts = ConversationFacts(self.mode, self.calling, "PACS", "10.1.2.3", 104)
        return [
            self.step("Sta1", "Evt1", "AE-1", "Sta4"),
            self.record("EVT_CONN_OPEN", address=("10.1.2.3", 104), facts=facts),
            self.record("EVT_REQUESTED", facts=facts),
            self.step("Sta4", "Evt2", "AE-2", "Sta5"),
            *self.pdu(request(self.calling), sent=True),
            *self.pdu(accept(self.calling), sent=False),
            self.step("Sta5", "Evt3", "AE-3", "Sta6"),
            self.record("EVT_ESTABLISHED", facts=facts),
        ]

    def message(self, message: Message, data: bytes = b"", *, sent: bool, fragment: int = 16000) -> list[Record]:
        records: list[Record] = []
        for is_command, whole in ((True, encode_command(message)), (False, data)):
            for start in range(0, len(whole), fragment):
                pdv = PDV(
                    message.context_id, is_command, start + fragment >= len(whole), whole[start : start + fragment]
                )
                records += self.pdu(P_DATA_TF((pdv,)), sent=sent)
                cell = ("Evt9", "DT-1") if sent else ("Evt10", "DT-2")
                records.append(self.step("Sta6", *cell, "Sta6"))
        records.append(self.record("EVT_DIMSE_SENT" if sent else "EVT_DIMSE_RECV", message=message, length=len(data)))
        return records

    def find(self, message_id: int = 1, name: str = "Doe^Jane", *, fragment: int = 16000) -> list[Record]:
        """A request, one match and the final response."""
        asked = C_FIND_RQ(context_id=1, MessageID=message_id, AffectedSOPClassUID=FIND, Priority=0, has_data_set=True)
        records = self.message(asked, identifier("*"), sent=True)
        for status in (0xFF00, 0):
            answer = C_FIND_RSP(
                context_id=1,
                MessageIDBeingRespondedTo=message_id,
                AffectedSOPClassUID=FIND,
                Status=status,
                has_data_set=status == 0xFF00,
            )
            records += self.message(answer, identifier(name) if status else b"", sent=False, fragment=fragment)
        return records

    def end(self) -> list[Record]:
        facts = ConversationFacts(self.mode, self.calling, "PACS", "10.1.2.3", 104, end_reason="It was released")
        return [
            self.step("Sta6", "Evt11", "AR-1", "Sta7"),
            *self.pdu(A_RELEASE_RQ(), sent=True),
            *self.pdu(A_RELEASE_RP(), sent=False),
            self.step("Sta7", "Evt13", "AR-3", "Sta1"),
            self.record("EVT_RELEASED", facts=facts),
            self.record("EVT_CONN_CLOSE", address=("10.1.2.3", 104), facts=facts),
        ]


def whole(number: int, finds: int = 1) -> list[Record]:
    """An association from beginning to end."""
    talk = Talk(number)
    records = talk.begin()
    for message_id in range(1, finds + 1):
        records += talk.find(message_id)
    return records + talk.end()


def emit(bridge: object, records: Iterable[Record]) -> None:
    """Give records to a bridge's signals as its drain would."""
    bridge._emit(list(records))  # type: ignore[attr-defined]
