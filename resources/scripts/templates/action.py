"""N-ACTION: something is to be done, such as storage commitment (PS3.7 10.1.4)."""

from workstation.net import evt


def handle_action(event):
    """Take requests for storage commitment, and refuse any other action.

    event.action_type          its Action Type ID
    event.action_information   what goes with it
    event.request              the N-ACTION-RQ: RequestedSOPClassUID, RequestedSOPInstanceUID
    """
    if event.action_type != 1:
        return 0x0123, None  # no such action
    wanted = event.action_information.get("ReferencedSOPSequence") or []
    print(f"Commitment is asked for {len(wanted)} objects")
    return 0x0000, None


HANDLERS = [(evt.EVT_N_ACTION, handle_action)]
