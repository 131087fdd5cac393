"""`fluorodenoise batch`: what fails does not stop the rest, and what is there is not made again."""

import csv
import os
import signal
import threading

import pytest

from napari_fluorodenoise.io import read, write
from napari_fluorodenoise.job.job import Job
from napari_fluorodenoise.job.ledger import COLUMNS
from napari_fluorodenoise.physics.phantom import phantom


@pytest.fixture
def study(tmp_path):
    """Two sequences and what is none, in two folders."""
    noisy = phantom(frames=6, shape=(64, 64), rng=1).noisy
    (tmp_path / "runs" / "day").mkdir(parents=True)
    write(tmp_path / "runs" / "a.tif", noisy)
    write(tmp_path / "runs" / "day" / "b.tif", noisy)
    (tmp_path / "runs" / "none.tif").write_bytes(b"no TIFF")
    return tmp_path / "runs"


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


def rows(folder):
    with (folder / "batch.csv").open(newline="") as file:
        return {row["input"]: row for row in csv.DictReader(file)}


def test_all_are_tried_and_a_table_says_what_became_of_them(batch, study, tmp_path):
    code, out, err = batch()
    assert code == 1
    assert out == "2 done, 0 there before, 1 failed; see clean/batch.csv\n"
    assert err.startswith("fluorodenoise: runs/none.tif: expected a TIFF")
    assert err.count("\n") == 1
    table = rows(tmp_path / "clean")
    assert {name: row["state"] for name, row in table.items()} == {
        "runs/a.tif": "done",
        "runs/day/b.tif": "done",
        "runs/none.tif": "failed",
    }
    done = table["runs/a.tif"]
    assert tuple(done) == COLUMNS
    assert (done["frames"], done["rows"], done["columns"], done["recipe"]) == ("6", "64", "64", "fast")
    assert float(done["frames per second"]) > 0
    assert float(done["noise at level"]) > 0
    assert done["verdict"]
    assert "expected a TIFF" in table["runs/none.tif"]["error"]
    assert read(tmp_path / "clean" / "day" / "b.tif").shape == (6, 64, 64)


def test_a_second_call_does_only_what_is_missing(batch, study, jobs, tmp_path):
    batch()
    (tmp_path / "clean" / "a.tif").unlink()
    jobs.clear()
    _, out, _ = batch()
    assert jobs == ["a.tif", "none.tif"]
    assert out.startswith("1 done, 1 there before, 1 failed")
    (study / "none.tif").unlink()
    assert batch()[0] == 0


def test_what_was_made_from_something_else_is_left_and_said(batch, jobs, tmp_path):
    batch()
    before = (tmp_path / "clean" / "a.tif").read_bytes()
    jobs.clear()
    _, out, _ = batch("--set", "denoise.strength=0.5")
    assert "2 left as they are, made from another input, recipe or version: a.tif, b.tif; --overwrite" in out
    assert (tmp_path / "clean" / "a.tif").read_bytes() == before
    batch("--set", "denoise.strength=0.5", "--overwrite")
    assert (tmp_path / "clean" / "a.tif").read_bytes() != before


def test_what_was_interrupted_is_gone_on_with(batch, monkeypatch, tmp_path):
    def interrupt(path, video, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_fluorodenoise.io.tiff.write", interrupt)
    code, _, err = batch()
    assert (code, err) == (130, "fluorodenoise: interrupted; what is finished is kept: the same command goes on\n")
    assert (tmp_path / "clean" / ".a.tif.job").is_dir()
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert batch()[1].startswith("2 done, 0 there before, 1 failed")
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


@pytest.mark.skipif(not hasattr(signal, "raise_signal") or os.name == "nt", reason="Ctrl-C is sent as a signal")
def test_a_watched_folder_is_gone_through_until_it_is_ended(batch, study, tmp_path):
    def arrive():
        late = tmp_path / "clean" / "late.tif"
        first = tmp_path / "clean" / "a.tif"
        while not first.exists():
            pass
        (study / "day" / "b.tif").replace(study / "late.tif")
        while not late.exists() or not rows(tmp_path / "clean").get("runs/late.tif"):
            pass
        os.kill(os.getpid(), signal.SIGINT)

    waiting = threading.Thread(target=arrive)
    waiting.start()
    code, out, _ = batch("--watch", "--every", "0.1")
    waiting.join()
    assert code in (0, 1)
    assert read(tmp_path / "clean" / "late.tif").shape == (6, 64, 64)
    assert "see clean/batch.csv" in out
