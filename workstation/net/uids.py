"""The standard's SOP classes as tables, one for each service class, and the UIDs that pydicom does not know.

PS3.6 Annex A (registry of UIDs), PS3.4 (which SOP classes a service class has). The tables are
{keyword: UID} in the order of the UIDs; the service classes are in `service_class` and `service_class_n`.
"""

from __future__ import annotations

from typing import Final

# PS3.4 Annex A
VERIFICATION: Final = {
    "Verification": "1.2.840.10008.1.1",
}

# PS3.4 B.5, Table B.5-1
STORAGE: Final = {
    "ComputedRadiographyImageStorage": "1.2.840.10008.5.1.4.1.1.1",
    "DigitalXRayImageStorageForPresentation": "1.2.840.10008.5.1.4.1.1.1.1",
    "DigitalXRayImageStorageForProcessing": "1.2.840.10008.5.1.4.1.1.1.1.1",
    "DigitalMammographyXRayImageStorageForPresentation": "1.2.840.10008.5.1.4.1.1.1.2",
    "DigitalMammographyXRayImageStorageForProcessing": "1.2.840.10008.5.1.4.1.1.1.2.1",
    "DigitalIntraOralXRayImageStorageForPresentation": "1.2.840.10008.5.1.4.1.1.1.3",
    "DigitalIntraOralXRayImageStorageForProcessing": "1.2.840.10008.5.1.4.1.1.1.3.1",
    "CTImageStorage": "1.2.840.10008.5.1.4.1.1.2",
    "EnhancedCTImageStorage": "1.2.840.10008.5.1.4.1.1.2.1",
    "LegacyConvertedEnhancedCTImageStorage": "1.2.840.10008.5.1.4.1.1.2.2",
    "UltrasoundMultiFrameImageStorage": "1.2.840.10008.5.1.4.1.1.3.1",
    "MRImageStorage": "1.2.840.10008.5.1.4.1.1.4",
    "EnhancedMRImageStorage": "1.2.840.10008.5.1.4.1.1.4.1",
    "MRSpectroscopyStorage": "1.2.840.10008.5.1.4.1.1.4.2",
    "EnhancedMRColorImageStorage": "1.2.840.10008.5.1.4.1.1.4.3",
    "LegacyConvertedEnhancedMRImageStorage": "1.2.840.10008.5.1.4.1.1.4.4",
    "UltrasoundImageStorage": "1.2.840.10008.5.1.4.1.1.6.1",
    "EnhancedUSVolumeStorage": "1.2.840.10008.5.1.4.1.1.6.2",
    "PhotoacousticImageStorage": "1.2.840.10008.5.1.4.1.1.6.3",
    "SecondaryCaptureImageStorage": "1.2.840.10008.5.1.4.1.1.7",
    "MultiFrameSingleBitSecondaryCaptureImageStorage": "1.2.840.10008.5.1.4.1.1.7.1",
    "MultiFrameGrayscaleByteSecondaryCaptureImageStorage": "1.2.840.10008.5.1.4.1.1.7.2",
    "MultiFrameGrayscaleWordSecondaryCaptureImageStorage": "1.2.840.10008.5.1.4.1.1.7.3",
    "MultiFrameTrueColorSecondaryCaptureImageStorage": "1.2.840.10008.5.1.4.1.1.7.4",
    "TwelveLeadECGWaveformStorage": "1.2.840.10008.5.1.4.1.1.9.1.1",
    "GeneralECGWaveformStorage": "1.2.840.10008.5.1.4.1.1.9.1.2",
    "AmbulatoryECGWaveformStorage": "1.2.840.10008.5.1.4.1.1.9.1.3",
    "General32bitECGWaveformStorage": "1.2.840.10008.5.1.4.1.1.9.1.4",
    "HemodynamicWaveformStorage": "1.2.840.10008.5.1.4.1.1.9.2.1",
    "CardiacElectrophysiologyWaveformStorage": "1.2.840.10008.5.1.4.1.1.9.3.1",
    "BasicVoiceAudioWaveformStorage": "1.2.840.10008.5.1.4.1.1.9.4.1",
    "GeneralAudioWaveformStorage": "1.2.840.10008.5.1.4.1.1.9.4.2",
    "ArterialPulseWaveformStorage": "1.2.840.10008.5.1.4.1.1.9.5.1",
    "RespiratoryWaveformStorage": "1.2.840.10008.5.1.4.1.1.9.6.1",
    "MultichannelRespiratoryWaveformStorage": "1.2.840.10008.5.1.4.1.1.9.6.2",
    "RoutineScalpElectroencephalogramWaveformStorage": "1.2.840.10008.5.1.4.1.1.9.7.1",
    "ElectromyogramWaveformStorage": "1.2.840.10008.5.1.4.1.1.9.7.2",
    "ElectrooculogramWaveformStorage": "1.2.840.10008.5.1.4.1.1.9.7.3",
    "SleepElectroencephalogramWaveformStorage": "1.2.840.10008.5.1.4.1.1.9.7.4",
    "BodyPositionWaveformStorage": "1.2.840.10008.5.1.4.1.1.9.8.1",
    "WaveformPresentationStateStorage": "1.2.840.10008.5.1.4.1.1.9.100.1",
    "WaveformAcquisitionPresentationStateStorage": "1.2.840.10008.5.1.4.1.1.9.100.2",
    "GrayscaleSoftcopyPresentationStateStorage": "1.2.840.10008.5.1.4.1.1.11.1",
    "ColorSoftcopyPresentationStateStorage": "1.2.840.10008.5.1.4.1.1.11.2",
    "PseudoColorSoftcopyPresentationStateStorage": "1.2.840.10008.5.1.4.1.1.11.3",
    "BlendingSoftcopyPresentationStateStorage": "1.2.840.10008.5.1.4.1.1.11.4",
    "XAXRFGrayscaleSoftcopyPresentationStateStorage": "1.2.840.10008.5.1.4.1.1.11.5",
    "GrayscalePlanarMPRVolumetricPresentationStateStorage": "1.2.840.10008.5.1.4.1.1.11.6",
    "CompositingPlanarMPRVolumetricPresentationStateStorage": "1.2.840.10008.5.1.4.1.1.11.7",
    "AdvancedBlendingPresentationStateStorage": "1.2.840.10008.5.1.4.1.1.11.8",
    "VolumeRenderingVolumetricPresentationStateStorage": "1.2.840.10008.5.1.4.1.1.11.9",
    "SegmentedVolumeRenderingVolumetricPresentationStateStorage": "1.2.840.10008.5.1.4.1.1.11.10",
    "MultipleVolumeRenderingVolumetricPresentationStateStorage": "1.2.840.10008.5.1.4.1.1.11.11",
    "VariableModalityLUTSoftcopyPresentationStateStorage": "1.2.840.10008.5.1.4.1.1.11.12",
    "XRayAngiographicImageStorage": "1.2.840.10008.5.1.4.1.1.12.1",
    "EnhancedXAImageStorage": "1.2.840.10008.5.1.4.1.1.12.1.1",
    "XRayRadiofluoroscopicImageStorage": "1.2.840.10008.5.1.4.1.1.12.2",
    "EnhancedXRFImageStorage": "1.2.840.10008.5.1.4.1.1.12.2.1",
    "XRay3DAngiographicImageStorage": "1.2.840.10008.5.1.4.1.1.13.1.1",
    "XRay3DCraniofacialImageStorage": "1.2.840.10008.5.1.4.1.1.13.1.2",
    "BreastTomosynthesisImageStorage": "1.2.840.10008.5.1.4.1.1.13.1.3",
    "BreastProjectionXRayImageStorageForPresentation": "1.2.840.10008.5.1.4.1.1.13.1.4",
    "BreastProjectionXRayImageStorageForProcessing": "1.2.840.10008.5.1.4.1.1.13.1.5",
    "IntravascularOpticalCoherenceTomographyImageStorageForPresentation": "1.2.840.10008.5.1.4.1.1.14.1",
    "IntravascularOpticalCoherenceTomographyImageStorageForProcessing": "1.2.840.10008.5.1.4.1.1.14.2",
    "NuclearMedicineImageStorage": "1.2.840.10008.5.1.4.1.1.20",
    "ParametricMapStorage": "1.2.840.10008.5.1.4.1.1.30",
    "RawDataStorage": "1.2.840.10008.5.1.4.1.1.66",
    "SpatialRegistrationStorage": "1.2.840.10008.5.1.4.1.1.66.1",
    "SpatialFiducialsStorage": "1.2.840.10008.5.1.4.1.1.66.2",
    "DeformableSpatialRegistrationStorage": "1.2.840.10008.5.1.4.1.1.66.3",
    "SegmentationStorage": "1.2.840.10008.5.1.4.1.1.66.4",
    "SurfaceSegmentationStorage": "1.2.840.10008.5.1.4.1.1.66.5",
    "TractographyResultsStorage": "1.2.840.10008.5.1.4.1.1.66.6",
    "LabelMapSegmentationStorage": "1.2.840.10008.5.1.4.1.1.66.7",
    "HeightMapSegmentationStorage": "1.2.840.10008.5.1.4.1.1.66.8",
    "RealWorldValueMappingStorage": "1.2.840.10008.5.1.4.1.1.67",
    "SurfaceScanMeshStorage": "1.2.840.10008.5.1.4.1.1.68.1",
    "SurfaceScanPointCloudStorage": "1.2.840.10008.5.1.4.1.1.68.2",
    "VLEndoscopicImageStorage": "1.2.840.10008.5.1.4.1.1.77.1.1",
    "VideoEndoscopicImageStorage": "1.2.840.10008.5.1.4.1.1.77.1.1.1",
    "VLMicroscopicImageStorage": "1.2.840.10008.5.1.4.1.1.77.1.2",
    "VideoMicroscopicImageStorage": "1.2.840.10008.5.1.4.1.1.77.1.2.1",
    "VLSlideCoordinatesMicroscopicImageStorage": "1.2.840.10008.5.1.4.1.1.77.1.3",
    "VLPhotographicImageStorage": "1.2.840.10008.5.1.4.1.1.77.1.4",
    "VideoPhotographicImageStorage": "1.2.840.10008.5.1.4.1.1.77.1.4.1",
    "OphthalmicPhotography8BitImageStorage": "1.2.840.10008.5.1.4.1.1.77.1.5.1",
    "OphthalmicPhotography16BitImageStorage": "1.2.840.10008.5.1.4.1.1.77.1.5.2",
    "StereometricRelationshipStorage": "1.2.840.10008.5.1.4.1.1.77.1.5.3",
    "OphthalmicTomographyImageStorage": "1.2.840.10008.5.1.4.1.1.77.1.5.4",
    "WideFieldOphthalmicPhotographyStereographicProjectionImageStorage": "1.2.840.10008.5.1.4.1.1.77.1.5.5",
    "WideFieldOphthalmicPhotography3DCoordinatesImageStorage": "1.2.840.10008.5.1.4.1.1.77.1.5.6",
    "OphthalmicOpticalCoherenceTomographyEnFaceImageStorage": "1.2.840.10008.5.1.4.1.1.77.1.5.7",
    "OphthalmicOpticalCoherenceTomographyBscanVolumeAnalysisStorage": "1.2.840.10008.5.1.4.1.1.77.1.5.8",
    "VLWholeSlideMicroscopyImageStorage": "1.2.840.10008.5.1.4.1.1.77.1.6",
    "DermoscopicPhotographyImageStorage": "1.2.840.10008.5.1.4.1.1.77.1.7",
    "ConfocalMicroscopyImageStorage": "1.2.840.10008.5.1.4.1.1.77.1.8",
    "ConfocalMicroscopyTiledPyramidalImageStorage": "1.2.840.10008.5.1.4.1.1.77.1.9",
    "LensometryMeasurementsStorage": "1.2.840.10008.5.1.4.1.1.78.1",
    "AutorefractionMeasurementsStorage": "1.2.840.10008.5.1.4.1.1.78.2",
    "KeratometryMeasurementsStorage": "1.2.840.10008.5.1.4.1.1.78.3",
    "SubjectiveRefractionMeasurementsStorage": "1.2.840.10008.5.1.4.1.1.78.4",
    "VisualAcuityMeasurementsStorage": "1.2.840.10008.5.1.4.1.1.78.5",
    "SpectaclePrescriptionReportStorage": "1.2.840.10008.5.1.4.1.1.78.6",
    "OphthalmicAxialMeasurementsStorage": "1.2.840.10008.5.1.4.1.1.78.7",
    "IntraocularLensCalculationsStorage": "1.2.840.10008.5.1.4.1.1.78.8",
    "MacularGridThicknessAndVolumeReportStorage": "1.2.840.10008.5.1.4.1.1.79.1",
    "OphthalmicVisualFieldStaticPerimetryMeasurementsStorage": "1.2.840.10008.5.1.4.1.1.80.1",
    "OphthalmicThicknessMapStorage": "1.2.840.10008.5.1.4.1.1.81.1",
    "CornealTopographyMapStorage": "1.2.840.10008.5.1.4.1.1.82.1",
    "BasicTextSRStorage": "1.2.840.10008.5.1.4.1.1.88.11",
    "EnhancedSRStorage": "1.2.840.10008.5.1.4.1.1.88.22",
    "ComprehensiveSRStorage": "1.2.840.10008.5.1.4.1.1.88.33",
    "Comprehensive3DSRStorage": "1.2.840.10008.5.1.4.1.1.88.34",
    "ExtensibleSRStorage": "1.2.840.10008.5.1.4.1.1.88.35",
    "ProcedureLogStorage": "1.2.840.10008.5.1.4.1.1.88.40",
    "MammographyCADSRStorage": "1.2.840.10008.5.1.4.1.1.88.50",
    "KeyObjectSelectionDocumentStorage": "1.2.840.10008.5.1.4.1.1.88.59",
    "ChestCADSRStorage": "1.2.840.10008.5.1.4.1.1.88.65",
    "XRayRadiationDoseSRStorage": "1.2.840.10008.5.1.4.1.1.88.67",
    "RadiopharmaceuticalRadiationDoseSRStorage": "1.2.840.10008.5.1.4.1.1.88.68",
    "ColonCADSRStorage": "1.2.840.10008.5.1.4.1.1.88.69",
    "ImplantationPlanSRStorage": "1.2.840.10008.5.1.4.1.1.88.70",
    "AcquisitionContextSRStorage": "1.2.840.10008.5.1.4.1.1.88.71",
    "SimplifiedAdultEchoSRStorage": "1.2.840.10008.5.1.4.1.1.88.72",
    "PatientRadiationDoseSRStorage": "1.2.840.10008.5.1.4.1.1.88.73",
    "PlannedImagingAgentAdministrationSRStorage": "1.2.840.10008.5.1.4.1.1.88.74",
    "PerformedImagingAgentAdministrationSRStorage": "1.2.840.10008.5.1.4.1.1.88.75",
    "EnhancedXRayRadiationDoseSRStorage": "1.2.840.10008.5.1.4.1.1.88.76",
    "WaveformAnnotationSRStorage": "1.2.840.10008.5.1.4.1.1.88.77",
    "ContentAssessmentResultsStorage": "1.2.840.10008.5.1.4.1.1.90.1",
    "MicroscopyBulkSimpleAnnotationsStorage": "1.2.840.10008.5.1.4.1.1.91.1",
    "EncapsulatedPDFStorage": "1.2.840.10008.5.1.4.1.1.104.1",
    "EncapsulatedCDAStorage": "1.2.840.10008.5.1.4.1.1.104.2",
    "EncapsulatedSTLStorage": "1.2.840.10008.5.1.4.1.1.104.3",
    "EncapsulatedOBJStorage": "1.2.840.10008.5.1.4.1.1.104.4",
    "EncapsulatedMTLStorage": "1.2.840.10008.5.1.4.1.1.104.5",
    "PositronEmissionTomographyImageStorage": "1.2.840.10008.5.1.4.1.1.128",
    "LegacyConvertedEnhancedPETImageStorage": "1.2.840.10008.5.1.4.1.1.128.1",
    "EnhancedPETImageStorage": "1.2.840.10008.5.1.4.1.1.130",
    "BasicStructuredDisplayStorage": "1.2.840.10008.5.1.4.1.1.131",
    "CTPerformedProcedureProtocolStorage": "1.2.840.10008.5.1.4.1.1.200.2",
    "XAPerformedProcedureProtocolStorage": "1.2.840.10008.5.1.4.1.1.200.8",
    "RTImageStorage": "1.2.840.10008.5.1.4.1.1.481.1",
    "RTDoseStorage": "1.2.840.10008.5.1.4.1.1.481.2",
    "RTStructureSetStorage": "1.2.840.10008.5.1.4.1.1.481.3",
    "RTBeamsTreatmentRecordStorage": "1.2.840.10008.5.1.4.1.1.481.4",
    "RTPlanStorage": "1.2.840.10008.5.1.4.1.1.481.5",
    "RTBrachyTreatmentRecordStorage": "1.2.840.10008.5.1.4.1.1.481.6",
    "RTTreatmentSummaryRecordStorage": "1.2.840.10008.5.1.4.1.1.481.7",
    "RTIonPlanStorage": "1.2.840.10008.5.1.4.1.1.481.8",
    "RTIonBeamsTreatmentRecordStorage": "1.2.840.10008.5.1.4.1.1.481.9",
    "RTPhysicianIntentStorage": "1.2.840.10008.5.1.4.1.1.481.10",
    "RTSegmentAnnotationStorage": "1.2.840.10008.5.1.4.1.1.481.11",
    "RTRadiationSetStorage": "1.2.840.10008.5.1.4.1.1.481.12",
    "CArmPhotonElectronRadiationStorage": "1.2.840.10008.5.1.4.1.1.481.13",
    "TomotherapeuticRadiationStorage": "1.2.840.10008.5.1.4.1.1.481.14",
    "RoboticArmRadiationStorage": "1.2.840.10008.5.1.4.1.1.481.15",
    "RTRadiationRecordSetStorage": "1.2.840.10008.5.1.4.1.1.481.16",
    "RTRadiationSalvageRecordStorage": "1.2.840.10008.5.1.4.1.1.481.17",
    "TomotherapeuticRadiationRecordStorage": "1.2.840.10008.5.1.4.1.1.481.18",
    "CArmPhotonElectronRadiationRecordStorage": "1.2.840.10008.5.1.4.1.1.481.19",
    "RoboticRadiationRecordStorage": "1.2.840.10008.5.1.4.1.1.481.20",
    "RTRadiationSetDeliveryInstructionStorage": "1.2.840.10008.5.1.4.1.1.481.21",
    "RTTreatmentPreparationStorage": "1.2.840.10008.5.1.4.1.1.481.22",
    "EnhancedRTImageStorage": "1.2.840.10008.5.1.4.1.1.481.23",
    "EnhancedContinuousRTImageStorage": "1.2.840.10008.5.1.4.1.1.481.24",
    "RTPatientPositionAcquisitionInstructionStorage": "1.2.840.10008.5.1.4.1.1.481.25",
    "RTBeamsDeliveryInstructionStorage": "1.2.840.10008.5.1.4.34.7",
    "RTBrachyApplicationSetupDeliveryInstructionStorage": "1.2.840.10008.5.1.4.34.10",
}

# PS3.4 C.6 (Query/Retrieve), Y.6 and Z.6 (Composite Instance Retrieve), C.6.4 (Repository Query)
QUERY_RETRIEVE: Final = {
    "RepositoryQuery": "1.2.840.10008.5.1.4.1.1.201.6",
    "PatientRootQueryRetrieveInformationModelFind": "1.2.840.10008.5.1.4.1.2.1.1",
    "PatientRootQueryRetrieveInformationModelMove": "1.2.840.10008.5.1.4.1.2.1.2",
    "PatientRootQueryRetrieveInformationModelGet": "1.2.840.10008.5.1.4.1.2.1.3",
    "StudyRootQueryRetrieveInformationModelFind": "1.2.840.10008.5.1.4.1.2.2.1",
    "StudyRootQueryRetrieveInformationModelMove": "1.2.840.10008.5.1.4.1.2.2.2",
    "StudyRootQueryRetrieveInformationModelGet": "1.2.840.10008.5.1.4.1.2.2.3",
    "PatientStudyOnlyQueryRetrieveInformationModelFind": "1.2.840.10008.5.1.4.1.2.3.1",
    "PatientStudyOnlyQueryRetrieveInformationModelMove": "1.2.840.10008.5.1.4.1.2.3.2",
    "PatientStudyOnlyQueryRetrieveInformationModelGet": "1.2.840.10008.5.1.4.1.2.3.3",
    "CompositeInstanceRootRetrieveMove": "1.2.840.10008.5.1.4.1.2.4.2",
    "CompositeInstanceRootRetrieveGet": "1.2.840.10008.5.1.4.1.2.4.3",
    "CompositeInstanceRetrieveWithoutBulkDataGet": "1.2.840.10008.5.1.4.1.2.5.3",
}

# PS3.4 F.7, F.8, F.9
PROCEDURE_STEP: Final = {
    "ModalityPerformedProcedureStep": "1.2.840.10008.3.1.2.3.3",
    "ModalityPerformedProcedureStepRetrieve": "1.2.840.10008.3.1.2.3.4",
    "ModalityPerformedProcedureStepNotification": "1.2.840.10008.3.1.2.3.5",
}

# PS3.4 H.4
PRINT_MANAGEMENT: Final = {
    "BasicFilmSession": "1.2.840.10008.5.1.1.1",
    "BasicFilmBox": "1.2.840.10008.5.1.1.2",
    "BasicGrayscaleImageBox": "1.2.840.10008.5.1.1.4",
    "BasicColorImageBox": "1.2.840.10008.5.1.1.4.1",
    "BasicGrayscalePrintManagementMeta": "1.2.840.10008.5.1.1.9",
    "PrintJob": "1.2.840.10008.5.1.1.14",
    "BasicAnnotationBox": "1.2.840.10008.5.1.1.15",
    "Printer": "1.2.840.10008.5.1.1.16",
    "PrinterConfigurationRetrieval": "1.2.840.10008.5.1.1.16.376",
    "BasicColorPrintManagementMeta": "1.2.840.10008.5.1.1.18",
    "PresentationLUT": "1.2.840.10008.5.1.1.23",
}

# PS3.4 Annex I
MEDIA_STORAGE: Final = {
    "MediaStorageDirectoryStorage": "1.2.840.10008.1.3.10",
}

# PS3.4 J.3
STORAGE_COMMITMENT: Final = {
    "StorageCommitmentPushModel": "1.2.840.10008.1.20.1",
}

# PS3.4 K.6
BASIC_WORKLIST_MANAGEMENT: Final = {
    "ModalityWorklistInformationFind": "1.2.840.10008.5.1.4.31",
}

# PS3.4 P.2, P.3
APPLICATION_EVENT_LOGGING: Final = {
    "ProceduralEventLogging": "1.2.840.10008.1.40",
    "SubstanceAdministrationLogging": "1.2.840.10008.1.42",
}

# PS3.4 Q.6
RELEVANT_PATIENT_INFORMATION: Final = {
    "GeneralRelevantPatientInformationQuery": "1.2.840.10008.5.1.4.37.1",
    "BreastImagingRelevantPatientInformationQuery": "1.2.840.10008.5.1.4.37.2",
    "CardiacRelevantPatientInformationQuery": "1.2.840.10008.5.1.4.37.3",
}

# PS3.4 R.3
INSTANCE_AVAILABILITY: Final = {
    "InstanceAvailabilityNotification": "1.2.840.10008.5.1.4.33",
}

# PS3.4 S.3
MEDIA_CREATION_MANAGEMENT: Final = {
    "MediaCreationManagement": "1.2.840.10008.5.1.1.33",
}

# PS3.4 U.6
HANGING_PROTOCOL: Final = {
    "HangingProtocolInformationModelFind": "1.2.840.10008.5.1.4.38.2",
    "HangingProtocolInformationModelMove": "1.2.840.10008.5.1.4.38.3",
    "HangingProtocolInformationModelGet": "1.2.840.10008.5.1.4.38.4",
}

# PS3.4 V.6
SUBSTANCE_ADMINISTRATION: Final = {
    "ProductCharacteristicsQuery": "1.2.840.10008.5.1.4.41",
    "SubstanceApprovalQuery": "1.2.840.10008.5.1.4.42",
}

# PS3.4 X.6
COLOR_PALETTE: Final = {
    "ColorPaletteInformationModelFind": "1.2.840.10008.5.1.4.39.2",
    "ColorPaletteInformationModelMove": "1.2.840.10008.5.1.4.39.3",
    "ColorPaletteInformationModelGet": "1.2.840.10008.5.1.4.39.4",
}

# PS3.4 BB.6
IMPLANT_TEMPLATE: Final = {
    "GenericImplantTemplateInformationModelFind": "1.2.840.10008.5.1.4.43.2",
    "GenericImplantTemplateInformationModelMove": "1.2.840.10008.5.1.4.43.3",
    "GenericImplantTemplateInformationModelGet": "1.2.840.10008.5.1.4.43.4",
    "ImplantAssemblyTemplateInformationModelFind": "1.2.840.10008.5.1.4.44.2",
    "ImplantAssemblyTemplateInformationModelMove": "1.2.840.10008.5.1.4.44.3",
    "ImplantAssemblyTemplateInformationModelGet": "1.2.840.10008.5.1.4.44.4",
    "ImplantTemplateGroupInformationModelFind": "1.2.840.10008.5.1.4.45.2",
    "ImplantTemplateGroupInformationModelMove": "1.2.840.10008.5.1.4.45.3",
    "ImplantTemplateGroupInformationModelGet": "1.2.840.10008.5.1.4.45.4",
}

# PS3.4 CC.2
UNIFIED_PROCEDURE_STEP: Final = {
    "UnifiedProcedureStepPush": "1.2.840.10008.5.1.4.34.6.1",
    "UnifiedProcedureStepWatch": "1.2.840.10008.5.1.4.34.6.2",
    "UnifiedProcedureStepPull": "1.2.840.10008.5.1.4.34.6.3",
    "UnifiedProcedureStepEvent": "1.2.840.10008.5.1.4.34.6.4",
    "UnifiedProcedureStepQuery": "1.2.840.10008.5.1.4.34.6.5",
}

# PS3.4 DD.3
RT_MACHINE_VERIFICATION: Final = {
    "RTConventionalMachineVerification": "1.2.840.10008.5.1.4.34.8",
    "RTIonMachineVerification": "1.2.840.10008.5.1.4.34.9",
}

# PS3.4 EE.2
DISPLAY_SYSTEM: Final = {
    "DisplaySystem": "1.2.840.10008.5.1.1.40",
}

# PS3.4 GG.3
NON_PATIENT_OBJECT: Final = {
    "CTDefinedProcedureProtocolStorage": "1.2.840.10008.5.1.4.1.1.200.1",
    "ProtocolApprovalStorage": "1.2.840.10008.5.1.4.1.1.200.3",
    "XADefinedProcedureProtocolStorage": "1.2.840.10008.5.1.4.1.1.200.7",
    "InventoryStorage": "1.2.840.10008.5.1.4.1.1.201.1",
    "HangingProtocolStorage": "1.2.840.10008.5.1.4.38.1",
    "ColorPaletteStorage": "1.2.840.10008.5.1.4.39.1",
    "GenericImplantTemplateStorage": "1.2.840.10008.5.1.4.43.1",
    "ImplantAssemblyTemplateStorage": "1.2.840.10008.5.1.4.44.1",
    "ImplantTemplateGroupStorage": "1.2.840.10008.5.1.4.45.1",
}

# PS3.4 HH.6
DEFINED_PROCEDURE_PROTOCOL: Final = {
    "DefinedProcedureProtocolInformationModelFind": "1.2.840.10008.5.1.4.20.1",
    "DefinedProcedureProtocolInformationModelMove": "1.2.840.10008.5.1.4.20.2",
    "DefinedProcedureProtocolInformationModelGet": "1.2.840.10008.5.1.4.20.3",
}

# PS3.4 II.6
PROTOCOL_APPROVAL: Final = {
    "ProtocolApprovalInformationModelFind": "1.2.840.10008.5.1.4.1.1.200.4",
    "ProtocolApprovalInformationModelMove": "1.2.840.10008.5.1.4.1.1.200.5",
    "ProtocolApprovalInformationModelGet": "1.2.840.10008.5.1.4.1.1.200.6",
}

# PS3.4 JJ.2
INVENTORY: Final = {
    "InventoryFind": "1.2.840.10008.5.1.4.1.1.201.2",
    "InventoryMove": "1.2.840.10008.5.1.4.1.1.201.3",
    "InventoryGet": "1.2.840.10008.5.1.4.1.1.201.4",
}

# PS3.4 KK.2
STORAGE_MANAGEMENT: Final = {
    "InventoryCreation": "1.2.840.10008.5.1.4.1.1.201.5",
}


# PS3.6 Table A-3: well-known SOP instances that services of this module's SOP classes use.
INSTANCES: Final = {
    "StorageCommitmentPushModelInstance": "1.2.840.10008.1.20.1.1",
    "ProceduralEventLoggingInstance": "1.2.840.10008.1.40.1",
    "SubstanceAdministrationLoggingInstance": "1.2.840.10008.1.42.1",
    "PrinterInstance": "1.2.840.10008.5.1.1.17",
    "PrinterConfigurationRetrievalInstance": "1.2.840.10008.5.1.1.17.376",
    "DisplaySystemInstance": "1.2.840.10008.5.1.1.40.1",
    "StorageManagementInstance": "1.2.840.10008.5.1.4.1.1.201.1.1",
    "UPSGlobalSubscriptionInstance": "1.2.840.10008.5.1.4.34.5",
    "UPSFilteredGlobalSubscriptionInstance": "1.2.840.10008.5.1.4.34.5.1",
}

# PS3.4: UIDs of service classes, as SOP Class Common Extended Negotiation names them (PS3.7 D.3.3.6).
STORAGE_SERVICE_CLASS_UID: Final = "1.2.840.10008.4.2"
UNIFIED_PROCEDURE_STEP_SERVICE_CLASS_UID: Final = "1.2.840.10008.5.1.4.34.6"

# Current in PS3.6, missing in pydicom 3.0: UID to (name, keyword).
MISSING_IN_PYDICOM: Final = {
    "1.2.840.10008.5.1.4.1.1.66.7": ("Label Map Segmentation Storage", "LabelMapSegmentationStorage"),
    "1.2.840.10008.5.1.4.1.1.66.8": ("Height Map Segmentation Storage", "HeightMapSegmentationStorage"),
    "1.2.840.10008.5.1.4.1.1.9.100.1": (
        "Waveform Presentation State Storage",
        "WaveformPresentationStateStorage",
    ),
    "1.2.840.10008.5.1.4.1.1.9.100.2": (
        "Waveform Acquisition Presentation State Storage",
        "WaveformAcquisitionPresentationStateStorage",
    ),
    "1.2.840.10008.1.2.4.110": ("JPEG XL Lossless", "JPEGXLLossless"),
    "1.2.840.10008.1.2.4.111": ("JPEG XL JPEG Recompression", "JPEGXLJPEGRecompression"),
    "1.2.840.10008.1.2.4.112": ("JPEG XL", "JPEGXL"),
    "1.2.840.10008.1.2.8.1": ("Deflated Image Frame Compression", "DeflatedImageFrameCompression"),
}

# Other spellings of the same SOP class: pydicom's keywords where the tables have another one, and names that
# the documented API once misspelt and scripts have used since.
OTHER_SPELLINGS: Final = {
    "ModalityWorklistInformationModelFind": "ModalityWorklistInformationFind",
    "ColorPaletteQueryRetrieveInformationModelFind": "ColorPaletteInformationModelFind",
    "ColorPaletteQueryRetrieveInformationModelMove": "ColorPaletteInformationModelMove",
    "ColorPaletteQueryRetrieveInformationModelGet": "ColorPaletteInformationModelGet",
    "PseudoColorSoftcopyPresentationStageStorage": "PseudoColorSoftcopyPresentationStateStorage",
    "VariableModalityLUTSoftcopyPresentationStageStorage": ("VariableModalityLUTSoftcopyPresentationStateStorage"),
    "OphthlamicOpticalCoherenceTomographyBscanVolumeAnalysisStorage": (
        "OphthalmicOpticalCoherenceTomographyBscanVolumeAnalysisStorage"
    ),
    "RoboticArmRadiationRecordStorage": "RoboticRadiationRecordStorage",
    "RTBrachyApplicationSetupDeliveryInstructionsStorage": ("RTBrachyApplicationSetupDeliveryInstructionStorage"),
}

# Storage SOP classes that the standard has retired and old modalities still send. No names of their own in `sop_class`.
RETIRED_STORAGE: Final = {
    "StoredPrintStorage": "1.2.840.10008.5.1.1.27",
    "HardcopyGrayscaleImageStorage": "1.2.840.10008.5.1.1.29",
    "HardcopyColorImageStorage": "1.2.840.10008.5.1.1.30",
    "UltrasoundMultiFrameImageStorageRetired": "1.2.840.10008.5.1.4.1.1.3",
    "NuclearMedicineImageStorageRetired": "1.2.840.10008.5.1.4.1.1.5",
    "UltrasoundImageStorageRetired": "1.2.840.10008.5.1.4.1.1.6",
    "StandaloneOverlayStorage": "1.2.840.10008.5.1.4.1.1.8",
    "StandaloneCurveStorage": "1.2.840.10008.5.1.4.1.1.9",
    "StandaloneModalityLUTStorage": "1.2.840.10008.5.1.4.1.1.10",
    "StandaloneVOILUTStorage": "1.2.840.10008.5.1.4.1.1.11",
    "XRayAngiographicBiPlaneImageStorage": "1.2.840.10008.5.1.4.1.1.12.3",
    "VLImageStorageTrial": "1.2.840.10008.5.1.4.1.1.77.1",
    "VLMultiFrameImageStorageTrial": "1.2.840.10008.5.1.4.1.1.77.2",
    "StandalonePETCurveStorage": "1.2.840.10008.5.1.4.1.1.129",
}

# An association takes 128 contexts at most (PS3.8 9.3.2.2), storage alone has 170: the newer and rarer ones are left
# out of the list that is meant to be proposed whole. With the retired ones that are still met it has 120, so that 8
# remain for verification, query and retrieve.
RARELY_STORED: Final = frozenset(
    {
        "PhotoacousticImageStorage",
        "General32bitECGWaveformStorage",
        "MultichannelRespiratoryWaveformStorage",
        "RoutineScalpElectroencephalogramWaveformStorage",
        "ElectromyogramWaveformStorage",
        "ElectrooculogramWaveformStorage",
        "SleepElectroencephalogramWaveformStorage",
        "BodyPositionWaveformStorage",
        "WaveformPresentationStateStorage",
        "WaveformAcquisitionPresentationStateStorage",
        "GrayscalePlanarMPRVolumetricPresentationStateStorage",
        "CompositingPlanarMPRVolumetricPresentationStateStorage",
        "AdvancedBlendingPresentationStateStorage",
        "VolumeRenderingVolumetricPresentationStateStorage",
        "SegmentedVolumeRenderingVolumetricPresentationStateStorage",
        "MultipleVolumeRenderingVolumetricPresentationStateStorage",
        "VariableModalityLUTSoftcopyPresentationStateStorage",
        "BreastProjectionXRayImageStorageForPresentation",
        "BreastProjectionXRayImageStorageForProcessing",
        "ParametricMapStorage",
        "TractographyResultsStorage",
        "LabelMapSegmentationStorage",
        "HeightMapSegmentationStorage",
        "WideFieldOphthalmicPhotographyStereographicProjectionImageStorage",
        "WideFieldOphthalmicPhotography3DCoordinatesImageStorage",
        "OphthalmicOpticalCoherenceTomographyEnFaceImageStorage",
        "OphthalmicOpticalCoherenceTomographyBscanVolumeAnalysisStorage",
        "DermoscopicPhotographyImageStorage",
        "ConfocalMicroscopyImageStorage",
        "ConfocalMicroscopyTiledPyramidalImageStorage",
        "CornealTopographyMapStorage",
        "ExtensibleSRStorage",
        "RadiopharmaceuticalRadiationDoseSRStorage",
        "AcquisitionContextSRStorage",
        "SimplifiedAdultEchoSRStorage",
        "PatientRadiationDoseSRStorage",
        "PlannedImagingAgentAdministrationSRStorage",
        "PerformedImagingAgentAdministrationSRStorage",
        "EnhancedXRayRadiationDoseSRStorage",
        "WaveformAnnotationSRStorage",
        "ContentAssessmentResultsStorage",
        "MicroscopyBulkSimpleAnnotationsStorage",
        "EncapsulatedSTLStorage",
        "EncapsulatedOBJStorage",
        "EncapsulatedMTLStorage",
        "CTPerformedProcedureProtocolStorage",
        "XAPerformedProcedureProtocolStorage",
        "RTPhysicianIntentStorage",
        "RTSegmentAnnotationStorage",
        "RTRadiationSetStorage",
        "CArmPhotonElectronRadiationStorage",
        "TomotherapeuticRadiationStorage",
        "RoboticArmRadiationStorage",
        "RTRadiationRecordSetStorage",
        "RTRadiationSalvageRecordStorage",
        "TomotherapeuticRadiationRecordStorage",
        "CArmPhotonElectronRadiationRecordStorage",
        "RoboticRadiationRecordStorage",
        "RTRadiationSetDeliveryInstructionStorage",
        "RTTreatmentPreparationStorage",
        "EnhancedRTImageStorage",
        "EnhancedContinuousRTImageStorage",
        "RTPatientPositionAcquisitionInstructionStorage",
        "RTBrachyApplicationSetupDeliveryInstructionStorage",
    }
)


def uid_name(uid: str) -> str:
    """Return the name of `uid` in PS3.6 Annex A, or "" if it has none (a private or unknown UID)."""
    if uid in MISSING_IN_PYDICOM:
        return MISSING_IN_PYDICOM[uid][0]
    # pydicom's dictionary directly: UID.name returns the UID itself for an unknown one.
    from pydicom._uid_dict import UID_dictionary

    entry = UID_dictionary.get(uid)
    return entry[0] if entry else ""
