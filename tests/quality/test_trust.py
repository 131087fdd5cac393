"""The whole verdict from two sequences: the same for lazy ones, and one clear line for what cannot be judged."""

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest

from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.quality.trust import trust


@pytest.fixture(scope="module")
def sample():
    return phantom(frames=24, shape=(192, 192), rng=30)


def test_five_checks_the_detector_and_the_dose(sample):
    found = trust(sample.noisy, sample.noisy.with_data(sample.clean))
    names = ["Removed structure", "Invented structure", "Lag", "Texture", "Bias"]
    assert [check.name for check in found.checks] == names
    assert found.verdict == "pass"
    assert found.detector.slope == pytest.approx(sample.slope, rel=0.1)
    assert found.dose[0] > 20


@pytest.mark.parametrize(("photons", "times"), [(10, 4), (60, 4), (10, 16)])
def test_the_dose_is_the_one_that_gives_as_little_noise(photons, times):
    """The truth, with the noise of an exposure of so many times the quanta, in which read noise is as it was."""
    doses = (photons, times * photons)
    low, high = (phantom(frames=24, shape=(192, 192), still=True, photons=dose, rng=31) for dose in doses)
    noise = (high.noisy.data.astype(np.float32) - high.clean) / times
    factor, least = trust(low.noisy, low.noisy.with_data(low.clean + noise)).dose
    assert factor == pytest.approx(times, rel=0.1)
    assert times / 2 < least < times


def test_untouched_frames_have_the_dose_they_had():
    still = phantom(frames=24, shape=(192, 192), still=True, rng=31)
    assert trust(still.noisy, still.noisy).dose[0] == pytest.approx(1, rel=0.01)


def test_lazy_sequences_are_judged_alike(sample):
    clean = sample.noisy.with_data(sample.clean)
    lazy = [video.with_data(da.from_array(video.data, chunks=(1, -1, -1))) for video in (sample.noisy, clean)]
    eager, found = trust(sample.noisy, clean), trust(*lazy)
    assert [check.numbers for check in found.checks] == [check.numbers for check in eager.checks]


def test_progress_runs_to_the_end(sample):
    seen = []
    trust(sample.noisy, sample.noisy, progress=lambda fraction, message, training=None: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_inputs_are_not_modified(sample):
    before = sample.noisy.data.copy(), sample.clean.copy()
    trust(sample.noisy, sample.noisy.with_data(sample.clean))
    np.testing.assert_array_equal(sample.noisy.data, before[0])
    np.testing.assert_array_equal(sample.clean, before[1])


def test_what_does_not_belong_together_is_refused(sample):
    noisy, clean = sample.noisy, sample.noisy.with_data(sample.clean)
    with pytest.raises(ValueError, match=r"one shape .* 24 x 192 x 192 and 20 x 192 x 192; crop"):
        trust(noisy, clean.crop(frames=slice(0, 20)))
    with pytest.raises(ValueError, match="at least two frames, found 1"):
        trust(noisy.crop(frames=slice(0, 1)), clean.crop(frames=slice(0, 1)))
    with pytest.raises(ValueError, match="one kind of intensity, found linear and display"):
        trust(noisy, replace(clean, intensity="display"))
    with pytest.raises(ValueError, match="the same units, found intensities that spread"):
        trust(noisy, clean.with_data(sample.clean / 65535))


def test_where_there_is_nothing_to_judge_by_it_says_so(sample):
    flat = sample.noisy.with_data(np.full((8, 64, 64), 7, np.uint16))
    with pytest.raises(ValueError, match="expected noise to judge by in IN, found none"):
        trust(flat, flat)
    thin = sample.noisy.crop(rows=slice(0, 12))
    with pytest.raises(ValueError, match="at least 16 x 16 pixels, found 12 x 192"):
        trust(thin, thin)
    small = sample.noisy.crop(rows=slice(0, 40), columns=slice(0, 40))
    with pytest.raises(ValueError, match=r"at least 16 tiles .* found 12; a larger part"):
        trust(small, small)
    broken = sample.clean.copy()
    broken[3, 0, 0] = np.inf
    with pytest.raises(ValueError, match="finite pixels in OUT, found NaN or infinity in frame 3"):
        trust(sample.noisy, sample.noisy.with_data(broken))
