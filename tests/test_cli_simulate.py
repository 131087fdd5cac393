"""`fluorodenoise simulate` on small scenes: what it writes, that the truth is the truth, and what it refuses."""

import json
import sys

import numpy as np
import pytest
import typer
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from napari_fluorodenoise.cli.simulate import simulate
from napari_fluorodenoise.io import read
from napari_fluorodenoise.physics.chain import ImagingChain

SPACING = 8.0


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """The command, run in an empty folder, as what it prints."""
    monkeypatch.chdir(tmp_path)
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(simulate)

    def words(*arguments):
        app([str(argument) for argument in arguments], standalone_mode=False)
        return capsys.readouterr().out

    return words


@pytest.fixture
def ct(tmp_path):
    """A folder with the slices of a chest of ellipsoids: body, lungs, heart, spine."""
    z, y, x = np.meshgrid(*(SPACING * (np.arange(n) - (n - 1) / 2) for n in (30, 32, 44)), indexing="ij")
    hu = np.full(z.shape, -1000)
    hu[(y / 110) ** 2 + (x / 160) ** 2 < 1] = 30
    for side in (-80, 80):
        hu[(z / 130) ** 2 + (y / 80) ** 2 + ((x - side) / 60) ** 2 < 1] = -800
    hu[((z + 20) / 60) ** 2 + ((y + 25) / 45) ** 2 + ((x - 25) / 60) ** 2 < 1] = 50
    hu[((y - 75) / 20) ** 2 + (x / 20) ** 2 < 1] = 300
    folder = tmp_path / "ct"
    folder.mkdir()
    series = generate_uid()
    for k, picture in enumerate(hu):
        save(picture, folder / f"slice{k}", series=series, z=SPACING * k)
    return folder


def save(hu, path, *, series, z):
    header = Dataset()
    header.SOPClassUID, header.SOPInstanceUID, header.SeriesInstanceUID = CTImageStorage, generate_uid(), series
    header.Modality, header.PatientName = "CT", "Doe^Jane"
    header.Rows, header.Columns = hu.shape
    header.SamplesPerPixel, header.PhotometricInterpretation, header.PixelRepresentation = 1, "MONOCHROME2", 0
    header.BitsAllocated, header.BitsStored, header.HighBit = 16, 16, 15
    header.RescaleSlope, header.RescaleIntercept = 1, -1024
    header.PixelSpacing, header.ImageOrientationPatient = [SPACING, SPACING], [1, 0, 0, 0, 1, 0]
    header.ImagePositionPatient = [0, 0, z]
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.PixelData = (hu + 1024).astype("<u2").tobytes()
    header["PixelData"].VR = "OW"
    dcmwrite(path, header, enforce_file_format=True)


@pytest.fixture
def chain(tmp_path):
    """A chain for small frames: pixels of 3 mm."""
    facts = json.loads(ImagingChain().to_json())
    facts["pixel_size"] = 3.0
    (tmp_path / "chain.json").write_text(json.dumps(facts))
    return tmp_path / "chain.json"


def test_the_drawn_chest_and_its_truth(run, tmp_path):
    said = run("out.tif", "--frames", 6, "--size", 48, "--photons", 30, "--truth", "truth.tif")
    assert said.startswith("wrote out.tif: 6 frames of 48 x 48, ")
    noisy, truth = read(tmp_path / "out.tif"), read(tmp_path / "truth.tif")
    assert noisy.shape == truth.shape == (6, 48, 48)
    assert (noisy.dtype, truth.dtype) == (np.uint16, np.float32)
    assert noisy.frame_interval == pytest.approx(ImagingChain().frame_interval)
    assert noisy.pixel_size == truth.pixel_size == pytest.approx((ImagingChain().pixel_size,) * 2)
    noise = noisy.numpy() - truth.numpy()
    assert abs(noise.mean()) < 0.02 * truth.numpy().mean()
    assert 0.1 < noise.std() / truth.numpy().mean() < 0.5


def test_a_ct_is_seen_with_its_wire_from_a_moving_arm(run, ct, chain, tmp_path):
    words = ("--ct", ct, "--chain", chain, "--size", 48, "--frames", 5)
    run("still.tif", *words, "--truth", "truth.tif", "--pan", 0)
    noisy, truth = read(tmp_path / "still.tif"), read(tmp_path / "truth.tif").numpy()
    assert noisy.pixel_size == (3.0, 3.0)
    assert noisy.metadata["pixel_size_plane"] == "detector"
    assert noisy.metadata["magnification"] == pytest.approx(4 / 3)
    assert not any("Doe" in str(value) for value in noisy.metadata.values())
    picture = truth[0]
    assert picture[24, 24] < 0.5 * picture[24, 8]  # the spine is darker than a lung
    assert picture[26, 30] < picture[26, 17]  # the heart lies on the patient's left, which is on the right
    assert np.abs(noisy.numpy() - truth).mean() > 1
    run("moving.tif", *words, "--truth", "panned.tif", "--pan", 2)
    panned = read(tmp_path / "panned.tif").numpy()
    change = [np.abs(frames[4] - frames[0]).mean() for frames in (truth, panned)]
    assert 0 < change[0] < 0.2 * change[1]  # the wire alone, and all of the view


def test_a_turning_arm_and_its_angles(run, ct, chain, tmp_path):
    words = ("--ct", ct, "--chain", chain, "--size", 32, "--frames", 2, "--pan", 0, "--view", "-30,20")
    run("turned.dcm", *words, "--turn", 60, "--truth", "truth.npy")
    video = read(tmp_path / "turned.dcm")
    assert video.frame_interval == pytest.approx(ImagingChain().frame_interval)
    assert video.metadata["positioner_primary_angle_deg"] == -30
    assert video.metadata["positioner_secondary_angle_deg"] == 20
    first, second = np.load(tmp_path / "truth.npy")
    assert np.abs(first - second).mean() > 0.005 * first.mean()


@pytest.mark.parametrize("scene", ["drawn", "ct"])
def test_the_truth_of_a_displayed_sequence_is_linear(run, ct, chain, tmp_path, scene):
    chain.write_text(json.dumps({**json.loads(chain.read_text()), "display": {}}))
    words = ("--ct", ct) if scene == "ct" else ()
    run("shown.tif", *words, "--chain", chain, "--size", 32, "--frames", 2, "--truth", "truth.tif")
    shown, truth = read(tmp_path / "shown.tif"), read(tmp_path / "truth.tif")
    assert (shown.dtype, shown.intensity) == (np.uint8, "display")
    assert (truth.dtype, truth.intensity) == (np.float32, "linear")
    assert truth.numpy().max() > 300


def test_the_same_seed_gives_the_same_sequence(run, ct, chain, tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        run(f"{name}.npy", "--ct", ct, "--chain", chain, "--size", 24, "--frames", 2, "--seed", seed)
    first, second, other = (np.load(tmp_path / f"{name}.npy") for name in "abc")
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_the_printed_chain_is_one_that_is_read(run, tmp_path):
    printed = run("--print-chain", "--photons", 12)
    assert ImagingChain.from_json(printed).beam.photons == 12
    (tmp_path / "chain.json").write_text(printed)
    run("out.npy", "--chain", "chain.json", "--size", 32, "--frames", 1)
    run("same.npy", "--photons", 12, "--size", 32, "--frames", 1)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), np.load(tmp_path / "same.npy"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "expected OUT, the file to write, or --print-chain"),
        (("out.xyz",), "expected an output that ends in"),
        (("out.tif", "--truth", "out.tif"), "another file than OUT"),
        (("out.tif", "--truth", "truth.dcm"), "expected one of uint8, int8, uint16, int16 for this format"),
        (("out.tif", "--photons", 0), "expected --photons above 0, found 0"),
        (("out.tif", "--view", "10,5"), "only with --ct"),
        (("out.tif", "--ct", "ct", "--view", "10"), "expected --view LAO,CRA as two numbers"),
        (("out.tif", "--ct", "ct", "--view", "0,100"), "within 180 and 90 degrees"),
        (("out.tif", "--ct", "missing"), "missing: expected a file or folder, found none there"),
        (("out.tif", "--chain", "missing.json"), "missing.json: expected an imaging chain as JSON, found none"),
        (("out.tif", "--chain", "bad.json"), r"bad.json: "),
        (("taken.tif",), "expected a new name"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(run, tmp_path, words, message):
    (tmp_path / "bad.json").write_text('{"beam": {"photon": 3}}')
    (tmp_path / "taken.tif").write_bytes(b"taken")
    with pytest.raises(ValueError, match=message) as found:
        run(*words)
    assert "\n" not in str(found.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.json", "taken.tif"]


def test_without_nibabel_the_command_says_what_to_install(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nibabel", None)
    (tmp_path / "ct.nii").write_bytes(b"something")
    with pytest.raises(ValueError, match="pip install nibabel"):
        run("out.tif", "--ct", "ct.nii")
