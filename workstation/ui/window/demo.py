"""The demo: echo, store, query and retrieve between the program's own client and server, through the real window.

It presses the buttons that a person would press and waits for what a person would wait for: that the button can be
pressed again. So it is a smoke test of the whole program as well, and where the pictures of the window come from.
It must not use anything that the window does not offer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QPushButton

from workstation.net.codec.field import Field
from workstation.ui.parts.widgets import Outcome, OutcomeLabel
from workstation.ui.services import BUILT_IN_NAME
from workstation.ui.window.main_window import MainWindow

_LIMIT = 60.0
"""Seconds that one step may take."""


class DemoError(Exception):
    """A step did not come to its end; the message is a sentence."""


class _Finished(QObject):
    """Becomes done when a button that was pressed can be pressed again."""

    def __init__(self, button: QPushButton) -> None:
        super().__init__()
        self._button = button
        self._was_busy = not button.isEnabled()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        button.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.EnabledChange and watched is self._button:
            if not self._button.isEnabled():
                self._was_busy = True
            elif self._was_busy and not self.done.done():
                self.done.set_result(None)
        return False


async def play(window: MainWindow) -> None:
    """Play everything; raises DemoError at the first step that fails."""
    services = window.services
    if services.server is None or not services.server.running:
        raise DemoError(f"The demo needs the built-in server. {services.server_problem}".strip())
    window.peers_pane.select(BUILT_IN_NAME)
    await _echo(window)
    await _send(window)
    await _query_and_retrieve(window)
    await _all_shown(window)
    _look_at_a_store(window)


async def _echo(window: MainWindow) -> None:
    dialog = window.open_echo()  # asks at once
    if dialog is None:
        raise DemoError("There is no built-in peer to echo.")
    await _until_pressable("Echo", dialog.echo_button)
    _expect("Echo", dialog.outcome)
    dialog.close()


async def _send(window: MainWindow) -> None:
    dialog = window.open_send()
    if dialog is None:
        raise DemoError("There is no built-in peer to send to.")
    dialog.add_samples()
    await _until_pressable("Finding the samples", dialog.send_button)
    _expect("Finding the samples", dialog.outcome)
    dialog.send_button.click()
    await _until_pressable("Store", dialog.send_button)
    _expect("Store", dialog.outcome)
    dialog.close()


async def _query_and_retrieve(window: MainWindow) -> None:
    dialog = window.open_query()
    if dialog is None:
        raise DemoError("There is no built-in peer to query.")
    dialog.form.field("PatientID").field.editor.setText("DW-1001")
    dialog.query_button.click()
    await _until_pressable("Query", dialog.query_button)
    _expect("Query", dialog.outcome)
    dialog.table.selectRow(0)
    for name, button in (("C-GET", dialog.retrieve.get_button), ("C-MOVE", dialog.retrieve.move_button)):
        button.click()
        await _until_pressable(name, button)
        _expect(name, dialog.outcome)
    dialog.close()


async def _until_pressable(step: str, button: QPushButton) -> None:
    finished = _Finished(button)
    try:
        await asyncio.wait_for(finished.done, _LIMIT)
    except TimeoutError:
        raise DemoError(f"{step} took longer than {_LIMIT:g} seconds.") from None
    finally:
        button.removeEventFilter(finished)


def _expect(step: str, outcome: OutcomeLabel) -> None:
    if outcome.outcome not in (Outcome.SUCCESS, Outcome.WARNING):
        raise DemoError(f"{step} failed: {outcome.text}")


async def _all_shown(window: MainWindow) -> None:
    """Wait until every association is over and seen, then show one that has something to look at."""
    bridge, log = window.services.bridge, window.services.log
    moved = asyncio.Event()
    bridge.batch.connect(moved.set)
    try:
        while bridge.waiting or not all(each.finished for each in log.conversations):
            moved.clear()
            await asyncio.wait_for(moved.wait(), _LIMIT)
    except TimeoutError:
        raise DemoError("An association stayed open after its request.") from None
    finally:
        bridge.batch.disconnect(moved.set)


def _look_at_a_store(window: MainWindow) -> None:
    """Select the first object sent, and in it the patient's name with its bytes."""
    viewers = window.viewers
    for conversation in window.services.log.conversations:
        for row in conversation.rows:
            if row.name == "C-STORE-RQ" and row.sent:
                viewers.select_association(conversation.number)
                viewers.select_message(row.number)
                dissection = viewers.dissection
                path = _path_of("(0010,0010)", dissection.fields) if dissection is not None else ()
                if path:
                    viewers.decoded.select_path(path)
                    viewers.decoded.field_chosen.emit(path)
                return


def _path_of(name: str, fields: Sequence[Field]) -> tuple[int, ...]:
    """The way to the first field whose name begins so."""
    for index, field in enumerate(fields):
        if field.name.startswith(name):
            return (index,)
        below = _path_of(name, field.children)
        if below:
            return (index, *below)
    return ()


async def save_picture(window: MainWindow, path: Path) -> None:
    """Save what the window shows; OSError if that cannot be."""
    # Layouts settle and the state machine's last edge comes to rest: a picture half way is no use to anybody.
    await asyncio.sleep(0.8)
    if not window.grab().save(str(path), "PNG"):
        raise OSError(f"The picture could not be saved to {path}.")
