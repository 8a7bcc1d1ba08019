"""What is to go wrong: one of the faults that the events of a rule can have, and its values, as `FAULTS` has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from workstation.scp.rules.faults import FAULTS, Parameter
from workstation.scp.rules.rule import ASSOCIATION, EVENTS, Fault
from workstation.ui.dialogs.rules.fields import (
    LinesField,
    add_field,
    form_layout,
    narrow,
    show_field,
)
from workstation.ui.dialogs.rules.names import NameKind
from workstation.ui.dialogs.rules.numbers import NumberChooser
from workstation.ui.parts.widgets import DimLabel, ProblemLabel, name_widget, stacked, still
from workstation.ui.theme import Theme

# PS3.8 Table 9-21: what the reason of a rejection means depends on its source.
REJECT_REASONS: Mapping[int, Mapping[int, str]] = {
    1: {
        1: "no reason given",
        2: "application context name not supported",
        3: "calling AE title not recognized",
        7: "called AE title not recognized",
    },
    2: {1: "no reason given", 2: "protocol version not supported"},
    3: {1: "temporary congestion", 2: "local limit exceeded"},
}

# PS3.8 Table 9-26; a service user's abort has no reason.
ABORT_REASONS: Mapping[int, str] = {
    0: "reason not specified",
    1: "unrecognized PDU",
    2: "unexpected PDU",
    4: "unrecognized PDU parameter",
    5: "unexpected PDU parameter",
    6: "invalid PDU parameter value",
}

_NAMES: Mapping[str, NameKind] = {"refuse": "SOP class", "accept": "SOP class", "syntaxes": "transfer syntax"}

# Of faults that happen at a point: which values only some points have.
_ONLY_AT: Mapping[str, tuple[str, ...]] = {"count": ("between",), "bytes": ("middle", "receiving")}

_LARGEST_SPIN = 2**31 - 1


def points_for(events: tuple[str, ...]) -> frozenset[str]:
    """When a fault can happen, for these events."""
    chosen = events or EVENTS
    points = {"before", "middle", "after"}
    if any(event != ASSOCIATION for event in chosen):
        points.add("between")
    if "EVT_C_STORE" in chosen:
        points.add("receiving")
    return frozenset(points)


def faults_for(events: tuple[str, ...]) -> tuple[str, ...]:
    """The faults that a rule for these events can have."""
    return tuple(kind for kind, spec in FAULTS.items() if any(spec.applies_to(event) for event in events or EVENTS))


class FaultForm(QWidget):
    """The kind of a fault and its values. `edited` carries the `Fault`, or None."""

    edited = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._fault: Fault | None = None
        self._settled: Fault | None = None
        self._events: tuple[str, ...] = ()
        self._offered: tuple[str, ...] = ()
        self._kind = ""
        self._show_value: dict[str, Callable[[Any], None]] = {}
        self._rows: dict[str, QWidget] = {}
        self.kinds = narrow(QComboBox())
        self.kinds.setMaxVisibleItems(24)
        name_widget(self.kinds, "doFault", "What goes wrong", "A fault on purpose; everything around it stays right")
        still(self.kinds)
        self._help = DimLabel(theme)
        self._help.setObjectName("faultHelp")
        self._doubt = ProblemLabel(theme)
        self._values = QWidget()
        self._form = form_layout()
        self._values.setLayout(self._form)
        top = form_layout()
        which = QWidget()
        which.setLayout(stacked(self.kinds, self._help, self._doubt, space=3))
        which.setFocusProxy(self.kinds)
        add_field(top, "What goes wrong", which)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(top)
        layout.addWidget(self._values)
        self.kinds.activated.connect(lambda _row: self._chosen())
        self._offer()

    @property
    def fault(self) -> Fault | None:
        """The fault, None if nothing goes wrong."""
        return self._fault

    def set_fault(self, fault: Fault | None, events: tuple[str, ...]) -> None:
        """Show a fault and what else there could be for these events; emits nothing."""
        self._fault, self._events = fault, events
        self._settled = fault
        self._offer()
        self._show()

    def settle(self) -> None:
        """What stands here now is in force: what is typed wrong from now on falls back to it."""
        self._settled = self._fault

    def _fall_back(self, name: str) -> None:
        settled = self._settled
        if settled is not None and self._fault is not None and settled.kind == self._fault.kind:
            self._set(name, settled[name])
        elif self._fault is not None:
            self._set(name, Fault(kind=self._fault.kind)[name])

    def _offer(self) -> None:
        offered = faults_for(self._events)
        if self._fault is not None and self._fault.kind not in offered:
            offered = (*offered, self._fault.kind)
        if offered != self._offered or self.kinds.count() == 0:
            self._offered = offered
            self.kinds.clear()
            self.kinds.addItem("Nothing", "")
            for kind in offered:
                self.kinds.addItem(FAULTS[kind].label, kind)
        self.kinds.setCurrentIndex(self.kinds.findData(self._fault.kind if self._fault is not None else ""))

    def _chosen(self) -> None:
        kind = self.kinds.currentData()
        if kind == (self._fault.kind if self._fault is not None else ""):
            return
        # What two faults have in common, such as when they happen, is kept.
        old = self._fault.values if self._fault is not None else {}
        common = {each.name for each in FAULTS[kind].parameters if each.name in ("point", "count")} if kind else set()
        self._fault = Fault(kind=kind, values={name: old[name] for name in common if name in old}) if kind else None
        self._show()
        self.edited.emit(self._fault)

    def _show(self) -> None:
        fault = self._fault
        self._help.setText(FAULTS[fault.kind].help if fault is not None else "")
        self._help.setVisible(fault is not None)
        is_possible = fault is None or fault.kind in faults_for(self._events)
        self._doubt.show_problem("" if is_possible else "The requests chosen above cannot have this fault.")
        kind = fault.kind if fault is not None else ""
        if kind != self._kind:
            self._kind = kind
            self._build()
        self._values.setVisible(bool(self._rows))
        if fault is None:
            return
        for name, show in self._show_value.items():
            show(fault[name])
        self._show_needed(fault)

    def _show_needed(self, fault: Fault) -> None:
        point = fault.values.get("point")
        if point is None:
            return
        for name in _ONLY_AT:
            if name in self._rows:
                show_field(self._form, self._rows[name], point in _ONLY_AT[name])

    def _set(self, name: str, value: Any) -> None:
        fault = self._fault
        if fault is None:
            return
        values = {**fault.values, name: value}
        if name == "point":
            # What has no meaning any more and is not seen goes back to what it is by itself.
            values = {each: values[each] for each in values if value in _ONLY_AT.get(each, (value,))}
        fault = Fault(kind=fault.kind, values=values)
        if fault == self._fault:
            return
        self._fault = fault
        for each, show in self._show_value.items():
            if name == "point" and each in _ONLY_AT:
                show(fault[each])
        self._show_needed(fault)
        if name == "source" and fault.kind == "reject":
            chooser = self._rows["reason"]
            assert isinstance(chooser, NumberChooser)
            chooser.offer(REJECT_REASONS[fault["source"]])
        self.edited.emit(fault)

    # --- a field for each parameter

    def _build(self) -> None:
        while self._form.rowCount():
            self._form.removeRow(0)
        self._rows, self._show_value = {}, {}
        if not self._kind:
            return
        for parameter in FAULTS[self._kind].parameters:
            row = self._field(parameter)
            # Shown now: left to itself, Qt does so later, and the focus cannot go there before.
            add_field(self._form, parameter.label, row).show()
            row.show()
            self._rows[parameter.name] = row

    def _field(self, parameter: Parameter) -> QWidget:
        name, object_name = parameter.name, f"fault_{parameter.name}"
        tip = parameter.help or parameter.label
        match parameter.kind:
            case "choice":
                return self._choice(parameter, object_name, tip)
            case "flag":
                box = QCheckBox()
                name_widget(box, object_name, parameter.label, tip)
                box.clicked.connect(lambda checked: self._set(name, checked))
                self._show_value[name] = box.setChecked
                return box
            case "texts":
                lines = LinesField(
                    self._theme, object_name, parameter.label, tip, kind=_NAMES.get(name), placeholder=tip
                )
                lines.edited.connect(lambda found: self._set(name, found))
                self._show_value[name] = lambda value: lines.set_lines(value) if lines.lines != value else None
                return lines
            case "text":
                line = QLineEdit()
                name_widget(line, object_name, parameter.label, tip)
                line.textEdited.connect(lambda text: self._set(name, text))
                self._show_value[name] = lambda value: line.setText(value) if line.text() != value else None
                return line
            case "number":
                number = QDoubleSpinBox()
                number.setRange(parameter.low, parameter.high)
                name_widget(number, object_name, parameter.label, tip)
                still(number)
                self._show_value[name] = _quietly(number)
                number.valueChanged.connect(lambda value: self._set(name, value))
                return number
            case "whole":
                return self._whole(parameter, object_name, tip)

    def _choice(self, parameter: Parameter, object_name: str, tip: str) -> QWidget:
        combo = narrow(QComboBox())
        name_widget(combo, object_name, parameter.label, tip)
        still(combo)

        def show(value: Any) -> None:
            possible = points_for(self._events) | {value} if parameter.name == "point" else set(parameter.choices)
            wanted = [each for each in parameter.choices if each in possible]
            if [combo.itemData(row) for row in range(combo.count())] != wanted:
                combo.clear()
                for each in wanted:
                    words = parameter.choices[each]
                    combo.addItem(words if isinstance(each, str) else f"{each}  {words}", each)
            combo.setCurrentIndex(combo.findData(value))

        combo.activated.connect(lambda _row: self._set(parameter.name, combo.currentData()))
        self._show_value[parameter.name] = show
        return combo

    def _whole(self, parameter: Parameter, object_name: str, tip: str) -> QWidget:
        name = parameter.name
        words = self._words_of(parameter)
        if words or parameter.hexadecimal:
            chooser = NumberChooser(
                self._theme,
                object_name,
                parameter.label,
                tip,
                int(parameter.low),
                int(parameter.high),
                words,
                hexadecimal=parameter.hexadecimal,
            )
            chooser.edited.connect(lambda value: self._set(name, value))
            chooser.refused.connect(lambda: self._fall_back(name))

            def show(value: Any) -> None:
                if self._kind == "reject" and self._fault is not None:
                    chooser.offer(REJECT_REASONS[self._fault["source"]])
                if chooser.number != value:
                    chooser.set_number(value)

            self._show_value[name] = show
            return chooser
        spin = QSpinBox()
        spin.setRange(max(int(parameter.low), -_LARGEST_SPIN - 1), min(int(parameter.high), _LARGEST_SPIN))
        spin.setGroupSeparatorShown(True)
        name_widget(spin, object_name, parameter.label, tip)
        still(spin)
        self._show_value[name] = _quietly(spin)
        spin.valueChanged.connect(lambda value: self._set(name, value))
        return spin

    def _words_of(self, parameter: Parameter) -> Mapping[int, str]:
        match self._kind, parameter.name:
            case "reject", "reason":
                return REJECT_REASONS[self._fault["source"] if self._fault is not None else 1]
            case "abort", "reason":
                return ABORT_REASONS
            case "pdu-type", "type":
                return {0x77: "not in the standard", 0x00: "zero", 0x08: "after the last known", 0xFF: "all bits set"}
        return {}


def _quietly(spin: QSpinBox | QDoubleSpinBox) -> Callable[[Any], None]:
    def show(value: Any) -> None:
        spin.blockSignals(True)
        spin.setValue(value)
        spin.blockSignals(False)

    return show
