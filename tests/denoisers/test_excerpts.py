"""What is learned from: recorrupted noises do not correlate, the loss tells the true error, and parts are spread."""

from dataclasses import dataclass
from types import SimpleNamespace

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_fluorodenoise.denoisers import excerpts as module
from napari_fluorodenoise.denoisers.evidence import CHANNELS
from napari_fluorodenoise.denoisers.excerpts import ALPHA, TARGET_NOISE, Excerpt, excerpts, lesson, lessons
from napari_fluorodenoise.denoisers.schemes.draws import drawn

SHAPE = (12, 128, 128)
SCALE = (1 + ALPHA**2) ** -0.5
AROUND = np.exp(-np.add.outer(np.arange(-3, 4) ** 2, np.arange(-3, 4) ** 2) / 2.5)
NOISES = {"white": np.ones((1, 1)), "correlated": AROUND, "across": np.outer([0, 1, 0], [0.4, 1, 0.4])}


@dataclass
class Filter:
    """In place of the filter: pilots are smoothed frames, whose error is thought to be a tenth of the noise."""

    autocorrelation: np.ndarray

    @property
    def noise(self):
        return SimpleNamespace(autocorrelation=self.autocorrelation)

    def filtered(self, values, at):
        return np.stack([gaussian_filter(frame, 1.5) for frame in values]), np.full_like(values, 0.1)


def whole(values, held=None):
    count, *frame = values.shape
    held = np.zeros(frame, bool) if held is None else held
    return Excerpt(values, np.zeros((count, 2)), np.zeros(count), held, tuple(slice(0, n) for n in values.shape))


@pytest.fixture(params=NOISES)
def pair(request, monkeypatch):
    """A clean scene, frames of it seen and held against, and how many independent pixels they are like."""
    monkeypatch.setattr(module, "lesson", lambda part, seen, target, wiener: (seen, target))
    around, rng = NOISES[request.param], np.random.default_rng(0)
    clean = gaussian_filter(rng.standard_normal(SHAPE), (0, 6, 6)).astype(np.float32) * 20
    values = clean + drawn(SHAPE, rng, autocorrelation=around)
    (call, *_) = lessons([whole(values)], wiener=Filter(around), rng=rng)
    seen, target = call()
    return clean * np.float32(SCALE), seen, target, values.size / np.sum(around**2)


def test_the_two_noises_do_not_correlate_and_have_the_variances_that_are_said(pair):
    clean, seen, target, number = pair
    first, second = seen - clean, target - clean
    doubt = 5 * (2 / number) ** 0.5
    assert first.var() == pytest.approx(1, abs=doubt)
    assert second.var() == pytest.approx(TARGET_NOISE, rel=doubt)
    for y, x in ((0, 0), (0, 1), (1, 0), (1, 1), (2, -1)):
        together = (first * np.roll(second, (y, x), (1, 2))).mean() / TARGET_NOISE**0.5
        assert abs(together) < 5 * number**-0.5
    assert first.dtype == second.dtype == np.float32


def test_the_loss_less_the_noise_is_the_true_error(pair):
    clean, seen, target, number = pair
    made = np.stack([gaussian_filter(frame, 1.0) for frame in seen])
    told, true = ((made - goal) ** 2 for goal in (target, clean))
    assert told.mean() - TARGET_NOISE == pytest.approx(true.mean(), abs=5 * TARGET_NOISE * (2 / number) ** 0.5)
    assert true.mean() > 0.02


def test_a_lesson_shows_the_evidence_and_asks_for_the_change():
    rng = np.random.default_rng(1)
    seen, target = (rng.standard_normal((3, 24, 28), dtype=np.float32) for _ in range(2))
    part = whole(seen)
    found = lesson(part, seen, target, wiener=Filter(np.ones((1, 1))))
    pilots, _ = Filter(np.ones((1, 1))).filtered(seen, None)
    assert (found.seen.shape, found.seen.dtype) == ((3, CHANNELS, 24, 28), np.float16)
    np.testing.assert_allclose(found.seen[:, 0], seen - pilots, atol=2e-3)
    np.testing.assert_array_equal(found.target, target - pilots)
    assert found.held is part.held


def cut(frames, seed=0):
    count = frames.shape[0]
    places = (np.arange(2.0 * count).reshape(count, 2), np.arange(count) // 30)
    return excerpts(
        frames, stabilize=lambda part: part.astype(np.float32), places=places, rng=np.random.default_rng(seed)
    )


def test_a_small_sequence_is_one_part_whole():
    frames = np.random.default_rng(0).random((20, 40, 50))
    (part,) = cut(frames)
    np.testing.assert_array_equal(part.values, frames.astype(np.float32))
    assert part.held.any()
    assert len(part.offsets) == len(part.segments) == 20


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(module, "FRAMES", 8)
    monkeypatch.setattr(module, "SIDE", 64)
    monkeypatch.setattr(module, "PIXELS", 5 * 8 * 64 * 64)


def test_of_a_long_sequence_parts_are_read_from_start_to_end(short):
    read = []

    def frame(block, block_info=None):
        read.append(block_info[0]["array-location"][0][0])
        return block

    ramp = da.arange(50, chunks=1)[:, None, None] + da.zeros((50, 80, 96), chunks=(1, -1, -1))
    parts = cut(ramp.map_blocks(frame, dtype=float, meta=np.zeros((0, 0, 0))))
    assert len(parts) == 5
    assert len(set(read)) <= 40
    assert [part.at[0].start for part in parts] == [0, 10, 21, 32, 42]
    for part in parts:
        t = part.at[0]
        assert part.values.shape == (8, 64, 64)
        np.testing.assert_array_equal(part.values[:, 0, 0], np.arange(t.start, t.stop))
        np.testing.assert_array_equal(part.offsets[:, 0], 2 * np.arange(t.start, t.stop))
        np.testing.assert_array_equal(part.segments, np.arange(t.start, t.stop) // 30)


def test_what_one_part_holds_out_no_other_learns_from(short):
    parts = cut(np.zeros((12, 80, 96), np.float32))
    held, free = np.zeros((12, 80, 96), bool), np.zeros((12, 80, 96), bool)
    for part in parts:
        held[part.at] |= part.held
        free[part.at] |= ~part.held
    assert len(parts) > 1
    assert held.any()
    assert not (held & free).any()


@pytest.mark.parametrize(("side", "number"), [(16, 8), (64, 5), (128, 3)])
def test_few_pixels_are_recorrupted_more_often(short, side, number):
    part = whole(np.zeros((8, side, side), np.float32))
    assert len(lessons([part], wiener=Filter(np.ones((1, 1))), rng=np.random.default_rng(0))) == number


def test_every_part_is_learned_from_and_each_time_with_other_noise(short, monkeypatch):
    monkeypatch.setattr(module, "lesson", lambda part, seen, target, wiener: seen)
    parts = [whole(np.full((8, 64, 64), value, np.float32)) for value in (0, 100)]
    calls = lessons(parts, wiener=Filter(np.ones((1, 1))), rng=np.random.default_rng(0))
    found = [call() for call in reversed(calls)][::-1]
    assert [round(float(seen.mean()) / SCALE / 100) for seen in found] == [0, 1, 0, 1, 0]
    assert np.abs(found[0] - found[2]).max() > 0
    again = [call() for call in lessons(parts, wiener=Filter(np.ones((1, 1))), rng=np.random.default_rng(0))]
    np.testing.assert_array_equal(found, again)
