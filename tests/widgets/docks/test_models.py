import os
from dataclasses import replace

import pytest

from napari_fluorodenoise.denoisers.model import Model, save
from napari_fluorodenoise.denoisers.networks import network
from napari_fluorodenoise.widgets.docks.models import models_in, told

TRAINING = {
    "files": ["run 1.dcm", "run 2.dcm"],
    "step": 200,
    "losses": [(0, 1.0, 0.9), (100, 0.7, 0.61234), (200, 0.6, 0.65)],
}


@pytest.fixture(scope="module")
def model():
    return Model("unet", "noise2self", network("unet", channels=1, seed=0), training=TRAINING)


def test_a_model_says_how_and_on_what_it_was_trained(tmp_path, model):
    assert told(save(tmp_path / "knee.safetensors", model)) == {
        "model": "knee",
        "scheme": "noise2self, unet",
        "trained on": "run 1.dcm, run 2.dcm",
        "steps": "200",
        "held-out loss": "0.6123",
    }


def test_what_a_model_does_not_say_is_unknown(tmp_path, model):
    found = told(save(tmp_path / "old.safetensors", replace(model, training={})))
    assert [found[title] for title in ("trained on", "steps", "held-out loss")] == ["unknown"] * 3


def test_models_are_listed_the_latest_first_and_nothing_else(tmp_path, model):
    for age, name in enumerate(("new", "older", "oldest")):
        path = save(tmp_path / f"{name}.safetensors", model)
        os.utime(path, (1e9 - age, 1e9 - age))
    (tmp_path / "notes.txt").write_text("")
    assert [path.stem for path in models_in(tmp_path)] == ["new", "older", "oldest"]
    assert models_in(tmp_path / "none") == []


def test_a_model_that_vanishes_meanwhile_is_left_out(tmp_path, model):
    kept = save(tmp_path / "kept.safetensors", model)
    (tmp_path / "gone.safetensors").symlink_to(tmp_path / "nowhere")
    assert models_in(tmp_path) == [kept]


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x02\0\0\0\0\0\0\0{}"])
def test_what_is_no_model_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.safetensors: expected a trained model, found") as refused:
        told(path)
    assert "\n" not in str(refused.value)


def test_listing_and_telling_need_no_torch(tmp_path, model, monkeypatch):
    import sys

    path = save(tmp_path / "knee.safetensors", model)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert told(models_in(tmp_path)[0])["model"] == path.stem
