"""The lists of associations, messages and log lines, and the tabs that choose whose they are."""
