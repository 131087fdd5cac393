"""The two rows of every table, and the clock."""

import numpy as np
import pytest

from napari_fluorodenoise.bench import cases
from napari_fluorodenoise.bench.systems import BASE, INPUT, MEAN, Outcome, by, called, closeness, tried
from napari_fluorodenoise.quality.comparison import mean_of_five
from napari_fluorodenoise.recipe import Recipe


@pytest.fixture
def case():
    clean = np.broadcast_to(np.linspace(0, 1, 32, dtype=np.float32), (7, 32, 32)).copy()
    return cases.gaussian("ramp", clean, variance=0.01, seed=0)


def test_the_mean_is_that_of_five_frames_with_the_ends_repeated(case):
    padded = np.concatenate([case.noisy[:1], case.noisy[:1], case.noisy, case.noisy[-1:], case.noisy[-1:]])
    expected = [padded[t : t + 5].mean(axis=0) for t in range(7)]
    np.testing.assert_allclose(mean_of_five(case.noisy), expected, atol=1e-6)


def test_the_input_is_untouched_and_not_timed_and_has_the_noise_in_decibels(case):
    found = dict(tried(case, BASE))
    assert list(found) == [INPUT, MEAN]
    np.testing.assert_array_equal(found[INPUT].frames, case.noisy)
    assert found[INPUT].rate is None
    assert found[MEAN].rate > 0
    assert closeness(found[INPUT], case)[0] == pytest.approx(20, abs=0.3)
    assert closeness(found[MEAN], case)[0] == pytest.approx(20 + 10 * np.log10(5), abs=1.5)  # the ends have fewer


def test_what_a_system_timed_itself_stays(case):
    systems = {"own": lambda case, progress: Outcome(frames=case.noisy, seconds=3.5)}
    assert dict(tried(case, systems))["own"].rate == 2


def test_without_a_truth_there_are_no_scores(case):
    from dataclasses import replace

    assert closeness(Outcome(frames=case.noisy), replace(case, clean=None)) == (None, None)


def test_a_recipe_is_given_the_noisy_frames_alone(case):
    heard = []
    system = {"fast": by(Recipe.named("fast"))}
    ((_, outcome),) = tried(case, system, progress=lambda fraction, message, _=None: heard.append((fraction, message)))
    assert outcome.frames.shape == case.noisy.shape
    assert closeness(outcome, case)[0] > 25
    assert {message for _, message in heard} == {"ramp: fast"}
    fractions = [fraction for fraction, _ in heard]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def test_recipes_and_denoisers_are_called_by_name():
    assert called("fast", steps=3) == Recipe.named("fast")
    assert called("best", steps=3).networks[0].training_steps == 3
    (stage,) = called("noise2self", steps=3).networks
    assert (stage.denoiser, stage.training_steps, stage.of) == ("noise2self", 3, ("frames",))
    with pytest.raises(ValueError, match=r"a recipe or a denoiser \(auto, fast, .*self2self.*\), found 'faster'"):
        called("faster", steps=3)
