import numpy as np
import pytest
from napari.layers import Layer

from napari_fluorodenoise.part import WHOLE, Part
from napari_fluorodenoise.widgets.docks.choice import ALL, IN_VIEW, NOTHING, Choice
from napari_fluorodenoise.widgets.layers import layer_of, opened


@pytest.fixture
def choose(heard, viewer):
    """A function that makes a choice for the viewer."""
    return lambda **options: heard(Choice(viewer, **options))


def drawn(viewer, source, *boxes, name="drawn"):
    """A Shapes layer with a rectangle for every box (top, bottom, left, right) in pixels of `source`."""
    corners = [((top, left), (bottom, right)) for top, bottom, left, right in boxes]
    shapes = [[source.data_to_world((0, *corner))[1:] for corner in np.array(pair) - 0.5] for pair in corners]
    return viewer.add_shapes(shapes, name=name, ndim=2)


def offered(field):
    return [str(choice) for choice in field.choices]


def result_of(source, video, *, part=WHOLE):
    return Layer.create(*layer_of(part.of(video), name="denoised", source=source, record={"part": part}))


def test_all_of_a_sequence_is_chosen_first(clip, choose):
    choice = choose()
    assert choice.layer() is clip
    assert choice.part() == WHOLE
    assert (choice.first.value, choice.last.value, choice.last.max) == (0, 9, 9)


def test_what_is_offered_follows_the_layers(viewer, choose, clip, video):
    choice, with_results = choose(), choose(results=True)
    viewer.add_layer(result_of(clip, video))
    viewer.add_layer(Layer.create(*opened(video, name="other")))
    viewer.add_labels(np.zeros((10, 24, 32), int))
    drawn(viewer, clip, (1, 5, 2, 9))
    assert offered(choice.input) == ["clip", "other"]
    assert offered(with_results.input) == ["clip", "clip · denoised", "other"]
    assert offered(choice.rectangle) == [ALL, IN_VIEW, "drawn"]
    assert offered(choice.cover) == [NOTHING, "drawn"]
    viewer.layers.remove("clip")
    assert sorted(offered(choice.input)) == ["clip · denoised", "other"]  # without its source it is one


@pytest.mark.parametrize("field", ["input", "rectangle", "cover"])
def test_what_was_chosen_stays_chosen_whatever_it_is_called(qtbot, viewer, choose, clip, video, field):
    other = viewer.add_layer(Layer.create(*opened(video, name="other")))
    shapes = drawn(viewer, clip, (1, 5, 2, 9))
    choice = choose()
    chosen = other if field == "input" else shapes
    getattr(choice, field).value = chosen
    choice.first.value = 3
    with qtbot.assertNotEmitted(choice.changed):
        chosen.name = "renamed"
        viewer.add_points(name="beside")
    assert getattr(choice, field).value is chosen
    assert "renamed" in offered(getattr(choice, field))
    assert choice.first.value == 3


def test_another_sequence_begins_with_all_its_frames(qtbot, viewer, choose, clip, video):
    longer = viewer.add_layer(Layer.create(*opened(video.with_data(np.tile(video.data, (2, 1, 1))), name="longer")))
    choice = choose()
    choice.input.value = clip
    choice.first.value, choice.last.value = 3, 5
    with qtbot.waitSignal(choice.changed):
        choice.input.value = longer
    assert choice.part() == WHOLE
    assert choice.last.value == 19


@pytest.mark.parametrize(("first", "last", "frames"), [(0, 9, None), (0, 4, (0, 5)), (3, 9, (3, 10)), (2, 2, (2, 3))])
def test_frames_are_those_from_the_first_to_the_last(clip, choose, first, last, frames):
    choice = choose()
    choice.first.value, choice.last.value = first, last
    assert choice.part() == Part(frames=frames)


def test_the_shape_drawn_last_is_the_rectangle_and_all_of_a_cover_are_covered(viewer, choose, clip):
    boxes = (1, 5, 2, 9), (10, 20, 12, 30)
    shapes = drawn(viewer, clip, *boxes)
    choice = choose()
    choice.rectangle.value = shapes
    assert choice.part() == Part(rows=(10, 20), columns=(12, 30))
    choice.rectangle.value, choice.cover.value = ALL, shapes
    assert choice.part() == Part(covered=boxes)
    choice.rectangle.value = drawn(viewer, clip, (0, 24, 3, 9), name="upright")
    assert choice.part() == Part(columns=(3, 9), covered=boxes)


def test_what_is_in_view_is_taken_when_it_is_asked_for(choose, clip):
    choice = choose()
    choice.rectangle.value = IN_VIEW
    assert choice.part() == WHOLE
    clip.corner_pixels = np.array([(0, 3, 5), (9, 12, 31)])
    assert choice.part() == Part(rows=(3, 13), columns=(5, 32))


@pytest.mark.parametrize("field", ["rectangle", "cover"])
def test_a_deleted_rectangle_leaves_the_whole_frame(qtbot, viewer, choose, clip, field):
    shapes = drawn(viewer, clip, (1, 5, 2, 9))
    choice = choose()
    getattr(choice, field).value = shapes
    assert choice.part() != WHOLE
    with qtbot.waitSignal(choice.changed):
        viewer.layers.remove(shapes)
    assert choice.part() == WHOLE


def test_an_empty_layer_of_shapes_asks_for_a_rectangle(viewer, choose, clip):
    choice = choose()
    choice.rectangle.value = viewer.add_shapes(ndim=2, name="empty")
    with pytest.raises(ValueError, match="expected a rectangle in 'empty' on 'clip', found nothing drawn; draw one"):
        choice.part()


def test_a_result_shows_its_own_part(viewer, choose, clip, video):
    made = viewer.add_layer(result_of(clip, video, part=Part(frames=(2, 8), rows=(4, 20))))
    choice = choose(results=True)
    choice.input.value = made
    choice.first.value = 1
    assert choice.part() == WHOLE


def test_the_source_of_the_active_layer_is_chosen_first(viewer, choose, clip, video):
    viewer.add_layer(Layer.create(*opened(video, name="other")))
    viewer.layers.selection.active = viewer.add_layer(result_of(clip, video))
    assert choose().layer() is clip
    viewer.layers.selection.active = viewer.layers["other"]
    assert choose().layer() is viewer.layers["other"]


BAD = {
    "colour": (Layer.create(np.zeros((4, 8, 8, 3), np.uint8), {"rgb": True}), "split or convert it first"),
    "picture": (Layer.create(np.zeros((8, 8))), "pick or stack one grey sequence"),
    "stack": (Layer.create(np.zeros((2, 4, 8, 8))), "pick or stack one grey sequence"),
    "pyramid": (Layer.create([np.zeros((4, 8, 8)), np.zeros((4, 4, 4))], {"multiscale": True}), "open a single one"),
    "labels": (Layer.create(np.zeros((4, 8, 8), int), {}, "labels"), "expected an image layer"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_layer_that_does_not_fit_is_refused_in_one_line_that_says_what_to_do(viewer, choose, kind):
    layer, advice = BAD[kind]
    layer.name = kind
    viewer.add_layer(layer)
    with pytest.raises(ValueError, match=f"found.*{kind}.*") as refused:
        choose().layer()
    assert advice in str(refused.value)
    assert "\n" not in str(refused.value)


def test_without_layers_there_is_nothing_to_work_on(choose):
    with pytest.raises(ValueError, match=r"expected a grey sequence .* found none; open one first"):
        choose().layer()


def test_a_sequence_opened_later_is_chosen(viewer, choose, video):
    choice = choose()
    viewer.add_image(np.zeros((8, 8)))
    clip = viewer.add_layer(Layer.create(*opened(video, name="clip")))
    assert choice.layer() is clip
    assert choice.part() == WHOLE
    assert choice.last.value == 9
