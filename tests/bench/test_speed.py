"""Speed and memory: growth is told by comparison with the first row, and memory is the run's own."""

import subprocess
import sys

import numpy as np
import pytest

from napari_fluorodenoise.bench.one_run import peak_memory
from napari_fluorodenoise.bench.result import made
from napari_fluorodenoise.bench.speed import COLUMNS, _Spent, speed


def test_growth_is_by_what_differs_from_the_first_run():
    first = _Spent(10, 100, 1.0, 200_000_000)
    longer, larger = _Spent(30, 100, 3.0, 240_000_000), _Spent(10, 200, 4.0, 230_000_000)
    assert (first.by_frame(first), first.by_pixel(first)) == (None, None)
    assert (longer.by_frame(first), longer.by_pixel(first)) == (2.0, None)
    assert (larger.by_frame(first), larger.by_pixel(first)) == (None, 1000.0)


def test_the_table_runs_each_recipe_on_three_sequences_and_those_given(tmp_path):
    given = tmp_path / "own.npy"
    np.save(given, np.random.default_rng(0).integers(800, 1200, (5, 32, 72), np.uint16))
    table = speed(recipes=("fast",), frames=4, size=64, data=(given,), steps=1)
    rows = [dict(zip([c.title for c in COLUMNS], row, strict=True)) for row in made(table).rows]
    assert [(row["frames"], row["side, px"]) for row in rows] == [(4, 64), (16, 64), (4, 128), (5, 48)]
    assert [row["sequence"] for row in rows] == ["phantom"] * 3 + ["own"]
    assert list(tmp_path.iterdir()) == [given]
    for row in rows:
        assert row["recipe"] == "fast"
        assert row["frames/s"] == pytest.approx(row["frames"] / row["s"])
        assert 30 < row["peak, MB"] < 2000


def test_the_peak_stays_after_memory_is_given_back():
    before = peak_memory()
    ballast = np.ones(15_000_000 + before // 8)
    del ballast
    assert peak_memory() > before + 100_000_000


def test_a_run_is_not_charged_for_the_process_it_came_from():
    ballast = np.ones(60_000_000)  # 480 MB
    code = "from napari_fluorodenoise.bench.one_run import peak_memory; print(peak_memory())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < ballast.nbytes


def test_a_recipe_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="expected a recipe"):
        speed(recipes=("faster",), frames=4, size=64, steps=1)
