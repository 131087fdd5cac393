import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_fluorodenoise.physics.differences import blocks, groups
from napari_fluorodenoise.physics.drift import drifting, gain_drift
from napari_fluorodenoise.video import Video


def brightness(drift, *, number=12, error=1e-4, seed=0):
    """Rows (G, 3) as `Blocks.brightness` has them, of a gain of 1 + drift * t."""
    middle = 3.5 + 8 * np.arange(number)
    rate = drift / (1 + drift * middle) + error * np.random.default_rng(seed).standard_normal(number)
    return np.stack([middle, rate, np.full(number, error)], axis=1)


@pytest.mark.parametrize("drift", [-0.008, -0.003, 0.0, 0.001, 0.005, 0.05])
def test_the_drift_is_that_of_the_first_frames_gain(drift):
    exact, _ = gain_drift(brightness(drift, error=0.0))
    assert exact == pytest.approx(drift, abs=1e-12)


def test_the_standard_error_covers_the_truth_two_times_in_three():
    z = []
    for seed in range(400):
        found, error = gain_drift(brightness(0.003, error=0.003, seed=seed))  # far above what inflow adds
        z.append((found - 0.003) / error)
    assert 0.55 < np.mean(np.abs(z) < 1) < 0.8
    assert abs(np.mean(z)) < 0.15


def test_groups_that_disagree_widen_the_error():
    rows = brightness(0.003)
    wild = rows + np.array([0, 0.006, 0]) * (-1.0) ** np.arange(len(rows))[:, None]
    assert gain_drift(wild)[1] > 5 * gain_drift(rows)[1]


def test_where_nothing_changes_nothing_is_told():
    assert gain_drift(brightness(0.0, error=0.0)) == (0.0, np.inf)


def test_without_groups_nothing_is_told():
    assert gain_drift(np.zeros((0, 3))) == (0.0, np.inf)


@pytest.mark.parametrize("percent", [-0.5, 0.0, 0.3])
@pytest.mark.parametrize("flowing", [False, True], ids=["still", "a third darkens"])
def test_a_drift_is_told_from_what_happens_in_the_minority_of_the_picture(percent, flowing):
    rng, gain = np.random.default_rng(2), 1 + percent / 100 * np.arange(32)
    texture = gaussian_filter(rng.standard_normal((128, 128)), 4)
    scene = 500 * np.exp(0.3 * texture / texture.std()) * gain[:, None, None]
    if flowing:
        scene[:, :, :40] *= np.linspace(1, 0.6, 32)[:, None, None]
    video = Video(data=rng.poisson(scene).astype(np.uint16))
    found, error = gain_drift(blocks(groups(video), field=np.ones((128, 128), bool)).brightness)
    assert found == pytest.approx(percent / 100, abs=3 * error + (3e-4 if flowing else 0))
    assert error < 5e-4


def test_dark_values_below_zero_tell_no_drift():
    data = np.random.default_rng(0).normal(-5, 1, (16, 64, 64))
    assert gain_drift(blocks(groups(Video(data=data)), field=np.ones((64, 64), bool)).brightness) == (0.0, np.inf)


@pytest.mark.parametrize(
    ("drift", "error", "frames", "said"),
    [
        (0.005, 1e-4, 40, "brightens by 0.50% per frame, 20% in all"),
        (-0.003, 1e-4, 60, "darkens by 0.30% per frame, 18% in all"),
        (0.005, 1e-4, 10, None),  # 5 % in all: one noise model still holds
        (0.005, 0.002, 40, None),  # not certain
        (0.0, 1e-4, 400, None),
        (0.0, np.inf, 400, None),
    ],
)
def test_a_notable_drift_is_told_in_one_sentence(drift, error, frames, said):
    found = drifting(drift, error, frames=frames)
    assert len(found) == (said is not None)
    assert all(said in sentence for sentence in found)
