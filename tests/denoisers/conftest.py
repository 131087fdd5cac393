"""What the tests of trainings share."""

import pytest


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """The clock of a training, and of when its state is saved."""
    from napari_fluorodenoise.denoisers import resuming, training

    clock = Clock()
    for module in (training, resuming):
        monkeypatch.setattr(module, "time", clock)
    return clock
