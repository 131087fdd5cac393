"""`fluorodenoise batch`: what fails does not stop the rest, and what is there is not made again."""

import csv
import os
import shutil
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace

import pytest

from napari_fluorodenoise.io import read, write
from napari_fluorodenoise.job.cluster import LostCluster
from napari_fluorodenoise.job.job import Job
from napari_fluorodenoise.job.ledger import COLUMNS
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.video import Run


@pytest.fixture
def study(tmp_path):
    """A folder with a sequence and what is none."""
    (tmp_path / "runs").mkdir()
    write(tmp_path / "runs" / "a.tif", phantom(frames=6, shape=(64, 64), rng=1).noisy)
    (tmp_path / "runs" / "none.tif").write_bytes(b"no TIFF")
    return tmp_path / "runs"


@pytest.fixture
def two(study):
    """The folder, with a second sequence in a folder below it."""
    (study / "day").mkdir()
    (study / "day" / "b.tif").write_bytes((study / "a.tif").read_bytes())
    return study


@pytest.fixture
def batch(run, study):
    return lambda *words: run("batch", "runs/**/*.tif", "--out", "clean", "--recipe", "fast", *words)


@pytest.fixture
def jobs(monkeypatch):
    """The names of the sequences that were tried."""
    tried, real = [], Job.run

    def noted(self, **options):
        tried.append(self.source.name)
        return real(self, **options)

    monkeypatch.setattr(Job, "run", noted)
    return tried


@pytest.fixture
def before_writing(monkeypatch):
    """Within it, what is given is called with the name of every output before that is written."""
    from napari_fluorodenoise.io import tiff

    real = tiff.write

    @contextmanager
    def before(call):
        def write(path, video, **options):
            call(path.name)
            real(path, video, **options)

        with monkeypatch.context() as patch:
            patch.setattr("napari_fluorodenoise.io.tiff.write", write)
            yield

    return before


def rows(folder):
    """The rows of the table, by output."""
    with (folder / "batch.csv").open(newline="") as file:
        return {row["output"]: row for row in csv.DictReader(file)}


def raising(error, *names):
    """A call that raises `error` for one of those names."""

    def call(name):
        if name in names:
            raise error

    return call


def test_all_are_tried_and_a_table_says_what_became_of_them(batch, two, tmp_path):
    code, out, err = batch()
    assert code == 1
    assert out == "2 done, 0 there before, 1 failed; see clean/batch.csv\n"
    assert err.startswith("fluorodenoise: runs/none.tif: expected a TIFF")
    assert err.count("\n") == 1
    table = rows(tmp_path / "clean")
    assert {name: row["state"] for name, row in table.items()} == {
        "a.tif": "done",
        "day/b.tif": "done",
        "none.tif": "failed",
    }
    done = table["a.tif"]
    assert tuple(done) == COLUMNS
    assert (done["frames"], done["rows"], done["columns"], done["recipe"]) == ("6", "64", "64", "fast")
    assert float(done["frames per second"]) > 0
    assert float(done["noise at level"]) > 0
    assert done["input"] == "runs/a.tif"
    assert done["verdict"]
    assert not table["none.tif"]["made from"]
    assert "expected a TIFF" in table["none.tif"]["error"]
    assert read(tmp_path / "clean" / "day" / "b.tif").shape == (6, 64, 64)


def test_a_second_call_does_only_what_is_missing(batch, two, jobs, tmp_path):
    batch()
    (tmp_path / "clean" / "a.tif").unlink()
    jobs.clear()
    _, out, _ = batch()
    assert jobs == ["a.tif", "none.tif"]
    assert out.startswith("1 done, 1 there before, 1 failed")
    (two / "none.tif").unlink()
    assert batch()[0] == 0


def test_what_was_made_from_something_else_is_left_and_said(batch, jobs, tmp_path):
    batch()
    before = (tmp_path / "clean" / "a.tif").read_bytes()
    jobs.clear()
    _, out, _ = batch("--set", "denoise.strength=0.5")
    assert "1 left as they are, made from another input, recipe or version: a.tif; --overwrite" in out
    assert (tmp_path / "clean" / "a.tif").read_bytes() == before
    batch("--set", "denoise.strength=0.5", "--overwrite")
    assert (tmp_path / "clean" / "a.tif").read_bytes() != before


def test_a_result_that_could_not_be_replaced_keeps_its_row(batch, before_writing, tmp_path):
    batch()
    before = rows(tmp_path / "clean")["a.tif"]
    with before_writing(raising(OSError(28, "No space left on device"), "a.tif")):
        assert "0 done, 0 there before, 2 failed" in batch("--set", "denoise.strength=0.5", "--overwrite")[1]
    row = rows(tmp_path / "clean")["a.tif"]
    assert "No space left on device" in row["error"]
    assert {**row, "error": ""} == before
    assert "0 done, 1 there before" in batch()[1]
    assert batch("--set", "denoise.strength=0.5", "--overwrite")[1].startswith("1 done, 0 there before, 1 failed")


def test_a_failed_result_of_which_no_row_tells_is_not_there_before(batch, before_writing, tmp_path):
    batch()
    (tmp_path / "clean" / "batch.csv").unlink()
    with before_writing(raising(OSError(28, "No space left on device"), "a.tif")):
        batch("--overwrite")
    assert rows(tmp_path / "clean")["a.tif"]["state"] == "failed"
    shutil.rmtree(tmp_path / "clean" / ".a.tif.job")
    assert "1 left as they are" in batch()[1]


@pytest.mark.parametrize("error", [RuntimeError("CUDA out of memory"), ValueError("a bad sequence")])
def test_whatever_fails_does_not_stop_the_rest(batch, two, monkeypatch, error):
    real = Job.run

    def run(self, **options):
        raising(error, "a.tif")(self.source.name)
        return real(self, **options)

    monkeypatch.setattr(Job, "run", run)
    code, out, err = batch()
    assert code == 1
    assert out.startswith("1 done, 0 there before, 2 failed")
    kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
    assert err.startswith(f"fluorodenoise: runs/a.tif: {kind}{error}\n")


def test_a_lost_scheduler_stops_all(batch, jobs, monkeypatch, tmp_path):
    def run(self, **options):
        jobs.append(self.source.name)
        raise LostCluster("expected the scheduler, found it gone; start it again, and go on with --resume")

    monkeypatch.setattr(Job, "run", run)
    code, _, err = batch()
    said = "expected the scheduler, found it gone; start it again, and give the same command again"
    assert (code, err) == (2, f"fluorodenoise: {said}\n")
    assert jobs == ["a.tif"]
    assert not (tmp_path / "clean" / "batch.csv").exists()


def test_a_sequence_that_ends_its_workers_is_one_that_fails(batch, monkeypatch):
    killed = pytest.importorskip("distributed").KilledWorker("a call", None, 3)
    error = LostCluster("expected workers that live")
    error.__cause__ = killed
    monkeypatch.setattr(Job, "run", lambda self, **options: raising(error, self.source.name)(self.source.name))
    assert batch()[1].startswith("0 done, 0 there before, 2 failed")


def test_what_was_killed_while_its_report_was_made_is_there(batch, jobs, monkeypatch, tmp_path):
    whole = batch() and rows(tmp_path / "clean")["a.tif"]
    (tmp_path / "clean" / "a.tif").unlink()
    with monkeypatch.context() as patch:
        patch.setattr("napari_fluorodenoise.quality.trust.trust", lambda *_, **__: raising(KeyboardInterrupt, 0)(0))
        assert batch()[0] == 130
    row = rows(tmp_path / "clean")["a.tif"]
    assert (row["state"], row["verdict"]) == ("done", "")
    jobs.clear()
    assert "0 done, 1 there before" in batch()[1]
    assert jobs == ["none.tif"]
    row = rows(tmp_path / "clean")["a.tif"]
    judged = ("level", "noise at level", "verdict", "removed", "invented", "lag", "texture", "bias", "dose")
    assert {name: row[name] for name in judged} == {name: whole[name] for name in judged}


def test_a_job_that_only_had_to_be_ended_has_its_noise_measured(batch, monkeypatch, tmp_path):
    real = Job.run
    monkeypatch.setattr(Job, "run", lambda self, **o: replace(real(self, **o), run=Run.of(read(self.source))))
    batch()
    assert float(rows(tmp_path / "clean")["a.tif"]["noise at level"]) > 0


def test_other_spellings_of_the_same_paths_are_the_same(batch, run, study, monkeypatch, tmp_path):
    batch()
    absolute = run("batch", f"{study}/**/*.tif", "--out", tmp_path / "clean", "--recipe", "fast")
    assert absolute[1].startswith("0 done, 1 there before")
    monkeypatch.chdir(study)
    assert run("batch", "**/*.tif", "--out", "../clean", "--recipe", "fast")[1].startswith("0 done, 1 there before")
    assert len(rows(tmp_path / "clean")) == 2


def test_what_was_interrupted_is_gone_on_with(batch, before_writing, tmp_path):
    with before_writing(raising(KeyboardInterrupt, "a.tif")):
        code, _, err = batch()
    assert (code, err) == (130, "fluorodenoise: interrupted; what is finished is kept: the same command goes on\n")
    assert (tmp_path / "clean" / ".a.tif.job").is_dir()
    assert batch()[1].startswith("1 done, 0 there before, 1 failed")
    assert not (tmp_path / "clean" / ".a.tif.job").exists()


@pytest.mark.parametrize("again", [["--overwrite"], []])
def test_replacing_that_was_interrupted_is_gone_on_with(batch, two, before_writing, jobs, tmp_path, again):
    batch()
    before = (tmp_path / "clean" / "day" / "b.tif").read_bytes()
    with before_writing(raising(KeyboardInterrupt, "b.tif")):
        assert batch("--set", "denoise.strength=0.5", "--overwrite")[0] == 130
    jobs.clear()
    assert batch("--set", "denoise.strength=0.5", *again)[1].startswith("1 done, 1 there before, 1 failed")
    assert jobs == ["b.tif", "none.tif"]
    assert (tmp_path / "clean" / "day" / "b.tif").read_bytes() != before
    assert not (tmp_path / "clean" / "day" / ".b.tif.job").exists()


def test_an_unfinished_job_of_another_recipe_is_begun_again_by_overwrite(batch, before_writing, tmp_path):
    with before_writing(raising(KeyboardInterrupt, "a.tif")):
        batch()
    _code, out, err = batch("--set", "denoise.strength=0.5")
    assert out.startswith("0 done, 0 there before, 2 failed")
    assert "expected what its unfinished job began with" in err
    assert "begin again with --overwrite" in err
    assert batch("--set", "denoise.strength=0.5", "--overwrite")[1].startswith("1 done, 0 there before, 1 failed")
    assert not (tmp_path / "clean" / ".a.tif.job").exists()


def test_nothing_to_do_is_said(run, tmp_path):
    code, _, err = run("batch", "*.dcm", "--out", "clean")
    assert code == 2
    assert "expected sequences, found none by *.dcm" in err
    assert not (tmp_path / "clean").exists()


def test_two_batches_on_one_folder_are_refused(batch, tmp_path):
    from filelock import FileLock

    (tmp_path / "clean").mkdir()
    with FileLock(tmp_path / "clean" / ".batch.lock"):
        code, _, err = batch()
    assert code == 2
    assert "clean: expected no other batch on this folder, found one at work" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["runs/*.tif", "--out", "."],
            "expected sequences outside of the folder of the results, ., where all is taken",
        ),
        (["memory://a/*.tif", "--out", "clean"], "found wildcards in memory://a/*.tif; give a URL for each sequence"),
        (["runs/a.tif", "--out", "memory://a"], "expected a folder of this machine for the results, found memory://a"),
        (["memory://a/b.tif", "--out", "clean", "--watch"], "expected folders of this machine to watch, found memory:"),
        (["runs/a.tif", "runs/../runs/a.tif", "--out", "clean"], "both for clean/a.tif; take them apart"),
        (["runs/a.tif", "--out", "clean", "--suffix", ".png"], "expected a suffix that is written"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(run, study, tmp_path, words, said):
    code, out, err = run("batch", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not (tmp_path / "clean").exists()


def test_a_url_is_a_sequence(run, study, memory, caches, tmp_path):
    write(f"{memory}/a.ome.zarr", read(study / "a.tif"))
    code, out, err = run("batch", f"{memory}/a.ome.zarr", "--out", "clean", "--recipe", "fast", "--suffix", ".tif")
    assert (code, err) == (0, "")
    assert out.startswith("1 done")
    assert rows(tmp_path / "clean")["a.tif"]["input"] == f"{memory}/a.ome.zarr"
    assert read(tmp_path / "clean" / "a.tif").shape == (6, 64, 64)


@pytest.fixture
def cluster(monkeypatch):
    """A cluster of which only the number of workers is asked; the work is done here."""
    fake = SimpleNamespace(workers=0)

    @contextmanager
    def working(**_):
        yield fake

    monkeypatch.setattr("napari_fluorodenoise.job.cluster.working", working)
    monkeypatch.setattr("napari_fluorodenoise.job.batch.AGAIN", 0.0)
    return fake


def test_workers_may_come_later(batch, cluster, two, monkeypatch):
    write(two / "c.tif", read(two / "a.tif"))
    together, real = threading.Barrier(2, timeout=20), Job.run

    def run(self, **options):
        if self.source.name == "a.tif":  # alone, as there are none
            cluster.workers = 2
        else:
            together.wait()
        return real(self, **options)

    monkeypatch.setattr(Job, "run", run)
    (two / "none.tif").unlink()
    assert batch()[1].startswith("3 done")


def test_the_bar_names_what_is_under_way(batch, two, monkeypatch):
    said = []

    @contextmanager
    def bars():
        yield lambda title: lambda fraction, message, training=None: said.append((fraction, message))

    monkeypatch.setattr(import_module("napari_fluorodenoise.cli.batch"), "bars", bars)
    batch()
    assert said[-1] == (1.0, "3 of 3")
    assert all(message.count(".tif") <= 1 for _, message in said)
    assert any(message.startswith("1 of 3; b.tif") for _, message in said)


def wait_for(what, *, seconds=20.0):
    """Wait until `what` says so; raises where it never does."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise TimeoutError("what was waited for did not come")
        time.sleep(0.02)


@pytest.fixture
def watched(batch, tmp_path):
    """What `batch --watch` says while `meanwhile` is called, which Ctrl-C follows, also where it raises."""

    def call(meanwhile):
        wrong, over = [], threading.Event()

        def there():
            try:
                meanwhile(lambda name: (tmp_path / "clean").exists() and rows_or_none(tmp_path / "clean").get(name))
            except Exception as error:
                wrong.append(error)
            if not over.is_set():
                os.kill(os.getpid(), signal.SIGINT)

        waiting = threading.Thread(target=there)
        waiting.start()
        said = batch("--watch", "--every", "0.1")
        over.set()
        waiting.join()
        assert wrong == []
        return said

    return call


def rows_or_none(folder):
    return rows(folder) if (folder / "batch.csv").exists() else {}


on_posix = pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent as a signal")


@on_posix
def test_a_watched_folder_is_gone_through_until_it_is_ended(watched, two, tmp_path):
    (two / "none.tif").unlink()

    def arrive(row):
        wait_for(lambda: row("day/b.tif"))
        (two / "day" / "b.tif").replace(two / "late.tif")
        wait_for(lambda: row("late.tif"))

    assert watched(arrive) == (0, "3 done, 0 there before, 0 failed; see clean/batch.csv\n", "")
    assert read(tmp_path / "clean" / "late.tif").shape == (6, 64, 64)


@on_posix
def test_ending_a_watch_tells_of_the_look_in_hand(watched, two, before_writing):
    os.utime(two / "none.tif", (1, 1))  # cut short for longer than anybody waits
    (two / "none.tif").replace(two / "a0.tif")
    begun, ended = threading.Event(), threading.Event()

    def hold(name):
        if name == "b.tif":
            begun.set()
            ended.wait(20)

    def arrive(row):
        wait_for(begun.is_set)
        threading.Timer(0.5, ended.set).start()

    with before_writing(hold):
        code, out, err = watched(arrive)
    assert (code, out.splitlines()) == (
        1,
        [
            "1 done, 0 there before, 1 failed; see clean/batch.csv",
            "1 unfinished: b.tif; the same command goes on",
        ],
    )
    assert err.startswith("fluorodenoise: runs/a0.tif: expected a TIFF")


@on_posix
def test_a_second_sequence_for_one_place_does_not_end_a_watch(watched, two, tmp_path):
    (two / "none.tif").unlink()
    (two / "a.tiff").write_bytes((two / "a.tif").read_bytes())
    (two / "a.tiff").replace(two / "a.ome.tif")

    def arrive(row):
        wait_for(lambda: row("day/b.tif"))
        write(two / "c.tif", read(two / "a.tif"))
        wait_for(lambda: row("c.tif"))

    code, out, err = watched(arrive)
    assert (code, out) == (1, "3 done, 0 there before, 1 failed; see clean/batch.csv\n")
    assert "found runs/a.ome.tif and runs/a.tif, both for clean/a.tif" in err
    assert err.count("\n") == 1
