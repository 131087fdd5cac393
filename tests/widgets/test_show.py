import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel

import napari_fluorodenoise as fd
from napari_fluorodenoise.io import write
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.video import Image, Run, Table
from napari_fluorodenoise.widgets.show import open_in, read_layers


@pytest.fixture
def run(video):
    made = video.with_data(da.from_array(np.float32(video.data), chunks=(1, -1, -1)))
    return measured(Run.of(video)).adding(
        {
            "panorama": Image(data=np.ones((30, 40), np.float32), pixel_size=video.pixel_size),
            "offsets": Table(data=np.zeros((10, 2)), columns=("row [px]", "column [px]")),
            "fused": made,
        }
    )


def test_a_run_becomes_layers_and_only_frames_and_result_are_visible(run):
    viewer = ViewerModel()
    assert open_in(viewer, run, name="phantom", result="fused") == list(viewer.layers)
    assert [layer.name for layer in viewer.layers] == [
        "phantom", "phantom · panorama", "phantom · fused", "phantom · offsets",
    ]  # fmt: skip
    assert [layer.visible for layer in viewer.layers] == [True, False, True, False]
    assert all(layer.units == viewer.layers[0].units[-layer.ndim :] for layer in viewer.layers)


def test_lazy_results_of_a_run_are_computed(run):
    viewer = ViewerModel()
    open_in(viewer, run)
    assert isinstance(viewer.layers["frames · fused"].data, np.ndarray)
    assert viewer.layers["frames · panorama"].visible


@pytest.mark.parametrize(
    ("file", "name", "title"),
    [("clip.dcm", None, "clip"), ("clip.ome.zarr", None, "clip"), ("clip.tif", "before", "before")],
)
def test_a_file_is_a_layer_called_after_it_that_knows_where_it_came_from(tmp_path, video, file, name, title):
    write(tmp_path / file, video)
    ((_, attributes, kind),) = read_layers(tmp_path / file, name=name)
    assert (attributes["name"], kind) == (title, "image")
    again = eval(attributes["metadata"]["fluorodenoise"]["made by"], {"fd": fd})
    np.testing.assert_array_equal(again.numpy(), video.data)


def test_what_is_opened_twice_is_two_sequences(run):
    viewer = ViewerModel()
    one, other = (open_in(viewer, Run.of(run.video("frames")), name="clip")[0] for _ in range(2))
    assert (one.name, other.name) == ("clip", "clip [1]")
    assert one.unique_id != other.unique_id


def test_what_is_missing_is_told(tmp_path):
    with pytest.raises((ValueError, OSError), match=r"none\.dcm"):
        open_in(ViewerModel(), tmp_path / "none.dcm")
