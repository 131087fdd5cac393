"""Background + foreground = frames, and the background is the one that was simulated."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_fluorodenoise.engine.blocks import Output, map_blocks
from napari_fluorodenoise.motion.canvas import Canvas
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.stages import background
from napari_fluorodenoise.stages.decompose import Decompose
from napari_fluorodenoise.video import Run, Table, Video

OFFSETS = ("row [px]", "column [px]")


def noise_of(truth):
    return np.sqrt(truth.slope * truth.clean + truth.read_variance)


def at_places(video, offsets, *segments):
    """A run whose frames lie at `offsets`, in `segments` where they are given."""
    data = np.column_stack([np.asarray(offsets, float), *segments])
    return Run.of(video).adding({"offsets": Table(data=data, columns=(*OFFSETS, "segment")[: data.shape[1]])})


def with_offsets(truth):
    return at_places(truth.noisy, truth.offsets)


@pytest.fixture(scope="module")
def still_view():
    truth = phantom(frames=40, shape=(192, 192), photons=100, rng=0)
    return truth, Decompose()(truth.noisy)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "bool"])
def test_the_sum_is_exact_for_integers(dtype):
    rng = np.random.default_rng(0)
    limits = np.iinfo(dtype) if dtype != "bool" else np.iinfo("uint8")
    data = rng.integers(limits.min, limits.max, (6, 24, 20), endpoint=True).astype(dtype)
    run = Decompose()(Video(data=data))
    np.testing.assert_array_equal(run["background"].data + run["foreground"].data, data.astype(np.float32))


def test_the_sum_is_exact_to_the_last_place_for_floats():
    data = np.random.default_rng(0).gamma(4.0, 1000.0, (6, 24, 20)).astype(np.float32)
    run = Decompose()(Video(data=data))
    total = run["background"].data + run["foreground"].data
    assert (np.abs(total - data) <= np.spacing(np.maximum(data, run["background"].data))).all()


@pytest.mark.parametrize("pan", [0.0, 2.0])
def test_the_background_is_the_true_one(pan):
    truth = phantom(frames=40, shape=(128, 128), photons=60, pan=pan, rng=0)
    run = Decompose()(with_offsets(truth))
    error = (run["background"].data - truth.background) / noise_of(truth)
    assert np.median(np.sqrt((error**2).mean(axis=0))) < 1 / 3


def test_still_anatomy_is_background_to_a_third_of_the_noise(still_view):
    truth, run = still_view
    still = truth.background.std(axis=0) < 0.1 * noise_of(truth).min(axis=0)
    error = (run["background"].data - truth.background) / noise_of(truth)
    assert still.mean() > 0.2
    assert np.sqrt((error[:, still] ** 2).mean()) < 1 / 3


def test_wire_and_vessels_are_foreground_with_four_fifths_of_their_contrast(still_view):
    truth, run = still_view
    parts = np.stack([truth.wire, truth.clean - truth.background - truth.wire])
    there = (parts < -0.5 * noise_of(truth)).any(axis=0)
    shares, *_ = np.linalg.lstsq(parts[:, there].T, run["foreground"].data[there], rcond=None)
    assert shares.min() > 0.8


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_wire_that_comes_and_stays_is_foreground(photometric):
    rng = np.random.default_rng(0)
    sign = -1 if photometric == "MONOCHROME2" else 1
    scene = np.linspace(400, 600, 64, dtype=np.float32)[:, None] * np.ones(64, np.float32)
    wire = np.zeros((40, 64, 64), np.float32)
    wire[15:, 30:33, 10:54] = sign * 60
    data = scene + wire + 10 * rng.standard_normal(wire.shape, dtype=np.float32)
    foreground = Decompose()(Video(data=data, photometric=photometric))["foreground"].data
    assert sign * foreground[15:, 30:33, 12:52].mean() > 0.9 * 60


def test_a_still_scene_gives_its_mean_in_every_frame():
    rng = np.random.default_rng(0)
    data = (rng.uniform(400, 600, (48, 48)) + 10 * rng.standard_normal((40, 48, 48))).astype(np.float32)
    background = Decompose()(Video(data=data))["background"].data
    error = (background - data.mean(axis=0)) / 10
    assert np.sqrt((error**2).mean()) < 0.2


def test_changing_brightness_belongs_to_the_background():
    gains = np.linspace(1.0, 0.6, 40)[:, None, None]
    rng = np.random.default_rng(0)
    scene = gains * np.linspace(400, 600, 48)[:, None] * np.ones(48)
    data = (scene + 5 * rng.standard_normal(scene.shape)).astype(np.float32)
    error = (Decompose()(Video(data=data))["background"].data - scene) / 5
    assert np.sqrt((error**2).mean()) < 0.3


@pytest.mark.parametrize("rank", [1, 2])
def test_blocks_equal_the_whole(rank):
    run = measured(with_offsets(phantom(frames=19, shape=(48, 56), pan=1.0)))
    fitted = Decompose(rank=rank, window=6).fit(run)
    outputs = dict.fromkeys(("background", "foreground"), Output(np.dtype(np.float32)))
    data = {"frames": run.video("frames").data}
    whole = map_blocks(fitted, data, outputs=outputs, size=(19, 48, 56))
    for size in (1, 5, 8):
        parts = map_blocks(fitted, data, outputs=outputs, size=(size, 48, 56))
        for name in outputs:
            np.testing.assert_array_equal(parts[name], whole[name])


@pytest.fixture(scope="module")
def long():
    """A panning chest, long enough for stretches of a short window, and the background that one pass finds."""
    truth = phantom(frames=300, shape=(64, 64), pan=0.1, rng=0)
    run = measured(with_offsets(truth))
    return truth, run, Decompose(window=8, stretch=0)(run)


def test_stretches_are_as_near_the_truth_as_one_pass(long, monkeypatch):
    truth, run, one = long
    monkeypatch.setattr(background, "WORTH", 1)
    some = Decompose(window=8, stretch=60)(run)
    np.testing.assert_array_equal(some["times_seen"].data, one["times_seen"].data)
    apart = (some["background"].data - one["background"].data) / noise_of(truth)
    # bounds after seeds 1 to 3; a window of 8 frames and its warm-up are short against a heartbeat
    assert 0 < np.sqrt((apart**2).mean()) < 0.3
    borders = np.arange(64, 300, 60)
    assert np.sqrt((apart[borders] ** 2).mean()) < 0.35
    errors = [(made["background"].data - truth.background) / noise_of(truth) for made in (one, some)]
    assert np.sqrt((errors[1] ** 2).mean()) < 1.02 * np.sqrt((errors[0] ** 2).mean())


def test_patterns_of_several_ranks_are_followed_in_one_pass(long, monkeypatch):
    _, run, _ = long
    monkeypatch.setattr(background, "WORTH", 1)
    one, some = (Decompose(window=8, rank=2, stretch=stretch)(run)["background"].data for stretch in (0, 60))
    np.testing.assert_array_equal(some, one)


@pytest.mark.parametrize("value", [0, 1000])
@pytest.mark.parametrize("frames", [2, 5, 40])
def test_constant_frames_have_no_foreground(value, frames):
    run = Decompose()(Video(data=np.full((frames, 20, 24), value, np.uint16)))
    np.testing.assert_allclose(run["background"].data, value, atol=0.01)
    np.testing.assert_allclose(run["foreground"].data, 0, atol=0.01)
    np.testing.assert_allclose(run["background_panorama"].data, value, atol=0.01)


def test_the_panorama_covers_the_pan():
    truth = phantom(frames=20, shape=(64, 64), pan=3.0)
    run = Decompose()(with_offsets(truth))
    extent = np.ceil(truth.offsets.max(axis=0)) - np.floor(truth.offsets.min(axis=0))
    assert run["background_panorama"].data.shape == tuple(64 + extent.astype(int))
    assert run["background_panorama"].origin == tuple(np.floor(truth.offsets.min(axis=0)))
    assert run["background"].shape == truth.noisy.shape


@pytest.fixture(scope="module")
def panned():
    truth = phantom(frames=40, shape=(160, 160), photons=100, pan=2.0, rng=0)
    return truth, measured(with_offsets(truth))


@pytest.fixture(scope="module", params=["pcp", "robust-mean"])
def panning(request, panned):
    truth, run = panned
    return truth, Decompose(method=request.param)(run), request.param == "pcp"


def on_canvas(truth, frames):
    """`frames` on the canvas, and where they lie there."""
    canvas = Canvas.around(truth.offsets, frame=frames.shape[1:])
    placed = [canvas.place(frame, t) for t, frame in enumerate(frames)]
    return np.stack([frame for frame, _ in placed]), np.stack([known for _, known in placed])


def test_the_background_is_the_true_one_where_it_was_seen_ten_times(panning):
    truth, run, _ = panning
    true, known = on_canvas(truth, truth.background)
    found, _ = on_canvas(truth, run["background"].data)
    times = known.sum(axis=0)
    np.testing.assert_array_equal(run["times_seen"].data, times)
    mean = true.sum(axis=0) / np.maximum(times, 1)
    deviation = np.sqrt((known * (true - mean) ** 2).sum(axis=0) / np.maximum(times, 1))
    noise = np.sqrt(truth.slope * mean + truth.read_variance)
    still = (times >= 10) & (deviation < 0.1 * noise)
    assert still.sum() > 2000
    error = ((found - true) / noise)[:, still][known[:, still]]
    assert np.sqrt((error**2).mean()) < 1 / 3


def test_wire_and_vessels_are_foreground_while_the_view_pans(panning):
    truth, run, principal = panning
    parts = np.stack([truth.wire, truth.clean - truth.background - truth.wire])
    there = (parts < -0.5 * noise_of(truth)).any(axis=0)
    shares, *_ = np.linalg.lstsq(parts[:, there].T, run["foreground"].data[there], rcond=None)
    assert shares.min() > (0.8 if principal else 0.78)


def test_the_panorama_is_sharp_and_holds_no_ghost_of_the_wire(panning):
    truth, run, principal = panning
    panorama = run["background_panorama"].data
    unaligned = truth.background.mean(axis=0)
    row, column = (-int(low) for low in run["background_panorama"].origin)
    seen = panorama[row : row + 160, column : column + 160]

    def energy(picture):
        rows, columns = np.gradient(gaussian_filter(picture, 1.0)[8:-8, 8:-8])
        return (rows**2 + columns**2).mean()

    assert energy(seen) > 1.2 * energy(unaligned)
    wire, known = on_canvas(truth, truth.wire)
    true, _ = on_canvas(truth, truth.background)
    error = panorama - true.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    passed = wire.min(axis=0)
    there = (passed < 0.5 * passed.min()) & (known.sum(axis=0) >= 10)
    assert error[there].mean() > (0.1 if principal else 0.15) * passed[there].mean()  # both are negative


def test_what_enters_the_view_has_no_ghost(panned):
    truth, run = panned
    found = Decompose()(run)
    _, known = on_canvas(truth, truth.background)
    first = known.argmax(axis=0)
    error = (found["background"].data - truth.background) / noise_of(truth)
    placed, _ = on_canvas(truth, error.astype(np.float32))
    entering = (first > 0) & (known.sum(axis=0) >= 10) & known.any(axis=0)
    fresh = np.take_along_axis(placed, first[None], axis=0)[0][entering]
    assert np.median(np.abs(fresh)) < 1 / 3


@pytest.mark.parametrize("rank", [2, 3])
def test_higher_ranks_pan(rank, panned):
    truth, run = panned
    found = Decompose(rank=rank)(run)
    error = (found["background"].data - truth.background) / noise_of(truth)
    # a pixel that just entered is known in one mixture of the patterns only: the price of higher ranks
    assert np.median(np.sqrt((error**2).mean(axis=0))) < 0.75


def test_robust_mean_is_of_rank_one():
    with pytest.raises(ValueError, match="expected rank 1"):
        Decompose(method="robust-mean", rank=2)(Video(data=np.ones((4, 16, 16))))


def scene(rng, shape=(64, 64), level=500.0):
    return (level + 80 * gaussian_filter(rng.standard_normal(shape), 4) / 0.07).astype(np.float32)


def test_segments_do_not_leak():
    rng = np.random.default_rng(0)
    scenes = [scene(rng), scene(rng, level=900.0)]
    data = np.stack([scenes[t >= 12] + 10 * rng.standard_normal((64, 64)) for t in range(24)]).astype(np.float32)
    segments = (np.arange(24) >= 12).astype(float)
    offsets = np.stack([np.zeros(24), 64 * segments], axis=1)
    whole = measured(at_places(Video(data=data), offsets, segments))
    run = Decompose()(whole)
    assert run["background_panorama"].data.shape == (64, 128)
    for part, first in ((slice(0, 12), 0), (slice(12, 24), 64)):
        alone = Decompose()(Run.of(Video(data=data[part])).measured(whole.detector))
        np.testing.assert_array_equal(run["background"].data[part], alone["background"].data)
        panorama = run["background_panorama"].data[:, first : first + 64]
        np.testing.assert_array_equal(panorama, alone["background_panorama"].data)
    assert (run["times_seen"].data == 12).all()


@pytest.mark.parametrize("cut", [1, 2, 11])
def test_a_segment_of_few_frames_is_a_segment(cut):
    rng = np.random.default_rng(0)
    data = np.stack([scene(np.random.default_rng(int(t >= cut))) for t in range(12)])
    segments = (np.arange(12) >= cut).astype(float)
    data = (data + 5 * rng.standard_normal(data.shape)).astype(np.float32)
    run = Decompose()(at_places(Video(data=data), np.stack([80 * segments, 0 * segments], axis=1), segments))
    assert np.abs(run["foreground"].data).mean() < 5


def test_a_table_of_other_frames_is_refused():
    with pytest.raises(ValueError, match="expected offsets for 6 frames, found 5 rows"):
        Decompose()(at_places(Video(data=np.ones((6, 16, 16))), np.zeros((5, 2))))


def lines_of_a_still_wire(keep_still, photometric="MONOCHROME2"):
    truth = phantom(frames=24, shape=(192, 192), photons=100, rng=0)
    rows = np.arange(192)[:, None]
    wire = np.exp(-((np.arange(192)[None] - 40 - 12 * np.sin(rows / 30)) ** 2) / (2 * 1.2**2)) * (rows > 20)
    frames = truth.noisy.numpy() - (0.35 * wire * truth.background).astype(np.uint16)
    frames = frames.max() - frames if photometric == "MONOCHROME1" else frames
    run = Decompose(keep_still=keep_still)(Video(data=frames, photometric=photometric))
    return truth, wire, frames, run


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_still_wire_is_foreground_only_where_it_is_asked_for(photometric):
    sign = 1 if photometric == "MONOCHROME2" else -1
    shares, foregrounds = [], []
    for keep_still in (False, True):
        truth, wire, frames, run = lines_of_a_still_wire(keep_still, photometric)
        foreground = sign * run["foreground"].data.mean(axis=0)
        np.testing.assert_array_equal(run["background"].data + run["foreground"].data, frames.astype(np.float32))
        depth = 0.35 * wire * truth.background.mean(axis=0)
        there = wire > 0.5
        shares.append(-foreground[there].sum() / depth[there].sum())
        foregrounds.append(foreground)
    assert shares[0] < 0.2
    assert shares[1] > 0.7
    elsewhere = (wire < 0.01) & (truth.clean == truth.background).all(axis=0)
    moved = np.abs(foregrounds[1] - foregrounds[0]) > 0.2 * noise_of(truth).mean()
    assert moved[elsewhere].mean() < 0.02  # ribs, spine and edges stay


def test_one_black_frame_leaves_the_rest_as_it_was(still_view):
    truth, run = still_view
    frames = truth.noisy.numpy().copy()
    frames[20] = 0
    found = Decompose()(Run({"frames": Video(data=frames)}, detector=measured(Run.of(truth.noisy)).detector))
    np.testing.assert_allclose(found["background"].data[20], 0, atol=20)
    rest = np.arange(40) != 20
    change = (found["background"].data - run["background"].data)[rest] / noise_of(truth)[rest]
    assert np.sqrt((change**2).mean()) < 0.1


@pytest.mark.parametrize("value", [0, 4095])
def test_frames_without_content_are_no_trouble(value):
    rng = np.random.default_rng(0)
    data = (scene(rng) + 10 * rng.standard_normal((30, 64, 64))).astype(np.uint16)
    for part in (slice(0, 30), slice(0, 8), slice(10, 30), slice(12, 16)):
        frames = data.copy()
        frames[part] = value
        run = Decompose()(Video(data=frames))
        for name in ("background", "foreground", "background_panorama"):
            assert np.isfinite(run[name].data).all()


def test_x_rays_that_come_on_late_are_followed():
    rng = np.random.default_rng(0)
    data = (scene(rng) + 10 * rng.standard_normal((60, 64, 64))).astype(np.uint16)
    data[:35] = rng.integers(0, 3, data[:35].shape)
    run = Decompose()(Video(data=data))
    assert np.abs(run["foreground"].data[40:].mean(axis=0)).mean() < 10


def test_a_pan_beyond_the_frame_starts_afresh():
    rng = np.random.default_rng(0)
    world = scene(rng, (64, 260))
    places = np.r_[np.zeros(8), np.full(8, 150.0)].astype(int)
    data = np.stack([world[:, c : c + 64] for c in places]) + 10 * rng.standard_normal((16, 64, 64))
    offsets = np.stack([0 * places, places], axis=1)
    run = Decompose()(at_places(Video(data=data.astype(np.float32)), offsets))
    assert np.abs(run["foreground"].data.mean(axis=0)).mean() < 5
    assert np.isfinite(run["background_panorama"].data).all()
    assert (run["background_panorama"].data[:, 70:140] == 0).all()


@pytest.mark.parametrize("opens", [6, 15, 30])
def test_what_a_collimator_uncovers_is_background_within_a_few_frames(opens):
    rng = np.random.default_rng(0)
    world = scene(rng, (128, 128), level=1000.0)
    data = np.stack([world] * 40)
    data[:opens, :, :40] *= 0.05
    data = (data + 15 * rng.standard_normal(data.shape)).clip(0).astype(np.uint16)
    run = Decompose()(Video(data=data))
    for t in (opens - 1, opens + 2, opens + 8):
        smooth = gaussian_filter(run["foreground"].data[t], 3)
        assert np.abs(smooth).max() < 15
    np.testing.assert_allclose(gaussian_filter(run["background_panorama"].data, 3), gaussian_filter(world, 3), atol=15)
