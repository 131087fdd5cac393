import numpy as np
import pytest

from napari_fluorodenoise.effort import effort
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
    few, many = effort(recipe, run), effort(recipe, longer(run, 50))
    assert many.seconds > 10 * few.seconds
    assert many.memory == few.memory


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
