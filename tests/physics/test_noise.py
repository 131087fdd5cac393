import numpy as np
import pytest

from napari_fluorodenoise.physics.differences import BLOCK, Blocks
from napari_fluorodenoise.physics.noise import detrended, fit, planes


def still_blocks(*, slope=2.0, read_variance=30.0, number=4000, moving=0.0, seed=0):
    """Blocks of white noise on a line; a share of them moves, and shows it."""
    rng = np.random.default_rng(seed)
    mean = rng.uniform(50, 1000, number)
    scale = np.sqrt(2 * (slope * mean + read_variance))[:, None, None]
    difference = scale * rng.standard_normal((number, BLOCK, BLOCK))
    moves = rng.random(number) < moving
    difference[moves] += 5 * scale[moves] * np.sin(np.arange(BLOCK))
    motion = np.where(moves, 10, 0.1) * scale[:, 0, 0] ** 2 * rng.uniform(0.5, 1.5, number)
    following = np.full_like(difference, np.nan, dtype=np.float32)
    return Blocks(difference.astype(np.float32), mean, motion, following)


@pytest.mark.parametrize("moving", [0.0, 0.5])
@pytest.mark.parametrize(("slope", "read_variance"), [(2.0, 30.0), (0.0, 400.0), (-1.0, 1500.0)])
def test_line_is_found_though_half_of_the_picture_moves(slope, read_variance, moving):
    line = fit(still_blocks(slope=slope, read_variance=read_variance, moving=moving), floor=1e-3)
    means = np.array([100.0, 500.0, 950.0])
    line = line.scaled(BLOCK**2 / (BLOCK**2 - 3))  # white noise loses three degrees of freedom to its plane
    np.testing.assert_allclose(line.variance(means), slope * means + read_variance, rtol=0.03)
    assert line.warnings == ()


def test_detrending_removes_planes_and_nothing_else():
    basis = planes(BLOCK)
    np.testing.assert_allclose(np.einsum("iyx,jyx->ij", basis, basis), np.eye(3), atol=1e-12)
    block = np.random.default_rng(0).standard_normal((2, BLOCK, BLOCK)).astype(np.float32)
    once = detrended(block)
    np.testing.assert_allclose(detrended(once + basis.sum(0).astype(np.float32)), once, atol=1e-5)


def test_few_blocks_give_a_constant_and_say_so():
    line = fit(still_blocks(slope=0.0, read_variance=9.0, number=30), floor=1e-3)
    assert line.slope == 0
    assert line.read_variance == pytest.approx(9, rel=0.15)
    assert "too few blocks" in line.warnings[0]


def test_intensities_within_the_noise_give_a_constant():
    blocks = still_blocks(slope=0.0, read_variance=400.0)
    narrow = Blocks(blocks.difference, 500 + blocks.mean / 100, blocks.motion, blocks.following)
    assert fit(narrow, floor=1e-3).slope == 0


def test_no_blocks_give_the_floor_and_say_so():
    line = fit(still_blocks(number=0), floor=1 / 12)
    assert (line.slope, line.read_variance) == (0, 1 / 12)
    assert "no noise found" in line.warnings[0]


def test_variances_off_a_line_are_reported():
    blocks = still_blocks(slope=0.0, read_variance=1.0)
    gain = np.where((blocks.mean // 60) % 2, 1.0, 4.0).astype(np.float32)
    wild = Blocks(blocks.difference * gain[:, None, None], blocks.mean, blocks.motion, blocks.following)
    assert "look processed" in fit(wild, floor=1e-3).warnings[0]


def test_blocks_that_do_not_vary_count_as_rounded():
    blocks = still_blocks(slope=0.01, read_variance=0.0)
    dark = blocks.mean < 400
    blocks.difference[dark] = 1.0  # rounding leaves a change of the exposure, and no noise
    line = fit(blocks, floor=1 / 12)
    assert "rounding hides the noise at 8 of 24 intensities" in line.warnings[0]
    means = np.array([100.0, 600.0, 950.0])
    assert (line.variance(means) >= 1 / 12).all()
    np.testing.assert_allclose(line.variance(means)[1:], 0.01 * means[1:], rtol=0.25)
