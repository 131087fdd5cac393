"""The loaders on small files of the form that the sets' owners give out."""

import h5py
import numpy as np
import pytest

import napari_fluorodenoise as fd
from napari_fluorodenoise.bench.public import SPLITS, WEISS, public_scenes


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def weiss(tmp_path):
    """Both files, every frame's pixels are its number modulo 200."""
    for name, dataset, count in (("T1T2.hdf5", "train_img", 436), ("T3-T6.hdf5", "test", 771)):
        with h5py.File(tmp_path / name, "w") as file:
            values = np.arange(count, dtype=np.uint8) % 200 + 50
            file[dataset] = np.broadcast_to(values[:, None, None, None], (count, 64, 64, 1))
    return tmp_path


@pytest.mark.parametrize("split", SPLITS)
def test_weiss_is_split_by_frames(weiss, split):
    scenes = public_scenes("weiss", weiss, split=split)
    assert [scene.clean().shape for scene in scenes] == [(b - a + 1, 256, 256) for _, a, b in WEISS[split]]


def test_weiss_frames_are_those_of_the_split(weiss):
    scene = public_scenes("weiss", weiss, split="test", most=3)[2]
    assert scene.name == "weiss T1T2 166-175"
    np.testing.assert_allclose(scene.clean()[:, 0, 0] * 255, (np.arange(166, 169) % 200 + 50) % 256, rtol=1e-5)


def test_a_part_of_a_file_is_refused(tmp_path):
    with h5py.File(tmp_path / "T3-T6.hdf5", "w") as file:
        file["test"] = np.zeros((20, 8, 8), np.uint8)
    with pytest.raises(ValueError, match=r"expected T1T2\.hdf5 for weiss's test split, found none"):
        public_scenes("weiss", tmp_path)
    with h5py.File(tmp_path / "T1T2.hdf5", "w") as file:
        file["train_img"] = np.zeros((20, 8, 8), np.uint8)
    with pytest.raises(ValueError, match="expected 543 frames in test, found"):
        public_scenes("weiss", tmp_path)[0].clean()


def test_jhu_is_split_by_patients_and_large_frames_become_small(tmp_path, rng):
    for patient, side in (("cadaver_17-1905", 384), ("cadaver_18-2799", 192), ("cadaver_17-1882", 200)):
        view = tmp_path / patient / "fluoro" / "session" / "preview"
        view.mkdir(parents=True)
        fd.write(view / "frames", fd.Video(data=rng.integers(60, 200, (3, side, side), np.uint8)))
        for path in (view / "frames").iterdir():
            path.rename(view / path.name)
        (view / "frames").rmdir()
    found = {split: public_scenes("jhu", tmp_path, split=split) for split in SPLITS}
    assert [len(scenes) for scenes in found.values()] == [1, 1, 1]
    shapes = {split: scenes[0].clean().shape for split, scenes in found.items()}
    assert shapes == {"training": (3, 200, 200), "validation": (3, 192, 192), "test": (3, 192, 192)}


@pytest.fixture
def coronary(tmp_path, rng):
    """Ten studies of both kinds, with a sequence each."""
    for number in range(10):
        folder = tmp_path / ("Left_Dominance", "Right_Dominance")[number % 2] / f"study{number}" / "LCA"
        folder.mkdir(parents=True)
        np.savez(folder / "0001.npz", pixel_array=rng.integers(60, 200, (4, 128, 128), np.uint8))
    return tmp_path


def test_coronary_is_split_by_studies(coronary):
    names = {split: {scene.name for scene in public_scenes("coronary", coronary, split=split)} for split in SPLITS}
    assert {split: len(found) for split, found in names.items()} == {"training": 7, "validation": 1, "test": 2}
    assert len(set.union(*names.values())) == 10
    assert names == {s: {c.name for c in public_scenes("coronary", coronary, split=s)} for s in SPLITS}


def test_coronary_frames_are_sized_and_in_0_to_1(coronary):
    clean = public_scenes("coronary", coronary, most=2)[0].clean()
    assert (clean.shape, clean.dtype) == ((2, 256, 256), np.float32)
    assert 0.2 < clean.min() < clean.max() < 0.8


def test_an_archive_without_pixels_is_refused(coronary):
    for path in coronary.rglob("*.npz"):
        np.savez(path, other=np.zeros(3))
    with pytest.raises(ValueError, match="expected an array pixel_array, found other"):
        public_scenes("coronary", coronary)[0].clean()


def test_more_than_8_bits_are_refused(coronary):
    for path in coronary.rglob("*.npz"):
        np.savez(path, pixel_array=np.full((2, 64, 64), 900, np.uint16))
    with pytest.raises(ValueError, match=r"pixels of 8 bits, or in \[0, 1\], found 900"):
        public_scenes("coronary", coronary)[0].clean()


def test_black_borders_go(tmp_path):
    folder = tmp_path / "Left_Dominance" / "study" / "RCA"
    folder.mkdir(parents=True)
    picture = np.zeros((3, 256, 256), np.uint8)
    picture[:, 20:200, 30:] = 120
    np.savez(folder / "0001.npz", pixel_array=picture)
    assert public_scenes("coronary", tmp_path, split="training")[0].clean().shape == (3, 180, 226)


@pytest.mark.parametrize(("name", "split"), [("weiss", "all"), ("other", "test")])
def test_what_there_is_not_is_refused(tmp_path, name, split):
    with pytest.raises(ValueError, match="expected a set of weiss, jhu, coronary"):
        public_scenes(name, tmp_path, split=split)


@pytest.mark.parametrize("name", ["weiss", "jhu", "coronary"])
def test_an_empty_folder_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"expected .*test sequences, found none"):
        public_scenes(name, tmp_path)
