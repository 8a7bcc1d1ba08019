"""Ask me, in the real window: ten associations wait at once, and neither the window nor any other of them with them.

A server with its rules, clients over real sockets, the main window with its pane of questions.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from dialog_kit import running_services
from pydicom import dcmread
from pydicom.dataset import Dataset
from PySide6.QtCore import Qt, QTimer

from workstation.net import AE, build_context
from workstation.net.association import Association
from workstation.scp.rules.rule import ASSOCIATION, Action, Match, Rule
from workstation.ui.viewers.viewers import Viewers
from workstation.ui.window.main_window import MainWindow

VERIFICATION, CT = "1.2.840.10008.1.1", "1.2.840.10008.5.1.4.1.1.2"
STUDY_FIND, STUDY_MOVE, STUDY_GET = (f"1.2.840.10008.5.1.4.1.2.2.{number}" for number in (1, 2, 3))
STEP, UPS, COMMITMENT = "1.2.840.10008.3.1.2.3.3", "1.2.840.10008.5.1.4.34.6.1", "1.2.840.10008.1.20.1"
LONG = 30.0
# Longer than any wait of the server's own may last in this test.
TIMEOUT = 1.0

ASKING = (
    Rule(name="who may come in", match=Match(events=(ASSOCIATION,), calling="DOOR"), action=Action(answer="ask")),
    Rule(
        name="what is answered",
        match=Match(
            calling="ASK*",
            events=(
                "EVT_C_ECHO",
                "EVT_C_STORE",
                "EVT_C_FIND",
                "EVT_C_GET",
                "EVT_C_MOVE",
                "EVT_N_CREATE",
                "EVT_N_ACTION",
                "EVT_N_GET",
            ),
        ),
        action=Action(answer="ask"),
    ),
)


def keys() -> Dataset:
    made = Dataset()
    made.QueryRetrieveLevel, made.StudyInstanceUID = "STUDY", "1.2.3"
    return made


def last(responses) -> Dataset:
    return list(responses)[-1][0]


# What each of ten clients asks.
REQUESTS: dict[str, tuple[str, Callable[[Association], Dataset]]] = {
    "ASKECHO": (VERIFICATION, lambda one: one.send_c_echo()),
    "ASKFIND": (STUDY_FIND, lambda one: last(one.send_c_find(keys(), STUDY_FIND, msg_id=3))),
    "ASKGET": (STUDY_GET, lambda one: last(one.send_c_get(keys(), STUDY_GET))),
    "ASKMOVE": (STUDY_MOVE, lambda one: last(one.send_c_move(keys(), "X", STUDY_MOVE))),
    "ASKCREATE": (STEP, lambda one: one.send_n_create(Dataset(), STEP, "1.2.3")[0]),
    "ASKACTION": (COMMITMENT, lambda one: one.send_n_action(keys(), 1, COMMITMENT, "1.2.840.10008.1.20.1.1")[0]),
    "ASKREAD": (UPS, lambda one: one.send_n_get(None, UPS, "1.2.3")[0]),
    "ASKCANCEL": (STUDY_FIND, lambda one: last(one.send_c_find(keys(), STUDY_FIND, msg_id=3))),
    "DOOR": (VERIFICATION, lambda one: one.send_c_echo()),
}


class Client:
    """A client in a thread of its own: what it asked, and what it got."""

    def __init__(self, address: tuple[str, int], calling: str, context: str, ask: Callable[[Association], Dataset]):
        self.calling = calling
        self.association: Association | None = None
        self.answer: Dataset | None = None
        self._work = (address, context, ask)
        self.thread = threading.Thread(target=self._run, name=f"client-{calling}")
        self.thread.start()

    def _run(self) -> None:
        address, context, ask = self._work
        ae = AE(ae_title=self.calling)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = LONG
        ae.requested_contexts = [build_context(context)]
        self.association = association = ae.associate(*address)
        if association.is_established:
            self.answer = ask(association)
        if association.is_established:
            association.release()

    @property
    def is_waiting(self) -> bool:
        return self.thread.is_alive()


@pytest.fixture
def in_turns() -> Iterator[None]:
    """Threads take turns as they do in the program."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0002)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def window(in_turns, qt_loop, qtbot, tmp_path, free_port) -> Iterator[MainWindow]:
    with running_services(qtbot, tmp_path, free_port) as services:
        services.server.apply(
            replace(
                services.profile, rules=ASKING, network_timeout=TIMEOUT, dimse_timeout=TIMEOUT, acse_timeout=TIMEOUT
            )
        )
        window = MainWindow(services, Viewers(services.bridge, services.log, services.theme, services.tasks))
        qtbot.addWidget(window)
        window.resize(1300, 900)
        with qtbot.waitExposed(window):
            window.show()
        yield window
        window.viewers.questions.stop_listening()
        window.close()


def test_ten_associations_wait_for_the_person_and_nothing_else_does(window, qtbot, samples):
    services, view = window.services, window.viewers.questions
    address = services.server.address
    image = dcmread(samples / "ct-chest" / "01.dcm")
    requests = {**REQUESTS, "ASKSTORE": (CT, lambda one: one.send_c_store(image))}
    beats: list[float] = []
    beat = QTimer()
    beat.timeout.connect(lambda: beats.append(time.monotonic()))
    beat.start(5)

    assert not window.docks["questions"].isVisible() or not view.questions.rowCount()
    began = time.monotonic()
    clients = {name: Client(address, name, *asked) for name, asked in requests.items()}
    assert len(clients) == 10
    qtbot.waitUntil(lambda: len(services.asker.open_questions()) == 10)
    qtbot.waitUntil(lambda: view.questions.rowCount() == 10 and view.isVisible())
    assert view.windowTitle() == "Questions (10)"

    # Longer than every limit of the server's: it is the person whom all wait for. An eleventh is served meanwhile.
    while time.monotonic() < began + 1.5 * TIMEOUT:
        served = Client(address, "NOBODY", VERIFICATION, lambda one: one.send_c_echo())
        qtbot.waitUntil(lambda served=served: not served.is_waiting)
        assert served.answer is not None
        assert served.answer.Status == 0x0000
    assert all(client.is_waiting for client in clients.values())
    assert len(services.asker.open_questions()) == 10

    # Nor does the window wait: its panes and dialogs are there.
    dialog = window.server_windows.open_rules()
    qtbot.waitUntil(dialog.isVisible)
    dialog.close()
    rows = len(services.log)
    assert rows > 0
    window.docks["questions"].raise_()

    # One peer cancels, one aborts: they are said to be gone, the others wait on.
    gone = {"ASKCANCEL", "ASKMOVE"}
    clients["ASKCANCEL"].association.send_c_cancel(3, query_model=STUDY_FIND)
    clients["ASKMOVE"].association.abort()
    qtbot.waitUntil(lambda: not any(clients[name].is_waiting for name in gone))
    assert clients["ASKCANCEL"].answer.Status == 0xFE00
    qtbot.waitUntil(lambda: len(services.asker.open_questions()) == 8)
    assert all(clients[name].is_waiting for name in set(clients) - gone)

    # The last first: nobody's turn depends on another's.
    left = [question for question in reversed(view.questions.questions()) if not question.withdrawn]
    assert len(left) == 8
    for number, question in enumerate(left):
        name = question.occasion.calling
        view.list.choose(view.questions.index(view.questions.place_of(question), 0))
        qtbot.waitUntil(lambda question=question: view.question is question)
        if name != "DOOR":
            view._forms[question.number].status.combo.setEditText(f"C{number:03X}")
        qtbot.mouseClick(view.send, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda name=name: not clients[name].is_waiting)
        assert clients[name].answer.Status == (0x0000 if name == "DOOR" else 0xC000 + number), name
        assert all(clients[each.occasion.calling].is_waiting for each in left[number + 1 :])
    beat.stop()
    assert services.asker.open_questions() == ()
    # A wait for any of them would have lasted until that was answered; a slow machine is none.
    assert max(after - before for before, after in pairwise(beats)) < 5.0
