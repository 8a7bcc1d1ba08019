"""The data set of a message or a file: its elements as a tree, and its picture.

Follows the selection, or shows a file in a window of its own. What is not in sight is not read: elements when the pane
is shown, pixels when the picture is. Knows conversations and files; what they hold is read in jobs.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint, QSize, Qt, QTimer, Signal, SignalInstance
from PySide6.QtGui import QCloseEvent, QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QMenu,
    QSizePolicy,
    QStackedWidget,
    QTabBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation.net.uids import uid_name
from workstation.traffic.conversation import Conversation
from workstation.traffic.decoding.objects import (
    DicomObject,
    FileObject,
    MessageObject,
    ObjectError,
    is_uid,
    write_object,
)
from workstation.traffic.log import Change, TrafficLog
from workstation.traffic.rows import MessageRow, PduRow
from workstation.traffic.text import printable, quantity
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.widgets import DimLabel, MenuButton, Outcome, OutcomeLabel, in_row, name_widget
from workstation.ui.tasks import Tasks, action
from workstation.ui.theme import Theme
from workstation.ui.viewers.data_set.elements_view import ElementsView
from workstation.ui.viewers.data_set.picture_view import PictureView

# Whoever runs through a list with the arrow keys waits for none of its objects.
_SETTLE = 60
# A message that is still arriving is read again at most so often.
_AGAIN = 500

Subject = tuple[Conversation, MessageRow] | Path | DicomObject | None


class DataSetView(QWidget):
    """Elements and picture of one data set.

    Args:
        theme: Colours.
        tasks: Runs what reads, decodes and saves.
    """

    window_asked = Signal(object)
    """The person wants the `DicomObject` shown in a window of its own; whoever takes it closes it."""

    compare_asked = Signal(object)
    """The person wants to compare the `DicomObject` shown with another one; whoever takes it closes it."""

    shown = Signal()
    """Another data set is there, or the sentence that says why there is none."""

    def __init__(self, theme: Theme, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._conversation: Conversation | None = None
        self._subject: Subject = None
        self._fingerprint: object = None
        self._is_stale = False
        self._own: list[DicomObject] = []
        self._object: DicomObject | None = None
        self.setObjectName("dataSetView")
        self.setWindowTitle("Data Set")
        self.elements = ElementsView(theme, tasks)
        self.picture = PictureView(theme, tasks)
        self.elements.loaded.connect(self.shown)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE)
        self._settle.timeout.connect(self._load)
        self._make_head(theme)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.elements)
        self.pages.addWidget(self.picture)
        self.result = OutcomeLabel(theme)
        self.result.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        layout.addLayout(in_row(self.tabs, None, self.save, self.more, space=2))
        layout.addWidget(self.title)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.result)
        self._show_nothing("No data set", "Select a message that carries one: C-STORE-RQ, C-FIND-RSP and others.")

    def _make_head(self, theme: Theme) -> None:
        self.tabs = QTabBar()
        name_widget(self.tabs, "dataSetTabs", "Elements or picture")
        self.tabs.setDrawBase(False)
        self.tabs.addTab("Elements")
        self.tabs.addTab("Picture")
        self.tabs.currentChanged.connect(self._on_tab)
        self.save = QToolButton()
        self.save.setText("Save…")
        self.save.setAutoRaise(True)
        self.save.clicked.connect(self._ask_where)
        self.more = MenuButton("More")
        self.more.setAutoRaise(True)
        name_widget(self.more, "dataSetMore", "More", "Other things to do with this data set")
        name_widget(self.save, "dataSetSave", "Save as a DICOM file")
        menu = QMenu(self.more)
        menu.aboutToShow.connect(partial(self._fill_menu, menu))
        self.more.setMenu(menu)
        self.title = DimLabel(theme, wrap=True)
        self.title.setObjectName("dataSetTitle")
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def sizeHint(self) -> QSize:
        return QSize(420, 480)

    # --- what is shown ---------------------------------------------------------------------------------------------

    @property
    def shown_object(self) -> DicomObject | None:
        """The data set shown, None when there is none."""
        return self._object

    def set_log(self, log: TrafficLog) -> None:
        """Another source is shown; nothing of it is selected yet."""
        self.set_conversation(None)

    def set_conversation(self, conversation: Conversation | None) -> None:
        """The person went to another association."""
        if conversation is not self._conversation or not isinstance(self._subject, tuple):
            self._conversation = conversation
            self._show(None)

    def select_row(self, row: MessageRow | PduRow | None) -> None:
        """Show what a row of the association carries; of a PDU what its message does."""
        if self._conversation is not None:
            self.set_row(self._conversation, row)

    def set_row(self, conversation: Conversation, row: MessageRow | PduRow | None) -> None:
        """Show what a message carries."""
        self._conversation = conversation
        message = row.message if isinstance(row, PduRow) else row
        self._show((conversation, message) if message is not None else None)

    def set_file(self, path: str | Path) -> None:
        """Show a file."""
        self._conversation = None
        self._show(Path(path))

    def set_object(self, found: DicomObject) -> None:
        """Show an object, and close it when another one is shown."""
        self._conversation = None
        self._show(found)

    def clear(self) -> None:
        """Show nothing, and let go what was read."""
        self._conversation = None
        self._show(None)

    def apply(self, change: Change) -> None:
        """A batch was folded in: what is still arriving is read again after a while."""
        if not isinstance(self._subject, tuple) or self._is_stale:
            return
        conversation, row = self._subject
        if conversation.number in change.removed:
            self._show(None)
            return
        # Bytes that the log let go are still held here: only more of it is a reason to read again.
        is_whole = self._object is not None and not self._object.gap
        if is_whole or conversation.number not in change.rows:
            return
        if _fingerprint(conversation, row) != self._fingerprint:
            self._read_soon(_AGAIN)

    def show_picture(self) -> None:
        """Go to the picture."""
        self.tabs.setCurrentIndex(1)

    def show_elements(self) -> None:
        """Go to the elements."""
        self.tabs.setCurrentIndex(0)

    def _on_tab(self, place: int) -> None:
        self.pages.setCurrentIndex(place)

    def _show(self, subject: Subject) -> None:
        if subject is not None and not isinstance(subject, tuple):
            same = subject is self._subject
        else:
            same = subject == self._subject
        if same and subject is not None and isinstance(subject, tuple):
            same = _fingerprint(*subject) == self._fingerprint
        if same:
            return
        self._subject = subject
        if subject is None:
            self._settle.stop()
            self._is_stale = False
            self._show_nothing("No data set", "Select a message that carries one: C-STORE-RQ, C-FIND-RSP and others.")
            return
        self._read_soon(_SETTLE)

    def _read_soon(self, after: int) -> None:
        self._is_stale = True
        if isinstance(self._subject, tuple):
            self._fingerprint = _fingerprint(*self._subject)
        if self.isVisible():
            self._settle.start(after)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._is_stale and not self._settle.isActive():
            self._settle.start(0)

    @action
    async def _load(self) -> None:
        self._is_stale = False
        subject = self._subject
        if subject is None:
            return
        try:
            found, note = await self._tasks.call(partial(_find, subject), name="find-data-set")
        except ObjectError as error:
            if subject is self._subject:
                self._show_nothing("No data set", str(error))
                self.shown.emit()
            return
        if subject is not self._subject:
            found.close()
            return
        self._close_own()
        self._own.append(found)
        self._object = found
        self._describe(found, note)
        self.elements.set_object(found, isinstance(found, FileObject))
        self.picture.set_object(found)

    def _close_own(self) -> None:
        for each in self._own:
            each.close()
        self._own.clear()

    def _show_nothing(self, title: str, sentence: str) -> None:
        self._close_own()
        self._object = None
        self._fingerprint = None
        self.title.setText("")
        self.title.hide()
        self.result.hide()
        self.elements.say(title, sentence)
        self.picture.set_object(None)
        self.save.setEnabled(False)
        self.more.setEnabled(False)
        self.setWindowTitle("Data Set")

    def _describe(self, found: DicomObject, note: str) -> None:
        size = quantity(found.source.length, "byte")
        what = uid_name(found.sop_class_uid)
        syntax = uid_name(found.transfer_syntax) or found.transfer_syntax
        # A message is named in the pane's title already.
        name = note or ("" if isinstance(found, MessageObject) else found.title)
        text = " · ".join(part for part in (name, what, size, syntax) if part)
        if found.gap:
            text += f"\n⚠ Not complete: {found.gap}."
        self.title.setText(text)
        self.title.setToolTip(plain_tooltip(f"{found.title}\n{text}\nSOP Instance UID {found.sop_instance_uid or '-'}"))
        self.title.show()
        self.result.hide()
        self.setWindowTitle(f"Data Set of {found.name}" if isinstance(found, MessageObject) else found.title)
        why = found.why_not_a_file if isinstance(found, MessageObject) else "It is a file already."
        self.save.setVisible(isinstance(found, MessageObject))
        self.save.setEnabled(not why)
        self.save.setToolTip(plain_tooltip(why or "Write it as a DICOM file, byte by byte as it was sent"))
        self.more.setEnabled(True)

    # --- what can be done with it ----------------------------------------------------------------------------------

    def _fill_menu(self, menu: QMenu) -> None:
        menu.clear()
        found = self._object
        if found is None:
            return
        menu.addAction("Open in a window of its own", partial(self._hand_on, self.window_asked, found))
        menu.addAction("Compare with…", partial(self._hand_on, self.compare_asked, found))
        if isinstance(found, MessageObject) and found.gap and is_uid(found.transfer_syntax):
            menu.addSeparator()
            menu.addAction("Save what is here…", partial(self._ask_where, True))
        menu.addSeparator()
        element = menu.addMenu("Selected element")
        self.elements.actions_for(element)
        element.setEnabled(bool(element.actions()))

    def _hand_on(self, signal: SignalInstance, found: DicomObject) -> None:
        """Give somebody what is shown; a file opened once more, because this view closes its own."""
        if isinstance(found, FileObject):
            try:
                found = FileObject(found.path)
            except ObjectError as error:
                self._tell(Outcome.FAILURE, "Cannot be opened again", str(error))
                return
        signal.emit(found)

    def _ask_where(self, incomplete: bool = False) -> None:
        found = self._object
        if not isinstance(found, MessageObject):
            return
        dialog = QFileDialog(self, "Save as a DICOM File")
        dialog.setObjectName("dataSetSaveDialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(["DICOM files (*.dcm)", "All files (*)"])
        dialog.setDefaultSuffix("dcm")
        dialog.selectFile(default_name(found))
        dialog.fileSelected.connect(lambda path: self.save_to(Path(path), incomplete=incomplete))
        dialog.open()

    def save_to(self, path: Path, *, incomplete: bool = False) -> None:
        """Write the data set shown as a DICOM file, and say so."""
        if isinstance(self._object, MessageObject):
            self._save(self._object, path, incomplete)

    @action
    async def _save(self, found: MessageObject, path: Path, incomplete: bool) -> None:
        self.save.setEnabled(False)
        try:
            size = await self._tasks.call(partial(write_object, found, path, incomplete=incomplete), name="save-object")
        except ObjectError as error:
            self._tell(Outcome.FAILURE, "Not saved", str(error))
        except OSError as error:
            self._tell(Outcome.FAILURE, "Not saved", f"{printable(str(path))}: {error.strerror or error}")
        else:
            self._tell(Outcome.SUCCESS, f"Saved {printable(path.name)}", f"{quantity(size, 'byte')} in {path.parent}")
        finally:
            shown = self._object
            self.save.setEnabled(isinstance(shown, MessageObject) and not shown.why_not_a_file)

    def _tell(self, outcome: Outcome, headline: str, detail: str) -> None:
        self.result.show_outcome(outcome, headline, printable(detail, 500))
        self.result.show()

    def closeEvent(self, event: QCloseEvent) -> None:
        # A window of its own: what it read is let go with it.
        super().closeEvent(event)
        self._show(None)

    def popup_more(self) -> None:
        """Open the menu, for whoever has no mouse."""
        menu = self.more.menu()
        if menu is not None:
            menu.popup(self.more.mapToGlobal(QPoint(0, self.more.height())))


def default_name(found: MessageObject) -> str:
    """What to call a file; never a path."""
    name = found.sop_instance_uid if is_uid(found.sop_instance_uid) else found.name.lower()
    return f"{name}.dcm"


def _find(subject: tuple[Conversation, MessageRow] | Path | DicomObject) -> tuple[DicomObject, str]:
    """The data set of what is shown, and what to call it if not by its own title; in a job."""
    if isinstance(subject, Path):
        return FileObject(subject), ""
    if not isinstance(subject, tuple):
        return subject, ""
    conversation, row = subject
    try:
        return MessageObject(conversation, row), ""
    except ObjectError as error:
        # A response without one is about the one that was sent with its request.
        place = conversation.index_of(row.request) if row.request else -1
        if not 0 <= place < len(conversation.rows):
            raise
        request = conversation.rows[place]
        try:
            found = MessageObject(conversation, request)
        except ObjectError:
            raise error from None
        return found, f"{row.name} has none; of its {request.name}, message {request.number}"


def _fingerprint(conversation: Conversation, row: MessageRow) -> tuple[object, ...]:
    """Changes when there is more of it, or another row."""
    return conversation.number, row.number, row.complete, len(row.pdus), row.transfer_syntax
