"""Sequences in object storage, at URLs that fsspec knows: `s3://bucket/run.ome.zarr`, gs, https (to read), and others.

What storage says when it fails becomes one line here.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from napari_fluorodenoise.io.files import FileError

if TYPE_CHECKING:
    from zarr.storage import FsspecStore

__all__ = [
    "MARKERS",
    "READ_ONLY",
    "Place",
    "Remote",
    "exists",
    "is_image",
    "objects",
    "opened",
    "place",
    "reaching",
    "store",
]

MARKERS = ("zarr.json", ".zgroup", ".zarray")
"""Objects of which one makes a Zarr group or array of those beside it."""
READ_ONLY = ("http", "https")
CLIENTS = ("aiobotocore", "aiohttp", "azure", "botocore", "gcsfs", "google", "s3fs", "urllib3")
"""The packages whose errors are the storage's, besides the OSErrors."""
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What this machine's disk says, not the storage."""
TAGS = ("ETag", "etag", "LastModified", "Last-Modified", "last_modified", "mtime", "updated", "created")
"""What the various storages call that by which one content of an object is told from another."""

_FRESH = {"use_listings_cache": False}  # other processes write there too


@dataclass(frozen=True)
class Remote:
    """A place in object storage: an object, or all objects whose keys begin with it."""

    url: str

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """The part of the URL behind the last slash."""
        path = urlsplit(self.url).path if self.protocol in READ_ONLY else self.url.partition("://")[2]
        return path.rstrip("/").rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The end of the name from its last dot on."""
        return Path(self.name).suffix

    @property
    def protocol(self) -> str:
        """What the URL begins with: s3, https, ..."""
        return self.url.partition("://")[0]

    def beside(self, name: str) -> Remote:
        """The place of that name in what would be the same folder."""
        key, mark, query = self.url.partition("?" if self.protocol in READ_ONLY else "\0")
        return Remote(f"{key.rstrip('/').rpartition('/')[0]}/{name}{mark}{query}")

    def __truediv__(self, name: str) -> Remote:
        return Remote(f"{self.url.rstrip('/')}/{name}" if name else self.url)


Place = Path | Remote
"""Where a sequence is."""


def place(path: str | os.PathLike[str] | Remote) -> Place:
    """The place that `path` names: a `Remote` where it is a URL, else a path of this machine."""
    if isinstance(path, Remote):
        return path
    if not isinstance(path, str) or not re.match(r"[a-zA-Z][\w+.-]+://", path):
        return Path(path)
    return Path(url2pathname(urlsplit(path).path)) if path.startswith("file://") else Remote(path)


@contextmanager
def reaching(where: Place) -> Iterator[None]:
    """Turn what the storage of `where` says into a `FileError`, which an OSError caused; it does nothing for paths."""
    try:
        yield
    except Exception as error:
        ours = isinstance(error, FileError) or getattr(error, "errno", None) in DISK
        theirs = isinstance(error, OSError) or _client(error) in CLIENTS
        if isinstance(where, Path) or ours or not theirs:
            raise
        cause = error if isinstance(error, OSError) else ConnectionError(str(error))
        raise FileError(f"{where}: {_said(error)}") from cause


def _client(error: BaseException | None) -> str:
    """The package that an error is of."""
    return type(error).__module__.partition(".")[0]


def _said(error: Exception) -> str:
    kind, text = type(error).__name__, " ".join(str(error).split())[:200]
    if isinstance(error, FileNotFoundError):
        return f"expected a sequence or a place for one, found none there ({text}); check bucket and name"
    denied = isinstance(error, PermissionError) or getattr(error, "status", None) in (401, 403)
    if denied or re.search("Credential|Auth|Token|Profile", kind):
        return f"expected access to this storage, found it denied ({text or kind}); check the credentials"
    return f"expected storage that answers, found {text or kind}; check the network, and try again"


def opened(remote: Remote) -> tuple[Any, str]:
    """The file system of `remote`, and what it calls that place."""
    import fsspec

    try:
        fs, path = fsspec.url_to_fs(remote.url.rstrip("/"), **_FRESH)
    except ImportError as error:
        package = getattr(error.__cause__, "name", None) or "the package it names"
        raise FileError(
            f"{remote}: expected a package for {remote.protocol}:// URLs, found none ({error}); pip install {package}"
        ) from error
    except ValueError as error:
        raise FileError(f"{remote}: expected a protocol that fsspec knows, found {remote.protocol}") from error
    return fs, path


def store(remote: Remote, *, read_only: bool = False, whole: bool = False) -> FsspecStore:
    """The objects under `remote` as zarr's store, which can be pickled; it takes none for missing if it is `whole`."""
    from zarr.storage import FsspecStore

    opened(remote)  # explains what is missing
    lacking = {"allowed_exceptions": ()} if whole else {}
    return FsspecStore.from_url(remote.url.rstrip("/"), storage_options=_FRESH, read_only=read_only, **lacking)


def exists(remote: Remote) -> bool:
    """Whether there is an object at `remote`, or one under it."""
    fs, path = opened(remote)
    with reaching(remote):
        return _info(fs, path) is not None


def is_image(remote: Remote) -> bool:
    """Whether the objects under `remote` are a Zarr group or array."""
    fs, path = opened(remote)
    with reaching(remote):
        return any(_info(fs, f"{path}/{marker}") is not None for marker in MARKERS)


def objects(remote: Remote) -> dict[str, tuple[int | None, str]]:
    """Of the object at `remote`, or else of all under it: bytes, and what changes with content, by the rest of its key.

    One listing. A web server cannot list: it tells of single objects only.
    """
    fs, path = opened(remote)
    with reaching(remote):
        info = _info(fs, path)
        if info is None:
            return {}
        found = {path: info} if info["type"] == "file" else fs.find(path, detail=True)
    return {
        key.removeprefix(path).strip("/"): (info.get("size"), _tag(info))
        for key, info in sorted(found.items())
        if not key.endswith("/")
    }


def _info(fs: Any, path: str) -> Mapping[str, Any] | None:
    """What storage says of `path`, None where there is nothing; raises FileNotFoundError where the bucket is not."""
    try:
        info: Mapping[str, Any] = fs.info(path)
    except FileNotFoundError as error:
        answer = error.__cause__
        if answer is not None and _client(answer) == "aiohttp" and getattr(answer, "status", None) != 404:
            raise answer from error  # fsspec says so of whatever a web server answers, and of none
        if "bucket does not exist" in str(error):
            raise
        return None
    return info


def _tag(info: Mapping[str, Any]) -> str:
    return next((str(info[name]) for name in TAGS if info.get(name)), "")
