"""Jobs on sequences in object storage: the same pixels, whenever they are interrupted, and nothing left aside."""

import multiprocessing
import os
import signal
from contextlib import suppress

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from napari_fluorodenoise.io import FileError, place, read, write
from napari_fluorodenoise.job import manifest
from napari_fluorodenoise.job.folder import begun, folder_of
from napari_fluorodenoise.job.job import Job
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.recipe import Recipe

KILLS = 2
CONTEXT = multiprocessing.get_context("forkserver")


@pytest.fixture(scope="module")
def noisy():
    return phantom(frames=12, shape=(64, 64), pan=0.4, rng=1).noisy


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    """The folder in which jobs are kept."""
    monkeypatch.setenv("FLUORODENOISE_JOBS", str(tmp_path / "jobs"))
    return tmp_path / "jobs"


def job(url, name, recipe="fast", **rest):
    return Job(source=place(f"{url}/in.ome.zarr"), target=place(f"{url}/{name}"), recipe=Recipe.named(recipe), **rest)


def content(url):
    """The objects under `url` by their keys."""
    fs, path = fsspec.url_to_fs(url, use_listings_cache=False)
    return {key.removeprefix(path): fs.cat_file(key) for key in fs.find(path)}


@pytest.mark.parametrize("name", ["out.ome.zarr", "out.tif", "out.npy", "out"])
def test_a_job_makes_in_storage_what_it_makes_in_a_folder(memory, noisy, caches, jobs, tmp_path, name):
    write(f"{memory}/in.ome.zarr", noisy)
    done = job(memory, name).run()
    local = Job(source=place(f"{memory}/in.ome.zarr"), target=tmp_path / name, recipe=Recipe.named("fast"))
    local.run()
    assert done.frames == 12
    np.testing.assert_array_equal(read(f"{memory}/{name}").numpy(), read(tmp_path / name).numpy())
    assert {key.split("/")[1] for key in content(memory)} <= {"in.ome.zarr", name, f"{name}.json"}
    assert list(jobs.iterdir()) == []


class Interrupted(BaseException):
    pass


def interrupted_at(step, monkeypatch, act):
    """Whether `act` was interrupted before the change `step` of what is in memory."""
    steps = iter(range(step))

    def counted(real):
        def call(self, *arguments, **options):
            if next(steps, None) is None:
                raise Interrupted
            return real(self, *arguments, **options)

        return call

    with monkeypatch.context() as patch:
        for name in ("cp_file", "_rm", "put_file"):
            patch.setattr(MemoryFileSystem, name, counted(getattr(MemoryFileSystem, name)))
        try:
            act()
        except Interrupted:
            return True
    return False


@pytest.mark.parametrize("name", ["out.ome.zarr", "out.npy"])
def test_interrupted_while_it_replaces_an_output_it_ends_whole(memory, noisy, caches, jobs, monkeypatch, name):
    first, second = noisy.crop(frames=slice(0, 3)), noisy.crop(frames=slice(6, 10))
    write(f"{memory}/in.ome.zarr", second)
    job(memory, name).run()
    whole, resumed = content(memory), 0
    for step in range(100):
        write(f"{memory}/{name}", first, overwrite=True)
        before = content(memory)
        if not interrupted_at(step, monkeypatch, lambda: job(memory, name).run(overwrite=True)):
            break
        if any(path.name == "complete" for path in jobs.rglob("*")):
            job(memory, name).run(resume=True)
            assert content(memory) == whole
            resumed += 1
        else:
            assert before.items() <= content(memory).items()
    assert content(memory) == whole
    assert resumed >= 5
    assert list(jobs.iterdir()) == []


def test_what_is_begun_again_clears_what_an_earlier_job_left_aside(memory, noisy, jobs, monkeypatch):
    write(f"{memory}/in.ome.zarr", noisy)
    with pytest.raises(Interrupted), begun(place(f"{memory}/out.ome.zarr"), {}) as folder:
        write(folder.image, noisy.crop(frames=slice(0, 5)))
        raise Interrupted
    assert any("/.out.ome.zarr.job/" in key for key in content(memory))
    with pytest.raises(FileError, match=rf"expected no unfinished job, found one in {jobs}.*--resume"):
        job(memory, "out.ome.zarr").run()
    job(memory, "out.ome.zarr").run(overwrite=True)
    assert read(f"{memory}/out.ome.zarr").shape == noisy.shape
    assert not any("/.out" in key for key in content(memory))


def test_bad_input_leaves_nothing(memory, noisy, jobs):
    bad = noisy.numpy().astype(np.float32)
    bad[9, 5, 5] = np.nan
    write(f"{memory}/in.ome.zarr", noisy.with_data(bad))
    with pytest.raises(ValueError, match="NaN"):
        job(memory, "out.ome.zarr").run()
    assert not any("out" in key for key in content(memory))
    assert list(jobs.iterdir()) == []


def test_storage_that_fails_is_said_and_the_job_goes_on(memory, noisy, jobs, monkeypatch):
    write(f"{memory}/in.ome.zarr", noisy)
    job(memory, "whole.ome.zarr").run()
    room, real = iter(range(5)), MemoryFileSystem.pipe_file

    def put(self, path, *arguments, **options):
        if "/0/c/" in path and next(room, None) is None:
            raise PermissionError("Quota exceeded")
        return real(self, path, *arguments, **options)

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", put)
    with pytest.raises(FileError, match=f"^{memory}/out.ome.zarr: .*Quota exceeded"):
        job(memory, "out.ome.zarr").run()
    monkeypatch.undo()
    monkeypatch.setenv("FLUORODENOISE_JOBS", str(jobs))
    assert not content(f"{memory}/out.ome.zarr")
    job(memory, "out.ome.zarr").run(resume=True)
    assert content(f"{memory}/out.ome.zarr") == content(f"{memory}/whole.ome.zarr")


def test_a_second_job_on_a_url_is_refused(memory, noisy, jobs):
    write(f"{memory}/in.ome.zarr", noisy)
    with (
        begun(place(f"{memory}/out.ome.zarr"), {}),
        pytest.raises(FileError, match=f"found one at work .process {os.getpid()}"),
    ):
        job(memory, "out.ome.zarr").run()


def test_jobs_on_outputs_of_one_name_have_folders_of_their_own(jobs, caches, monkeypatch):
    names = {folder_of(url) for url in ("s3://a/out.tif", "s3://b/out.tif", "s3://b/out.tif/")}
    assert len(names) == 2
    assert {path.parent for path in names} == {jobs}
    monkeypatch.delenv("FLUORODENOISE_JOBS")
    assert folder_of("s3://a/out.tif").parent == caches / "jobs"


@pytest.mark.parametrize("name", ["in.tif", "in.ome.zarr"])
def test_an_input_that_changed_is_told(memory, noisy, name):
    url = place(f"{memory}/{name}")
    write(url, noisy)
    before = manifest.of_sequence(url)
    assert manifest.changes(before, manifest.of_sequence(url)) == []
    assert before["bytes"] == sum(map(len, content(str(url)).values()))
    write(url, noisy.with_data(noisy.numpy() + 1), overwrite=True)
    assert manifest.changes(before, manifest.of_sequence(url))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are killed with SIGKILL")
def test_killed_at_random_points_it_ends_with_the_same_objects(bucket, noisy, jobs):
    """Jobs on S3 in processes that kill themselves before a random one of the changes they make there."""
    name = "out.ome.zarr"
    write(f"{bucket}/in.ome.zarr", noisy.crop(frames=slice(0, 9)))
    changes = CONTEXT.Value("i", 0)
    assert lived(job(bucket, name), None, changes)
    whole = content(bucket)
    fsspec.filesystem("s3").rm(f"{bucket}/{name}", recursive=True)
    rng, left = np.random.default_rng(0), changes.value
    for _ in range(KILLS):
        stop = int(rng.integers(1, left))
        assert not lived(job(bucket, name), stop, changes)
        left = max(left - stop, 2)
    assert lived(job(bucket, name), None, changes)
    assert content(bucket) == whole
    assert list(jobs.iterdir()) == []


def lived(job, stop, changes):
    """Whether a process that does `job`, resumed if it can be, ended: it is killed before its change `stop`."""
    process = CONTEXT.Process(target=live, args=(job, stop, changes, dict(os.environ)))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode == 0


def live(job, stop, changes, environment):
    import s3fs

    changes.value = 0
    os.environ.update(environment)

    def counted(real):
        async def call(*arguments, **options):
            if changes.value == stop:
                os.kill(os.getpid(), signal.SIGKILL)
            changes.value += 1
            return await real(*arguments, **options)

        return call

    for name in ("_pipe_file", "_put_file", "_cp_file", "_rm_file", "_bulk_delete"):
        setattr(s3fs.S3FileSystem, name, counted(getattr(s3fs.S3FileSystem, name)))
    job.run(resume=True)
    with suppress(BaseException):
        os._exit(0)


CONTEXT.set_forkserver_preload([__name__, "napari_fluorodenoise.denoisers.wiener", "s3fs", "zarr"])
