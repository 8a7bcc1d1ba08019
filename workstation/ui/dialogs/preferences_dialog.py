"""The program's own settings: who we are when we ask, how long we wait, how much traffic is kept.

Every valid change takes effect at once and is kept, as in the server's dialog; there is no OK.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QComboBox, QDialog, QDoubleSpinBox, QFormLayout, QSpinBox, QVBoxLayout, QWidget

from workstation.peers import check_ae_title
from workstation.ui.parts.widgets import (
    SPACE,
    CheckedField,
    DimLabel,
    IgnoreWheel,
    heading,
    in_row,
    name_widget,
    push_button,
    sentence_of,
)
from workstation.ui.services import Services

_PDU_SIZES = (16384, 32768, 65536, 131072, 262144, 1048576)
_MEGABYTE = 1 << 20


class PreferencesDialog(QDialog):
    """A form over `CallerSettings` and `TrafficSettings`."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self.setObjectName("preferencesDialog")
        self.setWindowTitle("Preferences")
        self.setModal(False)
        self._wheel = IgnoreWheel(self)

        self.ae_title = CheckedField(services.theme, sentence_of(check_ae_title))
        name_widget(self.ae_title.editor, "ownAeTitle", "Calling AE title", "Who we say we are, at most 16 characters")
        self.ae_title.committed.connect(lambda text: self._set_caller(ae_title=text))
        self.connection_timeout = self._seconds(
            "connectionTimeout", "Connection timeout", "How long a TCP connection may take", "connection_timeout"
        )
        self.acse_timeout = self._seconds(
            "ownAcseTimeout",
            "ACSE timeout",
            "How long a peer may take to answer an association request",
            "acse_timeout",
        )
        self.dimse_timeout = self._seconds(
            "ownDimseTimeout", "DIMSE timeout", "How long a peer may take to answer a message", "dimse_timeout"
        )
        self.network_timeout = self._seconds(
            "ownNetworkTimeout", "Network timeout", "How long an association may be silent", "network_timeout"
        )
        self.maximum_pdu = QComboBox()
        name_widget(self.maximum_pdu, "ownMaximumPdu", "Maximum PDU", "The largest P-DATA-TF that peers may send us")
        self.maximum_pdu.addItem("no limit", 0)
        for size in _PDU_SIZES:
            self.maximum_pdu.addItem(f"{size:,} bytes", size)
        self.maximum_pdu.activated.connect(
            lambda row: self._set_caller(maximum_pdu_size=self.maximum_pdu.itemData(row))
        )
        self.max_megabytes = self._whole("keptMegabytes", "Bytes kept", "When there are more, the oldest go", 1, 65536)
        self.max_megabytes.setSuffix(" MiB")
        self.max_megabytes.valueChanged.connect(lambda value: self._set_traffic(max_bytes=value * _MEGABYTE))
        self.max_rows = self._whole("keptRows", "Rows kept", "When there are more, the oldest go", 1000, 10_000_000)
        self.max_rows.setGroupSeparatorShown(True)
        self.max_rows.setSingleStep(10_000)
        self.max_rows.valueChanged.connect(lambda value: self._set_traffic(max_rows=value))
        self.capture_megabytes = self._whole(
            "captureMegabytes", "Bytes kept of a capture", "Of larger captures the oldest go", 1, 65536
        )
        self.capture_megabytes.setSuffix(" MiB")
        self.capture_megabytes.valueChanged.connect(
            lambda value: self._set_traffic(capture_max_bytes=value * _MEGABYTE)
        )
        self.capture_rows = self._whole(
            "captureRows", "Rows kept of a capture", "Of larger captures the oldest go", 1000, 100_000_000
        )
        self.capture_rows.setGroupSeparatorShown(True)
        self.capture_rows.setSingleStep(100_000)
        self.capture_rows.valueChanged.connect(lambda value: self._set_traffic(capture_max_rows=value))

        asking = _form()
        asking.addRow("Calling &AE title", self.ae_title)
        asking.addRow("&Connection timeout", self.connection_timeout)
        asking.addRow("AC&SE timeout", self.acse_timeout)
        asking.addRow("&DIMSE timeout", self.dimse_timeout)
        asking.addRow("&Network timeout", self.network_timeout)
        asking.addRow("Maximum &PDU", self.maximum_pdu)
        traffic = _form()
        traffic.addRow("&Bytes kept", self.max_megabytes)
        traffic.addRow("&Rows kept", self.max_rows)
        traffic.addRow("Bytes of a cap&ture", self.capture_megabytes)
        traffic.addRow("Rows of a capt&ure", self.capture_rows)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE)
        layout.setSpacing(int(1.5 * SPACE))
        layout.addWidget(heading("When this program asks others"))
        layout.addLayout(asking)
        layout.addSpacing(SPACE)
        layout.addWidget(heading("Traffic in the window"))
        layout.addLayout(traffic)
        layout.addStretch(1)
        note = DimLabel(services.theme, "Changes take effect with the next association and are kept.")
        close = push_button("Close", "preferencesClose", "Close (Esc)", self.close)
        row = in_row(note, close)
        row.setStretch(0, 1)
        layout.addLayout(row)
        self.resize(500, 0)
        services.settings_changed.connect(self._show)
        self._show()

    def _seconds(self, object_name: str, name: str, tip: str, field: str) -> QDoubleSpinBox:
        spin = QDoubleSpinBox()
        spin.setRange(0.1, 86400)
        spin.setDecimals(1)
        spin.setSuffix(" s")
        spin.setKeyboardTracking(False)
        spin.setAlignment(Qt.AlignmentFlag.AlignRight)
        spin.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        spin.installEventFilter(self._wheel)
        name_widget(spin, object_name, name, f"{tip}, in seconds")
        spin.valueChanged.connect(lambda value: self._set_caller(**{field: value}))
        return spin

    def _whole(self, object_name: str, name: str, tip: str, low: int, high: int) -> QSpinBox:
        spin = QSpinBox()
        spin.setRange(low, high)
        spin.setKeyboardTracking(False)
        spin.setAlignment(Qt.AlignmentFlag.AlignRight)
        spin.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        spin.installEventFilter(self._wheel)
        name_widget(spin, object_name, name, tip)
        return spin

    def _show(self) -> None:
        caller, traffic = self._services.settings.caller, self._services.settings.traffic
        if not self.ae_title.editor.hasFocus():
            self.ae_title.set_text(caller.ae_title)
        values: tuple[tuple[QSpinBox | QDoubleSpinBox, float], ...] = (
            (self.connection_timeout, caller.connection_timeout),
            (self.acse_timeout, caller.acse_timeout),
            (self.dimse_timeout, caller.dimse_timeout),
            (self.network_timeout, caller.network_timeout),
            (self.max_megabytes, traffic.max_bytes // _MEGABYTE),
            (self.max_rows, traffic.max_rows),
            (self.capture_megabytes, traffic.capture_max_bytes // _MEGABYTE),
            (self.capture_rows, traffic.capture_max_rows),
        )
        for spin, value in values:
            with QSignalBlocker(spin):
                if isinstance(spin, QSpinBox):
                    spin.setValue(int(value))
                else:
                    spin.setValue(value)
        row = self.maximum_pdu.findData(caller.maximum_pdu_size)
        if row < 0:
            row = self.maximum_pdu.count()
            self.maximum_pdu.addItem(f"{caller.maximum_pdu_size:,} bytes", caller.maximum_pdu_size)
        self.maximum_pdu.setCurrentIndex(row)

    def _set_caller(self, **values: Any) -> None:
        settings = self._services.settings
        self._services.save_settings(replace(settings, caller=replace(settings.caller, **values)))

    def _set_traffic(self, **values: Any) -> None:
        settings = self._services.settings
        traffic = replace(settings.traffic, **values)
        self._services.save_settings(replace(settings, traffic=traffic))
        log = self._services.log
        log.max_rows, log.max_bytes = traffic.max_rows, traffic.max_bytes


def _form() -> QFormLayout:
    form = QFormLayout()
    form.setHorizontalSpacing(2 * SPACE)
    form.setVerticalSpacing(SPACE)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    return form
