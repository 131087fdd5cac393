"""The progress bar of long commands: on stderr, with the time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from napari_fluorodenoise.engine.progress import Progress, Training

__all__ = ["bars"]


@contextmanager
def bars() -> Iterator[Callable[[str], Progress]]:
    """A function from a title to the progress call of a new bar; nothing is drawn where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Display

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[message]}"),
    )
    with Display(*columns, console=console, disable=not console.is_terminal) as display:

        def start(title: str) -> Progress:
            task = display.add_task(title, total=1.0, message="")

            def progress(fraction: float, message: str, training: Training | None = None) -> None:
                display.update(task, completed=fraction, message=message)

            return progress

        yield start
