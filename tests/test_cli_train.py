"""`train` and `apply` on small sequences: what a model keeps, what it does elsewhere, and what is refused."""

import json
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_fluorodenoise.cli import main
from napari_fluorodenoise.denoisers import model as models
from napari_fluorodenoise.denoisers.crops import Crops
from napari_fluorodenoise.io import read, write
from napari_fluorodenoise.job.folder import Folder
from napari_fluorodenoise.physics.phantom import phantom

PAGE = (Path(__file__).parents[1] / "docs" / "train.md").read_text(encoding="utf-8")
RECIPE = ("--recipe", "fast", "--set", "denoise.denoiser=recorrupted", "--steps", 2, "--device", "cpu")


@pytest.fixture(scope="module")
def samples():
    """Two sequences of one kind, of different size, length and dose."""
    shapes = {"a": (6, 64, 64, 30), "b": (5, 56, 72, 60)}
    return {name: phantom(frames=t, shape=(y, x), photons=p, rng=t).noisy for name, (t, y, x, p) in shapes.items()}


@pytest.fixture
def files(samples, tmp_path):
    for name, video in samples.items():
        write(tmp_path / f"{name}.tif", video)


@pytest.fixture(scope="module")
def trained(samples, tmp_path_factory):
    """A model of a.tif."""
    folder = tmp_path_factory.mktemp("trained")
    write(folder / "a.tif", samples["a"])
    assert main(["train", str(folder / "a.tif"), "--out", str(folder / "m.safetensors"), *map(str, RECIPE)]) == 0
    return folder / "m.safetensors"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def weights(path):
    return {name: values.numpy() for name, values in models.load(path).net.state_dict().items()}


def differ(one, other):
    return any(np.abs(one[name] - other[name]).max() > 0 for name in one)


def test_a_model_is_trained_on_several_files_kept_and_applied_to_others(run, files, samples, tmp_path):
    code, out, _ = run("train", "a.tif", "b.tif", "--out", "m.safetensors", *RECIPE)
    assert code == 0
    assert re.fullmatch(r"wrote m.safetensors: recorrupted with network \w+, trained on 2 sequences\n", out)
    assert names(tmp_path) == ["a.tif", "b.tif", "m.safetensors"]
    kept = models.load("m.safetensors").training
    assert (kept["files"], kept["seed"]) == (["a.tif", "b.tif"], 0)
    assert str(tmp_path) not in json.dumps(dict(kept))
    code, out, _ = run("apply", "m.safetensors", "b.tif", "out.tif", "--save-stages", "stages")
    assert code == 0
    assert re.fullmatch(r"wrote out.tif: 5 frames with recipe fast, [\d.]+ frames/s\n", out)
    clean = read(tmp_path / "out.tif")
    assert (clean.shape, clean.dtype) == (samples["b"].shape, samples["b"].dtype)
    assert clean.frame_interval == pytest.approx(samples["b"].frame_interval)
    assert "fused.ome.zarr" in names(tmp_path / "stages")
    assert run("denoise", "b.tif", "same.tif", "--model", "m.safetensors")[0] == 0
    np.testing.assert_array_equal(read("same.tif").numpy(), clean.numpy())


def test_every_sequence_is_learned_from_and_the_seed_says_how(run, files, tmp_path):
    lines = {"ab": ("a.tif", "b.tif"), "again": ("a.tif", "b.tif"), "a": ("a.tif",), "other": ("a.tif", "b.tif")}
    for name, sources in lines.items():
        seed = 1 if name == "other" else 0
        assert run("train", *sources, "--out", f"{name}.safetensors", *RECIPE, "--seed", seed)[0] == 0
    found = {name: weights(tmp_path / f"{name}.safetensors") for name in lines}
    assert not differ(found["ab"], found["again"])
    assert differ(found["ab"], found["a"])
    assert differ(found["ab"], found["other"])


def test_a_model_is_trained_on(run, files, trained, tmp_path):
    shutil.copy(trained, tmp_path)
    before = (tmp_path / "m.safetensors").read_bytes()
    assert run("train", "b.tif", "--out", "on.safetensors", "--continue", "m.safetensors", "--steps", 1)[0] == 0
    assert (tmp_path / "m.safetensors").read_bytes() == before
    on = models.load("on.safetensors")
    assert (on.network, on.scheme) == (models.load("m.safetensors").network, "recorrupted")
    (tmp_path / "m.safetensors").unlink()  # a model stands for itself
    assert run("apply", "on.safetensors", "a.tif", "out.tif")[0] == 0


def test_a_model_brings_the_stages_before_it(run, files, tmp_path):
    words = ("--recipe", "scintillator", "--steps", 1, "--set", "denoise.held_out=0")
    assert run("train", "a.tif", "--out", "m.safetensors", *words)[0] == 0
    assert run("apply", "m.safetensors", "a.tif", "out.tif", "--save-stages", "stages")[0] == 0
    assert "frames_decorrelated.ome.zarr" in names(tmp_path / "stages")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "m.safetensors"], "Missing argument 'IN...'"),
        (["a.tif"], "Missing option '--out'"),
        (["a.tif", "--out", "m.pt"], "m.pt: expected a name that ends in .safetensors, found .pt"),
        (["a.tif", "--out", "no/m.safetensors"], "no/m.safetensors: expected an existing folder"),
        (["a.tif", "--out", "old.safetensors"], "old.safetensors: .*overwrite"),
        (["no.tif", "--out", "m.safetensors", *RECIPE], "no.tif: expected .* found none"),
        (["a.tif", "one.npy", "--out", "m.safetensors", *RECIPE], "one.npy: expected .* at least two frames"),
        (["nan.npy", "a.tif", "--out", "m.safetensors", *RECIPE], "nan.npy: .*finite"),
        (["a.tif", "--out", "m.safetensors", "--recipe", "fast"], "trains one network, found fast, which trains 0"),
        (["a.tif", "--out", "m.safetensors", "--recipe", "fast", "--steps", "9"], "for training_steps, found fast"),
        (["a.tif", "--out", "m.safetensors", "--recipe", "fasst"], "expected a recipe .*'fasst'"),
        (["a.tif", "--out", "m.safetensors", *RECIPE, "--budget", "0"], "denoise.budget to be .*, found 0"),
        (["a.tif", "--out", "m.safetensors", *RECIPE, "--continue", "a.tif"], "a.tif: expected a trained model"),
        (["a.tif", "--out", "m.safetensors", "--continue", "old.safetensors"], "old.safetensors: expected a trained"),
        (
            ["a.tif", "--out", "m.safetensors", "--recipe", "sdd", "--set", "denoise.denoiser=self2self"],
            "trains one network, found sdd, which trains 3",
        ),
        (
            ["a.tif", "--out", "m.safetensors", "--recipe", "fast", "--set", "denoise.denoiser=supervised"],
            "a.tif: .*'truth'",
        ),
    ],
)
def test_bad_input_to_train_costs_one_line_and_leaves_nothing(run, files, tmp_path, words, said):
    (tmp_path / "old.safetensors").write_bytes(b"precious")
    np.save(tmp_path / "one.npy", np.ones((1, 16, 16), np.uint8))
    np.save(tmp_path / "nan.npy", np.full((4, 16, 16), np.nan, np.float32))
    before = names(tmp_path)
    code, out, err = run("train", *words)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert re.search(said, err), err
    assert names(tmp_path) == before
    assert (tmp_path / "old.safetensors").read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no.safetensors", "a.tif", "out.tif"], "no.safetensors: expected a trained model"),
        (["a.tif", "a.tif", "out.tif"], "a.tif: expected a trained model"),
        (["m.safetensors", "no.tif", "out.tif"], "no.tif: expected .* found none"),
        (["m.safetensors", "a.tif", "out.xyz"], "out.xyz: expected .*'.xyz'"),
        (["m.safetensors", "a.tif", "a.tif"], "a.tif: .*overwrite"),
        (["m.safetensors", "a.tif", "out.tif", "--frames", "2:3"], "a.tif: expected .* at least two frames"),
        (["m.safetensors", "a.tif", "out.tif", "--device", "abacus"], "denoise.device .*'abacus'"),
        (["other.safetensors", "a.tif", "out.tif"], "other.safetensors: .* recipe .*'warp'"),
    ],
)
def test_bad_input_to_apply_costs_one_line_and_leaves_nothing(run, files, trained, tmp_path, words, said):
    shutil.copy(trained, tmp_path)
    foreign = {"recipe": {"recipe": "other", "stages": [{"warp": {}}]}}
    models.save("other.safetensors", replace(models.load("m.safetensors"), training=foreign))
    before = names(tmp_path)
    code, out, err = run("apply", *words)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert re.search(said, err), err
    assert names(tmp_path) == before


def test_what_to_beware_of_is_told_by_file(run, files):
    words = ("--recipe", "fast", "--set", "denoise.denoiser=noise2void", "--set", "denoise.held_out=0", "--steps", 1)
    code, _, err = run("train", "a.tif", "--out", "m.safetensors", *words)
    assert code == 0
    assert re.search("^fluorodenoise: a.tif: noise2void asks for noise that is independent", err, re.MULTILINE)


def test_what_is_interrupted_is_gone_on_with(run, files, tmp_path, monkeypatch):
    drawn, real = iter(range(1)), Crops.draw

    def stopped(*arguments, **options):
        if next(drawn, None) is None:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr("napari_fluorodenoise.denoisers.crops.Crops.draw", stopped)
    words = ("train", "a.tif", "--out", "m.safetensors", *RECIPE)
    code, _, err = run(*words)
    kept = "fluorodenoise: interrupted; what is finished is kept in .m.safetensors.job; go on with --resume\n"
    assert (code, err) == (130, kept)
    assert names(tmp_path) == [".m.safetensors.job", "a.tif", "b.tif"]
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert "expected no unfinished job" in run(*words)[2]
    assert "seed is 5 and was 0" in run(*words, "--resume", "--seed", 5)[2]
    assert run(*words, "--resume")[0] == 0
    assert run("train", "a.tif", "--out", "whole.safetensors", *RECIPE)[0] == 0
    resumed, whole = (models.load(tmp_path / f"{name}.safetensors").net.state_dict() for name in ("m", "whole"))
    assert all(resumed[name].equal(whole[name]) for name in whole)
    assert names(tmp_path) == ["a.tif", "b.tif", "m.safetensors", "whole.safetensors"]


def test_what_is_interrupted_when_the_model_has_its_name_can_still_be_resumed(run, files, tmp_path, monkeypatch):
    def interrupted(folder):
        raise KeyboardInterrupt

    real = Folder.finish
    monkeypatch.setattr(Folder, "finish", lambda folder: (real(folder), interrupted(folder)))
    words = ("train", "a.tif", "--out", "m.safetensors", *RECIPE)
    code, _, err = run(*words)
    assert (code, err) == (130, "fluorodenoise: interrupted\n")  # nothing is left to go on with
    assert names(tmp_path) == [".m.safetensors.job", "a.tif", "b.tif", "m.safetensors"]
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    whole = (tmp_path / "m.safetensors").read_bytes()
    assert run(*words, "--resume")[0] == 0
    assert (tmp_path / "m.safetensors").read_bytes() == whole
    assert names(tmp_path) == ["a.tif", "b.tif", "m.safetensors"]


def test_the_scripts_of_the_page_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate("ac"):
        write(tmp_path / f"{name}.tif", phantom(frames=6, shape=(48, 64), rng=seed).noisy)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    names = {}
    for block in blocks:
        exec(block.replace("budget=60", "budget=0.3"), names)
    assert names["clean"].shape == (6, 48, 64)


def test_the_lines_of_the_page_run(run, tmp_path):
    for seed, name in enumerate("abc"):
        write(tmp_path / f"{name}.tif", phantom(frames=6, shape=(48, 64), rng=seed).noisy)
    lines = [
        line
        for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]
    assert len(lines) == 6
    for line in lines:
        words = shlex.split(line)[1:]
        short = {"train": ["--steps", "1"], "denoise": ["--set", "denoise.training_steps=1"]}
        trained = "--model" not in words and words[0] in short
        assert run(*words, *(short[words[0]] if trained else []))[0] == 0, line
