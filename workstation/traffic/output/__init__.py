"""Traffic as something to take along: commands, scripts and reports."""
