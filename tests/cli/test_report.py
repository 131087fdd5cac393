"""`fluorodenoise report`: what it writes and says, and that bad input costs one line and no file."""

import numpy as np
import pytest

from napari_fluorodenoise.cli import main
from napari_fluorodenoise.io import write
from napari_fluorodenoise.physics.phantom import phantom


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """A command line, run in a folder with in.tif and out.tif, as (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    sample = phantom(frames=8, shape=(96, 96), rng=3)
    write("in.tif", sample.noisy)
    write("out.tif", sample.noisy.with_data(sample.clean))

    def words(*arguments):
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return words


def test_a_page_is_written_and_the_verdicts_are_said(run, tmp_path):
    code, out, err = run("report", "in.tif", "out.tif", "--html", "page.html")
    assert (code, err) == (0, "")
    for name in ("Removed structure", "Invented structure", "Lag", "Texture", "Bias"):
        assert f"{name:20} pass" in out
    assert "wrote page.html" in out
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_page_is_replaced_only_when_asked(run, tmp_path):
    (tmp_path / "page.html").write_text("mine")
    code, _, err = run("report", "in.tif", "out.tif", "--html", "page.html")
    assert (code, err.count("\n")) == (2, 1)
    assert (tmp_path / "page.html").read_text() == "mine"
    assert run("report", "in.tif", "out.tif", "--html", "page.html", "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("in.tif", "short.tif", "--html", "page.html"), "in.tif: expected IN and OUT of one shape"),
        (("one.tif", "one.tif", "--html", "page.html"), "one.tif: expected at least two frames"),
        (("in.tif", "nan.tif", "--html", "page.html"), "expected finite pixels in OUT"),
        (("in.tif", "out.tif", "--html", "page.pdf"), "expected a name that ends in .html, found .pdf"),
        (("in.tif", "none.tif", "--html", "page.html"), "none.tif: expected a file or folder"),
        (("in.tif", "out.tif", "--html", "no/page.html"), "expected an existing folder"),
        (
            ("in.tif", "colour.npy", "--html", "page.html"),
            "colour.npy: expected frames (T, Y, X), found shape (8, 96",
        ),
    ],
    ids=["shape", "one frame", "NaN", "suffix", "missing", "folder", "colour"],
)
def test_bad_input_costs_one_line_and_no_file(arguments, said, run, tmp_path):
    sample = phantom(frames=8, shape=(96, 96), rng=3)
    write("short.tif", sample.noisy.crop(frames=slice(0, 6)))
    write("one.tif", sample.noisy.crop(frames=slice(0, 1)))
    broken = sample.clean.copy()
    broken[2, 5, 5] = np.nan
    write("nan.tif", sample.noisy.with_data(broken))
    np.save("colour.npy", np.zeros((8, 96, 96, 3), np.uint8))
    code, out, err = run("report", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not (tmp_path / "page.html").exists()
    assert not list(tmp_path.glob(".*"))
