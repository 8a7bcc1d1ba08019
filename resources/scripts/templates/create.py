"""N-CREATE: an instance is made, such as a performed procedure step (PS3.7 10.1.5)."""

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from workstation.net import evt

instances = {}


def handle_create(event):
    """Keep what is created, once for each instance.

    event.attribute_list   its attributes
    event.request          the N-CREATE-RQ: AffectedSOPClassUID, AffectedSOPInstanceUID (may be absent)
    """
    uid = event.request.AffectedSOPInstanceUID or generate_uid()
    if uid in instances:
        return 0x0111, None  # duplicate SOP instance
    instances[uid] = event.attribute_list
    reply = Dataset()
    reply.AffectedSOPInstanceUID = uid
    return 0x0000, reply


HANDLERS = [(evt.EVT_N_CREATE, handle_create)]
