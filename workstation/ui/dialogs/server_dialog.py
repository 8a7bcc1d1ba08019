"""The dialog of the built-in server: where it listens, whom it accepts, how it behaves, what it keeps.

Every valid change takes effect at once and is kept; there is no OK. It shows and asks: applying, starting and keeping
are the services' business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QRadioButton,
    QSpinBox,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from workstation.peers import check_ae_title, check_host, check_port
from workstation.scp.query.levels import Level
from workstation.settings import Admission, Behaviour, ServerSettings
from workstation.ui.dialogs.behaviour_editor import BehaviourEditor
from workstation.ui.dialogs.dialog_memory import DialogMemory
from workstation.ui.parts.rates import bytes_text, count_text
from workstation.ui.parts.widgets import (
    SPACE,
    CheckedField,
    DimLabel,
    IgnoreWheel,
    Outcome,
    OutcomeLabel,
    heading,
    in_row,
    name_widget,
    plain_label,
    primary_button,
    push_button,
    sentence_of,
)
from workstation.ui.services import Services
from workstation.ui.tasks import action

# PS3.8 Table 9-21, in words: the source with the reasons that it may give.
REJECT_RESULTS = ((1, "permanently"), (2, "transiently"))
REJECT_SOURCES: tuple[tuple[int, str, tuple[tuple[int, str], ...]], ...] = (
    (
        1,
        "service user",
        (
            (1, "no reason given"),
            (2, "application context name not supported"),
            (3, "calling AE title not recognized"),
            (7, "called AE title not recognized"),
        ),
    ),
    (2, "service provider (ACSE)", ((1, "no reason given"), (2, "protocol version not supported"))),
    (3, "service provider (presentation)", ((1, "temporary congestion"), (2, "local limit exceeded"))),
)

_DEFAULT_REJECTION = (1, 1, 7)

_PDU_SIZES = (16384, 32768, 65536, 131072, 262144, 1048576)


class ServerDialog(QDialog):
    """The built-in server's settings, its state, and its switch."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        # Two changes in quick succession must not start and stop the server across each other.
        self._changing = asyncio.Lock()
        self.setWindowTitle("Built-in Server")
        self.setObjectName("serverDialog")
        self.setAccessibleName("Built-in server")
        self.setModal(False)

        theme = services.theme
        self._state = OutcomeLabel(theme)
        self._state.setObjectName("serverState")
        self.switch = primary_button("&Start", "startStop", "Start or stop the built-in server")
        self.switch.setAutoDefault(False)
        self.switch.setDefault(False)
        self.switch.clicked.connect(self._toggle)

        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        name_widget(self.tabs, "serverTabs", "Parts of the server's settings")
        self.tabs.addTab(self._general_tab(), "&General")
        self.tabs.addTab(self._accept_tab(), "A&ccept")
        self.behaviour = BehaviourEditor(theme)
        self.behaviour.changed.connect(self._behaviour_changed)
        self.behaviour.reset_wanted.connect(lambda: self._change(lambda now: replace(now, behaviours={})))
        self.tabs.addTab(_page(self.behaviour), "&Behaviour")
        self.tabs.addTab(self._archive_tab(), "Arc&hive")
        self.tabs.currentChanged.connect(self._tab_changed)

        self._note = OutcomeLabel(theme, "Changes take effect at once and are kept.")
        name_widget(self._note, "note", "What became of the last change")
        close = push_button("Close", "close", "Close this dialog; the server goes on (Esc)", self.close)

        top = QHBoxLayout()
        top.addWidget(self._state, 1)
        top.addWidget(self.switch, 0, Qt.AlignmentFlag.AlignTop)
        bottom = QHBoxLayout()
        bottom.addWidget(self._note, 1, Qt.AlignmentFlag.AlignVCenter)
        bottom.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE)
        layout.setSpacing(int(1.5 * SPACE))
        layout.addLayout(top)
        layout.addWidget(self.tabs, 1)
        layout.addLayout(bottom)
        self.resize(760, 460)

        services.server_changed.connect(self._show)
        self._show()
        DialogMemory(self, services.folders.window, {})

    # --- the pages

    def _general_tab(self) -> QWidget:
        theme = self._services.theme
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

        who = _form()
        _add(who, "AE &title", self.ae_title)
        _add(who, "Add&ress", self.host)
        who.addRow("", self._host_words)
        _add(who, "&Port", self.port)
        who.addRow("", self.enabled)
        limits = _form()
        _add(limits, "ACSE timeout", self.acse_timeout)
        _add(limits, "DIMSE timeout", self.dimse_timeout)
        _add(limits, "Network timeout", self.network_timeout)
        _add(limits, "Maximum PDU", self.maximum_pdu)
        _add(limits, "Associations at a time", self.maximum_associations)

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
        return _page(columns)

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

    def _accept_tab(self) -> QWidget:
        theme = self._services.theme
        self.accept_all = QRadioButton("&Accept association requests")
        name_widget(self.accept_all, "accept", "Accept association requests", "Answer with A-ASSOCIATE-AC")
        self.reject_all = QRadioButton("Re&ject every association request")
        name_widget(self.reject_all, "reject", "Reject every association request", "Answer with A-ASSOCIATE-RJ")
        group = QButtonGroup(self)
        group.addButton(self.accept_all)
        group.addButton(self.reject_all)

        self.require_called = QCheckBox()
        name_widget(
            self.require_called,
            "requireCalled",
            "Require called AE title",
            "Reject requests that call another AE title: rejected permanently, called AE title not recognized",
        )
        self.require_calling = QCheckBox("Only from these calling AE titles:")
        name_widget(
            self.require_calling,
            "requireCalling",
            "Require calling AE titles",
            "Reject requests from other AE titles: rejected permanently, calling AE title not recognized",
        )
        self.calling = CheckedField(theme, self._check_calling)
        name_widget(self.calling.editor, "callingTitles", "Calling AE titles", "AE titles, separated by commas")
        self.calling.editor.setPlaceholderText("MODALITY1, PACS, …")

        self.reject_result, self.reject_source, self.reject_reason = QComboBox(), QComboBox(), QComboBox()
        name_widget(self.reject_result, "rejectResult", "Result", "Whether asking again later may help")
        name_widget(self.reject_source, "rejectSource", "Source", "Which part of the server says no")
        name_widget(self.reject_reason, "rejectReason", "Reason", "Why, as the peer reads it")
        for value, words in REJECT_RESULTS:
            self.reject_result.addItem(f"{value}  rejected {words}", value)
        for value, words, _ in REJECT_SOURCES:
            self.reject_source.addItem(f"{value}  {words}", value)
        for combo in (self.reject_result, self.reject_source, self.reject_reason):
            combo.setMinimumWidth(300)

        self.accept_all.clicked.connect(lambda *_: self._admission_changed())
        self.reject_all.clicked.connect(lambda *_: self._admission_changed())
        self.require_called.clicked.connect(lambda *_: self._admission_changed())
        self.require_calling.clicked.connect(self._calling_clicked)
        self.calling.committed.connect(lambda _text: self._admission_changed())
        self.reject_source.activated.connect(self._source_chosen)
        self.reject_result.activated.connect(lambda *_: self._admission_changed())
        self.reject_reason.activated.connect(lambda *_: self._admission_changed())

        form = _form()
        _add(form, "Result", self.reject_result)
        _add(form, "Source", self.reject_source)
        _add(form, "Reason", self.reject_reason)
        column = QVBoxLayout()
        column.setSpacing(SPACE)
        column.addWidget(self.accept_all)
        conditions = QVBoxLayout()
        conditions.setContentsMargins(24, 0, 0, 0)
        conditions.setSpacing(SPACE)
        conditions.addWidget(self.require_called)
        conditions.addWidget(self.require_calling)
        indented = QHBoxLayout()
        indented.setContentsMargins(24, 0, 0, 0)
        indented.addWidget(self.calling)
        conditions.addLayout(indented)
        column.addLayout(conditions)
        column.addSpacing(2 * SPACE)
        column.addWidget(self.reject_all)
        holder = QHBoxLayout()
        holder.setContentsMargins(24, 0, 0, 0)
        holder.addLayout(form)
        holder.addStretch(1)
        column.addLayout(holder)
        column.addStretch(1)
        return _page(column)

    def _archive_tab(self) -> QWidget:
        theme = self._services.theme
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
        self.refresh = push_button("&Refresh", "refreshArchive", "Count again", self._count)
        self.durable = QCheckBox("&Durable: answer success only when an object is safe on disk")
        name_widget(self.durable, "durable", "Durable", "Flush each object to the disk before answering 0000")
        self.durable.clicked.connect(lambda checked: self._set(durable=checked))
        form = _form()
        _add(form, "Folder", in_row(self.folder, self.open_folder, self.copy_folder))
        _add(form, "Objects", self._objects)
        _add(form, "Free space", self._free)
        form.addRow("", in_row(self.refresh, None))
        words = DimLabel(
            theme,
            "Without it storing is faster, but a power failure may lose objects that were answered with success.",
        )
        holder = QHBoxLayout()
        holder.setContentsMargins(24, 0, 0, 0)
        holder.addWidget(words)
        column = QVBoxLayout()
        column.addLayout(form)
        column.addSpacing(2 * SPACE)
        column.addWidget(self.durable)
        column.addLayout(holder)
        column.addStretch(1)
        return _page(column)

    # --- showing what is in force

    def _show(self) -> None:
        server, settings = self._services.server, self._services.settings.server
        running = server is not None and server.address is not None
        if server is None:
            self._state.show_outcome(Outcome.IDLE, "This run has no built-in server (it was started with --no-scp).")
        elif server.address is not None:
            host, port = server.address
            self._state.show_outcome(Outcome.SUCCESS, f"{settings.ae_title} listening on {_place(host, port)}")
        elif self._services.server_problem:
            self._state.show_outcome(Outcome.FAILURE, "Not listening", self._services.server_problem)
        else:
            self._state.show_outcome(Outcome.CANCELLED, "Stopped", "Nobody can reach this program now.")
        self.switch.setText("&Stop" if running else "&Start")
        self.switch.setAccessibleName("Stop the server" if running else "Start the server")
        self.switch.setEnabled(server is not None)

        for field, text in (
            (self.ae_title, settings.ae_title),
            (self.host, settings.host),
            (self.port, str(settings.port)),
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
        self.durable.setChecked(settings.durable)
        self._show_admission(settings)
        self.behaviour.set_behaviours(settings.behaviours)
        self._show_archive()

    def _show_admission(self, settings: ServerSettings) -> None:
        admission = settings.admission
        self.require_called.setText(f"Only if they call {settings.ae_title}")
        rejecting = admission.reject is not None
        self.reject_all.setChecked(rejecting)
        self.accept_all.setChecked(not rejecting)
        self.require_called.setChecked(admission.require_called)
        if not self.calling.editor.hasFocus():
            self.require_calling.setChecked(bool(admission.require_calling))
            if admission.require_calling:
                self.calling.set_text(", ".join(admission.require_calling))
        result, source, reason = admission.reject or self._rejection()
        self.reject_result.setCurrentIndex(max(self.reject_result.findData(result), 0))
        self.reject_source.setCurrentIndex(max(self.reject_source.findData(source), 0))
        self._offer_reasons()
        self.reject_reason.setCurrentIndex(max(self.reject_reason.findData(reason), 0))
        self._enable_admission()

    def _enable_admission(self) -> None:
        accepting = self.accept_all.isChecked()
        self.require_called.setEnabled(accepting)
        self.require_calling.setEnabled(accepting)
        self.calling.setEnabled(accepting and self.require_calling.isChecked())
        for combo in (self.reject_result, self.reject_source, self.reject_reason):
            combo.setEnabled(not accepting)

    def _source_chosen(self) -> None:
        self._offer_reasons()
        self._admission_changed()

    def _offer_reasons(self) -> None:
        source = self.reject_source.currentData()
        reasons = next(reasons for value, _, reasons in REJECT_SOURCES if value == source)
        if [self.reject_reason.itemData(row) for row in range(self.reject_reason.count())] != [
            value for value, _ in reasons
        ]:
            self.reject_reason.clear()
            for value, words in reasons:
                self.reject_reason.addItem(f"{value}  {words}", value)

    def _rejection(self) -> tuple[int, int, int]:
        if self.reject_reason.count() == 0:
            return _DEFAULT_REJECTION
        return self.reject_result.currentData(), self.reject_source.currentData(), self.reject_reason.currentData()

    def _explain_host(self, text: str) -> None:
        host = text.strip()
        if host in ("0.0.0.0", "::", ""):
            words = "Every computer that can reach this one."
        elif host in ("127.0.0.1", "::1", "localhost"):
            words = "Only programs on this computer. 0.0.0.0 lets others in."
        else:
            words = "Computers that reach this one at this address."
        self._host_words.setText(words)

    def _show_archive(self) -> None:
        archive = self._services.archive
        self.folder.setText(str(archive.folder) if archive is not None else "This run has no archive.")
        self.folder.setCursorPosition(0)
        for widget in (self.open_folder, self.copy_folder, self.refresh):
            widget.setEnabled(archive is not None)

    # --- changing it

    def _set(self, **values: Any) -> None:
        self._change(lambda now: replace(now, **values))

    @action
    async def _change(self, change: Callable[[ServerSettings], ServerSettings]) -> None:
        async with self._changing:
            now = self._services.settings.server
            try:
                wanted = change(now)
            except ValueError as error:
                self._note.show_outcome(Outcome.FAILURE, str(error))
                return
            if wanted == now:
                return
            problem = await self._services.apply_server_settings(wanted)
        self._show()
        if problem:
            in_force = "" if self._services.settings.server == wanted else "Everything stays as it was."
            self._note.show_outcome(Outcome.FAILURE, problem, in_force)
        else:
            self._note.clear()

    @action
    async def _toggle(self) -> None:
        server = self._services.server
        if server is None:
            return
        self.switch.setEnabled(False)
        try:
            async with self._changing:
                if server.running:
                    await self._services.stop_server()
                else:
                    await self._services.start_server()
        finally:
            self.switch.setEnabled(True)
            self._show()

    def _behaviour_changed(self, event: str, behaviour: Behaviour) -> None:
        def change(now: ServerSettings) -> ServerSettings:
            behaviours = {**now.behaviours, event: behaviour}
            return replace(now, behaviours={name: each for name, each in behaviours.items() if each != Behaviour()})

        self._change(change)

    def _check_calling(self, text: str) -> str:
        if not self.require_calling.isChecked():
            return ""
        titles = _titles(text)
        if not titles:
            return "Type at least one AE title, or untick the box."
        for title in titles:
            problem = sentence_of(lambda each: check_ae_title(each, f"{each!r}"))(title)
            if problem:
                return problem
        return ""

    def _calling_clicked(self) -> None:
        self.calling.set_text(self.calling.text)
        self._enable_admission()
        if self.require_calling.isChecked() and not _titles(self.calling.text):
            self.calling.editor.setFocus()
        else:
            self._admission_changed()

    def _admission_changed(self) -> None:
        self._enable_admission()
        required = self.require_calling.isChecked() and not self.calling.problem
        admission = Admission(
            require_called=self.require_called.isChecked(),
            require_calling=_titles(self.calling.text) if required else (),
            reject=self._rejection() if self.reject_all.isChecked() else None,
        )
        self._set(admission=admission)

    # --- the archive

    def _tab_changed(self, index: int) -> None:
        page = self.tabs.widget(index)
        if page is not None and page.isAncestorOf(self.folder):
            self._count()

    @action
    async def _count(self) -> None:
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
            self._note.show_outcome(Outcome.WARNING, "This system offers no file manager; copy the path instead.")

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


def _titles(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(title for title in (part.strip() for part in text.split(",")) if title))


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _page(content: QWidget | QHBoxLayout | QVBoxLayout) -> QWidget:
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE)
    if isinstance(content, QWidget):
        layout.addWidget(content)
    else:
        layout.addLayout(content)
    return page


def _form() -> QFormLayout:
    form = QFormLayout()
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    form.setHorizontalSpacing(int(1.5 * SPACE))
    form.setVerticalSpacing(SPACE)
    return form


def _add(form: QFormLayout, text: str, field: QWidget | QHBoxLayout) -> QLabel:
    label = plain_label(text)
    if isinstance(field, QWidget):
        label.setBuddy(field)
    form.addRow(label, field)
    return label
