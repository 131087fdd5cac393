"""How the window feels while work goes on: prints the tables in docs/benchmarks.md.

    xvfb-run -s "-screen 0 1600x1000x24" python benchmarks/viewer.py [--frames 96] [--size 512]

A real napari window with the dock `Fluoroscopy denoise` and a simulated sequence; somebody moves the time slider all
the while. Late: by how much a timer of 50 ms in the event loop comes too late at the worst, without a run and during
each; the rival is the same window without a run. Adding the results to the viewer counts. Cancel: seconds from the
click until nothing is at work any more, the worst of three moments of a run. Preview: seconds from the click to the
layer. Told: what the dock said that the run would take.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import napari
import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

import napari_fluorodenoise as fd
from machine import described
from napari_fluorodenoise.widgets.docks.recipe import RecipeWidget
from napari_fluorodenoise.widgets.layers import opened

TICK = 50
"""Milliseconds between two ticks of the timer."""
MOMENTS = (0.2, 0.5, 0.8)
"""When a run is cancelled, in its own time."""
IDLE = 20
"""Seconds that the window is watched without a run."""
RUNS = {
    "fast": (),
    "sdd": (),
    "scintillator": ("denoise.training_steps=60",),
    "best": ("denoise.training_steps=40", "denoise.turns=1"),
}
"""The recipes, trainings shortened."""


class Timer:
    """Ticks in the event loop, and notes how late it comes; every other tick moves the time slider."""

    notes = False

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer, self._last, self._odd, self.late = viewer, time.perf_counter(), False, list[float]()
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.start(TICK)

    def begin(self) -> None:
        """Forget what was noted."""
        self._last, self.late, self.notes = time.perf_counter(), [], True

    def end(self) -> None:
        """Note no more."""
        self.notes = False

    def _tick(self) -> None:
        now = time.perf_counter()
        if self.notes:
            self.late.append(1e3 * (now - self._last) - TICK)
        self._last, self._odd = now, not self._odd
        if self._odd:
            step = self._viewer.dims.current_step
            self._viewer.dims.set_current_step(0, (step[0] + 1) % self._viewer.dims.nsteps[0])

    def told(self) -> tuple[float, float]:
        """Milliseconds too late, at the worst and in 1 of 100."""
        return max(self.late), float(np.percentile(self.late, 99))


@dataclass
class Bench:
    """The window, its dock and the timer."""

    viewer: napari.Viewer
    dock: RecipeWidget
    timer: Timer
    folder: Path

    @classmethod
    def of(cls, frames: int, size: int, folder: Path) -> Bench:
        """A bench with a sequence of so many frames of `size`², and a folder for recipes."""
        viewer = napari.Viewer()
        viewer.window.resize(1400, 900)
        video = fd.phantom(frames=frames, shape=(size, size), photons=60, pan=1.0, rng=0).noisy
        viewer.add_layer(Layer.create(*opened(video, name="phantom")))
        dock = RecipeWidget(viewer)
        viewer.window.add_dock_widget(dock, name="Fluoroscopy denoise")
        return cls(viewer, dock, Timer(viewer), folder)

    def choose(self, recipe: str, settings: tuple[str, ...]) -> float:
        """Seconds that the dock says the recipe will take, once it is chosen."""
        file = self.folder / f"{recipe} for the window.json"
        file.write_text(fd.Recipe.named(recipe).set(*settings).to_json(), encoding="utf-8")
        self.dock.open(file)
        rest(0.5)
        wait(lambda: self.dock.facts.known is not None)
        return self.dock.facts.known.effort.seconds

    def run(self) -> float:
        """Seconds of a run until its layers are added; they are taken away again."""
        self.timer.begin()
        began = time.perf_counter()
        self.dock.work.run.click()
        wait(lambda: not self.dock.work.busy)
        seconds = time.perf_counter() - began
        self.timer.end()
        self.dock.work.undo.click()
        return seconds

    def cancelled(self, seconds: float) -> float:
        """Seconds from Cancel, pressed some `seconds` after Run, until all is over."""
        self.dock.work.run.click()
        rest(seconds)
        began = time.perf_counter()
        self.dock.work.cancel.click()
        wait(lambda: not self.dock.work.busy)
        spent = time.perf_counter() - began
        self.dock.work.undo.click()
        return spent

    def previewed(self) -> float:
        """Seconds from Preview to its layer."""
        shown = list[str]()
        self.dock.preview.shown.connect(shown.append)
        began = time.perf_counter()
        self.dock.preview.click()
        wait(lambda: bool(shown))
        return time.perf_counter() - began


def wait(until: Callable[[], bool]) -> None:
    """Let the window work."""
    while not until():
        QApplication.processEvents()
        time.sleep(0.001)


def rest(seconds: float) -> None:
    end = time.perf_counter() + seconds
    wait(lambda: time.perf_counter() >= end)


def measure(bench: Bench, options: argparse.Namespace) -> None:
    print(f"{described()}, napari {napari.__version__}; {options.frames} frames of {options.size}², uint16\n")
    wait(lambda: bench.dock.facts.known is not None)
    print(f"first preview {bench.previewed():.2f} s, another {bench.previewed():.2f} s\n")
    bench.timer.begin()
    rest(IDLE)
    idle, _ = bench.timer.told()
    print("| during | late, ms: worst | above idle | 1 in 100 | run, s | told, s | cancel, s: worst |")
    print(f"|---|---|---|---|---|---|---|\n| no run | {idle:.0f} | | {bench.timer.told()[1]:.0f} | | | |", flush=True)
    for recipe, settings in RUNS.items():
        told = bench.choose(recipe, settings)
        seconds = bench.run()
        worst, rare = bench.timer.told()
        cancel = max(bench.cancelled(moment * seconds) for moment in MOMENTS)
        name = " ".join((recipe, *settings))
        row = f"{worst:.0f} | {worst - idle:+.0f} | {rare:.0f} | {seconds:.1f} | {told:.1f} | {cancel:.2f}"
        print(f"| {name} | {row} |", flush=True)
    bench.viewer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--size", type=int, default=512)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Bench.of(options.frames, options.size, Path(folder)), options)


if __name__ == "__main__":
    main()
