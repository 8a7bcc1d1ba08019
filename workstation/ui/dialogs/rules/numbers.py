"""Numbers in a rule's forms: seconds, counts that stand in a phrase, and numbers that may have words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QFocusEvent, QValidator
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QSpinBox, QWidget

from workstation.scp.rules.rule import MOST_SECONDS
from workstation.ui.dialogs.rules.fields import narrow
from workstation.ui.parts.widgets import ProblemLabel, name_widget, stacked, still
from workstation.ui.theme import Theme


class SecondsSpin(QDoubleSpinBox):
    """Seconds down to a millisecond, without zeros that say nothing."""

    def __init__(self, none: str = "no time") -> None:
        super().__init__()
        self.setRange(0, MOST_SECONDS)
        self.setDecimals(3)
        self.setSingleStep(0.5)
        self.setSuffix(" s")
        self.setSpecialValueText(none)
        self.setMinimumWidth(110)
        still(self)

    def textFromValue(self, value: float) -> str:
        return f"{value:.3f}".rstrip("0").rstrip(".")

    def valueFromText(self, text: str) -> float:
        found = re.search(r"\d*[.,]?\d+", text)
        return float(found[0].replace(",", ".")) if found else 0.0

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        # Whatever the computer's language is, a point and a comma are both understood.
        typed = text.strip().removesuffix(self.suffix().strip()).strip()
        if text == self.specialValueText() or re.fullmatch(r"\d{1,5}([.,]\d{1,3})?", typed):
            return (QValidator.State.Acceptable, text, position)
        part = re.fullmatch(r"\d{0,5}([.,]\d{0,3})?", typed)
        return (QValidator.State.Intermediate if part else QValidator.State.Invalid, text, position)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        # After the mouse has placed the cursor: nothing can be typed behind words such as "at once".
        QTimer.singleShot(0, self, self.selectAll)


class CountSpin(QSpinBox):
    """A whole number that stands in a phrase, such as "every 3rd time"; a person types the number only.

    Args:
        phrase: The phrase for a number.
        low: The least number.
        high: The greatest.
    """

    def __init__(self, phrase: Callable[[int], str], low: int, high: int) -> None:
        super().__init__()
        self._phrase = phrase
        self.setRange(low, high)
        self.setMinimumWidth(110)
        still(self)

    def textFromValue(self, value: int) -> str:
        return self._phrase(value)

    def valueFromText(self, text: str) -> int:
        found = re.search(r"\d+", text)
        return int(found[0]) if found else self.minimum()

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        digits = re.findall(r"\d+", text)
        if text == self._phrase(self.minimum()):
            state = QValidator.State.Acceptable
        elif len(digits) != 1:
            state = QValidator.State.Intermediate if not digits else QValidator.State.Invalid
        elif int(digits[0]) > self.maximum() or len(digits[0]) > 9:
            state = QValidator.State.Invalid
        else:
            enough = int(digits[0]) >= self.minimum()
            state = QValidator.State.Acceptable if enough else QValidator.State.Intermediate
        return (state, text, position)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        # After the mouse has placed the cursor: whoever types means the number, not a letter of the phrase.
        QTimer.singleShot(0, self, self.selectAll)


class NumberChooser(QWidget):
    """A number that may have words: one of a list, or any other that is typed."""

    edited = Signal(int)
    refused = Signal()
    """What stands there cannot be."""

    def __init__(
        self,
        theme: Theme,
        object_name: str,
        label: str,
        tip: str,
        low: int,
        high: int,
        words: Mapping[int, str],
        *,
        hexadecimal: bool = False,
    ) -> None:
        super().__init__()
        self._low, self._high, self._hexadecimal = low, high, hexadecimal
        self.combo = narrow(QComboBox())
        self.combo.setEditable(True)
        self.combo.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        name_widget(self.combo, object_name, label, tip)
        editor = self.combo.lineEdit()
        assert editor is not None
        editor.setAccessibleName(label)
        still(self.combo)
        self._problem = ProblemLabel(theme)
        self.setLayout(stacked(self.combo, self._problem, space=2))
        self.setFocusProxy(self.combo)
        self.offer(words)
        self.combo.editTextChanged.connect(self._changed)

    def offer(self, words: Mapping[int, str]) -> None:
        """Offer these; the number stays. Emits nothing."""
        number = self.number
        self.combo.blockSignals(True)
        self.combo.clear()
        for value, said in words.items():
            self.combo.addItem(f"{self._digits(value)}  {said}", value)
        self.combo.blockSignals(False)
        if number is not None:
            self.set_number(number)

    @property
    def number(self) -> int | None:
        """What is chosen or typed, None if that is no number or not within the limits."""
        parts = self.combo.currentText().split(maxsplit=1)
        try:
            number = int(parts[0].lower().removeprefix("0x"), 16 if self._hexadecimal else 10) if parts else None
        except ValueError:
            return None
        return number if number is not None and self._low <= number <= self._high else None

    def set_number(self, number: int) -> None:
        """Show a number; emits nothing."""
        self.combo.blockSignals(True)
        row = self.combo.findData(number)
        if row >= 0:
            self.combo.setCurrentIndex(row)
        else:
            self.combo.setCurrentIndex(-1)
            self.combo.setEditText(self._digits(number))
        self.combo.blockSignals(False)
        self._problem.show_problem("")

    def _digits(self, number: int) -> str:
        return f"{number:02X}" if self._hexadecimal else str(number)

    def _changed(self) -> None:
        number = self.number
        if number is None:
            how = "hexadecimal digits" if self._hexadecimal else "a whole number"
            limits = f"from {self._digits(self._low)} to {self._digits(self._high)}"
            self._problem.show_problem(f"Choose one, or type {how} {limits}.")
            self.refused.emit()
        else:
            self._problem.show_problem("")
            self.edited.emit(number)
