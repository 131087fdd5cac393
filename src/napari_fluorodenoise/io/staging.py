"""Outputs in object storage that appear whole or not at all.

Storage has no folders and no renaming, only keys and copies. What is to appear at once is put under other keys first,
and then copied by the storage itself, the object that makes an image of the others last.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from napari_fluorodenoise.io.files import FileError, saving
from napari_fluorodenoise.io.remote import MARKERS, READ_ONLY, Place, Remote, objects, opened, reaching

__all__ = ["put", "remove", "replace", "staged", "vacant", "writing"]

LAST = (*MARKERS, "fluorodenoise.json")
"""Objects of which one makes a sequence of those beside it; a single object is a sequence itself."""


def staged(target: Remote) -> Remote:
    """Beside `target`, where a job puts it together."""
    return target.beside(f".{target.name}.job")


@contextmanager
def writing(target: Remote, *, direct: bool) -> Iterator[Place]:
    """A place to write to, for what is moved to `target` once the block ends well: in storage if `direct`, or here.

    Where the block raises, an earlier output stays as it was and nothing else is left.
    """
    aside, around = target.beside(f".{target.name}.{uuid4().hex[:8]}.part"), str(target.beside(""))
    with tempfile.TemporaryDirectory(prefix="fluorodenoise-") as folder:
        try:
            if direct:
                yield aside / target.name
            else:
                with saving(Path(folder) / target.name) as part:
                    yield part
                put(Path(folder), aside)
        except BaseException as error:
            with suppress(FileError):
                remove(aside)
            if isinstance(error, FileError):  # says the name that was asked for
                said = str(error).replace(f"{aside}/", around).replace(f"{folder}/", around)
                raise FileError(said) from error
            raise
    replace(aside, target)  # what is aside stays where this fails: it may be the only copy by then
    remove(aside)


def vacant(remote: Remote, *, overwrite: bool, folder: bool) -> None:
    """Raise `FileError` unless an output, a `folder` or a file, may be put at `remote`; a key beside it is tried.

    What a job had begun to replace when it was interrupted counts as an earlier output.
    """
    if remote.protocol in READ_ONLY:
        raise FileError(f"{remote}: expected storage that can be written, found {remote.protocol}; name another")
    if set(remote.url) & set("*?["):  # fsspec would remove what they stand for
        raise FileError(f"{remote}: expected a URL without *, ? and [, found one; name another")
    fs, _ = opened(remote)
    _, tried = opened(remote.beside(f".{remote.name}.tried"))
    with reaching(remote):
        fs.pipe_file(tried, b"")
        fs.rm_file(tried)
    found = objects(remote)
    if not found:
        return
    if not overwrite:
        raise FileError(f"{remote}: expected a new name, found an existing output; ask for overwrite or name another")
    if folder == ("" in found):
        raise FileError(f"{remote}: expected {'OME-Zarr' if folder else 'a file'} to overwrite, found the other kind")
    aside = {name.rsplit("/", 1)[-1] for name in objects(staged(remote))}
    if folder and not {*found, *aside} & set(LAST):
        raise FileError(f"{remote}: expected an earlier output to overwrite, found other objects; name another")


def put(folder: Path, aside: Remote) -> None:
    """Upload all that is in `folder` to under `aside`."""
    fs, _ = opened(aside)
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        with reaching(aside):
            fs.put_file(str(file), opened(aside / file.relative_to(folder).as_posix())[1])


def replace(aside: Remote, target: Remote) -> None:
    """Copy all that is under `aside` to beside `target`, in place of what is there under its name.

    The storage makes the copies. Of what was there the object that makes an image of it goes first, then all others,
    before the first copy; that of the new image comes last: no reader is shown an image of old and new objects. It can
    be repeated, wherever it was interrupted, until what is under `aside` is removed. Raises `FileError` where nothing
    is there.
    """
    fs, start = opened(aside)
    made = objects(aside)
    last = next((name for name in _last(target.name) if name in made), None)
    if last is None:
        raise FileError(f"{target}: expected its objects under {aside}, found none; begin again with overwrite")
    if len(made) > 1:  # one object is replaced at once
        remove(target)
    others = [name for name in made if name != last]
    with reaching(target):
        for names in (others, [last]):
            if names:
                fs.copy([f"{start}/{name}" for name in names], [opened(target.beside(name))[1] for name in names])


def remove(remote: Remote) -> None:
    """Remove the object at `remote`, or else all under it, and first the one that makes an image of them."""
    fs, path = opened(remote)
    found = objects(remote)
    first = [name for name in ("", *LAST) if name in found]
    with reaching(remote):
        for names in (first, [name for name in found if name not in first]):
            if names:
                fs.rm([f"{path}/{name}".rstrip("/") for name in names])
    if found and objects(remote):  # S3 refuses single ones without an error
        raise FileError(f"{remote}: expected to remove what is there, found some still there; check the credentials")


def _last(name: str) -> tuple[str, ...]:
    return (*(f"{name}/{marker}" for marker in LAST), name)
