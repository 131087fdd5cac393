import numpy as np
import pytest

from napari_fluorodenoise.physics.differences import BLOCK, Blocks, blocks, groups
from napari_fluorodenoise.physics.noise import Bins, Line, detrended, fit, planes, restless, still
from napari_fluorodenoise.video import Video


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
    return Blocks.of(difference.astype(np.float32), mean, motion, following)


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
    blocks.difference[dark] = 0.0  # rounding leaves a change of the exposure, and no noise
    line = fit(blocks, floor=1 / 12)
    assert "rounding hides the noise at 8 of 24 intensities" in line.warnings[0]
    means = np.array([100.0, 600.0, 950.0])
    assert (line.variance(means) >= 1 / 12).all()
    np.testing.assert_allclose(line.variance(means)[1:], 0.01 * means[1:], rtol=0.25)


LOST = BLOCK**2 / (BLOCK**2 - 3)
"""What a plane takes of white noise's variance."""


@pytest.mark.parametrize("moving", [0.0, 0.5])
@pytest.mark.parametrize(("slope", "read_variance"), [(2.0, 30.0), (0.0, 400.0), (-1.0, 1500.0)])
def test_standard_errors_cover_the_truth_two_times_in_three(slope, read_variance, moving):
    z, points = [], []
    for seed in range(30):
        blocks = still_blocks(slope=slope, read_variance=read_variance, number=1000, moving=moving, seed=seed)
        line = fit(blocks, floor=1e-3).scaled(LOST)
        z.append([(line.slope - slope) / line.errors[0], (line.read_variance - read_variance) / line.errors[1]])
        points.append((line.bins.variance - slope * line.bins.mean - read_variance) / line.bins.error)
    assert (np.abs(np.mean(np.abs(z) < 1, axis=0) - 0.68) < 0.2).all()
    assert (np.mean(np.abs(z) < 3, axis=0) > 0.9).all()
    assert np.mean(np.abs(np.concatenate(points)) < 1) == pytest.approx(0.68, abs=0.08)


def test_errors_fall_with_the_root_of_the_number_of_blocks():
    few, many = (fit(still_blocks(number=number), floor=1e-3) for number in (1000, 9000))
    for a, b in zip(few.errors, many.errors, strict=True):
        assert a / b == pytest.approx(3, rel=0.35)


@pytest.mark.parametrize("number", [100, 1000, 4000])
def test_bins_hold_all_still_blocks_by_intensity(number):
    bins = fit(still_blocks(number=number), floor=1e-3).bins
    assert 4 <= len(bins.mean) == len(bins.variance) == len(bins.error) <= 24
    assert (np.diff(bins.mean) > 0).all()
    assert (bins.error > 0).all()
    np.testing.assert_allclose(LOST * bins.variance, 2 * bins.mean + 30, rtol=0.1)


def test_bins_scale_with_the_line_and_may_be_chosen_from():
    line = Line(2.0, 30.0, 0.1, (), (0.1, 3.0), Bins(*np.arange(12.0).reshape(3, 4)))
    twice = line.scaled(2.0)
    assert (twice.slope, twice.read_variance, twice.errors, twice.floor) == (4.0, 60.0, (0.2, 6.0), 0.1)
    np.testing.assert_array_equal(twice.bins.mean, line.bins.mean)
    np.testing.assert_array_equal(twice.bins.variance, 2 * line.bins.variance)
    np.testing.assert_array_equal(twice.bins.error, 2 * line.bins.error)
    np.testing.assert_array_equal(line.bins.kept(line.bins.mean > 1).variance, [6, 7])


@pytest.mark.parametrize("moving", [0.0, 0.3, 0.7])
def test_what_rests_is_told_from_what_moves(moving):
    blocks = still_blocks(moving=moving)
    variance = 2 * blocks.mean + 30
    chosen = still(blocks, variance)
    moves = blocks.motion > 10 * variance
    assert moves.mean() == pytest.approx(moving, abs=0.03)
    assert not (chosen & moves).any()
    assert 0.2 * (1 - moving) < chosen.mean() < 1 - moving + 0.01
    assert still(blocks, 100 * variance).sum() == chosen.sum()  # the unit of what is expected does not matter


def test_some_blocks_are_still_even_where_all_move():
    assert still(still_blocks(moving=1.0, number=40), np.ones(40)).sum() >= 32
    assert still(still_blocks(moving=1.0, number=5), np.ones(5)).all()


def white():
    lags = np.zeros((13, 13))
    lags[6, 6] = 1
    return lags


def found_blocks(frames):
    return blocks(groups(Video(data=frames)), field=np.ones(frames.shape[1:], bool))


@pytest.mark.parametrize(
    ("motion", "reach", "told"),
    [(0.0, 0.0, 0), (0.0, 0.02, 0), (0.0, 0.04, 1), (6.0, 0.0, 1)],
    ids=["at rest", "short reach", "far reach", "all moves"],
)
def test_a_scene_that_never_rests_is_told(motion, reach, told):
    rng = np.random.default_rng(0)
    smooth = rng.standard_normal((16, 16, 16)).repeat(8, 1).repeat(8, 2)
    frames = 500 + 10 * rng.standard_normal((16, 128, 128)) + motion * smooth
    blocks = found_blocks(frames.astype(np.float32))
    line = fit(blocks, floor=1e-3)
    assert len(restless(blocks, line, white(), reach)) == told


def test_correlated_noise_is_not_taken_for_motion():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((16, 129, 129))
    pooled = (noise[:, 1:, 1:] + noise[:, :-1, 1:] + noise[:, 1:, :-1] + noise[:, :-1, :-1]).astype(np.float32) / 2
    lags = np.zeros((13, 13))
    lags[5:8, 5:8] = np.outer([0.5, 1, 0.5], [0.5, 1, 0.5])
    blocks = found_blocks(500 + pooled)
    line = fit(blocks, floor=1e-3)
    assert restless(blocks, line, lags, 0.0) == ()
    assert len(restless(blocks, line, white(), 0.0)) == 1


def test_too_few_blocks_are_not_called_restless():
    few = still_blocks(number=20, moving=1.0)
    assert restless(few, Line(2.0, 30.0, 1e-3), white(), 0.5) == ()


def test_a_curve_of_which_most_points_are_dark_is_no_line():
    blocks = still_blocks(slope=1.0, read_variance=0.0)
    dark = np.random.default_rng(1).random(len(blocks)) < 0.65
    mean = np.where(dark, blocks.mean / 10, blocks.mean)
    gain = np.sqrt(np.where(dark, 0.1, 100 / blocks.mean)).astype(np.float32)  # a line up to 100, level from there
    curve = Blocks(blocks.difference * gain[:, None, None], mean, blocks.motion * gain**2, blocks.following)
    assert "look processed" in fit(curve, floor=1e-3).warnings[0]
