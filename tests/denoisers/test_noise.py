"""The noise of every video that a denoiser may be given, in the detector's terms."""

import numpy as np
import pytest

from napari_fluorodenoise.denoisers.noise import noise_of
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.video import Run, Video

RNG = np.random.default_rng(0)
FRAMES = Video(data=(100 + 10 * RNG.standard_normal((6, 96, 96))).astype(np.float32))


def run_with(name, deviation):
    other = (100 + deviation * RNG.standard_normal((6, 96, 96))).astype(np.float32)
    return measured(Run({"frames": FRAMES, name: FRAMES.with_data(other)}))


def test_frames_have_the_detectors_noise_and_a_foreground_too():
    run = run_with("foreground", 10)
    assert noise_of(run, "frames").detector is run.detector
    assert noise_of(run, "foreground").detector is run.detector
    assert [noise_of(run, name).signed for name in ("frames", "foreground")] == [False, True]


@pytest.mark.parametrize("deviation", [5, 20])
def test_decorrelated_frames_have_white_noise_as_strong_as_is_found(deviation):
    noise = noise_of(run_with("frames_decorrelated", deviation), "frames_decorrelated")
    assert noise.autocorrelation.shape == (1, 1)
    assert noise.detector.variance(np.full(1, 100.0))[0] == pytest.approx(deviation**2, rel=0.1)


@pytest.mark.parametrize(("deviation", "share"), [(2, 0.04), (30, 1.0)])
def test_a_background_holds_a_share_of_a_frames_noise_and_never_more(deviation, share):
    noise = noise_of(run_with("background", deviation), "background")
    assert noise.shared
    assert noise.share == pytest.approx(share, rel=0.15)
    above = np.float32([[0, 1]])
    np.testing.assert_allclose(noise.of_background(0, above=above), [[1, noise.share]])
