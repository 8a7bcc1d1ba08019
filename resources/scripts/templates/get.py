"""C-GET: objects are fetched over the same association (PS3.7 9.1.3). First yield how many, then each one."""

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian, SecondaryCaptureImageStorage

from workstation.net import evt


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


def handle_get(event):
    """Send three images, whatever is asked for.

    event.identifier     what is wanted
    event.is_cancelled   whether the peer has cancelled meanwhile
    """
    yield 3
    for number in (1, 2, 3):
        if event.is_cancelled:
            yield 0xFE00, None
            return
        yield 0xFF00, make_image(number)


HANDLERS = [(evt.EVT_C_GET, handle_get)]
