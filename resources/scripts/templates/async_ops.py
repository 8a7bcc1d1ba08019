"""Asynchronous operations window: how much at once (PS3.7 D.3.3.3)?"""

from workstation.net import evt


def handle_async_ops(event):
    """Say what is proposed. Operations stay one at a time: a window of 1 and 1 is answered.

    event.nr_invoked     operations that the peer wants to invoke at once, 0 for any number
    event.nr_performed   operations that it can perform at once
    """
    print(f"{event.assoc.requestor.ae_title} proposes {event.nr_invoked} and {event.nr_performed}")
    return 1, 1


HANDLERS = [(evt.EVT_ASYNC_OPS, handle_async_ops)]
