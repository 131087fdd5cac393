"""Arrays in files: gone with who holds them, kept in a piece of work, and a full disk is explained."""

import errno
import gc
from threading import Thread

import numpy as np
import pytest

from napari_fluorodenoise.engine import pieces
from napari_fluorodenoise.engine.scratch import Scratch, within


def test_keeps_arrays_and_takes_its_folder_away_with_it():
    scratch = Scratch("some")
    scratch[3] = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(scratch[3], np.arange(6).reshape(2, 3))
    folder = scratch._folder
    assert folder.exists()
    del scratch
    gc.collect()
    assert not folder.exists()


def test_a_folder_holds_for_what_is_kept_meanwhile_on_this_thread(tmp_path):
    kept = {"before": Scratch("some")}
    with within(tmp_path):
        kept["inside"] = Scratch("some")
        thread = Thread(target=lambda: kept.update(elsewhere=Scratch("some")))
        thread.start()
        thread.join()
        with within(None):
            kept["own again"] = Scratch("some")
    kept["after"] = Scratch("some")
    assert [name for name, scratch in kept.items() if scratch._folder.parent == tmp_path] == ["inside"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with within(tmp_path / "gone"), pytest.raises(OSError, match="gone"):
        Scratch("some")


@pytest.mark.parametrize(("kept", "advice"), [(False, "or set TMPDIR"), (True, "and go on with --resume")])
def test_a_full_disk_is_explained_in_one_line(tmp_path, monkeypatch, kept, advice):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pieces.kept_in(tmp_path if kept else None):
        scratch = Scratch("some")
    monkeypatch.setattr(np, "save", full)
    said = f"expected room for intermediate results, found No space left on device; free some, {advice}"
    with pytest.raises(OSError, match=said) as refused:
        scratch[0] = np.zeros(3)
    assert refused.value.errno == errno.ENOSPC
    assert "\n" not in str(refused.value)
