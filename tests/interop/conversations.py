"""Real conversations between real peers, none of them ours, recorded as they cross the wire.

Three groups: DCMTK with itself, Orthanc with DCMTK and with pynetdicom, pynetdicom with itself. Between them they hold
every PDU, every user information sub-item and all 23 messages, as programs write them that know nothing of us.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from dcmtk_peers import dcmprscp
from peers import dcmqrscp, orthanc, port, process, require_program, run, storescp
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian
from recording import Conversation, Recorder, recorder

HOST = "127.0.0.1"
SAMPLES = Path(__file__).resolve().parents[2] / "resources" / "samples"
CT = [SAMPLES / "ct-chest" / "01.dcm", SAMPLES / "ct-chest" / "02.dcm"]
MR_IMPLICIT = SAMPLES / "mr-head-prior" / "01.dcm"
SR = SAMPLES / "sr-report.dcm"
NAMES = SAMPLES / "names" / "korean.dcm"
COMPRESSED = {
    "-xv": SAMPLES / "jpeg2000-head.dcm",
    "-xt": SAMPLES / "jpegls-chest.dcm",
    "-xr": SAMPLES / "rle-chest.dcm",
}
PATIENT = "DW-1001"  # of CT, MR_IMPLICIT and SR
MANY_CONTEXTS = 128


class _Group:
    """Where the recorders of one group live, so that its conversations come out in one list."""

    def __init__(self) -> None:
        self.stack = ExitStack()
        self.recorders: list[Recorder] = []

    def record(self, name: str, server_port: int) -> int:
        """The port through which to reach `server_port` on the record."""
        one = self.stack.enter_context(recorder(name, server_port))
        self.recorders.append(one)
        return one.port

    def finish(self) -> list[Conversation]:
        self.stack.close()
        return [conversation for one in self.recorders for conversation in one.conversations]


# -- DCMTK with DCMTK --------------------------------------------------------------------------------------------


def dcmtk_with_dcmtk(folder: Path) -> list[Conversation]:
    """Every client of DCMTK's with a server of DCMTK's; its print server, for which it has none, with pynetdicom."""
    group = _Group()
    with group.stack as stack:
        store = stack.enter_context(storescp(folder, "+xa"))
        through = group.record("DCMTK storage", store)
        _ok("echoscu", "--repeat", 2, HOST, through)
        _ok("echoscu", "--propose-ts", 3, "--propose-pc", MANY_CONTEXTS, HOST, through)
        _ok("storescu", HOST, through, *CT, SR)
        _ok("storescu", "-xi", "-R", HOST, through, MR_IMPLICIT)
        _ok("storescu", "-xb", "-R", HOST, through, NAMES)
        _ok("storescu", "-xd", "-R", HOST, through, NAMES)
        for syntax, path in COMPRESSED.items():
            _ok("storescu", "-R", syntax, HOST, through, path)
        _ok("storescu", "-R", "-usr", "joe", "-pwd", "s3cret", HOST, through, NAMES)
        run("echoscu", "--abort", HOST, through)
        run("findscu", "-S", "-k", "QueryRetrieveLevel=STUDY", HOST, through)  # no context is accepted
        small = stack.enter_context(storescp(folder, "--max-pdu", "4096"))
        _ok("storescu", "-R", "--max-pdu", 4096, HOST, group.record("DCMTK storage in small PDUs", small), CT[0])
        refuses = stack.enter_context(storescp(folder, "--refuse"))
        run("echoscu", HOST, group.record("DCMTK refuses", refuses))
        aborts = stack.enter_context(storescp(folder, "--abort-after"))
        run("storescu", "-R", HOST, group.record("DCMTK aborts", aborts), CT[0])
        _dcmtk_query(group, folder)
        _dcmtk_worklist(group, folder)
        printer = stack.enter_context(dcmprscp(folder / "printer"))
        _python(PYNETDICOM_PRINT, group.record("pynetdicom prints with DCMTK", printer.port))
        return group.finish()


def _dcmtk_query(group: _Group, folder: Path) -> None:
    destination = group.stack.enter_context(storescp(folder, "+xa"))
    moved = group.record("DCMTK moves to DCMTK", destination)
    server = group.stack.enter_context(dcmqrscp(folder / "archive", {"DEST": moved}))
    through = group.record("DCMTK query", server)
    _ok("storescu", "-aec", "QR", "-R", HOST, through, *CT, SR, NAMES)
    study = ["-S", "-aec", "QR", "-k", "QueryRetrieveLevel=STUDY", "-k", f"PatientID={PATIENT}"]
    every = [*study, "-k", "StudyInstanceUID", "-k", "PatientName=*"]
    _ok("findscu", *every, HOST, through)
    # the second patient is what is left to cancel
    run(
        "findscu",
        "-P",
        "-aec",
        "QR",
        "--cancel",
        1,
        "-k",
        "QueryRetrieveLevel=PATIENT",
        "-k",
        "PatientID",
        HOST,
        through,
    )
    run("echoscu", "-aec", "NOBODY", HOST, through)  # its called AE title is not recognized
    uid = _study_of(CT[0])
    one = ["-S", "-aec", "QR", "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={uid}"]
    _ok("movescu", *one, "-aem", "DEST", HOST, through)
    run("movescu", *one, "-aem", "UNKNOWN", HOST, through)
    _ok("getscu", *one, "-od", folder, HOST, through)


def _dcmtk_worklist(group: _Group, folder: Path) -> None:
    items = folder / "worklist" / "WORKLIST"
    items.mkdir(parents=True)
    (items / "lockfile").touch()
    _worklist_item().save_as(items / "one.wl", enforce_file_format=True)
    number = port()
    command = [require_program("wlmscpfs"), "-dfp", items.parent, number]
    group.stack.enter_context(process(command, number))
    through = group.record("DCMTK worklist", number)
    steps = "ScheduledProcedureStepSequence[0]."
    keys = ["PatientName", "PatientID", f"{steps}Modality=CT", f"{steps}ScheduledStationAETitle"]
    arguments = [part for key in keys for part in ("-k", key)]
    _ok("findscu", "-W", "-aec", "WORKLIST", *arguments, HOST, through)


def _worklist_item() -> Dataset:
    step = Dataset()
    step.Modality = "CT"
    step.ScheduledStationAETitle = "CT1"
    step.ScheduledProcedureStepStartDate = "20240102"
    step.ScheduledProcedureStepStartTime = "101500"
    step.ScheduledPerformingPhysicianName = "Doe^Jane"
    step.ScheduledProcedureStepDescription = "Chest"
    step.ScheduledProcedureStepID = "S1"
    item = Dataset()
    item.file_meta = FileMetaDataset()
    item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    item.file_meta.MediaStorageSOPClassUID = UID("1.2.276.0.7230010.3.1.0.1")  # what DCMTK calls a worklist file
    item.file_meta.MediaStorageSOPInstanceUID = UID("2.25.1")
    item.PatientName, item.PatientID = "Roe^Richard", "W-1"
    item.PatientBirthDate, item.PatientSex = "19700101", "M"
    item.AccessionNumber, item.ReferringPhysicianName = "A1", "Doe^Jane"
    item.StudyInstanceUID = "2.25.2"
    item.RequestedProcedureID, item.RequestedProcedureDescription = "P1", "Chest"
    item.ScheduledProcedureStepSequence = [step]
    return item


# -- Orthanc with DCMTK and pynetdicom ---------------------------------------------------------------------------


def orthanc_with_others(folder: Path) -> list[Conversation]:
    """Orthanc as server of DCMTK's and pynetdicom's clients, and as client of DCMTK's storage server."""
    group = _Group()
    with group.stack as stack:
        destination = stack.enter_context(storescp(folder, "+xa"))
        moved = group.record("Orthanc moves to DCMTK", destination)
        listening = port()
        reported = group.record("Orthanc reports to pynetdicom", listening)
        modalities = {"DEST": moved, "PYNET": moved, "COMMIT": reported}
        server = stack.enter_context(orthanc(folder / "orthanc", modalities))
        through = group.record("DCMTK asks Orthanc", server)
        called = ["-aec", "ORTHANC"]
        _ok("echoscu", *called, HOST, through)
        _ok("storescu", *called, "-R", HOST, through, *CT, SR)
        _ok("storescu", *called, "-R", "-xv", HOST, through, COMPRESSED["-xv"])
        _ok("storescu", *called, "-R", "-xd", HOST, through, NAMES)
        uid = _study_of(CT[0])
        one = [*called, "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={uid}"]
        _ok("findscu", *called, "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID", HOST, through)
        _ok("movescu", *one, "-aem", "DEST", HOST, through)
        _ok("getscu", *one, "-od", folder, HOST, through)
        run("echoscu", *called, "--abort", HOST, through)
        files = [*CT, SR, *COMPRESSED.values(), MR_IMPLICIT]
        _python(PYNETDICOM_CLIENT, group.record("pynetdicom asks Orthanc", server), PATIENT, *files)
        through = group.record("pynetdicom asks Orthanc for commitment", server)
        _python(PYNETDICOM_COMMITMENT, through, listening, CT[0])
        return group.finish()


# -- pynetdicom with pynetdicom ----------------------------------------------------------------------------------


def pynetdicom_with_pynetdicom(folder: Path) -> list[Conversation]:
    """All services of DIMSE-N too, every negotiation item, rejections and aborts."""
    del folder
    group = _Group()
    with group.stack as stack:
        number = port()
        moved = group.record("pynetdicom moves to pynetdicom", number)
        stack.enter_context(process([sys.executable, "-c", _WITHOUT_COPIES + PYNETDICOM_SERVER, number, moved], number))
        files = [CT[0], SR, MR_IMPLICIT, *COMPRESSED.values()]
        _python(PYNETDICOM_CLIENT, group.record("pynetdicom storage and query", number), PATIENT, *files)
        _python(PYNETDICOM_NORMALIZED, group.record("pynetdicom normalized services", number))
        _python(PYNETDICOM_NEGOTIATION, group.record("pynetdicom negotiation", number))
        return group.finish()


GROUPS: dict[str, Callable[[Path], list[Conversation]]] = {
    "DCMTK": dcmtk_with_dcmtk,
    "Orthanc": orthanc_with_others,
    "pynetdicom": pynetdicom_with_pynetdicom,
}


def _study_of(path: Path) -> str:
    from pydicom import dcmread

    return str(dcmread(path, stop_before_pixels=True).StudyInstanceUID)


def _ok(program: str, *arguments: object) -> None:
    done = run(program, *arguments)
    assert done.returncode == 0, f"{program} {arguments}:\n{done.stdout}{done.stderr}"


def _python(code: str, *arguments: object) -> None:
    _ok(sys.executable, "-c", _WITHOUT_COPIES + _FAIL_AT_ONCE + code, *arguments)


# pynetdicom copies all contexts with each association, UID by UID; what never changes needs no copy
_WITHOUT_COPIES = """
from pydicom.uid import UID
UID.__deepcopy__ = lambda uid, _: uid
"""

# an assertion that fails leaves pynetdicom's threads behind, and the process would wait for them
_FAIL_AT_ONCE = """
import os, sys, traceback
sys.excepthook = lambda *error: (traceback.print_exception(*error), os._exit(1))
"""


PYNETDICOM_SERVER = """
import sys
from io import BytesIO
from pydicom.dataset import Dataset
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt
from pynetdicom import QueryRetrievePresentationContexts
from pynetdicom.sop_class import (
    BasicGrayscalePrintManagementMeta, ModalityPerformedProcedureStep, StorageCommitmentPushModel, Verification,
)

number, destination = int(sys.argv[1]), int(sys.argv[2])
kept = {}


def reply(**values):
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def matches(identifier):
    wanted = str(identifier.get("PatientID", ""))
    return [ds for ds in kept.values() if wanted in ("", "*", ds.PatientID)]


def store(event):
    ds = event.dataset
    ds.file_meta = event.file_meta
    kept[ds.SOPInstanceUID] = ds
    return 0x0000


def find(event):
    for index in range(20 if event.identifier.get("PatientID") == "MANY" else 2):
        if event.is_cancelled:
            yield 0xFE00, None
            return
        yield 0xFF00, reply(QueryRetrieveLevel="STUDY", PatientID="P" * index, StudyInstanceUID="1.2.3")


def get(event):
    found = matches(event.identifier)
    yield len(found)
    for ds in found:
        yield 0xFF00, ds


def move(event):
    found = matches(event.identifier)
    if event.move_destination != "PYNET":
        yield None, None
        return
    classes = {ds.SOPClassUID for ds in found}
    yield "127.0.0.1", destination, {"contexts": [c for c in ae.supported_contexts if c.abstract_syntax in classes]}
    yield len(found)
    for ds in found:
        yield 0xFF00, ds


def created(event):
    if event.request.AffectedSOPInstanceUID == "1.2.9":
        status = reply(Status=0x0111, ErrorComment="It is there already", ErrorID=7)
        return status, None
    answer = reply(PatientID="P", PatientName="Roe^Richard")
    if event.request.AffectedSOPInstanceUID is None:
        answer.AffectedSOPInstanceUID = "1.2.5"  # it becomes that of the command set
    return 0x0000, answer


def changed(event):
    return 0x0000, reply(PatientID="P")


def got(event):
    return 0x0000, reply(PrinterStatus="NORMAL")


def acted(event):
    return 0x0000, reply(TransactionUID="1.2.3.4")


def deleted(event):
    return 0x0000 if event.request.RequestedSOPInstanceUID != "1.2.9" else 0x0112


def reported(event):
    return 0x0000, reply(TransactionUID="1.2.3.4")


def identity(event):
    if event.primary_field == b"nobody":
        return False, None
    return True, b"a ticket" if event.user_id_type == 3 else None


def window(event):
    return 3, 1


def extended(event):
    return {uid: information for uid, information in event.app_info.items()}


ae = AE("PYNET")
ae.require_called_aet = True
ae.add_supported_context(Verification)
ae.add_supported_context(ModalityPerformedProcedureStep)
ae.add_supported_context(BasicGrayscalePrintManagementMeta)
ae.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
for context in AllStoragePresentationContexts:
    ae.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES, scu_role=True, scp_role=True)
for context in QueryRetrievePresentationContexts:
    ae.add_supported_context(context.abstract_syntax)
ae.start_server(("127.0.0.1", number), evt_handlers=[
    (evt.EVT_C_STORE, store), (evt.EVT_C_FIND, find), (evt.EVT_C_GET, get), (evt.EVT_C_MOVE, move),
    (evt.EVT_N_CREATE, created), (evt.EVT_N_SET, changed), (evt.EVT_N_GET, got), (evt.EVT_N_ACTION, acted),
    (evt.EVT_N_DELETE, deleted), (evt.EVT_N_EVENT_REPORT, reported),
    (evt.EVT_USER_ID, identity), (evt.EVT_ASYNC_OPS, window), (evt.EVT_SOP_EXTENDED, extended),
])
"""

PYNETDICOM_CLIENT = """
import sys
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind as Find, StudyRootQueryRetrieveInformationModelGet as Get,
    StudyRootQueryRetrieveInformationModelMove as Move, Verification,
)

number, patient = int(sys.argv[1]), sys.argv[2]
files = [dcmread(path) for path in sys.argv[3:]]
called = {"ae_title": "PYNET"}
ae = AE("CLIENT")
# one context for each pair: an acceptor chooses one syntax of a context, and another object would not fit
pairs = {(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID): None for ds in files}
ae.requested_contexts = [
    *(build_context(uid) for uid in (Verification, Find, Get, Move)), *(build_context(*pair) for pair in pairs),
]
roles = [build_role(uid, scp_role=True) for uid in {ds.SOPClassUID for ds in files}]
handlers = [(evt.EVT_C_STORE, lambda event: 0x0000)]
assoc = ae.associate("127.0.0.1", number, ext_neg=roles, evt_handlers=handlers, **called)
assert assoc.is_established
assert assoc.send_c_echo().Status == 0
query = Dataset()
query.QueryRetrieveLevel = "STUDY"
query.PatientID = patient
query.StudyInstanceUID = ""
one = Dataset()
one.QueryRetrieveLevel = "STUDY"
one.PatientID = patient
one.StudyInstanceUID = files[0].StudyInstanceUID
assert len(list(assoc.send_c_find(query, Find))) >= 1
assert list(assoc.send_c_get(one, Get))
assert list(assoc.send_c_move(one, "NOWHERE", Move))[-1][0].Status != 0
assoc.release()
# without roles the client sends
assoc = ae.associate("127.0.0.1", number, **called)
for ds in files:
    assert assoc.send_c_store(ds).Status == 0
assert len(list(assoc.send_c_find(query, Find))) >= 1
assert list(assoc.send_c_move(one, "PYNET", Move))[-1][0].Status == 0
assoc.release()
only = [build_context(uid) for uid in (Find, Get, *{ds.SOPClassUID for ds in files})]
assoc = ae.associate("127.0.0.1", number, contexts=only, ext_neg=roles, evt_handlers=handlers, **called)
answers = list(assoc.send_c_get(one, Get))
assert answers[-1][0].Status == 0, answers[-1]
many = Dataset()
many.QueryRetrieveLevel = "STUDY"
many.PatientID = "MANY"
answers = assoc.send_c_find(many, Find, msg_id=7)
next(answers)
assoc.send_c_cancel(7, query_model=Find)
list(answers)
assoc.abort()
"""

PYNETDICOM_COMMITMENT = """
import sys, threading
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    StorageCommitmentPushModel as Commitment, StorageCommitmentPushModelInstance as Instance,
)

orthanc, mine, stored = int(sys.argv[1]), int(sys.argv[2]), dcmread(sys.argv[3], stop_before_pixels=True)
over = threading.Event()
ae = AE("COMMIT")
ae.add_supported_context(Commitment, scu_role=True, scp_role=True)
ae.add_requested_context(Commitment)
handlers = [(evt.EVT_N_EVENT_REPORT, lambda event: (0x0000, None)), (evt.EVT_CONN_CLOSE, lambda event: over.set())]
server = ae.start_server(("127.0.0.1", mine), block=False, evt_handlers=handlers)
assoc = ae.associate("127.0.0.1", orthanc, ae_title="ORTHANC")
assert assoc.is_established
one = Dataset()
one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = stored.SOPClassUID, stored.SOPInstanceUID
request = Dataset()
request.TransactionUID = "1.2.3.4.5"
request.ReferencedSOPSequence = [one]
assert assoc.send_n_action(request, 1, Commitment, Instance)[0].Status == 0
assoc.release()
assert over.wait(20), "Orthanc did not report"
server.shutdown()
"""

PYNETDICOM_PRINT = """
import sys
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.sop_class import (
    BasicFilmBox, BasicFilmSession, BasicGrayscalePrintManagementMeta as Meta, Printer, PrinterInstance,
)

ae = AE("CLIENT")
ae.add_requested_context(Meta)
assoc = ae.associate("127.0.0.1", int(sys.argv[1]), ae_title="PRINTER")
assert assoc.is_established


def ok(answer):
    status = answer[0] if isinstance(answer, tuple) else answer
    assert status.Status == 0, status


ok(assoc.send_n_get([(0x2110, 0x0010), (0x2110, 0x0020)], Printer, PrinterInstance, meta_uid=Meta))
session = Dataset()
session.NumberOfCopies = 1
ok(assoc.send_n_create(session, BasicFilmSession, "1.2.4", meta_uid=Meta))
reference = Dataset()
reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = BasicFilmSession, "1.2.4"
box = Dataset()
box.ImageDisplayFormat, box.FilmOrientation, box.FilmSizeID = "STANDARD\\\\1,1", "PORTRAIT", "14INX17IN"
box.ReferencedFilmSessionSequence = [reference]
ok(assoc.send_n_create(box, BasicFilmBox, "1.2.5", meta_uid=Meta))
changed = Dataset()
changed.MaxDensity = 250
ok(assoc.send_n_set(changed, BasicFilmBox, "1.2.5", meta_uid=Meta))
assoc.send_n_action(None, 1, BasicFilmBox, "1.2.5", meta_uid=Meta)  # without a picture the server may refuse
ok(assoc.send_n_delete(BasicFilmBox, "1.2.5", meta_uid=Meta))
assoc.send_n_delete(BasicFilmBox, "1.2.9", meta_uid=Meta)  # there is none
assoc.release()
"""

PYNETDICOM_NORMALIZED = """
import sys
from pydicom.dataset import Dataset
from pynetdicom import AE, build_role
from pynetdicom.sop_class import (
    BasicFilmBox, BasicFilmSession, BasicGrayscaleImageBox, BasicGrayscalePrintManagementMeta as Meta,
    ModalityPerformedProcedureStep as Step, Printer, PrinterInstance, StorageCommitmentPushModel as Commitment,
    StorageCommitmentPushModelInstance,
)

ae = AE("CLIENT")
for uid in (Meta, Step, Commitment):
    ae.add_requested_context(uid)
role = build_role(Commitment, scu_role=True, scp_role=True)
assoc = ae.associate("127.0.0.1", int(sys.argv[1]), ae_title="PYNET", ext_neg=[role])
assert assoc.is_established


def ok(answer):
    status = answer[0] if isinstance(answer, tuple) else answer
    assert status.Status == 0, status


progress = Dataset()
progress.PerformedProcedureStepStatus = "IN PROGRESS"
ok(assoc.send_n_create(progress, Step, "1.2.3"))
assert assoc.send_n_create(progress, Step, "1.2.9")[0].Status == 0x0111
done = Dataset()
done.PerformedProcedureStepStatus = "COMPLETED"
ok(assoc.send_n_set(done, Step, "1.2.3"))
session = Dataset()
session.NumberOfCopies = 1
ok(assoc.send_n_get([(0x2110, 0x0010), (0x2110, 0x0020)], Printer, PrinterInstance, meta_uid=Meta))
ok(assoc.send_n_get(None, Printer, PrinterInstance, meta_uid=Meta))
ok(assoc.send_n_create(session, BasicFilmSession, "1.2.4", meta_uid=Meta))
ok(assoc.send_n_create(None, BasicFilmBox, None, meta_uid=Meta))
image = Dataset()
image.ImageBoxPosition = 1
ok(assoc.send_n_set(image, BasicGrayscaleImageBox, "1.2.6", meta_uid=Meta))
ok(assoc.send_n_action(None, 1, BasicFilmBox, "1.2.5", meta_uid=Meta))
ok(assoc.send_n_delete(BasicFilmBox, "1.2.5", meta_uid=Meta))
assert assoc.send_n_delete(BasicFilmBox, "1.2.9", meta_uid=Meta).Status == 0x0112
request = Dataset()
request.TransactionUID = "1.2.3.4"
ok(assoc.send_n_action(request, 1, Commitment, StorageCommitmentPushModelInstance))
ok(assoc.send_n_event_report(request, 1, Commitment, StorageCommitmentPushModelInstance))
assoc.release()
"""

PYNETDICOM_NEGOTIATION = """
import sys
from pynetdicom import AE, build_context
from pynetdicom.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation, SCP_SCU_RoleSelectionNegotiation, SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation, UserIdentityNegotiation,
)
from pynetdicom.sop_class import (
    CTImageStorage, EnhancedCTImageStorage, MRImageStorage, PatientRootQueryRetrieveInformationModelFind as Find,
    Verification,
)

number = int(sys.argv[1])


def associate(*items, called="PYNET", title="CLIENT", established=True, contexts=None, **options):
    ae = AE(title)
    ae.requested_contexts = contexts or [build_context(Verification), build_context(CTImageStorage)]
    for name, value in options.items():
        setattr(ae, name, value)
    assoc = ae.associate("127.0.0.1", number, ae_title=called, ext_neg=list(items))
    assert assoc.is_established == established, (items, called)
    return assoc


def identity(kind, primary, secondary=None, response=True):
    item = UserIdentityNegotiation()
    item.user_identity_type = kind
    item.primary_field = primary
    if secondary is not None:
        item.secondary_field = secondary
    item.positive_response_requested = response
    return item


window = AsynchronousOperationsWindowNegotiation()
window.maximum_number_operations_invoked = 5
window.maximum_number_operations_performed = 0
role = SCP_SCU_RoleSelectionNegotiation()
role.sop_class_uid = CTImageStorage
role.scu_role = True
role.scp_role = False
extended = SOPClassExtendedNegotiation()
extended.sop_class_uid = Find
extended.service_class_application_information = bytes([1, 1, 0, 1])
common = SOPClassCommonExtendedNegotiation()
common.sop_class_uid = CTImageStorage
common.service_class_uid = "1.2.840.10008.4.2"
common.related_general_sop_class_identification = [EnhancedCTImageStorage, MRImageStorage]
contexts = [
    build_context(Verification), build_context(CTImageStorage), build_context(Find),
    build_context("1.2.3.4", "1.2.840.10008.1.2"),  # nobody knows it
    build_context(Verification, "1.2.840.10008.1.2.4.50"),  # but not so
]
associate(window, role, extended, common, identity(2, b"joe", b"s3cret"), contexts=contexts).release()
associate(identity(3, b"kerberos"), identity_response=True).release()
associate(identity(1, b"nobody"), established=False)
associate(called="NOBODY", established=False)
associate(title="SIXTEEN_CHARS_16", maximum_pdu_size=0, implementation_version_name=None).release()
associate(identity(4, b"<Assertion/>", response=False)).abort()
"""
