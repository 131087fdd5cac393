"""Copies on this machine of files in object storage, for the formats that are read from files."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from napari_fluorodenoise.io.files import FileError, saving
from napari_fluorodenoise.io.folder import SIDECAR
from napari_fluorodenoise.io.remote import Remote, objects, opened, reaching

__all__ = ["fetched"]


def fetched(remote: Remote) -> Path:
    """A copy on this machine of the file at `remote`, fetched unless that content of it is there already.

    It is in the user's cache folder, whole or not at all; copies of earlier contents go. A folder of frames is fetched
    if we wrote it. Raises `FileError`.
    """
    from platformdirs import user_cache_path

    parts = _parts(remote)
    folder = user_cache_path("napari-fluorodenoise") / "fetched" / _sum(remote.url) / _sum(repr(sorted(parts.items())))
    file = folder / remote.name
    if file.exists() and all(tag for _, tag in parts.values()):
        return file
    folder.mkdir(parents=True, exist_ok=True)
    with saving(file) as made:
        for name, (size, _) in parts.items():
            _get(remote.beside(name), made.parent / name, size)
    for older in folder.parent.iterdir():
        if older != folder:
            shutil.rmtree(older, ignore_errors=True)
    return file


def _parts(remote: Remote) -> dict[str, tuple[int | None, str]]:
    """The objects of the sequence at `remote`, as `objects` tells them, by their names beside it."""
    found = objects(remote)
    if not found:
        raise FileError(f"{remote}: expected a sequence, found nothing there; check the name")
    if "" not in found and SIDECAR not in found:
        raise FileError(
            f"{remote}: expected an object or an OME-Zarr image, found a folder; copy it to this machine first"
        )
    if found.get("", (1, ""))[0] == 0:
        raise FileError(f"{remote}: expected a sequence of images, found an empty object; copy or export it again")
    parts = {f"{remote.name}/{key}".rstrip("/"): told for key, told in found.items()}
    if remote.suffix.lower() == ".npy":  # has its facts beside it
        beside = f"{remote.name}.json"
        parts.update({f"{beside}{key}": told for key, told in objects(remote.beside(beside)).items()})
    return parts


def _get(remote: Remote, file: Path, size: int | None) -> None:
    fs, path = opened(remote)
    file.parent.mkdir(exist_ok=True)
    with reaching(remote):
        fs.get_file(path, str(file))
    if size is not None and file.stat().st_size != size:
        raise FileError(f"{remote}: expected {size} bytes, found {file.stat().st_size}; try again")


def _sum(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
