"""The documented place of servers and addresses."""

from __future__ import annotations

from workstation.net.address import AddressInformation
from workstation.net.listener import AssociationServer, RequestHandler, ThreadedAssociationServer

__all__ = ["AddressInformation", "AssociationServer", "RequestHandler", "ThreadedAssociationServer"]
