"""C-STORE: an object arrives (PS3.7 9.1.1)."""

from workstation.net import evt

FULL_AFTER = 10
received = []


def handle_store(event):
    """Take ten objects, then say that the disk is full. Nothing is kept but the names.

    event.dataset            the object, decoded when you look at it
    event.file_meta          its file meta information
    event.encoded_dataset()  the object as the bytes of a DICOM file
    event.request            the C-STORE-RQ: AffectedSOPInstanceUID, Priority, MoveOriginatorMessageID ...
    """
    if len(received) >= FULL_AFTER:
        return 0xA700  # refused: out of resources
    if "PatientID" not in event.dataset:
        return 0xA900  # data set does not match SOP class
    received.append(event.request.AffectedSOPInstanceUID)
    return 0x0000


HANDLERS = [(evt.EVT_C_STORE, handle_store)]
