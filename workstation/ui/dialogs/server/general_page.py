"""The first page of the server dialog: name, AE title, address, port, limits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QHBoxLayout, QSpinBox, QVBoxLayout, QWidget

from workstation.peers import check_ae_title, check_host, check_port
from workstation.scp.profiles import Profile
from workstation.ui.dialogs.server.form_parts import Change, add_row, form, page_layout
from workstation.ui.parts.widgets import SPACE, CheckedField, DimLabel, IgnoreWheel, heading, name_widget, sentence_of
from workstation.ui.theme import Theme

_PDU_SIZES = (16384, 32768, 65536, 131072, 262144, 1048576)


class GeneralPage(QWidget):
    """Where the server listens, and its limits."""

    def __init__(self, theme: Theme, change: Change, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._change = change
        self.ae_title = CheckedField(theme, sentence_of(check_ae_title))
        name_widget(self.ae_title.editor, "aeTitle", "AE title", "The AE title that peers call, at most 16 characters")
        self.ae_title.committed.connect(lambda text: self._set(ae_title=text.strip()))

        self.host = CheckedField(theme, sentence_of(check_host))
        name_widget(self.host.editor, "host", "Address", "127.0.0.1: this computer only; 0.0.0.0: all its addresses")
        self.host.committed.connect(lambda text: self._set(host=check_host(text)))
        self._host_words = DimLabel(theme)
        self.host.editor.textChanged.connect(self._explain_host)

        self.port = CheckedField(theme, sentence_of(check_port))
        self.port.editor.setMaximumWidth(110)
        name_widget(self.port.editor, "port", "Port", "The TCP port, 1 to 65535; 104 and 11112 are DICOM's")
        self.port.committed.connect(lambda text: self._set(port=check_port(text)))

        self.description = CheckedField(theme, lambda _: "")
        self.description.editor.setPlaceholderText("what it is for")
        name_widget(self.description.editor, "description", "Description", "What it is for; shown with its peer")
        self.description.committed.connect(lambda text: self._set(description=text.strip()))

        self.enabled = QCheckBox("Start &with the program")
        name_widget(self.enabled, "enabled", "Start with the program", "Listen as soon as the window opens")
        self.enabled.clicked.connect(lambda checked: self._set(enabled=checked))

        self.acse_timeout = self._seconds(
            "acseTimeout", "ACSE timeout", "How long a peer may take to ask for an association", "acse_timeout"
        )
        self.dimse_timeout = self._seconds(
            "dimseTimeout", "DIMSE timeout", "How long a peer may take to answer a message", "dimse_timeout"
        )
        self.network_timeout = self._seconds(
            "networkTimeout", "Network timeout", "How long an association may be silent", "network_timeout"
        )
        self.maximum_pdu = QComboBox()
        name_widget(
            self.maximum_pdu, "maximumPdu", "Maximum PDU", "The largest P-DATA-TF that peers may send to this server"
        )
        self.maximum_pdu.addItem("no limit", 0)
        for size in _PDU_SIZES:
            self.maximum_pdu.addItem(f"{size:,} bytes", size)
        self.maximum_pdu.activated.connect(lambda row: self._set(maximum_pdu_size=self.maximum_pdu.itemData(row)))
        self.maximum_associations = QSpinBox()
        self.maximum_associations.setRange(1, 1000)
        self.maximum_associations.setKeyboardTracking(False)
        self.maximum_associations.setAlignment(Qt.AlignmentFlag.AlignRight)
        name_widget(
            self.maximum_associations,
            "maximumAssociations",
            "Maximum associations",
            "How many associations may be open at a time; further ones are rejected",
        )
        self.maximum_associations.valueChanged.connect(lambda value: self._set(maximum_associations=value))
        self._wheel = IgnoreWheel(self)
        for widget in (
            self.acse_timeout,
            self.dimse_timeout,
            self.network_timeout,
            self.maximum_pdu,
            self.maximum_associations,
        ):
            widget.setMinimumWidth(150)
            widget.installEventFilter(self._wheel)
            widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

        who = form()
        add_row(who, "AE &title", self.ae_title)
        add_row(who, "Add&ress", self.host)
        who.addRow("", self._host_words)
        add_row(who, "&Port", self.port)
        who.addRow("", self.enabled)
        add_row(who, "&Description", self.description)
        limits = form()
        add_row(limits, "ACSE timeout", self.acse_timeout)
        add_row(limits, "DIMSE timeout", self.dimse_timeout)
        add_row(limits, "Network timeout", self.network_timeout)
        add_row(limits, "Maximum PDU", self.maximum_pdu)
        add_row(limits, "Associations at a time", self.maximum_associations)

        left, right = QVBoxLayout(), QVBoxLayout()
        for column in (left, right):
            column.setSpacing(int(1.5 * SPACE))
        left.addWidget(heading("Where it listens"))
        left.addLayout(who)
        left.addStretch(1)
        right.addWidget(heading("Limits, for the next association"))
        right.addLayout(limits)
        right.addStretch(1)
        columns = QHBoxLayout()
        columns.setSpacing(4 * SPACE)
        columns.addLayout(left, 1)
        columns.addLayout(right, 1)
        page_layout(self).addLayout(columns)

    def _seconds(self, object_name: str, name: str, tip: str, field: str) -> QDoubleSpinBox:
        spin = QDoubleSpinBox()
        spin.setRange(0.1, 86400)
        spin.setDecimals(1)
        spin.setSuffix(" s")
        spin.setKeyboardTracking(False)
        spin.setAlignment(Qt.AlignmentFlag.AlignRight)
        name_widget(spin, object_name, name, f"{tip}, in seconds")
        spin.valueChanged.connect(lambda value: self._set(**{field: value}))
        return spin

    def _set(self, **values: Any) -> None:
        self._change(lambda now: replace(now, **values))

    def show_profile(self, settings: Profile) -> None:
        """Show what is in force."""
        for field, text in (
            (self.ae_title, settings.ae_title),
            (self.host, settings.host),
            (self.port, str(settings.port)),
            (self.description, settings.description),
        ):
            if not field.editor.hasFocus() or not field.problem:
                field.set_text(text)
        self._explain_host(settings.host)
        for widget, value in (
            (self.acse_timeout, settings.acse_timeout),
            (self.dimse_timeout, settings.dimse_timeout),
            (self.network_timeout, settings.network_timeout),
        ):
            with QSignalBlocker(widget):
                widget.setValue(value)
        with QSignalBlocker(self.maximum_associations):
            self.maximum_associations.setValue(settings.maximum_associations)
        row = self.maximum_pdu.findData(settings.maximum_pdu_size)
        if row < 0:
            self.maximum_pdu.addItem(f"{settings.maximum_pdu_size:,} bytes", settings.maximum_pdu_size)
            row = self.maximum_pdu.count() - 1
        self.maximum_pdu.setCurrentIndex(row)
        self.enabled.setChecked(settings.enabled)

    def _explain_host(self, text: str) -> None:
        host = text.strip()
        if host in ("0.0.0.0", "::", ""):
            words = "Every computer that can reach this one."
        elif host in ("127.0.0.1", "::1", "localhost"):
            words = "Only programs on this computer. 0.0.0.0 lets others in."
        else:
            words = "Computers that reach this one at this address."
        self._host_words.setText(words)
