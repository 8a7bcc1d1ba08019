"""The page of the server dialog on what all servers keep: where it is, how much, how carefully."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from PySide6.QtCore import QSignalBlocker, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QLineEdit, QWidget

from workstation.scp.query.levels import Level
from workstation.ui.dialogs.server.form_parts import add_row, form, indented, page_layout
from workstation.ui.parts.rates import bytes_text, count_text
from workstation.ui.parts.widgets import (
    CheckedField,
    DimLabel,
    Outcome,
    OutcomeLabel,
    in_row,
    name_widget,
    plain_label,
    push_button,
    still,
)
from workstation.ui.services import Services
from workstation.ui.tasks import action

_GIGABYTE = 10**9
_MOST_FREE = 2**50
_NOT_DURABLE = "Without it storing is faster, but a power failure may lose objects that were answered with success."
_OWN_DATABASE = "an SQLite file in the data folder"


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
        self.minimum_free = QDoubleSpinBox()
        self.minimum_free.setRange(0, _MOST_FREE / _GIGABYTE)
        self.minimum_free.setDecimals(2)
        self.minimum_free.setSuffix(" GB")
        self.minimum_free.setSpecialValueText("no limit")
        self.minimum_free.setKeyboardTracking(False)
        self.minimum_free.setMinimumWidth(150)
        name_widget(
            self.minimum_free,
            "minimumFree",
            "Free space to keep",
            "While the disk has less than this, objects are refused with A700, Out of resources",
        )
        still(self.minimum_free)
        self.minimum_free.valueChanged.connect(self._set_minimum_free)
        self.database = CheckedField(theme, _database_problem)
        self.database.editor.setPlaceholderText(_OWN_DATABASE)
        name_widget(
            self.database.editor,
            "archiveDatabase",
            "Database",
            "Where index and worklist are kept, such as postgresql+psycopg://user@host/name; "
            "empty for a file in the data folder",
        )
        self.database.committed.connect(self._set_database)
        self._restart = OutcomeLabel(theme)
        name_widget(self._restart, "databaseRestart", "When the other database is used")
        # What this run began with is what it uses.
        self._database = services.settings.archive.database
        fields = form()
        add_row(fields, "Folder", in_row(self.folder, self.open_folder, self.copy_folder))
        add_row(fields, "Objects", self._objects)
        add_row(fields, "Free space", self._free)
        fields.addRow("", in_row(self.refresh, None))
        fields.addRow(self.durable)
        fields.addRow(indented(DimLabel(theme, _NOT_DURABLE)))
        # One form, so that all fields stand in one line.
        add_row(fields, "Keep &free", in_row(self.minimum_free, None)).setBuddy(self.minimum_free)
        fields.addRow("", DimLabel(theme, "With less room on the disk objects are refused: A700, Out of resources."))
        add_row(fields, "Da&tabase", self.database)
        fields.addRow("", self._restart)
        column = page_layout(self)
        column.addWidget(DimLabel(theme, "All servers of this program share one archive."))
        column.addLayout(fields)
        column.addStretch(1)

    def show_archive(self) -> None:
        """Show where it is."""
        archive, settings = self._services.archive, self._services.settings.archive
        self.durable.setChecked(settings.durable)
        if not self.minimum_free.hasFocus():
            with QSignalBlocker(self.minimum_free):
                self.minimum_free.setValue(settings.minimum_free / _GIGABYTE)
        if not self.database.editor.hasFocus():
            self.database.set_text(settings.database)
        self._tell_restart()
        self.folder.setText(str(archive.folder) if archive is not None else "This run has no archive.")
        self.folder.setCursorPosition(0)
        for widget in (self.open_folder, self.copy_folder, self.refresh):
            widget.setEnabled(archive is not None)

    def _set_durable(self, durable: bool) -> None:
        services = self._services
        services.save_settings(replace(services.settings, archive=replace(services.settings.archive, durable=durable)))
        if services.servers is not None:
            services.servers.durable = durable

    def _set_minimum_free(self, gigabytes: float) -> None:
        services = self._services
        count = min(round(gigabytes * _GIGABYTE), _MOST_FREE)
        services.save_settings(
            replace(services.settings, archive=replace(services.settings.archive, minimum_free=count))
        )
        if services.archive is not None:
            services.archive.minimum_free = count

    def _set_database(self, text: str) -> None:
        services = self._services
        services.save_settings(
            replace(services.settings, archive=replace(services.settings.archive, database=text.strip()))
        )
        self._tell_restart()

    def _tell_restart(self) -> None:
        if self._services.settings.archive.database == self._database:
            self._restart.show_outcome(
                Outcome.IDLE, "Index and worklist are kept there; the objects themselves stay in the folder."
            )
        else:
            self._restart.show_outcome(
                Outcome.WARNING,
                "Used after a restart",
                "The index is made again there from the objects. The worklist and what else was received stay behind.",
            )

    @action
    async def count(self) -> None:
        """Count what is there, and what room is left."""
        archive = self._services.archive
        if archive is None:
            return
        self.refresh.setEnabled(False)
        try:
            counts, free = await self._services.tasks.call(lambda: (archive.counts(), archive.space().free), "count")
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


def _database_problem(text: str) -> str:
    """What is wrong with a database's URL, or nothing. Whether it can be reached is seen at the start."""
    url = text.strip()
    if not url:
        return ""
    # Here, because the window need not wait for it.
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        backend = make_url(url).get_backend_name()
    except ArgumentError:
        return "This is no URL of a database: write one like postgresql+psycopg://user@host/name."
    if backend not in ("sqlite", "postgresql", "postgres"):
        return f"{backend} is not supported: use postgresql+psycopg:// or sqlite:///, or leave it empty."
    return ""


def _counts_text(counts: Mapping[Level, int]) -> str:
    return ", ".join(
        (
            count_text(counts.get(Level.IMAGE, 0), "object"),
            f"{counts.get(Level.SERIES, 0):,} series",
            count_text(counts.get(Level.STUDY, 0), "study", "studies"),
            count_text(counts.get(Level.PATIENT, 0), "patient"),
        )
    )
