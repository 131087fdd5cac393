"""Commands on URLs of object storage, in this process's memory: they say what they do to files."""

import re

import pytest

from napari_fluorodenoise.io import read, write
from napari_fluorodenoise.physics.phantom import phantom


@pytest.fixture
def source(memory, tmp_path, monkeypatch):
    monkeypatch.setenv("FLUORODENOISE_JOBS", str(tmp_path / "jobs"))
    write(f"{memory}/in.ome.zarr", phantom(frames=8, shape=(96, 96), rng=3).noisy)
    return f"{memory}/in.ome.zarr"


def test_info_says_the_same_as_of_a_file(run, source):
    write("in.ome.zarr", read(source))
    there, here = run("info", source), run("info", "in.ome.zarr")
    assert there[0] == 0
    assert there[1].splitlines()[0] == source
    assert there[1].splitlines()[1:5] == here[1].splitlines()[1:5]


@pytest.mark.parametrize("name", ["out.ome.zarr", "out.tif"])
def test_denoise_and_report(run, source, memory, caches, tmp_path, name):
    code, out, err = run("denoise", source, f"{memory}/{name}")
    assert (code, err) == (0, "")
    assert re.fullmatch(rf"wrote {memory}/{name}: 8 frames with recipe fast, [\d.]+ frames/s\n", out)
    assert read(f"{memory}/{name}").shape == (8, 96, 96)
    code, _, err = run("report", source, f"{memory}/{name}", "--html", "page.html")
    assert (code, err) == (0, "")
    assert name in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("{}/in.ome.zarr", "expected a new name"),
        ("{}/out.xyz", "found '.xyz'"),
        ("https://127.0.0.1:9/out.tif", "expected storage that can be written, found https"),
        ("xyz://a/out.tif", "expected a protocol that fsspec knows, found xyz"),
    ],
)
def test_what_cannot_be_written_costs_one_line(run, source, memory, target, said):
    code, out, err = run("denoise", source, target.format(memory))
    assert (code, out) == (2, "")
    assert re.fullmatch(rf"fluorodenoise: {re.escape(target.format(memory))}: .*{said}.*\n", err)


def test_an_interrupted_job_says_where_it_is_kept(run, source, memory, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("napari_fluorodenoise.io.zarr.finish", interrupted)
        code, _, err = run("denoise", source, f"{memory}/out.ome.zarr")
    assert code == 130
    (kept,) = (tmp_path / "jobs").iterdir()
    assert f"kept in {kept}; go on with --resume" in err
    assert run("denoise", source, f"{memory}/out.ome.zarr", "--resume")[0] == 0
    assert read(f"{memory}/out.ome.zarr").shape == (8, 96, 96)
