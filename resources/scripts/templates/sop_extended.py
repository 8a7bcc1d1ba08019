"""SOP class extended negotiation: what do both sides support of a SOP class (PS3.7 D.3.3.5)?"""

from workstation.net import evt


def handle_sop_extended(event):
    """Support the first ability of each SOP class (relational queries, for instance), and no other.

    event.app_info   {SOP Class UID: bytes}, as proposed

    Return the same for those that are answered.
    """
    return {uid: offered[:1] + bytes(len(offered) - 1) for uid, offered in event.app_info.items() if offered}


HANDLERS = [(evt.EVT_SOP_EXTENDED, handle_sop_extended)]
