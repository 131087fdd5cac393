"""Cases: their noise is the one they state, and sequences are found where they lie."""

import numpy as np
import pytest

from napari_fluorodenoise.bench import cases
from napari_fluorodenoise.io import write
from napari_fluorodenoise.video import Video


def test_gaussian_noise_has_its_variance_and_leaves_the_truth():
    clean = np.full((4, 64, 64), 0.5, np.float32)
    case = cases.gaussian("flat", clean, variance=0.003, seed=0)
    assert np.var(case.noisy - clean) == pytest.approx(0.003, rel=0.05)
    assert case.sigma == pytest.approx(np.sqrt(0.003))
    assert case.autocorrelation.shape == (1, 1)
    assert (clean == 0.5).all()


def test_the_phantom_behind_a_detector_has_the_noise_that_peers_are_told():
    case = cases.exposed(frames=8, size=96, photons=100, pan=0.0, seed=0)
    noise = case.noisy - case.clean
    assert noise.std() == pytest.approx(case.sigma, rel=0.05)
    middle = len(case.autocorrelation) // 2
    beside = (noise[:, :, 1:] * noise[:, :, :-1]).mean() / noise.var()
    assert case.autocorrelation[middle, middle + 1] == pytest.approx(beside, abs=0.03)
    assert case.autocorrelation[middle, middle] == 1


def test_the_phantoms_are_scaled_and_seeded():
    pan, still = cases.phantoms(frames=4, size=64, seed=3)
    assert (pan.name, still.name) == ("phantom, pan 3 px/frame", "phantom, still")
    clean = still.clean()
    assert clean.max() == 1
    np.testing.assert_array_equal(clean, still.clean())
    assert (clean != cases.phantoms(frames=4, size=64, seed=4)[1].clean()).any()


@pytest.fixture
def folder(tmp_path):
    """A folder of a movie in a folder of its own, a sequence, one frame, and something else."""
    values = np.zeros((9, 80, 100), np.uint8)
    values[:, 40:, 60:] = np.arange(9, dtype=np.uint8)[:, None, None] + 100
    (tmp_path / "clip").mkdir()
    write(tmp_path / "clip" / "movie.avi", Video(data=values, metadata={"window": (0, 255)}))
    np.save(tmp_path / "half.npy", values.astype(np.float32) / 300)
    np.save(tmp_path / "one.npy", values[:1])
    (tmp_path / "notes.txt").write_text("nothing")
    return tmp_path


def test_sequences_are_found_in_folders_and_read_cropped_and_scaled(folder):
    movie, half = cases.clips([folder], frames=6, size=64)
    assert (movie.name, half.name) == ("movie", "half")
    clean = movie.clean()
    assert (clean.shape, clean.dtype) == ((6, 64, 64), np.float32)
    assert clean.min() >= 0
    assert clean.max() == pytest.approx(0.4, abs=0.05)
    assert clean[0].std() > 0.1  # the crop shows both values
    assert half.clean().max() == pytest.approx(108 / 300 * 1.0, abs=0.01)
    assert [scene.name for scene in cases.clips([folder / "half.npy"], frames=6, size=64)] == ["half"]


def test_what_holds_no_sequence_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected a grey sequence, or a folder of them, found none"):
        cases.sequences([tmp_path])


def test_a_case_without_truth_is_as_it_is_and_its_noise_measured(tmp_path):
    rng = np.random.default_rng(0)
    frames = rng.normal(100, 3, (8, 96, 96)).astype(np.float32)
    np.save(tmp_path / "noise.npy", frames)
    case = cases.untold(tmp_path / "noise.npy", frames=8, size=96)
    assert case.clean is None
    np.testing.assert_array_equal(case.noisy, frames)
    assert case.sigma == pytest.approx(3, rel=0.1)


def test_peers_are_told_the_measured_line_though_most_of_the_picture_is_dark(tmp_path):
    rng = np.random.default_rng(0)
    mean = 30 + 270 * np.linspace(0, 1, 128) ** 3
    frames = rng.poisson(np.broadcast_to(mean, (24, 128, 128))).astype(np.float32)
    np.save(tmp_path / "quanta.npy", frames)
    case = cases.untold(tmp_path / "quanta.npy", frames=24, size=128)
    for level in (30, 300):
        assert case.slope * level + case.read_variance == pytest.approx(level, rel=0.1)


@pytest.mark.parametrize(
    ("dtype", "most", "top"), [("uint8", 200, 255), ("uint16", 4000, 4095), ("uint16", 60000, 65535)]
)
def test_integers_are_scaled_by_the_bits_that_they_use(tmp_path, dtype, most, top):
    frames = np.zeros((6, 32, 32), dtype)
    frames[:, 16:] = most
    write(tmp_path / "clip.npy", Video(data=frames))
    (scene,) = cases.clips([tmp_path / "clip.npy"], frames=6, size=32)
    assert scene.clean().max() == pytest.approx(most / top)
