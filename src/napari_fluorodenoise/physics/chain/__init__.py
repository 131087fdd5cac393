"""The X-ray imaging chain as a value: what stands between a scene's line integrals and the frames that are stored.

    chain = ImagingChain(beam=Beam(photons=40), lag=Lag(time_constants=(19,)), frame_interval=1 / 15, pixel_size=0.3)
    for exposed in chain.expose(scene, frames=100, rng=0):
        exposed.frame   # (Y, X) as stored: uint16, or uint8 after a display
        exposed.mean    # (Y, X) float32, counts: the same without noise and without the display

A scene is a callable `seconds -> (Y, X) float32 line integrals` (dimensionless, attenuation times length), or an
iterable of such pictures, one per frame. Frame t is taken at `t * chain.frame_interval` seconds; where the chain has
an `Exposure`, the scene is asked for several moments around that, the first of which lies a little before 0. A scene
may also give its parts, (K, Y, X), which add up: `exposed.means` (K, Y, X) then holds the noise-free frame with the
first part alone, with the first two, and so on to all of them.

`fluence` (Y, X) are the quanta per pixel that would be detected without a patient (collimator included); left out, it
is even and such that `chain.beam.photons` are detected on average in frame 0. Everything is streamed, frame by frame;
the state between frames is the charge that lags, brightness control and a display's temporal filter. The same seed
gives the same frames.

The order: transmission averaged over the pulse, scatter, glare | Poisson quanta, Swank's factor, point response |
lag, gain x fixed pattern x drift, electronic noise and offset, ADC | display. A part that is None is absent.
`to_json` and `from_json` write and read a chain with all its settings.
"""

from napari_fluorodenoise.physics.chain.beam import Beam, Exposure
from napari_fluorodenoise.physics.chain.brightness import BrightnessControl
from napari_fluorodenoise.physics.chain.chain import ImagingChain
from napari_fluorodenoise.physics.chain.display import Display
from napari_fluorodenoise.physics.chain.drift import GainDrift
from napari_fluorodenoise.physics.chain.electronics import Electronics
from napari_fluorodenoise.physics.chain.expose import Exposed
from napari_fluorodenoise.physics.chain.lag import Lag
from napari_fluorodenoise.physics.chain.scintillator import Scintillator
from napari_fluorodenoise.physics.chain.spread import Glare, Scatter

__all__ = [
    "Beam",
    "BrightnessControl",
    "Display",
    "Electronics",
    "Exposed",
    "Exposure",
    "GainDrift",
    "Glare",
    "ImagingChain",
    "Lag",
    "Scatter",
    "Scintillator",
]
