"""What spreads over centimetres: scatter in the patient, and veiling glare in an image intensifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
import pydantic.dataclasses
from annotated_types import Gt, Le, Lt

from napari_fluorodenoise.primitives.declaration import STRICT

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Glare", "Scatter"]

FINE = 4.0
"""Standard deviation, in pixels of a reduced image, at which a wide Gaussian is still drawn well."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Scatter:
    """Quanta scattered by the patient: S = SF / (1 - SF) * G(P), as smooth as `width` says, noisy as any others."""

    fraction: Annotated[float, Gt(0), Lt(1)] = 0.3
    """Scatter fraction SF = S / (S + P) of the whole frame; about 0.1 with a grid to 0.6 without."""
    width: Annotated[float, Gt(0)] = 20.0
    """Standard deviation of the Gaussian G, in mm at the detector; about 10 to 40."""

    def added(self, primary: NDArray[np.float32], *, pixel_size: float) -> NDArray[np.float32]:
        """Primary and scattered quanta (Y, X) from the `primary` ones; `pixel_size` in mm."""
        ratio = self.fraction / (1 - self.fraction)
        return primary + np.float32(ratio) * _wide(primary, self.width / pixel_size)


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Glare:
    """Light that an image intensifier spreads over its picture: (1 - g) I + g * G(I); hardly any in a flat panel.

    It is taken before the quanta are drawn: over so wide a foot the noise of spread light averages away.
    """

    fraction: Annotated[float, Gt(0), Le(0.5)] = 0.05
    """Share g of the light that is spread."""
    width: Annotated[float, Gt(0)] = 15.0
    """Standard deviation of the Gaussian G, in mm at the detector."""

    def added(self, image: NDArray[np.float32], *, pixel_size: float) -> NDArray[np.float32]:
        """The image (Y, X) with glare, of the same sum; `pixel_size` in mm."""
        return np.float32(1 - self.fraction) * image + np.float32(self.fraction) * _wide(image, self.width / pixel_size)


def _wide(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """The image (Y, X) blurred by a Gaussian of `sigma` pixels; its sum stays, to 1e-4 of itself.

    It is blurred on a reduced image, which a wide Gaussian does not notice, and mirrored at the border: what would
    leave the frame is replaced by what would come in from like surroundings.
    """
    import cv2

    step = max(1.0, sigma / FINE)
    rows, columns = (max(1, round(n / step)) for n in image.shape)
    reduced = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    sigmas = sigma * columns / image.shape[1], sigma * rows / image.shape[0]
    reduced = cv2.GaussianBlur(reduced, (0, 0), sigmas[0], sigmaY=sigmas[1], borderType=cv2.BORDER_REFLECT)
    return np.asarray(cv2.resize(reduced, image.shape[::-1], interpolation=cv2.INTER_LINEAR))
