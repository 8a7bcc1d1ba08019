"""Rules: which occasions a person wants answered differently, and how."""
