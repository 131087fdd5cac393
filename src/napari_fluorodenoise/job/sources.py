"""The sequences that paths, patterns and URLs name, and where the result of each goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from napari_fluorodenoise.io import FORMATS, Place, Remote, place
from napari_fluorodenoise.io.remote import READ_ONLY

__all__ = ["found", "outputs", "twice"]

WILD = "*?["
DOUBLE = (".ome.zarr", ".ome.tif", ".ome.tiff")
KEPT = {"dicom": ".dcm", "tiff": ".tif", "array": ".npy"}
"""The suffix of a result by the format of its sequence; of all others it is `ELSE`: they are lossy, or folders."""
ELSE = ".ome.zarr"


def found(patterns: Sequence[str], *, beside: Path) -> dict[Place, Path]:
    """The sequences that `patterns` name, in order, each with its path below the folder where its pattern is wild.

    What is hidden, or lies in the folder `beside`, is no sequence. A path without wildcards is taken as it is, whether
    something is there or not, and so are one with wildcards where something is there and a URL. Raises ValueError where
    all patterns begin in `beside`, and for a URL with wildcards.
    """
    places = [place(pattern) for pattern in patterns]
    if places and all(isinstance(named, Path) and _within(_split(named)[0], beside) for named in places):
        raise ValueError(
            f"expected sequences outside of the folder of the results, {beside}, where all is taken for a result, "
            f"found {' '.join(patterns)}; name another folder"
        )
    sources: dict[Place, Path] = {}
    for named in places:
        for path, below in [_at(named)] if isinstance(named, Remote) else _matching(named, beside):
            sources.setdefault(path, below)
    return sources


def outputs(sources: Mapping[Place, Path], *, folder: Path, suffix: str | None = None) -> dict[Place, Path]:
    """Where in `folder` the result of each of `sources` goes: under its own name, by default in its own format.

    Raises ValueError for a suffix that nobody writes.
    """
    if suffix is not None and Path(f"x{suffix}").suffix.lower() not in FORMATS:
        raise ValueError(f"expected a suffix that is written ({', '.join(filter(None, FORMATS))}), found {suffix!r}")
    return {
        source: folder / below.with_name(_stem(below) + (suffix or _suffix(source)))
        for source, below in sources.items()
    }


def twice(places: Mapping[Place, Path], *, taken: Mapping[Path, Place] = MappingProxyType({})) -> dict[Place, str]:
    """What is wrong with each sequence of `places`, from sequence to output, whose output is of another one before it.

    `taken`, from output to sequence, are before all of them.
    """
    first, wrong = dict(taken), dict[Place, str]()
    for source, output in places.items():
        if first.setdefault(output, source) != source:
            wrong[source] = (
                f"expected sequences of different names, found {first[output]} and {source}, both for {output}; "
                "take them apart, or give a pattern that begins above both"
            )
    return wrong


def _at(url: Remote) -> tuple[Remote, Path]:
    """A URL and its name; a web server's may have what looks like a wildcard before its query."""
    if set(url.url) & set("*" if url.protocol in READ_ONLY else WILD):
        raise ValueError(f"expected the URL of one sequence, found wildcards in {url}; give a URL for each sequence")
    return url, Path(url.name)


def _matching(pattern: Path, beside: Path) -> list[tuple[Path, Path]]:
    """The paths that match, each with the part of it below the first wildcard; no hidden ones, and none in `beside`."""
    root, rest = _split(pattern)
    pairs = [(path, path.relative_to(root)) for path in sorted(root.glob(rest))] if rest else [(root, Path(root.name))]
    return [
        (path, below)
        for path, below in pairs
        if not any(part.startswith(".") for part in below.parts) and not _within(path, beside)
    ]


def _within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _split(pattern: Path) -> tuple[Path, str]:
    """The folder up to the first wildcard of `pattern`, and the rest, empty where there is none or it is a name."""
    if not pattern.exists():
        for index, part in enumerate(pattern.parts):
            if any(sign in part for sign in WILD):
                return Path(*pattern.parts[:index]), str(Path(*pattern.parts[index:]))
    return pattern, ""


def _stem(path: Path) -> str:
    name = path.name
    for double in DOUBLE:
        if name.lower().endswith(double):
            return name[: -len(double)]
    return path.stem if path.suffix.lower() in FORMATS else name


def _suffix(source: Place) -> str:
    kind = FORMATS.get(source.suffix.lower(), "dicom")
    return KEPT.get("dicom" if kind == "folder" and isinstance(source, Path) and source.is_file() else kind, ELSE)
