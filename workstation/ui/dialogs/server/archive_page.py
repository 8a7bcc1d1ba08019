"""The page of the server dialog on what all servers keep: where it is, how much, how carefully."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QCheckBox, QLineEdit, QWidget

from workstation.scp.query.levels import Level
from workstation.ui.dialogs.server.form_parts import add_row, form, indented, page_layout
from workstation.ui.parts.rates import bytes_text, count_text
from workstation.ui.parts.widgets import SPACE, DimLabel, in_row, name_widget, plain_label, push_button
from workstation.ui.services import Services
from workstation.ui.tasks import action


class ArchivePage(QWidget):
    """The archive, which all servers share."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        theme = services.theme
        self.folder = QLineEdit()
        self.folder.setReadOnly(True)
        name_widget(self.folder, "archiveFolder", "Archive folder", "Where stored objects are, as files of the program")
        self.open_folder = push_button(
            "&Open", "openFolder", "Show the folder in the system's file manager", self._open_folder
        )
        self.copy_folder = push_button("Co&py", "copyFolder", "Copy the folder's path", self._copy_folder)
        self._objects = plain_label("–", selectable=True)
        self._objects.setObjectName("archiveObjects")
        self._free = plain_label("–", selectable=True)
        self._free.setObjectName("archiveFree")
        self.refresh = push_button("&Refresh", "refreshArchive", "Count again", self.count)
        self.durable = QCheckBox("&Durable: answer success only when an object is safe on disk")
        name_widget(self.durable, "durable", "Durable", "Flush each object to the disk before answering 0000")
        self.durable.clicked.connect(self._set_durable)
        fields = form()
        add_row(fields, "Folder", in_row(self.folder, self.open_folder, self.copy_folder))
        add_row(fields, "Objects", self._objects)
        add_row(fields, "Free space", self._free)
        fields.addRow("", in_row(self.refresh, None))
        words = DimLabel(
            theme,
            "Without it storing is faster, but a power failure may lose objects that were answered with success.",
        )
        column = page_layout(self)
        column.addLayout(fields)
        column.addSpacing(2 * SPACE)
        column.addWidget(self.durable)
        column.addLayout(indented(words))
        column.addStretch(1)

    def show_archive(self) -> None:
        """Show where it is."""
        archive = self._services.archive
        self.durable.setChecked(self._services.settings.archive.durable)
        self.folder.setText(str(archive.folder) if archive is not None else "This run has no archive.")
        self.folder.setCursorPosition(0)
        for widget in (self.open_folder, self.copy_folder, self.refresh):
            widget.setEnabled(archive is not None)

    def _set_durable(self, durable: bool) -> None:
        services = self._services
        services.save_settings(replace(services.settings, archive=replace(services.settings.archive, durable=durable)))
        if services.servers is not None:
            services.servers.durable = durable

    @action
    async def count(self) -> None:
        """Count what is there, and what room is left."""
        archive = self._services.archive
        if archive is None:
            return
        self.refresh.setEnabled(False)
        try:
            counts, free = await self._services.tasks.call(lambda: (archive.counts(), archive.free_space()), "count")
        except OSError as error:
            self._free.setText(f"The folder cannot be read: {error.strerror or error}.")
        else:
            self._objects.setText(_counts_text(counts))
            self._free.setText(bytes_text(free))
        finally:
            self.refresh.setEnabled(True)

    def _open_folder(self) -> None:
        archive = self._services.archive
        if archive is not None and not QDesktopServices.openUrl(QUrl.fromLocalFile(str(archive.folder))):
            self._services.notify("This system offers no file manager; copy the path instead.")

    def _copy_folder(self) -> None:
        QGuiApplication.clipboard().setText(self.folder.text())


def _counts_text(counts: Mapping[Level, int]) -> str:
    return ", ".join(
        (
            count_text(counts.get(Level.IMAGE, 0), "object"),
            f"{counts.get(Level.SERIES, 0):,} series",
            count_text(counts.get(Level.STUDY, 0), "study", "studies"),
            count_text(counts.get(Level.PATIENT, 0), "patient"),
        )
    )
