import numpy as np
import pytest

import napari_fluorodenoise as fd
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.widgets.docks.preview import QUICK, Preview
from napari_fluorodenoise.widgets.running.order import Order

FAST = fd.Recipe.named("fast")
NAME = "clip · preview"


@pytest.fixture(scope="module")
def video():
    """A sequence (9, 48, 56), so short that all of it is near every frame."""
    return fd.phantom(frames=9, shape=(48, 56), photons=60, pan=1.0, rng=0).noisy


@pytest.fixture
def preview(qtbot, viewer):
    preview = Preview(viewer)
    qtbot.addWidget(preview, before_close_func=Preview.join)
    return preview


@pytest.fixture
def shown(qtbot, viewer, clip, preview):
    """A function that previews a recipe on the frame looked at, and gives the layer that shows it."""

    def shown(recipe=FAST, *, by=None, **options):
        with qtbot.waitSignal(preview.shown, timeout=20_000) as told:
            preview.show_for(Order.of(recipe, clip, viewer.layers, afresh=True, **options), detector=None)
        assert told.args[0].endswith(f" by {by or recipe.name}")
        return viewer.layers[NAME]

    return shown


def look_at(viewer, clip, frame):
    viewer.dims.set_point(0, clip.data_to_world((frame, 0, 0))[0])


@pytest.mark.parametrize("frame", [0, 5, 8])
def test_a_preview_is_what_the_recipe_makes_of_that_frame(viewer, clip, shown, video, frame):
    look_at(viewer, clip, frame)
    layer = shown()
    run = measured(fd.Run.of(video))
    np.testing.assert_array_equal(layer.data[0], FAST(run).video("fused").numpy()[frame])
    np.testing.assert_allclose(layer.data_to_world((0, 0, 0)), clip.data_to_world((frame, 0, 0)))


def test_what_is_in_view_is_shown_where_it_lies(viewer, clip, shown):
    look_at(viewer, clip, 4)
    whole = shown().data
    clip.corner_pixels = np.array([(0, 10, 20), (8, 29, 49)])
    layer = shown()
    np.testing.assert_array_equal(layer.data, whole[:, 10:30, 20:50])
    np.testing.assert_allclose(layer.data_to_world((0, 0, 0)), clip.data_to_world((4, 10, 20)))


def test_of_a_part_the_same_pixels_are_shown_at_the_same_place(viewer, clip, shown, video):
    part = fd.Part(frames=(2, 8), rows=(6, 46), columns=(8, 50), covered=((0, 12, 0, 20),))
    look_at(viewer, clip, 5)
    layer = shown(part=part)
    run = measured(fd.Run.of(part.of(video)))
    np.testing.assert_array_equal(layer.data[0], FAST(run).video("fused").numpy()[3])
    np.testing.assert_allclose(layer.data_to_world((0, 0, 0)), clip.data_to_world((5, 6, 8)))


@pytest.mark.parametrize(("looked", "shown_frame"), [(0, 2), (8, 7)])
def test_beside_a_part_its_nearest_frame_is_shown(viewer, clip, shown, looked, shown_frame):
    look_at(viewer, clip, looked)
    layer = shown(part=fd.Part(frames=(2, 8)))
    np.testing.assert_allclose(layer.data_to_world((0, 0, 0)), clip.data_to_world((shown_frame, 0, 0)))


def test_beside_a_rectangle_all_of_it_is_shown(viewer, clip, shown):
    clip.corner_pixels = np.array([(0, 0, 0), (8, 9, 9)])
    assert shown(part=fd.Part(rows=(20, 40), columns=(20, 50))).data.shape == (1, 20, 30)


def test_another_preview_takes_the_place_of_the_one_before(viewer, clip, shown):
    shown()
    look_at(viewer, clip, 3)
    layer = shown()
    assert [layer.name for layer in viewer.layers] == ["clip", NAME]
    np.testing.assert_allclose(layer.translate[0], clip.data_to_world((3, 0, 0))[0])


def test_asked_twice_at_once_only_the_last_is_shown(qtbot, viewer, clip, preview, shown):
    said = []
    preview.shown.connect(said.append)
    order = Order.of(FAST, clip, viewer.layers, afresh=True)
    for frame in (1, 6):
        look_at(viewer, clip, frame)
        preview.show_for(order, detector=None)
    qtbot.waitUntil(lambda: not preview.task.running, timeout=20_000)
    qtbot.waitUntil(lambda: bool(said))
    assert said == ["frame 6 by fast"]


def trained(tmp_path, video):
    """A recipe of an untrained network in a file."""
    denoise = fd.Denoise(denoiser="noise2self", training_steps=1, device="cpu")
    recipe = fd.Recipe(name="mine", stages=(denoise, fd.Fuse()))
    run = recipe(measured(fd.Run.of(video)), rng=np.random.default_rng(0))
    path = recipe.save_model(tmp_path / "mine.safetensors", run.models["frames"], files=[], seed=0)
    return fd.Recipe.of_model(path)


def test_what_has_to_be_trained_first_shows_a_quick_recipe_and_a_model_itself(viewer, clip, shown, video, tmp_path):
    model = trained(tmp_path, video)
    look_at(viewer, clip, 0)
    layer = shown(model)
    run = measured(fd.Run.of(video))
    np.testing.assert_allclose(layer.data[0], model(run).video("fused").numpy()[0], atol=1)
    shown(fd.Recipe.named("best"), by=QUICK)


def test_a_frame_that_cannot_be_shown_is_refused_in_one_line(qtbot, viewer, clip, preview):
    clip.data = np.where(np.arange(clip.data.size).reshape(clip.data.shape) == 5, np.nan, np.float32(clip.data))
    with qtbot.waitSignal(preview.failed, timeout=20_000) as failed:
        preview.show_for(Order.of(FAST, clip, viewer.layers, afresh=True), detector=None)
    assert "\n" not in failed.args[0]
    assert list(viewer.layers) == [clip]


def test_a_preview_is_cleared_and_nothing_else(viewer, clip, shown, preview):
    shown()
    beside = viewer.add_points(name="beside")
    preview.clear(clip)
    assert list(viewer.layers) == [clip, beside]


def test_of_a_deleted_layer_nothing_is_shown(qtbot, viewer, clip, preview):
    preview.show_for(Order.of(FAST, clip, viewer.layers, afresh=True), detector=None)
    viewer.layers.clear()
    with qtbot.waitSignal(preview.task.over, timeout=20_000):
        pass
    assert len(viewer.layers) == 0
