"""Offsets and panorama of sequences whose truth is known."""

import os
from pathlib import Path

import numpy as np
import pytest

from napari_fluorodenoise.engine.blocks import Output, map_blocks
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.stages.stabilize import Stabilize
from napari_fluorodenoise.video import Run, Video

DATA = Path(os.environ.get("FLUORODENOISE_DATA", Path(__file__).parents[2] / "../shared/data"))


@pytest.mark.parametrize("photons", [30, 100])
def test_a_pan_is_found(photons):
    truth = phantom(frames=16, shape=(192, 192), photons=photons, pan=3.0, rng=1)
    run = Stabilize()(truth.noisy)
    error = run["offsets"].data - truth.offsets  # frame 0's own error is in all of them
    assert np.sqrt((error**2).mean()) < 0.5
    assert error.std(axis=0).max() < 0.25
    assert np.abs(error[-1]).max() < 1.0


def test_the_panorama_and_the_view_lie_on_the_union_of_the_frames():
    truth = phantom(frames=10, shape=(128, 128), photons=100, pan=3.0, rng=2)
    run = Stabilize()(Video(data=truth.noisy.data, origin=(7.0, 9.0)))
    stabilized, panorama, offsets = run["stabilized"], run["panorama"], run["offsets"].data
    low = np.floor(offsets.min(axis=0))
    assert stabilized.shape[1:] == panorama.data.shape
    assert stabilized.origin == panorama.origin == (7.0 + low[0], 9.0 + low[1])
    assert np.isfinite(panorama.data).all()
    start = tuple((-low).astype(int))
    seen = stabilized.data[0, start[0] : start[0] + 128, start[1] : start[1] + 128]
    np.testing.assert_array_equal(seen, truth.noisy.data[0])


def test_the_collimator_leaves_no_seam_in_the_panorama():
    truth = phantom(frames=10, shape=(128, 128), photons=100, pan=3.0, collimated=True, rng=2)
    panorama = Stabilize()(truth.noisy)["panorama"].data
    assert 0.05 < np.mean(panorama == 0) < 0.5
    assert np.quantile(panorama[panorama != 0], 0.005) > 0.3 * np.median(panorama[panorama != 0])


def test_blocks_equal_the_whole():
    run = measured(Run.of(phantom(frames=9, shape=(64, 64), pan=1.0).noisy))
    fitted = Stabilize().fit(run)
    made = {
        size: map_blocks(
            fitted,
            {"frames": run.video("frames").data},
            outputs={"stabilized": Output(np.dtype(np.float32), fitted.canvas("stabilized")[0])},
            size=(size, 64, 64),
        )["stabilized"]
        for size in (1, 4, 9)
    }
    np.testing.assert_array_equal(made[1], made[9])
    np.testing.assert_array_equal(made[4], made[9])


@pytest.mark.parametrize("value", [0, 1000])
@pytest.mark.parametrize("frames", [2, 5])
def test_constant_frames_stay_where_they_are(value, frames):
    run = Stabilize()(Video(data=np.full((frames, 40, 48), value, np.uint16)))
    assert not run["offsets"].data.any()
    np.testing.assert_allclose(run["panorama"].data, value, rtol=1e-5)


def test_frames_of_one_row_are_refused():
    with pytest.raises(ValueError, match=r"at least 2 rows and columns .*found 1 x 40"):
        Stabilize()(Video(data=np.ones((3, 1, 40), np.uint8)))


def test_large_frames_are_measured_at_a_reduced_size():
    truth = phantom(frames=6, shape=(160, 160), photons=300, pan=4.0, rng=1)
    error = Stabilize(largest=80)(truth.noisy)["offsets"].data - truth.offsets
    assert np.abs(error).max() < 1.0


@pytest.mark.skipif(not (DATA / "angiodata_p7c1").exists(), reason="no real sequences here")
def test_a_real_pan_is_followed():
    import imageio.v3 as iio

    files = sorted((DATA / "angiodata_p7c1").glob("*.jpg"))[30:]
    frames = np.stack([iio.imread(file) for file in files])
    offsets = Stabilize()(Video(data=frames[..., 0] if frames.ndim == 4 else frames))["offsets"].data
    assert 80 < offsets[-1, 0] < 130
    assert 30 < offsets[-1, 1] < 70
