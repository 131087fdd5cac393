import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_fluorodenoise.part import Part
from napari_fluorodenoise.widgets.layers import layer_of, opened


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def source(viewer, video):
    """A sequence (10, 24, 32) in the viewer."""
    return viewer.add_layer(Layer.create(*opened(video, name="clip")))


@pytest.fixture
def made(viewer, source, video):
    """A function that adds a result of the sequence, by name, of the same pixels or of others, for all or a part."""

    def add(name, data=None, *, part=None):
        item = video if part is None else part.of(video)
        item = item if data is None else item.with_data(data)
        record = {} if part is None else {"part": part}
        return viewer.add_layer(Layer.create(*layer_of(item, name=name, source=source, record=record)))

    return add


@pytest.fixture
def smooth(video):
    """The sequence's mean frame at every time, (10, 24, 32) float32."""
    return np.broadcast_to(video.data.mean(0, dtype=np.float32), video.shape).copy()


@pytest.fixture
def result(made, smooth):
    return made("frames_denoised", smooth)


@pytest.fixture
def part():
    return Part(frames=(2, 8), rows=(4, 20), columns=(5, 25))


@pytest.fixture
def counted(video):
    """(sequence, frames read so far): the sequence lazy, and a list of the numbers of the frames that were read."""
    read = []

    def frame(block, block_info=None):
        if block_info:
            read.append(block_info[0]["chunk-location"][0])
        return block

    lazy = da.from_array(video.data, chunks=(1, -1, -1)).map_blocks(frame, dtype=video.dtype, meta=np.empty((0, 0, 0)))
    return video.with_data(lazy), read


@pytest.fixture
def docked(viewer, source, result):
    """A function that docks a widget in the window, with a sequence and its result."""

    def dock(widget):
        viewer.layers.selection.active = result
        made = widget(viewer)
        viewer.window.add_dock_widget(made, name=widget.__name__)
        return made

    return dock


@pytest.fixture
def closed(qtbot, viewer):
    """A function that closes a dock, as its button does, and deletes the widget."""

    def close(widget):
        viewer.window.remove_dock_widget(widget)
        widget.deleteLater()  # out of its dock, the widget is ours to delete
        qtbot.wait(100)

    return close
