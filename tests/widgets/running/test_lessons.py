import numpy as np
import pytest
from napari.components import ViewerModel

from napari_fluorodenoise.engine.progress import Training
from napari_fluorodenoise.widgets.running.lessons import Lessons


@pytest.fixture
def lessons(qtbot):
    lessons = Lessons(ViewerModel())
    qtbot.addWidget(lessons)
    return lessons


def curves(lessons):
    """The points (steps, losses) of every curve."""
    lessons._draw()
    return {line.get_label(): line.get_xydata().T for line in lessons._plot.axes.get_lines()[:2]}


def test_there_is_nothing_to_see_before_a_training(lessons):
    assert not lessons.isVisibleTo(None)
    lessons.add(Training(0, 0.5, 0.4))
    assert lessons.isVisibleTo(None)
    lessons.begin()
    assert not lessons.isVisibleTo(None)


def test_both_losses_are_drawn_in_their_first_values(lessons):
    for step, loss, held_out in ((0, 4.0, 2.0), (50, 2.0, 1.5), (100, 1.0, 1.8)):
        lessons.add(Training(step, loss, held_out))
    drawn = curves(lessons)
    np.testing.assert_allclose(drawn["training"], [(0, 50, 100), (1, 0.5, 0.25)])
    np.testing.assert_allclose(drawn["held out"], [(0, 50, 100), (1, 0.75, 0.9)])
    best = lessons._plot.axes.get_lines()[2]
    np.testing.assert_allclose(best.get_xydata(), [(50, 0.75)])
    assert lessons._plot.axes.get_xlabel() == "step"


@pytest.mark.parametrize(
    ("training", "text"),
    [
        (Training(50, 0.5, 0.012346), "step 50: held-out loss 0.01235"),
        (Training(50, 0.5, 0.012346, seconds_left=61.6), "step 50: held-out loss 0.01235, 62 s left"),
    ],
)
def test_the_last_loss_is_told(lessons, training, text):
    lessons.add(training)
    assert lessons._told.text() == text


def test_another_network_begins_anew(lessons):
    for step in (0, 50, 0, 50, 100):
        lessons.add(Training(step, 1.0, 1.0))
    np.testing.assert_array_equal(curves(lessons)["training"][0], [0, 50, 100])


@pytest.mark.parametrize(("first", "last", "drawn"), [(0.0, 0.0, [0, 0]), (0.5, 0.25, [1, 0.5]), (-0.5, -1, [-1, -2])])
def test_a_loss_that_falls_is_drawn_falling_whatever_its_sign(lessons, first, last, drawn):
    lessons.add(Training(0, first, first))
    lessons.add(Training(9, last, last))
    np.testing.assert_allclose(curves(lessons)["held out"][1], drawn)


def test_stop_and_keep_is_told_once_for_each_training(qtbot, lessons):
    lessons.add(Training(0, 1.0, 1.0))
    with qtbot.waitSignal(lessons.enough):
        lessons.keep.click()
    assert not lessons.keep.isEnabled()
    lessons.add(Training(50, 1.0, 1.0))
    lessons.end()
    assert not lessons.keep.isVisibleTo(None)


def test_the_training_loss_goes_on_between_two_checks(lessons):
    for step, held_out in ((5, None), (10, 0.4), (15, None), (20, 0.2)):
        lessons.add(Training(step, 1.0, held_out))
    drawn = curves(lessons)
    np.testing.assert_array_equal(drawn["training"][0], [5, 10, 15, 20])
    np.testing.assert_allclose(drawn["held out"], [(10, 20), (1, 0.5)])
