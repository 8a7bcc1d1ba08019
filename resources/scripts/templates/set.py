"""N-SET: attributes of an instance are changed, such as a performed procedure step's (PS3.7 10.1.3)."""

from workstation.net import evt

FINAL = ("COMPLETED", "DISCONTINUED")
states = {}


def handle_set(event):
    """Let a procedure step be changed until it is completed or discontinued.

    event.modification_list   the attributes and their new values
    event.request             the N-SET-RQ: RequestedSOPClassUID, RequestedSOPInstanceUID
    """
    uid = event.request.RequestedSOPInstanceUID
    if states.get(uid) in FINAL:
        return 0x0110, None  # processing failure: may no longer be updated
    states[uid] = event.modification_list.get("PerformedProcedureStepStatus", states.get(uid))
    return 0x0000, None


HANDLERS = [(evt.EVT_N_SET, handle_set)]
