"""What the provider and user of `dimse_c_program` exchange: instances, and the SOP classes served."""

from __future__ import annotations

import json
from typing import Any

from data_sets import data_set
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

SCRIPT = "ImageComments"


def described(description: dict[str, Any], sop_class: str) -> Dataset:
    """An instance: what a description says besides its class, and how its receiver is to answer (`answer`)."""
    values = {key: value for key, value in description.items() if key not in ("class", "answer", "bulk")}
    ds = data_set({"SOPClassUID": sop_class, **values})
    if "answer" in description:
        setattr(ds, SCRIPT, json.dumps(description["answer"]))
    if "bulk" in description:
        ds.Rows, ds.Columns, ds.BitsAllocated, ds.SamplesPerPixel = 2, 2, 8, 1
        ds.PixelData = b"\x01\x02\x03\x04"
        ds["PixelData"].VR = "OB"
        ds.add_new(0x60003000, "OW", b"\x01\x00")
        ds.add_new(0x00420011, "OB", b"%PDF")
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


_LEVELS = ("Find", "Move", "Get")
_MODELS = (
    "PatientRootQueryRetrieve",
    "StudyRootQueryRetrieve",
    "PatientStudyOnlyQueryRetrieve",
    "HangingProtocol",
    "ColorPalette",
    "GenericImplantTemplate",
    "ImplantAssemblyTemplate",
    "ImplantTemplateGroup",
    "DefinedProcedureProtocol",
    "ProtocolApproval",
)
SERVICES = (
    "Verification",
    *(f"{model}InformationModel{level}" for model in _MODELS for level in _LEVELS),
    *(f"Inventory{level}" for level in _LEVELS),
    "CompositeInstanceRootRetrieveMove",
    "CompositeInstanceRootRetrieveGet",
    "CompositeInstanceRetrieveWithoutBulkDataGet",
    "RepositoryQuery",
    "ModalityWorklistInformationFind",
    "GeneralRelevantPatientInformationQuery",
    "BreastImagingRelevantPatientInformationQuery",
    "CardiacRelevantPatientInformationQuery",
    "ProductCharacteristicsQuery",
    "SubstanceApprovalQuery",
)
STORED = (
    "CTImageStorage",
    "MRImageStorage",
    "BasicTextSRStorage",
    "ComputedRadiographyImageStorage",
    "SecondaryCaptureImageStorage",
    "UltrasoundMultiFrameImageStorage",
)
NON_PATIENT = (
    "HangingProtocolStorage",
    "ColorPaletteStorage",
    "GenericImplantTemplateStorage",
    "ImplantAssemblyTemplateStorage",
    "ImplantTemplateGroupStorage",
    "CTDefinedProcedureProtocolStorage",
    "ProtocolApprovalStorage",
    "XADefinedProcedureProtocolStorage",
    "InventoryStorage",
)
