import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.video import Image, Run, Table
from napari_fluorodenoise.widgets.show import open_in


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
