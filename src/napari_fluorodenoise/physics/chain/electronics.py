"""The amplifier and the ADC: from charge, in quanta, to the counts that are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pydantic.dataclasses
from annotated_types import Ge, Gt, Le

from napari_fluorodenoise.primitives.declaration import STRICT

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Electronics"]


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Electronics:
    """Gain, offset, electronic noise and rounding: counts = gain * (factor * charge + noise) + offset."""

    gain: Annotated[float, Gt(0)] = 16.0
    """Counts per quantum; by default so fine that rounding is far below the noise."""
    read_noise: Annotated[float, Ge(0)] = 2.0
    """Electronic noise of a pixel, in quanta rms."""
    row_noise: Annotated[float, Ge(0)] = 0.0
    """Electronic noise that all pixels of a row share in a frame, in quanta rms."""
    fixed_pattern: Annotated[float, Ge(0), Le(20)] = 0.0
    """What gain correction leaves of the pixels' different gains, in % rms; the same in every frame."""
    offset: Annotated[float, Ge(0)] = 0.0
    """Counts without X-rays."""
    bits: Annotated[int, Ge(4), Le(16)] = 16
    """Bits of the ADC: counts end at 2**bits - 1."""

    @property
    def read_variance(self) -> float:
        """The variance without X-rays, in counts squared, the ADC's rounding included."""
        return self.gain**2 * (self.read_noise**2 + self.row_noise**2) + 1 / 12

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the counts."""
        return np.dtype(np.uint8 if self.bits <= 8 else np.uint16)

    def pattern(self, shape: tuple[int, int], *, rng: np.random.Generator) -> NDArray[np.float32]:
        """The pixels' relative gains (Y, X); nothing is drawn where there is no pattern."""
        if not self.fixed_pattern:
            return np.ones(shape, np.float32)
        return 1 + np.float32(self.fixed_pattern / 100) * rng.standard_normal(shape, dtype=np.float32)

    def amplified(self, charge: NDArray[np.float32]) -> NDArray[np.float32]:
        """Counts (..., Y, X) of a `charge` in quanta, without noise and rounding."""
        return np.float32(self.gain) * charge + np.float32(self.offset)

    def read(self, charge: NDArray[np.float32], *, rng: np.random.Generator) -> NDArray[Any]:
        """Counts (Y, X) as stored, of a `charge` in quanta."""
        # read noise is drawn whatever its size: the quanta of a seed are the same with and without it
        noise = np.float32(self.read_noise) * rng.standard_normal(charge.shape, dtype=np.float32)
        if self.row_noise:
            noise += np.float32(self.row_noise) * rng.standard_normal((charge.shape[0], 1), dtype=np.float32)
        counts = np.rint(self.amplified(charge + noise))
        return np.clip(counts, 0, 2**self.bits - 1).astype(self.dtype)
