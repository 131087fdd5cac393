"""A job's folder: one job at a time, kept where an interruption may be followed, gone elsewhere."""

import errno
import multiprocessing
import os
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.io import FileError
from napari_fluorodenoise.job.folder import begun, ended, folder_of, replaces, unfinished

CONTEXT = multiprocessing.get_context("forkserver")
INPUT = {"path": "in.tif", "bytes": 7, "changed": 0, "content": "a"}
MANIFEST = {"input": INPUT, "recipe": {"stages": [{"denoise": {"radius": 4}}]}, "versions": {"numpy": "2"}}


@pytest.fixture
def target(tmp_path):
    return tmp_path / "out.tif"


def interrupted(target, error, **options):
    """The job's own folder, once a job on `target` ended with `error`; it holds a `some.done`."""
    with pytest.raises((type(error), FileError)), begun(target, MANIFEST, **options) as folder:
        (folder.pieces / "some.done").write_text("work")
        raise error
    return folder.work


def visible(folder):
    return sorted(path.name for path in folder.iterdir())


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
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (RuntimeError("a worker died"), True),
        (MemoryError(), True),
        (caused(FileError("out.tif: cannot be written"), OSError(28, "No space left on device")), True),
        (ValueError("expected finite pixels, found NaN"), False),
        (FileError("in.tif: expected frame 3 to be readable"), False),
    ],
    ids=str,
)
def test_before_anything_is_finished_it_stays_for_what_may_be_over_the_next_time(target, error, stays):
    with pytest.raises((type(error), FileError)), begun(target, MANIFEST):
        raise error
    assert folder_of(target).exists() == stays


@pytest.mark.parametrize("finished", ["pieces/0 denoise/fit.done", "pieces/result.blocks/16"])
def test_what_is_finished_is_kept_whatever_is_raised(target, finished):
    with pytest.raises(ValueError, match="too little memory"), begun(target, MANIFEST) as folder:
        (folder.work / finished).parent.mkdir()
        (folder.work / finished).touch()
        raise ValueError("too little memory")
    with begun(target, MANIFEST, resume=True) as folder:
        assert (folder.work / finished).exists()


def test_what_is_gone_on_with_is_kept_whatever_is_raised(target):
    with pytest.raises(KeyboardInterrupt), begun(target, MANIFEST):
        raise KeyboardInterrupt
    with pytest.raises(ValueError, match="no such device"), begun(target, MANIFEST, resume=True):
        raise ValueError("no such device")
    assert unfinished(target) == folder_of(target)


def test_an_error_of_the_disk_is_explained(target):
    said = "out.tif: cannot be written .No space left on device; what is finished is kept.; free .*--resume"
    with pytest.raises(FileError, match=said), begun(target, MANIFEST):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_an_unfinished_job_is_neither_lost_nor_gone_on_with_unasked(target):
    interrupted(target, KeyboardInterrupt())
    with (
        pytest.raises(FileError, match=r"out.tif: expected no unfinished job.*--resume.*--overwrite"),
        begun(target, MANIFEST),
    ):
        pass
    with begun(target, MANIFEST, resume=True) as folder:
        assert (folder.pieces / "some.done").read_text() == "work"
    interrupted(target, KeyboardInterrupt())
    with begun(target, MANIFEST, overwrite=True) as folder:
        assert not (folder.pieces / "some.done").exists()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("input", {**INPUT, "bytes": 8}, "in.tif changed: it has 8 bytes and had 7"),
        ("recipe", {"stages": [{"denoise": {"radius": 2}}]}, r"recipe.stages\[0\].denoise.radius is 2 and was 4"),
        ("versions", {"numpy": "3"}, 'versions.numpy is "3" and was "2"'),
    ],
)
def test_a_job_that_began_with_something_else_is_not_gone_on_with(target, key, value, said):
    interrupted(target, KeyboardInterrupt())
    with pytest.raises(FileError, match=said), begun(target, {**MANIFEST, key: value}, resume=True):
        pass
    with begun(target, MANIFEST, resume=True) as folder:
        assert (folder.pieces / "some.done").exists()


def test_the_second_job_on_an_output_is_refused_and_harms_nothing(target):
    with begun(target, MANIFEST) as folder:
        (folder.pieces / "some.done").write_text("work")
        for options in ({}, {"resume": True}, {"overwrite": True}):
            said = f"found one at work .process {os.getpid()} on"
            with pytest.raises(FileError, match=said), begun(target, MANIFEST, **options):
                pass
        assert (folder.pieces / "some.done").exists()


def test_what_an_earlier_job_still_writes_harms_nobody(target):
    """As a worker does that nobody waits for any more."""
    earlier = interrupted(target, KeyboardInterrupt())
    with begun(target, MANIFEST, overwrite=True) as folder:
        assert not earlier.exists()
        late = earlier / "made" / target.name / "0"
        late.parent.mkdir(parents=True)
        late.write_text("old")
        assert folder.work != earlier
        assert not folder.made.exists()
        folder.made.mkdir()
        (folder.made / "0").write_text("new")
        folder.finish()
    assert visible(target) == ["0"]
    assert (target / "0").read_text() == "new"
    late.parent.mkdir(parents=True)  # and later still
    with begun(target, MANIFEST):
        pass
    assert visible(target.parent) == ["out.tif"]


def test_a_folder_of_other_things_is_not_emptied(target):
    folder_of(target).mkdir()
    (folder_of(target) / "precious").touch()
    for options in ({}, {"resume": True}, {"overwrite": True}):
        said = "out.tif.job: expected a job's folder, found one of other things .precious.; move it"
        with pytest.raises(FileError, match=said), begun(target, MANIFEST, **options):
            pass
    assert visible(folder_of(target)) == ["precious"]


def test_a_job_of_another_kind_is_begun_again_only_when_asked(target):
    folder_of(target).mkdir()
    (folder_of(target) / "manifest.json").write_text("{}")
    with pytest.raises(FileError, match="begin again with --overwrite"), begun(target, MANIFEST, resume=True):
        pass
    with begun(target, MANIFEST, overwrite=True):
        pass
    assert not folder_of(target).exists()


def test_a_job_keeps_in_mind_that_it_was_to_overwrite(target):
    target.touch()
    for overwrite in (False, True):
        interrupted(target, KeyboardInterrupt(), overwrite=overwrite)
        assert replaces(target, resume=True, overwrite=False) == overwrite
        assert not replaces(target, resume=False, overwrite=False)
        assert replaces(target, resume=True, overwrite=True)
        shutil.rmtree(folder_of(target))


def test_resume_and_overwrite_together_go_on(target):
    interrupted(target, KeyboardInterrupt())
    with begun(target, MANIFEST, resume=True, overwrite=True) as folder:
        assert (folder.pieces / "some.done").exists()


def test_seconds_are_those_of_all_its_processes(target, monkeypatch):
    now = iter((10.0, 15.0, 100.0, 107.0, 107.0))
    clock = SimpleNamespace(perf_counter=lambda: next(now))
    monkeypatch.setattr("napari_fluorodenoise.job.folder.time", clock)
    interrupted(target, KeyboardInterrupt())  # 5 seconds
    with begun(target, MANIFEST, resume=True) as folder:
        assert folder.seconds == 12


def killed(act, *arguments):
    """Do it in a process, which is to kill itself meanwhile."""
    process = CONTEXT.Process(target=act, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_work(target):
    with begun(target, MANIFEST):
        die()


def die_removing(target):
    shutil.rmtree = lambda *arguments, **options: die()
    with begun(target, MANIFEST):
        pass


needs_sigkill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are killed with SIGKILL")


@needs_sigkill
def test_a_process_that_is_killed_lets_go_of_its_job(target):
    killed(die_at_work, target)
    with begun(target, MANIFEST, resume=True) as folder:
        assert folder.seconds != folder.seconds  # nan: nobody counted


@needs_sigkill
def test_a_folder_that_nobody_removed_to_the_end_goes_with_the_next_job(target):
    killed(die_removing, target)
    assert not folder_of(target).exists()
    assert len(visible(target.parent)) == 1
    with begun(target, MANIFEST):
        pass
    assert visible(target.parent) == []


def contend(target, rounds):
    """Jobs on `target`, one after the other, each of which is refused or alone."""
    done = 0
    while done < rounds:
        try:
            with begun(target, MANIFEST, overwrite=True) as folder:
                (folder.pieces / "own").write_text(str(os.getpid()))
                folder.made.write_text(str(os.getpid()))
                assert (folder.pieces / "own").read_text() == str(os.getpid())
                folder.finish()
                done += 1
        except FileError as error:
            assert "found one at work" in str(error)


def test_jobs_that_follow_one_another_never_meet(target):
    """Where one removes its folder, another is about to lock it."""
    processes = [CONTEXT.Process(target=contend, args=(target, 40)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert visible(target.parent) == ["out.tif"]


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
    assert ended(target, resume=True)
    assert (unfinished(target) is None) == moved
    with begun(target, MANIFEST, resume=True) as folder:
        assert folder.complete
        folder.finish()
    assert (target / "0").read_text() == "new"
    assert not folder_of(target).exists()


def test_an_output_that_is_gone_is_not_said_to_be_there(target):
    interrupted(target, KeyboardInterrupt())
    (folder_of(target) / "complete").touch()
    with (
        pytest.raises(FileError, match=r"out.tif: expected it in .*, found none; begin again with --overwrite"),
        begun(target, MANIFEST, resume=True) as folder,
    ):
        folder.finish()


def test_a_job_that_is_begun_again_is_nobodys_before_it_is_emptied(target, monkeypatch):
    """So that none killed meanwhile is taken for a complete one."""
    interrupted(target, KeyboardInterrupt())
    (folder_of(target) / "complete").touch()
    monkeypatch.setattr(shutil, "rmtree", lambda *arguments, **options: die_here())
    with pytest.raises(KeyboardInterrupt), begun(target, MANIFEST, overwrite=True):
        pass
    monkeypatch.undo()
    assert not ended(target, resume=True)
    with begun(target, MANIFEST, resume=True) as folder:
        assert not folder.complete
        assert visible(folder.pieces) == []


def die_here():
    raise KeyboardInterrupt


def test_what_was_made_is_on_the_disk_before_it_is_said_to_be_complete(target, monkeypatch):
    events = []
    monkeypatch.setattr("napari_fluorodenoise.job.folder.synced", lambda files: events.extend(p.name for p in files))
    monkeypatch.setattr(
        "napari_fluorodenoise.job.folder.replaced",
        lambda path, content: (events.append(path.name), pieces.replaced(path, content)),
    )
    with begun(target, MANIFEST) as folder:
        folder.made.write_text("new")
        folder.made.with_name("out.tif.json").touch()
        folder.finish()
    order = [events.index(name) for name in ("out.tif", "out.tif.json", "complete", "moved")]
    assert max(order[:2]) < order[2] < order[3]


def test_only_the_output_and_what_goes_beside_it_is_moved(target):
    with begun(target, MANIFEST) as folder:
        for name in ("out.tif", "out.tif.json", ".out.tif.x.part"):
            folder.made.with_name(name).write_text("new")
        folder.finish()
    assert visible(target.parent) == ["out.tif", "out.tif.json"]


def test_what_is_put_together_anew_finds_nothing_half_written(target):
    with begun(target, MANIFEST) as folder:
        folder.made.with_name(".out.tif.x.part").mkdir()
        assert visible(folder.anew(folder.made.parent)) == []


@pytest.mark.parametrize("elsewhere", [False, True])
def test_stages_come_with_the_output(target, tmp_path, monkeypatch, elsewhere):
    """In place of those there, on the same disk or another one, and wherever the move was interrupted."""
    stages = tmp_path / "stages"
    if elsewhere:
        real = Path.stat
        monkeypatch.setattr(Path, "stat", lambda self, **options: Elsewhere(real(self, **options), self == stages))
    for text in ("first", "second"):
        with begun(target, {}, overwrite=True, stages=stages) as folder:
            folder.made.write_text(text)
            for name in ("a.ome.zarr/0", "b.ome.zarr/0", "c.csv"):
                file = folder.anew(folder.stages) / name if name.startswith("a") else folder.stages / name
                file.parent.mkdir(exist_ok=True)
                file.write_text(text)
            assert not (stages / "c.csv").exists() or (stages / "c.csv").read_text() == "first"
            folder.finish()
        assert visible(stages) == ["a.ome.zarr", "b.ome.zarr", "c.csv"]
        assert {file.read_text() for file in stages.rglob("*") if file.is_file()} == {text}


class Elsewhere:
    """What the system says of a file, but on another disk where that is asked for."""

    def __init__(self, found, moved):
        self.found, self.st_dev = found, found.st_dev + moved

    def __getattr__(self, name):
        return getattr(self.found, name)


@pytest.mark.parametrize("place", ["file/out.tif", "nowhere/out.tif", "taken.tif"])
def test_a_folder_that_cannot_be_made_is_explained(tmp_path, place):
    for name in ("file", ".taken.tif.job"):
        (tmp_path / name).touch()
    with pytest.raises(FileError, match="cannot be written"), begun(tmp_path / place, MANIFEST):
        pass
