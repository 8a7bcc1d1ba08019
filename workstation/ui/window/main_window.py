"""The main window: every pane as a dock, every action with menu entry, shortcut and tooltip.

It arranges what others made (the viewers, the peers pane), opens the dialogs beside the traffic and remembers how
the person arranged it all. It asks nobody anything itself and knows nothing of the protocol. Dialogs are imported
when they are first opened: what they ask others needs pydicom, which costs the start as much as the whole window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QDockWidget,
    QFileDialog,
    QMainWindow,
    QMessageBox,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation import __version__
from workstation.peers import Peer
from workstation.saved_filters import SavedFilters
from workstation.ui.parts.icons import Icons, application_icon, health_icon
from workstation.ui.parts.widgets import MenuButton
from workstation.ui.services import BUILT_IN_NAME, PeerHealth, Services
from workstation.ui.tasks import action
from workstation.ui.theme import Appearance
from workstation.ui.viewers.filtering.filter_bar import FilterBar
from workstation.ui.viewers.message.copy_as import ReportKind
from workstation.ui.viewers.viewers import Viewers
from workstation.ui.window.arrangement import Layout, arrange, give_sizes
from workstation.ui.window.captures import CAPTURE_SUFFIXES, Captures
from workstation.ui.window.commands import explain, fill_menu_bar, make_actions, plain_text, server_menu
from workstation.ui.window.data_set_windows import DataSetWindows
from workstation.ui.window.info_bar import InfoBar, Message, Tone
from workstation.ui.window.peers_pane import PeersPane
from workstation.ui.window.server_windows import ServerWindows
from workstation.ui.window.status_bar import StatusBar
from workstation.ui.window.window_memory import WindowMemory
from workstation.ui.window.work_strip import WorkStrip

if TYPE_CHECKING:
    from workstation.ui.dialogs.echo_dialog import EchoDialog
    from workstation.ui.dialogs.preferences_dialog import PreferencesDialog
    from workstation.ui.dialogs.query_dialog import QueryDialog
    from workstation.ui.dialogs.send_dialog import SendDialog
    from workstation.ui.dialogs.server.server_dialog import ServerDialog

D = TypeVar("D", bound=QDialog)

_PAINTED = 200
"""Milliseconds after which a window that is shown has been painted."""


class MainWindow(QMainWindow):
    """The window. `closed` is emitted once, when the person closes it."""

    closed = Signal()
    demo_requested = Signal()

    def __init__(self, services: Services, viewers: Viewers) -> None:
        super().__init__()
        self.services = services
        self.viewers = viewers
        self.setObjectName("mainWindow")
        self.setWindowTitle("DICOM Workstation")
        self.setWindowIcon(application_icon())
        self.setAcceptDrops(True)
        self.icons = Icons(services.theme, self)
        self._dialogs: dict[tuple[str, str], QDialog] = {}
        self._server_message = ""
        self._was_shown = False

        self.peers_pane = PeersPane(services)
        self.info_bar = InfoBar(services.theme, self.icons)
        self.work_strip = WorkStrip()
        self.data_set_windows = DataSetWindows(services, self)
        self.server_windows: ServerWindows = ServerWindows(
            services,
            viewers,
            self.data_set_windows,
            lambda kind, make: self._open(kind, "", make),
            self.open_send,
            self,
        )
        self.captures: Captures = Captures(services, viewers, self.work_strip, self.info_bar.show_message, self)
        saved_filters = SavedFilters(services.folders.filters)
        saved_filters.load()
        self.filter_bar = FilterBar(services.theme, saved_filters)
        self.filter_bar.set_log(viewers.log)
        self.status_bar = StatusBar(services)
        self.setStatusBar(self.status_bar)
        # The panes live in a window of their own inside this one, so that the information bar has a place
        # above them all; as a tool bar it would not get the height that its text needs.
        self.panes = QMainWindow(self, Qt.WindowType.Widget)
        self.panes.setObjectName("panes")
        self.panes.setDockOptions(
            QMainWindow.DockOption.AllowNestedDocks
            | QMainWindow.DockOption.AllowTabbedDocks
            | QMainWindow.DockOption.AnimatedDocks
        )
        middle = QWidget()
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.info_bar)
        layout.addWidget(self.work_strip)
        layout.addWidget(self.filter_bar)
        layout.addWidget(self.panes, 1)
        self.setCentralWidget(middle)
        self.commands = make_actions(self)
        self.commands[f"appearance_{services.theme.appearance.value}"].setChecked(True)
        self._make_docks()
        fill_menu_bar(self, self.commands)
        self._make_tool_bars()
        self._connect()
        self._show_server()
        self._show_peer()
        self.arrange(Layout.TEST)
        self._memory = WindowMemory(services.folders.window, self, self.panes)
        self._has_own_arrangement = self._memory.restore()
        for problem in saved_filters.problems:
            self.show_problem(problem)

    # --- panes, menus, tool bar

    def _make_docks(self) -> None:
        viewers = self.viewers
        self.docks: dict[str, QDockWidget] = {}
        # Those whose neighbour has gone are told nothing, so all are looked at, once for all that moved.
        self._retitle = QTimer(self)
        self._retitle.setSingleShot(True)
        self._retitle.timeout.connect(self._title_all)
        for number, (name, title, widget) in enumerate(
            (
                ("peers", "Peers", self.peers_pane),
                ("associations", "Associations", viewers.associations_pane),
                ("messages", "Messages", viewers.messages),
                ("decoded", "Decoded", viewers.decoded_pane),
                ("bytes", "Bytes", viewers.bytes_pane),
                ("state", "State machine", viewers.state),
                ("sequence", "Sequence", viewers.sequence),
                ("timing", "Timing", viewers.timing),
                ("notes", "Notes", viewers.notes),
                ("data_set", "Data set", viewers.data_set),
                ("log", "Log", viewers.log_view),
                ("questions", "Questions", viewers.questions),
            ),
            start=1,
        ):
            dock = QDockWidget(title, self.panes)
            dock.setObjectName(f"{name}Dock")
            dock.setAccessibleName(title)
            dock.setWidget(widget)
            widget.windowTitleChanged.connect(lambda _text, dock=dock: self._title(dock))
            for moved in (dock.topLevelChanged, dock.dockLocationChanged, dock.visibilityChanged):
                moved.connect(self._retitle.start)
            # Qt only moves a pane behind a tab out of sight: hidden, it knows that nobody looks, and rests.
            policy = widget.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            widget.setSizePolicy(policy)
            dock.visibilityChanged.connect(widget.setVisible)
            toggle = dock.toggleViewAction()
            toggle.setObjectName(f"action{''.join(word.capitalize() for word in name.split('_'))}Pane")
            keys = f"Alt+{number}" if number < 10 else f"Alt+Shift+{number - 10}"
            toggle.setShortcut(QKeySequence(keys))
            toggle.setToolTip(f"Show or hide the pane {title} ({keys})")
            toggle.setStatusTip(f"Show or hide the pane {title}")
            self.addAction(toggle)
            self.docks[name] = dock
            # The title may grow ("Messages of #12"), the menu entry stays.
            dock.windowTitleChanged.connect(lambda _text, toggle=toggle, title=title: toggle.setText(title))

    def _title(self, dock: QDockWidget) -> None:
        """A tab says which pane it is, and leaves what it is about to the panes beside it: it would be cut short."""
        text = dock.widget().windowTitle() or dock.accessibleName()
        dock.setWindowTitle(text.partition(" of ")[0] if self.panes.tabifiedDockWidgets(dock) else text)

    def _title_all(self) -> None:
        for dock in self.docks.values():
            self._title(dock)

    def arrange(self, layout: Layout) -> None:
        """Put the panes where this kind of work wants them."""
        arrange(self.panes, self.docks, layout)
        QTimer.singleShot(0, self.viewers, self.viewers.show_selected)

    def _make_tool_bars(self) -> None:
        bar = QToolBar("Tool bar", self)
        bar.setObjectName("toolBar")
        bar.setMovable(False)
        bar.setIconSize(QSize(20, 20))
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        bar.toggleViewAction().setEnabled(False)  # nobody loses it by a slip in a context menu
        self.server_button = MenuButton()
        self.server_button.setObjectName("serverButton")
        self.server_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.server_button.setMenu(server_menu(self, self.commands))
        bar.addWidget(self.server_button)
        bar.addSeparator()
        bar.addActions([self.commands["echo"], self.commands["send"], self.commands["query"]])
        bar.addSeparator()
        self.commands["record"].setIconText("Record")
        bar.addActions([self.commands["record"], self.commands["pause"], self.commands["clear"]])
        for made in bar.actions():
            button = bar.widgetForAction(made)
            if isinstance(button, QToolButton) and button is not self.server_button:
                button.setObjectName(f"{made.objectName()}Button")
                button.setAccessibleName(made.iconText())
        self.addToolBar(bar)

    def _connect(self) -> None:
        services, pane = self.services, self.peers_pane
        pane.set_actions(
            menu=[
                self.commands["echo"],
                self.commands["send"],
                self.commands["query"],
                self._separator(),
                self.commands["edit_peer"],
                self.commands["remove_peer"],
                self.commands["copy_peer"],
                self._separator(),
                self.commands["add_peer"],
            ],
            buttons=[self.commands["add_peer"], self.commands["edit_peer"], self.commands["remove_peer"]],
        )
        pane.current_changed.connect(self._show_peer)
        pane.activated.connect(lambda peer: self.open_echo())
        pane.files_dropped.connect(lambda peer, paths: self.open_send(paths, peer))
        empty = self.viewers.associations.empty
        empty.offer("Echo", self.echo_built_in, "echoBuiltIn")
        empty.offer("Send the samples", self.send_samples, "sendSamples")
        self.viewers.questions.set_asker(services.asker)
        self.viewers.questions.asked.connect(self._show_questions)
        services.notified.connect(self.show_problem)
        services.withdrawn.connect(self.info_bar.withdraw)
        services.server_changed.connect(self._show_server)
        services.theme.changed.connect(self._show_server)
        self.filter_bar.filter_changed.connect(self.viewers.set_filter)
        self.filter_bar.colours_changed.connect(self._show_colours)
        self.viewers.filter_asked.connect(self.filter_bar.ask)
        self.viewers.messages.activated.connect(self._go_to_decoded)
        self.viewers.associations.clear_filter_asked.connect(self.filter_bar.clear)
        self.viewers.source_changed.connect(self.filter_bar.set_log)
        self.viewers.source_changed.connect(self.status_bar.set_log)
        self.viewers.associations.set_actions(
            [self.commands[name] for name in ("follow_association", "report", "save_association")]
        )
        self.viewers.data_set.window_asked.connect(self.data_set_windows.open_object)
        self.viewers.data_set.compare_asked.connect(self.data_set_windows.compare)
        self.captures.recording_changed.connect(self._show_recording)
        self._show_colours()

    def _separator(self) -> QAction:
        made = QAction(self)
        made.setSeparator(True)
        return made

    # --- what others say

    def show_problem(self, text: str) -> None:
        """Show a sentence in the information bar."""
        self.info_bar.show_message(Message(text, Tone.PROBLEM))

    def _show_server(self) -> None:
        services = self.services
        server, profile = services.server, services.profile
        exists = server is not None
        running = server is not None and server.running
        if running:
            health, words = PeerHealth.ANSWERS, "is listening"
        elif services.server_problem:
            health, words = PeerHealth.FAILS, "cannot listen"
        else:
            health, words = PeerHealth.UNKNOWN, "is stopped" if exists else "is not part of this run"
        peer = services.built_in()
        place = f"{peer.host}:{peer.port}" if peer is not None else "no server"
        self.server_button.setText(f"{profile.ae_title}  {place}  ▾" if exists else "No server  ▾")
        self.server_button.setIcon(health_icon(health, services.theme))
        self.server_button.setToolTip(f"The built-in server {words}")
        self.server_button.setAccessibleName(f"Built-in server {words}")
        self.commands["start_server"].setText("&Stop" if running else "&Start")
        explain(self.commands["start_server"], f"{'Stop' if running else 'Start'} the built-in server")
        self.icons.give(self.commands["start_server"], "stop" if running else "start")
        for each in (self.commands["start_server"], self.commands["server"], self.commands["copy_server"]):
            each.setEnabled(exists)
        to_whom = f"to {peer.ae_title} at {place}" if running and peer is not None else "to a peer"
        self.viewers.associations.empty.say(
            "No association yet", f"Echo a peer, or send something {to_whom}: both sides are listed here."
        )
        if services.server_problem != self._server_message:
            self.info_bar.withdraw(self._server_message)
            self._server_message = services.server_problem
            if self._server_message:
                self.info_bar.show_message(
                    Message(self._server_message, Tone.PROBLEM, "Server Settings…", self.open_server)
                )

    def _show_peer(self) -> None:
        peer = self.peers_pane.current_peer
        is_own = peer is not None and self.services.peers.find(peer.name) == peer
        for each in (self.commands["echo"], self.commands["send"], self.commands["query"], self.commands["copy_peer"]):
            each.setEnabled(peer is not None)
        for each in (self.commands["edit_peer"], self.commands["remove_peer"]):
            each.setEnabled(is_own)

    # --- requests: modeless dialogs beside the traffic

    def open_echo(self) -> EchoDialog | None:
        """The echo dialog of the selected peer, asking at once."""
        from workstation.ui.dialogs.echo_dialog import EchoDialog

        peer = self.peers_pane.current_peer
        if peer is None:
            return None
        dialog = self._open("echo", self._echo_for(peer), lambda: EchoDialog(self.services, peer, self))
        if not dialog.busy:
            # One window for all peers, so that their answers stand below one another.
            dialog.peer.choose(peer)
        dialog.echo_button.click()
        return dialog

    def _echo_for(self, peer: Peer) -> str:
        """Which echo dialog is to ask a peer: one that is at it already, else one that rests, else a new one."""
        dialogs = {name: cast("EchoDialog", each) for (kind, name), each in self._dialogs.items() if kind == "echo"}
        at_it = [name for name, each in dialogs.items() if each.busy and each.peer.peer == peer]
        resting = [name for name, each in dialogs.items() if not each.busy]
        return next(iter(at_it + resting), f"{len(dialogs)}")

    def echo_built_in(self) -> None:
        """The echo of an empty window: the built-in server, whatever is selected."""
        self.peers_pane.select(BUILT_IN_NAME)
        self.open_echo()

    def send_samples(self) -> None:
        """A send dialog with the sample objects in it."""
        self.peers_pane.select(BUILT_IN_NAME)
        dialog = self.open_send()
        if dialog is not None:
            dialog.add_samples()

    def open_send(self, paths: Sequence[Path] = (), peer: Peer | None = None) -> SendDialog | None:
        """A send dialog for the selected peer; files make a new one each time."""
        from workstation.ui.dialogs.send_dialog import SendDialog

        peer = peer or self.peers_pane.current_peer
        if peer is None:
            return None
        name = self._new_name() if paths else self._name_of("send", peer)
        return self._open("send", name, lambda: SendDialog(self.services, peer, tuple(paths), self))

    def open_query(self) -> QueryDialog | None:
        """The query dialog of the selected peer."""
        from workstation.ui.dialogs.query_dialog import QueryDialog

        peer = self.peers_pane.current_peer
        if peer is None:
            return None
        return self._open("query", self._name_of("query", peer), lambda: QueryDialog(self.services, peer, self))

    def _name_of(self, kind: str, peer: Peer) -> str:
        """The name of the dialog that has this peer chosen now: a person may have chosen another since it was made."""
        for (each, name), dialog in self._dialogs.items():
            if each == kind and cast("SendDialog | QueryDialog", dialog).peer.peer == peer:
                return name
        return self._new_name()

    def _new_name(self) -> str:
        return f"{len(self._dialogs)}"

    def open_server(self) -> ServerDialog:
        """The test servers' profiles."""
        return self.server_windows.open_server()

    def open_preferences(self) -> PreferencesDialog:
        """The program's own settings."""
        from workstation.ui.dialogs.preferences_dialog import PreferencesDialog

        return self._open("preferences", "", lambda: PreferencesDialog(self.services, self))

    def _open(self, kind: str, name: str, make: Callable[[], D]) -> D:
        """Show the dialog of this kind and name, made at its first use.

        Dialogs are kept, with their past results, rather than deleted: an action that is just ending may still
        write into one.
        """
        dialog = self._dialogs.get((kind, name))
        if dialog is None:
            dialog = self._dialogs[kind, name] = make()
            self._place(dialog, len(self._dialogs) - 1)
        if dialog.isMinimized():
            dialog.showNormal()
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()
        return cast(D, dialog)

    def _place(self, dialog: QDialog, number: int) -> None:
        """Lower right of the window, so that associations and messages stay in view; a step aside for each."""
        size = dialog.size().expandedTo(dialog.minimumSizeHint())
        step = 28 * (number % 6)
        corner = self.geometry().bottomRight() - QPoint(size.width() + 24 + step, size.height() + 48 + step)
        dialog.move(max(corner.x(), self.geometry().left()), max(corner.y(), self.geometry().top() + 80))

    # --- peers

    def add_peer(self) -> None:
        """A form for a new peer."""
        self._edit(None)

    def edit_peer(self) -> None:
        """A form with the selected peer."""
        peer = self.peers_pane.current_peer
        if peer is not None:
            self._edit(peer)

    def _edit(self, peer: Peer | None) -> None:
        from workstation.ui.dialogs.peer_dialog import PeerDialog

        dialog = PeerDialog(self.services, peer, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.saved.connect(lambda saved: self.peers_pane.select(saved.name))
        dialog.show()

    def remove_peer(self) -> None:
        """Remove the selected peer, after asking."""
        peer = self.peers_pane.current_peer
        if peer is None or self.services.peers.find(peer.name) != peer:
            return
        box = self._box(f"Remove the peer {peer.name}?", f"{peer.address}\nThis cannot be undone.")
        box.setObjectName("removePeerBox")
        box.setIcon(QMessageBox.Icon.Question)
        remove = box.addButton("&Remove", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        box.buttonClicked.connect(lambda button: self._remove(peer) if button is remove else None)
        box.open()

    def _remove(self, peer: Peer) -> None:
        try:
            self.services.peers.remove(peer.name)
        except KeyError:
            self.show_problem(f"{peer.name} was no longer in the address book.")
        except OSError as error:
            self.show_problem(f"{peer.name} could not be removed: {error.strerror or error}.")
        self.services.peers_changed.emit()

    def copy_peer(self) -> None:
        """Put the selected peer's address on the clipboard."""
        peer = self.peers_pane.current_peer
        if peer is not None:
            QGuiApplication.clipboard().setText(peer.address)
            self.status_bar.showMessage(f"Copied {peer.address}", 4000)

    # --- server, capture

    def _show_questions(self) -> None:
        """Somebody waits for an answer: the pane comes to the front, wherever it is."""
        dock = self.docks["questions"]
        dock.show()
        dock.raise_()

    def toggle_server(self) -> None:
        """Start the built-in server, or stop it."""
        self._toggle_server()

    def request_demo(self) -> None:
        """Ask whoever runs the program to play the demo."""
        self.demo_requested.emit()

    @action
    async def _toggle_server(self) -> None:
        server = self.services.server
        if server is None:
            return
        self.commands["start_server"].setEnabled(False)
        try:
            if server.running:
                await self.services.stop_server()
            else:
                await self.services.start_server()
        finally:
            self._show_server()

    def copy_server(self) -> None:
        """Put the built-in server's address on the clipboard."""
        peer = self.services.built_in()
        if peer is not None:
            QGuiApplication.clipboard().setText(peer.address)
            self.status_bar.showMessage(f"Copied {peer.address}", 4000)

    def toggle_capture(self) -> None:
        """Pause or go on adding traffic to the window."""
        paused = self.commands["pause"].isChecked()
        self.services.bridge.set_paused(paused)
        self.commands["pause"].setText("&Resume" if paused else "&Pause")
        self.icons.give(self.commands["pause"], "record" if paused else "pause")
        self.status_bar.set_paused(paused)

    def clear_traffic(self) -> None:
        """Forget the traffic shown so far."""
        self.viewers.clear()
        self.status_bar.refresh()

    def save_association(self) -> None:
        """Save the selected association as a capture."""
        conversation = self.viewers.conversation
        if conversation is None:
            self.info_bar.show_message(Message("Select the association that is to be saved."))
        else:
            self.captures.choose_and_save([conversation])

    def save_report(self, kind: ReportKind) -> None:
        """Write a report of the selected association."""
        conversation = self.viewers.conversation
        if conversation is None:
            self.info_bar.show_message(Message("Select the association that the report is about."))
        else:
            self.captures.choose_and_report(conversation, kind)

    def _show_recording(self) -> None:
        command, recording = self.commands["record"], self.services.recording
        command.setChecked(self.captures.recording)
        command.setText("Stop &Recording" if self.captures.recording else "&Record to a File…")
        command.setIconText("Stop recording" if self.captures.recording else "Record")
        explain(command, f"Recording to {recording.path}" if recording.path else "Record every association from now on")
        self.icons.give(command, "stop" if self.captures.recording else "record")
        self.status_bar.set_recording(recording.path, recording.written)

    # --- filter

    def open_find(self) -> None:
        """Search where the keyboard is, if that pane can; otherwise in Decoded, which is brought to the front."""
        focus, elements = QApplication.focusWidget(), self.viewers.data_set.elements
        if focus is not None and elements.isVisible() and self.viewers.data_set.isAncestorOf(focus):
            elements.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
            elements.search.selectAll()
            return
        self.docks["decoded"].show()
        self.docks["decoded"].raise_()
        self.viewers.decoded_pane.open_find()

    def _go_to_decoded(self) -> None:
        """A row of the messages was entered: on to its fields."""
        self.docks["decoded"].show()
        self.docks["decoded"].raise_()
        self.viewers.decoded.setFocus(Qt.FocusReason.OtherFocusReason)

    def go_to_filter(self) -> None:
        """Put the cursor into the filter."""
        self.filter_bar.focus()

    def follow_association(self) -> None:
        """Show nothing but the selected association."""
        conversation = self.viewers.conversation
        if conversation is not None:
            self.filter_bar.ask(f"association == {conversation.number}", "only")

    def _show_colours(self) -> None:
        self.viewers.set_colours(self.filter_bar.colours.colour_of)

    # --- data sets in windows of their own

    def choose_data_set(self) -> None:
        """Choose a DICOM file to look at."""
        self.data_set_windows.choose()

    def open_compare(self) -> None:
        """Two data sets side by side."""
        self.data_set_windows.compare()

    # --- edit, files, tools

    def copy(self) -> None:
        """Let the pane with the focus copy its selection, as its own Ctrl+C does."""
        widget = QApplication.focusWidget()
        if widget is None:
            return
        for each in widget.actions():
            if each.shortcut() == QKeySequence(QKeySequence.StandardKey.Copy):
                each.trigger()
                return
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            event = QKeyEvent(kind, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier, "c")
            QApplication.sendEvent(widget, event)

    def choose_files(self) -> None:
        """Choose files to send to the selected peer."""
        dialog = QFileDialog(self, "Send Files")
        dialog.setObjectName("sendFilesDialog")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(lambda names: self.open_send([Path(name) for name in names]))
        dialog.open()

    def choose_picture(self) -> None:
        """Choose where the picture of the window goes."""
        dialog = QFileDialog(self, "Save Picture of the Window")
        dialog.setObjectName("savePictureDialog")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter("PNG picture (*.png)")
        dialog.setDefaultSuffix("png")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._save_picture)
        dialog.open()

    def _save_picture(self, name: str) -> None:
        if not self.grab().save(name, "PNG"):
            self.show_problem(f"The picture could not be saved to {name}: choose a folder that you may write to.")

    def open_data_folder(self) -> None:
        """Show the data folder in the desktop's file manager."""
        folder = self.services.folders.root
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            self.show_problem(f"No file manager could be started. The folder is {folder}")

    def choose_appearance(self, appearance: Appearance) -> None:
        """Use these colours from now on, and in the next run."""
        self.services.theme.set_appearance(appearance)
        self.services.save_settings(replace(self.services.settings, appearance=appearance.value))

    # --- help

    def show_first_steps(self) -> None:
        """What to try first."""
        from workstation.ui.dialogs.help_dialog import HelpDialog

        self._open("help", "first steps", lambda: HelpDialog("First Steps", first_steps(self.services), self))

    def show_shortcuts(self) -> None:
        """Every action and its keys."""
        from workstation.ui.dialogs.help_dialog import HelpDialog

        rows = [
            (plain_text(each.text()), each.shortcut().toString(QKeySequence.SequenceFormat.NativeText))
            for each in self.actions()
            if not each.shortcut().isEmpty()
        ]
        self._open("help", "shortcuts", lambda: HelpDialog("Keyboard Shortcuts", rows, self))

    def show_about(self) -> None:
        """Version and licence."""
        box = self._box(
            f"DICOM Workstation {__version__}",
            "One window to ask, answer and see DICOM.\nMIT licence. For testing and debugging, not for diagnosis.",
        )
        box.setIconPixmap(application_icon().pixmap(64, 64))
        box.addButton(QMessageBox.StandardButton.Close)
        box.open()

    def _box(self, text: str, further: str) -> QMessageBox:
        box = QMessageBox(self)
        box.setWindowTitle("DICOM Workstation")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(text)
        box.setInformativeText(further)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return box

    # --- events

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._was_shown:
            self._was_shown = True
            QTimer.singleShot(_PAINTED, self.filter_bar, self.filter_bar.colours.prepare)
            if not self._has_own_arrangement:
                # Once more: sizes that were asked for before the window had its own are only a wish.
                give_sizes(self.panes, self.docks, Layout.TEST)
                QTimer.singleShot(0, self.viewers, self.viewers.show_selected)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._memory.keep()
        for dialog in self._dialogs.values():
            dialog.close()
        self.status_bar.end()
        super().closeEvent(event)
        self.closed.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if not paths:
            return
        event.acceptProposedAction()
        captures = [path for path in paths if path.suffix.lower() in CAPTURE_SUFFIXES]
        others = [path for path in paths if path not in captures]
        self.captures.open(captures)
        if others:
            self.open_send(others)


def first_steps(services: Services) -> list[tuple[str, str]]:
    """What a newcomer can try at once, with nothing to configure."""
    peer = services.built_in()
    place = f"{peer.ae_title} at {peer.host}:{peer.port}" if peer is not None else "the peer that you add first"
    return [
        ("Echo", "Select Built-in under Peers and press F5. Its messages appear; select one to see its bytes."),
        ("Send", "Press F6 and send the samples. Or drop your own files or folders on a peer."),
        ("Query", "Press F7, then Query, twice: what you sent is there. Fetch a study with Get or Move."),
        ("Watch", "The state machine shows the path of the selected association; select an older one to compare."),
        ("Be a server", f"Let your system talk to {place}. Ctrl+Shift+P sets status, delay or refusal for each event."),
        ("Add a peer", "Press Ctrl+N and give AE title, host and port. F2 changes it."),
    ]
