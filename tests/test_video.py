import dask.array as da
import numpy as np
import pytest

from napari_fluorodenoise.video import Image, Run, Table, Video

FRAMES = np.arange(2 * 3 * 4, dtype=np.uint16).reshape(2, 3, 4)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (np.zeros((3, 4)), "stack frames"),
        (np.zeros((2, 3, 4, 3)), "colour"),
        (np.zeros((2, 3, 4, 5)), "pick one sequence"),
        (np.zeros((0, 3, 4)), "at least one frame"),
        (np.zeros((2, 3, 4), complex), "complex128"),
        (np.zeros((2, 3, 4), "S1"), "integer or float"),
    ],
)
def test_what_is_no_grey_sequence_is_refused(data, said):
    with pytest.raises(ValueError, match=f"expected .* found .*{said}|{said}"):
        Video(data=data)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.int32, np.float32, np.float64])
def test_every_real_dtype_is_kept(dtype):
    assert Video(data=np.zeros((1, 2, 3), dtype)).dtype == dtype


def test_a_crop_knows_where_it_lies():
    video = Video(data=FRAMES, frame_interval=0.1, pixel_size=(0.2, 0.3), origin=(5.0, 7.0))
    part = video.crop(frames=slice(1, 2), rows=slice(1, None), columns=slice(-3, -1))
    np.testing.assert_array_equal(part.data, FRAMES[1:, 1:, 1:3])
    assert part.origin == (6.0, 8.0)
    assert (part.frame_interval, part.pixel_size) == (0.1, (0.2, 0.3))


def test_a_lazy_video_stays_lazy_until_asked():
    video = Video(data=da.from_array(FRAMES, chunks=(1, 3, 4)))
    assert video.is_lazy
    assert video.crop(frames=slice(0, 1)).is_lazy
    np.testing.assert_array_equal(video.numpy(), FRAMES)


def test_metadata_cannot_be_changed_from_outside():
    facts = {"window": (0, 10)}
    video = Video(data=FRAMES, metadata=facts)
    facts["window"] = (1, 2)
    assert video.metadata["window"] == (0, 10)
    with pytest.raises(TypeError):
        video.metadata["window"] = (3, 4)


def test_a_run_only_grows_and_nothing_is_overwritten():
    run = Run.of(Video(data=FRAMES))
    more = run.adding({"panorama": Image(data=FRAMES[0])})
    assert list(run) == ["frames"]
    assert list(more) == ["frames", "panorama"]
    with pytest.raises(ValueError, match="already holds frames, panorama"):
        more.adding({"panorama": Image(data=FRAMES[0]), "frames": Video(data=FRAMES)})


def test_a_run_keeps_its_detector_as_it_grows():
    detector = object()
    run = Run.of(Video(data=FRAMES)).measured(detector).adding({"again": Video(data=FRAMES)})
    assert run.detector is detector
    assert Run.of(run) is run


def test_a_run_keeps_its_models_as_it_grows():
    first, second = object(), object()
    run = Run.of(Video(data=FRAMES))
    assert not run.models
    more = run.trained({"background": first}).measured(object()).adding({"again": Video(data=FRAMES)})
    assert more.models == {"background": first}
    assert more.trained({"frames": second}).models == {"background": first, "frames": second}
    with pytest.raises(TypeError):
        more.models["frames"] = second


def test_a_missing_video_is_named_with_the_choices():
    run = Run.of(Video(data=FRAMES)).adding({"panorama": Image(data=FRAMES[0])})
    for name in ("background", "panorama"):
        with pytest.raises(ValueError, match=f"expected a video called '{name}', found frames, panorama"):
            run.video(name)


def test_a_table_is_read_by_column():
    table = Table(data=np.array([[1.0, 2.0], [3.0, 4.0]]), columns=("row (pixels)", "column (pixels)"))
    np.testing.assert_array_equal(table["column (pixels)"], [2.0, 4.0])


FACTS = {"frame_increments": (0.0, 0.2, 0.3, 0.4), "mask_frames": (1,), "overlays": np.eye(3)[None] > 0, "kvp": 70}


def test_a_crop_in_time_has_its_own_increments_and_no_mask_frames():
    cropped = Video(data=np.zeros((4, 3, 3)), metadata=FACTS).crop(frames=slice(1, 3))
    assert cropped.metadata["frame_increments"] == (0.0, 0.3)
    assert set(cropped.metadata) == {"frame_increments", "overlays", "kvp"}


def test_a_crop_in_space_crops_the_overlays_and_keeps_the_rest():
    cropped = Video(data=np.zeros((4, 3, 3)), metadata=FACTS).crop(rows=slice(1, 3))
    np.testing.assert_array_equal(cropped.metadata["overlays"][0], np.eye(3)[1:] > 0)
    assert cropped.metadata["mask_frames"] == (1,)
    assert cropped.metadata["frame_increments"] == FACTS["frame_increments"]
