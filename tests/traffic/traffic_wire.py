"""Records of made-up associations, their bytes encoded by the real codec."""

from __future__ import annotations

from itertools import count

from workstation.net.codec.dimse import C_ECHO_RQ, C_ECHO_RSP, C_STORE_RQ, Message, encode_command
from workstation.net.codec.pdu import (
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RQ,
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
EXPLICIT = "1.2.840.10008.1.2.1"
VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"

USER = (MaximumLength(16384), ImplementationClassUID("1.2.3"), ImplementationVersionName("TEST"))
REQUEST = A_ASSOCIATE_RQ(
    called_ae_title="PACS",
    calling_ae_title="MODALITY",
    presentation_contexts=(
        ProposedContext(context_id=1, abstract_syntax=VERIFICATION, transfer_syntaxes=(IMPLICIT,)),
        ProposedContext(context_id=3, abstract_syntax=CT, transfer_syntaxes=(EXPLICIT, IMPLICIT)),
        ProposedContext(context_id=5, abstract_syntax="1.2.3.4", transfer_syntaxes=(IMPLICIT,)),
    ),
    user_information=USER,
)
ACCEPT = A_ASSOCIATE_AC(
    called_ae_title="PACS",
    calling_ae_title="MODALITY",
    presentation_contexts=(
        AnsweredContext(context_id=1, result=0, transfer_syntax=IMPLICIT),
        AnsweredContext(context_id=3, result=0, transfer_syntax=EXPLICIT),
        AnsweredContext(context_id=5, result=3, transfer_syntax=IMPLICIT),
    ),
    user_information=USER,
)
ECHO_RQ = C_ECHO_RQ(context_id=1, MessageID=7, AffectedSOPClassUID=VERIFICATION)
ECHO_RSP = C_ECHO_RSP(context_id=1, MessageIDBeingRespondedTo=7, AffectedSOPClassUID=VERIFICATION, Status=0)


def store_rq(message_id: int = 1) -> C_STORE_RQ:
    return C_STORE_RQ(
        context_id=3,
        MessageID=message_id,
        AffectedSOPClassUID=CT,
        AffectedSOPInstanceUID="1.2.3.4.5",
        Priority=0,
        has_data_set=True,
    )


class Wire:
    """Makes the records of one association; a tenth of a second passes with each PDU."""

    numbers = count(1)

    def __init__(self, association: int = 1, mode: str = "requestor") -> None:
        self.association = association
        self.mode = mode
        self.time = 1000.0

    def record(self, event: str, **values: object) -> Record:
        return Record(next(self.numbers), self.time, self.association, event, **values)  # type: ignore[arg-type]

    def open(self) -> Record:
        facts = ConversationFacts(self.mode, "MODALITY", "", "10.1.2.3", 104)
        return self.record("EVT_CONN_OPEN", address=("10.1.2.3", 104), facts=facts)

    def close(self) -> Record:
        return self.record("EVT_CONN_CLOSE", address=("10.1.2.3", 104))

    def step(self, state: str, event: str, action: str, next_state: str) -> Record:
        return self.record("EVT_FSM_TRANSITION", transition=Step(state, event, action, next_state))

    def raw(self, data: bytes, *, sent: bool, kept: int | None = None, lost: int = 0) -> Record:
        self.time += 0.1
        return self.record(
            "EVT_DATA_SENT" if sent else "EVT_DATA_RECV",
            data=data[:kept],
            length=len(data),
            pdu_type=data[0],
            lost=lost,
        )

    def pdu(self, pdu: PDU, *, sent: bool, kept: int | None = None, lost: int = 0) -> Record:
        return self.raw(encode_pdu(pdu), sent=sent, kept=kept, lost=lost)

    def message(
        self,
        message: Message,
        data: bytes | None = None,
        *,
        sent: bool,
        fragment: int = 1 << 20,
        kept: int | None = None,
    ) -> list[Record]:
        """The P-DATA-TF PDUs of a message, one PDV each."""
        stretches = [(True, encode_command(message))]
        if data is not None:
            stretches.append((False, data))
        records = []
        for is_command, whole in stretches:
            for start in range(0, len(whole), fragment):
                last = start + fragment >= len(whole)
                pdv = PDV(message.context_id, is_command, last, whole[start : start + fragment])
                records.append(self.pdu(P_DATA_TF((pdv,)), sent=sent, kept=None if is_command else kept))
        return records

    def established(self) -> list[Record]:
        """All of an accepted request, seen by the requestor."""
        return [
            self.step("Sta1", "Evt1", "AE-1", "Sta4"),
            self.open(),
            self.step("Sta4", "Evt2", "AE-2", "Sta5"),
            self.pdu(REQUEST, sent=True),
            self.pdu(ACCEPT, sent=False),
            self.step("Sta5", "Evt3", "AE-3", "Sta6"),
        ]

    def echo(self) -> list[Record]:
        return [
            *self.message(ECHO_RQ, sent=True),
            self.step("Sta6", "Evt9", "DT-1", "Sta6"),
            *self.message(ECHO_RSP, sent=False),
            self.step("Sta6", "Evt10", "DT-2", "Sta6"),
        ]
