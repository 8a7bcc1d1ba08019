"""Everything that the main window can be told to do, as a table: menu, words, keys, explanation.

A command is one `QAction`: the same in its menu, in a tool bar, in a context menu and by its keys. What a command
does is a method of the window; which commands make sense at the moment is the window's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu

from workstation.ui.theme import Appearance
from workstation.ui.window.arrangement import Layout

if TYPE_CHECKING:
    from workstation.ui.window.main_window import MainWindow


@dataclass(frozen=True, slots=True)
class Command:
    """One thing to do."""

    name: str
    icon: str
    text: str
    keys: str
    tip: str
    act: Callable[[MainWindow], object]
    checkable: bool = False


COMMANDS: tuple[Command, ...] = (
    # File
    Command("send_files", "file", "&Send Files…", "Ctrl+O", "Choose files and send them", lambda w: w.choose_files()),
    Command(
        "open_file",
        "file",
        "Open &DICOM File…",
        "Ctrl+Alt+O",
        "Look at a file's data set and picture",
        lambda w: w.choose_data_set(),
    ),
    Command(
        "compare",
        "layout",
        "&Compare Data Sets…",
        "Ctrl+Alt+C",
        "Show two data sets side by side with their differences marked",
        lambda w: w.open_compare(),
    ),
    Command(
        "picture",
        "picture",
        "Save &Picture of the Window…",
        "Ctrl+Shift+G",
        "Save what the window shows as a PNG file",
        lambda w: w.choose_picture(),
    ),
    Command("quit", "quit", "&Quit", "Ctrl+Q", "Close the window and end the server", lambda w: w.close()),
    # Edit. The panes have Ctrl+C of their own, which keys on this action would take away from them.
    Command(
        "copy", "copy", "&Copy", "", "Copy what is selected in the pane with the focus (Ctrl+C)", lambda w: w.copy()
    ),
    Command(
        "find",
        "query",
        "&Find…",
        "Ctrl+F",
        "Find text, bytes or a value in the selected message, its association or everything",
        lambda w: w.open_find(),
    ),
    Command(
        "preferences",
        "settings",
        "&Preferences…",
        "Ctrl+,",
        "Our own AE title, time limits, how much traffic is kept",
        lambda w: w.open_preferences(),
    ),
    # Peer
    Command("add_peer", "add", "&Add Peer…", "Ctrl+N", "Add a peer to the address book", lambda w: w.add_peer()),
    Command("edit_peer", "edit", "&Edit Peer…", "F2", "Change the selected peer", lambda w: w.edit_peer()),
    Command(
        "remove_peer",
        "remove",
        "&Remove Peer",
        "Ctrl+Del",
        "Remove the selected peer from the address book",
        lambda w: w.remove_peer(),
    ),
    Command(
        "copy_peer",
        "copy",
        "&Copy Peer Address",
        "Ctrl+Shift+C",
        "Copy the selected peer as AET@HOST:PORT",
        lambda w: w.copy_peer(),
    ),
    # Request
    Command(
        "echo", "echo", "&Echo…", "F5", "Ask the selected peer whether it answers (C-ECHO)", lambda w: w.open_echo()
    ),
    Command("send", "send", "&Send…", "F6", "Send files to the selected peer (C-STORE)", lambda w: w.open_send()),
    Command(
        "query",
        "query",
        "&Query/Retrieve…",
        "F7",
        "Search the selected peer and fetch objects (C-FIND, C-MOVE, C-GET)",
        lambda w: w.open_query(),
    ),
    # Server
    Command("start_server", "start", "&Start", "F9", "Start the built-in server", lambda w: w.toggle_server()),
    Command(
        "server",
        "settings",
        "Se&ttings and Rules…",
        "Ctrl+Shift+P",
        "Where the test servers listen, whom they accept, how they answer",
        lambda w: w.open_server(),
    ),
    Command(
        "rules",
        "colours",
        "&Rules…",
        "F8",
        "What the test servers answer otherwise than built in: statuses, delays, ask me, scripts, faults",
        lambda w: w.server_windows.open_rules(),
    ),
    Command(
        "received",
        "file",
        "Re&ceived…",
        "Ctrl+Shift+W",
        "The worklist, and what came in beside objects: procedure steps, commitments, films, UPS",
        lambda w: w.server_windows.open_received(),
    ),
    Command(
        "archive",
        "folder",
        "&Archive…",
        "Ctrl+Shift+B",
        "Patients, studies, series and objects: look, search, import, export, send, delete",
        lambda w: w.server_windows.open_archive(),
    ),
    Command(
        "scripts",
        "edit",
        "Scri&pts…",
        "Ctrl+Shift+K",
        "Write handlers of your own in Python, as pynetdicom has them",
        lambda w: w.server_windows.open_scripts(),
    ),
    Command(
        "copy_server",
        "copy",
        "&Copy Server Address",
        "Ctrl+Shift+A",
        "Copy the built-in server's AE title, address and port",
        lambda w: w.copy_server(),
    ),
    # Capture
    Command(
        "open_capture",
        "folder",
        "&Open Capture…",
        "Ctrl+Shift+O",
        "Open a pcapng or pcap file, of this program, Wireshark or tcpdump",
        lambda w: w.captures.choose_and_open(),
    ),
    Command(
        "save_capture",
        "file",
        "&Save Traffic…",
        "Ctrl+S",
        "Save the traffic shown as pcapng, which Wireshark opens",
        lambda w: w.captures.choose_and_save(),
    ),
    Command(
        "save_association",
        "file",
        "Save T&his Association…",
        "Ctrl+Shift+S",
        "Save the selected association as pcapng",
        lambda w: w.save_association(),
    ),
    Command(
        "record",
        "record",
        "&Record to a File…",
        "Ctrl+R",
        "Record every association from now on as pcapng, whatever the window keeps",
        lambda w: w.captures.toggle_recording(),
        checkable=True,
    ),
    Command(
        "report",
        "info",
        "Re&port of This Association…",
        "Ctrl+Shift+R",
        "Write what happened in the selected association as an HTML page",
        lambda w: w.save_report("html"),
    ),
    Command(
        "report_text",
        "info",
        "Report as &Text…",
        "Ctrl+Alt+R",
        "Write what happened in the selected association as text",
        lambda w: w.save_report("text"),
    ),
    Command(
        "export_json",
        "file",
        "Export as &JSON…",
        "Ctrl+Shift+J",
        "Write each PDU of the traffic shown with its fields as JSON",
        lambda w: w.captures.choose_and_export(),
    ),
    Command(
        "export_objects",
        "folder",
        "&Export DICOM Objects…",
        "Ctrl+Shift+E",
        "Write the objects in the traffic shown as DICOM files",
        lambda w: w.captures.choose_and_export_objects(),
    ),
    Command(
        "filter",
        "query",
        "&Filter",
        "Ctrl+/",
        "Go to the filter that chooses which associations and messages are shown",
        lambda w: w.go_to_filter(),
    ),
    Command(
        "follow_association",
        "",
        "Filter on This &Association",
        "Ctrl+Shift+F",
        "Show nothing but the selected association",
        lambda w: w.follow_association(),
    ),
    Command(
        "pause",
        "pause",
        "&Pause",
        "Ctrl+E",
        "Leave what is transferred out of the window; associations go on and are listed",
        lambda w: w.toggle_capture(),
        checkable=True,
    ),
    Command("clear", "clear", "&Clear", "Ctrl+L", "Forget the traffic shown so far", lambda w: w.clear_traffic()),
    # Tools
    Command(
        "demo",
        "start",
        "Play the &Demo",
        "Ctrl+Shift+F5",
        "Echo, store, query and retrieve between this program and its own server",
        lambda w: w.request_demo(),
    ),
    Command(
        "data_folder",
        "folder",
        "Open &Data Folder",
        "Ctrl+Shift+D",
        "Show the folder with settings, peers and archive",
        lambda w: w.open_data_folder(),
    ),
    # Help
    Command(
        "first_steps",
        "help",
        "&First Steps",
        "F1",
        "What to try in the first minute",
        lambda w: w.show_first_steps(),
    ),
    Command(
        "shortcuts", "info", "&Keyboard Shortcuts", "Ctrl+F1", "Every action and its keys", lambda w: w.show_shortcuts()
    ),
    Command("about", "info", "&About DICOM Workstation", "Shift+F1", "Version and licence", lambda w: w.show_about()),
    # View
    *(
        Command(
            f"layout_{layout.name.lower()}",
            "layout",
            f"&{number} {layout.value}",
            f"Ctrl+{number}",
            f"Arrange the panes for {layout.value.lower()} work",
            lambda w, layout=layout: w.arrange(layout),  # type: ignore[misc]
        )
        for number, layout in enumerate(Layout, start=1)
    ),
    *(
        Command(
            f"appearance_{appearance.value}",
            "",
            f"&{appearance.value.capitalize()}",
            keys,
            tip,
            lambda w, appearance=appearance: w.choose_appearance(appearance),  # type: ignore[misc]
            checkable=True,
        )
        for appearance, keys, tip in (
            (Appearance.SYSTEM, "Ctrl+Alt+S", "Light or dark as the system says"),
            (Appearance.LIGHT, "Ctrl+Alt+L", "Light colours"),
            (Appearance.DARK, "Ctrl+Alt+D", "Dark colours"),
        )
    ),
)

# None is a separator; a name in angle brackets is a submenu made below.
MENUS: tuple[tuple[str, tuple[str | None, ...]], ...] = (
    ("&File", ("send_files", "open_file", "compare", None, "picture", None, "quit")),
    ("&Edit", ("copy", "find", None, "preferences")),
    ("&View", ("layout_test", "layout_analyse", "layout_server", None, "<panes>", "<appearance>")),
    ("&Peer", ("add_peer", "edit_peer", "remove_peer", None, "copy_peer")),
    ("&Request", ("echo", "send", "query")),
    ("&Server", ("start_server", "server", "rules", None, "received", "archive", "scripts", None, "copy_server")),
    (
        "&Capture",
        (
            *("open_capture", "save_capture", "save_association", "record", None),
            *("report", "report_text", "export_json", "export_objects", None),
            *("filter", "follow_association", None, "pause", "clear"),
        ),
    ),
    ("&Tools", ("demo", "data_folder")),
    ("&Help", ("first_steps", "shortcuts", None, "about")),
)


def make_actions(window: MainWindow) -> dict[str, QAction]:
    """The actions of all commands, by name."""
    made = {command.name: _action(window, command) for command in COMMANDS}
    group = QActionGroup(window)
    for appearance in Appearance:
        group.addAction(made[f"appearance_{appearance.value}"])
    return made


def _action(window: MainWindow, command: Command) -> QAction:
    action = QAction(command.text, window)
    action.setObjectName("action" + "".join(word.capitalize() for word in command.name.split("_")))
    action.setIconText(plain_text(command.text))
    action.setStatusTip(command.tip)
    action.setCheckable(command.checkable)
    if command.icon:
        window.icons.give(action, command.icon)
    action.setShortcut(QKeySequence(command.keys))
    explain(action, command.tip)
    act = partial(command.act, window)
    action.triggered.connect(lambda *_: act())
    # On the window itself, so that keys work while a pane floats.
    window.addAction(action)
    return action


def explain(action: QAction, tip: str) -> None:
    """Give an action its tooltip, with the keys behind the words."""
    keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    action.setToolTip(f"{tip} ({keys})" if keys else tip)


def plain_text(text: str) -> str:
    """An action's text without the marks of mnemonic and dialog."""
    return text.replace("&", "").rstrip("…")


def fill_menu_bar(window: MainWindow, actions: Mapping[str, QAction]) -> None:
    """Make the menus of the table."""
    submenus = {
        "<panes>": _menu(window, "&Panes", [dock.toggleViewAction() for dock in window.docks.values()]),
        "<appearance>": _menu(window, "&Appearance", [actions[f"appearance_{each.value}"] for each in Appearance]),
    }
    bar = window.menuBar()
    bar.setObjectName("menuBar")
    for title, names in MENUS:
        entries = [None if name is None else submenus.get(name) or actions[name] for name in names]
        bar.addMenu(_menu(window, title, entries))


def server_menu(window: MainWindow, actions: Mapping[str, QAction]) -> QMenu:
    """What the tool bar's server button opens."""
    names = ("start_server", "server", "rules", "received", "archive", "copy_server")
    return _menu(window, "Built-in server", [actions[name] for name in names])


def _menu(window: MainWindow, title: str, entries: list[QAction | QMenu | None] | list[QAction]) -> QMenu:
    menu = QMenu(title, window)
    menu.setObjectName("menu" + plain_text(title).replace(" ", ""))
    menu.setToolTipsVisible(True)
    for entry in entries:
        if entry is None:
            menu.addSeparator()
        elif isinstance(entry, QMenu):
            menu.addMenu(entry)
        else:
            menu.addAction(entry)
    return menu
