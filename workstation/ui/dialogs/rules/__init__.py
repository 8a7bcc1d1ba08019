"""The rules of a test server, made and changed in forms, and tried against what happened. Values in, values out."""
