"""A schedule is a value that goes through JSON, and says how far the cycle was when a step began."""

import json
from dataclasses import asdict

import pytest
from pydantic import ValidationError

from napari_fluorodenoise.denoisers.schedule import Schedule

SCHEDULE = Schedule(9, None, ((1, 0), (3, 250), (8, 990)), (0, 4, 9))


def test_json_round_trip():
    assert Schedule(**json.loads(json.dumps(asdict(SCHEDULE)))) == SCHEDULE


@pytest.mark.parametrize(("step", "part"), [(1, 0), (2, 0), (3, 250), (7, 250), (8, 990), (9, 990)])
def test_a_part_of_the_cycle_lasts_until_the_next(step, part):
    assert SCHEDULE.part(step) == part


@pytest.mark.parametrize(("step", "part"), [(1, 0), (2, 142), (8, 1000), (9, 1000)])
def test_where_steps_set_the_pace_the_cycle_says_it_all(step, part):
    assert Schedule(9, 7, (), (0, 9)).part(step) == part


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"parts": ()},
        {"parts": ((2, 0),)},
        {"parts": ((1,),)},
        {"cycle": 0},
        {"checks": ("x",)},
        {"budget": 3},
    ],
)
def test_what_is_no_schedule_is_refused(wrong):
    with pytest.raises(ValidationError):
        Schedule(**{**asdict(SCHEDULE), **wrong})
