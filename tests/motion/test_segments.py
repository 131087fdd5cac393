"""Segments lie side by side, each with its own motion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_fluorodenoise.motion.segments import beside, places, steadied
from napari_fluorodenoise.stages import stage_class
from napari_fluorodenoise.video import Image, Run, Table, Video

FRAME = (24, 20)
paths = st.integers(1, 12).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, (n, 2), elements=st.floats(-50, 50, width=32)),
        st.lists(st.integers(0, 3), min_size=n, max_size=n),
    )
)


def in_order(numbers):
    """The `numbers` as segments come: 0 first, and a new one where it is first seen."""
    order = list(dict.fromkeys(numbers))
    return np.array([order.index(number) for number in numbers])


@given(paths)
def test_no_two_segments_overlap_and_each_keeps_its_motion(drawn):
    offsets, segments = drawn[0], in_order(drawn[1])
    placed = beside(offsets, segments, frame=FRAME)
    np.testing.assert_array_equal(placed[0], 0)
    right = -np.inf
    for segment in range(segments.max() + 1):
        own = segments == segment
        np.testing.assert_allclose(placed[own] - placed[own][0], offsets[own] - offsets[own][0], atol=1e-9)
        assert placed[own][0, 0] == 0
        assert placed[own][0, 1] == np.rint(placed[own][0, 1])  # whole: its first frame is not resampled
        assert np.floor(placed[own, 1].min()) >= right  # the first pixel on the canvas, and the one after the last
        right = np.ceil(placed[own, 1].max()) + FRAME[1]


def test_one_segment_counts_from_its_first_frame():
    offsets = np.array([(2.0, 3.0), (4.5, 1.0)])
    np.testing.assert_array_equal(beside(offsets, np.zeros(2, int), frame=FRAME), [(0, 0), (2.5, -2)])
    np.testing.assert_array_equal(offsets, [(2, 3), (4.5, 1)])


@pytest.mark.parametrize(("reach", "rests"), [(0.0, True), (0.4, True), (0.6, False), (5.0, False)])
def test_a_segment_that_hardly_moves_rests(reach, rests):
    offsets = np.array([(1.0, 1.0), (1.0, 1.0 + reach), (1.0, 1.0 - reach), (7, 7), (90, 90), (180, 180)])
    found = steadied(offsets, np.array([0, 0, 0, 1, 1, 1]), within=0.5)
    np.testing.assert_array_equal(found[:3], np.ones((3, 2)) if rests else offsets[:3])
    np.testing.assert_array_equal(found[3:], offsets[3:])


def run_with(table):
    frames = Video(data=np.zeros((3, 8, 8), np.uint8))
    return Run({"frames": frames} if table is None else {"frames": frames, "offsets": table})


def test_places_are_those_of_the_table_and_0_without_one():
    offsets, segments = places(run_with(None))
    assert not offsets.any()
    assert not segments.any()
    data = np.array([[0.0, 0.0, 0.0], [1.5, 2.0, 0.0], [0.0, 9.0, 1.0]])
    offsets, segments = places(run_with(Table(data=data, columns=("row [px]", "column [px]", "segment"))))
    np.testing.assert_array_equal(offsets, data[:, :2])
    np.testing.assert_array_equal(segments, data[:, 2])


@pytest.mark.parametrize("data", [np.zeros((2, 2)), np.zeros((3, 1)), np.full((3, 2), np.nan)])
@pytest.mark.parametrize("name", ["decompose", "fuse", "denoise"])
def test_a_table_of_other_frames_is_one_clear_line_in_every_stage_that_reads_it(data, name):
    run = run_with(Table(data=data, columns=("row [px]", "column [px]")[: data.shape[1]]))
    frames = run.video("frames")
    flat = frames.with_data(np.ones(frames.shape, np.float32))
    parts = ("background", "foreground", *(f"frames_{what}" for what in ("denoised", "uncertainty")))
    items = dict.fromkeys(parts, flat) if name != "decompose" else {}
    items |= {"times_seen": Image(data=np.ones((8, 8), np.float32))} if name == "denoise" else {}
    stage = stage_class(name)(**({"of": ("background",)} if name == "denoise" else {}))
    with pytest.raises(ValueError, match=r"expected (offsets for 3 frames, found 2|rows and columns of finite)"):
        stage(run.adding(items))
