"""An archive that has its days: it stores, finds what it stored, and sometimes refuses.

A script for the test server (Server > Rules > Script), and a server by itself:

    python stubborn_archive.py 11112

Change it while it is in use: the next request is answered by the new version.
"""

import sys

from pydicom.dataset import Dataset

from workstation.net import AE, AllStoragePresentationContexts, evt
from workstation.net.sop_class import (
    ModalityWorklistInformationFind,
    PatientRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelFind,
    Verification,
)

REFUSES_EVERY = 5
NOT_BEFORE = 0.0  # seconds that a search takes

objects = {}
stored = 0


def refusal(code, comment):
    """A status that says why."""
    status = Dataset()
    status.Status = code
    status.ErrorComment = comment
    return status


def handle_echo(event):
    """We are there."""
    return 0x0000


def handle_store(event):
    """Take an object, but every fifth one only at the second try."""
    global stored
    stored += 1
    if stored % REFUSES_EVERY == 0:
        return refusal(0xA700, "Not now: the archive has one of its days")
    data_set = event.dataset
    objects[event.request.AffectedSOPInstanceUID] = {
        keyword: data_set.get(keyword, "")
        for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "StudyDate", "Modality")
    }
    return 0x0000


def handle_find(event):
    """Answer with the studies of what was stored, one response each."""
    if event.over.wait(NOT_BEFORE):
        yield 0xFE00, None  # the peer cancelled, or has left
        return
    wanted = event.identifier.get("PatientID", "")
    studies = {}
    for known in list(objects.values()):
        if wanted in ("", "*", known["PatientID"]):
            studies.setdefault(known["StudyInstanceUID"], known)
    for known in studies.values():
        match = Dataset()
        match.QueryRetrieveLevel = "STUDY"
        for keyword, value in known.items():
            setattr(match, keyword, value)
        yield 0xFF00, match


HANDLERS = [
    (evt.EVT_C_ECHO, handle_echo),
    (evt.EVT_C_STORE, handle_store),
    (evt.EVT_C_FIND, handle_find),
]


def serve(port):
    """Serve until Ctrl+C, without the workstation's window."""
    ae = AE("STUBBORN")
    ae.supported_contexts = AllStoragePresentationContexts
    for sop_class in (
        Verification,
        PatientRootQueryRetrieveInformationModelFind,
        StudyRootQueryRetrieveInformationModelFind,
        ModalityWorklistInformationFind,
    ):
        ae.add_supported_context(sop_class)
    ae.start_server(("127.0.0.1", port), evt_handlers=HANDLERS)


if __name__ == "__main__":
    serve(int(sys.argv[1]) if len(sys.argv) > 1 else 11112)
