"""The sequence diagram."""
