"""Status codes of DIMSE responses (0000,0900): their category and, for each service class, their meaning.

PS3.7 Annex C (classes of status and general codes), PS3.4 (codes of each service). The tables are
{code: (category, text)}; the ranges that the standard writes with x (A7xx, Cxxx) are spelt out, because that is how
the documented API has them. Knows nothing of messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

StatusTable: TypeAlias = dict[int, tuple[str, str]]

STATUS_SUCCESS: Final = "Success"
STATUS_PENDING: Final = "Pending"
STATUS_CANCEL: Final = "Cancel"
STATUS_WARNING: Final = "Warning"
STATUS_FAILURE: Final = "Failure"
STATUS_UNKNOWN: Final = "Unknown"


def _codes(category: str, codes: Mapping[int | range, str]) -> StatusTable:
    table: StatusTable = {}
    for code, text in codes.items():
        # One tuple for a whole range: Cxxx alone has 4096 codes.
        entry = (category, text)
        if isinstance(code, range):
            table.update(dict.fromkeys(code, entry))
        else:
            table[code] = entry
    return table


def _success() -> StatusTable:
    return {0x0000: (STATUS_SUCCESS, "")}


def _pending(codes: Mapping[int | range, str]) -> StatusTable:
    return _codes(STATUS_PENDING, codes)


def _warning(codes: Mapping[int | range, str]) -> StatusTable:
    return _codes(STATUS_WARNING, codes)


def _failure(codes: Mapping[int | range, str]) -> StatusTable:
    return _codes(STATUS_FAILURE, codes)


A7XX: Final = range(0xA700, 0xA800)
A9XX: Final = range(0xA900, 0xAA00)
CXXX: Final = range(0xC000, 0xD000)

# PS3.7 Annex C.
GENERAL_STATUS: Final[StatusTable] = {
    0x0000: (STATUS_SUCCESS, ""),
    0x0105: (STATUS_FAILURE, "No such attribute"),
    0x0106: (STATUS_FAILURE, "Invalid attribute value"),
    0x0107: (STATUS_WARNING, "Attribute list error"),
    0x0110: (STATUS_FAILURE, "Processing failure"),
    0x0111: (STATUS_FAILURE, "Duplicate SOP Instance"),
    0x0112: (STATUS_FAILURE, "No such SOP Instance"),
    0x0113: (STATUS_FAILURE, "No such event type"),
    0x0114: (STATUS_FAILURE, "No such argument"),
    0x0115: (STATUS_FAILURE, "Invalid argument value"),
    0x0116: (STATUS_WARNING, "Attribute value out of range"),
    0x0117: (STATUS_FAILURE, "Invalid SOP Instance"),
    0x0118: (STATUS_FAILURE, "No such SOP Class"),
    0x0119: (STATUS_FAILURE, "Class-Instance conflict"),
    0x0120: (STATUS_FAILURE, "Missing attribute"),
    0x0121: (STATUS_FAILURE, "Missing attribute value"),
    0x0122: (STATUS_FAILURE, "Refused: SOP Class not supported"),
    0x0123: (STATUS_FAILURE, "No such action type"),
    0x0124: (STATUS_FAILURE, "Refused: not authorized"),
    0x0210: (STATUS_FAILURE, "Duplicate invocation"),
    0x0211: (STATUS_FAILURE, "Unrecognized operation"),
    0x0212: (STATUS_FAILURE, "Mistyped argument"),
    0x0213: (STATUS_FAILURE, "Resource limitation"),
    0xFE00: (STATUS_CANCEL, "Operation terminated due to a Cancel indication"),
}

# PS3.4 A.4
VERIFICATION_SERVICE_CLASS_STATUS: Final[StatusTable] = dict(GENERAL_STATUS)

# PS3.4 B.2.3. A warning means that the instance was stored.
STORAGE_SERVICE_CLASS_STATUS: Final[StatusTable] = {
    **GENERAL_STATUS,
    **_failure(
        {
            A7XX: "Refused: out of resources",
            A9XX: "Error: data set does not match SOP Class",
            CXXX: "Error: cannot understand",
        }
    ),
    **_warning(
        {
            0xB000: "Coercion of data elements",
            0xB006: "Elements discarded",
            0xB007: "Data set does not match SOP Class",
        }
    ),
}

# PS3.4 C.4.1.1.4; A710 and B001 are of Repository Query (C.4.1.1.4) and Inventory Query (JJ.4).
QR_FIND_SERVICE_CLASS_STATUS: Final[StatusTable] = {
    **GENERAL_STATUS,
    **_pending(
        {
            0xFF00: "Matches are continuing, current match is supplied and any optional keys were supported in "
            "the same manner as required keys",
            0xFF01: "Matches are continuing, warning that one or more optional keys were not supported for "
            "existence and/or matching for this Identifier",
        }
    ),
    **_warning({0xB001: "Matching reached response limit, subsequent request may return additional matches"}),
    **_failure(
        {
            0xA700: "Refused: out of resources",
            0xA710: "Invalid prior record key",
            0xA900: "Identifier does not match SOP Class",
            CXXX: "Unable to process",
        }
    ),
}

# PS3.4 C.4.3.1.4, Y.4 (AA0x: frame level retrieve)
QR_GET_SERVICE_CLASS_STATUS: Final[StatusTable] = {
    **GENERAL_STATUS,
    **_pending({0xFF00: "Sub-operations are continuing"}),
    **_warning({0xB000: "Sub-operations complete, one or more failures or warnings"}),
    **_failure(
        {
            0xA701: "Refused: out of resources, unable to calculate number of matches",
            0xA702: "Refused: out of resources, unable to perform sub-operations",
            0xA900: "Identifier does not match SOP Class",
            0xAA00: "None of the frames requested were found in the SOP Instance",
            0xAA01: "Unable to create new object for this SOP Class",
            0xAA02: "Unable to extract frames",
            0xAA03: "Time-based request received for a non-time-based original SOP Instance",
            0xAA04: "Invalid request",
            CXXX: "Unable to process",
        }
    ),
}

# PS3.4 C.4.2.1.5
QR_MOVE_SERVICE_CLASS_STATUS: Final[StatusTable] = {
    **QR_GET_SERVICE_CLASS_STATUS,
    **_failure({0xA801: "Refused: Move Destination unknown"}),
}

# PS3.4 F.7.2.1.4, F.7.2.2.4
PROCEDURE_STEP_STATUS: Final[StatusTable] = {
    **GENERAL_STATUS,
    **_warning({0x0001: "Requested optional attributes are not supported"}),
}

# PS3.4 H.4
PRINT_JOB_MANAGEMENT_SERVICE_CLASS_STATUS: Final[StatusTable] = {
    **GENERAL_STATUS,
    **_warning(
        {
            0xB600: "Memory allocation not supported",
            0xB601: "Film session printing (collation) is not supported",
            0xB602: "Film session SOP Instance hierarchy does not contain Image Box SOP Instances (empty page)",
            0xB603: "Film box SOP Instance hierarchy does not contain Image Box SOP Instances (empty page)",
            0xB604: "Image size is larger than Image Box size, the image has been demagnified",
            0xB605: "Requested Min Density or Max Density outside of printer's operating range",
            0xB609: "Image size is larger than the Image Box size, the image has been cropped to fit",
            0xB60A: "Image size or combined Print Image size is larger than the Image Box size, the image has been "
            "decimated to fit",
        }
    ),
    **_failure(
        {
            0xC600: "Film session SOP Instance hierarchy does not contain Film Box SOP Instances",
            0xC601: "Unable to create Print Job SOP Instance; print queue is full",
            0xC602: "Unable to create Print Job SOP Instance; print queue is full",
            0xC603: "Image size is larger than Image Box size",
            0xC605: "Insufficient memory in printer to store the image",
            0xC613: "Combined Print Image size is larger than the Image Box size",
            0xC616: "There is an existing Film Box that has not been printed",
        }
    ),
}

# PS3.4 J.3: whether an instance is committed is told in the data set, not by the status.
STORAGE_COMMITMENT_SERVICE_CLASS_STATUS: Final[StatusTable] = dict(GENERAL_STATUS)

# PS3.4 K.4.1.1.4
MODALITY_WORKLIST_SERVICE_CLASS_STATUS: Final[StatusTable] = {
    **GENERAL_STATUS,
    **_pending(
        {
            0xFF00: "Matches are continuing, current match is supplied and any optional keys were supported in "
            "the same manner as required keys",
            0xFF01: "Matches are continuing, warning that one or more optional keys were not supported for "
            "existence for this Identifier",
        }
    ),
    **_failure(
        {
            0xA700: "Refused: out of resources",
            0xA900: "Identifier does not match SOP Class",
            CXXX: "Unable to process",
        }
    ),
}

# PS3.4 P.2.2, P.3.2
APPLICATION_EVENT_LOGGING_SERVICE_CLASS_STATUS: Final[StatusTable] = {
    **GENERAL_STATUS,
    **_warning(
        {
            0xB101: "Specified synchronization frame of reference UID does not match SCP synchronization frame of "
            "reference",
            0xB102: "Study Instance UID coercion; event logged under a different Study Instance UID",
            0xB104: "IDs inconsistent in matching a current study; event logged",
        }
    ),
    **_failure(
        {
            0xC101: "Procedural logging not available for specified Study Instance UID",
            0xC102: "Event information does not match template",
            0xC103: "Cannot match event to a current study",
            0xC104: "IDs inconsistent in matching a current study; event not logged",
            0xC10E: "Operator not authorized to add entry to medication administration record",
            0xC110: "Patient cannot be identified from Patient ID or Admission ID",
            0xC111: "Update of medication administration record failed",
        }
    ),
}

# PS3.4 Q.4.1.1.4
RELEVANT_PATIENT_SERVICE_CLASS_STATUS: Final[StatusTable] = {
    **GENERAL_STATUS,
    **_pending({0xFF00: "Current match is supplied"}),
    **_failure(
        {
            0xA700: "Refused: out of resources",
            0xA900: "Identifier does not match SOP Class",
            0xC000: "Unable to process",
            0xC100: "More than one match found",
            0xC200: "Unable to support requested template",
        }
    ),
}

# PS3.4 R.3
INSTANCE_AVAILABILITY_SERVICE_CLASS_STATUS: Final[StatusTable] = dict(GENERAL_STATUS)

# PS3.4 S.3.2
MEDIA_CREATION_MANAGEMENT_SERVICE_CLASS_STATUS: Final[StatusTable] = {
    **GENERAL_STATUS,
    **_warning({0x0001: "Requested optional attributes are not supported"}),
    **_failure(
        {
            0xA510: "Refused: an Initiate Media Creation action has already been received for this SOP Instance",
            0xC201: "Media creation request already completed",
            0xC202: "Media creation request already in progress and cannot be interrupted",
            0xC203: "Cancellation denied for unspecified reason",
        }
    ),
}

# PS3.4 U.4, X.4, BB.4, HH.4, II.4, JJ.4: the codes of Query/Retrieve.
HANGING_PROTOCOL_FIND_SERVICE_CLASS_STATUS: Final = QR_FIND_SERVICE_CLASS_STATUS
HANGING_PROTOCOL_MOVE_SERVICE_CLASS_STATUS: Final = QR_MOVE_SERVICE_CLASS_STATUS
HANGING_PROTOCOL_GET_SERVICE_CLASS_STATUS: Final = QR_GET_SERVICE_CLASS_STATUS
COLOR_PALETTE_FIND_SERVICE_CLASS_STATUS: Final = QR_FIND_SERVICE_CLASS_STATUS
COLOR_PALETTE_MOVE_SERVICE_CLASS_STATUS: Final = QR_MOVE_SERVICE_CLASS_STATUS
COLOR_PALETTE_GET_SERVICE_CLASS_STATUS: Final = QR_GET_SERVICE_CLASS_STATUS
IMPLANT_TEMPLATE_FIND_SERVICE_CLASS_STATUS: Final = QR_FIND_SERVICE_CLASS_STATUS
IMPLANT_TEMPLATE_MOVE_SERVICE_CLASS_STATUS: Final = QR_MOVE_SERVICE_CLASS_STATUS
IMPLANT_TEMPLATE_GET_SERVICE_CLASS_STATUS: Final = QR_GET_SERVICE_CLASS_STATUS

# PS3.4 V.4
SUBSTANCE_ADMINISTRATION_SERVICE_CLASS_STATUS: Final[StatusTable] = {
    **GENERAL_STATUS,
    **_pending(
        {
            0xFF00: "Matches are continuing, current match is supplied and any optional keys were supported in "
            "the same manner as required keys",
            0xFF01: "Matches are continuing, warning that one or more optional keys were not supported for "
            "existence for this Identifier",
        }
    ),
    **_failure(
        {
            0xA700: "Refused: out of resources",
            0xA900: "Identifier does not match SOP Class",
            CXXX: "Unable to process",
        }
    ),
}

# PS3.4 CC.2
UNIFIED_PROCEDURE_STEP_SERVICE_CLASS_STATUS: Final[StatusTable] = {
    **GENERAL_STATUS,
    **_pending(
        {
            0xFF00: "Matches are continuing, current match is supplied and any optional keys were supported in "
            "the same manner as required keys",
            0xFF01: "Matches are continuing, warning that one or more optional keys were not supported for "
            "existence for this Identifier",
        }
    ),
    **_warning(
        {
            0x0001: "Requested optional attributes are not supported",
            0xB300: "The UPS was created with modifications",
            0xB301: "Deletion lock not granted",
            0xB304: "The UPS is already in the requested state of CANCELED",
            0xB305: "Coerced invalid values to valid values",
            0xB306: "The UPS is already in the requested state of COMPLETED",
        }
    ),
    **_failure(
        {
            0xA700: "Refused: out of resources",
            0xA900: "Identifier does not match SOP Class",
            CXXX: "Unable to process",
            0xC300: "The UPS may no longer be updated",
            0xC301: "The correct Transaction UID was not provided",
            0xC302: "The UPS is already IN PROGRESS",
            0xC303: "The UPS may only become SCHEDULED via N-CREATE",
            0xC304: "The UPS has not met final state requirements for the requested state change",
            0xC307: "Specified SOP Instance UID does not exist or is not a UPS Instance managed by this SCP",
            0xC308: "Receiving AE-TITLE is unknown to this SCP",
            0xC309: "The provided value of UPS State was not SCHEDULED",
            0xC310: "The UPS is not yet in the IN PROGRESS state",
            0xC311: "The UPS is already COMPLETED",
            0xC312: "The performer cannot be contacted",
            0xC313: "Performer chooses not to cancel",
            0xC314: "Specified action not appropriate for specified instance",
            0xC315: "SCP does not support Event Reports",
        }
    ),
}

# PS3.4 DD.3.2
RT_MACHINE_VERIFICATION_SERVICE_CLASS_STATUS: Final[StatusTable] = {
    **GENERAL_STATUS,
    **_failure(
        {
            0xC112: "Applicable Machine Verification Instance not found",
            0xC221: "The Referenced Fraction Group Number does not exist in the referenced plan",
            0xC222: "No beams exist within the referenced fraction group",
            0xC223: "SCU already verifying and cannot currently process this request",
            0xC224: "Referenced Beam Number not found within the referenced fraction group",
            0xC225: "Referenced device or accessory not supported",
            0xC226: "Referenced device or accessory not found within the referenced beam",
            0xC227: "No such object instance - Referenced RT Plan not found",
        }
    ),
}

# PS3.4 EE.3
DISPLAY_SYSTEM_SERVICE_CLASS_STATUS: Final[StatusTable] = dict(GENERAL_STATUS)

# PS3.4 GG.4.2
NON_PATIENT_SERVICE_CLASS_STATUS: Final[StatusTable] = {
    **GENERAL_STATUS,
    **_failure(
        {
            0xA700: "Refused: out of resources",
            0xA900: "Error: data set does not match SOP Class",
            0xC000: "Error: cannot understand",
        }
    ),
}

# PS3.4 KK.2.2
STORAGE_MANAGEMENT_SERVICE_CLASS_STATUS: Final[StatusTable] = {
    **GENERAL_STATUS,
    **_warning({0xB010: "Attribute list error"}),
}

# Codes of the Cxxx "unable to process" families that this implementation answers with, as the documented API
# has them: what a peer is told when the program that uses this package made the mistake.
IMPLEMENTATION_STATUS: Final[StatusTable] = _failure(
    {
        0xC001: "The handler returned a status Dataset without a Status element",
        0xC002: "The handler returned a status that is neither an int nor a Dataset",
        0xC210: "The C-STORE request's Data Set could not be decoded",
        0xC211: "The C-STORE handler raised an exception or there is none",
        0xC310: "The C-FIND request's Identifier could not be decoded",
        0xC311: "The C-FIND handler raised an exception or there is none",
        0xC312: "The C-FIND handler's Identifier could not be encoded",
        0xC410: "The C-GET request's Identifier could not be decoded",
        0xC411: "The C-GET handler raised an exception or there is none",
        0xC413: "The C-GET handler yielded an invalid number of sub-operations",
        0xC416: "The C-GET handler yielded more than 65535 sub-operations",
        0xC510: "The C-MOVE request's Identifier could not be decoded",
        0xC511: "The C-MOVE handler raised an exception or there is none",
        0xC513: "The C-MOVE handler yielded an invalid number of sub-operations",
        0xC514: "The C-MOVE handler yielded no destination or no number of sub-operations",
        0xC515: "The C-MOVE handler yielded an invalid destination",
        0xC516: "The C-MOVE handler yielded more than 65535 sub-operations",
    }
)

_WARNINGS: Final = frozenset({0x0001, 0x0107, 0x0116})
_FAILURES: Final = frozenset(
    {
        0x0105,
        0x0106,
        *range(0x0110, 0x0116),
        *range(0x0117, 0x011A),
        *range(0x0120, 0x0125),
        *range(0x0210, 0x0214),
    }
)


class Status(IntEnum):
    """Status codes by name. `add` gives a program's own codes a name as well."""

    SUCCESS = 0x0000
    CANCEL = 0xFE00
    PENDING = 0xFF00
    MOVE_DESTINATION_UNKNOWN = 0xA801

    @classmethod
    def add(cls, name: str, code: int) -> None:
        """Make `code` known as ``Status.<name>``.

        Raises:
            ValueError: if the name is taken for another code, or the code for another name.
        """
        if not isinstance(code, int) or not 0 <= code <= 0xFFFF:
            raise ValueError(f"A Status is 0x0000 to 0xFFFF, not {code!r}")
        if not name.isidentifier() or name.startswith("_"):
            raise ValueError(f"'{name}' cannot be the name of a Status")
        if name in cls.__members__ and cls[name].value == code:
            return
        if hasattr(cls, name):
            raise ValueError(f"Status.{name} exists already")
        if code in cls._value2member_map_:
            raise ValueError(f"0x{code:04X} is Status.{cls(code).name} already")
        # The enum module has no public way to extend an enumeration; aenum would be a dependency for this alone.
        member = int.__new__(cls, code)
        member._name_ = name
        member._value_ = code
        cls._member_names_.append(name)
        cls._member_map_[name] = member
        cls._value2member_map_[code] = member
        type.__setattr__(cls, name, member)


def code_to_status(code: int) -> Dataset:
    """Return a Dataset with (0000,0900) Status = `code`.

    Raises:
        ValueError: if `code` is not an int of 0 or more.
    """
    _check(code)
    from pydicom.dataset import Dataset

    dataset = Dataset()
    dataset.Status = code
    return dataset


PENDING: Final = frozenset({0xFF00, 0xFF01})
"""The codes of the class Pending: more responses follow."""


def code_to_category(code: int) -> str:
    """Return the class of a status code (PS3.7 Annex C): Success, Pending, Cancel, Warning, Failure or Unknown.

    Raises:
        ValueError: if `code` is not an int of 0 or more.
    """
    _check(code)
    if code == 0x0000:
        return STATUS_SUCCESS
    if code in PENDING:
        return STATUS_PENDING
    if code == 0xFE00:
        return STATUS_CANCEL
    if code in _WARNINGS or code >> 12 == 0xB:
        return STATUS_WARNING
    if code in _FAILURES or code >> 12 in (0xA, 0xC):
        return STATUS_FAILURE
    return STATUS_UNKNOWN


@cache
def codes_of(category: str) -> frozenset[int]:
    """Return all 16-bit codes of a class, as `code_to_category` names it."""
    codes: dict[str, Iterable[int]] = {
        STATUS_SUCCESS: {0x0000},
        STATUS_PENDING: PENDING,
        STATUS_CANCEL: {0xFE00},
        STATUS_WARNING: {*_WARNINGS, *range(0xB000, 0xC000)},
        STATUS_FAILURE: {*_FAILURES, *range(0xA000, 0xB000), *range(0xC000, 0xD000)},
        STATUS_UNKNOWN: range(0x10000),
    }
    taken: set[int] = set()
    for name, claimed in codes.items():
        # What several could claim belongs to the first of them.
        if name == category:
            return frozenset(claimed) - taken
        taken.update(claimed)
    return frozenset()


def status_text(code: int, table: Mapping[int, tuple[str, str]] | None = None) -> str:
    """Return `code` as text, such as ``0xA700 (Failure): Refused: out of resources``.

    Args:
        code: The status code.
        table: The service class's table; the general one of PS3.7 without.
    """
    known = GENERAL_STATUS if table is None else table
    meaning = known.get(code, ("", ""))[1]
    shown = f"0x{code:04X} ({code_to_category(code)})"
    return f"{shown}: {meaning}" if meaning else shown


def _check(code: int) -> None:
    # bool is an int; as a status it is somebody's mistake.
    if not isinstance(code, int) or isinstance(code, bool) or code < 0:
        raise ValueError(f"A status code is an int of 0 or more, not {code!r}")
