"""C-MOVE: objects are sent to somebody else (PS3.7 9.1.4). Yield where, then how many, then each one."""

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian, SecondaryCaptureImageStorage

from workstation.net import build_context, evt

DESTINATIONS = {"WORKSTATION": ("127.0.0.1", 11112)}


def make_image(number):
    """One small image."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    image.SOPClassUID = SecondaryCaptureImageStorage
    image.SOPInstanceUID = f"1.2.826.0.1.3680043.8.498.1.{number}"
    image.StudyInstanceUID = "1.2.826.0.1.3680043.8.498.2"
    image.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.3"
    image.PatientID, image.PatientName = "4711", "Doe^Jane"
    image.Modality, image.InstanceNumber = "OT", number
    return image


def handle_move(event):
    """Send two images to a destination that is listed above.

    event.move_destination   the AE title of who shall get them
    event.identifier         what is wanted
    event.is_cancelled       whether the peer has cancelled meanwhile
    """
    destination = DESTINATIONS.get(event.move_destination)
    if destination is None:
        yield None, None  # answered with 0xA801: move destination unknown
        return
    yield *destination, {"contexts": [build_context(SecondaryCaptureImageStorage)]}
    yield 2
    for number in (1, 2):
        if event.is_cancelled:
            yield 0xFE00, None
            return
        yield 0xFF00, make_image(number)


HANDLERS = [(evt.EVT_C_MOVE, handle_move)]
