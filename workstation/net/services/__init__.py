"""One module for each service class (PS3.4)."""
