"""What a run with networks keeps: models that can be applied again, and schedules by which they are trained again."""

import numpy as np
import pytest

from napari_fluorodenoise.denoisers.model import load
from napari_fluorodenoise.engine.progress import Enough
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.stages.denoise import Denoise
from napari_fluorodenoise.video import Run, Video

SEED = 5
BACKGROUND, FOREGROUND = ("background", "foreground")


pytestmark = pytest.mark.usefixtures("small_trainings")


@pytest.fixture(scope="module")
def run():
    """Frames, and a background and a foreground that they are the sum of."""
    made = phantom(frames=7, shape=(48, 56), photons=60, rng=2)
    frames, still = made.noisy, made.background.astype(np.float32)
    parts = {BACKGROUND: frames.with_data(still), FOREGROUND: frames.with_data(frames.numpy() - still)}
    return measured(Run.of(frames)).adding(parts)


def recipe_of(denoiser, **settings):
    stage = Denoise(denoiser=denoiser, device="cpu", radius=1, **{"training_steps": 6, "passes": 2, **settings})
    return Recipe(name="mine", stages=(stage,))


def made(recipe, run, **more):
    return recipe(run, rng=np.random.default_rng(SEED), **more)


def same(one, other):
    assert list(one) == list(other)
    for name in one:
        np.testing.assert_array_equal(one[name].data, other[name].data)


class Impatient:
    """A progress call that ends every training after so many steps, and looks at a frame where it may."""

    def __init__(self, *steps):
        self.steps, self.frames = list(steps), []

    def __call__(self, fraction, message, training=None):
        if training is None:
            return
        if training.look:
            self.frames.append(training.look(3))
        if self.steps and training.step == self.steps[0]:
            del self.steps[0]
            raise Enough


ALONE, SPLIT = ("frames",), (BACKGROUND, FOREGROUND)
STEPS, BUDGET, ENOUGH = {}, {"training_steps": 100_000, "budget": 0.3}, {"training_steps": 100_000}
ENDS = {
    "steps": ("recorrupted", ALONE, STEPS, ()),
    "budget": ("recorrupted", ALONE, BUDGET, ()),
    "enough": ("recorrupted", ALONE, ENOUGH, (5,)),
    "budget of best": ("best", ALONE, BUDGET, ()),
    "enough of best": ("best", ALONE, ENOUGH, (5,)),
    "budget of several": ("self2self", SPLIT, BUDGET, ()),
    "enough of several": ("self2self", SPLIT, ENOUGH, (5, 3, 4, 2)),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_run_is_done_again_to_the_bit_however_its_trainings_ended(run, end):
    denoiser, of, settings, steps = ENDS[end]
    recipe = recipe_of(denoiser, of=of, **settings)
    first = made(recipe, run, progress=Impatient(*steps))
    text = recipe.replaying(first).to_json()
    replaying = Recipe.from_json(text)
    assert text.count("\n") < 60
    (stage,) = replaying.stages
    assert stage.budget is None
    again = made(replaying, run)
    same(first, again)
    for name in of:
        before, after = first.models[name], again.models[name]
        assert before.schedules == after.schedules
        assert before.training["losses"] == after.training["losses"]
    assert len(stage.schedules) == (1 if of == ALONE else 4)
    assert not steps or tuple(schedule.steps for schedule in stage.schedules) == steps


def test_enough_ends_the_training_under_way_and_no_other(run):
    first = made(recipe_of("self2self"), run, progress=Impatient(5))
    assert [schedule.steps for schedule in first.models["frames"].schedules] == [5, 6]


@pytest.mark.parametrize("denoiser", ["recorrupted", "best", "self2self", "noise2self"])
def test_a_frame_that_is_looked_at_is_a_frame_of_the_video(run, denoiser):
    listener = Impatient()
    made(recipe_of(denoiser), run, progress=listener)
    frame = run.video("frames").numpy()[3].astype(np.float32)
    assert listener.frames
    for shown in listener.frames:
        assert (shown.shape, shown.dtype) == (frame.shape, np.float32)
        assert shown.mean() == pytest.approx(frame.mean(), rel=0.05)
        assert np.abs(np.diff(shown)).mean() < np.abs(np.diff(frame)).mean()


@pytest.mark.parametrize(
    ("denoiser", "settings"),
    [
        ("recorrupted", {}),
        ("recorrupted", {"held_out": 0}),
        ("noise2self", {}),
        ("self2self", {}),
        ("self2self", {"student": False, "passes": 2}),
        ("best", {}),
    ],
)
def test_a_model_of_a_run_is_kept_and_makes_the_same_again(run, tmp_path, denoiser, settings):
    recipe = recipe_of(denoiser, **settings)
    first = made(recipe, run)
    path = recipe.save_model(tmp_path / "mine.safetensors", first.models["frames"], files=["a.dcm"], seed=SEED)
    again = made(Recipe.of_model(path), run)
    same(first, again)
    kept = load(path).training
    assert (kept["files"], kept["seed"]) == (["a.dcm"], SEED)
    assert {"shapes", "losses", "schedules"} <= set(kept)
    assert again.models["frames"].scheme == denoiser
    assert Recipe.of_model(path).replaying(again) == Recipe.of_model(path)  # there is no training to do again


def test_what_trains_nothing_keeps_nothing(run):
    recipe = Recipe.named("fast")
    after = made(recipe, Run({"frames": run.video("frames")}, detector=run.detector))
    assert not after.models
    assert not recipe.trains
    assert recipe.replaying(after) == recipe


@pytest.mark.parametrize(
    ("settings", "trains"),
    [({}, True), ({"model": "a"}, False), ({"model": "a", "continue_training": True}, True)],
)
def test_a_recipe_knows_whether_it_trains(settings, trains):
    recipe = recipe_of("sure", **settings)
    assert recipe.trains is trains
    applying = recipe.applying()
    assert applying.trains
    assert applying == recipe_of("sure")


def test_a_model_of_one_network_among_several_is_refused(run, tmp_path):
    recipe = recipe_of("self2self", of=(BACKGROUND, FOREGROUND), training_steps=1)
    model = made(recipe, run).models[BACKGROUND]
    with pytest.raises(ValueError, match="expected a recipe with one network, found mine, with 2; name another"):
        recipe.save_model(tmp_path / "one.safetensors", model, files=["a.dcm"], seed=SEED)
    with pytest.raises(ValueError, match="expected a recipe with one network, found fast, with 0"):
        Recipe.named("fast").applying()
    assert not list(tmp_path.iterdir())


def test_a_run_of_another_recipe_and_schedules_that_are_too_few_are_refused(run):
    recipe = recipe_of("self2self", training_steps=1)
    with pytest.raises(ValueError, match="expected a run whose 'frames' a network denoised, found Run"):
        recipe.replaying(run)
    (stage,) = recipe.replaying(made(recipe, run)).stages
    with pytest.raises(ValueError, match="expected a schedule for each training, 2 in all, found 1; give those"):
        Denoise(denoiser="self2self", schedules=stage.schedules[:1])


def test_a_recipe_tells_what_it_reads_of_a_run(run):
    whole = Recipe.named("sdd")
    frames = Run({"frames": run.video("frames"), "notes": run.video("frames")})
    assert whole.reads(frames) == whole.reads(run.video("frames")) == ("frames",)
    assert recipe_of("wiener", of=(FOREGROUND,)).reads(run) == (FOREGROUND, BACKGROUND, "frames")
    with pytest.raises(ValueError, match="stage denoise: expected a video called 'background', found frames"):
        recipe_of("wiener", of=(BACKGROUND,)).reads(Video(data=np.zeros((3, 8, 8))))
