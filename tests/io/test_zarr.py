"""Our OME-Zarr is valid by the models of the specification; other people's versions and layouts are read."""

import numpy as np
import pytest
import zarr
from ome_zarr_models.v05.image import Image

from napari_fluorodenoise import io

FRAMES = np.random.default_rng(0).integers(0, 4000, (6, 20, 30)).astype(np.uint16)


@pytest.mark.parametrize("facts", [{}, {"frame_interval": None, "pixel_size": None}, {"origin": (2.0, 3.0)}])
def test_the_specification_s_models_accept_it(tmp_path, sequence, facts):
    video = sequence(**facts)
    io.write(tmp_path / "run.ome.zarr", video)
    group = zarr.open_group(tmp_path / "run.ome.zarr", mode="r")
    (image,) = Image.from_zarr(group).ome_attributes.multiscales
    assert [(axis.name, axis.type) for axis in image.axes] == [("t", "time"), ("y", "space"), ("x", "space")]
    assert [axis.unit for axis in image.axes] == (
        ["second", "millimeter", "millimeter"] if video.pixel_size else [None, None, None]
    )
    scale, *moved = image.datasets[0].coordinateTransformations
    assert scale.scale == [video.frame_interval or 1.0, *(video.pixel_size or (1.0, 1.0))]
    assert [list(move.translation) for move in moved] == ([[0.0, 0.4, 0.75]] if any(video.origin) else [])
    assert group["0"].chunks == (1, 31, 40)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["tyx", "tczyx"])
def test_other_people_s_groups_are_read(tmp_path, version, axes):
    units = {"t": "millisecond", "y": "micrometer", "x": "micrometer"}
    scale = {"t": 50.0, "c": 1.0, "z": 1.0, "y": 300.0, "x": 200.0}
    kinds = {"t": "time", "c": "channel"}
    described = [{"name": n, "type": kinds.get(n, "space")} | ({"unit": units[n]} if n in units else {}) for n in axes]
    step = [{"type": "scale", "scale": [scale[n] for n in axes]}]
    image = {"version": "0.4", "axes": described, "datasets": [{"path": "0", "coordinateTransformations": step}]}
    group = zarr.open_group(tmp_path / "run.zarr", mode="w", zarr_format=2 if version == "0.4" else 3)
    group.attrs.update({"multiscales": [image]} if version == "0.4" else {"ome": {"multiscales": [image]}})
    frames = FRAMES if axes == "tyx" else FRAMES[:, None, None]
    group.create_array("0", data=frames, chunks=(4, *frames.shape[1:]))
    video = io.read(tmp_path / "run.zarr")
    np.testing.assert_array_equal(video.numpy(), FRAMES)
    assert video.frame_interval == pytest.approx(0.05)
    assert video.pixel_size == pytest.approx((0.3, 0.2))


@pytest.mark.parametrize("frames", [FRAMES, FRAMES[0]])
def test_a_bare_array_is_read(tmp_path, frames):
    zarr.create_array(tmp_path / "run.zarr", data=frames)
    np.testing.assert_array_equal(io.read(tmp_path / "run.zarr").numpy(), np.atleast_3d(frames.T).T)


def test_a_group_without_an_image_is_one_clear_line(tmp_path):
    zarr.open_group(tmp_path / "run.zarr", mode="w")
    with pytest.raises(io.FileError, match="expected an OME-Zarr group"):
        io.read(tmp_path / "run.zarr")


def test_a_damaged_chunk_is_one_clear_line_when_it_is_read(tmp_path, sequence):
    io.write(tmp_path / "run.zarr", sequence())
    (tmp_path / "run.zarr/0/c/3/0/0").write_bytes(b"damaged")
    video = io.read(tmp_path / "run.zarr")
    video.data[2].compute()
    with pytest.raises(io.FileError, match=r"run\.zarr: expected a chunk to be readable"):
        video.data[3].compute()
