from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluorodenoise.engine.progress import Cancelled, Training, checkpoint, portion, silent, until

UNIT = st.floats(0, 1)
TOLD = Training(step=3, loss=0.5)


@given(start=UNIT, stop=UNIT, fraction=UNIT)
def test_a_portion_maps_0_to_1_onto_its_part(start, stop, fraction):
    start, stop = sorted((start, stop))
    heard = []
    part = portion(lambda *report: heard.append(report), start, stop)
    for done in (0.0, fraction, 1.0):
        part(done, "working", TOLD)
    fractions = [report[0] for report in heard]
    assert fractions == sorted(fractions)
    assert fractions[0] == start
    assert fractions[-1] == pytest.approx(stop)
    assert {report[1:] for report in heard} == {("working", TOLD)}


def test_portions_nest():
    heard = []
    whole = lambda fraction, message, training=None: heard.append(fraction)  # noqa: E731
    portion(portion(whole, 0.5, 1.0), 0.0, 0.5)(1.0, "half of the second half")
    assert heard == [0.75]


def test_silence_takes_every_report():
    silent(0.5, "working")
    silent(1.0, "done", training=TOLD)


def test_a_checkpoint_stops_only_what_was_given_up():
    checkpoint()
    given_up = []
    with until(lambda: bool(given_up)):
        checkpoint()
        given_up.append("now")
        with pytest.raises(Cancelled):
            checkpoint()
    checkpoint()


def test_a_checkpoint_knows_its_own_thread_only():
    with until(lambda: True), ThreadPoolExecutor(1) as other:
        other.submit(checkpoint).result()
