"""Trained models on disk, and what they say of themselves. No Qt, and no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_fluorodenoise.denoisers.model import header

__all__ = ["SUFFIX", "models_in", "told"]

SUFFIX = ".safetensors"


def models_in(folder: Path) -> list[Path]:
    """The model files in `folder`, the latest first; none where there is no such folder."""
    dated = [(when, path) for path in folder.glob(f"*{SUFFIX}") if (when := _modified(path)) is not None]
    return [path for _, path in sorted(dated, reverse=True)]


def told(path: Path) -> dict[str, str]:
    """What the model at `path` says of itself: how and on what it was trained, how long, and how well.

    Raises ValueError, in one line, for what is no model of this version.
    """
    found = header(path)
    training: Mapping[str, Any] = found.get("training", {})
    losses = training.get("losses", [])
    least = min((held_out for _, _, held_out in losses), default=None)
    files = training.get("files", [])
    return {
        "model": path.stem,
        "scheme": f"{found['scheme']}, {found['network']}",
        "trained on": ", ".join(files) if files else "unknown",
        "steps": str(training.get("step", "unknown")),
        "held-out loss": "unknown" if least is None else f"{least:.4g}",
    }


def _modified(path: Path) -> float | None:
    """When the file was written, in s; None where it is gone meanwhile."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None
