"""The data set view with real traffic and files: tree, search, values, picture, saving."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu
from pytestqt.qtbot import QtBot
from traffic_wire import CT, Wire

from workstation.net.codec.dimse import C_STORE_RQ, C_STORE_RSP
from workstation.net.part10 import read_head
from workstation.traffic.conversation import Conversation
from workstation.traffic.decoding.objects import FileObject, MessageObject
from workstation.traffic.log import TrafficLog
from workstation.traffic.rows import MessageRow
from workstation.ui.parts.widgets import Outcome
from workstation.ui.tasks import Tasks
from workstation.ui.theme import Appearance, Theme
from workstation.ui.viewers.data_set.element_model import NAME, TAG, VALUE
from workstation.ui.viewers.data_set.pixels import Frame, Picture
from workstation.ui.viewers.data_set.view import DataSetView


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    made = Theme()
    made.set_appearance(Appearance.LIGHT)
    return made


@pytest.fixture
def tasks(qt_loop: asyncio.AbstractEventLoop, qtbot: QtBot) -> Iterator[Tasks]:
    made = Tasks()
    yield made
    qtbot.waitUntil(lambda: not made.running)


@pytest.fixture
def view(theme: Theme, tasks: Tasks, qtbot: QtBot) -> DataSetView:
    made = DataSetView(theme, tasks)
    qtbot.addWidget(made)
    made.resize(800, 600)
    made.show()
    return made


@pytest.fixture
def data_set(samples: Path) -> bytes:
    path = samples / "ct-chest" / "01.dcm"
    return path.read_bytes()[read_head(path).offset :]


class Stored:
    """An association in which objects are stored, PDU by PDU."""

    def __init__(self, data: bytes, kept: int | None = None, count: int = 1) -> None:
        wire = Wire()
        self.log = TrafficLog()
        self.waiting = []
        for number in range(1, count + 1):
            request = C_STORE_RQ(
                context_id=3,
                MessageID=number,
                AffectedSOPClassUID=CT,
                AffectedSOPInstanceUID=f"1.2.3.{number}",
                Priority=0,
                has_data_set=True,
            )
            self.waiting += wire.message(request, data, sent=True, fragment=8000, kept=kept)
            response = C_STORE_RSP(context_id=3, MessageIDBeingRespondedTo=number, AffectedSOPClassUID=CT, Status=0)
            self.waiting += wire.message(response, sent=False)
        self.log.add(wire.established())

    def go_on(self, count: int | None = None) -> object:
        """So many more PDUs come; the change they make."""
        now, self.waiting = self.waiting[:count], self.waiting[len(self.waiting) if count is None else count :]
        return self.log.add(now)

    @property
    def conversation(self) -> Conversation:
        return self.log.conversations[0]

    def row(self, name: str) -> MessageRow:
        return next(row for row in self.conversation.rows if row.name == name)


def shown_lines(view: DataSetView) -> list[tuple[str, str, str]]:
    model = view.elements.table.elements
    rows = [model.shown(row).texts for row in range(model.rowCount())]
    return [(texts[TAG], texts[NAME], texts[VALUE]) for texts in rows]


def wait_shown(qtbot: QtBot, view: DataSetView, act: Callable[[], object]) -> None:
    with qtbot.waitSignal(view.shown):
        act()


def test_an_empty_view_says_what_fills_it(view: DataSetView) -> None:
    assert view.elements.empty.isVisible()
    assert "Select a message that carries one" in view.elements.empty.text
    assert not view.save.isEnabled()
    view.show_picture()
    assert "Select a message that carries an image" in view.picture.empty.text


def test_a_message_is_shown_as_elements(view: DataSetView, qtbot: QtBot, data_set: bytes) -> None:
    stored = Stored(data_set)
    stored.go_on()
    view.set_conversation(stored.conversation)
    wait_shown(qtbot, view, lambda: view.select_row(stored.row("C-STORE-RQ")))
    lines = shown_lines(view)
    assert ("(0010,0010)", "Patient's Name", "Nørgaard^Åse^^Fru") in lines
    assert lines[-1] == ("(7FE0,0010)", "Pixel Data", "32,768 bytes")
    assert view.windowTitle() == "Data Set of C-STORE-RQ"
    assert "CT Image Storage" in view.title.text()
    assert view.save.isEnabled()


def test_a_pdu_shows_what_its_message_carries(view: DataSetView, qtbot: QtBot, data_set: bytes) -> None:
    stored = Stored(data_set)
    stored.go_on()
    row = stored.row("C-STORE-RQ")
    wait_shown(qtbot, view, lambda: view.set_row(stored.conversation, row.pdus[2]))
    assert isinstance(view.shown_object, MessageObject)
    assert view.shown_object.sop_instance_uid == "1.2.3.1"


def test_a_response_shows_the_data_set_of_its_request(view: DataSetView, qtbot: QtBot, data_set: bytes) -> None:
    stored = Stored(data_set)
    stored.go_on()
    wait_shown(qtbot, view, lambda: view.set_row(stored.conversation, stored.row("C-STORE-RSP")))
    assert view.title.text().startswith("C-STORE-RSP has none; of its C-STORE-RQ, message 3")


def test_a_message_without_one_says_so(view: DataSetView, qtbot: QtBot, data_set: bytes) -> None:
    stored = Stored(data_set)
    wait_shown(qtbot, view, lambda: view.set_row(stored.conversation, stored.row("A-ASSOCIATE-RQ")))
    assert view.elements.empty.text == "No data set\nA-ASSOCIATE-RQ carries no data set."
    assert not view.save.isEnabled()


def test_what_is_not_in_sight_is_not_read(theme: Theme, tasks: Tasks, qtbot: QtBot, data_set: bytes) -> None:
    stored = Stored(data_set)
    stored.go_on()
    view = DataSetView(theme, tasks)
    qtbot.addWidget(view)
    view.set_row(stored.conversation, stored.row("C-STORE-RQ"))
    qtbot.wait(150)
    assert view.shown_object is None
    wait_shown(qtbot, view, view.show)
    assert view.shown_object is not None
    assert view.picture.canvas.image is None


def test_running_through_a_list_reads_the_last_only(
    view: DataSetView, qtbot: QtBot, data_set: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = Stored(data_set, count=20)
    stored.go_on()
    found: list[str] = []
    before = MessageObject.__init__

    def counted(self: MessageObject, conversation: Conversation, row: MessageRow) -> None:
        before(self, conversation, row)
        found.append(self.sop_instance_uid)

    monkeypatch.setattr(MessageObject, "__init__", counted)
    rows = [row for row in stored.conversation.rows if row.name == "C-STORE-RQ"]
    with qtbot.waitSignal(view.shown):
        for row in rows:
            view.set_row(stored.conversation, row)
    assert found == ["1.2.3.20"]


def test_an_object_that_arrives_is_read_again(view: DataSetView, qtbot: QtBot, data_set: bytes) -> None:
    stored = Stored(data_set)
    stored.go_on(3)
    row = stored.row("C-STORE-RQ")
    wait_shown(qtbot, view, lambda: view.set_row(stored.conversation, row))
    assert "⚠ Not complete: its end has not arrived." in view.title.text()
    assert not view.save.isEnabled()
    change = stored.go_on()
    wait_shown(qtbot, view, lambda: view.apply(change))  # type: ignore[arg-type]
    assert "Not complete" not in view.title.text()
    assert view.save.isEnabled()


def test_a_batch_costs_the_window_nothing(view: DataSetView, qtbot: QtBot, data_set: bytes) -> None:
    stored = Stored(data_set, count=50)
    stored.go_on(6)
    wait_shown(qtbot, view, lambda: view.set_row(stored.conversation, stored.row("C-STORE-RQ")))
    spent = []
    while stored.waiting:
        change = stored.go_on(8)
        start = time.perf_counter()
        view.apply(change)  # type: ignore[arg-type]
        spent.append(time.perf_counter() - start)
    assert sorted(spent)[len(spent) // 2] < 0.001


def test_sequences_are_opened_and_found(view: DataSetView, qtbot: QtBot, samples: Path) -> None:
    wait_shown(qtbot, view, lambda: view.set_file(samples / "sr-report.dcm"))
    table, model = view.elements.table, view.elements.table.elements
    assert shown_lines(view)[0][:2] == ("(0002,0000)", "Group Length")
    (row,) = [at for at, line in enumerate(shown_lines(view)) if line[1] == "Content Sequence"]
    assert model.shown(row).is_open is False
    before = model.rowCount()
    table.set_open(model.index(row, 0), True)
    qtbot.waitUntil(lambda: model.rowCount() > before)
    assert shown_lines(view)[row][2] == "4 items"
    assert shown_lines(view)[row + 1] == ("", "Item 1", "")
    table.set_open(model.index(row, 0), False)
    assert model.rowCount() == before
    qtbot.keyClicks(view.elements.search, "Radiology Comparison")
    qtbot.waitUntil(lambda: view.elements.count.text() == "1 of 1")
    node = model.node_at(table.currentIndex())
    assert node is not None
    assert node.element.name == "Code Meaning"
    assert node.depth == 4
    view.elements.search.setText("nowhere to be found")
    qtbot.waitUntil(lambda: view.elements.count.text() == "none")
    assert not view.elements.next.isEnabled()


def test_next_and_previous_go_round(view: DataSetView, qtbot: QtBot, samples: Path) -> None:
    wait_shown(qtbot, view, lambda: view.set_file(samples / "ct-chest" / "01.dcm"))
    view.elements.search.setText("study")
    qtbot.waitUntil(lambda: view.elements.count.text().startswith("1 of"))
    total = int(view.elements.count.text().split()[-1])
    assert total > 3
    qtbot.keyPress(view.elements.search, Qt.Key.Key_Return)
    assert view.elements.count.text() == f"2 of {total}"
    view.elements.previous.click()
    view.elements.previous.click()
    assert view.elements.count.text() == f"{total} of {total}"
    view.elements.next.click()
    assert view.elements.count.text() == f"1 of {total}"


def element_menu(view: DataSetView, name: str) -> QMenu:
    model = view.elements.table.elements
    (row,) = [at for at in range(model.rowCount()) if model.shown(at).texts[NAME] == name]
    view.elements.table.choose(model.index(row, 0))
    menu = QMenu(view)
    view.elements.actions_for(menu)
    return menu


def trigger(menu: QMenu, text: str) -> None:
    (chosen,) = [each for each in menu.actions() if each.text() == text]
    assert chosen.isEnabled()
    chosen.trigger()


def test_values_rows_paths_and_json_are_copied(view: DataSetView, qtbot: QtBot, samples: Path) -> None:
    wait_shown(qtbot, view, lambda: view.set_file(samples / "sr-report.dcm"))
    clipboard = QApplication.clipboard()
    menu = element_menu(view, "Patient's Name")
    for text, expected in (
        ("Copy value", "Nørgaard^Åse^^Fru"),
        ("Copy path", "(0010,0010)"),
        ("Copy row", "(0010,0010)\tPatient's Name\tPN\t18\tNørgaard^Åse^^Fru"),
    ):
        clipboard.clear()
        trigger(menu, text)
        qtbot.waitUntil(lambda: bool(clipboard.text()))
        assert clipboard.text() == expected
    clipboard.clear()
    trigger(element_menu(view, "Content Sequence"), "Copy as JSON")
    qtbot.waitUntil(lambda: bool(clipboard.text()))
    assert len(json.loads(clipboard.text())["0040A730"]["Value"]) == 4


def test_what_cannot_be_copied_is_said(view: DataSetView, qtbot: QtBot) -> None:
    path = get_testdata_file("MR_truncated.dcm", download=False)
    assert isinstance(path, str)
    wait_shown(qtbot, view, lambda: view.set_file(path))
    QApplication.clipboard().setText("before")
    trigger(element_menu(view, "Pixel Data"), "Copy as JSON")
    qtbot.waitUntil(view.elements.value.isVisible)
    assert view.elements.value.toPlainText() == (
        "(7FE0,0010) was not copied.\nIt is too large, or not all of it is here."
    )
    assert QApplication.clipboard().text() == "before"


def test_the_whole_value_is_shown_when_asked_for(view: DataSetView, qtbot: QtBot, samples: Path) -> None:
    wait_shown(qtbot, view, lambda: view.set_file(samples / "ct-chest" / "01.dcm"))
    assert not view.elements.value.isVisible()
    element_menu(view, "Pixel Data")
    qtbot.keyClick(view.elements.table, Qt.Key.Key_Return)
    qtbot.waitUntil(view.elements.value.isVisible)
    lines = view.elements.value.toPlainText().splitlines()
    assert lines[0] == "(7FE0,0010) Pixel Data OW"
    assert lines[1].startswith("000000  ")
    element_menu(view, "SOP Class UID")
    qtbot.waitUntil(lambda: "1.2.840.10008.5.1.4.1.1.2" in view.elements.value.toPlainText())


def test_everything_below_is_opened_and_closed(view: DataSetView, qtbot: QtBot, samples: Path) -> None:
    wait_shown(qtbot, view, lambda: view.set_file(samples / "sr-report.dcm"))
    before = view.elements.table.elements.rowCount()
    menu = element_menu(view, "Content Sequence")
    trigger(menu, "Open everything below")
    qtbot.waitUntil(lambda: view.elements.table.elements.rowCount() > before + 20)
    assert [line[1] for line in shown_lines(view)].count("Code Meaning") >= 4
    trigger(menu, "Close everything")
    assert view.elements.table.elements.rowCount() == before


def test_hostile_text_is_plain(view: DataSetView, qtbot: QtBot, tmp_path: Path, samples: Path) -> None:
    data = dcmread(samples / "ct-chest" / "01.dcm")
    data.PatientName = "<b>bold</b>\u202ereversed"
    data.SpecificCharacterSet = "ISO_IR 192"
    data.save_as(tmp_path / "<i>a.dcm")
    wait_shown(qtbot, view, lambda: view.set_file(tmp_path / "<i>a.dcm"))
    (line,) = [line for line in shown_lines(view) if line[0] == "(0010,0010)"]
    assert line[2] == "<b>bold</b>\\u202ereversed"
    assert view.title.textFormat() is Qt.TextFormat.PlainText
    assert "&lt;i&gt;a.dcm" in view.title.toolTip()
    model = view.elements.table.elements
    row = shown_lines(view).index(line)
    tip = model.data(model.index(row, VALUE), Qt.ItemDataRole.ToolTipRole)
    assert "&lt;b&gt;bold" in tip


def test_files_that_are_none_say_so(view: DataSetView, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear reader, this is no image.")
    wait_shown(qtbot, view, lambda: view.set_file(tmp_path / "letter.txt"))
    assert "letter.txt: no DICOM file" in view.elements.empty.text
    wait_shown(qtbot, view, lambda: view.set_file(tmp_path / "absent.dcm"))
    assert "absent.dcm cannot be read" in view.elements.empty.text


# --- picture ----------------------------------------------------------------------------------------------------------


def show_picture(qtbot: QtBot, view: DataSetView, path: str | Path) -> QImage | None:
    with qtbot.waitSignal(view.picture.shown):
        view.set_file(path)
        view.show_picture()
    return view.picture.canvas.image


def wait_picture(qtbot: QtBot, view: DataSetView, act: Callable[[], object]) -> QImage:
    with qtbot.waitSignal(view.picture.shown):
        act()
    image = view.picture.canvas.image
    assert image is not None
    return image.copy()


def test_a_picture_is_shown_with_its_window(view: DataSetView, qtbot: QtBot, samples: Path) -> None:
    image = show_picture(qtbot, view, samples / "ct-chest" / "01.dcm")
    assert image is not None
    assert (image.width(), image.height()) == (128, 128)
    assert view.picture.windows.currentText() == "Soft tissue  40 / 400"
    assert view.picture.summary.text() == "128 × 128 · 12 of 16 bits · MONOCHROME2"
    assert not view.picture.frames.isVisible()
    assert not view.picture.overlays.isVisible()
    lung = wait_picture(qtbot, view, lambda: view.picture.windows.activated.emit(1))
    assert view.picture.windows.currentText() == "Lung  -600 / 1500"
    assert lung != image
    inverted = wait_picture(qtbot, view, view.picture.invert.click)
    assert inverted.pixelColor(64, 64).value() == 255 - lung.pixelColor(64, 64).value()


def test_dragging_changes_the_window(view: DataSetView, qtbot: QtBot, samples: Path) -> None:
    before = show_picture(qtbot, view, samples / "ct-chest" / "01.dcm")
    canvas = view.picture.canvas
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(100, 100))
    with qtbot.waitSignal(view.picture.shown):
        drag(canvas, QPointF(250, 40), Qt.MouseButton.LeftButton)
    assert view.picture.windows.currentText().startswith("By hand")
    assert canvas.image != before
    centre, width = (float(part) for part in view.picture.windows.currentText().removeprefix("By hand").split("/"))
    assert width > 400  # to the right: wider
    assert centre < 40  # up: lower
    assert canvas.fits


def drag(canvas: object, to: QPointF, button: Qt.MouseButton) -> None:
    """A move with a button held, which qtbot cannot say."""
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QMouseEvent

    event = QMouseEvent(QEvent.Type.MouseMove, to, to, Qt.MouseButton.NoButton, button, Qt.KeyboardModifier.NoModifier)
    canvas.mouseMoveEvent(event)  # type: ignore[attr-defined]


def test_zoom_and_moving(view: DataSetView, qtbot: QtBot, samples: Path) -> None:
    show_picture(qtbot, view, samples / "ct-chest" / "01.dcm")
    canvas = view.picture.canvas
    fitted = canvas.scale
    assert canvas.fits
    point = QPointF(200, 150)
    under = canvas.to_image(point)
    canvas.zoom_to(canvas.scale * 2, point)
    assert canvas.scale == pytest.approx(2 * fitted)
    assert (canvas.to_image(point) - under).manhattanLength() < 1e-6
    assert view.picture.zoom.text() == f"{200 * fitted:.0f} %"
    middle = canvas.to_image(QPointF(canvas.rect().center()))
    qtbot.mousePress(canvas, Qt.MouseButton.RightButton, pos=QPoint(100, 100))
    drag(canvas, QPointF(110, 100), Qt.MouseButton.RightButton)
    qtbot.mouseRelease(canvas, Qt.MouseButton.RightButton, pos=QPoint(110, 100))
    assert canvas.to_image(QPointF(canvas.rect().center())).x() == pytest.approx(middle.x() - 10 / canvas.scale)
    qtbot.keyClick(canvas, Qt.Key.Key_0)
    assert canvas.scale == pytest.approx(fitted)
    view.resize(500, 400)
    qtbot.waitUntil(lambda: canvas.scale < fitted)


def test_the_value_under_the_mouse_is_told(view: DataSetView, qtbot: QtBot, samples: Path) -> None:
    path = samples / "ct-chest" / "01.dcm"
    show_picture(qtbot, view, path)
    view.picture.canvas.pointed.emit(64, 30)
    data = dcmread(path)
    expected = int(data.pixel_array[30, 64]) * data.RescaleSlope + data.RescaleIntercept
    assert view.picture.summary.text() == f"x 64 · y 30 · {expected:g} HU"
    view.picture.canvas.pointed.emit(-1, -1)
    assert "MONOCHROME2" in view.picture.summary.text()


def test_frames_are_gone_through_and_played(view: DataSetView, qtbot: QtBot, samples: Path) -> None:
    first = show_picture(qtbot, view, samples / "us-heart.dcm")
    assert view.picture.frames.isVisible()
    assert view.picture.which.text() == "1 of 12"
    fifth = wait_picture(qtbot, view, lambda: view.picture.slider.setValue(4))
    assert view.picture.which.text() == "5 of 12"
    assert fifth != first
    expected = dcmread(samples / "us-heart.dcm").pixel_array[4]
    assert fifth.pixelColor(60, 60).getRgb()[:3] == tuple(int(part) for part in expected[60, 60])
    qtbot.keyClick(view.picture.canvas, Qt.Key.Key_PageDown)
    assert view.picture.index == 5
    view.picture.play.click()
    seen = set()
    view.picture.shown.connect(lambda: seen.add(view.picture.index))
    qtbot.waitUntil(lambda: len(seen) >= 8)
    view.show_elements()
    assert not view.picture.play.isChecked()


def test_the_frame_asked_for_last_is_the_one_shown(view: DataSetView, qtbot: QtBot) -> None:
    path = get_testdata_file("examples_ybr_color.dcm", download=False)
    assert isinstance(path, str)
    show_picture(qtbot, view, path)
    made = []
    view.picture.shown.connect(lambda: made.append(view.picture.index))
    for index in range(1, 30):
        view.picture.slider.setValue(index)
    last = dcmread(path).pixel_array[29]
    expected = tuple(int(part) for part in last[120, 160])

    def is_last() -> bool:
        image = view.picture.canvas.image
        return image is not None and image.pixelColor(160, 120).getRgb()[:3] == expected

    qtbot.waitUntil(is_last)
    assert len(made) < 10


def test_overlays_can_be_hidden(view: DataSetView, qtbot: QtBot) -> None:
    path = get_testdata_file("examples_overlay.dcm", download=False)
    assert isinstance(path, str)
    show_picture(qtbot, view, path)
    assert view.picture.overlays.isVisible()
    with_them = view.picture.canvas.grab().toImage()
    view.picture.overlays.click()
    assert view.picture.canvas.grab().toImage() != with_them


def test_why_there_is_no_picture(view: DataSetView, qtbot: QtBot, samples: Path) -> None:
    assert show_picture(qtbot, view, samples / "sr-report.dcm") is None
    assert view.picture.empty.isVisible()
    assert view.picture.empty.text == "No picture\nNo pixel data: this is no image (Basic Text SR Storage)."
    assert not view.picture.tools.isEnabled()
    with qtbot.waitSignal(view.picture.shown):
        view.set_file(samples / "ct-chest" / "01.dcm")
    assert not view.picture.empty.isVisible()
    assert view.picture.tools.isEnabled()


def test_a_picture_that_takes_its_time_is_not_the_one_before(
    view: DataSetView, qtbot: QtBot, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show_picture(qtbot, view, samples / "ct-chest" / "01.dcm")
    go_on = threading.Event()
    decode = Picture.frame

    def slow(picture: Picture, index: int) -> Frame:
        assert go_on.wait(10)
        return decode(picture, index)

    monkeypatch.setattr(Picture, "frame", slow)
    view.set_file(samples / "mr-head" / "t1-01.dcm")
    qtbot.waitUntil(lambda: view.picture.empty.text == "Decoding …")
    assert view.picture.canvas.image is None
    with qtbot.waitSignal(view.picture.shown):
        go_on.set()
    assert view.picture.canvas.image is not None
    assert not view.picture.empty.isVisible()
    qtbot.wait(300)
    assert view.picture.canvas.image is not None


def test_pixels_of_a_cut_message_are_told(view: DataSetView, qtbot: QtBot, data_set: bytes) -> None:
    stored = Stored(data_set, kept=2000)
    stored.go_on()
    view.show_picture()
    with qtbot.waitSignal(view.picture.shown):
        view.set_row(stored.conversation, stored.row("C-STORE-RQ"))
    text = view.picture.empty.text + view.picture.remark.text()
    assert "are missing and shown as zeros" in text or "None of its pixels are here" in text


def test_the_picture_follows_the_selection(view: DataSetView, qtbot: QtBot, samples: Path) -> None:
    first = show_picture(qtbot, view, samples / "mr-head" / "t1-01.dcm")
    assert first is not None
    kept = first.copy()
    second = show_picture(qtbot, view, samples / "mr-head" / "t1-03.dcm")
    assert second is not None
    assert second != kept
    view.set_conversation(None)
    assert view.picture.canvas.image is None
    assert view.picture.empty.isVisible()


# --- saving -----------------------------------------------------------------------------------------------------------


def test_an_object_is_saved_as_it_was_sent(view: DataSetView, qtbot: QtBot, data_set: bytes, tmp_path: Path) -> None:
    stored = Stored(data_set)
    stored.go_on()
    wait_shown(qtbot, view, lambda: view.set_row(stored.conversation, stored.row("C-STORE-RQ")))
    view.save.click()
    dialog = view.findChild(QFileDialog, "dataSetSaveDialog")
    assert dialog is not None
    assert Path(dialog.selectedFiles()[0]).name == "1.2.3.1.dcm"
    target = tmp_path / "saved.dcm"
    dialog.fileSelected.emit(str(target))
    dialog.reject()
    qtbot.waitUntil(view.result.isVisible)
    assert view.result.outcome is Outcome.SUCCESS
    assert target.read_bytes().endswith(data_set)
    assert view.save.isEnabled()


def test_a_folder_that_cannot_be_written_is_said(
    view: DataSetView, qtbot: QtBot, data_set: bytes, tmp_path: Path
) -> None:
    stored = Stored(data_set)
    stored.go_on()
    wait_shown(qtbot, view, lambda: view.set_row(stored.conversation, stored.row("C-STORE-RQ")))
    view.save_to(tmp_path / "no such folder" / "a.dcm")
    qtbot.waitUntil(view.result.isVisible)
    assert view.result.outcome is Outcome.FAILURE
    assert "No such file or directory" in view.result.text


def more_menu(view: DataSetView) -> QMenu:
    menu = view.more.menu()
    assert menu is not None
    menu.aboutToShow.emit()
    return menu


def test_what_is_not_whole_is_saved_only_on_purpose(
    view: DataSetView, qtbot: QtBot, data_set: bytes, tmp_path: Path
) -> None:
    stored = Stored(data_set, kept=2000)
    stored.go_on()
    wait_shown(qtbot, view, lambda: view.set_row(stored.conversation, stored.row("C-STORE-RQ")))
    assert not view.save.isEnabled()
    assert "not complete" in view.save.toolTip()
    assert "Save what is here…" in [each.text() for each in more_menu(view).actions()]
    view.save_to(tmp_path / "cut.dcm", incomplete=True)
    qtbot.waitUntil(view.result.isVisible)
    assert dcmread(tmp_path / "cut.dcm", force=True).PatientID == "DW-1001"


def test_windows_and_comparisons_are_asked_for(view: DataSetView, qtbot: QtBot, data_set: bytes, samples: Path) -> None:
    stored = Stored(data_set)
    stored.go_on()
    wait_shown(qtbot, view, lambda: view.set_row(stored.conversation, stored.row("C-STORE-RQ")))
    with qtbot.waitSignal(view.window_asked) as asked:
        trigger(more_menu(view), "Open in a window of its own")
    assert asked.args == [view.shown_object]
    wait_shown(qtbot, view, lambda: view.set_file(samples / "us-heart.dcm"))
    with qtbot.waitSignal(view.compare_asked) as asked:
        trigger(more_menu(view), "Compare with…")
    (handed,) = asked.args or []
    assert isinstance(handed, FileObject)
    assert handed is not view.shown_object
    view.close()
    assert handed.path == samples / "us-heart.dcm"
    assert handed.source.read(0, 4) != b""
    handed.close()


def test_a_window_that_is_closed_lets_its_file_go(view: DataSetView, qtbot: QtBot, samples: Path) -> None:
    show_picture(qtbot, view, samples / "us-heart.dcm")
    found = view.shown_object
    assert isinstance(found, FileObject)
    view.close()
    assert found.source.read(0, 4) == b""


@pytest.mark.parametrize("appearance", [Appearance.LIGHT, Appearance.DARK])
@pytest.mark.parametrize("width", [300, 360, 900])
def test_it_fits_any_width(
    view: DataSetView, qtbot: QtBot, theme: Theme, samples: Path, appearance: Appearance, width: int
) -> None:
    theme.set_appearance(appearance)
    view.resize(width, 500)
    show_picture(qtbot, view, samples / "us-heart.dcm")
    assert view.width() == width
    view.show_elements()
    header = view.elements.table.header()
    assert header.isSectionHidden(3) is (width < 480)
    assert header.length() <= view.elements.table.viewport().width() or width == 300
    theme.set_appearance(Appearance.LIGHT)
