"""The DICOM protocol (PS3.7, PS3.8): application entities, associations, events."""
