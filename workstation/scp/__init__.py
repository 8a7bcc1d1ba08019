"""What we answer: the built-in test server, its behaviours and its archive. No Qt."""
