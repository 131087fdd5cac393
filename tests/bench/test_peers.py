"""Peers: found where they are installed, told the true noise, and shown at their best."""

import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from napari_fluorodenoise.bench import cases
from napari_fluorodenoise.bench.peers import STRENGTHS, UNTUNED, peers
from napari_fluorodenoise.engine.progress import silent

FAKE = """
import numpy as np
seen = []
def {name}(frames, noise):
    seen.append(noise)
    return frames
"""
CAREAMICS = """
import numpy as np
class CAREamist:
    def __init__(self, source, work_dir):
        assert source["axes"] == "SYX" and source["num_epochs"] == 3
    def train(self, train_source, val_source):
        self.count = len(train_source) + len(val_source)
    def predict(self, source, data_type, axes):
        assert self.count == len(source)
        return [frame[None, None] / 2 for frame in source]
"""


@pytest.fixture
def case():
    clean = np.zeros((3, 48, 48), np.float32) + 0.25
    clean[:, :, 24:] = 0.75
    return cases.gaussian("edge", clean, variance=0.01, seed=0)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Makes a module of that name and text importable."""

    def install(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, name, raising=False)

    yield install
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


def error(frames, case):
    return float(((frames - case.clean) ** 2).mean())


@pytest.mark.parametrize("name", ["TV", "NLM"])
def test_a_tuned_peer_is_the_best_of_its_strengths(case, name, monkeypatch):
    found = peers()[0][name](case, silent)
    assert found.seconds > 0
    each = []
    for strength in STRENGTHS[name]:
        monkeypatch.setitem(STRENGTHS, name, (strength,))
        each.append(error(peers()[0][name](case, silent).frames, case))
    assert error(found.frames, case) == min(each) < error(case.noisy, case) / 2
    assert found.note == f"{STRENGTHS_BEFORE[name][int(np.argmin(each))]:g} sd"


STRENGTHS_BEFORE = dict(STRENGTHS)


@pytest.mark.parametrize("name", ["TV", "NLM"])
def test_without_a_truth_the_strength_is_fixed(case, name):
    found = peers()[0][name](replace(case, clean=None), silent)
    assert found.note == f"{UNTUNED[name]:g} sd"


def test_what_is_not_installed_is_said(monkeypatch):
    monkeypatch.setattr("napari_fluorodenoise.bench.peers.find_spec", lambda name: None)
    found, missing = peers()
    assert list(found) == ["TV", "NLM"]
    assert [note.partition(" is left out")[0] for note in missing] == ["BM3D", "BM4D", "CAREamics' Noise2Void"]


@pytest.mark.parametrize("name", ["bm3d", "bm4d"])
def test_a_block_matcher_is_told_the_noise_and_gives_back_intensities(case, name, installed):
    installed(name, FAKE.format(name=name))
    found = peers()[0][name.upper()](case, silent)
    np.testing.assert_allclose(found.frames, case.noisy, atol=1e-5)  # the fake one does nothing
    assert sys.modules[name].seen[0] == 1.0


@pytest.mark.parametrize(("name", "shape"), [("bm3d", (48, 48)), ("bm4d", (48, 48, 6))])
def test_the_spectrum_of_correlated_noise_is_that_of_the_stabilised_frames(name, shape, installed):
    installed(name, FAKE.format(name=name))
    case = cases.exposed(frames=6, size=48, photons=100, pan=0.0, seed=0)
    peers()[0][name.upper()](case, silent)
    power = sys.modules[name].seen[0]
    assert power.shape == shape
    assert power.mean() / np.prod(shape) == pytest.approx(1, rel=0.01)  # unit variance
    picture = power if power.ndim == 2 else power[:, :, 0]
    assert picture[0, 0] > 3 * picture[24, 24]  # blurred noise is low in frequency


def test_careamics_runs_in_its_own_python(case, tmp_path, monkeypatch):
    package = tmp_path / "careamics"
    package.mkdir()
    (package / "__init__.py").write_text(CAREAMICS)
    (package / "config.py").write_text("create_n2v_configuration = dict")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found, missing = peers(careamics=Path(sys.executable), epochs=3)
    assert not any("CAREamics" in note for note in missing)
    outcome = found["Noise2Void (CAREamics)"](case, silent)
    np.testing.assert_allclose(outcome.frames, case.noisy / 2)
    assert outcome.note == "3 epochs"


def test_a_python_without_careamics_is_told_in_one_line(case, monkeypatch, tmp_path):
    done = partial(subprocess.CompletedProcess, [], 1, "")
    monkeypatch.setattr(subprocess, "run", lambda *words, **options: done("Traceback\nModuleNotFoundError: careamics"))
    with pytest.raises(ValueError, match="expected CAREamics to denoise, found: ModuleNotFoundError: careamics"):
        peers(careamics=Path(sys.executable))[0]["Noise2Void (CAREamics)"](case, silent)
    with pytest.raises(ValueError, match="expected a Python interpreter that has CAREamics, found no file"):
        peers(careamics=tmp_path / "python")
