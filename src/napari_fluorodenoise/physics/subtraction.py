"""Digital subtraction angiography: what changed since a mask frame, as a line integral."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluorodenoise.video import Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["subtract"]


def subtract(video: Video, *, mask: int) -> Video:
    """`video` minus its frame `mask`, float32, of intensity "log", lazy where the input is lazy.

    Linear and display intensities are log-subtracted, log(max(I, 1)) - log(max(I_mask, 1)): a change of the line
    integral of attenuation, without units and negative where contrast agent came in (positive for MONOCHROME1, whose
    logarithm means nothing physical). Intensities that are logarithms already are subtracted as they are, in their
    own units. Intensities in [0, 1] must be scaled up first, since those below 1 count as 1. Raises ValueError where
    there is no such frame.
    """
    count = video.shape[0]
    if not -count <= mask < count:
        raise ValueError(f"expected a mask frame from 0 to {count - 1}, found {mask}")
    plain = video.intensity == "log"
    result = replace(video.of_other_values(), intensity="log")
    still = _line_integral(np.asarray(video.data[mask]), plain=plain)

    def against_mask(frames: NDArray[Any]) -> NDArray[np.float32]:
        return _line_integral(frames, plain=plain) - still

    if isinstance(video.data, np.ndarray):
        return result.with_data(against_mask(video.data))
    return result.with_data(video.data.map_blocks(against_mask, dtype=np.float32))


def _line_integral(frames: NDArray[Any], *, plain: bool) -> NDArray[np.float32]:
    values = frames.astype(np.float32)
    return values if plain else np.log(np.maximum(values, 1))
