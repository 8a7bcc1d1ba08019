"""Python text in colours: words of the language, texts, numbers, comments, names that are defined.

Enough for reading one's own script; it knows words, not grammar. Colours stand beside spelling and never alone: what
is coloured reads the same without. A long text is coloured a few lines at a time.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterator

from PySide6.QtGui import QColor, QFont, QSyntaxHighlighter, QTextCharFormat, QTextDocument

from workstation.ui.parts.slices import Slices
from workstation.ui.theme import Theme

_PLAIN, _IN_SINGLE, _IN_DOUBLE = -1, 1, 2
_QUOTES = {_IN_SINGLE: "'''", _IN_DOUBLE: '"""'}

# Lines that are coloured at once; more take turns with everything else.
_AT_ONCE = 150

_TOKEN = re.compile(
    r"""(?P<comment>\#.*)
    |(?P<open>[rRbBuUfF]{0,2}(?:'''|\"\"\"))
    |(?P<text>[rRbBuUfF]{0,2}(?:"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?))
    |(?P<number>\b(?:0[xX][0-9A-Fa-f_]+|0[bB][01_]+|\d[\d_]*\.?[\d_]*(?:[eE][+-]?\d+)?)\b)
    |(?P<decorator>^\s*@[\w.]+)
    |(?P<word>\b[^\W\d]\w*\b)""",
    re.VERBOSE,
)
_DEFINES = ("def", "class")
_BUILT_IN = frozenset(name for name in dir(builtins) if not name.startswith("_"))


class PythonHighlighter(QSyntaxHighlighter):
    """Colours one document.

    Args:
        document: It.
        theme: Colours.
    """

    def __init__(self, document: QTextDocument, theme: Theme) -> None:
        super().__init__(document)
        self._theme = theme
        self._deferred = False
        self._slices = Slices(self)
        self._formats: dict[str, QTextCharFormat] = {}
        theme.changed.connect(self._choose_colours)
        self._choose_colours()

    def set_text(self, text: str) -> None:
        """Replace the whole text, and colour what is long little by little."""
        document = self.document()
        self._deferred = text.count("\n") > _AT_ONCE
        try:
            document.setPlainText(text)
        finally:
            deferred, self._deferred = self._deferred, False
        if deferred:
            self._slices.start(self._colour_all())

    def _colour_all(self) -> Iterator[None]:
        block = self.document().firstBlock()
        while block.isValid():
            self.rehighlightBlock(block)
            yield
            block = block.next()

    def _choose_colours(self) -> None:
        theme = self._theme
        self._formats = {
            "keyword": _format(theme.accent, bold=True),
            "text": _format(theme.success),
            "number": _format(theme.received),
            "comment": _format(theme.dimmed, italic=True),
            "defined": _format(theme.text, bold=True),
            "builtin": _format(theme.pending),
            "decorator": _format(theme.warning),
        }
        if self.document().blockCount() > _AT_ONCE:
            self._slices.start(self._colour_all())
        else:
            self.rehighlight()

    def highlightBlock(self, text: str) -> None:
        if self._deferred:
            self.setCurrentBlockState(_PLAIN)
            return
        place = 0
        state = self.previousBlockState()
        if state in _QUOTES:
            place = self._long_text(text, 0, 0, state)
        else:
            self.setCurrentBlockState(_PLAIN)
        before = ""
        while (found := _TOKEN.search(text, place)) is not None:
            place = found.end()
            kind = found.lastgroup or ""
            if kind == "open":
                state = _IN_DOUBLE if found[0].endswith('"') else _IN_SINGLE
                place = self._long_text(text, found.start(), place, state)
            elif kind == "word":
                self._word(found.start(), found[0], before)
                before = found[0]
            else:
                self.setFormat(found.start(), place - found.start(), self._formats[kind])

    def _word(self, start: int, word: str, before: str) -> None:
        if before in _DEFINES:
            name = "defined"
        elif keyword.iskeyword(word):
            name = "keyword"
        elif word in _BUILT_IN:
            name = "builtin"
        else:
            return
        self.setFormat(start, len(word), self._formats[name])

    def _long_text(self, text: str, start: int, after: int, state: int) -> int:
        """Colour a text in triple quotes; where the line goes on behind it."""
        end = text.find(_QUOTES[state], after)
        if end < 0:
            self.setCurrentBlockState(state)
            self.setFormat(start, len(text) - start, self._formats["text"])
            return len(text)
        self.setCurrentBlockState(_PLAIN)
        end += 3
        self.setFormat(start, end - start, self._formats["text"])
        return end


def _format(colour: QColor, *, bold: bool = False, italic: bool = False) -> QTextCharFormat:
    made = QTextCharFormat()
    made.setForeground(colour)
    if bold:
        made.setFontWeight(QFont.Weight.Bold)
    made.setFontItalic(italic)
    return made
