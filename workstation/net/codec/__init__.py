"""Bytes to PDUs, DIMSE messages and traced fields, and back (PS3.8 section 9.3, PS3.7 section 9.3); pure."""
