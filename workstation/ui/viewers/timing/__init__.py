"""The timing pane."""
