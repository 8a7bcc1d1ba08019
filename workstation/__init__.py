"""DICOM Workstation: ask, answer and see DICOM in one window."""

__version__ = "0.1.0"
