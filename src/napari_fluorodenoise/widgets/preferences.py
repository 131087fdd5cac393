"""What the user set in napari's Preferences for this plugin: the `configurations` of its manifest, checked. No Qt."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from napari.settings import get_plugin_settings
from napari.utils.notifications import show_warning

__all__ = ["NAME", "Device", "Preferences", "preferences"]

NAME = "napari-fluorodenoise"

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """Where and how to work, unless a widget says otherwise."""

    device: Device
    """Where networks run; auto is CUDA where there is one."""
    recipe: str
    """The recipe that a new window begins with: one of `Recipe.names()`."""
    cache_folder: Path | None
    """The folder for intermediate results too large for the memory; None is the system's own, which TMPDIR names."""
    models_folder: Path
    """Where trained models are kept and looked for; it need not exist yet."""


def preferences() -> Preferences:
    """What is set now; a folder that cannot be used is named in a warning, and its default holds."""
    settings = get_plugin_settings(NAME)
    return Preferences(
        device=settings.denoising.device,
        recipe=settings.denoising.recipe,
        cache_folder=_folder(settings.folders.cache, named="cache folder"),
        models_folder=_folder(settings.folders.models, named="models folder") or _own_folder(),
    )


def _folder(text: str, *, named: str) -> Path | None:
    """The folder that `text` names; None, and a warning, where there is none that may be written; None for no text."""
    if not text.strip():
        return None
    folder = Path(text.strip()).expanduser()
    if folder.is_dir() and os.access(folder, os.W_OK):
        return folder
    _complain(
        f"expected a folder that may be written as {named} in Preferences, found {text!r}; make it, or name another"
    )
    return None


@cache
def _complain(text: str) -> None:
    """Warn of the same thing once, not with every piece of work."""
    show_warning(text)


def _own_folder() -> Path:
    from platformdirs import user_data_path

    return user_data_path(NAME) / "models"
