"""Recipes over two small stages of their own; the real stages have their contract in stages/test_contract.py."""

import json
import sys
from types import SimpleNamespace
from typing import Annotated, Literal

import dask.array as da
import numpy as np
import pytest
import torch
from annotated_types import Ge, Le, MinLen
from pydantic.dataclasses import dataclass

from napari_fluorodenoise import recipe as recipes
from napari_fluorodenoise import stages
from napari_fluorodenoise.engine.progress import Cancelled
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.primitives.declaration import STRICT
from napari_fluorodenoise.recipe import Recipe, denoise
from napari_fluorodenoise.stages.stage import Added, FittedStage, Stage
from napari_fluorodenoise.video import Image, Run, Table, Video

VIDEO = Video(data=np.random.default_rng(0).integers(0, 99, (6, 4, 5)).astype(np.uint16), frame_interval=0.1)


class Scaling(FittedStage):
    cuts, halo = "tyx", (0, 0, 0)

    def __init__(self, factor, results):
        self.factor, self.results = factor, results

    def apply(self, block, at):
        if self.factor is None:
            return {}
        return {f"{name}_scaled": frames[at.inner] * np.float32(self.factor) for name, frames in block.items()}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Scale(Stage):
    """Every value times a factor, and the mean picture."""

    of: Annotated[tuple[str, ...], MinLen(1)] = ("frames",)
    """Names of the sequences."""
    factor: Annotated[float, Ge(0), Le(10)] = 2.0
    """Factor (1)."""
    window: Annotated[int, Ge(1)] | None = None
    """Window (frames)."""
    mode: Literal["plain", "fancy"] = "plain"
    """How (name)."""

    def __post_init__(self):
        if self.mode == "fancy" and self.window is None:
            raise ValueError("expected a window for the fancy mode, found none")

    def reads(self, run):
        return self.of

    def adds(self, run):
        video = Added("tyx", np.dtype(np.float32), "counts")
        return {f"{name}_scaled": video for name in self.of} | {
            f"mean {self.of[0]}": Added("yx", video.dtype, "counts")
        }

    def fit(self, run, *, progress, rng):
        progress(0.5, "frame 1 of 2")
        progress(1.0, "frame 2 of 2")
        mean = Image(data=run.video(self.of[0]).numpy().mean(axis=0, dtype=np.float32))
        return Scaling(self.factor, {f"mean {self.of[0]}": mean})


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Count(Stage):
    """A table and nothing else."""

    def reads(self, run):
        return ("frames",)

    def adds(self, run):
        return {"counts": Added("table", np.dtype(np.float64), "frames")}

    def fit(self, run, *, progress, rng):
        count = np.arange(run.video("frames").shape[0], dtype=float)[:, None]
        return Scaling(None, {"counts": Table(data=count, columns=("frame",))})


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    monkeypatch.setitem(sys.modules, "toys", SimpleNamespace(Scale=Scale, Count=Count))
    monkeypatch.setitem(stages.STAGES, "scale", "toys.Scale")
    monkeypatch.setitem(stages.STAGES, "count", "toys.Count")


def twice(**settings):
    second = {"of": ["frames_scaled"], "factor": 3}
    return Recipe.from_json(json.dumps({"recipe": "twice", "stages": [{"scale": settings}, {"scale": second}]}))


def one(**settings):
    return Recipe.from_json(json.dumps({"recipe": "one", "stages": [{"scale": settings}]}))


def test_a_recipe_runs_its_stages_in_order():
    run = twice().run(VIDEO)
    assert list(run) == ["frames", "frames_scaled", "mean frames", "frames_scaled_scaled", "mean frames_scaled"]
    np.testing.assert_allclose(run["frames_scaled_scaled"].data, VIDEO.data * 6.0)
    np.testing.assert_allclose(twice()(Run.of(VIDEO))["mean frames"].data, VIDEO.data.mean(0), rtol=1e-6)


def test_denoise_gives_the_last_stages_first_result():
    lazy = VIDEO.with_data(da.from_array(VIDEO.data, chunks=(2, 4, 5)))
    for video in (VIDEO, lazy):
        clean = denoise(video, recipe=one())
        assert clean.is_lazy == video.is_lazy
        assert clean.frame_interval == 0.1
        np.testing.assert_allclose(clean.numpy(), VIDEO.data * 2.0)


def test_json_round_trip():
    for recipe in (twice(window=3, mode="fancy"), one(), Recipe(name="mixed", stages=(Count(), Scale(factor=0)))):
        assert Recipe.from_json(recipe.to_json()) == recipe


def test_json_holds_every_setting_and_needs_none():
    assert json.loads(one().to_json())["stages"] == [
        {"scale": {"of": ["frames"], "factor": 2.0, "window": None, "mode": "plain"}}
    ]
    assert one() == Recipe(name="one", stages=(Scale(),))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "a recipe as JSON, found .* line 1"),
        ("[]", r"keys 'recipe' and 'stages' in a recipe, found \[\]"),
        ('{"recipe": "x", "stages": [{"scale": {}}], "stage": 1}', "found 'recipe', 'stages', 'stage'"),
        ('{"stages": []}', "found 'stages'"),
        ('{"recipe": 1, "stages": []}', "a name under 'recipe'"),
        ('{"recipe": "x", "stages": {}}', "a list under 'stages'"),
        ('{"recipe": "x", "stages": []}', "at least one stage in recipe 'x'"),
        ('{"recipe": "x", "stages": ["scale"]}', 'a stage as .* found "scale"'),
        ('{"recipe": "x", "stages": [{"scale": {}, "count": {}}]}', "a stage as"),
        ('{"recipe": "x", "stages": [{"scale": 2}]}', "settings of scale as {}, found 2"),
        ('{"recipe": "x", "stages": [{"scal": {}}]}', "a stage .*denoise.*scale.* found 'scal'"),
        ('{"recipe": "x", "stages": [{"scale": {"facter": 1}}]}', r"\(of, factor, window, mode\), found 'facter'"),
        ('{"recipe": "x", "stages": [{"scale": {"factor": 11}}]}', "scale.factor to be less .* 10, found 11"),
        ('{"recipe": "x", "stages": [{"scale": {"factor": NaN}}]}', "scale.factor to be a finite number, found nan"),
        ('{"recipe": "x", "stages": [{"scale": {"window": 1.5}}]}', "scale.window to be .* integer, .* found 1.5"),
        ('{"recipe": "x", "stages": [{"scale": {"mode": "odd"}}]}', "'plain' or 'fancy', found 'odd'"),
        ('{"recipe": "x", "stages": [{"scale": {"of": []}}]}', r"scale.of .*, found \[\]"),
        ('{"recipe": "x", "stages": [{"scale": {"mode": "fancy"}}]}', "scale: expected a window .* found none"),
    ],
)
def test_bad_json_is_refused_in_one_line(text, said):
    with pytest.raises(ValueError, match=said) as refused:
        Recipe.from_json(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        (["scale.factor=0.5"], "factor", 0.5),
        (["scale.window=3"], "window", 3),
        (["scale.window=3", "scale.window=null"], "window", None),
        (["scale.mode=fancy", "scale.window=2"], "mode", "fancy"),
        (["scale.of=frames,other"], "of", ("frames", "other")),
        (["scale.of=frames"], "of", ("frames",)),
        (['scale.of=["frames"]'], "of", ("frames",)),
    ],
)
def test_a_setting_is_typed_by_its_field(settings, field, value):
    assert getattr(one().set(*settings).stages[0], field) == value


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("factor=1", "stage.field=value, found 'factor=1'"),
        ("scale.factor", "stage.field=value, found 'scale.factor'"),
        ("count.x=1", r"a stage of recipe one \(scale\), found 'count'"),
        ("scale.facter=1", r"a setting of scale \(of, factor, window, mode\), found 'facter'"),
        ("scale.factor=-1", "greater than or equal to 0, found -1"),
        ("scale.factor=", "a valid number, .* found ''"),
    ],
)
def test_a_wrong_setting_names_the_choices(setting, said):
    with pytest.raises(ValueError, match=said):
        one().set(setting)


def test_settings_leave_the_recipe_itself_alone():
    recipe = twice()
    assert [s.factor for s in recipe.set("scale.factor=1").stages] == [1.0, 1.0]
    assert [s.factor for s in recipe.stages] == [2.0, 3.0]
    assert recipe.set() == recipe


def test_check_says_what_is_added_and_computes_nothing():
    def never(*_):
        raise AssertionError("a frame was read")

    video = VIDEO.with_data(da.from_array(VIDEO.data, chunks=(2, 4, 5)).map_blocks(never, meta=VIDEO.data[:0]))
    assert list(twice().check(video)) == list(twice().run(VIDEO))[1:]
    assert twice().result(video) == "frames_scaled_scaled"


def test_check_finds_what_does_not_fit_together():
    with pytest.raises(ValueError, match="stage scale: expected a video called 'nowhere', found frames"):
        one(of=["nowhere"]).check(VIDEO)
    with pytest.raises(ValueError, match=r"stage scale: .*already holds frames_scaled"):
        Recipe(name="same", stages=(Scale(), Scale())).run(VIDEO)
    with pytest.raises(ValueError, match="at least two frames, found one"):
        denoise(VIDEO.crop(frames=slice(0, 1)), recipe=one())


def test_a_recipe_must_end_with_a_sequence_to_have_a_result():
    recipe = Recipe(name="counting", stages=(Count(),))
    assert list(recipe.run(VIDEO)) == ["frames", "counts"]
    with pytest.raises(ValueError, match="ends with a sequence, found 'counts'"):
        denoise(VIDEO, recipe=recipe)


def test_progress_rises_from_stage_to_stage_and_names_them():
    heard = []
    twice().run(VIDEO, progress=lambda fraction, message, training=None: heard.append((fraction, message)))
    fractions = [fraction for fraction, _ in heard]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    assert all(message.startswith("scale: ") for _, message in heard)


def test_a_cancelled_recipe_gives_nothing():
    def stop(fraction, message, training=None):
        if fraction > 0.5:
            raise Cancelled

    run = Run.of(VIDEO)
    with pytest.raises(Cancelled):
        twice().run(run, progress=stop)
    assert list(run) == ["frames"]


def test_auto_says_which_recipe_it_stands_for(monkeypatch):
    monkeypatch.setattr(recipes, "NAMED", {"fast": ({"scale": {"factor": 4}},)})
    assert Recipe.names() == ("auto", "fast")
    assert Recipe.named("auto") == Recipe.named("fast") == Recipe(name="fast", stages=(Scale(factor=4),))
    np.testing.assert_allclose(denoise(VIDEO).numpy(), VIDEO.data * 4.0)


@pytest.mark.parametrize(
    ("driver", "usable", "name"), [(None, True, "fast"), ("x", False, "fast"), ("x", True, "best")]
)
def test_auto_trains_only_where_a_gpu_does(monkeypatch, driver, usable, name):
    monkeypatch.setattr(recipes, "which", lambda command: driver)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: usable)
    assert Recipe.named("auto").name == name


def test_an_unknown_name_lists_the_recipes():
    with pytest.raises(ValueError, match=r"a recipe \(auto, fast.*\), found 'fasst'"):
        Recipe.named("fasst")


@pytest.mark.parametrize("name", Recipe.names())
def test_every_named_recipe_can_be_made_and_checked(name):
    assert "fused" in Recipe.named(name).check(VIDEO)
    assert Recipe.named(name).result(VIDEO) == "fused"


def test_scintillator_runs_and_comes_nearer_to_the_truth():
    sample = phantom(frames=8, shape=(64, 64), rng=0)
    recipe = Recipe.named("scintillator").set("denoise.training_steps=2")
    fused = denoise(sample.noisy, recipe=recipe)
    assert fused.dtype == sample.noisy.dtype
    before, after = (np.mean((video.numpy() - sample.clean) ** 2) for video in (sample.noisy, fused))
    assert after < 0.5 * before
