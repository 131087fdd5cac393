from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Layer
from napari.utils.notifications import notification_manager
from npe2 import PluginManifest

from napari_fluorodenoise.io import read
from napari_fluorodenoise.video import Image as Picture
from napari_fluorodenoise.widgets import writing
from napari_fluorodenoise.widgets.layers import layer_of, opened, video_of
from napari_fluorodenoise.widgets.preferences import NAME
from napari_fluorodenoise.widgets.writing import write_dicom, write_tiff, write_zarr

WRITERS = {".dcm": write_dicom, ".ome.zarr": write_zarr, ".tif": write_tiff}


@pytest.fixture
def told(monkeypatch):
    """What the user was told."""
    monkeypatch.setattr(notification_manager, "records", [])
    return lambda: [str(record.message) for record in notification_manager.records]


@pytest.fixture
def viewer(npe2pm):
    """A viewer without a window, whose only plugin is this one."""
    npe2pm.register(PluginManifest.from_distribution(NAME))
    return ViewerModel()


def shown(video, name="clip"):
    return Layer.create(*opened(video, name=name))


def saved(write, path, layer):
    """The sequence in the one file that `write` made of the layer."""
    (written,) = write(str(path), *layer.as_layer_data_tuple()[:2])
    return read(written)


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize(
    ("photometric", "intensity"), [("MONOCHROME1", "log"), ("MONOCHROME2", "linear"), ("MONOCHROME2", "display")]
)
def test_a_layer_comes_back_with_all_it_shows(tmp_path, video, viewer, suffix, photometric, intensity):
    layer = viewer.add_layer(shown(replace(video, photometric=photometric, intensity=intensity, origin=(0.0, 0.0))))
    layer.contrast_limits = (60, 130)
    path = tmp_path / f"run{suffix}"
    assert viewer.layers.save(str(path), selected=True, plugin=NAME) == [str(path)]
    (again,) = viewer.open(path, plugin=NAME)
    np.testing.assert_array_equal(again.data, layer.data)
    assert again.data.dtype == layer.data.dtype
    np.testing.assert_allclose(again.scale, layer.scale)
    assert (again.units, again.axis_labels, again.colormap.name) == (
        layer.units,
        layer.axis_labels,
        layer.colormap.name,
    )
    np.testing.assert_allclose(again.contrast_limits, (60, 130))
    found = video_of(again)
    assert (found.photometric, found.intensity) == (photometric, intensity)


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_layer_from_elsewhere_is_written_too(tmp_path, suffix):
    data = np.random.default_rng(1).integers(0, 4000, (4, 6, 8)).astype(np.uint16)
    layer = Image(data, scale=(40, 300, 200), units=("ms", "um", "um"))
    found = saved(WRITERS[suffix], tmp_path / f"run{suffix}", layer)
    np.testing.assert_array_equal(found.data, data)
    assert found.frame_interval == pytest.approx(0.04)
    assert found.pixel_size == pytest.approx((0.3, 0.2))


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_picture_is_one_frame(tmp_path, video, suffix):
    panorama = Picture(data=np.random.default_rng(2).normal(100, 9, (30, 40)).astype(np.float32), origin=(-2.0, 1.0))
    layer = Layer.create(*layer_of(panorama, name="panorama", source=shown(video)))
    found = saved(WRITERS[suffix], tmp_path / f"panorama{suffix}", layer)
    slope, intercept = found.metadata.get("rescale", (1.0, 0.0))
    assert found.shape == (1, 30, 40)
    assert found.pixel_size == pytest.approx((0.3, 0.2))
    np.testing.assert_allclose(np.asarray(found.data[0]) * slope + intercept, layer.data, atol=slope)


@pytest.mark.parametrize("lazy", [False, True])
def test_float_in_dicom_keeps_what_the_noise_lets_one_see(tmp_path, video, told, lazy):
    values = np.random.default_rng(3).normal(0, 5, video.shape).astype(np.float32)
    layer = shown(video.with_data(da.from_array(values, chunks=(1, -1, -1)) if lazy else values).of_other_values())
    found = saved(write_dicom, tmp_path / "residual.dcm", layer)
    slope, intercept = found.metadata["rescale"]
    assert slope < 0.001
    assert np.asarray(found.data).min() == 0 and np.asarray(found.data).max() == 2**16 - 1
    np.testing.assert_allclose(np.asarray(found.data) * slope + intercept, values, atol=0.51 * slope)
    low, high = found.metadata["window"]
    np.testing.assert_allclose((low * slope + intercept, high * slope + intercept), layer.contrast_limits, atol=slope)
    (line,) = told()
    assert "residual.dcm" in line and f"steps of {slope:.3g}" in line


@pytest.mark.parametrize(
    ("values", "rescale"),
    [
        (np.arange(24, dtype=np.int32) - 7, (1.0, -7.0)),
        (np.arange(24) % 2 > 0, (1.0, 0.0)),
        (np.arange(24, dtype=np.uint32) * 10_000, (4.0, 0.0)),
        (np.full(24, 2.5, np.float64), (1.0, 2.5)),
    ],
)
def test_whole_numbers_stay_whole_where_they_can(tmp_path, told, values, rescale):
    found = saved(write_dicom, tmp_path / "run.dcm", Image(values.reshape(2, 3, 4)))
    assert found.metadata.get("rescale", (1.0, 0.0)) == rescale
    error = np.asarray(found.data).ravel() * rescale[0] + rescale[1] - values.astype(float)
    assert np.abs(error).max() <= (rescale[0] / 2 if rescale[0] > 1 else 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused_by_dicom_alone(tmp_path, video, bad):
    values = np.float32(video.data)
    values[7, 3, 2] = bad
    layer = shown(video.with_data(values))
    with pytest.raises(ValueError, match="expected finite pixels in the layer, found NaN or infinity in frame 7"):
        saved(write_dicom, tmp_path / "run.dcm", layer)
    assert list(tmp_path.iterdir()) == []
    np.testing.assert_array_equal(saved(write_tiff, tmp_path / "run.tif", layer).data, values)


@pytest.mark.parametrize(
    ("layer", "found"),
    [
        (Image(np.zeros((3, 8, 8, 3), np.uint8), rgb=True), "in colour"),
        (Image(np.zeros((2, 3, 8, 8), np.uint8)), "found 4"),
        (Image([np.zeros((3, 8, 8), np.uint8), np.zeros((3, 4, 4), np.uint8)], multiscale=True), "in several"),
    ],
)
def test_layers_that_are_no_grey_sequence_are_refused_in_one_line(tmp_path, layer, found):
    with pytest.raises(ValueError, match=found) as refused:
        write_dicom(str(tmp_path / "run.dcm"), *layer.as_layer_data_tuple()[:2])
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_name_without_a_suffix_gets_one_and_what_was_not_asked_about_stays(tmp_path, video, suffix):
    layer = shown(video)
    asked = str(tmp_path / "run 1.5 · fused")
    tuple_of = layer.as_layer_data_tuple()[:2]
    assert WRITERS[suffix](asked, *tuple_of) == [asked + suffix]
    with pytest.raises(ValueError, match="found an existing output"):
        WRITERS[suffix](asked, *tuple_of)
    assert WRITERS[suffix](asked + suffix, *tuple_of) == [asked + suffix]  # the dialog asked about this one


def test_the_suffix_of_a_name_counts_more_than_the_writer_chosen(tmp_path, video):
    np.testing.assert_array_equal(saved(write_dicom, tmp_path / "run.npy", shown(video)).data, video.data)
    assert (tmp_path / "run.npy").is_file()


def test_stopping_leaves_the_earlier_file_and_says_that_nothing_was_written(tmp_path, video, monkeypatch):
    path = tmp_path / "run.tif"
    saved(write_tiff, path, shown(video))
    before = path.read_bytes()

    def stopped(work, *, title):
        def progress(fraction, message, training=None):
            raise writing.Cancelled

        return work(progress)

    monkeypatch.setattr(writing, "waiting_for", stopped)
    assert write_tiff(str(path), *shown(video.with_data(video.data + 1)).as_layer_data_tuple()[:2]) == []
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
