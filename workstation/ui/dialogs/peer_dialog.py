"""Adding and editing one peer of the address book, checked while a person types.

What is valid is `workstation.peers`' business; this dialog shows its sentences beside the fields.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QDialog, QFormLayout, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from workstation.peers import Peer, check_ae_title, check_host, check_port
from workstation.ui.parts.widgets import (
    SPACE,
    CheckedField,
    DimLabel,
    act_on_control_enter,
    in_row,
    name_widget,
    primary_button,
    push_button,
    sentence_of,
)
from workstation.ui.services import BUILT_IN_GROUP, Services


class PeerDialog(QDialog):
    """A form for one peer; `saved` carries it once it is in the book."""

    saved = Signal(object)

    def __init__(self, services: Services, peer: Peer | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._peer = peer
        self.setObjectName("peerDialog")
        self.setWindowTitle(f"Peer {peer.name}" if peer is not None else "New Peer")
        self.setModal(False)
        theme = services.theme

        self.ae_title = self._field(
            "peerAeTitle",
            "AE title",
            "The AE title that the peer answers to; case and inner spaces count",
            sentence_of(check_ae_title),
            peer.ae_title if peer is not None else "",
            "ANY-SCP",
        )
        self.host = self._field(
            "peerHost",
            "Host",
            "Host name or IP address",
            sentence_of(check_host),
            peer.host if peer is not None else "",
            "pacs.example.org or 192.168.1.20",
        )
        self.port = self._field(
            "peerPort",
            "Port",
            "TCP port; 104 and 11112 are usual",
            sentence_of(check_port),
            str(peer.port) if peer is not None else "11112",
            "11112",
        )
        self.name_field = self._field(
            "peerName",
            "Name",
            "What you call it; the AE title if left empty",
            self._check_name,
            peer.name if peer is not None else "",
            "the AE title",
        )
        self.group = QComboBox()
        self.group.setEditable(True)
        self.group.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        name_widget(self.group, "peerGroup", "Group", "Peers of a group stand together in the list")
        self.group.addItem("")
        groups = {each.group for each in services.peers if each.group}
        self.group.addItems(sorted(groups, key=str.casefold))
        self.group.setEditText(peer.group if peer is not None else "")
        self.comment = QLineEdit(peer.comment if peer is not None else "")
        name_widget(self.comment, "peerComment", "Comment", "Anything worth remembering about this peer")

        form = QFormLayout()
        form.setHorizontalSpacing(2 * SPACE)
        form.setVerticalSpacing(SPACE)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow("&AE title", self.ae_title)
        form.addRow("&Host", self.host)
        form.addRow("&Port", self.port)
        form.addRow("&Name", self.name_field)
        form.addRow("&Group", self.group)
        form.addRow("&Comment", self.comment)

        self._hint = DimLabel(theme)
        self._hint.setObjectName("peerHint")
        self.save_button = primary_button("&Save", "peerSave", "Keep this peer")
        self.save_button.clicked.connect(self._save)
        act_on_control_enter(self, self.save_button)
        cancel = push_button("Cancel", "peerCancel", "Close without keeping (Esc)", self.reject)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE)
        layout.setSpacing(int(1.5 * SPACE))
        layout.addLayout(form)
        layout.addWidget(self._hint)
        layout.addStretch(1)
        layout.addLayout(in_row(None, cancel, self.save_button))
        self.resize(440, 0)
        for field in (self.ae_title, self.host, self.port, self.name_field):
            field.editor.textChanged.connect(self._check)
        self._check()
        self.ae_title.setFocus()

    def _field(
        self,
        object_name: str,
        name: str,
        tip: str,
        check: Callable[[str], str],
        text: str,
        placeholder: str,
    ) -> CheckedField:
        # An empty field of a new form is not yet wrong; the line above the buttons says what is missing.
        field = CheckedField(self._services.theme, lambda typed: check(typed) if typed else "", text)
        name_widget(field.editor, object_name, name, tip)
        field.editor.setPlaceholderText(placeholder)
        return field

    def _check_name(self, text: str) -> str:
        name = text.strip()
        own = self._peer.name if self._peer is not None else ""
        if name != own and self._services.find_peer(name) is not None:
            return f"There is already a peer called {name!r}: choose another name."
        return ""

    def _check(self) -> None:
        fields = (self.ae_title, self.host, self.port, self.name_field)
        missing = [
            field.editor.accessibleName() for field in (self.ae_title, self.host, self.port) if not field.text.strip()
        ]
        self.save_button.setEnabled(not missing and not any(field.problem for field in fields))
        self._hint.setText(f"Still needed: {', '.join(missing)}." if missing else "")
        self._hint.setVisible(bool(missing))

    def _save(self) -> None:
        title = self.ae_title.text.strip()
        name = self.name_field.text.strip()
        old = self._peer
        group = self.group.currentText().strip()
        try:
            peer = Peer(
                name=name or (old.name if old is not None else self._services.free_peer_name(title)),
                ae_title=title,
                host=self.host.text,
                port=check_port(self.port.text),
                group="" if group == BUILT_IN_GROUP else group,
                comment=self.comment.text().strip(),
            )
            if old is None:
                self._services.peers.add(peer)
            else:
                self._services.peers.replace(old.name, peer)
        except (ValueError, OSError) as error:
            self.name_field.show_refusal(str(error))
            return
        self._services.peers_changed.emit()
        self.saved.emit(peer)
        self.accept()
