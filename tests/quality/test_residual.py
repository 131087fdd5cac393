"""The sums that checks ask about: against a plain loop, and against their known distributions."""

from itertools import pairwise

import dask.array as da
import numpy as np
import pytest
from scipy.fft import dctn

from napari_fluorodenoise.physics.detector import Detector
from napari_fluorodenoise.quality.residual import GROUP, looked_at, tiles
from napari_fluorodenoise.quality.spectrum import DETAIL, SIZE, SLOW
from napari_fluorodenoise.video import Video

SIGMA = 5.0


def white(shape):
    """White Gaussian noise of deviation SIGMA, the same everywhere."""
    delta = np.zeros((13, 13))
    delta[6, 6] = 1
    field = np.ones(shape, bool)
    known = {"slope": 0.0, "read_variance": SIGMA**2, "floor": 1e-3, "level": 100.0}
    return Detector(**known, autocorrelation=delta, response=np.ones((1, 1)), field=field)


def made(frames=8, size=128, seed=0):
    """Noisy and true frames: waves that move, under white noise."""
    rng = np.random.default_rng(seed)
    t, y, x = np.indices((frames, size, size))
    truth = (100 + 15 * np.sin((x + t) / 3.0) * np.cos(y / 5.0)).astype(np.float32)
    return truth + SIGMA * rng.standard_normal(truth.shape).astype(np.float32), truth


def found(noisy, result, **options):
    return tiles(Video(data=noisy), Video(data=result), detector=white(noisy.shape[1:]), **options)


def test_sums_are_those_of_a_plain_loop():
    noisy, truth = made(size=48)
    result = (truth + noisy) / 2
    got = found(noisy, result)
    for row, column in ((0, 0), (2, 1)):
        at = np.s_[:, row * SIZE : (row + 1) * SIZE, column * SIZE : (column + 1) * SIZE]
        y, x = (dctn(frames[at].astype(float), axes=(1, 2), norm="ortho") / SIGMA for frames in (noisy, result))
        place, r, n = (0, row, column), y - x, SIZE**2
        both, change = y[2:] + y[:-2], y[2:] - y[:-2]
        expected = {
            "energy": [(r**2)[:, band].sum() for band in (SLOW, DETAIL)],
            "excess": [((r**2)[:, band] - 1).sum() / (8 * n) for band in (SLOW, DETAIL)],
            "invented": (x * (x - y))[:, DETAIL].sum(),
            "nowhere": sum((x[t] * (x[t] - y[max(t - 2, 0) : t + 3].mean(0)))[DETAIL].sum() for t in range(8)),
            "detail": (x * x)[:, DETAIL].sum(),
            "again": (r[1:-1] * both)[:, SLOW].sum(),
            "present": (y[1:-1] * both)[:, SLOW].sum(),
            "around": (both**2)[:, SLOW].sum(),
            "follow": (r[1:-1] * change)[:, SLOW].sum(),
            "change": (change**2)[:, SLOW].sum(),
            "level": result[at].mean(),
            "shift": (noisy[at] - result[at]).mean(),
            "shift_error": SIGMA / np.sqrt(8 * n),
        }
        for name, value in expected.items():
            np.testing.assert_allclose(getattr(got, name)[place], value, rtol=2e-3, atol=1e-2, err_msg=name)


def test_for_the_truth_all_have_the_distributions_they_are_said_to_have():
    noisy, truth = made(frames=24, size=256)
    got = found(noisy, truth)
    for band in (0, 1):
        assert got.energy[..., band].mean() == pytest.approx(got.freedom[band], rel=0.01)
        assert got.energy[..., band].std() == pytest.approx(np.sqrt(2 * got.freedom[band]), rel=0.1)
    normal = {
        "invented": got.invented / np.sqrt(got.detail),
        "again": got.again / np.sqrt(got.around),
        "shift": got.shift / got.shift_error,
    }
    for name, z in normal.items():
        assert abs(z.mean()) < 4 / np.sqrt(z.size), name
        assert z.std() == pytest.approx(1, abs=0.1), name
    follow = got.follow / np.sqrt(got.change)
    assert abs(follow.mean()) < 4 / np.sqrt(follow.size)
    assert follow.std() < 1  # the bound: products of neighbours cancel from frame to frame


def test_where_nothing_is_seen_pairs_of_frames_count_twice():
    noisy, truth = made(frames=24, size=256)
    got = found(noisy - truth + 100, np.full_like(truth, 100))
    expected = got.around.mean() + 2 * (GROUP - 3) * SLOW.sum()
    assert got.again.var() == pytest.approx(expected, rel=0.15)
    assert expected > 1.5 * got.around.mean()


def test_still_tiles_are_told_and_their_noise_is_summed():
    noisy, truth = made(size=128)
    noisy[:, 64:], truth[:, 64:] = noisy[:, 64:] - truth[:, 64:] + 100, 100
    got = found(noisy, noisy)
    assert got.still[:, 4:].mean() > 0.95
    assert not got.still[:, :4].any()
    np.testing.assert_array_equal(got.left, got.seen)
    assert got.seen.sum() == pytest.approx(got.expected.sum(), rel=0.05)


def test_what_is_cut_off_or_outside_the_field_tells_nothing():
    noisy, truth = made(size=64)
    truth[:, :16] -= truth[:, :16] - 3.0
    noisy[:, :16] = 3.0 + noisy[:, 16:32] - truth[:, 16:32]
    got = found(np.maximum(noisy, 0), truth)
    assert not got.known[0, 0].any()
    assert got.known[0, 1:].all()
    detector = white((64, 64))
    detector.field[:, 50:] = False
    got = tiles(Video(data=noisy), Video(data=truth), detector=detector)
    np.testing.assert_array_equal(got.known[0].all(0), [True, True, True, False])


@pytest.mark.parametrize(
    ("shape", "groups", "size"),
    [((2, 64, 64), 1, 2), ((8, 64, 64), 1, GROUP), ((30, 64, 64), 3, GROUP), ((2000, 512, 512), 8, GROUP),
     ((3000, 1024, 1024), 2, GROUP), ((9, 8000, 8000), 1, GROUP)],
)  # fmt: skip
def test_groups_lie_within_and_are_bounded(shape, groups, size):
    starts, each = looked_at(shape)
    assert (len(starts), each) == (groups, size)
    assert starts[0] == 0
    assert starts[-1] + each == shape[0] or groups == 1
    assert all(b - a >= each for a, b in pairwise(starts))


def test_only_what_is_looked_at_is_read():
    read = []

    def frame(block_id):
        read.append(block_id[0])
        return np.full((1, 64, 64), block_id[0], np.float32)

    chunks = ((1,) * 400, (64,), (64,))
    lazy = da.map_blocks(frame, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0, 0), np.float32))
    found(lazy, lazy, pixels=16 * 64 * 64)
    assert sorted(set(read)) == [*range(8), *range(392, 400)]


def test_nan_is_refused_with_the_sequence_and_the_frame():
    noisy, truth = made(size=32)
    truth[5, 3, 3] = np.nan
    with pytest.raises(ValueError, match="finite pixels in OUT, found NaN or infinity in frame 5"):
        found(noisy, truth)
