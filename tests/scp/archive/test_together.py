"""Work that one does for all who wait."""

import threading
from dataclasses import dataclass

import pytest

from workstation.scp.archive.together import Together

PATIENCE = 10.0


@dataclass
class Ticket:
    number: int
    done: bool = False


def test_who_waits_is_served_with_the_others() -> None:
    batches: list[set[int]] = []
    begun, go_on = threading.Event(), threading.Event()

    def work(tickets: list[Ticket]) -> None:
        batches.append({ticket.number for ticket in tickets})
        begun.set()
        assert go_on.wait(PATIENCE)
        for ticket in tickets:
            ticket.done = True

    together = Together(work)
    tickets = [Ticket(number) for number in range(5)]
    threads = [threading.Thread(target=together.do, args=(ticket,)) for ticket in tickets]
    threads[0].start()
    assert begun.wait(PATIENCE)
    for thread in threads[1:]:
        thread.start()
    while len(together._waiting) < 4:
        threading.Event().wait(0.001)
    go_on.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert all(ticket.done for ticket in tickets)
    assert batches == [{0}, {1, 2, 3, 4}]


def test_work_that_was_interrupted_is_done_by_the_next() -> None:
    interruptions = [KeyboardInterrupt()]

    def work(tickets: list[Ticket]) -> None:
        if interruptions:
            raise interruptions.pop()
        for ticket in tickets:
            ticket.done = True

    together = Together(work)
    first, second = Ticket(1), Ticket(2)
    with pytest.raises(KeyboardInterrupt):
        together.do(first)
    together.do(second)
    assert [first.done, second.done] == [True, True]
