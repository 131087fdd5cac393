import numpy as np
from napari.components import ViewerModel

from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.video import Image, Run, Table
from napari_fluorodenoise.widgets.show import add_run


def test_a_run_becomes_layers_and_only_frames_and_result_are_visible(video):
    run = measured(Run.of(video)).adding(
        {
            "fused": video,
            "panorama": Image(data=np.ones((30, 40), np.float32), pixel_size=video.pixel_size),
            "offsets": Table(data=np.zeros((10, 2)), columns=("row [px]", "column [px]")),
        }
    )
    viewer = ViewerModel()
    add_run(viewer, run, name="phantom", result="fused")
    assert [layer.name for layer in viewer.layers][::3] == ["phantom", "phantom · fused"]
    assert [layer.visible for layer in viewer.layers] == [True, False, False, True]
    assert all(layer.units == viewer.layers[0].units[-layer.ndim :] for layer in viewer.layers)
