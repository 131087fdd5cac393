import numpy as np
import pytest

from napari_fluorodenoise.bench.cases import Scene
from napari_fluorodenoise.bench.low_dose import GAMMA, DisplayNoise, low_dose, lowered, patch_noise
from napari_fluorodenoise.bench.systems import INPUT
from napari_fluorodenoise.engine.progress import silent


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("dose", [0.25, 1.0])
def test_the_noise_is_that_of_the_dose(rng, dose):
    shown = np.full((4, 128, 128), 0.6, np.float32)
    noise = DisplayNoise(peak=500, read=0.01)
    low = lowered(shown, dose=dose, noise=noise, rng=rng).astype(np.float64) ** GAMMA
    level = 0.6**GAMMA
    assert low.mean() == pytest.approx(level, rel=0.01)
    assert low.var() == pytest.approx(level / (500 * dose) + (0.01 / dose) ** 2, rel=0.05)


def test_what_is_shown_has_256_levels(rng):
    low = lowered(rng.random((2, 32, 32), np.float32), dose=0.5, noise=DisplayNoise(peak=50, read=0.1), rng=rng)
    assert (low.min(), low.max()) == (0, 1)
    np.testing.assert_allclose(low * 255, np.rint(low * 255), atol=1e-4)


def test_without_noise_only_the_levels_are_left(rng):
    shown = rng.random((2, 16, 16), np.float32)
    low = lowered(shown, dose=1.0, noise=DisplayNoise(peak=1e12, read=0.0), rng=rng)
    np.testing.assert_allclose(low, shown, atol=0.51 / 255)


@pytest.mark.parametrize(("dose", "peak", "read"), [(0, 10, 0), (1, 0, 0), (1, 10, -1)])
def test_a_dose_that_cannot_be_is_refused(rng, dose, peak, read):
    with pytest.raises(ValueError, match="above 0"):
        lowered(np.zeros((1, 8, 8), np.float32), dose=dose, noise=DisplayNoise(peak, read), rng=rng)


def test_patches_tell_the_noise_too_low(rng):
    """Of equally noisy patches those with the least variance are taken: 64 values, so about a fifth too little."""
    levels = np.linspace(0.2, 0.9, 16, dtype=np.float32)
    shown = np.broadcast_to(levels[:, None, None], (16, 128, 128)) ** np.float32(1 / GAMMA)
    noisy = rng.poisson(shown.astype(np.float64) ** GAMMA * 1000) / 1000
    found = patch_noise(np.asarray(noisy ** (1 / GAMMA), np.float32), rng=rng)
    assert 1000 < found.peak < 4000


def test_too_few_patches_are_refused(rng):
    with pytest.raises(ValueError, match="flat patches"):
        patch_noise(np.zeros((1, 16, 16), np.float32), rng=rng)


def test_the_table_has_a_row_for_every_system_and_the_noisy_row_is_worth_its_noise():
    y, x = np.mgrid[:64, :64] / 64
    clean = np.broadcast_to(0.4 + 0.2 * np.sin(6 * x + 4 * y), (6, 64, 64)).astype(np.float32)
    scene = Scene("waves", lambda: clean)
    noise = DisplayNoise(peak=200, read=0.0)
    rows = list(low_dose([scene], noise=noise, seeds=2, steps=1).rows(silent))
    assert [row[1] for row in rows] == [INPUT, "5-frame mean", "fast", "best"]
    low = lowered(clean, dose=0.5, noise=noise, rng=np.random.default_rng(0))
    expected = -10 * np.log10(((low - clean) ** 2).mean((1, 2))).mean()
    assert rows[0][2] == pytest.approx(expected, abs=0.2)
    assert rows[1][2] > rows[0][2] + 5
