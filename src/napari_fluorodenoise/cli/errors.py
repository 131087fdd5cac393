"""Errors that name the file they are about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_fluorodenoise.io import Place

__all__ = ["naming"]


@contextmanager
def naming(source: Place) -> Iterator[None]:
    """Says that `source` is meant in a ValueError that names no file."""
    from napari_fluorodenoise.io import FileError

    try:
        yield
    except FileError:
        raise
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
