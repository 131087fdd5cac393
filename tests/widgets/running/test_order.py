import numpy as np
import pytest

import napari_fluorodenoise as fd
from napari_fluorodenoise.engine.progress import silent
from napari_fluorodenoise.part import Part
from napari_fluorodenoise.widgets.layers import current, edited, record_of
from napari_fluorodenoise.widgets.running.order import Order, script_of
from napari_fluorodenoise.widgets.show import add, open_in

SIZE = {"frames": 8, "shape": (64, 72), "photons": 60, "pan": 1.0, "rng": 0}


@pytest.fixture
def source(viewer):
    (layer,) = open_in(viewer, fd.Run.of(fd.phantom(**SIZE).noisy), name="clip")
    return layer


def one(stage):
    return fd.Recipe(name=type(stage).__name__.lower(), stages=(stage,))


def done(viewer, recipe, layer, **options):
    """The layers that the order of `recipe` for `layer` added, the main result last."""
    order = Order.of(recipe, layer, viewer.layers, **options)
    return {record_of(made)["name"]: made for made in add(viewer, order(silent))}


def made_again(viewer, layer):
    """What the script of `layer` makes, with its viewer in place of the one that napari would find open."""
    script = script_of(layer, viewer.layers).replace("viewer = napari.current_viewer()", "")
    names = {"viewer": viewer}
    exec(compile(script, "script", "exec"), names)
    return names["result"].data


def test_a_result_remembers_how_it_was_made(viewer, source):
    made = done(viewer, fd.Recipe.named("fast").set("denoise.radius=2"), source, afresh=True, seed=7)
    record = record_of(made["fused"])
    assert record["recipe"]["stages"][0]["denoise"]["radius"] == 2
    assert (record["seed"], record["version"]) == (7, fd.__version__)
    assert set(record["timings"]) == {"recipe", "computing"}
    assert made["fused"].data.dtype == source.data.dtype


def test_the_script_of_a_recipe_makes_its_layer_again(viewer, source):
    part = Part(frames=(1, 7), rows=(4, 60), covered=((4, 10, 0, 20),))
    made = done(viewer, fd.Recipe.named("fast"), source, afresh=True, part=part)
    np.testing.assert_array_equal(made_again(viewer, made["fused"]), made["fused"].data)
    assert made["fused"].data.shape == (6, 56, 72)
    np.testing.assert_allclose(made["fused"].data_to_world((0, 0, 0)), source.data_to_world((1, 4, 0)))


def test_the_script_of_a_training_that_seconds_ended_makes_its_layer_again(viewer, source):
    denoise = fd.Denoise(denoiser="recorrupted", radius=1, training_steps=50, budget=0.5, held_out=1)
    recipe = fd.Recipe(name="mine", stages=(denoise, fd.Fuse()))
    made = done(viewer, recipe, source, afresh=True, seed=3)
    assert list(record_of(made["fused"])["models"]) == ["frames"]
    np.testing.assert_array_equal(made_again(viewer, made["fused"]), made["fused"].data)


def test_stages_one_after_another_and_points_moved_between_them(viewer, source):
    offsets = done(viewer, one(fd.Stabilize()), source)["offsets"]
    moved = offsets.data.copy()
    moved[3] += (1.5, -0.5)
    offsets.data = moved
    assert edited(offsets)
    made = done(viewer, one(fd.Decompose()), source)["background"]
    assert "offsets = fd.Table" in script_of(made, viewer.layers)
    np.testing.assert_array_equal(made_again(viewer, made), made.data)


def test_what_was_made_before_a_point_was_moved_is_outdated(viewer, source):
    offsets = done(viewer, one(fd.Stabilize()), source)["offsets"]
    made = done(viewer, one(fd.Decompose()), source)
    assert "background" in current(source, viewer.layers)
    offsets.data = offsets.data + 1
    assert {"offsets", "frames"} <= set(current(source, viewer.layers))
    assert not set(made) & set(current(source, viewer.layers))


def test_results_of_one_part_are_not_mixed_with_those_of_another(viewer, source):
    part = Part(rows=(0, 48), columns=(8, 72))
    done(viewer, one(fd.Denoise()), source)
    made = done(viewer, one(fd.Denoise()), source, part=part)
    fused = done(viewer, one(fd.Fuse()), made["frames_denoised"])["fused"]
    assert fused.data.shape == (8, 48, 64)
    assert record_of(fused)["part"] == part
    np.testing.assert_array_equal(made_again(viewer, fused), fused.data)


def test_of_a_recipe_only_the_end_and_pictures_become_layers(viewer, source):
    order = Order.of(fd.Recipe.named("sdd"), source, viewer.layers, afresh=True)
    few = order.results_only().names
    assert few[:2] == ("fused", "uncertainty")
    assert {"panorama", "offsets"} <= set(few) < set(order.names)
    assert "background" not in few


def test_a_layer_from_elsewhere_has_no_script(source):
    with pytest.raises(ValueError, match="that this plugin made, found 'clip'; select a result"):
        script_of(source, [source])
