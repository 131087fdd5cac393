"""Laws of all formats: round trips, one clear line for bad input, outputs whole or not at all, laziness."""

from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from napari_fluorodenoise import io
from napari_fluorodenoise.engine.progress import Cancelled

EXACT = [".dcm", ".tif", ".zarr", ".ome.zarr", ".npy", ""]
DTYPES = ["uint8", "int8", "uint16", "int16", "int32", "float32", "float64"]
ALL = [*EXACT, ".avi", ".mp4"]


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [pair for pair in product(EXACT, DTYPES) if pair not in product([".dcm"], ["int32", "float32", "float64"])],
)  # what DICOM holds by a stated rescale only is tested below
def test_round_trip_keeps_pixels_timing_and_spacing(tmp_path, sequence, suffix, dtype):
    video = sequence(dtype)
    io.write(tmp_path / f"run{suffix}", video)
    again = io.read(tmp_path / f"run{suffix}")
    assert again.is_lazy and again.data.numblocks[0] == len(video.data)
    assert again.dtype == video.dtype
    np.testing.assert_array_equal(again.numpy(), video.data)
    assert again.frame_interval == pytest.approx(video.frame_interval, rel=1e-12)
    assert again.pixel_size == video.pixel_size
    assert (again.intensity, again.photometric) == (video.intensity, video.photometric)


@pytest.mark.parametrize("suffix", EXACT)
@pytest.mark.parametrize("shape", [(1, 8, 8), (2, 7, 9), (1, 1, 1), (17, 5, 3)])
@pytest.mark.parametrize("facts", [{"frame_interval": None}, {"pixel_size": None, "photometric": "MONOCHROME2"}])
def test_round_trip_of_odd_shapes_and_unknown_facts(tmp_path, sequence, suffix, shape, facts):
    video = sequence("uint8", shape, **facts)
    io.write(tmp_path / f"run{suffix}", video)
    again = io.read(tmp_path / f"run{suffix}")
    np.testing.assert_array_equal(again.numpy(), video.data)
    assert (again.frame_interval is None) == (video.frame_interval is None)
    assert again.pixel_size == video.pixel_size


@pytest.mark.parametrize("suffix", [".tif", ".zarr", ".npy", ""])
def test_round_trip_keeps_the_metadata_and_the_place_of_a_crop(tmp_path, sequence, suffix):
    metadata = {"window": (3.5, 90.0), "warnings": ("µm",), "modality": "XA", "overlays": np.ones((1, 31, 40), bool)}
    video = sequence(metadata=metadata, origin=(3.0, -4.5))
    io.write(tmp_path / f"run{suffix}", video)
    again = io.read(tmp_path / f"run{suffix}")
    assert again.origin == video.origin
    assert dict(again.metadata) == {key: metadata[key] for key in ("window", "warnings", "modality")}


@pytest.mark.parametrize("suffix", EXACT)
def test_what_the_values_mean_is_written_not_assumed(tmp_path, sequence, suffix):
    io.write(tmp_path / f"run{suffix}", sequence("uint8", intensity="linear"))
    assert io.read(tmp_path / f"run{suffix}").intensity == "linear"


def test_a_lazy_video_is_written_as_the_one_in_memory(tmp_path, sequence):
    video = sequence()
    io.write(tmp_path / "a.zarr", video)
    seen = []
    io.write(tmp_path / "b.npy", io.read(tmp_path / "a.zarr"), progress=lambda done, *_: seen.append(done))
    np.testing.assert_array_equal(io.read(tmp_path / "b.npy").numpy(), video.data)
    assert seen[-1] == 1.0


def test_an_output_may_replace_its_own_input(tmp_path, sequence):
    video = sequence()
    for suffix in EXACT:
        path = tmp_path / f"run{suffix}"
        io.write(path, video)
        io.write(path, io.read(path), overwrite=True)
        np.testing.assert_array_equal(io.read(path).numpy(), video.data)


@pytest.mark.parametrize("suffix", ALL)
def test_cancelled_work_leaves_the_earlier_output_and_nothing_else(tmp_path, sequence, suffix):
    path = tmp_path / f"run{suffix}"
    io.write(path, sequence("uint8"))
    before = _tree(tmp_path)

    def cancel(*_):
        raise Cancelled

    with pytest.raises(Cancelled):
        io.write(path, sequence("uint8", (20, 31, 40)), overwrite=True, progress=cancel)
    assert _tree(tmp_path) == before


@pytest.mark.parametrize("suffix", ALL)
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, sequence, suffix):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, limits[1]))
    try:
        with pytest.raises(io.FileError, match="cannot be written") as raised:
            io.write(tmp_path / f"run{suffix}", sequence("uint8", (20, 64, 64)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    _is_one_clear_line(raised.value, tmp_path / f"run{suffix}")
    assert not list(tmp_path.iterdir())


def test_overwriting_must_be_asked_for_and_spares_folders_of_other_things(tmp_path, sequence):
    io.write(tmp_path / "run.tif", sequence())
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "letter.txt").write_text("dear")
    with pytest.raises(io.FileError, match="existing output"):
        io.check_output(tmp_path / "run.tif", overwrite=False)
    io.check_output(tmp_path / "run.tif", overwrite=True)
    with pytest.raises(io.FileError, match="other things"):
        io.check_output(tmp_path / "holiday", overwrite=True)
    (tmp_path / "holiday").rename(tmp_path / "holiday.tif")
    with pytest.raises(io.FileError, match="other kind"):
        io.check_output(tmp_path / "holiday.tif", overwrite=True)


@pytest.mark.parametrize("name", ["run.xyz", "no/such/folder/run.tif"])
def test_outputs_that_cannot_be_are_refused_before_any_work(tmp_path, name):
    with pytest.raises(io.FileError) as raised:
        io.check_output(tmp_path / name, overwrite=False)
    _is_one_clear_line(raised.value, tmp_path / name)


def test_only_dicom_takes_a_rescale(tmp_path, sequence):
    with pytest.raises(io.FileError, match="only DICOM needs"):
        io.write(tmp_path / "run.tif", sequence(), rescale=(1.0, 0.0))


def _missing(path):
    pass


def _empty(path):
    path.write_bytes(b"")


def _text(path):
    path.write_text("this is not an image\n" * 20)


BAD = [(suffix, make) for suffix in (*ALL, ".dicom", ".bin") if suffix for make in (_missing, _empty, _text)]


@pytest.mark.parametrize(("suffix", "make"), BAD)
def test_what_is_no_image_is_one_clear_line(tmp_path, suffix, make):
    path = tmp_path / f"run{suffix}"
    make(path)
    with pytest.raises(io.FileError) as raised:
        io.read(path)
    _is_one_clear_line(raised.value, path)


@pytest.mark.parametrize("suffix", [".dcm", ".tif", ".npy", ".avi", ".mp4"])
@pytest.mark.parametrize("part", [0.03, 0.5, 0.95])
def test_a_truncated_file_is_one_clear_line(tmp_path, sequence, suffix, part):
    path = tmp_path / f"run{suffix}"
    io.write(path, sequence("uint8", (30, 64, 64)))
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(io.FileError) as raised:
        io.read(path).numpy()
    _is_one_clear_line(raised.value, path)


@pytest.mark.parametrize("compression", ["zlib", None])
@pytest.mark.parametrize("part", [0.3, 0.99])
def test_a_truncated_foreign_tiff_is_one_clear_line(tmp_path, sequence, compression, part):
    path = tmp_path / "run.tif"
    tifffile.imwrite(path, sequence("uint8", (30, 64, 64)).data, compression=compression)
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(io.FileError) as raised:
        io.read(path).numpy()
    _is_one_clear_line(raised.value, path)


def test_an_incomplete_copy_of_a_zarr_is_one_clear_line(tmp_path, sequence):
    path = tmp_path / "run.zarr"
    io.write(path, sequence())
    (path / "0" / "c" / "3" / "0" / "0").unlink()
    with pytest.raises(io.FileError, match="found 4") as raised:
        io.read(path)
    _is_one_clear_line(raised.value, path)


COLOUR = np.random.default_rng(0).integers(0, 255, (4, 16, 16, 3), np.uint8)
WRONG = {
    "rgb.tif": lambda path: tifffile.imwrite(path, COLOUR, photometric="rgb"),
    "4d.tif": lambda path: tifffile.imwrite(
        path, COLOUR[..., 0].reshape(2, 2, 16, 16), imagej=True, metadata={"axes": "TZYX"}
    ),
    "channels.tif": lambda path: tifffile.imwrite(path, COLOUR[..., 0], imagej=True, metadata={"axes": "CYX"}),
    "4d.npy": lambda path: np.save(path, COLOUR),
    "nothing.npy": lambda path: np.save(path, np.zeros((0, 4, 4))),
    "complex.npy": lambda path: np.save(path, np.zeros((2, 4, 4), complex)),
    "objects.npy": lambda path: np.save(path, np.array([None, {}]), allow_pickle=True),
    "4d.zarr": lambda path: _zarr(path, (2, 3, 8, 8)),
    "nothing.zarr": lambda path: _zarr(path, (0, 8, 8)),
    "bare.zarr": lambda path: path.mkdir(),
    "plain_folder": lambda path: path.mkdir(),
    "blank_frame": lambda path: (_pictures(path, COLOUR[..., 0]), (path / "2.png").write_bytes(b"")),
    "coloured": lambda path: _pictures(path, COLOUR),
    "sizes": lambda path: _pictures(path, [COLOUR[0, :, :, 0], COLOUR[0, :8, :, 0]]),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_one_grey_sequence_is_one_clear_line(tmp_path, name):
    path = tmp_path / name
    WRONG[name](path)
    with pytest.raises(ValueError, match="expected") as raised:
        io.read(path).numpy()
    _is_one_clear_line(raised.value, path)


@pytest.mark.parametrize("sidecar", ["{", '{"frame_interval": -1}', '{"colour": 3, "metadata": {}}', "[]"])
def test_a_damaged_sidecar_is_one_clear_line(tmp_path, sequence, sidecar):
    io.write(tmp_path / "run.npy", sequence())
    (tmp_path / "run.npy.json").write_text(sidecar)
    with pytest.raises(io.FileError) as raised:
        io.read(tmp_path / "run.npy")
    _is_one_clear_line(raised.value, tmp_path / "run.npy.json")


def test_dicom_is_known_by_its_content(tmp_path, sequence):
    io.write(tmp_path / "run.dcm", sequence())
    for name in ("IM0001", "run.2024"):
        (tmp_path / name).write_bytes((tmp_path / "run.dcm").read_bytes())
        assert io.read(tmp_path / name).shape == (5, 31, 40)


def test_a_window_asked_for_is_kept(tmp_path, sequence):
    io.write(tmp_path / "run.tif", sequence(), window=(10, 90))
    assert io.read(tmp_path / "run.tif").metadata["window"] == (10, 90)


def test_real_files_are_read(data):
    expected = {
        "xa_rubo0002/HasFragmentSequence.dcm": ((96, 512, 512), "uint8", 0.033, "linear"),
        "stills_lossless/XA1_J2KR": ((1, 1024, 1024), "uint16", None, "linear"),
        "stills_lossless/0015.DCM": ((1, 1024, 1024), "uint8", None, "linear"),
        "xromm_pig/20061229susD_Trial01_cam1_reduced.avi": ((25, 1024, 1024), "uint8", 1 / 30, "display"),
        "coronarias3d/LAO27CRA22-RCA.mp4": ((80, 480, 640), "uint8", 1 / 15, "display"),
        "tomo_i12_savu/tiffs": ((91, 135, 160), "uint16", None, "linear"),
        "angiodata_p3c3": ((48, 512, 512), "uint8", None, "display"),
    }
    for name, facts in expected.items():
        video = io.read(data / name)
        assert (video.shape, video.dtype.name, video.frame_interval, video.intensity) == facts
        assert np.std(video.data[-1].compute()) > 0


def _is_one_clear_line(error: Exception, path: Path):
    assert str(path) in str(error)
    assert "\n" not in str(error)
    assert "expected" in str(error) or "cannot be written" in str(error)


def _tree(path):
    return {file.relative_to(path): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def _zarr(path, shape):
    import zarr

    zarr.create_array(path, shape=shape, dtype="uint8", chunks=tuple(max(1, n) for n in shape))


def _pictures(path, pictures):
    path.mkdir()
    for index, picture in enumerate(pictures):
        cv2.imwrite(str(path / f"{index}.png"), picture)


def test_a_dtype_that_a_format_does_not_hold_is_refused_before_any_work(tmp_path):
    for name, dtype in (("run.dcm", "float32"), ("run.tif", "float16")):
        with pytest.raises(io.FileError, match=f"found {dtype}"):
            io.check_output(tmp_path / name, overwrite=False, dtype=np.dtype(dtype))
    io.check_output(tmp_path / "run.dcm", overwrite=False, dtype=np.dtype("float32"), rescale=(1.0, 0.0))
    io.check_output(tmp_path / "run.zarr", overwrite=False, dtype=np.dtype("float16"))
