"""The commands, called in this process on small files: what they write and say, and that bad input costs one line."""

import errno
import json
import re
from functools import partial

import numpy as np
import pytest

from napari_fluorodenoise.io import read, write
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.video import Video


@pytest.fixture(scope="module")
def sample():
    return phantom(frames=8, shape=(64, 64), rng=1)


@pytest.fixture
def source(sample, tmp_path):
    write(tmp_path / "in.tif", sample.noisy)
    return tmp_path / "in.tif"


def refused(answer, *said):
    code, out, err = answer
    assert (code, out) == (2, "")
    assert err.startswith("fluorodenoise: ")
    assert err.count("\n") == 1, err
    for part in said:
        assert re.search(part, err), err


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_denoise_keeps_what_is_known_and_says_what_it_did(run, source, sample, tmp_path):
    code, out, err = run("denoise", source, "out.tif")
    assert (code, err) == (0, "")
    assert re.fullmatch(r"wrote out.tif: 8 frames with recipe fast, [\d.]+ frames/s\n", out)
    clean = read(tmp_path / "out.tif")
    assert (clean.shape, clean.dtype) == (sample.noisy.shape, sample.noisy.dtype)
    assert clean.frame_interval == pytest.approx(sample.noisy.frame_interval)
    assert clean.pixel_size == pytest.approx(sample.noisy.pixel_size)
    noise, rest = (np.square(video.numpy() - sample.clean).mean() for video in (sample.noisy, clean))
    assert rest < noise / 2


def test_a_part_of_the_sequence(run, source, tmp_path):
    assert run("denoise", source, "out.npy", "--frames", "2:", "--crop", "8:56,:60")[0] == 0
    part = read(tmp_path / "out.npy")
    assert part.shape == (6, 48, 60)
    assert part.origin == (8, 0)


def test_a_recipe_from_a_file_with_settings_and_all_its_stages(run, source, tmp_path):
    (tmp_path / "mine.json").write_text(Recipe.named("fast").to_json())
    words = ("--recipe", "mine.json", "--set", "fuse.neighbours=1", "--save-stages", "stages")
    assert run("denoise", source, "out.tif", *words)[0] == 0
    assert "fused.ome.zarr" in names(tmp_path / "stages")
    np.testing.assert_array_equal(
        read(tmp_path / "stages" / "fused.ome.zarr").numpy(), read(tmp_path / "out.tif").numpy()
    )
    refused(run("denoise", source, "again.tif", "--save-stages", "stages"), "stages: .* in use; .*--overwrite")


def test_the_log_subtraction_counts_frames_as_the_file_does(run, source, tmp_path):
    assert run("denoise", source, "dsa.tif", "--subtract-mask", "3", "--frames", "2:8")[0] == 0
    view = read(tmp_path / "dsa.tif")
    assert view.dtype == np.float32
    np.testing.assert_array_equal(view.numpy()[1], 0)
    refused(run("denoise", source, "x.tif", "--subtract-mask", "1", "--frames", "2:8"), "within 2:8, found 1")


def test_an_output_is_replaced_only_when_asked(run, source, tmp_path):
    (tmp_path / "out.tif").write_bytes(b"precious")
    refused(run("denoise", source, "out.tif"), "out.tif: .*overwrite")
    assert (tmp_path / "out.tif").read_bytes() == b"precious"
    assert run("denoise", source, "out.tif", "--overwrite")[0] == 0
    assert read(tmp_path / "out.tif").shape == (8, 64, 64)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], ["Missing argument 'IN'"]),
        (["in.tif"], ["Missing argument 'OUT'"]),
        (["nowhere.tif", "out.tif"], ["nowhere.tif: expected .* found none"]),
        (["in.tif", "out.xyz"], ["out.xyz: expected .*'.xyz'"]),
        (["in.tif", "out.tif", "--recipe", "fasst"], ["auto, fast, .*'fasst'"]),
        (["in.tif", "out.tif", "--recipe", "no.json"], ["no.json: expected a recipe .*No such file"]),
        (["in.tif", "out.tif", "--recipe", "in.tif"], ["in.tif: expected a recipe as JSON, found no text"]),
        (["in.tif", "out.tif", "--recipe", "bad.json"], ["bad.json: expected a setting of fuse .* 'neighbors'"]),
        (["in.tif", "out.tif", "--set", "fuse.neighbours=-1"], ["fuse.neighbours to be .*, found -1"]),
        (["in.tif", "out.tif", "--set", "denoise.of="], ["expected denoise.of to have at least 1 item"]),
        (["in.tif", "out.tif", "--set", "decompose.rank=1"], [r"a stage of recipe fast \(denoise, fuse\)"]),
        (["in.tif", "out.tif", "--frames", "5"], ["--frames A:B within 0:8, found '5'"]),
        (["in.tif", "out.tif", "--frames", "4:9"], ["within 0:8, found '4:9'"]),
        (["in.tif", "out.tif", "--frames", "3:4"], ["in.tif: expected a sequence of at least two frames, found one"]),
        (["in.tif", "out.tif", "--crop", "0:9"], ["--crop Y0:Y1,X0:X1, found '0:9'"]),
        (["in.tif", "out.tif", "--crop", "0:9,60:99"], ["X0:X1 within 0:64, found '60:99'"]),
        (["in.tif", "out.tif", "--rescale", "2"], ["--rescale SLOPE,INTERCEPT .* found '2'"]),
        (["in.tif", "out.tif", "--rescale", "2,0"], ["out.tif: expected no rescale"]),
        (["in.tif", "out.dcm", "--rescale", "0,0"], ["out.dcm: expected a rescale slope above 0"]),
        (["in.tif", "out.dcm", "--subtract-mask", "0"], ["out.dcm: expected one of .*found float32; state a rescale"]),
        (["in.tif", "out.tif", "--subtract-mask", "8"], ["--subtract-mask within 0:8, found 8"]),
        (["in.tif", "no/out.tif"], ["no/out.tif: expected an existing folder"]),
        (["in.tif", "out.tif", "--save-stages", "in.tif"], ["in.tif: expected a new name"]),
        (["in.tif", "out.tif", "--seed", "x"], ["--seed"]),
        (["in.tif", "out.tif", "--budget", "9"], ["a recipe that trains a network, for budget, found fast"]),
        (["in.tif", "out.tif", "--device", "cpu"], ["a recipe that trains a network, for device, found fast"]),
        (["in.tif", "out.tif", "--recipe", "scintillator", "--budget", "0"], ["denoise.budget to be .*, found 0"]),
        (["in.tif", "out.tif", "--recipe", "scintillator", "--device", "abacus"], ["denoise.device .*'abacus'"]),
        (["in.tif", "out.tif", "--model", "no.safetensors"], ["no.safetensors: expected a trained model"]),
        (["in.tif", "out.tif", "--model", "in.tif"], ["in.tif: expected a trained model"]),
        (["in.tif", "out.tif", "--fast"], ["No such option"]),
        (["broken.tif", "out.tif"], ["broken.tif: expected"]),
        (["nan.npy", "out.tif"], ["nan.npy: .*(NaN|nan|infin|finite)"]),
        (["colour.npy", "out.tif"], [r"colour.npy: expected .*\(4, 16, 16, 3\)"]),
        (["one.npy", "out.tif"], ["one.npy: "]),
    ],
)
def test_bad_input_costs_one_line_and_leaves_nothing(run, source, tmp_path, words, said):
    (tmp_path / "bad.json").write_text('{"recipe": "x", "stages": [{"fuse": {"neighbors": 1}}]}')
    (tmp_path / "broken.tif").write_bytes(source.read_bytes()[:900])
    frames = np.ones((4, 16, 16), np.float32)
    frames[1, 2, 3] = np.nan
    np.save(tmp_path / "nan.npy", frames)
    np.save(tmp_path / "colour.npy", np.ones((4, 16, 16, 3), np.uint8))
    np.save(tmp_path / "one.npy", np.ones((1, 16, 16), np.uint8))
    before = names(tmp_path)
    refused(run("denoise", *words), *said)
    assert names(tmp_path) == before


@pytest.mark.parametrize("words", [["out.dcm", "--subtract-mask", "0"], ["out.dcm", "--rescale", "0,1"], ["in.tif"]])
def test_what_can_be_refused_is_refused_before_any_work(run, source, monkeypatch, words):
    monkeypatch.setattr(Recipe, "run", None)
    refused(run("denoise", source, *words))


@pytest.mark.parametrize("recipe", ["fast", "sdd"])
def test_a_frame_that_no_sample_shows_is_checked_too(run, sample, tmp_path, recipe):
    frames = np.tile(sample.noisy.numpy()[:, :24, :24].astype(np.float32), (10, 1, 1))
    frames[40, 5, 5] = np.nan  # of 80, in none of 16 groups of four
    np.save(tmp_path / "long.npy", frames)
    refused(run("denoise", "long.npy", "out.npy", "--recipe", recipe), "long.npy: .*NaN or infinity in frame 40")
    assert names(tmp_path) == ["long.npy"]


def test_stages_that_cannot_be_written_leave_a_job_to_go_on_with(run, source, tmp_path, monkeypatch):
    def full(path, video, **options):
        path.mkdir()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("napari_fluorodenoise.io.zarr.write", full)
    refused(run("denoise", source, "out.tif", "--save-stages", "stages"), "stages/.*: cannot be written")
    assert names(tmp_path) == [".out.tif.job", "in.tif"]
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert run("denoise", source, "out.tif", "--save-stages", "stages", "--resume")[0] == 0
    assert names(tmp_path) == ["in.tif", "out.tif", "stages"]


def test_a_calibrated_detector_is_used_and_its_warnings_are_told(run, source, sample, tmp_path):
    assert run("info", source, "--calibrate", "d.json")[0] == 0
    document = json.loads((tmp_path / "d.json").read_text())
    document |= {"slope": 4 * document["slope"], "floor": 4 * document["floor"], "warnings": ["beware"]}
    (tmp_path / "d.json").write_text(json.dumps(document))
    code, _, err = run("denoise", source, "calibrated.tif", "--detector", "d.json")
    assert code == 0
    assert err.startswith("fluorodenoise: beware\n")
    assert run("denoise", source, "measured.tif")[0] == 0
    rough = [np.diff(read(tmp_path / f"{name}.tif").numpy().astype(float)).std() for name in ("calibrated", "measured")]
    assert rough[0] < rough[1]  # the noise was said to be stronger


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "no.json: expected a detector as --calibrate writes it, found none"), ("{}", "no.json: .*Field required")],
)
def test_what_is_no_calibration_is_refused(run, source, tmp_path, text, said):
    if text is not None:
        (tmp_path / "no.json").write_text(text)
    refused(run("denoise", source, "out.tif", "--detector", "no.json"), said)
    assert not (tmp_path / "out.tif").exists()


def test_a_movie_is_said_to_be_lossy(run, source):
    code, out, _ = run("denoise", source, "out.avi")
    assert code == 0
    assert "lossy 8-bit" in out


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 2, "out.tif.*No space left"),
        (KeyboardInterrupt(), 130, "interrupted; what is finished is kept in .out.tif.job; go on with --resume"),
    ],
)
def test_what_is_cut_short_can_be_gone_on_with(run, source, tmp_path, monkeypatch, error, code, said):
    def half(path, video, **options):
        path.write_bytes(b"half")
        raise error

    monkeypatch.setattr("napari_fluorodenoise.io.tiff.write", half)
    answer = run("denoise", source, "out.tif")
    assert answer[0] == code
    assert answer[2].count("\n") == 1
    assert re.search(said, answer[2])
    assert names(tmp_path) == [".out.tif.job", "in.tif"]
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    refused(run("denoise", source, "out.tif"), "out.tif: expected no unfinished job, found one in .out.tif.job")
    refused(run("denoise", source, "out.tif", "--resume", "--seed", 3), "options.seed is 3 and was 0")
    assert run("denoise", source, "out.tif", "--resume")[0] == 0
    assert run("denoise", source, "whole.tif")[0] == 0
    assert (tmp_path / "out.tif").read_bytes() == (tmp_path / "whole.tif").read_bytes()
    assert names(tmp_path) == ["in.tif", "out.tif", "whole.tif"]


@pytest.mark.parametrize(
    "data",
    [
        np.random.default_rng(0).integers(90, 110, (2, 32, 32)).astype(np.uint8),
        np.full((5, 32, 32), 7, np.uint16),
        np.random.default_rng(0).integers(-20, 20, (5, 32, 32)).astype(np.int16),
        np.random.default_rng(0).integers(90000, 90100, (5, 32, 32)).astype(np.int32),
        np.random.default_rng(0).normal(0.5, 0.05, (5, 32, 32)).astype(np.float32),
        np.random.default_rng(0).normal(0.5, 0.05, (5, 32, 32)).astype(np.float16),
        np.random.default_rng(0).normal(0.5, 0.05, (5, 32, 32)) * 1e200,
        np.random.default_rng(0).integers(0, 2, (5, 32, 32)).astype(bool),
        np.random.default_rng(0).integers(90, 110, (5, 1, 32)).astype(np.uint8),
        np.random.default_rng(0).integers(90, 110, (5, 1, 1)).astype(np.uint8),
    ],
    ids=["two frames", "constant", "signed", "32 bit", "float", "half", "huge", "bool", "one row", "one pixel"],
)
def test_unusual_input_works_or_explains(run, tmp_path, data):
    write(tmp_path / "in.npy", Video(data=data))
    answer = run("denoise", "in.npy", "out.npy")
    if answer[0]:
        refused(answer, "in.npy: expected")
        assert names(tmp_path) == ["in.npy", "in.npy.json"]
    else:
        clean = read(tmp_path / "out.npy")
        assert (clean.shape, clean.dtype) == (data.shape, data.dtype)
        assert np.isfinite(clean.numpy()).all()


def test_info_fits_on_one_screen(run, source):
    code, out, err = run("info", source)
    assert (code, err) == (0, "")
    assert len(out.splitlines()) <= 20
    assert not re.search(r"\b(nan|inf)\b", out)
    for part in ("8 frames of 64 x 64 pixels, uint16", "66.67 ms", "0.3 x 0.3 mm", "variance = ", "half maximum"):
        assert part in out


def test_info_draws_and_keeps_what_it_measured(run, source, sample, tmp_path):
    import cv2

    from napari_fluorodenoise.physics.calibration import Calibration
    from napari_fluorodenoise.physics.detector import measure

    code, out, err = run("info", source, "--plot", "noise.png", "--calibrate", "noise.json")
    assert (code, err) == (0, "")
    assert len(out.splitlines()) <= 20
    assert names(tmp_path) == ["in.tif", "noise.json", "noise.png"]
    drawn = cv2.imread(str(tmp_path / "noise.png"))
    assert drawn.shape == (400, 1300, 3)
    assert all(part.std() > 20 for part in np.array_split(drawn, 3, axis=1))  # three panels with lines in them
    kept = Calibration.from_json((tmp_path / "noise.json").read_text())
    assert kept.slope == pytest.approx(measure(sample.noisy).slope)
    assert kept.detector(sample.noisy).slope == kept.slope
    assert f"({kept.slope:.4g} ± " in out


def test_what_info_wrote_is_replaced_only_when_asked(run, source, tmp_path):
    for name, option in (("noise.png", "--plot"), ("noise.json", "--calibrate")):
        (tmp_path / name).write_bytes(b"precious")
        refused(run("info", source, option, name), f"{name}: .*overwrite")
        assert (tmp_path / name).read_bytes() == b"precious"
        assert run("info", source, option, name, "--overwrite")[0] == 0
        assert (tmp_path / name).read_bytes() != b"precious"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["in.tif", "--plot", "noise.pdf"], "noise.pdf: expected a name that ends in .png, found .pdf"),
        (["in.tif", "--plot", "noise"], "noise: expected a name that ends in .png, found none"),
        (["in.tif", "--calibrate", "noise.png"], "noise.png: expected a name that ends in .json, found .png"),
        (["in.tif", "--plot", "no/noise.png"], "no/noise.png: expected an existing folder"),
        (["in.tif", "--plot", "good.png", "--calibrate", "bad.txt"], "bad.txt: expected a name that ends in .json"),
        (["one.npy", "--plot", "noise.png"], "noise.png: expected a sequence to measure, found one frame"),
        (["one.npy", "--calibrate", "noise.json"], "noise.json: expected a sequence to measure, found one frame"),
        (["nan.npy", "--plot", "noise.png", "--calibrate", "noise.json"], "nan.npy: expected finite"),
    ],
)
def test_info_refuses_in_one_line_and_leaves_nothing(run, source, tmp_path, words, said):
    np.save(tmp_path / "one.npy", np.ones((1, 16, 16), np.uint8))
    np.save(tmp_path / "nan.npy", np.full((4, 16, 16), np.nan, np.float32))
    before = names(tmp_path)
    refused(run("info", *words), said)
    assert names(tmp_path) == before


def test_info_works_on_one_frame(run, tmp_path):
    write(tmp_path / "one.npy", Video(data=np.ones((1, 16, 16), np.uint8)))
    code, out, _ = run("info", "one.npy")
    assert code == 0
    assert "1 frame" in out
    assert "at least two" in out


def test_what_info_and_check_refuse_names_the_file(run, tmp_path):
    np.save(tmp_path / "nan.npy", np.full((4, 16, 16), np.nan, np.float32))
    np.save(tmp_path / "one.npy", np.ones((1, 16, 16), np.uint8))
    refused(run("info", "nan.npy"), "nan.npy: expected finite")
    refused(run("check", "fast", "one.npy"), "one.npy: expected .* at least two frames")


def test_recipes_are_listed_and_printed(run):
    code, out, _ = run("recipe")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(Recipe.names())
    code, out, _ = run("recipe", "fast")
    assert Recipe.from_json(out) == Recipe.named("fast")
    refused(run("recipe", "fasst"), "auto, fast")


def test_a_printed_recipe_is_a_file_that_runs(run, source, tmp_path):
    (tmp_path / "mine.txt").write_text(run("recipe", "fast")[1])
    assert run("denoise", source, "out.tif", "--recipe", "mine.txt", "--crop", "0:32,0:32")[0] == 0


def test_check_runs_nothing_and_says_what_would_come(run, source, tmp_path):
    for words, more in ((["sdd"], []), (["sdd", source], ["it"])):
        code, out, _ = run("check", *words)
        assert code == 0
        said = ["fused", "uncertainty", "recipe", *more]
        assert [line.split()[0] for line in out.splitlines()[-len(said) :]] == said
    entries = [{"denoise": {"of": ["background"]}}, {"fuse": {}}]
    (tmp_path / "mine.json").write_text(json.dumps({"recipe": "mine", "stages": entries}))
    refused(run("check", "mine.json"), "stage denoise: expected a video called 'background', found frames")


def test_the_demo_beats_its_noise_and_writes_pictures(run, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "napari_fluorodenoise.physics.phantom.phantom", partial(phantom, frames=10, shape=(96, 96), photons=30)
    )
    code, out, err = run("demo", "--headless", "--out", "demo")
    assert (code, err) == (0, "")
    before, after = (tuple(map(float, re.findall(r"[\d.]+", line))) for line in out.splitlines()[:2])
    assert after[0] > before[0] + 5
    assert after[1] > before[1]
    pictures = ["background.png", "before-after-residual.png", "denoised.ome.zarr", "foreground.png", "panorama.png"]
    assert names(tmp_path / "demo") == pictures
    assert names(tmp_path) == ["demo"]
    assert read(tmp_path / "demo" / "denoised.ome.zarr").dtype == np.uint16


def test_a_demo_that_cannot_be_written_is_not_run(run, source):
    refused(run("demo", "--headless", "--out", source), "in.tif: expected a folder")


def test_usage_errors_are_one_line_and_no_words_are_help(run):
    refused(run("denois"), "No such command 'denois'")
    code, out, _ = run()
    assert code == 0
    assert "denoise" in out
