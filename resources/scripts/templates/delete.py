"""N-DELETE: an instance is deleted, such as a film session (PS3.7 10.1.6)."""

from workstation.net import evt

deleted = set()


def handle_delete(event):
    """Delete everything once.

    event.request   the N-DELETE-RQ: RequestedSOPClassUID, RequestedSOPInstanceUID
    """
    uid = event.request.RequestedSOPInstanceUID
    if uid in deleted:
        return 0x0112  # no such SOP instance
    deleted.add(uid)
    return 0x0000


HANDLERS = [(evt.EVT_N_DELETE, handle_delete)]
