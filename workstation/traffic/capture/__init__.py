"""Capture files: reading, writing and exporting them. No Qt."""
