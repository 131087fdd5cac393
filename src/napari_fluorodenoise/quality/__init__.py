"""How good a sequence is, with its truth and without it."""

from napari_fluorodenoise.quality.regions import cnr, entropy, snr
from napari_fluorodenoise.quality.similarity import scores

__all__ = ["cnr", "entropy", "scores", "snr"]
