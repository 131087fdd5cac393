"""Which sequences a pattern names, and where their results go."""

from pathlib import Path

import pytest

from napari_fluorodenoise.job.sources import found, outputs


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (
        "runs/b.dcm",
        "runs/a.dcm",
        "runs/day/c.tif",
        "runs/.hidden.dcm",
        "runs/out/d.dcm",
        "runs/e.ome.zarr/0",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["runs/*.dcm"], {"runs/a.dcm": "a.dcm", "runs/b.dcm": "b.dcm"}),
        (["runs/**/*.tif"], {"runs/day/c.tif": "day/c.tif"}),
        (
            ["runs/*.zarr", "runs/b.dcm", "runs/*.dcm"],
            {"runs/e.ome.zarr": "e.ome.zarr", "runs/b.dcm": "b.dcm", "runs/a.dcm": "a.dcm"},
        ),
        (["runs/**/*.dcm"], {"runs/a.dcm": "a.dcm", "runs/b.dcm": "b.dcm"}),
        (["nothing.dcm"], {"nothing.dcm": "nothing.dcm"}),
        (["no/*.dcm"], {}),
    ],
)
def test_patterns(study, patterns, expected):
    sources = found(patterns, beside=Path("runs/out"))
    assert list(sources.items()) == [(Path(source), Path(below)) for source, below in expected.items()]


@pytest.mark.parametrize(
    ("source", "suffix", "place"),
    [
        ("a.dcm", None, "a.dcm"),
        ("a", None, "a.ome.zarr"),
        ("day/a.tiff", None, "day/a.tif"),
        ("a.ome.tif", None, "a.tif"),
        ("a.ome.zarr", None, "a.ome.zarr"),
        ("a.avi", None, "a.ome.zarr"),
        ("a.npy", None, "a.npy"),
        ("a.b.dcm", ".ome.zarr", "a.b.ome.zarr"),
        ("1.2.840.113619", ".tif", "1.2.840.113619.tif"),
    ],
)
def test_places(tmp_path, monkeypatch, source, suffix, place):
    monkeypatch.chdir(tmp_path)
    assert outputs({Path(source): Path(source)}, folder=Path("out"), suffix=suffix) == {
        Path(source): Path("out") / place
    }


def test_two_results_in_one_place_are_refused():
    sources = {Path("x/a.dcm"): Path("a.dcm"), Path("y/a.dcm"): Path("a.dcm")}
    with pytest.raises(ValueError, match=r"found x/a.dcm and y/a.dcm, both for out/a.dcm"):
        outputs(sources, folder=Path("out"))


def test_a_suffix_that_nobody_writes_is_refused():
    with pytest.raises(ValueError, match="expected a suffix that is written"):
        outputs({}, folder=Path("out"), suffix=".png")
