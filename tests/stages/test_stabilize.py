"""Offsets and panorama of sequences whose truth is known, and of sequences that are no good."""

import os
import pickle
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest

from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.blocks import Output, map_blocks
from napari_fluorodenoise.engine.progress import Cancelled
from napari_fluorodenoise.io.table import read_table, write_table
from napari_fluorodenoise.motion import Estimator
from napari_fluorodenoise.motion.canvas import Canvas
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.stages import stabilize
from napari_fluorodenoise.stages.stabilize import OFFSETS, Stabilize
from napari_fluorodenoise.video import Run, Table, Video

DATA = Path(os.environ.get("FLUORODENOISE_DATA", Path(__file__).parents[2] / "../shared/data"))


def offsets(run):
    return run["offsets"].data[:, :2]


def there_and_back(frames):
    """Offsets (T, 2) px: faster, slower, a pause, and back again."""
    times = np.arange(frames)
    speeds = np.interp(times % 15, [0, 4, 7, 10, 14], [0, 5, 0, 0, 4]) * np.where(times // 15 % 2, -1, 1)
    path = np.cumsum(speeds[:, None] * (0.6, 0.8), axis=0)
    return path - path[0]


@pytest.fixture(scope="module")
def small():
    """A pan seen by small frames, and the run that Stabilize makes of it."""
    truth = phantom(frames=8, shape=(96, 96), pan=2.0, rng=1)
    return truth, Stabilize()(truth.noisy)


@pytest.mark.parametrize("seed", [0, 1])
def test_pauses_and_reversals_are_followed_in_strong_noise(seed):
    path = there_and_back(30)
    truth = phantom(frames=30, shape=(192, 192), photons=30, pan=path, rng=seed)
    table = Stabilize()(truth.noisy)["offsets"]
    error = table.data[:, :2] - path
    steps = np.diff(error, axis=0)
    assert np.sqrt((steps**2).sum(axis=1).mean()) <= 0.25
    assert np.hypot(*error[-1]) <= 1.0
    assert not table["segment"].any()
    assert table["confidence"].min() > 0.5


@pytest.mark.parametrize("photons", [30, 100])
def test_a_pan_is_found(photons):
    truth = phantom(frames=16, shape=(192, 192), photons=photons, pan=3.0, rng=1)
    run = Stabilize()(truth.noisy)
    error = offsets(run) - truth.offsets  # frame 0's own error is in all of them
    assert np.sqrt((error**2).mean()) < 0.5
    assert error.std(axis=0).max() < 0.25
    assert np.abs(error[-1]).max() < 1.0


def test_the_panorama_and_the_view_lie_on_the_union_of_the_frames():
    truth = phantom(frames=10, shape=(128, 128), photons=100, pan=3.0, rng=2)
    run = Stabilize()(Video(data=truth.noisy.data, origin=(7.0, 9.0)))
    stabilized, panorama, found = run["stabilized"], run["panorama"], offsets(run)
    low = np.floor(found.min(axis=0))
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


@pytest.fixture(scope="module")
def cut():
    """A pan with a cut in its middle, its detector known, and what Stabilize says of it in one pass."""
    one, other = (phantom(frames=9, shape=(96, 96), pan=2.0, rng=seed).noisy.data for seed in (1, 10))
    run = measured(Run.of(Video(data=np.concatenate([one, np.rot90(other, axes=(1, 2))]))))
    return run, Stabilize().fit(run).results


def same(results, expected):
    np.testing.assert_array_equal(results["offsets"].data, expected["offsets"].data)
    np.testing.assert_array_equal(results["panorama"].data, expected["panorama"].data)


@pytest.mark.parametrize("stretch", [1, 5])
def test_stretches_are_joined_without_a_seam(cut, monkeypatch, stretch):
    run, expected = cut
    assert len(np.unique(expected["offsets"]["segment"])) == 2
    monkeypatch.setattr(stabilize, "STRETCH", stretch)
    same(Stabilize().fit(run).results, expected)


class Watched:
    """Progress that counts its reports, and ends the work at one of them."""

    def __init__(self, last=10**9):
        self.last, self.reports = last, 0

    def __call__(self, fraction, message, training=None):
        self.reports += 1
        if self.reports == self.last:
            raise Cancelled


def test_an_interrupted_fit_goes_on_where_it_was(cut, monkeypatch, tmp_path):
    run, expected = cut
    monkeypatch.setattr(stabilize, "STRETCH", 5)
    whole = Watched()
    Stabilize().fit(run, progress=whole)
    for last in np.linspace(2, whole.reports, 4).astype(int):
        with pieces.kept_in(tmp_path / str(last)):
            with pytest.raises(Cancelled):
                Stabilize().fit(run, progress=Watched(last))
            rest = Watched()
            fitted = Stabilize().fit(run, progress=rest)
        assert rest.reports <= whole.reports - last + 6  # at most a stretch is done twice
        same(pickle.loads(pickle.dumps(fitted)).results, expected)


@pytest.mark.parametrize("value", [0, 1000])
@pytest.mark.parametrize("frames", [2, 5])
def test_constant_frames_stay_where_they_are(value, frames):
    run = Stabilize()(Video(data=np.full((frames, 40, 48), value, np.uint16)))
    assert not run["offsets"].data.any()  # nor any confidence
    np.testing.assert_allclose(run["panorama"].data, value, rtol=1e-5)


def test_frames_of_one_row_are_refused():
    with pytest.raises(ValueError, match=r"at least 2 rows and columns .*found 1 x 40"):
        Stabilize()(Video(data=np.ones((3, 1, 40), np.uint8)))


def test_large_frames_are_measured_at_a_reduced_size():
    truth = phantom(frames=6, shape=(160, 160), photons=300, pan=4.0, rng=1)
    error = offsets(Stabilize(largest=80)(truth.noisy)) - truth.offsets
    assert np.abs(error).max() < 1.0


def test_the_table_has_four_columns(small):
    table = small[1]["offsets"]
    assert table.columns == OFFSETS == ("row [px]", "column [px]", "segment", "confidence")
    assert table.data.shape == (8, 4)
    assert not table["segment"].any()
    assert ((table["confidence"] > 0.5) & (table["confidence"] <= 1)).all()


@pytest.mark.parametrize("name", get_args(Estimator))
def test_every_estimator_finds_the_pan(name, small):
    truth = small[0]
    error = offsets(Stabilize(estimator=name)(truth.noisy)) - truth.offsets
    assert error.std(axis=0).max() < 0.4
    assert np.abs(error).max() < 1.0


@pytest.mark.parametrize("name", get_args(Estimator))
def test_every_estimator_reads_the_smallest_frames(name):
    frames = np.random.default_rng(0).poisson(100, (4, 3, 20)).astype(np.uint16)
    assert np.isfinite(Stabilize(estimator=name)(Video(data=frames))["offsets"].data).all()


@pytest.mark.parametrize(("photons", "seed"), [(30, 0), (60, 1), (100, 2)])
def test_a_view_at_rest_is_not_resampled(photons, seed):
    run = Stabilize()(phantom(frames=16, shape=(192, 192), photons=photons, rng=seed).noisy)
    assert not offsets(run).any()
    np.testing.assert_array_equal(run["stabilized"].data, run["frames"].data)


def test_neither_brightness_nor_contrast_agent_is_a_motion():
    still = phantom(frames=16, shape=(192, 192), rng=3)  # contrast flows in
    assert (still.clean - still.wire - still.background)[-1].min() < -0.1 * still.clean.mean()
    dimmed = still.noisy.data * np.linspace(1, 0.6, 16)[:, None, None]
    assert not offsets(Stabilize()(still.noisy.with_data(np.rint(dimmed).astype(np.uint16)))).any()


def test_two_scenes_lie_side_by_side():
    one, other = (phantom(frames=5, shape=(192, 192), photons=100, pan=2.0, rng=seed).noisy.data for seed in (3, 10))
    video = Video(data=np.concatenate([one, np.rot90(other, axes=(1, 2)), one[4:]]))
    run = Stabilize()(video)
    table = run["offsets"]
    np.testing.assert_array_equal(table["segment"], [0] * 5 + [1] * 5 + [0])
    canvas = Canvas.around(table.data[:, :2], frame=(192, 192))
    assert run["panorama"].data.shape == canvas.shape
    columns = [canvas.under(t)[1] for t in range(11)]
    assert max(columns[t].stop for t in (*range(5), 10)) <= min(columns[t].start for t in range(5, 10))
    np.testing.assert_allclose(table.data[10], table.data[4], atol=0.3)


def sharpness(picture, known):
    """The mean squared slope of `picture` (Y, X), smoothed, where it is `known`."""
    rows, columns = np.gradient(cv2.GaussianBlur(np.asarray(picture, np.float32), (0, 0), 1.5))
    return float((rows**2 + columns**2)[known].mean())


def test_the_panorama_is_sharper_than_the_mean_of_the_frames():
    truth = phantom(frames=16, shape=(160, 160), photons=60, pan=4.0, rng=4)
    run = Stabilize()(truth.noisy)
    canvas = Canvas.around(offsets(run), frame=(160, 160))
    inner = np.zeros((160, 160), bool)
    inner[16:-16, 16:-16] = True
    plain = sharpness(truth.noisy.data.mean(axis=0), inner)
    aligned = sharpness(canvas.view(run["panorama"].data, 0), inner)
    ideal = sharpness(truth.clean[0], inner)
    assert 1.5 * plain < aligned < 1.1 * ideal


def test_an_edited_table_is_taken_as_it_is(small, tmp_path):
    truth, run = small
    path = tmp_path / "offsets.csv"
    write_table(path, run["offsets"])
    again = Stabilize(table=path)(truth.noisy)
    np.testing.assert_array_equal(again["offsets"].data, run["offsets"].data)
    np.testing.assert_array_equal(again["panorama"].data, run["panorama"].data)
    np.testing.assert_array_equal(again["stabilized"].data, run["stabilized"].data)
    assert again["stabilized"].origin == run["stabilized"].origin
    found = read_table(path)
    found.data[3, :2] = (40, -30)
    write_table(path, found)
    edited = Stabilize(table=str(path))(truth.noisy)
    np.testing.assert_array_equal(edited["offsets"].data, found.data)
    canvas = Canvas.around(found.data[:, :2], frame=(96, 96))
    assert edited["panorama"].data.shape == canvas.shape
    np.testing.assert_array_equal(canvas.view(edited["stabilized"].data[3], 3), truth.noisy.data[3])


def test_a_table_may_lack_segments_and_confidence(small, tmp_path):
    path = tmp_path / "offsets.csv"
    write_table(path, Table(data=small[0].offsets, columns=OFFSETS[:2]))
    table = Stabilize(table=path)(small[0].noisy)["offsets"]
    assert table.columns == OFFSETS
    np.testing.assert_array_equal(table.data[:, :2], small[0].offsets)
    np.testing.assert_array_equal(table.data[:, 2:], np.broadcast_to([0.0, 1.0], (8, 2)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "found none there"),
        ("row [px],column [px]\n" + "0,0\n" * 7, r"expected 8 rows with the columns .*found 7 rows"),
        ("column [px],row [px]\n" + "0,0\n" * 8, r"columns row \[px\], column \[px\], found .* column \[px\], row"),
        ("row [px]\n" + "0\n" * 8, r"found 8 rows with row \[px\]"),
        ("row [px],column [px]\n" + "0,0\n" * 7 + "left,0\n", "'left'"),
        ("row [px],column [px]\n" + "0,0\n" * 7 + "nan,0\n", "not finite"),
    ],
)
def test_a_table_of_something_else_is_refused_in_one_line(small, tmp_path, text, said):
    path = tmp_path / "offsets.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=said) as raised:
        Stabilize(table=path)(small[0].noisy)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


def replaced(frames, t, value):
    return np.where(np.isin(np.arange(len(frames)), t)[:, None, None], frames.dtype.type(value), frames)


@pytest.mark.parametrize("t", [0, 4, 7, [0, 2, 4, 6]])
@pytest.mark.parametrize("value", [0, 65535])
def test_blank_frames_do_not_end_the_pan(small, t, value):
    truth, _ = small
    table = Stabilize()(Video(data=replaced(truth.noisy.data, t, value)))["offsets"]
    shown = np.delete(np.arange(8), t)
    assert not table["segment"].any()
    assert not table["confidence"][t].any()
    error = table.data[shown, :2] - truth.offsets[shown]
    assert np.abs(error - error[0]).max() < 1.0


def opening(frames):
    """`frames` behind a collimator that opens in the middle of the sequence."""
    closed = frames.copy()
    closed[: len(frames) // 2, :30] //= 50
    closed[: len(frames) // 2, :, -20:] //= 50
    return closed


@pytest.mark.parametrize(
    "frames",
    [
        opening(phantom(frames=8, shape=(96, 96), pan=2.0, rng=1).noisy.data),
        phantom(frames=6, shape=(96, 96), pan=150.0, rng=1).noisy.data,
        phantom(frames=5, shape=(96, 96), pan=[(0, 0), (0, 1), (0, 140), (0, 141), (0, 0)], rng=1).noisy.data,
        phantom(frames=2, shape=(96, 96), pan=2.0, rng=1).noisy.data,
        phantom(frames=2, shape=(64, 64), photons=2, rng=1).noisy.data,
    ],
    ids=["collimator opens", "faster than the frame", "further than the frame", "two frames", "hardly any photons"],
)
def test_difficult_frames_have_a_result(frames):
    run = Stabilize()(Video(data=frames))
    table = run["offsets"]
    assert np.isfinite(table.data).all()
    assert ((table["confidence"] >= 0) & (table["confidence"] <= 1)).all()
    assert (table["segment"] == np.rint(table["segment"])).all()
    assert np.isfinite(run["panorama"].data).all()
    assert max(run["panorama"].data.shape) <= (len(frames) + 1) * max(frames.shape[1:])


def test_one_frame_and_missing_pixels_are_refused_in_one_line(small):
    frames = small[0].noisy.data
    with pytest.raises(ValueError, match="at least two frames, found 1"):
        Stabilize()(Video(data=frames[:1]))
    with pytest.raises(ValueError, match="NaN or infinity in frame 3"):
        Stabilize()(Video(data=replaced(frames.astype(np.float32), 3, np.nan)))


@pytest.mark.skipif(not (DATA / "angiodata_p7c1").exists(), reason="no real sequences here")
def test_a_real_pan_is_followed():
    import imageio.v3 as iio

    files = sorted((DATA / "angiodata_p7c1").glob("*.jpg"))[30:]
    frames = np.stack([iio.imread(file) for file in files])
    table = Stabilize()(Video(data=frames[..., 0] if frames.ndim == 4 else frames))["offsets"]
    assert 80 < table["row [px]"][-1] < 130
    assert 30 < table["column [px]"][-1] < 70
    assert not table["segment"].any()
