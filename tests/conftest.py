"""What the tests of several commands share."""

import os
from uuid import uuid4

import pytest

from napari_fluorodenoise.cli import main


@pytest.fixture(scope="session")
def s3_server():
    """An S3 server in a thread of this process, which clients in any process find by the environment."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    known = {"ENDPOINT_URL": f"http://{host}:{port}", "ACCESS_KEY_ID": "some", "SECRET_ACCESS_KEY": "one"}
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in {**known, "DEFAULT_REGION": "us-east-1", "EC2_METADATA_DISABLED": "true"}.items():
            patch.setenv(f"AWS_{name}", value)
        yield server
    server.stop()


@pytest.fixture
def bucket(s3_server):
    """The URL of a new bucket."""
    import fsspec

    name = f"runs-{uuid4().hex[:8]}"
    fsspec.filesystem("s3").mkdir(name)
    return f"s3://{name}"


@pytest.fixture
def memory():
    """The URL of a new place in this process's memory, which fsspec takes for storage."""
    pytest.importorskip("fsspec")
    return f"memory://{uuid4().hex[:8]}"


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """The folder that is the user's cache folder meanwhile."""
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "napari-fluorodenoise"


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """A command line, run in an empty folder, as (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def words(*arguments):
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return words


@pytest.fixture
def small_trainings(monkeypatch):
    """Small batches on one thread: a training in a second."""
    import torch

    from napari_fluorodenoise.denoisers import excerpts, lessons, refining

    sizes = {lessons: {"BATCH": 2, "CROP": 32}, excerpts: {"FEWEST": 1, "MOST": 1}}
    sizes[refining] = {"BATCH": 2, "CROP": 32, "JUDGED": 4}
    for module, changes in sizes.items():
        for name, size in changes.items():
            monkeypatch.setattr(module, name, size)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
