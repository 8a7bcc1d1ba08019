"""The page of the server dialog on whom and what it accepts: AE titles, SOP classes, transfer syntaxes, TLS."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from workstation.peers import check_ae_title
from workstation.scp.answers.contexts import is_uid, syntaxes_named
from workstation.scp.profiles import TLS_VERSIONS, Profile, Supported, Tls
from workstation.ui.dialogs.server.form_parts import Change, add_row, form, indented, names_in, page_layout
from workstation.ui.parts.widgets import (
    SPACE,
    CheckedField,
    DimLabel,
    Outcome,
    OutcomeLabel,
    heading,
    in_row,
    name_widget,
    push_button,
    sentence_of,
    still,
)
from workstation.ui.theme import Theme

_CLASSES, _SYNTAXES = 0, 1


class AcceptPage(QWidget):
    """Which association requests are accepted, and which presentation contexts in them."""

    def __init__(self, theme: Theme, change: Change, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._change = change
        self._profile = Profile()
        column = page_layout(self)
        column.addWidget(heading("Whose association requests"))
        self.require_called = QCheckBox()
        name_widget(
            self.require_called,
            "requireCalled",
            "Require called AE title",
            "Reject requests that call another AE title: rejected permanently, called AE title not recognized",
        )
        self.require_called.clicked.connect(lambda checked: self._set(require_called=checked))
        self.require_calling = QCheckBox("Only from these calling AE titles:")
        name_widget(
            self.require_calling,
            "requireCalling",
            "Require calling AE titles",
            "Reject requests from other AE titles: rejected permanently, calling AE title not recognized",
        )
        self.require_calling.clicked.connect(self._calling_clicked)
        self.calling = CheckedField(theme, self._check_calling)
        name_widget(self.calling.editor, "callingTitles", "Calling AE titles", "AE titles, separated by commas")
        self.calling.editor.setPlaceholderText("MODALITY1, PACS, …")
        self.calling.committed.connect(lambda _text: self._calling_changed())
        column.addWidget(self.require_called)
        column.addWidget(self.require_calling)
        column.addLayout(indented(self.calling))
        column.addSpacing(SPACE)

        column.addWidget(heading("Which presentation contexts"))
        self.contexts = QTableWidget(0, 2)
        name_widget(
            self.contexts,
            "supported",
            "Supported SOP classes",
            "One line for each group of SOP classes; the first line that names a SOP class counts",
        )
        self.contexts.setHorizontalHeaderLabels(["SOP classes", "Transfer syntaxes, in order of preference"])
        header = self.contexts.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.contexts.verticalHeader().hide()
        self.contexts.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.contexts.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.contexts.setMinimumHeight(90)
        # What room there is it takes; it asks for none, or the page would scroll for its sake.
        self.contexts.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.contexts.itemChanged.connect(self._contexts_edited)
        self.contexts.itemSelectionChanged.connect(self._enable)
        add = push_button("&Add", "addSupported", "Add a line", self._add)
        self.remove = push_button("Re&move", "removeSupported", "Remove the selected line", self._remove)
        self.up = push_button("&Up", "supportedUp", "Move the selected line up", lambda: self._move(-1))
        self.down = push_button("Do&wn", "supportedDown", "Move the selected line down", lambda: self._move(1))
        column.addWidget(
            DimLabel(
                theme,
                "UIDs, names or keywords with * and ?, separated by commas. No line: everything that is built in, "
                "in all transfer syntaxes.",
            )
        )
        column.addWidget(self.contexts, 1)
        column.addLayout(in_row(add, self.remove, self.up, self.down, None))
        self.note = OutcomeLabel(theme)
        name_widget(self.note, "supportedNote", "What is wrong with the lines")
        column.addWidget(self.note)

        column.addSpacing(SPACE)
        column.addWidget(heading("TLS"))
        self.certificate, certificate = self._file("certificate", "Certificate", "The server's certificate (PEM)")
        self.key, key = self._file("key", "Private key", "Its key (PEM); empty if the certificate's file has it")
        self.authorities, authorities = self._file(
            "authorities", "Client authorities", "Certificates of those who sign clients' certificates (PEM)"
        )
        self.minimum = QComboBox()
        name_widget(self.minimum, "tlsMinimum", "Lowest TLS version", "Older versions are refused")
        for version in TLS_VERSIONS:
            self.minimum.addItem(f"TLS {version}", version)
        still(self.minimum)
        self.minimum.activated.connect(lambda *_: self._tls_changed())
        self.require_client = QCheckBox("Require a client certificate")
        name_widget(
            self.require_client, "requireClient", "Require a client certificate", "Refuse clients without a certificate"
        )
        self.require_client.clicked.connect(lambda *_: self._tls_changed())
        fields = form()
        add_row(fields, "Certificate", certificate)
        add_row(fields, "Private key", key)
        add_row(fields, "Client authorities", authorities)
        add_row(fields, "At least", in_row(self.minimum, self.require_client, None))
        column.addLayout(fields)
        column.addWidget(DimLabel(theme, "Without a certificate the server does not speak TLS."))

    # --- showing

    def show_profile(self, profile: Profile) -> None:
        """Show what is in force."""
        self._profile = profile
        self.require_called.setText(f"Only if they call {profile.ae_title}")
        self.require_called.setChecked(profile.require_called)
        if not self.calling.editor.hasFocus():
            self.require_calling.setChecked(bool(profile.require_calling))
            self.calling.set_text(", ".join(profile.require_calling))
        self.calling.setEnabled(self.require_calling.isChecked())
        if self._lines() != profile.supported:
            self._show_lines(profile.supported)
        for editor, text in (
            (self.certificate, profile.tls.certificate),
            (self.key, profile.tls.key),
            (self.authorities, profile.tls.authorities),
        ):
            if not editor.hasFocus():
                editor.setText(text)
        self.minimum.setCurrentIndex(max(self.minimum.findData(profile.tls.minimum), 0))
        self.require_client.setChecked(profile.tls.require_client)
        self.require_client.setEnabled(bool(profile.tls.authorities))
        self._enable()

    def _show_lines(self, lines: tuple[Supported, ...]) -> None:
        self.contexts.blockSignals(True)
        self.contexts.setRowCount(len(lines))
        for row, line in enumerate(lines):
            self.contexts.setItem(row, _CLASSES, QTableWidgetItem(", ".join(line.sop_classes)))
            self.contexts.setItem(row, _SYNTAXES, QTableWidgetItem(", ".join(line.transfer_syntaxes)))
        self.contexts.blockSignals(False)
        self.note.clear()

    def _enable(self) -> None:
        row = self.contexts.currentRow()
        self.remove.setEnabled(row >= 0)
        self.up.setEnabled(row > 0)
        self.down.setEnabled(0 <= row < self.contexts.rowCount() - 1)

    # --- changing

    def _set(self, **values: object) -> None:
        self._change(lambda now: replace(now, **values))  # type: ignore[arg-type]

    def _check_calling(self, text: str) -> str:
        if not self.require_calling.isChecked():
            return ""
        titles = names_in(text)
        if not titles:
            return "Type at least one AE title, or untick the box."
        for title in titles:
            problem = sentence_of(lambda each: check_ae_title(each, f"{each!r}"))(title)
            if problem:
                return problem
        return ""

    def _calling_clicked(self) -> None:
        self.calling.set_text(self.calling.text)
        self.calling.setEnabled(self.require_calling.isChecked())
        if self.require_calling.isChecked() and not names_in(self.calling.text):
            self.calling.editor.setFocus()
        else:
            self._calling_changed()

    def _calling_changed(self) -> None:
        required = self.require_calling.isChecked() and not self.calling.problem
        self._set(require_calling=names_in(self.calling.text) if required else ())

    def _lines(self) -> tuple[Supported, ...]:
        return tuple(
            Supported(
                sop_classes=names_in(self._text(row, _CLASSES)), transfer_syntaxes=names_in(self._text(row, _SYNTAXES))
            )
            for row in range(self.contexts.rowCount())
        )

    def _text(self, row: int, column: int) -> str:
        item = self.contexts.item(row, column)
        return item.text() if item is not None else ""

    def _contexts_edited(self) -> None:
        lines = self._lines()
        for number, line in enumerate(lines, 1):
            if not line.sop_classes:
                self.note.show_outcome(Outcome.WARNING, f"Line {number} names no SOP class; it is not in force yet.")
                return
            for name in line.transfer_syntaxes:
                if not is_uid(name) and not syntaxes_named(name):
                    self.note.show_outcome(
                        Outcome.WARNING, f"Line {number}: no transfer syntax is named {name!r}; it is not in force yet."
                    )
                    return
        self.note.clear()
        self._set(supported=lines)

    def _add(self) -> None:
        row = self.contexts.rowCount()
        self.contexts.blockSignals(True)
        self.contexts.insertRow(row)
        self.contexts.setItem(row, _CLASSES, QTableWidgetItem(""))
        self.contexts.setItem(row, _SYNTAXES, QTableWidgetItem(""))
        self.contexts.blockSignals(False)
        self.contexts.setCurrentCell(
            row,
            _CLASSES,
        )
        self.contexts.setFocus(Qt.FocusReason.OtherFocusReason)
        item = self.contexts.item(row, _CLASSES)
        if item is not None:
            self.contexts.editItem(item)
        self._contexts_edited()

    def _remove(self) -> None:
        row = self.contexts.currentRow()
        if row >= 0:
            self.contexts.removeRow(row)
            self._contexts_edited()
            self._enable()

    def _move(self, by: int) -> None:
        row = self.contexts.currentRow()
        lines = list(self._lines())
        if 0 <= row + by < len(lines) and row >= 0:
            lines.insert(row + by, lines.pop(row))
            self._show_lines(tuple(lines))
            self.contexts.setCurrentCell(row + by, _CLASSES)
            self._contexts_edited()

    def _file(self, object_name: str, name: str, tip: str) -> tuple[QLineEdit, QHBoxLayout]:
        editor = QLineEdit()
        name_widget(editor, object_name, name, tip)
        editor.editingFinished.connect(self._tls_changed)
        browse = push_button(
            "Browse…", f"{object_name}Browse", f"Choose the file: {name}", lambda: self._browse(editor)
        )
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(editor, 1)
        row.addWidget(browse)
        return editor, row

    def _browse(self, editor: QLineEdit) -> None:
        dialog = QFileDialog(self, "Choose a PEM File")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters(("PEM (*.pem *.crt *.key)", "All files (*)"))
        if editor.text():
            dialog.selectFile(editor.text())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self._chosen(editor, path))
        dialog.open()

    def _chosen(self, editor: QLineEdit, path: str) -> None:
        editor.setText(path)
        self._tls_changed()

    def _tls_changed(self) -> None:
        authorities = self.authorities.text().strip()
        tls = Tls(
            certificate=self.certificate.text().strip(),
            key=self.key.text().strip(),
            authorities=authorities,
            require_client=self.require_client.isChecked() and bool(authorities),
            minimum=self.minimum.currentData(),
        )
        if tls != self._profile.tls:
            self._set(tls=tls)
