"""Plain text where Qt would guess: tooltips; and text with nothing in it that is not seen.

Qt shows a tooltip as rich text when it looks like markup. What comes from a peer may look like anything, so every
tooltip that holds such text passes through here.
"""

from __future__ import annotations

from html import escape

from workstation.traffic.text import printable

# Longer than anything that is shown on purpose.
_LONGEST_LINE = 20_000


def plain_tooltip(text: str) -> str:
    """The text as a tooltip that shows it letter by letter, with its line breaks."""
    if not text:
        return ""
    return f"<div style='white-space:pre-wrap'>{escape(harmless_lines(text), quote=False)}</div>"


def harmless_lines(text: str) -> str:
    """The text without what turns round or hides what stands beside it: files may be called anything, too."""
    return "\n".join(printable(line, _LONGEST_LINE) for line in text.split("\n"))
