"""What becomes of an event that lasts one frame: a lagging denoiser spreads it over the frames around it.

Laws: the identity gives 1 in the frame of the event and 0 around it; a recursive filter y(t) = (1 - a) x(t) + a y(t-1)
gives (1 - a) a^k after k frames, and 0 before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.quality.scenes import Denoiser, applied, exposed, jackknife, still, wire

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.chain import ImagingChain

__all__ = ["Event", "event_response"]

AROUND = np.arange(-2, 3)
"""Frames from the event."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Event:
    """The depth of the wire in the frames `around` (5,) the event over its true depth: `values`, with their `errors`.

    Ideal is 0, 0, 1, 0, 0. Below 1 in the middle the wire fades; after it, it trails; before it, the future shows.
    """

    around: NDArray[np.int_]
    values: NDArray[np.float64]
    errors: NDArray[np.float64]


def event_response(
    denoise: Denoiser,
    *,
    contrast: float,
    photons: float,
    rng: np.random.Generator,
    width: float = 2.0,
    frames: int = 13,
    size: int = 64,
    repeats: int = 8,
    chain: ImagingChain | None = None,
) -> Event:
    """How deep a wire that is there in the middle frame only is in the denoised frames t-2 to t+2, over its true depth.

    `contrast` is the line integral in the middle of the wire, `width` its FWHM in pixels, `photons` the quanta per
    pixel around it. Each of the `repeats` denoises a flat sequence twice, with the wire in its middle frame and
    without, all other frames the same: of their difference, the share that has the wire's shape. A denoiser that
    sharpens may exceed 1. Raises ValueError for fewer than five frames or two repeats, and for a chain whose frames
    depend on those before.
    """
    if frames < 5:
        raise ValueError(f"expected at least five frames around the event, found {frames}")
    if chain is not None:
        _refuse_dependent(chain)
    middle = frames // 2
    flat, drawn = np.zeros((size, size), np.float32), wire((size, size), contrast=contrast, width=width)
    found = []
    for _ in range(repeats):
        without, plain = exposed(still(flat, frames=frames), frames=frames, photons=photons, chain=chain, rng=rng)
        shown, dark = exposed([drawn], frames=1, photons=photons, chain=chain, rng=rng)
        data = without.numpy().copy()
        data[middle] = shown.numpy()[0]
        change = applied(denoise, without.with_data(data)) - applied(denoise, without)
        signal = (dark[0] - plain[middle]).astype(np.float64)
        found.append([float((change[middle + k] * signal).sum() / np.square(signal).sum()) for k in AROUND])
    values, errors = jackknife(np.array(found), lambda samples: samples.mean(axis=0))
    return Event(around=AROUND, values=values, errors=errors)


def _refuse_dependent(chain: ImagingChain) -> None:
    """Raise ValueError for a chain in which the event's frame, exposed by itself, is not what it is in its place."""
    if any((chain.lag, chain.drift, chain.brightness, chain.display)):
        raise ValueError(
            "expected a chain without lag, drift, brightness control and display, whose frames depend on those before"
        )
    if chain.electronics is not None and chain.electronics.fixed_pattern:
        raise ValueError("expected electronics without a fixed pattern, which the event's frame would not share")
