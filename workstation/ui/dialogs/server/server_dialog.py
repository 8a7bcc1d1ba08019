"""The dialog of the test servers: which there are, where they listen, whom they accept, how they answer.

Every valid change takes effect at once and is kept; there is no OK. It shows and asks: applying, starting and keeping
are the services' business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QMenu,
    QMessageBox,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from workstation.scp.profiles import (
    MAIN,
    Profile,
    ProfileFile,
    file_name_of,
    free_name,
    read_profile,
    shipped_profiles,
    take_over_profile,
)
from workstation.scp.rules.book import RuleBook
from workstation.scp.rules.foreign import files_of, script_words, scripts_of
from workstation.scp.rules.rule import Rule
from workstation.traffic.text import endpoint
from workstation.ui.dialogs.dialog_memory import DialogMemory
from workstation.ui.dialogs.rules.pane import RulesPane
from workstation.ui.dialogs.server.accept_page import AcceptPage
from workstation.ui.dialogs.server.archive_page import ArchivePage
from workstation.ui.dialogs.server.form_parts import page_layout
from workstation.ui.dialogs.server.general_page import GeneralPage
from workstation.ui.parts.widgets import (
    SPACE,
    MenuButton,
    Outcome,
    OutcomeLabel,
    name_widget,
    primary_button,
    push_button,
    scrolled,
)
from workstation.ui.services import Services
from workstation.ui.tasks import action


class ServerDialog(QDialog):
    """The servers: one is chosen above, its profile is below."""

    script_edit_asked = Signal(str, str)
    """Somebody wants to edit a script: its path, empty for a new one, and function."""
    association_chosen = Signal(int)
    """Somebody wants to see the traffic of this association."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._name = MAIN
        self._book: RuleBook | None = None
        # Two changes in quick succession must not start and stop the server across each other.
        self._changing = asyncio.Lock()
        # By server, rules that are still to be put in force.
        self._wanted_rules: dict[str, tuple[Rule, ...]] = {}
        self.setWindowTitle("Test Servers")
        self.setObjectName("serverDialog")
        self.setAccessibleName("Test servers")
        self.setModal(False)

        theme = services.theme
        self.chooser = QComboBox()
        name_widget(self.chooser, "serverChooser", "Server", "The server whose profile is shown")
        self.chooser.setMinimumWidth(220)
        self.chooser.activated.connect(lambda row: self.choose(self.chooser.itemData(row)))
        self.more = MenuButton("Ser&vers")
        name_widget(self.more, "serverMore", "Servers", "Add, copy, rename, import, export or remove a server")
        self.more.setMenu(self._menu())
        self._state = OutcomeLabel(theme)
        self._state.setObjectName("serverState")
        self.switch = primary_button("&Start", "startStop", "Start or stop the server")
        self.switch.setAutoDefault(False)
        self.switch.setDefault(False)
        self.switch.clicked.connect(self._toggle)

        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        name_widget(self.tabs, "serverTabs", "Parts of the server's profile")
        self.general = GeneralPage(theme, self._change)
        self.accept_page = AcceptPage(theme, self._change)
        self.rules = RulesPane(theme, tasks=services.tasks)
        self.rules.rules_changed.connect(self._rules_changed)
        self.rules.script_edit_asked.connect(self._script_edit_asked)
        self.rules.association_chosen.connect(self.association_chosen)
        self._rules_page = QWidget()
        page_layout(self._rules_page).addWidget(self.rules)
        self.archive = ArchivePage(services)
        self.tabs.addTab(self.general, "&General")
        self.tabs.addTab(scrolled(self.accept_page), "A&ccept")
        self.tabs.addTab(self._rules_page, "&Rules")
        self.tabs.addTab(self.archive, "Arc&hive")
        self.tabs.currentChanged.connect(self._tab_changed)

        self._note = OutcomeLabel(theme, "Changes take effect at once and are kept.")
        name_widget(self._note, "note", "What became of the last change")
        close = push_button("Close", "close", "Close this dialog; the servers go on (Esc)", self.close)

        top = QHBoxLayout()
        top.addWidget(self.chooser)
        top.addWidget(self.more)
        top.addStretch(1)
        top.addWidget(self.switch)
        bottom = QHBoxLayout()
        bottom.addWidget(self._note, 1, Qt.AlignmentFlag.AlignVCenter)
        bottom.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE)
        layout.setSpacing(int(1.5 * SPACE))
        layout.addLayout(top)
        # In a line of its own: why a server does not listen is a long sentence.
        layout.addWidget(self._state)
        layout.addWidget(self.tabs, 1)
        layout.addLayout(bottom)
        self.resize(900, 620)

        services.server_changed.connect(self._show)
        self._show()
        DialogMemory(self, services.folders.window, {})

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setObjectName("serversMenu")
        menu.addAction("&New Server", lambda: self._add(Profile(name="Server", port=self._free_port())))
        shipped = menu.addMenu("New from a &Ready-Made Profile")
        for path in shipped_profiles():
            profile, _ = read_profile(path)
            act = shipped.addAction(profile.name, partial(self._add_shipped, path))
            act.setToolTip(profile.description)
        shipped.setToolTipsVisible(True)
        menu.addAction("&Duplicate", lambda: self._add(replace(self._profile, port=self._free_port())))
        self._rename_action = menu.addAction("Rena&me…", self._rename)
        menu.addSeparator()
        menu.addAction("&Import…", self._import)
        menu.addAction("E&xport…", self._export)
        menu.addAction("R&eload From File", self._reload)
        menu.addSeparator()
        self._remove_action = menu.addAction("Remo&ve…", self._remove)
        return menu

    @property
    def _profile(self) -> Profile:
        return next((one for one in self._services.profiles if one.name == self._name), self._services.profile)

    def choose(self, name: str) -> None:
        """Show the server of that name."""
        # What was typed last belongs to the one that was shown.
        self.rules.editor.flush()
        self._name = name
        self._note.clear()
        self._show()

    def show_rules(self, name: str = "") -> None:
        """Go to the rules, of the server of that name if one is given."""
        if name:
            self.choose(name)
        self.tabs.setCurrentWidget(self._rules_page)

    # --- showing what is in force

    def _show(self) -> None:
        services, profile = self._services, self._profile
        self._name = profile.name
        with QSignalBlocker(self.chooser):
            self.chooser.clear()
            for each in services.profiles:
                one = services.servers.get(each.name) if services.servers is not None else None
                sign = "●" if one is not None and one.running else "○"
                self.chooser.addItem(f"{sign}  {each.name}  ·  {each.ae_title}, port {each.port}", each.name)
            self.chooser.setCurrentIndex(self.chooser.findData(profile.name))
        for act in (self._rename_action, self._remove_action):
            act.setEnabled(profile.name != MAIN)
        server = services.servers.get(profile.name) if services.servers is not None else None
        running = server is not None and server.address is not None
        problem = services.server_problems.get(profile.name, "")
        if server is None:
            self._state.show_outcome(Outcome.IDLE, "This run has no servers (it was started with --no-scp).")
        elif server.address is not None:
            host, port = server.address
            tls = " with TLS" if profile.tls.certificate else ""
            self._state.show_outcome(Outcome.SUCCESS, f"{profile.ae_title} listening on {endpoint(host, port)}{tls}")
        elif problem:
            self._state.show_outcome(Outcome.FAILURE, "Not listening", problem)
        else:
            self._state.show_outcome(Outcome.CANCELLED, "Stopped", "Nobody can reach this server now.")
        self.switch.setText("&Stop" if running else "&Start")
        self.switch.setAccessibleName("Stop the server" if running else "Start the server")
        self.switch.setEnabled(server is not None)
        self.general.show_profile(profile)
        self.accept_page.show_profile(profile)
        self.rules.set_folder(services.folder_of(profile.name))
        book = server.book if server is not None else None
        if book is not self._book:
            self._book = book
            self.rules.set_book(book)
        if self._wanted_rules.get(profile.name, profile.rules) == profile.rules:
            # Not while later ones wait: what came before them would undo what is being typed.
            self._wanted_rules.pop(profile.name, None)
            self.rules.set_rules(profile.rules)
        self.rules.editor.set_titles({peer.ae_title for peer in services.all_peers()})
        self.archive.show_archive()

    # --- changing it

    def _change(self, change: Callable[[Profile], Profile]) -> None:
        # Of the server that is shown now, whichever is when its turn comes.
        self._change_of(self._name, change)

    @action
    async def _change_of(self, name: str, change: Callable[[Profile], Profile]) -> None:
        async with self._changing:
            now = next((each for each in self._services.profiles if each.name == name), None)
            if now is None:
                return
            try:
                wanted = change(now)
            except ValueError as error:
                self._note.show_outcome(Outcome.FAILURE, str(error))
                return
            if wanted == now:
                return
            problem = await self._services.apply_profile(wanted)
        if problem:
            self._wanted_rules.pop(name, None)
        self._show()
        if problem:
            in_force = "" if wanted in self._services.profiles else "Everything stays as it was."
            self._note.show_outcome(Outcome.FAILURE, problem, in_force)
        else:
            self._note.clear()

    def _rules_changed(self, rules: tuple[Rule, ...]) -> None:
        # Of several changes in a row the last is put in force.
        name = self._name
        self._wanted_rules[name] = rules
        self._change_of(name, lambda now: replace(now, rules=self._wanted_rules.get(name, now.rules)))

    def _script_edit_asked(self, path: str, function: str) -> None:
        # As the rule has it: relative to the profile's file.
        whole = str(self._services.folder_of(self._name) / path) if path else ""
        self.script_edit_asked.emit(whole, function)

    @action
    async def _toggle(self) -> None:
        servers = self._services.servers
        server = servers.get(self._name) if servers is not None else None
        if server is None:
            return
        self.switch.setEnabled(False)
        try:
            async with self._changing:
                if server.running:
                    await self._services.stop_server(server.name)
                else:
                    await self._services.start_server(server.name)
        finally:
            self.switch.setEnabled(True)
            self._show()

    # --- which there are

    def _free_port(self) -> int:
        taken = {profile.port for profile in self._services.profiles}
        return next(port for port in range(11112, 65536) if port not in taken)

    @action
    async def _add(self, profile: Profile) -> None:
        await self._added(profile)

    async def _added(self, profile: Profile) -> str:
        name = free_name(profile.name, (each.name for each in self._services.profiles))
        async with self._changing:
            problem = await self._services.add_server(replace(profile, name=name))
        self.choose(name)
        if problem:
            self._note.show_outcome(Outcome.FAILURE, problem)
        return problem

    def _add_shipped(self, path: Path) -> None:
        self._add_from(path)

    def _import(self) -> None:
        # Not their static functions: those turn an event loop of their own, which the program's end would wait for.
        dialog = QFileDialog(self, "Import a Server's Profile")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters(("Profiles (*.toml)", "All files (*)"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self._add_from(Path(path)))
        dialog.open()

    @action
    async def _add_from(self, path: Path) -> None:
        try:
            profile, problems = await self._services.tasks.call(partial(read_profile, path), "import-profile")
        except ValueError as error:
            self._note.show_outcome(Outcome.FAILURE, str(error))
            return
        taken = {each.port for each in self._services.profiles}
        if profile.port in taken:
            profile = replace(profile, port=self._free_port())
        profile = take_over_profile(profile, path.absolute().parent, self._services.folders.servers)
        scripts = scripts_of(profile.rules)
        sentences = [problem] if (problem := await self._added(profile)) else []
        if scripts:
            sentences += ["The rules of this profile that run a script are off.", script_words(scripts)]
        sentences += problems
        if sentences:
            outcome = Outcome.FAILURE if problem else Outcome.WARNING
            self._note.show_outcome(outcome, sentences[0], "\n".join(sentences[1:]))

    def _export(self) -> None:
        profile = self._profile
        dialog = QFileDialog(self, "Export the Server's Profile")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter("Profiles (*.toml)")
        dialog.setDefaultSuffix("toml")
        dialog.selectFile(file_name_of(profile.name))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self._write(Path(path), profile))
        dialog.open()

    @action
    async def _write(self, path: Path, profile: Profile) -> None:
        def write() -> None:
            path.unlink(missing_ok=True)  # the dialog has asked
            ProfileFile(path).save(profile)

        try:
            await self._services.tasks.call(write, "export-profile")
        except OSError as error:
            self._note.show_outcome(Outcome.FAILURE, f"{path} cannot be written: {error.strerror or error}.")
        else:
            along = "\n".join(files_of(profile.rules))
            self._note.show_outcome(
                Outcome.SUCCESS,
                f"Exported to {path}.",
                f"Its rules need these files beside it:\n{along}" if along else "",
            )

    @action
    async def _reload(self) -> None:
        problems = await self._services.reload_profile(self._name)
        self._show()
        if problems:
            self._note.show_outcome(Outcome.FAILURE, problems[0], "\n".join(problems[1:]))
        else:
            self._note.show_outcome(Outcome.SUCCESS, "Read from its file.")

    def _rename(self) -> None:
        dialog = QInputDialog(self)
        dialog.setWindowTitle("Rename the Server")
        dialog.setLabelText("Name")
        dialog.setTextValue(self._name)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.textValueSelected.connect(self._named)
        dialog.open()

    def _named(self, text: str) -> None:
        name = text.strip()
        if name and name != self._name:
            self._rename_to(name)

    @action
    async def _rename_to(self, name: str) -> None:
        problem = await self._services.rename_server(self._name, name)
        if problem:
            self._note.show_outcome(Outcome.FAILURE, problem)
        else:
            self.choose(name)

    def _remove(self) -> None:
        name = self._name
        box = QMessageBox(
            QMessageBox.Icon.Question,
            "Remove the Server",
            "",
            QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No,
            self,
        )
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(f"Remove the server {name} with its rules? What it received stays in the archive.")
        box.setDefaultButton(QMessageBox.StandardButton.No)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.button(QMessageBox.StandardButton.Yes).clicked.connect(lambda: self._remove_now(name))
        box.open()

    @action
    async def _remove_now(self, name: str) -> None:
        async with self._changing:
            await self._services.remove_server(name)
        self.choose(MAIN)

    def _tab_changed(self, index: int) -> None:
        if self.tabs.widget(index) is self.archive:
            self.archive.count()
