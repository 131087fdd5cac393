"""A model comes back from its file as it was; foreign and damaged files are refused with the reason in one line."""

import json

import numpy as np
import pytest
import safetensors.torch
import torch

from napari_fluorodenoise.denoisers.model import KEY, Model, load, save
from napari_fluorodenoise.denoisers.networks import NETWORKS, network

NOISE = {
    "slope": 0.7,
    "read_variance": 4.0,
    "autocorrelation": np.array([[0.0, 0.2, 0.0], [0.2, 1.0, 0.2], [0, 0.2, 0]]),
}


def made(name="unshuffled", **more):
    net = network(name, inputs=3, centre=1, seed=0, channels=4, depth=2)
    torch.nn.init.normal_(net.last.weight)
    options = {"alpha": 0.5}
    training = {"files": ["a.dcm"], "steps": 20, "losses": ((0, 1.0, 0.9), (20, 0.5, np.float32(0.25)))}
    return Model(name, "recorrupted", net, options, NOISE, {"offset": 0.0}, training, **more)


@pytest.fixture
def path(tmp_path):
    return save(tmp_path / "mine.safetensors", made())


def rewritten(path, change, weights=None):
    """The file at `path` with its header changed, or its weights."""
    with safetensors.safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()[KEY])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(header)
    safetensors.torch.save_file(weights(tensors) if weights else tensors, path, metadata={KEY: json.dumps(header)})
    return path


def refused(path, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: expected a trained model, found ")
    assert "\n" not in message
    assert "; " in message


@pytest.mark.parametrize("name", NETWORKS)
def test_a_model_comes_back(name, tmp_path):
    model = made(name)
    found = load(save(tmp_path / "a.safetensors", model))
    pictures = torch.randn(1, 3, 30, 20)
    with torch.inference_mode():
        assert torch.equal(found.net(pictures), model.net.eval()(pictures))
    assert not found.net.training
    assert (found.network, found.scheme, found.settings) == (name, "recorrupted", model.settings)
    assert (found.options, found.normalisation) == ({"alpha": 0.5}, {"offset": 0.0})
    assert found.training["losses"] == [[0, 1.0, 0.9], [20, 0.5, 0.25]]
    np.testing.assert_array_equal(found.noise["autocorrelation"], NOISE["autocorrelation"])
    assert found.noise["slope"] == 0.7


def test_a_loaded_model_can_be_trained_on(path):
    net = load(path).net.train()
    net(torch.randn(1, 3, 16, 16)).square().mean().backward()
    assert all(values.grad is not None for values in net.parameters())


def test_the_file_says_what_it_is_and_is_small(path):
    with safetensors.safe_open(path, framework="np") as file:
        header = json.loads(file.metadata()[KEY])
    assert list(header)[:4] == ["format", "version", "network", "scheme"]
    weights = sum(values.numel() for values in load(path).net.parameters())
    assert path.stat().st_size < 4 * weights + 5000


def test_an_earlier_file_is_replaced_whole_or_stays(path, monkeypatch):
    before = path.read_bytes()
    with pytest.raises(ValueError, match="Out of range float"):
        save(path, Model("unshuffled", "sure", made().net, noise={"slope": float("nan")}))
    assert path.read_bytes() == before
    monkeypatch.setattr(
        "pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(ValueError, match=r"mine.safetensors: cannot be written \(No space left on device\)"):
        save(path, made())
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    save(path, made("dncnn"))
    assert load(path).network == "dncnn"


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="cannot be written"):
        save(tmp_path / "none" / "a.safetensors", made())


@pytest.mark.parametrize("content", [b"", b"MZ\x90", b"\xff" * 500, b'{"format": 1}' * 10, None, "folder"])
def test_a_file_that_is_no_model(tmp_path, content):
    path = tmp_path / "other.safetensors"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    refused(path, "found")


@pytest.mark.parametrize("kept", [7, 300, -1])
def test_a_file_that_was_cut_off(path, kept):
    path.write_bytes(path.read_bytes()[:kept])
    refused(path, "found")


def test_safetensors_of_another_program(tmp_path):
    path = tmp_path / "other.safetensors"
    for metadata in (None, {"format": "pt"}):
        safetensors.torch.save_file({"a": torch.zeros(3)}, path, metadata=metadata)
        refused(path, "without an entry 'fluorodenoise', of another program")
    for text, reason in (("{", "Expecting"), ("[1]", "a header that is list"), ("[" * 100_000, "found")):
        safetensors.torch.save_file({"a": torch.zeros(3)}, path, metadata={KEY: text})
        refused(path, reason)


@pytest.mark.parametrize(
    ("entry", "value", "reason"),
    [
        ("format", 2, "format 2 where this version reads 1; update the package"),
        ("format", None, "format None"),
        ("network", "transformer", "network 'transformer', which is none of unet, "),
        ("network", ["unet"], "network \\['unet'\\], which is none of"),
        ("scheme", "magic", "scheme 'magic', which is none of .*best, noise2void, "),
        ("settings", None, "a header without the object 'settings'"),
        ("noise", 3, "a header without the object 'noise'"),
        ("settings", {}, "weights .* instead of"),
        ("settings", {"channels": 10**12}, "settings that make no unshuffled \\(expected channels up to 4096"),
        ("settings", {"depth": 60, "channels": 4000}, "settings that make no unshuffled"),
        ("settings", {"fold": "two"}, "settings that make no unshuffled"),
        ("settings", {"layers": 3}, "settings that make no unshuffled"),
        ("settings", {"name": "unet"}, "settings that make no unshuffled"),
    ],
)
def test_a_header_that_is_not_ours(path, entry, value, reason):
    refused(rewritten(path, lambda header: header.update({entry: value})), reason)


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        (lambda t: {k: v for k, v in t.items() if k != "last.bias"}, r"weights last.bias none instead of \(4,\)"),
        (lambda t: {**t, "more": torch.zeros(2)}, r"weights more \(2,\) torch.float32 instead of none"),
        (lambda t: {**t, "last.bias": torch.zeros(3)}, r"weights last.bias \(3,\) .* instead of \(4,\)"),
        (lambda t: {**t, "last.bias": torch.zeros(4, dtype=torch.float64)}, "float64 instead of"),
        (lambda t: {**t, "last.bias": torch.full((4,), float("inf"))}, "last.bias that are not finite; train again"),
    ],
)
def test_weights_that_do_not_fit(path, weights, reason):
    refused(rewritten(path, lambda header: None, weights), reason)


def test_weights_may_be_rounded_to_half_and_come_back_whole(tmp_path):
    model = made()
    whole, half = (save(tmp_path / f"{kind}.safetensors", model, half=kind == "half") for kind in ("whole", "half"))
    number = sum(values.numel() for values in model.net.parameters())
    assert whole.stat().st_size - half.stat().st_size == pytest.approx(2 * number, abs=100)
    found = load(half).net.state_dict()
    for name, values in model.net.state_dict().items():
        assert found[name].dtype == torch.float32
        assert torch.equal(found[name], values.half().float())
    assert load(half).training == load(whole).training


def test_weights_too_large_for_half_are_refused_when_they_are_read(tmp_path):
    model = made()
    torch.nn.init.constant_(model.net.last.weight, 1e6)
    refused(save(tmp_path / "half.safetensors", model, half=True), "last.weight that are not finite; train again")
