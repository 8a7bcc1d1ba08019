"""N-GET: attributes of an instance are asked for, such as a printer's state (PS3.7 10.1.2)."""

from pydicom.dataset import Dataset

from workstation.net import evt


def handle_n_get(event):
    """A printer that has run out of film.

    event.attribute_identifiers   the tags that are wanted; empty for all
    event.request                 the N-GET-RQ: RequestedSOPClassUID, RequestedSOPInstanceUID
    """
    state = Dataset()
    state.PrinterStatus = "WARNING"
    state.PrinterStatusInfo = "SUPPLY EMPTY"
    state.PrinterName = "Script"
    wanted = event.attribute_identifiers
    if wanted:
        for element in list(state):
            if element.tag not in wanted:
                del state[element.tag]
    return 0x0000, state


HANDLERS = [(evt.EVT_N_GET, handle_n_get)]
