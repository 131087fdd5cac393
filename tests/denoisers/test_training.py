"""Training goes down its loss, keeps the state that held-out data like best, may be stopped, and can be done again."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from torch import nn

from napari_fluorodenoise.denoisers import slopes, training
from napari_fluorodenoise.denoisers.schedule import Schedule
from napari_fluorodenoise.denoisers.training import chosen, device_of, record, train
from napari_fluorodenoise.engine.progress import Cancelled, Enough


class Number(nn.Module):
    """One weight that training pulls up."""

    def __init__(self):
        super().__init__()
        self.value = nn.Parameter(torch.zeros(1))


def pulled(target):
    return lambda net: (net.value - target).square().sum()


def judged(target):
    return lambda net: float((net.value - target).square().sum())


def constant(net):
    return 0.0


def test_the_loss_falls_and_the_input_stays():
    net = Number()
    found = train(net, loss=pulled(0.3), judge=judged(0.3), steps=300)
    assert found.losses[-1][2] < 0.3 * found.losses[0][2]
    assert found.step == 300
    assert net.value.item() == 0
    assert net.value.requires_grad
    assert net.training


def test_losses_are_told_from_the_untrained_network_on():
    found = train(Number(), loss=pulled(1.0), judge=judged(0.5), steps=40)
    assert found.losses[0] == (0, 1.0, 0.25)
    assert [step for step, _, _ in found.losses] == [0, *range(2, 41, 2)]
    assert all(before > after for (_, before, _), (_, after, _) in zip(found.losses, found.losses[1:], strict=False))


def test_the_state_is_kept_that_was_best_on_held_out_data():
    found = train(Number(), loss=pulled(1.0), judge=judged(0.1), steps=300)  # what is learned last is wrong
    assert 0 < found.step < 300
    held_out = {step: loss for step, _, loss in found.losses}
    assert held_out[found.step] == min(held_out.values())
    assert judged(0.1)(found.net) == pytest.approx(held_out[found.step])


def test_an_untrained_network_is_kept_where_training_only_harms():
    assert train(Number(), loss=pulled(1.0), judge=judged(-1.0), steps=30).step == 0


@pytest.mark.parametrize("patience", [1, 3, None])
def test_it_ends_when_the_held_out_loss_has_not_fallen_for_so_many_checks(patience):
    found = train(Number(), loss=pulled(1.0), judge=judged(-1.0), steps=200, patience=patience)
    assert len(found.losses) == 1 + (patience or training.CHECKS)
    assert found.schedule.steps == (200 if patience is None else 10 * patience)


def test_what_nothing_judges_is_trained_to_the_end():
    assert train(Number(), loss=pulled(1.0), judge=constant, steps=60, patience=2).step == 60


def test_progress_hears_of_every_step_and_may_stop():
    heard = []

    def stop(fraction, message, training=None):
        heard.append(message)
        if fraction >= 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        train(Number(), loss=pulled(1.0), judge=judged(1.0), steps=10, progress=stop)
    assert len(heard) == 5
    assert heard[0].startswith("step 1 of 10, loss 1.0000, held out 0.")
    assert heard[0].endswith(" s left")


def listening(heard):
    """A progress call that keeps what it is told of the training, and looks at frame 7 where it may."""

    def hear(fraction, message, training=None):
        heard.append((training, training.look(7) if training.look else None))

    return hear


def test_every_step_tells_how_it_goes_and_after_a_check_a_frame_may_be_looked_at():
    heard = []
    found = train(
        Number(), loss=pulled(1.0), judge=judged(0.5), steps=60, progress=listening(heard), look=lambda net, t: (net, t)
    )
    assert [told.step for told, _ in heard] == list(range(1, 61))
    assert [told.seconds_left for told, _ in heard[:-1]] > [0] * 59
    checks = [(told, shown) for told, shown in heard if told.held_out is not None]
    assert [(told.step, told.loss, told.held_out) for told, _ in checks] == list(found.losses[1:])
    assert all(shown[1] == 7 for _, shown in checks)
    assert [shown is None for _, shown in heard] == [told.held_out is None for told, _ in heard]
    losses = [told.loss for told, _ in heard]
    assert losses == sorted(losses, reverse=True)


def ended_after(step):
    """A progress call that ends the training after that step."""

    def progress(fraction, message, training=None):
        assert training.step <= step
        if training.step == step:
            raise Enough

    return progress


@pytest.mark.parametrize("step", [1, 6, 7, 60])
def test_enough_ends_it_with_the_step_and_judges_what_was_not_judged(step):
    found = train(Number(), loss=pulled(1.0), judge=judged(1.0), steps=60, progress=ended_after(step))
    assert found.schedule.steps == found.step == step
    at = [at for at, _, _ in found.losses]
    assert at == sorted(set(at))
    assert at[-1] == step


def test_enough_keeps_the_state_that_was_best():
    found = train(Number(), loss=pulled(1.0), judge=judged(0.1), steps=300, progress=ended_after(290))
    held_out = {step: loss for step, _, loss in found.losses}
    assert found.step < 290
    assert held_out[found.step] == min(held_out.values())


@pytest.mark.parametrize("pace", [0.01, 0.1, 0.7, 3.0])
def test_a_budget_ends_it_and_the_rate_falls_all_the_same(clock, monkeypatch, pace):
    heights, height = [], slopes._height
    monkeypatch.setattr(slopes, "_height", lambda fraction: heights.append(height(fraction)) or heights[-1])

    def slow(net):
        clock.now += pace
        return pulled(1.0)(net)

    def judge(net):
        clock.now += 0.2
        return 0.0

    found = train(Number(), loss=slow, judge=judge, steps=100_000, budget=20)
    assert 20 - 2 * pace - 0.5 < found.seconds <= 20
    assert found.schedule.steps == len(heights) == pytest.approx(20 / pace, rel=0.3, abs=2)
    assert heights[-1] < (0.02 if len(heights) > 10 else 0.6)
    assert max(heights) > 0.9
    assert len(found.losses) * 0.2 < 0.35 * found.seconds  # judging may not take the time of training
    assert found.losses[-1][0] == found.schedule.steps


def test_steps_that_become_slower_end_in_time_and_at_a_low_rate(clock, monkeypatch):
    heights, height = [], slopes._height
    monkeypatch.setattr(slopes, "_height", lambda fraction: heights.append(height(fraction)) or heights[-1])

    def slow(net):
        clock.now += 0.02 if clock.now < 5 else 0.2
        return pulled(1.0)(net)

    found = train(Number(), loss=slow, judge=constant, steps=800, budget=20)
    assert found.seconds == pytest.approx(20, abs=0.4)
    assert heights[-1] < 0.01


def test_steps_end_it_where_they_are_done_before_the_budget(clock):
    found = train(Number(), loss=pulled(0.3), judge=judged(0.3), steps=50, budget=1e6)
    assert found.schedule.steps == 50
    assert found.net.value.item() == train(Number(), loss=pulled(0.3), judge=judged(0.3), steps=50).net.value.item()


def test_a_step_is_taken_however_small_the_budget():
    assert train(Number(), loss=pulled(0.3), judge=constant, steps=50, budget=1e-9).schedule.steps == 1


class Noisy(nn.Module):
    """Dropout draws from torch's own randomness."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 1))

    def forward(self, x):
        return self.layers(x)


def dropped(net):
    return (net(torch.ones(2, 4)) - 2).square().mean()


def weights(trained):
    return torch.cat([values.flatten() for values in trained.net.parameters()])


def test_the_same_seed_gives_the_same_weights_and_the_global_state_is_left_alone():
    net = Noisy()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first, again, other = (train(net, loss=dropped, judge=constant, steps=20, seed=seed) for seed in (1, 1, 2))
    torch.testing.assert_close(torch.rand(3), expected)
    assert torch.equal(weights(first), weights(again))
    assert not torch.equal(weights(first), weights(other))


def test_a_training_that_seconds_ended_is_done_again_by_its_schedule(clock):
    net, paces = Noisy(), np.random.default_rng(0)

    def slow(net):
        clock.now += paces.uniform(0.01, 0.3)
        return dropped(net)

    def judge(net):
        return float(net(torch.ones(1, 4)))

    first = train(net, loss=slow, judge=judge, steps=1000, budget=12, patience=5)
    schedule = Schedule(**json.loads(json.dumps(asdict(first.schedule))))
    assert schedule == first.schedule
    again = train(net, loss=dropped, judge=judge, steps=1, schedule=schedule)
    assert torch.equal(weights(first), weights(again))
    assert first.losses == again.losses
    assert (again.step, again.schedule) == (first.step, first.schedule)


@pytest.mark.parametrize("budget", [None, 12])
def test_a_training_that_was_enough_is_done_again_by_its_schedule(clock, budget):
    def slow(net):
        clock.now += 0.1
        return dropped(net)

    net, judge = Noisy(), lambda net: -float(net(torch.ones(1, 4)))
    first = train(net, loss=slow, judge=judge, steps=100, budget=budget, progress=ended_after(33))
    assert first.schedule.cycle == (100 if budget is None else None)
    again = train(net, loss=dropped, judge=judge, steps=1, schedule=first.schedule)
    assert torch.equal(weights(first), weights(again))
    assert (first.losses, first.step, first.schedule) == (again.losses, again.step, again.schedule)


def test_looking_changes_nothing():
    net, judge = Noisy(), lambda net: float(net(torch.ones(1, 4)))
    told = {"progress": listening([]), "look": lambda net, t: net(torch.full((1, 4), float(t)))}
    first, again = (train(net, loss=dropped, judge=judge, steps=30, **more) for more in ({}, told))
    assert torch.equal(weights(first), weights(again))


def test_a_record_tells_of_all_trainings_and_the_losses_of_the_last():
    first, last = (train(Number(), loss=pulled(1.0), judge=judged(0.5), steps=steps) for steps in (4, 6))
    told = json.loads(json.dumps(record(first, last)))
    assert [Schedule(**schedule) for schedule in told["schedules"]] == [first.schedule, last.schedule]
    assert told["losses"] == [list(loss) for loss in last.losses]
    assert (told["step"], told["seconds"]) == (6, first.seconds + last.seconds)


def test_a_batch_that_is_not_finite_is_left_out():
    calls = iter(range(100))

    def loss(net):
        return pulled(0.3)(net) * (float("nan") if next(calls) == 5 else 1.0)

    found = train(Number(), loss=loss, judge=judged(0.3), steps=60)
    assert found.net.value.isfinite()
    assert all(np.isfinite(value) for _, value, _ in found.losses)


def test_devices_by_name():
    assert chosen("cpu") == torch.device("cpu")
    assert chosen("auto").type in ("cpu", "cuda")
    assert device_of(Number()) == torch.device("cpu")
    with pytest.raises(ValueError, match=r"expected a device of this machine \(auto, cpu.*found 'tpu'"):
        chosen("tpu")


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"steps": 1, "budget": 0.0}])
def test_no_steps_and_no_seconds_are_refused(wrong):
    with pytest.raises(ValueError, match="expected at least a step and some seconds, found"):
        train(Number(), loss=pulled(1.0), judge=constant, **wrong)
