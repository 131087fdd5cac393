import numpy as np
import pytest
from napari.utils.colormaps.standardize_color import transform_color

from napari_fluorodenoise.quality import cnr, snr
from napari_fluorodenoise.widgets.looking import regions
from napari_fluorodenoise.widgets.looking.drawn import mask_of
from napari_fluorodenoise.widgets.looking.regions import Regions


@pytest.fixture
def viewer(make_napari_viewer):
    """A real window."""
    return make_napari_viewer()


CORNERS = np.array([[0, 0], [0, 10], [10, 10], [10, 0]]) - 0.5


def texts(table):
    return [
        [table.item(row, column).text() for column in range(table.columnCount())] for row in range(table.rowCount())
    ]


def test_regions_are_measured_in_the_frame_being_looked_at(qtbot, viewer, docked, video, smooth):
    dock = docked(Regions)
    dock.draw.click()
    shapes = dock.drawn.value
    shapes.add_rectangles([CORNERS, CORNERS + 12])
    viewer.dims.set_current_step(0, 6)
    qtbot.waitUntil(lambda: "frame 6" in dock.message.text() and dock.table.rowCount() == 2)
    frames = [video.data[6], smooth[6]]
    first, second = ([frame[place] for frame in frames] for place in (np.s_[:10, :10], np.s_[12:22, 12:22]))
    numbers = [*map(snr, first), *(cnr(one, background=other) for one, other in zip(first, second, strict=True))]
    rows = texts(dock.table)
    assert rows[0] == ["1", *(f"{number:.3g}" for number in numbers)]
    assert (rows[1][0], rows[1][3:]) == ("2 (background)", ["-", "-"])
    dock.background.value = "1"
    qtbot.waitUntil(lambda: texts(dock.table)[0][0] == "1 (background)")
    viewer.layers.remove(shapes)
    qtbot.waitUntil(lambda: dock.table.rowCount() == 0)


@pytest.fixture
def masks(monkeypatch):
    """The polygons of which masks were made."""
    made = []

    def counted(corners, *, shape):
        made.append(corners)
        return mask_of(corners, shape=shape)

    monkeypatch.setattr(regions, "mask_of", counted)
    return made


def test_masks_are_made_anew_only_where_a_shape_or_the_frames_changed(qtbot, viewer, docked, made, part, masks):
    of_part = made("frames_denoised", part=part)
    dock = docked(Regions)
    dock.draw.click()
    shapes = dock.drawn.value
    shapes.add_rectangles([CORNERS, CORNERS + 12])
    qtbot.waitUntil(lambda: len(masks) == 2)
    for frame in (1, 2, 3):
        viewer.dims.set_current_step(0, frame)
        qtbot.waitUntil(lambda frame=frame: f"frame {frame}" in dock.message.text())
    assert len(masks) == 2
    shapes.data = [CORNERS, CORNERS + 11]
    qtbot.waitUntil(lambda: len(masks) == 3)
    dock.after.value = of_part
    qtbot.waitUntil(lambda: len(masks) == 5)


def test_regions_drawn_for_the_dock_differ_in_colour_and_those_of_the_user_stay_as_they_are(qtbot, viewer, docked):
    own = viewer.add_shapes([CORNERS, CORNERS + 12], edge_color="red", name="own")
    own.mode = "add_rectangle"
    dock = docked(Regions)
    dock.drawn.value = own
    qtbot.waitUntil(lambda: dock.table.rowCount() == 2)
    assert own.current_edge_color == "red"
    dock.draw.click()
    shapes = dock.drawn.value
    for count, shift in enumerate((0, 4, 8), start=1):
        shapes.add_rectangles(CORNERS + shift)
        shapes.selected_data = {count - 1}
        qtbot.waitUntil(lambda count=count: dock.table.rowCount() == count)
    np.testing.assert_array_equal(shapes.edge_color, transform_color(list(regions.COLOURS[:3])))
    shapes.edge_color = "white"
    qtbot.wait(100)
    np.testing.assert_array_equal(shapes.edge_color, 1)
    np.testing.assert_array_equal(own.edge_color, [[1, 0, 0, 1]] * 2)
