"""What a person asks with, and how the server is set."""
