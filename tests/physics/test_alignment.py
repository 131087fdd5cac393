"""What aligns frames: shifts of whole pixels and of parts of one, and moving that leaves the noise as it is."""

import numpy as np
import pytest
from scipy import ndimage

from napari_fluorodenoise.physics.alignment import BLOCK, cut, grid, moved, remainder, shift

INNER = (..., slice(16, -16), slice(16, -16))
STEPS = [(0.3, -0.45), (0.5, 0.5), (0.02, 0.0), (-0.9, 0.1)]


def picture(size=128, *, at=(0.0, 0.0), highest=0.06):
    """Twelve plane waves (size, size) of at most `highest` cycles per pixel, moved by `at`; known between pixels."""
    rng = np.random.default_rng(3)
    y, x = np.arange(size)[:, None] - at[0], np.arange(size)[None, :] - at[1]
    waves = zip(rng.uniform(-highest, highest, (12, 2)), rng.uniform(0, 2 * np.pi, 12), strict=True)
    return sum(np.cos(2 * np.pi * (fy * y + fx * x) + phase) for (fy, fx), phase in waves).astype(np.float32)


def noisy(frame, sigma, rng):
    return frame + np.float32(sigma) * rng.standard_normal(frame.shape, dtype=np.float32)


def texture(size, rng):
    """A scene (size, size) of unit variance without a direction, correlated over some pixels."""
    scene = ndimage.gaussian_filter(rng.standard_normal((size, size)), 3)
    return (scene / scene.std()).astype(np.float32)


@pytest.mark.parametrize("step", STEPS)
def test_a_picture_moves_by_its_step(step):
    frame = picture(highest=0.15)
    found = moved(frame, np.array(step))
    assert found.dtype == np.float32
    np.testing.assert_allclose(
        found[INNER], picture(at=step, highest=0.15)[INNER], atol=0.1
    )  # waves of amplitude 1; the mirror's kink reaches in
    np.testing.assert_array_equal(frame, picture(highest=0.15))


def test_whole_pixels_are_moved_exactly_and_none_not_at_all():
    frame = np.random.default_rng(0).standard_normal((70, 80)).astype(np.float32)
    np.testing.assert_allclose(moved(frame, np.array([2.0, -3.0]))[2:, :-3], frame[:-2, 3:], atol=1e-5)
    np.testing.assert_array_equal(moved(frame, np.zeros(2)), frame)


def spectrum(noise):
    """Mean power per frequency of noise (N, Y, X), without its border, for frequencies up to 0.45 along either axis."""
    power = (np.abs(np.fft.rfft2(noise[INNER])) ** 2).mean(axis=0)
    rows, columns = power.shape[0], 2 * (power.shape[1] - 1)
    return power[np.ix_(np.abs(np.fft.fftfreq(rows)) < 0.45, np.fft.rfftfreq(columns) < 0.45)]


@pytest.mark.parametrize("sigma", [0.0, 0.7], ids=["white", "blurred"])
@pytest.mark.parametrize("step", STEPS)
def test_moving_keeps_the_spectrum_of_the_noise(step, sigma):
    noise = np.random.default_rng(1).standard_normal((40, 96, 96)).astype(np.float32)
    noise = ndimage.gaussian_filter(noise, (0, sigma, sigma))
    before, after = spectrum(noise), spectrum(np.stack([moved(frame, np.array(step)) for frame in noise]))
    order = np.array_split(np.argsort(before.ravel()), 6)  # from frequencies that pass to those that hardly do
    for part in order:
        assert after.ravel()[part].sum() / before.ravel()[part].sum() == pytest.approx(1, abs=0.03)
    between = ndimage.shift(noise, (0, 0.5, 0.5), order=1)  # what is avoided: interpolation between pixels
    assert spectrum(between).sum() < 0.8 * before.sum()


@pytest.mark.parametrize("sigma", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("step", [(0.2, -0.35), (0.0, 0.5), (-0.4, 0.1)])
def test_parts_of_a_pixel_are_found_as_well_as_the_noise_allows(step, sigma):
    errors = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        found = remainder(noisy(picture(), sigma, rng), noisy(picture(at=step), sigma, rng))
        errors.append(found + np.array(step))  # it says how to move back
    bound = np.sqrt(2) * sigma / np.sqrt([np.square(slope).sum() for slope in np.gradient(picture())])  # Cramer-Rao
    limit = 2 * bound + 0.05 * np.abs(step).max()  # of a step, a gradient taken over pixels misses some percent
    assert (np.sqrt(np.mean(np.square(errors), axis=0)) < limit).all()


def test_moving_by_the_remainder_aligns():
    moving = picture(at=(0.3, -0.2))
    left = moved(moving, remainder(picture(), moving)) - picture()
    assert left[INNER].std() < 0.1 * (moving - picture())[INNER].std()


@pytest.mark.parametrize("sigma", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_picture_at_rest_of_which_a_third_moves_has_no_remainder(sigma, seed):
    rng = np.random.default_rng(seed)
    still = 3 * texture(144, rng)
    other = still.copy()
    other[:, :48] = moved(still, np.array([0.6, -0.5]))[:, :48]
    found = remainder(noisy(still, sigma, rng), noisy(other, sigma, rng))
    if sigma < 1:
        assert not found.any()
    # noise hides what moves from what rests: the picture may be pulled, but by less than its noise would tell
    assert np.var(still[:, 64:] - moved(still, found)[:, 64:]) < 0.02 * 2 * sigma**2 + 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_noise_and_frames_too_small_have_no_remainder(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, 128, 128)).astype(np.float32)
    assert not remainder(a, b).any()
    assert not remainder(a[:20, :20], b[:20, :20]).any()
    assert not remainder(a, a).any()


@pytest.mark.parametrize("sigma", [0.0, 1.0])
@pytest.mark.parametrize("step", [(0, 0), (1, 0), (2, -3), (-5, 4), (0, 11)])
def test_whole_pixels_are_found_in_noise(step, sigma):
    rng = np.random.default_rng(4)
    scene = 3 * texture(160, rng)
    views = [scene[y : y + 112, x : x + 112] for y, x in ((24, 24), (24 + step[0], 24 + step[1]))]
    assert shift(noisy(views[0], sigma, rng), noisy(views[1], sigma, rng)) == step


@pytest.mark.parametrize("seed", range(4))
def test_a_moving_third_does_not_shift_the_picture(seed):
    rng = np.random.default_rng(seed)
    still = 3 * texture(144, rng)
    other = still.copy()
    other[:, :48] = np.roll(still, (3, -2), (0, 1))[:, :48]
    assert shift(noisy(still, 1.0, rng), noisy(other, 1.0, rng)) == (0, 0)


def test_blocks_tile_a_frame_and_leave_its_end():
    frame = np.arange(37 * 50).reshape(37, 50)
    tiles = grid(frame)
    assert tiles.shape == (2, 3, BLOCK, BLOCK)
    for row, column in np.ndindex(2, 3):
        top, left = row * BLOCK, column * BLOCK
        np.testing.assert_array_equal(tiles[row, column], frame[top : top + BLOCK, left : left + BLOCK])
    np.testing.assert_array_equal(cut(frame), tiles.reshape(6, BLOCK, BLOCK))
    assert cut(frame[: BLOCK - 1]).shape == (0, BLOCK, BLOCK)
