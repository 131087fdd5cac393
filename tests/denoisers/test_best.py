"""Recipe `best`: what only one frame shows stays there, pure noise comes out flat, and a bad network is not used."""

from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest
import torch

from napari_fluorodenoise.denoisers import best, excerpts, refining
from napari_fluorodenoise.denoisers.best import SETTINGS, WEIGHTS, _turned, train
from napari_fluorodenoise.denoisers.model import load, save
from napari_fluorodenoise.denoisers.networks import network
from napari_fluorodenoise.denoisers.schemes.draws import drawn
from napari_fluorodenoise.engine.blocks import Output, map_blocks
from napari_fluorodenoise.engine.progress import Cancelled, Enough, silent
from napari_fluorodenoise.physics.detector import Detector
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.stages.denoise import Denoise
from napari_fluorodenoise.video import Run, Video

SHIPPED = str(files("napari_fluorodenoise.denoisers") / "weights" / WEIGHTS)
SIGMA = 3.0
COUNT, SIDE = 9, 64
WHITE = np.ones((1, 1))
AROUND = np.exp(-np.add.outer(np.arange(-2, 3) ** 2, np.arange(-2, 3) ** 2) / 2)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Few recorruptions and small batches on one thread: a training in a second."""
    monkeypatch.setattr(excerpts, "FEWEST", 2)
    monkeypatch.setattr(excerpts, "MOST", 2)
    monkeypatch.setattr(refining, "BATCH", 8)
    monkeypatch.setattr(refining, "JUDGED", 8)
    monkeypatch.setattr(refining, "CROP", 32)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def anatomy(count=COUNT):
    """Smooth hills that slide by most of a pixel a frame, (T, Y, X)."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    hills = [np.sin((rows + 0.6 * t) / 9) * np.cos((columns - 0.4 * t) / 11) for t in range(count)]
    return 100 + 15 * np.stack(hills)


def run_of(clean, *, autocorrelation=WHITE, seed=1):
    """Frames with Gaussian noise, and a detector that knows it."""
    noise = drawn(clean.shape, np.random.default_rng(seed), autocorrelation=autocorrelation)
    shape, variance = clean.shape[1:], SIGMA**2
    detector = Detector(
        slope=0.0,
        read_variance=variance,
        floor=variance,
        level=0.0,
        autocorrelation=autocorrelation,
        response=WHITE,
        field=np.ones(shape, bool),
    )
    return Run({"frames": Video(data=(clean + SIGMA * noise).astype(np.float32))}).measured(detector)


def stage(**settings):
    return Denoise(denoiser="best", device="cpu", **{"training_steps": 12, **settings})


def denoised(run, **settings):
    return stage(**settings)(run)["frames_denoised"].numpy()


@pytest.fixture(scope="module")
def run():
    return run_of(anatomy())


@pytest.mark.parametrize("settings", [{"model": SHIPPED}, {"training_steps": 12}], ids=["shipped", "trained"])
@pytest.mark.parametrize(("depth", "width"), [(4, 2), (6, 3)])
def test_a_wire_of_one_frame_keeps_its_contrast_and_does_not_leak(depth, width, settings):
    clean, middle = anatomy(), SIDE // 2
    wire = np.zeros(SIDE)
    wire[middle : middle + width] = 1
    frames = clean.copy()
    frames[COUNT // 2] -= depth * SIGMA * wire
    change = denoised(run_of(frames), **settings) - clean
    beside = (np.roll(wire, 8) + np.roll(wire, -8)) / 2
    contrast = change.mean(axis=1) @ (beside - wire) / width / (depth * SIGMA)
    assert contrast[COUNT // 2] > 0.8
    assert np.abs(np.delete(contrast, COUNT // 2)).max() < 0.05


@pytest.mark.parametrize("autocorrelation", [WHITE, AROUND], ids=["white", "correlated"])
def test_pure_noise_comes_out_flat(autocorrelation):
    """Flatter than by the best mean of frames that may be taken, after a filter that learns from one coefficient.

    A Wiener filter that knows each coefficient's power by that coefficient x alone, gain 1 - 1/x² above 1, leaves the
    share E[(x² - 1)² / x²; |x| > 1] = 4 phi(1) - 4 Q(1) = 1/3 of white noise; the mean of the frames that `fast` sees
    leaves one in so many of the noise before.
    """
    clean = np.full((COUNT, SIDE, SIDE), 100.0)
    run = run_of(clean, autocorrelation=autocorrelation)
    seen = [min(t + 4, COUNT - 1) - max(t - 4, 0) + 1 for t in range(COUNT)]
    left, fast = ((found - clean) ** 2 / SIGMA**2 for found in (denoised(run), _fast(run)))
    assert left.mean() < np.mean(1 / np.array(seen)) / 3
    assert left.mean() < 0.7 * fast.mean()
    assert left.mean(axis=(1, 2)).max() < np.mean(1 / np.array(seen)) / 2


def _fast(run):
    return Denoise()(run)["frames_denoised"].numpy()


def test_the_error_is_less_than_by_fast_and_told(run):
    truth, made = anatomy(), stage()(run)
    errors = [float(np.sqrt(np.mean((found - truth) ** 2))) for found in (made["frames_denoised"].numpy(), _fast(run))]
    assert errors[0] < 0.95 * errors[1]
    assert not made.detector.warnings
    assert 0.5 < np.sqrt(np.mean(made["frames_uncertainty"].numpy() ** 2)) / errors[0] < 2
    assert abs((made["frames_denoised"].numpy() - truth).mean()) < 0.002 * truth.mean()


@pytest.fixture
def spoilt(tmp_path):
    """A model whose last layer is random."""
    model = load(SHIPPED)
    torch.manual_seed(0)
    torch.nn.init.normal_(model.net.last.weight)
    return str(save(tmp_path / "spoilt.safetensors", model))


def test_a_network_that_is_worse_gives_what_fast_gives_and_a_warning(run, spoilt):
    made, fast = stage(model=spoilt)(run), Denoise()(run)
    for name in ("frames_denoised", "frames_uncertainty"):
        np.testing.assert_array_equal(made[name].numpy(), fast[name].numpy())
    (told,) = set(made.detector.warnings) - set(fast.detector.warnings)
    assert told.startswith("recipe fast was used: on recorrupted frames the trained network was no better (error ")


def test_the_recipe_falls_back_on_recipe_fast(spoilt):
    noisy = phantom(frames=6, shape=(64, 64), photons=40, pan=1.0, rng=0).noisy
    recipe = Recipe.named("best").set("denoise.device=cpu", "denoise.turns=2", f"denoise.model={spoilt}")
    found, expected = recipe.run(noisy), Recipe.named("fast").run(noisy)
    np.testing.assert_array_equal(found.video("fused").numpy(), expected.video("fused").numpy())
    assert any("recipe fast was used" in line for line in found.detector.warnings)


def test_what_is_spoilt_may_be_trained_further_or_not_used(run, spoilt):
    fitted = stage(model=spoilt, continue_training=True, training_steps=2).fit(run)
    assert fitted.warnings
    assert fitted.halo == (0, 0, 0)


def test_blocks_equal_the_whole(run):
    fitted = stage(model=SHIPPED).fit(run)
    assert fitted.halo == (16, 0, 0)
    outputs = {name: Output(np.dtype(np.float32)) for name in ("frames_denoised", "frames_uncertainty")}
    inputs = {"frames": run.video("frames").data}
    whole, *cut = (map_blocks(fitted, inputs, outputs=outputs, size=(n, SIDE, SIDE)) for n in (COUNT, 1, 5))
    for part in cut:
        for name, array in part.items():
            np.testing.assert_allclose(array, whole[name], rtol=1e-5)


def test_the_same_generator_gives_the_same_and_another_does_not(run):
    fits = [stage(training_steps=2).fit(run, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)]
    first, again, other = (fitted.denoisers["frames"].net.state_dict() for fitted in fits)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("when", ["recorrupting", "step 2", "bias"])
def test_cancelling_leaves_nothing(run, when):
    before, state = list(run), torch.random.get_rng_state()

    def stop(fraction, message, training=None):
        if when in message and fraction > 0.02:
            raise Cancelled

    with pytest.raises(Cancelled):
        stage()(run, progress=stop)
    assert list(run) == before
    assert torch.equal(state, torch.random.get_rng_state())


def asked(**settings):
    chosen = stage(**settings)
    return {key: getattr(chosen, key) for key in SETTINGS}


def test_several_sequences_train_one_model_which_is_kept_and_applied(run, tmp_path):
    other = run_of(anatomy(5)[:, :40, :48], seed=3)
    model = train([run, other], "frames", progress=silent, rng=np.random.default_rng(0), **asked(training_steps=4))
    assert model.training["shapes"] == [[COUNT, SIDE, SIDE], [5, 40, 48]]
    assert (model.scheme, model.noise["read_variance"]) == ("best", SIGMA**2)
    path = str(save(tmp_path / "mine.safetensors", model))
    fitted = stage(model=path).fit(run).denoisers["frames"]
    expected = model.net.state_dict()
    assert all(torch.equal(expected[name], values) for name, values in fitted.net.state_dict().items())
    assert np.isfinite(denoised(other, model=path)).all()


def test_a_model_is_trained_further(run):
    first, further = (
        stage(model=SHIPPED, continue_training=on, training_steps=6).fit(run).denoisers["frames"].net.state_dict()
        for on in (False, True)
    )
    assert any(not torch.equal(first[name], further[name]) for name in first)


def test_the_guard_holds_for_a_training_that_was_enough(run, spoilt):
    def stop(fraction, message, training=None):
        if training:
            raise Enough

    fitted = stage(model=spoilt, continue_training=True).fit(run, progress=stop)
    assert fitted.denoisers["frames"].net is None
    assert len(fitted.warnings) == 1
    (schedule,) = fitted.models["frames"].schedules
    assert schedule.steps == 1


def test_a_fit_gives_the_model_that_a_training_gives(run):
    model = train([run], "frames", progress=silent, rng=np.random.default_rng(0), **asked(training_steps=4))
    kept = stage(training_steps=4).fit(run, rng=np.random.default_rng(0)).models["frames"]
    assert (model.network, model.scheme, model.settings) == (kept.network, kept.scheme, kept.settings)
    weights = kept.net.state_dict()
    assert all(torch.equal(weights[name], values) for name, values in model.net.state_dict().items())
    assert {**model.training, "seconds": 0} == {**kept.training, "seconds": 0}


def test_the_truth_teaches_and_nothing_is_guarded(run, spoilt):
    truth, settings = anatomy().astype(np.float32), asked(model=spoilt, continue_training=True, training_steps=1)
    fitted = best.fit(run, "frames", progress=silent, rng=np.random.default_rng(0), truth=truth, **settings)
    assert fitted.net is not None
    assert fitted.warnings == ()


def test_every_frame_can_be_looked_at_and_messages_tell_the_stages_of_the_work(run):
    heard, shown = [], []

    def listen(fraction, message, training=None):
        heard.append((fraction, message.split(",")[0].split(" ")[0]))
        if training and training.look:
            shown.extend(training.look(t) for t in range(COUNT))

    stage(training_steps=2).fit(run, progress=listen)
    fractions = [fraction for fraction, _ in heard]
    assert fractions == sorted(fractions)
    assert list(dict.fromkeys(word for _, word in heard)) == ["noise", "bias", "frame", "recorrupting", "step"]
    for found, clean in zip(shown[-COUNT:], anatomy(), strict=True):
        assert (found.shape, found.dtype) == ((SIDE, SIDE), np.float32)
        assert abs(found - clean).mean() < 0.4 * SIGMA


class Beside(torch.nn.Module):
    """A network that returns the pixel to the left, of the first channel."""

    reach, multiple, least = 1, 1, 1

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, pictures):
        return torch.roll(pictures[:, :1], 1, dims=3)


@pytest.mark.parametrize(("turns", "places"), [(1, 1), (2, 2), (4, 4), (8, 4)])
def test_turns_are_turned_back_and_all_directions_are_alike(turns, places):
    evidence = np.zeros((1, 9, 12), np.float32)
    evidence[0, 4, 5] = 1
    found = _turned(Beside(), evidence, turns=turns)
    around = [found[4, 6], found[5, 5], found[4, 4], found[3, 5]]
    assert sorted(around, reverse=True) == [1 / places] * places + [0] * (4 - places)
    assert found.sum() == 1


def test_a_small_frame_is_applied_to_without_training(monkeypatch):
    monkeypatch.setattr(best, "_trained", None)
    run = run_of(anatomy()[:, :14, :30])
    fitted = stage().fit(run).denoisers["frames"]
    shipped = load(SHIPPED).net.state_dict()
    assert all(torch.equal(shipped[name], values) for name, values in fitted.net.state_dict().items())


@pytest.mark.parametrize("count", [2, 3])
def test_few_frames(count):
    made = stage(training_steps=1)(run_of(anatomy()[:count, :40, :48]))
    assert np.isfinite(made["frames_denoised"].numpy()).all()
    assert (made["frames_uncertainty"].numpy() > 0).all()


def test_constant_frames_stay():
    frames = Video(data=np.full((5, 40, 40), 1000, np.uint16))
    np.testing.assert_allclose(denoised(frames, training_steps=1), 1000, atol=0.1)


def test_a_frame_that_is_not_finite_is_named_before_anything_is_trained(run, monkeypatch):
    monkeypatch.setattr(best, "_trained", None)
    broken = run.video("frames").data.copy()
    broken[5, 3, 3] = np.inf
    bad = Run({"frames": run.video("frames").with_data(broken)}, detector=run.detector)
    with pytest.raises(ValueError, match="found NaN or infinity in frame 5; replace them first"):
        stage()(bad)


def test_models_of_others_and_halves_of_a_split_are_refused(run, tmp_path):
    other = replace(load(SHIPPED), scheme="sure", net=network("refiner", seed=0, inputs=2), network="refiner")
    path = str(save(tmp_path / "sure.safetensors", other))
    with pytest.raises(ValueError, match="expected a model of best, found one of sure; set denoiser to that"):
        stage(model=path).fit(run)
    frames = run.video("frames")
    split = Run({**run, "background": frames, "foreground": frames.with_data(0 * frames.data)}, detector=run.detector)
    with pytest.raises(ValueError, match="expected noisy frames for best, found 'background', one half of a split"):
        stage(of=("background",)).fit(split)


def test_the_shipped_weights_are_a_model_of_best_and_small():
    model = load(SHIPPED)
    assert (model.network, model.scheme) == ("refiner", "best")
    assert {"sequences", "seed", "losses"} <= set(model.training)
    assert (files("napari_fluorodenoise.denoisers") / "weights" / WEIGHTS).stat().st_size < 800_000
