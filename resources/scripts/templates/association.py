"""An association request, before anything is negotiated (PS3.8 7.1). Only the test server asks this."""

ALLOWED = ("CT1", "MR1", "WORKSTATION")


def handle_association(event):
    """Let in who is listed, and reject everybody else.

    event.request.calling_ae_title        who asks
    event.request.called_ae_title         for whom
    event.request.presentation_contexts   for what: abstract_syntax, transfer_syntaxes
    event.assoc.requestor.address         from where

    Return None to accept, or (result, source, reason) as in PS3.8 Table 9-21.
    """
    if event.request.calling_ae_title in ALLOWED:
        return None
    return 1, 1, 3  # rejected permanently, by the service user: calling AE title not recognized
