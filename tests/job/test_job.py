"""Jobs: the same pixels as the recipe, in every format, whenever they are interrupted and however often."""

import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from napari_fluorodenoise.io import FileError, read, write
from napari_fluorodenoise.job.folder import folder_of
from napari_fluorodenoise.job.job import Job
from napari_fluorodenoise.part import Part
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.recipe import Recipe

FRAMES = 24
KILLS = {"fast": 15, "sdd": 5}
"""20 in all; one of sdd takes three times as long."""
CONTEXT = multiprocessing.get_context("forkserver")


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


def test_an_output_is_replaced_only_when_the_new_one_is_complete(job, tmp_path, monkeypatch):
    """By the job that was asked to, also when that was interrupted and is gone on with."""
    out, short = tmp_path / "out.ome.zarr", Part(frames=(0, 6))
    job(out.name).run()
    before = content(out)
    with pytest.raises(FileError, match="expected a new name"):
        job(out.name, part=short).run()
    monkeypatch.setattr("napari_fluorodenoise.job.job.zarr.finish", interrupt)
    with pytest.raises(KeyboardInterrupt):
        job(out.name, part=short).run(overwrite=True)
    monkeypatch.undo()
    assert content(out) == before
    job(out.name, part=short).run(resume=True)
    assert read(out).shape[0] == 6


def interrupt(*_, **__):
    raise KeyboardInterrupt


def test_what_appears_while_a_job_is_interrupted_is_not_replaced(job, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_fluorodenoise.job.job.zarr.finish", interrupt)
    with pytest.raises(KeyboardInterrupt):
        job("out.tif").run()
    monkeypatch.undo()
    (tmp_path / "out.tif").write_bytes(b"precious")
    with pytest.raises(FileError, match="expected a new name"):
        job("out.tif").run(resume=True)
    assert (tmp_path / "out.tif").read_bytes() == b"precious"
    job("out.tif").run(resume=True, overwrite=True)
    assert read(tmp_path / "out.tif").shape[0] == FRAMES


def test_too_little_memory_is_said_before_anything_is_touched(job, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_fluorodenoise.job.job.zarr.finish", interrupt)
    with pytest.raises(KeyboardInterrupt):
        job("out.tif").run()
    monkeypatch.undo()
    kept = content(folder_of(tmp_path / "out.tif"))
    monkeypatch.setattr("napari_fluorodenoise.engine.room.free", lambda: 1000)
    for options in ({"resume": True}, {"overwrite": True}):
        with pytest.raises(ValueError, match="GB of free memory"):
            job("out.tif").run(**options)
    assert content(folder_of(tmp_path / "out.tif")) == kept


def test_an_output_among_its_input_can_be_gone_on_with(noisy, tmp_path, monkeypatch):
    write(tmp_path / "frames", noisy)
    inside = Job(source=tmp_path / "frames", target=tmp_path / "frames" / "out.npy", recipe=Recipe.named("fast"))
    monkeypatch.setattr("napari_fluorodenoise.job.folder.Folder.clear", lambda self: interrupted_once(self))
    with pytest.raises(KeyboardInterrupt):
        inside.run()
    monkeypatch.undo()
    assert inside.target.exists()
    (tmp_path / "frames" / ".DS_Store").touch()
    inside.run(resume=True)
    assert not folder_of(inside.target).exists()


def interrupted_once(folder):
    """As if Ctrl-C came when the output has its name, and the folder is about to go."""
    if (folder.path / "moved").exists():
        raise KeyboardInterrupt


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


def test_stages_come_with_the_output_and_stay_out_of_sight_until_then(job, tmp_path, monkeypatch):
    stages = tmp_path / "stages"
    monkeypatch.setattr("napari_fluorodenoise.job.folder.Folder.finish", interrupt)
    with pytest.raises(KeyboardInterrupt):
        job("out.tif", "fast", save_stages=stages).run()
    monkeypatch.undo()
    assert visible(tmp_path) == [".out.tif.job", "in.ome.zarr"]
    with pytest.raises(FileError, match=r"options\.save_stages is null and was "):
        job("out.tif", "fast").run(resume=True)
    job("out.tif", "fast", save_stages=stages).run(resume=True)
    first = visible(stages)
    assert len([name for name in first if name.endswith(".zarr")]) > 1
    job("out.tif", "fast", save_stages=stages).run(overwrite=True)
    assert visible(stages) == first
    assert visible(tmp_path) == ["in.ome.zarr", "out.tif", "stages"]


WHOLE = [("out.ome.zarr", "fast"), ("out.tif", "sdd")]


@pytest.fixture(scope="module", params=WHOLE, ids=lambda whole: whole[0])
def whole(request, tmp_path_factory):
    """A job in a folder of its own, what it makes, and in how many steps."""
    name, recipe = request.param
    folder = tmp_path_factory.mktemp("killed")
    write(folder / "in.ome.zarr", phantom(frames=12, shape=(64, 48), pan=0.4, rng=1).noisy)
    job = Job(source=folder / "in.ome.zarr", target=folder / name, recipe=Recipe.named(recipe))
    steps = CONTEXT.Value("i", 0, lock=False)
    assert lived(job, None, steps)
    made = content(job.target)
    removed(job.target)
    return job, made, steps.value


def removed(path):
    for inner in path.iterdir() if path.is_dir() else ():
        removed(inner)
    path.rmdir() if path.is_dir() else path.unlink()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are killed with SIGKILL")
def test_killed_at_random_points_it_ends_with_the_same_bytes(whole):
    """Jobs that kill themselves at a random one of the writes that an undisturbed one makes.

    One that goes on has fewer to make; where it ends before it comes to the one that was drawn, the next begins anew.
    """
    job, made, count = whole
    folder, steps, rng, kills = job.target.parent, CONTEXT.Value("i", 0, lock=False), np.random.default_rng(0), 0
    while kills < KILLS[job.recipe.name]:
        kills += not lived(job, int(rng.integers(count)), steps)
        left = {name for name in visible(folder) if not name.startswith(folder_of(job.target).name)}
        if left == {"in.ome.zarr"}:
            assert folder_of(job.target).exists() == (kills > 0)
            continue
        assert left == {"in.ome.zarr", job.target.name}
        assert content(job.target) == made
        if folder_of(job.target).exists():  # it was killed before it came to remove it
            assert lived(job, None, steps)
        removed(job.target)
    if folder_of(job.target).exists():
        assert lived(job, None, steps)
        assert content(job.target) == made


def lived(job, stop, steps):
    """Whether a process that does `job`, resumed if it can be, ended; it is killed at its step `stop`."""
    process = CONTEXT.Process(target=live, args=(job, stop, steps))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode == 0


def live(job, stop, steps):
    counting, steps.value = threading.Lock(), 0

    def counted(real):
        def call(*arguments, **options):
            with counting:
                if steps.value == stop:
                    os.kill(os.getpid(), signal.SIGKILL)
                steps.value += 1
            return real(*arguments, **options)

        return call

    for owner, name in ((np, "save"), (Path, "replace"), (Path, "rename"), (os, "fsync"), (os, "unlink")):
        setattr(owner, name, counted(getattr(owner, name)))
    job.run(resume=True)
    with suppress(BaseException):
        os._exit(0)


LOADED = ("denoisers.wiener", "io.tiff", "io.zarr", "stages.decompose", "stages.stabilize", "motion.track")
CONTEXT.set_forkserver_preload(
    [
        __name__,
        "cv2",
        "dask.array",
        "filelock",
        "scipy.ndimage",
        "scipy.optimize",
        "skimage.filters",
        "tifffile",
        "zarr",
    ]
    + [f"napari_fluorodenoise.{name}" for name in LOADED]
)
