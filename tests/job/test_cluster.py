"""Jobs on a cluster: the same pixels as on threads, and what is lost when a part of it is."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from threading import Thread

import numpy as np
import pytest

pytest.importorskip("distributed")

from distributed import Client

from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.progress import Cancelled, checkpoint
from napari_fluorodenoise.io import read, write
from napari_fluorodenoise.job import cluster
from napari_fluorodenoise.job.job import Job
from napari_fluorodenoise.job.local import devices, workers_here
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.recipe import Recipe


@pytest.fixture(scope="module")
def workers():
    """A cluster of two workers on this machine."""
    with workers_here(2) as two:
        yield two.scheduler_address


@pytest.fixture
def noisy():
    return phantom(frames=24, shape=(96, 64), pan=0.4, rng=1).noisy


@pytest.fixture
def job(noisy, tmp_path):
    write(tmp_path / "in.ome.zarr", noisy)
    return lambda name, recipe="sdd": Job(
        source=tmp_path / "in.ome.zarr", target=tmp_path / name, recipe=Recipe.named(recipe)
    )


def test_a_cluster_makes_the_same_pixels_and_the_client_sees_none(job, tmp_path, workers, monkeypatch):
    def read_here(*_):
        raise AssertionError("a frame was read or computed by the client")

    job("threads.ome.zarr").run()
    monkeypatch.setattr("napari_fluorodenoise.io.zarr._Explained.__getitem__", read_here)
    monkeypatch.setattr("napari_fluorodenoise.io.zarr.Frames.__setitem__", read_here)
    with cluster.working(scheduler=workers) as cluster_of_two:
        job("cluster.ome.zarr").run()
        assert str(cluster_of_two).startswith("2 workers, to be watched at http://")
    monkeypatch.undo()
    np.testing.assert_array_equal(*(read(tmp_path / f"{name}.ome.zarr").numpy() for name in ("threads", "cluster")))


def slow(folder, number):
    """A call that notes who did it, and takes a while."""
    with (folder / str(number)).open("a") as file:
        file.write(f"{os.getpid()} ")
    time.sleep(0.1)
    return number


def test_a_killed_worker_costs_what_it_had_in_hand(tmp_path):
    from functools import partial

    with workers_here(2) as two, cluster.working(scheduler=two.scheduler_address):
        given = pieces.executor().each([partial(slow, tmp_path, n) for n in range(40)], report=lambda: None)
        first = [next(given) for _ in range(6)]
        os.kill(int((tmp_path / "5").read_text().split()[0]), signal.SIGKILL)
        assert [*first, *given] == list(range(40))
    again = sum(len(path.read_text().split()) - 1 for path in tmp_path.iterdir())
    assert again < 10  # of 40: what one of two workers had in hand, or had begun when its death was found


def test_a_scheduler_that_is_gone_is_said_and_the_job_goes_on(job, tmp_path):
    told = tmp_path / "scheduler.json"
    scheduler = dask_process("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(told))
    address = waited_for(told)
    worker = dask_process("worker", address, "--nthreads", "1")
    try:
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=30)
        Thread(target=kill_when, args=(scheduler, tmp_path / ".out.tif.job", "work-*/pieces/0 denoise")).start()
        with pytest.raises(cluster.LostCluster, match=r"found it gone.*--resume"), cluster.working(scheduler=address):
            job("out.tif", "fast").run()
    finally:
        for process in (worker, scheduler):
            process.kill()
            process.wait()
    job("out.tif", "fast").run(resume=True)
    job("whole.tif", "fast").run()
    assert (tmp_path / "out.tif").read_bytes() == (tmp_path / "whole.tif").read_bytes()


def dask_process(kind, *arguments):
    words = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *arguments]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def waited_for(file):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if file.exists() and file.read_text():
            return json.loads(file.read_text())["address"]
        time.sleep(0.1)
    raise AssertionError("no scheduler came up")


def kill_when(process, folder, pattern):
    """Kill a process as soon as something of that name is in the folder, and after a minute anyway."""
    end = time.monotonic() + 60
    while not list(folder.glob(pattern)) and time.monotonic() < end:
        time.sleep(0.01)
    process.kill()


def test_workers_of_another_version_are_refused_with_both_named(workers, monkeypatch):
    monkeypatch.setattr(cluster, "version", lambda _: "99.1")
    said = r"expected napari-fluorodenoise 99.1 on every worker.*found 0\."
    with pytest.raises(ValueError, match=said), cluster.working(scheduler=workers):
        pass


def test_a_worker_that_comes_later_is_asked_for_its_version_too(workers, monkeypatch):
    monkeypatch.setattr(cluster, "_refuse_others", lambda client: None)
    with cluster.working(scheduler=workers):
        monkeypatch.setattr(cluster, "version", lambda _: "99.1")
        with pytest.raises(ValueError, match=r"99.1 on every worker, as here, found 0\."):
            list(pieces.executor().each([os.getpid], report=lambda: None))


def test_one_call_reports_from_where_it_is(workers, tmp_path):
    def call(progress):
        while not (tmp_path / "heard").exists():
            progress(0.5, "at work")
            time.sleep(0.05)
        return os.getpid()

    def hear(fraction, message):
        if (fraction, message) == (0.5, "at work"):
            (tmp_path / "heard").touch()

    with cluster.working(scheduler=workers):
        assert pieces.executor().one(call, progress=hear) != os.getpid()


def test_a_call_that_nobody_waits_for_any_more_ends(workers, tmp_path):
    def forever(progress):
        (tmp_path / "begun").touch()
        try:
            while True:
                time.sleep(0.01)
                checkpoint()
        finally:
            (tmp_path / "ended").touch()

    def stop(fraction, message):
        if (tmp_path / "begun").exists():
            raise Cancelled

    with cluster.working(scheduler=workers):
        with pytest.raises(Cancelled):
            pieces.executor().one(forever, progress=stop)
        end = time.monotonic() + 20
        while not (tmp_path / "ended").exists() and time.monotonic() < end:
            time.sleep(0.05)
    assert (tmp_path / "ended").exists()


def test_what_a_call_raises_is_raised_here(workers):
    def bad():
        raise ValueError("expected 1, found 2")

    with cluster.working(scheduler=workers), pytest.raises(ValueError, match="expected 1, found 2"):
        list(pieces.executor().each([bad], report=lambda: None))


def test_no_scheduler_is_said(monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    said = "expected a dask scheduler at tcp://127.0.0.1:9, found none"
    with pytest.raises(ConnectionError, match=re.escape(said)), cluster.working(scheduler="tcp://127.0.0.1:9"):
        pass


def test_a_scheduler_has_its_own_workers():
    with pytest.raises(ValueError, match="found both"), cluster.working(scheduler="tcp://a:1", workers=2):
        pass


def test_each_local_worker_has_a_gpu_to_itself(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert devices() == ["3", "5"]

    def seen():
        return os.environ["CUDA_VISIBLE_DEVICES"]

    with workers_here(2) as two, Client(two, set_as_default=False) as client:
        assert sorted(client.run(seen).values()) == ["3", "5"]
        assert set(client.nthreads().values()) == {1}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert devices() == []
