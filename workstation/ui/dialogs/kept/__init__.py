"""The window of what the server keeps beside objects: worklist items, procedure steps, commitments, print jobs, UPS."""
