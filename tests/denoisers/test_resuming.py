"""A training that was interrupted and is begun again ends with the weights of one that never was."""

import numpy as np
import pytest
import torch

from napari_fluorodenoise.denoisers import crops, resuming, training
from napari_fluorodenoise.denoisers.resuming import FILE, Saved
from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.stages.denoise import Denoise
from napari_fluorodenoise.video import Run

STEPS = 5
SHAPE = (7, 48, 56)


@pytest.fixture(autouse=True)
def small(small_trainings, monkeypatch):
    """Small trainings, whose state is saved after every step."""
    monkeypatch.setattr(training, "CHECKS", 3)
    monkeypatch.setattr(resuming, "EVERY", 0.0)
    monkeypatch.setattr(resuming, "SHARE", np.inf)


def parts_of(frames, background):
    """Frames, and a background and a foreground that they are the sum of, and other frames."""
    parts = {"background": background, "foreground": frames.data - background}
    parts["frames_decorrelated"] = frames.data + np.float32(20)
    return measured(Run.of(frames)).adding({name: frames.with_data(data) for name, data in parts.items()})


@pytest.fixture(scope="module")
def run():
    made = phantom(frames=SHAPE[0], shape=SHAPE[1:], photons=60, rng=2)
    return parts_of(made.noisy, made.background.astype(np.float32))


def stage(denoiser, **settings):
    return Denoise(denoiser=denoiser, device="cpu", radius=1, passes=2, **{"training_steps": STEPS, **settings})


class Interrupted(Exception):
    """What ends the process, for one that cannot be ended in a test."""


class Power:
    """A progress call that fails at a step of all trainings together, and counts those it hears of."""

    def __init__(self, fails=None):
        self.fails, self.heard = fails, 0

    def __call__(self, fraction, message, training=None):
        self.heard += training is not None
        if training is not None and self.heard == self.fails:
            raise Interrupted


def denoised(stage, run, *, folder=None, progress=None):
    """What the stage makes of the run, its draws, and the steps of training that it took."""
    rng, power = np.random.default_rng(5), progress or Power()
    with pieces.kept_in(folder):
        made = stage(run, rng=rng, progress=power)
    return made, rng.bit_generator.state, power.heard


def same(one, other):
    """The same pixels, weights and draws."""
    (first, chance, _), (again, other_chance, _) = one, other
    assert list(first) == list(again)
    assert chance == other_chance
    for name in first:
        np.testing.assert_array_equal(np.asarray(first[name].data), np.asarray(again[name].data))
    for name, model in first.models.items():
        weights, found = model.net.state_dict(), again.models[name].net.state_dict()
        assert all(torch.equal(weights[key], found[key]) for key in weights)
        assert model.training["losses"] == again.models[name].training["losses"]
        assert model.schedules == again.models[name].schedules


ALONE = ("frames",)
CASES = {
    "recorrupted": ("recorrupted", ALONE, 4),
    "teacher": ("self2self", ALONE, 4),
    "student": ("self2self", ALONE, 9),
    "second video": ("noise2self", ("background", "foreground"), 9),
    "best": ("best", ALONE, 4),
    "best of a second video": ("best", ("frames", "frames_decorrelated"), 9),
}


@pytest.mark.parametrize("case", CASES)
def test_an_interrupted_training_goes_on_and_ends_as_one_that_was_not(run, tmp_path, case):
    denoiser, of, fails = CASES[case]
    chosen = stage(denoiser, of=of)
    whole = denoised(chosen, run)
    with pytest.raises(Interrupted):
        denoised(chosen, run, folder=tmp_path, progress=Power(fails))
    again = denoised(chosen, run, folder=tmp_path)
    same(whole, again)
    assert again[2] == whole[2] - (fails - 1)  # the step that failed was not saved, all before it were
    assert denoised(chosen, run, folder=tmp_path)[2] == 0


def test_a_training_that_is_interrupted_again_and_again_still_ends_the_same(run, tmp_path):
    chosen = stage("recorrupted")
    for _ in range(STEPS - 1):
        with pytest.raises(Interrupted):
            denoised(chosen, run, folder=tmp_path, progress=Power(2))
    again = denoised(chosen, run, folder=tmp_path)
    assert again[2] == 1
    same(denoised(chosen, run), again)


def test_of_a_long_lazy_sequence_the_same_frames_are_drawn(run, tmp_path, monkeypatch):
    import dask.array as da

    monkeypatch.setattr(crops, "KEPT", 3 * 4 * SHAPE[1] * SHAPE[2])
    frames = run.video("frames")
    frames = frames.with_data(da.from_array(frames.data, chunks=(1, -1, -1)))
    lazy, chosen = Run({"frames": frames}, detector=run.detector), stage("recorrupted")
    with pytest.raises(Interrupted):
        denoised(chosen, lazy, folder=tmp_path, progress=Power(4))
    same(denoised(chosen, lazy), denoised(chosen, lazy, folder=tmp_path))


def test_the_seconds_of_a_budget_are_those_of_the_training_alone(tmp_path, clock):
    def loss(net):
        clock.now += 1.0
        return (net(torch.ones(2, 4)) - 2).square().mean()

    def trained(folder, fails=None):
        torch.manual_seed(3)
        net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
        with pieces.kept_in(folder):
            return training.train(net, loss=loss, judge=lambda net: 0.0, steps=1000, budget=30, progress=Power(fails))

    whole = trained(None)
    with pytest.raises(Interrupted):
        trained(tmp_path, 20)
    clock.now += 1e6
    again = trained(tmp_path)
    assert again.seconds == whole.seconds == pytest.approx(30, abs=1)
    assert again.schedule == whole.schedule
    for one, other in zip(whole.net.parameters(), again.net.parameters(), strict=True):
        assert torch.equal(one, other)


class Slow:
    """A part of a training whose state takes so long to save."""

    def __init__(self, clock, cost):
        self.clock, self.cost, self.saved = clock, cost, []

    def state(self):
        self.clock.now += self.cost
        self.saved.append(self.clock.now)
        return 1

    def restore(self, state):
        raise AssertionError


@pytest.mark.parametrize(("cost", "gap"), [(0.01, 20), (0.3, 20), (3.0, 150)])
def test_the_state_is_saved_every_so_often_and_less_where_that_is_slow(tmp_path, clock, monkeypatch, cost, gap):
    monkeypatch.setattr(resuming, "EVERY", 20.0)
    monkeypatch.setattr(resuming, "SHARE", 0.02)
    slow = Slow(clock, cost)
    with pieces.kept_in(tmp_path):
        saved = Saved([slow])
    while clock.now < 3000:
        clock.now += 0.5
        saved.now_and_then()
    assert slow.saved[0] == pytest.approx(20, abs=0.5 + cost)
    assert np.diff(slow.saved).min() >= gap
    assert np.diff(slow.saved).max() <= gap + 0.5 + cost
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_nothing_is_saved_without_a_folder(clock):
    saved = Saved([Slow(clock, 1.0)])
    clock.now += 100
    saved.now_and_then()
    saved.restore()
    assert saved.parts[0].saved == []
