from __future__ import annotations

import ast
import json
import os
import shlex
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import dcmread
from pydicom.filewriter import write_dataset
from traffic_wire import ACCEPT, CT, EXPLICIT, REQUEST, Wire, store_rq

from workstation.net.codec.dimse import (
    C_CANCEL_RQ,
    C_FIND_RQ,
    C_FIND_RSP,
    C_MOVE_RQ,
    C_STORE_RSP,
    N_ACTION_RQ,
    N_EVENT_REPORT_RQ,
    N_GET_RQ,
    Message,
)
from workstation.net.codec.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RQ,
    AnsweredContext,
    MaximumLength,
    ProposedContext,
    UserIdentityRQ,
)
from workstation.traffic.capture.export import pdu_object
from workstation.traffic.conversation import Conversation
from workstation.traffic.log import TrafficLog
from workstation.traffic.output.repeat import as_dcmtk, as_hex, as_json, as_python, as_text
from workstation.traffic.output.repeat_dcmtk import is_argument, shell_quoted
from workstation.traffic.output.repeat_request import harmless

FIND = "1.2.840.10008.5.1.4.1.2.2.1"
MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
WORKLIST = "1.2.840.10008.5.1.4.31"
COMMITMENT = "1.2.840.10008.1.20.1"
HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    "';touch pwned;'",
    '";touch pwned;"',
    "a'\"'\"'$(touch pwned)",
    "|touch pwned",
    "&touch pwned&",
    "\\';touch pwned",
    "!!",
    "%PATH%",
    "*",
    "~root",
    "=ls",
    "#x",
    "-xi",
    "\u202eabc",
    "a\nb",
    "x';import os;os.system('touch pwned')#",
    '"""\nimport os\n"""',
    "{__import__('os')}",
]


def encoded(dataset: Dataset, *, implicit: bool = False) -> bytes:
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, implicit
    write_dataset(stream, dataset)
    return stream.getvalue()


def talk(
    *messages: tuple[Message, bytes | None],
    abstract: str = FIND,
    calling: str = "MODALITY",
    called: str = "PACS",
    mode: str = "requestor",
    items: tuple[object, ...] = (),
    address: str = "10.1.2.3",
) -> Conversation:
    """A conversation of these requests on context 1, in Explicit VR."""
    wire = Wire(mode=mode)
    ours = mode == "requestor"
    asked = ProposedContext(context_id=1, abstract_syntax=abstract, transfer_syntaxes=(EXPLICIT,))
    answered = AnsweredContext(context_id=1, result=0, transfer_syntax=EXPLICIT)
    # Put in afterwards: the encoder refuses titles that a peer may send all the same.
    titles = {"called_ae_title": "D" * 16, "calling_ae_title": "C" * 16}
    request = A_ASSOCIATE_RQ(
        presentation_contexts=(asked,),
        user_information=(MaximumLength(16384), *items),  # type: ignore[arg-type]
        **titles,
    )
    accept = A_ASSOCIATE_AC(presentation_contexts=(answered,), user_information=(MaximumLength(16384),), **titles)
    facts = wire.open().facts
    assert facts is not None
    facts = facts._replace(address=address, local_address="192.0.2.7", local_port=11112)
    records = [wire.record("EVT_CONN_OPEN", facts=facts), wire.pdu(request, sent=ours), wire.pdu(accept, sent=not ours)]
    for message, data in messages:
        records += wire.message(message, data, sent=ours == message.is_request)
    log = TrafficLog()
    log.add(record._replace(data=with_titles(record.data, calling, called)) for record in records)
    (conversation,) = log.conversations
    return conversation


def with_titles(data: bytes, calling: str, called: str) -> bytes:
    for stand_in, title in ((b"C" * 16, calling), (b"D" * 16, called)):
        data = data.replace(stand_in, title.encode("ascii", "replace").ljust(16))
    return data


def find_rq(message_id: int = 1, abstract: str = FIND) -> C_FIND_RQ:
    return C_FIND_RQ(context_id=1, MessageID=message_id, AffectedSOPClassUID=abstract, Priority=0, has_data_set=True)


def study(**values: object) -> Dataset:
    dataset = Dataset()
    dataset.QueryRetrieveLevel = "STUDY"
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def line_of(command: str) -> list[str]:
    return shlex.split(command, comments=True)


def run(command: str, folder: Path, shell: str = "sh") -> list[list[str]]:
    """Run a command with stand-ins for DCMTK's programs that write their arguments down."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    out = folder / "arguments"
    for name in ("findscu", "movescu", "echoscu", "storescu", "getscu"):
        stand_in = programs / name
        stand_in.write_text(
            f'#!/bin/sh\nprintf "%s\\0" {name} "$@" >> "{out}"\n'
            f'for each do :; done\n[ -f "$each" ] && cp "$each" "{folder}/identifier"\nexit 0\n'
        )
        stand_in.chmod(0o755)
    out.write_text("")
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    script = folder / "script"
    script.write_text(command)
    done = subprocess.run([shell, str(script)], cwd=folder, env=environment, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [out.read_text().split("\0")[:-1]]


# --------------------------------------------------------------------------- what is repeated
def test_a_query_becomes_the_command_that_asks_the_same() -> None:
    conversation = talk((find_rq(), encoded(study(PatientName="Doe^J*", StudyDate="20240101-"))))
    assert line_of(as_dcmtk(conversation, conversation.rows[2])) == [
        *("findscu", "-aet", "MODALITY", "-aec", "PACS", "-S", "-xe"),
        *("-k", "StudyDate=20240101-", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientName=Doe^J*"),
        *("10.1.2.3", "104"),
    ]


def test_sequences_are_told_by_their_paths() -> None:
    step = Dataset()
    step.Modality, step.ScheduledStationAETitle = "CT", ""
    keys = Dataset()
    keys.PatientID = ""
    keys.ScheduledProcedureStepSequence = [step]
    conversation = talk((find_rq(abstract=WORKLIST), encoded(keys)), abstract=WORKLIST)
    line = line_of(as_dcmtk(conversation, None))
    assert line[5:] == [
        *("-W", "-xe", "-k", "PatientID", "-k", "ScheduledProcedureStepSequence[0].Modality=CT"),
        *("-k", "ScheduledProcedureStepSequence[0].ScheduledStationAETitle", "10.1.2.3", "104"),
    ]


def test_as_acceptor_it_is_us_who_are_asked_again() -> None:
    conversation = talk((find_rq(), encoded(study())), mode="acceptor")
    assert line_of(as_dcmtk(conversation, None))[-2:] == ["192.0.2.7", "11112"]
    assert "HOST, PORT = '192.0.2.7', 11112" in as_python(conversation, None)


@pytest.mark.parametrize("which", [3, 4])
def test_a_response_and_a_cancel_lead_to_their_request(which: int) -> None:
    answer = C_FIND_RSP(context_id=1, MessageIDBeingRespondedTo=9, AffectedSOPClassUID=FIND, Status=0xFF00)
    conversation = talk(
        (find_rq(9), encoded(study(PatientID="4711"))),
        (answer, None),
        (C_CANCEL_RQ(context_id=1, MessageIDBeingRespondedTo=9), None),
    )
    command = as_dcmtk(conversation, conversation.rows[which])
    assert "PatientID=4711" in line_of(command)
    assert f"Row {which + 1} is no request" in command
    assert "msg_id=9" in as_python(conversation, conversation.rows[which])


def test_one_pdu_stands_for_its_message() -> None:
    conversation = talk((find_rq(), encoded(study())))
    row = conversation.rows[2]
    assert as_dcmtk(conversation, row.pdus[1]) == as_dcmtk(conversation, row)


def test_a_store_asks_for_the_object_to_be_saved_and_a_large_one_for_its_file() -> None:
    wire = Wire()
    log = TrafficLog()
    small = Dataset()
    small.SOPClassUID, small.SOPInstanceUID = CT, "1.2.3.4.5"
    large = Dataset()
    large.SOPClassUID, large.SOPInstanceUID = CT, "1.2.3.4.6"
    large.EncapsulatedDocument = bytes(100_000)
    records = wire.established()
    records += wire.message(store_rq(1), encoded(small), sent=True)
    records += wire.message(store_rq(2), encoded(large, implicit=False), sent=True)
    log.add(records)
    (conversation,) = log.conversations
    command = as_dcmtk(conversation, conversation.rows[2])
    assert line_of(command) == [
        *("storescu", "-aet", "MODALITY", "-aec", "PACS", "-R", "-xe", "10.1.2.3", "104", "object.dcm")
    ]
    assert "Save the object" in command
    assert "b64decode" in as_python(conversation, conversation.rows[2])
    script = as_python(conversation, conversation.rows[3])
    assert "dcmread(sys.argv[1]" in script
    assert "Save the object" in script


def test_an_object_that_came_with_a_get_leads_to_the_get() -> None:
    from workstation.net.codec.dimse import C_GET_RQ, C_STORE_RQ

    get_model = "1.2.840.10008.5.1.4.1.2.2.3"
    get = C_GET_RQ(context_id=1, MessageID=3, AffectedSOPClassUID=get_model, Priority=0, has_data_set=True)
    conversation = talk((get, encoded(study(StudyInstanceUID="1.2.3"))), abstract=get_model)
    wire = Wire()
    stored = C_STORE_RQ(
        context_id=1,
        MessageID=1,
        AffectedSOPClassUID=CT,
        AffectedSOPInstanceUID="1.2",
        Priority=0,
        has_data_set=True,
    )
    for record in wire.message(stored, encoded(study()), sent=False):
        conversation.fold(record)
    command = as_dcmtk(conversation, conversation.rows[-1])
    assert line_of(command)[0] == "getscu"
    assert "StudyInstanceUID=1.2.3" in line_of(command)
    assert "send_c_get" in as_python(conversation, conversation.rows[-1])


def test_what_dcmtk_has_no_command_for_is_said_and_asks_nothing() -> None:
    request = N_GET_RQ(
        context_id=1,
        MessageID=1,
        RequestedSOPClassUID=COMMITMENT,
        RequestedSOPInstanceUID="1.2.840.10008.1.20.1.1",
        AttributeIdentifierList=(0x00100010, 0x00100020),
    )
    conversation = talk((request, None), abstract=COMMITMENT)
    command = as_dcmtk(conversation, None)
    assert "DCMTK has no command for N-GET" in command
    assert line_of(command) == []
    script = as_python(conversation, None)
    assert "send_n_get([0x00100010, 0x00100020], '1.2.840.10008.1.20.1', '1.2.840.10008.1.20.1.1'" in script


def test_an_event_report_goes_to_the_other_side() -> None:
    report = N_EVENT_REPORT_RQ(
        context_id=1,
        MessageID=4,
        AffectedSOPClassUID=COMMITMENT,
        AffectedSOPInstanceUID="1.2.840.10008.1.20.1.1",
        EventTypeID=1,
    )
    conversation = talk(abstract=COMMITMENT)
    for record in Wire().message(report, None, sent=False):
        conversation.fold(record)
    script = as_python(conversation, conversation.rows[-1])
    assert "build_role('1.2.840.10008.1.20.1', scu_role=False, scp_role=True)" in script
    assert "CALLING, CALLED = 'PACS', 'MODALITY'" in script
    assert "HOST, PORT = '192.0.2.7', 104" in script
    assert "send_n_event_report(None, 1, " in script


def test_control_messages_open_the_association_again() -> None:
    wire = Wire()
    log = TrafficLog()
    log.add([wire.open(), wire.pdu(REQUEST, sent=True), wire.pdu(ACCEPT, sent=False)])
    log.add([wire.pdu(A_ABORT_RQ(source=0, reason=0), sent=True)])
    (conversation,) = log.conversations
    assert line_of(as_dcmtk(conversation, conversation.rows[0])) == [
        *("echoscu", "-aet", "MODALITY", "-aec", "PACS", "10.1.2.3", "104")
    ]
    assert "--abort" in line_of(as_dcmtk(conversation, conversation.rows[2]))
    script = as_python(conversation, conversation.rows[0])
    assert script.count("ae.add_requested_context(") == 3
    assert "assoc.abort()" in as_python(conversation, conversation.rows[2])


def test_passcodes_are_in_no_form() -> None:
    secret = UserIdentityRQ(2, False, b"joe", b"s3cret-passcode")
    conversation = talk((find_rq(), encoded(study())), items=(secret,))
    forms = [as_dcmtk(conversation, None), as_python(conversation, None), as_python(conversation, conversation.rows[0])]
    forms += [as_text(conversation.rows[0]), as_hex(conversation.rows[0]), as_hex(conversation.rows[0], plain=True)]
    for form in forms:
        assert "s3cret" not in form
        assert b"s3cret".hex() not in form.replace(" ", "")
    assert "user identity" in forms[0]


def test_data_sets_that_are_not_whole_are_said() -> None:
    wire = Wire()
    log = TrafficLog()
    records = wire.established()
    records += wire.message(store_rq(), encoded(study(PatientID="4711")), sent=True, kept=20)
    log.add(records)
    (conversation,) = log.conversations
    assert "not complete" in as_dcmtk(conversation, conversation.rows[2])
    assert "not complete" in as_python(conversation, conversation.rows[2])


# --------------------------------------------------------------------------- nothing acts as code
@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_no_shell_takes_a_peer_s_text_for_code(text: str, shell: str, tmp_path: Path) -> None:
    keys = study(PatientName="X", PatientComments=text, StudyID=text[:16])
    title = text[:16].encode("ascii", "replace").decode().replace("\n", " ")
    conversation = talk((find_rq(), encoded(keys)), calling=title, called="PACS")
    command = as_dcmtk(conversation, conversation.rows[2])
    (arguments,) = run(command, tmp_path, shell)
    assert not (tmp_path / "pwned").exists()
    assert arguments[0] == "findscu"
    expected = conversation.calling if is_argument(title) else "CALLING"
    assert arguments[arguments.index("-aet") + 1] == expected
    acts_nowhere(command.splitlines()[-1])
    if "-k" in arguments:
        assert f"StudyID={text[:16].encode('ascii', 'replace').decode()}" in arguments
    else:
        read = encoded(dcmread(tmp_path / "identifier"))
        assert text[:16].encode("ascii", "replace") in read
    for line in command.splitlines():
        if line.startswith("#"):
            assert set(line[1:]) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:/_-"), line


def acts_nowhere(line: str) -> None:
    """The command line of Windows knows no single quotes; a double quote begins or ends what stands for itself."""
    outside = "".join(line.split('"')[::2])
    assert line.count('"') % 2 == 0
    assert not set(outside) & set("&|<>^")
    assert "%" not in line
    for inside in line.split('"')[1::2]:
        assert not set(inside) & set("$`!%") or inside == "$IDENTIFIER"


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_python_takes_it_for_nothing_but_values(text: str) -> None:
    keys = study(PatientComments=text, StudyID=text[:16])
    keys.add_new(0x00091001, "LO", text)
    title = text[:16].encode("ascii", "replace").decode().replace("\n", " ")
    move = C_MOVE_RQ(
        context_id=1,
        MessageID=1,
        AffectedSOPClassUID=MOVE,
        Priority=0,
        MoveDestination="DEST",
        has_data_set=True,
    )
    conversation = talk((move, encoded(keys)), abstract=MOVE, calling=title, called=title)
    script = as_python(conversation, None)
    assert script.isascii()
    tree = ast.parse(script)
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert called <= {
        *("AE", "ae.add_requested_context", "ae.associate", "SystemExit", "assoc.send_c_move", "print"),
        *("assoc.release", "Dataset", "ds.add_new", "read_dataset", "BytesIO", "b64decode"),
    }
    modules = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert modules == set()
    values = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert conversation.calling in values


@pytest.mark.parametrize("title", ["@/etc/passwd", "Ünïcode"])
def test_an_ae_title_that_a_command_cannot_carry_is_replaced_and_said(title: str) -> None:
    conversation = talk((find_rq(), encoded(study())))
    conversation.called = title
    command = as_dcmtk(conversation, None)
    line = line_of(command)
    assert line[line.index("-aec") + 1] == "CALLED"
    assert "AE title cannot be written" in command


@given(st.text(max_size=40).filter(lambda text: "\0" not in text))
@example("")
@example("'")
@example("CT\\MR")
@example("CT\\")
@example("a\\\\b")
def test_a_quoted_text_is_one_argument(text: str) -> None:
    assert shlex.split(shell_quoted(text), comments=True, posix=True) == [text]


@given(st.text(alphabet=st.characters(min_codepoint=0, max_codepoint=0x2100), max_size=12))
@example("'&calc$")
@example('"&calc')
@example("%COMSPEC%")
@example("$(x)&y")
def test_what_is_written_acts_in_no_shell(text: str) -> None:
    if is_argument(text):
        assert text.isascii()
        assert text.isprintable() or not text
        acts_nowhere(shell_quoted(text))


def test_the_shell_and_we_agree_on_every_quotable_text(tmp_path: Path) -> None:
    texts = [f"a{chr(one)}b{chr(two)}c" for one in range(32, 127) for two in range(32, 127, 7)]
    texts = [text for text in texts if is_argument(text)]
    assert len(texts) > 500
    for shell in ("sh", "bash"):
        script = f"printf '%s\\0' {' '.join(map(shell_quoted, texts))}"
        done = subprocess.run([shell, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=20)
        assert done.stdout.split("\0")[:-1] == texts


@given(st.text(max_size=80))
def test_comments_are_harmless(text: str) -> None:
    assert set(harmless(text)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:/_-")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(st.binary(max_size=200))
def test_any_bytes_for_a_data_set_give_a_command_and_a_script(data: bytes) -> None:
    conversation = talk((find_rq(), data))
    shlex.split(as_dcmtk(conversation, None), comments=True)
    ast.parse(as_python(conversation, None))


# --------------------------------------------------------------------------- the same data set
def test_what_options_cannot_say_goes_into_a_file(tmp_path: Path) -> None:
    keys = study(SpecificCharacterSet="ISO_IR 192", PatientName="Müller^*")
    keys.add_new(0x00091001, "LO", "private")
    data = encoded(keys)
    conversation = talk((find_rq(), data))
    (arguments,) = run(as_dcmtk(conversation, None), tmp_path)
    assert "-k" not in arguments
    read = dcmread(tmp_path / "identifier")
    assert encoded(Dataset({tag: read[tag] for tag in read.keys()})) == data  # noqa: SIM118
    assert read.file_meta.TransferSyntaxUID == EXPLICIT


@pytest.mark.parametrize(
    "keys",
    [
        study(PatientName="Doe^Jane", PatientID=""),
        study(SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jürgen"),
        study(ModalitiesInStudy=["CT", "MR"], NumberOfStudyRelatedInstances="12"),
    ],
)
def test_a_script_s_assignments_make_the_same_bytes(keys: Dataset) -> None:
    step = Dataset()
    step.Modality, step.Rows, step.PatientWeight = "CT", 512, "70.50"
    keys.ScheduledProcedureStepSequence = [step, Dataset()]
    keys.add_new(0x00090010, "LO", "OURS")
    keys.add_new(0x00091001, "FD", 1.5)
    data = encoded(keys)
    script = as_python(talk((find_rq(), data)), None)
    assert "b64decode" not in script
    made = script[script.index("ds = Dataset()") : script.index("ae = AE")]
    names: dict[str, object] = {"Dataset": Dataset}
    exec(made, names)
    assert encoded(names["ds"]) == data  # type: ignore[arg-type]


def test_a_data_set_that_assignments_would_change_stays_as_its_bytes() -> None:
    # An odd length, which pydicom would pad.
    data = bytes.fromhex("1000200000004c4f".replace("00004c4f", "4c4f")) + b"\x03\x00abc"
    script = as_python(talk((find_rq(), data)), None)
    made = script[script.index("DATA = ") : script.index("ae = AE")]
    names: dict[str, object] = {"BytesIO": BytesIO}
    exec("from base64 import b64decode\nfrom pydicom.filereader import read_dataset\n" + made, names)
    assert str(names["ds"].PatientID) == "abc"  # type: ignore[attr-defined]


def test_a_normalized_request_has_its_data_set_too() -> None:
    request = N_ACTION_RQ(
        context_id=1,
        MessageID=2,
        RequestedSOPClassUID=COMMITMENT,
        RequestedSOPInstanceUID="1.2.840.10008.1.20.1.1",
        ActionTypeID=1,
        has_data_set=True,
    )
    item = Dataset()
    item.TransactionUID = "1.2.3"
    script = as_python(talk((request, encoded(item)), abstract=COMMITMENT), None)
    assert "ds.TransactionUID = '1.2.3'" in script
    assert "send_n_action(ds, 1, '1.2.840.10008.1.20.1', '1.2.840.10008.1.20.1.1', msg_id=2)" in script


# --------------------------------------------------------------------------- bytes and text
def test_hex_has_every_byte_in_both_forms() -> None:
    conversation = talk((find_rq(), encoded(study())))
    row = conversation.rows[2]
    assert as_hex(row, plain=True).split() == [pdu.data.hex() for pdu in row.pdus]
    dump = as_hex(row)
    assert dump.startswith("PDU 3 → P-DATA-TF, ")
    digits = "".join(line[8:58].replace(" ", "") for line in dump.splitlines() if line.startswith("  "))
    assert digits == "".join(pdu.data.hex() for pdu in row.pdus)
    assert as_hex(row.pdus[1], plain=True) == row.pdus[1].data.hex() + "\n"


def test_json_is_that_of_the_export() -> None:
    conversation = talk((find_rq(), encoded(study())))
    row = conversation.rows[2]
    told = json.loads(as_json(conversation, row))
    assert [one["type"] for one in told] == ["P-DATA-TF"] * 2
    assert told == [json.loads(json.dumps(pdu_object(conversation, pdu))) for pdu in row.pdus]
    assert len(json.loads(as_json(conversation, row.pdus[0]))) == 1


def test_text_is_printable_and_has_the_fields() -> None:
    response = C_STORE_RSP(
        context_id=1,
        MessageIDBeingRespondedTo=1,
        AffectedSOPClassUID=CT,
        AffectedSOPInstanceUID="1.2",
        Status=0xA700,
        ErrorComment="full\u202e",
    )
    conversation = talk((response, None))
    text = as_text(conversation.rows[2])
    assert text.startswith("← C-STORE-RSP\n")
    assert "Status: " in text
    assert "\u202e" not in text
