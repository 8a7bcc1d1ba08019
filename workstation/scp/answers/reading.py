"""The data set of a request, decoded as a whole within bounds: no peer's bytes hold a server up or end its handler.

    try:
        attributes = read_data_set(event)
    except UnreadableDataSetError as error:
        return status_of(PROCESSING_FAILURE, str(error)), None

For the Identifier of a C-FIND, C-GET or C-MOVE and for what comes with a DIMSE-N request; objects of a C-STORE are far
larger and go to the archive.
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from workstation.net import dsutils
from workstation.net.events import Event
from workstation.scp.archive.scan import DamagedDataSetError, scan

# Ten thousand UIDs are below; a film's picture is not, see `longest`.
LONGEST = 1024 * 1024
MOST_ELEMENTS = 20_000
# Whoever walks over the data set may do so recursively.
MOST_LEVELS = 32


class UnreadableDataSetError(ValueError):
    """A data set that is damaged or too much. Its text is a sentence for the Error Comment."""


def read_data_set(event: Event, *, longest: int = LONGEST, most_elements: int = MOST_ELEMENTS) -> Dataset:
    """Return the request's data set with every element decoded; an empty one if the request has none.

    Args:
        event: Of a service.
        longest: In bytes, also of what a deflated one inflates to.
        most_elements: Those in sequences counted as well.

    Raises:
        UnreadableDataSetError: It is damaged, or more than that.
    """
    encoded = bytes(event.request.data or b"")
    if not encoded:
        return Dataset()
    if len(encoded) > longest:
        raise UnreadableDataSetError(f"The data set has more than {longest} bytes.")
    syntax = str(event.context.transfer_syntax)
    try:
        # A look at the headers only: to decode many elements takes seconds.
        looked_at = scan(encoded, syntax, (), most_elements=most_elements, most_inflated=longest)
    except DamagedDataSetError as error:
        raise UnreadableDataSetError(str(error)) from error
    if not looked_at.is_whole:
        raise UnreadableDataSetError("The data set inflates to too much.")
    try:
        data_set = dsutils.decode_in(encoded, syntax)
        _decode(data_set, MOST_LEVELS, most_elements)
    except UnreadableDataSetError:
        raise
    except Exception as error:
        # Damaged bytes make pydicom raise almost anything.
        raise UnreadableDataSetError("The data set cannot be decoded.") from error
    return data_set


def _decode(data_set: Dataset, levels: int, left: int) -> int:
    """Look at each element, which is when pydicom decodes it; return how many more there may be.

    The scan has not seen those in sequences that say their length.
    """
    if not levels:
        raise UnreadableDataSetError(f"Sequences are nested more than {MOST_LEVELS} levels deep.")
    for element in data_set:
        left -= 1
        if left < 0:
            raise UnreadableDataSetError("The data set has too many elements.")
        value = element.value
        if element.VR == "SQ":
            for item in value or ():
                left = _decode(item, levels - 1, left)
    return left
