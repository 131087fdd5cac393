import threading

import numpy as np
import pytest
from napari.components import ViewerModel

import napari_fluorodenoise as fd
from napari_fluorodenoise.engine.progress import Cancelled, silent
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.widgets.docks import glance as room
from napari_fluorodenoise.widgets.docks.glance import NEAR, Glance
from napari_fluorodenoise.widgets.show import open_in

FAST = fd.Recipe.named("fast")
FRAMES, ROWS, COLUMNS = 20, 112, 128
WHOLE = (0, ROWS, 0, COLUMNS)


@pytest.fixture(scope="module")
def run():
    """A run (20, 112, 128) whose detector is known."""
    return measured(fd.Run.of(fd.phantom(frames=FRAMES, shape=(ROWS, COLUMNS), photons=60, pan=1.0, rng=0).noisy))


@pytest.fixture(scope="module")
def fused(run):
    """What the recipe makes of the whole run."""
    return FAST(run).video("fused").numpy().astype(float)


def glance(run, *, frame, box, recipe=FAST, detector=None):
    (source,) = open_in(ViewerModel(), fd.Run.of(run.video("frames")))
    return Glance(recipe=recipe, run=run, source=source, frame=frame, box=box, detector=detector)


def off(picture, run, fused, *, frame, box):
    """How far the picture is from the result, as a share of the noise that was removed."""
    at = slice(*box[:2]), slice(*box[2:])
    whole = fused[frame][at]
    return np.sqrt(np.mean((picture - whole) ** 2)) / np.std(run.video("frames").numpy()[frame][at] - whole)


@pytest.mark.parametrize(
    ("frame", "box"), [(10, WHOLE), (0, WHOLE), (19, WHOLE), (10, (30, 70, 40, 90)), (3, (0, 40, 80, 128))]
)
def test_a_glance_is_the_result_but_for_what_frames_far_away_teach(run, fused, frame, box):
    picture, origin = glance(run, frame=frame, box=box, detector=run.detector)(silent)
    assert off(picture, run, fused, frame=frame, box=box) < 0.01
    assert origin == (box[0], box[2])
    assert picture.dtype == run.video("frames").dtype


@pytest.mark.parametrize("box", [(30, 70, 40, 90), (0, 40, 80, 128), (60, 61, 50, 70)])
def test_of_frames_too_large_a_part_is_nearly_the_result(run, fused, monkeypatch, box):
    monkeypatch.setattr(room, "ROOM", 0)
    picture, _ = glance(run, frame=10, box=box, detector=run.detector)(silent)
    assert off(picture, run, fused, frame=10, box=box) < 0.3


def test_of_a_short_sequence_a_glance_is_the_result_to_the_last_bit(run):
    short = measured(fd.Run.of(run.video("frames").crop(frames=slice(0, NEAR + 1))))
    picture, _ = glance(short, frame=4, box=WHOLE, detector=short.detector)(silent)
    np.testing.assert_array_equal(picture, FAST(short).video("fused").numpy()[4])


def test_a_detector_that_is_not_known_is_measured(run):
    known, _ = glance(run, frame=5, box=WHOLE, detector=run.detector)(silent)
    found, _ = glance(run, frame=5, box=WHOLE)(silent)
    np.testing.assert_array_equal(found, known)


def test_the_origin_is_that_of_the_frames_first_read(run):
    part = fd.Part(rows=(8, 108), columns=(16, 120)).of(run.video("frames"))
    _, origin = glance(fd.Run.of(part), frame=5, box=(10, 60, 20, 70))(silent)
    assert origin == (18, 36)


def test_only_frames_nearby_are_read(run):
    import dask.array as da

    read = set()

    def noted(block, block_info=None):
        if block_info:
            read.add(block_info[0]["chunk-location"][0])
        return block

    frames = run.video("frames")
    data = da.from_array(frames.data, chunks=(1, -1, -1)).map_blocks(noted, dtype=frames.dtype, meta=np.empty((0,) * 3))
    lazy = fd.Run.of(frames.with_data(data))
    asked = glance(lazy, frame=2, box=(20, 60, 20, 60), detector=run.detector)
    read.clear()  # the viewer shows some
    asked(silent)
    assert read == set(range(2 + NEAR + 1))


def test_a_glance_can_be_stopped(run):
    stop = threading.Event()

    def progress(fraction, message, training=None):
        if stop.is_set():
            raise Cancelled
        stop.set()

    with pytest.raises(Cancelled):
        glance(run, frame=2, box=WHOLE)(progress)
