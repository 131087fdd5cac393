"""`fluorodenoise compare` on small files: its table, its JSON, and that bad input costs one line."""

import json

import numpy as np
import pytest

from napari_fluorodenoise.io import write
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.quality import psnr
from napari_fluorodenoise.video import Video


@pytest.fixture(scope="module")
def sample():
    return phantom(frames=6, shape=(32, 40), rng=1)


@pytest.fixture
def files(sample, tmp_path):
    """A reference, the noisy sequence and a result, in the folder in which commands run."""
    write(tmp_path / "truth.tif", Video(data=sample.clean))
    write(tmp_path / "noisy.tif", sample.noisy)
    write(tmp_path / "clean.tif", Video(data=sample.clean + np.float32(1)))
    return tmp_path


def rows(out):
    """The cells of the table by their sequence."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in out.splitlines() if line[:1] == "|"]
    return {name: dict(zip(cells[0][1:], rest, strict=True)) for name, *rest in cells[2:]}


def test_a_result_stands_beside_the_noisy_input_and_its_mean(run, files, sample):
    code, out, err = run("compare", "truth.tif", "clean.tif", "--noisy", "noisy.tif")
    table = rows(out)
    assert (code, err) == (0, "")
    assert list(table) == ["noisy input (noisy.tif)", "its 5-frame mean", "clean.tif"]
    assert float(table["clean.tif"]["PSNR, dB"]) == pytest.approx(20 * np.log10(np.ptp(sample.clean)), abs=0.01)
    noisy = psnr(sample.noisy.numpy(), truth=sample.clean)
    assert float(table["noisy input (noisy.tif)"]["PSNR, dB"]) == pytest.approx(noisy, abs=0.01)
    assert "missing" not in out


def test_a_table_without_the_noisy_input_says_what_is_missing(run, files):
    code, out, _ = run("compare", "truth.tif", "clean.tif")
    assert code == 0
    assert list(rows(out)) == ["clean.tif"]
    assert "no --noisy FILE: the rows of the noisy input and its 5-frame mean are missing" in out


def test_results_by_themselves(run, files):
    words = ("--no-reference", "noisy.tif", "clean.tif", "--region", "2:12,2:12", "--background", "16:28,2:12")
    code, out, err = run("compare", *words)
    assert (code, err) == (0, "")
    table = rows(out)
    assert list(table) == ["noisy.tif", "clean.tif"]
    assert list(table["clean.tif"]) == ["entropy, bits", "reblur", "SNR", "CNR"]
    assert float(table["clean.tif"]["reblur"]) > float(table["noisy.tif"]["reblur"])


def test_doubts_are_said_on_stderr(run, files, sample):
    write(files / "unit.tif", Video(data=sample.clean / sample.clean.max()))
    code, out, err = run("compare", "truth.tif", "unit.tif")
    assert (code, list(rows(out))) == (0, ["unit.tif"])
    assert err.startswith("fluorodenoise: unit.tif rises by 0.0")
    assert err.count("\n") == 1


def test_the_numbers_as_json(run, files):
    words = ("compare", "truth.tif", "truth.tif", "--range", "0:4095", "--json", "out.json")
    assert run(*words)[0] == 0
    document = json.loads((files / "out.json").read_text())
    assert document["limits"] == [0, 4095]
    (row,) = document["rows"]
    assert (row["name"], row["psnr"], row["snr"]) == ("truth.tif", "inf", None)
    before = (files / "out.json").read_text()
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert "out.json: expected a new name" in err
    assert run(*words, "--overwrite")[0] == 0
    assert (files / "out.json").read_text() == before
    assert not list(files.glob(".*"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Missing argument"),
        (["truth.tif"], "expected a REFERENCE and at least one FILE, found one"),
        (["truth.tif", "nowhere.tif"], "nowhere.tif: expected a file"),
        (["nowhere.tif", "clean.tif"], "nowhere.tif: expected a file"),
        (["truth.tif", "clean.tif", "clean.tif"], "clean.tif: expected every result once"),
        (["truth.tif", "clean.tif", "--region", "4"], "expected --region Y0:Y1,X0:X1 as whole numbers, found '4'"),
        (["truth.tif", "clean.tif", "--region", "0:99,0:4"], "expected rows of a region within 0:32, found 0:99"),
        (["truth.tif", "clean.tif", "--background", "0:4,0:4"], "expected --region beside --background"),
        (["truth.tif", "clean.tif", "--range", "5:1"], "expected --range LOW:HIGH as two numbers"),
        (["truth.tif", "clean.tif", "--json", "out.txt"], "out.txt: expected a name that ends in .json"),
        (["truth.tif", "clean.tif", "--json", "no/out.json"], "no/out.json: expected an existing folder"),
        (["truth.tif", "small.tif"], "small.tif: expected (6, 32, 40) (T, Y, X) as the reference has"),
    ],
)
def test_bad_input_costs_one_line(run, files, sample, words, said):
    write(files / "small.tif", sample.noisy.crop(rows=slice(4, None)))
    code, out, err = run("compare", *words)
    assert (code, out) == (2, "")
    assert err.startswith("fluorodenoise: ")
    assert err.count("\n") == 1
    assert said in err
