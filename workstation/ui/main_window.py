"""The main window: every pane as a dock, every action with menu entry, shortcut and tooltip.

It arranges what others made (the viewers, the peers pane), opens the dialogs beside the traffic and remembers how
the person arranged it all. It asks nobody anything itself and knows nothing of the protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

from PySide6.QtCore import QByteArray, QEvent, QPoint, QSettings, QSize, Qt, QUrl, Signal
from PySide6.QtGui import (
    QAction,
    QActionGroup,
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
    QAbstractItemView,
    QApplication,
    QDialog,
    QDockWidget,
    QFileDialog,
    QHeaderView,
    QMainWindow,
    QMenu,
    QMessageBox,
    QTableView,
    QToolBar,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from workstation import __version__
from workstation.peers import Peer
from workstation.ui.echo_dialog import EchoDialog
from workstation.ui.help_dialog import HelpDialog
from workstation.ui.icons import Icons, application_icon, health_icon
from workstation.ui.info_bar import InfoBar, Message, Tone
from workstation.ui.peer_dialog import PeerDialog
from workstation.ui.peers_pane import PeersPane
from workstation.ui.preferences_dialog import PreferencesDialog
from workstation.ui.query_dialog import QueryDialog
from workstation.ui.send_dialog import SendDialog
from workstation.ui.server_dialog import ServerDialog
from workstation.ui.services import PeerHealth, Services
from workstation.ui.status_bar import StatusBar
from workstation.ui.tasks import action
from workstation.ui.theme import Appearance
from workstation.ui.viewers import Viewers

D = TypeVar("D", bound=QDialog)

_Sizes = Sequence[tuple[str, int]]

# Raise it when docks or tool bars are renamed: an arrangement of another version is not restored.
_STATE_VERSION = 1


class Layout(Enum):
    """Arrangements for three kinds of work."""

    TEST = "Test"
    ANALYSE = "Analyse"
    SERVER = "Server"


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
        self._settings = QSettings(str(services.folders.window), QSettings.Format.IniFormat)
        self._dialogs: dict[tuple[str, str], QDialog] = {}
        self._server_message = ""
        self._was_shown = False
        self._has_own_arrangement = False

        self.peers_pane = PeersPane(services)
        self.info_bar = InfoBar(services.theme, self.icons)
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
        layout.addWidget(self.panes, 1)
        self.setCentralWidget(middle)
        self._make_actions()
        self._make_docks()
        self._make_menus()
        self._make_tool_bars()
        self._connect()
        self._show_server()
        self._show_peer()
        self._restore()

    # --- actions

    def _make_actions(self) -> None:
        new = self._action
        self.echo_action = new(
            "echo", "&Echo…", "F5", "Ask the selected peer whether it answers (C-ECHO)", self.open_echo
        )
        self.send_action = new("send", "&Send…", "F6", "Send files to the selected peer (C-STORE)", self.open_send)
        self.query_action = new(
            "query",
            "&Query/Retrieve…",
            "F7",
            "Search the selected peer and fetch objects (C-FIND, C-MOVE, C-GET)",
            self.open_query,
        )
        self.add_peer_action = new("add", "&Add Peer…", "Ctrl+N", "Add a peer to the address book", self.add_peer)
        self.edit_peer_action = new("edit", "&Edit Peer…", "F2", "Change the selected peer", self.edit_peer)
        self.remove_peer_action = new(
            "remove",
            "&Remove Peer",
            "Ctrl+Backspace",
            "Remove the selected peer from the address book",
            self.remove_peer,
        )
        self.copy_peer_action = new(
            "copy", "&Copy Peer Address", "Ctrl+Shift+C", "Copy the selected peer as AET@HOST:PORT", self.copy_peer
        )
        self.start_server_action = new("start", "&Start", "F9", "Start the built-in server", self.toggle_server)
        self.server_action = new(
            "settings",
            "Se&ttings and Behaviour…",
            "Ctrl+Shift+P",
            "Where the built-in server listens, whom it accepts, how it answers",
            self.open_server,
        )
        self.copy_server_action = new(
            "copy",
            "&Copy Server Address",
            "Ctrl+Shift+A",
            "Copy the built-in server's AE title, address and port",
            self.copy_server,
        )
        self.pause_action = new(
            "pause", "&Pause", "Ctrl+E", "Stop adding traffic to the window; associations go on", self.toggle_capture
        )
        self.pause_action.setCheckable(True)
        self.clear_action = new("clear", "&Clear", "Ctrl+L", "Forget the traffic shown so far", self.clear_traffic)
        self.preferences_action = new(
            "settings",
            "&Preferences…",
            "Ctrl+,",
            "Our own AE title, time limits, how much traffic is kept",
            self.open_preferences,
        )
        self.copy_action = new(
            "copy", "&Copy", "", "Copy what is selected in the pane with the focus (Ctrl+C)", self.copy
        )
        self.send_files_action = new("file", "&Send Files…", "Ctrl+O", "Choose files and send them", self.choose_files)
        self.picture_action = new(
            "picture",
            "Save &Picture of the Window…",
            "Ctrl+Shift+G",
            "Save what the window shows as a PNG file",
            self.choose_picture,
        )
        self.data_folder_action = new(
            "folder",
            "Open &Data Folder",
            "Ctrl+Shift+D",
            "Show the folder with settings, peers and archive",
            self.open_data_folder,
        )
        self.demo_action = new(
            "start",
            "Play the &Demo",
            "Ctrl+Shift+F5",
            "Echo, store, query and retrieve between this program and its own server",
            self.demo_requested.emit,
        )
        self.quit_action = new("quit", "&Quit", "Ctrl+Q", "Close the window and end the server", self.close)
        self.first_steps_action = new(
            "help", "&First Steps", "F1", "What to try in the first minute", self.show_first_steps
        )
        self.shortcuts_action = new(
            "info", "&Keyboard Shortcuts", "Ctrl+F1", "Every action and its keys", self.show_shortcuts
        )
        self.about_action = new("info", "&About DICOM Workstation", "Shift+F1", "Version and licence", self.show_about)
        self.layout_actions: dict[Layout, QAction] = {}
        for number, layout in enumerate(Layout, start=1):
            self.layout_actions[layout] = new(
                "layout",
                f"&{number} {layout.value}",
                f"Ctrl+{number}",
                f"Arrange the panes for {layout.value.lower()} work",
                partial(self.arrange, layout),
            )
        self.appearance_actions: dict[Appearance, QAction] = {}
        group = QActionGroup(self)
        for appearance, keys in zip(Appearance, ("Ctrl+Alt+S", "Ctrl+Alt+L", "Ctrl+Alt+D"), strict=True):
            chosen = new(
                "",
                f"&{appearance.value.capitalize()}",
                keys,
                "Light or dark as the system says"
                if appearance is Appearance.SYSTEM
                else f"{appearance.value.capitalize()} colours",
                partial(self.choose_appearance, appearance),
            )
            chosen.setCheckable(True)
            chosen.setChecked(self.services.theme.appearance is appearance)
            group.addAction(chosen)
            self.appearance_actions[appearance] = chosen

    def _action(self, icon_name: str, text: str, keys: str, tip: str, act: Callable[[], object]) -> QAction:
        made = QAction(text, self)
        plain = text.replace("&", "").rstrip("…")
        made.setObjectName("action" + "".join(word.capitalize() for word in plain.split()))
        made.setIconText(plain)
        made.setStatusTip(tip)
        if icon_name:
            self.icons.give(made, icon_name)
        if keys:
            made.setShortcut(QKeySequence(keys))
            shown = made.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            made.setToolTip(f"{tip} ({shown})")
        else:
            made.setToolTip(tip)
        made.triggered.connect(lambda *_: act())
        # On the window itself, so that keys work while a menu bar is hidden or a dock floats.
        self.addAction(made)
        return made

    # --- panes, menus, tool bar

    def _make_docks(self) -> None:
        viewers = self.viewers
        self.docks: dict[str, QDockWidget] = {}
        for number, (name, title, widget) in enumerate(
            (
                ("peers", "Peers", self.peers_pane),
                ("associations", "Associations", viewers.associations),
                ("messages", "Messages", viewers.messages),
                ("decoded", "Decoded", viewers.decoded),
                ("bytes", "Bytes", viewers.bytes),
                ("state", "State machine", viewers.state),
                ("log", "Log", viewers.log_view),
            ),
            start=1,
        ):
            dock = QDockWidget(title, self.panes)
            dock.setObjectName(f"{name}Dock")
            dock.setAccessibleName(title)
            dock.setWidget(widget)
            widget.windowTitleChanged.connect(dock.setWindowTitle)
            toggle = dock.toggleViewAction()
            toggle.setObjectName(f"action{name.capitalize()}Pane")
            toggle.setShortcut(QKeySequence(f"Alt+{number}"))
            toggle.setToolTip(f"Show or hide the pane {title} (Alt+{number})")
            toggle.setStatusTip(f"Show or hide the pane {title}")
            self.addAction(toggle)
            self.docks[name] = dock
            # The title may grow ("Messages of #12"), the menu entry stays.
            dock.windowTitleChanged.connect(lambda _text, toggle=toggle, title=title: toggle.setText(title))

    def arrange(self, layout: Layout) -> None:
        """Put the panes where this kind of work wants them."""
        docks = self.docks
        for dock in docks.values():
            dock.setFloating(False)
            self.panes.removeDockWidget(dock)
        across, down = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
        left = Qt.DockWidgetArea.LeftDockWidgetArea
        shown: Sequence[str]
        across_sizes: _Sizes
        down_sizes: _Sizes
        further: tuple[_Sizes, ...]
        match layout:
            case Layout.TEST:
                shown = ("peers", "associations", "messages", "decoded", "bytes", "state", "log")
                self.panes.addDockWidget(left, docks["peers"])
                self.panes.splitDockWidget(docks["peers"], docks["associations"], across)
                self.panes.splitDockWidget(docks["associations"], docks["state"], across)
                self.panes.splitDockWidget(docks["associations"], docks["messages"], down)
                self.panes.splitDockWidget(docks["messages"], docks["decoded"], down)
                self.panes.splitDockWidget(docks["decoded"], docks["bytes"], across)
                self.panes.splitDockWidget(docks["state"], docks["log"], down)
                across_sizes = (("peers", 215), ("associations", 790), ("state", 425))
                down_sizes = (("associations", 170), ("messages", 270), ("decoded", 330))
                further = ((("state", 470), ("log", 300)),)
            case Layout.ANALYSE:
                shown = ("associations", "messages", "decoded", "bytes", "state")
                self.panes.addDockWidget(left, docks["associations"])
                self.panes.splitDockWidget(docks["associations"], docks["decoded"], across)
                self.panes.splitDockWidget(docks["associations"], docks["messages"], down)
                self.panes.splitDockWidget(docks["messages"], docks["state"], down)
                self.panes.splitDockWidget(docks["decoded"], docks["bytes"], down)
                across_sizes = (("associations", 720), ("decoded", 720))
                down_sizes = (("associations", 140), ("messages", 330), ("state", 330))
                further = ((("decoded", 430), ("bytes", 370)),)
            case Layout.SERVER:
                shown = ("peers", "associations", "messages", "log", "decoded")
                self.panes.addDockWidget(left, docks["peers"])
                self.panes.splitDockWidget(docks["peers"], docks["associations"], across)
                self.panes.splitDockWidget(docks["associations"], docks["messages"], down)
                self.panes.splitDockWidget(docks["messages"], docks["log"], down)
                self.panes.splitDockWidget(docks["messages"], docks["decoded"], across)
                across_sizes = (("peers", 215), ("associations", 1215))
                down_sizes = (("associations", 290), ("messages", 300), ("log", 200))
                further = ()
        for name, dock in docks.items():
            if name not in shown:
                self.panes.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
            dock.setVisible(name in shown)
        self._resize(across_sizes, across)
        self._resize(down_sizes, down)
        for sizes in further:
            self._resize(sizes, down)

    def _resize(self, sizes: _Sizes, orientation: Qt.Orientation) -> None:
        self.panes.resizeDocks([self.docks[name] for name, _ in sizes], [size for _, size in sizes], orientation)

    def _make_menus(self) -> None:
        bar = self.menuBar()
        bar.setObjectName("menuBar")

        def menu(title: str, *entries: QAction | QMenu | None) -> QMenu:
            made = QMenu(title, self)
            made.setObjectName("menu" + title.replace("&", ""))
            made.setToolTipsVisible(True)
            for entry in entries:
                if entry is None:
                    made.addSeparator()
                elif isinstance(entry, QMenu):
                    made.addMenu(entry)
                else:
                    made.addAction(entry)
            return made

        panes = menu("&Panes", *(dock.toggleViewAction() for dock in self.docks.values()))
        appearance = menu("&Appearance", *self.appearance_actions.values())
        server = (self.start_server_action, self.server_action, self.copy_server_action)
        for each in (
            menu("&File", self.send_files_action, None, self.picture_action, None, self.quit_action),
            menu("&Edit", self.copy_action, None, self.preferences_action),
            menu("&View", *self.layout_actions.values(), None, panes, appearance),
            menu(
                "&Peer",
                self.add_peer_action,
                self.edit_peer_action,
                self.remove_peer_action,
                None,
                self.copy_peer_action,
            ),
            menu("&Request", self.echo_action, self.send_action, self.query_action),
            menu("&Server", *server),
            menu("&Capture", self.pause_action, self.clear_action),
            menu("&Tools", self.demo_action, self.data_folder_action),
            menu("&Help", self.first_steps_action, self.shortcuts_action, None, self.about_action),
        ):
            bar.addMenu(each)
        self._server_menu = menu("Built-in server", *server)

    def _make_tool_bars(self) -> None:
        bar = QToolBar("Tool bar", self)
        bar.setObjectName("toolBar")
        bar.setMovable(False)
        bar.setIconSize(QSize(20, 20))
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        bar.toggleViewAction().setEnabled(False)  # nobody loses it by a slip in a context menu
        self.server_button = QToolButton()
        self.server_button.setObjectName("serverButton")
        self.server_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.server_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.server_button.setMenu(self._server_menu)
        bar.addWidget(self.server_button)
        bar.addSeparator()
        bar.addActions([self.echo_action, self.send_action, self.query_action])
        bar.addSeparator()
        bar.addActions([self.pause_action, self.clear_action])
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
                self.echo_action,
                self.send_action,
                self.query_action,
                self._separator(),
                self.edit_peer_action,
                self.remove_peer_action,
                self.copy_peer_action,
                self._separator(),
                self.add_peer_action,
            ],
            buttons=[self.add_peer_action, self.edit_peer_action, self.remove_peer_action],
        )
        pane.current_changed.connect(self._show_peer)
        pane.activated.connect(lambda peer: self.open_echo())
        pane.files_dropped.connect(lambda peer, paths: self.open_send(paths, peer))
        services.notified.connect(self.show_problem)
        services.server_changed.connect(self._show_server)
        services.theme.changed.connect(self._show_server)

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
        server, settings = services.server, services.settings.server
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
        self.server_button.setText(f"{settings.ae_title}  {place}" if exists else "No server")
        self.server_button.setIcon(health_icon(health, services.theme))
        self.server_button.setToolTip(f"The built-in server {words}")
        self.server_button.setAccessibleName(f"Built-in server {words}")
        self.start_server_action.setText("&Stop" if running else "&Start")
        self.start_server_action.setToolTip(f"{'Stop' if running else 'Start'} the built-in server (F9)")
        self.icons.give(self.start_server_action, "stop" if running else "start")
        for each in (self.start_server_action, self.server_action, self.copy_server_action):
            each.setEnabled(exists)
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
        for each in (self.echo_action, self.send_action, self.query_action, self.copy_peer_action):
            each.setEnabled(peer is not None)
        for each in (self.edit_peer_action, self.remove_peer_action):
            each.setEnabled(is_own)

    # --- requests: modeless dialogs beside the traffic

    def open_echo(self) -> EchoDialog | None:
        """The echo dialog of the selected peer, asking at once."""
        peer = self.peers_pane.current_peer
        if peer is None:
            return None
        dialog = self._open("echo", peer.address, lambda: EchoDialog(self.services, peer, self))
        dialog.echo_button.click()
        return dialog

    def open_send(self, paths: Sequence[Path] = (), peer: Peer | None = None) -> SendDialog | None:
        """A send dialog for the selected peer; files make a new one each time."""
        peer = peer or self.peers_pane.current_peer
        if peer is None:
            return None
        name = f"{peer.address} {len(self._dialogs)}" if paths else peer.address
        return self._open("send", name, lambda: SendDialog(self.services, peer, tuple(paths), self))

    def open_query(self) -> QueryDialog | None:
        """The query dialog of the selected peer."""
        peer = self.peers_pane.current_peer
        if peer is None:
            return None
        return self._open("query", peer.address, lambda: QueryDialog(self.services, peer, self))

    def open_server(self) -> ServerDialog:
        """The built-in server's settings."""
        return self._open("server", "", lambda: ServerDialog(self.services, self))

    def open_preferences(self) -> PreferencesDialog:
        """The program's own settings."""
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

    @action
    async def toggle_server(self) -> None:
        """Start the built-in server, or stop it."""
        server = self.services.server
        if server is None:
            return
        self.start_server_action.setEnabled(False)
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
        paused = self.pause_action.isChecked()
        self.services.bridge.set_paused(paused)
        self.pause_action.setText("&Resume" if paused else "&Pause")
        self.icons.give(self.pause_action, "record" if paused else "pause")
        self.status_bar.set_paused(paused)

    def clear_traffic(self) -> None:
        """Forget the traffic shown so far."""
        self.viewers.clear()
        self.status_bar.refresh()

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
        self._open("help", "first steps", lambda: HelpDialog("First Steps", first_steps(self.services), self))

    def show_shortcuts(self) -> None:
        """Every action and its keys."""
        rows = [
            (each.text().replace("&", "").rstrip("…"), each.shortcut().toString(QKeySequence.SequenceFormat.NativeText))
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

    # --- what is remembered

    def _restore(self) -> None:
        settings = self._settings
        geometry, state = settings.value("window/geometry"), settings.value("window/panes")
        if not isinstance(geometry, QByteArray) or not self.restoreGeometry(geometry):
            self.resize(1440, 900)
        self.arrange(Layout.TEST)
        if isinstance(state, QByteArray):
            self._has_own_arrangement = self.panes.restoreState(state, _STATE_VERSION)
        for name, header in self._headers():
            kept = settings.value(f"columns/{name}")
            if isinstance(kept, QByteArray):
                header.restoreState(kept)

    def remember(self) -> None:
        """Keep size, arrangement and columns for the next run."""
        self._settings.setValue("window/geometry", self.saveGeometry())
        self._settings.setValue("window/panes", self.panes.saveState(_STATE_VERSION))
        for name, header in self._headers():
            self._settings.setValue(f"columns/{name}", header.saveState())
        self._settings.sync()

    def _headers(self) -> list[tuple[str, QHeaderView]]:
        """The header of each list and tree in a pane, by the view's object name."""
        found = []
        for dock in self.docks.values():
            for view in dock.findChildren(QAbstractItemView):
                if isinstance(view, QTreeView) and view.objectName():
                    found.append((view.objectName(), view.header()))
                elif isinstance(view, QTableView) and view.objectName():
                    found.append((view.objectName(), view.horizontalHeader()))
        return found

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._was_shown:
            self._was_shown = True
            if not self._has_own_arrangement:
                # Once more: sizes that were asked for before the window had its own are only a wish.
                self.arrange(Layout.TEST)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.remember()
        for dialog in self._dialogs.values():
            dialog.close()
        super().closeEvent(event)
        self.closed.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.open_send(paths)


def first_steps(services: Services) -> list[tuple[str, str]]:
    """What a newcomer can try at once, with nothing to configure."""
    peer = services.built_in()
    place = f"{peer.ae_title} at {peer.host}:{peer.port}" if peer is not None else "the peer that you add first"
    return [
        ("Echo", "Select Built-in under Peers and press F5. Four rows of traffic appear; click one to see its bytes."),
        ("Send", "Press F6 and send the samples. Or drop your own files or folders on a peer."),
        ("Query", "Press F7, then Search: what you sent is there. Retrieve a study with C-GET or C-MOVE."),
        ("Watch", "The state machine shows the path of the selected association; select an older one to compare."),
        ("Be a server", f"Let your system talk to {place}. Ctrl+Shift+P sets status, delay or refusal for each event."),
        ("Add a peer", "Press Ctrl+N and give AE title, host and port. F2 changes it."),
    ]
