"""User identity: who is it that asks for the association (PS3.7 D.3.3.7)?"""

from workstation.net import evt

PASSCODES = {b"jane": b"secret"}


def handle_user_id(event):
    """Let in who knows the passcode. Return whether, and the server's response (for types 3 to 5) or None.

    event.user_id_type      1 user name, 2 with passcode, 3 Kerberos, 4 SAML, 5 JWT
    event.primary_field     bytes: the user name, or the ticket
    event.secondary_field   bytes: the passcode (type 2), or None
    """
    if event.user_id_type == 1:
        return event.primary_field in PASSCODES, None
    if event.user_id_type == 2:
        return PASSCODES.get(event.primary_field) == event.secondary_field, None
    return False, None


HANDLERS = [(evt.EVT_USER_ID, handle_user_id)]
