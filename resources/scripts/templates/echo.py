"""C-ECHO: somebody asks whether we are there (PS3.7 9.1.5)."""

from pydicom.dataset import Dataset

from workstation.net import evt


def handle_echo(event):
    """Answer success, but tell who asked that he is expected elsewhere.

    event.assoc.requestor.ae_title   who asks
    event.message_id                 its Message ID
    """
    caller = event.assoc.requestor.ae_title
    if caller == "LOST":
        status = Dataset()
        status.Status = 0x0122  # SOP class not supported
        status.ErrorComment = f"{caller} is not expected here"
        return status
    return 0x0000


HANDLERS = [(evt.EVT_C_ECHO, handle_echo)]
