"""Objects, identifiers and indexes that mean harm: a defined answer, no file elsewhere, nobody else disturbed."""

import os
import sqlite3
import struct
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pydicom
import pytest
from hostile_wire import HandPeer, implicit
from pydicom.dataset import Dataset
from scp_objects import CT, EXPLICIT, IMPLICIT, encode, files_of, make_object, store

from workstation.net import AE, build_context
from workstation.net.codec.dimse import C_FIND_RQ
from workstation.scp.answers import query_retrieve
from workstation.scp.archive.archive import NOT_AUTHORIZED, Archive
from workstation.scp.archive.scan import MAXIMUM_INFLATED_ELEMENTS, DamagedDataSetError, scan
from workstation.scp.ledger import Ledger
from workstation.scp.profiles import Profile
from workstation.scp.query.levels import Level, Model, WrongIdentifierError, check_find
from workstation.scp.server import TestServer

FIND = "1.2.840.10008.5.1.4.1.2.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
UID, OTHER = "1.2.9.1", "1.2.9.2"
PATIENCE = 10.0
LONG = frozenset({b"OB", b"OW", b"SQ", b"UN", b"UT"})


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    value += b" " * (len(value) % 2)
    if vr in LONG:
        return struct.pack("<HH2sHL", tag >> 16, tag & 0xFFFF, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def item(*elements: bytes) -> bytes:
    return struct.pack("<HHL", 0xFFFE, 0xE000, sum(map(len, elements))) + b"".join(elements)


def nest(depth: int) -> bytes:
    """A sequence of undefined length in a sequence in a sequence, each closed."""
    opened = struct.pack("<HH2sHL", 0x0008, 0x1032, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    closed = struct.pack("<HHL", 0xFFFE, 0xE00D, 0) + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    return opened * depth + closed * depth


def image(*further: bytes, uid: str = UID) -> bytes:
    """The least that the archive takes, and more elements. Not in order of tags, which nobody minds."""
    return b"".join(
        [
            element(0x00080016, b"UI", CT.encode() + b"\0"),
            element(0x00080018, b"UI", uid.encode("latin-1")),
            element(0x0020000D, b"UI", b"1.2.9\0"),
            element(0x0020000E, b"UI", b"1.2.9.0\0"),
            *further,
        ]
    )


def put(archive: Archive, data: bytes, syntax: str = EXPLICIT, uid: str = UID) -> int:
    return store(archive, Dataset(), syntax, data=data, fragment=1 << 20, sop_class_uid=CT, sop_instance_uid=uid).status


def ask_all(archive: Archive) -> list[Dataset]:
    """Every attribute of the index of every object, encoded as an answer is."""
    identifier = Dataset()
    for tag in (0x00100010, 0x00100020, 0x00101020, 0x00081032, 0x00200013, 0x00280010, 0x00080020, 0x00104000):
        identifier.add_new(tag, pydicom.datadict.dictionary_VR(tag), None)
    identifier.SOPInstanceUID = ""
    identifier.StudyInstanceUID, identifier.SeriesInstanceUID = "1.2.9", "1.2.9.0"
    found = list(archive.find(Level.IMAGE, Model.STUDY_ROOT, identifier))
    for match in found:
        encode(match, IMPLICIT)
    return found


ODD = {
    "a word as number": element(0x00200013, b"IS", b"one"),
    "a fraction as whole number": element(0x00200013, b"IS", b"1.5"),
    "a number of 6000 digits": element(0x00200013, b"IS", b"9" * 6000),
    "no number": element(0x00101020, b"DS", b"NaN"),
    "beyond all numbers": element(0x00101020, b"DS", b"1e400"),
    "a number too large for its VR": element(0x00280010, b"LO", b"70000"),
    "half a number": struct.pack("<HH2sH", 0x0028, 0x0010, b"US", 3) + b"\1\2\3",
    "a name as sequence": element(0x00100010, b"SQ", b""),
    "a sequence as name": element(0x00081032, b"LO", b"abcd"),
    "a sequence of garbage": element(0x00081032, b"SQ", item(element(0x00200013, b"IS", b"word"))),
    "a sequence of no numbers": element(0x00081032, b"SQ", item(element(0x00280034, b"FL", b"\0\0\xc0\x7f"))),
    "bytes as modality": element(0x00080060, b"OB", b"\1\2\3\4"),
    "a name of controls and markup": element(0x00100010, b"PN", b"A\0B\r\n\x1b[31m<b>C</b>"),
    "a name of many groups": element(0x00100010, b"PN", b"a=b=c=d=e^" * 3),
    "broken escapes": element(0x00080005, b"CS", b"ISO 2022 IR 87")
    + element(0x00100010, b"PN", b"\x1b$Bab\xff\xfe^\x1b(Zx"),
    "an unknown character set": element(0x00080005, b"CS", b"FOO\\BAR") + element(0x00100010, b"PN", b"M\xfcller"),
    "surrogates in UTF-8": element(0x00080005, b"CS", b"ISO_IR 192") + element(0x00100010, b"PN", b"\xed\xa0\x80"),
    "no date": element(0x00080020, b"DA", b"<b>ha</b>"),
    "a long name": element(0x00100010, b"PN", b"A" * 60_000),
    "a long comment": element(0x00104000, b"UT", b"A" * 200_000),
    "private elements": element(0x00090010, b"LO", b"X") + element(0x00091001, b"UN", b"abc"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_value_is_kept_and_disturbs_no_query(archive: Archive, odd: str) -> None:
    assert put(archive, image(), uid=UID) == 0x0000
    assert put(archive, image(ODD[odd], uid=OTHER), uid=OTHER) == 0x0000
    assert [match.SOPInstanceUID for match in ask_all(archive)] == [UID, OTHER]
    assert any(path.read_bytes().endswith(ODD[odd]) for path in files_of(archive)), "stored as it came"


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "uid",
    ["../../../../tmp/evil", "/etc/passwd", "..", "1.2\n3", "1.2\x1b[2J", "a" * 128, "1.2\\1.3", "*", "%", "<b>1</b>"],
)
def test_hostile_uids_are_only_texts(archive: Archive, tmp_path: Path, uid: str) -> None:
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert put(archive, image(uid=uid), uid=uid) == 0x0000
    new = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert all(path.parent.parent == archive.folder / "objects" and path.stem.isalnum() for path in new)
    assert ["\\".join(match.SOPInstanceUID) if "\\" in uid else match.SOPInstanceUID for match in ask_all(archive)] == [
        uid
    ]


def test_what_contradicts_its_command_is_refused(archive: Archive) -> None:
    for uid in ("1.2\0.3", "\xe9\xe8", "1.2.9.3"):
        assert put(archive, image(), uid=uid) == 0xA900
    assert files_of(archive) == []


@pytest.mark.parametrize(("depth", "status"), [(50, 0), (65, 0xC000), (1000, 0xC000), (100_000, 0xC000)])
def test_nesting_has_a_defined_answer(archive: Archive, depth: int, status: int) -> None:
    assert put(archive, image(nest(depth))) == status


def test_repeated_elements_cost_no_memory(archive: Archive) -> None:
    data = image(element(0x00104000, b"UT", b"A" * 200_000) * 200, element(0x00104000, b"UT", b"the last"))
    tracemalloc.start()
    status = put(archive, data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert status == 0x0000
    assert peak < 4_000_000
    assert ask_all(archive)[0].PatientComments == "the last"


def test_elements_are_counted() -> None:
    empty = element(0x00090001, b"UN", b"")
    with pytest.raises(DamagedDataSetError, match="more than 1000 elements"):
        scan(empty * 1001, EXPLICIT, (), most_elements=1000)
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bomb = deflater.compress(image() + empty * (3 * MAXIMUM_INFLATED_ELEMENTS)) + deflater.flush()
    began = time.thread_time()
    found = scan(bomb, DEFLATED, {0x00080018})
    assert time.thread_time() - began < 3
    assert not found.is_whole
    assert found.wanted[0x00080018].endswith(UID.encode() + b" ")


def test_only_what_is_wanted_is_stored(archive: Archive) -> None:
    def commit(wanted: str) -> int:
        sink = archive.new_sink(CT, UID, EXPLICIT)
        sink.write(memoryview(image()))
        return archive.commit(sink, lambda texts: texts["StudyInstanceUID"] == wanted).status

    assert commit("1.2.8") == NOT_AUTHORIZED
    assert files_of(archive) == []
    assert commit("1.2.9") == 0x0000


# the index


def _scribble(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for start in range(4096, len(data), 3 * 4096):
        data[start : start + 4096] = os.urandom(len(data[start : start + 4096]))
    path.write_bytes(data)


def _drop_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE instance")
        connection.commit()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(os.urandom(50_000)),
    "garbage behind its head": lambda path: path.write_bytes(b"SQLite format 3\0" + os.urandom(50_000)),
    "half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "pages": _scribble,
    "a table": _drop_table,
    "a stray log": lambda path: path.with_name(path.name + "-wal").write_bytes(os.urandom(10_000)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_index_is_made_again_from_the_files(tmp_path: Path, damage: str) -> None:
    archive = Archive(tmp_path, durable=False)
    for number in range(20):
        assert store(archive, make_object(number)).status == 0x0000
    counts = archive.counts()
    archive.close()
    DAMAGES[damage](tmp_path / "index.sqlite")
    archive = Archive(tmp_path, durable=False)
    assert archive.counts() == counts
    assert store(archive, make_object(20)).status == 0x0000
    archive.close()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_no_file_among_the_objects_is_left_alone(tmp_path: Path) -> None:
    Archive(tmp_path, durable=False).close()
    (tmp_path / "objects" / "00").mkdir()
    os.mkfifo(tmp_path / "objects" / "00" / "pipe.dcm")
    (tmp_path / "objects" / "01" / "folder.dcm").mkdir(parents=True)
    (tmp_path / "index.sqlite").unlink()
    opened = threading.Event()

    def reopen() -> None:
        Archive(tmp_path, durable=False).close()
        opened.set()

    threading.Thread(target=reopen, daemon=True).start()
    assert opened.wait(PATIENCE)


def test_a_find_that_matches_nothing_ends_when_nobody_waits(archive: Archive) -> None:
    for number in range(20):
        store(archive, make_object(number))
    identifier = Dataset()
    identifier.QueryRetrieveLevel, identifier.PatientName = "STUDY", "Doe" + "?" * 60
    asked: list[int] = []

    def is_over() -> bool:
        asked.append(1)
        return len(asked) == 2

    assert list(archive.index.find(check_find(Model.STUDY_ROOT, identifier), is_over)) == []
    assert len(asked) == 2


# over the wire


@pytest.fixture
def server(archive: Archive, ledger: Ledger, free_port: int) -> Iterator[TestServer]:
    made = TestServer(Profile(port=free_port), archive, ledger, lambda _: None)
    made.start()
    yield made
    made.stop()


def ask(peer: HandPeer, identifier: bytes, number: int = 1) -> Any:
    """The final response to a C-FIND."""
    request = C_FIND_RQ(MessageID=number, AffectedSOPClassUID=FIND, Priority=0, has_data_set=True)
    peer.say_message(request, identifier)
    while (response := peer.hear_message()) is not None and response.Status in (0xFF00, 0xFF01):
        pass
    return response


STUDY = implicit(0x00080052, b"STUDY")
SEQUENCE = struct.pack("<HHL", 0x0008, 0x1032, 0xFFFFFFFF) + struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
IDENTIFIERS: dict[str, tuple[bytes, set[int]]] = {
    "quotes": (STUDY + implicit(0x00100010, b"' OR 1=1; DROP TABLE patient;-- "), {0}),
    "wild cards of SQL": (STUDY + implicit(0x00100020, b"%_%\\_"), {0}),
    "a thousand stars": (STUDY + implicit(0x00100010, b"*" * 1000), {0}),
    "stars and marks": (STUDY + implicit(0x00100010, b"*?a" * 300), {0}),
    "too long a pattern": (STUDY + implicit(0x00100010, b"a*" * 5000), {0xA900}),
    "ten thousand UIDs": (STUDY + implicit(0x0020000D, b"\\".join(b"1.2.%d" % n for n in range(10_000))), {0}),
    "a megabyte of UIDs": (STUDY + implicit(0x0020000D, b"1\\" * 600_000), {0xC000}),
    "no level": (implicit(0x00100010), {0xA900}),
    "another level": (implicit(0x00080052, b"<b>X</b>") + implicit(0x00100010), {0xA900}),
    "a level of controls": (implicit(0x00080052, b"ST\x1b[31m\r\n"), {0xA900}),
    "empty": (b"", {0xA900}),
    "garbage": (b"\xff" * 100, {0xA900, 0xC000}),
    "never closed": (STUDY + SEQUENCE, {0xC000}),
    "nested": (STUDY + SEQUENCE * 100_000, {0xC000}),
    "many elements": (STUDY + b"".join(implicit(0x00120001 + 2 * n) for n in range(5000)), {0xC000}),
    "a sequence that is none": (STUDY + implicit(0x00081032, b"abcdefgh"), {0, 0xA900, 0xC000}),
    "several VRs": (STUDY + implicit(0x00280106) + implicit(0x00280107, b"\1\2"), {0}),
    "a word as number": (STUDY + implicit(0x00101020, b"word"), {0xA900, 0xC000}),
    "hostile characters": (
        implicit(0x00080005, b"ISO 2022 IR 87") + STUDY + implicit(0x00100010, b"\x1b$B\xff\xff\x1b"),
        {0},
    ),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_identifiers_get_a_defined_answer_soon(server: TestServer, archive: Archive) -> None:
    assert store(archive, make_object(1)).status == 0x0000
    assert server.address is not None
    peer = HandPeer.associated(server.address, FIND)
    for number, (name, (identifier, statuses)) in enumerate(IDENTIFIERS.items(), 1):
        began = time.perf_counter()
        response = ask(peer, identifier, number)
        assert response is not None, name
        assert response.Status in statuses, (name, hex(response.Status), response.ErrorComment)
        assert response.Status == 0 or (response.ErrorComment and response.ErrorComment.isprintable()), name
        assert time.perf_counter() - began < PATIENCE, name
    # The same association, and the same index, go on.
    assert ask(peer, STUDY + implicit(0x00100010, b"Doe*"), 99).Status == 0x0000
    peer.close()
    assert archive.counts()[Level.IMAGE] == 1


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_deflated_identifier_does_not_fill_the_memory(archive: Archive) -> None:
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    bomb = deflater.compress(element(0x00080052, b"CS", b"STUDY") + element(0x00104000, b"UT", bytes(64 << 20)))
    event = SimpleNamespace(
        request=SimpleNamespace(data=bomb + deflater.flush()), context=SimpleNamespace(transfer_syntax=DEFLATED)
    )
    tracemalloc.start()
    with pytest.raises(WrongIdentifierError, match="inflates"):
        query_retrieve._identifier(event)  # type: ignore[arg-type]
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_eight_send_the_same_at_once(server: TestServer, archive: Archive) -> None:
    """Whoever is last wins, nobody is told a failure, one whole file remains."""
    objects = [make_object(1, PatientComments=f"from {sender % 2}") for sender in range(8)]
    statuses: list[int] = []

    def send(data_set: Dataset) -> None:
        assert server.address is not None
        ae = AE()
        association = ae.associate(*server.address, contexts=[build_context(CT, EXPLICIT)])
        data_set.file_meta = pydicom.dataset.FileMetaDataset()
        data_set.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        for _ in range(5):
            statuses.append(association.send_c_store(data_set).Status)
        association.release()

    senders = [threading.Thread(target=send, args=(each,)) for each in objects]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(PATIENCE)
    assert statuses == [0x0000] * 40
    (path,) = files_of(archive)
    assert pydicom.dcmread(path).PatientComments in ("from 0", "from 1")
    assert archive.counts()[Level.IMAGE] == 1
