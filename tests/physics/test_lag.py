import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_fluorodenoise.physics.differences import BLOCK, Blocks, blocks, groups
from napari_fluorodenoise.physics.lag import at_rest, corrected, shared
from napari_fluorodenoise.physics.noise import Bins, Line
from napari_fluorodenoise.video import Video

UNIT = Line(0.0, 1.0, 1e-6)
NOWHERE = np.zeros((0, BLOCK, BLOCK), np.float32)


@pytest.mark.parametrize("read", [0.0, 1.0])
@pytest.mark.parametrize("lag", [0.0, 0.2, 0.4])
def test_what_consecutive_differences_share_is_lag_times_the_quanta_in_them(lag, read):
    rng = np.random.default_rng(0)
    fresh, amplifier = rng.standard_normal((2, 3, 2000, BLOCK, BLOCK)).astype(np.float32)
    quanta = [fresh[0]]
    for new in fresh[1:]:
        quanta.append(lag * quanta[-1] + np.sqrt(1 - lag**2) * new)
    frames = [q + read * r for q, r in zip(quanta, amplifier, strict=True)]
    found = Blocks.of(frames[0] - frames[1], np.zeros(2000), rng.random(2000), frames[1] - frames[2])
    value, error = shared(found, UNIT)
    assert value == pytest.approx(lag * (1 - lag) / (1 - lag + read**2), abs=0.02)
    assert 0.002 < error < 0.01


@pytest.mark.parametrize("rest", [1.0, 0.5])
@pytest.mark.parametrize("lag", [0.03, 0.1, 0.4])
def test_the_line_of_frames_follows_from_that_of_differences(lag, rest):
    slope, read, level = 5.0, 700.0, 300.0
    quanta = slope * level
    seen = Line(slope * (1 - lag * rest), read, 1.0, bins=Bins(*np.ones((3, 4))))
    value = lag * quanta * (1 - lag * rest) / (quanta * (1 - lag * rest) + read)
    line, (correlation, _) = corrected(seen, (value, 0.001), rest=rest, seen=level, level=level)
    assert line.slope == pytest.approx(slope)
    assert line.read_variance == read
    assert correlation == pytest.approx(lag * quanta / (quanta + read))


def test_however_much_frames_share_it_is_less_than_all():
    seen = Line(5.0, 700.0, 1.0, bins=Bins(*np.ones((3, 4))))
    line, (correlation, _) = corrected(seen, (0.99, 0.01), rest=1.0, seen=300.0, level=300.0)
    assert correlation < 1
    assert np.isfinite(line.slope)


def test_where_no_quanta_are_told_all_noise_lags():
    line, (correlation, _) = corrected(UNIT, (0.3, 0.01), rest=1.0, seen=100.0, level=100.0)
    assert (correlation, line.read_variance) == (pytest.approx(0.3), pytest.approx(1 / 0.7))


@pytest.mark.parametrize(("found", "rest"), [((0.01, 0.01), 1.0), ((0.3, 0.01), 0.0), ((0.0, np.inf), 1.0)])
def test_nothing_is_corrected_for_chance_nor_where_the_detector_moved(found, rest):
    assert corrected(UNIT, found, rest=rest, seen=100.0, level=100.0) == (UNIT, found)


def lagging(lag, *, step, frames=32, size=160, seed=0):
    """A texture that passes by whole pixels over a detector whose noise, and nothing else, lags."""
    rng = np.random.default_rng(seed)
    scene = 300 * gaussian_filter(rng.standard_normal((size, 3 * size)), 3)
    fresh = rng.standard_normal((frames, size, size))
    noise = [fresh[0]]
    for new in fresh[1:]:
        noise.append(lag * noise[-1] + np.sqrt(1 - lag**2) * new)
    views = [scene[:, size + t * step :][:, :size] for t in range(frames)]
    return groups(Video(data=np.stack(views) + 500 + np.stack(noise)))


@pytest.mark.parametrize("lag", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("step", [0, 3, -4])
def test_lag_is_found_at_rest_and_while_the_scene_passes_by(lag, step):
    found = blocks(lagging(lag, step=step), field=np.ones((160, 160), bool))
    assert at_rest(found) == (step == 0)
    assert (len(found.displaced) > 100) == (step != 0)
    correlation, error = shared(found, UNIT)
    assert error < (0.02 if step else 0.01)
    assert correlation == pytest.approx(lag, abs=0.02 + 0.2 * lag)


def test_without_blocks_no_lag_and_no_rest_is_told():
    nothing = Blocks.of(NOWHERE, np.zeros(0), np.zeros(0), NOWHERE)
    assert shared(nothing, UNIT) == (0.0, np.inf)
    assert at_rest(nothing) == 0


@pytest.mark.parametrize("resting", [0.0, 0.25, 1.0])
def test_the_share_at_rest(resting):
    following = np.full((40, BLOCK, BLOCK), np.nan, np.float32)
    following[: int(40 * resting)] = 0
    assert at_rest(Blocks.of(following, np.zeros(40), np.zeros(40), following)) == resting
