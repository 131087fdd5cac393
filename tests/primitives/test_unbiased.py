"""The correction gives denoised intensities the mean of the noisy ones, at every dose, blur and denoiser."""

from functools import partial

import numpy as np
import pytest
from scipy.ndimage import convolve

from napari_fluorodenoise.primitives.anscombe import stabilize, unstabilize
from napari_fluorodenoise.primitives.unbiased import NOTHING, correction, due, due_to_mean_keeping, tiled

BLUR = np.outer([1, 4, 1], [1, 4, 1]) / 36
SIZE = 256


def scene(mean, *, texture):
    rows, columns = np.indices((SIZE, SIZE))
    return (
        mean * np.exp(0.5 * np.sin(rows / 13) * np.cos(columns / 17) - 0.06) if texture else np.full((SIZE, SIZE), mean)
    )


def exposures(mean, *, texture, blur, read, count, rng):
    """(count, Y, X) frames, their mean, and the line of their noise."""
    quanta, kernel = scene(float(mean), texture=texture), BLUR if blur else np.ones((1, 1))
    clean = convolve(quanta, kernel, mode="mirror")
    frames = rng.poisson(quanta, (count, SIZE, SIZE)).astype(np.float32)
    frames = np.stack([convolve(frame, kernel, mode="mirror") for frame in frames])
    frames += np.float32(read) * rng.standard_normal(frames.shape, dtype=np.float32)
    slope, variance = float((kernel**2).sum()), read**2 + 1e-3
    floor = 0.25 * (slope * float(clean.min()) + variance)
    return frames, clean, {"slope": slope, "read_variance": variance, "floor": floor, "level": float(mean)}


def bias(mean, *, kept, texture=True, blur=True, read=2.0):
    """The closed form's and the corrected error, in % of the mean; `kept` of the noise is left by the denoiser."""
    rng = np.random.default_rng(100 + mean)
    frames, clean, line = exposures(mean, texture=texture, blur=blur, read=read, count=28, rng=rng)
    values = stabilize(frames, **line)
    truth = values[4:].mean(axis=0)
    denoised = truth + np.float32(kept) * (values[:4] - truth)
    restored = unstabilize(denoised, residual=kept**2 + (1 - kept**2) / 24, **line)
    told = correction(
        due_to_mean_keeping(
            *four[:2], stabilized=four[2], denoised=four[3], back=partial(unstabilize, residual=1, **line)
        )
        for four in zip(frames, restored, values, denoised, strict=False)
    )
    return [100 * float((found - clean).mean() / clean.mean()) for found in (restored, told(restored))]


@pytest.mark.parametrize("mean", [2, 30])
@pytest.mark.parametrize("kept", [0.0, 0.5])
@pytest.mark.parametrize("case", [{"blur": False, "read": 0.0}, {"blur": True}, {"texture": False, "blur": False}])
def test_the_mean_comes_back_from_2_to_1000_quanta(mean, kept, case):
    assert abs(bias(mean, kept=kept, **case)[1]) < 0.5


def test_the_closed_form_alone_misses_it_at_2_quanta():
    closed, corrected = bias(2, kept=0.0, blur=False, read=0.0)
    assert abs(closed) > 0.8 > 4 * abs(corrected)


def test_the_correction_finds_a_bias_that_depends_on_intensity():
    rng = np.random.default_rng(0)
    truth = scene(100.0, texture=True)
    restored = (truth * 0.9 + 5).astype(np.float32)
    told = correction(due(truth + rng.standard_normal(truth.shape), restored) for _ in range(4))
    np.testing.assert_allclose(told(restored)[restored < 150], truth[restored < 150], rtol=0.02)


def test_nothing_is_due_where_nothing_was_denoised():
    frame = scene(50.0, texture=True).astype(np.float32)
    line = {"slope": 1.0, "read_variance": 1.0, "floor": 1.0, "level": 50.0}
    values = stabilize(frame, **line)
    back = partial(unstabilize, residual=1, **line)
    told = correction([due_to_mean_keeping(frame, back(values), stabilized=values, denoised=values, back=back)])
    assert np.abs(told.due).max() < 1e-3


def test_corrected_values_rise():
    frame = np.arange(SIZE * SIZE, dtype=np.float32).reshape(SIZE, SIZE)
    told = correction([due(-2 * frame, frame)])  # what was brighter should be darker
    assert (np.diff(told(np.linspace(0, SIZE * SIZE, 99, dtype=np.float32))) >= -0.01).all()


def test_too_few_blocks_tell_nothing():
    small = np.ones((40, 40), np.float32)
    assert correction([due(small + 1, small)]) is NOTHING
    assert correction([]) is NOTHING
    np.testing.assert_array_equal(NOTHING(small), small)


def test_blocks_are_whole():
    np.testing.assert_array_equal(tiled(np.arange(30.0).reshape(5, 6), side=2), [3.5, 5.5, 7.5, 15.5, 17.5, 19.5])
