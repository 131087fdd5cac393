"""Outputs appear whole or not at all, and messages name what the user named."""

import shutil

import pytest

from napari_fluorodenoise.io.files import FileError, explained, saving, vacant


def test_all_that_is_written_appears_at_the_end(tmp_path):
    with saving(tmp_path / "run") as part:
        part.write_text("pixels")
        part.with_name("run.json").write_text("facts")
        assert [path.name.startswith(".run.") for path in tmp_path.iterdir()] == [True]
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"run": "pixels", "run.json": "facts"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, FileError])
def test_a_failure_leaves_what_was_there(tmp_path, error):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "old").write_text("old")
    with pytest.raises(error), saving(tmp_path / "run") as part:
        part.mkdir()
        (part / "new").write_text("new")
        raise error
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["run", "run/old"]


def test_a_thread_that_still_writes_when_it_fails_leaves_nothing(tmp_path, monkeypatch):
    remove, late = shutil.rmtree, iter("late chunks")

    def brought_back(folder, **options):
        remove(folder, **options)
        if next(late, None):
            (folder / "chunk").mkdir(parents=True)

    monkeypatch.setattr(shutil, "rmtree", brought_back)
    with pytest.raises(RuntimeError), saving(tmp_path / "run"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_replaced_whole(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "old").write_text("old")
    with saving(tmp_path / "run") as part:
        part.mkdir()
        (part / "new").write_text("new")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_several_folders_are_replaced_at_a_time(tmp_path):
    for name in ("run", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "old").write_text("old")
    with saving(tmp_path / "run") as part:
        for name in ("run", "other"):
            part.with_name(name).mkdir()
            (part.with_name(name) / "new").write_text("new")
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*")} == {"run/new", "other/new"}


def test_messages_name_the_output_that_was_asked_for(tmp_path):
    with pytest.raises(FileError) as raised, saving(tmp_path / "run.dcm") as part:
        raise FileError(f"{part}: expected less")
    assert str(raised.value) == f"{tmp_path / 'run.dcm'}: expected less"


def test_an_unwritable_folder_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be written"), saving(tmp_path / "file" / "run.tif"):
        pass


def test_a_folder_that_may_not_be_written_is_refused_beforehand(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(FileError, match=r"run\.tif: expected a folder that may be written"):
        vacant(tmp_path / "run.tif", overwrite=False, folder=False)


def test_a_full_disk_is_named_where_a_library_only_counts(tmp_path):
    with pytest.raises(FileError, match=r"the disk may be full: 9 requested and 3 written"), saving(tmp_path / "run"):
        raise OSError("9 requested and 3 written")


def test_a_library_s_error_becomes_one_line(tmp_path):
    with (
        pytest.raises(FileError, match=r"run: expected an image, found .*two lines") as raised,
        explained(tmp_path / "run", "an image"),
    ):
        raise RuntimeError("two\n  lines")
    assert isinstance(raised.value.__cause__, RuntimeError)
