"""The sequences that paths and patterns name, and where the result of each goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_fluorodenoise.io import FORMATS

__all__ = ["found", "outputs"]

WILD = "*?["
DOUBLE = (".ome.zarr", ".ome.tif", ".ome.tiff")
KEPT = {"dicom": ".dcm", "tiff": ".tif", "array": ".npy"}
"""The suffix of a result by the format of its sequence; of all others it is `ELSE`: they are lossy, or folders."""
ELSE = ".ome.zarr"


def found(patterns: Sequence[str], *, beside: Path) -> dict[Path, Path]:
    """The sequences that `patterns` name, in order, each with its path below the folder where its pattern is wild.

    What is hidden, or lies in the folder `beside`, is no sequence. A path without wildcards is taken as it is, whether
    something is there or not.
    """
    sources: dict[Path, Path] = {}
    for pattern in patterns:
        root, rest = _split(Path(pattern))
        for path in sorted(root.glob(rest)) if rest else [root]:
            below = path.relative_to(root) if rest else Path(path.name)
            hidden = any(part.startswith(".") for part in below.parts)
            if not hidden and not path.resolve().is_relative_to(beside.resolve()):
                sources.setdefault(path, below)
    return sources


def outputs(sources: Mapping[Path, Path], *, folder: Path, suffix: str | None = None) -> dict[Path, Path]:
    """Where in `folder` the result of each of `sources` goes: under its own name, by default in its own format.

    Raises ValueError where two would go to the same place, and for a suffix that nobody writes.
    """
    if suffix is not None and Path(f"x{suffix}").suffix.lower() not in FORMATS:
        raise ValueError(f"expected a suffix that is written ({', '.join(filter(None, FORMATS))}), found {suffix!r}")
    places = {
        source: folder / below.with_name(_stem(below) + (suffix or _suffix(source)))
        for source, below in sources.items()
    }
    first: dict[Path, Path] = {}
    for source, place in places.items():
        if place in first:
            raise ValueError(
                f"expected sequences of different names, found {first[place]} and {source}, both for {place}; "
                "take them apart, or give a pattern that begins above both"
            )
        first[place] = source
    return places


def _split(pattern: Path) -> tuple[Path, str]:
    """The folder up to the first wildcard of `pattern`, and the rest, empty where there is none."""
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


def _suffix(source: Path) -> str:
    kind = FORMATS.get(source.suffix.lower(), "dicom")
    return KEPT.get("dicom" if kind == "folder" and source.is_file() else kind, ELSE)
