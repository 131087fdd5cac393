"""TIFFs of other programs, and what they read in ours."""

import numpy as np
import pytest
import tifffile

from napari_fluorodenoise import io
from napari_fluorodenoise.io import tiff

FRAMES = np.random.default_rng(0).integers(0, 4000, (6, 20, 30)).astype(np.uint16)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("metadata", [None, {"axes": "TYX"}])
def test_any_stack_is_read(tmp_path, compression, byteorder, bigtiff, metadata):
    path = tmp_path / "run.tif"
    tifffile.imwrite(path, FRAMES, compression=compression, byteorder=byteorder, bigtiff=bigtiff, metadata=metadata)
    video = io.read(path)
    np.testing.assert_array_equal(video.numpy(), FRAMES)
    np.testing.assert_array_equal(video.data[4], FRAMES[4])
    assert video.dtype.isnative
    assert (video.frame_interval, video.pixel_size, video.intensity) == (None, None, "linear")


def test_what_imagej_states_is_found(tmp_path):
    stated = {"axes": "TYX", "finterval": 0.05, "unit": "um"}
    tifffile.imwrite(tmp_path / "run.tif", FRAMES, imagej=True, resolution=(1 / 200, 1 / 300), metadata=stated)
    video = io.read(tmp_path / "run.tif")
    assert video.frame_interval == 0.05
    assert video.pixel_size == pytest.approx((0.3, 0.2))


def test_what_ome_states_is_found(tmp_path):
    stated = {"axes": "TYX", "TimeIncrement": 50.0, "TimeIncrementUnit": "ms", "PhysicalSizeX": 200.0}
    tifffile.imwrite(tmp_path / "run.ome.tif", FRAMES, ome=True, metadata={**stated, "PhysicalSizeY": 300.0})
    video = io.read(tmp_path / "run.ome.tif")
    assert video.frame_interval == pytest.approx(0.05)
    assert video.pixel_size == pytest.approx((0.3, 0.2))


def test_a_printer_s_resolution_is_no_spacing(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", FRAMES, resolution=(72, 72), resolutionunit="INCH")
    tifffile.imwrite(tmp_path / "b.tif", FRAMES, resolution=(50, 25), resolutionunit="CENTIMETER", photometric=0)
    assert io.read(tmp_path / "a.tif").pixel_size is None
    assert io.read(tmp_path / "b.tif").pixel_size == pytest.approx((0.4, 0.2))
    assert io.read(tmp_path / "b.tif").photometric == "MONOCHROME1"


@pytest.mark.parametrize("limit", [2**32, 1000])
def test_other_programs_find_axes_interval_and_spacing_in_ours(tmp_path, sequence, monkeypatch, limit):
    monkeypatch.setattr(tiff, "LIMIT", limit)
    video = sequence("uint16")
    io.write(tmp_path / "run.tif", video)
    with tifffile.TiffFile(tmp_path / "run.tif") as stack:
        assert stack.series[0].axes == "TYX"
        assert stack.is_bigtiff == (limit == 1000)
        np.testing.assert_array_equal(stack.asarray(), video.data)
        if stack.is_imagej:
            assert stack.imagej_metadata["finterval"] == pytest.approx(1 / 15)
            assert (stack.imagej_metadata["unit"], stack.pages[0].resolution) == ("mm", (4.0, 5.0))
        else:
            pixels = tifffile.xml2dict(stack.ome_metadata)["OME"]["Image"]["Pixels"]
            assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeXUnit"]) == (0.25, "mm")
            assert pixels["TimeIncrement"] == pytest.approx(1 / 15)
    assert io.read(tmp_path / "run.tif").pixel_size == (0.2, 0.25)


def test_what_tiff_cannot_hold_is_one_clear_line(tmp_path, sequence):
    with pytest.raises(io.FileError, match=r"run\.tif: expected one of int8.*found float16"):
        io.write(tmp_path / "run.tif", sequence("float16"))
