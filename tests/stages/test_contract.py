"""The one contract, over every stage there is: a new stage is tested here as soon as it is listed in STAGES."""

import dataclasses
import tempfile
import threading
from itertools import accumulate

import dask.array as da
import numpy as np
import pytest
from pydantic import TypeAdapter

from napari_fluorodenoise.engine.blocks import Output, map_blocks
from napari_fluorodenoise.engine.progress import Cancelled
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.recipe import NAMED, Recipe
from napari_fluorodenoise.stages import STAGES, name_of, stage_class
from napari_fluorodenoise.video import Image, Run, Table, Video

QUICK = {
    "scintillator": ("denoise.training_steps=2",),
    "best": ("denoise.training_steps=2", "denoise.turns=1", "denoise.device=cpu"),
}
"""Settings of the recipes that train: the contract holds for a network that learnt next to nothing."""
RECIPES = [Recipe.named(name).set(*QUICK.get(name, ())) for name in NAMED]
"""Every stage is tested after those that come before it in these."""

STEPS = [(recipe, index) for recipe in RECIPES for index in range(len(recipe.stages))]
every_stage = pytest.mark.parametrize(
    "step", STEPS, ids=[f"{recipe.name}-{name_of(recipe.stages[index])}" for recipe, index in STEPS]
)


@pytest.fixture(scope="module", autouse=True)
def small():
    """Recipe `best` learns from few crops: what it learns is tested elsewhere."""
    where = "napari_fluorodenoise.denoisers."
    sizes = {"excerpts.FEWEST": 1, "excerpts.MOST": 1, "refining.BATCH": 2, "refining.CROP": 32, "refining.JUDGED": 4}
    with pytest.MonkeyPatch.context() as patch:
        for name, size in sizes.items():
            patch.setattr(where + name, size)
        yield


@pytest.fixture(scope="module")
def video():
    data = phantom(frames=9, shape=(72, 80), pan=1.0, rng=3).noisy.data
    data.flags.writeable = False
    return Video(data=data, frame_interval=0.1, pixel_size=(0.3, 0.2), origin=(4.0, 2.0))


@pytest.fixture(scope="module")
def runs(video):
    """The run before each stage of a recipe and after the last one, in memory; computed once."""
    made = {}

    def runs_of(recipe):
        if recipe.name not in made:
            made[recipe.name] = list(accumulate(recipe.stages, lambda run, stage: stage(run), initial=start))
        return made[recipe.name]

    start = measured(Run.of(video))
    return runs_of


@pytest.fixture
def given(step, runs):
    """A stage, the run it is given, and what it makes of it in memory."""
    recipe, index = step
    before, after = runs(recipe)[index : index + 2]
    return recipe.stages[index], before, after


def lazily(run):
    """The same run with its videos behind dask, in chunks of two frames."""
    items = {
        name: item.with_data(da.from_array(item.data, chunks=(2, -1, -1))) if isinstance(item, Video) else item
        for name, item in run.items()
    }
    return Run(items, detector=run.detector)


def same(actual, expected):
    """Equal for integers up to one count at a rounding edge, and to float32 round-off for floats."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
    if actual.dtype.kind == "f":
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5 * max(float(np.abs(expected).max()), 1e-6))
    else:
        difference = np.abs(actual.astype(np.int64) - expected)
        assert difference.max() <= 1
        assert np.mean(difference > 0) < 1e-3


@every_stage
def test_adds_tells_what_comes_out(given):
    stage, run, after = given
    added = stage.adds(run)
    assert list(after)[len(run) :] == list(added)
    kinds = {"tyx": Video, "yx": Image, "table": Table}
    for key, what in added.items():
        item = after[key]
        assert isinstance(item, kinds[what.dims])
        assert item.data.dtype == what.dtype
        assert what.units
        assert np.isfinite(np.asarray(item.data)).all()
    for key in (key for key, what in added.items() if what.dims == "tyx"):
        made, frames = after.video(key), run.video("frames")
        assert made.shape[0] == frames.shape[0]
        assert (made.frame_interval, made.pixel_size) == (frames.frame_interval, frames.pixel_size)


@every_stage
def test_the_input_stays_as_it_was(given):
    stage, run, after = given
    assert all(after[key] is run[key] for key in run)
    copies = {key: np.array(item.data) for key, item in run.items()}
    stage(run)
    for key, copy in copies.items():
        np.testing.assert_array_equal(run[key].data, copy)


@every_stage
def test_dask_gives_what_numpy_gives(given):
    stage, run, expected = given
    after = stage(lazily(run))
    for key in list(expected)[len(run) :]:
        if isinstance(after[key], Video):
            assert after[key].is_lazy
        same(after[key].data, expected[key].data)


@every_stage
@pytest.mark.parametrize("size", [(1, 72, 80), (5, 72, 80), (4, 30, 31)])
def test_the_result_does_not_depend_on_the_cut(given, size):
    stage, run, expected = given
    fitted = stage.fit(run)
    added = {key: what for key, what in stage.adds(run).items() if what.dims == "tyx"}
    outputs = {key: Output(what.dtype, (fitted.canvas(key) or (None,))[0]) for key, what in added.items()}
    inputs = {key: run.video(key).data for key in fitted.inputs or stage.videos(run)}
    for key, array in map_blocks(fitted, inputs, outputs=outputs, size=size).items():
        same(array, expected[key].data)


@every_stage
def test_all_that_it_reads_is_told_and_is_there(given):
    stage, run, expected = given
    reads = stage.reads(run)
    kinds = [isinstance(run[key], Video) for key in reads]
    assert kinds == sorted(kinds, reverse=True)
    assert len(set(reads)) == len(reads)
    after = stage(Run({key: run[key] for key in reads}, detector=run.detector))
    for key in stage.adds(run):
        np.testing.assert_array_equal(after[key].data, expected[key].data)


@every_stage
def test_taken_names_are_refused(given):
    stage, _, after = given
    with pytest.raises(ValueError, match="already holds"):
        stage(after)


@pytest.mark.parametrize("name", ["denoise", "fuse"])
def test_missing_names_are_refused_before_the_detector_is_measured(name, monkeypatch):
    monkeypatch.setattr("napari_fluorodenoise.stages.stage.measured", None)
    stage = stage_class(name)(**({"of": ("background",)} if name == "denoise" else {}))
    with pytest.raises(ValueError, match="found frames"):
        stage(Video(data=np.zeros((3, 8, 8))))


@every_stage
def test_progress_rises_from_0_to_1(given):
    stage, run, _ = given
    heard = []
    stage(run, progress=lambda fraction, message, training=None: heard.append((fraction, message)))
    fractions = [fraction for fraction, _ in heard]
    assert len(fractions) >= 2
    assert fractions == sorted(fractions)
    assert fractions[0] >= 0
    assert fractions[-1] == pytest.approx(1)
    assert all(message for _, message in heard)


@every_stage
@pytest.mark.parametrize("late", [0.0, 0.3, 0.9])
def test_cancelling_leaves_nothing(given, late, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stage, run, _ = given
    before = list(run)

    def stop(fraction, message, training=None):
        if fraction >= late:
            raise Cancelled

    with pytest.raises(Cancelled):
        stage(run, progress=stop)
    assert list(run) == before
    assert not list(tmp_path.iterdir())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("block")]


def test_every_stage_is_tested():
    assert {name_of(recipe.stages[index]) for recipe, index in STEPS} == set(STAGES)


@pytest.mark.parametrize("name", STAGES)
def test_json_round_trip_and_strictness(name):
    recipe = Recipe(name="one", stages=(stage_class(name)(),))
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert name_of(recipe.stages[0]) == name
    with pytest.raises(ValueError, match=f"expected a setting of {name} .* found 'bogus'"):
        recipe.set(f"{name}.bogus=1")
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.stages[0].bogus = 1


def bounded():
    """(stage, field, value just out of bounds) for every bound that is declared."""
    for name in STAGES:
        for field, schema in TypeAdapter(stage_class(name)).json_schema()["properties"].items():
            for kind in (schema, *schema.get("anyOf", ())):
                beyond = {"minimum": -1, "exclusiveMinimum": 0, "maximum": 1, "exclusiveMaximum": 0}
                yield from ((name, field, kind[key] + step) for key, step in beyond.items() if key in kind)


@pytest.mark.parametrize(("name", "field", "value"), list(bounded()))
def test_what_is_out_of_bounds_is_refused(name, field, value):
    recipe = Recipe(name="one", stages=(stage_class(name)(),))
    with pytest.raises(ValueError, match=f"expected {name}.{field} to be .*, found {value}"):
        recipe.set(f"{name}.{field}={value}")


@pytest.mark.parametrize("name", STAGES)
def test_numbers_have_bounds_and_every_field_says_what_it_is(name):
    for field, schema in TypeAdapter(stage_class(name)).json_schema()["properties"].items():
        assert schema.get("description", "").endswith((".", ")")), field
        kinds = (schema, *schema.get("anyOf", ()))
        for kind in (kind for kind in kinds if kind.get("type") in ("number", "integer") and "enum" not in kind):
            assert {"minimum", "exclusiveMinimum"} & set(kind), field
            assert {"maximum", "exclusiveMaximum"} & set(kind), field
