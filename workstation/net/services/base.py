"""What a service class is: a table of its SOP classes, DIMSE services and status codes, and the few rules of its own.

PS3.4. The classes themselves are in the modules beside this one, one for each; how their requests are answered is in
`operations`, which reads these tables and knows none of them by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from workstation.net import status
from workstation.net.status import StatusTable

ALL_N_SERVICES: Final = ("N-EVENT-REPORT", "N-GET", "N-SET", "N-ACTION", "N-CREATE", "N-DELETE")


class ServiceClass:
    """What every service class has, and the one of SOP classes that no service class is known for.

    Attributes:
        section: Where the standard defines it.
        sop_classes: Its SOP classes, {keyword: UID}.
        services: The DIMSE services of all its SOP classes, as the standard spells them ("C-FIND"); for the base class,
            which stands for what is not known, all that there are.
        services_of: {keyword: DIMSE services}, where its SOP classes differ.
        statuses: {code: (category, meaning)}; services with tables of their own are in `service_statuses`.
        service_statuses: {DIMSE service: table}.
        most_matches: The most Pending responses to one C-FIND; None is no limit.
        carriers: {SOP Class UID: SOP classes whose accepted contexts carry its requests as well}.
    """

    section: ClassVar[str] = ""
    sop_classes: ClassVar[Mapping[str, str]] = {}
    services: ClassVar[tuple[str, ...]] = ("C-ECHO", "C-STORE", "C-FIND", "C-GET", "C-MOVE", *ALL_N_SERVICES)
    services_of: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    statuses: ClassVar[StatusTable] = status.GENERAL_STATUS
    service_statuses: ClassVar[Mapping[str, StatusTable]] = {}
    most_matches: ClassVar[int | None] = None
    carriers: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __init_subclass__(cls) -> None:
        if "services_of" in cls.__dict__:
            # each once, in the order in which they are first named
            cls.services = tuple(
                dict.fromkeys(service for services in cls.services_of.values() for service in services)
            )

    @classmethod
    def statuses_of(cls, service: str) -> StatusTable:
        """Return the status table of one DIMSE service ("C-MOVE") of this service class."""
        return cls.service_statuses.get(service, cls.statuses)

    @classmethod
    def is_valid_status(cls, code: int, service: str = "") -> bool:
        """Return whether the service class defines `code`."""
        return code in cls.statuses_of(service)
