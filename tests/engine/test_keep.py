import gc

import dask.array as da
import numpy as np
import pytest

from napari_fluorodenoise.engine.keep import kept
from napari_fluorodenoise.engine.progress import Cancelled
from napari_fluorodenoise.video import Image, Run, Video

FRAMES = np.random.default_rng(0).integers(0, 4000, (20, 6, 5)).astype(np.uint16)


@pytest.fixture
def computed():
    """The numbers of the blocks that were computed so far, one entry each time."""
    return []


@pytest.fixture
def run(computed):
    """{frames, double, half, mean}: the videos lazy, of one shared computation."""

    def shared(block, block_info):
        computed.append(block_info[0]["chunk-location"][0])
        return block.astype(np.float32)

    frames = da.from_array(FRAMES, chunks=(4, -1, -1))
    made = frames.map_blocks(shared, dtype=np.float32)
    half = Video(data=made / np.float32(2), origin=(2.0, 3.0))
    return Run(
        {"frames": Video(data=frames), "double": Video(data=made * 2), "half": half, "mean": Image(data=FRAMES[0])}
    )


@pytest.fixture
def no_memory(monkeypatch):
    monkeypatch.setattr("napari_fluorodenoise.engine.keep.SHARE", 0.0)


def test_small_results_are_computed_once_and_kept_in_memory(run, computed):
    done = kept(run, ("double", "half", "mean"))
    assert sorted(computed) == [0, 1, 2, 3, 4]
    assert not done.video("double").is_lazy
    np.testing.assert_array_equal(done.video("double").data, FRAMES * np.float32(2))
    np.testing.assert_array_equal(done.video("half").data, FRAMES / np.float32(2))
    assert (done.video("half").origin, done.video("half").dtype) == ((2.0, 3.0), np.float32)
    assert done.video("frames") is run.video("frames")
    assert kept(run.trained({"frames": "a model"}), ("double",)).models == {"frames": "a model"}
    assert kept(done, ("double", "half")) is done


@pytest.mark.usefixtures("no_memory")
def test_large_results_are_read_back_frame_by_frame(run, computed):
    double = kept(run, ("double", "half")).video("double").data
    assert isinstance(double, da.Array)
    assert double.chunks[0] == (1,) * 20
    np.testing.assert_array_equal(double, FRAMES * np.float32(2))
    np.testing.assert_array_equal(double[3], FRAMES[3] * np.float32(2))
    assert sorted(computed) == [0, 1, 2, 3, 4]


@pytest.mark.usefixtures("no_memory")
def test_files_go_with_the_videos_that_need_them(run, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    done = kept(run, ("double",))
    assert len(list(tmp_path.iterdir())) == 1
    del done
    gc.collect()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_cancelling_between_blocks_leaves_nothing(run, monkeypatch, tmp_path, share):
    def cancel(fraction, message, training=None):
        raise Cancelled

    monkeypatch.setattr("napari_fluorodenoise.engine.keep.SHARE", share)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(Cancelled):
        kept(run, ("double",), progress=cancel)
    gc.collect()
    assert not list(tmp_path.iterdir())
