"""Laws of blocks: cores tile the sequence, outer parts hold the halo, and no result depends on the cut."""

import threading
from dataclasses import dataclass

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import uniform_filter

from napari_fluorodenoise.engine import blocks, room
from napari_fluorodenoise.engine.blocks import Output, cut, in_turn, map_blocks, ranges, stream
from napari_fluorodenoise.engine.progress import Cancelled, checkpoint

VIDEO = np.random.default_rng(0).normal(size=(7, 9, 10)).astype(np.float32)
SIZES = st.tuples(st.integers(1, 8), st.integers(1, 10), st.integers(1, 11))
OUTPUT = {"mean": Output(np.dtype(np.float32))}


@dataclass(frozen=True)
class Mean:
    """The mean over (2r+1) neighbours on every axis: needs r of them, along every axis that is cut."""

    reach: int = 1
    cuts: str = "tyx"

    @property
    def halo(self):
        return (self.reach,) * 3

    def apply(self, block, at):
        return {"mean": uniform_filter(block["frames"], 2 * self.reach + 1, mode="nearest")[at.inner]}


@dataclass(frozen=True)
class OnCanvas:
    """Every frame in the corner of a larger one."""

    frame: tuple[int, int] = (12, 12)
    cuts: str = "t"
    halo: tuple[int, int, int] = (0, 0, 0)

    def apply(self, block, at):
        canvas = np.zeros((len(block["frames"]), *self.frame), np.float32)
        canvas[:, : block["frames"].shape[1], : block["frames"].shape[2]] = block["frames"]
        return {"mean": canvas}


@settings(deadline=None)
@given(size=SIZES, halo=st.tuples(*[st.integers(0, 3)] * 3))
def test_cores_tile_the_sequence_and_outer_parts_hold_the_halo(size, halo):
    seen = np.zeros(VIDEO.shape, int)
    for at in cut(VIDEO.shape, size=size, halo=halo):
        seen[at.core] += 1
        for core, outer, reach, length in zip(at.core, at.outer, halo, VIDEO.shape, strict=True):
            assert outer == slice(max(core.start - reach, 0), min(core.stop + reach, length))
        np.testing.assert_array_equal(VIDEO[at.outer][at.inner], VIDEO[at.core])
    assert (seen == 1).all()


@settings(deadline=None, max_examples=25)
@given(size=SIZES, cuts=st.sampled_from(["tyx", "t", "yx", ""]), lazy=st.booleans(), reach=st.integers(0, 2))
def test_a_result_does_not_depend_on_the_cut(size, cuts, lazy, reach):
    frames = da.from_array(VIDEO, chunks=(2, 9, 10)) if lazy else VIDEO
    result = map_blocks(Mean(reach, cuts), {"frames": frames}, outputs=OUTPUT, size=size)["mean"]
    assert isinstance(result, da.Array if lazy else np.ndarray)
    np.testing.assert_allclose(result, uniform_filter(VIDEO, 2 * reach + 1, mode="nearest"), atol=1e-6)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_result_may_lie_on_another_canvas(lazy):
    frames = da.from_array(VIDEO) if lazy else VIDEO
    outputs = {"mean": Output(np.dtype(np.float32), frame=(12, 12))}
    result = np.asarray(map_blocks(OnCanvas(), {"frames": frames}, outputs=outputs, size=(3, 9, 10))["mean"])
    np.testing.assert_array_equal(result[:, :9, :10], VIDEO)
    assert result.shape == (7, 12, 12)
    assert result.sum() == pytest.approx(VIDEO.sum(), abs=1e-3)


def test_a_lazy_result_is_computed_only_where_it_is_looked_at():
    seen = []

    class Watched(Mean):
        def apply(self, block, at):
            seen.append(at.core[0])
            return super().apply(block, at)

    result = map_blocks(Watched(0), {"frames": da.from_array(VIDEO)}, outputs=OUTPUT, size=(2, 9, 10))["mean"]
    assert seen == []
    np.testing.assert_array_equal(result[3], VIDEO[3])
    assert seen == [slice(2, 4)]


@settings(deadline=None, max_examples=20)
@given(frames=st.integers(1, 9), workers=st.integers(1, 3), lazy=st.booleans())
def test_a_stream_gives_every_frame_once_in_order(frames, workers, lazy):
    arrays = {"a": da.from_array(VIDEO, chunks=(3, 9, 10)) if lazy else VIDEO, "b": VIDEO + 1}
    fractions = []
    parts = list(stream(arrays, frames=frames, workers=workers, progress=lambda done, *_: fractions.append(done)))
    np.testing.assert_array_equal(np.concatenate([part["a"] for _, part in parts]), VIDEO)
    np.testing.assert_array_equal(np.concatenate([part["b"] for _, part in parts]), VIDEO + 1)
    assert [at.start for at, _ in parts] == list(range(0, 7, frames))
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


@settings(deadline=None, max_examples=20)
@given(frames=st.integers(1, 9), stretch=st.integers(1, 9), chunk=st.integers(1, 8))
def test_a_stream_does_not_depend_on_the_stretches_of_its_graph(frames, stretch, chunk):
    made = map_blocks(Mean(), {"frames": da.from_array(VIDEO, chunks=(chunk, 9, 10))}, outputs=OUTPUT, size=(2, 9, 10))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "STRETCH", stretch)
        parts = [part["mean"] for _, part in stream({**made, "frames": VIDEO}, frames=frames)]
    np.testing.assert_array_equal(np.concatenate(parts), made["mean"].compute())


def test_a_block_of_a_longer_sequence_asks_for_no_larger_a_graph():
    def tasks(frames):
        made = map_blocks(Mean(), {"frames": da.zeros((frames, 4, 4), chunks=(1, 4, 4))}, outputs=OUTPUT)
        return max(len(call.args[0]["mean"].dask) for call in blocks._calls(made, ranges(made)))

    assert tasks(3 * blocks.STRETCH) == tasks(6 * blocks.STRETCH) < 4 * blocks.STRETCH


@pytest.mark.parametrize("longest", [4, 6, 64])
@pytest.mark.parametrize("made_of", [1, 3, 4])
def test_a_stream_computes_no_block_twice(monkeypatch, longest, made_of):
    seen = []

    class Watched(Mean):
        def apply(self, block, at):
            seen.append(at.core[0].start)
            return super().apply(block, at)

    monkeypatch.setattr(room, "LONGEST", longest)
    long = da.from_array(np.zeros((30, 9, 10), np.float32), chunks=(1, 9, 10))
    made = map_blocks(Watched(), {"frames": long}, outputs=OUTPUT, size=(made_of, 9, 10))
    assert sum(len(part["mean"]) for _, part in stream({"frames": long, **made})) == 30
    assert sorted(seen) == list(range(0, 30, made_of))


@pytest.mark.parametrize("lazy", [False, True])
def test_where_memory_is_short_blocks_are_smaller_and_the_result_the_same(monkeypatch, lazy):
    sizes = []

    class Watched(Mean):
        def apply(self, block, at):
            sizes.append(at.core[0].stop - at.core[0].start)
            return super().apply(block, at)

    def result():
        sizes.clear()
        frames = da.from_array(VIDEO, chunks=(1, 9, 10)) if lazy else VIDEO
        return np.asarray(map_blocks(Watched(), {"frames": frames}, outputs=OUTPUT)["mean"])

    whole = result()
    assert max(sizes) == min(room.LONGEST, len(VIDEO))
    monkeypatch.setattr(room, "free", lambda: room.Room(1, 1).takes(90) / room.SHARE + 1)
    np.testing.assert_array_equal(result(), whole)
    assert max(sizes) == 1


@pytest.mark.parametrize("lazy", [False, True])
def test_what_does_not_fit_is_refused_before_any_work(monkeypatch, lazy):
    monkeypatch.setattr(room, "free", lambda: 1000)
    frames = da.from_array(VIDEO) if lazy else VIDEO
    with pytest.raises(ValueError, match=r"expected .* GB of free memory for a frame of 9 x 10 pixels, found 1e-06 GB"):
        map_blocks(None, {"frames": frames}, outputs=OUTPUT)


def test_a_stream_holds_few_frames_at_a_time():
    read, begun = 0, threading.Lock()

    def frame(block):
        nonlocal read
        with begun:
            read += 1
        return block

    lazy = da.from_array(VIDEO, chunks=(1, 9, 10)).map_blocks(frame, dtype=VIDEO.dtype, meta=VIDEO[:0])
    for count, _ in enumerate(stream({"a": lazy}, frames=1, workers=2), start=1):
        assert read <= count + 3
    assert read == 7


@pytest.mark.parametrize("lazy", [False, True])
def test_stopping_leaves_no_thread_behind(lazy):
    frames = da.from_array(VIDEO, chunks=(1, 9, 10)) if lazy else VIDEO

    def stop(fraction, message, training=None):
        raise Cancelled

    with pytest.raises(Cancelled):
        for _ in stream({"frames": frames}, frames=1, progress=stop):
            pass
    with pytest.raises(Cancelled):
        map_blocks(Mean(), {"frames": VIDEO}, outputs=OUTPUT, size=(1, 9, 10), progress=stop)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("block")]


def test_an_error_in_a_block_comes_out_as_it_is():
    class Broken(Mean):
        def apply(self, block, at):
            raise ValueError("expected finite values, found nan")

    with pytest.raises(ValueError, match="found nan"):
        map_blocks(Broken(), {"frames": VIDEO}, outputs=OUTPUT)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_wish_to_stop_is_heard_while_a_block_is_at_work(lazy):
    stopped = threading.Event()

    class Waiting(Mean):
        def apply(self, block, at):
            stopped.wait()
            return super().apply(block, at)

    def stop(fraction, message, training=None):
        stopped.set()
        raise Cancelled

    frames = da.from_array(VIDEO) if lazy else VIDEO
    with pytest.raises(Cancelled):
        for _ in stream(map_blocks(Waiting(), {"frames": frames}, outputs=OUTPUT, progress=stop), progress=stop):
            pass


def test_a_block_at_work_ends_at_its_next_checkpoint():
    begun, ended = threading.Event(), []

    class Endless(Mean):
        def apply(self, block, at):
            begun.set()
            try:
                while True:
                    checkpoint()
            finally:
                ended.append(at)

    def stop(fraction, message, training=None):
        if begun.is_set():
            raise Cancelled

    with pytest.raises(Cancelled):
        map_blocks(Endless(), {"frames": VIDEO}, outputs=OUTPUT, progress=stop)
    assert ended


def test_a_longer_sequence_adds_no_layers_to_the_graph():
    def layers(frames):
        video = da.zeros((frames, 4, 4), chunks=(1, 4, 4), dtype=np.float32)
        return len(map_blocks(Mean(), {"frames": video}, outputs=OUTPUT)["mean"].dask.layers)

    assert layers(8) == layers(80)


@settings(deadline=None, max_examples=20)
@given(count=st.integers(0, 9), workers=st.one_of(st.none(), st.integers(1, 4)))
def test_calls_come_back_in_turn(count, workers):
    calls = (lambda number=number: number for number in range(count))
    assert list(in_turn(calls, workers=workers, report=lambda: None)) == list(range(count))


def test_calls_are_taken_when_there_is_room_for_them():
    taken = []

    def calls():
        for number in range(10):
            taken.append(number)
            yield lambda number=number: number

    for done, _ in enumerate(in_turn(calls(), workers=2, report=lambda: None), start=1):
        assert len(taken) <= done + 3
    assert len(taken) == 10


def test_a_call_that_fails_ends_the_others():
    def broken():
        raise ValueError("expected a number, found none")

    found = in_turn([lambda: 1, broken, *[lambda: 2] * 50], workers=1, report=lambda: None)
    assert next(found) == 1
    with pytest.raises(ValueError, match="found none"):
        list(found)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("block")]
