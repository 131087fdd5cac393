"""Jobs: the same pixels as the recipe, in every format, whenever they are interrupted and however often."""

import multiprocessing
import os
import signal
import threading
import time
from contextlib import suppress

import numpy as np
import pytest

from napari_fluorodenoise.io import FileError, read, write
from napari_fluorodenoise.job.folder import folder_of
from napari_fluorodenoise.job.job import Job
from napari_fluorodenoise.part import Part
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.recipe import Recipe

FRAMES = 24
KILLS = 20


@pytest.fixture(scope="module")
def noisy():
    return phantom(frames=FRAMES, shape=(96, 64), pan=0.4, rng=1).noisy


@pytest.fixture
def source(noisy, tmp_path):
    write(tmp_path / "in.ome.zarr", noisy)
    return tmp_path / "in.ome.zarr"


@pytest.fixture
def job(source, tmp_path):
    """A job on the source by the name of its output and of its recipe."""
    return lambda name, recipe="fast", **rest: Job(
        source=source, target=tmp_path / name, recipe=Recipe.named(recipe), **rest
    )


def content(path):
    """The bytes of a file, or of all files in a folder by name."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def visible(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("recipe", ["fast", "sdd"])
def test_a_job_makes_what_its_recipe_makes(job, noisy, tmp_path, recipe):
    done = job("out.ome.zarr", recipe).run()
    chosen = Recipe.named(recipe)
    expected = chosen.run(noisy).video(chosen.result(noisy))
    made = read(tmp_path / "out.ome.zarr")
    np.testing.assert_array_equal(made.numpy(), expected.numpy())
    assert (made.pixel_size, made.frame_interval) == (noisy.pixel_size, noisy.frame_interval)
    assert "recipe " + recipe in made.metadata["derivation"]
    assert done.frames == FRAMES
    assert visible(tmp_path) == ["in.ome.zarr", "out.ome.zarr"]


@pytest.mark.parametrize("name", ["out.tif", "out.dcm", "out.npy", "out", "out.avi"])
def test_every_format_is_written_from_the_frames_that_were_filed(job, tmp_path, name):
    made = job(name, part=Part(frames=(2, 10), rows=(8, 72))).run()
    assert made.frames == 8
    assert read(tmp_path / name).shape == (8, 64, 64)
    assert not folder_of(tmp_path / name).exists()


def test_an_output_is_replaced_only_when_the_new_one_is_complete(job, tmp_path):
    job("out.ome.zarr").run()
    before = content(tmp_path / "out.ome.zarr")
    with pytest.raises(FileError, match="expected a new name"):
        job("out.ome.zarr").run()
    job("out.ome.zarr", seed=1).run(overwrite=True)
    assert content(tmp_path / "out.ome.zarr").keys() == before.keys()


@pytest.mark.parametrize("harm", ["unreadable", "missing"])
def test_a_damaged_chunk_is_named_and_leaves_no_job(job, source, tmp_path, harm):
    chunk = source / "0" / "c" / "20" / "0" / "0"
    chunk.write_bytes(b"no chunk") if harm == "unreadable" else chunk.unlink()
    with pytest.raises(FileError, match=r"in.ome.zarr: expected .* (chunk|chunks)"):
        job("out.ome.zarr").run()
    assert visible(tmp_path) == ["in.ome.zarr"]


@pytest.mark.parametrize("recipe", ["fast", "sdd"])
def test_a_full_disk_is_said_and_the_job_goes_on_when_there_is_room(job, tmp_path, monkeypatch, recipe):
    job("whole.ome.zarr", recipe).run()
    room = iter(range(8))

    def put(*arguments):
        if next(room, None) is None:
            raise OSError(28, "No space left on device")
        return real(*arguments)

    real = np.save if recipe == "sdd" else os.fsync
    monkeypatch.setattr("numpy.save" if recipe == "sdd" else "os.fsync", put)
    with pytest.raises((FileError, OSError), match="No space left on device"):
        job("out.ome.zarr", recipe).run()
    monkeypatch.undo()
    assert not (tmp_path / "out.ome.zarr").exists()
    job("out.ome.zarr", recipe).run(resume=True)
    assert content(tmp_path / "out.ome.zarr") == content(tmp_path / "whole.ome.zarr")


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_refused(job, tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(FileError, match="expected a folder that may be written"):
            job("out.ome.zarr").run()
    finally:
        tmp_path.chmod(0o700)


def test_what_all_stages_added_is_written_too(job, tmp_path):
    job("out.tif", "sdd", save_stages=tmp_path / "stages").run()
    assert {"background.ome.zarr", "offsets.csv", "panorama.ome.zarr"} <= set(visible(tmp_path / "stages"))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are killed with SIGKILL")
@pytest.mark.parametrize(("name", "recipe"), [("out.ome.zarr", "fast"), ("out.tif", "sdd")])
def test_killed_at_random_points_it_ends_with_the_same_bytes(job, tmp_path, name, recipe):
    """Jobs in processes that kill themselves after a random time, half of the KILLS for each of two recipes."""
    whole = job(f"whole-{name}", recipe)
    started = time.monotonic()
    assert lived(whole, None)
    lasts, rng, kills = time.monotonic() - started, np.random.default_rng(0), 0
    while kills < KILLS // 2:
        if lived(job(name, recipe), rng.uniform(0.05, 0.6) * lasts):
            same(tmp_path / name, whole.target)
        else:
            kills += 1
            assert not (tmp_path / name).exists()
    assert lived(job(name, recipe), None)
    same(tmp_path / name, whole.target)


def same(made, whole):
    assert content(made) == {file.replace("whole-", ""): bytes_ for file, bytes_ in content(whole).items()}
    job = folder_of(made)
    assert not job.exists()
    for path in sorted(made.rglob("*"), reverse=True) if made.is_dir() else []:
        path.rmdir() if path.is_dir() else path.unlink()
    made.rmdir() if made.is_dir() else made.unlink()


def lived(job, seconds):
    """Whether a process that does `job`, resumed if it can be, ended before it was killed after so many `seconds`."""
    process = multiprocessing.get_context("forkserver").Process(target=live, args=(job, seconds))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode == 0


def live(job, seconds):
    if seconds is not None:
        threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
    job.run(resume=True)
    with suppress(BaseException):
        os._exit(0)


multiprocessing.set_forkserver_preload([__name__, "napari_fluorodenoise.denoisers.wiener"])
