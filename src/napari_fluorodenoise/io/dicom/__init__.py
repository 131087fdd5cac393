"""DICOM X-ray sequences (XA, RF and other multi-frame images): read lazily, written as derived objects."""

from napari_fluorodenoise.io.dicom.reader import read
from napari_fluorodenoise.io.dicom.writer import DTYPES, write

__all__ = ["DTYPES", "read", "write"]
