"""Sequences in S3, on a server of this machine, and on a web server: by several processes, and what is refused."""

import os
import re
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pickle import dumps, loads

import numpy as np
import pytest

from napari_fluorodenoise import io
from napari_fluorodenoise.job import manifest


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """A folder, and its URL on a web server that lists nothing."""
    pytest.importorskip("aiohttp")

    class Quiet(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def list_directory(self, path):
            self.send_error(403)

        def log_message(self, *_):
            pass

    folder = tmp_path_factory.mktemp("web")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("suffix", [".ome.zarr", ".tif", ".npy"])
def test_round_trip(bucket, caches, sequence, suffix):
    import fsspec

    video = sequence()
    for overwrite in (False, True):
        io.write(f"{bucket}/a/run{suffix}", video, overwrite=overwrite)
    again = io.read(f"{bucket}/a/run{suffix}")
    np.testing.assert_array_equal(again.numpy(), video.data)
    assert again.pixel_size == video.pixel_size
    assert not [key for key in fsspec.filesystem("s3").find(f"{bucket}/a") if "/." in key]


def test_frames_are_read_by_another_process(bucket, sequence, tmp_path):
    video = sequence()
    io.write(f"{bucket}/run.ome.zarr", video)
    data = io.read(f"{bucket}/run.ome.zarr").data
    assert int(loads(dumps(data))[2].sum().compute()) == int(video.data[2].sum())
    (tmp_path / "data").write_bytes(dumps(data))
    code = "import pickle, sys; print(int(pickle.load(open(sys.argv[1], 'rb'))[2].sum().compute()))"
    said = subprocess.run([sys.executable, "-c", code, tmp_path / "data"], capture_output=True, text=True, check=True)
    assert int(said.stdout) == int(video.data[2].sum())


def test_many_threads_read_at_once(bucket, sequence):
    video = sequence(shape=(40, 16, 16))
    io.write(f"{bucket}/run.ome.zarr", video)
    data = io.read(f"{bucket}/run.ome.zarr").data
    np.testing.assert_array_equal(data.compute(scheduler="threads", num_workers=8), video.data)


@pytest.mark.parametrize("name", ["run.ome.zarr", "run.tif"])
@pytest.mark.parametrize("act", [io.read, partial(io.check_output, overwrite=False)], ids=["read", "write"])
def test_a_bucket_that_is_not_there_is_one_line(s3_server, caches, name, act):
    url = f"s3://no-such-bucket/{name}"
    with pytest.raises(io.FileError, match=f"^{re.escape(url)}: .*bucket does not exist.; check bucket and name$"):
        act(url)


def test_missing_credentials_are_one_line(bucket, tmp_path):
    code = "import sys; from napari_fluorodenoise.cli import main; sys.exit(main(['info', sys.argv[1]]))"
    lacking = "import os; [os.environ.pop(name) for name in ('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY')]; "
    done = subprocess.run(
        [sys.executable, "-c", lacking + code, f"{bucket}/run.ome.zarr"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert re.fullmatch(
        r"fluorodenoise: s3://.*found it denied \(Unable to locate.*\); check the credentials\n", done.stderr
    )


def test_storage_that_does_not_answer_is_one_line(sequence):
    pytest.importorskip("aiohttp")
    with pytest.raises(io.FileError, match=r"^http://127.0.0.1:9/run.tif: expected storage that answers, found "):
        io.read("http://127.0.0.1:9/run.tif")


@pytest.mark.parametrize("suffix", [".ome.zarr", ".tif"])
def test_a_web_server_is_read(web, caches, sequence, suffix):
    folder, url = web
    video = sequence()
    io.write(folder / f"run{suffix}", video)
    np.testing.assert_array_equal(io.read(f"{url}/run{suffix}").numpy(), video.data)


@pytest.mark.parametrize("name", ["none.ome.zarr", "none.tif"])
def test_what_a_web_server_does_not_have_is_said(web, caches, name):
    with pytest.raises(io.FileError, match=f"{name}: expected .*nothing there|{name}: expected .*found none there"):
        io.read(f"{web[1]}/{name}")


@pytest.mark.parametrize("suffix", [".ome.zarr", ".tif"])
def test_a_sequence_on_a_web_server_that_changed_is_told(web, sequence, suffix):
    folder, url = web
    told = []
    for frames in (5, 7):
        io.write(folder / f"told{suffix}", sequence(shape=(frames, 8, 8)), overwrite=True)
        for file in folder.rglob("*"):
            os.utime(file, (frames, frames))  # a web server tells whole seconds
        told += [manifest.of_sequence(io.place(f"{url}/told{suffix}")) for _ in range(2)]
    assert manifest.changes(told[0], told[1]) == []
    assert manifest.changes(told[1], told[2])


def test_on_a_web_server_a_lost_chunk_is_told_when_it_is_read(web, sequence):
    folder, url = web
    io.write(folder / "lost.ome.zarr", sequence())
    (folder / "lost.ome.zarr/0/c/3/0/0").unlink()
    video = io.read(f"{url}/lost.ome.zarr")
    video.data[2].compute()
    with pytest.raises(io.FileError, match=r"lost.ome.zarr: expected all chunks, found one missing"):
        video.data[3].compute()
