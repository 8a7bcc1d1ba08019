"""SOP classes and well-known instances by name: ``from workstation.net.sop_class import CTImageStorage, Verification``.

PS3.4 and PS3.6 Annex A. Each name is a `SOPClass`, a UID that knows its service class. The names come from the tables
of `uids`; older spellings (``VerificationSOPClass``), pydicom's keywords and names given with `register_uid` work
as well. Knows nothing of associations.
"""

from __future__ import annotations

import keyword as python_keyword
from typing import Final

from pydicom.config import IGNORE
from pydicom.uid import UID

from workstation.net import uids
from workstation.net.services import SERVICE_CLASSES
from workstation.net.services.base import ServiceClass
from workstation.net.services.query_retrieve import QueryRetrieveServiceClass
from workstation.net.services.storage import StorageServiceClass
from workstation.net.services.unified_procedure_step import UnifiedProcedureStepServiceClass


class SOPClass(UID):
    """A SOP Class UID."""

    @property
    def service_class(self) -> type[ServiceClass]:
        """The service class; the base `ServiceClass` for a SOP class that is not known."""
        return uid_to_service_class(self)

    @property
    def name(self) -> str:
        """The name in PS3.6, the keyword for a registered one; the UID itself for an unknown one."""
        return uids.uid_name(self) or _keywords.get(str(self), "") or str(self)


_QUERY_SERVICES: Final = ("C-FIND", "C-GET", "C-MOVE")

_by_name: dict[str, SOPClass] = {}
_service_classes: dict[str, type[ServiceClass]] = {
    uids.STORAGE_SERVICE_CLASS_UID: StorageServiceClass,
    uids.UNIFIED_PROCEDURE_STEP_SERVICE_CLASS_UID: UnifiedProcedureStepServiceClass,
}
# UID -> keyword, of what `register_uid` was given.
_keywords: dict[str, str] = {}
# UID -> DIMSE services, of the SOP classes that do not have all those of their service class.
_services: dict[str, tuple[str, ...]] = {}


def _fill() -> None:
    for service_class in SERVICE_CLASSES:
        for name, uid in service_class.sop_classes.items():
            _by_name[name] = SOPClass(uid)
            _service_classes[uid] = service_class
            if name in service_class.services_of:
                _services[uid] = service_class.services_of[name]
            elif issubclass(service_class, QueryRetrieveServiceClass):
                _services[uid] = (_query_service(name),)
    # Media Storage has no network service (PS3.4 Annex I), hence no service class here.
    for name, uid in uids.MEDIA_STORAGE.items():
        _by_name[name] = SOPClass(uid)


def _query_service(name: str) -> str:
    """The one service of a query/retrieve SOP class, which its name tells."""
    if name.endswith("Move"):
        return "C-MOVE"
    if name.endswith("Get"):
        return "C-GET"
    return "C-FIND"


_fill()


def __getattr__(name: str) -> UID:
    if name in uids.INSTANCES:
        return UID(uids.INSTANCES[name])
    known: UID | None = _by_name.get(uids.OTHER_SPELLINGS.get(name, name))
    if known is None:
        # Until version 2 the documented API put "SOPClass" behind the names that are no "...Storage".
        known = _by_name.get(name.removesuffix("SOPClass"))
    if known is None:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return known


def __dir__() -> list[str]:
    return sorted({*globals(), *_by_name, *uids.INSTANCES})


def sop_class_names() -> tuple[str, ...]:
    """Return the names of all SOP classes that are known, those of `register_uid` included."""
    return tuple(_by_name)


def uid_to_sop_class(uid: str) -> SOPClass:
    """Return `uid` as a SOPClass; an unknown one has the base `ServiceClass` as service class."""
    return uid if isinstance(uid, SOPClass) else SOPClass(uid, validation_mode=IGNORE)


def uid_to_service_class(uid: str) -> type[ServiceClass]:
    """Return the service class of a SOP Class UID or Service Class UID; the base `ServiceClass` if unknown."""
    return _service_classes.get(uid, ServiceClass)


def is_storage(uid: str) -> bool:
    """Return whether `uid` is a SOP class whose instances are sent with C-STORE."""
    return issubclass(uid_to_service_class(uid), StorageServiceClass)


def is_known(uid: str) -> bool:
    """Return whether `uid` is in the standard's registry, or was registered."""
    return uid in _service_classes or bool(uids.uid_name(uid))


def dimse_services(uid: str) -> tuple[str, ...]:
    """Return the DIMSE services of a SOP class ("C-FIND"); all that there are for an unknown one."""
    return _services.get(uid) or uid_to_service_class(uid).services


def register_uid(uid: str, keyword: str, service_class: type[ServiceClass], dimse_msg_type: str = "") -> None:
    """Make a private or new SOP class known: ``register_uid("1.2.246...", "OurStorage", StorageServiceClass)``.

    Args:
        uid: The SOP Class UID.
        keyword: The name it gets in this module.
        service_class: The service class that it belongs to.
        dimse_msg_type: For Query/Retrieve the service: "C-FIND", "C-GET" or "C-MOVE"; its relatives may have one too.

    Raises:
        ValueError: for a keyword that cannot be a name, or a missing or wrong `dimse_msg_type`.
        TypeError: if `service_class` is not a subclass of ServiceClass.
    """
    if not keyword.isidentifier() or python_keyword.iskeyword(keyword):
        raise ValueError(f"The keyword '{keyword}' is not a valid Python identifier or is a Python keyword")
    if not isinstance(service_class, type) or not issubclass(service_class, ServiceClass):
        raise TypeError(f"'service_class' must be a subclass of ServiceClass, not {service_class!r}")
    if issubclass(service_class, QueryRetrieveServiceClass) and (
        dimse_msg_type or service_class is QueryRetrieveServiceClass
    ):
        if dimse_msg_type not in _QUERY_SERVICES:
            raise ValueError(f"'dimse_msg_type' must be one of {', '.join(_QUERY_SERVICES)}, not '{dimse_msg_type}'")
        _services[str(uid)] = (dimse_msg_type,)
    _by_name[keyword] = SOPClass(uid)
    _service_classes[str(uid)] = service_class
    _keywords[str(uid)] = keyword
