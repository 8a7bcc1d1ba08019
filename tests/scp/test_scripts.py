"""Scripts: loaded, loaded again when they change, watched when they run; the same file with and without the program."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from scp_objects import make_object

from workstation.net import AE, build_context, build_role, evt
from workstation.net.association import Association
from workstation.net.codec.pdu import A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from workstation.net.events import INTERVENTION_EVENTS
from workstation.net.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)
from workstation.paths import resource
from workstation.scp.rules.rule import ASSOCIATION
from workstation.scp.scripts import FUNCTION_NAMES, LARGEST, MOST_PROBLEMS, Problem, ScriptError, Scripts

ROOT = Path(__file__).parents[2]
VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
SECONDARY = "1.2.840.10008.5.1.4.1.1.7"
STUDY_FIND, STUDY_MOVE, STUDY_GET = (f"1.2.840.10008.5.1.4.1.2.2.{number}" for number in (1, 2, 3))
COMMITMENT = "1.2.840.10008.1.20.1"
MPPS = "1.2.840.10008.3.1.2.3.3"
PRINTER = "1.2.840.10008.5.1.1.16"
FILM_SESSION = "1.2.840.10008.5.1.1.1"
ALL = (VERIFICATION, CT, SECONDARY, STUDY_FIND, STUDY_MOVE, STUDY_GET, COMMITMENT, MPPS, PRINTER, FILM_SESSION)

SERVERS: list[Any] = []
"""The one that `serving` has started."""

ECHO = """
from workstation.net import evt

def handle_echo(event):
    return {status}

HANDLERS = [(evt.EVT_C_ECHO, handle_echo)]
"""


@pytest.fixture
def scripts() -> Scripts:
    return Scripts()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(text: str, name: str = "script.py") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return written


@contextmanager
def serving(handlers: list[Any]) -> Iterator[tuple[str, int]]:
    """A server as people start one."""
    ae = AE("SCRIPT")
    ae.network_timeout = ae.dimse_timeout = ae.acse_timeout = 20.0
    for uid in ALL:
        ae.add_supported_context(uid, scu_role=True, scp_role=True)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert server is not None
    SERVERS[:] = [server]
    try:
        yield server.server_address[:2]
    finally:
        ae.shutdown()


@contextmanager
def connected(address: tuple[str, int], **more: Any) -> Iterator[Association]:
    ae = AE("TESTER")
    ae.network_timeout = ae.dimse_timeout = ae.acse_timeout = 20.0
    ae.requested_contexts = [build_context(uid) for uid in ALL]
    association = ae.associate(*address, **more)
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def bound(scripts: Scripts, path: Path, *events: Any) -> list[Any]:
    """Handlers as the test server binds them: the script is looked up for each request."""
    return [(event, lambda e, name=event.name: scripts.handler(path, name)(e)) for event in events]


# loading


def test_handlers_are_those_listed_or_those_that_are_named_so(scripts: Scripts, write: Callable[..., Path]) -> None:
    listed = scripts.load(write(ECHO.format(status="0x0001")))
    assert list(listed.handlers) == ["EVT_C_ECHO"]
    named = "\n".join(f"def {names[0]}(event):\n    return {names[0]!r}" for names in FUNCTION_NAMES.values())
    script = scripts.load(write(named, "named.py"))
    assert script.handlers.keys() == FUNCTION_NAMES.keys() == {ASSOCIATION, *(e.name for e in INTERVENTION_EVENTS)}
    for event, names in FUNCTION_NAMES.items():
        handler, args = script.handler(event)
        assert (handler(None), args) == (names[0], ())
    assert script.handler("EVT_C_ECHO", "handle_store")[0](None) == "handle_store"
    in_full = scripts.load(write("def handle_n_set(event): pass\ndef handle_c_get(event): pass", "full.py"))
    assert set(in_full.handlers) == {"EVT_N_SET", "EVT_C_GET"}


def test_arguments_of_a_binding_are_passed_on(scripts: Scripts, write: Callable[..., Path]) -> None:
    path = write("def f(event, a, b): return (event, a, b)\nHANDLERS = [('EVT_C_ECHO', f, [1, 'two'])]")
    assert scripts.handler(path, "EVT_C_ECHO")("e") == ("e", 1, "two")  # type: ignore[arg-type]


def test_events_of_pynetdicom_bind_as_well(scripts: Scripts, write: Callable[..., Path]) -> None:
    path = write("from pynetdicom import evt\ndef f(event): return 7\nHANDLERS = [(evt.EVT_N_SET, f)]")
    assert scripts.handler(path, "EVT_N_SET")(None) == 7  # type: ignore[arg-type]


def test_main_is_not_run_but_neighbours_and_dataclasses_work(scripts: Scripts, write: Callable[..., Path]) -> None:
    write("ANSWER = 0x0107", "a_neighbour_of_the_script.py")
    path = write(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "from a_neighbour_of_the_script import ANSWER\n"
        "@dataclass\nclass Kept:\n    code: int\n"
        "def handle_echo(event): return Kept(ANSWER).code\n"
        "if __name__ == '__main__':\n    raise AssertionError('this starts a server')\n"
    )
    assert scripts.handler(path, "EVT_C_ECHO")(None) == 0x0107  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("x = 1\ndef f(:\n    pass\n", 2, "Invalid syntax."),
        ("\n\nraise ValueError('not <b>today</b>\\n now')", 3, "ValueError: not <b>today</b> now"),
        ("import sys\nsys.exit(3)", 2, "The script ended itself (sys.exit, 3)."),
        ("raise KeyboardInterrupt", 1, "KeyboardInterrupt"),
        ("import there_is_no_such_module", 1, "ModuleNotFoundError: No module named 'there_is_no_such_module'"),
        ("HANDLERS = 5", 0, "HANDLERS is no list of (event, function)."),
        (
            "HANDLERS = [5]",
            0,
            "Entry 1 of HANDLERS is not (event, function) or (event, function, [args]).",
        ),
        ("HANDLERS = [('EVT_C_ECHO', 5)]", 0, "Entry 1 of HANDLERS binds EVT_C_ECHO to what cannot be called."),
        ("def f():\n    return 1\n  return 2", 3, "Unindent does not match any outer indentation level."),
    ],
)
def test_a_script_that_cannot_be_loaded_says_why_and_where(
    text: str, line: int, sentence: str, scripts: Scripts, write: Callable[..., Path]
) -> None:
    path = write(text)
    before = dict(sys.modules)
    for _ in range(2):
        with pytest.raises(ScriptError) as raised:
            scripts.load(path)
        assert (raised.value.line, raised.value.sentence) == (line, sentence)
    (problem,) = scripts.errors(path)
    assert (problem.line, problem.sentence, problem.kind, problem.times) == (line, sentence, "load", 1)
    assert not [name for name in sys.modules if name.startswith("dicom_script_script") and name not in before]


def test_what_is_no_script_at_all_is_a_sentence(scripts: Scripts, tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"cannot be read: No such file or directory"):
        scripts.load(tmp_path / "missing.py")
    with pytest.raises(ScriptError, match="cannot be read"):
        scripts.load(tmp_path)
    (tmp_path / "binary.py").write_bytes(b"\x00\xff\xfe")
    with pytest.raises(ScriptError):
        scripts.load(tmp_path / "binary.py")
    (tmp_path / "large.py").write_bytes(b"#" * (LARGEST + 1))
    with pytest.raises(ScriptError, match="which is no script"):
        scripts.load(tmp_path / "large.py")


def test_a_handler_that_is_not_there_is_told(scripts: Scripts, write: Callable[..., Path]) -> None:
    path = write(ECHO.format(status=0))
    with pytest.raises(ScriptError, match=r"Nothing is bound to EVT_C_STORE: define handle_store or handle_c_store"):
        scripts.handler(path, "EVT_C_STORE")
    with pytest.raises(ScriptError, match="There is no function 'handle_ecco'"):
        scripts.handler(path, "EVT_C_ECHO", "handle_ecco")
    assert [problem.event for problem in scripts.errors(path)] == ["EVT_C_STORE", "EVT_C_ECHO"]


# loading again


def test_a_change_is_in_force_at_the_next_use(scripts: Scripts, write: Callable[..., Path]) -> None:
    changed: list[Path] = []
    scripts.listen(changed.append)
    for status in (0x0001, 0x0002, 0x0003):  # of one length, and within one tick of the file system's clock
        path = write(ECHO.format(status=status))
        assert scripts.handler(path, "EVT_C_ECHO")(None) == status  # type: ignore[arg-type]
    assert changed == [path] * 3


def test_an_unchanged_script_keeps_what_it_remembers(scripts: Scripts, write: Callable[..., Path]) -> None:
    text = "count = 0\ndef handle_echo(event):\n    global count\n    count += 1\n    return count"
    path = write(text)
    assert [scripts.handler(path, "EVT_C_ECHO")(None) for _ in range(3)] == [1, 2, 3]  # type: ignore[arg-type]
    os.utime(path, (1, 1))  # touched, and old
    version = scripts.load(path).version
    assert scripts.handler(path, "EVT_C_ECHO")(None) == 4  # type: ignore[arg-type]
    assert scripts.load(path).version == version
    path.write_text(text + "\n")
    assert scripts.handler(path, "EVT_C_ECHO")(None) == 1  # type: ignore[arg-type]


def test_the_last_good_version_stays_in_force(scripts: Scripts, write: Callable[..., Path]) -> None:
    path = write(ECHO.format(status="0x0001"))
    assert scripts.handler(path, "EVT_C_ECHO")(None) == 1  # type: ignore[arg-type]
    for broken in ("def handle_echo(event:", "raise RuntimeError('half done')"):
        write(broken)
        assert scripts.handler(path, "EVT_C_ECHO")(None) == 1  # type: ignore[arg-type]
        assert scripts.errors(path)[-1].kind == "load"
    path.unlink()
    assert scripts.handler(path, "EVT_C_ECHO")(None) == 1  # type: ignore[arg-type]
    assert "cannot be read" in scripts.errors(path)[-1].sentence
    write(ECHO.format(status="0x0002"))
    assert scripts.handler(path, "EVT_C_ECHO")(None) == 2  # type: ignore[arg-type]
    assert scripts.errors(path) == ()


def test_a_version_that_is_being_loaded_keeps_nobody_waiting(scripts: Scripts, write: Callable[..., Path]) -> None:
    path = write(ECHO.format(status="0x0001"))
    scripts.load(path)
    import builtins

    loading, go_on = threading.Event(), threading.Event()
    builtins.script_test = (loading, go_on)  # type: ignore[attr-defined]
    try:
        write("a, b = script_test\na.set()\nassert b.wait(20)\n" + ECHO.format(status="0x0002"))
        thread = threading.Thread(target=scripts.load, args=(path,))
        thread.start()
        assert loading.wait(20)
        assert scripts.handler(path, "EVT_C_ECHO")(None) == 1  # type: ignore[arg-type]
        go_on.set()
        thread.join()
        assert scripts.handler(path, "EVT_C_ECHO")(None) == 2  # type: ignore[arg-type]
    finally:
        del builtins.script_test  # type: ignore[attr-defined]


def test_many_threads_load_a_version_once(scripts: Scripts, write: Callable[..., Path]) -> None:
    path = write("import itertools\nhandle_echo = lambda event, count=itertools.count(): next(count)")
    together, seen = threading.Barrier(8), []

    def use() -> None:
        together.wait()
        seen.append(scripts.handler(path, "EVT_C_ECHO")(None))  # type: ignore[arg-type]

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(8))


# running


def test_what_a_handler_raises_is_remembered_with_its_line_and_answered_as_the_api_says(
    scripts: Scripts, write: Callable[..., Path]
) -> None:
    path = write(
        "def handle_store(event):\n    return {}['nothing']\n"
        "def handle_find(event):\n    yield 0xFF00, event.identifier\n    deeper()\n"
        "def deeper():\n    raise RuntimeError('deep')\n"
        "def handle_action(event):\n    import json\n    json.loads('{')\n"
    )
    events = (evt.EVT_C_STORE, evt.EVT_C_FIND, evt.EVT_N_ACTION)
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    with serving(bound(scripts, path, *events)) as address, connected(address) as association:
        assert association.send_c_store(image()).Status == 0xC211
        assert [s.Status for s, _ in association.send_c_find(identifier, STUDY_FIND)] == [0xFF00, 0xC311]
        assert association.send_n_action(identifier, 1, COMMITMENT, "1.2.3")[0].Status == 0x0110
        assert association.send_c_store(image()).Status == 0xC211
        assert association.send_c_echo().Status == 0
    problems = {problem.event: problem for problem in scripts.errors(path)}
    assert {event: (p.line, p.times, p.kind) for event, p in problems.items()} == {
        "EVT_C_STORE": (2, 2, "run"),
        "EVT_C_FIND": (7, 1, "run"),
        "EVT_N_ACTION": (10, 1, "run"),
    }
    assert problems["EVT_C_STORE"].sentence == "KeyError: 'nothing'"
    assert "deeper()" in problems["EVT_C_FIND"].details
    scripts.forget_errors(path)
    assert scripts.errors(path) == ()


def test_a_script_that_ends_itself_ends_nobody_else(scripts: Scripts, write: Callable[..., Path]) -> None:
    path = write("import sys\ndef handle_echo(event):\n    sys.exit('enough')")
    with serving(bound(scripts, path, evt.EVT_C_ECHO)) as address:
        with connected(address) as association:
            assert "Status" not in association.send_c_echo()
        write(ECHO.format(status="0x0000"))
        with connected(address) as association:
            assert association.send_c_echo().Status == 0


def test_a_cancelled_find_is_no_problem_of_the_script(scripts: Scripts, write: Callable[..., Path]) -> None:
    path = write("def handle_find(event):\n    while True:\n        yield 0xFF00, event")
    given = scripts.handler(path, "EVT_C_FIND")("match")  # type: ignore[arg-type]
    assert next(given) == (0xFF00, "match")
    given.close()
    assert scripts.errors(path) == ()


def test_problems_are_bounded(scripts: Scripts, write: Callable[..., Path]) -> None:
    path = write("def handle_echo(event):\n    raise ValueError(event)")
    handler = scripts.handler(path, "EVT_C_ECHO")
    for number in range(MOST_PROBLEMS + 5):
        with pytest.raises(ValueError, match=str(number)):
            handler(number)  # type: ignore[arg-type]
    problems = scripts.errors(path)
    assert len(problems) == MOST_PROBLEMS
    assert problems[-1] == Problem(
        sentence=f"ValueError: {MOST_PROBLEMS + 4}",
        line=2,
        kind="run",
        event="EVT_C_ECHO",
        details=problems[-1].details,
        time=problems[-1].time,
    )


def test_a_listener_that_fails_harms_nobody(scripts: Scripts, write: Callable[..., Path]) -> None:
    heard: list[Path] = []

    def failing(_: Path) -> None:
        raise RuntimeError("a listener's own fault")

    stop_failing = scripts.listen(failing)
    stop = scripts.listen(heard.append)
    path = write(ECHO.format(status=0))
    scripts.load(path)
    assert heard == [path]
    stop()
    stop_failing()
    write(ECHO.format(status=1))
    scripts.load(path)
    assert heard == [path]


# the files that come with the program


def image() -> Dataset:
    made = make_object(1)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    made["PixelData"].VR = "OW"
    return made


def templates() -> dict[str, Path]:
    return {path.stem: path for path in sorted(resource("scripts/templates").glob("*.py"))}


def test_there_is_a_template_for_each_event(scripts: Scripts) -> None:
    found = {event for path in templates().values() for event in scripts.load(path).handlers}
    assert found == {ASSOCIATION, *(event.name for event in INTERVENTION_EVENTS)}
    for name, path in templates().items():
        (event,) = scripts.load(path).handlers
        assert FUNCTION_NAMES[event][0] == f"handle_{name}"
        assert scripts.load(path).handler(event)[0].__name__ == f"handle_{name}"


def attributes(**values: object) -> Dataset:
    data_set = Dataset()
    for keyword, value in values.items():
        setattr(data_set, keyword, value)
    return data_set


def use_echo(assoc: Association) -> Any:
    return assoc.send_c_echo().Status


def use_store(assoc: Association) -> Any:
    return [assoc.send_c_store(image()).Status for _ in range(11)][-2:]


def use_find(assoc: Association) -> Any:
    asked = attributes(QueryRetrieveLevel="STUDY", PatientID="4712")
    return [(s.Status, f and str(f.PatientName)) for s, f in assoc.send_c_find(asked, STUDY_FIND)]


def use_get(assoc: Association) -> Any:
    asked = attributes(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2")
    return [s.get("NumberOfCompletedSuboperations") for s, _ in assoc.send_c_get(asked, STUDY_GET)][-1]


def use_move(assoc: Association) -> Any:
    asked = attributes(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2")
    return [s.Status for s, _ in assoc.send_c_move(asked, "NOBODY", STUDY_MOVE)]


def use_action(assoc: Association) -> Any:
    asked = attributes(TransactionUID="1.2.3", ReferencedSOPSequence=[attributes(ReferencedSOPInstanceUID="1.2")])
    return [assoc.send_n_action(asked, number, COMMITMENT, "1.2.840.10008.1.20.1.1")[0].Status for number in (1, 2)]


def use_create(assoc: Association) -> Any:
    asked = attributes(PerformedProcedureStepStatus="IN PROGRESS")
    first = [assoc.send_n_create(asked, MPPS, "1.2.3")[0].Status for _ in range(2)]
    return [*first, assoc.send_n_create(asked, MPPS)[0].Status]


def use_delete(assoc: Association) -> Any:
    return [assoc.send_n_delete(FILM_SESSION, "1.2.3").Status for _ in range(2)]


def use_event_report(assoc: Association) -> Any:
    told = attributes(TransactionUID="1.2.3", FailedSOPSequence=[])
    return [assoc.send_n_event_report(told, kind, COMMITMENT, "1.2.3")[0].Status for kind in (1, 9)]


def use_n_get(assoc: Association) -> Any:
    status, found = assoc.send_n_get([0x21100010], PRINTER, "1.2.840.10008.5.1.1.17")
    return status.Status, [element.keyword for element in found]


def use_set(assoc: Association) -> Any:
    changed = attributes(PerformedProcedureStepStatus="COMPLETED")
    return [assoc.send_n_set(changed, MPPS, "1.2.3")[0].Status for _ in range(2)]


USES: dict[str, tuple[Callable[[Association], Any], Any]] = {
    "echo": (use_echo, 0),
    "store": (use_store, [0, 0xA700]),
    "find": (use_find, [(0xFF00, "Doe^John"), (0, None)]),
    "get": (use_get, 3),
    "move": (use_move, [0xA801]),
    "action": (use_action, [0, 0x0123]),
    "create": (use_create, [0, 0x0111, 0]),
    "delete": (use_delete, [0, 0x0112]),
    "event_report": (use_event_report, [0, 0x0113]),
    "n_get": (use_n_get, (0, ["PrinterStatus"])),
    "set": (use_set, [0, 0x0110]),
}


@pytest.mark.parametrize("name", USES)
def test_the_template_of_a_service_answers(name: str, scripts: Scripts) -> None:
    path = templates()[name]
    use, expected = USES[name]
    (event,) = (each for each in INTERVENTION_EVENTS if each.name in scripts.load(path).handlers)
    events = [(evt.EVT_C_STORE, lambda _: 0)] if name == "get" else []
    roles = [build_role(SECONDARY, scp_role=True)] if name == "get" else []
    with (
        serving(bound(scripts, path, event)) as address,
        connected(address, evt_handlers=events, ext_neg=roles) as association,
    ):
        assert use(association) == expected
    assert scripts.errors(path) == ()


def negotiating(name: str) -> Any:
    match name:
        case "user_id":
            identity = UserIdentityNegotiation()
            identity.user_identity_type, identity.primary_field, identity.secondary_field = 2, b"jane", b"secret"
            return identity
        case "async_ops":
            window = AsynchronousOperationsWindowNegotiation()
            window.maximum_number_operations_invoked, window.maximum_number_operations_performed = 5, 2
            return window
        case "sop_extended":
            extended = SOPClassExtendedNegotiation()
            extended.sop_class_uid, extended.service_class_application_information = STUDY_FIND, b"\1\1\1"
            return extended
    common = SOPClassCommonExtendedNegotiation()
    common.sop_class_uid, common.service_class_uid = CT, "1.2.840.10008.4.2"
    return common


@pytest.mark.parametrize("name", ["user_id", "async_ops", "sop_extended", "sop_common"])
def test_the_template_of_a_negotiation_answers(name: str, scripts: Scripts, capsys: pytest.CaptureFixture[str]) -> None:
    path = templates()[name]
    (event,) = (each for each in INTERVENTION_EVENTS if each.name in scripts.load(path).handlers)
    given: list[Any] = []

    def noting(happened: Any) -> Any:
        given.append(scripts.handler(path, event.name)(happened))
        return given[-1]

    with serving([(event, noting)]) as address, connected(address, ext_neg=[negotiating(name)]) as association:
        assert association.is_established
        extended = association.acceptor.sop_class_extended
    assert scripts.errors(path) == ()
    match name:
        case "user_id":
            assert given == [(True, None)]
            wrong = negotiating(name)
            wrong.secondary_field = b"guessed"
            with serving([(event, noting)]) as address, connected(address, ext_neg=[wrong]) as association:
                assert association.is_rejected
        case "async_ops":
            assert (given, capsys.readouterr().out) == ([(1, 1)], "TESTER proposes 5 and 2\n")
        case "sop_extended":
            assert {str(uid): info for uid, info in extended.items()} == {STUDY_FIND: b"\1\0\0"}
        case "sop_common":
            assert [str(uid) for uid in given[0]] == [CT]


def test_the_template_of_an_association_request_answers(scripts: Scripts) -> None:
    handler = scripts.handler(templates()["association"], ASSOCIATION)

    def admit(assoc: Association, request: A_ASSOCIATE_RQ) -> A_ASSOCIATE_RJ | None:
        given = handler(SimpleNamespace(assoc=assoc, request=request))  # type: ignore[arg-type]
        return None if given is None else A_ASSOCIATE_RJ(*given)

    with serving([]) as address:
        for calling, reason in (("CT1", None), ("STRANGER", 3)):
            client = AE(calling)
            client.add_requested_context(VERIFICATION)
            SERVERS[-1].admit = admit
            association = client.associate(*address)
            assert (association.rejection and association.rejection.reason) == reason
            association.release()


def use_stubborn(address: tuple[str, int]) -> list[Any]:
    with connected(address) as association:
        stored = [association.send_c_store(image()).Status for _ in range(5)]
        asked = attributes(QueryRetrieveLevel="STUDY", PatientID="P0")
        found = [(s.Status, f and str(f.StudyInstanceUID)) for s, f in association.send_c_find(asked, STUDY_FIND)]
        return [*stored, association.send_c_echo().Status, *found]


STUBBORN = [0, 0, 0, 0, 0xA700, 0, (0xFF00, "1.2.0"), (0, None)]


def test_the_example_answers_alike_in_the_program_and_by_itself(scripts: Scripts, free_port: int) -> None:
    path = resource("scripts/stubborn_archive.py")
    with serving(bound(scripts, path, evt.EVT_C_ECHO, evt.EVT_C_STORE, evt.EVT_C_FIND)) as address:
        assert use_stubborn(address) == STUBBORN
    assert scripts.errors(path) == ()
    announce = (
        "import runpy, socket, sys\n"
        "accept = socket.socket.listen\n"
        "def listen(self, *args):\n    accept(self, *args)\n    print('listening', flush=True)\n"
        "socket.socket.listen = listen\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", announce, str(path), str(free_port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "listening\n"
            assert use_stubborn(("127.0.0.1", free_port)) == STUBBORN
        finally:
            process.terminate()
