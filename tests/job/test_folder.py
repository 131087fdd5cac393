"""A job's folder: one job at a time, kept where an interruption may be followed, gone elsewhere."""

import os
import subprocess
import sys

import pytest

from napari_fluorodenoise.io import FileError
from napari_fluorodenoise.job.folder import begun, folder_of

MANIFEST = {"input": {"bytes": 7}, "recipe": {"stages": [{"denoise": {"radius": 4}}]}, "versions": {"numpy": "2"}}


@pytest.fixture
def target(tmp_path):
    return tmp_path / "out.tif"


def interrupted(target, error):
    with pytest.raises(type(error)), begun(target, MANIFEST) as folder:
        (folder.pieces / "some").write_text("work")
        raise error


def caused(error, cause):
    error.__cause__ = cause
    return error


def test_what_is_made_gets_its_name_at_the_end_and_the_folder_goes(target):
    with begun(target, MANIFEST) as folder:
        folder.made.write_text("new")
        folder.made.with_name("out.tif.json").write_text("facts")
        assert not target.exists()
        folder.finish()
    assert sorted(path.name for path in target.parent.iterdir()) == ["out.tif", "out.tif.json"]


@pytest.mark.parametrize(
    ("error", "stays"),
    [
        (KeyboardInterrupt(), True),
        (OSError(28, "No space left on device"), True),
        (RuntimeError("a worker died"), True),
        (MemoryError(), True),
        (caused(FileError("out.tif: cannot be written"), OSError(28, "No space left on device")), True),
        (ValueError("expected finite pixels, found NaN"), False),
        (FileError("in.tif: expected frame 3 to be readable"), False),
    ],
    ids=str,
)
def test_it_stays_for_what_may_be_over_the_next_time(target, error, stays):
    interrupted(target, error)
    assert folder_of(target).exists() == stays


def test_an_unfinished_job_is_neither_lost_nor_gone_on_with_unasked(target):
    interrupted(target, KeyboardInterrupt())
    with (
        pytest.raises(FileError, match=r"out.tif: expected no unfinished job.*--resume.*--overwrite"),
        begun(target, MANIFEST),
    ):
        pass
    with begun(target, MANIFEST, resume=True) as folder:
        assert (folder.pieces / "some").read_text() == "work"
    interrupted(target, KeyboardInterrupt())
    with begun(target, MANIFEST, overwrite=True) as folder:
        assert not (folder.pieces / "some").exists()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("input", {"bytes": 8}, "input.bytes is 8 and was 7"),
        ("recipe", {"stages": [{"denoise": {"radius": 2}}]}, r"recipe.stages\[0\].denoise.radius is 2 and was 4"),
        ("versions", {"numpy": "3"}, 'versions.numpy is "3" and was "2"'),
    ],
)
def test_a_job_that_began_with_something_else_is_not_gone_on_with(target, key, value, said):
    interrupted(target, KeyboardInterrupt())
    with pytest.raises(FileError, match=said), begun(target, {**MANIFEST, key: value}, resume=True):
        pass
    with begun(target, MANIFEST, resume=True) as folder:
        assert (folder.pieces / "some").exists()


def test_the_second_job_on_an_output_is_refused_and_harms_nothing(target):
    with begun(target, MANIFEST) as folder:
        (folder.pieces / "some").write_text("work")
        for options in ({}, {"resume": True}, {"overwrite": True}):
            said = f"found one at work .process {os.getpid()} on"
            with pytest.raises(FileError, match=said), begun(target, MANIFEST, **options):
                pass
        assert (folder.pieces / "some").exists()


def test_a_process_that_is_killed_lets_go_of_its_job(target):
    code = (
        "import os, signal, sys; from pathlib import Path; from napari_fluorodenoise.job.folder import begun\n"
        "with begun(Path(sys.argv[1]), {}) as folder:\n    os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, target], check=False).returncode < 0
    with begun(target, {}, resume=True):
        pass


@pytest.mark.parametrize("moved", [False, True])
def test_a_job_that_was_killed_while_it_ended_is_ended(target, moved):
    with pytest.raises(KeyboardInterrupt), begun(target, MANIFEST) as folder:
        folder.made.mkdir()
        (folder.made / "0").write_text("new")
        if moved:
            folder.finish()
        else:
            (folder.path / "complete").touch()
        raise KeyboardInterrupt
    with begun(target, MANIFEST, resume=True) as folder:
        assert folder.complete
        folder.finish()
    assert (target / "0").read_text() == "new"
    assert not folder_of(target).exists()


def test_a_folder_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="cannot be written"), begun(tmp_path / "file" / "out.tif", MANIFEST):
        pass
