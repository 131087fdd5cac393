"""What every stage of a run added, in a folder: sequences and pictures as OME-Zarr, tables as CSV."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_fluorodenoise.engine.progress import Progress
from napari_fluorodenoise.io import write
from napari_fluorodenoise.io.files import FileError, saving, vacant
from napari_fluorodenoise.io.table import write_table
from napari_fluorodenoise.video import Image, Item, Run, Table, Video

__all__ = ["check", "save"]


def check(folder: Path, *, overwrite: bool) -> None:
    """Raise `FileError` unless what the stages add may be written into `folder`."""
    if not folder.is_dir():
        vacant(folder, overwrite=False, folder=True)
    elif any(folder.iterdir()) and not overwrite:
        raise FileError(f"{folder}: expected a new or empty folder for the stages, found it in use; give --overwrite")


def save(run: Run, folder: Path, *, start: Callable[[str], Progress]) -> None:
    """Write all that the stages added to `run`: sequences and pictures as OME-Zarr, tables as CSV; all or nothing."""
    new = not folder.exists()
    folder.mkdir(exist_ok=True)
    try:
        with saving(folder / "stages") as part:
            for name, item in run.items():
                if name != "frames":
                    _save_item(item, part.with_name(name), progress=start(f"writing {name}"))
    except BaseException:
        if new:
            folder.rmdir()
        raise


def _save_item(item: Item, path: Path, *, progress: Progress) -> None:
    if isinstance(item, Table):
        write_table(path.with_suffix(".csv"), item)
        return
    if isinstance(item, Image):
        item = Video(data=item.data[None], pixel_size=item.pixel_size, origin=item.origin)
    write(path.with_suffix(".ome.zarr"), item, overwrite=True, progress=progress)
