"""The DICOM protocol (PS3.7, PS3.8): application entities, associations, events.

The names here are the documented API's: a script written for it runs once its import line says `workstation.net`.
They are resolved when first used, so that a program pays for what it needs.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from workstation import __version__

if TYPE_CHECKING:
    from workstation.net import _config, sop_class
    from workstation.net import events as evt
    from workstation.net._globals import (
        ALL_TRANSFER_SYNTAXES,
        DEFAULT_TRANSFER_SYNTAXES,
        PYNETDICOM_IMPLEMENTATION_UID,
        PYNETDICOM_IMPLEMENTATION_VERSION,
        PYNETDICOM_UID_PREFIX,
    )
    from workstation.net.ae import AE
    from workstation.net.association import Association
    from workstation.net.default_logging import debug_logger
    from workstation.net.presentation import build_context, build_role
    from workstation.net.sop_class import register_uid

logging.getLogger(__name__).addHandler(logging.NullHandler())

_HOMES = {
    "AE": "ae",
    "Association": "association",
    "build_context": "presentation",
    "build_role": "presentation",
    "debug_logger": "default_logging",
    "register_uid": "sop_class",
    "ALL_TRANSFER_SYNTAXES": "_globals",
    "DEFAULT_TRANSFER_SYNTAXES": "_globals",
    "PYNETDICOM_IMPLEMENTATION_UID": "_globals",
    "PYNETDICOM_IMPLEMENTATION_VERSION": "_globals",
    "PYNETDICOM_UID_PREFIX": "_globals",
}
_MODULES = {"evt": "events", "_config": "_config", "sop_class": "sop_class"}

__all__ = [
    "AE",
    "ALL_TRANSFER_SYNTAXES",
    "DEFAULT_TRANSFER_SYNTAXES",
    "PYNETDICOM_IMPLEMENTATION_UID",
    "PYNETDICOM_IMPLEMENTATION_VERSION",
    "PYNETDICOM_UID_PREFIX",
    "Association",
    "__version__",
    "_config",
    "build_context",
    "build_role",
    "debug_logger",
    "evt",
    "register_uid",
    "sop_class",
]


def __getattr__(name: str) -> Any:
    """Resolve a public name in its module, and keep it."""
    if name in _MODULES:
        value: Any = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    elif name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    elif name.endswith("PresentationContexts"):
        value = getattr(importlib.import_module(f"{__name__}.presentation"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value
