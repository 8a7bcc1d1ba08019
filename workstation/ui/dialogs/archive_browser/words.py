"""What the archive's rows, questions and results are in words. Pure; everything from a peer is made harmless here."""

from __future__ import annotations

import time
from collections.abc import Sequence

from workstation.net.uids import uid_name
from workstation.scp.archive.archive import Deleted
from workstation.scp.archive.browse import Row, Totals
from workstation.scp.archive.exporting import Exported
from workstation.scp.archive.importing import Imported, Outcome
from workstation.scp.archive.space import Space
from workstation.scp.archive.tree import NO_PATIENT
from workstation.scp.query.levels import Level
from workstation.traffic.text import printable
from workstation.ui.dialogs.query_model import date_text, person_text
from workstation.ui.parts.rates import bytes_text, count_text, time_text

NAME, MODALITY, DATE, IDENTIFIER, OBJECTS, SIZE, RECEIVED = range(7)
TITLES = ("Patient, study, series, object", "Modality", "Date", "ID", "Objects", "Size", "Received")

_NOUNS = {
    Level.PATIENT: ("patient", "patients"),
    Level.STUDY: ("study", "studies"),
    Level.SERIES: ("series", "series"),
    Level.IMAGE: ("object", "objects"),
}


def name_of(row: Row) -> str:
    """What a row is called."""
    texts = {keyword: printable(text) for keyword, text in row.texts.items()}
    if row.key == NO_PATIENT:
        return "Objects of no patient"
    match row.key.level:
        case Level.PATIENT:
            return person_text(texts["PatientName"]) or "(no name)"
        case Level.STUDY:
            return texts["StudyDescription"] or "(no description)"
        case Level.SERIES:
            return (
                " ".join(part for part in (texts["SeriesNumber"], texts["SeriesDescription"]) if part) or "(no number)"
            )
        case Level.IMAGE:
            kind = uid_name(texts["SOPClassUID"]) or texts["SOPClassUID"]
            size = f"{texts['Columns']} × {texts['Rows']}" if texts["Rows"] and texts["Columns"] else ""
            frames = texts["NumberOfFrames"]
            many = f"{frames} frames" if frames not in ("", "0", "1") else ""
            return " · ".join(
                part for part in (texts["InstanceNumber"], kind.removesuffix(" Storage"), size, many) if part
            )


def cells_of(row: Row) -> tuple[str, ...]:
    """A row's texts, one for each column."""
    texts = {keyword: printable(text) for keyword, text in row.texts.items()}
    day = identifier = ""
    match row.key.level:
        case Level.PATIENT:
            born = date_text(texts["PatientBirthDate"])
            day, identifier = (f"born {born}" if born else ""), texts["PatientID"]
        case Level.STUDY:
            day, identifier = date_text(texts["StudyDate"]), texts["AccessionNumber"]
        case Level.SERIES if row.texts:
            day, identifier = date_text(texts["SeriesDate"]), texts["BodyPartExamined"]
        case Level.IMAGE:
            day = date_text(texts["ContentDate"])
        case _:
            pass
    return (
        name_of(row),
        ", ".join(printable(modality, 16) for modality in row.modalities),
        day,
        identifier,
        f"{row.objects:,}" if row.key.level is not Level.IMAGE else "",
        bytes_text(row.bytes),
        received_text(row.received),
    )


def received_text(moment: float) -> str:
    """When something came, in this computer's time."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment)) if moment else ""


def tip_of(row: Row) -> str:
    """Everything that is known of a row."""
    if row.key == NO_PATIENT:
        return "Hanging protocols, color palettes and others that are no part of a patient's record"
    lines = [f"{_spaced(keyword)}: {printable(text)}" for keyword, text in row.texts.items() if text]
    uid = {Level.STUDY: "Study", Level.SERIES: "Series", Level.IMAGE: "SOP"}.get(row.key.level)
    if uid is not None:
        lines.append(f"{uid} Instance UID: {printable(row.key.name)}")
    if row.transfer_syntax_uid:
        lines.append(f"Transfer syntax: {uid_name(row.transfer_syntax_uid) or printable(row.transfer_syntax_uid)}")
    counts = {Level.PATIENT: (row.studies, row.series), Level.STUDY: (0, row.series)}.get(row.key.level, (0, 0))
    if any(counts):
        words = [count_text(counts[0], "study", "studies")] if counts[0] else []
        lines.append(", ".join([*words, count_text(counts[1], "series", "series"), count_text(row.objects, "object")]))
    return "\n".join(lines)


def _spaced(keyword: str) -> str:
    words = ""
    for place, letter in enumerate(keyword):
        if place and letter.isupper() and not keyword[place - 1].isupper():
            words += " "
        words += letter
    return words


def chosen_text(rows: Sequence[Row]) -> str:
    """What is chosen: 2 studies, or one by its name."""
    if len(rows) == 1 and rows[0].key == NO_PATIENT:
        return "the objects of no patient"
    if len(rows) == 1:
        one = _NOUNS[rows[0].key.level][0]
        return f"the {one} “{name_of(rows[0])}”"
    levels = [level for level in Level if any(row.key.level is level for row in rows)]
    parts = [count_text(sum(row.key.level is level for row in rows), *_NOUNS[level]) for level in levels]
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]


def delete_question(rows: Sequence[Row], totals: Totals) -> tuple[str, str, str]:
    """The question, what follows from it, and what the button says."""
    objects = count_text(totals.objects, "object")
    what = chosen_text(rows)
    if len(rows) == 1 and rows[0].key.level is Level.IMAGE:
        return f"Delete {what}?", "The file is removed from the disk. This cannot be undone.", "Delete"
    return (
        f"Delete {what}?",
        f"{objects} ({bytes_text(totals.bytes)}) and their files are removed from the disk, also those that arrive "
        "before you answer. This cannot be undone; peers that have sent them are not told.",
        f"Delete {objects}",
    )


def deleted_text(deleted: Deleted) -> str:
    """What a deletion did."""
    done = f"{count_text(deleted.objects, 'object')} deleted, {bytes_text(deleted.bytes)} given back"
    return f"Cancelled: {done}" if deleted.cancelled else done


def imported_text(imported: Imported) -> tuple[str, str]:
    """What an import did: a headline, and what else there is to say."""
    seconds = time_text(imported.seconds)
    done = f"{count_text(imported.stored, 'object')} imported, {bytes_text(imported.bytes)} in {seconds}"
    counts = imported.counts
    replaced, there = counts[Outcome.REPLACED], counts[Outcome.DUPLICATE]
    others, failed = counts[Outcome.OTHER], counts[Outcome.FAILED]
    parts = [
        f"{replaced:,} of them in place of others with their UIDs" if replaced else "",
        f"{there:,} there already" if there else "",
        f"{count_text(others, 'file')} without an object" if others else "",
        f"{failed:,} not stored" if failed else "",
    ]
    detail = "; ".join(part for part in parts if part)
    if imported.stopped:
        return f"Import stopped: {imported.stopped}", f"{done}. {detail}".strip()
    if imported.cancelled:
        return f"Import cancelled: {done}", detail
    return done, detail


def exported_text(exported: Exported, place: str) -> tuple[str, str]:
    """What an export did: a headline, and what else there is to say."""
    done = f"{count_text(exported.written, 'file')} written, {bytes_text(exported.bytes)} in {printable(place)}"
    parts = [
        f"{exported.there:,} there already, byte for byte" if exported.there else "",
        f"{count_text(exported.failed, 'object')} not exported" if exported.failed else "",
    ]
    detail = "; ".join(part for part in parts if part)
    if exported.stopped:
        return f"Export stopped: {exported.stopped}", detail
    return (f"Export cancelled: {done}" if exported.cancelled else done), detail


def space_text(space: Space) -> str:
    """How much room there is, and what follows from it."""
    free = f"{bytes_text(space.free)} of {bytes_text(space.total)} free"
    if space.is_low:
        return f"{free}: nothing is stored below {bytes_text(space.minimum_free)}"
    if not space.minimum_free:
        return free
    return f"{free}; storing stops below {bytes_text(space.minimum_free)}"
