"""The answer to a service that a person chose: a status, and what goes with it. PS3.7 Annex C, sections 9.1 and 10.1.

The statuses offered are those that the service may answer; any other number can be typed, since a test server exists
to answer what others do not expect.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QCheckBox, QFileDialog, QVBoxLayout, QWidget

from workstation.net.status import code_to_category
from workstation.scp.rules.rule import ASSOCIATION, EVENTS, NEGOTIATION_EVENTS, Action, check_key
from workstation.scp.rules.statuses import statuses_of
from workstation.ui.dialogs.rules.fields import (
    LinesField,
    add_field,
    checked_field,
    form_layout,
    narrow,
    show_field,
    when_refused,
)
from workstation.ui.dialogs.rules.keys_editor import attribute_name
from workstation.ui.parts.widgets import DimLabel, StatusChooser, in_row, name_widget, push_button, stacked
from workstation.ui.theme import Theme

SERVICES = tuple(name for name in EVENTS if name != ASSOCIATION and name not in NEGOTIATION_EVENTS)

WITH_DATA_SETS = frozenset(SERVICES) - {"EVT_C_ECHO", "EVT_C_STORE", "EVT_N_DELETE"}
"""The services whose responses have room for a data set."""

_TAG = re.compile(r"\(?([0-9A-Fa-f]{4})\s*,\s*([0-9A-Fa-f]{4})\)?")


def services_of(events: Iterable[str]) -> tuple[str, ...]:
    """The services among the events of a rule; all of them if it names none."""
    chosen = tuple(events)
    return tuple(name for name in SERVICES if name in chosen) if chosen else SERVICES


def offered_statuses(events: Iterable[str], sop_class: str) -> dict[int, str]:
    """The statuses of the services of a rule, each once."""
    found: dict[int, str] = {}
    for event in services_of(events):
        for code, name in statuses_of(event, sop_class):
            found.setdefault(code, name)
    return found


def default_status(statuses: Iterable[int]) -> int:
    """What is answered until a person chooses: the first failure, since success is what is built in."""
    return next((code for code in statuses if code_to_category(code) == "Failure"), 0x0110)


def read_tags(text: str) -> tuple[int, ...]:
    """The tags of a text like "0010,0020 PatientName".

    Raises:
        ValueError: A word of it is no element; with a sentence.
    """
    found: list[int] = []
    for word in re.split(r"[;\s]+", _TAG.sub(lambda tag: f" {tag[1]}/{tag[2]} ", text).replace(",", " ")):
        if word:
            tag = check_key(word.replace("/", ","))
            if tag not in found:
                found.append(tag)
    return tuple(found)


def tags_text(tags: Sequence[int]) -> str:
    """Tags as `read_tags` reads them."""
    return " ".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in tags)


def _check_tags(text: str) -> str:
    try:
        read_tags(text)
    except ValueError as error:
        return str(error)
    return ""


class StatusForm(QWidget):
    """Status, comment, offending elements, data sets. `edited` carries the `Action` with what was changed."""

    edited = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._action = self._settled = Action()
        self._events: tuple[str, ...] = ()
        self._folder: Path | None = None
        self.status = StatusChooser(theme)
        narrow(self.status.combo, 12)
        self.keep = QCheckBox("Store the object all the same")
        name_widget(self.keep, "keepObject", "Store the object all the same", "Also with a failure: the object is kept")
        self._kept = DimLabel(theme, "Without it only success and warnings keep the object.")
        self._keeping = QWidget()
        self._keeping.setLayout(stacked(self.keep, self._kept, space=2))
        self.comment = checked_field(
            theme, "errorComment", "Error comment", "Error Comment (0000,0902): why, in words", placeholder="none"
        )
        self.offending = checked_field(
            theme,
            "offending",
            "Offending elements",
            "Offending Element, of N services Attribute Identifier List: tags or keywords",
            _check_tags,
            "none, or 0010,0020 PatientName",
        )
        self._offending_words = DimLabel(theme)
        self._offending_words.setObjectName("offendingWords")
        offending = QWidget()
        offending.setLayout(stacked(self.offending, self._offending_words, space=2))
        offending.setFocusProxy(self.offending)
        self.data_sets = LinesField(
            theme,
            "dataSets",
            "Data sets",
            "Files answered with the status, one a line: .dcm or DICOM JSON",
            check=self._check_file,
            placeholder="none",
        )
        self.choose = push_button(
            "Choose files…", "chooseDataSets", "Add .dcm or DICOM JSON files to those that are answered", self._choose
        )
        self._data_set_words = DimLabel(theme)
        self._answered = QWidget()
        self._answered.setLayout(
            stacked(self.data_sets, in_row(self.choose, None), self._data_set_words, space=4),
        )
        self._answered.setFocusProxy(self.data_sets)

        self._form = form_layout()
        add_field(self._form, "Status", self.status)
        add_field(self._form, "", self._keeping)
        add_field(self._form, "Comment", self.comment)
        add_field(self._form, "Offending elements", offending)
        add_field(self._form, "Data sets", self._answered)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._form)

        self.status.chosen.connect(lambda status: self._update(status=status))
        self.keep.clicked.connect(lambda checked: self._update(keep=checked))
        self.comment.edited.connect(lambda text: self._update(comment=text))
        self.offending.edited.connect(lambda text: self._update(offending=read_tags(text)))
        self.status.combo.editTextChanged.connect(lambda _text: self._status_typed())
        when_refused(self.offending, lambda: self._update(offending=self._settled.offending))
        self.data_sets.edited.connect(lambda lines: self._update(data_sets=lines))

    @property
    def action(self) -> Action:
        """The action that was set, with what was changed here."""
        return self._action

    def set_folder(self, folder: Path | None) -> None:
        """Where relative names of files begin."""
        self._folder = folder

    def set_action(self, action: Action, events: tuple[str, ...], sop_class: str) -> None:
        """Show what goes with the status; emits nothing."""
        self._action, self._events = action, events
        self._settled = action
        if action.answer == "status":
            # Only then: to look all of them up takes a while the first time.
            statuses = offered_statuses(events, sop_class)
            if self.status.names != statuses or self.status.status != action.status:
                self.status.offer(statuses.items(), action.status)
        with QSignalBlocker(self.keep):
            self.keep.setChecked(action.keep)
        if self.comment.text != action.comment:
            self.comment.set_text(action.comment)
        if _check_tags(self.offending.text) or read_tags(self.offending.text) != action.offending:
            self.offending.set_text(tags_text(action.offending))
        self._name_tags()
        if self.data_sets.problem or self.data_sets.lines != action.data_sets:
            self.data_sets.set_lines(action.data_sets)
        services = services_of(events)
        show_field(self._form, self._keeping, "EVT_C_STORE" in services or action.keep)
        show_field(self._form, self._answered, bool(WITH_DATA_SETS.intersection(services)) or bool(action.data_sets))
        each = "Each goes with a Pending response of its own" if "EVT_C_FIND" in services else "The reply's data set"
        self._data_set_words.setText(f"{each}; in its texts each @ becomes a random digit.")

    def settle(self) -> None:
        """What stands here now is in force: what is typed wrong from now on falls back to it."""
        self._settled = self._action

    def _status_typed(self) -> None:
        if self.status.status is None:
            self._update(status=self._settled.status)

    def _name_tags(self) -> None:
        names = ", ".join(attribute_name(f"{tag >> 16:04X},{tag & 0xFFFF:04X}") for tag in self._action.offending)
        self._offending_words.setText(names)
        self._offending_words.setVisible(bool(names))

    def _update(self, **values: Any) -> None:
        action = replace(self._action, **values)
        if action != self._action:
            self._action = action
            self._name_tags()
            self.edited.emit(action)

    def _check_file(self, line: str) -> str:
        return "" if "\0" not in line else "A file's name cannot have a NUL."

    def _choose(self) -> None:
        dialog = QFileDialog(self, "Data Sets to Answer")
        dialog.setObjectName("chooseDataSetsDialog")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilters(["Data sets (*.dcm *.json *.wl)", "All files (*)"])
        if self._folder is not None:
            dialog.setDirectory(str(self._folder))
        dialog.filesSelected.connect(lambda paths: self.add_files(Path(path) for path in paths))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def add_files(self, paths: Iterable[Path]) -> None:
        """Add files to those that are answered."""
        for path in paths:
            self.data_sets.add_line(file_name(path, self._folder))


def file_name(path: Path, folder: Path | None) -> str:
    """A file as a rule names it: relative to the profile's folder if it is in there, with `/` on all systems."""
    if folder is not None and path.is_relative_to(folder):
        return path.relative_to(folder).as_posix()
    return path.as_posix()
