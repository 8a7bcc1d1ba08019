"""A day's worklist of a small radiology department, made so that its dates fit. Pure; nobody in it is real."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from workstation.scp.answers.worklist_items import worklist_item

_NAMESPACE = uuid.UUID("5b0b2a5e-4d0f-4c55-9a3c-0d0c7d1f3a61")


@dataclass(frozen=True, slots=True)
class _Patient:
    number: str
    name: str
    sex: str
    age: int
    birthday: str
    weight: str
    remarks: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Order:
    time: str
    modality: str
    station: str
    room: str
    patient: str
    code: str
    procedure: str
    step: str
    priority: str = "ROUTINE"
    contrast: str = ""
    status: str = "SCHEDULED"


_PATIENTS = {
    patient.number: patient
    for patient in (
        _Patient("DW-0001", "Miller^Anna^K", "F", 47, "0312", "64"),
        _Patient("DW-0002", "Müller^Jürgen^^Dr.", "M", 61, "1105", "88.5"),
        _Patient("DW-0003", "Yamada^Tarou=山田^太郎=やまだ^たろう", "M", 39, "0721", "70"),
        _Patient("DW-0004", "Dubois^Chloé", "F", 28, "0930", "57", (("PregnancyStatus", "1"),)),
        _Patient("DW-0005", "Παπαδοπούλου^Ελένη", "F", 72, "0218", "69", (("Allergies", "Iodinated contrast"),)),
        _Patient("DW-0006", "Okafor^Chidi", "M", 8, "0504", "27", (("SpecialNeeds", "Parent stays in the room"),)),
        _Patient("DW-0007", "Иванов^Пётр", "M", 55, "1212", "94", (("MedicalAlerts", "Cardiac pacemaker"),)),
        _Patient("DW-0008", "Garcia Lopez^Maria", "F", 51, "0827", "73"),
        _Patient("DW-0009", "Unknown^Trauma 7", "O", 40, "0101", "80"),
        _Patient("DW-0010", "Hansen^Søren", "M", 66, "0616", "101"),
    )
}

# fmt: off
_ORDERS = (
    _Order("080000", "CR", "CR_ROOM1", "Room 1", "DW-0001", "XR-CHEST-2",
           "Chest, two views", "Chest PA and lateral"),
    _Order("083000", "CT", "CT_SCAN1", "CT 1", "DW-0002", "CT-ABD-C",
           "CT abdomen with contrast", "Abdomen, portal venous", contrast="Iopromide 370, 100 ml", status="ARRIVED"),
    _Order("084500", "US", "US_ECHO2", "Ultrasound 2", "DW-0004", "US-ABD",
           "Ultrasound abdomen", "Abdomen complete"),
    _Order("090000", "MR", "MR_15T", "MR 1", "DW-0003", "MR-KNEE-L",
           "MR knee left", "Knee, proton density"),
    _Order("093000", "DX", "DX_BUCKY", "Room 2", "DW-0006", "XR-FOREARM-2",
           "Left forearm, two views", "Forearm AP and lateral", priority="HIGH"),
    _Order("100000", "MG", "MG_SCREEN", "Mammography", "DW-0008", "MG-SCREEN",
           "Screening mammography", "CC and MLO, both sides"),
    _Order("101500", "CT", "CT_SCAN1", "CT 1", "DW-0009", "CT-TRAUMA",
           "CT polytrauma", "Head to pelvis", contrast="Iomeprol 400, 120 ml", priority="STAT"),
    _Order("110000", "MR", "MR_30T", "MR 2", "DW-0005", "MR-BRAIN",
           "MR brain", "Brain without contrast"),
    _Order("113000", "NM", "NM_GAMMA", "Gamma camera", "DW-0007", "NM-BONE",
           "Bone scintigraphy", "Whole body, late phase"),
    _Order("130000", "PT", "PT_CT1", "PET/CT", "DW-0010", "PT-FDG",
           "FDG PET/CT", "Skull base to thigh"),
    _Order("134500", "XA", "XA_CATH", "Cath lab", "DW-0010", "XA-COR",
           "Coronary angiography", "Left and right coronary"),
    _Order("143000", "US", "US_ECHO2", "Ultrasound 2", "DW-0001", "US-THYROID",
           "Ultrasound thyroid", "Thyroid"),
)
# fmt: on


def sample_worklist(today: date) -> list[Dataset]:
    """Return a dozen items for one day. The same day gives the same items, so that adding them twice adds them once."""
    return [_item(number, order, today) for number, order in enumerate(_ORDERS, 1)]


def _item(number: int, order: _Order, today: date) -> Dataset:
    patient = _PATIENTS[order.patient]
    day = today.strftime("%Y%m%d")
    short = today.strftime("%y%m%d")
    item = worklist_item(
        PatientName=patient.name,
        PatientID=patient.number,
        PatientBirthDate=f"{today.year - patient.age - 1:04}{patient.birthday}",
        PatientSex=patient.sex,
        PatientWeight=patient.weight,
        **dict(patient.remarks),
        AccessionNumber=f"A{short}{number:03}",
        RequestedProcedureID=f"RP{short}{number:03}",
        RequestedProcedureDescription=order.procedure,
        RequestedProcedurePriority=order.priority,
        ReferringPhysicianName="Berg^Ingrid^^Dr.",
        RequestingPhysician="Novak^Petra^^Dr.",
        StudyInstanceUID=f"2.25.{uuid.uuid5(_NAMESPACE, f'{day} {number}').int}",
        ScheduledProcedureStepID=f"SPS{short}{number:03}",
        ScheduledProcedureStepDescription=order.step,
        ScheduledProcedureStepStartDate=day,
        ScheduledProcedureStepStartTime=order.time,
        ScheduledProcedureStepStatus=order.status,
        ScheduledProcedureStepLocation=order.room,
        ScheduledStationAETitle=order.station,
        ScheduledStationName=order.station,
        ScheduledPerformingPhysicianName="Rossi^Carla",
        Modality=order.modality,
        RequestedContrastAgent=order.contrast,
    )
    item.RequestedProcedureCodeSequence = Sequence([_code(order.code, order.procedure)])
    step = item.ScheduledProcedureStepSequence[0]
    step.ScheduledProtocolCodeSequence = Sequence([_code(f"P-{order.code}", order.step)])
    item.ReferencedStudySequence = Sequence()
    item.ReferencedPatientSequence = Sequence()
    return item


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue = value
    code.CodingSchemeDesignator = "99DWS"
    code.CodeMeaning = meaning
    return code
