"""Color Palette Query/Retrieve (PS3.4 Annex X)."""

from __future__ import annotations

from workstation.net import uids
from workstation.net.services.query_retrieve import QueryRetrieveServiceClass


class ColorPaletteQueryRetrieveServiceClass(QueryRetrieveServiceClass):
    """Color Palette Query/Retrieve: palettes for pseudo-color presentation."""

    section = "PS3.4 Annex X"
    sop_classes = uids.COLOR_PALETTE
