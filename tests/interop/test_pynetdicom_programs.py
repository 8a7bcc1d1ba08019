"""The original's command line programs run on our protocol core after a change of their import lines.

Against each other, against DCMTK's programs and against themselves as they were; see `rewritten`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

import peers
import pytest
import rewritten
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom_process import Peer, pynetdicom
from rewritten import Program

LEVEL = ("-k", "QueryRetrieveLevel=PATIENT")


@dataclass(frozen=True, slots=True)
class Network:
    """Who runs during this module, with ports by name, and what they were given to keep."""

    starter: Peer
    ours: dict[str, Program]
    ports: dict[str, int]
    folders: dict[str, Path]
    files: list[Path]

    @property
    def patient(self) -> str:
        return str(dcmread(self.files[0]).PatientID)

    def theirs(self, name: str) -> Program:
        return Program(name, self.starter)

    def at(self, name: str) -> tuple[str, int]:
        return "127.0.0.1", self.ports[name]


def objects(folder: Path) -> dict[str, Dataset]:
    """The objects in a folder, whatever their files are called."""
    found = [dcmread(path) for path in folder.rglob("*") if path.is_file() and path.suffix not in (".sqlite", ".ini")]
    return {str(ds.SOPInstanceUID): ds for ds in found}


def assert_kept(folder: Path, files: list[Path]) -> None:
    """All files have arrived, element by element."""
    kept = objects(folder)
    sent = {str(ds.SOPInstanceUID): ds for ds in map(dcmread, files)}
    assert kept.keys() == sent.keys()
    for uid, ds in sent.items():
        assert kept[uid] == ds
        assert kept[uid].file_meta.MediaStorageSOPClassUID == ds.SOPClassUID


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    folder = tmp_path_factory.mktemp("programs")
    rewritten.copied(folder / "copy")
    sent = folder / "sent"
    sent.mkdir()
    chest = Path(__file__).resolve().parents[2] / "resources" / "samples" / "ct-chest"
    files = [Path(shutil.copy(file, sent)) for file in sorted(chest.glob("*.dcm"))[:3]]
    names = ("store", "their store", "dcmtk store", "qr", "their qr", "dcmtk qr")
    folders = {name: folder / name.replace(" ", "-") for name in names}
    for path in folders.values():
        path.mkdir()
    with pynetdicom("command_line_programs") as starter, ExitStack() as running, ThreadPoolExecutor() as at_once:
        ours = {name: Program(name, starter, folder / "copy") for name in rewritten.NAMES}

        def start(servers: dict[str, AbstractContextManager[int]]) -> dict[str, int]:
            return dict(zip(servers, at_once.map(running.enter_context, servers.values()), strict=True))

        ports = start(
            {
                "echo": ours["echoscp"].serving(),
                "store": ours["storescp"].serving("-od", folders["store"]),
                "their store": Program("storescp", starter).serving("-od", folders["their store"]),
                "dcmtk store": peers.storescp(folders["dcmtk store"]),
            }
        )
        known = {"OURS": ports["store"], "THEIRS": ports["their store"], "DCMTK": ports["dcmtk store"]}
        settings = {name: rewritten.qrscp_settings(folders[name], known) for name in ("qr", "their qr")}
        ports |= start(
            {
                "qr": ours["qrscp"].serving("-c", settings["qr"], "--port"),
                "their qr": Program("qrscp", starter).serving("-c", settings["their qr"], "--port"),
                "dcmtk qr": peers.dcmqrscp(folders["dcmtk qr"], known),
            }
        )
        yield Network(starter, ours, ports, folders, files)


@pytest.fixture(scope="module")
def filled(network: Network) -> Network:
    """The query/retrieve servers hold the objects."""
    done = network.ours["storescu"].run(*network.at("qr"), "-aec", "QR", "-r", network.files[0].parent)
    assert done.returncode == 0, done.stderr
    for name in ("their qr", "dcmtk qr"):
        assert peers.run("storescu", "-aec", "QR", *network.at(name), *network.files).returncode == 0
    return network


@pytest.fixture(autouse=True)
def _emptied(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "network" in request.fixturenames or "filled" in request.fixturenames:
        network: Network = request.getfixturevalue("network")
        for name in ("store", "their store", "dcmtk store"):
            for path in network.folders[name].iterdir():
                path.unlink()


def test_only_import_lines_change(tmp_path: Path) -> None:
    rewritten.copied(tmp_path)
    source = rewritten.originals()
    changed = 0
    for name in ("common", *[f"{program}/{program}" for program in rewritten.NAMES], "qrscp/db", "qrscp/handlers"):
        before = (source / f"{name}.py").read_text()
        after = (tmp_path / rewritten.PACKAGE / f"{name}.py").read_text()
        kept = []
        for text in (before, after):
            imports = rewritten.import_lines(text)
            kept.append([line for number, line in enumerate(text.splitlines(), 1) if number not in imports])
        assert kept[0] == kept[1]
        changed += before != after
        assert "from pynetdicom" not in after
    assert changed == 10


# ------------------------------------------------------------------- C-ECHO
@pytest.mark.parametrize("server", ["echo", "their store", "dcmtk store"])
def test_echoscu(server: str, network: Network) -> None:
    done = network.ours["echoscu"].run(*network.at(server), "--repeat", 2, logged=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("C-ECHO-RSP") == 2


def test_echoscp_answers_dcmtk(network: Network) -> None:
    assert peers.run("echoscu", *network.at("echo"), "--repeat", 3).returncode == 0
    assert peers.run("echoscu", *network.at("echo"), "--abort").returncode == 0
    assert network.theirs("echoscu").run(*network.at("echo")).returncode == 0


def test_echoscu_that_finds_nobody(network: Network, free_port: int) -> None:
    done = network.ours["echoscu"].run("127.0.0.1", free_port)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


# ------------------------------------------------------------------- C-STORE
@pytest.mark.parametrize("server", ["store", "their store", "dcmtk store"])
def test_storescu(server: str, network: Network) -> None:
    done = network.ours["storescu"].run(*network.at(server), "-r", network.files[0].parent)
    assert done.returncode == 0, done.stderr
    assert_kept(network.folders[server], network.files)


def test_storescp_keeps_what_others_send(network: Network) -> None:
    first, second, third = network.files
    assert network.theirs("storescu").run(*network.at("store"), first).returncode == 0
    assert peers.run("storescu", *network.at("store"), second, third).returncode == 0
    assert_kept(network.folders["store"], network.files)


# ------------------------------------------------------------------- C-FIND
@pytest.mark.parametrize("server", ["qr", "their qr", "dcmtk qr"])
def test_findscu(server: str, filled: Network) -> None:
    one = dcmread(filled.files[0])
    wanted = [f"StudyInstanceUID={one.StudyInstanceUID}", f"SeriesInstanceUID={one.SeriesInstanceUID}"]
    keys = ["-S", "-k", "QueryRetrieveLevel=IMAGE", "-k", wanted[0], "-k", wanted[1], "-k", "SOPInstanceUID="]
    done = filled.ours["findscu"].run(*filled.at(server), "-aec", "QR", "--fuzzy-names", *keys, logged=True)
    assert done.returncode == 0, done.stderr
    for file in filled.files:
        assert str(dcmread(file).SOPInstanceUID) in done.stderr
    assert done.stderr.count("status 0xFF00 (Pending)") == 3, done.stderr


@pytest.mark.parametrize("server", ["qr", "their qr"])
def test_dcmtk_finds_in_qrscp(server: str, filled: Network) -> None:
    keys = (*LEVEL, "-k", f"PatientID={filled.patient}", "-k", "PatientName")
    done = peers.run("findscu", "-P", "-aec", "QR", *keys, *filled.at(server))
    assert done.returncode == 0
    output = done.stdout + done.stderr
    assert output.count("# Dicom-Data-Set") >= 1
    assert f"[{filled.patient}" in output


# ------------------------------------------------------------------- C-GET
@pytest.mark.parametrize("server", ["qr", "their qr", "dcmtk qr"])
def test_getscu(server: str, filled: Network, tmp_path: Path) -> None:
    keys = (*LEVEL, "-k", f"PatientID={filled.patient}", "-od", tmp_path)
    done = filled.ours["getscu"].run(*filled.at(server), "-aec", "QR", *keys)
    assert done.returncode == 0, done.stderr
    assert_kept(tmp_path, filled.files)


def test_others_get_from_qrscp(filled: Network, tmp_path: Path) -> None:
    keys = (*LEVEL, "-k", f"PatientID={filled.patient}", "-od", tmp_path)
    assert peers.run("getscu", "-P", "-aec", "QR", *keys, *filled.at("qr")).returncode == 0
    assert_kept(tmp_path, filled.files)
    for file in tmp_path.iterdir():
        file.unlink()
    assert filled.theirs("getscu").run(*filled.at("qr"), "-aec", "QR", *keys).returncode == 0
    assert_kept(tmp_path, filled.files)


# ------------------------------------------------------------------- C-MOVE
@pytest.mark.parametrize(
    ("server", "title", "destination"),
    [("qr", "DCMTK", "dcmtk store"), ("their qr", "OURS", "store"), ("dcmtk qr", "OURS", "store")],
)
def test_movescu(server: str, title: str, destination: str, filled: Network) -> None:
    keys = (*LEVEL, "-k", f"PatientID={filled.patient}")
    done = filled.ours["movescu"].run(*filled.at(server), "-aec", "QR", "-aem", title, *keys)
    assert done.returncode == 0, done.stderr
    assert_kept(filled.folders[destination], filled.files)


def test_movescu_that_is_the_destination_itself(filled: Network, tmp_path: Path) -> None:
    number = peers.port()
    settings = ["-aem", "SELF", "--store", "--store-aet", "SELF", "--store-port", number, "-od", tmp_path / "got"]
    with peers.dcmqrscp(tmp_path, {"SELF": number}) as qr:
        assert peers.run("storescu", "-aec", "QR", "127.0.0.1", qr, *filled.files).returncode == 0
        keys = (*LEVEL, "-k", f"PatientID={filled.patient}")
        done = filled.ours["movescu"].run("127.0.0.1", qr, "-aec", "QR", *settings, *keys)
    assert done.returncode == 0, done.stderr
    assert_kept(tmp_path / "got", filled.files)


def test_others_have_qrscp_move(filled: Network) -> None:
    keys = (*LEVEL, "-k", f"PatientID={filled.patient}")
    assert peers.run("movescu", "-P", "-aec", "QR", "-aem", "THEIRS", *keys, *filled.at("qr")).returncode == 0
    assert_kept(filled.folders["their store"], filled.files)
    assert filled.theirs("movescu").run(*filled.at("qr"), "-aec", "QR", "-aem", "OURS", *keys).returncode == 0
    assert_kept(filled.folders["store"], filled.files)
