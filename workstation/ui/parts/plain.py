"""Plain text where Qt would guess: tooltips.

Qt shows a tooltip as rich text when it looks like markup. What comes from a peer may look like anything, so every
tooltip that holds such text passes through here.
"""

from __future__ import annotations

from html import escape


def plain_tooltip(text: str) -> str:
    """The text as a tooltip that shows it letter by letter, with its line breaks."""
    if not text:
        return ""
    return f"<div style='white-space:pre-wrap'>{escape(text, quote=False)}</div>"
