import numpy as np
import pytest

from napari_fluorodenoise.effort import Effort, effort
from napari_fluorodenoise.engine import room
from napari_fluorodenoise.engine.progress import Cancelled
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.stages.denoise import Denoise
from napari_fluorodenoise.stages.fuse import Fuse
from napari_fluorodenoise.video import Run


@pytest.fixture(scope="module")
def run():
    return measured(Run.of(phantom(frames=12, shape=(96, 96), photons=60, rng=0).noisy))


def longer(run, times):
    video = run.video("frames")
    return Run({"frames": video.with_data(np.tile(video.data, (times, 1, 1)))}, detector=run.detector)


def test_time_grows_with_the_frames_and_memory_does_not(run):
    recipe = Recipe.named("fast")
    short, few, many = (effort(recipe, longer(run, times)) for times in (1, 200, 400))
    assert few.seconds > 40 * short.seconds
    assert many.memory == few.memory > short.memory  # of a short one, all frames are measured


def test_blocks_of_few_frames_take_less_memory(run, monkeypatch):
    recipe = Recipe.named("sdd")
    usual = effort(recipe, run)
    monkeypatch.setattr(room, "free", lambda: 6e6)
    assert effort(recipe, run).memory < usual.memory


def test_it_says_what_it_takes_and_what_lacks():
    needed = Effort(seconds=12.4, memory=1.26e9)
    assert str(needed) == "about 12 s, 1.3 GB of memory"
    assert needed.lacking(1.26e9) is None
    assert needed.lacking(0.94e9).startswith("it takes 1.3 GB of memory, and 0.9 GB are free")


def test_a_training_is_told_by_its_steps_or_by_its_budget(run):
    stages = (Denoise(denoiser="recorrupted", training_steps=100_000), Fuse())
    recipe = Recipe(name="trained", stages=stages)
    whole, ended = effort(recipe, run), effort(recipe.set("denoise.budget=1"), run)
    assert whole.seconds > 100
    assert ended.seconds < whole.seconds / 5
    assert whole.memory == ended.memory > effort(Recipe.named("fast"), run).memory


def test_it_can_be_cancelled(run):
    def cancel(fraction, message, training=None):
        raise Cancelled

    with pytest.raises(Cancelled):
        effort(Recipe.named("fast"), run, progress=cancel)
