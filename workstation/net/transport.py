"""The documented place of servers and addresses."""

from __future__ import annotations

from workstation.net.listener import AssociationServer, RequestHandler, ThreadedAssociationServer
from workstation.net.shell.address import AddressInformation

__all__ = ["AddressInformation", "AssociationServer", "RequestHandler", "ThreadedAssociationServer"]
