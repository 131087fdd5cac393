"""Crops are what was read, held-out pixels are never targets, and long sequences are never in memory."""

import pickle

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import label

from napari_fluorodenoise.denoisers import crops
from napari_fluorodenoise.denoisers.crops import Crops, Source, around, held_out_tiles

SHAPE = (9, 72, 80)
NUMBERS = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)  # every pixel is known by its value


def same(frames):
    return np.asarray(frames, np.float32)


def source(frames=NUMBERS, **more):
    return Source(frames, same, **more)


def made(*sources, radius=1, side=24, batch=6, seed=0, **more):
    given = sources or (source(),)
    return Crops(given, radius=radius, side=side, batch=batch, rng=np.random.default_rng(seed), **more)


def places(windows):
    """(t, y, x) of every pixel of windows of NUMBERS."""
    return np.stack(np.unravel_index(windows.astype(int), SHAPE))


@pytest.mark.parametrize("count", range(1, 9))
@pytest.mark.parametrize("radius", [0, 1, 3, 5])
def test_a_frame_is_never_its_own_neighbour(count, radius):
    for t in range(count):
        frames = around(t, radius=radius, count=count)
        assert len(frames) == 2 * radius + 1
        assert frames[radius] == t
        assert all(0 <= k < count for k in frames)
        assert count == 1 or frames.count(t) == 1


def test_neighbours_are_in_order_and_mirrored_at_the_ends():
    assert around(4, radius=2, count=9) == [2, 3, 4, 5, 6]
    assert around(0, radius=2, count=9) == [2, 1, 0, 1, 2]
    assert around(8, radius=2, count=9) == [6, 7, 8, 7, 6]


def test_a_window_is_a_crop_of_a_frame_and_its_neighbours():
    windows, targets = made(batch=40).draw()
    assert windows.shape == (40, 3, 24, 24)
    assert targets.shape == (40, 1, 24, 24)
    assert (windows.dtype, targets.dtype) == (np.float32, np.bool_)
    t, y, x = places(windows)
    assert (y == y[:, :1]).all()
    assert (x == x[:, :1]).all()
    apart = np.abs(t - t[:, 1:2])
    np.testing.assert_array_equal(apart, np.broadcast_to(np.array([1, 0, 1])[:, None, None], apart.shape))
    for axis in (y, x):  # an axis of the frame is an axis of the window
        steps = [np.abs(np.diff(axis[:, 0], axis=k)) for k in (1, 2)]
        assert all({int(v) for v in np.unique(found)} <= {0, 1} for found in steps)


def test_every_symmetry_is_drawn():
    windows, _ = made(batch=400).draw()
    t, y, x = places(windows)
    kinds = {
        (
            np.sign(t[k, 2, 0, 0] - t[k, 0, 0, 0]),
            y[k, 0, 1, 0] - y[k, 0, 0, 0],
            x[k, 0, 1, 0] - x[k, 0, 0, 0],
            y[k, 0, 0, 1] - y[k, 0, 0, 0],
            x[k, 0, 0, 1] - x[k, 0, 0, 0],
        )
        for k in range(400)
    }
    assert len({kind[1:] for kind in kinds}) == 8
    assert {kind[0] for kind in kinds} == {-1, 0, 1}  # 0 at the ends of the sequence


def test_without_flips_rows_stay_rows():
    _, y, x = places(made(batch=100, flips=False).draw()[0])
    down, across = y[:, 0, 1, 0] - y[:, 0, 0, 0], x[:, 0, 0, 1] - x[:, 0, 0, 0]
    np.testing.assert_array_equal(down, across)
    assert set(down.tolist()) == {-1, 1}


def test_held_out_pixels_are_never_targets_and_all_others_are():
    found = made(batch=200)
    windows, targets = found.draw()
    _, y, x = places(windows[:, 1:2])
    np.testing.assert_array_equal(targets, ~found.held[0][y, x])


def test_windows_to_judge_by_show_held_out_pixels_and_are_always_the_same():
    found = made()
    batches = found.judged()
    found.draw()
    assert found.judged() is batches
    count = 0
    for windows, targets in batches:
        assert windows.shape[0] <= 6
        _, y, x = places(windows[:, 1:2])
        np.testing.assert_array_equal(targets, found.held[0][y, x])
        assert targets.any(axis=(1, 2, 3)).all()
        count += len(windows)
    assert 16 <= count <= crops.JUDGED
    assert len({frame for windows, _ in batches for frame in places(windows[:, 1])[0].ravel()}) == SHAPE[0]


@pytest.mark.parametrize("shape", [(16, 16), (64, 64), (220, 192), (512, 640), (1024, 1024)])
def test_tiles_are_a_twentieth_and_away_from_each_other(shape):
    held = held_out_tiles(source(np.zeros((1, *shape), np.float32)), side=64, rng=np.random.default_rng(0))
    labels, count = label(held, structure=np.ones((3, 3)))
    tile = min(32, min(shape) // 8)
    assert count * tile**2 == held.sum()  # none touches another
    assert held.mean() == pytest.approx(0.05, abs=0.02)
    corners = np.array([np.argwhere(labels == k)[0] for k in range(1, count + 1)])
    apart = np.abs(corners[:, None] - corners[None]).max(axis=-1)
    assert (apart[~np.eye(count, dtype=bool)] >= 2 * tile).all()


def test_a_tiny_frame_holds_nothing_out():
    found = made(source(NUMBERS[:, :9, :12]))
    assert found.judged() == []
    windows, targets = found.draw()
    assert windows.shape[-2:] == (9, 9)
    assert targets.all()


def test_nothing_outside_the_field_is_a_target():
    field = np.zeros(SHAPE[1:], bool)
    field[20:60, 20:60] = True
    found = made(source(field=field), batch=50)
    windows, targets = found.draw()
    _, y, x = places(windows[:, 1:2])
    assert not (targets & ~field[y, x]).any()
    assert targets.any(axis=(1, 2, 3)).all()
    assert all((targets <= field[places(w[:, 1:2])[1], places(w[:, 1:2])[2]]).all() for w, targets in found.judged())


def test_extras_go_with_their_frame_and_are_not_stabilised():
    halved = Source(NUMBERS, lambda frames: same(frames) / 2, extras=(NUMBERS, -NUMBERS))
    for windows in (made(halved, batch=30).draw()[0], made(halved).judged()[0][0]):
        assert windows.shape[1] == 5
        np.testing.assert_array_equal(windows[:, 3], 2 * windows[:, 1])
        np.testing.assert_array_equal(windows[:, 4], -2 * windows[:, 1])


def test_several_sequences_of_other_sizes():
    other = np.full((4, 30, 20), -1.0, np.float32)
    found = made(source(), source(other), batch=60)
    windows, _ = found.draw()
    assert windows.shape[-2:] == (20, 20)
    assert 10 < (windows[:, 0, 0, 0] == -1).sum() < 50
    assert [held.shape for held in found.held] == [SHAPE[1:], (30, 20)]


def test_the_same_seed_draws_the_same():
    first, again, other = (made(seed=seed).draw()[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("lazy", [False, True])
def test_the_input_stays(lazy):
    frames = NUMBERS.copy()
    windows, _ = made(source(da.from_array(frames, chunks=(1, -1, -1)) if lazy else frames)).draw()
    windows += 1
    np.testing.assert_array_equal(frames, NUMBERS)


def test_a_long_lazy_sequence_is_read_a_few_frames_at_a_time(monkeypatch):
    read = []

    def stabilize(frames):
        read.append(frames.shape)
        return same(frames)

    monkeypatch.setattr(crops, "KEPT", 20 * 4 * 64 * 64)
    frames = da.zeros((2000, 64, 64), chunks=(1, 64, 64), dtype=np.float32) + da.arange(2000)[:, None, None]
    found = made(Source(frames, stabilize), radius=2, batch=16)
    seen = set()
    for _ in range(30):
        before = len(read)
        seen |= set(found.draw()[0][:, 2, 0, 0].tolist())
        assert len(read) - before <= 5 * 2 * crops.FRESH
        assert len(found._readers[0].frames) <= 20
    assert set(read) == {(64, 64)}
    assert len(seen) > 30


def draws(found, number):
    return [found.draw()[0] for _ in range(number)]


@pytest.mark.parametrize("lazy", [False, True])
def test_crops_that_go_on_from_a_state_draw_the_same(monkeypatch, lazy):
    monkeypatch.setattr(crops, "KEPT", 4 * 4 * SHAPE[1] * SHAPE[2])
    frames = da.from_array(NUMBERS, chunks=(1, -1, -1)) if lazy else NUMBERS
    first, again = (made(Source(frames, same), batch=3) for _ in range(2))
    draws(first, 4)
    state = pickle.loads(pickle.dumps(first.state()))
    expected = draws(first, 4)
    draws(again, 2)
    again.restore(state)
    np.testing.assert_array_equal(draws(again, 4), expected)


def test_a_short_lazy_sequence_is_read_once_and_gives_what_one_in_memory_does():
    read = []

    def stabilize(frames):
        read.append(1)
        return same(frames)

    lazy = made(Source(da.from_array(NUMBERS, chunks=(1, -1, -1)), stabilize))
    ready = made()
    for _ in range(10):
        np.testing.assert_array_equal(lazy.draw()[0], ready.draw()[0])
    assert len(read) <= SHAPE[0]


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(ValueError, match="expected sequences with equally many extra channels"):
        made(source(), source(extras=(NUMBERS,)))
    with pytest.raises(ValueError, match="expected extras and a field like the frames"):
        source(extras=(NUMBERS[1:],))
    with pytest.raises(ValueError, match="expected extras and a field like the frames"):
        source(field=np.ones((3, 3), bool))
