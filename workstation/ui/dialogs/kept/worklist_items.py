"""What the worklist's table asks of the ledger: rows of cells, one cell changed, items added. In jobs; no widget."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from pydicom.dataset import Dataset

from workstation.scp.answers.worklist_files import read_worklist_files
from workstation.scp.answers.worklist_items import (
    WORKLIST,
    add_item,
    add_items,
    completed,
    key_of,
    save_item,
    status_of_step,
    worklist_item,
)
from workstation.scp.answers.worklist_samples import sample_worklist
from workstation.scp.answers.worklist_table import (
    STEPS,
    WORKLIST_COLUMNS,
    CellError,
    WorklistColumn,
    first_item,
    get_cell,
    set_cell,
)
from workstation.scp.ledger import Ledger, Record
from workstation.traffic.text import printable
from workstation.ui.dialogs.kept.reading import Key, Row
from workstation.ui.parts.widgets import Outcome

# Looked at by a search; the rest are identifiers that nobody types.
_SEARCHED = 18
# A cell that is cut would be kept as it was cut; no attribute of the table has more.
_LONGEST = 11_000
_OUTCOMES = {
    "STARTED": Outcome.RUNNING,
    "COMPLETED": Outcome.SUCCESS,
    "DISCONTINUED": Outcome.CANCELLED,
}
STATUS = next(
    place for place, column in enumerate(WORKLIST_COLUMNS) if column.keyword == "ScheduledProcedureStepStatus"
)


class _MovedError(Exception):
    """The item was given other identifiers: another record has to take it."""

    def __init__(self, item: Dataset) -> None:
        super().__init__()
        self.item = item


def item_row(record: Record) -> Row:
    """A worklist item as a row."""
    texts = tuple(_cell(record.data_set, column) for column in WORKLIST_COLUMNS)
    return Row(
        key=(record.kind, record.uid),
        texts=texts,
        outcome=_OUTCOMES.get(record.state, Outcome.IDLE),
        changed=record.changed,
        tip="",
        search=" ".join((*texts[:_SEARCHED], record.uid)).lower(),
    )


def _cell(data_set: Dataset, column: WorklistColumn) -> str:
    try:
        return printable(get_cell(data_set, column), _LONGEST)
    except Exception:
        # Imported or sent by anybody; the data set below shows what it is.
        return ""


def problem_of(column: WorklistColumn, text: str) -> str:
    """Why a cell cannot have this text, or nothing."""
    try:
        set_cell(Dataset(), column, text)
    except CellError as error:
        return str(error)
    return ""


def edit_cell(ledger: Ledger, uid: str, column: WorklistColumn, text: str) -> Record:
    """Change one attribute of an item, in one transaction.

    Raises:
        CellError: The attribute cannot have this value.
        UnknownRecordError: The item has been removed meanwhile.
        DuplicateRecordError: It was given the identifiers of another one.
    """

    def changed(record: Record) -> Record:
        item = deepcopy(record.data_set)
        set_cell(item, column, text)
        item = completed(item)
        if key_of(item) != uid:
            raise _MovedError(item)
        return replace(record, data_set=item, state=status_of_step(item))

    try:
        return ledger.change(WORKLIST, uid, changed)
    except _MovedError as moved:
        return save_item(ledger, uid, moved.item)


def add_new(ledger: Ledger, now: datetime) -> Record:
    """Add an item for a person to fill in: today, at the next quarter of an hour."""
    return add_item(
        ledger,
        worklist_item(
            PatientName="New^Patient",
            PatientID=f"P{now:%y%m%d%H%M%S}",
            ScheduledProcedureStepStartDate=f"{now:%Y%m%d}",
            ScheduledProcedureStepStartTime=f"{now.hour:02}{now.minute // 15 * 15:02}00",
            ScheduledProcedureStepDescription="Examination",
            ScheduledStationAETitle="MODALITY",
            Modality="CT",
        ),
    )


def add_copies(ledger: Ledger, keys: Sequence[Key]) -> list[Record]:
    """Add items like others, as new studies: the patient and the examination are the same, the identifiers are not."""
    made = []
    for key in keys:
        record = ledger.get(*key)
        if record is None:
            continue
        item = deepcopy(record.data_set)
        for keyword in ("StudyInstanceUID", "AccessionNumber", "RequestedProcedureID"):
            if keyword in item:
                delattr(item, keyword)
        step = first_item(item, STEPS)
        for keyword in ("ScheduledProcedureStepID", "ScheduledProcedureStepStatus"):
            if step is not None and keyword in step:
                delattr(step, keyword)
        made.append(add_item(ledger, item))
    return made


def add_samples(ledger: Ledger, now: datetime) -> tuple[int, int]:
    """Add a day's samples; how many came, and how many were there already."""
    return add_items(ledger, sample_worklist(now.date()))


def import_files(ledger: Ledger, paths: Sequence[Path]) -> tuple[int, int, list[str]]:
    """Add the items of files; how many came, how many were there already, and what could not be read."""
    items, problems = read_worklist_files(paths)
    added, known = add_items(ledger, items) if items else (0, 0)
    return added, known, problems
