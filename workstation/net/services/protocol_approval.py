"""Protocol Approval Query/Retrieve (PS3.4 Annex II)."""

from __future__ import annotations

from workstation.net import uids
from workstation.net.services.query_retrieve import QueryRetrieveServiceClass


class ProtocolApprovalQueryRetrieveServiceClass(QueryRetrieveServiceClass):
    """Protocol Approval Query/Retrieve: who approved which protocol."""

    section = "PS3.4 Annex II"
    sop_classes = uids.PROTOCOL_APPROVAL
