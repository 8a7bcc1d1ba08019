"""SOP class common extended negotiation: what is an unknown SOP class like (PS3.7 D.3.3.6)?"""

from workstation.net import evt

STORAGE = "1.2.840.10008.4.2"


def handle_sop_common(event):
    """Take every SOP class that says it is storage.

    event.items   {SOP Class UID: item with service_class_uid and related_general_sop_class_identification}

    Return those that are accepted.
    """
    return {uid: item for uid, item in event.items.items() if item.service_class_uid == STORAGE}


HANDLERS = [(evt.EVT_SOP_COMMON, handle_sop_common)]
