"""Which sequences a pattern names, and where their results go."""

from pathlib import Path

import pytest

from napari_fluorodenoise.io import Remote
from napari_fluorodenoise.job.sources import found, outputs, twice


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


def test_a_second_sequence_for_one_place_is_wrong():
    first, second = Path("x/a.dcm"), Path("y/a.dcm")
    places = outputs({first: Path("a.dcm"), second: Path("a.dcm"), Path("b.dcm"): Path("b.dcm")}, folder=Path("out"))
    said = "found x/a.dcm and y/a.dcm, both for out/a.dcm; take them apart"
    (wrong,) = twice(places).items()
    assert wrong[0] == second
    assert said in wrong[1]
    taken = {Path("out/a.dcm"): first}
    assert twice({first: Path("out/a.dcm")}, taken=taken) == {}
    assert said in twice({second: Path("out/a.dcm")}, taken=taken)[second]


def test_a_name_with_signs_of_a_pattern_is_a_name(study):
    for name in ("run[1].tif", "run1.tif"):
        (study / name).touch()
    assert found(["run[1].tif"], beside=Path("out")) == {Path("run[1].tif"): Path("run[1].tif")}
    (study / "run[1].tif").unlink()
    assert found(["run[1].tif"], beside=Path("out")) == {Path("run1.tif"): Path("run1.tif")}


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("s3://bucket/day/run.ome.zarr", "run.ome.zarr"),
        ("s3://bucket/day/run/", "run.ome.zarr"),
        ("https://host/a.tif?key=[x]", "a.tif"),
    ],
)
def test_a_url_is_a_sequence(url, place):
    sources = found([url], beside=Path("out"))
    assert outputs(sources, folder=Path("out")) == {Remote(url): Path("out") / place}


@pytest.mark.parametrize("url", ["s3://bucket/*.tif", "memory://a?.tif", "https://host/*.tif"])
def test_patterns_of_urls_are_refused(url):
    with pytest.raises(
        ValueError, match=r"expected the URL of one sequence, found wildcards in .*; give a URL for each"
    ):
        found([url], beside=Path("out"))


@pytest.mark.parametrize("pattern", ["runs/*.dcm", "*.dcm", "runs/a.dcm", "**/*.dcm"])
def test_sequences_in_the_folder_of_the_results_are_told_from_none(study, pattern):
    with pytest.raises(ValueError, match=r"found runs/|found \*") as refused:
        found([pattern], beside=Path())
    assert "expected sequences outside of the folder of the results, ., where all is taken for a result" in str(
        refused.value
    )
    assert found([pattern, "/nothing.dcm"], beside=Path()) == {Path("/nothing.dcm"): Path("nothing.dcm")}


def test_a_suffix_that_nobody_writes_is_refused():
    with pytest.raises(ValueError, match="expected a suffix that is written"):
        outputs({}, folder=Path("out"), suffix=".png")
