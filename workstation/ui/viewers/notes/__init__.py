"""The notes of an expert."""
