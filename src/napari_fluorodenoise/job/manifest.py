"""What a job began with: what it was given, and by what it was made, so that nothing else is finished in its name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from napari_fluorodenoise.io.remote import MARKERS, READ_ONLY, Place, Remote, is_image, objects
from napari_fluorodenoise.primitives.declaration import A_FILE

if TYPE_CHECKING:
    from napari_fluorodenoise.recipe import Recipe

__all__ = ["PACKAGE", "changes", "of_file", "of_recipe", "of_sequence", "versions"]

PACKAGE = "napari-fluorodenoise"
MAKERS = (PACKAGE, "numpy", "scipy", "scikit-image", "opencv-python-headless", "torch", "dask", "zarr")
"""The packages that pixels depend on, to the last bit."""
ENDS = 1 << 20
"""Bytes at either end of a file that are looked at; size and time of change tell the rest."""
HIDDEN = (".zarray", ".zattrs", ".zgroup", ".zmetadata")
"""Hidden files that are part of a sequence: what Zarr 2 says of its arrays."""


def versions() -> dict[str, str]:
    """The versions of the packages that pixels depend on, by name."""
    return {name: _version(name) for name in MAKERS}


def of_sequence(path: Place, *, but: Place | None = None) -> dict[str, Any]:
    """What tells the sequence at `path`, a file, a folder or in object storage, from another one: fit for JSON.

    In a folder hidden files are not looked at, nor the output at `but` and what goes beside it.
    """
    if isinstance(path, Remote):
        return _of_objects(path)
    told = [(str(file.relative_to(path)), *_size_and_time(file)) for file in _files(path, but=but)]
    ends = _ends(path) if path.is_file() else _sum(json.dumps(told).encode())
    newest = max((changed for *_, changed in told), default=0)
    return {"path": str(path.resolve()), "bytes": sum(size for _, size, _ in told), "changed": newest, "content": ends}


def _files(path: Path, *, but: Place | None) -> list[Path]:
    """The files of the sequence at `path`, in order."""
    if path.is_file():
        return [path]
    output = but.absolute() if isinstance(but, Path) else None

    def belongs(file: Path) -> bool:
        names = file.relative_to(path).parts
        if any(name.startswith(".") and name not in HIDDEN for name in names):
            return False
        own = file.absolute()
        return output is None or not (output in own.parents or _is_beside(own, output))

    return sorted(file for file in path.rglob("*") if belongs(file) and file.is_file())


def _is_beside(file: Path, output: Path) -> bool:
    return file.parent == output.parent and (file.name == output.name or file.name.startswith(f"{output.name}."))


def _size_and_time(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns


def _of_objects(remote: Remote) -> dict[str, Any]:
    """What storage tells of the objects at and under `remote`; a web server, which lists none, of an image's head."""
    unlisted = remote.protocol in READ_ONLY and is_image(remote)
    places = [remote / marker for marker in MARKERS] if unlisted else [remote]
    told = [found for where in places for found in objects(where).items()]
    size = sum(size or 0 for _, (size, _) in told)
    return {"path": str(remote), "bytes": size, "content": _sum(json.dumps(told).encode())}


def of_file(path: Path) -> str:
    """A checksum of all of the file at `path`."""
    return _sum(path.read_bytes())


def of_recipe(recipe: Recipe) -> dict[str, Any]:
    """The recipe as JSON data, and checksums of the files that its settings name."""
    named = [
        getattr(stage, field.name)
        for stage in recipe.stages
        for field in fields(cast(Any, stage))
        if _is_file(field.type)
    ]
    there = (str(path) for path in named if path is not None and Path(path).is_file())
    files = {path: {"path": path, "content": of_file(Path(path))} for path in there}
    return {"recipe": json.loads(recipe.to_json()), "files": files}


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two manifests, as "seed is 2 and was 1", of files in words; empty where nothing does."""
    then, later = dict(_leaves(before)), dict(_leaves(now))
    return [
        _said(name, then.get(name), later.get(name))
        for name in dict.fromkeys((*then, *later))
        if then.get(name) != later.get(name)
    ]


def _said(name: str, was: Any, found: Any) -> str:
    """How one value of a manifest changed."""
    if not (isinstance(was, Mapping) and isinstance(found, Mapping) and was["path"] == found["path"]):
        return f"{name} is {_shown(found)} and was {_shown(was)}"
    if was.get("bytes") != found.get("bytes"):
        return f"{found['path']} changed: it has {found['bytes']} bytes and had {was['bytes']}"
    times = [datetime.fromtimestamp(told.get("changed", 0) / 1e9) for told in (found, was)]
    if times[0] != times[1]:
        return f"{found['path']} changed: it was written at {times[0]} and had been at {times[1]}"
    return f"{found['path']} changed: its content is another"


def _shown(value: Any) -> str:
    if value is None:
        return "not there"
    return str(value["path"] if isinstance(value, Mapping) else value)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _ends(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(ENDS)
        file.seek(max(path.stat().st_size - ENDS, 0))
        return _sum(head + file.read(ENDS))


def _sum(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _is_file(declared: Any) -> bool:
    return "A_FILE" in declared if isinstance(declared, str) else A_FILE in getattr(declared, "__metadata__", ())


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The values in nested JSON data, as JSON, by the path that leads to them; what tells a file is one value."""
    if isinstance(value, Mapping) and "content" in value:
        yield name, value
        return
    if isinstance(value, Mapping):
        inner: Iterator[tuple[str, Any]] = ((".".join(filter(None, (name, key))), item) for key, item in value.items())
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        inner = ((f"{name}[{index}]", item) for index, item in enumerate(value))
    else:
        yield name, json.dumps(value)
        return
    for path, item in inner:
        yield from _leaves(item, path)
