"""Who is told of which Unified Procedure Step (PS3.4 CC.2.3), kept in the ledger (kind "ups-subscription").

One record for each receiving AE title: its global subscription, and its state for each instance (Table CC.2.3-2). An
instance that its `instances` does not have is Not Subscribed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from pydicom.dataset import Dataset

from workstation.scp.ledger import Ledger, Record, UnknownRecordError

KIND = "ups-subscription"
# States of a record, for a person.
GLOBAL, FILTERED, SPECIFIC = "GLOBAL", "FILTERED", "SPECIFIC"

Locks = dict[str, bool]


class Subscriptions:
    """The subscriptions of one ledger. All methods may be called from any thread.

    Args:
        ledger: where they are kept.
        ae_title: the server's, kept with each.
    """

    def __init__(self, ledger: Ledger, ae_title: Callable[[], str]) -> None:
        self._ledger = ledger
        self._ae_title = ae_title
        self._changing = threading.Lock()  # a record that became empty is removed: not while another one fills it

    # the rows of Table CC.2.3-2

    def subscribe(self, receiver: str, instance: str, *, lock: bool, by: str) -> None:
        """An AE subscribes to a specific UPS."""

        def changed(record: Record) -> Record:
            return _with(record, {**_instances(record), instance: lock})

        self._change(receiver, by, changed)

    def subscribe_globally(
        self, receiver: str, existing: Iterable[str], *, lock: bool, by: str, keys: Dataset | None = None
    ) -> list[str]:
        """An AE subscribes globally; with `keys`, to what matches them.

        Args:
            receiver: AE title.
            existing: instances that there are, with `keys` those that match.
            lock: with deletion lock.
            by: AE title of whoever asks for it.
            keys: of a filtered global subscription.

        Returns:
            Those to which it was not subscribed before.
        """
        added: list[str] = []

        def changed(record: Record) -> Record:
            instances = _instances(record)
            added[:] = [instance for instance in existing if instance not in instances]
            facts = {**record.facts, "global": "lock" if lock else "no lock"}
            state = GLOBAL if keys is None else FILTERED
            record = replace(record, state=state, facts=facts, data_set=Dataset() if keys is None else keys)
            return _with(record, {**instances, **dict.fromkeys(added, lock)})

        existing = list(existing)
        self._change(receiver, by, changed)
        return added

    def unsubscribe(self, receiver: str, instance: str) -> None:
        """An AE unsubscribes from a specific UPS."""

        def changed(record: Record) -> Record:
            instances = _instances(record)
            instances.pop(instance, None)
            return _with(record, instances)

        self._change(receiver, None, changed)

    def unsubscribe_globally(self, receiver: str) -> None:
        """An AE unsubscribes from everything."""
        with self._changing:
            self._ledger.remove(KIND, receiver)

    def suspend(self, receiver: str) -> None:
        """An AE is told no longer of new instances, and still of those that it is subscribed to."""
        self._change(
            receiver,
            None,
            lambda record: replace(record, state=SPECIFIC, facts={**record.facts, "global": ""}, data_set=Dataset()),
        )

    def created(self, instance: str, matches: Callable[[Dataset], bool]) -> list[str]:
        """A UPS is created: subscribe those who are globally subscribed, and return them.

        Args:
            instance: its UID.
            matches: whether it matches the keys of a filtered subscription.
        """
        receivers = []
        for record in self._records():
            lock = record.facts.get("global")
            if not lock or (record.state == FILTERED and not matches(record.data_set)):
                continue
            self.subscribe(record.uid, instance, lock=lock == "lock", by=record.peer)
            receivers.append(record.uid)
        return receivers

    # asking

    def of(self, instance: str) -> list[str]:
        """Return the AE titles that are told of a UPS."""
        return [record.uid for record in self._records() if instance in _instances(record)]

    def is_known(self, receiver: str) -> bool:
        """Return whether an AE title has a subscription."""
        return self._ledger.get(KIND, receiver) is not None

    def receivers(self) -> list[str]:
        """Return all AE titles that subscribed to something at the server of this AE title."""
        return [record.uid for record in self._records() if record.facts.get("ae_title") == self._ae_title()]

    def _records(self) -> Iterator[Record]:
        # All at once: who reads may change them.
        yield from list(self._ledger.records(KIND))

    def _change(self, receiver: str, by: str | None, changed: Callable[[Record], Record]) -> None:
        """Change the record of a receiver; with `by`, made if there is none."""
        with self._changing:
            while True:
                try:
                    record = self._ledger.change(KIND, receiver, changed)
                    break
                except UnknownRecordError:
                    if by is None:
                        return
                    facts: dict[str, object] = {"ae_title": self._ae_title(), "global": "", "instances": {}}
                    self._ledger.add(KIND, receiver, Dataset(), state=SPECIFIC, peer=by, facts=facts)
            if not record.facts.get("global") and not _instances(record):
                self._ledger.remove(KIND, receiver)


def _instances(record: Record) -> Locks:
    instances = record.facts.get("instances")
    return {str(uid): bool(lock) for uid, lock in instances.items()} if isinstance(instances, dict) else {}


def _with(record: Record, instances: Locks) -> Record:
    return replace(record, facts={**record.facts, "instances": instances})
