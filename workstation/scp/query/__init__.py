"""What is asked for and what matches it: levels, keys, the answers made of matches. Pure."""
