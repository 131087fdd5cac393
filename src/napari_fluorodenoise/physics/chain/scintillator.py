"""The scintillator: quanta become light, with a gain that varies (Swank) and a spread (point response)."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pydantic.dataclasses
from annotated_types import Gt, Le, MinLen

from napari_fluorodenoise.primitives.declaration import STRICT

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Scintillator", "blurred"]

Positive = Annotated[float, Gt(0)]

WIDEST = 60.0
"""Standard deviation of a point response, in pixels, up to which it is sampled as a kernel."""
REACH = 3.3
"""Standard deviations after which a point response ends."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Scintillator:
    """A scintillator that blurs signal and noise alike; by default CsI of about 0.4 mm FWHM with a broader foot."""

    swank: Annotated[float, Gt(0), Le(1)] = 0.9
    """Swank factor: light per quantum varies, and the variance of the quanta is divided by this."""
    weights: Annotated[tuple[Positive, ...], MinLen(1)] = (0.8, 0.2)
    """Shares of the Gaussians that make up the point response; only their ratios count."""
    widths: Annotated[tuple[Positive, ...], MinLen(1)] = (0.156, 0.36)
    """Standard deviations of these Gaussians, in mm (FWHM / 2.355), the pixel's aperture included."""

    def __post_init__(self) -> None:
        if len(self.weights) != len(self.widths):
            raise ValueError(f"expected as many weights as widths, found {len(self.weights)} and {len(self.widths)}")

    def response(self, pixel_size: float) -> NDArray[np.float64]:
        """The point response (k, k) for pixels of `pixel_size` mm, sampled at their centres; sum 1."""
        sigmas = [width / pixel_size for width in self.widths]
        if max(sigmas) > WIDEST:
            raise ValueError(
                f"expected a point response of at most {WIDEST} pixels, found {max(sigmas):.4g}; "
                "make its widths smaller or the pixels larger"
            )
        radius = max(1, ceil(REACH * max(sigmas)))
        axis = np.arange(-radius, radius + 1)
        squared = axis[:, None] ** 2 + axis[None, :] ** 2
        total, response = sum(self.weights), np.zeros(squared.shape)
        for weight, sigma in zip(self.weights, sigmas, strict=True):
            gaussian = np.exp(-squared / (2 * sigma**2))
            response += weight / total * gaussian / gaussian.sum()
        return response

    def caught(self, quanta: NDArray[np.float32], *, rng: np.random.Generator) -> NDArray[np.float32]:
        """Light (Y, X), in quanta, of one draw from the mean `quanta` (Y, X), before it spreads."""
        drawn = rng.poisson(quanta).astype(np.float32)
        # many gains of one quantum each add up to a Gaussian, which is all that their spread needs
        drawn += np.sqrt(drawn * np.float32(1 / self.swank - 1)) * rng.standard_normal(quanta.shape, dtype=np.float32)
        return drawn


def blurred(image: NDArray[np.float32], response: NDArray[np.float64]) -> NDArray[np.float32]:
    """The image (Y, X) as the point `response` (k, k) spreads it; mirrored at the border."""
    import cv2

    spread: NDArray[np.float32] = cv2.filter2D(image, cv2.CV_32F, response, borderType=cv2.BORDER_REFLECT_101)
    return spread
