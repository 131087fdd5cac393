"""Training goes down its loss, keeps the state that held-out data like best, and may be stopped."""

import pytest
import torch
from torch import nn

from napari_fluorodenoise.denoisers.training import train
from napari_fluorodenoise.engine.progress import Cancelled


class Number(nn.Module):
    """One weight that training pulls up."""

    def __init__(self):
        super().__init__()
        self.value = nn.Parameter(torch.zeros(1))


def pulled(target):
    return lambda net: (net.value - target).square().sum()


def judged(target):
    return lambda net: float((net.value - target).square().sum())


def test_the_loss_falls_and_the_input_stays():
    net = Number()
    found = train(net, loss=pulled(0.3), judge=judged(0.3), steps=300)
    assert found.losses[-1][1] < 0.3 * found.losses[0][1]
    assert found.step == 300
    assert net.value.item() == 0


def test_the_state_is_kept_that_was_best_on_held_out_data():
    found = train(Number(), loss=pulled(1.0), judge=judged(0.1), steps=300)  # what is learned last is wrong
    assert 0 < found.step < 300
    assert dict(found.losses)[found.step] == min(loss for _, loss in found.losses)
    assert judged(0.1)(found.net) == pytest.approx(dict(found.losses)[found.step])


def test_an_untrained_network_is_kept_where_training_only_harms():
    assert train(Number(), loss=pulled(1.0), judge=judged(-1.0), steps=30).step == 0


def test_progress_hears_of_every_step_and_may_stop():
    heard = []

    def stop(fraction, message, preview=None):
        heard.append(message)
        if fraction >= 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        train(Number(), loss=pulled(1.0), judge=judged(1.0), steps=10, progress=stop)
    assert len(heard) == 5
    assert heard[0].startswith("step 1 of 10, loss 1.0000, held out ")
