"""The pane of questions: ten at once beside a window that goes on, each kind of answer, and peers that do not wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import pytest
from dialog_kit import focus
from pydicom.dataset import Dataset
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QMenu
from pytestqt.qtbot import QtBot

from workstation.net import AE, build_context, evt
from workstation.net.association import Association
from workstation.net.events import Event
from workstation.net.pdu_primitives import SOPClassCommonExtendedNegotiation
from workstation.scp.asking import Asker, Question, Reply
from workstation.scp.rules.occasion import Occasion
from workstation.scp.rules.rule import ASSOCIATION
from workstation.ui.tasks import Tasks
from workstation.ui.theme import Appearance, Theme
from workstation.ui.viewers.questions.answer_forms import (
    AssociationForm,
    NegotiationForm,
    ServiceForm,
    check_comment,
    read_extended,
    read_tags,
)
from workstation.ui.viewers.questions.view import QuestionsView

STUDY_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
LONG = 20.0


@pytest.fixture
def asker() -> Iterator[Asker]:
    made = Asker()
    yield made
    made.close()


@pytest.fixture
def view(qtbot: QtBot, qt_loop: asyncio.AbstractEventLoop, asker: Asker) -> Iterator[QuestionsView]:
    tasks = Tasks()
    view = QuestionsView(Theme(), tasks, asker)
    qtbot.addWidget(view)
    view.resize(900, 420)
    view.show()
    yield view
    view.stop_listening()
    tasks.cancel_all()
    qtbot.waitUntil(lambda: tasks.running == 0)


class Waiting:
    """One `Asker.ask` in a thread of its own, as an association's worker does."""

    def __init__(self, asker: Asker, happened: Event | None, **values: Any) -> None:
        self._replies: SimpleQueue[Reply] = SimpleQueue()
        built_in = values.pop("built_in", None)
        occasion = Occasion(**{"calling": "CT1", "association": 7, **values})
        self._thread = threading.Thread(target=lambda: self._replies.put(asker.ask(happened, occasion, built_in)))
        self._thread.start()

    def reply(self) -> Reply:
        self._thread.join(LONG)
        assert not self._thread.is_alive()
        return self._replies.get_nowait()


def asked(qtbot: QtBot, view: QuestionsView, count: int = 1) -> list[Question]:
    qtbot.waitUntil(lambda: len(view.questions.questions()) == count)
    # and until all of it has found its place
    qtbot.waitUntil(lambda: view.rect().contains(view.more.mapTo(view, view.more.rect().bottomRight())))
    return view.questions.questions()


def form_of(view: QuestionsView) -> Any:
    assert view.question is not None
    return view._forms[view.question.number]


def answered(qtbot: QtBot, view: QuestionsView, waiting: Waiting) -> Reply:
    qtbot.waitUntil(lambda: not waiting._thread.is_alive(), timeout=int(LONG * 1000))
    return waiting.reply()


def sent(qtbot: QtBot, view: QuestionsView, waiting: Waiting) -> Reply:
    qtbot.mouseClick(view.send, Qt.MouseButton.LeftButton)
    return answered(qtbot, view, waiting)


def match(name: str) -> Dataset:
    data_set = Dataset()
    data_set.QueryRetrieveLevel = "STUDY"
    data_set.PatientName = name
    return data_set


def identifier() -> Dataset:
    asked_for = match("DOE*")
    asked_for.StudyDate = "20260101-"
    asked_for.PatientID = "4711"
    return asked_for


# real associations


class Served:
    """A server whose C-FINDs are asked."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self.ae = AE("ASKING")
        self.ae.maximum_associations = 20
        self.ae.network_timeout = 1.0
        server = self.ae.start_server(
            ("127.0.0.1", 0),
            block=False,
            contexts=[build_context(STUDY_FIND)],
            evt_handlers=[(evt.EVT_C_FIND, self._find)],
        )
        assert server is not None
        self.address = server.server_address[:2]

    def _built_in(self, _: Event) -> Iterator[Any]:
        for number in range(3):
            yield 0xFF00, match(f"Built^In {number}")

    def _find(self, event: Event) -> Iterator[Any]:
        occasion = Occasion(
            event=event.name,
            association=event.assoc.number,
            calling=event.assoc.requestor.ae_title,
            address=event.assoc.requestor.address,
            sop_class=STUDY_FIND,
            summing_up=lambda: "C-FIND STUDY",
            data_set=lambda: event.identifier,
        )
        reply = self._asker.ask(event, occasion, self._built_in)
        if reply.kind == "built-in":
            yield from self._built_in(event)
            return
        for data_set in reply.data_sets:
            yield 0xFF00, data_set
        status = Dataset()
        status.Status = reply.status
        if reply.comment:
            status.ErrorComment = reply.comment
        yield status, None


class Finding:
    """A peer's C-FIND under way."""

    def __init__(self, address: tuple[str, int], calling: str) -> None:
        ae = AE(calling)
        ae.requested_contexts = [build_context(STUDY_FIND)]
        ae.network_timeout = ae.dimse_timeout = LONG
        self.association: Association = ae.associate(*address)
        self.found: list[tuple[int | None, str]] = []
        self.thread = threading.Thread(target=self._find)
        self.thread.start()

    def _find(self) -> None:
        for status, data_set in self.association.send_c_find(identifier(), STUDY_FIND, msg_id=3):
            text = str(data_set.PatientName) if data_set is not None else str(status.get("ErrorComment", ""))
            self.found.append((status.get("Status"), text))

    def end(self) -> None:
        if self.association.is_established:
            self.association.release()
        self.thread.join(LONG)


@pytest.fixture
def find(asker: Asker) -> Iterator[Callable[[str], Finding]]:
    served = Served(asker)
    made: list[Finding] = []

    def finding(calling: str) -> Finding:
        made.append(Finding(served.address, calling))
        return made[-1]

    yield finding
    asker.close()
    for each in made:
        each.end()
    served.ae.shutdown()


def test_ten_associations_wait_while_the_window_goes_on(
    qtbot: QtBot, view: QuestionsView, find: Callable[[str], Finding]
) -> None:
    gaps: list[float] = []
    beat, since = QTimer(), [asyncio.get_event_loop().time()]

    def tick() -> None:
        now = asyncio.get_event_loop().time()
        gaps.append(now - since[0])
        since[0] = now

    beat.timeout.connect(tick)
    beat.start(5)
    finds = {f"PEER{number}": find(f"PEER{number}") for number in range(10)}
    asked(qtbot, view, 10)
    assert view.windowTitle() == "Questions (10)"
    for left in range(9, -1, -1):
        # the last first: nobody's turn depends on another's
        question = view.questions.questions()[-1]
        view.list.choose(view.questions.index(left, 0))
        qtbot.waitUntil(lambda question=question: view.question is question)
        form_of(view).text.setPlainText(f"PatientName = For^{question.occasion.calling}")
        qtbot.mouseClick(view.send, Qt.MouseButton.LeftButton)
        peer = finds.pop(question.occasion.calling)
        qtbot.waitUntil(lambda peer=peer: not peer.thread.is_alive())
        assert peer.found == [(0xFF00, f"For^{question.occasion.calling}"), (0, "")]
        qtbot.waitUntil(lambda left=left: view.questions.rowCount() == left)
    beat.stop()
    # Nothing waits for a person; how short the gaps are is for a quiet machine to say.
    assert max(gaps) < 5, gaps
    assert view.empty.isVisible()
    assert view.windowTitle() == "Questions"
    assert "PEER" in view.result.text


def test_the_built_in_answer_is_edited_and_sent(
    qtbot: QtBot, view: QuestionsView, find: Callable[[str], Finding]
) -> None:
    peer = find("CT1")
    asked(qtbot, view)
    form: ServiceForm = form_of(view)
    qtbot.mouseClick(form.use_built_in, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: form.text.toPlainText().count("---") == 2)
    qtbot.waitUntil(lambda: form.count.text() == "3 matches")
    assert form.text.toPlainText().splitlines()[1] == "PatientName = Built^In 0"
    form.text.setPlainText(form.text.toPlainText().replace("Built^In 1", "Grün^Anna"))
    index = next(row for row in range(form.status.combo.count()) if form.status.combo.itemData(row) == 0xA700)
    form.status.combo.setCurrentIndex(index)
    form.comment.editor.setText("Enough for today")
    qtbot.mouseClick(view.send, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not peer.thread.is_alive())
    assert peer.found == [
        (0xFF00, "Built^In 0"),
        (0xFF00, "Grün^Anna"),
        (0xFF00, "Built^In 2"),
        (0xA700, "Enough for today"),
    ]


def test_what_is_no_data_set_is_said_and_nothing_is_sent(
    qtbot: QtBot, view: QuestionsView, find: Callable[[str], Finding]
) -> None:
    peer = find("CT1")
    (question,) = asked(qtbot, view)
    form: ServiceForm = form_of(view)
    form.text.setPlainText("PatientNam = Doe")
    qtbot.waitUntil(lambda: form.problem.text().startswith("Line 1: 'PatientNam' is no keyword"))
    form.problem.show_problem("")
    qtbot.mouseClick(view.send, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: form.problem.isVisible() and view.send.isEnabled())
    assert question.is_open
    form.text.setPlainText("PatientName = Doe")
    qtbot.waitUntil(lambda: not form.problem.text())
    form.comment.editor.setText("Grün")
    qtbot.mouseClick(view.send, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: form.problem.text().startswith("The comment: It may have ASCII"))
    assert question.is_open
    form.comment.editor.clear()
    focus(qtbot, form.text)
    qtbot.keyClick(form.text, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: not peer.thread.is_alive())
    assert peer.found == [(0xFF00, "Doe"), (0, "")]


def test_the_request_is_shown_and_begins_an_answer(
    qtbot: QtBot, view: QuestionsView, find: Callable[[str], Finding]
) -> None:
    find("CT1")
    asked(qtbot, view)
    table = view.request.elements.table.elements
    qtbot.waitUntil(lambda: table.rowCount() == 4)
    texts = [label.text() for label in view.request.facts.findChildren(type(view.waits).__mro__[1])]
    assert "CT1 at 127.0.0.1" in texts
    assert "Study Root Query/Retrieve Information Model - FIND" in texts
    cut = [label for label in view.request.facts.findChildren(QLabel) if label.toolTip()]
    assert any("Information Model - FIND" in label.toolTip() for label in cut), "said where there is no room for it"
    form: ServiceForm = form_of(view)
    qtbot.mouseClick(form.use_request, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(form.text.toPlainText()))
    assert form.text.toPlainText().splitlines() == [
        "StudyDate =",
        "QueryRetrieveLevel = STUDY",
        "PatientName =",
        "PatientID = 4711",
    ]


def test_a_peer_that_cancels_or_leaves_is_said(
    qtbot: QtBot, view: QuestionsView, find: Callable[[str], Finding]
) -> None:
    first, second = find("CT1"), find("CT2")
    one, other = sorted(asked(qtbot, view, 2), key=lambda question: question.occasion.calling)
    view.show_question(one)
    form_of(view).text.setPlainText("PatientName = Too^Late")
    first.association.send_c_cancel(3, query_model=STUDY_FIND)
    qtbot.waitUntil(lambda: bool(one.withdrawn) and view.withdrawn.isVisible())
    assert view.question is one
    assert view.withdrawn.text.startswith("Withdrawn\nThe peer cancelled after ")
    assert not form_of(view).isEnabled()
    assert [each.isVisible() for each in (view.send, view.built_in, view.more, view.remove)] == [False] * 3 + [True]
    assert view.questions.shown(view.questions.place_of(one)).texts[0] == "– gone"
    assert first.thread.join(LONG) is None
    assert first.found == [(0xFE00, "")]
    second.association.abort()
    qtbot.waitUntil(lambda: bool(other.withdrawn) and view.windowTitle() == "Questions")
    assert "abort" in other.withdrawn
    qtbot.mouseClick(view.remove, Qt.MouseButton.LeftButton)
    assert view.question is other
    view.remove_withdrawn()
    assert view.empty.isVisible()


def test_built_in_and_ending_the_association(qtbot: QtBot, view: QuestionsView, asker: Asker) -> None:
    waiting = Waiting(asker, None, event="EVT_C_ECHO")
    asked(qtbot, view)
    qtbot.mouseClick(view.built_in, Qt.MouseButton.LeftButton)
    assert answered(qtbot, view, waiting) == Reply.built_in()
    for number, kind in ((0, "abort"), (1, "drop")):
        waiting = Waiting(asker, None, event="EVT_C_ECHO")
        asked(qtbot, view)
        menu = view.more.menu()
        assert menu is not None
        menu.actions()[number].trigger()
        assert answered(qtbot, view, waiting).kind == kind


# each kind of answer


def test_a_store_may_be_refused_and_kept(qtbot: QtBot, view: QuestionsView, asker: Asker) -> None:
    waiting = Waiting(asker, None, event="EVT_C_STORE", sop_class=CT)
    asked(qtbot, view)
    form: ServiceForm = form_of(view)
    assert not form.keep.isEnabled()
    assert not form.text.isVisible()
    form.status.combo.setEditText("A700")
    assert form.keep.isEnabled()
    form.keep.setChecked(True)
    form.offending.editor.setText("PatientID, 0010,0010,Rows")
    reply = sent(qtbot, view, waiting)
    assert (reply.status, reply.keep, reply.offending) == (0xA700, True, (0x00100020, 0x00100010, 0x00280010))


def test_an_n_service_carries_one_data_set(qtbot: QtBot, view: QuestionsView, asker: Asker) -> None:
    waiting = Waiting(asker, None, event="EVT_N_CREATE", data_set=lambda: match("Doe^Jane"))
    (question,) = asked(qtbot, view)
    form: ServiceForm = form_of(view)
    assert not form.use_built_in.isVisible()
    form.text.setPlainText("PatientID = 1\n---\nPatientID = 2")
    qtbot.mouseClick(view.send, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "can carry 1" in form.problem.text())
    assert question.is_open
    form.text.setPlainText('{"00100020": {"vr": "LO", "Value": ["4711"]}}')
    assert [str(one.PatientID) for one in sent(qtbot, view, waiting).data_sets] == ["4711"]


def negotiating(kind: Any, **values: Any) -> Event:
    return Event(None, kind, values)  # type: ignore[arg-type]


def test_a_user_identity(qtbot: QtBot, view: QuestionsView, asker: Asker) -> None:
    event = negotiating(evt.EVT_USER_ID, user_id_type=2, primary_field=b"jane", secondary_field=b"secret")
    waiting = Waiting(asker, event, event="EVT_USER_ID")
    asked(qtbot, view)
    form: NegotiationForm = form_of(view)
    qtbot.waitUntil(lambda: "not shown" in "".join(label.text() for pair in view.request._labels for label in pair))
    assert "secret" not in "".join(label.text() for pair in view.request._labels for label in pair)
    form.verified.setChecked(False)
    form.response.editor.setText("01 ff")
    assert dict(sent(qtbot, view, waiting).values) == {"verified": False, "response": "01ff"}


def test_a_window_of_operations(qtbot: QtBot, view: QuestionsView, asker: Asker) -> None:
    waiting = Waiting(asker, negotiating(evt.EVT_ASYNC_OPS, invoked=5, performed=0), event="EVT_ASYNC_OPS")
    asked(qtbot, view)
    form: NegotiationForm = form_of(view)
    form.invoked.setValue(3)
    assert dict(sent(qtbot, view, waiting).values) == {"invoked": 3, "performed": 1}


def test_extended_negotiation(qtbot: QtBot, view: QuestionsView, asker: Asker) -> None:
    event = negotiating(evt.EVT_SOP_EXTENDED, app_info={STUDY_FIND: b"\1\1\0", CT: b"\2"})
    waiting = Waiting(asker, event, event="EVT_SOP_EXTENDED")
    asked(qtbot, view)
    form: NegotiationForm = form_of(view)
    assert form.text.toPlainText().startswith(f"{STUDY_FIND} = 01 01 00    # Study Root")
    form.text.setPlainText(f"{STUDY_FIND} = xx")
    qtbot.mouseClick(view.send, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: form.problem.text().startswith("Line 1: Write bytes as pairs"))
    form.text.setPlainText(f"{STUDY_FIND} = 01 00 00 # relational\n\n# and no other")
    assert dict(sent(qtbot, view, waiting).values) == {"answers": {STUDY_FIND: "010000"}}


def test_common_extended_negotiation(qtbot: QtBot, view: QuestionsView, asker: Asker) -> None:
    item = SOPClassCommonExtendedNegotiation()
    item.sop_class_uid, item.service_class_uid = CT, "1.2.840.10008.4.2"
    waiting = Waiting(asker, negotiating(evt.EVT_SOP_COMMON, items={CT: item, "1.2.3": item}), event="EVT_SOP_COMMON")
    asked(qtbot, view)
    form: NegotiationForm = form_of(view)
    lines = form.text.toPlainText().splitlines()
    assert lines[0] == f"{CT}    # CT Image Storage"
    form.text.setPlainText(lines[0])
    assert dict(sent(qtbot, view, waiting).values) == {"accepted": [CT]}


def test_an_association_request(qtbot: QtBot, view: QuestionsView, asker: Asker) -> None:
    waiting = Waiting(asker, None, event=ASSOCIATION)
    asked(qtbot, view)
    assert sent(qtbot, view, waiting).kind == "accept"
    waiting = Waiting(asker, None, event=ASSOCIATION)
    asked(qtbot, view)
    form: AssociationForm = form_of(view)
    assert not form.reason.isVisible()
    choose(form.decision, False)
    assert form.reason.isVisible()
    assert form.reason.currentText() == "1  No reason given"
    choose(form.result, 2)
    choose(form.source, 3)
    choose(form.reason, 2)
    assert form.reason.currentText() == "2  Local limit exceeded"
    reply = sent(qtbot, view, waiting)
    assert (reply.kind, reply.result, reply.source, reply.reason) == ("reject", 2, 3, 2)


def choose(combo: QComboBox, value: object) -> None:
    combo.setCurrentIndex(combo.findData(value))


# the pane


def test_drafts_stay_while_another_is_looked_at(qtbot: QtBot, view: QuestionsView, asker: Asker) -> None:
    first = Waiting(asker, None, event="EVT_C_FIND")
    asked(qtbot, view)
    second = Waiting(asker, None, event="EVT_C_ECHO")
    one, other = asked(qtbot, view, 2)
    assert view.question is one
    form_of(view).text.setPlainText("PatientID = half done")
    view.list.choose(view.questions.index(1, 0))
    assert view.question is other
    assert sent(qtbot, view, second).status == 0
    assert view.question is one
    assert form_of(view).text.toPlainText() == "PatientID = half done"
    assert len(sent(qtbot, view, first).data_sets) == 1


def test_it_says_when_nobody_replied_in_time(qtbot: QtBot, view: QuestionsView, asker: Asker) -> None:
    asker.limit = 0.3
    waiting = Waiting(asker, None, event="EVT_C_ECHO")
    asked(qtbot, view)
    assert answered(qtbot, view, waiting).kind == "built-in"
    qtbot.waitUntil(lambda: view.empty.isVisible())
    assert view.result.text == "C-ECHO from CT1: answered as built in\nNobody replied within 300 ms."


def test_it_tells_who_wants_to_know(qtbot: QtBot, view: QuestionsView, asker: Asker) -> None:
    with qtbot.waitSignal(view.asked) as heard:
        waiting = Waiting(asker, None, event="EVT_C_ECHO")
    assert isinstance(heard.args[0], Question)
    asked(qtbot, view)
    with qtbot.waitSignal(view.association_chosen) as chosen:
        qtbot.mouseClick(view.traffic, Qt.MouseButton.LeftButton)
    assert chosen.args == [7]
    menu = QMenu()
    view.fill_menu(menu, view.questions.index(0, 0))
    with qtbot.waitSignal(view.association_chosen):
        menu.actions()[0].trigger()
    menu.actions()[1].trigger()
    assert answered(qtbot, view, waiting) == Reply.built_in()


def test_once_the_pane_goes_everything_is_answered_as_built_in(qtbot: QtBot, view: QuestionsView, asker: Asker) -> None:
    waiting = Waiting(asker, None, event="EVT_C_ECHO")
    asked(qtbot, view)
    view.stop_listening()
    assert answered(qtbot, view, waiting).because == "Nobody looks at questions any more."


def test_another_asker_may_be_shown(qtbot: QtBot, view: QuestionsView, asker: Asker) -> None:
    first = Waiting(asker, None, event="EVT_C_ECHO")
    asked(qtbot, view)
    other = Asker()
    desk: SimpleQueue[Question] = SimpleQueue()
    stop = other.listen(desk.put, lambda _: None)
    second = Waiting(other, None, event="EVT_C_STORE")
    question = desk.get(timeout=LONG)
    view.set_asker(other)
    assert answered(qtbot, view, first).kind == "built-in"
    qtbot.waitUntil(lambda: view.questions.questions() == [question])
    assert sent(qtbot, view, second).status == 0
    stop()


def test_texts_of_a_peer_stay_texts(qtbot: QtBot, view: QuestionsView, asker: Asker) -> None:
    hostile = "<b>bold</b>\n\u202eabc"
    waiting = Waiting(
        asker, None, event="EVT_C_FIND", calling=hostile, called=hostile, summing_up=lambda: hostile, user=hostile
    )
    asked(qtbot, view)
    qtbot.waitUntil(lambda: bool(view.request._labels))
    shown = [view.head.text(), *view.questions.shown(0).texts, *(pair[1].text() for pair in view.request._labels)]
    assert any("<b>bold</b>" in text for text in shown)
    assert not any("\u202e" in text or "\n" in text for text in shown)
    assert view.head.textFormat() is Qt.TextFormat.PlainText
    asker.close()
    answered(qtbot, view, waiting)


@pytest.mark.parametrize("appearance", [Appearance.LIGHT, Appearance.DARK])
@pytest.mark.parametrize("width", [360, 500, 900])
def test_it_has_room_for_its_answer_at_any_width(
    width: int, appearance: Appearance, qtbot: QtBot, view: QuestionsView, asker: Asker
) -> None:
    view._theme.set_appearance(appearance)
    view.resize(width, 560)
    waiting = Waiting(asker, None, event="EVT_C_FIND")
    asked(qtbot, view)
    assert view.width() == width
    assert view.answer.isVisible()
    is_narrow = width < 700
    assert view.tabs.isVisible() is is_narrow
    assert view.request.isVisible() is not is_narrow
    if is_narrow:
        view.tabs.setCurrentIndex(1)
        assert (view.request.isVisible(), view.answer.isVisible()) == (True, False)
        view.tabs.setCurrentIndex(0)
    form: ServiceForm = form_of(view)
    assert not form.comment.isVisible(), "what succeeds needs no reason"
    assert view.list.isVisible() is not is_narrow, "the title says who asks"
    form.status.combo.setEditText("A700")
    QApplication.processEvents()
    assert form.comment.isVisible()
    for widget in (form.status, form.comment, form.use_request, form.text):
        right = widget.mapTo(view, widget.rect().topRight()).x()
        assert right <= width, f"{widget.objectName()} ends at {right}"
    view._theme.set_appearance(Appearance.LIGHT)
    asker.close()
    answered(qtbot, view, waiting)


def test_words_of_fields() -> None:
    with pytest.raises(ValueError, match="at most 64"):
        check_comment("x" * 65)
    with pytest.raises(ValueError, match="no keyword"):
        read_tags("PatientID, Nonsense")
    assert read_tags("") == ()
    with pytest.raises(ValueError, match="Line 2: write a SOP Class UID"):
        read_extended("1.2.3 = 00\n1.2.3")
