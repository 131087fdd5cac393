"""Sequences at URLs, in fsspec's memory: read where they are, fetched once, replaced whole, refused in one line."""

import re
from pathlib import Path

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from napari_fluorodenoise import io
from napari_fluorodenoise.engine.progress import Cancelled
from napari_fluorodenoise.io import remote, staging
from napari_fluorodenoise.io.remote import Remote, objects, place

FS = MemoryFileSystem()


def keys(url):
    return sorted(objects(Remote(url)))


@pytest.mark.parametrize(
    ("text", "name", "suffix"),
    [
        ("s3://bucket/a/run.ome.zarr", "run.ome.zarr", ".zarr"),
        ("gs://bucket/run.ome.zarr/", "run.ome.zarr", ".zarr"),
        ("https://host/a/run.tif?key=a/b.c", "run.tif", ".tif"),
        ("memory://run", "run", ""),
    ],
)
def test_a_url_has_a_name_and_a_suffix(text, name, suffix):
    where = place(text)
    assert isinstance(where, Remote)
    assert (where.name, where.suffix, str(where)) == (name, suffix, text)
    assert place(where) is where


@pytest.mark.parametrize(
    "path", ["run.tif", "a/b", "C:\\runs\\run.tif", "C://runs/run.tif", Path("s3:/a/b"), "a://"[1:]]
)
def test_a_path_stays_a_path(path):
    assert place(path) == Path(path)
    assert place("file:///runs/run%201.tif") == Path("/runs/run 1.tif")


def test_what_is_beside_a_url_keeps_its_query():
    assert str(Remote("https://host/a/run.npy?key=a/b").beside("x.json")) == "https://host/a/x.json?key=a/b"
    assert str(Remote("s3://bucket/what?/run.npy").beside("x.json")) == "s3://bucket/what?/x.json"


@pytest.mark.parametrize("suffix", [".ome.zarr", ".tif", ".dcm", ".npy", ""])
def test_round_trip(memory, caches, sequence, suffix):
    video = sequence(metadata={"window": (3.0, 90.0)}, origin=(3.0, -4.0) if suffix != ".dcm" else (0.0, 0.0))
    url = f"{memory}/run{suffix}"
    for overwrite in (False, True):
        io.write(url, video, overwrite=overwrite)
    again = io.read(url)
    assert again.is_lazy
    np.testing.assert_array_equal(again.numpy(), video.data)
    assert (again.pixel_size, again.origin) == (video.pixel_size, video.origin)
    assert {key.partition("/")[0] for key in keys(memory)} <= {f"run{suffix}", f"run{suffix}.json"}


def test_a_movie_is_fetched_too(memory, caches, sequence):
    io.write(f"{memory}/run.avi", sequence("uint8", (6, 32, 40)))
    assert io.read(f"{memory}/run.avi").shape == (6, 32, 40)


def test_a_group_without_a_suffix_is_known_by_what_is_in_it(memory, sequence):
    io.write(f"{memory}/run.zarr", sequence())
    FS.mv(f"{memory}/run.zarr", f"{memory}/run", recursive=True)
    assert io.read(f"{memory}/run").shape == (5, 31, 40)


def test_no_frame_is_fetched_before_it_is_asked_for(memory, sequence, monkeypatch):
    io.write(f"{memory}/run.ome.zarr", sequence())
    fetched, real = [], MemoryFileSystem.cat_file
    monkeypatch.setattr(
        MemoryFileSystem, "cat_file", lambda self, path, *rest, **more: fetched.append(path) or real(self, path, *rest)
    )
    video = io.read(f"{memory}/run.ome.zarr")
    assert not [path for path in fetched if "/c/" in path]
    video.data[3].compute()
    assert [path.partition("/0/")[2] for path in fetched if "/c/" in path] == ["c/3/0/0"]


def test_a_lost_chunk_is_told_when_it_is_opened_and_when_it_is_read(memory, sequence):
    url = f"{memory}/run.ome.zarr"
    io.write(url, sequence())
    opened = io.read(url)
    FS.rm_file(f"{url}/0/c/3/0/0")
    with pytest.raises(io.FileError, match=r"run.ome.zarr: expected 5 chunks, found 4"):
        io.read(url)
    opened.data[2].compute()
    with pytest.raises(io.FileError, match=r"run.ome.zarr: expected all chunks, found one missing .*c/3/0/0"):
        opened.data[3].compute()


def test_a_damaged_chunk_is_told(memory, sequence):
    io.write(f"{memory}/run.ome.zarr", sequence())
    FS.pipe_file(f"{memory}/run.ome.zarr/0/c/3/0/0", b"damaged")
    with pytest.raises(io.FileError, match=r"run.ome.zarr: expected a chunk to be readable"):
        io.read(f"{memory}/run.ome.zarr").data[3].compute()


def counted(monkeypatch):
    got, real = [], MemoryFileSystem.get_file
    monkeypatch.setattr(
        MemoryFileSystem, "get_file", lambda self, *paths, **more: got.append(paths[0]) or real(self, *paths, **more)
    )
    return got


def test_a_file_is_fetched_once_and_again_when_it_changed(memory, caches, sequence, monkeypatch):
    got, url = counted(monkeypatch), f"{memory}/run.tif"
    for frames in (5, 7):
        io.write(url, sequence(shape=(frames, 8, 8)), overwrite=True)
        for _ in range(2):
            assert io.read(url).shape == (frames, 8, 8)
    assert len(got) == 2
    assert len(list(caches.rglob("run.tif"))) == 1


def test_what_is_fetched_half_is_not_there(memory, caches, sequence, monkeypatch):
    def broken(self, path, file, **options):
        Path(file).write_bytes(b"half")
        raise ConnectionResetError(104, "Connection reset by peer")

    io.write(f"{memory}/run.tif", sequence())
    monkeypatch.setattr(MemoryFileSystem, "get_file", broken)
    with pytest.raises(io.FileError, match=r"run.tif: expected storage that answers, found .*reset by peer"):
        io.read(f"{memory}/run.tif")
    assert not [path for path in caches.rglob("*") if path.is_file()]
    monkeypatch.setattr(MemoryFileSystem, "get_file", lambda self, path, file: Path(file).write_bytes(b"half"))
    with pytest.raises(io.FileError, match=r"run.tif: expected \d+ bytes, found 4"):
        io.read(f"{memory}/run.tif")
    monkeypatch.undo()


def test_a_damaged_file_is_told_by_its_url(memory, caches, sequence):
    FS.pipe_file(f"{memory}/run.tif", b"this is no image" * 9)
    with pytest.raises(io.FileError, match=f"^{memory}/run.tif: expected a TIFF"):
        io.read(f"{memory}/run.tif")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none.ome.zarr", "expected an OME-Zarr group or a Zarr array, found none there"),
        ("none.tif", "expected a sequence, found nothing there"),
        ("folder", "expected an object or an OME-Zarr image, found a folder"),
        ("empty.tif", "found an empty object"),
    ],
)
def test_what_is_not_there_is_one_line(memory, caches, name, said):
    FS.pipe_file(f"{memory}/folder/1.png", b"frame")
    FS.pipe_file(f"{memory}/empty.tif", b"")
    with pytest.raises(io.FileError, match=f"^{re.escape(f'{memory}/{name}')}: .*{said}"):
        io.read(f"{memory}/{name}")


class NoCredentialsError(Exception):
    """As botocore's, which is no OSError."""


class ClientResponseError(Exception):
    status = 403


for error in (NoCredentialsError, ClientResponseError):
    error.__module__ = "botocore.exceptions"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError("Access Denied"), r"found it denied \(Access Denied\); check the credentials"),
        (NoCredentialsError("Unable to locate credentials"), "Unable to locate credentials.; check the credentials"),
        (ClientResponseError("Forbidden"), "found it denied"),
        (TimeoutError(), "expected storage that answers, found TimeoutError; check the network"),
        (FileNotFoundError("The specified bucket does not exist"), "bucket does not exist.; check bucket and name"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("act", [io.read, lambda url: io.check_output(url, overwrite=False)], ids=["read", "write"])
def test_what_storage_says_is_one_line(memory, monkeypatch, error, said, act):
    def raising(*_, **__):
        raise error

    monkeypatch.setattr(MemoryFileSystem, "info", raising)
    with pytest.raises(io.FileError, match=f"run.ome.zarr: .*{said}") as raised:
        act(f"{memory}/run.ome.zarr")
    assert "\n" not in str(raised.value)
    assert isinstance(raised.value.__cause__, OSError)


def test_other_errors_and_a_full_disk_here_are_not_the_storage_s():
    for error in (OSError(28, "No space left on device"), RuntimeError("ours"), io.FileError("ours")):
        with pytest.raises(type(error)) as raised, remote.reaching(Remote("s3://a/b")):
            raise error
        assert raised.value is error


def test_a_missing_package_and_an_unknown_protocol_are_one_line(monkeypatch):
    with pytest.raises(io.FileError, match=r"xyz://a/b.tif: expected a protocol that fsspec knows, found xyz"):
        io.read("xyz://a/b.tif")

    def missing(*_, **__):
        raise ImportError("Please install gcsfs") from ModuleNotFoundError("No module named 'gcsfs'", name="gcsfs")

    monkeypatch.setattr(fsspec, "url_to_fs", missing)
    with pytest.raises(io.FileError, match=r"expected a package for gs:// URLs.*pip install gcsfs$"):
        io.read("gs://a/run.ome.zarr")


def test_overwriting_is_asked_for_and_spares_other_things(memory, sequence):
    io.write(f"{memory}/run.tif", sequence())
    FS.pipe_file(f"{memory}/mine.zarr/letter", b"dear")
    for name, overwrite, said in [
        ("run.tif", False, "existing output"),
        ("mine.zarr", True, "found other objects"),
        ("mine.zarr/letter.zarr", True, None),
    ]:
        if said:
            with pytest.raises(io.FileError, match=said):
                io.check_output(f"{memory}/{name}", overwrite=overwrite)
        else:
            io.check_output(f"{memory}/{name}", overwrite=overwrite)
    FS.pipe_file(f"{memory}/one.zarr", b"a file")
    with pytest.raises(io.FileError, match="found the other kind"):
        io.check_output(f"{memory}/one.zarr", overwrite=True)
    assert keys(f"{memory}/mine.zarr") == ["letter"]


@pytest.mark.parametrize("url", ["https://host/run.ome.zarr", "s3://bucket/run[1].ome.zarr", "s3://bucket/run.xyz"])
def test_what_cannot_be_an_output_is_refused_before_anything_is_reached(url, monkeypatch):
    monkeypatch.setattr(remote, "opened", None)
    with pytest.raises(io.FileError, match=re.escape(url)):
        io.check_output(url, overwrite=False)


@pytest.mark.parametrize("suffix", [".ome.zarr", ".tif"])
def test_cancelled_work_leaves_the_earlier_output_and_nothing_else(memory, sequence, suffix):
    def cancel(*_):
        raise Cancelled

    io.write(f"{memory}/run{suffix}", sequence())
    before = content(memory)
    with pytest.raises(Cancelled):
        io.write(f"{memory}/run{suffix}", sequence(shape=(20, 31, 40)), overwrite=True, progress=cancel)
    assert content(memory) == before


def content(url):
    return {key: FS.cat_file(f"{url}/{key}") for key in keys(url)}


class Interrupted(BaseException):
    pass


OLD = {"zarr.json": b"old", "0/zarr.json": b"old", "0/c/0": b"old", "0/c/1": b"old", "~": b"old"}
NEW = {"zarr.json": b"new", "0/zarr.json": b"new", "0/c/0": b"new"}


@pytest.mark.parametrize("stop", range(9))
def test_wherever_it_is_interrupted_no_reader_sees_old_and_new_and_it_ends_whole(memory, monkeypatch, stop):
    target, aside = Remote(f"{memory}/run.zarr"), Remote(f"{memory}/.run.zarr.job")
    for name, value in OLD.items():
        FS.pipe_file(f"{target}/{name}", value)
    for name, value in NEW.items():
        FS.pipe_file(f"{aside}/run.zarr/{name}", value)
    steps = []

    def watched(real):
        def call(self, *paths):
            if len(steps) == stop:
                raise Interrupted
            steps.append(paths)
            real(self, *paths)
            shown = content(str(target))
            assert "zarr.json" not in shown or shown in (OLD, NEW)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(MemoryFileSystem, "cp_file", watched(MemoryFileSystem.cp_file))
        patch.setattr(MemoryFileSystem, "_rm", watched(MemoryFileSystem._rm))
        if stop < len(OLD) + len(NEW):
            with pytest.raises(Interrupted):
                staging.replace(aside, target)
        else:
            staging.replace(aside, target)
    io.check_output(str(target), overwrite=True)
    staging.replace(aside, target)
    assert content(str(target)) == NEW
    staging.remove(aside)
    assert keys(memory) == sorted(f"run.zarr/{name}" for name in NEW)
    with pytest.raises(io.FileError, match="expected its objects under"):
        staging.replace(aside, target)
