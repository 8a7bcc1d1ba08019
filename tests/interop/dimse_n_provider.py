"""What a system with every DIMSE-N service answers: a small printer, performer, worklist and archive in memory.

It knows only data sets, no network: `dimse_n_program` binds it to a package.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from data_sets import Plain, data_set
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import PYDICOM_ROOT_UID

Status = int | Dataset | str

ALL_SIX = ("N-CREATE", "N-SET", "N-GET", "N-ACTION", "N-EVENT-REPORT", "N-DELETE")
UPS = ("N-CREATE", "N-SET", "N-GET", "N-ACTION", "N-EVENT-REPORT")
# SOP classes by their names in `sop_class`, with their DIMSE-N services (PS3.4)
SERVICES: dict[str, tuple[str, ...]] = {
    "ModalityPerformedProcedureStep": ("N-CREATE", "N-SET"),
    "ModalityPerformedProcedureStepRetrieve": ("N-GET",),
    "ModalityPerformedProcedureStepNotification": ("N-EVENT-REPORT",),
    "BasicFilmSession": ("N-CREATE", "N-SET", "N-DELETE", "N-ACTION"),
    "BasicFilmBox": ("N-CREATE", "N-SET", "N-DELETE", "N-ACTION"),
    "BasicGrayscaleImageBox": ("N-SET",),
    "BasicColorImageBox": ("N-SET",),
    "BasicAnnotationBox": ("N-SET",),
    "PrintJob": ("N-GET", "N-EVENT-REPORT"),
    "Printer": ("N-GET", "N-EVENT-REPORT"),
    "PrinterConfigurationRetrieval": ("N-GET",),
    "PresentationLUT": ("N-CREATE", "N-DELETE"),
    "BasicGrayscalePrintManagementMeta": ALL_SIX,
    "BasicColorPrintManagementMeta": ALL_SIX,
    "StorageCommitmentPushModel": ("N-ACTION", "N-EVENT-REPORT"),
    "InventoryCreation": ("N-ACTION", "N-GET", "N-EVENT-REPORT"),
    "ProceduralEventLogging": ("N-ACTION",),
    "SubstanceAdministrationLogging": ("N-ACTION",),
    "InstanceAvailabilityNotification": ("N-CREATE",),
    "MediaCreationManagement": ("N-CREATE", "N-GET", "N-ACTION"),
    "DisplaySystem": ("N-GET",),
    "RTConventionalMachineVerification": ALL_SIX,
    "RTIonMachineVerification": ALL_SIX,
    "UnifiedProcedureStepPush": UPS,
    "UnifiedProcedureStepWatch": UPS,
    "UnifiedProcedureStepPull": UPS,
    "UnifiedProcedureStepEvent": UPS,
    "UnifiedProcedureStepQuery": UPS,
}

# instances whose UID says what is answered, whatever the service
ANSWERS = f"{PYDICOM_ROOT_UID}1."
ERRORS = f"{PYDICOM_ROOT_UID}2."
RAISES = f"{PYDICOM_ROOT_UID}3.1"
UNDECODABLE = f"{PYDICOM_ROOT_UID}3.2"
WITHOUT_STATUS = f"{PYDICOM_ROOT_UID}3.3"
NO_STATUS_AT_ALL = f"{PYDICOM_ROOT_UID}3.4"
NOTHING = f"{PYDICOM_ROOT_UID}3.5"
LARGE = f"{PYDICOM_ROOT_UID}3.6"
NOT_ENCODABLE = f"{PYDICOM_ROOT_UID}3.7"
# the Patient ID of an instance whose name the provider keeps to itself
NAMELESS = "NAMELESS"
ASSIGNED = f"{PYDICOM_ROOT_UID}4."

REPLY: Plain = {"PatientName": "Answer^An", "PatientID": "REPLY"}
LARGE_REPLY: Plain = {
    "ReferencedSOPSequence": [
        {"ReferencedSOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "ReferencedSOPInstanceUID": f"{PYDICOM_ROOT_UID}5.{n}"}
        for n in range(300)  # more than one PDU
    ]
}
ERROR_STATUSES: tuple[Plain, ...] = (
    {"Status": 0x0110, "ErrorID": 0xA710, "ErrorComment": "The step may no longer be updated"},
    {"Status": 0x0112, "ErrorComment": "No such instance"},
    {"Status": 0x0105, "AttributeIdentifierList": [0x00100010, 0x00100020]},
    {"Status": 0x0107, "AttributeIdentifierList": [0x00100030]},
    {"Status": 0x0113, "EventTypeID": 77, "ErrorID": 3},
    {"Status": 0x0123, "ErrorComment": "No such action", "ErrorID": 0},
    {"Status": 0x0116, "ErrorComment": "A" * 64, "ErrorID": 65535},
)

PRINTER = "1.2.840.10008.5.1.1.17"
WELL_KNOWN: dict[str, Plain] = {
    PRINTER: {"PrinterStatus": "NORMAL", "PrinterStatusInfo": "NORMAL", "PrinterName": "FILM1"},
    "1.2.840.10008.5.1.1.17.376": {
        "PrinterConfigurationSequence": [
            {"SOPClassesSupported": ["1.2.840.10008.5.1.1.9", "1.2.840.10008.5.1.1.18"], "MaximumMemoryAllocation": 64}
        ]
    },
    "1.2.840.10008.5.1.1.40.1": {"Manufacturer": "Nobody", "DisplaySubsystemSequence": [{"DisplaySubsystemID": 1}]},
    "1.2.840.10008.1.20.1.1": {},  # storage commitment
    "1.2.840.10008.1.40.1": {},  # procedural event logging
    "1.2.840.10008.1.42.1": {},  # substance administration logging
    "1.2.840.10008.5.1.4.1.1.201.1.1": {"TransactionStatus": "IN PROGRESS", "Manufacturer": "Nobody"},
    "1.2.840.10008.5.1.4.34.5": {},  # UPS global subscription
}
FINAL = ("COMPLETED", "CANCELED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An event to report once the answer is out."""

    sop_class: str
    instance: str
    event_type: int
    data: Dataset
    via: str | None = None


def undecodable() -> Dataset:
    """A data set whose encoded form ends in the middle of an element, within an undefined length."""
    broken = DataElement(0x00091010, "UN", b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + b"\x10\x00\x20\x00\xff\x00\x00\x00ab")
    broken.is_undefined_length = True
    made = Dataset()
    made.add(broken)
    return made


def _not_encodable() -> Dataset:
    made = Dataset()
    made.add(DataElement(0x00280010, "US", "many", already_converted=True))
    return made


_PREPARED: dict[str, Callable[[], tuple[Status, Dataset | None]]] = {
    UNDECODABLE: lambda: (0x0000, undecodable()),
    WITHOUT_STATUS: lambda: (data_set({"ErrorComment": "no Status here"}), data_set(REPLY)),
    NO_STATUS_AT_ALL: lambda: ("Success", data_set(REPLY)),
    NOTHING: lambda: (0x0000, None),
    LARGE: lambda: (0x0000, data_set(LARGE_REPLY)),
    NOT_ENCODABLE: lambda: (0x0000, _not_encodable()),
}


class Provider:
    """The instances, and what is answered about them."""

    def __init__(self) -> None:
        self.instances: dict[str, Dataset] = {}
        self._assigned = 0
        self._locks: dict[str, str] = {}
        self._subscribed: set[str] = set()

    def answer(
        self, service: str, context: str, sop_class: str, instance: str | None, kind: int | None, data: Dataset
    ) -> tuple[Status, Dataset | None, Report | None]:
        """The status, the reply, and what to report afterwards.

        Args:
            service: Its name in the standard.
            context: The SOP class of the presentation context, which may be a meta SOP class.
            sop_class: Of the request.
            instance: Of the request.
            kind: Action Type ID.
            data: The request's data set; of an N-GET the wanted elements, empty.
        """
        prepared = self._prepared(instance or "")
        if prepared is not None:
            return *prepared, None
        if service == "N-CREATE":
            return *self._create(context, sop_class, instance, data), None
        if service == "N-EVENT-REPORT":
            return 0x0000, data, None
        assert instance is not None
        known = self.instances.get(instance)
        if known is None and instance in WELL_KNOWN:
            known = data_set(WELL_KNOWN[instance])
        if known is None:
            return data_set({"Status": 0x0112, "ErrorComment": "No such instance"}), None, None
        if service == "N-SET":
            return *self._set(instance, known, data), None
        if service == "N-GET":
            return *self._get(known, data), None
        if service == "N-DELETE":
            del self.instances[instance]
            return 0x0000, None, None
        if sop_class.startswith("UnifiedProcedureStep"):
            return self._act_on_step(instance, known, kind, data)
        return self._act(sop_class, instance, kind, data)

    def find(self, identifier: Dataset) -> list[Dataset]:
        """The steps in the wanted state."""
        wanted = identifier.get("ProcedureStepState", "")
        return [
            data_set({"SOPInstanceUID": uid, "ProcedureStepState": known.ProcedureStepState})
            for uid, known in self.instances.items()
            if "ProcedureStepState" in known and wanted in ("", known.ProcedureStepState)
        ]

    def _prepared(self, instance: str) -> tuple[Status, Dataset | None] | None:
        if instance.startswith(ANSWERS):
            return int(instance.removeprefix(ANSWERS)), data_set(REPLY)
        if instance.startswith(ERRORS):
            return data_set(ERROR_STATUSES[int(instance.removeprefix(ERRORS))]), data_set(REPLY)
        if instance == RAISES:
            raise RuntimeError("this handler is meant to fail")
        prepared = _PREPARED.get(instance)
        return None if prepared is None else prepared()

    def _create(
        self, context: str, sop_class: str, instance: str | None, data: Dataset
    ) -> tuple[Status, Dataset | None]:
        if sop_class == "UnifiedProcedureStepPush" and data.get("ProcedureStepState") != "SCHEDULED":
            return 0xC309, None
        if instance in self.instances:
            return data_set({"Status": 0x0111, "ErrorComment": "Duplicate"}), None
        named = bool(instance)
        if not instance:
            self._assigned += 1
            instance = f"{ASSIGNED}{self._assigned}"
        self.instances[instance] = kept = Dataset()
        kept.update(data)
        kept.SOPInstanceUID = instance
        if sop_class == "BasicFilmBox":
            kind = "Color" if "Color" in context else "Grayscale"
            boxes = data.ImageDisplayFormat.split("\\")[-1].split(",")
            count = int(boxes[0]) * int(boxes[1])
            kept.ReferencedImageBoxSequence = self._boxes(instance, f"Basic{kind}ImageBox", count)
            if "AnnotationDisplayFormatID" in data:
                kept.ReferencedBasicAnnotationBoxSequence = self._boxes(instance, "BasicAnnotationBox", 1)
        reply = Dataset()
        reply.update(kept)
        if not named and data.get("PatientID") != NAMELESS:
            reply.AffectedSOPInstanceUID = instance  # where the library looks for the name of a new instance
        return 0x0000, reply

    def _boxes(self, film_box: str, kind: str, count: int) -> Sequence:
        items = []
        for number in range(1, count + 1):
            uid = f"{film_box}.{len(kind)}.{number}"
            self.instances[uid] = Dataset()
            items.append(data_set({"ReferencedSOPClassUID": BOXES[kind], "ReferencedSOPInstanceUID": uid}))
        return Sequence(items)

    def _set(self, instance: str, known: Dataset, data: Dataset) -> tuple[Status, Dataset | None]:
        if known.get("PerformedProcedureStepStatus", "IN PROGRESS") != "IN PROGRESS":
            return data_set(ERROR_STATUSES[0]), None
        if known.get("ProcedureStepState") == "IN PROGRESS" and data.get("TransactionUID") != self._locks[instance]:
            return 0xC301, None
        known.update(data)
        if "TransactionUID" in known:
            del known.TransactionUID
        return 0x0000, data

    def _get(self, known: Dataset, wanted: Dataset) -> tuple[Status, Dataset | None]:
        if not wanted:
            return 0x0000, known
        found = Dataset()
        found.update({tag: known[tag] for tag in wanted.keys() if tag in known})  # noqa: SIM118 - tags, not elements
        missing = [int(tag) for tag in wanted.keys() if tag not in known]  # noqa: SIM118
        if missing:
            return data_set({"Status": 0x0107, "AttributeIdentifierList": missing}), found
        return 0x0000, found

    def _act(
        self, sop_class: str, instance: str, kind: int | None, data: Dataset
    ) -> tuple[Status, Dataset | None, Report | None]:
        if kind != 1:
            return data_set({"Status": 0x0123, "ErrorComment": f"No action {kind}"}), None, None
        report = None
        if sop_class in ("BasicFilmSession", "BasicFilmBox"):
            job = f"{instance}.99"
            self.instances[job] = about = data_set({"ExecutionStatus": "PRINTING", "PrinterName": "FILM1"})
            reference = {"ReferencedSOPClassUID": BOXES["PrintJob"], "ReferencedSOPInstanceUID": job}
            report = Report(sop_class="PrintJob", instance=job, event_type=2, data=about)
            return 0x0000, data_set({"ReferencedPrintJobSequence": [reference]}), report
        if sop_class == "StorageCommitmentPushModel":
            report = Report(sop_class=sop_class, instance=instance, event_type=1, data=data)
            return 0x0000, None, report
        if sop_class == "InventoryCreation":
            report = Report(sop_class=sop_class, instance=instance, event_type=1, data=data)
        return 0x0000, data, report

    def _act_on_step(
        self, instance: str, known: Dataset, kind: int | None, data: Dataset
    ) -> tuple[Status, Dataset | None, Report | None]:
        if kind == 3:
            self._subscribed.add(instance)
            return 0x0000, None, None
        if kind not in (1, 2):
            return 0x0123, None, None
        status = self._change(instance, known, data.ProcedureStepState if kind == 1 else "CANCELED", data, kind)
        if status or instance not in self._subscribed:
            return status, None, None
        now = data_set({"ProcedureStepState": known.ProcedureStepState, "InputReadinessState": "READY"})
        report = Report(
            sop_class="UnifiedProcedureStepPush",
            instance=instance,
            event_type=1,
            data=now,
            via="UnifiedProcedureStepEvent",
        )
        return status, None, report

    def _change(self, instance: str, known: Dataset, wanted: str, data: Dataset, kind: int) -> int:
        """Change a step's state (PS3.4 Table CC.1.1-2, shortened); the status."""
        state = known.ProcedureStepState
        if state in FINAL:
            return {"CANCELED": 0xB304, "COMPLETED": 0xB306}[state] if state == wanted else 0xC300
        if kind == 1 and wanted == "IN PROGRESS":
            if state == wanted:
                return 0xC302
            self._locks[instance] = data.TransactionUID
        elif kind == 1:
            if state == "SCHEDULED":
                return 0xC310
            if data.TransactionUID != self._locks[instance]:
                return 0xC301
        elif state != "SCHEDULED":
            return 0xC312
        known.ProcedureStepState = wanted
        return 0x0000


BOXES = {
    "BasicGrayscaleImageBox": "1.2.840.10008.5.1.1.4",
    "BasicColorImageBox": "1.2.840.10008.5.1.1.4.1",
    "BasicAnnotationBox": "1.2.840.10008.5.1.1.15",
    "PrintJob": "1.2.840.10008.5.1.1.14",
}
