"""N-EVENT-REPORT: we are told of something, such as the result of a storage commitment (PS3.7 10.1.1)."""

from workstation.net import evt


def handle_event_report(event):
    """Read the result of a storage commitment.

    event.event_type          its Event Type ID
    event.event_information   what goes with it
    event.request             the N-EVENT-REPORT-RQ: AffectedSOPClassUID, AffectedSOPInstanceUID
    """
    if event.event_type not in (1, 2):
        return 0x0113, None  # no such event type
    failed = event.event_information.get("FailedSOPSequence") or []
    print(f"Transaction {event.event_information.get('TransactionUID')}: {len(failed)} objects failed")
    return 0x0000, None


HANDLERS = [(evt.EVT_N_EVENT_REPORT, handle_event_report)]
