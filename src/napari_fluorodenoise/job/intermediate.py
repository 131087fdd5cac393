"""What every stage of a run added, in a folder: sequences and pictures as OME-Zarr, tables as CSV."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from napari_fluorodenoise.engine.progress import Progress
from napari_fluorodenoise.io import write
from napari_fluorodenoise.io.files import FileError, vacant
from napari_fluorodenoise.io.table import write_table
from napari_fluorodenoise.video import Image, Item, Run, Table, Video

__all__ = ["check", "move", "save"]


def check(folder: Path, *, overwrite: bool) -> None:
    """Raise `FileError` unless what the stages add may be written into `folder`."""
    if not folder.is_dir():
        vacant(folder, overwrite=False, folder=True)
    elif any(folder.iterdir()) and not overwrite:
        raise FileError(f"{folder}: expected a new or empty folder for the stages, found it in use; give --overwrite")


def save(run: Run, folder: Path, *, start: Callable[[str], Progress]) -> None:
    """Write all that the stages added to `run` into `folder`: sequences and pictures as OME-Zarr, tables as CSV."""
    for name, item in run.items():
        if name != "frames":
            _save_item(item, folder / name, progress=start(f"writing {name}"))


def move(made: Path, folder: Path) -> None:
    """Move what is in `made` into `folder`, in place of what has those names there.

    It can be repeated, wherever it was interrupted, until nothing is left in `made`.
    """
    folder.mkdir(exist_ok=True)
    same = made.stat().st_dev == folder.stat().st_dev
    for item in sorted(made.iterdir()):
        final, near = folder / item.name, item
        if not same:  # nothing is shown there before all of it has come from the other disk
            near = folder / f".{item.name}.part"
            _removed(near)
            shutil.copytree(item, near) if item.is_dir() else shutil.copy2(item, near)
        if final.is_dir():
            _removed(final)
        near.replace(final)
        _removed(item)


def _removed(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _save_item(item: Item, path: Path, *, progress: Progress) -> None:
    if isinstance(item, Table):
        write_table(path.with_suffix(".csv"), item)
        return
    if isinstance(item, Image):
        item = Video(data=item.data[None], pixel_size=item.pixel_size, origin=item.origin)
    write(path.with_suffix(".ome.zarr"), item, overwrite=True, progress=progress)
