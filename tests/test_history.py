import numpy as np
import pytest

import napari_fluorodenoise as fd
from napari_fluorodenoise.history import History, Step
from napari_fluorodenoise.part import Part

SOURCE = "fd.phantom(frames=6, shape=(48, 64), photons=50, pan=1.0, rng=3).noisy"


def made_by(script):
    names = {}
    exec(compile(script, "script", "exec"), names)
    return names["result"]


def test_a_script_makes_the_result_again():
    recipe = fd.Recipe.named("fast").set("denoise.radius=2")
    part = Part(frames=(1, 6), rows=(0, 40), covered=((0, 8, 0, 8),))
    history = History(source=SOURCE, part=part).then(Step(recipe=recipe, seed=4))
    video = part.of(fd.phantom(frames=6, shape=(48, 64), photons=50, pan=1.0, rng=3).noisy)
    expected = recipe(video, rng=np.random.default_rng(4))
    np.testing.assert_array_equal(made_by(history.script("fused")).data, expected.video("fused").data)


def test_stages_one_after_another_and_a_table_edited_between_them():
    video = fd.phantom(frames=6, shape=(48, 64), photons=50, pan=1.0, rng=3).noisy
    stabilize, decompose = (fd.Recipe(name=type(s).__name__, stages=(s,)) for s in (fd.Stabilize(), fd.Decompose()))
    run = stabilize(video)
    moved = fd.Table(data=run["offsets"].data + np.array([0.5, 0, 0, 0]), columns=run["offsets"].columns)
    run = decompose(fd.Run({**run, "offsets": moved}, detector=run.detector))
    first = History(source=SOURCE).then(Step(recipe=stabilize))
    second = History(source=SOURCE).then(Step(recipe=decompose, edited={"offsets": moved}), made_from=[first, first])
    assert len(second.steps) == 2
    np.testing.assert_array_equal(made_by(second.script("background")).data, run["background"].data)


@pytest.mark.parametrize("source", [SOURCE, "fd.video_of(viewer.layers['clip'])"])
def test_a_script_looks_for_the_viewer_only_where_it_needs_it(source):
    script = History(source=source).script("frames")
    assert ("import napari\n" in script) == ("viewer" in source)
    compile(script, "script", "exec")
