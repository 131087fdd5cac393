"""A logarithm that goes on below zero, for intensities that noise or an inverse filter made negative.

    z = log((y + sqrt(y² + c²)) / 2),   y = e^z - c² / (4 e^z)

For y far above c it is log(y), and around 0 it is a straight line of slope 1/c: no value is clipped, and none weighs
more than the noise c allows. Law: power(logarithm(y)) = y. The generalised logarithm of B. Durbin et al.,
doi 10.1093/bioinformatics/18.suppl_1.S105.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["logarithm", "power"]

LARGEST = 80.0
"""Exponents beyond it do not fit float32."""


def logarithm(intensities: NDArray[Any], *, bend: float) -> NDArray[np.float32]:
    """The generalised logarithm (float32) of `intensities` (any shape); `bend` > 0, in their units, is c."""
    scaled = np.asarray(intensities, np.float32) / np.float32(bend)
    return np.asarray(np.arcsinh(scaled) + np.float32(np.log(bend / 2)), np.float32)


def power(values: NDArray[Any], *, bend: float) -> NDArray[np.float32]:
    """Intensities (float32) of generalised logarithms."""
    exponents = np.asarray(values, np.float32) - np.float32(np.log(bend / 2))
    return np.asarray(np.float32(bend) * np.sinh(np.clip(exponents, -LARGEST, LARGEST)), np.float32)
