"""C-FIND: somebody searches (PS3.7 9.1.2). Yield a match at a time; success is said at the end."""

from pydicom.dataset import Dataset

from workstation.net import evt

PATIENTS = {"4711": "Doe^Jane", "4712": "Doe^John", "4713": "Roe^Richard"}


def handle_find(event):
    """Answer with the patients above whose ID is asked for, all of them if none is.

    event.identifier     what is searched for
    event.is_cancelled   whether the peer has cancelled meanwhile
    event.over.wait(s)   waits, and returns True at once when the peer cancels or leaves
    """
    wanted = event.identifier.get("PatientID", "")
    for patient_id, name in PATIENTS.items():
        if event.is_cancelled:
            yield 0xFE00, None
            return
        if wanted not in ("", "*", patient_id):
            continue
        match = Dataset()
        match.QueryRetrieveLevel = event.identifier.get("QueryRetrieveLevel", "PATIENT")
        match.PatientID = patient_id
        match.PatientName = name
        yield 0xFF00, match


HANDLERS = [(evt.EVT_C_FIND, handle_find)]
