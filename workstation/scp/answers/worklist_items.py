"""Worklist items: what makes a data set one, and how the ledger keeps them (PS3.4 K.6.1.2).

An item is one data set with one Scheduled Procedure Step; the ledger keeps it as a record of kind `WORKLIST`, its state
the step's status. `worklist` answers from them. The table to edit them is in `worklist_table`, `worklist_files` reads
those of other tools, `worklist_samples` makes some. Knows the ledger; no network and no window.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from workstation.scp.answers.worklist_table import COLUMN_OF, STEPS, first_item, set_cell
from workstation.scp.ledger import Ledger, Record, UnknownRecordError
from workstation.scp.query.levels import tag_of

# The kind of its records in the ledger.
WORKLIST = "worklist"
SCHEDULED = "SCHEDULED"


def worklist_item(**values: str) -> Dataset:
    """Return an item with the attributes of the named columns, such as `PatientName="Doe^Jane", Modality="CT"`.

    Raises:
        CellError: A value that the attribute cannot have.
        KeyError: No column has that keyword.
    """
    item = Dataset()
    for keyword, text in values.items():
        set_cell(item, COLUMN_OF[keyword], text)
    return completed(item)


def completed(item: Dataset) -> Dataset:
    """Return a copy with the identifiers and the status that an item needs, made up where they are missing.

    Study Instance UID, Scheduled Procedure Step ID and Requested Procedure ID; status SCHEDULED.
    """
    item = deepcopy(item)
    if first_item(item, STEPS) is None:
        setattr(item, STEPS, Sequence([Dataset()]))
    step = getattr(item, STEPS)[0]
    made = uuid.uuid4()
    if not item.get("StudyInstanceUID"):
        item.StudyInstanceUID = f"2.25.{made.int}"
    if not step.get("ScheduledProcedureStepID"):
        step.ScheduledProcedureStepID = f"S{made.hex[:10].upper()}"
    if not item.get("RequestedProcedureID"):
        item.RequestedProcedureID = f"R{made.hex[:10].upper()}"
    if not step.get("ScheduledProcedureStepStatus"):
        step.ScheduledProcedureStepStatus = SCHEDULED
    return item


def one_step_each(item: Dataset) -> list[Dataset]:
    """Return one data set for each Scheduled Procedure Step of a Requested Procedure."""
    element = item.get(tag_of(STEPS))
    steps = element.value if element is not None and element.VR == "SQ" else []
    if len(steps) < 2:
        return [item]
    split: list[Dataset] = []
    for step in steps:
        one = Dataset()
        # Elements are shared by nobody: to set one changes it where it is.
        one.update({tag: deepcopy(item[tag]) for tag in item.keys() if tag != element.tag})  # noqa: SIM118
        setattr(one, STEPS, Sequence([step]))
        split.append(one)
    return split


def key_of(item: Dataset) -> str:
    """Return the UID of the item's record: its study and its step.

    Raises:
        ValueError: It has none; see `completed`.
    """
    step = first_item(item, STEPS)
    study, number = item.get("StudyInstanceUID"), step.get("ScheduledProcedureStepID") if step is not None else None
    if not study or not number:
        raise ValueError("The item has no Study Instance UID or no Scheduled Procedure Step ID.")
    return f"{study}/{number}"


def status_of_step(item: Dataset) -> str:
    """Return the Scheduled Procedure Step Status, or "" """
    step = first_item(item, STEPS)
    return str(step.get("ScheduledProcedureStepStatus", "") or "") if step is not None else ""


# in the ledger


def add_item(ledger: Ledger, item: Dataset) -> Record:
    """Keep a new item, with what it needs made up.

    Raises:
        DuplicateRecordError: There is one with this Study Instance UID and Scheduled Procedure Step ID.
    """
    item = completed(item)
    return ledger.add(WORKLIST, key_of(item), item, state=status_of_step(item))


def save_item(ledger: Ledger, uid: str, item: Dataset) -> Record:
    """Keep an item that was edited; `uid` is what its record had. The record that is returned may have another one.

    Raises:
        UnknownRecordError: It has been removed meanwhile.
        DuplicateRecordError: It was given the identifiers of another one.
    """
    item = completed(item)
    key = key_of(item)
    if key == uid:
        return ledger.change(WORKLIST, uid, lambda record: replace(record, data_set=item, state=status_of_step(item)))
    old = ledger.get(WORKLIST, uid)
    if old is None:
        raise UnknownRecordError(f"There is no {WORKLIST} {uid}.")
    record = ledger.add(WORKLIST, key, item, state=status_of_step(item), peer=old.peer, facts=old.facts)
    ledger.remove(WORKLIST, uid)
    return record


def add_items(ledger: Ledger, items: Iterable[Dataset]) -> tuple[int, int]:
    """Keep new items, all at once; return how many were added, and how many were there already."""
    made = [completed(one) for item in items for one in one_step_each(item)]
    added = ledger.add_many(WORKLIST, [(key_of(item), item, status_of_step(item)) for item in made])
    return len(added), len(made) - len(added)
