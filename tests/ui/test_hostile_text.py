"""Text that means harm, in the real window: it is shown letter by letter, never as markup, and reaches no terminal."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from hostile_wire import EVIL, STAND_IN, implicit
from PySide6.QtCore import QAbstractItemModel, QModelIndex, Qt
from PySide6.QtGui import Qt as GuiQt
from PySide6.QtWidgets import QAbstractItemView, QLabel, QMessageBox, QWidget
from viewer_wire import Talk, emit

from workstation.net.dsutils import decode
from workstation.paths import DataDir
from workstation.peers import AddressBook, Peer
from workstation.scp.profiles import ProfileFolder
from workstation.scu.failure import Failure, Layer
from workstation.scu.files import FoundFile
from workstation.settings import SettingsFile
from workstation.traffic.log import TrafficLog
from workstation.ui.bridge import Bridge
from workstation.ui.dialogs.query_model import MatchesModel
from workstation.ui.dialogs.send_model import SendModel
from workstation.ui.log_file import LogFile
from workstation.ui.parts.icons import Icons
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.widgets import OutcomeLabel, PeerChooser
from workstation.ui.services import Services
from workstation.ui.tasks import Tasks
from workstation.ui.theme import Theme
from workstation.ui.viewers.viewers import Viewers
from workstation.ui.window.info_bar import InfoBar, Message
from workstation.ui.window.main_window import MainWindow
from workstation.ui.window.work_strip import Work

MARKUP = "<b>bold</b><a href='http://evil'>x</a><img src='file:///etc/passwd'>"
CONTROLS = "\x1b[31m\r\n\x07\x9b1m\u202e\u2066"
HOSTILE_PEER = Peer(name=MARKUP, ae_title="<b>AE</b>", host="127.0.0.1", port=1, group="<i>g</i>", comment=MARKUP)


def harmless(text: str) -> bool:
    """No control characters, and none that turn round what stands beside them; line breaks of ours may be there."""
    return not any(
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in "\u202a\u202b\u202d\u202e"
        for character in text.replace("\n", "")
    )


@pytest.fixture
def window(qt_loop, qtbot, tmp_path) -> MainWindow:
    folders = DataDir.at(tmp_path)
    bridge, log, theme = Bridge(), TrafficLog(), Theme()
    settings_file = SettingsFile(folders.settings)
    services = Services(
        settings=settings_file.load(),
        settings_file=settings_file,
        profiles=ProfileFolder(folders.servers),
        peers=AddressBook(folders.peers),
        folders=folders,
        tasks=Tasks(),
        theme=theme,
        bridge=bridge,
        log=log,
    )
    services.peers.add(HOSTILE_PEER)
    made = MainWindow(services, Viewers(bridge, log, theme, services.tasks))
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    return made


def cells(model: QAbstractItemModel, parent: QModelIndex | None = None, depth: int = 0) -> Iterator[QModelIndex]:
    """Every cell of a model, a few levels deep."""
    parent = parent or QModelIndex()
    for row in range(min(model.rowCount(parent), 200)):
        for column in range(model.columnCount(parent)):
            index = model.index(row, column, parent)
            yield index
            if column == 0 and depth < 6:
                yield from cells(model, index, depth + 1)


def interpreted(tip: object) -> bool:
    """Whether Qt would make something of the markup that peers wrote."""
    return (
        isinstance(tip, str) and GuiQt.mightBeRichText(tip) and any(tag in tip for tag in ("<b>", "<a ", "<img", "<i>"))
    )


def find_fault(root: QWidget) -> list[str]:
    """What of the widgets below `root` would interpret markup or show control characters."""
    faults = []
    for widget in [root, *root.findChildren(QWidget)]:
        name = widget.objectName() or type(widget).__name__
        if interpreted(widget.toolTip()):
            faults.append(f"tooltip of {name}")
        if isinstance(widget, QLabel):
            if GuiQt.mightBeRichText(widget.text()) and widget.textFormat() is not Qt.TextFormat.PlainText:
                faults.append(f"label {name}")
            if widget.openExternalLinks() or not harmless(widget.text()):
                faults.append(f"links or controls in label {name}")
        if isinstance(widget, QAbstractItemView) and widget.model() is not None:
            for index in cells(widget.model()):
                if interpreted(index.data(Qt.ItemDataRole.ToolTipRole)):
                    faults.append(f"tooltip in {name}")
                shown = index.data(Qt.ItemDataRole.DisplayRole)
                if isinstance(shown, str) and not harmless(shown):
                    faults.append(f"controls in {name}: {shown!a}")
    return faults


def test_markup_is_text_everywhere_in_the_window(window, qtbot) -> None:
    talk = Talk(1, calling=STAND_IN)
    records = [*talk.begin(), *talk.find(name=MARKUP), *talk.find(2, name=STAND_IN), *talk.end()]
    evil = [record._replace(data=record.data.replace(STAND_IN.encode(), EVIL)) for record in records]
    emit(window.services.bridge, evil)
    logging.getLogger("workstation").warning("%s", MARKUP + CONTROLS)
    window.services.notify(MARKUP)
    window.services.peers_changed.emit()
    for view in window.findChildren(QAbstractItemView):
        # What is selected is what the other panes show.
        if view.model() is not None and view.model().rowCount() > 0:
            view.setCurrentIndex(view.model().index(0, 0))
            qtbot.wait(1)
    assert find_fault(window) == []


def test_the_search_for_faults_finds_them(qtbot) -> None:
    root = QWidget()
    qtbot.addWidget(root)
    QLabel(MARKUP, root)
    QWidget(root).setToolTip(MARKUP)
    QLabel("a\x1bb", root)
    assert len(find_fault(root)) == 3
    root = QWidget()
    qtbot.addWidget(root)
    QWidget(root).setToolTip(plain_tooltip(MARKUP))
    assert find_fault(root) == []


def test_what_cannot_be_seen_is_shown_in_tooltips_and_messages(qtbot) -> None:
    name = "\u202egnp.\x1b[31mexe\ud800\tx.pcapng"
    assert plain_tooltip(f"{name}\n<b>2</b>") == (
        "<div style='white-space:pre-wrap'>\\u202egnp.\\x1b[31mexe\\ud800\\tx.pcapng\n&lt;b&gt;2&lt;/b&gt;</div>"
    )
    theme = Theme()
    parent = QWidget()
    qtbot.addWidget(parent)
    bar = InfoBar(theme, Icons(theme, parent), parent)
    bar.show_message(Message(f"{name} cannot be read"))
    work = Work(f"Opening {name}", lambda: None)
    qtbot.addWidget(work)
    shown = [bar.findChild(QLabel, "infoBarText").text(), work.label.text(), work.button.toolTip()]
    shown += [bar.accessibleDescription(), work.accessibleName()]
    assert all("\\u202egnp." in text and harmless(text) for text in shown)


def test_peers_are_offered_as_text(qtbot) -> None:
    chooser = PeerChooser(Theme(), [HOSTILE_PEER], HOSTILE_PEER)
    qtbot.addWidget(chooser)
    assert find_fault(chooser) == []
    assert chooser.peer == HOSTILE_PEER


def test_failures_are_text(qtbot) -> None:
    label = OutcomeLabel(Theme())
    qtbot.addWidget(label)
    label.show_failure(Failure(Layer.STATUS, f"It says {MARKUP}", CONTROLS * 1000, MARKUP))
    assert find_fault(label) == []
    assert MARKUP in label.text
    assert len(label.text) < 2000


def test_a_box_shows_text(window) -> None:
    box = window._box(MARKUP, MARKUP)
    assert isinstance(box, QMessageBox)
    assert box.textFormat() is Qt.TextFormat.PlainText
    box.deleteLater()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_matches_of_hostile_values_are_shown_and_sorted() -> None:
    values = [
        implicit(0x00200013, b"inf"),
        implicit(0x00200013, b"9" * 6000),
        implicit(0x00200013, b"5"),
        implicit(0x00280010, b"123"),
        implicit(0x00100010, (MARKUP + CONTROLS).encode()),
        implicit(0x00100010, b"A" * 1_000_000),
        implicit(0x00080005, b"ISO 2022 IR 87") + implicit(0x00100010, b"\x1b$\xff\xff"),
    ]
    model = MatchesModel(["PatientName", "InstanceNumber", "Rows"])
    model.append(decode(BytesIO(value), True, True) for value in values)
    for column in range(model.columnCount()):
        model.sort(column)
    for index in cells(model):
        shown = index.data(Qt.ItemDataRole.DisplayRole)
        assert harmless(shown)
        assert len(shown) <= 256
        assert not interpreted(index.data(Qt.ItemDataRole.ToolTipRole))
        assert len(index.data(Qt.ItemDataRole.ToolTipRole)) < 20_000
    model.as_csv()


def test_files_of_hostile_names_are_listed(qtbot, tmp_path) -> None:
    model = SendModel(Theme())
    names = [MARKUP.replace("/", "|"), CONTROLS, "\udcff", "x" * 250]
    model.add(FoundFile(path=tmp_path / name, sop_class_uid="1.2", sop_instance_uid=CONTROLS) for name in names)
    assert model.rowCount() > 0
    for index in cells(model):
        shown = index.data(Qt.ItemDataRole.DisplayRole)
        assert not isinstance(shown, str) or harmless(shown)
        assert not interpreted(index.data(Qt.ItemDataRole.ToolTipRole))


@pytest.mark.parametrize("field", ["name", "group", "comment"])
@pytest.mark.parametrize("text", ["two\nlines", "\x1b[31mred", "\u202eturned", "\0", "\udcff", "x" * 100_000])
def test_what_cannot_stand_in_a_row_is_no_peer(field: str, text: str) -> None:
    values = {"name": "Peer", field: text}
    with pytest.raises(ValueError, match=r"^The (name|group|comment) (has|contains)"):
        Peer(ae_title="A", host="h", port=104, **values)


# --- the log file


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[tuple[LogFile, logging.Logger]]:
    handler = LogFile(tmp_path / "workstation.log")
    logger = logging.getLogger("hostile")
    logger.addHandler(handler)
    logger.propagate = False
    yield handler, logger
    logger.removeHandler(handler)
    handler.close()


def test_the_log_file_has_no_control_characters(log_file, tmp_path) -> None:
    _, logger = log_file
    logger.warning("%s\n2026-01-01 00:00:00 ERROR forged: line", CONTROLS)
    try:
        raise ValueError(CONTROLS)
    except ValueError:
        logger.exception("A failure with %s", "\udcff" + "x" * 100_000)
    text = (tmp_path / "workstation.log").read_bytes().decode()
    assert harmless(text)
    assert sum(line.startswith("20") for line in text.splitlines()) == 2
    assert "ValueError" in text
    assert len(text) < 8000


def test_a_log_that_cannot_be_written_is_told_once(tmp_path, capsys) -> None:
    (tmp_path / "workstation.log").mkdir()
    handler = LogFile(tmp_path / "workstation.log")
    assert "cannot be written" in handler.problem
    record = logging.LogRecord("x", logging.ERROR, "", 0, "message", (), None)
    handler.handle(record)
    handler.handle(record)
    assert capsys.readouterr().err == "", "it was told by `problem` already"
    handler.problem = ""
    handler.handle(record)
    handler.handle(record)
    assert capsys.readouterr().err.count("cannot be written") == 1
    handler.close()
