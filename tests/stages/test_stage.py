"""What the base of all stages does by itself: warnings go on with the run, and bad pixels are named."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.stages.stage import Added, FittedStage, Stage
from napari_fluorodenoise.video import Run, Video


@dataclass(frozen=True)
class FittedCopy(FittedStage):
    """The frames as they are."""

    name: str
    warnings: tuple[str, ...] = ()
    results: dict = field(default_factory=dict)
    cuts: str = "tyx"
    halo: tuple[int, int, int] = (0, 0, 0)

    def apply(self, block, at):
        return {self.name: block["frames"].astype(np.float32)}


@dataclass(frozen=True)
class Copy(Stage):
    """A stage that warns."""

    name: str = "copy"
    warnings: tuple[str, ...] = ()

    def reads(self, run):
        return ("frames",)

    def adds(self, run):
        return {self.name: Added("tyx", np.dtype(np.float32), "as frames")}

    def fit(self, run, *, progress=None, rng=None):
        return FittedCopy(self.name, self.warnings)


@pytest.fixture(scope="module")
def run():
    noisy = 100 + np.random.default_rng(0).standard_normal((5, 40, 40))
    found = measured(Run.of(Video(data=noisy.astype(np.float32))))
    return Run(found, detector=replace(found.detector, warnings=("measured so",)))


def test_warnings_go_on_with_the_run_each_once_in_order(run):
    first = Copy("a", ("one", "measured so", "two"))(run)
    assert first.detector.warnings == ("measured so", "one", "two")
    assert Copy("b", ("two", "three"))(first).detector.warnings == ("measured so", "one", "two", "three")
    assert run.detector.warnings == ("measured so",)


def test_without_warnings_the_detector_stays(run):
    after = Copy()(run)
    assert after.detector is run.detector
    np.testing.assert_array_equal(after["copy"].data, run["frames"].data)
