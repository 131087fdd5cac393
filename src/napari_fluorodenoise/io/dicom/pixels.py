"""Where the bytes of each frame lie in a DICOM file, and how to decode them.

The file is indexed once, by the headers of its fragments; a frame is then read by seeking to its bytes and decoded
alone. So every frame costs the same, with or without an offset table, and any number of threads may read at once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from struct import unpack
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from pydicom.encaps import encapsulate, parse_basic_offsets, parse_fragments
from pydicom.pixels import get_decoder
from pydicom.pixels.utils import as_pixel_options
from pydicom.uid import UID, JPEG2000TransferSyntaxes, JPEGBaseline8Bit, JPEGLSTransferSyntaxes

from napari_fluorodenoise.io.files import FileError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

__all__ = ["Pixels", "decodable", "indexed"]

Piece = tuple[int, int]
"""(start, length) in bytes of a run of a frame's encoded pixels in the file."""

PIXEL_DATA = 0x7FE00010

FASTEST = {
    JPEGBaseline8Bit: "pillow",
    **dict.fromkeys(JPEGLSTransferSyntaxes, "pyjpegls"),
    **dict.fromkeys(JPEG2000TransferSyntaxes, "pylibjpeg"),
}

END_OF_IMAGE = b"\xff\xd9"
"""Closes a JPEG, JPEG-LS or JPEG 2000 frame; at most padding follows."""


@dataclass(frozen=True)
class Pixels:
    """The frames of a DICOM file: `pixels(index)` reads and decodes one (Y, X), the stored values in `dtype`."""

    path: Path
    pieces: tuple[tuple[Piece, ...], ...]
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    syntax: str
    options: Mapping[str, Any]

    def __call__(self, index: int) -> NDArray[Any]:
        """Frame `index` (Y, X), without the bits that `BitsStored` leaves unused."""
        with self.path.open("rb") as file:
            encoded = b"".join(_read(file, start, length) for start, length in self.pieces[index])
        syntax = UID(self.syntax)
        source = encapsulate([encoded], has_bot=False) if syntax.is_encapsulated else encoded
        decoder = get_decoder(syntax)
        frame, _ = decoder.as_array(source, index=0, raw=True, decoding_plugin=_plugin(syntax), **self.options)
        return np.asarray(frame, self.dtype)


def decodable(syntax: UID) -> bool:
    """True where the frames of a transfer syntax can be decoded with what is installed."""
    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def indexed(file: BinaryIO, header: Dataset, *, path: Path) -> Pixels:
    """The frames of the open `file`, which stands where its pixel data begin.

    Raises `FileError` where there are none, or fewer than the header says.
    """
    syntax = header.file_meta.TransferSyntaxUID
    shape = (int(header.get("NumberOfFrames") or 1), int(header.Rows), int(header.Columns))
    dtype = np.dtype(f"{'i' if header.PixelRepresentation else 'u'}{header.BitsAllocated // 8}")
    representation = _element(file, syntax, path=path)
    if syntax.is_encapsulated:
        pieces = _fragments(file, frames=shape[0])
    else:
        start, size = file.tell(), shape[1] * shape[2] * dtype.itemsize
        pieces = [((start + i * size, size),) for i in range(shape[0])]
    end = file.seek(0, os.SEEK_END)
    whole = sum(all(start + length <= end for start, length in frame) for frame in pieces)
    if whole != shape[0]:
        raise FileError(f"{path}: expected {shape[0]} frames, found {whole}: the file is cut short; copy it again")
    options = as_pixel_options(header, number_of_frames=1, extended_offsets=None, transfer_syntax_uid=syntax)
    options |= {"correct_unused_bits": True, "pixel_keyword": "PixelData", "pixel_vr": representation}
    return Pixels(path, tuple(pieces), shape, dtype, str(syntax), options)


def _element(file: BinaryIO, syntax: UID, *, path: Path) -> str:
    """The value representation of the pixel data; leaves `file` where their value begins (PS3.5 7.1.2)."""
    order = "<" if syntax.is_little_endian else ">"
    start = file.read(8 if syntax.is_implicit_VR else 12)
    if len(start) < 8 or (tag := unpack(f"{order}HH", start[:4])) != (PIXEL_DATA >> 16, PIXEL_DATA & 0xFFFF):
        found = "no pixels" if len(start) < 8 else f"pixels in ({tag[0]:04X},{tag[1]:04X})"
        raise FileError(f"{path}: expected integer pixel data, found {found}; this file holds no such sequence")
    return "OW" if syntax.is_implicit_VR else start[4:6].decode("ascii")


def _fragments(file: BinaryIO, *, frames: int) -> list[tuple[Piece, ...]]:
    """The pieces of every frame found in the encapsulated pixel data at which `file` stands (PS3.5 A.4)."""
    table = parse_basic_offsets(file)
    first = file.tell()
    _, items = parse_fragments(file)
    pieces = [(item + 8, unpack("<L", _read(file, item + 4, 4))[0]) for item in items]
    if len(items) == frames:
        return [(piece,) for piece in pieces]
    if frames == 1:
        return [tuple(pieces)]
    if len(table) == frames:
        starts = {first + offset for offset in table}
        heads = [i for i, item in enumerate(items) if item in starts]
    else:
        ends = [i for i, (start, length) in enumerate(pieces) if _closes(file, start, length)]
        heads = [0, *(i + 1 for i in ends)]
    return [tuple(pieces[a:b]) for a, b in pairwise([*heads, len(pieces)]) if b > a]


def _closes(file: BinaryIO, start: int, length: int) -> bool:
    tail = min(length, 10)
    return END_OF_IMAGE in _read(file, start + length - tail, tail)


def _read(file: BinaryIO, start: int, length: int) -> bytes:
    file.seek(start)
    return file.read(length)


def _plugin(syntax: UID) -> str:
    """The fastest decoder of those installed, as measured on frames of 512² and 1024²; "" leaves it to pydicom."""
    fastest = FASTEST.get(syntax, "")
    return fastest if fastest in get_decoder(syntax).available_plugins else ""
