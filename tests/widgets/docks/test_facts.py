import threading
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import napari_fluorodenoise as fd
from napari_fluorodenoise.effort import Effort
from napari_fluorodenoise.engine.progress import silent
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.widgets.docks import facts as room
from napari_fluorodenoise.widgets.docks.facts import Facts
from napari_fluorodenoise.widgets.running.order import Order
from napari_fluorodenoise.widgets.show import open_in

FAST = fd.Recipe.named("fast")


@pytest.fixture(scope="module")
def video():
    """A sequence (9, 64, 72) of 60 quanta per pixel, frames of 1/15 s."""
    return fd.phantom(frames=9, shape=(64, 72), photons=60, rng=0).noisy


@pytest.fixture
def order(viewer, clip):
    """A function that orders a recipe for the clip."""

    def order(recipe=FAST, **options):
        return Order.of(recipe, clip, viewer.layers, afresh=True, **options).results_only()

    return order


@pytest.fixture
def facts(qtbot, monkeypatch):
    monkeypatch.setattr(room, "PATIENCE", 1)
    facts = Facts()
    qtbot.addWidget(facts, before_close_func=Facts.join)
    return facts


@pytest.fixture
def told(qtbot, facts):
    """A function that gives the lines for an order, once they are complete."""

    def told(order):
        with qtbot.waitSignal(facts.told, timeout=20_000):
            facts.follow(order)
        return facts.text().split("<br>")

    return told


def test_the_lines_say_what_it_is_and_what_it_takes(told, order, video, monkeypatch):
    monkeypatch.setattr(room, "effort", lambda recipe, run, progress: Effort(seconds=12.4, memory=1.26e9))
    sequence, noise, dose, takes = told(order())
    assert sequence.startswith("9 frames of 64 x 72 pixels, uint16, 0.1 MB decoded; 66.67 ms per frame")
    assert "mm (rows, columns)" in sequence
    assert noise.startswith("noise: variance = ")
    assert "noise-equivalent quanta per pixel" in dose
    assert takes.startswith("<b>fast takes about 12 s and 1.3 GB</b> of ")
    assert takes.endswith(" GB that are free")


def test_what_is_told_is_what_was_measured_and_tried(told, facts, order, video):
    told(order())
    detector = measured(fd.Run.of(video)).detector
    assert (facts.known.detector.slope, facts.known.detector.level) == (detector.slope, detector.level)
    assert facts.known.effort.seconds > 0
    assert "<b>lag</b>" in facts.toolTip() and "<b>drift</b>" in facts.toolTip()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "less than 1 s"), (99, "about 99 s"), (100, "about 2 min"), (7200, "120 min")]
)
def test_long_times_are_minutes(told, order, monkeypatch, seconds, text):
    monkeypatch.setattr(room, "effort", lambda recipe, run, progress: Effort(seconds=seconds, memory=1e9))
    assert text in told(order())[-1]


def test_memory_counts_the_results_too(order, video, monkeypatch):
    monkeypatch.setattr(room, "free", lambda: 16e9)
    asked = order()
    assert asked.names == ("fused", "uncertainty")  # 2 and 4 bytes
    large = fd.Run.of(video.with_data(np.broadcast_to(np.uint16(5), (500, 1000, 1000))))
    told = partial(room._takes, Effort(seconds=1, memory=1e9), replace(asked, run=large))
    assert told() == "<b>fast takes about 1 s and 4.0 GB</b> of 16.0 GB that are free"
    monkeypatch.setattr(room, "free", lambda: 8e9)  # results go into files
    assert "1.0 GB</b> of 8.0 GB" in told()


def test_too_little_memory_is_warned_of(told, order, monkeypatch):
    monkeypatch.setattr(room, "effort", lambda recipe, run, progress: Effort(seconds=1, memory=3e9))
    monkeypatch.setattr(room, "free", lambda: 2e9)
    *_, takes, warning = told(order())
    assert "3.0 GB</b> of 2.0 GB" in takes
    assert "⚠ it takes 3.0 GB of memory, and 2.0 GB are free" in warning


def test_what_to_beware_of_is_marked(told, order, clip):
    clip.data = np.minimum(clip.data, np.percentile(clip.data, 80)).astype(np.uint16)
    warnings = [line for line in told(order()) if "⚠" in line]
    assert any("of the pixels are saturated at" in warning for warning in warnings)


def test_before_it_is_measured_the_sequence_is_told_at_once(facts, order):
    facts.follow(order())
    assert facts.text().endswith("<br>measuring")
    assert facts.text().startswith("9 frames")
    assert facts.detector_for(order()) is None


def test_a_reason_why_there_is_none_is_shown_as_it_is(qtbot, facts, order):
    facts.follow(order())
    facts.follow("expected <this>, found that")
    assert "⚠ expected &lt;this&gt;, found that" in facts.text()
    with qtbot.assertNotEmitted(facts.told, wait=100):
        pass
    assert facts.detector_for(order()) is None


def test_an_order_takes_the_place_of_one_that_is_being_measured(qtbot, facts, order, monkeypatch):
    begun, let_go = [], threading.Event()

    def slow(run, *, progress=silent):
        begun.append(run.video("frames").shape[0])
        if len(begun) == 1:
            assert let_go.wait(20)
        return measured(run, progress=progress)

    monkeypatch.setattr(room, "measured", slow)
    told = []
    facts.told.connect(lambda: told.append(facts.text()))
    facts.follow(order())
    qtbot.waitUntil(lambda: begun == [9])
    facts.follow(order(part=fd.Part(frames=(0, 6))))
    let_go.set()
    qtbot.waitUntil(lambda: bool(told), timeout=20_000)
    assert begun == [9, 6]
    assert [text.startswith("6 frames") for text in told] == [True]


def test_many_choices_in_a_row_are_measured_once(qtbot, facts, order, monkeypatch):
    begun = []
    facts._timer.setInterval(100)
    monkeypatch.setattr(
        room, "measured", lambda run, progress: begun.append(run.video("frames").shape[0]) or measured(run)
    )
    with qtbot.waitSignal(facts.told, timeout=20_000):
        for last in (4, 5, 6):
            facts.follow(order(part=fd.Part(frames=(0, last))))
    assert begun == [6]


def test_what_was_measured_holds_for_the_same_frames_only(told, facts, viewer, order, clip, video):
    told(order())
    known = facts.known.detector
    assert facts.detector_for(order(fd.Recipe.named("sdd"), seed=5)) is known
    assert facts.detector_for(order(part=fd.Part(rows=(0, 32)))) is None
    (other,) = open_in(viewer, fd.Run.of(video), name="other")
    assert facts.detector_for(Order.of(FAST, other, viewer.layers)) is None


def test_a_recipe_that_does_not_suit_is_told_beside_the_noise(told, order, monkeypatch):
    def refuses(recipe, run, progress):
        raise ValueError("expected more,\nfound less")

    monkeypatch.setattr(room, "effort", refuses)
    lines = told(order())
    assert lines[1].startswith("noise: ")
    assert "⚠ expected more, found less" in lines[-1]


def test_pixels_that_are_no_numbers_are_told(qtbot, facts, order, clip):
    clip.data = np.where(np.arange(clip.data.size).reshape(clip.data.shape) == 5, np.nan, np.float32(clip.data))
    facts.follow(order())
    qtbot.waitUntil(lambda: "⚠" in facts.text(), timeout=20_000)
    assert "frame 0" in facts.text()
    assert facts.known is None


def test_a_sequence_deleted_meanwhile_does_no_harm(told, viewer, order):
    ordered = order()
    viewer.layers.clear()
    assert told(ordered)[0].startswith("9 frames")


def test_join_waits_for_what_is_measured(qtbot, facts, order, toy):
    toy.gate.clear()
    facts.follow(order(fd.Recipe(name="toy", stages=(toy(),))))
    qtbot.waitUntil(lambda: bool(toy.threads), timeout=20_000)
    facts.join()
    assert facts._task._ended.is_set()
    with qtbot.assertNotEmitted(facts.told, wait=100):
        pass
