"""`fluorodenoise bench`: what is printed is what is written, and what can be refused is refused before any work."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from napari_fluorodenoise.bench.result import Column, Table


@pytest.fixture(autouse=True)
def no_data(monkeypatch):
    monkeypatch.delenv("FLUORODENOISE_DATA", raising=False)


def refused(outcome, said):
    code, out, err = outcome
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_a_table_is_printed_and_written(run, tmp_path):
    words = ("sdd", "--quick", "--variance", ".003", "--denoiser", "wiener", "--json", "t.json", "--markdown", "t.md")
    code, out, err = run("bench", *words)
    assert (code, err) == (0, "")
    lines = re.findall(r"^\| phantom.* \| 0.003 \| (?:noisy|5-frame|fast)", out, re.MULTILINE)
    assert len(lines) == 6
    assert "not clipped" in out
    table = [line for line in out.splitlines() if line.startswith("|")]
    assert table == [line for line in (tmp_path / "t.md").read_text().splitlines() if line.startswith("|")]
    document = json.loads((tmp_path / "t.json").read_text())
    assert len(document["rows"]) == 6
    assert document["rows"][0]["PSNR dB"] == pytest.approx(-10 * np.log10(0.003), abs=0.2)
    # an earlier file is not lost by accident
    refused(run("bench", *words), "t.json")


def test_pwm_prints_its_scores(run):
    code, out, err = run("bench", "pwm", "--quick")
    assert (code, err) == (0, "")
    assert len(re.findall(r"^\| (?:public|dev|hidden) \| 0 \|", out, re.MULTILINE)) == 15


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("scintillator", "--photons", "50"), {"photons": 50.0, "frames": 48, "seed": 0}),
        (("scintillator", "--quick", "--seed", "3"), {"steps": 2, "seed": 3}),
        (
            ("befoi", "--photons", "20,40"),
            {"photons": [20.0, 40.0], "recipes": ["noise2self", "fast", "best"], "data": ()},
        ),
        (("befoi", "--data", "a", "--data", "b", "--epochs", "5"), {"data": [Path("a"), Path("b")], "epochs": 5}),
        (("befoi", "--quick", "--careamics-python", "p", "--recipe", "fast"), {"careamics": Path("p"), "epochs": 1}),
        (("speed", "--recipe", "fast, best", "--steps", "7"), {"recipes": ["fast", "best"], "steps": 7, "size": 256}),
        (("speed", "--quick"), {"recipes": ["fast", "sdd", "best"], "size": 64}),
    ],
)
def test_a_table_is_asked_for_in_the_words_of_the_options(run, monkeypatch, words, expected):
    asked = {}

    def table(**options):
        asked.update(options)
        columns = (Column("name"), Column("x", ".1f"))
        return Table(title="T", setting="S.", columns=columns, seed=0, rows=lambda progress: iter([("a", 1.0)]))

    monkeypatch.setattr(f"napari_fluorodenoise.bench.{words[0]}.{words[0]}", table)
    code, out, err = run("bench", *words)
    assert (code, err) == (0, "")
    assert "| name | x |\n|---|---|\n| a | 1.0 |" in out
    assert {name: asked[name] for name in expected} == expected


def test_a_challenge_file_is_answered(run, tmp_path):
    from napari_fluorodenoise.bench.pwm import simulated
    from napari_fluorodenoise.quality.challenge import read_submission, write_challenge

    sample = simulated("dev", frames=6, size=64, photons=200, rng=np.random.default_rng(0))
    write_challenge(tmp_path / "in.h5", {"sample_00": sample})
    code, out, err = run("bench", "pwm", "--challenge", "in.h5", "--submission", "out.h5")
    assert (code, out.strip(), err) == (0, "wrote out.h5: 1 samples", "")
    assert read_submission(tmp_path / "out.h5")["sample_00"].estimate.shape == sample.measured.shape


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sdd", "--variance", "0,x"), "expected --variance as numbers between 0 and 1"),
        (("sdd", "--data", "."), "expected a grey sequence, or a folder of them, found none"),
        (("sdd", "--denoiser", "sdd"), "expected denoisers that can run in the stages (wiener, "),
        (("sdd", "--pan", "fast"), "expected --pan as numbers between -1 and 16"),
        (("befoi", "--photons", "-3"), "expected --photons as numbers between 0 and 1e+06"),
        (("befoi", "--careamics-python", "nothing"), "expected a Python interpreter that has CAREamics"),
        (("pwm", "--challenge", "in.h5"), "together with --submission"),
        (("speed", "--recipe", "faster"), "expected a recipe"),
        (("sdd", "--json", "missing/t.json"), "missing"),
    ],
)
def test_refusals_take_one_line(run, words, said):
    refused(run("bench", *words), said)
