"""The chain: all parts, with what follows from them, as one value that can be written as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pydantic.dataclasses
from annotated_types import Gt
from pydantic import TypeAdapter, ValidationError

from napari_fluorodenoise.physics.chain.beam import Beam, Exposure
from napari_fluorodenoise.physics.chain.brightness import BrightnessControl
from napari_fluorodenoise.physics.chain.display import Display
from napari_fluorodenoise.physics.chain.drift import GainDrift
from napari_fluorodenoise.physics.chain.electronics import Electronics
from napari_fluorodenoise.physics.chain.expose import Exposed, expose
from napari_fluorodenoise.physics.chain.lag import Lag
from napari_fluorodenoise.physics.chain.scintillator import Scintillator
from napari_fluorodenoise.physics.chain.spread import Glare, Scatter
from napari_fluorodenoise.primitives.declaration import STRICT, mistake

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.chain.expose import Picture, Scene

__all__ = ["ImagingChain"]

_PARTS = {
    "beam": Beam,
    "exposure": Exposure,
    "scatter": Scatter,
    "glare": Glare,
    "scintillator": Scintillator,
    "lag": Lag,
    "drift": GainDrift,
    "electronics": Electronics,
    "brightness": BrightnessControl,
    "display": Display,
}
"""What the keys of a chain's JSON describe, to list their settings."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class ImagingChain:
    """An X-ray imaging chain from line integrals to stored frames; a part that is None is absent.

    By default the detector of the phantom: photon noise, a scintillator, electronic noise, and nothing else.
    """

    frame_interval: Annotated[float, Gt(0)] = 1 / 15
    """Time from frame to frame, in s."""
    pixel_size: Annotated[float, Gt(0)] = 0.3
    """Side of a detector pixel, in mm."""
    beam: Beam = Beam()
    """The quanta."""
    exposure: Exposure | None = None
    """Motion during the pulse."""
    scatter: Scatter | None = None
    """Scatter in the patient."""
    glare: Glare | None = None
    """Veiling glare of an image intensifier."""
    scintillator: Scintillator | None = Scintillator()
    """Swank's factor and the point response."""
    lag: Lag | None = None
    """What earlier frames leave behind."""
    drift: GainDrift | None = None
    """How the gain changes over the run."""
    electronics: Electronics | None = Electronics()
    """Gain, electronic noise and ADC; without it, frames are float32 quanta."""
    brightness: BrightnessControl | None = None
    """How the dose follows the picture."""
    display: Display | None = None
    """What a console makes of the frames; the noise-free means stay linear."""

    def expose(
        self, scene: Scene, *, frames: int, fluence: Picture | None = None, rng: np.random.Generator | int = 0
    ) -> Iterator[Exposed]:
        """The `frames` of a scene, one by one, each with its noise-free mean; nothing is computed ahead.

        `scene` is a callable `seconds -> (Y, X) float32 line integrals`, or an iterable of them, one per frame; parts
        that add up may be given as (K, Y, X). `fluence` (Y, X) are the quanta per pixel detected without a patient, by
        default even and such that `beam.photons` are detected on average in frame 0.
        """
        if fluence is not None:
            fluence = np.asarray(fluence, np.float32)
            if fluence.ndim != 2 or not (fluence >= 0).all():
                raise ValueError(
                    f"expected a fluence (Y, X) of 0 or more quanta, found {fluence.shape}, least {fluence.min()}"
                )
        return expose(self, scene, frames=frames, fluence=fluence, rng=np.random.default_rng(rng))

    @property
    def response(self) -> NDArray[np.float64]:
        """The point response (k, k), sum 1."""
        return np.ones((1, 1)) if self.scintillator is None else self.scintillator.response(self.pixel_size)

    @property
    def slope(self) -> float:
        """How fast the noise variance grows with the mean, in counts: gain * sum(response^2) / Swank.

        Holds where the picture is smooth within the response, for gain 1 in drift and pattern, without lag or display.
        """
        swank = 1.0 if self.scintillator is None else self.scintillator.swank
        gain = 1.0 if self.electronics is None else self.electronics.gain
        return gain * float((self.response**2).sum()) / swank

    @property
    def read_variance(self) -> float:
        """The noise variance without X-rays, in counts squared; lag leaves it as it is."""
        return 0.0 if self.electronics is None else self.electronics.read_variance

    @property
    def offset(self) -> float:
        """Counts without X-rays."""
        return 0.0 if self.electronics is None else self.electronics.offset

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the stored frames."""
        if self.display is not None:
            return np.dtype(np.uint8)
        return np.dtype(np.float32) if self.electronics is None else self.electronics.dtype

    def to_json(self) -> str:
        """This chain as JSON with every setting, which `from_json` reads back equal."""
        return json.dumps(TypeAdapter(ImagingChain).dump_python(self, mode="json"), indent=2)

    @classmethod
    def from_json(cls, text: str) -> ImagingChain:
        """The chain that `text` describes; what it leaves out keeps its default, and null is no such part.

        Raises ValueError of one line naming the key, what it should be and what it is.
        """
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise ValueError(f"expected a chain as JSON, found a mistake at {place}: {error.msg}") from None
        if not isinstance(document, dict):
            raise ValueError(f"expected a chain as {{part: settings}}, found {json.dumps(document)[:40]}")
        try:
            return TypeAdapter(ImagingChain).validate_python(document)
        except ValidationError as error:
            raise ValueError(mistake(error, name="chain", settings=_settings)) from None


def _settings(parents: Sequence[str]) -> tuple[str, ...]:
    """The settings of the chain, or of the part that `parents` end with."""
    described: Any = _PARTS[parents[1]] if len(parents) > 1 else ImagingChain
    return tuple(described.__dataclass_fields__)
