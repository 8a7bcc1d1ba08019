"""Print management against pynetdicom, in both roles (PS3.4 Annex H): whole prints through both meta SOP classes."""

from __future__ import annotations

from typing import Any

import pytest
from data_sets import Plain, data_set, plain
from dimse_n_provider import BOXES, PRINTER, WELL_KNOWN
from dimse_n_talk import WAIT, Talk, step
from pydicom.uid import PYDICOM_ROOT_UID

SESSION: Plain = {"NumberOfCopies": "1", "PrintPriority": "HIGH", "MediumType": "BLUE FILM"}
TEXT: Plain = {"AnnotationPosition": 1, "TextString": "Left is right"}
LUT: Plain = {"PresentationLUTShape": "IDENTITY"}
CONFIGURATION = "1.2.840.10008.5.1.1.17.376"


@pytest.fixture(params=["Grayscale", "Color"])
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


def meta_of(kind: str) -> str:
    return f"Basic{kind}PrintManagementMeta"


def image(kind: str, position: int) -> Plain:
    samples = 1 if kind == "Grayscale" else 3
    pixels: Plain = {"SamplesPerPixel": samples, "Rows": 256, "Columns": 256, "BitsAllocated": 8, "BitsStored": 8}
    pixels |= {"PhotometricInterpretation": "MONOCHROME2" if samples == 1 else "RGB", "PixelData": 65536 * samples}
    return {"ImageBoxPosition": position, f"Basic{kind}ImageSequence": [pixels]}


def codes(answers: list[Any]) -> list[int]:
    return [status["Status"] for status, _ in answers]


def test_a_whole_print(talk: Talk, kind: str) -> None:
    meta = meta_of(kind)
    root = f"{PYDICOM_ROOT_UID}6.{len(kind)}{talk.mark}"
    session, film, lut = f"{root}.1", f"{root}.2", f"{root}.3"
    reference = {"ReferencedSOPClassUID": "1.2.840.10008.5.1.1.1", "ReferencedSOPInstanceUID": session}
    layout: Plain = {"ImageDisplayFormat": "STANDARD\\2,1", "AnnotationDisplayFormatID": "1", "FilmSizeID": "14INX17IN"}
    layout["ReferencedFilmSessionSequence"] = [reference]

    def asked(*steps: Plain) -> list[Any]:
        return talk([meta], *({**part, "via": meta} if part is not WAIT else part for part in steps))

    created = asked(
        step("N-CREATE", "BasicFilmSession", session, data=SESSION),
        step("N-CREATE", "PresentationLUT", lut, data=LUT),
        step("N-CREATE", "BasicFilmBox", film, data=layout),
    )
    assert codes(created) == [0x0000] * 3
    assert [talk.heard()["class"] for _ in range(3)] == ["BasicFilmSession", "PresentationLUT", "BasicFilmBox"]
    boxes = created[2][1]["ReferencedImageBoxSequence"]
    annotation = created[2][1]["ReferencedBasicAnnotationBoxSequence"][0]
    box_class = f"Basic{kind}ImageBox"
    assert [box["ReferencedSOPClassUID"] for box in boxes] == [BOXES[box_class]] * 2
    uids = [box["ReferencedSOPInstanceUID"] for box in boxes]

    images = [image(kind, position) for position in (1, 2)]
    filled = asked(
        *(step("N-SET", box_class, uid, data=pixels) for uid, pixels in zip(uids, images, strict=True)),
        step("N-SET", "BasicAnnotationBox", annotation["ReferencedSOPInstanceUID"], data=TEXT),
        step("N-SET", "BasicFilmBox", film, data={"Trim": "YES"}),
        step("N-SET", box_class, f"{root}.9", data=images[0]),
    )
    assert codes(filled) == [0x0000] * 4 + [0x0112]
    for uid, pixels, (_, reply) in zip(uids, images, filled, strict=False):
        heard = talk.heard()
        assert (heard["class"], heard["context"], heard["instance"]) == (box_class, meta, uid)
        assert heard["data"] == reply == plain(data_set(pixels))  # by the pixels' digest
    assert filled[2][1] == plain(data_set(TEXT))
    for _ in range(3):
        talk.heard()

    printed, event, got, missing = asked(
        step("N-ACTION", "BasicFilmBox", film, type=1),
        WAIT,
        step("N-GET", "PrintJob", f"{film}.99", tags=[0x21000020]),
        step("N-GET", "PrintJob", f"{film}.98"),
    )
    job = printed[1]["ReferencedPrintJobSequence"][0]
    assert job == {"ReferencedSOPClassUID": BOXES["PrintJob"], "ReferencedSOPInstanceUID": f"{film}.99"}
    state = {"ExecutionStatus": "PRINTING", "PrinterName": "FILM1"}
    identity = {"class": "PrintJob", "context": meta, "instance": f"{film}.99"}
    assert event == {"service": "N-EVENT-REPORT", **identity, "id": 5, "type": 2, "data": state}
    assert (got[0]["Status"], got[1]) == (0x0000, {"ExecutionStatus": "PRINTING"})
    assert (missing[0]["Status"], missing[1]) == (0x0112, None)
    status, reply = talk.heard_of("reported")["answer"]
    assert (status["Status"], status["EventTypeID"], reply) == (0x0000, 2, state)

    order = [("BasicFilmBox", film), ("PresentationLUT", lut), ("BasicFilmSession", session)]
    deleted = asked(*(step("N-DELETE", name, uid) for name, uid in order), step("N-ACTION", *order[2], type=1))
    assert codes(deleted) == [0x0000] * 3 + [0x0112]
    assert all(reply is None for _, reply in deleted)


def test_the_session_prints_all(talk: Talk, kind: str) -> None:
    meta, uid = meta_of(kind), f"{PYDICOM_ROOT_UID}7.{len(kind)}{talk.mark}"
    created, changed, printed, event = talk(
        [meta],
        step("N-CREATE", "BasicFilmSession", uid, via=meta),
        step("N-SET", "BasicFilmSession", uid, via=meta, data=SESSION),
        step("N-ACTION", "BasicFilmSession", uid, via=meta, type=1),
        WAIT,
    )
    assert codes([created, changed, printed]) == [0x0000] * 3
    assert (created[1], changed[1]) == ({"SOPInstanceUID": uid}, plain(data_set(SESSION)))
    assert event["instance"] == printed[1]["ReferencedPrintJobSequence"][0]["ReferencedSOPInstanceUID"]
    assert talk.heard()["data"] == {}


def test_the_printer(talk: Talk, kind: str) -> None:
    meta = meta_of(kind)
    everything, name, unknown, configured = talk(
        [meta],
        step("N-GET", "Printer", PRINTER, via=meta),
        step("N-GET", "Printer", PRINTER, via=meta, tags=[0x21100030]),
        step("N-GET", "Printer", f"{PRINTER}.1", via=meta),
        step("N-GET", "PrinterConfigurationRetrieval", CONFIGURATION, via=meta),
    )
    assert everything[1] == WELL_KNOWN[PRINTER]
    assert name[1] == {"PrinterName": "FILM1"}
    assert (unknown[0]["Status"], unknown[1]) == (0x0112, None)
    assert configured[1] == plain(data_set(WELL_KNOWN[CONFIGURATION]))
    assert [talk.heard()["tags"] for _ in range(2)] == [[], [0x21100030]]


def test_the_printer_reports(talk: Talk, kind: str) -> None:
    meta, trouble = meta_of(kind), {"PrinterStatusInfo": "FILM JAM", "PrinterName": "FILM1"}
    report = step("N-EVENT-REPORT", "Printer", PRINTER, via=meta, type=3, data=trouble)
    ((status, reply),) = talk([meta], report, roles={meta: [False, True]})
    assert (status["Status"], status["EventTypeID"], reply) == (0x0000, 3, trouble)
    heard = talk.heard()
    assert (heard["class"], heard["context"], heard["type"], heard["data"]) == ("Printer", meta, 3, trouble)


def test_without_the_meta_sop_class(talk: Talk, kind: str) -> None:
    """Its members have no context of their own then."""
    steps = [step("N-GET", "Printer", PRINTER), step("N-GET", "Printer", PRINTER, via=meta_of(kind))]
    refused, (status, _) = talk([meta_of(kind)], *steps)
    assert refused == "ValueError"
    assert status["Status"] == 0x0000
