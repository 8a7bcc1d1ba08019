"""The documented names are what a handler's request is."""

from __future__ import annotations

import pytest

from workstation.net import dimse_primitives
from workstation.net.codec import dimse


@pytest.mark.parametrize("name", [name for name in dimse_primitives.__all__ if name != "DIMSEPrimitive"])
def test_each_name_is_the_request_of_its_service(name: str) -> None:
    cls = getattr(dimse_primitives, name)
    assert cls is getattr(dimse, f"{name}_RQ")
    assert issubclass(cls, dimse_primitives.DIMSEPrimitive)


def test_a_decoded_request_is_an_instance() -> None:
    request = dimse.C_FIND_RQ(MessageID=7, AffectedSOPClassUID="1.2.840.10008.5.1.4.1.2.2.1", Priority=2, data=b"")
    received = dimse.decode_command(dimse.encode_command(request), 1)
    assert isinstance(received, dimse_primitives.C_FIND)
    assert not isinstance(received, dimse_primitives.C_MOVE)
    assert received.msg_type == "C-FIND"
    assert received.MessageID == 7
