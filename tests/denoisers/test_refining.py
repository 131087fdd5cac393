"""A network learns from what is not held out, is judged by what is, and is told worse where it is."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from napari_fluorodenoise.denoisers import refining
from napari_fluorodenoise.denoisers.evidence import CHANNELS
from napari_fluorodenoise.denoisers.excerpts import TARGET_NOISE
from napari_fluorodenoise.denoisers.networks import network
from napari_fluorodenoise.denoisers.refining import Lessons, gathered, refined, verdict
from napari_fluorodenoise.engine.progress import Cancelled, silent


@dataclass
class Lesson:
    """Like that of `excerpts`."""

    seen: np.ndarray
    target: np.ndarray
    held: np.ndarray


class Constant(nn.Module):
    """A network that always says `value`."""

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(float(value)))

    def forward(self, pictures):
        return self.value.expand(pictures.shape[0], 1, *pictures.shape[2:])


TILES = ((4, 4), (28, 60), (60, 12))


def lesson(*, count=5, shape=(80, 90), tiles=TILES, inside=1000.0, outside=1.0, seed=0):
    """Targets that are `inside` in held-out tiles of 10 px and `outside` elsewhere; what is seen is the target."""
    held = np.zeros(shape, bool)
    for y, x in tiles:
        held[y : y + 10, x : x + 10] = True
    target = np.broadcast_to(np.where(held, inside, outside), (count, *shape)).astype(np.float32)
    seen = np.random.default_rng(seed).standard_normal((count, CHANNELS, *shape)).astype(np.float16)
    seen[:, 0] = target
    return Lesson(seen, target, held)


def made(*given, seed=0, **more):
    return Lessons(given or (lesson(),), rng=np.random.default_rng(seed), **more)


def test_held_out_pixels_are_never_learned_from():
    lessons = made(lesson(), lesson(shape=(70, 100)))
    for _ in range(30):
        assert lessons.loss(Constant(0)).item() == pytest.approx(1)


def test_what_is_judged_by_are_the_held_out_pixels_alone():
    lessons = made(noise=9.0)
    assert lessons.judge(Constant(0)) == pytest.approx(1000.0**2 - 9)
    assert lessons.judge(Constant(1000)) == pytest.approx(-9)


def test_the_target_is_turned_with_what_is_seen():
    target = np.arange(5 * 80 * 90, dtype=np.float32).reshape(5, 80, 90) % 2003
    seen = np.repeat(target[:, None], CHANNELS, axis=1).astype(np.float16)
    lessons = made(Lesson(seen, target, np.zeros((80, 90), bool)))

    class First(Constant):
        def forward(self, pictures):
            return pictures[:, :1] + 0 * self.value

    for _ in range(10):
        assert lessons.loss(First(0)).item() < 0.1  # float16 rounds


@pytest.mark.parametrize(("value", "gain", "worse"), [(0, 0, False), (2, 4, False), (1, 3, False), (-1, -5, True)])
def test_the_verdict_is_the_difference_of_squared_errors(value, gain, worse):
    found = verdict(Constant(value), made(lesson(inside=2.0), noise=1.5))
    assert found.pilots == pytest.approx(4 - 1.5)
    assert found.pilots_doubt == 0
    assert found.gain == pytest.approx(gain)
    assert found.worse is worse


def test_the_noise_of_targets_nearly_cancels_in_the_verdict():
    noisy = lesson(count=20, inside=0.2, outside=0.2)
    noise = np.random.default_rng(3).standard_normal(noisy.target.shape, dtype=np.float32)
    noisy.target += np.float32(TARGET_NOISE**0.5) * noise
    found = verdict(Constant(0.2), made(noisy))
    number = 20 * len(TILES) * 100  # pixels that are held out
    assert found.pilots_doubt == pytest.approx(TARGET_NOISE * (2 / number) ** 0.5, rel=0.4)
    assert found.pilots == pytest.approx(0.04, abs=4 * found.pilots_doubt)
    assert found.gain == pytest.approx(0.04, abs=4 * 2 * 0.2 * (TARGET_NOISE / number) ** 0.5)


@pytest.mark.parametrize("most", [12, 36])
def test_a_few_windows_are_of_all_tiles_and_of_many_frames(most, monkeypatch):
    monkeypatch.setattr(refining, "CROP", 24)  # so that a window shows one tile
    marked = lesson(count=36)
    for number, (y, x) in enumerate(TILES, start=1):
        marked.target[:, y : y + 10, x : x + 10] = 100 * number + np.arange(36)[:, None, None]
    found = np.sqrt(made(marked).compared(Constant(0), most=most)[:, 0]).round().astype(int)
    assert len(set(found.tolist())) == most
    assert {value // 100 for value in found.tolist()} == {1, 2, 3}
    assert len({value % 100 for value in found.tolist()}) > most // 3


def test_of_a_tile_that_was_cut_no_sliver_judges():
    sliver = lesson(tiles=((4, 4),))
    sliver.held[0, 78:88], sliver.target[:, 0, 78:88] = True, 77
    lessons = made(sliver, noise=0.0)
    assert lessons.judge(Constant(1000)) == 0
    assert len(lessons.compared(Constant(0), most=100)) == 5


def test_where_nothing_is_held_out_there_is_no_verdict():
    lessons = made(lesson(tiles=()))
    assert lessons.judge(Constant(3)) == 0
    found = verdict(Constant(3), lessons)
    assert (found.pilots, found.gain, found.worse) == (0, 0, False)


def test_small_frames_are_learned_from_whole():
    lessons = made(lesson(shape=(20, 30), tiles=((2, 2),)))
    assert lessons.side == 20
    assert lessons.loss(Constant(0)).item() == pytest.approx(1)


def learned(lessons, *, seed=0, steps=6, net=None, **more):
    net = net or network("refiner", seed=0, inputs=CHANNELS, channels=4)
    options = {"budget": None, "device": "cpu", "seed": seed, "progress": silent, **more}
    return refined(net, lessons, steps=steps, **options)


@pytest.fixture
def single(monkeypatch):
    """Small batches on one thread."""
    monkeypatch.setattr(refining, "BATCH", 4)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_the_same_generator_gives_the_same_weights_and_what_is_given_stays(single):
    given = network("refiner", seed=0, inputs=CHANNELS, channels=4)
    before = {name: values.clone() for name, values in given.state_dict().items()}
    first, again, other = (
        learned(made(lesson(inside=2.0, outside=2.0), seed=seed), net=given).net.state_dict() for seed in (1, 1, 2)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
    assert all(torch.equal(before[name], values) for name, values in given.state_dict().items())


def test_what_can_be_learned_is_learned(single):
    lessons = made(lesson(inside=1.0, outside=1.0), noise=0.0)
    found = learned(lessons, steps=40)
    assert found.losses[-1][2] < 0.7 * found.losses[0][2]
    assert verdict(found.net, lessons).gain > 0.3


def test_where_training_makes_it_worse_the_start_is_kept(single):
    found = learned(made(lesson(inside=0.0, outside=3.0)), steps=10)
    assert found.step == 0


def test_lessons_come_in_their_order_and_progress_rises():
    heard = []
    calls = [lambda number=number: number for number in range(7)]
    found = gathered(calls, progress=lambda fraction, message, training=None: heard.append((fraction, message)))
    assert found == list(range(7))
    assert all("of 7" in message for _, message in heard)
    assert [fraction for fraction, _ in heard] == sorted(fraction for fraction, _ in heard)


def test_gathering_can_be_cancelled():
    def slow():
        import time

        time.sleep(0.5)

    def stop(fraction, message, training=None):
        raise Cancelled

    with pytest.raises(Cancelled):
        gathered([slow, slow], progress=stop)
