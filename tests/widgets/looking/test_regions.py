import numpy as np
import pytest

from napari_fluorodenoise.quality import cnr, snr
from napari_fluorodenoise.widgets.looking.regions import Regions


@pytest.fixture
def viewer(make_napari_viewer):
    """A real window."""
    return make_napari_viewer()


def texts(table):
    return [
        [table.item(row, column).text() for column in range(table.columnCount())] for row in range(table.rowCount())
    ]


def test_regions_are_measured_in_the_frame_being_looked_at(qtbot, viewer, docked, video, smooth):
    dock = docked(Regions)
    dock.draw.click()
    shapes = dock.drawn.value
    corners = np.array([[0, 0], [0, 10], [10, 10], [10, 0]]) - 0.5
    shapes.add_rectangles([corners, corners + 12])
    viewer.dims.set_current_step(0, 6)
    qtbot.waitUntil(lambda: "frame 6" in dock.message.text() and dock.table.rowCount() == 2)
    frames = [video.data[6], smooth[6]]
    first, second = ([frame[place] for frame in frames] for place in (np.s_[:10, :10], np.s_[12:22, 12:22]))
    numbers = [*map(snr, first), *(cnr(one, background=other) for one, other in zip(first, second, strict=True))]
    rows = texts(dock.table)
    assert rows[0] == ["1", *(f"{number:.3g}" for number in numbers)]
    assert (rows[1][0], rows[1][3:]) == ("2 (background)", ["-", "-"])
    assert len(np.unique(shapes.edge_color, axis=0)) == 2
    dock.background.value = "1"
    qtbot.waitUntil(lambda: texts(dock.table)[0][0] == "1 (background)")
    viewer.layers.remove(shapes)
    qtbot.waitUntil(lambda: dock.table.rowCount() == 0)
