"""Shots: where they start, and what a frame is told of the background, in however many stretches they are followed."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.progress import Cancelled, silent
from napari_fluorodenoise.motion.canvas import Canvas
from napari_fluorodenoise.primitives.pcp import Pursuit
from napari_fluorodenoise.primitives.running import RobustMean
from napari_fluorodenoise.stages import background, shots
from napari_fluorodenoise.stages.background import followed
from napari_fluorodenoise.video import Video

SHAPE = (64, 72)


def clipped(deviation, background, cell):
    return np.clip(deviation, -5, 5)


MEAN = RobustMean(window=10, keep=clipped)


def found_in(frames, *, offsets=None, segments=None, follower=MEAN, progress=silent, **settings):
    count = len(frames)
    return followed(
        Video(data=frames),
        np.zeros((count, 2)) if offsets is None else offsets,
        np.zeros(count) if segments is None else segments,
        field=np.ones(SHAPE, bool),
        follower=follower,
        mend=settings.pop("mend", None),
        progress=progress,
        **settings,
    )


@pytest.fixture
def scene():
    return np.random.default_rng(0).uniform(80, 120, SHAPE).astype(np.float32)


def test_a_new_segment_starts_a_shot_that_knows_nothing_of_the_one_before(scene):
    frames = np.stack([scene] * 5 + [200 - scene] * 4)
    found = found_in(frames, segments=np.repeat([0.0, 1.0], [5, 4]))
    assert [(known.shot.start, known.shot.stop) for known in found] == [(0, 5), (5, 9)]
    for known, expected in zip(found, (scene, 200 - scene), strict=True):
        np.testing.assert_allclose(known.states.last(), expected, rtol=1e-4)


def test_an_opening_collimator_starts_a_shot(scene):
    frames = np.stack([scene] * 8)
    frames[:4, :, :30] *= 0.02
    assert [(known.shot.start, known.shot.stop) for known in found_in(frames)] == [(0, 4), (4, 8)]


def test_a_single_frame_is_a_shot(scene):
    (known,) = found_in(scene[None])
    assert (known.shot.start, known.shot.stop) == (0, 1)
    np.testing.assert_allclose(known.background(scene, 0, ahead=10, keep=clipped), scene, rtol=1e-4)


def test_every_pixel_is_counted_as_often_as_it_was_seen(scene):
    offsets = np.array([[0.0, 0.0], [0.0, 3.0], [0.0, 6.0]])
    (known,) = found_in(np.stack([scene] * 3), offsets=offsets)
    assert known.seen.shape == (64, 78)
    np.testing.assert_array_equal(known.seen[0, [0, 3, 6, 71, 74, 77]], [1, 2, 3, 3, 2, 1])


def test_brightness_between_states_is_the_frame_s_own(scene):
    frames = np.linspace(1.0, 0.6, 13, dtype=np.float32)[:, None, None] * scene
    (known,) = found_in(frames)
    for t in (0, 5, 12):
        np.testing.assert_allclose(known.background(frames[t], t, ahead=3, keep=clipped), frames[t], rtol=0.02)


def pan(count, speed):
    return np.stack([0 * np.arange(count), speed * np.arange(count)], axis=1)


def seen_along(offsets, *, noise=2.0, seed=0):
    """Noisy frames of a fixed scene at whole `offsets` (T, 2) px."""
    rng = np.random.default_rng(seed)
    reach = np.ceil(np.ptp(offsets, axis=0)).astype(int)
    world = rng.uniform(80, 120, SHAPE + reach)
    starts = (offsets - offsets.min(axis=0)).astype(int)
    clean = np.stack([world[r : r + SHAPE[0], c : c + SHAPE[1]] for r, c in starts])
    return (clean + noise * rng.standard_normal(clean.shape)).astype(np.float32)


def told(known, frames, *, every=1):
    """What frames are told of their background, and the last one."""
    times = range(0, len(frames), every)
    backgrounds = [known.background(frames[t], t, ahead=10, keep=clipped) for t in times]
    return np.stack(backgrounds), known.states.last()


def brighter(picture):
    return np.where(picture > 110, np.float32(1.5), np.float32(1.0))


@pytest.mark.parametrize("mend", [None, brighter])
@pytest.mark.parametrize("speed", [0, 1])
@pytest.mark.parametrize("rank", [1, 2])
def test_a_single_pass_in_pieces_is_a_single_pass(monkeypatch, rank, speed, mend):
    follower, offsets = Pursuit(rank=rank, window=10, loops=2, keep=clipped), pan(42, speed)
    frames = seen_along(offsets)
    (whole,) = found_in(frames, offsets=offsets, follower=follower, mend=mend)
    for piece in (1, 16):
        monkeypatch.setattr(background, "PIECE", piece)
        monkeypatch.setattr(shots, "PIECE", piece)
        (known,) = found_in(frames, offsets=offsets, follower=follower, mend=mend)
        np.testing.assert_array_equal(known.seen, whole.seen)
        for part, expected in zip(told(known, frames), told(whole, frames), strict=True):
            np.testing.assert_array_equal(part, expected)


class Counted:
    """A follower that says how many steps it made, and is cut short after some."""

    window = MEAN.window

    def __init__(self, most=10**9):
        self.most, self.steps = most, 0

    def start(self, frames, known):
        return MEAN.start(frames, known)

    def step(self, *arguments):
        self.steps += 1
        if self.steps > self.most:
            raise Cancelled
        MEAN.step(*arguments)


@pytest.mark.parametrize("stretch", [0, 100])
def test_what_is_interrupted_goes_on_where_it_was(monkeypatch, tmp_path, stretch):
    monkeypatch.setattr(background, "PIECE", 100)
    monkeypatch.setattr(background, "WORTH", 1)
    count, cut = 400, 330
    offsets = pan(count, 0.0)
    frames = seen_along(offsets)
    (whole,) = found_in(frames, follower=Counted(), stretch=stretch)
    with pieces.kept_in(tmp_path / "job"):
        with pytest.raises(Cancelled):
            found_in(frames, follower=Counted(cut), stretch=stretch)
        follower = Counted()
        (known,) = found_in(frames, follower=follower, stretch=stretch)
    assert 0 < follower.steps <= count - (cut - 2 * 140)  # two stretches may have been under way, with their warm-up
    for part, expected in zip(
        told(pickle.loads(pickle.dumps(known)), frames, every=9), told(whole, frames, every=9), strict=True
    ):
        np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize("speed", [0.0, 0.4])
@pytest.mark.parametrize("method", ["pcp", "mean"])
def test_stretches_side_by_side_come_close_to_a_single_pass(monkeypatch, method, speed):
    monkeypatch.setattr(background, "WORTH", 2)
    pcp, mean = Pursuit(rank=1, window=5, loops=2, keep=clipped), RobustMean(window=5, keep=clipped)
    offsets = np.floor(pan(230, speed))
    settings = {"offsets": offsets, "follower": mean if method == "mean" else pcp}
    frames = seen_along(offsets)
    (whole,), (known,) = found_in(frames, **settings), found_in(frames, stretch=40, **settings)
    assert len(np.unique(known.states.source)) == (6 if speed else 1)  # 8 windows, and 190 frames in stretches of 40
    np.testing.assert_array_equal(known.seen, whole.seen)
    apart = np.subtract(*(told(made, frames, every=3)[0] for made in (known, whole))) / 2.0
    assert 0 < np.sqrt((apart**2).mean()) < 0.02
    assert np.abs(apart).max() < 0.25
    apart = (known.states.last() - whole.states.last())[whole.seen > 0] / 2.0
    assert np.abs(apart).max() < 0.25


def test_what_came_and_stayed_is_known_in_every_stretch(monkeypatch):
    monkeypatch.setattr(background, "WORTH", 2)
    frames = seen_along(pan(400, 0.0))
    frames[120:, 20:23] -= 30
    (known,) = found_in(frames, stretch=80, follower=replace(MEAN, keep=dark_left_out))
    for t in range(120, 400, 7):
        foreground = frames[t] - known.background(frames[t], t, ahead=10, keep=dark_left_out)
        assert foreground[20:23].mean() < -0.9 * 30


def dark_left_out(deviation, background, cell):
    return np.clip(deviation, -5, 5) * (deviation > -8)


def test_a_place_that_only_earlier_stretches_saw_stays_in_the_last_picture(monkeypatch):
    monkeypatch.setattr(background, "WORTH", 2)
    offsets = np.floor(np.interp(np.arange(400), [0, 100, 399], [0, 0, 140]))[:, None] * (0, 1)
    frames = seen_along(offsets, noise=0.5)
    (known,) = found_in(frames, offsets=offsets, stretch=80)
    canvas = Canvas.around(offsets, frame=SHAPE)
    last = known.states.last()
    for t in (0, 150, 250, 399):
        np.testing.assert_allclose(last[canvas.under(t)], frames[t], atol=4)


def test_a_shot_of_two_stretches_is_a_single_pass():
    frames = seen_along(pan(120, 0.0))
    (whole,), (known,) = found_in(frames), found_in(frames, stretch=30)
    np.testing.assert_array_equal(told(known, frames)[0], told(whole, frames)[0])
