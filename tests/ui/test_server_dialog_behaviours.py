"""Each event with each kind of behaviour, from the servers' dialog alone: chosen, in force, kept across a restart, met.

A person works with the real widgets; a restart ends everything and begins again from the same folder. What of it real
clients meet is tried for one of each kind; what each does to the wire in detail has tests where it is made.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dialog_kit import running_services
from pydicom import dcmread
from pydicom.dataset import Dataset
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from rules_person import Person, behaviours, choose, click, paste, shown, write

from workstation.net import AE, build_context, evt
from workstation.net.association import Association
from workstation.net.events import Event
from workstation.net.pdu_primitives import UserIdentityNegotiation
from workstation.scp.asking import Reply
from workstation.scp.profiles import MAIN
from workstation.scp.query.levels import Level
from workstation.scp.rules.rule import ASSOCIATION, EVENTS
from workstation.ui.dialogs.server.server_dialog import ServerDialog
from workstation.ui.services import Services

CT, VERIFICATION = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.1"
STUDY_FIND, STEP = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.3.1.2.3.3"
PATIENCE = 20.0

SCRIPT = '''
def refuse(event):
    """Nobody begins anything here."""
    return 0x0110, None
'''


def open_dialog(qtbot, services: Services) -> ServerDialog:
    """The dialog with its rules in front, as a person has it who was at them."""
    dialog = ServerDialog(services)
    qtbot.addWidget(dialog)
    dialog.resize(1100, 900)
    with qtbot.waitExposed(dialog):
        dialog.show()
    bar = dialog.tabs.tabBar()
    rules = next(row for row in range(bar.count()) if bar.tabText(row).replace("&", "") == "Rules")
    QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(rules).center())
    QApplication.processEvents()
    return dialog


def in_force(qtbot, services: Services, dialog: ServerDialog) -> None:
    """Wait until what the dialog shows is what the server does, and is written."""
    rules = dialog.rules.editor.rules
    qtbot.waitUntil(lambda: services.profile.rules == rules, timeout=10_000)
    assert services.server.book.rules == rules
    qtbot.waitUntil(lambda: not services._unsaved and not services._saving.locked(), timeout=10_000)


@pytest.mark.parametrize("event", EVENTS)
def test_each_behaviour_is_chosen_in_force_kept_and_shown_again(event, qt_loop, qtbot, tmp_path, free_port):
    with running_services(qtbot, tmp_path, free_port) as services:
        dialog = open_dialog(qtbot, services)
        wanted = behaviours(Person(dialog.rules.editor), event)
        # The last change may not have been told yet: whoever closes the dialog means it all the same.
        click(dialog.findChild(type(dialog.switch), "close"))
        assert list(dialog.rules.editor.rules) == wanted
        in_force(qtbot, services, dialog)

    with running_services(qtbot, tmp_path, free_port) as services:
        assert services is not None
        assert list(services.server.book.rules) == wanted
        editor = open_dialog(qtbot, services).rules.editor
        assert [editor.model.rule(row).name for row in range(len(wanted))] == [rule.name for rule in wanted]
        for rule in wanted:
            editor.select(rule.name)
            assert shown(editor) == rule
        editor.flush()
        assert list(services.profile.rules) == wanted, "looking changes nothing"


# ------------------------------------------------------------------- what clients meet
def make_rules(person: Person) -> None:
    """One rule of each kind, each for a client of its own."""

    def begin(name: str, event: str) -> None:
        person.new_rule(name, event)
        paste(person.when.calling.editor, name)

    begin("STATUS", "EVT_C_ECHO")
    person.answer("status")
    person.status(0x0211)
    write(person.what.status.comment.editor, "not today")
    begin("LATER", "EVT_C_ECHO")
    write(person.what.before, "0.3")
    begin("WARNED", "EVT_C_STORE")
    person.answer("status")
    person.status(0xB006)
    click(person.what.status.keep)
    begin("REFUSED", "EVT_C_STORE")
    person.answer("status")
    person.status(0xA700)
    begin("MATCHES", "EVT_C_FIND")
    person.answer("status")
    person.status(0x0000)
    write(person.what.status.data_sets.editor, "match.json")
    begin("SCRIPT", "EVT_N_CREATE")
    person.answer("script")
    write(person.what.script.editor, "answers.py")
    paste(person.what.function.lineEdit(), "refuse")
    begin("ASKED", "EVT_C_ECHO")
    person.answer("ask")
    begin("STRANGER", "EVT_USER_ID")
    person.answer("status")
    choose(person.what.negotiation.verified, False)
    begin("TWICE", "EVT_C_FIND")
    person.fault("twice")
    begin("REJECTED", ASSOCIATION)
    person.fault("reject", result=2, source=3, reason=2)
    begin("DROPPED", "EVT_C_STORE")
    person.fault("drop", point="receiving", bytes=1000)


class Client:
    """A client in a thread of its own, so that the window's goes on turning."""

    def __init__(self, qtbot, services: Services) -> None:
        self._qtbot = qtbot
        self._address = services.server.address

    def meet(self, calling: str, context: str, ask: Callable[[Association], object], **options: object):
        """Associate and ask; returns the association and what came."""
        met: list[object] = []

        def work() -> None:
            ae = AE(ae_title=calling)
            ae.dimse_timeout = PATIENCE
            ae.requested_contexts = [build_context(context)]
            association = ae.associate(*self._address, **options)
            try:
                met.extend((association, ask(association) if association.is_established else None))
            finally:
                if association.is_established:
                    association.release()

        thread = threading.Thread(target=work)
        thread.start()
        self._qtbot.waitUntil(lambda: not thread.is_alive(), timeout=int(PATIENCE * 1000))
        association, answer = met
        return association, answer


def test_clients_meet_what_was_chosen_in_the_dialog_before_the_restart(
    qt_loop, qtbot, tmp_path, free_port, samples: Path
):
    with running_services(qtbot, tmp_path, free_port) as services:
        folder = services.folder_of(MAIN)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "answers.py").write_text(SCRIPT)
        (folder / "match.json").write_text('[{"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Chosen^By"}]}}]')
        dialog = open_dialog(qtbot, services)
        make_rules(Person(dialog.rules.editor))
        dialog.close()
        in_force(qtbot, services, dialog)

    def echo(association: Association) -> Dataset:
        return association.send_c_echo()

    image = dcmread(samples / "ct-chest" / "01.dcm")

    def store(association: Association) -> Dataset:
        return association.send_c_store(image)

    with running_services(qtbot, tmp_path, free_port) as services:
        client = Client(qtbot, services)

        def stored() -> int:
            return services.archive.counts()[Level.IMAGE]

        answer = client.meet("STATUS", VERIFICATION, echo)[1]
        assert (answer.Status, answer.ErrorComment) == (0x0211, "not today")
        began = time.monotonic()
        assert client.meet("LATER", VERIFICATION, echo)[1].Status == 0x0000
        assert time.monotonic() - began >= 0.3
        assert client.meet("REFUSED", CT, store)[1].Status == 0xA700
        assert "Status" not in client.meet("DROPPED", CT, store)[1]
        assert stored() == 0
        assert client.meet("WARNED", CT, store)[1].Status == 0xB006
        assert stored() == 1
        keys = Dataset()
        keys.QueryRetrieveLevel, keys.PatientName = "STUDY", ""
        found = client.meet("MATCHES", STUDY_FIND, lambda one: list(one.send_c_find(keys, STUDY_FIND)))[1]
        assert [(status.Status, match and match.PatientName) for status, match in found] == [
            (0xFF00, "Chosen^By"),
            (0x0000, None),
        ]
        answers: list[Any] = []
        second = threading.Event()

        def received(event: Event) -> None:
            answers.append(event.message)
            if len(answers) == 3:
                second.set()

        def find(association: Association) -> list[int | None]:
            association.bind(evt.EVT_DIMSE_RECV, received)
            found = [status.get("Status") for status, _ in association.send_c_find(keys, STUDY_FIND)]
            assert second.wait(PATIENCE)
            return found

        assert client.meet("TWICE", STUDY_FIND, find)[1] == [0xFF00, 0x0000], "what is stored now"
        assert [message.Status for message in answers] == [0xFF00, 0x0000, 0x0000]
        created = client.meet("SCRIPT", STEP, lambda one: one.send_n_create(Dataset(), STEP, "1.2.3")[0])[1]
        assert created.Status == 0x0110
        assert services.ledger.counts() == {}
        stop = services.asker.listen(
            lambda question: question.reply(Reply.with_status(0x0212, "said so")), lambda _: None
        )
        answer = client.meet("ASKED", VERIFICATION, echo)[1]
        stop()
        assert (answer.Status, answer.ErrorComment) == (0x0212, "said so")
        identity = UserIdentityNegotiation()
        identity.user_identity_type, identity.primary_field = 1, b"doe"
        identity.positive_response_requested = True
        assert not client.meet("STRANGER", VERIFICATION, echo, ext_neg=[identity])[0].is_established
        rejected = client.meet("REJECTED", VERIFICATION, echo)[0]
        assert rejected.is_rejected
        assert "local-limit-exceeded" in rejected.end_reason.lower()
        assert client.meet("NOBODY", VERIFICATION, echo)[1].Status == 0x0000, "no rule is for this one"
        hits = {rule.name: services.server.book.hits(rule.name).fired for rule in services.profile.rules}
        assert hits == dict.fromkeys(hits, 1)
